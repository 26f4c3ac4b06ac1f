"""Accounts of those who use the pages, and their sessions. Passwords come hashed and cookies as digests."""

from dataclasses import dataclass

from sqlalchemy import Row as SqlRow
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from alerting.ledger.engine import Tx
from alerting.schema import account, web_session


class LoginTakenError(Exception):
    """There is or was an account of this name."""


@dataclass(frozen=True, slots=True)
class AccountRow:
    """One account."""

    id: str
    login: str
    role: int
    password: str
    """Hash, argon2id."""
    responder: str | None = None
    language: str | None = None
    created_ms: int = 0
    failures: int = 0
    """Wrong passwords since the last right one."""
    locked_until_ms: int | None = None
    ended_ms: int | None = None


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One browser that is logged in."""

    digest: str
    """SHA-256 of the cookie."""
    account: str
    csrf: str
    begun_ms: int
    seen_ms: int
    until_ms: int
    """Ends then at the latest."""


def add_account(tx: Tx, new: AccountRow) -> None:
    """Store a new account. Raises LoginTakenError."""
    values = {name: getattr(new, name) for name in AccountRow.__slots__}
    try:
        with tx.conn.begin_nested():
            tx.conn.execute(insert(account).values(values))
    except IntegrityError as e:
        raise LoginTakenError(new.login) from e


def accounts(tx: Tx) -> list[AccountRow]:
    """Give all, ended ones too, by login."""
    return [_account(row) for row in tx.conn.execute(select(account).order_by(account.c.login))]


def account_named(tx: Tx, login: str) -> AccountRow | None:
    """Give the account of this login."""
    row = tx.conn.execute(select(account).where(account.c.login == login)).first()
    return None if row is None else _account(row)


def are_there_accounts(tx: Tx) -> bool:
    """Whether anybody can log in."""
    open_ = select(func.count()).select_from(account).where(account.c.ended_ms.is_(None))
    return tx.conn.execute(open_).scalar_one() > 0


def change_account(tx: Tx, number: str, **values: str | int | None) -> bool:
    """Change columns of one; False when there is none."""
    return tx.conn.execute(update(account).where(account.c.id == number).values(values)).rowcount == 1


def begin_session(tx: Tx, new: SessionRow) -> None:
    """Store a new session."""
    values = {name: getattr(new, name) for name in SessionRow.__slots__}
    tx.conn.execute(insert(web_session).values(values))


def session_of(
    tx: Tx, digest: str, now_ms: int, idle_ms: int, touch_ms: int
) -> tuple[SessionRow, AccountRow] | None:
    """Give the session of a cookie with its account, None when either is over.

    It is over after `idle_ms` without a request; its last one is noted when it is `touch_ms` old.
    """
    row = tx.conn.execute(select(web_session).where(web_session.c.digest == digest)).first()
    if row is None or now_ms >= row.until_ms or now_ms - row.seen_ms >= idle_ms:
        return None
    found = tx.conn.execute(select(account).where(account.c.id == row.account)).one()
    if found.ended_ms is not None:
        return None
    if now_ms - row.seen_ms >= touch_ms:
        tx.conn.execute(update(web_session).where(web_session.c.digest == digest).values(seen_ms=now_ms))
    session = SessionRow(row.digest, row.account, row.csrf, row.begun_ms, row.seen_ms, row.until_ms)
    return session, _account(found)


def end_session(tx: Tx, digest: str) -> None:
    """Log one browser out."""
    tx.conn.execute(delete(web_session).where(web_session.c.digest == digest))


def end_sessions(tx: Tx, number: str, *, but: str = "") -> int:
    """Log an account out everywhere, but for one digest; give how many there were."""
    mine = (web_session.c.account == number) & (web_session.c.digest != but)
    return tx.conn.execute(delete(web_session).where(mine)).rowcount


def drop_sessions(tx: Tx, now_ms: int, idle_ms: int) -> int:
    """Forget those that are over."""
    over = (web_session.c.until_ms <= now_ms) | (web_session.c.seen_ms <= now_ms - idle_ms)
    return tx.conn.execute(delete(web_session).where(over)).rowcount


def _account(row: SqlRow[tuple[object, ...]]) -> AccountRow:
    return AccountRow(*(getattr(row, name) for name in AccountRow.__slots__))
