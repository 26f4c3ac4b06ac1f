"""How much of a pixel a head fills, and what that allows to be said of its temperature.

Takes how an array hangs and where in its picture somebody's warmest place is, gives distance, fill and the
temperature of the surface with its error. Remembers nothing, decides nothing. The head is an ellipse of
HEAD_M in front of the room; a pixel is blurred by lens and own width as in geometry.py.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf  # type: ignore[import-untyped]  # scipy ships no types

from detectors.background import F32
from detectors.frame import Optics
from detectors.geometry import FARTHEST_M, FLATTEST, GeometryParams

HEAD_M: Final = (0.16, 0.24)
"""Across and along (research 3.2)."""
HEAD_HEIGHTS_M: Final = np.array([1.55, 1.15, 0.6], np.float32)
"""Of the middle of the head of who stands, sits, lies on furniture: 1.65 m tall, seat and bed 0.45 m."""
ROUND: Final = np.sqrt(np.pi / 4)  # an ellipse fills so much of each side of its rectangle
PIXEL_PX: Final = 1 / 12  # variance of a pixel's own width
LENS_PX: Final = 0.45  # standard deviation of the blur (research 1.2)
NEAREST_M: Final = np.float32(0.3)
ZERO_C: Final = 273.15
EMISSIVITY: Final = 0.98
"""Of skin: 0.977 ± 0.007 and 0.971 ± 0.005 (research 3.1)."""
SIZE_ERROR: Final = 0.1
"""Heads differ by so much in width (standard deviation, judgement: builds of 0.9 to 1.1, and hair)."""


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of the warmest place of L people, (L,) each."""

    range_m: F32
    fill: F32
    """Share of its pixel that a head there fills, 0 to 1."""


def seen(  # noqa: PLR0917  (one array a thing known of each head)
    params: GeometryParams,
    optics: Optics,
    sensor: NDArray[np.intp],
    x_px: F32,
    y_px: F32,
    posture: NDArray[np.intp],
) -> Head:
    """Heads at pixels (x, y) from the middle of the pictures; posture: 0 stands, 1 sits, 2 lies."""
    wall = optics.wall[sensor]
    usual = np.where(wall, np.float32(params.assumed_wall_m), np.float32(params.assumed_height_m))
    height, fov, tilt = optics.height_m[sensor], optics.fov_deg[sensor], optics.tilt_deg[sensor]
    height = np.where(np.isnan(height), usual, height)
    fov = np.where(np.isnan(fov), np.float32(params.assumed_fov_deg), fov)
    tilt = np.radians(np.where(np.isnan(tilt), np.float32(params.assumed_tilt_deg), tilt))
    per_px = np.radians(fov) / np.float32(optics.cols)
    right, below = x_px * per_px, y_px * per_px
    off = np.hypot(right, below)
    ahead = np.cos(off)
    down = np.sin(tilt) * ahead + np.cos(tilt) * below * np.sinc(off / np.pi)
    drop = np.maximum(height - HEAD_HEIGHTS_M[posture], NEAREST_M)
    range_m = np.clip(drop / np.maximum(np.where(wall, down, ahead), FLATTEST), NEAREST_M, FARTHEST_M)
    return Head(range_m.astype(np.float32), fill(range_m.astype(np.float32) * per_px))


def fill(footprint_m: F32) -> F32:
    """Share of the pixel on the middle of a head that the head fills; `footprint_m`: of a pixel."""
    spread = np.sqrt(2 * (LENS_PX**2 + PIXEL_PX)) * np.maximum(footprint_m, np.float32(1e-4))
    sides = [erf(side / 2 * ROUND / spread) for side in HEAD_M]
    return np.asarray(sides[0] * sides[1], np.float32)


def surface_c(apparent_k: F32, room_c: F32, share: F32) -> F32:
    """Temperature of what fills `share` of a pixel that reads `apparent_k` above a room of `room_c`.

    T^4 = (T_app^4 - (1 - share) T_room^4) / share, then the same with the emissivity (research 3.2).
    """
    room = (room_c + ZERO_C).astype(np.float64) ** 4
    full = share * EMISSIVITY
    power = ((room_c + apparent_k + ZERO_C).astype(np.float64) ** 4 - (1 - full) * room) / full
    return np.asarray(np.maximum(power, 0) ** 0.25 - ZERO_C, np.float32)


def error_k(footprint_m: F32, excess_k: float, noise_k: float, offset_k: float) -> F32:
    """Standard error of one surface temperature: size of the head, where it lies in the pixel, noise, offset.

    `excess_k`: of the surface over the room; `noise_k`: of the pixel after averaging; `offset_k`: what
    is left of the array's after the room's sensor has been taken off.
    """
    share = fill(footprint_m)
    larger = fill(footprint_m / np.float32(1 + SIZE_ERROR))
    aside = share * _aside(footprint_m)
    geometry = excess_k * np.hypot(larger - share, aside) / share
    return np.asarray(np.sqrt(geometry**2 + (noise_k / share) ** 2 + offset_k**2), np.float32)


def _aside(footprint_m: F32) -> F32:
    """Share that is lost when the head's middle lies anywhere in a pixel: standard deviation over places."""
    spread = np.sqrt(2 * (LENS_PX**2 + PIXEL_PX)) * np.maximum(footprint_m, np.float32(1e-4))
    place = (np.arange(8) + 0.5) / 16  # of a pixel, from its middle to its edge
    out = np.ones((len(place), len(place), *np.shape(footprint_m)))
    for axis, side in enumerate(HEAD_M):
        half, aside = side / 2 * ROUND, np.multiply.outer(place, footprint_m)
        one = (erf((half - aside) / spread) + erf((half + aside) / spread)) / (2 * erf(half / spread))
        out = out * (one[:, None] if axis == 0 else one[None])
    return np.asarray(out.std(axis=(0, 1)), np.float32)
