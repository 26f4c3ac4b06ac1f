"""The ledger's disk is full or broken: people are paged all the same, and nothing is lost when it heals.

Real SQLite on real files. Full: a small tmpfs, where this process may mount one, and SQLite's own limit of
pages. Broken: the kernel refuses this process's writes, and lets it read.
"""

import asyncio
import resource
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from alerting import triage
from alerting.concern import Kind
from alerting.courier import Courier
from alerting.incident import IllegalMove, Incident, State
from alerting.ledger import (
    Ledger,
    LedgerError,
    Tx,
    incident_of,
    last_beat,
    messages,
    moves,
    open_incidents,
    recent_incidents,
    save_beat,
    save_roster,
)
from alerting.ledger.engine import RETRY_S
from guardian.clock import LiveClock
from simulator.response.district import roster_rows
from tests.alerting_people import T0, concern
from tests.courier_world import NOW, POLICY, THREE, FakeProvider

MIB = 1 << 20


@contextmanager
def broken(beyond: int = 64 * 1024) -> Iterator[None]:
    """Let every write fail that goes beyond so many bytes of a file: the kernel says EFBIG, SQLite "disk
    I/O error", as for EIO. The schema alone takes more than 64 KiB, in the WAL and in the file.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (beyond, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 3 MiB of its own."""
    where = tmp_path / "disk"
    where.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", where], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("mounting a disk needs root")
    yield where
    subprocess.run(["umount", "-l", where], check=True)


def fill(disk: Path) -> Path:
    """Leave not a byte."""
    filler = disk / "somebody-elses-log"
    with filler.open("wb", buffering=0) as f:
        for size in (MIB, 4096, 1):
            try:
                while f.write(b"x" * size) == size:
                    pass
            except OSError:
                continue
    return filler


def incidents_in(path: Path) -> list[str]:
    """What the file itself holds, read by somebody else."""
    with sqlite3.connect(path) as other:
        return [home for (home,) in other.execute("SELECT home FROM incident ORDER BY id")]


def why(ledger: Ledger) -> str | None:
    """Ask anew each time."""
    return ledger.on_memory


class Site:
    """A ledger on a disk, a provider and a courier, in virtual time."""

    def __init__(self, ledger: Ledger, group: asyncio.TaskGroup) -> None:
        self.ledger, self.clock = ledger, LiveClock(NOW)
        self.provider = FakeProvider(self.clock)
        self.courier = Courier(ledger, {"fake": self.provider}, lambda: THREE, POLICY, self.clock)
        self.running = group.create_task(self.courier.run())

    async def falls(self, home: str) -> Incident:
        now_ms = self.clock.now_ms()
        found = concern(home=home, onset_ms=now_ms - 10_000)
        touched = await self.ledger.transact(lambda tx: triage.take(tx, [found], THREE, POLICY, now_ms))
        self.courier.wake.set()
        return touched[0]

    async def paged_within(self, s: float) -> int:
        before = len(self.provider.taken)
        await asyncio.sleep(s)
        return len(self.provider.taken) - before


@asynccontextmanager
async def site(path: Path, prepare: Callable[[Ledger], None] = lambda _ledger: None) -> AsyncIterator[Site]:
    ledger = await Ledger.open(path, inline=True, stand_in=True)
    await ledger.transact(lambda tx: save_roster(tx, roster_rows(THREE), "test", "0" * 64, NOW))
    prepare(ledger)
    async with asyncio.TaskGroup() as group:
        made = Site(ledger, group)
        yield made
        made.running.cancel()
    await ledger.close()


# --- stories --------------------------------------------------------------------------------------------


@pytest.mark.looptime
async def test_a_fall_while_the_disk_is_full_is_paged_within_ten_seconds_and_kept_when_there_is_room(
    small_disk: Path,
) -> None:
    path = small_disk / "ledger.db"
    async with site(path) as s:
        await s.falls("h01")
        assert await s.paged_within(31) == 3, "and the next HIGH text may come"
        filler = fill(small_disk)
        assert why(s.ledger) is None
        fall = await s.falls("h02")
        assert why(s.ledger) is not None
        assert "full" in str(why(s.ledger)) or "I/O" in str(why(s.ledger))
        assert await s.paged_within(10) == 3
        s.provider.says(THREE.responders["a"].phone, "1")
        await s.falls("h03")
        assert await s.paged_within(31) >= 3
        assert why(s.ledger) is not None
        filler.unlink()
        await asyncio.sleep(2 * RETRY_S)
        assert why(s.ledger) is None
        assert incidents_in(path) == ["h01", "h02", "h03"]
        kept = await s.ledger.transact(lambda tx: (messages(tx, fall.id), moves(tx, fall.id)))
        assert [m.state for m in kept[0]] == ["sent"] * len(kept[0])
        assert [m.event for m in kept[1]][:2] == ["opened", "paged"]
        await s.falls("h04")
        assert incidents_in(path)[-1] == "h04"
        assert len({t.body for t in s.provider.taken}) == len(s.provider.taken), "no text twice"


@pytest.mark.looptime
async def test_a_disk_that_breaks_and_heals_in_the_middle_of_an_incident(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    async with site(path) as s:
        fall = await s.falls("h01")
        assert await s.paged_within(5) == 3
        with broken():
            s.provider.says(THREE.responders["b"].phone, "1 6")
            await asyncio.sleep(12)
            assert "I/O" in str(s.ledger.on_memory)
            held = await s.ledger.transact(lambda tx: incident_of(tx, "h01"))
            assert held is not None
            assert (held.state, held.acceptor) == (State.EN_ROUTE, "b")
            assert not s.running.done()
        await asyncio.sleep(2 * RETRY_S)
        assert why(s.ledger) is None
    again = await Ledger.open(path)
    after = await again.transact(lambda tx: recent_incidents(tx, 9))
    assert [(i.id, i.state, i.acceptor) for i in after] == [(fall.id, State.EN_ROUTE, "b")]
    assert (
        await again.transact(lambda tx: tx.conn.exec_driver_sql("PRAGMA journal_mode").scalar_one()) == "wal"
    )
    await again.close()


@pytest.mark.looptime
async def test_a_process_that_dies_in_memory_loses_only_what_was_in_memory(small_disk: Path) -> None:
    path = small_disk / "ledger.db"
    async with site(path) as s:
        await s.falls("h01")
        filler = fill(small_disk)
        await s.falls("h02")
        assert why(s.ledger) is not None
        assert incidents_in(path) == ["h01"], "the file as it was, whole"
        copied = path.read_bytes(), path.with_name("ledger.db-wal").read_bytes()
        filler.unlink()
    as_if_killed = small_disk.parent / "ledger.db"
    as_if_killed.write_bytes(copied[0])
    as_if_killed.with_name("ledger.db-wal").write_bytes(copied[1])
    again = await Ledger.open(as_if_killed)
    assert [i.home for i in await again.transact(open_incidents)] == ["h01"]
    await again.close()


# --- the engine -----------------------------------------------------------------------------------------


async def test_what_was_in_hand_when_the_disk_failed_is_run_again_and_counts_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = await Ledger.open(path, stand_in=True)
    first = await ledger.transact(lambda tx: save_beat(tx, NOW, b"1"))
    runs: list[str | None] = []

    def work(tx: Tx) -> int:
        runs.append(ledger.on_memory)
        return save_beat(tx, NOW, b"2")

    with broken():
        second, third = await asyncio.gather(ledger.transact(work), ledger.transact(work))
        assert [second, third] == [first + 1, first + 2]
        assert (runs[0], len(runs) > 2) == (None, True), "they have run on the file before"
        with pytest.raises(IllegalMove):
            await ledger.transact(_refuses)
    await ledger.close()
    again = await Ledger.open(path)
    assert await again.transact(last_beat) == third
    await again.close()


def _refuses(_tx: Tx) -> None:
    raise IllegalMove("a mistake of ours is no matter of the disk")


async def test_sqlites_own_limit_of_pages_is_a_full_disk(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = await Ledger.open(path, stand_in=True)

    def limit(tx: Tx) -> None:
        pages = tx.conn.exec_driver_sql("PRAGMA page_count").scalar_one()
        tx.conn.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    await ledger.transact(limit)
    await ledger.transact(lambda tx: save_beat(tx, NOW, bytes(MIB)))
    assert ledger.on_memory is not None
    assert "full" in ledger.on_memory
    await ledger.close()
    again = await Ledger.open(path)
    assert await again.transact(last_beat) == 0, "what the disk never took"
    await again.close()


async def test_who_may_not_go_on_in_memory_gets_the_error(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = await Ledger.open(path)
    with broken(), pytest.raises(LedgerError) as caught:
        await ledger.transact(lambda tx: save_beat(tx, NOW, b"1"))
    assert (caught.value.disk, caught.value.permanent, ledger.on_memory) == (True, False, None)
    await ledger.transact(lambda tx: save_beat(tx, NOW, b"1"))
    await ledger.close()


async def test_a_lock_that_somebody_holds_is_no_matter_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alerting.ledger.engine.BUSY_MS", 50)
    ledger = await Ledger.open(tmp_path / "ledger.db", stand_in=True)
    shell = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    shell.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerError, match="locked"):
        await ledger.transact(lambda tx: save_beat(tx, NOW, b"1"))
    assert ledger.on_memory is None
    shell.close()
    await ledger.close()


async def test_a_shell_that_holds_the_file_delays_the_way_back_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alerting.ledger.engine.BUSY_MS", 50)
    monkeypatch.setattr("alerting.ledger.engine.RETRY_S", 0.0)
    path = tmp_path / "ledger.db"
    ledger = await Ledger.open(path, stand_in=True)
    with broken():
        await ledger.transact(lambda tx: save_beat(tx, NOW, b"1"))
    shell = sqlite3.connect(path, isolation_level=None)
    shell.execute("BEGIN IMMEDIATE")
    async with asyncio.timeout(10):
        assert await ledger.transact(lambda tx: save_beat(tx, NOW, b"2")) == 2
    assert why(ledger) is not None
    shell.execute("ROLLBACK")
    shell.close()
    assert await ledger.transact(last_beat) == 2
    assert why(ledger) is None
    await ledger.close()


async def test_without_room_for_all_of_it_nothing_is_written_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alerting.ledger.engine.RETRY_S", 0.0)
    ledger = await Ledger.open(tmp_path / "ledger.db", stand_in=True)
    with broken():
        await ledger.transact(lambda tx: save_beat(tx, NOW, b"1"))
    with monkeypatch.context() as small:
        small.setattr("alerting.ledger.engine.ROOM", 1e12)  # no disk is as large as that
        assert await ledger.transact(last_beat) == 1
        assert why(ledger) is not None
    assert await ledger.transact(last_beat) == 1
    assert why(ledger) is None
    await ledger.close()


async def test_guardian_starts_on_a_full_disk_with_what_the_file_holds(small_disk: Path) -> None:
    path = small_disk / "ledger.db"
    first = await Ledger.open(path)
    await first.transact(lambda tx: triage.take(tx, [concern(Kind.SOS)], THREE, POLICY, T0))
    await first.close()
    filler = fill(small_disk)
    with pytest.raises(LedgerError):
        await Ledger.open(path)
    ledger = await Ledger.open(path, stand_in=True)
    assert ledger.on_memory is not None
    assert [i.kind for i in await ledger.transact(open_incidents)] == [Kind.SOS]
    await ledger.transact(lambda tx: save_beat(tx, NOW, b"1"))
    filler.unlink()
    await ledger.close()
    again = await Ledger.open(path)
    assert await again.transact(last_beat) == 1
    await again.close()
