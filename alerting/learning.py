"""What the past says of people: how likely somebody says yes at this hour, how long they take to a home.

Pure: takes pages and trips of the past, gives people as the planner is to have them now. Never forgets the
roster: its figures are worth `PRIOR_PAGES` pages and `PRIOR_TRIPS` trips.

1. A page counts as answered when its person accepted within the window, as unanswered when the window
   passed in silence or with a "no". Taken by somebody else before that, it says nothing and is left out.
2. Odds: the mean of a Beta distribution, first of the person at all hours, then of the hours of the day
   around now (`BLOCK_H`), for which all hours are worth `PRIOR_PAGES` pages again. Kept within `ODDS`:
   nobody is ever given up, nobody is ever certain.
3. Travel: log-normal with spread `SIGMA`; the roster's 90th percentile is worth `PRIOR_TRIPS` trips. What all
   trips of these hours took longer than usual is a factor for everybody (rush hour).
"""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from alerting.duty import Duty, Responder
from alerting.policy import Policy

PRIOR_PAGES: Final = 10.0
"""Two or three weeks of a shift. Source: judgement."""
PRIOR_TRIPS: Final = 3.0
"""Source: judgement."""
BLOCK_H: Final = 4
"""Hours that are taken together: night, early morning, and so on. Source: judgement."""
ODDS: Final = (0.02, 0.98)
SIGMA: Final = 0.2
"""Of the logarithm of one trip against another of the same person to the same home. Source: judgement."""
PRIOR_HOUR_TRIPS: Final = 10.0
FACTOR: Final = (0.7, 2.0)
"""The least and the most that the hour makes of a travel time. Source: judgement."""
Z90: Final = 1.2815515655446004


@dataclass(frozen=True, slots=True)
class PastPage:
    """One page that was sent; times in ms since 1970, UTC."""

    responder: str
    sent_ms: int
    accepted_ms: int | None
    """When its person accepted."""
    taken_ms: int | None
    """When somebody else accepted."""


@dataclass(frozen=True, slots=True)
class PastTrip:
    """One trip from the word that somebody leaves to the word that they are there."""

    responder: str
    home: str
    left_ms: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Past:
    """What happened lately."""

    pages: tuple[PastPage, ...] = ()
    trips: tuple[PastTrip, ...] = ()

    def followed_by(self, later: "Past", since_ms: int) -> "Past":
        """Give both as one, without what is older than `since_ms`."""
        return Past(
            tuple(p for p in self.pages + later.pages if p.sent_ms >= since_ms),
            tuple(t for t in self.trips + later.trips if t.left_ms >= since_ms),
        )


def learnt(duty: Duty, past: Past, policy: Policy, now_ms: int) -> Duty:
    """Give people with what the past says of them at this hour."""
    zone = ZoneInfo(duty.timezone)
    block = _block(now_ms, zone)
    said = _counted(past.pages, policy, zone)
    median_s = _medians(duty, past.trips)
    ratios = [
        math.log(t.seconds / median_s[t.responder, t.home])
        for t in past.trips
        if (t.responder, t.home) in median_s and _block(t.left_ms, zone) == block
    ]
    factor = math.exp(sum(ratios) / (len(ratios) + PRIOR_HOUR_TRIPS))
    own = {pair: s * math.exp(Z90 * SIGMA) for pair, s in median_s.items()}
    return replace(
        duty,
        responders={r: _odds(one, said, block) for r, one in duty.responders.items()},
        travel_s={**duty.travel_s, **own} if own else duty.travel_s,
        travel_factor=min(max(factor, FACTOR[0]), FACTOR[1]),
    )


Said = Counter[tuple[str, int, bool]]
"""(responder, block of hours, accepted) → pages."""


def _counted(pages: Sequence[PastPage], policy: Policy, zone: ZoneInfo) -> Said:
    said: Said = Counter()
    for page in pages:
        ends_ms = page.sent_ms + int(policy.wave_window_s * 1000)
        yes = page.accepted_ms is not None and page.accepted_ms <= ends_ms
        if yes or page.taken_ms is None or page.taken_ms > ends_ms:
            said[page.responder, _block(page.sent_ms, zone), yes] += 1
    return said


def _odds(one: Responder, said: Said, block: int) -> Responder:
    def counts(blocks: Sequence[int]) -> tuple[int, int]:
        yes = sum(said[one.id, b, True] for b in blocks)
        return yes, yes + sum(said[one.id, b, False] for b in blocks)

    yes, asked = counts(range(24 // BLOCK_H))
    always = (PRIOR_PAGES * one.reply_odds + yes) / (PRIOR_PAGES + asked)
    yes, asked = counts([block])
    now = (PRIOR_PAGES * always + yes) / (PRIOR_PAGES + asked)
    return replace(one, reply_odds=min(max(now, ODDS[0]), ODDS[1]))


def _medians(duty: Duty, trips: Sequence[PastTrip]) -> dict[tuple[str, str], float]:
    """Usual travel time in seconds, of those who have made the trip."""
    made: dict[tuple[str, str], list[float]] = defaultdict(list)
    for trip in trips:
        if trip.responder in duty.responders and trip.seconds > 0:
            made[trip.responder, trip.home].append(math.log(trip.seconds))
    out = {}
    for pair, logs in made.items():
        before = math.log(duty.travel_s.get(pair, duty.default_travel_s)) - Z90 * SIGMA
        out[pair] = math.exp((PRIOR_TRIPS * before + sum(logs)) / (PRIOR_TRIPS + len(logs)))
    return out


def _block(t_ms: int, zone: ZoneInfo) -> int:
    return datetime.fromtimestamp(t_ms / 1000, tz=zone).hour // BLOCK_H
