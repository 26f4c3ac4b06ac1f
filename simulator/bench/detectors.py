"""How many thermal frames one core gets through: the pipeline of the lookout beside its bounds and rivals.

Draws frames of a few rooms first and plays them to four thousand sensors of each resolution, with 5, 25
and 100 % of the rooms lived in. Everything is measured in one process with one thread, in rounds that take
each figure once, so that what else the machine does falls on all of them; figures are medians of rounds.
Counted is the CPU time of the thread inside `detectors.fall.step`, and nothing else of the road.
"""

import os
import statistics
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import numpy as np

from detectors import fall
from guardian.settings import CONFIG, load
from guardian.slab import CHUNK
from simulator.bench import rivals
from simulator.bench.footage import Footage, footage
from simulator.bench.stream import Spent, Stream, Watch, lookout, state_bytes
from simulator.cores import pool

ARRAYS: Final = {"8x8": "amg8833", "12x16": "mlx90641", "16x16": "d6t16", "24x32": "mlx90640"}
"""Resolution → the array on sale whose rate, noise and dead pixels the frames have."""
SHARES: Final = ("0.05", "0.25", "1.0")
"""Of the sensors, how many have somebody in view."""
SHAPE: Final = "24x32"
SHARE: Final = "0.25"
"""Where the rivals are measured."""
SEED: Final = 1
WAITS: Final = 5
"""Sensors of 4 Hz under a beat of 200 ms: in every beat one in five has nothing new."""
NAIVE_SENSORS: Final = 16  # 3 ms a frame
ROUNDS: Final = 7

Samples = defaultdict[str, list[float]]
Slot = Callable[[float], Mapping[str, float]]
"""Takes CPU seconds, gives what it measured, by name."""


class BenchError(Exception):
    """The machine does not let us measure."""


def run_detectors(
    *,
    seconds: float = 45.0,
    sensors: int = 4_096,
    sizes: tuple[int, ...] = (100, 1_000, 10_000),
    pieces: int = 32,
    rounds: int = ROUNDS,
    seed: int = SEED,
) -> dict[str, Any]:
    """Measure for `seconds` of CPU in all, in a process of its own with one BLAS thread; progress on stderr.

    sensors: in each stream; sizes: those at which the cost per frame is compared; pieces: rooms drawn of
    each resolution. BenchError: more than one thread; WorkerLost: the process was killed.
    """
    with pool() as workers:  # its workers are told to use one thread before they import numpy
        return workers.submit(_measure, seconds, sensors, sizes, pieces, rounds, seed).result()


def _measure(  # noqa: PLR0917  (all of run_detectors, in its order)
    seconds: float, sensors: int, sizes: tuple[int, ...], pieces: int, rounds: int, seed: int
) -> dict[str, Any]:
    blas = one_thread()
    params = load(CONFIG / "guardian.toml").detectors.fall
    _say(f"drawing {pieces} rooms for each of {len(ARRAYS)} arrays")
    films = {shape: footage(array, seed, pieces) for shape, array in ARRAYS.items()}
    slots: list[Slot] = []
    state_b: dict[str, int] = {}

    def watched(film: Footage, many: int, share: str, waits: int | None = None) -> tuple[Stream, Watch]:
        stream = Stream(film, many, float(share), seed, waits=waits)
        state = fall.fresh(stream.optics, stream.furniture)
        state_b[f"{stream.optics.rows}x{stream.optics.cols} {many}"] = state_bytes(state)
        watch = lookout(params, state)
        stream.warm_up(watch)
        return stream, watch

    for shape, film in films.items():
        _say(f"warming up {sensors:,} sensors of {shape}")
        for share in SHARES:
            stream, watch = watched(film, sensors, share)
            slots.append(partial(_pipeline, stream, watch, f"{shape} {share}"))
            if (shape, share) == (SHAPE, SHARE):
                slots += [partial(_scipy, stream, watch), partial(_stations, stream, watch)]
    film = films[SHAPE]
    for many in sizes:
        if many != sensors:
            _say(f"warming up {many:,} sensors of {SHAPE}")
            slots.append(partial(_pipeline, *watched(film, many, SHARE), f"sensors {many}"))
    slots.append(partial(_pipeline, *watched(film, sensors, SHARE, WAITS), "scattered"))
    _say("warming up the plain Python twin")
    few = min(sensors, NAIVE_SENSORS)
    stream = Stream(film, few, float(SHARE), seed)
    watch = rivals.naive(params, stream.optics.rows, stream.optics.cols, few)
    stream.warm_up(watch)
    slots.append(partial(_pipeline, stream, watch, "naive"))
    size = state_b[f"{SHAPE} {sensors}"]
    slots.append(lambda cpu_s: {"copy B/s": rivals.copy_bytes_per_s(size, cpu_s)})

    samples: Samples = defaultdict(list)
    for k in range(rounds):
        for slot in slots:
            for what, value in slot(seconds / rounds / len(slots)).items():
                samples[what].append(value)
        us = samples[f"us {SHAPE} {SHARE}"][-1]
        _say(f"round {k + 1} of {rounds}: {SHAPE} at {float(SHARE):.0%} takes {us:.2f} µs a frame")
    samples[f"us sensors {sensors}"] = samples[f"us {SHAPE} {SHARE}"]
    return _figures(samples, sizes) | {
        "state_bytes_per_sensor": {shape: state_b[f"{shape} {sensors}"] / sensors for shape in ARRAYS},
        "sensors": sensors,
        "chunk": CHUNK,
        "rooms_drawn": pieces,
        "rounds": rounds,
        "cpu_s": seconds,
        "blas": blas,
        "blas_threads": 1,
    }


def one_thread() -> str:
    """Name the BLAS in use. BenchError: this process has threads that are not Python's."""
    square = np.ones((256, 256), np.float32)
    square @ square
    threads, ours = len(os.listdir("/proc/self/task")), threading.active_count()  # noqa: PTH208  (names only)
    if threads != ours:
        raise BenchError(f"threads beside Python's: {threads - ours}, so one core cannot be measured")
    built: Any = np.show_config(mode="dicts")
    blas = built["Build Dependencies"]["blas"]
    return f"{blas['name']} {blas['version']}"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _run(stream: Stream, watch: Watch, cpu_s: float) -> Spent:
    stream.play(watch, 1.0)  # other work has had the caches
    return stream.measure(watch, cpu_s)


def _pipeline(stream: Stream, watch: Watch, name: str, cpu_s: float) -> Mapping[str, float]:
    spent = _run(stream, watch, cpu_s)
    return {f"us {name}": spent.us, f"seen {name}": spent.seen_share}


def _scipy(stream: Stream, watch: Watch, cpu_s: float) -> Mapping[str, float]:
    with rivals.labelled():
        return {"us scipy": _run(stream, watch, cpu_s).us}


def _stations(stream: Stream, watch: Watch, cpu_s: float) -> Mapping[str, float]:
    stream.play(watch, 1.0)
    with rivals.stopwatch() as taken:
        spent = stream.measure(watch, cpu_s)
    us = {name: s / spent.frames * 1e6 for name, s in taken.items()}
    return {f"station {name}": v for name, v in (us | {"follow": spent.us - sum(us.values())}).items()}


def _figures(samples: Samples, sizes: tuple[int, ...]) -> dict[str, Any]:
    """Medians of the rounds under the names of DESIGN section 10, and more beside them."""
    mid = {name: statistics.median(values) for name, values in samples.items()}

    def rate(name: str) -> int:
        return round(1e6 / mid[f"us {name}"])

    rows, cols = map(int, SHAPE.split("x"))
    frame_b = rivals.BOUND_BYTES_PX * rows * cols
    bound = mid["copy B/s"] / frame_b
    by_size = {
        str(many): {
            "median": round(mid[f"us sensors {many}"], 3),
            "least": round(min(samples[f"us sensors {many}"]), 3),
            "most": round(max(samples[f"us sensors {many}"]), 3),
        }
        for many in sizes
    }
    medians = [of["median"] for of in by_size.values()]
    return {
        "frames_per_second": {
            shape: {share: rate(f"{shape} {share}") for share in SHARES} for shape in ARRAYS
        },
        "memory_bound_frames_per_second": {SHAPE: round(bound)},
        "scipy_label_frames_per_second": {SHAPE: {SHARE: rate("scipy")}},
        "naive_frames_per_second": round(1e6 / mid["us naive"], 1),
        "share_of_memory_bound": {
            SHAPE: {share: round(rate(f"{SHAPE} {share}") / bound, 4) for share in SHARES}
        },
        "frames_per_second_least_most": {
            shape: {
                share: [round(1e6 / worst(samples[f"us {shape} {share}"])) for worst in (max, min)]
                for share in SHARES
            }
            for shape in ARRAYS
        },
        "seen_share": {
            shape: {share: round(mid[f"seen {shape} {share}"], 4) for share in SHARES} for shape in ARRAYS
        },
        "scattered_frames_per_second": {SHAPE: {SHARE: rate("scattered")}},
        "us_per_frame_by_station": {
            name.removeprefix("station "): round(us, 3)
            for name, us in mid.items()
            if name.startswith("station ")
        },
        "us_per_frame_by_sensors": by_size,
        "us_per_frame_by_sensors_spread": round(max(medians) / min(medians) - 1, 3),
        "memory_bound_bytes_per_frame": frame_b,
        "copy_gb_per_second": round(mid["copy B/s"] / 1e9, 2),
    }
