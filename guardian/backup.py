"""A backup of an installation's state in one folder, and its way back. Works while Guardian runs.

Takes a state directory; gives copies with a checksum each: the ledger (a spare made for it: nothing waits),
the history, what detectors have learnt, pictures of incidents and their key. Snapshots come first, for one
that is newer than its ledger is not used. Restored is only what is whole, and only where no ledger stands.
Names of people are in it: the folder is its owner's alone.
"""

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

MANIFEST: Final = "backup.json"
LEDGER: Final = "ledger.db"
HISTORY: Final = "history.db"
LEARNT: Final = ("board-a.snap", "board-b.snap", "board.part")
PICTURES: Final = "evidence"
KEY: Final = "evidence.key"
_CHUNK: Final = 1 << 20


class BackupError(Exception):
    """It cannot be made, or must not be restored, in words for the person at the keyboard."""


class Kept(msgspec.Struct, frozen=True):
    """One file of a backup."""

    path: str
    """Below the folder, as it stands in the state directory."""
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What a backup holds."""

    version: str
    """Of Guardian."""
    made_ms: int
    """ms since 1970."""
    files: tuple[Kept, ...]


def make(state: Path, out: Path, spare: Callable[[], Path], *, version: str, now_ms: int) -> Manifest:
    """Copy a state directory into a new folder.

    spare: makes a spare of the ledger and gives where it is. Raises BackupError: the folder is there already,
    there is no ledger, or a disk fails.
    """
    if out.exists():
        raise BackupError(f"{out}: is there already; name a new folder")
    unfinished = out.with_name(f"{out.name}.unfinished")
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700, parents=True)
        for name in (*LEARNT, KEY):
            if (state / name).exists():
                shutil.copyfile(state / name, unfinished / name)
        if (state / PICTURES).is_dir():
            shutil.copytree(state / PICTURES, unfinished / PICTURES, ignore=shutil.ignore_patterns("*.new"))
        shutil.copyfile(spare(), unfinished / LEDGER)
        if (state / HISTORY).exists():
            _copy_open(state / HISTORY, unfinished / HISTORY)
        manifest = Manifest(version, now_ms, tuple(_kept(unfinished)))
        (unfinished / MANIFEST).write_bytes(msgspec.json.encode(manifest))
        for path in (*unfinished.rglob("*"), unfinished):
            path.chmod(0o700 if path.is_dir() else 0o600)
            _sync(path)
        unfinished.rename(out)
        _sync(out.parent)
    except (OSError, sqlite3.Error) as e:
        raise BackupError(f"{out}: {e}") from e
    return manifest


def restore(kept: Path, state: Path) -> Manifest:
    """Put a backup into a state directory that has no ledger; nobody may run there.

    Raises BackupError, with every file that is damaged or missing, before anything is written.
    """
    try:
        manifest = msgspec.json.decode((kept / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.MsgspecError) as e:
        raise BackupError(f"{kept}: no backup of Guardian's: {e}") from e
    wrong = [f"{one.path}: {why}" for one in manifest.files if (why := _amiss(kept, one)) is not None]
    if wrong:
        raise BackupError("\n".join(wrong))
    if all(one.path != LEDGER for one in manifest.files):
        raise BackupError(f"{kept}: no ledger in it")
    if (state / LEDGER).exists():
        raise BackupError(f"{state}: a ledger stands here; move the folder aside first")
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        # the ledger last: without it nothing counts
        for one in sorted(manifest.files, key=lambda one: one.path == LEDGER):
            target = state / one.path
            target.parent.mkdir(mode=0o700, exist_ok=True)
            shutil.copyfile(kept / one.path, target)
            target.chmod(0o600)
            _sync(target)
            _sync(target.parent)
    except OSError as e:
        raise BackupError(f"{state}: {e}") from e
    return manifest


def _kept(folder: Path) -> Iterator[Kept]:
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        yield Kept(path.relative_to(folder).as_posix(), path.stat().st_size, _sha256(path))


def _amiss(kept: Path, one: Kept) -> str | None:
    path = kept / one.path
    if Path(one.path).is_absolute() or ".." in Path(one.path).parts:
        return "leads out of the folder"
    if not path.is_file():
        return "missing"
    try:
        if path.stat().st_size != one.size or _sha256(path) != one.sha256:
            return "damaged"
        if one.path in {LEDGER, HISTORY}:
            with closing(sqlite3.connect(f"{path.resolve().as_uri()}?immutable=1", uri=True)) as db:
                said = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
            return None if said == "ok" else f"damaged when it was made: {said}"
    except (OSError, sqlite3.Error) as e:
        return str(e)
    return None


def _copy_open(of: Path, to: Path) -> None:
    """Copy a database that somebody writes to, as of one moment."""
    reading = sqlite3.connect(f"{of.resolve().as_uri()}?mode=ro", uri=True)
    with closing(reading) as db, closing(sqlite3.connect(to)) as new:
        db.backup(new)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            digest.update(piece)
    return digest.hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
