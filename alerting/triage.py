"""Triage: concerns → incidents, one for each home.

Takes the concerns of one beat and an open transaction, gives the incidents that they touched. Never
sends, never decides who goes. For each concern:

1. `fall-recovered` and `cancel` close a suspicion. Later they are evidence and a note, and stop nothing.
2. `fall-suspected` opens a suspicion: no severity, no deadline, nobody is paged.
3. Anything with a severity opens an incident, or merges into the home's: as evidence; as a rise with its
   own onset and deadline when it is worse (or the first with a severity); a fall outranks its equals.
4. A drill at that home ends when anything comes that is no word of peace, and never takes it in.

And for suspicions (`uncleared`): one that nothing has cleared or confirmed for `uncleared_s` is taken for the
fall that it may be. The camera may have gone dark, the daemon may have been killed in the dwell; unknown
is never fine.
"""

from collections.abc import Sequence

from alerting import drill, planner
from alerting.concern import SEVERITY, Concern, Kind
from alerting.duty import Duty
from alerting.incident import CancelledByHome, Closed, Incident, Raised, Suspected
from alerting.ledger import Tx, add_concern, apply, incident_of, open_new, uncleared_suspicions
from alerting.policy import Policy


def take(tx: Tx, concerns: Sequence[Concern], duty: Duty, policy: Policy, now_ms: int) -> list[Incident]:
    """Merge concerns into incidents; give those that were touched, as they are afterwards."""
    touched: dict[int, Incident] = {}
    for concern in concerns:
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


def _take(tx: Tx, concern: Concern, duty: Duty, policy: Policy, now_ms: int) -> Incident | None:
    known = incident_of(tx, concern.home)
    ends = concern.kind in {Kind.FALL_RECOVERED, Kind.CANCEL}
    if known is not None and known.kind is Kind.DRILL:
        if not ends:
            drill.end(tx, known, now_ms)
        known = None
    if known is None and ends:
        return None
    severity = SEVERITY[concern.kind]
    deadline_ms, late = planner.deadline(concern, duty, policy)
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
