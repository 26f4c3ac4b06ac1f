"""A real Zigbee2MQTT whose adapter has no radio: what it publishes for ZCL frames, and what we make of it.

Runs where tests/servers.sh has installed it (Node 20.19 or newer).
"""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiomqtt
import pytest

from guardian.broker import mosquitto
from guardian.link import BrokerAddress
from guardian.roster_file import read
from guardian.scout import Scout, to_toml
from tests.mqtt_fixtures import Site, device, running
from tests.test_devices import spec

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "guardian-care"
PROGRAM = CACHE / "zigbee2mqtt-2.14.1" / "node_modules" / "zigbee2mqtt"
ADAPTER = Path(__file__).parent / "zigbee2mqtt_adapter.js"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not PROGRAM.is_dir() or shutil.which("node") is None, reason=f"Zigbee2MQTT is not in {PROGRAM}"
    ),
]

OCCUPANCY, ON_OFF, TEMPERATURE, ALARM = 0x0406, 0x0006, 0x0402, 0x0501
MOTION, DOOR, CLIMATE, SOS = 11, 12, 13, 14
DEVICES: Final = {
    MOTION: ("LUMI", "lumi.sensor_motion.aq2", [0, 1024, 1030, 65535]),
    DOOR: ("LUMI", "lumi.sensor_magnet.aq2", [0, 3, 6, 65535]),
    CLIMATE: ("LUMI", "lumi.weather", [0, 3, 1026, 1027, 1029, 65535]),
    SOS: ("_TZ3000_4fsgukof", "TS0215A", [0, 1, 1280, 1281]),
}
OCCUPIED, NOBODY = "18010a00001801", "18010a00001800"  # report of attribute 0, a bitmap of 8 bits
OPEN, CLOSED = "18010a00001001", "18010a00001000"  # the same, a boolean
EMERGENCY = ("010102", "010202")
NAMES: Final = {MOTION: "Bath motion", DOOR: "hall/front door", CLIMATE: "climate", SOS: "sos"}
Z2M: Final = {"dialect": "zigbee2mqtt"}
SENSORS = (
    spec("pir", "pir", **Z2M, topic="zigbee2mqtt/Bath motion", attribute="occupancy"),
    spec("door", "door", **Z2M, topic="zigbee2mqtt/hall/front door", attribute="contact"),
    spec("warm", "temperature", **Z2M, topic="zigbee2mqtt/climate", attribute="temperature"),
    spec("damp", "humidity", **Z2M, topic="zigbee2mqtt/climate", attribute="humidity"),
    spec("sos", "button", **Z2M, topic="zigbee2mqtt/sos", attribute="action", on="emergency"),
)


def database() -> str:
    """Coordinator and devices as they stand in its database after pairing."""
    rows: list[dict[str, Any]] = []
    for address, (maker, model, clusters) in {0: ("", "", []), **DEVICES}.items():
        endpoint = {"profId": 260, "epId": 1, "devId": 263, "inClusterList": clusters, "outClusterList": [0]}
        rest: dict[str, Any] = {"clusters": {}, "binds": [], "configuredReportings": [], "meta": {}}
        rows.append(
            {
                "id": len(rows) + 1,
                "type": "EndDevice" if address else "Coordinator",
                "ieeeAddr": f"0x00158d00000000{address:02d}" if address else "0x00124b0000000001",
                "nwkAddr": address,
                "manufId": 4151,
                "manufName": maker,
                "modelId": model,
                "powerSource": "Battery",
                "epList": [1],
                "endpoints": {"1": endpoint | rest},
                "interviewCompleted": True,
                "interviewState": "SUCCESSFUL",
                "meta": {},
                "lastSeen": None,
            }
        )
    return "\n".join(map(json.dumps, rows)) + "\n"


def configuration(address: BrokerAddress) -> str:
    """JSON is YAML."""
    return json.dumps(
        {
            "version": 5,
            "onboarding": False,
            "mqtt": {"base_topic": "zigbee2mqtt", "server": f"mqtt://127.0.0.1:{address.port}"},
            "serial": {"port": "/dev/null", "adapter": "zstack"},
            "advanced": {
                "log_output": [],
                "network_key": list(range(16)),
                "pan_id": 6754,
                "ext_pan_id": [1] * 8,
            },
            "availability": {"enabled": True},
            "frontend": {"enabled": False},
            "device_options": {"qos": 1},
            "devices": {
                f"0x00158d00000000{a:02d}": {"friendly_name": name, "occupancy_timeout": 1}
                for a, name in NAMES.items()
            },
        }
    )


class Bridge:
    """One Zigbee2MQTT process and its folder."""

    def __init__(self, folder: Path, address: BrokerAddress) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "database.db").write_text(database(), "utf-8")
        (folder / "configuration.yaml").write_text(configuration(address), "utf-8")
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            "node",
            "-r",
            str(ADAPTER),
            "index.js",
            cwd=PROGRAM,
            env={**os.environ, "ZIGBEE2MQTT_DATA": str(self.folder)},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
        )

    def report(self, address: int, cluster: int, data: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        line = json.dumps({"address": address, "cluster": cluster, "data": data})
        self._process.stdin.write(line.encode() + b"\n")

    async def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            await self._process.wait()
            self._process = None


@asynccontextmanager
async def bridge(tmp_path: Path, address: BrokerAddress) -> AsyncIterator[Bridge]:
    one = Bridge(tmp_path / "data", address)
    try:
        await one.start()
        yield one
    finally:
        await one.stop()


async def ready(client: aiomqtt.Client) -> None:
    """Wait until it says that it has started; that stands in its log alone."""
    await client.subscribe("zigbee2mqtt/bridge/logging")
    async with asyncio.timeout(60):
        async for message in client.messages:
            if b"Zigbee2MQTT started" in bytes(message.payload):
                return


async def _until(client: aiomqtt.Client, topic: str) -> AsyncIterator[aiomqtt.Message]:
    """Give the next message on this topic."""
    async for message in client.messages:
        if message.topic.value == topic:
            yield message
            return


async def test_frames_of_devices_become_readings_and_repeats_become_none(tmp_path: Path) -> None:
    async with (
        mosquitto(tmp_path / "broker") as address,
        device(address) as client,
        running(Site(address, sensors=SENSORS)) as site,
        bridge(tmp_path, address) as z2m,
    ):
        board = site.board

        async def takes(*expected: tuple[str, float]) -> None:
            await site.until(lambda: board.waiting_events >= len(expected), 20)
            assert [(r.sensor, r.value) for r in site.beat()] == list(expected)

        await ready(client)
        await site.until(lambda: bool(board.offline.all()))  # nobody has been heard yet, it says
        z2m.report(MOTION, OCCUPANCY, OCCUPIED)
        # the first movement after a start may be an old state; a second later nobody is there
        await takes(("pir", 0))
        z2m.report(MOTION, OCCUPANCY, OCCUPIED)
        await takes(("pir", 1))
        z2m.report(MOTION, 0x0400, "18010a0000212800")  # light: the message repeats the occupancy
        await takes(("pir", 0))
        z2m.report(DOOR, ON_OFF, OPEN)
        await takes(("door", 1))
        z2m.report(DOOR, ON_OFF, CLOSED)
        await takes(("door", 0))
        await client.subscribe("zigbee2mqtt/climate", qos=1)
        z2m.report(CLIMATE, TEMPERATURE, "18010a0000299f0a")
        async with asyncio.timeout(10):
            qos = [m.qos async for m in _until(client, "zigbee2mqtt/climate")]
        assert qos == [1], "as docs/devices.md says"
        await takes(("warm", 27.19))
        for press in EMERGENCY:
            z2m.report(SOS, ALARM, press)
            await takes(("sos", 1))
        assert not board.offline.any()
        assert not board.rejects
        assert board.devices.counters["repeats"] > 0

        # it starts anew while somebody stands in the bathroom: its cache is no movement, and no door
        z2m.report(MOTION, OCCUPANCY, OCCUPIED)
        await takes(("pir", 1))
        life_ms = board.state(site.clock.now_ms()).last_life_ms[0]
        await z2m.stop()
        await site.until(lambda: bool(board.offline.all()))
        site.beat()  # should its timer have ended the movement before it ended itself
        await z2m.start()
        await ready(client)
        await site.until(lambda: not board.offline.any())
        z2m.report(CLIMATE, 0x0405, "18010a0000217811")  # behind everything that was repeated
        await takes(("damp", 44.72))
        assert board.state(site.clock.now_ms()).last_life_ms[0] == life_ms


async def test_its_list_of_devices_becomes_a_roster(tmp_path: Path) -> None:
    async with (
        mosquitto(tmp_path / "broker") as address,
        device(address) as client,
        bridge(tmp_path, address),
    ):
        await client.subscribe("zigbee2mqtt/bridge/devices")
        scout = Scout(None)
        async with asyncio.timeout(60):
            async for message in client.messages:
                scout.hear(message.topic.value, bytes(message.payload))
                if len(scout.found) == len(SENSORS):
                    break
        proposed = read(to_toml(scout.found, "demo", "heard")).homes[0].sensors
        assert {(s.kind, s.topic, s.attribute, s.on) for s in proposed} == {
            (s.kind, s.source.topic, s.source.attribute, "|".join(s.source.on) or None)
            for s in SENSORS
            if s.source is not None
        }
