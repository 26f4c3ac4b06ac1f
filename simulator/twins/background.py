"""Naive twin of detectors/background.py: one sensor, one pixel at a time, plain Python.

For tests and benches only. Takes the same numbers, gives the same excess up to rounding.
"""

import math
from statistics import median

from detectors.background import DEV_TO_SIGMA, GRID, SMOOTH_FROM, BackgroundParams
from detectors.frame import BAD_PIXEL

Picture = list[list[float]]


class NaiveBackground:
    """What one sensor remembers."""

    def __init__(self, params: BackgroundParams, rows: int, cols: int) -> None:
        self.params, self.rows, self.cols = params, rows, cols
        self.mu = [0.0] * (rows * cols)
        self.level = math.nan
        self.noise = self.age = self.due = self.upset = 0.0
        self.last: list[int] | None = None

    def step(self, centi: list[int], dt_s: float, *, hold: bool) -> tuple[list[float], float, bool]:
        """Excess of each pixel (K), noise of one pixel (K), ready. `dt_s` NaN = gap."""
        p, n = self.params, self.rows * self.cols
        gap = math.isnan(dt_s)
        dt = 0.0 if gap else dt_s
        bad = [v == BAD_PIXEL for v in centi]
        x = [self.mu[i] if bad[i] else centi[i] * 0.01 for i in range(n)]
        repeated = not gap and centi == self.last
        self.last = list(centi)
        if self.age < p.warm_s and not repeated and sum(bad) <= n // 2:
            self._warm_up(x, dt)
        ready = self.age >= p.warm_s
        sigma = max(self.noise * DEV_TO_SIGMA, p.noise_floor_k)
        d = [x[i] - self.mu[i] for i in range(n)]
        first = median(d[:: max(1, n // GRID)])
        d = [v - first for v in d]
        second = sum(min(max(v, -2 * sigma), 2 * sigma) for v in d) / n
        d = [0.0 if bad[i] or not ready else d[i] - second for i in range(n)]
        self.due += dt
        if ready and not repeated and self.due >= p.update_s:
            self._learn(d, first + second, sigma, bad, hold=hold)
        return d, sigma, ready

    def _warm_up(self, x: list[float], dt: float) -> None:
        level = median(x)
        anew = not abs(level - self.level) < self.params.jump_k
        self.age = 0.0 if anew else self.age + dt
        share = 1.0 if anew else dt / max(self.age + dt, 1e-6)
        self.mu = [m + share * (v - m) for m, v in zip(self.mu, x, strict=True)]
        middle = median(self.mu)
        off = sum(abs(v - m - (level - middle)) for m, v in zip(self.mu, x, strict=True)) / len(x)
        self.noise += share * (off - self.noise)
        self.level = level

    def _learn(self, d: list[float], common: float, sigma: float, bad: list[bool], *, hold: bool) -> None:
        p, rows, cols = self.params, self.rows, self.cols
        grid = [d[r * cols : (r + 1) * cols] for r in range(rows)]
        large = rows * cols >= SMOOTH_FROM
        fog = smooth(grid) if large else grid
        gate = not large or max(pairs(grid)) > p.gate_sigma * sigma
        warm = [[gate and v > p.free_sigma * sigma for v in row] for row in fog]
        out = [
            any(
                warm[a][b]
                for a in range(r - 1, r + 2)
                for b in range(c - 1, c + 2)
                if 0 <= a < rows and 0 <= b < cols
            )
            for r in range(rows)
            for c in range(cols)
        ]
        dt = self.due
        free = 1 - math.exp(-dt / (p.young_tau_s if self.age < p.young_s else p.free_tau_s))
        cool = 1 - math.exp(-dt / p.cool_tau_s)
        static = 0.0 if hold else 1 - math.exp(-dt / p.static_tau_s)
        quick = 1 - math.exp(-dt / p.dev_tau_s)
        free_px = [i for i in range(len(d)) if not out[i] and not bad[i]]
        rest = sum(d[i] for i in free_px) / max(len(free_px), 1)
        change = [0.0] * len(d)
        for i, v in enumerate(d):
            rate = static if out[i] else cool if v < -p.free_sigma * sigma else free
            change[i] = 0.0 if bad[i] else rate * (v - rest)
        mean = sum(change[i] for i in free_px) / max(len(free_px), 1)
        for i in range(len(d)):
            here = i in free_px
            self.mu[i] += change[i] + common + rest + (0.0 if here else mean)
        self.noise += quick * sum(abs(d[i]) - self.noise for i in free_px) / len(d)
        self.due = 0.0
        self.upset = self.upset + dt if sum(out) / len(out) > p.upset_share else 0.0
        self.age += dt
        if self.upset > p.upset_s:
            self.upset, self.age, self.level = 0.0, 0.0, math.nan


def smooth(grid: Picture) -> Picture:
    """Mean of 3 x 3 pixels, the rim repeated outwards."""
    rows, cols = len(grid), len(grid[0])

    def at(r: int, c: int) -> float:
        return grid[min(max(r, 0), rows - 1)][min(max(c, 0), cols - 1)]

    return [
        [sum(at(r + a, c + b) for a in (-1, 0, 1) for b in (-1, 0, 1)) / 9 for c in range(cols)]
        for r in range(rows)
    ]


def pairs(grid: Picture) -> list[float]:
    """Means of 2x2 pixels that do not overlap; a last odd row or column is left out."""
    return [
        (grid[r][c] + grid[r][c + 1] + grid[r + 1][c] + grid[r + 1][c + 1]) / 4
        for r in range(0, len(grid) - 1, 2)
        for c in range(0, len(grid[0]) - 1, 2)
    ]
