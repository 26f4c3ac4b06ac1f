"""What the ledger holds of one person: all of it, to be handed over, and gone, when they have left.

A resident is known by the home, a responder by the number. What happened stays, under ids that lead nowhere.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Table, delete, func, or_, select, update

from alerting import schema
from alerting.ledger.engine import Tx
from alerting.ledger.rosters import Row

OF_A_HOME: Final[Mapping[str, tuple[Table, str]]] = {
    "homes": (schema.home, "id"),
    "rooms": (schema.room, "home"),
    "zones": (schema.zone, "home"),
    "sensors": (schema.sensor, "home"),
    "ways": (schema.travel, "home"),
    "consents": (schema.consent, "home"),
    "absences": (schema.absence, "home"),
    "silences": (schema.silence, "home"),
    "walk_tests": (schema.walk_test, "home"),
    "incidents": (schema.incident, "home"),
    "dark": (schema.area_home, "home"),
    "log": (schema.audit, "subject"),
}
"""Tables with rows of a home, and the column that names it."""
OF_AN_INCIDENT: Final[Mapping[str, Table]] = {
    "moves": schema.move,
    "concerns": schema.concern,
    "messages": schema.message,
    "answers": schema.inbound,
}
OF_A_RESPONDER: Final[Mapping[str, tuple[Table, str]]] = {
    "responders": (schema.responder, "id"),
    "shifts": (schema.shift, "responder"),
    "ways": (schema.travel, "responder"),
    "messages": (schema.message, "responder"),
    "answers": (schema.inbound, "responder"),
}


def residents(tx: Tx, home: str) -> list[str]:
    """Give the ids of all who have been the resident of a home, in any version of the roster."""
    h = schema.home.c
    found = tx.conn.execute(select(h.resident).where(h.id == home, h.resident.is_not(None)).distinct())
    return list(found.scalars())


def responders_of(tx: Tx, phone: str) -> list[str]:
    """Give the ids of all who have had a number (E.164) and have been in a roster as responders."""
    p, r = schema.person.c, schema.responder.c
    return list(tx.conn.execute(select(p.id).where(p.phone == phone, p.id.in_(select(r.id)))).scalars())


def told_of_home(tx: Tx, home: str) -> dict[str, list[Row]]:
    """Give every row of a home and of who lives or has lived there, by table."""
    out = {name: _rows(tx, table, column, [home]) for name, (table, column) in OF_A_HOME.items()}
    numbers = [row["id"] for row in out["incidents"]]
    out |= {name: _rows(tx, table, "incident", numbers) for name, table in OF_AN_INCIDENT.items()}
    return {"people": _rows(tx, schema.person, "id", residents(tx, home)), **out}


def told_of_responder(tx: Tx, person: str) -> dict[str, list[Row]]:
    """Give every row of a responder, by table."""
    out = {name: _rows(tx, table, column, [person]) for name, (table, column) in OF_A_RESPONDER.items()}
    return {"people": _rows(tx, schema.person, "id", [person]), **out}


def erase_home(tx: Tx, home: str) -> Sequence[int]:
    """Forget who lives or has lived in a home, and what staff have written of it; give its incidents."""
    people = residents(tx, home)
    tx.conn.execute(update(schema.home).where(schema.home.c.id == home).values(resident=None))
    tx.conn.execute(delete(schema.person).where(schema.person.c.id.in_(people)))
    tx.conn.execute(update(schema.consent).where(schema.consent.c.home == home).values(how=""))
    for table in (schema.absence, schema.silence):
        tx.conn.execute(update(table).where(table.c.home == home).values(reason=""))
    tx.conn.execute(delete(schema.walk_test).where(schema.walk_test.c.home == home))
    incidents = select(schema.incident.c.id).where(schema.incident.c.home == home)
    return list(tx.conn.execute(incidents).scalars())


def erase_responder(tx: Tx, person: str) -> None:
    """Forget a responder's name and number, and the words of their answers."""
    tx.conn.execute(delete(schema.person).where(schema.person.c.id == person))
    tx.conn.execute(update(schema.inbound).where(schema.inbound.c.responder == person).values(body=""))


def is_awaited(tx: Tx, *, home: str | None = None, person: str | None = None) -> bool:
    """Whether an incident is open at a home, or in the hands of a responder."""
    i = schema.incident.c
    mine = i.home == home if home is not None else or_(i.acceptor == person, i.helper == person)
    count = select(func.count()).where(mine, i.state != "closed")
    return bool(tx.conn.execute(count).scalar_one())


def _rows(tx: Tx, table: Table, column: str, values: Sequence[Any]) -> list[Row]:
    found = select(table).where(table.c[column].in_(values)).order_by(*table.primary_key.columns)
    return [dict(row) for row in tx.conn.execute(found).mappings()]
