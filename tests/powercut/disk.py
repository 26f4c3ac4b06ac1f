"""A disk under the recorded calls, and what may be left on it when the power goes.

What was synced is there. Of what was not, `How` says what is: nothing, everything, the first so many calls
with the last one torn, or each sector by itself as it was after any of the calls that touched it (a page
cache is written back at any moment and in any order; a sector is whole). The length of a file goes its own
way; what a file has grown by without its data being there is zeros, or rubbish. The same for names: what was
made or removed since the folder was last synced may be so or not, each name by itself; the sync of a file
makes no name safe, as POSIX has it.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import numpy as np

from tests.powercut.trace import Cut, Made, Marked, Op, Removed, Synced, Written


class How(StrEnum):
    """What is left of that which was not synced."""

    NOTHING = "nothing"
    EVERYTHING = "everything"
    FIRST = "the first calls, the last one torn"
    SECTORS_512 = "any sectors of 512"
    SECTORS_4096 = "any sectors of 4096"


@dataclass(slots=True)
class File:
    """One file, which may have lost its name already."""

    safe: bytearray = field(default_factory=bytearray)
    pending: list[Written | Cut] = field(default_factory=list)

    def sync(self) -> None:
        for op in self.pending:
            _apply(self.safe, op)
        self.pending.clear()


class Disk:
    """The folder of the ledger: what is safe, and what is on its way."""

    def __init__(self) -> None:
        self._now: dict[str, File] = {}
        self._safe: dict[str, File] = {}
        self._pending: dict[str, list[File | None]] = {}
        """By name: what it stood for after each change since the folder was synced."""

    def do(self, op: Op) -> None:
        match op:
            case Made(name):
                self._now[name] = File()
                self._pending.setdefault(name, []).append(self._now[name])
            case Removed(name):
                del self._now[name]
                self._pending.setdefault(name, []).append(None)
            case Written(name) | Cut(name):
                self._now[name].pending.append(op)
            case Synced(""):
                self._safe = dict(self._now)
                self._pending.clear()
            case Synced(name):
                self._now[name].sync()
            case Marked():
                return

    def leave(self, directory: Path, how: How, rng: np.random.Generator) -> None:
        """Write what a power cut now leaves into `directory`, which is empty."""
        for name in self._safe.keys() | self._pending.keys():
            file = self._named(name, how, rng)
            if file is not None:
                (directory / name).write_bytes(_left(file, how, rng))
        if rng.integers(2):  # it is mapped and never synced, so anything may be in it
            (directory / "ledger.db-shm").write_bytes(rng.bytes(32_768))

    def _named(self, name: str, how: How, rng: np.random.Generator) -> File | None:
        may_be: list[File | None] = [self._safe.get(name), *self._pending.get(name, ())]
        if how is How.NOTHING:
            return may_be[0]
        if how is How.EVERYTHING:
            return may_be[-1]
        return may_be[int(rng.integers(len(may_be)))]


def _left(file: File, how: How, rng: np.random.Generator) -> bytes:
    content = bytearray(file.safe)
    if how is How.NOTHING or not file.pending:
        return bytes(content)
    if how is How.SECTORS_512:
        return _any_sectors(file, 512, rng)
    if how is How.SECTORS_4096:
        return _any_sectors(file, 4096, rng)
    whole = len(file.pending) if how is How.EVERYTHING else int(rng.integers(len(file.pending) + 1))
    for op in file.pending[:whole]:
        _apply(content, op)
    torn = file.pending[whole] if whole < len(file.pending) else None
    if isinstance(torn, Written):
        sector = int(rng.choice([512, 4096]))
        ends = range(torn.at // sector * sector + sector, torn.at + len(torn.data), sector)
        if ends:
            _apply(content, Written(torn.name, torn.at, torn.data[: int(rng.choice(ends)) - torn.at]))
    return bytes(content)


def _any_sectors(file: File, size: int, rng: np.random.Generator) -> bytes:
    length = len(file.safe)
    lengths = [length]
    touched: dict[int, list[Written | Cut]] = {}
    for op in file.pending:
        if isinstance(op, Written):
            after = max(length, op.at + len(op.data))
            sectors = range(op.at // size, (op.at + len(op.data) - 1) // size + 1)
        else:
            after = op.length
            sectors = range(after // size, (length - 1) // size + 1)  # none where it grows
        for sector in sectors:
            touched.setdefault(sector, []).append(op)
        length = after
        lengths.append(length)
    length = int(rng.choice(lengths))
    content = bytearray(file.safe[:length])
    grown = length - len(content)
    content += rng.bytes(grown) if rng.integers(2) else bytes(grown)
    for sector, ops in touched.items():
        begin, end = sector * size, min((sector + 1) * size, length)
        kept = ops[: int(rng.integers(len(ops) + 1))]
        if begin >= end or not kept:
            continue
        piece = bytearray(file.safe[begin:end].ljust(end - begin, b"\0"))
        for op in kept:
            if isinstance(op, Cut):
                keep = max(0, op.length - begin)
                piece[keep:] = bytes(len(piece[keep:]))
            else:
                first, last = max(op.at, begin), min(op.at + len(op.data), end)
                if first < last:
                    piece[first - begin : last - begin] = op.data[first - op.at : last - op.at]
        content[begin:end] = piece
    return bytes(content)


def _apply(content: bytearray, op: Written | Cut) -> None:
    if isinstance(op, Cut):
        del content[op.length :]
        content.extend(bytes(op.length - len(content)))
        return
    content.extend(bytes(max(0, op.at - len(content))))
    content[op.at : op.at + len(op.data)] = op.data
