"""A district: who is on shift, how far everybody lives from every home, and how one incident goes.

Takes a seed, gives a `District` (people, homes, travel times as the planner knows them) and, for each
incident, a `Case` with every delay drawn beforehand, so that different ways of paging can be compared on
the same incidents. Never knows what is done with it.

Figures: onset to decision lognormal with median 15 s and p95 30 s; answer median 25 s, p90 90 s; turnout
median 30 s, p90 60 s; travel median 4 min, p90 7 min, of which four fifths of the (log) variance lie between
pairs of person and home, which the planner knows, and one fifth between trips (judgement); texts median
2 s, p95 5 s, the planner's own figure; 30 s from door to resident.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from alerting.duty import Duty, Responder, Shift
from alerting.ledger import RosterRows
from alerting.policy import Policy

F64 = NDArray[np.float64]
Bools = NDArray[np.bool_]

PEOPLE: Final = 40
ON_SHIFT: Final = 12
HOMES: Final = 300
ENTRY_S: Final = 30.0
TARGET_S: Final = 600.0
ODDS: Final = (0.17, 0.30, 0.47)
"""Chances of an acceptance; the middle one is the usual one."""
TRIES: Final = 4
"""Pages of one incident to one person that may be answered differently."""
DECLINE: Final = 0.2
"""Of those who do not go, who say so. Source: judgement."""
EVERY_DAY: Final = frozenset(range(7))
_Z90: Final = 1.2815515655446004
_Z95: Final = 1.6448536269514722


@dataclass(frozen=True, slots=True)
class Lognormal:
    """A delay in seconds."""

    median_s: float
    sigma: float

    @classmethod
    def of(cls, median_s: float, *, p90_s: float | None = None, p95_s: float | None = None) -> Self:
        """Give the one with this median and one of these quantiles."""
        upper_s, z = (p90_s, _Z90) if p90_s is not None else (p95_s, _Z95)
        return cls(median_s, math.log((upper_s or median_s) / median_s) / z)

    @property
    def p90_s(self) -> float:
        """Nine in ten are at most this."""
        return self.median_s * math.exp(_Z90 * self.sigma)

    def draw(self, rng: np.random.Generator, size: int | tuple[int, ...]) -> F64:
        """Draw delays."""
        return self.median_s * np.exp(self.sigma * rng.standard_normal(size))


DECISION: Final = Lognormal.of(15, p95_s=30)
REPLY: Final = Lognormal.of(25, p90_s=90)
TURNOUT: Final = Lognormal.of(30, p90_s=60)
TRAVEL: Final = Lognormal.of(240, p90_s=420)
SEND: Final = Lognormal.of(2, p95_s=5)
BETWEEN: Final = Lognormal(TRAVEL.median_s, TRAVEL.sigma * math.sqrt(0.8))
TRIP: Final = Lognormal(1.0, TRAVEL.sigma * math.sqrt(0.2))
"""A factor: one trip against the usual one of that person to that home."""


@dataclass(frozen=True, slots=True)
class Case:
    """One incident, with everything that chance decides. People in the order of the district."""

    number: int
    home: str
    decision_s: float
    """From onset to decision."""
    answers: Bools
    """(people, TRIES): accepts that page."""
    declines: Bools
    """(people,) says so when not accepting."""
    says_minutes: Bools
    """(people,) names the minutes with the acceptance."""
    reply_s: F64
    """(people, TRIES) from the phone ringing to the answer."""
    turnout_s: F64
    """(people,) from the answer to the street."""
    trip_s: F64
    """(people,) from door to door."""
    send_s: F64
    """(people,) until the first page is on the phone."""


@dataclass(frozen=True, slots=True)
class District:
    """People, homes, and what the planner knows of them."""

    duty: Duty
    homes: tuple[str, ...]
    usual_s: F64
    """(people, homes) median travel time."""
    odds: float
    seed: int

    def case(self, number: int) -> Case:
        """Draw incident `number`; the same for every way of paging."""
        rng = np.random.default_rng([self.seed, number])
        at, people = int(rng.integers(len(self.homes))), len(self.duty.responders)
        return Case(
            number=number,
            home=self.homes[at],
            decision_s=float(DECISION.draw(rng, 1)[0]),
            answers=rng.random((people, TRIES)) < self.odds,
            declines=rng.random(people) < DECLINE,
            says_minutes=rng.random(people) < 0.5,
            reply_s=REPLY.draw(rng, (people, TRIES)),
            turnout_s=TURNOUT.draw(rng, people),
            trip_s=self.usual_s[:, at] * TRIP.draw(rng, people),
            send_s=SEND.draw(rng, people),
        )

    def planned_s(self, home: str) -> F64:
        """(people,) 90th percentile of the travel time to a home, as the planner has it."""
        return np.array([self.duty.travel_s[r, home] for r in self.duty.responders])

    def in_reach(
        self, case: Case, policy: Policy, onset_ms: int, decided_ms: int, working: Sequence[bool]
    ) -> list[int]:
        """Give those who make the incident feasible: with a page at once they would be inside in time.

        On shift, phone working, latest page at least 5 s ahead, and every delay drawn within the percentile
        that the planner uses.
        """
        due_ms, out = onset_ms + int(TARGET_S * 1000), []
        planned_s = self.planned_s(case.home)
        shift = {s.responder for s in self.duty.shifts}
        for k, one in enumerate(self.duty.responders.values()):
            limits_s = (policy.send_p95_s, one.reply_p90_s, one.turnout_p90_s, float(planned_s[k]))
            drawn_s = (case.send_s[k], case.reply_s[k, 0], case.turnout_s[k], case.trip_s[k])
            latest_ms = due_ms - int(1000 * (sum(limits_s) + ENTRY_S))  # not the planner's own sum
            if (
                one.id in shift
                and working[k]
                and latest_ms >= decided_ms + 5_000
                and case.answers[k, 0]
                and all(d <= most for d, most in zip(drawn_s, limits_s, strict=True))
            ):
                out.append(k)
        return out


def district(seed: int, odds: float, timezone: str = "Asia/Shanghai") -> District:
    """Draw a district: 40 people, 12 of them on shift round the clock, the others off."""
    rng = np.random.default_rng([seed, 0xD157])
    usual_s = BETWEEN.draw(rng, (PEOPLE, HOMES))
    homes = tuple(f"h{n:03d}" for n in range(HOMES))
    people = {
        f"r{k:02d}": Responder(
            id=f"r{k:02d}",
            phone=f"+8613900000{k:03d}",
            language="zh" if k % 4 else "en",
            reply_odds=odds,
            reply_p90_s=REPLY.p90_s,
            turnout_p90_s=TURNOUT.p90_s,
        )
        for k in range(PEOPLE)
    }
    on = rng.choice(PEOPLE, ON_SHIFT, replace=False)
    duty = Duty(
        responders=people,
        shifts=tuple(Shift(f"r{k:02d}", EVERY_DAY, 0, 0) for k in sorted(on)),
        travel_s={
            (r, h): float(usual_s[k, n]) * TRIP.p90_s
            for k, r in enumerate(people)
            for n, h in enumerate(homes)
        },
        default_travel_s=TRAVEL.p90_s,
        entry_s=dict.fromkeys(homes, ENTRY_S),
        timezone=timezone,
        cards={},
    )
    return District(duty, homes, usual_s, odds, seed)


def roster_rows(duty: Duty) -> RosterRows:
    """People as rows of the ledger, so that their answers are known by their numbers."""
    people = duty.responders.values()
    columns = ("id", "language", "reply_odds", "reply_p90_s", "turnout_p90_s", "active")
    return RosterRows(
        people=tuple({"id": r.id, "name": r.id, "phone": r.phone, "address": None} for r in people),
        sites=({"id": "district", "timezone": duty.timezone, "default_travel_s": duty.default_travel_s},),
        homes=(),
        rooms=(),
        zones=(),
        sensors=(),
        responders=tuple({c: getattr(r, c) for c in columns} for r in people),
        shifts=(),
        travels=(),
    )
