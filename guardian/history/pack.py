"""What is kept of a home in a minute and in a day, and how minutes become days: arrays, nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from guardian.homes import Activity, StateOfHomes

Rows = NDArray[Any]
MINUTE_MS: Final = 60_000
UP_FROM_MIN: Final = 4 * 60
"""Getting up before four in the morning is the night's."""
NIGHT_FROM_MIN, NIGHT_TO_MIN = 23 * 60, 6 * 60
NONE_CENTI: Final = -32_768
"""No temperature is known."""

MINUTE: Final = np.dtype([("room", "<i2"), ("activity", "i1"), ("flags", "u1"), ("centi", "<i2")])
"""One home in one minute; room −1 = unknown."""
SEEN, BLIND, DEGRADED = 1, 2, 4
"""Flags: the minute was taken; nothing of the home can be relied on; a fall could be missed."""

DAY: Final = np.dtype(
    [
        (name, "<i2")
        for name in (
            "seen_min",
            "blind_min",
            "active_min",
            "asleep_min",
            "out_min",
            "bathroom_min",
            "bathroom_visits",
            "night_visits",
            "up_min",
            "down_min",
            "centi_mean",
            "centi_low",
            "centi_high",
        )
    ]
)
"""One home in one day. `up_min`, `down_min`: minute of the day of the first and the last walk, −1 = none;
`night_visits`: of the bathroom, from 23 to 6 o'clock."""

_ACTIVE: Final = (Activity.WALKING, Activity.STANDING)


class History(Protocol):
    """What the pages read of the past."""

    async def minutes(self, home: str, from_ms: int, to_ms: int) -> "Minutes":
        """Give a home's minutes in [from_ms, to_ms)."""
        ...

    async def days(self, home: str, first: date, last: date) -> "list[tuple[date, Rows]]":
        """Give a home's days in [first, last], those that are known, in order; rows of DAY."""
        ...


@dataclass(frozen=True, slots=True)
class Minutes:
    """Minutes of one home, in order; those that nobody has taken are left out."""

    t_ms: NDArray[np.int64]
    rows: Rows
    """(N,) of MINUTE."""
    rooms: Sequence[str]
    """What `room` counts through."""


def minute_of(state: StateOfHomes, blind: NDArray[np.bool_]) -> Rows:
    """Give (H,) rows of what is known now."""
    rows = np.zeros(len(state.room), MINUTE)
    rows["room"], rows["activity"] = state.room, state.activity
    rows["flags"] = SEEN | np.where(blind, BLIND, 0) | np.where(state.degraded, DEGRADED, 0)
    known = np.isfinite(state.temperature_c)
    rows["centi"] = np.where(
        known, np.clip(np.nan_to_num(state.temperature_c) * 100, -9000, 9000), NONE_CENTI
    )
    return rows


def sums(rows: Rows, minute: NDArray[np.int64], bathrooms: Sequence[int]) -> Rows:
    """Sum up (N, K) minutes of K homes, at `minute` (N,) of the day: (K,) rows of DAY."""
    out = np.zeros(rows.shape[1], DAY)
    seen, blind = (rows["flags"] & SEEN) > 0, (rows["flags"] & BLIND) > 0
    sure = seen & ~blind
    activity = rows["activity"]
    walks = sure & np.isin(activity, _ACTIVE)
    bathroom = sure & ((activity == Activity.BATHROOM) | np.isin(rows["room"], bathrooms))
    begins = bathroom & ~np.vstack([np.zeros((1, rows.shape[1]), np.bool_), bathroom[:-1]])
    night = (minute >= NIGHT_FROM_MIN) | (minute < NIGHT_TO_MIN)
    out["seen_min"], out["blind_min"] = seen.sum(0), (seen & blind).sum(0)
    out["active_min"] = walks.sum(0)
    out["asleep_min"] = (sure & (activity == Activity.ASLEEP)).sum(0)
    out["out_min"] = (sure & (activity == Activity.OUT)).sum(0)
    out["bathroom_min"], out["bathroom_visits"] = bathroom.sum(0), begins.sum(0)
    out["night_visits"] = begins[night].sum(0)
    by_day = walks & (minute >= UP_FROM_MIN)[:, None]
    any_ = by_day.any(0)
    out["up_min"] = np.where(any_, minute[by_day.argmax(0)], -1)
    out["down_min"] = np.where(any_, minute[len(minute) - 1 - by_day[::-1].argmax(0)], -1)
    centi = np.where(seen & (rows["centi"] != NONE_CENTI), rows["centi"].astype(np.float64), np.nan)
    some = np.isfinite(centi).any(0)
    for name, of in (("centi_mean", np.nanmean), ("centi_low", np.nanmin), ("centi_high", np.nanmax)):
        out[name] = NONE_CENTI
        if some.any():
            out[name][some] = np.round(of(centi[:, some], axis=0))
    return out
