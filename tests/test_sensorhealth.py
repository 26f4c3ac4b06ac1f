"""When Guardian is blind: every fault of the catalogue (F17–F28, F35, F36) as a story in virtual time.

Small homes are played through the real board and lookout. Each story asks for the right finding within its
time, for what can be relied on meanwhile, and that nothing else is said: no fall, no emergency.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray

from alerting.concern import Concern, Kind
from detectors.fault import Cause
from detectors.frame import BAD_PIXEL
from guardian.board import Board, SensorSpec
from guardian.health import HealthWatch
from guardian.lookout import Lookout
from guardian.protection import Reason
from guardian.wire import Reject
from guardian.wire.native import pack_event, pack_frame
from tests.thermal import everything

I16 = NDArray[np.int16]
MIN = 60_000
HOUR = 60 * MIN
DAY = 24 * HOUR
T0 = 1_699_977_600_000
"""Midnight in Shanghai."""
FRAME_MS = 5_000
"""Quiet rooms: one frame in five seconds."""
PARAMS = everything()


def camera(home: str, name: str = "cam", room: str = "living") -> SensorSpec:
    return SensorSpec(home, name, "thermal", room, 8, 8, 4.0, "ceiling", 2.5, 60.0)


def event(home: str, name: str, kind: str, room: str = "living") -> SensorSpec:
    return SensorSpec(home, name, kind, room, outside=kind == "door")


def flat(home: str) -> list[SensorSpec]:
    """A camera and a motion sensor in the living room, one of each in the bedroom, a door, a thermometer."""
    return [
        camera(home),
        event(home, "pir", "pir"),
        camera(home, "cam2", "bedroom"),
        event(home, "pir2", "pir", "bedroom"),
        event(home, "front", "door", "hall"),
        event(home, "air", "temperature"),
        event(home, "help", "button"),
    ]


Picture = Callable[[int], I16 | None]
"""Time → frame, None = nothing is sent."""


def room(seed: int = 0) -> Picture:
    """A room with a pattern of its own under an array with noise."""
    rng = np.random.default_rng(seed)
    pattern = 2_150 + 60 * rng.standard_normal((8, 8))
    return lambda _t_ms: np.round(pattern + 6 * rng.standard_normal((8, 8))).astype(np.int16)


SILENCE: Final = frozenset({Kind.INACTIVITY_PROMPT, Kind.INACTIVITY, Kind.NO_RETURN, Kind.CANCEL})
"""A household of these stories may be asked after two quiet hours, or missed: another detector's business."""


@dataclass
class Story:
    """Homes that are played through board and lookout, and what was said of them."""

    specs: list[SensorSpec]
    now_ms: int = T0
    said: list[Concern] = field(default_factory=list)
    views: dict[tuple[str, str], Picture] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.board = Board("s", self.specs)
        self.lookout = Lookout(self.board, PARAMS)
        for k, s in enumerate(self.specs):
            if s.kind == "thermal":
                self.views[s.home, s.name] = room(k)

    def restart(self, down_ms: int) -> None:
        kept = self.lookout.snapshot()
        self.board = Board("s", self.specs)
        self.lookout = Lookout(self.board, PARAMS)
        self.lookout.restore(kept)
        self.now_ms += down_ms

    def has(self, specs: list[SensorSpec]) -> None:
        """The roster is another one from now on; what is new shows a room."""
        old, self.specs = self.lookout, specs
        self.board = Board("s", specs)
        self.lookout = Lookout(self.board, PARAMS)
        self.lookout.follow(old)
        cameras = {(s.home, s.name): k for k, s in enumerate(specs) if s.kind == "thermal"}
        self.views = {eye: self.views.get(eye, room(k)) for eye, k in cameras.items()}

    def hear(self, home: str, sensor: str, value: float, *, boot: str = "b", t_ms: int | None = None) -> None:
        t_ms = self.now_ms if t_ms is None else t_ms
        payload = pack_event(value=value, t_ms=t_ms, boot=boot)
        self.board.event(f"guardian/s/{home}/{sensor}/event", payload, t_ms)

    def play(self, lasts_ms: int, each_minute: Callable[[int], object] = lambda _k: None) -> list[Concern]:
        """Frames of all views every FRAME_MS, `each_minute` with the number of the minute."""
        said: list[Concern] = []
        begin_ms = self.now_ms
        for at in range(0, lasts_ms, FRAME_MS):
            self.now_ms = begin_ms + at
            if at % MIN == 0:
                each_minute(at // MIN)
            for (home, sensor), view in self.views.items():
                centi = view(self.now_ms)
                if centi is not None:
                    try:
                        payload = pack_frame(centi, self.now_ms // FRAME_MS % 2**31, self.now_ms)
                        self.board.frame(f"guardian/s/{home}/{sensor}/frame", payload, self.now_ms)
                    except Reject:
                        pass
            said += self.beat(self.now_ms + 200)
        self.now_ms = begin_ms + lasts_ms
        return said

    def beat(self, now_ms: int) -> list[Concern]:
        said = self.lookout.listen(self.board.fold(self.board.take_events(now_ms)), now_ms)
        for found in self.lookout.look(now_ms):
            said += found
        self.said += said
        return said

    def minutes(self, count: int, each: Callable[[int], object] = lambda _k: None) -> list[Concern]:
        """Minutes without frames: for stories of days."""
        said: list[Concern] = []
        for k in range(count):
            each(k)
            self.now_ms += MIN
            said += [c for c in self.beat(self.now_ms) if c.kind not in SILENCE]
        return said

    @property
    def health(self) -> HealthWatch:
        return self.lookout._rounds.health

    def sensor(self, home: str, name: str) -> int:
        return self.board.sensor_names.index((home, name))

    def eye(self, home: str, name: str) -> int:
        return self.board.camera_names.index((home, name))


def told(said: Iterable[Concern]) -> list[tuple[str, str, str | None, Cause]]:
    return [(c.kind.value, c.home, c.sensor, Cause(int(c.evidence["cause"]))) for c in said]


# --- frames (F17 to F20, F25) --------------------------------------------------------------------------


def test_f17_a_frozen_picture_is_a_fault_within_three_minutes_and_never_a_person() -> None:
    story = Story(flat("h"))
    assert story.play(10 * MIN) == []
    assert story.health.now.camera_sees.all()
    last = room(9)(0)
    story.views["h", "cam"] = lambda _t: last
    begun = story.now_ms
    said = story.play(6 * MIN)
    assert told(said) == [("sensor-fault", "h", "cam", Cause.FROZEN)]
    assert said[0].decided_ms - begun <= 3 * MIN + 1000
    assert said[0].room == "living"
    rooms = [name for _, name in story.board.room_names]
    assert story.lookout.protection.state.fall[rooms.index("living")] == Reason.FROZEN
    assert story.lookout.protection.state.fall[rooms.index("bedroom")] == Reason.DETECTABLE
    story.views["h", "cam"] = room(9)
    assert story.play(5 * MIN) == []
    assert story.lookout.protection.state.fall[rooms.index("living")] == Reason.DETECTABLE


def test_a_home_whose_only_camera_freezes_is_blind_within_three_minutes() -> None:
    story = Story([camera("h"), camera("other")])
    assert story.play(5 * MIN + 20_000) == []
    last = room(3)(0)
    story.views["h", "cam"] = lambda _t: last
    begun = story.now_ms
    said = story.play(5 * MIN)
    blind = [c for c in said if c.kind is Kind.BLIND]
    assert told(blind) == [("blind", "h", None, Cause.FROZEN)]
    assert blind[0].decided_ms - begun <= 180_000
    assert {c.kind for c in said} == {Kind.BLIND, Kind.SENSOR_FAULT}
    assert story.lookout.protection.state.blind.tolist() == [True, False]


def test_f18_four_dead_pixels_are_no_fault_a_third_of_the_picture_is() -> None:
    story = Story([camera("h")])

    def broken(pixels: int) -> Picture:
        whole = room(4)

        def view(t_ms: int) -> I16:
            centi = whole(t_ms)
            assert centi is not None
            centi.reshape(-1)[:pixels] = BAD_PIXEL
            return centi

        return view

    story.views["h", "cam"] = broken(4)
    assert story.play(20 * MIN) == []
    story.views["h", "cam"] = broken(22)
    said = story.play(30 * MIN)
    assert told(said) == [("sensor-fault", "h", "cam", Cause.IMPLAUSIBLE)]


def test_f19_torn_frames_are_a_fault_and_no_fire() -> None:
    story = Story(flat("h"))
    story.play(10 * MIN)
    whole = story.views["h", "cam"]
    chess = np.add.outer(np.arange(8), np.arange(8)) % 2 == 0

    def torn(t_ms: int) -> I16:
        centi = whole(t_ms)
        assert centi is not None
        return np.where(chess, centi + 2_500, centi).astype(np.int16)

    story.views["h", "cam"] = torn
    said = story.play(6 * MIN)
    assert told(said) == [("sensor-fault", "h", "cam", Cause.IMPLAUSIBLE)]
    assert not story.health.now.camera_sees[story.eye("h", "cam")]


def test_f19_frames_of_300_degrees_and_more_make_a_home_blind_with_the_reason() -> None:
    story = Story(flat("h"))
    story.play(10 * MIN)
    story.views["h", "cam"] = lambda _t: np.full((8, 8), 32_000, np.int16)
    said = story.play(5 * MIN)
    assert told(said) == [("blind", "h", "cam", Cause.IMPLAUSIBLE)]


def test_f25_a_camera_that_is_turned_is_a_fault_within_80_minutes() -> None:
    story = Story(flat("h"))
    slow = replace(PARAMS.sensorhealth.camerahealth, learn_visits=6)
    story.health._params = replace(PARAMS.sensorhealth, camerahealth=slow)  # six hours of pictures in one
    assert story.play(80 * MIN) == []
    story.views["h", "cam"] = room(77)
    said = story.play(80 * MIN)
    assert told(said) == [("sensor-fault", "h", "cam", Cause.MOVED)]
    rooms = [name for _, name in story.board.room_names]
    assert story.lookout.protection.state.fall[rooms.index("living")] == Reason.MOVED


# --- silence: one sensor, a home, a street, ourselves --------------------------------------------------


def test_a_camera_without_power_is_told_within_180_seconds_and_again_only_after_it_came_back() -> None:
    story = Story(flat("h"))
    story.play(10 * MIN + 35_000)
    view = story.views["h", "cam"]
    last_ms = story.now_ms - FRAME_MS
    story.views["h", "cam"] = lambda _t: None
    story.hear("h", "pir", 1)
    said = story.play(10 * MIN, lambda _k: story.hear("h", "pir2", 1))
    assert told(said) == [("blind", "h", "cam", Cause.SILENT)]
    assert said[0].decided_ms - last_ms <= 180_000
    assert said[0].onset_ms == last_ms
    assert said[0].evidence["cameras_dark"] == 1
    assert said[0].evidence["cameras"] == 2
    story.views["h", "cam"] = view
    assert story.play(3 * MIN) == []
    story.views["h", "cam"] = lambda _t: None
    assert told(story.play(4 * MIN)) == [("blind", "h", "cam", Cause.SILENT)]


def test_a_dark_gateway_stops_the_clocks_of_silence_until_something_is_heard() -> None:
    story = Story([*flat("h"), *flat("k")])
    story.play(10 * MIN, lambda _k: story.hear("h", "pir", 1))
    for name in ("cam", "cam2"):
        story.views["h", name] = lambda _t: None
    said = story.play(5 * MIN)
    assert told(said) == [("blind", "h", "cam", Cause.GATEWAY)]
    assert said[0].evidence["cameras_dark"] == 2
    assert story.health.now.home_blind_to_silence.tolist() == [True, False]
    assert story.health.now.home_dark.tolist() == [True, False]
    assert not story.health.now.sensor_live[story.sensor("h", "pir")]
    assert story.lookout.protection.state.silence.tolist() == [Reason.GATEWAY, Reason.DETECTABLE]
    assert story.lookout.protection.state.help.tolist() == [Reason.GATEWAY, Reason.DETECTABLE]
    story.hear("h", "pir", 1)
    story.play(2 * MIN)
    assert story.health.now.home_blind_to_silence.tolist() == [False, False]


def test_a_power_cut_is_told_from_a_dark_gateway_by_what_batteries_say() -> None:
    story = Story(flat("h"))
    story.play(10 * MIN)
    for name in ("cam", "cam2"):
        story.views["h", name] = lambda _t: None
    said = story.play(5 * MIN, lambda _k: story.hear("h", "pir", 1))
    assert told(said) == [("blind", "h", "cam", Cause.POWER)]
    assert not story.health.now.home_blind_to_silence[0]


def test_f35_a_street_goes_dark_each_home_knows_how_many_and_a_light_home_goes_on() -> None:
    homes = [f"h{k:02d}" for k in range(12)]
    story = Story([s for h in homes for s in (camera(h), event(h, "pir", "pir"))])
    story.play(5 * MIN)
    for h in homes[:11]:
        story.views[h, "cam"] = lambda _t: None
    said = story.play(5 * MIN)
    assert sorted(told(said)) == [("blind", h, "cam", Cause.STREET) for h in homes[:11]]
    assert {c.evidence["homes_dark"] for c in said} == {11.0}
    assert len({c.decided_ms for c in said}) == 1
    for h in homes[:11]:
        story.views[h, "cam"] = room(5)
    assert story.play(5 * MIN) == []  # F36: all back at once, and nobody falls


def test_what_joins_later_is_not_told_at_once_and_has_its_own_time() -> None:
    """A home more, and a camera more in a home that stays: the one sends, the others never do."""
    story = Story(flat("h"))
    assert story.play(30 * MIN) == []
    joined_ms = story.now_ms
    story.has([camera("a"), *flat("h"), camera("h", "attic", "attic"), camera("n"), event("n", "pir", "pir")])
    for eye in (("h", "attic"), ("n", "cam")):
        story.views[eye] = lambda _t: None
    assert story.play(90_000) == []
    said = story.play(4 * MIN)
    assert sorted(told(said)) == [("blind", "h", "attic", Cause.SILENT), ("blind", "n", "cam", Cause.GATEWAY)]
    for c in said:
        assert joined_ms <= c.onset_ms <= joined_ms + MIN
        assert 115 <= c.evidence["silent_s"] <= 180
    begun_ms = story.now_ms  # what stays has kept its time over the change
    story.views["h", "cam"] = story.views["h", "cam2"] = lambda _t: None
    story.has(flat("h"))
    story.hear("h", "pir", 1)
    (blind,) = story.play(4 * MIN, lambda _k: story.hear("h", "pir2", 1))
    assert (blind.home, blind.onset_ms) == ("h", begun_ms - FRAME_MS)


def test_a_thermometer_that_joins_later_is_no_fault_before_its_own_hours_are_over() -> None:
    home = [event("h", "pir", "pir"), event("h", "air", "temperature")]
    story, rng = Story(home), np.random.default_rng(3)

    def lives(k: int) -> None:
        if rng.random() < 0.4:
            story.hear("h", "pir", 1)
        if k % 10 == 0:
            story.hear("h", "air", 20 + k % 3)

    assert story.minutes(14 * 60, lives) == []
    joined_ms = story.now_ms
    story.has([*home, event("h", "damp", "humidity", "bath")])
    assert story.minutes(12 * 60 - 2, lives) == []
    said = story.minutes(5, lives)
    assert told(said) == [("sensor-fault", "h", "damp", Cause.SILENT)]
    assert joined_ms <= said[0].onset_ms <= joined_ms + MIN
    assert said[0].evidence["silent_s"] <= 12 * 3600 + 60


def test_a_camera_that_joins_a_dead_connection_does_not_hide_that_it_is_dead() -> None:
    homes = [f"h{k}" for k in range(8)]
    story = Story([camera(h) for h in homes])
    story.play(5 * MIN)
    story.views = dict.fromkeys(story.views, lambda _t: None)
    assert story.play(MIN) == []
    story.has([*(camera(h) for h in homes), camera("late")])
    story.views["late", "cam"] = lambda _t: None
    said = story.play(10 * MIN)
    assert [c.evidence["cause"] for c in said] == [Cause.BROKER]


def test_when_all_homes_are_silent_one_thing_is_said_and_nothing_when_they_are_back() -> None:
    homes = [f"h{k}" for k in range(8)]
    story = Story([s for h in homes for s in (camera(h), event(h, "pir", "pir"))])
    story.play(5 * MIN)
    views = dict(story.views)
    story.views = dict.fromkeys(views, lambda _t: None)
    said = story.play(10 * MIN)
    assert told(said) == [("blind", "h0", None, Cause.BROKER)]
    assert said[0].evidence["homes_dark"] == 8
    assert story.health.now.home_blind_to_silence.all()
    assert set(story.lookout.protection.state.silence.tolist()) == {Reason.BROKER}
    story.views = {("h0", "cam"): views["h0", "cam"]}
    story.play(MIN)
    story.views = views
    assert [c for c in story.play(10 * MIN) if c.kind is not Kind.BLIND] == []
    assert told(story.said) == told(said)


def test_a_restart_and_a_stopped_machine_accuse_nobody() -> None:
    story = Story([*flat("h"), *flat("k")])
    story.play(5 * MIN)
    story.restart(20 * MIN)
    assert story.play(10 * MIN) == []
    story.now_ms += HOUR  # the machine stood still
    assert story.play(10 * MIN) == []


def test_a_home_without_cameras_is_blind_when_its_thermometers_fall_silent() -> None:
    specs = [
        event("h", "pir", "pir"),
        event("h", "t", "temperature"),
        event("h", "t2", "temperature", "hall"),
    ]
    story = Story(specs)

    def air(k: int) -> None:
        if k % 20 == 0:
            story.hear("h", "t", 20 + (k % 7) / 10)
            story.hear("h", "t2", 19 + (k % 7) / 10)

    assert story.minutes(12 * 60, air) == []
    assert not story.health.now.home_blind_to_silence[0]
    said = story.minutes(6 * 60)
    assert told(said) == [("blind", "h", None, Cause.GATEWAY)]
    assert said[0].decided_ms - said[0].onset_ms <= 2 * HOUR
    assert story.health.now.home_blind_to_silence[0]
    air(0)
    story.minutes(2)
    assert not story.health.now.home_blind_to_silence[0]


# --- event sensors (F27, F28, stuck, silent) -----------------------------------------------------------


def household(
    story: Story, home: str, rng: np.random.Generator, dead: frozenset[str] = frozenset()
) -> Callable[[int], None]:
    """Ordinary days: rooms in turn between 7 and 22 h, the door twice a day, the thermometer by the clock."""
    until = {"room": 0}

    def each(k: int) -> None:
        minute = (story.now_ms - T0) // MIN % 1440
        if minute % 20 == 3 and "air" not in dead:
            story.hear(home, "air", 20 + round(float(rng.normal(0, 0.3)), 1))
        if not 7 * 60 <= minute < 22 * 60:
            return
        if rng.random() < 0.1:
            until["room"] ^= 1
        where = "pir2" if until["room"] else "pir"
        if rng.random() < 0.4 and where not in dead:
            story.hear(home, where, 1)
        if minute in {600, 601, 1000, 1001} and "front" not in dead:
            story.hear(home, "front", float(minute % 2 == 0))

    return each


def events_only(home: str) -> list[SensorSpec]:
    return [s for s in flat(home) if s.kind != "thermal"]


def test_f27_a_chattering_sensor_is_no_life_at_once_and_a_fault_within_minutes() -> None:
    story = Story([*events_only("h"), event("h", "fridge", "appliance-door", "kitchen")])
    each = household(story, "h", np.random.default_rng(1))
    assert story.minutes(10 * 60, each) == []
    begun = story.now_ms
    value = 0.0
    said: list[Concern] = []
    for k in range(6 * 300):  # six minutes of beats, ten toggles in each
        for i in range(10):
            value = 1 - value
            story.hear("h", "fridge", value, t_ms=begun + 200 * k + 20 * i)
        said += story.beat(begun + 200 * (k + 1))
        if k == 20:
            assert story.health.chattering(story.now_ms + 1)[story.sensor("h", "fridge")]
    story.now_ms = begun + 6 * MIN
    assert told(said) == [("sensor-fault", "h", "fridge", Cause.CHATTER)]
    assert story.board.state().last_life_ms[0] < begun + 4_000
    assert not story.health.now.sensor_live[story.sensor("h", "fridge")]
    assert story.minutes(120, each) == []
    assert story.health.now.sensor_live[story.sensor("h", "fridge")]


def test_a_backlog_after_an_outage_is_no_chatter() -> None:
    story = Story(events_only("h"))
    story.minutes(10 * 60, household(story, "h", np.random.default_rng(1)))
    for i in range(200):
        story.hear("h", "pir", 1, t_ms=story.now_ms + 15 * i)
    assert story.minutes(60) == []


def test_a_jammed_motion_sensor_is_no_life_and_a_fault() -> None:
    story = Story(events_only("h"))
    each = household(story, "h", np.random.default_rng(2), frozenset({"pir"}))

    def jammed(k: int) -> None:
        each(k)
        story.hear("h", "pir", 1)

    said = story.minutes(24 * 60, jammed)
    assert told(said) == [("sensor-fault", "h", "pir", Cause.STUCK)]
    assert said[0].decided_ms - T0 <= 5 * HOUR
    assert story.health.chattering(story.now_ms)[story.sensor("h", "pir")]
    quiet_from = story.now_ms
    story.minutes(3 * 60, lambda _k: story.hear("h", "pir", 1))
    assert story.board.state().last_life_ms[0] < quiet_from  # it hides no emergency


@pytest.mark.slow
def test_a_dead_motion_sensor_is_found_within_24_hours_by_the_life_of_the_others() -> None:
    story = Story(events_only("h"))
    rng = np.random.default_rng(3)
    assert story.minutes(8 * 1440, household(story, "h", rng)) == []
    begun = story.now_ms
    said = story.minutes(1440, household(story, "h", rng, frozenset({"pir"})))
    assert told(said) == [("sensor-fault", "h", "pir", Cause.SILENT)]
    assert said[0].decided_ms - begun <= DAY
    assert not story.health.now.sensor_live[story.sensor("h", "pir")]
    back = story.minutes(60, lambda _k: story.hear("h", "pir", 1))
    assert back == []
    assert story.health.now.sensor_live[story.sensor("h", "pir")]


@pytest.mark.slow
def test_nobody_at_home_for_days_is_nobodys_fault() -> None:
    story = Story(events_only("h"))
    rng = np.random.default_rng(4)
    each = household(story, "h", rng)
    assert story.minutes(8 * 1440, each) == []

    def air(_k: int) -> None:
        if (story.now_ms - T0) // MIN % 20 == 3:
            story.hear("h", "air", 18 + round(float(rng.normal(0, 0.3)), 1))

    assert story.minutes(4 * 1440, air) == []
    assert not story.health.now.home_blind_to_silence[0]  # this silence does mean something
    assert story.minutes(3 * 1440, each) == []


def test_a_value_that_is_repeated_with_fresh_stamps_is_stuck() -> None:
    story = Story(events_only("h"))
    rng = np.random.default_rng(5)
    assert story.minutes(2 * 1440, household(story, "h", rng)) == []
    each = household(story, "h", rng, frozenset({"air"}))

    def repeats(k: int) -> None:
        each(k)
        if k % 10 == 0:
            story.hear("h", "air", 21.4)

    said = story.minutes(1440, repeats)
    assert told(said) == [("sensor-fault", "h", "air", Cause.STUCK)]


def test_f28_a_low_battery_and_a_boot_loop_are_told_while_the_sensor_still_speaks() -> None:
    story = Story(events_only("h"))
    each = household(story, "h", np.random.default_rng(6))
    story.minutes(8 * 60, each)
    topic = "guardian/s/h/front/status"
    story.board.status(topic, b'{"state":"online","battery":12}')
    assert told(story.minutes(60, each)) == [("sensor-fault", "h", "front", Cause.BATTERY)]
    story.board.status(topic, b'{"state":"online","battery":20}')
    story.board.status(topic, b'{"state":"online","battery":14}')
    assert story.minutes(30, each) == []
    said: list[Concern] = []
    for k in range(4):
        story.hear("h", "pir2", 1, boot=f"boot-{k}")
        said += story.minutes(60, each)
    assert told(said) == [("sensor-fault", "h", "pir2", Cause.BOOTS)]
    assert story.health.now.sensor_live.all()


def test_a_device_that_says_it_is_offline_is_not_relied_on_until_it_speaks() -> None:
    story = Story(events_only("h"))
    each = household(story, "h", np.random.default_rng(7), frozenset({"front"}))
    story.minutes(60, each)
    story.board.status("guardian/s/h/front/status", b'{"state":"offline"}')
    assert story.minutes(11 * 60, each) == []
    assert not story.health.now.sensor_live[story.sensor("h", "front")]
    assert told(story.minutes(2 * 60, each)) == [("sensor-fault", "h", "front", Cause.OFFLINE)]
    story.hear("h", "front", 1)
    story.minutes(2)
    assert story.health.now.sensor_live[story.sensor("h", "front")]


# --- where a camera hangs (F20, swapped) ---------------------------------------------------------------


def hung(story: Story, days: int, sees: Callable[[str, int], bool]) -> list[Concern]:
    """Minutes in which one room has somebody, by its motion sensor; cameras see somebody as `sees` says.

    The pictures are empty rooms; whether people were seen is put where the lookout puts it.
    """
    said: list[Concern] = []
    rng = np.random.default_rng(8)
    cameras = story.health.state.cameras
    for k in range(days * 200):
        inside = k // 20 % 2
        story.hear("h", ("pir", "pir2")[inside], 1)
        cameras.ready[:] = True
        for name in ("cam", "cam2"):
            cameras.saw[story.eye("h", name)] = sees(name, inside) and rng.random() < 0.6
        said += story.play(MIN)
    return said


def test_f20_a_camera_that_never_sees_whom_the_others_notice_is_a_fault() -> None:
    story = Story(flat("h"))
    said = hung(story, 1, lambda name, inside: name == "cam2" and inside == 1)
    assert told(said) == [("sensor-fault", "h", "cam", Cause.STATIC)]
    assert not story.health.now.camera_sees[story.eye("h", "cam")]


def test_two_cameras_that_hang_in_each_others_rooms_are_told() -> None:
    story = Story(flat("h"))
    said = hung(story, 1, lambda name, inside: (name == "cam") == (inside == 1))
    assert sorted(told(said)) == [
        ("sensor-fault", "h", "cam", Cause.SWAPPED),
        ("sensor-fault", "h", "cam2", Cause.SWAPPED),
    ]


def test_cameras_in_their_own_rooms_are_not() -> None:
    story = Story(flat("h"))
    assert hung(story, 1, lambda name, inside: (name == "cam2") == (inside == 1)) == []
