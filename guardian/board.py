"""All homes on one board: topic → row, payloads into the staging slabs, readings into home arrays.

Takes topics and payloads from the link, gives the beat its batches of frames and its events, and
answers what is known of every home. Rejects are counted by reason and device; what a bad payload held
is never stored or logged. Never waits and never reads a clock.
"""
# ruff: noqa: SLF001  (`follow` reads another object of the same class)

import asyncio
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.frame import Frames
from detectors.layout import Events
from detectors.position import PositionParams, PositionState
from guardian.devices import Devices
from guardian.homes import Activity, Homes, Reading, StateOfHomes, decode_events, encode_events
from guardian.plan import THERMAL, checked, rooms_of
from guardian.refusals import Refusals, levels_of
from guardian.slab import Group, Lane, SensorSpec
from guardian.wire import Reason, Reject, thermal
from guardian.wire.native import (
    Event,
    Status,
    claimed_frames,
    frame_times,
    frames_into,
    pack_frame,
    parse_event,
    parse_status,
)

__all__ = [
    "Activity", "Board", "Group", "Reading", "SensorSpec", "StateOfHomes", "decode_events", "encode_events",
]  # fmt: skip

REPLAY_DEPTH: Final = 32
"""Frames for each sensor under replay: five beats of 200 ms in flight at up to 30 Hz."""


class Board:
    """Staging, state and counters of one site."""

    def __init__(
        self, site: str, sensors: Sequence[SensorSpec], *, depth: int = 8, replay: bool = False
    ) -> None:
        """Lay out the arrays.

        depth: frames each thermal sensor may have waiting. replay: arrival is the reading's own time.
        Raises ValueError for a sensor that is there twice, of an unknown kind, or without a shape.
        """
        self.site = site
        self.specs = tuple(sensors)
        """As the roster has them."""
        self._replay = replay
        if replay:  # replays speak Guardian's own topics, whatever the device spoke
            sensors = [replace(s, source=None) for s in sensors]
        self._depth = max(depth, REPLAY_DEPTH) if replay else depth
        self._specs = checked(sensors)
        self.homes: tuple[str, ...] = tuple(dict.fromkeys(s.home for s in sensors))
        rows = {home: i for i, home in enumerate(self.homes)}
        by_shape: dict[tuple[int, int], list[SensorSpec]] = {}
        for s in sensors:
            if s.kind == THERMAL:
                by_shape.setdefault((s.rows or 0, s.cols or 0), []).append(s)
        self.groups: Mapping[tuple[int, int], Group] = {
            shape: Group(specs, rows, self._depth) for shape, specs in sorted(by_shape.items())
        }
        """By (rows, cols)."""
        self._lanes: dict[str, Lane] = {}
        self._foreign: dict[str, tuple[SensorSpec, Lane, Callable[[bytes], NDArray[np.int16]]]] = {}
        for group in self.groups.values():
            for row, s in enumerate(group.specs):
                if s.source is None:
                    self._lanes[f"guardian/{site}/{s.home}/{s.name}/frame"] = group.lane(row)
                else:
                    decode = thermal.decoder(s.source, group.rows, group.cols)
                    self._foreign[s.source.topic] = s, group.lane(row), decode
        events = [s for s in sensors if s.kind != THERMAL]
        self._event_specs = {
            f"guardian/{site}/{s.home}/{s.name}/event": s for s in events if s.source is None
        }
        self._homes = Homes(self.homes, tuple(self.groups.values()), events)
        self.rooms = self._homes.rooms
        self.layout = self._homes.layout
        cameras = [s for group in self.groups.values() for s in group.specs]
        self.room_names = rooms_of(self.homes, [*events, *cameras])
        """(home, room) of each row of rooms in the layout; those of sensors and cameras (home, sensor)."""
        self.sensor_names = [(s.home, s.name) for s in events]
        self.camera_names = [(s.home, s.name) for s in cameras]
        self._device_row = {name: i for i, name in enumerate([*self.sensor_names, *self.camera_names])}
        self.offline = np.zeros(len(self._device_row), np.bool_)
        """(E + C,) sensors, then cameras, whose last status says that they are offline."""
        self.battery = np.full(len(self._device_row), np.nan, np.float32)
        """(E + C,) %, NaN = not told."""
        self._staged: list[Reading] = []
        self._arrived = asyncio.Event()
        self._frames_before = 0  # of sensors that have left the roster since
        self._rejected_frames = self._rejected_events = 0
        self.events_taken = 0
        self._refusals = Refusals(site, self._specs.keys(), self._homes.knows)
        self.rejects = self._refusals.counts
        """(reason, `home/sensor`) → payloads."""
        self.devices = Devices(sensors, self)
        """Sensors whose devices speak a dialect."""
        self.statuses: dict[tuple[str, str], tuple[str, float | None, float | None]] = {}
        """(home, sensor) → state, battery in %, signal in dBm; only sensors of the roster."""

    # --- what comes in -----------------------------------------------------------------------------

    def frame(self, topic: str, payload: bytes | memoryview, arrival_ms: int) -> None:
        """Stage the frames of one message; the oldest make room when a sensor's ring is full.

        Raises
        ------
        Reject
            The payload is not a frame of a known sensor; it has been counted.

        """
        lane = self._lanes.get(topic)
        if lane is not None:
            row, size, head, ring, counts, arrivals, depth, _ = lane
            if len(payload) == size and payload[:8] == head and not self._replay:  # one plain frame
                count = counts[row]
                slot = count % depth
                ring[slot * size : (slot + 1) * size] = payload
                arrivals[row * depth + slot] = arrival_ms
                counts[row] = count + 1
                return
        try:
            self._frames(topic, lane, payload, arrival_ms)
        except Reject as reject:
            self._rejected_frames += claimed_frames(payload)
            self.refuse(topic, reject.reason)
            raise
        finally:
            self._arrived.set()

    def _frames(self, topic: str, lane: Lane | None, payload: bytes | memoryview, arrival_ms: int) -> None:
        if lane is None:
            foreign = self._foreign.get(topic)
            if foreign is None:
                raise self._refusals.stranger(topic)
            _, lane, decode = foreign
            payload = pack_frame(decode(bytes(payload)))
        group, row, count = lane.group, lane.row, lane.counts[lane.row]
        taken = frames_into(payload, group.rows, group.cols, lane.ring, count)
        times = frame_times(payload, lane.size)
        spread = times if self._replay else group.arrivals(times, row, arrival_ms)
        for i, t in enumerate(spread):
            lane.arrivals[row * lane.depth + (count + i) % lane.depth] = t
        lane.counts[row] = count + taken

    def event(self, topic: str, payload: bytes | memoryview, arrival_ms: int) -> Reading:
        """Stage one event.

        Raises
        ------
        Reject
            The payload is not an event of a known sensor; it has been counted.

        """
        try:
            spec = self._event_specs.get(topic)
            if spec is None:
                raise self._refusals.stranger(topic)
            e = parse_event(payload, spec.kind)
        except Reject as reject:
            self._rejected_events += 1
            self.refuse(topic, reject.reason)
            raise
        finally:
            self._arrived.set()
        return self.stage(spec, e, arrival_ms)

    def stage(self, spec: SensorSpec, e: Event, arrival_ms: int) -> Reading:
        """Stage one decoded event of a sensor of the roster."""
        arrival = e.t if self._replay else arrival_ms
        reading = Reading(
            spec.home, spec.name, spec.kind, spec.room, float(e.value), e.t, arrival, e.id, e.boot, e.seq
        )
        self._staged.append(reading)
        self.events_taken += 1
        return reading

    def status(self, topic: str, payload: bytes | memoryview) -> None:
        """Take what a device says about itself. Raises Reject (counted)."""
        try:
            _, _, home, sensor, _ = levels_of(topic)
            spec = self._specs.get((home, sensor))
            if spec is None or spec.source is not None:
                raise self._refusals.stranger(topic)
            said = parse_status(payload)
        except Reject as reject:
            self.refuse(topic, reject.reason)
            raise
        self.tell(spec, said)

    def tell(self, spec: SensorSpec, said: Status) -> None:
        """Take what the device of a sensor says about itself."""
        self.statuses[spec.home, spec.name] = (said.state, said.battery, said.rssi)
        row = self._device_row[spec.home, spec.name]
        self.offline[row] = said.state == "offline"
        self.battery[row] = np.nan if said.battery is None else said.battery

    def refuse(self, topic: str, reason: Reason) -> None:
        """Count one rejected payload; the first of its kind from a device is logged, without content."""
        if topic in self._foreign:
            topic = self._own_topic(self._foreign[topic][0])
        self._refusals.count(topic, reason)

    def refuse_of(self, spec: SensorSpec, reason: Reason) -> None:
        """Count one rejected payload of a sensor of the roster, whatever its topic."""
        self.refuse(self._own_topic(spec), reason)

    def _own_topic(self, spec: SensorSpec) -> str:
        return f"guardian/{self.site}/{spec.home}/{spec.name}/event"

    def value_of(self, spec: SensorSpec) -> float:
        """Give an event sensor's value as last folded, before a restart too; NaN = never heard."""
        return self._homes.value(spec.home, spec.name)

    @property
    def foreign_frames(self) -> Sequence[str]:
        """Topics of thermal frames that are not native."""
        return tuple(self._foreign)

    # --- what the beat takes -----------------------------------------------------------------------

    def batches(self, now_ms: int) -> Iterator[tuple[Group, Frames]]:
        """Give every frame that arrived by `now_ms`, once and in order, in batches of at most slab.CHUNK.

        Consumed as it is iterated: the caller may let the loop run between two chunks. Under replay a
        reading at exactly `now_ms` belongs to the next beat, however early it came.
        """
        until_ms = now_ms - self._replay
        for group in self.groups.values():
            for frames in group.batches(until_ms, self._unusable):
                yield group, frames

    def _unusable(self, group: Group, rows: NDArray[np.intp]) -> None:
        for row in rows:
            home, sensor, _ = group.name_of(row)
            self.refuse(f"guardian/{self.site}/{home}/{sensor}/frame", Reason.NO_PIXELS)

    def take_events(self, now_ms: int) -> list[Reading]:
        """Give the staged events that arrived by `now_ms` (as `batches`), in the order they came in."""
        until_ms = now_ms - self._replay
        taken = [r for r in self._staged if r.arrival_ms <= until_ms]
        self._staged = [r for r in self._staged if r.arrival_ms > until_ms]
        return taken

    @property
    def waiting_events(self) -> int:
        """Events staged and not yet taken."""
        return len(self._staged)

    # --- counts ------------------------------------------------------------------------------------

    @property
    def received_frames(self) -> int:
        """Frames received since the start, the rejected and the dropped ones included."""
        return self.frames_taken + self._rejected_frames

    @property
    def received_events(self) -> int:
        """Events received since the start, the rejected ones included."""
        return self.events_taken + self._rejected_events

    async def received(self, frames: int, events: int) -> None:
        """Wait until so many frames and events have been received since the start (under replay)."""
        while self.received_frames < frames or self.received_events < events:
            self._arrived.clear()
            await self._arrived.wait()

    @property
    def frames_taken(self) -> int:
        """Frames staged since the start."""
        return self._frames_before + sum(g.taken for g in self.groups.values())

    @property
    def frames_dropped(self) -> NDArray[np.int64]:
        """(H,) frames that made room for newer ones, by home."""
        out = np.zeros(len(self.homes), np.int64)
        for g in self.groups.values():
            np.add.at(out, g.home_of, g.dropped)
        return out

    @property
    def camera_ms(self) -> NDArray[np.int64]:
        """(C,) arrival of each camera's last usable frame, −1 = never; rows as in the layout."""
        return self._of_cameras([g.heard_ms for g in self.groups.values()])

    @property
    def refused_ms(self) -> NDArray[np.int64]:
        """(C,) arrival of each camera's last frame without a usable pixel, −1 = never."""
        return self._of_cameras([g.refused_ms for g in self.groups.values()])

    @property
    def camera_boots(self) -> NDArray[np.int64]:
        """(C,) starts of each camera that were noticed since ours."""
        return self._of_cameras([g.boots for g in self.groups.values()])

    @property
    def sensor_boots(self) -> NDArray[np.int64]:
        """(E,) the same of event sensors."""
        return self._homes.boots

    @property
    def events_missed(self) -> int:
        """Events that the numbers of event sensors leave out, restarts of ours survived."""
        return int(self._homes.missed.sum())

    @staticmethod
    def _of_cameras(parts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
        return np.concatenate([np.zeros(0, np.int64), *parts])

    @property
    def duplicates(self) -> int:
        """Readings that were folded before and dropped."""
        return self._homes.duplicates

    @property
    def set_aside(self) -> int:
        """Readings that an error kept out of the home arrays; they are in the ledger's beat row."""
        return self._homes.set_aside

    # --- what is known of the homes ----------------------------------------------------------------

    @property
    def last_seen(self) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
        """(C,) when each camera last saw somebody, and in which posture; see `Homes.last_seen`."""
        return self._homes.last_seen

    def fold(self, readings: Sequence[Reading]) -> list[Reading]:
        """Take readings into the home arrays (live, and at replay after a restart); give the new ones."""
        return self._homes.fold(readings)

    def mute(self, sensors: NDArray[np.bool_]) -> None:
        """(E,) readings of these sensors are no signs of life from now on."""
        self._homes.muted = sensors

    def take_heard(self) -> Events:
        """Give the readings folded since the last time, as the detectors take them."""
        return self._homes.take_heard()

    def locate(self, params: PositionParams, state: PositionState) -> None:
        """Let this filter say where everybody is."""
        self._homes.locate(params, state)

    def see(  # noqa: PLR0917  (one argument for each array that the detector gives)
        self,
        group: Group,
        sensor: NDArray[np.intp],
        people: NDArray[np.int8],
        posture: NDArray[np.int8],
        x_m: NDArray[np.float32],
        y_m: NDArray[np.float32],
        confidence: NDArray[np.float32],
        now_ms: int,
        degraded: NDArray[np.bool_] | bool = False,
    ) -> None:
        """Take what the thermal detectors saw in one batch; arrays (N,), see `Homes.see`."""
        self._homes.see(group, sensor, people, posture, x_m, y_m, confidence, now_ms, degraded)

    def state(self, now_ms: int | None = None) -> StateOfHomes:
        """What is known of every home at `now_ms` (None: at the newest thing heard)."""
        return self._homes.state(now_ms)

    def snapshot(self, *, live: bool = False) -> dict[str, NDArray[Any]]:
        """Everything learnt, by name, without staged frames and events; `live`: the arrays themselves."""
        out = self._homes.snapshot(live=live)
        for (rows, cols), group in self.groups.items():
            out |= {f"group.{rows}x{cols}.{k}": v for k, v in group.snapshot(live=live).items()}
        return out

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take back a snapshot; homes and sensors that the roster no longer has are left out."""
        self._homes.restore(arrays)
        for (rows, cols), group in self.groups.items():
            prefix = f"group.{rows}x{cols}."
            mine = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
            if mine:
                group.restore(mine)

    def follow(self, old: "Board", anew: Container[tuple[str, str]]) -> None:
        """Go on at once from the board of another roster, without the sensors `anew`, after `restore`.

        Takes over what no snapshot holds: readings that wait, counts, what devices say about themselves.
        """
        self._homes.follow(old._homes, anew)
        self._frames_before = old._frames_before
        for shape, group in old.groups.items():
            here = self.groups.get(shape)
            self._frames_before += here.follow(group, anew) if here is not None else group.taken
        self._rejected_frames, self._rejected_events = old._rejected_frames, old._rejected_events
        self._staged, self.events_taken = list(old._staged), old.events_taken
        self._refusals.follow(old._refusals)
        for device, (state, battery, rssi) in old.statuses.items():
            spec = self._specs.get(device)
            if spec is not None and spec.source == old._specs[device].source:
                self.tell(spec, Status(state, battery, rssi))
        self.devices.follow(old.devices, anew)
