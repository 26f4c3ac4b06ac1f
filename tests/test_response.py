"""Ten minutes in virtual time: what the simulation of a district says, and that it can say no."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from alerting import dispatch
from alerting.dispatch import Look
from simulator.response import onebyone, planted
from simulator.response.district import (
    DECISION,
    ON_SHIFT,
    PEOPLE,
    REPLY,
    SEND,
    TARGET_S,
    TRAVEL,
    TURNOUT,
    Case,
    district,
)
from simulator.response.faults import FAULTS
from simulator.response.outcome import Outcome
from simulator.response.run import Job, play, run
from tests.alerting_people import shipped_policy

POLICY = shipped_policy()
FEW = 4


def played(fault: str, *, odds: float = 0.3, seed: int = 20, count: int = FEW) -> list[Outcome]:
    place = next(n for n, f in enumerate(FAULTS) if f.id == fault)
    return play(Job(odds, place, seed, 0, count), POLICY)


def test_people_are_as_far_and_as_quick_as_was_said() -> None:
    where = district(1, 0.3)
    cases = [where.case(n) for n in range(300)]

    def quantiles(values: list[float]) -> tuple[float, float, float]:
        p50, p90, p95 = np.quantile(values, (0.5, 0.9, 0.95))
        return float(p50), float(p90), float(p95)

    trips = quantiles([float(t) for c in cases for t in c.trip_s])
    assert trips[:2] == pytest.approx((240, 420), rel=0.05)
    assert quantiles([float(t) for c in cases for t in c.turnout_s])[:2] == pytest.approx((30, 60), rel=0.05)
    assert quantiles([float(t) for c in cases for t in c.reply_s[:, 0]])[:2] == pytest.approx(
        (25, 90), rel=0.05
    )
    assert quantiles([float(t) for c in cases for t in c.send_s])[2] == pytest.approx(5, rel=0.05)
    assert np.mean([c.answers for c in cases]) == pytest.approx(0.3, abs=0.01)
    assert (DECISION.median_s, REPLY.p90_s, TURNOUT.p90_s, TRAVEL.p90_s, SEND.median_s) == pytest.approx(
        (15, 90, 60, 420, 2)
    )
    assert len(where.duty.shifts) == ON_SHIFT
    assert len(where.duty.responders) == PEOPLE


def test_planned_travel_times_are_exceeded_by_one_trip_in_ten() -> None:
    where = district(1, 0.3)
    late = [where.case(n).trip_s > where.planned_s(where.case(n).home) for n in range(300)]
    assert np.mean(late) == pytest.approx(0.1, abs=0.01)


def test_the_same_seed_gives_the_same_incidents_and_the_same_outcomes() -> None:
    assert played("none", count=2) == played("none", count=2)
    assert played("none", count=2) != played("none", count=2, seed=21)


def test_somebody_is_inside_in_time_and_the_segments_follow_each_other() -> None:
    for one in played("none"):
        assert one.in_time
        assert one.decided_s < one.provider_s < one.accepted_s <= one.en_route_s < one.door_s
        assert one.inside_s == pytest.approx(one.door_s + 30)
        assert one.went >= 1
        assert not one.last_resort
        assert not one.late_at_decision


@pytest.mark.parametrize("fault", [f.id for f in FAULTS if f.id not in {"none", "F16"}])
def test_whatever_goes_wrong_help_that_could_come_comes(fault: str) -> None:
    for one in played(fault, count=2):
        assert one.in_time or not one.still_feasible
        assert one.broken == ()


def test_ten_minutes_of_standstill_are_counted_as_what_they_are() -> None:
    told = played("F16", count=12)
    assert all(one.decided_s < 600 for one in told)
    assert any(one.feasible and not one.still_feasible for one in told)
    assert any(one.last_resort for one in told)


def test_words_that_are_all_taken_at_once_are_not_held_against_each_others_answers() -> None:
    place = next(n for n, f in enumerate(FAULTS) if f.id == "F16")
    for odds in (0.17, 0.47):
        assert [one.broken for one in play(Job(odds, place, 5, 0, 3), POLICY)] == [()] * 3


def test_a_policy_that_waits_is_found_out() -> None:
    """The simulation can say no: one person asked at a time makes feasible incidents late."""
    slow = replace(POLICY, wave_confidence=0.01, wave_window_s=400, margin_s=-300)
    place = next(n for n, f in enumerate(FAULTS) if f.id == "none")
    told = play(Job(0.3, place, 20, 0, 12), slow)
    assert any(one.still_feasible and not one.in_time for one in told)


def test_asked_one_by_one_the_nearest_comes_first_and_each_silence_costs_a_minute() -> None:
    where = district(3, 0.3)
    numbers = {r: k for k, r in enumerate(where.duty.responders)}
    on = sorted(
        (numbers[s.responder] for s in where.duty.shifts),
        key=lambda k: where.usual_s[k, where.homes.index("h007")],
    )
    answers = np.zeros((PEOPLE, 4), np.bool_)
    answers[on[2], 0] = True
    flat = np.ones(PEOPLE)
    case = Case(
        number=0,
        home="h007",
        decision_s=15.0,
        answers=answers,
        declines=np.zeros(PEOPLE, np.bool_),
        says_minutes=np.zeros(PEOPLE, np.bool_),
        reply_s=np.full((PEOPLE, 4), 20.0),
        turnout_s=30.0 * flat,
        trip_s=200.0 * flat,
        send_s=2.0 * flat,
    )
    assert onebyone.inside_s(where, case) == (15 + 60 + 60 + 2 + 20 + 30 + 200 + 30, 3)
    assert onebyone.inside_s(where, replace(case, declines=flat > 0)) == (15 + 22 + 22 + 22 + 260, 3)
    assert onebyone.inside_s(where, case, frozenset({on[2]}))[0] == np.inf


@pytest.mark.parametrize("fault", ["none", "F13", "F16", "F36", "F51b", "F58", "F59"])
def test_a_look_at_what_has_changed_does_the_same_as_one_at_everything(
    fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = next(n for n, f in enumerate(FAULTS) if f.id == fault)
    job = Job(0.30, place, 20, 0, 6)
    quick = play(job, POLICY)
    monkeypatch.setattr(dispatch, "look", partial(_look_at_everything, dispatch.look))
    assert repr(play(job, POLICY)) == repr(quick)


def _look_at_everything(look: Callable[..., Look], *args: Any) -> Look:
    *facts, _before = args
    return look(*facts)


def test_on_a_real_file_everything_goes_as_in_memory() -> None:
    for fault in ("none", "F13"):
        place = next(n for n, f in enumerate(FAULTS) if f.id == fault)
        in_memory = Job(0.30, place, 20, 0, 3)
        assert play(replace(in_memory, on_disk=True), POLICY) == play(in_memory, POLICY)


@pytest.mark.parametrize("bug", planted.bugs(), ids=lambda b: b.name)
def test_every_planted_bug_has_its_place_in_the_source(bug: planted.Bug) -> None:
    assert planted.planted_text(bug) != (planted.ROOT / bug.file).read_text("utf-8")
    assert set(bug.faults) <= {f.id for f in FAULTS}


def test_a_planted_bug_is_found() -> None:
    (found,) = planted.hunt(20, ["deadline-from-decision"])
    assert found.seen == "the deadline is not ten minutes after the onset"


def test_a_copy_that_does_not_run_is_no_bug_found(monkeypatch: pytest.MonkeyPatch) -> None:
    torn = planted.Bug("torn", "alerting/backup.py", "def backup(", "def backup((", ("none",))
    monkeypatch.setattr(planted, "bugs", lambda: [torn])
    with pytest.raises(LookupError, match="torn: the copy does not run: SyntaxError"):
        list(planted.hunt(20))


def test_nothing_is_found_where_nothing_is_planted() -> None:
    assert planted.watch(20, ["none"], most=planted.PIECE).seen is None


@pytest.mark.slow
@pytest.mark.parametrize("bug", [b.name for b in planted.bugs()])
def test_all_planted_bugs_are_found(bug: str) -> None:
    (found,) = planted.hunt(20, [bug])
    assert found.seen is not None


def test_figures_hold_what_a_program_reads() -> None:
    figures = run(2, 20, POLICY, ("none", "F58"))
    assert figures["incidents"] == 2
    assert set(figures["by_reply_odds"]) == {"0.17", "0.30", "0.47"}
    assert set(figures["by_fault"]) == {"none", "F58"}
    assert {"feasible", "late_feasible", "within_600_share", "texts_per_incident"} <= set(figures)
    assert 0 <= figures["baseline"]["within_600_share"] <= 1
    assert figures["seconds"]["inside_s"]["p50"] < TARGET_S
    with pytest.raises(LookupError, match="no fault F99"):
        run(1, 20, POLICY, ("F99",))
