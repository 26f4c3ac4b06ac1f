"""What a message of each dialect costs in CPU, beside the native ones, in one run.

As in `ingest`: a blasting server in one process, the daemon's own `Link` with a `Board` in another, QoS 0.
Each message is news (every second one of a device says the opposite) and counts until its reading is staged,
or its pixels are in the slab; `zigbee2mqtt-repeat` says the same each time and counts until that is noticed.
Readings are taken from the board every 200 ms, as a beat would. Payloads are as long as those of common
devices.
"""

import asyncio
import base64
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import structlog

from guardian.board import Board, SensorSpec
from guardian.link import BrokerAddress, Link
from guardian.wire.source import Source
from simulator.bench.blast import COLS, ROWS, SITE, V5, encoded, home, pictures, serve, topic
from simulator.bench.ingest import BEAT_S, CLIENT_TIMEOUT_S, DEPTH, POLL_S, BenchError

Message = tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class Case:
    """One dialect: the sensors of the i-th device, its two messages, and how the link's subscribing ends."""

    sensors: Callable[[int], list[SensorSpec]]
    messages: Callable[[int], tuple[Message, Message]]
    last: str
    """End of the last topic filter, with `{i}` for the last device."""
    count: Callable[[Board], int] = lambda board: board.events_taken


def _native(i: int) -> tuple[Message, Message]:
    where = f"guardian/{SITE}/{home(i)}/door/event"
    return (where, b'{"id":"a-000001","t":1700000000000,"value":1}'), (
        where,
        b'{"id":"a-000002","t":1700000000200,"value":0}',
    )


def _zigbee2mqtt(i: int) -> tuple[Message, Message]:
    state: dict[str, float] = {
        "battery": 97,
        "device_temperature": 24,
        "illuminance": 12,
        "linkquality": 120,
        "occupancy": True,
    }
    state |= {"power_outage_count": 3, "temperature": 21.5, "voltage": 3015}
    other = state | {"occupancy": False, "illuminance": 13}
    where = f"zigbee2mqtt/{home(i)}"
    return (where, json.dumps(state).encode()), (where, json.dumps(other).encode())


def _esphome(i: int) -> tuple[Message, Message]:
    where = f"esp/{home(i)}/binary_sensor/presence/state"
    return (where, b"ON"), (where, b"OFF")


def _tasmota(i: int) -> tuple[Message, Message]:
    climate = {"AM2301": {"Temperature": 22.6, "Humidity": 32.4}, "TempUnit": "C"}
    said = [{"Time": "2024-02-24T22:20:38", "Switch1": word, **climate} for word in ("ON", "OFF")]
    one, other = (json.dumps(part).encode() for part in said)
    return (f"tele/{home(i)}/SENSOR", one), (f"tele/{home(i)}/SENSOR", other)


def _shelly(i: int) -> tuple[Message, Message]:
    prefix = f"shelly/{home(i)}"
    head = {"src": prefix, "dst": f"{prefix}/events", "method": "NotifyStatus"}
    said = [head | {"params": {"ts": 1.7e9 + on, "input:0": {"id": 0, "state": bool(on)}}} for on in (1, 0)]
    one, other = (json.dumps(part).encode() for part in said)
    return (f"{prefix}/events/rpc", one), (f"{prefix}/events/rpc", other)


def _thermal(pack: Callable[[Any], bytes], i: int) -> tuple[Message, Message]:
    celsius = np.random.default_rng(i).normal(22, 0.1, (ROWS, COLS)).round(2)
    message = f"thermal/{home(i)}", pack(celsius)
    return message, message


def _frames(i: int) -> tuple[Message, Message]:
    message = topic(i), pictures(1)[0]
    return message, message


def _door(i: int, dialect: Any, prefix: str, attribute: str) -> SensorSpec:
    return SensorSpec(
        home(i), "door", "door", "hall", source=Source(dialect, f"{prefix}{home(i)}", attribute)
    )


def _radar(i: int) -> list[SensorSpec]:
    where = f"zigbee2mqtt/{home(i)}"
    return [
        SensorSpec(home(i), "there", "presence", "hall", source=Source("zigbee2mqtt", where, "occupancy")),
        SensorSpec(
            home(i), "warm", "temperature", "hall", source=Source("zigbee2mqtt", where, "temperature")
        ),
    ]


def _camera(form: str, i: int) -> list[SensorSpec]:
    source = Source("thermal", f"thermal/{home(i)}", format=form, endianness="little")
    return [SensorSpec(home(i), "cam", "thermal", "room", ROWS, COLS, 4.0, source=source)]


def _frame_count(board: Board) -> int:
    return board.frames_taken


CASES: Final[dict[str, Case]] = {
    "native-event": Case(lambda i: [SensorSpec(home(i), "door", "door", "hall")], _native, "status"),
    "zigbee2mqtt": Case(_radar, _zigbee2mqtt, "{i}/availability"),
    "zigbee2mqtt-repeat": Case(
        _radar,
        lambda i: (_zigbee2mqtt(i)[0],) * 2,
        "{i}/availability",
        lambda board: board.devices.counters["repeats"] // 2,
    ),
    "esphome": Case(
        lambda i: [_door(i, "esphome", "esp/", "binary_sensor/presence")], _esphome, "{i}/status"
    ),
    "tasmota": Case(lambda i: [_door(i, "tasmota", "", "Switch1")], _tasmota, "{i}/LWT"),
    "shelly": Case(lambda i: [_door(i, "shelly", "shelly/", "input:0.state")], _shelly, "{i}/online"),
    "native-frame": Case(
        lambda i: [SensorSpec(home(i), "cam", "thermal", "room", ROWS, COLS, 4.0)],
        _frames,
        "frame",
        _frame_count,
    ),
    "thermal-float32": Case(
        partial(_camera, "float32"),
        partial(_thermal, lambda c: c.astype("<f4").tobytes()),
        "{i}",
        _frame_count,
    ),
    "thermal-base64-float32": Case(
        partial(_camera, "base64-float32"),
        partial(_thermal, lambda c: base64.b64encode(c.astype("<f4").tobytes())),
        "{i}",
        _frame_count,
    ),
    "thermal-json": Case(
        partial(_camera, "json"),
        partial(_thermal, lambda c: json.dumps(c.ravel().tolist()).encode()),
        "{i}",
        _frame_count,
    ),
}


def run_dialects(
    *,
    messages: int = 50_000,
    devices: int = 1_000,
    repeats: int = 3,
    names: Sequence[str] = tuple(CASES),
    say: Callable[[str], None] = lambda _line: None,
) -> dict[str, Any]:
    """Measure these cases; give CPU in µs per message, the median of `repeats` rounds.

    Raises BenchError when one fails or takes over CLIENT_TIMEOUT_S.
    """
    taken: dict[str, list[float]] = {name: [] for name in names}
    for round_ in range(repeats):
        for name in names:
            us = _measure(name, messages, devices)
            taken[name].append(us)
            say(f"round {round_ + 1} of {repeats}: {name} {us:.2f} µs per message")
    sizes = {name: len(CASES[name].messages(0)[0][1]) for name in names}
    figures = {name: round(statistics.median(us), 3) for name, us in taken.items()}
    return {
        "dialects": {
            "cpu_us_per_message": figures,
            "message_bytes": sizes,
            "messages": messages,
            "devices": devices,
            "repeats": repeats,
        }
    }


def table(figures: dict[str, Any]) -> str:
    """Write the figures for a person."""
    cpu, sizes = figures["dialects"]["cpu_us_per_message"], figures["dialects"]["message_bytes"]
    lines = [f"CPU per message until its reading is staged, {figures['dialects']['devices']:,} devices:"]
    return "\n".join(lines + [f"  {name:<24}{sizes[name]:6,} B{us:8.2f} µs" for name, us in cpu.items()])


def _measure(name: str, messages: int, devices: int) -> float:
    run = [sys.executable, "-m", "simulator.bench.dialects"]
    numbers = [str(messages), str(devices)]
    server = subprocess.Popen([*run, "serve", name, *numbers], stdout=subprocess.PIPE, text=True)  # noqa: S603  (our own module)
    with server:
        try:
            assert server.stdout is not None
            port = server.stdout.readline().strip()
            done = subprocess.run(  # noqa: S603  (our own module)
                [*run, "hear", name, *numbers, port],
                capture_output=True,
                text=True,
                check=True,
                timeout=CLIENT_TIMEOUT_S,
            )
        except subprocess.TimeoutExpired as error:
            raise BenchError(f"{name} took over {CLIENT_TIMEOUT_S:g} s") from error
        except subprocess.CalledProcessError as error:
            raise BenchError(f"{name}: {error.stderr[-2000:]}") from error
        finally:
            server.kill()
    return float(json.loads(done.stdout)["cpu_s"]) * 1e6


def _warm(devices: int) -> int:
    return DEPTH * devices


def _serve(name: str, messages: int, devices: int) -> None:
    case = CASES[name]
    pairs = [case.messages(i) for i in range(devices)]
    each: Sequence[Message] = [m for half in zip(*pairs, strict=True) for m in half]
    word = case.last.format(i=home(devices - 1))
    serve({V5: encoded(V5, 0, each), 4: []}, _warm(devices), messages, word)


async def _hear(name: str, messages: int, devices: int, port: int) -> float:
    """Give the CPU seconds of one message."""
    case = CASES[name]
    board = Board(SITE, [s for i in range(devices) for s in case.sensors(i)], depth=DEPTH)
    loop = asyncio.get_running_loop()

    def now_ms(_device_ms: int = 0) -> int:
        return int(loop.time() * 1000)

    link = Link(BrokerAddress("127.0.0.1", port), SITE, board, arrival=now_ms)
    running = asyncio.create_task(link.run())
    warm, beat_s = _warm(devices), loop.time()
    begun: tuple[int, float] | None = None
    # a device's first message may be no news, or two readings
    while (count := case.count(board)) < warm + messages - devices:
        if begun is None and count >= warm - devices:
            begun = count, time.process_time()
        await asyncio.sleep(POLL_S)
        if loop.time() >= beat_s + BEAT_S:
            beat_s = loop.time()
            board.take_events(now_ms())
    if begun is None:
        raise BenchError(f"{name}: too few messages to warm up")
    cpu_s = time.process_time() - begun[1]
    running.cancel()
    await asyncio.wait([running])
    return cpu_s / (count - begun[0])


if __name__ == "__main__":
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr)
    )  # standard output is the result
    _, what, name_, messages_, devices_, *port_ = sys.argv
    if what == "serve":
        _serve(name_, int(messages_), int(devices_))
    else:
        taken_s = asyncio.run(_hear(name_, int(messages_), int(devices_), int(port_[0])))
        print(json.dumps({"cpu_s": taken_s}))
