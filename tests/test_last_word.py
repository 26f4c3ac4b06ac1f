"""What somebody is told last is true: called off or not, named or not, however late a text goes out."""

from alerting.channels import ChannelError
from alerting.concern import Kind
from alerting.courier import Courier
from alerting.events import Sensed
from alerting.incident import Accepted, Added, Arrived, CannotGo, HandedOver, Incident, NeedsHelp
from alerting.quota import Cap
from tests.alerting_people import concern, duty, responder
from tests.courier_world import NOW, POLICY, Centre, centre
from tests.test_naming import AB, held, name, says, told
from tests.test_paths import Caller
from tests.test_quota import limited, notice

S = 1000
BUSY = ChannelError("429", permanent=False)


async def paged_b_and_there_is_a(c: Centre) -> Incident:
    """b was asked after a could not; then a was there all the same, and b's stand-down is still to go."""
    fall = await c.notice(concern())
    await c.step()
    await c.event(fall, CannotGo("a"), "a")
    await c.step(NOW + 5 * S)
    assert "b" in c.paged()
    await c.event(fall, Arrived("a"), "a")
    c.provider.refuse[c.phone("b")] = BUSY
    await c.step(NOW + 10 * S)
    c.provider.refuse.clear()
    return fall


async def test_whom_staff_send_for_is_not_called_off_by_a_text_from_before() -> None:
    async with centre(AB) as c:
        fall = await paged_b_and_there_is_a(c)
        await name(c, fall, Added("b"))
        await c.step(NOW + 20 * S)
        await c.step(NOW + 60 * S)
        assert "you were named" in told(c, "b")[-1]
        assert not any("no need" in t for t in told(c, "b"))


async def test_whoever_was_released_and_is_sent_for_again_goes() -> None:
    async with centre(AB) as c:
        fall = await held(c)
        await name(c, fall, HandedOver("c"))
        await c.step(NOW + 20 * S)
        c.provider.refuse[c.phone("a")] = BUSY
        await says(c, "c", "1 20", NOW + 30 * S)
        await c.step(NOW + 31 * S)
        await name(c, fall, Added("a"))
        c.provider.refuse.clear()
        await c.step(NOW + 60 * S)
        await c.step(NOW + 90 * S)
        assert not any("no need" in t for t in told(c, "a"))


async def test_a_helper_whom_staff_send_for_is_called_off_by_nobodys_arrival() -> None:
    async with centre(AB) as c:
        fall = await c.notice(concern())
        await c.step()
        await says(c, "a", "1 9", NOW + 5 * S)  # so late that another one is asked to go too
        await says(c, "b", "1 4", NOW + 20 * S)
        assert (await c.now(fall)).helper == "b"
        await name(c, fall, Added("b"))
        await says(c, "a", "2", NOW + 200 * S)
        await c.step(NOW + 240 * S)
        assert not any("no need" in t for t in told(c, "b"))
        assert not any("you were named" in t for t in told(c, "b")), "b goes already"


async def test_whoever_has_said_yes_is_not_asked_by_name_any_more() -> None:
    async with centre(AB) as c:
        fall = await held(c)
        c.provider.refuse[c.phone("c")] = BUSY
        await name(c, fall, Added("c"))
        await c.step(NOW + 20 * S)
        await c.event(fall, Accepted("c", 5), "board")
        c.provider.refuse.clear()
        await c.step(NOW + 60 * S)
        assert told(c, "c") == []


async def test_a_stand_down_that_was_taken_back_comes_when_it_is_true_again() -> None:
    async with centre(AB) as c:
        fall = await paged_b_and_there_is_a(c)
        await c.event(fall, NeedsHelp("a"), "a")
        await c.step(NOW + 12 * S)
        await c.event(fall, Accepted("c"), "c")
        for s in range(13, 200, 10):
            await c.step(NOW + s * S)
        assert "no need" in told(c, "b")[-1]


async def test_the_named_one_takes_over_from_a_door_that_only_sensors_saw() -> None:
    async with centre(AB) as c:
        fall = await held(c)
        await c.event(fall, Sensed("door", 300.0), "sensor")
        await name(c, fall, HandedOver("c"))
        await c.step(NOW + 20 * S)
        await says(c, "c", "1 8", NOW + 40 * S)
        assert (await c.now(fall)).acceptor == "c"
        for s in range(50, 320, 10):
            await c.step(NOW + s * S)
        assert (await c.now(fall)).acceptor == "c"
        assert c.calls == [], "nobody else is called for while c is on the way"


async def test_calls_do_not_wait_behind_texts_that_do() -> None:
    people = duty(responder("a", odds=0.97))
    async with centre(people) as c:
        caller = Caller(c.clock)
        caller.name = "voice"
        ways = {"fake": c.provider, "voice": caller}
        courier = Courier(c.ledger, ways, lambda: people, POLICY, c.clock)
        await c.notice(*(concern(home=f"h{n:02}") for n in range(1, 21)))
        for s in range(60):
            c.clock.ms = NOW + s * S
            await courier.step()
        assert [(t.t_ms - NOW) // S for t in c.provider.taken] == [0, 30]
        assert (caller.taken[0].t_ms - NOW) / S <= POLICY.voice_after_s + 2


async def test_an_answer_about_a_notice_comes_though_only_the_reserve_is_left() -> None:
    async with limited(Cap(per_number_per_day=10)) as w:
        c = w.centre
        await notice(c, Kind.SENSOR_FAULT)
        await w.sent_before(6)
        c.clock.ms += S
        c.provider.says(c.phone("a"), "1")
        await c.courier.poll()
        await c.step()
        assert len(w.by_usual()) == 2, "the notice, and the answer at once"
