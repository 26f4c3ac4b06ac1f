"""An incident: from open to a person at the door to closed, as a pure table of moves.

Takes an incident, an event and the time; gives the incident after it. Never reads a clock, writes or
sends. An event that says nothing new gives the same incident back, so every event may come twice.

1.  Moves go forward: open, notified, accepted, en-route, on-scene, closed. `MOVES` is the whole table.
2.  `Paged`: a provider has accepted the first text of a round; that is not an acceptance by anybody.
3.  `Accepted` and `EnRoute`: the first one holds the incident; a second one is recorded and changes
    nothing, unless help was asked for, or somebody is wanted in case (`BackupWanted`): then he or she is
    the helper and goes too. Wanted once more, the next one takes the helper's place; nobody is told to stay.
4.  Holding is a lease: `lease_s` without ETA, else ETA + `lease_s`. `LeaseCapped` cuts one without ETA to
    the last moment at which somebody else could still be there in time.
5.  Ways back, 1: a lapsed lease reopens. 2: the holder's `CannotGo` reopens. 3: a word that contradicts
    closing (`Contradicted`, or `NeedsHelp` after it) reopens. Each starts a new round of paging.
6.  A rise in severity goes back to open with its own T0, deadline and round, whoever has accepted
    before, unless somebody is on scene: then only the figures rise.
7.  At equal severity a fall outranks the rest: the kind becomes the fall, nothing else changes.
8.  `Arrived` puts whoever is at the door in charge and ends the lease.
9.  Closing takes an outcome. `recovered` and `cancelled` close only a suspicion, and a silence that the home
    was asked about (`inactivity-prompt`); `recovered` also the incident of an area, when its homes are back.
    Any other one with a severity is latched until a human closes it.
10. `CancelledByHome` closes those; afterwards it is recorded and stops nothing.
11. `ReportedFalse` is recorded and stops nothing, unless the one who says so is on scene: then it closes.
12. Segment times: the first one wins and stays.
13. A drill closes as `drill`, whatever was said, and is not brought back.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from alerting.concern import AREA, Kind, Severity
from alerting.events import (
    LEASE_S,
    Accepted,
    Arrived,
    BackupWanted,
    CancelledByHome,
    CannotGo,
    Closed,
    Contradicted,
    EnRoute,
    IncidentEvent,
    LastResort,
    LeaseCapped,
    LeaseLapsed,
    NeedsHelp,
    Paged,
    Raised,
    ReportedFalse,
    Suspected,
    Word,
)

__all__ = [
    "FALLS",
    "LEASE_S",
    "MOVES",
    "Accepted",
    "Arrived",
    "BackupWanted",
    "CancelledByHome",
    "CannotGo",
    "Closed",
    "Contradicted",
    "EnRoute",
    "IllegalMove",
    "Incident",
    "IncidentEvent",
    "LastResort",
    "LeaseCapped",
    "LeaseLapsed",
    "NeedsHelp",
    "Paged",
    "Raised",
    "ReportedFalse",
    "State",
    "Suspected",
    "Word",
    "step",
]


class State(StrEnum):
    """Where an incident stands."""

    OPEN = "open"
    NOTIFIED = "notified"
    ACCEPTED = "accepted"
    EN_ROUTE = "en-route"
    ON_SCENE = "on-scene"
    CLOSED = "closed"
    REOPENED = "reopened"


_ANSWERED: Final = frozenset({State.ACCEPTED, State.EN_ROUTE, State.ON_SCENE})

MOVES: Final[Mapping[State, frozenset[State]]] = {
    State.OPEN: _ANSWERED | {State.NOTIFIED, State.CLOSED},
    State.NOTIFIED: _ANSWERED | {State.OPEN, State.CLOSED},
    State.ACCEPTED: frozenset({State.EN_ROUTE, State.ON_SCENE, State.CLOSED, State.REOPENED, State.OPEN}),
    State.EN_ROUTE: frozenset({State.ON_SCENE, State.CLOSED, State.REOPENED, State.OPEN}),
    State.ON_SCENE: frozenset({State.CLOSED, State.REOPENED}),
    State.CLOSED: frozenset({State.REOPENED}),
    State.REOPENED: _ANSWERED | {State.NOTIFIED, State.CLOSED, State.OPEN},
}
"""From a state to those it may move to. Back to `open` only by a rise in severity."""


class IllegalMove(Exception):  # noqa: N818  # it names the move, as the table does
    """An event that the table of moves forbids in this state."""


@dataclass(frozen=True, slots=True)
class Incident:
    """One row of table `incident`; times in ms since 1970, UTC."""

    id: int
    home: str
    kind: Kind
    severity: Severity | None
    """None: only suspected; pages nobody."""
    state: State
    t0_ms: int
    round_ms: int
    """Start of the present round of paging: decision, rise or reopening. Earlier pages do not count."""
    suspected_ms: int | None = None
    decided_ms: int | None = None
    deadline_ms: int | None = None
    late_at_decision: bool = False
    room: str | None = None
    acceptor: str | None = None
    lease_until_ms: int | None = None
    eta_ms: int | None = None
    eta_minutes: int | None = None
    """As last said by the acceptor; the same figure again is the same word."""
    help_ms: int | None = None
    """When the acceptor asked for a second person; None = nobody asked."""
    helper: str | None = None
    backup_ms: int | None = None
    """Since when somebody else is wanted beside those who go, in case; None = nobody is."""
    wave: int = 0
    """Waves sent in this round."""
    next_wave_ms: int | None = None
    last_resort_ms: int | None = None
    """When voice to all, siren and 120 were last called for in this round."""
    reported_false: bool = False
    cancelled_by_home_ms: int | None = None
    provider_ms: int | None = None
    accepted_ms: int | None = None
    en_route_ms: int | None = None
    on_scene_ms: int | None = None
    closed_ms: int | None = None
    outcome: str | None = None

    @property
    def is_area(self) -> bool:
        """Whether it is about homes that went dark together; they stand on its list (ledger/areas.py)."""
        return self.home == AREA

    @property
    def wants_help(self) -> bool:
        """Whether a second person is wanted who has not been found yet."""
        asked = self.help_ms is not None or (self.backup_ms is not None and self.state is not State.ON_SCENE)
        return asked and self.helper is None and self.state in _ANSWERED

    @property
    def wants_people(self) -> bool:
        """Whether paging goes on."""
        if self.severity is None or self.state is State.CLOSED:
            return False
        return self.wants_help or self.state not in _ANSWERED


FALLS: Final = frozenset({Kind.FALL_CONFIRMED, Kind.LONG_LIE})
_OUTCOME: Final = re.compile(r"safe|real|drill|recovered|cancelled|false:[a-z0-9-]{1,26}")
_BY_ITSELF: Final = frozenset({"recovered", "cancelled"})


def step(incident: Incident, event: IncidentEvent, now_ms: int) -> Incident:
    """Give the incident after `event`; the same one when the event says nothing new.

    Raises
    ------
    IllegalMove
        the table of moves forbids it, a latched incident would close without a human, or the outcome
        is none that we know.
    """
    after = _after(incident, event, now_ms)
    if after.state is not incident.state and after.state not in MOVES[incident.state]:
        raise IllegalMove(f"{event.name}: {incident.state} → {after.state}")
    return after


def _after(i: Incident, event: IncidentEvent, now_ms: int) -> Incident:
    match event:
        case Paged():
            return _paged(i, now_ms)
        case Accepted(responder, minutes, lease_s):
            return _held(i, responder, minutes, lease_s, now_ms, departs=minutes is not None)
        case EnRoute(responder, minutes, lease_s):
            return _held(i, responder, minutes, lease_s, now_ms, departs=True)
        case Arrived(responder):
            return _arrived(i, responder, now_ms)
        case CannotGo(responder):
            return _declined(i, responder, now_ms)
        case ReportedFalse(responder):
            return _reported_false(i, responder, now_ms)
        case NeedsHelp():
            return _help_wanted(i, now_ms)
        case Closed(outcome):
            return _closed(i, outcome, now_ms)
        case LeaseLapsed():
            lapsed = i.lease_until_ms is not None and now_ms >= i.lease_until_ms
            return _reopened(i, now_ms) if lapsed else i
        case LeaseCapped(until_ms):
            longer = i.lease_until_ms is not None and i.lease_until_ms > until_ms
            return replace(i, lease_until_ms=until_ms) if longer and i.eta_ms is None else i
        case BackupWanted():
            return _backup_wanted(i, now_ms)
        case Suspected(decided_ms):
            return i if i.suspected_ms is not None else replace(i, suspected_ms=decided_ms)
        case Raised():
            return _raised(i, event, now_ms)
        case Contradicted():
            return _contradicted(i, now_ms) if i.state is State.CLOSED else i
        case CancelledByHome():
            return _cancelled(i, now_ms)
        case LastResort():
            return replace(i, last_resort_ms=now_ms) if i.state is not State.CLOSED else i


def _first(known: int | None, now_ms: int) -> int:
    """Keep the first time."""
    return now_ms if known is None else known


def _paged(i: Incident, now_ms: int) -> Incident:
    if i.state is State.CLOSED:  # a text was on its way while somebody closed
        return i
    state = State.NOTIFIED if i.state in {State.OPEN, State.REOPENED} else i.state
    return replace(i, state=state, provider_ms=_first(i.provider_ms, now_ms))


def _held(
    i: Incident, responder: str, minutes: int | None, lease_s: float, now_ms: int, *, departs: bool
) -> Incident:
    if i.state is State.CLOSED:
        raise IllegalMove("accepted: it is closed")
    if i.acceptor not in {None, responder}:
        return replace(i, helper=responder) if i.wants_help else i
    if i.state is State.ON_SCENE:
        return i
    state = State.EN_ROUTE if departs or i.state is State.EN_ROUTE else State.ACCEPTED
    if i.acceptor == responder and state is i.state and minutes in {None, i.eta_minutes}:
        return i
    until_ms, eta_ms, eta_minutes = i.lease_until_ms, i.eta_ms, i.eta_minutes
    if minutes is not None or eta_ms is None:  # otherwise the time said before holds on
        eta_ms = None if minutes is None else now_ms + minutes * 60_000
        until_ms, eta_minutes = (eta_ms or now_ms) + int(lease_s * 1000), minutes
    return replace(
        i,
        state=state,
        acceptor=responder,
        lease_until_ms=until_ms,
        eta_ms=eta_ms,
        eta_minutes=eta_minutes,
        accepted_ms=_first(i.accepted_ms, now_ms),
        en_route_ms=_first(i.en_route_ms, now_ms) if departs else i.en_route_ms,
    )


def _arrived(i: Incident, responder: str, now_ms: int) -> Incident:
    if i.state is State.ON_SCENE:
        return replace(i, helper=responder) if i.wants_help and responder != i.acceptor else i
    return replace(
        i,
        state=State.ON_SCENE,
        acceptor=responder,
        helper=None if i.helper == responder else i.helper,
        lease_until_ms=None,
        eta_ms=None,
        eta_minutes=None,
        accepted_ms=_first(i.accepted_ms, now_ms),
        on_scene_ms=_first(i.on_scene_ms, now_ms),
    )


def _declined(i: Incident, responder: str, now_ms: int) -> Incident:
    if i.state is State.CLOSED:
        return i
    if i.acceptor == responder:
        return _reopened(i, now_ms)
    if i.helper != responder:
        return i
    return replace(i, helper=None) if i.help_ms is None else replace(i, helper=None, round_ms=now_ms, wave=0)


def _reported_false(i: Incident, responder: str, now_ms: int) -> Incident:
    if i.state is State.CLOSED:
        return i
    said = replace(i, reported_false=True)
    there = i.state is State.ON_SCENE and i.acceptor == responder
    return _closed(said, "false:reported", now_ms) if there else said


def _help_wanted(i: Incident, now_ms: int) -> Incident:
    if i.state is State.CLOSED:
        return _contradicted(i, now_ms)
    if i.state not in _ANSWERED or (i.help_ms is not None and i.wants_help):  # paging goes on anyway
        return i
    return replace(
        i, help_ms=now_ms, helper=None, round_ms=now_ms, wave=0, next_wave_ms=None, last_resort_ms=None
    )


def _contradicted(i: Incident, now_ms: int) -> Incident:
    return i if i.kind is Kind.DRILL else _reopened(i, now_ms)


def _backup_wanted(i: Incident, now_ms: int) -> Incident:
    held = i.state in {State.ACCEPTED, State.EN_ROUTE} and i.help_ms is None and not i.wants_help
    return replace(i, backup_ms=now_ms, helper=None) if held else i


def _closed(i: Incident, outcome: str, now_ms: int) -> Incident:
    if not _OUTCOME.fullmatch(outcome):
        raise IllegalMove(f"closed: no such outcome: {outcome}")
    if i.state is State.CLOSED:
        return i
    if i.kind is Kind.DRILL:
        outcome = "drill"
    if outcome in _BY_ITSELF and not (_only_asked(i) or (i.is_area and outcome == "recovered")):
        raise IllegalMove(f"closed: {outcome} closes a suspicion only")
    return replace(
        i,
        state=State.CLOSED,
        outcome=outcome,
        closed_ms=now_ms,
        lease_until_ms=None,
        next_wave_ms=None,
    )


def _cancelled(i: Incident, now_ms: int) -> Incident:
    if i.state is State.CLOSED:
        return i
    said = replace(i, cancelled_by_home_ms=_first(i.cancelled_by_home_ms, now_ms))
    return _closed(said, "cancelled", now_ms) if _only_asked(i) else said


def _only_asked(i: Incident) -> bool:
    """Whether so far nobody but the home itself was to answer: a suspicion, or a prompt after a silence."""
    return i.severity is None or i.kind is Kind.INACTIVITY_PROMPT


def _raised(i: Incident, event: Raised, now_ms: int) -> Incident:
    if i.state is State.CLOSED:
        raise IllegalMove("raised: closed; what comes now is another incident")
    if i.severity is not None and event.severity <= i.severity:
        outranks = event.severity == i.severity and event.kind in FALLS and i.kind not in FALLS
        return replace(i, kind=event.kind) if outranks else i
    risen = replace(
        i,
        kind=event.kind,
        severity=event.severity,
        t0_ms=event.t0_ms,
        decided_ms=event.decided_ms,
        deadline_ms=event.deadline_ms,
        late_at_decision=event.late,
        room=event.room or i.room,
    )
    return risen if i.state is State.ON_SCENE else _new_round(risen, State.OPEN, now_ms)


def _reopened(i: Incident, now_ms: int) -> Incident:
    return replace(_new_round(i, State.REOPENED, now_ms), closed_ms=None, outcome=None)


def _new_round(i: Incident, state: State, now_ms: int) -> Incident:
    return replace(
        i,
        state=state,
        round_ms=now_ms,
        wave=0,
        acceptor=None,
        lease_until_ms=None,
        eta_ms=None,
        eta_minutes=None,
        help_ms=None,
        helper=None,
        backup_ms=None,
        next_wave_ms=None,
        last_resort_ms=None,
    )
