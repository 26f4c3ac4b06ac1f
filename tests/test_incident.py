"""An incident moves as the table says, and hearing something twice changes nothing."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.concern import Kind, Severity
from alerting.incident import (
    MOVES,
    Accepted,
    Arrived,
    BackupWanted,
    CancelledByHome,
    CannotGo,
    Closed,
    Contradicted,
    EnRoute,
    IllegalMove,
    Incident,
    IncidentEvent,
    LastResort,
    LeaseCapped,
    LeaseLapsed,
    NeedsHelp,
    Paged,
    Raised,
    ReportedFalse,
    State,
    Suspected,
    step,
)

HIGH = Incident(
    id=1,
    home="h01",
    kind=Kind.FALL_CONFIRMED,
    severity=Severity.HIGH,
    state=State.OPEN,
    t0_ms=0,
    round_ms=10_000,
    decided_ms=10_000,
    deadline_ms=600_000,
)
SUSPICION = replace(HIGH, kind=Kind.FALL_SUSPECTED, severity=None, decided_ms=None, deadline_ms=None)
MEDIUM = replace(HIGH, kind=Kind.INACTIVITY, severity=Severity.MEDIUM)


def told(incident: Incident, *events: IncidentEvent, from_ms: int = 20_000) -> Incident:
    """Apply events ten seconds apart."""
    for n, event in enumerate(events):
        incident = step(incident, event, from_ms + n * 10_000)
    return incident


def raised(
    kind: Kind = Kind.FALL_CONFIRMED, severity: Severity = Severity.HIGH, t_ms: int = 100_000
) -> Raised:
    return Raised(kind, severity, t_ms - 10_000, t_ms, t_ms + 590_000, late=False)


def test_the_whole_way_forward_keeps_the_first_time_of_every_segment() -> None:
    done = told(
        HIGH, Paged(), Accepted("a"), EnRoute("a", 5), Arrived("a"), Closed("real"), Closed("safe"), Paged()
    )
    assert done.state is State.CLOSED
    assert (done.provider_ms, done.accepted_ms, done.en_route_ms) == (20_000, 30_000, 40_000)
    assert (done.on_scene_ms, done.closed_ms, done.outcome) == (50_000, 60_000, "real")


def test_an_acceptance_is_a_lease_of_two_minutes_and_an_eta_makes_it_longer() -> None:
    held = step(HIGH, Accepted("a"), 20_000)
    assert (held.state, held.acceptor, held.lease_until_ms) == (State.ACCEPTED, "a", 140_000)
    going = step(held, EnRoute("a", 8), 30_000)
    assert going.eta_ms == 30_000 + 8 * 60_000
    assert going.lease_until_ms == 30_000 + 8 * 60_000 + 120_000


def test_one_and_minutes_is_on_the_way_at_once() -> None:
    going = step(HIGH, Accepted("a", 8), 20_000)
    assert (going.state, going.en_route_ms, going.lease_until_ms) == (State.EN_ROUTE, 20_000, 620_000)


def test_the_same_word_again_does_not_stretch_the_lease_but_a_new_eta_does() -> None:
    going = step(HIGH, Accepted("a", 8), 20_000)
    assert step(going, Accepted("a", 8), 300_000) == going
    assert step(going, Accepted("a"), 300_000) == going
    assert step(going, EnRoute("a"), 300_000) == going
    assert step(going, Accepted("a", 2), 300_000).lease_until_ms == 300_000 + 240_000


def test_no_lease_outlives_the_next_persons_latest_page() -> None:
    held = step(HIGH, Accepted("a"), 20_000)
    cut = step(held, LeaseCapped(100_000), 21_000)
    assert cut.lease_until_ms == 100_000
    assert step(cut, LeaseCapped(110_000), 22_000) == cut
    assert step(cut, LeaseLapsed(), 99_999) == cut
    again = step(cut, LeaseLapsed(), 100_000)
    assert (again.state, again.acceptor, again.round_ms) == (State.REOPENED, None, 100_000)
    assert again.wants_people


def test_who_is_on_the_way_is_not_released_before_the_time_named() -> None:
    going = step(HIGH, Accepted("a", 8), 20_000)
    assert step(going, LeaseCapped(200_000), 21_000) == going


def test_somebody_wanted_in_case_goes_too_and_nobody_is_told_to_stay() -> None:
    going = step(HIGH, Accepted("a", 8), 20_000)
    assert step(going, Accepted("b"), 21_000) == going
    wanted = step(going, BackupWanted(), 22_000)
    assert wanted.wants_people
    assert step(wanted, BackupWanted(), 23_000) == wanted
    both = step(wanted, Accepted("b"), 24_000)
    assert (both.acceptor, both.helper, both.wants_people) == ("a", "b", False)
    third = told(both, BackupWanted(), Accepted("c"))
    assert (third.acceptor, third.helper) == ("a", "c")
    turned_back = step(both, CannotGo("b"), 25_000)
    assert (turned_back.helper, turned_back.wants_people, turned_back.round_ms) == (None, True, both.round_ms)


def test_help_that_is_asked_for_is_not_lost_while_somebody_is_wanted_in_case() -> None:
    asked = told(HIGH, Accepted("a", 9), BackupWanted(), NeedsHelp("a"))
    assert asked.help_ms is not None
    there = step(asked, Arrived("a"), 30_000)
    assert there.wants_people


def test_nobody_is_wanted_in_case_once_somebody_is_there_or_before_somebody_goes() -> None:
    wanted = told(HIGH, Accepted("a", 8), BackupWanted())
    there = step(wanted, Arrived("a"), 30_000)
    assert not there.wants_people
    assert step(there, BackupWanted(), 31_000) == there
    assert step(HIGH, BackupWanted(), 31_000) == HIGH
    asked_for_help = told(HIGH, Accepted("a", 8), NeedsHelp("a"), Accepted("b"))
    assert step(asked_for_help, BackupWanted(), 31_000) == asked_for_help


def test_the_first_of_two_acceptances_wins() -> None:
    both = told(HIGH, Accepted("a"), Accepted("b", 2))
    assert both == told(HIGH, Accepted("a"))


def test_only_the_acceptors_cannot_reopens() -> None:
    held = told(HIGH, Paged(), Accepted("a"))
    assert step(held, CannotGo("b"), 60_000) == held
    again = step(held, CannotGo("a"), 60_000)
    assert (again.state, again.acceptor, again.lease_until_ms, again.round_ms) == (
        State.REOPENED,
        None,
        None,
        60_000,
    )


def test_a_rise_goes_back_to_open_with_its_own_deadline_whoever_had_accepted() -> None:
    risen = step(told(MEDIUM, Paged(), Accepted("a", 8)), raised(), 100_000)
    assert (risen.state, risen.severity, risen.acceptor) == (State.OPEN, Severity.HIGH, None)
    assert (risen.t0_ms, risen.decided_ms, risen.deadline_ms) == (90_000, 100_000, 690_000)
    assert risen.wants_people


def test_a_rise_leaves_somebody_on_scene_in_charge() -> None:
    risen = step(told(MEDIUM, Arrived("a")), raised(), 100_000)
    assert (risen.state, risen.acceptor, risen.severity) == (State.ON_SCENE, "a", Severity.HIGH)
    assert not risen.wants_people


def test_a_fall_outranks_its_equals_and_lesser_news_changes_nothing() -> None:
    gas = replace(HIGH, kind=Kind.GAS, state=State.NOTIFIED)
    assert step(gas, raised(), 100_000) == replace(gas, kind=Kind.FALL_CONFIRMED)
    assert step(HIGH, raised(Kind.SMOKE), 100_000) == HIGH
    assert step(HIGH, raised(Kind.COLD, Severity.MEDIUM), 100_000) == HIGH


@pytest.mark.parametrize("outcome", ["recovered", "cancelled"])
def test_nothing_but_a_human_closes_what_has_a_severity(outcome: str) -> None:
    with pytest.raises(IllegalMove):
        step(HIGH, Closed(outcome), 20_000)
    assert step(SUSPICION, Closed(outcome), 20_000).state is State.CLOSED


def test_a_cancel_closes_a_suspicion_and_is_only_noted_later() -> None:
    assert step(SUSPICION, CancelledByHome(), 20_000).outcome == "cancelled"
    noted = step(HIGH, CancelledByHome(), 20_000)
    assert noted == replace(HIGH, cancelled_by_home_ms=20_000)


def test_reported_false_stops_nothing_unless_said_at_the_door() -> None:
    flagged = told(HIGH, Paged(), Accepted("a"), ReportedFalse("a"))
    assert (flagged.state, flagged.reported_false) == (State.ACCEPTED, True)
    there = told(HIGH, Arrived("a"), ReportedFalse("b"))
    assert there.state is State.ON_SCENE
    assert step(there, ReportedFalse("a"), 60_000).outcome == "false:reported"


def test_help_pages_on_until_a_second_person_goes() -> None:
    alone = told(HIGH, Arrived("a"), NeedsHelp("a"))
    assert (alone.state, alone.wants_people, alone.round_ms) == (State.ON_SCENE, True, 30_000)
    helped = step(alone, Accepted("b"), 50_000)
    assert (helped.acceptor, helped.helper, helped.wants_people) == ("a", "b", False)
    assert step(helped, CannotGo("b"), 60_000).wants_people


@pytest.mark.parametrize("event", [Contradicted(), NeedsHelp("a")])
def test_a_word_against_closing_reopens(event: IncidentEvent) -> None:
    again = step(told(HIGH, Arrived("a"), Closed("safe")), event, 90_000)
    assert (again.state, again.closed_ms, again.outcome) == (State.REOPENED, None, None)
    assert again.wants_people


@pytest.mark.parametrize("event", [Accepted("a"), EnRoute("b"), Arrived("a"), raised()])
def test_what_is_closed_cannot_be_taken_up(event: IncidentEvent) -> None:
    with pytest.raises(IllegalMove):
        step(told(HIGH, Accepted("a"), Closed("real")), event, 90_000)


def test_an_outcome_that_nobody_knows_closes_nothing() -> None:
    with pytest.raises(IllegalMove, match="no such outcome"):
        step(HIGH, Closed("whatever"), 20_000)


who = st.sampled_from(["a", "b", "c"])
minutes = st.none() | st.integers(1, 120)
EVENTS: st.SearchStrategy[IncidentEvent] = st.one_of(
    st.just(Paged()),
    st.builds(Accepted, who, minutes),
    st.builds(EnRoute, who, minutes),
    st.builds(Arrived, who),
    st.builds(CannotGo, who),
    st.builds(ReportedFalse, who),
    st.builds(NeedsHelp, who),
    st.builds(Closed, st.sampled_from(["safe", "real", "drill", "false:cat", "recovered", "cancelled"])),
    st.just(LeaseLapsed()),
    st.builds(LeaseCapped, st.integers(0, 2_000_000)),
    st.just(BackupWanted()),
    st.builds(Suspected, st.integers(0, 2_000_000)),
    st.builds(raised, st.sampled_from([Kind.SOS, Kind.FALL_CONFIRMED]), st.sampled_from(Severity)),
    st.just(Contradicted()),
    st.just(CancelledByHome()),
    st.just(LastResort()),
)
STORIES = st.lists(st.tuples(EVENTS, st.integers(0, 300_000)), max_size=25)


@given(STORIES, st.sampled_from([HIGH, MEDIUM, SUSPICION]))
def test_no_story_makes_an_illegal_move(story: list[tuple[IncidentEvent, int]], incident: Incident) -> None:
    now_ms = 10_000
    for event, later_ms in story:
        now_ms += later_ms
        try:
            after = step(incident, event, now_ms)
        except IllegalMove:
            continue
        assert after.state is incident.state or after.state in MOVES[incident.state]
        if incident.state is State.CLOSED and after.state is not State.CLOSED:
            assert isinstance(event, Contradicted | NeedsHelp)
        if incident.severity is Severity.HIGH and after.state is State.CLOSED is not incident.state:
            assert isinstance(event, Closed | ReportedFalse)
        for segment in ("suspected_ms", "provider_ms", "accepted_ms", "en_route_ms", "on_scene_ms"):
            first = getattr(incident, segment)
            assert first is None or getattr(after, segment) == first
        held = {State.ACCEPTED, State.EN_ROUTE}
        assert (after.lease_until_ms is not None) == (after.state in held)
        assert (after.outcome is not None) == (after.state is State.CLOSED)
        incident = after


@given(STORIES, EVENTS, st.integers(0, 300_000), st.sampled_from([HIGH, SUSPICION]))
def test_hearing_it_twice_changes_nothing(
    story: list[tuple[IncidentEvent, int]], event: IncidentEvent, later_ms: int, incident: Incident
) -> None:
    now_ms = 10_000
    for earlier, ms in story:
        now_ms += ms
        try:
            incident = step(incident, earlier, now_ms)
        except IllegalMove:
            continue
    try:
        once = step(incident, event, now_ms)
        twice = step(once, event, now_ms + later_ms)
    except IllegalMove:
        return
    if isinstance(event, LastResort):  # it notes the latest call
        twice = replace(twice, last_resort_ms=once.last_resort_ms)
    if isinstance(event, LeaseLapsed | NeedsHelp) and once.state is not twice.state:
        pytest.fail(f"{event.name} moved twice")
    assert twice == once or (isinstance(event, LeaseLapsed) and once == incident)
