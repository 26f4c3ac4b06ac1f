"""What each event of a sensor does to the belief where somebody is, and what time does.

Takes events in order of arrival; changes the state of the homes that they touch, and of no other. Cameras:
`views`. A layer holds at most one event of a home, so that nothing loops over homes.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors import belief
from detectors.belief import F64, Rooms, table
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
)
"""Events of these are somebody's doing, in that room; a motion sensor also sees into the next one."""
CARRIED: Final = (SensorKind.BUTTON, SensorKind.CANCEL)
"""Of these, too, but wherever somebody carries them: whoever has fallen presses the button on their wrist."""
STATES: Final = {SensorKind.BED: "bed", SensorKind.CHAIR: "chair", SensorKind.PRESENCE: "presence"}
PIR: Final = int(SensorKind.PIR)
DOOR: Final = int(SensorKind.DOOR)
APPLIANCE_DOOR: Final = int(SensorKind.APPLIANCE_DOOR)
BED: Final = int(SensorKind.BED)
PRESENCE: Final = int(SensorKind.PRESENCE)
PLUG: Final = int(SensorKind.PLUG)
"""Codes of layout.SensorKind as plain numbers: an enum costs as much to look up as a step on small arrays."""
SWITCHED_W: Final = 5.0
"""A plug that changes by less has not been switched: standby and thermostats wander by a few watts."""


def _among(kinds: Iterable[SensorKind]) -> Bools:
    out = np.zeros(len(SensorKind), np.bool_)
    out[list(kinds)] = True
    return out


TELLS: Final = _among((*HANDS, *CARRIED, SensorKind.PIR, SensorKind.PLUG))
ANYWHERE: Final = _among(CARRIED)
HELD_STATES: Final = _among(STATES)
RESTS: Final = _among((SensorKind.BED, SensorKind.CHAIR))
"""By code of SensorKind."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """What is believed at a later moment of N homes with M rooms."""

    room: F64
    """(M,) chances."""
    out: F64
    """(N,)"""
    shut: Bools
    """(M,) as in `held_or_shut`."""


def ahead(params: PositionParams, state: PositionState, rooms: Rooms, home: Rows, now_ms: I64) -> Ahead:
    """Move these homes (N,) with their `rooms` on to `now_ms` (N,)."""
    s, row, at = state, rooms.row, state.at_ms[home]
    dt_s = np.where(at == NEVER, 0.0, np.maximum(now_ms - at, 0) / 1000.0)
    kind, dt_room_s = s.layout.room_kind[row], dt_s[rooms.of]
    held, shut = held_or_shut(params, s, row, now_ms[rooms.of])
    rate = np.where(held, params.held_share, 1.0) / table(params.stay_s)[kind]
    gone = -np.expm1(-dt_room_s * rate)
    draw = table(params.draw)[kind] * np.where(shut, params.shut_share, 1.0)
    room = belief.moved_on(rooms, s.room[row], gone, draw)
    hush = np.where(s.has_pir[row] & ~held, table(params.hush_per_min)[kind], 0.0) * dt_room_s / 60.0
    room = belief.weighed(rooms, room, np.exp(-np.minimum(hush, 30.0)), params.least)
    days = np.where(s.has_way_out[home], params.missed_per_day, params.no_door_per_day)
    out = s.out[home] + (1.0 - s.out[home]) * -np.expm1(-dt_s * days / DAY_S)
    inside = rooms.total(held) > 0
    quiet = _quiet(params, s, home, inside, now_ms) - _quiet(params, s, home, inside, at)
    return Ahead(room, np.minimum(belief.shifted(out, np.maximum(quiet, 0.0)), OUT_MOST), shut)


def held_or_shut(params: PositionParams, s: PositionState, row: Rows, now_ms: I64) -> tuple[Bools, Bools]:
    """Of these rooms, in which a bed, chair, radar or camera tells of somebody now, and which are empty."""
    looks = (s.view_ms[row] != NEVER) & (now_ms - s.view_ms[row] <= params.fresh_s * 1000)
    held = (looks & (s.view[row] > 0)) | occupied(s, row)
    return held, ~held & ((looks & (s.view[row] == -1)) | (s.presence[row] == 0))


def occupied(s: PositionState, row: Rows) -> Bools:
    """Of these rooms, in which a bed, a chair or radar says that somebody is there."""
    return np.asarray((s.bed[row] == 1) | (s.chair[row] == 1) | (s.presence[row] == 1))


def resting(params: PositionParams, s: PositionState, row: Rows, now_ms: I64 | int) -> Bools:
    """Of these rooms, in which somebody has been lying or sitting for a while."""
    rests = (s.bed[row] == 1) | (s.chair[row] == 1)
    return np.asarray(rests & (now_ms - s.rest_ms[row] >= params.rest_s * 1000))


def guested(params: PositionParams, s: PositionState, home: Rows, now_ms: I64) -> Bools:
    """Of these homes, in which somebody else may well be: the outside door has been used, or a second person
    shows.
    """
    lately = (s.way_out_ms[home] != NEVER) & (now_ms - s.way_out_ms[home] <= params.alone_s * 1000)
    return np.asarray(s.has_way_out[home] & (lately | (s.visit_ms[home] != NEVER)))


def anchored(  # noqa: PLR0917  (what is known of the rooms)
    params: PositionParams, s: PositionState, home: Rows, rooms: Rooms, room: F64, now_ms: I64
) -> F64:
    """(M,) how loud a sign from each room speaks about the resident, 1 = as ever, where they probably rest in
    another one: it may well be somebody else's. Nothing, while somebody may be in who came after the resident
    had lain or sat down: nobody leaves their bed because a visitor walks about. Visitors take chairs, but no
    beds; so for a bed any doubt is enough.
    """
    row, of = rooms.row, rooms.of
    holds = room * resting(params, s, row, now_ms[of])
    doubt = (now_ms - s.doubt_ms[home] <= params.alone_s * 1000) & s.has_way_out[home]
    before = (s.rest_ms[row] < s.way_out_ms[home][of]) & guested(params, s, home, now_ms)[of]
    theirs = holds * (((s.bed[row] == 1) & doubt[of]) | before)
    firmly = rooms.total(theirs)[of] - theirs >= 0.5
    return np.where(firmly, 0.0, np.where(rooms.total(holds)[of] - holds >= 0.5, params.anchor_power, 1.0))


def _quiet(params: PositionParams, s: PositionState, home: Rows, held: Bools, at_ms: I64) -> F64:
    """Log-odds that silence after an outside door has given for being out by `at_ms`; none while a bed, a
    chair, radar or a camera holds somebody inside.
    """
    way, inside = s.way_out_ms[home], s.inside_ms[home]
    counts = ~held & (way != NEVER) & (inside <= way + int(params.door_s * 1000))
    since = np.maximum(way, inside)
    nats = np.minimum(np.maximum((at_ms - since) / 1000.0 / params.quiet_tau_s, 0.0), params.quiet_most)
    return np.where(counts, nats, 0.0)


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
        if keep.all():
            return self
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
    at = np.flatnonzero(TELLS[kind] & ~np.isnan(heard.value))
    if not len(at):
        return
    home = state.layout.sensor_home[heard.sensor[at]]
    order = np.argsort(home, kind="stable")
    first = np.concatenate([[True], np.diff(home[order]) != 0])
    start = np.maximum.accumulate(np.where(first, np.arange(len(at)), 0))
    nth = np.empty(len(at), np.intp)
    nth[order] = np.arange(len(at)) - start
    for k in range(int(nth.max()) + 1):
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
    if HELD_STATES[e.kind].any():
        for kind, name in STATES.items():
            of = e.kind == kind
            getattr(s, name)[e.room[of]] = e.value[of] > 0
    lies = RESTS[e.kind] & (e.value > 0) & (e.before != e.value)
    s.rest_ms[e.room[lies]] = e.t_ms[lies]
    opened = (e.kind == APPLIANCE_DOOR) | (e.kind == BED) | ((e.kind == DOOR) & ~e.way_out)
    deed = opened & e.life & (e.value == 1)
    room, t_ms = e.room[deed], e.t_ms[deed]
    anew = t_ms - s.hand_ms[room] >= params.apart_s * 1000
    s.hand_before_ms[room[anew]] = s.hand_ms[room[anew]]
    s.hand_ms[room] = t_ms
    moved = (e.kind == PIR) & e.life
    s.body_ms[e.room[moved]] = e.t_ms[moved]


def _weigh(params: PositionParams, s: PositionState, e: _Layer) -> None:
    """Move the touched homes on, ask who came or went, weigh the rooms."""
    switched = (e.kind == PLUG) & (np.abs(e.value - e.before) > SWITCHED_W)
    empty = (e.kind == PRESENCE) & (e.value == 0) & e.life
    first = HELD_STATES[e.kind] & (e.value == 1) & ~e.life  # a first report of state, or a repeat
    keep = e.life | switched | (first & (e.before != 1))
    home, t_ms = e.home[keep], e.t_ms[keep]
    rooms = s.spans.rooms(home)
    then = ahead(params, s, rooms, home, t_ms)
    room = then.room
    s.room[rooms.row], s.out[home], s.at_ms[home] = room, then.out, np.maximum(s.at_ms[home], t_ms)
    _remember(params, s, e)
    if not len(home):
        return
    e, switched, empty = e.where(keep), switched[keep], empty[keep]
    carried = ANYWHERE[e.kind]
    sign = ~empty & ~switched & ~e.way_out
    if e.way_out.any():
        _door(params, s, e.where(e.way_out))
    if sign.any():
        _company(params, s, e.where(sign & ~carried))
        _inside(params, s, e.where(sign))
    power = _power(params, s, e, rooms, room)
    walks = (np.where(empty | switched | carried, 0.0, params.walk_share) * power)[rooms.of]
    room = belief.moved_on(rooms, room, walks, table(params.draw)[s.layout.room_kind[rooms.row]])
    mine = rooms.row == e.room[rooms.of]
    moved = (e.kind == PIR)[rooms.of]
    near = s.hub[rooms.row] | s.hub[e.room][rooms.of]
    other = np.where(near, params.pir_near, params.pir_far)
    other = np.where(moved, other, 1.0 / params.hands_odds)
    other = np.where(switched[rooms.of], 1.0 / params.plug_odds, other)
    other = np.where(e.way_out[rooms.of], 1.0 / params.way_out_odds, other)
    like = np.where(mine, 1.0, other)
    like = np.where(empty[rooms.of], np.where(mine, 1.0 / params.empty_odds, 1.0), like)
    like = np.where(carried[rooms.of], 1.0, like)
    s.room[rooms.row] = belief.weighed(rooms, room, like ** power[rooms.of], params.least)
    told = e.where(~empty & ~switched & ~carried)
    s.noticed_ms[told.room] = told.t_ms


def _power(params: PositionParams, s: PositionState, e: _Layer, rooms: Rooms, room: F64) -> F64:
    """(N,) how loud each event speaks: see `anchored`. When somebody may have come in, a camera holds, too,
    but less: visitors and residents are bodies alike.
    """
    t, row = e.t_ms[rooms.of], rooms.row
    away = row != e.room[rooms.of]
    power = anchored(params, s, e.home, rooms, room, e.t_ms)[~away]
    seen = s.sees[row] & (t - s.view_ms[row] <= params.fresh_s * 1000) & away
    holds = (rooms.total(room * seen) >= 0.5) & guested(params, s, e.home, e.t_ms)
    power = np.minimum(power, np.where(holds, params.anchor_power, 1.0))
    return np.where((e.kind == BED) & (e.value > 0), 1.0, power)  # nobody else lies down in their bed


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
    moved = e.kind == PIR
    before, there = s.moved_ms[h], s.moved_room[h]
    last = s.spans.first[h] + np.maximum(there, 0)
    far = (before != NEVER) & (last != e.room) & ~s.hub[last] & ~s.hub[e.room]
    twice = moved & far & (t - before <= params.pair_s * 1000)
    s.moved_ms[h[moved]], s.moved_room[h[moved]] = t[moved], (e.room - s.spans.first[h])[moved]
    rooms = s.spans.rooms(h)
    seen = (s.view[rooms.row] == 2) & (t[rooms.of] - s.view_ms[rooms.row] <= params.pair_s * 1000)
    seen |= resting(params, s, rooms.row, t[rooms.of])
    seen &= (rooms.row != e.room[rooms.of]) & ~s.hub[rooms.row] & ~s.hub[e.room][rooms.of]
    accompany(params, s, h, t, (twice | (rooms.total(seen) > 0)).astype(np.float64))


def company(params: PositionParams, s: PositionState, home: Rows, t_ms: I64 | int) -> F64:
    """(N,) signs of a second person in these homes, faded by `t_ms`."""
    age_s = np.where(s.company_ms[home] == NEVER, 0, t_ms - s.company_ms[home]) / 1000.0
    return np.asarray(s.company[home] * np.exp(-np.maximum(age_s, 0) / params.company_tau_s))


def accompany(params: PositionParams, s: PositionState, home: Rows, t_ms: I64, more: F64) -> None:
    """Take in signs of a second person, as many as `more` says; old ones fade."""
    s.company[home] = np.minimum(company(params, s, home, t_ms) + more, params.company_most)
    s.company_ms[home] = t_ms
    s.doubt_ms[home[more > 0]] = t_ms[more > 0]
    comes = (s.visit_ms[home] == NEVER) & (s.company[home] >= params.company_sure)
    s.visit_ms[home[comes]] = t_ms[comes]
    s.visit_ms[home[s.company[home] < params.company_over]] = NEVER
