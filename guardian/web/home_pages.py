"""All homes as a list, and the page of one: what is known now, day and weeks, sensors, what is agreed.

Takes the facts of this moment, the history, the ledger. Names of residents are for those who run the centre.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from alerting import ledger as records
from alerting.concern import Kind
from alerting.ledger import Consent, Silence, Tx
from guardian import away, quiet
from guardian.desk import Refused
from guardian.home_rows import HomeRow
from guardian.web import codes
from guardian.web.access import Role, account_of, at, form_fields
from guardian.web.charts import Piece, changes, columns, strip
from guardian.web.pages import Pages, Site, asked_for, begin_ms, seen, whole_number
from guardian.web.view import local_time
from guardian.web.words import N_

PAGE: Final = 100
STRIPS: Final = 14
"""Days of which the strip can be seen."""
WEEKS: Final = 26
CONSENTS: Final = ("monitoring", "recording")
HOW_LETTERS: Final = 200
WHERE: Final = N_("Say where it can be looked up, in up to 200 letters.")


def home_routes(site: Site, pages: Pages) -> list[BaseRoute]:
    """Make the routes of homes."""

    def zone() -> ZoneInfo:
        return ZoneInfo(site.people().duty.timezone)

    def known(request: Request) -> HomeRow:
        home = request.path_params["home"]
        row = next((r for r in site.home_rows() if r.home == home), None)
        if row is None:
            raise HTTPException(404)
        return row

    def deed(tx: Tx, action: str, request: Request, detail: Mapping[str, Any]) -> None:
        records.note(
            tx,
            account=account_of(request).id,
            action=action,
            subject=request.path_params["home"],
            detail=detail,
            now_ms=site.clock.now_ms(),
        )

    async def get_homes(request: Request) -> Response:
        find, wanted = asked_for(request), request.query_params.get("state", "")
        start = whole_number(request.query_params.get("from", "0"))
        open_ = {i.home: i.id for i in await site.ledger.transact(records.open_incidents)}
        rows = [(r, codes.state_of(r, r.home in open_)) for r in site.home_rows()]
        counts = {state: sum(1 for _, s in rows if s == state) for state in codes.LETTERS}
        some = [
            (r, s)
            for r, s in rows
            if (not wanted or s == wanted)
            and (not find or r.home.startswith(find) or (r.card or "").startswith(find))
        ]
        order = {state: k for k, state in enumerate(codes.LETTERS)}
        some.sort(key=lambda one: (order[one[1]], one[0].home))
        return pages.page(
            request,
            "homes.html",
            rows=some[start : start + PAGE],
            counts=counts,
            wanted=wanted if wanted in codes.LETTERS else "",
            total=len(some),
            start=start,
            more=start + PAGE if len(some) > start + PAGE else None,
            open=open_,
            now_ms=site.clock.now_ms(),
        )

    async def get_home(request: Request, problems: tuple[str, ...] = (), status: int = 200) -> Response:
        row, now_ms, here = known(request), site.clock.now_ms(), zone()
        home, today = row.home, datetime.fromtimestamp(now_ms / 1000, here).date()
        day = _day(request.query_params.get("day", ""), today)
        from_ms, to_ms = begin_ms(day, here), begin_ms(day + timedelta(1), here)

        def read(tx: Tx) -> tuple[Any, ...]:
            return (
                next((i for i in records.open_incidents(tx) if i.home == home), None),
                [a for a in records.absences(tx, now_ms) if a.home == home],
                [s for s in records.silences(tx, now_ms) if s.home == home],
                records.consents(tx, home),
            )

        incident, absences, silences, agreed = await site.ledger.transact(read)
        pieces: list[Piece] = []
        days = []
        if site.history is not None:
            pieces = strip(await site.history.minutes(home, from_ms, to_ms), from_ms)
            days = await site.history.days(home, today - timedelta(7 * WEEKS), today)
        account, people = account_of(request), site.people()
        door = people.doors.get(home)
        return pages.page(
            request,
            "home.html",
            status,
            row=row,
            facts=site.facts(home),
            incident=incident,
            day=day,
            days_back=[today - timedelta(n) for n in range(STRIPS)],
            pieces=pieces,
            rooms=sorted({p.room for p in pieces if p.room is not None}),
            days=days,
            changes=changes(days),
            absences=absences,
            silences=_together(silences),
            pause_hours=range(1, quiet.MOST // timedelta(hours=1) + 1),
            consents=agreed,
            watched=any(_holds(c, "monitoring", now_ms) for c in agreed),
            what=CONSENTS,
            now_ms=now_ms,
            name=door.name if door is not None and account.role >= Role.OPERATOR else None,
            at=lambda t_ms: "" if t_ms is None else local_time(t_ms, here),
            when=lambda t_ms: datetime.fromtimestamp(t_ms / 1000, here).strftime("%Y-%m-%d %H:%M"),
            problems=problems,
            walks=site.walks is not None,
            typed=form_fields(request) if request.method == "POST" else {},
        )

    async def get_history(request: Request) -> Response:
        row, now_ms = known(request), site.clock.now_ms()
        today = datetime.fromtimestamp(now_ms / 1000, zone()).date()
        days = []
        if site.history is not None:
            days = await site.history.days(row.home, today - timedelta(7 * WEEKS), today)
        return JSONResponse(columns(days), headers={"cache-control": "no-store"})

    async def post_away(request: Request) -> Response:
        row, fields, account = known(request), form_fields(request), account_of(request)
        wanted = away.Wanted(
            home=row.home,
            until=fields.get("until", ""),
            begin=fields.get("begin") or None,
            owner=account.login,
            reason=fields.get("reason", ""),
        )
        now_ms = site.clock.now_ms()

        def work(tx: Tx) -> None:
            away.note(tx, wanted, now_ms)
            deed(tx, "away", request, {"do": "added"})

        try:
            await site.ledger.transact(work)
        except Refused as e:
            return await get_home(request, tuple(e.problems), 422)
        await site.tell_away()
        return seen(request, f"/homes/{row.home}")

    async def post_away_end(request: Request) -> Response:
        row, now_ms = known(request), site.clock.now_ms()
        number = whole_number(form_fields(request).get("id", ""))

        def work(tx: Tx) -> None:
            if any(a.id == number and a.home == row.home for a in records.absences(tx, now_ms)):
                records.end_absence(tx, number, now_ms)
                deed(tx, "away", request, {"do": "ended"})

        await site.ledger.transact(work)
        await site.tell_away()
        return seen(request, f"/homes/{row.home}")

    async def post_pause(request: Request) -> Response:
        row, fields, account = known(request), form_fields(request), account_of(request)
        hours, now_ms = whole_number(fields.get("hours", "")), site.clock.now_ms()
        wanted = quiet.Pause(home=row.home, hours=hours, owner=account.login, reason=fields.get("reason", ""))

        def work(tx: Tx) -> None:
            kinds = quiet.pause(tx, wanted, now_ms)
            deed(tx, "pause", request, {"do": "added", "hours": hours, "kinds": kinds})

        try:
            await site.ledger.transact(work)
        except Refused as e:
            return await get_home(request, tuple(e.problems), 422)
        site.changed()
        return seen(request, f"/homes/{row.home}")

    async def post_pause_end(request: Request) -> Response:
        row, now_ms = known(request), site.clock.now_ms()

        def work(tx: Tx) -> None:
            own = [s for s in records.silences(tx, now_ms) if s.home == row.home]
            ended = [s.kind for s in own if records.end_silence(tx, s.id, now_ms)]
            if ended:
                deed(tx, "pause", request, {"do": "ended", "kinds": len(ended)})

        await site.ledger.transact(work)
        site.changed()
        return seen(request, f"/homes/{row.home}")

    async def post_consent(request: Request) -> Response:
        row, fields, account = known(request), form_fields(request), account_of(request)
        what, how, now_ms = fields.get("what", ""), fields.get("how", "").strip(), site.clock.now_ms()
        problems = []
        if what not in CONSENTS:
            problems.append(pages.words(request).text(N_("Say what was agreed to.")))
        if not how or len(how) > HOW_LETTERS:
            problems.append(
                pages.words(request).text(N_("Say where it can be looked up, in up to 200 letters."))
            )
        until_ms = None
        if fields.get("until"):
            wrong: list[str] = []
            until_ms = away.local_ms("until", fields["until"], zone(), wrong)
            if until_ms is None or until_ms <= now_ms:
                problems.append(pages.words(request).text(N_("The end is no time, or past.")))
        if problems:
            return await get_home(request, tuple(problems), 422)

        def work(tx: Tx) -> None:
            records.note_consent(tx, Consent(row.home, what, now_ms, until_ms, how, account.login))
            deed(tx, "consent", request, {"do": "given", "what": what})

        await site.ledger.transact(work)
        return seen(request, f"/homes/{row.home}")

    async def post_withdraw(request: Request) -> Response:
        row, now_ms = known(request), site.clock.now_ms()
        number = whole_number(form_fields(request).get("id", ""))

        def work(tx: Tx) -> None:
            if records.withdraw_consent(tx, number, row.home, now_ms):
                deed(tx, "consent", request, {"do": "withdrawn"})

        await site.ledger.transact(work)
        return seen(request, f"/homes/{row.home}")

    return [
        at("/homes", get_homes, Role.VIEWER),
        at("/homes/{home}", get_home, Role.VIEWER),
        at("/homes/{home}/history", get_history, Role.VIEWER),
        at("/homes/{home}/away", post_away, Role.OPERATOR, methods=("POST",)),
        at("/homes/{home}/away/end", post_away_end, Role.OPERATOR, methods=("POST",)),
        at("/homes/{home}/pause", post_pause, Role.OPERATOR, methods=("POST",)),
        at("/homes/{home}/pause/end", post_pause_end, Role.OPERATOR, methods=("POST",)),
        at("/homes/{home}/consent", post_consent, Role.OPERATOR, methods=("POST",)),
        at("/homes/{home}/consent/withdraw", post_withdraw, Role.OPERATOR, methods=("POST",)),
    ]


def _together(silences: Sequence[Silence]) -> list[tuple[Silence, list[Kind]]]:
    """Give silences of one home, those that end together as one: (one of them, all their kinds)."""
    found: dict[tuple[int, str, str], tuple[Silence, list[Kind]]] = {}
    for s in silences:
        found.setdefault((s.until_ms, s.owner, s.reason), (s, []))[1].append(s.kind)
    return list(found.values())


def _holds(one: Consent, what: str, now_ms: int) -> bool:
    over = one.until_ms is not None and one.until_ms <= now_ms
    return one.what == what and one.withdrawn_ms is None and not over


def _day(text: str, today: date) -> date:
    """Give the day that is asked for, of the last STRIPS; today for anything else."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return today
    return day if timedelta(0) <= today - day < timedelta(STRIPS) else today
