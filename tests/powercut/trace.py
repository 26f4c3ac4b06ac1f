"""What courier and ledger ask of the disk: `record` runs tests/powercut/work.py under strace and reads it.

Kept: writes, lengths, syncs, makings and removals of the files `ledger.db*`, syncs of their folder, and the
marks. Whatever would get past this (a renaming, a mapping that is written to, a write of another kind, a
string cut short, a call without its return) is a TraceError: nothing is taken for safe that was not seen.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CALLS: Final = (
    *("open", "openat", "openat2", "creat", "unlink", "unlinkat", "write", "pwrite64", "ftruncate"),
    *("fsync", "fdatasync", "mmap"),
    # not known here, hence an error on one of our files
    *("writev", "pwritev", "pwritev2", "truncate", "fallocate", "sync_file_range", "sendfile", "splice"),
    *("copy_file_range", "rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat"),
)
HARMLESS: Final = frozenset({"sync_file_range"})
"""Asks for less than is assumed: no promise comes of it."""
_LINE: Final = re.compile(r"^(\d+) +(.*)$")
_CALL: Final = re.compile(r"^(\w+)\((.*)\) += (-?\d+|0x[0-9a-f]+)(?:<.*>)?(?: .*)?$")
_RESUMED: Final = re.compile(r"^<\.\.\. (\w+) resumed>(.*)$")
_UNFINISHED: Final = " <unfinished ...>"
_FILE: Final = re.compile(r"^\d+<((?:\\x[0-9a-f]{2})+)>")
_DATA: Final = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')


class TraceError(Exception):
    """The trace holds something that the model of the disk does not know."""


@dataclass(frozen=True, slots=True)
class Made:
    """A name was made in the folder, for a new and empty file."""

    name: str


@dataclass(frozen=True, slots=True)
class Removed:
    """A name was taken out of the folder."""

    name: str


@dataclass(frozen=True, slots=True)
class Written:
    """Bytes were written."""

    name: str
    at: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Cut:
    """A file got this length."""

    name: str
    length: int


@dataclass(frozen=True, slots=True)
class Synced:
    """A file is on the disk, or with the name "" the folder."""

    name: str


@dataclass(frozen=True, slots=True)
class Marked:
    """What the world outside knows from here on."""

    line: bytes


Op = Made | Removed | Written | Cut | Synced | Marked


def record(directory: Path, seed: int, synchronous: str = "FULL") -> list[Op]:
    """Let courier and ledger work in `directory`, which is empty, and give what they asked of the disk."""
    strace = shutil.which("strace")
    if strace is None:
        raise TraceError(
            "strace is missing: it records what the ledger asks of the disk (apt install strace)"
        )
    log = directory.parent / f"{directory.name}.strace"
    done = subprocess.run(
        [
            *(strace, "--follow-forks", "--seccomp-bpf", "--decode-fds=path", "--strings-in-hex=all"),
            *("--string-limit=4194304", "--quiet=all", "--signal=none", f"--trace={','.join(CALLS)}"),
            *("--output", str(log), sys.executable, "-m", "tests.powercut.work"),
            *(str(directory), str(seed), synchronous),
        ],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise TraceError(f"the recording ended with {done.returncode}: {done.stderr[-2000:]}")
    with log.open(encoding="ascii") as lines:
        return list(read(lines, directory))


def read(lines: Iterable[str], directory: Path) -> Iterator[Op]:
    """Read a trace; see the module."""
    ours = (
        _hex(f"{directory}/ledger.db"),
        _hex(f"{directory}/marks"),
        _hex(str(directory)) + ">",
        _hex("ledger.db"),
    )
    there: set[str] = set()
    begun: dict[str, str] = {}
    for line in lines:
        found = _LINE.match(line.rstrip("\n"))
        if found is None:
            raise TraceError(f"not understood: {line[:200]}")
        pid, text = found.groups()
        if text.endswith(_UNFINISHED):
            begun[pid] = text.removesuffix(_UNFINISHED)
            continue
        resumed = _RESUMED.match(text)
        if resumed is not None:
            text = begun.pop(pid) + resumed[2]
        if any(one in text for one in ours):
            yield from _op(text, directory, there)
    left = [text for text in begun.values() if any(one in text for one in ours)]
    if left:
        raise TraceError(f"killed within a call: {left[0][:200]}")


def _op(text: str, directory: Path, there: set[str]) -> Iterator[Op]:
    call = _CALL.match(text)
    if call is None:
        raise TraceError(f"not understood: {text[:200]}")
    what, arguments, answer = call[1], call[2], int(call[3], 0)
    if answer < 0 or what in HARMLESS:
        return
    name = _name(what, arguments, directory)
    if name is None or name == "ledger.db-shm":  # made anew by whoever opens the ledger first
        return
    match what:
        case "openat" if "O_TRUNC" not in arguments:
            if "O_CREAT" in arguments and name not in there and name != "marks":
                there.add(name)
                yield Made(name)
        case "unlink":
            there.remove(name)
            yield Removed(name)
        case "write" if name == "marks":
            yield Marked(_data(arguments, answer))
        case "pwrite64":
            yield Written(name, int(arguments.rsplit(", ", 1)[1]), _data(arguments, answer))
        case "ftruncate":
            yield Cut(name, int(arguments.rsplit(", ", 1)[1]))
        case "fsync" | "fdatasync":
            yield Synced(name)
        case "mmap" if "PROT_WRITE" not in arguments or "MAP_SHARED" not in arguments:
            return
        case _:
            raise TraceError(f"the model of the disk does not know this: {text[:200]}")


def _name(what: str, arguments: str, directory: Path) -> str | None:
    """Give the name of ours that a call is about, "" for the folder; None = it is not ours."""
    if what in {"openat", "unlink"}:
        path = directory / _text(_DATA.findall(arguments)[0][0])  # whatever is absolute stays what it is
    elif what == "mmap":
        path = Path(_text(re.findall(r"<((?:\\x[0-9a-f]{2})+)>", arguments)[0]))
    else:
        found = _FILE.match(arguments)
        if found is None:
            raise TraceError(f"not understood: {what}({arguments[:200]}")
        path = Path(_text(found[1]))
    if path == directory:
        return None if what == "openat" else ""
    if path.parent != directory:
        return None
    return path.name if path.name == "marks" or path.name.startswith("ledger.db") else None


def _data(arguments: str, length: int) -> bytes:
    found = _DATA.search(arguments)
    if found is None or found[2]:
        raise TraceError(f"a string was cut short: {arguments[:100]}")
    return bytes.fromhex(found[1].replace("\\x", ""))[:length]


def _text(escaped: str) -> str:
    return bytes.fromhex(escaped.replace("\\x", "")).decode()


def _hex(text: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in text.encode())
