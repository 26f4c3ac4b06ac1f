"""One connection to the broker: packets out of bytes, answers to CONNECT and SUBSCRIBE, its topics.

Takes bytes from a peer, hands each message on with the time of its arrival. Knows nothing of homes, never
reconnects.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import mqtt5

from guardian.peer import Peer
from guardian.wire.salvage import salvage_publish

MAX_PACKET: Final = 1 << 20
"""Bytes; larger ones the broker discards for us. 64 KiB is the largest payload that is of use."""
SUBSCRIBE_AT_ONCE: Final = 200
"""Topic filters in one packet: with the longest topics 80 kB, far below what mosquitto.conf allows."""

T = TypeVar("T")


class LinkError(Exception):
    """A connection that could not be made or kept; it is tried again."""


_GRANTED: Final = (
    mqtt5.SubAckReasonCode.GRANTED_QOS_AT_MOST_ONCE,
    mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE,
)


class Connection:
    """One connection of the link: packets out of bytes, and the answers to CONNECT and SUBSCRIBE."""

    def __init__(
        self,
        arrival: Callable[[int], int],
        deliver: Callable[["Connection", mqtt5.PublishPacket, int], None],
        malformed: Callable[["Connection", int | None], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        self.peer = Peer(self._parse, mqtt5.PingReqPacket().write(), MAX_PACKET)
        self.welcomed: asyncio.Future[mqtt5.ConnAckPacket] = loop.create_future()
        self.subscribed: asyncio.Future[mqtt5.SubAckPacket] = loop.create_future()
        self.taken_over = False
        self.filters: set[str] = set()
        """What it is subscribed to."""
        self._arrival = arrival
        self._deliver = deliver
        self._malformed = malformed

    def _parse(self, view: memoryview) -> int:
        deliver, read, publish = self._deliver, mqtt5.read, mqtt5.PublishPacket
        start, end = 0, len(view)
        arrival_ms = self._arrival(0)  # one for everything in this read
        while start < end:
            try:
                packet, size = read(view[start:])
            except IndexError:  # the rest has not come yet
                break
            except BaseException as error:
                if not isinstance(error, ValueError) and type(error).__name__ != "PanicException":
                    raise  # the codec panics on text that is not UTF-8, with a BaseException
                skip = salvage_publish(view[start:])
                if skip is None:
                    self.peer.drop("the broker sent what is not MQTT 5")
                    return end
                size, packet_id = skip
                start += size
                self._malformed(self, packet_id)
                continue
            start += size
            if type(packet) is publish:
                deliver(self, packet, arrival_ms)
            else:
                self._take(packet)
        return start

    def _take(self, packet: mqtt5.Packet) -> None:
        if isinstance(packet, mqtt5.ConnAckPacket) and not self.welcomed.done():
            self.welcomed.set_result(packet)
        elif isinstance(packet, mqtt5.SubAckPacket) and not self.subscribed.done():
            self.subscribed.set_result(packet)
        elif isinstance(packet, mqtt5.DisconnectPacket):
            self.taken_over = packet.reason_code == mqtt5.DisconnectReasonCode.SESSION_TAKEN_OVER
            self.peer.drop(f"the broker said: {words_of(packet.reason_code.name)}")
        elif not isinstance(packet, mqtt5.PingRespPacket | mqtt5.UnsubAckPacket):
            self.peer.drop(f"the broker sent an unexpected {type(packet).__name__}")

    async def subscribe(self, filters: list[mqtt5.TopicFilter]) -> None:
        """Subscribe to some filters. Raises LinkError for one that is refused, else as `answer`."""
        self.subscribed = asyncio.get_running_loop().create_future()
        self.peer.send(mqtt5.SubscribePacket(1, filters).write())
        granted = await self.answer(self.subscribed)
        if len(granted.reason_codes) != len(filters):
            raise LinkError("the broker answered other subscriptions than ours")
        answers = zip(filters, granted.reason_codes, strict=True)
        failed = [f"{f.pattern} ({words_of(code.name)})" for f, code in answers if code not in _GRANTED]
        if failed:
            raise LinkError(f"the broker refused to subscribe us to {', '.join(failed)}")
        self.filters.update(f.pattern for f in filters)

    def leave(self, patterns: Sequence[str]) -> None:
        """Unsubscribe; nobody waits for the answer."""
        for at in range(0, len(patterns), SUBSCRIBE_AT_ONCE):
            self.peer.send(mqtt5.UnsubscribePacket(1, list(patterns[at : at + SUBSCRIBE_AT_ONCE])).write())
        self.filters.difference_update(patterns)

    async def answer(self, to_come: "asyncio.Future[T]") -> T:
        """Wait for one answer. Raises ConnectionError when the connection ends before."""
        await asyncio.wait((to_come, self.peer.lost), return_when=asyncio.FIRST_COMPLETED)
        if not to_come.done():
            raise ConnectionError(self.peer.reason)
        return to_come.result()


def status_filter(topic: str) -> mqtt5.TopicFilter:
    """Subscribe to what devices say about themselves, stored messages included."""
    return mqtt5.TopicFilter(
        topic,
        max_qos=mqtt5.QoS.AT_LEAST_ONCE,
        retain_as_published=False,
        retain_handling=mqtt5.RetainHandling.SEND_ALWAYS,
    )


def words_of(code: str) -> str:
    """Give a reason code of MQTT as people would write it."""
    return code.lower().replace("_", " ")
