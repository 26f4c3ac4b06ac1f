"""What devices have numbered and never came is counted: frames and events, over a restart of ours too."""

from collections.abc import Iterable

import numpy as np
import pytest

from guardian.board import Board, Reading, SensorSpec
from guardian.wire.native import pack_frame

T = 1_700_000_000_000
PICTURE = np.full((8, 8), 2200, np.int16)
CAMERA = SensorSpec("h", "cam", "thermal", "living", 8, 8, 4.0, "ceiling", 2.5, 60.0)
BUTTON = SensorSpec("h", "help", "button", "living")


def board_of(numbers: Iterable[int], depth: int = 8) -> Board:
    board = Board("s", [CAMERA, BUTTON], depth=depth)
    for n in numbers:
        board.frame("guardian/s/h/cam/frame", pack_frame(PICTURE, n), T + n)
        list(board.batches(T + n))
    return board


def frames_missed(board: Board) -> int:
    return sum(int(g.missed.sum()) for g in board.groups.values())


@pytest.mark.parametrize(
    ("numbers", "missed"),
    [
        ([], 0),
        ([7, 8, 9], 0),  # where it begins says nothing
        ([7, 8, 11, 12, 20], 2 + 7),
        ([7, 7, 7], 0),  # a device that does not count
        ([500, 0, 1, 3], 1),  # a new start
        ([2**32 - 2, 2**32 - 1, 0, 1], 0),
        ([5, 5 + 2**21], 0),  # counts something else
    ],
)
def test_frames_that_the_sequence_leaves_out_are_counted(numbers: list[int], missed: int) -> None:
    assert frames_missed(board_of(numbers)) == missed


def test_frames_dropped_here_are_among_them() -> None:
    board = Board("s", [CAMERA], depth=4)
    for n in range(100):
        board.frame("guardian/s/h/cam/frame", pack_frame(PICTURE, n), T + n)
        if n == 0:
            list(board.batches(T))
    list(board.batches(T + 1000))
    assert frames_missed(board) == board.frames_dropped.sum() == 95


def pressed(*told: tuple[str | None, int | None]) -> list[Reading]:
    return [
        Reading("h", "help", "button", "living", 1.0, 0, T + k, None, boot, seq)
        for k, (boot, seq) in enumerate(told)
    ]


@pytest.mark.parametrize(
    ("told", "missed"),
    [
        ([("a", 5), ("a", 6)], 0),
        ([("a", 5), ("a", 9)], 3),
        ([("a", 5), ("a", 9), ("a", 7)], 2),  # overtaken, and there after all
        ([("a", 5), ("a", 9), ("a", 9), ("a", 7), ("a", 7)], 2),  # repeated
        ([("a", 5), ("b", 0), ("b", 2)], 1),  # a new start
        ([("a", 5), ("b", 0), ("a", 9)], 0),  # late, of the start before
        ([("a", 5), ("a", 2**48), ("a", 2**48 + 2)], 1),  # counts something else
        ([(None, 5), (None, 9), ("a", None)], 0),
    ],
)
def test_events_that_the_sequence_leaves_out_are_counted(
    told: list[tuple[str | None, int | None]], missed: int
) -> None:
    board = board_of([])
    board.fold(pressed(*told))
    assert board.events_missed == missed


def test_what_was_missed_while_guardian_was_away_is_counted_too() -> None:
    before, after = board_of([1, 2]), board_of([])
    before.fold(pressed(("a", 1), ("a", 3)))
    after.restore(before.snapshot())
    after.frame("guardian/s/h/cam/frame", pack_frame(PICTURE, 50), T + 9_000)
    list(after.batches(T + 9_000))
    after.fold(pressed(("a", 7)))
    assert frames_missed(after) == 47
    assert after.events_missed == 1 + 3
