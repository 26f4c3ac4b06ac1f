"""One simulated home, put together: who lives there, what is warm, which sensors look and listen.

Takes the parts that the other stations made; gives the frames of each thermal sensor block by block,
what the roster would say of the home, and its truth with times in ms since 1970. Never detects anything.
Where nobody is in view and nothing changes, one frame per IDLE_S is drawn, and the share is counted.
"""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from guardian.roster import spec_of
from guardian.slab import SensorSpec
from guardian.trace import Position, TraceEvent, TraceSensor, TruthRow, Zone
from simulator.camera import Camera, Painter
from simulator.delivery import Carry, SentEvents, SentFrames, deliver_events, deliver_frames
from simulator.faults import Fault
from simulator.world import F64, I16, I64, NOWHERE, Actor, Air, Events, Plan, Source, Truth

IDLE_S: Final = 5.0  # DESIGN section 8: idle stretches may be drawn at one frame per 5 s
OF_THE_HOME: Final = frozenset({"blind", "sensor-fault", "cold", "heat", "appliance-left-on", "fire"})
"""What is true of a home once, however many rooms or sensors it is true of."""
LEAD_S: Final = 2.0  # and begins this long before somebody comes in
AFTER_S: Final = 10.0  # full rate goes on this long after the last change: backgrounds and tracks settle


@dataclass(frozen=True, slots=True)
class Eye:
    """A thermal sensor in a room."""

    name: str
    room: int
    camera: Camera


@dataclass(frozen=True, slots=True)
class Home:
    """Everything that is true of one home."""

    name: str
    plan: Plan
    start_ms: int
    duration_s: float
    air: Air
    actors: tuple[Actor, ...] = ()
    """The resident first."""
    eyes: tuple[Eye, ...] = ()
    sources: tuple[Source, ...] = ()
    events: Events | None = None
    truth: tuple[Truth, ...] = ()
    faults: tuple[Fault, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    """How results are told apart: mount, resolution, kind, …"""
    begin_s: float = 0.0
    """Readings before it are not sent: the scene of a longer diary that is watched."""
    absences: tuple[tuple[float, float], ...] = ()
    """Seconds from and until which staff know that nobody is there."""
    thinned: bool = True
    """Idle stretches are drawn at one frame per IDLE_S."""

    def specs(self) -> tuple[SensorSpec, ...]:
        """Give its sensors as the roster knows them."""
        return tuple(spec_of(s) for s in self.sensors())

    def sensors(self) -> tuple[TraceSensor, ...]:
        """Give its sensors as a trace lists them."""
        thermal = [
            TraceSensor(
                self.name,
                e.name,
                "thermal",
                self.plan.rooms[e.room].name,
                e.camera.rows,
                e.camera.cols,
                e.camera.rate_hz,
                e.camera.mount,
                e.camera.height_m,
                e.camera.fov_deg,
                tilt_deg=e.camera.tilt_deg,
                yaw_deg=e.camera.yaw_deg,
                x_m=e.camera.x_m,
                y_m=e.camera.y_m,
            )
            for e in self.eyes
        ]
        heard = () if self.events is None else self.events.sensors
        none = (None, None, None, None, None, None)
        return (*thermal, *(TraceSensor(self.name, s.name, s.kind, s.room, *none, s.outside) for s in heard))

    def zones(self) -> tuple[Zone, ...]:
        """Give its furniture as a trace lists it."""
        return tuple(
            Zone(self.name, room.name, z.name, z.kind, z.x0_m, z.y0_m, z.x1_m, z.y1_m)
            for room in self.plan.rooms
            for z in room.zones
        )

    def ms(self, t_s: float) -> int:
        """Turn seconds since the start into ms since 1970."""
        return self.start_ms + round(t_s * 1000)

    def truth_rows(self) -> tuple[TruthRow, ...]:
        """Give what truly happened, in order of start."""
        rows = [*self.truth, *(t for a in self.actors[:1] for t in a.motion.truth)]
        ordered = sorted(rows, key=lambda t: (t.start_s, t.end_s, t.label))
        out: list[TruthRow] = []
        last: dict[str, int] = {}
        for t in ordered:
            row = TruthRow(self.ms(t.start_s), self.ms(t.end_s), t.label, t.subject)
            k = last.get(t.label, -1)
            if t.label in OF_THE_HOME and k >= 0 and row.start_ms <= out[k].end_ms:
                out[k] = replace(out[k], end_ms=max(out[k].end_ms, row.end_ms))
                continue
            last[t.label] = len(out)
            out.append(row)
        begin_ms, end_ms = self.ms(self.begin_s), self.ms(self.duration_s)
        return tuple(row for row in out if row.end_ms >= begin_ms and row.start_ms < end_ms)

    def trace_events(self) -> list[TraceEvent]:
        """Give its events from `begin_s` on as a trace lists them."""
        e = self.events
        if e is None:
            return []
        ms = self.start_ms + np.round(e.t_s * 1000).astype(np.int64)
        return [
            TraceEvent(int(t), e.sensors[s].name, float(v))
            for t, s, v in zip(ms, e.sensor, e.value, strict=True)
            if t >= self.ms(self.begin_s)
        ]

    def sent_events(self) -> Iterator[tuple[str, SentEvents]]:
        """Give what arrives of each event sensor, after what goes wrong on the way."""
        seed = zlib.crc32(self.name.encode())
        by_sensor: dict[str, list[TraceEvent]] = {}
        for e in self.trace_events():
            by_sensor.setdefault(e.sensor, []).append(e)
        for sensor, own in sorted(by_sensor.items()):
            t_ms = np.array([e.t_ms for e in own], np.int64)
            value = np.array([e.value for e in own], np.float64)
            yield (
                sensor,
                deliver_events(self.faults, sensor, t_ms, value, seed=seed, start_ms=self.start_ms),
            )

    def where(self, t_ms: I64) -> tuple[I16, F64]:
        """Give the resident's room (N,) and place (N, 2) at the times `t_ms` (N,)."""
        if not self.actors:
            return np.full(len(t_ms), NOWHERE, np.int16), np.full((len(t_ms), 2), np.nan)
        pose, room = self.actors[0].motion.at((t_ms - self.start_ms) / 1000.0)
        return room, np.where(room[:, None] == NOWHERE, np.nan, pose[:, :2])

    def positions(self, step_s: float = 1.0) -> Iterator[Position]:
        """Give where the resident is, second by second, as a trace lists it."""
        t_ms = self.start_ms + np.round(np.arange(self.begin_s, self.duration_s, step_s) * 1000).astype(
            np.int64
        )
        room, place = self.where(t_ms)
        for t, r, (x, y) in zip(t_ms.tolist(), room.tolist(), place.tolist(), strict=True):
            yield Position(t, "" if r == NOWHERE else self.plan.rooms[r].name, x, y)


class View:
    """What one thermal sensor of a home sends, drawn in order of time."""

    def __init__(self, home: Home, eye: Eye) -> None:
        self._home, self._eye = home, eye
        self._painter = Painter(eye.camera, eye.room, home.actors, home.sources, home.air)
        period = 1.0 / eye.camera.rate_hz
        self._phase_s = float(np.random.default_rng([eye.camera.seed, 70]).uniform(0, min(period, 0.2)))
        self._carry = Carry()
        self._changed_s = home.begin_s  # backgrounds settle at the full rate first
        self.frames = 0
        """Frames that the device would have sent so far."""
        self.drawn = 0
        """Frames drawn so far."""

    def block(self, t0_s: float, t1_s: float) -> tuple[F64, I16]:
        """Frames taken in [t0_s, t1_s): times (N,) and centi-°C (N, rows, cols). Blocks follow each other."""
        rate = self._eye.camera.rate_hz
        first = int(np.ceil((t0_s - self._phase_s) * rate - 1e-9))
        last = int(np.ceil((t1_s - self._phase_s) * rate - 1e-9))
        k = np.arange(max(first, 0), last)
        t_s = k / rate + self._phase_s
        changed_s = np.where(self._painter.changing(t_s, LEAD_S), t_s, -np.inf)
        latest_s = np.maximum(np.maximum.accumulate(changed_s), self._changed_s)
        self._changed_s = latest_s[-1] if len(latest_s) else self._changed_s
        slot = np.floor(k / rate / IDLE_S)
        tick = np.floor((k - 1) / rate / IDLE_S) != slot
        wanted = tick | (t_s - latest_s <= AFTER_S) | (not self._home.thinned)
        self.frames += len(k)
        self.drawn += int(wanted.sum())
        return t_s[wanted], self._painter.draw(t_s[wanted])

    def sent(self, t0_s: float, t1_s: float) -> SentFrames:
        """Give what arrives of the frames taken in [t0_s, t1_s), after what goes wrong on the way."""
        home = self._home
        t_s, centi = self.block(t0_s, t1_s)
        t_ms = home.start_ms + np.round(t_s * 1000).astype(np.int64)
        sent = deliver_frames(
            home.faults,
            self._eye.name,
            t_ms,
            centi,
            self._carry,
            seed=self._eye.camera.seed,
            start_ms=home.start_ms,
        )
        self._carry = sent.carry
        return sent
