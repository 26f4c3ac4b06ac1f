"""Faults between a device and Guardian, and what a real board makes of a faulty stream."""

import itertools
import math
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardian.board import Activity, Board, SensorSpec
from guardian.rounds import Rounds
from guardian.slab import NEVER
from guardian.wire.native import pack_event, pack_frame
from simulator.delivery import Carry, Delivery, deliver, deliver_events, deliver_frames, freeze
from simulator.faults import (
    BatteryDeath,
    ClockSkew,
    Dark,
    Delay,
    Duplicates,
    Fault,
    FrozenFrames,
    GatewayDark,
    Loss,
    Reordering,
    Stuck,
)
from simulator.outages import BLIND_S, SILENT_S, Rates, draw_faults, street, truth
from simulator.world import F64, I16, I64, Truth
from tests.thermal import everything

T = 1_700_000_000_000
FOREVER = math.inf


def ticks(seconds: float, rate_hz: float = 4.0) -> I64:
    return T + np.round(np.arange(int(seconds * rate_hz)) * 1000 / rate_hz).astype(np.int64)


def pictures(n: int) -> I16:
    """(n, 8, 8) frames of which no two are alike."""
    return np.random.default_rng(1).integers(2000, 2500, (n, 8, 8)).astype(np.int16)


def bytes_of(d: Delivery) -> bytes:
    return b"".join(a.tobytes() for a in (d.index, d.arrival_ms, d.device_ms, d.seq, d.boot, d.again))


# --- one stream ----------------------------------------------------------------------------------------


def test_without_faults_everything_arrives_as_it_was_made() -> None:
    t = ticks(60)
    d = deliver(t, (), 1, start_ms=T)
    assert d.index.tolist() == d.seq.tolist() == list(range(240))
    assert (d.arrival_ms == t).all()
    assert (d.device_ms == t).all()
    assert not d.boot.any()
    assert not d.again.any()


def test_a_battery_fades_reboots_dies_and_comes_back_as_a_new_boot() -> None:
    t = ticks(4 * 3600, 0.1)
    dying = BatteryDeath(7200, 10_800, "pir", fading_s=3600, reboots=3)
    d = deliver(t, (dying,), 1, start_ms=T, sensor="pir")
    s = (t[d.index] - T) / 1000
    assert (s < 3600).sum() == 360
    assert not ((s >= 7200) & (s < 10_800)).any()
    early, late = ((s >= 3600) & (s < 5400)).sum(), ((s >= 5400) & (s < 7200)).sum()
    assert 180 > early > late > 180 / 3  # a growing share is lost, up to a half
    assert set(d.boot[s < 3600]) == {0}
    assert set(d.boot[s >= 10_800]) == {4}
    assert d.seq[s >= 10_800].tolist() == list(range(360))
    other = deliver(t, (dying,), 1, start_ms=T, sensor="door")
    assert len(other.index) == len(t)


def test_a_gap_in_the_sequence_tells_loss_from_a_device_that_was_off() -> None:
    t = ticks(300)
    line = deliver(t, (GatewayDark(100, 200, power=False),), 1, start_ms=T, frames=True)
    power = deliver(t, (GatewayDark(100, 200),), 1, start_ms=T, frames=True)
    for d in (line, power):
        assert len(d.index) == 800
    assert line.seq.max() == 1199
    assert np.diff(line.seq).max() == 401
    assert power.boot.tolist() == [0] * 400 + [1] * 400
    assert power.seq.tolist() == [*range(400), *range(400)]


def test_events_wait_in_the_gateway_while_only_the_line_is_down() -> None:
    t = ticks(3600, 0.1)
    down = GatewayDark(1000, 2000, power=False)
    d = deliver(t, (down,), 1, start_ms=T, sensor="pir")
    assert d.index.tolist() == list(range(360))  # nothing lost, and in order
    held = (t >= T + 1_000_000) & (t < T + 2_000_000)
    assert (d.arrival_ms[held] >= T + 2_000_000).all()
    assert (d.arrival_ms[held] <= T + 2_001_000).all()
    assert (d.arrival_ms[~held] - t[~held] <= 1000).all()
    lost = deliver(t, (GatewayDark(1000, 2000),), 1, start_ms=T, sensor="pir")
    assert len(lost.index) == 260
    for_good = deliver(t, (GatewayDark(1000, FOREVER, power=False),), 1, start_ms=T, sensor="pir")
    assert len(for_good.index) == 100


def test_what_is_late_stays_in_order_and_what_overtakes_does_not() -> None:
    t = ticks(600)
    late = deliver(t, (Delay(100, 300, 30),), 1, start_ms=T)
    assert late.index.tolist() == list(range(2400))
    delay_s = (late.arrival_ms - t) / 1000
    inside = (t >= T + 100_000) & (t < T + 300_000)
    assert delay_s[inside].min() >= 15
    assert delay_s[inside].max() <= 45
    assert delay_s[inside].std() > 1
    assert not delay_s[t < T + 100_000].any()
    assert not delay_s[t >= T + 345_000].any()

    mixed = deliver(t, (Reordering(100, 300, 5),), 1, start_ms=T)
    assert sorted(mixed.index) == list(range(2400))
    assert (np.diff(mixed.index) < 0).sum() > 100
    assert (mixed.arrival_ms - t[mixed.index]).max() <= 5000


def test_copies_are_like_their_originals_and_follow_them() -> None:
    t = ticks(3600, 1)
    d = deliver(t, (Duplicates(0, FOREVER, share=0.2, most=4, within_s=20),), 1, start_ms=T)
    assert 0.4 < d.again.sum() / len(t) < 0.6  # a fifth comes again, 2.5 times on average
    first: dict[int, tuple[int, int, int]] = {}
    for i, arrival, seq, device, again in zip(
        d.index.tolist(), d.arrival_ms.tolist(), d.seq.tolist(), d.device_ms.tolist(), d.again, strict=True
    ):
        assert again == (i in first)
        before = first.setdefault(i, (arrival, seq, device))
        assert (seq, device) == before[1:]
        assert before[0] <= arrival <= before[0] + 20_000
    assert np.bincount(d.index).max() <= 5


def test_a_wrong_clock_changes_device_times_and_nothing_else() -> None:
    t = ticks(100_000, 0.01)
    skew = ClockSkew(20_000, 60_000, -86_400, drift_ppm=100)
    d = deliver(t, (skew,), 1, start_ms=T)
    assert (d.arrival_ms == t).all()
    off_s = (d.device_ms - t) / 1000
    assert off_s[[0, 199, 600]].tolist() == [0, 0, 0]
    assert off_s[200] == -86_400
    assert off_s[599] == pytest.approx(-86_400 + 3.99, abs=0.01)
    ancient = deliver(t, (ClockSkew(0, FOREVER, -1e11),), 1, start_ms=T)
    assert (ancient.device_ms == 1).all()  # a device cannot count below 1970, and 0 means unknown


def test_a_frozen_sensor_shows_its_last_frame_with_fresh_stamps() -> None:
    t, centi = ticks(30), pictures(120)
    sent = deliver_frames((FrozenFrames(10, 20, "cam"),), "cam", t, centi, Carry(), seed=1, start_ms=T)
    assert (sent.centi[40:80] == centi[39]).all()
    assert (sent.centi[:40] == centi[:40]).all()
    assert (sent.centi[80:] == centi[80:]).all()
    assert (sent.device_ms == t).all()
    assert sent.seq.tolist() == list(range(120))
    asleep = freeze(centi, (t - T) / 1000, (FrozenFrames(0, 5, "cam"),))
    assert (asleep[:20] == centi[0]).all()  # frozen from the first frame on


def test_a_stuck_sensor_says_the_same_again_whatever_happens() -> None:
    t = ticks(7200, 1 / 60)
    value = np.arange(120.0) % 2
    sent = deliver_events((Stuck(1800, 5400, "door", 600),), "door", t, value, seed=1, start_ms=T)
    stuck = (sent.arrival_ms >= T + 1_800_000) & (sent.arrival_ms < T + 5_400_000)
    assert ((sent.arrival_ms[stuck] - T) / 1000).tolist() == [1800, 2400, 3000, 3600, 4200, 4800]
    assert set(sent.value[stuck]) == {1.0}  # what it said at 29 min
    assert sent.value[~stuck].tolist() == [*value[:30], *value[90:]]
    assert sent.seq.tolist() == list(range(66))
    mute = deliver_events((Stuck(0, 60, "door"),), "door", t[:0], value[:0], seed=1, start_ms=T)
    assert len(mute.value) == 0


def test_a_share_is_lost() -> None:
    d = deliver(ticks(10_000), (Loss(0, FOREVER, 0.1),), 1, start_ms=T)
    assert 0.08 < 1 - len(d.index) / 40_000 < 0.12
    assert d.seq.max() == 39_999


ALL: tuple[Fault, ...] = (
    Loss(5, 50, 0.3),
    Duplicates(10, 70, 0.3, 3, 5.0),
    Reordering(20, 60, 2.0),
    Delay(30, 40, 3.0),
    Delay(62, 66, backlog=True),
    ClockSkew(15, 90, 3600, 50),
    Dark(70, 75, "cam"),
    GatewayDark(80, 84),
    GatewayDark(90, 93, power=False),
    FrozenFrames(54, 61, "cam"),
    BatteryDeath(95, 97, "cam", fading_s=10),
)


def told(parts: Iterable[tuple[I64, I64, I64, I16]]) -> list[tuple[int, int, int, bytes]]:
    return sorted(
        (int(a), int(d), int(s), c.tobytes())
        for arrival, device, seq, centi in parts
        for a, d, s, c in zip(arrival, device, seq, centi, strict=True)
    )


@settings(max_examples=30, deadline=None)
@given(cuts=st.lists(st.integers(0, 400), max_size=6), seed=st.integers(0, 2**32))
def test_it_does_not_matter_where_a_stream_is_cut(cuts: list[int], seed: int) -> None:
    t, centi = ticks(100), pictures(400)

    def sent(edges: list[int]) -> list[tuple[int, int, int, bytes]]:
        carry, out = Carry(), []
        for a, b in itertools.pairwise(edges):
            s = deliver_frames(ALL, "cam", t[a:b], centi[a:b], carry, seed=seed, start_ms=T)
            carry = s.carry
            out.append((s.arrival_ms, s.device_ms, s.seq, s.centi))
        return told(out)

    assert sent([0, *sorted(cuts), 400]) == sent([0, 400])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), one=st.sampled_from(ALL), more=st.sampled_from(ALL))
def test_same_seed_same_bytes_and_a_fault_elsewhere_changes_nothing(
    seed: int, one: Fault, more: Fault
) -> None:
    t = ticks(100)

    def run(*faults: Fault) -> Delivery:
        return deliver(t, faults, seed, start_ms=T, sensor="cam", frames=True)

    assert bytes_of(run(one)) == bytes_of(run(one))
    later = Loss(500, 600, 1.0)  # after the last reading
    elsewhere = Dark(0, FOREVER, "other")
    assert bytes_of(run(one, later, elsewhere)) == bytes_of(run(one))
    both = run(one, more)
    assert (np.diff(both.arrival_ms) >= 0).all()
    assert set(both.index) <= set(range(400))
    assert (both.device_ms >= 1).all()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Dark(-1, 5, "x"), "from -1 s to 5 s"),
        (lambda: Dark(9, 5, "x"), "from 9 s to 5 s"),
        (lambda: Loss(0, 5, 1.5), r"rest -0\.5"),
        (lambda: Duplicates(0, 5, most=0), "most -1"),
        (lambda: deliver(ticks(5)[::-1], (), 1, start_ms=T), "t_ms goes back"),
    ],
)
def test_nonsense_is_refused(make: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()  # type: ignore[operator]  # each one is a call


# --- what a real board makes of it -----------------------------------------------------------------------

SPECS = [
    SensorSpec("h1", "cam", "thermal", "living", 8, 8, 4.0, "ceiling", 2.5, 60.0),
    SensorSpec("h1", "pir", "pir", "living"),
    SensorSpec("h2", "cam", "thermal", "living", 8, 8, 4.0, "ceiling", 2.5, 60.0),
]


class Heard:
    """A board to which one stream of each kind was played in order of arrival, a beat every 200 ms."""

    def __init__(self, faults: tuple[Fault, ...], seconds: float = 120.0) -> None:
        self.board = Board("s", SPECS)
        rounds = Rounds(self.board, everything(), "UTC")
        group = self.board.groups[8, 8]
        self.t_ms: list[int] = []
        self.dt_s: list[float] = []
        self.people: list[int] = []
        self.activity: list[int] = []
        self.fresh = 0
        messages: list[tuple[int, int, str, bytes]] = []
        t, centi = ticks(seconds), pictures(int(seconds * 4))
        for home, of_home in (("h1", faults), ("h2", ())):
            f = deliver_frames(of_home, "cam", t, centi, Carry(), seed=1, start_ms=T)
            messages += [
                (int(a), len(messages), f"guardian/s/{home}/cam/frame", pack_frame(c, int(s), int(d)))
                for a, s, d, c in zip(f.arrival_ms, f.seq, f.device_ms, f.centi, strict=True)
            ]
        moved = ticks(seconds, 0.25)
        e = deliver_events(faults, "pir", moved, np.ones(len(moved)), seed=1, start_ms=T)
        messages += [
            (int(a), len(messages), "guardian/s/h1/pir/event",
             pack_event(1, t_ms=int(d), boot=f"b{b}", seq=int(s)))
            for a, s, d, b in zip(e.arrival_ms, e.seq, e.device_ms, e.boot, strict=True)
        ]  # fmt: skip
        self.events = e
        messages.sort()
        at = 0
        for now in range(T, int(T + seconds * 1000) + 60_000, 200):
            while at < len(messages) and messages[at][0] <= now:
                arrival, _, topic, payload = messages[at]
                (self.board.frame if topic.endswith("frame") else self.board.event)(topic, payload, arrival)
                at += 1
            self.fresh += len(self.board.fold(self.board.take_events(now)))
            for _, frames in self.board.batches(now):
                mine = frames.sensor == 0
                self.t_ms += frames.t_ms[mine].tolist()
                self.dt_s += frames.dt_s[mine].tolist()
                n = len(frames.sensor)
                nobody, nowhere = np.zeros(n, np.int8), np.full(n, np.nan, np.float32)
                posture = np.ones(n, np.int8)  # it looks, and sees nobody
                self.board.see(group, frames.sensor, nobody, posture, nowhere, nowhere, nowhere, now)
            rounds.go(now)
            state = self.board.state(now)
            self.people.append(int(state.people[0]))
            self.activity.append(int(state.activity[0]))
        self.state = self.board.state(now)


@pytest.fixture(scope="module")
def sound() -> Heard:
    return Heard(())


def test_duplicates_are_counted_once(sound: Heard) -> None:
    heard = Heard((Duplicates(0, FOREVER, share=0.5, most=4, sensor="pir"),))
    copies = int(heard.events.again.sum())
    assert copies > 20
    assert heard.board.duplicates == copies
    assert heard.fresh == sound.fresh == 30
    assert heard.state.last_life_ms.tolist() == sound.state.last_life_ms.tolist()


def test_clocks_that_are_days_off_are_harmless(sound: Heard) -> None:
    for offset_s in (-86_400.0, 40.0, 1e8, -1e11):
        heard = Heard((ClockSkew(0, FOREVER, offset_s),))
        assert heard.t_ms == sound.t_ms
        np.testing.assert_array_equal(heard.dt_s, sound.dt_s)
        assert heard.state.last_life_ms.tolist() == sound.state.last_life_ms.tolist()
        assert heard.fresh == 30
        assert heard.board.duplicates == 0


def test_a_clock_that_is_set_in_the_middle_costs_no_step(sound: Heard) -> None:
    heard = Heard((ClockSkew(30, 60, 7200),))
    assert heard.t_ms == sound.t_ms
    np.testing.assert_allclose(heard.dt_s[1:], 0.25)


def test_late_frames_keep_their_own_steps_and_never_run_backwards() -> None:
    for fault in (Delay(30, 60, 1.0, sensor="cam"), Reordering(30, 60, 1.5, sensor="cam")):
        heard = Heard((fault,))
        assert len(heard.t_ms) == 480
        assert (np.diff(heard.t_ms) >= 0).all()
        assert np.nanmin(heard.dt_s) > 0
        if isinstance(fault, Delay):
            np.testing.assert_allclose(heard.dt_s[1:], 0.25)


def test_every_event_counts_once_in_whatever_order_it_comes(sound: Heard) -> None:
    heard = Heard((Reordering(0, FOREVER, 30, "pir"), Duplicates(0, FOREVER, 0.3, 2, sensor="pir")))
    assert (np.diff(heard.events.seq) < 0).any()
    assert heard.fresh == sound.fresh
    assert heard.board.duplicates == heard.events.again.sum()


def test_a_dark_home_is_unknown_not_empty_and_no_other_home_notices(sound: Heard) -> None:
    heard = Heard((GatewayDark(40, 80),))
    beats = slice(round(46 / 0.2), round(80 / 0.2))
    assert set(sound.people[beats]) == {0}
    assert set(heard.people[beats]) == {-1}
    assert Activity.ABSENT not in heard.activity[beats]
    assert heard.people[round(81 / 0.2)] == 0
    gaps = np.flatnonzero(np.isnan(heard.dt_s))
    assert gaps.tolist() == [0, 160]  # the first frame, and the first one after the dark: memory is reset
    assert heard.t_ms[160] - heard.t_ms[159] >= 40_000
    assert heard.state.last_life_ms[1] == sound.state.last_life_ms[1] == NEVER
    assert heard.board.frames_dropped.tolist() == [0, 0]


def test_a_backlog_of_frames_costs_only_its_own_home() -> None:
    heard = Heard((Delay(40, 80, backlog=True, sensor="cam"),))
    dropped = heard.board.frames_dropped
    assert dropped[0] > 100
    assert dropped[1] == 0
    assert len(heard.t_ms) + dropped[0] == 480


def test_a_reboot_does_not_break_the_steps() -> None:
    heard = Heard((Dark(40, 44, "cam"),))
    assert np.flatnonzero(np.isnan(heard.dt_s)).tolist() == [0]  # 4 s are no gap
    assert heard.dt_s[160] == pytest.approx(4.25)
    np.testing.assert_allclose(np.delete(heard.dt_s, [0, 160]), 0.25)


# --- which faults, and what they make true ---------------------------------------------------------------

SENSORS = {"cam": "thermal", "pir": "pir", "air": "temperature"}


def test_truth_begins_at_the_onset_and_says_each_thing_once() -> None:
    day = 86_400.0
    rows = truth(
        (
            GatewayDark(1000, 2000),
            Dark(1500, 2500, "cam"),  # within the same darkness
            Dark(5000, 5000 + BLIND_S - 1, "cam"),  # too short
            FrozenFrames(8000, 9000, "cam"),
            BatteryDeath(2 * day, 9 * day, "pir"),
            Stuck(3 * day, 3 * day + SILENT_S - 1, "air"),  # within a day
            Delay(0, day),
            ClockSkew(0, day, 5),
        ),
        SENSORS,
        until_s=5 * day,
    )
    assert rows == (
        Truth(1000, 2500, "blind"),
        Truth(8000, 9000, "sensor-fault"),
        Truth(2 * day, 5 * day, "sensor-fault"),
    )
    assert truth((GatewayDark(1000, 2000),), {"pir": "pir"}, 1e6) == ()  # a quiet hour of a home without eyes


def test_faults_come_as_often_as_the_rates_say_and_a_sensor_more_changes_none() -> None:
    months = 2000.0
    found = draw_faults(1, SENSORS, 720 * months)
    rates = Rates()
    for kind, expected in (
        (BatteryDeath, 2 * rates.battery_deaths),
        (FrozenFrames, rates.frozen),
        (Stuck, 2 * rates.stuck),
        (Dark, 3 * rates.dark),
        (GatewayDark, rates.gateway_dark),
        (ClockSkew, 3 * rates.clock_skew),
    ):
        n = sum(isinstance(f, kind) for f in found)
        assert abs(n - expected * months) < 4 * math.sqrt(expected * months), kind
    assert [f.start_s for f in found] == sorted(f.start_s for f in found)
    more = draw_faults(1, {"new": "door", **SENSORS}, 720 * months)
    assert [f for f in more if getattr(f, "sensor", "") != "new"] == list(found)


def test_a_street_goes_dark_in_seconds_and_one_home_keeps_its_eyes() -> None:
    homes = [f"h{i}" for i in range(500)]
    cut = street(1, homes, start_s=600, spared=["h7"])
    assert len(cut.dark_s) == 499
    assert cut.of_home("h7") == ()
    (mine,) = cut.of_home("h8")
    assert isinstance(mine, GatewayDark)
    assert mine.power
    dark, back = np.array([*cut.dark_s.values()]), np.array([*cut.back_s.values()])
    assert 600 <= dark.min() < dark.max() <= 610
    assert 2400 <= back.min() < back.max() <= 2460
    assert street(1, homes, start_s=600).dark_s["h8"] == cut.dark_s["h8"]


def test_values_are_left_alone() -> None:
    value: F64 = np.arange(5.0)
    centi = pictures(5)
    keep_value, keep_centi = value.copy(), centi.copy()
    t = ticks(5, 1)
    deliver_events((Stuck(1, 4, "x", 1),), "x", t, value, seed=1, start_ms=T)
    deliver_frames((FrozenFrames(1, 4, "x"),), "x", t, centi, Carry(), seed=1, start_ms=T)
    assert (value == keep_value).all()
    assert (centi == keep_centi).all()
