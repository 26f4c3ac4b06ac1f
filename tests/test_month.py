"""The report of a month says what happened, no more; readiness says who could not be reached."""

import itertools
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from alerting import ledger as records
from alerting.concern import Kind
from alerting.incident import Accepted, Arrived, Closed
from guardian.desk import Refused
from guardian.month import month, share
from guardian.web.access import Role
from tests.alerting_people import T0
from tests.logged_in import account, logged_in
from tests.web_people import S, Site, make_site

HAN = ZoneInfo("Asia/Shanghai")
OCTOBER = round(datetime(2026, 10, 1, tzinfo=HAN).timestamp() * 1000)
DAY = 86_400 * S
NUMBER = itertools.count()


class Staff:
    """Drills and readiness of a small centre."""

    def __init__(self) -> None:
        self.begun = list[bytes]()

    async def begin(self, body: bytes) -> dict[str, Any]:
        if b"h99" in body:
            raise Refused(["home: h99 is not in the roster"])
        self.begun.append(body)
        return {"begun": [{"incident": 1, "home": "h01"}], "left": 0}

    async def due(self) -> dict[str, Any]:
        homes = [{"home": f"h{n:03}", "last": None} for n in range(250)]
        return {"homes": homes, "people": [{"name": "王安", "last": "2026-08-01T10:00"}]}

    async def ready(self) -> dict[str, Any]:
        base = {"from": "2026-10-20T08:00", "channels": ["twilio-sms"], "answers": True, "last_answer": None}
        return {
            "people": [
                {**base, "name": "陈西", "number_valid": False, "ready": False},
                {**base, "name": "李波", "number_valid": True, "ready": False, "channels": []},
                {**base, "name": "王安", "number_valid": True, "ready": True},
            ],
            "quotas": [],
        }

    async def shifts(self) -> dict[str, Any]:
        return {}


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = await make_site(OCTOBER + 19 * DAY, login=True, drills=Staff())
    yield made
    await made.ledger.close()


async def happened(  # noqa: PLR0917  # all that makes an incident
    site: Site, kind: Kind, day: int, outcome: str, accepted_s: int | None, arrived_s: int | None
) -> None:
    home, onset_ms = f"n{next(NUMBER)}", OCTOBER + day * DAY
    one = await site.opened(kind, home, onset_ms=onset_ms)

    def work(tx: records.Tx) -> None:
        if accepted_s is not None:
            records.apply(tx, one.id, Accepted("ann"), onset_ms + accepted_s * S, "ann")
        if arrived_s is not None:
            records.apply(tx, one.id, Arrived("ann"), onset_ms + arrived_s * S, "ann")
        records.apply(tx, one.id, Closed(outcome), onset_ms + 1500 * S, "board")

    await site.ledger.transact(work)


async def a_month(site: Site) -> None:
    for k in range(8):
        await happened(site, Kind.FALL_CONFIRMED, k, "real", 60 + k, 300 + 10 * k)
    await happened(site, Kind.FALL_CONFIRMED, 9, "real", 100, 700)
    await happened(site, Kind.FALL_CONFIRMED, 10, "false:pet", None, None)
    await happened(site, Kind.SOS, 11, "safe", None, None)
    await happened(site, Kind.INACTIVITY, 12, "false:furniture", 60, 500)
    await happened(site, Kind.SOS, 13, "drill", 60, 200)
    await happened(site, Kind.FALL_CONFIRMED, -1, "real", 60, 200)  # the last day of September


async def test_the_month_says_exactly_what_was_put_in(site: Site) -> None:
    await a_month(site)
    until = OCTOBER + 31 * DAY
    ended = await site.ledger.transact(lambda tx: records.ended(tx, OCTOBER, until))
    found = month(ended)
    assert (found.incidents, found.drills) == (12, 1)
    assert found.kinds == {
        "fall-confirmed": {"real": 9, "false": 1},
        "sos": {"safe": 1},
        "inactivity": {"false": 1},
    }
    assert found.causes == {"pet": 1, "furniture": 1}
    assert (found.in_time.hit, found.in_time.of) == (8, 10), "the late one, and one to whom nobody went"
    assert found.steps["accepted"] == (9, 64, 74)
    assert found.steps["on_scene"][:2] == (9, 340)
    assert found.went == {"ann": 10}


def test_a_share_says_how_sure_it_is() -> None:
    assert share(0, 0) == share(0, 0)
    assert (share(0, 0).low, share(0, 0).high) == (0.0, 100.0)
    nine = share(9, 10)
    assert 55 < nine.low < 56
    assert 99 < nine.high < 100
    empty = month([])
    assert (empty.incidents, empty.in_time.of, empty.steps) == (0, 0, {})


async def test_the_page_is_of_the_month_that_is_asked_for_and_names_are_for_those_who_may(site: Site) -> None:
    await a_month(site)
    operator = await logged_in(site, await account(site.ledger, site.clock.ms, "li", Role.OPERATOR))
    viewer = await logged_in(site, await account(site.ledger, site.clock.ms, "wang", Role.VIEWER))
    page = (await operator.get("/report")).text
    said = (
        "Report 2026-10",
        "the month is not over",
        "8 / 10",
        "real 9, false alarm 1",
        "pet 1",
        "王安 · 10",
    )
    for words in said:
        assert words in page, words
    assert "王安" not in (await viewer.get("/report")).text
    before = (await operator.get("/report?month=2026-09")).text
    assert "1 / 1" in before
    assert "not over" not in before
    assert "Nothing ended in this month." in (await operator.get("/report?month=2026-01")).text
    assert "Report 2026-10" in (await operator.get("/report?month=x")).text
    assert "月报" in (await operator.get("/report?lang=zh")).text


async def test_texts_are_counted_by_when_they_went_out(site: Site) -> None:
    fall = await site.opened(Kind.FALL_CONFIRMED, "h01")
    await site.texted(fall.id)
    assert await site.ledger.transact(lambda tx: records.texts_sent(tx, T0, T0 + DAY)) == 1
    assert await site.ledger.transact(lambda tx: records.texts_sent(tx, T0 + DAY, T0 + 2 * DAY)) == 0


async def test_readiness_names_who_cannot_be_reached_first_and_starts_drills(site: Site) -> None:
    viewer = await logged_in(site, await account(site.ledger, site.clock.ms, "wang", Role.VIEWER))
    page = (await viewer.get("/readiness")).text
    assert page.index("陈西") < page.index("李波") < page.index("王安")
    assert "the number cannot exist" in page
    assert "no way on which an answer can come back" in page
    assert "50 more are not listed" in page
    assert "/readiness/drill" not in page
    operator = await logged_in(site, await account(site.ledger, site.clock.ms, "li", Role.OPERATOR))
    assert (await operator.press("/readiness/drill", home="h99")).status_code == 422
    assert (await operator.press("/readiness/drill", home="h01")).headers["location"] == "/"
    (deed,) = await site.ledger.transact(records.deeds)
    assert (deed.action, deed.subject) == ("drill", "h01")


async def test_without_drills_there_is_no_such_page() -> None:
    site = await make_site()
    async with site.client() as client:
        assert (await client.get("/readiness")).status_code == 404
        assert (await client.post("/readiness/drill", data={"home": "h01"})).status_code == 404
    await site.ledger.close()
