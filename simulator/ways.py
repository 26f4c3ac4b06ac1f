"""From room to room, and onto the furniture: doors on the way, places to sit and to lie.

Takes plans and rooms, gives doors and places in metres (the way around furniture is floor.py's). Never
draws from chance, never moves anybody.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from simulator.floor import BODY_M, obstacles
from simulator.world import NOWHERE, Plan, Room, Zone

SOLID: Final = frozenset({"bed", "sofa", "chair", "table", "bath", "stove"})
"""Kinds of zones that one cannot stand in."""
STEP_M: Final = 0.28  # from furniture to the feet of who is about to sit down on it
TABLE_M: Final = 1.0  # a chair whose middle is nearer than this to a table's edge faces the table
SEAT_M: Final = 0.45  # height of a seat whose zone does not say
HEAD_TO_HIPS_M: Final = 0.86  # hips of a sleeper from the head end of the bed

MADE_UP: Final = "made-up-toilet"

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Seat:
    """How one gets onto a piece of furniture."""

    stand: tuple[float, float]
    """Where the feet are before."""
    sit: tuple[float, float]
    """Where the hips are when seated."""
    heading_rad: float
    """Where who sits looks."""
    height_m: float
    lie: tuple[float, float]
    """Where the hips are when lying."""
    lie_rad: float
    """From head to feet."""
    length_m: float


def inside(room: Room, x: float, y: float, rim_m: float = 0.0) -> bool:
    """Whether (x, y) lies in the room, at least `rim_m` from its walls."""
    return abs(x) <= room.width_m / 2 - rim_m and abs(y) <= room.depth_m / 2 - rim_m


def route(plan: Plan, start: int, end: int) -> list[int]:
    """Rooms to walk through, `start` left out. ValueError where no doors lead there."""
    before = {start: start}
    edge = [start]
    while edge and end not in before:
        nxt = []
        for at in edge:
            for door in plan.rooms[at].doors:
                if door.to != NOWHERE and door.to not in before:
                    before[door.to] = at
                    nxt.append(door.to)
        edge = nxt
    if end not in before:
        raise ValueError(f"no way from room {start} to room {end}")
    out: list[int] = []
    while end != start:
        out.append(end)
        end = before[end]
    return out[::-1]


def room_of(plan: Plan, zone: Zone, here: int) -> int:
    """Which room a zone is in: this one where it has it, else the first that has it. ValueError for none."""
    if here != NOWHERE and zone in plan.rooms[here].zones:
        return here
    for k, room in enumerate(plan.rooms):
        if zone in room.zones:
            return k
    if here != NOWHERE and zone.name == MADE_UP:
        return here
    raise ValueError(f"no room has the zone {zone.name!r}")


def toilet(room: Room) -> Zone:
    """The toilet, or one made up in a corner where the plan shows none."""
    shown = next((z for z in room.zones if z.name == "toilet"), None)
    if shown is not None:
        return shown
    x, y, _ = corner(room, 0)
    return Zone(MADE_UP, "chair", x - 0.2, y - 0.2, x + 0.2, y + 0.2, 0.42)


def door(plan: Plan, room: int, to: int) -> tuple[float, float]:
    """Where the door from `room` to `to` is. ValueError where there is none."""
    for d in plan.rooms[room].doors:
        if d.to == to:
            return d.x_m, d.y_m
    raise ValueError(f"room {room} has no door to {to}")


def outer_door(plan: Plan) -> tuple[int, float, float]:
    """Room and place of the home's door. ValueError where it has none."""
    for k, room in enumerate(plan.rooms):
        for d in room.doors:
            if d.to == NOWHERE:
                return k, d.x_m, d.y_m
    raise ValueError("the plan has no outer door")


def seat(room: Room, zone: Zone) -> Seat:
    """How one sits down and lies down on `zone`: from its longest side that one can step up to."""
    mx, my = zone.middle
    hx, hy = (zone.x1_m - zone.x0_m) / 2, (zone.y1_m - zone.y0_m) / 2
    along_x = hx >= hy
    table = room.zone("table") if zone.kind == "chair" else None
    others = [_wider(z, 0.05) for z in room.zones if z.kind in SOLID and z is not zone]
    best: tuple[float, float, float, float, float] | None = None
    for nx, ny in ((1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)):
        sx, sy = mx + nx * (hx + STEP_M), my + ny * (hy + STEP_M)
        if not inside(room, sx, sy, 0.1) or any(_in(b, sx, sy) for b in others):
            continue
        long_side = (ny != 0.0) == along_x
        worth = (1.0 if long_side and zone.kind in {"bed", "sofa"} else 0.0) - 0.1 * float(np.hypot(sx, sy))
        if best is None or worth > best[0]:
            best = (worth, sx, sy, nx, ny)
    _, sx, sy, nx, ny = best or (0.0, mx, my, 0.0, 1.0)
    inward = 0.0 if zone.kind == "chair" else max(abs(nx) * hx + abs(ny) * hy - 0.25, 0.0)
    heading = float(np.arctan2(ny, nx))
    if table is not None:
        tx, ty = np.clip(mx, table.x0_m, table.x1_m), np.clip(my, table.y0_m, table.y1_m)
        if 0 < np.hypot(tx - mx, ty - my) < TABLE_M:
            heading = float(np.arctan2(ty - my, tx - mx))
    sit = (mx + nx * inward, my + ny * inward)
    if zone.kind == "bed":  # one sits on its edge
        edge = abs(nx) * hx + abs(ny) * hy - 0.18
        sit = (mx + nx * edge, my + ny * edge)
    length = 2 * max(hx, hy)
    towards = (
        1.0 if (mx if along_x else my) <= 0 else -1.0
    )  # the head lies at the wall, the feet point inwards
    shift = towards * max(HEAD_TO_HIPS_M - length / 2, -0.15)
    lie = (mx + shift, my) if along_x else (mx, my + shift)
    lie_rad = (0.0 if towards > 0 else np.pi) if along_x else towards * np.pi / 2
    return Seat((sx, sy), sit, heading, zone.height_m or SEAT_M, lie, float(lie_rad), length)


def corner(room: Room, rank: int) -> tuple[float, float, float]:
    """A place at a wall for what the plan does not show (toilet, basin): the `rank`-th free one, far from
    doors and furniture first. Gives x, y and the heading into the room.
    """
    w, d = room.width_m / 2 - 0.42, room.depth_m / 2 - 0.42
    spots = [(w, d), (-w, d), (w, -d), (-w, -d), (w, 0.0), (-w, 0.0), (0.0, d), (0.0, -d)]
    solid = [_wider(z, 0.1) for z in room.zones if z.kind in SOLID]
    ranked = []
    for k, (x, y) in enumerate(spots):
        away = min((float(np.hypot(x - o.x_m, y - o.y_m)) for o in room.doors), default=1.0)
        taken = any(_in(b, x, y) for b in solid)
        ranked.append((taken, away < 0.6, k // 4, -away, k))
    x, y = spots[sorted(ranked)[min(rank, 7)][4]]
    inward = np.arctan2(0.0, -x) if abs(x) / room.width_m >= abs(y) / room.depth_m else np.arctan2(-y, 0.0)
    return x, y, float(inward)


def _wider(z: Zone, by_m: float) -> Box:
    return z.x0_m - by_m, z.y0_m - by_m, z.x1_m + by_m, z.y1_m + by_m


def _in(box: Box, x: float, y: float) -> bool:
    return box[0] < x < box[2] and box[1] < y < box[3]


def straight(room: Room, x0: float, y0: float, x1: float, y1: float) -> bool:
    """Whether one can walk straight from one place to another; furniture at either end is no obstacle."""
    dx, dy = x1 - x0, y1 - y0
    for box in _solid(room):
        if _in(box, x0, y0) or _in(box, x1, y1):
            continue
        low, high = 0.0, 1.0
        for at, step, first, last in ((x0, dx, box[0], box[2]), (y0, dy, box[1], box[3])):
            if abs(step) < 1e-9:
                high = high if first < at < last else -1.0
                continue
            a, b = (first - at) / step, (last - at) / step
            low, high = max(low, min(a, b)), min(high, max(a, b))
        if low < high:
            return False
    return True


def stands(room: Room, x: float, y: float) -> bool:
    """Whether somebody can stand there: in the room, and clear of furniture and walls by half a body."""
    return inside(room, x, y, BODY_M) and not any(_in(box, x, y) for box in _solid(room))


@lru_cache(maxsize=4096)
def _solid(room: Room) -> tuple[Box, ...]:
    return tuple((x0 - BODY_M, y0 - BODY_M, x1 + BODY_M, y1 + BODY_M) for x0, y0, x1, y1 in obstacles(room))
