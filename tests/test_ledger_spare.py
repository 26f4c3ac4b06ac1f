"""A damaged ledger never keeps Guardian from starting, and what a spare holds is not lost."""

import asyncio
import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from alerting.ledger import (
    Ledger,
    LedgerError,
    Restored,
    Tx,
    beats_since,
    go_on_after,
    last_beat,
    save_beat,
    spare,
)
from alerting.ledger.beats import LEFT_OUT
from alerting.ledger.prepare import _config, known_schemas, newest_schema
from tests.test_ledger_disk import broken, fill, small_disk

__all__ = ["small_disk"]

T0 = 1_790_000_000_000
OLD = "0008"
SEEDS = 40
"""Files with flipped bytes for everybody; a thousand more in `make test-all`."""


def beats(path: Path) -> list[int]:
    """What the file holds, read by somebody else."""
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return [row[0] for row in db.execute("SELECT id FROM beat ORDER BY id")]


def last(path: Path) -> Path:
    return spare.spares(path)[0]


def before(path: Path) -> Path:
    return spare.spares(path)[1]


def names(path: Path) -> list[str]:
    return sorted(p.name for p in path.parent.iterdir())


def aside(path: Path) -> list[Path]:
    """Damaged ledgers that were kept, with their logs."""
    return sorted(path.parent.glob(f"{path.name}.damaged-*"))


def parts(path: Path, *ends: str) -> dict[str, bytes]:
    return {end: path.with_name(path.name + end).read_bytes() for end in ends}


def put(path: Path, content: dict[str, bytes]) -> None:
    for end, part in content.items():
        path.with_name(path.name + end).write_bytes(part)


def damage(path: Path) -> None:
    """Cross out the page that lists the tables."""
    content = bytearray(path.read_bytes())
    content[100:4096] = b"\xa5" * 3996
    path.write_bytes(content)


async def with_spare(path: Path, rows: int = 2, lost: int = 1) -> None:
    """A ledger whose spare lacks its newest rows, closed in order."""
    ledger = await Ledger.open(path, stand_in=True)
    for _ in range(rows):
        await ledger.transact(lambda tx: save_beat(tx, T0, b"kept"))
    await ledger.make_spare()
    for _ in range(lost):
        await ledger.transact(lambda tx: save_beat(tx, T0, b"lost"))
    await ledger.close()


async def started(path: Path) -> tuple[Restored | None, int]:
    """Start as the daemon does, and stop; give what was put in place, and the newest beat."""
    ledger = await Ledger.open(path, stand_in=True)
    found = await ledger.transact(last_beat)
    await ledger.close()
    return ledger.restored, found


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
    assert again.upto_ms == T0 // 60_000 * 60_000

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


@pytest.mark.parametrize("end", ["zero", "half", "gone", "foreign", "another", "read-only"])
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
        shell.append(sqlite3.connect(path, isolation_level=None))
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


# --- making one ------------------------------------------------------------------------------------


async def test_a_spare_made_while_transactions_run_is_of_one_moment(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = await Ledger.open(path, stand_in=True)

    def both(tx: Tx) -> None:
        number = save_beat(tx, T0, os.urandom(20_000))
        tx.conn.exec_driver_sql("INSERT INTO person (id, name) VALUES (?, ?)", (f"p{number}", "x" * 9000))

    async def write() -> None:
        while True:
            await ledger.transact(both)

    for _ in range(50):
        await ledger.transact(both)
    writing = asyncio.create_task(write())
    kept = []
    for _ in range(4):
        await ledger.make_spare()
        with closing(sqlite3.connect(f"{last(path).as_uri()}?immutable=1", uri=True)) as db:
            beat, person = (db.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in ("beat", "person"))
            whole = db.execute("PRAGMA integrity_check").fetchone()[0]
        assert (beat, whole) == (person, "ok")
        kept.append(beat)
    assert kept == sorted(set(kept)), "each newer than the one before"
    assert kept[0] >= 50
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    assert await autocheckpoint(ledger) == 1000
    await ledger.close()
    assert len(beats(before(path))) == kept[-2]


async def autocheckpoint(ledger: Ledger) -> int:
    return int(
        await ledger.transact(lambda tx: tx.conn.exec_driver_sql("PRAGMA wal_autocheckpoint").scalar_one())
    )


@pytest.fixture
def cp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another `cp`, which a test writes."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "cp"
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return program


def says(program: Path, script: str) -> None:
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo 'No space left on device' >&2; exit 1", "No space left on device"),
        ('head -c 9000 "$3" > "$4"', "the copy is not whole"),
        ('touch "$3"; /bin/cp "$3" "$4"', "somebody else has written into the ledger"),
    ],
)
async def test_a_copy_that_fails_changes_nothing(
    tmp_path: Path, cp: Path, script: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ledger.db"
    await with_spare(path)
    says(cp, script)
    ledger = await Ledger.open(path, stand_in=True)
    await ledger.make_spare()
    assert why in capsys.readouterr().out
    assert await autocheckpoint(ledger) == 1000
    await ledger.close()
    assert beats(last(path)) == [1, 2]
    assert not before(path).exists()
    assert not (tmp_path / "ledger.db.spare-new").exists()


async def test_a_stop_does_not_wait_for_a_copy(tmp_path: Path, cp: Path) -> None:
    says(cp, 'echo $$ > "$0.pid"; exec sleep 60')
    ledger = await Ledger.open(tmp_path / "ledger.db", stand_in=True)
    making = asyncio.create_task(ledger.make_spare())
    while not (pid := cp.with_name("cp.pid")).exists():  # noqa: ASYNC110  # another process
        await asyncio.sleep(0)
    for _ in range(1000):  # until the loop knows of it too
        await asyncio.sleep(0)
    assert await autocheckpoint(ledger) == 0
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    assert await autocheckpoint(ledger) == 1000
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
    await ledger.close()


@pytest.mark.parametrize("turns", range(8))
async def test_a_stop_at_any_moment_leaves_the_log_to_sqlite(tmp_path: Path, turns: int) -> None:
    ledger = await Ledger.open(tmp_path / "ledger.db", stand_in=True)
    making = asyncio.create_task(ledger.make_spare())
    for _ in range(turns):
        await asyncio.sleep(0)
    making.cancel()
    await asyncio.gather(making, return_exceptions=True)
    assert await autocheckpoint(ledger) == 1000
    await ledger.close()


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


async def test_a_disk_with_too_little_room_is_left_to_the_ledger(
    small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = small_disk / "ledger.db"
    await with_spare(path)
    kept = last(path).read_bytes()
    (small_disk / "filler").write_bytes(bytes(2 << 20))
    ledger = await Ledger.open(path, stand_in=True)
    await ledger.make_spare()
    assert "MiB are wanted" in capsys.readouterr().out.replace("are wanted", "MiB are wanted")
    assert ledger.on_memory is None
    await ledger.close()
    assert last(path).read_bytes() == kept


async def test_a_shell_that_reads_puts_a_spare_off_and_holds_nobody_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ledger.db"
    ledger = await Ledger.open(path, stand_in=True)
    with closing(sqlite3.connect(path)) as shell:
        shell.execute("BEGIN")
        shell.execute("SELECT * FROM beat").fetchall()
        await ledger.transact(lambda tx: save_beat(tx, T0, b""))
        async with asyncio.timeout(2):
            await ledger.make_spare()
    assert "somebody else reads or writes" in capsys.readouterr().out
    assert await autocheckpoint(ledger) == 1000
    assert not last(path).exists()
    await ledger.make_spare()
    assert beats(last(path)) == [1]
    await ledger.close()


async def test_what_is_not_on_the_disk_has_no_spare(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    for nowhere in (await Ledger.open(None), await Ledger.open(path, inline=True)):
        await nowhere.make_spare()
        await nowhere.close()
    ledger = await Ledger.open(path, stand_in=True)
    with broken():
        await ledger.transact(lambda tx: save_beat(tx, T0, b""))
        await ledger.make_spare()
    await ledger.close()
    assert not last(path).exists()


# --- migrations ------------------------------------------------------------------------------------


def migrate_to(path: Path, schema: str) -> None:
    """Make a ledger as an older Guardian left it."""
    engine = create_engine(f"sqlite:///{path}")
    config = _config()
    with engine.begin() as conn:
        config.attributes["connection"] = conn
        command.upgrade(config, schema)
        conn.exec_driver_sql("INSERT INTO beat (t_ms, events) VALUES (1, x'00')")
    engine.dispose()


def schema_of(path: Path) -> str:
    with closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as db:
        return str(db.execute("SELECT version_num FROM alembic_version").fetchone()[0])


async def test_before_a_migration_a_spare_is_made_that_the_older_guardian_can_read(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    migrate_to(path, OLD)
    ledger = await Ledger.open(path)
    assert await autocheckpoint(ledger) == 1000
    await ledger.close()
    assert (schema_of(path), schema_of(last(path))) == (newest_schema(), OLD)
    made = last(path).stat().st_ino
    await (await Ledger.open(path, stand_in=True)).close()
    assert last(path).stat().st_ino == made, "nothing changes any more"
    damage(path)
    restored, newest = await started(path)
    assert restored is not None
    assert newest == 1
    assert schema_of(path) == newest_schema()


async def test_every_older_schema_is_brought_up_to_date_from_its_spare(tmp_path: Path) -> None:
    for schema in sorted(known_schemas()):
        path = tmp_path / f"{schema}.db"
        migrate_to(last(path), schema)
        path.write_bytes(b"x" * 9999)
        restored, newest = await started(path)
        assert restored is not None
        assert newest == 1
        assert schema_of(path) == newest_schema()


async def test_a_migration_goes_on_without_the_spare_that_cannot_be_made(tmp_path: Path, cp: Path) -> None:
    path = tmp_path / "ledger.db"
    migrate_to(path, OLD)
    says(cp, "exit 1")
    await started(path)
    assert schema_of(path) == newest_schema()
    assert not last(path).exists()


async def test_a_migration_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger.db"
    migrate_to(path, OLD)

    def fails(*_: object) -> None:
        raise LookupError("a mistake of ours")

    monkeypatch.setattr("alerting.ledger.prepare.command.upgrade", fails)
    with pytest.raises(LookupError):
        await Ledger.open(path, stand_in=True)
    assert schema_of(path) == OLD
    assert not aside(path), "our mistake is no damage"


# --- bytes at random ---------------------------------------------------------------------------------


def flip(path: Path, seed: int, sound: dict[str, bytes]) -> None:
    """Write a ledger with bytes flipped in it and, for odd seeds, in its log."""
    chance = np.random.default_rng(seed)
    for end, content in sound.items():
        changed = bytearray(content)
        if end == "" or (end == "-wal" and seed % 2):
            where = len(changed) if chance.random() < 0.7 else 4096
            for i in chance.integers(0, where, int(chance.choice([1, 1, 4, 32, 256]))).tolist():
                changed[i] ^= int(chance.integers(1, 256))
        put(path, {end: bytes(changed)})


async def taken_after(folder: Path, seed: int, sound: dict[str, bytes]) -> bool:
    """Start with such a ledger; give whether the spare had to be taken."""
    path = folder / f"{seed}.db"
    flip(path, seed, sound)
    ledger = await Ledger.open(path, stand_in=True)
    try:
        assert ledger.on_memory is None
        found = await ledger.transact(lambda tx: [n for n, *_ in beats_since(tx, 0)])
        assert found[:40] == list(range(1, 41)), "what the spare had"
        await ledger.transact(lambda tx: save_beat(tx, T0, b"goes on"))
    finally:
        await ledger.close()
    beats(path)
    return ledger.restored is not None


async def sound_ledger(path: Path) -> dict[str, bytes]:
    """A ledger of forty beats with a spare of them, and twenty more in its log."""
    ledger = await Ledger.open(path, stand_in=True)
    for n in range(40):
        await ledger.transact(lambda tx, n=n: save_beat(tx, T0 + n, bytes([n]) * 900))  # type: ignore[misc]
    await ledger.make_spare()
    for n in range(20):
        await ledger.transact(lambda tx, n=n: save_beat(tx, T0 + n, bytes([n]) * 900))  # type: ignore[misc]
    kept = parts(path, "", "-wal", ".spare")
    await ledger.close()
    return kept


async def test_bytes_that_flip_anywhere_never_keep_guardian_from_starting(tmp_path: Path) -> None:
    sound = await sound_ledger(tmp_path / "ledger.db")
    taken = [await taken_after(tmp_path, seed, sound) for seed in range(SEEDS)]
    assert 5 < sum(taken) < SEEDS, "some of them harm nothing that is read"


@pytest.mark.slow
async def test_a_thousand_more_of_them(tmp_path: Path) -> None:
    sound = await sound_ledger(tmp_path / "ledger.db")
    taken = [await taken_after(tmp_path, seed, sound) for seed in range(1000, 2000)]
    assert sum(taken) > 100


def test_marks_say_what_they_are_of() -> None:
    assert Restored.of_mark(0) is None
    assert Restored.of_mark(-5) is None
    for upto_ms in (None, 120_000, T0 // 60_000 * 60_000):
        found = Restored.of_mark(Restored("x", upto_ms).mark)
        assert found is not None
        assert found.upto_ms == upto_ms
    assert ScriptDirectory.from_config(_config()).get_current_head() == newest_schema()
