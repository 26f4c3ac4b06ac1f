"""Snapshots: the newest good one counts, and damage costs the piece that it is in, no other."""

import hashlib
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from guardian import snapshot
from guardian.snapshot import Arrays, Snapshot, piece_of

LEARNT: Arrays = {
    "standing": np.frombuffer(b'{"a":1}', np.uint8),
    "board.homes": np.array(["h1", "h2"]),
    "board.now_ms": np.array(5, np.int64),
    "board.group.8x8.t_ms": np.arange(2),
    "names.8x8": np.array(["h1/cam", "h2/cam"]),
    "fall.8x8.room_room": np.linspace(0, 1, 128, dtype=np.float32).reshape(2, 64),
    "fall.24x32.room_held": np.zeros((0, 768), np.bool_),
    "rounds.names.home": np.array(["h1", "h2"]),
}
PIECES = ("standing", "board", "fall.8x8", "fall.24x32", "rounds")


def same(found: Arrays, saved: Arrays) -> bool:
    return found.keys() == saved.keys() and all(
        found[k].dtype == a.dtype and np.array_equal(found[k], a) for k, a in saved.items()
    )


def without(lost: tuple[str, ...], arrays: Arrays = LEARNT) -> Arrays:
    return {k: a for k, a in arrays.items() if piece_of(k) not in lost}


def the_one(folder: Path) -> Path:
    (file,) = folder.glob("*.snap")
    return file


def older_and_newer(folder: Path) -> tuple[Path, Path]:
    older, newer = sorted(folder.glob("*.snap"), key=lambda p: p.stat().st_mtime_ns)
    return older, newer


def flip(file: Path, at: int) -> None:
    raw = bytearray(file.read_bytes())
    raw[at] ^= 0x10
    file.write_bytes(raw)


def inside(file: Path, piece: str) -> int:
    """A byte of this piece, as the index has it."""
    with file.open("rb") as opened:
        index = snapshot._index(opened, opened.read(snapshot._HEAD_B))
    assert index is not None
    found = next(p for p in index.pieces if p.name == piece)
    return found.offset + found.size // 2


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


def test_every_kind_of_array_comes_back_as_it_was(tmp_path: Path) -> None:
    snapshot.save(tmp_path, Snapshot(3, LEARNT))
    found = snapshot.newest(tmp_path)
    assert found is not None
    assert same(found.arrays, LEARNT)
    assert tuple(dict.fromkeys(map(piece_of, LEARNT))) == PIECES


def test_any_flipped_byte_costs_one_piece_or_the_file_and_makes_nothing_else_of_it(tmp_path: Path) -> None:
    snapshot.save(tmp_path, Snapshot(3, LEARNT))
    file = the_one(tmp_path)
    raw = file.read_bytes()
    outcomes = set()
    for at in range(len(raw)):
        file.write_bytes(raw[:at] + bytes([raw[at] ^ 0x10]) + raw[at + 1 :])
        found = snapshot.newest(tmp_path)
        outcomes.add(found and found.lost)
        if found is not None:
            assert len(found.lost) == 1, at
            assert (found.beat, found.generation) == (3, 0), at
            assert same(found.arrays, without(found.lost)), at
    assert outcomes == {None, *((piece,) for piece in PIECES)}
    file.write_bytes(raw)
    assert same(snapshot.newest(tmp_path).arrays, LEARNT)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "where", ["header", "checksum of the index", "length", "index", "checksum of a piece"]
)
def test_without_a_sound_index_a_file_is_none(tmp_path: Path, where: str) -> None:
    snapshot.save(tmp_path, Snapshot(3, LEARNT))
    file = the_one(tmp_path)
    at = {
        "header": 3,
        "checksum of the index": 20,
        "length": 50,
        "index": 60,
        "checksum of a piece": file.read_bytes().index(b"sha256") + 12,
    }
    flip(file, at[where])
    assert snapshot.newest(tmp_path) is None


def test_of_a_file_that_was_cut_off_the_pieces_before_come_back(tmp_path: Path) -> None:
    snapshot.save(tmp_path, Snapshot(3, LEARNT))
    file = the_one(tmp_path)
    raw = file.read_bytes()
    file.write_bytes(raw[: inside(file, "fall.24x32")])
    found = snapshot.newest(tmp_path)
    assert found is not None
    assert found.lost == ("fall.24x32", "rounds")
    assert same(found.arrays, without(found.lost))
    for size in range(0, len(raw), 37):
        file.write_bytes(raw[:size])
        found = snapshot.newest(tmp_path)
        assert found is None or same(found.arrays, without(found.lost)), size


@pytest.mark.parametrize("piece", [*PIECES, None])
def test_a_whole_older_file_counts_before_a_damaged_newer_one(tmp_path: Path, piece: str | None) -> None:
    snapshot.save(tmp_path, Snapshot(3, LEARNT))
    snapshot.save(tmp_path, Snapshot(7, {**LEARNT, "board.now_ms": np.array(6, np.int64)}))
    _, newer = older_and_newer(tmp_path)
    flip(newer, 60 if piece is None else inside(newer, piece))
    found = snapshot.newest(tmp_path)
    assert found is not None
    assert (found.beat, found.lost) == (3, ())
    assert same(found.arrays, LEARNT), "nothing of the newer one"


def test_of_two_damaged_files_the_one_that_lost_less_counts_and_nothing_is_mixed(tmp_path: Path) -> None:
    late = {**LEARNT, "board.now_ms": np.array(6, np.int64)}
    snapshot.save(tmp_path, Snapshot(3, LEARNT))
    snapshot.save(tmp_path, Snapshot(7, late))
    older, newer = older_and_newer(tmp_path)
    flip(older, inside(older, "rounds"))
    flip(newer, inside(newer, "fall.8x8"))
    found = snapshot.newest(tmp_path)
    assert found is not None
    assert (found.beat, found.lost) == (7, ("fall.8x8",)), "the newer of equals"
    assert same(found.arrays, without(found.lost, late))
    flip(newer, inside(newer, "standing"))
    found = snapshot.newest(tmp_path)
    assert found is not None
    assert (found.beat, found.lost) == (3, ("rounds",))
    assert same(found.arrays, without(found.lost))


def test_what_is_written_next_takes_the_place_of_the_one_that_counts_less(tmp_path: Path) -> None:
    snapshot.save(tmp_path, Snapshot(3, LEARNT))
    snapshot.save(tmp_path, Snapshot(7, LEARNT))
    older, newer = older_and_newer(tmp_path)
    flip(newer, inside(newer, "rounds"))
    assert snapshot.save(tmp_path, Snapshot(9, {})) == 3, "beats that the whole one needs are kept"
    flip(newer, 60)
    found = snapshot.newest(tmp_path)
    assert found is not None
    assert (found.beat, same(found.arrays, LEARNT)) == (3, True)
    assert snapshot.save(tmp_path, Snapshot(11, {})) == 3
    flip(older, 60)
    assert snapshot.save(tmp_path, Snapshot(12, {})) == 11


def written_before(file: Path, beat: int, generation: int, arrays: Arrays) -> None:
    """As GUARDIAN-SNAP-1 was."""
    held: dict[str, Any] = {**arrays, "beat": np.int64(beat), "generation": np.int64(generation)}
    with file.open("wb") as opened:
        np.savez(opened, allow_pickle=False, **held)
    body = file.read_bytes()
    file.write_bytes(b"GUARDIAN-SNAP-1\n" + hashlib.sha256(body).digest() + body)


def test_what_an_older_guardian_wrote_is_read_and_written_over_in_turn(tmp_path: Path) -> None:
    written_before(tmp_path / "board-a.snap", 3, 4, LEARNT)
    written_before(tmp_path / "board-b.snap", 7, 5, LEARNT)
    found = snapshot.newest(tmp_path)
    assert found is not None
    assert (found.beat, found.generation, found.lost) == (7, 5, ())
    assert same(found.arrays, LEARNT)
    assert snapshot.save(tmp_path, Snapshot(9, {})) == 7
    assert (tmp_path / "board-a.snap").read_bytes().startswith(b"GUARDIAN-SNAP-2\n")
    assert snapshot.newest(tmp_path) == Snapshot(9, {}, 6)


def test_one_of_an_older_guardian_is_whole_or_nothing(tmp_path: Path) -> None:
    file = tmp_path / "board-a.snap"
    written_before(file, 3, 4, LEARNT)
    raw = file.read_bytes()
    for at in range(0, len(raw), 23):
        file.write_bytes(raw)
        flip(file, at)
        assert snapshot.newest(tmp_path) is None, at


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
