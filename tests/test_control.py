"""The control plane against a real mosquitto."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiomqtt

from guardian import control as control_module
from guardian.broker import Broker, mosquitto
from guardian.control import Control
from guardian.link import BrokerAddress
from tests.mqtt_fixtures import PATIENCE_S, device, lines

__all__ = ["lines"]


class Listener:
    """Everything that Guardian says, in order."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client
        self.heard: list[tuple[str, Any]] = []

    async def until(self, topic: str, count: int = 1) -> list[Any]:
        """Payloads of a topic, as soon as there are `count`."""
        async with asyncio.timeout(PATIENCE_S):
            while len(of := [said for t, said in self.heard if t == topic]) < count:
                message = await anext(aiter(self._client.messages))
                assert isinstance(message.payload, bytes)
                self.heard.append((message.topic.value, json.loads(message.payload)))
        return of


@asynccontextmanager
async def listening(address: BrokerAddress, identifier: str = "listener") -> AsyncIterator[Listener]:
    async with device(address, identifier) as client:
        await client.subscribe("guardian-out/#", qos=1)
        yield Listener(client)


@asynccontextmanager
async def speaking(control: Control) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(control.run())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def plain(address: BrokerAddress) -> Control:
    return Control(address, "s", jitter=lambda: 0.0)


async def test_what_is_said_has_its_topic_and_its_words(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as address, listening(address) as listener:
        control = plain(address)
        control.ack("h1", "help", "e1")  # before there is a connection: it waits
        async with speaking(control):
            control.prompt("h1", "fall-suspected", 7, 1_700_000_000_000)
            control.siren(True, 1_700_000_000_001)
            control.siren(False, 1_700_000_000_002)
            control.replay_done(b'{"t":1}')
            assert await listener.until("guardian-out/replay/done") == [{"t": 1}]
            assert await listener.until("guardian-out/s/h1/help/ack") == [{"id": "e1"}]
        assert await listener.until("guardian-out/s/status", 2) == [{"state": "online"}, {"state": "offline"}]
        words = [t for t, _ in listener.heard if not t.endswith(("status", "ack"))]
        assert words == [
            "guardian-out/s/h1/prompt",
            *["guardian-out/s/siren"] * 2,
            "guardian-out/replay/done",
        ]
        said = dict(listener.heard)
        assert said["guardian-out/s/h1/prompt"] == {"id": 7, "kind": "fall-suspected", "t": 1_700_000_000_000}
        assert said["guardian-out/s/siren"] == {"on": 0, "t": 1_700_000_000_002}


async def test_only_the_status_is_retained(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as address, speaking(plain(address)) as task:
        async with listening(address, "first") as listener:
            await listener.until("guardian-out/s/status")
        control = Control(address, "t")
        control.siren(True, 5)
        async with speaking(control), listening(address, "second") as listener:
            await listener.until("guardian-out/t/status")
        assert not task.done()
        async with listening(address, "third") as listener:
            await listener.until("guardian-out/t/status")
            await listener.until("guardian-out/s/status")
            assert {t for t, _ in listener.heard} == {"guardian-out/s/status", "guardian-out/t/status"}


async def test_what_was_said_while_the_broker_was_away_is_said_later_and_in_order(
    tmp_path: Path, lines: list[Any]
) -> None:
    async with Broker(tmp_path) as broker:
        control = plain(broker.address)
        states: list[bool] = []
        changed = asyncio.Event()

        def on_state(up: bool) -> None:
            states.append(up)
            changed.set()

        control._on_state = on_state
        async with speaking(control):
            await changed.wait()
            changed.clear()
            await broker.stop()
            async with asyncio.timeout(PATIENCE_S):
                await changed.wait()
            assert states == [True, False]
            for t in range(5):
                control.siren(t % 2 == 0, t)
            for i in range(100):
                control.ack("h1", "help", f"e{i}")
            await broker.start()
            async with listening(broker.address) as listener:
                # a subscription may come after the first words: the last ones are enough for the order
                control.siren(True, 99)
                async with asyncio.timeout(PATIENCE_S):
                    while not (listener.heard and listener.heard[-1][1].get("t") == 99):
                        await listener.until("guardian-out/s/siren", 1 + len(sirens(listener)))
                times = sirens(listener)
                assert times == sorted(times)
                control.ack("h1", "help", "last")
                async with asyncio.timeout(PATIENCE_S):
                    while listener.heard[-1][1].get("id") != "last":
                        await listener.until("guardian-out/s/h1/help/ack", 1 + len(acks(listener)))
        assert states == [True, False, True, False]
        assert control.counters["connects"] == 2
        assert not control.counters["dropped-acks"] + control.counters["dropped-words"]
    away = [x for x in lines if x["event"] == "not connected"]
    assert 1 <= len(away) <= 3  # the loss, then the refusal; not one for each try


def sirens(listener: Listener) -> list[int]:
    return [said["t"] for topic, said in listener.heard if topic == "guardian-out/s/siren"]


def acks(listener: Listener) -> list[str]:
    return [said["id"] for topic, said in listener.heard if topic == "guardian-out/s/h1/help/ack"]


async def test_without_a_broker_nothing_grows_without_end_and_nothing_waits() -> None:
    control = plain(BrokerAddress("127.0.0.1", 9))
    for i in range(control_module.MAX_ACKS + 5):
        control.ack("h1", "help", f"e{i}")
    for t in range(control_module.MAX_WORDS + 7):
        control.prompt("h1", "inactivity-prompt", t, t)
    assert control.waiting == control_module.MAX_ACKS + control_module.MAX_WORDS
    assert control.counters == {"dropped-acks": 5, "dropped-words": 7}


async def test_a_daemon_that_dies_leaves_its_last_will(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as address, listening(address) as listener:
        control = plain(address)
        async with speaking(control):
            await listener.until("guardian-out/s/status")
            async with device(address, "guardian-s-control"):  # ousted without a goodbye, as by a death
                said = await listener.until("guardian-out/s/status", 2)
                assert said[:2] == [{"state": "online"}, {"state": "offline"}]
