"""Whole evaluations: each home once, the same seed the same result, an interrupted run goes on."""

import json
import math
import os
import pickle
import select
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from alerting.ledger import LedgerError, lock_state
from guardian.cli import app
from guardian.trace import Trace, TraceError, TraceSensor
from guardian.trace_writer import write_trace
from guardian.watch import BEAT_MS
from simulator import kept, simulate, study, suites
from simulator.cores import WorkerLost, pool
from simulator.evaluate import watch
from simulator.feed import of_homes, of_trace
from simulator.fingerprint import fingerprint
from simulator.lives import DAY_S
from simulator.score import Found
from simulator.suites import Options
from tests.thermal import everything

SMALL = Options(homes=2, sensors=("amg8833",), kinds=("trip",))
"""One kind of fall under one array, on the ceiling and on the wall: four homes of seven minutes."""
FIGURES = (
    "truth",
    "hit",
    "false",
    "sensitivity",
    "precision",
    "f1",
    "false_per_hour",
    "false_per_home_day",
    "latency_s_p50",
    "latency_s_p95",
)
SEEDS = st.integers(0, 2**31 - 1)


@pytest.mark.parametrize("suite", suites.names())
def test_the_jobs_of_a_suite_hold_each_home_once(suite: str) -> None:
    options = Options(homes=3, days=7)
    homes = [at for job in study.jobs(suite, 1, options) for at in job.homes]
    cells = suites.cells(suite, options)
    assert sorted(homes) == [(c, i) for c, cell in enumerate(cells) for i in range(cell.homes)]
    assert len({cell.name for cell in cells}) == len(cells)
    for job in study.jobs(suite, 1, options):
        assert len({(cells[c].duration_s, cells[c].season) for c, _ in job.homes}) == 1


def test_a_suite_is_split_so_that_every_core_has_work() -> None:
    assert len(study.jobs("falls", 1, SMALL)) >= 2


def test_unknown_names_are_told_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match="no suite 'fals'; there are falls, negatives"):
        suites.cells("fals", Options())
    with pytest.raises(ValueError, match="no kind jump, stumble; there are bed, chair"):
        suites.cells("falls", Options(kinds=("trip", "stumble", "jump")))
    with pytest.raises(ValueError, match=r"no 'amg88', there are .*; --homes: at least 1; --days: more"):
        Options(homes=0, days=-1, sensors=("amg88",)).checked()


@settings(max_examples=8, deadline=None)
@given(seed=SEEDS, number=st.integers(0, 50))
def test_a_home_is_the_same_however_often_it_is_made(seed: int, number: int) -> None:
    for suite, kind in (("falls", "slide"), ("negatives", "kneel"), ("collapses", "night")):
        cell = suites.cells(suite, Options(days=8, kinds=(kind,)))[0]
        one, two = (suites.home(cell, seed, number) for _ in range(2))
        assert pickle.dumps(one) == pickle.dumps(two)


@settings(max_examples=5, deadline=None)
@given(seed=SEEDS)
def test_what_the_devices_send_is_the_same_byte_by_byte(seed: int) -> None:
    cell = suites.cells("falls", SMALL)[0]

    def sent() -> list[tuple[int, str, bytes]]:
        blocks = of_homes([suites.home(cell, seed, 0)]).blocks()
        return [(at, topic, bytes(payload)) for b in blocks for at, topic, payload, _ in b.messages]

    assert sent() == sent()


def test_other_seeds_and_numbers_are_other_homes() -> None:
    cell = suites.cells("falls", SMALL)[0]
    whole = [pickle.dumps(suites.home(cell, seed, i).actors) for seed, i in ((1, 0), (1, 1), (2, 0))]
    assert len(set(whole)) == 3


def test_a_longer_run_begins_with_the_homes_of_a_shorter_one() -> None:
    short = suites.cells("falls", SMALL)[0]
    long = suites.cells("falls", Options(homes=50, sensors=("amg8833",), kinds=("trip",)))[0]
    assert pickle.dumps(suites.home(short, 7, 1)) == pickle.dumps(suites.home(long, 7, 1))


def evaluated(kept: Path) -> dict[str, Any]:
    result = study.run_suite("falls", 1, SMALL, everything(), kept=kept)
    for name in (
        "cpu_s",
        "wall_s",
        "home_hours_per_minute",
        "sensor_hours_per_hour",
        "sensor_hours_per_cpu_hour",
    ):
        del result["simulated"][name]
    return result


@pytest.mark.slow
def test_an_interrupted_evaluation_goes_on_and_comes_to_the_same(tmp_path: Path) -> None:
    whole = evaluated(tmp_path / "a")
    assert not any((tmp_path / "a").rglob("*.pickle"))  # nothing is left when it is finished
    params = everything()
    jobs = study.jobs("falls", 1, SMALL)
    folder = study.folder_of(tmp_path / "b", "falls", 1, SMALL, params)
    folder.mkdir(parents=True)
    part = study.work(params, jobs[0])
    part.cases = []  # so that it shows whether it was used
    (folder / "0000.pickle").write_bytes(pickle.dumps(part))
    assert evaluated(tmp_path / "b")["traces"][0]["kinds"]["fall-suspected"]["truth"] == 0
    assert evaluated(tmp_path / "b") == whole


def test_an_evaluation_says_what_design_asks_for(tmp_path: Path) -> None:
    result = json.loads(json.dumps(evaluated(tmp_path)))
    assert [e["name"] for e in result["traces"]] == ["falls/ceiling/8x8/trip", "falls/wall/8x8/trip"]
    assert [e["name"] for e in result["summary"]] == ["falls/ceiling/8x8", "falls/wall/8x8"]
    kind = result["traces"][0]["kinds"]["fall-suspected"]
    for key in FIGURES:
        assert key in kind
    assert kind["truth"] == 2
    assert result["traces"][0]["home_days"] == pytest.approx(2 * 420 / 86_400)
    assert result["traces"][0]["position"]["seconds"] > 600
    assert all(len(case["frames"]) in range(1, 10) for case in result["worst"])
    assert result["simulated"]["payloads_rejected"] == result["simulated"]["frames_dropped"] == 0


@pytest.mark.slow
def test_a_written_suite_is_a_trace_that_scores_as_the_suite_does(tmp_path: Path) -> None:
    out = tmp_path / "trace"
    written = simulate.write(out, "falls", 1, SMALL)
    assert (written.homes, written.drawn <= written.frames) == (4, True)
    trace = Trace.open(out)
    assert trace.name == "falls-1"
    homes = [suites.home(c, 1, i) for c in suites.cells("falls", SMALL) for i in range(2)]
    straight, recorded = (watch(f, everything()).found for f in (of_homes(homes), of_trace(trace)))
    assert recorded == straight
    figures = study.run_traces([out], everything())["traces"][0]
    assert figures["kinds"]["fall-suspected"]["truth"] == 4
    assert figures["position"]["seconds"] > 1200


@pytest.mark.slow
def test_the_homes_of_a_trace_on_all_cores_score_as_on_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulate.write(tmp_path, "falls", 1, SMALL)

    def scored() -> dict[str, Any]:
        result = study.run_traces([tmp_path], everything())
        for entry in result["traces"] + result["summary"]:
            entry.pop("curves", None)  # confidences differ in the eighth digit with the size of a batch
        return result

    together = scored()
    monkeypatch.setattr(study, "ENOUGH_HOMES", 1)
    assert scored() == together


def test_simulating_twice_gives_the_same_bytes_also_after_an_interruption(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    simulate.write(one, "falls", 1, SMALL)
    shutil.copytree(one, two)
    last = sorted((two / "truth").glob("*.csv"))[-2]  # as if it had been stopped before this home's truth
    last.unlink()
    told: list[tuple[int, int]] = []
    simulate.write(two, "falls", 1, SMALL, lambda done, whole, _name: told.append((done, whole)))
    assert told[-1] == (4, 4)
    files = sorted(p.relative_to(one) for p in one.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(two) for p in two.rglob("*") if p.is_file())
    assert all((one / f).read_bytes() == (two / f).read_bytes() for f in files)


def test_a_written_home_is_as_dark_as_its_truth_says(tmp_path: Path) -> None:
    simulate.write(tmp_path / "t", "storm", 1, Options(homes=1, sensors=("amg8833",), kinds=("dark",)))
    trace = Trace.open(tmp_path / "t")
    (home,) = trace.homes
    (blind,) = [row for row in trace.truth(home) if row.label == "blind"]
    t_ms, _ = trace.frames(home, "eye")
    gap = int(np.argmax(np.diff(t_ms)))
    assert abs(int(t_ms[gap]) - blind.start_ms) < 1_000
    assert abs(int(t_ms[gap + 1]) - blind.end_ms) < 1_000


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    simulate.write(tmp_path / "t", "falls", 1, Options(homes=1, sensors=("amg8833",), kinds=("trip",)))
    with pytest.raises(simulate.SimulationError, match="another simulation"):
        simulate.write(tmp_path / "t", "falls", 2, SMALL)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(simulate.SimulationError, match="is not empty"):
        simulate.write(tmp_path / "mine", "falls", 1, SMALL)


@pytest.mark.slow
def test_collapses_are_played_one_at_a_time_beside_the_untouched_days(tmp_path: Path) -> None:
    """And those of a trace are, too."""
    options = Options(homes=2, days=40, kinds=("marks",))
    result = study.run_suite("collapses", 3, options, everything(), kept=tmp_path / "kept")
    entry = result["traces"][0]
    cell = suites.cells("collapses", options)[0]
    marks = sum(t.label == "collapse" for i in range(2) for t in suites.home(cell, 3, i).truth)
    assert marks > 0
    assert entry["kinds"]["inactivity"]["truth"] == marks
    assert entry["kinds"]["inactivity"]["found_24h"] == 1
    assert entry["home_days"] == pytest.approx(80)
    simulate.write(tmp_path / "t", "collapses", 3, options)
    recorded = study.run_traces([tmp_path / "t"], everything())["traces"][0]["kinds"]["inactivity"]
    assert recorded["truth"] == marks


def test_code_and_parameters_have_a_fingerprint() -> None:
    assert fingerprint() == fingerprint()
    assert len(fingerprint()) == 64


def test_an_empty_trace_is_no_reason_to_fall_over(tmp_path: Path) -> None:
    write_trace(
        tmp_path / "t", name="empty", timezone="Asia/Shanghai", source="tests", licence="none", sensors=[]
    )
    assert study.run_traces([tmp_path / "t"], everything())["traces"][0]["home_days"] == 0


@pytest.mark.parametrize("suite", suites.names())
def test_homes_last_as_long_as_their_cell_says(suite: str) -> None:
    for cell in suites.cells(suite, Options(homes=1, days=7, sensors=("amg8833",)))[:40]:
        assert suites.home(cell, 1, 0).duration_s == cell.duration_s


def test_the_homes_of_a_storm_share_a_clock() -> None:
    cells = suites.cells("storm", Options(homes=40, sensors=("amg8833",)))
    jobs = study.jobs("storm", 1, Options(homes=40, sensors=("amg8833",)))
    assert len({cell.duration_s for cell in cells}) == 1
    assert {c for job in jobs for c, _ in job.homes} == {0, 1}


def test_days_are_a_number_and_enough() -> None:
    with pytest.raises(ValueError, match="--days: at least 7 for collapses/active, collapses/bathroom"):
        suites.cells("collapses", Options(days=3))
    (marks,) = suites.cells("collapses", Options(days=3, kinds=("marks",)))  # nothing has to fit in
    assert marks.duration_s == 3 * DAY_S
    for days in (math.nan, math.inf):
        with pytest.raises(ValueError, match="--days: more than 0"):
            Options(days=days).checked()


def test_silence_after_a_homes_last_reading_is_no_alarm() -> None:
    spans = ((1_000, 5_000),)
    at = (999, 1_000, 5_000 + BEAT_MS, 5_001 + BEAT_MS)
    found = [Found("h", "inactivity", t, t) for t in at]
    assert study._within(spans, found) == tuple(found[1:3])
    assert study._within((), found) == ()


def test_a_place_without_marks_still_says_how_silence_was_found(tmp_path: Path) -> None:
    options = Options(homes=2, days=8, kinds=("active",))
    entry = study.run_suite("collapses", 3, options, everything(), kept=tmp_path)["traces"][0]
    told = entry["kinds"]["inactivity"]
    assert told["truth"] == told["placed"]["truth"] == 2
    assert told["found_24h"] == told["placed"]["hit"] / 2 > 0  # a first week: not each is found in a day
    assert {"delay_h_p50_day", "delay_h_p50_night", "unexplained"} <= told.keys()
    assert told["home_days"] < 16  # days of lying there and of hospital are left out


def test_a_result_of_other_code_is_not_kept(tmp_path: Path) -> None:
    job = study.jobs("falls", 1, SMALL)[0]
    with pytest.raises(kept.StudyError, match="code has changed"):
        kept.keep(partial(study.work, everything(), job), tmp_path / "0000.pickle", "another")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("homes", [1, 2 * study.ENOUGH_HOMES])
def test_a_trace_with_an_unknown_kind_of_sensor_is_named(tmp_path: Path, homes: int) -> None:
    """Also when another process has found it."""
    odd = [
        TraceSensor(f"h{k:02d}", "x", "sonar", "hall", None, None, None, None, None, None)
        for k in range(homes)
    ]
    write_trace(tmp_path / "t", name="odd", timezone="UTC", source="tests", licence="none", sensors=odd)
    with pytest.raises(TraceError, match="unknown kind of sensor: h00/x: sonar"):
        study.run_traces([tmp_path / "t"], everything())


def test_bad_usage_is_told_before_any_work(tmp_path: Path) -> None:
    run = CliRunner()
    for wrong, said in (
        (["--suite", "fals"], "no suite 'fals'"),
        (["--suite", "falls", "--json", str(tmp_path / "no" / "x.json")], "cannot be written"),
        ([str(tmp_path), "--homes", "3"], "belong to a suite"),
        (["--suite", "falls", "--seed", "-1"], "--seed"),
    ):
        told = run.invoke(app, ["evaluate", *wrong])
        assert told.exit_code == 2
        assert said in told.output.replace("\n", " ").replace("│", "")


def test_two_arrays_of_one_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="two arrays of one shape cannot be told apart in falls/ceiling"):
        suites.cells("falls", Options(sensors=("mlx90640", "mlx90640_narrow")))


def test_walking_before_an_array_is_a_proof_of_life_and_lying_there_is_not() -> None:
    cell = suites.cells("falls", Options(sensors=("amg8833",), kinds=("faint",)))[0]
    for number in range(6):
        fell = suites.home(cell, 1, number)
        (down,) = [row for row in fell.truth_rows() if row.label == "down"]
        life_ms = study._seen_moving_ms(fell)
        assert len(life_ms)
        lying_ms = np.arange(down.start_ms, min(down.end_ms, fell.ms(fell.duration_s)), 1000)
        _, place = fell.where(lying_ms)
        if np.ptp(place, axis=0).max() < study.WALKED_M / 2:  # does not crawl
            assert not ((life_ms > down.start_ms + study.MINUTE_MS) & (life_ms < lying_ms[-1])).any()
            break
    else:
        raise AssertionError("all of them crawl")
    assert not len(study._seen_moving_ms(replace(fell, eyes=())))


def test_the_same_evaluation_is_not_run_twice_at_once(tmp_path: Path) -> None:
    folder = study.folder_of(tmp_path, "falls", 1, SMALL, everything())
    folder.mkdir(parents=True)
    with lock_state(folder), pytest.raises(LedgerError, match="another Guardian runs here"):
        study.run_suite("falls", 1, SMALL, everything(), kept=tmp_path)


BUSY_PARENT = """
import os
from simulator.cores import pool

def work():
    print(os.getpid(), flush=True)
    while True:
        pass

if __name__ == "__main__":
    with pool() as workers:
        workers.submit(work).result()
"""


def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    """An evaluation that was killed does not keep the cores busy for hours."""
    script = tmp_path / "parent.py"
    script.write_text(BUSY_PARENT)
    env = {**os.environ, "PYTHONPATH": str(Path(study.__file__).parents[1])}
    with subprocess.Popen([sys.executable, str(script)], env=env, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        worker = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
        ended, _, _ = select.select([worker], [], [], 20.0)
    os.close(worker)
    assert ended


def test_a_killed_worker_is_told_in_one_line() -> None:
    with pytest.raises(WorkerLost, match="start again"), pool() as workers:
        workers.submit(os._exit, 9).result()
