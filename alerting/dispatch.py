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
5. Whoever was asked and is not needed any more gets a stand-down; whoever knows of an area is told how it
   stands (area.py), whoever comes on duty what is open (handover.py).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from alerting import area, drill, handover, paths, planner
from alerting.concern import Kind, Severity
from alerting.duty import Duty
from alerting.incident import BackupWanted, Incident, LeaseCapped, LeaseLapsed
from alerting.ledger import (
    Message,
    Move,
    Tx,
    apply,
    enqueue,
    incidents_to_look_at,
    pages_of_open,
    set_next_wave,
    to_stand_down,
    words_since_decision,
)
from alerting.paths import NOT_REACHED, Way
from alerting.policy import Policy

STAND_DOWN_MS = 600_000
"""How long after closing it is still worth telling somebody not to go."""
LOW_GATHER_MS = 30_000
"""A LOW text waits this long, so that one can stand for all that come together; an area's stands for many."""
LOW_AT_ONCE = 40
"""LOW incidents that are taken up in one look, which is one transaction: 40 and five people are 200 rows,
some 60 ms. The rest follow in the next looks."""
LOW_VALID_MS = 24 * 3_600_000
"""A LOW text may wait for a person who has had ten texts in ten minutes."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look came to."""

    enqueued: int
    last_resort: tuple[Incident, ...]
    """Incidents for which voice to all, siren and 120 are to be called for now."""
    next_ms: int | None
    more: bool
    """There was more than one look takes up: look again at once."""


@dataclass(slots=True)
class _Asked:
    """What is known of the people whom one incident concerns."""

    paged: dict[str, int] = field(default_factory=dict)
    declined: set[str] = field(default_factory=set)
    lapsed: set[str] = field(default_factory=set)
    unreachable: set[str] = field(default_factory=set)
    waiting: set[str] = field(default_factory=set)
    """Those with a page of this round that has not been sent yet."""
    pages: list[Message] = field(default_factory=list)
    """Those of this round."""
    going: dict[str, planner.Going] = field(default_factory=dict)
    said: dict[str, int] = field(default_factory=dict)
    """Those who have accepted and were told to stay → when."""

    def told(self) -> planner.Asked:
        """Give what the planner needs of it."""
        volunteers = {r: ms for r, ms in self.said.items() if ms >= self.paged.get(r, 0)}
        return planner.Asked(self.paged, self.declined, self.unreachable, self.going, self.lapsed, volunteers)


def look(tx: Tx, duty: Duty, policy: Policy, ways: Mapping[str, Sequence[Way]], now_ms: int) -> Look:
    """Look at every open incident once.

    Parameters
    ----------
    ways
        responder → the channels that reach them, best first.
    """
    opened = [_lapse(tx, i, now_ms) for i in incidents_to_look_at(tx, LOW_AT_ONCE)]
    pages, words = pages_of_open(tx), words_since_decision(tx)
    cut_off = {r for r in duty.responders if not ways.get(r)}
    enqueued, last_resort, waits = 0, list[Incident](), list[int]()
    for incident in opened:
        if incident.kind is Kind.DRILL:
            if drill.ends_ms(incident) <= now_ms:
                drill.end(tx, incident, now_ms)
                continue
            waits.append(drill.ends_ms(incident))
        asked = _asked(incident, pages.get(incident.id, ()), words.get(incident.id, ()))
        asked.unreachable |= cut_off
        if incident.lease_until_ms is not None:
            waits.append(_cap(tx, incident, asked, duty, policy, now_ms))
        plan = planner.plan(incident, duty, asked.told(), policy, now_ms)
        if plan.backup:
            apply(tx, incident.id, BackupWanted(), now_ms, "guardian")
        page = [r for r in plan.page if r not in asked.waiting]
        wave = incident.wave + bool(page)
        for responder in page:
            enqueue(tx, _page(incident, responder, wave, policy, now_ms, last_resort=plan.last_resort))
        enqueued += len(page)
        asked.pages = [p for p in asked.pages if p.responder not in page]
        if incident.severity is not Severity.LOW and incident.wants_people:
            spoke = asked.declined | asked.going.keys() | asked.said.keys()
            others, again_ms = paths.others(paths.Round(incident, asked.pages, ways, spoke), policy, now_ms)
            for other in others:
                enqueue(tx, _again(incident, other, policy, now_ms))
            enqueued += len(others)
            waits += [] if again_ms is None else [again_ms]
        if page or plan.next_ms != incident.next_wave_ms:
            set_next_wave(tx, incident.id, incident.round_ms, wave, plan.next_ms)
        if plan.next_ms is not None:
            waits.append(plan.next_ms)
        if plan.last_resort:
            called_ms, repeat_ms = incident.last_resort_ms, int(policy.last_resort_repeat_s * 1000)
            if called_ms is None or called_ms + repeat_ms <= now_ms:
                last_resort.append(incident)
                waits.append(now_ms + repeat_ms)
            else:
                waits.append(called_ms + repeat_ms)
    enqueued += _stand_down(tx, now_ms)
    told, news_ms = area.news(tx, policy, now_ms)
    enqueued += told
    waits += [] if news_ms is None else [news_ms]
    told, shift_ms = handover.hand_over(tx, opened, duty, now_ms)
    enqueued += told
    waits += [] if shift_ms is None else [shift_ms]
    more = sum(i.severity is Severity.LOW and i.wave == 0 for i in opened) >= LOW_AT_ONCE and enqueued > 0
    return Look(enqueued, tuple(last_resort), min(waits, default=None), more)


def _again(incident: Incident, other: paths.Another, policy: Policy, now_ms: int) -> Message:
    """Give the page that goes by another path."""
    last_resort = other.template == "last-resort"
    page = _page(incident, other.responder, other.wave, policy, now_ms, last_resort=last_resort)
    return replace(page, channel=other.channel)


def _lapse(tx: Tx, incident: Incident, now_ms: int) -> Incident:
    if incident.lease_until_ms is None or incident.lease_until_ms > now_ms:
        return incident
    return apply(tx, incident.id, LeaseLapsed(), now_ms, "guardian")


def _cap(  # noqa: PLR0917  # each is a fact of its own
    tx: Tx, incident: Incident, asked: _Asked, duty: Duty, policy: Policy, now_ms: int
) -> int:
    """Cut the lease to the next person's latest page; give when it ends."""
    away = asked.declined | asked.unreachable | asked.lapsed
    cap_ms = planner.lease_cap_ms(incident, duty, away, policy, now_ms)
    if cap_ms is not None:
        incident = apply(tx, incident.id, LeaseCapped(cap_ms), now_ms, "guardian")
    return incident.lease_until_ms or now_ms


def _asked(incident: Incident, pages: Iterable[Message], words: Iterable[Move]) -> _Asked:
    asked = _Asked()
    for word in words:
        if word.event == "lease-lapsed":
            asked.lapsed.add(word.detail["released"])
            asked.going.pop(word.detail["released"], None)
        elif word.by is not None:
            _note(asked, word, word.detail.get("responder", word.by))
    asked.paged = dict.fromkeys(asked.lapsed, 0)
    asked.pages = [p for p in pages if p.created_ms >= incident.round_ms]
    reached, lost = set[str](), set[str]()
    first: dict[tuple[str, int], int] = {}
    for page in asked.pages:
        who = page.responder
        if page.state == "failed" or page.receipt in NOT_REACHED:
            lost.add(who)
            continue
        if page.state in {"due", "leased"}:
            asked.waiting.add(who)
        if page.state != "withdrawn" or page.copies:
            reached.add(who)  # by the same page on another path the window does not begin anew
            asked.paged[who] = first.setdefault((who, page.wave), page.created_ms)
    asked.unreachable = lost - reached
    return asked


def _note(asked: _Asked, word: Move, who: str) -> None:
    """Note somebody's word; the last one counts."""
    if word.event == "cannot-go":
        asked.declined.add(who)
        asked.going.pop(who, None)
        asked.said.pop(who, None)
        return
    asked.declined.discard(who)
    if not word.detail.get("goes"):
        asked.said[who] = word.t_ms
        return
    asked.said.pop(who, None)
    minutes = word.detail.get("minutes")
    if minutes is not None or who not in asked.going:  # a time said before holds on
        asked.going[who] = planner.Going(word.t_ms, minutes)


def _page(
    incident: Incident, responder: str, wave: int, policy: Policy, now_ms: int, *, last_resort: bool
) -> Message:
    severity = incident.severity or Severity.LOW
    low = severity is Severity.LOW
    usual = severity.name.lower()
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
        due_ms=now_ms + (LOW_GATHER_MS if low and not incident.is_area else 0),
        valid_until_ms=now_ms + (LOW_VALID_MS if low else int(policy.target_s * 1000)),
        created_ms=now_ms,
    )


def _stand_down(tx: Tx, now_ms: int) -> int:
    found = to_stand_down(tx, now_ms - STAND_DOWN_MS)
    for incident_id, responder in found:
        enqueue(
            tx,
            Message(
                responder=responder,
                purpose="stand-down",
                incident=incident_id,
                due_ms=now_ms,
                valid_until_ms=now_ms + STAND_DOWN_MS,
                created_ms=now_ms,
            ),
        )
    return len(found)
