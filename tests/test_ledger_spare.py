"""Spares of the ledger: of one moment though transactions run, and before each change of the schema."""

import asyncio
import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import create_engine

from alerting.ledger import (
    Ledger,
    Tx,
    save_beat,
    spare,
)
from alerting.ledger.prepare import _config, known_schemas, newest_schema
from tests.spare_world import T0, aside, beats, before, damage, last, started, with_spare
from tests.test_ledger_disk import broken, small_disk

__all__ = ["small_disk"]

OLD = "0008"


def both(tx: Tx) -> None:
    """Write a row here and a row there, which belong together."""
    number = save_beat(tx, T0, os.urandom(20_000))
    tx.conn.exec_driver_sql("INSERT INTO person (id, name) VALUES (?, ?)", (f"p{number}", "x" * 9000))


def counted(path: Path) -> int:
    """How often `both` has happened in a spare, which is whole."""
    with closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as db:
        beat, person = (db.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in ("beat", "person"))
        assert (beat, db.execute("PRAGMA integrity_check").fetchone()[0]) == (person, "ok")
    return int(beat)


async def test_a_spare_made_while_transactions_run_is_of_one_moment(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = await Ledger.open(path, stand_in=True)

    async def write() -> None:
        while True:
            await ledger.transact(both)

    for _ in range(50):
        await ledger.transact(both)
    writing = asyncio.create_task(write())
    kept = []
    for _ in range(4):
        await ledger.make_spare()
        kept.append(counted(last(path)))
    assert kept == sorted(set(kept)), "each newer than the one before"
    assert kept[0] >= 50
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    assert await autocheckpoint(ledger) == 1000
    await ledger.close()
    assert len(beats(before(path))) == kept[-2]


async def autocheckpoint(ledger: Ledger) -> int:
    """Give after how many pages SQLite writes back; shells are waited for, as before."""

    def asked(tx: Tx) -> tuple[int, int]:
        busy_ms, pages = (
            tx.conn.exec_driver_sql(f"PRAGMA {what}").scalar_one()
            for what in ("busy_timeout", "wal_autocheckpoint")
        )
        return busy_ms, pages

    busy_ms, pages = await ledger.transact(asked)
    assert busy_ms == 5000
    return pages


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


async def test_a_copy_that_does_not_end_is_given_up(
    tmp_path: Path, cp: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(spare, "COPY_S", 0.2)
    path = tmp_path / "ledger.db"
    says(cp, 'echo $$ > "$0.pid"; echo half > "$4"; exec sleep 60')
    ledger = await Ledger.open(path, stand_in=True)
    await ledger.make_spare()
    assert "no spare could be made" in capsys.readouterr().out
    monkeypatch.setattr(spare, "ROOM", 1 << 40)
    await ledger.make_spare()
    assert not (tmp_path / "ledger.db.spare-new").exists(), "it would take the room of the next one"
    with pytest.raises(ProcessLookupError):
        os.kill(int(cp.with_name("cp.pid").read_text()), 0)
    assert await autocheckpoint(ledger) == 1000
    await ledger.close()


async def test_what_happens_during_a_slow_copy_is_not_in_it(tmp_path: Path, cp: Path) -> None:
    path = tmp_path / "ledger.db"
    half = 'head -c 900000 "$3" > "$4"; touch "$0.half"; while [ ! -e "$0.go" ]; do sleep 0.01; done'
    says(cp, f'{half}; tail -c +900001 "$3" >> "$4"')
    ledger = await Ledger.open(path, stand_in=True)
    for _ in range(60):
        await ledger.transact(both)
    making = asyncio.create_task(ledger.make_spare())
    while not cp.with_name("cp.half").exists():  # noqa: ASYNC110  # another process
        await asyncio.sleep(0)
    for _ in range(300):  # twice as much as SQLite would leave in the log
        await ledger.transact(both)
    cp.with_name("cp.go").touch()
    await making
    assert counted(last(path)) == 60
    await ledger.transact(both)
    await ledger.close()
    assert len(beats(path)) == 361


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


async def test_a_disk_with_too_little_room_is_left_to_the_ledger(
    small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = small_disk / "ledger.db"
    await with_spare(path)
    kept = last(path).read_bytes()
    (small_disk / "filler").write_bytes(bytes(2 << 20))
    ledger = await Ledger.open(path, stand_in=True)
    await ledger.make_spare()
    assert "MiB are free" in capsys.readouterr().out
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


@pytest.mark.parametrize("script", ["exit 1", "exec sleep 60"])
async def test_a_migration_goes_on_without_the_spare_that_cannot_be_made(
    tmp_path: Path, cp: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    monkeypatch.setattr(spare, "COPY_S", 0.2)
    path = tmp_path / "ledger.db"
    migrate_to(path, OLD)
    says(cp, script)
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
