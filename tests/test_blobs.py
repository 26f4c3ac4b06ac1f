"""Patches: two of them equal a queue of pixels and scipy, and what comes of a picture depends on it alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage  # type: ignore[import-untyped]  # scipy ships no types

from detectors import bits, blobs
from simulator.twins.blobs import find_two, reach
from tests.thermal import shipped

PARAMS = shipped().blobs
SHAPES = [(8, 8), (12, 16), (16, 16), (24, 32), (30, 40), (4, 24), (9, 37), (20, 64), (64, 5)]
F32 = NDArray[np.float32]
Bools = NDArray[np.bool_]


def words_of(mask: Bools) -> bits.Words:
    """(rows, M) words of masks (M, rows, cols)."""
    _, rows, cols = mask.shape
    words = bits.empty((rows, len(mask)), cols)
    words[...] = [[sum(1 << c for c in range(cols) if one[r, c]) for one in mask] for r in range(rows)]
    return words


def masks_of(words: bits.Words, cols: int) -> Bools:
    """Masks (M, rows, cols) of (rows, M) words."""
    return np.array([[[int(w) >> c & 1 for c in range(cols)] for w in one] for one in words.T], np.bool_)


def look(kelvin: F32, sigma_k: float = 0.2) -> blobs.Blobs:
    """Patches of pictures (M, rows, cols)."""
    m, rows, cols = kelvin.shape
    return blobs.find(PARAMS, kelvin.reshape(m, rows * cols), np.full(m, sigma_k, np.float32), rows, cols)


def noise(rng: np.random.Generator, m: int, shape: tuple[int, int]) -> F32:
    return rng.normal(0, 0.2, (m, *shape)).astype(np.float32)


def blobby(rng: np.random.Generator, m: int, shape: tuple[int, int]) -> F32:
    """Some warm rectangles of all sizes in each picture; the last two are empty rooms."""
    rows, cols = shape
    kelvin = noise(rng, m, shape)
    for k in range(m - 2):
        for _ in range(rng.integers(1, 5)):
            r, c = rng.integers(0, rows), rng.integers(0, cols)
            kelvin[k, r : r + rng.integers(2, 7), c : c + rng.integers(2, 9)] += rng.uniform(1, 9)
    return kelvin


def person(kelvin: F32, row: int, col: int, peak_k: float) -> None:
    """Put somebody of 4 x 5 pixels into the picture (rows, cols)."""
    kelvin[row : row + 4, col : col + 5] += peak_k


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), shape=st.sampled_from(SHAPES), share=st.floats(0.2, 0.6))
def test_flood_equals_queue_and_scipy(seed: int, shape: tuple[int, int], share: float) -> None:
    rng = np.random.default_rng(seed)
    rows, cols = shape
    mask = rng.random((6, rows, cols)) < share
    start = rng.integers(0, rows * cols, 6)
    mask[:5].reshape(5, -1)[np.arange(5), start[:5]] = True
    got = masks_of(bits.flood(words_of(mask), start, cols), cols)
    for n in range(6):
        origin = (int(start[n]) // cols, int(start[n]) % cols)
        allowed = {(int(r), int(c)) for r, c in np.argwhere(mask[n])}
        assert {(int(r), int(c)) for r, c in np.argwhere(got[n])} == reach(origin, allowed)
        labels, _ = ndimage.label(mask[n], np.ones((3, 3)))
        assert np.array_equal(got[n], (labels == labels[origin]) & mask[n][origin])


def test_a_spiral_is_followed_to_its_end() -> None:
    mask = np.zeros((1, 24, 32), np.bool_)
    mask[0, ::4] = True
    mask[0, 1::8, -1] = mask[0, 2::8, -1] = mask[0, 3::8, -1] = True
    mask[0, 5::8, 0] = mask[0, 6::8, 0] = mask[0, 7::8, 0] = True
    got = masks_of(bits.flood(words_of(mask), np.array([0]), 32), 32)
    assert np.array_equal(got, mask)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), shape=st.sampled_from(SHAPES))
def test_find_equals_the_naive_twin(seed: int, shape: tuple[int, int]) -> None:
    kelvin = blobby(np.random.default_rng(seed), 8, shape)
    got = look(kelvin)
    for k in range(len(kelvin)):
        want = find_two(PARAMS, kelvin[k].astype(float).tolist(), 0.2)
        assert np.count_nonzero(got.area_px[k]) == len(want)
        for slot in range(2):
            mask = masks_of(got.words[:, :, slot], shape[1])[k]
            if slot >= len(want):
                assert not mask.any()
                assert all(getattr(got, name)[k, slot] == 0 for name in blobs.NUMBERS)
                continue
            assert {(int(r), int(c)) for r, c in np.argwhere(mask)} == want[slot].pixels
            for name in blobs.NUMBERS:
                value = getattr(want[slot], name)
                assert getattr(got, name)[k, slot] == pytest.approx(value, rel=1e-4, abs=5e-3), name


@pytest.mark.parametrize("shape", SHAPES)
def test_a_picture_gives_the_same_bits_wherever_it_stands(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(5)
    m = 1100 if shape == (24, 32) else 301  # more than one block, and not a multiple of anything
    kelvin = blobby(rng, m, shape)
    whole = look(kelvin)
    order = rng.permutation(m)
    mixed = look(kelvin[order])
    parts = [look(kelvin[a:b]) for a, b in ((0, 1), (1, 18), (18, 275), (275, m))]
    for name in blobs.NUMBERS:
        assert np.array_equal(getattr(whole, name)[order], getattr(mixed, name)), name
        assert np.array_equal(getattr(whole, name), np.concatenate([getattr(p, name) for p in parts])), name
    assert np.array_equal(whole.words[:, order], mixed.words)
    assert np.array_equal(whole.words, np.concatenate([p.words for p in parts], axis=1))


def test_two_people_are_two_patches_the_warmer_first() -> None:
    kelvin = noise(np.random.default_rng(1), 2, (24, 32))
    person(kelvin[0], 4, 3, 3.0)
    person(kelvin[0], 14, 22, 5.0)
    person(kelvin[1], 4, 3, 3.0)
    got = look(kelvin)
    assert got.x_px[0] == pytest.approx([24 - 15.5, 5 - 15.5], abs=0.5)
    assert got.y_px[0] == pytest.approx([15.5 - 11.5, 5.5 - 11.5], abs=0.5)
    assert got.peak_k[0, 0] > got.peak_k[0, 1] > 0
    assert got.area_px[1, 0] > 0
    assert got.area_px[1, 1] == 0


@pytest.mark.parametrize("shape", [(8, 8), (16, 16), (24, 32)])
def test_a_hot_lamp_does_not_hide_a_person(shape: tuple[int, int]) -> None:
    kelvin = noise(np.random.default_rng(2), 1, shape)
    kelvin[0, 1, 1:3] += 60.0  # the person's 2 K are far below 0.3 of that
    kelvin[0, -4:-1, -4:-1] += 2.0
    got = look(kelvin)
    assert got.peak_k[0, 0] > 10
    assert got.area_px[0, 1] >= 4
    assert got.x_px[0, 1] == pytest.approx((shape[1] - 1) / 2 - 2, abs=0.5)


def test_the_slope_of_a_hot_thing_is_no_second_patch() -> None:
    y, x = np.mgrid[0:24, 0:32]
    kelvin = noise(np.random.default_rng(3), 1, (24, 32)) * 0.1
    kelvin += 30 / (1 + ((x - 12) ** 2 + (y - 11) ** 2) / 4)  # nowhere cold
    assert look(kelvin, 0.02).area_px[0, 1] == 0


def test_a_single_hot_pixel_of_a_small_picture_leaves_the_first_place_to_the_person() -> None:
    kelvin = np.zeros((1, 8, 8), np.float32)
    kelvin[0, 1, 1] = 40
    kelvin[0, 5:7, 5:7] = 3
    got = look(kelvin)
    assert got.area_px.tolist() == [[4, 0]]
    assert got.peak_k.tolist() == [[3, 0]]
    assert not got.words[:, :, 1].any()


def test_a_thin_diagonal_is_one_patch() -> None:
    kelvin = np.zeros((1, 8, 8), np.float32)
    kelvin[0, np.arange(8), np.arange(8)] = np.linspace(3, 4, 8)
    got = look(kelvin)
    assert got.area_px.tolist() == [[8, 0]]
    assert got.xy_px2[0, 0] == pytest.approx(got.xx_px2[0, 0])
    assert (got.peak_x_px[0, 0], got.peak_y_px[0, 0]) == (3.5, 3.5)
    assert got.rim[0, 0] == pytest.approx(2 / 8)


@pytest.mark.parametrize("shape", [*SHAPES, (64, 64), (60, 64)])
def test_a_picture_that_is_warm_all_over_is_one_patch(shape: tuple[int, int]) -> None:
    rows, cols = shape
    got = look(np.full((1, rows, cols), 5, np.float32))
    assert got.area_px.tolist() == [[rows * cols, 0]]
    assert got.core_px[0, 0] == rows * cols
    assert got.heat_k[0, 0] == pytest.approx(5 * rows * cols, rel=1e-4)
    outermost = [got.left_px[0, 0], got.right_px[0, 0], got.top_px[0, 0], got.bottom_px[0, 0]]
    assert outermost == [-(cols - 1) / 2, (cols - 1) / 2, -(rows - 1) / 2, (rows - 1) / 2]
    assert got.rim[0, 0] == pytest.approx((2 * rows + 2 * cols - 4) / (rows * cols))


@pytest.mark.parametrize("shape", [(8, 8), (24, 32)])
def test_nothing_there_and_no_pictures(shape: tuple[int, int]) -> None:
    none = look(np.zeros((3, *shape), np.float32))
    assert all(not getattr(none, name).any() for name in blobs.NUMBERS)
    assert none.words.shape == (shape[0], 3, 2)
    assert not none.words.any()
    assert look(np.zeros((0, *shape), np.float32)).area_px.shape == (0, 2)


@pytest.mark.parametrize("shape", [(8, 8), (24, 32), (30, 40), (9, 37)])
@pytest.mark.parametrize("grow", [0, 1, 2])
def test_paint_gives_the_chosen_masks_grown(shape: tuple[int, int], grow: int) -> None:
    rng = np.random.default_rng(7)
    got = look(blobby(rng, 20, shape))
    which = rng.random((20, 2)) < 0.5
    painted = blobs.paint(got.words, which, shape[1], grow)
    for k in range(20):
        want = np.zeros(shape, np.bool_)
        for slot in range(2):
            if which[k, slot]:
                want |= masks_of(got.words[:, :, slot], shape[1])[k]
        if grow:
            want = ndimage.binary_dilation(want, np.ones((3, 3)), grow)
        assert np.array_equal(painted[k].reshape(shape), want)


@pytest.mark.parametrize(("rows", "cols"), [(60, 80), (3, 8), (80, 60)])
def test_pictures_that_do_not_fit_are_refused(rows: int, cols: int) -> None:
    with pytest.raises(ValueError, match=f"pictures of {rows} rows and {cols} columns"):
        blobs.find(PARAMS, np.zeros((1, rows * cols), np.float32), np.ones(1, np.float32), rows, cols)
