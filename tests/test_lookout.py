"""The lookout: events that speak for themselves, kinds that agree, and a restart in the middle of a fall."""

import numpy as np
import pytest

from alerting import concern
from alerting.concern import SEVERITY, Concern
from detectors import finding
from guardian.board import Board, Reading, SensorSpec
from guardian.lookout import SPOKEN, Lookout
from guardian.settings import CONFIG, load
from guardian.wire.native import pack_frame
from simulator.stage import SimulatedHome, demo_homes

PARAMS = load(CONFIG / "guardian.toml").detectors
BEAT_MS = 200


def test_the_two_lists_of_kinds_agree_and_each_has_a_severity() -> None:
    said = {k.value for k in finding.Kind}
    assert {k.value for k in concern.Kind} == said | {"cancel"}
    assert set(SEVERITY) == set(concern.Kind)


def test_only_a_one_speaks() -> None:
    def reading(kind: str, value: float) -> Reading:
        return Reading("h", "s", kind, "hall", value, 0, 5, None, None, None)

    said = Lookout.listen([reading(k, v) for k in (*SPOKEN, "pir", "door") for v in (0.0, 1.0)], 9)
    assert [c.kind for c in said] == list(SPOKEN.values())
    assert {(c.onset_ms, c.decided_ms) for c in said} == {(5, 9)}


def _built(home: SimulatedHome) -> tuple[Board, Lookout]:
    h = home
    spec = SensorSpec(
        h.home, h.sensor, "thermal", h.room, h.rows, h.cols, h.rate_hz, h.mount, h.height_m, h.fov_deg
    )
    board = Board("s", [spec])
    return board, Lookout(board, PARAMS, {(h.home, h.room): h.furniture})


def _plays(home: SimulatedHome, board: Board, lookout: Lookout, from_s: float, to_s: float) -> list[Concern]:
    out: list[Concern] = []
    for beat_ms in range(int(from_s * 1000), int(to_s * 1000), BEAT_MS):
        for i in np.flatnonzero((home.t_ms >= beat_ms) & (home.t_ms < beat_ms + BEAT_MS)):
            t_ms = int(home.t_ms[i]) + 1_000_000
            board.frame(
                f"guardian/s/{home.home}/{home.sensor}/frame", pack_frame(home.centi[i], int(i), t_ms), t_ms
            )
        for found in lookout.look(beat_ms + BEAT_MS + 1_000_000):
            out += found
    return out


def test_a_restart_in_the_middle_of_the_dwell_loses_no_fall() -> None:
    home = demo_homes(seed=1, n=1, fall_home=0, fall_at_s=30.0, duration_s=60.0)[0]
    board, lookout = _built(home)
    before = _plays(home, board, lookout, 0, 36)
    assert [c.kind for c in before] == [concern.Kind.FALL_SUSPECTED]
    held = lookout.snapshot()
    board, lookout = _built(home)
    lookout.restore(held)
    after = _plays(home, board, lookout, 36, 60)
    assert [c.kind for c in after] == [concern.Kind.FALL_CONFIRMED]
    assert abs(after[0].onset_ms - before[0].onset_ms) < 1000


def test_without_the_snapshot_the_same_restart_would_not_know() -> None:
    """The check can fail: what lies there at a start from nothing is taken for the room."""
    home = demo_homes(seed=1, n=1, fall_home=0, fall_at_s=30.0, duration_s=60.0)[0]
    board, lookout = _built(home)
    assert _plays(home, board, lookout, 36, 60) == []


@pytest.mark.parametrize(("shape", "limit_s"), [(0, 65), (1, 95)])
def test_a_fall_while_we_were_down_is_found_by_who_lies_there(shape: int, limit_s: int) -> None:
    """24x32 and 8x8: the learnt room comes from the snapshot, the slow dwell finds the rest."""
    home = demo_homes(seed=1, n=2, fall_home=shape, fall_at_s=40.0, duration_s=150.0)[shape]
    board, lookout = _built(home)
    assert _plays(home, board, lookout, 0, 36) == []
    held = lookout.snapshot()
    board, lookout = _built(home)
    lookout.restore(held)
    found = _plays(home, board, lookout, 46, 46 + limit_s)
    assert [c.kind for c in found] == [concern.Kind.FALL_SUSPECTED, concern.Kind.FALL_CONFIRMED]


def test_a_group_that_does_not_fit_keeps_no_other_from_coming_back() -> None:
    homes = demo_homes(seed=1, n=2, fall_home=None, fall_at_s=0.0, duration_s=20.0)
    specs = [
        SensorSpec(
            h.home, h.sensor, "thermal", h.room, h.rows, h.cols, h.rate_hz, h.mount, h.height_m, h.fov_deg
        )
        for h in homes
    ]
    assert len({(s.rows, s.cols) for s in specs}) == 2
    board = Board("s", specs)
    lookout = Lookout(board, PARAMS)
    for home in homes:
        _plays(home, board, lookout, 0, 20)
    held = lookout.snapshot()
    rooms = [k for k in held if k.endswith(".room_room")]
    assert len(rooms) == 2
    assert all(held[k].any() for k in rooms)
    for broken, whole in (rooms, rooms[::-1]):
        again = Lookout(Board("s", specs), PARAMS)
        with pytest.raises(ValueError, match=f"^{broken.split('.')[1]}: snapshot does not fit: room_room$"):
            again.restore({k: v for k, v in held.items() if k != broken})
        after = again.snapshot()
        assert np.array_equal(after[whole], held[whole])
        assert not after[broken].any()
