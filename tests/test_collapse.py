"""Collapses by removal: what was found, how late, what was false, and what cannot be told."""

import math
from datetime import UTC, datetime

import numpy as np
import pytest

from guardian.trace import TraceEvent, TruthRow
from simulator.collapse import (
    CollapseRun,
    SilenceScore,
    activity_ms,
    collapses,
    score_inactivity,
    unexplained_gaps,
)
from simulator.figures import as_json
from simulator.rules import DAY_MS, HOUR_MS
from simulator.score import Found, HomeCase, score

MIDNIGHT = round(datetime(2026, 1, 5, tzinfo=UTC).timestamp() * 1000)
KIND = "inactivity"


def at(hour: float) -> int:
    return MIDNIGHT + round(hour * HOUR_MS)


def said(*hours: float, home: str = "h1", kind: str = KIND) -> tuple[Found, ...]:
    return tuple(Found(home, kind, at(h), at(h)) for h in hours)


def home(
    *hours: float,
    life: tuple[float, ...] = (),
    days: int = 10,
    truth: tuple[TruthRow, ...] = (),
    name: str = "h1",
) -> HomeCase:
    """A home with a proof of life each hour, or those given."""
    alive = [at(h) for h in (life or range(days * 24 + 1))]
    return HomeCase(name, ((at(0), at(days * 24)),), truth, said(*hours, home=name), alive)


def silence(untouched: HomeCase, *runs: CollapseRun, zone: str = "Europe/London") -> SilenceScore:
    return score_inactivity([untouched], runs, zone)[KIND]


@pytest.mark.parametrize(
    ("after_h", "hit"), [(-0.01, False), (0.0, True), (3.0, True), (24.0, True), (24.01, False)]
)
def test_a_collapse_is_found_within_24_hours(after_h: float, hit: bool) -> None:
    one = silence(home(), CollapseRun("h1", at(34), said(34 + after_h)))
    assert one.collapses.hit == hit
    assert (one.collapses.truth, one.collapses.false) == (1, 0)  # false ones come from the untouched run only
    assert one.delays_h(day=True) == ((after_h,) if hit else ())


def test_where_everything_is_known_no_silence_is_unexplained() -> None:
    away = home(20.0, life=(0.0, 5.0, 30.0, 48.0), days=2)
    recorded, simulated = (score_inactivity([away], [], "UTC", known=k)[KIND] for k in (False, True))
    assert (recorded.collapses.false, len(recorded.unexplained)) == (0, 1)
    assert (simulated.collapses.false, len(simulated.unexplained)) == (1, 0)
    assert simulated.left_out_days == 0


def test_each_collapse_stands_alone() -> None:
    runs = [CollapseRun("h1", at(h), said(h + d)) for h, d in ((10, 2), (60, 4), (100, 30))]
    one = silence(home(), *runs)
    assert [o.hit for o in one.collapses.outcomes] == [True, True, False]


def test_day_is_from_eight_to_twenty_by_the_clock_on_the_wall() -> None:
    hours = (7.99, 8.0, 19.99, 20.0)
    runs = [CollapseRun("h1", at(h), said(h + 1)) for h in hours]
    assert silence(home(), *runs).by_day == (False, True, True, False)
    assert silence(home(), *runs, zone="Asia/Shanghai").by_day == (True, True, False, False)


def test_delays_of_days_and_nights_and_of_those_that_nobody_found() -> None:
    found = [CollapseRun("h1", at(h), said(h + d)) for h, d in ((10, 2), (34, 4), (58, 9), (2, 6))]
    missed = [CollapseRun("h1", at(h), ()) for h in (82, 106, 130)]
    one = silence(home(), *found, *missed)
    assert one.delay_h_p50(day=True) == pytest.approx(4)
    assert one.delay_h_p50(day=False) == pytest.approx(6)
    assert one.delay_h_p50(day=True, missed=True) == math.inf
    assert math.isnan(silence(home()).delay_h_p50(day=True))


def test_false_alarms_come_from_the_untouched_run() -> None:
    mark = (TruthRow(at(34), at(58), "collapse", ""),)
    untouched = home(5.5, 40.5, truth=mark)
    one = silence(untouched, CollapseRun("h1", at(34), said(5.5, 38, 50)))
    assert (one.collapses.hit, one.collapses.false) == (1, 2)
    assert one.collapses.false_per_home_day == pytest.approx(0.2)
    assert collapses(untouched) == mark


def test_an_alarm_that_already_stands_finds_nothing() -> None:
    quiet = (0, 9, 36, 48, 60)
    untouched = home(20, life=quiet)
    assert silence(untouched, CollapseRun("h1", at(34), said(35))).collapses.hit == 0
    alive_between = home(20, life=(0, 9, 33, 36, 48, 60))
    assert silence(alive_between, CollapseRun("h1", at(34), said(35))).collapses.hit == 1
    removed = home(33.5, life=(0, 9, 33, 34, 35, 48, 60))
    assert silence(removed, CollapseRun("h1", at(34), said(36))).collapses.hit == 0


def test_alarming_always_finds_collapses_but_not_in_time_nor_for_free() -> None:
    every_minute = tuple(k / 60 for k in range(10 * 24 * 60))
    untouched = home(*every_minute)
    runs = [CollapseRun("h1", at(h + 0.5), said(*(t for t in every_minute if t < h + 25))) for h in (10, 60)]
    one = silence(untouched, *runs)
    assert one.collapses.false == 240  # once a proof of life
    assert one.delay_h_p50(day=True) > 23


def test_gaps_over_twelve_hours_are_reported_apart() -> None:
    life = (*range(25), *range(48, 241))  # nothing for 24 h
    one = silence(home(23.5, 36, 60.5, life=life))
    assert [f.decided_ms for f in one.unexplained] == [at(36)]
    assert one.collapses.false == 2
    assert one.collapses.home_days == pytest.approx(9)
    assert one.left_out_days == pytest.approx(1)


def test_a_gap_of_exactly_twelve_hours_is_none_and_its_end_is_not_inside() -> None:
    assert unexplained_gaps([at(0), at(12)]) == ()
    assert unexplained_gaps([at(0), at(12.01)]) == ((at(0), at(12.01)),)
    life = (*range(25), *range(48, 241))
    assert silence(home(48, life=life)).collapses.false == 1


def test_the_ends_of_what_was_watched_may_be_gaps() -> None:
    assert unexplained_gaps([at(13), at(14)], [(at(0), at(30))]) == ((at(0), at(13)), (at(14), at(30)))
    assert unexplained_gaps([], [(at(0), at(30))]) == ((at(0), at(30)),)
    one = silence(home(20, life=(*range(11),), days=1))
    assert (one.collapses.false, len(one.unexplained)) == (0, 1)


def test_a_silence_that_the_truth_explains_is_no_gap() -> None:
    lying = (TruthRow(at(24), at(44), "collapse:active", ""),)
    life = (*range(25), *range(44, 241))
    one = silence(home(30, 44.5, 46.5, life=life, truth=lying))
    assert (one.collapses.hit, one.collapses.neither, one.collapses.false) == (1, 1, 1)
    assert one.unexplained == ()
    beside = score_inactivity(
        [home(30, 44.5, 46.5, life=life, truth=lying)], [CollapseRun("h1", at(60), ())], "UTC"
    )
    assert (beside[KIND].collapses.hit, beside[KIND].collapses.neither, beside[KIND].placed.hit) == (0, 2, 1)
    assert one.collapses.home_days == pytest.approx(10 - 21 / 24)


def test_kinds_and_homes_stand_apart() -> None:
    prompts = said(36, kind="inactivity-prompt") + said(35, home="h2")
    both = score_inactivity([home(), home(name="h2")], [CollapseRun("h1", at(34), prompts)], "UTC")
    assert both["inactivity"].collapses.hit == 0
    assert both["inactivity-prompt"].collapses.hit == 1
    with pytest.raises(ValueError, match="not in `untouched`: h3"):
        score_inactivity([home()], [CollapseRun("h3", at(1), ())], "UTC")
    with pytest.raises(ValueError, match="twice"):
        score_inactivity([home(), home()], [], "UTC")


def test_the_json_has_the_keys_of_silence() -> None:
    untouched = home(5.5)
    silent = score_inactivity([untouched], [CollapseRun("h1", at(34), said(36))], "UTC")
    one = as_json("pir", score([untouched]), silent)["kinds"][KIND]
    assert one["found_24h"] == 1.0
    assert one["delay_h_p50_day"] == pytest.approx(2)
    assert one["delay_h_p50_night"] is None
    assert (one["unexplained"], one["false"], one["truth"]) == (0, 1, 1)


def test_proofs_of_life_are_movements_and_changes() -> None:
    kinds = {"hall": "pir", "door": "door", "bed": "bed", "fridge": "appliance-door", "t": "temperature"}
    rows = [
        (1, "hall", 1.0),
        (2, "hall", 0.0),
        (3, "door", 1.0),  # may be what was before
        (4, "door", 1.0),
        (5, "door", 0.0),
        (6, "fridge", 1.0),  # never says 0: openings
        (7, "fridge", 1.0),
        (8, "t", 21.0),
        (9, "bed", 0.0),
        (10, "bed", 1.0),
        (11, "stranger", 1.0),
    ]
    events = [TraceEvent(t, sensor, value) for t, sensor, value in rows]
    np.testing.assert_array_equal(activity_ms(reversed(events), kinds), [1, 5, 6, 7, 10])
    assert len(activity_ms([], kinds)) == 0


def test_a_long_home_costs_little() -> None:
    life = tuple(k / 2 for k in range(2 * 24 * 365))
    one = silence(
        home(*range(0, 8000, 100), life=life, days=365),
        *(CollapseRun("h1", at(h), said(h + 3)) for h in range(50, 8000, 200)),
    )
    assert one.collapses.hit == 40
    assert one.collapses.home_days * DAY_MS == 365 * DAY_MS
