"""What a detector sees: one batch of thermal frames, at most one per sensor."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.bits import LONGEST

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
    tilt_deg: NDArray[np.float32]
    """(S,) how far a wall sensor looks down from the horizon; NaN = unknown."""
    yaw_deg: NDArray[np.float32]
    """(S,) where it looks (wall) or how its columns lie (ceiling), from the room's x axis; NaN = unknown."""
    x_m: NDArray[np.float32]
    """(S,) its foot in the room's coordinates; NaN = unknown."""
    y_m: NDArray[np.float32]


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

    def part(self, rows: NDArray[np.intp] | slice) -> "Frames":
        """Give some of them."""
        return Frames(self.sensor[rows], self.centi[rows], self.t_ms[rows], self.dt_s[rows])


SMALLEST: Final = 4
"""Rows and columns of the smallest pictures that a patch can be told from its room in."""
WIDEST: Final = LONGEST
"""Rows and columns that the blob finder takes; arrays with more columns are looked at in larger pixels."""


def fits(rows: int, cols: int) -> bool:
    """Whether the detectors can work with arrays of this shape: SMALLEST to WIDEST a side, as looked at."""
    half = halving(cols)
    return all(SMALLEST <= side // half <= WIDEST for side in (rows, cols))


def looked_at(optics: Optics) -> Optics:
    """Optics of the pictures that the detectors work on: those of wide arrays (Lepton) are halved."""
    half = halving(optics.cols)
    return replace(optics, rows=optics.rows // half, cols=optics.cols // half)


def halving(cols: int) -> int:
    """Give how many pixels of a side the detectors look at as one."""
    return 2 if cols > WIDEST else 1


def halved(frames: Frames) -> Frames:
    """Frames in pixels twice as large: the mean of the 2x2 that can be read; an odd last line is left out."""
    n, rows, cols = frames.centi.shape
    four = frames.centi[:, : rows // 2 * 2, : cols // 2 * 2].reshape(n, rows // 2, 2, cols // 2, 2)
    good = four != BAD_PIXEL
    count = good.sum(axis=(2, 4), dtype=np.int32)
    total = np.where(good, four, 0).sum(axis=(2, 4), dtype=np.int32)
    mean = np.round(total / np.maximum(count, 1)).astype(np.int16)
    return replace(frames, centi=np.where(count > 0, mean, np.int16(BAD_PIXEL)))
