"""The flats of older people living alone: rooms with furniture and doors, and where one can walk or fall.

Takes a seed, gives floor plans (`flat`, `one_room`), and answers for a room: what stands in the way, where
the floor is free, where one stands beside a zone, which way to walk. Never draws and never moves anybody.

Sizes. One-bedroom homes average 46 m² in England (RIBA, The Case for Space); the nationally described
space standard (England, 2015) asks 37–39 m² for one person, single bedrooms of at least 7.5 m² and 2.15 m,
double ones of 11.5 m² and 2.75 m. The rooms below are drawn so that a flat has 36–56 m². Sizes of furniture
are those of shops (a single bed .9 x 2.0 m, a sofa 1.5–1.9 x .85 m): judgement.

Procedure for one room: draw the items along its walls, one after the other, away from the doors; keep the
room if every zone can be reached from every door and somebody can fall near its middle; else draw again.
"""

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from simulator.floor import (
    DOOR_WIDE_M,
    Box,
    Point,
    beside,
    clearance,
    free_spot,
    free_strip,
    obstacles,
    open_to_walk,
    way,
)
from simulator.world import F64, NOWHERE, Door, Plan, Room, RoomKind, Zone, ZoneKind

__all__ = [
    "beside",
    "clearance",
    "flat",
    "free_spot",
    "free_strip",
    "obstacles",
    "offsets",
    "one_room",
    "way",
]

Wall = Literal["north", "south", "east", "west"]
WALLS: Final[tuple[Wall, ...]] = ("north", "south", "east", "west")

STRIP_M: Final = 0.05  # doors and windows are strips this deep along the wall; furniture stands off as far
DOOR_FREE_M: Final = 0.75  # floor that stays free in front of a door
TRIES: Final = 2000  # drawing rooms again; a room takes a few, tests look at hundreds of seeds
FLAT: Final[tuple[RoomKind, ...]] = ("living", "bedroom", "bathroom", "kitchen", "hall")

_LAYOUT, _FURNITURE = 11, 12  # purposes of random numbers


@dataclass(frozen=True, slots=True)
class _Item:
    """Something to place: its size along the wall and away from it, ranges in metres."""

    name: str
    kind: ZoneKind
    along_m: Point
    deep_m: Point
    height_m: float
    at: str = ""
    """Name of the item that it stands beside; empty = along any wall, `outer` = on the outer wall."""
    odds: float = 1.0
    """Share of homes that have it."""
    turn: bool = False
    """May also stand with its narrow side to the wall."""


_WINDOW = _Item("window", "window", (1.0, 1.8), (STRIP_M, STRIP_M), 0.9, "outer")
_RADIATOR = _Item("radiator", "radiator", (0.8, 1.3), (0.10, 0.12), 0.6)
_SOFA = _Item("sofa", "sofa", (1.5, 1.9), (0.80, 0.90), 0.42)
_ARMCHAIR = _Item("armchair", "chair", (0.70, 0.80), (0.70, 0.80), 0.45)
_TV = _Item("tv", "table", (0.9, 1.2), (0.35, 0.42), 0.55)
_BED = _Item("bed", "bed", (1.95, 2.05), (0.90, 1.20), 0.45, turn=True)

ITEMS: Final[dict[RoomKind, tuple[_Item, ...]]] = {
    "living": (
        _WINDOW,
        _RADIATOR,
        _SOFA,
        _ARMCHAIR,
        _TV,
        _Item("table", "table", (0.8, 1.1), (0.60, 0.75), 0.75),
        _Item("chair", "chair", (0.42, 0.46), (0.42, 0.46), 0.45, "table"),
    ),
    "bedroom": (
        _WINDOW,
        _RADIATOR,
        _BED,
        _Item("wardrobe", "table", (0.9, 1.4), (0.55, 0.60), 2.0),
        _Item("chair", "chair", (0.42, 0.48), (0.42, 0.48), 0.45),
    ),
    "bathroom": (
        _Item("window", "window", (0.5, 0.7), (STRIP_M, STRIP_M), 1.3, "outer", odds=0.5),
        _Item("bath", "bath", (1.5, 1.7), (0.70, 0.75), 0.45),
        _Item("toilet", "chair", (0.38, 0.42), (0.62, 0.70), 0.42),
        _Item("basin", "table", (0.50, 0.60), (0.40, 0.46), 0.85),
        _Item("radiator", "radiator", (0.4, 0.5), (0.10, 0.12), 1.0, odds=0.8),
    ),
    "kitchen": (
        _Item("window", "window", (0.8, 1.2), (STRIP_M, STRIP_M), 1.0, "outer"),
        _Item("counter", "table", (1.2, 1.5), (0.58, 0.62), 0.9),
        _Item("stove", "stove", (0.55, 0.60), (0.58, 0.62), 0.9, "counter"),
        _Item("fridge", "table", (0.55, 0.60), (0.55, 0.62), 1.6),
        _Item("table", "table", (0.6, 0.8), (0.55, 0.60), 0.75),
        _Item("chair", "chair", (0.40, 0.44), (0.40, 0.44), 0.45, "table"),
        _Item("radiator", "radiator", (0.5, 0.8), (0.10, 0.12), 0.6, odds=0.7),
    ),
    "hall": (_Item("shelf", "table", (0.6, 0.9), (0.25, 0.32), 0.9, odds=0.7),),
}
"""The order matters: what comes first finds its place first."""

STUDIO: Final = (
    _WINDOW,
    _BED,
    _RADIATOR,
    _SOFA,
    _ARMCHAIR,
    _TV,
    _Item("table", "table", (0.7, 0.9), (0.60, 0.70), 0.75),
)
"""All that the falls and the nuisances need in one room."""

SIZES: Final[dict[RoomKind, tuple[Point, Point]]] = {
    "living": ((3.7, 4.8), (3.4, 4.2)),
    "bedroom": ((3.0, 3.8), (2.9, 3.7)),
    "bathroom": ((2.0, 2.5), (1.9, 2.4)),
    "kitchen": ((2.5, 3.1), (2.5, 3.3)),
    "hall": ((2.9, 4.0), (1.15, 1.5)),
}
"""Width and depth, ranges in metres: 12.6–20, 8.7–14, 3.8–6, 6.3–10 and 3.3–6 m². Judgement within the
standards above; the hall's width in `flat` follows from the rooms around it."""


# --- plans -----------------------------------------------------------------------------------------


def flat(seed: int) -> Plan:
    """A one-bedroom flat: living room, bedroom, bathroom, kitchen and a hall with the outer door.

    The living room and the kitchen lie on one side of the hall, bedroom and bathroom on the other one; flats
    are mirrored and turned, so that the hall runs along x or along y. All inner doors go to the hall.
    """
    rng = np.random.default_rng([seed, _LAYOUT])
    size = {kind: (float(rng.uniform(*w)), float(rng.uniform(*d))) for kind, (w, d) in SIZES.items()}
    walls_m = size["living"][0], size["bedroom"][0]  # between the two rooms of each side, from their west
    west = min(walls_m) - float(rng.uniform(1.3, 1.7))
    east = max(walls_m) + float(rng.uniform(1.3, 1.7))
    size["hall"] = (east - west, size["hall"][1])
    wide = DOOR_WIDE_M / 2 + 0.1
    spans: dict[RoomKind, Point] = {  # where the door to the hall can be, in metres from the west
        "living": (west + wide, walls_m[0] - wide),
        "kitchen": (
            walls_m[0] + wide,
            min(east, sum(x[0] for x in (size["living"], size["kitchen"]))) - wide,
        ),
        "bedroom": (west + wide, walls_m[1] - wide),
        "bathroom": (walls_m[1] + wide, min(east, walls_m[1] + size["bathroom"][0]) - wide),
    }
    middle = {
        "living": size["living"][0] / 2,
        "kitchen": walls_m[0] + size["kitchen"][0] / 2,
        "bedroom": size["bedroom"][0] / 2,
        "bathroom": walls_m[1] + size["bathroom"][0] / 2,
        "hall": (west + east) / 2,
    }
    hall_at, rooms, hall_doors = FLAT.index("hall"), [], []
    outer = 1.0 if rng.random() < 0.5 else -1.0
    for at, kind in enumerate(FLAT[:-1]):
        x = float(rng.uniform(*spans[kind]))
        north = kind in {"living", "kitchen"}
        side = -1.0 if north else 1.0  # of this room on which the hall lies
        w, d = size[kind]
        own = Door(hall_at, x - middle[kind], side * d / 2)
        hall_doors.append(Door(at, x - middle["hall"], -side * size["hall"][1] / 2))
        rooms.append(_bare(kind, (w, d), own))
    hall_doors.append(Door(NOWHERE, outer * size["hall"][0] / 2, 0.0))
    rooms.append(_bare("hall", size["hall"], *hall_doors))
    rooms = [
        _furnished(
            np.random.default_rng([seed, _FURNITURE, at]),
            room,
            "south" if room.kind in {"bedroom", "bathroom"} else "north",
            ITEMS[room.kind],
        )
        for at, room in enumerate(rooms)
    ]
    flip = [-1.0 if rng.random() < 0.5 else 1.0 for _ in range(2)]
    swap = bool(rng.random() < 0.5)
    return Plan(tuple(_turned(room, flip[0], flip[1], swap) for room in rooms))


def one_room(seed: int, kind: RoomKind = "living") -> Plan:
    """A single room with an outer door: `living` is a studio with bed, sofa, armchair, television and table;
    the other kinds have what they have in a flat.
    """
    rng = np.random.default_rng([seed, _LAYOUT, 1])
    wide, deep = ((4.2, 5.0), (3.8, 4.6)) if kind == "living" else SIZES[kind]
    w, d = float(rng.uniform(*wide)), float(rng.uniform(*deep))
    x = float(rng.uniform(-w / 2 + 0.6, w / 2 - 0.6))
    door = Door(NOWHERE, x, -d / 2)
    items = STUDIO if kind == "living" else ITEMS[kind]
    own = np.random.default_rng([seed, _FURNITURE, 20 + FLAT.index(kind)])
    room = _furnished(own, _bare(kind, (w, d), door), "north", items)
    flip = [-1.0 if rng.random() < 0.5 else 1.0 for _ in range(2)]
    return Plan((_turned(room, flip[0], flip[1], bool(rng.random() < 0.5)),))


def offsets(plan: Plan) -> F64:
    """(R, 2) where the middle of each room lies on the plan of the home, metres from that of the first room.

    Two rooms that share a door touch there. ValueError when a room cannot be reached from the first one.
    """
    at: dict[int, Point] = {0: (0.0, 0.0)}
    todo = [0]
    while todo:
        here = todo.pop()
        for door in plan.rooms[here].doors:
            if door.to == NOWHERE or door.to in at:
                continue
            back = next(d for d in plan.rooms[door.to].doors if d.to == here)
            x, y = at[here]
            at[door.to] = (x + door.x_m - back.x_m, y + door.y_m - back.y_m)
            todo.append(door.to)
    if len(at) < len(plan.rooms):
        raise ValueError(f"rooms without a way from the first one: {set(range(len(plan.rooms))) - set(at)}")
    return np.array([at[k] for k in range(len(plan.rooms))])


# --- placing furniture -----------------------------------------------------------------------------


def _furnished(rng: np.random.Generator, bare: Room, outer: Wall, items: tuple[_Item, ...]) -> Room:
    """`bare` has walls and doors only; the window goes into the wall `outer`."""
    for _ in range(TRIES):
        zones = _placed(rng, bare, outer, items)
        if zones is None:
            continue
        room = replace(bare, zones=(*bare.zones, *zones))
        if open_to_walk(room):
            return room
    raise RuntimeError(f"no furniture fits into {bare}")


def _bare(kind: RoomKind, size: Point, *doors: Door) -> Room:
    """A room with nothing but its doors."""
    zones = []
    for k, door in enumerate(doors):
        wall = _wall_of(size, door)
        along = door.x_m if wall in {"north", "south"} else door.y_m
        box = _against(size, wall, (along - DOOR_WIDE_M / 2, DOOR_WIDE_M), STRIP_M)
        zones.append(Zone("door" if k == 0 else f"door-{k + 1}", "door", *box, 2.0))
    return Room(kind, kind, size[0], size[1], tuple(zones), doors)


def _wall_of(size: Point, door: Door) -> Wall:
    if abs(abs(door.y_m) - size[1] / 2) < 1e-6:
        return "north" if door.y_m > 0 else "south"
    return "east" if door.x_m > 0 else "west"


def _against(size: Point, wall: Wall, span: Point, deep: float, off: float = 0.0) -> Box:
    """The box that takes `span` (start, length) of a wall, `off` metres away from it."""
    start, along = span
    half = size[1] / 2 if wall in {"north", "south"} else size[0] / 2
    near, far = (
        (half - off - deep, half - off) if wall in {"north", "east"} else (off - half, off + deep - half)
    )
    if wall in {"north", "south"}:
        return start, near, start + along, far
    return near, start, far, start + along


def _placed(
    rng: np.random.Generator, room: Room, outer: Wall, items: tuple[_Item, ...]
) -> tuple[Zone, ...] | None:
    """One draw of all items, None when one finds no place."""
    size = (room.width_m, room.depth_m)
    taken = [
        (d.x_m - 0.5, d.y_m - DOOR_FREE_M, d.x_m + 0.5, d.y_m + DOOR_FREE_M)
        if _wall_of(size, d) in {"north", "south"}
        else (d.x_m - DOOR_FREE_M, d.y_m - 0.5, d.x_m + DOOR_FREE_M, d.y_m + 0.5)
        for d in room.doors
    ]
    by_name: dict[str, Zone] = {}
    for item in items:
        if rng.random() >= item.odds:
            continue
        along, deep = float(rng.uniform(*item.along_m)), float(rng.uniform(*item.deep_m))
        if item.turn and rng.random() < 0.5:
            along, deep = deep, along
        for _ in range(30):
            if item.at in by_name:
                box = _next_to(rng, by_name[item.at], item, (along, deep))
            else:
                wall = outer if item.at == "outer" else WALLS[int(rng.integers(4))]
                box = _draw(rng, size, wall, item, (along, deep))
            inside = (
                max(abs(box[0]), abs(box[2])) <= size[0] / 2 and max(abs(box[1]), abs(box[3])) <= size[1] / 2
            )
            if inside and not any(_overlap(box, other) for other in taken):
                break
        else:
            return None
        taken.append(box)
        by_name[item.name] = Zone(item.name, item.kind, *box, item.height_m)
    return tuple(by_name.values())


def _draw(rng: np.random.Generator, size: Point, wall: Wall, item: _Item, shape: Point) -> Box:
    """A place along a wall for one item of `shape` (along it, away from it), not yet checked."""
    along, deep = shape
    length = size[0] if wall in {"north", "south"} else size[1]
    start = float(rng.uniform(-length / 2, max(length / 2 - along, -length / 2)))
    off = 0.0 if item.kind in {"window", "radiator"} else STRIP_M
    if off and rng.random() < 0.5:  # furniture stands in corners more often than a uniform draw puts it there
        start = float((off - length / 2, length / 2 - along - off)[int(rng.integers(2))])
    return _against(size, wall, (start, along), deep, off)


def _next_to(rng: np.random.Generator, mate: Zone, item: _Item, shape: Point) -> Box:
    """A place at one side of another piece; a chair at the middle of a side."""
    along, deep = shape
    x0, y0, x1, y1 = mate.x0_m, mate.y0_m, mate.x1_m, mate.y1_m
    mx, my = mate.middle
    spots = (
        (x1, min(y0, y1 - deep), x1 + along, min(y0, y1 - deep) + deep),
        (x0 - along, min(y0, y1 - deep), x0, min(y0, y1 - deep) + deep),
        (mx - along / 2, y1, mx + along / 2, y1 + deep),
        (mx - along / 2, y0 - deep, mx + along / 2, y0),
    )
    if item.kind == "chair":  # a chair stands at the middle of a side of its table
        spots = (
            (x1, my - deep / 2, x1 + along, my + deep / 2),
            (x0 - along, my - deep / 2, x0, my + deep / 2),
            *spots[2:],
        )
    return spots[int(rng.integers(len(spots)))]


def _overlap(a: Box, b: Box) -> bool:
    slack = 1e-6
    return a[0] < b[2] - slack and b[0] < a[2] - slack and a[1] < b[3] - slack and b[1] < a[3] - slack


def _turned(room: Room, flip_x: float, flip_y: float, swap: bool) -> Room:
    """The room mirrored, and turned so that x becomes y."""

    def point(x: float, y: float) -> Point:
        return (y * flip_y, x * flip_x) if swap else (x * flip_x, y * flip_y)

    def zone(z: Zone) -> Zone:
        (ax, ay), (bx, by) = point(z.x0_m, z.y0_m), point(z.x1_m, z.y1_m)
        return replace(z, x0_m=min(ax, bx), y0_m=min(ay, by), x1_m=max(ax, bx), y1_m=max(ay, by))

    return replace(
        room,
        width_m=room.depth_m if swap else room.width_m,
        depth_m=room.width_m if swap else room.depth_m,
        zones=tuple(zone(z) for z in room.zones),
        doors=tuple(Door(d.to, *point(d.x_m, d.y_m)) for d in room.doors),
    )
