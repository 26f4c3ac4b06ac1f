"""What a 1,560-byte message costs in CPU: our link beside other MQTT clients, in one run.

Each client runs in a process of its own against the same blasting server. `link` is the daemon's own
`guardian.link.Link` with a `Board` of 1,000 thermal sensors and counts until the pixels are in the
slab; nothing drains the staging, so the rings overwrite their oldest frames (eight for each sensor,
all warmed up before the clock starts). At QoS 1 it acknowledges every 200 ms, as a beat would.
`codec` is the bare mqtt5 codec on the same kind of socket. Every client is warmed up with the same
8,000 messages.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, Final

import aiomqtt
import mqtt5
import paho.mqtt.client
import structlog
from paho.mqtt.enums import CallbackAPIVersion

from guardian.board import Board, SensorSpec
from guardian.link import BrokerAddress, Link
from guardian.peer import Peer
from simulator.bench.blast import COLS, MESSAGE_BYTES, ROWS, SITE, home

DEPTH: Final = 8
BEAT_S: Final = 0.2
POLL_S: Final = 0.01
CLIENT_TIMEOUT_S: Final = 120.0

CLIENTS: Final = {  # name → QoS
    "link_qos0": 0,
    "link_qos1": 1,
    "codec": 0,
    "gmqtt_qos0": 0,
    "paho_qos0": 0,
    "aiomqtt_qos0": 0,
    "aiomqtt_qos1": 1,
}


class BenchError(Exception):
    """A client did not get through."""


def run_ingest(
    *,
    messages: int = 50_000,
    topics: int = 1_000,
    repeats: int = 3,
    say: Callable[[str], None] = lambda _line: None,
) -> dict[str, Any]:
    """Measure every client; give CPU in µs per message, the median of `repeats` rounds.

    Raises BenchError when a client fails or takes over CLIENT_TIMEOUT_S.
    """
    taken: dict[str, list[float]] = {name: [] for name in CLIENTS}
    for round_ in range(repeats):
        for name in CLIENTS:
            us = _measure(name, messages, topics)
            taken[name].append(us)
            say(f"round {round_ + 1} of {repeats}: {name} {us:.2f} µs per message")
    figures = {name: round(statistics.median(us), 3) for name, us in taken.items()}
    return {
        "cpu_us_per_message": figures,
        "link_times_less_than_aiomqtt_qos0": round(figures["aiomqtt_qos0"] / figures["link_qos0"], 2),
        "link_times_less_than_aiomqtt_qos1": round(figures["aiomqtt_qos1"] / figures["link_qos1"], 2),
        "messages": messages,
        "topics": topics,
        "message_bytes": MESSAGE_BYTES,
        "repeats": repeats,
    }


def table(figures: dict[str, Any]) -> str:
    """Write the figures for a person, the cheapest first."""
    cpu: dict[str, float] = figures["cpu_us_per_message"]
    lines = [f"CPU per {figures['message_bytes']:,}-byte message, {figures['topics']:,} topics:"]
    lines += [f"  {name:<14}{us:8.2f} µs" for name, us in sorted(cpu.items(), key=lambda item: item[1])]
    for qos in (0, 1):
        times = figures[f"link_times_less_than_aiomqtt_qos{qos}"]
        lines.append(f"link takes {times:.1f} times less than aiomqtt at QoS {qos}")
    return "\n".join(lines)


def _measure(name: str, messages: int, topics: int) -> float:
    qos, warm = CLIENTS[name], DEPTH * topics
    # the link takes QoS 1 on its event connection only
    word = "event" if name == "link_qos1" else "frame"
    blast = [sys.executable, "-m", "simulator.bench.blast"]
    server = subprocess.Popen(  # noqa: S603  (our own module)
        [*blast, str(qos), str(warm), str(messages), str(topics), word], stdout=subprocess.PIPE, text=True
    )
    with server:
        try:
            assert server.stdout is not None
            port = server.stdout.readline().strip()
            done = subprocess.run(  # noqa: S603  (our own module)
                [sys.executable, "-m", "simulator.bench.ingest", name, port, str(messages), str(topics)],
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
    return float(json.loads(done.stdout)["cpu_s"]) / messages * 1e6


class _Tally:
    """Counts messages; takes the process's CPU time after the warm-up and after the last one."""

    def __init__(self, warm: int, messages: int) -> None:
        self._left = warm
        self._messages: int | None = messages
        self._start_s = 0.0
        self.cpu_s: float | None = None

    def one(self) -> bool:
        """Count one message; True with the last one."""
        self._left -= 1
        if self._left:
            return False
        if self._messages is None:
            self.cpu_s = time.process_time() - self._start_s
            return True
        self._left, self._messages = self._messages, None
        self._start_s = time.process_time()
        return False


async def _link(port: int, topics: int, warm: int, messages: int) -> float:
    sensors = [SensorSpec(home(i), "cam", "thermal", "room", ROWS, COLS, 4.0) for i in range(topics)]
    board = Board(SITE, sensors, depth=DEPTH)
    loop = asyncio.get_running_loop()
    link = Link(BrokerAddress("127.0.0.1", port), SITE, board, arrival=lambda _: int(loop.time() * 1000))
    running = asyncio.create_task(link.run())
    while board.frames_taken < warm:  # noqa: ASYNC110  (the board announces nothing: it is the hot path)
        await asyncio.sleep(POLL_S)
    link.acknowledge(link.unacked())
    start_s, beat_s = time.process_time(), loop.time()
    while board.frames_taken < warm + messages:
        await asyncio.sleep(POLL_S)
        if loop.time() >= beat_s + BEAT_S:
            beat_s = loop.time()
            link.acknowledge(link.unacked())
    link.acknowledge(link.unacked())
    cpu_s = time.process_time() - start_s
    running.cancel()
    await asyncio.wait([running])
    return cpu_s


async def _codec(port: int, tally: _Tally) -> None:
    done = asyncio.Event()

    def parse(view: memoryview) -> int:
        at, end = 0, len(view)
        while at < end:
            try:
                packet, size = mqtt5.read(view[at:])
            except IndexError:
                break
            at += size
            if isinstance(packet, mqtt5.PublishPacket) and tally.one():
                done.set()
        return at

    peer = Peer(parse, mqtt5.PingReqPacket().write(), 1 << 20)
    await asyncio.get_running_loop().create_connection(lambda: peer, "127.0.0.1", port)
    peer.send(mqtt5.ConnectPacket("codec", clean_start=True).write())
    peer.send(mqtt5.SubscribePacket(1, [mqtt5.TopicFilter(_FILTER)]).write())
    await done.wait()
    peer.drop("done")
    await peer.lost


async def _aiomqtt(port: int, qos: int, tally: _Tally) -> None:
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe(_FILTER, qos=qos)
        async for _ in client.messages:
            if tally.one():
                return


def _paho(port: int, tally: _Tally) -> None:
    client = paho.mqtt.client.Client(CallbackAPIVersion.VERSION2)

    def on_connect(*_: object) -> None:
        client.subscribe(_FILTER, qos=0)

    def on_message(*_: object) -> None:
        if tally.one():
            client.disconnect()

    client.on_connect, client.on_message = on_connect, on_message
    client.connect("127.0.0.1", port)
    client.loop_forever()


async def _gmqtt(port: int, tally: _Tally) -> None:
    import gmqtt  # type: ignore[import-untyped]  # noqa: PLC0415  (a development dependency without types)

    done = asyncio.Event()

    def on_message(*_: object) -> int:
        if tally.one():
            done.set()
        return 0

    client = gmqtt.Client("gmqtt")
    client.on_message = on_message
    await client.connect("127.0.0.1", port)
    client.subscribe(_FILTER, qos=0)
    await done.wait()
    await client.disconnect()


_FILTER: Final = f"guardian/{SITE}/+/+/frame"


def _client(name: str, port: int, messages: int, topics: int) -> float:
    """Run one client in this process; give its CPU seconds for `messages` after the warm-up."""
    warm = DEPTH * topics
    if name.startswith("link"):
        return asyncio.run(_link(port, topics, warm, messages))
    tally = _Tally(warm, messages)
    if name == "paho_qos0":
        _paho(port, tally)
    elif name == "codec":
        asyncio.run(_codec(port, tally))
    elif name == "gmqtt_qos0":
        asyncio.run(_gmqtt(port, tally))
    else:
        asyncio.run(_aiomqtt(port, CLIENTS[name], tally))
    if tally.cpu_s is None:
        raise BenchError(f"{name} ended before its last message")
    return tally.cpu_s


if __name__ == "__main__":
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr)
    )  # standard output is the result
    print(json.dumps({"cpu_s": _client(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))}))
