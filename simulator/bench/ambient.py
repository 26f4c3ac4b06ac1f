"""What the detectors of the air, of appliances and of fire cost: a minute of very many homes, and a frame.

Makes homes with a full kit whose sensors speak as they do, plays a few minutes to them, and takes the CPU
time of each step; draws frames as the detector bench does and takes that of the look for fire. The plain
Python twins get the same readings and frames, of fewer homes. Never measures the road before the detectors.
"""

import statistics
from collections.abc import Sequence
from time import thread_time
from typing import Any, Final

import numpy as np

from detectors import ambient, appliance, burning, zones
from detectors.layout import Events, Layout, RoomKind, SensorKind, nothing
from detectors.params import Params
from guardian.settings import CONFIG, load
from simulator.bench.footage import footage
from simulator.bench.stream import Stream
from simulator.twins import ambient as plain_air
from simulator.twins.burning import Eye

KIT: Final = (
    *((SensorKind.PIR, k) for k in range(5)),
    *((SensorKind.TEMPERATURE, k) for k in range(5)),
    (SensorKind.HUMIDITY, 0),
    (SensorKind.HUMIDITY, 2),
    (SensorKind.PLUG, 3),
    (SensorKind.APPLIANCE_DOOR, 3),
    (SensorKind.BED, 1),
    (SensorKind.CHAIR, 0),
)
"""Kind and room of each sensor of a home."""
ROOMS: Final = (RoomKind.LIVING, RoomKind.BEDROOM, RoomKind.BATHROOM, RoomKind.KITCHEN, RoomKind.HALL)
START_MS: Final = 1_767_225_600_000
MINUTE_MS: Final = 60_000
SPEAKS: Final = 0.08
"""Share of the sensors that speak in a minute: one word in 10 to 15 min."""
NAIVE_HOMES: Final = 200
NAIVE_SENSORS: Final = 16
ARRAYS: Final = {"8x8": "amg8833", "24x32": "mlx90640"}


def run_ambient(
    *, homes: int = 100_000, minutes: int = 10, sensors: int = 4_096, pieces: int = 4, seed: int = 1
) -> dict[str, Any]:
    """Milliseconds of a minute's step over `homes`, microseconds of the look for fire over a frame, and the
    twins beside them, all on one thread.
    """
    params = load(CONFIG / "guardian.toml").detectors
    return {
        "homes": homes,
        "minute_ms": _minutes(params, homes, minutes, seed),
        "naive_minute_ms": _naive_minutes(params, homes, minutes, seed),
        "fire_us_per_frame": {
            shape: _frames(params, array, sensors, pieces, seed) for shape, array in ARRAYS.items()
        },
    }


def run_minutes(*, homes: int, minutes: int = 10, seed: int = 1) -> tuple[dict[str, float], float]:
    """Milliseconds of a minute's step over `homes`, and of the twin's."""
    params = load(CONFIG / "guardian.toml").detectors
    return _minutes(params, homes, minutes, seed), _naive_minutes(params, homes, minutes, seed)


def layout(homes: int) -> Layout:
    """Homes with KIT each."""
    kinds, rooms = zip(*KIT, strict=True)
    return Layout(
        homes=homes,
        room_home=np.repeat(np.arange(homes), len(ROOMS)),
        room_kind=np.tile(np.array(ROOMS, np.int8), homes),
        sensor_home=np.repeat(np.arange(homes), len(KIT)),
        sensor_room=(len(ROOMS) * np.arange(homes)[:, None] + rooms).ravel(),
        sensor_kind=np.tile(np.array(kinds, np.int8), homes),
        outside=np.zeros(len(KIT) * homes, np.bool_),
        camera_home=np.zeros(0, np.intp),
        camera_room=np.zeros(0, np.intp),
    )


def _words(of: Layout, minutes: int, seed: int) -> Sequence[Events]:
    """What is said in each minute; everybody speaks in the first one."""
    rng = np.random.default_rng(seed)
    e = len(of.sensor_kind)
    out = []
    for k in range(minutes + 1):
        some = np.flatnonzero(rng.random(e) < (SPEAKS if k else 1.0))
        kind = of.sensor_kind[some]
        value = np.select(
            [kind == SensorKind.TEMPERATURE, kind == SensorKind.HUMIDITY, kind == SensorKind.PLUG],
            [rng.normal(18, 4, len(some)), rng.uniform(30, 70, len(some)), rng.choice([1, 1500], len(some))],
            1.0,
        )
        t = np.sort(rng.integers(0, MINUTE_MS, len(some))) + START_MS + k * MINUTE_MS
        out.append(Events(some, value, t, kind == SensorKind.PIR))
    return out


def _minutes(params: Params, homes: int, minutes: int, seed: int) -> dict[str, float]:
    """Medians: of the step that takes a minute's words in one beat, and of one with none."""
    of = layout(homes)
    air, things = ambient.fresh(of), appliance.fresh(of, of.sensor_kind == SensorKind.PLUG)
    taken: dict[str, list[float]] = {"ambient": [], "appliance": [], "ambient_idle": [], "appliance_idle": []}
    for k, words in enumerate(_words(of, minutes, seed)):
        now_ms = START_MS + (k + 1) * MINUTE_MS
        for name, some in (("", words), ("_idle", nothing())):
            air.soonest_ms = things.minute = 0  # a whole minute's look either time
            began = thread_time()
            ambient.step(params.ambient, air, some, now_ms)
            between = thread_time()
            appliance.step(params.appliance, things, some, now_ms)
            taken[f"ambient{name}"].append(between - began)
            taken[f"appliance{name}"].append(thread_time() - between)
    return {name: round(1000 * statistics.median(s[1:]), 2) for name, s in taken.items()}


def _naive_minutes(params: Params, homes: int, minutes: int, seed: int) -> float:
    """What the twin of the air would take for `homes`, by a few of them."""
    kinds = {SensorKind.TEMPERATURE: "temperature", SensorKind.HUMIDITY: "humidity"}
    few = [
        plain_air.Air(
            params.ambient,
            [
                plain_air.Sensor(len(KIT) * h + k, kinds[kind], room, ROOMS[room] is RoomKind.BATHROOM)
                for k, (kind, room) in enumerate(KIT)
                if kind in kinds
            ],
        )
        for h in range(NAIVE_HOMES)
    ]
    taken = []
    for k, words in enumerate(_words(layout(NAIVE_HOMES), minutes, seed)):
        rows = list(zip(words.sensor.tolist(), words.value.tolist(), words.t_ms.tolist(), strict=True))
        began = thread_time()
        for row, value, t_ms in rows:
            if KIT[row % len(KIT)][0] in kinds:
                few[row // len(KIT)].hear(row, value, t_ms)
        for home in few:
            home.tick(START_MS + (k + 1) * MINUTE_MS)
        taken.append(thread_time() - began)
    return round(1000 * statistics.median(taken[1:]) * homes / NAIVE_HOMES, 1)


def _frames(params: Params, array: str, sensors: int, pieces: int, seed: int) -> dict[str, float]:
    """Of frames of rooms a quarter of which somebody is in; and the twin's."""
    film = footage(array, seed, pieces)
    stream = Stream(film, sensors, 0.25, seed)
    rows, cols = stream.optics.rows, stream.optics.cols
    state = burning.fresh(
        params.burning,
        params.fall.geometry,
        stream.optics,
        zones.laid_out([()] * sensors),
        np.ones(sensors, np.bool_),
    )
    known = np.zeros((sensors, rows * cols), np.uint8)
    eyes = [
        Eye(params.burning, np.zeros((rows, cols), np.bool_), 9, kitchen=True) for _ in range(NAIVE_SENSORS)
    ]
    spent, naive = [], []
    for turn in range(round(30 * stream.rate_hz)):
        for frames in stream.turn():
            alone = np.full(len(frames.sensor), -1)
            began = thread_time()
            burning.step(params.burning, state, frames, alone, known, int(frames.t_ms.max()))
            spent.append((thread_time() - began, len(frames.sensor)))
            began, few = thread_time(), frames.sensor < NAIVE_SENSORS
            for k in np.flatnonzero(few).tolist():
                eyes[frames.sensor[k]].see(frames.centi[k], int(frames.t_ms[k]), -1, gap=turn == 0)
            naive.append((thread_time() - began, int(few.sum())))
    late = len(spent) // 2
    return {
        name: round(1e6 * sum(s for s, _ in of[late:]) / max(sum(n for _, n in of[late:]), 1), 3)
        for name, of in (("look", spent), ("naive", naive))
    }
