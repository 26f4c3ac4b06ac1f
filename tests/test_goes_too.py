"""Somebody goes, another one says yes: told to stay only if there will be time to ask once more."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from alerting.concern import Kind, Severity
from alerting.incident import Accepted, Arrived, HandedOver, Incident, step
from alerting.ledger import apply
from alerting.planner import Going, goes_too
from alerting.policy import Policy
from tests.alerting_people import T0, duty, responder, shipped_policy
from tests.test_planner import incident
from tests.test_replies import Desk, furnished

POLICY = shipped_policy()
PEOPLE = duty(responder("ann"), responder("bob"), travel_s={"bob": 200})
AGAIN_MS = T0 + (600 - 5 - 60 - 60 - 200 - 60) * 1000
"""Bob's latest page."""
LAST_MS = AGAIN_MS - int((POLICY.margin_s + POLICY.stay_at_least_s) * 1000)
"""From now on he would have to be asked again within a minute."""
WAY_MS = (60 + 200 + 60) * 1000
HELD = step(incident(), Accepted("ann"), T0 + 40_000)
YES = Accepted("bob")


def too(
    now_ms: int, *, about: Incident = HELD, yes: Accepted = YES, policy: Policy = POLICY, **going: Going
) -> bool:
    return goes_too(about, yes, {"ann": Going(T0 + 40_000, None), **going}, PEOPLE, policy, now_ms)


def test_whoever_can_be_asked_again_stays_and_whoever_cannot_goes_while_that_is_of_use() -> None:
    assert not too(LAST_MS - 1)
    assert too(LAST_MS)
    assert too(T0 + 600_000 - WAY_MS)
    assert not too(T0 + 600_001 - WAY_MS)


def test_whoever_names_minutes_is_taken_at_their_word_which_is_rounded_up() -> None:
    until_ms = T0 + 600_000 - 60_000
    assert too(until_ms - 5 * 60_000, yes=Accepted("bob", 6))
    assert not too(until_ms - 5 * 60_000 + 1, yes=Accepted("bob", 6))


def test_only_high_incidents_in_earnest_that_somebody_holds_send_two() -> None:
    assert not too(LAST_MS, about=replace(HELD, severity=Severity.MEDIUM))
    assert not too(LAST_MS, about=replace(HELD, kind=Kind.DRILL))
    assert not too(LAST_MS, about=incident())
    assert not too(LAST_MS, about=step(HELD, Arrived("ann"), LAST_MS))
    assert not too(LAST_MS, yes=Accepted("ann"))
    assert not too(LAST_MS, yes=Accepted("somebody who is not in the roster any more"))


def test_enough_may_go_already() -> None:
    nearly = replace(POLICY, backup_confidence=0.95)
    assert too(LAST_MS, policy=nearly), "0.9 by ann alone"
    assert not too(LAST_MS, policy=nearly, cy=Going(LAST_MS - 1, 3)), "0.99 by both"
    assert too(LAST_MS, policy=nearly, cy=Going(LAST_MS - 1, 30)), "cy will be late"


def test_whoever_was_told_to_go_is_not_told_to_stay_by_the_next_word() -> None:
    for severity in (Severity.HIGH, Severity.MEDIUM):
        assert too(T0 + 50_000, about=replace(HELD, severity=severity), bob=Going(T0 + 45_000, None))


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with furnished() as table:
        yield table


async def test_the_second_yes_is_told_to_go_when_it_is_too_late_to_ask_again(desk: Desk) -> None:
    number, _ = await desk.opens("h1", "ann", "bob", "cy")
    await desk.hears("ann", "1 8")
    await desk.hears("bob", "1")
    assert await desk.says("bob") == ["already-taken"]
    await desk.hears("cy", "1", after_s=180)
    assert await desk.says("cy") == ["accepted"]
    shown = await desk.shows(number)
    assert (shown.acceptor, shown.helper) == ("ann", "cy")


async def test_a_helper_whose_place_another_one_has_taken_still_goes(desk: Desk) -> None:
    number, _ = await desk.opens("h1", "ann", "bob", "cy")
    await desk.hears("ann", "1 8")
    await desk.hears("bob", "1", after_s=190)
    await desk.hears("cy", "1")
    assert (await desk.shows(number)).helper == "cy"
    await desk.hears("bob", "1 3")
    assert await desk.says("bob") == ["accepted", "on-the-way"]


async def test_the_named_one_takes_over_and_nobody_else_is_wanted_for_it(desk: Desk) -> None:
    number, _ = await desk.opens("h1", "ann", "bob", "cy")
    await desk.hears("ann", "1 8")
    await desk.ledger.transact(lambda tx: apply(tx, number, HandedOver("bob", "Wang"), desk.now_ms, "board"))
    await desk.hears("bob", "1", after_s=180)
    shown = await desk.shows(number)
    assert (shown.acceptor, shown.backup_ms, shown.wants_people) == ("bob", None, False)
