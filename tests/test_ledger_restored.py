"""A damaged ledger never keeps Guardian from starting, and what a spare holds is not lost."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory

from alerting.ledger import (
    Ledger,
    LedgerError,
    Restored,
    Tx,
    go_on_after,
    last_beat,
    save_beat,
    spare,
)
from alerting.ledger.lost import LEFT_OUT
from alerting.ledger.prepare import _config, newest_schema
from tests.spare_world import T0, aside, beats, before, damage, last, names, parts, put, started, with_spare
from tests.test_ledger_disk import broken, fill, small_disk

__all__ = ["small_disk"]


# --- in place of a damaged one -----------------------------------------------------------------------


async def test_a_damaged_ledger_is_set_aside_and_the_spare_is_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await with_spare(path)
    os.utime(last(path), (T0 / 1000, T0 / 1000))
    damage(path)
    crossed_out = path.read_bytes()
    restored, newest = await started(path)
    assert newest == 2, "the third is lost"
    assert restored is not None
    assert restored.upto_ms == T0
    assert "it is as it was at 2026-09-21 14:13 UTC" in str(restored)
    (kept,) = aside(path)
    assert kept.read_bytes() == crossed_out
    assert beats(last(path)) == [1, 2], "copied, not moved"
    again, _ = await started(path)
    assert again is not None, "nobody has followed yet"
    assert again.upto_ms == -(-T0 // 60_000) * 60_000

    def follow(tx: Tx) -> int:
        go_on_after(tx, 7)
        return save_beat(tx, T0, b"new")

    ledger = await Ledger.open(path, stand_in=True)
    assert await ledger.transact(follow) == LEFT_OUT + 3
    await ledger.transact(lambda tx: go_on_after(tx, 5_000_000))
    assert await ledger.transact(last_beat) == 5_000_000
    await ledger.close()
    assert (await started(path))[0] is None


async def test_a_shell_gets_the_error_and_nothing_is_touched(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await with_spare(path)
    damage(path)
    there = names(path)
    with pytest.raises(LedgerError, match="malformed") as caught:
        await Ledger.open(path)
    assert (caught.value.permanent, caught.value.damaged) == (True, True)
    assert names(path) == there


@pytest.mark.parametrize("end", ["zero", "half", "gone", "foreign", "another", "read-only", "unspeakable"])
async def test_whatever_is_wrong_with_the_file_the_spare_is_taken(tmp_path: Path, end: str) -> None:
    path = tmp_path / "ledger.db"
    await with_spare(path)
    whole = path.read_bytes()
    wrong = {
        "zero": b"",
        "half": whole[: len(whole) // 8192 * 4096],
        "gone": None,
        "foreign": b"%PDF-1.7\n" * 999,
        "another": another(tmp_path / "another.db"),
        "read-only": whole[:18] + b"\x05\x02" + whole[20:],
        "unspeakable": whole.replace(b"CREATE TABLE code (", b"CREATE TABLE code \xff"),
    }[end]
    if wrong is None:
        path.unlink()
    else:
        path.write_bytes(wrong)
    restored, newest = await started(path)
    assert restored is not None
    assert newest == 2
    assert beats(path) == [1, 2]


def another(path: Path) -> bytes:
    """A sound database that is no ledger."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE beat (x)")
        db.commit()
    return path.read_bytes()


async def test_a_damaged_spare_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await with_spare(path)
    await with_spare(path, rows=0, lost=0)
    damage(path)
    damage(last(path))
    restored, newest = await started(path)
    assert restored is not None
    assert restored.upto_ms is not None
    assert newest == 2


async def test_without_a_spare_that_is_whole_the_ledger_begins_anew_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await with_spare(path)
    for file in (path, last(path)):
        damage(file)
    restored, newest = await started(path)
    assert restored is not None
    assert (restored.upto_ms, newest) == (None, 0)
    assert str(restored).endswith("no spare was whole, and it has begun anew")
    again, _ = await started(path)
    assert again is not None, "nobody has followed yet"
    assert again.upto_ms is None
    ledger = await Ledger.open(path, stand_in=True)
    await ledger.transact(lambda tx: go_on_after(tx, 9))
    assert await ledger.transact(lambda tx: save_beat(tx, T0, b"")) == LEFT_OUT + 1
    await ledger.close()


async def test_a_first_start_is_no_accident(tmp_path: Path) -> None:
    restored, _ = await started(tmp_path / "ledger.db")
    assert restored is None
    (tmp_path / "zero.db").touch()
    assert (await started(tmp_path / "zero.db"))[0] is None


async def test_a_newer_guardians_ledger_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await with_spare(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE alembic_version SET version_num = '9999'")
        db.commit()
    there = names(path)
    with pytest.raises(LedgerError, match="written by a newer Guardian"):
        await Ledger.open(path, stand_in=True)
    assert names(path) == there


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE alembic_version SET version_num = '0q08'",
        "INSERT INTO alembic_version VALUES ('0001')",
        "DELETE FROM alembic_version",
        "UPDATE alembic_version SET version_num = CAST(x'ff30' AS TEXT)",
        "ALTER TABLE move RENAME COLUMN detail TO detaim",
        "DROP TABLE code",
    ],
)
async def test_a_schema_that_is_none_of_ours_is_damage(tmp_path: Path, statement: str) -> None:
    path = tmp_path / "ledger.db"
    await with_spare(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute(statement)
        db.commit()
    restored, newest = await started(path)
    assert restored is not None
    assert newest == 2


async def test_a_spare_whose_schema_is_none_of_ours_is_tried_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await with_spare(path)
    await with_spare(path, rows=0, lost=0)
    damage(path)
    with closing(sqlite3.connect(last(path))) as db:
        db.execute("ALTER TABLE move RENAME COLUMN detail TO detaim")
        db.commit()
    _, newest = await started(path)
    assert newest == 2, "from the one before"
    damage(path)
    before(path).unlink()
    restored, newest = await started(path)
    assert restored is not None
    assert (restored.upto_ms, newest) == (None, 0)


async def test_only_the_newest_damaged_ledgers_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await with_spare(path)
    for n in range(5):
        path.write_bytes(b"x" * 9999)  # not opened, or SQLite would clear the log away
        path.with_name("ledger.db-wal").write_bytes(b"its log")
        for end in ("", "-wal"):
            os.utime(f"{path}{end}", (T0 // 1000 + n // 2, T0 // 1000 + n // 2))
        await started(path)
    kept = [p.name.removeprefix("ledger.db.damaged-20260921T14132") for p in aside(path)]
    assert kept == ["2Z", "2Z-wal", "3Z", "3Z-wal", "4Z", "4Z-wal"]


# --- cut short -------------------------------------------------------------------------------------


@pytest.mark.parametrize("moved", [("",), ("", "-wal"), ("", "-wal", "-shm")])
async def test_a_start_that_is_killed_while_it_sets_aside_is_gone_on_with(
    tmp_path: Path, moved: tuple[str, ...]
) -> None:
    path = tmp_path / "ledger.db"
    await with_spare(path)
    await log_left_behind(path)
    for end in moved:
        path.with_name(path.name + end).rename(f"{path}.damaged-20260101T000000Z{end}")
    restored, newest = await started(path)
    assert restored is not None
    assert newest == 2
    assert beats(path) == [1, 2], "the damaged ledger's log is not played over the spare"


async def log_left_behind(path: Path) -> None:
    """Leave the ledger as a killed process does: with a log that holds its newest rows."""
    ledger = await Ledger.open(path)
    await ledger.transact(lambda tx: save_beat(tx, T0, b"in the log"))
    kept = parts(path, "", "-wal", "-shm")
    await ledger.close()
    put(path, kept)


async def test_killed_before_anything_is_in_place_and_without_a_spare_it_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    (tmp_path / "ledger.db.damaged-20260101T000000Z").write_bytes(b"x")
    restored, _ = await started(path)
    assert restored is not None
    assert restored.upto_ms is None


async def test_half_a_copy_is_never_taken(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await with_spare(path)
    whole = last(path).read_bytes()
    for name in ("ledger.db.restoring", "ledger.db.spare-new"):
        (tmp_path / name).write_bytes(whole[:5000])
    path.unlink()
    _, newest = await started(path)
    assert newest == 2
    assert not (tmp_path / "ledger.db.restoring").exists()


async def test_with_a_spare_renamed_and_the_new_one_not_yet_the_one_before_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await with_spare(path)
    last(path).rename(before(path))
    damage(path)
    _, newest = await started(path)
    assert newest == 2


# --- disks -----------------------------------------------------------------------------------------


async def test_without_room_for_a_copy_the_spare_itself_is_taken(small_disk: Path) -> None:
    path = small_disk / "ledger.db"
    await with_spare(path)
    damage(path)
    filler = fill(small_disk)
    ledger = await Ledger.open(path, stand_in=True)
    assert ledger.on_memory is not None, "the disk is full still"
    assert ledger.restored is not None
    assert await ledger.transact(last_beat) == 2
    filler.unlink()
    await ledger.close()
    assert beats(path) == [1, 2]


async def test_a_file_that_is_damaged_on_a_full_disk_is_not_gone_on_with_in_memory(small_disk: Path) -> None:
    path = small_disk / "ledger.db"
    await with_spare(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("ALTER TABLE move RENAME COLUMN detail TO detaim")
        db.commit()
    fill(small_disk)
    ledger = await Ledger.open(path, stand_in=True)
    assert ledger.restored is not None
    assert await ledger.transact(last_beat) == 2
    await ledger.close()


async def test_a_disk_that_lets_nothing_be_renamed_ends_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger.db"
    await with_spare(path)
    damage(path)

    def refuses(*_: object) -> Path:
        raise OSError("Read-only file system")

    monkeypatch.setattr(Path, "replace", refuses)
    with pytest.raises(LedgerError, match=r"malformed.*; nor can it be replaced: Read-only") as caught:
        await Ledger.open(path, stand_in=True)
    assert caught.value.disk


async def test_a_new_ledger_that_the_disk_does_not_take_is_gone_on_with_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    (tmp_path / "ledger.db.damaged-20260101T000000Z").write_bytes(b"x")
    with broken():
        ledger = await Ledger.open(path, stand_in=True)
        assert ledger.on_memory is not None
        assert ledger.restored is not None
        await ledger.transact(lambda tx: save_beat(tx, T0, b"1"))
    await ledger.close()
    assert beats(path) == [1]


async def test_what_is_no_damage_is_not_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ledger.db"
    await with_spare(path)
    damage(path)
    tried: list[Path] = []
    put_back = spare.put_back

    def held_by_a_shell(path: Path, *rest: Any) -> Restored:
        tried.append(path)
        found = put_back(path, *rest)
        shell.append(sqlite3.connect(path, isolation_level=None, check_same_thread=False))
        shell[0].execute("BEGIN IMMEDIATE")
        return found

    shell: list[sqlite3.Connection] = []
    monkeypatch.setattr("alerting.ledger.spare.put_back", held_by_a_shell)
    monkeypatch.setattr("alerting.ledger.engine.BUSY_MS", 50)
    with pytest.raises(LedgerError, match="locked"):
        await Ledger.open(path, stand_in=True)
    shell[0].close()
    assert len(tried) == 1
    assert len(aside(path)) == 1


async def test_a_file_that_may_not_be_read_is_left_for_sqlite_to_say(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").mkdir()
    with pytest.raises(LedgerError) as caught:
        await Ledger.open(tmp_path / "ledger.db", stand_in=True)
    assert (caught.value.disk, caught.value.damaged) == (True, False)


async def test_what_cannot_be_decoded_in_our_own_work_is_no_damage(tmp_path: Path) -> None:
    ledger = await Ledger.open(tmp_path / "ledger.db", integrity=False)
    with pytest.raises(UnicodeDecodeError):
        await ledger.transact(lambda _tx: b"\xff".decode())
    await ledger.close()


async def test_what_the_disk_does_not_give_any_more_is_replaced_as_what_is_damaged(tmp_path: Path) -> None:
    """Nobody can read the first bytes of /proc/self/mem: EIO, as of a disk that has lost them."""
    path = tmp_path / "ledger.db"
    await with_spare(path)
    path.unlink()
    path.symlink_to("/proc/self/mem")
    restored, newest = await started(path)
    assert restored is not None
    assert "the ledger cannot be read: Input/output error" in str(restored)
    assert newest == 2
    (kept,) = aside(path)
    assert kept.is_symlink()


async def test_what_only_somebody_else_may_read_is_left_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await with_spare(path)
    path.unlink()
    path.mkdir()  # root may read everything; a folder is what nobody can read as a file
    with pytest.raises(LedgerError) as caught:
        await Ledger.open(path, stand_in=True)
    assert (caught.value.disk, caught.value.damaged) == (True, False)
    assert not aside(path)


def test_marks_say_what_they_are_of() -> None:
    assert Restored.of_mark(0) is None
    assert Restored.of_mark(-5) is None
    for upto_ms in (None, 120_000, T0 // 60_000 * 60_000):
        found = Restored.of_mark(Restored("x", upto_ms).mark)
        assert found is not None
        assert found.upto_ms == upto_ms
    assert ScriptDirectory.from_config(_config()).get_current_head() == newest_schema()
