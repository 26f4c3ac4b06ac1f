"""Who can still be in time: deadlines, and the last moment to ask somebody.

Pure: takes people, homes, the policy and the time. The latest page of r for home h and deadline D is
D − (send_p95 + reply_p90(r) + turnout_p90(r) + travel_p90(r, h) + entry(r, h)): quantiles from the roster, or
as learnt (learning.py). Entry takes longer without a key where one is needed, so nobody is counted on who
would stand outside.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final

from alerting.concern import SEVERITY, Concern, Severity
from alerting.duty import Duty, Responder
from alerting.policy import Policy
from alerting.record import Incident
from alerting.shifts import ends_ms, on_duty

MOST_WORKED: Final = 256
"""Open incidents for which latest pages are kept; more at once are worked out anew."""


def deadline(concern: Concern, duty: Duty, policy: Policy) -> tuple[int | None, bool]:
    """Give the deadline in ms and whether it is `late-at-decision`.

    HIGH: onset + target while somebody on duty is feasible against that at the decision, otherwise
    decision + target, late. MEDIUM: always decision + target, late. LOW and suspicions have none.
    """
    severity, target_ms = SEVERITY[concern.kind], int(policy.target_s * 1000)
    if severity is None or severity is Severity.LOW:
        return None, False
    in_time_ms = concern.onset_ms + target_ms
    if severity is Severity.HIGH and feasible(concern.home, in_time_ms, duty, policy, concern.decided_ms):
        return in_time_ms, False
    return concern.decided_ms + target_ms, True


def feasible(home: str, deadline_ms: int, duty: Duty, policy: Policy, now_ms: int) -> tuple[str, ...]:
    """Give those on duty who would be there in time if paged now, most slack first."""
    latest = latest_pages(home, deadline_ms, duty, policy, now_ms)
    return tuple(sorted((r for r, ms in latest.items() if ms >= now_ms), key=lambda r: -latest[r]))


def latest_page_ms(responder: Responder, home: str, deadline_ms: int, duty: Duty, policy: Policy) -> int:
    """The last moment to page somebody so that he or she is inside by the deadline, in ms."""
    needs_s = (
        policy.send_p95_s
        + responder.reply_p90_s
        + responder.turnout_p90_s
        + duty.travel_p90_s(responder.id, home)
        + entry_s(responder.id, home, duty, policy)
    )
    return deadline_ms - int(needs_s * 1000)


def entry_s(responder: str, home: str, duty: Duty, policy: Policy) -> float:
    """Seconds from the front door to the resident: longer for whoever holds no key where one is needed."""
    without_s = 0.0 if duty.gets_in(responder, home) else policy.entry_without_key_s
    return duty.entry_s.get(home, policy.entry_default_s) + without_s


def due_by_ms(incident: Incident, policy: Policy) -> int:
    """By when somebody must be at the door: the deadline, or the target after help was asked for."""
    if incident.help_ms is not None:
        return incident.help_ms + int(policy.target_s * 1000)
    if incident.deadline_ms is None:  # a suspicion or LOW: there is none; they are never asked for one
        raise ValueError(f"incident {incident.id} has no deadline")
    return incident.deadline_ms


def latest_pages(  # noqa: PLR0917  # each is a fact of its own
    home: str,
    deadline_ms: int,
    duty: Duty,
    policy: Policy,
    now_ms: int,
    asked: AbstractSet[str] = frozenset(),
) -> dict[str, int]:
    """Give the last moment to ask everybody on duty, which their shift does not outlive, and those asked."""
    latest = dict(_of_all(home, deadline_ms, duty, policy, on_duty(duty, now_ms)))
    for r, end_ms in ends_ms(duty, now_ms, max(latest.values(), default=now_ms)).items():
        latest[r] = min(latest[r], end_ms - 1)
    there = (duty.responders[r] for r in asked)
    return latest | {p.id: latest_page_ms(p, home, deadline_ms, duty, policy) for p in there}


@dataclass(slots=True)
class _Worked:
    """What was worked out for the same people: each look asks for every open incident."""

    duty: Duty
    policy: Policy
    there: tuple[str, ...]
    latest: dict[tuple[str, int], dict[str, int]] = field(default_factory=dict)
    """(home, deadline) → responder → latest page."""


_worked: list[_Worked] = []


def _of_all(
    home: str, deadline_ms: int, duty: Duty, policy: Policy, there: tuple[str, ...]
) -> Mapping[str, int]:
    """Give the latest page of all these, worked out once for each home and deadline."""
    known = _worked[0] if _worked else None
    if known is None or known.duty is not duty or known.policy is not policy or known.there is not there:
        known = _Worked(duty, policy, there)
        _worked[:] = [known]
    latest = known.latest.get((home, deadline_ms))
    if latest is None:
        if len(known.latest) >= MOST_WORKED:
            known.latest.clear()
        latest = {r: latest_page_ms(duty.responders[r], home, deadline_ms, duty, policy) for r in there}
        known.latest[home, deadline_ms] = latest
    return latest
