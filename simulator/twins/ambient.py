"""The obvious way to watch the air of one home: sensor by sensor, level by level, one reading at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from detectors.ambient import AmbientParams
from detectors.heatindex import heat_index_c, saturation_hpa

MINUTE_MS = 60_000
Said = tuple[str, int, int]
"""Kind, row of the sensor, onset in ms."""


@dataclass
class Sensor:
    """One sensor; `room` and `wet` (a bathroom) say where it hangs."""

    row: int
    kind: str
    room: int
    wet: bool = False
    value: float | None = None
    heard: int = 0
    vapour: float | None = None
    doubted: float | None = None
    before: tuple[float, int] = (0.0, 0)
    since: list[int | None] = field(default_factory=lambda: [None] * 5)
    said: list[bool] = field(default_factory=lambda: [False] * 5)
    burns: bool = False


class Air:
    """One home."""

    def __init__(self, params: AmbientParams, sensors: Sequence[Sensor]) -> None:
        self.p = params
        self.of = {s.row: s for s in sensors}
        self.dwell = [round(m * MINUTE_MS) for m in (*params.cold_min, *params.heat_min)]

    def live(self, s: Sensor, t: int) -> bool:
        """Whether what it last said still holds."""
        return s.value is not None and t - s.heard <= self.p.stale_min * MINUTE_MS

    def hear(self, row: int, value: float, t: int) -> list[Said]:
        """Take one reading."""
        s = self.of[row]
        if s.kind == "humidity":
            if self.p.least_humidity <= value <= 100:
                s.value, s.heard, s.vapour = value, t, None
                warm = (o for o in self.of.values() if o.kind == "temperature" and o.room == s.room)
                beside = next(warm, None)
                if beside is not None and self.live(beside, t):
                    s.vapour = value / 100 * float(saturation_hpa(np.array(beside.value)))
                for other in self.of.values():
                    if other.kind == "temperature" and self.live(other, t):
                        self.spells(other, t)
            return []
        p = self.p
        if not p.least_c <= value <= p.most_c or value == p.power_on_c:
            return []
        goes_on = self.live(s, t)
        jump = goes_on and s.value is not None and abs(value - s.value) > p.jump_k
        if jump and (s.doubted is None or abs(value - s.doubted) > p.agree_k):
            s.doubted = value
            return []
        s.doubted = None
        short, long = (m * MINUTE_MS for m in p.rise_span_min)
        if not goes_on or s.value is None:
            self.forget(s)
            s.before = (value, t)
        elif t - s.before[1] >= short:
            s.before = (s.value, s.heard)
        rise = (value - s.before[0]) / (min(max(t - s.before[1], short), long) / MINUTE_MS)
        s.value, s.heard = value, t
        burns = value >= (p.fire_rising_c if rise > p.rising_k_min else p.fire_c)
        burns = burns or (s.burns and value >= p.warn_rising_c)
        out: list[Said] = [("fire", row, t)] if burns and not s.burns else []
        s.burns = burns
        self.spells(s, t)
        return out

    def forget(self, s: Sensor) -> None:
        """After a gap nothing of before counts."""
        s.since, s.said, s.burns = [None] * 5, [False] * 5, False

    def humidity(self, s: Sensor, t: int) -> float:
        """In % where it hangs, else by the water in the home's air, else assumed."""
        damp = [o for o in self.of.values() if o.kind == "humidity"]
        here = [o for o in damp if o.room == s.room][:1]
        other = ([o for o in damp if not o.wet] or damp)[:1]
        for o in (*here, *other):
            if self.live(o, t) and o.value is not None:
                if o.vapour is None or o in here:
                    return o.value
                return min(100 * o.vapour / float(saturation_hpa(np.array(s.value))), 100.0)
        return self.p.assumed_humidity

    def spells(self, s: Sensor, t: int) -> None:
        """Begin and end spells at a reading."""
        assert s.value is not None
        felt = float(heat_index_c(np.array(s.value), np.array(self.humidity(s, t))))
        away = [s.value - c for c in self.p.cold_c] + [c - felt for c in self.p.heat_index_c]
        for level, k in enumerate(away):
            if s.since[level] is None:
                if k < 0:
                    s.since[level], s.said[level] = t, False
            elif k >= self.p.hysteresis_k:
                s.since[level], s.said[level] = None, False

    def tick(self, now: int) -> list[Said]:
        """Give what is due by now."""
        out: list[Said] = []
        for s in self.of.values():
            due = [b + self.dwell[k] for k, b in enumerate(s.since) if b is not None and not s.said[k]]
            if s.kind != "temperature" or not due or min(due) > now:
                continue
            if not self.live(s, min(due)):
                self.forget(s)
                continue
            for kind, levels in (("cold", (0, 1, 2)), ("heat", (3, 4))):
                known = max((k for k in levels if s.said[k]), default=-1)
                worst = -1
                for k in levels:
                    began = s.since[k]
                    if began is not None and not s.said[k] and began + self.dwell[k] <= now:
                        s.said[k] = True
                        worst = k
                for k in levels:
                    s.said[k] |= k <= worst
                began = s.since[worst] if worst >= 0 else None
                if began is not None and worst > known:
                    out.append((kind, s.row, began + self.dwell[worst]))
        return out
