"""Whole homes: what was heard reaches the detectors once, and rows are matched by name after a restart."""

from dataclasses import dataclass

import numpy as np
import pytest

from alerting.concern import Concern, Kind
from detectors import keep
from detectors.layout import NOWHERE, RoomKind, SensorKind
from guardian.board import Board, SensorSpec
from guardian.lookout import Lookout
from guardian.plan import room_kind
from guardian.wire.native import pack_event
from tests.thermal import everything

T = 1_700_000_000_000
SPECS = (
    SensorSpec("h1", "p", "pir", "kitchen"),
    SensorSpec("h0", "d", "door", "hall", outside=True),
    SensorSpec("h1", "t", "thermal", "bathroom", 8, 8),
    SensorSpec("h1", "b", "bed", "bedroom"),
)


def said(board: Board, home: str, sensor: str, value: float, t_ms: int) -> None:
    board.event(f"guardian/s/{home}/{sensor}/event", pack_event(value=value, t_ms=t_ms), t_ms)
    board.fold(board.take_events(t_ms))


def test_the_layout_has_the_rooms_of_a_home_side_by_side_and_every_sensor_in_its_room() -> None:
    board = Board("s", SPECS)
    layout = board.layout
    assert board.room_names == [("h1", "kitchen"), ("h1", "bedroom"), ("h1", "bathroom"), ("h0", "hall")]
    assert layout.room_home.tolist() == [0, 0, 0, 1]
    assert layout.room_kind.tolist() == [RoomKind.KITCHEN, RoomKind.BEDROOM, RoomKind.BATHROOM, RoomKind.HALL]
    assert layout.sensor_kind.tolist() == [SensorKind.PIR, SensorKind.DOOR, SensorKind.BED]
    assert layout.sensor_room.tolist() == [0, 3, 1]
    assert layout.outside.tolist() == [False, True, False]
    assert (layout.camera_home.tolist(), layout.camera_room.tolist()) == ([0], [2])
    assert room_kind("study") is RoomKind.OTHER
    assert NOWHERE < 0


def test_what_was_heard_is_given_once_with_who_did_it() -> None:
    board = Board("s", SPECS)
    said(board, "h1", "b", 1, T)  # a first report of state is nobody's doing
    said(board, "h1", "b", 0, T + 1000)
    said(board, "h0", "d", 0, T + 2000)
    heard = board.take_heard()
    assert heard.sensor.tolist() == [2, 2, 1]
    assert heard.value.tolist() == [1, 0, 0]
    assert heard.life.tolist() == [False, True, False]
    assert heard.t_ms.tolist() == [T, T + 1000, T + 2000]
    assert len(board.take_heard().sensor) == 0


def test_a_door_that_never_closes_tells_of_openings_once_that_is_clear() -> None:
    board = Board("s", SPECS)
    for k in range(12):
        said(board, "h0", "d", 1, T + 1000 * k)
    assert board.take_heard().life.tolist() == [False] * 8 + [True] * 4
    said(board, "h0", "d", 0, T + 20_000)  # it does tell states after all
    for k in range(10):
        said(board, "h0", "d", 1, T + 30_000 + 1000 * k)
    assert board.take_heard().life.tolist() == [True, True] + [False] * 9


@dataclass(slots=True)
class Learnt:
    a: keep.PerHome[np.float32]
    b: keep.PerRoom[np.int64]
    loose: list[int]


def test_what_is_learnt_comes_back_by_name_and_the_new_stays_as_it_is() -> None:
    old = Learnt(np.array([1, 2], np.float32), np.array([[5, 5], [6, 6]]), [])
    new = Learnt(np.zeros(3, np.float32), np.zeros((1, 2), np.int64), [])
    match = {keep.HOME: (np.array([2, 0]), np.array([0, 1])), keep.ROOM: (np.array([0]), np.array([1]))}
    keep.restore(new, keep.snapshot(old), match)
    assert new.a.tolist() == [2, 0, 1]
    assert new.b.tolist() == [[6, 6]]
    with pytest.raises(ValueError, match=r"^snapshot does not fit: b$"):
        keep.restore(new, {"a": old.a, "b": np.zeros((2, 3))}, match)


MIN = 60_000
MORNING = 1_767_225_600_000  # 08:00 in Shanghai


def test_a_home_is_asked_after_hours_of_silence_and_its_next_movement_takes_the_question_back() -> None:
    board = Board("s", [SensorSpec("h", "p", "pir", "living"), SensorSpec("h", "q", "pir", "kitchen")])
    lookout = Lookout(board, everything(), timezone="Asia/Shanghai")
    said: list[Concern] = []
    now = MORNING

    def minute(moves: str | None = None) -> None:
        nonlocal now
        if moves:
            board.event(f"guardian/s/h/{moves}/event", pack_event(value=1, t_ms=now), now)
        now += MIN
        board.fold(board.take_events(now))
        for found in lookout.look(now):
            said.extend(found)

    rng = np.random.default_rng(1)
    for _ in range(4 * 60):
        minute(str(rng.choice(["p", "q"])) if rng.random() < 0.4 else None)
    minute("p")
    last = now
    while not said:
        minute()
        assert now - last < 8 * 60 * MIN
    (asked,) = said
    assert asked.kind is Kind.INACTIVITY_PROMPT
    assert asked.home == "h"
    assert asked.onset_ms == last - MIN
    minute("p")
    assert [c.kind for c in said[1:]] == [Kind.CANCEL]
    for _ in range(30):
        minute()
    assert len(said) == 2


def test_the_detectors_of_the_minute_are_asked_once_a_minute() -> None:
    """Two beats within one minute: the detectors are asked once."""
    board = Board("s", [SensorSpec("h", "p", "pir", "living")])
    lookout = Lookout(board, everything(), timezone="Asia/Shanghai")
    for k in range(10):
        assert [c for found in lookout.look(MORNING + 200 * k) for c in found] == []
    before = lookout.snapshot()["rounds.inactivity.last_ms"]
    assert before.tolist() == [MORNING]
