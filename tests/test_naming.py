"""Staff name somebody: nobody is let go, and nobody holds anything, but by a person's own word."""

from dataclasses import replace

from alerting import naming
from alerting.channels import ChannelError
from alerting.concern import Kind
from alerting.incident import Accepted, Added, Arrived, Closed, HandedOver, Incident, State
from alerting.ledger import moves
from tests.alerting_people import concern, duty, responder
from tests.courier_world import NOW, POLICY, Centre, centre

AB = duty(
    responder("a", odds=0.96),
    responder("b", odds=0.96),
    responder("c", odds=0.96),
    travel_s={"a": 100, "b": 150, "c": 200},
    off=("c",),
)
"""`a` is asked first and alone; `c` is off duty."""


async def name(c: Centre, one: Incident, event: HandedOver | Added) -> Incident:
    return await c.ledger.transact(lambda tx: naming.name(tx, one.id, event, POLICY, c.clock.ms, "desk"))


async def held(c: Centre) -> Incident:
    """`a` is on the way, six minutes."""
    fall = await c.notice(concern())
    await c.step()
    await says(c, "a", "1 6", NOW + 5_000)
    assert (await c.now(fall)).acceptor == "a"
    return fall


async def says(c: Centre, who: str, body: str, at_ms: int) -> None:
    c.clock.ms = at_ms
    c.provider.says(c.phone(who), body)
    await c.courier.poll()
    await c.step()


def told(c: Centre, who: str) -> list[str]:
    return [t.body for t in c.provider.taken if t.phone == c.phone(who)]


async def test_the_named_one_is_paged_at_once_and_the_holder_is_let_go_by_their_yes_alone() -> None:
    async with centre(AB) as c:
        fall = await held(c)
        await name(c, fall, HandedOver("c", "Wang"))
        await c.step(NOW + 20_000)
        assert c.paged() == ["a", "c"], "off duty or not, and nobody else"
        assert "you were named" in told(c, "c")[0]
        waiting = await c.now(fall)
        assert (waiting.acceptor, waiting.named, waiting.state) == ("a", "c", State.EN_ROUTE)
        assert len(told(c, "a")) == 2, "a page and an answer: a still goes"
        await says(c, "c", "1 4", NOW + 40_000)
        after = await c.now(fall)
        assert (after.acceptor, after.named, after.state) == ("c", None, State.EN_ROUTE)
        assert "somebody else has taken over" in told(c, "a")[-1]
        assert "on your way" in told(c, "c")[-1]
        await c.step(NOW + 50_000)
        assert len(told(c, "a")) == 3, "once"
        await says(c, "c", "2", NOW + 200_000)
        await says(c, "c", "6", NOW + 260_000)
        assert (await c.now(fall)).outcome == "safe"
        assert len(told(c, "a")) == 3


async def test_the_same_again_does_nothing_and_the_move_says_who_did_it() -> None:
    async with centre(AB) as c:
        fall = await held(c)
        for owner in ("Wang", "Wang", "Li"):
            await name(c, fall, HandedOver("b", owner))
            await name(c, fall, Added("c", owner))
        await c.step()
        assert sorted(c.paged()) == ["a", "b", "c"]
        written = await c.ledger.transact(lambda tx: moves(tx, fall.id))
        assert [(m.event, m.by, dict(m.detail)) for m in written if m.by == "desk"] == [
            ("handed-over", "desk", {"responder": "b", "owner": "Wang"}),
            ("added", "desk", {"responder": "c", "owner": "Wang"}),
        ]


async def test_a_named_one_who_cannot_leaves_everything_as_it_was() -> None:
    async with centre(AB) as c:
        fall = await held(c)
        before = await c.now(fall)
        await name(c, fall, HandedOver("b"))
        await c.step(NOW + 20_000)
        await says(c, "b", "3", NOW + 30_000)
        assert replace(await c.now(fall), next_wave_ms=before.next_wave_ms) == before
        assert "you were named" in told(c, "b")[0]
        assert len(told(c, "a")) == 2


async def test_without_an_answer_the_old_lease_stands_and_lapses_as_ever() -> None:
    async with centre(AB) as c:
        fall = await c.notice(concern())
        await c.step()
        await says(c, "a", "1", NOW + 5_000)
        await name(c, fall, HandedOver("c"))
        await c.step(NOW + 20_000)
        await c.step(NOW + 126_000)
        again = await c.now(fall)
        assert (again.state, again.acceptor, again.named) == (State.NOTIFIED, None, "c")
        assert "b" in c.paged(), "paging goes on"
        await says(c, "c", "1", NOW + 130_000)
        assert (await c.now(fall)).acceptor == "c"


async def test_whoever_is_added_goes_too_and_is_told_when_it_is_over() -> None:
    async with centre(AB) as c:
        fall = await held(c)
        await name(c, fall, Added("c"))
        await c.step(NOW + 20_000)
        await says(c, "c", "1 9", NOW + 30_000)
        both = await c.now(fall)
        assert (both.acceptor, both.helper) == ("a", "c")
        assert "on your way" in told(c, "c")[-1]
        await says(c, "a", "2", NOW + 200_000)
        assert len(told(c, "c")) == 2, "staff want them there: the first at the door calls nobody off"
        await says(c, "a", "6", NOW + 300_000)
        assert "no need to go" in told(c, "c")[-1]


async def test_whoever_is_at_the_door_stays_in_charge_until_the_named_one_is_there() -> None:
    async with centre(AB) as c:
        fall = await held(c)
        await says(c, "a", "2", NOW + 100_000)
        await name(c, fall, HandedOver("b"))
        await c.step(NOW + 110_000)
        await says(c, "b", "1 5", NOW + 120_000)
        assert (await c.now(fall)).acceptor == "a"
        await says(c, "b", "2", NOW + 300_000)
        assert (await c.now(fall)).acceptor == "b"
        assert "taken over" in told(c, "a")[-1]


async def test_a_page_by_name_that_no_provider_takes_goes_by_the_other_way() -> None:
    async with centre(AB) as c:
        fall = await held(c)
        c.provider.refuse[c.phone("c")] = ChannelError("429", permanent=False)
        await name(c, fall, HandedOver("c"))
        await c.step(NOW + 20_000)
        assert "c" not in c.paged()
        c.provider.refuse.clear()
        await c.step(NOW + 21_000)
        assert c.paged() == ["a", "c"], "tried again although somebody goes"


async def test_a_notice_is_handed_over_too_and_its_holder_is_told() -> None:
    async with centre(AB) as c:
        fault = await c.notice(concern(Kind.SENSOR_FAULT))
        await c.step()
        await c.step(NOW + 30_000)
        await c.event(fault, Accepted("a"), "a")
        await name(c, fault, HandedOver("c"))
        await c.step(NOW + 31_000)
        assert "please look at the board" in told(c, "c")[0]
        await says(c, "c", "1", NOW + 40_000)
        assert (await c.now(fault)).acceptor == "c"
        assert "taken over" in told(c, "a")[-1]


async def test_a_drill_names_people_as_a_test() -> None:
    async with centre(AB) as c:
        drilled = await c.notice(concern(Kind.DRILL))
        await c.step()
        await name(c, drilled, HandedOver("c"))
        await c.step(NOW + 5_000)
        assert told(c, "c")[0].startswith("TEST ")
        assert "nothing has happened" in told(c, "c")[0]


async def test_what_is_over_pages_nobody_any_more() -> None:
    async with centre(AB) as c:
        fall = await held(c)
        await name(c, fall, HandedOver("c"))
        await c.event(fall, Arrived("a"), "a")
        await c.event(fall, Closed("safe"), "a")
        await c.step(NOW + 20_000)
        assert "c" not in c.paged()
