"""What jobs came to → the object that `guardian evaluate --json` writes.

Takes the cases of a study by cell, gives one entry a cell, the worst cases with a strip of frames each, and
how much was simulated in what time. Judges nothing itself (score.py, collapse.py) and runs nothing.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from simulator.collapse import CollapseRun, score_inactivity
from simulator.evaluate import PositionTally
from simulator.figures import as_json, as_pair, counts, curve, worst
from simulator.rules import SILENCE_KINDS
from simulator.score import HomeCase, score, split
from simulator.statistics import by_home
from simulator.subjects import by_subject
from simulator.world import I16, I64

Json = dict[str, Any]
Strip = Callable[[str, str, int, int], tuple[I64, I16]]
"""Cell, home, from and until in ms since 1970 → times (N,) and frames (N, rows, cols); empty = no picture."""

SPOKEN: Final = ("fall-suspected", "fall-confirmed")
"""Kinds that stand in every entry, said or not: "no false alarm in so many home-days" is a figure too."""
SHAPED: Final = 3  # mount, shape and kind after the suite's name
WORST: Final = 12
STRIP: Final = 9
"""Frames of each worst case."""
AROUND_S: Final = {"missed": (-3.0, 9.0), "late": (-3.0, 9.0), "false": (-9.0, 3.0)}
"""A fall and what follows it; what led to a false alarm."""


@dataclass(slots=True)
class Part:
    """What one job came to."""

    cases: list[tuple[str, HomeCase]] = field(default_factory=list)
    """With the name of the cell."""
    positions: list[tuple[str, PositionTally]] = field(default_factory=list)
    """With the home's name."""
    runs: list[tuple[str, CollapseRun]] = field(default_factory=list)
    """With the name of the cell."""
    sent: int = 0
    drawn: int = 0
    sensor_s: float = 0.0
    home_s: float = 0.0
    rejected: int = 0
    dropped: int = 0
    cpu_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Study:
    """All parts of one evaluation."""

    cells: Sequence[str]
    parts: Sequence[Part]
    timezone: str
    wall_s: float
    """0 = finished jobs of an earlier run were used: the time is not known."""
    seed: int = 0
    recorded: bool = False
    """People of recordings get lines of their own, and not all that happened is known."""


def tables(study: Study, strip: Strip) -> Json:
    """Score every cell, choose the worst cases, and say how fast it went."""
    cases = [pair for part in study.parts for pair in part.cases]
    entries = [_entry(study, name, [c for cell, c in cases if cell == name]) for name in study.cells]
    groups = dict.fromkeys(_group(name) for name in study.cells if _group(name) != name)
    summary = [_entry(study, g, [c for cell, c in cases if _group(cell) == g], sums=True) for g in groups]
    if study.recorded:
        for name in study.cells:
            people = by_subject([c for cell, c in cases if cell == name], SPOKEN)
            summary += [as_json(f"{name}/{who}", one, seed=study.seed) for who, one in people.items() if who]
    return {
        "traces": entries,
        "summary": summary,
        "worst": _worst(cases, strip),
        "simulated": _simulated(study),
    }


def _group(cell: str) -> str:
    """SUITE/MOUNT/ROWSxCOLS of a cell with a kind, SUITE of one without an array, else the name itself."""
    suite, *rest = cell.split("/")
    return "/".join([suite, *rest[:2]]) if len(rest) == SHAPED else suite if len(rest) == 1 else cell


def _entry(study: Study, name: str, cases: Sequence[HomeCase], *, sums: bool = False) -> Json:
    """One line of the result; `sums`: what each home came to stands in the cells that are summed."""
    mine = {c.home for c in cases}
    runs = [run for part in study.parts for _, run in part.runs if run.home in mine]
    scores = score(cases, SPOKEN)
    spoken_of = runs or any(kind in scores.kinds for kind in SILENCE_KINDS)
    silence = score_inactivity(cases, runs, study.timezone, known=not study.recorded) if spoken_of else None
    more: Json = {}
    curves = {kind: curve(cases, kind) for kind in SPOKEN}
    if any(len(points) > 1 for points in curves.values()):
        more["curves"] = curves
    tallies = {home: one for part in study.parts for home, one in part.positions if home in mine}
    if any(one.seconds for one in tallies.values()):
        more["position"] = _position(tallies, study.seed)
    if not sums:
        more["by_home"] = {home: counts(one) for home, one in split(cases, "home", SPOKEN).items()}
    if cases:
        more["tags"] = {k: v for k, v in cases[0].tags.items() if all(c.tags.get(k) == v for c in cases)}
    return as_json(name, scores, silence, seed=study.seed, more=more)


def _position(tallies: Mapping[str, PositionTally], seed: int) -> Json:
    """How well rooms and places were known, over all homes."""
    tally = PositionTally()
    for one in tallies.values():
        tally.add(one)
    right, seconds = ([getattr(t, n) for t in tallies.values()] for n in ("right_room", "seconds"))
    return {
        "seconds": tally.seconds,
        "right_room": tally.right_room / tally.seconds,
        "right_room_by_home_95": as_pair(by_home(right, seconds, seed=seed)),
        "placed_share": tally.placed / tally.right_room if tally.right_room else None,
        "median_m": tally.median_m(),
        "median_all_m": tally.median_m(of=tally.right_room),
        "away_seconds": tally.away,
        "noticed_while_away": tally.claimed / tally.away if tally.away else None,
    }


def _worst(cases: Sequence[tuple[str, HomeCase]], strip: Strip) -> list[Json]:
    cell_of = {case.home: cell for cell, case in cases}
    homes = [case for _, case in cases]
    scores = score(homes, SPOKEN)
    out = []
    for case in worst(homes, scores, scores.kinds, WORST):
        cell, t_ms = cell_of[case["home"]], int(case["t_ms"])
        before_s, after_s = AROUND_S[case["why"]]
        at, centi = strip(cell, case["home"], t_ms + int(before_s * 1000), t_ms + int(after_s * 1000))
        wanted = np.unique(np.linspace(0, len(at) - 1, min(STRIP, len(at))).round().astype(int))
        frames = [
            {
                "t_ms": int(at[k]),
                "rows": centi.shape[1],
                "cols": centi.shape[2],
                "centi_b64": base64.b64encode(centi[k].astype("<i2").tobytes()).decode(),
            }
            for k in wanted.tolist()
        ]
        out.append({"trace": cell, **case, "frames": frames})
    return out


def _simulated(study: Study) -> Json:
    """How much was watched, and how fast."""

    def total(name: str) -> float:
        return float(sum(getattr(part, name) for part in study.parts))

    sensor_h, home_h, wall_h = total("sensor_s") / 3600, total("home_s") / 3600, study.wall_s / 3600
    cpu_h = total("cpu_s") / 3600
    return {
        "home_hours": home_h,
        "sensor_hours": sensor_h,
        "frames": int(total("sent")),
        "frames_drawn": int(total("drawn")),
        "drawn_share": total("drawn") / total("sent") if total("sent") else None,
        "payloads_rejected": int(total("rejected")),
        "frames_dropped": int(total("dropped")),
        "cpu_s": total("cpu_s"),
        "wall_s": study.wall_s or None,
        "home_hours_per_minute": home_h / wall_h / 60 if wall_h else None,
        "sensor_hours_per_hour": sensor_h / wall_h if wall_h else None,
        "sensor_hours_per_cpu_hour": sensor_h / cpu_h if cpu_h else None,
    }
