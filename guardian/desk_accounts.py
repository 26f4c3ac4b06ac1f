"""The desk's routes about accounts: for the first ones, and for whoever has locked everybody out."""

import secrets
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from alerting import ledger as records
from alerting.ledger import AccountRow, Ledger, LoginTakenError, Tx
from guardian.clock import Clock
from guardian.desk import Refused
from guardian.web.access import Role
from guardian.web.passwords import Passwords, is_login, new_account

T = TypeVar("T", bound=msgspec.Struct)


class NewAccount(msgspec.Struct, forbid_unknown_fields=True):
    """A wish for one."""

    login: str
    role: str


class Change(msgspec.Struct, forbid_unknown_fields=True):
    """A wish to change one: `password`, `unlock` or `end`."""

    login: str
    do: str


def account_routes(ledger: Ledger, clock: Clock, passwords: Passwords) -> list[Route]:
    """Make the routes; each may answer with `Refused`."""

    async def listing(_request: Request) -> JSONResponse:
        now_ms = clock.now_ms()
        rows = await ledger.transact(records.accounts)
        return JSONResponse(
            {
                "accounts": [
                    {"login": r.login, "role": Role(r.role).name.lower(), "state": _state(r, now_ms)}
                    for r in rows
                ]
            }
        )

    async def add(request: Request) -> JSONResponse:
        wish = _read(await request.body(), NewAccount)
        login = wish.login.strip().lower()
        if not is_login(login):
            raise Refused([f"{wish.login}: a login has 2 to 32 letters, digits, dots or hyphens"])
        try:
            role = Role[wish.role.upper()]
        except KeyError as e:
            raise Refused([f"{wish.role}: viewer, responder, operator or admin"]) from e
        password = secrets.token_urlsafe(12)
        try:
            await new_account(ledger, clock, passwords, login=login, role=role, password=password, by=None)
        except LoginTakenError as e:
            raise Refused([f"there is an account {login} already"]) from e
        return JSONResponse({"password": password})

    async def change(request: Request) -> JSONResponse:
        wish, now_ms = _read(await request.body(), Change), clock.now_ms()
        login = wish.login.strip().lower()
        row = await ledger.transact(lambda tx: records.account_named(tx, login))
        if row is None:
            raise Refused([f"there is no account {wish.login}"])
        password, hashed = secrets.token_urlsafe(12), ""
        if wish.do == "password":
            hashed = await passwords.hashed(password)
        elif wish.do not in {"unlock", "end"}:
            raise Refused([f"{wish.do}: password, unlock or end"])

        def work(tx: Tx) -> None:
            if wish.do == "end":
                records.change_account(tx, row.id, ended_ms=now_ms)
            else:
                records.change_account(tx, row.id, failures=0, locked_until_ms=None)
            if hashed:
                records.change_account(tx, row.id, password=hashed)
            if wish.do != "unlock":
                records.end_sessions(tx, row.id)
            action = f"account-{wish.do}"
            records.note(
                tx, account=None, action=action, subject=row.id, detail={"by": "desk"}, now_ms=now_ms
            )

        await ledger.transact(work)
        return JSONResponse({"password": password} if hashed else {})

    return [
        Route("/accounts", listing),
        Route("/accounts/add", add, methods=["POST"]),
        Route("/accounts/change", change, methods=["POST"]),
    ]


def _state(row: AccountRow, now_ms: int) -> str:
    if row.ended_ms is not None:
        return "ended"
    return "locked" if (row.locked_until_ms or 0) > now_ms else "open"


def _read(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as e:
        raise Refused([str(e)]) from e
