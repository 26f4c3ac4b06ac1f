"""The obvious way to watch the health of one home's sensors: plain loops, one sensor after the other.

For the tests and the bench; knows the same parameters as detectors/sensorhealth.py and its two parts. Leaves
out pictures and the findings of many homes at once (street, connection), which the tests compare by hand.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from detectors.camerahealth import FEW_FRAMES, CameraHealthParams
from detectors.eventhealth import CLOCKED, CONTACTS, DAY_MIN, HOUR_MS, LIVELY, EventHealthParams
from detectors.fault import Cause
from detectors.sensorhealth import SensorHealthParams


@dataclass
class Sensor:
    """One event sensor."""

    kind: int
    first_ms: int = -1
    heard_ms: int = -1
    news_ms: int = -1
    life_ms: int = -1
    value: float = math.nan
    same: int = 0
    gap_s: float = 0.0
    quiet_min: float = 0.0
    longest_min: float = 0.0
    gaps: int = 0
    step_s: float = math.nan
    even_s: float = 0.0
    busy: float = 0.0
    muted_ms: int = -1
    offline_ms: int = -1
    boots: float = 0.0
    boots_read: int = 0
    told: int = 0
    weight: float = 1.0
    recent: int = 0
    spoke: bool = False
    live: bool = False
    late: bool = False

    def cap(self, p: EventHealthParams) -> float:
        """Events a minute beyond which it chatters."""
        return p.chatter_contact_per_min if self.kind in CONTACTS else p.chatter_per_min

    def hear(self, p: EventHealthParams, value: float, t_ms: int, *, life: bool) -> None:
        """Take one reading."""
        known = self.heard_ms != -1
        gap_s = (t_ms - self.heard_ms) / 1000
        changed = known and value != self.value
        self.first_ms = self.first_ms if known else t_ms
        self.heard_ms = max(self.heard_ms, t_ms)
        self.value = value
        self.same = 0 if changed else self.same + 1
        self.recent += 1
        if self.recent > self.cap(p):
            self.muted_ms = self.heard_ms + int(p.mute_min * 60_000)
        if self.kind in CLOCKED and known and gap_s > 0:
            up = p.clock_quantile if gap_s > self.gap_s else p.clock_quantile - 1
            self.gap_s *= math.exp(p.clock_rate * up)
        if life:
            if self.life_ms != -1:
                step = (t_ms - self.life_ms) / 1000
                even = abs(step - self.step_s) <= max(p.even_s, p.even_share * step)
                even = even and step <= p.even_most_s
                gained = self.even_s + (step if even else -p.uneven_weight * step)
                self.even_s = min(max(gained, 0.0), 2 * 3600 * p.even_h)
                self.step_s = step
            self.life_ms = t_ms
        if life or changed or not known:
            self.news_ms = t_ms
            self.spoke = True

    def regular(self, p: EventHealthParams) -> bool:
        """As regular as a clock."""
        return self.even_s >= 3600 * p.even_h


@dataclass
class Camera:
    """One camera."""

    gap_s: float
    last_ms: int = -1
    bad: float = 0.0
    why: int = 0
    told: int = 0
    dark_told: bool = False
    ready: bool = False
    weight: float = 1.0
    frames: int = 0
    useful: int = 0
    froze: int = 0
    up: bool = False
    sees: bool = False
    dark: bool = False

    def see(
        self, p: CameraHealthParams, t_ms: int, *, live: bool, ready: bool, frozen: bool, up: bool
    ) -> None:
        """Take what was seen in one frame."""
        gap_s = (t_ms - self.last_ms) / 1000
        if self.last_ms >= 0 and gap_s > 0:
            rise = p.gap_quantile if gap_s > self.gap_s else p.gap_quantile - 1
            self.gap_s *= math.exp(p.gap_rate * rise)
        self.last_ms = t_ms
        self.frames += 1
        self.useful += live
        self.froze += frozen
        self.ready = ready
        self.up = self.up or up

    def minute(self, p: CameraHealthParams, camera_ms: int, since_ms: int, now_ms: int) -> int | None:
        """Judge; give the cause of a fault to be told now."""
        silent_s = (now_ms - max(camera_ms, since_ms)) / 1000
        self.dark = silent_s > max(p.dark_s, p.gaps * self.gap_s)
        if self.frames >= FEW_FRAMES:
            if self.useful < p.useful_share * self.frames:
                self.bad += 1
                self.why = Cause.FROZEN if 2 * self.froze >= self.frames else Cause.IMPLAUSIBLE
            else:
                self.bad = 0
        self.weight = self.weight * math.exp(-1 / (7 * DAY_MIN)) + self.up / 7
        cause = self.why if self.bad >= p.bad_min else 0
        news = None
        if not self.dark:
            news = cause if cause > self.told else None
            self.told = cause
        self.sees = not self.dark and self.ready and self.bad < 1
        self.frames = self.useful = self.froze = 0
        self.up = False
        return news


@dataclass
class Home:
    """One home with its sensors."""

    params: SensorHealthParams
    sensors: list[Sensor]
    cameras: list[Camera]
    heard_ms: int = -1
    since_ms: int = -1
    minute_ms: int = -1
    lost_min: float = 0.0
    told_lost: bool = False
    deaf: bool = True
    dark: bool = False
    said: list[tuple[str, int, int]] = field(default_factory=list)
    """(kind, sensor or camera or −1, cause) in the order in which they were said."""

    def hear(self, sensor: int, value: float, t_ms: int, *, life: bool) -> None:
        """Take one reading."""
        self.sensors[sensor].hear(self.params.eventhealth, value, t_ms, life=life)
        self.heard_ms = max(self.heard_ms, t_ms)

    def minute(
        self,
        now_ms: int,
        camera_ms: Sequence[int],
        offline: Sequence[bool],
        battery: Sequence[float],
        boots: Sequence[int],
    ) -> list[tuple[str, int, int]]:
        """Judge all; give what is said now."""
        p = self.params
        if self.minute_ms == -1 or now_ms - self.minute_ms > p.pause_s * 1000:
            self.since_ms = now_ms
        self.minute_ms = now_ms
        up = sum(c.up for c in self.cameras)
        faults = [
            (k, c.minute(p.camerahealth, t, self.since_ms, now_ms))
            for k, (c, t) in enumerate(zip(self.cameras, camera_ms, strict=True))
        ]
        self.dark = self._is_dark(camera_ms, now_ms)
        told = self._events(now_ms, up, offline, battery, boots)
        whole = sum(s.weight for s in self.sensors if s.kind in LIVELY) + sum(c.weight for c in self.cameras)
        heard = sum(s.weight for s in self.sensors if s.kind in LIVELY and s.live and not self.dark)
        heard += sum(c.weight for c in self.cameras if c.sees)
        self.deaf = self.dark or heard < max(p.least_hearing * whole, 1e-9)
        said = self._blind(camera_ms, now_ms)
        first = {cause: k for k, cause in reversed(told)}  # what befell several sensors at once is said once
        said += [("sensor-fault", k, cause) for cause, k in first.items()]
        said += [("sensor-fault", k, cause) for k, cause in faults if cause is not None]
        self.said += said
        return said

    def _is_dark(self, camera_ms: Sequence[int], now_ms: int) -> bool:
        p = self.params.eventhealth
        clocks = [s for s in self.sensors if s.kind in CLOCKED and s.first_ms != -1]
        if self.cameras:
            sources = [(c.dark, t) for c, t in zip(self.cameras, camera_ms, strict=True)]
        else:
            sources = [
                (now_ms - max(s.heard_ms, self.since_ms) > 1000 * _late_s(p, s), s.heard_ms) for s in clocks
            ]
        if not sources or not all(dark for dark, _ in sources):
            return False
        since = max(self.since_ms, *(t for _, t in sources))
        return self.heard_ms <= since + int(self.params.heard_margin_s * 1000)

    def _events(
        self, now_ms: int, up: int, offline: Sequence[bool], battery: Sequence[float], boots: Sequence[int]
    ) -> list[tuple[int, int]]:
        p = self.params.eventhealth
        active = [
            s.spoke and s.kind in LIVELY and s.recent <= s.cap(p) and not s.regular(p) for s in self.sensors
        ]
        out = []
        for k, s in enumerate(self.sensors):
            s.busy = s.busy * math.exp(-1 / p.chatter_tau_min) + (s.recent > s.cap(p))
            s.weight = s.weight * math.exp(-1 / (7 * DAY_MIN)) + active[k] / 7
            limit = max(p.quiet_least_min, p.quiet_factor * s.longest_min)
            s.longest_min *= 0.5 ** (1 / (p.forget_days * DAY_MIN))
            grown = s.quiet_min + (sum(active) - active[k] + up > 0)
            if s.spoke:
                gap = min(s.quiet_min, limit)
                s.longest_min = max(s.longest_min, gap)
                s.gaps += gap > 0
                grown = 0
            s.quiet_min = grown
            known = s.first_ms != -1 and s.news_ms - s.first_ms >= p.learn_days * DAY_MIN * 60_000
            quiet = known and s.gaps >= p.learn_gaps and s.quiet_min > limit
            s.recent, s.spoke = 0, False
            cause = self._cause(s, now_ms, offline[k], battery[k], boots[k], quiet=quiet)
            if cause > s.told:
                out.append((k, cause))
            s.told = s.told if self.dark and cause < s.told else cause
        return out

    def _cause(
        self, s: Sensor, now_ms: int, offline: bool, battery: float, boots: int, *, quiet: bool
    ) -> int:
        p = self.params.eventhealth
        silent_ms = now_ms - max(s.heard_ms, self.since_ms)
        late = s.kind in CLOCKED and silent_ms > 1000 * _late_s(p, s)
        if not offline:
            s.offline_ms = -1
        elif s.offline_ms == -1:
            s.offline_ms = now_ms
        gone = s.offline_ms != -1 and s.heard_ms <= s.offline_ms
        s.boots = s.boots * math.exp(-1 / DAY_MIN) + max(boots - s.boots_read, 0)
        s.boots_read = boots
        long_ms = p.fault_h * HOUR_MS
        beyond = quiet and s.kind in LIVELY
        same = s.kind in CLOCKED and s.same >= 2 and s.heard_ms - s.news_ms > p.same_h * HOUR_MS
        repeats = s.heard_ms - s.news_ms > long_ms / 2
        old = now_ms - max(s.news_ms, self.since_ms) >= long_ms
        s.live = not (s.muted_ms > now_ms or s.regular(p) or late or gone or same or beyond)
        if not self.dark:
            if (beyond and old and not repeats) or (late and silent_ms >= long_ms):
                return Cause.SILENT
            if gone and now_ms - s.offline_ms >= long_ms:
                return Cause.OFFLINE
        if s.busy >= p.chatter_min:
            return Cause.CHATTER
        if same or (beyond and old and repeats) or s.regular(p):
            return Cause.STUCK
        if s.boots >= (p.boots_over_per_day if s.told >= Cause.BOOTS else p.boots_per_day):
            return Cause.BOOTS
        low = p.battery_good if s.told >= Cause.BATTERY else p.battery_low
        return Cause.BATTERY if battery <= low else Cause.NONE

    def _blind(self, camera_ms: Sequence[int], now_ms: int) -> list[tuple[str, int, int]]:
        newly = [k for k, c in enumerate(self.cameras) if c.dark and not c.dark_told]
        for c, t in zip(self.cameras, camera_ms, strict=True):
            c.dark_told = c.dark or (c.dark_told and t < self.since_ms)
        count = sum(c.dark for c in self.cameras)
        none = bool(self.cameras) and not any(c.sees for c in self.cameras)
        self.lost_min = self.lost_min + 1 if none else 0
        listened = now_ms - self.since_ms >= self.params.broker_s * 1000
        lost = listened and self.lost_min >= self.params.lost_min
        lost = lost or (self.dark and not self.cameras)
        newly_lost = lost and not self.told_lost and count < max(len(self.cameras), 1)
        self.told_lost = lost
        if not newly and not newly_lost:
            return []
        return [("blind", newly[0] if newly else -1, self._blind_cause(camera_ms, count))]

    def _blind_cause(self, camera_ms: Sequence[int], count: int) -> int:
        if self.dark:
            alone = len(self.cameras) == 1 and not self.sensors
            return Cause.SILENT if alone else Cause.GATEWAY
        dark = [t for c, t in zip(self.cameras, camera_ms, strict=True) if c.dark]
        together = max(dark, default=0) - min(dark, default=0) <= self.params.together_s * 1000
        if count >= 2 and count == len(self.cameras) and together:
            return Cause.POWER
        return max(
            Cause.SILENT if c.dark else c.why if c.bad >= self.params.camerahealth.bad_min else 0
            for c in self.cameras
        )


def _late_s(p: EventHealthParams, s: Sensor) -> float:
    return min(max(p.clock_gaps * s.gap_s, p.clock_least_s), p.clock_most_s)
