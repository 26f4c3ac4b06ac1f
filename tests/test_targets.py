"""The targets beside the figures: each number as DESIGN has it, and no verdict on too little."""

from typing import Any

import pytest

from simulator.report import page
from simulator.targets import TARGETS, Figure, Judged, judged, late_after_s, place
from tests.test_report import read

CONFIRMED = "fall-confirmed"


def entry(name: str, kind: str, **figures: Any) -> dict[str, Any]:
    one = {"truth": 0, "hit": 0, "false": 0, "home_days": 0.0, "labels": {}, "latencies_s": [], **figures}
    return {"name": name, "home_days": one["home_days"], "kinds": {kind: one}}


def falls(name: str, label: str, hit: int, truth: int, **more: Any) -> dict[str, Any]:
    return entry(name, CONFIRMED, truth=truth, hit=hit, labels={label: {"truth": truth, "hit": hit}}, **more)


def only(told: dict[str, Any], figure: Figure, cells: list[dict[str, Any]] | None = None) -> Judged | None:
    found = [j for j in judged(told, [told] if cells is None else cells) if j.target.figure == figure]
    assert len(found) <= 1
    return found[0] if found else None


@pytest.mark.parametrize(
    ("name", "hard", "slides", "p95_s"),
    [
        ("falls/ceiling/8x8", 0.95, 0.90, 40.0),
        ("falls/ceiling/12x16", 0.98, 0.95, 30.0),
        ("falls/ceiling/24x32", 0.98, 0.95, 30.0),
        ("falls/wall/8x8", 0.92, 0.80, 40.0),
        ("falls/wall/24x32", 0.95, 0.85, 30.0),
        ("falls/wall/12x16", None, None, 30.0),
    ],
)
def test_each_array_is_held_to_its_own_row(
    name: str, hard: float | None, slides: float | None, p95_s: float
) -> None:
    told = falls(name, "fall:trip", 5, 10)
    told["kinds"][CONFIRMED]["labels"]["fall:slide"] = {"truth": 10, "hit": 5}
    cells = [falls(f"{name}/trip", "fall:trip", 1, 1, latencies_s=[20.0])]
    limits = {j.target.figure: j.target.limit for j in judged(told, cells)}
    assert (limits.get("hard"), limits.get("slides"), limits.get("p95_s")) == (hard, slides, p95_s)
    where = place(name)
    assert late_after_s(CONFIRMED, "fall:trip", where.mount, where.shape) == p95_s
    assert late_after_s(CONFIRMED, "fall:slide", where.mount, where.shape) == 90.0


@pytest.mark.parametrize(
    ("hit", "truth", "verdict"),
    [(10, 10, "open"), (97, 100, "open"), (300, 300, "met"), (500, 505, "open"), (90, 100, "missed")],
)
def test_a_share_is_judged_by_its_whole_interval(hit: int, truth: int, verdict: str) -> None:
    one = only(falls("falls/ceiling/24x32", "fall:trip", hit, truth), "hard")
    assert one is not None
    assert (one.verdict, one.counts) == (verdict, (hit, truth))


@pytest.mark.parametrize(
    ("false", "days", "verdict"),
    [
        (0, 0.5, "open"),
        (40, 0.5, "open"),
        (0, 60, "open"),
        (0, 90, "met"),
        (9, 90, "missed"),
        (2, 90, "open"),
    ],
)
def test_false_alarms_are_judged_in_daily_life_and_over_days(false: int, days: float, verdict: str) -> None:
    one = only(entry("days/ceiling/8x8", CONFIRMED, false=false, home_days=days), "false")
    assert one is not None
    assert one.verdict == verdict
    assert only(entry("negatives/ceiling/8x8/dog", CONFIRMED, false=false, home_days=days), "false") is None


def test_delays_of_slides_and_of_hard_falls_are_never_mixed() -> None:
    name = "falls/ceiling/24x32"
    trips = falls(f"{name}/trip", "fall:trip", 100, 100, latencies_s=[10.0] * 100)
    slides = falls(f"{name}/slide", "fall:slide", 100, 100, latencies_s=[80.0] * 100)
    total = falls(name, "fall:trip", 200, 200)
    for figure, value in (("p50_s", 10.0), ("p95_s", 10.0), ("slides_p95_s", 80.0)):
        one = next(j for j in judged(total, [trips, slides]) if j.target.figure == figure)
        assert one.value == pytest.approx(value)
        assert (one.verdict, one.counts) == ("met", (100, 100))
    both = falls(f"{name}/x", "fall:trip", 2, 2, latencies_s=[10.0, 80.0])
    both["kinds"][CONFIRMED]["labels"]["fall:slide"] = {"truth": 1, "hit": 1}
    assert only(both, "p95_s") is None  # nobody can tell whose they are
    old = falls(f"{name}/slip", "fall:slip", 3, 3)  # without latencies
    assert only(total, "p95_s", [trips, old]) is None


def test_a_p95_rests_on_the_share_that_was_in_time() -> None:
    name = "falls/ceiling/24x32/trip"
    for slow, verdict in ((0, "met"), (5, "open"), (30, "missed")):
        told = falls(name, "fall:trip", 100, 100, latencies_s=[10.0] * (100 - slow) + [31.0] * slow)
        one = only(told, "p95_s")
        assert one is not None
        assert (one.verdict, one.counts) == (verdict, (100 - slow, 100))


def test_every_one_is_missed_with_the_first_and_met_only_by_many() -> None:
    for hit, truth, verdict in ((1, 1, "open"), (72, 72, "open"), (73, 73, "met"), (199, 200, "missed")):
        one = only(entry("climate/ceiling/8x8", "fire", hit=hit, truth=truth), "every")
        assert one is not None
        assert one.verdict == verdict


def test_the_recorded_homes_have_targets_of_their_own() -> None:
    silence = {"found_24h": 1.0, "collapses_day": 100, "delays_h_day": [3.0] * 80, "hit": 111, "truth": 111}
    told = entry("pir-homes-dev", "inactivity", false=9, home_days=1000.0, **silence)
    verdicts = {j.target.figure: j.verdict for j in judged(told, [told])}
    assert verdicts == {"false": "met", "found_24h": "met", "day_h": "met"}
    told["kinds"]["inactivity"]["delays_h_day"] = [3.0] * 30  # 70 of 100 were never found by day
    one = only(told, "day_h")
    assert one is not None
    assert (one.verdict, one.value) == ("missed", float("inf"))
    assert "never" in read(page([{"traces": [told]}])).text
    simulated = entry("collapses", "inactivity", false=9, home_days=1000.0)
    one = only(simulated, "false")
    assert one is not None
    assert one.value == pytest.approx(0.81)
    assert (one.target.per_days, one.verdict) == (90.0, "open")


def test_the_recorded_array_is_judged_by_f1_and_its_interval_over_homes() -> None:
    told = entry("ceiling16-dev", "fall-suspected", f1=0.93, f1_by_home_95=[0.90, 0.96], truth=160, hit=148)
    one = only(told, "f1")
    assert one is not None
    assert one.verdict == "open"
    told["kinds"]["fall-suspected"]["f1_by_home_95"] = [0.90, 0.94]
    one = only(told, "f1")
    assert one is not None
    assert one.verdict == "missed"


def test_a_place_without_an_interval_or_of_minutes_is_not_judged_by_its_share() -> None:
    told = entry("days/ceiling/8x8", CONFIRMED)
    told["position"] = {"seconds": 900_000, "right_room": 0.99, "median_m": 0.3}
    verdicts = {j.target.figure: j.verdict for j in judged(told, [told])}
    assert verdicts == {"right_room": "open", "median_m": "met"}
    told["position"] |= {"right_room_by_home_95": [0.98, 1.0], "median_all_m": None}
    verdicts = {j.target.figure: j.verdict for j in judged(told, [told])}
    assert verdicts == {"right_room": "met", "median_m": "missed"}  # over half of the time no place at all
    told["position"] |= {"seconds": 900, "median_all_m": 0.3}
    assert {j.target.figure: j.verdict for j in judged(told, [told])}["median_m"] == "open"


def test_the_page_sets_verdicts_beside_the_figures() -> None:
    told = falls("falls/ceiling/8x8", "fall:trip", 10, 100, latencies_s=[39.0] * 10)
    told["kinds"][CONFIRMED] |= {"sensitivity": 0.1, "latency_s_p50": 39.0, "latency_s_p95": 39.0}
    text = read(page([{"suite": "falls", "seed": 1, "traces": [told]}])).text
    assert "hard falls ≥ 95 %: not met" in text
    assert "p95 ≤ 40: cannot say yet" in text
    assert "met: 0 · not met: 1 · cannot say yet: 1" in text
    chinese = read(page([{"suite": "falls", "seed": 1, "traces": [told]}], "zh")).text
    assert "急跌 ≥ 95 %: 未达到" in chinese


def test_every_target_has_words_in_both_languages() -> None:
    from simulator.report_words import LANGUAGES  # noqa: PLC0415

    for words in LANGUAGES.values():
        for figure in {t.figure for t in TARGETS}:
            assert words.figures[figure]
            assert words.marks[figure]
