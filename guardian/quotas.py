"""How much of what providers let through in a day is used, and when a cap will be reached.

Takes the caps of the settings and the ledger; gives rows for the desk, and one warning in the log for each
cap that will be reached within a day. Decides nothing: what goes by which way stands in alerting/quota.py.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

import structlog

from alerting.concern import Kind, Severity
from alerting.ledger import Ledger, Tx, carried_hourly, open_incidents
from alerting.policy import Policy
from alerting.quota import DAY_MS, Cap, Outlook, outlook, worth_telling
from guardian.clock import Clock
from guardian.foresight import local
from guardian.people import People

log = structlog.get_logger("quotas")

LOOK_MS: Final = 600_000
"""Between two looks: a cap is reached in hours."""


def look(tx: Tx, caps: Mapping[str, Cap], policy: Policy, now_ms: int) -> list[Outlook]:
    """Give how every cap stands that is worth telling."""
    hours = carried_hourly(tx, caps, now_ms - DAY_MS)
    urgent = sum(
        i.severity is not None and i.severity > Severity.LOW and i.kind is not Kind.DRILL
        for i in open_incidents(tx)
    )
    return worth_telling(outlook(caps, policy.quota_reserve, hours, urgent, now_ms))


def rows(found: Sequence[Outlook], people: People) -> list[dict[str, Any]]:
    """Say it with names and local times."""
    zone = ZoneInfo(people.duty.timezone)
    return [
        {
            "channel": o.channel,
            "to": None if o.responder is None else people.name(o.responder),
            "used": o.used,
            "cap": o.cap,
            "kept": o.kept,
            "reached": None if o.reached_ms is None else local(o.reached_ms, zone),
        }
        for o in found
    ]


class QuotaWatch:
    """Looks at the caps of a running daemon."""

    def __init__(self, ledger: Ledger, caps: Mapping[str, Cap], policy: Policy, clock: Clock) -> None:
        self._ledger, self._caps, self._policy, self._clock = ledger, caps, policy, clock
        self._warned: set[tuple[str, str | None]] = set()

    async def look(self) -> None:
        """Warn of caps that will be reached, each once until it is out of danger again."""
        now_ms = self._clock.now_ms()
        found = await self._ledger.transact(lambda tx: look(tx, self._caps, self._policy, now_ms))
        near = {(o.channel, o.responder): o for o in found if o.reached_ms is not None}
        for key in near.keys() - self._warned:
            o = near[key]
            log.warning(
                "a day's texts will run out",
                channel=o.channel,
                responder=o.responder,
                used=o.used,
                cap=o.cap,
                kept_for_urgent=o.kept,
                in_hours=round(((o.reached_ms or now_ms) - now_ms) / 3_600_000),
            )
        self._warned = set(near)

    async def run(self) -> None:
        """Look every `LOOK_MS`."""
        never = asyncio.Event()
        while True:
            await self.look()
            await self._clock.wait(never, self._clock.now_ms() + LOOK_MS)
