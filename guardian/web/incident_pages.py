"""One incident: what is known of it, what has happened, and every button.

Every button is the same incident event as a text message. Never decides who is paged.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final
from zoneinfo import ZoneInfo

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from alerting import ledger as records
from alerting import naming
from alerting.concern import Concern
from alerting.incident import (
    Accepted,
    Added,
    Arrived,
    CannotGo,
    Closed,
    EnRoute,
    HandedOver,
    IllegalMove,
    Incident,
    IncidentEvent,
    NeedsHelp,
    ReportedFalse,
)
from alerting.ledger import AreaCount, Tx
from guardian.people import People
from guardian.web.access import Role, account_of, at, form_fields
from guardian.web.evidence_words import numbers, sentences
from guardian.web.names import FALSE_CAUSES
from guardian.web.pages import Pages, Site, seen
from guardian.web.plan import Plan, plan
from guardian.web.view import AREA_SHOWN, card, local_time, responders
from guardian.web.words import Words

Fields = Mapping[str, str]
MOST_MINUTES: Final = 99
AFTERWARDS_MS: Final = 3_600_000
"""So long after the end those who went may still look up how to get in."""


def incident_routes(site: Site, pages: Pages) -> list[BaseRoute]:
    """Make the routes of one incident."""

    async def get_incident(request: Request) -> Response:
        number = request.path_params["number"]

        incident, logins, moves, messages, concerns, homes = await site.ledger.transact(
            lambda tx: (
                incident_or_404(tx, number),
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
            c=card(incident, known, now_ms, AreaCount.of(homes) if incident.is_area else None, site.policy),
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
            said=lambda n: sentences(pages.words(request), n.kind, n.evidence),
            numbers=lambda n: numbers(pages.words(request), n.evidence),
            plans=_plans(site, incident, concerns, pages.words(request)),
            may_enter=_may_enter(account_of(request).role, incident, now_ms),
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
            what = event(fields, incident_or_404(tx, number), known)
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
        return seen(request, f"/incidents/{number}" if fields.get("from") == "incident" else "/")

    async def post_accept(request: Request) -> Response:
        return await post(request, lambda fields, _i, known: Accepted(_who(fields, None, known)))

    async def post_arrived(request: Request) -> Response:
        return await post(request, lambda fields, i, known: Arrived(_who(fields, i.acceptor, known)))

    async def post_hand_over(request: Request) -> Response:
        return await post(request, lambda fields, _i, known: HandedOver(_who(fields, None, known)))

    async def post_add(request: Request) -> Response:
        return await post(request, lambda fields, _i, known: Added(_who(fields, None, known)))

    async def post_en_route(request: Request) -> Response:
        return await post(
            request, lambda fields, i, known: EnRoute(_who(fields, i.acceptor, known), _minutes(fields))
        )

    async def post_cannot(request: Request) -> Response:
        return await post(request, lambda fields, i, known: CannotGo(_who(fields, i.acceptor, known)))

    async def post_help(request: Request) -> Response:
        return await post(request, lambda fields, i, known: NeedsHelp(_who(fields, i.acceptor, known)))

    async def post_false(request: Request) -> Response:
        return await post(request, lambda fields, i, known: ReportedFalse(_who(fields, i.acceptor, known)))

    async def post_door(request: Request) -> Response:
        """Show how to get in, once, and note who has looked."""
        number, account, now_ms = request.path_params["number"], account_of(request), site.clock.now_ms()
        incident = await site.ledger.transact(lambda tx: incident_or_404(tx, number))
        if not _may_enter(account.role, incident, now_ms):
            raise HTTPException(403)
        await site.ledger.transact(
            lambda tx: records.note(
                tx,
                account=account.id,
                action="access-facts",
                subject=incident.home,
                detail={"incident": number},
                now_ms=now_ms,
            )
        )
        known = site.people()
        holders = sorted(known.duty.keyholders.get(incident.home, ()))
        return pages.page(
            request,
            "door.html",
            incident=incident,
            door=known.doors.get(incident.home),
            holders=[(known.name(r), known.phones.get(r, "")) for r in holders],
        )

    async def post_close(request: Request) -> Response:
        return await post(request, lambda fields, _i, _known: Closed(_outcome(fields)))

    buttons = {
        "accept": post_accept,
        "en-route": post_en_route,
        "arrived": post_arrived,
        "hand-over": post_hand_over,
        "add": post_add,
        "cannot": post_cannot,
        "help": post_help,
        "false": post_false,
        "close": post_close,
        "door": post_door,
    }
    return [
        at("/incidents/{number:int}", get_incident, Role.VIEWER),
        *(
            at(f"/incidents/{{number:int}}/{name}", press, Role.RESPONDER, methods=("POST",))
            for name, press in buttons.items()
        ),
    ]


def incident_or_404(tx: Tx, number: int) -> Incident:
    """Give one. Raises HTTPException 404."""
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


def _minutes(fields: Fields) -> int | None:
    """Give the minutes that the form names, 1 to 99 as in a text; None where it names none."""
    text = fields.get("minutes", "").strip()
    if not text:
        return None
    if not text.isdecimal() or not 1 <= int(text) <= MOST_MINUTES:
        raise HTTPException(400)
    return int(text)


def _may_enter(role: Role, incident: Incident, now_ms: int) -> bool:
    """Whether somebody may see how to get in: who runs the centre always, who goes while it is open."""
    if role >= Role.OPERATOR:
        return True
    open_ = incident.closed_ms is None or now_ms - incident.closed_ms < AFTERWARDS_MS
    return role >= Role.RESPONDER and open_ and not incident.is_area


def _plans(site: Site, incident: Incident, concerns: Sequence[Concern], words: Words) -> list[Plan]:
    """Draw the rooms in which something was found, with the places."""
    places: dict[str, list[tuple[str, float, float]]] = {}
    for n in concerns:
        if n.room is not None:
            here = places.setdefault(n.room, [])
            if n.x is not None and n.y is not None:
                here.append((words.kinds[n.kind], n.x, n.y))
    if incident.room is not None:
        places.setdefault(incident.room, [])
    found = (
        plan(incident.home, room, site.furniture(), site.sensors(), here) for room, here in places.items()
    )
    return [one for one in found if one is not None]


def _everybody(known: People) -> list[tuple[str, str]]:
    """Give (id, name) of everybody active, by name: whom staff may send for, on duty or not."""
    active = [r.id for r in known.duty.responders.values() if r.active]
    return sorted(((r, known.name(r)) for r in active), key=lambda one: one[1])


def _outcome(fields: Fields) -> str:
    text = fields.get("outcome", "")
    if text not in {"real", "drill", "safe", *(f"false:{cause}" for cause in FALSE_CAUSES)}:
        raise HTTPException(400)
    return text
