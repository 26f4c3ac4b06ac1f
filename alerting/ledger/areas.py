"""Homes that went dark together: the list of an area's incident, and who has been told of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from sqlalchemy import bindparam, func, insert, or_, select, update

from alerting.concern import AREA
from alerting.incident import State
from alerting.ledger.engine import Tx
from alerting.ledger.incidents import OPEN
from alerting.ledger.sql import one_of, word
from alerting.schema import area_home
from alerting.schema import incident as incident_table
from alerting.schema import message as message_table

AT_ONCE: Final = 500
"""Homes in one statement; SQLite takes 32,766 values."""

_A, _I, _M = area_home.c, incident_table.c, message_table.c

_LISTED = (
    select(_A.home, _A.from_ms)
    .join(incident_table, _I.id == _A.incident)
    .where(_I.home == AREA, OPEN, _A.until_ms.is_(None))
    .order_by(_A.id)
)
_ON_LIST = _LISTED.where(_A.home == bindparam("which"))
_OF_INCIDENT = (
    select(_A.home, _A.from_ms, _A.until_ms, _A.own)
    .where(_A.incident == bindparam("number"))
    .order_by(_A.until_ms.is_not(None), _A.home, _A.id)
)
_COUNT = select(
    func.count(_A.id).filter(_A.until_ms.is_(None)),
    func.count(_A.home.distinct()),
    func.max(_A.noted_ms),
    func.max(_A.until_ms),
).where(_A.incident == bindparam("number"))
_LEAVE = (
    update(area_home)
    .where(
        _A.incident == bindparam("number"),
        _A.home.in_(bindparam("which", expanding=True)),
        _A.until_ms.is_(None),
    )
    .values(until_ms=bindparam("now"), own=bindparam("has_own"))
)
_TOLD = (
    select(_M.responder)
    .distinct()
    .where(
        _M.incident == bindparam("number"),
        one_of(_M.purpose, ("page", "news")),
        one_of(_M.state, ("due", "leased", "sent")),
    )
    .order_by(_M.responder)
)
_LAST_NEWS = select(func.max(_M.created_ms)).where(
    _M.incident == bindparam("number"), one_of(_M.purpose, ("page", "news"))
)
# From the incident to its messages: the outbox is never read whole.
_OVER = select(_I.id).where(
    _I.closed_ms >= bindparam("since"),
    _I.home == AREA,
    _I.state == State.CLOSED,
    _I.outcome == "recovered",
)
_KNOW = (  # those who know of it …
    select(_M.incident, _M.responder)
    .where(
        _M.incident.in_(_OVER),
        one_of(_M.purpose, ("page", "news")),
        or_(_M.sent_ms.is_not(None), _M.lease_until_ms.is_not(None)),
    )
    .distinct()
)
_KNOW_OVER = (  # … and those who know that it is over
    select(_M.incident, _M.responder)
    .join(incident_table, _I.id == _M.incident)
    .where(_M.incident.in_(_OVER), _M.template == word("area-over"), _M.created_ms >= _I.closed_ms)
    .distinct()
)
_TO_TELL_OVER = _KNOW.except_(_KNOW_OVER).order_by("incident", "responder")


@dataclass(frozen=True, slots=True)
class AreaHome:
    """One home's time on the list."""

    home: str
    from_ms: int
    """Dark since."""
    until_ms: int | None
    """None: on the list."""
    own: bool
    """It left the list for an incident of its own, still dark."""


@dataclass(frozen=True, slots=True)
class AreaCount:
    """How an area stands."""

    dark: int
    """Homes on the list now."""
    homes: int
    """Homes that have ever been on it."""
    changed_ms: int
    """When the list last changed; 0 = it is empty and always was."""

    @classmethod
    def of(cls, homes: Sequence[AreaHome]) -> Self:
        """Count a whole list; the time of the last change is that of the last return."""
        dark = sum(h.until_ms is None for h in homes)
        return cls(dark, len({h.home for h in homes}), max((h.until_ms or 0 for h in homes), default=0))


def list_dark(tx: Tx, incident_id: int, homes: Mapping[str, int], now_ms: int) -> None:
    """Put homes (→ dark since, ms) on the list. None of them may stand on it."""
    rows = [
        {"incident": incident_id, "home": h, "from_ms": ms, "noted_ms": now_ms} for h, ms in homes.items()
    ]
    if rows:
        tx.conn.execute(insert(area_home), rows)


def take_off_list(tx: Tx, incident_id: int, homes: Sequence[str], now_ms: int, *, own: bool = False) -> None:
    """Take homes off the list: they are back, or get incidents of their `own`."""
    for some in (homes[i : i + AT_ONCE] for i in range(0, len(homes), AT_ONCE)):
        tx.conn.execute(_LEAVE, {"number": incident_id, "which": some, "now": now_ms, "has_own": own})


def listed_dark(tx: Tx) -> dict[str, int]:
    """Give the homes on the list of the open area → dark since, ms."""
    return {r.home: r.from_ms for r in tx.conn.execute(_LISTED)}


def on_list(tx: Tx, home: str) -> bool:
    """Whether a home stands on the list of the open area."""
    return tx.conn.execute(_ON_LIST, {"which": home}).first() is not None


def area_homes(tx: Tx, incident_id: int) -> list[AreaHome]:
    """Give an area's whole list, those still dark first."""
    return [AreaHome(*r) for r in tx.conn.execute(_OF_INCIDENT, {"number": incident_id})]


def area_count(tx: Tx, incident_id: int) -> AreaCount:
    """Count an area's homes."""
    dark, homes, noted_ms, until_ms = tx.conn.execute(_COUNT, {"number": incident_id}).one()
    return AreaCount(dark, homes, max(noted_ms or 0, until_ms or 0))


def last_news_ms(tx: Tx, incident_id: int) -> int:
    """Give when a text about an area was last asked for, whatever became of it; 0 = never."""
    return tx.conn.execute(_LAST_NEWS, {"number": incident_id}).scalar_one() or 0


def told_of_area(tx: Tx, incident_id: int) -> Sequence[str]:
    """Give those to whom a text about an area has gone, or goes."""
    return tx.conn.execute(_TOLD, {"number": incident_id}).scalars().all()


def to_tell_over(tx: Tx, since_ms: int) -> list[tuple[int, str]]:
    """Give (incident, responder) of those who know of an area that has recovered since, not that it has."""
    return [(r.incident, r.responder) for r in tx.conn.execute(_TO_TELL_OVER, {"since": since_ms})]
