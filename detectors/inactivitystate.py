"""What the detector of silence is set to and what it remembers of each home.

Names the parameters of table [inactivity]; gives fresh state. Decides nothing (inactivity.py does).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors import hazard
from detectors.finding import Kind
from detectors.keep import PerHome
from detectors.tail import TailParams

MODEL: Final = Path(__file__).parent / "models" / "routine.npz"
"""Everybody's rates and tails, from simulated homes (`guardian train routine`)."""
Bools = NDArray[np.bool_]
F32 = NDArray[np.float32]
NEVER: Final = -1


class Clock(IntEnum):
    """What a silence is measured by; second axis of the state."""

    SILENCE = 0
    AWAY = 1
    BATHROOM = 2
    NIGHT = 3
    BED = 4


class Tail(IntEnum):
    """Each has a threshold of its own; last axis of what is learnt of surprises."""

    DAY = 0
    """Silence that no hour of sleep was part of."""
    SLEEP = 1
    AWAY = 2
    BATHROOM = 3
    NIGHT = 4
    BED = 5


HAS_DOOR, HAS_BATHROOM, HAS_BED = range(3)
"""Columns of `Minute.has`."""
NEEDS: Final[Mapping[Tail, int]] = {
    Tail.AWAY: HAS_DOOR,
    Tail.BATHROOM: HAS_BATHROOM,
    Tail.NIGHT: HAS_BED,
    Tail.BED: HAS_BED,
}
"""What must be watched for a tail to be reached at all."""


KINDS: Final[Mapping[Clock, Kind]] = {
    Clock.SILENCE: Kind.INACTIVITY,
    Clock.AWAY: Kind.NO_RETURN,
    Clock.BATHROOM: Kind.BATHROOM_OVERSTAY,
    Clock.NIGHT: Kind.NIGHT_OUT_OF_BED,
    Clock.BED: Kind.NOT_UP,
}


@dataclass(frozen=True, slots=True)
class InactivityParams:
    """Table [inactivity] of config/detectors.toml; tuples have one number for each Clock or each Tail."""

    tail: TailParams
    false_every_days: float
    shares: tuple[float, float, float, float, float, float]
    prompt_every_days: float
    least_min: tuple[float, float, float, float, float]
    prompt_least_min: float
    most_min: float
    new_days: float
    new_nats: float
    forget_days: float
    least_events: float
    least_expected: float
    weekday_known: float
    sleep_share: float
    sleep_minutes: float
    door_out: float
    door_known: float
    missed_out: float
    missed_known: float
    looked_at_min: float
    longest_days: float
    must_move_from_h: float
    must_move_to_h: float
    bathroom_most_min: float
    night_share: float
    silence_min: tuple[float, ...]
    away_min: tuple[float, ...]
    bathroom_min: tuple[float, ...]
    night_min: tuple[float, ...]
    bed_min: tuple[float, ...]

    def __post_init__(self) -> None:
        """ValueError when the ages of two clocks do not match the shipped rates."""
        wrong = [n for n, e in self._ages().items() if len(e) != AGES or e[0] != 0 or sorted(set(e)) != [*e]]
        if wrong:
            raise ValueError(f"inactivity: {', '.join(wrong)}: {AGES} rising ages from 0 on are needed")

    def _ages(self) -> Mapping[str, tuple[float, ...]]:
        return {f"{c.name.lower()}_min": getattr(self, f"{c.name.lower()}_min") for c in Clock}

    def edges(self) -> F32:
        """(C, B) starts of the buckets of age, minutes."""
        return np.array(list(self._ages().values()), np.float32)


AGES: Final = 7
"""Buckets of age of each clock."""


@dataclass(frozen=True, slots=True)
class Usual:
    """What everybody does; from simulated homes. First axis: 0 without, 1 with a bed sensor, which tells who
    has gone back to bed from who is still in the bathroom.
    """

    rate: F32
    """(2, C, 24, B) endings a minute."""
    lively: F32
    """(24,) proofs of life a minute."""
    often: F32
    """(2, K) silences above the level of TailParams, a day."""


@dataclass(frozen=True, slots=True)
class Minute:
    """What one minute brought to H homes."""

    life: Bools
    """(H,) somebody was noticed."""
    door: Bools
    """(H,) the last thing noticed was a door that leads out."""
    bathroom: Bools
    """(H,) by the last sign of them they are in the bathroom."""
    life_ms: NDArray[np.int64]
    """(H,) when that was, where `life`."""
    bed: NDArray[np.int8]
    """(H,) what the bed says now: 1 somebody lies in it, 0 nobody, −1 no bed or not known."""
    blind: Bools
    """(H,) so little can be heard that silence means nothing."""
    away: Bools
    """(H,) by the calendar: nobody is expected."""
    guest: Bools
    """(H,) somebody else is there: what is noticed may be them."""
    has: Bools
    """(H, 3) an outside door, a bathroom, a bed are watched."""


@dataclass(slots=True)
class InactivityState:
    """What is remembered of H homes; clocks C, tails K, ages B."""

    events: PerHome[np.float32]
    """(H, C, 24, B) silences that ended, forgotten slowly."""
    exposure: PerHome[np.float32]
    """(H, C, 24, B) minutes of silence."""
    fresh_exposure: PerHome[np.float32]
    """(H, C, B) those of the present hour until it is over: small, for all homes add to it each minute."""
    fresh_hour: PerHome[np.int8]
    """(H,) the hour that they belong to, −1 = none."""
    age_events: PerHome[np.float32]
    """(H, C, B) `events` of all hours."""
    age_expected: PerHome[np.float32]
    """(H, C, B) endings that everybody's rates would have brought in `exposure`."""
    week_events: PerHome[np.float32]
    """(H, 2, 7) longer silences (SILENCE, AWAY) that ended, by the day of the week,"""
    week_expected: PerHome[np.float32]
    """(H, 2, 7) and how many would have by the rates of all days."""
    lively: PerHome[np.float32]
    """(H, 24) proofs of life a minute."""
    sum: PerHome[np.float32]
    """(H, C) hazard of the present silence, nats."""
    age_min: PerHome[np.float32]
    """(H, C) minutes; −1 = the clock does not run."""
    start_ms: PerHome[np.int64]
    """(H, C)"""
    said: PerHome[np.bool_]
    """(H, C) an alarm was given in this silence."""
    prompted: PerHome[np.bool_]
    """(H,) the home was asked in this silence."""
    censored: PerHome[np.bool_]
    """(H,) we were blind during this silence."""
    slept: PerHome[np.bool_]
    """(H,) an hour of sleep was part of it."""
    by_door: PerHome[np.bool_]
    """(H,) it began with an outside door."""
    outings: PerHome[np.float32]
    """(H, 2) silences that were outings: begun without, with an outside door."""
    silences: PerHome[np.float32]
    """(H, 2) all of them."""
    passed: PerHome[np.float32]
    """(H, K) silences that ended above the level."""
    excess: PerHome[np.float32]
    """(H, K) by how much in all, nats."""
    days: PerHome[np.float32]
    """(H,) observed."""
    moved_day: PerHome[np.int64]
    """(H,) the local day on which somebody was last noticed within the hours of the fixed rule."""
    last_ms: PerHome[np.int64]
    """(H,) the last minute looked at."""
    has: Bools
    """(H, 3) an outside door, a bathroom, a bed are watched; told each minute, not kept."""

    rate: F32
    """(H, C, B) of the present hour; worked out anew, not kept."""
    busy: F32
    """(H, 2) how much livelier than others this day of the week is."""
    asleep: Bools
    """(H,) the present hour is one of sleep."""
    needs: F32
    """(H, K) threshold of the present hour, nats."""
    asks: F32
    """(H, K) the same for the prompt."""
    hour: int = -1
    usual: Usual | None = None

    @property
    def like(self) -> NDArray[np.intp]:
        """(H,) rows of `Usual`."""
        return self.has[:, HAS_BED].astype(np.intp)


@cache
def shipped() -> Usual:
    """Everybody's habits as they come with the detector."""
    with np.load(MODEL, allow_pickle=False) as file:
        return Usual(*(file[name] for name in Usual.__dataclass_fields__))


def fresh(homes: int, usual: Usual | None = None) -> InactivityState:
    """State of homes that nothing is known of."""
    h, c, k = homes, len(Clock), len(Tail)

    def f32(*shape: int) -> F32:
        return np.zeros(shape, np.float32)

    def never(*shape: int) -> NDArray[np.int64]:
        return np.full(shape, NEVER, np.int64)

    def no(*shape: int) -> Bools:
        return np.zeros(shape, np.bool_)

    return InactivityState(
        events=f32(h, c, hazard.HOURS, AGES),
        exposure=f32(h, c, hazard.HOURS, AGES),
        fresh_exposure=f32(h, c, AGES),
        fresh_hour=np.full(h, NEVER, np.int8),
        age_events=f32(h, c, AGES),
        age_expected=f32(h, c, AGES),
        week_events=f32(h, 2, 7),
        week_expected=f32(h, 2, 7),
        lively=f32(h, hazard.HOURS) + (usual or shipped()).lively,
        sum=f32(h, c),
        age_min=f32(h, c) - 1,
        start_ms=never(h, c),
        said=no(h, c),
        prompted=no(h),
        censored=no(h),
        slept=no(h),
        by_door=no(h),
        outings=f32(h, 2),
        silences=f32(h, 2),
        passed=f32(h, k),
        excess=f32(h, k),
        days=f32(h),
        moved_day=never(h),
        last_ms=never(h),
        has=no(h, 3),
        rate=f32(h, c, AGES),
        busy=f32(h, 2) + 1,
        asleep=no(h),
        needs=f32(h, k),
        asks=f32(h, k),
        usual=usual,
    )
