"""How a detector's memory is written down and taken back: arrays whose first axis has named rows.

A state is a dataclass; each field that shall outlive a restart is annotated with the axis that its rows
belong to: `gap_ms: PerHome[np.int64]`. Rows are matched by name, so that a home more or less in the roster
costs the others nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Annotated, Any, Final, TypeVar, get_type_hints

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T", bound=np.generic)
HOME, ROOM, SENSOR, CAMERA = "home", "room", "sensor", "camera"
AXES: Final = (HOME, ROOM, SENSOR, CAMERA)

PerHome = Annotated[NDArray[T], HOME]
PerRoom = Annotated[NDArray[T], ROOM]
PerSensor = Annotated[NDArray[T], SENSOR]
PerCamera = Annotated[NDArray[T], CAMERA]

Match = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Rows here, and the rows of the same names in what was written down."""


def arrays(state: Any) -> Iterator[tuple[str, str, NDArray[Any]]]:
    """Give axis, name and array of each field that is kept."""
    hints = get_type_hints(type(state), include_extras=True)
    for f in fields(state):
        axis = next((m for m in getattr(hints[f.name], "__metadata__", ()) if m in AXES), None)
        if axis is not None:
            yield axis, f.name, getattr(state, f.name)


def snapshot(state: Any) -> dict[str, NDArray[Any]]:
    """Copies of all arrays that are kept, by name."""
    return {name: array.copy() for _, name, array in arrays(state)}


def restore(state: Any, kept: Mapping[str, NDArray[Any]], match: Mapping[str, Match]) -> None:
    """Take back a snapshot; `match` has the rows of each axis. ValueError when an array does not fit: then
    nothing is changed.
    """
    mine = list(arrays(state))
    wrong = [n for _, n, a in mine if n not in kept or kept[n].shape[1:] != a.shape[1:]]
    if wrong:
        raise ValueError(f"snapshot does not fit: {', '.join(sorted(wrong))}")
    for axis, name, array in mine:
        here, there = match[axis]
        array[here] = kept[name][there]
