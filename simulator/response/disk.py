"""A ledger whose disk refuses or is slow, for virtual time.

The worst case: nothing goes on in memory meanwhile, every transaction fails.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from alerting.ledger import Ledger, LedgerError, Tx

T = TypeVar("T")


@dataclass(slots=True)
class Disk:
    """What the ledger's disk does at the moment."""

    error: LedgerError | None = None
    slow_s: float = 0.0


class FaultyLedger(Ledger):
    """The real ledger on a disk that may refuse or be slow."""

    disk: Disk

    async def transact(self, work: Callable[[Tx], T]) -> T:
        """Run `work` in one transaction, if the disk lets it."""
        if self.disk.slow_s:
            await asyncio.sleep(self.disk.slow_s)
        if self.disk.error is not None:
            raise self.disk.error
        return await super().transact(work)
