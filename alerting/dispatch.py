"""One look at every open incident: what has lapsed, who is to be paged, who can stand down.

Takes an open transaction, the people, the policy and the time; writes moves and rows of the outbox, and
gives what the courier must do besides: call for the last resort, and look again at `next_ms`. Never
sends. The steps, for each incident:

1. A lease that has run out reopens the incident. A lease without a time of arrival that would outlive the
   last moment at which somebody else could still be there in time is cut to it. A drill whose time is over is
   closed.
2. What was asked and answered: pages of this round, people whose last word is that they cannot, people
   whom no text reaches, people who had accepted and did not come (they count as asked long ago).
3. The planner says whom to page, also while somebody goes but may not be in time; each gets one row, unless
   one is still waiting to be sent.
4. A page that its provider does not take, or that nobody answers, also goes by another path (paths.py).
5. Whoever has handed it over is told once somebody else has taken it.
6. Whoever was asked and is not needed any more gets a stand-down; whoever knows of an area is told how it
   stands (area.py), whoever comes on duty what is open (handover.py).

No more than AT_ONCE incidents are gone through in one look, the most urgent first. An incident of which a
look has found that nothing is to be done before a moment is not gone through again until then, unless
something has been written about it (`incident.writes`), or people or ways are others: a look takes time for
what has changed, not for what is open.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from alerting import area, drill, handover, paths, planner
from alerting.concern import Kind, Severity
from alerting.duty import Duty
from alerting.incident import BackupWanted, Incident, LeaseCapped, LeaseLapsed
from alerting.known import Known, known_of
from alerting.ledger import (
    Message,
    Opened,
    Tx,
    apply,
    enqueue,
    incidents_to_look_at,
    messages,
    pages_of_open,
    set_next_wave,
    to_stand_down,
    words_since_decision,
)
from alerting.paths import Way
from alerting.policy import Policy
from alerting.readiness import BY_NAME, RELEASED

NAMED = "named"
"""Template of the page to somebody whom staff have named, unless it is LOW or a drill."""
STAND_DOWN_MS = 600_000
"""How long after closing it is still worth telling somebody not to go."""
LOW_GATHER_MS = 30_000
"""A LOW text waits this long, so that one can stand for all that come together; an area's stands for many."""
LOW_AT_ONCE = 40
"""LOW incidents that are taken up in one look, which is one transaction: 40 and five people are 200 rows,
some 60 ms. The rest follow in the next looks."""
AT_ONCE, ROWS_AT_ONCE = 100, 200
"""Incidents that one look goes through, and rows from which on it stops: some 100 ms on a file. A look is one
transaction, and nothing else is committed meanwhile: with thousands of falls open, one took 90 s. The others
follow in the next looks, at once, new falls first."""
LOW_VALID_MS = 24 * 3_600_000
"""A LOW text may wait for a person who has had ten texts in ten minutes."""


@dataclass(frozen=True, slots=True)
class Settled:
    """An incident that waits: for something to be written about it, or for its time."""

    opened: Opened
    until_ms: int | None


@dataclass(frozen=True, slots=True)
class Before:
    """What earlier looks have settled; it holds for the same people, policy and ways."""

    duty: Duty
    policy: Policy
    ways: Mapping[str, Sequence[Way]]
    settled: Mapping[int, Settled]
    """By the incident's number."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look came to."""

    enqueued: int
    last_resort: tuple[Incident, ...]
    """Incidents for which voice to all, siren and 120 are to be called for now."""
    alarm: bool
    """Somebody is called for by voice and siren, and nobody has said yet that they go."""
    next_ms: int | None
    more: bool
    """There was more than one look takes up: look again at once."""
    before: Before
    """For the next look, once this one is committed."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What there was to do about one incident."""

    enqueued: int
    waits: tuple[int, ...]
    """When to look again if nothing happens before."""
    last_resort: bool = False


def look(  # noqa: PLR0917  # each is a fact of its own
    tx: Tx,
    duty: Duty,
    policy: Policy,
    ways: Mapping[str, Sequence[Way]],
    now_ms: int,
    before: Before | None = None,
) -> Look:
    """Look at every open incident once.

    Parameters
    ----------
    ways
        responder → the channels that reach them, best first.
    before
        `Look.before` of the last look that was committed.
    """
    if before is None or before.duty is not duty or before.policy is not policy or before.ways != ways:
        before = Before(duty, policy, ways, {})
    found = incidents_to_look_at(tx, LOW_AT_ONCE, {n: s.opened for n, s in before.settled.items()})
    settled = {o.incident.id: before.settled[o.incident.id] for o in found if _is_settled(o, before, now_ms)}
    waiting = [o for o in found if o.incident.id not in settled]
    fresh = sorted(waiting, key=_urgency)[:AT_ONCE]
    lapsed = {o.incident.id: _lapse(tx, o.incident, now_ms) for o in fresh}
    opened = [lapsed.get(o.incident.id, o.incident) for o in found]
    pages, words = pages_of_open(tx, [*lapsed]), words_since_decision(tx, [*lapsed])
    cut_off = {r for r in duty.responders if not ways.get(r)}
    enqueued, last_resort = 0, list[Incident]()
    waits = [s.until_ms for s in settled.values() if s.until_ms is not None]
    gone_through = 0
    for one in fresh:
        if enqueued >= ROWS_AT_ONCE:
            break
        gone_through += 1
        number, incident = one.incident.id, lapsed[one.incident.id]
        asked = known_of(incident, pages.get(number, ()), words.get(number, ()))
        asked.unreachable |= cut_off
        done = _look_at(tx, incident, asked, before, now_ms)
        if done is None:
            continue
        enqueued += done.enqueued
        waits += done.waits
        if done.last_resort:
            last_resort.append(incident)
        else:
            settled[number] = Settled(one, min(done.waits, default=None))
    enqueued += _stand_down(tx, {i.id: i.called for i in opened}, now_ms)
    told, news_ms = area.news(tx, policy, now_ms)
    enqueued += told
    waits += [] if news_ms is None else [news_ms]
    told, shift_ms = handover.hand_over(tx, opened, duty, now_ms)
    enqueued += told
    waits += [] if shift_ms is None else [shift_ms]
    more = sum(i.severity is Severity.LOW and i.wave == 0 for i in opened) >= LOW_AT_ONCE and enqueued > 0
    more |= gone_through < len(waiting)
    alarm = bool(last_resort) or any(i.last_resort_ms is not None and i.wants_people for i in opened)
    after = replace(before, settled=settled)
    return Look(enqueued, tuple(last_resort), alarm, min(waits, default=None), more, after)


def _urgency(one: Opened) -> tuple[bool, bool, int]:
    """HIGH first, of these whoever has not been paged for, then the nearest deadline."""
    i = one.incident
    return i.severity is not Severity.HIGH, i.wave > 0, i.deadline_ms or i.t0_ms


def _is_settled(one: Opened, before: Before, now_ms: int) -> bool:
    """Whether nothing has been written since it was looked at, and its time has not come."""
    was = before.settled.get(one.incident.id)
    return was is not None and was.opened is one and (was.until_ms is None or now_ms < was.until_ms)


def _look_at(tx: Tx, incident: Incident, asked: Known, before: Before, now_ms: int) -> _Found | None:
    """Take the steps for one incident; None: it has ended."""
    duty, policy, ways = before.duty, before.policy, before.ways
    waits, last_resort = list[int](), False
    if incident.kind is Kind.DRILL:
        if drill.ends_ms(incident) <= now_ms:
            drill.end(tx, incident, now_ms)
            return None
        waits.append(drill.ends_ms(incident))
    if incident.lease_until_ms is not None:
        waits.append(_cap(tx, incident, asked, duty, policy, now_ms))
    plan = planner.plan(incident.by_word(), duty, asked.told(), policy, now_ms)
    if plan.backup:
        apply(tx, incident.id, BackupWanted(), now_ms, "guardian")
    asks = [r for r in plan.page if r not in asked.waiting]
    wave = incident.wave + bool(asks)
    for responder in asks:
        enqueue(tx, page(incident, responder, wave, policy, now_ms, last_resort=plan.last_resort))
    enqueued = len(asks) + _released(tx, incident, asked, now_ms)
    asked.pages = [p for p in asked.pages if p.responder not in asks]
    if incident.severity is not Severity.LOW and (incident.wants_people or incident.called):
        others, again_ms = paths.others(_round(incident, asked, ways), policy, now_ms)
        for other in others:
            enqueue(tx, _again(incident, other, policy, now_ms))
        enqueued += len(others)
        waits += [] if again_ms is None else [again_ms]
    if asks or plan.next_ms != incident.next_wave_ms:
        set_next_wave(tx, incident.id, incident.round_ms, wave, plan.next_ms)
    if plan.next_ms is not None:
        waits.append(plan.next_ms)
    if plan.last_resort:
        called_ms, repeat_ms = incident.last_resort_ms, int(policy.last_resort_repeat_s * 1000)
        last_resort = called_ms is None or called_ms + repeat_ms <= now_ms
        waits.append((now_ms if last_resort or called_ms is None else called_ms) + repeat_ms)
    return _Found(enqueued, tuple(waits), last_resort)


def _again(incident: Incident, other: paths.Another, policy: Policy, now_ms: int) -> Message:
    """Give the page that goes by another path."""
    last_resort = other.template == "last-resort"
    again = page(incident, other.responder, other.wave, policy, now_ms, last_resort=last_resort)
    return replace(again, channel=other.channel)


def _round(incident: Incident, asked: Known, ways: Mapping[str, Sequence[Way]]) -> paths.Round:
    """Give the pages that still want an answer; one to somebody by name does, whatever was said before."""
    by_name = [p for p in asked.pages if p.wave == BY_NAME and p.responder in incident.called]
    waited = {p.responder for p in by_name if p.created_ms > asked.heard.get(p.responder, 0)}
    spoke = (asked.declined | asked.going.keys() | asked.said.keys()) - waited
    return paths.Round(incident, asked.pages if incident.wants_people else by_name, ways, spoke)


def _released(tx: Tx, incident: Incident, asked: Known, now_ms: int) -> int:
    """Tell those who held it that somebody else has taken over, once."""
    told = 0
    for who, since_ms in asked.released.items():
        texts = messages(tx, incident.id)
        if not any(m.responder == who and m.template == RELEASED and m.created_ms >= since_ms for m in texts):
            enqueue(tx, _no_need(incident.id, who, RELEASED, now_ms))
            told += 1
    return told


def _lapse(tx: Tx, incident: Incident, now_ms: int) -> Incident:
    if incident.lease_until_ms is None or incident.lease_until_ms > now_ms:
        return incident
    return apply(tx, incident.id, LeaseLapsed(), now_ms, "guardian")


def _cap(  # noqa: PLR0917  # each is a fact of its own
    tx: Tx, incident: Incident, asked: Known, duty: Duty, policy: Policy, now_ms: int
) -> int:
    """Cut the lease to the next person's latest page; give when it ends."""
    away = asked.declined | asked.unreachable | asked.lapsed
    cap_ms = planner.lease_cap_ms(incident, duty, away, policy, now_ms)
    if cap_ms is not None:
        incident = apply(tx, incident.id, LeaseCapped(cap_ms), now_ms, "guardian")
    return incident.lease_until_ms or now_ms


def page(
    incident: Incident, responder: str, wave: int, policy: Policy, now_ms: int, *, last_resort: bool = False
) -> Message:
    """Give the page that asks somebody to go; of wave `BY_NAME` it says so, and waits for no others."""
    severity = incident.severity or Severity.LOW
    low = severity is Severity.LOW
    usual = NAMED if wave == BY_NAME and not low else severity.name.lower()
    if incident.is_area:
        usual = "area"
    elif incident.kind is Kind.DRILL:
        usual = drill.PAGE
    return Message(
        responder=responder,
        purpose="page",
        template="last-resort" if last_resort else usual,
        incident=incident.id,
        wave=wave,
        due_ms=now_ms + (LOW_GATHER_MS if low and not incident.is_area and wave != BY_NAME else 0),
        valid_until_ms=now_ms + (LOW_VALID_MS if low else int(policy.target_s * 1000)),
        created_ms=now_ms,
    )


def _stand_down(tx: Tx, called: Mapping[int, frozenset[str]], now_ms: int) -> int:
    """Tell who is not needed any more; `called`: of each open incident, whom staff have sent for."""
    found = [
        (number, who)
        for number, who in to_stand_down(tx, now_ms - STAND_DOWN_MS)
        if who not in called.get(number, ())
    ]
    for number, who in found:
        enqueue(tx, _no_need(number, who, None, now_ms))
    return len(found)


def _no_need(number: int, who: str, template: str | None, now_ms: int) -> Message:
    return Message(
        responder=who,
        purpose="stand-down",
        template=template,
        incident=number,
        due_ms=now_ms,
        valid_until_ms=now_ms + STAND_DOWN_MS,
        created_ms=now_ms,
    )
