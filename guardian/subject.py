"""What is kept of one person: handed over whole, and erased when they have left.

Takes a home (its resident) or a telephone number (a responder); looks in the ledger, the history and the kept
pictures. Whoever is still in the roster is not erased: first they are taken out, so that nothing watches a
home of nobody, and nobody is asked who is not there.
"""

import asyncio
import base64
import io
from datetime import date, datetime
from functools import partial
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from alerting import ledger as records
from alerting.ledger import Ledger, Tx
from guardian.clock import Clock
from guardian.desk import Answer, Refused
from guardian.evidence import Evidence, EvidenceError
from guardian.history.embedded import MINUTES_KEPT_DAYS, Embedded

DAY_MS: Final = 24 * 3_600_000


class Subjects:
    """Whose data a running daemon holds."""

    def __init__(self, ledger: Ledger, clock: Clock, history: Embedded, evidence: Evidence | None) -> None:
        self._ledger, self._clock = ledger, clock
        self._history, self._evidence = history, evidence

    async def export(self, who: str) -> Answer:
        """Give everything that is kept of a home's resident, or of a responder. Raises Refused: unknown."""
        if who.startswith("+"):
            people = await self._responders(who)
            told = [await self._ledger.transact(partial(records.told_of_responder, person=p)) for p in people]
            return {"who": who, "ledger": told}
        await self._known(who)
        kept = await self._ledger.transact(lambda tx: records.told_of_home(tx, who))
        pictures = await self._pictures(who, kept)
        return {"who": who, "ledger": [kept], **await self._past(who), "pictures": pictures}

    async def erase(self, who: str) -> Answer:
        """Erase somebody who has left; give how many pictures went, and whether both spares are of now.

        Raises Refused: unknown, still in the roster, or an incident is open.
        """
        if who.startswith("+"):
            people = await self._responders(who)

            def forget(tx: Tx) -> None:
                if records.responder_of_phone(tx, who) is not None:
                    raise Refused([f"{who} is still in the roster: take them out first"])
                for person in people:
                    if records.is_awaited(tx, person=person):
                        raise Refused([f"{who} is on the way to somebody"])
                    records.erase_responder(tx, person)
                    self._note(tx, person)

            await self._ledger.transact(forget)
            return {"pictures": 0, "spares": await self._spares()}
        await self._known(who)

        def leave(tx: Tx) -> list[int]:
            if records.knows_home(tx, who):
                raise Refused([f"{who} is still in the roster: take it out first"])
            if records.is_awaited(tx, home=who):
                raise Refused([f"{who}: an incident is open"])
            self._note(tx, who)
            return list(records.erase_home(tx, who))

        numbers = await self._ledger.transact(leave)
        kept = self._evidence
        had = [n for n in numbers if kept is not None and kept.has(n)]
        if kept is not None:
            await asyncio.to_thread(kept.forget, had)
        await self._history.forget(who)
        return {"pictures": len(had), "spares": await self._spares()}

    def _note(self, tx: Tx, subject: str) -> None:
        now_ms = self._clock.now_ms()
        records.note(tx, account=None, action="erased", subject=subject, detail={"by": "desk"}, now_ms=now_ms)

    async def _spares(self) -> bool:
        """Let both spares of the ledger be of now, for those before had the name; tell whether they are."""
        made = [await self._ledger.make_spare() for _ in range(2)]
        return all(made)

    async def _known(self, home: str) -> None:
        told = await self._ledger.transact(lambda tx: records.told_of_home(tx, home))
        if not any(told.values()):
            raise Refused([f"{home}: nothing is kept of a home of this name"])

    async def _responders(self, phone: str) -> list[str]:
        people = await self._ledger.transact(lambda tx: records.responders_of(tx, phone))
        if not people:
            raise Refused([f"{phone}: nobody of this number is known"])
        return people

    async def _past(self, home: str) -> dict[str, Any]:
        now_ms = self._clock.now_ms()
        zone = ZoneInfo(await self._ledger.transact(records.site_timezone))
        today = datetime.fromtimestamp(now_ms / 1000, zone).date()
        minutes = await self._history.minutes(home, now_ms - MINUTES_KEPT_DAYS * DAY_MS, now_ms)
        days = await self._history.days(home, date.min, today)
        return {
            "rooms": minutes.rooms,
            "minutes": [
                [int(t_ms), *(value.item() for value in row)]
                for t_ms, row in zip(minutes.t_ms, minutes.rows, strict=True)
            ],
            "days": [
                {"day": day.isoformat(), **{name: row[name].item() for name in row.dtype.names or ()}}
                for day, row in days
            ],
        }

    async def _pictures(self, home: str, kept: dict[str, list[records.Row]]) -> dict[str, str]:
        """Give the pictures of each incident as a numpy archive, in base64."""
        out = {}
        for row in kept["incidents"]:
            number = int(row["id"])
            if self._evidence is None or not self._evidence.has(number):
                continue
            try:
                strips = await asyncio.to_thread(self._evidence.load, number, home)
            except EvidenceError as e:
                raise Refused([str(e)]) from e
            file = io.BytesIO()
            arrays: dict[str, Any] = {}
            for s in strips:
                arrays |= {f"{s.sensor}.frames": s.frames, f"{s.sensor}.t_ms": s.t_ms}
            np.savez_compressed(file, **arrays)
            out[str(number)] = base64.b64encode(file.getvalue()).decode("ascii")
        return out


def subject_routes(subjects: Subjects) -> list[Route]:
    """Make the desk's routes; each may answer with `Refused`."""

    async def export(request: Request) -> JSONResponse:
        return JSONResponse(dict(await subjects.export(request.query_params.get("who", ""))))

    async def erase(request: Request) -> JSONResponse:
        return JSONResponse(dict(await subjects.erase(request.query_params.get("who", ""))))

    return [Route("/subject", export), Route("/subject/erase", erase, methods=["POST"])]
