"""What a restart must not forget is on the disk within a second, and the disk is not worn out by it."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alerting.concern import Concern, Kind
from alerting.ledger import Ledger
from guardian import snapshot, standing
from guardian.board import Board, SensorSpec
from guardian.lookout import Lookout
from guardian.saving import Copies, Saving
from guardian.snapshot import TAKEN_MS, Snapshot
from simulator.stage import SimulatedHome, demo_homes
from tests.test_lookout import PARAMS, _built, _plays
from tests.test_watch_disk import opened

S = 1000


@pytest.fixture(scope="module")
def home() -> SimulatedHome:
    return demo_homes(seed=1, n=1, fall_home=0, fall_at_s=30.0, duration_s=60.0)[0]


# --- a camera's memory by itself ---------------------------------------------------------------------


def test_a_suspicion_younger_than_the_snapshot_keeps_its_dwell(home: SimulatedHome) -> None:
    board, lookout = _built(home)
    _plays(home, board, lookout, 0, 30)
    minute = lookout.snapshot()
    (suspected,) = _plays(home, board, lookout, 30, 36)
    part = {k: v.copy() for k, v in lookout.part({f"{home.home}/{home.sensor}"}).items()}
    (straight,) = _plays(home, board, lookout, 36, 60)

    board, lookout = _built(home)
    lookout.restore(minute)
    lookout.restore_part(part)
    (confirmed,) = _plays(home, board, lookout, 36, 60)
    assert (suspected.kind, confirmed.kind) == (Kind.FALL_SUSPECTED, Kind.FALL_CONFIRMED)
    assert (confirmed.onset_ms, confirmed.decided_ms) == (straight.onset_ms, straight.decided_ms)

    board, lookout = _built(home)  # the check can fail
    lookout.restore(minute)
    without = _plays(home, board, lookout, 36, 60)
    assert [c.kind for c in without] != [Kind.FALL_CONFIRMED]


def test_only_the_cameras_that_are_named_come_back(home: SimulatedHome) -> None:
    h = home
    specs = [
        SensorSpec(name, "t0", "thermal", h.room, h.rows, h.cols, h.rate_hz, h.mount, h.height_m, h.fov_deg)
        for name in ("h1", "h2")
    ]
    board = Board("s", specs)
    lookout = Lookout(board, PARAMS)
    key = f"fall.{h.rows}x{h.cols}.room_room"
    state = lookout.snapshot(live=True)[key]
    state[:] = [[1.0] * state.shape[1], [2.0] * state.shape[1]]
    part = lookout.part({"h2/t0", "h9/t0"})
    assert part[f"names.{h.rows}x{h.cols}"].tolist() == ["h2/t0"]
    other = Lookout(Board("s", specs), PARAMS)
    other.restore_part(part)
    assert other.snapshot()[key][:, 0].tolist() == [0.0, 2.0]
    moved = [specs[0], SensorSpec(*(*_fields(specs[1])[:8], 2.0, h.fov_deg))]  # hangs lower now
    other = Lookout(Board("s", moved), PARAMS)
    other.restore_part(part)
    assert other.snapshot()[key][:, 0].tolist() == [0.0, 0.0]


def _fields(spec: SensorSpec) -> tuple[Any, ...]:
    return (spec.home, spec.name, spec.kind, spec.room, spec.rows, spec.cols, spec.rate_hz, spec.mount)


# --- what is written when ------------------------------------------------------------------------------


class Disk:
    """A lookout over one home, and what its saving would write."""

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        spec = SensorSpec("h1", "t0", "thermal", "living", 8, 8, 8.0, "ceiling", 2.5, 60.0)
        self.lookout = Lookout(Board("s", [spec]), PARAMS)
        self.saving = Saving(folder, ledger)
        self.now_ms = 1_790_000_000_000
        self.saving.begin(self.lookout, self.now_ms)
        self.written = list[tuple[str, int]]()
        """(name of what was called, when it was taken)"""

    async def finds(self, *kinds: Kind) -> None:
        said = [Concern("h1", k, self.now_ms, self.now_ms, 0.9, sensor="t0") for k in kinds]
        self.saving.remember(said)
        await self.after(0)

    async def after(self, s: float) -> None:
        self.now_ms += round(1000 * s)
        await self.saving.attend(self.lookout, 1, self.now_ms)
        while not self.saving.queue.empty():
            save, held = self.saving.queue.get_nowait()
            self.saving.queue.task_done()
            self.written.append((getattr(save, "__name__", ""), held.taken_ms))


@pytest.fixture
async def disk(tmp_path: Path) -> AsyncIterator[Disk]:
    ledger = await Ledger.open(None, inline=True)
    yield Disk(ledger, tmp_path)
    await ledger.close()


async def test_in_a_calm_hour_there_is_one_snapshot_a_minute(disk: Disk) -> None:
    begun_ms = disk.now_ms
    for _ in range(1800):
        await disk.after(0.2)
    assert [(name, (t - begun_ms) // S) for name, t in disk.written] == [
        ("save", s) for s in (10, 70, 130, 190, 250, 310)
    ]


async def test_falls_are_on_the_disk_within_a_second_and_cost_no_whole_snapshot(disk: Disk) -> None:
    await disk.after(10)
    assert disk.written.pop()[0] == "save"
    for _ in range(100):  # a suspicion in each of 100 beats: 20 s
        await disk.after(0.2)
        await disk.finds(Kind.FALL_SUSPECTED)
    assert {name for name, _ in disk.written} == {"save_part"}
    taken = [t for _, t in disk.written]
    assert len(taken) == 20
    assert max(b - a for a, b in itertools.pairwise(taken)) == S


async def test_what_was_told_is_in_a_whole_snapshot_soon_and_no_more_often(disk: Disk) -> None:
    await disk.after(10)
    begun_ms = disk.now_ms
    disk.written.clear()
    for _ in range(300):
        await disk.after(0.2)
        await disk.finds(Kind.INACTIVITY)
    whole = [(t - begun_ms) // S for name, t in disk.written if name == "save"]
    assert whole == [20, 40, 60]


async def test_a_part_holds_what_is_open_and_a_whole_one_ends_it(disk: Disk) -> None:
    await disk.after(10)
    disk.saving.remember([])  # an incident has moved, and no camera has found anything
    disk.now_ms += S
    await disk.saving.attend(disk.lookout, 1, disk.now_ms)
    _save, held = disk.saving.queue.get_nowait()
    assert standing.read(held).t_ms == disk.now_ms == held.taken_ms
    assert held.arrays["names.8x8"].tolist() == []
    disk.saving.remember([Concern("h1", Kind.FALL_SUSPECTED, 0, 0, 0.9, sensor="t0")])
    disk.written.clear()
    await disk.after(60)
    await disk.after(0.2)
    assert [name for name, _ in disk.written] == ["save"], "what the whole one holds needs no part"


async def test_a_copy_stands_still_while_the_arrays_go_on(disk: Disk) -> None:
    key = "fall.8x8.room_room"
    await disk.saving._whole(disk.lookout, 1, disk.now_ms)
    _save, held = disk.saving.queue.get_nowait()
    before = held.arrays[key].copy()
    disk.lookout.snapshot(live=True)[key][:] += 1
    assert np.array_equal(held.arrays[key], before)
    memory = held.arrays[key]
    await disk.saving._whole(disk.lookout, 1, disk.now_ms)
    _save, again = disk.saving.queue.get_nowait()
    assert again.arrays[key] is memory, "memory that is there is used again"
    assert np.array_equal(memory, before + 1)


# --- which part is believed ----------------------------------------------------------------------------


def held(beat: int, taken_ms: int) -> Snapshot:
    return Snapshot(beat, {TAKEN_MS: np.array(taken_ms), "names.8x8": np.array(["h1/t0"])})


@pytest.mark.parametrize(
    ("beat", "taken_ms", "counts"),
    [(5, 1_001, True), (6, 1_001, True), (5, 1_000, False), (5, 999, False), (4, 1_001, False)],
)
def test_a_part_counts_only_after_the_snapshot(
    tmp_path: Path, beat: int, taken_ms: int, counts: bool
) -> None:
    snapshot.save(tmp_path, held(5, 1_000))
    snapshot.save_part(tmp_path, held(beat, taken_ms))
    found = snapshot.newest(tmp_path)
    assert found is not None
    part = snapshot.part_after(tmp_path, found)
    assert (part is not None) == counts
    if part is not None:
        assert (part.beat, part.taken_ms) == (beat, taken_ms)


def test_a_damaged_part_is_none(tmp_path: Path) -> None:
    snapshot.save_part(tmp_path, held(5, 1_001))
    (file,) = tmp_path.iterdir()
    raw = bytearray(file.read_bytes())
    for at in range(0, len(raw), 7):
        raw[at] ^= 1
        file.write_bytes(raw)
        assert snapshot.part_after(tmp_path, held(5, 1_000)) is None
        raw[at] ^= 1
    file.write_bytes(raw)
    assert snapshot.part_after(tmp_path, held(5, 1_000)) is not None
    file.unlink()
    assert snapshot.part_after(tmp_path, held(5, 1_000)) is None


@asynccontextmanager
async def written(watch: Any, folder: Path) -> AsyncIterator[None]:
    writing = asyncio.create_task(watch.saving.run(folder))
    try:
        yield
        await watch.saving.queue.join()
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)


async def test_a_killed_watch_takes_back_snapshot_and_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real beat, with real files: what a part brings is taken after the snapshot, never without it."""
    ledger, first = await opened(tmp_path)
    async with written(first.watch, tmp_path):
        await first.presses("e1")  # the first finding: a whole one
        await first.watch.saving.queue.join()
        await first.beat(2)
        first.watch.saving.remember([Concern("h01", Kind.FALL_SUSPECTED, 0, 0, 0.9, sensor="help")])
        await first.beat(1)
    names = os.listdir(tmp_path)  # noqa: PTH208  # one look
    assert {n for n in names if n.startswith("board")} == {"board-a.snap", "board.part"}
    await ledger.close()
    taken = list[str]()
    monkeypatch.setattr(Lookout, "restore", lambda *_: taken.append("whole"))
    monkeypatch.setattr(Lookout, "restore_part", lambda *_: taken.append("part"))
    ledger, again = await opened(tmp_path)
    await again.watch.restore()
    assert taken == ["whole", "part"]
    (tmp_path / "board-a.snap").unlink()
    taken.clear()
    await again.watch.restore()
    assert taken == []
    await ledger.close()


# --- copies -------------------------------------------------------------------------------------------


def test_a_copy_stays_as_it_was_in_memory_that_is_used_again() -> None:
    rng = np.random.default_rng(1)
    live = {
        "names": np.array(["h01/t0", "h02/t0"]),
        "mean": rng.normal(size=(2, 9)).astype(np.float32),
        "held": rng.random((2, 9)) < 0.5,
        "one": np.array(True),
        "none": np.zeros((0, 3), np.bool_),
        "taken": np.array(7),
    }
    was = {name: array.copy() for name, array in live.items()}
    copies = Copies()
    copied = copies.of(live)
    mine = copied["mean"]
    live["mean"] += 1
    live["held"] ^= True
    assert set(copied) == set(was)
    assert len(copied) == len(was)
    for name, array in was.items():
        assert copied[name].dtype == array.dtype, name
        assert copied[name].shape == array.shape, name
        assert np.array_equal(copied[name], array), name
    del live["names"]
    again = copies.of(live)
    assert again["mean"] is mine, "no fresh memory"
    assert np.array_equal(again["held"], live["held"])
    assert "names" not in again


def test_a_copy_takes_less_than_what_it_is_of(home: SimulatedHome) -> None:
    _board, lookout = _built(home)
    arrays = lookout.snapshot(live=True)
    assert Copies().of(arrays).nbytes < 0.95 * sum(array.nbytes for array in arrays.values())
