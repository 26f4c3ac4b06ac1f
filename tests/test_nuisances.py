"""Nuisances: seen within minutes, in step with the hours over weeks, in the right place, never impossible."""

from dataclasses import fields

import numpy as np
import pytest

from simulator import animals, appliances, nuisances
from simulator.additions import Addition, composed, warmth
from simulator.climate import Calendar
from simulator.floor import beside, clearance
from simulator.household import household
from simulator.nuisances import NUISANCES
from simulator.people import Script
from simulator.residue import residues
from simulator.rooms import flat, one_room
from simulator.world import F64, NOWHERE, Air, Doing, Motion, Plan, Segment, Source

MINUTES_S = 1200.0
WEEK_S = 7 * 86_400.0
CALENDAR = Calendar()
STUDIO = one_room(1)
HOME = flat(1)


def content(addition: Addition) -> list[bytes]:
    """Every number of an addition."""
    out: list[bytes] = []
    for source in addition.sources:
        out += [source.t_s.tobytes(), source.centre_m.tobytes(), source.excess_k.tobytes()]
    for actor in addition.actors:
        out += [actor.motion.t_s.tobytes(), actor.motion.pose.tobytes(), actor.motion.room.tobytes()]
    for change in addition.changes:
        out += [change.t_s.tobytes(), change.temperature_k.tobytes(), change.haze.tobytes()]
    if addition.air is not None:
        out.append(addition.air.temperature_c.tobytes())
    return out


def possible(plan: Plan, addition: Addition) -> None:
    for source in addition.sources:
        room = plan.rooms[source.room]
        assert len(source.t_s) == len(source.excess_k) == len(source.centre_m)
        assert (np.diff(source.t_s) > 0).all(), source.name
        assert abs(source.excess_k[-1]) < 0.01, source.name
        warm = np.abs(source.excess_k) > 0.05
        assert (np.abs(source.centre_m[warm, 0]) <= room.width_m / 2 + 1e-6).all()
        assert (np.abs(source.centre_m[warm, 1]) <= room.depth_m / 2 + 1e-6).all()
        assert (source.centre_m[:, 2] >= 0).all()
    for actor in addition.actors:
        motion = actor.motion
        assert (np.diff(motion.t_s) > 0).all()
        for index in np.unique(motion.room[motion.room != NOWHERE]).tolist():
            here = motion.pose[motion.room == index]
            assert (np.abs(here[:, 0]) <= plan.rooms[index].width_m / 2 + 0.25).all(), actor.name
            assert (np.abs(here[:, 1]) <= plan.rooms[index].depth_m / 2 + 0.25).all(), actor.name
    for change in addition.changes:
        assert (np.diff(change.t_s) > 0).all()
        assert len(change.temperature_k) == len(change.t_s)


def felt(addition: Addition) -> float:
    """The largest excess of any source."""
    return max(float(np.abs(s.excess_k).max()) for s in addition.sources)


@pytest.mark.parametrize("name", sorted(NUISANCES))
def test_each_is_there_within_minutes_the_same_for_the_same_seed(name: str) -> None:
    for seed in range(6):
        made = NUISANCES[name](seed, STUDIO, 0.0, MINUTES_S, calendar=CALENDAR)
        possible(STUDIO, made)
        assert content(made)
        assert content(made) == content(NUISANCES[name](seed, STUDIO, 0.0, MINUTES_S, calendar=CALENDAR))
        assert content(made) != content(NUISANCES[name](seed + 1, STUDIO, 0.0, MINUTES_S, calendar=CALENDAR))
        assert not made.truth
        if made.air is None:
            assert made.on
            assert all(0 <= a < b <= MINUTES_S for a, b in made.on)


@pytest.mark.parametrize("name", sorted(NUISANCES))
def test_each_runs_for_weeks(name: str) -> None:
    for seed in range(2):
        made = NUISANCES[name](seed, HOME, 0.0, WEEK_S, calendar=CALENDAR)
        possible(HOME, made)
        for a, b in zip(made.on, made.on[1:], strict=False):
            assert a <= b


@pytest.mark.parametrize(
    ("name", "least_k", "most_k"),
    [
        ("sun", 2.0, 8.0),
        ("radiator", 15.0, 40.0),
        ("kettle", 25.0, 80.0),
        ("pan", 40.0, 190.0),
        ("drink", 20.0, 40.0),
        ("tv", 4.0, 18.0),
        ("warm-seat", 3.0, 8.0),
        ("window", 5.0, 13.0),
    ],
)
def test_each_is_as_warm_as_such_things_are(name: str, least_k: float, most_k: float) -> None:
    peaks = [felt(NUISANCES[name](seed, STUDIO, 0.0, 2400.0)) for seed in range(20)]
    assert least_k <= float(np.median(peaks))
    assert max(peaks) <= most_k


def test_a_sun_patch_creeps_and_warms_slowly() -> None:
    for seed in range(10):
        patch = nuisances.sun_patch(seed, HOME, 0.0, WEEK_S, calendar=CALENDAR)
        for source in patch.sources:
            minutes = np.diff(source.t_s) / 60
            growth = np.diff(source.excess_k) / minutes
            lit = source.excess_k[1:] > 0.1
            assert growth.max() < 0.5
            moved = np.hypot(*np.diff(source.centre_m[:, :2], axis=0).T) / (minutes / 60)
            assert moved[lit].max() < 0.61
            hour = CALENDAR.hours(source.t_s[source.excess_k > 1])
            assert hour.min() > 7
            assert hour.max() < 22


def test_things_happen_at_their_hours_over_weeks_and_at_the_times_handed_in() -> None:
    made = appliances.hot_pan(3, HOME, 0.0, WEEK_S, calendar=CALENDAR)
    hours = CALENDAR.hours(np.array([a for a, _ in made.on]))
    assert len(hours) > 5
    assert (((hours >= 7) & (hours <= 8.5)) | ((hours >= 11.5) & (hours <= 13)) | (hours >= 17.5)).all()
    asked = [(5000.0, 6000.0), (90_000.0, 91_000.0)]
    handed = appliances.hot_pan(3, HOME, 0.0, WEEK_S, times=asked)
    assert list(handed.on) == asked
    pan = next(s for s in handed.sources if s.name == "pan")
    at = np.interp([4900.0, 6000.0, 60_000.0, 91_000.0], pan.t_s, pan.excess_k, left=0, right=0)
    assert at[0] == 0
    assert at[2] == 0
    assert min(at[1], at[3]) > 60


def test_a_radiator_cycles() -> None:
    made = nuisances.radiator(2, STUDIO, 0.0, 4 * 3600.0)
    excess = made.sources[0].excess_k
    rising = np.diff(excess) > 0
    assert (np.diff(rising.astype(int)) == -1).sum() >= 2  # it was switched off again at least twice


def test_a_hot_room_has_hardly_any_contrast() -> None:
    for seed in range(10):
        for end in (MINUTES_S, WEEK_S):
            made = nuisances.hot_room(seed, HOME, 0.0, end, calendar=CALENDAR)
            assert made.air is not None
            assert made.air.temperature_c.min() >= 29
            assert made.air.temperature_c.max() <= 33


def test_steam_takes_contrast_away_and_gives_it_back() -> None:
    made = nuisances.steam(4, HOME, 0.0, 6000.0, times=[(600.0, 1500.0)])
    air = composed(Air.still(len(HOME.rooms)), [made]).air
    assert air is not None
    bathroom = HOME.index("bathroom")
    haze = np.interp([500.0, 1500.0, 6000.0], air.t_s, air.haze[:, bathroom])
    assert haze[0] == 0
    assert 0.35 < haze[1] <= 0.9
    assert haze[2] < 0.05
    assert air.humidity[:, bathroom].max() > 75
    assert air.haze[:, HOME.index("living")].max() == 0


def test_an_open_window_is_cold_in_winter_and_warm_in_a_heat_wave() -> None:
    cold = nuisances.open_window(1, STUDIO, 0.0, MINUTES_S, outdoor_c=2.0, room_c=20.0)
    warm = nuisances.open_window(1, STUDIO, 0.0, MINUTES_S, outdoor_c=36.0, room_c=28.0)
    assert min(s.excess_k.min() for s in cold.sources) < -3
    assert max(c.temperature_k.max() for c in cold.changes) <= 0
    assert min(s.excess_k.min() for s in warm.sources) >= 0
    assert max(c.temperature_k.max() for c in warm.changes) > 0


@pytest.mark.parametrize("name", ["dog", "cat"])
def test_animals_walk_around_furniture_and_lie_down(name: str) -> None:
    for seed in range(4):
        motion = NUISANCES[name](seed, HOME, 0.0, 3600.0).actors[0].motion
        t = np.arange(10.0, 3600.0, 0.5)
        pose, room = motion.at(t)
        assert len(np.unique(np.round(pose[:, :2], 1), axis=0)) > 20
        low = pose[:, 2].min()
        assert low < 0.15 or pose[:, 2].max() > 0.5  # on the floor, or up on something
        floor_level = pose[:, 2] < 0.39 if name == "dog" else pose[:, 2] < 0.21
        for index in range(len(HOME.rooms)):
            here = (room == index) & floor_level
            if here.any():
                free = clearance(HOME.rooms[index], pose[here, 0], pose[here, 1])
                assert np.quantile(free, 0.02) > -0.05


def test_a_robot_drives_over_free_floor_and_goes_back_to_its_dock() -> None:
    made = animals.robot_vacuum(5, HOME, 0.0, 4 * 3600.0, times=[(600.0, 4000.0)])
    motion = made.actors[0].motion
    t = np.arange(0.0, 4 * 3600.0, 1.0)
    pose, _ = motion.at(t)
    speed = np.hypot(*np.diff(pose[:, :2], axis=0).T)
    assert speed[:590].max() == 0
    assert speed[-3600:].max() == 0
    assert np.quantile(speed[700:3900], 0.5) > 0.1
    assert np.allclose(pose[0, :2], pose[-1, :2])


def test_a_visitor_comes_and_leaves_through_the_outer_door() -> None:
    for seed in range(4):
        motion = animals.visitor(seed, HOME, 0.0, 5400.0, times=[(600.0, 4000.0)]).actors[0].motion
        _, room = motion.at(np.array([590.0, 700.0, 2000.0, 3500.0, 4100.0]))
        assert room[0] == NOWHERE
        assert (room[1:4] != NOWHERE).all()
        assert room[4] == NOWHERE


# --- heat left behind ------------------------------------------------------------------------------


def sat(seconds: float) -> tuple[Motion, tuple[float, float]]:
    script = Script(np.random.default_rng(3), STUDIO)
    room = STUDIO.rooms[0]
    chair = room.zone("chair")
    assert chair is not None
    script.go(0, *beside(room, chair))
    script.sit(chair, seconds)
    script.go(0, 0.0, 0.0)
    script.wait(script.t + 3600)
    return script.motion(), chair.middle


def test_a_chair_stays_warm_where_somebody_sat_and_cools_within_minutes() -> None:
    motion, middle = sat(1800.0)
    left = residues(motion, STUDIO, 1)
    assert len(left) == 1
    one = left[0]
    assert np.hypot(*(one.centre_m[0, :2] - middle)) < 0.5
    peak = float(one.excess_k.max())
    start = float(one.t_s[np.argmax(one.excess_k)])
    assert 1800 <= start <= 1900
    assert 3 <= peak <= 7
    later = np.interp(start + np.array([180.0, 600.0]), one.t_s, one.excess_k)
    assert later[1] < 0.4 * peak
    assert later[0] > 0.3 * peak


def test_who_sat_briefly_leaves_nothing_and_a_short_rest_leaves_less() -> None:
    assert residues(sat(40.0)[0], STUDIO, 1) == ()
    short, long = residues(sat(120.0)[0], STUDIO, 1), residues(sat(3600.0)[0], STUDIO, 1)
    assert short[0].excess_k.max() < 0.5 * long[0].excess_k.max()


def test_a_fall_warms_the_floor_along_the_body() -> None:
    script = Script(np.random.default_rng(5), STUDIO)
    script.go(0, 0.0, 0.0)
    script.pen.key(1.0, (0.14, -1.52, 1.5, 1.55, 0.0, -0.25))
    script.wait(script.t + 1200)
    script.pen.key(3.0, (0.87, 0.0, 0.0, 0.0, 0.0, 0.1))
    script.wait(script.t + 60)
    left = residues(script.motion(), STUDIO, 2)
    assert len(left) == 2
    assert all(1.0 <= s.excess_k.max() <= 4.0 and s.centre_m[0, 2] < 0.1 for s in left)
    assert 0.6 < np.hypot(*(left[0].centre_m[0, :2] - left[1].centre_m[0, :2])) < 0.8


def test_weeks_of_sitting_need_few_sources() -> None:
    hours = np.arange(200) * 3600.0  # half an hour on one of two chairs, half an hour up
    t: F64 = np.stack([hours, hours + 1800, hours + 1802, hours + 3598], -1).reshape(-1)
    pose = np.zeros((800, 8))
    pose[:, 0] = np.repeat(np.where(np.arange(200) % 2, 1.0, -1.0), 4)
    down = np.arange(800) % 4 < 2
    pose[:, 2], pose[:, 5] = np.where(down, 0.5, 0.9), np.where(down, 1.45, 0.0)
    left = residues(Motion(t, pose, np.zeros(800, np.int16)), STUDIO)
    assert 1 <= len(left) <= 2
    assert sum((np.diff(s.excess_k) > 1).sum() for s in left) == 200


# --- whole homes -----------------------------------------------------------------------------------


def test_an_ordinary_home_cooks_and_bathes_when_its_resident_does() -> None:
    kitchen, bathroom = HOME.index("kitchen"), HOME.index("bathroom")
    segments = [
        Segment(0.0, 2000.0, Doing.COOK, kitchen),
        Segment(2000.0, 4000.0, Doing.EAT, kitchen),
        Segment(4000.0, 5000.0, Doing.WASH, bathroom),
        Segment(5000.0, 86_400.0, Doing.SLEEP, HOME.index("bedroom")),
    ]
    made = composed(
        Air.still(len(HOME.rooms)), household(1, HOME, 0.0, 86_400.0, calendar=CALENDAR, segments=segments)
    )
    pan = next(s for s in made.sources if s.name == "pan")
    assert 100 <= pan.t_s[0] <= 200
    assert made.air is not None
    steamy = made.air.t_s[made.air.haze[:, bathroom] > 0.3]
    assert steamy.min() >= 4000
    assert steamy.max() < 7000
    assert any(s.name == "radiator" for s in made.sources)
    summer = household(1, HOME, 0.0, 86_400.0, calendar=Calendar(1_784_203_200_000), segments=segments)
    assert not any(s.name == "radiator" for a in summer for s in a.sources)


def test_composing_keeps_everything_and_the_last_air() -> None:
    hot, dog = (NUISANCES[n](1, STUDIO, 0.0, MINUTES_S) for n in ("hot-room", "dog"))
    steamy = nuisances.steam(1, STUDIO, 0.0, MINUTES_S)
    both = composed(Air.still(1, 20.0), [dog, hot, steamy])
    assert {f.name for f in fields(both)} >= {"sources", "actors", "air"}
    assert len(both.actors) == 1
    assert both.air is not None
    assert both.air.temperature_c.min() >= 29
    assert both.air.haze.max() > 0.3
    assert both.changes == ()


def test_warming_up_and_cooling_down_are_exponential() -> None:
    t, k = warmth([(0.0, 600.0), (900.0, 960.0)], 10.0, 100.0, 200.0)
    expected_900 = 10 * (1 - np.exp(-6)) * np.exp(-1.5)
    assert np.interp(100.0, t, k) == pytest.approx(10 * (1 - np.exp(-1)), abs=0.05)
    assert np.interp(900.0, t, k) == pytest.approx(expected_900, abs=0.2)
    assert k[0] == k[-1] == 0.0
    assert isinstance(Source("x", 0, (1, 1, 1), t, np.zeros((len(t), 3)), k).t_s, np.ndarray)
    with pytest.raises(ValueError, match="overlap"):
        warmth([(0.0, 10.0), (5.0, 20.0)], 1.0, 1.0, 1.0)


def test_an_end_before_the_start_is_refused() -> None:
    with pytest.raises(ValueError, match="must come after"):
        animals.dog(1, STUDIO, 100.0, 50.0)
    with pytest.raises(ValueError, match="must come after"):
        appliances.kettle(1, STUDIO, 100.0, 50.0)
