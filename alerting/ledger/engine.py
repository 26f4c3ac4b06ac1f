"""Opening the ledger, bringing it up to date, and running transactions on it.

Takes a path, gives a `Ledger` whose `transact` runs one function in one transaction. SQLite with
WAL and synchronous=FULL: what `transact` has returned survives a power cut (500 simulated cuts: 0 lost;
with NORMAL 499 lost something). Exactly one connection and one writer thread: several connections to one
WAL database can corrupt it before SQLite 3.51.3. Never retries: whoever owns the change decides.
"""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine.url import URL
from sqlalchemy.exc import DatabaseError, IntegrityError, ProgrammingError
from sqlalchemy.pool import StaticPool

T = TypeVar("T")

MIGRATIONS: Final = Path(__file__).parent.parent / "migrations"
BUSY_MS: Final = 5000
"""How long a shell that staff have opened on the file may hold us up before it is an error."""


class LedgerError(Exception):
    """The ledger cannot be read or written. `permanent`: trying again will not help."""

    def __init__(self, reason: str, *, permanent: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.permanent = permanent


@dataclass(frozen=True, slots=True)
class Tx:
    """One open transaction. Only the functions of this folder look inside."""

    conn: Connection


class Ledger:
    """The one way to the tables."""

    def __init__(self, engine: Engine, writer: ThreadPoolExecutor | None) -> None:
        self._engine = engine
        self._writer = writer

    @classmethod
    async def open(cls, path: Path | None, *, inline: bool = False, integrity: bool = True) -> Self:
        """Open (or make) the ledger and migrate it to the newest schema.

        Parameters
        ----------
        path
            the file; None = in memory.
        inline
            run on the caller's thread instead of the writer thread, for virtual time.
        integrity
            check the whole file first.

        Raises
        ------
        LedgerError
            permanent: damaged, or written by a newer Guardian. Otherwise: the disk.
        """
        writer = None if inline else ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")
        ledger = cls(_engine(path), writer)
        try:
            await ledger._run(lambda: _prepare(ledger._engine, integrity=integrity))
        except BaseException:
            await ledger.close()
            raise
        return ledger

    async def transact(self, work: Callable[[Tx], T]) -> T:
        """Run `work` in one transaction; committed (to the disk) when this returns, rolled back if it raises.

        `work` runs on the writer thread: it must only use the Tx and what it closes over.

        Raises
        ------
        LedgerError
            the disk, a lock held by somebody else, damage.
        """

        def run() -> T:
            with _told(), _begun(self._engine) as conn:
                return work(Tx(conn))

        return await self._run(run)

    async def close(self) -> None:
        """Finish what runs and close the file."""
        await self._run(self._engine.dispose)
        if self._writer is not None:
            self._writer.shutdown()

    async def _run(self, call: Callable[[], T]) -> T:
        if self._writer is None:
            return call()
        return await asyncio.get_running_loop().run_in_executor(self._writer, call)


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
        raise LedgerError(f"the ledger: {said}", permanent=damaged) from e
