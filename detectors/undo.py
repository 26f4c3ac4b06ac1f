"""What stood in arrays before a batch wrote to them, so that a batch that fails has changed nothing.

Takes rows of an array before they are written; puts them back, the last one first. Knows no detector.
"""

from collections.abc import Iterable
from dataclasses import fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.intp] | slice
MOST_SPAN: Final = 3
"""Rows that lie so close in an array are kept as one piece: copying three times as many in one go is still
quicker than picking them."""


class Undo:
    """What was written over since the batch began."""

    def __init__(self) -> None:
        self._was: list[tuple[NDArray[Any], Rows, NDArray[Any]]] = []

    def keep(self, array: NDArray[Any], rows: Rows) -> None:
        """Keep these rows of an array as they are now."""
        self._was.append(
            (array, rows, array[rows].copy() if isinstance(rows, slice) else array.take(rows, axis=0))
        )

    def keep_all(self, state: Any, names: Iterable[str], rows: Rows) -> None:
        """Keep these rows of some arrays of a state."""
        for name in names:
            self.keep(getattr(state, name), rows)

    def back(self) -> None:
        """Put everything back as it was, whatever has been written meanwhile."""
        while self._was:
            array, rows, was = self._was.pop()
            array[rows] = was


def span(rows: NDArray[np.intp]) -> Rows:
    """Rows as one piece with all that lies between them, unless that is far more than they are."""
    if not len(rows):
        return rows
    low, high = int(rows.min()), int(rows.max()) + 1
    return slice(low, high) if high - low <= MOST_SPAN * len(rows) else rows


def array_names(state: Any) -> tuple[str, ...]:
    """Names of all fields of a state that are arrays."""
    return tuple(f.name for f in fields(state) if isinstance(getattr(state, f.name), np.ndarray))
