"""A ledger with spares, damaged on purpose, and a start after it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from alerting.ledger import (
    Ledger,
    Restored,
    last_beat,
    save_beat,
    spare,
)

T0 = 1_790_000_000_000


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
