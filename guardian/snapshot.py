"""Snapshots of learnt state on disk: two checksummed files written in turn, the newest good one counts.

Takes and gives a dictionary of arrays with the id of the last beat that they hold. Never trusts a
file whose checksum is off, and never leaves a half-written one under a good name.
"""

import hashlib
import io
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, Final, cast

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

Arrays = Mapping[str, NDArray[Any]]

_NAMES: Final = ("board-a.snap", "board-b.snap")
_BEAT: Final = "beat"
_GENERATION: Final = "generation"
_MAGIC: Final = b"GUARDIAN-SNAP-1\n"
_DIGEST_B: Final = 32


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Arrays and the beat up to which they hold everything."""

    beat: int
    arrays: Arrays
    generation: int = 0
    """Counts the snapshots of this folder; given by `save`."""


def save(directory: Path, snapshot: Snapshot) -> int:
    """Write over the older (or damaged) of the two files; give the beat that both now hold.

    Beats up to that one are needed by neither file and may be dropped from the ledger. Holds no copy of the
    arrays, and none of the two files: with ten thousand homes each of them would be 250 MB.
    """
    found = {name: _stamp(directory / name) for name in _NAMES}
    name = min(_NAMES, key=lambda n: s.generation if (s := found[n]) else -1)
    other = next(s for n, s in found.items() if n != name)
    generation = other.generation + 1 if other else 0
    arrays: dict[str, Any] = {
        **snapshot.arrays,
        _BEAT: np.int64(snapshot.beat),
        _GENERATION: np.int64(generation),
    }
    temporary = directory / f"{name}.new"
    with temporary.open("wb") as file:
        file.write(_MAGIC + bytes(_DIGEST_B))
        body = _Body(file)
        np.savez(cast("IO[bytes]", body), allow_pickle=False, **arrays)
        file.seek(len(_MAGIC))
        file.write(body.digest())
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(directory / name)
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    return min(snapshot.beat, other.beat) if other else 0


class _Body(io.RawIOBase):
    """What is written to a file from here on, with its checksum; zipfile only appends, for it cannot seek."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, some: "Buffer") -> int:
        self._sha256.update(some)
        return self._file.write(some)

    def digest(self) -> bytes:
        return self._sha256.digest()


def newest(directory: Path) -> Snapshot | None:
    """Give the newest snapshot that is whole, None where there is none."""
    found = [s for name in _NAMES if (s := _read(directory / name))]
    return max(found, key=lambda s: s.generation, default=None)


def _stamp(path: Path) -> Snapshot | None:
    """Beat and generation of a file that is whole, without its arrays."""
    with _checked(path) as file:
        return None if file is None else _loaded(file, (_BEAT, _GENERATION))


def _read(path: Path) -> Snapshot | None:
    with _checked(path) as file:
        return None if file is None else _loaded(file)


@contextmanager
def _checked(path: Path) -> Iterator[BinaryIO | None]:
    """Open a file and give it at its body; None where it is not whole, or not there."""
    try:
        file = path.open("rb")
    except OSError:
        yield None
        return
    with file:
        try:
            head = file.read(len(_MAGIC) + _DIGEST_B)
            whole = (
                head[: len(_MAGIC)] == _MAGIC
                and hashlib.file_digest(file, "sha256").digest() == head[len(_MAGIC) :]
            )
            file.seek(len(head))
        except OSError:
            whole = False
        yield file if whole else None


def _loaded(file: BinaryIO, names: Sequence[str] | None = None) -> Snapshot | None:
    try:
        with np.load(file, allow_pickle=False) as held:
            arrays = {name: held[name] for name in (held.files if names is None else names)}
            return Snapshot(int(arrays.pop(_BEAT)), arrays, int(arrays.pop(_GENERATION)))
    except (OSError, ValueError, zipfile.BadZipFile):
        return None
