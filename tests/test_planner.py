"""Whom to page, when to look again, when nobody is left; and who is on duty when the clocks change."""

from dataclasses import replace
from datetime import datetime
from itertools import combinations
from math import prod
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting import in_time
from alerting.concern import Kind, Severity
from alerting.duty import Duty, Shift
from alerting.in_time import MOST_WORKED, deadline, due_by_ms, feasible, latest_page_ms
from alerting.incident import Accepted, Arrived, Incident, NeedsHelp, State, step
from alerting.planner import Asked, Going, Plan, lease_cap_ms, plan
from alerting.shifts import on_duty
from tests.alerting_people import EVERY_DAY, T0, concern, duty, responder, shipped_policy

POLICY = shipped_policy()
NOW = T0 + 10_000
WINDOW = 60_000


def incident(severity: Severity = Severity.HIGH, deadline_ms: int | None = T0 + 600_000) -> Incident:
    return Incident(
        id=1,
        home="h01",
        kind=Kind.FALL_CONFIRMED,
        severity=severity,
        state=State.OPEN,
        t0_ms=T0,
        round_ms=NOW,
        decided_ms=NOW,
        deadline_ms=deadline_ms,
    )


def planned(
    people: Duty,
    paged: dict[str, int] | None = None,
    *,
    declined: frozenset[str] = frozenset(),
    unreachable: frozenset[str] = frozenset(),
    now_ms: int = NOW,
    about: Incident | None = None,
) -> Plan:
    asked = Asked(paged or {}, declined, unreachable)
    return plan(about or incident(), people, asked, POLICY, now_ms)


def test_the_latest_page_leaves_time_for_text_answer_shoes_road_and_stairs() -> None:
    people = duty(responder("a"), travel_s={"a": 120})
    latest = latest_page_ms(people.responders["a"], "h01", T0 + 600_000, people, POLICY)
    assert latest == T0 + (600 - 5 - 60 - 60 - 120 - 60) * 1000


def test_the_first_wave_is_the_smallest_by_slack_that_reaches_95_percent() -> None:
    people = duty(
        responder("a", odds=0.8),
        responder("b", odds=0.9),
        responder("c", odds=0.8),
        travel_s={"a": 100, "b": 300, "c": 50},
    )
    assert planned(people) == Plan(("c", "a"), NOW + WINDOW, last_resort=False)


def test_one_person_is_enough_when_sure_to_answer() -> None:
    people = duty(responder("a", odds=0.96), responder("b"))
    assert planned(people).page == ("a",)


def test_nobody_is_asked_twice_while_an_answer_can_be_hoped_for() -> None:
    people = duty(responder("a", odds=0.8), responder("b", odds=0.8), responder("c"))
    waiting = planned(people, {"a": NOW, "b": NOW}, now_ms=NOW + 30_000)
    assert waiting == Plan((), NOW + WINDOW, last_resort=False)
    assert planned(people, {"a": NOW, "b": NOW}, now_ms=NOW + WINDOW).page == ("c",)


@pytest.mark.parametrize("lost", ["declined", "unreachable"])
def test_whoever_cannot_or_cannot_be_reached_is_replaced_at_once(lost: str) -> None:
    people = duty(
        responder("a", odds=0.8), responder("b", odds=0.8), responder("c", odds=0.8), responder("d")
    )
    without = planned(people, {"a": NOW, "b": NOW}, now_ms=NOW + 1000, **{lost: frozenset({"a"})})  # type: ignore[arg-type]
    assert without.page == ("c",)


def test_the_next_wave_comes_before_somebody_becomes_too_late() -> None:
    people = duty(responder("a", odds=0.96), responder("b"), travel_s={"a": 100, "b": 390})
    # b's latest page: 600 − 5 − 60 − 60 − 390 − 60 = 25 s after onset, less 5 s margin
    assert planned(people) == Plan(("a",), T0 + 20_000, last_resort=False)
    assert planned(people, {"a": NOW}, now_ms=T0 + 20_000).page == ("b",)


def test_whoever_would_be_late_is_not_asked_while_others_can_be_in_time() -> None:
    people = duty(responder("a"), responder("b"), travel_s={"b": 500})
    assert planned(people).page == ("a",)


def test_high_with_nobody_feasible_is_the_last_resort_at_once_and_pages_everybody() -> None:
    people = duty(
        responder("a"), responder("b"), responder("c", active=False), travel_s={"a": 900}, off=("b",)
    )
    assert planned(people) == Plan(("a", "b"), NOW + 120_000, last_resort=True)


def test_high_comes_to_the_last_resort_when_all_have_let_the_window_pass() -> None:
    people = duty(responder("a"), responder("b"), responder("c"), off=("c",))
    paged = {"a": NOW, "b": NOW}
    assert not planned(people, paged, now_ms=NOW + WINDOW - 1).last_resort
    last = planned(people, paged, now_ms=NOW + WINDOW)
    assert last == Plan(("c",), NOW + 120_000, last_resort=True)
    again = planned(people, paged | {"c": NOW + WINDOW}, now_ms=NOW + 120_000)
    assert again == Plan(("a", "b"), NOW + 180_000, last_resort=True)


def test_all_declined_is_the_last_resort_at_once() -> None:
    people = duty(responder("a"), responder("b"), off=("b",))
    last = planned(people, {"a": NOW}, declined=frozenset({"a"}), now_ms=NOW + 5000)
    assert (last.page, last.last_resort) == (("b",), True)


def test_an_empty_roster_is_the_last_resort_with_nobody_to_page() -> None:
    assert planned(duty()) == Plan((), NOW + 120_000, last_resort=True)


def test_medium_waits_for_its_deadline_before_the_last_resort() -> None:
    about = incident(Severity.MEDIUM, NOW + 600_000)
    people = duty(responder("a"), responder("b"), travel_s={"b": 2000})
    assert planned(people, about=about).page == ("a",)
    late = planned(people, {"a": NOW}, about=about, now_ms=NOW + WINDOW)
    assert late == Plan(("b",), NOW + 600_000, last_resort=False)
    paged = {"a": NOW, "b": NOW + WINDOW}
    assert planned(people, paged, about=about, now_ms=NOW + 300_000).page == ()
    last = planned(people, paged, about=about, now_ms=NOW + 600_000)
    assert (last.page, last.last_resort) == (("a", "b"), True)
    after = planned(people, dict.fromkeys("ab", NOW + 600_000), about=about, now_ms=NOW + 900_000)
    assert (after.page, after.last_resort) == ((), True)


def test_low_goes_once_to_all_on_duty() -> None:
    about = incident(Severity.LOW, None)
    people = duty(responder("a"), responder("b"), responder("c"), off=("c",))
    assert planned(people, about=about) == Plan(("a", "b"), None, last_resort=False)
    assert planned(people, {"a": NOW, "b": NOW}, about=about, now_ms=NOW + 10**9).page == ()


def test_low_waits_for_a_shift_when_nobody_is_on_duty() -> None:
    people = duty(responder("a"), off=("a",))
    assert planned(people, about=incident(Severity.LOW, None)) == Plan((), NOW + WINDOW, last_resort=False)


def test_nobody_is_asked_while_somebody_goes_unless_help_is_wanted() -> None:
    people = duty(responder("a", odds=0.99), responder("b", odds=0.99))
    going = step(incident(), Accepted("a", 3), NOW + 1000)
    last_moment = T0 + (600 - 5 - 60 - 60 - 200 - 60 - 5) * 1000
    assert planned(people, about=going) == Plan((), last_moment, last_resort=False)
    assert planned(people, about=step(going, NeedsHelp("a"), NOW + 2000)).page == ("b",)


def test_a_suspicion_pages_nobody() -> None:
    suspicion = replace(incident(), severity=None, deadline_ms=None)
    assert planned(duty(responder("a")), about=suspicion) == Plan((), None, last_resort=False)


def test_the_lease_is_capped_by_the_person_who_has_most_time() -> None:
    people = duty(responder("a"), responder("b"), responder("c"), travel_s={"b": 150, "c": 250})
    held = step(incident(), Accepted("a"), NOW)
    cap = lease_cap_ms(held, people, frozenset(), POLICY, NOW)
    assert cap == T0 + (600 - 5 - 60 - 60 - 150 - 60 - 5) * 1000
    assert lease_cap_ms(held, people, frozenset({"b", "c"}), POLICY, NOW) is None
    assert lease_cap_ms(held, people, frozenset(), POLICY, T0 + 500_000) is None
    on_the_way = step(incident(), Accepted("a", 8), NOW)
    assert lease_cap_ms(on_the_way, people, frozenset(), POLICY, NOW) is None


def test_the_deadline_counts_from_onset_while_somebody_can_make_it() -> None:
    people = duty(responder("a"))
    assert deadline(concern(), people, POLICY) == (T0 + 600_000, False)
    assert deadline(concern(after_s=300), people, POLICY) == (T0 + 900_000, True)
    assert deadline(concern(), duty(), POLICY) == (NOW + 600_000, True)
    assert deadline(concern(Kind.INACTIVITY), people, POLICY) == (NOW + 600_000, True)
    assert deadline(concern(Kind.BLIND), people, POLICY) == (None, False)
    assert deadline(concern(Kind.FALL_SUSPECTED), people, POLICY) == (None, False)


def at(zone: str, text: str, fold: int = 0) -> int:
    local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return int(local.timestamp() * 1000)


def on_shift(zone: str, text: str, *, days: frozenset[int], start: int, end: int, fold: int = 0) -> bool:
    people = replace(duty(responder("a"), timezone=zone), shifts=(Shift("a", days, start, end),))
    return bool(on_duty(people, at(zone, text, fold)))


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("2026-11-27T21:59", False),  # Friday
        ("2026-11-27T22:00", True),
        ("2026-11-28T05:59", True),
        ("2026-11-28T06:00", False),
        ("2026-11-28T23:00", False),  # Saturday is not in the shift
        ("2026-11-27T03:00", False),  # nor was Thursday
    ],
)
def test_a_night_shift_belongs_to_the_day_on_which_it_starts(text: str, there: bool) -> None:
    assert on_shift("Asia/Shanghai", text, days=frozenset({4}), start=22 * 60, end=6 * 60) is there


def test_equal_times_are_a_whole_day() -> None:
    sunday = {"days": frozenset({6}), "start": 8 * 60, "end": 8 * 60}
    assert on_shift("Asia/Shanghai", "2026-11-29T08:00", **sunday)  # type: ignore[arg-type]
    assert on_shift("Asia/Shanghai", "2026-11-30T07:59", **sunday)  # type: ignore[arg-type]
    assert not on_shift("Asia/Shanghai", "2026-11-30T08:00", **sunday)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "fold", "there"),
    [
        ("2026-10-25T02:30", 0, True),  # the hour that comes twice, first time
        ("2026-10-25T02:30", 1, True),
        ("2026-10-25T03:00", 0, False),
        ("2026-03-29T01:59", 0, True),
        ("2026-03-29T03:00", 0, False),  # two o'clock does not happen that night
    ],
)
def test_shifts_go_by_the_clock_on_the_wall_when_it_changes(text: str, fold: int, there: bool) -> None:
    assert on_shift("Europe/Berlin", text, days=EVERY_DAY, start=0, end=3 * 60, fold=fold) is there


def test_the_sites_zone_counts_not_the_machines() -> None:
    people = replace(
        duty(responder("a"), timezone="Asia/Shanghai"), shifts=(Shift("a", EVERY_DAY, 480, 1200),)
    )
    assert on_duty(people, at("UTC", "2026-11-27T00:30"))
    assert not on_duty(people, at("UTC", "2026-11-27T12:30"))


@given(
    st.lists(st.tuples(st.floats(0.05, 0.95), st.integers(0, 500)), min_size=1, max_size=8),
    st.integers(0, 500_000),
)
def test_a_wave_is_feasible_sure_enough_and_no_larger_than_needed(
    figures: list[tuple[float, int]], later_ms: int
) -> None:
    names = "abcdefgh"[: len(figures)]
    people = duty(
        *(responder(n, odds=odds) for n, (odds, _) in zip(names, figures, strict=True)),
        travel_s={n: travel for n, (_, travel) in zip(names, figures, strict=True)},
    )
    now_ms = T0 + later_ms
    able = feasible("h01", T0 + 600_000, people, POLICY, now_ms)
    wave = planned(people, now_ms=now_ms)
    if not able:
        assert wave.last_resort
        assert set(wave.page) == set(names)
        return
    assert set(wave.page) <= set(able)
    missed = prod(1 - people.responders[r].reply_odds for r in wave.page)
    assert set(wave.page) == set(able) or missed <= 0.05 + 1e-9
    margin_ms = int(POLICY.margin_s * 1000)
    latest = {r: latest_page_ms(people.responders[r], "h01", T0 + 600_000, people, POLICY) for r in able}
    if all(latest[r] - margin_ms > now_ms for r in wave.page) and len(wave.page) > 1:
        for smaller in combinations(wave.page, len(wave.page) - 1):
            if smaller == wave.page[:-1]:
                assert prod(1 - people.responders[r].reply_odds for r in smaller) > 0.05 - 1e-9
    assert wave.next_ms is not None
    assert now_ms < wave.next_ms <= now_ms + WINDOW
    waiting = [latest[r] - margin_ms for r in able if r not in wave.page]
    assert all(wave.next_ms <= ms for ms in waiting)


def test_a_helper_who_is_long_overdue_is_not_counted_on() -> None:
    people = duty(responder("a", odds=0.9), responder("b", odds=0.9), responder("c"), travel_s={"c": 100})
    held = replace(step(incident(), Accepted("a", 8), NOW), helper="b")
    now_ms = T0 + (600 - 5 - 60 - 60 - 100 - 60 - 5) * 1000
    late = Asked(going={"a": Going(NOW, 8), "b": Going(NOW, 1)})
    assert plan(replace(held, severity=Severity.MEDIUM), people, late, POLICY, now_ms).page == ("c",)
    soon = Asked(going={"a": Going(NOW, 7), "b": Going(now_ms - 60_000, 2)})
    assert plan(replace(held, severity=Severity.MEDIUM, eta_ms=None), people, soon, POLICY, now_ms).page == ()


def test_now_or_never_is_asked_once_though_others_are_asked_beside() -> None:
    people = duty(responder("a"), responder("b"), responder("c"), travel_s={"a": 400, "b": 100, "c": 150})
    assert planned(people).page == ("a", "b", "c"), "a's last moment has come, and the chance is small"


def test_once_somebody_is_inside_the_door_is_open_for_whoever_has_no_key() -> None:
    people = replace(
        duty(responder("a", odds=0.99), responder("b", odds=0.99)), keyholders={"h01": frozenset({"a"})}
    )
    help_ms = NOW + 60_000
    there = step(step(incident(), Arrived("a"), NOW + 50_000), NeedsHelp("a"), help_ms)
    due_ms, b = help_ms + int(POLICY.target_s * 1000), people.responders["b"]
    last_ms = latest_page_ms(b, "h01", due_ms, replace(people, keyholders={}), POLICY)
    assert latest_page_ms(b, "h01", due_ms, people, POLICY) < last_ms - 1
    found = planned(people, about=there, now_ms=last_ms - 1)
    assert (found.page, found.last_resort) == (("b",), False)


def test_a_drill_that_nobody_answers_has_no_last_resort() -> None:
    drilled = replace(incident(Severity.MEDIUM, NOW + 600_000), kind=Kind.DRILL)
    people = duty(responder("a"), responder("b", active=True), off=("b",))
    over = planned(people, {"a": NOW}, about=drilled, now_ms=NOW + 600_000)
    assert (over.page, over.last_resort) == ((), False)


def test_what_has_no_deadline_is_never_asked_for_one() -> None:
    with pytest.raises(ValueError, match="incident 1 has no deadline"):
        due_by_ms(incident(Severity.LOW, None), POLICY)


def test_latest_pages_that_are_kept_are_the_same_as_those_worked_out_anew_and_never_too_many() -> None:
    people = duty(responder("a"), responder("b"), travel_s={"b": 300})
    deadlines = [T0 + 600_000 + k for k in range(MOST_WORKED + 1)]
    for _ in range(2):
        for due_ms in deadlines:
            assert feasible("h01", due_ms, people, POLICY, T0) == ("a", "b")
            assert len(in_time._worked[0].latest) <= MOST_WORKED
    a = people.responders["a"]
    kept = in_time._worked[0].latest["h01", deadlines[-1]]
    assert kept["a"] == latest_page_ms(a, "h01", deadlines[-1], people, POLICY)
