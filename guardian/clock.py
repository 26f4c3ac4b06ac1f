"""Time as an argument: the one place where Guardian reads a clock.

Takes nothing, gives milliseconds since 1970 (UTC). `now` is the wall clock at the start plus the
monotonic time since, so that a step of the wall clock moves no deadline. Under `--clock replay` it
is the time of the trace. Never steps back.
"""

import asyncio
import time

from alerting.clock import Clock

__all__ = ["Clock", "LiveClock", "ReplayClock"]


class LiveClock:
    """Wall clock at construction + the loop's monotonic time since; virtual when the loop's time is."""

    def __init__(self, start_ms: int | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._mono = self._loop.time()
        self._start_ms = time.time_ns() // 1_000_000 if start_ms is None else start_ms

    def now_ms(self) -> int:
        """Milliseconds since 1970, UTC."""
        return self._start_ms + int((self._loop.time() - self._mono) * 1000)

    def wall_step_ms(self) -> int:
        """How far the wall clock has been moved since the start, in ms."""
        return time.time_ns() // 1_000_000 - self.now_ms()

    async def wait(self, wake: asyncio.Event, until_ms: int | None) -> None:
        """Return when `wake` is set (and clear it) or at `until_ms`."""
        delay = None if until_ms is None else max(0.0, (until_ms - self.now_ms()) / 1000)
        try:
            async with asyncio.timeout(delay):
                await wake.wait()
        except TimeoutError:
            return
        wake.clear()


class ReplayClock:
    """The time of a trace, set by the beats of a replay."""

    def __init__(self) -> None:
        self._now_ms = 0
        self._moved = asyncio.Condition()

    def now_ms(self) -> int:
        """Milliseconds since 1970, UTC, of the trace."""
        return self._now_ms

    async def move(self, to_ms: int) -> None:
        """Set the time; earlier than now is ignored."""
        async with self._moved:
            self._now_ms = max(self._now_ms, to_ms)
            self._moved.notify_all()

    async def wait(self, wake: asyncio.Event, until_ms: int | None) -> None:
        """Return when `wake` is set (and clear it) or once the trace has reached `until_ms`."""

        async def reached() -> None:
            async with self._moved:
                await self._moved.wait_for(lambda: until_ms is not None and self._now_ms >= until_ms)

        waits = [asyncio.ensure_future(wake.wait()), asyncio.ensure_future(reached())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for w in waits:
                w.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        wake.clear()
