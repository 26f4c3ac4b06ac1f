"""The link against a real mosquitto, and against brokers and networks that misbehave."""

import asyncio
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import mqtt5
import numpy as np
import pytest

from guardian import link as link_module
from guardian.broker import Broker, mosquitto
from guardian.link import BACKOFF_S, KEEP_ALIVE_S, PING_SHARE
from guardian.peer import Peer
from guardian.wire import Reason
from guardian.wire.native import pack_event, pack_frame
from tests.mqtt_fixtures import CAM, HELP, FakeBroker, Proxy, Site, device, lines, nothing, running

__all__ = ["lines"]

PICTURE = pack_frame(np.full((8, 8), 2200, np.int16))


async def test_frames_and_events_reach_the_board(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as address, running(Site(address)) as site, device(address) as client:
        await client.publish(CAM, PICTURE + PICTURE, qos=0)
        await client.publish(HELP, pack_event(1, event_id="e1"), qos=1)
        await client.publish("guardian/s/h1/cam/status", b'{"state":"online"}', qos=1, retain=True)
        board = site.board
        await site.until(lambda: board.frames_taken == 2 and board.events_taken == 1 and bool(board.statuses))
        assert [r.id for r in site.beat()] == ["e1"]
        assert not board.rejects


async def test_stored_readings_are_not_sent_and_stored_statuses_are(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as address, device(address) as client:
        await client.publish(HELP, pack_event(1, event_id="old"), qos=1, retain=True)
        await client.publish("guardian/s/h1/cam/status", b'{"state":"offline"}', qos=1, retain=True)
        async with running(Site(address)) as site:
            await site.until(lambda: bool(site.board.statuses))
            # what is published now counts, whatever its retain flag says (ESPHome retains live values)
            await client.publish(HELP, pack_event(1, event_id="new"), qos=1, retain=True)
            await site.until(lambda: site.board.events_taken == 1)
            assert [r.id for r in site.beat()] == ["new"]


BAD: dict[str, tuple[str, bytes, Reason, str]] = {
    "truncated": (CAM, PICTURE[:-1], Reason.TRUNCATED, "h1/cam"),
    "oversized frames": (CAM, PICTURE * 500, Reason.TOO_LARGE, "h1/cam"),
    "oversized event": (HELP, b" " * 17_000, Reason.TOO_LARGE, "h1/help"),
    "wrong magic": (CAM, b"XX" + PICTURE[2:], Reason.BAD_MAGIC, "h1/cam"),
    "wrong version": (CAM, PICTURE[:2] + b"\7" + PICTURE[3:], Reason.BAD_VERSION, "h1/cam"),
    "wrong shape": (CAM, pack_frame(np.zeros((24, 32), np.int16)), Reason.WRONG_SHAPE, "h1/cam"),
    "NaN": (HELP, b'{"value":NaN}', Reason.NOT_A_NUMBER, "h1/help"),
    "Infinity": ("guardian/s/h1/air/event", b'{"value":Infinity}', Reason.NOT_A_NUMBER, "h1/air"),
    "invalid UTF-8": (HELP, b'{"value":1,"id":"\xc3("}', Reason.BAD_UTF8, "h1/help"),
    "no JSON": (HELP, b"pressed", Reason.BAD_JSON, "h1/help"),
    "impossible value": ("guardian/s/h1/air/event", b'{"value":4000}', Reason.BAD_VALUE, "h1/air"),
    "unknown home": ("guardian/s/h7/cam/frame", PICTURE, Reason.UNKNOWN_HOME, "h7/cam"),
    "unknown sensor": ("guardian/s/h1/x/event", b'{"value":1}', Reason.UNKNOWN_SENSOR, "h1/x"),
    "unknown topic": ("guardian/s/Küche 1/x/event", b'{"value":1}', Reason.UNKNOWN_TOPIC, "others"),
    "wrong kind": ("guardian/s/h1/help/frame", PICTURE, Reason.WRONG_KIND, "h1/help"),
    "status": ("guardian/s/h1/cam/status", b'{"state":3}', Reason.BAD_VALUE, "h1/cam"),
}


async def test_each_bad_payload_is_one_counted_reject_and_the_link_goes_on(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as address, running(Site(address)) as site, device(address) as client:
        for topic, payload, reason, sender in BAD.values():
            before = site.board.rejects.total()
            await client.publish(topic, payload, qos=0 if topic.endswith("frame") else 1)
            await site.until(partial(lambda n: site.board.rejects.total() > n, before))
            assert site.board.rejects[reason, sender] > 0
        assert sum(site.board.rejects.values()) == len(BAD)
        await client.publish(CAM, pack_frame(np.full((8, 8), 32_000, np.int16)))
        await client.publish(CAM, PICTURE)
        await client.publish(HELP, pack_event(1), qos=1)
        await site.until(lambda: site.board.frames_taken == 2 and site.board.events_taken == 1)
        assert len([f for _, f in site.board.batches(site.clock.now_ms())]) == 1
        assert site.board.rejects[Reason.NO_PIXELS, "h1/cam"] == 1
        assert site.states == [(name, True) for name, _ in site.states]  # never lost a connection


async def test_nothing_is_acknowledged_before_the_commit(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as address, device(address) as client:
        async with running(Site(address)) as site:
            for i in range(3):
                await client.publish(HELP, pack_event(1, event_id=f"e{i}"), qos=1)
            await site.until(lambda: site.board.events_taken == 3)
            mark = site.link.unacked()
            await client.publish(HELP, pack_event(1, event_id="later"), qos=1)
            await site.until(lambda: site.board.events_taken == 4)
            site.link.acknowledge(mark)
        async with running(Site(address)) as site:
            await site.until(lambda: site.board.events_taken == 1)
            assert [r.id for r in site.beat()] == ["later"]
        async with running(Site(address)) as site:
            await client.publish(HELP, pack_event(1, event_id="new"), qos=1)
            await site.until(lambda: site.board.events_taken == 1)
            assert [r.id for r in site.beat()] == ["new"]


async def test_a_daemon_killed_before_its_commit_gets_the_event_again_and_counts_it_once(
    tmp_path: Path,
) -> None:
    ledger = tmp_path / "ledger"
    async with mosquitto(tmp_path / "broker") as address, device(address) as client:

        async def daemon(until: str) -> list[str]:
            """Run a daemon that is killed at `until`; give what it said before."""
            child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.killed_daemon",
                *(str(address.port), str(ledger), until),
                stdout=subprocess.PIPE,
            )
            assert child.stdout is not None
            said = []
            async for line in child.stdout:
                said.append(line.decode().strip())
                if said == ["up"] and until in {"received", "acknowledged"}:
                    name = "first" if until == "received" else "last"
                    await client.publish(HELP, pack_event(1, event_id=name), qos=1)
            assert await child.wait() == -9
            return said

        assert await daemon("received") == ["up", "received first"]
        assert await daemon("committed") == ["up", "received first", "committed first"]
        said = await daemon("acknowledged")
        assert said[0] == "up"
        # redelivered, because the kill came before the acknowledgement; known, because it was committed
        assert "received first" in said
        assert "committed first" not in said
        assert "committed last" in said
        assert said[-1] == "acknowledged"
        assert (await daemon("idle"))[-1] == "restored first last, 0 waiting"


async def test_marks_of_an_older_connection_are_ignored(tmp_path: Path) -> None:
    async with Broker(tmp_path) as broker, running(Site(broker.address)) as site:
        async with device(broker.address) as client:
            await client.publish(HELP, pack_event(1, event_id="e1"), qos=1)
            await site.until(lambda: site.board.events_taken == 1)
        mark = site.link.unacked()
        assert len(site.beat(commit=False)) == 1
        await broker.restart()
        await site.until(lambda: site.link.counters["connects-events"] == 2 and site.up)
        assert site.link.session_present
        site.link.acknowledge(mark)
        assert site.link.counters["stale-acks"] == 1
        await site.until(lambda: site.board.events_taken == 2)  # redelivered
        assert site.beat() == []
        assert site.board.duplicates == 1
        async with device(broker.address) as client:  # subscribed again
            await client.publish(HELP, pack_event(1, event_id="e2"), qos=1)
            await client.publish(CAM, PICTURE)
            await site.until(lambda: site.board.events_taken == 3 and site.board.frames_taken == 1)


async def test_an_absent_broker_is_one_line_and_no_more(lines: list[Any], tmp_path: Path) -> None:
    async with Broker(tmp_path) as broker:
        site = Site(broker.address)
        await broker.stop()
        async with running(site, wait=False):
            await site.until(lambda: site.failed_tries == 6)
            await broker.start()
            await site.until(lambda: site.up)
        said = [x for x in lines if x["event"] == "not connected"]
        assert len(said) == 2
        assert {x["connection"] for x in said} == {"frames", "events"}
        assert all("refused" in x["why"] or "Connect call failed" in x["why"] for x in said)


def test_tries_are_at_most_ten_seconds_apart() -> None:
    assert max(BACKOFF_S) <= 10


# --- half-open -----------------------------------------------------------------------------------------


async def test_a_line_that_goes_dead_is_noticed_within_two_keep_alives(tmp_path: Path) -> None:
    keep_alive_s = 0.6
    loop = asyncio.get_running_loop()
    async with mosquitto(tmp_path) as address, Proxy(address) as proxy:
        site = Site(proxy.address, keep_alive_s=keep_alive_s)
        async with running(site):
            proxy.freeze()
            frozen_s = loop.time()
            await site.until(lambda: not any(site.link.connected.values()))
            assert loop.time() - frozen_s <= 2 * keep_alive_s
            assert all("no answer" in why for why in site.link.reason.values())
            assert site.link.counters["half-open"] == 2
            proxy.thaw()
            await site.until(lambda: site.up)


class _DeadLine(asyncio.Transport):
    """A transport whose other end takes everything and says nothing."""

    def __init__(self, peer: Peer) -> None:
        super().__init__()
        self._peer = peer
        self.ended = False

    def write(self, data: object) -> None:
        pass

    def is_closing(self) -> bool:
        return self.ended

    def abort(self) -> None:
        self.ended = True
        self._peer.connection_lost(None)


@pytest.mark.looptime
async def test_with_fifteen_seconds_a_frozen_broker_is_noticed_within_thirty() -> None:
    loop = asyncio.get_running_loop()
    peer = Peer(len, b"ping", 1 << 20)
    line = _DeadLine(peer)
    peer.connection_made(line)
    peer.watch(KEEP_ALIVE_S * PING_SHARE)
    for _ in range(7):  # answers come for a while
        await asyncio.sleep(KEEP_ALIVE_S * PING_SHARE)
        peer.get_buffer(-1)[:4] = b"pong"
        peer.buffer_updated(4)
    frozen_s = loop.time()
    await peer.lost
    assert loop.time() - frozen_s <= 30
    assert peer.silent


async def test_a_broker_that_never_answers_connect_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "HANDSHAKE_S", 0.1)

    async with (
        FakeBroker(nothing, silent=True) as broker,
        running(Site(broker.address), wait=False) as site,
    ):
        await site.until(lambda: site.failed_tries == 4)
        assert set(site.link.reason.values()) == {"no answer within 0.1 s"}


# --- brokers that misbehave ----------------------------------------------------------------------------


async def test_a_refused_subscription_is_loud(lines: list[Any]) -> None:
    async with (
        FakeBroker(nothing, suback=mqtt5.SubAckReasonCode.NOT_AUTHORIZED) as broker,
        running(Site(broker.address), wait=False) as site,
    ):
        await site.until(lambda: site.failed_tries == 4)
        assert not any(site.link.connected.values())
    said = {x["connection"]: x for x in lines if x["event"] == "not connected"}
    assert all(x["log_level"] == "error" for x in said.values())
    assert said["frames"]["why"] == (
        "the broker refused to subscribe us to guardian/s/+/+/frame (not authorized)"
    )
    assert "guardian/s/+/+/event (not authorized)" in said["events"]["why"]


async def test_what_is_no_mqtt_ends_the_connection_and_it_is_made_again() -> None:
    async def garbage(broker: FakeBroker, writer: asyncio.StreamWriter, name: str) -> None:
        if broker.connects.count(name) == 1:
            writer.write(b"\x00\x00HTTP/1.1 400 Bad Request\r\n")

    async with FakeBroker(garbage) as broker, running(Site(broker.address), wait=False) as site:
        await site.until(lambda: site.states.count(("events", True)) == 2)
        await site.until(lambda: site.up)
        assert ("events", False) in site.states


async def test_an_endless_packet_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "MAX_PACKET", 1 << 19)

    async def endless(broker: FakeBroker, writer: asyncio.StreamWriter, name: str) -> None:
        if broker.connects.count(name) == 1:
            writer.write(b"\x30\xff\xff\xff\x7f" + b"\0" * (1 << 20))

    async with FakeBroker(endless) as broker, running(Site(broker.address), wait=False) as site:
        await site.until(lambda: site.states.count(("frames", False)) == 1)
        await site.until(lambda: site.up)


async def test_large_packets_come_through_the_growing_buffer() -> None:
    large = mqtt5.PublishPacket(CAM, PICTURE * 2000).write()  # 304 kB: more than one read

    async def send(_: FakeBroker, writer: asyncio.StreamWriter, name: str) -> None:
        if name == "frames":
            writer.write(large + mqtt5.PublishPacket(CAM, PICTURE).write() * 3)

    async with FakeBroker(send) as broker, running(Site(broker.address)) as site:
        await site.until(lambda: site.board.frames_taken == 3)
        assert site.board.rejects == {(Reason.TOO_LARGE, "h1/cam"): 1}


# the codec (mqtt5 0.8.0) panics on a topic that is not UTF-8 and leaves an error behind that nobody can catch
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_publish_that_the_codec_refuses_costs_nobody_else_an_event() -> None:
    topic = b"guardian/s/h1/\xff\xfe/event"
    body = len(topic).to_bytes(2, "big") + topic + (7).to_bytes(2, "big") + b"\0" + b'{"value":1}'
    bad = bytes([0x32, len(body)]) + body
    good = mqtt5.PublishPacket(HELP, b'{"value":1}', qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=8).write()

    async def send(_: FakeBroker, writer: asyncio.StreamWriter, name: str) -> None:
        if name == "events":
            writer.write(bad + good)

    async with FakeBroker(send) as broker, running(Site(broker.address)) as site:
        await site.until(lambda: site.board.events_taken == 1)
        site.beat()
        await broker.until(lambda: broker.acked == [7, 8])
        assert site.board.rejects == {(Reason.MALFORMED, "others"): 1}
        assert site.up


async def test_a_reading_with_the_retain_flag_is_refused_and_acknowledged() -> None:
    async def send(_: FakeBroker, writer: asyncio.StreamWriter, name: str) -> None:
        once = mqtt5.QoS.AT_LEAST_ONCE
        event = mqtt5.PublishPacket(HELP, b'{"value":1}', qos=once, retain=True, packet_id=3)
        frame = mqtt5.PublishPacket(CAM, PICTURE, retain=True)
        writer.write((event if name == "events" else frame).write())

    async with FakeBroker(send) as broker, running(Site(broker.address)) as site:
        await site.until(lambda: site.board.rejects.total() == 2)
        site.beat()
        await broker.until(lambda: broker.acked == [3])
        assert site.board.rejects == {(Reason.RETAINED, "h1/help"): 1, (Reason.RETAINED, "h1/cam"): 1}
        assert site.board.events_taken == site.board.frames_taken == 0


async def test_a_client_id_in_use_by_somebody_else_is_said_once(lines: list[Any]) -> None:
    async def oust(_: FakeBroker, writer: asyncio.StreamWriter, name: str) -> None:
        if name == "events":
            writer.close()  # as mosquitto 2.0.11 does: without a reason code

    async with FakeBroker(oust) as broker, running(Site(broker.address), wait=False) as site:
        await broker.until(lambda: broker.connects.count("events") >= 5)
        assert site.link.contested == {"frames": False, "events": True}
    assert [x["connection"] for x in lines if "in use" in x["event"]] == ["events"]


# --- pausing -------------------------------------------------------------------------------------------


def reading(site: Site) -> bool:
    connection = site.link._events
    assert connection is not None
    assert connection.peer._transport is not None
    return connection.peer._transport.is_reading()


async def test_only_the_event_connection_pauses_until_commits_catch_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "PAUSE_AT", 10)
    async with mosquitto(tmp_path) as address, running(Site(address)) as site, device(address) as client:
        for i in range(50):
            await client.publish(HELP, pack_event(1, event_id=f"e{i}"), qos=1)
        await site.until(lambda: site.link.counters["pauses"] == 1)
        assert not reading(site)
        await client.publish(CAM, PICTURE)
        await site.until(lambda: site.board.frames_taken == 1)  # the other one reads on
        got = 0
        while got < 50:
            await site.until(lambda: site.board.waiting_events > 0)
            got += len(site.beat())
        assert reading(site)
        assert site.link.counters["connects-events"] == 1


async def test_a_pause_is_short_even_when_nothing_is_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert link_module.PAUSE_S <= 5
    monkeypatch.setattr(link_module, "PAUSE_AT", 10)
    monkeypatch.setattr(link_module, "PAUSE_S", 0.1)
    async with mosquitto(tmp_path) as address, running(Site(address)) as site, device(address) as client:
        for i in range(50):
            await client.publish(HELP, pack_event(1, event_id=f"e{i}"), qos=1)
        await site.until(lambda: site.board.events_taken == 50)
        assert site.link.counters["pauses"] == 1
