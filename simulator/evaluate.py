"""Runs the real board and detectors over a feed in its own time, and keeps what they said and knew.

Takes a feed (recorded or simulated homes); gives findings by home, and how well rooms and places were
known. No sleeping, no broker: the beat follows the readings, with one beat a minute where nothing comes,
so that whatever is driven by time runs as in the daemon. Never scores (score.py does).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

import numpy as np

from detectors.params import Params
from guardian.board import Board
from guardian.lookout import Lookout
from guardian.watch import BEAT_MS
from guardian.wire import Reject
from simulator.feed import Block, Feed
from simulator.score import Found
from simulator.world import F64, I64

TICK_MS: Final = 60_000
"""A beat at least this often, readings or not."""
SAMPLE_MS: Final = 1_000
"""How often the board is asked where everybody is."""
FRESH_MS: Final = 60_000
"""A claim older than this says "was seen", not "is"."""
BIN_M: Final = 0.01
BINS_M: Final = np.arange(0.0, 10.0, BIN_M)
"""Lower edges of the histogram of distances; a median to 1 cm is enough for a target of 25 cm."""

Where = Callable[[I64], tuple[Sequence[str], F64]]
"""Times (N,) in ms since 1970 → names of rooms (blank: not at home) and places (N, 2) in metres."""


@dataclass(slots=True)
class PositionTally:
    """How well one home's resident was placed; tallies add up."""

    seconds: int = 0
    """In which the resident was at home."""
    right_room: int = 0
    placed: int = 0
    """In the right room, with a place given."""
    away: int = 0
    """Seconds in which the resident was out,"""
    claimed: int = 0
    """and of those, in which the board had noticed somebody within the last FRESH_MS."""
    distances: I64 = field(default_factory=lambda: np.zeros(len(BINS_M), np.int64))
    """Seconds by distance, BINS_M."""

    def add(self, other: "PositionTally") -> None:
        """Take another home's seconds in."""
        self.seconds += other.seconds
        self.right_room += other.right_room
        self.placed += other.placed
        self.away += other.away
        self.claimed += other.claimed
        self.distances = self.distances + other.distances

    def median_m(self, of: int | None = None) -> float | None:
        """Median distance in metres, rounded up to 1 cm; None where no place was given.

        of: seconds in all (default: those placed); the others count as infinitely far, which is None too.
        """
        edge = int(np.searchsorted(np.cumsum(self.distances), (self.placed if of is None else of) / 2))
        return float(BINS_M[edge] + BIN_M) if self.placed and edge < len(BINS_M) else None


@dataclass(slots=True)
class Watched:
    """What the detectors said and knew of one feed."""

    found: dict[str, list[Found]]
    positions: dict[str, PositionTally]
    beats: int = 0
    rejected: int = 0
    """Payloads that the board refused."""
    dropped: int = 0
    """Frames that made room for newer ones."""


def watch(
    feed: Feed,
    params: Params,
    where: Mapping[str, Where] | None = None,
    reached: Callable[[int], object] = lambda _until_ms: None,
) -> Watched:
    """Play `feed` to a fresh board; `where` gives the truth of the homes whose position is to be tallied,
    `reached` hears how far it has come.
    """
    board = Board(feed.site, feed.specs)
    lookout = Lookout(board, params, feed.furniture, timezone=feed.timezone)
    out = Watched({h: [] for h in board.homes}, {h: PositionTally() for h in where or {}})
    samples = _Samples(board, where or {}, out)
    tick_ms = 0
    for block in feed.blocks():
        lookout.expect(expected(feed.absences, block.until_ms))
        for end_ms, messages in _beats(block, tick_ms):
            samples.take(end_ms)
            for arrival_ms, topic, payload, is_frame in messages:
                try:
                    (board.frame if is_frame else board.event)(topic, payload, arrival_ms)
                except Reject:
                    out.rejected += 1
            concerns = lookout.listen(board.fold(board.take_events(end_ms)), end_ms)
            for some in lookout.look(end_ms):
                concerns += some
            for c in concerns:
                found = Found(c.home, c.kind.value, c.onset_ms, end_ms, c.confidence)
                out.found[c.home].append(found)  # said in this beat, whatever the finding claims
            out.beats += 1
        tick_ms = block.until_ms // TICK_MS * TICK_MS
        samples.take(block.until_ms)
        samples.settle()
        reached(block.until_ms)
    out.dropped = int(board.frames_dropped.sum())
    return out


def expected(absences: Mapping[str, Sequence[tuple[int, int]]], now_ms: int) -> Mapping[str, int]:
    """Since when nobody is expected, of homes where that is so."""
    return {home: a for home, spans in absences.items() for a, b in spans if a <= now_ms < b}


def _beats(
    block: Block, tick_ms: int
) -> Sequence[tuple[int, list[tuple[int, str, bytes | memoryview, bool]]]]:
    """Cut a block into beats: ends (exclusive of later readings) and messages, empty beats at ticks."""
    beats = {
        end: list(some) for end, some in groupby(block.messages, lambda m: (m[0] // BEAT_MS + 1) * BEAT_MS)
    }
    first = tick_ms + TICK_MS if tick_ms else block.until_ms // TICK_MS * TICK_MS
    for tick in range(first, block.until_ms + 1, TICK_MS):
        beats.setdefault(tick, [])
    return sorted(beats.items())


class _Samples:
    """Asks the board once a second where everybody is, and compares a block at a time."""

    def __init__(self, board: Board, where: Mapping[str, Where], out: Watched) -> None:
        self._board, self._where, self._out = board, where, out
        self._rows = np.array([board.homes.index(h) for h in where], np.intp)
        self._next_ms = 0
        self._at: list[int] = []
        self._room: list[np.ndarray] = []
        self._noticed_ms: list[np.ndarray] = []
        self._place: list[np.ndarray] = []

    def take(self, until_ms: int) -> None:
        """Ask for every whole second before `until_ms` that was not asked for yet, beat or no beat."""
        if not len(self._rows):
            return
        if not self._next_ms:  # nothing is known before the first beat
            self._next_ms = -(-until_ms // SAMPLE_MS) * SAMPLE_MS
        for now_ms in range(self._next_ms, until_ms, SAMPLE_MS):
            state = self._board.state(now_ms)
            self._at.append(now_ms)
            self._room.append(state.room[self._rows])
            self._noticed_ms.append(state.room_ms[self._rows])
            self._place.append(np.stack([state.x_m[self._rows], state.y_m[self._rows]], -1))
            self._next_ms = now_ms + SAMPLE_MS

    def settle(self) -> None:
        """Compare what was asked since the last time."""
        if not self._at:
            return
        at = np.array(self._at, np.int64)
        rooms = np.array([*self._board.rooms, "?"])
        known, noticed_ms, places = (np.array(x) for x in (self._room, self._noticed_ms, self._place))
        for k, (home, where) in enumerate(self._where.items()):
            true_room, true_place = where(at)
            at_home = np.array([bool(r) for r in true_room])
            lately = at - noticed_ms[:, k] <= FRESH_MS
            right = at_home & (rooms[known[:, k]] == np.array(true_room))
            far = np.hypot(*(places[:, k] - true_place).T)
            placed = right & np.isfinite(far)
            bins = np.minimum((far[placed] / BIN_M).astype(np.int64), len(BINS_M) - 1)
            tally = PositionTally(
                int(at_home.sum()),
                int(right.sum()),
                int(placed.sum()),
                int((~at_home).sum()),
                int((~at_home & lately).sum()),
                np.bincount(bins, minlength=len(BINS_M)).astype(np.int64),
            )
            self._out.positions[home].add(tally)
        self._at, self._room, self._noticed_ms, self._place = [], [], [], []
