"""A room's plan as SVG: furniture, sensors, and where somebody was found. All in metres, drawn by the server.

Takes the roster's zones and sensors of a room and places in it; a room of which nothing is known has no plan.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from guardian.board import SensorSpec
from guardian.lookout import Furniture

MARGIN_M: Final = 0.6
LEAST_M: Final = 3.0
"""A room with one chair is not drawn as large as the chair."""
PX_PER_M: Final = 90


@dataclass(frozen=True, slots=True)
class Shape:
    """A piece of furniture, in pixels of the drawing."""

    kind: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Dot:
    """A sensor, or a place where somebody was."""

    name: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Plan:
    """One room, ready to be drawn."""

    room: str
    width: float
    height: float
    furniture: tuple[Shape, ...]
    sensors: tuple[Dot, ...]
    places: tuple[Dot, ...]
    metre: float = float(PX_PER_M)


def plan(
    home: str,
    room: str,
    furniture: Furniture,
    sensors: Sequence[SensorSpec],
    places: Sequence[tuple[str, float, float]] = (),
) -> Plan | None:
    """Draw up a room; None where neither furniture nor a place is known.

    Parameters
    ----------
    places
        (what, x, y) in the room's metres.
    """
    boxes = furniture.get((home, room), ())
    if not boxes and not places:
        return None
    seers = [s for s in sensors if s.home == home and s.room == room and s.kind in {"thermal", "radar"}]
    dots = [(s.name, s.x_m or 0.0, s.y_m or 0.0) for s in seers]
    xs = [x for _, box in boxes for x in (box[0], box[2])] + [x for _, x, _ in (*dots, *places)]
    ys = [y for _, box in boxes for y in (box[1], box[3])] + [y for _, _, y in (*dots, *places)]
    left, right = _span(min(xs), max(xs))
    near, far = _span(min(ys), max(ys))

    def at(x: float, y: float) -> tuple[float, float]:
        return round((x - left) * PX_PER_M, 1), round((far - y) * PX_PER_M, 1)  # y grows upwards in a room

    shapes = []
    for kind, (x0, y0, x1, y1) in boxes:
        x, y = at(min(x0, x1), max(y0, y1))
        size = round(abs(x1 - x0) * PX_PER_M, 1), round(abs(y1 - y0) * PX_PER_M, 1)
        shapes.append(Shape(kind, x, y, *size))
    return Plan(
        room,
        round((right - left) * PX_PER_M, 1),
        round((far - near) * PX_PER_M, 1),
        tuple(shapes),
        tuple(Dot(name, *at(x, y)) for name, x, y in dots),
        tuple(Dot(name, *at(x, y)) for name, x, y in places),
    )


def _span(low: float, high: float) -> tuple[float, float]:
    more = max(MARGIN_M, (LEAST_M - (high - low)) / 2)
    return low - more, high + more
