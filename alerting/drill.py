"""A drill: a test that staff ask for, by the real road, marked as a test in every text, never in the way.

Takes an open transaction, a home and people; opens an incident of kind `drill`, which planner, courier and
replies treat as MEDIUM. What is different:

1. None begins at a home with an open incident, and none while nobody is on shift.
2. Whatever is noticed at its home ends it and opens an incident of its own (triage.py).
3. It has no last resort, asks nobody off shift, and gives way in the outbox: its texts go after all others
   and do not count against anybody's ten in ten minutes (outbox.py, readiness.py).
4. It ends with outcome `drill`: by whoever is there, at its deadline when nobody goes, after `MOST_MS` in any
   case. Whoever was on the way is told.
5. A home counts as drilled when somebody was on scene, a person when they answered. After `FRESH_MS` they are
   due again. What happens in drills teaches nothing about odds and travel (ledger/past.py).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from alerting.concern import SEVERITY, Concern, Kind
from alerting.duty import Duty
from alerting.incident import Closed, Incident, State
from alerting.ledger import (
    Message,
    Tx,
    apply,
    drills_begun,
    enqueue,
    homes_drilled,
    incident_of,
    open_incidents,
    open_new,
    people_drilled,
)
from alerting.policy import Policy
from alerting.shifts import on_duty

PAGE: Final = "drill"
"""Template of a drill's page."""
MOST_MS: Final = 3_600_000
"""A drill that somebody has forgotten to end does so after an hour. Source: judgement."""
TOLD_MS: Final = 600_000
"""How long it is worth telling somebody that it is over."""
FRESH_MS: Final = 30 * 24 * 3_600_000
"""Homes and people are drilled once a month."""


class DrillRefused(Exception):  # noqa: N818  # an answer, not an accident
    """No drill can begin there now."""


@dataclass(frozen=True, slots=True)
class Due:
    """Who has had no drill within `FRESH_MS`, and when the last one was, ms; None = never."""

    homes: Mapping[str, int | None]
    people: Mapping[str, int | None]


def begin(tx: Tx, home: str, duty: Duty, policy: Policy, now_ms: int) -> Incident:
    """Open a drill.

    Raises
    ------
    DrillRefused
        the home has an open incident, or nobody is on shift.
    """
    if not on_duty(duty, now_ms):
        raise DrillRefused("nobody is on shift now")
    known = incident_of(tx, home)
    if known is not None:
        raise DrillRefused(f"{home}: incident {known.id} ({known.kind}) is open")
    return open_new(
        tx,
        Concern(home, Kind.DRILL, now_ms, now_ms, confidence=1.0),
        severity=SEVERITY[Kind.DRILL],
        deadline_ms=now_ms + int(policy.target_s * 1000),
        late=False,
        now_ms=now_ms,
    )


def begin_some(tx: Tx, homes: Iterable[str], duty: Duty, policy: Policy, now_ms: int) -> list[Incident]:
    """Open drills at homes that are due, whose last one began longest ago; one for each person on shift.

    Homes with an open incident are left out. Raises DrillRefused when nobody is on shift.
    """
    there = on_duty(duty, now_ms)
    if not there:
        raise DrillRefused("nobody is on shift now")
    opened = open_incidents(tx)
    busy = {i.home for i in opened}
    room = max(0, len(there) - sum(i.kind is Kind.DRILL for i in opened))
    begun = drills_begun(tx)
    waiting = [h for h in due(tx, homes, (), now_ms).homes if h not in busy]
    waiting.sort(key=lambda h: begun.get(h, 0))
    return [begin(tx, home, duty, policy, now_ms) for home in waiting[:room]]


def ends_ms(incident: Incident) -> int:
    """When an open drill ends by itself, in ms: at its deadline, or after `MOST_MS` once somebody goes."""
    goes = incident.state in {State.ACCEPTED, State.EN_ROUTE, State.ON_SCENE}
    begun_ms = incident.t0_ms
    return begun_ms + MOST_MS if goes or incident.deadline_ms is None else incident.deadline_ms


def end(tx: Tx, incident: Incident, now_ms: int) -> None:
    """Close a drill; those who go are told, as the others are by every closing."""
    apply(tx, incident.id, Closed("drill"), now_ms, "guardian")
    for responder in filter(None, (incident.acceptor, incident.helper)):
        enqueue(
            tx,
            Message(
                responder=responder,
                purpose="stand-down",
                incident=incident.id,
                due_ms=now_ms,
                valid_until_ms=now_ms + TOLD_MS,
                created_ms=now_ms,
            ),
        )


def due(tx: Tx, homes: Iterable[str], people: Collection[str], now_ms: int) -> Due:
    """Give the homes and people whose last drill is too long ago, never drilled ones first."""
    return Due(
        _old(homes, homes_drilled(tx), now_ms),
        _old(people, people_drilled(tx), now_ms),
    )


def _old(ids: Iterable[str], last_ms: Mapping[str, int], now_ms: int) -> dict[str, int | None]:
    old = [i for i in ids if last_ms.get(i, now_ms - FRESH_MS - 1) < now_ms - FRESH_MS]
    return {i: last_ms.get(i) for i in sorted(old, key=lambda i: (last_ms.get(i, 0), i))}
