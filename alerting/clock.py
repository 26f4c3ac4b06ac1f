"""What alerting knows of time: the present, and waiting for a moment or an event."""

import asyncio
from typing import Protocol


class Clock(Protocol):
    """Gives the time and waits; virtual in tests."""

    def now_ms(self) -> int:
        """Milliseconds since 1970, UTC."""
        ...

    async def wait(self, wake: asyncio.Event, until_ms: int | None) -> None:
        """Return when `wake` is set (and clear it) or at `until_ms`, whichever comes first."""
        ...
