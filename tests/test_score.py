"""The scorer: hand-made cases for every rule, and cheats that must not pay."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.finding import Kind
from guardian.trace import TruthRow
from simulator import statistics
from simulator.figures import as_json, curve, worst
from simulator.rules import DAY_MS, HOUR_MS, RULES
from simulator.score import Found, HomeCase, KindScore, score, split
from simulator.subjects import by_subject

T0 = 1_700_000_000_000
SUSPECTED, CONFIRMED = "fall-suspected", "fall-confirmed"


def said(kind: str, *at_s: float, home: str = "h1") -> tuple[Found, ...]:
    return tuple(Found(home, kind, ms(t), ms(t)) for t in at_s)


def row(label: str, start_s: float, end_s: float, subject: str = "") -> TruthRow:
    return TruthRow(ms(start_s), ms(end_s), label, subject)


def ms(t_s: float) -> int:
    return T0 + round(t_s * 1000)


def case(
    truth: Sequence[TruthRow], found: Sequence[Found], *, life_s: Sequence[float] = (), hours: float = 24
) -> HomeCase:
    watched = ((T0, T0 + round(hours * HOUR_MS)),)
    return HomeCase("h1", watched, tuple(truth), tuple(found), [ms(t) for t in life_s])


def counts(one: KindScore) -> tuple[int, int, int, int, int]:
    """Truth, hit, false, neither, repeats."""
    return one.truth, one.hit, one.false, one.neither, one.repeats


def judged(kind: str, truth: Sequence[TruthRow], *at_s: float, life_s: Sequence[float] = ()) -> KindScore:
    return score([case(truth, said(kind, *at_s), life_s=life_s)], [kind]).kinds[kind]


FALL = [row("fall:trip", 100, 102), row("down", 102, 400)]


@pytest.mark.parametrize(
    ("at_s", "expected"),
    [
        (97.9, (1, 0, 1, 0, 0)),  # more than 2 s before the fall
        (98.0, (1, 0, 0, 1, 0)),
        (99.999, (1, 0, 0, 1, 0)),  # before the loss of balance nobody can know
        (100.0, (1, 1, 0, 0, 0)),
        (107.0, (1, 1, 0, 0, 0)),  # end + 5 s
        (107.001, (1, 0, 0, 1, 0)),
        (410.0, (1, 0, 0, 1, 0)),  # up at 400, and 10 s
        (410.001, (1, 0, 1, 0, 0)),
    ],
)
def test_a_suspicion_counts_from_the_start_to_five_seconds_after_the_end(
    at_s: float, expected: tuple[int, ...]
) -> None:
    assert counts(judged(SUSPECTED, FALL, at_s)) == expected


def test_latency_of_falls_runs_from_the_end_and_may_be_negative() -> None:
    assert judged(SUSPECTED, FALL, 101.5).latencies_s == (-0.5,)
    assert judged(CONFIRMED, FALL, 120).latencies_s == (18.0,)


@pytest.mark.parametrize(
    ("label", "down_s", "at_s", "expected"),
    [
        ("fall", 60, 150, (1, 1, 0, 0, 0)),
        ("fall", 59.9, 150, (0, 0, 0, 1, 0)),  # up again soon: no fall to confirm, but no false alarm
        ("fall", 59.9, 172, (0, 0, 1, 0, 0)),  # up at 161.9, and 10 s
        ("fall:faint", 200, 220, (1, 1, 0, 0, 0)),  # 120 s from the start, not from the end
        ("fall:faint", 200, 220.001, (1, 0, 0, 1, 0)),
        ("fall:slide", 119.9, 150, (0, 0, 0, 1, 0)),
        ("fall:slide", 120, 150, (1, 1, 0, 0, 0)),
        ("fall:slide", 300, 280, (1, 1, 0, 0, 0)),
        ("fall:slide", 300, 280.001, (1, 0, 0, 1, 0)),
        ("fall:struggle", 60, 200, (1, 1, 0, 0, 0)),  # hit in its window though up since 162
        ("fall:of a kind that nobody knows", 60, 150, (1, 1, 0, 0, 0)),
    ],
)
def test_only_falls_with_enough_time_down_are_to_be_confirmed(
    label: str, down_s: float, at_s: float, expected: tuple[int, ...]
) -> None:
    truth = [row(label, 100, 102), row("down", 102, 102 + down_s)]
    assert counts(judged(CONFIRMED, truth, at_s)) == expected


@pytest.mark.parametrize(
    ("label", "begins_s", "subject", "to_confirm"),
    [
        ("down", 102.0, "", 1),
        ("down", 104.0, "", 1),
        ("down", 112.0, "", 1),  # crawled first
        ("down", 112.001, "", 0),  # another time on the floor
        ("lie", 103.5, "", 1),  # recordings call it so
        ("lie", 100.5, "", 1),
        ("lie", 104.001, "", 0),  # lay down later, as people do
        ("lie", 99.0, "", 0),  # lay there before
        ("sit", 102.0, "", 0),
        ("lie", 103.0, "anna", 1),
        ("lie", 103.0, "bert", 0),  # somebody else
    ],
)
def test_the_time_down_begins_close_to_the_end_of_the_fall(
    label: str, begins_s: float, subject: str, to_confirm: int
) -> None:
    truth = [row("fall", 100, 102, "anna" if subject else ""), row(label, begins_s, 300, subject)]
    one = judged(CONFIRMED, truth, 290)
    assert one.truth == to_confirm
    assert (one.neither, one.false) == ((1, 0) if to_confirm else (0, 1))


def test_time_down_that_is_told_in_parts_is_one() -> None:
    struggled = [row("fall", 100, 102), row("down", 102, 140), row("down", 140, 170)]
    assert counts(judged(CONFIRMED, struggled, 150)) == (1, 1, 0, 0, 0)
    helped_to_bed = [row("fall", 100, 102), row("down", 102, 130), row("lie", 130, 4000)]
    assert counts(judged(CONFIRMED, helped_to_bed, 1000)) == (0, 0, 1, 0, 0)


def test_homes_that_cannot_see_a_fall_are_no_days_without_a_false_one() -> None:
    seeing = replace(case([], said(CONFIRMED, 3600)), sensors=frozenset({"thermal", "pir"}))
    deaf = [HomeCase(f"p{k}", seeing.watched, (), (), sensors=frozenset({"pir"})) for k in range(29)]
    one = score([seeing, *deaf], [CONFIRMED, "inactivity"]).kinds
    assert one[CONFIRMED].false_per_home_day == pytest.approx(1.0)
    assert one["inactivity"].home_days == pytest.approx(30)  # silence any sensor tells
    figures = as_json("x", score(deaf, [CONFIRMED]))["kinds"][CONFIRMED]
    assert figures["home_days"] == 0
    assert figures["false_per_home_day"] is None


def test_a_fall_without_time_down_ends_with_itself() -> None:
    assert counts(judged(SUSPECTED, [row("fall", 100, 102)], 112)) == (1, 0, 0, 1, 0)
    assert counts(judged(SUSPECTED, [row("fall", 100, 102)], 112.1)) == (1, 0, 1, 0, 0)
    assert judged(CONFIRMED, [row("fall", 100, 102)], 110).truth == 0


def test_a_long_lie_is_never_a_hit_and_only_false_far_from_falls() -> None:
    assert counts(judged("long-lie", FALL, 380)) == (0, 0, 0, 1, 0)
    assert counts(judged("long-lie", FALL, 500)) == (0, 0, 1, 0, 0)
    assert math.isnan(judged("long-lie", FALL, 380).sensitivity)


def test_repeats_run_from_the_last_counted_one() -> None:
    one = judged(SUSPECTED, [], *range(1000, 1060, 2))
    assert (one.false, one.repeats) == (6, 24)  # 1000, 1010, …, 1050: not one endless alarm


def test_kinds_have_their_own_repeats() -> None:
    found = said(SUSPECTED, 101) + said(CONFIRMED, 104)
    scores = score([case(FALL, found)])
    assert counts(scores.kinds[SUSPECTED]) == (1, 1, 0, 0, 0)
    assert counts(scores.kinds[CONFIRMED]) == (1, 1, 0, 0, 0)


def test_a_repeat_is_never_a_hit() -> None:
    assert counts(judged(SUSPECTED, FALL, 97, 103)) == (1, 0, 1, 0, 1)
    assert counts(judged(SUSPECTED, FALL, 99, 103)) == (1, 0, 0, 1, 1)  # nor after a lucky early word
    assert counts(judged(SUSPECTED, FALL, 93, 103)) == (1, 1, 1, 0, 0)


def test_one_finding_takes_one_fall_in_order_of_time() -> None:
    two = [row("fall", 100, 102), row("down", 102, 200), row("fall", 150, 151), row("down", 151, 300)]
    one = judged(CONFIRMED, two, 160)
    assert [o.hit for o in one.outcomes] == [True, False]
    both = judged(CONFIRMED, two, 160, 175)
    assert [o.latency_s for o in both.outcomes] == [58.0, 24.0]


COLD = [row("cold", 1000, 9000)]


@pytest.mark.parametrize(
    ("at_s", "expected"),
    [
        (999.9, (1, 0, 1, 0, 0)),  # before the dwell is complete
        (1000.0, (1, 1, 0, 0, 0)),
        (1060.0, (1, 1, 0, 0, 0)),
        (1060.1, (1, 0, 0, 1, 0)),
        (12_600.0, (1, 0, 0, 1, 0)),  # the end, and an hour
        (12_600.1, (1, 0, 1, 0, 0)),
    ],
)
def test_other_kinds_count_from_the_start(at_s: float, expected: tuple[int, ...]) -> None:
    assert counts(judged("cold", COLD, at_s)) == expected


@pytest.mark.parametrize(
    ("kind", "window_s"),
    [
        ("cold", 60),
        ("heat", 60),
        ("appliance-left-on", 60),
        ("fire", 30),
        ("smoke", 10),
        ("gas", 10),
        ("water", 10),
        ("sos", 10),
        ("blind", 180),
        ("bathroom-overstay", 45 * 60),
        ("night-out-of-bed", 45 * 60),
        ("not-up", 24 * 3600),
        ("no-return", 24 * 3600),
        ("hypothermia-risk", 24 * 3600),
        ("sensor-fault", 24 * 3600),
        ("fever-trend", 12 * 3600),
    ],
)
def test_each_window_is_that_of_the_table(kind: str, window_s: float) -> None:
    truth = [row(f"{kind}:somewhere", 1000, 1001)]
    in_time = judged(kind, truth, 1000 + window_s)
    assert in_time.hit == 1
    assert in_time.latencies_s == (window_s,)
    assert judged(kind, truth, 1000 + window_s + 0.001).hit == 0
    assert judged(kind, truth, 999.999).false == 1


def test_other_kinds_repeat_until_the_next_proof_of_life() -> None:
    assert counts(judged("cold", [], 0, 60, 3600)) == (0, 0, 1, 0, 2)
    assert counts(judged("cold", [], 0, 60, 3600, life_s=[1800])) == (0, 0, 2, 0, 1)
    assert counts(judged("cold", [], 0, 60, life_s=[0])) == (0, 0, 1, 0, 1)  # lived before it was said
    assert counts(judged("cold", [], 0, 60, life_s=[60])) == (0, 0, 2, 0, 0)
    day = 24 * 3600
    assert counts(judged("cold", [], 0, day - 1, day, 2 * day - 1)) == (0, 0, 2, 0, 2)
    assert counts(judged("cold", COLD, 900, 1010)) == (1, 0, 1, 0, 1)  # said too early, said again: missed


def test_silence_outside_of_its_protocol() -> None:
    lying = [row("collapse:bathroom", 1000, 50_000)]
    assert counts(judged("inactivity", lying, 20_000)) == (1, 1, 0, 0, 0)
    mark = [row("collapse", 1000, 50_000)]
    assert counts(judged("inactivity", mark, 20_000)) == (0, 0, 1, 0, 0)  # nothing happened there
    fallen = [row("fall", 1000, 1001), row("down", 1001, 20_000)]
    assert counts(judged("inactivity", fallen, 15_000)) == (0, 0, 0, 1, 0)


def test_homes_without_truth_count_in_full() -> None:
    one = score([case([], said(CONFIRMED, 50), hours=48)]).kinds[CONFIRMED]
    assert one.false_per_home_day == pytest.approx(0.5)
    assert one.false_per_hour == pytest.approx(0.5 / 24)
    assert one.precision == 0.0
    assert math.isnan(one.sensitivity)


def test_nothing_said_in_many_days_is_a_figure_too() -> None:
    one = score([case([], (), hours=24 * 90)], [CONFIRMED]).kinds[CONFIRMED]
    assert (one.false, one.home_days) == (0, 90.0)
    assert one.false_per_home_day_95 == pytest.approx((0.0, 3 / 90))
    assert math.isnan(one.f1)


def test_input_that_cannot_be_judged_is_refused() -> None:
    with pytest.raises(ValueError, match="no rule for findings of the kind 'fall-suspicious'"):
        case([], said("fall-suspicious", 1))
    with pytest.raises(ValueError, match="a finding of home h2"):
        case([], said(CONFIRMED, 1, home="h2"))
    with pytest.raises(ValueError, match="life_ms goes back"):
        case([], (), life_s=[2, 1])
    with pytest.raises(ValueError, match="truth cold ends"):
        case([row("cold", 2, 1)], ())
    with pytest.raises(ValueError, match="overlap or run backwards"):
        HomeCase("h1", ((0, 10), (5, 15)), (), ())
    with pytest.raises(ValueError, match="no rule"):
        score([], ["fell"])
    assert score([case([], said("fall-recovered", 1))]).kinds == {}


# --- cheats ----------------------------------------------------------------------------------------


def falls(n: int) -> list[TruthRow]:
    """One fall every 20 minutes, from 10 min on, each with five minutes on the floor."""
    at = [600 + 1200 * k + 7.3 * k for k in range(n)]
    return [r for t in at for r in (row("fall:trip", t, t + 1.5), row("down", t + 1.5, t + 301.5))]


def starts(truth: Sequence[TruthRow]) -> list[float]:
    return [(r.start_ms - T0) / 1000 for r in truth if r.label.startswith("fall")]


def test_alarming_always_does_not_pay() -> None:
    truth = falls(60)
    always = score([case(truth, said(SUSPECTED, *range(86_400)))]).kinds[SUSPECTED]
    assert always.false > 6000  # every 10 s outside of falls
    assert always.f1 < 0.02
    confirmed = score([case(truth, said(CONFIRMED, *range(86_400)))]).kinds[CONFIRMED]
    assert confirmed.f1 < 0.02
    assert confirmed.false_per_home_day > 6000


def test_alarming_once_an_hour_does_not_pay() -> None:
    truth = falls(60)
    for kind in (SUSPECTED, CONFIRMED):
        hourly = score([case(truth, said(kind, *range(0, 86_400, 3600)))]).kinds[kind]
        assert hourly.f1 < 0.2
        assert hourly.false >= 15


def test_alarming_twice_a_fall_gains_nothing() -> None:
    truth = falls(60)
    once = score([case(truth, said(SUSPECTED, *(t + 2 for t in starts(truth))))]).kinds[SUSPECTED]
    twice_s = [s for t in starts(truth) for s in (t + 2, t + 5)]
    twice = score([case(truth, said(SUSPECTED, *twice_s))]).kinds[SUSPECTED]
    assert counts(once) == (60, 60, 0, 0, 0)
    assert counts(twice) == (60, 60, 0, 0, 60)
    apart_s = [s for t in starts(truth) for s in (t + 2, t + 330)]
    apart = score([case(truth, said(SUSPECTED, *apart_s))]).kinds[SUSPECTED]
    assert counts(apart) == (60, 60, 60, 0, 0)


def test_alarming_before_the_fall_does_not_pay() -> None:
    truth = falls(60)
    for lead_s, expected in ((30, (60, 0, 60, 0, 0)), (1, (60, 0, 0, 60, 0))):
        early = score([case(truth, said(SUSPECTED, *(t - lead_s for t in starts(truth))))])
        assert counts(early.kinds[SUSPECTED]) == expected
    hedged_s = [s for t in starts(truth) for s in (t - 3, t + 2)]
    hedged = score([case(truth, said(SUSPECTED, *hedged_s))]).kinds[SUSPECTED]
    assert counts(hedged) == (60, 0, 60, 0, 60)


def test_a_standing_alarm_of_another_kind_does_not_pay() -> None:
    truth = [row("bathroom-overstay", 40_000, 50_000)]
    still = score([case(truth, said("bathroom-overstay", *range(0, 86_400, 60)))])
    assert counts(still.kinds["bathroom-overstay"])[:3] == (1, 0, 1)
    moving = case(truth, said("bathroom-overstay", *range(0, 86_400, 60)), life_s=range(0, 40_000, 600))
    one = score([moving]).kinds["bathroom-overstay"]
    assert one.hit == 0  # what is said after the last proof of life only repeats
    assert one.false > 60


# --- parts -----------------------------------------------------------------------------------------


def test_people_of_one_recording_are_cut_midway() -> None:
    truth = [
        row("walk", 90, 99, "anna"),
        row("fall", 100, 102, "anna"),
        row("lie", 102, 110, "anna"),
        row("walk", 130, 139, "bert"),  # the cut: 120
        row("fall", 140, 142, "bert"),
        row("blind", 150, 160),
    ]
    # false for anna, her hit, a repeat, false for bert on his side of the cut, false again before his fall
    found = said(SUSPECTED, 50, 103, 105) + said(CONFIRMED, 120.5) + said(SUSPECTED, 127)
    whole = case(truth, (*found, *said("blind", 155)), hours=1)
    people = by_subject([whole], [CONFIRMED])
    assert list(people) == ["anna", "bert"]
    assert counts(people["anna"].kinds[SUSPECTED]) == (1, 1, 1, 0, 1)
    assert counts(people["bert"].kinds[SUSPECTED]) == (1, 0, 1, 0, 0)
    assert counts(people["anna"].kinds[CONFIRMED]) == (0, 0, 0, 0, 0)
    assert counts(people["bert"].kinds[CONFIRMED]) == (0, 0, 1, 0, 0)
    assert people["bert"].kinds["blind"].hit == 1
    assert people["anna"].home_days * 86_400 == pytest.approx(120)
    assert sum(p.home_days for p in people.values()) == pytest.approx(1 / 24)


def test_a_recording_is_judged_before_it_is_cut() -> None:
    truth = [row("fall", 100, 102, "anna"), row("fall", 112, 114, "bert")]  # the cut: 107
    people = by_subject([case(truth, said(SUSPECTED, 106.5, 113))])
    assert people["anna"].kinds[SUSPECTED].hit == 1
    assert counts(people["bert"].kinds[SUSPECTED]) == (1, 0, 0, 0, 1)  # a repeat stays one behind the cut


def test_people_who_take_turns_and_people_without_names() -> None:
    truth = [row("fall", 100, 102, "anna"), row("fall", 200, 202, "bert"), row("fall", 300, 302, "anna")]
    people = by_subject([case(truth, said(SUSPECTED, 101, 201, 301, 240), hours=1)])
    assert [people[p].kinds[SUSPECTED].hit for p in ("anna", "bert")] == [2, 1]
    assert people["anna"].kinds[SUSPECTED].false == 0
    assert people["bert"].kinds[SUSPECTED].false == 1
    assert list(by_subject([case(FALL, ())], [SUSPECTED])) == [""]


def test_homes_are_compared_by_tag() -> None:
    wall = HomeCase("a", ((T0, T0 + DAY_MS),), (), said(CONFIRMED, 5, home="a"), (), {"mount": "wall"})
    ceiling = HomeCase("b", ((T0, T0 + DAY_MS),), (), (), (), {"mount": "ceiling"})
    parts = split([wall, ceiling], "mount", [CONFIRMED])
    assert {k: v.kinds[CONFIRMED].false for k, v in parts.items()} == {"ceiling": 0, "wall": 1}
    assert list(split([wall, ceiling], "home")) == ["a", "b"]


# --- properties ------------------------------------------------------------------------------------

moments = st.lists(st.integers(0, 4000), max_size=25)
some_falls = st.lists(
    st.tuples(st.integers(0, 4000), st.integers(0, 30), st.integers(0, 400)), max_size=6
).map(
    lambda many: [
        r
        for start, length, down in many
        for r in (row("fall", start, start + length), row("down", start + length, start + length + down))
    ]
)
some_kinds = st.sampled_from([SUSPECTED, CONFIRMED, "long-lie"])


@settings(max_examples=150, deadline=None)
@given(some_falls, moments, some_kinds)
def test_every_finding_is_counted_once_and_every_truth_at_most_once(
    truth: list[TruthRow], at_s: list[int], kind: str
) -> None:
    one = judged(kind, truth, *at_s)
    assert one.hit + one.false + one.neither + one.repeats == len(at_s)
    assert 0 <= one.hit <= one.truth
    hits = [o.found for o in one.outcomes if o.found]
    assert len({f.decided_ms for f in hits}) == len(hits)


@settings(max_examples=100, deadline=None)
@given(some_falls, moments, some_kinds, st.integers(-(10**9), 10**9))
def test_shifting_all_times_changes_nothing(
    truth: list[TruthRow], at_s: list[int], kind: str, by_ms: int
) -> None:
    one = case(truth, said(kind, *at_s))
    other = HomeCase(
        "h1",
        tuple((a + by_ms, b + by_ms) for a, b in one.watched),
        tuple(TruthRow(r.start_ms + by_ms, r.end_ms + by_ms, r.label, r.subject) for r in one.truth),
        tuple(Found(f.home, f.kind, f.onset_ms + by_ms, f.decided_ms + by_ms) for f in one.found),
    )
    a, b = score([one], [kind]).kinds[kind], score([other], [kind]).kinds[kind]
    assert counts(a) == counts(b)
    assert a.latencies_s == b.latencies_s


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(some_falls, moments), min_size=1, max_size=5), st.integers(0, 10**6))
def test_the_order_of_homes_and_rows_changes_nothing(
    homes: list[tuple[list[TruthRow], list[int]]], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    straight: list[HomeCase] = []
    mixed: list[HomeCase] = []
    for k, (truth, at_s) in enumerate(homes):
        found = said(SUSPECTED, *at_s, home=f"h{k}")
        for out, rows, findings in (
            (straight, truth, found),
            (
                mixed,
                [truth[i] for i in rng.permutation(len(truth))],
                [found[i] for i in rng.permutation(len(found))],
            ),
        ):
            out.append(HomeCase(f"h{k}", ((T0, T0 + DAY_MS),), tuple(rows), tuple(findings)))
    shuffled = [mixed[i] for i in rng.permutation(len(mixed))]
    assert as_json("x", score(straight)) == as_json("x", score(shuffled))


@settings(max_examples=150, deadline=None)
@given(some_falls, moments, st.integers(0, 5000), some_kinds)
def test_a_false_finding_more_never_helps(
    truth: list[TruthRow], at_s: list[int], extra_s: int, kind: str
) -> None:
    at_s = [t for t in at_s if abs(t - extra_s) >= 10]
    if not judged(kind, truth, extra_s).false:
        return
    before, after = judged(kind, truth, *at_s), judged(kind, truth, *at_s, extra_s)
    assert counts(after) == (before.truth, before.hit, before.false + 1, before.neither, before.repeats)


# --- figures ---------------------------------------------------------------------------------------


def test_the_fixed_keys_stand_in_the_json_with_counts_and_intervals() -> None:
    scores = score([case(FALL, said(CONFIRMED, 120, 5000))], [SUSPECTED])
    entry = as_json("falls/ceiling/24x32", scores, more={"share_idle": 0.5})
    assert (entry["name"], entry["home_days"], entry["share_idle"]) == ("falls/ceiling/24x32", 1.0, 0.5)
    one = entry["kinds"][CONFIRMED]
    expected = {
        "truth": 1,
        "hit": 1,
        "false": 1,
        "sensitivity": 1.0,
        "precision": 0.5,
        "f1": pytest.approx(2 / 3),
        "false_per_hour": pytest.approx(1 / 24),
        "false_per_home_day": 1.0,
        "latency_s_p50": 18.0,
        "latency_s_p95": 18.0,
    }
    assert {k: one[k] for k in expected} == expected
    assert one["sensitivity_95"][0] == pytest.approx(0.2065, abs=1e-3)
    assert one["labels"]["fall:trip"]["hit"] == 1
    silent = entry["kinds"][SUSPECTED]
    assert (silent["precision"], silent["latency_s_p50"], silent["sensitivity"]) == (None, None, 0.0)


def test_the_curve_judges_anew_at_each_threshold() -> None:
    found = [
        Found("h1", SUSPECTED, ms(97), ms(97), 0.2),  # makes the right one a repeat
        Found("h1", SUSPECTED, ms(103), ms(103), 0.9),
        Found("h1", SUSPECTED, ms(9000), ms(9000), 0.5),
    ]
    points = curve([case(FALL, found)], SUSPECTED)
    assert [p["confidence"] for p in points] == [0.2, 0.5, 0.9]
    assert [(p["hit"], p["false"]) for p in points] == [(0, 2), (1, 1), (1, 0)]
    assert points[1]["false_per_home_month"] == pytest.approx(30.0)
    assert curve([case(FALL, ())], SUSPECTED) == []


def test_the_worst_cases_are_told_with_what_was_true_and_said() -> None:
    homes = [case([*FALL, row("fall", 5000, 5001)], said(SUSPECTED, 103, 9000))]
    told = worst(homes, score(homes), [SUSPECTED])
    assert [(w["why"], w["t_ms"]) for w in told] == [
        ("missed", ms(5000)),
        ("false", ms(9000)),
        ("late", ms(100)),
    ]
    assert told[2]["truth"] == [[ms(100), ms(102), "fall:trip"], [ms(102), ms(400), "down"]]
    assert told[2]["found"] == [[ms(103), SUSPECTED]]


def test_every_kind_of_finding_has_a_rule() -> None:
    assert {k.value for k in Kind} - RULES.keys() == {"fall-recovered"}


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [(294, 300, 0.957, 0.991), (0, 10, 0.0, 0.278), (10, 10, 0.722, 1.0), (0, 0, 0.0, 1.0)],
)
def test_wilson(hits: int, total: int, low: float, high: float) -> None:
    assert statistics.wilson(hits, total) == pytest.approx((low, high), abs=1e-3)


def test_rates_have_exact_intervals_and_none_the_rule_of_three() -> None:
    assert statistics.poisson(0, 90) == (0.0, 3 / 90)
    assert statistics.poisson(10, 1) == pytest.approx((4.795, 18.39), abs=1e-2)
    assert statistics.poisson(3, 0) == (0.0, math.inf)
    with pytest.raises(ValueError, match="must not be negative"):
        statistics.poisson(-1, 1)
    with pytest.raises(ValueError, match="hits is 3"):
        statistics.wilson(3, 2)


def test_homes_that_differ_widen_the_interval() -> None:
    even = statistics.by_home([9] * 20, [10] * 20)
    uneven = statistics.by_home([10] * 18 + [0] * 2, [10] * 20)
    assert even == pytest.approx((0.9, 0.9))
    assert uneven[1] - uneven[0] > statistics.wilson(180, 200)[1] - statistics.wilson(180, 200)[0]
    assert uneven == statistics.by_home([10] * 18 + [0] * 2, [10] * 20)
    assert math.isnan(statistics.by_home([1], [1])[0])
