"""What has gone out, counted: who was told at the start of a shift, how many texts a channel has carried."""

from typing import Final

from sqlalchemy import ColumnElement, bindparam, func, literal, select

from alerting.ledger.engine import Tx
from alerting.schema import message as message_table
from alerting.wording import HANDOVER

HOUR_MS: Final = 3_600_000
_M = message_table.c
HANDED_OVER: Final[ColumnElement[bool]] = _M.purpose == literal(HANDOVER, literal_execute=True)
"""Written out in the statement, so that SQLite uses the index over handovers."""

_TOLD = select(_M.responder, _M.created_ms).where(HANDED_OVER, _M.created_ms >= bindparam("since"))
_HOUR = _M.sent_ms / HOUR_MS
_CARRIED = (
    select(_M.responder, func.sum(_M.copies))
    .where(_M.channel == bindparam("channel"), _M.sent_ms >= bindparam("since"))
    .group_by(_M.responder)
)


def handed_over(tx: Tx, since_ms: int) -> dict[str, int]:
    """Give who was told of what is open at the start of a shift since then → the last such start, ms."""
    found: dict[str, int] = {}
    for responder, start_ms in tx.conn.execute(_TOLD, {"since": since_ms}):
        found[responder] = max(start_ms, found.get(responder, start_ms))
    return found
