"""At a stop in order what was learnt since the last minute is written, and nothing that is not committed."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from alerting import triage
from alerting.concern import Kind
from alerting.ledger import Ledger, LedgerError, last_beat
from guardian import snapshot
from simulator.private import connected, daemon
from tests.test_ledger_disk import broken
from tests.test_road import PHONE, centre
from tests.test_watch_disk import Home, opened


@asynccontextmanager
async def saving(home: Home, folder: Path) -> AsyncIterator[None]:
    writing = asyncio.create_task(home.watch.saving.run(folder))
    try:
        yield
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        await home.ledger.close()


class Gate:
    """The ledger, whose transactions wait until it opens."""

    def __init__(self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self.open, self._through = asyncio.Event(), asyncio.Event(), ledger.transact
        monkeypatch.setattr(ledger, "transact", self.transact)

    async def transact(self, work: Any) -> Any:
        self.reached.set()
        await self.open.wait()
        return await self._through(work)


async def test_what_came_since_the_last_minute_is_written(tmp_path: Path) -> None:
    _, home = await opened(tmp_path)
    async with saving(home, tmp_path):
        await home.presses("e1")
        await home.watch.end()
        found = snapshot.newest(tmp_path)
        assert found is not None
        assert found.beat == await home.ledger.transact(last_beat) == 1
        stood = msgspec.json.decode(found.arrays["standing"].tobytes(), type=triage.StoodOpen)
        assert [c.kind for c in stood.concerns] == [Kind.SOS]


async def test_a_beat_in_hand_is_finished_first_and_is_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, home = await opened(tmp_path)
    gate = Gate(ledger, monkeypatch)
    async with saving(home, tmp_path):
        beat = asyncio.create_task(home.presses("e1"))
        await gate.reached.wait()
        end = asyncio.create_task(home.watch.end())
        await asyncio.sleep(0)
        assert not end.done()
        gate.open.set()
        await end
        await beat
        found = snapshot.newest(tmp_path)
        assert found is not None
        assert found.beat == 1
        late = asyncio.create_task(home.presses("e2"))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not late.done()
        assert await ledger.transact(last_beat) == 1
        late.cancel()


async def test_a_beat_that_is_not_committed_leaves_no_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, home = await opened(tmp_path)
    gate = Gate(ledger, monkeypatch)
    monkeypatch.setattr("guardian.watch.END_S", 0.01)
    async with saving(home, tmp_path):
        beat = asyncio.create_task(home.presses("e1"))
        await gate.reached.wait()
        await home.watch.end()
        assert snapshot.newest(tmp_path) is None
        beat.cancel()
        await asyncio.gather(beat, return_exceptions=True)


async def test_a_beat_that_has_failed_leaves_no_snapshot_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The press is on the board and not in the ledger: known again after the start, it would be lost."""
    ledger, home = await opened(tmp_path)
    async with saving(home, tmp_path):
        with monkeypatch.context() as patch:

            async def fails(_work: Any) -> Any:
                raise LedgerError("a lock", permanent=False)

            patch.setattr(ledger, "transact", fails)
            with pytest.raises(LedgerError):
                await home.presses("e1")
        await home.watch.end()
        assert snapshot.newest(tmp_path) is None


async def test_a_disk_that_hangs_does_not_hold_up_the_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, home = await opened(tmp_path)
    finish = threading.Event()
    monkeypatch.setattr(snapshot, "save", lambda *_: finish.wait(10))
    monkeypatch.setattr("guardian.watch.END_S", 0.01)
    async with saving(home, tmp_path):
        await home.presses("e1")
        await home.watch.end()
        finish.set()


async def test_a_ledger_in_memory_alone_leaves_no_snapshot(tmp_path: Path) -> None:
    _, home = await opened(tmp_path)
    async with saving(home, tmp_path):
        with broken():
            await home.presses("e1")
            await home.watch.end()
            assert snapshot.newest(tmp_path) is None


async def test_a_daemon_that_is_told_to_stop_writes_one(tmp_path: Path) -> None:
    async with centre(tmp_path) as c:
        async with daemon(c.place):
            await connected(c.place)
            await c.press()
            assert await c.phones[PHONE].expects_text("", within_s=15)
            stopped_ns = time.time_ns()
        found = snapshot.newest(c.place.state)
        assert found is not None
        assert found.beat == 1
        assert max(f.stat().st_mtime_ns for f in c.place.state.glob("*.snap")) > stopped_ns
        async with daemon(c.place):
            pass
        assert "restored snapshot beats_since=0" in c.place.log.read_text()
