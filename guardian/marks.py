"""What a sensor's memory belongs to: its kind, its room, how it hangs, what stands before it.

Takes sensors and furniture, gives one number a sensor that a snapshot keeps. A sensor whose number is another
one now begins anew, alone: what it had learnt is of another place.
"""

import zlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.zones import Box
from guardian.slab import SensorSpec

_NAMES, _MARKS = "marks.names", "marks.of"
_ROOMS: Final = ".room"
"""Names of rooms look like those of sensors."""

Furniture = Mapping[tuple[str, str], Sequence[tuple[str, Box]]]


def written(specs: Sequence[SensorSpec], furniture: Furniture) -> dict[str, NDArray[Any]]:
    """Give the marks of all sensors as they stand in a snapshot."""
    return {
        _NAMES: np.array([f"{s.home}/{s.name}" for s in specs], np.str_),
        _MARKS: np.array([_mark(s, furniture) for s in specs], np.uint32),
    }


def _mark(s: SensorSpec, furniture: Furniture) -> int:
    how: tuple[object, ...] = (s.kind, s.room, s.outside)
    if s.kind == "thermal":
        boxes = sorted((kind, *map(float, box)) for kind, box in furniture.get((s.home, s.room), ()))
        place = s.height_m, s.fov_deg, s.tilt_deg, s.yaw_deg, s.x_m, s.y_m
        how += (s.rows, s.cols, s.mount, *(None if v is None else float(v) for v in place), *boxes)
    return zlib.crc32(repr(how).encode())


def part(all_: Mapping[str, NDArray[Any]], names: Collection[str]) -> dict[str, NDArray[Any]]:
    """Give the marks of these sensors alone."""
    rows = np.flatnonzero(np.isin(all_[_NAMES], list(names)))
    return {key: array[rows] for key, array in all_.items()}


def anew(
    now: Mapping[str, NDArray[Any]], then: Mapping[str, NDArray[Any]], *, believed: bool = True
) -> frozenset[str]:
    """Name those (`home/sensor`) that hang elsewhere than in a snapshot; all, if it has no marks.

    believed: one without marks is of a time before them, and nobody hangs elsewhere.
    """
    if _MARKS not in then:
        return frozenset() if believed else frozenset(now[_NAMES].tolist())
    marks = dict(zip(then[_NAMES].tolist(), then[_MARKS].tolist(), strict=True))
    mine = zip(now[_NAMES].tolist(), now[_MARKS].tolist(), strict=True)
    return frozenset(name for name, mark in mine if marks.get(name, mark) != mark)


def without(arrays: Mapping[str, NDArray[Any]], names: frozenset[str]) -> Mapping[str, NDArray[Any]]:
    """Give a snapshot in which nobody is called by these names: nothing of theirs comes back."""
    if not names:
        return arrays
    some = list(names)
    return {
        k: np.where(np.isin(a, some), "", a) if a.dtype.kind == "U" and not k.endswith(_ROOMS) else a
        for k, a in arrays.items()
    }
