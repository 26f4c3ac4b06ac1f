"""Which sensors hang in which rooms of which homes: what all detectors over whole homes share.

Only names of rows: a home, a room and a sensor are numbers here. Remembers nothing and decides nothing.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.intp]
NOWHERE: Final = -1
"""Row of a room or a sensor that is not known, or is none."""


class SensorKind(IntEnum):
    """Kinds of sensors that send events; names as on the wire, with `_` for `-`."""

    PIR = 0
    DOOR = 1
    APPLIANCE_DOOR = 2
    BED = 3
    CHAIR = 4
    PRESENCE = 5
    RADAR_FALL = 6
    TEMPERATURE = 7
    HUMIDITY = 8
    PLUG = 9
    BUTTON = 10
    CANCEL = 11
    SMOKE = 12
    GAS = 13
    WATER = 14


class RoomKind(IntEnum):
    """What a room is for, as far as it makes a difference."""

    OTHER = 0
    BEDROOM = 1
    BATHROOM = 2
    KITCHEN = 3
    LIVING = 4
    HALL = 5


@dataclass(frozen=True, slots=True)
class Layout:
    """H homes with R rooms, E sensors that send events and C cameras (thermal arrays)."""

    homes: int
    room_home: Rows
    """(R,) home of each room, never decreasing: the rooms of a home lie side by side."""
    room_kind: NDArray[np.int8]
    """(R,) codes of RoomKind."""
    sensor_home: Rows
    """(E,)"""
    sensor_room: Rows
    """(E,)"""
    sensor_kind: NDArray[np.int8]
    """(E,) codes of SensorKind."""
    outside: NDArray[np.bool_]
    """(E,) a door that leads out of the home."""
    camera_home: Rows
    """(C,) cameras of all resolutions, one group after the other."""
    camera_room: Rows
    """(C,)"""

    @property
    def rooms(self) -> int:
        """How many rooms there are in all homes."""
        return len(self.room_home)


@dataclass(frozen=True, slots=True)
class Events:
    """N readings of event sensors in the order in which they arrived; each is new, none is a repetition."""

    sensor: Rows
    """(N,) row in the layout."""
    value: NDArray[np.float64]
    """(N,) in the unit of its kind: °C, %, W, or 1 and 0."""
    t_ms: NDArray[np.int64]
    """(N,) arrival, ms since 1970."""
    life: NDArray[np.bool_]
    """(N,) somebody did it: a movement, a button, a change of a door, a bed, a chair, a presence."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment, and what the clock on the wall of these homes says (they share a time zone)."""

    now_ms: int
    """ms since 1970."""
    minute: int
    """Of the local day, 0 to 1439."""
    weekday: int
    """0 = Monday."""
    day: int
    """Number of the local day; two days of one number never differ."""


def nothing() -> Events:
    """No reading at all."""
    return Events(np.zeros(0, np.intp), np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.bool_))
