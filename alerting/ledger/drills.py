"""Drills of the past, and when people last answered anything."""

from typing import Final

from sqlalchemy import func, select

from alerting.concern import Kind
from alerting.incident import State
from alerting.ledger.engine import Tx
from alerting.ledger.sql import word
from alerting.schema import inbound as inbound_table
from alerting.schema import incident as incident_table
from alerting.schema import move as move_table

_I, _M, _IN = incident_table.c, move_table.c, inbound_table.c
DRILL: Final = _I.kind == word(Kind.DRILL)


def drills_begun(tx: Tx) -> dict[str, int]:
    """Give home → when its last drill began, ms."""
    rows = tx.conn.execute(select(_I.home, func.max(_I.t0_ms)).where(DRILL).group_by(_I.home))
    return {home: t_ms for home, t_ms in rows}  # noqa: C416  # rows are no tuples for dict()


def homes_drilled(tx: Tx) -> dict[str, int]:
    """Give home → when a drill with somebody on scene was last closed there, ms."""
    query = (
        select(_I.home, func.max(_I.closed_ms))
        .where(DRILL, _I.state == State.CLOSED, _I.on_scene_ms.is_not(None))
        .group_by(_I.home)
    )
    return {home: t_ms for home, t_ms in tx.conn.execute(query)}  # noqa: C416  # as above


def people_drilled(tx: Tx) -> dict[str, int]:
    """Give responder → when they last said anything in a drill themselves, ms."""
    query = (
        select(_M.by, func.max(_M.t_ms))
        .join(incident_table, _I.id == _M.incident)
        .where(DRILL, _M.by.is_not(None))
        .group_by(_M.by)
    )
    return {who: t_ms for who, t_ms in tx.conn.execute(query)}  # noqa: C416  # as above


def last_answers(tx: Tx) -> dict[str, int]:
    """Give responder → when their last answer of any kind came in, ms."""
    query = (
        select(_IN.responder, func.max(_IN.t_ms)).where(_IN.responder.is_not(None)).group_by(_IN.responder)
    )
    return {who: t_ms for who, t_ms in tx.conn.execute(query)}  # noqa: C416  # as above
