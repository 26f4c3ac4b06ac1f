"""The page of an incident: what is known in words, every word of a responder, and how to get in."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from alerting import ledger as records
from alerting.concern import Kind
from alerting.incident import Accepted, Arrived, Closed, LastResort, State
from guardian.board import SensorSpec
from guardian.web.access import Role
from guardian.web.plan import LEAST_M, PX_PER_M, plan
from tests.logged_in import Browser, account, logged_in
from tests.web_people import DOOR, Site, make_site


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = await make_site(login=True)
    yield made
    await made.ledger.close()


async def browser(site: Site, role: Role, login: str = "li") -> Browser:
    return await logged_in(site, await account(site.ledger, site.clock.ms, login, role))


# --- how to get in ----------------------------------------------------------------------------------------


async def test_how_to_get_in_is_shown_once_and_noted_and_stands_nowhere_else(site: Site) -> None:
    await site.opened(Kind.FALL_CONFIRMED, "h01")
    responder = await browser(site, Role.RESPONDER)
    page = (await responder.get("/incidents/1")).text
    for secret in ("1234#", "居委会钥匙柜", "糖尿病", DOOR.name):
        assert secret not in page
    shown = await responder.press("/incidents/1/door")
    assert shown.headers["cache-control"] == "no-store"
    for fact in (DOOR.name, DOOR.address, DOOR.key_at, DOOR.door_code, DOOR.animals, "糖尿病 &lt;b&gt;"):
        assert str(fact) in shown.text
    assert (await responder.get("/incidents/1/door")).status_code == 405
    (deed,) = [d for d in await site.ledger.transact(records.deeds) if d.action == "access-facts"]
    assert (deed.account, deed.subject, deed.detail) == ("id-li", "h01", {"incident": 1})
    assert DOOR.name not in str(deed)


async def test_who_only_looks_sees_neither_button_nor_address(site: Site) -> None:
    fall = await site.opened(Kind.FALL_CONFIRMED, "h01")
    await site.happens(fall.id, LastResort(), by="guardian")
    viewer = await browser(site, Role.VIEWER)
    for path in ("/", "/incidents/1"):
        page = (await viewer.get(path)).text
        assert "幸福路" not in page
        assert "shown to those who may go" in page
        assert '<form method="post" action="/incidents' not in page
    assert (await viewer.press("/incidents/1/door")).status_code == 403
    responder = await browser(site, Role.RESPONDER, "chen")
    assert "幸福路" in (await responder.get("/")).text


async def test_whoever_went_may_look_for_an_hour_after_the_end_who_runs_the_centre_always(site: Site) -> None:
    fall = await site.opened(Kind.FALL_CONFIRMED, "h01")
    responder, operator = await browser(site, Role.RESPONDER), await browser(site, Role.OPERATOR, "chen")
    await site.happens(fall.id, Closed("real"), after_s=60)
    assert (await responder.press("/incidents/1/door")).status_code == 200
    site.clock.ms += 3_600_000
    assert (await responder.press("/incidents/1/door")).status_code == 403
    assert (await operator.press("/incidents/1/door")).status_code == 200


async def test_a_home_of_which_nothing_is_noted_says_so(site: Site) -> None:
    await site.opened(Kind.FALL_CONFIRMED, "h02")
    shown = await (await browser(site, Role.RESPONDER)).press("/incidents/1/door")
    assert "Nobody is noted as living there" in shown.text


# --- buttons ------------------------------------------------------------------------------------------------


async def test_every_word_of_a_responder_is_a_button_and_leads_back_to_the_page(site: Site) -> None:
    await site.opened(Kind.FALL_CONFIRMED, "h01")
    b = await browser(site, Role.RESPONDER)

    async def press(what: str, **fields: str) -> str:
        answer = await b.press(f"/incidents/1/{what}", **fields, **{"from": "incident"})
        assert answer.headers.get("location") == "/incidents/1", (what, answer.status_code)
        return str((await site.read(1)).state)

    assert await press("accept", who="ann") == State.ACCEPTED
    assert await press("en-route", minutes="8") == State.EN_ROUTE
    assert (await site.read(1)).eta_minutes == 8
    assert await press("arrived") == State.ON_SCENE
    await press("help")
    assert (await site.read(1)).wants_help
    assert await press("close", outcome="real") == State.CLOSED
    moves = [m.event for m in await site.ledger.transact(lambda tx: records.moves(tx, 1))]
    assert moves == ["opened", "accepted", "en-route", "arrived", "needs-help", "closed"]


async def test_one_who_cannot_go_or_reports_it_false_is_heard(site: Site) -> None:
    await site.opened(Kind.FALL_CONFIRMED, "h01")
    b = await browser(site, Role.RESPONDER)
    await b.press("/incidents/1/accept", who="ann")
    await b.press("/incidents/1/false")
    assert (await site.read(1)).reported_false
    await b.press("/incidents/1/cannot")
    assert (await site.read(1)).acceptor is None


@pytest.mark.parametrize("minutes", ["0", "100", "-1", "8.5", "eight", "８８８"])
async def test_odd_minutes_are_refused(site: Site, minutes: str) -> None:
    await site.opened(Kind.FALL_CONFIRMED, "h01")
    b = await browser(site, Role.RESPONDER)
    await b.press("/incidents/1/accept", who="ann")
    assert (await b.press("/incidents/1/en-route", minutes=minutes)).status_code == 400
    assert (await site.read(1)).state is State.ACCEPTED


async def test_pressed_twice_or_by_two_at_once_changes_the_incident_once(site: Site) -> None:
    await site.opened(Kind.FALL_CONFIRMED, "h01")
    one, other = await browser(site, Role.RESPONDER), await browser(site, Role.OPERATOR, "chen")
    for what, fields in (
        ("accept", {"who": "ann"}),
        ("en-route", {"minutes": "5"}),
        ("arrived", {}),
        ("close", {"outcome": "real"}),
    ):
        answers = await asyncio.gather(
            *(b.press(f"/incidents/1/{what}", **fields) for b in (one, other, one))
        )
        assert {a.status_code for a in answers} == {303}, what
    moves = await site.ledger.transact(lambda tx: records.moves(tx, 1))
    changed = [m.event for m in moves if m.from_state != m.to_state]
    assert changed == ["opened", "accepted", "en-route", "arrived", "closed"]
    said = [(m.event, m.by) for m in moves]
    assert len(said) == len(set(said)), "each one's word once"


async def test_two_who_accept_at_once_are_one_acceptor_and_no_error(site: Site) -> None:
    await site.opened(Kind.FALL_CONFIRMED, "h01")
    one, other = await browser(site, Role.RESPONDER), await browser(site, Role.OPERATOR, "chen")
    answers = await asyncio.gather(
        one.press("/incidents/1/accept", who="ann"), other.press("/incidents/1/accept", who="bo")
    )
    assert {a.status_code for a in answers} == {303}
    assert (await site.read(1)).acceptor in {"ann", "bo"}


# --- what is known ------------------------------------------------------------------------------------------


async def test_evidence_is_said_in_words_with_its_numbers_below(site: Site) -> None:
    fall = await site.opened(Kind.FALL_CONFIRMED, "h01")
    found = (await site.ledger.transact(lambda tx: records.concerns(tx, fall.id)))[0]
    more = replace(
        found,
        decided_ms=found.decided_ms + 1,
        evidence={"fall_seen": 1.0, "down_s": 14.0, "lying_s": 11.0},
        x=0.5,
        y=-0.4,
    )
    await site.ledger.transact(lambda tx: records.add_concern(tx, fall.id, more))
    b = await browser(site, Role.VIEWER)
    english, chinese = (await b.get("/incidents/1")).text, (await b.get("/incidents/1?lang=zh")).text
    assert "Low down for 14 s, lying for 11 s." in english
    assert "<dt>lying for</dt><dd>11 s</dd>" in english
    assert "处于低处 14 秒，躺卧 11 秒。" in chinese
    assert 'aria-label="Plan of the room: bathroom"' in english
    assert 'class="place"' in english


async def test_the_line_of_the_ten_minutes_holds_every_step(site: Site) -> None:
    fall = await site.opened(Kind.FALL_CONFIRMED, "h01")
    await site.happens(fall.id, Accepted("ann"), after_s=60)
    await site.happens(fall.id, Arrived("ann"), after_s=300)
    b = await browser(site, Role.VIEWER)
    page = (await b.get("/incidents/1")).text
    assert 'cx="320.0" cy="18"' in page  # half of the ten minutes
    await site.happens(fall.id, Closed("real"), after_s=1200)
    page = (await b.get("/incidents/1")).text
    assert 'width="300.0"' in page  # the ten minutes are half of what it took
    assert 'cx="620.0" cy="18"' in page


def test_a_room_is_drawn_in_metres_and_not_upside_down() -> None:
    furniture = {("h", "r"): (("bed", (1.0, 1.0, 3.0, 2.0)),)}
    sensors = [SensorSpec("h", "t0", "thermal", "r", 8, 8, 8.0, "ceiling", 2.5, 60.0, x_m=2.0, y_m=0.0)]
    drawn = plan("h", "r", furniture, sensors, [("fall", 2.0, -1.0)])
    assert drawn is not None
    (bed,), (eye,), (place,) = drawn.furniture, drawn.sensors, drawn.places
    assert (bed.width, bed.height) == (2 * PX_PER_M, PX_PER_M)
    assert bed.y < eye.y < place.y, "what is further up in the room is further up in the drawing"
    assert eye.x == place.x == bed.x + PX_PER_M
    assert place.y - eye.y == PX_PER_M
    assert drawn.width >= LEAST_M * PX_PER_M
    assert plan("h", "other", furniture, sensors) is None
