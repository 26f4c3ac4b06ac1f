"""The arithmetic of where somebody is: a chance for every room of a home, moved on in time and weighed.

Takes arrays of chances over the rooms of many homes, which lie side by side in `Layout`; gives new ones.
`room` sums to one over the rooms of a home: where the resident is, if at home. `out` is the chance that they
are not. Remembers nothing and knows no sensors. Never loops over homes.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from detectors.layout import Layout, Rows

F64 = NDArray[np.float64]


@cache
def table(numbers: tuple[float, ...]) -> F64:
    """Give a table of parameters as an array that nobody may write to."""
    out = np.array(numbers)
    out.flags.writeable = False
    return out


@dataclass(frozen=True, slots=True)
class Spans:
    """Where the rooms of each home lie: those of home h are first[h] to first[h] + many[h] − 1."""

    first: Rows
    """(H,)"""
    many: Rows
    """(H,)"""
    every: "Rooms"
    """The rooms of all homes, in order."""

    @classmethod
    def of(cls, layout: Layout) -> "Spans":
        """Those of a layout."""
        edges = np.searchsorted(layout.room_home, np.arange(layout.homes + 1))
        every = Rooms(np.arange(layout.rooms), layout.room_home, layout.homes)
        return cls(edges[:-1], np.diff(edges), every)

    def rooms(self, home: Rows) -> "Rooms":
        """The rooms of these homes (N,), which need be in no order."""
        many = self.many[home]
        ends = np.cumsum(many)
        of = np.repeat(np.arange(len(home)), many)
        return Rooms(self.first[home][of] + np.arange(len(of)) - (ends - many)[of], of, len(home))


@dataclass(frozen=True, slots=True)
class Rooms:
    """M rooms of N homes."""

    row: Rows
    """(M,) rows in the layout."""
    of: Rows
    """(M,) which of the N homes."""
    homes: int

    def total(self, value: F64 | NDArray[np.bool_]) -> F64:
        """(M,) → (N,): the sum over the rooms of each home."""
        return np.bincount(self.of, value, self.homes).astype(np.float64, copy=False)

    def most(self, value: F64) -> tuple[Rows, F64]:
        """(M,) → (N,) which of the M rooms has the most, the first of equals, and how much; −1 and 0 of a
        home without rooms.
        """
        which, most = np.full(self.homes, -1, np.intp), np.zeros(self.homes)
        if len(value):
            start = np.flatnonzero(np.diff(self.of, prepend=-1))  # the rooms of a home stand together
            most[self.of[start]] = np.maximum.reduceat(value, start)
            at = np.flatnonzero(value == most[self.of])[::-1]
            which[self.of[at]] = at  # the last one written is the first
        return which, most


def moved_on(rooms: Rooms, room: F64, gone: F64, draw: F64) -> F64:
    """(M,) chances after some time: of each room the share `gone` has left, and is spread over all rooms of
    the home by their `draw`.
    """
    left = room * gone
    share = draw / np.maximum(rooms.total(draw), 1e-300)[rooms.of]
    return room - left + rooms.total(left)[rooms.of] * share


def weighed(rooms: Rooms, room: F64, likelihood: F64, least: float) -> F64:
    """(M,) chances after evidence; none falls under `least`, so that nobody is lost for good."""
    now = room * likelihood
    now = np.maximum(now / np.maximum(rooms.total(now), 1e-300)[rooms.of], least)
    return now / rooms.total(now)[rooms.of]


def shifted(chance: F64, log_odds: F64) -> F64:
    """A chance after evidence of so many log-odds."""
    odds = np.log(chance) - np.log1p(-chance) + log_odds
    return 1.0 / (1.0 + np.exp(np.minimum(np.maximum(-odds, -30.0), 30.0)))
