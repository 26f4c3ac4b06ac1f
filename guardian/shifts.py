"""Who is on duty, who comes next, and what is open between them, for the command and the desk.

Takes an open transaction, the roster and the names that staff know; gives local times. Decides nothing.
"""

from typing import Final
from zoneinfo import ZoneInfo

from alerting.concern import Kind, Severity
from alerting.coverage import on_shift_ahead
from alerting.ledger import Tx, handed_over, open_incidents
from alerting.shifts import ends_ms
from guardian.desk import Answer
from guardian.foresight import local
from guardian.people import People
from guardian.roster import Roster

AHEAD_H: Final = 24
HOUR_MS: Final = 3_600_000


def listing(tx: Tx, roster: Roster, people: People, now_ms: int) -> Answer:
    """Give who is on duty now and until when, who comes within a day, and what is open for them.

    Of each open HIGH or MEDIUM incident (no drills): who holds it, and who was told of it at the start of a
    shift.
    """
    duty, zone = roster.duty, ZoneInfo(roster.duty.timezone)
    ends = ends_ms(duty, now_ms, now_ms + AHEAD_H * HOUR_MS)
    ahead = on_shift_ahead(duty, now_ms, AHEAD_H)
    urgent = [
        i
        for i in open_incidents(tx)
        if i.severity is not None and i.severity > Severity.LOW and i.kind is not Kind.DRILL
    ]
    first_ms = min((i.decided_ms for i in urgent if i.decided_ms is not None), default=now_ms)
    told = handed_over(tx, first_ms)
    return {
        "now": [
            {"name": people.name(r), "until": local(ends[r], zone) if r in ends else None}
            for r, from_ms in ahead.items()
            if from_ms == now_ms
        ],
        "next": [
            {"name": people.name(r), "from": local(from_ms, zone)}
            for r, from_ms in ahead.items()
            if from_ms > now_ms
        ],
        "open": [
            {
                "incident": i.id,
                "home": i.home,
                "kind": i.kind.value,
                "state": i.state.value,
                "since": local(i.t0_ms, zone),
                "holder": None if i.acceptor is None else people.name(i.acceptor),
                "handed_over_to": [
                    people.name(r) for r, ms in told.items() if i.decided_ms is not None and ms > i.decided_ms
                ],
            }
            for i in urgent
        ],
    }
