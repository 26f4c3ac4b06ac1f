"""The ledger keeps what was committed, lets one daemon in, and moves on only by its migrations."""

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect

from alerting import ledger as lg
from alerting.concern import Kind, Severity
from alerting.incident import (
    Accepted,
    Arrived,
    CannotGo,
    Closed,
    IllegalMove,
    Incident,
    IncidentEvent,
    Paged,
    State,
)
from alerting.ledger import Ledger, LedgerError, Message, RosterRows, Tx, apply, lock_state
from alerting.schema import metadata
from tests.alerting_people import T0, concern

NOW = T0 + 10_000
DAY_MS = 24 * 3_600_000


@pytest.fixture
async def ledger() -> AsyncIterator[Ledger]:
    opened = await Ledger.open(None, inline=True)
    yield opened
    await opened.close()


def opened(tx: Tx, home: str = "h01", now_ms: int = NOW) -> Incident:
    return lg.open_new(
        tx, concern(home=home), severity=Severity.HIGH, deadline_ms=T0 + 600_000, late=False, now_ms=now_ms
    )


def page(incident_id: int | None, responder: str = "a", t_ms: int = NOW) -> Message:
    return Message(
        responder=responder,
        purpose="page",
        template="high",
        incident=incident_id,
        due_ms=t_ms,
        valid_until_ms=t_ms + 600_000,
        created_ms=t_ms,
    )


def roster(phone: str = "+8613800000001") -> RosterRows:
    door = dict.fromkeys(("key_at", "door_code", "animals", "medical"))
    who = {"id": "r1", "name": "陈伟", "phone": phone, "address": None, **door}
    return RosterRows(
        people=(
            who,
            {"id": "p1", "name": "王秀英", "phone": "+862150001111", "address": "和平路 12 弄", **door},
        ),
        sites=({"id": "demo", "timezone": "Asia/Shanghai", "default_travel_s": 240.0},),
        homes=(
            {
                "id": "h01",
                "site": "demo",
                "card": "17",
                "resident": "p1",
                "entry_s": 60.0,
                "keyholders": "r1",
                "programmes": "single",
                "enrolled": True,
            },
        ),
        rooms=({"id": "h01/living", "home": "h01", "name": "living"},),
        zones=(),
        sensors=(),
        responders=(
            {
                "id": "r1",
                "language": "zh",
                "reply_odds": 0.5,
                "reply_p90_s": 60.0,
                "turnout_p90_s": 60.0,
                "active": True,
                "skills": "lift",
            },
        ),
        shifts=(),
        travels=(),
    )


# --- the file ------------------------------------------------------------------------------------


async def test_no_migration_has_made_a_table_anew_whose_numbers_must_not_come_twice(ledger: Ledger) -> None:
    def counted(tx: Tx) -> set[str]:
        found = tx.conn.exec_driver_sql("SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%'")
        return set(found.scalars())

    kept = {t.name for t in metadata.tables.values() if t.dialect_options["sqlite"]["autoincrement"]}
    assert kept == {"beat", "incident", "message"}
    assert await ledger.transact(counted) == kept


async def test_the_migrations_make_exactly_the_tables_of_the_schema(ledger: Ledger) -> None:
    def differences(tx: Tx) -> tuple[list[object], set[str]]:
        context = MigrationContext.configure(
            tx.conn, opts={"compare_type": True, "compare_server_default": True}
        )
        return compare_metadata(context, metadata), set(inspect(tx.conn).get_table_names())

    found, tables = await ledger.transact(differences)
    assert found == []
    assert tables == {*metadata.tables, "alembic_version"}


async def test_the_partial_index_allows_one_open_incident_for_a_home(ledger: Ledger) -> None:
    def sql(tx: Tx) -> str:
        row = tx.conn.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = 'uq_incident_open_home'")
        return str(row.scalar_one())

    assert "UNIQUE" in await ledger.transact(sql)
    assert "state != 'closed'" in await ledger.transact(sql)


async def test_a_commit_is_on_the_disk_with_full_sync(tmp_path: Path) -> None:
    opened_ledger = await Ledger.open(tmp_path / "ledger.db")

    def pragmas(tx: Tx) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys")
        return [tx.conn.exec_driver_sql(f"PRAGMA {n}").scalar_one() for n in names]

    assert await opened_ledger.transact(pragmas) == ["wal", 2, 1]
    await opened_ledger.close()


async def test_every_transaction_runs_on_the_one_writer_thread(tmp_path: Path) -> None:
    opened_ledger = await Ledger.open(tmp_path / "ledger.db")
    names = await asyncio.gather(
        *(opened_ledger.transact(lambda _tx: threading.current_thread().name) for _ in range(20))
    )
    assert set(names) == {"ledger_0"}
    await opened_ledger.close()


async def test_inline_runs_on_the_callers_thread(ledger: Ledger) -> None:
    assert await ledger.transact(lambda _tx: threading.get_ident()) == threading.get_ident()


async def test_a_transaction_that_fails_leaves_nothing(ledger: Ledger) -> None:
    def work(tx: Tx) -> None:
        opened(tx)
        raise RuntimeError("the power goes")

    with pytest.raises(RuntimeError):
        await ledger.transact(work)
    assert await ledger.transact(lg.open_incidents) == []


async def test_what_was_committed_is_there_after_opening_again(tmp_path: Path) -> None:
    first = await Ledger.open(tmp_path / "ledger.db")
    made = await first.transact(opened)
    await first.close()
    second = await Ledger.open(tmp_path / "ledger.db")
    assert await second.transact(lg.open_incidents) == [made]
    await second.close()


async def test_a_ledger_of_a_newer_guardian_is_refused(tmp_path: Path) -> None:
    first = await Ledger.open(tmp_path / "ledger.db")
    await first.transact(
        lambda tx: tx.conn.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    )
    await first.close()
    with pytest.raises(LedgerError, match=r"written by a newer Guardian \(schema 9999\)") as caught:
        await Ledger.open(tmp_path / "ledger.db")
    assert caught.value.permanent


@pytest.mark.parametrize("content", [b"this is no database at all" * 100, None])
async def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "ledger.db"
    if content is None:
        first = await Ledger.open(path)
        await first.close()
        damaged = bytearray(path.read_bytes())
        damaged[4096 : 4096 * 8] = b"\xa5" * (4096 * 7)
        path.write_bytes(damaged)
    else:
        path.write_bytes(content)
    with pytest.raises(LedgerError) as caught:
        await Ledger.open(path)
    assert caught.value.permanent


async def test_a_directory_that_is_not_there_is_an_error_of_the_disk(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="unable to open") as caught:
        await Ledger.open(tmp_path / "nowhere" / "ledger.db")
    assert not caught.value.permanent


async def test_somebody_elses_lock_is_an_error_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alerting.ledger.engine.BUSY_MS", 50)
    one = await Ledger.open(tmp_path / "ledger.db")
    shell = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    shell.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerError, match="locked"):
        await one.transact(opened)
    shell.execute("ROLLBACK")
    shell.close()
    await one.transact(opened)
    await one.close()


def test_a_second_daemon_is_kept_out(tmp_path: Path) -> None:
    hold = (
        "import sys; from pathlib import Path; from alerting.ledger import lock_state\n"
        "with lock_state(Path(sys.argv[1])):\n    print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with (
            pytest.raises(LedgerError, match=rf"another Guardian runs here \(pid {other.pid}\)") as caught,
            lock_state(tmp_path),
        ):
            pass
        assert caught.value.permanent
        other.kill()
    with lock_state(tmp_path):
        assert (tmp_path / "lock").read_text() == str(os.getpid())
    with lock_state(tmp_path):
        pass


# --- incidents -----------------------------------------------------------------------------------


async def test_every_move_is_a_row_and_hearing_it_again_is_none(ledger: Ledger) -> None:
    def story(tx: Tx) -> list[tuple[str, State | None, State, str | None]]:
        one = opened(tx)
        words: list[tuple[IncidentEvent, str]] = [
            (Paged(), "guardian"),
            (Paged(), "guardian"),
            (Accepted("a", 8), "a"),
            (Accepted("a", 8), "a"),
            (Accepted("b"), "b"),  # too late: recorded, changes nothing
            (Accepted("b"), "b"),
            (CannotGo("c"), "c"),
            (Arrived("a"), "a"),
            (Closed("safe"), "a"),
        ]
        for event, by in words:
            apply(tx, one.id, event, NOW + 1000, by)
        return [(m.event, m.from_state, m.to_state, m.by) for m in lg.moves(tx, one.id)]

    assert await ledger.transact(story) == [
        ("opened", None, State.OPEN, "guardian"),
        ("paged", State.OPEN, State.NOTIFIED, "guardian"),
        ("accepted", State.NOTIFIED, State.EN_ROUTE, "a"),
        ("accepted", State.EN_ROUTE, State.EN_ROUTE, "b"),
        ("cannot-go", State.EN_ROUTE, State.EN_ROUTE, "c"),
        ("arrived", State.EN_ROUTE, State.ON_SCENE, "a"),
        ("closed", State.ON_SCENE, State.CLOSED, "a"),
    ]


async def test_an_illegal_move_writes_nothing(ledger: Ledger) -> None:
    one = await ledger.transact(opened)
    await ledger.transact(lambda tx: apply(tx, one.id, Closed("real"), NOW + 1000, "board"))
    before = await ledger.transact(lambda tx: (lg.incident(tx, one.id), lg.moves(tx, one.id)))
    with pytest.raises(IllegalMove):
        await ledger.transact(lambda tx: apply(tx, one.id, Accepted("a"), NOW + 2000, "a"))
    assert await ledger.transact(lambda tx: (lg.incident(tx, one.id), lg.moves(tx, one.id))) == before


async def test_of_many_acceptances_at_once_the_first_committed_wins(tmp_path: Path) -> None:
    races = await Ledger.open(tmp_path / "ledger.db")
    for n in range(20):
        one = await races.transact(lambda tx, n=n: opened(tx, f"h{n}"))  # type: ignore[misc]
        who = [f"r{i}" for i in range(8)]
        after = await asyncio.gather(
            *(races.transact(lambda tx, r=r, i=one.id: apply(tx, i, Accepted(r), NOW, r)) for r in who)  # type: ignore[misc]
        )
        assert len({a.acceptor for a in after}) == 1
        said = await races.transact(lambda tx, i=one.id: lg.moves(tx, i))  # type: ignore[misc]
        assert [m.event for m in said] == ["opened", *["accepted"] * 8]
        assert sum(m.from_state is not m.to_state for m in said) == 2
    await races.close()


async def test_the_row_holds_every_field(ledger: Ledger) -> None:
    one = await ledger.transact(opened)
    assert (one.home, one.kind, one.severity, one.state) == (
        "h01",
        Kind.FALL_CONFIRMED,
        Severity.HIGH,
        State.OPEN,
    )
    assert await ledger.transact(lambda tx: lg.incident(tx, one.id)) == one
    assert await ledger.transact(lambda tx: lg.incident_of(tx, "h01")) == one
    assert await ledger.transact(lambda tx: lg.incident_of(tx, "h02")) is None
    assert await ledger.transact(lambda tx: lg.recent_incidents(tx, 5)) == [one]
    assert await ledger.transact(lambda tx: lg.concerns(tx, one.id)) == [concern()]
    with pytest.raises(LookupError):
        await ledger.transact(lambda tx: lg.incident(tx, 99))


# --- texts ---------------------------------------------------------------------------------------


async def test_a_text_is_leased_once_and_its_body_never_changes(ledger: Ledger) -> None:
    def story(tx: Tx) -> None:
        number = lg.enqueue(tx, page(opened(tx).id))
        assert not lg.lease(tx, number, NOW - 1, NOW + 30_000, channel="sms", body="early")
        assert lg.lease(tx, number, NOW, NOW + 30_000, channel="sms", body="first")
        assert not lg.lease(tx, number, NOW, NOW + 30_000, channel="sms", body="second")
        assert [m.id for m in lg.leased_messages(tx)] == [number]
        lg.record_failed(tx, number, "busy", permanent=False, retry_ms=NOW + 1000)
        assert lg.due_messages(tx, NOW) == []
        assert lg.next_due_ms(tx) == NOW + 1000
        assert lg.lease(tx, number, NOW + 1000, NOW + 30_000, channel="sms", body="third")
        assert lg.record_sent(tx, number, "SM1", NOW + 2000)
        assert not lg.record_failed(tx, number, "late news", permanent=True, retry_ms=None)
        sent = lg.message(tx, number)
        assert (sent.body, sent.state, sent.sid, sent.attempts, sent.copies) == ("first", "sent", "SM1", 2, 1)

    await ledger.transact(story)


async def test_receipts_move_forward_only(ledger: Ledger) -> None:
    def story(tx: Tx) -> list[str | None]:
        number = lg.enqueue(tx, page(opened(tx).id))
        lg.record_sent(tx, number, "SM1", NOW)
        seen = []
        for word in ("queued", "sent", "queued", "delivered", "sent", "undelivered", "nonsense", "read"):
            lg.record_receipt(tx, "SM1", word)
            seen.append(lg.message(tx, number).receipt)
        assert not lg.record_receipt(tx, "SM-unknown", "sent")
        return seen

    assert await ledger.transact(story) == [
        "queued", "sent", "sent", "delivered", "delivered", "delivered", "delivered", "read",
    ]  # fmt: skip


async def test_an_answer_counts_once_by_the_providers_id(ledger: Ledger) -> None:
    def story(tx: Tx) -> tuple[bool, bool]:
        one = opened(tx)
        first = lg.take_inbound(tx, "SM1", "a", one.id, NOW, "webhook", "1", "accepted")
        return first, lg.take_inbound(tx, "SM1", "a", one.id, NOW + 1, "poll", "1", "accepted")

    assert await ledger.transact(story) == (True, False)


# --- people and codes ----------------------------------------------------------------------------


async def test_a_roster_comes_back_as_it_was_stored(ledger: Ledger) -> None:
    assert await ledger.transact(lg.newest_roster) is None
    assert await ledger.transact(lambda tx: lg.save_roster(tx, roster(), "test", "0" * 64, NOW)) == 1
    back = await ledger.transact(lg.newest_roster)
    assert back is not None
    assert sorted(map(str, back.people)) == sorted(map(str, roster().people))
    assert (back.sites, back.homes, back.responders) == (roster().sites, roster().homes, roster().responders)


async def test_the_newest_roster_says_whose_a_number_is(ledger: Ledger) -> None:
    def story(tx: Tx) -> None:
        lg.save_roster(tx, roster("+8613800000001"), "test", "0" * 64, NOW)
        assert lg.responder_of_phone(tx, "+8613800000001") == "r1"
        assert lg.responder_of_phone(tx, "+862150001111") is None  # a resident, not a responder
        assert lg.save_roster(tx, roster("+8613800000002"), "test", "1" * 64, NOW) == 2
        assert lg.responder_of_phone(tx, "+8613800000001") is None
        assert lg.person_phone(tx, "r1") == "+8613800000002"
        assert lg.person_phone(tx, "nobody") is None

    await ledger.transact(story)


async def test_a_code_is_one_persons_own_and_rests_for_a_day(ledger: Ledger) -> None:
    def story(tx: Tx) -> None:
        one, two = opened(tx, "h01"), opened(tx, "h02")
        first = lg.code_for(tx, one.id, "a", NOW)
        assert lg.code_for(tx, one.id, "a", NOW + 5000) == first
        assert first[0] in "ABCDEFGHJKLMNPQRSTUVWXYZ"
        assert 1 <= int(first[1:]) <= 99
        second = lg.code_for(tx, two.id, "a", NOW)
        assert lg.codes(tx, "a") == {first: one.id, second: two.id}
        assert lg.codes(tx, "b") == {}
        apply(tx, one.id, Closed("real"), NOW + 1000, "board")
        assert lg.codes(tx, "a") == {second: two.id}
        assert lg.closed_codes(tx, "a", NOW + 2000) == {first: one.id}
        assert lg.closed_codes(tx, "a", NOW + 1000 + DAY_MS) == {}

    await ledger.transact(story)


async def test_no_code_comes_twice_to_one_person_within_a_day(ledger: Ledger) -> None:
    def story(tx: Tx) -> None:
        given: dict[str, int] = {}
        for n in range(300):
            now_ms = NOW + n * 600_000  # one every ten minutes: 50 hours
            one = opened(tx, f"h{n}", now_ms)
            code = lg.code_for(tx, one.id, "a", now_ms)
            assert given.get(code, -DAY_MS) <= now_ms - DAY_MS
            given[code] = now_ms
            apply(tx, one.id, Closed("real"), now_ms + 1000, "board")

    await ledger.transact(story)


async def test_beats_are_kept_until_a_snapshot_holds_them(ledger: Ledger) -> None:
    def story(tx: Tx) -> list[tuple[int, int, bytes]]:
        numbers = [lg.save_beat(tx, NOW + n, bytes([n])) for n in range(4)]
        lg.drop_beats(tx, numbers[1])
        return lg.beats_since(tx, numbers[0])

    assert await ledger.transact(story) == [(3, NOW + 2, b"\x02"), (4, NOW + 3, b"\x03")]


async def test_a_beats_number_is_never_given_twice(ledger: Ledger) -> None:
    def story(tx: Tx) -> tuple[int, int]:
        last = lg.save_beat(tx, NOW, b"")
        lg.drop_beats(tx, last)
        return last, lg.save_beat(tx, NOW, b"")

    first, second = await ledger.transact(story)
    assert second > first


async def test_whom_the_board_sends_is_kept_in_the_record(ledger: Ledger) -> None:
    one = await ledger.transact(opened)
    await ledger.transact(lambda tx: apply(tx, one.id, Accepted("a"), NOW, "board"))
    await ledger.transact(lambda tx: apply(tx, one.id, Arrived("a"), NOW + 1000, "a"))
    said = await ledger.transact(lambda tx: [(m.event, m.by, m.detail) for m in lg.moves(tx, one.id)])
    assert said[-2:] == [("accepted", "board", {"responder": "a", "goes": True}), ("arrived", "a", {})]
