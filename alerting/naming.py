"""Staff name somebody: to take an incident over, or to go too, whatever the planner thinks.

Takes an open transaction, an incident and a responder; writes the move and, when it says anything new, the
page that goes to that person at once, on duty or not. What follows is `alerting.incident`, rule 14: nobody is
released, and nobody holds anything, but by a person's own word.
"""

from alerting import dispatch
from alerting.incident import Added, HandedOver, Incident
from alerting.ledger import Tx, apply, enqueue, incident
from alerting.policy import Policy
from alerting.readiness import BY_NAME


def name(  # noqa: PLR0917  # each is a fact of its own
    tx: Tx, number: int, event: HandedOver | Added, policy: Policy, now_ms: int, by: str
) -> Incident:
    """Carry out what staff have decided, and page whom they name; the same again does nothing.

    Raises
    ------
    LookupError
        there is no such incident.
    IllegalMove
        it is closed, or only suspected.
    """
    before = incident(tx, number)
    after = apply(tx, number, event, now_ms, by)
    if after != before and event.responder in after.called:
        enqueue(tx, dispatch.page(after, event.responder, BY_NAME, policy, now_ms))
    return after
