"""The detector bench: a small run has all its figures, its frames are what it says, scipy finds the same."""

import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import fields
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors import bits, blobs, fall
from detectors.frame import Frames
from simulator.bench import detectors, minutes
from simulator.bench.detectors import ARRAYS, SHARES
from simulator.bench.detectors_table import table
from simulator.bench.footage import Footage, footage
from simulator.bench.rivals import labelled
from simulator.bench.stream import EMPTY_S, MEASURES_S, SPREAD_S, Stream, lookout
from simulator.cores import THREADS
from tests.thermal import shipped

PARAMS = shipped()
WANTED = {"8x8", "16x16", "24x32"}


@cache
def film(shape: str) -> Footage:
    return footage(ARRAYS[shape], 5, 3)


def test_a_small_run_has_every_figure(capfd: pytest.CaptureFixture[str]) -> None:
    figures = detectors.run_detectors(seconds=0.2, sensors=8, sizes=(4, 8, 12), pieces=1, rounds=2)
    assert set(figures["frames_per_second"]) >= WANTED
    for of in figures["frames_per_second"].values():
        assert set(of) == {"0.05", "0.25", "1.0"}
        assert all(rate > 0 for rate in of.values())
    assert figures["memory_bound_frames_per_second"]["24x32"] > 0
    assert figures["scipy_label_frames_per_second"]["24x32"]["0.25"] > 0
    assert figures["naive_frames_per_second"] > 0
    assert figures["memory_bound_bytes_per_frame"] == pytest.approx(13_800, rel=0.01)
    assert figures["blas_threads"] == 1
    assert set(figures["us_per_frame_by_station"]) == {"look", "blobs", "follow", "decide", "learn"}
    assert all(us > 0 for us in figures["us_per_frame_by_station"].values())
    assert list(figures["us_per_frame_by_sensors"]) == ["4", "8", "12"]
    # 17 bytes a pixel for many sensors; here eight share the room to calculate in for 16 frames
    assert 24 * 32 * 4 < figures["state_bytes_per_sensor"]["24x32"] < 24 * 32 * 48
    told = capfd.readouterr().err.splitlines()
    assert [line[:12] for line in told[-2:]] == ["round 1 of 2", "round 2 of 2"]
    text = table(figures)
    assert all(word in text for word in (*WANTED, "memory bound", "plain Python", "scipy", "100%"))


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core has one thread anyway")
def test_nothing_is_measured_where_the_linear_algebra_takes_a_second_thread() -> None:
    asks = "from simulator.bench.detectors import one_thread; print(one_thread())"
    for threads in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", asks],
            env=os.environ | dict.fromkeys(THREADS, threads),
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode == 0) == (threads == "1"), done.stderr
        assert ("threads beside Python's" in done.stderr) == (threads == "2")


def seen(batches: Iterable[Frames], sensors: int) -> list[NDArray[np.float32]]:
    """Frames (N, rows, cols) in kelvin by sensor, each less its own median: drift is common to all pixels."""
    out: list[list[NDArray[np.float32]]] = [[] for _ in range(sensors)]
    for frames in batches:
        for sensor, centi in zip(frames.sensor.tolist(), frames.centi, strict=True):
            out[sensor].append(((centi - np.median(centi)) / 100).astype(np.float32))
    return [np.stack(of) for of in out]


@pytest.mark.parametrize("shape", ARRAYS)
@pytest.mark.parametrize("share", SHARES)
def test_the_stated_share_of_sensors_has_somebody_in_view(shape: str, share: str) -> None:
    sensors = 40
    stream = Stream(film(shape), sensors, float(share), 3)
    batches: list[Frames] = []

    def watch(frames: Frames) -> NDArray[np.bool_]:
        batches.append(frames)
        return np.zeros(len(frames.sensor), np.bool_)

    stream.warm_up(watch)
    empty_for = round((EMPTY_S - SPREAD_S) * stream.rate_hz)
    lived_in = np.zeros(sensors, np.bool_)
    for sensor, kelvin in enumerate(seen(batches, sensors)):
        empty, after = kelvin[:empty_for], kelvin[-round(8 * stream.rate_hz) :]
        sigma = np.maximum(empty.std(axis=0), 0.05)
        out = float(np.median((np.abs(after - empty.mean(axis=0)) / sigma).max(axis=(1, 2))))
        assert out > 7 or out < 5, f"sensor {sensor}: {out:.1f} sigma"
        lived_in[sensor] = out > 7
    assert lived_in.sum() == round(float(share) * sensors)
    assert np.array_equal(lived_in, stream.occupied)


@pytest.mark.parametrize("shape", ARRAYS)
def test_the_detectors_see_the_stated_share_and_time_goes_forwards(shape: str) -> None:
    stream = Stream(film(shape), 40, 0.25, 3, waits=5)
    watch = lookout(PARAMS, fall.fresh(stream.optics, stream.furniture))
    stream.warm_up(watch)
    spent = stream.measure(watch, 0.0)
    assert spent.frames == 40 * round(MEASURES_S * stream.rate_hz) * 4 // 5
    assert spent.seen_share == pytest.approx(0.25, abs=0.05)
    last = np.zeros(40, np.int64)
    pictures: dict[int, bytes] = {}
    for _ in range(200):
        for frames in stream.turn():
            assert (np.diff(frames.sensor) > 0).all()
            assert (frames.t_ms > last[frames.sensor]).all()
            assert frames.dt_s == pytest.approx(1 / stream.rate_hz, abs=1e-3)
            last[frames.sensor] = frames.t_ms
            for sensor, centi in zip(frames.sensor.tolist(), frames.centi, strict=True):
                assert pictures.get(sensor) != centi.tobytes()
                pictures[sensor] = centi.tobytes()


@pytest.mark.parametrize("shape", ARRAYS)
def test_scipy_finds_the_same_patches_on_the_frames_of_the_bench(shape: str) -> None:
    stream = Stream(film(shape), 30, 0.5, 3)
    rows, cols = stream.optics.rows, stream.optics.cols
    state = fall.fresh(stream.optics, stream.furniture)
    patches = 0

    def watch(frames: Frames) -> NDArray[np.bool_]:
        nonlocal patches
        look, _ = fall.observe(PARAMS, state, frames)
        ours = blobs.find(PARAMS.blobs, look.kelvin, look.fog_k[look.rows], rows, cols)
        with labelled():
            theirs = blobs.find(PARAMS.blobs, look.kelvin, look.fog_k[look.rows], rows, cols)
        for field in fields(blobs.Blobs):
            assert np.array_equal(getattr(ours, field.name), getattr(theirs, field.name)), field.name
        patches += int((ours.area_px > 0).sum())
        return look.ready

    stream.warm_up(watch)
    assert patches > 15 * stream.rate_hz


def test_the_blob_search_is_ours_again_afterwards() -> None:
    ours = bits.flood
    with labelled():
        assert bits.flood is not ours
    assert bits.flood is ours


def test_a_minute_of_homes_is_measured_for_every_detector_beside_plain_python() -> None:
    figures = minutes.run_minutes(homes=200)
    wanted = {"silence", "bodytemp", "health", "air", "position"}
    for part in ("minute_ms", "homes_per_second", "naive_homes_per_second"):
        assert set(figures[part]) == wanted
        assert all(value > 0 for value in figures[part].values())
    assert figures["homes"] == 200
    text = minutes.table(figures)
    assert all(name in text for name in wanted)
