"""What residents have agreed to, how that is known, and when they took it back."""

from dataclasses import dataclass

from sqlalchemy import insert, select, update

from alerting.ledger.engine import Tx
from alerting.schema import consent


@dataclass(frozen=True, slots=True)
class Consent:
    """One agreement of a home's resident."""

    home: str
    what: str
    """`monitoring`, or `recording`."""
    given_ms: int
    until_ms: int | None
    """None: until it is taken back."""
    how: str
    """A form, a talk: where it can be looked up."""
    owner: str
    """Who noted it."""
    withdrawn_ms: int | None = None
    id: int = 0


def note_consent(tx: Tx, new: Consent) -> int:
    """Store one; give its number."""
    values = {name: getattr(new, name) for name in Consent.__slots__ if name not in {"id", "withdrawn_ms"}}
    number: int = tx.conn.execute(insert(consent).values(values).returning(consent.c.id)).scalar_one()
    return number


def withdraw_consent(tx: Tx, number: int, home: str, now_ms: int) -> bool:
    """Note that it was taken back; False when there is none that holds in this home."""
    holds = (consent.c.id == number) & (consent.c.home == home) & consent.c.withdrawn_ms.is_(None)
    return tx.conn.execute(update(consent).where(holds).values(withdrawn_ms=now_ms)).rowcount == 1


def consents(tx: Tx, home: str) -> list[Consent]:
    """Give all of a home, the newest first."""
    rows = tx.conn.execute(select(consent).where(consent.c.home == home).order_by(consent.c.id.desc()))
    return [Consent(*(getattr(r, name) for name in Consent.__slots__)) for r in rows]
