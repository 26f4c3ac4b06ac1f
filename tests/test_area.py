"""Homes that go dark together (F35, F36): one incident with a list, and everything else as always."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace

import pytest
from sqlalchemy import text as sql

from alerting import triage
from alerting.channels import ChannelError
from alerting.concern import AREA, Concern, Kind, Severity
from alerting.courier import Courier
from alerting.incident import Accepted, Closed, Incident, State
from alerting.ledger import (
    AreaCount,
    Ledger,
    Message,
    Silence,
    Tx,
    apply,
    area_count,
    area_homes,
    concerns,
    incident_of,
    listed_dark,
    messages,
    moves,
    note_silence,
    open_incidents,
    recent_incidents,
    save_roster,
)
from detectors.fault import Cause
from guardian.clock import LiveClock
from simulator.response.district import roster_rows
from tests.alerting_people import T0, concern, duty, responder, shipped_policy
from tests.courier_world import Centre, FakeProvider, centre
from tests.test_sensorhealth import MIN, Story, camera, event, room
from tests.web_people import make_site

POLICY = shipped_policy()
S = 1000
CREW = duty(*(responder(n, odds=0.4) for n in "abcdef"))
STREET = [f"h{n:03d}" for n in range(500)]
NOW = T0 + 120 * S
"""When the detectors say that those are dark which fell silent at T0."""


def dark(home: str, *, together: int = 500, cameras: int = 1, lost: int = 1, after_s: int = 120) -> Concern:
    told = {"cause": float(Cause.STREET), "cameras_dark": lost, "cameras": cameras, "homes_dark": together}
    return Concern(home, Kind.BLIND, T0, T0 + after_s * S, 0.95, sensor="cam", evidence=told)


def street(homes: Iterable[str] = STREET, **other: int) -> list[Concern]:
    return [dark(home, **other) for home in homes]


def seen(homes: Iterable[str], now_ms: int) -> list[Concern]:
    return [Concern(home, Kind.IN_SIGHT, now_ms, now_ms, 1.0) for home in homes]


@pytest.fixture
async def ledger() -> AsyncIterator[Ledger]:
    opened = await Ledger.open(None, inline=True)
    yield opened
    await opened.close()


async def take(ledger: Ledger, found: Iterable[Concern], now_ms: int = NOW) -> list[Incident]:
    return await ledger.transact(lambda tx: triage.take(tx, list(found), CREW, POLICY, now_ms))


async def overdue(ledger: Ledger, now_ms: int) -> list[Incident]:
    return await ledger.transact(lambda tx: triage.overdue(tx, CREW, POLICY, now_ms))


async def standing(ledger: Ledger) -> list[tuple[str, Kind]]:
    return [(i.home, i.kind) for i in await ledger.transact(open_incidents)]


def changes(tx: Tx) -> int:
    found: int = tx.conn.execute(sql("SELECT total_changes()")).scalar_one()
    return found


# --- the list --------------------------------------------------------------------------------------------


async def test_f35_five_hundred_homes_are_one_incident_with_a_list(ledger: Ledger) -> None:
    before = await ledger.transact(changes)
    (area,) = await take(ledger, street())
    assert (area.home, area.kind, area.severity, area.deadline_ms) == (AREA, Kind.BLIND, Severity.LOW, None)
    assert await ledger.transact(changes) - before == 504, "a row a home; incident, move, evidence, count"
    assert await standing(ledger) == [(AREA, Kind.BLIND)]
    assert await ledger.transact(lambda tx: area_count(tx, area.id)) == AreaCount(500, 500, NOW)
    again = await ledger.transact(changes)
    await take(ledger, street(), NOW + S)
    assert await ledger.transact(changes) == again, "the same again writes nothing"


async def test_later_ones_join_and_a_house_or_half_a_home_stands_alone(ledger: Ledger) -> None:
    (area,) = await take(ledger, street(STREET[:3]))
    others = [dark("k1", together=4), dark("k2", cameras=2)]
    await take(ledger, [*street(STREET[3:9], after_s=180), *others], NOW + 60 * S)
    assert await standing(ledger) == [(AREA, Kind.BLIND), ("k1", Kind.BLIND), ("k2", Kind.BLIND)]
    assert list(await ledger.transact(listed_dark)) == STREET[:9]
    assert len(await ledger.transact(lambda tx: concerns(tx, area.id))) == 2


async def test_a_fall_in_a_dark_street_is_an_incident_of_its_own_and_says_that_the_home_is_dark(
    ledger: Ledger,
) -> None:
    (fall,) = await take(ledger, [concern(home="h007")], T0 + 20 * S)
    await take(ledger, street())
    assert await standing(ledger) == [("h007", Kind.FALL_CONFIRMED), (AREA, Kind.BLIND)]
    (_, smoke) = await take(ledger, [*street(["h001"]), concern(Kind.SMOKE, home="h001")], NOW + S)
    assert (smoke.home, smoke.severity) == ("h001", Severity.HIGH)
    kinds = [c.kind for c in await ledger.transact(lambda tx: concerns(tx, fall.id))]
    assert kinds == [Kind.FALL_CONFIRMED, Kind.BLIND]
    assert "h007" in await ledger.transact(listed_dark)


async def test_f36_homes_that_are_back_leave_and_the_last_one_closes_it(ledger: Ledger) -> None:
    (area,) = await take(ledger, street())
    before = await ledger.transact(changes)
    (still,) = await take(ledger, seen(STREET[:400], NOW + 600 * S), NOW + 600 * S)
    assert still.state is State.OPEN
    assert await ledger.transact(lambda tx: area_count(tx, area.id)) == AreaCount(100, 500, NOW + 600 * S)
    (over,) = await take(ledger, seen([*STREET[400:], "k1"], NOW + 660 * S), NOW + 660 * S)
    assert (over.state, over.outcome, over.closed_ms) == (State.CLOSED, "recovered", NOW + 660 * S)
    assert await ledger.transact(changes) - before == 503, "a row a home, the incident, its move and count"
    assert (await ledger.transact(lambda tx: moves(tx, area.id)))[-1].by == "guardian"
    assert await standing(ledger) == []
    assert await take(ledger, seen(STREET, NOW + 700 * S), NOW + 700 * S) == []


async def test_whoever_accepted_it_does_not_keep_it_open(ledger: Ledger) -> None:
    (area,) = await take(ledger, street())
    await ledger.transact(lambda tx: apply(tx, area.id, Accepted("a"), NOW + S, "a"))
    (over,) = await take(ledger, seen(STREET, NOW + 60 * S), NOW + 60 * S)
    assert over.state is State.CLOSED


async def test_the_few_that_stay_dark_get_incidents_of_their_own(ledger: Ledger) -> None:
    (area,) = await take(ledger, street())
    back_ms = NOW + 600 * S
    await take(ledger, seen(STREET[:470], back_ms), back_ms)
    assert await overdue(ledger, back_ms + 3600 * S) == [], "thirty are an area yet"
    await take(ledger, seen(STREET[470:480], back_ms + S), back_ms + S)
    assert await take(ledger, [dark("h499", together=1)], back_ms + 2 * S) == [], "it is on the list"
    rest_ms = back_ms + S + int(POLICY.area_rest_s * 1000)
    assert await overdue(ledger, rest_ms - 1) == []
    own = await overdue(ledger, rest_ms)
    assert [(i.home, i.kind, i.severity) for i in own] == [
        (home, Kind.BLIND, Severity.LOW) for home in STREET[480:]
    ]
    assert {i.t0_ms for i in own} == {T0}
    over = await ledger.transact(lambda tx: recent_incidents(tx, 1000)[-1])
    assert (over.id, over.state, over.outcome) == (area.id, State.CLOSED, "recovered")
    homes = await ledger.transact(lambda tx: area_homes(tx, area.id))
    assert [h.home for h in homes if h.own] == STREET[480:]
    assert await overdue(ledger, rest_ms + S) == [], "once"


async def test_a_human_may_close_it_and_what_comes_then_is_another_one(ledger: Ledger) -> None:
    (area,) = await take(ledger, street())
    await ledger.transact(lambda tx: apply(tx, area.id, Closed("real"), NOW + S, "board"))
    assert await ledger.transact(listed_dark) == {}
    assert await take(ledger, seen(STREET, NOW + 2 * S), NOW + 2 * S) == []
    (second,) = await take(ledger, street(STREET[:6], together=6), NOW + 3 * S)
    assert (second.id, second.state) == (area.id + 1, State.OPEN)


# --- the texts -------------------------------------------------------------------------------------------


def of(c: Centre, who: str) -> list[str]:
    return [t.body for t in c.provider.taken if t.phone == c.phone(who)]


async def test_everybody_on_shift_gets_one_text_at_once_and_news_no_oftener_than_every_ten_minutes() -> None:
    people = duty(responder("a"), responder("b"), responder("c"), off=("c",))
    async with centre(people) as c:
        await c.step(NOW)
        area = await c.notice(*street(STREET[:20]))
        await c.step(NOW)
        assert [re.search(r"(\d+) homes", body)[1] for body in of(c, "a")] == ["500"]  # type: ignore[index]
        await c.notice(*street(STREET[20:]))
        await c.step(NOW + 60 * S)
        assert (len(of(c, "a")), len(of(c, "b")), len(of(c, "c"))) == (1, 1, 0)
        await c.notice(*seen(STREET[:100], NOW + 70 * S))
        assert await c.step(NOW + 70 * S) == NOW + 600 * S
        await c.step(NOW + 600 * S)
        await c.step(NOW + 1300 * S)
        assert len(of(c, "a")) == 2
        assert "now 400 homes" in of(c, "a")[-1], "and no third one, for nothing has changed"
        c.clock.ms = NOW + 1380 * S
        await c.notice(*seen(STREET[100:], c.clock.ms))
        await c.step()
        assert [len(of(c, who)) for who in "abc"] == [3, 3, 0]
        assert "over: 500 homes, 25 minutes" in of(c, "a")[-1]
        await c.step(NOW + 3000 * S)
        assert len(c.provider.taken) == 6
        for body in of(c, "a"):
            assert not any(home in body for home in STREET)
        purposes = [(m.purpose, m.template) for m in await c.texts(area) if m.responder == "a"]
        assert purposes == [("page", "area"), ("news", "area"), ("news", "area-over")]


async def test_nobody_is_told_that_something_is_over_of_which_they_never_heard() -> None:
    async with centre(duty(responder("a"), off=("a",))) as c:
        await c.notice(*street())
        await c.step(NOW)
        await c.notice(*seen(STREET, NOW + S))
        await c.step(NOW + S)
        assert c.provider.taken == []


async def test_a_notice_about_one_home_does_not_stand_for_the_text_that_says_how_many() -> None:
    async with centre(duty(responder("a"))) as c:
        await c.notice(concern(Kind.SENSOR_FAULT))
        await c.step(NOW)
        c.clock.ms = NOW + 30 * S
        await c.notice(*street())
        await c.step()
        assert sorted(body.split()[0] + body.split()[2] for body in of(c, "a")) == ["NOTICE500", "NOTICEcard"]


@pytest.mark.looptime
async def test_f35_a_fall_a_second_after_the_street_went_dark_is_texted_within_ten_seconds() -> None:
    """Five hundred homes, six people on shift, a provider that takes a second for each text."""
    ledger = await Ledger.open(None, inline=True)
    clock = LiveClock(NOW)
    provider = FakeProvider(clock)

    async def slow(_phone: str) -> None:
        await asyncio.sleep(1)

    provider.trouble = slow
    await ledger.transact(lambda tx: save_roster(tx, roster_rows(CREW), "test", "0" * 64, NOW))
    courier = Courier(ledger, {"fake": provider}, lambda: CREW, POLICY, clock)
    running = asyncio.create_task(courier.run())
    await asyncio.sleep(0.2)
    (area,) = await take(ledger, street(), clock.now_ms())
    courier.wake.set()
    await asyncio.sleep(1)
    decided_ms = clock.now_ms()
    fall_at = replace(concern(home="h123"), onset_ms=decided_ms - 10 * S, decided_ms=decided_ms)
    (fall,) = await take(ledger, [fall_at], decided_ms)
    courier.wake.set()
    await asyncio.sleep(9.9)
    urgent = [t for t in provider.taken if t.body.startswith("URGENT")]
    assert urgent, "the fall is texted"
    assert urgent[0].t_ms - decided_ms <= 10 * S
    notices = [t for t in provider.taken if t.body.startswith("NOTICE")]
    assert sorted(t.phone for t in notices) == sorted(r.phone for r in CREW.responders.values())

    def texts(tx: Tx) -> list[Message]:
        return [*messages(tx, area.id), *messages(tx, fall.id)]

    assert len(await ledger.transact(texts)) == len(provider.taken)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await ledger.close()


# --- the board -------------------------------------------------------------------------------------------


async def test_the_board_shows_one_row_with_the_number_and_a_page_with_the_list() -> None:
    site = await make_site(NOW)
    dark_here = ["h01", "h02", *STREET[:498]]
    (area,) = await take(site.ledger, street(dark_here))
    await take(site.ledger, seen(STREET[:10], NOW + 60 * S), NOW + 60 * S)
    new = Silence("h05", Kind.SENSOR_FAULT, NOW + 600 * S, "李娜", "换电池 <b>")
    await site.ledger.transact(lambda tx: note_silence(tx, new, NOW))
    await take(site.ledger, [concern(Kind.SENSOR_FAULT, home="h05")])
    async with site.client() as client:
        html = (await client.get("/")).text
        page = (await client.get(f"/incidents/{area.id}")).text
        zh = (await client.get("/?lang=zh")).text
        plain = (await client.get("/api/incidents")).json()
    assert html.count("<article") == 1
    assert "490 of 500 homes cannot be seen" in html
    assert "490户看不到，共涉及500户" in zh
    assert "Home *" not in html
    assert f'href="/incidents/{area.id}"' in html[html.index('id="h-h01"') :], "the tile leads to it"
    for shown in ("Silenced", "h05", "Sensor fault", "李娜", "换电池 &lt;b&gt;", "1 waiting"):
        assert shown in html
    assert page.count("<tr><td>h") == 500
    assert page.index("<td>h497") < page.index("<td>h000"), "those still dark first"
    assert plain["incidents"][0]["area"] == {"dark": 490, "homes": 500}
    assert [(s["home"], s["held"]) for s in plain["silences"]] == [("h05", 1)]
    await take(site.ledger, seen(dark_here, NOW + 660 * S), NOW + 660 * S)
    async with site.client() as client:
        assert "500 homes, 13 min" in (await client.get("/")).text
        assert "recovered" in (await client.get(f"/incidents/{area.id}")).text
    await site.ledger.close()


# --- from the detectors ----------------------------------------------------------------------------------


async def judged(ledger: Ledger, story: Story, said: list[Concern]) -> list[Incident]:
    """What triage makes of it, and of the homes that it waits for."""
    found = await take(ledger, story.lookout.spread(said), story.now_ms)
    back = story.lookout.in_sight(await ledger.transact(triage.awaited), story.now_ms)
    return [*found, *await take(ledger, back, story.now_ms)]


async def test_a_street_goes_dark_and_comes_back_over_a_restart(ledger: Ledger) -> None:
    homes = [f"h{k:02d}" for k in range(12)]
    story = Story([s for h in homes for s in (camera(h), event(h, "pir", "pir"))])
    story.play(5 * MIN)
    for h in homes[:11]:
        story.views[h, "cam"] = lambda _t: None
    cut_ms = story.now_ms
    (area,) = await judged(ledger, story, story.play(5 * MIN))
    assert (area.home, area.t0_ms) == (AREA, cut_ms - 5 * S)
    assert sorted(await ledger.transact(listed_dark)) == homes[:11]
    story.restart(down_ms=30 * S)
    assert await judged(ledger, story, story.play(MIN)) == [], "we have only begun to listen: no proof"
    for h in homes[:10]:
        story.views[h, "cam"] = room(5)
    assert [i.id for i in await judged(ledger, story, story.play(MIN))] == [area.id]
    assert list(await ledger.transact(listed_dark)) == ["h10"]
    story.views["h10", "cam"] = room(5)
    (over,) = await judged(ledger, story, story.play(MIN))
    assert (over.state, over.outcome) == (State.CLOSED, "recovered")


async def test_our_own_connection_is_an_area_of_all_homes_that_were_in_sight(ledger: Ledger) -> None:
    homes = [f"h{k}" for k in range(8)]
    story = Story([*(camera(h) for h in homes), event("light", "pir", "pir")])
    story.views["h3", "cam"] = lambda _t: None  # dark for days
    story.play(5 * MIN, lambda _k: story.hear("light", "pir", 1))
    await judged(ledger, story, story.said)
    for h in homes:
        story.views[h, "cam"] = lambda _t: None
    said = story.play(4 * MIN)
    assert [Cause(int(c.evidence["cause"])) for c in said if c.kind is Kind.BLIND] == [Cause.BROKER]
    await judged(ledger, story, said)
    assert set(await ledger.transact(listed_dark)) == {*homes, "light"} - {"h3"}
    for h in homes:
        if h != "h3":
            story.views[h, "cam"] = room(5)
    back = story.play(3 * MIN, lambda _k: story.hear("light", "pir", 1))
    assert back == []
    (over,) = await judged(ledger, story, back)
    assert (over.home, over.state) == (AREA, State.CLOSED)


async def test_news_that_every_provider_refuses_is_tried_again_after_ten_minutes_and_not_at_once() -> None:
    async with centre() as c:
        await c.notice(*street(STREET[:6], together=6))
        await c.step()
        everybody = [r.phone for r in c.people.responders.values()]
        c.provider.refuse = {p: ChannelError("no template", permanent=True) for p in everybody}
        await c.step(c.clock.ms + S)
        await c.notice(*street(STREET[6:8], together=8))
        begun_ms = c.clock.ms
        for s in range(1, 1300, 10):
            await c.step(begun_ms + s * S)
        one = await c.ledger.transact(lambda tx: incident_of(tx, AREA))
        assert one is not None
        news = [t for t in await c.texts(one) if t.purpose == "news"]
        assert 3 <= len(news) <= 6
