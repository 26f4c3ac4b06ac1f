"""What a provider lets through in a day: which channel is no way any more, and when a cap will be reached.

Pure: takes the caps of the settings and what has gone out in the last 24 hours; gives channels and times.

1. Counted is what has gone out within the last 24 hours, possible copies too, but for those of a text that
   was given up as not confirmed. Aliyun counts so; where a day begins at midnight (T-Mobile in the US) this
   is never less than what the provider counts of these.
2. What is about a HIGH or MEDIUM incident in earnest may use a cap to its end. Everything else (LOW, drills,
   news, handovers) stops where the reserve begins.
3. A channel whose cap is reached is closed: the next way is taken. Where none is left, what is urgent is
   tried by it all the same, for the cap may be wrong; everything else waits (readiness.py).
4. Outlook: what is in the last 24 hours falls out of them hour by hour, the mean rate of these hours goes on,
   and what is open takes what an incident usually takes.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
TO_ONE: Final = 4
"""Texts that one person gets of an incident: a page, two answers, a stand-down."""
TO_ALL: Final = 37
"""Texts of a simulated HIGH incident at reply odds of 30 % (docs/alerting.md)."""

Carried = Mapping[str, Mapping[str, int]]
"""Channel → responder → texts of the last 24 hours."""


@dataclass(frozen=True, slots=True)
class Cap:
    """What one channel lets through in 24 hours; None = no limit is known."""

    per_number_per_day: int | None = None
    per_day: int | None = None


@dataclass(frozen=True, slots=True)
class Quotas:
    """The caps and what is used of them."""

    caps: Mapping[str, Cap] = field(default_factory=dict)
    reserve: float = 0.0
    """Share of each cap that is kept for what is urgent; 0 to 1."""
    carried: Carried = field(default_factory=dict)
    whole: Mapping[str, int] = field(init=False)
    """Channel → texts to everybody, counted once: a look asks for every person."""

    def __post_init__(self) -> None:
        """Count."""
        object.__setattr__(self, "whole", {name: sum(to.values()) for name, to in self.carried.items()})

    def closed(self, responder: str, *, urgent: bool) -> frozenset[str]:
        """Give the channels that are no way to somebody any more."""
        return frozenset(name for name in self.caps if self._is_closed(name, responder, urgent))

    def _is_closed(self, name: str, responder: str, urgent: bool) -> bool:
        cap, to_one = self.caps[name], self.carried.get(name, {}).get(responder, 0)
        limits = ((cap.per_number_per_day, to_one), (cap.per_day, self.whole.get(name, 0)))
        return any(
            most is not None and used >= most - (0 if urgent else kept(most, self.reserve))
            for most, used in limits
        )


@dataclass(frozen=True, slots=True)
class Outlook:
    """One cap as it stands; ms since 1970, UTC."""

    channel: str
    responder: str | None
    """Whose number; None: the cap of all together."""
    used: int
    cap: int
    kept: int
    """How many of these are kept for what is urgent."""
    reached_ms: int | None
    """When it is reached if things go on like this; None = not within 24 hours."""


def kept(most: int, reserve: float) -> int:
    """How many texts of a cap are kept for what is urgent."""
    return math.ceil(most * reserve)


def outlook(
    caps: Mapping[str, Cap],
    reserve: float,
    hours: Mapping[str, Mapping[str, Mapping[int, int]]],
    urgent: int,
    now_ms: int,
) -> list[Outlook]:
    """Say of every cap when it will be reached.

    Parameters
    ----------
    hours
        channel → responder → hour since 1970 → texts, of the last 24 hours.
    urgent
        how many HIGH and MEDIUM incidents are open.
    """
    found = []
    for name, cap in caps.items():
        to = hours.get(name, {})
        if cap.per_day is not None:
            all_of_it = [(hour, n) for some in to.values() for hour, n in some.items()]
            reached_ms = _reached_ms(all_of_it, cap.per_day, TO_ALL * urgent, now_ms)
            used = sum(n for _, n in all_of_it)
            found.append(Outlook(name, None, used, cap.per_day, kept(cap.per_day, reserve), reached_ms))
        most = cap.per_number_per_day
        if most is not None:
            for responder, some in to.items():
                reached_ms = _reached_ms(list(some.items()), most, TO_ONE * urgent, now_ms)
                used = sum(some.values())
                found.append(Outlook(name, responder, used, most, kept(most, reserve), reached_ms))
    return found


def worth_telling(found: Iterable[Outlook]) -> list[Outlook]:
    """Give the caps of all together; of single numbers those to be reached, or near their reserve."""
    return [
        o for o in found if o.responder is None or o.reached_ms is not None or o.used >= o.cap - 2 * o.kept
    ]


def _reached_ms(sent: Sequence[tuple[int, int]], most: int, soon: int, now_ms: int) -> int | None:
    """When so many are in 24 hours; `sent`: (hour since 1970, texts)."""
    rate = sum(n for _, n in sent) / DAY_MS
    for later_ms in range(0, DAY_MS + 1, HOUR_MS):
        still = sum(n for hour, n in sent if (hour + 1) * HOUR_MS > now_ms + later_ms - DAY_MS)
        if still + soon + rate * later_ms >= most:
            return now_ms + later_ms
    return None
