"""Who is who from frame to frame: stories of one sensor, averages that equal a loop, the naive twin."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from detectors import tracks
from detectors.tracks import BANK_S, Tracks, TrackState
from simulator.twins.tracks import NaiveTracks
from simulator.twins.tracks import Patch as NaivePatch
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


def test_of_two_tracks_the_nearer_one_takes_the_only_patch() -> None:
    for x, places in ((0.51, [(0.0, 0.0), (0.51, 0.0)]), (0.49, [(0.49, 0.0), (1.0, 0.0)])):
        seen = Seen()
        seen.beat((0.0, 0.0, 5.0), (1.0, 0.0, 5.0))
        seen.beat((x, 0.0, 5.0))
        assert seen.places() == places


def test_a_gap_starts_the_warmth_anew() -> None:
    seen = Seen()
    seen.beat((0.0, 0.0, 5.0))
    seen.beat((0.0, 0.0, 2.0), gap=True)
    assert seen.state.warmth[0, 0] == pytest.approx(math.log(2))


# --- Many sensors at once, and the naive twin


@dataclass(frozen=True)
class Beat:
    """One batch of M frames of S sensors."""

    sensor: NDArray[np.intp]
    t_ms: NDArray[np.int64]
    """(S,) of each sensor's newest frame."""
    gap: NDArray[np.bool_]
    """(S,) as are the rest."""
    kept: NDArray[np.bool_]
    there: NDArray[np.bool_]
    x_m: NDArray[np.float32]
    y_m: NDArray[np.float32]
    peak_k: NDArray[np.float32]
    numbers: NDArray[np.float32]
    """(S, 2, 3) to be averaged, by slot."""

    def patches(self, s: int) -> list[NaivePatch | None]:
        return [
            NaivePatch(float(self.x_m[s, k]), float(self.y_m[s, k]), float(self.peak_k[s, k]))
            if self.there[s, k]
            else None
            for k in (0, 1)
        ]


def beats(rng: np.random.Generator, sensors: int, frames: int) -> Iterator[Beat]:
    """Rooms with up to two people who walk, stop, vanish and jump, and with the warmth that they leave."""
    spot = rng.uniform(-2, 2, (sensors, 3, 2))  # two people, and a warm place
    speed = np.zeros((sensors, 2, 2))
    heat = np.exp(rng.normal(1.4, 0.3, (sensors, 3)))
    seen = rng.random((sensors, 3)) < 0.5
    kept = np.zeros((sensors, 2), np.bool_)
    t_ms = rng.integers(10_000, 90_000, sensors)
    for _ in range(frames):
        some = rng.random(sensors) < 0.9
        gap = rng.random(sensors) < 0.015
        step = rng.choice(
            [0, 61, 125, 250, 251, 500, 970, 2300], sensors, p=[0.02, 0.1, 0.2, 0.4, *[0.07] * 4]
        )
        step = np.where(gap & (rng.random(sensors) < 0.7), rng.integers(3_000, 90_000, sensors), step)
        t_ms = t_ms + np.where(some, step, 0)
        turns = rng.random((sensors, 2, 1)) < 0.1
        speed = np.where(turns, rng.normal(0, 0.8, speed.shape) * (rng.random(turns.shape) < 0.7), speed)
        spot[:, :2] += speed * np.minimum(step, 1000)[:, None, None] / 1000
        leaves = (rng.random(sensors) < 0.03) & seen[:, 0]  # warmth stays where one of them is
        spot[:, 2] = np.where(leaves[:, None], spot[:, 0], spot[:, 2])
        heat[:, 2] = np.where(leaves, heat[:, 0] * rng.uniform(0.1, 0.9, sensors), heat[:, 2] * 0.99)
        jumps = rng.random((sensors, 3, 1)) < 0.01
        spot = np.clip(np.where(jumps, rng.uniform(-3, 3, spot.shape), spot), -4, 4)
        seen ^= rng.random(seen.shape) < np.where(seen, 0.04, 0.1)
        seen[:, 2] |= leaves
        shown = seen & (rng.random(seen.shape) < 0.93)
        order = np.argsort(rng.random((sensors, 3)) - shown, axis=1)[:, :2]  # whoever is shown comes first
        there = np.take_along_axis(shown, order, axis=1)
        place = np.take_along_axis(spot, order[:, :, None], axis=1) + rng.normal(0, 0.03, (sensors, 2, 2))
        peak = np.take_along_axis(heat, order, axis=1) * np.exp(rng.normal(0, 0.1, (sensors, 2)))
        kept ^= rng.random(kept.shape) < 0.02
        x, y = (np.where(there, place[:, :, k], 0).astype(np.float32) for k in (0, 1))
        yield Beat(
            rng.permutation(np.flatnonzero(some)),
            t_ms,
            gap,
            kept.copy(),
            there,
            x,
            y,
            np.where(there, peak, 0).astype(np.float32),
            rng.normal(0, 3, (sensors, 2, 3)).astype(np.float32),
        )


def followed(
    state: TrackState, beat: Beat, sensor: NDArray[np.intp], name: NDArray[np.intp] | None = None
) -> tuple[Tracks, NDArray[np.float32]]:
    """The tracks and averages of the frames of `sensor` (M,), who are `name`[sensor] in the state."""
    name = np.arange(len(beat.t_ms)) if name is None else name
    kept = np.empty_like(beat.kept)
    kept[name] = beat.kept
    line = tracks.follow(
        PARAMS,
        state,
        name[sensor],
        beat.t_ms[sensor],
        beat.gap[sensor],
        kept,
        beat.there[sensor],
        beat.x_m[sensor],
        beat.y_m[sensor],
        beat.peak_k[sensor],
    )
    return line, tracks.average(state, line, beat.numbers[sensor[line.frame], line.at % 2])


DISCRETE = ("moved", "born_ms", "seen_ms")


def same(a: TrackState, b: TrackState) -> None:
    for f in fields(TrackState):
        np.testing.assert_array_equal(getattr(a, f.name), getattr(b, f.name), err_msg=f.name)


@pytest.mark.parametrize("seed", [1, 2])
def test_equals_the_naive_twin(seed: int) -> None:
    sensors = 40
    state = tracks.fresh(sensors, 3)
    twins = [NaiveTracks(PARAMS) for _ in range(sensors)]
    told: dict[str, int] = dict.fromkeys(("begun", "unseen", "two", "moved"), 0)
    for nth, beat in enumerate(beats(np.random.default_rng(seed), sensors, 250)):
        line, bank = followed(state, beat, beat.sensor)
        row_of = {int(at): k for k, at in enumerate(line.at)}
        got: list[tuple[object, ...]] = []
        want: list[tuple[object, ...]] = []
        near: list[list[float]] = []
        means: list[list[list[float]]] = []
        rows: list[int] = []
        for s in beat.sensor.tolist():
            gap, kept = bool(beat.gap[s]), beat.kept[s].tolist()
            lines = twins[s].follow(int(beat.t_ms[s]), beat.patches(s), gap=gap, kept=kept)
            means += twins[s].average(lines, [beat.numbers[s, w.slot].tolist() for w in lines])
            assert state.used[s].tolist() == [t is not None for t in twins[s].slots], (nth, s)
            for w in lines:
                k = row_of.pop(2 * s + w.slot)
                track = twins[s].slots[w.slot]
                assert track is not None
                rows.append(k)
                of = (s, w.slot)
                patch = int(line.patch[k]) % 2 if line.there[k] else None
                got.append((*of, patch, line.begun[k], *(getattr(state, n)[of] for n in DISCRETE)))
                want.append((*of, w.patch, w.begun, *(getattr(track, n) for n in DISCRETE)))
                near.append([w.dt_s, w.age_s, w.speed_m_s, track.warmth, track.first])
            told["begun"] += sum(w.begun and not gap for w in lines)
            told["unseen"] += sum(w.patch is None for w in lines)
            told["two"] += len(lines) == 2
            told["moved"] += sum(t is not None and t.moved for t in twins[s].slots)
        assert not row_of  # no other tracks
        assert got == want, nth
        more = (of.reshape(-1)[line.at] for of in (state.warmth, state.first))
        found = (line.dt_s, line.age_s, line.speed_m_s, *more)
        np.testing.assert_allclose(np.stack(found, axis=1)[rows], near, rtol=0, atol=1e-4, err_msg=str(nth))
        np.testing.assert_allclose(bank[rows], means, rtol=0, atol=1e-4, err_msg=str(nth))
    assert min(told.values()) > 100, told


def test_a_batch_in_parts_equals_the_whole() -> None:
    rng = np.random.default_rng(3)
    whole, parts = tracks.fresh(60, 3), tracks.fresh(60, 3)
    for beat in beats(np.random.default_rng(4), 60, 120):
        line, bank = followed(whole, beat, beat.sensor)
        cuts = np.sort(rng.integers(0, len(beat.sensor) + 1, 3))
        pieces = [followed(parts, beat, piece) for piece in np.split(beat.sensor, cuts)]
        np.testing.assert_array_equal(bank, np.concatenate([b for _, b in pieces]))
        for name in ("at", "there", "begun", "dt_s", "age_s", "speed_m_s"):
            got = np.concatenate([getattr(p, name) for p, _ in pieces])
            np.testing.assert_array_equal(getattr(line, name), got, err_msg=name)
        same(whole, parts)


def test_permuted_sensors_give_permuted_tracks() -> None:
    rng = np.random.default_rng(5)
    name = rng.permutation(60)
    plain, other = tracks.fresh(60, 3), tracks.fresh(60, 3)
    for beat in beats(np.random.default_rng(6), 60, 120):
        line, bank = followed(plain, beat, beat.sensor)
        there, means = followed(other, beat, rng.permutation(beat.sensor), name)
        at = 2 * name[line.at // 2] + line.at % 2
        order, wanted = np.argsort(there.at), np.argsort(at)
        np.testing.assert_array_equal(there.at[order], at[wanted])
        np.testing.assert_array_equal(means[order], bank[wanted])
        for told in ("there", "begun", "dt_s", "age_s", "speed_m_s"):
            np.testing.assert_array_equal(getattr(there, told)[order], getattr(line, told)[wanted])
    same(plain, TrackState(*(getattr(other, f.name)[name] for f in fields(TrackState))))


def seen_at(level_k: float, speed_m_s: float, *, moved: bool, slots: int = 1) -> tuple[TrackState, Tracks]:
    """One sensor with tracks of that warmth that have been there for a second."""
    state = tracks.fresh(1, 2)
    state.used[0, :slots], state.moved[0, :slots], state.warmth[0, :slots] = True, moved, np.log(level_k)
    one, zero = np.ones(slots, np.float32), np.zeros(slots, np.intp)
    yes = np.ones(slots, np.bool_)
    return state, Tracks(np.arange(slots), zero, zero, yes, ~yes, one, one, one * np.float32(speed_m_s))


MOST = np.array([15.0], np.float32)


def test_warmth_is_told_beside_that_of_who_walks_there() -> None:
    nobody, line = seen_at(4.0, 0.8, moved=False)
    owner, four = np.zeros(1, np.intp), np.array([4.0], np.float32)
    assert tracks.warmer(nobody, owner, line, four, MOST).tolist() == [0]
    assert np.isnan(nobody.walker).all()  # it has not moved: a lamp, perhaps
    state, line = seen_at(4.0, 0.8, moved=True)
    assert tracks.warmer(state, owner, line, four, MOST).tolist() == pytest.approx([0])
    still = replace(line, speed_m_s=np.zeros(1, np.float32))
    left = tracks.warmer(state, owner, still, np.array([0.4], np.float32), MOST)
    assert left.tolist() == pytest.approx([np.log(0.1)], abs=1e-5)
    assert state.walker.tolist() == pytest.approx([np.log(4)])


def walked(state: TrackState, line: Tracks, level_k: float, seconds: int) -> float:
    """Who walks there, in K, after somebody of that warmth has walked for so long."""
    level = np.array([level_k], np.float32)
    state.warmth[0, 0] = np.log(level_k)
    for _ in range(seconds):
        tracks.warmer(state, np.zeros(1, np.intp), line, level, MOST)
    return float(np.exp(state.walker[0]))


def test_who_walks_is_learnt_while_they_walk() -> None:
    state, line = seen_at(4.0, 0.8, moved=True)
    assert walked(state, line, 4.0, 1) == pytest.approx(4.0)
    assert 3.9 < walked(state, line, 2.0, 1) < 4.0
    assert walked(state, line, 2.0, 300) == pytest.approx(2.0, rel=0.1)
    still = replace(line, speed_m_s=np.zeros(1, np.float32))
    assert walked(state, still, 9.0, 60) == pytest.approx(2.0, rel=0.1)
    assert walked(state, line, 9.0, 8) == pytest.approx(9.0, rel=0.1)


def test_who_carries_a_hot_pan_is_never_taken_for_warmer_than_a_body() -> None:
    state, line = seen_at(5.0, 0.8, moved=True)
    assert walked(state, line, 60.0, 600) <= MOST[0] * 1.001
    after = tracks.warmer(state, np.zeros(1, np.intp), line, np.array([5.0], np.float32), MOST)
    assert after[0] > np.log(0.3)


def test_of_two_who_walk_the_warmer_one_counts() -> None:
    state, line = seen_at(4.0, 0.8, moved=True, slots=2)
    state.warmth[0] = np.log([4.0, 2.0])
    two = np.array([4.0, 2.0], np.float32)
    tracks.warmer(state, np.zeros(2, np.intp), line, two, MOST.repeat(2))
    assert state.walker.tolist() == pytest.approx([np.log(4)])
