"""Who is expected to be away: noted by somebody, for a reason, with an end; kept, as all decisions are."""

from dataclasses import dataclass

from sqlalchemy import Row as SqlRow
from sqlalchemy import insert, select, update

from alerting.ledger.engine import Tx
from alerting.schema import absence


@dataclass(frozen=True, slots=True)
class Absence:
    """A time in which nobody is expected in a home."""

    home: str
    from_ms: int
    until_ms: int
    owner: str
    """Who says so."""
    reason: str
    id: int = 0


def note_absence(tx: Tx, new: Absence, now_ms: int) -> int:
    """Store one; give its number."""
    number: int = tx.conn.execute(
        insert(absence)
        .values(
            home=new.home,
            from_ms=new.from_ms,
            until_ms=new.until_ms,
            owner=new.owner,
            reason=new.reason,
            noted_ms=now_ms,
        )
        .returning(absence.c.id)
    ).scalar_one()
    return number


def end_absence(tx: Tx, number: int, now_ms: int) -> bool:
    """End one now; False when there is none that could end."""
    open_ = (absence.c.id == number) & (absence.c.until_ms > now_ms) & absence.c.ended_ms.is_(None)
    return tx.conn.execute(update(absence).where(open_).values(ended_ms=now_ms)).rowcount == 1


def absences(tx: Tx, now_ms: int) -> list[Absence]:
    """Give those that hold now or will, by begin."""
    rows = tx.conn.execute(
        select(absence)
        .where((absence.c.until_ms > now_ms) & absence.c.ended_ms.is_(None))
        .order_by(absence.c.from_ms, absence.c.id)
    )
    return [_absence(row) for row in rows]


def _absence(row: SqlRow[tuple[object, ...]]) -> Absence:
    return Absence(row.home, row.from_ms, row.until_ms, row.owner, row.reason, row.id)
