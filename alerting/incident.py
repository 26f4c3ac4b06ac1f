"""An incident: from open to a person at the door to closed, as pure moves.

Takes an incident, an event and the time; gives the incident after it. Never reads a clock, writes or
sends. An event that says nothing new gives the same incident back, so every event may come twice.

1.  Moves go forward: open, notified, accepted, en-route, on-scene, closed. `MOVES` is the whole table.
2.  `Paged`: a provider has accepted the first text of a round; that is not an acceptance by anybody.
3.  `Accepted` and `EnRoute`: the first one holds the incident; a second one is recorded and changes
    nothing, unless help was asked for, or somebody is wanted in case (`BackupWanted`; `planner.goes_too` says
    it for whoever could not be asked again): then he or she is the helper and goes too. Wanted once more,
    the next one takes the helper's place; nobody is told to stay.
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
    Any other one with a severity is latched until a human closes it; `lost` says that a human has, or that
    another one stands in its place, in a part of the ledger that is lost (`triage.close_lost`).
10. `CancelledByHome` closes those; afterwards it is recorded and stops nothing.
11. `ReportedFalse` is recorded and stops nothing, unless the one who says so is on scene: then it closes.
12. Segment times: the first one wins and stays; only an arrival that nobody's word confirmed is taken back.
13. A drill closes as `drill`, whatever was said, and is not brought back.
14. `HandedOver`: staff name who is to take over. Whoever holds it keeps it, lease and all, until the named
    one accepts, or, where somebody is at the door by a word, arrives; then the old holder is released. The
    named one's `CannotGo` changes nothing else. `Added`: whom staff name goes beside whoever goes. Both stand
    until they are answered by a no, or it is closed.
15. `Sensed`: door and bodies say that whoever goes is there. On scene, but the lease stays, with a length of
    its own, others are asked as if he or she were still on the way, and a rise goes back to open. The
    holder's word confirms it (`Arrived`, `NeedsHelp`, what closes) or ends it (`CannotGo`; on the way again).
    Of a holder whose word contradicts them, sensors say nothing more.
"""

import re
from dataclasses import replace
from typing import Final, assert_never

from alerting.concern import Kind, Severity
from alerting.events import (
    LEASE_S,
    Accepted,
    Added,
    Arrived,
    BackupWanted,
    CancelledByHome,
    CannotGo,
    Closed,
    Contradicted,
    EnRoute,
    HandedOver,
    IncidentEvent,
    LastResort,
    LeaseCapped,
    LeaseLapsed,
    NeedsHelp,
    Paged,
    Raised,
    ReportedFalse,
    Sensed,
    Suspected,
    Word,
)
from alerting.record import ANSWERED, MOVES, IllegalMove, Incident, State

__all__ = [
    "FALLS",
    "LEASE_S",
    "MOVES",
    "Accepted",
    "Added",
    "Arrived",
    "BackupWanted",
    "CancelledByHome",
    "CannotGo",
    "Closed",
    "Contradicted",
    "EnRoute",
    "HandedOver",
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
    "Sensed",
    "State",
    "Suspected",
    "Word",
    "step",
]

FALLS: Final = frozenset({Kind.FALL_CONFIRMED, Kind.LONG_LIE})
_OUTCOME: Final = re.compile(r"safe|real|drill|recovered|cancelled|lost|false:[a-z0-9-]{1,26}")
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
        case NeedsHelp(responder):
            return _help_wanted(i, responder, now_ms)
        case HandedOver(responder):
            return _handed_over(i, responder)
        case Added(responder):
            return _added(i, responder)
        case Sensed(_, lease_s):
            return _sensed(i, lease_s, now_ms)
        case Closed(outcome):
            return _closed(i, outcome, now_ms)
        case LeaseLapsed():
            lapsed = i.lease_until_ms is not None and now_ms >= i.lease_until_ms
            return _reopened(i, now_ms) if lapsed else i
        case LeaseCapped(until_ms):
            longer = i.lease_until_ms is not None and i.lease_until_ms > until_ms
            spared = i.eta_ms is not None or i.is_sensed
            return replace(i, lease_until_ms=until_ms) if longer and not spared else i
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
        case _:
            assert_never(event)


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
    takes_over = i.named == responder and i.acceptor not in {None, responder}
    if takes_over and not i.is_there:
        i = _released(i, responder)
    if i.acceptor not in {None, responder}:
        return replace(i, helper=responder) if i.wants_help or responder in i.called else i
    if i.is_there or (i.is_sensed and not departs):
        return i
    state = State.EN_ROUTE if departs or i.state is State.EN_ROUTE else State.ACCEPTED
    if i.acceptor == responder and state is i.state and minutes in {None, i.eta_minutes}:
        return i  # a time said before holds on
    eta_ms = None if minutes is None else now_ms + minutes * 60_000
    return replace(
        i,
        state=state,
        acceptor=responder,
        named=None if i.named == responder else i.named,
        lease_until_ms=(eta_ms or now_ms) + int(lease_s * 1000),
        eta_ms=eta_ms,
        eta_minutes=minutes,
        accepted_ms=_first(i.accepted_ms, now_ms),
        en_route_ms=_first(i.en_route_ms, now_ms) if departs else i.en_route_ms,
        on_scene_ms=_on_scene_ms(i),
    )


def _released(i: Incident, to: str) -> Incident:
    """Nobody holds it for the moment in which somebody takes over."""
    return replace(
        i,
        state=State.ACCEPTED,
        acceptor=None,
        helper=None if i.helper == to else i.helper,
        lease_until_ms=None,
        eta_ms=None,
        eta_minutes=None,
        sensed_ms=None,
    )


def _arrived(i: Incident, responder: str, now_ms: int) -> Incident:
    helper = None if i.helper == responder else i.helper
    named = None if i.named == responder else i.named
    if i.is_there:
        if i.acceptor != responder == i.named:
            return replace(i, acceptor=responder, helper=helper, named=None)
        goes_too = i.acceptor != responder and (i.wants_help or responder in i.called)
        return replace(i, helper=responder) if goes_too else i
    return replace(
        i,
        state=State.ON_SCENE,
        acceptor=responder,
        helper=helper,
        named=named,
        lease_until_ms=None,
        eta_ms=None,
        eta_minutes=None,
        sensed_ms=None,
        accepted_ms=_first(i.accepted_ms, now_ms),
        on_scene_ms=_first(i.on_scene_ms, now_ms),
    )


def _sensed(i: Incident, lease_s: float, now_ms: int) -> Incident:
    goes = i.state in {State.ACCEPTED, State.EN_ROUTE} and i.sensed_ms is None
    urgent = i.severity is not None and i.severity > Severity.LOW and i.kind is not Kind.DRILL
    if not goes or not urgent:
        return i
    return replace(
        i,
        state=State.ON_SCENE,
        lease_until_ms=now_ms + int(lease_s * 1000),
        eta_ms=None,
        eta_minutes=None,
        sensed_ms=now_ms,
        on_scene_ms=_first(i.on_scene_ms, now_ms),
    )


def _on_scene_ms(i: Incident) -> int | None:
    """When somebody was first there, without what sensors alone say now."""
    return None if i.is_sensed and i.on_scene_ms == i.sensed_ms else i.on_scene_ms


def _handed_over(i: Incident, responder: str) -> Incident:
    _must_page(i)
    return replace(i, named=None if responder == i.acceptor else responder)


def _added(i: Incident, responder: str) -> Incident:
    _must_page(i)
    return i if responder in {i.acceptor, *i.added} else replace(i, added=(*i.added, responder))


def _must_page(i: Incident) -> None:
    if i.state is State.CLOSED or i.severity is None:
        raise IllegalMove("nobody is sent: it is closed, or only suspected")


def _declined(i: Incident, responder: str, now_ms: int) -> Incident:
    if i.state is State.CLOSED:
        return i
    i = replace(
        i,
        named=None if i.named == responder else i.named,
        added=tuple(r for r in i.added if r != responder),
    )
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


def _help_wanted(i: Incident, responder: str, now_ms: int) -> Incident:
    if i.state is State.CLOSED:
        return _contradicted(i, now_ms)
    if i.is_sensed and i.acceptor == responder:
        i = replace(i, sensed_ms=None, lease_until_ms=None)
    if i.state not in ANSWERED or (i.help_ms is not None and i.wants_help):  # paging goes on anyway
        return i
    return replace(
        i, help_ms=now_ms, helper=None, round_ms=now_ms, wave=0, next_wave_ms=None, last_resort_ms=None
    )


def _contradicted(i: Incident, now_ms: int) -> Incident:
    return i if i.kind is Kind.DRILL else _reopened(i, now_ms)


def _backup_wanted(i: Incident, now_ms: int) -> Incident:
    held = i.by_word().state in {State.ACCEPTED, State.EN_ROUTE} and i.help_ms is None and not i.wants_help
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
        named=None,
        added=(),
        sensed_ms=None,
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
    return risen if i.is_there else _new_round(risen, State.OPEN, now_ms)


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
        sensed_ms=None,
        on_scene_ms=_on_scene_ms(i),
        next_wave_ms=None,
        last_resort_ms=None,
    )
