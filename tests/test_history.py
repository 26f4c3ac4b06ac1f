"""The history of a home: what was taken comes back, days are summed up, a broken disk costs only the past."""

import asyncio
import sqlite3
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardian.history.embedded import BLOCK, CHUNK, MINUTES_KEPT_DAYS, WAITING, Embedded
from guardian.history.pack import BLIND, DAY, MINUTE, MINUTE_MS, NONE_CENTI, SEEN, sums
from guardian.homes import Activity

SHANGHAI = ZoneInfo("Asia/Shanghai")
DAY0 = date(2026, 9, 21)
T0 = 1_789_920_000_000  # midnight in Shanghai on DAY0
DAY_MS = 24 * 3_600_000
HOMES = tuple(f"h{n:03}" for n in range(150))
ROOMS = ("living", "bathroom", "bedroom")


@pytest.fixture
def history(tmp_path: Path) -> Iterator[Embedded]:
    made = Embedded(tmp_path / "history.db", SHANGHAI)
    yield made
    made._drop_connection()


def rows(
    room: int = 0, activity: Activity = Activity.SITTING, centi: int = 2150, n: int = len(HOMES)
) -> np.ndarray:
    out = np.zeros(n, MINUTE)
    out["room"], out["activity"], out["centi"], out["flags"] = room, activity, 2150, SEEN
    return out


def lived(history: Embedded, minutes: range, room: int = 0, activity: Activity = Activity.SITTING) -> None:
    for m in minutes:
        history.take(T0 + m * MINUTE_MS + 500, HOMES, ROOMS, rows(room, activity))
        history.flush(T0 + m * MINUTE_MS)


# --- minutes ----------------------------------------------------------------------------------------------


async def test_what_was_taken_comes_back_from_disk_and_from_memory(history: Embedded, tmp_path: Path) -> None:
    each = rows()
    each["room"] = np.arange(len(HOMES)) % 3
    each["room"][7] = -1
    each["centi"] = 2000 + np.arange(len(HOMES))
    for m in range(25):
        history.take(T0 + m * MINUTE_MS, HOMES, ROOMS, each)
        history.flush(T0 + m * MINUTE_MS)
    for k in (0, 7, 63, 64, 149):
        found = await history.minutes(HOMES[k], T0, T0 + DAY_MS)
        assert found.t_ms.tolist() == [T0 + m * MINUTE_MS for m in range(25)]
        assert set(found.rows["centi"].tolist()) == {2000 + k}
        names = {"" if r < 0 else found.rooms[r] for r in found.rows["room"]}
        assert names == {"" if k == 7 else ROOMS[k % 3]}
    history.close(T0 + 25 * MINUTE_MS)
    again = Embedded(tmp_path / "history.db", SHANGHAI)
    found = await again.minutes(HOMES[64], T0 + 5 * MINUTE_MS, T0 + 7 * MINUTE_MS)
    assert found.t_ms.tolist() == [T0 + 5 * MINUTE_MS, T0 + 6 * MINUTE_MS]
    assert (await again.minutes("nobody", T0, T0 + DAY_MS)).t_ms.tolist() == []
    again._drop_connection()


async def test_a_kill_loses_ten_minutes_at_the_most(history: Embedded, tmp_path: Path) -> None:
    lived(history, range(39))
    history._drop_connection()  # and the process is gone
    again = Embedded(tmp_path / "history.db", SHANGHAI)
    found = await again.minutes("h000", T0, T0 + DAY_MS)
    assert len(found.t_ms) == 30
    again._drop_connection()


async def test_homes_and_rooms_that_come_and_go_keep_their_own_past(history: Embedded) -> None:
    history.take(T0, ("a", "b"), ("living", "hall"), rows(1, n=2))
    history.take(T0 + MINUTE_MS, ("b", "c"), ("hall", "kitchen"), rows(1, n=2))  # in the same ten minutes
    history.flush(T0, everything=True)
    rooms = {}
    for home in "abc":
        found = await history.minutes(home, T0, T0 + DAY_MS)
        rooms[home] = [found.rooms[r] for r in found.rows["room"]]
    assert rooms["a"] == ["hall"]
    assert rooms["c"] == ["kitchen"]
    assert rooms["b"] == ["hall", "kitchen"]


async def test_a_minute_is_taken_once(history: Embedded) -> None:
    history.take(T0, HOMES, ROOMS, rows(0))
    history.take(T0 + 30_000, HOMES, ROOMS, rows(1))
    found = await history.minutes("h000", T0, T0 + DAY_MS)
    assert [found.rooms[r] for r in found.rows["room"]] == ["living"]


# --- days -------------------------------------------------------------------------------------------------


async def test_a_day_that_is_over_is_summed_up_once(history: Embedded) -> None:
    lived(history, range(400, 410), 2, Activity.ASLEEP)
    lived(history, range(410, 430), 0, Activity.WALKING)
    lived(history, range(430, 440), 1, Activity.BATHROOM)
    lived(history, range(440, 450), 0, Activity.OUT)
    assert await history.days("h000", DAY0, DAY0) == [], "it is not over"
    history.flush(T0 + DAY_MS + 1)
    ((day, row),) = await history.days("h000", DAY0 - timedelta(9), DAY0 + timedelta(9))
    assert day == DAY0
    assert {n: int(row[n]) for n in DAY.names or ()} == {
        "seen_min": 50,
        "blind_min": 0,
        "active_min": 20,
        "asleep_min": 10,
        "out_min": 10,
        "bathroom_min": 10,
        "bathroom_visits": 1,
        "night_visits": 0,
        "up_min": 410,
        "down_min": 429,
        "centi_mean": 2150,
        "centi_low": 2150,
        "centi_high": 2150,
    }


async def test_old_minutes_go_and_days_stay(history: Embedded) -> None:
    lived(history, range(10))
    later = T0 + (MINUTES_KEPT_DAYS + 1) * DAY_MS
    history.flush(later)
    assert len((await history.minutes("h000", T0, T0 + DAY_MS)).t_ms) == 0
    assert len(await history.days("h000", DAY0, DAY0)) == 1


async def test_a_home_that_is_forgotten_has_no_past(history: Embedded) -> None:
    lived(history, range(20))
    history.flush(T0 + DAY_MS)
    await history.forget("h001")
    assert await history.days("h001", DAY0, DAY0) == []
    assert len((await history.minutes("h001", T0, T0 + DAY_MS)).t_ms) == 0
    assert len(await history.days("h002", DAY0, DAY0)) == 1


def naive(room: list[int], activity: list[int], flags: list[int], first: int) -> dict[str, int]:
    """The same sums, one minute after the other."""
    out = dict.fromkeys(("seen_min", "blind_min", "active_min", "bathroom_min", "bathroom_visits"), 0)
    out |= {"night_visits": 0, "up_min": -1, "down_min": -1}
    inside = False
    for k, (r, a, f) in enumerate(zip(room, activity, flags, strict=True)):
        minute = first + k
        seen, sure = bool(f & SEEN), bool(f & SEEN) and not f & BLIND
        out["seen_min"] += seen
        out["blind_min"] += seen and bool(f & BLIND)
        walks = sure and a in (Activity.WALKING, Activity.STANDING)
        out["active_min"] += walks
        bathroom = sure and (a == Activity.BATHROOM or r == 1)
        out["bathroom_min"] += bathroom
        if bathroom and not inside:
            out["bathroom_visits"] += 1
            out["night_visits"] += minute >= 1380 or minute < 360
        inside = bathroom
        if walks and minute >= 240:
            out["up_min"] = minute if out["up_min"] < 0 else out["up_min"]
            out["down_min"] = minute
    return out


minutes = st.lists(
    st.tuples(
        st.integers(-1, 2), st.integers(0, len(Activity) - 1), st.sampled_from([0, SEEN, SEEN | BLIND])
    ),
    min_size=1,
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(minutes, st.integers(0, 1380))
def test_the_sums_of_a_day_are_those_of_its_minutes(said: list[tuple[int, int, int]], first: int) -> None:
    some = np.zeros((len(said), 2), MINUTE)
    for k, (r, a, f) in enumerate(said):
        some[k, 1] = (r, a, f, NONE_CENTI)
    summed = sums(some, first + np.arange(len(said)), [1])
    assert summed["seen_min"][0] == 0
    room, activity, flags = (list(column) for column in zip(*said, strict=True))
    expected = naive(room, activity, flags, first)
    assert {n: int(summed[n][1]) for n in expected} == expected
    assert summed["centi_mean"][1] == NONE_CENTI


# --- a disk that fails ------------------------------------------------------------------------------------


async def test_a_disk_that_fails_costs_only_the_past_and_comes_back(
    history: Embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lived(history, range(10))

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(Embedded, "_write", full)
        for m in range(10, 10 + BLOCK * (WAITING + 3)):
            history.take(T0 + m * MINUTE_MS, HOMES, ROOMS, rows())
            history.flush(T0 + m * MINUTE_MS)
        assert history.failures > 0
        assert len(history._waiting) == WAITING
        assert history.dropped == 3
    history.flush(T0)
    assert history._waiting == []
    found = await history.minutes("h000", T0, T0 + DAY_MS)
    assert len(found.t_ms) == (WAITING + 1) * BLOCK, "those that waited, and the one in hand"


async def test_a_file_that_is_no_database_is_counted_and_gives_nothing(tmp_path: Path) -> None:
    (tmp_path / "history.db").write_bytes(b"rubbish" * 500)
    history = Embedded(tmp_path / "history.db", SHANGHAI)
    lived(history, range(12))
    assert (await history.minutes("h000", T0, T0 + DAY_MS)).t_ms.tolist()[0] >= T0, "memory still knows"
    assert await history.days("h000", DAY0, DAY0) == []
    assert history.failures >= 3
    history._drop_connection()


async def test_reading_and_writing_at_once_is_safe(history: Embedded) -> None:
    lived(history, range(10))

    async def read() -> int:
        return len((await history.minutes("h000", T0, T0 + DAY_MS)).t_ms)

    def write() -> None:
        for m in range(10, 200):
            history.take(T0 + m * MINUTE_MS, HOMES, ROOMS, rows())
            history.flush(T0 + m * MINUTE_MS)

    done = asyncio.create_task(asyncio.to_thread(write))
    while not done.done():
        await read()
    await done
    assert history.failures == 0
    assert await read() == 200
    assert len(HOMES) > CHUNK * 2
