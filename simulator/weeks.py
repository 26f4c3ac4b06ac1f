"""Weeks of somebody's life, and the emergencies that can be placed in them.

Takes weeks that `routine.py` lived; gives weeks in which somebody collapses or wanders off, with the truth
of it, and marks of instants that a scorer may take for a collapse. Never makes readings.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np

from simulator.world import NOWHERE, Doing, Plan, Segment, Truth

DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Week:
    """Any number of days of one person."""

    segments: tuple[Segment, ...]
    guests: tuple[tuple[float, float], ...]
    """(start_s, end_s) of each visit, in order; they may overlap."""
    truth: tuple[Truth, ...]
    notes: tuple[str, ...]
    start_ms: int
    timezone: str


def cut(segments: Iterable[Segment], start_s: float, end_s: float) -> tuple[Segment, ...]:
    """Only what lies between the two times; segments that reach beyond are cut there."""
    return tuple(
        replace(s, start_s=max(s.start_s, start_s), end_s=min(s.end_s, end_s))
        for s in segments
        if s.end_s > start_s and s.start_s < end_s
    )


class Emergency(StrEnum):
    """What can be placed in somebody's days; the value is its truth label."""

    ACTIVE = "collapse:active"
    BATHROOM = "collapse:bathroom"
    NIGHT = "collapse:night"
    BED = "collapse:bed"
    WANDERING = "no-return"


ACTIVE: Final = frozenset({Doing.POTTER, Doing.CHORES, Doing.COOK, Doing.DRESS, Doing.EXERCISE})
"""What somebody does on their feet."""


HELP_S: Final = 1800.0  # judgement
AWAKE_S: Final = 7200.0  # somebody up for no longer goes back to bed: it is still the same night


def place(
    week: Week,
    plan: Plan,
    emergency: Emergency,
    at_s: float,
    *,
    down_s: float,
    away_s: float = 0.0,
) -> Week:
    """Let it happen at the first fitting moment from `at_s` on, give the changed week.

    Somebody lies (DOWN) from the onset until helped, `down_s` later; in BED it looks like sleep without a
    move (the segment is SLEEP; whoever draws movements takes them from the truth), a wanderer is out. Then
    they are out for `away_s` (hospital), after which the days go on as they would have. Truth: the
    emergency's label from onset to help, and beside it `bathroom-overstay` (BATHROOM), `night-out-of-bed`
    (NIGHT), or, when nobody has helped by the hour of rising, `not-up` from then on (BED). Visits during
    it are called off, since nobody is found earlier than at `down_s`; who helps then stays for HELP_S.
    Raises ValueError when no moment fits.
    """
    fits, where = _moment(week, plan, emergency, at_s)
    onset_s = max(at_s, fits.start_s + min(20.0, (fits.end_s - fits.start_s) / 2))
    helped_s = onset_s + down_s
    end_s = week.segments[-1].end_s
    room = NOWHERE if emergency is Emergency.WANDERING else where
    doing = {Emergency.WANDERING: Doing.OUT, Emergency.BED: Doing.SLEEP}.get(emergency, Doing.DOWN)
    rows = [Truth(onset_s, min(helped_s, end_s), str(emergency))]
    beside = {Emergency.BATHROOM: "bathroom-overstay", Emergency.NIGHT: "night-out-of-bed"}.get(emergency)
    if beside is not None:
        rows.append(Truth(onset_s, min(helped_s, end_s), beside))
    rising_s = _rising(week, fits)
    if emergency is Emergency.BED and rising_s < min(helped_s, end_s):
        rows.append(Truth(rising_s, min(helped_s, end_s), "not-up"))
    hit = interrupted(week, Segment(onset_s, helped_s, doing, room), away_s=away_s)
    truth = tuple(sorted((*week.truth, *rows), key=lambda r: (r.start_s, r.label)))
    return replace(hit, truth=truth)


def interrupted(week: Week, helpless: Segment, *, away_s: float = 0.0) -> Week:
    """Let this be all that somebody does until its end, when they are helped; then they are out for `away_s`.

    Visits meanwhile are called off. Who helps stays for HELP_S (nobody helps who wandered off: OUT).
    """
    onset_s, helped_s, over_s = helpless.start_s, helpless.end_s, helpless.end_s + away_s
    end_s = week.segments[-1].end_s
    middle = [helpless, Segment(helped_s, over_s, Doing.OUT, NOWHERE)]
    segments = (
        *cut(week.segments, 0.0, onset_s),
        *(s for s in cut(middle, 0.0, end_s) if s.end_s > s.start_s),
        *cut(week.segments, over_s, end_s),
    )
    guests = [(a, b) for a, b in week.guests if not (a < over_s and b > onset_s)]
    if helpless.doing is not Doing.OUT and helped_s < end_s:
        guests.append((helped_s, min(helped_s + HELP_S, end_s)))
    return replace(week, segments=segments, guests=tuple(sorted(guests)))


def _moment(week: Week, plan: Plan, emergency: Emergency, at_s: float) -> tuple[Segment, int]:
    """The segment in which it happens, and where one comes to lie."""
    bedroom, bathroom = plan.index("bedroom"), plan.index("bathroom")
    for s in week.segments:
        if s.end_s <= max(at_s, s.start_s + 1.0):
            continue
        if emergency is Emergency.ACTIVE and s.doing in ACTIVE and s.room != bathroom:
            return s, s.room
        if emergency is Emergency.BATHROOM and s.doing in {Doing.TOILET, Doing.WASH}:
            return s, bathroom
        asleep = {Emergency.NIGHT, Emergency.BED, Emergency.WANDERING}
        if emergency in asleep and s.doing is Doing.SLEEP and s.end_s > at_s + 600.0:
            return s, bedroom
    raise ValueError(f"no moment for {emergency} from {at_s} s on")


def _rising(week: Week, asleep: Segment) -> float:
    """When the night with this stretch of sleep would have ended."""
    end_s = asleep.end_s
    for s in week.segments:
        if s.doing is Doing.SLEEP and end_s <= s.start_s < end_s + AWAKE_S:
            end_s = s.end_s
    return end_s


MARKS_PER_DAY: Final = 1 / 12
"""As in the recorded homes: 111 marks in 1,343 days."""


def marks(week: Week, rng: np.random.Generator) -> tuple[Truth, ...]:
    """Instants at which the person was demonstrably home, alone and active; 24 h each, labelled `collapse`.

    The scorer removes that home's events of the 24 h, so the days themselves stay as they are.
    """
    end_s = week.segments[-1].end_s
    upright = [s for s in week.segments if s.doing in ACTIVE and s.end_s < end_s - DAY_S]
    busy = [(r.start_s - DAY_S, r.end_s) for r in week.truth if r.label not in {"ill", "guest"}] + list(
        week.guests
    )
    moments = rng.permutation(len(upright))[: rng.poisson(MARKS_PER_DAY * end_s / DAY_S)]
    starts = sorted(float(rng.uniform(upright[i].start_s, upright[i].end_s)) for i in moments)
    return tuple(Truth(t, t + DAY_S, "collapse") for t in starts if not any(a <= t < b for a, b in busy))
