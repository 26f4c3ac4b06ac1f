"""Incidents, their moves and concerns, as rows."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from types import MappingProxyType
from typing import Any

from sqlalchemy import Row, and_, bindparam, func, insert, or_, select, update

from alerting.concern import AREA, Concern, Kind, Severity
from alerting.incident import Accepted, EnRoute, Incident, IncidentEvent, State, Word, step
from alerting.ledger.drills import DRILL
from alerting.ledger.engine import Tx
from alerting.ledger.sql import one_of, word
from alerting.ledger.transaction import LedgerError
from alerting.schema import concern as concern_table
from alerting.schema import incident as incident_table
from alerting.schema import move as move_table

_NAMES = [f.name for f in fields(Incident)]
_COLUMNS = [incident_table.c[name] for name in _NAMES]
OPEN = incident_table.c.state != word(State.CLOSED)
"""Written out in the statement, so that SQLite uses the index over open incidents."""

# Statements of every look and every word are made once: building one costs as much as running it.
_I, _M = incident_table.c, move_table.c
_ALL = select(*_COLUMNS)
_OPEN = _ALL.where(OPEN).order_by(_I.id)
_BY_ID = _ALL.where(_I.id == bindparam("number"))
_OF_HOME = _ALL.where(_I.home == bindparam("home"), OPEN)
_OPEN_HOMES = select(_I.home, _I.id).where(OPEN)
_RECENT = _ALL.order_by(_I.id.desc()).limit(bindparam("most"))
_HURRIES = or_(_I.severity > Severity.LOW, and_(_I.severity == Severity.LOW, _I.lease_until_ms.is_not(None)))
_ENDED = _ALL.where(_I.closed_ms >= bindparam("from"), _I.closed_ms < bindparam("until")).order_by(
    _I.closed_ms, _I.id
)
_TO_LOOK_AT = select(*_COLUMNS, _I.writes).where(OPEN, _HURRIES).order_by(_I.severity.desc(), _I.id)
_LOW_TO_LOOK_AT = (
    select(*_COLUMNS, _I.writes)
    .where(OPEN, _I.severity == Severity.LOW, _I.lease_until_ms.is_(None), _I.wave == 0)
    .order_by(_I.home != AREA, _I.id)
    .limit(bindparam("most"))
)
_SAID = (
    select(move_table)
    .join(incident_table, _I.id == _M.incident)
    .where(
        _M.incident.in_(select(_I.id).where(OPEN)),  # from the few incidents to their moves
        or_(_I.severity > Severity.LOW, _I.wave == 0, _I.lease_until_ms.is_not(None)),
        one_of(_M.event, ("accepted", "en-route", "arrived", "cannot-go", "lease-lapsed")),
        _M.t_ms >= _I.decided_ms,
    )
    .order_by(_M.id)
)
_SAID_OF = _SAID.where(_M.incident.in_(bindparam("numbers", expanding=True)))
_LAST_WORD = (
    select(_M.event, _M.detail)
    .where(_M.incident == bindparam("number"), _M.by == bindparam("who"))
    .order_by(_M.id.desc())
    .limit(1)
)
_SINCE = func.min(func.coalesce(_I.suspected_ms, _I.decided_ms, _I.t0_ms))
_WANTED_SINCE = select(
    select(_SINCE).where(OPEN).scalar_subquery(),
    select(_SINCE).where(_I.closed_ms > bindparam("after_ms")).scalar_subquery(),
)
_MOVE = insert(move_table)
_MOVES_OF = select(move_table).where(_M.incident == bindparam("number")).order_by(_M.id)
_CHANGE = (
    update(incident_table)
    .where(
        _I.id == bindparam("number"),
        _I.state == bindparam("was_state"),
        _I.round_ms == bindparam("was_round"),
        _I.severity.is_not_distinct_from(bindparam("was_severity")),
        _I.acceptor.is_not_distinct_from(bindparam("was_acceptor")),
    )
    .values({f.name: bindparam(f"new_{f.name}") for f in fields(Incident) if f.name not in {"id", "home"}})
)
_HELD = _ALL.where(
    OPEN,
    _I.severity > Severity.LOW,
    one_of(_I.state, (State.ACCEPTED, State.EN_ROUTE)),
    _I.sensed_ms.is_(None),
    ~DRILL,
)
_NEXT_WAVE = (
    update(incident_table)
    .where(_I.id == bindparam("number"), _I.round_ms == bindparam("round"))
    .values(wave=bindparam("wave_now"), next_wave_ms=bindparam("next_ms"))
)


@dataclass(frozen=True, slots=True)
class Move:
    """One row of table `move`: a change of an incident, or a word said about it."""

    incident: int
    t_ms: int
    event: str
    from_state: State | None
    to_state: State
    by: str
    """Responder id, "board", "desk", "home", "sensor" or "guardian"."""
    detail: Mapping[str, Any]
    id: int = 0


@dataclass(frozen=True, slots=True)
class Opened:
    """An open incident."""

    incident: Incident
    row: Row[Any]
    """As it is stored, and how often a text or a word about it has been written."""


_NONE: Mapping[int, Opened] = MappingProxyType({})


def open_incidents(tx: Tx) -> list[Incident]:
    """Give every incident that is not closed, oldest first."""
    return [_incident(r) for r in tx.conn.execute(_OPEN)]


def answers_wanted_since_ms(tx: Tx, closed_after_ms: int) -> int | None:
    """Since when answers may have come that matter: to open incidents, and those closed after then.

    None when there is no such incident.
    """
    begun = tx.conn.execute(_WANTED_SINCE, {"after_ms": closed_after_ms}).one()
    return min((ms for ms in begun if ms is not None), default=None)


def uncleared_suspicions(tx: Tx, suspected_by_ms: int) -> list[Incident]:
    """Give the open incidents that are only suspected, and have been since `suspected_by_ms` or before."""
    query = select(*_COLUMNS).where(
        OPEN, incident_table.c.severity.is_(None), incident_table.c.suspected_ms <= suspected_by_ms
    )
    return [_incident(r) for r in tx.conn.execute(query)]


def incidents_to_look_at(tx: Tx, most_low: int, known: Mapping[int, Opened] = _NONE) -> list[Opened]:
    """Give the open incidents that may need something, worst first.

    Suspicions need nothing, nor do LOW ones whose wave has gone out and which nobody holds. Of the other
    LOW ones, no more than `most_low`, an area's first: they may be thousands. Of `known`, by number, the very
    same object is given where nothing has been written since.
    """
    rows: list[Any] = [*tx.conn.execute(_TO_LOOK_AT).fetchall()]
    rows += tx.conn.execute(_LOW_TO_LOOK_AT, {"most": most_low}).fetchall()
    before = (known.get(row.id) for row in rows)
    return [
        was if was is not None and was.row == row else Opened(_incident(row), row)
        for row, was in zip(rows, before, strict=True)
    ]


def ended(tx: Tx, from_ms: int, until_ms: int) -> list[Incident]:
    """Give the incidents that were closed in [from_ms, until_ms), by when."""
    return [_incident(row) for row in tx.conn.execute(_ENDED, {"from": from_ms, "until": until_ms})]


def incident_of(tx: Tx, home: str) -> Incident | None:
    """Give the home's open incident."""
    row = tx.conn.execute(_OF_HOME, {"home": home}).one_or_none()
    return None if row is None else _incident(row)


def held_incidents(tx: Tx) -> list[Incident]:
    """Give the open incidents to which somebody is on the way by his or her own word, LOW ones left out."""
    return [_incident(r) for r in tx.conn.execute(_HELD)]


def open_homes(tx: Tx) -> dict[str, int]:
    """Give the home of every open incident → its number."""
    return {r.home: r.id for r in tx.conn.execute(_OPEN_HOMES)}


def incident(tx: Tx, incident_id: int) -> Incident:
    """Give one incident.

    Raises
    ------
    LookupError
        there is none.
    """
    row = tx.conn.execute(_BY_ID, {"number": incident_id}).one_or_none()
    if row is None:
        raise LookupError(f"no incident {incident_id}")
    return _incident(row)


def recent_incidents(tx: Tx, limit: int) -> list[Incident]:
    """Give the newest incidents, open or not, newest first."""
    return [_incident(r) for r in tx.conn.execute(_RECENT, {"most": limit})]


def open_new(
    tx: Tx,
    concern: Concern,
    *,
    severity: Severity | None,
    deadline_ms: int | None,
    late: bool,
    now_ms: int,
) -> Incident:
    """Open an incident for a home that has none, from its first concern; the concern is stored too.

    Without a severity it is a suspicion. Raises SQLAlchemy's IntegrityError if the home has an open one.
    """
    values = {
        "home": concern.home,
        "kind": concern.kind,
        "severity": severity,
        "state": State.OPEN,
        "t0_ms": concern.onset_ms,
        "round_ms": now_ms,
        "suspected_ms": concern.decided_ms if severity is None else None,
        "decided_ms": None if severity is None else concern.decided_ms,
        "deadline_ms": deadline_ms,
        "late_at_decision": late,
        "room": concern.room,
    }
    number = tx.conn.execute(insert(incident_table).values(values).returning(incident_table.c.id))
    opened = incident(tx, number.scalar_one())
    _write(tx, Move(opened.id, now_ms, "opened", None, State.OPEN, "guardian", {"kind": concern.kind}))
    add_concern(tx, opened.id, concern)
    return opened


def apply(tx: Tx, incident_id: int, event: IncidentEvent, now_ms: int, by: str) -> Incident:
    """Carry out one event: one conditional UPDATE and one row in `move`.

    An event that changes nothing writes nothing, except a person's word that is not that person's last
    one: it is recorded (a second acceptance, a `3` of somebody who holds nothing).

    Raises
    ------
    IllegalMove
        the table of moves forbids it; nothing is written.
    LedgerError
        somebody else changed the incident in between.
    """
    before = incident(tx, incident_id)
    after = step(before, event, now_ms)
    detail = {k: v for k, v in asdict(event).items() if k != "lease_s" and v is not None}
    if detail.get("responder") == by:  # said by that person; else it is whom the board has sent
        del detail["responder"]
    handed = before.named is not None and after.acceptor == before.named
    if before.acceptor not in {None, after.acceptor} and (after.acceptor is None or handed):
        detail["released"] = before.acceptor
    if isinstance(event, Accepted | EnRoute) and event.responder in {after.acceptor, after.helper}:
        detail["goes"] = True
    move = Move(incident_id, now_ms, event.name, before.state, after.state, by, detail)
    if after == before:
        if isinstance(event, Word) and not _said_last(tx, move):
            _write(tx, move)
        return before
    values = {f"new_{f.name}": _stored(getattr(after, f.name)) for f in fields(Incident)}
    values |= {"number": incident_id, "was_state": before.state, "was_round": before.round_ms}
    values |= {"was_severity": before.severity, "was_acceptor": before.acceptor}
    if tx.conn.execute(_CHANGE, values).rowcount != 1:
        raise LedgerError(f"incident {incident_id} was changed by somebody else", permanent=False)
    _write(tx, move)
    return after


def set_next_wave(tx: Tx, incident_id: int, round_ms: int, wave: int, next_ms: int | None) -> None:
    """Note what the planner has said: how many waves so far, when it wants to look again."""
    values = {"number": incident_id, "round": round_ms, "wave_now": wave, "next_ms": next_ms}
    tx.conn.execute(_NEXT_WAVE, values)


def add_concern(tx: Tx, incident_id: int, concern: Concern) -> None:
    """Store one more piece of evidence; the same one (kind, sensor, onset, decision) once only."""
    c = concern_table.c
    known = select(c.id).where(
        c.incident == incident_id,
        c.kind == concern.kind,
        c.sensor.is_not_distinct_from(concern.sensor),
        c.onset_ms == concern.onset_ms,
        c.decided_ms == concern.decided_ms,
    )
    if tx.conn.execute(known).first() is not None:
        return
    values = {f.name: getattr(concern, f.name) for f in fields(Concern) if f.name not in {"home", "evidence"}}
    values |= {"incident": incident_id, "evidence": json.dumps(dict(concern.evidence))}
    tx.conn.execute(insert(concern_table).values(values))


def concerns(tx: Tx, incident_id: int) -> list[Concern]:
    """Give an incident's evidence in the order in which it came."""
    home = incident(tx, incident_id).home
    query = select(concern_table).where(concern_table.c.incident == incident_id).order_by(concern_table.c.id)
    return [
        Concern(
            home=home,
            kind=Kind(r.kind),
            onset_ms=r.onset_ms,
            decided_ms=r.decided_ms,
            confidence=r.confidence,
            room=r.room,
            x=r.x,
            y=r.y,
            sensor=r.sensor,
            evidence=json.loads(r.evidence),
        )
        for r in tx.conn.execute(query)
    ]


def moves(tx: Tx, incident_id: int) -> list[Move]:
    """Give everything that has happened to an incident, in order."""
    return [_move(r) for r in tx.conn.execute(_MOVES_OF, {"number": incident_id})]


def words_since_decision(tx: Tx, numbers: Sequence[int] | None = None) -> dict[int, list[Move]]:
    """Give what was said and what lapsed since each open incident's decision, by incident, in order.

    `numbers`: of these only.
    """
    out: dict[int, list[Move]] = {}
    for row in tx.conn.execute(_SAID) if numbers is None else tx.conn.execute(_SAID_OF, {"numbers": numbers}):
        out.setdefault(row.incident, []).append(_move(row))
    return out


def _said_last(tx: Tx, move: Move) -> bool:
    last = tx.conn.execute(_LAST_WORD, {"number": move.incident, "who": move.by}).first()
    return last is not None and last.event == move.event and json.loads(last.detail) == move.detail


def _write(tx: Tx, move: Move) -> None:
    values = {f.name: getattr(move, f.name) for f in fields(Move) if f.name not in {"id", "detail"}}
    tx.conn.execute(_MOVE, {**values, "detail": json.dumps(dict(move.detail))})


def _stored(value: object) -> object:
    return " ".join(value) if isinstance(value, tuple) else value


def _incident(row: Row[Any]) -> Incident:
    values: dict[str, Any] = dict(zip(_NAMES, row, strict=False))  # an `Opened` has one column more
    values["added"] = tuple(values["added"].split())
    values["kind"] = Kind(values["kind"])
    values["state"] = State(values["state"])
    values["severity"] = None if values["severity"] is None else Severity(values["severity"])
    return Incident(**values)


def _move(row: Row[Any]) -> Move:
    return Move(
        id=row.id,
        incident=row.incident,
        t_ms=row.t_ms,
        event=row.event,
        from_state=None if row.from_state is None else State(row.from_state),
        to_state=State(row.to_state),
        by=row.by,
        detail=json.loads(row.detail),
    )
