"""What came in, beat by beat, kept until a snapshot holds it."""

from sqlalchemy import delete, insert, select, text

from alerting.ledger.engine import Tx
from alerting.schema import beat


def save_beat(tx: Tx, t_ms: int, events: bytes) -> int:
    """Store the raw events of one beat; give the row's number, which only grows."""
    number: int = tx.conn.execute(
        insert(beat).values(t_ms=t_ms, events=events).returning(beat.c.id)
    ).scalar_one()
    return number


def beats_since(tx: Tx, beat_id: int) -> list[tuple[int, int, bytes]]:
    """Give (number, t_ms, events) of every beat after `beat_id`, in order."""
    rows = tx.conn.execute(
        select(beat.c.id, beat.c.t_ms, beat.c.events).where(beat.c.id > beat_id).order_by(beat.c.id)
    )
    return [(r.id, r.t_ms, r.events) for r in rows]


def last_beat(tx: Tx) -> int:
    """Give the number of the newest beat ever stored here, dropped ones included; 0 = none."""
    found = tx.conn.execute(text("SELECT seq FROM sqlite_sequence WHERE name = :name"), {"name": beat.name})
    return int(found.scalar_one_or_none() or 0)


def drop_beats(tx: Tx, upto: int) -> None:
    """Forget the beats up to and including number `upto`."""
    tx.conn.execute(delete(beat).where(beat.c.id <= upto))
