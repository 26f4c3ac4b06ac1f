"""Snapshots of learnt state on disk: two checksummed files written in turn, the newest good one counts.

Takes and gives a dictionary of arrays with the id of the last beat that they hold. Never trusts a
file whose checksum is off, and never leaves a half-written one under a good name.
"""

import hashlib
import io
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]

_NAMES: Final = ("board-a.snap", "board-b.snap")
_BEAT: Final = "beat"
_GENERATION: Final = "generation"
_MAGIC: Final = b"GUARDIAN-SNAP-1\n"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Arrays and the beat up to which they hold everything."""

    beat: int
    arrays: Arrays
    generation: int = 0
    """Counts the snapshots of this folder; given by `save`."""


def save(directory: Path, snapshot: Snapshot) -> int:
    """Write over the older (or damaged) of the two files; give the beat that both now hold.

    Beats up to that one are needed by neither file and may be dropped from the ledger.
    """
    found = {name: _read(directory / name) for name in _NAMES}
    name = min(_NAMES, key=lambda n: s.generation if (s := found[n]) else -1)
    other = next(s for n, s in found.items() if n != name)
    generation = other.generation + 1 if other else 0
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {
        **snapshot.arrays,
        _BEAT: np.int64(snapshot.beat),
        _GENERATION: np.int64(generation),
    }
    np.savez(buffer, allow_pickle=False, **arrays)
    body = buffer.getvalue()
    temporary = directory / f"{name}.new"
    with temporary.open("wb") as file:
        file.write(_MAGIC + hashlib.sha256(body).digest() + body)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(directory / name)
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    return min(snapshot.beat, other.beat) if other else 0


def newest(directory: Path) -> Snapshot | None:
    """Give the newest snapshot that is whole, None where there is none."""
    found = [s for name in _NAMES if (s := _read(directory / name))]
    return max(found, key=lambda s: s.generation, default=None)


def _read(path: Path) -> Snapshot | None:
    try:
        raw = path.read_bytes()
    except OSError:
        return None
    head = len(_MAGIC)
    digest, body = raw[head : head + 32], raw[head + 32 :]
    if raw[:head] != _MAGIC or hashlib.sha256(body).digest() != digest:
        return None
    try:
        with np.load(io.BytesIO(body), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (ValueError, zipfile.BadZipFile):
        return None
    return Snapshot(int(arrays.pop(_BEAT)), arrays, int(arrays.pop(_GENERATION)))
