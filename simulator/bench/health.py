"""What it costs to know which sensors can be relied on: a minute of many homes, beside the naive twin.

Makes homes with four event sensors and two cameras, lets them speak, and measures the CPU time of
one look at all of them; then counts false `blind` where frames are lost by chance and nothing else is wrong.
"""

import time
from typing import Any, Final

import numpy as np

from detectors import camerahealth, sensorhealth
from detectors.layout import Events, Layout, SensorKind
from detectors.sensorhealth import Arrivals, SensorHealthParams
from guardian.settings import CONFIG, load
from simulator.twins.sensorhealth import Camera, Home, Sensor

KINDS: Final = (SensorKind.PIR, SensorKind.PIR, SensorKind.DOOR, SensorKind.TEMPERATURE)
CAMERAS: Final = 2
MINUTE_MS: Final = 60_000
START_MS: Final = 1_700_000_000_000
SPEAKS: Final = 0.3
"""Chance that a sensor speaks in a minute: of a home by day."""
FRAME_S: Final = 5.0


def layout_of(homes: int) -> Layout:
    """Homes with KINDS and CAMERAS in two rooms each."""
    e = len(KINDS)
    home, eye = np.arange(homes).repeat(e), np.arange(homes).repeat(CAMERAS)
    return Layout(
        homes=homes,
        room_home=np.arange(homes).repeat(2),
        room_kind=np.zeros(2 * homes, np.int8),
        sensor_home=home,
        sensor_room=2 * home + np.tile([0, 1, 0, 1], homes),
        sensor_kind=np.tile(np.array(KINDS, np.int8), homes),
        outside=np.zeros(len(home), np.bool_),
        camera_home=eye,
        camera_room=2 * eye + np.tile([0, 1], homes),
    )


def run_health(
    homes: int = 100_000, naive_homes: int = 200, rounds: int = 15, seed: int = 1
) -> dict[str, Any]:
    """Measure one look at all homes and at a few by the twin: CPU ms, median of `rounds`."""
    params = load(CONFIG / "guardian.toml").detectors.sensorhealth
    fast = _vectorised(params, homes, rounds, seed)
    slow = _naive(params, naive_homes, rounds, seed)
    return {
        "homes": homes,
        "sensors_per_home": len(KINDS) + CAMERAS,
        "minute_cpu_ms": round(fast, 2),
        "naive_cpu_ms": round(slow * homes / naive_homes, 1),
        "naive_homes_measured": naive_homes,
        "rounds": rounds,
        "seed": seed,
    }


def _vectorised(params: SensorHealthParams, homes: int, rounds: int, seed: int) -> float:
    layout, rng = layout_of(homes), np.random.default_rng(seed)
    e, c = len(layout.sensor_home), len(layout.camera_home)
    state = sensorhealth.fresh(params, layout, np.full(c, 1 / FRAME_S, np.float32))
    spent = []
    for k in range(rounds + 1):
        now_ms = START_MS + k * MINUTE_MS
        some = np.flatnonzero(rng.random(e) < SPEAKS)
        at_ms = now_ms - rng.integers(0, MINUTE_MS, len(some))
        value = np.where(layout.sensor_kind[some] == SensorKind.TEMPERATURE, 20.0 + 0.1 * (k % 5), 1.0)
        life = layout.sensor_kind[some] != SensorKind.TEMPERATURE
        sensorhealth.hear(params, state, layout, Events(some, value, at_ms, life))
        state.cameras.frames[:] = state.cameras.useful[:] = 12
        state.cameras.ready[:] = True
        state.cameras.saw = rng.random(c) < SPEAKS
        arrivals = quiet_arrivals(e, now_ms - (1000 * FRAME_S * rng.random(c)).astype(np.int64))
        begun = time.thread_time()
        sensorhealth.minute(params, state, layout, arrivals, now_ms)
        spent.append(1000 * (time.thread_time() - begun))
    return float(np.median(spent[1:]))


def quiet_arrivals(sensors: int, camera_ms: "np.ndarray[Any, np.dtype[np.int64]]") -> Arrivals:
    """Arrivals of devices that say nothing of themselves."""
    c = len(camera_ms)
    return Arrivals(
        camera_ms,
        np.full(c, -1, np.int64),
        np.zeros(c, np.int64),
        np.zeros(sensors, np.int64),
        np.zeros(c, np.bool_),
        np.zeros(sensors, np.bool_),
        np.full(sensors, np.nan, np.float32),
        np.full(c, -1, np.int64),
    )


def _naive(params: SensorHealthParams, homes: int, rounds: int, seed: int) -> float:
    rng = np.random.default_rng(seed)
    gap_s = params.eventhealth.clock_gap_s
    all_homes = [
        Home(params, [Sensor(int(k), gap_s=gap_s) for k in KINDS], [Camera(FRAME_S) for _ in range(CAMERAS)])
        for _ in range(homes)
    ]
    no, none, zero = [False] * len(KINDS), [np.nan] * len(KINDS), [0] * len(KINDS)
    spent = []
    for k in range(rounds):
        now_ms = START_MS + k * MINUTE_MS
        for home in all_homes:
            for s in np.flatnonzero(rng.random(len(KINDS)) < SPEAKS).tolist():
                home.hear(s, 1.0, now_ms - 1, life=True)
        begun = time.thread_time()
        for home in all_homes:
            home.minute(now_ms, [now_ms - 3000] * CAMERAS, no, none, zero)
        spent.append(1000 * (time.thread_time() - begun))
    return float(np.median(spent))


def false_blind(
    homes: int, days: float, *, loss: float, frame_s: float, seed: int, burst: float = 1.0
) -> dict[str, Any]:
    """Count `blind` of homes whose frames come every `frame_s` and are lost by chance.

    loss: share of frames lost; burst: how many in a row on average (1 = each by itself). No pictures are
    drawn: the detector hears of arrivals only.
    """
    params = load(CONFIG / "guardian.toml").detectors.sensorhealth
    layout, rng = layout_of(homes), np.random.default_rng(seed)
    e, c = len(layout.sensor_home), len(layout.camera_home)
    state = sensorhealth.fresh(params, layout, np.full(c, 1 / frame_s, np.float32))
    ends, begins = 1 / burst, loss / (1 - loss) / burst
    lost = rng.random(c) < loss
    phase_ms = rng.integers(0, int(1000 * frame_s), c)
    last_ms = np.full(c, START_MS, np.int64)
    sent = np.zeros(c, np.int64)
    one = np.ones(c, np.bool_)
    found = 0
    for k in range(1, int(days * 1440) + 1):
        now_ms = START_MS + k * MINUTE_MS
        until = (now_ms - START_MS - phase_ms) // int(1000 * frame_s)
        while (due := np.flatnonzero(sent < until)).size:
            sent[due] += 1
            lost[due] = np.where(lost[due], rng.random(due.size) >= ends, rng.random(due.size) < begins)
            got = due[~lost[due]]
            at_ms = START_MS + phase_ms[got] + sent[got] * int(1000 * frame_s)
            last_ms[got] = at_ms
            n = got.size
            camerahealth.see(
                params.camerahealth,
                state.cameras,
                got,
                at_ms,
                one[:n],
                one[:n],
                ~one[:n],
                np.zeros(n, np.float32),
                ~one[:n],
                np.zeros(n, np.int8),
                ~one[:n],
            )
        said = sensorhealth.minute(params, state, layout, quiet_arrivals(e, last_ms), now_ms)[1]
        found += sum(f.kind == "blind" for f in said)
    weeks = homes * days / 7
    return {
        "home_weeks": weeks,
        "blind": found,
        "blind_per_home_week": found / weeks,
        "frame_s": frame_s,
        "loss": loss,
        "burst": burst,
        "seed": seed,
    }
