"""What has gone out, counted: who was told at the start of a shift, how many texts a channel has carried."""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import ColumnElement, bindparam, func, literal_column, select

from alerting.ledger.engine import Tx
from alerting.ledger.sql import word
from alerting.schema import message as message_table
from alerting.wording import HANDOVER

HOUR_MS: Final = 3_600_000
_M = message_table.c
HANDED_OVER: Final[ColumnElement[bool]] = _M.purpose == word(HANDOVER)
"""Written out in the statement, so that SQLite uses the index over handovers."""

_TOLD = select(_M.responder, _M.created_ms).where(HANDED_OVER, _M.created_ms >= bindparam("since"))
_BY = (_M.channel == bindparam("channel"), _M.sent_ms >= bindparam("since"))
_COPIES, _HOUR = func.sum(_M.copies), _M.sent_ms // literal_column(str(HOUR_MS))
_CARRIED = select(_M.responder, _COPIES).where(*_BY).group_by(_M.responder)
_CARRIED_HOURLY = select(_M.responder, _HOUR, _COPIES).where(*_BY).group_by(_M.responder, _HOUR)


def handed_over(tx: Tx, since_ms: int) -> dict[str, int]:
    """Give who was told of what is open at the start of a shift since then → the last such start, ms."""
    found: dict[str, int] = {}
    for responder, start_ms in tx.conn.execute(_TOLD, {"since": since_ms}):
        found[responder] = max(start_ms, found.get(responder, start_ms))
    return found


def carried(tx: Tx, channels: Iterable[str], since_ms: int) -> dict[str, dict[str, int]]:
    """Give how many texts each of these channels has carried since then: channel → responder → texts.

    Possible copies count.
    """
    return {
        name: {who: n for who, n in tx.conn.execute(_CARRIED, {"channel": name, "since": since_ms})}  # noqa: C416  # rows are no tuples for dict()
        for name in channels
    }


def carried_hourly(tx: Tx, channels: Iterable[str], since_ms: int) -> dict[str, dict[str, dict[int, int]]]:
    """Give the same by the hour: channel → responder → hour since 1970 → texts."""
    found: dict[str, dict[str, dict[int, int]]] = {name: {} for name in channels}
    for name, to in found.items():
        for who, hour, n in tx.conn.execute(_CARRIED_HOURLY, {"channel": name, "since": since_ms}):
            to.setdefault(who, {})[hour] = n
    return found
