"""The board: what is open, how many seconds are left, and who goes; and all homes below it.

Gives the page, a live stream of what is drawn on it, and the same as JSON. Never decides who is paged.
"""

import asyncio
from collections.abc import AsyncIterator

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from alerting import ledger as records
from alerting.incident import Incident
from alerting.ledger import LedgerError, Tx
from guardian.web.access import Role, account_of, at, is_still_in
from guardian.web.pages import Pages, Site, asked_for
from guardian.web.view import Beside, View, as_json, view

HEARTBEAT_S = 5.0
"""The stream says something at least so often; the page calls the line dead after three of them."""
SETTLE_S = 0.2
"""Changes within one beat are drawn once."""
RECENT = 50
"""How many of the newest incidents are looked at for the closed ones among them."""


def board_routes(site: Site, pages: Pages) -> list[BaseRoute]:
    """Make the routes of the board."""
    feed = site.feed

    async def look(find: str) -> View:
        now_ms = site.clock.now_ms()
        incidents, recent, beside = await site.ledger.transact(lambda tx: _read(tx, now_ms))
        return view(incidents, recent, site.home_rows(), site.people(), now_ms, beside=beside, find=find)

    async def get_board(request: Request) -> Response:
        return pages.page(request, "board.html", v=await look(asked_for(request)))

    async def get_events(request: Request) -> Response:
        find = asked_for(request)

        async def drawings() -> AsyncIterator[ServerSentEvent]:
            while not feed.closed:
                mark = feed.mark()
                try:
                    if not await is_still_in(site.ledger, site.clock, account_of(request)):
                        return
                    v = await look(find)
                except LedgerError:  # the page says that the line is dead, and comes back by itself
                    return
                yield ServerSentEvent(
                    pages.render(request, "live.html", v=v), event="board", id=str(v.now_ms)
                )
                try:
                    async with asyncio.timeout(HEARTBEAT_S):
                        await mark.wait()
                        if not feed.closed:
                            await asyncio.sleep(SETTLE_S)
                except TimeoutError:
                    continue

        return EventSourceResponse(drawings(), ping=0)

    async def get_incidents(_request: Request) -> Response:
        now_ms = site.clock.now_ms()
        incidents, recent, beside = await site.ledger.transact(lambda tx: _read(tx, now_ms))
        found = as_json(incidents, recent, site.home_rows(), site.people(), now_ms, beside=beside)
        restored = str(site.ledger.restored) if site.ledger.restored else None
        return JSONResponse({**found, "ledger_in_memory": site.ledger.on_memory, "ledger_restored": restored})

    return [
        at("/", get_board, Role.VIEWER),
        at("/events", get_events, Role.VIEWER),
        at("/api/incidents", get_incidents, Role.VIEWER),
    ]


def _read(tx: Tx, now_ms: int) -> tuple[list[Incident], list[Incident], Beside]:
    incidents, recent = records.open_incidents(tx), records.recent_incidents(tx, RECENT)
    return incidents, recent, Beside.of(tx, [*incidents, *recent], now_ms)
