"""Falls that come together: one HIGH text in 30 s and person that names every new code; nobody is lost."""

import re
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.channels import ChannelError
from alerting.concern import Kind
from alerting.courier import Courier
from alerting.incident import Accepted, Closed, State
from alerting.ledger import Message, Tx, codes, message
from tests.alerting_people import concern, duty, responder
from tests.courier_world import NOW, POLICY, Centre, centre
from tests.test_paths import two_ways

S = 1000


class Dead(BaseException):
    """As a kill would, nothing of ours catches it."""


ONE = duty(responder("a", odds=0.99))


def named(body: str) -> list[str]:
    """The codes at the head of a page, before the first word that is none."""
    head = re.match(r"(?:URGENT|IMPORTANT|NOTICE) ((?:[A-Z]\d{1,2} ?)+)", body)
    return [] if head is None else head[1].split()


def at(c: Centre) -> list[int]:
    """Seconds at which a's texts went out."""
    return [(t.t_ms - NOW) // S for t in c.provider.taken]


async def known(c: Centre, who: str = "a") -> set[str]:
    return set(await c.ledger.transact(lambda tx: codes(tx, who)))


async def test_a_second_fall_within_half_a_minute_waits_for_its_end_and_a_third_goes_with_it() -> None:
    async with centre(ONE) as c:
        first = await c.notice(concern())
        await c.step()
        second = await c.notice(concern(home="h02"))
        await c.step(NOW + 5 * S)
        third = await c.notice(concern(home="h03"))
        await c.step(NOW + 12 * S)
        assert at(c) == [0]
        assert (await c.now(second)).state is State.OPEN, "no provider has it yet"
        await c.step(NOW + 30 * S)
        assert at(c) == [0, 30]
        assert len(named(c.provider.taken[1].body)) == 2
        assert set(named(c.provider.taken[0].body) + named(c.provider.taken[1].body)) == await known(c)
        for one in (second, third):
            after = await c.now(one)
            assert (after.state, after.provider_ms) == (State.NOTIFIED, NOW + 30 * S)
        assert (await c.now(first)).provider_ms == NOW


async def test_falls_of_one_moment_are_one_text_and_what_does_not_fit_follows() -> None:
    async with centre(ONE) as c:
        falls = [await c.notice(concern(home=f"h{n:02d}")) for n in range(7)]
        await c.step()
        assert [len(named(t.body)) for t in c.provider.taken] == [5]
        await c.step(NOW + 30 * S)
        assert [len(named(t.body)) for t in c.provider.taken] == [5, 2]
        assert {code for t in c.provider.taken for code in named(t.body)} == await known(c)
        for fall in falls:
            assert (await c.now(fall)).state is State.NOTIFIED


async def test_each_code_of_such_a_text_is_answered_by_itself_and_each_is_told_that_it_is_over() -> None:
    async with centre(duty(responder("a", odds=0.5), responder("b", odds=0.5))) as c:
        falls = [await c.notice(concern(home=f"h{n:02d}")) for n in range(3)]
        await c.step()
        mine = {number: code for code, number in (await c.ledger.transact(lambda tx: codes(tx, "a"))).items()}
        c.provider.says(c.phone("a"), f"{mine[falls[2].id]} 1 5")
        await c.step(NOW + 6 * S)
        assert [(await c.now(f)).acceptor for f in falls] == [None, None, "a"]
        before = len(c.provider.taken)
        for fall in falls[:2]:
            await c.event(fall, Accepted("b", 5, 120.0), "b")
            await c.event(fall, Closed("safe"), "board")
        await c.step(NOW + 8 * S)
        told = [t.body for t in c.provider.taken[before:] if t.phone == c.phone("a")]
        over = {code for code in mine.values() if any(code in body for body in told)}
        assert over == {mine[falls[0].id], mine[falls[1].id]}


async def test_a_text_that_does_not_go_out_leaves_the_others_to_go_by_themselves() -> None:
    async with two_ways(ONE) as (c, other):
        c.provider.refuse = {c.phone("a"): ChannelError("not a mobile", permanent=True)}
        falls = [await c.notice(concern(home=f"h{n:02d}")) for n in range(3)]
        await c.step()
        await c.step(NOW + 1 * S)
        await c.step(NOW + 31 * S)
        assert {code for t in other.taken for code in named(t.body)} == await known(c)
        for fall in falls:
            assert (await c.now(fall)).state is State.NOTIFIED


async def test_after_a_death_in_the_middle_every_code_is_named_again_or_known_to_be() -> None:
    async with centre(ONE) as c:
        for n in range(3):
            await c.notice(concern(home=f"h{n:02d}"))

        def dies(name: str) -> None:
            if name == "sending":
                raise Dead

        dying = Courier(c.ledger, {"fake": c.provider}, lambda: ONE, POLICY, c.clock, crash_point=dies)
        with pytest.raises(BaseExceptionGroup, match="unhandled"):
            await dying.step()
        assert c.provider.taken == []
        await c.courier.recover()
        for s in (1, 31, 61):
            await c.step(NOW + s * S)
        assert {code for t in c.provider.taken for code in named(t.body)} == await known(c)


async def test_a_call_and_what_is_no_fall_do_not_wait_for_it() -> None:
    async with centre(ONE) as c:
        await c.notice(concern())
        await c.step()
        await c.notice(concern(Kind.COLD, home="h02"))
        await c.step(NOW + 1 * S)
        assert at(c) == [0, 1]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 90), min_size=1, max_size=14))
async def test_whenever_falls_come_each_is_named_within_half_a_minute(
    when: Sequence[int],
) -> None:
    async with centre(ONE) as c:
        born: dict[int, int] = {}
        for s in range(200):
            for n in [n for n, at_s in enumerate(sorted(when)) if at_s == s]:
                fall = await c.notice(concern(home=f"h{n:02d}"))
                born[fall.id] = s
            await c.step(NOW + s * S)

        def texts(tx: Tx) -> list[Message]:
            return [message(tx, int(re.findall(r"#(\d+)\.", t.body)[-1])) for t in c.provider.taken]

        pages = [m for m in await c.ledger.transact(texts) if m.purpose == "page"]
        sent = [m.sent_ms or 0 for m in pages]
        assert all(b - a >= 30 * S for a, b in pairwise(sent))
        mine = await c.ledger.transact(lambda tx: codes(tx, "a"))
        for code, number in mine.items():
            first = next(m for m in pages if m.body is not None and code in named(m.body))
            ahead = sum(b <= born[number] for b in born.values())  # five go with each text
            assert (first.sent_ms or 0) - NOW <= (born[number] + 30 * (1 + ahead // 5)) * S


async def test_a_code_whose_incident_closes_while_the_text_is_on_its_way_is_called_off() -> None:
    async with centre(ONE) as c:
        falls = [await c.notice(concern(home=f"h{n:02d}")) for n in range(2)]

        async def closes_meanwhile(_phone: str) -> None:
            c.provider.trouble = None
            await c.event(falls[1], Closed("real"), "board")

        c.provider.trouble = closes_meanwhile
        await c.step()
        mine = {number: code for code, number in (await c.ledger.transact(lambda tx: codes(tx, "a"))).items()}
        assert falls[1].id not in mine, "it is closed"
        both = named(c.provider.taken[0].body)
        assert len(both) == 2
        gone = next(code for code in both if code != mine[falls[0].id])
        await c.step(NOW + 2 * S)
        assert [t.body for t in c.provider.taken[1:] if gone in t.body and "no need to go" in t.body]
