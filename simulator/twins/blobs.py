"""Naive twin of detectors/blobs.py: one picture, a queue of pixels, plain Python; for tests and benches."""

from dataclasses import dataclass

from detectors.background import SMOOTH_FROM
from detectors.blobs import BlobParams
from simulator.twins.background import Picture, smooth


@dataclass(frozen=True, slots=True)
class NaiveBlob:
    """The patch of one picture."""

    pixels: frozenset[tuple[int, int]]
    peak_k: float
    heat_k: float
    x_px: float
    y_px: float
    xx_px2: float
    yy_px2: float
    xy_px2: float


def find_one(params: BlobParams, grid: Picture, sigma_k: float) -> NaiveBlob | None:
    """The patch that holds the peak of `grid` (K), or None."""
    rows, cols = len(grid), len(grid[0])
    large = rows * cols >= SMOOTH_FROM
    fog = smooth(grid) if large else grid
    factor = 1.0 if large else params.raw_factor
    places = [(r, c) for r in range(rows) for c in range(cols)]
    seed = max(places, key=lambda p: fog[p[0]][p[1]])
    peak = fog[seed[0]][seed[1]]
    if peak <= params.seed_sigma * factor * sigma_k:
        return None
    limit = max(params.mask_sigma * factor * sigma_k, params.mask_share * peak)
    got = reach(seed, {p for p in places if fog[p[0]][p[1]] > limit})
    if len(got) < (params.min_px_large if large else params.min_px_small):
        return None
    mid_x, mid_y = (cols - 1) / 2, (rows - 1) / 2
    weighted = [(max(grid[r][c], 0.0), c - mid_x, r - mid_y) for r, c in sorted(got)]
    heat = sum(w for w, _, _ in weighted)
    x = sum(w * a for w, a, _ in weighted) / heat
    y = sum(w * b for w, _, b in weighted) / heat
    return NaiveBlob(
        frozenset(got),
        peak,
        heat,
        x,
        y,
        sum(w * a * a for w, a, _ in weighted) / heat - x * x,
        sum(w * b * b for w, _, b in weighted) / heat - y * y,
        sum(w * a * b for w, a, b in weighted) / heat - x * y,
    )


def reach(seed: tuple[int, int], allowed: set[tuple[int, int]]) -> set[tuple[int, int]]:
    """Pixels of `allowed` connected to `seed` by steps to any of the eight neighbours."""
    got: set[tuple[int, int]] = set()
    todo = [seed]
    while todo:
        r, c = todo.pop()
        if (r, c) in allowed and (r, c) not in got:
            got.add((r, c))
            todo += [(r + a, c + b) for a in (-1, 0, 1) for b in (-1, 0, 1)]
    return got
