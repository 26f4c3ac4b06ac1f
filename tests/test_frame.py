"""Wide arrays: the detectors look at them in larger pixels, and say what they say of others."""

import numpy as np

from detectors import fall
from detectors.frame import BAD_PIXEL, Frames, halved, looked_at
from simulator import suites
from simulator.evaluate import watch
from simulator.feed import of_homes
from simulator.suites import Options
from tests.thermal import everything, optics


def frames(centi: np.ndarray) -> Frames:
    n = len(centi)
    return Frames(np.arange(n), centi, np.zeros(n, np.int64), np.zeros(n, np.float32))


def test_a_larger_pixel_is_the_mean_of_those_that_can_be_read() -> None:
    centi = np.array([[[1000, 1100, 20, 7], [1200, BAD_PIXEL, BAD_PIXEL, BAD_PIXEL], [5, 5, 5, 5]]], np.int16)
    small = halved(frames(centi)).centi
    assert small.dtype == np.int16
    assert small.tolist() == [[[1100, 14]]]  # the odd last line is left out
    assert halved(frames(np.full((1, 2, 2), BAD_PIXEL, np.int16))).centi.tolist() == [[[BAD_PIXEL]]]


def test_only_arrays_too_wide_for_a_word_are_looked_at_so() -> None:
    assert (looked_at(optics(24, 64, 1)).rows, looked_at(optics(24, 64, 1)).cols) == (24, 64)
    assert (looked_at(optics(60, 80, 1)).rows, looked_at(optics(60, 80, 1)).cols) == (30, 40)
    assert fall.fresh(optics(60, 80, 2)).optics.cols == 40


def test_a_lepton_finds_clear_falls() -> None:
    options = Options(homes=4, sensors=("lepton",), kinds=("struggle",))
    (cell, _wall) = suites.cells("falls", options)
    homes = [suites.home(cell, 5, k) for k in range(4)]
    watched = watch(of_homes(homes), everything())
    assert watched.rejected == 0
    said = [{f.kind for f in some} for some in watched.found.values()]
    assert sum("fall-suspected" in kinds for kinds in said) >= 2
