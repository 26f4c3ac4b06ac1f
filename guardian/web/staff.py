"""The staff board: what is open, how many seconds are left, and who goes.

Takes incidents from the ledger, home rows from a function and answers from staff's buttons; gives
pages, a live stream of the rendered board, and the same as JSON. Every button is the same incident
event as a text message, by "board". Never decides who is paged, never opens a file, has no login and
therefore answers only to loopback names (`serve.py` listens on nothing else).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from alerting import ledger as records
from alerting import naming
from alerting.coverage import HOURS, Forecast
from alerting.duty import Language
from alerting.incident import (
    Accepted,
    Added,
    Arrived,
    Closed,
    HandedOver,
    IllegalMove,
    Incident,
    IncidentEvent,
)
from alerting.ledger import AreaCount, Ledger, LedgerError, Tx
from alerting.policy import Policy
from guardian import unseen
from guardian.clock import Clock
from guardian.foresight import local
from guardian.unseen import Unseen
from guardian.web.fence import LOOPBACK_NAMES, OwnPagesOnly, SafeHeaders
from guardian.web.view import (
    AREA_SHOWN,
    HURRY_MS,
    SEGMENTS,
    Beside,
    HomeRow,
    People,
    View,
    as_json,
    card,
    local_time,
    responders,
    view,
)
from guardian.web.words import FALSE_CAUSES, LANGUAGES, WORDS, Words, choose

__all__ = ["Feed", "HomeRow", "People", "staff_app"]

HEARTBEAT_S = 5.0
"""The stream says something at least so often; the page calls the line dead after three of them."""
SETTLE_S = 0.2
"""Changes within one beat are drawn once."""
RECENT = 50
"""How many of the newest incidents are looked at for the closed ones among them."""
GAPS_SHOWN = 500
"""Rows of the list of gaps: more than anybody reads; the commands `coverage` and `protection` have all."""
BY = "board"
MAX_FORM = 16 * 1024

_HERE = Path(__file__).parent


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


def staff_app(
    ledger: Ledger,
    board_state: Callable[[], Sequence[HomeRow]],
    clock: Clock,
    on_change: Callable[[], None],
    site: str,
    *,
    policy: Policy,
    people: Callable[[], People],
    feed: Feed,
    forecast: Callable[[], Forecast | None] = lambda: None,
    look_back: Callable[[int], Unseen] = lambda _since_ms: Unseen(0, 0, (), {}),
    language: Language = "zh",
) -> Starlette:
    """Make the board.

    Parameters
    ----------
    board_state
        the homes now; called for each drawing.
    on_change
        called after a button has changed an incident and the change is committed.
    policy
        how Guardian escalates, for those whom staff name.
    people
        who is on duty, names and addresses, as of the newest roster.
    feed
        whoever changes an incident calls `feed.changed()`; `feed.close()` ends the streams at a stop.
    forecast
        which homes too few people could reach soon, worked out before; None while it is not.
    look_back
        which homes were not protected since a time, ms since 1970.
    language
        what is shown when neither the address nor the browser asks for one.
    """
    templates = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        return HTMLResponse(render(request, template, **values), status, {"cache-control": "no-store"})

    def render(request: Request, template: str, **values: Any) -> str:
        words = _words(request, language)
        asked = request.query_params.get("lang")
        return templates.get_template(template).render(
            w=words,
            site=site,
            other="en" if words.language == "zh" else "zh",
            lang_query=f"?lang={words.language}" if asked in LANGUAGES else "",
            find=_find(request),
            hurry_ms=HURRY_MS,
            causes=FALSE_CAUSES,
            segment_names=SEGMENTS,
            forecast=forecast(),
            in_memory=ledger.on_memory,
            restored=ledger.restored,
            hours_ahead=HOURS,
            **values,
        )

    async def look(find: str) -> View:
        now_ms = clock.now_ms()
        incidents, recent, beside = await ledger.transact(lambda tx: _read(tx, now_ms))
        return view(incidents, recent, board_state(), people(), now_ms, beside=beside, find=find)

    async def get_board(request: Request) -> Response:
        return page(request, "board.html", v=await look(_find(request)))

    async def get_events(request: Request) -> Response:
        find = _find(request)

        async def drawings() -> AsyncIterator[ServerSentEvent]:
            while not feed.closed:
                mark = feed.mark()
                try:
                    v = await look(find)
                except LedgerError:  # the page says that the line is dead, and comes back by itself
                    return
                yield ServerSentEvent(render(request, "live.html", v=v), event="board", id=str(v.now_ms))
                try:
                    async with asyncio.timeout(HEARTBEAT_S):
                        await mark.wait()
                        if not feed.closed:
                            await asyncio.sleep(SETTLE_S)
                except TimeoutError:
                    continue

        return EventSourceResponse(drawings(), ping=0)

    async def get_incidents(_request: Request) -> Response:
        now_ms = clock.now_ms()
        incidents, recent, beside = await ledger.transact(lambda tx: _read(tx, now_ms))
        found = as_json(incidents, recent, board_state(), people(), now_ms, beside=beside)
        restored = str(ledger.restored) if ledger.restored else None
        return JSONResponse({**found, "ledger_in_memory": ledger.on_memory, "ledger_restored": restored})

    async def get_incident(request: Request) -> Response:
        number = request.path_params["number"]

        incident, moves, messages, concerns, homes = await ledger.transact(
            lambda tx: (
                _incident(tx, number),
                records.moves(tx, number),
                records.messages(tx, number),
                records.concerns(tx, number),
                records.area_homes(tx, number),
            )
        )
        now_ms, known = clock.now_ms(), people()
        zone = ZoneInfo(known.duty.timezone)
        return page(
            request,
            "incident.html",
            c=card(incident, known, now_ms, AreaCount.of(homes) if incident.is_area else None),
            area_homes=homes[:AREA_SHOWN],
            area_not_shown=max(0, len(homes) - AREA_SHOWN),
            moves=moves,
            messages=messages,
            concerns=concerns,
            name=known.name,
            at=lambda t_ms: "" if t_ms is None else local_time(t_ms, zone),
            responders=responders(known, now_ms),
            everybody=_everybody(known),
            now_ms=now_ms,
        )

    async def get_coverage(request: Request) -> Response:
        known = people()
        zone, found = ZoneInfo(known.duty.timezone), forecast()
        gaps = () if found is None else found.gaps
        return page(
            request,
            "coverage.html",
            gaps=gaps[:GAPS_SHOWN],
            not_shown=max(0, len(gaps) - GAPS_SHOWN),
            card=known.duty.cards.get,
            at=lambda t_ms: local_time(t_ms, zone)[:5],
        )

    async def get_protection(request: Request) -> Response:
        known = people()
        zone = ZoneInfo(known.duty.timezone)
        found = look_back(clock.now_ms() - unseen.HOURS * 3_600_000)
        return page(
            request,
            "protection.html",
            u=found,
            hours=unseen.HOURS,
            gaps=found.gaps[:GAPS_SHOWN],
            not_shown=max(0, len(found.gaps) - GAPS_SHOWN),
            card=known.duty.cards.get,
            at=lambda t_ms: local(t_ms, zone)[5:].replace("T", " "),
            did=unseen.did,
            why=unseen.why,
        )

    def named(tx: Tx, number: int, event: IncidentEvent, now_ms: int) -> None:
        if isinstance(event, HandedOver | Added):
            naming.name(tx, number, event, policy, now_ms, BY)
        else:
            records.apply(tx, number, event, now_ms, BY)

    async def post(
        request: Request, event: Callable[[dict[str, str], Incident, People], IncidentEvent]
    ) -> Response:
        number = request.path_params["number"]
        async with request.form(max_files=0, max_fields=8) as form:
            fields = {name: value for name, value in form.items() if isinstance(value, str)}
        now_ms, known = clock.now_ms(), people()

        def work(tx: Tx) -> None:
            named(tx, number, event(fields, _incident(tx, number), known), now_ms)

        try:
            await ledger.transact(work)
        except IllegalMove as e:
            raise HTTPException(409) from e
        on_change()
        feed.changed()
        asked = request.query_params.get("lang")
        return RedirectResponse(f"/?lang={asked}" if asked in LANGUAGES else "/", 303)

    async def post_accept(request: Request) -> Response:
        return await post(request, lambda fields, _i, known: Accepted(_who(fields, None, known)))

    async def post_arrived(request: Request) -> Response:
        return await post(request, lambda fields, i, known: Arrived(_who(fields, i.acceptor, known)))

    async def post_hand_over(request: Request) -> Response:
        return await post(request, lambda fields, _i, known: HandedOver(_who(fields, None, known)))

    async def post_add(request: Request) -> Response:
        return await post(request, lambda fields, _i, known: Added(_who(fields, None, known)))

    async def post_close(request: Request) -> Response:
        return await post(request, lambda fields, _i, _known: Closed(_outcome(fields)))

    async def failed(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 503
        words = _words(request, language)
        said = {404: words.not_found, 409: words.not_possible, 503: words.not_stored}
        text = said.get(status, words.not_understood)
        return page(request, "error.html", status, text=text)

    return Starlette(
        routes=[
            Route("/", get_board),
            Route("/events", get_events),
            Route("/coverage", get_coverage),
            Route("/protection", get_protection),
            Route("/api/incidents", get_incidents),
            Route("/incidents/{number:int}", get_incident),
            Route("/incidents/{number:int}/accept", post_accept, methods=["POST"]),
            Route("/incidents/{number:int}/arrived", post_arrived, methods=["POST"]),
            Route("/incidents/{number:int}/hand-over", post_hand_over, methods=["POST"]),
            Route("/incidents/{number:int}/add", post_add, methods=["POST"]),
            Route("/incidents/{number:int}/close", post_close, methods=["POST"]),
            Mount("/static", StaticFiles(directory=_HERE / "static")),
        ],
        middleware=[
            Middleware(SafeHeaders),
            Middleware(TrustedHostMiddleware, allowed_hosts=LOOPBACK_NAMES, www_redirect=False),
            Middleware(OwnPagesOnly),
            Middleware(RequestBodyLimitMiddleware, max_body_size=MAX_FORM),
        ],
        exception_handlers={HTTPException: failed, LedgerError: failed},
    )


def _words(request: Request, default: Language) -> Words:
    wished = request.headers.get("accept-language", "")
    return WORDS[choose(request.query_params.get("lang"), wished, default)]


def _find(request: Request) -> str:
    return request.query_params.get("find", "").strip()[:32]


def _read(tx: Tx, now_ms: int) -> tuple[list[Incident], list[Incident], Beside]:
    incidents, recent = records.open_incidents(tx), records.recent_incidents(tx, RECENT)
    return incidents, recent, Beside.of(tx, [*incidents, *recent], now_ms)


def _incident(tx: Tx, number: int) -> Incident:
    try:
        return records.incident(tx, number)
    except LookupError as e:
        raise HTTPException(404) from e


def _who(fields: dict[str, str], default: str | None, known: People) -> str:
    """Give the responder whom the form names, else the one who has accepted."""
    chosen = fields.get("who", default)
    if chosen is None or (chosen != default and chosen not in known.duty.responders):
        raise HTTPException(400)
    return chosen


def _everybody(known: People) -> list[tuple[str, str]]:
    """Give (id, name) of everybody active, by name: whom staff may send for, on duty or not."""
    active = [r.id for r in known.duty.responders.values() if r.active]
    return sorted(((r, known.name(r)) for r in active), key=lambda one: one[1])


def _outcome(fields: dict[str, str]) -> str:
    text = fields.get("outcome", "")
    if text not in {"real", "drill", "safe", *(f"false:{cause}" for cause in FALSE_CAUSES)}:
        raise HTTPException(400)
    return text
