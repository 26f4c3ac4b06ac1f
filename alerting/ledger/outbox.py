"""Texts out and in. A text is due, then leased, then sent, failed, withdrawn or grouped (another text
stands for it); never back to unsent once sent. Its body is written with its first lease and never changes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Row,
    and_,
    bindparam,
    case,
    exists,
    func,
    insert,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects import sqlite

from alerting.concern import Severity
from alerting.incident import State
from alerting.ledger.drills import DRILL
from alerting.ledger.engine import Tx
from alerting.ledger.incidents import OPEN
from alerting.ledger.sent import HANDED_OVER
from alerting.ledger.sql import one_of, word
from alerting.schema import inbound as inbound_table
from alerting.schema import incident as incident_table
from alerting.schema import message as message_table
from alerting.schema import move as move_table

RECEIPTS: Final[tuple[frozenset[str], ...]] = (
    frozenset({"accepted", "scheduled"}),
    frozenset({"queued"}),
    frozenset({"sending", "initiated"}),
    frozenset({"sent", "ringing"}),
    frozenset({"in-progress"}),
    frozenset({"delivered", "undelivered", "failed", "canceled", "completed", "busy", "no-answer"}),
    frozenset({"read"}),
)
"""What providers say about a text or a call, in the order in which it happens (Twilio's message and call
status values)."""


@dataclass(frozen=True, slots=True)
class Message:
    """One row of table `message`; times in ms since 1970, UTC."""

    responder: str
    purpose: str
    """page, answer, confirm, stand-down, news or handover."""
    due_ms: int
    valid_until_ms: int
    """Not worth sending after this."""
    created_ms: int
    template: str | None = None
    incident: int | None = None
    channel: str = ""
    """"" until the courier has chosen one."""
    wave: int = 0
    body: str | None = None
    """None until wording has run; then fixed for ever."""
    state: str = "due"
    lease_until_ms: int | None = None
    attempts: int = 0
    copies: int = 0
    """How often it may have been handed to the provider."""
    sid: str | None = None
    sent_ms: int | None = None
    receipt: str | None = None
    error: str | None = None
    id: int = 0
    """0 before it is stored. Stands in the body as the text's number."""


_COLUMNS = [message_table.c[f.name] for f in fields(Message)]
_M, _I, _W = message_table.c, incident_table.c, move_table.c
_OF_HIGH = and_(
    _M.purpose == "page",
    exists().where(_I.id == _M.incident, _I.severity == Severity.HIGH).correlate(message_table),
)
OPEN_HIGH: Final = select(_I.id).where(OPEN, _I.severity == Severity.HIGH)
HIGH_PAGE: Final[ColumnElement[bool]] = and_(_M.purpose == "page", _M.incident.in_(OPEN_HIGH))
OF_DRILL: Final[ColumnElement[bool]] = exists().where(_I.id == _M.incident, DRILL).correlate(message_table)

# Statements of every look and every text are made once: building one costs as much as running it.
_INSERT = insert(message_table).returning(_M.id)
_BY_ID = select(*_COLUMNS).where(_M.id == bindparam("number"))
_OF_INCIDENT = select(*_COLUMNS).where(_M.incident == bindparam("number")).order_by(_M.id)
_DUE = and_(_M.state == word("due"), _M.due_ms <= bindparam("now"))
_LAST = case((_M.template == word("last-resort"), 1), else_=0)
"""Whom nobody has told yet comes before those to whom everybody is being called."""
_DUE_TO = select(_M.responder).where(_DUE).group_by(_M.responder).order_by(func.min(_LAST), func.min(_M.id))
_URGENTLY_DUE_TO = select(_M.responder).where(_DUE, HIGH_PAGE).distinct()
_NEXT_FOR = (
    select(*_COLUMNS)
    .where(_DUE, _M.responder == bindparam("who"))
    .order_by(case((HIGH_PAGE, _LAST), (or_(OF_DRILL, HANDED_OVER), 3), else_=2), _M.id)
    .limit(1)
)
_NEXT_DUE = select(func.min(_M.due_ms)).where(_M.state == word("due"))
_SENT_TO = (
    select(_M.sent_ms)
    .where(_M.responder == bindparam("who"), _M.sent_ms >= bindparam("since"), _M.state == "sent", ~_OF_HIGH)
    .order_by(_M.sent_ms)
)
_SENT_IN_EARNEST = _SENT_TO.where(~OF_DRILL)
# From the incident to its messages: the outbox is never read whole.
_OVER = union_all(
    select(_I.id).where(
        OPEN,
        _I.state == State.ON_SCENE,
        _I.sensed_ms.is_(None),  # not on the word of sensors alone
        _I.severity > Severity.LOW,
        or_(_I.help_ms.is_(None), _I.helper.is_not(None)),
    ),
    select(_I.id).where(
        _I.closed_ms >= bindparam("since"), _I.state == State.CLOSED, _I.severity > Severity.LOW
    ),
)
_PAGES = (
    select(*_COLUMNS)
    .join(incident_table, _I.id == _M.incident)
    .where(
        _M.incident.in_(bindparam("numbers", expanding=True)),
        OPEN,
        _I.severity > Severity.LOW,
        _M.purpose == "page",
        _M.created_ms >= _I.decided_ms,
    )
    .order_by(_M.id)
)
_SENT = (
    update(message_table)
    .where(_M.id == bindparam("number"), one_of(_M.state, ("leased", "due")))
    .values(state="sent", sid=bindparam("its_sid"), sent_ms=bindparam("now"), lease_until_ms=None, error=None)
)
_LEASE = (
    update(message_table)
    .where(_M.id == bindparam("number"), _M.state == "due", _M.due_ms <= bindparam("now"))
    .values(
        state="leased",
        lease_until_ms=bindparam("until"),
        attempts=_M.attempts + 1,
        copies=_M.copies + 1,
        body=func.coalesce(_M.body, bindparam("its_body")),
        channel=func.coalesce(bindparam("by"), _M.channel),
    )
)
_TAKE_IN = sqlite.insert(inbound_table).on_conflict_do_nothing(index_elements=["sid"])
# Each list is gathered once and then they are joined: for each page to look for what came after it would take
# the square of the time, and a last resort asks hundreds of people.
_ASKED = (
    select(
        _M.incident,
        _M.responder,
        func.max(_M.id).label("last"),
        func.max(_M.created_ms).label("asked_ms"),
    )
    .join(incident_table, _I.id == _M.incident)
    .where(
        _M.incident.in_(_OVER),
        _M.purpose == "page",
        _M.sent_ms.is_not(None),
        _M.responder.is_distinct_from(_I.acceptor),
        or_(_I.help_ms.is_(None), _M.responder.is_distinct_from(_I.helper)),
    )
    .group_by(_M.incident, _M.responder)
    .subquery()
)
_TOLD = (
    select(_M.incident, _M.responder, func.max(_M.id).label("last"))
    .where(
        _M.incident.in_(_OVER),
        _M.purpose == "stand-down",
        or_(_M.state != word("withdrawn"), _M.copies > 0),
    )
    .group_by(_M.incident, _M.responder)
    .subquery()
)
_SPOKE = (
    select(_W.incident, _W.by, func.max(_W.t_ms).label("said_ms"))
    .where(_W.incident.in_(_OVER), one_of(_W.event, ("cannot-go", "arrived")))
    .group_by(_W.incident, _W.by)
    .subquery()
)
_TO_STAND_DOWN = (
    select(_ASKED.c.incident, _ASKED.c.responder)
    .outerjoin(_TOLD, and_(_TOLD.c.incident == _ASKED.c.incident, _TOLD.c.responder == _ASKED.c.responder))
    .outerjoin(_SPOKE, and_(_SPOKE.c.incident == _ASKED.c.incident, _SPOKE.c.by == _ASKED.c.responder))
    .where(
        or_(_TOLD.c.last.is_(None), _TOLD.c.last < _ASKED.c.last),
        or_(_SPOKE.c.said_ms.is_(None), _SPOKE.c.said_ms < _ASKED.c.asked_ms),
    )
    .order_by(_ASKED.c.incident, _ASKED.c.responder)
)


def enqueue(tx: Tx, new: Message) -> int:
    """Put a text into the outbox; give its number. `id` of `new` is ignored."""
    values = {f.name: getattr(new, f.name) for f in fields(Message) if f.name != "id"}
    number: int = tx.conn.execute(_INSERT, values).scalar_one()
    return number


def message(tx: Tx, message_id: int) -> Message:
    """Give one text; raises LookupError when there is none."""
    row = tx.conn.execute(_BY_ID, {"number": message_id}).one_or_none()
    if row is None:
        raise LookupError(f"no message {message_id}")
    return _message(row)


def message_of_sid(tx: Tx, sid: str) -> Message | None:
    """Give the text or call that the provider knows by this id; None when the ledger does not (yet)."""
    query = select(*_COLUMNS).where(message_table.c.sid == sid).order_by(message_table.c.id).limit(1)
    row = tx.conn.execute(query).one_or_none()
    return None if row is None else _message(row)


def messages(tx: Tx, incident_id: int) -> list[Message]:
    """Give an incident's texts, oldest first."""
    return [_message(r) for r in tx.conn.execute(_OF_INCIDENT, {"number": incident_id})]


def due_messages(tx: Tx, now_ms: int) -> list[Message]:
    """Give the texts that are due by now, oldest first."""
    m = message_table.c
    query = select(*_COLUMNS).where(m.state == "due", m.due_ms <= now_ms).order_by(m.id)
    return [_message(r) for r in tx.conn.execute(query)]


def due_responders(tx: Tx, now_ms: int) -> Sequence[str]:
    """Give those who have a text due by now, whoever waits longest first."""
    return tx.conn.execute(_DUE_TO, {"now": now_ms}).scalars().all()


def urgently_due(tx: Tx, now_ms: int) -> Sequence[str]:
    """Give those who have a HIGH page due by now."""
    return tx.conn.execute(_URGENTLY_DUE_TO, {"now": now_ms}).scalars().all()


def next_for(tx: Tx, responder: str, now_ms: int) -> Message | None:
    """Give somebody's next text that is due: a HIGH page first, drills and handovers last, else in order."""
    row = tx.conn.execute(_NEXT_FOR, {"who": responder, "now": now_ms}).one_or_none()
    return None if row is None else _message(row)


def next_due_ms(tx: Tx) -> int | None:
    """Give the time of the next text that is due."""
    found: int | None = tx.conn.execute(_NEXT_DUE).scalar_one()
    return found


def leased_messages(tx: Tx) -> list[Message]:
    """Give the texts in somebody's hand. At the start they are a dead process's."""
    query = select(*_COLUMNS).where(message_table.c.state == "leased").order_by(message_table.c.id)
    return [_message(r) for r in tx.conn.execute(query)]


def lease(
    tx: Tx,
    message_id: int,
    now_ms: int,
    until_ms: int,
    *,
    channel: str | None = None,
    body: str | None = None,
) -> bool:
    """Take a due text in hand until `until_ms`; False when it is not due (any more).

    Counts one attempt and one possible copy. `body` is written where none stands yet, `channel` if given.
    """
    values = {"number": message_id, "now": now_ms, "until": until_ms, "its_body": body, "by": channel}
    return bool(tx.conn.execute(_LEASE, values).rowcount)


def release(tx: Tx, message_id: int, now_ms: int) -> bool:
    """Put a leased text back to due at once; what it was handed to may have taken it."""
    m = message_table.c
    statement = update(message_table).where(m.id == message_id, m.state == "leased")
    return bool(tx.conn.execute(statement.values(state="due", due_ms=now_ms, lease_until_ms=None)).rowcount)


def record_sent(tx: Tx, message_id: int, sid: str, now_ms: int) -> bool:
    """Note that the provider has the text."""
    values = {"number": message_id, "its_sid": sid, "now": now_ms}
    return bool(tx.conn.execute(_SENT, values).rowcount)


def record_failed(
    tx: Tx, message_id: int, error: str, permanent: bool, retry_ms: int | None, *, maybe_taken: bool = False
) -> bool:
    """Note that a text did not go out: due again at `retry_ms`, or failed when permanent or None.

    `maybe_taken`: the provider may have it all the same, so it counts as a copy.
    """
    m = message_table.c
    ends = permanent or retry_ms is None
    values: dict[str, Any] = {
        "state": "failed" if ends else "due",
        "error": error[:120],
        "lease_until_ms": None,
    }
    if not ends:
        values["due_ms"] = retry_ms
    leased = m.state == "leased"
    statement = update(message_table).where(m.id == message_id, or_(leased, m.state == "due"))
    if not maybe_taken:
        tx.conn.execute(
            update(message_table).where(m.id == message_id, leased, m.copies > 0).values(copies=m.copies - 1)
        )
    return bool(tx.conn.execute(statement.values(values)).rowcount)


def reroute(tx: Tx, message_id: int, channel: str, why: str, now_ms: int) -> bool:
    """Give a leased text that its channel has refused to another one, at once; nobody has a copy."""
    m = message_table.c
    values = {
        "state": "due",
        "due_ms": now_ms,
        "lease_until_ms": None,
        "channel": channel,
        "error": why[:120],
    }
    statement = update(message_table).where(m.id == message_id, m.state == "leased")
    return bool(tx.conn.execute(statement.values({**values, "attempts": 0, "copies": 0})).rowcount)


def withdraw(tx: Tx, message_id: int, why: str) -> bool:
    """Take back a text that nobody needs any more."""
    statement = update(message_table).where(_M.id == message_id, _M.state == "due")
    return bool(tx.conn.execute(statement.values(state="withdrawn", error=why[:120])).rowcount)


def postpone(tx: Tx, message_id: int, until_ms: int, why: str) -> None:
    """Let one due text wait until then."""
    statement = update(message_table).where(_M.id == message_id, _M.state == "due")
    tx.conn.execute(statement.values(due_ms=until_ms, error=why[:120]))


def record_receipt(tx: Tx, sid: str, status: str) -> bool:
    """Note the provider's word about a text; forward only, unknown words and texts change nothing."""
    rank = next((i for i, words in enumerate(RECEIPTS) if status in words), None)
    if rank is None:
        return False
    earlier = [word for words in RECEIPTS[:rank] for word in words]
    m = message_table.c
    statement = update(message_table).where(m.sid == sid, or_(m.receipt.is_(None), m.receipt.in_(earlier)))
    return bool(tx.conn.execute(statement.values(receipt=status)).rowcount)


def pages_of_open(tx: Tx, numbers: Sequence[int]) -> dict[int, list[Message]]:
    """Give the pages since the decision of each of these incidents that is open, by incident, oldest first.

    Those of LOW incidents are left out: such an incident has one wave and there may be thousands.
    """
    out: dict[int, list[Message]] = {}
    for row in tx.conn.execute(_PAGES, {"numbers": numbers}).fetchall():
        out.setdefault(row.incident, []).append(_message(row))
    return out


def sent_to(tx: Tx, responder: str, since_ms: int, *, drills: bool = True) -> Sequence[int]:
    """Give the times of the texts that have gone to somebody since then, but for HIGH pages, oldest first.

    `drills`: those of drills, too.
    """
    query = _SENT_TO if drills else _SENT_IN_EARNEST
    return tx.conn.execute(query, {"who": responder, "since": since_ms}).scalars().all()


def to_stand_down(tx: Tx, since_ms: int) -> list[tuple[int, str]]:
    """Give (incident, responder) of those who were asked to go and need not any more.

    That is: a page has gone out to them in the round that found somebody; the incident is on scene with
    no help wanted, or was closed since `since_ms`; they are neither acceptor nor the helper whom the acceptor
    asked for, have not said that they cannot or that they are there, and have not been told since.
    """
    found = tx.conn.execute(_TO_STAND_DOWN, {"since": since_ms})
    return [(r.incident, r.responder) for r in found]


def take_inbound(  # noqa: PLR0917  # the row, column by column
    tx: Tx,
    sid: str,
    responder: str | None,
    incident_id: int | None,
    now_ms: int,
    via: str,
    body: str,
    taken_as: str,
) -> bool:
    """Store what somebody has sent, once for each provider's id; False: seen before, nothing changed."""
    row = {
        "sid": sid,
        "responder": responder,
        "incident": incident_id,
        "t_ms": now_ms,
        "via": via,
        "body": body,
        "taken_as": taken_as,
    }
    return bool(tx.conn.execute(_TAKE_IN, row).rowcount)


def _message(row: Row[Any]) -> Message:
    return Message(*row)  # type: ignore[call-arg]  # as many columns as it has fields, in their order
