"""The walk test of a home, for whoever stands in it with a telephone: walk through, lie down, see it.

Draws what each sensor has still to show, and again every second; what has passed is kept when the test ends.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute

from guardian.walk import LASTS_MS, Step, TooMany, WalkTests
from guardian.web.access import Role, account_of, at
from guardian.web.pages import Pages, Site, seen
from guardian.web.words import N_

TOO_MANY = N_("Too many walk tests run at the same time; end one first.")


def walk_routes(site: Site, pages: Pages) -> list[BaseRoute]:
    """Make the routes of walk tests; none where nothing is watched."""
    if site.walks is None:
        return []
    walks: WalkTests = site.walks

    def known(request: Request) -> str:
        home: str = request.path_params["home"]
        if not walks.knows(home):
            raise HTTPException(404)
        return home

    def when(t_ms: int) -> str:
        zone = ZoneInfo(site.people().duty.timezone)
        return datetime.fromtimestamp(t_ms / 1000, zone).strftime("%Y-%m-%d %H:%M")

    async def get_walk(
        request: Request, problem: str | None = None, status: int = 200, ended: list[Step] | None = None
    ) -> Response:
        home = known(request)
        steps = await walks.steps(home) if ended is None else ended
        return pages.page(
            request,
            "walk.html",
            status,
            home=home,
            walk=walks.running(home),
            steps=steps,
            ended=ended is not None,
            when=when,
            minutes=LASTS_MS // 60_000,
            problem=problem,
        )

    async def get_state(request: Request) -> Response:
        home = known(request)
        walk = walks.running(home)
        drawn = pages.render(request, "walk_steps.html", steps=await walks.steps(home), walk=walk, when=when)
        status = 200 if walk else 410
        return HTMLResponse(drawn, status, {"cache-control": "no-store"})

    async def post_begin(request: Request) -> Response:
        home = known(request)
        try:
            walks.begin(home, account_of(request).id)
        except TooMany:
            return await get_walk(request, pages.words(request).text(TOO_MANY), 409)
        return seen(request, f"/homes/{home}/walk")

    async def post_end(request: Request) -> Response:
        return await get_walk(request, ended=await walks.end(known(request)))

    return [
        at("/homes/{home}/walk", get_walk, Role.RESPONDER),
        at("/homes/{home}/walk/state", get_state, Role.RESPONDER),
        at("/homes/{home}/walk", post_begin, Role.RESPONDER, methods=("POST",)),
        at("/homes/{home}/walk/end", post_end, Role.RESPONDER, methods=("POST",)),
    ]
