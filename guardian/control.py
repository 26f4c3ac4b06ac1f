"""The control plane: what Guardian says over MQTT, on a connection of its own.

Takes acks for devices, prompts for homes, the siren; gives them to the broker at QoS 1, none retained
but the status. Every call returns at once; a broker that is away delays what is said, never the beat.
Never listens to devices: that is the link's business.
"""

import asyncio
import json
import secrets
import ssl
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

import aiomqtt
import structlog
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from guardian.link import BrokerAddress, LinkError

KEEP_ALIVE_S: Final = 15
TIMEOUT_S: Final = 5.0
"""For connecting and for one publish; then the connection counts as lost and the message is said again."""
MAX_ACKS: Final = 10_000
"""Acks that wait for the broker; beyond it the oldest go: a device repeats its event until acked."""
MAX_WORDS: Final = 1_000
"""Prompts, siren and answers that wait; beyond it the oldest go: an hour-old prompt helps nobody."""
LONGEST_BACKOFF_S: Final = 10.0
STEADY_S: Final = 10.0
"""A connection that lasted so long ends the series of failures."""
IN_FLIGHT: Final = 10
"""Publishes at a time, so that a thousand acks do not take a thousand round trips; aiomqtt warns of more."""

MAX_HEARD: Final = 5 << 20
"""Bytes of one message that `listen` takes; larger ones the broker keeps to itself."""

_chance = secrets.SystemRandom().random

log = structlog.get_logger("control")


class Control:
    """The connection `guardian-<site>-control`."""

    def __init__(
        self,
        address: BrokerAddress,
        site: str,
        *,
        on_state: Callable[[bool], None] | None = None,
        jitter: Callable[[], float] = _chance,
    ) -> None:
        """Prepare; nothing is connected before `run`. `on_state` is told whether the connection is up."""
        self._address = address
        self._site = site
        self._on_state = on_state
        self._jitter = jitter
        self._root = f"guardian-out/{site}"
        self._acks: deque[tuple[str, bytes]] = deque()
        self._words: deque[tuple[str, bytes]] = deque()
        self._wake = asyncio.Event()
        self._stopping = False
        self.connected = False
        self.counters: Counter[str] = Counter()
        """`published`, `dropped-acks`, `dropped-words`, `connects`."""

    # --- what is said ------------------------------------------------------------------------------

    def ack(self, home: str, sensor: str, event_id: str) -> None:
        """Tell a device that its event is in the ledger, so that it stops repeating it."""
        self._say(self._acks, MAX_ACKS, f"{self._root}/{home}/{sensor}/ack", {"id": event_id})

    def prompt(self, home: str, kind: str, incident_id: int, t_ms: int) -> None:
        """Ask a resident whether all is well. `t_ms`: when it was asked, ms since 1970."""
        said = {"id": incident_id, "kind": kind, "t": t_ms}
        self._say(self._words, MAX_WORDS, f"{self._root}/{home}/prompt", said)

    def siren(self, on: bool, t_ms: int) -> None:
        """Switch the centre's siren. `t_ms`: when it was decided, ms since 1970."""
        self._say(self._words, MAX_WORDS, f"{self._root}/siren", {"on": int(on), "t": t_ms})

    def replay_done(self, payload: bytes) -> None:
        """Answer one beat of a replay."""
        self._put(self._words, MAX_WORDS, "guardian-out/replay/done", payload)

    @property
    def waiting(self) -> int:
        """Messages not yet taken by the broker."""
        return len(self._acks) + len(self._words)

    def _say(self, queue: deque[tuple[str, bytes]], limit: int, topic: str, said: dict[str, object]) -> None:
        self._put(queue, limit, topic, json.dumps(said).encode())

    def _put(self, queue: deque[tuple[str, bytes]], limit: int, topic: str, payload: bytes) -> None:
        if len(queue) >= limit:
            queue.popleft()
            self.counters["dropped-acks" if queue is self._acks else "dropped-words"] += 1
        queue.append((topic, payload))
        self._wake.set()

    # --- the connection ----------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep the connection up and say what waits, for ever. Ends by cancellation, saying `offline`."""
        loop = asyncio.get_running_loop()
        failures = 0
        told: str | None = None
        while True:
            why = "the connection ended"
            begun_s = loop.time()
            try:
                async with self._client() as client:
                    await self._serve(client)
            except* (aiomqtt.MqttError, OSError) as group:
                why = str(_first(group))
            if self._stopping:  # a goodbye that failed must not keep us alive
                raise asyncio.CancelledError
            if self.connected or why != told:  # one line, not one for each try
                log.warning("not connected", host=self._address.host, port=self._address.port, why=why)
            told = why
            self._state(up=False)
            failures = 0 if loop.time() - begun_s >= STEADY_S else failures
            longest_s = min(LONGEST_BACKOFF_S, 0.2 * 2**failures)
            failures = min(failures + 1, 6)
            await asyncio.sleep(longest_s * (0.5 + 0.5 * self._jitter()))

    def _client(self) -> aiomqtt.Client:
        a = self._address
        name = f"guardian-{self._site}-control"
        offline = aiomqtt.Will(f"{self._root}/status", '{"state":"offline"}', qos=1, retain=True)
        return aiomqtt.Client(
            a.host,
            a.port,
            username=a.username,
            password=a.password,
            identifier=name,
            protocol=aiomqtt.ProtocolVersion.V5,
            will=offline,
            keepalive=KEEP_ALIVE_S,
            timeout=TIMEOUT_S,
            tls_context=ssl.create_default_context(cafile=a.tls_ca) if a.tls else None,
        )

    async def _serve(self, client: aiomqtt.Client) -> None:
        await client.publish(f"{self._root}/status", '{"state":"online"}', qos=1, retain=True)
        self.counters["connects"] += 1
        self._state(up=True)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch(client), name="control-watch")
                group.create_task(self._speak(client), name="control-speak")
        except asyncio.CancelledError:
            self._stopping = True
            self._state(up=False)
            with suppress(aiomqtt.MqttError):  # then the last will says it
                await client.publish(f"{self._root}/status", '{"state":"offline"}', qos=1, retain=True)
            raise

    @staticmethod
    async def _watch(client: aiomqtt.Client) -> None:
        async for _ in client.messages:  # nothing is subscribed: this only ends with the connection
            pass

    async def _speak(self, client: aiomqtt.Client) -> None:
        while True:
            self._wake.clear()
            while batch := self._next():
                await asyncio.gather(*(client.publish(topic, payload, qos=1) for topic, payload in batch))
                self._said(batch)
            await self._wake.wait()

    def _next(self) -> list[tuple[str, bytes]]:
        """Words first and one at a time, so that their order holds; then acks, several at a time."""
        if self._words:
            return [self._words[0]]
        return [self._acks[i] for i in range(min(IN_FLIGHT, len(self._acks)))]

    def _said(self, batch: list[tuple[str, bytes]]) -> None:
        self.counters["published"] += len(batch)
        for queue in (self._words, self._acks):
            for message in batch:
                if queue and queue[0] is message:  # it may have been dropped meanwhile
                    queue.popleft()

    def _state(self, *, up: bool) -> None:
        if up != self.connected:
            self.connected = up
            if up:
                log.info("connected", host=self._address.host, port=self._address.port)
            if self._on_state is not None:
                self._on_state(up)


async def listen(
    address: BrokerAddress,
    identifier: str,
    filters: Sequence[str],
    seconds: float,
    take: Callable[[str, bytes], None],
) -> None:
    """Hand over everything that comes on these topics, stored messages too, for so many seconds.

    Raises LinkError when the broker cannot be reached, refuses us, or goes away.
    """
    try:
        async with _visitor(address, identifier) as client:
            await client.subscribe([(topic, 0) for topic in filters])
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    async for message in client.messages:
                        if isinstance(message.payload, bytes):
                            take(message.topic.value, message.payload)
    except (aiomqtt.MqttError, OSError) as error:
        raise LinkError(f"{address.host}:{address.port}: {error}") from error


async def heard_back(address: BrokerAddress, identifier: str, topics: Sequence[str]) -> list[str]:
    """Say nothing of meaning on each topic in turn; give those on which the broker lets it come back to us.

    The last topic is one on which it must: what has not come before that one does not come.

    Raises
    ------
    LinkError
        the broker cannot be reached, refuses us, goes away, or the last one does not come within TIMEOUT_S.
    """
    heard: list[str] = []
    try:
        async with _visitor(address, identifier) as client:
            await client.subscribe([(topic, 1) for topic in topics])
            for topic in topics:
                await client.publish(topic, b"", qos=1)
            async with asyncio.timeout(TIMEOUT_S):
                async for message in client.messages:
                    heard.append(message.topic.value)
                    if message.topic.value == topics[-1]:
                        break
    except TimeoutError as error:
        raise LinkError(
            f"{address.host}:{address.port}: what is said on {topics[-1]} goes nowhere"
        ) from error
    except (aiomqtt.MqttError, OSError) as error:
        raise LinkError(f"{address.host}:{address.port}: {error}") from error
    return heard


def _visitor(address: BrokerAddress, identifier: str) -> aiomqtt.Client:
    most = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's
    most.MaximumPacketSize = MAX_HEARD
    return aiomqtt.Client(
        address.host,
        address.port,
        username=address.username,
        password=address.password,
        identifier=identifier,
        protocol=aiomqtt.ProtocolVersion.V5,
        timeout=TIMEOUT_S,
        tls_context=ssl.create_default_context(cafile=address.tls_ca) if address.tls else None,
        properties=most,
    )


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
