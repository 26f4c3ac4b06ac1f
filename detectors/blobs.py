"""The warmest thing in each frame: one connected patch and its moments.

Takes what stands out from the room (kelvin), gives per frame the patch that holds the peak: area,
place, spread, heat. Rows of the mask are bits of one word per image row, and all frames flood at once,
so there is no loop over frames. Never remembers anything.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.background import F32, SMOOTH_FROM, smooth3

MAX_COLS: Final = 64


@dataclass(frozen=True, slots=True)
class BlobParams:
    """Table [blobs] of config/detectors.toml."""

    mask_sigma: float
    mask_share: float
    seed_sigma: float
    raw_factor: float
    min_px_small: int
    min_px_large: int


@dataclass(frozen=True, slots=True)
class Blobs:
    """One patch a frame, N frames; lengths in pixels, the origin in the middle of the picture."""

    area_px: F32
    """(N,) 0 = nothing there."""
    peak_k: F32
    heat_k: F32
    """(N,) sum of the excess over the patch, K x pixel."""
    x_px: F32
    y_px: F32
    xx_px2: F32
    yy_px2: F32
    xy_px2: F32
    rim: F32
    """(N,) share of the patch that lies in the outermost pixels of the picture."""
    mask: NDArray[np.bool_]
    """(N, rows, cols)."""


def find(params: BlobParams, kelvin: F32, sigma_k: F32, rows: int, cols: int) -> Blobs:
    """The patch that holds the peak of each of the N pictures `kelvin` (N, rows x cols)."""
    if cols > MAX_COLS:
        raise ValueError(f"{cols} columns do not fit into one word of {MAX_COLS} bits")
    n = len(kelvin)
    grid = kelvin.reshape(n, rows, cols)
    large = rows * cols >= SMOOTH_FROM
    fog = smooth3(grid) if large else grid
    flat = fog.reshape(n, -1)
    seed = flat.argmax(1)
    peak = flat[np.arange(n), seed]
    factor = np.float32(1 if large else params.raw_factor)
    limit = np.maximum(np.float32(params.mask_sigma) * factor * sigma_k, np.float32(params.mask_share) * peak)
    there = peak > np.float32(params.seed_sigma) * factor * sigma_k
    mask = (fog > limit[:, None, None]) & there[:, None, None]
    mask = flood(mask, seed)
    enough = np.count_nonzero(mask, axis=(1, 2)) >= (params.min_px_large if large else params.min_px_small)
    mask &= enough[:, None, None]
    return _moments(mask, grid, peak * enough, rows, cols)


def flood(mask: NDArray[np.bool_], seed: NDArray[np.intp]) -> NDArray[np.bool_]:
    """The part of each mask (N, rows, cols) that is connected (8 neighbours) to its seed pixel."""
    n, rows, cols = mask.shape
    word = np.uint32 if cols <= 32 else np.uint64
    width = np.dtype(word).itemsize
    wide = np.zeros((n, rows, 8 * width), np.bool_)  # packing whole words at once is five times faster
    wide[:, :, :cols] = mask
    packed = np.packbits(wide.ravel(), bitorder="little").view(word)
    allowed = np.ascontiguousarray(packed.reshape(n, rows).T)
    got = np.zeros_like(allowed)
    got[seed // cols, np.arange(n)] = word(1) << (seed % cols).astype(word)
    got &= allowed
    one = word(1)
    for _ in range(rows * cols):  # until nothing grows: some 10 steps for a person
        across = got | (got << one) | (got >> one)
        grown = across.copy()
        grown[1:] |= across[:-1]
        grown[:-1] |= across[1:]
        grown &= allowed
        if (grown == got).all():
            break
        got = grown
    back = np.unpackbits(np.ascontiguousarray(got.T).view(np.uint8).ravel(), bitorder="little")
    return back.view(np.bool_).reshape(n, rows, 8 * width)[:, :, :cols]


@cache
def _basis(rows: int, cols: int) -> tuple[F32, F32]:
    """What sums over a patch are made of: (pixels, 6) one, x, y, x², y², xy; (pixels, 2) one, outermost."""
    y, x = np.mgrid[0:rows, 0:cols].astype(np.float32)
    x -= (cols - 1) / 2
    y -= (rows - 1) / 2
    edge = (np.abs(x) == (cols - 1) / 2) | (np.abs(y) == (rows - 1) / 2)
    one = np.ones_like(x)
    return (
        np.stack([one, x, y, x * x, y * y, x * y], axis=-1).reshape(-1, 6),
        np.stack([one, edge.astype(np.float32)], axis=-1).reshape(-1, 2),
    )


def _moments(mask: NDArray[np.bool_], grid: F32, peak: F32, rows: int, cols: int) -> Blobs:
    n = len(mask)
    moments, counts = _basis(rows, cols)
    weight = np.maximum(grid, np.float32(0))
    weight *= mask
    sums = weight.reshape(n, -1) @ moments
    area, on_edge = (mask.reshape(n, -1).astype(np.float32) @ counts).T
    heat = sums[:, 0].copy()
    sums /= np.maximum(heat, np.float32(1e-6))[:, None]
    cx, cy = sums[:, 1], sums[:, 2]
    return Blobs(
        area,
        peak,
        heat,
        cx,
        cy,
        np.maximum(sums[:, 3] - cx * cx, np.float32(0)),
        np.maximum(sums[:, 4] - cy * cy, np.float32(0)),
        sums[:, 5] - cx * cy,
        on_edge / np.maximum(area, np.float32(1)),
        mask,
    )
