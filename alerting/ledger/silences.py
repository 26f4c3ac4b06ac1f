"""What staff do not want to hear of for some hours, and what came meanwhile; kept, as all decisions are."""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, and_, bindparam, func, insert, or_, select, update

from alerting.concern import Concern, Kind
from alerting.ledger.engine import Tx
from alerting.schema import silence, silenced

_S, _D = silence.c, silenced.c
_HOLDS = and_(_S.until_ms > bindparam("now"), _S.ended_ms.is_(None))
_WAITS = and_(_D.told_ms.is_(None), _D.over_ms.is_(None))
_OF = select(_S.id).where(_S.home == bindparam("at"), _S.kind == bindparam("what"), _HOLDS)
_ALL = (
    select(silence, func.count(_D.id).label("held"))
    .outerjoin(silenced, and_(_D.silence == _S.id, _WAITS))
    .where(_HOLDS)
    .group_by(_S.id)
    .order_by(_S.until_ms, _S.id)
)
_WAITING = select(silenced, _S.home, _S.kind).join(silence, _S.id == _D.silence).where(_WAITS).order_by(_D.id)
_ENDED = _WAITING.where(or_(_S.until_ms <= bindparam("now"), _S.ended_ms.is_not(None)))
_TOLD = update(silenced).where(_D.id == bindparam("number")).values(told_ms=bindparam("now"))
_OVER = (
    update(silenced)
    .where(
        _WAITS,
        _D.silence.in_(select(_S.id).where(_S.home == bindparam("at"), _S.kind == bindparam("what"))),
    )
    .values(over_ms=bindparam("now"))
)


@dataclass(frozen=True, slots=True)
class Silence:
    """Findings of one kind at one home open no incident until then."""

    home: str
    kind: Kind
    until_ms: int
    owner: str
    """Who says so."""
    reason: str
    noted_ms: int = 0
    held: int = 0
    """Findings that wait for its end."""
    id: int = 0


def note_silence(tx: Tx, new: Silence, now_ms: int) -> int:
    """Store one; give its number."""
    values = {"home": new.home, "kind": new.kind, "until_ms": new.until_ms, "noted_ms": now_ms}
    number: int = tx.conn.execute(
        insert(silence).values({**values, "owner": new.owner, "reason": new.reason}).returning(_S.id)
    ).scalar_one()
    return number


def end_silence(tx: Tx, number: int, now_ms: int) -> bool:
    """End one now; False when there is none that could end."""
    holds = and_(_S.id == number, _S.until_ms > now_ms, _S.ended_ms.is_(None))
    return tx.conn.execute(update(silence).where(holds).values(ended_ms=now_ms)).rowcount == 1


def silences(tx: Tx, now_ms: int) -> list[Silence]:
    """Give those that hold now, the one that ends first first."""
    return [
        Silence(r.home, Kind(r.kind), r.until_ms, r.owner, r.reason, r.noted_ms, r.held, r.id)
        for r in tx.conn.execute(_ALL, {"now": now_ms})
    ]


def silence_of(tx: Tx, home: str, kind: Kind, now_ms: int) -> int | None:
    """Give the number of the silence that holds for findings of this kind at a home."""
    return tx.conn.execute(_OF, {"at": home, "what": kind.value, "now": now_ms}).scalars().first()


def hold(tx: Tx, silence_id: int, concern: Concern) -> None:
    """Keep a concern until the silence ends; the same one (sensor, onset) once only."""
    known = select(_D.id).where(
        _D.silence == silence_id,
        _D.onset_ms == concern.onset_ms,
        _D.sensor.is_not_distinct_from(concern.sensor),
        _WAITS,
    )
    if tx.conn.execute(known).first() is not None:
        return
    values: dict[str, Any] = {
        "silence": silence_id,
        "onset_ms": concern.onset_ms,
        "decided_ms": concern.decided_ms,
    }
    values |= {"confidence": concern.confidence, "room": concern.room, "sensor": concern.sensor}
    tx.conn.execute(insert(silenced).values({**values, "evidence": json.dumps(dict(concern.evidence))}))


def held_concerns(tx: Tx) -> list[Concern]:
    """Give everything that waits, oldest first."""
    return [_concern(r) for r in tx.conn.execute(_WAITING)]


def release_held(tx: Tx, now_ms: int) -> list[Concern]:
    """Give what has waited for silences that are over, once, oldest first."""
    rows = tx.conn.execute(_ENDED, {"now": now_ms}).all()
    if rows:
        tx.conn.execute(_TOLD, [{"number": r.id, "now": now_ms} for r in rows])
    return [_concern(r) for r in rows]


def drop_held(tx: Tx, home: str, kind: Kind, now_ms: int) -> None:
    """Note that what waits of this kind at a home is over."""
    tx.conn.execute(_OVER, {"at": home, "what": kind.value, "now": now_ms})


def _concern(r: Row[Any]) -> Concern:
    return Concern(
        home=r.home,
        kind=Kind(r.kind),
        onset_ms=r.onset_ms,
        decided_ms=r.decided_ms,
        confidence=r.confidence,
        room=r.room,
        sensor=r.sensor,
        evidence=json.loads(r.evidence),
    )
