"""Furniture on the floor plan: how far from it somebody is.

Takes boxes in the room's coordinates, says how far places are from what one lies on and from what one sits
on. Remembers nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.background import F32, Bools
from detectors.frame import Optics
from detectors.geometry import Shapes

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in metres, the room's coordinates."""


class ZoneKind(IntEnum):
    """Kinds of furniture that make a difference; names as in the roster, lower case."""

    FLOOR = 0
    """Nothing of the others: the open floor."""
    BED = 1
    SOFA = 2
    CHAIR = 3
    BATH = 4
    RADIATOR = 5
    STOVE = 6


@dataclass(frozen=True, slots=True)
class Zones:
    """Boxes of S sensors' rooms; NaN = no box. A sensor without any box has unknown furniture."""

    box: F32
    """(S, Z, 4) x0, y0, x1, y1."""
    kind: NDArray[np.int8]
    """(S, Z) codes of ZoneKind."""

    known: Bools
    """(S,) the furniture of that room is known: it has a box, if only an empty one."""


@dataclass(frozen=True, slots=True)
class ZoneParams:
    """Table [zones] of config/detectors.toml."""

    far_m: float
    seat_m: float
    heater_m: float


def laid_out(rooms: Sequence[Sequence[tuple[str, Box]]]) -> Zones:
    """Zones of sensors from the (kind, box) list of each one's room; other kinds than ZoneKind's count as a
    box of no size, which says that the furniture is known.
    """
    most = max(map(len, rooms), default=0)
    box = np.full((len(rooms), max(most, 1), 4), np.nan, np.float32)
    kind = np.zeros((len(rooms), max(most, 1)), np.int8)
    for row, zones in enumerate(rooms):
        for z, (name, corners) in enumerate(zones):
            code = ZoneKind.__members__.get(name.upper(), ZoneKind.FLOOR)
            kind[row, z] = code
            box[row, z] = corners if code else np.float32(0)
    return Zones(box, kind, np.asarray(np.isfinite(box).any(axis=(1, 2))))


def seen_from(zones: Zones, optics: Optics) -> Zones:
    """The furniture as far as it helps: none for a wall array that has not been told where it hangs, for it
    cannot say where in the room somebody is. (A ceiling array hangs in the middle if nothing is said.)
    """
    told = np.isfinite(optics.yaw_deg) & np.isfinite(optics.x_m) & np.isfinite(optics.y_m)
    lost = optics.wall & ~told
    box = np.where(lost[:, None, None], np.float32(np.nan), zones.box)
    kind = np.where(lost[:, None], np.int8(ZoneKind.FLOOR), zones.kind)
    return Zones(box, kind, zones.known & ~lost)


AWAY: Final = ("bed_floor", "bed_raised", "seat_floor", "seat_raised", "heater")
"""From what one lies on (bed, sofa, bath) and from chairs, of whoever lies on the floor or is raised; from
radiators, of what is raised."""
LYING_PLACES: Final = slice(0, 2)
"""Of AWAY, those from what one lies on. Both negative: there is no floor to lie on."""
LIES, SITS, HEATS = AWAY.index("bed_raised"), AWAY.index("seat_raised"), AWAY.index("heater")
LIES_ON: Final = np.isin(np.arange(len(ZoneKind)), (ZoneKind.BED, ZoneKind.SOFA, ZoneKind.BATH))
"""Of each ZoneKind."""


def away(params: ZoneParams, zones: Zones, sensor: NDArray[np.intp], shape: Shapes) -> F32:
    """(L, len(AWAY)) how far each shape is from furniture, metres, negative inside.

    `far_m` at most, and where there is none, or nobody knows: neither where it stands nor where the shape is.
    """
    box, kind = zones.box[sensor], zones.kind[sensor]
    far = np.float32(params.far_m)
    floor, raised = (
        _apart(box, x_m, y_m)
        for x_m, y_m in ((shape.floor_x_m, shape.floor_y_m), (shape.raised_x_m, shape.raised_y_m))
    )
    lies, sits, heats = LIES_ON[kind], kind == ZoneKind.CHAIR, kind == ZoneKind.RADIATOR
    columns = ((lies, floor), (lies, raised), (sits, floor), (sits, raised), (heats, raised))
    out = np.stack([np.where(some, apart, far).min(axis=1) for some, apart in columns], axis=1)
    return np.where(shape.metric[:, None], np.minimum(out, far), far).astype(np.float32, copy=False)


def _apart(box: F32, x_m: F32, y_m: F32) -> F32:
    """(L, Z) from each of the boxes (L, Z, 4) to its place (L,), negative inside."""
    dx = np.maximum(box[:, :, 0] - x_m[:, None], x_m[:, None] - box[:, :, 2])
    dy = np.maximum(box[:, :, 1] - y_m[:, None], y_m[:, None] - box[:, :, 3])
    outside = np.hypot(np.maximum(dx, 0), np.maximum(dy, 0))
    return np.asarray(np.where(np.maximum(dx, dy) < 0, np.maximum(dx, dy), outside), np.float32)


def at_rest(params: ZoneParams, away: F32) -> Bools:
    """(L,) whoever is at `away` (L, len(AWAY)) may be in a bed, a sofa or a bath, or on a chair."""
    return np.asarray((away[:, LIES] < 0) | (away[:, SITS] < np.float32(params.seat_m)))


def at_heater(params: ZoneParams, away: F32) -> Bools:
    """(L,) what is at `away` (L, len(AWAY)) may be a radiator."""
    return np.asarray(away[:, HEATS] < np.float32(params.heater_m))


def no_floor(away: F32) -> Bools:
    """(L,) whoever is at `away` (L, len(AWAY)) is in a bed, a sofa or a bath, whether low or raised."""
    return np.asarray((away[:, LYING_PLACES] < 0).all(axis=1))
