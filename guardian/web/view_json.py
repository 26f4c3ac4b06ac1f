"""What the board shows, for programs: raw identifiers and ms since 1970."""

from collections.abc import Iterable, Sequence
from typing import Any

from alerting.incident import Incident
from alerting.ledger import AreaCount
from guardian.home_rows import HomeRow
from guardian.people import People
from guardian.web.view import Beside, closed_last, incident_order, segments


def as_json(
    incidents: Sequence[Incident],
    recent: Sequence[Incident],
    rows: Iterable[HomeRow],
    people: People,
    now_ms: int,
    *,
    beside: Beside | None = None,
) -> dict[str, Any]:
    """Give the same content for programs: raw identifiers and ms since 1970."""
    beside = beside or Beside()
    areas = beside.areas
    return {
        "now_ms": now_ms,
        "incidents": [
            _plain(i, people, now_ms, areas.get(i.id)) for i in sorted(incidents, key=incident_order)
        ],
        "recent": [_plain(i, people, now_ms, areas.get(i.id)) for i in closed_last(recent)],
        "silences": [
            {
                "id": s.id,
                "home": s.home,
                "kind": str(s.kind),
                "until_ms": s.until_ms,
                "owner": s.owner,
                "reason": s.reason,
                "held": s.held,
            }
            for s in beside.silences
        ],
        "homes": [
            {
                "home": r.home,
                "card": r.card,
                "room": r.room,
                "activity": r.activity,
                "temperature_c": r.temperature_c,
                "last_life_ms": r.last_life_ms,
                "blind": r.blind,
                "degraded": r.degraded,
            }
            for r in rows
        ],
    }


def _plain(incident: Incident, people: People, now_ms: int, area: AreaCount | None) -> dict[str, Any]:
    left = None if incident.deadline_ms is None else (incident.deadline_ms - now_ms) / 1000
    return {
        "id": incident.id,
        "home": incident.home,
        "area": None if area is None else {"dark": area.dark, "homes": area.homes},
        "card": people.duty.cards.get(incident.home),
        "kind": str(incident.kind),
        "severity": None if incident.severity is None else int(incident.severity),
        "state": str(incident.state),
        "room": incident.room,
        "acceptor": incident.acceptor,
        "acceptor_name": None if incident.acceptor is None else people.name(incident.acceptor),
        "deadline_ms": incident.deadline_ms,
        "seconds_left": left,
        "late_at_decision": incident.late_at_decision,
        "reported_false": incident.reported_false,
        "arrival_unconfirmed": incident.is_sensed,
        "last_resort_ms": incident.last_resort_ms,
        "outcome": incident.outcome,
        "segments_ms": segments(incident),
    }
