"""Naive twin of detectors/tracks.py: one sensor, one track after the other, plain Python; for tests.

The same four steps in the same order. A track is an object here that is made when it begins and dropped when
it ends, so that nothing of it can be left to the next one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from detectors.tracks import BANK_S, FASTEST_M_S, FIRST_S, WARMTH_S, TrackParams

Place = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Patch:
    """One patch of one frame: where it is and how warm."""

    x_m: float
    y_m: float
    peak_k: float

    @property
    def place(self) -> Place:
        """Both in one."""
        return self.x_m, self.y_m

    @property
    def warmth(self) -> float:
        """Logarithm of the peak in K."""
        return math.log(max(self.peak_k, 1e-3))


@dataclass(slots=True)
class Track:
    """What is remembered of one track; names as in TrackState."""

    born_ms: int
    seen_ms: int
    place: Place
    home: Place
    """Where it was first seen."""
    warmth: float
    first: float
    """The warmth when it was FIRST_S old."""
    moved: bool
    velocity: Place = (0.0, 0.0)
    bank: list[list[float]] = field(default_factory=list)
    """One row for each of BANK_S."""


@dataclass(frozen=True, slots=True)
class Line:
    """What is told of one track in one frame; names as in Tracks."""

    slot: int
    patch: int | None
    """None: unseen."""
    begun: bool
    dt_s: float
    age_s: float
    speed_m_s: float


class NaiveTracks:
    """What one sensor remembers."""

    def __init__(self, params: TrackParams) -> None:
        self.params = params
        self.slots: list[Track | None] = [None, None]
        self.last_ms: int | None = None

    def follow(
        self, t_ms: int, patches: Sequence[Patch | None], *, gap: bool, kept: Sequence[bool]
    ) -> list[Line]:
        """Hand two patches (None: not there) to the two slots; `kept` those whose tracks never end."""
        since_ms = 0 if self.last_ms is None or gap else t_ms - self.last_ms
        dt_s = min(max(since_ms, 0), 10_000) / 1000
        self._end_lost(t_ms, gap, kept)
        taken = self._paired(t_ms, dt_s, patches)
        self.last_ms = t_ms

        before = [None if t is None else (t.place, t.warmth, t.moved) for t in self.slots]
        lines = []
        for slot in (0, 1):
            number = taken[slot]
            patch = None if number is None else patches[number]
            track = self.slots[slot]
            begins = track is None
            if track is None:
                if patch is None:
                    continue
                moved = self._parted(patch, before[1 - slot])
                track = Track(t_ms, t_ms, patch.place, patch.place, patch.warmth, patch.warmth, moved)
                self.slots[slot] = track
            elif patch is not None:
                self._went_on(track, patch, t_ms, dt_s, gap)
            if gap:
                track.velocity = (0.0, 0.0)
            begun = begins or gap
            lines.append(
                Line(
                    slot,
                    number,
                    begun,
                    0.0 if begun else dt_s,
                    (t_ms - track.born_ms) / 1000,
                    math.hypot(*track.velocity),
                )
            )
        return lines

    def average(self, lines: Sequence[Line], numbers: Sequence[Sequence[float]]) -> list[list[list[float]]]:
        """Fold the numbers of each line into the averages of its track, if it is seen; give these.

        A track that is unseen right after a gap keeps its averages: nothing is there to begin anew with.
        """
        banks = []
        for line, new in zip(lines, numbers, strict=True):
            track = self.slots[line.slot]
            assert track is not None
            if line.patch is not None and line.begun:
                track.bank = [list(new) for _ in BANK_S]
            elif line.patch is not None:
                for row, tau_s in zip(track.bank, BANK_S, strict=True):
                    for n, value in enumerate(new):
                        row[n] += share(line.dt_s, tau_s) * (value - row[n])
            banks.append([list(row) for row in track.bank])
        return banks

    def _end_lost(self, t_ms: int, gap: bool, kept: Sequence[bool]) -> None:
        """Step 3. Nobody is lost while nothing is looked at."""
        looked_ms = self.last_ms if gap else t_ms
        for slot, track in enumerate(self.slots):
            if track is None or kept[slot] or looked_ms is None:
                continue
            if looked_ms - track.seen_ms > self.params.lost_s * 1000:
                self.slots[slot] = None

    def _paired(self, t_ms: int, dt_s: float, patches: Sequence[Patch | None]) -> list[int | None]:
        """Steps 1 and 2: the number of the patch that each slot takes, None for none.

        Of the two ways the one in which more tracks go on, then the one in which more begin, then the shorter
        one; the first, if they are the same.
        """
        ways = []
        for way in ((0, 1), (1, 0)):
            on = begin = 0
            length = 0.0
            takes: list[int | None] = [None, None]
            for slot, number in enumerate(way):
                track, patch = self.slots[slot], patches[number]
                if patch is None:
                    continue
                if track is None:
                    begin += 1
                elif self._within_reach(track, patch, t_ms, dt_s):
                    on += 1
                    length += math.dist(track.place, patch.place)
                    length += self.params.unlike_m * abs(track.warmth - patch.warmth)
                else:
                    continue
                takes[slot] = number
            ways.append(((-on, -begin, length), takes))
        return min(ways, key=lambda way: way[0])[1]

    def _within_reach(self, track: Track, patch: Patch, t_ms: int, dt_s: float) -> bool:
        p = self.params
        unseen_s = max((t_ms - track.seen_ms) / 1000, dt_s)
        leap_m = min(max(p.jump_m_s * unseen_s, p.jump_m), 2 * p.jump_m)
        return math.dist(track.place, patch.place) <= leap_m

    def _parted(self, patch: Patch, other: tuple[Place, float, bool] | None) -> bool:
        """Step 2: it begins beside the other track, as that was before this frame, and is one with it."""
        if other is None:
            return False
        place, warmth, moved = other
        near = math.dist(patch.place, place) < self.params.apart_m
        return moved and near and patch.warmth > warmth + math.log(self.params.alike)

    def _went_on(self, track: Track, patch: Patch, t_ms: int, dt_s: float, gap: bool) -> None:
        """The track has a patch of its own; step 4: after a gap its warmth begins anew."""
        rate = share(dt_s, self.params.speed_tau_s)
        now = [
            min(max((new - was) / max(dt_s, 0.03), -float(FASTEST_M_S)), float(FASTEST_M_S))
            for new, was in zip(patch.place, track.place, strict=True)
        ]
        vx, vy = track.velocity
        track.velocity = (vx + rate * (now[0] - vx), vy + rate * (now[1] - vy))
        track.warmth += (1.0 if gap else share(dt_s, WARMTH_S)) * (patch.warmth - track.warmth)
        if t_ms - track.born_ms <= FIRST_S * 1000:
            track.first = track.warmth
        track.place, track.seen_ms = patch.place, t_ms
        track.moved |= math.dist(track.place, track.home) > self.params.moved_m


def share(dt_s: float, tau_s: float) -> float:
    """What of a step is taken over in `dt_s` with the time constant `tau_s`."""
    return 1 - math.exp(-dt_s / tau_s)
