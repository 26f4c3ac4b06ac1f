"""Logging in and out, the first account, and one's own.

An unknown login takes as long as a wrong password and is answered alike; so is an account that is locked.
"""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from alerting import ledger as records
from alerting.ledger import AccountRow, LoginTakenError, Tx
from guardian.web.access import (
    IDLE_MS,
    LOCAL_ID,
    LONGEST_MS,
    Role,
    account_of,
    at,
    cookie_name,
    form_fields,
    fresh_session,
)
from guardian.web.pages import Pages, Site, seen
from guardian.web.passwords import (
    BAD_LOGIN,
    LOCK_AFTER,
    LOCK_MS,
    LOGIN_TAKEN,
    LONGEST_LOCK_MS,
    WAIT,
    Tries,
    is_login,
    new_account,
    wrong_with,
)
from guardian.web.words import N_

WRONG = N_("Login or password is wrong, or there were too many tries: then wait some minutes.")


def login_routes(site: Site, pages: Pages) -> list[BaseRoute]:
    """Make the routes of logging in and of one's own account."""
    ledger, clock = site.ledger, site.clock
    passwords, tries = site.passwords, Tries()
    cookie = cookie_name(secure=site.secure)

    def with_session(answer: Response, value: str) -> Response:
        answer.set_cookie(
            cookie,
            value,
            max_age=LONGEST_MS // 1000,
            secure=site.secure,
            httponly=True,
            samesite="lax",
            path="/",
        )
        return answer

    async def log_in(row: AccountRow, back: str) -> Response:
        now_ms = clock.now_ms()
        value, session = fresh_session(row.id, now_ms)

        def work(tx: Tx) -> None:
            records.drop_sessions(tx, now_ms, IDLE_MS)
            records.begin_session(tx, session)
            records.change_account(tx, row.id, failures=0, locked_until_ms=None)
            records.note(tx, account=row.id, action="login", subject=row.id, detail={}, now_ms=now_ms)

        await ledger.transact(work)
        return with_session(RedirectResponse(back, 303), value)

    async def get_login(request: Request) -> Response:
        if not await ledger.transact(records.are_there_accounts):
            return RedirectResponse("/first-start", 303)
        return pages.page(request, "login.html", back=_back(request.query_params.get("next", "")), wrong=None)

    async def post_login(request: Request) -> Response:
        fields, now_ms = form_fields(request), clock.now_ms()
        login, back = fields.get("login", "").strip().lower()[:64], _back(fields.get("next", ""))
        address = request.client.host if request.client else ""

        def refused(text: str, status: int) -> Response:
            return pages.page(request, "login.html", status, back=back, wrong=text)

        if not tries.may(address, now_ms):
            return refused(WAIT, 429)
        row = await ledger.transact(lambda tx: records.account_named(tx, login))
        usable = row is not None and row.ended_ms is None
        locked = row is not None and now_ms < (row.locked_until_ms or 0)
        right = await passwords.fits(fields.get("password", ""), row.password if row and usable else None)
        if row is not None and right and not locked:
            return await log_in(row, back)
        if row is not None and not locked:
            await ledger.transact(lambda tx: failed(tx, row, now_ms))
        return refused(WRONG, 401)

    def failed(tx: Tx, row: AccountRow, now_ms: int) -> None:
        failures = row.failures + 1
        until = None
        if failures >= LOCK_AFTER:
            until = now_ms + min(LOCK_MS << min(failures - LOCK_AFTER, 10), LONGEST_LOCK_MS)
        records.change_account(tx, row.id, failures=failures, locked_until_ms=until)
        what = "login-failed" if until is None else "login-locked"
        records.note(
            tx, account=None, action=what, subject=row.id, detail={"failures": failures}, now_ms=now_ms
        )

    async def post_logout(request: Request) -> Response:
        account = account_of(request)
        await ledger.transact(lambda tx: records.end_session(tx, account.digest))
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(cookie, path="/", secure=site.secure, httponly=True, samesite="lax")
        return answer

    async def get_first(request: Request) -> Response:
        if site.welcome is None or await ledger.transact(records.are_there_accounts):
            raise HTTPException(404)
        return pages.page(request, "first.html", wrong=None, login="")

    async def post_first(request: Request) -> Response:
        fields = form_fields(request)
        if site.welcome is None or await ledger.transact(records.are_there_accounts):
            raise HTTPException(404)
        login, password = fields.get("login", "").strip().lower(), fields.get("password", "")
        wrong = wrong_with(login, password, fields.get("again"))
        if not is_login(login):
            wrong = BAD_LOGIN
        if not tries.may(request.client.host if request.client else "", clock.now_ms()):
            wrong = WAIT
        elif not site.welcome.is_it(fields.get("token", "").strip()):
            wrong = N_("This is not the token of the first start.")
        if wrong is not None:
            return pages.page(request, "first.html", 422, wrong=wrong, login=login)
        try:
            row = await new_account(
                ledger, clock, passwords, login=login, role=Role.ADMIN, password=password, by=None
            )
        except LoginTakenError:
            return pages.page(request, "first.html", 422, wrong=LOGIN_TAKEN, login=login)
        site.welcome.used()
        return await log_in(row, "/")

    async def get_own(request: Request) -> Response:
        return pages.page(request, "own.html", wrong=None, done=None)

    async def post_own(request: Request) -> Response:
        account, fields, now_ms = account_of(request), form_fields(request), clock.now_ms()
        if account.id == LOCAL_ID:
            raise HTTPException(404)
        row = await ledger.transact(lambda tx: records.account_named(tx, account.login))
        if row is None:
            raise HTTPException(404)
        language = fields.get("language")
        if language is not None:
            wished = language if language in {"zh", "en"} else None
            await ledger.transact(lambda tx: records.change_account(tx, row.id, language=wished))
            return seen(request, "/own")
        if "everywhere" in fields:
            await ledger.transact(lambda tx: records.end_sessions(tx, row.id, but=account.digest))
            return pages.page(request, "own.html", wrong=None, done=N_("All other browsers are logged out."))
        password = fields.get("password", "")
        wrong = wrong_with(account.login, password, fields.get("again"))
        if wrong is None and not tries.may(f"own {row.id}", now_ms):
            wrong = WAIT
        if wrong is None and not await passwords.fits(fields.get("old", ""), row.password):
            wrong = N_("The present password is wrong.")
        if wrong is not None:
            return pages.page(request, "own.html", 422, wrong=wrong, done=None)
        hashed = await passwords.hashed(password)

        def work(tx: Tx) -> None:
            records.change_account(tx, row.id, password=hashed)
            records.end_sessions(tx, row.id, but=account.digest)
            records.note(
                tx, account=row.id, action="password-changed", subject=row.id, detail={}, now_ms=now_ms
            )

        await ledger.transact(work)
        return pages.page(request, "own.html", wrong=None, done=N_("The password has been changed."))

    return [
        at("/login", get_login, None),
        at("/login", post_login, None, methods=("POST",)),
        at("/first-start", get_first, None),
        at("/first-start", post_first, None, methods=("POST",)),
        at("/logout", post_logout, Role.VIEWER, methods=("POST",)),
        at("/own", get_own, Role.VIEWER),
        at("/own", post_own, Role.VIEWER, methods=("POST",)),
    ]


def _back(path: str) -> str:
    """Give where to go after the login: a page of ours, never another host's."""
    ours = path.startswith("/") and not path.startswith("//") and "\\" not in path and len(path) < 200
    return path if ours and path.isprintable() else "/"
