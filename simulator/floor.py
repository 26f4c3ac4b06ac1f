"""Where one can be in a room: what stands in the way, where the floor is free, which way to walk.

Takes a room, gives free places, strips to lie on, the place beside a zone and the walk to it. Remembers the
maps of rooms it was asked about. Never furnishes and never moves anybody.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from scipy import ndimage, sparse  # type: ignore[import-untyped]  # scipy ships no types
from scipy.sparse import csgraph  # type: ignore[import-untyped]

from simulator.world import F64, I64, Bools, Room, Zone

Point = tuple[float, float]
Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in metres."""

BODY_M: Final = 0.22  # half the width of somebody walking: shoulders of .45 m (a torso is .38 m across)
GRID_M: Final = 0.05  # of the map of free floor
DOOR_WIDE_M: Final = 0.9  # leaf of .80–.93 m in accessible homes: judgement
FALL_LONG_M: Final = 1.7  # somebody of 1.65 m stretched out
FALL_WIDE_M: Final = 0.5
PASSABLE: Final = ("door", "window")  # zones that are no obstacles


def obstacles(room: Room) -> tuple[Box, ...]:
    """The floor that furniture takes: x0, y0, x1, y1 of every zone but doors and windows."""
    return tuple((z.x0_m, z.y0_m, z.x1_m, z.y1_m) for z in room.zones if z.kind not in PASSABLE)


def clearance(room: Room, x_m: F64, y_m: F64) -> F64:
    """How far the points are from the nearest wall or furniture, metres; negative inside or outside."""
    far = np.minimum(room.width_m / 2 - np.abs(x_m), room.depth_m / 2 - np.abs(y_m))
    for x0, y0, x1, y1 in obstacles(room):
        dx = np.maximum(x0 - x_m, x_m - x1)
        dy = np.maximum(y0 - y_m, y_m - y1)
        outside = np.hypot(np.maximum(dx, 0), np.maximum(dy, 0))
        far = np.minimum(far, np.where((dx < 0) & (dy < 0), np.maximum(dx, dy), outside))
    return np.asarray(far)


def free_spot(rng: np.random.Generator, room: Room, clear_m: float, *, within_m: float = np.inf) -> Point:
    """A place on the floor that one can walk to, at least `clear_m` from furniture and walls, and at most
    `within_m` from the middle of the room along x and along y. ValueError when there is none.
    """
    free = _floor(room)
    good = free.reach & (free.clear_m >= clear_m)
    good &= (np.abs(free.x_m) <= within_m) & (np.abs(free.y_m) <= within_m)
    at = np.flatnonzero(good)
    if not at.size:
        raise ValueError(f"no floor {clear_m} m from everything within {within_m} m in {room.name}")
    k = int(rng.choice(at))
    return float(free.x_m.flat[k]), float(free.y_m.flat[k])


def free_strip(
    rng: np.random.Generator,
    room: Room,
    long_m: float = FALL_LONG_M,
    wide_m: float = FALL_WIDE_M,
    *,
    within_m: float = np.inf,
) -> tuple[float, float, float]:
    """Where somebody can lie stretched out: middle x, y and direction (radians) of a free strip of floor.

    Looks at a few places at random, then at all. ValueError when there is none (on a grid of GRID_M and 5°).
    """
    free = _floor(room)
    near = (np.abs(free.x_m) <= within_m) & (np.abs(free.y_m) <= within_m)
    at = np.flatnonzero(free.reach & near & (free.clear_m >= wide_m / 2))
    for whole in (False, True) if at.size else ():
        if whole:
            pick, way_rad = np.repeat(at, 36), np.tile(np.arange(36) * np.pi / 36, len(at))
        else:
            pick, way_rad = rng.choice(at, 100), rng.uniform(0, np.pi, 100)
        reach = np.linspace(-0.5, 0.5, 9)[:, None] * max(long_m - wide_m, 0.0)
        x = free.x_m.flat[pick] + reach * np.cos(way_rad)
        y = free.y_m.flat[pick] + reach * np.sin(way_rad)
        good = np.flatnonzero(clearance(room, x, y).min(0) >= wide_m / 2 - 1e-9)
        if good.size:
            k = int(rng.choice(good))
            heading = float(way_rad[k]) - (np.pi if rng.random() < 0.5 else 0.0)
            return float(free.x_m.flat[pick[k]]), float(free.y_m.flat[pick[k]]), heading
    raise ValueError(f"no free strip of {long_m} x {wide_m} m within {within_m} m in {room.name}")


@lru_cache(maxsize=4096)
def beside(room: Room, zone: Zone) -> Point:
    """Where one stands to use a zone: the middle of its longest side that one can walk to.

    A zone that nobody can reach gives the free floor nearest to it.
    """
    free = _floor(room)
    step = BODY_M + GRID_M
    x0, y0, x1, y1 = zone.x0_m, zone.y0_m, zone.x1_m, zone.y1_m
    (mx, my), wide, deep = zone.middle, x1 - x0, y1 - y0
    sides = [(wide, mx, y0 - step), (wide, mx, y1 + step), (deep, x0 - step, my), (deep, x1 + step, my)]
    for length, x, y in sorted(sides, key=lambda s: (-round(s[0], 3), float(np.hypot(s[1], s[2])))):
        del length
        i = round(y / GRID_M + (free.reach.shape[0] - 1) / 2)
        j = round(x / GRID_M + (free.reach.shape[1] - 1) / 2)
        inside = 0 <= i < free.reach.shape[0] and 0 <= j < free.reach.shape[1]
        if inside and free.reach[i, j]:
            return float(x), float(y)
    away = np.hypot(
        np.maximum(np.maximum(x0 - free.x_m, free.x_m - x1), 0),
        np.maximum(np.maximum(y0 - free.y_m, free.y_m - y1), 0),
    )
    k = int(np.argmin(np.where(free.reach, away, np.inf)))
    return float(free.x_m.flat[k]), float(free.y_m.flat[k])


def way(room: Room, start: Point, end: Point) -> tuple[Point, ...]:
    """The corners of a short walk from `start` to `end` around the furniture, `end` included.

    Straight where nothing stands between. From or to a place inside furniture: by the nearest free floor.
    """
    boxes = obstacles(room)
    if _sees(boxes, np.array([start]), np.array([end]))[0]:
        return (end,)
    corners, roads = _corners(room)
    first = _sees(boxes, np.array([start]), corners)
    last = _sees(boxes, np.array([end]), corners)
    cost = np.where(first, np.hypot(*(corners - start).T), np.inf)
    to_end = np.where(last, np.hypot(*(corners - end).T), np.inf)
    total = cost[:, None] + roads.far_m + to_end[None, :]
    k = int(np.argmin(total))
    if not np.isfinite(total.flat[k]):
        return _narrow_way(room, start, end)
    a, b = divmod(k, len(corners))
    path = [b]
    while path[-1] != a:
        path.append(int(roads.before[a, path[-1]]))
    return (*((float(corners[c, 0]), float(corners[c, 1])) for c in reversed(path)), end)


def _narrow_way(room: Room, start: Point, end: Point) -> tuple[Point, ...]:
    """Through gaps that the corners of the furniture do not show: cell by cell, then pulled straight."""
    free = _floor(room)
    cells = np.flatnonzero(free.reach)
    at = np.stack([free.x_m.flat[cells], free.y_m.flat[cells]], -1)
    first, last = (int(np.argmin(np.hypot(*(at - p).T))) for p in (start, end))
    before = csgraph.dijkstra(_steps(room), indices=first, return_predecessors=True)[1]
    path = [last]
    while path[-1] != first and before[path[-1]] >= 0:
        path.append(int(before[path[-1]]))
    line = np.concatenate([[start], at[path[::-1]], [end]])
    boxes, corners, here = obstacles(room), [], 0
    while here < len(line) - 1:
        seen = _sees(boxes, line[here : here + 1], line[here + 1 :])
        blocked = np.flatnonzero(~seen)
        here += max(int(blocked[0]) if blocked.size else len(seen), 1)
        corners.append((float(line[here, 0]), float(line[here, 1])))
    return tuple(corners)


@lru_cache(maxsize=1024)
def _steps(room: Room) -> Any:
    """Sparse lengths of the steps between neighbouring free cells."""
    reach = _floor(room).reach
    number = np.where(reach, np.cumsum(reach).reshape(reach.shape) - 1, -1)
    rows, cols, far = [], [], []
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        a = number[: reach.shape[0] - dy, max(-dx, 0) : reach.shape[1] - max(dx, 0)]
        b = number[dy:, max(dx, 0) : reach.shape[1] - max(-dx, 0)]
        both = (a >= 0) & (b >= 0)
        rows.append(a[both])
        cols.append(b[both])
        far.append(np.full(int(both.sum()), np.hypot(dy, dx)))
    i, j, step = np.concatenate(rows), np.concatenate(cols), np.concatenate(far)
    count = int(reach.sum())
    return sparse.csr_array((np.tile(step, 2), (np.append(i, j), np.append(j, i))), shape=(count, count))


def open_to_walk(room: Room) -> bool:
    """Whether every door and zone can be reached, and somebody can fall within the narrowest view: a camera
    of 60° at 2.5 m sees 1.44 m to each side, so the middle of the strip lies within .8 m of its middle.
    """
    free = _floor(room)
    for door in room.doors:
        here = np.hypot(free.x_m - door.x_m, free.y_m - door.y_m)
        if not free.reach[here < 0.3].any():
            return False
    for x0, y0, x1, y1 in obstacles(room):
        away = np.hypot(
            np.maximum(np.maximum(x0 - free.x_m, free.x_m - x1), 0),
            np.maximum(np.maximum(y0 - free.y_m, free.y_m - y1), 0),
        )
        if away[free.reach].min() > BODY_M + 2 * GRID_M:
            return False
    try:
        free_strip(np.random.default_rng(0), room, within_m=0.8)
    except ValueError:
        return False
    return True


# --- maps of a room --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Floor:
    """Grid over a room, axes y and x."""

    x_m: F64
    y_m: F64
    clear_m: F64
    reach: Bools
    """Somebody who comes in by the first door can stand there."""


@dataclass(frozen=True, slots=True)
class _Roads:
    """Shortest ways between the corners of the furniture."""

    far_m: F64
    """(C, C)."""
    before: I64
    """(C, C) the corner before the last one."""


def _ticks(length_m: float) -> F64:
    """Steps of GRID_M around 0, so that a mirrored room has a mirrored map."""
    half = int(length_m / 2 / GRID_M)
    return np.asarray(np.arange(-half, half + 1) * GRID_M, np.float64)


@lru_cache(maxsize=4096)
def _floor(room: Room) -> _Floor:
    x, y = _ticks(room.width_m), _ticks(room.depth_m)
    gx, gy = np.meshgrid(x, y)
    clear = clearance(room, gx, gy)
    free = clear >= BODY_M
    for door in room.doors:  # one may stand in the frame of a door
        free |= (np.hypot(gx - door.x_m, gy - door.y_m) < DOOR_WIDE_M / 2) & (clear >= 0)
    area, _ = ndimage.label(free)
    if not room.doors:
        return _Floor(gx, gy, clear, np.asarray(free))
    door = room.doors[0]
    k = int(np.argmin(np.where(free, np.hypot(gx - door.x_m, gy - door.y_m), np.inf)))
    return _Floor(gx, gy, clear, np.asarray(area == area.flat[k]))


@lru_cache(maxsize=4096)
def _corners(room: Room) -> tuple[F64, _Roads]:
    boxes = obstacles(room)
    out = BODY_M + 0.01
    points = [p for x0, y0, x1, y1 in boxes for p in _corner_points((x0 - out, y0 - out, x1 + out, y1 + out))]
    at = np.array(points).reshape(-1, 2)
    at = at[clearance(room, at[:, 0], at[:, 1]) >= BODY_M * 0.8]
    count = len(at)
    far = np.full((count, count), np.inf)
    for k in range(count):
        far[k] = np.where(_sees(boxes, at[k : k + 1], at), np.hypot(*(at - at[k]).T), np.inf)
    before = np.repeat(np.arange(count)[:, None], count, 1)
    for k in range(count):  # Floyd and Warshall
        short = far[:, k, None] + far[None, k]
        better = short < far
        far = np.where(better, short, far)
        before = np.where(better, before[k][None, :], before)
    return at, _Roads(far, before)


def _corner_points(box: Box) -> tuple[Point, ...]:
    x0, y0, x1, y1 = box
    return ((x0, y0), (x0, y1), (x1, y0), (x1, y1))


def _sees(boxes: tuple[Box, ...], start: F64, end: F64) -> Bools:
    """(N,) whether somebody walking straight from `start` (1 or N, 2) to `end` (N, 2) meets no furniture.

    The ends may touch the margin around furniture: who gets up from a chair starts beside it.
    """
    share = np.linspace(0, 1, 41)[:, None, None]
    at = start[None] + share * (end - start)[None]
    free = np.ones(len(end), np.bool_)
    margin = BODY_M * 0.8
    for x0, y0, x1, y1 in boxes:
        dx = np.maximum(np.maximum(x0 - at[..., 0], at[..., 0] - x1), 0)
        dy = np.maximum(np.maximum(y0 - at[..., 1], at[..., 1] - y1), 0)
        near = np.hypot(dx, dy)
        limit = np.minimum(margin, np.minimum(near[0], near[-1]) + 1e-9)
        free &= (near >= np.minimum(limit, margin)).all(0)
    return free
