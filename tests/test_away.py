"""Absences that staff note: refused when wrong, kept with an owner and an end, told to the detectors."""

import asyncio
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alerting.ledger import Ledger, absences
from guardian import away, desk, roster
from guardian.away import Calendar, Wanted
from guardian.board import Board, SensorSpec
from guardian.clock import ReplayClock
from guardian.lookout import Lookout
from guardian.quiet import Silences
from guardian.roster_file import read
from guardian.web.serve import serve
from guardian.wire.native import pack_event
from tests.thermal import everything

HOUR = 3_600_000
MORNING = 1_764_547_200_000  # 2025-12-01 08:00 in Shanghai
TOML = """
[site]
id = "s1"
timezone = "Asia/Shanghai"

[[homes]]
id = "h1"
rooms = [{ id = "hall" }, { id = "living" }]

[[homes.sensors]]
id = "front"
kind = "door"
room = "hall"
outside = true

[[homes.sensors]]
id = "p1"
kind = "pir"
room = "living"
"""


@pytest.fixture
async def ledger() -> Any:
    opened = await Ledger.open(None, inline=True)
    await opened.transact(lambda tx: roster.import_file(tx, read(TOML, "t"), "t", MORNING))
    yield opened
    await opened.close()


def wish(**other: str) -> Wanted:
    plain = {"home": "h1", "until": "2025-12-05T18:00", "owner": "李娜", "reason": "住院"}
    return Wanted(**{**plain, **other})


async def test_an_absence_is_kept_with_its_owner_and_ends(ledger: Ledger) -> None:
    told: list[dict[str, int]] = []
    clock = ReplayClock()
    await clock.move(MORNING)
    calendar = Calendar(ledger, clock, lambda homes: told.append(dict(homes)))
    noted = await calendar.note(away.encode(wish()))
    assert noted["absences"] == [
        {
            "id": 1,
            "home": "h1",
            "from": "2025-12-01T08:00",
            "until": "2025-12-05T18:00",
            "owner": "李娜",
            "reason": "住院",
        }
    ]
    assert told == [{"h1": MORNING}]
    await calendar.note(away.encode(wish(begin="2025-12-06T09:00", until="2025-12-07T09:00")))
    assert told[-1] == {"h1": MORNING}  # the later one does not hold yet
    assert len((await calendar.listing())["absences"]) == 2
    assert [a["id"] for a in (await calendar.end(1))["absences"]] == [2]
    assert told[-1] == {}
    await clock.move(MORNING + 5 * 24 * HOUR + 2 * HOUR)
    await calendar.tell()
    assert list(told[-1]) == ["h1"]
    await clock.move(MORNING + 7 * 24 * HOUR)
    await calendar.tell()
    assert told[-1] == {}  # over by itself
    assert (await calendar.listing())["absences"] == []
    with pytest.raises(desk.Refused, match="no absence 1 that could end"):
        await calendar.end(1)


async def test_every_mistake_is_named_and_nothing_is_stored(ledger: Ledger) -> None:
    wrong = wish(home="h9", begin="soon", until="2025-11-01T09:00", owner=" ", reason="x" * 201)
    with pytest.raises(desk.Refused) as refused:
        await ledger.transact(lambda tx: away.note(tx, wrong, MORNING))
    assert [line.split(":")[0] for line in refused.value.problems] == ["home", "from", "owner", "reason"]
    for until, why in (
        ("2025-12-20T09:00", "more than 14 days"),
        ("2025-11-30T09:00", "not after the begin"),
    ):
        late = wish(until=until)
        with pytest.raises(desk.Refused, match=why):
            await ledger.transact(partial(away.note, wanted=late, now_ms=MORNING))
    assert await ledger.transact(lambda tx: absences(tx, 0)) == []


async def test_staff_note_it_at_the_desk_of_the_running_daemon(ledger: Ledger, tmp_path: Path) -> None:
    told: list[dict[str, int]] = []

    async def nothing(*_: object) -> dict[str, Any]:
        return {}

    clock = ReplayClock()
    await clock.move(MORNING)
    app = desk.desk_app(
        status=dict,
        import_roster=nothing,
        export_roster=nothing,
        calendar=Calendar(ledger, clock, lambda homes: told.append(dict(homes))),
        silences=Silences(ledger, clock, lambda: None),
    )

    def ask(method: str, path: str, body: bytes | None = None) -> Any:
        return asyncio.to_thread(desk.call, tmp_path, method, path, body)

    async with serve(app, desk.socket_path(tmp_path)):
        noted = await ask("POST", "/away", away.encode(wish()))
        assert (await ask("GET", "/away"))["absences"] == noted["absences"]
        with pytest.raises(desk.DeskError, match="Object missing required field"):
            await ask("POST", "/away", json.dumps({"home": "h1"}).encode())
        with pytest.raises(desk.DeskError, match="id: the number"):
            await ask("POST", "/away/end?id=one")
        assert (await ask("POST", "/away/end?id=1"))["absences"] == []
    assert told == [{"h1": MORNING}, {}]


class Watched:
    """One home with a door and a motion sensor, watched minute by minute."""

    def __init__(self) -> None:
        specs = [
            SensorSpec("h1", "front", "door", "hall", None, None, None, None, None, None, outside=True),
            SensorSpec("h1", "p1", "pir", "living", None, None, None, None, None, None),
        ]
        self.board = Board("s1", specs)
        self.lookout = Lookout(self.board, everything(), timezone="Asia/Shanghai")
        self.now_ms, self.seq, self.said = MORNING, 0, list[str]()

    def says(self, sensor: str, value: float = 1.0) -> None:
        self.seq += 1
        payload = pack_event(value=value, t_ms=self.now_ms, boot="b", seq=self.seq)
        self.board.event(f"guardian/s1/h1/{sensor}/event", payload, self.now_ms)

    def goes_by_the_door(self) -> None:
        for value in (0.0, 1.0, 0.0):
            self.says("front", value)
            self.minutes(1)

    def minutes(self, count: int) -> None:
        for _ in range(count):
            self.now_ms += 60_000
            self.board.fold(self.board.take_events(self.now_ms))
            for some in self.lookout.look(self.now_ms):
                self.said += [c.kind.value for c in some]


def lived(days: int) -> Watched:
    """Somebody at home who moves every few minutes by day, and sometimes at night."""
    rng = np.random.default_rng(5)
    home = Watched()
    while home.now_ms < MORNING + days * 24 * HOUR:
        by_day = (home.now_ms - MORNING) // HOUR % 24 < 14
        home.minutes(int(rng.integers(3, 30 if by_day else 90)))
        home.says("p1")
    return home


def test_silence_is_no_alarm_while_nobody_is_expected_and_one_again_when_somebody_has_come_home() -> None:
    for expected in (False, True):
        home = lived(3)
        home.goes_by_the_door()
        if expected:
            home.lookout.expect({"h1": home.now_ms})
        home.said.clear()
        home.minutes(26 * 60)
        missed = {"inactivity", "no-return"} & set(home.said)
        assert bool(missed) != expected
        if expected:
            home.goes_by_the_door()
            for _ in range(5):
                home.minutes(3)
                home.says("p1")
            home.minutes(26 * 60)  # they came home early, and then silent: the calendar is no excuse
            assert {"inactivity", "no-return"} & set(home.said)
