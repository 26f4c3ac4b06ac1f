"""What staff see of people: coverage on the board and at the desk, readiness, drills on request."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from alerting import coverage, triage
from alerting.channels import Abilities, Channel
from alerting.coverage import QUARTER_MS, Forecast, Gap
from alerting.duty import Shift
from alerting.incident import Accepted, Closed
from alerting.ledger import Ledger, apply, messages, open_incidents, take_inbound
from guardian import desk, drills, foresight, named
from guardian.desk_people import people_routes
from guardian.drills import Drills
from guardian.foresight import Foresight
from guardian.named import Named
from guardian.people import People
from guardian.roster import Roster
from guardian.web.pages import GAPS_SHOWN
from guardian.web.serve import serve
from tests.alerting_people import EVERY_DAY, T0, SetClock, concern, duty, responder, shipped_policy
from tests.courier_world import FakeProvider
from tests.web_people import S, make_site

POLICY = shipped_policy()
HOURS = 3_600_000
PEOPLE = duty(responder("ann"), responder("bo"), responder("cy"), off=("bo", "cy"))
PEOPLE = replace(
    PEOPLE,
    responders={
        **PEOPLE.responders,
        "ann": replace(PEOPLE.responders["ann"], phone="+8613800000001"),
        "bo": replace(PEOPLE.responders["bo"], phone="+8610000000000"),
    },
    shifts=(*PEOPLE.shifts, Shift("bo", EVERY_DAY, 7 * 60, 15 * 60)),
)
NAMES = {"ann": "王安", "bo": "李波", "cy": "陈西"}
ROSTER = Roster("s1", ("h01", "h02"), (), {}, PEOPLE)


class Silent(FakeProvider):
    """Takes texts to which no answer can come back."""

    name = "silent"
    abilities = Abilities(two_way=False, receipts=False, voice=False, needs_inbound=False, countries=None)


class Staff:
    """A desk over a ledger in memory, with one clock."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.clock, self.changes = ledger, SetClock(T0), list[int]()
        self.roster = ROSTER
        provider = FakeProvider(self.clock)
        self.channels: dict[str, Channel] = {"fake": provider}

        def changed() -> None:
            self.changes.append(self.clock.ms)

        self.foresight = Foresight(
            lambda: self.roster.homes, lambda: self.roster.duty, POLICY, self.clock, changed
        )
        self.drills = Drills(
            ledger,
            lambda: self.roster,
            lambda: People(self.roster.duty, NAMES),
            self.channels,
            POLICY,
            self.clock,
            changed,
        )
        people = People(PEOPLE, NAMES)
        self.named = Named(ledger, lambda: people, POLICY, self.clock, changed)


@pytest.fixture
async def staff() -> AsyncIterator[Staff]:
    ledger = await Ledger.open(None, inline=True)
    yield Staff(ledger)
    await ledger.close()


async def test_the_board_says_how_many_homes_have_a_gap_and_lists_them_in_both_languages() -> None:
    found: list[Forecast | None] = [None]
    site = await make_site(forecast=lambda: found[0])
    async with site.client() as client:
        assert "being worked out" in (await client.get("/")).text
        gaps = (Gap("h01", T0, T0 + HOURS, 1), Gap("h01", T0 + HOURS, T0 + 2 * HOURS, 0))
        found[0] = Forecast(T0, T0 + 12 * HOURS, 5, gaps)
        board = (await client.get("/")).text
        assert "1 homes with fewer than two people who could come in time, in the next 12 hours" in board
        assert 'href="/coverage"' in board
        assert "今后 12 小时内，有 1 户及时赶到的人不足两名" in (await client.get("/?lang=zh")).text
        page = (await client.get("/coverage")).text
        rows = page.split("<tr>")[2:]
        assert [
            ("22:13" in r, "23:13" in r, f"<td>{n}</td>" in r) for r, n in zip(rows, "10", strict=True)
        ] == [
            (True, True, True),
            (False, True, True),
        ]
        assert "<td>17</td>" in rows[0]  # the card
        assert "能赶到的人数" in (await client.get("/coverage?lang=zh")).text
        found[0] = Forecast(T0, T0 + 12 * HOURS, 5, ())
        assert "could come to every home in time" in (await client.get("/")).text
        many = tuple(Gap(f"h{n:05}", T0, T0 + HOURS, 0) for n in range(10_000))
        found[0] = Forecast(T0, T0 + 12 * HOURS, 10_000, many)
        page = (await client.get("/coverage")).text
        assert page.count("<tr>") == GAPS_SHOWN + 1
        assert "9500 more rows" in page
    await site.ledger.close()


async def test_the_forecast_is_made_anew_only_when_the_time_or_the_people_have_changed(
    staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = list[int]()

    def counted(*of: Any) -> Forecast:
        made.append(of[3])
        return coverage.forecast(*of)

    monkeypatch.setattr(foresight, "forecast", counted)
    await staff.foresight.look()
    first = staff.foresight.latest
    assert first is not None
    assert first.homes_with_gap == 2
    staff.clock.ms += 60 * S  # T0 is 22:13:20
    await staff.foresight.look()
    assert staff.foresight.latest is first
    staff.clock.ms = T0 + QUARTER_MS
    await staff.foresight.look()
    assert staff.foresight.latest is not first
    staff.roster = replace(ROSTER, duty=replace(PEOPLE, shifts=()))
    await staff.foresight.look()
    alone = staff.foresight.latest
    assert alone is not None
    assert {g.could_come for g in alone.gaps} == {0}
    assert len(made) == len(staff.changes) == 3


async def test_whoever_could_not_be_reached_stands_first(staff: Staff) -> None:
    def answered(tx: Any) -> None:
        take_inbound(tx, "S1", "ann", None, T0 - HOURS, "poll", "1", "accepted")
        take_inbound(tx, "S2", "ann", None, T0 - 2 * HOURS, "poll", "1", "accepted")

    await staff.ledger.transact(answered)
    rows = (await staff.drills.ready())["people"]
    assert [(r["name"], r["number_valid"], r["channels"], r["ready"]) for r in rows] == [
        ("李波", False, ["fake"], False),
        ("王安", True, ["fake"], True),
    ]
    assert [(r["from"], r["last_answer"]) for r in rows] == [
        ("2026-09-22T07:00", None),
        ("2026-09-21T22:13", "2026-09-21T21:13"),
    ]
    staff.channels.clear()
    assert [(r["channels"], r["ready"]) for r in (await staff.drills.ready())["people"]] == [([], False)] * 2
    staff.channels["silent"] = Silent(staff.clock)
    ann = next(r for r in (await staff.drills.ready())["people"] if r["name"] == "王安")
    assert (ann["channels"], ann["answers"], ann["ready"]) == (["silent"], False, False)


def desk_of(staff: Staff, protection: Callable[[int], desk.Answer] = lambda _hours: {}) -> Starlette:
    """A desk with the routes about people."""

    async def nothing(*_: object) -> dict[str, Any]:
        return {}

    class NoCalendar:
        note = listing = end = staticmethod(nothing)

    return desk.desk_app(
        status=dict,
        import_roster=nothing,
        export_roster=nothing,
        calendar=NoCalendar(),
        silences=NoCalendar(),
        more=people_routes(staff.foresight, staff.drills, staff.named, protection),
    )


async def test_the_desk_answers_about_people_and_begins_drills(staff: Staff, tmp_path: Path) -> None:

    def ask(method: str, path: str, body: bytes | None = None) -> Any:
        return asyncio.to_thread(desk.call, tmp_path, method, path, body)

    async with serve(desk_of(staff), desk.socket_path(tmp_path)):
        found = await ask("GET", "/coverage?hours=2")
        assert found["gaps"][0] == {
            "home": "h01",
            "from": "2026-09-21T22:00",
            "until": "2026-09-22T00:00",
            "could_come": 1,
        }
        for query, why in (("hours=0", "1 to 168"), ("hours=x", "a whole number")):
            with pytest.raises(desk.DeskError, match=why):
                await ask("GET", f"/coverage?{query}")
        due = await ask("GET", "/drill/due")
        assert due["homes"] == [{"home": "h01", "last": None}, {"home": "h02", "last": None}]
        assert [p["name"] for p in due["people"]] == ["王安", "李波", "陈西"]
        with pytest.raises(desk.DeskError, match="h9 is not in the roster"):
            await ask("POST", "/drill", drills.encode(drills.Wish(home="h9")))
        with pytest.raises(desk.DeskError, match="Expected `str"):
            await ask("POST", "/drill", json.dumps({"home": 1}).encode())
        assert staff.changes == []
        begun = await ask("POST", "/drill", drills.encode(drills.Wish()))
        assert begun == {"begun": [{"incident": 1, "home": "h01"}], "left": 1}, (
            "one person on shift, one drill"
        )
        assert len(staff.changes) == 1
        with pytest.raises(desk.DeskError, match=r"incident 1 \(drill\) is open"):
            await ask("POST", "/drill", drills.encode(drills.Wish(home="h01")))
        assert len(await staff.ledger.transact(open_incidents)) == 1
        could = await ask("GET", "/ready")
        assert [p["name"] for p in could["people"]] == ["李波", "王安"]
        assert could["quotas"] == [], "no caps are known"
        shifts = await ask("GET", "/shifts")
        assert shifts == {
            "now": [{"name": "王安", "until": None}],
            "next": [{"name": "李波", "from": "2026-09-22T07:00"}],
            "open": [],
        }, "a drill is not handed over"


async def test_the_desk_hands_an_incident_over_to_somebody_by_the_name_that_staff_use(staff: Staff) -> None:
    fall = (
        await staff.ledger.transact(
            lambda tx: triage.take(tx, [concern(after_s=0)], PEOPLE, POLICY, staff.clock.ms)
        )
    )[0]
    await staff.ledger.transact(lambda tx: apply(tx, fall.id, Accepted("ann", 6), T0, "ann"))

    async def ask(person: str, what: Any = "hand-over", owner: str = "Wang", number: int = fall.id) -> Any:
        wish = named.Wish(incident=number, person=person, what=what, owner=owner)
        return await staff.named.name(named.encode(wish))

    for wrong, why in (
        ({"person": "陈东"}, "nobody active in the roster is called 陈东"),
        ({"person": "陈西", "owner": " "}, "owner: a name"),
        ({"person": "陈西", "number": 99}, "there is no incident 99"),
        ({"person": "陈西", "what": "steal"}, "Invalid enum value"),
    ):
        with pytest.raises(desk.Refused, match=why):
            await ask(**wrong)
    assert staff.changes == []
    assert await ask("陈西") == {
        "incidents": [
            {
                "id": 1,
                "home": "h01",
                "kind": "fall-confirmed",
                "state": "en-route",
                "held_by": "王安",
                "named": "陈西",
                "added": [],
            }
        ]
    }
    assert (await ask("+8610000000000", "add"))["incidents"][0]["added"] == ["李波"]
    assert await ask("bo", "add") == await staff.named.listing()
    texts = await staff.ledger.transact(lambda tx: messages(tx, fall.id))
    assert [(m.responder, m.template, m.due_ms) for m in texts] == [("cy", "named", T0), ("bo", "named", T0)]
    await staff.ledger.transact(lambda tx: apply(tx, fall.id, Closed("real"), T0, "board"))
    with pytest.raises(desk.Refused, match="incident 1: nobody is sent"):
        await ask("陈西")
