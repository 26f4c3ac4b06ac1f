"""Arrival by sensors, when nobody texts: whose arrival is waited for, and what follows from what was seen.

Takes an open transaction and the people; gives the homes to which somebody is on the way, and from when on a
door could be that person's. Takes what the home's sensors then said, writes the move and asks the person
for a word. Never looks at a sensor (guardian/doorstep.py does), never closes anything.

1. Somebody has accepted a HIGH or MEDIUM incident and is not there. Door and a second body after that
   word: an arrival, whenever it is; whoever lives next door is there in half a minute.
2. The door alone counts only where a fall was confirmed (whoever lies opens no door), from `sensed_earliest`
   of the time that was named, or of turnout and travel at their 90th percentiles. There is no latest time:
   then the lease is over.
3. It keeps a lease of `sensed_hold_s` (alerting/incident.py, rule 15), and the person is asked for `2`, once.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from alerting.duty import Duty
from alerting.incident import FALLS, Incident, Sensed
from alerting.ledger import Message, Move, Tx, apply, enqueue, held_incidents, incident, words_since_decision
from alerting.policy import Policy


@dataclass(frozen=True, slots=True)
class Awaited:
    """Somebody is on the way to this home; times in ms since 1970, UTC."""

    incident: int
    home: str
    responder: str
    since_ms: int
    """When that person first said so."""
    door_alone_ms: int | None
    """From when on the outside door alone would do; None: never."""


def awaited(tx: Tx, duty: Duty, policy: Policy, now_ms: int) -> list[Awaited]:
    """Give the arrivals that are waited for now."""
    held = [i for i in held_incidents(tx) if i.acceptor is not None and (i.lease_until_ms or 0) > now_ms]
    if not held:
        return []
    words = words_since_decision(tx)
    return [
        _awaited(i, i.acceptor, words.get(i.id, ()), duty, policy) for i in held if i.acceptor is not None
    ]


def _awaited(one: Incident, who: str, words: list[Move] | tuple[()], duty: Duty, policy: Policy) -> Awaited:
    goes = [w for w in words if w.detail.get("goes") and w.detail.get("responder", w.by) == who]
    said = [w.t_ms for w in goes if w.t_ms >= one.round_ms]
    since_ms = said[0] if said else one.round_ms
    person = duty.responders.get(who)
    turnout_s = 0.0 if person is None else person.turnout_p90_s
    way_ms = int(1000 * (turnout_s + duty.travel_p90_s(who, one.home)))
    begun_ms = since_ms
    if one.eta_ms is not None and one.eta_minutes is not None:
        way_ms = 60_000 * one.eta_minutes
        begun_ms = one.eta_ms - way_ms
    earliest_ms = begun_ms + int(policy.sensed_earliest * way_ms)
    return Awaited(one.id, one.home, who, since_ms, earliest_ms if one.kind in FALLS else None)


def take(tx: Tx, seen: Mapping[int, str], policy: Policy, now_ms: int) -> list[Incident]:
    """Note arrivals: incident → what was seen; give those that it changed. Each is asked about once."""
    changed = []
    for number, what in seen.items():
        before = incident(tx, number)
        after = apply(tx, number, Sensed(what, policy.sensed_hold_s), now_ms, "sensor")
        if after == before or after.acceptor is None:
            continue
        enqueue(
            tx,
            Message(
                responder=after.acceptor,
                purpose="confirm",
                template="sensed",
                incident=number,
                due_ms=now_ms,
                valid_until_ms=now_ms + int(policy.sensed_hold_s * 1000),
                created_ms=now_ms,
            ),
        )
        changed.append(after)
    return changed
