"""The courier: every text that is wanted goes out once, and nobody gets one that is not."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from alerting import triage
from alerting.channels import ChannelError
from alerting.concern import Kind
from alerting.courier import AT_ONCE, Courier
from alerting.incident import Accepted, Arrived, Closed, Incident, State
from alerting.ledger import (
    Ledger,
    Message,
    enqueue,
    open_incidents,
    recent_incidents,
    record_receipt,
    save_roster,
)
from guardian.clock import LiveClock
from simulator.response.district import roster_rows
from tests.alerting_people import T0, concern, duty, responder
from tests.courier_world import NOW, ONE_BY_ONE, POLICY, THREE, Centre, FakeProvider, centre


async def test_the_first_wave_goes_out_at_once_and_each_text_is_unlike_any_other() -> None:
    async with centre() as c:
        fall = await c.notice(concern())
        next_ms = await c.step()
        assert sorted(c.paged()) == ["a", "b", "c"]
        assert len({t.body for t in c.provider.taken}) == 3
        after = await c.now(fall)
        assert (after.state, after.provider_ms, after.wave) == (State.NOTIFIED, NOW, 1)
        assert next_ms == NOW + 60_000
        assert {m.state for m in await c.texts(fall)} == {"sent"}
        await c.step(NOW + 1000)
        assert len(c.provider.taken) == 3, "looking again sends nothing again"


async def test_a_text_names_the_deadline_on_the_sites_clock_and_nothing_of_the_home() -> None:
    async with centre() as c:
        await c.notice(concern())
        await c.step()
        body = c.provider.taken[0].body
        assert "by 22:23" in body  # onset 22:13:20 in Shanghai and ten minutes
        assert "card 17" in body
        for secret in ("h01", "living", "fall"):
            assert secret not in body


async def test_a_suspicion_texts_nobody() -> None:
    async with centre() as c:
        await c.notice(concern(Kind.FALL_SUSPECTED))
        assert await c.step() is None
        assert c.provider.taken == []


async def test_an_answer_fetched_by_polling_is_taken_and_answered() -> None:
    async with centre() as c:
        fall = await c.notice(concern())
        await c.step()
        c.provider.says(c.phone("b"), "1 4")
        await c.step(NOW + 5000)
        after = await c.now(fall)
        assert (after.state, after.acceptor, after.eta_minutes) == (State.EN_ROUTE, "b", 4)
        last = c.provider.taken[-1]
        assert (last.phone, "on your way" in last.body) == (c.phone("b"), True)
        assert "22:17" in last.body  # taken at 22:13:35, and four minutes
        await c.step(NOW + 10_000)
        assert len(c.provider.taken) == 4, "the same answer in the list again is not taken again"


async def test_nobody_is_paged_once_somebody_goes_and_the_others_stand_down_on_arrival() -> None:
    async with centre(ONE_BY_ONE) as c:
        fall = await c.notice(concern())
        await c.step()
        await c.step(NOW + 60_000)
        assert c.paged() == ["a", "b"]
        await c.event(fall, Accepted("b", 1), "b")
        await c.step(NOW + 130_000)
        assert c.paged() == ["a", "b"]
        await c.event(fall, Arrived("b"), "b")
        await c.step(NOW + 131_000)
        await c.step(NOW + 132_000)
        stood_down = [t.phone for t in c.provider.taken if "no need to go" in t.body]
        assert stood_down == [c.phone("a")]


async def test_closing_stands_down_everybody_who_was_paged_and_nobody_else() -> None:
    async with centre(ONE_BY_ONE) as c:
        fall = await c.notice(concern())
        await c.step()
        await c.event(fall, Closed("drill"), "board")
        await c.step(NOW + 2000)
        await c.step(NOW + 100_000)
        assert [t.phone for t in c.provider.taken] == [c.phone("a")] * 2
        assert "no need to go" in c.provider.taken[-1].body


async def test_a_refused_number_is_skipped_at_once() -> None:
    async with centre(ONE_BY_ONE) as c:
        c.provider.refuse[c.phone("a")] = ChannelError("21610: STOP", permanent=True)
        fall = await c.notice(concern())
        await c.step()
        assert c.paged() == ["b"]
        states = {m.responder: (m.state, m.error) for m in await c.texts(fall)}
        assert states == {"a": ("failed", "21610: STOP"), "b": ("sent", None)}


async def test_a_receipt_that_says_undelivered_frees_the_next_person() -> None:
    async with centre(ONE_BY_ONE) as c:
        await c.notice(concern())
        await c.step()
        await c.ledger.transact(lambda tx: record_receipt(tx, "SM0", "undelivered"))
        await c.step(NOW + 3000)
        assert c.paged() == ["a", "b"]


async def test_a_busy_provider_is_tried_again_after_one_two_four_and_eight_seconds() -> None:
    async with centre(duty(responder("a", odds=0.99))) as c:
        c.provider.refuse[c.phone("a")] = ChannelError("HTTP 429", permanent=False)
        fall = await c.notice(concern())
        tried: list[int] = []
        next_ms: int | None = NOW
        while next_ms is not None and len(tried) < 6:
            before = (await c.texts(fall))[0].attempts if tried else 0
            at_ms = next_ms
            next_ms = await c.step(at_ms)
            if (await c.texts(fall))[0].attempts > before:
                tried.append((at_ms - NOW) // 1000)
        assert tried == [0, 1, 3, 7, 15, 30]
        (text,) = await c.texts(fall)
        assert text.copies == 0, "a refusal is not a copy"
        del c.provider.refuse[c.phone("a")]
        await c.step(next_ms)
        assert c.paged() == ["a"]


async def test_a_text_whose_answer_was_lost_is_found_in_the_list_and_not_sent_again() -> None:
    async with centre(duty(responder("a", odds=0.99))) as c:
        c.provider.lose_answer = True
        fall = await c.notice(concern())
        await c.step()
        assert (await c.now(fall)).state is State.OPEN
        await c.step(NOW + 1000)
        assert c.paged() == ["a"]
        (text,) = await c.texts(fall)
        assert (text.state, text.sid) == ("sent", "SM0")
        assert (await c.now(fall)).state is State.NOTIFIED


async def test_a_lagging_list_and_lost_answers_come_to_three_copies_at_most() -> None:
    async with centre(duty(responder("a", odds=0.99))) as c:
        c.provider.lose_answer, c.provider.lists = True, False
        fall = await c.notice(concern())
        for s in range(55):
            await c.step(NOW + s * 1000)
        assert c.paged() == ["a"] * 3
        (text,) = await c.texts(fall)
        assert (text.state, text.error) == ("withdrawn", "not confirmed after 3 copies")
        assert len({t.body for t in c.provider.taken}) == 1


async def test_what_a_dead_process_had_in_hand_is_looked_up_before_it_is_sent() -> None:
    async with centre() as c:
        fall = await c.notice(concern())

        async def dies(_phone: str) -> None:
            raise ZeroDivisionError

        c.provider.trouble = dies
        with pytest.raises(ExceptionGroup):
            await c.step()
        assert "leased" in {m.state for m in await c.texts(fall)}
        c.provider.trouble = None
        again = Courier(c.ledger, {"fake": c.provider}, lambda: c.people, POLICY, c.clock)
        await again.recover()
        await again.step()
        assert sorted(c.paged()) == ["a", "b", "c"]


async def test_a_page_that_is_still_waiting_is_withdrawn_when_somebody_accepts() -> None:
    async with centre(duty(responder("a"), responder("b"))) as c:
        c.provider.refuse[c.phone("b")] = ChannelError("HTTP 503", permanent=False)
        fall = await c.notice(concern())
        await c.step()
        await c.event(fall, Accepted("a", 2), "a")
        c.provider.refuse.clear()
        await c.step(NOW + 5000)
        assert c.paged() == ["a"]
        assert {m.responder: m.state for m in await c.texts(fall)} == {"a": "sent", "b": "withdrawn"}


async def test_a_lapsed_lease_pages_on_and_asks_those_again_who_had_been_told_to_stay() -> None:
    async with centre() as c:
        fall = await c.notice(concern())
        await c.step()
        await c.event(fall, Accepted("a"), "a")
        next_ms = await c.step(NOW + 1000)
        assert next_ms == NOW + 120_000
        await c.step(NOW + 120_000)
        after = await c.now(fall)
        assert (after.state, after.acceptor) == (State.NOTIFIED, None)
        assert sorted(c.paged()) == ["a", "b", "b", "c", "c"]


async def test_somebody_else_is_asked_at_their_last_moment_while_one_is_on_the_way() -> None:
    people = duty(responder("a", odds=0.96), responder("b", odds=0.96), travel_s={"a": 100, "b": 200})
    async with centre(people) as c:
        fall = await c.notice(concern())
        await c.step()
        await c.event(fall, Accepted("a", 5), "a")
        latest_ms = T0 + (600 - 5 - 60 - 60 - 200 - 60 - 5) * 1000
        assert await c.step(NOW + 1000) == latest_ms
        await c.step(latest_ms)
        assert c.paged() == ["a", "b"]
        assert ((await c.now(fall)).acceptor, (await c.now(fall)).state) == ("a", State.EN_ROUTE)
        await c.event(fall, Accepted("b"), "b")
        assert (await c.now(fall)).helper == "b"
        await c.event(fall, Arrived("a"), "a")
        await c.step(latest_ms + 1000)
        assert [t.purpose for t in await c.texts(fall)] == ["page", "page", "stand-down"]


async def test_whoever_will_be_late_does_not_go_alone() -> None:
    people = duty(responder("a", odds=0.96), responder("b", odds=0.96), travel_s={"a": 100, "b": 200})
    async with centre(people) as c:
        fall = await c.notice(concern())
        await c.step()
        await c.event(fall, Accepted("a", 9), "a")
        await c.step(NOW + 1000)
        assert c.paged() == ["a", "b"]


async def test_a_volunteer_who_was_told_to_stay_is_asked_to_go_after_all() -> None:
    async with centre(THREE) as c:
        fall = await c.notice(concern())
        await c.step()
        assert sorted(c.paged()) == ["a", "b", "c"]
        await c.event(fall, Accepted("a", 5), "a")
        await c.event(fall, Accepted("b"), "b")
        latest_ms = T0 + (600 - 5 - 60 - 60 - 200 - 60 - 5) * 1000
        await c.step(NOW + 5000)
        await c.step(latest_ms - 1000)
        assert len(c.paged()) == 3
        await c.step(latest_ms)
        assert c.paged()[3:] == ["b"]
        await c.step(latest_ms + 1000)
        assert c.paged()[3:] == ["b"]
        await c.event(fall, Accepted("b"), "b")
        assert (await c.now(fall)).helper == "b"


async def test_the_last_resort_is_called_once_and_again_every_two_minutes_until_somebody_accepts() -> None:
    async with centre(duty(responder("a"), responder("b"), off=("a", "b"))) as c:
        fall = await c.notice(concern())
        for s in range(0, 250, 5):
            await c.step(NOW + s * 1000)
        assert c.calls == [(fall.id, NOW), (fall.id, NOW + 120_000), (fall.id, NOW + 240_000)]
        assert sorted(c.paged()) == ["a"] * 3 + ["b"] * 3
        assert all("nobody is there yet" in t.body for t in c.provider.taken)
        await c.event(fall, Accepted("a", 5), "a")
        await c.step(NOW + 400_000)
        assert len(c.calls) == 3


async def test_the_siren_is_switched_off_once_somebody_goes_and_after_a_start() -> None:
    async with centre(duty(responder("a", odds=0.7), travel_s={"a": 900})) as c:
        await c.step()
        assert c.relieved == [NOW], "whoever ran before may have left it on"
        fall = await c.notice(concern())
        await c.step()
        assert (len(c.calls), c.relieved) == (1, [NOW]), "nobody can be there in time: it sounds at once"
        await c.step(NOW + 60_000)
        await c.event(fall, Accepted("a", 5, 120.0), "a")
        await c.step(NOW + 61_000)
        await c.step(NOW + 62_000)
        assert c.relieved == [NOW, NOW + 61_000]
        await c.step(fall.t0_ms + 30 * 60_000)
        assert len(c.calls) > 1, "nobody came: it sounds again"
        await c.event(fall, Closed("real"), "board")
        await c.step(fall.t0_ms + 31 * 60_000)
        assert c.relieved[2:] == [fall.t0_ms + 31 * 60_000]


async def test_without_a_channel_the_last_resort_is_called_at_once() -> None:
    async with centre() as c:
        alone = Courier(c.ledger, {}, lambda: c.people, POLICY, c.clock, on_last_resort=_noted(c))
        fall = await c.notice(concern())
        await alone.step()
        assert c.calls == [(fall.id, NOW)]
        assert await c.texts(fall) == []


async def test_a_rise_in_severity_pages_again_the_one_who_had_accepted_too() -> None:
    async with centre() as c:
        one = await c.notice(concern(Kind.COLD))
        await c.step()
        await c.event(one, Accepted("a", 8), "a")
        await c.step(NOW + 5000)
        c.clock.ms = T0 + 70_000
        await c.notice(concern(onset_ms=T0 + 60_000))
        await c.step()
        assert sorted(c.paged()) == ["a", "a", "b", "b", "c", "c"]
        assert c.provider.taken[-1].body.startswith("URGENT")


async def test_help_at_the_door_pages_everybody_else() -> None:
    async with centre() as c:
        fall = await c.notice(concern())
        await c.step()
        c.provider.says(c.phone("a"), "2")
        await c.step(NOW + 20_000)
        c.provider.says(c.phone("a"), "5")
        await c.step(NOW + 30_000)
        assert sorted(c.paged()) == ["a", "b", "b", "c", "c"]
        c.provider.says(c.phone("c"), "1")
        await c.step(NOW + 40_000)
        after = await c.now(fall)
        assert (after.state, after.acceptor, after.helper) == (State.ON_SCENE, "a", "c")
        assert c.calls == []


async def test_many_notices_at_once_are_one_text_and_a_fall_among_them_goes_first() -> None:
    async with centre(duty(responder("a", odds=0.99))) as c:
        for n in range(100):
            await c.notice(concern(Kind.BLIND, home=f"h{n:02d}x"))
        await c.step()
        assert c.paged() == [], "they wait for others to come"
        await c.notice(concern(home="h77"))
        await c.step(NOW + 1000)
        assert c.paged() == ["a"]
        assert c.provider.taken[-1].body.startswith("URGENT")
        await c.step(NOW + 30_000)
        await c.step(NOW + 31_000)
        assert c.paged() == ["a", "a"]
        assert c.provider.taken[-1].body.startswith("NOTICE")


async def test_ten_texts_in_ten_minutes_hold_back_the_rest_but_not_a_fall() -> None:
    async with centre(duty(responder("a", odds=0.99))) as c:
        for n in range(12):
            await c.notice(concern(Kind.COLD, home=f"h{n}"))
        await c.step()
        assert c.paged() == ["a"] * 10
        await c.notice(concern(home="h77"))
        await c.step(NOW + 1000)
        assert c.paged() == ["a"] * 11
        assert c.provider.taken[-1].body.startswith("URGENT")
        for s in range(60, 660, 60):
            await c.step(NOW + s * 1000)
        assert c.paged().count("a") > 11


async def test_somebody_gone_from_the_roster_gets_nothing() -> None:
    async with centre() as c:
        await c.notice(concern())
        gone = replace(THREE.responders["a"], active=False)
        smaller = replace(THREE, responders={**THREE.responders, "a": gone})
        text = Message("z", "answer", NOW, NOW + 1000, NOW, template="nothing-open")
        await c.ledger.transact(lambda tx: enqueue(tx, text))
        await Courier(c.ledger, {"fake": c.provider}, lambda: smaller, POLICY, c.clock).step()
        assert sorted(c.paged()) == ["b", "c"]


async def test_an_unknown_error_ends_the_courier_loudly() -> None:
    async with centre() as c:
        await c.notice(concern())

        async def breaks(_phone: str) -> None:
            raise ZeroDivisionError

        c.provider.trouble = breaks
        with pytest.raises(ExceptionGroup) as caught:
            await c.courier.step()
        assert caught.group_contains(ZeroDivisionError)


async def test_a_provider_that_cannot_list_answers_holds_nobody_up() -> None:
    async with centre() as c:
        c.provider.answers_down = True
        await c.notice(concern())
        await c.step()
        assert len(c.paged()) == 3


@pytest.mark.looptime
async def test_the_whole_story_in_virtual_time_with_a_provider_that_hangs_for_one_person() -> None:
    clock = LiveClock(NOW)
    ledger = await Ledger.open(None, inline=True)
    await ledger.transact(lambda tx: save_roster(tx, roster_rows(THREE), "test", "0" * 64, NOW))
    provider = FakeProvider(clock)
    hung = THREE.responders["b"].phone

    async def hangs(phone: str) -> None:
        if phone == hung:
            await asyncio.Event().wait()

    provider.trouble = hangs
    courier = Courier(ledger, {"fake": provider}, lambda: THREE, POLICY, clock)
    running = asyncio.create_task(courier.run())
    await asyncio.sleep(1)
    await ledger.transact(lambda tx: triage.take(tx, [concern()], THREE, POLICY, clock.now_ms()))
    courier.wake.set()
    await asyncio.sleep(0.01)
    assert {t.phone for t in provider.taken} == {THREE.responders[r].phone for r in "ac"}
    provider.says(THREE.responders["c"].phone, "1 3")
    await asyncio.sleep(5)
    assert (await ledger.transact(open_incidents))[0].state is State.EN_ROUTE
    await asyncio.sleep(90)
    provider.says(THREE.responders["c"].phone, "2")
    await asyncio.sleep(6)
    provider.says(THREE.responders["c"].phone, "6")
    await asyncio.sleep(6)
    (done,) = await ledger.transact(lambda tx: recent_incidents(tx, 1))
    assert (done.state, done.outcome, done.acceptor) == (State.CLOSED, "safe", "c")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await ledger.close()


async def test_a_hung_provider_holds_no_more_than_its_share() -> None:
    people = duty(*(replace(responder("a", odds=0.01), id=f"p{n}", phone=f"+8613{n:09d}") for n in range(60)))
    async with centre(people) as c:
        most = 0
        inside = 0

        async def slow(_phone: str) -> None:
            nonlocal most, inside
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

        c.provider.trouble = slow
        await c.notice(concern())
        await c.step()
        assert len(c.provider.taken) == 60
        assert most == AT_ONCE


def _noted(c: Centre) -> Callable[[Incident], Awaitable[None]]:
    async def called(one: Incident) -> None:
        c.calls.append((one.id, c.clock.ms))

    return called


async def test_a_notice_whose_taker_does_not_come_goes_to_the_others() -> None:
    async with centre(THREE) as c:
        fever = await c.notice(concern(Kind.FEVER_TREND))
        for s in range(0, 40, 5):
            await c.step(NOW + s * 1000)
        assert sorted(c.paged()) == ["a", "b", "c"]
        await c.event(fever, Accepted("a"), "a")
        for s in range(40, 300, 5):
            await c.step(NOW + s * 1000)
        assert sorted(c.paged()[3:]) == ["b", "c"]
        assert (await c.now(fever)).wave == 1
