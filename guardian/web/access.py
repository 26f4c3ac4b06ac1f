"""Who may see and do what on the staff's pages.

`Gate` looks up whoever asks by the cookie; every route is made by `at`, which names the least role that it
needs and checks, for what a button sends, that it comes from a page of that very session.
"""

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from alerting.duty import Language
from alerting.ledger import AccountRow, Ledger, SessionRow, session_of
from guardian.clock import Clock

Endpoint = Callable[[Request], Awaitable[Response]]

IDLE_MS: Final = 12 * 3_600_000
"""A session without a request for so long is over: a shift."""
LONGEST_MS: Final = 7 * 24 * 3_600_000
TOUCH_MS: Final = 60_000
"""How exactly the last request is noted; each noting is a write."""
NO_NUMBER: Final = 1 << 63
"""From here on no row of the ledger has such a number."""
MOST_FIELDS: Final = 64
"""Of one form."""
BUCKET, PER_S = 200, 40.0
"""Requests that one address may send at once, and for each second that passes: fifty browsers behind one
router, each of which loads a page and its files."""
MOST_ADDRESSES: Final = 1_000


class Role(IntEnum):
    """What somebody may do; each may do all that those before it may."""

    VIEWER = 0
    """Sees the board and the homes; no access facts, no names of residents."""
    RESPONDER = 1
    """Acts in incidents and sees the access facts of homes with an open one."""
    OPERATOR = 2
    """Runs the centre: people, homes, sensors, shifts, pauses."""
    ADMIN = 3
    """Accounts and the audit log."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who is at the screen."""

    id: str
    login: str
    role: Role
    responder: str | None = None
    """Who it is in the roster, for those who go themselves."""
    language: Language | None = None
    csrf: str = ""
    """What a form of this session must bring back."""
    digest: str = ""
    """Of the session."""

    @property
    def by(self) -> str:
        """What stands in the ledger's rows for who did it."""
        return "board" if self.id == LOCAL_ID else f"@{self.id}"


LOCAL_ID: Final = "local"
LOCAL: Final = Account(LOCAL_ID, "local", Role.ADMIN)
"""Whoever sits at the machine itself, where the settings ask for no login."""


def digest_of(cookie: str) -> str:
    """Give what the ledger keeps of a cookie: who reads the ledger cannot log in with it."""
    return hashlib.sha256(cookie.encode()).hexdigest()


def fresh_session(account: str, now_ms: int) -> tuple[str, SessionRow]:
    """Give a new cookie, and its row."""
    cookie = secrets.token_urlsafe(32)
    row = SessionRow(
        digest_of(cookie), account, secrets.token_urlsafe(32), now_ms, now_ms, now_ms + LONGEST_MS
    )
    return cookie, row


class Gate:
    """Puts who asks into the scope (`account`), by the cookie of the session; too many requests get a 429.

    Parameters
    ----------
    ledger, clock
        where sessions stand, and what ends them.
    open_to_all
        nobody logs in: whoever reaches the port is `LOCAL` (settings: loopback only).
    cookie
        its name, see `cookie_name`.
    """

    def __init__(self, app: ASGIApp, *, ledger: Ledger, clock: Clock, open_to_all: bool, cookie: str) -> None:
        self._app = app
        self._ledger, self._clock = ledger, clock
        self._open, self._cookie = open_to_all, cookie
        self._buckets: dict[str, tuple[float, float]] = {}
        """Address → requests left, and when that was true (s of the loop)."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on, with the account or without one."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        if not self._may_ask(request.client.host if request.client else ""):
            await PlainTextResponse("Too many requests.\n", 429, {"retry-after": "2"})(scope, receive, send)
            return
        scope["account"] = LOCAL if self._open else await self._account(request.cookies.get(self._cookie))
        await self._app(scope, receive, send)

    async def _account(self, cookie: str | None) -> Account | None:
        if not cookie:
            return None
        digest, now_ms = digest_of(cookie), self._clock.now_ms()
        found = await self._ledger.transact(lambda tx: session_of(tx, digest, now_ms, IDLE_MS, TOUCH_MS))
        return None if found is None else account_of_rows(*found)

    def _may_ask(self, address: str) -> bool:
        at_s = asyncio.get_running_loop().time()
        left, since_s = self._buckets.pop(address, (float(BUCKET), at_s))
        left = min(float(BUCKET), left + (at_s - since_s) * PER_S)
        self._buckets[address] = (max(0.0, left - 1), at_s)  # newest last
        if len(self._buckets) > MOST_ADDRESSES:
            del self._buckets[next(iter(self._buckets))]
        return left >= 1


def account_of_rows(session: SessionRow, row: AccountRow) -> Account:
    """Give who is at the screen, by what the ledger has."""
    language: Language | None = "zh" if row.language == "zh" else "en" if row.language == "en" else None
    return Account(row.id, row.login, Role(row.role), row.responder, language, session.csrf, session.digest)


async def is_still_in(ledger: Ledger, clock: Clock, account: Account) -> bool:
    """Whether a stream that is open may go on: its session may have ended, or its account changed."""
    if account.id == LOCAL_ID:
        return True
    now_ms = clock.now_ms()
    found = await ledger.transact(lambda tx: session_of(tx, account.digest, now_ms, IDLE_MS, TOUCH_MS))
    return found is not None and account_of_rows(*found).role == account.role


def account_of(request: Request) -> Account:
    """Give who is at the screen. Raises HTTPException 401 where nobody is logged in."""
    found = whoever(request)
    if found is None:
        raise HTTPException(401)
    return found


def whoever(request: Request) -> Account | None:
    """Give who is at the screen, None where nobody is logged in."""
    found: Account | None = request.scope.get("account")
    return found


def cookie_name(*, secure: bool) -> str:
    """Name the cookie: with TLS a browser takes it from this host alone, and never sends it in the clear."""
    return "__Host-guardian" if secure else "guardian"


def at(
    path: str,
    endpoint: Endpoint,
    role: Role | None,
    *,
    methods: Sequence[str] = ("GET",),
    files: int = 0,
) -> Route:
    """Make a route that needs at least this role; None: anybody, logged in or not.

    A POST is let through only with the `csrf` field of its session (forms of anybody are fenced by their
    origin alone, see fence.py). Its fields are read here: `form_fields`. files: how many it may bring.
    """

    async def guarded(request: Request) -> Response:
        account = whoever(request)
        if any(isinstance(v, int) and v >= NO_NUMBER for v in request.path_params.values()):
            raise HTTPException(404)
        if role is not None:
            if account is None:
                return _to_login(request)
            if account.role < role:
                raise HTTPException(403)
        if request.method == "POST":
            form = await request.form(max_files=files, max_fields=MOST_FIELDS)
            try:
                fields = {name: value for name, value in form.items() if isinstance(value, str)}
                if role is not None and account is not None and not _is_from_its_page(account, fields):
                    raise HTTPException(403)
                request.state.fields = fields
                request.state.files = form
                return await endpoint(request)
            finally:
                await form.close()
        return await endpoint(request)

    guarded.needs = role  # type: ignore[attr-defined]  # read by the test of roles and routes
    return Route(path, guarded, methods=list(methods))


def form_fields(request: Request) -> Mapping[str, str]:
    """Give the text fields of the form that a button has sent."""
    fields: Mapping[str, str] = request.state.fields
    return fields


def form_file(request: Request, name: str) -> Any:
    """Give an uploaded file, None where there is none."""
    found = request.state.files.get(name)
    return None if isinstance(found, str) else found


def _is_from_its_page(account: Account, fields: Mapping[str, str]) -> bool:
    if account.id == LOCAL_ID:  # has no session; its origin has been looked at
        return True
    return hmac.compare_digest(fields.get("csrf", "").encode(), account.csrf.encode())


def _to_login(request: Request) -> Response:
    """Send a reader to the login and back; programs and buttons get a plain 401."""
    if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
        back = request.url.path if request.url.path != "/" else ""
        query = f"?next={back}" if back else ""
        return RedirectResponse(f"/login{query}", 303)
    raise HTTPException(401)
