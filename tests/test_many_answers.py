"""Answers by the thousand: races, whatever a thumb may type, every set of people who can be reached."""

import time
from itertools import combinations
from typing import Final

import numpy as np
import pytest

from alerting import replies, triage
from alerting.channels import ChannelError
from alerting.courier import Courier
from alerting.incident import Closed, State
from alerting.ledger import Ledger, apply, codes, incident, messages, moves, open_incidents, save_roster
from alerting.replies import Inbound, Reply, Unclear, parse
from simulator.response.district import roster_rows
from tests.alerting_people import T0, SetClock, concern, duty, responder, shipped_policy
from tests.courier_world import FakeProvider

POLICY = shipped_policy()
NOW: Final = T0 + 10_000
SEED: Final = 20
ALPHABET: Final = (
    " 123456789０１２３４５６Ａ１Bb\u3000，。,.;:！!?\n\t分钟minMIN好OK收到STOP退订😀\u200b\ufe0f\u20e3\x00éß"
)


def pick(rng: np.random.Generator, *words: str) -> str:
    return words[int(rng.integers(len(words)))]


async def race(rounds: int, seed: int = SEED) -> int:
    """Let two people say yes at once, again and again; give how often the first of them goes."""
    rng, firsts = np.random.default_rng(seed), 0
    people = duty(responder("a", odds=0.9), responder("b", odds=0.9))
    ledger = await Ledger.open(None, inline=True, integrity=False)
    await ledger.transact(lambda tx: save_roster(tx, roster_rows(people), "test", "0" * 64, NOW))
    clock = SetClock(NOW)
    courier = Courier(ledger, {"fake": FakeProvider(clock)}, lambda: people, POLICY, clock)
    for n in range(rounds):
        (one,) = await ledger.transact(lambda tx: triage.take(tx, [concern()], people, POLICY, clock.ms))
        await courier.step()
        order = ["a", "b"] if rng.random() < 0.5 else ["b", "a"]
        words = [pick(rng, "1", "1 5", "１", "{code} 1", "{code} 1 7") for _ in order]
        for who, said in zip(order, words, strict=True):
            (code,) = await ledger.transact(lambda tx, who=who: codes(tx, who))  # type: ignore[misc]
            body, phone = said.format(code=code), people.responders[who].phone
            told = Inbound(f"IN{n}{who}", phone, body, clock.ms, pick(rng, "webhook", "poll", "aliyun"))
            for _again in range(int(rng.integers(1, 3))):
                await ledger.transact(lambda tx, told=told: replies.take(tx, told, people, POLICY, clock.ms))  # type: ignore[misc]

        def read(tx, number=one.id):  # type: ignore[no-untyped-def]
            return incident(tx, number), moves(tx, number), messages(tx, number)

        after, moved, sent = await ledger.transact(read)
        assert after.acceptor == order[0]
        assert [(m.by, m.detail.get("goes", False)) for m in moved if m.event == "accepted"] == [
            (order[0], True),
            (order[1], False),
        ]
        told_to = {m.responder: m.template for m in sent if m.purpose == "answer"}
        assert told_to.get(order[0], "accepted") in {"accepted", "on-the-way"}
        assert told_to.get(order[1], "already-taken") == "already-taken"
        firsts += 1
        await ledger.transact(lambda tx, number=one.id: apply(tx, number, Closed("real"), clock.ms, "board"))  # type: ignore[misc]
        clock.ms += 700_000
    await ledger.close()
    return firsts


async def test_of_two_who_say_yes_at_once_one_goes_and_both_know() -> None:
    assert await race(100) == 100


@pytest.mark.slow
async def test_of_two_who_say_yes_at_once_one_goes_in_ten_thousand_races() -> None:
    assert sum([await race(500, seed) for seed in range(20)]) == 10_000


def typed(count: int) -> float:
    """Parse texts that a thumb may type; give the longest time that one took, in seconds of CPU."""
    rng, longest = np.random.default_rng(SEED), 0.0
    signs = np.array(list(ALPHABET))
    for n in range(count):
        if n % 2:
            text = "".join(signs[rng.integers(len(signs), size=rng.integers(41))])
        else:
            code, end = pick(rng, "", "A1 ", "b12 ", "Ｃ３　", "D45"), pick(rng, "", "。", " min", "分钟")
            minutes = pick(rng, "", f" {rng.integers(1000)}")
            text = f"{code}{rng.integers(10)}{minutes}{end}"
        begun = time.thread_time()
        read = parse(text)
        longest = max(longest, time.thread_time() - begun)
        match read:
            case Reply(said, digit, minutes_said):
                assert 1 <= digit <= 6
                assert said is None or (2 <= len(said) <= 3 and said[0].isalpha())
                assert minutes_said is None or (digit == 1 and minutes_said in replies.MINUTES)
            case Unclear(reason):
                assert reason in {"empty", "stop", "too-long", "minutes", "nonsense"}
    return longest


def test_whatever_is_typed_is_an_answer_or_unclear() -> None:
    assert typed(20_000) < 0.05


@pytest.mark.slow
def test_a_million_texts_are_answers_or_unclear() -> None:
    assert typed(1_000_000) < 0.05


async def reached(able: frozenset[str]) -> tuple[State, bool, float]:
    """Play one fall of which only `able` of eight people can be reached; each says yes after 20 s."""
    people = duty(
        *(responder(n, odds=0.4) for n in "abcdefgh"),
        travel_s={n: 60 + 20 * k for k, n in enumerate("abcdefgh")},
    )
    ledger = await Ledger.open(None, inline=True, integrity=False)
    await ledger.transact(lambda tx: save_roster(tx, roster_rows(people), "test", "0" * 64, NOW))
    clock, called = SetClock(NOW), list[int]()
    provider = FakeProvider(clock)
    provider.refuse = {
        p.phone: ChannelError("21614", permanent=True) for n, p in people.responders.items() if n not in able
    }

    async def last_resort(_one: object) -> None:
        called.append(clock.ms)

    courier = Courier(ledger, {"fake": provider}, lambda: people, POLICY, clock, on_last_resort=last_resort)
    await ledger.transact(lambda tx: triage.take(tx, [concern()], people, POLICY, clock.ms))
    answered = set[str]()
    state, accepted_s = State.OPEN, float("inf")
    for _second in range(0, 120, 5):
        await courier.step()
        for text in provider.taken:
            if text.t_ms <= clock.ms - 20_000 and text.sid not in answered and "Reply" in text.body:
                answered.add(text.sid)
                provider.says(text.phone, "1")
        (one,) = await ledger.transact(open_incidents)
        state = one.state
        if one.accepted_ms is not None:
            accepted_s = (one.accepted_ms - NOW) / 1000
            break
        clock.ms += 5_000
    await ledger.close()
    return state, bool(called), accepted_s


async def every_set(sizes: range) -> int:
    """Try every set of people of these sizes; give how many there were."""
    tried = 0
    for size in sizes:
        for some in combinations("abcdefgh", size):
            state, called, accepted_s = await reached(frozenset(some))
            if some:
                assert (state, called) == (State.ACCEPTED, False)
                assert accepted_s <= 35
            else:
                assert called
            tried += 1
    return tried


async def test_with_nobody_the_last_resort_is_called_and_any_one_is_enough() -> None:
    assert await every_set(range(2)) == 9


@pytest.mark.slow
async def test_every_set_of_reachable_people_of_eight_is_enough() -> None:
    assert await every_set(range(9)) == 256
