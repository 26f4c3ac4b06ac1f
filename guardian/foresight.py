"""Which homes too few people could reach soon: for the board each minute, for the desk on request.

Takes the roster and people as they are now; gives `alerting.coverage`'s forecast. Works it out on another
thread, and again only when the quarter of an hour or the people have changed. Decides nothing.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from alerting.coverage import Forecast, forecast
from alerting.duty import Duty
from alerting.policy import Policy
from guardian.clock import Clock
from guardian.desk import Answer, Refused

MINUTE_MS: Final = 60_000
MOST_HOURS: Final = 168
"""A week, which is how far shifts are known before they repeat."""


class Foresight:
    """The forecast of a running daemon."""

    def __init__(
        self,
        homes: Callable[[], Sequence[str]],
        duty: Callable[[], Duty],
        policy: Policy,
        clock: Clock,
        on_change: Callable[[], None],
    ) -> None:
        self._homes, self._duty, self._policy, self._clock = homes, duty, policy, clock
        self._on_change = on_change
        self._of: tuple[Sequence[str], Duty] | None = None
        self.latest: Forecast | None = None
        """What the board shows; None before the first one is ready."""

    async def look(self) -> None:
        """Work it out anew if anything has changed."""
        now_ms, homes, duty = self._clock.now_ms(), self._homes(), self._duty()
        same = self._of is not None and self._of[0] is homes and self._of[1] is duty
        if same and self.latest is not None and self.latest.is_of(now_ms):
            return
        found = await asyncio.to_thread(forecast, homes, duty, self._policy, now_ms)
        self._of, self.latest = (homes, duty), found
        self._on_change()

    async def run(self) -> None:
        """Look every minute."""
        never = asyncio.Event()
        while True:
            await self.look()
            await self._clock.wait(never, (self._clock.now_ms() // MINUTE_MS + 1) * MINUTE_MS)

    async def coverage(self, hours: int) -> Answer:
        """Give the gaps of the coming hours, as `listing` does."""
        check_hours(hours)
        duty = self._duty()
        work = partial(forecast, self._homes(), duty, self._policy, self._clock.now_ms(), hours)
        return listing(await asyncio.to_thread(work), duty.timezone)


def check_hours(hours: int) -> None:
    """Refuse what no forecast can look ahead."""
    if not 1 <= hours <= MOST_HOURS:
        raise Refused([f"hours: 1 to {MOST_HOURS}"])


def listing(found: Forecast, timezone: str) -> Answer:
    """Give a forecast with local times."""
    zone = ZoneInfo(timezone)
    return {
        "from": local(found.from_ms, zone),
        "until": local(found.until_ms, zone),
        "homes": found.homes,
        "homes_with_gap": found.homes_with_gap,
        "gaps": [
            {
                "home": g.home,
                "from": local(g.from_ms, zone),
                "until": local(g.until_ms, zone),
                "could_come": g.could_come,
            }
            for g in found.gaps
        ],
    }


def local(t_ms: int, zone: ZoneInfo) -> str:
    """Write a time at the site, to the minute."""
    return datetime.fromtimestamp(t_ms / 1000, zone).strftime("%Y-%m-%dT%H:%M")
