"""A small site on a real broker, and stand-ins for brokers and networks that misbehave."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, Self

import aiomqtt
import mqtt5
import pytest
import structlog

from guardian.board import Board, Reading, SensorSpec
from guardian.clock import LiveClock
from guardian.link import BrokerAddress, Link
from guardian.wire.native import Event, Status

SENSORS: Final = (
    SensorSpec("h1", "cam", "thermal", "living", 8, 8, 4.0, "ceiling", 2.5, 60.0),
    SensorSpec("h1", "help", "button", "living"),
    SensorSpec("h1", "air", "temperature", "living"),
)
HELP: Final = "guardian/s/h1/help/event"
CAM: Final = "guardian/s/h1/cam/frame"
PATIENCE_S: Final = 10.0


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    """What is logged, line by line."""
    with structlog.testing.capture_logs() as captured:
        yield captured


class Heard(Board):
    """A board that tells when something has come in."""

    def __init__(self, sensors: Sequence[SensorSpec], changed: asyncio.Event) -> None:
        super().__init__("s", sensors)
        self._changed = changed

    def frame(self, topic: str, payload: bytes | memoryview, arrival_ms: int) -> None:
        self._changed.set()
        super().frame(topic, payload, arrival_ms)

    def stage(self, spec: SensorSpec, e: Event, arrival_ms: int) -> Reading:
        self._changed.set()
        return super().stage(spec, e, arrival_ms)

    def tell(self, spec: SensorSpec, said: Status) -> None:
        self._changed.set()
        super().tell(spec, said)

    def refuse(self, topic: str, reason: object) -> None:
        self._changed.set()
        super().refuse(topic, reason)  # type: ignore[arg-type]  # the signature is the parent's business


class Site:
    """One link and its board; `until` waits for anything that they notice."""

    def __init__(
        self, address: BrokerAddress, *, sensors: Sequence[SensorSpec] = SENSORS, keep_alive_s: float = 15.0
    ) -> None:
        self.changed = asyncio.Event()
        self.board = Heard(sensors, self.changed)
        self.clock = LiveClock()
        self.states: list[tuple[str, bool]] = []
        self.link = Link(
            address,
            "s",
            self.board,
            arrival=lambda _: self.clock.now_ms(),
            on_state=self._on_state,
            keep_alive_s=keep_alive_s,
            jitter=self._failed,
        )
        self.failed_tries = 0

    def _failed(self) -> float:
        """The link asks for the jitter after each failed try."""
        self.failed_tries += 1
        self.changed.set()
        return 0.0

    def _on_state(self, name: str, up: bool) -> None:
        self.states.append((name, up))
        self.changed.set()

    @property
    def up(self) -> bool:
        return all(self.link.connected.values())

    async def until(self, holds: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
        async with asyncio.timeout(patience_s):
            while not holds():
                self.changed.clear()
                await self.changed.wait()

    def beat(self, *, commit: bool = True) -> list[Reading]:
        """What the watch does with events; without commit nothing is acknowledged."""
        mark = self.link.unacked()
        fresh = self.board.fold(self.board.take_events(self.clock.now_ms()))
        if commit:
            self.link.acknowledge(mark)
        return fresh


@asynccontextmanager
async def running(site: Site, *, wait: bool = True) -> AsyncIterator[Site]:
    """Run the link for the length of a block, from when both connections are up."""
    task = asyncio.create_task(site.link.run())
    try:
        if wait:
            await site.until(lambda: site.up)
        yield site
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def device(address: BrokerAddress, identifier: str | None = None) -> aiomqtt.Client:
    """Some device's connection."""
    return aiomqtt.Client(
        address.host,
        address.port,
        username=address.username,
        password=address.password,
        identifier=identifier,
        protocol=aiomqtt.ProtocolVersion.V5,
        timeout=5,
        tls_context=ssl.create_default_context(cafile=address.tls_ca) if address.tls else None,
    )


class Proxy:
    """A TCP line that can go dead: `freeze` lets nothing through either way and closes nothing."""

    def __init__(self, target: BrokerAddress) -> None:
        self._target = target
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.address = BrokerAddress("127.0.0.1", 0)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.address = BrokerAddress("127.0.0.1", self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def freeze(self) -> None:
        self._flowing.clear()

    def thaw(self) -> None:
        self._flowing.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(self._target.host, self._target.port)
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(self._pump(source, sink))
            self._tasks.add(task)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                await self._flowing.wait()
                sink.write(data)
                await sink.drain()
        except ConnectionError:
            pass
        finally:
            sink.close()


async def nothing(*_: object) -> None:
    """Do nothing more."""


Script = Callable[["FakeBroker", asyncio.StreamWriter, str], Awaitable[None]]
"""Called after SUBACK with the client id's last word (`frames`, `events`)."""


class FakeBroker:
    """A broker that shakes hands and then follows a script."""

    def __init__(
        self,
        script: Script,
        *,
        suback: mqtt5.SubAckReasonCode = mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE,
        silent: bool = False,
    ) -> None:
        self._script = script
        self._suback = suback
        self._silent = silent
        self._tasks: set[asyncio.Task[None]] = set()
        self.connects: list[str] = []
        self.acked: list[int] = []
        self.changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.address = BrokerAddress("127.0.0.1", self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.create_task(self._talk(reader, writer)))

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held, name = b"", ""
        try:
            while data := await reader.read(65536):
                held += data
                while held:
                    try:
                        packet, size = mqtt5.read(memoryview(held))
                    except IndexError:
                        break
                    held = held[size:]
                    if isinstance(packet, mqtt5.ConnectPacket):
                        name = packet.client_id.rpartition("-")[2]
                        self.connects.append(name)
                        if not self._silent:
                            writer.write(mqtt5.ConnAckPacket().write())
                    elif isinstance(packet, mqtt5.SubscribePacket):
                        codes = [self._suback] * len(packet.topic_filters)
                        writer.write(mqtt5.SubAckPacket(packet.packet_id, codes).write())
                        await self._script(self, writer, name)
                    elif isinstance(packet, mqtt5.PubAckPacket):
                        self.acked.append(packet.packet_id)
                    elif isinstance(packet, mqtt5.PingReqPacket):
                        writer.write(mqtt5.PingRespPacket().write())
                    elif isinstance(packet, mqtt5.DisconnectPacket):
                        writer.close()
                    self.changed.set()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                self.changed.clear()
                await self.changed.wait()
