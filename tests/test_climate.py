"""Air: seasons and summer time, homes as warm as measured ones, the exact moment a threshold is reached."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.heatindex import heat_index_c
from simulator import hazards
from simulator.climate import (
    LONDON,
    SHANGHAI,
    Calendar,
    Change,
    house,
    indoor,
    overlay,
    weather,
)
from simulator.rooms import flat
from simulator.thresholds import left_on_truth, spells, threshold_truth, told
from simulator.world import F64, Air, Events, EventSensor, Truth

DAY_S = 86_400.0
JANUARY = Calendar()
JULY = Calendar(1_784_203_200_000)
PLAN = flat(1)


def air_of(t_s: list[float], temperature_c: list[float], humidity: float = 50.0) -> Air:
    one = np.array(temperature_c, np.float64)[:, None]
    return Air(np.array(t_s, np.float64), one, np.full_like(one, humidity), np.zeros_like(one))


def rows(truth: list[Truth], label: str) -> list[tuple[float, float]]:
    return [(r.start_s, r.end_s) for r in truth if r.label == label]


# --- thresholds ------------------------------------------------------------------------------------


def test_cold_begins_when_the_hour_below_sixteen_is_complete_to_the_millisecond() -> None:
    # 17 °C falls to 15 within two hours: below 16 from 3600 s on; back above 16.5 at 3/4 of the way up
    air = air_of([0, 7200, 20_000, 28_000], [17, 15, 15, 17])
    assert rows(threshold_truth(air), "cold") == [pytest.approx((7200.0, 26_000.0))]


def test_colder_needs_less_time_and_ten_degrees_none() -> None:
    twelve = air_of([0, 10, 2200, 2210], [18, 11.5, 11.5, 18])
    start, _ = rows(threshold_truth(twelve), "cold")[0]
    assert start == pytest.approx(10 * 6 / 6.5 + 1800)
    ten = air_of([0, 100, 200], [18, 8, 18])
    start, _ = rows(threshold_truth(ten), "cold")[0]
    assert start == pytest.approx(80.0)


def test_a_short_chill_is_no_danger_and_a_little_warmth_does_not_end_one() -> None:
    brief = air_of([0, 10, 3500, 3510], [18, 15, 15, 18])
    assert threshold_truth(brief) == []
    bump = air_of([0, 10, 1800, 2000, 2200, 5000, 5010], [18, 15, 15, 16.4, 15, 15, 18])
    assert len(rows(threshold_truth(bump), "cold")) == 1
    ended = air_of([0, 10, 1800, 2000, 2200, 5000, 5010], [18, 15, 15, 16.6, 15, 15, 18])
    assert threshold_truth(ended) == []


def test_it_is_cold_when_the_rooms_own_sensor_has_said_so_for_long_enough() -> None:
    sensors = (
        EventSensor("a", "temperature", "bedroom"),
        EventSensor("b", "humidity", "bedroom"),
        EventSensor("c", "temperature", "kitchen"),
    )
    said = ((100, 0, 17.0), (400, 2, 18.0), (1000, 0, 15.8), (1500, 1, 50.0), (6000, 0, 16.6))
    t, sensor, value = (np.array(column) for column in zip(*said, strict=True))
    air = told(Events(t.astype(np.float64), sensor.astype(np.int32), value, sensors), ["bedroom", "hall"])
    assert rows(threshold_truth(air), "cold") == [pytest.approx((1000 + 3600, 6000), abs=0.01)]
    assert np.isnan(air.temperature_c[:, 1]).all()  # nothing is fitted in the hall: nobody can know
    assert air.temperature_c[0, 0] == 17.0


def test_a_hot_kitchen_counts_whether_or_not_its_humidity_is_measured() -> None:
    def heat(*sensors: tuple[str, str, float], true: Air | None = None) -> list[tuple[float, float]]:
        kit = tuple(EventSensor(f"{kind}-{room}", kind, room) for kind, room, _ in sensors)
        t = np.repeat(np.arange(0.0, 18_000.0, 900.0), len(kit))
        which = np.tile(np.arange(len(kit), dtype=np.int32), 20)
        value = np.tile([v for _, _, v in sensors], 20)
        air = told(Events(t, which, value, kit), ["bathroom", "kitchen", "living"], true, wet=[0])
        return rows(threshold_truth(air), "heat")

    hot, cool = ("temperature", "kitchen", 31.0), ("temperature", "living", 25.0)
    damp, dry = ("humidity", "living", 80.0), ("humidity", "living", 55.0)
    assert heat(hot, cool, damp) == [pytest.approx((7200.0, 17_100.0))]
    assert heat(hot, cool, dry) == []  # 55 % at 31 °C would feel like 33: but there it is 39 %
    shower = (("temperature", "bathroom", 25.0), ("humidity", "bathroom", 98.0))
    assert heat(hot, *shower, cool, dry) == []
    assert heat(hot) == []
    still = np.full((2, 3), 31.0)
    true = Air(np.array([0.0, 18_000.0]), still, np.full((2, 3), 65.0), np.zeros((2, 3)))
    assert heat(hot, true=true) == [pytest.approx((7200.0, 17_100.0))]


def test_one_home_is_cold_once_however_many_of_its_rooms_are() -> None:
    t = np.array([0.0, 10.0, 9000.0, 9010.0])
    cold = np.array([[18, 18], [15, 18], [15, 15], [18, 15]], np.float64)
    air = Air(t, cold, np.full_like(cold, 50), np.zeros_like(cold))
    assert len(rows(threshold_truth(air), "cold")) == 1
    assert threshold_truth(air, rooms=[]) == []


def test_heat_counts_what_it_feels_like() -> None:
    dry, damp = air_of([0, 30_000], [30.5, 30.5], 25.0), air_of([0, 30_000], [30.5, 30.5], 65.0)
    assert threshold_truth(dry) == []
    assert rows(threshold_truth(damp), "heat") == [pytest.approx((7200.0, 30_000.0))]
    deadly = air_of([0, 30_000], [36, 36], 60.0)
    assert rows(threshold_truth(deadly), "heat")[0][0] == pytest.approx(3600.0)


def test_the_heat_index_is_that_of_the_weather_service() -> None:
    # NWS chart: 90 °F at 70 % feels like 105-106 °F, 100 °F at 40 % like 109 °F, 80 °F at 40 % like 80 °F
    f = np.array([90.0, 100.0, 80.0])
    felt = heat_index_c((f - 32) / 1.8, np.array([70.0, 40.0, 40.0])) * 1.8 + 32
    assert np.abs(felt - [105.9, 109.3, 79.8]).max() < 0.6


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(5, 25), min_size=2, max_size=40), st.floats(8, 20))
def test_spells_are_apart_in_order_and_truly_cold(values: list[float], below: float) -> None:
    t: F64 = np.arange(len(values), dtype=np.float64) * 60.0
    value: F64 = np.array(values)
    found = spells(t, value, below, 0.5)
    fine = np.linspace(0, t[-1], 4000)
    cold = np.interp(fine, t, value)
    inside = np.zeros(len(fine), np.bool_)
    last = -1.0
    for a, b in found:
        assert last <= a <= b
        last = b
        inside |= (fine >= a) & (fine <= b)
    assert (cold[inside] < below + 0.5 + 1e-6).all()
    assert (cold[~inside] >= below - 1e-6).all()


def test_a_stove_left_on_is_told_twenty_minutes_after_the_last_one_left() -> None:
    on = [(1000.0, 9000.0)]
    assert rows(left_on_truth(on, []), "appliance-left-on") == [(2200.0, 9000.0)]
    stays = left_on_truth(on, [(900.0, 1600.0), (2000.0, 2100.0)])
    assert rows(stays, "appliance-left-on") == [(3300.0, 9000.0)]
    back = left_on_truth(on, [(900.0, 1600.0), (4000.0, 8900.0)])
    assert rows(back, "appliance-left-on") == [(2800.0, 4000.0)]
    assert left_on_truth(on, [(900.0, 9100.0)]) == []


# --- weather and homes -----------------------------------------------------------------------------


def test_summer_time_moves_the_clock_and_not_the_sun() -> None:
    spring = Calendar(1_774_656_000_000)  # 28 March 2026, 00:00 UTC; clocks change on the 29th at 01:00
    t = np.array([0.0, DAY_S, DAY_S + 2 * 3600, 2 * DAY_S])
    assert spring.hours(t).tolist() == [0.0, 0.0, 3.0, 1.0]
    nights = np.diff(spring.midnights(0.0, 3 * DAY_S))
    assert nights.tolist() == [DAY_S, DAY_S - 3600, DAY_S]


def test_seasons_and_places_differ_as_their_normals_say() -> None:
    def mean(calendar: Calendar, place: object) -> float:
        assert place in {LONDON, SHANGHAI}
        where = LONDON if place is LONDON else SHANGHAI
        days = [weather(s, calendar, 20 * DAY_S, place=where).temperature_c.mean() for s in range(12)]
        return float(np.mean(days))

    assert abs(mean(JANUARY, LONDON) - 5.5) < 1.5
    assert abs(mean(JULY, LONDON) - 19.0) < 1.5
    assert abs(mean(JULY, SHANGHAI) - 29.2) < 1.5


def test_the_sun_shines_by_day_only() -> None:
    out = weather(3, JULY, 10 * DAY_S)
    hour = JULY.hours(out.t_s)
    assert out.sun[(hour < 3) | (hour > 22)].max() == 0.0
    assert out.sun[(hour > 11) & (hour < 14)].mean() > 0.2
    assert out.sun.max() <= 1.0


def test_homes_in_winter_are_as_warm_as_measured_ones() -> None:
    means = []
    for seed in range(40):
        out = weather(seed, JANUARY, 3 * DAY_S)
        means.append(indoor(PLAN, out, house(seed), JANUARY, seed=seed).temperature_c.mean(0))
    living, bedroom = np.array(means)[:, PLAN.index("living")], np.array(means)[:, PLAN.index("bedroom")]
    assert abs(living.mean() - 18.9) < 0.8  # BMJ Open 2018;8:e021085: 18.90, standard deviation 2.46
    assert 1.5 < living.std() < 3.0
    assert abs((living - bedroom).mean() - 0.75) < 0.4


def test_a_home_without_heating_follows_the_outdoors_within_a_day_or_two() -> None:
    dead = hazards.cold_flat(5, PLAN, JANUARY, 4 * DAY_S, fails_s=DAY_S)
    assert dead.air is not None
    at = np.searchsorted(dead.air.t_s, [DAY_S - 300, DAY_S + 6 * 3600, 4 * DAY_S])
    before, after, end = dead.air.temperature_c[at, 0]
    assert before > 18.5
    assert 1.0 < before - after < 10.0  # time constants of 15-55 h
    assert end < 11.0
    first = rows(threshold_truth(dead.air), "cold")[0][0]
    assert DAY_S + 3600 < first < 2.5 * DAY_S


def test_same_seed_same_air_and_other_seeds_other_air() -> None:
    def one(seed: int) -> bytes:
        out = weather(seed, JANUARY, DAY_S)
        return indoor(PLAN, out, house(seed), JANUARY, seed=seed).temperature_c.tobytes()

    assert one(4) == one(4)
    assert one(4) != one(5)


def test_a_week_of_air_stays_within_what_homes_have() -> None:
    for seed in range(4):
        for calendar in (JANUARY, JULY):
            out = weather(seed, calendar, 7 * DAY_S)
            air = indoor(PLAN, out, house(seed), calendar, seed=seed)
            assert np.diff(air.t_s).max() == 300.0
            assert air.temperature_c.min() > 5
            assert air.temperature_c.max() < 36
            assert 10 <= air.humidity.min() <= air.humidity.max() <= 100
            quick = np.abs(np.diff(air.temperature_c, axis=0)).max()
            assert quick < 1.5  # K in five minutes, nothing having happened


# --- what is laid over it --------------------------------------------------------------------------


def test_a_change_is_in_its_room_and_time_only() -> None:
    air = Air.still(3, 20.0)
    t = np.array([100.0, 200.0, 300.0])
    shower = Change(1, t, np.array([0.0, 3.0, 0.0]), np.array([0.0, 45.0, 0.0]), np.array([0.0, 0.7, 0.0]))
    both = overlay(air, [shower, Change(1, t, np.array([0.0, 2.0, 0.0]))])
    at = int(np.searchsorted(both.t_s, 200.0))
    assert both.temperature_c[at].tolist() == [20.0, 25.0, 20.0]
    assert both.humidity[at, 1] == 90.0
    assert both.haze[at].tolist() == [0.0, 0.7, 0.0]
    outside = (both.t_s < 100) | (both.t_s > 300)
    assert (both.temperature_c[outside] == 20.0).all()
    with pytest.raises(ValueError, match="room 7 of 3"):
        overlay(air, [Change(7, t, t)])


def test_a_change_that_does_not_begin_at_zero_begins_at_once() -> None:
    both = overlay(Air.still(1, 20.0), [Change(0, np.array([100.0, 200.0]), np.array([5.0, 5.0]))])
    t = np.array([99.9, 100.5, 199.9, 200.1])
    assert np.interp(t, both.t_s, both.temperature_c[:, 0]).tolist() == [20.0, 25.0, 25.0, 20.0]


def test_humidity_and_haze_stay_possible() -> None:
    t = np.array([0.0, 10.0])
    more = [Change(0, t, np.zeros(2), np.full(2, 80.0), np.full(2, 0.8)) for _ in range(3)]
    both = overlay(Air.still(1), more)
    assert both.humidity.max() == 100.0
    assert both.haze.max() == 1.0


# --- hazards ---------------------------------------------------------------------------------------


def test_a_fire_is_seen_and_felt_within_half_a_minute_but_for_the_slowest() -> None:
    warmer = []
    for seed in range(30):
        burning = hazards.fire(seed, PLAN, 500.0)
        assert [(r.start_s, r.label) for r in burning.truth] == [(500.0, "fire")]
        change = burning.changes[0]
        assert change.temperature_k[0] == 0.0
        assert (np.diff(change.temperature_k) >= 0).all()
        assert all(s.room == change.room and s.excess_k[0] == 0 for s in burning.sources)
        warmer.append(float(np.interp(530.0, change.t_s, change.temperature_k)))
    assert np.median(warmer) > 15
    assert min(warmer) > 5


def test_a_forgotten_window_in_winter_cools_its_room_first() -> None:
    open_s = (DAY_S + 8 * 3600, DAY_S + 14 * 3600)
    left = hazards.window_in_winter(2, PLAN, JANUARY, 3 * DAY_S, open_s=open_s)
    assert left.air is not None
    bedroom, living = PLAN.index("bedroom"), PLAN.index("living")
    before, after = np.searchsorted(left.air.t_s, [open_s[0] - 1, open_s[0] + 3600])
    fall = left.air.temperature_c[before] - left.air.temperature_c[after]
    assert fall[bedroom] > 3.0
    assert fall[living] < fall[bedroom] / 2
    assert min(s.excess_k.min() for s in left.sources) < -3
    with pytest.raises(ValueError, match="no window in hall"):
        hazards.window_in_winter(2, PLAN, JANUARY, DAY_S, open_s=(0, 9), room=PLAN.index("hall"))


def test_a_heat_wave_becomes_dangerous_during_the_wave() -> None:
    found = 0
    for seed in range(12):
        wave = hazards.heat_wave(seed, PLAN, JULY, 7 * DAY_S, wave_s=(2 * DAY_S, 6 * DAY_S))
        assert wave.air is not None
        hot = rows(threshold_truth(wave.air), "heat")
        found += any(DAY_S < a < 7 * DAY_S for a, _ in hot)
    assert found >= 10


def test_a_stove_left_on_is_hot_on_the_stove_and_told_by_its_truth() -> None:
    kitchen = PLAN.rooms[PLAN.index("kitchen")]
    stove = kitchen.zone("stove")
    assert stove is not None
    for pan in (True, False):
        left = hazards.stove_left_on(3, PLAN, (1000.0, 9000.0), [(0.0, 1500.0)], pan=pan)
        assert rows(list(left.truth), "appliance-left-on") == [(2700.0, 9000.0)]
        hot = left.sources[0]
        assert 150 < hot.excess_k.max() < 340
        x, y, _ = hot.centre_m[0]
        assert stove.x0_m <= x <= stove.x1_m
        assert stove.y0_m <= y <= stove.y1_m
