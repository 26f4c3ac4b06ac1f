"""What the cameras' views do to the belief where somebody is.

Takes the latest view of every camera; changes the state of the homes in which something has changed or a
second has passed, and of no other. Pets, warm seats and blankets deceive cameras: the other sensors of the
room say which views are believed. Never loops over homes.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors import belief
from detectors.belief import F64, Rooms
from detectors.fall import Posture
from detectors.layout import Rows
from detectors.positionstate import NEVER, PositionParams, PositionState
from detectors.signs import I64, Bools, accompany, ahead, anchored, occupied

UPRIGHT: Final = int(Posture.UPRIGHT)
LYING_ON_FURNITURE: Final = int(Posture.LYING_ON_FURNITURE)
HIDING: Final = np.isin(np.arange(len(Posture)), (Posture.SITTING, Posture.LYING, Posture.LYING_ON_FURNITURE))
"""By code of Posture: blankets and tables hide a body that sits or lies."""


def see(params: PositionParams, s: PositionState, now_ms: int) -> None:
    """Weigh what the cameras see now, of the homes where something has changed or a second has passed."""
    where = s.layout.camera_room
    fresh = (s.looked_ms != NEVER) & (now_ms - s.looked_ms <= params.fresh_s * 1000)
    somebody = fresh & (s.people > 0) & (s.seen_ms == s.looked_ms)
    sound = somebody & ~_belied(params, s, np.arange(len(where)), now_ms)
    elsewhere = np.bincount(s.layout.camera_home, sound, s.layout.homes)[s.layout.camera_home] > 0
    hidden = HIDING[s.posture] | (~s.moves & ~elsewhere)  # who stood still when they were lost has not left
    hidden &= (s.seen_ms != NEVER) & (s.room[where] >= 0.5)
    hidden |= occupied(s, where)
    says = np.where(somebody, 1, np.where(fresh & ~s.sick & ~hidden, -1, 0)).astype(np.int8)
    flip = says != s.folded
    due = s.fresh_look & (flip | (now_ms - s.folded_ms >= params.look_s * 1000))
    if not due.any():
        return
    chosen = np.zeros(s.layout.homes, np.bool_)
    chosen[s.layout.camera_home[due]] = True
    home = np.flatnonzero(chosen)
    cam = np.flatnonzero(chosen[s.layout.camera_home])
    now = np.full(len(home), now_ms, np.int64)
    rooms = s.spans.every if len(home) == s.layout.homes else s.spans.rooms(home)
    then = ahead(params, s, rooms, home, now)
    waited_s = np.where(s.folded_ms[cam] == NEVER, 0, now_ms - s.folded_ms[cam]) / 1000.0
    dt_s = np.minimum(np.maximum(waited_s, 0.0), params.most_s)
    no = says[cam] < 0
    place = np.full(s.layout.rooms, -1, np.intp)
    place[rooms.row] = np.arange(len(rooms.row))
    mine = place[where[cam]]
    of = rooms.of[mine]
    s.flip_ms[cam[flip[cam]]] = now_ms
    believed = sound[cam]
    seen = np.bincount(mine, believed, len(rooms.row)) > 0
    rivals = (rooms.total(seen) > 1)[of]
    visited = rivals & (s.visit_ms[home] != NEVER)[of]
    fade = np.exp((s.flip_ms[cam] - now_ms) / 1000.0 / params.steady_s)
    still = params.still_per_s * fade
    walks = np.where(rivals, still + params.rival_per_s * ~visited, params.seen_per_s)
    steady = np.where(s.moves[cam], walks, still)
    comes = flip[cam] * ~visited
    weight = np.where(believed, (steady * dt_s + comes * np.log(params.seen_odds)) * s.sureness[cam], 0.0)
    weight *= anchored(params, s, home, rooms, then.room, now)[mine]
    weight -= np.where(no, params.gone_per_s * fade * dt_s + flip[cam] * np.log(params.gone_odds), 0.0)
    like = np.exp(np.minimum(np.maximum(np.bincount(mine, weight, len(rooms.row)), -30.0), 30.0))
    inside = np.bincount(of, believed * (steady * dt_s + flip[cam]), len(home)).astype(np.float64, copy=False)
    s.room[rooms.row] = belief.weighed(rooms, then.room, like, params.least)
    s.out[home], s.at_ms[home] = belief.shifted(then.out, -inside), np.maximum(s.at_ms[home], now)
    _note(params, s, cam, says, believed, now_ms)
    _count(params, s, rooms, home, cam, mine, believed, dt_s, now)
    s.folded[cam], s.folded_ms[cam], s.fresh_look[cam] = says[cam], now_ms, False


def _belied(params: PositionParams, s: PositionState, cam: Rows, now_ms: int) -> Bools:
    """Which cameras see what no other sensor of the room notices, so that it is a pet or a warm thing. The
    motion sensor, which pets do not set off, was silent while it walked in and a while after, or it never
    walked in at all: nobody appears sitting. Or radar says empty, or a bed that somebody seems to lie in: it
    is still warm. Never where a bed or a chair is sat on, or radar says that somebody is there.
    """
    row = s.layout.camera_room[cam]
    settled = now_ms - s.arrived_ms[cam] > params.arrive_s * 1000
    unmoved = s.has_pir[row] & ((s.body_ms[row] == NEVER) | (now_ms - s.body_ms[row] > params.pet_s * 1000))
    radar_empty = s.presence[row] == 0
    unmoved &= (settled | ~s.moves[cam] | radar_empty) & ~occupied(s, row)
    warm = (s.posture[cam] == LYING_ON_FURNITURE) & (s.bed[row] == 0)
    return np.asarray(unmoved | warm | (settled & radar_empty))


def _note(  # noqa: PLR0917  (one argument for each array of `see`)
    params: PositionParams,
    s: PositionState,
    cam: Rows,
    says: NDArray[np.int8],
    believed: Bools,
    now_ms: int,
) -> None:
    """What the rooms' cameras say, and when somebody was noticed, inside and stirring. What has not moved for
    `warm_s` may be a warm seat or a cat asleep: it holds nobody.
    """
    row = s.layout.camera_room[cam]
    seen = cam[says[cam] > 0]
    np.maximum.at(s.noticed_ms, s.layout.camera_room[seen], s.seen_ms[seen])
    up = cam[believed & (s.moves[cam] | (s.posture[cam] == UPRIGHT))]
    s.lively_ms[up] = s.seen_ms[up]
    np.maximum.at(s.inside_ms, s.layout.camera_home[up], s.seen_ms[up])
    np.maximum.at(s.stir_ms, s.layout.camera_home[up], s.seen_ms[up])
    alive = (s.lively_ms[cam] != NEVER) & (now_ms - s.lively_ms[cam] <= params.warm_s * 1000)
    told = np.where(s.moves[cam] & believed, 2, alive & believed)
    view = np.where(says[cam] > 0, told, says[cam])
    s.view[row] = -1
    s.view[row[view == 0]] = 0
    np.maximum.at(s.view, row, view.astype(np.int8))
    s.view_ms[row] = now_ms
    s.sees[row] = False
    s.sees[row[believed]] = True


def _count(  # noqa: PLR0917  (one argument for each array of `see`)
    params: PositionParams,
    s: PositionState,
    rooms: Rooms,
    home: Rows,
    cam: Rows,
    mine: Rows,
    yes: Bools,
    dt_s: F64,
    now: I64,
) -> None:
    """Upright bodies in two rooms at once, or two in one, are a second person's sign. One who sits while
    another walks is none: a seat stays warm for minutes.
    """
    bodies = np.zeros(len(rooms.row))
    counts = yes & (now[0] - s.since_ms[cam] >= 2000) & ((s.posture[cam] == UPRIGHT) | (s.people[cam] > 1))
    np.maximum.at(bodies, mine, np.where(counts, s.people[cam], 0))
    several = rooms.total(bodies) >= 2
    spent = np.zeros(len(home))
    np.maximum.at(spent, rooms.of[mine], dt_s)
    accompany(params, s, home, now, several * spent * params.together_per_s)
