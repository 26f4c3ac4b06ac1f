"""The crowd of responders: duty, phones, replies, ways, and the same people behind simulated phones."""

import asyncio
import itertools
import math
import time

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.channels.twilio_sms import TwilioSms
from alerting.duty import Duty
from alerting.replies import Reply, parse
from alerting.shifts import on_duty
from simulator.crowd import (
    FORGIVEN,
    SLIPS,
    SPELL_MS,
    Answers,
    Role,
    answers,
    behaviour,
    crowd,
    duty_of,
)
from simulator.hours import local_minutes
from simulator.providers import FakeTwilio
from simulator.responders import Phones, Slip, typed
from simulator.world import F64, I64, Bools

SID, TOKEN, OURS = "AC" + "1" * 32, "token", "+4915200000000"
HOMES = [f"h{i:02}" for i in range(20)]
MONDAY = 1_789_920_000_000
"""Mon 2026-09-21 00:00 in Asia/Shanghai."""
HOUR_MS = 3_600_000


def at_hours(hours: tuple[int, ...], n: int) -> I64:
    """`n` moments on as many days, at these local hours in turn."""
    t_ms: I64 = MONDAY + (np.arange(n) * 24 + np.resize(np.array(hours), n)) * HOUR_MS + 1000
    return t_ms


def any_time(n: int, seed: int = 0) -> I64:
    t_ms: I64 = MONDAY + np.random.default_rng(seed).integers(0, 28 * 24 * HOUR_MS, n)
    return t_ms


def by_person(of: F64 | Bools, a: Answers) -> F64:
    """Mean of `of` over each person's time on duty."""
    shares: F64 = np.where(a.on_duty, of, 0).sum(0) / a.on_duty.sum(0)
    return shares


def bytes_of(a: Answers) -> bytes:
    return b"".join(getattr(a, name).tobytes() for name in Answers.__dataclass_fields__)


# --- how they are ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("odds", [0.17, 0.30, 0.47])
def test_neighbours_accept_within_a_wave_as_often_as_was_asked_for(odds: float) -> None:
    people = crowd(1, HOMES, 300, reply_odds=odds)
    a = answers(people, any_time(1500), 2)
    share = by_person((a.says == 1) & (a.reply_s <= 60), a)
    assert share.mean() == pytest.approx(odds, abs=0.035)
    assert share.std() > 0.06  # some are nearly always there, some hardly ever
    assert by_person(a.accepted_s <= 60, a).mean() < share.mean()  # what is mistyped is known later or never


def test_nights_are_thin_slow_to_leave_and_quick_on_the_road() -> None:
    people = crowd(1, HOMES, 200)
    night, evening = (answers(people, at_hours(h, 400), 2) for h in ((2, 3), (18, 20)))
    accepted = [((a.says == 1) & a.on_duty).sum() / a.on_duty.sum() for a in (night, evening)]
    assert accepted[0] < 0.6 * accepted[1]
    assert night.on_duty.mean() < evening.on_duty.mean()
    assert night.hears.mean() < evening.hears.mean()
    assert np.median(night.turnout_s) / np.median(evening.turnout_s) == pytest.approx(142 / 102, rel=0.05)
    rush, noon = (answers(people, at_hours(h, 400), 2) for h in ((7, 8), (12, 13)))
    assert np.median(rush.travel_s) / np.median(noon.travel_s) == pytest.approx(1.25, rel=0.02)


def test_the_centres_carers_are_always_on_shift_and_answer_more_than_anybody() -> None:
    people = crowd(1, HOMES, 30, carers=6)
    assert [p.role for p in people].count(Role.CARER) == 6
    a = answers(people, any_time(2000), 2)
    assert (a.on_duty[:, :6].sum(1) == 2).all()
    share = by_person((a.says == 1) & (a.reply_s <= 60), a)
    assert share[:6].min() > 0.8
    assert share[6:].mean() < 0.4
    assert np.isnan(a.arrival_s[(a.says == 1) & ~a.shows_up]).all()
    assert 0.02 < 1 - a.shows_up[:, 6:].mean() < 0.08


def test_a_phone_that_is_off_hears_nothing_and_stays_off_for_a_while() -> None:
    people = crowd(1, HOMES, 60)
    t = any_time(500)
    now, later = answers(people, t, 2), answers(people, t + 60_000, 2)
    assert 0.05 < 1 - now.hears.mean() < 0.25
    assert not now.says[~now.hears].any()
    assert np.isnan(now.reply_s[~now.hears]).all()
    assert (now.hears == later.hears).mean() > 0.995
    spell = MONDAY // SPELL_MS * SPELL_MS
    alone = [p for p in people if not p.off]
    heard = answers(alone, spell + np.arange(0, SPELL_MS, 600_000), 2).hears
    assert (heard == heard[0]).all()
    silent = next(p for p in people if p.off)
    start, end = silent.off[0]
    quiet = MONDAY + start * 60_000 + np.arange(0, (end - start) % 1440) * 60_000
    assert not answers((silent,), quiet, 2).hears.any()


@given(
    ms=st.integers(0, 60 * 24 * 365), zone=st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "Asia/Kolkata"])
)
@settings(max_examples=150, deadline=None)
def test_the_roster_and_the_crowd_agree_who_is_on_duty(ms: int, zone: str) -> None:
    t_ms = MONDAY + ms * 60_000 + 7
    people = crowd(1, HOMES, 12, carers=4, timezone=zone)
    a = answers(people, np.array([t_ms]), 2)
    there = set(on_duty(duty_of(people, HOMES), t_ms))
    assert [p.id in there for p in people] == a.on_duty[0].tolist()


def test_the_clock_on_the_wall_is_followed_through_its_changes() -> None:
    change = 1_792_890_000_000  # Sun 2026-10-25 03:00 CEST becomes 02:00 CET
    minute, weekday = local_minutes(
        np.array([change - 60_000, change, change + 61 * 60_000]), "Europe/Berlin"
    )
    assert minute.tolist() == [179, 120, 181]
    assert weekday.tolist() == [6, 6, 6]


def test_an_experienced_roster_knows_the_ninetieth_percentiles() -> None:
    people = crowd(1, HOMES, 40)
    duty: Duty = duty_of(people, HOMES)
    t = at_hours((10, 11, 14), 600)  # by day, outside the rush
    a = answers(people, t, 2, ["h03"] * 600)
    for k, p in enumerate(people):
        r = duty.responders[p.id]
        assert r.phone == p.phone
        assert (a.turnout_s[:, k] <= r.turnout_p90_s).mean() == pytest.approx(0.9, abs=0.05)
        assert (a.travel_s[:, k] <= duty.travel_s[p.id, "h03"]).mean() == pytest.approx(0.9, abs=0.05)
    p90 = np.array([duty.responders[p.id].reply_p90_s for p in people])
    said = a.says > 0
    assert (a.reply_s <= p90)[said].mean() == pytest.approx(0.9, abs=0.02)


# --- what they type --------------------------------------------------------------------------------------


@pytest.mark.parametrize("slip", SLIPS)
@pytest.mark.parametrize("code", ["A12", "B7"])
@pytest.mark.parametrize(("digit", "words"), [(1, "1"), (3, "3"), (1, "1 8")])
def test_what_is_forgiven_is_read_as_it_was_meant(slip: Slip, code: str, digit: int, words: str) -> None:
    read = parse(typed(code, words, slip))
    meant = isinstance(read, Reply) and read.digit == digit and read.code in {code, None}
    assert meant == (slip in FORGIVEN)
    if meant and " " in words:
        assert isinstance(read, Reply)
        assert read.minutes == 8


def test_slips_are_as_frequent_as_the_person_and_mostly_put_right() -> None:
    people = crowd(1, HOMES, 200)
    a = answers(people, any_time(1000), 2)
    said = a.says > 0
    rate = (a.slip > 0)[said].mean()
    assert 0.08 < rate < 0.18
    assert (a.slip[~said] == 0).all()
    forgiven = np.array([s in FORGIVEN for s in SLIPS])[a.slip]
    assert (a.understood_s == a.reply_s)[said & forgiven].all()
    wrong = said & ~forgiven
    assert 0.6 < np.isfinite(a.understood_s[wrong]).mean() < 0.8
    put_right = wrong & np.isfinite(a.understood_s)
    assert (a.understood_s > a.reply_s)[put_right].all()
    assert {SLIPS[k] for k in np.unique(a.slip)} == set(Slip)


# --- seeds -----------------------------------------------------------------------------------------------


@given(seed=st.integers(0, 2**40), n=st.integers(1, 40), k=st.integers(0, 9))
@settings(max_examples=25, deadline=None)
def test_same_seed_same_bytes_whoever_else_is_asked(seed: int, n: int, k: int) -> None:
    people = crowd(seed, HOMES, 10, carers=2)
    assert people == crowd(seed, HOMES, 10, carers=2)
    assert crowd(seed, HOMES, 12, carers=2)[:10] == people
    t = any_time(40, seed)
    all_of_them = answers(people, t, seed)
    assert bytes_of(all_of_them) == bytes_of(answers(people, t, seed))
    one = answers((people[k],), t[:n], seed)
    for name in Answers.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(one, name)[:, 0], getattr(all_of_them, name)[:n, k])
    assert answers((), t, seed).says.shape == (40, 0)


@given(seed=st.integers(0, 2**40), k=st.integers(0, 9), hour=st.integers(0, 23))
@settings(max_examples=200, deadline=None)
def test_a_behaviour_tells_the_same_story_as_the_answers(seed: int, k: int, hour: int) -> None:
    p = crowd(7, HOMES, 10, reply_odds=0.6, carers=5)[k]
    t_ms = MONDAY + hour * HOUR_MS
    a = answers((p,), np.array([t_ms]), seed, ["h05"])
    steps = behaviour(p, t_ms, seed, "h05").steps
    assert all(s.after_s > 0 for s in steps)
    if not a.says[0, 0]:
        assert steps == ()
        return
    assert steps[0].after_s == a.reply_s[0, 0]
    assert steps[0].words == str(a.says[0, 0])
    assert steps[0].slip == SLIPS[a.slip[0, 0]]
    clock = list(itertools.accumulate(s.after_s for s in steps))
    understood = [
        t for t, s in zip(clock, steps, strict=True) if s.slip in FORGIVEN and s.words == steps[0].words
    ]
    if not math.isnan(a.understood_s[0, 0]):
        assert understood[0] == pytest.approx(a.understood_s[0, 0])
    arrivals = [t for t, s in zip(clock, steps, strict=True) if s.words == "2"]
    if arrivals:
        assert arrivals[0] >= a.arrival_s[0, 0] - 1e-6
        if a.slip[0, 0] == 0:
            assert arrivals[0] == pytest.approx(a.arrival_s[0, 0])
    if not a.shows_up[0, 0]:
        assert {s.words for s in steps} <= {"1", "3"}


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match=r"reply_odds 0\.9"):
        crowd(1, HOMES, 5, reply_odds=0.9)
    with pytest.raises(ValueError, match="6 carers among 5"):
        crowd(1, HOMES, 5, carers=6)
    with pytest.raises(KeyError):
        answers(crowd(1, HOMES, 1), any_time(1), 1, ["nowhere"])


def test_ten_thousand_incidents_are_answered_at_once() -> None:
    people, t = crowd(1, HOMES, 30, carers=6), any_time(10_000)
    homes = [HOMES[i % 20] for i in range(10_000)]
    began = time.process_time()
    a = answers(people, t, 2, homes)
    assert time.process_time() - began < 2.0
    assert a.says.shape == (10_000, 30)
    assert (a.travel_s[0] != a.travel_s[1]).all()


# --- behind phones ---------------------------------------------------------------------------------------


@pytest.mark.looptime
async def test_people_of_the_crowd_answer_texts_in_virtual_time() -> None:
    people, seed, t_ms = crowd(3, HOMES, 12, reply_odds=0.5, carers=4), 11, MONDAY + 18 * HOUR_MS
    a = answers(people, np.array([t_ms]), seed, ["h02"])
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with FakeTwilio(SID, TOKEN, OURS, lambda: t_ms + round((loop.time() - began) * 1000)) as fake:
        Phones(fake, {p.phone: behaviour(p, t_ms, seed, "h02") for p in people})
        sms = TwilioSms(SID, TOKEN, OURS, transport=httpx.ASGITransport(app=fake.app))
        for k, p in enumerate(people):
            await sms.send(p.phone, f"紧急K{k + 10} 请18:10前到场。回K{k + 10} 1=接手 #{k + 100}.", 600)
        await asyncio.sleep(4 * 3600)
        said = {p.phone: [t for t in fake.texts if t.sender == p.phone] for p in people}
    assert 3 <= (a.says[0] > 0).sum() < 12
    for k, p in enumerate(people):
        texts = said[p.phone]
        assert bool(texts) == (a.says[0, k] > 0)
        if not texts:
            continue
        first, slip = texts[0], SLIPS[a.slip[0, k]]
        assert first.body == typed(f"K{k + 10}", str(a.says[0, k]), slip)
        rang_ms = t_ms + 1000  # a second from the provider to the phone
        assert first.created_ms - rang_ms == pytest.approx(1000 * a.reply_s[0, k], abs=5)
        there = [t for t in texts if t.body.endswith(" 2")]
        if there:
            assert there[0].created_ms - rang_ms >= 1000 * a.arrival_s[0, k] - 5
