"""Texts that stand for others, and texts that wait because somebody has had enough of them for now.

A page in state `grouped` has no text of its own: its `error` names the text that stands for it. A LOW one
says no more than to look at the board, so it stands for all; a HIGH one names every code.
"""

from collections.abc import Sequence
from dataclasses import fields

from sqlalchemy import and_, bindparam, func, or_, select, update

from alerting.concern import Severity
from alerting.ledger.engine import Tx
from alerting.ledger.incidents import OPEN
from alerting.ledger.outbox import HIGH_PAGE, OF_DRILL, OPEN_HIGH, Message
from alerting.ledger.sql import one_of
from alerting.schema import incident as incident_table
from alerting.schema import message as message_table

_M, _I = message_table.c, incident_table.c
ALIKE = ("high", "last-resort")
"""HIGH pages that one text can stand for; one to somebody whom staff have named says so."""
_NOT_REACHED = ("failed", "undelivered", "canceled")

_LAST_HIGH = (
    select(_M.channel, func.max(_M.sent_ms))
    .join(incident_table, _I.id == _M.incident)
    .where(
        _M.responder == bindparam("who"),
        _M.sent_ms > bindparam("since"),
        _M.purpose == "page",
        _M.state == "sent",
        or_(_M.receipt.is_(None), ~one_of(_M.receipt, _NOT_REACHED)),
        _I.severity == Severity.HIGH,
    )
    .group_by(_M.channel)
)
_MINE = and_(_M.responder == bindparam("who"), _M.state == "due")
_HOLD = update(message_table).where(_MINE, _M.due_ms < bindparam("until")).values(due_ms=bindparam("until"))
_HOLD_OTHERS = _HOLD.where(~HIGH_PAGE)
_HOLD_DRILLS = _HOLD_OTHERS.where(OF_DRILL)
_HIGH_BESIDE = (
    select(*[_M[f.name] for f in fields(Message)])
    .where(
        _MINE,
        HIGH_PAGE,
        _M.due_ms <= bindparam("now"),
        _M.id != bindparam("number"),
        one_of(_M.template, ALIKE),
        _M.body.is_(None),
        _M.copies == 0,
        or_(_M.channel == "", _M.channel == bindparam("by")),
    )
    .order_by(_M.id)
)
_STAND_FOR = (
    update(message_table)
    .where(_M.id == bindparam("number"), _M.state == "due")
    .values(state="grouped", error=bindparam("leader"))
)
_BEHIND = and_(
    _M.responder == bindparam("who"),
    _M.state == "grouped",
    _M.sent_ms.is_(None),
    _M.incident.in_(OPEN_HIGH),
    _M.error == bindparam("leader"),
)
_SENT_TOO = (
    update(message_table)
    .where(_M.id == bindparam("number"), _M.state == "grouped")
    .values(sent_ms=bindparam("now"), sid=bindparam("its_sid"))
    .returning(_M.incident)
)
_UNGROUP = update(message_table).where(_BEHIND).values(state="due", error=None)


def hold_back(tx: Tx, responder: str, until_ms: int, *, drills_alone: bool) -> None:
    """Make everything that is due to somebody wait until then, but for HIGH pages; or drills' texts alone."""
    statement = _HOLD_DRILLS if drills_alone else _HOLD_OTHERS
    tx.conn.execute(statement, {"who": responder, "until": until_ms})


def last_high(tx: Tx, responder: str, since_ms: int) -> dict[str, int]:
    """Give channel → when somebody's last HIGH page went out after `since_ms`; those known to be lost not."""
    found = tx.conn.execute(_LAST_HIGH, {"who": responder, "since": since_ms})
    return {channel: t_ms for channel, t_ms in found}  # noqa: C416  # rows are no tuples for dict()


def group_low(tx: Tx, leader: Message, now_ms: int) -> int:
    """Let one LOW page stand for all the others that are due to the same person; give how many."""
    low = select(_I.id).where(OPEN, _I.severity == Severity.LOW)
    statement = update(message_table).where(
        _M.responder == leader.responder,
        _M.state == "due",
        _M.due_ms <= now_ms,
        _M.purpose == "page",
        _M.template.is_distinct_from("area"),  # it says how many
        _M.incident.in_(low),
        _M.id != leader.id,
        _M.copies == 0,
    )
    return tx.conn.execute(statement.values(state="grouped", error=_with(leader))).rowcount


def high_beside(tx: Tx, leader: Message, channel: str, now_ms: int) -> list[Message]:
    """Give the HIGH pages due to the same person by the same channel, of which nobody has a word yet."""
    values = {"who": leader.responder, "number": leader.id, "by": channel, "now": now_ms}
    return [Message(*row) for row in tx.conn.execute(_HIGH_BESIDE, values)]


def group_high(tx: Tx, leader: Message, others: list[Message]) -> None:
    """Let one HIGH page, whose body names all their codes, stand for these others."""
    tx.conn.execute(_STAND_FOR, [{"number": m.id, "leader": _with(leader)} for m in others])


def sent_with(tx: Tx, behind: Sequence[int], sid: str, now_ms: int) -> list[int]:
    """Note that the pages behind a HIGH text went out with it; give their incidents.

    Those that were closed meanwhile too: whoever has read their code must hear that it is over.
    """
    values = {"its_sid": sid, "now": now_ms}
    return [i for n in behind for i in tx.conn.execute(_SENT_TOO, {"number": n, **values}).scalars()]


def ungroup(tx: Tx, leader: Message) -> None:
    """Let those behind a HIGH text that surely or maybe did not go out go by themselves."""
    tx.conn.execute(_UNGROUP, {"who": leader.responder, "leader": _with(leader)})


def _with(leader: Message) -> str:
    return f"with {leader.id}"
