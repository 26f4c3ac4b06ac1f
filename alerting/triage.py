"""Triage: concerns → incidents, one for each home, and one for homes that go dark together.

Takes the concerns of one beat and an open transaction, gives the incidents that they touched. Never
sends, never decides who goes. For each concern:

1. `fall-recovered` and `cancel` close a suspicion. Later they are evidence and a note, and stop nothing.
2. `fall-suspected` opens a suspicion: no severity, no deadline, nobody is paged.
3. Anything with a severity opens an incident, or merges into the home's: as evidence; as a rise with its
   own onset and deadline when it is worse (or the first with a severity); a fall outranks its equals.
4. A drill at that home ends when anything comes that is no word of peace, and never takes it in.
5. `blind` of many homes at once is one incident of an area with a list, which homes that are `in-sight`
   leave (area.py); more of the same about a home on the list adds nothing.
6. A LOW concern that would open an incident while staff have silenced its kind at that home is kept until
   the silence ends; it opens one then, unless `in-sight` has said that it is over.

And for suspicions (`uncleared`): one that nothing has cleared or confirmed for `uncleared_s` is taken for the
fall that it may be. The camera may have gone dark, the daemon may have been killed in the dwell; unknown
is never fine. `overdue` is this, the rest of an area, and the end of silences.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from alerting import area, drill, in_time
from alerting.concern import SEVERITY, Concern, Kind, Severity
from alerting.duty import Duty
from alerting.incident import CancelledByHome, Closed, Incident, Raised, Suspected
from alerting.ledger import (
    Tx,
    add_concern,
    apply,
    drop_held,
    held_concerns,
    hold,
    incident_of,
    listed_dark,
    on_list,
    open_incidents,
    open_new,
    release_held,
    silence_of,
    uncleared_suspicions,
)
from alerting.policy import Policy
from alerting.record import ANSWERED


def take(tx: Tx, concerns: Sequence[Concern], duty: Duty, policy: Policy, now_ms: int) -> list[Incident]:
    """Merge concerns into incidents; give those that were touched, as they are afterwards."""
    touched: dict[int, Incident] = {}
    shared = [c for c in concerns if area.is_shared(c, policy)]
    if shared:
        joined = area.join(tx, shared, now_ms)
        touched[joined.id] = joined
    back = [c.home for c in concerns if c.kind is Kind.IN_SIGHT]
    left = _in_sight(tx, back, now_ms) if back else None
    if left is not None:
        touched[left.id] = left
    for concern in concerns:
        if concern.kind is Kind.IN_SIGHT or area.is_shared(concern, policy):
            continue
        found = _take(tx, concern, duty, policy, now_ms)
        if found is not None:
            touched[found.id] = found
    return list(touched.values())


def uncleared(tx: Tx, duty: Duty, policy: Policy, now_ms: int) -> list[Incident]:
    """Raise the suspicions that have stayed open for too long; give them as they are afterwards."""
    since_ms = now_ms - int(policy.uncleared_s * 1000)
    concerns = [
        Concern(
            home=i.home,
            kind=Kind.FALL_CONFIRMED,
            onset_ms=i.t0_ms,
            decided_ms=now_ms,
            confidence=0.5,  # nobody has seen more than the suspicion
            room=i.room,
            evidence={"uncleared_s": policy.uncleared_s},
        )
        for i in uncleared_suspicions(tx, since_ms)
    ]
    return take(tx, concerns, duty, policy, now_ms)


def overdue(tx: Tx, duty: Duty, policy: Policy, now_ms: int) -> list[Incident]:
    """Do what time alone brings: suspicions that nobody clears, the rest of an area, silences that end."""
    waited = [
        replace(c, evidence={**c.evidence, "silenced_s": (now_ms - c.decided_ms) / 1000})
        for c in release_held(tx, now_ms)
    ]
    raised = uncleared(tx, duty, policy, now_ms)
    return [*raised, *take(tx, [*area.rest(tx, policy, now_ms), *waited], duty, policy, now_ms)]


@dataclass(frozen=True, slots=True)
class StoodOpen:
    """What was open at a time, as the concerns that would open it again, were the ledger lost; no drills."""

    t_ms: int
    concerns: Sequence[Concern]


def standing(tx: Tx, now_ms: int) -> StoodOpen:
    """Give what is open now."""
    concerns = [
        Concern(
            home=i.home,
            kind=i.kind,
            onset_ms=i.t0_ms,
            decided_ms=i.decided_ms or i.suspected_ms or i.t0_ms,
            confidence=0.5,  # what the ledger said, which nobody has seen again
            room=i.room,
            evidence={"wants_people": float(i.wants_people)},
        )
        for i in open_incidents(tx)
        if _is_of_a_home(i)
    ]
    dark = listed_dark(tx)
    together = {"homes_dark": float(len(dark)), "cameras_dark": 1.0, "cameras": 1.0}
    concerns += [
        Concern(home, Kind.BLIND, since_ms, since_ms, confidence=0.5, evidence=together)
        for home, since_ms in dark.items()
    ]
    return StoodOpen(now_ms, concerns)


def close_lost(tx: Tx, then_open: StoodOpen, upto_ms: int, now_ms: int) -> None:
    """Close what is open in a ledger that replaces a damaged one, and came to its end in what is lost.

    That is what was open no more at a time after `upto_ms`, from where on all is lost; and what somebody has
    answered here though another one was open in that home then, or it wanted people again. It would be in the
    way of what is opened again.
    """
    newer = then_open.t_ms > upto_ms
    was = {c.home: c for c in then_open.concerns if "homes_dark" not in c.evidence}
    for one in filter(_is_of_a_home, open_incidents(tx)):
        then = was.get(one.home)
        ended = newer if then is None else one.state in ANSWERED and _is_another(one, then)
        if ended:
            apply(tx, one.id, Closed("lost"), now_ms, "guardian")


def take_again(
    tx: Tx, concerns: Sequence[Concern], duty: Duty, policy: Policy, now_ms: int
) -> list[Incident]:
    """Open again what stood open and does not, or not as badly, in a ledger that stands in a damaged
    one's place; its ten minutes begin now. Gives the incidents as they are afterwards.
    """
    there = {i.home: i.severity or 0 for i in filter(_is_of_a_home, open_incidents(tx))}
    lost = [
        replace(c, decided_ms=now_ms, evidence={**c.evidence, "ledger_lost": 1.0})
        for c in concerns
        if there.get(c.home, -1) < (SEVERITY[c.kind] or 0)
    ]
    return take(tx, lost, duty, policy, now_ms)


def _is_of_a_home(one: Incident) -> bool:
    return not one.is_area and one.kind is not Kind.DRILL


def _is_another(one: Incident, then: Concern) -> bool:
    return then.onset_ms != one.t0_ms or then.evidence.get("wants_people", 0.0) > 0


def awaited(tx: Tx) -> dict[str, int]:
    """Give the homes of which `in-sight` is news → dark since, ms: an area's, and those silenced."""
    dark = {
        c.home: c.onset_ms
        for c in held_concerns(tx)
        if c.kind is Kind.BLIND and c.evidence.get("cameras_dark", 0) == c.evidence.get("cameras", 0)
    }
    return dark | listed_dark(tx)


def _in_sight(tx: Tx, homes: Sequence[str], now_ms: int) -> Incident | None:
    held = {c.home for c in held_concerns(tx) if c.kind is Kind.BLIND}
    for home in held.intersection(homes):
        drop_held(tx, home, Kind.BLIND, now_ms)
    return area.leave(tx, homes, now_ms)


def _take(tx: Tx, concern: Concern, duty: Duty, policy: Policy, now_ms: int) -> Incident | None:
    known = incident_of(tx, concern.home)
    ends = concern.kind in {Kind.FALL_RECOVERED, Kind.CANCEL}
    in_drill = known if known is not None and known.kind is Kind.DRILL else None
    if in_drill is not None:
        known = None
    if known is None and ends:
        return None
    if known is None and concern.kind is Kind.BLIND and on_list(tx, concern.home):
        return None
    severity = SEVERITY[concern.kind]
    if known is None and severity is Severity.LOW:
        silence = silence_of(tx, concern.home, concern.kind, now_ms)
        if silence is not None:
            hold(tx, silence, concern)
            return None
    if in_drill is not None:
        drill.end(tx, in_drill, now_ms)
    deadline_ms, late = in_time.deadline(concern, duty, policy)
    if known is None:
        return open_new(tx, concern, severity=severity, deadline_ms=deadline_ms, late=late, now_ms=now_ms)
    add_concern(tx, known.id, concern)
    if concern.kind is Kind.CANCEL:
        return apply(tx, known.id, CancelledByHome(), now_ms, "home")
    if concern.kind is Kind.FALL_RECOVERED:
        only_suspected = known.severity is None
        return apply(tx, known.id, Closed("recovered"), now_ms, "guardian") if only_suspected else known
    if severity is None:
        return apply(tx, known.id, Suspected(concern.decided_ms), now_ms, "guardian")
    raised = Raised(
        kind=concern.kind,
        severity=severity,
        t0_ms=concern.onset_ms,
        decided_ms=concern.decided_ms,
        deadline_ms=deadline_ms,
        late=late,
        room=concern.room,
    )
    return apply(tx, known.id, raised, now_ms, "guardian")
