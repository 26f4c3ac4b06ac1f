"""Silence: who is not noticed for longer than is their habit, and who sleeps, is out or cannot be heard."""

from dataclasses import replace
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import inactivity, keep, noticed
from detectors.finding import Finding
from detectors.inactivitystate import (
    AGES,
    Clock,
    InactivityParams,
    InactivityState,
    Minute,
    Tail,
    Usual,
    fresh,
)
from detectors.layout import Events, Layout, Moment, RoomKind, SensorKind
from simulator.twins.inactivity import Home, Told
from tests.thermal import everything

PARAMS: Final = everything().inactivity
MIN_MS: Final = 60_000
DAY: Final = 1440
BASE: Final = 20_000 * DAY  # minutes since 1970, a midnight
LIVELY: Final = np.array([0.02] * 7 + [0.3] * 15 + [0.02] * 2, np.float32)
USUAL: Final = Usual(
    rate=np.tile(np.array([0.25, 0.1, 0.05, 0.03, 0.02, 0.015, 0.01], np.float32), (2, len(Clock), 24, 1)),
    lively=LIVELY,
    often=np.full((2, len(Tail)), 0.2, np.float32),
)


def minute_of(
    told: list[Told], t: int, *, has_door: bool | list[bool] = True, has_bed: bool | list[bool] = True
) -> Minute:
    n = len(told)
    has = [np.broadcast_to(np.array(h), (n,)) for h in (has_door, True, has_bed)]
    return Minute(
        life=np.array([m.life for m in told]),
        door=np.array([m.door for m in told]),
        bathroom=np.array([m.bathroom for m in told]),
        life_ms=np.full(n, (BASE + t) * MIN_MS, np.int64),
        bed=np.array([m.bed for m in told], np.int8),
        blind=np.array([m.quiet for m in told]),
        away=np.zeros(n, np.bool_),
        guest=np.array([m.guest for m in told]),
        has=np.stack(has, axis=1),
    )


def moment(t: int) -> Moment:
    return Moment((BASE + t) * MIN_MS, t % DAY, t // DAY % 7, t // DAY)


class Played:
    """One or more homes played minute by minute."""

    def __init__(
        self,
        homes: int,
        params: InactivityParams = PARAMS,
        *,
        has_door: bool | list[bool] = True,
        has_bed: bool | list[bool] = True,
        usual: Usual = USUAL,
    ):
        self.params, self.has_door, self.has_bed, self.usual = params, has_door, has_bed, usual
        self.state = fresh(homes, usual)
        self.found: list[tuple[int, Finding]] = []
        self.moved: list[tuple[int, int]] = []
        self.t = 0

    def minute(self, told: list[Told]) -> None:
        minute = minute_of(told, self.t, has_door=self.has_door, has_bed=self.has_bed)
        findings, moved = inactivity.step(self.params, self.state, minute, moment(self.t))
        self.found += [(self.t, f) for f in findings]
        self.moved += [(self.t, int(h)) for h in moved]
        self.t += 1

    def kinds(self, since: int = 0) -> list[str]:
        return [f.kind.value for t, f in self.found if t >= since]


def habit(rng: np.random.Generator, t: int) -> Told:
    """Somebody up from seven to ten at night, noticed every ten minutes or so; to bed for the night."""
    hour = t % DAY // 60
    up = 7 <= hour < 22
    return Told(life=bool(rng.random() < (0.12 if up else 0.003)), bed=-1)


def lived(days: int, seed: int = 3, params: InactivityParams = PARAMS) -> Played:
    rng = np.random.default_rng(seed)
    played = Played(1, params, has_bed=False)
    for _ in range(days * DAY):
        played.minute([habit(rng, played.t)])
    return played


@pytest.fixture(scope="module")
def settled() -> Played:
    return lived(20)


def again(played: Played) -> Played:
    """The same home once more, as after a restart."""
    out = Played(1, played.params, has_door=played.has_door, has_bed=played.has_bed, usual=played.usual)
    match = {keep.HOME: (np.array([0]), np.array([0]))}
    keep.restore(out.state, keep.snapshot(played.state), match)
    out.t = played.t
    return out


def test_who_falls_silent_in_the_middle_of_the_day_is_missed_within_hours(settled: Played) -> None:
    home = again(settled)
    rng = np.random.default_rng(5)
    for _ in range(11 * 60):
        home.minute([habit(rng, home.t)])
    home.minute([Told(life=True)])
    onset = home.t - 1
    for _ in range(8 * 60):
        home.minute([Told(life=False)])
    alarms = [(t, f) for t, f in home.found if f.kind.value == "inactivity"]
    assert len(alarms) == 1  # once in a silence
    t, alarm = alarms[0]
    assert 195 <= t - onset <= 300
    assert alarm.onset_ms == (BASE + onset) * MIN_MS
    assert alarm.evidence["silent_min"] >= 195
    asked = [t for t, f in home.found if f.kind.value == "inactivity-prompt"]
    assert asked
    assert 75 <= asked[0] - onset < t - onset  # the home was asked first


def test_a_night_like_every_night_is_no_silence(settled: Played) -> None:
    home = again(settled)
    rng = np.random.default_rng(6)
    for _ in range(6 * DAY):
        home.minute([habit(rng, home.t)])
    assert "inactivity" not in home.kinds()


def test_who_was_asked_and_moves_is_well(settled: Played) -> None:
    home = again(settled)
    for _ in range(12 * 60):
        home.minute([Told(life=True)])
    while "inactivity-prompt" not in home.kinds():
        home.minute([Told(life=False)])
    assert home.moved == []
    home.minute([Told(life=True)])
    assert home.moved == [(home.t - 1, 0)]
    for _ in range(60):
        home.minute([Told(life=False)])
    assert home.kinds() == ["inactivity-prompt"]


def test_while_we_are_blind_no_clock_runs_and_the_silence_is_not_learnt(settled: Played) -> None:
    home = again(settled)
    for _ in range(10 * 60):
        home.minute([Told(life=True)])
    before = keep.snapshot(home.state)
    for _ in range(20 * 60):
        home.minute([Told(life=False, quiet=True)])
    assert home.found == []
    after = keep.snapshot(home.state)
    assert np.array_equal(before["sum"], after["sum"])
    assert np.array_equal(before["age_min"], after["age_min"])
    home.minute([Told(life=True)])
    ended = home.state.events[0, Clock.SILENCE].sum()
    assert ended <= before["events"][0, Clock.SILENCE].sum()  # forgotten a little, and nothing was added


def test_hours_without_the_daemon_are_blind_hours(settled: Played) -> None:
    home = again(settled)
    for _ in range(10 * 60):
        home.minute([Told(life=True)])
    home.t += 9 * 60
    for _ in range(30):
        home.minute([Told(life=False)])
    assert home.found == []


def test_who_goes_out_and_stays_out_is_first_believed_out_and_then_missed() -> None:
    """Out by the door for two hours every afternoon; then for the night."""
    rng = np.random.default_rng(9)

    def day(t: int) -> Told:
        m = t % DAY
        if m in {14 * 60, 16 * 60 - 1}:
            return Told(life=True, door=True)
        if m == 16 * 60:  # inside again
            return Told(life=True)
        return Told(life=False) if 14 * 60 < m < 16 * 60 else habit(rng, t)

    home = Played(1)
    for _ in range(25 * DAY):
        home.minute([day(home.t)])
    false = home.kinds(10 * DAY)
    assert "inactivity" not in false
    assert "no-return" not in false
    for _ in range(14 * 60 + 1):
        home.minute([day(home.t)])
    left = home.t - 1
    for _ in range(26 * 60):
        home.minute([Told(life=False)])
    said = {f.kind.value: (t, f) for t, f in home.found if t >= left}
    assert "no-return" in said
    t, finding = said["no-return"]
    assert 195 <= t - left <= 24 * 60
    assert finding.evidence["outing_share"] > 0.25  # each outing opens the door twice


def test_who_stays_in_the_bathroom_for_longer_than_ever_is_missed_moving_or_not() -> None:
    rng = np.random.default_rng(4)
    often = np.full((2, len(Tail)), 0.012, np.float32)  # stays over 42 min that surprise, a day
    home = Played(1, usual=replace(USUAL, often=often))
    visit = 0  # minutes left of a visit to the bathroom, which takes up to ten
    for _ in range(20 * DAY):
        told = habit(rng, home.t)
        visit -= 1
        if visit < 0 and 7 * 60 <= home.t % DAY < 21 * 60 and rng.random() < 0.02:
            visit = int(rng.integers(1, 11))
        inside = visit > 0
        told.life |= visit >= 0 and rng.random() < 0.5
        home.minute([Told(told.life or visit == 0, bathroom=inside)])
    for moves in (False, True):
        one = again(home)
        for _ in range(10 * 60):
            one.minute([Told(life=True)])
        one.minute([Told(life=True, bathroom=True)])
        onset = one.t - 1
        for _ in range(60):
            one.minute([Told(life=moves and one.t % 5 == 0, bathroom=True)])
        first = next((t, f) for t, f in one.found if f.kind.value == "bathroom-overstay" and t > onset)
        assert 42 <= first[0] - onset <= 45
        assert first[1].onset_ms == (BASE + onset) * MIN_MS


def test_a_home_without_a_bed_sensor_has_its_share_of_alarms_for_the_rest() -> None:
    home = Played(2, has_bed=[True, False])
    home.minute([Told(life=True), Told(life=True)])
    needs = home.state.needs
    assert (needs[1, : Tail.NIGHT] < needs[0, : Tail.NIGHT]).all()  # the same sum of rates for fewer clocks
    assert (needs[1, Tail.NIGHT :] > 100).all()  # and none for clocks that cannot run


def test_the_clock_of_the_night_runs_for_who_has_gone_to_bed_and_left_it_again() -> None:
    home = Played(2)
    for _ in range(23 * 60):
        home.minute([Told(life=home.t % 10 == 0, bed=0)] * 2)
    home.minute([Told(life=True, bed=1), Told(life=False, bed=0)])  # one goes to bed, the other sits on
    for _ in range(4 * 60):
        home.minute([Told(life=False, bed=1), Told(life=False, bed=0)])
    assert home.state.age_min[:, Clock.NIGHT].tolist() == [-1, -1]
    home.minute([Told(life=True, bed=0), Told(life=False, bed=0)])
    for _ in range(50):
        home.minute([Told(life=False, bed=0)] * 2)
    assert home.state.age_min[:, Clock.NIGHT].tolist() == [50, -1]
    home.minute([Told(life=True, bed=1), Told(life=False, bed=0)])
    assert home.state.age_min[0, Clock.NIGHT] == -1


def test_who_gets_up_for_the_day_and_rests_teaches_that_it_can_take_long() -> None:
    home = Played(1)
    for _ in range(3):
        for _ in range(6 * 60 - home.t % DAY):
            home.minute([Told(life=home.t % DAY == 0, bed=1)])
        exposed = home.state.exposure[0, Clock.NIGHT].sum()
        home.minute([Told(life=True, bed=0)])
        for _ in range(3 * 60):
            home.minute([Told(life=False, bed=0)])
        assert home.state.age_min[0, Clock.NIGHT] == -1  # it is day
        assert home.state.exposure[0, Clock.NIGHT].sum() - exposed > 50
        assert home.state.events[0, Clock.NIGHT].sum() == 0
        for _ in range(DAY - home.t % DAY):
            home.minute([Told(life=home.t % 10 == 0, bed=0)])


def test_the_fixed_rule_of_the_bathroom_needs_no_habit() -> None:
    home = Played(1, replace(PARAMS, bathroom_most_min=30.0))
    home.minute([Told(life=True, bathroom=True)])
    for _ in range(40):
        home.minute([Told(life=False, bathroom=True)])
    assert [(t, f.kind.value) for t, f in home.found] == [(31, "bathroom-overstay")]


def test_the_fixed_rule_of_the_morning_speaks_once_a_day_and_only_of_who_has_not_moved() -> None:
    params = replace(PARAMS, must_move_from_h=7.0, must_move_to_h=10.0)
    home = Played(3, params)

    def told(t: int) -> list[Told]:
        m = t % DAY
        return [
            Told(life=m in {21 * 60, 8 * 60}),
            Told(life=m in {21 * 60, 10 * 60 + 30}),
            Told(life=m == 21 * 60, quiet=8 * 60 < m < 11 * 60),
        ]

    for _ in range(2 * DAY):
        home.minute(told(home.t))
    said = [(t % DAY, f.row) for t, f in home.found if f.kind.value == "not-up" and t > DAY]
    assert said == [(10 * 60, 1)]  # the third home could not be heard


def test_nothing_is_said_of_a_home_that_was_never_noticed() -> None:
    home = Played(1)
    for _ in range(3 * DAY):
        home.minute([Told(life=False)])
    assert home.found == []


def test_bad_ages_are_refused() -> None:
    with pytest.raises(ValueError, match="bed_min: 7 rising ages from 0 on are needed"):
        replace(PARAMS, bed_min=(0.0, 10.0, 5.0, 20.0, 30.0, 40.0, 50.0))


# --- properties ------------------------------------------------------------------------------------

QUICK: Final = replace(
    PARAMS,
    least_min=(20.0, 20.0, 5.0, 5.0, 30.0),
    prompt_least_min=10.0,
    most_min=600.0,
    false_every_days=2.0,
    prompt_every_days=0.5,
    new_days=0.5,
    tail=replace(PARAMS.tail, level=1.0, known=3.0),
)
"""Everything happens within hours, so that a short history reaches every line."""


def history(seed: int, minutes: int) -> list[Told]:
    """A restless life: rooms, doors, bed, blindness and guests, in spells."""
    rng = np.random.default_rng(seed)
    out: list[Told] = []
    bed, quiet, guest, busy, bath = -1 if seed % 3 == 0 else 0, False, False, True, False
    for t in range(minutes):
        calm = 0.2 if t % DAY < 7 * 60 or t % DAY >= 22 * 60 else 1.0
        if rng.random() < 0.01:
            busy = not busy
        if rng.random() < 0.004:
            quiet = not quiet and rng.random() < 0.5
        if rng.random() < 0.004:
            guest = not guest and rng.random() < 0.5
        life = bool(rng.random() < calm * (0.2 if busy else 0.004)) and not quiet
        door = life and bool(rng.random() < 0.1)
        if bed >= 0 and rng.random() < 0.01 and not quiet:
            bed, life, door = 1 - bed, True, False
        if life:
            bath = not door and bool(rng.random() < (0.8 if bath else 0.2))
        out.append(Told(life, door, bath, bed, quiet, guest))
    return out


def together(histories: list[list[Told]], has_door: list[bool], order: list[int]) -> Played:
    beds = [histories[k][0].bed >= 0 for k in order]
    played = Played(len(order), QUICK, has_door=[has_door[k] for k in order], has_bed=beds)
    for row in zip(*(histories[k] for k in order), strict=True):
        played.minute(list(row))
    return played


def of_home(played: Played, row: int) -> list[tuple[int, str, int]]:
    return [(t, f.kind.value, f.onset_ms // MIN_MS - BASE) for t, f in played.found if f.row == row]


@pytest.mark.parametrize("seed", range(4))
def test_the_detector_is_its_obvious_twin(seed: int) -> None:
    minutes = (9 if seed == 0 else 4) * DAY  # with days of the week that come again
    told = history(seed, minutes)
    has_door = seed % 2 == 0
    has_bed = told[0].bed >= 0
    twin = Home(QUICK, USUAL, has_door, has_bed)
    played = Played(1, QUICK, has_door=has_door, has_bed=has_bed)
    said, moved = [], []
    for t, one in enumerate(told):
        found, again_ = twin.step(t, one)
        said += [(t, kind, onset) for kind, onset in found]
        moved += [t] if again_ else []
        played.minute([one])
    order = sorted(of_home(played, 0))
    assert order == sorted(said)
    assert [t for t, _ in played.moved] == moved
    assert {kind for _, kind, _ in order} >= {"inactivity", "inactivity-prompt"}  # it did reach the lines
    state = played.state
    for c in Clock:
        assert state.sum[0, c] == pytest.approx(twin.clocks[c].sum, abs=2e-3)
        for b in range(AGES):
            own = sum(v for (k, _, a), v in twin.events.items() if (k, a) == (c, b))
            assert state.age_events[0, c, b] == pytest.approx(own, abs=1e-2)
    for tail in Tail:
        assert state.passed[0, tail] == pytest.approx(twin.passed[tail])


def test_every_kind_is_reached_by_the_histories_of_the_twin() -> None:
    kinds: set[str] = set()
    for seed in range(4):
        kinds |= set(together([history(seed, 4 * DAY)], [seed % 2 == 0], [0]).kinds())
    assert kinds >= {"inactivity", "inactivity-prompt", "bathroom-overstay", "not-up"}


@settings(max_examples=5, deadline=None)
@given(st.permutations(range(4)))
def test_permuted_homes_have_permuted_findings_and_none_changes_another(order: list[int]) -> None:
    histories = [history(k, DAY) for k in range(4)]
    doors = [True, False, True, False]
    alone = [of_home(together(histories, doors, [k]), 0) for k in range(4)]
    mixed = together(histories, doors, order)
    assert [of_home(mixed, row) for row in range(4)] == [alone[k] for k in order]


def test_a_restart_in_the_middle_changes_nothing() -> None:
    histories = [history(k, 2 * DAY) for k in (1, 2)]
    doors = [True, True]
    whole = together(histories, doors, [0, 1])
    first = together([h[: DAY + 137] for h in histories], doors, [0, 1])
    second = Played(2, QUICK, has_door=doors, has_bed=[h[0].bed >= 0 for h in histories])
    both = (np.arange(2), np.arange(2))
    keep.restore(second.state, keep.snapshot(first.state), {keep.HOME: both})
    second.t = first.t
    for row in zip(*(h[DAY + 137 :] for h in histories), strict=True):
        second.minute(list(row))
    assert [of_home(whole, k) for k in (0, 1)] == [of_home(first, k) + of_home(second, k) for k in (0, 1)]


# --- what was noticed ------------------------------------------------------------------------------


def small_layout() -> Layout:
    return Layout(
        homes=2,
        room_home=np.array([0, 0, 1]),
        room_kind=np.array([RoomKind.HALL, RoomKind.BATHROOM, RoomKind.BEDROOM], np.int8),
        sensor_home=np.array([0, 0, 1, 1]),
        sensor_room=np.array([0, 1, 2, 2]),
        sensor_kind=np.array([SensorKind.DOOR, SensorKind.PIR, SensorKind.BED, SensorKind.PIR], np.int8),
        outside=np.array([True, False, False, False]),
        camera_home=np.array([0]),
        camera_room=np.array([1]),
    )


def minute_told(state: noticed.NoticedState) -> Minute:
    nobody = noticed.none(2)
    return noticed.minute(state, bathroom=nobody, blind=nobody, away=nobody, guest=nobody)


def test_the_last_thing_noticed_in_a_minute_counts_and_is_told_once() -> None:
    layout = small_layout()
    state = noticed.fresh(layout)
    events = Events(
        sensor=np.array([1, 0, 2, 3]),
        value=np.array([1.0, 1.0, 1.0, 1.0]),
        t_ms=np.array([1000, 2000, 3000, 1500]),
        life=np.array([True, True, False, True]),
    )
    noticed.hear(state, layout, events)
    told = minute_told(state)
    assert told.life.tolist() == [True, True]
    assert told.door.tolist() == [True, False]
    assert told.life_ms.tolist() == [2000, 1500]
    assert told.bed.tolist() == [-1, 1]
    assert told.has.tolist() == [[True, True, False], [False, False, True]]
    assert not minute_told(state).life.any()
    noticed.see(state, layout, np.array([0]), 9000)
    assert minute_told(state).life.tolist() == [True, False]


def test_everybodys_habits_are_shipped_for_every_clock_and_tail() -> None:
    usual = inactivity.shipped()
    assert usual.rate.shape == (2, len(Clock), 24, AGES)
    assert usual.often.shape == (2, len(Tail))
    assert (usual.rate > 0).all()
    assert (usual.often > 0).all()
    assert usual.lively.argmin() in {0, 1, 2, 3, 4, 5}


def states_equal(a: InactivityState, b: InactivityState) -> bool:
    return all(
        np.array_equal(x, y) for x, y in zip(*(keep.snapshot(s).values() for s in (a, b)), strict=True)
    )


def test_the_future_changes_no_past() -> None:
    one, other = history(1, 2 * DAY), history(2, 2 * DAY)
    mixed = one[:DAY] + other[DAY:]
    first, second = (together([h[:DAY]], [True], [0]) for h in (one, mixed))
    assert states_equal(first.state, second.state)
    assert of_home(first, 0) == of_home(second, 0)
