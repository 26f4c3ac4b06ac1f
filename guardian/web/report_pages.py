"""Whether everything is ready for the next alarm, and what a month came to: for those who run the centre."""

import asyncio
from datetime import date, datetime
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from alerting import ledger as records
from alerting.incident import Incident
from alerting.ledger import Tx
from guardian import drills
from guardian.desk import Refused
from guardian.month import month
from guardian.web.access import Role, account_of, at, form_fields
from guardian.web.pages import Pages, Site, begin_ms, seen

MONTHS: Final = 24
"""That can be chosen."""
DAY_MS: Final = 24 * 3_600_000
DUE_SHOWN: Final = 200


def report_routes(site: Site, pages: Pages) -> list[BaseRoute]:
    """Make the routes of readiness and of the month."""

    async def get_ready(request: Request, problem: str | None = None, status: int = 200) -> Response:
        staff = site.drills
        if staff is None:
            raise HTTPException(404)
        ready, due, shifts = await asyncio.gather(staff.ready(), staff.due(), staff.shifts())
        walks = await site.walks.due() if site.walks is not None else []
        zone = ZoneInfo(site.people().duty.timezone)
        return pages.page(
            request,
            "ready.html",
            status,
            ready=ready,
            homes=due["homes"][:DUE_SHOWN],
            more=max(0, len(due["homes"]) - DUE_SHOWN),
            people=due["people"],
            walks=walks[:DUE_SHOWN],
            more_walks=max(0, len(walks) - DUE_SHOWN),
            day=lambda t_ms: datetime.fromtimestamp(t_ms / 1000, zone).strftime("%Y-%m-%d"),
            shifts=shifts,
            problem=problem,
        )

    async def post_drill(request: Request) -> Response:
        staff, home = site.drills, form_fields(request).get("home", "")
        if staff is None:
            raise HTTPException(404)
        try:
            answer = await staff.begin(drills.encode(drills.Wish(home=home or None)))
        except Refused as e:
            return await get_ready(request, str(e), 422)
        account, now_ms = account_of(request), site.clock.now_ms()
        begun = [one["home"] for one in answer["begun"]]
        await site.ledger.transact(
            lambda tx: records.note(
                tx,
                account=account.id,
                action="drill",
                subject=home or "all",
                detail={"homes": len(begun)},
                now_ms=now_ms,
            )
        )
        return seen(request, "/")

    async def get_report(request: Request) -> Response:
        known, now_ms = site.people(), site.clock.now_ms()
        zone = ZoneInfo(known.duty.timezone)
        today = datetime.fromtimestamp(now_ms / 1000, zone).date()
        first = _month(request.query_params.get("month", ""), today)
        from_ms, until_ms = begin_ms(first, zone), min(begin_ms(_next(first), zone), now_ms)
        ended, texts = list[Incident](), 0
        at_ms = from_ms
        while at_ms < until_ms:  # a day at a time: nobody waits for it
            to_ms = min(at_ms + DAY_MS, until_ms)
            some, sent = await site.ledger.transact(partial(_read, from_ms=at_ms, until_ms=to_ms))
            ended += some
            texts += sent
            at_ms = to_ms
        found = await asyncio.to_thread(month, ended)
        homes = len(site.home_rows())
        days = max(1, round((until_ms - from_ms) / DAY_MS))
        false_ = sum(found.causes.values())
        names = account_of(request).role >= Role.OPERATOR
        return pages.page(
            request,
            "report.html",
            m=found,
            first=first,
            months=_months(today),
            over=until_ms == begin_ms(_next(first), zone),
            homes=homes,
            texts=texts,
            false_per_home_month=round(false_ / max(1, homes) / days * 30, 3),
            went=[(known.name(r) if names else "–", n) for r, n in found.went.items()],
        )

    return [
        at("/readiness", get_ready, Role.VIEWER),
        at("/readiness/drill", post_drill, Role.OPERATOR, methods=("POST",)),
        at("/report", get_report, Role.VIEWER),
    ]


def _read(tx: Tx, from_ms: int, until_ms: int) -> tuple[list[Incident], int]:
    return records.ended(tx, from_ms, until_ms), records.texts_sent(tx, from_ms, until_ms)


def _month(text: str, today: date) -> date:
    """Give the first of the month that is asked for, this one's for anything else."""
    return next((m for m in _months(today) if m.strftime("%Y-%m") == text), today.replace(day=1))


def _months(today: date) -> list[date]:
    """Give the first of the last MONTHS months, newest first."""
    year, number = today.year, today.month
    out = []
    for _ in range(MONTHS):
        out.append(date(year, number, 1))
        year, number = (year, number - 1) if number > 1 else (year - 1, 12)
    return out


def _next(first: date) -> date:
    return date(first.year + first.month // 12, first.month % 12 + 1, 1)
