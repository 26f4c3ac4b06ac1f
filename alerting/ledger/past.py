"""What people did when they were asked in earnest: pages and trips of the last weeks, for learning."""

from typing import Final

from sqlalchemy import and_, bindparam, func, select

from alerting.concern import Severity
from alerting.learning import Past, PastPage, PastTrip
from alerting.ledger.drills import DRILL
from alerting.ledger.engine import Tx
from alerting.schema import incident as incident_table
from alerting.schema import message as message_table
from alerting.schema import move as move_table

_M, _I = message_table.c, incident_table.c
_OWN, _OTHER, _LEFT, _THERE = (move_table.alias(n) for n in ("own", "other", "departure", "arrival"))
_YES: Final = ("accepted", "en-route")

_ENDED = and_(
    _I.closed_ms >= bindparam("since"),
    _I.closed_ms < bindparam("until"),
    _I.severity > Severity.LOW,
    ~DRILL,
)
_FIRST_SENT = func.min(_M.sent_ms)
_PAGES = (
    select(
        _M.responder,
        _FIRST_SENT.label("sent_ms"),
        select(func.min(_OWN.c.t_ms))
        .where(_OWN.c.incident == _M.incident, _OWN.c.by == _M.responder, _OWN.c.event.in_(_YES))
        .where(_OWN.c.t_ms >= _FIRST_SENT)
        .scalar_subquery()
        .label("accepted_ms"),
        select(func.min(_OTHER.c.t_ms))
        .where(_OTHER.c.incident == _M.incident, _OTHER.c.by != _M.responder, _OTHER.c.event.in_(_YES))
        .where(_OTHER.c.t_ms >= _FIRST_SENT)
        .scalar_subquery()
        .label("taken_ms"),
    )
    .join(incident_table, _I.id == _M.incident)
    .where(_ENDED, _M.purpose == "page", _M.sent_ms.is_not(None))
    .group_by(_M.incident, _M.responder, _M.wave)
    .order_by(func.min(_M.id))
)
_TRIPS = (
    select(
        _THERE.c.by.label("responder"),
        _I.home,
        func.max(_LEFT.c.t_ms).label("left_ms"),
        _THERE.c.t_ms.label("there_ms"),
    )
    .join(incident_table, _I.id == _THERE.c.incident)
    .join(
        _LEFT,
        and_(
            _LEFT.c.incident == _THERE.c.incident,
            _LEFT.c.by == _THERE.c.by,
            _LEFT.c.event.in_(_YES),
            _LEFT.c.t_ms < _THERE.c.t_ms,
        ),
    )
    .where(_ENDED, _THERE.c.event == "arrived")
    .group_by(_THERE.c.id)
    .order_by(_THERE.c.id)
)


def past(tx: Tx, since_ms: int, until_ms: int) -> Past:
    """Give the pages and the trips of the incidents that were closed from then until then.

    A trip begins with the last word of its person before the arrival: that they leave, or that they accept.
    """
    pages = tuple(PastPage(*row) for row in tx.conn.execute(_PAGES, {"since": since_ms, "until": until_ms}))
    trips = tuple(
        PastTrip(r.responder, r.home, r.left_ms, (r.there_ms - r.left_ms) / 1000)
        for r in tx.conn.execute(_TRIPS, {"since": since_ms, "until": until_ms})
    )
    return Past(pages, trips)
