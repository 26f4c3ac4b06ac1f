"""Thermal frames as small PNG pictures: a palette of 256 colours, compressed by zlib, nothing else.

The format needs a signature and four chunks (PNG, third edition, section 11): no imaging library comes along.
"""

import struct
import zlib
from typing import Final

import numpy as np
from numpy.typing import NDArray

from guardian.preroll import STEP_C

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_PALETTE_TYPE: Final = 3
_ANCHORS: Final = (
    (0.0, (0, 0, 4)),
    (0.25, (87, 16, 110)),
    (0.5, (188, 55, 84)),
    (0.75, (249, 142, 9)),
    (1.0, (252, 255, 164)),
)
"""Of the colour map "inferno" (matplotlib, CC0): brightness rises evenly, so colour-blind people read it."""


def palette() -> NDArray[np.uint8]:
    """Give (256, 3) colours, dark = cold."""
    at = np.linspace(0, 1, 256)
    xs = [x for x, _ in _ANCHORS]
    channels = [np.interp(at, xs, [rgb[c] for _, rgb in _ANCHORS]) for c in range(3)]
    return np.stack(channels, axis=1).round().astype(np.uint8)


_PLTE: Final = palette().tobytes()


def scale(frames: NDArray[np.uint8]) -> tuple[float, float]:
    """Give the coldest and the warmest °C that pictures of some frames shall show; bytes as in preroll.py.

    From the 1st to the 99.9th percentile, at least 4 K, so that noise does not look like something.
    """
    known = frames[frames > 0]
    if not known.size:
        return 15.0, 35.0
    low, high = (float(v - 1) * STEP_C for v in np.percentile(known, (1, 99.9)))
    return low, max(high, low + 4.0)


def picture(frame: NDArray[np.uint8], low_c: float, high_c: float) -> bytes:
    """Give one frame (rows, cols) as PNG; what has no reading is black."""
    celsius = (frame.astype(np.float64) - 1) * STEP_C
    level = np.clip((celsius - low_c) / (high_c - low_c), 0, 1) * 255
    pixels = np.where(frame == 0, 0, level.round()).astype(np.uint8)
    rows, cols = pixels.shape
    lines = np.zeros((rows, cols + 1), np.uint8)  # a filter byte of 0 before each line
    lines[:, 1:] = pixels
    head = struct.pack(">IIBBBBB", cols, rows, 8, _PALETTE_TYPE, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"PLTE", _PLTE), (b"IDAT", zlib.compress(lines.tobytes())), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(name, body) for name, body in chunks)


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
