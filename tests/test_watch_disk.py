"""While the ledger is in memory alone nobody is told that anything is safe, and everybody that it is not."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from alerting.concern import Kind
from alerting.ledger import Ledger, open_incidents
from guardian import snapshot
from guardian.board import Board
from guardian.clock import LiveClock
from guardian.link import AckMark
from guardian.lookout import Lookout
from guardian.slab import SensorSpec
from guardian.watch import MOST_WAITING, Watch
from guardian.wire.native import pack_event
from tests.alerting_people import T0, shipped_policy
from tests.courier_world import THREE
from tests.test_ledger_disk import broken, why
from tests.thermal import everything
from tests.web_people import make_site

TOPIC = "guardian/demo/h01/help/event"


class Broker:
    """The link and the voice as the beat sees them."""

    def __init__(self) -> None:
        self.handed = 0
        self.acknowledged = 0
        self.acks: list[str] = []
        self.prompts: list[str] = []

    def unacked(self) -> AckMark:
        return AckMark(1, self.handed)

    def acknowledge(self, mark: AckMark) -> None:
        self.acknowledged = mark.count

    def ack(self, _home: str, _sensor: str, event_id: str) -> None:
        self.acks.append(event_id)

    def prompt(self, home: str, _kind: str, _incident_id: int, _t_ms: int) -> None:
        self.prompts.append(home)

    def replay_done(self, _payload: bytes) -> None:
        raise AssertionError("no replay here")


class Home:
    """One home with a help button, watched by a real beat over a ledger in a file."""

    def __init__(self, ledger: Ledger, state: Path) -> None:
        self.ledger, self.state, self.broker, self.now_ms = ledger, state, Broker(), T0
        self.board = Board("demo", [SensorSpec("h01", "help", "button", "living")])
        self.watch = Watch(
            board=self.board,
            lookout=Lookout(self.board, everything()),
            ledger=ledger,
            duty=lambda: THREE,
            policy=shipped_policy(),
            clock=LiveClock(T0),
            acks=self.broker,
            voice=self.broker,
            state_directory=state,
            on_noticed=lambda _noticed: None,
        )

    async def presses(self, event_id: str) -> None:
        """The device sends, as it does until it is told that it need not."""
        self.board.event(TOPIC, pack_event(value=1, event_id=event_id), self.now_ms)
        self.broker.handed += 1
        await self.beat()

    async def beat(self, after_s: float = 0.2) -> None:
        self.now_ms += int(after_s * 1000)
        await self.watch.beat(self.now_ms)


async def opened(tmp_path: Path) -> tuple[Ledger, Home]:
    ledger = await Ledger.open(tmp_path / "ledger.db", inline=True, stand_in=True)
    return ledger, Home(ledger, tmp_path)


async def test_devices_and_broker_are_told_once_it_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, home = await opened(tmp_path)
    await home.presses("e1")
    assert (home.broker.acks, home.broker.acknowledged) == (["e1"], 1)
    with broken():
        await home.presses("e2")
        await home.presses("e2")
        await home.beat(60)
        assert why(ledger) is not None
        assert (home.broker.acks, home.broker.acknowledged) == (["e1"], 1)
        assert [i.kind for i in await ledger.transact(open_incidents)] == [Kind.SOS]
    monkeypatch.setattr("alerting.ledger.engine.RETRY_S", 0.0)
    ledger._retry_s = 0.0  # five seconds of a clock that no test here moves
    await home.presses("e2")
    assert why(ledger) is None
    assert (home.broker.acks, home.broker.acknowledged) == (["e1", "e2"], 4)
    await ledger.close()


async def test_the_brokers_window_never_fills_up(tmp_path: Path) -> None:
    ledger, home = await opened(tmp_path)
    await home.presses("e1")
    with broken():
        await home.presses("e2")
        home.broker.handed = 1 + MOST_WAITING
        await home.beat()
        assert home.broker.acknowledged == 1
        home.broker.handed += 1
        await home.beat()
        assert home.broker.acknowledged == 2 + MOST_WAITING
        assert home.broker.acks == ["e1"], "devices keep what is not on the disk all the same"
    await ledger.close()


async def test_no_snapshot_is_made_that_knows_more_than_the_file(tmp_path: Path) -> None:
    ledger, home = await opened(tmp_path)
    await home.presses("e1")
    saved: Any = home.watch.saving.queue  # what the thread that writes them takes
    assert saved.qsize() == 1
    saved.get_nowait()
    with broken():
        await home.presses("e2")
        await home.beat(120)
        assert saved.empty()
    await ledger.close()


async def test_the_board_says_so_in_both_languages_and_to_programs() -> None:
    site = await make_site()
    async with site.client() as client:
        assert 'id="in-memory"' not in (await client.get("/")).text
        assert (await client.get("/api/incidents")).json()["ledger_in_memory"] is None
        site.ledger.on_memory = "the ledger: database or disk is full"
        english, chinese = (await client.get("/")).text, (await client.get("/?lang=zh")).text
        assert "alerting goes on in memory" in english
        assert "database or disk is full" in english
        assert "告警在内存中继续" in chinese
        assert (await client.get("/api/incidents")).json()["ledger_in_memory"] == site.ledger.on_memory


async def test_while_a_snapshot_is_being_written_no_second_one_grows_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, home = await opened(tmp_path)
    written, finish, beats = asyncio.Event(), threading.Event(), list[int]()
    loop = asyncio.get_running_loop()

    def slow(_directory: Path, held: snapshot.Snapshot) -> int:
        beats.append(held.beat)
        loop.call_soon_threadsafe(written.set)
        finish.wait(10)
        return 0

    monkeypatch.setattr(snapshot, "save", slow)
    writing = asyncio.create_task(home.watch.saving.run(tmp_path))
    await home.presses("e1")
    await written.wait()
    await home.presses("e2")
    await home.beat(120)
    waiting: Any = home.watch.saving.queue
    assert waiting.empty()
    written.clear()
    finish.set()
    while not beats[1:]:
        await home.beat(120)  # the next one is made as soon as the last one is on the disk
        await asyncio.sleep(0)
    assert beats == [1, 2]
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    await ledger.close()
