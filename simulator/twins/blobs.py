"""Naive twin of detectors/blobs.py: one picture, a queue of pixels, plain Python; for tests and benches."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from detectors.background import SMOOTH_FROM
from detectors.blobs import BlobParams
from simulator.twins.background import smooth

Picture = list[list[float]]
Pixel = tuple[int, int]


@dataclass(frozen=True, slots=True)
class NaiveBlob:
    """One patch of one picture; names and units as in Blobs."""

    pixels: frozenset[Pixel]
    area_px: float
    core_px: float
    peak_k: float
    heat_k: float
    x_px: float
    y_px: float
    xx_px2: float
    yy_px2: float
    xy_px2: float
    peak_x_px: float
    peak_y_px: float
    left_px: float
    right_px: float
    top_px: float
    bottom_px: float
    rim: float


def find_two(params: BlobParams, grid: Picture, sigma_k: float) -> list[NaiveBlob]:
    """Up to two patches of `grid` (K), the hottest first."""
    rows, cols = len(grid), len(grid[0])
    large = rows * cols >= SMOOTH_FROM
    fog = smooth(grid) if large else grid
    mask_k = max(sigma_k * (params.mask_sigma if large else params.raw_mask_sigma), params.least_k)
    seed_k = max(sigma_k * (params.seed_sigma if large else params.raw_seed_sigma), params.least_k)
    places = [(r, c) for r in range(rows) for c in range(cols)]
    found: list[NaiveBlob] = []
    out: set[Pixel] = set()
    for nth in range(2):
        free = {p for p in places if p not in out}
        ring = around(out) if large else out
        warm = [p for p in places if p not in ring and fog[p[0]][p[1]] > seed_k]
        if not warm:
            break
        seed = max(warm, key=lambda p: fog[p[0]][p[1]])
        peak = fog[seed[0]][seed[1]]
        if nth and any(fog[r][c] > peak for r, c in around([seed]) if 0 <= r < rows and 0 <= c < cols):
            break
        limit = max(mask_k, params.mask_share * peak)
        got = reach(seed, {p for p in free if fog[p[0]][p[1]] > limit})
        if len(got) >= (params.min_px_large if large else params.min_px_small):
            found.append(measured(grid, fog, got, seed))
        out = around(got)
    return found


def measured(grid: Picture, fog: Picture, got: set[Pixel], seed: Pixel) -> NaiveBlob:
    """The numbers of one patch of `grid` (K)."""
    rows, cols = len(grid), len(grid[0])
    mid_x, mid_y = (cols - 1) / 2, (rows - 1) / 2
    peak = fog[seed[0]][seed[1]]
    weighted = [(max(grid[r][c], 0.0), c - mid_x, r - mid_y) for r, c in sorted(got)]
    heat = math.fsum(w for w, _, _ in weighted)
    x = sum(w * a for w, a, _ in weighted) / heat
    y = sum(w * b for w, _, b in weighted) / heat
    return NaiveBlob(
        frozenset(got),
        len(got),
        sum(fog[r][c] > peak / 2 for r, c in got),
        peak,
        heat,
        x,
        y,
        sum(w * a * a for w, a, _ in weighted) / heat - x * x,
        sum(w * b * b for w, _, b in weighted) / heat - y * y,
        sum(w * a * b for w, a, b in weighted) / heat - x * y,
        seed[1] - mid_x,
        seed[0] - mid_y,
        min(c for _, c in got) - mid_x,
        max(c for _, c in got) - mid_x,
        min(r for r, _ in got) - mid_y,
        max(r for r, _ in got) - mid_y,
        sum(r in {0, rows - 1} or c in {0, cols - 1} for r, c in got) / len(got),
    )


def around(pixels: Iterable[Pixel]) -> set[Pixel]:
    """The pixels and all their neighbours, those outside the picture too."""
    return {(r + a, c + b) for r, c in pixels for a in (-1, 0, 1) for b in (-1, 0, 1)}


def reach(seed: Pixel, allowed: set[Pixel]) -> set[Pixel]:
    """Pixels of `allowed` connected to `seed` by steps to any of the eight neighbours."""
    got: set[Pixel] = set()
    todo = [seed]
    while todo:
        r, c = todo.pop()
        if (r, c) in allowed and (r, c) not in got:
            got.add((r, c))
            todo += [(r + a, c + b) for a in (-1, 0, 1) for b in (-1, 0, 1)]
    return got
