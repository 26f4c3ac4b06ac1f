"""One daemon for one state directory."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from alerting.ledger.transaction import LedgerError


@contextmanager
def lock_state(directory: Path) -> Iterator[None]:
    """Hold `<directory>/lock` for as long as the block runs; the kernel lets go when the process dies.

    Raises
    ------
    LedgerError
        permanent: another process holds it, or the file cannot be written.
    """
    try:
        file = (directory / "lock").open("a+", encoding="ascii")
    except OSError as e:
        raise LedgerError(f"{directory}: cannot be locked: {e.strerror}", permanent=True) from e
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise LedgerError(
                f"{directory}: another Guardian runs here (pid {holder})", permanent=True
            ) from e
        with suppress(OSError):  # the disk is full: the lock holds all the same
            os.truncate(file.fileno(), 0)
            os.write(file.fileno(), str(os.getpid()).encode())
        yield
