"""The page of a home: now, its day and weeks, its sensors, who is away, what was agreed; and all homes."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from alerting import ledger as records
from alerting.concern import SEVERITY, Kind, Severity
from alerting.ledger import RosterRows
from detectors.fault import Cause
from guardian.history.embedded import Embedded
from guardian.history.pack import BLIND, DAY, MINUTE, MINUTE_MS, NONE_CENTI, SEEN, Minutes
from guardian.home_facts import Eye, Facts
from guardian.home_rows import HomeRow
from guardian.homes import Activity
from guardian.quiet import KINDS
from guardian.web.access import Role
from guardian.web.charts import changes, columns, strip
from guardian.web.pages import HERE
from tests.logged_in import Browser, account, logged_in
from tests.test_ledger import roster
from tests.web_people import DOOR, MIN, Site, make_site

FACTS = Facts(
    room="bathroom",
    room_ms=None,
    confidence=0.93,
    activity="walking",
    people=1,
    temperature_c=22.4,
    humidity=48.0,
    last_life_ms=None,
    surface_k=None,
    surface_error_k=0.6,
    standing="cannot",
    falls=(("bathroom", "detectable"), ("bedroom", "no-sensor")),
    silence="detectable",
    climate="detectable",
    fire="dark",
    help="no-sensor",
    blind=False,
    protected_min=754,
    sensors=(
        Eye("t0", "thermal", "bathroom", None, fine=False, cause=int(Cause.MOVED), battery=None),
        Eye("door", "door", "hall", None, fine=True, cause=0, battery=81.0),
    ),
    days_learnt=4.2,
)
HOMES = ("h01", "h02", "h03", "h04", "h05")
HAN = ZoneInfo("Asia/Shanghai")


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    history = Embedded(tmp_path / "history.db", HAN)
    made = await make_site(login=True, facts=lambda home: FACTS if home == "h01" else None, history=history)
    yield made
    await made.ledger.close()
    history._drop_connection()


async def browser(site: Site, role: Role) -> Browser:
    return await logged_in(site, await account(site.ledger, site.clock.ms, role.name.lower(), role))


# --- one home ---------------------------------------------------------------------------------------------


async def test_the_page_says_what_is_known_and_what_would_not_be_noticed(site: Site) -> None:
    viewer = await browser(site, Role.VIEWER)
    page = (await viewer.get("/homes/h01")).text
    for words in (
        "walking · bathroom",
        "cannot be said with these sensors here",
        "✗ no sensor",
        "✓ fine",
        "✗ sensor silent",
        "12 h",
        "still learning, day 4 of 14",
        "✗ the picture is of another place: moved, turned or covered",
        "81 %",
        "No consent to monitoring is noted",
        "Nothing is kept of this day.",
    ):
        assert words in page, words
    assert DOOR.name not in page
    assert "/homes/h01/away" not in page
    operator = await browser(site, Role.OPERATOR)
    assert DOOR.name in (await operator.get("/homes/h01")).text
    assert (await viewer.get("/homes/nobody")).status_code == 404
    assert (await viewer.get("/homes/h02")).status_code == 200, "a home of which the detectors know nothing"


async def test_a_home_that_cannot_be_seen_is_never_said_to_do_something(site: Site) -> None:
    viewer = await browser(site, Role.VIEWER)
    row = site.rows[3]
    assert row.blind
    page = (await viewer.get(f"/homes/{row.home}")).text
    assert "walking" not in page


async def test_an_open_incident_stands_at_the_head(site: Site) -> None:
    await site.opened(Kind.COLD, "h01")
    page = (await (await browser(site, Role.VIEWER)).get("/homes/h01")).text
    assert '<a href="/incidents/1">Incident 1: Room too cold' in page


async def test_the_day_is_a_strip_and_a_table_of_the_same(site: Site, tmp_path: Path) -> None:
    history = Embedded(tmp_path / "history.db", HAN)
    begin_ms = site.clock.ms // (10 * MINUTE_MS) * 10 * MINUTE_MS - 60 * MINUTE_MS
    for m in range(60):
        rows = np.zeros(5, MINUTE)
        rows["flags"] = SEEN | (BLIND if 30 <= m < 40 else 0)
        rows["room"] = 0 if m < 20 else 1
        rows["activity"] = Activity.OUT if m >= 50 else Activity.WALKING
        rows["centi"] = 2150
        history.take(begin_ms + m * MINUTE_MS, HOMES, ("living", "bathroom"), rows)
        history.flush(begin_ms + m * MINUTE_MS)
    history.close(site.clock.ms)
    page = (await (await browser(site, Role.VIEWER)).get("/homes/h01")).text
    assert page.count("<rect") == page.count("<title>") - 1
    for words in ("living room", "bathroom", "cannot be seen", "out"):
        assert f"<td>{words}</td>" in page, words
    assert "<td>20 min</td>" in page


# --- who is away, what was agreed ---------------------------------------------------------------------------


async def stored_roster(site: Site) -> None:
    rows: RosterRows = roster()
    homes = tuple({**rows.homes[0], "id": home} for home in ("h01", "h02"))
    some = replace(rows, homes=homes, rooms=(), zones=(), sensors=(), travels=())
    await site.ledger.transact(lambda tx: records.save_roster(tx, some, "test", "0" * 64, site.clock.ms))


async def test_an_absence_is_noted_with_its_end_and_ended_early(site: Site) -> None:
    await stored_roster(site)
    operator = await browser(site, Role.OPERATOR)
    odd = await operator.press("/homes/h01/away", until="1999-01-01T00:00", reason="")
    assert odd.status_code == 422
    assert "until: not after the begin, or past" in odd.text
    assert "reason: " in odd.text
    assert (await operator.press("/homes/h01/away", until="2090-01-01T00:00", reason="x")).status_code == 422
    until = datetime.fromtimestamp(site.clock.ms / 1000 + 86_400, HAN).strftime("%Y-%m-%dT%H:%M")
    done = await operator.press("/homes/h01/away", until=until, reason="住院")
    assert done.headers["location"] == "/homes/h01"
    (absence,) = await site.ledger.transact(lambda tx: records.absences(tx, site.clock.ms))
    assert (absence.home, absence.owner, absence.reason) == ("h01", "operator", "住院")
    assert "住院" in (await operator.get("/homes/h01")).text
    await operator.press("/homes/h02/away/end", id=str(absence.id))
    assert await site.ledger.transact(lambda tx: records.absences(tx, site.clock.ms)), "of another home"
    for _ in range(2):
        assert (await operator.press("/homes/h01/away/end", id=str(absence.id))).status_code == 303
    assert await site.ledger.transact(lambda tx: records.absences(tx, site.clock.ms)) == []
    said = [d.detail for d in await site.ledger.transact(records.deeds)]
    assert said == [{"do": "ended"}, {"do": "added"}]


async def test_a_pause_holds_small_notices_for_hours_at_most_and_nothing_else(site: Site) -> None:
    await stored_roster(site)
    b = await browser(site, Role.OPERATOR)
    assert "Nothing is paused." in (await b.get("/homes/h01")).text
    for hours in ("0", "5", "99999"):
        assert (await b.press("/homes/h01/pause", hours=hours, reason="builders")).status_code == 422
    assert (await b.press("/homes/h01/pause", hours="-1", reason="builders")).status_code == 400
    assert (await b.press("/homes/h01/pause", hours="2", reason=" ")).status_code == 422
    assert site.changes == []
    assert (await b.press("/homes/h01/pause", hours="2", reason="builders")).status_code == 303
    held = await site.ledger.transact(lambda tx: records.silences(tx, site.clock.ms))
    assert {s.kind for s in held} == set(KINDS)
    assert all(SEVERITY[s.kind] is Severity.LOW and s.home == "h01" for s in held)
    assert {site.clock.ms + 2 * 60 * MIN - s.until_ms < MIN for s in held} == {True}, "to the minute"
    page = (await b.get("/homes/h01")).text
    assert ("builders" in page, "End the pause" in page) == (True, True)
    assert "Nothing is paused." in (await b.get("/homes/h02")).text
    again = await b.press("/homes/h01/pause", hours="4", reason="builders")
    assert (again.status_code, "cannot be lengthened" in again.text) == (422, True)
    assert (await b.press("/homes/h01/pause/end")).status_code == 303
    assert await site.ledger.transact(lambda tx: records.silences(tx, site.clock.ms)) == []
    assert len(site.changes) == 2, "what was held is told at once"
    said = [(d.action, d.detail["do"]) for d in await site.ledger.transact(records.deeds)]
    assert said == [("pause", "ended"), ("pause", "added")]
    responder = await logged_in(site, await account(site.ledger, site.clock.ms, "wu", Role.RESPONDER))
    assert (await responder.press("/homes/h01/pause", hours="1", reason="x")).status_code == 403


async def test_consent_is_noted_taken_back_and_remembered(site: Site) -> None:
    operator = await browser(site, Role.OPERATOR)
    assert (await operator.press("/homes/h01/consent", what="everything", how="")).status_code == 422
    past = await operator.press("/homes/h01/consent", what="monitoring", how="x", until="1999-01-01T00:00")
    assert past.status_code == 422
    given = await operator.press("/homes/h01/consent", what="monitoring", how="柜 3，第 12 页")
    assert given.status_code == 303
    page = (await operator.get("/homes/h01")).text
    assert "No consent to monitoring is noted" not in page
    assert "柜 3，第 12 页" in page
    (one,) = await site.ledger.transact(lambda tx: records.consents(tx, "h01"))
    assert (await operator.press("/homes/h02/consent/withdraw", id=str(one.id))).status_code == 303
    for _ in range(2):
        await operator.press("/homes/h01/consent/withdraw", id=str(one.id))
    page = (await operator.get("/homes/h01")).text
    assert "No consent to monitoring is noted" in page
    assert "taken back" in page
    assert [d.detail["do"] for d in await site.ledger.transact(records.deeds)] == ["withdrawn", "given"]
    assert (await operator.press("/homes/h01/consent/withdraw", id="x")).status_code == 400


# --- all homes ----------------------------------------------------------------------------------------------


async def test_ten_thousand_homes_are_found_by_state_and_number_a_page_at_a_time(site: Site) -> None:
    await site.opened(Kind.FALL_CONFIRMED, "h01")
    site.rows += [
        HomeRow(f"z{n:05}", None, "living", "sitting", 21.0, site.clock.ms - MIN, blind=n % 1000 == 0)
        for n in range(10_000)
    ]
    viewer = await browser(site, Role.VIEWER)
    page = (await viewer.get("/homes")).text
    assert page.count('<th scope="row">') == 100
    assert page.index("/homes/h01") < page.index("/homes/z00000") < page.index("/homes/h02")
    assert "protected (9992)" in page
    assert (await viewer.get("/homes?state=blind")).text.count('<th scope="row">') == 11
    assert (await viewer.get("/homes?find=z0012")).text.count('<th scope="row">') == 10
    assert (await viewer.get("/homes?from=10000")).text.count('<th scope="row">') == 5
    assert (await viewer.get("/homes?from=-1")).status_code == 400


# --- drawing ------------------------------------------------------------------------------------------------


def test_a_gap_in_what_was_taken_is_a_gap_in_the_strip() -> None:
    rows = np.zeros(4, MINUTE)
    rows["flags"] = SEEN
    t_ms = np.array([0, 1, 5, 6]) * MINUTE_MS
    pieces = strip(Minutes(t_ms, rows, ["living"]), 0)
    assert [(p.x, p.width) for p in pieces] == [(0, 2), (5, 2)]


def weeks(values: list[float], *, seen: int = 1440) -> list[tuple[date, Any]]:
    out = list[tuple[date, Any]]()
    for w, value in enumerate(values):
        for d in range(7):
            row = np.zeros(1, DAY)[0]
            row["seen_min"], row["up_min"], row["centi_mean"] = seen, round(value), NONE_CENTI
            out.append((date(2026, 1, 5) + timedelta(7 * w + d), row))
    return out


def test_a_slow_change_is_said_only_when_it_is_sure() -> None:
    rng = np.random.default_rng(3)
    later = [400 + 6 * w + rng.normal(0, 4) for w in range(12)]
    (up,) = [c for c in changes(weeks(later)) if c.what == "up_min"]
    assert up.low < 6 < up.high
    assert up.weeks == 12
    holiday = [*later[:5], 900, *later[6:]]
    assert abs(next(c for c in changes(weeks(holiday)) if c.what == "up_min").per_week - 6) < 2
    assert changes(weeks([400 + rng.normal(0, 20) for _ in range(12)])) == []
    assert changes(weeks(later[:5])) == [], "too few weeks"
    assert changes(weeks(later, seen=300)) == [], "days that were hardly seen"


def test_columns_say_unknown_where_nothing_is_known() -> None:
    out = columns(weeks([400.0]))
    assert out["t"][0] == 1_767_571_200.0  # 2026-01-05
    assert out["up_min"] == [400.0] * 7
    assert out["centi_mean"] == [None] * 7


def test_what_is_vendored_is_what_was_published() -> None:
    folder = HERE / "static" / "vendor"
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    sums = {name: digest for digest, name in (line.split() for line in lines)}
    files = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()} - {"SHA256SUMS"}
    assert files == set(sums)
    for name, digest in sums.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, name
    assert all((folder / p / "LICENSE").exists() for p in {name.split("/")[0] for name in files})
