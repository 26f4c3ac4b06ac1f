"""The alerts bench: a small run counts every fall once and loses none; its counting finds what is wrong."""

from dataclasses import replace

import pytest

from alerting.ledger import Message
from simulator.bench import alerts
from simulator.bench.alert_centre import Alert, Run, Sent, Stage, Timings
from simulator.bench.alert_district import HOMES_EACH, ON_SHIFT_EACH, QUARTERS, district
from simulator.bench.alert_figures import bars, figures
from simulator.bench.alert_phones import urgent_codes
from tests.alerting_people import shipped_policy

S = 1000
PHONE = {who: f"+44770090000{k}" for k, who in enumerate("abc")}
STAGE = Stage("stress", 2, 8.0)


def row(number: int, who: str, sent_ms: int, *, incident: int = 1, wave: int = 1) -> Message:
    return Message(
        who, "page", 0, 0, 0, "high", incident, wave=wave, state="sent", sid=f"SM{number}", sent_ms=sent_ms
    )


def sent(
    number: int, who: str, t_ms: int, body: str = "URGENT A1: be there 12:30. Reply A1 1 = I go."
) -> Sent:
    return Sent(f"SM{number}", PHONE[who], f"{body} #{number}.", t_ms)


def two_falls() -> Run:
    """At 0 s and at 100 s; each is texted to one person after one second."""
    return Run(
        alerts=[Alert("stress", "h1", 0), Alert("stress", "h2", 100 * S)],
        incidents={1: ("h1", 0), 2: ("h2", 100 * S)},
        pages={1: [row(1, "a", 1 * S)], 2: [row(2, "b", 101 * S, incident=2)]},
        book={(PHONE["a"], "A1"): 1, (PHONE["b"], "A1"): 2},
        phones=PHONE,
        sent=[sent(1, "a", 990), sent(2, "b", 100_990)],
        timings=Timings({"look": [1.0, 19.0]}, [2.0, 20.0]),
    )


def test_a_run_in_which_all_went_well_keeps_every_promise() -> None:
    told = figures(two_falls(), [STAGE])
    assert told["stages"]["stress"]["accepted_s"] == {"count": 2, "p50": 1.0, "p99": 1.0, "max": 1.0}
    assert (told["alerts"], told["incidents"], told["lost"], told["texts_unrecorded"]) == (2, 2, 0, 0)
    assert all(bars(told).values())


def broken(told: dict[str, object]) -> list[str]:
    return [name for name, kept in bars(told).items() if not kept]


def test_a_fall_that_nobody_was_told_of_is_lost() -> None:
    run = two_falls()
    run.sent.pop()
    told = figures(run, [STAGE])
    assert told["lost"] == 1
    assert broken(told) == ["none_lost", "named_within_30_s"]


def test_a_text_that_came_late_counts_from_the_decision() -> None:
    run = two_falls()
    run.pages[2] = [row(2, "b", 131 * S, incident=2)]
    told = figures(run, [STAGE])
    assert told["stages"]["stress"]["accepted_s"]["max"] == 31.0
    assert broken(told) == ["p99_at_most_5_s", "max_at_most_10_s", "named_within_30_s"]


def test_only_whoever_had_no_high_text_of_late_counts_for_the_seconds() -> None:
    run = two_falls()
    run.sent.insert(1, sent(3, "b", 85 * S, "URGENT B2: be there 12:30."))
    run.pages[3], run.book[PHONE["b"], "B2"] = [row(3, "b", 85 * S, incident=3)], 3
    run.pages[2] = [row(2, "b", 116 * S, incident=2)]
    run.sent[-1] = sent(2, "b", 116 * S)
    told = figures(run, [STAGE])
    assert told["stages"]["stress"]["rested_s"] == {"count": 1, "p50": 1.0, "p99": 1.0, "max": 1.0}
    assert broken(told) == []


def test_texts_that_come_too_thick_are_counted_in_the_providers_list() -> None:
    run = two_falls()
    run.sent += [sent(10 + k, "c", 590 * S * (k == 10), "A1 is closed. Thank you.") for k in range(11)]
    run.sent.append(sent(3, "a", 30_900))
    run.pages[1].append(row(3, "a", 31 * S))
    told = figures(run, [STAGE])
    assert (told["most_other_texts_in_600_s"], told["high_texts_within_30_s_of_another"]) == (11, 1)
    assert broken(told) == ["one_high_text_in_30_s", "ten_other_texts_in_600_s"]
    run.sent = [replace(t, t_ms=t.t_ms + 11 * S * (t.t_ms == 590 * S)) for t in run.sent if t.sid != "SM3"]
    assert broken(figures(run, [STAGE])) == []


def test_a_query_that_took_too_long_is_named() -> None:
    run = two_falls()
    run.timings.queries["words"] = [20.1]
    told = figures(run, [STAGE])
    assert (told["ledger"]["longest_query"], broken(told)) == ("words", ["no_query_over_20_ms"])


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        ("URGENT A12 card 17: be there 12:30. Reply A12 1 = I go, A12 1 8 = on my way. #4.", ["A12"]),
        ("紧急A1 B22 请12:30到场。回A1 1=接手 #9.", ["A1", "B22"]),
        ("A12 is closed. Thank you. #5.", []),
        ("NOTICE A3: 500 homes cannot be seen. #6.", []),
    ],
)
def test_the_codes_are_read_out_of_high_texts_alone(body: str, codes: list[str]) -> None:
    assert urgent_codes(body) == codes


def test_the_stages_hold_every_alert_and_the_blackout_comes_on_top() -> None:
    calm, blackout, stress = alerts.stages(10_000)
    assert calm.falls + stress.falls == 10_000
    assert (blackout.falls, blackout.dark_homes) == (400, 500)
    duty, homes = district(1)
    assert (len(homes), len(duty.shifts)) == (QUARTERS * HOMES_EACH, QUARTERS * ON_SHIFT_EACH)
    assert len({r.phone for r in duty.responders.values()}) == len(duty.responders)


def test_a_small_run_by_the_real_road_counts_every_fall_once_and_loses_none() -> None:
    plan = [Stage("district", 10, 4.0), Stage("blackout", 15, 6.0, dark_homes=40)]
    said: list[str] = []
    told = alerts.run_alerts(plan, shipped_policy(), 1, quarters=4, rest_s=1.0, say=said.append)
    assert (told["alerts"], told["incidents"], told["lost"]) == (25, 25, 0)
    for name, falls in (("district", 10), ("blackout", 15)):
        of = told["stages"][name]
        assert of["alerts"] == of["accepted_s"]["count"] == falls
        assert 0 < of["accepted_s"]["p50"] <= of["accepted_s"]["p99"] <= of["accepted_s"]["max"]
        assert of["named_after_30_s"] == 0
    assert told["stages"]["blackout"]["in_the_dark_s"]["count"] > 0
    # two people for each fall, and everybody on shift once for the dark
    assert told["texts"] >= told["high_texts"] + 4 * ON_SHIFT_EACH
    assert told["high_texts"] >= 25  # two people each, but one text may stand for several falls
    assert told["most_other_texts_in_600_s"] <= 10
    assert told["ledger"]["longest_transaction_ms"] >= told["ledger"]["longest_query_ms"] > 0
    assert len(said) == 2
    text = alerts.table(told)
    assert all(word in text for word in ("district", "blackout", "longest query", "missed:"))
