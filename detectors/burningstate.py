"""What the detector of fire and stoves is set to and what it remembers.

Names the parameters of table [burning]; takes the optics of a group of sensors and the furniture, gives fresh
state: where the rays of each pixel meet a stove is worked out once. Decides nothing (burning.py does).
"""

from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.background import F32, Bools
from detectors.frame import Optics, looked_at
from detectors.geometry import GeometryParams, Patches, shapes
from detectors.keep import PerCamera
from detectors.zones import ZoneKind, Zones, seen_from

I64 = NDArray[np.int64]

NEVER: Final = -1
CHECKS: Final = 4
"""Values of a patch's heat that growth is told from."""
PIECE: Final = 64
"""Sensors whose rays are worked out at once."""
STOVE_M: Final = 0.9
"""Height of hobs and of what stands on work tops."""


@dataclass(frozen=True, slots=True)
class BurningParams:
    """Table [burning] of config/detectors.toml."""

    look_s: float
    settle_s: float
    surge_k_min: float
    surge_k: float
    step_k_s: float
    leap_s: float
    looks: int
    mild_k: float
    mild_s: float
    warm_k: float
    gate_c: float
    stove_c: float
    simmer_c: float
    simmer_share: float
    stove_m: float
    glare_m: float
    still_m_s: float
    still_share: float
    stove_gap_s: float
    stove_frames: int
    left_min: float
    burn_c: float
    burn_m2: float
    burn_least_px: int
    burn_most: float
    whole: float
    check_s: float
    growth: float
    most_growth: float
    spot: float
    jump: float
    jump_px: int
    again_min: float
    wall_m: float


@dataclass(slots=True)
class BurningState:
    """What is remembered of S sensors of one resolution with P pixels."""

    level_c: PerCamera[np.float32]
    """Lower quarter of the picture at the last look, NaN = none."""
    floor_c: PerCamera[np.float32]
    """What the level may be without fire."""
    looked_ms: PerCamera[np.int64]
    since_ms: PerCamera[np.int64]
    """From when on the sensor settles: the first frame after a gap."""
    surge: PerCamera[np.int8]
    """Looks on end at which the level was above its floor."""
    gate: PerCamera[np.int16]
    """centi-°C above which a frame is worth a closer look."""
    mild_ms: PerCamera[np.int64]
    """When the zone of the stove was no longer cool,"""
    mild_last_ms: PerCamera[np.int64]
    """and the last look at which it was not."""
    warm_ms: PerCamera[np.int64]
    """When the stove became warm,"""
    warm_last_ms: PerCamera[np.int64]
    """when it last was,"""
    most_k: PerCamera[np.float32]
    """and how far above the level at most since."""
    hot_frames: PerCamera[np.int16]
    """Frames on end in which the stove was on."""
    left_ms: PerCamera[np.int64]
    """When the last finding of a stove was given."""
    heat: PerCamera[np.float32]
    """(S, CHECKS) kelvin times pixels of the largest hot patch at the last checks, newest last; 0 = none."""
    heat_ms: PerCamera[np.int64]
    hot_px: PerCamera[np.int64]
    """Hot pixels outside of stoves in the last frame that had any."""
    heat_x: PerCamera[np.float32]
    """Its middle, in shares of the picture's width."""
    heat_y: PerCamera[np.float32]
    burnt_ms: PerCamera[np.int64]
    """When there last was a sign of the fire that was said, NEVER = none was."""

    optics: Optics
    stove: Bools
    """(S, P) where a stove stands."""
    zoned: Bools
    """(S,) a stove's place is known."""
    kitchen: Bools
    """(S,)"""
    burn_px: NDArray[np.intp]
    """(S,) pixels that are more than any pan."""
    box: F32
    """(S, Z, 4) stoves in the room, NaN = none."""
    to_top: F32
    """(S, 2) by how much nearer to a ceiling array's foot something is that stands on the stove, when it is
    taken for something on the floor, or for somebody who sits or stands.
    """


REMEMBERED: Final = (
    "level_c", "floor_c", "looked_ms", "since_ms", "surge", "gate", "mild_ms", "mild_last_ms", "warm_ms",
    "warm_last_ms", "most_k", "hot_frames", "left_ms", "heat", "heat_ms", "hot_px", "heat_x", "heat_y",
    "burnt_ms",
)  # fmt: skip
"""What burning.step writes."""


def fresh(
    params: BurningParams, geometry: GeometryParams, optics: Optics, furniture: Zones, kitchen: Bools
) -> BurningState:
    """State of sensors that have seen nothing; `kitchen` (S,) whether one looks into a kitchen."""
    optics = looked_at(optics)
    s, p = len(optics.height_m), optics.rows * optics.cols
    furniture = seen_from(furniture, optics)
    stove = _stoves(params, geometry, optics, furniture)
    angle = np.radians(np.where(np.isnan(optics.fov_deg), geometry.assumed_fov_deg, optics.fov_deg))
    height = np.where(np.isnan(optics.height_m), geometry.assumed_height_m, optics.height_m)
    planes = np.array([geometry.body_height_m, geometry.raised_height_m])
    to_top = (height[:, None] - STOVE_M) / np.maximum(height[:, None] - planes, 0.5)
    far_m = np.where(optics.wall, params.wall_m, np.maximum(height - STOVE_M, 0.5))
    px = params.burn_m2 / (angle / optics.cols * far_m) ** 2

    def never() -> I64:
        return np.full(s, NEVER, np.int64)

    def blank() -> F32:
        return np.full(s, np.nan, np.float32)

    return BurningState(
        level_c=blank(),
        floor_c=blank(),
        looked_ms=never(),
        since_ms=never(),
        surge=np.zeros(s, np.int8),
        gate=np.full(s, np.iinfo(np.int16).max, np.int16),
        mild_ms=never(),
        mild_last_ms=never(),
        warm_ms=never(),
        warm_last_ms=never(),
        most_k=np.zeros(s, np.float32),
        hot_frames=np.zeros(s, np.int16),
        left_ms=never(),
        heat=np.zeros((s, CHECKS), np.float32),
        heat_ms=never(),
        hot_px=np.zeros(s, np.int64),
        heat_x=blank(),
        heat_y=blank(),
        burnt_ms=never(),
        optics=optics,
        stove=stove.reshape(s, p),
        zoned=np.asarray(stove.any(axis=(1, 2))),
        kitchen=kitchen,
        burn_px=np.maximum(np.ceil(px), params.burn_least_px).astype(np.intp),
        box=np.where((furniture.kind == ZoneKind.STOVE)[:, :, None], furniture.box, np.float32(np.nan)),
        to_top=np.where(optics.wall[:, None], 1, to_top).astype(np.float32),
    )


def _stoves(params: BurningParams, geometry: GeometryParams, optics: Optics, furniture: Zones) -> Bools:
    """(S, rows, cols) pixels whose rays meet a stove, `stove_m` around it included."""
    s, rows, cols = len(optics.height_m), optics.rows, optics.cols
    out = np.zeros((s, rows, cols), np.bool_)
    at_top = replace(geometry, raised_height_m=STOVE_M)
    row, col = np.divmod(np.arange(rows * cols), cols)
    has = np.flatnonzero((furniture.kind == ZoneKind.STOVE).any(axis=1))
    for begin in range(0, len(has), PIECE):
        some = has[begin : begin + PIECE]
        x, y = (
            np.tile((a - (n - 1) / 2).astype(np.float32), len(some)) for a, n in ((col, cols), (row, rows))
        )
        told = {"x_px": x, "y_px": y, "peak_x_px": x, "peak_y_px": y, "top_px": y, "bottom_px": y}
        one = np.ones_like(x)
        pixels = Patches(*(told.get(f.name, one) for f in fields(Patches)))
        met = shapes(at_top, pixels, optics, some.repeat(rows * cols))
        near = np.float32(params.stove_m)
        box = furniture.box[some].repeat(rows * cols, axis=0)
        inside = (furniture.kind[some] == ZoneKind.STOVE).repeat(rows * cols, axis=0)
        for place, low, high in ((met.raised_x_m, 0, 2), (met.raised_y_m, 1, 3)):
            inside &= (place[:, None] > box[:, :, low] - near) & (place[:, None] < box[:, :, high] + near)
        out[some] = inside.any(axis=1).reshape(-1, rows, cols)
    return out
