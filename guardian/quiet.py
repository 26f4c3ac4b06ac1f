"""Silences: LOW findings of one kind at one home that staff do not want to hear of for some hours, checked.

Takes a wish (a home, a kind, until when, who says so and why) and gives a silence in the ledger. It ends
after four hours at most and cannot be lengthened: what came meanwhile is told then. HIGH, MEDIUM and
suspicions cannot be silenced, nor can homes that go dark together (alerting/triage.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from alerting.concern import SEVERITY, Kind, Severity
from alerting.ledger import (
    Ledger,
    Silence,
    Tx,
    end_silence,
    held_concerns,
    knows_home,
    newest_version,
    note_silence,
    silence_of,
    silences,
    site_timezone,
)
from guardian.away import local_ms, local_text, who_and_why
from guardian.clock import Clock
from guardian.desk import Answer, Refused

MOST: Final = timedelta(hours=4)
"""The longest silence: half a shift, so that whoever asked for it is still there when it ends."""
KINDS: Final[tuple[Kind, ...]] = tuple(
    k for k in Kind if SEVERITY[k] is Severity.LOW and k is not Kind.INACTIVITY_PROMPT
)
"""What can be silenced. Not the question to the resident: without it the alarm would come unasked."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody asks for; the time is local, as ISO 8601 without a zone."""

    home: str
    kind: str
    until: str
    owner: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """What somebody asks for who works in a home for a while: a builder, a nurse, visitors."""

    home: str
    hours: int
    """1 to 4."""
    owner: str
    reason: str


def encode(wanted: Wanted) -> bytes:
    """Pack a wish for the desk."""
    return msgspec.json.encode(wanted)


def note(tx: Tx, wanted: Wanted, now_ms: int) -> Answer:
    """Check and store one silence; give it as `listing` does. Raises Refused with every mistake."""
    if newest_version(tx) is None:
        raise Refused(["no roster has been imported yet"])
    problems: list[str] = []
    if not knows_home(tx, wanted.home):
        problems.append(f"home: {wanted.home} is not in the roster")
    kind = next((k for k in KINDS if k == wanted.kind), None)
    if kind is None:
        problems.append(f"kind: one of {', '.join(KINDS)}; nothing else can be silenced")
    elif silence_of(tx, wanted.home, kind, now_ms) is not None:
        problems.append("home: this kind is silenced there; it cannot be lengthened, only ended")
    elif any((c.home, c.kind) == (wanted.home, kind) for c in held_concerns(tx)):
        problems.append("home: what was silenced there is being told; ask again in a moment")
    until_ms = local_ms("until", wanted.until, ZoneInfo(site_timezone(tx)), problems)
    if until_ms is not None and until_ms <= now_ms:
        problems.append("until: past")
    elif until_ms is not None and until_ms - now_ms > MOST / timedelta(milliseconds=1):
        problems.append(f"until: more than {MOST // timedelta(hours=1)} hours from now")
    who_and_why(wanted.owner, wanted.reason, "why nobody needs to hear of it", problems)
    if problems or kind is None or until_ms is None:
        raise Refused(problems)
    new = Silence(wanted.home, kind, until_ms, wanted.owner.strip(), wanted.reason.strip())
    number = note_silence(tx, new, now_ms)
    return {"silences": [row for row in listing(tx, now_ms)["silences"] if row["id"] == number]}


def pause(tx: Tx, wanted: Pause, now_ms: int) -> int:
    """Silence every kind that can be at one home, for whole hours; give how many. Raises Refused.

    Kinds that are silenced there already keep their end.
    """
    zone = ZoneInfo(site_timezone(tx))
    until = local_text(now_ms + wanted.hours * 3_600_000, zone)
    told = {c.kind for c in held_concerns(tx) if c.home == wanted.home}
    new = [k for k in KINDS if k not in told and silence_of(tx, wanted.home, k, now_ms) is None]
    if not new:
        raise Refused(["home: all that can be silenced there is; it cannot be lengthened, only ended"])
    for kind in new:
        note(
            tx,
            Wanted(home=wanted.home, kind=kind, until=until, owner=wanted.owner, reason=wanted.reason),
            now_ms,
        )
    return len(new)


def listing(tx: Tx, now_ms: int) -> Answer:
    """Give all that hold now, with local times, and how many findings wait for the end of each."""
    zone = ZoneInfo(site_timezone(tx))
    return {
        "silences": [
            {
                "id": s.id,
                "home": s.home,
                "kind": str(s.kind),
                "until": local_text(s.until_ms, zone),
                "owner": s.owner,
                "reason": s.reason,
                "held": s.held,
            }
            for s in silences(tx, now_ms)
        ]
    }


def end(tx: Tx, number: int, now_ms: int) -> Answer:
    """End one now; give those that are left. Raises Refused when it is none that holds."""
    if not end_silence(tx, number, now_ms):
        raise Refused([f"no silence {number} that could end"])
    return listing(tx, now_ms)


class Silences:
    """The silences of a running daemon."""

    def __init__(self, ledger: Ledger, clock: Clock, on_change: Callable[[], None]) -> None:
        self._ledger, self._clock, self._on_change = ledger, clock, on_change

    async def note(self, wish: bytes) -> Answer:
        """Note one."""
        try:
            wanted = msgspec.json.decode(wish, type=Wanted)
        except msgspec.MsgspecError as e:
            raise Refused([str(e)]) from e
        answer = await self._ledger.transact(lambda tx: note(tx, wanted, self._clock.now_ms()))
        self._on_change()
        return answer

    async def listing(self) -> Answer:
        """Give all that hold now."""
        return await self._ledger.transact(lambda tx: listing(tx, self._clock.now_ms()))

    async def end(self, number: int) -> Answer:
        """End one; what waited for it is told within a second."""
        answer = await self._ledger.transact(lambda tx: end(tx, number, self._clock.now_ms()))
        self._on_change()
        return answer
