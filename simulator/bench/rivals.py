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

from detectors import background, blobs, posture
from detectors.fall import FallParams
from detectors.frame import Frames
from simulator.bench.stream import Watch
from simulator.twins.background import NaiveBackground, pairs
from simulator.twins.blobs import find_one

BOUND_BYTES_PX: Final = 2 + 4 * 4
"""What a background must move for each pixel of a frame: int16 read, float32 mean and deviation read and
written. 13.8 kB for 24x32."""
EIGHT: Final = np.ones((3, 3), np.bool_)  # neighbours, as in blobs.flood


def copy_bytes_per_s(size: int, cpu_s: float) -> float:
    """Bytes read plus written in a second by np.copyto between two arrays of `size` bytes."""
    here, there = np.ones(size // 4, np.float32), np.zeros(size // 4, np.float32)
    np.copyto(there, here)
    copies, began = 0, thread_time()
    while (spent := thread_time() - began) < cpu_s or not copies:
        np.copyto(there, here)
        copies += 1
    return copies * 2 * here.nbytes / spent


def label_flood(mask: NDArray[np.bool_], seed: NDArray[np.intp]) -> NDArray[np.bool_]:
    """As blobs.flood: what of each mask (N, rows, cols) is connected to its seed; one scipy label a frame."""
    n, _, cols = mask.shape
    got = np.empty_like(mask)
    for k in range(n):
        labels, _ = ndimage.label(mask[k], EIGHT)
        mine = labels[seed[k] // cols, seed[k] % cols]
        got[k] = (labels == mine) & (mine > 0)
    return got


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
    with _in_place_of(blobs, "flood", label_flood):
        yield


@contextmanager
def stopwatch() -> Iterator[dict[str, float]]:
    """Seconds spent in the stations of the pipeline in this block, by name."""
    spent = {"background": 0.0, "blobs": 0.0, "posture": 0.0}

    def timed(station: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            began = thread_time()
            out = function(*args)
            spent[station] += thread_time() - began
            return out

        return call

    stations = (
        (background, "step", "background"),
        (blobs, "find", "blobs"),
        (posture, "shapes", "posture"),
        (posture, "lying", "posture"),
    )
    with ExitStack() as stack:
        for module, name, station in stations:
            stack.enter_context(_in_place_of(module, name, timed(station, getattr(module, name))))
        yield spent


def naive(params: FallParams, rows: int, cols: int, sensors: int) -> Watch:
    """The slow twins, frame by frame and pixel by pixel in plain Python: background and blobs.

    Posture and the logic of falls have no twins and are left out: some dozen operations beside thousands.
    A room counts as lived in while a patch is seen. Patches are looked for only behind the same gate.
    """
    rooms = [NaiveBackground(params.background, rows, cols) for _ in range(sensors)]
    lived = [False] * sensors

    def watch(frames: Frames) -> NDArray[np.bool_]:
        for sensor, centi, dt_s in zip(frames.sensor.tolist(), frames.centi, frames.dt_s, strict=True):
            kelvin, sigma_k, ready = rooms[sensor].step(
                centi.ravel().tolist(), float(dt_s), hold=lived[sensor]
            )
            grid = [kelvin[r * cols : (r + 1) * cols] for r in range(rows)]
            gate = ready and max(pairs(grid)) > params.background.gate_sigma * sigma_k
            lived[sensor] = gate and find_one(params.blobs, grid, sigma_k) is not None
        return np.array([lived[sensor] for sensor in frames.sensor])

    return watch
