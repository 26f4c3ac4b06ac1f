"""Tells every open page that something has changed."""

import asyncio


class Feed:
    """Tells every open board that something has changed, or that the daemon is stopping."""

    def __init__(self) -> None:
        self._next = asyncio.Event()
        self.closed = False

    def changed(self) -> None:
        """Have every open board drawn again."""
        self._next.set()
        self._next = asyncio.Event()

    def close(self) -> None:
        """End every stream."""
        self.closed = True
        self.changed()

    def mark(self) -> asyncio.Event:
        """Give what will be set by the next change; taken before reading, so that none is missed."""
        return self._next
