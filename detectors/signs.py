"""What each sign of somebody does to the belief where they are: events of sensors, and views of cameras.

Takes events in order of arrival and the latest views; changes the state of the homes that they touch, and of
no other. A layer holds at most one event of a home, so that nothing loops over homes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors import belief
from detectors.belief import F64, Rooms
from detectors.layout import Events, Rows, SensorKind
from detectors.positionstate import NEVER, PositionParams, PositionState

I64 = NDArray[np.int64]
Bools = NDArray[np.bool_]
DAY_S: Final = 86_400.0
OUT_MOST: Final = 0.999
"""Nobody is out for certain."""
HANDS: Final = (
    SensorKind.DOOR,
    SensorKind.APPLIANCE_DOOR,
    SensorKind.BED,
    SensorKind.CHAIR,
    SensorKind.PRESENCE,
    SensorKind.BUTTON,
    SensorKind.CANCEL,
)
"""Events of these are somebody's doing, in that room; a motion sensor also sees into the next one."""
STATES: Final = {SensorKind.BED: "bed", SensorKind.CHAIR: "chair", SensorKind.PRESENCE: "presence"}
SWITCHED_W: Final = 5.0
"""A plug that changes by less has not been switched: standby and thermostats wander by a few watts."""
HIDING: Final = (2, 3, 4)
"""Codes of fall.Posture in which blankets and tables hide a body: sitting, lying, lying on furniture."""
UPRIGHT: Final = 1
"""Code of fall.Posture."""


def ahead(params: PositionParams, state: PositionState, home: Rows, now_ms: I64) -> tuple[Rooms, F64, F64]:
    """Give the rooms of these homes, their chances (M,) and those of being out (N,) at `now_ms` (N,)."""
    s, rooms = state, state.spans.rooms(home)
    row, at = rooms.row, s.at_ms[home]
    dt_s = np.where(at == NEVER, 0.0, np.maximum(now_ms - at, 0) / 1000.0)
    stay_s, draw = np.array(params.stay_s), np.array(params.draw)
    kind = s.layout.room_kind[row]
    held, shut = held_or_shut(params, s, row, now_ms[rooms.of])
    rate = np.where(held, params.held_share, 1.0) / stay_s[kind]
    gone = -np.expm1(-dt_s[rooms.of] * rate)
    room = belief.moved_on(rooms, s.room[row], gone, draw[kind] * np.where(shut, params.shut_share, 1.0))
    hush = np.where(s.has_pir[row] & ~held, np.array(params.hush_per_min)[kind], 0.0) * dt_s[rooms.of] / 60.0
    room = belief.weighed(rooms, room, np.exp(-np.minimum(hush, 30.0)), params.least)
    days = np.where(s.has_way_out[home], params.missed_per_day, params.no_door_per_day)
    out = s.out[home] + (1.0 - s.out[home]) * -np.expm1(-dt_s * days / DAY_S)
    inside = rooms.total(held.astype(np.float64)) > 0
    quiet = _quiet(params, s, home, inside, now_ms) - _quiet(params, s, home, inside, at)
    return rooms, room, np.minimum(belief.shifted(out, np.maximum(quiet, 0.0)), OUT_MOST)


def held_or_shut(params: PositionParams, s: PositionState, row: Rows, now_ms: I64) -> tuple[Bools, Bools]:
    """Of these rooms, in which a bed, chair, radar or camera tells of somebody now, and which are empty."""
    looks = (s.view_ms[row] != NEVER) & (now_ms - s.view_ms[row] <= params.fresh_s * 1000)
    held = (looks & (s.view[row] > 0)) | (s.bed[row] == 1) | (s.chair[row] == 1) | (s.presence[row] == 1)
    return held, ~held & ((looks & (s.view[row] == -1)) | (s.presence[row] == 0))


def _quiet(params: PositionParams, s: PositionState, home: Rows, held: Bools, at_ms: I64) -> F64:
    """Log-odds that silence after an outside door has given for being out by `at_ms`; none while a bed, a
    chair, radar or a camera holds somebody inside.
    """
    way, inside = s.way_out_ms[home], s.inside_ms[home]
    counts = ~held & (way != NEVER) & (inside <= way + int(params.door_s * 1000))
    since = np.maximum(way, inside)
    return np.where(
        counts, np.clip((at_ms - since) / 1000.0 / params.quiet_tau_s, 0.0, params.quiet_most), 0.0
    )


def _settle(  # noqa: PLR0917  (what `ahead` gave)
    s: PositionState, home: Rows, now_ms: I64, rooms: Rooms, room: F64, out: F64
) -> None:
    s.room[rooms.row], s.out[home], s.at_ms[home] = room, out, np.maximum(s.at_ms[home], now_ms)


# --- events ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Layer:
    """At most one event of a home."""

    home: Rows
    room: Rows
    kind: NDArray[np.int8]
    value: F64
    before: F64
    t_ms: I64
    life: Bools
    way_out: Bools

    def where(self, keep: Bools) -> "_Layer":
        """Give only these."""
        return _Layer(
            *(
                getattr(self, name)[keep]
                for name in ("home", "room", "kind", "value", "before", "t_ms", "life", "way_out")
            )
        )


def hear(params: PositionParams, state: PositionState, heard: Events) -> None:
    """Weigh events, those of one home one after the other."""
    for layer in _layers(state, heard):
        _weigh(params, state, layer)


def _layers(state: PositionState, heard: Events) -> Iterator[_Layer]:
    kind = state.layout.sensor_kind[heard.sensor]
    tells = np.isin(kind, (*HANDS, SensorKind.PIR, SensorKind.PLUG)) & ~np.isnan(heard.value)
    at = np.flatnonzero(tells)
    home = state.layout.sensor_home[heard.sensor[at]]
    order = np.argsort(home, kind="stable")
    first = np.concatenate([[True], np.diff(home[order]) != 0]) if len(at) else np.zeros(0, np.bool_)
    start = np.maximum.accumulate(np.where(first, np.arange(len(at)), 0))
    nth = np.empty(len(at), np.intp)
    nth[order] = np.arange(len(at)) - start
    for k in range(int(nth.max(initial=-1)) + 1):
        e = at[nth == k]
        sensor = heard.sensor[e]
        before = state.value[sensor]
        state.value[sensor] = heard.value[e]
        yield _Layer(
            state.layout.sensor_home[sensor],
            state.layout.sensor_room[sensor],
            state.layout.sensor_kind[sensor],
            heard.value[e],
            before,
            heard.t_ms[e],
            heard.life[e],
            state.layout.outside[sensor],
        )


def _remember(params: PositionParams, s: PositionState, e: _Layer) -> None:
    """Who might have come in, what is held, and the deeds that no pet does."""
    maybe = (e.way_out & (e.value > 0)) | (s.doubt_ms[e.home] == NEVER)  # who was in before, nobody knows
    s.doubt_ms[e.home[maybe]] = e.t_ms[maybe]
    for kind, name in STATES.items():
        of = e.kind == kind
        getattr(s, name)[e.room[of]] = e.value[of] > 0
    lies = e.where(
        np.isin(e.kind, (SensorKind.BED, SensorKind.CHAIR)) & (e.value > 0) & (e.before != e.value)
    )
    s.rest_ms[lies.room] = lies.t_ms
    opened = (e.kind == SensorKind.APPLIANCE_DOOR) | (e.kind == SensorKind.BED)
    opened |= (e.kind == SensorKind.DOOR) & ~e.way_out
    deed = e.where(opened & e.life & (e.value == 1))
    anew = deed.t_ms - s.hand_ms[deed.room] >= params.apart_s * 1000
    s.hand_before_ms[deed.room[anew]] = s.hand_ms[deed.room[anew]]
    s.hand_ms[deed.room] = deed.t_ms
    moved = e.where((e.kind == SensorKind.PIR) & e.life)
    s.body_ms[moved.room] = moved.t_ms


def _weigh(params: PositionParams, s: PositionState, e: _Layer) -> None:
    """Move the touched homes on, ask who came or went, weigh the rooms."""
    switched = (e.kind == SensorKind.PLUG) & (np.abs(e.value - e.before) > SWITCHED_W)
    empty = (e.kind == SensorKind.PRESENCE) & (e.value == 0) & e.life
    first = np.isin(e.kind, list(STATES)) & (e.value == 1) & ~e.life  # a first report of state, or a repeat
    keep = e.life | switched | (first & (e.before != 1))
    rooms, room, out = ahead(params, s, e.home[keep], e.t_ms[keep])
    _settle(s, e.home[keep], e.t_ms[keep], rooms, room, out)
    _remember(params, s, e)
    e, switched, empty = e.where(keep), switched[keep], empty[keep]
    sign = ~empty & ~switched & ~e.way_out
    _door(params, s, e.where(e.way_out))
    _company(params, s, e.where(sign))
    _inside(params, s, e.where(sign))
    power = np.where(_anchored(params, s, e, rooms, room), params.anchor_power, 1.0)
    walks = (np.where(empty | switched, 0.0, params.walk_share) * power)[rooms.of]
    room = belief.moved_on(rooms, room, walks, np.array(params.draw)[s.layout.room_kind[rooms.row]])
    mine = rooms.row == e.room[rooms.of]
    moved = (e.kind == SensorKind.PIR)[rooms.of]
    near = s.hub[rooms.row] | s.hub[e.room][rooms.of]
    other = np.where(near, params.pir_near, params.pir_far)
    other = np.where(moved, other, 1.0 / params.hands_odds)
    other = np.where(switched[rooms.of], 1.0 / params.plug_odds, other)
    like = np.where(mine, 1.0, other)
    like = np.where(empty[rooms.of], np.where(mine, 1.0 / params.empty_odds, 1.0), like)
    s.room[rooms.row] = belief.weighed(rooms, room, like ** power[rooms.of], params.least)
    told = e.where(~empty & ~switched)
    s.noticed_ms[told.room] = told.t_ms


def _anchored(params: PositionParams, s: PositionState, e: _Layer, rooms: Rooms, room: F64) -> Bools:
    """Whether something holds the resident in another room than that of the event, so that it may well be
    somebody else's: a bed or a chair, or, when somebody may have come in, a camera.
    """
    t, row = e.t_ms[rooms.of], rooms.row
    rests = ((s.bed[row] == 1) | (s.chair[row] == 1)) & (t - s.rest_ms[row] >= params.rest_s * 1000)
    doubt = (t - s.doubt_ms[e.home][rooms.of] <= params.alone_s * 1000) & s.has_way_out[e.home][rooms.of]
    seen = s.sees[row] & (t - s.view_ms[row] <= params.fresh_s * 1000) & doubt
    return np.asarray(rooms.total(room * ((rests | seen) & (row != e.room[rooms.of]))) >= 0.5)


def _door(params: PositionParams, s: PositionState, e: _Layer) -> None:
    """An outside door: somebody may go, or come home; what came of it is learnt when it shows."""
    h, t = e.home, e.t_ms
    s.doubt_ms[h] = t
    anew = (s.way_out_ms[h] == NEVER) | (t - s.way_out_ms[h] > params.use_s * 1000)
    g = h[anew]
    went = ~s.judged[g]  # nothing was heard inside until they came back
    s.uses[g[went]] += 1.0
    s.leavings[g[went]] += 1.0
    s.judged[g] = s.out[g] > 0.5  # who comes home does not tell how often they leave by it
    goes = (s.leavings[g] + params.leave_prior * params.leave_uses) / (s.uses[g] + params.leave_uses)
    s.out[g] = s.out[g] * params.stay_out + (1.0 - s.out[g]) * goes
    s.use_ms[g] = t[anew]
    s.way_out_ms[h] = t


def _inside(params: PositionParams, s: PositionState, e: _Layer) -> None:
    """A sign from inside: they are at home, unless they are just going out of the door."""
    h, t = e.home, e.t_ms
    door_ms = int(params.door_s * 1000)
    going = (s.way_out_ms[h] != NEVER) & (t - s.way_out_ms[h] <= door_ms)
    odds = np.log(np.where(going, params.door_odds, params.life_odds))
    s.out[h] = belief.shifted(s.out[h], -odds)
    tells = h[~s.judged[h] & ~going]
    s.uses[tells] += 1.0
    s.leavings[tells] += t[~s.judged[h] & ~going] - s.way_out_ms[tells] > params.went_s * 1000
    s.judged[tells] = True
    s.inside_ms[h] = np.maximum(s.inside_ms[h], t)
    s.stir_ms[h] = np.maximum(s.stir_ms[h], t)


def _company(params: PositionParams, s: PositionState, e: _Layer) -> None:
    """Two signs that one body cannot give: far apart within a moment, or here while it walks, sits or lies
    elsewhere.
    """
    h, t = e.home, e.t_ms
    moved = e.kind == SensorKind.PIR
    before, there = s.moved_ms[h], s.moved_room[h]
    last = s.spans.first[h] + np.maximum(there, 0)
    far = (before != NEVER) & (last != e.room) & ~s.hub[last] & ~s.hub[e.room]
    twice = moved & far & (t - before <= params.pair_s * 1000)
    s.moved_ms[h[moved]], s.moved_room[h[moved]] = t[moved], (e.room - s.spans.first[h])[moved]
    rooms = s.spans.rooms(h)
    seen = (s.view[rooms.row] == 2) & (t[rooms.of] - s.view_ms[rooms.row] <= params.pair_s * 1000)
    rests = (s.bed[rooms.row] == 1) | (s.chair[rooms.row] == 1)
    seen |= rests & (t[rooms.of] - s.rest_ms[rooms.row] >= params.rest_s * 1000)
    seen &= (rooms.row != e.room[rooms.of]) & ~s.hub[rooms.row] & ~s.hub[e.room][rooms.of]
    accompany(params, s, h, t, (twice | (rooms.total(seen.astype(np.float64)) > 0)).astype(np.float64))


def accompany(params: PositionParams, s: PositionState, home: Rows, t_ms: I64, more: F64) -> None:
    """Take in signs of a second person, as many as `more` says; old ones fade."""
    age_s = np.where(s.company_ms[home] == NEVER, 0, t_ms - s.company_ms[home]) / 1000.0
    faded = s.company[home] * np.exp(-np.maximum(age_s, 0) / params.company_tau_s)
    s.company[home] = np.minimum(faded + more, params.company_most)
    s.company_ms[home] = t_ms
    s.doubt_ms[home[more > 0]] = t_ms[more > 0]
    comes = (s.visit_ms[home] == NEVER) & (s.company[home] >= params.company_sure)
    s.visit_ms[home[comes]] = t_ms[comes]
    s.visit_ms[home[s.company[home] < params.company_over]] = NEVER


# --- views -------------------------------------------------------------------------------------------


def see(params: PositionParams, s: PositionState, now_ms: int) -> None:
    """Weigh what the cameras see now, of the homes where something has changed or a second has passed."""
    where = s.layout.camera_room
    fresh = (s.looked_ms != NEVER) & (now_ms - s.looked_ms <= params.fresh_s * 1000)
    somebody = fresh & (s.people > 0) & (s.seen_ms == s.looked_ms)
    hidden = np.isin(s.posture, HIDING) & (s.seen_ms != NEVER) & (s.room[where] >= 0.5)
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
    rooms, room, out = ahead(params, s, home, now)
    dt_s = np.clip(
        np.where(s.folded_ms[cam] == NEVER, 0, now_ms - s.folded_ms[cam]) / 1000.0, 0.0, params.most_s
    )
    yes, no = says[cam] > 0, says[cam] < 0
    place = np.full(s.layout.rooms, -1, np.intp)
    place[rooms.row] = np.arange(len(rooms.row))
    mine = place[where[cam]]
    of = rooms.of[mine]
    s.flip_ms[cam[flip[cam]]] = now_ms
    believed = yes & ~_belied(params, s, cam, now_ms)
    seen = np.bincount(mine, believed, len(rooms.row)) > 0
    rivals = (rooms.total(seen.astype(np.float64)) > 1)[of]
    visited = rivals & (s.visit_ms[home] != NEVER)[of]
    fade = np.exp((s.flip_ms[cam] - now_ms) / 1000.0 / params.steady_s)
    still = params.still_per_s * fade
    walks = np.where(rivals, still + params.rival_per_s * ~visited, params.seen_per_s)
    steady = np.where(s.moves[cam], walks, still)
    comes = flip[cam] * ~visited
    weight = np.where(believed, (steady * dt_s + comes * np.log(params.seen_odds)) * s.sureness[cam], 0.0)
    weight -= np.where(no, params.gone_per_s * fade * dt_s + flip[cam] * np.log(params.gone_odds), 0.0)
    like = np.exp(np.clip(np.bincount(mine, weight, len(rooms.row)), -30.0, 30.0))
    room = belief.weighed(rooms, room, like, params.least)
    inside = np.bincount(of, believed * (steady * dt_s + flip[cam]), len(home)).astype(np.float64)
    _settle(s, home, now, rooms, room, belief.shifted(out, -inside))
    _note(params, s, cam, says, believed, now_ms)
    _count(params, s, rooms, home, cam, mine, believed, dt_s, now)
    s.folded[cam], s.folded_ms[cam], s.fresh_look[cam] = says[cam], now_ms, False


def _belied(params: PositionParams, s: PositionState, cam: Rows, now_ms: int) -> Bools:
    """Which cameras see what no other sensor of the room notices, though it has been there for a while: radar
    says empty, or the motion sensor, which pets do not set off, is silent.
    """
    row = s.layout.camera_room[cam]
    settled = now_ms - s.arrived_ms[cam] > params.arrive_s * 1000
    unmoved = s.has_pir[row] & ((s.body_ms[row] == NEVER) | (now_ms - s.body_ms[row] > params.pet_s * 1000))
    return np.asarray(settled & (unmoved | (s.presence[row] == 0)))


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
    s.sees[s.layout.camera_room[seen]] = True


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
