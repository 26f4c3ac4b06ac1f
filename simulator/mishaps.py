"""The one fall of an ordinary week: of which kind, when, in which room, and what follows it.

Takes a diary and the rooms that somebody watches; gives the diary with a fall in it, and more of them as
long as the caller is not content. Never moves a body (diary.py does) and sees no picture.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from simulator.falls import After, FallKind
from simulator.people import SEATS
from simulator.weeks import ACTIVE, AWAKE_S, Week, interrupted
from simulator.world import Doing, Plan, Room, Segment, Truth

HOUR_S: Final = 3_600.0
SHARES: Final[Mapping[FallKind, float]] = {
    FallKind.TRIP: 0.21,
    FallKind.SIDEWAYS: 0.20,
    FallKind.CHAIR: 0.12,
    FallKind.FAINT: 0.11,
    FallKind.STRUGGLE: 0.11,
    FallKind.SLIDE: 0.10,
    FallKind.BED: 0.08,
    FallKind.SLIP: 0.07,
}
"""Of 227 filmed falls in long-term care 21 % were trips, 41 % a weight badly shifted, 11 % collapses, 11 % a
support that gave way, 11 % a bump, 3 % slips; 12 % while sitting down (Robinovitch, Lancet 381:47). Bedrooms
and bathrooms were not filmed: shares of bed and slip, and how the rest is spread over our kinds, are
judgement.
"""
SETTINGS: Final[Mapping[FallKind, frozenset[Doing]]] = {
    **dict.fromkeys(FallKind, ACTIVE),
    FallKind.CHAIR: frozenset({Doing.REST, Doing.EAT}),
    FallKind.BED: frozenset({Doing.SLEEP, Doing.NAP}),
    FallKind.SLIP: frozenset({Doing.TOILET, Doing.WASH}),  # on a wet floor
}
"""What somebody was doing; all else happens on their feet."""
AFTERWARDS: Final[Mapping[After, float]] = {
    After.STILL: 0.5,
    After.STRUGGLING: 0.2,
    After.CRAWLING: 0.1,
    After.RECOVERS: 0.2,
}
"""Judgement; recovered falls count for the suspicion only."""
LIES_S: Final = (1200.0, 5400.0)  # until somebody comes: 20 to 90 min; half lie over an hour (BMJ 337:a2227)
FROM_S: Final = 7 * HOUR_S  # what a home is like is learnt first
LEFT_S: Final = HOUR_S  # from the help to the end
SOON_S: Final = 20.0  # after the beginning of what one was doing
OVER_S: Final = 2700.0  # who is helped sooner has not been too long in the bathroom or out of bed (DESIGN 8)
TRIES: Final = 12  # moments of one kind before the next kind is tried


@dataclass(frozen=True, slots=True)
class Mishap:
    """A fall in a diary; the stretch of it that is DOWN begins when the balance is lost."""

    kind: FallKind
    after: After
    week: Week


def mishaps(week: Week, plan: Plan, rooms: Collection[int], rng: np.random.Generator) -> Iterator[Mishap]:
    """Draw falls that may happen in these rooms, each as likely at any moment that fits its kind.

    The kind is kept for TRIES moments, then comes another one; ends when all kinds have had theirs, at once
    when somebody is never at home. Somebody always comes in the end, so nobody gets up alone.
    """
    kinds, stays = [*SHARES], [a for a in AFTERWARDS if a is not After.RECOVERS]
    odds = np.array([AFTERWARDS[a] for a in stays])
    for k in rng.choice(len(kinds), len(kinds), replace=False, p=[*SHARES.values()]).tolist():
        for _ in range(TRIES):
            lies_s = float(rng.uniform(*LIES_S))
            after = stays[int(rng.choice(len(stays), p=odds / odds.sum()))]
            moments = _moments(week, plan, rooms, kinds[k], lies_s)
            if not moments:
                break
            long_s = np.array([b - a for _, a, b in moments])
            of, from_s, to_s = moments[int(rng.choice(len(moments), p=long_s / long_s.sum()))]
            onset_s = float(rng.uniform(from_s, to_s))
            down = Segment(onset_s, onset_s + lies_s, Doing.DOWN, of.room)
            hit = interrupted(week, down)
            rows = (*hit.truth, *_too_long(week, plan, of, down))
            hit = replace(hit, truth=tuple(sorted(rows, key=lambda r: (r.start_s, r.label))))
            yield Mishap(kinds[k], after, hit)


def _moments(
    week: Week, plan: Plan, rooms: Collection[int], kind: FallKind, lies_s: float
) -> list[tuple[Segment, float, float]]:
    """Stretches in which it may begin, with the first and the last moment of each."""
    last_s = week.segments[-1].end_s - LEFT_S - lies_s
    found = [
        (s, max(s.start_s + SOON_S, FROM_S), min(s.end_s, last_s))
        for s in week.segments
        if s.room in rooms and s.doing in SETTINGS[kind] and _has(plan.rooms[s.room], kind)
    ]
    return [(s, a, b) for s, a, b in found if a < b]


def _too_long(week: Week, plan: Plan, of: Segment, down: Segment) -> tuple[Truth, ...]:
    """What is true besides of who lies in the bathroom, or out of bed at night, for OVER_S or longer."""
    if down.end_s - down.start_s < OVER_S:
        return ()
    if down.room == plan.index("bathroom"):
        return (Truth(down.start_s, down.end_s, "bathroom-overstay"),)
    sleep = [s for s in week.segments if s.doing is Doing.SLEEP]
    slept_s = max((s.end_s for s in sleep if s.end_s <= of.start_s), default=-np.inf)
    again_s = min((s.start_s for s in sleep if s.start_s >= of.end_s), default=np.inf)
    night = of.doing is Doing.SLEEP or again_s - slept_s < AWAKE_S
    return (Truth(down.start_s, down.end_s, "night-out-of-bed"),) if night else ()


def _has(room: Room, kind: FallKind) -> bool:
    """Whether the room has what one falls from."""
    if kind is FallKind.BED:
        return room.zone("bed") is not None
    return kind is not FallKind.CHAIR or any(z.kind in SEATS and z.name != "toilet" for z in room.zones)
