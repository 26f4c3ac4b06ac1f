"""The air: levels reached to the minute, sensors that are not believed or have fallen silent, heat alarms."""

from dataclasses import replace

import numpy as np
import pytest

from detectors import ambient, keep
from detectors.ambient import AmbientParams, AmbientState
from detectors.finding import Finding, Kind
from detectors.heatindex import heat_index_c
from detectors.layout import Events, Layout, RoomKind, SensorKind
from guardian.board import Board, SensorSpec
from simulator.twins.ambient import Air, Said, Sensor
from tests.thermal import everything

T = 1_767_225_600_000
MINUTE = 60_000
HOUR = 60 * MINUTE
PARAMS = everything().ambient
LIVING, BEDROOM, BATH, DAMP, WET = range(5)
"""Rows of the sensors of the home below: three temperatures, humidity of living room and bathroom."""


def layout(homes: int = 1) -> Layout:
    """Homes with a living room, a bedroom and a bathroom."""
    rooms = [RoomKind.LIVING, RoomKind.BEDROOM, RoomKind.BATHROOM]
    kinds = [SensorKind.TEMPERATURE] * 3 + [SensorKind.HUMIDITY] * 2
    own = np.array([0, 1, 2, 0, 2])
    return Layout(
        homes=homes,
        room_home=np.repeat(np.arange(homes), 3),
        room_kind=np.tile(np.array(rooms, np.int8), homes),
        sensor_home=np.repeat(np.arange(homes), 5),
        sensor_room=(3 * np.arange(homes)[:, None] + own).ravel(),
        sensor_kind=np.tile(np.array(kinds, np.int8), homes),
        outside=np.zeros(5 * homes, np.bool_),
        camera_home=np.zeros(0, np.intp),
        camera_room=np.zeros(0, np.intp),
    )


def heard(*readings: tuple[int, float, int]) -> Events:
    """(sensor, value, time) in order."""
    sensor, value, t = zip(*readings, strict=True) if readings else ((), (), ())
    n = len(readings)
    return Events(
        np.array(sensor, np.intp), np.array(value, float), np.array(t, np.int64), np.zeros(n, np.bool_)
    )


class Home:
    """Steps a minute at a time; what is said at a minute is heard in it."""

    def __init__(self, params: AmbientParams = PARAMS, homes: int = 1) -> None:
        self.params = params
        self.state = ambient.fresh(layout(homes))
        self.now = T
        self.found: list[Finding] = []

    def says(self, sensor: int, value: float) -> "Home":
        self.found += ambient.step(self.params, self.state, heard((sensor, value, self.now)), self.now)
        return self

    def waits(self, minutes: int, repeats: tuple[int, float] | None = None, every: int = 20) -> "Home":
        """Let time go by; a sensor may repeat its value."""
        for k in range(1, minutes + 1):
            self.now += MINUTE
            if repeats and k % every == 0:
                self.says(*repeats)
            self.found += ambient.step(self.params, self.state, heard(), self.now)
        return self

    def told(self) -> list[tuple[str, float, float, float]]:
        """Kind, level, minutes from the start to the onset and to the decision."""
        return [
            (f.kind.value, f.evidence["level_c"], (f.onset_ms - T) / MINUTE, (f.decided_ms - T) / MINUTE)
            for f in self.found
        ]


def test_cold_is_said_when_its_hour_is_over_though_the_sensor_is_silent_then() -> None:
    home = Home().says(LIVING, 17.0).waits(10).says(LIVING, 15.9).waits(200, (LIVING, 15.7), every=25)
    assert home.told() == [("cold", 16.0, 70, 70)]
    f = home.found[0]
    assert (f.row, f.room, f.sensor) == (0, 0, LIVING)
    assert f.evidence["temperature_c"] == 15.7
    assert f.evidence["beyond_min"] == 60


def test_a_worse_level_is_said_anew_and_a_milder_one_that_comes_later_is_not() -> None:
    home = Home().says(LIVING, 15.0).waits(60, (LIVING, 15.0)).says(LIVING, 11.5).waits(31, (LIVING, 11.5))
    home.says(LIVING, 9.5)
    assert home.told() == [("cold", 16.0, 60, 60), ("cold", 12.0, 90, 90), ("cold", 10.0, 91, 91)]
    frozen = Home().says(LIVING, 9.0).waits(300, (LIVING, 9.0))
    assert frozen.told() == [("cold", 10.0, 0, 0)]


def test_a_spell_ends_half_a_kelvin_above_its_level_and_the_next_one_counts_from_its_own_start() -> None:
    home = Home().says(LIVING, 15.9).waits(50).says(LIVING, 16.4).waits(9).says(LIVING, 15.9).waits(1)
    assert home.told() == [("cold", 16.0, 60, 60)]
    home.says(LIVING, 16.5).waits(10).says(LIVING, 15.9).waits(60, (LIVING, 15.9))
    assert home.told()[1:] == [("cold", 16.0, 130, 130)]


def test_a_sensor_that_has_fallen_silent_says_nothing_and_starts_anew_when_it_speaks_again() -> None:
    slow = replace(PARAMS, cold_min=(120.0, 30.0, 0.0))
    home = Home(slow).says(LIVING, 15.0).waits(300)
    assert home.told() == []
    home.says(LIVING, 15.0).waits(120, (LIVING, 15.0))
    assert home.told() == [("cold", 16.0, 420, 420)]


def test_what_no_room_can_be_is_not_believed() -> None:
    home = Home().says(LIVING, 21.0)
    for value in (-55.0, 85.0, 130.0, -20.0):
        home.waits(1).says(LIVING, value).waits(1).says(LIVING, 21.0)
    home.waits(120, (LIVING, 21.0))
    assert home.found == []
    assert home.state.value[LIVING] == 21.0


def test_a_jump_is_believed_once_a_second_reading_agrees() -> None:
    home = Home().says(LIVING, 21.0).waits(1).says(LIVING, 75.0)
    assert home.found == []
    home.waits(1).says(LIVING, 80.0)
    assert [f.kind for f in home.found] == [Kind.FIRE]


@pytest.mark.parametrize(
    ("readings", "fires"),
    [
        ([30.0, 40.0, 47.0], True),  # rising fast: 46 is enough
        ([44.0, 46.0, 48.0, 50.0, 52.0, 54.0], False),  # 2 K/min: a kitchen, or a sensor in the sun
        ([44.0, 46.0, 48.0, 50.0, 52.0, 54.0, 56.0], True),
        ([25.0, 30.0, 35.0, 40.0, 45.0], False),  # not hot yet
    ],
)
def test_the_heat_alarm_is_given_at_once_and_once(readings: list[float], fires: bool) -> None:
    home = Home()
    for value in readings:
        home.waits(1).says(LIVING, value)
    assert [f.kind for f in home.found] == [Kind.FIRE] * fires
    if fires:
        assert home.found[0].decided_ms == home.now
        home.waits(1).says(LIVING, readings[-1] + 8.0)
    assert len(home.found) == fires
    assert home.state.warning[LIVING] == (2 if fires else 1)


def test_a_rise_after_a_long_silence_is_a_fast_one_for_sensors_tell_changes_at_once() -> None:
    home = Home().says(LIVING, 22.0).waits(25).says(LIVING, 50.0)
    assert [f.kind for f in home.found] == [Kind.FIRE]
    assert home.found[0].evidence["rise_k_min"] == 5.6


def test_heat_is_felt_with_the_humidity_of_the_room_else_of_the_home_else_assumed() -> None:
    dry = Home().says(LIVING, 31.0).waits(1).says(DAMP, 30.0).waits(180, (LIVING, 31.0))
    assert dry.told() == []
    damp = Home().says(LIVING, 29.0).says(DAMP, 80.0).waits(60, (LIVING, 29.0)).says(DAMP, 80.0)
    damp.waits(60, (LIVING, 29.0))
    assert damp.told() == [("heat", 32.0, 120, 120)]
    assert (damp.found[0].evidence["humidity_percent"], damp.found[0].evidence["humidity_assumed"]) == (80, 0)
    elsewhere = Home().says(WET, 95.0).says(DAMP, 80.0).says(BEDROOM, 31.0).waits(60, (BEDROOM, 31.0))
    elsewhere.says(DAMP, 80.0).says(WET, 95.0).waits(60, (BEDROOM, 31.0))
    assert elsewhere.found[0].evidence["humidity_percent"] == 80
    nowhere = Home().says(BEDROOM, 31.0).waits(120, (BEDROOM, 31.0))
    assert nowhere.found[0].evidence["humidity_assumed"] == 1
    assert nowhere.found[0].confidence < damp.found[0].confidence


def test_a_warmer_room_shares_the_homes_water_and_not_its_percents() -> None:
    cooks = Home().says(LIVING, 24.0).says(DAMP, 60.0).says(BEDROOM, 30.0)  # 60 % at 30 °C would feel like 33
    for _ in range(6):
        cooks.waits(30).says(LIVING, 24.0).says(DAMP, 60.0).says(BEDROOM, 30.0)
    assert cooks.told() == []
    muggy = Home()
    for _ in range(3):
        muggy.says(LIVING, 26.0).says(DAMP, 80.0).says(BEDROOM, 30.0)
        muggy.waits(30).says(LIVING, 27.0).waits(30)  # warmer without a word of water: as wet as before
    assert [f.sensor for f in muggy.found] == [BEDROOM]
    assert muggy.found[0].evidence["humidity_percent"] == pytest.approx(80 * 33.6 / 42.4, abs=0.3)
    assert muggy.found[0].evidence["humidity_assumed"] == 0


@pytest.mark.parametrize("mild", [27.0, 30.0, 32.0, 39.0])
def test_no_humidity_makes_a_room_hot_that_is_not_warm_enough_to_be_asked(mild: float) -> None:
    params = replace(PARAMS, heat_index_c=(mild, 41.0))
    cool = ambient.muggy_c(params)
    temperature, humidity = np.meshgrid(np.arange(5.0, cool, 0.05), np.arange(0.0, 101.0))
    assert (heat_index_c(temperature, humidity) < mild - params.hysteresis_k).all()
    assert heat_index_c(np.array(cool + 0.2), np.array(100.0)) > mild - params.hysteresis_k


def test_a_worse_level_that_is_over_leaves_no_news_of_the_milder_one() -> None:
    home = Home().says(DAMP, 80.0).says(LIVING, 31.0).waits(61, (LIVING, 31.0)).says(LIVING, 29.0)
    home.says(DAMP, 80.0).waits(120, (LIVING, 29.0), every=10)
    assert [(kind, level) for kind, level, _, _ in home.told()] == [("heat", 39.0)]


def test_the_forecast_says_when_it_will_be_too_cold_and_one_odd_value_does_not_matter() -> None:
    home = Home()
    for k in range(8):
        home.says(LIVING, 20.0 - 0.5 * k - (3.0 if k == 4 else 0.0)).waits(30, (LIVING, 20.0 - 0.5 * k))
    slope, hours = ambient.forecast(PARAMS, home.state, np.array([LIVING, BEDROOM]))
    assert slope[0] == pytest.approx(-1.0, abs=0.05)
    assert hours[0] == pytest.approx([0.5, 4.5, 6.5], abs=0.3)
    assert np.isnan(slope[1])
    assert np.isnan(hours[1]).all()
    assert home.found == []
    home.says(LIVING, 15.8).waits(60, (LIVING, 15.8))
    assert home.found[0].evidence["hours_to_12_c"] > 3


def test_after_a_gap_the_trend_is_that_of_the_time_since() -> None:
    home = Home()
    for k in range(8):
        home.says(LIVING, 20.0 - k).waits(30)
    home.waits(180)
    assert np.isnan(ambient.forecast(PARAMS, home.state, np.array([LIVING]))[0])[0]


# --- many homes -------------------------------------------------------------------------------------

HOMES = 8


def history(seed: int, homes: int) -> list[tuple[int, Events]]:
    """Beats of a few hours in homes that are cold, hot, broken, silent for a while; sorted by time."""
    rng = np.random.default_rng(seed)
    said = []
    for home in range(homes):
        base = rng.choice([9.0, 11.9, 15.8, 21.0, 29.5, 33.0, 44.0])
        for sensor in range(5):
            t = T + int(rng.integers(0, 20 * MINUTE))
            value = base if sensor < DAMP else rng.uniform(30, 95)
            while t < T + 8 * HOUR:
                value += rng.normal(0, 0.3 if sensor < DAMP else 3.0)
                odd = rng.random() < 0.05
                told = float(rng.choice([-55.0, 85.0, 0.0, 99.0, value + 40])) if odd else round(value, 1)
                said.append((t, 5 * home + sensor, min(told, 100.0) if sensor >= DAMP else told))
                step = rng.choice(
                    [10_000, 60_000, 600_000, 1_500_000, 5_000_000], p=[0.1, 0.2, 0.4, 0.25, 0.05]
                )
                t += int(step)
    said.sort()
    beats: dict[int, list[tuple[int, float, int]]] = {t: [] for t in range(T, T + 8 * HOUR, MINUTE)}
    for t, sensor, value in said:
        beats.setdefault((t // 5000 + 1) * 5000, []).append((sensor, value, t))
    return [(now, heard(*some)) for now, some in sorted(beats.items())]


def found_of(state: AmbientState, beats: list[tuple[int, Events]]) -> list[Finding]:
    return [f for now, some in beats for f in ambient.step(PARAMS, state, some, now)]


def plain(found: list[Finding]) -> list[tuple[int, Said]]:
    return sorted((f.decided_ms, (f.kind.value, f.sensor, f.onset_ms)) for f in found)


@pytest.mark.parametrize("seed", range(3))
def test_all_homes_at_once_are_told_the_same_as_one_home_step_by_step(seed: int) -> None:
    beats = history(seed, HOMES)
    found = plain(found_of(ambient.fresh(layout(HOMES)), beats))
    kinds = ["temperature"] * 3 + ["humidity"] * 2
    rooms, wet = [0, 1, 2, 0, 2], [False, False, True, False, True]
    told = []
    for home in range(HOMES):
        air = Air(PARAMS, [Sensor(5 * home + k, kinds[k], rooms[k], wet[k]) for k in range(5)])
        for now, some in beats:
            mine = some.sensor // 5 == home
            columns = (some.sensor[mine].tolist(), some.value[mine].tolist(), some.t_ms[mine].tolist())
            for sensor, value, t in zip(*columns, strict=True):
                told += [(now, s) for s in air.hear(sensor, value, t)]
            told += [(now, s) for s in air.tick(now)]
    assert found == sorted(told)
    assert {kind for _, (kind, _, _) in found} >= {"cold", "heat"}


def test_a_restart_in_the_middle_and_other_homes_change_nothing() -> None:
    beats = history(7, HOMES)
    whole = plain(found_of(ambient.fresh(layout(HOMES)), beats))
    half = len(beats) // 2
    first, second = ambient.fresh(layout(HOMES)), ambient.fresh(layout(HOMES))
    before = found_of(first, beats[:half])
    every = np.arange(5 * HOMES)
    keep.restore(second, keep.snapshot(first), {keep.SENSOR: (every, every)})
    assert plain([*before, *found_of(second, beats[half:])]) == whole
    alone = [
        (now, Events(e.sensor[k], e.value[k], e.t_ms[k], e.life[k]))
        for now, e in beats
        for k in [e.sensor < 5]
    ]
    assert plain(found_of(ambient.fresh(layout(1)), alone)) == [w for w in whole if w[1][1] < 5]


def test_homes_in_another_order_are_told_in_that_order() -> None:
    beats = history(8, HOMES)
    whole = plain(found_of(ambient.fresh(layout(HOMES)), beats))
    turned = [
        (now, Events(5 * (HOMES - 1 - e.sensor // 5) + e.sensor % 5, e.value, e.t_ms, e.life))
        for now, e in beats
    ]
    found = plain(found_of(ambient.fresh(layout(HOMES)), turned))
    back = [(t, (kind, 5 * (HOMES - 1 - s // 5) + s % 5, onset)) for t, (kind, s, onset) in found]
    assert sorted(back) == whole


def test_the_layout_of_a_board_is_what_the_detector_takes() -> None:
    specs = [SensorSpec("h", "t", "temperature", "living"), SensorSpec("h", "r", "humidity", "bathroom")]
    state = ambient.fresh(Board("s", specs).layout)
    assert state.humid_here.tolist() == [-1, -1]
    assert state.humid_else.tolist() == [1, -1]
