"""Other makers' devices on the whole road: real broker, real daemon, and a text; and who may say what."""

import asyncio
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from guardian import desk
from guardian.roster_file import read
from simulator.private import connected, daemon
from tests.mqtt_fixtures import SENSORS, Site, device, running
from tests.shipped_broker import ShippedBroker, secrets
from tests.test_devices import RADAR
from tests.test_road import PHONE, ROSTER, centre

__all__ = ["secrets"]

FOREIGN: dict[str, Any] = {
    **ROSTER,
    "homes": [
        {
            "id": "h1",
            "rooms": [{"id": "hall"}],
            "sensors": [
                {
                    "id": "help",
                    "kind": "button",
                    "room": "hall",
                    "dialect": "zigbee2mqtt",
                    "topic": "zigbee2mqtt/hall/SOS button",
                    "attribute": "action",
                    "on": "emergency",
                },
                {
                    "id": "door",
                    "kind": "door",
                    "room": "hall",
                    "dialect": "zigbee2mqtt",
                    "topic": "zigbee2mqtt/hall/Front door",
                    "attribute": "contact",
                },
            ],
        }
    ],
}


async def test_a_press_behind_zigbee2mqtt_becomes_a_text(tmp_path: Path) -> None:
    async with centre(tmp_path, FOREIGN) as c, daemon(c.place), device(c.broker) as client:
        await connected(c.place)
        await client.publish("zigbee2mqtt/hall/SOS button", b'{"battery":100,"linkquality":90}')
        await client.publish("zigbee2mqtt/hall/SOS button", b'{"action":"emergency","battery":100}', qos=1)
        assert await c.phones[PHONE].expects_text("", within_s=15)
        c.phones.nobody_else_got_a_message()
        status = await asyncio.to_thread(desk.call, c.place.state, "GET", "/status")
        assert (status["events"], status["rejects"]) == (1, [])
        assert (await asyncio.to_thread(desk.call, c.place.state, "GET", "/roster/export"))["toml"].count(
            "dialect"
        ) == 2

        # the command leaves out what the running daemon's roster has
        await client.publish(
            "zigbee2mqtt/bridge/devices",
            b'[{"friendly_name":"hall/Front door","definition":{"exposes":['
            b'{"name":"contact","property":"contact"},{"name":"temperature","property":"temperature"}]}}]',
            qos=1,
            retain=True,
        )
        command = [
            sys.executable,
            "-m",
            "guardian",
            "devices",
            "--seconds",
            "3",
            "--config",
            str(c.place.config),
        ]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        (home,) = read(done.stdout).homes
        assert [(s.kind, s.topic, s.attribute) for s in home.sensors] == [
            ("temperature", "zigbee2mqtt/hall/Front door", "temperature")
        ]
        assert tomllib.loads(done.stdout)["site"] == {"id": "demo"}


@pytest.mark.parametrize("who", ["zigbee2mqtt", "radar"])
async def test_each_may_write_under_its_own_topics_only(tmp_path: Path, secrets: Path, who: str) -> None:
    async with ShippedBroker(tmp_path, secrets) as broker:
        heard: list[str] = []
        async with (
            running(Site(broker.plain("guardian"), sensors=(*SENSORS, *RADAR))) as site,
            device(broker.plain("guardian-devices")) as listener,
            device(broker.tls(who)) as client,
        ):
            await listener.subscribe("#")
            forbidden = ["guardian/s/h1/help/event", "tele/other/LWT", "guardian-out/s/siren"]
            if who != "zigbee2mqtt":
                forbidden.append("zigbee2mqtt/radar")
            for topic in forbidden:
                await client.publish(topic, b'{"value":1}', qos=1)
            last = "zigbee2mqtt/radar" if who == "zigbee2mqtt" else "tele/radar/STATE"
            await client.publish(last, b'{"smoke":true}', qos=1)
            async with asyncio.timeout(10):
                async for message in listener.messages:
                    heard.append(message.topic.value)
                    if heard[-1] == last:
                        break
            assert heard == [last]
            if who == "zigbee2mqtt":
                await site.until(lambda: site.board.events_taken == 1)
                assert [r.sensor for r in site.beat()] == ["smoke"]
            assert not site.board.rejects
