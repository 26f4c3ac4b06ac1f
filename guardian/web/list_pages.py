"""Lists of the whole site: who could come in time, and which homes were not protected."""

from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from guardian import unseen
from guardian.foresight import local
from guardian.web.access import Role, at
from guardian.web.pages import GAPS_SHOWN, Pages, Site
from guardian.web.view import local_time


def list_routes(site: Site, pages: Pages) -> list[BaseRoute]:
    """Make the routes of the lists."""

    async def get_coverage(request: Request) -> Response:
        known = site.people()
        zone, found = ZoneInfo(known.duty.timezone), site.forecast()
        gaps = () if found is None else found.gaps
        return pages.page(
            request,
            "coverage.html",
            gaps=gaps[:GAPS_SHOWN],
            not_shown=max(0, len(gaps) - GAPS_SHOWN),
            card=known.duty.cards.get,
            at=lambda t_ms: local_time(t_ms, zone)[:5],
        )

    async def get_protection(request: Request) -> Response:
        known = site.people()
        zone = ZoneInfo(known.duty.timezone)
        found = site.look_back(site.clock.now_ms() - unseen.HOURS * 3_600_000)
        return pages.page(
            request,
            "protection.html",
            u=found,
            hours=unseen.HOURS,
            gaps=found.gaps[:GAPS_SHOWN],
            not_shown=max(0, len(found.gaps) - GAPS_SHOWN),
            card=known.duty.cards.get,
            at=lambda t_ms: local(t_ms, zone)[5:].replace("T", " "),
            did=unseen.did,
            why=unseen.why,
        )

    return [at("/coverage", get_coverage, Role.VIEWER), at("/protection", get_protection, Role.VIEWER)]
