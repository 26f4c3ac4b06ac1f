"""Concerns become incidents: one for each home, evidence merges, the worst counts."""

from collections.abc import AsyncIterator

import pytest

from alerting import triage
from alerting.concern import Concern, Kind, Severity
from alerting.incident import Accepted, Closed, Incident, State
from alerting.ledger import Ledger, apply, concerns, moves, open_incidents
from tests.alerting_people import T0, concern, duty, responder, shipped_policy

POLICY = shipped_policy()
DUTY = duty(responder("a"), responder("b"))
NOW = T0 + 10_000


@pytest.fixture
async def ledger() -> AsyncIterator[Ledger]:
    opened = await Ledger.open(None, inline=True)
    yield opened
    await opened.close()


async def take(ledger: Ledger, *found: Concern, now_ms: int = NOW) -> list[Incident]:
    return await ledger.transact(lambda tx: triage.take(tx, found, DUTY, POLICY, now_ms))


async def test_a_suspicion_has_no_severity_and_recovers_by_itself(ledger: Ledger) -> None:
    (opened,) = await take(ledger, concern(Kind.FALL_SUSPECTED))
    assert (opened.state, opened.severity, opened.deadline_ms) == (State.OPEN, None, None)
    assert opened.suspected_ms == NOW
    (closed,) = await take(ledger, concern(Kind.FALL_RECOVERED, after_s=20), now_ms=NOW + 10_000)
    assert (closed.state, closed.outcome) == (State.CLOSED, "recovered")


async def test_a_confirmed_fall_raises_the_suspicion_and_nothing_closes_it_again(ledger: Ledger) -> None:
    await take(ledger, concern(Kind.FALL_SUSPECTED, after_s=2), now_ms=T0 + 2000)
    (fall,) = await take(ledger, concern(Kind.FALL_CONFIRMED, after_s=12), now_ms=T0 + 12_000)
    assert (fall.severity, fall.deadline_ms, fall.late_at_decision) == (Severity.HIGH, T0 + 600_000, False)
    assert (fall.suspected_ms, fall.decided_ms) == (T0 + 2000, T0 + 12_000)
    (still,) = await take(
        ledger, concern(Kind.FALL_RECOVERED, after_s=30), concern(Kind.CANCEL, after_s=31), now_ms=T0 + 31_000
    )
    assert (still.state, still.cancelled_by_home_ms) == (State.OPEN, T0 + 31_000)
    kinds = [c.kind for c in await ledger.transact(lambda tx: concerns(tx, fall.id))]
    assert kinds == [Kind.FALL_SUSPECTED, Kind.FALL_CONFIRMED, Kind.FALL_RECOVERED, Kind.CANCEL]


async def test_the_home_cancels_a_suspicion(ledger: Ledger) -> None:
    await take(ledger, concern(Kind.FALL_SUSPECTED))
    (closed,) = await take(ledger, concern(Kind.CANCEL, after_s=15))
    assert (closed.state, closed.outcome) == (State.CLOSED, "cancelled")
    assert (await ledger.transact(lambda tx: moves(tx, closed.id)))[-1].by == "home"


async def test_who_was_asked_and_moves_closes_the_question_but_not_the_alarm_after_it(ledger: Ledger) -> None:
    (asked,) = await take(ledger, concern(Kind.INACTIVITY_PROMPT))
    assert (asked.severity, asked.deadline_ms) == (Severity.LOW, None)
    (closed,) = await take(ledger, concern(Kind.CANCEL, after_s=15))
    assert (closed.state, closed.outcome) == (State.CLOSED, "cancelled")
    await take(ledger, concern(Kind.INACTIVITY_PROMPT, after_s=100))
    (alarm,) = await take(ledger, concern(Kind.INACTIVITY, after_s=200))
    assert (alarm.kind, alarm.severity) == (Kind.INACTIVITY, Severity.MEDIUM)
    (still,) = await take(ledger, concern(Kind.CANCEL, after_s=300))
    assert still.state is State.OPEN


async def test_a_word_of_peace_without_an_incident_opens_none(ledger: Ledger) -> None:
    assert await take(ledger, concern(Kind.CANCEL), concern(Kind.FALL_RECOVERED)) == []
    assert await ledger.transact(open_incidents) == []


async def test_evidence_of_one_home_merges_and_homes_stay_apart(ledger: Ledger) -> None:
    touched = await take(
        ledger, concern(Kind.SMOKE), concern(Kind.FALL_CONFIRMED), concern(Kind.SMOKE, home="h02")
    )
    assert [(i.home, i.kind) for i in touched] == [("h01", Kind.FALL_CONFIRMED), ("h02", Kind.SMOKE)]


async def test_a_rise_after_acceptance_opens_again_with_its_own_onset(ledger: Ledger) -> None:
    (cold,) = await take(ledger, concern(Kind.COLD))
    assert cold.late_at_decision
    await ledger.transact(lambda tx: apply(tx, cold.id, Accepted("a"), NOW + 5000, "a"))
    fall = concern(Kind.FALL_CONFIRMED, onset_ms=T0 + 100_000)
    (risen,) = await take(ledger, fall, now_ms=T0 + 110_000)
    assert (risen.id, risen.state, risen.acceptor) == (cold.id, State.OPEN, None)
    assert (risen.t0_ms, risen.deadline_ms) == (T0 + 100_000, T0 + 700_000)
    assert (await ledger.transact(lambda tx: moves(tx, cold.id)))[-1].detail["released"] == "a"


async def test_the_same_concern_again_changes_nothing(ledger: Ledger) -> None:
    (first,) = await take(ledger, concern())
    written = await ledger.transact(lambda tx: (moves(tx, first.id), concerns(tx, first.id)))
    assert await take(ledger, concern(), now_ms=NOW + 60_000) == [first]
    assert await ledger.transact(lambda tx: (moves(tx, first.id), concerns(tx, first.id))) == written


async def test_what_comes_after_closing_is_another_incident(ledger: Ledger) -> None:
    (first,) = await take(ledger, concern())
    await ledger.transact(lambda tx: apply(tx, first.id, Closed("real"), NOW + 5000, "board"))
    (second,) = await take(ledger, concern(Kind.SOS, onset_ms=T0 + 3_600_000), now_ms=T0 + 3_610_000)
    assert second.id != first.id


async def test_a_suspicion_that_nobody_clears_or_confirms_becomes_a_fall(ledger: Ledger) -> None:
    (one,) = await take(ledger, concern(Kind.FALL_SUSPECTED))
    late_ms = NOW + int(POLICY.uncleared_s * 1000)

    async def uncleared(now_ms: int) -> list[Incident]:
        return await ledger.transact(lambda tx: triage.uncleared(tx, DUTY, POLICY, now_ms))

    assert await uncleared(late_ms - 1) == []
    (raised,) = await uncleared(late_ms)
    assert (raised.id, raised.kind, raised.severity) == (one.id, Kind.FALL_CONFIRMED, Severity.HIGH)
    assert raised.t0_ms == one.t0_ms, "the ten minutes run from the onset"
    assert await uncleared(late_ms) == [], "once"


async def test_a_suspicion_that_was_cleared_stays_cleared(ledger: Ledger) -> None:
    await take(ledger, concern(Kind.FALL_SUSPECTED))
    await take(ledger, concern(Kind.FALL_RECOVERED, after_s=20), now_ms=NOW + 10_000)
    late_ms = NOW + int(POLICY.uncleared_s * 1000)
    assert await ledger.transact(lambda tx: triage.uncleared(tx, DUTY, POLICY, late_ms)) == []


async def test_a_suspicion_in_a_home_with_an_incident_is_noted_and_raises_nothing(ledger: Ledger) -> None:
    (cold,) = await take(ledger, concern(Kind.COLD))
    (still,) = await take(ledger, concern(Kind.FALL_SUSPECTED, after_s=60), now_ms=T0 + 60_000)
    assert still.suspected_ms == T0 + 60_000
    assert (still.id, still.kind, still.severity) == (cold.id, Kind.COLD, Severity.MEDIUM)
    assert still.deadline_ms == cold.deadline_ms
