"""Snapshots: the newest good one counts, a damaged one never does."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from guardian import snapshot
from guardian.snapshot import Snapshot


def test_the_newest_of_several_comes_back_whole(tmp_path: Path) -> None:
    for beat in (3, 7, 9):
        snapshot.save(tmp_path, Snapshot(beat, {"a": np.arange(beat), "b": np.array(["x"])}))
    found = snapshot.newest(tmp_path)
    assert found is not None
    assert found.beat == 9
    assert list(found.arrays["a"]) == list(range(9))
    assert list(found.arrays["b"]) == ["x"]


def test_beats_are_droppable_only_when_both_files_hold_them(tmp_path: Path) -> None:
    assert snapshot.save(tmp_path, Snapshot(3, {})) == 0
    assert snapshot.save(tmp_path, Snapshot(7, {})) == 3
    assert snapshot.save(tmp_path, Snapshot(9, {})) == 7


@pytest.mark.parametrize("at", [0, 20, 60, -1])
def test_a_flipped_byte_sends_us_to_the_older_one(tmp_path: Path, at: int) -> None:
    snapshot.save(tmp_path, Snapshot(3, {"a": np.arange(4)}))
    snapshot.save(tmp_path, Snapshot(7, {"a": np.arange(5)}))
    newest = max(tmp_path.glob("*.snap"), key=lambda p: p.stat().st_mtime_ns)
    raw = bytearray(newest.read_bytes())
    raw[at] ^= 1
    newest.write_bytes(raw)
    found = snapshot.newest(tmp_path)
    assert found is not None
    assert found.beat == 3


def test_a_half_written_file_is_never_under_a_good_name(tmp_path: Path) -> None:
    snapshot.save(tmp_path, Snapshot(3, {}))
    (tmp_path / "board-b.snap.new").write_bytes(b"half")
    assert snapshot.newest(tmp_path) == Snapshot(3, {}, 0)


def test_where_no_event_came_the_newest_still_counts(tmp_path: Path) -> None:
    for minute in range(5):
        snapshot.save(tmp_path, Snapshot(3, {"minute": np.array(minute)}))
    found = snapshot.newest(tmp_path)
    assert found is not None
    assert found.arrays["minute"] == 4


def test_nothing_there_is_nothing(tmp_path: Path) -> None:
    assert snapshot.newest(tmp_path) is None


def test_writing_ten_thousand_homes_takes_no_second_copy_of_them(tmp_path: Path) -> None:
    arrays = {"a": np.arange(8 << 20), "b": np.zeros(4 << 20)}
    size = sum(array.nbytes for array in arrays.values())
    snapshot.save(tmp_path, Snapshot(1, arrays))
    snapshot.save(tmp_path, Snapshot(2, arrays))
    tracemalloc.start()
    try:
        snapshot.save(tmp_path, Snapshot(3, arrays))  # both files are there and are looked at
        assert tracemalloc.get_traced_memory()[1] < size / 2
    finally:
        tracemalloc.stop()
