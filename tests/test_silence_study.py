"""The study of silence: what homes told is what the rounds hear, and collapses are found."""

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, Final

import numpy as np
import pytest
from typer.testing import CliRunner

from detectors import inactivity
from detectors.inactivitystate import InactivityParams, InactivityState, Minute
from detectors.layout import Moment
from guardian.board import Board
from guardian.cli import app
from guardian.rounds import Rounds
from simulator import lives, silence_figures, silence_runs, silence_study, silent_homes
from simulator.evaluate import expected
from simulator.feed import of_homes
from simulator.habits import Course
from simulator.heard import AWAY, BED, BLIND, LIFE, MINUTE_MS, Heard, joined, listen
from simulator.home import Home
from simulator.silence_runs import HARD, MISSED, REMOVED_MIN, Alarms, Collapses, Looked, look
from simulator.silence_study import Size
from simulator.silent_homes import FRONT_DOOR, Condition, Lived, Where
from simulator.weeks import DAY_S
from simulator.world import TIMEZONE
from tests.thermal import everything

PARAMS: Final = everything()
SILENCE: Final = PARAMS.inactivity
DAY: Final = 1440
START_MS: Final = lives.MIDNIGHTS_MS["winter"]


# --- what homes told --------------------------------------------------------------------------------


def test_the_minutes_are_those_that_the_rounds_hear(monkeypatch: pytest.MonkeyPatch) -> None:
    """One with every sensor; one who leaves for a holiday that the staff are told of."""
    alone = lives.listened(lives.life(5, 2, "winter", Course()), "full")
    away = lives.listened(lives.life(15, 3, "winter", Course(away=((1, 2),))), "recorded")
    until_s = 36 * 60 * 60.0
    homes = [replace(home, name=n, duration_s=until_s) for n, home in (("alone", alone), ("away", away))]
    told = listen(PARAMS, homes)

    minutes: list[Minute] = []
    real = inactivity.step

    def spied(params: InactivityParams, state: InactivityState, minute: Minute, moment: Moment) -> Any:
        minutes.append(minute)
        return real(params, state, minute, moment)

    monkeypatch.setattr(inactivity, "step", spied)
    feed = of_homes(homes)
    board = Board(feed.site, feed.specs)
    rounds = Rounds(board, PARAMS, TIMEZONE)
    now_ms = START_MS
    for block in feed.blocks():
        rounds.expect(expected(feed.absences, block.until_ms))
        for until_ms in range(now_ms + MINUTE_MS, block.until_ms + 1, MINUTE_MS):
            for message in block.messages:
                if now_ms <= message[0] < until_ms:
                    board.event(message[1], message[2], message[0])
            board.fold(board.take_events(until_ms))
            rounds.go(until_ms)
            now_ms = until_ms
    assert len(minutes) == len(told.told) == 36 * 60
    for t, mine in enumerate(minutes):
        for f in fields(Minute):
            if f.name != "life_ms":  # given as the end of the minute
                assert getattr(told.minute(t), f.name).tolist() == getattr(mine, f.name).tolist(), (t, f.name)
    assert told.minute(36 * 60 - 1).away.tolist() == [False, True]
    assert {int(b) for t in range(36 * 60) for b in told.minute(t).bed[:1]} >= {0, 1}


def test_homes_that_were_heard_at_other_times_are_not_joined() -> None:
    one = made_up(np.ones((3, 1), np.bool_))
    assert joined([one, one]).told.shape == (3, 2)
    with pytest.raises(ValueError, match="other times"):
        joined([one, replace(one, start_ms=one.start_ms + MINUTE_MS)])


# --- the homes ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def some() -> Mapping[int, tuple[Home, Lived]]:
    return {k: silent_homes.home(4, k, 60) for k in (*range(6), 8)}


def test_each_home_is_what_its_condition_says(some: Mapping[int, tuple[Home, Lived]]) -> None:
    kinds = {k: {s.kind for s in home.sensors()} for k, (home, _) in some.items()}
    assert [k for k in some if "bed" in kinds[k]] == [1]
    has_door = {k for k, (home, _) in some.items() if FRONT_DOOR in {s.name for s in home.sensors()}}
    assert has_door == set(some) - {8}  # every second home with missed doors has no sensor there
    assert [k for k, (home, _) in some.items() if home.absences] == [5]
    assert [k for k, (_, lived) in some.items() if (lived.where == Where.HOLIDAY).any()] == [5]
    long_visits = {k: (np.diff(lived.visits_s) > 10 * 3600).sum() for k, (_, lived) in some.items()}
    assert long_visits[4] > 3
    assert sum(n for k, n in long_visits.items() if k != 4) == 0


def test_half_of_what_a_failing_front_door_should_tell_arrives(
    some: Mapping[int, tuple[Home, Lived]],
) -> None:
    home, _ = some[2]
    opened = sum(e.sensor == FRONT_DOOR for e in home.trace_events())
    arrived = {name: len(sent.arrival_ms) for name, sent in home.sent_events()}[FRONT_DOOR]
    assert opened > 100
    assert arrived / opened == pytest.approx(0.5, abs=0.1)


def test_a_dead_sensor_is_silent_for_weeks(some: Mapping[int, tuple[Home, Lived]]) -> None:
    home, _ = some[3]
    dead = home.faults[0]
    arrived = {name: sent.arrival_ms for name, sent in home.sent_events()}
    t_ms = arrived[getattr(dead, "sensor")]  # noqa: B009  (of a battery, not of every fault)
    assert dead.end_s - dead.start_s > 13 * DAY_S
    assert ((t_ms > home.ms(dead.start_s)) & (t_ms < home.ms(min(dead.end_s, home.duration_s)))).sum() == 0
    assert (t_ms < home.ms(dead.start_s)).sum() > 100


def test_where_they_are_is_told_from_the_diary(some: Mapping[int, tuple[Home, Lived]]) -> None:
    for _, lived in some.values():
        noon, night = (np.arange(5.0, 55.0) * DAY_S + h * 3600 for h in (12, 3))
        assert (lived.where[lived.at(night)] == Where.BED).mean() > 0.5
        assert (lived.where[lived.at(noon)] == Where.BED).mean() < 0.2
        asleep = lived.at(night)[lived.where[lived.at(night)] == Where.BED]
        rises_h = lived.over_s[asleep] % DAY_S / 3600
        assert 4 < np.median(rises_h) < 11  # not at the first visit to the bathroom


# --- looking ------------------------------------------------------------------------------------------


def made_up(life: np.ndarray, bed: int = -1) -> Heard:
    told = np.where(life, LIFE, 0).astype(np.uint8) | np.uint8((bed + 1) << BED)
    has = np.tile(np.array([False, True, False]), (life.shape[1], 1))
    return Heard(tuple(f"h{k}" for k in range(life.shape[1])), START_MS, has, told)


def lively(homes: int, days: int, seed: int = 1) -> np.ndarray:
    """Somebody stirs every few minutes by day and hardly by night, with silences of hours now and then."""
    rng = np.random.default_rng(seed)
    hour = np.arange(days * DAY) % DAY // 60
    life = rng.random((days * DAY, homes)) < np.where((hour >= 7) & (hour < 23), 0.2, 0.01)[:, None]
    for h in range(homes):
        for at in rng.integers(0, days * DAY, days):
            life[at : at + int(rng.exponential(150)), h] = False
    return np.asarray(life)


@pytest.fixture(scope="module")
def untouched() -> Heard:
    return made_up(lively(60, 3))


ONSETS: Final = {DAY + 60 * h + 7: np.arange(h % 3, 60, 3) for h in range(24)}


@pytest.fixture(scope="module")
def looked(untouched: Heard) -> Looked:
    return look(SILENCE, untouched, ONSETS)


def test_a_collapse_is_found_as_if_it_had_been_the_only_thing_that_happened(
    untouched: Heard, looked: Looked
) -> None:
    at = DAY + 60 * 14 + 7
    rows = ONSETS[at]
    told = untouched.told.copy()
    told[at + 1 :, rows] &= ~LIFE
    really = look(SILENCE, replace(untouched, told=told), {}).alarms
    mine = looked.collapses.minute == at
    assert looked.collapses.home[mine].tolist() == rows.tolist()
    for row, after in zip(rows.tolist(), looked.collapses.after_min[mine], strict=True):
        for k in range(len(silence_runs.KINDS)):
            said = really.minute[(really.home == row) & (really.kind == k) & (really.minute > at)]
            within = said[said <= at + REMOVED_MIN]
            assert after[k] == (within[0] - at if len(within) else MISSED)
    found = looked.collapses.after_min[mine, 0]
    assert np.median(found) > 60  # a busy afternoon is not silent at once
    assert (found != MISSED).mean() > 0.8
    for row in rows[found == MISSED]:  # an alarm that stands already finds nobody
        before = looked.alarms.minute[(looked.alarms.home == row) & (looked.alarms.kind == 0)]
        alive = np.flatnonzero(untouched.told[: at + 1, row] & LIFE)
        assert before[before <= at][-1] > alive[-1]


def test_whoever_collapses_is_at_home_whatever_the_calendar_says(untouched: Heard) -> None:
    at_noon, row = DAY + 12 * 60, np.array([3])
    told = untouched.told.copy()
    told[at_noon + 1 :, 3] |= AWAY
    away = look(SILENCE, replace(untouched, told=told), {at_noon: row}).collapses
    known = look(SILENCE, untouched, {at_noon: row}).collapses
    assert away.after_min[0, 0] == known.after_min[0, 0] != MISSED


def test_collapses_leave_the_untouched_days_as_they_are(untouched: Heard, looked: Looked) -> None:
    alone = look(SILENCE, untouched, {}).alarms
    for f in fields(Alarms):
        assert getattr(alone, f.name).tolist() == getattr(looked.alarms, f.name).tolist()
    assert len(looked.collapses.home) == sum(len(rows) for rows in ONSETS.values())


def test_a_home_whose_events_stop_is_found_and_the_others_are_not(untouched: Heard) -> None:
    life = (untouched.told & LIFE) > 0
    life[DAY:, 7] = False
    alarms = look(SILENCE, made_up(life), {}).alarms
    late = (alarms.minute >= DAY) & (alarms.kind == 0)
    assert (alarms.home[late] == 7).sum() == 1  # once in a silence
    assert late.sum() < 60


def test_who_asks_for_more_false_alarms_gets_more(untouched: Heard, looked: Looked) -> None:
    rare = look(replace(SILENCE, false_every_days=180.0), untouched, {}).alarms
    often, seldom = ((a.kind < HARD).sum() for a in (looked.alarms, rare))
    assert often > seldom
    prompts = [(a.kind == HARD).sum() for a in (looked.alarms, rare)]
    assert prompts[1] >= prompts[0] > 0  # asking the home has a rate of its own


# --- figures ------------------------------------------------------------------------------------------


def days_of(condition: Condition, days: int) -> Lived:
    """In bed until 7, at home; each fourth day out from 10 on until the next day's noon."""
    start_h, where, over_h = [], [], []
    for d in range(days):
        leaves, back = d % 4 == 1, d % 4 == 2
        stretches = [] if back else [(0, Where.BED, 7)]
        stretches += [(12 if back else 7, Where.HOME, 10 if leaves else 24)]
        stretches += [(10, Where.ELSEWHERE, 36)] if leaves else []
        for begins, place, ends in stretches:
            start_h.append(d * 24.0 + begins)
            where.append(place)
            over_h.append(d * 24.0 + ends)
    visits = np.array([[5 * DAY_S, 5.5 * DAY_S], [5.1 * DAY_S, 5.2 * DAY_S]])
    return Lived(
        condition, np.array(start_h) * 3600, np.array(where, np.uint8), np.array(over_h) * 3600, visits
    )


NONE: Final = np.zeros(0, np.intp)
NO_ALARMS: Final = Alarms(NONE, NONE, NONE, np.zeros(0))
NOBODY: Final = Collapses(np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros((0, HARD + 1), np.intp))


def at(day: int, hour: float) -> int:
    return int(day * DAY + hour * 60)


@pytest.fixture
def figures() -> dict[str, Any]:
    lived = [days_of(Condition.PLAIN, 12), days_of(Condition.GUESTS, 12)]
    heard = made_up(np.ones((12 * DAY, 2), np.bool_))
    said = [  # kind, home, minute, minutes of silence
        (0, 0, at(1, 9), 200.0),  # while it learns
        (0, 0, at(3, 20), 200.0),
        (0, 0, at(6, 9), 1320.0),  # elsewhere
        (2, 1, at(4, 3), 45.0),
        (HARD, 1, at(4, 9), 130.0),  # a prompt is no alarm
        (0, 1, at(5, 11), 240.0),  # somebody visits
    ]
    kind, home, minute, silent = (np.array(c) for c in zip(*said, strict=True))
    after = np.full((4, len(silence_runs.KINDS)), MISSED)
    after[0, 0], after[1, 0], after[2, 0] = 240, 600, 180
    after[0, HARD] = 120
    fell = Collapses(np.array([0, 0, 1, 1]), np.array([at(3, 3) - 1, at(3, 9), at(4, 9), at(4, 9)]), after)
    runs = {21.0: Looked(Alarms(kind, home, minute, silent), fell)}
    runs[90.0] = Looked(Alarms(*(c[:3] for c in (kind, home, minute, silent))), NOBODY)
    return silence_figures.figures(SILENCE, 2, heard, lived, runs)


def test_false_alarms_are_counted_once_against_what_was_asked(figures: dict[str, Any]) -> None:
    all_homes, plain = figures["asked"]["21"]["all homes"], figures["asked"]["21"]["plain"]
    assert (all_homes["false"], plain["false"], plain["home_days"]) == (4, 2, 10.0)
    assert plain["times_asked"] == pytest.approx(2 / (10 / 21), abs=1e-3)
    assert figures["asked"]["90"]["plain"]["times_asked"] == pytest.approx(2 / (10 / 90), abs=1e-3)
    assert all_homes["inactivity"]["false"] == 3
    assert all_homes["inactivity"]["a_home_and_90_days"] == pytest.approx(3 / 20 * 90)
    asked = [one["asked"] for one in all_homes["kinds"].values()]
    assert sum(asked) == pytest.approx(20 / 21, abs=1e-3)  # what they cannot have goes to the others
    assert asked[1] == asked[3] == asked[4] == 0
    assert plain["nights_elsewhere"] == {"nights": 2, "as_long_as_rule": 2}
    assert all_homes["kinds"]["bathroom-overstay"]["where"] == {"bed": 1}
    assert all_homes["kinds"]["inactivity-prompt"]["false"] == 1
    assert all_homes["kinds"]["inactivity"]["where"] == {"home": 1, "elsewhere": 1, "visited": 1}


def test_days_away_by_the_calendar_and_blind_ones_do_not_count() -> None:
    heard = made_up(np.ones((12 * DAY, 2), np.bool_))
    heard.told[at(3, 0) : at(4, 12), 0] |= AWAY
    heard.told[at(5, 0) : at(5, 12), 0] |= BLIND
    heard.told[at(1, 0) : at(2, 0), 1] |= BLIND  # while it learns
    lived = [days_of(Condition.PLAIN, 12), days_of(Condition.GUESTS, 12)]
    told = silence_figures.figures(SILENCE, 2, heard, lived, {21.0: Looked(NO_ALARMS, NOBODY)})
    groups = told["asked"]["21"]
    assert (groups["plain"]["home_days"], groups["guests"]["home_days"]) == (8.0, 10.0)


def test_alarms_by_the_rule_of_the_longest_silence_stand_apart(figures: dict[str, Any]) -> None:
    plain = figures["asked"]["21"]["plain"]
    assert plain["rule"]["false"] == 1
    assert plain["rule"]["where"] == {"elsewhere": 1}
    assert plain["without_rule"]["false"] == plain["without_elsewhere"]["false"] == 1


def test_delays_in_bed_count_from_rising_and_a_missed_one_is_the_latest(figures: dict[str, Any]) -> None:
    where = figures["collapses"]["where"]
    assert where["bed"]["first"] == {
        "collapses": 1,
        "found_24h": 1,
        "delay_h_p50": 4.0,
        "delay_h_p90": 4.0,
    }
    assert where["bed"]["own_found"]["collapses"] == 0  # no bed sensor, no `not-up`
    home = where["home"]["first"]
    assert (home["collapses"], home["found_24h"], home["delay_h_p50"]) == (3, 2, 10.0)
    assert home["delay_h_p90"] is None
    assert figures["collapses"]["hour"][9]["up"]["collapses"] == 3
    assert figures["collapses"]["condition"]["guests"]["found_24h"] == 1


def test_nobody_collapses_in_company_on_holiday_or_elsewhere() -> None:
    lived = [days_of(Condition.PLAIN, 12)]
    lived.append(replace(lived[0], where=np.where(lived[0].where == Where.ELSEWHERE, Where.HOLIDAY, 0)))
    onsets = silence_study.drawn_onsets(lived, 1, Size(2, 12, 2))
    first = [t for t, rows in onsets.items() if 0 in rows]
    second = [t for t, rows in onsets.items() if 1 in rows]
    assert len({t // DAY for t in first}) > 4
    assert len({t % DAY // 60 for t in first}) == 24
    assert not [t for t in first if at(5, 0) <= t < at(5, 12) or (t // DAY % 4 == 1 and t % DAY > 600)]
    assert second
    assert not [t for t in second if t // DAY % 4 == 1]  # the holiday begins before the day is over
    assert max(onsets) + REMOVED_MIN < 12 * DAY


# --- the command --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Mapping[str, Any]]:
    folder = tmp_path_factory.mktemp("study")
    words = ("study", "silence", "--seed", "22", "--homes", "3", "--days", "2", "--learnt", "0")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        done = CliRunner().invoke(app, [*words, "--json", str(folder / "s.json")])
    assert done.exit_code == 0, done.output
    assert not any(folder.rglob("*.pickle"))  # nothing is left when it is finished
    return done.output, json.loads((folder / "s.json").read_text("utf-8"))


def test_the_command_says_and_writes_what_came(written: tuple[str, Mapping[str, Any]]) -> None:
    said, told = written
    assert "missed doors" in said
    assert (told["seed"], told["homes"], told["days"], told["home_days"]) == (22, 3, 2, 6.0)
    assert [*told["asked"]] == ["21", "30", "90", "180"]
    assert [*told["asked"]["21"]] == ["all homes", "plain", "every sensor", "missed doors"]
    collapses = told["collapses"]["condition"]["all homes"]
    assert collapses["collapses"] > 20
    assert collapses["found_24h"] == collapses["collapses"]
    assert len(told["collapses"]["hour"]) == 24


@pytest.mark.parametrize("words", [("--homes", "0"), ("--days", "28"), ("--days", "5", "--learnt", "4")])
def test_a_study_of_nothing_is_refused(words: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, ["study", "silence", *words])
    assert done.exit_code == 2, done.output
