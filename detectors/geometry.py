"""From patches of a picture to metres in the room: sizes, heights, places.

Takes the moments and rims of patches and how their sensors hang, gives what a body of that shape would
measure. Where field of view, height or tilt is unknown, assumed values give a scale, and `metric` says so.
Remembers nothing.

A lens is taken to be equi-angular: a pixel is so many degrees wherever it lies (so are the simulator's
and, nearly, the arrays' on sale). Each patch gets its ray worked out when it is there: a table of rays for
each sensor would be twice as large as everything else that is remembered of it.

Ceiling: a patch is laid on the plane `body_height_m`; radial and tangential sizes differ in scale. Wall: its
lower end stands on the floor, which gives the distance, and with it width and heights.
"""

from dataclasses import dataclass, fields
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from detectors.background import F32, Bools
from detectors.frame import Optics

LEAST_PX2: Final = np.float32(0.02)  # nothing is thinner than a seventh of a pixel
FLATTEST: Final = np.float32(
    0.09
)  # sine of 5°: rays from a wall that go down less never reach this room's floor
FARTHEST_M: Final = np.float32(8.0)
WIDEST_RAD: Final = np.float32(1.3)


@dataclass(frozen=True, slots=True)
class GeometryParams:
    """Table [geometry] of config/detectors.toml."""

    assumed_fov_deg: float
    assumed_height_m: float
    assumed_wall_m: float
    assumed_tilt_deg: float
    body_height_m: float
    raised_height_m: float
    blur_px2: float


@dataclass(frozen=True, slots=True)
class Patches:
    """L patches of known sensors, flat; a subset of blobs.Blobs, all (L,)."""

    area_px: F32
    core_px: F32
    peak_k: F32
    heat_k: F32
    x_px: F32
    y_px: F32
    xx_px2: F32
    yy_px2: F32
    xy_px2: F32
    peak_x_px: F32
    peak_y_px: F32
    top_px: F32
    bottom_px: F32
    rim: F32
    sigma_k: F32


@dataclass(frozen=True, slots=True)
class Shapes:
    """What L patches measure; (L,) each."""

    metric: Bools
    """Height and field of view (and tilt, of a wall sensor) are known."""
    move_x_m: F32
    """Where it is for telling how fast it moves: sensor's own directions, metres at floor or body
    distance."""
    move_y_m: F32
    floor_x_m: F32
    """In the room, if it lies on the floor; from below the sensor where the sensor's own place is unknown."""
    floor_y_m: F32
    raised_x_m: F32
    """In the room, if it lies `raised_height_m` above the floor."""
    raised_y_m: F32
    upright_x_m: F32
    """In the room, if it stands."""
    upright_y_m: F32
    along_m: F32
    """Four standard deviations of the warmth along its longer axis."""
    across_m: F32
    wide_m: F32
    """Across the line of sight: tangential (ceiling), horizontal (wall)."""
    tall_m: F32
    """Along it: radial (ceiling), vertical (wall)."""
    area_m2: F32
    reach: F32
    """Tangent of the angle from straight down (ceiling); distance over height (wall)."""
    tip_m: F32
    """How far the hottest place lies outwards (ceiling) or above (wall) the middle."""
    side_m: F32
    """How far it lies to the side of it, without sign: a mirror image is the same."""
    top_m: F32
    """Height of its upper end (wall); 0 (ceiling)."""
    middle_m: F32
    """Height of its middle (wall); 0 (ceiling)."""


Flat = TypeVar("Flat", Patches, Shapes)


def picked(some: Flat, index: NDArray[np.intp]) -> Flat:
    """Rows `index` of all arrays."""
    return type(some)(*(getattr(some, f.name)[index] for f in fields(some)))


@dataclass(frozen=True, slots=True)
class _View:
    """How the sensors of L patches look, assumed values filled in."""

    rad_px: F32
    height_m: F32
    tilt: F32
    wall: Bools
    metric: Bools


def shapes(params: GeometryParams, p: Patches, optics: Optics, sensor: NDArray[np.intp]) -> Shapes:
    """Sizes and places of the patches `p` of the sensors `sensor` (L,), rows of `optics`."""
    view = _view(params, optics, sensor)
    wall = view.wall
    if not wall.any():
        return _from_ceiling(params, p, optics, sensor, view)
    if wall.all():
        return _from_wall(params, p, optics, sensor, view)
    above, beside = (f(params, p, optics, sensor, view) for f in (_from_ceiling, _from_wall))
    return Shapes(
        *(np.where(wall, getattr(beside, name), getattr(above, name)) for name in Shapes.__dataclass_fields__)
    )


def _view(params: GeometryParams, optics: Optics, sensor: NDArray[np.intp]) -> _View:
    fov, height, tilt = optics.fov_deg[sensor], optics.height_m[sensor], optics.tilt_deg[sensor]
    wall = optics.wall[sensor]
    metric = np.isfinite(fov) & np.isfinite(height) & (np.isfinite(tilt) | ~wall)
    fov = np.where(np.isfinite(fov), fov, np.float32(params.assumed_fov_deg))
    usual = np.where(wall, np.float32(params.assumed_wall_m), np.float32(params.assumed_height_m))
    height = np.where(np.isfinite(height), height, usual)
    tilt = np.radians(np.where(np.isfinite(tilt), tilt, np.float32(params.assumed_tilt_deg)))
    angle: F32 = np.radians(fov)
    return _View(angle / np.float32(optics.cols), height, tilt, wall, metric)


def _from_ceiling(
    params: GeometryParams, p: Patches, optics: Optics, sensor: NDArray[np.intp], view: _View
) -> Shapes:
    body = np.float32(params.body_height_m)
    r_px: F32 = np.maximum(np.hypot(p.x_px, p.y_px), np.float32(1e-3))
    # any direction is radial there
    cos_p: F32 = np.where(r_px > np.float32(1e-3), p.x_px / r_px, np.float32(1))
    sin_p: F32 = np.where(r_px > np.float32(1e-3), p.y_px / r_px, np.float32(0))
    angle: F32 = np.minimum(r_px * view.rad_px, WIDEST_RAD)
    off: F32 = np.tan(angle)
    blur = np.float32(params.blur_px2)
    xx, yy, xy = p.xx_px2, p.yy_px2, p.xy_px2
    rr = np.maximum(cos_p**2 * xx + 2 * cos_p * sin_p * xy + sin_p**2 * yy - blur, LEAST_PX2)
    tt = np.maximum(sin_p**2 * xx - 2 * cos_p * sin_p * xy + cos_p**2 * yy - blur, LEAST_PX2)
    rt = cos_p * sin_p * (yy - xx) + (cos_p**2 - sin_p**2) * xy
    drop = (view.height_m - body) * view.rad_px
    radial = drop * (1 + off * off)
    tangential = drop * off / angle
    rr, tt, rt = rr * radial**2, tt * tangential**2, rt * radial * tangential
    along, across = _axes(rr, tt, rt, LEAST_PX2 * drop * drop)
    tip_x, tip_y = p.peak_x_px - p.x_px, p.peak_y_px - p.y_px
    floor = (view.height_m - body) * off
    raised = np.maximum(view.height_m - np.float32(params.raised_height_m), np.float32(0.5)) * off
    places = _ceiling_rooms(optics, sensor, *((r * cos_p, r * sin_p) for r in (floor, raised)))
    zero = np.zeros_like(off)
    return Shapes(
        view.metric,
        floor * cos_p,
        floor * sin_p,
        *places[0],
        *places[1],
        *places[1],  # the middle of whoever stands is higher still, but the feet are nearer
        along,
        across,
        4 * np.sqrt(tt),
        4 * np.sqrt(rr),
        p.area_px * radial * tangential,
        off,
        (tip_x * cos_p + tip_y * sin_p) * radial,
        np.abs(tip_x * sin_p - tip_y * cos_p) * tangential,
        zero,
        zero,
    )


def _from_wall(
    params: GeometryParams, p: Patches, optics: Optics, sensor: NDArray[np.intp], view: _View
) -> Shapes:
    half = np.float32(0.5)
    low = _ray(view, p.x_px, p.bottom_px + half)
    high = _ray(view, p.x_px, p.top_px - half)
    mid = _ray(view, p.x_px, p.y_px)
    reach_m: F32 = np.minimum(view.height_m * low[0] / np.maximum(low[2], FLATTEST), FARTHEST_M)
    reach_m = np.maximum(reach_m, np.float32(0.3))
    low_ahead: F32 = np.maximum(low[0], FLATTEST)
    high_ahead: F32 = np.maximum(high[0], FLATTEST)
    mid_ahead: F32 = np.maximum(mid[0], FLATTEST)
    far: F32 = np.hypot(reach_m, view.height_m - np.float32(params.raised_height_m))
    scale = view.rad_px * far
    blur = np.float32(params.blur_px2)
    xx = np.maximum(p.xx_px2 - blur, LEAST_PX2) * scale**2
    yy = np.maximum(p.yy_px2 - blur, LEAST_PX2) * scale**2
    along, across = _axes(xx, yy, p.xy_px2 * scale**2, LEAST_PX2 * scale**2)
    floor = _wall_room(optics, sensor, *_meet(mid, view.height_m - np.float32(params.body_height_m)))
    raised = _wall_room(optics, sensor, *_meet(mid, view.height_m - np.float32(params.raised_height_m)))
    stands = _wall_room(optics, sensor, reach_m, reach_m * low[1] / low_ahead)
    nominal = view.rad_px * view.height_m * np.float32(1.4)  # 3 m from an array at 2.2 m
    return Shapes(
        view.metric,
        p.x_px * nominal,
        p.y_px * nominal,
        *floor,
        *raised,
        *stands,
        along,
        across,
        4 * np.sqrt(xx),
        4 * np.sqrt(yy),
        p.area_px * scale**2,
        reach_m / view.height_m,
        (p.y_px - p.peak_y_px) * scale,
        np.abs(p.x_px - p.peak_x_px) * scale,
        view.height_m - reach_m * high[2] / high_ahead,
        view.height_m - reach_m * mid[2] / mid_ahead,
    )


def _axes(xx: F32, yy: F32, xy: F32, least: F32) -> tuple[F32, F32]:
    """Four standard deviations along the longer and the shorter axis."""
    mean = (xx + yy) / 2
    split = np.hypot((xx - yy) / 2, xy)
    return 4 * np.sqrt(mean + split), 4 * np.sqrt(np.maximum(mean - split, least))


def _ray(view: _View, x_px: F32, y_px: F32) -> tuple[F32, F32, F32]:
    """Unit ray of a wall sensor through a place in the picture: (forward, right, down)."""
    gx, gy = x_px * view.rad_px, y_px * view.rad_px
    off = np.hypot(gx, gy)
    ratio = np.sinc(off / np.float32(np.pi)).astype(np.float32)
    right, below, ahead = gx * ratio, gy * ratio, np.cos(off)
    cos_t, sin_t = np.cos(view.tilt), np.sin(view.tilt)
    return cos_t * ahead - sin_t * below, right, sin_t * ahead + cos_t * below


def _meet(ray: tuple[F32, F32, F32], below_m: F32) -> tuple[F32, F32]:
    """Where a ray meets the plane `below_m` under the sensor: forward, right, m."""
    forward, right, down = ray
    length = below_m / np.maximum(down, FLATTEST)
    return np.minimum(length * forward, FARTHEST_M), np.clip(length * right, -FARTHEST_M, FARTHEST_M)


def _wall_room(optics: Optics, sensor: NDArray[np.intp], forward: F32, right: F32) -> tuple[F32, F32]:
    """Into the room's directions; (forward, right) itself where the sensor's own place is unknown."""
    yaw = np.radians(optics.yaw_deg[sensor])
    placed = np.isfinite(yaw) & np.isfinite(optics.x_m[sensor]) & np.isfinite(optics.y_m[sensor])
    cos_y, sin_y = np.cos(np.where(placed, yaw, 0)), np.sin(np.where(placed, yaw, 0))
    x = np.where(placed, optics.x_m[sensor], 0) + forward * cos_y + right * sin_y
    y = np.where(placed, optics.y_m[sensor], 0) + forward * sin_y - right * cos_y
    return np.where(placed, x, forward).astype(np.float32), np.where(placed, y, right).astype(np.float32)


def _ceiling_rooms(
    optics: Optics, sensor: NDArray[np.intp], *places: tuple[F32, F32]
) -> list[tuple[F32, F32]]:
    """Into the room's directions; blank yaw and place = straight, in the middle (trace format)."""
    yaw, x0, y0 = (a[sensor] for a in (optics.yaw_deg, optics.x_m, optics.y_m))
    yaw, x0, y0 = (np.where(np.isnan(a), np.float32(0), a) for a in (yaw, x0, y0))
    cos_y, sin_y = np.cos(np.radians(yaw)), np.sin(np.radians(yaw))
    return [(x0 + x * cos_y - y * sin_y, y0 + x * sin_y + y * cos_y) for x, y in places]
