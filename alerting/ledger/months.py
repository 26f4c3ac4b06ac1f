"""What went out in a stretch of time, for the report of a month: read a day at a time: nobody waits."""

from sqlalchemy import func, select

from alerting.ledger.engine import Tx
from alerting.schema import message


def texts_sent(tx: Tx, from_ms: int, until_ms: int) -> int:
    """Give how many texts and calls went out in [from_ms, until_ms)."""
    c = message.c
    sent = select(func.count()).where(c.sent_ms >= from_ms, c.sent_ms < until_ms)
    return tx.conn.execute(sent).scalar_one()
