"""The obvious way to notice that something was left on: one home, one reading after the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from detectors.appliance import ApplianceParams

MINUTE_MS = 60_000
Said = tuple[int, int]
"""Row of the sensor, onset in ms."""


@dataclass
class Thing:
    """A plug, a door, or a sensor that says whether somebody is there."""

    row: int
    kind: str
    room: int
    value: float | None = None
    heard: int = 0
    idle: float | None = None
    on: int | None = None
    off: int | None = None
    said: int = -1
    again: int | None = None
    closed: int = 0
    lost: int = 0


class Watch:
    """One home; `noticing` are the rooms in which somebody can be noticed."""

    def __init__(self, params: ApplianceParams, things: Sequence[Thing], noticing: set[int]) -> None:
        self.p = params
        self.of: Mapping[int, Thing] = {t.row: t for t in things}
        self.noticing = noticing
        self.place: int | None = None
        self.noticed: dict[int, int] = {}
        self.left: dict[int, int] = {}
        self.looked: dict[int, int] = {}
        self.stirred: dict[int, int] = {}

    def stir(self, room: int, t: int) -> None:
        """A motion sensor reports."""
        p = self.p
        if t - self.looked.get(room, -1) <= p.live_s * 1000:
            first = self.stirred.get(room)
            if first is not None and t - first < p.apart_s * 1000:
                return
            self.stirred[room] = t
            elsewhere = [at for other, at in self.noticed.items() if other != room]
            if first is None or t - first > p.again_s * 1000:
                return
            if elsewhere and first - max(elsewhere) < p.door_s * 1000:
                return
        self.notice(room, t)

    def notice(self, room: int, t: int) -> None:
        """Somebody is noticed in a room."""
        if self.place is not None and self.place != room:
            self.left[self.place] = t
        self.place = room
        self.noticed[room] = max(t, self.noticed.get(room, -1))

    def hear(self, row: int, value: float, t: int) -> bool:
        """Take one reading; tell whether it says that somebody has switched something on."""
        s = self.of[row]
        on = False
        if s.kind == "plug":
            on = self.plug(s, value, t)
        elif s.kind == "door":
            again = value == 1 and s.value == 1
            s.closed += value != 1
            s.lost += again
            s.again = t if again else None
            if value != 1:
                s.on = None
            elif not again or s.on is None:
                s.on = t
        s.value, s.heard = value, t
        return on

    def plug(self, s: Thing, watts: float, t: int) -> bool:
        """Whether it is on."""
        p = self.p
        stale = s.value is None or t - s.heard > p.stale_min * MINUTE_MS
        if s.idle is None:
            s.idle = watts if watts <= p.idle_most_w else 0.0
        else:
            if not stale and s.value is not None:
                hours = (t - s.heard) / 3_600_000
                s.idle += (1 - 2.718281828459045 ** (-hours / p.idle_tau_h)) * (s.value - s.idle)
            s.idle = min(s.idle, watts)
        ended = stale or s.on is None or (s.off is not None and t - s.off > p.bridge_min * MINUTE_MS)
        if watts > s.idle + p.on_w:
            s.on, s.off = t if ended else s.on, None
            return ended and not stale
        if ended:
            s.on = s.off = None
        elif s.off is None:
            s.off = t
        return False

    def tick(self, now: int) -> list[Said]:
        """Give what is due by now."""
        out: list[Said] = []
        for s in self.of.values():
            if s.on is None:
                continue
            due = self.due_plug(s, now) if s.kind == "plug" else self.due_door(s, now)
            if due is not None and due <= now:
                s.said = now
                out.append((s.row, due))
        return out

    def due_plug(self, s: Thing, now: int) -> int | None:
        """When it will have been left on for long enough; None = it is not."""
        if s.on is None or s.off is not None or now - s.heard > self.p.stale_min * MINUTE_MS:
            return None
        noticed = self.noticed.get(s.room, -1)
        alone = -1
        if noticed >= 0:
            quiet = round(self.p.quiet_s * 1000)
            dark = self.looked.get(s.room, -1) - noticed < quiet
            alone = noticed + (round(self.p.silent_min * MINUTE_MS) if dark else quiet)
            if self.left.get(s.room, -1) >= noticed:
                alone = min(alone, self.left[s.room])
        stays = any(
            t.kind == "stays" and t.room == s.room and t.value == 1
            and now - t.heard <= self.p.stays_h * 60 * MINUTE_MS
            for t in self.of.values()
        )  # fmt: skip
        if stays or s.room not in self.noticing or max(s.on, noticed) <= s.said:
            return None
        return max(s.on, alone) + round(self.p.left_min * MINUTE_MS)

    def due_door(self, s: Thing, now: int) -> int | None:
        """When it will have been open for long enough; None = that is not sure."""
        if s.on is None or s.on <= s.said or not s.closed:
            return None
        repeated = s.again is not None and now - s.again >= self.p.repeat_min * MINUTE_MS
        if not repeated and not (s.closed >= self.p.proven and s.lost <= self.p.lost_share * s.closed):
            return None
        return s.on + round(self.p.door_min * MINUTE_MS)
