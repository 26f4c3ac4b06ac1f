"""The devices of the outage bench: real MQTT clients that keep on through everything that breaks.

Each home has two motion sensors: one whose events carry an id and are repeated until Guardian acknowledges
them, and one whose events are plain QoS 1. paho keeps what the broker has not acknowledged and connects
again, as the firmware of such devices does. Some homes have a camera of 8×8. Writes down what was sent.
"""

import asyncio
import threading
import time
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from guardian.link import BrokerAddress
from guardian.wire.native import pack_event, pack_frame

SITE: Final = "bench"
SENSORS: Final = ("repeats", "plain")
TICK_S: Final = 0.05
REPEAT_S: Final = 5.0
"""A device sends what nobody has acknowledged again after so long, then after twice as long each time."""
MOST_S: Final = 60.0
CONNECTIONS: Final = 8
KEEPALIVE_S: Final = 15
FRAME_RATE_HZ: Final = 4.0
SIDE: Final = 8
"""Pixels of a camera's side."""


class Event(NamedTuple):
    """One event of one sensor; the same in the ledger."""

    home: str
    sensor: str
    """One of SENSORS."""
    t_ms: int
    """When it was sent first; no two of a sensor have the same."""


def home(number: int) -> str:
    """Id of a home."""
    return f"h{number:04d}"


class Devices:
    """All of them, over a few connections."""

    def __init__(self, broker: BrokerAddress, homes: int, cameras: int, per_s: float) -> None:
        self.sent: list[Event] = []
        self.repeated = 0
        """Repetitions."""
        self._homes, self._cameras, self._per_s = homes, cameras, per_s
        self._waiting: dict[Event, tuple[bytes, float, float]] = {}
        """Unacknowledged events → payload, when to send it again, and how long after that once more."""
        self._lock = threading.Lock()
        self._lines = [self._connected(broker, f"dev-{c}") for c in range(CONNECTIONS)]
        self._acks = self._connected(broker, "dev-acks")
        picture = np.full((SIDE, SIDE), 2200, np.int16)
        self._picture = picture + np.random.default_rng(1).integers(-20, 20, picture.shape, np.int16)

    def _connected(self, broker: BrokerAddress, name: str) -> mqtt.Client:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=False)
        client.reconnect_delay_set(1, 2)
        client.max_inflight_messages_set(1000)
        if name.endswith("acks"):
            client.on_connect = lambda c, *_: c.subscribe(f"guardian-out/{SITE}/+/+/ack", 1)
            client.on_message = self._acknowledged
        client.connect(broker.host, broker.port, KEEPALIVE_S)
        client.loop_start()
        return client

    def _acknowledged(self, _client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        _, _, at, sensor, _ = message.topic.split("/")
        said = msgspec.json.decode(message.payload)["id"]
        with self._lock:
            self._waiting.pop(Event(at, sensor, int(said)), None)

    @property
    def unacknowledged(self) -> int:
        """Events with an id that nobody has acknowledged yet."""
        return len(self._waiting)

    async def run(self) -> None:
        """Send until cancelled."""
        begun_s, number, frames, at = time.monotonic(), 0, 0, 0
        while True:
            spent_s = time.monotonic() - begun_s
            while number < spent_s * self._per_s:
                self._send_event(at % self._homes, number)
                number, at = number + 1, at + 1
            if frames < spent_s * FRAME_RATE_HZ:
                frames += 1
                self._send_frames(frames)
            self.repeat()
            await asyncio.sleep(TICK_S)

    def _send_event(self, at: int, number: int) -> None:
        turn, t_ms = number // self._homes, time.time_ns() // 1_000_000
        event = Event(home(at), SENSORS[turn % 2], t_ms)
        value = float(turn // 2 % 2)
        named = event.sensor == "repeats"
        payload = pack_event(value, t_ms=t_ms, event_id=str(t_ms) if named else None)
        self.sent.append(event)
        if named:
            with self._lock:
                self._waiting[event] = payload, time.monotonic() + REPEAT_S, 2 * REPEAT_S
        self._publish(event, payload)

    def repeat(self) -> None:
        """Send again what nobody has acknowledged for too long."""
        now_s = time.monotonic()
        with self._lock:
            due = {e: (what, after_s) for e, (what, at_s, after_s) in self._waiting.items() if at_s <= now_s}
            self._waiting |= {
                e: (what, now_s + after_s, min(2 * after_s, MOST_S)) for e, (what, after_s) in due.items()
            }
        self.repeated += len(due)
        for event, (payload, _) in due.items():
            self._publish(event, payload)

    def _publish(self, event: Event, payload: bytes) -> None:
        line = self._lines[int(event.home[1:]) % CONNECTIONS]
        line.publish(f"guardian/{SITE}/{event.home}/{event.sensor}/event", payload, qos=1)

    def _send_frames(self, turn: int) -> None:
        payload = pack_frame(self._picture + turn % 3, turn, time.time_ns() // 1_000_000)
        for at in range(self._cameras):
            line = self._lines[at % CONNECTIONS]
            if line.is_connected():
                line.publish(f"guardian/{SITE}/{home(at)}/cam/frame", payload, qos=0)

    def close(self) -> None:
        """End all connections."""
        for client in (*self._lines, self._acks):
            client.disconnect()
            client.loop_stop()
