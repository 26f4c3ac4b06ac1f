"""When Guardian is blind: which sensors of a home can be relied on, and findings `blind` and `sensor-fault`.

Takes what eventhealth.py and camerahealth.py hold of each sensor and, once a minute, what the board knows of
arrivals; tells one sensor from its home's gateway, a power cut, a street and our own connection. Gives arrays
that say what can be heard and seen, for the detectors that draw conclusions from silence.

Once a minute:
1. If all homes with cameras fell silent within seconds, and nothing at all is heard: it is our connection.
   One finding (carried by the first home), nothing of single homes; silence counts anew when it is back.
   Cameras that joined later and have not been heard yet say nothing about it.
2. A home is *dark* when none of its sources with a known rhythm (cameras, climate sensors) is heard and
   nothing else has been heard since; silence then means nothing.
3. `blind`: a camera newly dark, or newly benched (BENCHED: Guardian itself failed at it); a dark home without
   cameras; a home none of whose cameras sees any more, whatever comes from them. The causes: many homes in
   seconds (STREET), nothing else heard since (GATEWAY), several mains-powered cameras at once while others
   speak (POWER), else this sensor.
4. `sensor-fault`: faults of single sensors, once each until they are over.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors import camerahealth, eventhealth, faultfindings
from detectors.camerahealth import CameraHealthParams, CameraState, CameraVerdict
from detectors.eventhealth import EventHealthParams, EventState
from detectors.fault import Cause
from detectors.finding import Finding, Kind
from detectors.keep import (
    PassingBool,
    PassingCamera,
    PassingHome,
    PassingInt,
    PassingSensor,
    PerCamera,
    PerHome,
)
from detectors.layout import Events, Layout

Bools = NDArray[np.bool_]
F32 = NDArray[np.float32]
I64 = NDArray[np.int64]

NEVER: Final = -1


@dataclass(frozen=True, slots=True)
class SensorHealthParams:
    """Table [sensorhealth] of config/detectors.toml, with those of the two kinds of sensors."""

    eventhealth: EventHealthParams
    camerahealth: CameraHealthParams
    pause_s: float
    together_s: float
    street_homes: int
    broker_homes: int
    broker_s: float
    heard_margin_s: float
    lost_min: float
    least_hearing: float


@dataclass(slots=True)
class SensorHealthState:
    """What is remembered of H homes; and of their sensors."""

    events: EventState
    cameras: CameraState
    heard_ms: PerHome[np.int64]
    """Last event of any sensor, −1 = never."""
    told_lost: PerHome[np.bool_]
    """That no camera sees (or the home is silent) has been told."""
    lost_min: PerHome[np.float32]
    """Minutes on end without a camera that sees."""
    camera_told: PerCamera[np.bool_]
    """Its darkness has been told."""
    cameras_of: NDArray[np.int32]
    """(H,)"""
    sensor_since_ms: PassingSensor[np.int64]
    """(E,) from when on its silence counts: we were not listening before, or it was not there; −1 = from
    the next minute on."""
    camera_since_ms: PassingCamera[np.int64]
    """(C,) the same."""
    since_ms: PassingInt = NEVER
    """From when on we listen at all."""
    minute_ms: PassingInt = NEVER
    broker_told: PassingBool = False


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What the board knows of devices, E event sensors and C cameras."""

    camera_ms: I64
    """(C,) arrival of the last usable frame, −1 = never; `refused_ms`: of the last unusable one."""
    refused_ms: I64
    camera_boots: I64
    """(C,) starts counted; `sensor_boots` (E,)."""
    sensor_boots: I64
    camera_offline: Bools
    """(C,) as the device says; `sensor_offline` (E,)."""
    sensor_offline: Bools
    battery: F32
    """(E,) %, NaN = not told."""
    benched_ms: I64
    """(C,) since when Guardian does not look at what the camera sends, −1 = it does."""


@dataclass(slots=True)
class Health:
    """What can be relied on this minute: made anew each minute, read by whoever needs it."""

    sensor_live: PassingSensor[np.bool_]
    """(E,) it would be heard if it had something to say."""
    sensor_cause: PassingSensor[np.int8]
    """(E,) codes of Cause: why not, or what else is wrong with it."""
    camera_live: PassingCamera[np.bool_]
    """(C,) frames come."""
    camera_sees: PassingCamera[np.bool_]
    """(C,) and somebody in view would be seen."""
    camera_cause: PassingCamera[np.int8]
    """(C,) as `sensor_cause`."""
    home_dark: PassingHome[np.bool_]
    """(H,) nothing of the home can be heard."""
    home_blind_to_silence: PassingHome[np.bool_]
    """(H,) so little can be heard that silence means nothing: clocks of silence stand still."""
    broker_dark: PassingBool
    """Nothing is heard of any home."""


def fresh(params: SensorHealthParams, layout: Layout, rate_hz: F32) -> SensorHealthState:
    """State of homes of which nothing has been heard; `rate_hz` (C,) nominal, NaN = unknown."""
    h = layout.homes
    return SensorHealthState(
        events=eventhealth.fresh(params.eventhealth, layout),
        cameras=camerahealth.fresh(layout, rate_hz),
        heard_ms=np.full(h, NEVER, np.int64),
        told_lost=np.zeros(h, np.bool_),
        lost_min=np.zeros(h, np.float32),
        camera_told=np.zeros(len(layout.camera_home), np.bool_),
        cameras_of=np.bincount(layout.camera_home, minlength=h).astype(np.int32),
        sensor_since_ms=np.full(len(layout.sensor_home), NEVER, np.int64),
        camera_since_ms=np.full(len(layout.camera_home), NEVER, np.int64),
    )


def unknown(layout: Layout) -> Health:
    """What can be said before the first minute: nothing can be relied on."""
    e, c, h = len(layout.sensor_kind), len(layout.camera_home), layout.homes
    no, none = np.zeros, np.zeros
    return Health(
        no(e, np.bool_),
        none(e, np.int8),
        no(c, np.bool_),
        no(c, np.bool_),
        none(c, np.int8),
        no(h, np.bool_),
        np.ones(h, np.bool_),
        broker_dark=False,
    )


def hear(params: SensorHealthParams, state: SensorHealthState, layout: Layout, events: Events) -> None:
    """Take the readings of one beat."""
    if len(events.sensor):
        eventhealth.hear(params.eventhealth, state.events, events)
        np.maximum.at(state.heard_ms, layout.sensor_home[events.sensor], events.t_ms)


def muted(params: SensorHealthParams, state: SensorHealthState, now_ms: int) -> Bools:
    """(E,) sensors whose events are no signs of life."""
    return eventhealth.muted(params.eventhealth, state.events, now_ms)


def minute(
    params: SensorHealthParams, state: SensorHealthState, layout: Layout, arrivals: Arrivals, now_ms: int
) -> tuple[Health, list[Finding]]:
    """Judge all sensors and homes, once a minute."""
    if state.minute_ms == NEVER or now_ms - state.minute_ms > params.pause_s * 1000:
        _listen_from(state, now_ms)  # we have only begun to listen (again)
    state.minute_ms = now_ms
    for since in (state.sensor_since_ms, state.camera_since_ms):
        since[since == NEVER] = now_ms
    broker = _broker(params, state, layout, arrivals, now_ms)
    noticed = np.zeros(layout.rooms, np.bool_)
    spoke = state.events.spoke & state.events.lively & (state.events.value > 0)
    noticed[layout.sensor_room[spoke & (state.events.recent <= state.events.cap)]] = True
    up = np.bincount(layout.camera_home[state.cameras.up], minlength=layout.homes)
    seen = camerahealth.minute(
        params.camerahealth,
        state.cameras,
        layout,
        arrivals.camera_ms,
        arrivals.refused_ms,
        arrivals.camera_boots,
        arrivals.camera_offline,
        noticed,
        arrivals.benched_ms != NEVER,
        state.camera_since_ms,
        now_ms,
    )
    dark = _dark_homes(params, state, layout, arrivals, seen, now_ms) | broker
    told = eventhealth.minute(
        params.eventhealth,
        state.events,
        layout,
        up.astype(np.int32),
        arrivals.sensor_offline,
        arrivals.battery,
        arrivals.sensor_boots,
        dark,
        state.sensor_since_ms,
        now_ms,
    )
    live = told.live & ~dark[layout.sensor_home]
    cause = np.where(live | (told.cause > 0), told.cause, Cause.SILENT)
    cause = np.where(dark[layout.sensor_home], Cause.BROKER if broker else Cause.GATEWAY, cause)
    sees = seen.sees & np.bool_(not broker)
    deaf = _deaf(params, state, layout, live, sees) | dark
    health = Health(live, cause.astype(np.int8), ~seen.dark, sees, seen.cause, dark, deaf, broker)
    if broker:
        return health, _one_thing(state, layout, arrivals, now_ms)
    state.broker_told = False
    found = _blind(params, state, layout, arrivals, seen, dark, now_ms)
    return health, [
        *found,
        *faultfindings.faults(state.events, state.cameras, layout, told, seen, state.sensor_since_ms, now_ms),
    ]


def _listen_from(state: SensorHealthState, t_ms: int) -> None:
    """Let no silence count from before `t_ms`."""
    state.since_ms = max(state.since_ms, t_ms)
    for since in (state.sensor_since_ms, state.camera_since_ms):
        np.maximum(since, t_ms, out=since)


# --- whose fault it is ---------------------------------------------------------------------------------


def _last_seen(state: SensorHealthState, layout: Layout, arrivals: Arrivals) -> I64:
    """(H,) arrival of the last usable frame of any camera since we listen, −1 = none."""
    seen = np.where(arrivals.camera_ms >= state.camera_since_ms, arrivals.camera_ms, NEVER)
    out = np.full(layout.homes, NEVER, np.int64)
    np.maximum.at(out, layout.camera_home, seen)
    return out


def _broker(
    params: SensorHealthParams, state: SensorHealthState, layout: Layout, arrivals: Arrivals, now_ms: int
) -> bool:
    """Whether all homes with cameras fell silent within `together_s`, and nothing else has been heard."""
    joins = (state.camera_since_ms > state.since_ms) & (arrivals.camera_ms < state.camera_since_ms)
    waited = ~(state.camera_told | joins)  # one that has long been dark says nothing about the connection
    last = np.full(layout.homes, NEVER, np.int64)
    np.maximum.at(last, layout.camera_home[waited], np.maximum(arrivals.camera_ms, state.since_ms)[waited])
    expected = last[last != NEVER]
    if len(expected) < params.broker_homes:
        return False
    newest = max(
        int(expected.max()), *(int(x.max(initial=NEVER)) for x in (state.heard_ms, arrivals.refused_ms))
    )
    within_ms = 2000 * params.together_s
    if now_ms - newest > params.broker_s * 1000 and newest - int(expected.min()) <= within_ms:
        return True
    if state.broker_told:  # something is heard again: for all others silence counts from here
        _listen_from(state, newest)
    return False


def _dark_homes(  # noqa: PLR0917
    params: SensorHealthParams,
    state: SensorHealthState,
    layout: Layout,
    arrivals: Arrivals,
    seen: CameraVerdict,
    now_ms: int,
) -> Bools:
    """(H,) every source with a rhythm is silent, and nothing else has been heard since the last of them."""
    events, home = state.events, layout.sensor_home
    since = np.full(layout.homes, NEVER, np.int64)
    sources = state.cameras_of.astype(np.intp)
    silent = np.bincount(layout.camera_home[seen.dark], minlength=layout.homes)
    np.maximum.at(since, layout.camera_home, np.maximum(arrivals.camera_ms, arrivals.refused_ms))
    clock = events.clocks[events.first_ms[events.clocks] != NEVER]
    heard = np.maximum(events.heard_ms[clock], state.sensor_since_ms[clock])
    late = now_ms - heard > eventhealth.late_ms(params.eventhealth, events.gap_s[clock])
    only = sources[home[clock]] == 0  # where there are cameras, they tell it sooner
    late, clock = late[only], clock[only]
    sources = sources + np.bincount(home[clock], minlength=layout.homes)
    silent = silent + np.bincount(home[clock[late]], minlength=layout.homes)
    np.maximum.at(since, home[clock], heard[only])
    since = np.maximum(since, _since(state, layout))
    margin_ms = int(params.heard_margin_s * 1000)
    speaks = np.maximum(state.heard_ms, _refused(layout, arrivals)) > since + margin_ms
    return np.asarray((sources > 0) & (silent == sources) & ~speaks)


def _since(state: SensorHealthState, layout: Layout) -> I64:
    """(H,) from when on the silence of all cameras counts; without cameras, from when on we listen."""
    out = np.full(layout.homes, state.since_ms)
    np.maximum.at(out, layout.camera_home, state.camera_since_ms)
    return out


def _refused(layout: Layout, arrivals: Arrivals) -> I64:
    out = np.full(layout.homes, NEVER, np.int64)
    np.maximum.at(out, layout.camera_home, arrivals.refused_ms)
    return out


def _deaf(
    params: SensorHealthParams, state: SensorHealthState, layout: Layout, live: Bools, sees: Bools
) -> Bools:
    """(H,) what still works has given less than `least_hearing` of the home's signs of life."""
    events, cameras, h = state.events, state.cameras, layout.homes
    weight = np.where(events.lively, events.weight, np.float32(0))
    at, eye = layout.sensor_home, layout.camera_home
    whole = np.bincount(at, weight, h) + np.bincount(eye, cameras.weight, h)
    heard = np.bincount(at, weight * live, h) + np.bincount(eye, cameras.weight * sees, h)
    return np.asarray(heard < np.maximum(params.least_hearing * whole, 1e-9))


# --- findings ------------------------------------------------------------------------------------------


def _one_thing(state: SensorHealthState, layout: Layout, arrivals: Arrivals, now_ms: int) -> list[Finding]:
    if state.broker_told:
        return []
    state.broker_told = True
    onset = max(int(_last_seen(state, layout, arrivals).max()), state.since_ms)
    evidence = {
        "cause": float(Cause.BROKER),
        "homes_dark": float(layout.homes),
        "silent_s": (now_ms - onset) / 1000,
    }
    row = int(layout.camera_home.min())
    return [faultfindings.finding(Kind.BLIND, row, onset, now_ms, faultfindings.SURE, evidence)]


def _blind(  # noqa: PLR0917  (one array for each thing that is known)
    params: SensorHealthParams,
    state: SensorHealthState,
    layout: Layout,
    arrivals: Arrivals,
    seen: CameraVerdict,
    dark: Bools,
    now_ms: int,
) -> list[Finding]:
    """Step 3."""
    eye, h = layout.camera_home, layout.homes
    gone = seen.dark | seen.benched
    newly = gone & ~state.camera_told
    state.camera_told = gone | (state.camera_told & (arrivals.camera_ms < state.camera_since_ms))
    count = np.bincount(eye[gone], minlength=h)
    none = (state.cameras_of > 0) & (np.bincount(eye[seen.sees], minlength=h) == 0)
    state.lost_min = np.where(none, state.lost_min + 1, 0).astype(np.float32)
    since = _since(state, layout)
    listened = now_ms - since >= params.broker_s * 1000
    lost = (listened & (state.lost_min >= params.lost_min)) | (dark & (state.cameras_of == 0))
    fresh_loss = lost & ~state.told_lost & (count < np.maximum(state.cameras_of, 1))
    state.told_lost = lost
    rows = np.flatnonzero(fresh_loss | (np.bincount(eye[newly], minlength=h) > 0))
    if not len(rows):
        return []
    last = np.full(h, NEVER, np.int64)
    looked_ms = np.where(seen.dark, arrivals.camera_ms, arrivals.benched_ms)
    np.maximum.at(last, eye[gone], looked_ms[gone])
    last = np.where((last == NEVER) & (state.cameras_of == 0), state.heard_ms, last)
    earliest = np.full(h, np.iinfo(np.int64).max)
    np.minimum.at(earliest, eye[gone], looked_ms[gone])
    onset = np.where(last == NEVER, since, last)
    homes_dark = _together(params, state, layout, arrivals, now_ms, onset)
    worst = np.zeros(h, np.int8)
    np.maximum.at(worst, eye, seen.cause)
    homes_dark = np.where(worst == Cause.BENCHED, np.count_nonzero(worst == Cause.BENCHED), homes_dark)
    cause = worst.astype(np.int64)
    together = (count >= 2) & (count == state.cameras_of) & (worst != Cause.BENCHED)
    together &= last - earliest <= params.together_s * 1000
    cause[together & ~dark] = Cause.POWER
    cause[dark] = Cause.GATEWAY
    cause[dark & (state.cameras_of == 1) & (np.bincount(layout.sensor_home, minlength=h) == 0)] = Cause.SILENT
    cause[dark & (homes_dark >= params.street_homes)] = Cause.STREET
    first = np.full(h, NEVER, np.intp)
    which = np.flatnonzero(newly)[::-1]
    first[eye[which]] = which
    out = []
    for row in rows:
        camera = int(first[row])
        evidence = {
            "cause": float(cause[row]),
            "cameras_dark": float(count[row]),
            "cameras": float(state.cameras_of[row]),
            "silent_s": (now_ms - int(onset[row])) / 1000,
            "homes_dark": float(homes_dark[row]),
        }
        begun = int(onset[row]) if count[row] or dark[row] else now_ms - int(60_000 * state.lost_min[row])
        found = faultfindings.finding(
            Kind.BLIND, int(row), begun, now_ms, faultfindings.SURE, evidence, camera=camera
        )
        out.append(found)
    return out


def _together(  # noqa: PLR0917
    params: SensorHealthParams,
    state: SensorHealthState,
    layout: Layout,
    arrivals: Arrivals,
    now_ms: int,
    onset: I64,
) -> NDArray[np.intp]:
    """(H,) homes that fell silent within `together_s` of each home, itself included, and still are."""
    last = _last_seen(state, layout, arrivals)
    silent = np.sort(last[(last != NEVER) & (now_ms - last > params.broker_s * 1000)])
    near_ms = int(params.together_s * 1000)
    return np.searchsorted(silent, onset + near_ms, "right") - np.searchsorted(silent, onset - near_ms)
