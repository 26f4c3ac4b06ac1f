"""Other makers' devices on the whole road: real broker, real daemon, and a text; and who may say what."""

import asyncio
import ssl
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from guardian import desk
from guardian.broker import mosquitto
from guardian.roster_file import read
from simulator.private import connected, daemon
from tests.mqtt_fixtures import SENSORS, Site, device, running
from tests.test_broker import certificates, shipped_configuration
from tests.test_devices import RADAR
from tests.test_road import PHONE, ROSTER, centre

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
async def test_each_may_write_under_its_own_topics_only(tmp_path: Path, who: str) -> None:
    certificates(tmp_path)
    extra = shipped_configuration(tmp_path)
    for name in ("guardian", "zigbee2mqtt", "radar", "guardian-devices"):
        command = ["mosquitto_passwd", "-b", "guardian.passwd", name, "x"]
        await asyncio.to_thread(subprocess.run, command, cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "guardian.passwd").chmod(0o644)
    async with mosquitto(tmp_path / "broker", config_extra=extra) as plain:
        authority = str(tmp_path / "ca.crt")
        ours = replace(plain, username="guardian", password="x", tls=True, tls_ca=authority)
        heard: list[str] = []

        def client_of(user: str) -> aiomqtt.Client:
            encrypted = ssl.create_default_context(cafile=authority)
            return aiomqtt.Client(plain.host, plain.port, username=user, password="x", tls_context=encrypted)

        async with (
            running(Site(ours, sensors=(*SENSORS, *RADAR))) as site,
            client_of("guardian-devices") as listener,
            client_of(who) as client,
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
