"""How a detector's memory is written down and taken back: arrays whose first axis has named rows.

A state is a dataclass; each field that shall outlive a restart is annotated with the axis that its rows
belong to: `gap_ms: PerHome[np.int64]`. Rows are matched by name, so that a home more or less in the roster
costs the others nothing. What a restart had better forget, and a change of the roster while Guardian
runs must not, is `PASSING` too: arrays, and plain numbers that belong to no row.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import cache
from typing import Annotated, Any, Final, TypeVar, get_type_hints

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T", bound=np.generic)
HOME, ROOM, SENSOR, CAMERA = "home", "room", "sensor", "camera"
AXES: Final = (HOME, ROOM, SENSOR, CAMERA)

PASSING: Final = "passing"
"""Of the running process: counts of this minute, since when we listen."""

PerHome = Annotated[NDArray[T], HOME]
PerRoom = Annotated[NDArray[T], ROOM]
PerSensor = Annotated[NDArray[T], SENSOR]
PerCamera = Annotated[NDArray[T], CAMERA]
PassingHome = Annotated[NDArray[T], HOME, PASSING]
PassingSensor = Annotated[NDArray[T], SENSOR, PASSING]
PassingCamera = Annotated[NDArray[T], CAMERA, PASSING]
PassingInt = Annotated[int, PASSING]
PassingBool = Annotated[bool, PASSING]

Match = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Rows here, and the rows of the same names in what was written down."""


@cache
def _marked(kind: Any) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    hints = get_type_hints(kind, include_extras=True)
    return tuple((f.name, getattr(hints[f.name], "__metadata__", ())) for f in fields(kind))


def arrays(state: Any, *, passing: bool = False) -> Iterator[tuple[str, str, NDArray[Any]]]:
    """Give axis, name and array of each field that is kept; with `passing` also of those that pass."""
    for name, marks in _marked(type(state)):  # type: ignore[arg-type]  # a class has a hash
        axis = next((m for m in marks if m in AXES), None)
        if axis is not None and (passing or PASSING not in marks):
            yield axis, name, getattr(state, name)


def _numbers(state: Any) -> Iterator[str]:
    for name, marks in _marked(type(state)):  # type: ignore[arg-type]  # a class has a hash
        if marks == (PASSING,):
            yield name


def snapshot(state: Any, *, passing: bool = False, live: bool = False) -> dict[str, NDArray[Any]]:
    """Copies of all arrays that are kept, by name.

    With `live` no copies but the arrays themselves, for use at once; with `passing` also what passes, live.
    """
    live = live or passing
    out = {n: array if live else array.copy() for _, n, array in arrays(state, passing=passing)}
    if passing:
        out |= {name: np.array(getattr(state, name)) for name in _numbers(state)}
    return out


def renew(state: Any, fresh: Any, axis: str, row: int) -> None:
    """Let one row of an axis begin anew as the only one of `fresh`, a state of the same kind."""
    for of, name, array in arrays(state, passing=True):
        if of == axis:
            array[row] = getattr(fresh, name)[0]


def restore(state: Any, kept: Mapping[str, NDArray[Any]], match: Mapping[str, Match]) -> None:
    """Take back a snapshot; `match` has the rows of each axis. ValueError when an array does not fit: then
    nothing is changed. What passes is taken where it is there.
    """
    needed = {n for _, n, _ in arrays(state)}
    mine = [(axis, n, a) for axis, n, a in arrays(state, passing=True) if n in kept or n in needed]
    wrong = [n for _, n, a in mine if n not in kept or kept[n].shape[1:] != a.shape[1:]]
    if wrong:
        raise ValueError(f"snapshot does not fit: {', '.join(sorted(wrong))}")
    for axis, name, array in mine:
        here, there = match[axis]
        array[here] = kept[name][there]
    for name in _numbers(state):
        if name in kept:
            setattr(state, name, kept[name].item())
