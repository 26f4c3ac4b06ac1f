"""A damaged piece of the only snapshot: that part of what was learnt begins anew, all else is as it was."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guardian import snapshot
from guardian.board import Board, SensorSpec
from guardian.lookout import Lookout
from guardian.protection import Reason
from guardian.snapshot import Arrays, Snapshot, piece_of
from guardian.wire.native import pack_event, pack_frame
from simulator.stage import SimulatedHome, demo_homes
from tests.test_snapshot import flip, inside, the_one
from tests.thermal import everything

T0, BEAT_MS, LEARNT_S, MINUTE_S = 1_790_000_040_000, 200, 64, 60
PARAMS = everything()
PARTS = ("marks", "board", "fall.8x8", "fall.24x32", "rounds", "fires", "standing")


@cache
def homes() -> tuple[SimulatedHome, ...]:
    found = demo_homes(seed=1, n=2, fall_home=None, fall_at_s=0.0, duration_s=LEARNT_S + 4.0)
    assert {(h.rows, h.cols) for h in found} == {(24, 32), (8, 8)}
    return tuple(found)


def built() -> tuple[Board, Lookout]:
    cameras = [
        SensorSpec(
            h.home, h.sensor, "thermal", h.room, h.rows, h.cols, h.rate_hz, h.mount, h.height_m, h.fov_deg
        )
        for h in homes()
    ]
    others = [SensorSpec(h.home, f"{kind}-1", kind, "hall") for h in homes() for kind in ("pir", "button")]
    board = Board("s", [*cameras, *others])
    return board, Lookout(board, PARAMS, {(h.home, h.room): h.furniture for h in homes()})


def play(board: Board, lookout: Lookout, from_s: float, to_s: float) -> None:
    for beat_ms in range(int(from_s * 1000), int(to_s * 1000), BEAT_MS):
        for h in homes():
            for i in np.flatnonzero((h.t_ms >= beat_ms) & (h.t_ms < beat_ms + BEAT_MS)):
                t_ms = T0 + int(h.t_ms[i])
                board.frame(
                    f"guardian/s/{h.home}/{h.sensor}/frame", pack_frame(h.centi[i], int(i), t_ms), t_ms
                )
            if beat_ms % 10_000 == 0:
                event = pack_event(value=1, event_id=f"e{beat_ms}")
                board.event(f"guardian/s/{h.home}/pir-1/event", event, T0 + beat_ms)
        now_ms = T0 + beat_ms + BEAT_MS
        board.fold(board.take_events(now_ms))
        for _ in lookout.look(now_ms):
            pass


@cache
def saved() -> Arrays:
    board, lookout = built()
    play(board, lookout, 0, LEARNT_S)
    return {**lookout.snapshot(), "standing": np.frombuffer(b"{}", np.uint8)}


@cache
def nothing() -> Arrays:
    return built()[1].snapshot()


def equal(a: Any, b: Any) -> bool:
    return np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def restored(folder: Path) -> tuple[Board, Lookout, Snapshot]:
    found = snapshot.newest(folder)
    assert found is not None
    board, lookout = built()
    lookout.restore(found.arrays, found.lost)
    return board, lookout, found


def test_the_parts_of_a_snapshot_are_these_and_each_holds_something() -> None:
    assert set(map(piece_of, saved())) == set(PARTS)
    for part in ("board", "fall.8x8", "fall.24x32", "rounds", "fires"):
        mine = [k for k in saved() if piece_of(k) == part]
        assert any(not equal(saved()[k], nothing()[k]) for k in mine), part


@pytest.mark.parametrize("part", [p for p in PARTS if p != "marks"])
def test_a_damaged_part_begins_anew_and_the_rest_comes_back(tmp_path: Path, part: str) -> None:
    snapshot.save(tmp_path, Snapshot(3, saved()))
    flip(the_one(tmp_path), inside(the_one(tmp_path), part))
    _, lookout, found = restored(tmp_path)
    assert found.lost == (part,)
    for key, array in lookout.snapshot().items():
        if key == "rounds.camerahealth.ready" and part.startswith("fall."):
            assert array.sum() == 1, "a camera whose room is not known says so"
        else:
            assert equal(array, (nothing() if piece_of(key) == part else saved())[key]), key


def test_when_nothing_tells_how_sensors_hung_each_begins_anew_and_homes_go_on(tmp_path: Path) -> None:
    snapshot.save(tmp_path, Snapshot(3, saved()))
    flip(the_one(tmp_path), inside(the_one(tmp_path), "marks"))
    _, lookout, _ = restored(tmp_path)
    after = lookout.snapshot()
    for key in after:
        if key.startswith(("fall.", "fires.", "board.group.", "board.sensor.")):
            assert equal(after[key], nothing()[key]), key
        if key.startswith(("board.home.", "rounds.inactivity.", "rounds.noticed.")):
            assert equal(after[key], saved()[key]), key


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.floats(0, 1, exclude_max=True))
def test_wherever_a_byte_flips_each_part_is_as_saved_or_anew(tmp_path: Path, where: float) -> None:
    for file in tmp_path.glob("*"):
        file.unlink()
    snapshot.save(tmp_path, Snapshot(3, saved()))
    file = the_one(tmp_path)
    flip(file, int(where * file.stat().st_size))
    if snapshot.newest(tmp_path) is None:
        return
    _, lookout, found = restored(tmp_path)
    assert len(found.lost) == 1
    for key, array in lookout.snapshot().items():
        if found.lost != ("marks",) and not key.endswith("camerahealth.ready"):
            assert equal(array, (nothing() if piece_of(key) in found.lost else saved())[key]), key


@pytest.mark.parametrize("frames", [True, False])
@pytest.mark.parametrize("part", [None, "fall.24x32", "rounds", "board", "marks"])
def test_who_is_not_seen_until_the_room_is_learnt_is_shown_so(
    tmp_path: Path, part: str | None, frames: bool
) -> None:
    """From the first look on, frames or none; with everything back the home is protected at once."""
    snapshot.save(tmp_path, Snapshot(3, saved()))
    if part is not None:
        flip(the_one(tmp_path), inside(the_one(tmp_path), part))
    board, lookout, _ = restored(tmp_path)
    play(board, lookout, LEARNT_S, LEARNT_S + (0.6 if frames else 0))
    for _ in lookout.look(T0 + LEARNT_S * 1000 + 800):
        pass
    state = lookout.protection.state
    for h in homes():
        row, room = board.homes.index(h.home), board.room_names.index((h.home, h.room))
        learnt = (
            part in {None, "board"} or (part == "fall.24x32" and h.rows == 8) or (part == "rounds" and frames)
        )
        assert state.fall[room] == (Reason.DETECTABLE if learnt else Reason.LEARNING), h.rows
        assert state.blind[row] == (not learnt), h.rows
