"""What the detector bench compares with: copying memory, plain Python, and scipy's labels.

Each takes the same frames in the same process. None is used anywhere else.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from time import thread_time
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage  # type: ignore[import-untyped]  # scipy ships no types

from detectors import background, bits, blobs, down
from detectors.bits import Ints, Words
from detectors.fall import FallParams
from detectors.frame import Frames
from simulator.bench.stream import Watch
from simulator.twins.background import NaiveBackground
from simulator.twins.blobs import NaiveBlob, around, find_two

BOUND_BYTES_PX: Final = 2 + 4 * 4
"""What a background must move for each pixel of a frame: int16 read, float32 mean and deviation read and
written. 13.8 kB for 24x32."""
EIGHT: Final = np.ones((3, 3), np.bool_)  # neighbours, as in bits.flood


def copy_bytes_per_s(size: int, cpu_s: float) -> float:
    """Bytes read plus written in a second by np.copyto between two arrays of `size` bytes."""
    here, there = np.ones(size // 4, np.float32), np.zeros(size // 4, np.float32)
    np.copyto(there, here)
    copies, began = 0, thread_time()
    while (spent := thread_time() - began) < cpu_s or not copies:
        np.copyto(there, here)
        copies += 1
    return copies * 2 * here.nbytes / spent


def label_flood(words: Words, seed: Ints, cols: int) -> Words:
    """As bits.flood: what of each mask (rows, M) is connected to its seed; one scipy label a frame."""
    rows, m = words.shape
    mask = bits.unpacked(words, cols).reshape(m, rows, cols)
    got = np.empty_like(mask)
    for k in range(m):
        labels, _ = ndimage.label(mask[k], EIGHT)
        mine = labels[seed[k] // cols, seed[k] % cols]
        got[k] = (labels == mine) & (mine > 0)
    return bits.packed(got).T


@contextmanager
def _in_place_of(module: ModuleType, name: str, other: Any) -> Iterator[None]:
    before = getattr(module, name)
    setattr(module, name, other)
    try:
        yield
    finally:
        setattr(module, name, before)


@contextmanager
def labelled() -> Iterator[None]:
    """In this block the pipeline is the same but for the blob search, which is scipy's, frame by frame."""
    with _in_place_of(bits, "flood", label_flood):
        yield


@contextmanager
def stopwatch() -> Iterator[dict[str, float]]:
    """Seconds spent in the stations of the pipeline in this block, by name."""
    spent = dict.fromkeys(("look", "blobs", "decide", "learn"), 0.0)

    def timed(station: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            began = thread_time()
            out = function(*args)
            spent[station] += thread_time() - began
            return out

        return call

    stations = (
        (background, "look", "look"),
        (background, "learn", "learn"),
        (blobs, "find", "blobs"),
        (down, "decide", "decide"),
    )
    with ExitStack() as stack:
        for module, name, station in stations:
            stack.enter_context(_in_place_of(module, name, timed(station, getattr(module, name))))
        yield spent


def naive(params: FallParams, rows: int, cols: int, sensors: int) -> Watch:
    """The slow twins, frame by frame and pixel by pixel in plain Python: background and blobs.

    The twins of tracks, posture and the logic of falls are left out: some hundred operations beside
    thousands. Whatever has a patch counts as alive and is held, with a rim of a pixel.
    """
    rooms = [NaiveBackground(params.background, rows, cols) for _ in range(sensors)]

    def one(room: NaiveBackground, centi: list[int], dt_s: float) -> bool:
        seen = room.look(centi, dt_s)
        if seen is None:
            return False
        kelvin = seen[0]
        grid = [kelvin[r * cols : (r + 1) * cols] for r in range(rows)]
        found = find_two(params.blobs, grid, room.sigma)
        room.learn(seen, _under(found, rows, cols))
        return bool(found)

    def watch(frames: Frames) -> NDArray[np.bool_]:
        each = zip(frames.sensor.tolist(), frames.centi, frames.dt_s, strict=True)
        return np.array([one(rooms[s], centi.ravel().tolist(), float(dt_s)) for s, centi, dt_s in each])

    return watch


def _under(found: list[NaiveBlob], rows: int, cols: int) -> list[bool]:
    out = [False] * (rows * cols)
    for r, c in around({p for blob in found for p in blob.pixels}):
        if 0 <= r < rows and 0 <= c < cols:
            out[r * cols + c] = True
    return out
