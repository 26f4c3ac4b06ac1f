"""How long it takes to follow the residents of very many homes, beside the obvious way of doing it.

Lays out homes of five rooms with a usual kit and three cameras, lets some of them be touched in each beat by
one event and one change of view, and asks once where everybody is. CPU time of the thread, medians.
"""

import statistics
from time import thread_time
from typing import Any, Final

import numpy as np

from detectors import position
from detectors.layout import Events, Layout, RoomKind, SensorKind
from guardian.settings import CONFIG, load
from simulator.twins import position as twin

ROOMS: Final = (RoomKind.LIVING, RoomKind.BEDROOM, RoomKind.BATHROOM, RoomKind.KITCHEN, RoomKind.HALL)
SENSORS: Final = (
    *((SensorKind.PIR, room) for room in range(len(ROOMS))),
    (SensorKind.DOOR, 4),
    (SensorKind.APPLIANCE_DOOR, 3),
    (SensorKind.BED, 1),
)
"""Kind and room; the door leads out."""
CAMERAS: Final = (0, 1, 2)
"""Rooms of the cameras."""
START_MS: Final = 1_767_225_600_000
BEAT_MS: Final = 200
NAIVE_HOMES: Final = 200
UPRIGHT: Final = 1


def street(homes: int) -> Layout:
    """So many equal homes."""
    one = np.arange(homes)
    kinds = np.array([kind for kind, _ in SENSORS], np.int8)
    rooms = np.array([room for _, room in SENSORS])
    return Layout(
        homes=homes,
        room_home=np.repeat(one, len(ROOMS)),
        room_kind=np.tile(np.array(ROOMS, np.int8), homes),
        sensor_home=np.repeat(one, len(SENSORS)),
        sensor_room=(one[:, None] * len(ROOMS) + rooms).ravel(),
        sensor_kind=np.tile(kinds, homes),
        outside=np.tile(kinds == SensorKind.DOOR, homes),
        camera_home=np.repeat(one, len(CAMERAS)),
        camera_room=(one[:, None] * len(ROOMS) + np.array(CAMERAS)).ravel(),
    )


def run_positions(
    *, homes: int = 100_000, touched: float = 0.05, beats: int = 20, seed: int = 1
) -> dict[str, Any]:
    """Measure; ms a beat in which `touched` of the homes are, ms an answer, µs a home beside the twin's."""
    params = load(CONFIG / "guardian.toml").detectors.position
    rng = np.random.default_rng(seed)
    state = position.fresh(params, street(homes))
    n = max(1, round(homes * touched))
    beat_s, answer_s = [], []
    for k in range(beats):
        now_ms = START_MS + k * BEAT_MS
        who = rng.choice(homes, n, replace=False)
        sensor = who * len(SENSORS) + rng.integers(len(SENSORS), size=n)
        heard = Events(
            sensor, rng.integers(2, size=n).astype(np.float64), np.full(n, now_ms), np.ones(n, np.bool_)
        )
        camera = np.sort(rng.choice(homes, n, replace=False)) * len(CAMERAS) + rng.integers(
            len(CAMERAS), size=n
        )
        people = rng.integers(2, size=n).astype(np.int8)
        place, sure = rng.random(n, np.float32), np.full(n, 0.9, np.float32)
        started = thread_time()
        posture = np.where(people > 0, UPRIGHT, 0).astype(np.int8)
        position.look(params, state, camera, people, posture, place, place, sure, now_ms)
        position.step(params, state, heard, now_ms, 720)
        beat_s.append(thread_time() - started)
        started = thread_time()
        position.answer(params, state, now_ms)
        answer_s.append(thread_time() - started)
    beat = statistics.median(beat_s)
    return {
        "homes": homes,
        "touched_share": touched,
        "beat_ms": round(beat * 1000, 2),
        "answer_ms": round(statistics.median(answer_s) * 1000, 2),
        "us_per_touched_home": round(beat * 1e6 / (2 * n), 3),
        "naive_us_per_touched_home": round(_naive_us(params, rng), 1),
    }


def _naive_us(params: position.PositionParams, rng: np.random.Generator) -> float:
    """The same signs, home by home in plain Python."""
    homes = [
        twin.Home(
            params,
            [twin.Room(kind, has_pir=True) for kind in ROOMS],
            [twin.Camera(room) for room in CAMERAS],
            has_way_out=True,
        )
        for _ in range(NAIVE_HOMES)
    ]
    started = thread_time()
    for k, home in enumerate(homes):
        now_ms = START_MS + k * BEAT_MS
        kind, room = SENSORS[int(rng.integers(len(SENSORS)))]
        home.hear(kind, room, 1.0, 0.0, now_ms, life=True, way_out=kind is SensorKind.DOOR)
        home.look(int(rng.integers(len(CAMERAS))), 1, UPRIGHT, 0.0, 0.0, 0.9, now_ms)
        home.see(now_ms)
    return (thread_time() - started) * 1e6 / (2 * NAIVE_HOMES)
