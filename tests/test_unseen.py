"""After an outage staff see which homes were not protected, from when to when, why, and whom to call."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from guardian import desk, unseen
from guardian.cli import app
from guardian.homes import Activity
from guardian.protection import Gap, Reach, Reason
from guardian.settings import CONFIG
from guardian.unseen import Unseen
from guardian.web.pages import GAPS_SHOWN
from guardian.web.serve import serve
from guardian.web.words import LANGUAGES, WORDS
from tests.alerting_people import T0
from tests.test_sensorhealth import HOUR, MIN, Story, flat
from tests.test_staffing import ROSTER, Staff, desk_of, staff
from tests.web_people import make_site

__all__ = ["staff"]

GAP = Gap("h01", T0, T0 + HOUR, Activity.BATHROOM, Reason.OURSELVES)
OPEN = Gap("h02", T0 + MIN, None, Activity.LYING_IN_BED, Reason.DARK)


def test_an_outage_of_guardian_itself_is_listed_for_every_home_with_how_far_programmes_reach() -> None:
    story = Story([*flat("h"), *flat("k")])
    story.play(5 * MIN)
    story.restart(HOUR)
    story.play(3 * MIN)
    roster = replace(ROSTER, programmes={"h": ("nest",), "z": ("nest",)}, enrolled=frozenset({"h"}))
    found = unseen.look(story.board.homes, story.lookout.protection, roster, story.now_ms - HOUR)
    assert (found.homes, found.blind) == (2, 0)
    assert [(g.home, unseen.why(g)) for g in found.gaps] == [("h", "ourselves"), ("k", "ourselves")]
    assert found.reach == {"nest": Reach(2, 1, 1, 1)}
    later = unseen.look(story.board.homes, story.lookout.protection, roster, story.now_ms)
    assert later.gaps == []


async def test_the_desk_gives_the_list_with_local_times(staff: Staff, tmp_path: Path) -> None:
    since_ms = list[int]()

    def look_back(since: int) -> Unseen:
        since_ms.append(since)
        return Unseen(3, 1, (GAP, OPEN), {"nest": Reach(4, 3, 2, 1)})

    def protection(hours: int) -> desk.Answer:
        return unseen.answer(hours, look_back, T0 + HOUR, "Asia/Shanghai")

    def ask(path: str) -> Any:
        return asyncio.to_thread(desk.call, tmp_path, "GET", path)

    async with serve(desk_of(staff, protection), desk.socket_path(tmp_path)):
        found = await ask("/protection?hours=2")
        assert since_ms == [T0 - HOUR]
        assert found["gaps"] == [
            {
                "home": "h01",
                "from": "2026-09-21T22:13",
                "until": "2026-09-21T23:13",
                "did": "bathroom",
                "why": "ourselves",
            },
            {"home": "h02", "from": "2026-09-21T22:14", "until": None, "did": "lying-in-bed", "why": "dark"},
        ]
        assert (found["homes"], found["blind"]) == (3, 1)
        assert found["programmes"]["nest"] == {"eligible": 4, "enrolled": 3, "equipped": 2, "protected": 1}
        await ask("/protection")
        assert since_ms[-1] == T0 + HOUR - 24 * HOUR
        for query, why in (("hours=0", "1 to 168"), ("hours=x", "a whole number")):
            with pytest.raises(desk.DeskError, match=why):
                await ask(f"/protection?{query}")


async def test_the_page_says_it_in_both_languages_and_is_linked_from_the_board() -> None:
    found = [Unseen(5, 1, (GAP, OPEN), {"nest": Reach(4, 3, 2, 1)})]
    site = await make_site(look_back=lambda _since_ms: found[0])
    async with site.client() as client:
        assert 'href="/protection"' in (await client.get("/")).text
        page = (await client.get("/protection")).text
        assert "In 1 of 5 homes a fall or silence could go unnoticed now" in page
        for cells in (
            ("h01", "17", "09-21 22:13", "09-21 23:13", "Guardian was not running", "in the bathroom"),
            ("h02", "", "09-21 22:14", "until now", "sensor silent", "lying in bed"),
        ):
            row = next(r for r in page.split("<tr>") if f"<td>{cells[0]}</td>" in r)
            assert all(f">{cell}</td>" in row for cell in cells), row
        assert "<td>nest</td><td>4</td><td>3</td><td>2</td><td>1</td>" in page
        chinese = (await client.get("/protection?lang=zh")).text
        assert "本系统当时没有运行" in chinese
        assert "至今" in chinese
        found[0] = Unseen(5, 0, (), {})
        page = (await client.get("/protection")).text
        assert "No home was without protection within 24 hours" in page
        assert "<table>" not in page
        found[0] = Unseen(10_000, 10_000, [replace(OPEN, home=f"h{n:05}") for n in range(10_000)], {})
        page = (await client.get("/protection")).text
        assert page.count("<tr>") == GAPS_SHOWN + 1
        assert "9500 more rows" in page
    await site.ledger.close()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_and_everything_one_does_has_words(language: Any) -> None:
    words = WORDS[language]
    for reason in Reason:
        assert words.reasons[unseen.why(replace(GAP, reason=reason))]
    for activity in Activity:
        assert words.activities[unseen.did(replace(GAP, activity=activity))]


def test_the_command_gives_each_gap_a_line_then_programmes_and_sums(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = list[str]()

    def call(_state: object, _method: str, path: str) -> desk.Answer:
        asked.append(path)
        return {
            "from": "2026-09-21T10:00",
            "until": "2026-09-22T10:00",
            "homes": 5,
            "blind": 1,
            "gaps": [
                {"home": "h1", "from": "2026-09-21T22:13", "until": None, "did": "bathroom", "why": "dark"}
            ],
            "programmes": {"nest": {"eligible": 4, "enrolled": 3, "equipped": 2, "protected": 1}},
        }

    monkeypatch.setattr(desk, "call", call)
    done = CliRunner().invoke(app, ["protection", "--hours", "72", "--config", str(CONFIG / "guardian.toml")])
    assert done.output.splitlines() == [
        "h1  2026-09-21T22:13  now  dark  last seen: bathroom",
        "nest: 4 eligible, 3 enrolled, 2 equipped, 1 protected now",
        "4 of 5 homes are protected now; 1 were not at some time from 2026-09-21T10:00 to 2026-09-22T10:00",
    ]
    assert asked == ["/protection?hours=72"]
