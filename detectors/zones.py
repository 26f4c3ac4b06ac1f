"""Furniture on the floor plan: what somebody who lies there is lying on.

Takes boxes in the room's coordinates, says on which kind of furniture places are. Remembers nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from detectors.background import F32, Bools
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

    rim_m: float


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


def under(params: ZoneParams, zones: Zones, sensor: NDArray[np.intp], shape: Shapes) -> NDArray[np.int8]:
    """(L,) kind of furniture under each shape, FLOOR where there is none or its place is unknown.

    A place counts if it is in the box as one on the floor or as one on the furniture. Where boxes overlap,
    the first kind of ZoneKind's order wins.
    """
    box, rim = zones.box[sensor], np.float32(params.rim_m)
    kind = zones.kind[sensor]
    inside = np.zeros(kind.shape, np.bool_)
    for x_m, y_m in ((shape.floor_x_m, shape.floor_y_m), (shape.raised_x_m, shape.raised_y_m)):
        x, y = x_m[:, None], y_m[:, None]
        across = (x > box[:, :, 0] - rim) & (x < box[:, :, 2] + rim)
        inside |= across & (y > box[:, :, 1] - rim) & (y < box[:, :, 3] + rim)
    inside &= shape.metric[:, None] & (kind > 0)
    best = np.where(inside, kind, np.int8(99)).min(axis=1)
    return np.where(best == 99, np.int8(ZoneKind.FLOOR), best).astype(np.int8)
