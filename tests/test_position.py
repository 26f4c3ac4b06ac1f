"""Where somebody is: stories of a home, the naive twin, and what must never matter."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detectors import keep, position
from detectors.fall import Posture
from detectors.layout import Events, Layout, RoomKind, SensorKind, nothing
from detectors.position import Activity, PositionState, Where
from guardian.plan import laid_out, rooms_of
from guardian.slab import NEVER, SensorSpec
from simulator.twins import position as twin
from tests.thermal import everything

T: Final = 1_700_000_000_000
NOON, NIGHT = 12 * 60, 2 * 60
PARAMS: Final = everything().position
ROOMS: Final = ("living", "bedroom", "bathroom", "kitchen", "hall")
KIT: Final = (
    *((f"{room}-pir", "pir", room) for room in ROOMS),
    ("front", "door", "hall"),
    ("fridge", "appliance-door", "kitchen"),
    ("bed", "bed", "bedroom"),
    ("chair", "chair", "living"),
    ("radar", "presence", "bathroom"),
    ("kettle", "plug", "kitchen"),
    ("help", "button", "living"),
)
WATCHED: Final = ("living", "bedroom", "bathroom")


def specs(home: str, kit: Sequence[tuple[str, str, str]] = KIT) -> list[SensorSpec]:
    return [SensorSpec(home, name, kind, room, outside=name == "front") for name, kind, room in kit]


def cameras(home: str, rooms: Sequence[str] = WATCHED) -> list[SensorSpec]:
    return [SensorSpec(home, f"{room}-eye", "thermal", room, 8, 8) for room in rooms]


class Home:
    """One home, told about in seconds since T."""

    def __init__(self, *, eyes: Sequence[str] = (), kit: Sequence[tuple[str, str, str]] = KIT) -> None:
        own, looking = specs("h", kit), cameras("h", eyes)
        self.layout = laid_out(["h"], own, looking)
        self.rooms = [room for _, room in rooms_of(["h"], [*own, *looking])]
        self.sensors = [s.name for s in own]
        self.eyes = list(eyes)
        self.state = position.fresh(PARAMS, self.layout)
        self.minute = NOON

    def hears(self, s: float, *said: tuple[str, float], life: bool = True) -> "Home":
        """Sensors say something; whose doing it is, is told."""
        rows = np.array([self.sensors.index(name) for name, _ in said], np.intp)
        n, t_ms = len(said), T + int(s * 1000)
        values = np.array([value for _, value in said], np.float64)
        heard = Events(rows, values, np.full(n, t_ms), np.full(n, life, np.bool_))
        position.step(PARAMS, self.state, heard, t_ms, self.minute)
        return self

    def sees(self, s: float, *who: tuple[str, Posture, float]) -> "Home":
        """Every camera looks: (room, posture, x) of those who see somebody, twice in one room = two."""
        t_ms, n = T + int(s * 1000), len(self.eyes)
        people, posture = np.zeros(n, np.int8), np.full(n, Posture.ABSENT, np.int8)
        x = np.full(n, np.nan, np.float32)
        for room, how, at in who:
            c = self.eyes.index(room)
            people[c] += 1
            posture[c], x[c] = how, at
        sure = np.full(n, 0.9, np.float32)
        position.look(
            PARAMS, self.state, np.arange(n), people, posture, x, np.zeros(n, np.float32), sure, t_ms
        )
        position.step(PARAMS, self.state, nothing(), t_ms, self.minute)
        return self

    def stays(self, since_s: float, until_s: float, *who: tuple[str, Posture, float]) -> "Home":
        """The same view once a second."""
        for s in np.arange(since_s, until_s).tolist():
            self.sees(s, *who)
        return self

    def at(self, s: float) -> Where:
        return position.answer(PARAMS, self.state, T + int(s * 1000))

    def room(self, s: float) -> str | None:
        row = int(self.at(s).room[0])
        return self.rooms[row] if row >= 0 else None

    def does(self, s: float) -> Activity:
        return Activity(int(self.at(s).activity[0]))

    def alibi(self, eye: str, onset_s: float, s: float) -> bool:
        """Whether the one resident has one at `s` for a fall at `onset_s` in front of this camera."""
        camera = np.array([self.eyes.index(eye)])
        latest = int(position.alibis(PARAMS, self.state, camera, T + int(s * 1000))[0])
        return latest != NEVER and T + int(onset_s * 1000) <= latest


# --- where ---------------------------------------------------------------------------------------------


def test_nobody_was_noticed_so_nothing_is_known() -> None:
    home = Home(eyes=WATCHED)
    where = home.at(0)
    assert home.room(0) is None
    assert np.isnan(where.confidence[0])
    assert (where.people[0], where.activity[0], where.visit_ms[0]) == (-1, Activity.UNKNOWN, NEVER)


def test_who_cooks_is_in_the_kitchen_though_the_hall_looks_in() -> None:
    home = Home()
    home.hears(0, ("hall-pir", 1)).hears(3, ("kitchen-pir", 1)).hears(20, ("fridge", 1))
    assert home.room(21) == "kitchen"
    home.hears(60, ("kitchen-pir", 1)).hears(90, ("hall-pir", 1))
    assert home.room(95) == "kitchen"
    assert home.at(95).room_ms[0] == T + 60_000
    home.hears(120, ("bedroom-pir", 1)).hears(125, ("bed", 1))
    assert home.room(126) == "bedroom"
    assert home.at(126).confidence[0] > 0.9


def test_who_went_to_the_toilet_at_night_and_was_not_noticed_on_the_way_back_is_not_kept_there() -> None:
    home = Home()
    home.minute = NIGHT
    for s in range(0, 300, 60):
        home.hears(s, ("bedroom-pir", 1))
    home.hears(3000, ("bathroom-pir", 1)).hears(3060, ("bathroom-pir", 1))
    assert home.room(3061) == "bathroom"
    sure = [float(np.nan_to_num(home.at(3061 + m * 60).confidence[0])) for m in range(0, 120, 10)]
    assert sure[0] > 0.9
    assert home.room(3061 + 7200) != "bathroom"


def test_a_bed_holds_whoever_lies_in_it_against_a_motion_sensor_next_door() -> None:
    home = Home()
    home.hears(0, ("bedroom-pir", 1)).hears(5, ("bed", 1))
    for s in range(600, 3600, 600):
        home.hears(s, ("hall-pir", 1))
        assert home.room(s + 1) == "bedroom"
    assert home.room(6 * 3600) == "bedroom"


def test_a_camera_that_sees_somebody_walk_outweighs_the_motion_sensor_of_the_hall() -> None:
    home = Home(eyes=WATCHED)
    for s in range(20):
        home.sees(s, ("living", Posture.UPRIGHT, 0.5 * (s % 4)))
        home.hears(s + 0.5, ("hall-pir", 1)) if s % 10 == 9 else None
    assert home.room(20) == "living"
    assert home.does(20) == Activity.WALKING
    assert home.at(20).people[0] == 1


def test_who_walked_out_of_the_picture_is_where_the_next_sensor_says_and_has_no_place_there() -> None:
    home = Home(eyes=WATCHED)
    home.stays(0, 10, ("living", Posture.UPRIGHT, 1.0)).hears(10, ("kitchen-pir", 1)).stays(10, 14)
    assert home.room(14) == "kitchen"
    assert np.isnan(home.at(14).x_m[0])
    assert home.does(14) == Activity.WALKING


def test_who_sits_down_and_is_lost_keeps_the_last_place_with_its_age() -> None:
    home = Home(eyes=WATCHED)
    home.stays(0, 10, ("living", Posture.SITTING, 1.5)).stays(10, 130)
    where = home.at(130)
    assert home.room(130) == "living"
    assert (float(where.x_m[0]), int(where.place_ms[0])) == (1.5, T + 9_000)
    assert where.room_ms[0] == T + 9_000


def test_a_camera_that_is_too_warm_or_silent_does_not_say_that_nobody_is_there() -> None:
    home = Home(eyes=("living",), kit=[k for k in KIT if k[2] in {"living", "kitchen"}])
    home.stays(0, 10, ("living", Posture.UPRIGHT, 1.0))
    home.state.sick[:] = True
    n = np.zeros(1, np.float32)
    for s in range(10, 40):
        t_ms = T + s * 1000
        position.look(
            PARAMS, home.state, np.arange(1), np.zeros(1, np.int8), np.full(1, Posture.ABSENT, np.int8),
            n, n, n, t_ms, sick=True,
        )  # fmt: skip
        position.step(PARAMS, home.state, nothing(), t_ms, NOON)
    assert home.room(40) == "living"
    assert home.at(40).degraded[0]
    assert home.room(100) == "living"  # and silent since


# --- at home or not ------------------------------------------------------------------------------------


def test_who_goes_out_is_out_after_some_silence_and_back_at_the_first_sign() -> None:
    home = Home()
    home.hears(0, ("hall-pir", 1)).hears(5, ("front", 1)).hears(8, ("hall-pir", 1)).hears(12, ("front", 0))
    assert home.at(13).out[0] < 0.6
    assert home.does(600) == Activity.OUT
    assert home.room(600) is None
    assert home.at(600).out[0] > 0.9
    home.hears(3600, ("front", 1)).hears(3604, ("hall-pir", 1)).hears(3640, ("kitchen-pir", 1))
    assert home.at(3641).out[0] < 0.05
    assert home.room(3641) == "kitchen"


def test_who_looks_out_of_the_door_and_sits_down_again_is_at_home() -> None:
    home = Home()
    home.hears(0, ("hall-pir", 1)).hears(5, ("front", 1)).hears(12, ("front", 0))
    home.hears(40, ("living-pir", 1)).hears(45, ("chair", 1))
    assert home.at(4000).out[0] < 0.05
    assert home.does(4000) == Activity.SITTING


def test_a_home_whose_door_seldom_means_leaving_is_learnt() -> None:
    home = Home()
    for k in range(30):
        home.hears(k * 3600, ("front", 1)).hears(k * 3600 + 60, ("living-pir", 1))
    often = home.state.leavings[0] / home.state.uses[0]
    assert often < 0.1
    home.hears(40 * 3600, ("front", 1))
    assert home.at(40 * 3600 + 1).out[0] < 0.2


def test_leaving_by_a_door_without_a_contact_is_believed_in_only_slowly() -> None:
    bare = Home(kit=[k for k in KIT if k[0] != "front"])
    whole = Home()
    for home in (bare, whole):
        home.hears(0, ("kitchen-pir", 1))
    assert bare.at(86_400).out[0] > whole.at(86_400).out[0]
    assert whole.at(86_400).out[0] < 0.05


# --- people and activity ---------------------------------------------------------------------------------


def test_two_bodies_in_two_rooms_are_two_people_and_after_a_while_a_visit() -> None:
    home = Home(eyes=WATCHED)
    two = (("living", Posture.UPRIGHT, 1.0), ("bathroom", Posture.UPRIGHT, 0.0))
    home.stays(0, 20, two[0]).hears(20, ("living-pir", 1)).hears(30, ("bathroom-pir", 1))
    assert home.at(20).visit_ms[0] == NEVER
    home.stays(30, 100, *two).hears(100, ("living-pir", 1)).hears(110, ("bathroom-pir", 1))
    home.stays(110, 200, *two)
    where = home.at(200)
    assert where.people[0] == 2
    assert T + 100_000 < where.visit_ms[0] < T + 200_000
    assert where.company[0] > 0.5
    assert position.visited(PARAMS, home.state, T + 200_000).tolist() == [True]
    home.stays(200, 210, two[0])
    assert home.at(210 + 3600).visit_ms[0] == NEVER
    assert position.visited(PARAMS, home.state, T + 3_810_000).tolist() == [False]  # nor is learning held up


def test_a_warm_seat_beside_somebody_who_walks_elsewhere_is_no_visitor() -> None:
    home = Home(eyes=WATCHED)
    home.hears(0, ("living-pir", 1)).stays(0, 60, ("living", Posture.SITTING, 1.0))
    home.hears(60, ("bathroom-pir", 1))
    home.stays(60, 150, ("living", Posture.SITTING, 1.0), ("bathroom", Posture.UPRIGHT, 0.0))
    assert home.at(150).people[0] == 2
    assert home.at(150).visit_ms[0] == NEVER


def test_what_walks_where_the_motion_sensor_stays_silent_is_a_pet() -> None:
    home = Home(eyes=WATCHED)
    home.hears(0, ("kitchen-pir", 1))
    for s in range(1, 600):
        home.sees(s, ("living", Posture.SITTING, 0.5 * (s % 4)))
        home.sees(s) if s % 40 == 0 else None  # lost for a moment: no arrival
        home.hears(s + 0.5, ("kitchen-pir", 1)) if s % 60 == 59 else None
    assert home.room(600) == "kitchen"


def test_far_motion_sensors_that_fire_together_again_and_again_are_two_people() -> None:
    home = Home()
    for k in range(6):
        home.hears(k * 60, ("kitchen-pir", 1)).hears(k * 60 + 1, ("bedroom-pir", 1))
    assert home.at(400).visit_ms[0] > 0
    alone = Home()
    for k in range(6):  # who walks from room to room takes longer
        alone.hears(k * 60, ("kitchen-pir", 1)).hears(k * 60 + 2, ("hall-pir", 1)).hears(
            k * 60 + 6, ("bedroom-pir", 1)
        )
    assert alone.at(400).visit_ms[0] == NEVER


def test_who_lies_still_in_bed_is_asleep_after_a_quarter_of_an_hour() -> None:
    home = Home(eyes=WATCHED)
    home.hears(0, ("bedroom-pir", 1)).hears(2, ("bed", 1))
    assert home.does(600) == Activity.LYING_IN_BED
    assert home.does(1000) == Activity.ASLEEP
    home.hears(1200, ("bedroom-pir", 1))
    assert home.does(1300) == Activity.LYING_IN_BED


@pytest.mark.parametrize(("minute", "then"), [(NIGHT, Activity.ASLEEP), (NOON, Activity.LYING_IN_BED)])
def test_without_a_bed_sensor_stillness_in_bed_is_sleep_at_night_only(minute: int, then: Activity) -> None:
    home = Home(eyes=WATCHED, kit=[k for k in KIT if k[0] != "bed"])
    home.minute = minute
    home.stays(0, 5, ("bedroom", Posture.UPRIGHT, 1.0)).stays(
        5, 1000, ("bedroom", Posture.LYING_ON_FURNITURE, 0)
    )
    assert home.does(1000) == then


def test_who_lies_on_the_floor_is_said_to_whatever_else_is_believed() -> None:
    home = Home(eyes=WATCHED)
    home.hears(0, ("front", 1)).stays(1, 4, ("living", Posture.LYING, 0.0))
    assert home.does(4) == Activity.LYING_ON_FLOOR


# --- alibis: a wrong one costs a life --------------------------------------------------------------


def lone(until_s: float = 0.0, *more: str) -> Home:
    """Somebody alone for an hour, whose living room is looked at."""
    home = Home(eyes=(*WATCHED, *more))
    home.hears(until_s - 3600, ("kitchen-pir", 1))
    return home


def test_who_opens_the_fridge_and_moves_there_is_not_the_body_in_the_living_room() -> None:
    home = lone()
    home.hears(60, ("fridge", 1))
    assert not home.alibi("living", 0, 61)
    home.hears(90, ("kitchen-pir", 1))
    assert home.alibi("living", 0, 91)
    assert not home.alibi("living", 55, 91)  # the fridge may have been opened before
    home.hears(120, ("fridge", 1))
    assert home.alibi("living", 70, 121)
    assert not home.alibi("living", 85, 121)  # only one sign since


def test_whoever_falls_in_the_kitchen_has_no_alibi_from_the_fridge_there() -> None:
    home = lone(0, "kitchen")
    home.hears(60, ("fridge", 1)).hears(90, ("kitchen-pir", 1))
    assert home.alibi("living", 0, 91)
    assert not home.alibi("kitchen", 0, 91)


@pytest.mark.parametrize("back", ["living-pir", "chair"])
def test_an_alibi_ends_when_somebody_is_noticed_in_that_room_and_begins_anew(back: str) -> None:
    home = lone()
    home.hears(60, ("fridge", 1)).hears(90, ("kitchen-pir", 1)).hears(150, (back, 1))
    assert not home.alibi("living", 0, 151)
    home.hears(190, ("chair", 0)) if back == "chair" else None
    home.hears(200, ("fridge", 1)).hears(230, ("kitchen-pir", 1))
    assert home.alibi("living", 0, 231)


@pytest.mark.parametrize(
    "signs",
    [
        [(60, "hall-pir"), (90, "hall-pir"), (120, "kitchen-pir"), (150, "kitchen-pir")],  # through doors
        [(60, "fridge")],  # once
        [(60, "fridge"), (62, "kitchen-pir")],  # one moment: a gateway that was stuck sends all at once
        [(4, "fridge"), (30, "kitchen-pir")],  # the first one may have come before the onset
        [(60, "fridge"), (90, "bedroom-pir")],  # two rooms: perhaps two people
        [(60, "chair"), (90, "chair"), (95, "living-pir")],  # in the room itself, and what a cat does
        [(60, "help"), (90, "help")],  # worn: it is pressed where its wearer lies
        [(60, "radar"), (90, "bathroom-pir")],  # radar notices a cat
        [(60, "kettle"), (90, "kitchen-pir")],  # switched by a timer, and a motion sensor
        [(60, "fridge"), (90, "kitchen-pir"), (95, "front")],  # somebody may have come
        [(-600, "front"), (60, "fridge"), (90, "kitchen-pir")],  # somebody came before
        [(60, "fridge"), (90, "kitchen-pir"), (91, "bedroom-pir")],  # two at once: there are two
    ],
)
def test_nothing_less_is_an_alibi(signs: list[tuple[float, str]]) -> None:
    home = lone(-1000)
    for s, name in signs:
        home.hears(s, (name, 2000.0 if name == "kettle" else 1.0))
    assert not home.alibi("living", 0, 200)


@pytest.mark.parametrize("without", ["front", "living-pir"])
def test_there_is_none_where_neither_the_way_out_nor_the_way_back_would_be_noticed(without: str) -> None:
    home = Home(eyes=WATCHED, kit=[k for k in KIT if k[0] != without]).hears(-3600, ("kitchen-pir", 1))
    home.hears(60, ("fridge", 1)).hears(90, ("kitchen-pir", 1))
    assert not home.alibi("living", 0, 100)
    assert home.alibi("bathroom", 0, 100) == (without == "living-pir")


def test_there_is_none_soon_after_a_start() -> None:
    home = Home(eyes=WATCHED).hears(-60, ("kitchen-pir", 1))
    home.hears(60, ("fridge", 1)).hears(90, ("kitchen-pir", 1))
    assert not home.alibi("living", 0, 100)


def test_there_is_none_while_a_visitor_is_seen() -> None:
    home = lone()
    home.hears(-66, ("living-pir", 1)).hears(-61, ("bathroom-pir", 1))
    home.stays(-60, 0, ("living", Posture.UPRIGHT, 0.0), ("bathroom", Posture.UPRIGHT, 1.0))
    home.hears(60, ("fridge", 1)).hears(90, ("kitchen-pir", 1))
    assert not home.alibi("living", 0, 100)


# --- the twin, and what must not matter ------------------------------------------------------------

KINDS: Final = {name: SensorKind[kind.upper().replace("-", "_")] for name, kind, _ in KIT}
Act = tuple[int, int, int, int, float]
"""Seconds since the last one, home, what (sensor or camera), how, and a place."""
acts = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 1, 2, 7, 30, 90, 600]),
        st.integers(0, 2),
        st.integers(0, len(KIT) + len(WATCHED) - 1),
        st.integers(0, 5),
        st.floats(-2, 2, width=32),
    ),
    max_size=60,
)


def street(homes: Sequence[str]) -> tuple[Layout, list[SensorSpec], list[SensorSpec]]:
    own = [s for home in homes for s in specs(home)]
    looking = [s for home in homes for s in cameras(home)]
    return laid_out(homes, own, looking), own, looking


def played(
    told: Sequence[Act], homes: Sequence[str], only: int | None = None, cut: int | None = None
) -> PositionState:
    """Play to all homes (or only one of them), restarting from a snapshot in the middle."""
    layout, own, looking = street(homes)
    sensor = {(s.home, s.name): i for i, s in enumerate(own)}
    camera = {(s.home, s.room): i for i, s in enumerate(looking)}
    state, now_ms = position.fresh(PARAMS, layout), T
    for k, (wait_s, home, what, how, x) in enumerate(told):
        if k == cut:
            same = np.arange(max(layout.rooms, len(own)))
            kept = keep.snapshot(state)
            sizes = {
                keep.HOME: layout.homes,
                keep.ROOM: layout.rooms,
                keep.SENSOR: len(own),
                keep.CAMERA: len(looking),
            }
            fresh_look = state.fresh_look
            state = position.fresh(PARAMS, layout)
            keep.restore(state, kept, {axis: (same[:n], same[:n]) for axis, n in sizes.items()})
            state.fresh_look = fresh_look
        now_ms += wait_s * 1000
        heard = nothing()
        if only in {None, home}:
            name = f"h{home}"
            if what < len(KIT):
                row = np.array([sensor[name, KIT[what][0]]])
                life = np.array([how < 4])
                heard = Events(row, np.array([float(how % 2)]), np.array([now_ms]), life)
            else:
                row = np.array([camera[name, WATCHED[what - len(KIT)]]])
                posture = np.array([how], np.int8)
                people = np.array([how not in {0, 5}], np.int8)
                place = np.array([x], np.float32)
                sure = np.array([0.8], np.float32)
                position.look(PARAMS, state, row, people, posture, place, place, sure, now_ms)
        position.step(PARAMS, state, heard, now_ms, NOON)
    return state


def naive(told: Sequence[Act], home: int) -> twin.Home:
    kinds = [RoomKind[r.upper()] for r in ROOMS]
    one = twin.Home(
        PARAMS,
        [twin.Room(kind, has_pir=True) for kind in kinds],
        [twin.Camera(ROOMS.index(r)) for r in WATCHED],
        has_way_out=True,
    )
    last = dict.fromkeys(KINDS, float("nan"))
    now_ms = T
    for wait_s, whose, what, how, x in told:
        now_ms += wait_s * 1000
        if whose == home and what < len(KIT):
            name, _, room = KIT[what]
            value = float(how % 2)
            one.hear(
                KINDS[name],
                ROOMS.index(room),
                value,
                last[name],
                now_ms,
                life=how < 4,
                way_out=name == "front",
            )
            last[name] = value
        elif whose == home:
            sure = float(np.float32(0.8))
            one.look(what - len(KIT), int(how not in {0, 5}), how, x, x, sure, now_ms)
        one.see(now_ms)
    return one


def of_home(state: PositionState, row: int) -> NDArray[np.float64]:
    mine = state.layout.room_home == row
    times = [state.at_ms, state.inside_ms, state.visit_ms, state.way_out_ms, state.doubt_ms]
    whole = [state.out, state.company, state.uses, state.leavings, *times]
    return np.concatenate([state.room[mine], [float(a[row]) for a in whole]])


@settings(max_examples=60, deadline=None)
@given(told=acts)
def test_many_homes_at_once_are_the_naive_twin_of_each(told: list[Act]) -> None:
    state = played(told, ["h0", "h1", "h2"])
    for home in range(3):
        one = naive(told, home)
        np.testing.assert_allclose(
            state.room[state.layout.room_home == home], [r.chance for r in one.rooms], rtol=1e-6, atol=1e-9
        )
        got = (state.out[home], state.company[home], state.uses[home], state.leavings[home])
        np.testing.assert_allclose(got, (one.out, one.company, one.uses, one.leavings), rtol=1e-6, atol=1e-9)
        assert state.visit_ms[home] == one.visit_ms
        for wait_s in (0, 1800, 4000):
            now_ms = T + sum(a[0] for a in told) * 1000 + wait_s * 1000
            mine = np.flatnonzero(state.layout.camera_home == home)
            got_ms = position.alibis(PARAMS, state, mine, now_ms).tolist()
            assert got_ms == [one.alibi_ms(ROOMS.index(r), now_ms) for r in WATCHED]


@settings(max_examples=30, deadline=None)
@given(told=acts, cut=st.integers(0, 40))
def test_neither_the_order_of_homes_nor_another_home_nor_a_restart_changes_anything(
    told: list[Act], cut: int
) -> None:
    whole = played(told, ["h0", "h1", "h2"])
    turned = played(told, ["h2", "h0", "h1"])
    broken = played(told, ["h0", "h1", "h2"], cut=cut)
    for home, row in ((0, 1), (1, 2), (2, 0)):
        np.testing.assert_array_equal(of_home(whole, home), of_home(turned, row))
        np.testing.assert_array_equal(of_home(whole, home), of_home(broken, home))
        np.testing.assert_array_equal(
            of_home(whole, home), of_home(played(told, ["h0", "h1", "h2"], only=home), home)
        )


@settings(max_examples=30, deadline=None)
@given(told=acts, later_s=st.integers(0, 100_000))
def test_an_answer_changes_nothing_and_its_chances_are_chances(told: list[Act], later_s: int) -> None:
    state = played(told, ["h0", "h1", "h2"])
    before = keep.snapshot(state)
    where = position.answer(PARAMS, state, T + later_s * 1000 + sum(a[0] for a in told) * 1000)
    for name, array in keep.snapshot(state).items():
        np.testing.assert_array_equal(array, before[name])
    known = where.room >= 0
    assert ((where.confidence[known] > 0) & (where.confidence[known] <= 1)).all()
    assert np.isnan(where.confidence[~known]).all()
    assert ((where.out > 0) & (where.out < 1)).all()
    np.testing.assert_allclose(np.bincount(state.layout.room_home, state.room), 1.0)


def test_a_sensor_that_says_nonsense_is_not_listened_to() -> None:
    home = Home()
    before = keep.snapshot(home.state)["room"]
    home.hears(5, ("bed", float("nan")), ("kettle", float("nan")))
    np.testing.assert_array_equal(home.state.room, before)


def test_events_of_one_beat_count_one_after_the_other() -> None:
    both = Home().hears(10, ("kitchen-pir", 1), ("bed", 1), ("fridge", 1))
    each = Home().hears(10, ("kitchen-pir", 1)).hears(10, ("bed", 1)).hears(10, ("fridge", 1))
    np.testing.assert_allclose(both.state.room, each.state.room)
    assert both.room(11) == "kitchen"


def test_the_params_tell_every_kind_of_room_apart() -> None:
    for table in (PARAMS.stay_s, PARAMS.draw, PARAMS.hush_per_min):
        assert len(table) == len(RoomKind)
    hurried = replace(PARAMS, stay_s=tuple(1.0 for _ in RoomKind))  # type: ignore[arg-type]  # six of them
    home = Home().hears(0, ("fridge", 1))
    sure = position.answer(PARAMS, home.state, T + 60_000).confidence[0]
    assert sure > np.nan_to_num(position.answer(hurried, home.state, T + 60_000).confidence[0])
