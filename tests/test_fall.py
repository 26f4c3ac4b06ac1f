"""Falls in simulated homes, and the promises that every detector keeps."""

import dataclasses
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors import fall
from detectors.fall import Posture
from detectors.finding import Finding, Kind
from detectors.frame import BAD_PIXEL, Frames
from simulator.stage import SimulatedHome, demo_homes, grideye, melexis, room, script, simulated_home
from tests.thermal import batch, group, shipped, watch

PARAMS = shipped()


@cache
def falling(seeds: tuple[int, ...], array: str) -> tuple[SimulatedHome, ...]:
    make = melexis if array == "24x32" else grideye
    return tuple(simulated_home(f"h{s}", make(s), script(s, "fall", 95, 60), room(s), 95) for s in seeds)


@cache
def ordinary(seed: int, n: int, duration_s: float) -> tuple[SimulatedHome, ...]:
    return tuple(demo_homes(seed, n, None, 0, duration_s))


def told(found: list[Finding]) -> list[tuple[int, str, int, int]]:
    return sorted((f.row, f.kind.value, f.onset_ms, f.decided_ms) for f in found)


@pytest.mark.parametrize(("array", "dwell_s", "least"), [("24x32", 12, 10), ("8x8", 20, 9)])
def test_a_fall_is_suspected_and_confirmed(array: str, dwell_s: float, least: int) -> None:
    homes = falling(tuple(range(100, 110)), array)
    found = watch(homes)
    quick = 0
    for row, home in enumerate(homes):
        fell = next(t for t in home.truth if t.label.startswith("fall"))
        mine = [f for f in found if f.row == row]
        assert all(f.decided_ms / 1000 > fell.start_s for f in mine)
        confirmed = [f for f in mine if f.kind is Kind.FALL_CONFIRMED]
        assert len(confirmed) <= 1
        if confirmed and confirmed[0].decided_ms / 1000 - fell.end_s < dwell_s + 3:
            quick += 1
            assert mine[0].kind is Kind.FALL_SUSPECTED
            assert abs(mine[0].onset_ms / 1000 - fell.start_s) < 3
            assert confirmed[0].evidence["down_s"] >= dwell_s
            assert np.hypot(confirmed[0].x, confirmed[0].y) < 2
    assert quick >= least


@pytest.mark.parametrize(
    ("seed", "n", "duration_s"),
    [
        (104, 4, 300),
        *(pytest.param(s, 12, 600, marks=pytest.mark.slow) for s in (*range(5), *range(100, 105))),
    ],
)
def test_ordinary_homes_stay_silent(seed: int, n: int, duration_s: float) -> None:
    homes = ordinary(seed, n, duration_s)
    assert any(t.label == "bed" for h in homes for t in h.truth)
    assert watch(homes[0::2]) == []
    assert watch(homes[1::2]) == []


def test_who_gets_up_again_has_recovered() -> None:
    home = falling((100,), "24x32")[0]
    fell_ms = int(next(t for t in home.truth if t.label.startswith("fall")).end_s * 1000)
    state, t_ms, centi = group([home])
    stood = centi[:, (t_ms > fell_ms - 5000) & (t_ms < fell_ms - 3000)]
    kinds = []
    for k in range(len(t_ms)):
        now = batch(t_ms, centi, k)
        if t_ms[k] > fell_ms + 6000:  # up after six seconds: the frames from before the fall again
            now = Frames(now.sensor, stood[:, k % stood.shape[1]], now.t_ms, now.dt_s)
        found, _ = fall.step(PARAMS, state, now, int(t_ms[k]))
        kinds += [f.kind for f in found]
    assert kinds == [Kind.FALL_SUSPECTED, Kind.FALL_RECOVERED]


def run(
    state: fall.FallState,
    t_ms: NDArray[np.int64],
    centi: NDArray[np.int16],
    *,
    chunks: tuple[tuple[int, ...], ...] | None = None,
) -> list[Finding]:
    rows = chunks or (tuple(range(len(centi))),)
    found: list[Finding] = []
    for k in range(len(t_ms)):
        for part in rows:
            found += fall.step(PARAMS, state, batch(t_ms, centi, k, np.array(part)), int(t_ms[k]))[0]
    return found


def test_chunks_equal_the_whole_and_a_snapshot_changes_nothing() -> None:
    homes = falling((100, 101, 102, 103), "24x32")
    state, t_ms, centi = group(homes)
    whole = told(run(state, t_ms, centi))
    assert len(whole) >= 8
    assert told(run(group(homes)[0], t_ms, centi, chunks=((0,), (1, 3), (2,)))) == whole
    before, _, _ = group(homes)
    half = len(t_ms) * 2 // 3
    first = [
        f for k in range(half) for f in fall.step(PARAMS, before, batch(t_ms, centi, k), int(t_ms[k]))[0]
    ]
    after, _, _ = group(homes)
    after.restore(before.snapshot())
    rest = [
        f
        for k in range(half, len(t_ms))
        for f in fall.step(PARAMS, after, batch(t_ms, centi, k), int(t_ms[k]))[0]
    ]
    assert told(first + rest) == whole
    with pytest.raises(ValueError, match="does not fit: score"):
        after.restore({k: v for k, v in before.snapshot().items() if k != "score"})


def test_permuted_sensors_give_permuted_findings() -> None:
    homes = falling((100, 101, 102, 103), "24x32")
    order = [2, 0, 3, 1]
    whole = told(watch(homes))
    mixed = watch([homes[k] for k in order])
    assert sorted((order[f.row], f.kind.value, f.onset_ms, f.decided_ms) for f in mixed) == whole


def test_a_sick_sensor_changes_no_other() -> None:
    homes = falling((100, 101, 102, 103), "24x32")
    state, t_ms, centi = group(homes)
    whole = [f for f in told(run(state, t_ms, centi)) if f[0] == 3]
    assert whole
    sick = centi.copy()
    sick[0] = BAD_PIXEL
    sick[1] = sick[1, :1]
    sick[2] = np.random.default_rng(1).integers(-32768, 32767, sick[2].shape)
    found = told(run(group(homes)[0], t_ms, sick))
    assert [f for f in found if f[0] == 3] == whole
    assert not [f for f in found if f[0] in {0, 1}]


def test_no_look_ahead() -> None:
    homes = falling((100, 101), "24x32")
    state, t_ms, centi = group(homes)
    whole = told(run(state, t_ms, centi))
    stop = int(np.searchsorted(t_ms, whole[0][3]))
    cut = told(run(group(homes)[0], t_ms[: stop + 1], centi[:, : stop + 1]))
    assert cut == [f for f in whole if f[3] <= t_ms[stop]]


def test_after_a_gap_who_lies_has_not_fallen_again() -> None:
    home = falling((100,), "24x32")[0]
    state, t_ms, centi = group([home])
    found = run(state, t_ms, centi)
    state.stage[:], state.armed[:] = 0, True
    for k in range(40):
        now = batch(t_ms, centi, len(t_ms) - 40 + k)
        if k == 0:
            now = Frames(now.sensor, now.centi, now.t_ms, np.array([np.nan], np.float32))
        found, seen = fall.step(PARAMS, state, now, int(now.t_ms[0]))
        assert found == []
    assert seen.posture[0] == Posture.LYING


def test_lying_in_bed_is_seen_as_that() -> None:
    home = next(h for h in ordinary(104, 4, 300)[0::2] if any(t.label == "bed" for t in h.truth))
    rest = next(t for t in home.truth if t.label == "bed")
    state, t_ms, centi = group([home])
    codes = []
    for k in range(len(t_ms)):
        _, seen = fall.step(PARAMS, state, batch(t_ms, centi, k), int(t_ms[k]))
        if rest.start_s + 10 < t_ms[k] / 1000 < rest.end_s - 2:
            codes.append(int(seen.posture[0]))
    assert np.mean(np.array(codes) == Posture.LYING_ON_FURNITURE) > 0.9


def test_a_weight_too_few_is_refused() -> None:
    with pytest.raises(ValueError, match=r"posture\.weights_fine: expected 10 numbers"):
        dataclasses.replace(PARAMS.posture, weights_fine=(1.0,))
