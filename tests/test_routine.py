"""Days that hang together, people who differ, clocks that change, and emergencies with their truth."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import routine
from simulator.routine import Course, Emergency, Habits, Week
from simulator.weeks import ACTIVE, HELP_S
from simulator.world import NOWHERE, Doing, Door, Plan, Room, Segment

BERLIN = ZoneInfo("Europe/Berlin")
QUIET = Course()
DAY_S = 86_400.0


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp() * 1000)


START_MS = ms("2024-05-06T00:00")  # a Monday


def small_flat() -> Plan:
    """Five rooms around a hall; the outer door is in the hall."""
    kinds = ("living", "bedroom", "bathroom", "kitchen")
    rooms = [Room(k, k, 3.0, 3.0, (), (Door(4, 1.5, 0.0),)) for k in kinds]  # type: ignore[arg-type]
    doors = (*(Door(i, 0.0, 0.0) for i in range(4)), Door(NOWHERE, 2.0, 0.0))
    return Plan((*rooms, Room("hall", "hall", 3.0, 1.2, (), doors)))


PLAN = small_flat()


def lived(seed: int, count: int = 14, who: Habits | None = None, special: Course | None = QUIET) -> Week:
    who = routine.habits(seed) if who is None else who
    return routine.days(who, PLAN, count, seed, start_ms=START_MS, timezone="Europe/Berlin", special=special)


def wall_hour(t_s: float, start_ms: int = START_MS) -> float:
    wall = datetime.fromtimestamp(start_ms / 1000 + t_s, UTC).astimezone(BERLIN)
    return wall.hour + wall.minute / 60


def doing_at(week: Week, t_s: float) -> Segment:
    return next(s for s in week.segments if s.start_s <= t_s < s.end_s)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), count=st.integers(1, 9), start_h=st.integers(0, 23))
def test_days_hang_together(seed: int, count: int, start_h: int) -> None:
    start_ms = START_MS + start_h * 3_600_000
    week = routine.days(routine.habits(seed), PLAN, count, seed, start_ms=start_ms, timezone="Europe/Berlin")
    assert week.segments[0].start_s == 0.0
    assert week.segments[-1].end_s == count * DAY_S
    assert all(a.end_s == b.start_s for a, b in pairwise(week.segments))
    assert all(s.end_s > s.start_s for s in week.segments)
    assert all((s.room == NOWHERE) == (s.doing is Doing.OUT) for s in week.segments)
    assert all(s.room < len(PLAN.rooms) for s in week.segments)
    assert all(0.0 <= a < b <= count * DAY_S for a, b in week.guests)


def test_one_seed_is_one_life_and_a_longer_one_begins_alike() -> None:
    assert lived(5, special=None) == lived(5, special=None)
    assert lived(5).segments != lived(6).segments
    short, long = lived(7, 10, special=None), lived(7, 40, special=None)
    before = [s for s in long.segments if s.end_s <= 9 * DAY_S]
    assert list(short.segments[: len(before)]) == before
    with pytest.raises(ValueError, match="count is 0"):
        lived(1, 0)


def test_people_differ_as_people_do() -> None:
    everyone = [routine.habits(seed) for seed in range(300)]
    wake = np.array([h.wake_min for h in everyone]) / 60
    assert 7.2 < wake.mean() < 8.2
    assert 0.5 < wake.std() < 1.2
    assert np.std([h.evidence for h in everyone]) == pytest.approx(0.5, abs=0.08)  # gamma(4), mean 1
    assert 0.3 < np.mean([bool(h.carer_visits) for h in everyone]) < 0.8
    assert all(h.gait_m_s >= 0.35 for h in everyone)


def test_a_day_is_an_ordinary_day() -> None:
    hours: Counter[Doing] = Counter()
    for seed in range(20):
        for s in lived(seed).segments:
            hours[s.doing] += (s.end_s - s.start_s) / 3600 / 14 / 20  # type: ignore[assignment]
    assert 6.0 < hours[Doing.SLEEP] < 9.5
    assert 3.0 < hours[Doing.REST] + hours[Doing.NAP] < 11.0
    assert 0.8 < hours[Doing.EAT] + hours[Doing.COOK] < 3.0
    assert 0.3 < hours[Doing.TOILET] < 1.2
    assert 0.5 < hours[Doing.OUT] < 5.0


def test_at_night_they_sleep_and_go_to_the_bathroom() -> None:
    night, meals = Counter[Doing](), []
    for seed in range(12):
        week = lived(seed, who=replace(routine.habits(seed), overnights_per_year=0.0))
        night.update(doing_at(week, d * DAY_S + 3.2 * 3600).doing for d in range(14))
        meals += [wall_hour(s.start_s) for s in week.segments if s.doing is Doing.EAT]
    assert night[Doing.SLEEP] > 0.8 * night.total()  # some are up for an hour or two, night after night
    assert np.mean((np.array(meals) > 5) & (np.array(meals) < 22)) > 0.99


def test_the_clocks_change_and_breakfast_does_not() -> None:
    who = replace(routine.habits(3), regular_min=3.0, poor_days=0.0, weekend_late_min=0.0, night_toilets=0.0)
    who = replace(who, night_wandering=0.0, overnights_per_year=0.0, bed_min=1350.0, wake_min=450.0)
    start_ms = ms("2024-03-27T00:00")  # clocks go forward on Sunday the 31st at two
    week = routine.days(who, PLAN, 8, 3, start_ms=start_ms, timezone="Europe/Berlin", special=QUIET)
    up = [s.end_s for s in week.segments if s.doing is Doing.SLEEP and 4 < wall_hour(s.end_s, start_ms) < 10]
    assert len(up) == 8
    assert all(wall_hour(t, start_ms) == pytest.approx(7.5, abs=0.6) for t in up)
    mornings = np.diff(up) / 3600
    assert mornings[3] == pytest.approx(23.0, abs=0.7)  # from Saturday to Sunday an hour is missing


def test_on_holiday_nobody_is_home() -> None:
    week = lived(4, 12, special=Course(away=((3, 6),)))
    for t_s in np.arange(4 * DAY_S, 6 * DAY_S + 8 * 3600, 1800.0):
        assert doing_at(week, float(t_s)).doing is Doing.OUT
    assert doing_at(week, 3 * DAY_S + 3 * 3600).room != NOWHERE
    assert doing_at(week, 8 * DAY_S + 3.3 * 3600).room != NOWHERE
    assert not any(a < 6 * DAY_S and b > 4 * DAY_S for a, b in week.guests)
    assert [(r.label, r.start_s / DAY_S, r.end_s / DAY_S) for r in week.truth] == [("away", 3.0, 7.0)]


def test_a_night_elsewhere_is_no_holiday() -> None:
    """Away from an afternoon to the next day, with nothing in the truth, and then life goes on."""
    week = lived(6, 40, replace(routine.habits(6), overnights_per_year=150.0))
    nights = [s for s in week.segments if s.doing is Doing.OUT and s.end_s - s.start_s > 12 * 3600]
    assert 5 <= len(nights) <= 25
    assert all(s.end_s - s.start_s <= 1.2 * DAY_S for s in nights)
    assert all(5 < wall_hour(s.end_s) < 22 for s in nights)
    assert not week.truth


def test_few_people_rest_for_hours() -> None:
    often = np.array([routine.habits(seed).long_rests for seed in range(300)])
    assert np.mean(often < 0.1) > 0.5
    assert 0.05 < np.mean(often > 0.4) < 0.3
    who = replace(routine.habits(4), long_rests=1.0, long_rest_min=300.0, naps_per_week=0.0, dozes=0.0)
    rests, usual = (
        [s.end_s - s.start_s for s in lived(4, 20, w).segments if s.doing is Doing.NAP]
        for w in (who, replace(who, long_rests=0.0))
    )
    assert not usual
    assert len(rests) > 14
    assert 3.5 < np.median(rests) / 3600 < 6.5
    assert max(rests) <= 10 * 3600


def hours_of(week: Week, doing: set[Doing], first: int, last: int) -> float:
    spans = [(s.start_s, s.end_s) for s in week.segments if s.doing in doing]
    a, b = first * DAY_S, last * DAY_S
    return sum(max(min(e, b) - max(s, a), 0.0) for s, e in spans) / 3600 / (last - first)


def test_the_sick_stay_at_home_and_rest() -> None:
    kept: list[list[float]] = []
    for seed in range(12):
        # whoever is away at night, or rests for hours on any day, changes less
        who = replace(routine.habits(seed), overnights_per_year=0.0, long_rests=0.0)
        week, usual = lived(seed, 20, who, Course(ill=((5, 18),))), lived(seed, 20, who)
        kinds = ({Doing.OUT}, {Doing.NAP, Doing.SLEEP}, set(ACTIVE))
        kept += [[hours_of(w, doing, 5, 18) for w in (week, usual)] for doing in kinds]
    (out, out_well), (rest, rest_well), (up, up_well) = np.reshape(kept, (12, 3, 2)).mean(axis=0)
    assert out < 0.5 * out_well
    assert rest > rest_well + 1.0
    assert up < up_well


def test_a_slow_decline_shows_after_months() -> None:
    moves = []
    for seed in range(4):
        week = lived(seed, 360, special=Course(decline_per_year=0.5))
        went = [s.start_s // (60 * DAY_S) for s in week.segments if s.doing is Doing.POTTER]
        moves.append(np.bincount(np.array(went, int), minlength=6))
    first, last = np.mean(moves, axis=0)[[0, 5]]
    assert last < 0.85 * first


def test_special_days_are_drawn_seldom() -> None:
    drawn = [routine.course(365, seed) for seed in range(200)]
    assert 1.5 < np.mean([len(c.ill) for c in drawn]) < 2.6
    assert 0.1 < np.mean([c.decline_per_year > 0 for c in drawn]) < 0.3
    with pytest.raises(ValueError, match="days is 0"):
        routine.course(0, 1)


# --- emergencies -----------------------------------------------------------------------------------


def changed(emergency: Emergency, at_h: float, down_h: float, seed: int = 8) -> tuple[Week, Week]:
    week = lived(seed, 6)
    at_s = 2 * DAY_S + at_h * 3600
    return week, routine.place(week, PLAN, emergency, at_s, down_s=down_h * 3600)


@pytest.mark.parametrize(
    ("emergency", "at_h", "rooms", "doing", "beside"),
    [
        (Emergency.ACTIVE, 10.0, {"living", "kitchen", "bedroom", "hall"}, Doing.DOWN, None),
        (Emergency.BATHROOM, 9.0, {"bathroom"}, Doing.DOWN, "bathroom-overstay"),
        (Emergency.NIGHT, 26.0, {"bedroom"}, Doing.DOWN, "night-out-of-bed"),
        (Emergency.BED, 26.0, {"bedroom"}, Doing.SLEEP, "not-up"),
        (Emergency.WANDERING, 26.0, {None}, Doing.OUT, None),
    ],
)
@pytest.mark.parametrize("seed", [8, 9, 10])
def test_an_emergency_is_where_it_should_be(
    *, emergency: Emergency, at_h: float, rooms: set[str | None], doing: Doing, beside: str | None, seed: int
) -> None:
    week, hit = changed(emergency, at_h, 20.0, seed)
    (row,) = [r for r in hit.truth if r.label == str(emergency)]
    assert row.start_s >= 2 * DAY_S + at_h * 3600
    assert row.end_s - row.start_s == pytest.approx(20 * 3600)
    inside = [s for s in hit.segments if s.end_s > row.start_s and s.start_s < row.end_s]
    assert {s.doing for s in inside} == {doing}
    assert {PLAN.rooms[s.room].name if s.room >= 0 else None for s in inside} <= rooms
    before = [s for s in week.segments if s.end_s <= row.start_s]
    after = [s for s in week.segments if s.start_s >= row.end_s]
    assert list(hit.segments[: len(before)]) == before
    assert list(hit.segments[-len(after) :]) == after
    assert all(a.end_s == b.start_s for a, b in pairwise(hit.segments))
    assert not any(a < row.end_s and b > row.start_s for a, b in hit.guests)
    assert {r.label for r in hit.truth} == {str(emergency), *([beside] if beside else [])}
    helped = (row.end_s, row.end_s + HELP_S) in hit.guests
    assert helped == (emergency is not Emergency.WANDERING)


def test_not_up_begins_at_the_hour_of_rising_whatever_the_night_was_like() -> None:
    who = replace(routine.habits(8), night_toilets=3.0, regular_min=3.0, poor_days=0.0, wake_min=450.0)
    week = lived(8, 6, who)
    hit = routine.place(week, PLAN, Emergency.BED, 3 * DAY_S + 1.0 * 3600, down_s=14 * 3600)
    (row,) = [r for r in hit.truth if r.label == "not-up"]
    assert wall_hour(row.start_s) == pytest.approx(7.5, abs=0.8)
    soon = routine.place(week, PLAN, Emergency.BED, 3 * DAY_S + 1.0 * 3600, down_s=1800.0)
    assert "not-up" not in {r.label for r in soon.truth}  # helped before anybody rises


def test_in_hospital_afterwards_and_cut_off_at_the_end() -> None:
    week = lived(8, 6)
    hit = routine.place(week, PLAN, Emergency.ACTIVE, 2 * DAY_S + 36_000, down_s=3600, away_s=2 * DAY_S)
    (row,) = [r for r in hit.truth if r.label == "collapse:active"]
    assert doing_at(hit, row.end_s + DAY_S).doing is Doing.OUT
    late = routine.place(week, PLAN, Emergency.ACTIVE, 5 * DAY_S + 36_000, down_s=5 * DAY_S)
    assert late.segments[-1].end_s == week.segments[-1].end_s
    assert max(r.end_s for r in late.truth) == week.segments[-1].end_s
    with pytest.raises(ValueError, match="no moment for collapse:active"):
        routine.place(week, PLAN, Emergency.ACTIVE, 7 * DAY_S, down_s=1.0)


def test_marks_lie_where_somebody_is_up_and_alone() -> None:
    many, total = 0, 0
    for seed in range(20):
        week = lived(seed, 60, special=None)
        marks = routine.marks(week, np.random.default_rng([seed, 3]))
        assert marks == routine.marks(week, np.random.default_rng([seed, 3]))
        for m in marks:
            assert m.label == "collapse"
            assert m.end_s - m.start_s == pytest.approx(DAY_S)
            assert m.end_s <= 60 * DAY_S
            assert doing_at(week, m.start_s).doing in ACTIVE
            assert not any(a <= m.start_s < b for a, b in week.guests)
        many, total = many + len(marks), total + 60
    assert 0.04 < many / total < 0.12  # recorded homes: 111 in 1,343 days
