"""The clock on the wall for arrays: local minutes, shifts by minute of the week, spans of every day.

Takes moments in ms since 1970 and shifts of the roster; reads no clock.
"""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from alerting.duty import Shift
from simulator.world import I64, Bools


def local_minutes(t_ms: I64, timezone: str) -> tuple[I64, I64]:
    """Give minutes after local midnight and weekdays (0 = Monday) of moments (N,) in ms since 1970."""
    quarter, at = np.unique(t_ms // 900_000, return_inverse=True)  # clocks change on the quarter hour
    zone = ZoneInfo(timezone)
    local = [datetime.fromtimestamp(q * 900, zone) for q in quarter.tolist()]
    minute = np.array([d.hour * 60 + d.minute for d in local], np.int64)
    weekday = np.array([d.weekday() for d in local], np.int64)
    return minute[at] + t_ms // 60_000 % 15, weekday[at]


def shift_minutes(shifts: Sequence[Shift]) -> Bools:
    """(7, 1440) whether it is somebody's shift, by weekday and minute; equal times are a whole day."""
    out = np.zeros((7, 1440), np.bool_)
    minute = np.arange(1440)
    for s in shifts:
        for day in s.weekdays:
            if s.start_minute < s.end_minute:
                out[day] |= (minute >= s.start_minute) & (minute < s.end_minute)
            else:
                out[day] |= minute >= s.start_minute
                out[(day + 1) % 7] |= minute < s.end_minute
    return out


def within(minute: I64, span: tuple[int, int]) -> Bools:
    """Whether minutes after midnight lie in a span (from, to) of every day, over midnight where from > to."""
    start, end = span
    if start < end:
        return (minute >= start) & (minute < end)
    return (minute >= start) | (minute < end)
