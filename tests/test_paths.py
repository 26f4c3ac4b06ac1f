"""More than one way to somebody: a second provider, a call, and what happens when one is sick."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from alerting.channels import Abilities, ChannelError
from alerting.concern import Kind
from alerting.courier import Courier
from alerting.duty import Duty
from alerting.incident import Accepted, CannotGo, Closed
from alerting.ledger import record_receipt
from alerting.paths import REST_MS
from tests.alerting_people import concern, duty, responder
from tests.courier_world import NOW, POLICY, THREE, Centre, FakeProvider, centre


class Caller(FakeProvider):
    """A channel that calls."""

    name = "voice"
    prefix = "CA"
    abilities = Abilities(
        two_way=True, receipts=False, voice=True, needs_inbound=True, countries=None, spoken=True
    )


@asynccontextmanager
async def two_ways(
    people: Duty = THREE, second: type[FakeProvider] = FakeProvider
) -> AsyncIterator[tuple[Centre, FakeProvider]]:
    """A centre with another channel behind the usual one."""
    async with centre(people) as c:
        other = second(c.clock)
        other.name = "other"
        c.courier = Courier(c.ledger, {"fake": c.provider, "other": other}, lambda: people, POLICY, c.clock)
        yield c, other


async def test_a_page_that_one_provider_does_not_take_also_goes_by_the_other_within_seconds() -> None:
    async with two_ways() as (c, other):
        c.provider.refuse = {
            r.phone: ChannelError("HTTP 503", permanent=False) for r in c.people.responders.values()
        }
        fall = await c.notice(concern())
        for s in range(10):
            await c.step(NOW + s * 1000)
            if s < POLICY.second_path_s - 1:
                assert other.taken == []
        assert sorted(t.phone for t in other.taken) == sorted(r.phone for r in c.people.responders.values())
        c.provider.refuse = {}
        await c.step(NOW + 30_000)
        bodies = [t.body for t in c.provider.taken + other.taken]
        assert len(bodies) == len(set(bodies)) == 6
        assert (await c.now(fall)).wave == 1


async def test_a_number_that_one_provider_refuses_for_good_is_tried_by_the_other_at_once() -> None:
    async with two_ways() as (c, other):
        c.provider.refuse = {c.phone("a"): ChannelError("21614", permanent=True)}
        await c.notice(concern())
        await c.step()
        await c.step(NOW + 1)
        assert [t.phone for t in other.taken] == [c.phone("a")]
        assert len(c.provider.taken) == 2


async def test_a_page_that_is_given_up_as_not_confirmed_goes_by_the_other_way_at_once() -> None:
    async with two_ways() as (c, other):
        c.provider.lists = False
        c.provider.refuse = {
            r.phone: ChannelError("HTTP 500", permanent=False, maybe_taken=True)
            for r in c.people.responders.values()
        }
        await c.notice(concern())
        for s in range(8):
            await c.step(NOW + s * 1000)
        assert sorted(t.phone for t in other.taken) == sorted(r.phone for r in c.people.responders.values())


async def test_what_somebody_is_answered_goes_by_the_way_that_works() -> None:
    async with two_ways(duty(responder("a", odds=0.9))) as (c, other):
        await c.notice(concern())
        await c.step()
        c.provider.refuse = {c.phone("a"): ChannelError("no connection", permanent=False)}
        other.says(c.phone("a"), "1")
        for s in range(5, 30, 5):
            await c.step(NOW + s * 1000)
        assert ["is yours" in t.body for t in other.taken] == [True]


async def test_a_sick_provider_is_asked_last_until_it_has_rested() -> None:
    async with two_ways() as (c, other):
        everybody = {r.phone for r in c.people.responders.values()}
        c.provider.refuse = dict.fromkeys(everybody, ChannelError("HTTP 503", permanent=False))
        first = await c.notice(concern())
        await c.step()  # three failures in a row
        await c.event(first, Closed("real"), "board")
        second = await c.notice(concern(home="h02"))
        await c.step(NOW + 500)
        assert [t.phone for t in other.taken if "URGENT" in t.body] == [t.phone for t in other.taken]
        assert {t.phone for t in other.taken} == everybody, "by the other one at once"
        await c.event(second, Closed("real"), "board")
        c.provider.refuse = {}
        c.provider.taken.clear()
        other.taken.clear()
        await c.notice(concern(home="h03"))
        await c.step(NOW + REST_MS + 1_000)
        assert {t.phone for t in c.provider.taken if "URGENT" in t.body} == everybody, "it has rested"
        assert not [t for t in other.taken if "URGENT" in t.body]


async def test_whoever_does_not_answer_a_high_page_is_called_and_whoever_has_answered_is_not() -> None:
    async with two_ways(second=Caller) as (c, voice):
        fall = await c.notice(concern())
        await c.step()
        assert (len(c.provider.taken), voice.taken) == (3, [])
        await c.event(fall, CannotGo("a"), "a")
        await c.step(NOW + int(POLICY.voice_after_s * 1000))
        assert sorted(t.phone for t in voice.taken) == [c.phone("b"), c.phone("c")]
        await c.step(NOW + 59_000)
        assert len(voice.taken) == 2


async def test_nobody_is_called_once_somebody_goes() -> None:
    async with two_ways(second=Caller) as (c, voice):
        fall = await c.notice(concern())
        await c.step()
        await c.event(fall, Accepted("a", 3), "a")
        await c.step(NOW + 40_000)
        assert voice.taken == []


async def test_at_the_last_resort_everybody_is_called_at_once() -> None:
    async with two_ways(duty(responder("a"), responder("b"), off=("a", "b")), second=Caller) as (c, voice):
        await c.notice(concern())
        await c.step()
        await c.step(NOW + 1000)
        assert len(c.provider.taken) == len(voice.taken) == 2


async def test_a_call_that_may_have_gone_out_is_looked_up_by_what_no_other_message_has() -> None:
    async with two_ways(duty(responder("a", odds=0.9)), second=Caller) as (c, voice):
        fall = await c.notice(concern())
        await c.step()
        voice.lose_answer = True
        await c.step(NOW + int(POLICY.voice_after_s * 1000))
        assert len(voice.taken) == 1
        voice.lose_answer = False
        await c.step(NOW + 40_000)
        assert len(voice.taken) == 1
        called = [t for t in await c.texts(fall) if t.channel == "other"]
        assert [(t.state, t.sid) for t in called] == [("sent", voice.taken[0].sid)]


async def test_what_is_said_on_the_phone_is_spoken_and_an_answer_is_never_a_call() -> None:
    async with two_ways(duty(responder("a", odds=0.9)), second=Caller) as (c, voice):
        await c.notice(concern())
        await c.step()
        await c.step(NOW + int(POLICY.voice_after_s * 1000))
        (call,) = voice.taken
        assert call.body.startswith("Urgent.")
        assert "press" in call.body
        c.provider.says(c.phone("a"), "1")
        await c.step(NOW + 60_000)
        assert len(voice.taken) == 1
        assert "is yours" in c.provider.taken[-1].body


async def test_a_page_that_was_not_delivered_goes_by_the_other_way_before_the_last_resort() -> None:
    async with two_ways() as (c, other):
        await c.notice(concern())
        await c.step()
        for text in c.provider.taken:
            await c.ledger.transact(lambda tx, sid=text.sid: record_receipt(tx, sid, "undelivered"))  # type: ignore[misc]
        await c.step(NOW + 2000)
        assert sorted(t.phone for t in other.taken) == sorted(r.phone for r in c.people.responders.values())
        assert c.calls == []


async def test_an_answer_that_one_provider_refuses_for_good_goes_by_the_other() -> None:
    async with two_ways(duty(responder("a", odds=0.9))) as (c, other):
        await c.notice(concern())
        await c.step()
        c.provider.refuse = {c.phone("a"): ChannelError("no template", permanent=True)}
        c.provider.says(c.phone("a"), "1")
        await c.step(NOW + 5000)
        await c.step(NOW + 6000)
        assert ["is yours" in t.body for t in other.taken] == [True]


async def test_a_notice_goes_by_the_way_that_works_and_is_failed_only_where_none_does() -> None:
    async with two_ways(duty(responder("a"))) as (c, other):
        c.provider.refuse = {c.phone("a"): ChannelError("no connection", permanent=False)}
        await c.notice(concern(Kind.FEVER_TREND))
        for s in range(0, 80, 2):
            await c.step(NOW + s * 1000)
        assert len(other.taken) == 1
        both = {c.phone("a"): ChannelError("21614", permanent=True)}
        c.provider.refuse = other.refuse = both
        fault = await c.notice(concern(Kind.SENSOR_FAULT, home="h02"))
        for s in range(80, 160, 2):
            await c.step(NOW + s * 1000)
        assert [t.state for t in await c.texts(fault)] == ["failed"]
