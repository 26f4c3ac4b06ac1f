"""Event sensors notice what they can, miss what they miss, and never disturb each other."""

import re
from dataclasses import replace

import numpy as np
import pytest

from simulator import routine, sensors
from simulator.routine import Course, Emergency, Week
from simulator.sensors import Fitting, Openings, Spells, Stirs
from simulator.stirs import stirs_of_motion
from simulator.world import (
    F64,
    NOWHERE,
    Air,
    Doing,
    Door,
    Events,
    EventSensor,
    Motion,
    Plan,
    Room,
    Segment,
    Truth,
    Zone,
)

DAY_S = 86_400.0
START_MS = 1_715_000_400_000
SURE = Fitting(blind_s=(60.0, 60.0), sight_shape=1e6, beyond=(0.0, 0.0), door_missed=(0.0, 0.0))
NONE = np.zeros(0)


def small_flat() -> Plan:
    """Five rooms around a hall; a bed, and an armchair to rest in."""
    bed = Zone("bed", "bed", -1.0, 0.0, 1.0, 1.0, 0.45)
    armchair = Zone("armchair", "chair", 0.5, 0.5, 1.2, 1.2, 0.45)
    seat = Zone("toilet", "chair", 0.5, 0.5, 1.0, 1.0, 0.42)
    rooms = (
        Room("living", "living", 4.0, 4.0, (armchair,), (Door(4, 2.0, 0.0),)),
        Room("bedroom", "bedroom", 3.0, 3.0, (bed,), (Door(4, 1.5, 0.0),)),
        Room("bathroom", "bathroom", 2.0, 2.0, (seat,), (Door(4, 1.0, 0.0),)),
        Room("kitchen", "kitchen", 3.0, 3.0, (), (Door(4, 1.5, 0.0),)),
    )
    doors = (*(Door(i, 0.0, 0.0) for i in range(4)), Door(NOWHERE, 2.0, 0.0))
    return Plan((*rooms, Room("hall", "hall", 3.0, 1.2, (), doors)))


PLAN = small_flat()
LIVING, BEDROOM, BATHROOM, KITCHEN, HALL = range(5)
WHO = replace(routine.habits(2), evidence=1.0, lively=1.0, sleep_restless=1.0)


def rng(k: int = 0) -> np.random.Generator:
    return np.random.default_rng([77, k])


def lived(seed: int = 2, days: int = 10) -> Week:
    return routine.days(WHO, PLAN, days, seed, start_ms=START_MS, timezone="Europe/Berlin", special=Course())


def stirring(week: Week, k: int = 0) -> Stirs:
    return sensors.stirs_of_segments(week.segments, PLAN, WHO, rng(k), guests=week.guests, truth=week.truth)


def stirs(
    t_s: F64 = NONE,
    room: int = LIVING,
    strength: float = 9.0,
    *,
    spells: dict[str, Spells] | None = None,
    end_s: float = DAY_S,
    doors: F64 = NONE,
) -> Stirs:
    n = len(t_s)
    return Stirs(
        t_s,
        np.full(n, room, np.int16),
        np.full(n, strength),
        Openings(doors, np.zeros(len(doors), np.bool_)),
        NONE,
        spells or {},
        end_s,
    )


def of(events: Events, name: str) -> tuple[F64, F64]:
    k = [s.name for s in events.sensors].index(name)
    return events.t_s[events.sensor == k], events.value[events.sensor == k]


def one(kind: str, room: str, what: Stirs, name: str = "it", k: int = 0, **more: Air) -> tuple[F64, F64]:
    heard = sensors.events(what, PLAN, (EventSensor(name, kind, room, True),), rng(k), fitting=SURE, **more)
    return heard.t_s, heard.value


# --- the whole kit ---------------------------------------------------------------------------------


def test_one_seed_gives_one_trace_and_no_sensor_disturbs_another() -> None:
    what, kit = stirring(lived()), sensors.kit(PLAN, "full")
    whole = sensors.events(what, PLAN, kit, rng(1), air=Air.still(5))
    again = sensors.events(what, PLAN, kit, rng(1), air=Air.still(5))
    assert whole.t_s.tobytes() + whole.value.tobytes() + whole.sensor.tobytes() == (
        again.t_s.tobytes() + again.value.tobytes() + again.sensor.tobytes()
    )
    assert (np.diff(whole.t_s) >= 0).all()
    few = sensors.events(what, PLAN, kit[3:9], rng(1), air=Air.still(5))
    for sensor in kit[3:9]:
        for a, b in zip(of(few, sensor.name), of(whole, sensor.name), strict=True):
            np.testing.assert_array_equal(a, b)


def test_every_sensor_of_the_full_kit_says_something_sensible() -> None:
    week = routine.place(lived(days=60), PLAN, Emergency.BATHROOM, 3 * DAY_S, down_s=3 * 3600.0)
    heard = sensors.events(stirring(week), PLAN, sensors.kit(PLAN, "full"), rng(2), air=Air.still(5))
    for sensor in heard.sensors:
        t, v = of(heard, sensor.name)
        assert re.fullmatch(r"[a-z0-9-]{1,32}", sensor.name)
        if sensor.kind == "button":
            continue  # it is pressed by one in five of those who lie
        assert len(t) > 0, sensor.name
        if sensor.kind in {"bed", "chair", "presence", "radar-fall"}:
            assert set(v) == {0.0, 1.0}, sensor.name
            assert v[0] == 1.0, sensor.name
    assert len({s.name for s in heard.sensors}) == len(heard.sensors)
    assert set(of(heard, "front-door")[1]) == {0.0, 1.0}
    assert of(heard, "kettle")[1].max() == pytest.approx(2000, rel=0.15)


def test_a_kit_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="no room 'attic'"):
        sensors.events(stirs(), PLAN, (EventSensor("a", "pir", "attic"),), rng())
    with pytest.raises(ValueError, match="no kind 'sonar'"):
        sensors.events(stirs(), PLAN, (EventSensor("a", "sonar", "hall"),), rng())
    with pytest.raises(ValueError, match="'huge' is no kit"):
        sensors.kit(PLAN, "huge")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no segments"):
        sensors.stirs_of_segments((), PLAN, WHO, rng())


# --- motion sensors --------------------------------------------------------------------------------


def test_a_motion_sensor_is_blind_after_a_report_and_sees_its_own_room() -> None:
    t, v = one("pir", "living", stirs(np.arange(0.0, 3600.0, 2.0)))
    assert np.diff(t).min() >= 60.0 - 1e-9
    assert np.diff(t).max() <= 62.0 + 1e-9
    assert set(v) == {1.0}
    assert not len(one("pir", "kitchen", stirs(np.arange(0.0, 3600.0, 2.0)))[0])


def test_small_moves_are_noticed_seldom() -> None:
    every = np.arange(0.0, 40 * DAY_S, 100.0)
    noticed, _ = one("pir", "living", stirs(every, strength=0.03, end_s=40 * DAY_S))
    assert len(noticed) / len(every) == pytest.approx(0.03, rel=0.2)


def test_through_an_open_door_the_next_room_is_seen_a_little() -> None:
    every = np.arange(0.0, 10 * DAY_S, 100.0)
    what = stirs(every, HALL, 1.0, end_s=10 * DAY_S)
    kit = sensors.kit(PLAN, "basic")
    heard = sensors.events(what, PLAN, kit, rng(), fitting=replace(SURE, beyond=(0.1, 0.1)))
    share = {s.name: len(of(heard, s.name)[0]) / len(every) for s in kit}
    assert share["hall-pir"] == pytest.approx(0.63, abs=0.03)
    assert share["living-pir"] == pytest.approx(0.095, abs=0.02)


def test_nobody_home_nobody_seen() -> None:
    away = (Segment(0.0, 3600.0, Doing.POTTER, HALL), Segment(3600.0, DAY_S, Doing.OUT, NOWHERE))
    heard = sensors.events(
        sensors.stirs_of_segments(away, PLAN, WHO, rng()), PLAN, sensors.kit(PLAN, "recorded"), rng()
    )
    assert (heard.t_s < 3700.0).all()
    received = sensors.stirs_of_segments(away, PLAN, WHO, rng(), guests=((40_000.0, 47_200.0),))
    heard = sensors.events(received, PLAN, sensors.kit(PLAN, "recorded"), rng())
    later = heard.t_s[heard.t_s > 3700.0]
    assert len(later) > 20
    assert later.min() >= 40_000.0
    assert later.max() <= 47_400.0


# --- emergencies -----------------------------------------------------------------------------------


def test_until_it_happens_an_emergency_changes_nothing() -> None:
    usual = lived()
    hit = routine.place(usual, PLAN, Emergency.ACTIVE, 5 * DAY_S + 36_000, down_s=8 * 3600.0)
    onset = next(r.start_s for r in hit.truth if r.label == "collapse:active")
    a, b = stirring(usual), stirring(hit)
    for x, y in ((a.t_s, b.t_s), (a.fridge_s, b.fridge_s)):
        np.testing.assert_array_equal(x[x < onset - 600.0], y[y < onset - 600.0])
    kit = sensors.kit(PLAN, "basic")
    heard = [sensors.events(s, PLAN, kit, rng(4)) for s in (a, b)]
    early = [e.t_s[e.t_s < onset - 600.0] for e in heard]
    np.testing.assert_array_equal(early[0], early[1])


def test_somebody_on_the_floor_stirs_less_and_less_and_somebody_in_bed_not_at_all() -> None:
    first, second, usual = 0, 0, 0
    for k in range(30):
        segments = (
            Segment(0.0, 3600.0, Doing.POTTER, KITCHEN),
            Segment(3600.0, 3600.0 * 9, Doing.DOWN, KITCHEN),
        )
        t = sensors.stirs_of_segments(segments, PLAN, WHO, rng(k)).t_s / 3600
        usual += int((t < 1).sum())
        first += int(((t >= 1) & (t < 2)).sum())
        second += int((t >= 2).sum())
    assert usual > 20 * first > 0
    assert first > second
    night = (Segment(0.0, 8 * 3600.0, Doing.SLEEP, BEDROOM),)
    row = Truth(7200.0, 8 * 3600.0, "collapse:bed")
    still = sensors.stirs_of_segments(night, PLAN, replace(WHO, sleep_restless=9.0), rng(), truth=(row,))
    assert 0 < still.t_s.max() < 7200.0
    assert still.spells["bed"].end_s.tolist() == [8 * 3600.0]


def test_a_press_of_the_button_is_truth() -> None:
    pressed = 0
    for k in range(200):
        segments = (Segment(0.0, 60.0, Doing.POTTER, HALL), Segment(60.0, 7200.0, Doing.DOWN, HALL))
        what = sensors.stirs_of_segments(segments, PLAN, WHO, rng(k))
        t, v = one("button", "living", what)
        assert [r.start_s for r in sensors.press_truth(what)] == t.tolist()
        assert v.tolist() == [1.0] * len(t)
        pressed += len(t)
    assert 20 <= pressed <= 55  # 18 %: most call alarms are not used
    assert sensors.press_truth(stirs()) == ()


# --- doors -----------------------------------------------------------------------------------------


def test_doors_miss_one_or_two_in_a_hundred() -> None:
    opened = np.arange(0.0, 200 * DAY_S, 900.0)
    what = stirs(doors=opened, end_s=200 * DAY_S)
    kit = (EventSensor("front-door", "door", "hall", outside=True),)
    heard = sensors.events(what, PLAN, kit, rng())
    assert 0.008 < 1 - (heard.value == 1).sum() / len(opened) < 0.023
    assert (heard.value == 0).sum() > 0.9 * len(opened)
    alone = sensors.events(what, PLAN, kit, rng(), fitting=Fitting(closings=False))
    assert set(alone.value) == {1.0}


def test_going_out_opens_the_door_twice_and_a_stroll_the_back_one() -> None:
    segments = [
        Segment(0.0, 3600.0, Doing.REST, LIVING),
        Segment(3600.0, 10_800.0, Doing.OUT, NOWHERE),
        Segment(10_800.0, 20_000.0, Doing.REST, LIVING),
        Segment(20_000.0, 20_600.0, Doing.OUT, NOWHERE),
        Segment(20_600.0, 30_000.0, Doing.REST, LIVING),
    ]
    what = sensors.stirs_of_segments(segments, PLAN, WHO, rng())
    heard = sensors.events(what, PLAN, sensors.kit(PLAN, "recorded"), rng(), fitting=SURE)
    front, back = (of(heard, n)[0] for n in ("front-door", "back-door"))
    assert {3600.0, 10_800.0} <= set(front)
    assert {20_000.0, 20_600.0} <= set(back)
    lone = sensors.events(what, PLAN, sensors.kit(PLAN, "basic"), rng(), fitting=SURE)
    assert {3600.0, 10_800.0, 20_000.0, 20_600.0} <= set(of(lone, "front-door")[0])


# --- pressure, presence, radar, climate ------------------------------------------------------------


def spell(*rows: tuple[float, float, int]) -> Spells:
    return Spells.of(rows)


def test_the_bed_is_taken_at_night_but_for_a_turn_or_two() -> None:
    lifts = 0
    for k in range(30):
        t, v = one("bed", "bedroom", stirs(spells={"bed": spell((1000.0, 30_000.0, BEDROOM))}), k=k)
        assert (v[0], v[-1]) == (1.0, 0.0)
        assert np.all(v[1:] != v[:-1])
        assert 1001 <= t[0] <= 1003
        off = t[2::2] - t[1:-1:2]
        assert (off < 9.0).all()
        lifts += len(off)
    assert 10 < lifts < 80


def test_presence_waits_before_it_says_empty() -> None:
    rows = spell((100.0, 400.0, LIVING), (403.0, 900.0, LIVING), (5000.0, 6000.0, LIVING))
    t, v = one("presence", "living", stirs(spells={"inside": rows}))
    t, v = t[v == 1], t[v == 0]
    assert t[0] == pytest.approx(101, abs=1.5)
    assert 910 <= v[v < 4000].max() <= 960
    assert len(t) <= 4


def test_radar_finds_most_falls_and_makes_up_a_few() -> None:
    falls = spell(*((k * 3600.0, k * 3600.0 + 600.0, BATHROOM) for k in range(1, 480)))
    t, v = one("radar-fall", "bathroom", stirs(spells={"down": falls}, end_s=480 * 3600.0))
    assert (v == 1).sum() / 479 == pytest.approx(0.85, abs=0.05)
    since = t[v == 1] % 3600
    assert ((since >= 5) & (since <= 30)).all()
    busy = stirs(np.arange(0.0, 400 * DAY_S, 7000.0), BATHROOM, end_s=400 * DAY_S)
    _, v = one("radar-fall", "bathroom", busy)
    assert 8 <= (v == 1).sum() <= 36  # 0.05 a day


def test_climate_is_reported_on_change_and_now_and_then() -> None:
    t_s = np.array([0.0, 6 * 3600.0, 7 * 3600.0, 24 * 3600.0])
    warm = np.repeat(np.array([[20.0], [20.0], [26.0], [26.0]]), 5, axis=1)
    air = Air(t_s, warm, np.full((4, 5), 45.0), np.zeros((4, 5)))
    t, v = one("temperature", "living", stirs(), air=air)
    assert np.diff(t).max() <= 1800 + 60
    rising = (t > 6 * 3600) & (t < 7 * 3600)
    assert rising.sum() >= 20  # six kelvin in steps of at least 0.2, measured once a minute
    assert v[-1] - v[0] == pytest.approx(6.0, abs=0.4)
    assert np.abs(v[0] - 20.0) < 1.5
    assert not len(one("temperature", "living", stirs())[0])  # without air it is silent


# --- from the motion of a body ---------------------------------------------------------------------


def walk_then_sit() -> Motion:
    """Comes home, walks three metres, sits in the armchair for ten minutes with a sway every 7 s."""
    rows = [(0.0, 0.0, 0.0, 0.9, HALL), (5.0, 2.0, 0.0, 0.9, HALL), (5.01, 2.0, 0.0, 0.9, LIVING)]
    rows += [(10.0, 0.8, 0.8, 0.9, LIVING), (12.0, 0.8, 0.8, 0.5, LIVING)]
    rows += [(12.0 + 7.0 * k, 0.8 + 0.03 * (k % 2), 0.8, 0.5, LIVING) for k in range(1, 86)]
    rows += [(620.0, 0.8, 0.8, 0.9, LIVING), (625.0, 2.0, 0.0, 0.9, LIVING), (625.01, 2.0, 0.0, 0.9, NOWHERE)]
    table = np.array(rows)
    pose = np.zeros((len(table), 8))
    pose[:, :3] = table[:, 1:4]
    return Motion(table[:, 0], pose, table[:, 4].astype(np.int16), (Truth(20.0, 30.0, "down"),))


def test_a_body_that_walks_is_noticed_and_one_that_sits_hardly() -> None:
    what = stirs_of_motion(walk_then_sit(), PLAN)
    assert (np.diff(what.t_s) > 0).all()
    walking = (what.t_s < 12) | (what.t_s > 613)
    assert what.strength[walking].min() > 0.5
    assert what.strength[~walking].max() < 0.05
    assert what.spells["chair"].start_s.tolist() == [12.0]
    assert what.spells["chair"].end_s[0] == pytest.approx(620.0)
    assert what.spells["inside"].room.tolist() == [HALL, LIVING]
    assert what.spells["down"].room.tolist() == [LIVING]
    assert what.doors.t_s.tolist() == [625.01]
    still = stirs_of_motion(walk_then_sit(), PLAN, truth=(Truth(0.0, 700.0, "collapse:bed"),))
    assert not still.strength.any()
    with pytest.raises(ValueError, match="habits and rng"):
        stirs_of_motion(walk_then_sit(), PLAN, lived(days=1).segments)


def test_under_a_blanket_less_is_noticed() -> None:
    motion = walk_then_sit()
    pose = motion.pose.copy()
    pose[:, 7] = 0.8
    bare = stirs_of_motion(motion, PLAN).strength
    np.testing.assert_allclose(stirs_of_motion(replace(motion, pose=pose), PLAN).strength, 0.2 * bare)


def test_resident_and_visitor_together() -> None:
    a = stirs(np.array([1.0, 5.0]), LIVING, spells={"inside": spell((0.0, 9.0, LIVING))}, end_s=10.0)
    b = stirs(np.array([2.0]), KITCHEN, spells={"inside": spell((1.0, 3.0, KITCHEN))}, end_s=20.0)
    both = sensors.together(a, b)
    assert both.t_s.tolist() == [1.0, 2.0, 5.0]
    assert both.room.tolist() == [LIVING, KITCHEN, LIVING]
    assert both.spells["inside"].room.tolist() == [LIVING, KITCHEN]
    assert both.end_s == 20.0
    with pytest.raises(ValueError, match="nobody stirs"):
        sensors.together()
