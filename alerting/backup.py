"""Somebody goes: is that enough, or should another one go too, in case?

Pure: takes what is known of those who go, of those who could, the policy and the time; gives whom to ask
now, when to ask this again, and whether a second person is wanted. For HIGH incidents that somebody holds and
where nobody stands at the door yet:

1. Whoever goes is expected inside at their own time of arrival plus entry, or, without one, at the 90th
   percentiles of turnout and travel. By the deadline: in time with a chance of `held_odds`. Later: 0.
2. Nobody expected at least `reserve_s` before the deadline: another one is wanted now. Volunteers (who
   have accepted and were told to stay) that would be there earlier are asked to go after all; with them,
   and those whose answer may still come, the joint chance of somebody in time shall reach
   `wave_confidence`, else people who have not been asked are added, most slack first.
3. Otherwise nobody is asked as long as others could still be. Somebody's last moment has come (latest page
   less the margin): asked now, unless the chance reaches `confidence` without them, by those who could
   still be asked later; for HIGH that is 1 as shipped: everybody's last moment finds them asked.
   So the last moment of all never passes on the word of one person alone.

Nobody is released by this: who goes goes on, and holds the incident until the lease ends.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod

from alerting.policy import Policy


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of the people of one incident, times in ms."""

    due_ms: int
    """By when somebody must be inside."""
    going: Mapping[str, int]
    """Responder → when they are expected inside."""
    latest: Mapping[str, int]
    """Responder who could still go → the last moment to ask."""
    asked: Mapping[str, int]
    """Responder of `latest` who was asked → until when an answer can be hoped for."""
    volunteers: frozenset[str]
    """Those of `latest` who have accepted and were told to stay."""
    odds: Mapping[str, float]
    """Responder of `latest` → chance of an acceptance."""
    confidence: float
    """Chance of somebody in time below which another one is asked at their last moment."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What to do beside those who go."""

    page: tuple[str, ...]
    wanted: bool
    """Whoever says yes now is to go too."""
    next_ms: int | None
    """When to ask again if nothing happens before."""


def backup(standing: Standing, policy: Policy, now_ms: int) -> Backup:
    """Decide whether another one is asked to go."""
    s, reserve_ms = standing, int(policy.reserve_s * 1000)
    held = in_time_chance(s.going.values(), s.due_ms, policy)
    fresh = {r for r in s.latest if r not in s.asked or r in s.volunteers}
    hope = 1 - prod(
        1 - s.odds[r] for r, until_ms in s.asked.items() if until_ms > now_ms and r not in s.volunteers
    )
    by_slack = sorted(fresh, key=lambda r: -s.latest[r])
    if min(s.going.values()) > s.due_ms - reserve_ms:
        return _now(s, by_slack, 1 - (1 - held) * (1 - hope), policy, now_ms)
    page, waiting = list[str](), list[str]()
    sure = held
    for r in by_slack:  # those with time left keep the chance up; the others are asked if it falls short
        last_ms = s.latest[r] - int(policy.margin_s * 1000)
        if last_ms > now_ms:
            waiting.append(r)
            sure = 1 - (1 - sure) * (1 - _odds(s, r, policy))
        elif s.latest[r] >= now_ms and sure < s.confidence:
            page.append(r)
            sure = 1 - (1 - sure) * (1 - _odds(s, r, policy))
    moments = [s.latest[r] - int(policy.margin_s * 1000) for r in waiting]
    return Backup(tuple(page), bool(page), min(moments, default=None))


def in_time_chance(expected_ms: Iterable[int], due_ms: int, policy: Policy) -> float:
    """Chance that one of those who go is there in time, by when they are expected."""
    return 1 - prod(1 - policy.held_odds * (ms <= due_ms) for ms in expected_ms)


def _now(s: Standing, by_slack: list[str], chance: float, policy: Policy, now_ms: int) -> Backup:
    """Step 2."""
    page = []
    for r in sorted(by_slack, key=lambda r: r not in s.volunteers):
        last = s.latest[r] - int(policy.margin_s * 1000) <= now_ms
        enough = max(policy.wave_confidence, s.confidence if last else 0.0)
        if s.latest[r] >= now_ms and chance < enough:
            page.append(r)
            chance = 1 - (1 - chance) * (1 - _odds(s, r, policy))
    waits = [s.latest[r] - int(policy.margin_s * 1000) for r in by_slack if r not in page]
    hopes = [ms for ms in s.asked.values() if ms > now_ms]
    return Backup(tuple(page), True, min([ms for ms in waits + hopes if ms > now_ms], default=None))


def _odds(s: Standing, r: str, policy: Policy) -> float:
    return policy.held_odds if r in s.volunteers else s.odds[r]
