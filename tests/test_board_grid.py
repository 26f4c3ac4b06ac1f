"""A board of ten thousand homes: what a browser gets is what has changed, made once for all who look on."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from alerting.concern import Kind
from alerting.incident import Accepted
from guardian.home_rows import HomeRow
from guardian.web import board_pages
from guardian.web.access import Role
from guardian.web.codes import LETTERS, grid, state_of
from guardian.web.view import view
from tests.logged_in import account, logged_in
from tests.web_people import MIN, Site, make_site

N = 10_000


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = await make_site()
    made.rows[:] = [
        HomeRow(f"h{n:05}", None, "living", "sitting", 21.0, made.clock.ms - MIN, blind=False)
        for n in range(N)
    ]
    yield made
    await made.ledger.close()


class Browser:
    """An EventSource on the board, in the loop's time."""

    def __init__(self, site: Site, cookie: str = "") -> None:
        self.events = asyncio.Queue[tuple[str, str, float]]()
        self._site, self._cookie = site, cookie
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        headers = [(b"host", b"localhost")]
        if self._cookie:
            headers.append((b"cookie", f"guardian={self._cookie}".encode()))

        async def send(message: Any) -> None:
            if message["type"] == "http.response.body" and message["body"]:
                fields = dict[str, list[str]]()
                for line in message["body"].decode().splitlines():
                    name, _, value = line.partition(": ")
                    fields.setdefault(name, []).append(value)
                self.events.put_nowait((fields["event"][0], "\n".join(fields["data"]), loop.time()))

        async def receive() -> Any:
            await asyncio.Event().wait()

        scope = {
            "type": "http",
            "method": "GET",
            "path": "/events",
            "query_string": b"lang=en",
            "headers": headers,
            "http_version": "1.1",
            "scheme": "http",
            "server": ("127.0.0.1", 80),
            "client": ("127.0.0.1", 1),
            "root_path": "",
        }
        await self._site.app(scope, receive, send)

    async def next(self) -> tuple[str, str]:
        name, data, _ = await self.events.get()
        return name, data

    def close(self) -> None:
        self._task.cancel()


@pytest.mark.looptime
async def test_the_homes_come_once_whole_and_then_only_those_that_are_others(site: Site) -> None:
    b = Browser(site)
    name, board = await b.next()
    assert name == "board"
    assert board.count('<li id="h-') == 0, "the grid has them"
    name, homes = await b.next()
    said = json.loads(homes)
    assert name == "homes"
    assert (len(said["homes"]), said["all"]) == (N, "p" * N)
    site.rows[7_777] = replace(site.rows[7_777], blind=True)
    site.rows[9_999] = replace(site.rows[9_999], activity="out")
    names = []
    while "homes" not in names:
        name, data = await b.next()
        names.append(name)
    assert json.loads(data) == {"some": "7777b,9999a"}
    assert len(data) < 40
    quiet = [await b.next() for _ in range(3)]
    assert {name for name, _ in quiet} == {"beat"}
    assert sum(len(data) for _, data in quiet) < 40
    b.close()


@pytest.mark.looptime
async def test_a_fall_is_on_every_board_at_once_and_drawn_once(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = Counter[str]()
    once = view

    def counted(*args: Any, **more: Any) -> Any:
        drawn["view"] += 1
        return once(*args, **more)

    monkeypatch.setattr(board_pages, "view", counted)
    browsers = [Browser(site) for _ in range(50)]
    for b in browsers:
        assert [(await b.next())[0] for _ in range(2)] == ["board", "homes"]
    first = drawn["view"]
    assert first <= 2
    await site.opened(Kind.FALL_CONFIRMED, "h00042")
    loop = asyncio.get_running_loop()
    at_s = loop.time()
    site.feed.changed()
    for b in browsers:
        name, data = await b.next()
        assert name == "board"
        assert "Home h00042" in data
        name, data = await b.next()
        assert (name, json.loads(data)) == ("homes", {"some": "42i"})
        b.close()
    assert loop.time() - at_s < 0.5
    assert drawn["view"] - first <= 2


@pytest.mark.looptime
async def test_a_drawing_is_shared_and_each_session_keeps_its_own_field() -> None:
    site = await make_site(login=True)
    await site.opened(Kind.FALL_CONFIRMED, "h01")
    boards = {}
    for login, role in (("li", Role.RESPONDER), ("chen", Role.RESPONDER), ("wang", Role.VIEWER)):
        await logged_in(site, await account(site.ledger, site.clock.ms, login, role))
        b = Browser(site, f"cookie-of-{login}")
        boards[login] = (await b.next())[1]
        b.close()
    assert 'value="csrf-cookie-of-li"' in boards["li"]
    assert 'value="csrf-cookie-of-chen"' in boards["chen"]
    assert boards["li"].replace("csrf-cookie-of-li", "x") == boards["chen"].replace(
        "csrf-cookie-of-chen", "x"
    )
    assert "csrf" not in boards["wang"]
    assert "/accept" not in boards["wang"]
    await site.ledger.close()


@pytest.mark.looptime
async def test_an_answer_is_seen_though_no_home_has_changed(site: Site) -> None:
    fall = await site.opened(Kind.FALL_CONFIRMED, "h00001")
    b = Browser(site)
    assert [(await b.next())[0] for _ in range(2)] == ["board", "homes"]
    await site.happens(fall.id, Accepted("ann"))
    site.feed.changed()
    name, data = await b.next()
    assert name == "board"
    assert "王安" in data
    b.close()


def test_unknown_is_never_drawn_as_fine(site: Site) -> None:
    row = site.rows[0]
    assert state_of(row, False) == "fine"
    for change, state in (
        ({"activity": "unknown"}, "unknown"),
        ({"last_life_ms": None}, "unknown"),
        ({"blind": True}, "blind"),
        ({"blind": True, "activity": "out"}, "blind"),
        ({"degraded": True}, "degraded"),
        ({"activity": "out"}, "away"),
    ):
        assert state_of(replace(row, **change), False) == state
        assert state_of(replace(row, **change), True) == "incident"
    made = grid(site.rows[:3], frozenset({"h00001"}))
    assert made.letters == "pip"
    assert made.counts == {**dict.fromkeys(LETTERS, 0), "fine": 2, "incident": 1}


async def test_a_small_site_has_no_grid() -> None:
    site = await make_site()
    async with site.client() as client:
        assert "squares" not in (await client.get("/")).text
    await site.ledger.close()
