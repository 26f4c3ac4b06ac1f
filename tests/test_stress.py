"""Recordings changed as told, people tested on whom nothing was fitted, and floors on the recorded array."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from detectors.fallstate import FallParams
from detectors.frame import BAD_PIXEL
from detectors.posture import Doing
from guardian.cli import app
from guardian.trace import Trace, TraceError, TraceSensor, TruthRow
from guardian.trace_writer import write_trace
from simulator import acting, leave_out, stress
from simulator.leave_out import Fold
from simulator.stress import AS_RECORDED, INVARIANT, STRESS, Recording
from simulator.train import IGNORED
from tests.thermal import hastily, shipped

TRACE = Path(__file__).parents[2] / "shared" / "data" / "traces" / "ceiling16"
FLOOR_F1 = 0.93
"""Of each condition in STRESS, with the shipped weights."""
FLOOR_MEAN_F1 = 0.95
"""Of all conditions in STRESS."""
MOST_OFF = 0.03
"""Of F1, by what must hardly matter."""
SIZE = 16


@pytest.fixture(scope="module")
def acted() -> list[Recording]:
    """Eight acted recordings, each of its first person alone; another one in the second half."""
    out = []
    for k, scene in enumerate(acting.scenes(8, seed=7)):
        first = [r for r in scene.truth if r.subject == "human1"]
        truth = tuple(replace(r, subject="ab"[k // 4]) for r in first)
        seen = scene.t_ms <= first[-1].end_ms + 8_000
        out.append(Recording(sensor(f"r{k}"), scene.t_ms[seen], scene.centi[seen], truth))
    return out


def sensor(home: str, size: int = SIZE, mount: str = "ceiling") -> TraceSensor:
    return TraceSensor(home, "t0", "thermal", "room", size, size, 9.1, mount, 2.2, None)


def blank(frames: int = 60, level: int = 2200) -> Recording:
    """A pattern that stands still, with a dead pixel."""
    pattern = level + np.random.default_rng(2).integers(-300, 300, (SIZE, SIZE))
    centi = np.repeat(pattern[None].astype(np.int16), frames, axis=0)
    centi[:, 3, 4] = BAD_PIXEL
    return Recording(sensor("blank"), 110 * np.arange(frames), centi, ())


def written(path: Path, recordings: Sequence[Recording]) -> Path:
    write_trace(
        path,
        name="acted",
        timezone="UTC",
        source="",
        licence="",
        sensors=[r.sensor for r in recordings],
        frames={(r.sensor.home, r.sensor.name): (r.t_ms, r.centi) for r in recordings},
        truth={r.sensor.home: r.truth for r in recordings},
    )
    return path


# --- changes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [0.75, 1.3])
def test_contrast_scales_what_stands_out_and_nothing_else(acted: list[Recording], factor: float) -> None:
    before = acted[0]
    after = stress.contrast(before, factor)
    usual = np.median(before.centi[stress.SETTLED :], axis=0)
    off = (after.centi - usual) - factor * (before.centi - usual)
    assert np.abs(off).max() <= 0.5
    assert np.abs(before.centi - usual).max() > 50
    assert np.array_equal(stress.contrast(before, 1.0).centi, before.centi)


def test_zoom_moves_the_rim_by_as_much_as_told_and_the_middle_not_at_all(acted: list[Recording]) -> None:
    assert np.array_equal(stress.zoom(acted[1], 1.0).centi, acted[1].centi)
    at = (np.arange(SIZE) - 7.5) * 100  # a slope in both directions
    slope = np.round(at[:, None] + 2 * at[None]).astype(np.int16)
    still = Recording(sensor("slope"), np.arange(3), np.repeat(slope[None], 3, axis=0), ())
    for factor in (0.9, 1.1):
        seen = np.clip(at / factor, -750, 750)  # what is beyond the edge repeats the edge
        expected = seen[:, None] + 2 * seen[None]
        assert np.abs(stress.zoom(still, factor).centi - expected).max() <= 0.51


def test_half_the_rate_halves() -> None:
    before = blank(61)
    after = stress.every_second(before)
    assert len(after.t_ms) == len(after.centi) == 31
    assert set(np.diff(after.t_ms)) == {220}


def test_noise_has_its_sigma_and_is_the_same_each_time() -> None:
    before = blank()
    after = stress.noisy(before)
    good = before.centi != BAD_PIXEL
    off = (after.centi - before.centi)[good] / 100
    assert off.std() == pytest.approx(stress.NOISE_K, rel=0.03)
    assert abs(off.mean()) < 0.003
    assert np.array_equal(after.centi, stress.noisy(before).centi)
    other = replace(before, sensor=sensor("other"))
    assert not np.array_equal(after.centi, stress.noisy(other).centi)
    lag = off.reshape(len(before.t_ms), -1)
    assert abs((lag[1:] * lag[:-1]).mean()) < 0.05 * off.var()


def test_mirrored_and_turned_are_exact() -> None:
    before = blank()
    assert np.array_equal(stress.mirrored(before).centi[:, :, 0], before.centi[:, :, -1])
    assert np.array_equal(stress.mirrored(stress.mirrored(before)).centi, before.centi)
    once = stress.turned(before)
    assert not np.array_equal(once.centi, before.centi)
    assert np.array_equal(once.centi[:, -1, :], before.centi[:, :, 0])
    assert np.array_equal(stress.turned(stress.turned(stress.turned(once))).centi, before.centi)


def test_an_offset_warms_every_pixel_alike() -> None:
    before = blank()
    good = before.centi != BAD_PIXEL
    assert (stress.warmer(before).centi[good] == before.centi[good] + 500).all()


def test_larger_pixels_are_means_of_four() -> None:
    before = blank()
    after = stress.coarser(before)
    assert after.centi.shape == (60, 8, 8)
    assert after.centi[0, 0, 0] == np.round(before.centi[0, :2, :2].mean())
    three = before.centi[0, 2:4, 4:6].astype(np.float64)
    assert after.centi[0, 1, 2] == np.round(three[three != BAD_PIXEL].mean())


def test_a_dead_pixel_stays_dead_and_lends_nothing_to_others() -> None:
    before = blank()
    for name, change in {**STRESS, **INVARIANT}.items():
        after = change(before).centi
        assert (after == BAD_PIXEL).any(axis=(1, 2)).all(), name
        good = after[after != BAD_PIXEL]
        assert good.min() > 1700, name
        assert good.max() < 3200, name


# --- recordings that fit ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("eyes", "said"),
    [
        ([], "all of one size"),
        ([sensor("a"), sensor("b", 8)], "all of one size"),
        ([sensor("a", mount="wall")], "on the ceiling"),
        ([sensor("a"), replace(sensor("a"), name="t1")], "one thermal array a home"),
        ([replace(sensor("a"), rows=24, cols=32)], "square arrays, these are 24x32"),
    ],
)
def test_a_trace_that_does_not_fit_says_why(tmp_path: Path, eyes: list[TraceSensor], said: str) -> None:
    write_trace(tmp_path / "t", name="t", timezone="UTC", source="", licence="", sensors=eyes)
    with pytest.raises(TraceError, match=said):
        stress.read(Trace.open(tmp_path / "t"))


def test_the_command_tells_every_condition(tmp_path: Path, acted: list[Recording]) -> None:
    path, file = written(tmp_path / "t", acted[:4]), tmp_path / "stress.json"
    done = CliRunner().invoke(app, ["stress", str(path), "--json", str(file)])
    assert done.exit_code == 0, done.output
    told = json.loads(file.read_text("utf-8"))
    by_condition = told["shipped"]["conditions"]
    assert list(by_condition) == [AS_RECORDED, *STRESS, *INVARIANT, "8x8"]
    falls = sum(r.label == "fall" for one in acted[:4] for r in one.truth)
    assert falls == 2
    for name, figures in by_condition.items():
        assert name in done.output
        assert figures["truth"] == falls
        expected = 2 * figures["hit"] / (falls + figures["hit"] + figures["false"])
        assert figures["f1"] == pytest.approx(expected)
    under = [by_condition[name]["f1"] for name in STRESS]
    assert told["shipped"]["mean_f1_under_stress"] == pytest.approx(np.mean(under))
    assert told["folds"] == []
    refused = CliRunner().invoke(app, ["stress", str(path), "--fit"])
    assert refused.exit_code == 1


# --- the experiment --------------------------------------------------------------------------------


def with_people(*names: str) -> Recording:
    return replace(blank(), truth=tuple(TruthRow(0, 1, "walk", n) for n in names))


def test_nobody_is_fitted_on_and_tested(acted: list[Recording]) -> None:
    for recordings in (
        acted,
        [with_people(*"ab"), with_people("b", "c"), with_people(*"de"), with_people("f"), with_people()],
    ):
        turns = leave_out.folds(recordings)
        assert sorted(n for t in turns for n in t.tested) == sorted(
            {n for r in recordings for n in r.subjects}
        )
        for turn in turns:
            assert not set(turn.fitted) & set(turn.tested)
            fitted, tested = leave_out.split(recordings, turn)
            assert fitted
            assert tested
            assert not {n for r in fitted for n in r.subjects} & {n for r in tested for n in r.subjects}
    assert leave_out.folds(acted) == [
        Fold(("b",), ("a",)),
        Fold(("a",), ("b",)),
    ]
    assert [t.tested for t in turns] == [("a", "b", "c"), ("d", "e"), ("f",)]


def test_people_who_all_share_recordings_cannot_be_kept_apart() -> None:
    with pytest.raises(ValueError, match="nobody is left to be tested on"):
        leave_out.folds([with_people(*"ab"), with_people("b", "c")])


def test_labels_are_those_of_the_rows() -> None:
    truth = (
        TruthRow(0, 4_000, "walk", "a"),
        TruthRow(10_000, 12_000, "fall", "a"),
        TruthRow(12_500, 15_000, "lie", "a"),
        TruthRow(30_000, 32_000, "sit", "a"),
        TruthRow(32_000, 34_000, "standup", "a"),
    )
    t_ms = np.array([1, 5, 10.5, 11.5, 13, 14.5, 22, 24, 31, 33]) * 1000
    doing, fell = leave_out.labels(truth, t_ms.astype(np.int64))
    up, sits, lies = Doing.UP, Doing.SITTING, Doing.LYING
    no = IGNORED
    assert doing.tolist() == [up, no, no, no, lies, lies, no, no, sits, no]
    assert fell.tolist() == [0, 0, no, 1, 1, no, no, 0, 0, 0]


def test_copies_differ_in_contrast_and_scale_and_keep_the_truth(acted: list[Recording]) -> None:
    copies = list(leave_out.augmented(acted[:2]))
    assert len(copies) == leave_out.COPIES
    for some in copies:
        for copy, original in zip(some, acted, strict=False):
            assert copy.truth == original.truth
            assert np.array_equal(copy.t_ms, original.t_ms)
            assert not np.array_equal(copy.centi, original.centi)
    again = list(leave_out.augmented(acted[:2]))
    assert all(
        np.array_equal(a.centi, b.centi)
        for x, y in zip(copies, again, strict=True)
        for a, b in zip(x, y, strict=True)
    )


def test_too_few_recordings_are_told(acted: list[Recording]) -> None:
    with pytest.raises(ValueError, match="4 recordings are too few"):  # nobody falls in the one kept aside
        leave_out.fitted_on(shipped(), [acted[:4]], lambda _done, _all, _what: None)


def test_the_threshold_that_is_tried_holds_for_arrays_of_known_and_of_unknown_lens() -> None:
    odds = [n for n in FallParams.__dataclass_fields__ if re.fullmatch("suspect(_.*)?_odds", n)]
    tried = leave_out.suspecting_at(shipped(), -3.0)
    assert set(odds) == {"suspect_odds", "suspect_unscaled_odds"}
    assert {getattr(tried, name) for name in odds} == {-3.0}


@pytest.mark.slow
def test_weights_of_some_people_are_tested_on_the_others(
    acted: list[Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    acted = [acted[k] for k in (1, 0, 3, 2, 5, 4, 7, 6)]  # a fall in what is kept aside
    hastily(monkeypatch, steps=60)
    monkeypatch.setattr(leave_out, "COPIES", 1)
    monkeypatch.setattr(leave_out, "THRESHOLDS", np.array([-2.0, 0.0]))
    turns = leave_out.folds(acted)
    by_condition, folds = leave_out.measured(shipped(), acted, turns)
    assert list(by_condition) == [AS_RECORDED, *STRESS, *INVARIANT, "8x8"]
    falls = sum(r.label == "fall" for one in acted for r in one.truth)
    assert {f.truth for f in by_condition.values()} == {falls}  # every recording is tested once
    assert [f["tested"] for f in folds] == [t.tested for t in turns for _ in range(2)]
    assert {f["threshold"] for f in folds} <= {-2.0, 0.0}


# --- the recorded array ----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(
    not TRACE.is_dir(),
    reason=f"the recorded trace is not here: {TRACE} (its licence keeps it out of the repository)",
)
def test_suspicion_on_recorded_falls_under_stress() -> None:
    by_condition = stress.measured(shipped(), stress.read(Trace.open(TRACE)))
    f1 = {name: f.f1 for name, f in by_condition.items()}
    mean = stress.mean_f1(by_condition)
    print({name: round(v, 3) for name, v in f1.items()}, f"mean under stress {mean:.3f}")  # noqa: T201  (the measured figures, shown by pytest -s)
    assert {f.truth for f in by_condition.values()} == {160}
    moved = {name: f1[name] for name in INVARIANT if abs(f1[name] - f1[AS_RECORDED]) >= MOST_OFF}
    assert not moved
    assert f1[AS_RECORDED] >= 0.95
    assert by_condition[AS_RECORDED].latency_s_p95 <= 1.0
    assert not {name: f1[name] for name in STRESS if f1[name] < FLOOR_F1}
    assert mean >= FLOOR_MEAN_F1
