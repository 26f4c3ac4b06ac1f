"""Information for people who are not asked to go: Apprise's services, such as a group chat or a mailbox.

Takes a title and a few words, passes them to every configured address. Nobody counts as reached by it:
there are no ids, no receipts and no answers, so it is no `Channel`, and nothing waits for it. What fails is
counted and logged by number, never by address: addresses hold passwords. Words must hold no name, address
or symptom, as those of texts.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Final

import structlog
from apprise import Apprise, AppriseAsset, PersistentStoreMode

from alerting.channels.threads import run_beside

MOST_AT_ONCE: Final = 4
"""Calls that may be under way, hung ones included; Apprise's own limits end those after some seconds."""
MOST_WAITING: Final = 50
"""What is offered beyond these while a service hangs is old news."""

log = structlog.get_logger("apprise")


class Informer:
    """Passes words on; keeps count."""

    def __init__(self, urls: Sequence[str], *, timeout_s: float = 20.0) -> None:
        """Nothing is sent.

        Parameters
        ----------
        urls
            Apprise addresses; secrets.
        timeout_s
            the longest that `inform` may take, in seconds.

        Raises
        ------
        ValueError
            an address that Apprise does not understand, by its number, not repeated.
        """
        self.informed = 0
        """Calls that reached every address."""
        self.failed = 0
        """Calls that did not."""
        self._timeout_s = timeout_s
        self._queue: asyncio.Queue[tuple[str, str]] = asyncio.Queue(MOST_WAITING)
        self._under_way = asyncio.Semaphore(MOST_AT_ONCE)
        # Its warnings and debugging lines name addresses.
        logging.getLogger("apprise").setLevel(logging.CRITICAL)
        self._apprise = Apprise(
            asset=AppriseAsset(app_id="Guardian", storage_mode=PersistentStoreMode.MEMORY)
        )
        for number, url in enumerate(urls, 1):
            if not self._apprise.add(url):
                raise ValueError(f"address {number} is not understood")

    def offer(self, title: str, body: str) -> None:
        """Leave it to `run`; too many at once are dropped and counted."""
        try:
            self._queue.put_nowait((title, body))
        except asyncio.QueueFull:
            self._noted("too many waiting")

    async def run(self) -> None:
        """Pass on what is offered, one after the other, for ever."""
        while True:
            title, body = await self._queue.get()
            await self.inform(title, body)

    async def inform(self, title: str, body: str) -> bool:
        """Pass it on to every address; give whether all took it. Raises nothing of theirs."""
        if self._under_way.locked():
            return self._noted("too many under way")
        await self._under_way.acquire()
        loop = asyncio.get_running_loop()

        def work() -> int:
            try:
                return self._apprise.notify(title=title, body=body).failed_count
            finally:
                # Here, not where it is waited for: a hung call stays under way.
                with contextlib.suppress(RuntimeError):  # the loop is closed
                    loop.call_soon_threadsafe(self._under_way.release)

        try:
            failed = await run_beside(work, self._timeout_s, "apprise")
        except TimeoutError:
            return self._noted(f"no answer within {self._timeout_s:g} s")
        if failed:
            return self._noted(f"{failed} of {len(self._apprise)} addresses failed")
        self.informed += 1
        return True

    def _noted(self, why: str) -> bool:
        self.failed += 1
        log.warning("not everybody was informed", why=why, failed=self.failed)
        return False
