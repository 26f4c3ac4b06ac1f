"""The staff's pages as one application: the board, incidents, lists, accounts.

Puts the routes together behind the fence (fence.py) and the gate (access.py).
"""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from alerting.ledger import LedgerError
from guardian.web.access import Gate, cookie_name
from guardian.web.account_pages import account_routes
from guardian.web.board_pages import board_routes
from guardian.web.fence import BodyLimits, OwnPagesOnly, SafeHeaders
from guardian.web.home_pages import home_routes
from guardian.web.incident_pages import incident_routes
from guardian.web.list_pages import list_routes
from guardian.web.login_pages import login_routes
from guardian.web.pages import HERE, Pages, Site
from guardian.web.people_pages import MOST_FILE, people_routes
from guardian.web.picture_pages import picture_routes
from guardian.web.report_pages import report_routes
from guardian.web.walk_pages import walk_routes
from guardian.web.words import N_

MAX_FORM = 16 * 1024

_SAID = {
    401: N_("Please log in first."),
    403: N_("You may not see or do this with your account."),
    404: N_("There is no such page or incident."),
    409: N_("Not possible now: the incident has moved on. Go back to the board and look again."),
    503: N_("Nothing was stored. Try again; if it fails again, use the telephone."),
}
_NOT_UNDERSTOOD = N_("The form was incomplete; please go back and try again.")


def staff_app(site: Site) -> Starlette:
    """Make the staff's pages of one site."""
    pages = Pages(site)

    async def failed(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 503
        text = pages.words(request).text(_SAID.get(status, _NOT_UNDERSTOOD))
        return pages.page(request, "error.html", status, text=text)

    return Starlette(
        routes=[
            *board_routes(site, pages),
            *incident_routes(site, pages),
            *picture_routes(site, pages),
            *home_routes(site, pages),
            *walk_routes(site, pages),
            *people_routes(site, pages),
            *report_routes(site, pages),
            *list_routes(site, pages),
            *login_routes(site, pages),
            *account_routes(site, pages),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ],
        middleware=[
            Middleware(SafeHeaders, secure=site.secure),
            Middleware(TrustedHostMiddleware, allowed_hosts=list(site.hosts), www_redirect=False),
            Middleware(OwnPagesOnly),
            Middleware(BodyLimits, most=MAX_FORM, larger={"/places/file": MOST_FILE}),
            Middleware(
                Gate,
                ledger=site.ledger,
                clock=site.clock,
                open_to_all=site.open_to_all,
                cookie=cookie_name(secure=site.secure),
            ),
        ],
        exception_handlers={HTTPException: failed, LedgerError: failed},
    )
