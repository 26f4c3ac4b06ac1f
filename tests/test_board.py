"""The board: staging, times, rejects, and what is known of the homes."""

import itertools
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from detectors.fall import Posture
from detectors.frame import Frames
from guardian.board import (
    Activity,
    Board,
    Group,
    Reading,
    SensorSpec,
    decode_events,
    encode_events,
)
from guardian.home_rows import rows_of
from guardian.rounds import Rounds
from guardian.slab import CHUNK, NEVER
from guardian.wire import Reason, Reject
from guardian.wire.native import AMBIENT_UNKNOWN, pack_event, pack_frame
from tests.thermal import everything

T = 1_700_000_000_000


def camera(home: str, name: str = "cam", rate_hz: float | None = 4.0, room: str = "living") -> SensorSpec:
    return SensorSpec(home, name, "thermal", room, 8, 8, rate_hz, "ceiling", 2.5, 60.0)


def picture(value: int = 2200) -> NDArray[np.int16]:
    return np.full((8, 8), value, np.int16)


def send(
    board: Board,
    home: str,
    arrival_ms: int,
    *,
    seq: int = 0,
    t_ms: int = 0,
    value: int = 2200,
    name: str = "cam",
) -> None:
    board.frame(f"guardian/s/{home}/{name}/frame", pack_frame(picture(value), seq, t_ms), arrival_ms)


def taken(board: Board, now_ms: int) -> list[Frames]:
    return [frames for _, frames in board.batches(now_ms)]


# --- staging -----------------------------------------------------------------------------------------


@given(
    sent=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 500)), max_size=120),
    depth=st.integers(1, 9),
    now=st.integers(0, 600),
)
def test_every_staged_frame_comes_out_once_and_in_order(
    sent: list[tuple[int, int]], depth: int, now: int
) -> None:
    board = Board("s", [camera(f"h{i}") for i in range(5)], depth=depth)
    sent = sorted(sent, key=lambda s: s[1])
    expected: dict[int, list[int]] = {i: [] for i in range(5)}
    for n, (home, arrival) in enumerate(sent):
        send(board, f"h{home}", T + arrival, value=n)
        expected[home].append(n)
    arrival_of = {n: arrival for n, (_, arrival) in enumerate(sent)}
    got: dict[int, list[int]] = {i: [] for i in range(5)}
    for limit in (now, 1000):
        for frames in taken(board, T + limit):
            assert (np.diff(frames.sensor) > 0).all()
            for row, centi in zip(frames.sensor, frames.centi, strict=True):
                assert (centi == centi[0, 0]).all()
                n = int(centi[0, 0])
                assert arrival_of[n] <= limit
                got[int(row)].append(n)
    assert got == {home: of[-depth:] for home, of in expected.items()}
    dropped = {home: max(0, len(of) - depth) for home, of in expected.items()}
    assert board.frames_dropped.tolist() == list(dropped.values())
    assert board.frames_taken == len(sent)
    assert not taken(board, T + 1000)


def test_batches_are_bounded_and_layer_by_layer() -> None:
    homes = CHUNK + 100
    board = Board("s", [camera(f"h{i}") for i in range(homes)])
    for layer in range(3):
        for i in range(homes):
            send(board, f"h{i}", T + layer, value=layer)
    batches = taken(board, T + 10)
    assert [len(f.sensor) for f in batches] == [CHUNK, 100] * 3
    assert [int(f.centi[0, 0, 0]) for f in batches] == [0, 0, 1, 1, 2, 2]


def test_what_arrives_while_the_beat_runs_waits_and_changes_nothing_in_hand() -> None:
    homes = CHUNK + 1
    board = Board("s", [camera(f"h{i}") for i in range(homes)], depth=2)
    for i in range(homes):
        send(board, f"h{i}", T, value=1)
    batches = board.batches(T)
    _, first = next(batches)
    for value, arrival in ((2, T), (3, T), (4, T)):  # the link reads on between two chunks
        for home in ("h0", f"h{homes - 1}"):
            send(board, home, arrival, value=value)
    assert (first.centi == 1).all()
    assert [len(f.sensor) for _, f in batches] == []  # the last home's waiting frame has made room
    rest = taken(board, T)
    assert [f.centi[:, 0, 0].tolist() for f in rest] == [[3, 3], [4, 4]]
    assert board.frames_dropped[[0, -1]].tolist() == [1, 2]


def test_a_talkative_home_costs_the_others_nothing() -> None:
    board = Board("s", [camera("loud"), camera("quiet")], depth=4)
    send(board, "quiet", T)
    for i in range(1000):
        send(board, "loud", T + i)
    assert sum(len(f.sensor) for f in taken(board, T + 2000)) == 5
    assert dict(zip(board.homes, board.frames_dropped, strict=True)) == {"loud": 996, "quiet": 0}


def test_resolutions_are_groups_of_their_own() -> None:
    wide = SensorSpec("h1", "wide", "thermal", "hall", 24, 32, 8.0, "wall", None, None)
    board = Board("s", [camera("h1"), wide, SensorSpec("h2", "p", "pir", "hall")])
    assert set(board.groups) == {(8, 8), (24, 32)}
    group = board.groups[24, 32]
    assert (group.rows, group.cols, group.name_of(0)) == (24, 32, ("h1", "wide", "hall"))
    assert group.optics.wall.tolist() == [True]
    assert np.isnan(group.optics.height_m[0])
    assert board.homes == ("h1", "h2")
    board.frame("guardian/s/h1/wide/frame", pack_frame(np.full((24, 32), 7, np.int16)), T)
    ((got, frames),) = board.batches(T)
    assert got is group
    assert frames.centi.shape == (1, 24, 32)
    assert group.slab.shape == (1, 8, 24, 32)


@pytest.mark.parametrize(
    ("sensors", "words"),
    [
        ([camera("h1"), camera("h1")], "twice"),
        ([SensorSpec("h1", "x", "lidar", "hall")], "unknown kind of sensor: h1/x: lidar"),
        ([SensorSpec("h1", "x", "thermal", "hall")], "without rows and cols: h1/x"),
        ([SensorSpec("h1", "x", "thermal", "hall", 3, 4)], "h1/x: 3x4 pixels: it takes 4 to 64 rows"),
    ],
)
def test_a_roster_that_cannot_be_laid_out_is_refused(sensors: list[SensorSpec], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Board("s", sensors)


# --- times (DESIGN section 5) --------------------------------------------------------------------------


def times(board: Board, now_ms: int = T + 10**9) -> list[tuple[int, float]]:
    return [(int(f.t_ms[0]) - T, round(float(f.dt_s[0]), 3)) for f in taken(board, now_ms)]


def same(got: list[tuple[int, float]], expected: list[tuple[int, float]]) -> None:
    assert [g[0] for g in got] == [e[0] for e in expected]
    np.testing.assert_allclose([g[1] for g in got], [e[1] for e in expected], rtol=1e-6)


NAN = float("nan")


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        # (arrival − T, device time, seq) → (t_ms − T, dt_s)
        ([(0, 0, 0), (250, 0, 1)], [(0, NAN), (250, 0.25)]),
        # the device's own steps, however the network shakes the arrivals
        ([(0, 5000, 0), (340, 5250, 1), (510, 5500, 2)], [(0, NAN), (250, 0.25), (500, 0.25)]),
        # never after it arrived
        ([(100, 5000, 0), (300, 5250, 1)], [(100, NAN), (300, 0.25)]),
        # a device step over 2 s off the arrivals' is not believed
        ([(0, 5000, 0), (250, 9000, 1)], [(0, NAN), (250, 0.25)]),
        # its clock set back
        ([(0, 5000, 0), (250, 4000, 1)], [(0, NAN), (250, 0.25)]),
        # a new boot: the sequence starts again
        ([(0, 5000, 9), (250, 5100, 0), (500, 5350, 1)], [(0, NAN), (250, 0.25), (500, 0.25)]),
        # a burst after a hiccup, with device times and without
        ([(0, 5000, 0), (1000, 5250, 1), (1000, 5500, 2)], [(0, NAN), (250, 0.25), (500, 0.25)]),
        ([(0, 0, 0), (1000, 0, 1), (1000, 0, 2)], [(0, NAN), (1000, 1.0), (1000, 0.25)]),
        # a gap resets memory
        ([(0, 0, 0), (10_001, 0, 1), (10_251, 0, 2)], [(0, NAN), (10_001, NAN), (10_251, 0.25)]),
        # a time that cannot be one counts as unknown
        ([(0, 1 << 60, 0), (250, 1 << 60, 1)], [(0, NAN), (250, 0.25)]),
    ],
)
def test_time_is_arrival_refined_by_the_devices_own_steps(
    sent: list[tuple[int, int, int]], expected: list[tuple[int, float]]
) -> None:
    board = Board("s", [camera("h1")])
    for arrival, device, seq in sent:
        send(board, "h1", T + arrival, t_ms=device, seq=seq)
    same(times(board), expected)


def test_a_device_clock_that_runs_slow_is_brought_back_to_arrival() -> None:
    board = Board("s", [camera("h1")])
    lags = []
    for i in range(2000):
        send(board, "h1", T + i * 250, t_ms=5000 + i * 248, seq=i)
        lags += [T + i * 250 - int(f.t_ms[0]) for f in taken(board, T + i * 250)]
    assert 1900 < max(lags) <= 2000
    assert min(lags[1000:]) == 0


def test_a_slow_sensors_gap_is_ten_of_its_frames() -> None:
    board = Board("s", [camera("h1", rate_hz=0.2)])
    for arrival in (0, 45_000, 96_000):
        send(board, "h1", T + arrival)
    same(times(board), [(0, NAN), (45_000, 45.0), (96_000, NAN)])


def message(*device_ms: int) -> bytes:
    return b"".join(pack_frame(picture(i), i, t) for i, t in enumerate(device_ms))


@pytest.mark.parametrize(
    ("payload", "rate_hz", "expected"),
    [
        (message(5000, 5300, 5500), 4.0, [(-500, NAN), (-200, 0.3), (0, 0.2)]),
        (message(0, 0, 0), 4.0, [(-500, NAN), (-250, 0.25), (0, 0.25)]),
        (message(5000, 0, 5500), 4.0, [(-500, NAN), (-250, 0.25), (0, 0.25)]),
        (message(5000, 95_000), 4.0, [(-250, NAN), (0, 0.25)]),  # a leap: the rate instead
        (message(0, 0), None, [(0, NAN), (0, 0.001)]),  # nothing is known of the step
    ],
)
def test_frames_of_one_message_are_spaced_by_their_times_or_the_rate(
    payload: bytes, rate_hz: float | None, expected: list[tuple[int, float]]
) -> None:
    board = Board("s", [camera("h1", rate_hz=rate_hz)])
    board.frame("guardian/s/h1/cam/frame", payload, T)
    same(times(board), expected)


def test_under_replay_a_reading_belongs_to_the_beat_of_its_own_time() -> None:
    sensors = [camera("h1"), SensorSpec("h1", "p", "pir", "living")]
    board = Board("s", sensors, replay=True)
    board.frame("guardian/s/h1/cam/frame", message(T, T + 100, T + 200), 0)
    for t in (T + 150, T + 200):
        board.event("guardian/s/h1/p/event", pack_event(1, t_ms=t), 0)
    same(times(board, T + 200), [(0, NAN), (100, 0.1)])  # at exactly 200 the next beat begins
    assert [r.arrival_ms - T for r in board.take_events(T + 200)] == [150]
    same(times(board, T + 400), [(200, 0.1)])
    assert [r.arrival_ms - T for r in board.take_events(T + 400)] == [200]


async def test_a_replay_can_wait_for_what_it_has_announced() -> None:
    board = Board("s", [camera("h1"), SensorSpec("h1", "p", "pir", "living")], replay=True)
    board.frame("guardian/s/h1/cam/frame", message(T, T + 100), 0)
    with pytest.raises(Reject):
        board.frame("guardian/s/nobody/cam/frame", message(T, T + 100, T + 200), 0)
    with pytest.raises(Reject):
        board.event("guardian/s/h1/p/event", b"?", 0)
    board.event("guardian/s/h1/p/event", pack_event(1, t_ms=T), 0)
    await board.received(5, 2)
    assert (board.received_frames, board.received_events) == (5, 2)


# --- rejects -------------------------------------------------------------------------------------------


def test_a_frame_without_believable_pixels_is_counted_and_left_out() -> None:
    board = Board("s", [camera("h1"), camera("h2"), camera("h3")])
    half = picture()
    half[:4] = AMBIENT_UNKNOWN
    more = half.copy()
    more[4, 0] = 31_000
    for home, centi in (("h1", half), ("h2", more), ("h3", picture(32_000))):
        board.frame(f"guardian/s/{home}/cam/frame", pack_frame(centi), T)
    (frames,) = taken(board, T)
    assert frames.sensor.tolist() == [0]
    assert board.rejects == {(Reason.NO_PIXELS, "h2/cam"): 1, (Reason.NO_PIXELS, "h3/cam"): 1}
    assert board.groups[8, 8].mended_pixels == 1 + 64


@pytest.mark.parametrize(
    ("topic", "reason"),
    [
        ("guardian/s/h9/cam/frame", Reason.UNKNOWN_HOME),
        ("guardian/s/h1/cam9/frame", Reason.UNKNOWN_SENSOR),
        ("guardian/s/h1/p/frame", Reason.WRONG_KIND),
        ("guardian/other/h1/cam/frame", Reason.UNKNOWN_TOPIC),
        ("guardian/s/H1/cam/frame", Reason.UNKNOWN_TOPIC),
        ("guardian/s/h1/cam/picture", Reason.UNKNOWN_TOPIC),
        ("guardian/s/h1/cam/frame/x", Reason.UNKNOWN_TOPIC),
        ("", Reason.UNKNOWN_TOPIC),
    ],
)
def test_a_topic_outside_the_roster_is_refused(topic: str, reason: Reason) -> None:
    board = Board("s", [camera("h1"), SensorSpec("h1", "p", "pir", "living")])
    with pytest.raises(Reject) as rejected:
        board.frame(topic, pack_frame(picture()), T)
    assert rejected.value.reason is reason
    assert sum(board.rejects.values()) == 1
    with pytest.raises(Reject) as rejected:
        board.event("guardian/s/h1/cam/event", b'{"value":1}', T)
    assert rejected.value.reason is Reason.WRONG_KIND


def test_a_flood_of_strangers_leaves_memory_flat_and_known_devices_named() -> None:
    board = Board("s", [camera("h1"), SensorSpec("h1", "p", "pir", "living")])
    for i in range(50_000):
        board.refuse(f"guardian/s/x{i}/cam/frame", Reason.UNKNOWN_HOME)
        board.refuse(f"nonsense {i}", Reason.UNKNOWN_TOPIC)
    board.refuse("guardian/s/h1/p/event", Reason.BAD_JSON)
    assert len(board.rejects) == 1000 + 3
    assert board.rejects[Reason.UNKNOWN_HOME, "others"] == 49_000
    assert board.rejects[Reason.UNKNOWN_TOPIC, "others"] == 50_000
    assert board.rejects[Reason.BAD_JSON, "h1/p"] == 1


def test_a_status_is_kept_of_known_sensors_only() -> None:
    board = Board("s", [camera("h1")])
    board.status("guardian/s/h1/cam/status", b'{"state":"online","battery":50}')
    for topic in ("guardian/s/h2/cam/status", "guardian/s/h1/cam9/status", "x"):
        with pytest.raises(Reject):
            board.status(topic, b'{"state":"online"}')
    assert board.statuses == {("h1", "cam"): ("online", 50.0, None)}


# --- readings and homes --------------------------------------------------------------------------------

EVENTS = [
    SensorSpec("h1", "motion", "pir", "kitchen"),
    SensorSpec("h1", "front", "door", "hall", outside=True),
    SensorSpec("h1", "bed", "bed", "bedroom"),
    SensorSpec("h1", "air", "temperature", "kitchen"),
    SensorSpec("h2", "help", "button", "living"),
]


class Located(Board):
    """A board whose homes the position filter follows, beat by beat, as under the lookout."""

    def __init__(self, sensors: list[SensorSpec]) -> None:
        super().__init__("s", sensors)
        self.rounds = Rounds(self, everything(), "UTC")


def happen(
    board: Board, sensor: str, value: float, arrival_ms: int, *, event_id: str | None = None
) -> list[Reading]:
    board.event(f"guardian/s/{sensor}/event", pack_event(value, event_id=event_id), arrival_ms)
    fresh = board.fold(board.take_events(arrival_ms))
    if isinstance(board, Located):
        board.rounds.go(arrival_ms)
    return fresh


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ({"event_id": "a"}, {"event_id": "a", "t_ms": 5}),
        ({"boot": "b", "seq": 1}, {"boot": "b", "seq": 1}),
        ({"t_ms": T}, {"t_ms": T}),
    ],
)
def test_a_reading_that_comes_again_is_folded_once(
    first: dict[str, object], again: dict[str, object]
) -> None:
    board = Board("s", EVENTS)
    topic = "guardian/s/h2/help/event"
    for fields in (first, again, again):
        board.event(topic, pack_event(1, **fields), T)  # type: ignore[arg-type]  # one table for all fields
    assert len(board.fold(board.take_events(T))) == 1
    assert board.duplicates == 2
    news: list[dict[str, object]] = [{"event_id": "z"}, {"boot": "b", "seq": 2}, {"boot": "c", "seq": 1}]
    for other in [*news, {"t_ms": T + 1}, {}, {}]:
        board.event(topic, pack_event(1, **other), T)  # type: ignore[arg-type]  # one table for all fields
    assert len(board.fold(board.take_events(T))) == 6


def test_a_repeat_is_known_after_a_restart() -> None:
    before = Board("s", EVENTS)
    fresh = happen(before, "h2/help", 1, T, event_id="a")
    snapshot = before.snapshot()
    later = happen(before, "h2/help", 1, T + 5, event_id="b")
    after = Board("s", EVENTS)
    after.restore(snapshot)
    assert after.fold(decode_events(encode_events(later))) == later  # the beats since the snapshot
    assert after.fold([*fresh, *later]) == []
    assert after.duplicates == 2


def test_readings_survive_the_ledger() -> None:
    board = Board("s", EVENTS)
    board.event("guardian/s/h1/air/event", b'{"value":21.5,"id":"i","boot":"b","seq":3,"t":9}', T)
    readings = board.take_events(T)
    assert decode_events(encode_events(readings)) == readings
    assert readings[0] == Reading("h1", "air", "temperature", "kitchen", 21.5, 9, T, "i", "b", 3)


def test_only_changes_and_movements_are_signs_of_life() -> None:
    board = Located(EVENTS)
    for sensor, value in (("h1/bed", 1), ("h1/bed", 1), ("h1/air", 20), ("h1/motion", 0), ("h1/front", 0)):
        happen(board, sensor, value, T)
    assert board.state(T).last_life_ms.tolist() == [NEVER, NEVER]
    happen(board, "h1/bed", 0, T + 1)
    assert board.state(T).last_life_ms.tolist() == [T + 1, NEVER]
    happen(board, "h1/motion", 1, T + 2)
    happen(board, "h2/help", 1, T + 3)
    state = board.state(T + 3)
    assert state.last_life_ms.tolist() == [T + 2, T + 3]
    assert [board.rooms[r] for r in state.room] == ["kitchen", "living"]
    assert state.temperature_c[0] == 20


def test_out_is_an_outside_door_and_then_nothing() -> None:
    board = Located(EVENTS)
    happen(board, "h1/front", 0, T)
    happen(board, "h1/motion", 1, T + 1000)
    assert board.state(T + 2000).activity.tolist() == [Activity.WALKING, Activity.UNKNOWN]
    happen(board, "h1/front", 1, T + 3000)
    assert board.state(T + 4000).activity[0] == Activity.WALKING
    assert board.state(T + 200_000).activity[0] == Activity.OUT
    happen(board, "h1/motion", 1, T + 300_000)
    assert board.state(T + 301_000).activity[0] == Activity.WALKING


def look(board: Located, group: Group, seen: list[tuple[int, Posture, float, float]], now_ms: int) -> None:
    """Let sensors (row, posture, x, confidence) report; ABSENT = nobody there."""
    rows, postures, xs, confidence = zip(*seen, strict=True)
    board.see(
        group,
        np.array(rows, np.intp),
        np.array([p not in {Posture.ABSENT, Posture.UNKNOWN} for p in postures], np.int8),
        np.array(postures, np.int8),
        np.array(xs, np.float32),
        np.zeros(len(rows), np.float32),
        np.array(confidence, np.float32),
        now_ms,
    )
    board.rounds.go(now_ms)


def test_a_home_is_degraded_while_one_of_its_rooms_is_too_warm_and_looked_at() -> None:
    board = Located([camera("h1"), camera("h1", "cam2", room="bathroom"), camera("h2")])
    postures = np.full(3, Posture.ABSENT, np.int8)
    nowhere = np.full(3, np.nan, np.float32)
    nobody, warm = np.zeros(3, np.int8), np.array([False, True, False])
    board.see(board.groups[8, 8], np.arange(3), nobody, postures, nowhere, nowhere, nowhere, T, warm)
    assert board.state(T).degraded.tolist() == [True, False]
    assert rows_of(board, {}, T)[0].degraded
    assert board.state(T + 3_600_000).degraded.tolist() == [False, False]  # nobody looks: blind


def test_what_thermal_sensors_see_is_room_position_posture_and_people() -> None:
    cameras = [camera("h1"), camera("h1", "cam2", room="bathroom"), camera("h2"), camera("h3")]
    board = Located([*cameras, SensorSpec("h1", "bed", "bed", "living")])
    group = board.groups[8, 8]
    assert board.state(T).people.tolist() == [-1, -1, -1]
    up, lying, nobody = Posture.UPRIGHT, Posture.LYING, Posture.ABSENT
    look(board, group, [(0, up, 1.0, 0.3), (1, up, 2.0, 0.9), (2, nobody, NAN, 0), (3, up, 0.0, 0.7)], T)
    state = board.state(T)
    assert state.people.tolist() == [2, 0, 1]
    assert [board.rooms[r] if r >= 0 else None for r in state.room] == ["bathroom", None, "living"]
    assert state.activity.tolist() == [Activity.BATHROOM, Activity.ABSENT, Activity.STANDING]
    assert state.x_m[[0, 2]].tolist() == [2.0, 0.0]
    look(board, group, [(0, lying, 1.0, 0.9), (1, nobody, NAN, 0), (3, up, 0.5, 0.7)], T + 1000)
    state = board.state(T + 1000)
    assert state.activity.tolist() == [Activity.LYING_ON_FLOOR, Activity.ABSENT, Activity.WALKING]
    assert state.last_life_ms.tolist() == [T, NEVER, T + 1000]  # lying proves nothing
    happen(board, "h1/bed", 1, T + 1500)
    assert board.state(T + 1500).activity[0] == Activity.LYING_IN_BED
    late = board.state(T + 60_000)
    assert late.people.tolist() == [-1, -1, -1]  # unknown is never "fine"
    assert late.activity.tolist() == [Activity.LYING_IN_BED, Activity.UNKNOWN, Activity.UNKNOWN]


def test_people_are_the_most_that_one_sensor_of_a_room_sees_room_by_room() -> None:
    cameras = [camera("h1"), camera("h1", "cam2"), camera("h1", "cam3", room="hall"), camera("h2")]
    board = Located(cameras)
    nowhere = np.zeros(4, np.float32)
    people = np.array([1, 2, 1, 0], np.int8)
    postures = np.where(people > 0, Posture.UPRIGHT, Posture.ABSENT).astype(np.int8)
    board.see(board.groups[8, 8], np.arange(4), people, postures, nowhere, nowhere, nowhere, T)
    assert board.state(T).people.tolist() == [3, 0]


def test_a_sensor_that_does_not_see_yet_does_not_say_that_nobody_is_there() -> None:
    board = Located([camera("h1")])
    look(board, board.groups[8, 8], [(0, Posture.UNKNOWN, NAN, 0)], T)
    assert board.state(T).activity[0] == Activity.UNKNOWN
    assert board.state(T).people[0] == -1


def test_a_snapshot_is_taken_back_by_name() -> None:
    sensors = [camera("h1"), camera("h2"), *EVENTS]
    before = Located(sensors)
    send(before, "h1", T, t_ms=5000, seq=4)
    send(before, "h2", T)
    taken(before, T)
    happen(before, "h1/motion", 1, T)
    happen(before, "h1/air", 19.5, T)
    happen(before, "h2/help", 1, T + 7)
    snapshot, learnt = before.snapshot(), before.rounds.snapshot()
    assert all(a.dtype.kind in "biufU" for a in [*snapshot.values(), *learnt.values()])  # no pickles
    after = Located([camera("h0"), *EVENTS, SensorSpec("h0", "x", "pir", "attic"), camera("h1")])
    after.restore(snapshot)
    after.rounds.restore(learnt)
    state = after.state()
    known = dict(zip(after.homes, zip(state.last_life_ms, state.room, strict=True), strict=True))
    assert known["h0"] == (NEVER, -1)
    assert (known["h1"][0], after.rooms[known["h1"][1]]) == (T, "kitchen")
    assert (known["h2"][0], after.rooms[known["h2"][1]]) == (T + 7, "living")
    assert state.temperature_c[after.homes.index("h1")] == 19.5
    send(after, "h1", T + 300, t_ms=5250, seq=5)  # a short restart is no gap
    same(times(after), [(250, 0.25)])


def test_one_sick_home_changes_no_other() -> None:
    def run(*, sick: bool) -> list[tuple[int, ...]]:
        board = Board("s", [camera("a"), camera("b")], depth=4)
        out = []
        for i in range(12):
            send(board, "b", T + i * 250, value=2000 + i)
            if sick:
                for junk in (b"", b"GT", pack_frame(picture(32_000)), message(1, 1 << 60, 7, 7, 7)):
                    with suppress(Reject):
                        board.frame("guardian/s/a/cam/frame", junk, T + i * 250)
            for f in taken(board, T + i * 250):
                of_b = f.sensor == 1
                parts = (f.t_ms, f.dt_s * 1000, f.centi[:, 0, 0])
                out += [
                    tuple(int(x) for x in row) for row in zip(*(p[of_b] for p in parts), strict=True) if i
                ]
        return out

    assert run(sick=True) == run(sick=False)
    assert len(run(sick=False)) == 11


def test_batches_loop_over_chunks_not_homes() -> None:
    """Ten thousand homes cost a beat as many steps as batches of CHUNK frames, whatever their names."""
    homes = 10_000
    board = Board("s", [camera(f"h{i}") for i in range(homes)])
    for i in range(homes):
        send(board, f"h{i}", T)
    sizes = [len(f.sensor) for f in taken(board, T)]
    assert sizes == [CHUNK] * (homes // CHUNK) + [homes % CHUNK]
    assert list(itertools.accumulate(sizes))[-1] == homes
