"""Stoves in thermal frames: on and left alone, or off, or somebody with them."""

import numpy as np
import pytest

from detectors import burning, fall, zones
from detectors.fall import Posture, Seen
from detectors.frame import Frames
from tests.test_burning import F64, PARAMS, Scene, T, fresh, plays, spot
from tests.thermal import everything, optics


def hob(peak_k: float, tau_s: float, off_s: float = 1e9, cools_s: float = 600.0) -> Scene:
    """A plate in the zone of the stove."""
    where = fresh(24, 32).stove[0].reshape(24, 32)
    row, col = np.argwhere(where).mean(axis=0)
    disc = spot(24, 32, row, col, 1.2)

    def scene(s: float) -> F64:
        warm = peak_k * (1 - np.exp(-min(max(s, 0), off_s) / tau_s)) * np.exp(-max(s - off_s, 0) / cools_s)
        return disc * float(warm)

    return scene


@pytest.mark.parametrize("peak", [250.0, 78.0])
def test_a_stove_nobody_is_with_is_told_within_a_minute_of_its_twenty(peak: float) -> None:
    said = plays(fresh(24, 32), hob(peak, 240), 1300, rate_hz=1.0)
    assert [kind for kind, _ in said] == ["appliance-left-on"]
    assert 1200 <= said[0][1] <= 1260


def test_a_pan_of_water_that_fills_half_a_pixel_is_on_and_one_off_the_heat_is_not() -> None:
    said = plays(fresh(24, 32), hob(38, 240), 1300, rate_hz=1.0)  # never 60 °C: water stays at 100
    assert [kind for kind, _ in said] == ["appliance-left-on"]
    assert 1200 <= said[0][1] <= 1260
    off = hob(38, 240, off_s=900, cools_s=2400)
    assert plays(fresh(24, 32), off, 3600, rate_hz=1.0, alone_s=900) == []


def test_what_was_lukewarm_for_long_before_it_was_heated_is_on_since_then() -> None:
    hot = hob(250, 240)

    def scene(s: float) -> F64:
        return np.asarray(np.maximum(hot(1e6) / 40, hot(s - 1500)))  # 6 K: a lamp, or the sun

    said = plays(fresh(24, 32), scene, 3000, rate_hz=1.0)
    assert [kind for kind, _ in said] == ["appliance-left-on"]
    assert 1500 + 1200 - PARAMS.mild_s <= said[0][1] <= 1500 + 1260


def test_the_twenty_minutes_count_from_when_somebody_left() -> None:
    said = plays(fresh(24, 32), hob(250, 240), 2000, rate_hz=1.0, alone_s=500)
    assert said == [("appliance-left-on", 1700)]


def test_a_stove_that_was_switched_off_and_cools_is_not_on() -> None:
    assert plays(fresh(24, 32), hob(250, 240, off_s=600, cools_s=800), 3000, rate_hz=1.0, alone_s=600) == []


def test_a_kitchen_without_a_zone_learns_its_stove_and_another_room_has_none() -> None:
    scene = hob(250, 240)
    hot = (scene(3000.0).ravel() > 10)[None]
    known = (255 * hot).astype(np.uint8)
    bare = fresh(24, 32, stove=False)
    said = plays(bare, scene, 1300, rate_hz=1.0, familiar=known)
    assert [kind for kind, _ in said] == ["appliance-left-on"]
    assert plays(fresh(24, 32, stove=False), scene, 1300, rate_hz=1.0) == []
    elsewhere = fresh(24, 32, stove=False, kitchen=False)
    assert plays(elsewhere, scene, 1300, rate_hz=1.0, familiar=known) == []


def test_where_the_stove_stands_is_where_its_rays_meet_it() -> None:
    where = fresh(24, 32).stove[0].reshape(24, 32)

    def pixel(x_m: float, y_m: float) -> tuple[int, int]:
        far = np.hypot(x_m, y_m)
        px = np.degrees(np.arctan2(far, 2.5 - 0.9)) / (110 / 32)
        return round(11.5 + px * y_m / far), round(15.5 + px * x_m / far)

    assert where[pixel(0.9, -0.8)]
    assert where[pixel(0.5, -0.5)]
    assert not where[pixel(0.1, -0.8)]
    assert not where[pixel(0.9, 0.1)]
    assert not where[pixel(-0.9, -0.8)]
    assert not fresh(24, 32, stove=False).stove.any()


def test_a_hot_stove_is_nobody_and_somebody_beside_it_is() -> None:
    state = fresh(24, 32)
    state.warm_last_ms[0] = T
    frames = Frames(
        np.zeros(1, np.intp), np.zeros((1, 24, 32), np.int16), np.array([T]), np.ones(1, np.float32)
    )

    eye = fall.fresh(optics(24, 32, 1), zones.laid_out([[]]))

    def seen(x: float, y: float, *, speed: float = 0.0, people: int = 1) -> bool:
        one = np.ones(1, np.float32)
        what = Seen(
            np.array([people > 0]),
            np.array([Posture.SITTING], np.int8),
            x * one,
            y * one,
            speed * one,
            one,
            np.array([people], np.int8),
            np.zeros(1, np.bool_),
            *fall.observe(everything().fall, eye, frames),
        )
        return bool(burning.somebody(PARAMS, state, frames, what)[0])

    assert not seen(1.0, -0.9)
    assert seen(1.0, -0.9, speed=0.6)
    assert not seen(1.0, -0.9, people=2)
    assert not seen(0.2, -0.3)
    assert seen(-0.6, 0.5)
    state.warm_last_ms[0] = -1
    assert not seen(1.0, -0.9)
    assert seen(1.0, -0.9, people=2)
    assert seen(0.2, -0.3)
