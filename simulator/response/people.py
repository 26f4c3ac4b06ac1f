"""People who are paged: each reads the code out of the text, answers, leaves, arrives, and says so.

Takes texts as they ring, sends answers through `say`, and remembers when somebody stood at the door and was
inside. Whoever is told that somebody else goes, or that nobody is needed, stays; whoever is asked again
after that answers again. They know nothing but what stands in the text and what `Case` has drawn for them.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from simulator.responders import called_off, is_page
from simulator.response.district import ENTRY_S, TRIES, Case, District

TURNS_S: Final = 60.0
CARE_S: Final = 60.0
"""From the resident to the word that all is well. Source: judgement."""


@dataclass(slots=True)
class Way:
    """What one person does about one incident."""

    pages: int = 0
    willing: bool = False
    """Has said yes once, and does so again."""
    busy: bool = False
    """Thinks about it, or goes."""
    off: asyncio.Event = field(default_factory=asyncio.Event)
    """Was told that he or she need not go."""
    asked_ms: int | None = None
    """When the first page rang."""
    left_ms: int | None = None
    door_ms: int | None = None
    inside_ms: int | None = None


@dataclass(slots=True)
class Crowd:
    """Everybody's phones during one incident."""

    district: District
    case: Case
    now_ms: Callable[[], int]
    say: Callable[[str, str], Awaitable[None]]
    """Number, words."""
    start: Callable[[Awaitable[None]], None]
    dead: frozenset[int] = frozenset()
    """Phones that do not ring."""
    ghosts: frozenset[int] = frozenset()
    """Who accepts and does not go."""
    turners: frozenset[int] = frozenset()
    """Who accepts and says a minute later that they cannot."""
    ways: list[Way] = field(default_factory=list)
    texts: int = 0

    def __post_init__(self) -> None:
        self.ways = [Way() for _ in self.district.duty.responders]

    async def ring(self, phone: str, body: str, code: str) -> None:
        """Take one text, in which this code stands."""
        k = int(phone[-3:])
        self.texts += 1
        if k in self.dead:
            return
        way = self.ways[k]
        if called_off(body):
            way.off.set()
        elif is_page(body):
            way.asked_ms = way.asked_ms or self.now_ms()
            if way.door_ms is None:
                way.off.clear()
            if not way.busy and way.door_ms is None:
                way.busy = True
                self.start(self._go(k, way, code, min(way.pages, TRIES - 1)))
            way.pages += 1

    async def _go(self, k: int, way: Way, code: str, page: int) -> None:
        case, phone = self.case, f"+8613900000{k:03d}"
        try:
            await asyncio.sleep(float(case.reply_s[k, page]))
            if not (way.willing or case.answers[k, page]):
                if case.declines[k] and page == 0:
                    await self.say(phone, f"{code} 3")
                return
            way.willing = True
            minutes = max(1, math.ceil((case.turnout_s[k] + case.trip_s[k]) / 60))
            await self.say(phone, f"{code} 1 {minutes}" if case.says_minutes[k] else f"{code} 1")
            if k in self.ghosts:
                return
            if k in self.turners:
                await asyncio.sleep(TURNS_S)
                await self.say(phone, f"{code} 3")
                return
            if await self._told_to_stay(way, float(case.turnout_s[k])):
                return
            way.left_ms = self.now_ms()
            if not case.says_minutes[k]:
                await self.say(phone, f"{code} 1 {max(1, math.ceil(case.trip_s[k] / 60))}")
            if await self._told_to_stay(way, float(case.trip_s[k])):
                return
            way.door_ms = self.now_ms()
            await self.say(phone, f"{code} 2")
            await asyncio.sleep(ENTRY_S)
            way.inside_ms = self.now_ms()
            await asyncio.sleep(CARE_S)
            await self.say(phone, f"{code} 6")
        finally:
            way.busy = False

    @staticmethod
    async def _told_to_stay(way: Way, after_s: float) -> bool:
        """Whether that comes before so many seconds are over."""
        try:
            async with asyncio.timeout(after_s):
                return await way.off.wait()
        except TimeoutError:
            return False
