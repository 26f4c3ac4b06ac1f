"""The empty room: equal to its naive twin, and a person lying still never becomes part of it."""

import math
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors import background
from detectors.background import BackgroundParams, BackgroundState, Look
from detectors.frame import BAD_PIXEL, Frames
from simulator.twins.background import NaiveBackground

TABLE = Path(__file__).parents[1] / "config" / "detectors.toml"
PARAMS = BackgroundParams(**tomllib.loads(TABLE.read_text())["background"])
SIZES = [(8, 8), (12, 16), (16, 16), (24, 32)]
I16 = NDArray[np.int16]
Bools = NDArray[np.bool_]


def frames(centi: I16, k: int, dt_s: float = 0.25, sensor: NDArray[np.intp] | None = None) -> Frames:
    n = len(centi)
    rows = np.arange(n) if sensor is None else sensor
    return Frames(rows, centi, np.full(n, round(k * 250), np.int64), np.full(n, dt_s, np.float32))


def noisy(rng: np.random.Generator, sensors: int, rows: int, cols: int) -> I16:
    return (2200 + rng.normal(0, 20, (sensors, rows, cols))).astype(np.int16)


def beat(state: BackgroundState, batch: Frames, hold: Bools | None = None) -> Look:
    """One look and what follows; `hold` (P,) is held in all sensors."""
    seen = background.look(PARAMS, state, batch)
    none = np.zeros(seen.kelvin.shape, np.bool_)
    background.learn(PARAMS, state, batch, seen, none if hold is None else none | hold)
    return seen


def room(rng: np.random.Generator, sensors: int, rows: int, cols: int, beats: int = 60) -> BackgroundState:
    """Sensors that know their empty room."""
    state = background.fresh(sensors, rows, cols)
    for k in range(beats):
        beat(state, frames(noisy(rng, sensors, rows, cols), k))
    return state


def arrays(state: BackgroundState) -> dict[str, NDArray[Any]]:
    """What a snapshot holds."""
    return {
        f.name: getattr(state, f.name) for f in fields(state) if f.name not in {"rows", "cols", "scratch"}
    }


def picture(seen: Look, state: BackgroundState, sensor: int = 0) -> NDArray[np.float32]:
    """The excess in the row of one sensor of a full batch; zeros when nothing stands out."""
    at = np.flatnonzero(seen.rows == sensor)
    shape = (state.rows, state.cols)
    return seen.kelvin[at[0]].reshape(shape).copy() if at.size else np.zeros(shape, np.float32)


def test_the_noise_of_an_array_that_averages_is_known_after_some_updates() -> None:
    """Eleven pictures a frame: within the warm-up they are nearly the same one, and the noise seems less.
    Then it seems a little more: the room that was learnt in the warm-up errs, too.
    """
    rng = np.random.default_rng(3)
    state = background.fresh(4, 16, 16)
    raw = rng.normal(0, 66, (120, 4, 16, 16))
    sent = [raw[k : k + 11].mean(axis=0) for k in range(109)]
    truly_k = float(np.std(sent)) / 100
    sigma = [beat(state, frames((2200 + f).astype(np.int16), k, 0.11)).sigma_k for k, f in enumerate(sent)]
    assert (sigma[15] < 0.7 * truly_k).all()
    assert (sigma[-1] > 0.95 * truly_k).all()
    assert (sigma[-1] < 1.25 * truly_k).all()


@pytest.mark.parametrize(("rows", "cols"), SIZES)
def test_equals_the_naive_twin(rows: int, cols: int) -> None:
    rng = np.random.default_rng(5)
    sensors = 3
    state = background.fresh(sensors, rows, cols)
    twins = [NaiveBackground(PARAMS, rows, cols) for _ in range(sensors)]
    still = noisy(rng, sensors, rows, cols)
    compared = 0
    for k in range(140):
        centi = noisy(rng, sensors, rows, cols) if k % 9 else still
        centi += np.int16(k)
        if k > 15:
            centi[1, 2:6, 1:4] += 300  # somebody stands there
        if k == 20:
            centi[2] += 900  # the sensor reboots
        if 70 < k < 90:
            centi[2, 3, 5] = BAD_PIXEL if k < 80 else BAD_PIXEL + 1_000
        if k == 100:
            centi[2, 3, 5] = 29_000  # a glitch
        if k > 110:
            centi[2, :3, :3] -= 400  # a window is opened
        dt = math.nan if k in {0, 30} else 0.25
        seen = background.look(PARAMS, state, frames(centi, k, dt))
        hold = np.zeros(seen.kelvin.shape, np.bool_)
        for m, s in enumerate(seen.rows):
            hold[m] = (seen.kelvin[m] > 1) & (k % 20 > 9) & (s == 1)
        gated = dict(zip(seen.rows.tolist(), range(len(seen.rows)), strict=True))
        for s, twin in enumerate(twins):
            assert seen.sigma_k[s] == pytest.approx(twin.sigma, rel=2e-2), (k, s)
            assert seen.ready[s] == (twin.age >= PARAMS.warm_s)
            got = twin.look(centi[s].ravel().tolist(), dt)
            assert (got is not None) == (s in gated), (k, s)
            if got is not None:
                compared += 1
                np.testing.assert_allclose(seen.kelvin[gated[s]], got[0], atol=0.03)
                assert seen.common_k[s] == pytest.approx(got[1], abs=0.02)
                twin.learn(got, hold[gated[s]].tolist())
        background.learn(PARAMS, state, frames(centi, k, dt), seen, hold)
    assert compared > 100
    for s, twin in enumerate(twins):
        np.testing.assert_array_equal(state.familiar[s], twin.familiar)


def test_lying_still_for_six_hours_is_never_absorbed() -> None:
    rng = np.random.default_rng(6)
    state = room(rng, 1, 24, 32)
    body = np.zeros((24, 32), np.bool_)
    body[9:15, 7:21] = True
    for k in range(6 * 360):
        centi = noisy(rng, 1, 24, 32)
        centi += np.int16(k // 20)  # the room warms by a kelvin in six hours
        centi[0, 10:14, 8:20] += 250
        seen = beat(state, frames(centi, k, 10.0), body.ravel())
    excess = picture(seen, state)
    assert excess[11:13, 10:18].mean() == pytest.approx(2.5, abs=0.15)
    assert abs(excess[:, 24:].mean()) < 0.05


def test_a_sleeper_whose_faint_patch_is_often_lost_is_not_absorbed_either() -> None:
    rng = np.random.default_rng(16)
    state = room(rng, 1, 24, 32)
    body = np.zeros((24, 32), np.bool_)
    body[9:15, 7:21] = True
    for k in range(4 * 1800):
        centi = noisy(rng, 1, 24, 32)
        centi[0, 10:14, 8:20] += 40
        seen = beat(state, frames(centi, k), body.ravel() if k % 16 < 5 else None)
        assert k == 0 or seen.rows.size  # whoever is held is looked at
    assert picture(seen, state)[10:14, 8:20].mean() == pytest.approx(0.4, abs=0.08)


def familiar(state: background.BackgroundState, col: int, row: int) -> bool:
    """Whether heat has sunk in at that pixel of sensor 0, 8x8."""
    x_px, y_px = (np.array([at - 3.5], np.float32) for at in (col, row))
    return bool(background.familiar(state, np.array([0]), x_px, y_px)[0])


def test_what_is_not_held_becomes_part_of_the_room_and_a_familiar_place() -> None:
    rng = np.random.default_rng(7)
    state = room(rng, 1, 8, 8)
    heater = np.zeros((1, 8, 8), np.bool_)
    heater[0, :2, :3] = True
    for k in range(4 * 60 * 60):
        centi = noisy(rng, 1, 8, 8)
        centi[heater] += 500
        if k == 400:
            assert not familiar(state, 1, 0)
        seen = beat(state, frames(centi, k))
    assert picture(seen, state)[:2, :3].mean() < 0.5
    for k in range(80):  # switched off: the cold place recovers within seconds
        seen = beat(state, frames(noisy(rng, 1, 8, 8), k))
    centi = noisy(rng, 1, 8, 8)
    centi[heater] += 500
    seen = beat(state, frames(centi, k))
    assert picture(seen, state)[:2, :3].mean() > 4.5
    assert [familiar(state, col, row) for col, row in ((0, 0), (2, 1), (1, 0))] == [True] * 3
    assert [familiar(state, col, row) for col, row in ((3, 1), (2, 2), (7, 7))] == [False] * 3
    for k in range(16 * 144):  # sixteen days later
        beat(state, frames(noisy(rng, 1, 8, 8), k, 600.0))
    assert not familiar(state, 1, 0)


def test_whoever_stood_there_during_warm_up_leaves_no_hole() -> None:
    rng = np.random.default_rng(17)
    state = background.fresh(1, 24, 32)
    for k in range(120):
        centi = noisy(rng, 1, 24, 32)
        if k < 40:
            centi[0, 5:11, 5:9] += 400
        seen = beat(state, frames(centi, k))
    centi[0, 5:11, 5:9] += 400
    seen = beat(state, frames(centi, k))
    assert picture(seen, state)[5:11, 5:9].mean() == pytest.approx(4.0, abs=0.5)


def test_ready_within_five_seconds_of_stable_frames_and_not_before() -> None:
    rng = np.random.default_rng(8)
    state = background.fresh(1, 16, 16)
    ready = []
    for k in range(60):
        centi = noisy(rng, 1, 16, 16)
        if k < 20:
            centi -= np.int16((20 - k) * 100)  # the array settles by a kelvin a frame
        ready.append(bool(beat(state, frames(centi, k, 0.11)).ready[0]))
    assert not any(ready[:21])
    assert ready.index(True) < 20 + 5 / 0.11


def test_a_frozen_sensor_is_noticed_and_a_live_one_is_not() -> None:
    rng = np.random.default_rng(9)
    state = background.fresh(2, 8, 8)
    first = noisy(rng, 2, 8, 8)
    for k in range(30):
        centi = noisy(rng, 2, 8, 8)
        centi[0] = first[0]
        seen = beat(state, frames(centi, k))
    assert seen.frozen.tolist() == [True, False]
    assert seen.repeated.tolist() == [True, False]


@pytest.mark.parametrize(("rows", "cols"), SIZES)
def test_an_empty_room_is_seldom_looked_at_and_a_faint_person_nearly_always(rows: int, cols: int) -> None:
    rng = np.random.default_rng(10)
    state = room(rng, 100, rows, cols)
    empty = sum(beat(state, frames(noisy(rng, 100, rows, cols), k)).rows.size for k in range(200))
    assert empty / 20_000 < 0.02
    y, x = np.mgrid[:rows, :cols]
    large = rows * cols >= 200
    wide = 1.4 if large else 0.3
    shape = (50 if large else 100) * np.exp(
        -((y - rows // 2) ** 2 + (x - cols // 2) ** 2) / 2 / wide**2
    )  # peak 2.5 sigma, 12 pixels above 1 sigma; 8x8: one pixel
    seen = 0
    for k in range(20):
        centi = noisy(rng, 100, rows, cols) + shape.astype(np.int16)
        seen += background.look(PARAMS, state, frames(centi, k)).rows.size
    assert seen / 2_000 > 0.8


@pytest.mark.parametrize(("rows", "cols"), SIZES)
def test_the_common_mode_does_not_care_for_people(rows: int, cols: int) -> None:
    rng = np.random.default_rng(11)
    state = room(rng, 50, rows, cols)
    centi = noisy(rng, 50, rows, cols) + np.int16(400)  # the array has rebooted and reads 4 K more
    near = rows // 2 + (1 if rows == 8 else 0)
    centi[:, :near] += 500  # somebody close fills half the picture, or more of a small one
    seen = background.look(PARAMS, state, frames(centi, 0, math.nan))
    grid = seen.kelvin.reshape(-1, rows, cols)
    assert len(grid) == 50
    assert abs(grid[:, near:].mean()) < 0.03
    assert grid[:, :near].mean() == pytest.approx(5.0, abs=0.05)


def test_drift_for_minutes_after_a_reboot_shows_nothing() -> None:
    rng = np.random.default_rng(12)
    state = room(rng, 20, 24, 32, 300)
    looked = 0
    for k in range(4 * 240):
        drift = np.int16(-600 * math.exp(-k / 4 / 60))
        seen = beat(state, frames(noisy(rng, 20, 24, 32) + drift, k, math.nan if k == 0 else 0.25))
        looked += seen.rows.size
    assert looked / (20 * 960) < 0.03


def test_dead_hot_and_noisy_pixels_are_no_patches() -> None:
    rng = np.random.default_rng(13)
    state = background.fresh(1, 24, 32)
    worst = 0.0
    for k in range(4 * 400):
        centi = noisy(rng, 1, 24, 32)
        centi[0, 4, 5] = BAD_PIXEL
        centi[0, 9, 31] = np.int16(rng.normal(2200, 400))  # twenty times the noise of the others
        centi[0, 12, 3] = 2317  # stuck
        if k % 10 == 0:
            centi[0, 17, 17] = 31_500
        if k % 10 == 5:
            centi[0, 17, 20] = 25_000
        if k == 800:
            centi[0, 14, 14] = -30_000
        seen = beat(state, frames(centi, k))
        if k > 1200:
            worst = max(worst, float(np.abs(picture(seen, state)).max()))
    assert worst < 7 * 0.2
    assert 3 / 768 <= seen.bad_share[0] <= 6 / 768
    centi = noisy(rng, 1, 24, 32)
    centi[0, 12:16, 12:16] = 25_000  # a fire is not a glitch
    assert picture(beat(state, frames(centi, k)), state)[12:16, 12:16].min() > 200


def test_a_corrupt_subpage_is_not_news() -> None:
    rng = np.random.default_rng(14)
    state = room(rng, 2, 24, 32)
    before = state.room.copy()
    y, x = np.mgrid[:24, :32]
    centi = noisy(rng, 2, 24, 32)
    centi[0][(y + x) % 2 == 1] = rng.integers(-2_000, 15_000, 384).astype(np.int16)
    for k in range(12):
        centi += np.int16(1)
        seen = beat(state, frames(centi, k))
        assert seen.repeated.tolist() == [True, False]
        assert not seen.frozen.any()
        assert 0 not in seen.rows
    np.testing.assert_array_equal(state.room[0], before[0])


def test_a_sensor_that_was_turned_learns_its_room_anew() -> None:
    rng = np.random.default_rng(15)
    state = room(rng, 1, 16, 16)
    scene = rng.normal(0, 300, (16, 16)).astype(np.int16)
    for k in range(4 * 60):
        seen = beat(state, frames(noisy(rng, 1, 16, 16) + scene, k))
    assert np.abs(picture(seen, state)).max() < 1.5


def day(rng: np.random.Generator, sensors: int, rows: int, cols: int, beats: int) -> list[I16]:
    """People come and go, heaters glow, pixels die."""
    out = []
    for k in range(beats):
        centi = noisy(rng, sensors, rows, cols)
        for s in range(0, sensors, 3):
            if k > 20:
                a = (k // 5 + s) % (rows - 3)
                centi[s, a : a + 3, 2:5] += np.int16(80 + 40 * (s % 7))
        centi[1::5, 0, 0] = BAD_PIXEL
        if k % 7 == 0:
            centi[2::6, 3, 3] = 29_000
        out.append(centi)
    return out


@pytest.mark.parametrize(("rows", "cols"), [(8, 8), (24, 32)])
def test_the_same_in_one_batch_in_many_and_in_another_order(rows: int, cols: int) -> None:
    sensors = 450  # more than a chunk
    story = day(np.random.default_rng(18), sensors, rows, cols, 40)
    order = np.random.default_rng(19).permutation(sensors)
    whole, split, other = (background.fresh(sensors, rows, cols) for _ in range(3))
    cut = np.random.default_rng(20).random(sensors) < 0.3
    for k, centi in enumerate(story):
        a = background.look(PARAMS, whole, frames(centi, k))
        hold = a.kelvin > 2
        kelvin, rows_a = a.kelvin.copy(), a.rows
        background.learn(PARAMS, whole, frames(centi, k), a, hold)
        got = np.zeros((sensors, rows * cols), np.float32)
        for some in (np.flatnonzero(cut), np.flatnonzero(~cut)):
            batch = frames(centi[some], k, sensor=some)
            b = background.look(PARAMS, split, batch)
            got[some[b.rows]] = b.kelvin
            background.learn(PARAMS, split, batch, b, b.kelvin > 2)
        want = np.zeros_like(got)
        want[rows_a] = kelvin
        np.testing.assert_array_equal(got, want)
        c = background.look(PARAMS, other, frames(centi[order], k))
        background.learn(PARAMS, other, frames(centi[order], k), c, c.kelvin > 2)
    for name, array in arrays(whole).items():
        np.testing.assert_array_equal(array, arrays(split)[name], err_msg=name)
        np.testing.assert_array_equal(array[order], arrays(other)[name], err_msg=name)


def test_one_sick_sensor_changes_no_other() -> None:
    story = day(np.random.default_rng(21), 12, 24, 32, 40)
    rng = np.random.default_rng(22)
    well, ill = background.fresh(12, 24, 32), background.fresh(12, 24, 32)
    for k, centi in enumerate(story):
        beat(well, frames(centi, k))
        sick = centi.copy()
        sick[4] = BAD_PIXEL if k % 3 else rng.integers(-32_768, 32_767, (24, 32))
        seen = beat(ill, frames(sick, k))
        assert np.isfinite(seen.kelvin).all()
    for name, array in arrays(well).items():
        others = np.arange(12) != 4
        np.testing.assert_array_equal(array[others], arrays(ill)[name][others], err_msg=name)


def test_after_a_restart_the_first_frame_works_at_once() -> None:
    rng = np.random.default_rng(23)
    state = room(rng, 1, 24, 32)
    again = background.fresh(1, 24, 32)
    for name, array in arrays(state).items():
        arrays(again)[name][...] = array
    centi = noisy(rng, 1, 24, 32) + np.int16(150)
    centi[0, 5:9, 5:11] += 300
    seen = beat(again, frames(centi, 0, math.nan))
    assert seen.ready[0]
    assert picture(seen, again)[5:9, 5:11].mean() == pytest.approx(3.0, abs=0.2)


def test_dead_and_recovering_pixels_cost_no_closer_look() -> None:
    rng = np.random.default_rng(8)
    state = background.fresh(4, 24, 32)

    def looked_at(beats: range, *, dead: bool, window: bool = False) -> int:
        rows = 0
        for k in beats:
            centi = noisy(rng, 4, 24, 32)
            if dead:
                centi[:, 5, 7] = BAD_PIXEL
            if window:
                centi[:, :4, :4] -= 300
            rows += len(beat(state, frames(centi, k)).rows)
        return rows

    looked_at(range(60), dead=True)
    assert state.blank.sum() == 4
    assert looked_at(range(60, 160), dead=True) < 12  # 400 frames, of which 1.3 % by chance
    looked_at(range(160, 180), dead=False)
    assert not state.blank.any()
    assert looked_at(range(180, 280), dead=False) < 12
    looked_at(range(280, 300), dead=True)
    looked_at(range(300, 320), dead=True, window=True)  # cool corners are learnt another way
    assert (state.whole[:, 5 * 32 + 7] == BAD_PIXEL).all()


def test_a_dead_pixel_that_takes_another_impossible_value_hides_nobody() -> None:
    rng = np.random.default_rng(9)
    state = background.fresh(1, 8, 8)
    seen = 0
    for k in range(200):
        centi = noisy(rng, 1, 8, 8)
        centi[0, 6, 6] = BAD_PIXEL if k < 60 else BAD_PIXEL + 2_000
        if k >= 80:
            centi[0, 2:4, 2:5] += 100
        rows = beat(state, frames(centi, k)).rows
        seen += len(rows) if k >= 80 else 0
    assert seen == 120


def test_a_batch_without_frames_is_no_trouble() -> None:
    rng = np.random.default_rng(10)
    state = room(rng, 2, 24, 32)
    before = {name: array.copy() for name, array in arrays(state).items()}
    seen = beat(state, frames(np.zeros((0, 24, 32), np.int16), 60))
    assert seen.rows.size == seen.ready.size == seen.kelvin.size == 0
    for name, array in arrays(state).items():
        np.testing.assert_array_equal(array, before[name])
