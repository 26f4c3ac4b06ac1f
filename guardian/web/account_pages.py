"""All accounts, and the log of who saw and did what: for those who run the centre."""

import csv
import io
import json
import secrets
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from alerting import ledger as records
from alerting.ledger import LoginTakenError, Tx
from guardian.web.access import LOCAL_ID, Role, account_of, at, form_fields
from guardian.web.pages import Pages, Site, seen
from guardian.web.passwords import BAD_LOGIN, LOGIN_TAKEN, is_login, new_account
from guardian.web.words import N_

NOBODY_LEFT: Final = N_("Somebody must be left who can run the accounts.")
PAGE: Final = 100
MOST_ROWS: Final = 10_000
"""Of one file of the log."""


def account_routes(site: Site, pages: Pages) -> list[BaseRoute]:
    """Make the routes of accounts and of the log."""
    ledger, clock, passwords = site.ledger, site.clock, site.passwords

    async def accounts_page(
        request: Request,
        status: int = 200,
        *,
        wrong: str | None = None,
        secret: tuple[str, str] | None = None,
    ) -> Response:
        rows = await ledger.transact(records.accounts)
        known, now_ms = site.people(), clock.now_ms()
        people = sorted(((r, known.name(r)) for r in known.duty.responders), key=lambda one: one[1])
        return pages.page(
            request,
            "accounts.html",
            status,
            rows=rows,
            wrong=wrong,
            secret=secret,
            people=people,
            name=known.name,
            roles=list(Role),
            now_ms=now_ms,
        )

    async def get_accounts(request: Request) -> Response:
        return await accounts_page(request)

    async def post_add(request: Request) -> Response:
        fields, account = form_fields(request), account_of(request)
        login = fields.get("login", "").strip().lower()
        if not is_login(login):
            return await accounts_page(request, 422, wrong=BAD_LOGIN)
        role, responder = _role(fields.get("role", "")), fields.get("responder") or None
        if responder is not None and responder not in site.people().duty.responders:
            raise HTTPException(400)
        password = secrets.token_urlsafe(12)
        try:
            await new_account(
                ledger,
                clock,
                passwords,
                login=login,
                role=role,
                password=password,
                by=account.id,
                responder=responder,
            )
        except LoginTakenError:
            return await accounts_page(request, 422, wrong=LOGIN_TAKEN)
        return await accounts_page(request, secret=(login, password))

    async def post_change(request: Request) -> Response:
        """Role, a new password, unlocking, ending: by which button was pressed."""
        fields, account, now_ms = form_fields(request), account_of(request), clock.now_ms()
        number, do = request.path_params["id"], fields.get("do", "")
        rows = await ledger.transact(records.accounts)
        row = next((r for r in rows if r.id == number), None)
        if row is None:
            raise HTTPException(404)
        secret: tuple[str, str] | None = None
        values: dict[str, str | int | None]
        if do == "role":
            values = {"role": int(_role(fields.get("role", "")))}
        elif do == "unlock":
            values = {"failures": 0, "locked_until_ms": None}
        elif do == "end":
            values = {"ended_ms": row.ended_ms or now_ms}
        elif do == "again":
            values = {"ended_ms": None}
        elif do == "password":
            secret = (row.login, secrets.token_urlsafe(12))
            values = {"password": await passwords.hashed(secret[1]), "failures": 0, "locked_until_ms": None}
        else:
            raise HTTPException(400)
        admins = [r.id for r in rows if r.role == Role.ADMIN and r.ended_ms is None]
        goes = do == "end" or (do == "role" and values["role"] != Role.ADMIN)
        if goes and admins == [row.id]:
            return await accounts_page(request, 409, wrong=NOBODY_LEFT)

        def work(tx: Tx) -> None:
            records.change_account(tx, row.id, **values)
            if do in {"end", "password"}:
                records.end_sessions(tx, row.id)
            told = {"role": fields.get("role", "")} if do == "role" else {}
            records.note(
                tx, account=account.id, action=f"account-{do}", subject=row.id, detail=told, now_ms=now_ms
            )

        await ledger.transact(work)
        return await accounts_page(request, secret=secret) if secret else seen(request, "/accounts")

    async def get_audit(request: Request) -> Response:
        asked = {k: request.query_params.get(k, "").strip()[:97] for k in ("account", "action", "subject")}
        before = _number(request.query_params.get("before", ""))
        rows = await ledger.transact(records.accounts)
        by_login = {r.login: r.id for r in rows}
        of = by_login.get(asked["account"], asked["account"])
        as_csv = request.query_params.get("as") == "csv"
        most = MOST_ROWS if as_csv else PAGE
        found = await ledger.transact(
            lambda tx: records.deeds(
                tx, account=of, action=asked["action"], subject=asked["subject"], before=before, most=most
            )
        )
        logins = {r.id: r.login for r in rows} | {LOCAL_ID: LOCAL_ID}
        zone = ZoneInfo(site.people().duty.timezone)

        def when(t_ms: int) -> str:
            return datetime.fromtimestamp(t_ms / 1000, zone).strftime("%Y-%m-%d %H:%M:%S")

        if as_csv:
            out = io.StringIO()
            table = csv.writer(out)
            table.writerow(["time", "account", "action", "subject", "detail"])
            who = {None: ""} | logins
            table.writerows(
                [when(d.t_ms), who.get(d.account, d.account), d.action, d.subject, json.dumps(dict(d.detail))]
                for d in found
            )
            name = {"content-disposition": 'attachment; filename="audit.csv"', "cache-control": "no-store"}
            return Response("\ufeff" + out.getvalue(), media_type="text/csv; charset=utf-8", headers=name)
        older = found[-1].id if len(found) == PAGE else None
        return pages.page(
            request, "audit.html", deeds=found, logins=logins, asked=asked, older=older, when=when
        )

    return [
        at("/accounts", get_accounts, Role.ADMIN),
        at("/accounts", post_add, Role.ADMIN, methods=("POST",)),
        at("/accounts/{id}", post_change, Role.ADMIN, methods=("POST",)),
        at("/audit", get_audit, Role.ADMIN),
    ]


def _role(text: str) -> Role:
    try:
        return Role(int(text))
    except ValueError as e:
        raise HTTPException(400) from e


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 19 else None
