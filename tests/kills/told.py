"""Who has been told of an incident: by a text of its own, or by one that names several codes."""

import re

from alerting.incident import State
from alerting.ledger import Message, Tx, code_for, messages, open_incidents
from tests.alerting_people import T0
from tests.courier_child import PEOPLE


def names(body: str, code: str) -> bool:
    """Whether a code stands in a text; A1 does not stand in A12."""
    return re.search(rf"(?<![A-Z\d]){code}(?!\d)", body) is not None


def told(tx: Tx, incident: int, sids: set[str] | None = None) -> set[str]:
    """Give those to whom a text about an incident is recorded as sent; `sids`: those that are true."""
    found = set()
    for text in messages(tx, incident):
        if (
            text.sid is None
            or text.state not in {"sent", "grouped"}
            or (sids is not None and text.sid not in sids)
        ):
            continue
        body = text.body or _body_of(tx, text)
        if body is not None and names(body, code_for(tx, incident, text.responder, T0)):
            found.add(text.responder)
    return found


def unasked(tx: Tx, sids: set[str] | None = None) -> list[str]:
    """Give what is wrong with open incidents that want people: nobody asked, or somebody left out."""
    said = []
    for one in open_incidents(tx):
        if not one.wants_people:
            continue
        asked = told(tx, one.id, sids)
        if one.state is State.OPEN or (one.state is State.NOTIFIED and asked != set(PEOPLE.responders)):
            said.append(f"{one.home} is {one.state}, asked are {sorted(asked)}")
    return said


def _body_of(tx: Tx, behind: Message) -> str | None:
    """Give the words of the text that stands for this one."""
    rows = tx.conn.exec_driver_sql(
        "SELECT body FROM message WHERE sid = ? AND body IS NOT NULL", (behind.sid,)
    )
    found: str | None = rows.scalars().first()
    return found
