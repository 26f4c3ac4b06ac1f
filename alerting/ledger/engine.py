"""Opening the ledger, bringing it up to date, running transactions on it, and going on when its disk fails.

Takes a path, gives a `Ledger` whose `transact` runs one function in one transaction. SQLite with
WAL and synchronous=FULL: what `transact` has returned survives a power cut (500 simulated cuts: 0 lost;
with NORMAL 499 lost something). Exactly one connection and one writer thread: several connections to one
WAL database can corrupt it before SQLite 3.51.3. Never retries: whoever owns the change decides. What is
asked for while the disk is busy is committed together (together.py).

But for one case. With `stand_in`, when a transaction fails because the disk is full, broken or read-only:

1. What the file holds is copied into memory, and the transaction that failed is run again on the copy; so
   are all after it. `on_memory` says why. Nothing that `transact` returns survives a crash meanwhile.
2. Every `RETRY_S` the copy is written back into the file, in one transaction of the file's own: all of it or
   nothing. Then the file counts again, with everything that has happened.

So the functions that are given to `transact` may be run twice, and do nothing but read and write their Tx.
"""

import asyncio
import shutil
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, Final, Self, TypeVar

import structlog
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine.url import URL
from sqlalchemy.exc import DatabaseError, IntegrityError, ProgrammingError
from sqlalchemy.pool import StaticPool

from alerting.ledger.together import MOST_TOGETHER, Job, run_together

T = TypeVar("T")

MIGRATIONS: Final = Path(__file__).parent.parent / "migrations"
BUSY_MS: Final = 5000
"""How long a shell that staff have opened on the file may hold us up before it is an error."""


RETRY_S: Final = 5.0
"""Between two tries to write a copy in memory back; each may cost a copy of the whole ledger."""
ROOM: Final = 1.1
"""Free space that is wanted for it, as a share of the ledger: all its pages go through the WAL, each with a
header of 24 bytes."""
_DISK: Final = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
)
"""SQLite's primary result codes for a disk that is full, broken, read-only or gone."""

log = structlog.get_logger("ledger")


class LedgerError(Exception):
    """The ledger cannot be read or written.

    `permanent`: trying again will not help; `disk`: it is full, broken, read-only or gone.
    """

    def __init__(self, reason: str, *, permanent: bool, disk: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.permanent = permanent
        self.disk = disk


@dataclass(frozen=True, slots=True)
class Tx:
    """One open transaction. Only the functions of this folder look inside."""

    conn: Connection


@dataclass(frozen=True, slots=True)
class _StandIn:
    """What goes on in memory, and the file that it stands for."""

    engine: Engine
    path: Path


class Ledger:
    """The one way to the tables."""

    def __init__(self, path: Path | None, writer: ThreadPoolExecutor | None, *, stand_in: bool) -> None:
        self.on_memory: str | None = None
        """Why the ledger is in memory alone; None: it is where it belongs."""
        self._engine = _engine(path)
        self._writer = writer
        self._stands_for = path if stand_in else None
        self._copy: _StandIn | None = None
        self._retry_s = 0.0
        self._queue = Lock()
        self._waiting: deque[Job] = deque()
        self._busy = False

    @classmethod
    async def open(
        cls, path: Path | None, *, inline: bool = False, integrity: bool = True, stand_in: bool = False
    ) -> Self:
        """Open (or make) the ledger and migrate it to the newest schema.

        Parameters
        ----------
        path
            the file; None = in memory.
        inline
            run on the caller's thread instead of the writer thread, for virtual time.
        integrity
            check the whole file first.
        stand_in
            go on in memory when the disk fails: for whoever must not stop. Others get the error.

        Raises
        ------
        LedgerError
            permanent: damaged, or written by a newer Guardian. Otherwise: the disk.
        """
        writer = None if inline else ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")
        ledger = cls(path, writer, stand_in=stand_in)
        try:
            await ledger._run(lambda: ledger._open(integrity=integrity))
        except BaseException:
            await ledger.close()
            raise
        return ledger

    async def transact(self, work: Callable[[Tx], T]) -> T:
        """Run `work` in one transaction; committed (to the disk) when this returns, rolled back if it raises.

        `work` runs on the writer thread: it must only use the Tx and what it closes over. It may be run
        twice (the module says when).

        Raises
        ------
        LedgerError
            the disk, a lock held by somebody else, damage.
        """
        loop = asyncio.get_running_loop()

        def run(conn: Connection) -> T:
            return work(Tx(conn))

        if self._writer is None:
            return self._alone(run, loop.time())
        job = Job(run, loop.create_future())
        with self._queue:
            self._waiting.append(job)
            idle, self._busy = not self._busy, True
        if idle:
            self._writer.submit(self._drain, loop)
        result: T = await job.done
        return result

    def _drain(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run what waits, on the writer's thread, until nothing does."""
        while True:
            with self._queue:
                some = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_TOGETHER))]
                if not some:
                    self._busy = False
                    return
            jobs = [job for job in some if not job.done.cancelled()]
            self._commit(jobs, loop.time())
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_tell, jobs)

    def _commit(self, jobs: Sequence[Job], now_s: float) -> None:
        if len(jobs) > 1 and self._copy is None:
            try:
                with _told(), _begun(self._engine) as conn:
                    run_together(conn, jobs)
            except Exception as e:  # noqa: BLE001  # whatever it is, whoever waits hears it from a run alone
                log.debug("each alone", jobs=len(jobs), why=str(e))
            else:
                return
        for job in jobs:
            job.alone(partial(self._alone, now_s=now_s))

    def _alone(self, work: Callable[[Connection], T], now_s: float) -> T:
        if self._copy is not None and now_s >= self._retry_s:
            self._write_back(self._copy, now_s)
        copy = self._copy
        if copy is None:
            try:
                return _transacted(self._engine, work)
            except LedgerError as e:
                copy = self._go_on_in_memory(e, now_s)
        return _transacted(copy.engine, work)

    async def close(self) -> None:
        """Write back what is in memory alone, if the disk lets us, finish what runs and close the file."""

        def end() -> None:
            if self._copy is not None:
                self._write_back(self._copy, self._retry_s)
            if self._copy is not None:
                log.error("what has happened since the disk failed is lost", why=self.on_memory)
                self._copy.engine.dispose()
            self._engine.dispose()

        await self._run(end)
        if self._writer is not None:
            self._writer.shutdown()

    # --- when the disk fails -------------------------------------------------------------------------

    def _open(self, *, integrity: bool) -> None:
        try:
            _prepare(self._engine, integrity=integrity)
        except LedgerError as e:
            copy = self._go_on_in_memory(e, 0.0)
            _prepare(copy.engine, integrity=integrity)

    def _go_on_in_memory(self, failed: LedgerError, now_s: float) -> _StandIn:
        """Copy what the file holds into memory.

        Raises
        ------
        LedgerError
            what has failed, where it is not the disk or memory may not stand in; or the file cannot be
            read, either.
        """
        if not failed.disk or self._stands_for is None:
            raise failed
        copy = _StandIn(_engine(None), self._stands_for)
        try:
            with _driver(copy.engine) as to:
                try:
                    with _driver(self._engine) as of:
                        of.backup(to, progress=_unless_locked)
                except (sqlite3.Error, DatabaseError):
                    _read_alone(copy.path, to)
        except (sqlite3.Error, OSError) as e:
            copy.engine.dispose()
            raise LedgerError(f"{failed.reason}; nor can it be read: {e}", permanent=False, disk=True) from e
        self._copy, self.on_memory, self._retry_s = copy, failed.reason, now_s + RETRY_S
        log.error("the disk has failed: the ledger goes on in memory alone", why=failed.reason)
        return copy

    def _write_back(self, copy: _StandIn, now_s: float) -> None:
        """Try to bring the file up to date from memory, and to go on with it."""
        self._retry_s = now_s + RETRY_S
        try:
            with _driver(copy.engine) as of:
                pages, size = (
                    of.execute(f"PRAGMA {what}").fetchone()[0] for what in ("page_count", "page_size")
                )
                if shutil.disk_usage(copy.path.parent).free < ROOM * pages * size:
                    return
                with _driver(self._engine) as to:
                    of.backup(to, progress=_unless_locked)
                    with suppress(sqlite3.Error):  # it is in the WAL, and safe there
                        to.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
        except (sqlite3.Error, DatabaseError, OSError) as e:
            log.debug("the disk fails still", why=str(e))
            self._engine.dispose()  # a connection that has seen an error is opened anew
            return
        copy.engine.dispose()
        self._copy = self.on_memory = None
        log.warning("the ledger is on the disk again, with everything that has happened")

    async def _run(self, call: Callable[[], T]) -> T:
        if self._writer is None:
            return call()
        return await asyncio.get_running_loop().run_in_executor(self._writer, call)


def _transacted(engine: Engine, work: Callable[[Connection], T]) -> T:
    with _told(), _begun(engine) as conn:
        return work(conn)


def _tell(jobs: Sequence[Job]) -> None:
    for job in jobs:
        job.tell()


@contextmanager
def _driver(engine: Engine) -> Iterator[sqlite3.Connection]:
    """Give SQLite's own connection; its `backup` copies a whole database over another one, in one transaction
    of that one's.
    """
    with closing(engine.raw_connection()) as held:
        driver: Any = held.driver_connection
        yield driver


def _unless_locked(status: int, _left: int, _all: int) -> None:
    """End a copy that waits for somebody's lock: by itself it would wait for ever, and hold up everybody."""
    if status in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        raise sqlite3.OperationalError("database is locked")


def _read_alone(path: Path, to: sqlite3.Connection) -> None:
    """Copy a file that SQLite cannot open for want of room beside it; complete only where it has no WAL.

    Raises
    ------
    OSError
        there is no such file, or a WAL that would be left out.
    """
    if not path.exists():
        raise OSError("there is no file")
    wal = path.with_name(path.name + "-wal")
    if wal.exists() and wal.stat().st_size:
        raise OSError("it was not closed in order")
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?immutable=1", uri=True)) as of:
        of.backup(to)


def _engine(path: Path | None) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=None if path is None else str(path)),
        poolclass=StaticPool,
        connect_args={"check_same_thread": False},  # made on the writer thread, disposed of there too
    )

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # or the sqlite3 module would begin in its own way
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"busy_timeout={BUSY_MS}",
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    return engine


@contextmanager
def _begun(engine: Engine) -> Iterator[Connection]:
    """One transaction, which holds the write lock from its first statement on.

    No listener to SQLAlchemy's "begin": that would make every statement dearer.
    """
    with engine.begin() as conn:
        conn.exec_driver_sql("BEGIN IMMEDIATE")
        yield conn


def _prepare(engine: Engine, *, integrity: bool) -> None:
    with _told():
        if integrity:
            with _begun(engine) as conn:
                found = conn.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
            if found != "ok":
                raise LedgerError(f"the ledger is damaged: {found}", permanent=True)
        with _begun(engine) as conn:
            migrate(conn)


def migrate(conn: Connection) -> None:
    """Bring the schema to the newest version, in the transaction that is open on `conn`.

    Raises
    ------
    LedgerError
        permanent: the file has a version that this Guardian does not know.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = conn
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    current = MigrationContext.configure(conn).get_current_revision()
    if current is not None and current not in known:
        raise LedgerError(
            f"the ledger was written by a newer Guardian (schema {current}); this one knows up to "
            f"{max(known)}",
            permanent=True,
        )
    command.upgrade(config, "head")


@contextmanager
def _told() -> Iterator[None]:
    """Turn the database's errors into ours; mistakes in our own statements stay what they are."""
    try:
        yield
    except (IntegrityError, ProgrammingError):
        raise
    except DatabaseError as e:
        said = str(e.orig)
        damaged = "malformed" in said or "not a database" in said
        disk = getattr(e.orig, "sqlite_errorcode", 0) & 0xFF in _DISK
        raise LedgerError(f"the ledger: {said}", permanent=damaged, disk=disk) from e
