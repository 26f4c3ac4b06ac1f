"""Who comes on duty while something is open: paged from the first moment, told once, shown by a command."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy.dialects import sqlite

from alerting.channels import ChannelError
from alerting.concern import Kind
from alerting.handover import TELL_MS, hand_over
from alerting.incident import Closed
from alerting.ledger import Ledger, codes, handed_over, open_incidents, sent
from alerting.recognise import recognise
from guardian import shifts
from guardian.people import People
from guardian.roster import Roster
from tests.alerting_people import duty, responder
from tests.courier_world import Centre, centre
from tests.test_planner import NOW
from tests.test_shifts import CHANGE, MIN, concern_at, shifted

ALL = duty(
    responder("a", odds=0.97), responder("b", odds=0.97), responder("c", odds=0.97), travel_s={"b": 20}
)
PEOPLE = shifted(ALL, leave="a", come="bc")
"""a goes home at CHANGE, b and c come then."""


@pytest.fixture
async def night() -> AsyncIterator[Centre]:
    async with centre(PEOPLE) as c:
        yield c


def handovers(c: Centre) -> list[tuple[str, str]]:
    """Who was told, and what."""
    names = {r.phone: r.id for r in c.people.responders.values()}
    return [(names[t.phone], t.body) for t in c.provider.taken if t.body.startswith("HANDOVER")]


async def test_whoever_comes_is_paged_at_once_and_told_after_that_and_only_once(night: Centre) -> None:
    night.clock.ms = CHANGE - 20_000
    fall = await night.notice(concern_at("h01", at_ms=CHANGE - 30_000))
    water = await night.notice(concern_at("h02", Kind.WATER, at_ms=CHANGE - 30_000))
    assert await night.step() == CHANGE
    assert set(night.paged()) == {"a"}
    night.provider.says(night.phone("a"), f"{await code(night, fall.id)} 3")
    await night.step(CHANGE - 10_000)
    assert set(night.paged()) == {"a", "b", "c"}, "the last resort"
    await night.step(CHANGE)
    assert sorted(who for who, _ in handovers(night)) == ["b", "c"]
    said = recognise(handovers(night)[0][1])
    assert said is not None
    assert (said.purpose, said.homes, len(said.code.split())) == ("handover", 2, 2)
    for later_ms in (1000, MIN, TELL_MS):
        await night.step(CHANGE + later_ms)
    assert len(handovers(night)) == 2
    night.provider.says(night.phone("b"), f"{await code(night, water.id, 'b')} 1")
    await night.step(CHANGE + TELL_MS + 6000)
    assert (await night.now(water)).acceptor == "b", "the codes of a handover can be answered"


async def test_a_handover_comes_after_the_pages_that_are_due_with_it(night: Centre) -> None:
    night.clock.ms = CHANGE - 5000
    await night.notice(concern_at("h01", at_ms=CHANGE - 15_000))
    night.provider.refuse[night.phone("a")] = ChannelError("21211", permanent=True)
    await night.step(CHANGE)
    to_b = [t.body for t in night.provider.taken if t.phone == night.phone("b")]
    assert [body.split()[0] for body in to_b] == ["URGENT", "HANDOVER:"]
    assert night.calls == [], "b is in time from the first moment of the shift"


async def test_what_came_after_the_start_of_a_shift_is_no_handover(night: Centre) -> None:
    night.clock.ms = CHANGE + 10_000
    await night.notice(concern_at("h01", at_ms=CHANGE))
    await night.step()
    assert set(night.paged()) <= {"b", "c"}
    assert handovers(night) == []


async def test_notices_and_what_somebody_stands_at_are_not_handed_over(night: Centre) -> None:
    await night.notice(concern_at("h03", Kind.APPLIANCE_LEFT_ON))
    fall = await night.notice(concern_at("h01"))
    await night.step()
    for said in ("1", "2"):
        night.clock.ms += 6000
        night.provider.says(night.phone("a"), f"{await code(night, fall.id)} {said}")
        await night.step()
    assert (await night.now(fall)).on_scene_ms is not None
    await night.step(CHANGE + 1000)
    assert handovers(night) == []


async def test_who_goes_when_their_shift_ends_is_not_replaced(night: Centre) -> None:
    fall = await night.notice(concern_at("h01"))
    await night.step()
    night.clock.ms += 6000
    night.provider.says(night.phone("a"), "1 3")
    await night.step()
    await night.step(CHANGE)
    await night.step(CHANGE + 5000)
    assert (await night.now(fall)).acceptor == "a"
    assert night.paged() == ["a"]
    assert [who for who, _ in handovers(night)] == ["b", "c"], "somebody is on the way, nobody is there yet"


async def test_an_answer_that_comes_after_the_end_of_a_shift_counts_and_nobody_is_asked_meanwhile() -> None:
    late = shifted(duty(responder("a", odds=0.97), responder("b", odds=0.97)), leave="a")
    async with centre(late) as c:
        fall = await c.notice(concern_at("h01"))
        c.clock.ms = CHANGE - 1000
        fall = await c.notice(concern_at("h02", at_ms=CHANGE - 15_000))
        await c.step()
        await c.step(CHANGE + 10_000)
        asked = {t.responder for t in await c.texts(fall) if t.purpose == "page"}
        who = asked.pop()
        assert not asked
        c.provider.says(c.phone(who), f"{await code(c, fall.id, who)} 1 4")
        await c.step(CHANGE + 16_000)
        assert (await c.now(fall)).acceptor == who


async def test_a_handover_that_nobody_needs_any_more_is_withdrawn(night: Centre) -> None:
    fall = await night.notice(concern_at("h01"))
    await night.step()
    told = await night.ledger.transact(lambda tx: hand_over(tx, open_incidents(tx), PEOPLE, CHANGE))
    again = await night.ledger.transact(lambda tx: hand_over(tx, open_incidents(tx), PEOPLE, CHANGE + 1))
    assert (told[0], again[0]) == (2, 0)
    await night.event(fall, Closed("safe"), "board")
    await night.step(CHANGE + 1)
    assert handovers(night) == []


async def test_handovers_are_found_by_their_own_index() -> None:
    compiled = sent._TOLD.params(since=1).compile(
        dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}
    )
    ledger = await Ledger.open(None, inline=True, integrity=False)
    steps = await ledger.transact(
        lambda tx: [row[-1] for row in tx.conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}")]
    )
    await ledger.close()
    assert len(steps) == 1
    assert "USING INDEX ix_message_handover" in steps[0]


async def test_the_command_says_who_is_there_who_comes_and_what_is_open(night: Centre) -> None:
    names = People(PEOPLE, {"a": "王安", "b": "李波", "c": "陈西"})
    site = Roster("s1", ("h01", "h02"), (), {}, PEOPLE)

    async def listed() -> dict[str, Any]:
        return dict(await night.ledger.transact(lambda tx: shifts.listing(tx, site, names, night.clock.ms)))

    fall = await night.notice(concern_at("h01"))
    await night.notice(concern_at("h02", Kind.APPLIANCE_LEFT_ON))
    before = await listed()
    assert before["now"] == [{"name": "王安", "until": "2026-09-21T22:15"}]
    assert before["next"] == [
        {"name": "李波", "from": "2026-09-21T22:15"},
        {"name": "陈西", "from": "2026-09-21T22:15"},
    ]
    assert before["open"] == [
        {
            "incident": fall.id,
            "home": "h01",
            "kind": "fall-confirmed",
            "state": "open",
            "since": "2026-09-21T22:13",
            "holder": None,
            "handed_over_to": [],
        }
    ]
    await night.step()
    await night.step(CHANGE + 1000)
    after = await listed()
    assert after["now"] == [
        {"name": "李波", "until": "2026-09-22T06:00"},
        {"name": "陈西", "until": "2026-09-22T06:00"},
    ]
    (one,) = after["open"]
    assert one["handed_over_to"] == ["李波", "陈西"]
    assert await night.ledger.transact(lambda tx: handed_over(tx, NOW)) == {"b": CHANGE, "c": CHANGE}


async def code(c: Centre, number: int, who: str = "a") -> str:
    """What somebody calls an incident, by a text that they got; one text may name several."""
    known = await c.ledger.transact(lambda tx: codes(tx, who))
    said = next(code for code, of in known.items() if of == number)
    assert any(said in t.body for t in c.provider.taken if t.phone == c.phone(who))
    return said
