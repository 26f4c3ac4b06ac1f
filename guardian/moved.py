"""Rooms that have other rows since the roster changed: old row → new row, old place in the home → new place.

Takes the rows that rooms have in what was written down and here; gives values that name a room as they read
here. A room that is gone is none.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors import keep
from detectors.layout import NOWHERE, Layout, Rows

I64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Moved:
    """R rooms of H homes as they were, and where they are now."""

    first: Rows
    """(H,) row of each home's first room, then."""
    row: Rows
    """(R + 1,) row of each room now, NOWHERE = gone; the last one stands for no room."""
    place: Rows
    """(R + 1,) the same as its place among the rooms of its home."""
    count: Rows
    """(H,) rooms of each home, then."""
    other: NDArray[np.bool_]
    """(H + 1,) the home's rooms are others now, or in another order; the last one: no home."""

    @classmethod
    def of(cls, home_then: Rows, homes: int, now: Layout, match: Mapping[str, keep.Match]) -> "Moved":
        """Compare; home_then: (R,) home of each room then, rooms of a home side by side."""
        rooms = len(home_then)
        row = np.full(rooms + 1, NOWHERE, np.intp)
        here, there = match[keep.ROOM]
        row[there] = here
        first_now = np.searchsorted(now.room_home, np.arange(now.homes))
        place = np.where(row == NOWHERE, NOWHERE, row - first_now[now.room_home[row]] if now.rooms else row)
        first = np.searchsorted(home_then, np.arange(homes))
        count = np.bincount(home_then, minlength=homes)
        other = np.zeros(homes + 1, np.bool_)
        other[home_then[place[:-1] != np.arange(rooms) - first[home_then]]] = True
        many = np.bincount(now.room_home, minlength=now.homes)
        home_here, home_there = match[keep.HOME]
        other[home_there] |= many[home_here] != count[home_there]
        other[-1] = True
        return cls(first, row, place, count, other)

    def places(self, place: I64) -> I64:
        """(H,) places among the rooms of the home as they were → as they are."""
        known = (place >= 0) & (place < self.count)
        return self.place[np.where(known, self.first + place, len(self.place) - 1)].astype(np.int64)

    def rooms(self, row: I64) -> I64:
        """(H,) rows of rooms as they were → as they are."""
        known = (row >= 0) & (row < len(self.row) - 1)
        return self.row[np.where(known, row, len(self.row) - 1)].astype(np.int64)
