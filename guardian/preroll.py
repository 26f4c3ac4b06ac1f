"""What thermal arrays saw before and in an incident, for the page that shows it: in memory only.

Takes every batch of frames; keeps a minute of each camera, the newest quarter of it at a frame a second and
what is older at one in three (the pre-roll), and of homes with a suspicion or an open incident the frames at
full rate from then on. Gives both as one strip. Nothing of it is ever written to a disk, is in a snapshot, or
outlives the process (DESIGN section 1). Never loops over the cameras that are watched, only over those of
homes in an incident.

A pixel is a byte: 0 = colder than 0 °C, or no reading; b > 0 = (b - 1) * STEP_C °C, rounded, and 255 that or
more. Pictures wider than detectors.frame.WIDEST keep every second pixel of every second line.
"""
# ruff: noqa: SLF001  (`follow` reads another object of the same class)

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import structlog
from numpy.typing import NDArray

from alerting.concern import Severity
from alerting.incident import Incident
from alerting.ledger import Ledger, LedgerError, open_incidents
from detectors.frame import Frames, halving
from guardian.board import Board, Group
from guardian.clock import Clock
from guardian.slab import NEVER

STEP_CENTI: Final = 20
STEP_C: Final = STEP_CENTI / 100
"""About the noise of an MLX90640; 254 of them reach from 0 to 50.8 °C, which holds rooms and skin."""
WARMEST_CENTI: Final = 254 * STEP_CENTI
TIER_MS: Final = 3_000
FAR, NEAR = 20, 5
"""Of so many times TIER_MS the first frame is kept, and of the newest so many the first of each second."""
SLOTS: Final = FAR + 2 * NEAR
"""23 kB a camera of 24x32, with a quarter of a kB of times. One a second for the whole minute would be 46,
and ten thousand homes would take more than the 100 kB each that they may (docs/load.md)."""
FULL_MS: Final = 600_000
"""Kept at full rate from the beginning of an incident: the ten minutes in which somebody comes."""
FULL_FRAMES: Final = 600
"""And at most so many: two and a half minutes at 4 Hz; a fall is confirmed within 100 s."""
MOST_HOMES: Final = 200
"""Kept at once: with one camera of 24x32 each, 484 kB a home and 97 MB in all …"""
MOST_BYTES: Final = 100_000_000
"""… and of larger arrays, or several in a home, as many homes as fit into this."""
KEPT_MS: Final = 3_600_000
"""How long a strip outlives its incident: until whoever closed it has looked again."""
ATTEND_MS: Final = 5_000
"""How often it is asked which incidents are open; a suspicion is told at once."""
CHUNK: Final = 192
"""Frames worked on at once, so that they stay in the cache (roomstate.CHUNK_PIXELS)."""

log = structlog.get_logger("preroll")

Bytes = NDArray[np.uint8]
I64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Strip:
    """F frames of one camera, in order."""

    sensor: str
    room: str
    frames: Bytes
    """(F, rows, cols), see the module's words."""
    t_ms: I64
    """(F,) when each was taken, ms since 1970."""


def to_bytes(centi: NDArray[np.int16]) -> Bytes:
    """One byte a pixel of frames in centi-°C, any shape. Writes over what it is given."""
    np.clip(centi, np.int16(-STEP_CENTI), np.int16(WARMEST_CENTI), out=centi)
    centi += np.int16(STEP_CENTI + STEP_CENTI // 2)
    raised = centi.view(np.uint16)  # divided in two thirds of the time
    raised //= np.uint16(STEP_CENTI)
    return raised.astype(np.uint8)


class _Reel:
    """The frames of one camera in an incident, from the pre-roll on."""

    def __init__(self, frames: Bytes, t_ms: I64) -> None:
        self._frames = np.empty((SLOTS + FULL_FRAMES, frames.shape[1]), np.uint8)
        self._t_ms = np.empty(len(self._frames), np.int64)
        self._count = len(t_ms)
        self._frames[: self._count], self._t_ms[: self._count] = frames, t_ms
        self._end = self._count + FULL_FRAMES

    def take(self, frame: Bytes, t_ms: int) -> None:
        at = self._count
        if at < self._end and (at == 0 or t_ms > self._t_ms[at - 1]):
            self._frames[at], self._t_ms[at] = frame, t_ms
            self._count = at + 1

    @property
    def nbytes(self) -> int:
        return self._frames.nbytes

    @property
    def kept(self) -> tuple[Bytes, I64]:
        return self._frames[: self._count].copy(), self._t_ms[: self._count].copy()


@dataclass(slots=True)
class _Home:
    """A home whose frames are kept at full rate."""

    reels: dict[str, _Reel]
    """By the name of the camera."""
    since_ms: int
    urgent: bool
    ended_ms: int = NEVER


class _Ring:
    """The pre-roll of one resolution, S cameras."""

    def __init__(self, group: Group) -> None:
        self.names = [group.name_of(row) for row in range(len(group.home_of))]
        self.every = halving(group.cols)
        self.shape = -(-group.rows // self.every), -(-group.cols // self.every)
        n = len(self.names)
        self.frames = np.zeros((SLOTS, n, self.shape[0] * self.shape[1]), np.uint8)
        self.t_ms = np.full((SLOTS, n), NEVER, np.int64)
        self.next_ms = np.full(n, NEVER, np.int64)
        """(S,) when the second after that of the last kept frame begins."""
        self.full = np.zeros(n, np.bool_)
        """(S,) its home is in an incident."""

    def see(self, frames: Frames) -> None:
        """Keep the first frame of each second of each camera, over what is too old by now."""
        new = np.flatnonzero(frames.t_ms >= self.next_ms[frames.sensor])
        for at in range(0, len(new), CHUNK):
            some = new[at : at + CHUNK]
            row, t_ms = frames.sensor[some], frames.t_ms[some]
            second, tier = t_ms // 1000, t_ms // TIER_MS
            first = tier > (self.next_ms[row] - 1000) // TIER_MS
            slot = np.where(first, tier % FAR, FAR + tier % NEAR * 2 + second % 3 - 1)
            self.frames[slot, row] = self.looked_at(frames, some)
            self.t_ms[slot, row] = t_ms
            self.next_ms[row] = (second + 1) * 1000

    def looked_at(self, frames: Frames, some: NDArray[np.intp]) -> Bytes:
        """(len(some), P) bytes of some frames of a batch."""
        centi = frames.centi[some, :: self.every, :: self.every] if self.every > 1 else frames.centi[some]
        return to_bytes(centi).reshape(len(some), -1)

    def minute(self, row: int) -> tuple[Bytes, I64]:
        """Give the last minute of one camera, up to its newest frame, in order."""
        t_ms = self.t_ms[:, row]
        tier = t_ms // TIER_MS
        kept = np.where(np.arange(SLOTS) < FAR, FAR, NEAR)
        slots = np.flatnonzero((t_ms != NEVER) & (tier > tier.max() - kept))
        slots = slots[np.argsort(t_ms[slots])]
        return self.frames[slots, row], t_ms[slots]


class PreRoll:
    """The frames of one board that are kept for people to look at."""

    def __init__(self, board: Board) -> None:
        self._rings = {shape: _Ring(group) for shape, group in board.groups.items()}
        self._cameras: dict[str, list[tuple[_Ring, int]]] = {}
        for ring in self._rings.values():
            for row, (home, _, _) in enumerate(ring.names):
                self._cameras.setdefault(home, []).append((ring, row))
        self._homes: dict[str, _Home] = {}

    def see(self, group: Group, frames: Frames, suspected: Iterable[str], now_ms: int) -> None:
        """Take one batch, and the homes in which a fall has just been suspected."""
        for home in suspected:
            self._begin(home, now_ms, urgent=True)
        ring = self._rings[group.rows, group.cols]
        ring.see(frames)
        if not self._homes:
            return
        some = np.flatnonzero(ring.full[frames.sensor])
        if not some.size:
            return
        pixels = ring.looked_at(frames, some)
        for i, k in enumerate(some):
            home, sensor, _ = ring.names[frames.sensor[k]]
            kept, t_ms = self._homes[home], int(frames.t_ms[k])
            if t_ms < kept.since_ms + FULL_MS:
                kept.reels[sensor].take(pixels[i], t_ms)

    def attend(self, incidents: Iterable[Incident], now_ms: int) -> None:
        """Take which incidents are open: begin strips, end others, drop what ended long ago.

        A fall, also one that is only suspected, is urgent, and so is whatever is HIGH. When MOST_HOMES are
        kept, or MOST_BYTES, the strip that ended first makes room; when none has, one that is not urgent does
        for an urgent one, the oldest first. Otherwise a home keeps its pre-roll alone.
        """
        urgent: dict[str, bool] = {}
        for i in incidents:
            urgent[i.home] = urgent.get(i.home, False) or i.severity in {None, Severity.HIGH}
        for home, kept in list(self._homes.items()):
            if home not in urgent and kept.ended_ms == NEVER and kept.since_ms < now_ms - ATTEND_MS:
                kept.ended_ms = now_ms
                self._mark(home, full=False)
            if kept.ended_ms != NEVER and kept.ended_ms < now_ms - KEPT_MS:
                self._drop(home)
        for home in sorted(urgent, key=lambda home: not urgent[home]):
            self._begin(home, now_ms, urgent=urgent[home])

    def _begin(self, home: str, now_ms: int, *, urgent: bool) -> None:
        kept = self._homes.get(home)
        if kept is not None and kept.ended_ms == NEVER:
            kept.urgent |= urgent
            return
        if home not in self._cameras:
            return
        if kept is not None:
            self._drop(home)
        while len(self._homes) >= MOST_HOMES or self._nbytes(home) > MOST_BYTES:
            least = self._least(urgent)
            if least is None:
                return
            self._drop(least)
        reels = {ring.names[row][1]: _Reel(*ring.minute(row)) for ring, row in self._cameras[home]}
        self._homes[home] = _Home(reels, now_ms, urgent)
        self._mark(home, full=True)

    def _nbytes(self, more: str) -> int:
        """Give what the reels take, with those of one more home."""
        pixels = sum(ring.frames.shape[2] for ring, _ in self._cameras[more])
        kept = sum(reel.nbytes for home in self._homes.values() for reel in home.reels.values())
        return kept + pixels * (SLOTS + FULL_FRAMES)

    def _least(self, urgent: bool) -> str | None:
        ended = {h: k.ended_ms for h, k in self._homes.items() if k.ended_ms != NEVER}
        lower = {h: k.since_ms for h, k in self._homes.items() if urgent and not k.urgent}
        some = ended or lower
        return min(some, key=some.__getitem__) if some else None

    def _mark(self, home: str, *, full: bool) -> None:
        for ring, row in self._cameras[home]:
            ring.full[row] = full

    def _drop(self, home: str) -> None:
        self._mark(home, full=False)
        del self._homes[home]

    def strips(self, home: str) -> list[Strip]:
        """Give what is kept of a home, one strip a camera, empty where it has sent nothing.

        Of a home in an incident (or whose last one has ended within KEPT_MS) the minute before it began and
        the frames since; of others the last minute.
        """
        kept = self._homes.get(home)
        out = []
        for ring, row in self._cameras.get(home, ()):
            _, sensor, room = ring.names[row]
            frames, t_ms = ring.minute(row) if kept is None else kept.reels[sensor].kept
            out.append(Strip(sensor, room, frames.reshape(-1, *ring.shape), t_ms))
        return out

    def follow(self, old: "PreRoll") -> None:
        """Go on from another roster's: strips of homes whose cameras are the same, and the pre-roll of a
        resolution whose cameras are. Takes the other's arrays: it must see nothing from now on.
        """
        for shape, ring in self._rings.items():
            was = old._rings.get(shape)
            if was is not None and was.names == ring.names:
                ring.frames, ring.t_ms, ring.next_ms = was.frames, was.t_ms, was.next_ms
        for home, kept in old._homes.items():
            if dict(self._looks(home)) == dict(old._looks(home)):
                self._homes[home] = kept
                self._mark(home, full=kept.ended_ms == NEVER)

    def _looks(self, home: str) -> Iterator[tuple[tuple[str, str, str], tuple[int, int]]]:
        for ring, row in self._cameras.get(home, ()):
            yield ring.names[row], ring.shape


async def attend(preroll: Callable[[], PreRoll], ledger: Ledger, clock: Clock) -> None:
    """Tell the preroll of that moment for ever which incidents are open."""
    never = asyncio.Event()
    while True:
        now_ms = clock.now_ms()
        try:
            found = await ledger.transact(open_incidents)
        except LedgerError as e:  # a side path
            log.warning("it is not known which incidents want pictures", why=str(e))
        else:
            preroll().attend(found, now_ms)
        await clock.wait(never, now_ms + ATTEND_MS)
