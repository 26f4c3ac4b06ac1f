"""Naive twin of detectors/background.py: one sensor, one pixel at a time, plain Python.

For tests and benches only. Takes the same numbers, gives the same excess up to rounding. Sick pixels and
fading of familiar places are left out: tests tell those as stories.
"""

import math
from statistics import NormalDist, median

from detectors.background import (
    FAR_SIGMA,
    HOT,
    QUARTER_SIGMA,
    RUINED,
    SAMPLE,
    SOUND,
    SPREAD_SIGMA,
    WINDOW_SIGMA,
)
from detectors.roomlearn import COMPANY_LARGE, COMPANY_SMALL, FAMILIAR, LONGEST_S, WILD
from detectors.roomnoise import DEV_TO_SIGMA, MEDIAN_TO_DEV, MOST_DEV, MOST_NOISE
from detectors.roomstate import HIGHEST, LOWEST, SMOOTH_FROM, BackgroundParams

Seen = tuple[list[float], float]
"""Excess of each pixel and common mode, K."""


class NaiveBackground:
    """What one sensor remembers."""

    def __init__(self, params: BackgroundParams, rows: int, cols: int) -> None:
        self.params, self.rows, self.cols, self.pixels = params, rows, cols, rows * cols
        self.large = self.pixels >= SMOOTH_FROM
        self.room = [0.0] * self.pixels
        self.whole = [0] * self.pixels
        self.familiar = [0] * self.pixels
        self.held = [False] * self.pixels
        self.level = math.nan
        self.noise = self.age = self.due = self.check = self.upset = self.hold = 0.0
        self.blank = [False] * self.pixels
        self.last: list[int] | None = None
        self.bad = [False] * self.pixels

    @property
    def sigma(self) -> float:
        """Noise of one pixel, K."""
        return max(self.noise * DEV_TO_SIGMA / 100, self.params.noise_floor_k)

    def look(self, centi: list[int], dt_s: float) -> Seen | None:
        """What stands out; None: not ready, nothing new, or nothing in it. `dt_s` NaN = gap."""
        p, n = self.params, self.pixels
        gap = math.isnan(dt_s)
        dt = 0.0 if gap else max(dt_s, 0.0)
        repeated = not gap and centi == self.last
        self.last, self.centi = list(centi), list(centi)
        self.due += dt
        self.hold -= dt
        self.bad = [v < LOWEST or v > HIGHEST for v in centi]
        if repeated:
            return None
        if self.age < p.warm_s:
            self._warm_up(dt)
            return None
        d = [float(wrap(centi[i] - self.whole[i])) for i in range(n)]
        common = (sum(centi) - sum(self.whole)) / n
        ripe = self.due >= p.update_s
        errors = NormalDist().inv_cdf(1 - p.gate_false / n)
        changed = self._changed()
        d = [float(math.trunc(common)) if b else v for v, b in zip(d, self.blank, strict=True)]
        sums = [wrap(int(v)) for v in boxes(d, self.cols)] if self.large else d
        gate = (
            max(sums) - (9 if self.large else 1) * common
            > errors * (3 if self.large else 1) * 100 * self.sigma
        )
        if not gate and not self.hold > 0 and not (ripe and changed):
            if ripe and min(d) - common < -WILD:
                gate = True
            elif ripe:
                cool = min(d) - common < -p.cool_sigma * 100 * self.sigma
                if cool:
                    self._careful([(v - common) / 100 for v in d], common / 100, [False] * n)
                else:
                    self._quiet(d, common)
        if not gate and not self.hold > 0 and not (ripe and changed):
            return None
        common, spread = self._common(d)
        extreme = max(d) - common > HOT or min(d) - common < -WILD
        if changed or extreme or spread > SPREAD_SIGMA * 100 * self.sigma:
            return self._mask(common, errors, ripe=ripe)
        self.bad = list(self.blank)
        return [0.0 if b else (v - common) / 100 for v, b in zip(d, self.blank, strict=True)], common / 100

    def learn(self, seen: Seen, hold: list[bool]) -> None:
        """From a frame that stood out."""
        if self.due < self.params.update_s:
            return
        if any(hold):
            self.held, self.hold = list(hold), self.params.hold_keep_s
        held = self.held if self.hold > 0 else [False] * self.pixels
        self._careful(seen[0], seen[1], held)

    def _changed(self) -> bool:
        """A masked pixel is unreadable that was not, or the other way round, or is so in another way."""
        return any(
            masked and (not LOWEST <= v <= HIGHEST if LOWEST <= w <= HIGHEST else v != w)
            for masked, v, w in zip(self.blank, self.centi, self.whole, strict=True)
        )

    def _warm_up(self, dt: float) -> None:
        if 2 * sum(self.bad) > self.pixels:
            return
        good = sorted(v for v, bad in zip(self.centi, self.bad, strict=True) if not bad)
        level = float(good[len(good) // 2])
        x = [level if bad else float(v) for v, bad in zip(self.centi, self.bad, strict=True)]
        anew = not abs(level - self.level) < 100 * self.params.jump_k
        self.age = 0.0 if anew else self.age + dt
        share = 1.0 if anew else dt / max(self.age + dt, 1e-6)
        off = [v - m for v, m in zip(x, self.room, strict=True)]
        middle = median(off)
        dev = median(abs(v - middle) for v in off) * MEDIAN_TO_DEV * math.sqrt(1 - share)
        self.noise = 0.0 if anew else self.noise + min(dt / max(self.age, 1e-6), 1) * (dev - self.noise)
        self.room = [m + share * (v - m) for m, v in zip(self.room, x, strict=True)]
        self.level, self.due, self.check, self.blank = level, 0.0, 0.0, list(self.bad)
        self._cut()

    def _common(self, d: list[float]) -> tuple[float, float]:
        """Densest level, centi-K, and the spread."""
        some = sorted(d[:: max(1, self.pixels // SAMPLE) | 1])
        last, noise = len(some) - 1, 100 * self.sigma
        level = some[round(last * 0.25)] + float(QUARTER_SIGMA) * noise
        for _ in range(2):
            near = [v for v in some if abs(v - level) <= float(WINDOW_SIGMA) * noise]
            level = sum(near) / len(near) if len(near) > 1 else level
        return level, some[round(last * 0.85)] - some[round(last * 0.15)]

    def _mask(self, common: float, errors: float, *, ripe: bool) -> Seen | None:
        p, n, cols = self.params, self.pixels, self.cols
        e = [
            (self.centi[i] - (self.whole[i] if LOWEST <= self.whole[i] <= HIGHEST else self.room[i]) - common)
            / 100
            for i in range(n)
        ]
        lone = [e[i] - max(e[j] for j in self._around(i)) > p.glitch_k for i in range(n)]
        self.bad = [a or b for a, b in zip(self.bad, lone, strict=True)]
        far = [self.bad[i] or abs(e[i]) > FAR_SIGMA * self.sigma for i in range(n)]
        color = [[far[i] for i in range(n) if (i // cols + i % cols) % 2 == k] for k in (0, 1)]
        ruins = sorted(sum(c) / len(c) for c in color)
        e = [0.0 if self.bad[i] else e[i] for i in range(n)]
        if (ruins[1] > RUINED and ruins[0] < SOUND) or sum(self.bad) > n / 2:
            return None
        grid = [e[r * cols : (r + 1) * cols] for r in range(self.rows)]
        top = max(max(row) for row in (smooth(grid) if self.large else grid))
        if top > errors / (3 if self.large else 1) * self.sigma or self.hold > 0 or ripe:
            return e, common / 100
        return None

    def _around(self, i: int) -> list[int]:
        r, c = divmod(i, self.cols)
        return [
            a * self.cols + b
            for a in range(max(r - 1, 0), min(r + 2, self.rows))
            for b in range(max(c - 1, 0), min(c + 2, self.cols))
            if (a, b) != (r, c)
        ]

    def _rate(self) -> float:
        return part(
            self.due, self.params.young_tau_s if self.age < self.params.young_s else self.params.free_tau_s
        )

    def _quiet(self, d: list[float], common: float) -> None:
        self._measure([v - common for v in d], [not b for b in self.blank])
        rate = self._rate()
        self.room = [m + rate * v for m, v in zip(self.room, d, strict=True)]
        self._cut()
        self.age += self.due
        self.due = 0.0

    def _careful(self, kelvin: list[float], common: float, hold: list[bool]) -> None:
        p, n = self.params, self.pixels
        out = self._out(kelvin)
        clear = [not any(hold) or v > p.free_sigma * self.sigma for v in kelvin]
        sinks = [out[i] and clear[i] and not hold[i] and not self.bad[i] for i in range(n)]
        free = [i for i in range(n) if not (out[i] or hold[i] or self.bad[i])]
        rest = sum(kelvin[i] for i in free) / max(len(free), 1)
        e = [v - rest for v in kelvin]
        is_free = set(free)
        self._measure([100 * v for v in e], [i in is_free for i in range(n)])
        rate, cool, static = self._rate(), part(self.due, p.cool_tau_s), part(self.due, p.static_tau_s)
        left = min(e) < -p.cool_sigma * self.old_sigma
        cold = {i for i in range(n) if left and e[i] < -p.free_sigma * self.old_sigma}
        company = COMPANY_LARGE if self.large else COMPANY_SMALL
        cold = {i for i in cold if len(cold.intersection(self._around(i))) >= company}
        step = {i: (cool if i in cold else rate) * e[i] for i in free}
        mean = sum(step.values()) / max(len(free), 1)
        for i in range(n):
            here = step.get(i, mean + (static * e[i] if sinks[i] else 0.0))
            self.room[i] += 100 * (here + rate * (common + rest))
        if any(sinks):
            gain = max(round(min(self.due, LONGEST_S) * 255 / p.static_tau_s), 1)
            for i in range(n):
                if sinks[i] and e[i] > 2 * p.free_sigma * self.old_sigma:
                    self.familiar[i] = min(self.familiar[i] + gain, 255)
                elif self.familiar[i] < FAMILIAR:
                    self.familiar[i] = max(self.familiar[i] - gain, 0)
        self._cut()
        self.blank = [v < LOWEST or v > HIGHEST for v in self.centi]
        self.upset = self.upset + self.due if sum(sinks) > p.upset_share * n else 0.0
        self.age += self.due
        if self.upset > p.upset_s:
            self.upset, self.age, self.level = 0.0, 0.0, math.nan
        self.due = 0.0

    def _out(self, kelvin: list[float]) -> list[bool]:
        """Pixels that stand out or touch one that does, along the flat row of pixels."""
        p, n, cols = self.params, self.pixels, self.cols
        out = [False] * n
        if self.large:
            whole = [float(int(max(-3600, min(3600, 100 * v)))) for v in kelvin]
            for i, v in enumerate(boxes(whole, cols)):
                if v > int(900 * p.free_smooth_sigma * self.sigma):
                    for j in (i + a + b * cols for a in range(3) for b in range(3)):
                        out[j] = True
            return out
        for i, v in enumerate(kelvin):
            if v > p.free_sigma * self.sigma:
                for j in (i + a + b * cols for a in (-1, 0, 1) for b in (-1, 0, 1) if 0 <= i + a < n):
                    if 0 <= j < n:
                        out[j] = True
        return out

    def _measure(self, off: list[float], free: list[bool]) -> None:
        p = self.params
        self.old_sigma = self.sigma
        self.check += self.due
        if self.check < p.check_s and self.age >= p.young_s:
            return
        usual = max(self.noise, p.noise_floor_k * 100 / DEV_TO_SIGMA)
        quick = part(self.check, p.young_tau_s if self.age < p.young_s else p.dev_tau_s)
        known = max(self.age - p.warm_s, 0)  # the noise is a mean at first; what warm-up said is forgotten
        quick = max(quick, self.check / max(known + self.check, 1e-6))
        size = [
            min(abs(v), MOST_DEV * usual, MOST_NOISE * usual) for v, f in zip(off, free, strict=True) if f
        ]
        if len(size) > 0.25 * len(off):
            self.noise += quick * (sum(size) / len(size) - self.noise)
        self.check = 0.0

    def _cut(self) -> None:
        bad = [v < LOWEST or v > HIGHEST for v in self.centi]
        self.whole = [c if b else int(m) for c, b, m in zip(self.centi, bad, self.room, strict=True)]


def part(dt_s: float, tau_s: float) -> float:
    """What of a step is taken over in `dt_s`."""
    return -math.expm1(-dt_s / tau_s)


def wrap(value: int) -> int:
    """As 16 bits hold it."""
    return (value + 32_768) % 65_536 - 32_768


def boxes(flat: list[float], cols: int) -> list[float]:
    """Sums over the 3 x 3 box that begins at each pixel of a flat picture."""
    return [
        sum(flat[i + a + b * cols] for a in range(3) for b in range(3))
        for i in range(len(flat) - 2 * cols - 2)
    ]


def smooth(grid: list[list[float]]) -> list[list[float]]:
    """Mean of 3 x 3 pixels, the rim repeated outwards."""
    rows, cols = len(grid), len(grid[0])

    def at(r: int, c: int) -> float:
        return grid[min(max(r, 0), rows - 1)][min(max(c, 0), cols - 1)]

    return [
        [sum(at(r + a, c + b) for a in (-1, 0, 1) for b in (-1, 0, 1)) / 9 for c in range(cols)]
        for r in range(rows)
    ]
