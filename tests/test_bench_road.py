"""The road bench: a small run loses no event and finds every fall that it plays; it says what was full."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from alerting.concern import Kind
from simulator.bench import road, road_film
from simulator.bench.road_daemon import Tape
from simulator.bench.road_figures import figures, table
from simulator.bench.road_film import Cast, Film
from simulator.bench.road_plan import Plan, ambient, home, value

KEYS = {  # DESIGN section 10
    "finding_ms_p50",
    "finding_ms_p99",
    "beat_lag_ms_p99",
    "events_lost",
    "frames_dropped",
    "rss_kb_per_home",
    "daemon_cpu_us_per_frame",
    "broker_cpu_us_per_frame",
}


def test_a_small_run_loses_no_event_and_finds_every_fall() -> None:
    said: list[str] = []
    options = road.Options(seconds=5.0, stories=2, falls=6, burst=3.0, calm_s=3.0, flood_s=3.0)
    told = road.run_road([20], options, said.append)
    of = told["homes"]["20"]
    assert set(of) >= KEYS
    assert of["events_lost"] == 0
    assert of["events"] > 0
    assert (of["falls_found"], of["falls"]) == (6, 6)
    assert of["findings"] >= 6
    assert 0 <= of["finding_ms_p50"] <= of["finding_ms_p99"] <= of["finding_ms_max"]
    assert of["frames"] == 20 * 4 * (2 + 3 * 5 + 3)  # before, three times as much, after
    assert 0 <= of["frames_dropped"] <= of["frames"]
    assert all(of[key] > 0 for key in ("daemon_cpu_us_per_frame", "broker_cpu_us_per_frame", "beats"))
    assert of["burst_drained_s"] <= 30
    assert told["without_broker_frames_per_second"] > 0
    text = table(told)
    assert all(word in text for word in ("beat lag", "kB/home", "3 times as much", "without the broker"))
    assert len(said) == 4


@pytest.fixture(scope="module")
def film() -> Film:
    """Two rooms of five frames and a story of 60, each frame with its number in every pixel."""
    numbers = np.arange(2 * 2 * 5 + 60, dtype=np.int16)[:, None, None] + np.zeros((2, 3), np.int16)
    empty, lived, story = np.split(numbers, [10, 20])
    return Film(
        4.0,
        2.5,
        60.0,
        empty.reshape(2, 5, 2, 3),
        lived.reshape(2, 5, 2, 3),
        story[None],
        np.array([30]),
        np.zeros((3, 2, 4), np.float32),
    )


def test_homes_are_empty_at_first_and_nobody_jumps(film: Film) -> None:
    cast = Cast.of(film, 40, 0, (0, 0), lived=0.5, seed=1)
    homes = np.arange(40)
    turns = np.arange(-240, 40)
    shown = np.array([cast.shown(homes, np.full(40, turn)) for turn in turns])
    empty, lived = shown[turns < -60], shown[turns >= -60]
    assert (empty < 10).all()
    assert ((lived >= 10) == cast.lived).all()
    assert 0 < cast.lived.sum() < 40
    for part in (empty, lived):
        assert (np.abs(np.diff(part, axis=0)) == 1).all()


def test_who_falls_is_at_rest_at_the_turn_that_was_drawn_and_lies_there(film: Film) -> None:
    cast = Cast.of(film, 40, 3, (10, 50), lived=0.5, seed=1)
    fallen = cast.fallen
    assert sorted(cast.falls_at[fallen].tolist()) == [10, 30, 50]
    at_rest = np.array([cast.shown(np.array([h]), cast.falls_at[[h]])[0] for h in fallen])
    assert (at_rest == 20 + 30).all()
    later = np.array([cast.shown(fallen, np.full(3, turn)) for turn in range(100, 200)])
    assert later.min() >= 20 + 60 - 32
    assert later.max() == 20 + 59


def test_a_film_comes_back_from_its_file(film: Film, tmp_path: Path) -> None:
    film.save(tmp_path / "film.npz")
    again = Film.load(tmp_path / "film.npz")
    assert (again.rate_hz, again.height_m, again.fov_deg) == (4.0, 2.5, 60.0)
    assert np.array_equal(again.pictures(), film.pictures())


def test_only_falls_that_are_found_are_played() -> None:
    with pytest.raises(ValueError, match="of 2 falls the detectors find 0"):
        road_film.film("mlx90640", 1, rooms=1, stories=2, tries=1, wanted=frozenset({Kind.FIRE}))


def test_every_home_has_its_own_topics_and_kinds_of_the_roster() -> None:
    names = [name for name, _, _ in ambient(8)]
    assert len(set(names)) == 8
    assert home(7) != home(70)
    assert {value(kind, turn) for _, kind, _ in ambient(6) for turn in (0, 1)} >= {0, 1}


def told(**changes: Any) -> Mapping[str, Any]:
    """Give what the processes of a run of two homes and ten seconds say."""
    seen = {
        "frames": 100,
        "frames_dropped": 10,
        "events_committed": 11,
        "resident_kb": 1200,
        "found": [["h00000", "fall-suspected", 5_000, 120], ["h00001", "fall-suspected", 900, 80]],
        "lag_ms": [0, 0, 40],
        "took_ms": [30, 50, 240],
        "counted_frames": 80,
        "counted_ms": 10_000,
        "ages": [[11_500, 200], [12_000, 2_600], [13_000, 300]],
        "event_waits_ms": [[10_500, 4_000], [11_900, 90]],
    }
    whole: dict[str, Any] = {
        "cpu_s": {"broker": 1.0, "daemon": 9.5, "load": 0.5},
        "others_s": 3.0,
        "from_ms": 1_000,
        "until_ms": 11_000,
        "fallen": [0],
        "up": {"base_kb": 1000},
        "sent": {"frames": 110, "events": 12, "late_ms_p99": 3.0},
        "seen": seen,
        "grown": [(0.0, 1_100, 40), (10 / 3600, 1_200, 41)],
    }
    for name, value_ in changes.items():
        whole[name] = {**whole[name], **value_} if isinstance(value_, dict) else value_
    return whole


PLAN = Plan("", "", homes=2, falls=1, seconds=10.0, seed=1)


def test_figures_count_what_was_lost_anywhere_and_name_who_was_full() -> None:
    of = figures(PLAN, told())
    assert (of["frames_dropped"], of["frames_dropped_by_daemon"], of["events_lost"]) == (20, 10, 1)
    assert (of["findings"], of["finding_ms_max"]) == (1, 120)  # what was found before is not counted
    assert (of["falls_found"], of["falls_confirmed"]) == (1, 0)
    assert (of["rss_kb_per_home"], of["daemon_cpu_us_per_frame"]) == (100, 118_750)
    assert (of["limit"], of["beat_lag_ms_p50"]) == ("daemon", 0)
    assert figures(PLAN, told(cpu_s={"daemon": 5.0}))["limit"] == "nothing"
    late = told(cpu_s={"daemon": 5.0}, sent={"late_ms_p99": 80.0})
    assert figures(PLAN, late)["limit"] == "load"


def test_a_burst_is_drained_when_its_events_are_committed_and_beats_look_at_new_frames() -> None:
    plan = Plan("", "", homes=2, falls=1, seconds=10.0, seed=1, burst=3.0, burst_s=10.0, calm_s=30.0)
    assert figures(plan, told())["burst_drained_s"] == 3.5  # an event sent within it
    quick = told(seen={"event_waits_ms": [[10_500, 90], [11_900, 9_000]]})
    assert figures(plan, quick)["burst_drained_s"] == 1.0  # a beat one second after it still looked back
    brief = msgspec.structs.replace(plan, calm_s=0.5)
    assert figures(brief, quick)["burst_drained_s"] == 0.0  # after the load there is nothing to look at
    assert figures(plan, told(seen={"ages": [], "event_waits_ms": []}))["burst_drained_s"] == 0.0
    assert "burst_drained_s" not in figures(PLAN, told())


def test_growth_is_told_of_long_runs_after_warm_up() -> None:
    rising = [(h / 100, 1024 * (200 + min(h, 25)) + 31 * (h - 25), 40 + (h == 3)) for h in range(101)]
    of = figures(PLAN, told(grown=rising))
    assert of["rss_mb_per_hour"] == pytest.approx(3.03, abs=0.01)
    assert of["rss_mb_from_to"] == pytest.approx([225.0, 227.3], abs=0.1)
    assert of["rss_mb_by_minute"][::30] == pytest.approx([200, 225.8], abs=1.0)
    assert of["files_least_most"] == [40, 40], "one file more for a moment while warming up is no leak"
    assert "+3.03 MB an hour; 40 to 40 files open" in table({"homes": {"2": of}})
    assert "rss_mb_per_hour" not in figures(PLAN, told()), "ten seconds tell nothing"


def test_the_benchs_own_notes_do_not_grow() -> None:
    tape = Tape(2, 3)
    tape.add(1, 2, 3)
    assert tape.rows.tolist() == [[1, 2, 3]]
    tape.add(4, 5, 6)
    with pytest.raises(IndexError):
        tape.add(7, 8, 9)
