"""Passwords: how they are hashed, which are refused, and the token of the first start.

Passwords are hashed with argon2id (argon2-cffi's own parameters: 64 MiB, three passes), in a thread, two at
once at the most, so that the beat never waits for them.
"""

import asyncio
import hmac
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from alerting import ledger as records
from alerting.ledger import AccountRow, Ledger, Tx
from guardian.clock import Clock
from guardian.web.access import Role
from guardian.web.words import N_

SHORTEST: Final = 10
"""Characters of a password; NIST SP 800-63B asks for 8 at least."""
LONGEST: Final = 128
LOCK_AFTER: Final = 5
"""Wrong passwords in a row, from which on the account waits …"""
LOCK_MS, LONGEST_LOCK_MS = 60_000, 3_600_000
"""… for a minute, then twice as long each time, an hour at most."""
TRIES, TRIES_MS = 20, 60_000
"""Logins that one address may try within a minute."""
MOST_ADDRESSES: Final = 1_000
COMMONEST: Final = frozenset({
    "1234567890", "0123456789", "12345678910", "1111111111", "qwertyuiop", "password123", "password1234",
    "1q2w3e4r5t", "abcd123456", "a123456789", "woaini1314", "woaini520", "5201314520", "qq123456789",
    "zxcvbnm123", "guardian123", "iloveyou123", "administrator",
})  # fmt: skip
"""Of ten characters and more, what is tried first here."""
LOGIN_TAKEN = N_("There is an account of this name already.")
WAIT = N_("Too many tries. Wait a minute and try again.")
SHORT = N_("A password has at least 10 characters.")
COMMON = N_("This password is among those that are tried first. Choose another one.")
NOT_TWICE = N_("The two passwords are not the same.")
BAD_LOGIN = N_("A login has 2 to 32 letters, digits, dots or hyphens.")
log = structlog.get_logger("login")


@dataclass(frozen=True, slots=True)
class Welcome:
    """The token of the first start, in a file that only Guardian's user can read; gone once used."""

    path: Path

    async def prepare(self, ledger: Ledger) -> None:
        """Write it where nobody can log in yet; say where, never what."""
        if await ledger.transact(records.are_there_accounts):
            self.path.unlink(missing_ok=True)
            return
        if not self.path.exists():
            handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(secrets.token_urlsafe(24))
        log.info("nobody can log in yet: take the token and make the first account", token=str(self.path))

    def is_it(self, token: str) -> bool:
        """Whether this is the token."""
        try:
            mine = self.path.read_text("ascii").strip()
        except OSError:
            return False
        return bool(mine) and hmac.compare_digest(mine.encode(), token.encode())

    def used(self) -> None:
        """Let it never work again."""
        self.path.unlink(missing_ok=True)


class Passwords:
    """Hashes and checks, off the loop; how many at once is bounded, for each takes 64 MiB."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._turn = asyncio.Semaphore(2)
        self._nobodys: str | None = None

    async def hashed(self, password: str) -> str:
        """Give the hash of a password."""
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def fits(self, password: str, known: str | None) -> bool:
        """Whether a password is the one of this hash; None: of nobody, which takes as long."""
        if self._nobodys is None:
            self._nobodys = await self.hashed(secrets.token_urlsafe(16))
        async with self._turn:
            right = await asyncio.to_thread(self._check, known or self._nobodys, password)
        return right and known is not None

    def _check(self, known: str, password: str) -> bool:
        try:
            return self._hasher.verify(known, password)
        except (VerificationError, InvalidHashError):
            return False


class Tries:
    """Counts logins by address."""

    def __init__(self) -> None:
        self._of: dict[str, list[int]] = {}

    def may(self, address: str, now_ms: int) -> bool:
        """Count one more; False when there were too many within a minute."""
        mine = [t for t in self._of.pop(address, []) if now_ms - t < TRIES_MS][-TRIES:]
        allowed = len(mine) < TRIES
        self._of[address] = [*mine, now_ms] if allowed else mine
        if len(self._of) > MOST_ADDRESSES:
            del self._of[next(iter(self._of))]
        return allowed


def wrong_with(login: str, password: str, again: str | None = None) -> str | None:
    """Say what is wrong with a new password, None if nothing is."""
    if not SHORTEST <= len(password) <= LONGEST:
        return SHORT
    if password.lower() in COMMONEST or password.lower() in {login.lower(), login.lower() * 2}:
        return COMMON
    return NOT_TWICE if again is not None and again != password else None


def is_login(text: str) -> bool:
    """Whether this can be a login: letters of any script, digits, dots and hyphens."""
    return 2 <= len(text) <= 32 and all(c.isalnum() or c in ".-_" for c in text)


async def new_account(
    ledger: Ledger,
    clock: Clock,
    passwords: Passwords,
    *,
    login: str,
    role: Role,
    password: str,
    by: str | None,
    responder: str | None = None,
) -> AccountRow:
    """Make an account. Raises LoginTakenError; the password has been looked at."""
    hashed = await passwords.hashed(password)
    row = AccountRow(secrets.token_hex(8), login, int(role), hashed, responder, None, clock.now_ms())

    def work(tx: Tx) -> None:
        records.add_account(tx, row)
        records.note(
            tx,
            account=by,
            action="account-added",
            subject=row.id,
            detail={"role": role.name.lower()},
            now_ms=clock.now_ms(),
        )

    await ledger.transact(work)
    return row
