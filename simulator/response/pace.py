"""A clock that notices when Guardian is busy for ever without any time going by.

In virtual time a courier that makes work for itself would never come to an end, and the simulation with it.
"""

import asyncio
from typing import Final

from guardian.clock import LiveClock

MOST_WAITS: Final = 200
"""Waits at one moment; the most in ten incidents of each fault were 4."""


class NoEndError(Exception):
    """The courier was woken again and again at one moment."""


class PacedClock(LiveClock):
    """Counts the waits at one moment."""

    def __init__(self, start_ms: int) -> None:
        super().__init__(start_ms)
        self._at_ms, self.waits = start_ms, 0

    async def wait(self, wake: asyncio.Event, until_ms: int | None) -> None:
        """Wait as any clock does; NoEndError when that has not helped for too long."""
        now_ms = self.now_ms()
        self.waits = self.waits + 1 if now_ms == self._at_ms else 0
        self._at_ms = now_ms
        if self.waits > MOST_WAITS:
            raise NoEndError(f"{MOST_WAITS} waits and no time goes by")
        await super().wait(wake, until_ms)
