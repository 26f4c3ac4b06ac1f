"""What the ledger refuses: a file that it cannot vouch for, numbers that nobody has, a change overtaken."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from alerting import ledger as lg
from alerting.concern import Severity
from alerting.incident import Accepted, Incident
from alerting.ledger import Ledger, LedgerError, Tx, apply, last_beat, lock_state, save_beat
from alerting.ledger.sql import word
from tests.alerting_people import T0, concern
from tests.test_ledger_disk import broken

NOW = T0 + 10_000
NO_INDEX = 16 * 1024
"""Bytes; SQLite's index of its log takes 32 KiB in a file of its own, without which nothing is opened."""


@pytest.fixture
async def ledger() -> AsyncIterator[Ledger]:
    opened = await Ledger.open(None, inline=True)
    yield opened
    await opened.close()


def opened(tx: Tx, home: str = "h01") -> Incident:
    return lg.open_new(tx, concern(home=home), severity=Severity.HIGH, deadline_ms=T0, late=False, now_ms=NOW)


# --- the file ------------------------------------------------------------------------------------


async def test_a_file_whose_pages_do_not_add_up_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await (await Ledger.open(path)).close()
    damaged = bytearray(path.read_bytes())
    damaged[36:40] = (5).to_bytes(4, "big")  # pages on the free list, by the header; there are none
    path.write_bytes(damaged)
    with pytest.raises(LedgerError, match="the ledger is damaged: ") as caught:
        await Ledger.open(path)
    assert caught.value.permanent


async def test_memory_does_not_stand_in_for_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="nor can it be read: there is no file") as caught:
        await Ledger.open(tmp_path / "nowhere" / "ledger.db", stand_in=True)
    assert (caught.value.disk, caught.value.permanent) == (True, False)


async def test_a_file_without_room_beside_it_is_read_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    first = await Ledger.open(path)
    await first.transact(lambda tx: save_beat(tx, NOW, b"1"))
    await first.close()
    with broken(NO_INDEX):
        again = await Ledger.open(path, stand_in=True)
        assert again.on_memory is not None
        assert await again.transact(last_beat) == 1
    await again.close()


async def test_a_file_is_not_read_without_the_log_that_belongs_to_it(tmp_path: Path) -> None:
    first = await Ledger.open(tmp_path / "ledger.db")
    await first.transact(lambda tx: save_beat(tx, NOW, b"1"))
    killed = tmp_path / "killed.db"
    for end in ("", "-wal"):
        shutil.copy(tmp_path / f"ledger.db{end}", tmp_path / f"killed.db{end}")
    await first.close()
    with broken(NO_INDEX), pytest.raises(LedgerError, match="it was not closed in order") as caught:
        await Ledger.open(killed, stand_in=True)
    assert caught.value.disk
    again = await Ledger.open(killed)
    assert await again.transact(last_beat) == 1, "nothing of it was lost"
    await again.close()


def test_a_state_directory_that_cannot_be_locked_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(LedgerError, match="nowhere: cannot be locked: No such file") as caught,
        lock_state(tmp_path / "nowhere"),
    ):
        pass
    assert caught.value.permanent


# --- the rows ------------------------------------------------------------------------------------


async def test_a_change_that_somebody_has_overtaken_is_an_error_and_no_move(ledger: Ledger) -> None:
    one = await ledger.transact(opened)

    def overtaken(tx: Tx) -> None:
        tx.conn.exec_driver_sql(
            "CREATE TEMP TRIGGER overtaken BEFORE UPDATE ON incident BEGIN SELECT RAISE(IGNORE); END"
        )
        apply(tx, one.id, Accepted("a"), NOW + 1000, "a")

    with pytest.raises(LedgerError, match=rf"incident {one.id} was changed by somebody else") as caught:
        await ledger.transact(overtaken)
    assert not caught.value.permanent
    after = await ledger.transact(lambda tx: (lg.incident(tx, one.id), lg.moves(tx, one.id)))
    assert (after[0], [m.event for m in after[1]]) == (one, ["opened"])


async def test_a_mistake_of_ours_is_not_taken_for_one_of_the_disk(ledger: Ledger) -> None:
    await ledger.transact(opened)
    with pytest.raises(IntegrityError):
        await ledger.transact(opened)


async def test_a_text_or_a_responder_that_is_not_there_is_an_error(ledger: Ledger) -> None:
    with pytest.raises(LookupError, match="no message 7"):
        await ledger.transact(lambda tx: lg.message(tx, 7))
    with pytest.raises(LookupError, match="no responder a"):
        await ledger.transact(lambda tx: lg.responder_language(tx, "a"))


async def test_an_absence_ends_once_and_not_after_its_end(ledger: Ledger) -> None:
    def story(tx: Tx) -> None:
        gone = lg.Absence("h01", NOW + 1000, NOW + 9000, "Li", "hospital")
        first = lg.note_absence(tx, gone, NOW)
        second = lg.note_absence(tx, replace(gone, home="h02", from_ms=NOW), NOW)
        assert [(a.home, a.id) for a in lg.absences(tx, NOW)] == [("h02", second), ("h01", first)]
        assert lg.end_absence(tx, first, NOW + 2000)
        assert not lg.end_absence(tx, first, NOW + 3000)
        assert lg.absences(tx, NOW + 3000) == [replace(gone, home="h02", from_ms=NOW, id=second)]
        assert not lg.end_absence(tx, second, NOW + 9000)
        assert lg.absences(tx, NOW + 9000) == []

    await ledger.transact(story)


async def test_somebody_who_has_every_code_gets_none_twice(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alerting.ledger.people._CODES", ("A1", "A2"))

    def story(tx: Tx) -> None:
        given = {lg.code_for(tx, opened(tx, f"h{n}").id, "a", NOW) for n in range(2)}
        assert given == {"A1", "A2"}
        third = opened(tx, "h2")
        with pytest.raises(LookupError, match="no code is left"):
            lg.code_for(tx, third.id, "a", NOW)
        assert lg.code_for(tx, third.id, "b", NOW) in given, "another person's codes are their own"

    await ledger.transact(story)


def test_only_words_of_ours_are_written_out_in_a_statement() -> None:
    assert str(word("last-resort")) == "'last-resort'"
    for text in ("x'; DROP TABLE incident; --", "a b", "", "1"):
        with pytest.raises(ValueError, match="not a word of ours"):
            word(text)
