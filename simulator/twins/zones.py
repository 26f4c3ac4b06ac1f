"""The obvious way to tell what somebody lies on: look at every box."""

from collections.abc import Iterable

from detectors.zones import Box, ZoneKind


def under_one(
    zones: Iterable[tuple[str, Box]], rim_m: float, places: Iterable[tuple[float, float]], *, metric: bool
) -> int:
    """Code of the ZoneKind under one of the places, FLOOR where there is none or the scale is unknown."""
    found = []
    for name, (x0, y0, x1, y1) in zones:
        if name in {"bed", "sofa", "chair", "bath"}:
            for x, y in places:
                if x0 - rim_m < x < x1 + rim_m and y0 - rim_m < y < y1 + rim_m:
                    found.append(int(ZoneKind[name.upper()]))
    return min(found, default=int(ZoneKind.FLOOR)) if metric else int(ZoneKind.FLOOR)
