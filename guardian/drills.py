"""Drills and readiness at the desk: who is tested, whose test is due, who could be reached at all.

Takes wishes, gives answers as plain objects with local times and the names that staff know. What a drill is
stands in alerting/drill.py.
"""

from collections.abc import Callable, Mapping
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
import phonenumbers

from alerting import drill
from alerting.channels import Channel
from alerting.coverage import on_shift_ahead
from alerting.duty import Duty
from alerting.incident import Incident
from alerting.ledger import Ledger, Tx, last_answers
from alerting.policy import Policy
from alerting.quota import Cap
from alerting.readiness import NO_CAPS, ways_to
from guardian import quotas
from guardian.clock import Clock
from guardian.desk import Answer, Refused
from guardian.foresight import local
from guardian.people import People
from guardian.roster import Roster
from guardian.shifts import listing

AHEAD_H: Final = 24
"""Whoever is on shift within so many hours should be ready."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """Which home is to have a drill; None = all that are due."""

    home: str | None = None


def encode(wish: Wish) -> bytes:
    """Pack a wish for the desk."""
    return msgspec.json.encode(wish)


class Drills:
    """Drills and readiness of a running daemon."""

    def __init__(  # noqa: PLR0917  # each is a part of its own
        self,
        ledger: Ledger,
        roster: Callable[[], Roster],
        people: Callable[[], People],
        channels: Mapping[str, Channel],
        policy: Policy,
        clock: Clock,
        on_change: Callable[[], None],
        caps: Mapping[str, Cap] = NO_CAPS,
    ) -> None:
        self._ledger, self._roster, self._people = ledger, roster, people
        self._channels, self._policy, self._clock = channels, policy, clock
        self._on_change, self._caps = on_change, caps

    async def begin(self, body: bytes) -> Answer:
        """Begin a drill at one home, or at homes that are due."""
        try:
            wish = msgspec.json.decode(body, type=Wish)
        except msgspec.MsgspecError as e:
            raise Refused([str(e)]) from e
        roster, now_ms = self._roster(), self._clock.now_ms()
        if wish.home is not None and wish.home not in roster.homes:
            raise Refused([f"home: {wish.home} is not in the roster"])

        def work(tx: Tx) -> tuple[list[Incident], int]:
            if wish.home is not None:
                return [drill.begin(tx, wish.home, roster.duty, self._policy, now_ms)], 0
            begun = drill.begin_some(tx, roster.homes, roster.duty, self._policy, now_ms)
            return begun, len(drill.due(tx, roster.homes, (), now_ms).homes) - len(begun)

        try:
            begun, left = await self._ledger.transact(work)
        except drill.DrillRefused as e:
            raise Refused([str(e)]) from e
        if begun:
            self._on_change()
        return {"begun": [{"incident": i.id, "home": i.home} for i in begun], "left": left}

    async def due(self) -> Answer:
        """Give who has had no drill within a month."""
        roster, people = self._roster(), self._people()
        return await self._ledger.transact(lambda tx: due(tx, roster, people, self._clock.now_ms()))

    async def ready(self) -> Answer:
        """Give everybody on shift within a day, whether they could be reached, and what is left of quotas."""
        now_ms, people = self._clock.now_ms(), self._people()
        answered, found = await self._ledger.transact(
            lambda tx: (last_answers(tx), quotas.look(tx, self._caps, self._policy, now_ms))
        )
        could = ready(self._roster().duty, people, self._channels, answered, now_ms)
        return {**could, "quotas": quotas.rows(found, people)}

    async def shifts(self) -> Answer:
        """Give who is on duty, who comes next and what is open."""
        roster, people = self._roster(), self._people()
        return await self._ledger.transact(lambda tx: listing(tx, roster, people, self._clock.now_ms()))


def due(tx: Tx, roster: Roster, people: People, now_ms: int) -> Answer:
    """Give the homes and the active people whose drill is due, with the time of the last one."""
    zone = ZoneInfo(roster.duty.timezone)
    active = [r.id for r in roster.duty.responders.values() if r.active]
    found = drill.due(tx, roster.homes, active, now_ms)

    def when(t_ms: int | None) -> str | None:
        return None if t_ms is None else local(t_ms, zone)

    return {
        "homes": [{"home": home, "last": when(ms)} for home, ms in found.homes.items()],
        "people": [{"name": people.name(who), "last": when(ms)} for who, ms in found.people.items()],
    }


def ready(
    duty: Duty, people: People, channels: Mapping[str, Channel], answered: Mapping[str, int], now_ms: int
) -> Answer:
    """Say of everybody on shift within a day: number, channels, last answer; those not ready first.

    Ready is whose number can exist and who can be reached by a channel on which an answer can come back.
    """
    zone = ZoneInfo(duty.timezone)
    rows = []
    for who, from_ms in on_shift_ahead(duty, now_ms, AHEAD_H).items():
        phone = duty.responders[who].phone
        ways = [w.channel for w in ways_to(phone, channels)]
        answers = any(channels[w].abilities.answers_from(phone) for w in ways)
        valid = is_valid(phone)
        rows.append(
            {
                "name": people.name(who),
                "from": local(from_ms, zone),
                "number_valid": valid,
                "channels": ways,
                "answers": answers,
                "last_answer": local(answered[who], zone) if who in answered else None,
                "ready": valid and answers,
            }
        )
    return {"people": sorted(rows, key=lambda row: bool(row["ready"]))}


def is_valid(phone: str) -> bool:
    """Whether a number (E.164) is one that its country gives out (libphonenumber's metadata)."""
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(phone, None))
    except phonenumbers.NumberParseException:
        return False
