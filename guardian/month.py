"""The report of a month: how many incidents, of what kind, with what end, and how soon somebody was there.

Pure: takes incidents that have ended; gives counts with intervals. Drills are counted apart and nowhere else.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats  # type: ignore[import-untyped]  # scipy ships no types

from alerting.concern import Kind, Severity
from alerting.incident import Incident

TEN_MINUTES_MS: Final = 600_000
STEPS: Final = ("decided", "provider", "accepted", "en_route", "on_scene", "closed")


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many, with the 95 % interval (Clopper and Pearson) in percent."""

    hit: int
    of: int
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Month:
    """What a month came to."""

    incidents: int
    drills: int
    kinds: Mapping[str, Mapping[str, int]]
    """Kind → outcome (real, safe, false, …) → how many."""
    causes: Mapping[str, int]
    """Of false alarms."""
    in_time: Share
    """Of HIGH ones that were neither false nor closed from afar: a person at the door within ten minutes."""
    steps: Mapping[str, tuple[int, int, int]]
    """Step → how many HIGH incidents reached it, median and 90th percentile of seconds since the onset."""
    went: Mapping[str, int]
    """Responder id → incidents in which they were on scene."""
    late: int
    """HIGH ones that were decided too late to count from the onset."""


def share(hit: int, of: int) -> Share:
    """Give a share with its interval; of nothing: from 0 to 100."""
    if not of:
        return Share(0, 0, 0.0, 100.0)
    found = stats.binomtest(hit, of).proportion_ci(method="exact")
    return Share(hit, of, 100 * float(found.low), 100 * float(found.high))


def month(ended: Sequence[Incident]) -> Month:
    """Sum up what has ended."""
    real = [i for i in ended if i.kind is not Kind.DRILL and i.outcome != "drill"]
    kinds: dict[str, Counter[str]] = {}
    causes = Counter[str]()
    for i in real:
        what, _, cause = (i.outcome or "").partition(":")
        kinds.setdefault(str(i.kind), Counter())[what] += 1
        if what == "false":
            causes[cause] += 1
    high = [i for i in real if i.severity is Severity.HIGH]
    wanted = [
        i
        for i in high
        if i.on_scene_ms is not None or (i.outcome or "").partition(":")[0] in {"real", "safe"}
    ]
    arrived = [i for i in wanted if i.on_scene_ms is not None and i.on_scene_ms - i.t0_ms <= TEN_MINUTES_MS]
    steps = {}
    for name in STEPS:
        reached = [ms - i.t0_ms for i in high if (ms := getattr(i, f"{name}_ms")) is not None]
        if reached:
            middle, most = np.percentile(np.array(reached) / 1000, (50, 90))
            steps[name] = (len(reached), round(float(middle)), round(float(most)))
    went = Counter(i.acceptor for i in real if i.on_scene_ms is not None and i.acceptor is not None)
    return Month(
        incidents=len(real),
        drills=len(ended) - len(real),
        kinds={k: dict(v) for k, v in sorted(kinds.items(), key=lambda one: -one[1].total())},
        causes=dict(causes.most_common()),
        in_time=share(len(arrived), len(wanted)),
        steps=steps,
        went=dict(went.most_common()),
        late=sum(i.late_at_decision for i in high),
    )
