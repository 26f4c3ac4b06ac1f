"""The planner: whom to page now, when to look again, and when nobody is left.

Pure: takes an incident, the people on duty, what has been asked and answered so far, the policy and the
time; gives a `Plan`. Never waits, writes or sends.

For HIGH and MEDIUM, while nobody holds the incident (or help is wanted; while somebody goes: backup.py):

1. Feasible: on duty (or asked while on duty), not declined, not unreachable, and now ≤ latest page
   (in_time.py). Whoever has not been asked can be until their shift ends: after those who stay, and before
   they leave.
2. Hope: feasible people who were paged less than a wave window ago and whose answer would still be in time.
3. Whoever's latest page is within the margin is paged now: it is now or never.
4. While the hope's joint chance of at least one acceptance is below 95 %, add feasible people who have not
   been paged, until it is reached: those who get in before those who do not, where help is wanted those with
   the skill for it before those without, then most slack first (they will be there soonest). So the first
   wave is the smallest such set; the next one comes when the window is over, at once when somebody declines
   or turns out to be unreachable, and in any case a margin before the earliest remaining latest page.
5. Nobody to add and no hope left: HIGH goes to the last resort at once. MEDIUM first pages those on duty
   who will be late, and goes to the last resort when D has passed.
6. Last resort: everybody active, on duty or not, who has not declined; whoever was paged before is paged
   once more, for HIGH again after each repeat.

Whoever holds the incident or not, it is looked at again when shifts change.

LOW goes once a round to all who are on duty, without countdown; in quiet hours not before they end, unless
it is about an area. A drill is MEDIUM without step 6.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import prod
from typing import Final
from zoneinfo import ZoneInfo

from alerting.backup import Standing, backup, in_time_chance
from alerting.concern import Kind, Severity
from alerting.duty import Duty
from alerting.in_time import due_by_ms, entry_s, latest_page_ms, latest_pages
from alerting.incident import Accepted, Incident, State
from alerting.policy import Policy
from alerting.shifts import changes_ms, on_duty

MINUTE_MS: Final = 60_000
DAY_MS: Final = 24 * 60 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now."""

    page: tuple[str, ...]
    """Responder ids, in the order in which to page them."""
    next_ms: int | None
    """When to plan again if nothing happens before; None = only when something happens."""
    last_resort: bool
    """Call for voice to all, the siren and 120."""
    backup: bool = False
    """Somebody goes; whoever says yes now is to go too."""


@dataclass(frozen=True, slots=True)
class Going:
    """The word of somebody who goes."""

    said_ms: int
    minutes: int | None
    """Until the door, from then; None where they named none."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked and answered so far; times in ms."""

    paged: Mapping[str, int] = field(default_factory=dict)
    """Responder → time of the latest page in this round, sent or still on its way."""
    declined: AbstractSet[str] = frozenset()
    """Those who have said that they cannot."""
    unreachable: AbstractSet[str] = frozenset()
    """Those to whom no channel gets through."""
    going: Mapping[str, Going] = field(default_factory=dict)
    """Those who have accepted and were told to go."""
    lapsed: AbstractSet[str] = frozenset()
    """Those who had accepted and did not come."""
    volunteers: Mapping[str, int] = field(default_factory=dict)
    """Those who have accepted, were told to stay, and have not been asked since → when they did."""


@dataclass(frozen=True, slots=True)
class _Case:
    """One incident at one moment, with everything that bears on it."""

    incident: Incident
    duty: Duty
    asked: Asked
    policy: Policy
    now_ms: int

    @property
    def away(self) -> AbstractSet[str]:
        """Those who need not be asked."""
        goes = {self.incident.acceptor} if self.incident.acceptor else set()
        return self.asked.declined | self.asked.unreachable | goes

    @property
    def asked_on_duty(self) -> AbstractSet[str]:
        """Those who were asked, or said yes, while their shift lasted; its end changes nothing for them."""
        there = set(on_duty(self.duty, self.now_ms))
        told = [*self.asked.paged.items(), *self.asked.volunteers.items()]
        then = {ms: on_duty(self.duty, ms) for r, ms in told if r not in there}
        return {r for r, ms in told if r in there or r in then[ms]}


def plan(incident: Incident, duty: Duty, asked: Asked, policy: Policy, now_ms: int) -> Plan:
    """Decide whom to page now."""
    if incident.state is State.ON_SCENE and duty.keyholders:
        duty = replace(duty, keyholders={})  # the door is open
    case = _Case(incident, duty, asked, policy, now_ms)
    if is_held(incident):
        return _until_shifts_change(case, _held(case))
    if not incident.wants_people:
        return Plan((), None, last_resort=False)
    if incident.severity is Severity.LOW:
        return _low(case)
    return _until_shifts_change(case, _wave(case) or _without_hope(case))


def is_held(incident: Incident) -> bool:
    """Whether somebody goes and is not there yet, and it is for us to see whether that is enough."""
    urgent = incident.severity is not None and incident.severity > Severity.LOW
    return urgent and incident.state in {State.ACCEPTED, State.EN_ROUTE} and incident.help_ms is None


def _until_shifts_change(case: _Case, found: Plan) -> Plan:
    """Look again no later than when somebody comes or leaves."""
    until_ms = case.now_ms + DAY_MS if found.next_ms is None else found.next_ms
    change_ms = next(iter(changes_ms(case.duty, case.now_ms, until_ms)), None)
    return found if change_ms is None else replace(found, next_ms=change_ms)


def _held(case: _Case) -> Plan:
    """Somebody goes: whether another one is to go too."""
    incident, duty, policy = case.incident, case.duty, case.policy
    due_ms = due_by_ms(incident, policy)
    latest = latest_pages(incident.home, due_ms, duty, policy, case.now_ms, case.asked_on_duty)
    high = incident.severity is Severity.HIGH
    going, away = _expected(case), case.away
    latest = {r: ms for r, ms in latest.items() if r not in away and r not in going}
    standing = Standing(
        due_ms=due_ms,
        going=going,
        latest=latest,
        asked={r: _hope_ends_ms(case, r, latest[r]) for r in latest if r in case.asked.paged},
        volunteers=frozenset(case.asked.volunteers.keys() & latest.keys()),
        odds={r: duty.responders[r].reply_odds for r in latest},
        confidence=policy.backup_confidence if high else policy.wave_confidence,
    )
    found = backup(standing, policy, case.now_ms)
    lease_ms = int(policy.lease_s * 1000)
    silent_ms = (ms + lease_ms + 1 for r, ms in going.items() if r != incident.acceptor)
    again_ms = [*silent_ms, *filter(None, (found.next_ms,))]
    return Plan(found.page, min(again_ms, default=None), last_resort=False, backup=found.wanted)


def goes_too(  # noqa: PLR0917  # each is a fact of its own
    incident: Incident, yes: Accepted, going: Mapping[str, Going], duty: Duty, policy: Policy, now_ms: int
) -> bool:
    """Whether somebody who says yes while another one holds the incident goes as well.

    Whoever was told to go (`going`) is not told to stay by the next word. For HIGH, beside: whoever would be
    in time now, and would have to be asked again within `stay_at_least_s`, or could not be any more, unless
    those who go are there in time with a chance of `backup_confidence`. Minutes are rounded up by whoever
    names them, so they may be one less.
    """
    person, who = duty.responders.get(yes.responder), yes.responder
    if person is None or not is_held(incident) or incident.kind is Kind.DRILL or who == incident.acceptor:
        return False
    if who in going:
        return True
    due_ms = due_by_ms(incident, policy)
    again_ms = latest_page_ms(person, incident.home, due_ms, duty, policy)
    again_ms -= int(1000 * (policy.margin_s + policy.stay_at_least_s))
    if incident.severity is not Severity.HIGH or again_ms > now_ms:
        return False
    case = _Case(incident, duty, Asked(going={**going, who: Going(now_ms, yes.minutes)}), policy, now_ms)
    expected = _expected(case)
    mine_ms = expected.pop(who) - (0 if yes.minutes is None else MINUTE_MS)
    held = in_time_chance(expected.values(), due_ms, policy)
    return mine_ms <= due_ms and held < policy.backup_confidence


def _expected(case: _Case) -> dict[str, int]:
    """When those who go are expected inside; whoever says nothing for longer than a lease is not."""
    acceptor = case.incident.acceptor
    expected = {r: _inside_ms(case, r) for r in {*case.asked.going, *filter(None, (acceptor,))}}
    silent_ms = case.now_ms - int(case.policy.lease_s * 1000)  # the lease of who holds it ends by itself
    return {r: ms for r, ms in expected.items() if r == acceptor or ms >= silent_ms}


def _inside_ms(case: _Case, responder: str) -> int:
    """When somebody who goes is expected to be with the resident."""
    incident, duty, policy = case.incident, case.duty, case.policy
    word = case.asked.going.get(responder) or Going(incident.accepted_ms or case.now_ms, incident.eta_minutes)
    if word.minutes is not None:
        way_s = 60.0 * word.minutes
    else:
        person = duty.responders.get(responder)
        turnout_s = 0.0 if person is None else person.turnout_p90_s
        way_s = turnout_s + duty.travel_p90_s(responder, incident.home)
    return word.said_ms + int(1000 * (way_s + entry_s(responder, incident.home, duty, policy)))


def _hope_ends_ms(case: _Case, responder: str, latest_ms: int) -> int:
    """End of the hope for an answer: the window's, or the last moment at which one would be in time."""
    reply_ms = int(case.duty.responders[responder].reply_p90_s * 1000)
    window_ms = int(case.policy.wave_window_s * 1000)
    return min(case.asked.paged[responder] + window_ms, latest_ms + reply_ms)


def lease_cap_ms(
    incident: Incident, duty: Duty, away: AbstractSet[str], policy: Policy, now_ms: int
) -> int | None:
    """The last moment at which somebody else could still be there in time, in ms; None when nobody could.

    None too for a lease with a time of arrival: it holds, and backup.py asks others beside it.

    The next person is the one with the most slack; a lease that outlived that moment would leave the
    deadline to the acceptor alone.
    """
    if incident.deadline_ms is None or incident.eta_ms is not None:
        return None
    latest = latest_pages(incident.home, incident.deadline_ms, duty, policy, now_ms)
    others = [ms for r, ms in latest.items() if r != incident.acceptor and r not in away]
    cap_ms = max(others, default=0) - int(policy.margin_s * 1000)
    return cap_ms if cap_ms > now_ms else None


def quiet_until_ms(duty: Duty, policy: Policy, now_ms: int) -> int | None:
    """When the quiet hours that hold now end, by the site's clock; None = they do not hold."""
    zone = ZoneInfo(duty.timezone)
    local = datetime.fromtimestamp(now_ms / 1000, tz=zone)
    begin, end = policy.quiet_from_h, policy.quiet_to_h
    hour = local.hour + local.minute / 60 + local.second / 3600
    quiet = begin <= hour < end if begin <= end else hour >= begin or hour < end
    if not quiet:
        return None
    midnight = datetime(local.year, local.month, local.day, tzinfo=zone)
    days, minutes = int(hour >= end), round(end * 60)
    over = midnight + timedelta(days=days, minutes=minutes)  # by what the clock shows, whatever day it is
    return int(over.timestamp() * 1000)


def _low(case: _Case) -> Plan:
    if case.incident.wave or case.asked.paged.keys() - case.asked.lapsed:
        return Plan((), None, last_resort=False)
    quiet_ms = None if case.incident.is_area else quiet_until_ms(case.duty, case.policy, case.now_ms)
    if quiet_ms is not None:
        return Plan((), quiet_ms, last_resort=False)
    able = [r for r in on_duty(case.duty, case.now_ms) if r not in case.away]
    there = tuple(r for r in able if r not in case.asked.lapsed) or tuple(able)
    look_again_ms = None if there else case.now_ms + int(case.policy.wave_window_s * 1000)  # until a shift
    return Plan(there, look_again_ms, last_resort=False)


def _wave(case: _Case) -> Plan | None:
    """Steps 1 to 4; None when nobody can be added and no answer can be hoped for."""
    incident, duty, policy, now_ms = case.incident, case.duty, case.policy, case.now_ms
    margin_ms, away = int(policy.margin_s * 1000), case.away
    everybody = latest_pages(
        incident.home, due_by_ms(incident, policy), duty, policy, now_ms, case.asked_on_duty
    )
    latest = {r: ms for r, ms in everybody.items() if r not in away}
    asked = {r: _hope_ends_ms(case, r, latest[r]) for r in latest if r in case.asked.paged}
    hope = {r: ms for r, ms in asked.items() if ms > now_ms}
    able = (r for r, ms in latest.items() if r not in asked and ms >= now_ms)
    home = incident.home
    fresh = sorted(able, key=lambda r: (not duty.gets_in(r, home), not _has_skill(case, r), -latest[r]))
    page = [r for r in fresh if latest[r] - margin_ms <= now_ms]
    for r in fresh:
        if _chance(duty, [*hope, *page]) >= policy.wave_confidence:
            break
        if r not in page:
            page.append(r)
    if not page and not hope:
        return None
    paged_now = replace(case, asked=replace(case.asked, paged=dict.fromkeys(page, now_ms)))
    ends = [*hope.values(), *(_hope_ends_ms(paged_now, r, latest[r]) for r in page)]
    waits = [latest[r] - margin_ms for r in fresh if r not in page]
    return Plan(tuple(page), max(now_ms + 1, min(ends + waits)), last_resort=False)


def _without_hope(case: _Case) -> Plan:
    """Steps 5 and 6."""
    incident, paged, now_ms = case.incident, case.asked.paged, case.now_ms
    due_ms, repeat_ms = due_by_ms(incident, case.policy), int(case.policy.last_resort_repeat_s * 1000)
    high = incident.severity is Severity.HIGH
    if not high and now_ms < due_ms:
        late = (r for r in on_duty(case.duty, now_ms) if r not in paged and r not in case.away)
        return Plan(tuple(late), due_ms, last_resort=False)
    if incident.kind is Kind.DRILL:
        return Plan((), None, last_resort=False)
    everybody = [r.id for r in case.duty.responders.values() if r.active and r.id not in case.away]
    repeat_at_ms = {r: paged[r] + repeat_ms for r in everybody if r in paged and (high or paged[r] < due_ms)}
    if not high:
        repeat_at_ms = dict.fromkeys(repeat_at_ms, due_ms)
    page = tuple(r for r in everybody if r not in paged or repeat_at_ms.get(r, now_ms + 1) <= now_ms)
    waits = [ms for r, ms in repeat_at_ms.items() if r not in page]
    return Plan(page, min([now_ms + repeat_ms, *waits]), last_resort=True)


def _has_skill(case: _Case, responder: str) -> bool:
    """Whether somebody can do what help is wanted for; anybody where no skill is."""
    wanted = case.policy.help_skills.get(case.incident.kind) if case.incident.help_ms is not None else None
    return wanted is None or wanted in case.duty.responders[responder].skills


def _chance(duty: Duty, people: Iterable[str]) -> float:
    """Chance of at least one acceptance, taking people to answer independently of each other."""
    return 1 - prod(1 - duty.responders[r].reply_odds for r in people)
