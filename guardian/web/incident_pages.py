"""One incident: what is known of it, what has happened, and every button.

Every button is the same incident event as a text message. Never decides who is paged.
"""

from collections.abc import Callable, Mapping
from zoneinfo import ZoneInfo

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from alerting import ledger as records
from alerting import naming
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
from alerting.ledger import AreaCount, Tx
from guardian.web.access import Role, account_of, at, form_fields
from guardian.web.pages import Pages, Site, seen
from guardian.web.view import AREA_SHOWN, People, card, local_time, responders
from guardian.web.words import FALSE_CAUSES

Fields = Mapping[str, str]


def incident_routes(site: Site, pages: Pages) -> list[BaseRoute]:
    """Make the routes of one incident."""

    async def get_incident(request: Request) -> Response:
        number = request.path_params["number"]

        incident, logins, moves, messages, concerns, homes = await site.ledger.transact(
            lambda tx: (
                _incident(tx, number),
                {f"@{a.id}": a.login for a in records.accounts(tx)},
                records.moves(tx, number),
                records.messages(tx, number),
                records.concerns(tx, number),
                records.area_homes(tx, number),
            )
        )
        now_ms, known = site.clock.now_ms(), site.people()
        zone = ZoneInfo(known.duty.timezone)
        return pages.page(
            request,
            "incident.html",
            c=card(incident, known, now_ms, AreaCount.of(homes) if incident.is_area else None),
            area_homes=homes[:AREA_SHOWN],
            area_not_shown=max(0, len(homes) - AREA_SHOWN),
            moves=moves,
            messages=messages,
            concerns=concerns,
            name=lambda who: logins.get(who) or known.name(who),
            at=lambda t_ms: "" if t_ms is None else local_time(t_ms, zone),
            responders=responders(known, now_ms),
            everybody=_everybody(known),
            now_ms=now_ms,
        )

    async def post(request: Request, event: Callable[[Fields, Incident, People], IncidentEvent]) -> Response:
        number = request.path_params["number"]
        fields = form_fields(request)
        now_ms, known, account = site.clock.now_ms(), site.people(), account_of(request)
        by, button = account.by, request.url.path.rpartition("/")[2]

        def work(tx: Tx) -> None:
            records.note(
                tx,
                account=account.id,
                action="incident-button",
                subject=str(number),
                detail={"button": button},
                now_ms=now_ms,
            )
            what = event(fields, _incident(tx, number), known)
            if isinstance(what, HandedOver | Added):
                naming.name(tx, number, what, site.policy, now_ms, by)
            else:
                records.apply(tx, number, what, now_ms, by)

        try:
            await site.ledger.transact(work)
        except IllegalMove as e:
            raise HTTPException(409) from e
        site.changed()
        site.feed.changed()
        return seen(request, "/")

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

    buttons = {
        "accept": post_accept,
        "arrived": post_arrived,
        "hand-over": post_hand_over,
        "add": post_add,
        "close": post_close,
    }
    return [
        at("/incidents/{number:int}", get_incident, Role.VIEWER),
        *(
            at(f"/incidents/{{number:int}}/{name}", press, Role.RESPONDER, methods=("POST",))
            for name, press in buttons.items()
        ),
    ]


def _incident(tx: Tx, number: int) -> Incident:
    try:
        return records.incident(tx, number)
    except LookupError as e:
        raise HTTPException(404) from e


def _who(fields: Fields, default: str | None, known: People) -> str:
    """Give the responder whom the form names, else the one who has accepted."""
    chosen = fields.get("who", default)
    if chosen is None or (chosen != default and chosen not in known.duty.responders):
        raise HTTPException(400)
    return chosen


def _everybody(known: People) -> list[tuple[str, str]]:
    """Give (id, name) of everybody active, by name: whom staff may send for, on duty or not."""
    active = [r.id for r in known.duty.responders.values() if r.active]
    return sorted(((r, known.name(r)) for r in active), key=lambda one: one[1])


def _outcome(fields: Fields) -> str:
    text = fields.get("outcome", "")
    if text not in {"real", "drill", "safe", *(f"false:{cause}" for cause in FALSE_CAUSES)}:
        raise HTTPException(400)
    return text
