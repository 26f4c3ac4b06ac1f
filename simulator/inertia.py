"""What a sensor keeps of the frames before: first-order lag, and the mean of its last frames.

Takes frames in order of time, piece by piece, gives what the sensor makes of them. Whatever the pieces, the
numbers are the same: every frame is put together from the same earlier ones in the same order.
"""

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.world import F32, F64

LAG_REST: Final = 1e-3  # a frame whose share in a reading has fallen below this is forgotten
GAP_FRAMES: Final = 3.0  # after a gap of more frames than this, the frames before are not the device's last
LONG_AGO_S: Final = 1e12


@dataclass(slots=True)
class Inertia:
    """Memory of one sensor; `lag_s`, `average` and `renewed` as in Camera."""

    pixels: int
    rate_hz: float
    lag_s: float
    average: int
    renewed: int = 1
    frames: int = 0
    """Drawn since power-on."""
    _lag: int = field(init=False)
    _t: F64 = field(init=False)
    _seen: F32 = field(init=False)
    _lagged: F32 = field(init=False)
    _noise: F32 = field(init=False)
    _share: F64 = field(init=False)
    """(average + 1,) what the sum of so many frames' noise is multiplied by."""

    def __post_init__(self) -> None:
        self._lag = math.ceil(-math.log(LAG_REST) * self.rate_hz * self.lag_s)
        self._t = -LONG_AGO_S * np.arange(
            max(self._lag + 1, self.average + self.renewed - 1), 0, -1, dtype=np.float64
        )
        self._seen = np.zeros((self._lag, self.pixels), np.float32)
        self._lagged = np.zeros((self.average - 1, self.pixels), np.float32)
        self._noise = np.zeros((self.average + self.renewed - 2, self.pixels), np.float32)
        # How often each frame's noise is in the sum: from the start of a run on, and within a long one.
        often = np.minimum(np.arange(1.0, self.average), self.renewed)
        full = np.convolve(np.ones(self.average), np.ones(self.renewed))
        power = np.concatenate([[1.0], np.cumsum(often**2), [(full**2).sum()]])
        self._share = 1 / np.sqrt(self.average * power)

    @property
    def last_s(self) -> float:
        """When the last frame was taken."""
        return float(self._t[-1])

    def pass_time(self, t_s: F64) -> F64:
        """Take note of the next frames' times (N,); gives them with those remembered before."""
        times = np.concatenate([self._t, t_s])
        self._t = times[len(t_s) :].copy()
        self.frames += len(t_s)
        return times

    def lag(self, times: F64, warm: F32 | None) -> F32 | None:
        """First-order lag of (N, pixels); None = nothing is warm. `times` as given by `pass_time`."""
        lag = self._lag
        if not lag:
            return warm
        n = len(times) - len(self._t)
        if warm is None:
            if not self._seen.any():
                return None
            warm = np.zeros((n, self._seen.shape[1]), np.float32)
        whole = np.concatenate([self._seen, warm])
        self._seen = whole[-lag:].copy()
        moved = (whole[1:] != whole[:-1]).any(axis=1)
        until = np.maximum.accumulate(np.where(moved, np.arange(1, len(whole)), -len(whole)))
        rows = np.flatnonzero(np.arange(lag, len(whole)) - until[lag - 1 :] < lag)
        if not rows.size:
            return warm
        at = rows + len(self._t)
        back_s = np.stack([times[at] - times[at - k] for k in range(lag + 1)], -1)
        rest = np.exp(-back_s / self.lag_s)
        share = rest.copy()
        share[:, :lag] -= np.exp(-np.diff(back_s, append=0.0)[:, :lag] / self.lag_s) * rest[:, :lag]
        now = warm[rows]
        out = now.copy()
        for k in range(1, lag + 1):
            out += share[:, k, None].astype(np.float32) * (whole[rows + lag - k] - now)
        warm[rows] = out
        return warm

    def mean(self, times: F64, noise: F32, warm: F32 | None) -> tuple[F32, F32 | None]:
        """Mean of the last `average` frames, of noise and of warmth. Frames that are missing because nothing
        happened (drawn seconds apart) looked like the last one before, and the noise is as small as ever.
        """
        size, renewed = self.average, self.renewed
        step_s = np.diff(times, prepend=-np.inf)
        follows = step_s < GAP_FRAMES / self.rate_hz
        run = np.arange(len(times)) - np.maximum.accumulate(np.where(follows, 0, np.arange(len(times))))
        n = len(noise)
        known = np.minimum(run[len(times) - n :] + 1, size)
        if warm is None and self._lagged.any():
            warm = np.zeros_like(noise)
        past_noise = np.concatenate([self._noise, noise])
        self._noise = past_noise[n:].copy()
        if renewed > 1:
            before = n + size - 1
            past_noise = _trailing(past_noise, np.minimum(run[len(times) - before :] + 1, renewed), renewed)
        out = _trailing(past_noise, known, size)
        out *= self._share[known].astype(np.float32)[:, None]
        if warm is None:
            return out, None
        past = np.concatenate([self._lagged, warm])
        self._lagged = past[n:].copy()
        mean = _trailing(past, known, size)
        gap = np.flatnonzero(known < size)
        mean[gap] += (size - known[gap]).astype(np.float32)[:, None] * past[size - 1 + gap - known[gap]]
        mean /= np.float32(size)
        return out, mean


def _trailing(whole: F32, known: NDArray[np.intp], size: int) -> F32:
    """Sums (N, P) over the last `known` (N,) of `size` frames; `whole` (size - 1 + N, P) begins earlier.

    Added up in pairs, which takes half as long; rows that know fewer frames are added up on their own.
    """
    n = len(known)
    if size < 3:
        out = whole[size - 1 :].copy()
    else:
        pairs = whole[1:] + whole[:-1]  # pairs[k] = whole[k] + whole[k + 1]
        out = whole[size - 1 :] + pairs[size - 3 : size - 3 + n] if size % 2 else pairs[size - 2 :].copy()
        first = 3 if size % 2 else 2
        for k in range(first, size, 2):
            out += pairs[size - 2 - k : size - 2 - k + n]
    if size == 2:
        out += whole[:n]
    few = np.flatnonzero(known < size)
    if few.size:
        rows = whole[size - 1 + few]
        for k in range(1, size):
            rows += np.where((known[few] > k)[:, None], whole[size - 1 + few - k], np.float32(0))
        out[few] = rows
    return out
