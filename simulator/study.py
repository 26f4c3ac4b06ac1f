"""Whole evaluations: a suite of simulated homes or recorded traces → the object of DESIGN section 10.

Takes the name of a suite with a seed, or trace folders; cuts a suite into jobs of homes that share one
clock, runs them on all cores, keeps each finished job on disk so that an interrupted run goes on where it
stopped, scores by event and adds the worst cases with their frames. What is kept belongs to exactly this
code, these parameters and these options; anything else starts anew.
"""

import hashlib
import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from alerting.ledger import lock_state
from detectors.params import Params
from guardian.trace import Trace, TraceError
from guardian.watch import BEAT_MS
from simulator import feed, suites
from simulator.collapse import CollapseRun, activity_ms
from simulator.cores import CORES, pool
from simulator.evaluate import Watched, Where, watch
from simulator.fingerprint import fingerprint
from simulator.home import Home, View
from simulator.kept import Progress, Tell, worked
from simulator.score import Found, HomeCase
from simulator.suites import Cell, Options
from simulator.tables import Part, Study, tables
from simulator.world import F64, I16, I64, NOWHERE, TIMEZONE, Truth

DAY_MS: Final = 86_400_000
WARM_UP_S: Final = 5.0  # a sensor's lag and averaging before a strip of frames
_NOTHING: Final = (np.zeros(0, np.int64), np.zeros((0, 1, 1), np.int16))

MINUTE_MS: Final = 60_000
WALKED_M: Final = 0.5  # further than anybody moves who lies or sits: judgement
ENOUGH_HOMES: Final = 8
"""Of a trace, for a core of its own: below that, starting one costs more than it gives."""


@dataclass(frozen=True, slots=True)
class Job:
    """Homes that are simulated together: (cell, number in it)."""

    suite: str
    seed: int
    options: Options
    homes: tuple[tuple[int, int], ...]


def jobs(suite: str, seed: int, options: Options) -> list[Job]:
    """Cut a suite into jobs; homes of one job begin and end together, and every core has one."""
    cells = suites.cells(suite, options)
    alike: dict[tuple[float, str], list[tuple[int, int]]] = {}
    for c, cell in enumerate(cells):
        alike.setdefault((cell.duration_s, cell.season), []).extend((c, i) for i in range(cell.homes))
    out = []
    for homes in alike.values():
        rounds = -(-len(homes) // (suites.AT_ONCE[suite] * CORES))
        parts = rounds * CORES  # no core waits for the last job
        size = -(-len(homes) // parts)  # neighbours together: they share an array, and so a batch
        out += [Job(suite, seed, options, tuple(homes[k : k + size])) for k in range(0, len(homes), size)]
    return out


def work(params: Params, job: Job, tell: Tell = lambda _share: None) -> Part:
    """Simulate the homes of a job, watch them, keep what scoring needs; `tell` hears what share is done."""
    started = time.process_time()
    cells = suites.cells(job.suite, job.options)
    pairs = [(cells[c], suites.home(cells[c], job.seed, i)) for c, i in job.homes]
    runs = [(cell, home, k, t.start_s) for cell, home in pairs for k, t in enumerate(_marks(home))]
    source = feed.of_homes([*(h for _, h in pairs), *(_cut(h, k, at_s) for _, h, k, at_s in runs)])
    one = pairs[0][1]  # all homes of a job begin and end together
    first, last = one.ms(one.begin_s), one.ms(one.duration_s)
    where = {h.name: _where(h) for _, h in pairs if h.actors and h.eyes}
    watched = watch(source, params, where, lambda t_ms: tell((t_ms - first) / (last - first)))
    out = Part(
        sent=source.drawn.sent,
        drawn=source.drawn.drawn,
        sensor_s=source.drawn.sensor_s,
        home_s=sum(h.duration_s - h.begin_s for _, h in pairs),
        rejected=watched.rejected,
        dropped=watched.dropped,
    )
    for cell, home in pairs:
        out.cases.append((cell.name, _case(cell, home, watched, job.seed)))
        if home.name in watched.positions:
            out.positions.append((home.name, watched.positions[home.name]))
    for cell, home, k, at_s in runs:
        found = tuple(replace(f, home=home.name) for f in watched.found[_run_name(home.name, k)])
        out.runs.append((cell.name, CollapseRun(home.name, home.ms(at_s), found)))
    out.cpu_s = time.process_time() - started
    return out


def _marks(home: Home) -> list[Truth]:
    return [t for t in home.truth if t.label == "collapse"]


def _run_name(home: str, k: int) -> str:
    return f"{home}-c{k}"


def _cut(home: Home, k: int, at_s: float) -> Home:
    """Give the home as it would be heard had somebody collapsed at `at_s`: nothing happens for a day."""
    events = home.events
    if events is None:
        raise ValueError(f"home {home.name} has a collapse marked and no events")
    keep = events.t_s < at_s
    events = replace(events, t_s=events.t_s[keep], sensor=events.sensor[keep], value=events.value[keep])
    return replace(
        home, name=_run_name(home.name, k), events=events, eyes=(), duration_s=at_s + DAY_MS / 1000
    )


def _where(home: Home) -> Where:
    names = np.array([*(r.name for r in home.plan.rooms), ""])

    def where(t_ms: I64) -> tuple[Sequence[str], F64]:
        room, place = home.where(t_ms)
        return list(names[np.where(room == NOWHERE, len(names) - 1, room)]), place

    return where


def _case(cell: Cell, home: Home, watched: Watched, seed: int) -> HomeCase:
    kinds = {s.name: s.kind for s in home.sensors()}
    span = ((home.ms(home.begin_s), home.ms(home.duration_s)),)
    life_ms = np.union1d(activity_ms(home.trace_events(), kinds), _seen_moving_ms(home))
    return HomeCase(
        home.name,
        span,
        home.truth_rows(),
        _within(span, watched.found[home.name]),
        life_ms,
        {**cell.tags, "seed": seed},
        frozenset(kinds.values()),
    )


def _seen_moving_ms(home: Home) -> I64:
    """Minutes in which the resident truly moved on in a room with a thermal array: proofs of life."""
    at = np.arange(home.ms(home.begin_s), home.ms(home.duration_s) + 1, MINUTE_MS)
    room, place = home.where(at)
    moved = np.hypot(*np.diff(place, axis=0).T) > WALKED_M  # NaN (away) is no movement
    seen = np.isin(room[1:], [e.room for e in home.eyes]) & (room[1:] == room[:-1])
    return np.asarray(at[1:][moved & seen])


def _within(spans: Sequence[tuple[int, int]], found: Iterable[Found]) -> tuple[Found, ...]:
    """Leave out what was said before a home's first reading and after its last one.

    Other homes of the same feed go on then; that silence is the recording's, not the home's.
    """
    return tuple(f for f in found if any(a <= f.decided_ms <= b + BEAT_MS for a, b in spans))


def run_suite(
    suite: str,
    seed: int,
    options: Options,
    params: Params,
    *,
    kept: Path,
    say: Progress = lambda _done, _all, _name: None,
) -> dict[str, Any]:
    """Evaluate one suite; `kept` is the folder for finished jobs, emptied at the end.

    Raises ValueError for an unknown suite or option, StudyError when the code changes, WorkerLost,
    LedgerError when another process runs the very same evaluation.
    """
    folder = folder_of(kept, suite, seed, options, params)
    folder.mkdir(parents=True, exist_ok=True)
    with lock_state(folder):
        do = partial(work, params)
        parts, wall_s = worked(do, jobs(suite, seed, options), folder, say, suite)
        cells = {c.name: c for c in suites.cells(suite, options)}

        def strip(cell: str, home: str, from_ms: int, until_ms: int) -> tuple[I64, I16]:
            again = suites.home(cells[cell], seed, int(home.rsplit("-", 1)[1]))
            return _drawn(again, from_ms, until_ms)

        result = {"suite": suite, **tables(Study([*cells], parts, TIMEZONE, wall_s, seed), strip)}
        shutil.rmtree(folder)
    return result


def folder_of(kept: Path, suite: str, seed: int, options: Options, params: Params) -> Path:
    """Give the folder of the finished jobs of exactly this evaluation by exactly this code."""
    what = f"{fingerprint()} {params} {asdict(options)} {suite} {seed} {CORES}"
    return kept / hashlib.sha256(what.encode()).hexdigest()[:24]


def _drawn(home: Home, from_ms: int, until_ms: int) -> tuple[I64, I16]:
    """Draw once more what the home's first thermal sensor with somebody in view saw."""
    t_s = np.array([(from_ms + until_ms) / 2 - home.start_ms]) / 1000
    rooms = {int(a.motion.at(t_s)[1][0]) for a in home.actors}
    for eye in sorted(home.eyes, key=lambda e: e.room not in rooms):
        view = View(home, eye)
        from_s, until_s = (max(0.0, (t - home.start_ms) / 1000) for t in (from_ms, until_ms))
        view.block(max(0.0, from_s - WARM_UP_S), from_s)
        at, centi = view.block(from_s, min(until_s, home.duration_s))
        return home.start_ms + np.round(at * 1000).astype(np.int64), centi
    return _NOTHING


def run_traces(
    paths: Iterable[Path], params: Params, say: Progress = lambda _done, _all, _name: None
) -> dict[str, Any]:
    """Evaluate recorded or written traces, the homes of a large one on all cores. TraceError, WorkerLost."""
    traces = [Trace.open(p) for p in paths]
    out: list[dict[str, Any]] = []
    for k, trace in enumerate(traces):
        say(k, len(traces), trace.name)
        started = time.monotonic()
        parts = _of_trace(trace, params)
        wall_s = time.monotonic() - started
        study = Study([trace.name], parts, trace.timezone, wall_s, recorded=True)
        figures = tables(study, partial(_recorded, trace))
        rejected, dropped = (sum(getattr(p, name) for p in parts) for name in ("rejected", "dropped"))
        figures["traces"][0] |= {"payloads_rejected": rejected, "frames_dropped": dropped}
        out.append(figures)
    say(len(traces), len(traces), "")
    return {
        "traces": [entry for one in out for entry in one["traces"]],
        "summary": [entry for one in out for entry in one["summary"]],
        "worst": [case for one in out for case in one["worst"]],
    }


def _of_trace(trace: Trace, params: Params) -> list[Part]:
    homes = trace.homes
    size = max(ENOUGH_HOMES, -(-len(homes) // CORES))
    groups = [homes[k : k + size] for k in range(0, len(homes), size)] or [homes]
    if len(groups) == 1:
        return [_of_homes(trace, groups[0], params)]
    with pool() as workers:
        return list(workers.map(partial(_of_homes, trace, params=params), groups))


def _recorded(trace: Trace, _cell: str, home: str, from_ms: int, until_ms: int) -> tuple[I64, I16]:
    """Frames of the home's first thermal sensor."""
    for s in trace.sensors:
        if s.home == home and s.kind == "thermal":
            t_ms, centi = trace.frames(home, s.name)
            a, b = np.searchsorted(t_ms, [from_ms, until_ms])
            return t_ms[a:b], centi[a:b]
    return _NOTHING


def _of_homes(trace: Trace, homes: Sequence[str], params: Params) -> Part:
    truth = {home: tuple(trace.truth(home)) for home in homes}
    marks = [(home, row) for home, rows in truth.items() for row in rows if row.label == "collapse"]
    runs = {_run_name(home, k): (home, row.start_ms) for k, (home, row) in enumerate(marks)}
    source = feed.of_trace(trace, homes, runs)
    where = {home: w for home in homes if (w := _recorded_where(trace, home)) is not None}
    try:
        watched = watch(source, params, where)
    except ValueError as e:  # a kind of sensor that there is not, or one that stands there twice
        raise TraceError(trace.path, [str(e)]) from e
    kinds = {home: {s.name: s.kind for s in trace.sensors if s.home == home} for home in homes}
    part = Part(sent=source.drawn.sent, drawn=source.drawn.drawn, sensor_s=source.drawn.sensor_s)
    part.rejected, part.dropped = watched.rejected, watched.dropped
    for home in homes:
        events = trace.events(home)
        times = [e.t_ms for e in events]
        for s in trace.sensors:
            if s.home == home and s.kind == "thermal":
                t_ms = trace.frames(home, s.name)[0]
                times += [int(t_ms[0]), int(t_ms[-1])] if len(t_ms) else []
        span = ((min(times), max(times)),) if times else ()
        part.home_s += sum(b - a for a, b in span) / 1000
        tags = {"mount": next((s.mount for s in trace.sensors if s.home == home and s.mount), "")}
        found = _within(span, watched.found[home])
        life_ms = activity_ms(events, kinds[home])
        case = HomeCase(home, span, truth[home], found, life_ms, tags, frozenset(kinds[home].values()))
        part.cases.append((trace.name, case))
        if home in where:
            part.positions.append((home, watched.positions[home]))
    for name, (home, onset_ms) in runs.items():
        found = tuple(replace(f, home=home) for f in watched.found[name])
        part.runs.append((trace.name, CollapseRun(home, onset_ms, found)))
    return part


def _recorded_where(trace: Trace, home: str) -> Where | None:
    rows = trace.positions(home)
    if not rows:
        return None
    at = np.array([p.t_ms for p in rows], np.int64)
    rooms = np.array([p.room for p in rows])
    place = np.array([(p.x_m, p.y_m) for p in rows])

    def where(t_ms: I64) -> tuple[Sequence[str], F64]:
        k = np.maximum(np.searchsorted(at, t_ms, side="right") - 1, 0)
        return list(rooms[k]), place[k]

    return where
