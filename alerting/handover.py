"""Whoever comes on duty while something is open is told once: how much, and by which codes.

Takes an open transaction, what is open, people and the time; puts texts into the outbox. It is no page:
whoever is needed at a door is paged by the planner, from the first moment of their shift.

1. HIGH and MEDIUM incidents that were decided before a shift began and at which nobody stands, or help is
   wanted, are handed over. Drills are not, nor is what comes later. Where somebody is, no code is given out:
   with a second code a bare "1" to the next page would have to be asked back.
2. One text for each person and start of a shift, after everything else that is due to them. It names the
   codes by which they can answer, the worst incidents first, as many as fit.
3. After `TELL_MS`, or when nothing of it is open any more, nobody needs it.
"""

from collections.abc import Iterable
from typing import Final

from alerting.concern import Kind, Severity
from alerting.duty import Duty
from alerting.incident import Incident, State
from alerting.ledger import Message, Tx, code_for, enqueue, handed_over, incidents_to_look_at
from alerting.shifts import changes_ms, starts_ms
from alerting.wording import HANDOVER, code_list

TELL_MS: Final = 600_000
"""So long after the start of a shift it is worth telling; then the board has been looked at. Judgement."""
DAY_MS: Final = 24 * 3_600_000
MOST_CODES: Final = 10
"""Codes that one text names at most: as many as fit a segment in Chinese."""


def hand_over(tx: Tx, opened: Iterable[Incident], duty: Duty, now_ms: int) -> tuple[int, int | None]:
    """Tell those who have just come; give how many, and when somebody comes or leaves the next time.

    `opened`: incidents that are open, LOW ones and drills among them or not.
    """
    decided = [i.decided_ms for i in opened if i.decided_ms is not None and _is_handed_over(i)]
    if not decided:
        return 0, None
    starts = starts_ms(duty, now_ms - TELL_MS, now_ms)
    told = handed_over(tx, now_ms - TELL_MS) if starts else {}
    fresh = [(r, ms) for r, ms in starts.items() if min(decided) < ms and told.get(r) != ms]
    for responder, start_ms in fresh:
        text = Message(
            responder=responder,
            purpose=HANDOVER,
            template="open",
            due_ms=now_ms,
            valid_until_ms=start_ms + TELL_MS,
            created_ms=start_ms,  # by this it is known which start of a shift it is for
        )
        enqueue(tx, text)
    return len(fresh), next(iter(changes_ms(duty, now_ms, now_ms + DAY_MS)), None)


def left(tx: Tx, start_ms: int) -> list[Incident]:
    """Give what was open when a shift began and still is, worst first."""
    urgent = (o.incident for o in incidents_to_look_at(tx, 0) if _is_handed_over(o.incident))
    return [i for i in urgent if i.decided_ms is not None and i.decided_ms < start_ms]


def codes_of(tx: Tx, some: list[Incident], responder: str, now_ms: int) -> str:
    """Give somebody's codes of these incidents as a text takes them, and no more than fit."""
    return code_list(code_for(tx, i.id, responder, now_ms) for i in some[:MOST_CODES])


def _is_handed_over(one: Incident) -> bool:
    urgent = one.severity is not None and one.severity > Severity.LOW and one.kind is not Kind.DRILL
    return urgent and (one.state is not State.ON_SCENE or one.wants_help)
