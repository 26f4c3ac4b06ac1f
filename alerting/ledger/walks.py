"""Walk tests: when each sensor of a home was last seen to see."""

from collections.abc import Mapping

import msgspec
from sqlalchemy import insert, select, update

from alerting.ledger.engine import Tx
from alerting.schema import walk_test

Passed = Mapping[str, int]
"""Sensor → when it last saw the one who walked, ms since 1970."""


def walked(tx: Tx, home: str) -> Passed:
    """Give what has passed in one home."""
    text = tx.conn.execute(select(walk_test.c.passed).where(walk_test.c.home == home)).scalar()
    return msgspec.json.decode(text, type=dict[str, int]) if text else {}


def walked_after(tx: Tx, home: str, most: int) -> list[tuple[str, str]]:
    """Give (home, what has passed, packed) of the next homes by name; '' begins. For `unpacked`."""
    rows = select(walk_test.c.home, walk_test.c.passed).where(walk_test.c.home > home)
    return [tuple(r) for r in tx.conn.execute(rows.order_by(walk_test.c.home).limit(most))]


def unpacked(text: str) -> Passed:
    """Give what a row of `walked_after` holds."""
    return msgspec.json.decode(text, type=dict[str, int])


def note_walked(tx: Tx, home: str, passed: Passed) -> None:
    """Add what has passed now; sensors that were not seen to see keep their last time."""
    text = msgspec.json.encode({**walked(tx, home), **passed}).decode()
    row = update(walk_test).where(walk_test.c.home == home).values(passed=text)
    if tx.conn.execute(row).rowcount == 0:
        tx.conn.execute(insert(walk_test).values(home=home, passed=text))
