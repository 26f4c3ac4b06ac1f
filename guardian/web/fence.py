"""The fence around the staff board: headers that keep a page to itself, and no button from elsewhere.

Names that are ours only (a page of another site cannot point its name at us), and a POST only from our own
pages, before anybody looks at who is logged in.
"""

from collections.abc import Mapping

from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]", "::1")

_HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
_ONLY_TLS = ((b"strict-transport-security", b"max-age=31536000"),)


class SafeHeaders:
    """Puts the headers that keep a page to itself on every answer; `secure`: never asked without TLS."""

    def __init__(self, app: ASGIApp, *, secure: bool = False) -> None:
        self._app = app
        self._headers = (*_HEADERS, *(_ONLY_TLS if secure else ()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does, with the headers added."""

        async def send_safe(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *self._headers]
            await send(message)

        await self._app(scope, receive, send_safe)


class BodyLimits:
    """Refuses a body of more than `most` bytes; `larger`: path → what may come there."""

    def __init__(self, app: ASGIApp, *, most: int, larger: Mapping[str, int]) -> None:
        self._usual = RequestBodyLimitMiddleware(app, max_body_size=most)
        self._larger = {path: RequestBodyLimitMiddleware(app, max_body_size=n) for path, n in larger.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 413, or hand on to the application."""
        await self._larger.get(scope.get("path", ""), self._usual)(scope, receive, send)


class OwnPagesOnly:
    """Refuses a POST that did not start on this board (`Sec-Fetch-Site`, else `Origin`)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403, or hand on to the application."""
        if scope["type"] == "http" and scope["method"] not in {"GET", "HEAD"} and not _own(Request(scope)):
            answer = Response("Not from this board.\n", 403, media_type="text/plain")
            await answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _own(request: Request) -> bool:
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    return request.headers.get("origin") == f"{request.url.scheme}://{request.headers.get('host', '')}"
