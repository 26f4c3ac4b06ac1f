"""Event sensors as they are sold: what they notice, when they are blind, what they miss and make up.

Takes what happens in a home (`Stirs`), its air, and a kit of sensors; gives events in order of time. What
goes wrong on the road (batteries, clocks, gateways) is the business of `faults.py`. Each sensor has random
numbers of its own, told apart by its name: another sensor more in the kit changes no reading of the others.
"""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from simulator.stirs import Stirs, stirs_of_motion, stirs_of_segments, together
from simulator.touches import Openings, Spells
from simulator.world import F64, Air, Events, EventSensor, Plan, Truth

__all__ = [
    "Fitting",
    "Openings",
    "Spells",
    "Stirs",
    "events",
    "kit",
    "press_truth",
    "stirs_of_motion",
    "stirs_of_segments",
    "together",
]

Which = Literal["basic", "recorded", "full"]

Readings = tuple[F64, F64]
"""Times and values of one sensor."""


def kit(plan: Plan, which: Which = "full") -> tuple[EventSensor, ...]:
    """Fit a home: `basic` = a motion sensor a room and the outer door; `recorded` = as the TIHM homes (five
    motion sensors, front, back and fridge door); `full` = one of everything where it makes sense.
    """
    rooms = plan.rooms
    outer = next((r for r in rooms if any(d.to < 0 for d in r.doors)), rooms[plan.index("hall")])
    kitchen, living = rooms[plan.index("kitchen")], rooms[plan.index("living")]
    bedroom, bathroom = rooms[plan.index("bedroom")], rooms[plan.index("bathroom")]
    out = [EventSensor(f"{r.name}-pir", "pir", r.name) for r in rooms]
    out.append(EventSensor("front-door", "door", outer.name, outside=True))
    if which == "basic":
        return tuple(out)
    fridge = EventSensor("fridge-door", "appliance-door", kitchen.name)
    if which == "recorded":
        return (*out, EventSensor("back-door", "door", kitchen.name, outside=True), fridge)
    if which != "full":
        raise ValueError(f"{which!r} is no kit: basic, recorded or full")
    return (
        *out,
        fridge,
        EventSensor("bed", "bed", bedroom.name),
        EventSensor("chair", "chair", living.name),
        EventSensor("living-presence", "presence", living.name),
        EventSensor("bathroom-presence", "presence", bathroom.name),
        EventSensor("bathroom-radar", "radar-fall", bathroom.name),
        EventSensor("bedroom-radar", "radar-fall", bedroom.name),
        *(EventSensor(f"{r.name}-temperature", "temperature", r.name) for r in rooms),
        *(EventSensor(f"{r.name}-humidity", "humidity", r.name) for r in (bathroom, living)),
        EventSensor("kettle", "plug", kitchen.name),
        EventSensor("stove", "plug", kitchen.name),
        EventSensor("tv", "plug", living.name),
        EventSensor("button", "button", living.name),
    )


@dataclass(frozen=True, slots=True)
class Fitting:
    """How well devices do; each device draws its own from these ranges."""

    blind_s: tuple[float, float] = (5.0, 60.0)
    """A motion sensor reports nothing for so long after a report. (60.5, 62) is like the recorded homes."""
    sight_shape: float = 4.0
    """Of the gamma (mean 1) by which motion sensors differ: where they hang, what they see."""
    beyond: tuple[float, float] = (0.0, 0.26)
    """How much of what stirs in the next room a motion sensor notices, through the open door. Chosen with
    all recorded homes in view, where two sensors often answer to one walk."""
    door_missed: tuple[float, float] = (0.01, 0.02)
    """Share of openings that a door contact does not report."""
    closings: bool = True
    """Doors also report closing; those of the recorded homes do not."""


LIKE_RECORDED: Final = Fitting(blind_s=(60.5, 62.0), closings=False)
"""The motion sensors of the recorded homes (TIHM, doi 10.1038/s41597-023-02519-y) never report twice within
61 s; their doors never close."""
NOT_FITTED: Final = 0.02
NO_FRONT_DOOR: Final = 0.2
"""Share of homes that lack a sensor. Recorded: 2 of 98; and of 14 front doors two, with a third one through
which hardly anybody goes: there people leave without a sign."""


def as_recorded(plan: Plan, rng: np.random.Generator) -> tuple[EventSensor, ...]:
    """Fit a home as the recorded ones are: the kit `recorded`, of which some homes lack a device."""
    whole = kit(plan, "recorded")
    lacks = [NO_FRONT_DOOR if s.name == "front-door" else NOT_FITTED for s in whole]
    return tuple(s for s, lack in zip(whole, lacks, strict=True) if rng.random() >= lack)


def events(
    stirs: Stirs,
    plan: Plan,
    kit: Sequence[EventSensor],
    rng: np.random.Generator,
    *,
    air: Air | None = None,
    fitting: Fitting | None = None,
) -> Events:
    """Let the kit listen; equal times stay in the order of the kit.

    Climate sensors are silent without `air`. Raises ValueError for a kind or a room that does not exist.
    """
    fitting = fitting or Fitting()
    base = int(rng.integers(2**62))
    rooms = {r.name: i for i, r in enumerate(plan.rooms)}
    times, values, which = [], [], []
    for k, sensor in enumerate(kit):
        if sensor.room not in rooms:
            raise ValueError(f"sensor {sensor.name}: no room {sensor.room!r}")
        if sensor.kind not in KINDS:
            raise ValueError(f"sensor {sensor.name}: no kind {sensor.kind!r}")
        own = np.random.default_rng([base, zlib.crc32(sensor.name.encode())])
        t, v = KINDS[sensor.kind](
            _Seat(stirs, plan, tuple(kit), sensor, rooms[sensor.room], air, fitting), own
        )
        inside = (t >= 0.0) & (t < stirs.end_s)
        times.append(t[inside])
        values.append(v[inside])
        which.append(np.full(int(inside.sum()), k, np.int32))
    t, v, s = np.concatenate(times), np.concatenate(values), np.concatenate(which)
    order = np.argsort(t, kind="stable")
    return Events(t[order], s[order], v[order], tuple(kit))


def press_truth(stirs: Stirs) -> tuple[Truth, ...]:
    """Truth `sos` of each press of the button."""
    press = stirs.spells.get("press")
    return () if press is None else tuple(Truth(t, t + 600.0, "sos") for t in press.start_s.tolist())


@dataclass(frozen=True, slots=True)
class _Seat:
    """One sensor and all that it could notice."""

    stirs: Stirs
    plan: Plan
    kit: tuple[EventSensor, ...]
    sensor: EventSensor
    room: int
    air: Air | None
    fitting: Fitting

    def spells(self, name: str) -> tuple[F64, F64]:
        """Starts and ends in this sensor's room, those closer than a second made one."""
        found = self.stirs.spells.get(name)
        if found is None:
            return np.zeros(0), np.zeros(0)
        here = found.room == self.room
        start, end = found.start_s[here], found.end_s[here]
        if not len(start):
            return start, end
        apart = start[1:] > np.maximum.accumulate(end)[:-1] + 1.0
        return start[np.concatenate([[True], apart])], np.maximum.accumulate(end)[
            np.concatenate([apart, [True]])
        ]


def _spaced(t_s: F64, blind_s: float) -> F64:
    """Leave out what comes less than `blind_s` after the last one kept."""
    keep = []
    at = 0
    while at < len(t_s):
        keep.append(at)
        at = int(np.searchsorted(t_s, t_s[at] + blind_s))
    return t_s[keep]


def _pir(seat: _Seat, rng: np.random.Generator) -> Readings:
    s, fit = seat.stirs, seat.fitting
    sight = rng.gamma(fit.sight_shape, 1.0 / fit.sight_shape)
    blind_s = rng.uniform(*fit.blind_s)
    beyond = rng.uniform(*fit.beyond)
    next_rooms = [d.to for d in seat.plan.rooms[seat.room].doors if d.to >= 0]
    reach = np.where(s.room == seat.room, 1.0, np.where(np.isin(s.room, next_rooms), beyond, 0.0))
    noticed = rng.random(len(s.t_s)) < 1.0 - np.exp(-s.strength * reach * sight)
    t = _spaced(s.t_s[noticed] + 0.1, blind_s)
    return t, np.ones(len(t))


def _contact(t_s: F64, seat: _Seat, rng: np.random.Generator) -> Readings:
    """A magnet on a door: open 1, closed 0 some seconds later; both are missed now and then."""
    missed = rng.uniform(*seat.fitting.door_missed)
    slowly, opening, closing = rng.spawn(3)
    closes = t_s + np.exp(slowly.normal(np.log(6.0), 0.8, len(t_s)))
    following = np.append(t_s[1:], np.inf)
    closes = np.minimum(closes, t_s + 0.8 * (following - t_s))  # it was closed before it opened again
    t_s = t_s[opening.random(len(t_s)) >= missed]
    closes = closes[closing.random(len(closes)) >= missed] if seat.fitting.closings else closes[:0]
    t, v = np.concatenate([t_s, closes]), np.repeat([1.0, 0.0], [len(t_s), len(closes)])
    order = np.argsort(t, kind="stable")
    return t[order], v[order]


def _door(seat: _Seat, rng: np.random.Generator) -> Readings:
    """The first outside door is the front one, a second one leads to the garden; inner doors stay open."""
    doors = seat.stirs.doors
    outside = [k.name for k in seat.kit if k.kind == "door" and k.outside]
    if seat.sensor.name not in outside:
        return np.zeros(0), np.zeros(0)
    mine = (
        np.ones(len(doors.t_s), np.bool_)
        if len(outside) == 1
        else doors.back == (outside.index(seat.sensor.name) == 1)
    )
    return _contact(doors.t_s[mine], seat, rng)


def _appliance_door(seat: _Seat, rng: np.random.Generator) -> Readings:
    return _contact(seat.stirs.fridge_s, seat, rng)


def _switching(start_s: F64, end_s: F64) -> Readings:
    """1 at each start, 0 at each end."""
    t = np.stack([start_s, end_s], 1).ravel()
    return t, np.tile([1.0, 0.0], len(start_s))


def _pressure(name: str) -> Callable[[_Seat, np.random.Generator], Readings]:
    def read(seat: _Seat, rng: np.random.Generator) -> Readings:
        """1 soon after lying or sitting down, 0 after getting up; a turn may lift the weight for seconds."""
        start, end = seat.spells(name)
        start, end = start + rng.uniform(1.0, 3.0, len(start)), end + rng.uniform(0.5, 2.0, len(end))
        keep = end > start + 3.0
        start, end = start[keep], end[keep]
        lifts = rng.poisson(LIFTS_PER_H / 3600.0 * np.maximum(end - start - 60.0, 0.0))
        of = np.repeat(np.arange(len(start)), lifts)
        off = start[of] + 30.0 + rng.random(len(of)) * (end - start - 60.0)[of]
        off = _spaced(np.sort(off), 30.0)
        t = np.concatenate([start, end, off, off + rng.uniform(1.0, 8.0, len(off))])
        v = np.repeat([1.0, 0.0, 0.0, 1.0], [len(start), len(end), len(off), len(off)])
        order = np.argsort(t, kind="stable")
        return t[order], v[order]

    return read


LIFTS_PER_H: Final = 0.15  # judgement: about once a night
PRESENCE_HOLD_S: Final = (
    10.0,
    60.0,
)  # mmWave sensors are set to wait so long before they say empty; judgement
PRESENCE_LOST_PER_H: Final = 0.15  # somebody who sits very still is lost now and then; judgement
RADAR_FOUND: Final = 0.85  # of falls in its room; makers promise more. Judgement
RADAR_FALSE_PER_DAY: Final = 0.05  # sitting down heavily, a dropped coat. Judgement


def _presence(seat: _Seat, rng: np.random.Generator) -> Readings:
    hold_s = rng.uniform(*PRESENCE_HOLD_S)
    start, end = seat.spells("inside")
    if not len(start):
        return start, end
    start, end = start + rng.uniform(0.3, 2.0, len(start)), end + hold_s
    apart = start[1:] > end[:-1] + 0.5  # back before it said empty
    start, end = start[np.concatenate([[True], apart])], end[np.concatenate([apart, [True]])]
    lost = rng.poisson(PRESENCE_LOST_PER_H / 3600.0 * np.maximum(end - start - 300.0, 0.0))
    of = np.repeat(np.arange(len(start)), lost)
    off = _spaced(np.sort(start[of] + 60.0 + rng.random(len(of)) * (end - start - 300.0)[of]), 240.0)
    on = off + np.minimum(np.exp(rng.normal(np.log(20.0), 1.0, len(off))), 200.0)
    t = np.concatenate([start, end, off, on])
    v = np.repeat([1.0, 0.0, 0.0, 1.0], [len(start), len(end), len(off), len(on)])
    order = np.argsort(t, kind="stable")
    return t[order], v[order]


def _radar_fall(seat: _Seat, rng: np.random.Generator) -> Readings:
    start, end = seat.spells("down")
    found = rng.random(len(start)) < RADAR_FOUND
    at = start[found] + rng.uniform(5.0, 30.0, int(found.sum()))
    over = np.maximum(end[found], at + 5.0)
    stirs = seat.stirs
    here = stirs.t_s[stirs.room == seat.room]
    made_up = min(rng.poisson(RADAR_FALSE_PER_DAY * stirs.end_s / 86_400.0), len(here))
    false = np.sort(rng.choice(here, made_up, replace=False)) if made_up else np.zeros(0)
    t, v = _switching(np.concatenate([at, false]), np.concatenate([over, false + 20.0]))
    order = np.argsort(t, kind="stable")
    return t[order], v[order]


RANGE: Final[Mapping[str, tuple[float, float]]] = {"temperature": (-55.0, 125.0), "humidity": (0.0, 100.0)}
"""What a sensor can say, in a fire too: data sheet of the DS18B20."""


def _climate(
    step: float, digits: int, offset: float, noise: float
) -> Callable[[_Seat, np.random.Generator], Readings]:
    def read(seat: _Seat, rng: np.random.Generator) -> Readings:
        """Measure once a minute; report a change of `step`, or when nothing was said for 10–30 min."""
        if seat.air is None:
            return np.zeros(0), np.zeros(0)
        beat_s = rng.uniform(600.0, 1800.0)
        t = np.arange(rng.uniform(0.0, 60.0), seat.stirs.end_s, 60.0)
        table = seat.air.temperature_c if seat.sensor.kind == "temperature" else seat.air.humidity
        true = np.interp(t, seat.air.t_s, table[:, seat.room])
        value = np.round(true + rng.normal(0.0, offset) + rng.normal(0.0, noise, len(t)), digits)
        value = np.clip(value, *RANGE[seat.sensor.kind])
        keep, last, last_s = [], np.inf, -np.inf
        for k, (now_s, now) in enumerate(zip(t.tolist(), value.tolist(), strict=True)):
            if abs(now - last) >= step - 1e-9 or now_s - last_s >= beat_s:
                keep.append(k)
                last, last_s = now, now_s
        return t[keep], value[keep]

    return read


WATTS: Final[Mapping[str, float]] = {"kettle": 2000.0, "stove": 1500.0, "tv": 90.0}
STANDBY_W: Final = 0.8


def _plug(seat: _Seat, rng: np.random.Generator) -> Readings:
    """Power after each switching; the plug knows what hangs on it by its name."""
    start, end = seat.spells(seat.sensor.name)
    t, v = _switching(start, end)
    watts = WATTS.get(seat.sensor.name, 100.0) * rng.normal(1.0, 0.02, len(v))
    power_w: F64 = np.where(v > 0, watts, STANDBY_W)
    return t + rng.uniform(0.2, 2.0, len(t)), power_w.round(1)


def _button(seat: _Seat, _rng: np.random.Generator) -> Readings:
    press = seat.stirs.spells.get("press")  # worn: it works in every room
    t = np.zeros(0) if press is None else press.start_s
    return t, np.ones(len(t))


KINDS: Final[Mapping[str, Callable[[_Seat, np.random.Generator], Readings]]] = {
    "pir": _pir,
    "door": _door,
    "appliance-door": _appliance_door,
    "bed": _pressure("bed"),
    "chair": _pressure("chair"),
    "presence": _presence,
    "radar-fall": _radar_fall,
    "temperature": _climate(0.2, 1, 0.3, 0.05),
    "humidity": _climate(2.0, 1, 2.0, 0.3),
    "plug": _plug,
    "button": _button,
}
"""What each kind of sensor says. Climate offsets: ±0.3 K and ±2 % are what makers of such devices state."""
