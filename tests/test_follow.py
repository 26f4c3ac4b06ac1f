"""One lookout follows another: what stays remembers all of it, what is new or hangs elsewhere nothing."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.concern import Kind
from detectors import keep
from detectors.fault import Cause
from guardian.board import Board, SensorSpec
from guardian.lookout import Lookout
from guardian.settings import CONFIG, load
from guardian.wire.native import pack_event, pack_frame
from tests.test_sensorhealth import MIN, Story, camera, flat, told

T0 = 1_790_000_000_000
MORNING = 1_767_225_600_000  # 08:00 in Shanghai
PARAMS = load(CONFIG / "guardian.toml").detectors


def asked_after(change_min: int | None) -> list[tuple[str, int]]:
    """A morning of movement and then none; `change_min` into the silence a home is added before this one."""
    own = [SensorSpec("h", "p", "pir", "living"), SensorSpec("h", "q", "pir", "kitchen")]
    board = Board("s", own)
    lookout, rng, out = Lookout(board, PARAMS), np.random.default_rng(1), list[tuple[str, int]]()
    for k in range(12 * 60):
        now_ms = MORNING + 60_000 * k
        if k < 240 and rng.random() < 0.4:
            name = str(rng.choice(["p", "q"]))
            board.event(f"guardian/s/h/{name}/event", pack_event(value=1, t_ms=now_ms), now_ms)
        if change_min is not None and k == 240 + change_min:
            later = Board("s", [SensorSpec("a", "p", "pir", "living"), *own])
            follower = Lookout(later, PARAMS)
            follower.follow(lookout)
            board, lookout = later, follower
        board.fold(board.take_events(now_ms + 1))
        for found in lookout.look(now_ms + 1):
            out += [(c.kind.value, c.decided_ms) for c in found if c.home == "h"]
    return out


def test_clocks_of_silence_go_on() -> None:
    expected = asked_after(None)
    assert expected[0][0] == Kind.INACTIVITY_PROMPT
    for change_min in (10, 60, (expected[0][1] - MORNING) // 60_000 - 241):
        assert asked_after(change_min) == expected, change_min


KINDS = ("thermal", "pir", "door", "bed", "temperature", "plug", "humidity")
ROOMS = ("hall", "bathroom", "bedroom")


def spec(home_: int, n: int, room: str) -> SensorSpec:
    kind, name = KINDS[n % len(KINDS)], f"s{n}"
    if kind == "thermal":
        return SensorSpec(f"h{home_}", name, kind, room, 8, 8, 4.0, "ceiling", 2.5, 60.0)
    return SensorSpec(f"h{home_}", name, kind, room, outside=kind == "door")


ROSTERS = st.dictionaries(
    st.tuples(st.integers(0, 3), st.integers(0, 7)), st.sampled_from(ROOMS), min_size=1, max_size=14
)


@settings(max_examples=12, deadline=None)
@given(ROSTERS, ROSTERS, st.randoms(use_true_random=False))
def test_what_stays_as_it_was_remembers_all_of_it(
    first: dict[tuple[int, int], str], second: dict[tuple[int, int], str], chance: Any
) -> None:
    a = [spec(h, n, room) for (h, n), room in first.items()]
    b = [spec(h, n, room) for (h, n), room in second.items()]
    board = Board("s", a)
    lookout = Lookout(board, PARAMS)
    rng = np.random.default_rng(chance.randrange(2**32))
    for k in range(12):
        t_ms = T0 + 15_000 * k
        for s in a:
            if s.kind == "thermal":
                centi = rng.integers(2_000, 2_400, (8, 8)).astype(np.int16)
                board.frame(f"guardian/s/{s.home}/{s.name}/frame", pack_frame(centi, k, t_ms), t_ms)
            elif rng.random() < 0.5:
                value = int(rng.integers(0, 2)) if s.kind not in {"temperature", "humidity"} else 20 + k % 3
                board.event(
                    f"guardian/s/{s.home}/{s.name}/event",
                    pack_event(value=value, event_id=f"{s.name}{k}"),
                    t_ms,
                )
        board.fold(board.take_events(t_ms))
        for _ in lookout.look(t_ms):
            pass
    before = lookout.snapshot(passing=True)
    later = Board("s", b)
    follower = Lookout(later, PARAMS)
    fresh = {key: array.copy() for key, array in follower.snapshot(passing=True).items()}
    follower.follow(lookout)
    after = follower.snapshot(passing=True)
    same = {f"{s.home}/{s.name}" for s in set(a) & set(b)}
    both = {s.home for s in a} & {s.home for s in b}
    rooms = {f"{s.home}/{s.room}" for s in a} & {f"{s.home}/{s.room}" for s in b}
    compared = 0
    for key, (names, stays) in axes(follower, after, same, both, rooms).items():
        if names not in before:
            continue
        rows = {n: i for i, n in enumerate(before[names].tolist())}
        for i, name in enumerate(after[names].tolist()):
            then = before[key][rows[name]] if name in stays else fresh[key][i]
            compared += name in stays
            assert np.array_equal(after[key][i], then, equal_nan=then.dtype.kind == "f"), (key, name)
    assert compared or not (same or both)
    assert later.frames_taken == board.frames_taken


BY_PLACE = {"moved_room", "moved_ms", "place", "room", "asked", "answered"}
"""They name rooms by their rows or places, or count by these."""


def axes(
    lookout: Lookout, arrays: dict[str, Any], sensors: set[str], homes: set[str], rooms: set[str]
) -> dict[str, tuple[str, set[str]]]:
    """Give all arrays with the key of the names of their rows, and which of these stay."""
    out: dict[str, tuple[str, set[str]]] = {}
    of = {keep.HOME: homes, keep.ROOM: rooms, keep.SENSOR: sensors, keep.CAMERA: sensors}
    for part, state in lookout._rounds._states.items():
        for axis, name, _ in keep.arrays(state, passing=True):
            if name not in BY_PLACE or (part, name) == ("position", "room"):
                out[f"rounds.{part}.{name}"] = f"rounds.names.{axis}", of[axis]
    for key in arrays:
        part, *rest = key.split(".")
        if part == "fall":
            out[key] = f"names.{rest[0]}", sensors
        elif part == "fires" and rest[1] != "names":
            out[key] = f"fires.{rest[0]}.names", sensors
        elif key.startswith("board.group.") and rest[2] != "name":
            out[key] = f"board.group.{rest[1]}.name", sensors
        elif key.startswith("board.sensor."):
            out[key] = "board.sensors", sensors
        elif key.startswith("board.home."):
            out[key] = "board.homes", homes
    return out


PASSING = {
    "rounds.names.home": (
        "rounds.doorstep.opened_ms",
        "rounds.health.home_blind_to_silence",
        "rounds.now.away_ms",
    ),
    "rounds.names.sensor": ("rounds.health.sensor_live", "rounds.sensorhealth.sensor_since_ms"),
    "rounds.names.camera": (
        "rounds.health.camera_live",
        "rounds.health.camera_sees",
        "rounds.sensorhealth.camera_since_ms",
        "rounds.camerahealth.last_ms",
    ),
}
"""Names → what belongs to them, is in no snapshot, and must not begin anew when the roster changes."""
NUMBERS = ("rounds.now.minute", "rounds.sensorhealth.since_ms", "rounds.sensorhealth.minute_ms")


def test_what_passes_with_the_process_outlives_a_change() -> None:
    story = Story(flat("h"))
    story.lookout.expect({"h": T0})
    story.play(3 * MIN, lambda k: story.hear("h", "front", k % 2))
    before = story.lookout.snapshot(passing=True)
    story.has([camera("a"), *flat("h")])
    after = story.lookout.snapshot(passing=True)
    fresh = Lookout(story.board, PARAMS).snapshot(passing=True)
    for names, keys in PASSING.items():
        was = before[names].tolist()
        rows = [after[names].tolist().index(name) for name in was]
        for key in keys:
            assert np.array_equal(after[key][rows], before[key]), key
            assert not np.array_equal(before[key], fresh[key][rows]), f"{key}: nothing to lose"
    for key in NUMBERS:
        assert after[key] == before[key] != fresh[key], key
    assert not {*NUMBERS} & set(story.lookout.snapshot()), "a restart forgets them"


def test_that_our_own_connection_is_gone_is_said_once_over_a_change() -> None:
    homes = [camera(f"h{k}") for k in range(8)]
    story = Story(homes)
    story.play(5 * MIN)
    story.views = dict.fromkeys(story.views, lambda _t: None)
    assert [cause for *_, cause in told(story.play(5 * MIN))] == [Cause.BROKER]
    story.has([camera("a"), *homes])
    story.views = dict.fromkeys(story.views, lambda _t: None)
    assert story.play(5 * MIN) == []


def test_a_home_knows_its_rooms_by_name() -> None:
    """Rows and places of rooms change; what names one does not. A room that is gone is none."""

    def pir(name: str, room: str, home_: str = "h") -> SensorSpec:
        return SensorSpec(home_, name, "pir", room)

    def rooms_of(lookout: Lookout, board: Board) -> set[str | None]:
        kept = lookout.snapshot()
        first = board.room_names.index(next(r for r in board.room_names if r[0] == "h"))
        places = [
            int(kept[f"rounds.{k}"][board.homes.index("h")])
            for k in ("position.moved_room", "appliance.place")
        ]
        rows = [first + p if p >= 0 else -1 for p in places]
        rows.append(int(kept["rounds.trends.room"][board.homes.index("h")]))
        return {board.room_names[row][1] if row >= 0 else None for row in rows}

    board = Board("s", [pir("p", "kitchen"), pir("q", "bedroom")])
    lookout = Lookout(board, PARAMS)
    for k, name in enumerate("pqpq"):
        board.event(f"guardian/s/h/{name}/event", pack_event(value=1, event_id=f"e{k}"), T0 + 20_000 * k)
        board.fold(board.take_events(T0 + 20_000 * k))
        assert not [c for found in lookout.look(T0 + 20_000 * k) for c in found if c.kind is not Kind.BLIND]
    assert rooms_of(lookout, board) == {"bedroom"}
    other = Board("s", [pir("x", "hall", "a"), pir("n", "bath"), pir("p", "kitchen"), pir("q", "bedroom")])
    second = Lookout(other, PARAMS)
    second.follow(lookout)
    assert rooms_of(second, other) == {"bedroom"}
    last = Board("s", [pir("p", "kitchen"), pir("n", "bath")])
    third = Lookout(last, PARAMS)
    third.follow(second)
    assert rooms_of(third, last) == {None}
