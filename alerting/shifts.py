"""Who is on duty when, and when that changes, by the site's clock on the wall. Pure.

When the clocks change, a shift starts and ends by what they show, so a night may have one hour more or less.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from alerting.duty import Duty


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
    zone = ZoneInfo(duty.timezone)
    local = datetime.fromtimestamp(after_ms / 1000, tz=zone)
    midnight = datetime(local.year, local.month, local.day, tzinfo=zone)
    minutes = {m for s in duty.shifts for m in (s.start_minute, s.end_minute)}
    walls = [midnight + timedelta(days=day, minutes=m) for day in (0, 1) for m in minutes]
    times = {int(wall.replace(fold=fold).timestamp() * 1000) for wall in walls for fold in (0, 1)}
    if walls and len({wall.utcoffset() for wall in (midnight, midnight + timedelta(days=2))}) > 1:
        half_hour = 30 * 60_000  # the clocks change, at some half hour
        times |= set(range(after_ms - after_ms % half_hour, until_ms + 1, half_hour))
    return sorted(ms for ms in times if after_ms < ms <= until_ms)


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
