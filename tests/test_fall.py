"""Falls in simulated homes, and the promises that every detector keeps."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors import fall
from detectors.fall import Posture, Seen
from detectors.finding import Finding, Kind
from detectors.frame import BAD_PIXEL, Frames, Optics
from detectors.zones import laid_out
from simulator.camera import Camera
from simulator.stage import (
    SimulatedHome,
    demo_homes,
    furniture,
    grideye,
    melexis,
    room,
    script,
    simulated_home,
)
from tests.thermal import batch, group, optics, shipped, watch

PARAMS = shipped()
I16 = NDArray[np.int16]
I64 = NDArray[np.int64]
FOUR = (100, 101, 102, 103)
FALL_S, LASTS_S = 30.0, 60.0
ARRAYS = {"24x32": melexis, "8x8": grideye}


@cache
def falling(seeds: tuple[int, ...], array: str) -> tuple[SimulatedHome, ...]:
    return tuple(
        simulated_home(f"h{s}", ARRAYS[array](s), script(s, "fall", LASTS_S, FALL_S), room(s), LASTS_S)
        for s in seeds
    )


@cache
def ordinary(seed: int, n: int, duration_s: float) -> tuple[SimulatedHome, ...]:
    return tuple(demo_homes(seed, n, None, 0, duration_s))


def run(
    state: fall.FallState, t_ms: I64, centi: I16, parts: Sequence[Sequence[int]] | None = None
) -> list[Finding]:
    """Play frames (S, N, …), each beat in the given parts of the sensors."""
    found: list[Finding] = []
    for k in range(len(t_ms)):
        for part in parts or (range(len(centi)),):
            found += fall.step(PARAMS, state, batch(t_ms, centi, k, np.array(part)), int(t_ms[k]))[0]
    return found


def told(found: Sequence[Finding]) -> list[tuple[int, str, int, int, str]]:
    """All that findings say, to the last digit."""
    return sorted((f.row, f.kind.value, f.onset_ms, f.decided_ms, repr(f)) for f in found)


def kinds(found: Sequence[Finding]) -> list[tuple[int, str, int]]:
    return sorted((f.row, f.kind.value, f.decided_ms) for f in found)


# --- stories ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("array", "least"), [("24x32", 9), ("8x8", 8)])
def test_a_fall_is_suspected_and_confirmed(array: str, least: int) -> None:
    homes = falling(tuple(range(100, 110)), array)
    found = watch(homes)
    fast_s = PARAMS.fast_small_s if array == "8x8" else PARAMS.fast_large_s
    quick = 0
    for row, home in enumerate(homes):
        fell = next(t for t in home.truth if t.label.startswith("fall"))
        mine = [f for f in found if f.row == row]
        assert all(f.decided_ms / 1000 > fell.start_s for f in mine)
        confirmed = [f for f in mine if f.kind is Kind.FALL_CONFIRMED]
        assert len(confirmed) <= 1
        for f in confirmed:
            assert mine[0].kind is Kind.FALL_SUSPECTED
            assert abs(f.onset_ms / 1000 - fell.start_s) < 5
            assert f.evidence["lying_s"] >= fast_s - 0.01 or f.evidence["down_s"] >= PARAMS.struggle_s - 0.01
            assert np.hypot(f.x, f.y) < 2
            quick += f.decided_ms / 1000 - fell.end_s < fast_s + 5
    assert quick >= least


def test_evidence_is_numbers_with_units() -> None:
    found = watch(falling((100,), "24x32"))
    assert {f.kind for f in found} == {Kind.FALL_SUSPECTED, Kind.FALL_CONFIRMED}
    units = ("_m", "_m2", "_s", "_m_s", "_k", "_log_odds")
    shares = {"lying", "low", "up", "person", "fall_seen", "in_sight", "scale_assumed"}
    for f in found:
        assert all(type(v) is float and np.isfinite(v) for v in f.evidence.values())
        assert all(name.endswith(units) or 0 <= f.evidence[name] <= 1 for name in f.evidence)
        assert {n for n in f.evidence if not n.endswith(units)} == shares
        assert (0.5 if f.kind is Kind.FALL_CONFIRMED else 0.2) < f.confidence <= 1
        assert f.evidence["length_m"] >= f.evidence["width_m"] > 0


@pytest.mark.parametrize(
    ("seed", "n", "duration_s"),
    [
        (104, 4, 300),
        *(pytest.param(s, 12, 600, marks=pytest.mark.slow) for s in (*range(5), *range(100, 105))),
    ],
)
def test_in_ordinary_homes_nobody_is_said_to_have_fallen(seed: int, n: int, duration_s: float) -> None:
    """No confirmed fall; no more than one suspicion, which pages nobody, in two hours of homes."""
    homes = ordinary(seed, n, duration_s)
    assert any(t.label == "bed" for h in homes for t in h.truth)
    said = [f.kind for part in (homes[0::2], homes[1::2]) for f in watch(part)]
    assert Kind.FALL_CONFIRMED not in said
    assert said.count(Kind.FALL_SUSPECTED) <= n * duration_s / 7200


def test_who_gets_up_again_has_recovered() -> None:
    """Six seconds on the floor, then the film of the fall runs backwards and on to and fro."""
    home = falling((100,), "24x32")[0]
    fell_ms = int(next(t for t in home.truth if t.label.startswith("fall")).end_s * 1000)
    state, t_ms, centi = group([home])
    down, low, up, stood = (int(np.searchsorted(t_ms, fell_ms + s)) for s in (6000, 1000, -3500, -5500))
    film = [*range(down), *range(low, stood, -1), *([*range(stood, up), *range(up, stood, -1)] * 4)]
    found: list[Finding] = []
    for k, picture in enumerate(film):
        now = Frames(np.arange(1), centi[:, picture], np.array([k * 250]), np.full(1, 0.25, np.float32))
        if k == 0:
            now.dt_s[:] = np.nan
        found += fall.step(PARAMS, state, now, k * 250)[0]
    assert [f.kind for f in found] == [Kind.FALL_SUSPECTED, Kind.FALL_RECOVERED]
    up_s = found[1].decided_ms / 1000 - down / 4
    assert PARAMS.walked_s <= up_s < PARAMS.recover_s + 5


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


def test_a_room_is_degraded_while_a_body_would_not_stand_out() -> None:
    """The same noise at 20 °C and at 36 °C: dressed skin is about as warm as the hot room."""
    rng = np.random.default_rng(1)
    t_ms = np.arange(100) * 250
    centi = rng.normal(0, 25, (2, 100, 24, 32))
    centi = (centi + np.array([2000, 3600]).reshape(2, 1, 1, 1)).astype(np.int16)
    state = fall.fresh(optics(24, 32, 2))
    for k in range(100):
        _, seen = fall.step(PARAMS, state, batch(t_ms, centi, k), int(t_ms[k]))
    assert seen.degraded.tolist() == [False, True]
    assert seen.people.tolist() == [0, 0]


# --- promises --------------------------------------------------------------------------------------


@pytest.mark.parametrize("array", ARRAYS)
def test_chunks_and_snapshots_change_nothing(array: str) -> None:
    homes = falling(FOUR, array)
    state, t_ms, centi = group(homes)
    whole = told(run(state, t_ms, centi))
    assert len(whole) >= 6
    assert told(run(group(homes)[0], t_ms, centi, ((0,), (1, 3), (2,)))) == whole
    for share in (0.3, 0.6) if array == "24x32" else (0.6,):
        at = int(len(t_ms) * share)
        before, after = group(homes)[0], group(homes)[0]
        found = run(before, t_ms[:at], centi[:, :at])
        after.restore(before.snapshot())
        for k in range(at, len(t_ms)):
            found += fall.step(PARAMS, after, batch(t_ms, centi, k), int(t_ms[k]))[0]
        assert told(found) == whole, share


def test_a_snapshot_that_does_not_fit_is_refused_and_changes_nothing() -> None:
    homes = falling(FOUR, "24x32")
    state, t_ms, centi = group(homes)
    run(state, t_ms[:100], centi[:, :100])
    held = state.snapshot()
    fresh = group(homes)[0]
    blank = fresh.snapshot()
    with pytest.raises(ValueError, match="does not fit: down_belief"):
        fresh.restore({k: v for k, v in held.items() if k != "down_belief"})
    with pytest.raises(ValueError, match="does not fit: tracks_bank"):
        fresh.restore(held | {"tracks_bank": held["tracks_bank"][:3]})
    assert all(np.array_equal(a, blank[n], equal_nan=True) for n, a in fresh.snapshot().items())
    assert any(not np.array_equal(a, blank[n], equal_nan=True) for n, a in held.items())


def test_permuted_sensors_give_permuted_findings() -> None:
    homes = falling(FOUR, "24x32")
    order = [2, 0, 3, 1]
    whole = told(watch(homes))
    mixed = watch([homes[k] for k in order])
    assert told([replace(f, row=order[f.row]) for f in mixed]) == whole


def test_a_sick_sensor_changes_no_other() -> None:
    homes = falling(FOUR, "24x32")
    state, t_ms, centi = group(homes)
    whole = [f for f in told(run(state, t_ms, centi)) if f[0] == 3]
    assert whole
    rng = np.random.default_rng(1)
    shape = centi[0].shape
    blind, frozen = np.full_like(centi[0], BAD_PIXEL), np.broadcast_to(centi[1, :1], shape)
    noise = rng.integers(-32768, 32767, shape).astype(np.int16)
    extremes = np.where(rng.random(shape) < 0.5, 32767, -32767).astype(np.int16)
    for some in ((blind, frozen, noise), (extremes, -centi[1], np.full_like(centi[2], 32767))):
        found = run(group(homes)[0], t_ms, np.stack([*some, centi[3]]))
        assert [f for f in told(found) if f[0] == 3] == whole
        assert all(np.isfinite(v) for f in found for v in f.evidence.values())


def test_a_blind_or_frozen_sensor_says_nothing() -> None:
    homes = falling(FOUR[:2], "24x32")
    state, t_ms, centi = group(homes)
    sick = np.stack([np.full_like(centi[0], BAD_PIXEL), np.broadcast_to(centi[1, :1], centi[1].shape)])
    assert run(state, t_ms, sick) == []


def test_no_look_ahead() -> None:
    homes = falling(FOUR, "24x32")
    state, t_ms, centi = group(homes)
    whole = told(run(state, t_ms, centi))
    stops_ms = sorted({f[3] for f in whole})
    for stop_ms in (stops_ms[0], stops_ms[len(stops_ms) // 2]):
        cut = int(np.searchsorted(t_ms, stop_ms)) + 1
        future = centi.copy()
        future[:, cut:] = BAD_PIXEL
        found = told(run(group(homes)[0], t_ms, future))
        assert [f for f in found if f[3] <= stop_ms] == [f for f in whole if f[3] <= stop_ms]


def test_a_frame_sent_twice_is_counted_once() -> None:
    home = falling((100,), "24x32")[0]
    state, t_ms, centi = group([home])
    whole = kinds(run(state, t_ms, centi))
    state = group([home])[0]
    found: list[Finding] = []
    for k in range(len(t_ms)):
        now = batch(t_ms, centi, k)
        found += fall.step(PARAMS, state, now, int(t_ms[k]))[0]
        if k % 3 == 0:
            again = replace(now, t_ms=now.t_ms + 40, dt_s=np.full(1, 0.04, np.float32))
            more, seen = fall.step(PARAMS, state, again, int(t_ms[k]) + 40)
            found += more
            assert seen.posture.tolist() == [Posture.UNKNOWN]
    assert [f[:2] for f in kinds(found)] == [f[:2] for f in whole]
    late_ms = [abs(a[2] - b[2]) for a, b in zip(kinds(found), whole, strict=True)]
    assert max(late_ms) <= 1500


def test_after_a_gap_who_lies_has_not_fallen_again() -> None:
    home = falling((100,), "24x32")[0]
    state, t_ms, centi = group([home])
    assert run(state, t_ms, centi)
    state.down.stage[:], state.down.armed[:], state.down.lie_s[:] = 0, True, 0
    for k in range(40):
        now = batch(t_ms, centi, len(t_ms) - 40 + k)
        if k == 0:
            now = replace(now, dt_s=np.array([np.nan], np.float32))
        found, seen = fall.step(PARAMS, state, now, int(now.t_ms[0]))
        assert found == []
    assert seen.posture[0] == Posture.LYING


def test_a_short_gap_during_the_dwell_loses_no_fall() -> None:
    home = falling((100,), "24x32")[0]
    fell_ms = int(next(t for t in home.truth if t.label.startswith("fall")).end_s * 1000)
    state, t_ms, centi = group([home])
    found: list[Finding] = []
    for k in range(len(t_ms)):
        if fell_ms + 4000 < t_ms[k] < fell_ms + 8000:
            continue
        now = batch(t_ms, centi, k)
        if fell_ms + 8000 <= t_ms[k] < fell_ms + 8250:
            now = replace(now, dt_s=np.array([np.nan], np.float32))
        found += fall.step(PARAMS, state, now, int(t_ms[k]))[0]
    assert [f.kind for f in found] == [Kind.FALL_SUSPECTED, Kind.FALL_CONFIRMED]


def mirrored(centi: I16) -> I16:
    return np.ascontiguousarray(centi[..., ::-1])


def flipped(centi: I16) -> I16:
    return np.ascontiguousarray(centi[..., ::-1, :])


def turned(centi: I16) -> I16:
    return np.ascontiguousarray(np.rot90(centi, axes=(-2, -1)))


def warmer(centi: I16) -> I16:
    return centi + np.int16(500)


@pytest.mark.parametrize(
    ("array", "change", "place"),
    [
        ("24x32", mirrored, lambda x, y: (-x, y)),
        ("24x32", flipped, lambda x, y: (x, -y)),
        ("8x8", turned, lambda x, y: (y, -x)),
        ("24x32", warmer, lambda x, y: (x, y)),
        ("8x8", warmer, lambda x, y: (x, y)),
    ],
)
def test_the_same_motion_is_the_same_from_any_side_and_in_a_warmer_room(
    array: str, change: Callable[[I16], I16], place: Callable[[float, float], tuple[float, float]]
) -> None:
    homes = falling(FOUR, array)
    state, t_ms, centi = group(homes, furniture=False)
    whole = sorted(run(state, t_ms, centi), key=lambda f: (f.row, f.decided_ms))
    assert len(whole) >= 6
    other = run(group(homes, furniture=False)[0], t_ms, change(centi))
    other = sorted(other, key=lambda f: (f.row, f.decided_ms))
    assert [(f.row, f.kind) for f in other] == [(f.row, f.kind) for f in whole]
    for a, b in zip(whole, other, strict=True):
        assert abs(a.decided_ms - b.decided_ms) <= 250  # rounding may move it by a frame
        assert (b.x, b.y) == pytest.approx(place(a.x, a.y), abs=0.15)


# --- every array -----------------------------------------------------------------------------------


def eyes(cameras: Sequence[Camera]) -> Optics:
    def told_of(name: str) -> NDArray[np.float32]:
        return np.array([getattr(c, name) for c in cameras], np.float32)

    names = ("height_m", "fov_deg", "rate_hz", "tilt_deg", "yaw_deg", "x_m", "y_m")
    wall = np.array([c.mount == "wall" for c in cameras])
    return Optics(cameras[0].rows, cameras[0].cols, wall=wall, **{n: told_of(n) for n in names})


def two(rows: int, cols: int, rate_hz: float) -> tuple[Camera, Camera]:
    """On the ceiling, turned and not in the middle; and on the wall at the other end of the room, tilted."""
    above = Camera(
        rows, cols, 90.0, rate_hz, "ceiling", 2.6, x_m=0.3, y_m=-0.2, yaw_deg=90.0, netd_k=0.15, seed=1
    )
    return above, Camera(
        rows, cols, 90.0, rate_hz, "wall", 2.2, x_m=-1.9, tilt_deg=28.0, yaw_deg=0.0, netd_k=0.15, seed=2
    )


def looked(cameras: Sequence[Camera], seed: int, duration_s: float) -> tuple[list[Finding], list[Seen], I64]:
    motion = script(seed, "fall", duration_s, 30)
    homes = [simulated_home(f"h{i}", c, motion, room(seed), duration_s) for i, c in enumerate(cameras)]
    centi, t_ms = np.stack([h.centi for h in homes]), homes[0].t_ms
    zones = laid_out([furniture(room(seed))] * len(homes))
    state = fall.fresh(eyes(cameras), zones)
    found: list[Finding] = []
    seen = []
    for k in range(len(t_ms)):
        some, what = fall.step(PARAMS, state, batch(t_ms, centi, k), int(t_ms[k]))
        found += some
        seen.append(what)
    return found, seen, t_ms


@pytest.mark.parametrize(("rows", "cols"), [(8, 8), (12, 16), (16, 16), (24, 32), (60, 80)])
def test_every_resolution_on_ceiling_and_wall_in_one_group(rows: int, cols: int) -> None:
    """Both see where the resident lies, in the room's coordinates."""
    found, seen, t_ms = looked(two(rows, cols, 4.0), 100, 55)
    pose, _ = script(100, "fall", 55, 30).at(np.array([54.0]))
    fell = next(t for t in script(100, "fall", 55, 30).truth if t.label.startswith("fall"))
    assert all(f.decided_ms > fell.start_s * 1000 for f in found)
    end = [s for s, t in zip(seen, t_ms, strict=True) if t > 50_000]
    for sensor in range(2):
        places = np.array([(s.x_m[sensor], s.y_m[sensor]) for s in end if s.people[sensor]])
        assert len(places) > len(end) / 2
        assert np.median(places, axis=0) == pytest.approx(pose[0, :2], abs=0.8)
    assert {int(c) for s in seen for c in s.posture} <= {int(p) for p in Posture}


@pytest.mark.parametrize("rate_hz", [1.0, 2.0, 4.0, 8.0, 16.0])
def test_frame_rates(rate_hz: float) -> None:
    camera = replace(melexis(100), rate_hz=rate_hz)
    found, seen, t_ms = looked([camera], 100, 60)
    fell = next(t for t in script(100, "fall", 60, 30).truth if t.label.startswith("fall"))
    assert all(f.decided_ms > fell.start_s * 1000 for f in found)
    late = [s for s, t in zip(seen, t_ms, strict=True) if t > 45_000]
    assert np.mean([s.posture[0] == Posture.LYING for s in late]) > 0.8
    if rate_hz >= 4:
        assert [f.kind for f in found] == [Kind.FALL_SUSPECTED, Kind.FALL_CONFIRMED]
