"""Calls from end to end: who answers, what is said, what is pressed, and what comes of it."""

import asyncio
from collections.abc import Callable, Iterable, Sequence

import pytest

from alerting import ledger as ledger_of
from alerting.incident import State
from simulator import responders
from simulator.providers import Report
from simulator.responders import Behaviour
from tests.call_centre import PHONES, centre


@pytest.mark.looptime
async def test_somebody_goes_arrives_and_reports_safe_by_keys_alone() -> None:
    async with centre() as c:
        number, ann = await c.opens("h1"), c.phones[PHONES["ann"]]
        sid = await c.calls("ann", number)
        assert "请8点10分前到场" in await ann.expects_call("紧急")
        said = await ann.presses("1")
        assert "由您接手，请8点10分前到" in said
        assert "然后按井号" in said
        assert ((await c.shows(number)).state, (await c.shows(number)).acceptor) == (State.ACCEPTED, "ann")
        assert "已记您在路上，8点8分到" in await ann.presses("8#")
        shown = await c.shows(number)
        assert (shown.state, shown.eta_minutes) == (State.EN_ROUTE, 8)
        assert "先按2" in await ann.presses("6")
        assert "已记您到场" in await ann.presses("2")
        assert (await c.shows(number)).state is State.ON_SCENE
        assert "已结束" in await ann.presses("6")
        await asyncio.sleep(60)
        shown = await c.shows(number)
        assert (shown.state, shown.outcome) == (State.CLOSED, "safe")
        assert c.fake.calls[0].status == "completed"
        assert await c.receipt(sid) == "completed"
        assert await c.outbox() == [], "what was said is not texted as well"
        c.phones.nobody_else_got_a_message()


@pytest.mark.looptime
async def test_the_answer_is_in_the_persons_own_language() -> None:
    async with centre() as c:
        number, bob = await c.opens("h1"), c.phones[PHONES["bob"]]
        await c.calls("bob", number)
        assert await bob.expects_call("Urgent")
        assert "is yours, be there by 8:10" in await bob.presses("1")
        assert 'language="en-US"' in (bob.calls[0].twiml or "")


@pytest.mark.looptime
async def test_who_cannot_go_says_so_with_one_key() -> None:
    async with centre(bob=responders.answers_calls(after_s=4, keys=("3",))) as c:
        number = await c.opens("h1")
        await c.calls("bob", number)
        await asyncio.sleep(120)
        words = await c.ledger.transact(ledger_of.words_since_decision)
        assert [(m.by, m.event) for m in words[number]] == [("bob", "cannot-go")]
        assert "we are asking others" in c.phones[PHONES["bob"]].calls[0].ear.heard[-1]


@pytest.mark.looptime
@pytest.mark.parametrize("minutes", ["8", "8#", "08#", "120"])
async def test_minutes_end_with_hash_or_a_pause_or_three_digits(minutes: str) -> None:
    async with centre() as c:
        number, ann = await c.opens("h1"), c.phones[PHONES["ann"]]
        await c.calls("ann", number)
        await ann.expects_call()
        await ann.presses("1")
        assert "已记您在路上" in await ann.presses(minutes)
        assert (await c.shows(number)).eta_minutes == int(minutes.rstrip("#"))


@pytest.mark.looptime
@pytest.mark.parametrize("minutes", ["0#", "999"])
async def test_impossible_minutes_leave_the_acceptance_and_are_asked_back(minutes: str) -> None:
    async with centre() as c:
        number, ann = await c.opens("h1"), c.phones[PHONES["ann"]]
        await c.calls("ann", number)
        await ann.expects_call()
        await ann.presses("1")
        assert "没听清" in await ann.presses(minutes)
        assert (await c.shows(number)).state is State.ACCEPTED


@pytest.mark.looptime
async def test_a_call_speaks_three_times_and_hangs_up_when_nobody_presses() -> None:
    async with centre() as c:
        number, ann = await c.opens("h1"), c.phones[PHONES["ann"]]
        sid = await c.calls("ann", number)
        await ann.expects_call()
        await asyncio.sleep(300)
        call = c.fake.calls[0]
        assert len(call.ear.heard) == 3
        assert len(set(call.ear.heard)) == 1
        assert call.status == "completed"
        assert await c.receipt(sid) == "completed"
        assert (await c.shows(number)).acceptor is None, "to have listened is no answer"


@pytest.mark.looptime
async def test_an_answer_is_said_once_more_and_then_the_call_ends() -> None:
    async with centre() as c:
        number, ann = await c.opens("h1"), c.phones[PHONES["ann"]]
        await c.calls("ann", number)
        await ann.expects_call()
        said = await ann.presses("3")
        await asyncio.sleep(120)
        assert c.fake.calls[0].ear.heard[1:] == [said, said]
        assert c.fake.calls[0].status == "completed"


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("behaviour", "receipt"),
    [
        (responders.is_busy(), "busy"),
        (responders.never_answers(), "no-answer"),
        (responders.has_voicemail(after_s=30), "no-answer"),
        (responders.has_voicemail(after_s=15), "completed"),
    ],
)
async def test_the_fate_of_a_call_is_known(behaviour: Behaviour, receipt: str) -> None:
    async with centre(ann=behaviour) as c:
        number = await c.opens("h1")
        sid = await c.calls("ann", number)
        await asyncio.sleep(300)
        assert await c.receipt(sid) == receipt
        assert (await c.shows(number)).acceptor is None
        assert c.woken > 0


@pytest.mark.looptime
@pytest.mark.parametrize(
    "retell",
    [
        lambda held: [*reversed(held)],
        lambda held: [r for r in held for _ in range(3)],
        lambda held: [held[-1], *held[:-1], held[-1]],
        lambda held: held[-1:],
    ],
)
async def test_callbacks_in_any_order_or_number_leave_the_last_word(
    retell: Callable[[Sequence[Report]], Iterable[Report]],
) -> None:
    async with centre(ann=responders.answers_calls(2, keys=())) as c:
        c.fake.knobs.retell = retell
        sid = await c.calls("ann", await c.opens("h1"))
        await asyncio.sleep(300)
        assert await c.receipt(sid) == "completed"
        assert len(c.fake.webhook_answers) >= 1


@pytest.mark.looptime
async def test_a_keypress_that_is_told_twice_counts_once_and_is_answered_alike() -> None:
    async with centre() as c:
        number, ann = await c.opens("h1"), c.phones[PHONES["ann"]]
        c.fake.knobs.repeat_keys = True
        await c.calls("ann", number)
        await ann.expects_call()
        assert "由您接手" in await ann.presses("1")
        assert "已记您在路上" in await ann.presses("8#")
        moves = await c.ledger.transact(lambda tx: ledger_of.moves(tx, number))
        assert [m.event for m in moves if m.by == "ann"] == ["accepted", "accepted"]


@pytest.mark.looptime
async def test_a_call_is_about_its_own_incident_while_others_are_open() -> None:
    async with centre() as c:
        first, second = await c.opens("h1"), await c.opens("h2")
        ann = c.phones[PHONES["ann"]]
        await c.calls("ann", first)
        await ann.expects_call()
        await ann.hangs_up()
        await c.calls("ann", second)
        await ann.expects_call()
        await ann.presses("1")
        assert (await c.shows(first)).acceptor is None
        assert (await c.shows(second)).acceptor == "ann"


@pytest.mark.looptime
async def test_a_slip_of_the_finger_leaves_the_call_about_its_own_incident() -> None:
    async with centre() as c:
        first, second = await c.opens("h1"), await c.opens("h2")
        ann = c.phones[PHONES["ann"]]
        await c.calls("ann", first)
        await ann.expects_call()
        await ann.hangs_up()
        await c.calls("ann", second)
        await ann.expects_call()
        assert "没听清" in await ann.presses("9")
        await ann.presses("1")
        assert (await c.shows(second)).acceptor == "ann"


@pytest.mark.looptime
async def test_a_call_about_something_closed_is_told_so_though_something_else_is_open() -> None:
    async with centre() as c:
        first, second = await c.opens("h1"), await c.opens("h2")
        ann, bob = c.phones[PHONES["ann"]], c.phones[PHONES["bob"]]
        await c.calls("ann", second)
        await ann.expects_call()
        await ann.hangs_up()
        await c.calls("ann", first)
        await ann.expects_call()
        await c.calls("bob", first)
        await bob.expects_call()
        await bob.presses("1")
        await bob.presses("2#")
        await bob.presses("2")
        await bob.presses("6")
        assert (await c.shows(first)).outcome == "safe"
        assert "已经结束" in await ann.presses("1")
        assert (await c.shows(second)).acceptor is None


@pytest.mark.looptime
async def test_a_call_that_was_never_recorded_is_about_the_only_one_open() -> None:
    async with centre() as c:
        number, ann = await c.opens("h1"), c.phones[PHONES["ann"]]
        await c.calls("ann", number, recorded=False)
        await ann.expects_call()
        await ann.presses("1")
        assert (await c.shows(number)).acceptor == "ann"


@pytest.mark.looptime
async def test_a_call_that_was_never_recorded_with_several_open_is_asked_back() -> None:
    async with centre() as c:
        first, second = await c.opens("h1"), await c.opens("h2")
        ann = c.phones[PHONES["ann"]]
        await c.calls("ann", first)
        await ann.expects_call()
        await ann.hangs_up()
        await c.calls("ann", second, recorded=False)
        await ann.expects_call()
        assert "请用短信回复" in await ann.presses("1")
        assert {(await c.shows(n)).acceptor for n in (first, second)} == {None}


@pytest.mark.looptime
async def test_who_calls_back_hears_the_keys_and_can_arrive() -> None:
    async with centre() as c:
        number, bob = await c.opens("h1"), c.phones[PHONES["bob"]]
        await c.calls("bob", number)
        await bob.expects_call()
        await bob.presses("1")
        await bob.presses("5#")
        await bob.hangs_up()
        assert "I am there: press 2" in await bob.calls_us()
        assert "you are there" in await bob.presses("2")
        assert (await c.shows(number)).state is State.ON_SCENE


@pytest.mark.looptime
async def test_a_stranger_who_calls_is_told_nothing() -> None:
    async with centre() as c:
        await c.opens("h1")
        call = c.fake.phone_calls("+4999900000")
        await asyncio.sleep(60)
        assert call.ear.heard == []
        assert call.status == "completed"


@pytest.mark.looptime
async def test_what_cannot_be_written_down_is_never_said_to_be_noted() -> None:
    async with centre() as c:
        number, bob = await c.opens("h1"), c.phones[PHONES["bob"]]
        await c.calls("bob", number)
        await bob.expects_call()
        c.disk.full = True
        await bob.presses("1")
        assert bob.calls[0].ear.heard[-2:] == [
            "刚才没有记下，请再按一次。",
            "That was not written down. Please press it again.",
        ]
        assert (await c.shows(number)).acceptor is None
        c.disk.full = False
        assert "is yours" in await bob.presses("1")
        c.disk.full = True
        assert "没有记下" in await bob.presses("7#")
        c.disk.full = False
        assert "on your way" in await bob.presses("7#"), "minutes are still waited for"
        assert (await c.shows(number)).eta_minutes == 7


@pytest.mark.looptime
async def test_two_people_press_at_once_and_the_first_one_goes() -> None:
    async with centre() as c:
        number, ann, bob = await c.opens("h1"), c.phones[PHONES["ann"]], c.phones[PHONES["bob"]]
        await c.calls("ann", number)
        await c.calls("bob", number)
        await asyncio.gather(ann.expects_call(), bob.expects_call())
        said = await asyncio.gather(ann.presses("1"), bob.presses("1"))
        assert (await c.shows(number)).acceptor == "ann"
        assert "由您接手" in said[0]
        assert "somebody else goes" in said[1]
