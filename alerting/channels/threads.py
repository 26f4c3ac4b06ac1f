"""Calls that block, run beside the loop with a time limit in front."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


async def run_beside(work: Callable[[], T], limit_s: float, name: str) -> T:
    """Run `work` in a thread of its own and give what it gives or raises.

    A thread of a pool would be waited for at exit; this one is left behind if it hangs.

    Raises
    ------
    TimeoutError
        it was not done within `limit_s` seconds; it goes on, and nobody hears of it.
    """
    result: Future[T] = Future()
    result.set_running_or_notify_cancel()  # so that giving up here does not take the future from the thread

    def run() -> None:
        try:
            value = work()
        except Exception as e:  # noqa: BLE001  # carried to the loop, which raises it
            result.set_exception(e)
        else:
            result.set_result(value)

    threading.Thread(target=run, name=name, daemon=True).start()
    async with asyncio.timeout(limit_s):
        return await asyncio.wrap_future(result)
