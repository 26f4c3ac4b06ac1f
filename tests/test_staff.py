"""The staff board: what it shows, what its buttons do, what it refuses."""

import dataclasses
import re
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from alerting import ledger as records
from alerting.concern import Kind
from alerting.events import IncidentEvent
from alerting.incident import (
    Accepted,
    Arrived,
    CancelledByHome,
    EnRoute,
    LastResort,
    NeedsHelp,
    ReportedFalse,
    Sensed,
    State,
)
from alerting.ledger import LedgerError, RosterRows
from guardian.homes import Activity
from guardian.people import People
from guardian.web.names import FALSE_CAUSES
from guardian.web.view import CARDS_SHOWN, HOMES_SHOWN, view
from guardian.web.words import EN, WORDS, choose
from tests.alerting_people import T0, duty, responder
from tests.web_people import NAMES, S, Site, make_site


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = await make_site()
    yield made
    await made.ledger.close()


def articles(html: str) -> list[str]:
    return re.findall(r'<article id="i\d+".*?</article>', html, re.DOTALL)


def tile(html: str, home: str) -> str:
    found = re.search(rf'<li id="h-{home}".*?</li>', html, re.DOTALL)
    assert found
    return found[0]


# --- what it shows --------------------------------------------------------------------------------


async def test_incidents_stand_in_the_order_of_their_seconds_left(site: Site) -> None:
    await site.opened(Kind.INACTIVITY, "h02", deadline_s=900)
    await site.opened(Kind.BLIND, "h04", deadline_s=None)
    there = await site.opened(Kind.GAS, "h05", deadline_s=300)
    await site.happens(there.id, Arrived("bo"), by="bo")
    await site.opened(Kind.FALL_CONFIRMED, "h01", deadline_s=600)
    await site.opened(Kind.FALL_SUSPECTED, "h03")
    async with site.client() as client:
        cards = articles((await client.get("/")).text)
    assert [re.search(r"Home (h\d+)", c)[1] for c in cards] == ["h01", "h02", "h03", "h05", "h04"]  # type: ignore[index]
    assert 'class="digits">9:00<' in cards[0]
    assert 'class="digits">14:00<' in cards[1]


async def test_a_suspicion_is_checked_without_countdown_and_without_paging(site: Site) -> None:
    await site.opened(Kind.FALL_SUSPECTED, "h03")
    async with site.client() as client:
        (card,) = articles((await client.get("/")).text)
    assert "Checking" in card
    assert "nobody has been texted yet" in card
    assert "data-deadline" not in card
    assert "/accept" not in card
    assert "/close" in card


async def test_a_card_says_who_where_what_and_each_step(site: Site) -> None:
    fall = await site.opened(Kind.FALL_CONFIRMED, "h01")
    await site.texted(fall.id)
    await site.happens(fall.id, Accepted("ann"), after_s=40)
    async with site.client() as client:
        (card,) = articles((await client.get("/")).text)
    for words in (
        "HIGH",
        "Fall",
        "Home h01",
        "Card 17",
        "bathroom",
        "accepted",
        "王安",
        f"Incident {fall.id}",
    ):
        assert words in card
    assert "must leave by 22:16:00" in card  # 40 s + 120 s after 22:13:20
    steps = re.findall(r'<li class="(done|todo)"><span class="what">([^<]+)</span>', card)
    assert [s for s in steps if s[0] == "done"] == [
        ("done", w) for w in ("onset", "confirmed", "text out", "accepted")
    ]
    assert "+0:40" in card


async def test_an_overdue_incident_says_so_and_is_not_the_colour_alone(site: Site) -> None:
    await site.opened(Kind.FALL_CONFIRMED, "h01")
    site.clock.ms = T0 + 625 * S
    async with site.client() as client:
        (card,) = articles((await client.get("/")).text)
    assert 'class="digits">0:25<' in card
    assert "overdue" in card


async def test_a_home_without_valid_data_is_blind_whatever_was_known_before(site: Site) -> None:
    async with site.client() as client:
        html = (await client.get("/")).text
        chinese = (await client.get("/?lang=zh")).text
    assert "Blind" in tile(html, "h04")
    assert "walking" not in tile(html, "h04")  # the last known activity is not shown as if it were now
    assert "1 d ago" in tile(html, "h04")
    assert "看不到" in tile(chinese, "h04")
    assert "走动" not in tile(chinese, "h04")
    assert "4 in sight" in html
    assert "1 blind" in html


async def test_a_home_too_warm_to_see_a_fall_says_so_while_it_is_seen_at_all(site: Site) -> None:
    site.rows[:] = [dataclasses.replace(row, degraded=row.home in {"h01", "h04"}) for row in site.rows]
    async with site.client() as client:
        html, chinese = (await client.get("/")).text, (await client.get("/?lang=zh")).text
    assert "Too warm to see a fall" in tile(html, "h01")
    assert "太热" in tile(chinese, "h01")
    assert "Too warm" not in tile(html, "h02")
    assert "Too warm" not in tile(html, "h04")  # blind says more


async def test_unknown_is_never_fine(site: Site) -> None:
    async with site.client() as client:
        unknown = tile((await client.get("/")).text, "h05")
    for words in ("unknown", "room unknown", "none yet"):
        assert words in unknown
    async with site.client() as client:
        assert "no temperature" in tile((await client.get("/")).text, "h03")


async def test_every_remark_that_changes_what_staff_do_is_on_the_card(site: Site) -> None:
    fall = await site.opened(Kind.FALL_CONFIRMED, "h01", late=True)
    for event in (Accepted("ann", 5), ReportedFalse("bo"), CancelledByHome(), NeedsHelp("ann")):
        await site.happens(fall.id, event)
    async with site.client() as client:
        (card,) = articles((await client.get("/")).text)
        assert "/accept" in card  # for the second person
        for words in (
            EN.text("Decided too late to count from the onset; the ten minutes run from the decision"),
            EN.text("Reported as a false alarm, not yet confirmed"),
            EN.text("The home pressed cancel; still needs a visit"),
            EN.text("A second person is needed"),
        ):
            assert words in card
        await site.happens(fall.id, Accepted("bo"), by="bo")
        (card,) = articles((await client.get("/")).text)
    assert "helped by <strong>李波" in card
    assert EN.text("A second person is needed") not in card


@pytest.mark.parametrize(("kind", "number"), [(Kind.FALL_CONFIRMED, "120"), (Kind.FIRE, "119")])
async def test_the_last_resort_is_a_script_with_the_address(site: Site, kind: Kind, number: str) -> None:
    fall = await site.opened(kind, "h01")
    async with site.client() as client:
        assert "幸福路" not in (await client.get("/")).text  # an address stands there only when it is needed
        await site.happens(fall.id, LastResort())
        (card,) = articles((await client.get("/")).text)
        assert f"Call {number} now" in card
        assert "幸福路 12 号 301" in card
        await site.happens(fall.id, Arrived("ann"))
        assert "幸福路" not in (await client.get("/")).text


async def test_closed_incidents_stand_below_with_their_outcome(site: Site) -> None:
    fall = await site.opened(Kind.FALL_CONFIRMED, "h01")
    async with site.client() as client:
        await client.post(f"/incidents/{fall.id}/close", data={"outcome": "false:pet"})
        html = (await client.get("/")).text
    assert not articles(html)
    assert "No open incidents" in html
    assert "false alarm (pet)" in html


async def test_an_incidents_page_has_moves_texts_and_evidence_but_no_body_and_no_number(site: Site) -> None:
    fall = await site.opened(Kind.FALL_CONFIRMED, "h01")
    await site.texted(fall.id)
    await site.happens(fall.id, EnRoute("ann", 6))
    async with site.client() as client:
        html = (await client.get(f"/incidents/{fall.id}")).text
    for words in (
        "opened",
        "provider took the text",
        "on the way",
        "王安",
        "delivered",
        "floor_s",
        "14",
        "93 %",
    ):
        assert words in html
    assert "secret body" not in html
    assert "+8613800" not in html


async def test_the_json_is_the_same_content_for_programs(site: Site) -> None:
    fall = await site.opened(Kind.FALL_CONFIRMED, "h01")
    await site.opened(Kind.FALL_SUSPECTED, "h03")
    done = await site.opened(Kind.SOS, "h02")
    async with site.client() as client:
        await client.post(f"/incidents/{fall.id}/accept", data={"who": "bo"})
        await client.post(f"/incidents/{done.id}/close", data={"outcome": "drill"})
        board = (await client.get("/api/incidents")).json()
    assert board["now_ms"] == site.clock.ms
    first, second = board["incidents"]
    assert (first["id"], first["seconds_left"], first["state"]) == (fall.id, 540.0, "accepted")
    assert (first["acceptor"], first["acceptor_name"]) == ("bo", "李波")
    assert first["segments_ms"]["onset"] == T0
    assert first["segments_ms"]["accepted"] == site.clock.ms
    assert (second["severity"], second["seconds_left"]) == (None, None)
    assert [(r["id"], r["outcome"]) for r in board["recent"]] == [(done.id, "drill")]
    assert [h["home"] for h in board["homes"] if h["blind"]] == ["h04"]
    assert len(board["homes"]) == 5


async def test_homes_are_found_by_number_or_card(site: Site) -> None:
    async with site.client() as client:
        by_card = (await client.get("/?find=20")).text
        by_id = (await client.get("/?find=h02")).text
        nothing = (await client.get("/?find=zz")).text
    assert re.findall(r'<li id="h-(h\d+)"', by_card) == ["h04"]
    assert re.findall(r'<li id="h-(h\d+)"', by_id) == ["h02"]
    assert "No home matches" in nothing


async def test_a_dark_province_is_still_one_page(site: Site) -> None:
    """Ten thousand homes, three thousand of them dark: the page stays small and names what it leaves out."""
    blind = site.rows[3]
    site.rows[:] = [dataclasses.replace(blind, home=f"h{i:05d}", blind=i < 3000) for i in range(10_000)]
    fall = await site.opened(Kind.FALL_CONFIRMED, "h09999")
    one = await site.opened(Kind.BLIND, "h00000", deadline_s=None)
    dark = [dataclasses.replace(one, id=10 + i, home=f"h{i:05d}") for i in range(3000)]
    people = People(duty(responder("ann")))
    began = time.process_time()
    seen = view([*dark, fall], [], site.rows, people, site.clock.ms)
    assert time.process_time() - began < 0.5  # s of CPU; about 0.05 here
    assert seen.cards[0].number == fall.id
    assert (len(seen.cards), seen.open) == (CARDS_SHOWN, 3001)
    assert (len(seen.tiles), seen.not_shown) == (HOMES_SHOWN, 10_000 - HOMES_SHOWN)
    assert (seen.blind, seen.in_sight) == (3000, 7000)
    async with site.client() as client:
        html = (await client.get("/")).text
    assert len(html) < 300_000
    assert "9998 more homes are not listed" in html  # as tiles: the grid has each


def test_names_and_addresses_come_from_the_roster_without_the_erased() -> None:
    rows = RosterRows(
        people=({"id": "p1", "name": "王安", "address": None}, {"id": "p2", "name": "x", "address": "路 1"}),
        homes=(
            {"id": "h01", "resident": "p2"},
            {"id": "h02", "resident": "gone"},
            {"id": "h03", "resident": None},
        ),
        responders=({"id": "p1"}, {"id": "gone"}),
        sites=(),
        rooms=(),
        zones=(),
        sensors=(),
        shifts=(),
        travels=(),
    )
    people = People.of(duty(), rows)
    assert people.names == {"p1": "王安"}
    assert people.addresses == {"h01": "路 1"}
    assert people.name("gone") == "gone"
    assert People.of(duty(), None).names == {}


# --- what its buttons do --------------------------------------------------------------------------


async def test_accepting_asks_who_goes_among_those_on_duty_the_first_by_default(site: Site) -> None:
    fall = await site.opened(Kind.FALL_CONFIRMED, "h01")
    async with site.client() as client:
        (card,) = articles((await client.get("/")).text)
        assert re.findall(r'<option value="(\w+)">', card)[:2] == ["ann", "bo"]
        assert '"cy"' not in card  # off duty
        answer = await client.post(f"/incidents/{fall.id}/accept", data={"who": "ann"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    now = await site.read(fall.id)
    assert (now.state, now.acceptor) == (State.ACCEPTED, "ann")
    assert site.changes == [site.clock.ms]


async def test_from_accepted_to_closed_by_buttons_every_move_is_by_the_board(site: Site) -> None:
    fall = await site.opened(Kind.FALL_CONFIRMED, "h01")
    async with site.client() as client:
        await client.post(f"/incidents/{fall.id}/accept", data={"who": "bo"})
        await client.post(f"/incidents/{fall.id}/arrived?lang=en")
        assert (await site.read(fall.id)).acceptor == "bo"
        answer = await client.post(f"/incidents/{fall.id}/close?lang=en", data={"outcome": "real"})
    assert answer.headers["location"] == "/?lang=en"
    assert (await site.read(fall.id)).outcome == "real"
    moves = await site.ledger.transact(lambda tx: records.moves(tx, fall.id))
    assert [(m.event, m.by) for m in moves[1:]] == [
        ("accepted", "board"),
        ("arrived", "board"),
        ("closed", "board"),
    ]


async def test_staff_hand_over_and_send_for_anybody_from_the_incidents_page(site: Site) -> None:
    fall = await site.opened(Kind.FALL_CONFIRMED, "h01")
    await site.happens(fall.id, Accepted("ann", 6), by="ann")
    async with site.client() as client:
        page = (await client.get(f"/incidents/{fall.id}")).text
        form = page.split(f'action="/incidents/{fall.id}/hand-over"')[1].split("</form>")[0]
        assert re.findall(r'<option value="(\w+)">', form) == ["bo", "ann", "cy"], "off duty, too"
        for who, what in (("cy", "hand-over"), ("bo", "add"), ("bo", "add")):
            assert (await client.post(f"/incidents/{fall.id}/{what}", data={"who": who})).status_code == 303
        assert (await client.post(f"/incidents/{fall.id}/add", data={"who": "dora"})).status_code == 400
        board = (await client.get("/")).text
        assert "陈西 &lt;b&gt; is named to take over" in board
        assert "Also sent for: 李波" in board
        assert "Named to take over" in (await client.get(f"/incidents/{fall.id}")).text
    now = await site.read(fall.id)
    assert (now.acceptor, now.named, now.added) == ("ann", "cy", ("bo",))
    texts = await site.ledger.transact(lambda tx: records.messages(tx, fall.id))
    assert [(m.responder, m.template) for m in texts if m.template == "named"] == [
        ("cy", "named"),
        ("bo", "named"),
    ]
    async with site.client() as client:
        await client.post(f"/incidents/{fall.id}/close", data={"outcome": "real"})
        assert (await client.post(f"/incidents/{fall.id}/add", data={"who": "cy"})).status_code == 409


async def test_an_arrival_that_only_sensors_saw_is_shown_as_one_and_counts_on(site: Site) -> None:
    fall = await site.opened(Kind.FALL_CONFIRMED, "h01")
    await site.happens(fall.id, Accepted("ann", 6), by="ann")
    await site.happens(fall.id, Sensed("door", 300.0), by="sensor")
    async with site.client() as client:
        (card,) = articles((await client.get("/")).text)
        assert "nobody has confirmed it yet" in card
        assert "data-deadline" in card
        (told,) = (await client.get("/api/incidents")).json()["incidents"]
        assert (told["state"], told["arrival_unconfirmed"]) == ("on-scene", True)
        await client.post(f"/incidents/{fall.id}/arrived")
        assert "nobody has confirmed it yet" not in (await client.get("/")).text
    assert (await site.read(fall.id)).is_there


async def test_somebody_may_have_arrived_without_accepting_first(site: Site) -> None:
    fall = await site.opened(Kind.FALL_CONFIRMED, "h01")
    async with site.client() as client:
        (card,) = articles((await client.get("/")).text)
        assert f'formaction="/incidents/{fall.id}/arrived"' in card
        await client.post(f"/incidents/{fall.id}/arrived", data={"who": "bo"})
    now = await site.read(fall.id)
    assert (now.state, now.acceptor) == (State.ON_SCENE, "bo")


async def test_pressing_twice_changes_nothing_more(site: Site) -> None:
    fall = await site.opened(Kind.FALL_CONFIRMED, "h01")
    async with site.client() as client:
        for _ in range(2):
            assert (await client.post(f"/incidents/{fall.id}/accept", data={"who": "bo"})).status_code == 303
    moves = await site.ledger.transact(lambda tx: records.moves(tx, fall.id))
    assert [m.event for m in moves] == ["opened", "accepted"]


@pytest.mark.parametrize("cause", FALSE_CAUSES)
async def test_every_cause_of_a_false_alarm_can_be_stored(site: Site, cause: str) -> None:
    fall = await site.opened(Kind.FALL_CONFIRMED, "h01")
    async with site.client() as client:
        await client.post(f"/incidents/{fall.id}/close", data={"outcome": f"false:{cause}"})
    assert (await site.read(fall.id)).outcome == f"false:{cause}"


@pytest.mark.parametrize(
    ("path", "data", "status"),
    [
        ("accept", {}, 400),
        ("accept", {"who": "nobody"}, 400),
        ("arrived", {}, 400),
        ("close", {}, 400),
        ("close", {"outcome": "recovered"}, 400),  # a suspicion's own outcome is not for buttons
        ("close", {"outcome": "false:<script>"}, 400),
        ("accept", {"who": "ann", "x": "y" * 20_000}, 413),
        ("explode", {}, 404),
    ],
)
async def test_what_makes_no_sense_is_refused_and_changes_nothing(
    site: Site, path: str, data: Mapping[str, str], status: int
) -> None:
    fall = await site.opened(Kind.FALL_CONFIRMED, "h01")
    async with site.client() as client:
        assert (await client.post(f"/incidents/{fall.id}/{path}", data=data)).status_code == status
    assert await site.read(fall.id) == fall
    assert not site.changes


async def test_an_incident_that_has_moved_on_is_said_in_words(site: Site) -> None:
    fall = await site.opened(Kind.FALL_CONFIRMED, "h01")
    async with site.client() as client:
        await client.post(f"/incidents/{fall.id}/close", data={"outcome": "real"})
        late = await client.post(f"/incidents/{fall.id}/accept", data={"who": "ann"})
        missing = await client.get("/incidents/999")
    assert (late.status_code, missing.status_code) == (409, 404)
    assert (
        EN.text("Not possible now: the incident has moved on. Go back to the board and look again.")
        in late.text
    )
    assert EN.text("There is no such page or incident.") in missing.text


async def test_a_ledger_that_cannot_store_says_so(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_work: Any) -> None:
        raise LedgerError("the disk is full", permanent=False)

    fall = await site.opened(Kind.FALL_CONFIRMED, "h01")
    monkeypatch.setattr(site.ledger, "transact", broken)
    async with site.client() as client:
        answer = await client.post(f"/incidents/{fall.id}/accept", data={"who": "ann"})
    assert answer.status_code == 503
    assert EN.text("Nothing was stored. Try again; if it fails again, use the telephone.") in answer.text
    assert not site.changes


# --- what it refuses ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "null"},
        {"origin": ""},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
async def test_a_button_pressed_by_another_page_is_refused(site: Site, headers: dict[str, str]) -> None:
    fall = await site.opened(Kind.FALL_CONFIRMED, "h01")
    async with site.client(**headers) as client:
        answer = await client.post(f"/incidents/{fall.id}/close", data={"outcome": "drill"})
    assert answer.status_code == 403
    assert (await site.read(fall.id)).state is State.OPEN


async def test_a_post_without_any_word_of_its_origin_is_refused(site: Site) -> None:
    fall = await site.opened(Kind.FALL_CONFIRMED, "h01")
    async with site.client() as client:
        del client.headers["origin"]
        assert (
            await client.post(f"/incidents/{fall.id}/close", data={"outcome": "drill"})
        ).status_code == 403


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "guardian.local", "", "localhost.:80"]
)
async def test_a_name_that_is_not_loopback_is_refused(site: Site, host: str) -> None:
    async with site.client(host=host) as client:
        assert (await client.get("/")).status_code == 400
        assert (await client.get("/api/incidents")).status_code == 400


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "[::1]:8080"])
async def test_loopback_names_are_answered(site: Site, host: str) -> None:
    async with site.client(host=host) as client:
        assert (await client.get("/")).status_code == 200


async def test_every_answer_keeps_the_page_to_itself(site: Site) -> None:
    async with site.client() as client:
        for path in ("/", "/incidents/1", "/api/incidents", "/static/board.css", "/nowhere"):
            headers = (await client.get(path)).headers
            assert headers["content-security-policy"].startswith("default-src 'self';")
            assert "unsafe" not in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"


async def test_no_page_has_inline_script_or_style_or_anything_from_elsewhere(site: Site) -> None:
    fall = await site.opened(Kind.FALL_CONFIRMED, "h01")
    await site.happens(fall.id, Accepted("cy"))
    async with site.client() as client:
        for path in ("/", f"/incidents/{fall.id}", "/nowhere", "/static/board.css", "/static/icon.svg"):
            text = (await client.get(path)).text
            assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", text)
            assert not re.search(r"(?:href|src|url\()\W{0,2}(?:https?:)?//", text)
    assert "@import" not in text


async def test_what_people_wrote_is_text_and_not_markup(site: Site) -> None:
    fall = await site.opened(Kind.FALL_CONFIRMED, "h01")
    await site.happens(fall.id, Accepted("cy"))
    async with site.client() as client:
        html = (await client.get("/?find=<script>alert(1)</script>")).text
    assert NAMES["cy"] not in html
    assert "陈西 &lt;b&gt;" in html
    assert "<script>alert" not in html


# --- in two languages -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "wished", "default", "chosen"),
    [
        (None, "", "zh", "zh"),
        (None, "", "en", "en"),
        (None, "fr-FR, fr;q=0.9", "zh", "zh"),
        (None, "en-GB,en;q=0.9,zh;q=0.5", "zh", "en"),
        (None, "fr, en;q=0.3, zh-TW;q=0.8", "en", "zh"),
        (None, "en;q=0", "zh", "zh"),
        (None, "en;q=much, zh;q=0.1", "en", "zh"),
        ("zh", "en", "en", "zh"),
        ("xx", "en", "zh", "en"),
    ],
)
def test_the_language_is_the_one_asked_for_then_the_browsers_then_the_sites(
    asked: str | None, wished: str, default: Any, chosen: str
) -> None:
    assert choose(asked, wished, default) == chosen


@pytest.mark.parametrize("words", WORDS.values(), ids=list(WORDS))
def test_there_are_words_for_everything_that_can_be_shown(words: Any) -> None:
    assert set(words.kinds) == set(Kind)
    assert set(words.states) == set(State)
    assert set(words.activities) == {a.name.lower().replace("_", "-") for a in Activity}
    assert set(words.causes) >= {*FALSE_CAUSES, "reported"}
    events = {e.name for e in IncidentEvent.__args__}
    assert set(words.events) == {*events, "opened"}
    assert set(words.severities) == {1, 2, 3, None}


async def test_the_whole_page_is_chinese_or_english(site: Site) -> None:
    await site.opened(Kind.FALL_CONFIRMED, "h01")
    async with site.client(**{"accept-language": "zh-CN"}) as client:
        chinese = (await client.get("/")).text
        english = (await client.get("/?lang=en")).text
    assert '<html lang="zh-CN">' in chinese
    assert "跌倒" in chinese
    assert "卫生间" in chinese
    visible = re.sub(r"<[^>]*>|王安|李波|中文", " ", english)
    assert not re.search(r"[\u4e00-\u9fff]", visible)
    assert 'action="/incidents/1/accept?lang=en"' in english


# --- live -----------------------------------------------------------------------------------------


async def _stream(site: Site, until: int, *, after: Any = None) -> list[tuple[float, str]]:
    """Read `until` events of GET /events in the loop's time: (seconds since the start, event)."""
    import asyncio  # noqa: PLC0415  # only here

    loop = asyncio.get_running_loop()
    start = loop.time()
    got: list[tuple[float, str]] = []
    enough = asyncio.Event()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body" and message["body"]:
            got.append((loop.time() - start, message["body"].decode()))
            if after is not None:
                after(len(got))
            if len(got) == until:
                enough.set()

    async def receive() -> Any:
        await asyncio.Event().wait()

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/events",
        "query_string": b"lang=en",
        "headers": [(b"host", b"localhost")],
        "http_version": "1.1",
        "scheme": "http",
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
        "root_path": "",
    }
    task = asyncio.create_task(site.app(scope, receive, send))
    waits = [task, asyncio.create_task(enough.wait())]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for t in waits:
        t.cancel()
    await asyncio.gather(*waits, return_exceptions=True)
    return got


@pytest.mark.looptime
async def test_the_stream_speaks_at_once_and_at_least_every_five_seconds() -> None:
    site = await make_site()
    await site.opened(Kind.FALL_CONFIRMED, "h01")
    got = await _stream(site, 4)
    assert [round(t) for t, _ in got] == [0, 5, 10, 15]
    first = got[0][1]
    assert "event: board" in first
    assert f"id: {site.clock.ms}" in first
    assert "Home h01" in first
    await site.ledger.close()


@pytest.mark.looptime
async def test_a_change_is_on_the_board_at_once_and_many_changes_are_one_drawing() -> None:
    import asyncio  # noqa: PLC0415  # only here

    site = await make_site()
    changing = list[asyncio.Task[None]]()

    async def change() -> None:
        await site.opened(Kind.SOS, "h02")
        for _ in range(50):
            site.feed.changed()

    def burst(n: int) -> None:
        if n == 1:
            changing.append(asyncio.create_task(change()))

    got = await _stream(site, 3, after=burst)
    assert got[1][0] < 0.5
    assert got[2][0] == pytest.approx(got[1][0] + 5, abs=0.01)
    await site.ledger.close()


@pytest.mark.looptime
async def test_a_stop_ends_the_stream() -> None:
    site = await make_site()
    got = await _stream(site, 99, after=lambda n: site.feed.close() if n == 2 else None)
    assert len(got) == 2
    await site.ledger.close()
