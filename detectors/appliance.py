"""Appliances that were left on, and whoever might have noticed: `appliance-left-on`.

Takes what was heard and in which rooms people are seen; gives findings, and since when each room is left
alone. Says nothing of appliances that may run alone (the caller names those that may not), nor of a room in
which nothing could notice anybody.

1. A room is left alone from the moment when somebody is noticed in another room of that home; if nobody is
   noticed anywhere, once a camera has seen nobody in it for `quiet_s`, or motion sensors nothing for
   `silent_min`: who stands at a stove is missed by them for many minutes. Who switches something on is there.
   A bed, a chair or a presence sensor that says "somebody" keeps a room attended. Motion sensors see through
   doors: in a room that a camera looks into, one report of theirs says nothing, for the camera would have
   seen who came in. Two of them do, with nobody noticed elsewhere from `door_s` before the first one on:
   somebody is there whom the camera does not see.
2. A plug is on while it takes `on_w` more than its idle power, which is learnt: the lowest of late. A
   thermostat that switches off and on again within `bridge_min` leaves it on.
3. A finding comes when it was on in a room left alone for `left_min`; another one only after somebody was
   there in between, or it was off.
4. A door of a fridge that is open for `door_min`. Doors lose their closing now and then, and then seem open
   for hours: so only once its sensor has said so again and not taken it back within `repeat_min`, or if it
   has told `proven` closings and hardly lost one.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.finding import Finding, Kind
from detectors.keep import PerHome, PerRoom, PerSensor
from detectors.layout import NOWHERE, Events, Layout, Rows, SensorKind
from detectors.turns import turns
from detectors.undo import Undo

I64 = NDArray[np.int64]
Bools = NDArray[np.bool_]

NEVER: Final = -1
MINUTE_MS: Final = 60_000
NOTICES: Final = (
    SensorKind.PIR,
    SensorKind.DOOR,
    SensorKind.APPLIANCE_DOOR,
    SensorKind.BED,
    SensorKind.CHAIR,
    SensorKind.PRESENCE,
)
"""Sensors that can notice somebody in their room."""
STAYS: Final = (SensorKind.BED, SensorKind.CHAIR, SensorKind.PRESENCE)
"""A 1 of these holds until they say 0."""
LATER: Final = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class ApplianceParams:
    """Table [appliance] of config/detectors.toml."""

    left_min: float
    quiet_s: float
    silent_min: float
    live_s: float
    door_s: float
    apart_s: float
    again_s: float
    on_w: float
    idle_most_w: float
    idle_tau_h: float
    bridge_min: float
    stale_min: float
    stays_h: float
    door_min: float
    repeat_min: float
    proven: int
    lost_share: float


@dataclass(slots=True)
class ApplianceState:
    """What is remembered of H homes, R rooms and E sensors that send events."""

    place: PerHome[np.int64]
    """Room in which somebody was noticed last, as its place among the rooms of the home; NOWHERE = none."""
    last_ms: PerHome[np.int64]
    """When that was,"""
    before_ms: PerHome[np.int64]
    """and when somebody was last noticed in any other room."""
    noticed_ms: PerRoom[np.int64]
    """When somebody was last noticed in a room,"""
    left_ms: PerRoom[np.int64]
    """and when somebody was first noticed elsewhere after that."""
    looked_ms: PerRoom[np.int64]
    """When a camera last looked into it, whatever it saw."""
    stirred_ms: PerRoom[np.int64]
    """A motion sensor's report there that did not count; NEVER = none."""
    value: PerSensor[np.float64]
    """Last reading of plugs, doors of appliances, and of STAYS; NaN = none."""
    heard_ms: PerSensor[np.int64]
    idle_w: PerSensor[np.float64]
    on_ms: PerSensor[np.int64]
    """When it was switched on or opened, NEVER = it is not."""
    off_ms: PerSensor[np.int64]
    """When its power fell, as long as that may be the thermostat's doing; NEVER = it has not."""
    said_ms: PerSensor[np.int64]
    """When the last finding was given."""
    again_ms: PerSensor[np.int64]
    """When a door that stood open said so again, NEVER = it has not."""
    closed: PerSensor[np.int64]
    """How many closings were told,"""
    lost: PerSensor[np.int64]
    """and how many must have been lost, for the next word was of an opening."""

    layout: Layout
    first_room: Rows
    """(H,) the first room of each home."""
    matters: Bools
    """(E,) plugs of what must not be left on;"""
    plugs: Rows
    """their rows."""
    doors: Rows
    """Doors of appliances."""
    stays: Rows
    """Sensors of STAYS."""
    notices: Bools
    """(R,) somebody in the room can be noticed."""
    on: Rows
    """Those of plugs and doors that are on or open."""
    minute: int = NEVER
    """When all were last looked through, after a restart too."""


def fresh(layout: Layout, matters: Bools) -> ApplianceState:
    """State of homes of which nothing was heard; `matters` (E,) plugs of what must not be left on."""
    h, r, e = layout.homes, layout.rooms, len(layout.sensor_kind)
    kind = layout.sensor_kind
    notices = np.zeros(r, np.bool_)
    notices[layout.sensor_room[np.isin(kind, NOTICES)]] = True
    notices[layout.camera_room] = True
    return ApplianceState(
        place=np.full(h, NOWHERE, np.int64),
        last_ms=np.full(h, NEVER, np.int64),
        before_ms=np.full(h, NEVER, np.int64),
        noticed_ms=np.full(r, NEVER, np.int64),
        left_ms=np.full(r, NEVER, np.int64),
        looked_ms=np.full(r, NEVER, np.int64),
        stirred_ms=np.full(r, NEVER, np.int64),
        value=np.full(e, np.nan),
        heard_ms=np.full(e, NEVER, np.int64),
        idle_w=np.full(e, np.nan),
        on_ms=np.full(e, NEVER, np.int64),
        off_ms=np.full(e, NEVER, np.int64),
        said_ms=np.full(e, NEVER, np.int64),
        again_ms=np.full(e, NEVER, np.int64),
        closed=np.zeros(e, np.int64),
        lost=np.zeros(e, np.int64),
        layout=layout,
        first_room=np.searchsorted(layout.room_home, np.arange(h)),
        matters=matters & (kind == SensorKind.PLUG),
        plugs=np.flatnonzero((kind == SensorKind.PLUG) & matters),
        doors=np.flatnonzero(kind == SensorKind.APPLIANCE_DOOR),
        stays=np.flatnonzero(np.isin(kind, STAYS)),
        notices=notices,
        on=np.zeros(0, np.intp),
    )


# --- 1: who is where --------------------------------------------------------------------------------


def notice(state: ApplianceState, room: Rows, t_ms: I64, undo: Undo | None = None) -> None:
    """Somebody was noticed in the rooms (N,) at `t_ms` (N,), in order of time."""
    for turn in turns(state.layout.room_home[room]):
        here, t = room[turn], t_ms[turn]
        home = state.layout.room_home[here]
        first = state.first_room[home]
        place = state.place[home]
        before = np.minimum(first + place, len(state.left_ms) - 1)
        gone = (place != NOWHERE) & (before != here) & (state.layout.room_home[before] == home)
        if undo is not None:
            undo.keep(state.left_ms, before[gone])
            undo.keep(state.noticed_ms, here)
            undo.keep_all(state, ("before_ms", "place", "last_ms"), home)
        state.left_ms[before[gone]] = t[gone]
        state.before_ms[home] = np.where(before != here, state.last_ms[home], state.before_ms[home])
        state.place[home], state.last_ms[home] = here - first, t
        state.noticed_ms[here] = np.maximum(state.noticed_ms[here], t)


def look(state: ApplianceState, room: Rows, t_ms: I64, undo: Undo | None = None) -> None:
    """Cameras have looked into the rooms (N,) at `t_ms` (N,), whether they saw somebody or not."""
    if undo is not None:
        undo.keep(state.looked_ms, room)
    state.looked_ms[room] = t_ms


def _stirs(params: ApplianceParams, state: ApplianceState, room: Rows, t_ms: I64, motion: Bools) -> None:
    """Signs of life (N,) in rooms, in order of time; `motion` (N,) those of motion sensors."""
    for turn in turns(state.layout.room_home[room]):
        here, t = room[turn], t_ms[turn]
        counts = ~(motion[turn] & (t - state.looked_ms[here] <= params.live_s * 1000))
        k = np.flatnonzero(~counts)
        if k.size:
            there, then, first = here[k], t[k], state.stirred_ms[here[k]]
            home = state.layout.room_home[there]
            is_place = state.first_room[home] + state.place[home] == there
            other = np.where(is_place, state.before_ms[home], state.last_ms[home])
            gap_s = (then - first) / 1000
            same = (first != NEVER) & (gap_s < params.apart_s)
            counts[k] = (
                (first != NEVER)
                & ~same
                & (gap_s <= params.again_s)
                & ((other == NEVER) | (first - other >= params.door_s * 1000))
            )
            state.stirred_ms[there] = np.where(same, first, then)
        notice(state, here[counts], t[counts])


def alone_ms(params: ApplianceParams, state: ApplianceState, room: Rows) -> I64:
    """(N,) since when nobody is in these rooms, as far as is known; NEVER = nobody was ever noticed there."""
    noticed, left = state.noticed_ms[room], state.left_ms[room]
    quiet_ms = round(params.quiet_s * 1000)
    empty = state.looked_ms[room] - noticed >= quiet_ms  # a camera that has gone dark sees nobody, too
    quiet = noticed + np.where(empty, quiet_ms, round(params.silent_min * MINUTE_MS))
    return np.where(noticed == NEVER, NEVER, np.where(left >= noticed, np.minimum(left, quiet), quiet))


def _stay(params: ApplianceParams, state: ApplianceState, room: Rows, now_ms: int) -> Bools:
    """(N,) a sensor in these rooms says that somebody is there now."""
    says = (state.value[state.stays] == 1) & (
        now_ms - state.heard_ms[state.stays] <= params.stays_h * 60 * MINUTE_MS
    )
    return np.isin(room, state.layout.sensor_room[state.stays[says]])


# --- 2 to 4: what is on -----------------------------------------------------------------------------


def step(params: ApplianceParams, state: ApplianceState, heard: Events, now_ms: int) -> list[Finding]:
    """Take what was heard and the time; give what is found. Call it at least once a minute, heard or not.

    What cameras see goes to `notice`, and that they looked to `look`, before.
    """
    news = now_ms // MINUTE_MS != state.minute
    if len(heard.sensor):
        layout = state.layout
        kind = layout.sensor_kind[heard.sensor]
        room, life = layout.sensor_room[heard.sensor], heard.life
        _stirs(params, state, room[life], heard.t_ms[life], kind[life] == SensorKind.PIR)
        told = np.isin(kind, (SensorKind.APPLIANCE_DOOR, *STAYS)) | state.matters[heard.sensor]
        mine = np.flatnonzero(told)
        touched: list[Rows] = []
        for turn in turns(heard.sensor[mine]):
            k = mine[turn]
            plug, door = kind[k] == SensorKind.PLUG, kind[k] == SensorKind.APPLIANCE_DOOR
            turned = _plug(params, state, heard.sensor[k[plug]], heard.value[k[plug]], heard.t_ms[k[plug]])
            touched.append(k[plug][turned])
            _door(state, heard.sensor[k[door]], heard.value[k[door]], heard.t_ms[k[door]])
            state.value[heard.sensor[k]] = heard.value[k]
            state.heard_ms[heard.sensor[k]] = heard.t_ms[k]
        if touched:
            k = np.sort(np.concatenate(touched))
            notice(state, layout.sensor_room[heard.sensor[k]], heard.t_ms[k])
        news |= len(mine) > 0
    if news:
        state.minute = now_ms // MINUTE_MS
        state.on = np.concatenate([of[state.on_ms[of] != NEVER] for of in (state.plugs, state.doors)])
    return _left_on(params, state, now_ms) + _left_open(params, state, now_ms) if len(state.on) else []


def _plug(
    params: ApplianceParams, state: ApplianceState, sensor: Rows, watts: NDArray[np.float64], t_ms: I64
) -> Bools:
    """Readings (N,) of different plugs; give (N,) which were switched on by them."""
    idle, gap_ms = state.idle_w[sensor], t_ms - state.heard_ms[sensor]
    stale = (state.heard_ms[sensor] == NEVER) | (gap_ms > params.stale_min * MINUTE_MS)
    share = -np.expm1(-gap_ms / (params.idle_tau_h * 60 * MINUTE_MS))
    grown = idle + np.where(stale, 0, share) * (state.value[sensor] - idle)
    first = np.where(watts <= params.idle_most_w, watts, 0)
    idle = np.where(np.isnan(idle), first, np.fmin(grown, watts))
    state.idle_w[sensor] = idle
    high = watts > idle + params.on_w
    on, off = state.on_ms[sensor], state.off_ms[sensor]
    was_off = (on == NEVER) | stale | ((off != NEVER) & (t_ms - off > params.bridge_min * MINUTE_MS))
    state.on_ms[sensor] = np.where(high, np.where(was_off, t_ms, on), np.where(was_off, NEVER, on))
    state.off_ms[sensor] = np.where(high | was_off, NEVER, np.where(off == NEVER, t_ms, off))
    return np.asarray(high & was_off & ~stale)


def _door(state: ApplianceState, sensor: Rows, value: NDArray[np.float64], t_ms: I64) -> None:
    """Readings (N,) of different doors."""
    opened = value == 1
    again = opened & (state.value[sensor] == 1)
    state.closed[sensor] += ~opened
    state.lost[sensor] += again
    state.again_ms[sensor] = np.where(again, t_ms, NEVER)
    on = state.on_ms[sensor]
    state.on_ms[sensor] = np.where(opened, np.where(again & (on != NEVER), on, t_ms), NEVER)


def _left_on(params: ApplianceParams, state: ApplianceState, now_ms: int) -> list[Finding]:
    sensor = state.on[state.layout.sensor_kind[state.on] == SensorKind.PLUG]
    live = (state.off_ms[sensor] == NEVER) & (now_ms - state.heard_ms[sensor] <= params.stale_min * MINUTE_MS)
    sensor = sensor[live]
    room = state.layout.sensor_room[sensor]
    begun = np.maximum(state.on_ms[sensor], alone_ms(params, state, room))
    due = begun + round(params.left_min * MINUTE_MS)
    news = np.maximum(state.on_ms[sensor], state.noticed_ms[room]) > state.said_ms[sensor]
    tells = np.flatnonzero((due <= now_ms) & news & state.notices[room])
    tells = tells[~_stay(params, state, room[tells], now_ms)] if len(tells) else tells
    return [
        _finding(
            state,
            int(sensor[k]),
            int(due[k]),
            now_ms,
            {
                "power_w": float(state.value[sensor[k]]),
                "idle_w": round(float(state.idle_w[sensor[k]]), 1),
                "on_min": round((now_ms - int(state.on_ms[sensor[k]])) / MINUTE_MS, 1),
                "alone_min": round((now_ms - int(begun[k])) / MINUTE_MS, 1),
            },
            0.8,
        )
        for k in tells
    ]


def _left_open(params: ApplianceParams, state: ApplianceState, now_ms: int) -> list[Finding]:
    sensor = state.on[state.layout.sensor_kind[state.on] == SensorKind.APPLIANCE_DOOR]
    due = state.on_ms[sensor] + round(params.door_min * MINUTE_MS)
    again, closed = state.again_ms[sensor], state.closed[sensor]
    repeated = (again != NEVER) & (now_ms - again >= params.repeat_min * MINUTE_MS)
    proven = (closed >= params.proven) & (state.lost[sensor] <= params.lost_share * closed)
    news = state.on_ms[sensor] > state.said_ms[sensor]
    tells = (due <= now_ms) & news & (closed > 0) & (repeated | proven)
    return [
        _finding(
            state,
            int(sensor[k]),
            int(due[k]),
            now_ms,
            {
                "open_min": round((now_ms - int(state.on_ms[sensor[k]])) / MINUTE_MS, 1),
                "closings_told": float(closed[k]),
                "closings_lost": float(state.lost[sensor[k]]),
            },
            0.7,
        )
        for k in np.flatnonzero(tells)
    ]


def _finding(  # noqa: PLR0917  (all that a finding says)
    state: ApplianceState,
    sensor: int,
    onset_ms: int,
    now_ms: int,
    evidence: dict[str, float],
    confidence: float,
) -> Finding:
    state.said_ms[sensor] = now_ms
    return Finding(
        Kind.APPLIANCE_LEFT_ON,
        int(state.layout.sensor_home[sensor]),
        onset_ms,
        now_ms,
        confidence,
        np.nan,
        np.nan,
        evidence,
        int(state.layout.sensor_room[sensor]),
        sensor,
    )
