"""The day of a home as a strip of rooms, and its weeks as rows of figures: drawn by the server.

Takes minutes and days of the history; gives what templates draw. Blind time is drawn as such, never as fine.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
from scipy import stats  # type: ignore[import-untyped]

from guardian.history.pack import BLIND, MINUTE_MS, NONE_CENTI, Minutes, Rows
from guardian.homes import Activity

UNSURE: Final = "unknown"
TRENDS: Final = ("up_min", "night_visits", "out_min", "active_min", "centi_mean")
"""What is followed over months."""
COUNTED: Final = (
    "active_min",
    "out_min",
    "asleep_min",
    "bathroom_visits",
    "night_visits",
    "up_min",
    "blind_min",
)
LEAST_WEEKS: Final = 6
"""Before that a slope says nothing."""
SURE: Final = 0.95


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the day in one place."""

    what: str
    """`room NAME`, out, blind, or unknown."""
    room: str | None
    x: float
    """Minute of the day it begins at,"""
    width: float
    """and how many it lasts."""


@dataclass(frozen=True, slots=True)
class Change:
    """A slow change: so much a week, over so many weeks."""

    what: str
    per_week: float
    low: float
    high: float
    weeks: int


def strip(found: Minutes, from_ms: int) -> list[Piece]:
    """Cut a day into stretches; minutes that nobody has taken are left out."""
    out: list[Piece] = []
    for t_ms, row in zip(found.t_ms.tolist(), found.rows, strict=True):
        minute = (t_ms - from_ms) // MINUTE_MS
        what, room = _place(row, found.rooms)
        last = out[-1] if out else None
        if last is not None and (last.what, last.room) == (what, room) and last.x + last.width == minute:
            out[-1] = Piece(what, room, last.x, last.width + 1)
        else:
            out.append(Piece(what, room, minute, 1))
    return out


def _place(row: Rows, rooms: Sequence[str]) -> tuple[str, str | None]:
    if row["flags"] & BLIND:
        return "blind", None
    if row["activity"] == Activity.OUT:
        return "out", None
    if row["room"] < 0:
        return UNSURE, None
    return "room", rooms[int(row["room"])]


def columns(days: Sequence[tuple[date, Rows]]) -> dict[str, list[float | None]]:
    """Give the days as columns for a chart: `t` in s since 1970, then one for each figure; None = unknown."""
    out: dict[str, list[float | None]] = {"t": [day.toordinal() * 86_400 - 62_135_683_200 for day, _ in days]}
    for name in (
        "active_min",
        "out_min",
        "asleep_min",
        "bathroom_visits",
        "night_visits",
        "up_min",
        "blind_min",
    ):
        out[name] = [float(row[name]) if row[name] >= 0 else None for _, row in days]
    for name in ("centi_mean", "centi_low", "centi_high"):
        out[name] = [float(row[name]) / 100 if row[name] != NONE_CENTI else None for _, row in days]
    return out


def changes(days: Sequence[tuple[date, Rows]]) -> list[Change]:
    """Give the slow changes that are sure: the slope of weekly medians, whose interval leaves out zero.

    Theil-Sen: the median of all slopes, which a holiday or a week in bed does not move. Source: Sen 1968; the
    interval is scipy's. Half a week of days that were seen for half of the day make a week.
    """
    weeks: dict[int, list[Rows]] = {}
    for day, row in days:
        if row["seen_min"] - row["blind_min"] >= 12 * 60:
            weeks.setdefault(day.toordinal() // 7, []).append(row)
    known = sorted((week, rows) for week, rows in weeks.items() if len(rows) >= 4)
    out = []
    for name in TRENDS:
        none = NONE_CENTI if name.startswith("centi") else -1
        values = [(w, float(np.median([r[name] for r in rows if r[name] != none]))) for w, rows in known
                  if any(r[name] != none for r in rows)]  # fmt: skip
        if len(values) < LEAST_WEEKS:
            continue
        x, y = np.array([w for w, _ in values]), np.array([v for _, v in values])
        slope, _, low, high = stats.theilslopes(y, x, SURE)
        if low > 0 or high < 0:
            scale = 0.01 if name.startswith("centi") else 1.0
            out.append(Change(name, slope * scale, low * scale, high * scale, len(values)))
    return out
