"""Fire and stoves in frames: what burns is said in seconds, what is merely hot or broken never is."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors import burning, keep, zones
from detectors.burning import BurningState
from detectors.finding import Finding, Kind
from detectors.frame import BAD_PIXEL, Frames
from simulator.twins.burning import Eye
from tests.thermal import everything, optics

T = 1_767_225_600_000
PARAMS = everything().burning
GEOMETRY = everything().fall.geometry
ROOM_C = 22.0
STOVE = ("stove", (0.6, -1.1, 1.2, -0.5))
SETTLED_S = 200

F64 = NDArray[np.float64]
Scene = Callable[[float], F64]
"""Seconds since the sensor has settled → the excess in kelvin of each pixel, (rows, cols)."""


def fresh(
    rows: int, cols: int, sensors: int = 1, *, stove: bool = True, kitchen: bool = True
) -> BurningState:
    eyes = optics(rows, cols, sensors, fov_deg=60.0 if rows == 8 else 110.0)
    furniture = zones.laid_out([[STOVE] if stove else []] * sensors)
    return burning.fresh(PARAMS, GEOMETRY, eyes, furniture, np.full(sensors, kitchen))


def spot(rows: int, cols: int, row: float, col: float, radius: float) -> F64:
    """A disc of ones with a blurred rim."""
    y, x = np.mgrid[:rows, :cols]
    return np.asarray(np.clip(radius + 0.5 - np.hypot(y - row, x - col), 0, 1))


def plays(
    state: BurningState,
    scene: Scene,
    seconds: float,
    *,
    rate_hz: float = 4.0,
    alone_s: float = -1e6,
    familiar: NDArray[np.uint8] | None = None,
    seed: int = 0,
    broken: Callable[[NDArray[np.int16], int, np.random.Generator], None] = lambda _frame, _k, _rng: None,
    least_c: float = 0.0,
    most_c: float = 300.0,
) -> list[tuple[str, float]]:
    """Kind and second of each finding; the empty room first, until the sensor has settled."""
    rng = np.random.default_rng(seed)
    rows, cols = state.optics.rows, state.optics.cols
    known = np.zeros((1, rows * cols), np.uint8) if familiar is None else familiar
    said = []
    for k in range(int(-SETTLED_S * rate_hz), int(seconds * rate_hz)):
        t_s = k / rate_hz
        kelvin = scene(t_s) if t_s >= 0 else np.zeros((rows, cols))
        celsius = np.clip(ROOM_C + kelvin + rng.normal(0, 0.2, (rows, cols)), least_c, most_c)
        centi = np.round(100 * celsius).astype(np.int16)
        if t_s >= 0:
            broken(centi, k, rng)
        t_ms = T + round(1000 * t_s)
        first = k == int(-SETTLED_S * rate_hz)
        frames = Frames(
            np.zeros(1, np.intp),
            centi[None],
            np.array([t_ms]),
            np.array([np.nan if first else 1 / rate_hz], np.float32),
        )
        alone = np.array([T + round(1000 * alone_s)])
        said += [(f.kind.value, t_s) for f in burning.step(PARAMS, state, frames, alone, known, t_ms)]
    return said


def gases(alpha_kw_s2: float) -> Callable[[float], float]:
    """How far a t² fire warms the air below the ceiling, K (McCaffrey, Quintiere and Harkleroad)."""
    return lambda s: 6.85 * ((alpha_kw_s2 * s * s) ** 2 / 3.26) ** (1 / 3) if s > 0 else 0.0


@pytest.mark.parametrize(("rows", "cols", "rate"), [(8, 8, 10.0), (24, 32, 4.0)])
@pytest.mark.parametrize("alpha", [0.0029, 0.0117, 0.047])
def test_a_fire_out_of_view_is_known_by_the_room_within_half_a_minute(
    rows: int, cols: int, rate: float, alpha: float
) -> None:
    warm = gases(alpha)
    said = plays(fresh(rows, cols), lambda s: np.full((rows, cols), warm(s)), 60, rate_hz=rate)
    assert [kind for kind, _ in said] == ["fire"]
    assert said[0][1] <= 30


@pytest.mark.parametrize(("rows", "cols", "rate", "most"), [(8, 8, 10.0, 80.0), (24, 32, 4.0, 300.0)])
def test_a_fire_in_view_is_seen_to_grow_before_it_warms_the_room(
    rows: int, cols: int, rate: float, most: float
) -> None:
    def flames(s: float) -> F64:
        return 250.0 * spot(rows, cols, rows * 0.6, cols * 0.3, cols * 0.05 * np.sqrt(max(s, 0)))

    said = plays(fresh(rows, cols), flames, 30, rate_hz=rate, most_c=most)
    assert [kind for kind, _ in said] == ["fire"]


def _pan(s: float) -> F64:
    """Carried through the room for 20 s, then put down on the table, where it cools."""
    col = 4 + min(s, 20.0)
    return spot(24, 32, 12, col, 2.0) * float(120 * np.exp(-max(s - 20, 0) / 400))


def _kettle(s: float) -> F64:
    return spot(24, 32, 6, 8, 1.2) * float(75 * (1 - np.exp(-max(s, 0) / 60)))


def _radiator(s: float) -> F64:
    out = np.zeros((24, 32))
    out[20:22, 4:16] = 42 * (1 - np.exp(-max(s, 0) / 240))
    return out


def _sun(s: float) -> F64:
    out = np.zeros((24, 32))
    out[8:16, 10:22] = 16.0 if s > 5 else 0.0
    return out


def _bottle(s: float) -> F64:
    out = np.zeros((24, 32))
    out[10:12, 14:17] = 38 if s > 3 else 0
    return out


def _dryer(s: float) -> F64:
    return (60 * spot(24, 32, 12, 12, 1.5) if 5 < s < 90 else 0) + 12 * spot(24, 32, 12, 13, 3.0)


def _bath(s: float) -> F64:
    out = np.zeros((24, 32))
    out[4:12, 6:26] = min(18, 0.5 * max(s, 0))
    return out


def _oven_door(s: float) -> F64:
    out = np.zeros((24, 32))
    out[10:15, 20:26] = 110 if 20 < s < 60 else 0
    return out


def _hand_on_lens(s: float) -> F64:
    return np.full((24, 32), 11.0 if 10 < s < 40 else 0.0)


def _heating(s: float) -> F64:
    return np.full((24, 32), min(6.0, 4.0 * max(s, 0) / 60))


USUAL = (_pan, _kettle, _radiator, _sun, _bottle, _dryer, _bath, _oven_door, _hand_on_lens)


@pytest.mark.parametrize("scene", [*USUAL, _heating])
def test_what_is_hot_in_a_home_is_no_fire(scene: Scene) -> None:
    assert plays(fresh(24, 32), scene, 300) == []


def _chess(frame: NDArray[np.int16], k: int, rng: np.random.Generator) -> None:
    odd = np.add.outer(np.arange(24), np.arange(32)) % 2 > 0
    frame[odd] = rng.integers(2000, 30000, int(odd.sum()))


def _flood(frame: NDArray[np.int16], k: int, rng: np.random.Generator) -> None:
    frame[:] = rng.integers(25000, 30000)


def _half_flood(frame: NDArray[np.int16], k: int, rng: np.random.Generator) -> None:
    frame[: int(rng.integers(1, 12))] = rng.integers(9000, 30000)


def _noise(frame: NDArray[np.int16], k: int, rng: np.random.Generator) -> None:
    wild = rng.random(frame.shape) < rng.uniform(0.05, 0.6)
    frame[wild] = rng.integers(9000, 30000, int(wild.sum()))


def _glitch(frame: NDArray[np.int16], k: int, rng: np.random.Generator) -> None:
    frame[tuple(rng.integers(0, n) for n in frame.shape)] = 30000


def _blind(frame: NDArray[np.int16], k: int, rng: np.random.Generator) -> None:
    frame[rng.random(frame.shape) < 0.4] = BAD_PIXEL


@pytest.mark.parametrize("broken", [_chess, _flood, _half_flood, _noise, _glitch, _blind])
@pytest.mark.parametrize("every", [1, 40])
def test_what_a_broken_array_makes_up_is_no_fire(
    broken: Callable[[NDArray[np.int16], int, np.random.Generator], None], every: int
) -> None:
    def sometimes(frame: NDArray[np.int16], k: int, rng: np.random.Generator) -> None:
        if k % every == 0:
            broken(frame, k, rng)

    assert plays(fresh(24, 32), lambda _s: np.zeros((24, 32)), 300, broken=sometimes) == []


def test_a_sensor_that_drifts_after_its_start_makes_no_fire() -> None:
    state = fresh(24, 32)
    said = []
    for k in range(400):
        centi = np.full((1, 24, 32), round(100 * (15 + min(k / 4 * 0.2, 12))), np.int16)
        dt = np.array([np.nan if k == 0 else 0.25], np.float32)
        t = np.array([T + 250 * k])
        frames = Frames(np.zeros(1, np.intp), centi, t, dt)
        said += burning.step(PARAMS, state, frames, t, np.zeros((1, 768), np.uint8), int(t[0]))
    assert said == []


# --- many sensors -----------------------------------------------------------------------------------


def film(seed: int, sensors: int, n: int) -> NDArray[np.int16]:
    """(n, sensors, 24, 32): fires, pans, plates and broken frames, one second apart."""
    rng = np.random.default_rng(seed)
    out = np.empty((n, sensors, 24, 32), np.int16)
    for s in range(sensors):
        row, col = rng.uniform(2, 22), rng.uniform(2, 30)
        grow, warm = rng.choice([0.0, 0.1, 0.4]), rng.choice([0.0, 0.0, 0.2])
        start = int(rng.integers(n // 2, n - 30))
        for k in range(n):
            age = max(k - start, 0)
            kelvin = 20 * rng.choice([0, 1, 4, 10]) * spot(24, 32, row, col, 1.5 + grow * age) * (age > 0)
            frame = 22 + kelvin + warm * age + rng.normal(0, 0.2, (24, 32))
            if rng.random() < 0.03:
                frame[rng.random((24, 32)) < 0.3] = 120
            out[k, s] = np.round(100 * np.clip(frame, 0, 300))
    return out


def run(state: BurningState, shots: NDArray[np.int16], first: int, rows: NDArray[np.intp]) -> list[Finding]:
    known = np.zeros((len(state.gate), 768), np.uint8)
    found = []
    for k, shot in enumerate(shots, first):
        t = np.full(len(rows), T + 1000 * k)
        dt = np.full(len(rows), np.nan if k == 0 else 1.0, np.float32)
        frames = Frames(rows, shot[rows], t, dt)
        found += burning.step(PARAMS, state, frames, np.full(len(rows), -1), known, T + 1000 * k)
    return found


def plain(found: list[Finding]) -> list[tuple[int, int, str]]:
    return sorted((f.decided_ms, f.row, f.kind.value) for f in found)


SENSORS = 12
QUICK = replace(PARAMS, settle_s=20.0, left_min=0.3)


@pytest.mark.parametrize("seed", range(3))
def test_all_sensors_at_once_are_told_the_same_as_one_frame_by_frame(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{__name__}.PARAMS", QUICK)
    shots = film(seed, SENSORS, 120)
    state = fresh(24, 32, SENSORS)
    found = plain(run(state, shots, 0, np.arange(SENSORS)))
    told = []
    for s in range(SENSORS):
        eye = Eye(QUICK, state.stove[s].reshape(24, 32), int(state.burn_px[s]), kitchen=True)
        for k in range(len(shots)):
            t = T + 1000 * k
            told += [(t, s, kind) for kind, _ in eye.see(shots[k, s], t, -1, gap=k == 0)]
    assert found == sorted(told)
    assert {kind for _, _, kind in found} >= {Kind.FIRE.value}


def test_a_restart_in_the_middle_and_other_sensors_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.PARAMS", QUICK)
    shots = film(5, SENSORS, 120)
    every = np.arange(SENSORS)
    whole = plain(run(fresh(24, 32, SENSORS), shots, 0, every))
    first, second = fresh(24, 32, SENSORS), fresh(24, 32, SENSORS)
    before = run(first, shots[:80], 0, every)
    keep.restore(second, keep.snapshot(first), {keep.CAMERA: (every, every)})
    assert plain([*before, *run(second, shots[80:], 80, every)]) == whole
    some = np.array([1, 4, 7])
    few = plain(run(fresh(24, 32, SENSORS), shots, 0, some))
    assert few == [w for w in whole if w[1] in some]
    turned = plain(run(fresh(24, 32, SENSORS), shots[:, ::-1], 0, every))
    assert sorted((t, SENSORS - 1 - s, kind) for t, s, kind in turned) == whole


def test_a_gap_starts_the_settling_anew() -> None:
    state = fresh(24, 32)
    plays(state, lambda _s: np.zeros((24, 32)), 10)
    since = int(state.since_ms[0])
    frames = Frames(
        np.zeros(1, np.intp),
        np.full((1, 24, 32), 2600, np.int16),
        np.array([T + 60_000]),
        np.array([np.nan], np.float32),
    )
    burning.step(PARAMS, state, frames, np.array([-1]), np.zeros((1, 768), np.uint8), T + 60_000)
    assert int(state.since_ms[0]) == T + 60_000 > since
    assert state.level_c[0] == 26.0
