"""Who is expected to be away: what staff note, checked; and what the detectors are told of it each minute.

Takes a wish (a home, from when until when, who says so and why) and gives an absence in the ledger; gives the
detectors since when nobody is expected in which home. An absence has an end, at most 14 days ahead, and does
not hold for a home in which somebody moves (guardian/rounds.py). Decides nothing about alarms.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from alerting.ledger import (
    Absence,
    Ledger,
    Tx,
    absences,
    end_absence,
    knows_home,
    newest_version,
    note_absence,
    site_timezone,
)
from guardian.clock import Clock
from guardian.desk import Answer, Refused

MOST: Final = timedelta(days=14)
"""The longest absence: whoever is away for longer is noted again, so that nobody is forgotten."""
MINUTE_MS: Final = 60_000
OWNER_LETTERS, REASON_LETTERS = 64, 200


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody asks for; times are local, as ISO 8601 without a zone."""

    home: str
    until: str
    owner: str
    reason: str
    begin: str | None = None
    """None: now."""


def encode(wanted: Wanted) -> bytes:
    """Pack a wish for the desk."""
    return msgspec.json.encode(wanted)


def note(tx: Tx, wanted: Wanted, now_ms: int) -> Answer:
    """Check and store one absence; give it as `listing` does. Raises Refused with every mistake."""
    if newest_version(tx) is None:
        raise Refused(["no roster has been imported yet"])
    zone = ZoneInfo(site_timezone(tx))
    problems: list[str] = []
    if not knows_home(tx, wanted.home):
        problems.append(f"home: {wanted.home} is not in the roster")
    from_ms = now_ms if wanted.begin is None else local_ms("from", wanted.begin, zone, problems)
    until_ms = local_ms("until", wanted.until, zone, problems)
    if from_ms is not None and until_ms is not None:
        if until_ms <= max(from_ms, now_ms):
            problems.append("until: not after the begin, or past")
        elif until_ms - from_ms > MOST / timedelta(milliseconds=1):
            problems.append(f"until: more than {MOST.days} days after the begin")
    who_and_why(wanted.owner, wanted.reason, "why they are away", problems)
    if problems or from_ms is None or until_ms is None:
        raise Refused(problems)
    new = Absence(wanted.home, from_ms, until_ms, wanted.owner.strip(), wanted.reason.strip())
    number = note_absence(tx, new, now_ms)
    return {"absences": [row for row in listing(tx, now_ms)["absences"] if row["id"] == number]}


def listing(tx: Tx, now_ms: int) -> Answer:
    """Give all that hold now or will, with local times."""
    zone = ZoneInfo(site_timezone(tx))
    return {
        "absences": [
            {
                "id": a.id,
                "home": a.home,
                "from": local_text(a.from_ms, zone),
                "until": local_text(a.until_ms, zone),
                "owner": a.owner,
                "reason": a.reason,
            }
            for a in absences(tx, now_ms)
        ]
    }


def end(tx: Tx, number: int, now_ms: int) -> Answer:
    """End one now; give those that are left. Raises Refused when it is none that holds or will."""
    if not end_absence(tx, number, now_ms):
        raise Refused([f"no absence {number} that could end"])
    return listing(tx, now_ms)


class Calendar:
    """The absences of a running daemon."""

    def __init__(self, ledger: Ledger, clock: Clock, expect: Callable[[Mapping[str, int]], None]) -> None:
        self._ledger, self._clock, self._expect = ledger, clock, expect

    async def note(self, wish: bytes) -> Answer:
        """Note one and tell the detectors."""
        try:
            wanted = msgspec.json.decode(wish, type=Wanted)
        except msgspec.MsgspecError as e:
            raise Refused([str(e)]) from e
        answer = await self._ledger.transact(lambda tx: note(tx, wanted, self._clock.now_ms()))
        await self.tell()
        return answer

    async def listing(self) -> Answer:
        """Give all that hold now or will."""
        return await self._ledger.transact(lambda tx: listing(tx, self._clock.now_ms()))

    async def end(self, number: int) -> Answer:
        """End one and tell the detectors."""
        answer = await self._ledger.transact(lambda tx: end(tx, number, self._clock.now_ms()))
        await self.tell()
        return answer

    async def tell(self) -> None:
        """Tell the detectors since when nobody is expected in which home."""
        now_ms = self._clock.now_ms()
        known = await self._ledger.transact(partial(absences, now_ms=now_ms))
        self._expect({a.home: a.from_ms for a in known if a.from_ms <= now_ms})

    async def run(self) -> None:
        """Tell the detectors every minute."""
        never = asyncio.Event()
        while True:
            await self.tell()
            await self._clock.wait(never, (self._clock.now_ms() // MINUTE_MS + 1) * MINUTE_MS)


def who_and_why(owner: str, reason: str, why: str, problems: list[str]) -> None:
    """Check who has said something and why; a line in `problems` for each mistake."""
    if not owner.strip() or len(owner) > OWNER_LETTERS:
        problems.append(f"owner: who says so, 1 to {OWNER_LETTERS} letters")
    if not reason.strip() or len(reason) > REASON_LETTERS:
        problems.append(f"reason: {why}, 1 to {REASON_LETTERS} letters")


def local_ms(what: str, said: str, zone: ZoneInfo, problems: list[str]) -> int | None:
    """Read a local time as staff write it, ISO 8601; None, and a line in `problems`, when it is none."""
    try:
        t = datetime.fromisoformat(said)
    except ValueError:
        problems.append(f"{what}: {said} is no time such as 2026-12-06T18:00")
        return None
    return round((t if t.tzinfo else t.replace(tzinfo=zone)).timestamp() * 1000)


def local_text(t_ms: int, zone: ZoneInfo) -> str:
    """Write a time as staff write it."""
    return datetime.fromtimestamp(t_ms / 1000, zone).strftime("%Y-%m-%dT%H:%M")
