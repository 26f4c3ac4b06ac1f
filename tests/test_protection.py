"""Protection: what could be detected in every home, why not, for how long; gaps and programmes."""

from zoneinfo import ZoneInfo

import numpy as np
import pytest

from alerting.concern import Kind
from guardian.board import Activity
from guardian.home_rows import rows_of
from guardian.protection import DAYS, Gap, Protection, Reach, Reason, coverage, fresh, gap_list
from guardian.rounds import moment_at
from simulator.bench.health import false_blind, run_health
from tests.test_sensorhealth import HOUR, MIN, Story, camera, event, events_only, flat


def reasons(story: Story, home: str) -> dict[str, Reason]:
    state = story.lookout.protection.state
    row = story.board.homes.index(home)
    rooms = {
        f"fall in {name}": Reason(state.fall[i])
        for i, (owner, name) in enumerate(story.board.room_names)
        if owner == home
    }
    of_home = {k: Reason(getattr(state, k)[row]) for k in ("silence", "climate", "fire", "help")}
    return rooms | of_home


def test_every_room_and_danger_has_its_own_answer() -> None:
    story = Story([*flat("h"), event("k", "pir", "pir")])
    story.play(3 * MIN)
    assert reasons(story, "h") == {
        "fall in living": Reason.DETECTABLE,
        "fall in bedroom": Reason.DETECTABLE,
        "fall in hall": Reason.NO_SENSOR,
        "silence": Reason.DETECTABLE,
        "climate": Reason.DETECTABLE,
        "fire": Reason.DETECTABLE,
        "help": Reason.DETECTABLE,
    }
    assert reasons(story, "k") == {
        "fall in living": Reason.NO_SENSOR,
        "silence": Reason.DETECTABLE,
        "climate": Reason.NO_SENSOR,
        "fire": Reason.NO_SENSOR,
        "help": Reason.NO_SENSOR,
    }
    story.views["h", "cam"] = lambda _t: None
    story.board.status("guardian/s/h/help/status", b'{"state":"offline"}')
    story.play(4 * MIN, lambda _k: story.hear("h", "pir", 1))
    after = reasons(story, "h")
    assert after["fall in living"] == Reason.DARK
    assert after["fall in bedroom"] == Reason.DETECTABLE
    assert after["help"] == Reason.DARK


def test_nothing_is_protected_before_it_was_seen_and_the_board_shows_it() -> None:
    story = Story([*flat("h"), *events_only("k")])
    assert [r.blind for r in rows_of(story.board, {}, story.now_ms, story.lookout.protection)] == [True, True]
    story.play(3 * MIN)
    assert [r.blind for r in rows_of(story.board, {}, story.now_ms, story.lookout.protection)] == [
        False,
        False,
    ]
    for name in ("cam", "cam2"):
        story.views["h", name] = lambda _t: None
    story.play(10_000)  # the board needs no minute to know that nobody looks
    assert [r.blind for r in rows_of(story.board, {}, story.now_ms, story.lookout.protection)] == [
        True,
        False,
    ]


def test_a_warm_room_is_no_blind_home_but_no_fall_is_promised_there() -> None:
    story = Story([camera("h")])
    rng = np.random.default_rng(1)
    story.views["h", "cam"] = lambda _t: np.round(3_620 + 20 * rng.standard_normal((8, 8))).astype(np.int16)
    said = story.play(5 * MIN)
    assert reasons(story, "h")["fall in living"] == Reason.TOO_WARM
    assert reasons(story, "h")["fire"] == Reason.DETECTABLE
    row = rows_of(story.board, {}, story.now_ms, story.lookout.protection)[0]
    assert (row.blind, row.degraded) == (False, True)
    assert [c for c in said if c.kind is Kind.BLIND] == []


def test_who_is_out_is_not_unprotected_and_what_staff_suspend_is_shown_so() -> None:
    story = Story(flat("h"))
    story.play(3 * MIN)
    story.hear("h", "front", 0)
    story.play(1000)
    story.hear("h", "front", 1)
    story.play(5 * MIN)
    assert reasons(story, "h")["fall in living"] == Reason.AWAY
    assert reasons(story, "h")["silence"] == Reason.AWAY
    assert not story.lookout.protection.state.blind[0]
    watch = story.health
    known = story.board.state(story.now_ms)
    moment = moment_at(story.now_ms, ZoneInfo("Asia/Shanghai"))
    yes = np.array([True])
    watch.protection.minute(watch.now, watch.state.cameras, known, ~yes, moment, paused=yes)
    assert reasons(story, "h")["fall in living"] == Reason.PAUSED
    assert reasons(story, "h")["help"] == Reason.DETECTABLE


def test_protected_minutes_are_counted_by_local_day_and_outlive_a_restart() -> None:
    story = Story(events_only("h"))
    day = moment_at(story.now_ms, ZoneInfo("Asia/Shanghai")).day
    story.minutes(23 * 60)
    story.restart(0)
    story.minutes(2 * 60)
    protection = story.lookout.protection
    assert protection.minutes_of(day).tolist() == [1439]  # the look at midnight belongs to the next day
    assert protection.minutes_of(day + 1).tolist() == [61]
    assert protection.minutes_of(day + 2).tolist() == [0]
    assert protection.minutes_of(day - DAYS).tolist() == [0]


def test_a_gap_begins_when_protection_was_last_seen_and_knows_what_was_done_before() -> None:
    story = Story([*flat("h"), *flat("k")])
    story.play(5 * MIN)
    begun = story.now_ms
    for name in ("cam", "cam2"):
        story.views["h", name] = lambda _t: None
    story.play(5 * MIN)
    (gap,) = gap_list(story.board.homes, story.lookout.protection.state, 0)
    assert gap == Gap("h", gap.from_ms, None, Activity.ABSENT, Reason.GATEWAY)
    assert 0 <= gap.from_ms - begun <= 3 * MIN
    for name, k in (("cam", 0), ("cam2", 2)):
        story.views["h", name] = Story(flat("h")).views["h", name]
        assert k is not None
    story.play(3 * MIN)
    (gap,) = gap_list(story.board.homes, story.lookout.protection.state, 0)
    assert gap.to_ms is not None
    assert story.now_ms - gap.to_ms <= 3 * MIN
    assert gap_list(story.board.homes, story.lookout.protection.state, gap.to_ms + 1) == []


def test_a_restart_leaves_a_gap_of_all_homes_with_ourselves_as_the_reason() -> None:
    story = Story([*flat("h"), *flat("k")])
    story.play(5 * MIN)
    down_from = story.now_ms
    story.restart(HOUR)
    story.play(3 * MIN)
    gaps = gap_list(story.board.homes, story.lookout.protection.state, 0)
    assert [(g.home, g.reason) for g in gaps] == [("h", Reason.OURSELVES), ("k", Reason.OURSELVES)]
    for g in gaps:
        assert g.to_ms is not None
        assert down_from - MIN <= g.from_ms <= down_from
        assert down_from + HOUR <= g.to_ms <= down_from + HOUR + 2 * MIN


def test_the_list_of_gaps_goes_by_risk_then_by_length() -> None:
    homes = ("rest", "long", "fell", "bed", "bath", "floor", "none")
    story = Story([event(h, "pir", "pir") for h in homes])
    state = fresh(story.board.layout)
    state.gap_from_ms[:6] = 1_000_000
    state.gap_to_ms[:6] = 1_100_000
    state.gap_to_ms[1] = 1_900_000
    state.gap_activity[:] = Activity.SITTING
    state.gap_activity[3] = Activity.LYING_IN_BED
    state.gap_activity[5] = Activity.LYING_ON_FLOOR
    state.gap_bathroom[4] = True
    fell = np.array([h == "fell" for h in homes])
    assert [g.home for g in gap_list(homes, state, 0, fell)] == [
        "floor",
        "bath",
        "bed",
        "fell",
        "long",
        "rest",
    ]
    assert [g.home for g in gap_list(homes, state, 1_500_000, fell)] == ["long"]
    assert [g.home for g in gap_list(homes, state, 0, fell, least_ms=500_000)] == ["long"]


def test_a_programme_reaches_as_many_as_take_part_are_equipped_and_are_seen() -> None:
    programmes = {"a": ("nest", "single"), "b": ("nest",), "c": ("nest",), "d": ("nest",), "z": ("single",)}
    reach = coverage(
        programmes,
        frozenset("abcz"),
        ("a", "b", "c"),
        equipped=np.array([True, True, False]),
        blind=np.array([False, True, False]),
    )
    assert reach == {"nest": Reach(4, 3, 2, 1), "single": Reach(2, 2, 1, 1)}


def test_who_has_neither_camera_nor_motion_sensor_is_not_equipped() -> None:
    story = Story([camera("h"), event("k", "pir", "pir"), event("m", "help", "button")])
    assert Protection(story.board.layout).equipped.tolist() == [True, True, False]
    story.play(3 * MIN)
    assert reasons(story, "m")["silence"] == Reason.NO_SENSOR
    assert reasons(story, "m")["help"] == Reason.DETECTABLE


@pytest.mark.slow
@pytest.mark.parametrize(
    ("frame_s", "burst", "most"), [(5.0, 1.0, 0), (30.0, 1.0, 0), (60.0, 1.0, 0), (5.0, 4.0, 20)]
)
def test_one_percent_of_lost_frames_makes_hardly_a_home_blind(
    frame_s: float, burst: float, most: int
) -> None:
    """At most one in a home and week. Lost in bursts of 20 s on average, two minutes in a row go at times."""
    told = false_blind(20, 7.0, loss=0.01, frame_s=frame_s, burst=burst, seed=21)
    assert told["home_weeks"] == 20
    assert told["blind"] <= most


def test_the_bench_measures_both() -> None:
    figures = run_health(homes=2_000, naive_homes=20, rounds=3)
    assert 0 < figures["minute_cpu_ms"] < figures["naive_cpu_ms"]
    assert false_blind(10, 0.1, loss=0.9, frame_s=5.0, burst=60.0, seed=21)["blind"] > 0  # it can find some
