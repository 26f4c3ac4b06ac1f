"""The simulated camera and the people it sees."""

import numpy as np
import pytest

from simulator.bodies import FIELDS, LYING, UPRIGHT, Motion
from simulator.camera import Camera, grideye, melexis, render
from simulator.people import demo_homes, script

QUIET = Camera(24, 32, 110.0, 2.5, 4.0, 0.0, 0.01, 0.45, 0.0, 22.0, 0.0, 0.0, 1)


def still(
    shape: tuple[float, float, float, float], x: float = 0.0, y: float = 0.0, heading: float = 0.0
) -> Motion:
    z, trunk, thigh, shank = shape
    pose = np.array([[x, y, z, heading, trunk, thigh, shank, 1.0]])
    assert pose.shape[1] == len(FIELDS)
    return Motion(np.array([0.0]), pose, ())


def test_the_same_seed_draws_the_same_frames_and_another_one_does_not() -> None:
    t_ms = np.arange(0, 20_000, 250)
    motion = script(3, "day", 20)
    again = render(melexis(3), script(3, "day", 20), t_ms)
    assert np.array_equal(render(melexis(3), motion, t_ms), again)
    assert not np.array_equal(render(melexis(4), motion, t_ms), again)


def test_who_lies_is_long_and_who_stands_below_is_round() -> None:
    t_ms = np.zeros(1, np.int64)
    up = render(QUIET, still(UPRIGHT), t_ms)[0] > 2300
    down = render(QUIET, still(LYING), t_ms)[0] > 2300
    assert np.ptp(np.flatnonzero(down.any(0))) >= 7  # 1.5 m at 0.15 m a pixel, less the cool rim
    assert np.ptp(np.flatnonzero(up.any(0))) <= 5
    assert np.ptp(np.flatnonzero(down.any(1))) <= 5


def test_place_and_axes() -> None:
    centi = render(QUIET, still(UPRIGHT, x=0.8, y=-0.5), np.zeros(1, np.int64))[0]
    row, col = np.unravel_index(centi.argmax(), centi.shape)
    assert col > 16
    assert row < 12


def test_rounding_and_noise_are_those_of_the_sensor() -> None:
    motion = script(1, "away", 60)
    centi = render(grideye(1), motion, np.arange(0, 60_000, 100))
    assert set(np.unique(centi % 25)) == {0}
    assert 0.1 < (np.diff(centi.astype(float), axis=0).std() / 2**0.5 / 100) < 0.25


def test_falls_are_as_long_as_those_of_older_people() -> None:
    lengths = []
    for seed in range(60):
        fell = next(t for t in script(seed, "fall", 60, 40).truth if t.label == "fall")
        assert abs(fell.start_s - 40) < 2
        lengths.append(fell.end_s - fell.start_s)
    assert 1.0 < np.mean(lengths) < 2.5


def test_demo_homes_have_both_arrays_and_one_fall() -> None:
    homes = demo_homes(2, 3, 1, 40, 60)
    assert [(h.rows, h.cols) for h in homes] == [(24, 32), (8, 8), (24, 32)]
    assert [any(t.label == "fall" for t in h.truth) for h in homes] == [False, True, False]
    assert np.array_equal(homes[0].frame(10.1), homes[0].centi[40])
    with pytest.raises(ValueError, match="fall_at_s"):
        demo_homes(2, 3, 1, 10, 60)
