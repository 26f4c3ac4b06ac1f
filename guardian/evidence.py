"""The pictures of an incident, kept for thirty days: encrypted, a file an incident (DESIGN section 1).

Takes strips from the pre-roll when an incident is ten minutes old and when it has ended; gives them to the
page that shows them. A side path: what cannot be written or read costs a picture, never an alert.

A file is AES-256-GCM (cryptography) over zlib over msgpack, under a key of its own in the state directory,
bound to the number of the incident and to the home: a file under another name does not open.
"""

import asyncio
import os
import secrets
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from alerting.incident import Incident, State
from alerting.ledger import Ledger, LedgerError, recent_incidents
from guardian.clock import Clock
from guardian.preroll import Strip

KEPT_MS: Final = 30 * 24 * 3_600_000
TEN_MINUTES_MS: Final = 600_000
LOOK_MS: Final = 60_000
RECENT: Final = 400
"""Incidents that are looked at each minute: more than end in one, even when a district goes dark."""
_NONCE_B: Final = 12
_MAGIC: Final = b"GUARDIAN-STRIP-1"

log = structlog.get_logger("evidence")


class EvidenceError(Exception):
    """The pictures are there and cannot be shown."""


class _Kept(msgspec.Struct, array_like=True):
    sensor: str
    room: str
    rows: int
    cols: int
    t_ms: bytes
    frames: bytes


@dataclass(frozen=True, slots=True)
class Evidence:
    """The folder of the pictures, and their key."""

    folder: Path
    key: bytes

    @classmethod
    def at(cls, state: Path) -> "Evidence":
        """Give the one of a state directory; makes folder and key at the first time. Raises OSError."""
        folder, key = state / "evidence", state / "evidence.key"
        folder.mkdir(mode=0o700, exist_ok=True)
        if not key.exists():
            handle = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(secrets.token_bytes(32))
                file.flush()
                os.fsync(file.fileno())
        return cls(folder, key.read_bytes())

    def save(self, number: int, home: str, strips: Sequence[Strip]) -> bool:
        """Write the strips of one incident over what was there; False if there is nothing. Raises OSError."""
        some = [s for s in strips if len(s.t_ms)]
        if not some:
            return False
        plain = msgspec.msgpack.encode([_kept(s) for s in some])
        nonce = secrets.token_bytes(_NONCE_B)
        sealed = AESGCM(self.key).encrypt(nonce, zlib.compress(plain), _bound(number, home))
        path = self._path(number)
        temporary = path.with_suffix(".new")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(_MAGIC + nonce + sealed)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        return True

    def load(self, number: int, home: str) -> list[Strip]:
        """Give the strips of an incident, none where nothing was kept. Raises EvidenceError."""
        try:
            raw = self._path(number).read_bytes()
        except FileNotFoundError:
            return []
        except OSError as e:
            raise EvidenceError(f"incident {number}: {e.strerror}") from e
        at = len(_MAGIC) + _NONCE_B
        try:
            if raw[: len(_MAGIC)] != _MAGIC:
                raise EvidenceError(f"incident {number}: not a file of ours")
            packed = AESGCM(self.key).decrypt(raw[len(_MAGIC) : at], raw[at:], _bound(number, home))
            kept = msgspec.msgpack.decode(zlib.decompress(packed), type=list[_Kept])
        except (InvalidTag, ValueError, zlib.error, msgspec.MsgspecError) as e:
            raise EvidenceError(f"incident {number}: damaged, or under another key") from e
        return [
            Strip(
                k.sensor,
                k.room,
                np.frombuffer(k.frames, np.uint8).reshape(-1, k.rows, k.cols),
                np.frombuffer(k.t_ms, np.int64),
            )
            for k in kept
        ]

    def has(self, number: int) -> bool:
        """Whether something is kept of an incident."""
        return self._path(number).exists()

    def forget(self, numbers: Sequence[int]) -> None:
        """Delete what is kept of these incidents."""
        for number in numbers:
            self._path(number).unlink(missing_ok=True)

    def sweep(self, now_ms: int) -> int:
        """Delete what is older than thirty days; give how many."""
        old = [p for p in self.folder.iterdir() if p.stat().st_mtime * 1000 < now_ms - KEPT_MS]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number}.strip"


def _kept(s: Strip) -> _Kept:
    rows, cols = s.frames.shape[1:]
    return _Kept(s.sensor, s.room, rows, cols, s.t_ms.tobytes(), s.frames.tobytes())


def _bound(number: int, home: str) -> bytes:
    return f"{number} {home}".encode()


async def keep(
    evidence: Evidence, strips: Callable[[str], Sequence[Strip]], ledger: Ledger, clock: Clock
) -> None:
    """Write, each minute, the strips of incidents that are ten minutes old or have ended since; for ever."""
    never, written = asyncio.Event(), dict[int, bool]()
    """Incident → whether it had ended when it was written."""
    while True:
        now_ms = clock.now_ms()
        try:
            found = await ledger.transact(lambda tx: recent_incidents(tx, RECENT))
            due = [i for i in found if _is_due(i, written.get(i.id), now_ms)]
            for one in due:
                await asyncio.to_thread(evidence.save, one.id, one.home, strips(one.home))
                written[one.id] = one.state is State.CLOSED
            await asyncio.to_thread(evidence.sweep, now_ms)
        except (OSError, LedgerError) as e:
            log.error("pictures of incidents are not kept", why=str(e))  # noqa: TRY400  # it is in the words
        else:
            written = {i.id: written[i.id] for i in found if i.id in written}
        await clock.wait(never, now_ms + LOOK_MS)


def _is_due(i: Incident, ended: bool | None, now_ms: int) -> bool:
    """Whether an incident's strips are to be written now; those that ended long ago have been."""
    if i.is_area or (i.severity is None and i.state is not State.CLOSED):
        return False
    if i.state is State.CLOSED:
        return ended is not True and i.closed_ms is not None and now_ms - i.closed_ms < 2 * TEN_MINUTES_MS
    return ended is None and now_ms - (i.decided_ms or now_ms) >= TEN_MINUTES_MS
