"""Slow change: habits of a home that have shifted over weeks, for a report and never for an alarm.

Takes events as they come, counts a few features of each day (04:00 to 04:00 local time, so that a night
belongs to the day before it), and adds up how far they lie from the home's own mean: a two-sided cumulative
sum. Frozen on days that were hardly heard. Never looks ahead, never loops over homes.

Average run length of a one-sided sum is (e^{2kb} - 2kb - 1) / 2k^2 with b = h + 1.166 (Siegmund): k = 0.5 and
h = 6.8 with eight features and two sides is one false change a home and year.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.keep import PassingInt, PerHome
from detectors.layout import Events, Layout, Moment, RoomKind, SensorKind

F32 = NDArray[np.float32]
DAY_BEGINS_MIN: Final = 4 * 60
NIGHT_MIN: Final = (22 * 60, 6 * 60)
NEVER: Final = -1


class Feature(IntEnum):
    """What is counted of a day."""

    FIRST_UP = 0
    """Minutes from 04:00 to the first proof of life."""
    LAST = 1
    """Minutes from 04:00 to the last one."""
    LIVELY = 2
    """Proofs of life, square root."""
    ROOM_CHANGES = 3
    """Times that the room of the last proof of life changed, square root."""
    NIGHT_BATHROOM = 4
    """Visits to the bathroom between 22:00 and 06:00, square root."""
    BATHROOM = 5
    """All visits to the bathroom, square root."""
    KITCHEN = 6
    """Proofs of life in the kitchen, square root."""
    OUTSIDE = 7
    """Openings of doors that lead out, square root."""


COUNTS: Final = tuple(Feature)[Feature.LIVELY :]
"""Features that are counts: their square root spreads by the same amount wherever it lies."""


@dataclass(frozen=True, slots=True)
class TrendParams:
    """Table [trends] of config/detectors.toml."""

    half_days: float
    learn_days: float
    slack: float
    alarm: float
    least_spread: float
    heard_share: float


@dataclass(slots=True)
class TrendState:
    """What is remembered of H homes, F features."""

    today: PerHome[np.float32]
    """(H, F) counted so far; times in minutes."""
    room: PerHome[np.int64]
    """(H,) row of the room of the last proof of life, −1 = none; lost when the roster's rooms change."""
    mean: PerHome[np.float32]
    """(H, F)"""
    spread: PerHome[np.float32]
    """(H, F) variance."""
    heard_min: PerHome[np.float32]
    """(H,) minutes of this day in which the home could be heard."""
    days: PerHome[np.float32]
    """(H,) days that were learnt from."""
    high: PerHome[np.float32]
    """(H, F) sum of what lay above the mean, in standard deviations."""
    low: PerHome[np.float32]
    since_high: PerHome[np.int64]
    """(H, F) day on which the sum last left 0."""
    since_low: PerHome[np.int64]
    day: PassingInt = NEVER


def fresh(layout: Layout) -> TrendState:
    """Nothing known of any home."""
    h, f = layout.homes, len(Feature)

    def zeros() -> F32:
        return np.zeros((h, f), np.float32)

    def never(*shape: int) -> NDArray[np.int64]:
        return np.full(shape, NEVER, np.int64)

    today = zeros()
    today[:, Feature.FIRST_UP] = np.nan
    return TrendState(
        today=today,
        room=never(h),
        mean=zeros(),
        spread=zeros(),
        heard_min=np.zeros(h, np.float32),
        days=np.zeros(h, np.float32),
        high=zeros(),
        low=zeros(),
        since_high=never(h, f),
        since_low=never(h, f),
    )


def hear(state: TrendState, layout: Layout, events: Events, moment: Moment) -> None:
    """Count the proofs of life of one beat; those of a beat share its time."""
    alive = np.flatnonzero(events.life)
    if not alive.size:
        return
    sensor = events.sensor[alive]
    home, room, kind = layout.sensor_home[sensor], layout.sensor_room[sensor], layout.sensor_kind[sensor]
    minute = np.float32((moment.minute - DAY_BEGINS_MIN) % 1440)
    state.today[home, Feature.FIRST_UP] = np.fmin(state.today[home, Feature.FIRST_UP], minute)
    state.today[home, Feature.LAST] = minute
    order = np.argsort(home, kind="stable")
    home, room, kind = home[order], room[order], kind[order]
    before = np.where(np.r_[True, home[1:] != home[:-1]], state.room[home], np.r_[NEVER, room[:-1]])
    entered = room != before
    bathroom = entered & (layout.room_kind[room] == RoomKind.BATHROOM)
    night = moment.minute >= NIGHT_MIN[0] or moment.minute < NIGHT_MIN[1]
    outside = (kind == SensorKind.DOOR) & layout.outside[sensor[order]]
    for feature, counted in (
        (Feature.LIVELY, np.ones(len(home), np.bool_)),
        (Feature.ROOM_CHANGES, entered),
        (Feature.NIGHT_BATHROOM, bathroom & night),
        (Feature.BATHROOM, bathroom),
        (Feature.KITCHEN, layout.room_kind[room] == RoomKind.KITCHEN),
        (Feature.OUTSIDE, outside),
    ):
        np.add.at(state.today[:, feature], home[counted], np.float32(1))
    state.room[home] = room


def step(params: TrendParams, state: TrendState, moment: Moment, blind: NDArray[np.bool_]) -> None:
    """Each minute, before what was heard in it; at 04:00 the day is closed. blind: (H,) not to be heard."""
    day = moment.day - (moment.minute < DAY_BEGINS_MIN)
    if state.day == NEVER:
        state.day = day
    if day == state.day:
        state.heard_min += ~blind
        return
    whole = day == state.day + 1
    state.day = day
    value = state.today.copy()
    value[:, COUNTS] = np.sqrt(value[:, COUNTS])
    good = (
        (state.heard_min >= np.float32(params.heard_share * 1440))
        & ~np.isnan(value[:, Feature.FIRST_UP])
        & whole
    )
    _close(params, state, value, good)
    state.today[:] = 0
    state.heard_min[:] = 0
    state.today[:, Feature.FIRST_UP] = np.nan


def _close(params: TrendParams, state: TrendState, value: F32, good: NDArray[np.bool_]) -> None:
    """One day of the homes that were heard: judge it by the days before, then learn from it."""
    slack, limit = np.float32(params.slack), np.float32(params.alarm)
    least = np.float32(params.least_spread)
    floor = np.where(np.arange(len(Feature)) < Feature.LIVELY, least * 60, least)
    deviation = np.maximum(np.sqrt(state.spread), floor)
    z = np.clip((value - state.mean) / deviation, -4, 4)
    judged = good & (state.days >= params.learn_days)
    for total, since, sign in ((state.high, state.since_high, 1), (state.low, state.since_low, -1)):
        new = np.maximum(total + sign * z - slack, 0)
        begins = judged[:, None] & (total == 0) & (new > 0)
        since[begins] = state.day - 1
        total[judged] = new[judged]
    steady = (state.high < limit) & (state.low < limit)  # what has changed is not learnt as usual at once
    weight = np.maximum(1 - 0.5 ** (1 / params.half_days), 1 / (state.days + 1))[:, None]
    learns = good[:, None] & steady
    step_by = np.where(learns, weight * (value - state.mean), 0).astype(np.float32)
    state.spread[:] = np.where(
        learns, (1 - weight) * (state.spread + step_by * (value - state.mean)), state.spread
    )
    state.mean += step_by
    state.days += good


@dataclass(frozen=True, slots=True)
class Change:
    """One feature of one home that has shifted."""

    home: int
    feature: Feature
    more: bool
    """Later or more often than before; else earlier or less."""
    since_day: int
    """Number of the local day."""
    sum: float
    """In standard deviations."""


def changes(params: TrendParams, state: TrendState) -> list[Change]:
    """What has shifted and not come back, the largest first."""
    out = [
        Change(int(h), Feature(f), more, int(since[h, f]), float(total[h, f]))
        for total, since, more in ((state.high, state.since_high, True), (state.low, state.since_low, False))
        for h, f in np.argwhere(total >= params.alarm)
    ]
    return sorted(out, key=lambda c: (-c.sum, c.home, c.feature))
