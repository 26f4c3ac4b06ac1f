"""Runs incidents by the thousand and adds them up: `guardian simulate-response`.

Takes how many, a seed and the policy, gives the figures of a JSON. Incidents are dealt to jobs of one fault
and one set of odds each, in processes of their own; the same seed gives the same figures on any number of
cores. Chances are counted with 95 % intervals.
"""

import logging
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import looptime
import numpy as np
import structlog

from alerting.policy import Policy
from simulator import statistics
from simulator.cores import pool
from simulator.response.centre import START_MS, centre
from simulator.response.district import ODDS, PEOPLE, REPLY, TARGET_S, district
from simulator.response.faults import FAULTS
from simulator.response.outcome import Outcome

USUAL: Final = 0.30
"""The odds of the top-level figures."""
CHUNK: Final = 50
"""Incidents of one centre and district."""
TIMES: Final = ("decided_s", "provider_s", "accepted_s", "en_route_s", "door_s", "inside_s")
Say = Callable[[int, int, str], object]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Job:
    """Incidents of one centre, one after the other."""

    odds: float
    fault: int
    """Place in FAULTS."""
    seed: int
    first: int
    count: int
    on_disk: bool = False
    """The ledger is a real file, whose commits wait for the disk."""


def run(  # noqa: PLR0917  # as the command has them
    incidents: int,
    seed: int,
    policy: Policy,
    faults: Sequence[str] = (),
    say: Say = lambda *_: None,
    odds: Sequence[float] = ODDS,
    *,
    on_disk: bool = False,
) -> Json:
    """Play `incidents` in a district of each of these odds, dealt evenly to the faults; give the figures.

    Those at the top are of the usual odds, or of the first where these are not played.

    Raises
    ------
    LookupError
        a fault that is none.
    WorkerLost
        a process was killed.
    """
    known = {f.id for f in FAULTS}
    if strange := sorted(set(faults) - known):
        raise LookupError(f"no fault {', '.join(strange)}; there are {', '.join(f.id for f in FAULTS)}")
    chosen = [n for n, f in enumerate(FAULTS) if not faults or f.id in faults]
    jobs = [replace(job, on_disk=on_disk) for job in _jobs(incidents, seed, chosen, odds)]
    done: dict[Job, list[Outcome]] = {}
    with pool() as workers:
        waiting = {workers.submit(play, job, policy): job for job in jobs}
        for n, finished in enumerate(as_completed(waiting), 1):
            done[waiting[finished]] = finished.result()
            say(n, len(jobs), "incidents")
    by_odds: dict[float, list[tuple[Job, Outcome]]] = defaultdict(list)
    for job in jobs:
        by_odds[job.odds] += [(job, o) for o in done[job]]
    told = {f"{some:.2f}": _summed(by_odds[some]) for some in odds}
    usual = told.get(f"{USUAL:.2f}") or next(iter(told.values()))
    return {"incidents_each": incidents, "on_disk": on_disk, **usual, "by_reply_odds": told}


def _jobs(incidents: int, seed: int, faults: Sequence[int], odds: Sequence[float]) -> Iterator[Job]:
    for some in odds:
        for n, fault in enumerate(faults):
            count = incidents // len(faults) + (n < incidents % len(faults))
            for first in range(0, count, CHUNK):
                yield Job(some, fault, seed, first, min(CHUNK, count - first))


def play(job: Job, policy: Policy) -> list[Outcome]:
    """Play the incidents of one job in virtual time."""
    before, quiet = structlog.get_config(), structlog.make_filtering_bound_logger(logging.CRITICAL)
    structlog.configure(wrapper_class=quiet)
    loop = looptime.new_event_loop()
    loop.setup_looptime(start=0.0, noop_cycles=2, _enabled=True)
    try:
        return loop.run_until_complete(_play(job, policy))
    finally:
        loop.close()
        structlog.configure(**before)


async def _play(job: Job, policy: Policy) -> list[Outcome]:
    fault = FAULTS[job.fault]
    own = int(
        np.random.SeedSequence(
            [job.seed, round(100 * job.odds), job.fault, job.first // CHUNK]
        ).generate_state(1)[0]
    )
    where = district(own, job.odds, fault.timezone)
    out = []
    async with AsyncExitStack() as stack:
        file = Path(stack.enter_context(TemporaryDirectory())) / "ledger.db" if job.on_disk else None
        here = await stack.enter_async_context(centre(where, policy, own, fault.start_ms or START_MS, file))
        for number in range(job.first, job.first + job.count):
            rng = np.random.default_rng([job.seed, job.fault, number])
            case = where.case(number)
            if fault.together:
                case = replace(case, reply_s=np.full_like(case.reply_s, REPLY.median_s))
            if fault.happens is not None:
                here.start(fault.happens(here, case, rng))
            out.append(
                await here.play(
                    case,
                    dead=_some(rng, fault.dead),
                    ghosts=_some(rng, fault.ghosts),
                    turners=_some(rng, fault.turners),
                    onset_error_s=float(rng.uniform(-1, 1)) * fault.onset_error_s,
                )
            )
            await here.heal()
    return out


def _some(rng: np.random.Generator, share: float) -> frozenset[int]:
    return frozenset(np.flatnonzero(rng.random(PEOPLE) < share).tolist())


def _summed(played: Sequence[tuple[Job, Outcome]]) -> Json:
    """Add up the incidents of one set of odds, all faults together and each."""
    every = [o for _, o in played]
    by_fault: dict[int, list[Outcome]] = defaultdict(list)
    for job, one in played:
        by_fault[job.fault].append(one)
    return {
        **_counts(every),
        "seconds": {name: _quantiles([getattr(o, name) for o in every]) for name in TIMES},
        "by_fault": {
            FAULTS[n].id: {"words": FAULTS[n].words, **_counts(some)} for n, some in sorted(by_fault.items())
        },
    }


def _counts(some: Sequence[Outcome]) -> Json:
    feasible = [o for o in some if o.still_feasible]
    late = [o for o in feasible if not o.in_time]
    return {
        "incidents": len(some),
        "feasible": len(feasible),
        "infeasible_by_fault": sum(o.feasible > 0 and not o.still_feasible for o in some),
        "late_feasible": len(late),
        "late_feasible_numbers": [o.number for o in late][:20],
        **_share([o.in_time for o in some]),
        "baseline": _share([o.one_by_one_s <= TARGET_S for o in some]),
        "texts_per_incident": float(np.mean([o.texts for o in some])),
        "went_per_incident": float(np.mean([o.went for o in some])),
        "last_resort_share": float(np.mean([o.last_resort for o in some])),
        "broken": dict(Counter(what for o in some for what in o.broken)),
        "nobody_ever": sum(math.isnan(o.inside_s) for o in some),
    }


def _share(in_time: Sequence[bool]) -> Json:
    interval = statistics.wilson(sum(in_time), len(in_time))
    return {"within_600_share": sum(in_time) / len(in_time), "within_600_share_95": list(interval)}


def _quantiles(values: Sequence[float]) -> Json:
    """Of those that came at all."""
    came = [v for v in values if not math.isnan(v)]
    if not came:
        return {}
    p50, p90, p99 = np.quantile(came, (0.5, 0.9, 0.99))
    return {"p50": float(p50), "p90": float(p90), "p99": float(p99), "never": len(values) - len(came)}
