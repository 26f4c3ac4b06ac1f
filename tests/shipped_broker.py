"""mosquitto with the two files that a centre copies to /etc/mosquitto; only paths and ports are changed."""

import asyncio
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import aiomqtt
import pytest

from guardian.address import BrokerAddress
from guardian.broker import TRIES, Broker
from guardian.settings import CONFIG
from simulator.private import free_port
from tests.mqtt_fixtures import PATIENCE_S, device
from tests.test_broker import certificates

CONF: Final = (CONFIG / "mosquitto.conf").read_text("utf-8")
ACL: Final = (CONFIG / "mosquitto.acl").read_text("utf-8")

USERS: Final = (
    "guardian",
    "guardian-devices",
    "zigbee2mqtt",
    "s/h1/help",
    "s/h1/cam",
    "s/h1/air",
    "s/h2/help",
    "t/h1/help",
    "kitchen",
    "shelly-1",
    "plug",
    "cmnd",  # may write below cmnd/ by its name: whoever switches Tasmota's relays
    "my-site/h01/speaker",
    "my-site-siren",
    "kitchen-plug",
    "radar",
    "+",
    "s/+/help",
    "s/#",
    "s/h1/+",
)


def lines_of(text: str) -> list[str]:
    """What a file says, without comments."""
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def changed(text: str, line: str, to: str) -> str:
    """Put something in the place of a line, which has to be there, and only once."""
    lines = text.splitlines()
    assert lines.count(line) == 1, line
    lines[lines.index(line)] = to
    return "\n".join(lines) + "\n"


def offered(text: str, *lines: str) -> str:
    """Take a line's `# ` away, as somebody does who needs what a comment offers."""
    for line in lines:
        at = f"# {line}\n"
        assert at in text, line
        text = text.replace(at, f"{line}\n")
    return text


@pytest.fixture(scope="session")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates for 127.0.0.1, and a password file by mosquitto_passwd: everybody's is `right`."""
    folder = tmp_path_factory.mktemp("secrets")
    certificates(folder)
    file = folder / "guardian.passwd"
    file.write_text("".join(f"{user}:right\n" for user in USERS), "utf-8")
    file.chmod(0o600)
    subprocess.run(["mosquitto_passwd", "-U", str(file)], check=True)
    return folder


class ShippedBroker(Broker):
    """The shipped broker; `conf` and `acl` are the shipped files where a test does not change a line."""

    def __init__(self, folder: Path, secrets: Path, *, conf: str = CONF, acl: str = ACL) -> None:
        super().__init__(folder / "broker")
        self._secrets = secrets
        self._conf = conf
        (folder / "mosquitto.acl").write_text(acl, "utf-8")
        self._acl = folder / "mosquitto.acl"
        self._ports: dict[str, int] = {}
        self.ca = str(secrets / "ca.crt")

    def _config(self) -> str:
        ports = {self.address.port}
        while len(ports) < 3:  # one that is free may be told twice
            ports.add(free_port())
        self._ports = dict(zip(("8883", "8884"), ports - {self.address.port}, strict=True))
        moved = {
            "listener 1883 127.0.0.1": f"listener {self.address.port} 127.0.0.1",
            "listener 8883": f"listener {self._ports['8883']}",
            "password_file /etc/mosquitto/guardian.passwd": f"password_file {self._secrets}/guardian.passwd",
            "acl_file /etc/mosquitto/mosquitto.acl": f"acl_file {self._acl}",
        }
        text = self._conf
        for line, to in moved.items():
            text = changed(text, line, to)
        if "listener 8884" in lines_of(text):
            text = changed(text, "listener 8884", f"listener {self._ports['8884']}")
        assert "/etc/mosquitto/certs/server." in text
        text = text.replace("/etc/mosquitto/certs", str(self._secrets))
        return f"{text}{place(self.directory)}"

    def plain(self, user: str | None, password: str | None = "right") -> BrokerAddress:
        """The listener on this machine, for one of the users."""
        return BrokerAddress("127.0.0.1", self.address.port, user, password)

    def tls(self, user: str, *, ca: str | None = None, port: str = "8883") -> BrokerAddress:
        """An encrypted listener, for one of the users, who knows its authority."""
        return BrokerAddress("127.0.0.1", self._ports[port], user, "right", tls_ca=ca or self.ca, tls=True)

    async def start(self) -> None:
        """Start; once somebody has been let in on the first listener, all of them listen."""
        for tries_left in reversed(range(TRIES)):
            await super().start()
            try:
                async with device(self.plain("guardian")):
                    return
            except aiomqtt.MqttError:  # somebody took the port of another listener, and it has ended
                await self.stop()
                if not tries_left:
                    raise


def place(folder: Path) -> str:
    """What is no line of ours: where sessions lie, and that root stays root, who runs tests in containers."""
    return f"persistence_location {folder}/\n" + ("user root\n" if os.geteuid() == 0 else "")


async def passes(
    broker: ShippedBroker,
    writer: str,
    reader: str,
    topics: Sequence[str],
    *,
    filters: Sequence[str] = (),
    retain: bool = False,
) -> list[str]:
    """Give what comes to the reader of what a writer says on some topics, and of whatever the broker says.

    The reader subscribes to `filters`, or else to the topics: before they are written, or with `retain`
    afterwards. Last of all it says something to itself, under its own name, where every user may: so nothing
    is on its way still when the list is complete.
    """
    end = f"{reader}/end"
    async with device(broker.plain(reader)) as ear, device(broker.plain(writer)) as mouth:
        wanted = [(topic, 1) for topic in (*(filters or topics), end)]
        if not retain:
            await ear.subscribe(wanted)
        for topic in topics:
            await mouth.publish(topic, b"x", qos=1, retain=retain)
        if retain:
            await ear.subscribe(wanted)
        await ear.publish(end, b"x", qos=1)
        heard: list[str] = []
        async with asyncio.timeout(PATIENCE_S):
            async for message in ear.messages:
                if message.topic.value == end:
                    return list(dict.fromkeys(heard))  # one message may come for each filter that it fits
                heard.append(message.topic.value)
    raise AssertionError("the connection ended")
