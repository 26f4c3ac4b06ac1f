"""Devices of the roster that speak a dialect: which topics are theirs, and what in their messages is news.

Takes messages by topic; gives the board readings, and what devices say about themselves. One message may
hold readings of several sensors. A state counts when it changes; a state that is repeated, one that was
stored, and movement in the first message after a start, ours or that of the program that speaks for the
device, are nobody's doing. Help, smoke, gas, water and falls are never held back for want of a state
before.
"""
# ruff: noqa: SLF001  (`follow` reads another object of the same class)

from collections import Counter
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import isnan, nan
from typing import Final, Protocol

from guardian.homes import LIFE_BY_ONE
from guardian.slab import SensorSpec
from guardian.wire import Reason, Reject
from guardian.wire.dialects import TOPICS
from guardian.wire.native import ALARM_KINDS, FLAG_KINDS, Event, Status
from guardian.wire.source import Heard, Parse, ParseStatus, Quantity, Source

MEASURE_MS: Final = 60_000
"""How often a measured value that is repeated is passed on: it shows that the sensor lives. Judgement."""
NEVER_OLD: Final = frozenset(ALARM_KINDS) - {"cancel"}
"""Kinds whose 1 is never taken for a repeated one at a start."""
MOVEMENT: Final = LIFE_BY_ONE - frozenset(ALARM_KINDS)
"""Kinds whose every 1 is a sign of life and no alarm: the first one may be an old state."""


class Taker(Protocol):
    """The board as its devices see it."""

    def stage(self, spec: SensorSpec, event: Event, arrival_ms: int) -> object:
        """Take one reading."""
        ...

    def tell(self, spec: SensorSpec, said: Status) -> None:
        """Take what the device of a sensor says about itself."""
        ...

    def refuse_of(self, spec: SensorSpec, reason: Reason) -> None:
        """Count a payload of a sensor that cannot be used."""
        ...

    def value_of(self, spec: SensorSpec) -> float:
        """Give a sensor's value as last folded, before a restart too; NaN = never heard."""
        ...


@dataclass(slots=True)
class _Sensor:
    spec: SensorSpec
    last: float = nan
    passed_ms: int = 0
    """Arrival of the last reading that was passed on."""
    known: bool = False
    """Its state has been heard since the start of whoever speaks for it."""


@dataclass(slots=True)
class _Device:
    sensors: list[_Sensor]
    offline: bool = False
    bridge_offline: bool = False
    sleeps: bool = False
    battery: float | None = None
    rssi: float | None = None
    told: bool = False
    """The board has been told of it."""


@dataclass(slots=True)
class _Bridge:
    devices: list[_Device] = field(default_factory=list)
    offline: bool = False


Route = Callable[[bytes, bool, int], None]


class Devices:
    """One dictionary from topic to what decodes it."""

    def __init__(self, sensors: Sequence[SensorSpec], taker: Taker) -> None:
        """Lay out the topics of those sensors whose source is a dialect with words (not `thermal`)."""
        self._taker = taker
        self._routes: dict[str, Route] = {}
        self.readings: list[str] = []
        """Topics with readings: to be subscribed without stored messages."""
        self.statuses: list[str] = []
        """Topics on which devices say whether they are there: with stored messages."""
        self.counters: Counter[str] = Counter()
        """`repeats`: states and values that were no news; `start-up`: movement that may be an old state."""
        self._devices: dict[tuple[str, str], _Device] = {}
        """By dialect and topic."""
        self._bridges: dict[str, _Bridge] = {}
        """By their own topic."""
        by_device: dict[tuple[str, str], list[tuple[SensorSpec, Source]]] = {}
        for spec in sensors:
            if spec.source is not None and spec.source.dialect in TOPICS:
                by_device.setdefault((spec.source.dialect, spec.source.topic), []).append((spec, spec.source))
        for key, some in by_device.items():
            device = self._devices[key] = _Device([_Sensor(spec) for spec, _ in some])
            topics = TOPICS[key[0]]([Quantity(spec.kind, source) for spec, source in some])
            for topic, parse in topics.readings.items():
                self._add(self.readings, topic, partial(self._reading, device, parse))
            for topic, parse_status in topics.statuses.items():
                self._add(self.statuses, topic, partial(self._status, device, parse_status))
            for topic, parse_status in topics.bridges.items():
                if topic not in self._bridges:
                    bridge = self._bridges[topic] = _Bridge()
                    self._add(self.statuses, topic, partial(self._bridge, bridge, parse_status))
                self._bridges[topic].devices.append(device)

    def _add(self, kind: list[str], topic: str, route: Route) -> None:
        if topic in self._routes:
            raise ValueError(f"two devices of the roster share the topic {topic}")
        kind.append(topic)
        self._routes[topic] = route

    def follow(self, old: "Devices", anew: Container[tuple[str, str]]) -> None:
        """Go on from those of another roster: devices by dialect and topic, their sensors by name and source.

        What a device or its bridge has said of itself holds for all its sensors, new ones too.
        """
        for key, device in self._devices.items():
            was = old._devices.get(key)
            if was is None:
                continue
            device.offline, device.sleeps, device.told = was.offline, was.sleeps, was.told
            device.battery, device.rssi = was.battery, was.rssi
            known = {(s.spec.home, s.spec.name, s.spec.source): s for s in was.sensors}
            for sensor in device.sensors:
                name = sensor.spec.home, sensor.spec.name
                its = known.get((*name, sensor.spec.source))
                if its is not None and name not in anew:
                    sensor.last, sensor.passed_ms, sensor.known = its.last, its.passed_ms, its.known
        for topic in self._bridges.keys() & old._bridges.keys():
            bridge = self._bridges[topic]
            bridge.offline = old._bridges[topic].offline
            for device in bridge.devices:
                device.bridge_offline |= bridge.offline
        for device in self._devices.values():
            if device.told or device.bridge_offline:
                self._tell(device)
        self.counters.update(old.counters)

    def end(self) -> None:
        """Let go of the board: what refers to itself would never be freed (memory.py)."""
        self._routes.clear()
        del self._taker

    def hear(self, topic: str, payload: bytes, retained: bool, arrival_ms: int) -> bool:
        """Take one message; False when the topic is no device's. Bad payloads are counted, never raised."""
        route = self._routes.get(topic)
        if route is None:
            return False
        route(payload, retained, arrival_ms)
        return True

    # --- readings ----------------------------------------------------------------------------------

    def _reading(
        self, device: _Device, parse: Parse, payload: bytes, retained: bool, arrival_ms: int
    ) -> None:
        if retained:
            self._taker.refuse_of(device.sensors[0].spec, Reason.RETAINED)
            return
        try:
            heard = parse(payload)
        except Reject as reject:
            self._taker.refuse_of(device.sensors[0].spec, reject.reason)
            return
        for i, reason in heard.refused:
            self._taker.refuse_of(device.sensors[i].spec, reason)
        for i, event, pressed in heard.said:
            sensor = device.sensors[i]
            if pressed or self._is_news(sensor, event.value, arrival_ms):
                sensor.passed_ms = arrival_ms
                self._taker.stage(sensor.spec, event, arrival_ms)
        self._about(device, heard)

    def _is_news(self, sensor: _Sensor, value: float, arrival_ms: int) -> bool:
        """Tell whether a state or a measured value is to be passed on.

        1. A measured value: when it differs from the last one, or after a minute; the first one since whoever
           speaks for the device started may be an old one, and an unchanged one is then no news.
        2. A state: when it differs from the last one, which after our own restart is what was folded before.
        3. Not movement where the state has not been heard since whoever speaks for the device started.
        4. Help, smoke, gas, water and falls also when they are as before, if the state has not been heard
           since then: what ended them may have been missed, and a second fire must not wait for its end.
        """
        before = self._taker.value_of(sensor.spec) if isnan(sensor.last) else sensor.last
        known, sensor.known, sensor.last = sensor.known, True, value
        if sensor.spec.kind not in FLAG_KINDS:
            news = value != before or (known and arrival_ms - sensor.passed_ms >= MEASURE_MS)
        else:
            news = value != before or (bool(value) and not known and sensor.spec.kind in NEVER_OLD)
            if news and value and not known and sensor.spec.kind in MOVEMENT:
                self.counters["start-up"] += 1
                return False
        self.counters["repeats"] += not news
        return news

    def _about(self, device: _Device, heard: Heard) -> None:
        before = device.battery, device.rssi, device.sleeps
        if heard.battery is not None:
            device.battery = heard.battery
        if heard.rssi is not None:
            device.rssi = heard.rssi
        device.sleeps |= heard.sleeps
        if (device.battery, device.rssi, device.sleeps) != before:
            self._tell(device)

    # --- what they say about themselves ------------------------------------------------------------

    def _status(
        self, device: _Device, parse: ParseStatus, payload: bytes, _retained: bool, _arrival_ms: int
    ) -> None:
        try:
            said = parse(payload)
        except Reject as reject:
            self._taker.refuse_of(device.sensors[0].spec, reject.reason)
            return
        device.offline = said.state == "offline"
        self._tell(device)

    def _bridge(
        self, bridge: _Bridge, parse: ParseStatus, payload: bytes, retained: bool, _arrival_ms: int
    ) -> None:
        try:
            offline = parse(payload).state == "offline"
        except Reject as reject:
            self._taker.refuse_of(bridge.devices[0].sensors[0].spec, reject.reason)
            return
        bridge.offline = offline
        for device in bridge.devices:
            device.bridge_offline = offline
            self._tell(device)
            for sensor in device.sensors:
                sensor.known &= retained  # it has just started, or ended: what comes next may be old

    def _tell(self, device: _Device) -> None:
        device.told = True
        gone = (device.offline and not device.sleeps) or device.bridge_offline
        state = "offline" if gone else "online"
        for sensor in device.sensors:
            self._taker.tell(sensor.spec, Status(state, device.battery, device.rssi))
