"""Snapshots of learnt state on disk: two files written in turn, made of pieces with a checksum each.

Takes and gives a dictionary of arrays with the id of the last beat that they hold. Never gives an array
whose checksum is off, never puts pieces of two moments together, and never leaves a half-written file under a
good name.

A file is GUARDIAN-SNAP-2, the SHA-256 of what follows up to the first piece, the length of the index (4
bytes, little-endian), the index (JSON, padded with blanks), then the pieces. A piece is a row of .npy: names,
then the arrays of these names. GUARDIAN-SNAP-1 (one .npz under one checksum) is read, and no longer written.
"""

import hashlib
import io
import os
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BufferedReader
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, Final, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

Arrays = Mapping[str, NDArray[Any]]

_NAMES: Final = ("board-a.snap", "board-b.snap")
TAKEN_MS: Final = "taken_ms"
"""The array that says when."""
_PART: Final = "board.part"
"""What single cameras have learnt since the newest of both; written over whole."""
_MAGIC: Final = b"GUARDIAN-SNAP-2\n"
_FIRST_MAGIC: Final = b"GUARDIAN-SNAP-1\n"
_DIGEST_B: Final = 32
_LENGTH_B: Final = 4
_HEAD_B: Final = len(_MAGIC) + _DIGEST_B + _LENGTH_B
_READ_B: Final = 1 << 20
_MOST_INDEX_B: Final = 1 << 20
_WIDEST: Final = 10**18
"""No place in a file has more digits."""
_BEAT, _GENERATION = "beat", "generation"  # of GUARDIAN-SNAP-1

_OF_CAMERAS: Final = re.compile(r"(?:fall|names|board\.group)\.(\d+x\d+)")


def piece_of(name: str) -> str:
    """Name the piece that an array belongs to: what stands or falls together.

    What a fall detector remembers of a resolution goes with the times of its cameras' last frames: one
    without the other would take a pause for none.
    """
    cameras = _OF_CAMERAS.match(name)
    return f"fall.{cameras[1]}" if cameras else name.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Arrays and the beat up to which they hold everything."""

    beat: int
    arrays: Arrays
    generation: int = 0
    """Counts the snapshots of this folder; given by `save`."""
    lost: tuple[str, ...] = ()
    """Pieces that were written and are damaged: their arrays are not here."""

    @property
    def taken_ms(self) -> int:
        """When it was taken, ms since 1970; −1 if a file of an earlier version does not say."""
        return int(self.arrays.get(TAKEN_MS, -1))


class _Piece(msgspec.Struct, frozen=True):
    name: str
    offset: int
    size: int
    sha256: bytes


class _Index(msgspec.Struct, frozen=True):
    beat: int
    generation: int
    pieces: tuple[_Piece, ...]


@dataclass(frozen=True, slots=True)
class _Seen:
    """A file that can be used, and what of it is damaged."""

    path: Path
    index: _Index
    lost: tuple[str, ...] = ()
    first: bool = False
    """GUARDIAN-SNAP-1."""

    @property
    def rank(self) -> tuple[float, int]:
        """The higher one counts: a whole file before a damaged one, then the newer."""
        return -len(self.lost), self.index.generation


_NO_RANK: Final = (float("-inf"), 0)


# --- writing ---------------------------------------------------------------------------------------


def save(directory: Path, snapshot: Snapshot) -> int:
    """Write over the file that counts less; give the beat that both now hold. Raises OSError.

    Beats up to that one are needed by neither file and may be dropped from the ledger. Holds no copy of the
    arrays, and none of the two files: with ten thousand homes each of them would be 280 MB.
    """
    found = {name: _seen(directory / name) for name in _NAMES}
    name = min(_NAMES, key=lambda n: _NO_RANK if (s := found[n]) is None else s.rank)
    other = next(s for n, s in found.items() if n != name)
    generation = other.index.generation + 1 if other else 0
    _replace(directory / name, snapshot, generation)
    return min(snapshot.beat, other.index.beat) if other else 0


def size_bytes(directory: Path) -> int:
    """Give the size of the larger file, 0 without any."""
    files = [directory / name for name in _NAMES]
    return max((file.stat().st_size for file in files if file.exists()), default=0)


def save_part(directory: Path, snapshot: Snapshot) -> None:
    """Write what single cameras have learnt since the newest snapshot. Raises OSError."""
    _replace(directory / _PART, snapshot, 0)


def _replace(path: Path, snapshot: Snapshot, generation: int) -> None:
    temporary = path.with_name(f"{path.name}.new")
    with temporary.open("wb") as file:
        _write(file, snapshot, generation)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write(file: BinaryIO, snapshot: Snapshot, generation: int) -> None:
    pieces: dict[str, list[str]] = {}
    for name in snapshot.arrays:
        pieces.setdefault(piece_of(name), []).append(name)
    blank = tuple(_Piece(name, _WIDEST, _WIDEST, bytes(_DIGEST_B)) for name in pieces)
    room = len(msgspec.json.encode(_Index(snapshot.beat, generation, blank)))
    file.write(bytes(_HEAD_B + room))
    written = tuple(_write_piece(file, name, names, snapshot.arrays) for name, names in pieces.items())
    index = msgspec.json.encode(_Index(snapshot.beat, generation, written)).ljust(room)
    head = room.to_bytes(_LENGTH_B, "little") + index
    file.seek(0)
    file.write(_MAGIC + hashlib.sha256(head).digest() + head)


def _write_piece(file: BinaryIO, name: str, names: Sequence[str], arrays: Arrays) -> _Piece:
    offset = file.tell()
    body = _Body(file)
    for array in chain([np.array(names, np.str_)], (arrays[name] for name in names)):  # one by one: unpacked
        np.lib.format.write_array(cast("IO[bytes]", body), array, allow_pickle=False)
    return _Piece(name, offset, file.tell() - offset, body.digest())


class _Body(io.RawIOBase):
    """What is written to a file from here on, with its checksum."""

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


# --- reading ---------------------------------------------------------------------------------------


def newest(directory: Path) -> Snapshot | None:
    """Give the newest snapshot that is whole, else the one with the fewest damaged pieces, without these.

    None where there is none, or none with a sound index. What is damaged in one file never comes from the
    other: see DECISIONS.md.
    """
    found = [s for name in _NAMES if (s := _seen(directory / name))]
    for seen in sorted(found, key=lambda s: s.rank, reverse=True):
        try:
            return _read_first(seen) if seen.first else _read(seen)
        except (OSError, ValueError, zipfile.BadZipFile):
            continue  # the disk has lost it since, or it was written wrongly
    return None


def part_after(directory: Path, found: Snapshot) -> Snapshot | None:
    """Give what single cameras have learnt since this snapshot; None where nothing whole and newer is."""
    seen = _seen(directory / _PART)
    if seen is None or seen.lost or seen.first:
        return None
    try:
        part = _read(seen)
    except (OSError, ValueError):
        return None
    newer = part.taken_ms > found.taken_ms and part.beat >= found.beat
    return part if newer and not part.lost else None


def _seen(path: Path) -> _Seen | None:
    """Check a file, piece by piece, without keeping its arrays; None where it is of no use, or not there."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_B)
            if head[: len(_FIRST_MAGIC)] == _FIRST_MAGIC:
                return _seen_first(path, file)
            index = _index(file, head)
            if index is None:
                return None
            return _Seen(path, index, tuple(p.name for p in index.pieces if not _is_whole(file, p)))
    except (OSError, ValueError, zipfile.BadZipFile):
        return None


def _index(file: BinaryIO, head: bytes) -> _Index | None:
    length = head[-_LENGTH_B:]
    index = file.read(min(int.from_bytes(length, "little"), _MOST_INDEX_B))
    if head[:-_LENGTH_B] != _MAGIC + hashlib.sha256(length + index).digest():
        return None
    return msgspec.json.decode(index, type=_Index)  # a ValidationError is a ValueError


def _is_whole(file: BinaryIO, piece: _Piece) -> bool:
    sha256, left = hashlib.sha256(), piece.size
    try:
        file.seek(piece.offset)
        while left and (some := file.read(min(left, _READ_B))):
            sha256.update(some)
            left -= len(some)
    except OSError:
        return False
    return sha256.digest() == piece.sha256


def _read(seen: _Seen) -> Snapshot:
    arrays: dict[str, NDArray[Any]] = {}
    lost = list(seen.lost)
    with seen.path.open("rb") as file:
        for piece in seen.index.pieces:
            if piece.name in lost:
                continue
            try:
                arrays |= _read_piece(file, piece)
            except (OSError, ValueError):
                lost.append(piece.name)
    return Snapshot(seen.index.beat, arrays, seen.index.generation, tuple(lost))


def _read_piece(file: BinaryIO, piece: _Piece) -> dict[str, NDArray[Any]]:
    file.seek(piece.offset)
    names = np.lib.format.read_array(file, allow_pickle=False)
    return {name: np.lib.format.read_array(file, allow_pickle=False) for name in names.tolist()}


# --- GUARDIAN-SNAP-1 -------------------------------------------------------------------------------


def _seen_first(path: Path, file: BufferedReader) -> _Seen | None:
    file.seek(len(_FIRST_MAGIC))
    digest = file.read(_DIGEST_B)
    if hashlib.file_digest(file, "sha256").digest() != digest:
        return None
    file.seek(len(_FIRST_MAGIC) + _DIGEST_B)
    with np.load(file, allow_pickle=False) as held:
        return _Seen(path, _Index(int(held[_BEAT]), int(held[_GENERATION]), ()), first=True)


def _read_first(seen: _Seen) -> Snapshot:
    with seen.path.open("rb") as file:
        file.seek(len(_FIRST_MAGIC) + _DIGEST_B)
        with np.load(file, allow_pickle=False) as held:
            arrays = {name: held[name] for name in held.files if name not in {_BEAT, _GENERATION}}
    return Snapshot(seen.index.beat, arrays, seen.index.generation)
