"""The obvious way to tell how far furniture is: look at every box."""

import math
from collections.abc import Iterable

from detectors.zones import Box

Place = tuple[float, float]


def away_one(
    zones: Iterable[tuple[str, Box]], far_m: float, floor: Place, raised: Place, *, metric: bool
) -> list[float]:
    """Of one shape, as zones.AWAY."""
    out = [far_m] * 5
    for name, box in zones:
        for k, place in enumerate((floor, raised)):
            if metric and name in {"bed", "sofa", "bath"}:
                out[k] = min(out[k], _apart(box, place))
            if metric and name == "chair":
                out[2 + k] = min(out[2 + k], _apart(box, place))
        if metric and name == "radiator":
            out[4] = min(out[4], _apart(box, raised))
    return out


def _apart(box: Box, place: Place) -> float:
    """Metres from the box, negative inside."""
    x0, y0, x1, y1 = box
    x, y = place
    if x0 < x < x1 and y0 < y < y1:
        return -min(x - x0, x1 - x, y - y0, y1 - y)
    return math.hypot(x - min(max(x, x0), x1), y - min(max(y, y0), y1))
