"""The empty room: equal to its naive twin, and a person lying still never becomes part of it."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors import background
from detectors.frame import BAD_PIXEL, Frames
from simulator.twins.background import NaiveBackground
from tests.thermal import shipped

PARAMS = shipped().background


def frames(centi: NDArray[np.int16], k: int, dt_s: float) -> Frames:
    n = len(centi)
    return Frames(np.arange(n), centi, np.full(n, round(k * 250), np.int64), np.full(n, dt_s, np.float32))


def noisy(rng: np.random.Generator, sensors: int, rows: int, cols: int) -> NDArray[np.int16]:
    return (2200 + rng.normal(0, 20, (sensors, rows, cols))).astype(np.int16)


@pytest.mark.parametrize(("rows", "cols"), [(8, 8), (12, 16), (16, 16)])
def test_equals_the_naive_twin(rows: int, cols: int) -> None:
    rng = np.random.default_rng(5)
    sensors = 3
    state = background.fresh(sensors, rows, cols)
    twins = [NaiveBackground(PARAMS, rows, cols) for _ in range(sensors)]
    still = noisy(rng, sensors, rows, cols)
    for k in range(60):
        centi = noisy(rng, sensors, rows, cols) if k % 9 else still
        if k > 15:
            centi[1, 2:6, 1:4] += 300  # somebody stands there
        if k == 20:
            centi[2] += 900  # the sensor reboots
        centi[0, 0, k % cols] = BAD_PIXEL
        dt = math.nan if k in {0, 30} else 0.25
        hold = np.array([True, k % 2 == 0, False])
        got = background.step(PARAMS, state, frames(centi, k, dt), hold)
        for s, twin in enumerate(twins):
            kelvin, sigma, ready = twin.step(centi[s].ravel().tolist(), dt, hold=bool(hold[s]))
            np.testing.assert_allclose(got.kelvin[s], kelvin, atol=2e-3)
            assert got.sigma_k[s] == pytest.approx(sigma, abs=1e-3)
            assert got.ready[s] == ready


def test_lying_still_for_six_hours_is_never_absorbed() -> None:
    rng = np.random.default_rng(6)
    state = background.fresh(1, 24, 32)
    hold = np.array([True])
    for k in range(40):
        background.step(PARAMS, state, frames(noisy(rng, 1, 24, 32), k, 0.25), hold)
    excess = 0.0
    for k in range(6 * 360):
        centi = noisy(rng, 1, 24, 32)
        centi += np.int16(k // 20)  # the room warms by a kelvin in six hours
        centi[0, 10:14, 8:20] += 250
        got = background.step(PARAMS, state, frames(centi, k, 10.0), hold)
        excess = float(got.kelvin.reshape(24, 32)[11:13, 10:18].mean())
    assert excess == pytest.approx(2.5, abs=0.3)


def test_what_never_moved_becomes_part_of_the_room() -> None:
    rng = np.random.default_rng(7)
    state = background.fresh(1, 8, 8)
    for k in range(4 * 60 * 60):
        centi = noisy(rng, 1, 8, 8)
        if k > 40:
            centi[0, :2, :3] += 500  # a radiator
        got = background.step(PARAMS, state, frames(centi, k, 0.25), np.array([False]))
    assert got.kelvin.reshape(8, 8)[:2, :3].mean() < 0.5


def test_ready_within_five_seconds_of_stable_frames_and_not_before() -> None:
    rng = np.random.default_rng(8)
    state = background.fresh(1, 16, 16)
    ready = []
    for k in range(60):
        centi = noisy(rng, 1, 16, 16)
        if k < 20:
            centi -= np.int16((20 - k) * 100)  # the array settles by a kelvin a frame
        ready.append(bool(background.step(PARAMS, state, frames(centi, k, 0.11), np.array([True])).ready[0]))
    assert not any(ready[:21])
    assert ready.index(True) < 20 + 5 / 0.11


def test_a_frozen_sensor_is_noticed_and_a_live_one_is_not() -> None:
    rng = np.random.default_rng(9)
    state = background.fresh(2, 8, 8)
    first = noisy(rng, 2, 8, 8)
    for k in range(30):
        centi = noisy(rng, 2, 8, 8)
        centi[0] = first[0]
        got = background.step(PARAMS, state, frames(centi, k, 0.25), np.array([True, True]))
    assert got.frozen.tolist() == [True, False]
