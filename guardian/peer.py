"""One TCP or TLS connection to a peer that may vanish without a word.

Takes bytes into one growing buffer and shows them to a parser; gives bytes to the peer; pings, and ends
the connection when nothing comes back. Knows nothing of what the bytes mean, never reconnects.
"""

import asyncio
from collections.abc import Callable
from typing import Final

READ_BYTES: Final = 1024 * 1024
"""Room for one read of the socket: 640 frames, 2 ms of work. A beat in progress lets the link read once
between two of its chunks; what is not read waits at the broker, which drops the newest.
"""

PARTING_S: Final = 1.0
"""How long the other side has for closing after our last word."""

_CLOSED: Final = "closed by the other side"


class Peer(asyncio.BufferedProtocol):
    """The protocol of one connection."""

    def __init__(self, parse: Callable[[memoryview], int], ping: bytes, max_bytes: int) -> None:
        """Prepare.

        parse: takes everything that has been read and not yet used, gives the number of bytes that it
        has used; an unfinished rest is shown again with what comes next. ping: a request that the peer
        answers. max_bytes: a rest that grows beyond it ends the connection.
        """
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the connection has ended."""
        self.reason = _CLOSED
        """Why it ended, in words."""
        self.closed_by_peer = False
        self.silent = False
        """It ended because the peer did not answer."""
        self._parse = parse
        self._ping = ping
        self._max_bytes = max_bytes
        self._view = memoryview(bytearray(READ_BYTES))
        self._held = 0  # bytes of an unfinished rest at the front
        self._transport: asyncio.Transport | None = None
        self._heard = True
        self._paused = False
        self._timer: asyncio.TimerHandle | None = None

    # --- the event loop's side ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  (there is one buffer)
        """Where the next bytes go: behind the unfinished rest."""
        return self._view[self._held :]

    def buffer_updated(self, nbytes: int) -> None:
        """Show the parser what there is and keep what it left."""
        self._heard = True
        end = self._held + nbytes
        used = self._parse(self._view[:end])
        self._held = end - used
        if used and self._held:
            self._view[: self._held] = self._view[used:end]
        if self._held > self._max_bytes:
            self.drop("the other side sent more in one piece than we allow")
        elif self._held > len(self._view) // 2:
            larger = memoryview(bytearray(2 * len(self._view)))
            larger[: self._held] = self._view[: self._held]
            self._view = larger

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._stop_timer()
        if exc is not None:
            self.reason = str(exc) or type(exc).__name__
        elif self.reason == _CLOSED:
            self.closed_by_peer = True
        if not self.lost.done():
            self.lost.set_result(None)

    # --- the owner's side --------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Write; nothing happens when the connection has ended."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def pause(self) -> None:
        """Stop reading; the peer is not expected to answer until `resume`."""
        if self._transport is not None and not self._transport.is_closing() and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self._paused and self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
        self._paused = False

    def watch(self, period_s: float) -> None:
        """Ping every `period_s`; an answer (or anything else) has to come before the next ping."""
        self._heard = self._paused  # what is not read cannot be heard
        self.send(self._ping)
        self._timer = asyncio.get_running_loop().call_later(period_s, self._tick, period_s)

    def _tick(self, period_s: float) -> None:
        if self._heard or self._paused:
            self.watch(period_s)
        else:
            self.silent = True
            self.drop(f"no answer for {period_s:g} s")

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def drop(self, reason: str) -> None:
        """End at once, without waiting for a peer that may be gone."""
        self.reason = reason
        if self._transport is not None:
            self._transport.abort()

    async def part(self, farewell: bytes) -> None:
        """Say a last word, let the other side close, and end; nothing if it has ended already.

        We do not close first: bytes that had come meanwhile would turn our closing into a reset, and a
        reset throws away what the other side has not read yet.
        """
        self._stop_timer()
        if self._transport is None or self._transport.is_closing():
            return
        self.resume()
        self.send(farewell)
        await asyncio.wait((self.lost,), timeout=PARTING_S)
        self._transport.abort()
