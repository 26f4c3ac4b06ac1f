"""Shifts end and begin while something is open: nobody is dropped, whoever comes is asked and told."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from alerting.concern import Concern, Kind, Severity
from alerting.duty import Duty, Shift
from alerting.in_time import feasible
from alerting.incident import Accepted, step
from alerting.planner import Asked, Going, lease_cap_ms, plan
from alerting.shifts import changes_ms, ends_ms, on_duty, starts_ms
from tests.alerting_people import EVERY_DAY, T0, concern, duty, responder, shipped_policy
from tests.test_planner import NOW, at, incident

POLICY = shipped_policy()
MIN = 60_000
CHANGE = T0 + 100_000
"""22:15 in Shanghai, 90 s after NOW."""
MARGIN = int(POLICY.margin_s * 1000)


def shifted(people: Duty, *, leave: str = "", come: str = "") -> Duty:
    """These leave at CHANGE, those come then; all others stay."""
    minute = 22 * 60 + 15
    kept = [s for s in people.shifts if s.responder not in leave + come]
    late = [Shift(r, EVERY_DAY, 6 * 60, minute) for r in leave]
    early = [Shift(r, EVERY_DAY, minute, 6 * 60) for r in come]
    return replace(people, shifts=(*kept, *late, *early))


def concern_at(home: str, kind: Kind = Kind.FALL_CONFIRMED, at_ms: int = T0) -> Concern:
    """Something that began then, and was seen 10 s later."""
    return concern(kind, home=home, onset_ms=at_ms)


def test_the_change_is_where_the_tests_think_it_is() -> None:
    people = shifted(duty(responder("a"), responder("b"), responder("c")), leave="a", come="b")
    assert on_duty(people, CHANGE - 1) == ("a", "c")
    assert on_duty(people, CHANGE) == ("b", "c")
    assert changes_ms(people, NOW, CHANGE) == [CHANGE]
    assert changes_ms(people, CHANGE, CHANGE + 60 * MIN) == []
    assert ends_ms(people, NOW, CHANGE + 60 * MIN) == {"a": CHANGE}
    assert starts_ms(people, NOW, CHANGE) == {"b": CHANGE}
    assert starts_ms(people, CHANGE, CHANGE + MIN) == {}


def test_who_was_asked_still_counts_after_their_shift() -> None:
    people = shifted(duty(responder("a", odds=0.96), responder("b")), leave="a")
    waiting = plan(incident(), people, Asked({"a": CHANGE - 1000}), POLICY, CHANGE + 1000)
    assert waiting.page == ()
    assert not waiting.last_resort
    assert waiting.next_ms == CHANGE - 1000 + 60_000
    never_asked = plan(incident(), people, Asked(), POLICY, CHANGE + 1000)
    assert never_asked.page == ("b",)


def test_who_was_asked_off_duty_as_the_last_resort_does_not_become_somebody_on_duty() -> None:
    people = duty(responder("a"), responder("b"), off=("b",))
    asked = Asked({"a": NOW, "b": NOW + 60_000})
    assert plan(incident(), people, asked, POLICY, NOW + 70_000).last_resort


def test_who_goes_goes_on_after_their_shift_and_a_volunteer_stays_one() -> None:
    people = shifted(
        duty(responder("a"), responder("v"), responder("c"), travel_s={"v": 150}), leave="av", come="c"
    )
    held = step(incident(), Accepted("a", 8), NOW)
    asked = Asked({"a": NOW, "v": NOW}, going={"a": Going(NOW, 8)}, volunteers={"v": NOW + 20_000})
    beside = plan(held, people, asked, POLICY, CHANGE + 1000)
    assert beside.page[0] == "v", "expected barely in time: the volunteer is asked to go too"
    early = replace(asked, going={"a": Going(NOW, 3)})
    assert plan(step(incident(), Accepted("a", 3), NOW), people, early, POLICY, CHANGE + 1000).page == ()


def test_whoever_leaves_soon_comes_after_those_who_stay_and_is_asked_before_they_leave() -> None:
    people = shifted(duty(*(responder(r, odds=0.96) for r in "ab"), travel_s={"a": 20}), leave="a")
    first = plan(incident(), people, Asked(), POLICY, NOW)
    assert (first.page, first.next_ms) == (("b",), NOW + 60_000)
    then = plan(incident(), people, Asked({"b": NOW + 60_000}), POLICY, NOW + 60_000)
    assert (then.page, then.next_ms) == ((), CHANGE - 1 - MARGIN)
    assert plan(incident(), people, Asked({"b": NOW + 60_000}), POLICY, CHANGE - MARGIN).page == ("a",)
    alone = shifted(duty(responder("a")), leave="a")
    assert plan(incident(), alone, Asked(), POLICY, NOW).page == ("a",), "late is better than nobody"


def test_beside_somebody_who_goes_the_others_are_asked_before_they_leave() -> None:
    people = shifted(duty(*(responder(r) for r in "ab")), leave="b")
    held = step(incident(), Accepted("a", 3), NOW)
    asked = Asked({"a": NOW}, going={"a": Going(NOW, 3)})
    assert plan(held, people, asked, POLICY, NOW + 1000).next_ms == CHANGE - 1 - MARGIN
    last = plan(held, people, asked, POLICY, CHANGE - 1 - MARGIN)
    assert (last.page, last.backup) == (("b",), True)
    silent = step(incident(), Accepted("a"), NOW)
    assert lease_cap_ms(silent, people, frozenset(), POLICY, NOW) == CHANGE - 1 - MARGIN


def test_whoever_comes_is_a_candidate_from_the_start_of_their_shift_and_the_plan_looks_then() -> None:
    people = shifted(duty(responder("a", odds=0.3), responder("b")), come="b")
    asked = Asked({"a": CHANGE - 20_000})
    before = plan(incident(), people, asked, POLICY, CHANGE - 10_000)
    assert (before.page, before.next_ms) == ((), CHANGE)
    assert plan(incident(), people, asked, POLICY, CHANGE).page == ("b",)
    high = plan(incident(), shifted(people, come="ab"), Asked(), POLICY, NOW)
    assert (high.last_resort, high.next_ms) == (True, CHANGE)
    held = step(incident(), Accepted("a", 3), NOW)
    alone = Asked({"a": NOW}, going={"a": Going(NOW, 3)})
    assert plan(held, people, alone, POLICY, NOW + 1000).next_ms == CHANGE
    medium = incident(Severity.MEDIUM, NOW + 600_000)
    assert plan(medium, shifted(people, come="ab"), Asked(), POLICY, NOW).next_ms == CHANGE


def test_shifts_that_follow_each_other_are_one() -> None:
    day, night = Shift("a", EVERY_DAY, 6 * 60, 22 * 60 + 15), Shift("a", EVERY_DAY, 22 * 60 + 15, 0)
    people = replace(duty(responder("a")), shifts=(day, night))
    assert ends_ms(people, NOW, CHANGE + MIN) == {}
    assert starts_ms(people, NOW, CHANGE + MIN) == {}


minutes = st.integers(0, 1439)
shifts = st.builds(Shift, st.sampled_from("abc"), st.frozensets(st.integers(0, 6)), minutes, minutes)
BEGIN = {
    "Asia/Shanghai": T0 - T0 % MIN,
    "Europe/Berlin": at("Europe/Berlin", "2026-03-28T16:00"),  # the night in which two o'clock is left out
    "Australia/Lord_Howe": at("Australia/Lord_Howe", "2026-04-04T16:00"),  # half an hour comes twice
}


@given(
    st.sampled_from(sorted(BEGIN)),
    st.lists(shifts, max_size=6),
    st.integers(0, 12 * 60),
    st.integers(1, 12 * 60),
)
def test_between_two_changes_nobody_comes_or_goes(
    zone: str, some: list[Shift], from_minute: int, length: int
) -> None:
    people = replace(duty(*(responder(r) for r in "abc"), timezone=zone), shifts=tuple(some))
    now_ms = BEGIN[zone] + from_minute * MIN
    until_ms = now_ms + length * MIN
    stops = [now_ms, *changes_ms(people, now_ms, until_ms), until_ms + 1]
    for one_ms, next_ms in pairwise(stops):
        for t_ms in range(one_ms, next_ms, MIN):
            assert on_duty(people, t_ms) == on_duty(people, one_ms)


@given(st.lists(shifts, max_size=6), st.integers(0, 24 * 60))
def test_everybody_feasible_is_on_duty_now_and_has_not_left(some: list[Shift], minute: int) -> None:
    people = replace(duty(*(responder(r) for r in "abc")), shifts=tuple(some))
    now_ms = T0 + minute * MIN
    able = feasible("h01", now_ms + 500_000, people, POLICY, now_ms)
    assert set(able) == set(on_duty(people, now_ms))
    ends = ends_ms(people, now_ms, now_ms + 60 * MIN)
    assert all(ms > now_ms for ms in ends.values())


def test_a_shift_that_ends_at_a_time_which_a_night_does_not_have_is_looked_at_when_it_ends() -> None:
    people = replace(
        duty(responder("a"), timezone="Europe/Berlin"), shifts=(Shift("a", EVERY_DAY, 1320, 150),)
    )
    begin_ms = at("Europe/Berlin", "2026-03-28T23:00")  # at two the clocks show three
    ends = next(ms for ms in range(begin_ms, begin_ms + 24 * 60 * MIN, MIN) if not on_duty(people, ms))
    assert ends == at("Europe/Berlin", "2026-03-29T03:00")
    assert ends in changes_ms(people, begin_ms, begin_ms + 6 * 60 * MIN)
    assert ends_ms(people, begin_ms, begin_ms + 6 * 60 * MIN) == {"a": ends}
