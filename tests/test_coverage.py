"""The forecast of coverage: every hour in which fewer than two people could be there in time, no other."""

import time
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.coverage import DECIDED_MS, ENOUGH, HOUR_MS, QUARTER_MS, Forecast, forecast, on_shift_ahead
from alerting.duty import Duty, Responder, Shift
from alerting.in_time import latest_page_ms
from alerting.policy import Policy
from alerting.shifts import on_duty
from tests.alerting_people import EVERY_DAY, T0, duty, responder, shipped_policy

POLICY = shipped_policy()
MIN = 60_000
ZONES = ("Asia/Shanghai", "Asia/Kolkata", "Europe/Berlin", "Australia/Lord_Howe")
BERLIN_FALLS_BACK_MS = 1_792_886_400_000  # Sun 2026-10-25 00:00 UTC, an hour before the clocks change


def slow(homes: list[str], duty: Duty, policy: Policy, now_ms: int, hours: int) -> dict[tuple[str, int], int]:
    """The obvious twin: each home, quarter, minute and person; (home, quarter) → the hour's fewest."""
    zone, found = ZoneInfo(duty.timezone), dict[tuple[str, int], int]()
    begin_ms = now_ms // QUARTER_MS * QUARTER_MS
    quarters = range(begin_ms, begin_ms + hours * HOUR_MS, QUARTER_MS)

    def hour(t_ms: int) -> int:
        return t_ms - datetime.fromtimestamp(t_ms / 1000, zone).minute * MIN

    for home in homes:
        could = {}
        for q in quarters:
            could[q] = 0
            for person in duty.responders.values():
                whole = all(person.id in on_duty(duty, q + minute * MIN) for minute in range(15))
                due_ms = q + int(policy.target_s * 1000)
                if whole and latest_page_ms(person, home, due_ms, duty, policy) >= q + DECIDED_MS:
                    could[q] += 1
        for q in quarters:
            fewest = min(n for other, n in could.items() if hour(other) == hour(q))
            if fewest < ENOUGH:
                found[home, q] = fewest
    return found


def spread(found: Forecast) -> dict[tuple[str, int], int]:
    """Gaps as the twin gives them."""
    return {
        (gap.home, q): gap.could_come
        for gap in found.gaps
        for q in range(gap.from_ms, gap.until_ms, QUARTER_MS)
    }


minutes = st.integers(0, 24 * 4 - 1).map(lambda q: 15 * q) | st.integers(0, 1439)
shifts = st.builds(
    Shift,
    st.sampled_from("abcd"),
    st.frozensets(st.integers(0, 6), min_size=1),
    minutes,
    minutes,
)
people = st.builds(
    lambda name, reply_s, active: replace(responder(name, active=active), reply_p90_s=reply_s),
    st.sampled_from("abcd"),
    st.sampled_from((0.0, 60.0, 240.0)),
    st.booleans() | st.just(True),
)


@settings(max_examples=60, deadline=None)
@given(
    some=st.lists(people, max_size=4, unique_by=lambda p: p.id),
    rota=st.lists(shifts, max_size=8),
    travel=st.dictionaries(
        st.tuples(st.sampled_from("abcd"), st.sampled_from(("h1", "h2"))), st.floats(0, 900)
    ),
    entry=st.dictionaries(st.sampled_from(("h1", "h2")), st.floats(0, 300)),
    factor=st.sampled_from((0.7, 1.0, 2.0)),
    zone=st.sampled_from(ZONES),
    begin=st.sampled_from((T0, BERLIN_FALLS_BACK_MS)),
    after=st.integers(0, 48 * HOUR_MS),
    hours=st.integers(1, 5),
)
def test_it_finds_what_the_obvious_twin_finds(  # noqa: PLR0917  # all that a forecast depends on
    some: list[Responder],
    rota: list[Shift],
    travel: dict[tuple[str, str], float],
    entry: dict[str, float],
    factor: float,
    zone: str,
    begin: int,
    after: int,
    hours: int,
) -> None:
    who = {p.id: p for p in some}
    known = tuple(s for s in rota if s.responder in who)
    people = Duty(who, known, travel, 200.0, entry, zone, factor)
    found = forecast(["h1", "h2"], people, POLICY, begin + after, hours)
    assert spread(found) == slow(["h1", "h2"], people, POLICY, begin + after, hours)
    for one, other in zip(found.gaps, found.gaps[1:], strict=False):  # spans are as long as they can be
        apart = one.home != other.home or one.until_ms < other.from_ms
        assert apart or one.could_come != other.could_come


def test_a_gap_begins_with_the_shift_that_leaves_one_alone_and_says_how_many_are_left() -> None:
    people = duty(responder("a"), responder("b"), off=("b",))
    evening = Shift("b", EVERY_DAY, 8 * 60, 23 * 60)  # T0 is 22:13 there
    people = replace(people, shifts=(*people.shifts, evening))
    found = forecast(["h01"], people, POLICY, T0, 4)
    quarter_past = T0 - T0 % QUARTER_MS  # 22:00
    assert [(g.home, g.from_ms, g.until_ms, g.could_come) for g in found.gaps] == [
        ("h01", quarter_past + HOUR_MS, quarter_past + 4 * HOUR_MS, 1)
    ]
    assert (found.homes, found.homes_with_gap) == (1, 1)


def test_an_hour_is_as_good_as_its_worst_quarter() -> None:
    people = duty(responder("a"), responder("b"), off=("b",))
    early = replace(people, shifts=(*people.shifts, Shift("b", EVERY_DAY, 0, 22 * 60 + 50)))
    (gap,) = forecast(["h01"], early, POLICY, T0, 1).gaps
    assert (gap.from_ms, gap.could_come) == (T0 - T0 % QUARTER_MS, 1)


def test_a_page_that_would_be_too_late_by_the_time_of_the_decision_does_not_count() -> None:
    spare_s = POLICY.target_s - POLICY.send_p95_s - 60 - 60 - POLICY.entry_default_s - DECIDED_MS / 1000
    for travel_s, gaps in ((spare_s, 0), (spare_s + 1, 1)):
        people = duty(responder("a"), responder("b"), travel_s={"a": 100, "b": travel_s})
        assert len(forecast(["h01"], people, POLICY, T0, 1).gaps) == gaps


def test_who_comes_on_shift_is_known_a_day_ahead() -> None:
    people = duty(
        responder("a"), responder("b"), responder("c"), responder("d", active=False), off=("b", "c")
    )
    rota = (
        *people.shifts,
        Shift("b", EVERY_DAY, 7 * 60 + 5, 7 * 60 + 9),  # four minutes, off the quarters
        Shift("c", frozenset({3}), 0, 0),  # Thursday; T0 is a Monday
    )
    ahead = on_shift_ahead(replace(people, shifts=rota), T0, 24)
    at = {r: datetime.fromtimestamp(ms / 1000, ZoneInfo("Asia/Shanghai")) for r, ms in ahead.items()}
    assert list(ahead) == ["a", "b"]
    assert ahead["a"] == T0
    assert at["b"].strftime("%a %H:%M") == "Tue 07:05"


@pytest.mark.timed
def test_ten_thousand_homes_and_forty_people_take_about_a_second() -> None:
    names = [f"r{i:02}" for i in range(40)]
    who = {n: replace(responder("a"), id=n) for n in names}
    rota = tuple(Shift(n, EVERY_DAY, (i * 37) % 1440, (i * 37 + 480) % 1440) for i, n in enumerate(names))
    there = [f"h{i:05}" for i in range(10_000)]
    took = np.random.default_rng(7).uniform(120, 1_500, (len(names), len(there))).tolist()
    travel = {(n, h): took[i][k] for i, n in enumerate(names) for k, h in enumerate(there)}
    people = Duty(who, rota, travel, 300.0)
    begun = time.process_time()
    found = forecast(there, people, POLICY, T0)
    took_s = time.process_time() - begun
    assert 0 < found.homes_with_gap < 10_000
    assert took_s < 1.5, f"{took_s:.2f} s; it took 0.5 s on two cores of 2026"


def test_a_forecast_is_of_the_quarter_of_an_hour_in_which_it_was_made() -> None:
    begin_ms = T0 - T0 % QUARTER_MS
    made = forecast(["h01"], duty(responder("a")), POLICY, begin_ms + 7 * MIN, hours=1)
    assert made.is_of(begin_ms)
    assert made.is_of(begin_ms + QUARTER_MS - 1)
    assert not made.is_of(begin_ms + QUARTER_MS)
    assert not made.is_of(begin_ms - 1)
