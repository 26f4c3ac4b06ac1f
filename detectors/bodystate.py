"""What the body-surface trend is set to, what it remembers, and what it can say.

Names the parameters of table [bodytemp]; takes a layout and gives fresh state. Decides nothing (bodytemp.py).
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.baseline import FEATURES, POSTURES
from detectors.keep import PerCamera, PerHome, PerRoom
from detectors.layout import Layout

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Ints = NDArray[np.intp]
NEVER: Final = -1
READINGS: Final = 48
"""Most readings of one session that are kept."""
BLOCKS: Final = 3


@dataclass(frozen=True, slots=True)
class BodytempParams:
    """Table [bodytemp] of config/detectors.toml, where each value has its reason."""

    sample_s: float
    retry_s: float
    slow_m_s: float
    sure: float
    settle_s: float
    least_fill: float
    least_gap_k: float
    session_s: float
    least_readings: int
    quantile: float
    memory_days: float
    sigma: float
    sigma_sessions: float
    least_sigma: float
    clip: float
    learn_days: float
    learning_days: float
    learn_sessions: float
    block_h: float
    alike: float
    outlier: float
    rise_k: float
    skin_share: float
    most_step: float
    alarm: float
    fever_k: float
    clear_k: float
    good_error_k: float
    most_error_k: float
    frozen_days: float
    fresh_h: float
    room_fresh_h: float
    common_h: float
    cold_c: float
    cold_h: float
    active_h: float
    usual_days: float
    active_share: float
    idle_share: float


class Standing(IntEnum):
    """What can be said of a home's trend; codes in Trend.standing."""

    OK = 0
    CANNOT = 1
    """The optics, or how differently somebody sits and lies there, do not allow it: the error is too large
    to find four fevers of five within 12 h, or, after `learning_days`, there are too few sessions to know
    one. A fever may still be found, later."""
    LEARNING = 2
    """Not enough is known yet; or, after a day away or unseen, not again yet."""
    NOBODY = 3
    """Nobody was seen long enough for `fresh_h`, or no array is there."""


@dataclass(frozen=True, slots=True)
class Trend:
    """(H,) each."""

    trend_k: F64
    """How much warmer the surface is than normal for the resident; NaN unless OK."""
    error_k: F64
    """Its standard error, learnt: geometry, posture, clothes, sensors. NaN: nothing learnt yet."""
    surface_c: F64
    """Temperature of the head's surface where a head fills its pixels; else NaN."""
    standing: NDArray[np.int8]


@dataclass(slots=True)
class BodytempState:
    """What is remembered; times are ms since 1970, -1 = never."""

    next_ms: PerCamera[np.int64]
    """Not looked at before."""
    sure: PerCamera[np.int64]
    """The track that was last surely a person: SLOTS x when it began (TrackState.born_ms) + its slot."""
    begun_ms: PerCamera[np.int64]
    """First reading of the session."""
    count: PerCamera[np.int16]
    value: PerCamera[np.float32]
    """(C, READINGS) logarithms."""
    far: PerCamera[np.float32]
    """(C, READINGS) logarithm of the distance, m."""
    how: PerCamera[np.int8]
    """(C, READINGS) posture."""
    last_ms: PerCamera[np.int64]
    lain_ms: PerCamera[np.int64]
    """Since when somebody lies there."""
    other: PerCamera[np.int8]
    """Readings on end in which they did not."""
    level_c: PerCamera[np.float32]
    """Of the empty room as the array reads it."""
    offset_k: PerCamera[np.float32]
    """How much more that is than the room's sensor says, averaged; NaN = no sensor."""
    surface_c: PerCamera[np.float32]
    information: PerCamera[np.float64]
    sums: PerCamera[np.float64]
    deviation: PerCamera[np.float64]
    sessions: PerCamera[np.float64]
    first_ms: PerCamera[np.int64]
    """First session ever."""
    learnt_ms: PerCamera[np.int64]
    room_c: PerRoom[np.float32]
    """Newest of the room's sensor."""
    room_ms: PerRoom[np.int64]
    cold_ms: PerRoom[np.int64]
    """Since when it is below `cold_c`."""
    block_ms: PerHome[np.int64]
    block: PerHome[np.float64]
    """(H, 6) over its sessions: how many; sums of the weight 1/sigma² alone, and of it times residual, sigma,
    core less room, resting."""
    ring: PerHome[np.float64]
    """(H, BLOCKS, 4) of the last blocks: residual, error (both K of the surface), resting share, end ms."""
    hot: PerHome[np.float64]
    """Cumulative sum for a rise."""
    cool: PerHome[np.float64]
    hot_ms: PerHome[np.int64]
    """Since when it is above 0."""
    cool_ms: PerHome[np.int64]
    fever_ms: PerHome[np.int64]
    """Flagged since."""
    hypothermia_ms: PerHome[np.int64]
    stirs: PerHome[np.float64]
    """Signs of life a minute, over `active_h`."""
    usual: PerHome[np.float64]
    """The same over `usual_days`."""
    signs: PerHome[np.float64]
    """Since the last step."""
    minute_ms: PerHome[np.int64]
    """Last step."""


GLANCED: Final = (
    "next_ms", "sure", "begun_ms", "count", "value", "far", "how", "last_ms", "lain_ms", "other", "level_c",
    "surface_c",
)  # fmt: skip
"""What bodyglance.glance writes."""


def fresh(layout: Layout) -> BodytempState:
    """State of homes that nothing is known of."""
    c, r, h = len(layout.camera_home), layout.rooms, layout.homes

    def never(n: int) -> I64:
        return np.full(n, NEVER, np.int64)

    def nan(*shape: int) -> NDArray[np.float32]:
        return np.full(shape, np.nan, np.float32)

    return BodytempState(
        next_ms=never(c),
        sure=never(c),
        begun_ms=never(c),
        count=np.zeros(c, np.int16),
        value=nan(c, READINGS),
        far=nan(c, READINGS),
        how=np.full((c, READINGS), NEVER, np.int8),
        last_ms=never(c),
        lain_ms=never(c),
        other=np.zeros(c, np.int8),
        level_c=nan(c),
        offset_k=nan(c),
        surface_c=nan(c),
        information=np.zeros((c, FEATURES, FEATURES)),
        sums=np.zeros((c, FEATURES)),
        deviation=np.zeros((c, POSTURES)),
        sessions=np.zeros((c, POSTURES)),
        first_ms=never(c),
        learnt_ms=never(c),
        room_c=nan(r),
        room_ms=never(r),
        cold_ms=never(r),
        block_ms=never(h),
        block=np.zeros((h, 6)),
        ring=np.full((h, BLOCKS, 4), np.nan),
        hot=np.zeros(h),
        cool=np.zeros(h),
        hot_ms=never(h),
        cool_ms=never(h),
        fever_ms=never(h),
        hypothermia_ms=never(h),
        stirs=np.zeros(h),
        usual=np.zeros(h),
        signs=np.zeros(h),
        minute_ms=never(h),
    )
