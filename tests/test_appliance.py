"""Appliances left on: who is thought to be with them, thermostats, plugs that may run alone, open fridges."""

from dataclasses import replace

import numpy as np
import pytest

from detectors import appliance, keep
from detectors.appliance import ApplianceState
from detectors.finding import Finding, Kind
from detectors.layout import Events, Layout, RoomKind, SensorKind
from guardian.plan import must_be_watched
from simulator.twins.appliance import Said, Thing, Watch
from tests.thermal import everything

T = 1_767_225_600_000
SECOND = 1_000
MINUTE = 60_000
PARAMS = everything().appliance
KITCHEN_PIR, LIVING_PIR, STOVE, TV, FRIDGE, CHAIR, HEATER, BED = range(8)
KINDS = [
    SensorKind.PIR,
    SensorKind.PIR,
    SensorKind.PLUG,
    SensorKind.PLUG,
    SensorKind.APPLIANCE_DOOR,
    SensorKind.CHAIR,
    SensorKind.PLUG,
    SensorKind.BED,
]
ROOMS = [0, 1, 0, 1, 0, 0, 2, 2]
"""Kitchen, living room, bedroom."""
MATTERS = [k in {STOVE, HEATER} for k in range(8)]


def layout(homes: int = 1) -> Layout:
    return Layout(
        homes=homes,
        room_home=np.repeat(np.arange(homes), 3),
        room_kind=np.tile(np.array([RoomKind.KITCHEN, RoomKind.LIVING, RoomKind.BEDROOM], np.int8), homes),
        sensor_home=np.repeat(np.arange(homes), 8),
        sensor_room=(3 * np.arange(homes)[:, None] + ROOMS).ravel(),
        sensor_kind=np.tile(np.array(KINDS, np.int8), homes),
        outside=np.zeros(8 * homes, np.bool_),
        camera_home=np.zeros(0, np.intp),
        camera_room=np.zeros(0, np.intp),
    )


def fresh(homes: int = 1) -> ApplianceState:
    return appliance.fresh(layout(homes), np.tile(np.array(MATTERS), homes))


def heard(*readings: tuple[int, float, int, bool]) -> Events:
    sensor, value, t, life = zip(*readings, strict=True) if readings else ((), (), (), ())
    return Events(
        np.array(sensor, np.intp), np.array(value, float), np.array(t, np.int64), np.array(life, np.bool_)
    )


class Home:
    """Steps ten seconds at a time."""

    def __init__(self, looked_at: bool = False) -> None:
        self.state = fresh()
        self.looked_at = looked_at
        """A camera looks into the kitchen."""
        self.now = T
        self.found: list[Finding] = []

    def says(self, sensor: int, value: float) -> "Home":
        life = sensor in {KITCHEN_PIR, LIVING_PIR} or self.state.value[sensor] not in {value, np.nan}
        life &= KINDS[sensor] is not SensorKind.PLUG
        some = heard((sensor, value, self.now, bool(life)))
        self.found += appliance.step(PARAMS, self.state, some, self.now)
        return self

    def waits(self, minutes: float) -> "Home":
        for _ in range(round(minutes * 6)):
            self.now += 10 * SECOND
            if self.looked_at:
                appliance.look(self.state, np.array([0]), np.array([self.now]))
            self.found += appliance.step(PARAMS, self.state, heard(), self.now)
        return self

    def seen(self) -> "Home":
        """The camera sees somebody in the kitchen."""
        appliance.notice(self.state, np.array([0]), np.array([self.now]))
        return self

    def minutes(self) -> list[float]:
        """Of each decision since the start."""
        return [(f.decided_ms - T) / MINUTE for f in self.found]


def test_a_stove_is_left_on_twenty_minutes_after_somebody_was_noticed_elsewhere() -> None:
    home = Home().says(KITCHEN_PIR, 1).says(STOVE, 1500).waits(10).says(KITCHEN_PIR, 1).waits(0.5)
    home.says(LIVING_PIR, 1).waits(30)
    assert home.minutes() == [30.5]
    f = home.found[0]
    assert (f.kind, f.row, f.room, f.sensor) == (Kind.APPLIANCE_LEFT_ON, 0, 0, STOVE)
    assert f.evidence["power_w"] == 1500


def test_who_is_noticed_nowhere_is_taken_to_be_gone_after_a_quarter_or_at_once_if_a_camera_looks() -> None:
    assert Home().says(KITCHEN_PIR, 1).waits(5).says(STOVE, 1500).waits(45).minutes() == [35]
    seen = Home(looked_at=True)
    assert seen.seen().says(STOVE, 1500).waits(40).minutes() == [pytest.approx(20.5, abs=0.2)]
    dark = Home(looked_at=True).seen().says(STOVE, 1500)
    dark.looked_at = False
    assert dark.waits(40).minutes() == [35]


def test_one_movement_through_the_door_does_not_outweigh_a_camera_that_sees_nobody() -> None:
    home = Home(looked_at=True).seen().says(STOVE, 1500).waits(1).says(LIVING_PIR, 1).waits(9)
    for _ in range(3):
        home.says(LIVING_PIR, 1).says(KITCHEN_PIR, 1).waits(0.5).says(KITCHEN_PIR, 1).waits(3)
    assert home.waits(10).minutes() == [pytest.approx(20.5, abs=0.2)]
    blind = Home(looked_at=True).seen().says(STOVE, 1500).waits(1).says(LIVING_PIR, 1)
    blind.looked_at = False
    blind.waits(9).says(KITCHEN_PIR, 1).waits(24)
    assert blind.found == []  # with the camera dark somebody may well have come in


def test_who_stirs_again_and_again_where_the_camera_does_not_see_them_is_there() -> None:
    home = Home(looked_at=True).seen().says(STOVE, 1500)
    for _ in range(20):
        home.waits(2).says(KITCHEN_PIR, 1)
    assert home.found == []
    assert home.says(LIVING_PIR, 1).waits(21).minutes() == [60]


def test_nobody_is_told_while_somebody_comes_by_and_after_that_it_is_told_again() -> None:
    home = Home().says(STOVE, 1500)
    for _ in range(5):
        home.says(KITCHEN_PIR, 1).waits(1).says(LIVING_PIR, 1).waits(15).says(STOVE, 1501)
    assert home.found == []
    home.waits(6).says(KITCHEN_PIR, 1).waits(0.5).says(LIVING_PIR, 1).waits(25)
    assert home.minutes() == [85, 106.5]


def test_a_chair_that_is_sat_in_is_somebody_who_is_there() -> None:
    home = Home().says(CHAIR, 0).says(STOVE, 1500).says(KITCHEN_PIR, 1).says(CHAIR, 1).waits(60)
    assert home.found == []
    home.says(STOVE, 1490).says(CHAIR, 0).waits(1).says(LIVING_PIR, 1).waits(21)
    assert home.minutes() == [81]


def test_what_may_run_alone_and_what_takes_no_power_is_never_told() -> None:
    home = Home().says(LIVING_PIR, 1).says(KITCHEN_PIR, 1).says(TV, 90).says(STOVE, 40).waits(60)
    home.says(STOVE, 45).says(TV, 2500).waits(60)
    assert home.found == []


def test_a_thermostat_leaves_it_on_and_a_switch_turns_it_off() -> None:
    home = Home().says(KITCHEN_PIR, 1).says(LIVING_PIR, 1)
    for _ in range(8):
        home.says(STOVE, 1500).waits(2).says(STOVE, 2).waits(2)
    assert home.minutes() == [20]
    off = (
        Home()
        .says(KITCHEN_PIR, 1)
        .says(LIVING_PIR, 1)
        .says(STOVE, 1500)
        .waits(10)
        .says(STOVE, 2)
        .waits(15)
        .says(STOVE, 1500)
    )
    off.says(LIVING_PIR, 1)
    assert off.waits(19.5).found == []
    assert off.waits(1).minutes() == [45]


def test_idle_power_is_learnt_and_a_plug_that_is_silent_for_long_is_not_believed() -> None:
    home = Home().says(KITCHEN_PIR, 1)
    for _ in range(80):  # a freezer on the same strip
        home.says(STOVE, 150).waits(10)
    assert home.found == []
    assert home.says(STOVE, 240).waits(30).found == []
    assert len(home.says(STOVE, 1650).says(LIVING_PIR, 1).waits(30).found) == 1
    silent = Home().says(STOVE, 1500)
    silent.state.noticed_ms[0] = T
    silent.now = T + 80 * MINUTE
    silent.waits(30)
    assert silent.found == []


def test_a_room_in_which_nobody_can_be_noticed_tells_nothing() -> None:
    bare = layout()
    bare = replace(bare, sensor_kind=np.full(8, SensorKind.PLUG, np.int8))
    state = appliance.fresh(bare, np.ones(8, np.bool_))
    appliance.step(PARAMS, state, heard((STOVE, 1500, T, False)), T)
    assert appliance.step(PARAMS, state, heard(), T + 60 * MINUTE) == []


def test_a_fridge_that_says_again_that_it_is_open_is_told_and_a_lost_closing_is_not() -> None:
    home = Home().says(FRIDGE, 1).waits(0.2).says(FRIDGE, 0).waits(10).says(FRIDGE, 1).waits(60)
    assert home.found == []  # its closing may have been lost
    home.says(FRIDGE, 1).waits(3)
    assert [round(m) for m in home.minutes()] == [72]
    lost = Home().says(FRIDGE, 0).says(FRIDGE, 1).waits(50).says(FRIDGE, 1).waits(0.2).says(FRIDGE, 0)
    assert lost.waits(60).found == []
    opens = Home()
    for _ in range(10):  # it never says 0
        opens.says(FRIDGE, 1).waits(40)
    assert opens.found == []


def test_the_word_of_a_door_that_loses_no_closing_is_enough() -> None:
    home = Home()
    for _ in range(200):
        home.says(FRIDGE, 1).waits(0.2).says(FRIDGE, 0)
    began = home.now
    home.says(FRIDGE, 1).waits(31)
    assert [f.decided_ms - began for f in home.found] == [30 * MINUTE]


def test_names_say_which_plugs_must_be_watched() -> None:
    assert all(map(must_be_watched, ("stove", "kitchen-oven", "iron-2", "heater", "fan-heater", "kettle")))
    assert not any(map(must_be_watched, ("tv", "fridge", "freezer", "environment", "plug-3", "lamp")))


# --- many homes -------------------------------------------------------------------------------------

HOMES = 10


def history(seed: int, homes: int) -> list[tuple[int, Events]]:
    rng = np.random.default_rng(seed)
    said = []
    for home in range(homes):
        for sensor in range(8):
            t = T + int(rng.integers(0, 10 * MINUTE))
            while t < T + 6 * 60 * MINUTE:
                kind = KINDS[sensor]
                if kind is SensorKind.PLUG:
                    value = float(rng.choice([1.0, 90.0, 180.0, 1500.0], p=[0.2, 0.1, 0.1, 0.6]))
                else:
                    value = 1.0 if kind is SensorKind.PIR else float(rng.integers(0, 2))
                life = kind is not SensorKind.PLUG and bool(rng.random() < 0.7)
                said.append((t, 8 * home + sensor, value, life))
                t += int(rng.choice([3, 40, 300, 1500, 5400], p=[0.1, 0.1, 0.3, 0.4, 0.1]) * SECOND)
    said.sort()
    beats: dict[int, list[tuple[int, float, int, bool]]] = {
        t: [] for t in range(T, T + 6 * 60 * MINUTE, MINUTE)
    }
    for t, sensor, value, life in said:
        beats.setdefault((t // 5000 + 1) * 5000, []).append((sensor, value, t, life))
    return [(now, heard(*some)) for now, some in sorted(beats.items())]


def looks(now: int) -> bool:
    """Whether cameras look into the kitchens of all homes."""
    return (now - T) // (20 * MINUTE) % 2 == 1


def found_of(state: ApplianceState, beats: list[tuple[int, Events]]) -> list[Finding]:
    out = []
    for now, some in beats:
        if looks(now):
            appliance.look(state, state.first_room, np.full(len(state.first_room), now))
        out += appliance.step(PARAMS, state, some, now)
    return out


def plain(found: list[Finding]) -> list[tuple[int, Said]]:
    return sorted((f.decided_ms, (f.sensor, f.onset_ms)) for f in found)


@pytest.mark.parametrize("seed", range(4))
def test_all_homes_at_once_are_told_the_same_as_one_home_step_by_step(seed: int) -> None:
    beats = history(seed, HOMES)
    found = plain(found_of(fresh(HOMES), beats))
    kinds = {STOVE: "plug", HEATER: "plug", FRIDGE: "door", CHAIR: "stays", BED: "stays"}
    told = []
    for home in range(HOMES):
        watch = Watch(PARAMS, [Thing(8 * home + k, kinds[k], ROOMS[k]) for k in kinds], {0, 1, 2})
        for now, some in beats:
            k, touched = some.sensor // 8 == home, []
            if looks(now):
                watch.looked[0] = now
            for sensor, t, life in zip(
                some.sensor[k].tolist(), some.t_ms[k].tolist(), some.life[k].tolist(), strict=True
            ):
                if life and KINDS[sensor % 8] is SensorKind.PIR:
                    watch.stir(ROOMS[sensor % 8], t)
                elif life:
                    watch.notice(ROOMS[sensor % 8], t)
            for sensor, value, t in zip(
                some.sensor[k].tolist(), some.value[k].tolist(), some.t_ms[k].tolist(), strict=True
            ):
                if sensor % 8 in kinds and watch.hear(sensor, value, t):
                    touched.append((ROOMS[sensor % 8], t))
            for room, t in touched:
                watch.notice(room, t)
            told += [(now, s) for s in watch.tick(now)]
    assert found == sorted(told)
    assert {s % 8 for _, (s, _) in found} >= {STOVE, HEATER}


def test_a_restart_in_the_middle_and_other_homes_change_nothing() -> None:
    beats = history(7, HOMES)
    whole = plain(found_of(fresh(HOMES), beats))
    half = len(beats) // 2
    first, second = fresh(HOMES), fresh(HOMES)
    before = found_of(first, beats[:half])
    match = {
        axis: (np.arange(n * HOMES), np.arange(n * HOMES))
        for axis, n in ((keep.HOME, 1), (keep.ROOM, 3), (keep.SENSOR, 8))
    }
    keep.restore(second, keep.snapshot(first), match)
    assert plain([*before, *found_of(second, beats[half:])]) == whole
    last = [
        (now, Events(e.sensor[k] - 8 * (HOMES - 1), e.value[k], e.t_ms[k], e.life[k]))
        for now, e in beats
        for k in [e.sensor >= 8 * (HOMES - 1)]
    ]
    alone = plain(found_of(fresh(), last))
    assert [(t, (s + 8 * (HOMES - 1), o)) for t, (s, o) in alone] == [
        w for w in whole if w[1][0] >= 8 * (HOMES - 1)
    ]
