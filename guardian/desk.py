"""The desk: commands to a running daemon, over a unix socket in its state directory.

The daemon's side is an HTTP application that only root and the daemon's own user may talk to; the
client's side is what the commands of `guardian` use. Neither opens the ledger itself.
"""

import json
import os
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import httpx
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

SOCKET_NAME = "desk.sock"
MAX_BODY = 64 * 1024 * 1024
"""Bytes; a roster of ten thousand homes is about 10 MB."""
CONNECT_S = 2.0
ANSWER_S = 60.0
"""An import of ten thousand homes takes seconds; a daemon that does not answer in a minute hangs."""

Answer = Mapping[str, Any]


class DeskError(Exception):
    """The command could not be given, or the daemon refused it."""


class Refused(Exception):  # noqa: N818  # an answer, not an accident
    """Raised by a command's function: what was asked for cannot be done; one line for each problem."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Calendar(Protocol):
    """Who is expected to be away (guardian/away.py); each may raise `Refused`."""

    async def note(self, wish: bytes) -> Answer:
        """Note an absence."""
        ...

    async def listing(self) -> Answer:
        """Give those that hold now or will."""
        ...

    async def end(self, number: int) -> Answer:
        """End one now."""
        ...


class Silences(Protocol):
    """What staff do not want to hear of for some hours (guardian/quiet.py); each may raise `Refused`."""

    async def note(self, wish: bytes) -> Answer:
        """Note a silence."""
        ...

    async def listing(self) -> Answer:
        """Give those that hold now."""
        ...

    async def end(self, number: int) -> Answer:
        """End one now."""
        ...


def socket_path(state_directory: Path) -> Path:
    """Where the daemon of this state directory listens."""
    return state_directory / SOCKET_NAME


def desk_app(
    *,
    status: Callable[[], Answer],
    import_roster: Callable[[str, bool], Awaitable[Answer]],
    export_roster: Callable[[], Awaitable[Answer]],
    calendar: Calendar,
    silences: Silences,
    more: Sequence[BaseRoute] = (),
    allowed_uids: frozenset[int] | None = None,
) -> Starlette:
    """Make the daemon's side.

    Parameters
    ----------
    status
        what the daemon says about itself.
    import_roster
        takes the text of a TOML file and whether to store nothing; may raise `Refused`.
    export_roster
        gives the roster; may raise `Refused`.
    calendar
        who is expected to be away.
    silences
        what staff do not want to hear of for some hours.
    more
        routes of other parts.
    allowed_uids
        whose processes may ask; root and the daemon's own user when None.
    """
    uids = allowed_uids if allowed_uids is not None else frozenset({0, os.getuid()})

    async def get_status(_request: Request) -> JSONResponse:
        return JSONResponse(dict(status()))

    async def post_roster(request: Request) -> JSONResponse:
        try:
            text = (await request.body()).decode("utf-8")
        except UnicodeDecodeError as e:
            raise Refused(["the roster is not UTF-8 text"]) from e
        return JSONResponse(dict(await import_roster(text, request.query_params.get("dry_run") == "1")))

    async def get_roster(_request: Request) -> JSONResponse:
        return JSONResponse(dict(await export_roster()))

    async def post_away(request: Request) -> JSONResponse:
        return JSONResponse(dict(await calendar.note(await request.body())))

    async def get_away(_request: Request) -> JSONResponse:
        return JSONResponse(dict(await calendar.listing()))

    async def end_away(request: Request) -> JSONResponse:
        return JSONResponse(dict(await calendar.end(_number(request, "an absence"))))

    async def post_quiet(request: Request) -> JSONResponse:
        return JSONResponse(dict(await silences.note(await request.body())))

    async def get_quiet(_request: Request) -> JSONResponse:
        return JSONResponse(dict(await silences.listing()))

    async def end_quiet(request: Request) -> JSONResponse:
        return JSONResponse(dict(await silences.end(_number(request, "a silence"))))

    async def refused(_request: Request, error: Exception) -> JSONResponse:
        problems = error.problems if isinstance(error, Refused) else [str(error)]
        return JSONResponse({"problems": problems}, 422)

    async def http_error(_request: Request, error: Exception) -> JSONResponse:
        code = error.status_code if isinstance(error, HTTPException) else 500
        return JSONResponse({"problems": [getattr(error, "detail", "failed")]}, code)

    return Starlette(
        routes=[
            Route("/status", get_status),
            Route("/roster/import", post_roster, methods=["POST"]),
            Route("/roster/export", get_roster),
            Route("/away", post_away, methods=["POST"]),
            Route("/away", get_away),
            Route("/away/end", end_away, methods=["POST"]),
            Route("/quiet", post_quiet, methods=["POST"]),
            Route("/quiet", get_quiet),
            Route("/quiet/end", end_quiet, methods=["POST"]),
            *more,
        ],
        middleware=[
            Middleware(_KnownPeers, uids=uids),
            Middleware(RequestBodyLimitMiddleware, max_body_size=MAX_BODY),
        ],
        exception_handlers={Refused: refused, HTTPException: http_error},
    )


def _number(request: Request, of: str) -> int:
    try:
        return int(request.query_params.get("id", ""))
    except ValueError as e:
        raise Refused([f"id: the number of {of}"]) from e


class _KnownPeers:
    """Lets in only peers whose user the kernel names as allowed (`guardian/web/serve.py` asks it)."""

    def __init__(self, app: ASGIApp, uids: frozenset[int]) -> None:
        self._app = app
        self._uids = uids

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        what, uid = scope.get("client") or ("", -1)
        if what == "uid" and uid in self._uids:
            await self._app(scope, receive, send)
        else:
            answer = JSONResponse({"problems": ["only root and Guardian's own user may use the desk"]}, 403)
            await answer(scope, receive, send)


def runs(state_directory: Path) -> bool:
    """Whether a daemon answers at this state directory."""
    try:
        call(state_directory, "GET", "/status")
    except DeskError:
        return False
    return True


def call(state_directory: Path, method: str, path: str, body: bytes | None = None) -> dict[str, Any]:
    """Ask the running daemon and give its answer.

    Raises
    ------
    DeskError
        no daemon runs there, it does not answer, or it says no (with its reasons, one a line).
    """
    where = socket_path(state_directory)
    _knock(where)
    timeout = httpx.Timeout(ANSWER_S, connect=CONNECT_S)
    try:
        with httpx.Client(
            transport=httpx.HTTPTransport(uds=str(where)), base_url="http://desk", timeout=timeout
        ) as client:
            response = client.request(method, path, content=body)
    except httpx.HTTPError as e:
        raise DeskError(f"Guardian does not answer at {where}: {type(e).__name__}") from e
    try:
        answer = response.json()
    except json.JSONDecodeError as e:
        raise DeskError(f"what answers at {where} is not Guardian's desk") from e
    if not isinstance(answer, dict):
        raise DeskError(f"what answers at {where} is not Guardian's desk")
    if response.is_error:
        raise DeskError("\n".join(str(problem) for problem in answer.get("problems", ["failed"])))
    return answer


def _knock(where: Path) -> None:
    """Raise DeskError, with the reason, when nobody listens there or we may not ask."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(CONNECT_S)
        try:
            sock.connect(str(where))
        except PermissionError as e:
            raise DeskError(f"not allowed to ask Guardian ({where}); ask as root") from e
        except OSError as e:
            raise DeskError(f"no Guardian runs here ({where})") from e
