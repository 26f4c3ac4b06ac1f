"""What is open and what waits to be sent, counted for whoever watches over Guardian itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import and_, bindparam, case, func, or_, select, union_all

from alerting.concern import Severity
from alerting.incident import State
from alerting.ledger.drills import DRILL
from alerting.ledger.engine import Tx
from alerting.ledger.incidents import OPEN
from alerting.ledger.sql import one_of, word
from alerting.schema import incident as incident_table
from alerting.schema import message as message_table

_I, _M = incident_table.c, message_table.c
_BY_STATE = (
    select(_I.severity, _I.state, DRILL, func.count()).where(OPEN).group_by(_I.severity, _I.state, DRILL)
)
_UNACCEPTED = (
    select(_I.severity, func.count())
    .where(
        OPEN,
        ~DRILL,
        one_of(_I.state, (State.OPEN, State.NOTIFIED, State.REOPENED)),
        _I.severity > Severity.LOW,
        _I.deadline_ms <= bindparam("until"),
    )
    .group_by(_I.severity)
)
# A second try moves `due_ms` on: how long a text has waited shows in when it was made.
_SINCE = case((_M.attempts > 0, _M.created_ms), else_=_M.due_ms)
_OUTBOX = (
    select(_M.state, func.count(), func.min(_SINCE))
    .where(
        one_of(_M.state, ("due", "leased")),
        or_(_M.due_ms <= bindparam("now"), and_(_M.state == word("due"), _M.attempts > 0)),
    )
    .group_by(_M.state)
)
_STAMPS: Final = (_I.t0_ms, _I.suspected_ms, _I.decided_ms, _I.provider_ms, _I.accepted_ms, _I.on_scene_ms)
_OF_STAGES = select(_I.id, _I.severity, *_STAMPS).where(~DRILL)
_TIMES = union_all(  # one SELECT with an OR would read all incidents
    _OF_STAGES.where(OPEN),
    _OF_STAGES.where(_I.closed_ms >= bindparam("since"), _I.state == word(State.CLOSED)),
)


@dataclass(frozen=True, slots=True)
class Times:
    """When each stage of an incident was reached, ms since 1970; None: not yet, or passed over."""

    id: int
    severity: Severity | None
    """None: only suspected."""
    onset_ms: int
    suspected_ms: int | None
    decided_ms: int | None
    provider_ms: int | None
    accepted_ms: int | None
    on_scene_ms: int | None


@dataclass(frozen=True, slots=True)
class Figures:
    """What the ledger holds at one moment."""

    open: Mapping[tuple[Severity | None, State], int]
    """Incidents, without drills; None: only suspected."""
    drills: int
    unaccepted: Mapping[Severity, int]
    """HIGH and MEDIUM ones that nobody has accepted and whose deadline is near."""
    due: int
    """Texts that are to go now, or have been tried and are to go again."""
    leased: int
    """Texts that the courier is sending."""
    waiting_since_ms: int | None
    """Since when the oldest of both is to go; None: nothing waits."""
    times: tuple[Times, ...]
    """Of incidents that are open or were closed lately, without drills."""


def figures(tx: Tx, now_ms: int, *, near_s: float, closed_since_ms: int) -> Figures:
    """Give what is open and what waits.

    near_s: a deadline is near when no more than this is left. closed_since_ms: how far back `times` reaches.
    """
    rows = tx.conn.execute(_BY_STATE).all()
    open_ = {
        (None if severity is None else Severity(severity), State(state)): n
        for severity, state, drill, n in rows
        if not drill
    }
    near = {"until": now_ms + int(1000 * near_s)}
    outbox = {state: (n, since) for state, n, since in tx.conn.execute(_OUTBOX, {"now": now_ms})}
    return Figures(
        open=open_,
        drills=sum(n for _, _, drill, n in rows if drill),
        unaccepted={Severity(severity): n for severity, n in tx.conn.execute(_UNACCEPTED, near)},
        due=outbox.get("due", (0, 0))[0],
        leased=outbox.get("leased", (0, 0))[0],
        waiting_since_ms=min((since for _, since in outbox.values()), default=None),
        times=tuple(
            Times(number, None if severity is None else Severity(severity), *stamps)
            for number, severity, *stamps in tx.conn.execute(_TIMES, {"since": closed_since_ms})
        ),
    )
