"""The obvious way to see fire in the frames of one array: frame by frame, pixel by pixel."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detectors.burning import CHECKS, SAMPLE, BurningParams

Said = tuple[str, int]
"""Kind, time of the frame."""


@dataclass
class Eye:
    """One array: where its stoves are, and from how many pixels on a patch is more than any pan."""

    params: BurningParams
    stove: NDArray[np.bool_]
    """(rows, cols)"""
    burn_px: int
    kitchen: bool = False
    level: float | None = None
    floor: float = 0.0
    looked: int = 0
    since: int = 0
    surge: int = 0
    burnt: int | None = None
    mild: int | None = None
    mild_last: int = 0
    warm: int | None = None
    warm_last: int = 0
    most: float = 0.0
    hot: int = 0
    left: int = -1
    heat: list[float] = field(default_factory=lambda: [0.0] * CHECKS)
    heat_ms: int = -1
    hot_px: int = 0
    middle: tuple[float, float] = (-9.0, -9.0)

    def see(self, frame: NDArray[np.int16], t: int, alone: int, *, gap: bool) -> list[Said]:
        """One frame (rows, cols) of centi-°C."""
        p, out = self.params, []
        if self.level is None or gap or t - self.looked >= p.look_s * 1000:
            out += self.look(frame, t, gap=gap)
        assert self.level is not None
        at_stove = (
            p.gate_c if not (self.kitchen or self.stove.any()) else min(self.level + p.warm_k, p.gate_c)
        )
        if frame.max() > round(100 * at_stove):
            out += self.cooks(frame, t, alone)
            out += self.burns(frame, t)
        return out

    def look(self, frame: NDArray[np.int16], t: int, *, gap: bool) -> list[Said]:
        """The level of the picture."""
        p = self.params
        every = max(1, frame.size // SAMPLE) | 1
        sample = sorted(frame.ravel().tolist()[::every])
        level = sample[len(sample) // 4] / 100
        seconds = min((t - self.looked) / 1000, 60)
        if self.level is None or gap:
            self.floor, self.since = level, t
        else:
            rise = level - self.level
            if abs(rise) > p.step_k_s * min(max(seconds, 0.5), 2):
                self.floor += rise
                self.since = t - round((p.settle_s - p.leap_s) * 1000)
            else:
                self.floor += p.surge_k_min / 60 * seconds
            self.floor = min(self.floor, level)
        self.surge = min(self.surge + 1, 100) if level - self.floor >= p.surge_k else 0
        self.level, self.looked = level, t
        if self.stove.any() and frame[self.stove].max() / 100 - level >= p.mild_k:
            if self.mild is None or t - self.mild_last > p.stove_gap_s * 1000:
                self.mild = t
            self.mild_last = t
        fire = self.surge >= p.looks and t - self.since >= p.settle_s * 1000
        return [("fire", t)] if fire and self.news(t) else []

    def news(self, t: int) -> bool:
        """Whether no fire was said lately."""
        out = self.burnt is None or t - self.burnt > self.params.again_min * 60_000
        self.burnt = t
        return out

    def cooks(self, frame: NDArray[np.int16], t: int, alone: int) -> list[Said]:
        """The stove."""
        p = self.params
        if self.level is None or not self.stove.any():
            return []
        top = frame[self.stove].max() / 100
        if top - self.level < p.warm_k:
            return []
        if self.warm is None or t - self.warm_last > p.stove_gap_s * 1000:
            mild = self.mild is not None and t - self.mild_last <= p.stove_gap_s * 1000
            first = self.mild if self.mild is not None and mild else t
            self.warm = max(first, t - round(p.mild_s * 1000))
            self.most, self.hot = 0.0, 0
        self.warm_last = t
        self.most = max(self.most, top - self.level)
        share = (top - self.level) / self.most
        on = (top >= p.stove_c and share >= p.still_share) or (top >= p.simmer_c and share >= p.simmer_share)
        self.hot = self.hot + 1 if on else 0
        begun = max(self.warm, alone)
        if self.hot >= p.stove_frames and begun + p.left_min * 60_000 <= t and begun > self.left:
            self.left = t
            return [("appliance-left-on", t)]
        return []

    def burns(self, frame: NDArray[np.int16], t: int) -> list[Said]:
        """What grows elsewhere."""
        p = self.params
        hot = (frame > 100 * p.burn_c) & ~self.stove
        many = int(hot.sum())
        if abs(many - self.hot_px) > max(p.jump_px, p.jump * self.hot_px):
            self.heat = [0.0] * CHECKS
        self.hot_px = many
        if t - self.heat_ms < p.check_s * 1000 or not self.burn_px <= many <= p.burn_most * frame.size:
            return []
        patch = max(patches(hot), key=len)
        cols = frame.shape[1]
        x = sum(c for _, c in patch) / len(patch) / cols
        y = sum(r for r, _ in patch) / len(patch) / cols
        whole = len(patch) >= self.burn_px and len(patch) >= p.whole * many
        moved = ((x - self.middle[0]) ** 2 + (y - self.middle[1]) ** 2) ** 0.5 > p.spot
        if t - self.heat_ms > 3000 * p.check_s or moved or not whole:
            self.heat = [0.0] * CHECKS
        assert self.level is not None
        heat = sum(frame[r, c] / 100 - self.level for r, c in patch) if whole else 0.0
        self.heat = [*self.heat[1:], float(heat)]
        self.heat_ms, self.middle = t, (x, y)
        first, *_, last = self.heat
        grows = first > 0 and last >= p.growth * first
        for a, b in zip(self.heat, self.heat[1:], strict=False):
            grows = grows and a > 0 and 1 <= b / a <= p.most_growth
        return [("fire", t)] if grows and self.news(t) else []


def patches(hot: NDArray[np.bool_]) -> Sequence[list[tuple[int, int]]]:
    """Connected pixels, by the four sides."""
    left = {(int(r), int(c)) for r, c in zip(*np.nonzero(hot), strict=True)}
    out = []
    while left:
        open_, patch = [left.pop()], []
        while open_:
            r, c = open_.pop()
            patch.append((r, c))
            for other in ((r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1)):
                if other in left:
                    left.remove(other)
                    open_.append(other)
        out.append(patch)
    return out
