"""Areas: homes that go dark together are one incident with a list, not one each.

Takes concerns and an open transaction; keeps the list of the one open area. Its incident stands beside those
of the homes: whatever else happens in a home of the list is an incident of that home as always. Never sends.

1. A `blind` joins when no camera of its home is left and enough homes fell dark with it (what the detectors
   count as `homes_dark`). The first one opens the incident, the others are a row each on its list; whoever is
   at one of these homes for another reason finds it among that incident's evidence, too.
2. Homes that are in sight again leave the list. The last one closes the incident: `recovered`.
3. When few are left and nothing changes any more, it is no matter of the area: each gets an incident of its
   own, and the area's is closed.
4. Those on shift are told at once and once; how it stands, when it has changed, no oftener than every
   `area_news_s`; and that it is over.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

from alerting import drill
from alerting.concern import AREA, Concern, Kind, Severity
from alerting.incident import Closed, Incident
from alerting.ledger import (
    Message,
    Tx,
    add_concern,
    apply,
    area_count,
    enqueue,
    incident,
    incident_of,
    last_news_ms,
    list_dark,
    listed_dark,
    open_homes,
    open_new,
    take_off_list,
    to_tell_over,
    told_of_area,
)
from alerting.policy import Policy

NEWS_VALID_MS = 3_600_000
"""How an area stands is of no use after an hour: by then there is newer news."""
OVER_MS = 600_000
"""How long after its end it is still worth telling somebody."""


def is_shared(concern: Concern, policy: Policy) -> bool:
    """Whether a concern is one home's part of something that befell many."""
    told = concern.evidence
    together = told.get("homes_dark", 0) >= policy.area_homes
    return concern.kind is Kind.BLIND and together and told.get("cameras_dark", 0) == told.get("cameras", 0)


def join(tx: Tx, shared: Sequence[Concern], now_ms: int) -> Incident:
    """Put the homes of these concerns (at least one) on the list of the area; give its incident."""
    listed, one = listed_dark(tx), incident_of(tx, AREA)
    fresh = {c.home: c.onset_ms for c in shared if c.home not in listed}
    about = replace(shared[0], home=AREA, onset_ms=min(c.onset_ms for c in shared), room=None, sensor=None)
    if one is None:
        one = open_new(tx, about, severity=Severity.LOW, deadline_ms=None, late=False, now_ms=now_ms)
    elif fresh:
        add_concern(tx, one.id, about)
    list_dark(tx, one.id, fresh, now_ms)
    there = open_homes(tx)
    for concern in shared:
        if concern.home not in there:
            continue
        known = incident(tx, there[concern.home])
        if known.kind is Kind.DRILL:
            drill.end(tx, known, now_ms)
        else:
            add_concern(tx, known.id, concern)
    return one


def leave(tx: Tx, homes: Collection[str], now_ms: int) -> Incident | None:
    """Take homes that are in sight again off the list; give the area's incident if it was any's."""
    listed, one = listed_dark(tx), incident_of(tx, AREA)
    back = [home for home in homes if home in listed]
    if one is None or not back:
        return None
    take_off_list(tx, one.id, back, now_ms)
    if len(back) < len(listed):
        return one
    return apply(tx, one.id, Closed("recovered"), now_ms, "guardian")


def rest(tx: Tx, policy: Policy, now_ms: int) -> list[Concern]:
    """End an area of which only a few homes are left (step 3); give what is to be said of each of them."""
    one = incident_of(tx, AREA)
    if one is None:
        return []
    count = area_count(tx, one.id)
    few = count.dark < policy.area_homes or count.dark <= policy.area_rest_share * count.homes
    if count.dark == 0 or not few or now_ms < count.changed_ms + int(policy.area_rest_s * 1000):
        return []
    left = listed_dark(tx)
    take_off_list(tx, one.id, list(left), now_ms, own=True)
    apply(tx, one.id, Closed("recovered"), now_ms, "guardian")
    return [
        Concern(
            home=home,
            kind=Kind.BLIND,
            onset_ms=since_ms,
            decided_ms=now_ms,
            confidence=1.0,
            evidence={"silent_s": (now_ms - since_ms) / 1000, "area_incident": float(one.id)},
        )
        for home, since_ms in left.items()
    ]


def news(tx: Tx, policy: Policy, now_ms: int) -> tuple[int, int | None]:
    """Put into the outbox what those who know of an area are to be told now (step 4).

    Gives how many texts, and when to ask again if nothing happens before.
    """
    over = to_tell_over(tx, now_ms - OVER_MS)
    for incident_id, responder in over:
        enqueue(tx, _news(incident_id, responder, "area-over", now_ms))
    one = incident_of(tx, AREA)
    told = [] if one is None else told_of_area(tx, one.id)
    if one is None or not told:
        return len(over), None
    told_ms = last_news_ms(
        tx, one.id
    )  # one that was refused counts too, or it would be asked for again at once
    if area_count(tx, one.id).changed_ms <= told_ms:
        return len(over), None
    due_ms = told_ms + int(policy.area_news_s * 1000)
    if now_ms < due_ms:
        return len(over), due_ms
    for responder in told:
        enqueue(tx, _news(one.id, responder, "area", now_ms))
    return len(over) + len(told), None


def _news(incident_id: int, responder: str, template: str, now_ms: int) -> Message:
    return Message(
        responder=responder,
        purpose="news",
        template=template,
        incident=incident_id,
        due_ms=now_ms,
        valid_until_ms=now_ms + NEWS_VALID_MS,
        created_ms=now_ms,
    )
