"""Draws warm ellipsoids as a lens and an array of pixels see them.

Takes a lens (where the camera stands, how it looks, how finely it is traced) and ellipsoids, gives
pictures of the warmth they add, in "radiant kelvin": radiance above an empty room, scaled so that one
small step is one kelvin. Sums and averages of those are true; `kelvin` turns them into temperature.
Never knows time, noise or what a body is.

How it is drawn, all scenes at once:
1. Rays through a fine grid of an equi-angular lens, wider than the array by what the PSF reaches.
2. A ray meets an ellipsoid where the quadric's discriminant is positive: six numbers an ellipsoid, five
   tables a lens, so that a part costs a dozen passes over the window that it can cover, and nothing else.
   Scaled, the discriminant also says how much of a fine cell on the edge is covered.
3. Far to near: a body's part replaces what is behind it, a source adds to it.
4. Every pixel is the mean over its fine cells, blurred by the lens (PSF).
Only elementwise arithmetic: what a scene looks like never depends on the scenes drawn beside it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from simulator.world import F32, F64, Bools

FINE_ROWS: Final = 64  # at least; what the grid still gets wrong within a body is 0.03-0.1 K
REACH: Final = 2.9  # standard deviations of the PSF after which a warm thing no longer shines into a pixel
TAP_MIN: Final = 2e-3  # taps of the blur below this share of the largest change a 5 K body by 10 mK
SNAP: Final = 12  # windows grow to multiples of this many fine cells, so that a few sizes serve all scenes
BATCH: Final = 48  # scenes at once: their fine grids (36 kB each at 24x32) stay within the second cache
THIN_M: Final = 0.02  # thinner things are drawn as thick as this: float32 cannot tell them apart at 4 m
ZERO_C: Final = 273.15

Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Lens:
    """A camera as its rays."""

    rows: int
    cols: int
    fine: int
    """Fine cells of a pixel, in each direction."""
    margin_px: int
    """Pixels that the grid is wider than the array on each side."""
    per_rad: tuple[float, float]
    """(down, right) angle of one fine cell."""
    place_m: F64
    """(3,)."""
    axes: F64
    """(3, 3) unit vectors: right in the picture, down in the picture, forward."""
    tables: F32
    """(5, H, W) of the unit rays (x right, y down, z forward): xx, yy, xy, xz, yz."""
    taps: F32
    """(n,) of the blur along fine cells, centred on a pixel's middle; n - fine is even."""


@dataclass(frozen=True, slots=True)
class Thing:
    """One body (several parts that hide each other) or one source (a single part), in T scenes."""

    centre_m: F64
    """(T, K, 3)."""
    whiten: F64
    """(T, K, 3, 3): coordinates relative to the centre → unit sphere; its rows are at right angles."""
    warmth: F32
    """(T, K) radiant kelvin."""
    seen: Bools
    """(T,) False: not in this scene."""
    solid: bool
    """True: hides what is behind it; False: adds to what is behind it."""


def lens(
    shape: tuple[int, int],
    fov_deg: tuple[float, float],
    place_m: Sequence[float],
    axes: F64,
    psf_px: float,
) -> Lens:
    """Rays of an array of `shape` (rows, cols) that sees `fov_deg` (down, right)."""
    rows, cols = shape
    fine = math.ceil(FINE_ROWS / rows)
    margin = math.ceil(REACH * psf_px)
    per = (np.radians(fov_deg[0] / rows) / fine, np.radians(fov_deg[1] / cols) / fine)
    n_y, n_x = (rows + 2 * margin) * fine, (cols + 2 * margin) * fine
    y = (np.arange(n_y) - (n_y - 1) / 2) * per[0]
    x = (np.arange(n_x) - (n_x - 1) / 2) * per[1]
    gy, gx = np.meshgrid(y, x, indexing="ij")
    off = np.hypot(gx, gy)
    ratio = np.sinc(off / np.pi)
    rx, ry, rz = gx * ratio, gy * ratio, np.cos(off)
    tables = np.stack([rx * rx, ry * ry, rx * ry, rx * rz, ry * rz]).astype(np.float32)
    taps = _taps(fine, margin, psf_px)
    return Lens(rows, cols, fine, margin, per, np.asarray(place_m, np.float64), axes, tables, taps)


def radiant(excess_k: F64, room_c: float) -> F64:
    """Temperature above the room → radiant kelvin."""
    zero = room_c + ZERO_C
    return np.asarray(((zero + excess_k) ** 4 - zero**4) / (4 * zero**3))


def kelvin(warmth: F32, room_c: float) -> F32:
    """Radiant kelvin → temperature above the room; what `radiant` undoes."""
    zero = np.float32(room_c + ZERO_C)
    share = np.maximum(1 + warmth * (4 / zero), np.float32(0))
    np.sqrt(share, out=share)
    np.sqrt(share, out=share)
    share -= 1
    share *= zero
    return np.asarray(share)


def draw(eye: Lens, things: Sequence[Thing], scenes: int) -> F32:
    """Warmth (scenes, rows, cols) that the things add to the room, radiant kelvin."""
    out = np.zeros((scenes, eye.rows, eye.cols), np.float32)
    if not things or not scenes:
        return out
    seen = [_outline(eye, thing) for thing in things]
    far = np.stack([s.far_m for s in seen], 1)
    order = np.argsort(-far, axis=1, kind="stable")
    some = np.flatnonzero(np.isfinite(far).any(axis=1))
    height, width = eye.tables.shape[1:]
    for k in range(0, len(some), BATCH):
        batch = some[k : k + BATCH]
        grid = np.zeros((len(batch), height, width), np.float32)
        for rank in range(len(things)):
            turn = order[batch, rank]
            for n, (thing, outline) in enumerate(zip(things, seen, strict=True)):
                here = np.flatnonzero((turn == n) & np.isfinite(outline.far_m[batch]))
                if here.size:
                    _paint(eye, grid, here, batch[here], thing, outline)
        out[batch] = _blur(eye, grid)
    return out


@dataclass(frozen=True, slots=True)
class _Outline:
    """Where one thing is in the picture, in T scenes."""

    far_m: F64
    """(T,) distance by which things are sorted, far to near; -inf = out of view."""
    conic: F32
    """(T, K, 6) covered share of a fine cell = conic[0] + conic[1:] . tables, held to 0…1; parts from far to
    near."""
    warmth: F32
    """(T, K) in that order."""
    box: Ints
    """(T, 4) fine cells: first row, first column, height, width of the window it can cover."""


def _outline(eye: Lens, thing: Thing) -> _Outline:
    q = (thing.centre_m - eye.place_m) @ eye.axes.T
    w = thing.whiten @ eye.axes.T
    # Rows of w are axis / radius; the spread of the ellipsoid is the sum of (radius axis)(radius axis)^T.
    radius2 = 1 / np.einsum("tkij,tkij->tki", w, w)
    half = w * radius2[..., None]
    spread = np.einsum("tkij,tkil->tkjl", half, half)
    quad = np.einsum("tkij,tkil->tkjl", w, w)
    towards = np.einsum("tkij,tkj->tki", quad, q)
    beyond = np.einsum("tki,tki->tk", towards, q) - 1
    h = towards[..., :, None] * towards[..., None, :] - beyond[..., None, None] * quad
    zz = h[..., 2, 2]
    conic = np.stack(
        [zz, h[..., 0, 0] - zz, h[..., 1, 1] - zz, 2 * h[..., 0, 1], 2 * h[..., 0, 2], 2 * h[..., 1, 2]], -1
    )
    distance = np.sqrt(np.einsum("tki,tki->tk", q, q))
    conic *= _steepness(eye, q, distance, beyond + 1, spread, radius2)[..., None]
    conic[..., 0] += 0.5
    ahead = q[..., 2] > np.sqrt(spread[..., 2, 2])  # wholly in front of the plane of the array
    conic[~ahead] = [-1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    box, visible = _box(eye, q, spread, ahead)
    if thing.solid:
        far = distance.min(axis=1)
        order = np.argsort(-distance, axis=1, kind="stable")
        conic = np.take_along_axis(conic, order[..., None], 1)
        warmth = np.take_along_axis(thing.warmth, order, 1)
    else:
        # A source is in front of a body only where its far side is: who stands in the sun hides the patch.
        view = q / np.maximum(distance, 1e-9)[..., None]
        reach = np.sqrt(np.einsum("tki,tkij,tkj->tk", view, spread, view))
        far = (distance + reach).max(axis=1)
        warmth = thing.warmth
    far = np.where(visible & thing.seen, far, -np.inf)
    return _Outline(far, conic.astype(np.float32), warmth.astype(np.float32), box)


def _steepness(  # noqa: PLR0917  (all of them are known where it is called)
    eye: Lens, q: F64, distance: F64, depth2: F64, spread: F64, radius2: F64
) -> F64:
    """(T, K) what turns a discriminant into fine cells inside the outline, so that a cell on the edge is
    covered by half. Right along the flanks; the tips of long parts come out softer.

    The discriminant falls from depth2 / distance² in the middle to 0 at the outline, as 1 - (way out)².
    """
    view = q / np.maximum(distance, 1e-9)[..., None]
    across = np.einsum("tkii->tk", spread) - np.einsum("tki,tkij,tkj->tk", view, spread, view)
    area2 = radius2.prod(-1) * depth2 / distance**2  # depth2 = distance² view . quad . view
    narrow2 = (across - np.sqrt(np.maximum(across**2 - 4 * area2, 0))) / 2
    cell = (eye.per_rad[0] * eye.per_rad[1]) ** 0.5
    half_cells = np.sqrt(np.maximum(narrow2, 0) / np.maximum(distance**2 - narrow2, 1e-9)) / cell
    return np.asarray(half_cells * distance**2 / (2 * depth2))


def _box(eye: Lens, q: F64, spread: F64, ahead: Bools) -> tuple[Ints, Bools]:
    """Windows (T, 4) around all parts, and whether anything of them is in the grid."""
    height, width = eye.tables.shape[1:]
    lo_x, hi_x = _tangents(q, spread, 0)
    lo_y, hi_y = _tangents(q, spread, 1)
    near_x = np.clip(0.0, lo_x, hi_x)
    near_y = np.clip(0.0, lo_y, hi_y)
    far_x = np.maximum(np.abs(lo_x), np.abs(hi_x))
    far_y = np.maximum(np.abs(lo_y), np.abs(hi_y))
    ends = (
        (_angle(lo_y, np.where(lo_y < 0, near_x, far_x)), eye.per_rad[0], height),
        (_angle(hi_y, np.where(hi_y > 0, near_x, far_x)), eye.per_rad[0], height),
        (_angle(lo_x, np.where(lo_x < 0, near_y, far_y)), eye.per_rad[1], width),
        (_angle(hi_x, np.where(hi_x > 0, near_y, far_y)), eye.per_rad[1], width),
    )
    cell = [angle / per + (n - 1) / 2 for angle, per, n in ends]
    first_y = np.where(ahead, np.floor(cell[0] - 0.5), np.inf).min(axis=1)
    last_y = np.where(ahead, np.ceil(cell[1] + 0.5), -np.inf).max(axis=1)
    first_x = np.where(ahead, np.floor(cell[2] - 0.5), np.inf).min(axis=1)
    last_x = np.where(ahead, np.ceil(cell[3] + 0.5), -np.inf).max(axis=1)
    visible = (last_y >= 0) & (first_y < height) & (last_x >= 0) & (first_x < width)
    y0, h = _snap(first_y, last_y, height)
    x0, w = _snap(first_x, last_x, width)
    return np.stack([y0, x0, h, w], -1), visible


def _tangents(q: F64, spread: F64, axis: int) -> tuple[F64, F64]:
    """Slopes (T, K) of the two planes through the eye that touch the ellipsoid left and right of it."""
    a = q[..., 2] ** 2 - spread[..., 2, 2]
    b = q[..., axis] * q[..., 2] - spread[..., axis, 2]
    c = q[..., axis] ** 2 - spread[..., axis, axis]
    a = np.maximum(a, 1e-9)
    root = np.sqrt(np.maximum(b * b - a * c, 0))
    return (b - root) / a, (b + root) / a


def _angle(slope: F64, other: F64) -> F64:
    """Coordinate in an equi-angular picture of the direction (slope, other, 1)."""
    off = np.hypot(slope, other)
    return np.asarray(slope * np.arctan(off) / np.maximum(off, 1e-12))


def _snap(first: F64, last: F64, cells: int) -> tuple[Ints, Ints]:
    """Start and length of windows inside 0…cells, lengths in steps of SNAP."""
    lo = np.clip(np.nan_to_num(first, posinf=0.0), 0, cells - 1)
    hi = np.clip(np.nan_to_num(last, neginf=0.0), 0, cells - 1)
    length = np.minimum(-(-(hi - lo + 1) // SNAP) * SNAP, cells)
    return np.minimum(lo, cells - length).astype(np.intp), np.maximum(length, 1).astype(np.intp)


def _paint(  # noqa: PLR0917  (where, and what)
    eye: Lens, grid: F32, here: Ints, scene: Ints, thing: Thing, outline: _Outline
) -> None:
    """Put one thing into the grids `here`, whose scenes are `scene`."""
    box = outline.box[scene]
    sizes, size_of = np.unique(box[:, 2] * (grid.shape[2] + 1) + box[:, 3], return_inverse=True)
    for n, size in enumerate(sizes):
        same = np.flatnonzero(size_of == n)
        at, y, x = here[same], box[same, 0], box[same, 1]
        window = divmod(int(size), grid.shape[2] + 1)
        table = [sliding_window_view(t, window)[y, x] for t in eye.tables]
        conic = outline.conic[scene[same]][..., None, None]
        warmth = outline.warmth[scene[same]][..., None, None]
        canvas = sliding_window_view(grid, window, axis=(1, 2), writeable=True)
        picture = canvas[at, y, x]
        covered, term = np.empty_like(picture), np.empty_like(picture)
        for part in range(warmth.shape[1]):
            np.multiply(table[0], conic[:, part, 1], out=covered)
            for m in range(1, 5):
                np.multiply(table[m], conic[:, part, m + 1], out=term)
                covered += term
            covered += conic[:, part, 0]
            np.maximum(covered, 0, out=covered)
            np.minimum(covered, 1, out=covered)
            np.subtract(warmth[:, part], picture if thing.solid else 0, out=term)
            term *= covered
            picture += term
        canvas[at, y, x] = picture


def _taps(fine: int, margin_px: int, psf_px: float) -> F32:
    """Weights of the fine cells around a pixel: its square, blurred by a Gaussian of `psf_px`."""
    reach = margin_px * fine
    at = (np.arange(-reach, fine + reach) + 0.5) / fine - 0.5
    if psf_px > 0:
        edge = np.array([[math.erf((d + e) / psf_px / 2**0.5) for e in (0.5, -0.5)] for d in at])
        weight = edge[:, 0] - edge[:, 1]
    else:
        weight = (np.abs(at) < 0.5).astype(np.float64)
    keep = weight > TAP_MIN * weight.max()
    return np.asarray(weight[keep] / weight[keep].sum(), np.float32)


def _blur(eye: Lens, grid: F32) -> F32:
    """Fine grids (T, H, W) → pixels (T, rows, cols)."""
    fine, taps = eye.fine, eye.taps
    start = eye.margin_px * fine - (len(taps) - fine) // 2
    wide = np.zeros((*grid.shape[:2], eye.cols), np.float32)
    for k, tap in enumerate(taps):
        wide += tap * grid[:, :, start + k : start + k + eye.cols * fine : fine]
    tall = np.zeros((len(grid), eye.rows, eye.cols), np.float32)
    for k, tap in enumerate(taps):
        tall += tap * wide[:, start + k : start + k + eye.rows * fine : fine]
    return tall
