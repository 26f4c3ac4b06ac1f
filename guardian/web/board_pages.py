"""The board: what is open, how many seconds are left, and who goes; and all homes below it.

Gives the page, a live stream of what is drawn on it, and the same as JSON. Never decides who is paged.

However many browsers look on, the homes are gone through once a second at the most, and each drawing is made
once for all who read it in the same language and with the same rights. A browser gets what has changed: the
incidents when one has, the homes as one letter each and then those that are others; else only the time.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from alerting import ledger as records
from alerting.incident import Incident
from alerting.ledger import LedgerError, Tx
from guardian.home_rows import HomeRow
from guardian.web import codes
from guardian.web.access import Account, Role, account_of, at, is_still_in
from guardian.web.pages import CSRF_MARK, Pages, Site, asked_for
from guardian.web.view import Beside, View, view
from guardian.web.view_json import as_json

HEARTBEAT_S = 5.0
"""The stream says something at least so often; the page calls the line dead after three of them."""
SETTLE_S = 0.2
"""Changes within one beat are drawn once."""
LOOK_S = ROWS_S = 1.0
"""How often the homes are gone through while somebody looks on."""
AGES_S = 30.0
"""How often a board on which nothing happens is drawn anew, for its ages."""
RECENT = 50
"""How many of the newest incidents are looked at for the closed ones among them."""
MOST_DRAWINGS = 32
"""Drawings that are held: of each language, right and search."""


@dataclass(slots=True)
class _Shared:
    """What all browsers share."""

    rows: Sequence[HomeRow] = ()
    rows_s: float = -1e9
    """When they were gone through, s of the loop."""
    views: dict[str, tuple[float, View]] = field(default_factory=dict)
    """Search → when it was made, s of the loop, and what it came to."""
    drawings: dict[tuple[str, ...], tuple[View, str]] = field(default_factory=dict)


def board_routes(site: Site, pages: Pages) -> list[BaseRoute]:
    """Make the routes of the board."""
    feed, shared = site.feed, _Shared()

    def rows() -> Sequence[HomeRow]:
        now_s = asyncio.get_running_loop().time()
        if now_s - shared.rows_s >= ROWS_S:
            shared.rows, shared.rows_s = site.home_rows(), now_s
        return shared.rows

    async def look(find: str, *, fresh: bool) -> View:
        """Give the board; `fresh`: not one that another browser had moments ago."""
        now_s = asyncio.get_running_loop().time()
        held = shared.views.get(find)
        if held is not None and not fresh and now_s - held[0] < SETTLE_S:
            return held[1]
        now_ms = site.clock.now_ms()
        incidents, recent, beside = await site.ledger.transact(lambda tx: _read(tx, now_ms))
        people, policy = site.people(), site.policy
        made = view(incidents, recent, rows(), people, now_ms, beside=beside, find=find, policy=policy)
        shared.views.pop(find, None)
        shared.views[find] = (now_s, made)
        if len(shared.views) > MOST_DRAWINGS:
            del shared.views[next(iter(shared.views))]
        return made

    def drawn(request: Request, v: View, account: Account) -> str:
        """Draw the board, or give what was drawn of it for others who read alike."""
        key = (
            pages.words(request).language,
            str(request.query_params.get("lang")),
            str(account.role),
            asked_for(request),
        )
        held = shared.drawings.get(key)
        if held is None or held[0] is not v:
            held = shared.drawings[key] = (v, pages.render(request, "live.html", shared=True, v=v))
            if len(shared.drawings) > MOST_DRAWINGS:
                del shared.drawings[next(iter(shared.drawings))]
        return held[1].replace(CSRF_MARK, account.csrf)

    async def get_board(request: Request) -> Response:
        shared.rows_s = -1e9
        return pages.page(request, "board.html", v=await look(asked_for(request), fresh=True))

    async def get_events(request: Request) -> Response:
        find, account = asked_for(request), account_of(request)

        async def drawings() -> AsyncIterator[ServerSentEvent]:
            last: object = None
            seen: tuple[object, ...] = ()
            drawn_s, said_s, asked_s, letters = -1e9, -1e9, -1e9, ""
            while not feed.closed:
                mark, now_s = feed.mark(), asyncio.get_running_loop().time()
                try:
                    if mark is not last or now_s - asked_s >= HEARTBEAT_S:
                        if not await is_still_in(site.ledger, site.clock, account):
                            return
                        last, asked_s = mark, now_s
                    v = await look(find, fresh=False)
                except LedgerError:  # the page says that the line is dead, and comes back by itself
                    return
                if v.marks != seen or now_s - drawn_s >= AGES_S:
                    seen, drawn_s, said_s = v.marks, now_s, now_s
                    yield ServerSentEvent(drawn(request, v, account), event="board", id=str(v.now_ms))
                elif now_s - said_s >= HEARTBEAT_S:
                    said_s = now_s
                    yield ServerSentEvent(v.clock, event="beat", id=str(v.now_ms))
                if v.grid is not None and v.grid.letters != letters:
                    yield ServerSentEvent(_homes(v.grid, letters), event="homes", id=str(v.now_ms))
                    letters = v.grid.letters
                try:
                    async with asyncio.timeout(LOOK_S):
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


def _homes(grid: codes.Grid, before: str) -> str:
    """Say what the homes are: all, with their names, or those that are others than before."""
    if len(before) != len(grid.letters):
        return json.dumps({"homes": grid.homes, "all": grid.letters}, separators=(",", ":"))
    others = [f"{k}{b}" for k, (a, b) in enumerate(zip(before, grid.letters, strict=True)) if a != b]
    return json.dumps({"some": ",".join(others)}, separators=(",", ":"))


def _read(tx: Tx, now_ms: int) -> tuple[list[Incident], list[Incident], Beside]:
    incidents, recent = records.open_incidents(tx), records.recent_incidents(tx, RECENT)
    return incidents, recent, Beside.of(tx, [*incidents, *recent], now_ms)
