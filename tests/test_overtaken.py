"""The world goes on while a text is on its way: people leave, incidents close, lists fail."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from alerting.channels import Abilities, ChannelError, ListedText
from alerting.courier import Courier
from alerting.duty import Duty
from alerting.incident import Accepted, Closed, Incident
from alerting.ledger import Message, Tx, enqueue, message, withdraw
from tests.alerting_people import T0, concern, duty, responder
from tests.courier_world import NOW, ONE_BY_ONE, POLICY, Centre, FakeProvider, centre

ALONE = duty(responder("a", odds=0.99))


async def dies_sending(c: Centre) -> None:
    """The process dies with texts in its hand."""

    async def dies(_phone: str) -> None:
        raise ZeroDivisionError

    c.provider.trouble = dies
    with pytest.raises(ExceptionGroup):
        await c.step()
    c.provider.trouble = None


async def starts_again(c: Centre, people: Duty, provider: FakeProvider | None = None) -> Courier:
    """The next process, with these people."""
    again = Courier(c.ledger, {"fake": provider or c.provider}, lambda: people, POLICY, c.clock)
    await again.recover()
    return again


async def ends(c: Centre, of: Incident) -> list[tuple[str, str | None]]:
    """What became of an incident's texts, and why."""
    return [(m.state, m.error) for m in await c.texts(of)]


async def test_a_text_in_hand_to_somebody_who_has_left_since_is_not_sent_again() -> None:
    async with centre(ALONE) as c:
        fall = await c.notice(concern())
        await dies_sending(c)
        again = await starts_again(c, replace(ALONE, responders={}))
        await again.step()
        assert c.provider.taken == []
        assert await ends(c, fall) == [("failed", "not in the roster any more")]


async def test_when_the_list_cannot_be_read_two_texts_are_better_than_none() -> None:
    class Silent(FakeProvider):
        async def sent_since(self, phone: str, since_ms: int) -> Sequence[ListedText]:
            raise ChannelError(f"HTTP 500 for {phone} since {since_ms}", permanent=False)

    async with centre(ALONE) as c:
        fall = await c.notice(concern())
        await dies_sending(c)
        silent = Silent(c.clock)
        await (await starts_again(c, ALONE, silent)).step()
        (text,) = await c.texts(fall)
        assert [t.body for t in silent.taken] == [text.body]
        assert (text.state, text.copies) == ("sent", 2)


async def test_what_was_taken_back_while_the_provider_was_asked_is_not_sent() -> None:
    async with centre(ALONE) as c:
        fall = await c.notice(concern())
        await dies_sending(c)
        (text,) = await c.texts(fall)

        class Slow(FakeProvider):
            async def sent_since(self, phone: str, since_ms: int) -> Sequence[ListedText]:
                assert await c.ledger.transact(lambda tx: withdraw(tx, text.id, "not needed any more"))
                return await super().sent_since(phone, since_ms)

        slow = Slow(c.clock)
        await (await starts_again(c, ALONE, slow)).step()
        assert slow.taken == []
        assert await ends(c, fall) == [("withdrawn", "not needed any more")]


async def test_a_refusal_for_somebody_who_has_left_meanwhile_pages_the_next_one() -> None:
    async with centre(ONE_BY_ONE) as c:
        people = [ONE_BY_ONE]

        async def leaves(phone: str) -> None:
            if phone == c.phone("a"):
                people[:] = [replace(ONE_BY_ONE, responders={r: ONE_BY_ONE.responders[r] for r in "bc"})]
                raise ChannelError("21610: STOP", permanent=True)

        c.provider.trouble = leaves
        c.courier = Courier(c.ledger, {"fake": c.provider}, lambda: people[0], POLICY, c.clock)
        fall = await c.notice(concern())
        await c.step()
        assert c.paged() == ["b"]
        assert await ends(c, fall) == [("failed", "21610: STOP"), ("sent", None)]


async def test_a_fall_that_needs_nobody_any_more_is_not_named_beside_the_others() -> None:
    async with centre(ALONE) as c:
        await c.notice(concern())
        await c.step()
        falls = [await c.notice(concern(home=home)) for home in ("h02", "h03", "h04", "h05")]
        await c.step(NOW + 5000)
        assert c.paged() == ["a"], "one HIGH text in half a minute"
        await c.event(falls[1], Accepted("b", 2), "b")
        await c.event(falls[3], Closed("real"), "board")
        await c.step(NOW + 31_000)
        assert [(await ends(c, fall))[0][0] for fall in falls] == [
            "sent",
            "withdrawn",
            "grouped",
            "withdrawn",
        ]
        assert await ends(c, falls[1]) == [("withdrawn", "not needed any more")]
        assert len(c.provider.taken[1].body.split(":")[0].split()) == 3, "URGENT and two codes"


async def test_a_text_that_comes_too_late_to_be_of_use_is_not_sent() -> None:
    async with centre(ALONE) as c:
        fall = await c.notice(concern())
        c.provider.refuse[c.phone("a")] = ChannelError("HTTP 503", permanent=False)
        await c.step()
        c.provider.refuse.clear()
        (text,) = await c.texts(fall)
        await c.step(text.valid_until_ms + 1)
        first = (await c.texts(fall))[0]
        assert (first.id, first.state, first.error) == (text.id, "withdrawn", "too late")


@pytest.mark.parametrize(
    ("template", "channels", "why"),
    [
        ("of-a-later-version", True, "no such text: answer/of-a-later-version"),
        ("nothing-open", False, "no channel reaches this number"),
    ],
)
async def test_a_text_that_cannot_go_fails_for_good_and_holds_up_no_other(
    template: str, channels: bool, why: str
) -> None:
    async with centre(ALONE) as c:
        odd = Message("a", "answer", NOW, NOW + 60_000, NOW, template=template)
        plain = replace(odd, template="nothing-open")
        first = await c.ledger.transact(lambda tx: enqueue(tx, odd))
        second = await c.ledger.transact(lambda tx: enqueue(tx, plain))
        by = {"fake": c.provider} if channels else {}
        await Courier(c.ledger, by, lambda: ALONE, POLICY, c.clock).step()
        states = await c.ledger.transact(lambda tx: [_shown(tx, n) for n in (first, second)])
        assert states == [("failed", why), ("sent", None) if channels else ("failed", why)]


def _shown(tx: Tx, number: int) -> tuple[str, str | None]:
    found = message(tx, number)
    return found.state, found.error


async def test_a_channel_that_brings_no_answers_is_not_asked_for_any() -> None:
    class OneWay(FakeProvider):
        name = "one-way"
        abilities = Abilities(two_way=False, receipts=False, voice=False, needs_inbound=False, countries=None)

        async def received_since(self, since_ms: int) -> Sequence[ListedText]:
            raise AssertionError(f"nothing can have come since {since_ms}")

    async with centre(ALONE) as c:
        ways = {"one-way": OneWay(c.clock), "fake": c.provider}
        c.courier = Courier(c.ledger, ways, lambda: ALONE, POLICY, c.clock)
        fall = await c.notice(concern())
        await c.step()
        c.provider.says(c.phone("a"), "1 3")
        await c.step(NOW + 6000)
        assert (await c.now(fall)).acceptor == "a"


async def test_a_time_that_was_said_holds_on_when_the_same_person_says_yes_once_more() -> None:
    """Without it `a` would be expected by the road, too late, and `b` would be asked at once."""
    people = duty(responder("a", odds=0.99), responder("b", odds=0.99), travel_s={"a": 400, "b": 100})
    async with centre(people) as c:
        fall = await c.notice(concern())
        await c.step()
        assert c.paged() == ["a"], "now or never"
        await c.event(fall, Accepted("a", 2), "a")
        c.clock.ms = NOW + 115_000
        await c.event(fall, Accepted("a"), "a")
        last_moment_ms = T0 + (600 - 5 - 60 - 60 - 100 - 60 - 5) * 1000
        assert await c.step() == min(last_moment_ms, NOW + 240_000)
        assert c.paged() == ["a"]
