"""The lookout: events that speak for themselves, kinds that agree, a restart amid a fall, and alibis."""

from dataclasses import replace

import numpy as np
import pytest

from alerting import concern
from alerting.concern import SEVERITY, Concern
from detectors import finding
from guardian.board import Board, Reading, SensorSpec
from guardian.lookout import SPOKEN, Lookout
from guardian.settings import CONFIG, load
from guardian.wire.native import pack_event, pack_frame
from simulator.stage import SimulatedHome, demo_homes

PARAMS = load(CONFIG / "guardian.toml").detectors
BEAT_MS = 200


def test_the_two_lists_of_kinds_agree_and_each_has_a_severity() -> None:
    said = {k.value for k in finding.Kind}
    assert {k.value for k in concern.Kind} == said | {"cancel", "drill", "in-sight"}
    assert set(SEVERITY) == set(concern.Kind)


def test_only_a_one_speaks() -> None:
    def reading(kind: str, value: float) -> Reading:
        return Reading("h", "s", kind, "hall", value, 0, 5, None, None, None)

    said = Lookout.listen([reading(k, v) for k in (*SPOKEN, "pir", "door") for v in (0.0, 1.0)], 9)
    assert [c.kind for c in said] == list(SPOKEN.values())
    assert {(c.onset_ms, c.decided_ms) for c in said} == {(5, 9)}


@pytest.mark.parametrize(("way_ms", "late"), [(120_000, False), (120_001, True), (-3_600_000, False)])
def test_what_was_long_on_the_way_is_marked_and_a_late_cancel_cancels_nothing(
    way_ms: int, late: bool
) -> None:
    arrival_ms = 1_790_000_000_000

    def said(kind: str, t_ms: int) -> list[Concern]:
        event = Reading("h", "s", kind, "hall", 1.0, t_ms, arrival_ms, None, None, None)
        return Lookout.listen([event], arrival_ms + 9)

    (pressed,) = said("button", arrival_ms - way_ms)
    assert pressed.evidence == ({"late_s": 120.001} if late else {})
    assert pressed.onset_ms == arrival_ms
    assert len(said("cancel", arrival_ms - way_ms)) == (not late)
    assert len(said("cancel", 0)) == 1, "a device without a clock"


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


# --- alibis: a fall in one room while the one resident acts in another --------------------------------

KIT = (
    ("living-pir", "pir", "living-room"),
    ("kitchen-pir", "pir", "kitchen"),
    ("bedroom-pir", "pir", "bedroom"),
    ("fridge", "appliance-door", "kitchen"),
    ("bed", "bed", "bedroom"),
    ("front", "door", "hall"),
)
FALL_S, HOUR_AGO_S = 30.0, -3600.0
COOKS = ((FALL_S + 12.5, "fridge", 1.0), (FALL_S + 24.5, "kitchen-pir", 1.0))
LIES_DOWN = ((FALL_S + 12.5, "bed", 1.0), (FALL_S + 24.5, "bedroom-pir", 1.0))
T0_MS = 10_000_000_000


def _told(
    *acts: tuple[float, str, float], rows: int = 0, without: str = "", until_s: float = 80.0
) -> list[Concern]:
    """A fall in the living room at FALL_S, and what event sensors say meanwhile: (second, sensor, value).

    The dwell is 40 s, so that there is time to walk to another room.
    """
    home = demo_homes(seed=1, n=2, fall_home=rows, fall_at_s=FALL_S, duration_s=until_s)[rows]
    eye = SensorSpec(
        home.home, home.sensor, "thermal", home.room, home.rows, home.cols, home.rate_hz, home.mount,
        home.height_m, home.fov_deg,
    )  # fmt: skip
    own = [SensorSpec(home.home, n, k, r, outside=n == "front") for n, k, r in KIT if n != without]
    board = Board("s", [eye, *own])
    patient = replace(PARAMS.fall, fast_large_s=40.0, fast_small_s=40.0)
    lookout = Lookout(board, replace(PARAMS, fall=patient), {(home.home, home.room): home.furniture})
    first = [(HOUR_AGO_S, "fridge", 0.0), (HOUR_AGO_S, "bed", 0.0), (HOUR_AGO_S, "living-pir", 1.0)]
    acts = tuple(sorted((*first, *acts)))
    out: list[Concern] = []
    beats = [-3600_000, -600_000, *range(0, int(until_s * 1000), BEAT_MS)]
    for from_ms, to_ms in zip(beats, [*beats[1:], beats[-1] + BEAT_MS], strict=True):
        for i in np.flatnonzero((home.t_ms >= from_ms) & (home.t_ms < to_ms)):
            t_ms = int(home.t_ms[i]) + T0_MS
            topic = f"guardian/s/{home.home}/{home.sensor}/frame"
            board.frame(topic, pack_frame(home.centi[i], int(i), t_ms), t_ms)
        for at_s, name, value in acts:
            if from_ms <= at_s * 1000 < to_ms and name != without:
                t_ms = T0_MS + int(at_s * 1000)
                board.event(f"guardian/s/{home.home}/{name}/event", pack_event(value, t_ms=t_ms), t_ms)
        board.fold(board.take_events(T0_MS + to_ms))
        for found in lookout.look(T0_MS + to_ms):
            out += [c for c in found if c.kind.value.startswith("fall")]
    return out


@pytest.mark.parametrize("rows", [0, 1])
@pytest.mark.parametrize("acts", [COOKS, LIES_DOWN])
def test_nobody_has_fallen_in_one_room_who_opens_the_fridge_or_lies_down_in_another(
    rows: int, acts: tuple[tuple[float, str, float], ...]
) -> None:
    assert [c.kind for c in _told(*acts, rows=rows)] == [concern.Kind.FALL_SUSPECTED]


@pytest.mark.parametrize(
    ("acts", "without"),
    [
        ((), ""),
        (COOKS, "front"),  # nobody would have noticed a visitor
        (COOKS, "living-pir"),  # nobody would notice that they come back
        (((FALL_S - 20, "fridge", 1.0), (FALL_S - 5, "kitchen-pir", 1.0)), ""),  # then they fell
        (((-300.0, "front", 1.0), *COOKS), ""),  # somebody may have come
        ((*COOKS, (FALL_S + 28, "front", 1.0)), ""),
        ((*COOKS, (FALL_S + 28, "living-pir", 1.0)), ""),  # they are back
        (COOKS[:1], ""),
        (((FALL_S + 12.5, "kitchen-pir", 1.0), (FALL_S + 24.5, "kitchen-pir", 1.0)), ""),  # through a door
    ],
)
def test_a_fall_is_confirmed_where_anything_is_missing_from_the_alibi(
    acts: tuple[tuple[float, str, float], ...], without: str
) -> None:
    kinds = [c.kind for c in _told(*acts, without=without)]
    assert kinds == [concern.Kind.FALL_SUSPECTED, concern.Kind.FALL_CONFIRMED]


def test_an_alibi_that_ends_confirms_what_still_lies_there() -> None:
    """Somebody comes home: whoever lies there is no longer told apart from them."""
    kinds = [c.kind for c in _told(*COOKS, (FALL_S + 60, "front", 1.0), until_s=110.0)]
    assert kinds == [concern.Kind.FALL_SUSPECTED, concern.Kind.FALL_CONFIRMED]
