"""The homes of the study of silence, and where their residents truly are: months without an emergency.

Takes a seed; gives homes with event sensors under conditions that make silence harder to judge, and for each
moment where somebody is, from the diary. Plays and detects nothing.

Everybody's days have nights elsewhere that nobody is told of, carers and family who look in, illness and
decline (`habits.py`). Holidays and guests who stay are left to the homes whose condition they are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator import lives
from simulator.faults import BatteryDeath, Fault, Loss
from simulator.habits import Course, course
from simulator.home import Home
from simulator.lives import Life
from simulator.routine import LONGEST_OUT_MIN
from simulator.sensors import Which
from simulator.weeks import AWAKE_S
from simulator.world import F64, Bools, Doing

DAY_S: Final = 86_400.0
FRONT_DOOR: Final = "front-door"
LEARNT_DAYS: Final = 28
"""Nothing is counted before: a home has shown its habits by then, and every day of the week four times."""


class Condition(StrEnum):
    """What is special about a home."""

    PLAIN = "plain"
    """Motion sensors, doors and fridge, as in the recorded homes; nothing is amiss."""
    EVERY_SENSOR = "every sensor"
    """A bed, a chair and presence sensors besides."""
    MISSED_DOORS = "missed doors"
    """One home in two has no sensor at the front door; that of the other half misses half of the openings."""
    DEAD_SENSORS = "dead sensors"
    """The battery of a motion sensor is empty for weeks, then that of another."""
    GUESTS = "guests"
    """Somebody stays for some days, about once in three weeks."""
    HOLIDAYS = "holidays"
    """Away for some days, about once in four weeks; the staff are told."""


CONDITIONS: Final = tuple(Condition)
MISSED: Final = 0.5
"""Share of openings that a failing contact at the front door does not tell of. Judgement."""
DEAD_DAYS: Final = (14.0, 35.0)
"""How long a battery stays empty: it is reported within days, and somebody must drive there. Judgement."""
WELL_DAYS: Final = (7.0, 28.0)
"""From one empty battery to the next. Judgement: far more often than in truth, to have enough of it."""
STAYS: Final = ((12.0, 28.0), (2, 6))
"""Days until the next guest, and for how long they stay. Judgement."""
TRIPS: Final = ((16.0, 36.0), (2, 10))
"""The same of holidays; as long as `course` makes them."""
NIGHT_OUT_S: Final = 10 * 3600.0
"""Nobody is out for longer but for a night (`routine.py`)."""
_OWN, _SPELLS, _BATTERIES = 501, 502, 503  # purposes of random numbers


class Where(IntEnum):
    """Where somebody is."""

    HOME = 0
    """Up and about, or resting."""
    BATHROOM = 1
    NIGHT = 2
    """Up at night, not in the bathroom."""
    BED = 3
    OUT = 4
    ELSEWHERE = 5
    """For a night, and nobody was told."""
    HOLIDAY = 6


@dataclass(frozen=True, slots=True)
class Lived:
    """One home's true days: N stretches that touch, and M visits."""

    condition: Condition
    start_s: F64
    """(N,) seconds since the home's start,"""
    where: NDArray[np.uint8]
    """(N,) as Where."""
    over_s: F64
    """(N,) when they get up for the day, come back, or have finished: the end of the stretch or, in bed, of
    the night.
    """
    visits_s: F64
    """(M, 2) from and until when somebody visits."""

    def at(self, t_s: F64) -> NDArray[np.intp]:
        """(K,) the stretches in which these moments (K,) are."""
        return np.maximum(np.searchsorted(self.start_s, t_s, side="right") - 1, 0)

    def visited(self, t_s: F64) -> Bools:
        """(K,) somebody visits at these moments (K,)."""
        start, end = self.visits_s.T
        over = np.searchsorted(np.sort(end), t_s, side="right")
        return np.asarray(np.searchsorted(np.sort(start), t_s, side="right") > over)


def home(seed: int, k: int, days: int) -> tuple[Home, Lived]:
    """Give the k-th home of a seed; each condition has one home in six. ValueError below one day."""
    condition = CONDITIONS[k % len(CONDITIONS)]
    rng = np.random.default_rng([seed, _OWN, k])
    with_door = condition is not Condition.MISSED_DOORS or k // len(CONDITIONS) % 2 == 0
    which: Which = "full" if condition is Condition.EVERY_SENSOR else "recorded"
    own = int(rng.integers(2**31))
    while any(s.name == FRONT_DOOR for s in lives.fitted(own, which)) != with_door:  # one in five lacks it
        own = int(rng.integers(2**31))
    one = lives.life(own, days, "winter", _course(condition, days, own))
    made = lives.listened(one, which)
    made = replace(made, name=f"home-{k}", faults=tuple(_faults(condition, made, own)))
    return made, lived(condition, one)


def _course(condition: Condition, days: int, seed: int) -> Course:
    rng = np.random.default_rng([seed, _SPELLS])
    drawn = replace(course(days, seed), away=(), guests=())
    if condition is Condition.GUESTS:
        return replace(drawn, guests=tuple(_spells(rng, days, *STAYS)))
    if condition is Condition.HOLIDAYS:
        return replace(drawn, away=tuple(_spells(rng, days, *TRIPS)))
    return drawn


def _spells(
    rng: np.random.Generator, days: int, between: tuple[float, float], lasts: tuple[int, int]
) -> Iterator[tuple[int, int]]:
    """First and last days; while a home learns, too."""
    first = int(rng.uniform(*between))
    while first < days:
        last = first + int(rng.integers(lasts[0], lasts[1] + 1)) - 1
        yield first, last
        first = last + int(rng.uniform(*between))


def _faults(condition: Condition, made: Home, seed: int) -> Iterator[Fault]:
    if condition is Condition.MISSED_DOORS:
        yield Loss(0.0, made.duration_s, MISSED, FRONT_DOOR)
    if condition is not Condition.DEAD_SENSORS:
        return
    rng = np.random.default_rng([seed, _BATTERIES])
    motion = [s.name for s in made.sensors() if s.kind == "pir"]
    start_s = (LEARNT_DAYS / 2 + float(rng.uniform(*WELL_DAYS))) * DAY_S
    while start_s < made.duration_s:
        end_s = start_s + float(rng.uniform(*DEAD_DAYS)) * DAY_S
        yield BatteryDeath(start_s, end_s, motion[int(rng.integers(len(motion)))])
        start_s = end_s + float(rng.uniform(*WELL_DAYS)) * DAY_S


def lived(condition: Condition, one: Life) -> Lived:
    """Give where somebody is in each stretch of their diary."""
    segments = one.week.segments
    start_s = np.array([s.start_s for s in segments])
    end_s = np.array([s.end_s for s in segments])
    asleep = np.array([s.doing is Doing.SLEEP for s in segments])
    out = np.array([s.doing is Doing.OUT for s in segments])
    slept_s = np.maximum.accumulate(np.where(asleep, end_s, -np.inf))  # the last sleep was over
    again_s = np.minimum.accumulate(np.where(asleep, start_s, np.inf)[::-1])[::-1]  # the next one begins
    night = ~out & (again_s - slept_s < AWAKE_S)
    bathroom = np.array([s.room == one.plan.index("bathroom") for s in segments])
    where = np.select(
        [
            out & (end_s - start_s > LONGEST_OUT_MIN * 60),
            out & (end_s - start_s > NIGHT_OUT_S),
            out,
            asleep,
            bathroom,
            night,
        ],
        [Where.HOLIDAY, Where.ELSEWHERE, Where.OUT, Where.BED, Where.BATHROOM, Where.NIGHT],
        Where.HOME,
    ).astype(np.uint8)
    over_s = np.where(asleep, _rises(start_s, end_s, asleep), end_s)
    visits_s = np.array(one.week.guests, np.float64).reshape(-1, 2)
    return Lived(condition, start_s, where, over_s, visits_s)


def _rises(start_s: F64, end_s: F64, asleep: Bools) -> F64:
    """(N,) for stretches of sleep, the end of the last one of that night: those less than AWAKE_S apart are
    one night.
    """
    out = np.full(len(start_s), np.inf)
    later_s, until_s = np.inf, np.inf  # where the next stretch of sleep begins, and its night ends
    for k in np.flatnonzero(asleep)[::-1]:
        until_s = until_s if later_s - end_s[k] < AWAKE_S else end_s[k]
        out[k], later_s = until_s, start_s[k]
    return out


def homes(seed: int, these: Sequence[int], days: int) -> list[tuple[Home, Lived]]:
    """Give some homes of a seed."""
    return [home(seed, k, days) for k in these]
