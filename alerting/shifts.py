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


def on_duty(duty: Duty, now_ms: int) -> tuple[str, ...]:
    """Give the active responders whose shift it is, by the site's clock on the wall.

    A shift belongs to the day on which it starts; over midnight it runs into the next one. When the clocks
    change it starts and ends by what they show, so a night may have one hour more or less.
    """
    local = datetime.fromtimestamp(now_ms / 1000, tz=ZoneInfo(duty.timezone))
    minute = local.hour * 60 + local.minute
    today, yesterday = local.weekday(), (local - timedelta(days=1)).weekday()
    there = set()
    for s in duty.shifts:
        if s.start_minute < s.end_minute:
            on = today in s.weekdays and s.start_minute <= minute < s.end_minute
        else:
            begun = today in s.weekdays and minute >= s.start_minute
            on = begun or (yesterday in s.weekdays and minute < s.end_minute)
        if on:
            there.add(s.responder)
    return tuple(r.id for r in duty.responders.values() if r.active and r.id in there)


def changes_ms(duty: Duty, after_ms: int, until_ms: int) -> list[int]:
    """Give the times after `after_ms`, at most a day later, until `until_ms` at which shifts start or end."""
    local = datetime.fromtimestamp(after_ms / 1000, tz=ZoneInfo(duty.timezone))
    minutes = frozenset(m for s in duty.shifts for m in (s.start_minute, s.end_minute))
    times = _times_ms(duty.timezone, minutes, local.date())
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
