"""The data plane: two MQTT 5 connections that hand what devices send to the board.

`guardian-<site>-frames` starts clean and is never paused: when the daemon is behind, the board lets the
oldest frames go. `guardian-<site>-events` keeps its session for 24 h and acknowledges to the broker
only what `acknowledge` is told has been committed. Gives the board topics and payloads. Never drops an
event, never acknowledges before a commit, never waits for the beat.
"""

import asyncio
import secrets
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import mqtt5
import structlog

from guardian.address import BrokerAddress
from guardian.board import Board
from guardian.connection import (
    MAX_PACKET,
    SUBSCRIBE_AT_ONCE,
    Connection,
    LinkError,
    status_filter,
    words_of,
)
from guardian.wire import Reason, Reject

__all__ = ["AckMark", "BrokerAddress", "Link", "LinkError"]

FRAMES: Final = "frames"
EVENTS: Final = "events"
KEEP_ALIVE_S: Final = 15.0
"""DESIGN section 4; a frozen peer is noticed within two of them."""
PING_SHARE: Final = 2 / 3
"""A ping each 2/3 keep-alive: unanswered by the next one, the peer is gone, at most 4/3 after it froze."""
SESSION_EXPIRY_S: Final = 24 * 3600
RECEIVE_MAX: Final = 65_534
"""One less than the most: 65,535 is MQTT's default and is not sent, and then mosquitto sends only 20 events
ahead of their acknowledgement (its max_inflight_messages)."""
HANDSHAKE_S: Final = 10.0
"""Connecting and CONNACK together, and each SUBACK: a frozen broker answers none of them."""
BACKOFF_S: Final = (0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0)
"""Longest waits before the next try; the real one is between half of it and all of it."""
STEADY_S: Final = 10.0
"""A connection that lasted so long ends the series of failures."""
TAKEOVERS: Final = 3
"""So many short-lived connections in a row closed by the broker: somebody else uses the client id."""
PAUSE_AT: Final = 20_000
"""Events that wait for commit before the event connection stops reading; a beat takes far fewer."""
PAUSE_S: Final = 5.0
"""DESIGN section 4: the longest pause; then it reads on until the backlog has been worked off once."""

_chance = secrets.SystemRandom().random

log = structlog.get_logger("link")


@dataclass(frozen=True, slots=True)
class AckMark:
    """How far the events of one connection have been handed to the board."""

    connection: int
    count: int


class Link:
    """Both connections; one object for the daemon's life."""

    def __init__(
        self,
        address: BrokerAddress,
        site: str,
        board: Board,
        arrival: Callable[[int], int],
        *,
        beat_topic: Callable[[bytes], None] | None = None,
        on_state: Callable[[str, bool], None] | None = None,
        keep_alive_s: float = KEEP_ALIVE_S,
        jitter: Callable[[], float] = _chance,
    ) -> None:
        """Prepare; nothing is connected before `run`.

        arrival: gives the arrival in ms for a device's own time (0 = unknown); asked once for each read
        of a socket. beat_topic: takes the payloads of `guardian/replay/beat`. on_state: told
        `frames` or `events` and whether it is up. jitter: 0 to 1, for the waits between tries.
        """
        self._address = address
        self._site = site
        self._board = board
        self._arrival = arrival
        self._beat_topic = beat_topic
        self._on_state = on_state
        self._keep_alive_s = keep_alive_s
        self._jitter = jitter
        self._events: Connection | None = None
        self._generation = 0
        self._pending: list[int] = []  # packet ids of the event connection, not yet acknowledged
        self._acked = 0
        self._resume: asyncio.TimerHandle | None = None
        self._may_pause = True
        self._live: dict[str, Connection] = {}
        """Connections that have subscribed."""
        self._unheard: set[str] = set()
        """Topics of new sensors, whose stored status has not been asked for."""
        self._changed = asyncio.Event()
        self.connected: dict[str, bool] = {FRAMES: False, EVENTS: False}
        self.contested: dict[str, bool] = {FRAMES: False, EVENTS: False}
        """The client id is taken over again and again ("id in use"): somebody else's incident."""
        self.reason: dict[str, str] = {}
        """Why a connection is down, in words."""
        self.session_present = False
        """Whether the broker still had the event session when it was last connected."""
        self.counters: Counter[str] = Counter()
        """`connects-frames`, `connects-events`, `half-open`, `pauses`, `stale-acks`, `malformed`."""

    async def run(self) -> None:
        """Keep both connections up for ever. Ends by cancellation only."""
        async with asyncio.TaskGroup() as group:
            for name in (FRAMES, EVENTS):
                group.create_task(self._keep(name), name=f"link-{name}")
            group.create_task(self._follow(), name="link-subscriptions")

    # --- which board -------------------------------------------------------------------------------

    def take(self, board: Board) -> None:
        """Hand what comes to this board from now on; subscribe to what is new, then leave what is gone."""
        old, self._board = self._board, board
        known = {(s.home, s.name) for s in old.specs if s.source is None}
        self._unheard |= {
            f"guardian/{self._site}/{s.home}/{s.name}/status"
            for s in board.specs
            if s.source is None and (s.home, s.name) not in known
        }
        self._changed.set()

    async def _agree(self, name: str, connection: Connection) -> None:
        """Subscribe to what is new, leave what is gone. Raises as `Connection.subscribe`."""
        wanted = {f.pattern: f for f in self._filters(name)}
        new = [f for pattern, f in wanted.items() if pattern not in connection.filters]
        for at in range(0, len(new), SUBSCRIBE_AT_ONCE):
            async with asyncio.timeout(HANDSHAKE_S):
                await connection.subscribe(new[at : at + SUBSCRIBE_AT_ONCE])
        gone = [pattern for pattern in connection.filters if pattern not in wanted]
        connection.leave(gone)

    async def _ask_again(self, connection: Connection) -> None:
        """Get the stored statuses of native sensors that are new: they came when nobody knew these."""
        topics, self._unheard = sorted(self._unheard), set()
        for at in range(0, len(topics), SUBSCRIBE_AT_ONCE):
            some = topics[at : at + SUBSCRIBE_AT_ONCE]
            async with asyncio.timeout(HANDSHAKE_S):
                await connection.subscribe([status_filter(topic) for topic in some])
            connection.leave(some)

    async def _follow(self) -> None:
        """Change the subscriptions of connections that are up whenever the board is another one."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            for name, connection in list(self._live.items()):
                try:
                    await self._agree(name, connection)
                    if name == EVENTS:
                        await self._ask_again(connection)
                except (LinkError, OSError, TimeoutError) as e:
                    connection.peer.drop(str(e) or type(e).__name__)  # the next one subscribes to all

    # --- acknowledgement ---------------------------------------------------------------------------

    def unacked(self) -> AckMark:
        """Mark what the event connection has handed to the board so far."""
        return AckMark(self._generation, self._acked + len(self._pending))

    def acknowledge(self, mark: AckMark) -> None:
        """Acknowledge everything up to the mark; call it after the commit.

        A mark of an earlier connection is ignored: the broker sends those events again.
        """
        if mark.connection != self._generation or self._events is None:
            self.counters["stale-acks"] += 1
            return
        count = mark.count - self._acked
        if count <= 0:
            return
        done, self._pending = self._pending[:count], self._pending[count:]
        self._acked = mark.count
        self._events.peer.send(b"".join([mqtt5.PubAckPacket(i).write() for i in done]))
        if len(self._pending) <= PAUSE_AT // 2:
            self._may_pause = True
            self._read_on()

    def _pause(self, connection: Connection) -> None:
        self._may_pause = False
        self.counters["pauses"] += 1
        connection.peer.pause()
        self._resume = asyncio.get_running_loop().call_later(PAUSE_S, self._read_on)

    def _read_on(self) -> None:
        if self._resume is not None:
            self._resume.cancel()
            self._resume = None
            if self._events is not None:
                self._events.peer.resume()

    # --- what comes in -----------------------------------------------------------------------------

    def _on_frame(self, _: Connection, packet: mqtt5.PublishPacket, arrival_ms: int) -> None:
        if packet.retain:
            self._board.refuse(packet.topic, Reason.RETAINED)
            return
        try:
            self._board.frame(packet.topic, packet.payload, arrival_ms)
        except Reject:  # the board has counted it
            return

    def _on_event(self, connection: Connection, packet: mqtt5.PublishPacket, arrival_ms: int) -> None:
        topic = packet.topic
        try:
            if self._board.devices.hear(topic, packet.payload, packet.retain, arrival_ms):
                pass
            elif not topic.startswith("guardian/"):  # of a sensor that has left the roster
                connection.leave([topic])
                self._board.refuse(topic, Reason.UNKNOWN_TOPIC)
            elif topic.endswith("/status"):
                self._board.status(topic, packet.payload)
            elif packet.retain:
                self._board.refuse(topic, Reason.RETAINED)
            elif self._beat_topic is not None and topic == "guardian/replay/beat":
                self._beat_topic(packet.payload)
            elif topic.endswith("/frame"):
                self._board.frame(topic, packet.payload, arrival_ms)
            else:
                self._board.event(topic, packet.payload, arrival_ms)
        except Reject:  # counted by the board; acknowledged with the rest, it will never be better
            pass
        if packet.packet_id is not None:
            self._owe(connection, packet.packet_id)

    def _owe(self, connection: Connection, packet_id: int) -> None:
        if connection is not self._events:
            return
        self._pending.append(packet_id)
        if len(self._pending) > PAUSE_AT and self._may_pause:
            self._pause(connection)

    def _on_malformed(self, connection: Connection, packet_id: int | None) -> None:
        self.counters["malformed"] += 1
        self._board.refuse("", Reason.MALFORMED)
        if packet_id is not None:
            self._owe(connection, packet_id)

    # --- connections -------------------------------------------------------------------------------

    async def _keep(self, name: str) -> None:
        loop = asyncio.get_running_loop()
        failures = short_lived = 0
        while True:
            up_at: float | None = None
            refused = False
            connection = self._fresh(name)
            peer = connection.peer
            try:
                await self._connect(name, connection)
                self._live[name] = connection
                self._changed.set()  # the board may be another one since
                up_at = loop.time()
                self._up(name)
                await asyncio.shield(peer.lost)  # our own end must not look like the connection's
                reason = peer.reason
            except LinkError as error:
                reason, refused = str(error), True
            except TimeoutError:
                reason = f"no answer within {HANDSHAKE_S:g} s"
            except OSError as error:
                reason = str(error) or type(error).__name__
            finally:
                self._live.pop(name, None)
                await peer.part(mqtt5.DisconnectPacket().write())
            self.counters["half-open"] += peer.silent
            steady = up_at is not None and loop.time() - up_at >= STEADY_S
            ousted = up_at is not None and not steady and (peer.closed_by_peer or connection.taken_over)
            short_lived = short_lived + 1 if ousted else 0
            self._down(name, reason, refused=refused, contested=short_lived >= TAKEOVERS)
            failures = 0 if steady else failures
            longest_s = BACKOFF_S[min(failures, len(BACKOFF_S) - 1)]
            failures += 1
            await asyncio.sleep(longest_s * (0.5 + 0.5 * self._jitter()))

    def _fresh(self, name: str) -> Connection:
        if name == FRAMES:
            return Connection(self._arrival, self._on_frame, self._on_malformed)
        self._generation += 1
        self._pending, self._acked, self._may_pause = [], 0, True
        self._events = Connection(self._arrival, self._on_event, self._on_malformed)
        return self._events

    async def _connect(self, name: str, connection: Connection) -> None:
        """Connect, say who we are, subscribe. Raises LinkError, TimeoutError or OSError."""
        a = self._address
        tls = ssl.create_default_context(cafile=a.tls_ca) if a.tls else None
        hello = mqtt5.ConnectPacket(
            f"guardian-{self._site}-{name}",
            username=a.username,
            password=None if a.password is None else a.password.encode(),
            clean_start=name == FRAMES,
            keep_alive=max(1, round(self._keep_alive_s)),
            session_expiry_interval=SESSION_EXPIRY_S if name == EVENTS else 0,
            receive_max=RECEIVE_MAX,
            max_packet_size=MAX_PACKET,
        )
        async with asyncio.timeout(HANDSHAKE_S):
            loop = asyncio.get_running_loop()
            await loop.create_connection(lambda: connection.peer, a.host, a.port, ssl=tls)
            connection.peer.send(hello.write())
            welcome = await connection.answer(connection.welcomed)
            if welcome.reason_code != mqtt5.ConnAckReasonCode.SUCCESS:
                who = f"user {a.username!r}" if a.username else "us, who gave no user name"
                raise LinkError(f"the broker refused {who}: {words_of(welcome.reason_code.name)}")
        await self._agree(name, connection)
        if name == EVENTS:
            self.session_present = welcome.session_present
        keep_alive_s = min(welcome.server_keep_alive or self._keep_alive_s, self._keep_alive_s)
        connection.peer.watch(keep_alive_s * PING_SHARE)

    def _filters(self, name: str) -> list[mqtt5.TopicFilter]:
        live = partial(
            mqtt5.TopicFilter,
            retain_as_published=False,  # so that the retain flag marks stored messages only
            retain_handling=mqtt5.RetainHandling.SEND_NEVER,
        )
        root = f"guardian/{self._site}/+/+"
        if name == FRAMES:
            topics = (f"{root}/frame", *self._board.foreign_frames)
            return [live(topic, max_qos=mqtt5.QoS.AT_MOST_ONCE) for topic in topics]
        once = mqtt5.QoS.AT_LEAST_ONCE
        readings = (f"{root}/event", *self._board.devices.readings)
        statuses = (f"{root}/status", *self._board.devices.statuses)
        filters = [
            *(live(topic, max_qos=once) for topic in readings),
            *(status_filter(topic) for topic in statuses),
        ]
        if self._beat_topic is not None:
            filters.append(live("guardian/replay/beat", max_qos=once))
        return filters

    def _up(self, name: str) -> None:
        self.connected[name] = True
        self.counters[f"connects-{name}"] += 1
        self.reason.pop(name, None)
        log.info("connected", connection=name, host=self._address.host, port=self._address.port)
        if self._on_state is not None:
            self._on_state(name, True)

    def _down(self, name: str, reason: str, *, refused: bool, contested: bool) -> None:
        was_up, self.connected[name] = self.connected[name], False
        if name == EVENTS:
            self._events = None
            self._read_on()
        if contested and not self.contested[name]:
            log.error("client id in use by somebody else", connection=name, site=self._site)
        self.contested[name] = contested
        if self.reason.get(name) != reason:
            say = partial(log.error if refused else log.warning, "not connected", connection=name)
            say(host=self._address.host, port=self._address.port, why=reason)
        self.reason[name] = reason
        if was_up and self._on_state is not None:
            self._on_state(name, False)
