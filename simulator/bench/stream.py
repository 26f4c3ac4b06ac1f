"""A steady stream of frames from many arrays, and what a detector takes in CPU time to watch it.

Takes footage, gives batches as the board gives them to the lookout: at most one frame of each sensor,
oldest first, in chunks of the board's size, every one a fresh copy. The pieces run forwards and backwards
for ever, so nobody jumps and no frame equals the one before; time only goes forwards. Sensors differ in
piece and phase and are switched on at different moments of the first seconds, as the background of each
is renewed and its noise measured from time to time. What making the batches takes is never counted.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from time import thread_time
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors import fall, zones
from detectors.frame import Frames, Optics
from guardian.slab import CHUNK
from simulator.bench.footage import Footage

START_MS: Final = 1_767_225_600_000  # 2026-01-01 00:00 UTC
SPREAD_S: Final = 16.0  # within which sensors are switched on: longer than any rhythm of the background
EMPTY_S: Final = 85.0  # nobody is there until the room is learnt: a background is young for a minute
SETTLE_S: Final = 10.0  # then people have walked, and count as alive
MEASURES_S: Final = 4.0  # the least that is watched: each background is renewed equally often in it

Watch = Callable[[Frames], NDArray[np.bool_]]
"""Takes one batch of N frames, gives (N,) whether somebody is seen in each."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What watching took."""

    frames: int
    cpu_s: float
    """Of this thread alone: what else runs on the machine does not count, but for the caches it takes."""
    seen: int

    @property
    def us(self) -> float:
        """µs per frame."""
        return self.cpu_s / self.frames * 1e6

    @property
    def seen_share(self) -> float:
        """Share of the frames in which the detector saw somebody."""
        return self.seen / self.frames


class Stream:
    """The frames of S sensors of one kind, and whoever watches them."""

    def __init__(
        self, footage: Footage, sensors: int, share: float, seed: int, *, waits: int | None = None
    ) -> None:
        """`share` of the sensors (rounded, at least one) have somebody in view.

        waits: every turn one in so many sensors has no frame, another one each time; None: all have one.
        """
        pieces, self._length = footage.empty.shape[:2]
        rng = np.random.default_rng([seed, sensors])
        self.rate_hz = footage.rate_hz
        self._film = np.concatenate([footage.empty, footage.lived])
        self._pieces = pieces
        self._piece = rng.integers(0, pieces, sensors)
        self._phase = rng.integers(0, 2 * self._length, sensors)
        self._least = round(MEASURES_S * footage.rate_hz)
        """Turns."""
        self._begins = rng.integers(0, round(SPREAD_S * footage.rate_hz), sensors)
        self._waits = rng.permutation(sensors) % waits if waits else None
        self.occupied = np.zeros(sensors, np.bool_)
        """(S,) somebody is in view, once `warm_up` is over."""
        self.occupied[rng.permutation(sensors)[: max(1, round(share * sensors))]] = True
        self._lived = np.zeros(sensors, np.bool_)
        self._taken = np.zeros(sensors, np.int64)
        self._turn = 0
        rows, cols = self._film.shape[2:]
        self.optics = Optics(
            rows,
            cols,
            np.full(sensors, footage.height_m, np.float32),
            np.full(sensors, footage.fov_deg, np.float32),
            np.zeros(sensors, np.bool_),
            np.full(sensors, footage.rate_hz, np.float32),
            *(np.full(sensors, np.nan, np.float32) for _ in range(4)),
        )
        self.furniture = zones.laid_out([footage.furniture[k] for k in self._piece])

    def turn(self) -> Iterator[Frames]:
        """The next frame of every sensor that has one."""
        has = self._begins <= self._turn
        if self._waits is not None:
            has &= self._waits != self._turn % (int(self._waits.max()) + 1)
        self._turn += 1
        waiting = np.flatnonzero(has)
        for at in range(0, len(waiting), CHUNK):
            yield self._batch(waiting[at : at + CHUNK])

    def _batch(self, rows: NDArray[np.intp]) -> Frames:
        last = self._length - 1
        at = (self._taken[rows] + self._phase[rows]) % (2 * last)
        centi = self._film[self._piece[rows] + self._pieces * self._lived[rows], last - np.abs(last - at)]
        before, now = (
            np.round((self._taken[rows] + k) * (1000 / self.rate_hz)).astype(np.int64) for k in (-1, 0)
        )
        dt_s = np.where(self._taken[rows] > 0, (now - before) / 1000, np.nan).astype(np.float32)
        self._taken[rows] += 1
        return Frames(rows, centi, START_MS + now, dt_s)

    def warm_up(self, watch: Watch) -> None:
        """Let `watch` learn the empty rooms, and people come in."""
        self._lived[:] = False
        self.play(watch, EMPTY_S)
        self._lived[:] = self.occupied
        self.play(watch, SETTLE_S)

    def play(self, watch: Watch, seconds: float) -> None:
        """Let `watch` see so much of the stream, and count nothing."""
        for _ in range(round(seconds * self.rate_hz)):
            for frames in self.turn():
                watch(frames)

    def measure(self, watch: Watch, cpu_s: float) -> Spent:
        """What `watch` takes, over some seconds of the stream until it has taken `cpu_s`."""
        frames, seen, spent = 0, 0, 0.0
        while True:
            for _ in range(self._least):
                for batch in self.turn():
                    began = thread_time()
                    there = watch(batch)
                    spent += thread_time() - began
                    frames += len(there)
                    seen += int(there.sum())
            if spent >= cpu_s:
                return Spent(frames, spent, seen)


def lookout(params: fall.FallParams, state: fall.FallState) -> Watch:
    """The thermal pipeline as guardian/lookout.py runs it, one call a chunk."""

    def watch(frames: Frames) -> NDArray[np.bool_]:
        return fall.step(params, state, frames, int(frames.t_ms.max()))[1].present

    return watch


def state_bytes(state: fall.FallState) -> int:
    """Bytes of all arrays that are remembered, the room to calculate in included."""
    parts = (state.optics, state.zones, state.room, state.room.scratch, state.tracks, state.down)
    arrays = [getattr(of, f.name) for of in parts for f in fields(of)]
    return sum(a.nbytes for a in arrays if isinstance(a, np.ndarray))
