"""What a detector sees: one batch of thermal frames, at most one per sensor."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

BAD_PIXEL: Final = -32768
"""centi-°C value of a pixel without a reading (DESIGN: native frame format)."""


@dataclass(frozen=True, slots=True)
class Optics:
    """How the sensors of one resolution group look at their rooms; first axis S = sensor."""

    rows: int
    cols: int
    height_m: NDArray[np.float32]
    """(S,) mounting height above the floor; NaN = unknown."""
    fov_deg: NDArray[np.float32]
    """(S,) field of view along the columns; NaN = unknown."""
    wall: NDArray[np.bool_]
    """(S,) True: on a wall; False: on the ceiling, looking down."""
    rate_hz: NDArray[np.float32]
    """(S,) nominal full frames a second; NaN = unknown."""


@dataclass(frozen=True, slots=True)
class Frames:
    """One batch of N frames of one resolution group, at most one for each sensor."""

    sensor: NDArray[np.intp]
    """(N,) row of the sensor in its group, strictly increasing."""
    centi: NDArray[np.int16]
    """(N, rows, cols) centi-°C, BAD_PIXEL = no reading."""
    t_ms: NDArray[np.int64]
    """(N,) when the frame was taken, ms since 1970: arrival, refined by the device's own steps."""
    dt_s: NDArray[np.float32]
    """(N,) seconds since that sensor's last frame; NaN = first one, or a gap: memory starts anew."""
