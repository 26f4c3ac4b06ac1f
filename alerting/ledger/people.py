"""People: phone numbers, and what each responder calls an incident."""

from typing import Final

from sqlalchemy import bindparam, insert, or_, select

from alerting import schema
from alerting.duty import Language
from alerting.incident import State
from alerting.ledger.engine import Tx
from alerting.ledger.incidents import OPEN
from alerting.ledger.rosters import NEWEST, holds

CODE_REST_MS: Final = 24 * 3600 * 1000
"""How long a code is not given to the same person again (DESIGN section 6)."""
LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ"  # no I, no O: they read as 1 and 0
_CODES: Final = tuple(f"{letter}{number}" for letter in LETTERS for number in range(1, 100))
_STRIDE: Final = 577  # coprime to 2,376, the number of codes: incidents that follow each other look different


_C, _I, _P, _R = schema.code.c, schema.incident.c, schema.person.c, schema.responder.c
# Statements of every text and every answer are made once: building one costs as much as running it.
_NOW = holds(schema.responder, NEWEST.scalar_subquery())
_OF_PHONE = (
    select(_P.id)
    .join(schema.responder, _R.id == _P.id)
    .where(_P.phone == bindparam("number"), _NOW)
    .order_by(_P.id)
    .limit(1)
)
_LANGUAGE = select(_R.language).where(_R.id == bindparam("who"), _NOW)
_OF_RESPONDER = (
    select(_C.code, _C.incident)
    .join(schema.incident, _I.id == _C.incident)
    .where(_C.responder == bindparam("who"))
    .order_by(_C.id)
)
_CODES_OPEN = _OF_RESPONDER.where(OPEN)
_CODES_CLOSED = _OF_RESPONDER.where(_I.state == State.CLOSED, _I.closed_ms > bindparam("since"))
_CODE_OF = select(_C.code).where(_C.responder == bindparam("who"), _C.incident == bindparam("number"))
_CODES_USED = _OF_RESPONDER.where(
    or_(_C.given_ms > bindparam("since"), OPEN, _I.closed_ms > bindparam("since"))
)
_NEW_CODE = insert(schema.code)


def person_phone(tx: Tx, person: str) -> str | None:
    """Give somebody's number, E.164."""
    found: str | None = tx.conn.execute(
        select(schema.person.c.phone).where(schema.person.c.id == person)
    ).scalar_one_or_none()
    return found


def responder_of_phone(tx: Tx, phone: str) -> str | None:
    """Give the responder of the newest roster who has this number (E.164)."""
    found: str | None = tx.conn.execute(_OF_PHONE, {"number": phone}).scalar_one_or_none()
    return found


def responder_language(tx: Tx, responder: str) -> Language:
    """Give the language of a responder of the newest roster; raises LookupError when there is none."""
    found: Language | None = tx.conn.execute(_LANGUAGE, {"who": responder}).scalar_one_or_none()
    if found is None:
        raise LookupError(f"no responder {responder}")
    return found


def codes(tx: Tx, responder: str) -> dict[str, int]:
    """Give somebody's codes of open incidents: code → incident."""
    return {r.code: r.incident for r in tx.conn.execute(_CODES_OPEN, {"who": responder})}


def closed_codes(tx: Tx, responder: str, now_ms: int) -> dict[str, int]:
    """Give somebody's codes of incidents closed within the last 24 h: code → incident."""
    found = tx.conn.execute(_CODES_CLOSED, {"who": responder, "since": now_ms - CODE_REST_MS})
    return {r.code: r.incident for r in found}


def code_for(tx: Tx, incident_id: int, responder: str, now_ms: int) -> str:
    """Give what this responder calls this incident, making it when there is none yet.

    A letter and a number; unlike any that this person has had within 24 h or has open. Raises
    LookupError when somebody has used up all 2,376.
    """
    mine = {"who": responder, "number": incident_id}
    known: str | None = tx.conn.execute(_CODE_OF, mine).scalar_one_or_none()
    if known is not None:
        return known
    used = tx.conn.execute(_CODES_USED, {"who": responder, "since": now_ms - CODE_REST_MS})
    taken = set(used.scalars())
    start = incident_id * _STRIDE % len(_CODES)
    fresh = next((code for code in _CODES[start:] + _CODES[:start] if code not in taken), None)
    if fresh is None:
        raise LookupError("no code is left")
    row = {"incident": incident_id, "responder": responder, "code": fresh, "given_ms": now_ms}
    tx.conn.execute(_NEW_CODE, row)
    return fresh
