"""The roster's versions. A row holds from the version that brought it to the one that ended it.

So a change costs what it changes, and every version can be read again. A large one is written in pieces, each
a transaction of its own, so that nothing waits for it: they are of a version that is not whole, and so not
there, before `end_roster` has said so. Names and numbers of people stand in `person` alone, and are as they
are now in every version.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Table, and_, bindparam, delete, func, insert, or_, select, update

from alerting import schema
from alerting.ledger.engine import Tx

Row = Mapping[str, Any]

PIECE: Final = 300
"""Rows in one transaction: some 10 ms."""
PEOPLE: Final = "people"


@dataclass(frozen=True, slots=True)
class RosterRows:
    """One version of the roster: rows as mappings whose keys are the columns, without from when to when."""

    people: tuple[Row, ...]
    sites: tuple[Row, ...]
    homes: tuple[Row, ...]
    rooms: tuple[Row, ...]
    zones: tuple[Row, ...]
    sensors: tuple[Row, ...]
    responders: tuple[Row, ...]
    shifts: tuple[Row, ...]
    travels: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class RosterVersion:
    """When a version of the roster was stored, and where it came from."""

    version: int
    t_ms: int
    source: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a change: rows that are new or other than before, and ids of rows that are gone."""

    table: str
    rows: tuple[Row, ...]
    gone: tuple[str, ...] = ()


TABLES: Final[Mapping[str, Table]] = {
    "sites": schema.site,
    "homes": schema.home,
    "rooms": schema.room,
    "zones": schema.zone,
    "sensors": schema.sensor,
    "responders": schema.responder,
    "shifts": schema.shift,
    "travels": schema.travel,
}
_SPAN: Final = ("version", "ended")
_NAMED: Final = or_(
    schema.person.c.id.in_(select(schema.home.c.resident).where(schema.home.c.resident.is_not(None))),
    schema.person.c.id.in_(select(schema.responder.c.id)),
)
"""Somebody whom a version of the roster names."""
_V: Final = schema.roster_version.c
NEWEST: Final = select(func.max(_V.version)).where(_V.whole)


def holds(table: Table, version: ColumnElement[int] | int) -> ColumnElement[bool]:
    """Give the condition that a row of one of these tables is in a version."""
    return and_(table.c.version <= version, or_(table.c.ended.is_(None), table.c.ended > version))


def newest_version(tx: Tx) -> int | None:
    """Give the number of the version that holds, None before the first."""
    found: int | None = tx.conn.execute(NEWEST).scalar_one()
    return found


# --- changes ----------------------------------------------------------------------------------------------


def pieces(old: RosterRows | None, new: RosterRows, most: int = PIECE) -> list[Piece]:
    """Give what is to be written to go from one roster to another; people first, for others name them."""
    out = []
    for name in (PEOPLE, *TABLES):
        before = {row["id"]: row for row in getattr(old, name)} if old else {}
        after = getattr(new, name)
        rows = [row for row in after if row != before.get(row["id"])]
        out += [Piece(name, tuple(rows[k : k + most])) for k in range(0, len(rows), most)]
        if name != PEOPLE:  # somebody who has left is not erased by that
            gone = sorted(before.keys() - {row["id"] for row in after})
            out += [Piece(name, (), tuple(gone[k : k + most])) for k in range(0, len(gone), most)]
    return out


def begin_roster(tx: Tx, source: str, digest: str, now_ms: int) -> int:
    """Begin the next version and give its number; what is left of one that was never ended is taken back."""
    newest = newest_version(tx) or 0
    if tx.conn.execute(select(_V.version).where(_V.version > newest)).first() is not None:
        for table in TABLES.values():
            tx.conn.execute(delete(table).where(table.c.version > newest))
            tx.conn.execute(update(table).where(table.c.ended > newest).values(ended=None))
        tx.conn.execute(delete(schema.roster_version).where(_V.version > newest))
        tx.conn.execute(delete(schema.person).where(~_NAMED))  # who came with it alone
    version = newest + 1
    head = {"version": version, "t_ms": now_ms, "source": source, "digest": digest, "whole": False}
    tx.conn.execute(insert(schema.roster_version), head)
    return version


def put_piece(tx: Tx, piece: Piece, version: int) -> None:
    """Write a part of a version that is not there yet; people change at once."""
    if piece.table == PEOPLE:
        _put_people(tx, piece.rows)
        return
    table = TABLES[piece.table]
    ids = [{"of": i} for i in (*piece.gone, *(row["id"] for row in piece.rows))]
    if version > 1:
        now = (table.c.id == bindparam("of")) & table.c.ended.is_(None) & (table.c.version < version)
        tx.conn.execute(update(table).where(now).values(ended=version), ids)
    if piece.rows:
        tx.conn.execute(insert(table), [{**row, "version": version} for row in piece.rows])


def end_roster(tx: Tx, version: int) -> int:
    """Let a version that has been written hold from now on; give its number."""
    tx.conn.execute(update(schema.roster_version).where(_V.version == version).values(whole=True))
    return version


def save_roster(tx: Tx, rows: RosterRows, source: str, digest: str, now_ms: int) -> int:
    """Store a whole roster as the next version, in one transaction; give its number."""
    return save_pieces(tx, pieces(newest_roster(tx), rows), source, digest, now_ms)


def save_pieces(tx: Tx, some: Sequence[Piece], source: str, digest: str, now_ms: int) -> int:
    """Store a change as the next version, in one transaction; give its number."""
    version = begin_roster(tx, source, digest, now_ms)
    for piece in some:
        put_piece(tx, piece, version)
    return end_roster(tx, version)


def _put_people(tx: Tx, rows: Sequence[Row]) -> None:
    there = select(schema.person.c.id).where(schema.person.c.id.in_([row["id"] for row in rows]))
    known = set(tx.conn.execute(there).scalars())
    new = [dict(row) for row in rows if row["id"] not in known]
    if new:
        tx.conn.execute(insert(schema.person), new)
    changed = [{f"new_{name}": value for name, value in row.items()} for row in rows if row["id"] in known]
    if changed:
        # not the id: SQLite would look through all homes for those that name it
        values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in rows[0] if name != "id"}
        one = update(schema.person).where(schema.person.c.id == bindparam("new_id"))
        tx.conn.execute(one.values(values), changed)


# --- what holds -------------------------------------------------------------------------------------------


def roster_versions(tx: Tx, most: int) -> list[RosterVersion]:
    """Give the newest versions, last first."""
    held = select(_V.version, _V.t_ms, _V.source).where(_V.whole)
    rows = tx.conn.execute(held.order_by(_V.version.desc()).limit(most))
    return [RosterVersion(r.version, r.t_ms, r.source) for r in rows]


def newest_roster(tx: Tx) -> RosterRows | None:
    """Give the newest version, None before the first. `people` holds everybody who is not erased."""
    version = newest_version(tx)
    return None if version is None else roster_at(tx, version)


def roster_at(tx: Tx, version: int) -> RosterRows:
    """Give a version; empty where there is none of this number. A large one takes a second: `roster_page`."""
    return RosterRows(**{name: tuple(roster_page(tx, name, version)) for name in (PEOPLE, *TABLES)})


def roster_page(tx: Tx, name: str, version: int, after: str = "", most: int | None = None) -> list[Row]:
    """Give rows of one table of RosterRows in a version, by id, those after an id."""
    if name == PEOPLE:
        people = select(schema.person).where(schema.person.c.id > after).order_by(schema.person.c.id)
        return [dict(row) for row in tx.conn.execute(people.limit(most)).mappings()]
    table, known = TABLES[name], select(_V.version).where(_V.version == version, _V.whole).exists()
    query = select(table).where(table.c.id > after, holds(table, version), known).order_by(table.c.id)
    return [
        {column: value for column, value in row.items() if column not in _SPAN}
        for row in tx.conn.execute(query.limit(most)).mappings()
    ]


def knows_home(tx: Tx, home: str) -> bool:
    """Whether the newest roster has this home."""
    now = holds(schema.home, newest_version(tx) or 0)
    query = select(schema.home.c.id).where(schema.home.c.id == home, now)
    return tx.conn.execute(query).first() is not None


def site_timezone(tx: Tx) -> str:
    """Give the time zone of the newest roster; "UTC" before the first."""
    query = select(schema.site.c.timezone).where(holds(schema.site, newest_version(tx) or 0))
    found: str | None = tx.conn.execute(query.order_by(schema.site.c.id).limit(1)).scalar_one_or_none()
    return found or "UTC"
