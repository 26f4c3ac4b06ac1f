"""The body-surface trend of one home with one camera, plainly: what detectors/bodytemp.py must equal."""

import math
import statistics
from dataclasses import dataclass, field

import numpy as np

from detectors.baseline import MEAN_TO_SIGMA, SPREAD, START
from detectors.bodystate import BodytempParams

HOUR_MS = 3_600_000
Reading = tuple[int, float, float]
"""Posture, value, log of the distance."""


@dataclass(slots=True)
class Plain:
    """One home, one camera, one room without a sensor of its own."""

    params: BodytempParams
    core_c: float
    level_c: float = 22.0
    readings: list[Reading] = field(default_factory=list)
    begun: int = -1
    lain: int = -1
    last: int = -1
    other: int = 0
    next_ms: int = -1
    past: list[tuple[int, int, list[float], float, float]] = field(default_factory=list)
    """Sessions learnt from: ms, posture, features, value as taken in, deviation."""
    first: int = -1
    block: list[tuple[float, float, float, bool]] = field(default_factory=list)
    """Sessions of the block: residual, sigma, core less room, resting."""
    block_ms: int = -1
    ring: list[tuple[float, float, float, int]] = field(default_factory=list)
    hot: float = 0.0
    hot_ms: int = -1
    fever_ms: int = -1

    def note(self, t_ms: int, posture: int, value: float, far: float) -> None:
        """Take a reading."""
        p = self.params
        if t_ms < self.next_ms:
            return
        self.next_ms = t_ms + round(1000 * p.sample_s)
        if self.lain >= 0 and t_ms - self.last > 1000 * p.settle_s:
            self.lain = -1
        self.other = 0 if posture == 2 else min(self.other + 1, 2)
        if self.other > 1:
            self.lain = -1
        if posture == 2 and self.lain < 0:
            self.lain = t_ms
        self.last = t_ms
        if posture == 2 and t_ms - self.lain < 1000 * p.settle_s:
            return
        if len(self.readings) < 48:
            if not self.readings:
                self.begun = t_ms
            self.readings.append((posture, value, far))

    def step(self, now_ms: int, minute: int) -> list[tuple[int, int, float, float]]:
        """One minute: (onset, decision, trend, error) where a fever is found."""
        p = self.params
        if self.readings and now_ms - self.begun >= 1000 * p.session_s:
            readings, self.readings = self.readings, []
            if now_ms - self.begun <= 2000 * p.session_s:
                self._session(readings, now_ms, minute)
        if self.block_ms >= 0 and now_ms - self.block_ms >= p.block_h * HOUR_MS:
            if now_ms - self.block_ms < 2 * p.block_h * HOUR_MS:
                self._close(now_ms)
            self.block, self.block_ms = [], -1
        return self._flag(now_ms)

    def _session(self, readings: list[Reading], now_ms: int, minute: int) -> None:
        p = self.params
        counts = [sum(r[0] == k for r in readings) for k in range(3)]
        posture = counts.index(max(counts))
        mine = [r for r in readings if r[0] == posture]
        if len(mine) < p.least_readings:
            return
        value = float(np.quantile([r[1] for r in mine], p.quantile))
        far = sum(r[2] for r in mine) / len(mine)
        turn = 2 * math.pi * minute / 1440
        x = [1.0, self.level_c - 22, math.cos(turn), math.sin(turn), far]
        x += [float(posture == k) for k in range(3)]
        # everything learnt, as it has faded at the last session that was learnt from
        at = self.past[-1][0] if self.past else 0
        fade = [math.exp(-(at - ms) / (p.memory_days * 24 * HOUR_MS)) for ms, *_ in self.past]
        ridge = np.diag((p.sigma / SPREAD) ** 2)
        start = np.zeros(8)
        start[0] = START
        a, b = ridge.copy(), ridge @ start
        for w, (_, _, xs, taken, _) in zip(fade, self.past, strict=True):
            a += w * np.outer(xs, xs)
            b += w * taken * np.array(xs)
        inverse = np.linalg.inv(a)
        expected, unsure = (
            float(np.array(x) @ inverse @ b),
            math.sqrt(1 + np.array(x) @ inverse @ np.array(x)),
        )
        same = [(w, row[4]) for w, row in zip(fade, self.past, strict=True) if row[1] == posture]
        count = sum(w for w, _ in same)
        mean = (sum(w * d for w, d in same) + p.sigma_sessions * p.sigma / MEAN_TO_SIGMA) / (
            count + p.sigma_sessions
        )
        sigma = mean * MEAN_TO_SIGMA * unsure
        residual = value - expected
        if self.first < 0:
            self.first = now_ms
        if now_ms - self.first >= p.learn_days * 24 * HOUR_MS and count >= p.learn_sessions:
            held = max(sigma, p.least_sigma)
            gap = self.core_c - self.level_c
            limit = max(p.outlier * held, math.log(1 + 2 * p.rise_k / gap))
            self.block.append((min(max(residual, -limit), limit), held, gap, posture > 0))
            if self.block_ms < 0:
                self.block_ms = now_ms
        if self.fever_ms < 0:
            near = min(max(residual, -p.clip * sigma), p.clip * sigma)
            self.past.append((now_ms, posture, x, expected + near, abs(near) / unsure))

    def _close(self, now_ms: int) -> None:
        p = self.params
        weights = [1 / s**2 for _, s, _, _ in self.block]
        whole, n = sum(weights), len(self.block)

        def mean(k: int) -> float:
            return sum(w * row[k] for w, row in zip(weights, self.block, strict=True)) / whole

        r, gap, rests = mean(0), mean(2), mean(3)
        sigma = mean(1) * math.sqrt((1 + (n - 1) * p.alike) / n)
        delta = math.log(1 + p.rise_k / gap)
        step = delta * (r - delta / 2) / sigma**2
        now = max(self.hot + min(max(step, -p.most_step), p.most_step), 0.0)
        if now == 0:
            self.hot_ms = -1
        elif self.hot == 0:
            self.hot_ms = self.block_ms
        self.hot = min(now, 2 * p.alarm)
        scale = p.skin_share * gap
        self.ring = [*self.ring, (scale * math.expm1(r), scale * sigma, rests, now_ms)][-3:]

    def _flag(self, now_ms: int) -> list[tuple[int, int, float, float]]:
        p = self.params
        if len(self.ring) < 3:
            return []
        middle, error, rests = (statistics.median(row[k] for row in self.ring) for k in range(3))
        if self.fever_ms >= 0:
            old = now_ms - self.fever_ms > p.frozen_days * 24 * HOUR_MS
            if self.hot == 0 or middle < p.skin_share * p.clear_k or old:
                self.fever_ms, self.hot, self.hot_ms = -1, 0.0, -1
            return []
        sure = now_ms - self.ring[0][3] <= p.fresh_h * HOUR_MS and error <= p.most_error_k
        high = self.hot >= p.alarm and middle >= p.skin_share * p.fever_k
        if not (sure and high and rests >= 0.5):
            return []
        self.fever_ms = now_ms
        return [(self.hot_ms, now_ms, middle, error)]
