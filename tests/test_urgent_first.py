"""Pages of HIGH incidents do not queue behind a notice to everybody; many answers come at once."""

import asyncio
from dataclasses import replace

import pytest

from alerting import triage
from alerting.concern import Concern, Kind
from alerting.courier import AT_ONCE, Courier
from alerting.ledger import Ledger, save_roster
from alerting.listening import ANSWERS_AT_ONCE
from guardian.clock import LiveClock
from simulator.response.district import roster_rows
from tests.alerting_people import concern, duty, responder, shipped_policy
from tests.courier_world import NOW, FakeProvider, centre

POLICY = shipped_policy()
S = 1000
MANY = duty(
    *(replace(responder("a", odds=0.97), id=f"r{k:03d}", phone=f"+861380000{k:04d}") for k in range(200))
)


def dark(homes: int) -> list[Concern]:
    told = {"cameras_dark": 1.0, "cameras": 1.0, "homes_dark": float(homes)}
    return [Concern(f"h{k:03d}", Kind.BLIND, NOW, NOW + S, 0.9, evidence=told) for k in range(homes)]


@pytest.mark.looptime
async def test_a_fall_among_two_hundred_notices_is_texted_at_once_to_whoever_waits_for_one() -> None:
    """Each text takes the provider a second; 200 notices, 32 at a time, are seven."""
    ledger = await Ledger.open(None, inline=True)
    clock = LiveClock(NOW)
    provider = FakeProvider(clock)
    flying = 0

    async def slow(_phone: str) -> None:
        nonlocal flying
        flying += 1
        assert flying <= 2 * AT_ONCE
        await asyncio.sleep(1)
        flying -= 1

    provider.trouble = slow
    await ledger.transact(lambda tx: save_roster(tx, roster_rows(MANY), "test", "0" * 64, NOW))
    courier = Courier(ledger, {"fake": provider}, lambda: MANY, POLICY, clock)
    running = asyncio.create_task(courier.run())

    async def notice(*found: Concern) -> None:
        await ledger.transact(lambda tx: triage.take(tx, found, MANY, POLICY, clock.now_ms()))
        courier.wake.set()

    await notice(*dark(50))
    await asyncio.sleep(0.5)
    near = replace(MANY, travel_s={("r199", "far"): 10.0})  # the last one who is told of the dark
    courier._duty = lambda: near
    decided_ms = clock.now_ms()
    await notice(replace(concern(home="far"), onset_ms=decided_ms - S, decided_ms=decided_ms))
    await asyncio.sleep(9)
    urgent = [t for t in provider.taken if t.body.startswith("URGENT")]
    assert urgent[0].t_ms - decided_ms <= 1.1 * S, "beside the notices"
    his = [t for t in provider.taken if t.phone == MANY.responders["r199"].phone]
    assert [t.body.split()[0] for t in his] == ["URGENT", "NOTICE"]
    assert sum(t.body.startswith("NOTICE") for t in provider.taken) == 200
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await ledger.close()


async def test_more_answers_than_fit_one_transaction_are_each_taken_once() -> None:
    async with centre(MANY) as c:
        area = await c.notice(*dark(50))
        await c.step()
        c.clock.ms += 20 * S
        asked = [t for t in c.provider.taken if t.body.startswith("NOTICE")][: 2 * ANSWERS_AT_ONCE + 1]
        for text in asked:
            code = text.body.split()[1].rstrip(":")
            c.provider.says(text.phone, f"{code} 3")
        for _ in range(2):
            c.clock.ms += 6 * S
            await c.step()
        answers = [t.responder for t in await c.texts(area) if t.purpose == "answer"]
        phones = {r.phone: r.id for r in MANY.responders.values()}
        assert sorted(answers) == sorted(phones[t.phone] for t in asked)
