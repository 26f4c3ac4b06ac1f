"""Spares of the ledger, and what is put in the place of a damaged one.

Beside `ledger.db` lie `ledger.db.spare` and the one before it, `ledger.db.spare-before`: whole ledgers of
their time, which is that of their files. Takes paths; copies, checks and renames. Never reads pages out of a
damaged ledger, and never puts in place what is not whole.

With a WAL the ledger's file changes only when pages are written back from there. That is done once, on the
writer's thread (`hold_still`), and then not again until the file is copied (`copy`) and that is `let_go`;
transactions go on meanwhile. Another process, `cp`, does the copying: were the file opened and closed in this
one, SQLite's locks on it would be gone. A shell that writes pages back all the same is seen by the file's
time.

When a ledger is damaged (`put_back`):

1. It is moved aside with its log, and kept: `ledger.db.damaged-TIME`. The file goes before the log, so that
   the next start sees that this one was cut short here.
2. The newest spare that is whole is copied into its place; else the one before it; else nothing is, and
   SQLite begins a new one. Either is marked in its header, in the same stroke, until whoever watches has
   followed (`Restored`).
"""

import asyncio
import errno
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Collection, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog

DAMAGED_KEPT: Final = 3
"""Damaged ledgers that stay for whoever wants to look into them; each is as large as a ledger. Judgement."""
ROOM: Final = 3
"""Free space that is wanted for a spare, in ledgers: one for the copy, one for what the ledger itself needs
when it is written back from memory, one to grow. The ledger's room counts more than a spare."""
COPY_S: Final = 120.0
"""A copy that takes longer is given up, or the log would grow and no other be made: 2.4 GB at 20 MB/s."""
KILLED_S: Final = 5.0
"""So long a copy that was killed is waited for."""
_ENDLESS: Final = f"the copy has not ended after {COPY_S:.0f} s"
_MAGIC: Final = b"SQLite format 3\x00"
_VERSIONS_AT: Final = slice(18, 20)
"""Who may write and read the file: 2 with a WAL. Another number makes a sound disk look read-only."""
_BAD_DISK: Final = frozenset({errno.EIO, errno.EUCLEAN, errno.EBADMSG})
"""The disk has lost what a file holds: trying again helps nothing, nor does another owner or more room."""
_MARK_AT: Final = 60
"""`user_version`, four bytes, which SQLite leaves to its user. https://www.sqlite.org/fileformat2.html"""
_EMPTY: Final = 1
"""Mark of a ledger that had to begin anew; of others it is the minute since 1970 that they are of."""
_MINUTE_MS: Final = 60_000

_CHECKPOINT_PAGES: Final = 1000
"""Pages in the WAL after which they are written back; SQLite's default."""

log = structlog.get_logger("ledger")


@dataclass(frozen=True, slots=True)
class Restored:
    """A ledger was put in the place of a damaged one."""

    reason: str
    """What was wrong."""
    upto_ms: int | None
    """What it holds happened before then, ms since 1970; None: it is empty."""

    def __str__(self) -> str:
        if self.upto_ms is None:
            return f"{self.reason}; no spare was whole, and it has begun anew"
        then = datetime.fromtimestamp(self.upto_ms / 1000, UTC)
        return f"{self.reason}; it is as it was at {then:%Y-%m-%d %H:%M} UTC"

    @property
    def mark(self) -> int:
        """How the ledger itself says so."""
        return _EMPTY if self.upto_ms is None else max(_EMPTY + 1, -(-self.upto_ms // _MINUTE_MS))

    @classmethod
    def of_mark(cls, mark: int) -> "Restored | None":
        """Take what a ledger says of itself: it was put in place, and nobody has followed."""
        if mark <= 0:
            return None
        upto_ms = mark * _MINUTE_MS if mark > _EMPTY else None
        return cls("the ledger was damaged at an earlier start", upto_ms)


# --- making one ----------------------------------------------------------------------------------


def hold_still(conn: sqlite3.Connection, path: Path, busy_ms: int) -> int:
    """Have everything in the file itself, and no page written there until `let_go`; give its time in ns.

    Raises
    ------
    OSError
        somebody else reads or writes the ledger.
    """
    conn.execute("PRAGMA busy_timeout=0").close()  # a shell of somebody's must not hold up everybody
    try:
        busy, *_ = conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        conn.execute(f"PRAGMA busy_timeout={busy_ms:d}").close()
    if busy:
        raise OSError("somebody else reads or writes the ledger")
    conn.execute("PRAGMA wal_autocheckpoint=0").close()
    return path.stat().st_mtime_ns


def let_go(conn: sqlite3.Connection) -> None:
    """Let pages be written back again, as SQLite does by itself."""
    conn.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}").close()


async def copy(path: Path, written_ns: int) -> None:
    """Copy a file that is held still, in another process.

    Raises
    ------
    OSError
        there is too little room, it cannot be copied within `COPY_S`, or somebody has written into it after
        `written_ns`.
    """
    child = await asyncio.create_subprocess_exec(*_cp(path), stderr=subprocess.PIPE)
    try:
        async with asyncio.timeout(COPY_S):
            _, said = await child.communicate()
    except TimeoutError as e:
        raise OSError(_ENDLESS) from e
    finally:
        if child.returncode is None:
            child.kill()
            with suppress(TimeoutError):  # what waits for a disk that is gone cannot be killed
                await asyncio.wait_for(child.wait(), KILLED_S)
    _copied(path, written_ns, child.returncode, said)


def copy_now(path: Path, written_ns: int) -> None:
    """Do the same while nobody waits. Raises OSError."""
    try:
        done = subprocess.run(_cp(path), check=False, stderr=subprocess.PIPE, timeout=COPY_S)  # noqa: S603
    except subprocess.TimeoutExpired as e:
        raise OSError(_ENDLESS) from e
    _copied(path, written_ns, done.returncode, done.stderr)


def keep(path: Path, schemas: Collection[str]) -> None:
    """Check what was copied and make it the newest spare; the newest until then becomes the one before.

    Raises
    ------
    OSError
        it is not whole, or the disk fails; the spares are as they were.
    """
    fresh, last, before = _new(path), *spares(path)
    if not _whole(fresh, schemas):
        fresh.unlink(missing_ok=True)
        raise OSError("the copy is not whole")
    with fresh.open("rb") as file:
        os.fsync(file.fileno())
    with suppress(FileNotFoundError):
        last.replace(before)
    fresh.replace(last)
    _sync(path.parent)


def spares(path: Path) -> tuple[Path, Path]:
    """Give where the spares of a ledger lie, the newer one first."""
    return path.with_name(f"{path.name}.spare"), path.with_name(f"{path.name}.spare-before")


def _new(path: Path) -> Path:
    return path.with_name(f"{path.name}.spare-new")


def _cp(path: Path) -> list[str]:
    _new(path).unlink(missing_ok=True)  # of a copy that was given up
    free, size = shutil.disk_usage(path.parent).free, path.stat().st_size
    if free < ROOM * size:
        raise OSError(f"{free >> 20} MiB are free, {ROOM * size >> 20} are wanted")
    return ["cp", "--reflink=auto", "--", str(path), str(_new(path))]


def _copied(path: Path, written_ns: int, status: int | None, said: bytes) -> None:
    why = said.decode(errors="replace").strip() if status else ""
    if path.stat().st_mtime_ns != written_ns:
        why = "somebody else has written into the ledger meanwhile"
    if why:
        _new(path).unlink(missing_ok=True)
        raise OSError(why)


def _whole(path: Path, schemas: Collection[str]) -> bool:
    """Whether a file that nobody writes is a ledger that this Guardian can go on with."""
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?immutable=1", uri=True)) as of:
            checks = [row[0] for row in of.execute("PRAGMA integrity_check(1)")]
            versions = [row[0] for row in of.execute("SELECT version_num FROM alembic_version")]
    except (sqlite3.Error, UnicodeDecodeError):
        return False
    return checks == ["ok"] and len(versions) == 1 and versions[0] in schemas


# --- putting one in place ------------------------------------------------------------------------


def amiss(path: Path) -> str | None:
    """Give what is wrong with a ledger before SQLite looks at it, None where nothing is.

    No file and nothing beside it is a first start.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_VERSIONS_AT.stop)
    except FileNotFoundError:
        head = b""
    except OSError:  # SQLite will say it
        return None
    if head:
        odd = not head.startswith(_MAGIC) or not set(head[_VERSIONS_AT]) <= {1, 2}
        return "the ledger is damaged: its first bytes are not a database's" if odd else None
    beside = [*(s for s in spares(path) if s.exists()), *_damaged(path)]
    return "the ledger is gone, and what lies beside it is not" if beside else None


def unreadable(path: Path) -> str | None:
    """Give why not all that a ledger and its log hold can be read, where the disk has lost it; else None."""
    for part in (path, path.with_name(f"{path.name}-wal")):
        try:
            with part.open("rb", buffering=0) as file:
                while file.read(1 << 20):
                    pass
        except OSError as e:
            if e.errno in _BAD_DISK:
                return f"the ledger cannot be read: {e.strerror}"
    return None


def put_back(path: Path, reason: str, schemas: Collection[str], passed_over: int) -> Restored:
    """Move a damaged ledger aside and put the best spare in its place; nothing where none is whole.

    So many spares are `passed_over`: those that have been in place already.

    Raises
    ------
    OSError
        the disk does not let us.
    """
    _move_aside(path)
    for spare in spares(path)[passed_over:]:
        if not spare.exists():
            continue
        if not _whole(spare, schemas):
            log.error("a spare is not whole", spare=spare.name)
            continue
        found = Restored(reason, int(spare.stat().st_mtime * 1000))
        try:
            _place(spare, path, found.mark)
        except OSError as e:  # no room for two of them
            log.error("the spare cannot be copied and is taken itself", why=str(e))  # noqa: TRY400
            spare.replace(path)
        break
    else:
        found = Restored(reason, None)
    _sync(path.parent)
    log.error("the ledger was damaged and has been replaced", what=str(found))
    return found


def _move_aside(path: Path) -> None:
    parts = [path.with_name(path.name + end) for end in ("", "-wal", "-shm")]
    there = [part for part in parts if part.exists()]
    if not there:
        return
    second = int(max(part.stat().st_mtime for part in there))
    while (aside := path.with_name(f"{path.name}.damaged-{_utc(second)}")).exists():
        second += 1
    for part in there:
        part.replace(aside.with_name(aside.name + part.name.removeprefix(path.name)))
    for old in sorted({p.name.partition("Z")[0] for p in _damaged(path)})[:-DAMAGED_KEPT]:
        for part in path.parent.glob(f"{old}Z*"):
            part.unlink()


def _damaged(path: Path) -> Iterator[Path]:
    return path.parent.glob(f"{path.name}.damaged-*")


def _utc(second: int) -> str:
    return f"{datetime.fromtimestamp(second, UTC):%Y%m%dT%H%M%SZ}"


def _place(spare: Path, path: Path, mark: int) -> None:
    temporary = path.with_name(f"{path.name}.restoring")
    try:
        with spare.open("rb") as of, temporary.open("wb") as to:
            shutil.copyfileobj(of, to, 1 << 20)
            to.seek(_MARK_AT)
            to.write(mark.to_bytes(4, "big"))
            to.flush()
            os.fsync(to.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
