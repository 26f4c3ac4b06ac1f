"""What the fall detector is set to and what it remembers.

Names the parameters of table [fall]; takes the optics of a group of sensors and gives fresh state.
Decides nothing (fall.py does).
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors import background
from detectors.background import F32, BackgroundParams, BackgroundState, Bools
from detectors.blobs import BlobParams
from detectors.frame import Optics, looked_at
from detectors.posture import PostureParams

NEVER_MS: Final = -(2**62)
I64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FallParams:
    """Table [fall] of config/detectors.toml, with the tables of the stations before it."""

    background: BackgroundParams
    blobs: BlobParams
    posture: PostureParams
    mean_tau_s: float
    score_tau_s: float
    speed_tau_s: float
    speed_free_m_s: float
    speed_weight_s_m: float
    haste_tau_s: float
    haste_most_m_s: float
    haste_weight_s_m: float
    slow_weight_s_m: float
    absent_odds: float
    suspect_odds: float
    suspect_coarse_odds: float
    least_odds: float
    least_coarse_odds: float
    linger_odds: float
    lying_odds: float
    up_odds: float
    up_fall_odds: float
    rise_odds: float
    climb_odds_s: float
    near_odds: float
    usual_tau_s: float
    settle_s: float
    rearm_odds: float
    refractory_s: float
    small_pixels: int
    fast_small_s: float
    fast_large_s: float
    slow_small_s: float
    slow_large_s: float
    still_m_s: float
    recover_s: float
    alive_m: float
    lost_s: float
    jump_m: float
    jump_m_s: float
    away_m: float
    furniture_rim_m: float
    furniture_height_m: float


@dataclass(slots=True)
class FallState:
    """What is remembered; arrays with first axis S = sensor."""

    optics: Optics
    furniture: F32 | None
    """(S, Z, 4) boxes x0, y0, x1, y1 in metres where nobody lies on the floor, NaN = no box; None = unknown.
    """
    room: BackgroundState
    mean: F32
    """Mean log-odds of lying low."""
    score: F32
    """The same, less a penalty for speed."""
    haste_m_s: F32
    """Highest speed of late, fading."""
    speed_m_s: F32
    vx_m_s: F32
    """Mean velocity: noise of the place averages out in it, a walk does not."""
    vy_m_s: F32
    x_m: F32
    """Where the patch was last; NaN = nothing known."""
    y_m: F32
    from_x_m: F32
    """Where the present patch was first seen."""
    from_y_m: F32
    absent_s: F32
    alive: Bools
    low: F32
    """Lowest mean of late, forgotten at `climb_odds_s`: how the person was before."""
    usual: F32
    """Mean of the mean over `usual_tau_s`."""
    calm_ms: I64
    """When the mean was last near it: where a rise began."""
    top: F32
    """Highest score since the suspicion."""
    known_s: F32
    """Seconds since the last gap."""
    stage: NDArray[np.int8]
    armed: Bools
    quick: Bools
    """The suspicion began with a drop: the fast time is enough."""
    onset_ms: I64
    suspected_ms: I64
    down_s: F32
    open_s: F32
    """Seconds since the suspicion, or lying with unseen start."""
    up_s: F32
    place_x_m: F32
    """Where the suspicion arose."""
    place_y_m: F32

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Copies of all arrays by name, those of the background with the prefix `room_`."""
        own = {name: getattr(self, name).copy() for name in _OWN}
        return own | {f"room_{name}": getattr(self.room, name).copy() for name in _ROOM}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take back a snapshot; ValueError when a shape or name does not fit (nothing is changed then)."""
        targets = {name: getattr(self, name) for name in _OWN}
        targets |= {f"room_{name}": getattr(self.room, name) for name in _ROOM}
        wrong = [n for n, a in targets.items() if n not in arrays or arrays[n].shape != a.shape]
        if wrong:
            raise ValueError(f"snapshot does not fit: {', '.join(sorted(wrong))}")
        for name, array in targets.items():
            array[...] = arrays[name]


_NOT_ARRAYS: Final = {"optics", "furniture", "room"}
_OWN: Final = tuple(f.name for f in fields(FallState) if f.name not in _NOT_ARRAYS)
_ROOM: Final = tuple(f.name for f in fields(BackgroundState) if f.name not in {"rows", "cols", "scratch"})


def fresh(optics: Optics, furniture: F32 | None = None) -> FallState:
    """State of sensors that have seen nothing.

    `furniture` (S, Z, 4): boxes x0, y0, x1, y1 in metres from below the sensor, NaN = no box. A sensor
    without any box (or None for all) has unknown furniture: lying with unseen start is not judged there,
    for it may be a bed. An empty room has a box of no size. The state's optics are those of the pictures
    that are looked at (frame.looked_at).
    """
    optics, n = looked_at(optics), len(optics.height_m)

    def zeros() -> F32:
        return np.zeros(n, np.float32)

    def unknown() -> F32:
        return np.full(n, np.nan, np.float32)

    def never() -> I64:
        return np.full(n, NEVER_MS, np.int64)

    def no() -> Bools:
        return np.zeros(n, np.bool_)

    return FallState(
        optics,
        furniture,
        background.fresh(n, optics.rows, optics.cols),
        zeros(),
        zeros(),
        zeros(),
        zeros(),
        zeros(),
        zeros(),
        unknown(),
        unknown(),
        unknown(),
        unknown(),
        zeros(),
        no(),
        zeros(),
        zeros(),
        never(),
        zeros(),
        zeros(),
        np.zeros(n, np.int8),
        ~no(),
        no(),
        never(),
        never(),
        zeros(),
        zeros(),
        zeros(),
        unknown(),
        unknown(),
    )
