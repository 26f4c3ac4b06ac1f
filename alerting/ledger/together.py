"""Transactions that wait for the disk together are committed together.

Takes what was asked of the ledger while it was busy, runs it in the order in which it came, each in a
savepoint of its own, and commits once. What fails by itself is rolled back alone; when the database fails,
none of it has happened and the caller runs each alone. Under load the disk is waited for once instead of for
each text.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError, IntegrityError, ProgrammingError

MOST_TOGETHER: Final = 16
"""So many are some 20 ms, after which the first of them is told."""


@dataclass(slots=True)
class Job:
    """One function that is to run in a transaction, and what became of it."""

    work: Callable[[Connection], Any]
    done: "asyncio.Future[Any]"
    result: Any = None
    error: BaseException | None = None

    def alone(self, run: Callable[[Callable[[Connection], Any]], Any]) -> None:
        """Run it in a transaction of its own."""
        self.result = self.error = None
        try:
            self.result = run(self.work)
        except BaseException as e:  # noqa: BLE001  # whoever waits gets it
            self.error = e

    def tell(self) -> None:
        """Give the result to whoever waits, on the loop's thread."""
        if self.done.done():
            return
        if self.error is not None:
            self.done.set_exception(self.error)
        else:
            self.done.set_result(self.result)


def run_together(conn: Connection, jobs: Iterable[Job]) -> None:
    """Run jobs in the transaction that is open on `conn`.

    Raises
    ------
    DatabaseError
        the database failed, so nothing of any of them stands.
    """
    for job in jobs:
        conn.exec_driver_sql("SAVEPOINT one")
        try:
            job.result = job.work(conn)
        except (IntegrityError, ProgrammingError) as e:
            job.error = e
        except DatabaseError:
            raise
        except BaseException as e:  # noqa: BLE001  # whoever waits gets it
            job.error = e
        if job.error is not None:
            conn.exec_driver_sql("ROLLBACK TO one")
        conn.exec_driver_sql("RELEASE one")
