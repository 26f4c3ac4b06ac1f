"""Patches: flooding by bits equals a queue of pixels and scipy, moments equal the naive twin."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage  # type: ignore[import-untyped]  # scipy ships no types

from detectors import blobs
from simulator.twins.blobs import find_one, reach
from tests.thermal import shipped

PARAMS = shipped().blobs


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.sampled_from([(8, 8), (12, 16), (16, 16), (24, 32), (9, 40)]),
    share=st.floats(0.2, 0.6),
)
def test_flood_equals_queue_and_scipy(seed: int, shape: tuple[int, int], share: float) -> None:
    rng = np.random.default_rng(seed)
    rows, cols = shape
    mask = rng.random((4, rows, cols)) < share
    start = rng.integers(0, rows * cols, 4)
    mask.reshape(4, -1)[np.arange(4), start] = True
    got = blobs.flood(mask, start)
    for n in range(4):
        origin = (int(start[n]) // cols, int(start[n]) % cols)
        allowed = {(int(r), int(c)) for r, c in np.argwhere(mask[n])}
        assert {(int(r), int(c)) for r, c in np.argwhere(got[n])} == reach(origin, allowed)
        labels, _ = ndimage.label(mask[n], np.ones((3, 3)))
        assert np.array_equal(got[n], labels == labels[origin])


@pytest.mark.parametrize("shape", [(8, 8), (12, 16), (16, 16), (24, 32)])
def test_find_equals_the_naive_twin(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    rows, cols = shape
    n = 12
    kelvin = rng.normal(0, 0.2, (n, rows, cols)).astype(np.float32)
    for k in range(n - 2):  # the last two are empty rooms
        r, c = rng.integers(0, rows - 3), rng.integers(0, cols - 4)
        kelvin[k, r : r + 3, c : c + rng.integers(2, 5)] += rng.uniform(1, 4)
    got = blobs.find(PARAMS, kelvin.reshape(n, -1), np.full(n, 0.2, np.float32), rows, cols)
    for k in range(n):
        want = find_one(PARAMS, kelvin[k].astype(float).tolist(), 0.2)
        if want is None:
            assert got.area_px[k] == 0
            continue
        assert {(int(r), int(c)) for r, c in np.argwhere(got.mask[k])} == want.pixels
        for name in ("peak_k", "heat_k", "x_px", "y_px", "xx_px2", "yy_px2", "xy_px2"):
            assert getattr(got, name)[k] == pytest.approx(getattr(want, name), abs=2e-3), name


def test_a_picture_too_wide_for_a_word_is_refused() -> None:
    with pytest.raises(ValueError, match="80 columns"):
        blobs.find(PARAMS, np.zeros((1, 60 * 80), np.float32), np.ones(1, np.float32), 60, 80)
