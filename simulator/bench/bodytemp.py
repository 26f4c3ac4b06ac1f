"""What the body-surface trend costs: the minute over many homes, and its part of a frame.

Plays random readings to homes for some minutes beside the plain twin, and drawn rooms to the pipeline with
the time of `fall.step` and of `bodytemp.glance` taken in one run. Gives CPU times; checks nothing.
"""

import time
from typing import Any, Final

import numpy as np

from detectors import bodytemp, fall
from detectors.bodyglance import note
from detectors.frame import Frames
from detectors.layout import Layout, Moment
from guardian.settings import CONFIG, load
from simulator.bench.footage import footage
from simulator.bench.stream import Stream
from simulator.twins.bodytemp import Plain

START_MS: Final = 1_768_147_200_000
MINUTE_MS: Final = 60_000
MINUTES: Final = 45
"""Sessions end after 30, each at its own minute."""


def minute(homes: int = 100_000, plain: int = 50, seed: int = 1) -> dict[str, float]:
    """CPU of one minute's step: ms for all homes, and µs a home of the plain twin."""
    settings = load(CONFIG / "guardian.toml").detectors
    params, core_c = settings.bodytemp, settings.fall.core_c
    rng = np.random.default_rng(seed)
    rows = np.arange(homes)
    none = np.zeros(0, np.intp)
    layout = Layout(
        homes, rows, np.zeros(homes, np.int8), none, none, none.astype(np.int8), none > 0, rows, rows
    )
    state = bodytemp.fresh(layout)
    state.level_c[:] = 22.0
    twins = [Plain(params, core_c) for _ in range(plain)]
    begins = rng.integers(0, 30, homes)
    spent, slow = [], 0.0
    for m in range(MINUTES + 30):
        now = START_MS + m * MINUTE_MS
        k = np.flatnonzero(begins <= m)
        value = rng.normal(-1.5, 0.05, len(k)).astype(np.float32)
        note(
            params,
            state,
            k,
            np.full(len(k), now),
            np.ones(len(k), np.intp),
            value,
            np.full(len(k), 0.7, np.float32),
        )
        began = time.process_time()
        bodytemp.step(params, core_c, state, layout, Moment(now, m, 0, 0))
        spent.append(time.process_time() - began)
        some = np.flatnonzero(k < plain)
        began = time.process_time()
        for i in some:
            twins[k[i]].note(now, 1, float(value[i]), 0.7)
        for twin in twins:
            twin.step(now, m)
        slow += time.process_time() - began
    return {
        "homes": homes,
        "minute_ms_median": 1e3 * float(np.median(spent[30:])),
        "minute_ms_most": 1e3 * float(np.max(spent[30:])),
        "us_per_home_minute": 1e6 * float(np.median(spent[30:])) / homes,
        "naive_us_per_home_minute": 1e6 * slow / (MINUTES + 30) / plain,
    }


def frame(
    array: str = "mlx90640", sensors: int = 1_024, share: float = 0.25, cpu_s: float = 4.0, seed: int = 1
) -> dict[str, float]:
    """CPU of `fall.step` and of `glance` a frame, µs, in one run."""
    settings = load(CONFIG / "guardian.toml").detectors
    stream = Stream(footage(array, seed, 8), sensors, share, seed)
    eyes = fall.fresh(stream.optics, stream.furniture)
    rows = np.arange(sensors)
    none = np.zeros(0, np.intp)
    layout = Layout(
        sensors, rows, np.zeros(sensors, np.int8), none, none, none.astype(np.int8), none > 0, rows, rows
    )
    state = bodytemp.fresh(layout)
    taken = [0.0, 0.0, 0.0]

    def watch(frames: Frames) -> Any:
        a = time.thread_time()
        _, seen = fall.step(settings.fall, eyes, frames, int(frames.t_ms.max()))
        b = time.thread_time()
        bodytemp.glance(settings.bodytemp, settings.fall, state, 0, eyes, seen)
        taken[0] += b - a
        taken[1] += time.thread_time() - b
        taken[2] += len(frames.sensor)
        return seen.present

    stream.warm_up(watch)
    taken[:] = 0.0, 0.0, 0.0
    stream.measure(watch, cpu_s)
    step_us, glance_us = (1e6 * t / taken[2] for t in taken[:2])
    return {"step_us": step_us, "glance_us": glance_us, "share": glance_us / step_us}
