"""What the past says of people changes whom the planner asks; it never gives anybody up."""

import math

import pytest

from alerting.concern import Severity
from alerting.in_time import latest_page_ms
from alerting.incident import Accepted, Arrived, Closed
from alerting.learning import ODDS, Past, PastPage, PastTrip, learnt
from alerting.ledger import Ledger, Message, Tx, apply, enqueue, open_new, past, record_sent
from tests.alerting_people import T0, concern, duty, responder, shipped_policy

POLICY = shipped_policy()
HOUR = 3_600_000
PEOPLE = duty(responder("a", odds=0.5), responder("b", odds=0.5))


def odds(pages: list[PastPage], who: str = "a", now_ms: int = T0) -> float:
    return learnt(PEOPLE, Past(tuple(pages)), POLICY, now_ms).responders[who].reply_odds


def asked(at_ms: int, *, after_s: float | None = None, taken_s: float | None = None) -> PastPage:
    said = None if after_s is None else at_ms + int(after_s * 1000)
    return PastPage("a", at_ms, said, None if taken_s is None else at_ms + int(taken_s * 1000))


def test_without_a_past_people_are_as_the_roster_says() -> None:
    assert learnt(PEOPLE, Past(), POLICY, T0) == PEOPLE


def test_answers_raise_the_odds_and_silence_lowers_them_of_that_person_only() -> None:
    assert odds([asked(T0, after_s=20)] * 10) > 0.7
    assert odds([asked(T0)] * 10) < 0.3
    assert odds([asked(T0)] * 10, who="b") == 0.5


def test_a_late_answer_is_no_answer_within_the_window() -> None:
    late = odds([asked(T0, after_s=POLICY.wave_window_s + 1)] * 5)
    assert late == odds([asked(T0)] * 5)


def test_a_page_that_somebody_else_took_first_says_nothing() -> None:
    assert odds([asked(T0, taken_s=10)] * 50) == 0.5
    assert odds([asked(T0, after_s=20, taken_s=10)] * 5) > 0.5
    assert odds([asked(T0, taken_s=POLICY.wave_window_s + 5)] * 5) < 0.5


def test_the_hours_around_now_count_more_than_the_others() -> None:
    nights = [asked(T0 - 12 * HOUR)] * 30
    assert odds(nights, now_ms=T0 - 12 * HOUR) < odds(nights, now_ms=T0) < 0.5


def test_nobody_is_given_up_and_nobody_is_certain() -> None:
    assert odds([asked(T0)] * 100_000) == ODDS[0]
    assert odds([asked(T0, after_s=1)] * 100_000) == ODDS[1]


def trips(seconds: float, count: int, *, home: str = "h01", at_ms: int = T0) -> Past:
    return Past(trips=tuple(PastTrip("a", home, at_ms, seconds) for _ in range(count)))


def test_trips_move_the_travel_time_of_that_pair_and_so_the_last_moment_to_ask() -> None:
    slow = learnt(PEOPLE, trips(400, 20), POLICY, T0 + 12 * HOUR)
    assert slow.travel_p90_s("a", "h01") == pytest.approx(400 * math.exp(1.2816 * 0.2), rel=0.15)
    assert slow.travel_p90_s("b", "h01") == 200
    deadline = T0 + 600_000
    assert latest_page_ms(slow.responders["a"], "h01", deadline, slow, POLICY) < latest_page_ms(
        PEOPLE.responders["a"], "h01", deadline, PEOPLE, POLICY
    )


def test_a_rush_hour_makes_every_trip_of_these_hours_longer() -> None:
    usual = trips(160, 40, at_ms=T0 - 12 * HOUR).trips
    rush = Past(trips=usual + trips(320, 40).trips)
    now, later = learnt(PEOPLE, rush, POLICY, T0), learnt(PEOPLE, rush, POLICY, T0 - 12 * HOUR)
    assert now.travel_factor > 1.2
    assert later.travel_factor < 0.9
    assert now.travel_p90_s("b", "h99") > 200 > later.travel_p90_s("b", "h99")


async def test_the_ledger_tells_what_was_asked_answered_and_travelled() -> None:
    ledger = await Ledger.open(None, inline=True)

    def story(tx: Tx) -> Past:
        one = open_new(tx, concern(), severity=Severity.HIGH, deadline_ms=None, late=False, now_ms=T0)
        for n, who in enumerate(PEOPLE.responders):
            page = Message(who, "page", T0, T0 + 600_000, T0, incident=one.id, wave=1)
            record_sent(tx, enqueue(tx, page), f"SM{n}", T0 + 1000)
        apply(tx, one.id, Accepted("a"), T0 + 21_000, "a")
        apply(tx, one.id, Accepted("b"), T0 + 31_000, "b")
        apply(tx, one.id, Accepted("a", 4), T0 + 61_000, "a")
        apply(tx, one.id, Arrived("a"), T0 + 301_000, "a")
        apply(tx, one.id, Closed("safe"), T0 + 400_000, "a")
        return past(tx, T0 - HOUR, T0 + HOUR)

    found = await ledger.transact(story)
    await ledger.close()
    assert found.pages == (
        PastPage("a", T0 + 1000, T0 + 21_000, T0 + 31_000),
        PastPage("b", T0 + 1000, T0 + 31_000, T0 + 21_000),
    )
    assert found.trips == (PastTrip("a", "h01", T0 + 61_000, 240.0),)


def test_a_trip_of_somebody_unknown_or_of_no_length_teaches_nothing() -> None:
    odd = Past(trips=(PastTrip("z", "h01", T0, 900), PastTrip("a", "h01", T0, 0)))
    assert learnt(PEOPLE, odd, POLICY, T0) == PEOPLE
