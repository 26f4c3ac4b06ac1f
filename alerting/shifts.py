"""Who is on duty when, and when that changes, by the site's clock on the wall. Pure.

When the clocks change, a shift starts and ends by what they show, so a night may have one hour more or less.
"""

from bisect import bisect_right
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from alerting.duty import Duty

HALF_HOUR_MS: Final = 30 * 60_000
"""Where clocks are changed, they are at some half hour."""


class _Rota:
    """Who is on duty in each stretch of the week between two changes, worked out once for a roster."""

    def __init__(self, duty: Duty) -> None:
        self.shifts, self.responders = duty.shifts, duty.responders
        self.minutes = frozenset(m for s in duty.shifts for m in (s.start_minute, s.end_minute))
        self._begins = sorted({0, *self.minutes})
        self._there: dict[tuple[int, int], tuple[str, ...]] = {}

    def at(self, weekday: int, minute: int) -> tuple[str, ...]:
        """Give who is there; the same tuple within one stretch."""
        stretch = weekday, bisect_right(self._begins, minute)
        there = self._there.get(stretch)
        if there is None:
            there = self._there[stretch] = self._on(weekday, minute)
        return there

    def _on(self, today: int, minute: int) -> tuple[str, ...]:
        there = set()
        for s in self.shifts:
            if s.start_minute < s.end_minute:
                on = today in s.weekdays and s.start_minute <= minute < s.end_minute
            else:
                begun = today in s.weekdays and minute >= s.start_minute
                on = begun or ((today - 1) % 7 in s.weekdays and minute < s.end_minute)
            if on:
                there.add(s.responder)
        return tuple(r.id for r in self.responders.values() if r.active and r.id in there)


_known: list[_Rota] = []
"""That of the roster which was asked about last: there is one for a centre."""


def _rota(duty: Duty) -> _Rota:
    found = _known[0] if _known else None
    if found is None or found.shifts is not duty.shifts or found.responders is not duty.responders:
        found = _Rota(duty)
        _known[:] = [found]
    return found


def on_duty(duty: Duty, now_ms: int) -> tuple[str, ...]:
    """Give the active responders whose shift it is, by the site's clock on the wall.

    A shift belongs to the day on which it starts; over midnight it runs into the next one. When the clocks
    change it starts and ends by what they show, so a night may have one hour more or less.
    """
    local = datetime.fromtimestamp(now_ms / 1000, tz=ZoneInfo(duty.timezone))
    return _rota(duty).at(local.weekday(), local.hour * 60 + local.minute)


def changes_ms(duty: Duty, after_ms: int, until_ms: int) -> list[int]:
    """Give the times after `after_ms`, at most a day later, until `until_ms` at which shifts start or end."""
    local = datetime.fromtimestamp(after_ms / 1000, tz=ZoneInfo(duty.timezone))
    times = _times_ms(duty.timezone, _rota(duty).minutes, local.date())
    return list(times[bisect_right(times, after_ms) : bisect_right(times, until_ms)])


@lru_cache(maxsize=64)
def _times_ms(timezone: str, minutes: frozenset[int], day: date) -> tuple[int, ...]:
    """When the clock shows these minutes on that day and the next one; every half hour if it is changed."""
    midnight = datetime.combine(day, time(), tzinfo=ZoneInfo(timezone))
    walls = [midnight + timedelta(days=n, minutes=m) for n in (0, 1) for m in minutes]
    times = {int(wall.replace(fold=fold).timestamp() * 1000) for wall in walls for fold in (0, 1)}
    end = midnight + timedelta(days=2)
    if minutes and midnight.utcoffset() != end.utcoffset():
        times |= set(range(int(midnight.timestamp()) * 1000, int(end.timestamp()) * 1000, HALF_HOUR_MS))
    return tuple(sorted(times))


def ends_ms(duty: Duty, now_ms: int, until_ms: int) -> dict[str, int]:
    """Give those on duty now who will not be any more at some time until `until_ms`, and from when."""
    there = set(on_duty(duty, now_ms))
    ends: dict[str, int] = {}
    for ms in changes_ms(duty, now_ms, until_ms):
        for r in there - set(on_duty(duty, ms)):
            ends.setdefault(r, ms)
    return ends


def starts_ms(duty: Duty, since_ms: int, now_ms: int) -> dict[str, int]:
    """Give those on duty now who have come after `since_ms`, and when."""
    starts: dict[str, int] = {}
    for ms in changes_ms(duty, since_ms, now_ms):
        before = set(on_duty(duty, ms - 1))
        starts |= {r: ms for r in on_duty(duty, ms) if r not in before}
    there = set(on_duty(duty, now_ms))
    return {r: ms for r, ms in starts.items() if r in there}
