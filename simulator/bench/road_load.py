"""The load of the road bench, in a process of its own: `python -m simulator.bench.road_load PLAN [flood]`.

Sends what the homes of a plan send, every TICK_S, over few connections and with as little work as it can:
topics and pictures are encoded once, and a frame leaves as three pieces that the kernel puts together.
Each frame and each event carries the moment at which it was sent, by this machine's clock. A late tick
sends all that was due. With `flood` it is instead a server that blasts the same frames (blast.py).
Prints a line of JSON when it is connected, one when it begins, for which it waits to be told, and one when it
has ended.
"""

import json
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from guardian.wire.native import AMBIENT_UNKNOWN, FRAME_HEADER, MAGIC, VERSION, pack_frame
from simulator.bench.blast import V5, encoded, remaining_length, serve
from simulator.bench.road_film import Cast, Film, Ints
from simulator.bench.road_plan import SETTLE_S, SITE, TICK_S, Plan, ambient, home, value

AT_ONCE: Final = 340
"""Frames in one call: 1,024 pieces are the most that Linux takes."""
FLOOD_TURNS: Final = 3
PUBACK: Final = 4  # bytes


def _connect(port: int, name: str) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", port))
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    client = name.encode()
    body = b"\0\4MQTT\4\2\0\0" + struct.pack(">H", len(client)) + client  # 3.1.1, clean, no keep-alive
    line.sendall(b"\x10" + remaining_length(len(body)) + body)
    answer = line.recv(4, socket.MSG_WAITALL)
    if answer[:2] != b"\x20\2" or answer[3]:
        raise ConnectionError("the broker does not let us in")
    return line


def _head(topic: str, payload: int) -> bytes:
    """First bytes of a QoS 0 PUBLISH."""
    name = topic.encode()
    return b"\x30" + remaining_length(2 + len(name) + payload) + struct.pack(">H", len(name)) + name


class _Frames:
    """The frames of all homes."""

    def __init__(self, plan: Plan, film: Film, port: int) -> None:
        self._cast: Cast = plan.cast(film)
        pictures = np.ascontiguousarray(film.pictures(), "<i2")
        self._pictures = [memoryview(one).cast("B") for one in pictures]
        self._shape = film.shape
        size = FRAME_HEADER.size + pictures[0].nbytes
        self._heads = [_head(f"guardian/{SITE}/{home(h)}/cam/frame", size) for h in range(plan.homes)]
        self._lines = [_connect(port, f"load-{c}") for c in range(min(plan.connections, plan.homes))]
        self._rate_hz = film.rate_hz
        self._phase = np.arange(plan.homes) / plan.homes
        self._sent = np.zeros(plan.homes, np.int64)
        self._due = 0.0
        self._tick = 0
        self.sent = 0

    def send(self, s: float, by_s: float) -> None:
        """Send what has become due `s` after the beginning; `by_s`: of usual load, since the last time."""
        self._due += by_s * self._rate_hz
        while True:
            homes = np.flatnonzero(np.floor(self._due + self._phase) > self._sent)
            if not len(homes):
                return
            self._sent[homes] += 1
            self._send(homes, np.full(len(homes), int(s * self._rate_hz + 1e-6)))

    def _send(self, homes: Ints, turns: Ints) -> None:
        self._tick += 1
        rows, cols = self._shape
        told = (MAGIC, VERSION, 0, cols, rows, self._tick, time.time_ns() // 1_000_000, AMBIENT_UNKNOWN, 0)
        header = FRAME_HEADER.pack(*told)
        shown = self._cast.shown(homes, turns).tolist()
        heads, pictures, lines = self._heads, self._pictures, len(self._lines)
        at = homes.tolist()
        for c, line in enumerate(self._lines):
            mine = [
                piece
                for h, row in zip(at[c::lines], shown[c::lines], strict=True)
                for piece in (heads[h], header, pictures[row])
            ]
            for k in range(0, len(mine), 3 * AT_ONCE):
                some = mine[k : k + 3 * AT_ONCE]
                gone = line.sendmsg(some)
                if gone < sum(map(len, some)):
                    line.sendall(b"".join(some)[gone:])
        self.sent += len(at)

    def close(self) -> None:
        for line in self._lines:
            line.sendall(b"\xe0\0")
            line.close()


class _Events:
    """The events of all homes, on a connection of their own."""

    def __init__(self, plan: Plan, port: int) -> None:
        kinds = ambient(plan.ambient)
        self._names = [
            (f"guardian/{SITE}/{home(h)}/{name}/event".encode(), kind)
            for name, kind, _ in kinds
            for h in range(plan.homes)
        ]
        self._line = _connect(port, "load-events")
        self._per_s = len(self._names) / plan.event_every_s
        self._due = 0.0
        self.sent = 0
        self._answered_b = 0

    @property
    def acknowledged(self) -> int:
        """Events that the broker has taken."""
        return self._answered_b // PUBACK

    def send(self, by_s: float) -> None:
        """Send what has become due in `by_s` seconds of usual load."""
        self._due += by_s * self._per_s
        out, t_ms = [], time.time_ns() // 1_000_000
        while self.sent < int(self._due):
            turn, k = divmod(self.sent, len(self._names))
            topic, kind = self._names[k]
            said = b'{"id":"%d-%d","t":%d,"value":%g}' % (self.sent, t_ms, t_ms, value(kind, turn))
            packet = self.sent % 65_535 + 1
            body = struct.pack(">H", len(topic)) + topic + struct.pack(">H", packet) + said
            out.append(b"\x32" + remaining_length(len(body)) + body)
            self.sent += 1
        self._line.sendall(b"".join(out))
        self.listen(socket.MSG_DONTWAIT)

    def listen(self, flags: int = 0) -> None:
        """Read what the broker has answered."""
        try:
            while self.acknowledged < self.sent:
                heard = self._line.recv(1 << 16, flags)
                if not heard:
                    return
                self._answered_b += len(heard)
        except (BlockingIOError, TimeoutError):
            return

    def close(self) -> None:
        self._line.settimeout(10.0)
        self.listen()
        self._line.sendall(b"\xe0\0")
        self._line.close()


def load(plan: Plan, port: int) -> None:
    """Send the plan's load to the broker at `port`."""
    frames, events = _Frames(plan, Film.load(Path(plan.film)), port), _Events(plan, port)
    ticks = round((SETTLE_S + plan.seconds + plan.calm_s) / TICK_S)
    late_s: list[float] = []
    print(json.dumps({"connected": True}), flush=True)
    sys.stdin.readline()
    never, began_s = threading.Event(), time.monotonic()
    print(json.dumps({"begins_ms": time.time_ns() // 1_000_000}), flush=True)

    def pace(send: Callable[[float, float], None], lates: list[float] | None) -> None:
        for tick in range(ticks):
            s = tick * TICK_S
            wait_s = began_s + s - time.monotonic()
            if wait_s > 0:
                never.wait(wait_s)
            if lates is not None:
                lates.append(-min(wait_s, 0.0))
            send(s, plan.rate_at(s) * TICK_S)

    beside = threading.Thread(target=pace, args=(lambda _s, by_s: events.send(by_s), None))
    beside.start()
    pace(frames.send, late_s)
    beside.join()
    ended_ms = time.time_ns() // 1_000_000
    frames.close()
    events.close()
    told = {
        "ended_ms": ended_ms,
        "frames": frames.sent,
        "events": events.sent,
        "events_taken_by_broker": events.acknowledged,
        "late_ms_p50": float(np.percentile(late_s, 50)) * 1000,
        "late_ms_p99": float(np.percentile(late_s, 99)) * 1000,
        "cpu_s": time.process_time(),
    }
    print(json.dumps(told), flush=True)


def flood(plan: Plan) -> None:
    """Serve the first turns of the plan's frames as fast as they are read; print the port, never end."""
    film = Film.load(Path(plan.film))
    cast, pictures, homes = plan.cast(film), film.pictures(), np.arange(plan.homes)
    messages = [
        (f"guardian/{SITE}/{home(h)}/cam/frame", pack_frame(pictures[row], seq=turn))
        for turn in range(FLOOD_TURNS)
        for h, row in enumerate(cast.shown(homes, np.full(plan.homes, turn)).tolist())
    ]
    serve({V5: encoded(V5, 0, messages)}, 0, sys.maxsize, "frame")


if __name__ == "__main__":
    plan_ = msgspec.json.decode(sys.argv[1], type=Plan)
    if sys.argv[2] == "flood":
        flood(plan_)
    else:
        load(plan_, int(sys.argv[2]))
