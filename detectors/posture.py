"""From a patch to a posture: how large it is on the floor, which way it lies, how likely a body lies low.

Takes the moments of patches and the optics of their sensors, gives lengths in metres, place on the
floor, and the chance that somebody lies (on the floor or on furniture: one picture cannot tell). Where
field of view or height is unknown, assumed values give a scale, and `metric` says so. Remembers nothing.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.background import F32, SMOOTH_FROM
from detectors.blobs import Blobs
from detectors.frame import Optics

FEATURES: Final = (
    "one",
    "log_along",
    "log_across",
    "log_tangential",
    "off",
    "off_squared",
    "off_log_along",
    "off_log_across",
    "log_area",
    "fill",
)
"""Names of the weights, in order: logarithms of lengths in metres; off = tangent of the angle from
straight down (an upright body far from the middle is long too, but along the radius)."""


COARSE_PX: Final = 128


@dataclass(frozen=True, slots=True)
class PostureParams:
    """Table [posture] of config/detectors.toml."""

    assumed_fov_deg: float
    assumed_height_m: float
    body_height_m: float
    blur_px2: float
    clip: float
    wall_weight: float
    weights_coarse: tuple[float, ...]
    """8x8: under COARSE_PX pixels."""
    weights_middle: tuple[float, ...]
    """12x16."""
    weights_fine: tuple[float, ...]
    """From SMOOTH_FROM pixels on."""

    def __post_init__(self) -> None:
        for name in ("weights_coarse", "weights_middle", "weights_fine"):
            if len(getattr(self, name)) != len(FEATURES):
                raise ValueError(f"posture.{name}: expected {len(FEATURES)} numbers")


@dataclass(frozen=True, slots=True)
class Shapes:
    """What a patch would be on the floor; (N,) each, NaN or 0 where there is none."""

    there: NDArray[np.bool_]
    x_m: F32
    """From below the sensor, along the columns; in the assumed scale where `metric` is False."""
    y_m: F32
    along_m: F32
    """Length along the longer axis: four standard deviations of the warmth."""
    across_m: F32
    radial_m: F32
    tangential_m: F32
    area_m2: F32
    fill: F32
    """Mean over peak of the patch."""
    off: F32
    """Tangent of the angle from straight down."""
    peak_k: F32
    rim: F32
    metric: NDArray[np.bool_]
    """Field of view and height are known."""


def shapes(params: PostureParams, blobs: Blobs, optics: Optics, sensor: NDArray[np.intp]) -> Shapes:
    """Sizes on the floor for N patches of the sensors `sensor` (rows of `optics`)."""
    fov, height = optics.fov_deg[sensor], optics.height_m[sensor]
    metric = np.isfinite(fov) & np.isfinite(height)
    fov = np.where(np.isfinite(fov), fov, np.float32(params.assumed_fov_deg))
    height = np.where(np.isfinite(height), height, np.float32(params.assumed_height_m))
    per_px = np.radians(fov) / np.float32(optics.cols)
    there = blobs.area_px > 0

    r_px = np.hypot(blobs.x_px, blobs.y_px)
    angle = np.minimum(r_px * per_px, np.float32(1.3))
    near = r_px < 1e-3
    cos_p = np.where(near, np.float32(1), blobs.x_px / np.maximum(r_px, np.float32(1e-3)))
    sin_p = np.where(near, np.float32(0), blobs.y_px / np.maximum(r_px, np.float32(1e-3)))
    blur = np.float32(params.blur_px2)
    least = np.float32(0.02)
    xx, yy, xy = blobs.xx_px2, blobs.yy_px2, blobs.xy_px2
    rr = np.maximum(cos_p**2 * xx + 2 * cos_p * sin_p * xy + sin_p**2 * yy - blur, least)
    tt = np.maximum(sin_p**2 * xx - 2 * cos_p * sin_p * xy + cos_p**2 * yy - blur, least)
    rt = cos_p * sin_p * (yy - xx) + (cos_p**2 - sin_p**2) * xy

    drop = (height - np.float32(params.body_height_m)) * per_px
    off = np.tan(angle)
    radial = drop * (1 + off * off)
    tangential = drop * np.where(angle > 1e-3, off / np.maximum(angle, np.float32(1e-3)), np.float32(1))
    rr, tt, rt = rr * radial**2, tt * tangential**2, rt * radial * tangential
    mean = (rr + tt) / 2
    split = np.hypot((rr - tt) / 2, rt)
    r_m = (height - np.float32(params.body_height_m)) * off
    nothing = np.float32(np.nan)
    return Shapes(
        there,
        np.where(there, r_m * cos_p, nothing),
        np.where(there, r_m * sin_p, nothing),
        4 * np.sqrt(mean + split),
        4 * np.sqrt(np.maximum(mean - split, least * drop * drop)),
        4 * np.sqrt(rr),
        4 * np.sqrt(tt),
        blobs.area_px * radial * tangential,
        blobs.heat_k / np.maximum(blobs.area_px * blobs.peak_k, np.float32(1e-6)),
        off,
        blobs.peak_k,
        blobs.rim,
        metric,
    )


def features(shape: Shapes) -> F32:
    """(N, len(FEATURES)) numbers that the weights apply to."""
    along = np.log(np.maximum(shape.along_m, np.float32(0.05)))
    across = np.log(np.maximum(shape.across_m, np.float32(0.05)))
    sideways = np.log(np.maximum(shape.tangential_m, np.float32(0.05)))
    off = shape.off
    area = np.log(np.maximum(shape.area_m2, np.float32(0.01)))
    columns = [
        np.ones_like(along),
        along,
        across,
        sideways,
        off,
        off * off,
        off * along,
        off * across,
        area,
        shape.fill,
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def lying(
    params: PostureParams, shape: Shapes, blobs: Blobs, optics: Optics, sensor: NDArray[np.intp]
) -> F32:
    """(N,) log-odds that the patch is a body lying low, clipped to ± `clip`; NaN where nothing is there.

    From a wall only the ratio of width to height of the patch is used.
    """
    pixels = optics.rows * optics.cols
    coarse = params.weights_coarse if pixels < COARSE_PX else params.weights_middle
    weights = np.array(params.weights_fine if pixels >= SMOOTH_FROM else coarse, np.float32)
    # no matrix product: its rounding depends on the number of rows, and chunks must equal the whole
    odds = (features(shape) * weights).sum(axis=1)
    blur = np.float32(params.blur_px2)
    ratio = np.log((blobs.xx_px2 + blur) / (blobs.yy_px2 + blur))
    odds = np.where(optics.wall[sensor], np.float32(params.wall_weight) * ratio, odds)
    limit = np.float32(params.clip)
    return np.where(shape.there, np.clip(odds, -limit, limit), np.float32(np.nan)).astype(np.float32)
