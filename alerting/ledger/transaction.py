"""One transaction, and the errors that it can end with.

Takes an engine, gives a connection in a transaction. Turns the database's errors into `LedgerError`, which
tells damage, a disk that fails and what passes apart.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError, IntegrityError, ProgrammingError

_DISK: Final = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
)
"""SQLite's primary result codes for a disk that is full, broken, read-only or gone."""
_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_PASSING: Final = frozenset(
    {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_PROTOCOL}
)
"""What says nothing about the file: somebody's lock, or too little memory."""


class LedgerError(Exception):
    """The ledger cannot be read or written.

    `permanent`: trying again will not help; `disk`: it is full, broken, read-only or gone; `damaged`: what it
    holds is no whole ledger.
    """

    def __init__(self, reason: str, *, permanent: bool, disk: bool = False, damaged: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.permanent = permanent
        self.disk = disk
        self.damaged = damaged


@contextmanager
def told(*, of_check: bool = False) -> Iterator[None]:
    """Turn the database's errors into ours; mistakes in our own statements stay what they are.

    In a check the statements are known to be right, so that any error is the file's, but for the disk's and
    passing ones.
    """
    try:
        yield
    except (IntegrityError, ProgrammingError):
        raise
    except DatabaseError as e:
        code = getattr(e.orig, "sqlite_errorcode", 0) & 0xFF
        disk = code in _DISK
        broken = code in _DAMAGE or (of_check and not disk and code not in _PASSING)
        raise LedgerError(f"the ledger: {e.orig}", permanent=broken, disk=disk, damaged=broken) from e
    except UnicodeDecodeError as e:  # what SQLite says of a damaged schema has the damage in it
        if not of_check:
            raise
        raise damaged(str(e)) from e


@contextmanager
def begun(engine: Engine) -> Iterator[Connection]:
    """One transaction, which holds the write lock from its first statement on.

    No listener to SQLAlchemy's "begin": that would make every statement dearer.
    """
    with engine.begin() as conn:
        conn.exec_driver_sql("BEGIN IMMEDIATE")
        yield conn


def damaged(why: str) -> LedgerError:
    """Give the error that says so."""
    return LedgerError(f"the ledger is damaged: {why}", permanent=True, damaged=True)
