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
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine.url import URL
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import StaticPool

from alerting.ledger import spare
from alerting.ledger.prepare import known_schemas, prepare
from alerting.ledger.together import MOST_TOGETHER, Job, run_together
from alerting.ledger.transaction import LedgerError, begun, told

T = TypeVar("T")

BUSY_MS: Final = 5000
"""How long a shell that staff have opened on the file may hold us up before it is an error."""
RETRY_S: Final = 5.0
"""Between two tries to write a copy in memory back; each may cost a copy of the whole ledger."""
ROOM: Final = 1.1
"""Free space that is wanted for it, as a share of the ledger: all its pages go through the WAL, each with a
header of 24 bytes."""
log = structlog.get_logger("ledger")


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
        self.restored: spare.Restored | None = None
        """What stands in a damaged ledger's place; None: nothing, or long since (`go_on_after`)."""
        self._path = path
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
                with told(), begun(self._engine) as conn:
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

    @property
    def waiting(self) -> int:
        """How many transactions the writer has not begun."""
        return len(self._waiting)

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

    # --- spares --------------------------------------------------------------------------------------

    async def make_spare(self) -> bool:
        """Make a spare (spare.py) while transactions go on; tell whether there is a new one.

        What fails is logged and changes nothing.
        """
        path = self._path
        if path is None or self._writer is None or self.on_memory is not None:
            return False
        with _unless_it_fails():
            try:
                await spare.copy(path, await self._run(partial(self._hold_still, path)))
            finally:
                await self._run(self._let_go)
            await asyncio.to_thread(spare.keep, path, known_schemas())
            return True
        return False  # type: ignore[unreachable]  # an error has been logged

    def _spare_now(self) -> None:
        """Make one before a migration, while nobody waits."""
        path = self._path
        assert path is not None, "what is in memory alone is new"
        with _unless_it_fails():
            try:
                spare.copy_now(path, self._hold_still(path))
            finally:
                self._let_go()
            spare.keep(path, known_schemas())

    def _hold_still(self, path: Path) -> int:
        with _driver(self._engine) as conn:
            return spare.hold_still(conn, path, BUSY_MS)

    def _let_go(self) -> None:
        with _driver(self._engine) as conn:
            spare.let_go(conn)

    # --- when the disk fails -------------------------------------------------------------------------

    def _open(self, *, integrity: bool) -> None:
        path = self._stands_for
        reason = None if path is None else spare.amiss(path)
        if reason is None:
            try:
                self.restored = spare.Restored.of_mark(self._prepare(integrity=integrity))
            except LedgerError as e:
                if path is None or not (e.damaged or e.disk):
                    raise
                reason = e.reason if e.damaged else spare.unreadable(path)
                if reason is None:
                    raise
            else:
                return
        assert path is not None
        passed_over = 0
        while True:
            self._engine.dispose()
            try:
                self.restored = spare.put_back(path, reason, known_schemas(), passed_over)
            except OSError as e:
                raise LedgerError(f"{reason}; nor can it be replaced: {e}", permanent=False, disk=True) from e
            try:
                self._prepare(integrity=integrity, mark=self.restored.mark)
            except LedgerError as e:
                if self.restored.upto_ms is None or not e.damaged:
                    raise
                passed_over += 1
            else:
                return

    def _prepare(self, *, integrity: bool, mark: int | None = None) -> int:
        try:
            return prepare(self._engine, integrity=integrity, mark=mark, first=self._spare_now)
        except LedgerError as e:
            copy = self._go_on_in_memory(e, 0.0)
        try:
            return prepare(copy.engine, integrity=integrity, mark=mark)
        except LedgerError:
            copy.engine.dispose()
            self._copy = self.on_memory = None
            raise

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
    with told(), begun(engine) as conn:
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


@contextmanager
def _unless_it_fails() -> Iterator[None]:
    """Go on without a spare."""
    try:
        yield
    except (sqlite3.Error, DatabaseError, OSError) as e:
        log.error("no spare could be made; the older ones stay", why=str(e))  # noqa: TRY400


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
        hide_parameters=True,  # errors end up in logs: no names and numbers in them
    )

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # or the sqlite3 module would begin in its own way
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "secure_delete=ON",  # what is erased leaves no letters behind in the file
            f"busy_timeout={BUSY_MS}",
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    return engine
