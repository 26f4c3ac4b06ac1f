"""An incident moves as the table says, and hearing something twice changes nothing."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.concern import Kind, Severity
from alerting.incident import (
    MOVES,
    Accepted,
    Added,
    Arrived,
    BackupWanted,
    CancelledByHome,
    CannotGo,
    Closed,
    Contradicted,
    EnRoute,
    HandedOver,
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
    Sensed,
    State,
    Suspected,
    Word,
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


# --- staff name somebody -------------------------------------------------------------------------


def test_whoever_holds_it_keeps_it_until_the_named_one_says_yes() -> None:
    held = told(HIGH, Paged(), Accepted("a", 8))
    named = step(held, HandedOver("b"), 60_000)
    assert named == replace(held, named="b")
    assert step(named, HandedOver("b", "another colleague"), 70_000) == named
    assert step(named, Accepted("c"), 70_000) == named
    taken = step(named, Accepted("b"), 80_000)
    assert (taken.state, taken.acceptor, taken.helper, taken.named) == (State.ACCEPTED, "b", None, None)
    assert (taken.lease_until_ms, taken.eta_ms, taken.accepted_ms) == (200_000, None, held.accepted_ms)
    assert step(taken, Accepted("a"), 90_000) == taken, "who is released does not take it back"
    assert step(named, Accepted("b", 3), 80_000).lease_until_ms == 80_000 + 180_000 + 120_000


def test_a_named_one_who_cannot_changes_nothing_for_who_holds_it() -> None:
    held = told(HIGH, Accepted("a", 8))
    assert step(step(held, HandedOver("b"), 60_000), CannotGo("b"), 70_000) == held


def test_the_old_lease_stands_and_what_ends_it_does_not_unname_anybody() -> None:
    named = told(HIGH, Accepted("a"), HandedOver("b"))
    for ends in (LeaseLapsed(), CannotGo("a")):
        again = step(named, ends, 500_000)
        assert (again.state, again.acceptor, again.named) == (State.REOPENED, None, "b")
        assert step(again, Accepted("b"), 510_000).acceptor == "b"


def test_nobody_leaves_the_door_before_the_named_one_is_there() -> None:
    there = told(HIGH, Arrived("a"), HandedOver("b"))
    coming = step(there, Accepted("b", 4), 60_000)
    assert (coming.state, coming.acceptor, coming.helper) == (State.ON_SCENE, "a", "b")
    both = step(coming, Arrived("b"), 90_000)
    assert (both.acceptor, both.helper, both.named, both.on_scene_ms) == ("b", None, None, 20_000)


def test_naming_who_holds_it_takes_a_hand_over_back() -> None:
    held = told(HIGH, Accepted("a", 8))
    assert step(step(held, HandedOver("b"), 60_000), HandedOver("a"), 70_000) == held


def test_whom_staff_send_for_goes_too_whoever_else_goes() -> None:
    held = told(HIGH, Accepted("a", 8))
    sent_for = told(held, Added("b"), Added("b"), Added("a"), Added("c"), from_ms=60_000)
    assert (sent_for.added, sent_for.called, sent_for.wants_people) == (("b", "c"), frozenset("bc"), False)
    assert step(sent_for, Accepted("d"), 100_000).helper is None
    assert step(sent_for, Accepted("b"), 100_000).helper == "b"
    both = told(sent_for, Arrived("a"), Accepted("c"), from_ms=100_000)
    assert (both.state, both.acceptor, both.helper) == (State.ON_SCENE, "a", "c")
    assert step(sent_for, CannotGo("b"), 100_000).added == ("c",)


@pytest.mark.parametrize("naming", [HandedOver("b"), Added("b")])
def test_nobody_is_sent_to_what_is_over_or_only_suspected(naming: IncidentEvent) -> None:
    for where in (SUSPICION, told(HIGH, Arrived("a"), Closed("safe"))):
        with pytest.raises(IllegalMove, match="nobody is sent"):
            step(where, naming, 90_000)


# --- arrivals that only sensors have seen --------------------------------------------------------

SENSED = Sensed("door+body", 300.0)
SEEN = told(HIGH, Paged(), Accepted("a", 8), SENSED)
"""`a` has accepted at 30 s; at 40 s door and bodies say that somebody is there."""


def test_sensors_put_the_acceptor_on_scene_and_keep_a_lease() -> None:
    assert (SEEN.state, SEEN.acceptor, SEEN.on_scene_ms, SEEN.eta_ms) == (State.ON_SCENE, "a", 40_000, None)
    assert (SEEN.lease_until_ms, SEEN.is_sensed, SEEN.is_there, SEEN.wants_people) == (
        340_000,
        True,
        False,
        False,
    )
    assert step(SEEN, SENSED, 60_000) == SEEN
    assert step(SEEN, LeaseCapped(50_000), 45_000) == SEEN
    assert step(SEEN, LeaseLapsed(), 339_999) == SEEN


def test_an_arrival_that_nobody_confirms_lapses_and_is_taken_back() -> None:
    again = step(SEEN, LeaseLapsed(), 340_000)
    assert (again.state, again.acceptor, again.on_scene_ms, again.sensed_ms) == (
        State.REOPENED,
        None,
        None,
        None,
    )
    assert again.wants_people
    assert step(SEEN, CannotGo("a"), 60_000).on_scene_ms is None


def test_the_holders_own_word_confirms_it() -> None:
    there = step(SEEN, Arrived("a"), 60_000)
    assert (there.is_there, there.lease_until_ms, there.on_scene_ms) == (True, None, 40_000)
    helped = step(SEEN, NeedsHelp("a"), 60_000)
    assert (helped.is_there, helped.wants_people, helped.lease_until_ms) == (True, True, None)
    assert step(SEEN, Closed("safe"), 60_000).on_scene_ms == 40_000
    assert step(SEEN, ReportedFalse("b"), 60_000).is_sensed
    assert step(SEEN, NeedsHelp("b"), 60_000).is_sensed


def test_a_word_that_contradicts_the_sensors_counts_and_they_are_not_believed_again() -> None:
    going = step(SEEN, Accepted("a", 5), 60_000)
    assert (going.state, going.lease_until_ms) == (State.EN_ROUTE, 60_000 + 300_000 + 120_000)
    assert going.on_scene_ms is None
    assert step(going, SENSED, 70_000) == going
    assert step(SEEN, Accepted("a"), 60_000) == SEEN, "a plain 1 says nothing new"
    assert step(step(going, LeaseLapsed(), 900_000), SENSED, 910_000).state is State.REOPENED


def test_sensors_alone_keep_nobody_from_being_asked() -> None:
    assert SEEN.by_word().state is State.EN_ROUTE
    wanted = step(SEEN, BackupWanted(), 60_000)
    assert wanted.wants_people
    assert step(wanted, Accepted("b"), 70_000).helper == "b"
    worse = step(told(MEDIUM, Accepted("a"), SENSED), raised(), 100_000)
    assert (worse.state, worse.acceptor, worse.on_scene_ms) == (State.OPEN, None, None)


def test_sensors_say_nothing_where_nobody_goes_or_nobody_hurries() -> None:
    low = replace(HIGH, severity=Severity.LOW, kind=Kind.SENSOR_FAULT)
    test = replace(MEDIUM, kind=Kind.DRILL)
    for where in (
        HIGH,
        SUSPICION,
        told(HIGH, Arrived("a")),
        told(low, Accepted("a")),
        told(test, Accepted("a")),
    ):
        assert step(where, SENSED, 60_000) == where


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
    st.builds(HandedOver, who),
    st.builds(Added, who),
    st.just(SENSED),
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
        if after.acceptor not in {None, incident.acceptor}:  # nothing but somebody's own word
            assert isinstance(event, Accepted | EnRoute | Arrived)
            assert event.responder == after.acceptor
        if incident.acceptor not in {None, after.acceptor}:  # nobody is let go for a name alone
            ends = CannotGo | LeaseLapsed | Raised | Arrived | Contradicted | NeedsHelp
            assert isinstance(event, ends) or after.acceptor == incident.named
        if incident.state is State.ON_SCENE and after.state in {State.EN_ROUTE, State.OPEN}:
            assert incident.is_sensed
        for segment in ("suspected_ms", "provider_ms", "accepted_ms", "en_route_ms", "on_scene_ms"):
            first = getattr(incident, segment)
            undone = segment == "on_scene_ms" and incident.is_sensed and not after.closed_ms
            undone = undone and after.state is not State.ON_SCENE and getattr(after, segment) is None
            assert first is None or getattr(after, segment) == first or undone
        held = {State.ACCEPTED, State.EN_ROUTE}
        assert (after.lease_until_ms is not None) == (after.state in held or after.is_sensed)
        assert (after.outcome is not None) == (after.state is State.CLOSED)
        incident = after


@given(STORIES, st.sampled_from([HIGH, MEDIUM]), st.integers(1, 600))
def test_no_arrival_by_sensors_alone_outlives_its_lease(
    story: list[tuple[IncidentEvent, int]], incident: Incident, lease_s: int
) -> None:
    """Whatever was said by others: without the holder's own word somebody is looked for again."""
    now_ms = 10_000
    for event, later_ms in story:
        now_ms += later_ms
        try:
            incident = step(incident, event, now_ms)
        except IllegalMove:
            continue
    seen = step(incident, Sensed("door", lease_s), now_ms)
    if not seen.is_sensed or seen == incident:
        return
    assert seen.state is not State.CLOSED
    assert seen.acceptor == incident.acceptor
    for event, _ in story:
        theirs = isinstance(event, Word | HandedOver) and event.responder == seen.acceptor
        if theirs or isinstance(event, Closed | LeaseLapsed | Raised | Arrived | Sensed):
            continue
        try:
            seen = step(seen, event, now_ms)
        except IllegalMove:
            continue
    assert seen.is_sensed
    again = step(seen, LeaseLapsed(), now_ms + lease_s * 1000)
    assert again.state is State.REOPENED
    assert again.wants_people


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
    too_early = isinstance(event, LeaseLapsed) and once == incident  # the lease may end in between
    assert twice == once or too_early


def test_what_is_no_event_is_no_move() -> None:
    with pytest.raises(AssertionError):
        step(HIGH, "accepted", 20_000)  # type: ignore[arg-type]  # that is the point


def test_after_closing_nothing_that_is_said_brings_it_back_but_that_help_is_needed() -> None:
    closed = told(HIGH, Accepted("a"), Arrived("a"), Closed("safe"))
    assert told(closed, CannotGo("a"), ReportedFalse("a"), CancelledByHome(), from_ms=90_000) == closed
    assert step(closed, NeedsHelp("a"), 120_000).state is State.REOPENED


def test_who_needs_help_before_anybody_goes_changes_nothing_for_all_are_asked_anyway() -> None:
    assert step(HIGH, NeedsHelp("a"), 20_000) == HIGH
    assert HIGH.wants_people
