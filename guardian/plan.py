"""The layout that the detectors over whole homes share, made of the roster's sensors.

What a room is for is read from its name; names that say nothing are OTHER.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from detectors.frame import SMALLEST, WIDEST, fits
from detectors.layout import Layout, RoomKind, SensorKind
from guardian.slab import SensorSpec
from guardian.wire.native import FLAG_KINDS, VALUE_RANGE

ROOM_NAMES: Final = (
    (RoomKind.BATHROOM, ("bath", "toilet", "wc", "shower")),
    (RoomKind.BEDROOM, ("bed", "sleep")),
    (RoomKind.KITCHEN, ("kitchen", "fridge", "cook")),
    (RoomKind.LIVING, ("living", "lounge", "sitting", "tv")),
    (RoomKind.HALL, ("hall", "corridor", "entr")),
)
"""How names of rooms begin."""

NOT_ALONE: Final = (
    "stove",
    "cooker",
    "hob",
    "oven",
    "hotplate",
    "grill",
    "fryer",
    "toaster",
    "kettle",
    "iron",
    "heater",
)
"""How words in the names of plugs begin whose appliances must not be left on alone."""


THERMAL: Final = "thermal"
EVENT_KINDS: Final = FLAG_KINDS | frozenset(VALUE_RANGE)


def checked(sensors: Sequence[SensorSpec]) -> dict[tuple[str, str], SensorSpec]:
    """Give sensors by home and name. Raises ValueError for those that no board can take."""
    specs = {(s.home, s.name): s for s in sensors}
    if len(specs) != len(sensors):
        raise ValueError("a sensor is in the roster twice")
    if wrong := [f"{s.home}/{s.name}: {s.kind}" for s in sensors if s.kind not in {*EVENT_KINDS, THERMAL}]:
        raise ValueError(f"unknown kind of sensor: {', '.join(wrong)}")
    if bare := [s for s in sensors if s.kind == THERMAL and not (s.rows and s.cols)]:
        raise ValueError(f"thermal sensor without rows and cols: {bare[0].home}/{bare[0].name}")
    shapes = [(s, shape_mistake(s.rows or 0, s.cols or 0)) for s in sensors if s.kind == THERMAL]
    if wrong := [f"{s.home}/{s.name}: {why}" for s, why in shapes if why]:
        raise ValueError("; ".join(wrong))
    return specs


def shape_mistake(rows: int, cols: int) -> str | None:
    """Say why no detector can work with arrays of this shape, None where they can."""
    if fits(rows, cols):
        return None
    return (
        f"{rows}x{cols} pixels: it takes {SMALLEST} to {WIDEST} rows and as many columns; "
        f"with more than {WIDEST} columns twice as many of both"
    )


def must_be_watched(sensor: str) -> bool:
    """Whether what hangs on a plug of this name must not be left on alone."""
    return any(word.startswith(NOT_ALONE) for word in sensor.split("-"))


def room_kind(name: str) -> RoomKind:
    """What a room of this name is for."""
    return next((kind for kind, starts in ROOM_NAMES if name.startswith(starts)), RoomKind.OTHER)


def rooms_of(homes: Sequence[str], sensors: Sequence[SensorSpec]) -> list[tuple[str, str]]:
    """(home, room) of each row of rooms: those with a sensor, home by home, in the order of the sensors."""
    row = {home: i for i, home in enumerate(homes)}
    found = dict.fromkeys((s.home, s.room) for s in sensors)
    return sorted(found, key=lambda room: row[room[0]])


def laid_out(homes: Sequence[str], events: Sequence[SensorSpec], cameras: Sequence[SensorSpec]) -> Layout:
    """Lay out homes with their sensors, in the order in which they are given."""
    home_row = {home: i for i, home in enumerate(homes)}
    rooms = rooms_of(homes, [*events, *cameras])
    room_row = {room: i for i, room in enumerate(rooms)}

    def rows(of: Sequence[int]) -> "np.ndarray[tuple[int], np.dtype[np.intp]]":
        return np.array(of, np.intp)

    return Layout(
        homes=len(homes),
        room_home=rows([home_row[home] for home, _ in rooms]),
        room_kind=np.array([room_kind(name) for _, name in rooms], np.int8),
        sensor_home=rows([home_row[s.home] for s in events]),
        sensor_room=rows([room_row[s.home, s.room] for s in events]),
        sensor_kind=np.array([SensorKind[s.kind.upper().replace("-", "_")] for s in events], np.int8),
        outside=np.array([s.outside for s in events], np.bool_),
        camera_home=rows([home_row[s.home] for s in cameras]),
        camera_room=rows([room_row[s.home, s.room] for s in cameras]),
    )
