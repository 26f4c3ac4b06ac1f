"""Who is who from frame to frame: stories of one sensor, and averages that equal a loop."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors import tracks
from detectors.tracks import BANK_S, Tracks, TrackState
from tests.thermal import shipped

PARAMS = shipped().tracks
Patch = tuple[float, float, float]
"""x, y in metres and peak in K."""
STEP_S = 0.25


class Seen:
    """One sensor, followed beat by beat."""

    def __init__(self) -> None:
        self.state: TrackState = tracks.fresh(1, 2)
        self.t_s = 100.0
        self.kept = np.zeros((1, 2), np.bool_)

    def beat(self, *patches: Patch, after_s: float = STEP_S, gap: bool = False) -> Tracks:
        self.t_s += after_s
        there = np.array([[len(patches) > 0, len(patches) > 1]])
        x, y, k = np.array([*patches, *[(0.0, 0.0, 0.0)] * (2 - len(patches))], np.float32).T
        return tracks.follow(
            PARAMS,
            self.state,
            np.zeros(1, np.intp),
            np.array([round(self.t_s * 1000)]),
            np.array([gap]),
            self.kept,
            there,
            x[None],
            y[None],
            k[None],
        )

    def places(self) -> list[tuple[float, float] | None]:
        """Where each slot's track is; None without one."""
        s = self.state
        return [
            (round(float(s.x_m[0, k]), 2), round(float(s.y_m[0, k]), 2)) if s.used[0, k] else None
            for k in (0, 1)
        ]


def walk(x0: float, x1: float, speed_m_s: float = 1.0) -> Sequence[float]:
    n = max(1, round(abs(x1 - x0) / speed_m_s / STEP_S))
    return [float(x) for x in np.linspace(x0, x1, n + 1)]


def test_two_people_who_pass_each_other_stay_who_they_are_in_whatever_order_the_patches_come() -> None:
    seen = Seen()
    for k, (a, b) in enumerate(zip(walk(-2, 2), walk(2, -2), strict=True)):
        one, two = (a, 0.5, 5.0), (b, -0.5, 3.0)
        seen.beat(*((one, two) if k % 3 else (two, one)))
        if k == 0:
            first = seen.places()
    places = seen.places()
    assert sorted(places, key=str) == sorted([(2.0, 0.5), (-2.0, -0.5)], key=str)
    for begin, end in zip(first, places, strict=True):
        assert begin is not None
        assert end is not None
        assert begin[1] == end[1]  # each kept to its side
    assert seen.state.moved.all()


def test_the_track_goes_with_who_gets_up_not_with_the_warmth_left_behind() -> None:
    seen = Seen()
    for x in walk(-1, 0):
        seen.beat((x, 0.0, 5.0))
    for _ in range(40):
        seen.beat((0.0, 0.0, 5.0))
    for x in walk(0.1, 1.5):
        line = seen.beat((0.0, 0.0, 1.2), (x, 0.0, 5.0))  # the warm spot is nearer, and stands first
    assert seen.places()[0] == (1.5, 0.0)
    assert seen.places()[1] == (0.0, 0.0)
    assert seen.state.moved.tolist() == [[True, False]]  # what stayed is no second person
    assert line.speed_m_s[0] > 0.5 > line.speed_m_s[1]


def test_who_parts_from_somebody_alive_is_alive_too() -> None:
    seen = Seen()
    for x in walk(-1.5, 0):
        seen.beat((x, 0.0, 5.0))
    seen.beat((0.0, 0.0, 5.0), (0.6, 0.0, 4.0))
    assert seen.state.moved.tolist() == [[True, True]]


def test_a_stranger_far_away_has_not_moved_until_they_do() -> None:
    seen = Seen()
    for x in walk(-1.5, 0):
        seen.beat((x, 0.0, 5.0))
    seen.beat((0.0, 0.0, 5.0), (3.0, 0.0, 5.0))
    assert seen.state.moved.tolist() == [[True, False]]
    for x in walk(3.0, 3.0 + PARAMS.moved_m + 0.2):
        seen.beat((0.0, 0.0, 5.0), (x, 0.0, 5.0))
    assert seen.state.moved.tolist() == [[True, True]]


def test_unseen_for_too_long_is_lost_unless_kept() -> None:
    for kept in (False, True):
        seen = Seen()
        seen.kept[0, 0] = kept
        seen.beat((0.0, 0.0, 5.0))
        line = seen.beat(after_s=PARAMS.lost_s - 0.1)
        assert line.at.tolist() == [0]
        assert line.there.tolist() == [False]
        line = seen.beat(after_s=0.2)
        assert line.at.tolist() == ([0] if kept else [])
        line = seen.beat((3.0, 0.0, 5.0))  # further than anybody can have gone
        assert line.begun.any()
        assert seen.places() == ([(0.0, 0.0), (3.0, 0.0)] if kept else [(3.0, 0.0), None])


def test_a_gap_starts_the_averages_anew() -> None:
    seen = Seen()
    for x in walk(0, 2):
        line = seen.beat((x, 0.0, 5.0))
        tracks.average(seen.state, line, np.array([[1.0, x]], np.float32))
    assert line.speed_m_s[0] > 0.5
    line = seen.beat((2.1, 0.0, 5.0), gap=True)
    bank = tracks.average(seen.state, line, np.array([[7.0, 8.0]], np.float32))
    assert line.begun.tolist() == [True]
    assert line.dt_s.tolist() == line.speed_m_s.tolist() == [0]
    assert bank.tolist() == [[[7.0, 8.0]] * len(BANK_S)]


def test_nobody_is_faster_than_people_are() -> None:
    seen = Seen()
    seen.beat((0.0, 0.0, 5.0))
    for k in range(30):
        line = seen.beat((0.9 * (k % 2), 0.0, 5.0), after_s=0.06)
    assert line.speed_m_s[0] <= tracks.FASTEST_M_S


@given(
    st.lists(
        st.tuples(st.floats(0.05, 2.0), st.booleans(), st.floats(-5, 5), st.floats(-5, 5)),
        min_size=1,
        max_size=20,
    )
)
def test_averages_equal_the_loop(beats: list[tuple[float, bool, float, float]]) -> None:
    seen = Seen()
    seen.kept[:] = True
    line = seen.beat((0.0, 0.0, 5.0))
    want = [[1.0, 2.0] for _ in BANK_S]
    tracks.average(seen.state, line, np.array([[1.0, 2.0]], np.float32))
    before_s = seen.t_s
    for after_s, there, a, b in beats:
        line = seen.beat(*([(0.0, 0.0, 5.0)] if there else []), after_s=after_s)
        got = tracks.average(seen.state, line, np.array([[a, b]], np.float32))
        dt_s = (round(seen.t_s * 1000) - round(before_s * 1000)) / 1000
        before_s = seen.t_s
        if there:
            for row, tau_s in zip(want, BANK_S, strict=True):
                for n, value in enumerate((a, b)):
                    row[n] += (1 - math.exp(-dt_s / tau_s)) * (value - row[n])
        assert got[0].tolist() == [pytest.approx(row, abs=1e-3) for row in want]
