"""People: the roster's versions, phone numbers, and what each responder calls an incident."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Table, bindparam, func, insert, or_, select, update

from alerting import schema
from alerting.duty import Language
from alerting.incident import State
from alerting.ledger.engine import Tx
from alerting.ledger.incidents import OPEN

Row = Mapping[str, Any]

CODE_REST_MS: Final = 24 * 3600 * 1000
"""How long a code is not given to the same person again (DESIGN section 6)."""
LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ"  # no I, no O: they read as 1 and 0
_CODES: Final = tuple(f"{letter}{number}" for letter in LETTERS for number in range(1, 100))
_STRIDE: Final = 577  # coprime to 2,376, the number of codes: incidents that follow each other look different


_C, _I, _P, _R = schema.code.c, schema.incident.c, schema.person.c, schema.responder.c
# Statements of every text and every answer are made once: building one costs as much as running it.
_NEWEST = select(func.max(schema.roster_version.c.version))
_OF_PHONE = (
    select(_P.id)
    .join(schema.responder, _R.id == _P.id)
    .where(_P.phone == bindparam("number"), _R.version == _NEWEST.scalar_subquery())
    .order_by(_P.id)
    .limit(1)
)
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


@dataclass(frozen=True, slots=True)
class RosterRows:
    """One version of the roster: rows as mappings whose keys are the columns, without `version`."""

    people: tuple[Row, ...]
    sites: tuple[Row, ...]
    homes: tuple[Row, ...]
    rooms: tuple[Row, ...]
    zones: tuple[Row, ...]
    sensors: tuple[Row, ...]
    responders: tuple[Row, ...]
    shifts: tuple[Row, ...]
    travels: tuple[Row, ...]


_TABLES: Final[Mapping[str, Table]] = {
    "sites": schema.site,
    "homes": schema.home,
    "rooms": schema.room,
    "zones": schema.zone,
    "sensors": schema.sensor,
    "responders": schema.responder,
    "shifts": schema.shift,
    "travels": schema.travel,
}


def save_roster(tx: Tx, rows: RosterRows, source: str, digest: str, now_ms: int) -> int:
    """Store a whole roster as the next version; give its number. People are updated in place, by id."""
    for person in rows.people:
        known = update(schema.person).where(schema.person.c.id == person["id"]).values(dict(person))
        if tx.conn.execute(known).rowcount == 0:
            tx.conn.execute(insert(schema.person).values(dict(person)))
    head = insert(schema.roster_version).values(t_ms=now_ms, source=source, digest=digest)
    version: int = tx.conn.execute(head.returning(schema.roster_version.c.version)).scalar_one()
    for name, table in _TABLES.items():
        versioned = [{**row, "version": version} for row in getattr(rows, name)]
        if versioned:
            tx.conn.execute(insert(table), versioned)
    return version


@dataclass(frozen=True, slots=True)
class RosterVersion:
    """When a version of the roster was stored, and where it came from."""

    version: int
    t_ms: int
    source: str


def roster_versions(tx: Tx, most: int) -> list[RosterVersion]:
    """Give the newest versions, last first."""
    v = schema.roster_version.c
    rows = tx.conn.execute(select(v.version, v.t_ms, v.source).order_by(v.version.desc()).limit(most))
    return [RosterVersion(r.version, r.t_ms, r.source) for r in rows]


def newest_roster(tx: Tx) -> RosterRows | None:
    """Give the newest version, None before the first. `people` holds everybody who is not erased."""
    version = _newest(tx)
    return None if version is None else roster_at(tx, version)


def roster_at(tx: Tx, version: int) -> RosterRows:
    """Give a version; empty where there is none of this number. People are as they are now."""
    tables = {
        name: tuple(
            {k: v for k, v in row.items() if k != "version"}
            for row in tx.conn.execute(
                select(table).where(table.c.version == version).order_by(table.c.id)
            ).mappings()
        )
        for name, table in _TABLES.items()
    }
    people = tuple(dict(r) for r in tx.conn.execute(select(schema.person).order_by("id")).mappings())
    return RosterRows(people=people, **tables)


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
    r = schema.responder.c
    query = select(r.language).where(r.id == responder, r.version == _newest(tx))
    found: Language | None = tx.conn.execute(query).scalar_one_or_none()
    if found is None:
        raise LookupError(f"no responder {responder}")
    return found


def site_timezone(tx: Tx) -> str:
    """Give the time zone of the newest roster; "UTC" before the first."""
    s = schema.site.c
    query = select(s.timezone).where(s.version == _newest(tx)).order_by(s.id).limit(1)
    found: str | None = tx.conn.execute(query).scalar_one_or_none()
    return found or "UTC"


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


def _newest(tx: Tx) -> int | None:
    found: int | None = tx.conn.execute(_NEWEST).scalar_one()
    return found
