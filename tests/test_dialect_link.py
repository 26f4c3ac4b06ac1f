"""Messages of other makers' devices through a real mosquitto: what reaches the board, and what does not."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from guardian import link as link_module
from guardian.broker import mosquitto
from guardian.wire import Reason
from guardian.wire.native import pack_event
from tests.dialect_payloads import EXAMPLES
from tests.mqtt_fixtures import HELP, SENSORS, Heard, Site, device, running
from tests.test_devices import CAM, RADAR, spec

RADAR_TOPIC = "zigbee2mqtt/radar"


async def test_a_zigbee2mqtt_message_becomes_readings_and_health(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as address, device(address) as client:
        await client.publish(
            RADAR_TOPIC, b'{"occupancy":true}', qos=1, retain=True
        )  # stored: never sent to us
        await client.publish(f"{RADAR_TOPIC}/availability", b'{"state":"offline"}', qos=1, retain=True)
        async with running(Site(address, sensors=RADAR)) as site:
            await site.until(lambda: bool(site.board.offline.all()))
            await client.publish(RADAR_TOPIC, b'{"occupancy":false,"temperature":21.5}', qos=0)
            await site.until(lambda: site.board.events_taken == 2)
            # live, though the device asks the broker to store it
            await client.publish(RADAR_TOPIC, b'{"occupancy":true,"action":"emergency"}', qos=1, retain=True)
            await site.until(lambda: site.board.events_taken == 4)
            assert [(r.sensor, r.value) for r in site.beat()] == [
                ("pir", 0),
                ("warm", 21.5),
                ("pir", 1),
                ("sos", 1),
            ]
            assert not site.board.rejects


async def test_every_dialect_and_the_native_one_share_the_two_connections(tmp_path: Path) -> None:
    ones = [e for e in EXAMPLES.values() if e.value == 1 and e.keys["kind"] not in {"pir", "bed"}]
    chosen = list({(e.keys["topic"], e.keys["attribute"]): e for e in ones}.values())
    homes = {topic: f"d{i}" for i, topic in enumerate({e.keys["topic"]: 0 for e in chosen})}
    own = [spec(f"s{i}", home=homes[e.keys["topic"]], **e.keys) for i, e in enumerate(chosen)]
    sensors = (*SENSORS, replace(CAM, home="h9"), *own)
    async with (
        mosquitto(tmp_path) as address,
        device(address) as client,
        running(Site(address, sensors=sensors)) as site,
    ):
        board = site.board
        await client.publish(HELP, b'{"value":1}', qos=1)
        for example in chosen:
            await client.publish(example.topic, example.payload, qos=0)
        await client.publish("avr/thermal/reading", json.dumps({"data": [20.0] * 20}).encode())
        await site.until(lambda: board.events_taken >= len(chosen) + 1 and board.frames_taken == 1)
        assert {r.value for r in site.beat()} == {1.0}
        assert not board.rejects
        ((_, frames),) = board.batches(site.clock.now_ms())
        assert np.unique(frames.centi).tolist() == [2000]


async def test_another_roster_is_subscribed_to_while_the_link_is_up(tmp_path: Path) -> None:
    """New topics of devices are heard, with what was stored of them; old ones come no more."""
    lamp = spec(
        "lamp", home="h1", kind="pir", dialect="zigbee2mqtt", topic="zigbee2mqtt/lamp", attribute="occupancy"
    )
    new = replace(SENSORS[1], home="h2")
    async with (
        mosquitto(tmp_path) as address,
        device(address) as client,
        running(Site(address, sensors=(*SENSORS, lamp))) as site,
    ):
        await client.publish(
            "guardian/s/h2/help/status", b'{"state":"offline","battery":7}', qos=1, retain=True
        )
        await client.publish(f"{RADAR_TOPIC}/availability", b'{"state":"offline"}', qos=1, retain=True)
        await site.until(lambda: site.board.rejects[Reason.UNKNOWN_HOME, "h2/help"] == 1)
        await client.publish("zigbee2mqtt/lamp", b'{"occupancy":false}', qos=1)
        await client.publish(HELP, pack_event(1, event_id="e1"), qos=1)
        await site.until(lambda: site.board.events_taken == 2)
        assert not site.board.statuses

        site.board = Heard((*SENSORS, new, *RADAR), site.changed)  # e1 was handed over and is not committed
        site.link.take(site.board)
        known = {("h2", "help"), *((s.home, s.name) for s in RADAR)}
        await site.until(lambda: set(site.board.statuses) == known)
        assert site.board.statuses["h2", "help"] == ("offline", 7.0, None)
        await client.publish("zigbee2mqtt/lamp", b'{"occupancy":true}', qos=1)
        await client.publish(RADAR_TOPIC, b'{"occupancy":false,"temperature":21.5}', qos=1)
        await client.publish("guardian/s/h2/help/event", pack_event(1, event_id="e2"), qos=1)
        await site.until(lambda: site.board.events_taken == 3)
        assert [(r.home, r.sensor) for r in site.beat()][-1] == ("h2", "help")
        assert not site.board.rejects, "the lamp is not even sent"
        assert site.link.counters["connects-events"] == site.link.counters["connects-frames"] == 1
        await client.publish("guardian/s/h2/help/status", b'{"state":"online"}', qos=1)
        await site.until(lambda: site.board.statuses["h2", "help"][0] == "online")


async def test_what_is_stored_of_a_sensor_that_speaks_native_from_now_on_is_heard(tmp_path: Path) -> None:
    """Its status came while the roster had its device speak a dialect."""
    before = spec(
        "help",
        home="h3",
        kind="button",
        dialect="zigbee2mqtt",
        topic="zigbee2mqtt/h",
        attribute="action",
        on="x",
    )
    async with (
        mosquitto(tmp_path) as address,
        device(address) as client,
        running(Site(address, sensors=(*SENSORS, before))) as site,
    ):
        await client.publish("guardian/s/h3/help/status", b'{"state":"offline"}', qos=1, retain=True)
        await site.until(lambda: site.board.rejects.total() == 1)
        site.board = Heard((*SENSORS, replace(before, source=None)), site.changed)
        site.link.take(site.board)
        await site.until(lambda: ("h3", "help") in site.board.statuses)


async def test_a_sensor_that_has_left_the_roster_is_unsubscribed_from(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as address, device(address) as client:
        async with running(Site(address, sensors=(*SENSORS, *RADAR))):
            pass
        async with running(Site(address)) as site:  # the broker kept the subscription for the session
            await client.publish(RADAR_TOPIC, b'{"occupancy":true}', qos=1)
            await site.until(lambda: site.board.rejects.total() == 1)
            for events in range(1, 10):
                before = site.board.rejects.total()
                await client.publish(RADAR_TOPIC, b'{"occupancy":true}', qos=1)
                await client.publish(HELP, b'{"value":1}', qos=1)
                await site.until(partial(lambda n: site.board.events_taken == n, events))
                if site.board.rejects.total() == before:
                    break
            else:
                pytest.fail("it is still subscribed")
            assert set(site.board.rejects) == {(Reason.UNKNOWN_TOPIC, "others")}


async def test_many_devices_are_subscribed_to_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "SUBSCRIBE_AT_ONCE", 7)
    sensors = [
        spec("door", "door", home=f"h{i}", dialect="shelly", topic=f"shelly-{i}", attribute="input:0.state")
        for i in range(20)
    ]
    async with (
        mosquitto(tmp_path) as address,
        device(address) as client,
        running(Site(address, sensors=sensors)) as site,
    ):
        for i in range(20):
            await client.publish(f"shelly-{i}/status/input:0", b'{"id":0,"state":true}', qos=1)
            await client.publish(f"shelly-{i}/online", b"false", qos=1)
        await site.until(lambda: site.board.events_taken == 20 and bool(site.board.offline.all()))


async def test_bad_payloads_are_counted_and_the_link_goes_on(tmp_path: Path) -> None:
    async with (
        mosquitto(tmp_path) as address,
        device(address) as client,
        running(Site(address, sensors=(*RADAR, CAM))) as site,
    ):
        for bad in (b"", b"\xff", b"[]", b'{"temperature":900}', b"x" * 20_000):
            await client.publish(RADAR_TOPIC, bad, qos=1)
            await client.publish(f"{RADAR_TOPIC}/availability", bad, qos=1)
            await client.publish("avr/thermal/reading", bad)
        await client.publish(RADAR_TOPIC, b'{"smoke":true}', qos=1)
        await site.until(lambda: site.board.events_taken == 1 and site.board.rejects.total() == 15)
        assert site.states == [(name, True) for name, _ in site.states], "never lost a connection"
