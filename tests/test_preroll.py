"""The strip of an incident: the minute before it and what came since, in memory and nowhere else."""

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from alerting import triage
from alerting.concern import Kind, Severity
from alerting.incident import Incident, State
from alerting.ledger import Ledger
from detectors.frame import BAD_PIXEL, Frames
from guardian import preroll, snapshot
from guardian.board import Board, SensorSpec
from guardian.lookout import Lookout
from guardian.preroll import FULL_FRAMES, FULL_MS, KEPT_MS, MOST_HOMES, PreRoll, Strip, to_bytes
from guardian.snapshot import Snapshot
from guardian.wire.native import pack_frame
from simulator.stage import demo_homes
from tests.alerting_people import T0, SetClock, concern, shipped_policy
from tests.courier_world import THREE
from tests.thermal import everything

PERIOD_MS = 250
COLD, STEP = 1_000, 20


def camera(home: str, name: str = "cam", rows: int = 8, cols: int = 8, room: str = "living") -> SensorSpec:
    return SensorSpec(home, name, "thermal", room, rows, cols, 4.0, "ceiling", 2.5, 60.0)


class Site:
    """Some cameras of one resolution; each frame shows its own number, in steps of a byte."""

    def __init__(self, *specs: SensorSpec) -> None:
        self.board = Board("s", specs)
        self.preroll = PreRoll(self.board)
        self.shown: dict[int, list[tuple[int, int]]] = {}

    def show(
        self, t_ms: int, rows: Sequence[int], suspected: Iterable[str] = (), value: int | None = None
    ) -> None:
        """One batch, with a frame of each of these cameras."""
        (group,) = self.board.groups.values()
        level = (t_ms // PERIOD_MS) % 100 if value is None else value
        centi = np.full((len(rows), group.rows, group.cols), COLD + STEP * level, np.int16)
        frames = Frames(
            np.array(rows, np.intp),
            centi,
            np.full(len(rows), t_ms, np.int64),
            np.full(len(rows), 0.25, np.float32),
        )
        self.preroll.see(group, frames, suspected, t_ms)

    def runs(self, from_s: float, to_s: float, rows: Sequence[int] = (0,)) -> None:
        for t_ms in range(T0 + int(from_s * 1000), T0 + int(to_s * 1000), PERIOD_MS):
            self.show(t_ms, rows)

    def strip(self, home: str = "h0") -> Strip:
        (strip,) = self.preroll.strips(home)
        return strip

    def attends(self, at_s: float, *incidents: Incident) -> None:
        self.preroll.attend(incidents, T0 + int(at_s * 1000))


def opened(home: str, severity: Severity | None = Severity.HIGH) -> Incident:
    return Incident(1, home, Kind.SOS, severity, State.OPEN, T0, T0)


def at_s(strip: Strip) -> list[float]:
    return [float(t) for t in (strip.t_ms - T0) / 1000]


def each(from_s: float, to_s: float, step_s: float) -> list[float]:
    return [float(t) for t in np.arange(from_s, to_s, step_s)]


def minute(to_s: int, from_s: int = 0) -> list[float]:
    """The times of a camera that sent from `from_s` until just before `to_s`."""
    every = range(from_s, to_s)
    tier = {s: (T0 // 1000 + s) // 3 for s in every}
    newest = tier[to_s - 1]
    first = [s for s in every if s == from_s or tier[s] > tier[s - 1]]
    return [float(s) for s in every if tier[s] > newest - 5 or (s in first and tier[s] > newest - 20)]


def test_what_these_tests_take_for_a_minute() -> None:
    assert T0 // 1000 % 3 == 2
    assert minute(100) == [*each(40, 85, 3), *each(85, 100, 1)]
    assert minute(97) == [*each(37, 82, 3), *each(82, 97, 1)]


def is_what_was_shown(strip: Strip) -> bool:
    level = (strip.t_ms // PERIOD_MS) % 100
    byte = to_bytes((COLD + STEP * level).astype(np.int16))
    return bool((strip.frames == byte[:, None, None]).all())


def test_a_byte_is_a_fifth_of_a_kelvin_from_zero_to_fifty_one_degrees() -> None:
    centi = np.array([BAD_PIXEL, -4_000, -11, 0, 2_000, 2_020, 3_710, 5_080, 6_000, 30_000], np.int16)
    assert to_bytes(centi.copy()).tolist() == [0, 0, 0, 1, 101, 102, 187, 255, 255, 255]
    every = np.arange(-10, 5_080, dtype=np.int16)
    back = (to_bytes(every.copy()).astype(np.int16) - 1) * preroll.STEP_CENTI
    assert np.abs(back - every).max() == preroll.STEP_CENTI // 2


def test_after_an_hour_the_ring_holds_the_last_minute() -> None:
    site = Site(*(camera(f"h{i}") for i in range(3)))
    site.runs(0, 3600, (0, 1, 2))
    for i in range(3):
        strip = site.strip(f"h{i}")
        assert at_s(strip) == minute(3600)
        assert 27 <= len(strip.frames) <= 30
        assert strip.frames.shape[1:] == (8, 8)
        assert (strip.sensor, strip.room) == ("cam", "living")
        assert is_what_was_shown(strip)


def test_from_a_suspicion_on_every_frame_is_kept_after_the_minute_before_it() -> None:
    site = Site(camera("h0"), camera("h1"))
    site.runs(0, 100, (0, 1))
    site.show(T0 + 100_000, (0, 1), ["h0"])
    site.runs(100.25, 130, (0, 1))
    strip = site.strip()
    assert at_s(strip) == [*minute(100), *each(100, 130, 0.25)]
    assert is_what_was_shown(strip)
    assert at_s(site.strip("h1")) == minute(130), "nobody else's"
    later = site.strip()
    site.runs(130, 131)
    assert len(later.t_ms) == len(strip.t_ms), "what was given does not change"


def test_a_strip_is_bounded_by_frames_and_by_ten_minutes() -> None:
    site = Site(camera("h0"))
    site.runs(0, 60)
    site.attends(60, opened("h0"))
    site.runs(60, 400)
    assert at_s(site.strip()) == [*minute(60), *each(60, 60 + FULL_FRAMES / 4, 0.25)]
    slow = Site(camera("h0"))
    slow.attends(0, opened("h0"))
    for s in range(0, 1000, 2):
        slow.show(T0 + 1000 * s, (0,))
    assert at_s(slow.strip()) == each(0, FULL_MS / 1000, 2)


def test_every_camera_of_the_home_has_its_strip_whatever_its_resolution() -> None:
    board = Board("s", [camera("h0"), camera("h0", "big", 24, 32, "hall"), camera("h1", "big", 24, 32)])
    pre = PreRoll(board)
    for group in board.groups.values():
        n = len(group.specs)
        centi = np.full((n, group.rows, group.cols), 2_000, np.int16)
        pre.see(group, Frames(np.arange(n), centi, np.full(n, T0), np.full(n, 0.25, np.float32)), (), T0)
    shapes = {(s.sensor, s.room): s.frames.shape for s in pre.strips("h0")}
    assert shapes == {("cam", "living"): (1, 8, 8), ("big", "hall"): (1, 24, 32)}
    pre.attend([opened("h0")], T0)
    assert {s.sensor: s.frames.shape for s in pre.strips("h0")} == {"cam": (1, 8, 8), "big": (1, 24, 32)}
    assert pre.strips("nobody") == []


def test_a_wide_array_keeps_every_second_pixel() -> None:
    site = Site(camera("h0", rows=60, cols=80))
    site.show(T0, (0,))
    site.attends(0, opened("h0"))
    site.show(T0 + 250, (0,))
    assert site.strip().frames.shape == (2, 30, 40)


# --- two hundred and one homes ---------------------------------------------------------------------


def full_house(urgent: int) -> Site:
    """A strip in each of MOST_HOMES homes, those before `urgent` of falls, begun one after the other."""
    site = Site(*(camera(f"h{i}") for i in range(MOST_HOMES + 2)))
    every = range(MOST_HOMES + 2)
    site.runs(0, 1, every)
    for i in range(MOST_HOMES):
        incidents = [opened(f"h{k}", Severity.HIGH if k < urgent else Severity.LOW) for k in range(i + 1)]
        site.attends(1 + i / 1000, *incidents)
    return site


def full_rate(site: Site) -> set[str]:
    """Homes whose next frame in the same second is kept."""
    t_ms = T0 + 900_250
    every = range(MOST_HOMES + 2)
    site.show(t_ms - 250, every)
    site.show(t_ms, every)
    return {f"h{i}" for i in every if t_ms in site.strip(f"h{i}").t_ms}


LATER = FULL_MS  # a strip that began now would be over


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preroll, "FULL_MS", 10 * LATER)


@pytest.mark.usefixtures("endless")
def test_the_next_home_displaces_nobody_of_its_own_rank() -> None:
    for urgent, severity in ((MOST_HOMES, Severity.HIGH), (0, Severity.LOW), (0, Severity.MEDIUM)):
        site = full_house(urgent)
        before = full_rate(site)
        assert before == {f"h{i}" for i in range(MOST_HOMES)}
        rank = Severity.HIGH if urgent else Severity.LOW
        still = [opened(f"h{i}", rank) for i in range(MOST_HOMES)]
        site.attends(902, *still, opened(f"h{MOST_HOMES}", severity))
        assert full_rate(site) == before
        assert len(site.strip(f"h{MOST_HOMES}").t_ms), "the minute alone"


def test_of_larger_pictures_fewer_homes_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(*(camera(f"h{i}") for i in range(5)))
    site.runs(0, 1, range(5))
    one = (preroll.SLOTS + FULL_FRAMES) * 64
    monkeypatch.setattr(preroll, "MOST_BYTES", 3 * one)
    for k in range(5):
        site.attends(1 + k / 1000, *(opened(f"h{i}") for i in range(k + 1)))
    site.show(T0 + 2_000, range(5))
    site.show(T0 + 2_250, range(5))  # the second frame of its second
    assert [T0 + 2_250 in site.strip(f"h{i}").t_ms for i in range(5)] == [True] * 3 + [False] * 2
    monkeypatch.setattr(preroll, "MOST_BYTES", one - 1)
    alone = Site(camera("h0"))
    alone.runs(0, 1)
    alone.attends(1, opened("h0"))
    assert len(alone.strip().t_ms), "the minute alone"


@pytest.mark.usefixtures("endless")
@pytest.mark.parametrize("severity", [Severity.HIGH, None])
def test_a_fall_displaces_the_oldest_that_is_none(severity: Severity | None) -> None:
    site = full_house(urgent=3)
    still = [opened(f"h{i}", Severity.HIGH if i < 3 else Severity.LOW) for i in range(MOST_HOMES)]
    site.attends(2, *still, opened(f"h{MOST_HOMES}", severity))
    assert full_rate(site) == {f"h{i}" for i in range(MOST_HOMES + 1)} - {"h3"}


@pytest.mark.usefixtures("endless")
def test_whoever_ended_first_makes_room_before_anybody_who_has_not() -> None:
    site = full_house(urgent=0)
    still = [opened(f"h{i}", Severity.LOW) for i in range(MOST_HOMES)]
    site.attends(60, *still[:7], *still[8:])
    site.attends(70, *still[:5], *still[6:7], *still[8:])
    for ended in ("h7", "h5"):
        assert len(site.strip(ended).t_ms)
    site.attends(80, *still[:5], *still[6:7], *still[8:], opened(f"h{MOST_HOMES}", Severity.LOW))
    assert full_rate(site) == {f"h{i}" for i in range(MOST_HOMES + 1)} - {"h5", "h7"}
    assert T0 + 899_000 not in site.strip("h5").t_ms, "the one that ended later is kept as it was"
    assert T0 + 900_000 in site.strip("h7").t_ms, "the other one is an ordinary home again"


# --- the end of it ---------------------------------------------------------------------------------


def test_a_strip_outlives_its_incident_for_an_hour() -> None:
    site = Site(camera("h0"))
    site.runs(0, 10)
    site.attends(10, opened("h0"))
    site.runs(10, 30)
    site.attends(30)
    site.runs(30, 100)
    then = [*minute(10), *each(10, 30, 0.25)]
    assert at_s(site.strip()) == then
    site.attends(30 + KEPT_MS / 1000)
    assert at_s(site.strip()) == then
    site.attends(31 + KEPT_MS / 1000)
    assert at_s(site.strip()) == minute(100)


def test_another_incident_of_the_home_begins_another_strip() -> None:
    site = Site(camera("h0"))
    site.attends(0, opened("h0"))
    site.runs(0, 30)
    site.attends(30)
    site.runs(30, 200)
    site.attends(200, opened("h0"))
    site.runs(200, 201)
    assert at_s(site.strip()) == [*minute(200), *each(200, 201, 0.25)]


def test_a_suspicion_whose_incident_is_being_committed_is_not_over() -> None:
    site = Site(camera("h0"))
    site.show(T0, (0,), ["h0"])
    site.attends(0.2)
    site.runs(0.25, 6)
    site.attends(6, opened("h0", None))
    assert at_s(site.strip()) == each(0, 6, 0.25)
    site.attends(12)
    site.runs(12, 13)
    assert at_s(site.strip()) == each(0, 6, 0.25)


# --- cameras that do as they like ------------------------------------------------------------------


def test_of_a_silent_camera_its_last_minute_stays() -> None:
    site = Site(camera("h0"), camera("h1"))
    site.runs(0, 100, (0, 1))
    site.runs(100, 400, (1,))
    assert at_s(site.strip()) == minute(100)
    site.attends(400, opened("h0"))
    assert at_s(site.strip()) == minute(100)
    site.runs(400, 401)
    assert at_s(site.strip()) == [*minute(100), *each(400, 401, 0.25)]
    site.attends(410)
    site.attends(411 + KEPT_MS / 1000)
    assert at_s(site.strip()) == [400.0], "older than a minute before the newest is none of it"


def test_a_camera_that_never_sent_has_an_empty_strip() -> None:
    site = Site(camera("h0"), camera("h1"))
    site.runs(0, 1, (1,))
    for _ in range(2):
        strip = site.strip()
        assert (strip.frames.shape, strip.t_ms.shape) == ((0, 8, 8), (0,))
        site.attends(1, opened("h0"))


def test_time_that_runs_backwards_puts_nothing_out_of_order() -> None:
    site = Site(camera("h0"))
    site.runs(0, 30)
    site.show(T0 + 12_000, (0,), value=77)
    assert at_s(site.strip()) == minute(30)
    assert is_what_was_shown(site.strip())
    site.attends(30, opened("h0"))
    site.runs(30, 31)
    site.show(T0 + 30_000, (0,), value=77)
    site.show(T0 + 30_750, (0,), value=77)
    assert at_s(site.strip()) == [*minute(30), *each(30, 31, 0.25)]
    assert is_what_was_shown(site.strip())


# --- the twin --------------------------------------------------------------------------------------

STEPS_MS = st.sampled_from([0, 60, 250, 250, 250, 990, 1000, 1700, 20_000, 61_000])


def slow(frames: list[tuple[int, int]], begun_at: int | None) -> list[tuple[int, int]]:
    """(t_ms, level) of a strip, from all frames of one camera; begun_at: before this one."""

    def minute(some: list[tuple[int, int]]) -> list[tuple[int, int]]:
        firsts: dict[int, tuple[int, int]] = {}
        for t_ms, level in some:
            firsts.setdefault(t_ms // 1000, (t_ms, level))
        kept, newest = [], max(firsts.values(), default=(0, 0))[0] // 3000
        for f in sorted(firsts.values()):
            first_of_three = f == min(g for g in firsts.values() if g[0] // 3000 == f[0] // 3000)
            if f[0] // 3000 > newest - (20 if first_of_three else 5):
                kept.append(f)
        return kept

    if begun_at is None:
        return minute(frames)
    out = minute(frames[:begun_at])
    begun_ms = frames[begun_at][0]
    for t_ms, level in frames[begun_at:]:
        if (not out or t_ms > out[-1][0]) and t_ms < begun_ms + 600_000:
            out.append((t_ms, level))
    return out


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(STEPS_MS, st.integers(0, 3), st.integers(0, 200)), min_size=1, max_size=150),
    st.none() | st.integers(0, 149),
)
def test_the_strip_is_what_a_slow_and_obvious_one_gives(
    told: list[tuple[int, int, int]], begun_at: int | None
) -> None:
    site = Site(camera("h0"), camera("h1"), camera("h2"))
    seen: dict[int, list[tuple[int, int]]] = {0: [], 1: [], 2: []}
    t_ms, begun = T0, None
    for k, (step_ms, silent, level) in enumerate(told):
        t_ms += step_ms
        rows = [row for row in range(3) if row != silent]
        suspected = []
        if k == begun_at and silent != 0:
            begun, suspected = len(seen[0]), ["h0"]
        site.show(t_ms, rows, suspected, level)
        for row in rows:
            seen[row].append((t_ms, level))
    for row in range(3):
        strip = site.strip(f"h{row}")
        expected = slow(seen[row], begun if row == 0 else None)
        assert strip.t_ms.tolist() == [t for t, _ in expected]
        levels = [level for _, level in expected]
        bytes_ = to_bytes(np.array([COLD + STEP * level for level in levels], np.int16))
        assert (strip.frames == bytes_[:, None, None]).all()


# --- another roster --------------------------------------------------------------------------------


def after(site: Site, *specs: SensorSpec) -> Site:
    other = Site(*specs)
    other.preroll.follow(site.preroll)
    return other


def test_over_a_change_of_the_roster_strips_of_homes_that_stay_go_on() -> None:
    site = Site(camera("h0"), camera("h1"), camera("h2"))
    site.runs(0, 60, (0, 1, 2))
    site.attends(60, opened("h0"), opened("h1"), opened("h2"))
    site.runs(60, 61, (0, 1, 2))
    now = after(site, camera("h1"), camera("h2", room="hall"), camera("h9"))
    assert now.preroll.strips("h0") == [], "gone from the roster, gone from memory"
    assert at_s(now.strip("h2")) == [], "it looks at another room"
    now.runs(61, 62, (0, 1, 2))
    assert at_s(now.strip("h1")) == [*minute(60), *each(60, 62, 0.25)]
    assert at_s(now.strip("h9")) == [61.0]
    now.attends(70)
    now.runs(70, 71)
    assert at_s(now.strip("h1"))[-1] == 61.75


def test_where_no_camera_changes_the_minute_goes_on_too() -> None:
    site = Site(camera("h0"), camera("h1"))
    site.runs(0, 60, (0, 1))
    now = after(site, camera("h0"), camera("h1"))
    now.runs(60, 62, (0, 1))
    assert at_s(now.strip()) == minute(62)


# --- on the road -----------------------------------------------------------------------------------


def test_a_fall_that_the_lookout_suspects_is_kept_from_then_on_and_none_of_it_is_in_a_snapshot(
    tmp_path: Path,
) -> None:
    home = demo_homes(seed=1, n=1, fall_home=0, fall_at_s=30.0, duration_s=60.0)[0]
    spec = SensorSpec(
        home.home, home.sensor, "thermal", home.room, home.rows, home.cols, home.rate_hz, home.mount,
        home.height_m, home.fov_deg,
    )  # fmt: skip
    board = Board("s", [spec])
    lookout = Lookout(board, everything(), {(home.home, home.room): home.furniture})
    suspected_ms = 0
    for now_ms in range(T0, T0 + 50_000, 200):
        for i in np.flatnonzero((T0 + home.t_ms > now_ms - 200) & (T0 + home.t_ms <= now_ms)):
            t_ms = T0 + int(home.t_ms[i])
            topic = f"guardian/s/{home.home}/{home.sensor}/frame"
            board.frame(topic, pack_frame(home.centi[i], int(i), t_ms), t_ms)
        for found in lookout.look(now_ms):
            if not suspected_ms and any(c.kind is Kind.FALL_SUSPECTED for c in found):
                suspected_ms = now_ms
    (strip,) = lookout.preroll.strips(home.home)
    steps = np.diff(strip.t_ms)
    before = strip.t_ms[1:] <= suspected_ms
    assert suspected_ms > T0 + 30_000
    assert before.sum() > 20
    assert (steps[before][:-1] > 700).all()
    assert (steps[~before] <= 300).all()
    assert len(steps[~before]) > 40
    snapshot.save(tmp_path, Snapshot(1, lookout.snapshot()))
    (file,) = tmp_path.iterdir()
    assert not planted(strip.frames, file.read_bytes())
    snapshot.save(tmp_path, Snapshot(2, {**lookout.snapshot(), "board.strip": strip.frames}))
    assert planted(strip.frames, b"".join(f.read_bytes() for f in tmp_path.iterdir())), "it would be found"


class Once(SetClock):
    """One look, then the daemon stops."""

    async def wait(self, wake: asyncio.Event, until_ms: int | None) -> None:
        raise asyncio.CancelledError(wake, until_ms)


async def test_whatever_is_open_in_the_ledger_is_kept(tmp_path: Path) -> None:
    ledger = await Ledger.open(tmp_path / "ledger.db", inline=True)
    await ledger.transact(
        lambda tx: triage.take(tx, [concern(Kind.SOS, home="h1")], THREE, shipped_policy(), T0)
    )
    site = Site(camera("h0"), camera("h1"))
    site.runs(0, 2, (0, 1))
    with pytest.raises(asyncio.CancelledError):
        await preroll.attend(lambda: site.preroll, ledger, Once(T0 + 2_000))
    site.runs(2, 4, (0, 1))
    assert at_s(site.strip("h0")) == each(0, 4, 1)
    assert at_s(site.strip("h1")) == [*each(0, 2, 1), *each(2, 4, 0.25)]
    await ledger.close()


def planted(frames: NDArray[np.uint8], raw: bytes) -> bool:
    """Whether the picture lines of any frame stand in these bytes."""
    return any(frame[frame.shape[0] // 2].tobytes() in raw for frame in frames)
