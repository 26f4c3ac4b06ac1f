"""A spare of the ledger each hour, and what is said when one had to be used.

Takes the ledger, the siren and the way to inform; never holds up the watching. How a spare is made and put in
place: alerting/ledger/spare.py.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from alerting.ledger import Ledger, Restored
from guardian.clock import Clock
from guardian.desk import Refused

FIRST_MS: Final = 60_000
"""After a start: by then the queue of the start is worked off."""
EVERY_MS: Final = 3_600_000
"""What may be lost with a ledger: an hour of answers and arrivals. What is open stands in the snapshots too,
which are a minute old at most. More often, and a slow disk would be busy with copies. Judgement."""
SIREN_AFTER_MS: Final = 5_000
"""By then the courier has switched off what an earlier process left on, and would switch this off too."""
SIREN_MS: Final = 60_000
"""Long enough to be heard in the next room, short enough not to be torn off the wall. Judgement."""


class Siren(Protocol):
    """The centre's siren (guardian/control.py)."""

    def siren(self, on: bool, t_ms: int) -> None:
        """Switch it. `t_ms`: when it was decided, ms since 1970."""
        ...


class Informer(Protocol):
    """Who tells staff what needs no answer (alerting/channels/apprise.py)."""

    def offer(self, title: str, body: str) -> None:
        """Take something to tell."""
        ...


async def run(ledger: Ledger, clock: Clock) -> None:
    """Make a spare soon after the start and then each hour, for ever."""
    never = asyncio.Event()
    due_ms = clock.now_ms() + FIRST_MS
    while True:
        await clock.wait(never, due_ms)
        await ledger.make_spare()
        due_ms = clock.now_ms() + EVERY_MS


def spare_route(ledger: Ledger) -> Route:
    """Make the desk's route that makes a spare now, for a backup (guardian/backup.py)."""

    async def post_spare(_request: Request) -> JSONResponse:
        if not await ledger.make_spare():
            raise Refused(["no spare could be made: see the log"])
        return JSONResponse({})

    return Route("/spare", post_spare, methods=["POST"])


async def tell(
    restored: Restored, siren: Siren, informer: Informer | None, clock: Clock, alarm: Callable[[], bool]
) -> None:
    """Tell staff once that a ledger stands in the place of a damaged one: nothing else would make them look.

    No text: what is known of people may be what was lost, and a text is about a home. The siren sounds for a
    minute, and on if somebody is called for as a last resort (`alarm`).
    """
    if informer is not None:
        informer.offer(
            "Guardian",
            f"{restored}. Look at the board: answers and arrivals since then are lost. "
            "账本损坏，已用备份代替，之后的回复和到场记录已丢失，请看看板。",
        )
    never = asyncio.Event()
    await clock.wait(never, clock.now_ms() + SIREN_AFTER_MS)
    siren.siren(on=True, t_ms=clock.now_ms())
    await clock.wait(never, clock.now_ms() + SIREN_MS)
    if not alarm():
        siren.siren(on=False, t_ms=clock.now_ms())
