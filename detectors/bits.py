"""Masks of pictures as bits: one word a row of the picture, bit c = column c, all pictures at once.

Takes and gives words (rows, M), so that one operation works on the same row of all M pictures (research 1.5).
Never knows what the masks mean.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]
Words = NDArray[np.uint32] | NDArray[np.uint64]

LONGEST: Final = 64
"""Most columns a word has room for."""
EASY_SHARE: Final = 0.3  # steps of a flood for each row, before anybody asks who is done: a person takes them


def empty(shape: tuple[int, ...], cols: int) -> Words:
    """Words for pictures of so many columns, not yet filled."""
    return np.empty(shape, np.uint32) if cols <= 32 else np.empty(shape, np.uint64)


def packed(masks: Bools) -> Words:
    """(..., rows) words of masks (..., rows, cols)."""
    *lead, cols = masks.shape
    octets = -(-cols // 8)
    if cols % 8:
        wide = np.zeros((*lead, 8 * octets), np.bool_)
        wide[..., :cols] = masks
        masks = wide
    bits = np.packbits(masks.reshape(-1), bitorder="little")  # a long row at once is five times faster
    words = empty(tuple(lead), cols)
    if octets in {1, 2, 4, 8}:
        words[...] = bits.view(f"u{octets}").reshape(lead)
    else:
        words[...] = 0
        words.view(np.uint8).reshape(*lead, -1)[..., :octets] = bits.reshape(*lead, octets)
    return words


def unpacked(words: Words, cols: int) -> Bools:
    """Masks (M, rows x cols) of words (rows, M)."""
    rows, m = words.shape
    word = np.dtype(f"u{cols // 8}") if cols in {8, 16, 32, 64} else words.dtype
    lines = np.ascontiguousarray(words.T, word)
    bits = np.unpackbits(lines.view(np.uint8).ravel(), bitorder="little").view(np.bool_)
    return bits.reshape(m, rows, 8 * word.itemsize)[:, :, :cols].reshape(m, rows * cols)


def has(words: Words, pixel: Ints, cols: int) -> Bools:
    """(M,) whether the mask holds its pixel number `pixel` (M,)."""
    row, col = np.divmod(pixel, cols)
    line = words[row, np.arange(len(pixel))]
    return np.asarray((line >> col.astype(words.dtype)) & words.dtype.type(1) != 0)


def grown(words: Words) -> Words:
    """The masks and all their neighbours; bits beyond the picture's columns may be set."""
    rows, m = words.shape
    padded = np.zeros((rows + 2, m), words.dtype)
    padded[1:-1] = words
    return _spread(padded, np.empty_like(padded), np.empty_like(padded), np.empty_like(words))


def flood(words: Words, seed: Ints, cols: int) -> Words:
    """The part of each mask that is connected (8 neighbours) to its pixel number `seed` (M,).

    After the first steps only those pictures go on in which the last step found something.
    """
    rows, m = words.shape
    out = np.zeros((rows + 2, m), words.dtype)
    row, col = np.divmod(seed, cols)
    out[row + 1, np.arange(m)] = np.left_shift(words.dtype.type(1), col.astype(words.dtype))
    out[1:-1] &= words
    got, who, steps = out, np.arange(m), int(EASY_SHARE * rows)
    while who.size:
        a, b, more = np.empty_like(got), np.empty_like(got), np.empty_like(words)
        inner = got[1:-1]
        for _ in range(steps):
            _spread(got, a, b, inner)
            inner &= words
        _spread(got, a, b, more)
        more &= words
        grew = np.flatnonzero(np.bitwise_or.reduce(more ^ inner, axis=0))
        inner[...] = more
        if got is not out:
            out[:, who] = got
        who, got, words, steps = who[grew], got[:, grew], words[:, grew], 1
    return out[1:-1]


def _spread(padded: Words, a: Words, b: Words, out: Words) -> Words:
    """`out` (rows, M): `padded` (rows + 2, M) and its eight neighbours; `a` and `b` are overwritten."""
    one = padded.dtype.type(1)
    np.left_shift(padded, one, out=a)
    a |= padded
    np.right_shift(a, one, out=b)
    b |= a
    np.bitwise_or(b[:-2], b[1:-1], out=out)
    out |= b[2:]
    return out


def ends(words: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers of the lowest and highest bit of each word; words without bits give nothing of use."""
    one = np.uint64(1)
    low = np.bitwise_count((words - one) & ~words).astype(np.int64)
    # With the bit below the highest one off, rounding to a float never reaches the next power of two.
    high = np.frexp((words & ~(words >> one)).astype(np.float64))[1].astype(np.int64) - 1
    return low, high
