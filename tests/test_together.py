"""What waits for the disk together is committed together, and what fails alone fails alone."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from sqlalchemy import text as sql
from sqlalchemy.exc import OperationalError

from alerting.concern import Severity
from alerting.ledger import Ledger, Tx, open_incidents, open_new
from tests.alerting_people import T0, concern


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(tmp_path / "ledger.db")
    yield opened
    await opened.close()


def opens(home: str) -> Callable[[Tx], int]:
    def work(tx: Tx) -> int:
        one = concern(home=home)
        new = open_new(tx, one, severity=Severity.HIGH, deadline_ms=T0 + 1, late=False, now_ms=T0)
        return new.id

    return work


async def while_busy(ledger: Ledger, works: list[Callable[[Tx], Any]]) -> list[Any]:
    """Ask for all of these while one transaction holds the ledger."""
    go = Event()
    first = asyncio.ensure_future(ledger.transact(lambda _tx: go.wait(10)))
    asked = [asyncio.ensure_future(ledger.transact(work)) for work in works]
    await asyncio.sleep(0)  # all of them are asked for now
    go.set()
    assert await first
    return await asyncio.gather(*asked, return_exceptions=True)


def commits(path: Path) -> int:
    """Commits that the write-ahead log holds: frames that carry the size of the database after them."""
    log = path.with_name(path.name + "-wal").read_bytes()
    page = int.from_bytes(log[8:12], "big")
    frames = range(32, len(log) - page - 23, page + 24)
    return sum(int.from_bytes(log[at + 4 : at + 8], "big") > 0 for at in frames)


async def test_what_waits_is_one_commit_and_each_gets_its_own_answer(ledger: Ledger, tmp_path: Path) -> None:
    before = commits(tmp_path / "ledger.db")
    numbers = await while_busy(ledger, [opens(f"h{n:02d}") for n in range(10)])
    assert sorted(numbers) == list(range(1, 11))
    assert commits(tmp_path / "ledger.db") - before == 1
    assert len(await ledger.transact(open_incidents)) == 10


async def test_one_that_fails_takes_nobody_with_it(ledger: Ledger) -> None:
    def breaks(tx: Tx) -> None:
        opens("h99")(tx)
        raise ValueError("its own affair")

    def twice(tx: Tx) -> int:
        return opens("h00")(tx)  # the home has an open incident: IntegrityError

    done = await while_busy(ledger, [opens("h00"), breaks, twice, opens("h01")])
    assert [type(d).__name__ for d in done] == ["int", "ValueError", "IntegrityError", "int"]
    assert [i.home for i in await ledger.transact(open_incidents)] == ["h00", "h01"]


async def test_when_the_database_fails_in_the_middle_each_runs_alone_and_none_twice(ledger: Ledger) -> None:
    failed: list[bool] = []

    def fails_once(tx: Tx) -> int:
        if not failed:
            failed.append(True)
            raise OperationalError("", {}, sqlite3.OperationalError("disk I/O error"))
        return opens("h01")(tx)

    done = await while_busy(ledger, [opens("h00"), fails_once, opens("h02")])
    assert all(isinstance(d, int) for d in done)
    assert [i.home for i in await ledger.transact(open_incidents)] == ["h00", "h01", "h02"]


async def test_whoever_has_stopped_waiting_is_left_out_if_it_was_not_begun(ledger: Ledger) -> None:
    go = Event()
    first = asyncio.ensure_future(ledger.transact(lambda _tx: go.wait(10)))
    gone = asyncio.ensure_future(ledger.transact(opens("h00")))
    stays = asyncio.ensure_future(ledger.transact(opens("h01")))
    await asyncio.sleep(0)
    gone.cancel()
    go.set()
    await asyncio.gather(first, stays)
    assert [i.home for i in await ledger.transact(open_incidents)] == ["h01"]


async def test_what_was_begun_is_done_though_nobody_waits_for_it_any_more(ledger: Ledger) -> None:
    begun, go = Event(), Event()

    def slowly(tx: Tx) -> int:
        begun.set()
        go.wait(10)
        return opens("h00")(tx)

    gone = asyncio.ensure_future(ledger.transact(slowly))
    await asyncio.to_thread(begun.wait, 10)
    gone.cancel()
    go.set()
    assert [i.home for i in await ledger.transact(open_incidents)] == ["h00"]
    assert gone.cancelled()


async def test_a_crowd_loses_nothing(ledger: Ledger) -> None:
    numbers = await asyncio.gather(*(ledger.transact(opens(f"h{n:03d}")) for n in range(200)))
    assert len(set(numbers)) == 200
    count = await ledger.transact(
        lambda tx: tx.conn.execute(sql("SELECT count(*) FROM incident")).scalar_one()
    )
    assert count == 200
