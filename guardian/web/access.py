"""Who may see and do what on the staff's pages.

Takes who asks; lets in, or answers 403. Every route names the least role that it needs, where it is made.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Endpoint = Callable[[Request], Awaitable[Response]]


class Role(IntEnum):
    """What somebody may do; each may do all that those before it may."""

    VIEWER = 0
    """Sees the board and the homes; no access facts."""
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

    @property
    def by(self) -> str:
        """What stands in the ledger's rows for who did it."""
        return "board"


LOCAL: Final = Account("local", "local", Role.ADMIN)


def account_of(request: Request) -> Account:
    """Give who is at the screen."""
    found: Account = request.scope.get("account", LOCAL)
    return found


def at(path: str, endpoint: Endpoint, role: Role, *, methods: Sequence[str] = ("GET",)) -> Route:
    """Make a route that needs at least this role."""

    async def guarded(request: Request) -> Response:
        if account_of(request).role < role:
            raise HTTPException(403)
        return await endpoint(request)

    guarded.needs = role  # type: ignore[attr-defined]  # read by the test of roles and routes
    return Route(path, guarded, methods=list(methods))
