"""What a simulated home is made of: the nouns that the stations of the simulator hand to each other.

Takes and decides nothing. Lengths are metres, times are seconds since the home's start (its `start_ms`
turns them into ms since 1970), temperatures °C and differences of them kelvin. Every room has its own
coordinates: origin on the floor below the middle of the ceiling, x along its width, y along its depth,
z up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I16 = NDArray[np.int16]
I64 = NDArray[np.int64]
Bools = NDArray[np.bool_]

CORE_C: Final = 36.8
TIMEZONE: Final = "Asia/Shanghai"
"""Of every simulated home."""
NOWHERE: Final = -1
"""Room of somebody who is not at home."""


# --- what truly happened ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Truth:
    """One row of what truly happened."""

    start_s: float
    end_s: float
    label: str
    """A truth label of the trace format: `fall:trip`, `down`, `bed`, `collapse:bathroom`, `cold`, …"""
    subject: str = ""


# --- bodies ----------------------------------------------------------------------------------------

FIELDS: Final = ("x_m", "y_m", "z_m", "heading_rad", "trunk_rad", "thigh_rad", "shank_rad", "cover")
"""Columns of a pose. z = pelvis above the floor; angles from the vertical, forward positive: the trunk
upwards, thigh and shank downwards; so lying on the back is trunk = -90°, thigh = shank = +90°. cover = the
share of warmth that does not come through clothes or a blanket beyond the usual dress: 0 as dressed
indoors, 1 nothing is seen. Two more columns may follow: how far the body is turned about its trunk (rad) and
how the arms are held (rad from the trunk)."""


@dataclass(frozen=True, slots=True)
class Motion:
    """Key poses in time, straight lines between them."""

    t_s: F64
    """(M,) increasing."""
    pose: F64
    """(M, 8) or (M, 10) columns as in FIELDS."""
    room: I16
    """(M,) index into Plan.rooms from this key to the next; NOWHERE = not at home."""
    truth: tuple[Truth, ...] = ()

    def at(self, t_s: F64) -> tuple[F64, I16]:
        """Poses (N, 8 or 10) and rooms (N,) at the times `t_s`; before the first key: nowhere, after the last
        one everything stays.
        """
        out = np.stack([np.interp(t_s, self.t_s, self.pose[:, k]) for k in range(self.pose.shape[1])], -1)
        key = np.searchsorted(self.t_s, t_s, side="right") - 1
        room = np.where(key < 0, np.int16(NOWHERE), self.room[np.maximum(key, 0)])
        return out, room.astype(np.int16)


@dataclass(frozen=True, slots=True)
class Build:
    """What a body is made of; `bodies.py` knows how to place the parts for each `shape`."""

    shape: Literal["human", "animal", "robot"]
    radii_m: F64
    """(K, 3) of each part: along it, across, front to back."""
    warmth: F64
    """(K,) share of the step from the room to the core temperature that shows on the outside."""
    size: float = 1.0
    """Scales everything but warmth; 1.0 = a person of 1.65 m."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody or something warm that moves: resident, visitor, dog, cat, robot vacuum."""

    name: str
    build: Build
    motion: Motion
    core_t_s: F64 = field(default_factory=lambda: np.zeros(1))
    core_c: F64 = field(default_factory=lambda: np.full(1, CORE_C))
    """Core temperature at `core_t_s`, straight lines between; a fever is a rise here."""


# --- rooms -----------------------------------------------------------------------------------------

ZoneKind = Literal["bed", "sofa", "chair", "table", "bath", "door", "window", "stove", "radiator"]
RoomKind = Literal["living", "bedroom", "bathroom", "kitchen", "hall"]


@dataclass(frozen=True, slots=True)
class Zone:
    """A piece of furniture or a place on the floor plan."""

    name: str
    kind: ZoneKind
    x0_m: float
    y0_m: float
    x1_m: float
    y1_m: float
    height_m: float = 0.0
    """Of the surface: bed 0.45, sofa 0.42, chair 0.45, table 0.75, stove 0.9."""

    @property
    def middle(self) -> tuple[float, float]:
        """Its middle on the floor."""
        return (self.x0_m + self.x1_m) / 2, (self.y0_m + self.y1_m) / 2


@dataclass(frozen=True, slots=True)
class Door:
    """Where one walks from a room into another one, or out of the home (`to` = NOWHERE)."""

    to: int
    x_m: float
    y_m: float


@dataclass(frozen=True, slots=True)
class Room:
    """One room. Its name is an id of the trace."""

    name: str
    kind: RoomKind
    width_m: float
    depth_m: float
    zones: tuple[Zone, ...]
    doors: tuple[Door, ...]

    def zone(self, kind: ZoneKind) -> Zone | None:
        """The first zone of that kind."""
        return next((z for z in self.zones if z.kind == kind), None)


@dataclass(frozen=True, slots=True)
class Plan:
    """The floor plan of a home."""

    rooms: tuple[Room, ...]

    def index(self, kind: RoomKind) -> int:
        """The first room of that kind; the living room where there is none."""
        return next((i for i, r in enumerate(self.rooms) if r.kind == kind), 0)


@dataclass(frozen=True, slots=True)
class Source:
    """Something warm (or cold) that is no body: an ellipsoid whose excess adds to what is behind it.

    A sun patch is a flat one on the floor, a radiator a flat one upright on the wall.
    """

    name: str
    room: int
    radii_m: tuple[float, float, float]
    """Along x, y, z."""
    t_s: F64
    """(M,) increasing."""
    centre_m: F64
    """(M, 3) at `t_s`, straight lines between."""
    excess_k: F64
    """(M,) above the room at `t_s`, straight lines between; 0 before the first and after the last."""


@dataclass(frozen=True, slots=True)
class Air:
    """The air of each room over time, straight lines between."""

    t_s: F64
    """(M,)."""
    temperature_c: F64
    """(M, R)."""
    humidity: F64
    """(M, R) relative, %."""
    haze: F64
    """(M, R) share of the picture's contrast that steam takes away."""

    @classmethod
    def still(cls, rooms: int, temperature_c: float = 22.0, humidity: float = 45.0) -> "Air":
        """Air that never changes."""
        one = np.ones((1, rooms))
        return cls(np.zeros(1), one * temperature_c, one * humidity, one * 0.0)


# --- days ------------------------------------------------------------------------------------------


class Doing(StrEnum):
    """What somebody does for a stretch of the day."""

    SLEEP = "sleep"
    NAP = "nap"
    TOILET = "toilet"
    WASH = "wash"
    DRESS = "dress"
    COOK = "cook"
    EAT = "eat"
    REST = "rest"
    """Television, reading, in the chair or on the sofa."""
    CHORES = "chores"
    EXERCISE = "exercise"
    POTTER = "potter"
    """Up and about in a room: standing, small walks."""
    OUT = "out"
    DOWN = "down"
    """On the floor after a fall or a collapse."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One stretch of somebody's day; segments of one person touch and never overlap."""

    start_s: float
    end_s: float
    doing: Doing
    room: int
    """Index into Plan.rooms; NOWHERE for OUT."""


# --- readings --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Events:
    """Readings of event sensors of one home, in order of time."""

    t_s: F64
    """(N,) when it happened."""
    sensor: NDArray[np.int32]
    """(N,) index into `sensors`."""
    value: F64
    """(N,)."""
    sensors: tuple["EventSensor", ...]


@dataclass(frozen=True, slots=True)
class EventSensor:
    """A sensor that sends events."""

    name: str
    kind: str
    """A kind of DESIGN's MQTT contract: pir, door, bed, chair, presence, radar-fall, temperature, …"""
    room: str
    outside: bool = False


Tags = Mapping[str, str | int | float]
