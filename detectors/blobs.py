"""The two warmest things in each frame: connected patches and their moments.

Takes what stands out from the room (kelvin), gives per frame up to two patches: area, place, spread, heat.
Never remembers anything, never says what the warm thing is; what comes of a picture depends on it alone.

Procedure, all pictures at once (research 1.5):
1. Large pictures are smoothed by a mean of 3 x 3.
2. First patch: what is connected (8 neighbours) to the hottest pixel and above `mask_share` of it.
3. It is taken out with a rim of one pixel. Where something above `seed_sigma` is left (in large pictures: two
   pixels away), its hottest pixel has a patch too, with a limit of its own: a lamp must not hide a person.
   With a hotter neighbour it only lies on the slope of the first patch: no patch.
4. Patches of too few pixels are dropped; if only the second is left, it becomes the first.

Two people who touch are one patch: a lying body has two warm cores (head and trunk) as well, and cutting
those apart would cost falls.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from detectors import bits
from detectors.background import F32, SMOOTH_FROM
from detectors.bits import Bools, Ints, Words
from detectors.frame import SMALLEST, WIDEST

BLOCK_PX: Final = 1024 * 768  # flooded together; more would fall out of the cache, fewer cost more calls
CHUNK_PX: Final = 256 * 768  # smoothed, compared and summed together; 64 to 256 pictures are nearly equal
WIDE_PX: Final = (
    512  # numpy copies "a number a row" into its buffer first: from here on that doubles the time
)
HALF: Final = np.float32(0.5)


@dataclass(frozen=True, slots=True)
class BlobParams:
    """Table [blobs] of config/detectors.toml."""

    mask_sigma: float
    mask_share: float
    seed_sigma: float
    least_k: float
    raw_mask_sigma: float
    raw_seed_sigma: float
    min_px_small: int
    min_px_large: int


@dataclass(frozen=True, slots=True)
class Blobs:
    """Two patches a picture, (M, 2): the one with the hottest pixel, then the next one.

    Lengths in pixels from the middle of the picture, x to the right, y downwards. Where nothing is, all is 0.
    """

    area_px: F32
    """0 = no patch."""
    core_px: F32
    """Pixels above half of the peak."""
    peak_k: F32
    heat_k: F32
    """Sum of the excess over the patch, K x pixel."""
    x_px: F32
    y_px: F32
    """Middle, weighted with the excess."""
    xx_px2: F32
    yy_px2: F32
    xy_px2: F32
    """Second moments about the middle."""
    peak_x_px: F32
    peak_y_px: F32
    left_px: F32
    right_px: F32
    top_px: F32
    bottom_px: F32
    """Middles of the outermost pixels."""
    rim: F32
    """Share of the patch that lies in the outermost pixels of the picture."""
    numbers: F32
    """(16, M, 2) all of these, one below the other."""
    words: Words
    """(rows, M, 2) the masks; bit c = column c."""


NUMBERS: Final = (
    *("area_px", "core_px", "peak_k", "heat_k", "x_px", "y_px", "xx_px2", "yy_px2", "xy_px2"),
    *("peak_x_px", "peak_y_px", "left_px", "right_px", "top_px", "bottom_px", "rim"),
)
"""The fields of Blobs that hold one number a patch, in their order."""


def find(params: BlobParams, kelvin: F32, sigma_k: F32, rows: int, cols: int) -> Blobs:
    """Up to two patches in each of M pictures `kelvin` (M, rows x cols), K above the room.

    `sigma_k` (M,) is the noise of one pixel. Raises ValueError for pictures with fewer than 4 or more than 64
    rows or columns.
    """
    if not (SMALLEST <= rows <= WIDEST and SMALLEST <= cols <= WIDEST):
        raise ValueError(f"pictures of {rows} rows and {cols} columns: only {SMALLEST} to {WIDEST} of each")
    m, pixels = kelvin.shape
    numbers = np.zeros((len(NUMBERS), m, 2), np.float32)
    words = bits.empty((2, rows, m), cols)
    block = BLOCK_PX // pixels
    desk = _desk(params, min(m, block), rows, cols)
    with np.errstate():  # setbufsize ends with it
        if pixels >= WIDE_PX:
            np.setbufsize(WIDE_PX)
        for at in range(0, m, block):
            now = slice(at, at + block)
            part = np.ascontiguousarray(kelvin[now], np.float32)
            numbers[:, now], words[:, :, now] = _two(params, desk, part, sigma_k[now])
    return Blobs(*[*numbers, numbers, words.transpose(1, 2, 0)])


def paint(words: Words, which: Bools, cols: int, grow: int = 1) -> Bools:
    """Masks (M, rows x cols) of the patches `which` (M, 2), grown by `grow` pixels all round.

    `words` (rows, M, 2) as in Blobs.
    """
    both: Words = words[:, :, 0] * which[:, 0] | words[:, :, 1] * which[:, 1]
    for _ in range(grow):
        both = bits.grown(both)
    return bits.unpacked(both, cols)


@dataclass(frozen=True, slots=True)
class _Desk:
    """What the shape of the pictures fixes, and room to work in: fresh memory costs as much as the work."""

    rows: int
    cols: int
    large: bool
    least: int
    """Pixels of the smallest patch."""
    chunk: int
    """Pictures at a time."""
    fog: F32
    """(block, P) sums of 3 x 3 pixels; no rows where pictures are not smoothed."""
    room: F32
    """(chunk, P)."""
    some: F32
    """(chunk, P)."""
    above: Bools
    """(3, chunk, P)."""


def _desk(params: BlobParams, m: int, rows: int, cols: int) -> _Desk:
    pixels = rows * cols
    large = pixels >= SMOOTH_FROM
    chunk = max(1, CHUNK_PX // pixels)
    most = min(chunk, m)
    return _Desk(
        rows,
        cols,
        large,
        params.min_px_large if large else params.min_px_small,
        chunk,
        np.empty((m if large else 0, pixels), np.float32),
        np.zeros((most, pixels), np.float32),
        np.empty((most, pixels), np.float32),
        np.empty((3, most, pixels), np.bool_),
    )


def _two(params: BlobParams, desk: _Desk, kelvin: F32, sigma_k: F32) -> tuple[F32, Words]:
    """NUMBERS (16, M, 2) and words (2, rows, M) of the patches of one block of pictures (M, P)."""
    unit = np.float32(9 if desk.large else 1)  # sums of nine are compared, means never made
    mask_k, seed_k = (
        unit * np.maximum(np.float32(sigma) * sigma_k, np.float32(params.least_k))
        for sigma in (
            (params.mask_sigma, params.seed_sigma)
            if desk.large
            else (params.raw_mask_sigma, params.raw_seed_sigma)
        )
    )
    share = np.float32(params.mask_share)
    m = len(kelvin)
    fog = desk.fog[:m] if desk.large else kelvin
    numbers = np.zeros((len(NUMBERS), m, 2), np.float32)
    words = bits.empty((2, desk.rows, m), desk.cols)
    words[1] = 0

    seed, peak = np.empty(m, np.intp), np.empty(m, np.float32)
    masks = np.empty((3, desk.rows, m), words.dtype)
    for at in range(0, m, desk.chunk):
        now = slice(at, at + desk.chunk)
        part = fog[now]
        if desk.large:
            _sum_of_nine(desk, kelvin[now], part)
        seed[now], peak[now] = _hottest(part)
        limit = np.maximum(mask_k[now], share * peak[now])
        limit[peak[now] <= seed_k[now]] = np.inf
        masks[:, :, now] = _above(desk, part, limit, HALF * peak[now], seed_k[now])
    mask, core, rest = masks
    words[0] = bits.flood(mask, seed, desk.cols)
    numbers[:, :, 0] = _measured(desk, kelvin, None, (words[0], core), (seed, peak))

    near = bits.grown(words[0])
    taken = bits.grown(near) if desk.large else near
    rest &= ~taken
    again = np.flatnonzero(np.bitwise_or.reduce(rest, axis=0))
    if again.size:
        near, taken, rest = near[:, again], taken[:, again], rest[:, again]
        seed, peak = np.empty(len(again), np.intp), np.empty(len(again), np.float32)
        masks = np.empty((2, desk.rows, len(again)), words.dtype)
        slope = bits.grown(taken)
        for at in range(0, len(again), desk.chunk):
            now = slice(at, at + desk.chunk)
            part = _picked(desk, fog, again[now])
            left = desk.room[: len(part)]
            left[...] = bits.unpacked(rest[:, now], desk.cols)
            left *= part
            seed[now], peak[now] = _hottest(left)
            limit = np.maximum(mask_k[again[now]], share * peak[now])
            doubt = np.flatnonzero(bits.has(slope[:, now], seed[now], desk.cols))
            limit[doubt[_has_hotter(desk, part, doubt, seed[now][doubt])]] = np.inf
            masks[:, :, now] = _above(desk, part, limit, HALF * peak[now])
        mask, core = masks
        mask &= ~near
        second = bits.flood(mask, seed, desk.cols)
        numbers[:, again, 1] = _measured(desk, kelvin, again, (second, core), (seed, peak))
        words[1][:, again] = second

    _put_in_order(numbers, words)
    return numbers, words


def _put_in_order(numbers: F32, words: Words) -> None:
    """Step 4: what was too small has no bits, and no place before a patch."""
    none = numbers[0] == 0
    alone = np.flatnonzero(none[:, 0])
    if alone.size:
        words[0][:, alone] = words[1][:, alone]
        numbers[:, alone, 0] = numbers[:, alone, 1]
        numbers[:, alone, 1] = 0
        none = numbers[0] == 0
    for slot in range(2):
        words[slot][:, none[:, slot]] = 0


def _picked(desk: _Desk, pictures: F32, which: Ints) -> F32:
    """`pictures[which]` without fresh memory."""
    return pictures.take(which, axis=0, out=desk.some[: len(which)], mode="clip")


def _hottest(part: F32) -> tuple[Ints, F32]:
    """Number (n,) of the hottest pixel of each picture (n, P), and its value (n,)."""
    seed = part.argmax(1)
    return seed, part[np.arange(len(part)), seed]


def _has_hotter(desk: _Desk, part: F32, which: Ints, pixel: Ints) -> Bools:
    """(k,) whether a neighbour of the pixel of picture `which` (k,) of `part` (n, P) is hotter."""
    row, col = np.divmod(pixel, desk.cols)
    step = np.arange(-1, 2)
    rows = np.clip(row[:, None] + step, 0, desk.rows - 1)
    cols = np.clip(col[:, None] + step, 0, desk.cols - 1)
    around = part.reshape(-1, desk.rows, desk.cols)[which[:, None, None], rows[:, :, None], cols[:, None, :]]
    return np.asarray(around.max(axis=(1, 2)) > part[which, pixel])


def _above(desk: _Desk, part: F32, *limits: F32) -> Words:
    """(limits, rows, n) masks of the pixels of `part` (n, P) above each of the `limits` (n,)."""
    n = len(part)
    above = desk.above[: len(limits), :n]
    for mask, limit in zip(above, limits, strict=True):
        np.greater(part, limit[:, None], out=mask)
    return bits.packed(above.reshape(len(limits), n, desk.rows, desk.cols)).transpose(0, 2, 1)


def _sum_of_nine(desk: _Desk, part: F32, out: F32) -> None:
    """Sum of 3 x 3 pixels of pictures (n, P), the rim repeated outwards: smooth3 before its division.

    Adds all pictures as one long row and then mends the ends of rows and pictures: many short rows take numpy
    three times as long.
    """
    n, cols = len(part), desk.cols
    a, b, c = part.ravel(), desk.room[:n].ravel(), out.ravel()
    np.add(a[: -2 * cols], a[2 * cols :], out=b[cols:-cols])
    old, new = a.reshape(n, desk.rows, cols), b.reshape(n, desk.rows, cols)
    np.add(old[:, 0], old[:, 1], out=new[:, 0])
    np.add(old[:, -1], old[:, -2], out=new[:, -1])
    b += a
    np.add(b[:-2], b[2:], out=c[1:-1])
    lines, wide = b.reshape(-1, cols), c.reshape(-1, cols)
    np.add(lines[:, 0], lines[:, 1], out=wide[:, 0])
    np.add(lines[:, -1], lines[:, -2], out=wide[:, -1])
    c += b


def _measured(
    desk: _Desk,
    kelvin: F32,
    which: Ints | None,
    masks: tuple[Words, Words],
    hottest: tuple[Ints, F32],
) -> F32:
    """(16, n) NUMBERS of one patch in each of `kelvin[which]`; 0 where it has too few pixels.

    `masks`: words (rows, n) of the patch and of what is above half its peak; `hottest`: its pixel and value.
    """
    patch, core = masks
    seed, peak = hottest
    n = patch.shape[1]
    fixed = _fixed(desk.rows, desk.cols)
    sums = np.empty((n, 6), np.float32)
    for at in range(0, n, desk.chunk):
        now = slice(at, at + desk.chunk)
        part = kelvin[now] if which is None else _picked(desk, kelvin, which[now])
        k = len(part)
        held = np.greater(part, np.float32(0), out=desk.above[0, :k])
        held &= bits.unpacked(patch[:, now], desk.cols)
        weight = desk.room[:k]
        weight[...] = held
        weight *= part
        # a product a picture: what BLAS makes of one among many depends on where it stands among them
        np.matmul(fixed.basis, weight[..., np.newaxis], out=sums[now, :, np.newaxis])

    counted = np.empty((3, *patch.shape), patch.dtype)
    counted[0] = patch
    np.bitwise_and(patch, core, out=counted[1])
    np.bitwise_and(patch, fixed.rim, out=counted[2])
    area, core_px, on_rim = np.bitwise_count(counted).sum(axis=1, dtype=np.uint16)
    spans = np.empty((2, n), np.uint64)
    spans[0] = np.bitwise_or.reduce(patch, axis=0)
    spans[1] = np.bitwise_or.reduce((patch != 0) * fixed.row, axis=0)

    out = np.empty((len(NUMBERS), n), np.float32)
    out[0], out[1] = area, core_px
    out[2] = peak * np.float32(1 / 9) if desk.large else peak
    heat = out[3]
    heat[...] = sums[:, 0]
    np.divide(sums.T[1:], np.maximum(heat, np.float32(1e-6)), out=out[4:9])
    x, y, xx, yy, xy = out[4:9]
    xx -= x * x
    yy -= y * y
    xy -= x * y
    np.maximum(out[6:8], np.float32(0), out=out[6:8])
    out[10], out[9] = np.divmod(seed, desk.cols)
    out[11:15:2], out[12:15:2] = bits.ends(spans)
    out[9:15] -= fixed.middle
    np.divide(on_rim, np.maximum(area, 1), out=out[15])
    out *= area >= desk.least
    return out


@dataclass(frozen=True, slots=True)
class _Fixed:
    """What depends on the shape of the picture only."""

    basis: F32
    """(6, P) one, x, y, x², y², xy."""
    rim: Words
    """(rows, 1) the outermost pixels."""
    row: Words
    """(rows, 1) bit r of row r."""
    middle: F32
    """(6, 1) column or row of the middle, for peak x, y, left, right, top, bottom."""


@cache
def _fixed(rows: int, cols: int) -> _Fixed:
    y, x = np.mgrid[0:rows, 0:cols].astype(np.float32)
    mid_x, mid_y = (cols - 1) / 2, (rows - 1) / 2
    x -= mid_x
    y -= mid_y
    sums = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y]).reshape(6, -1)
    rim, row = bits.empty((rows, 1), cols), bits.empty((rows, 1), rows)
    rim[:, 0] = [(1 << cols) - 1 if r in {0, rows - 1} else 1 | 1 << (cols - 1) for r in range(rows)]
    row[:, 0] = [1 << r for r in range(rows)]
    middle = np.array([mid_x, mid_y, mid_x, mid_x, mid_y, mid_y], np.float32)[:, None]
    return _Fixed(sums, rim, row, middle)
