"""The desk's routes about people: coverage, protection, readiness, shifts, drills, who is named."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from alerting.coverage import HOURS
from guardian import unseen
from guardian.desk import Answer, Refused
from guardian.drills import Drills
from guardian.foresight import Foresight
from guardian.named import Named


def people_routes(
    foresight: Foresight, drills: Drills, named: Named, protection: Callable[[int], Answer]
) -> list[Route]:
    """Make the routes; each may answer with `Refused`. `protection`: of so many hours (unseen.py)."""

    async def coverage(request: Request) -> JSONResponse:
        return JSONResponse(dict(await foresight.coverage(_hours(request, HOURS))))

    async def unprotected(request: Request) -> JSONResponse:
        return JSONResponse(dict(protection(_hours(request, unseen.HOURS))))

    async def begin(request: Request) -> JSONResponse:
        return JSONResponse(dict(await drills.begin(await request.body())))

    async def due(_request: Request) -> JSONResponse:
        return JSONResponse(dict(await drills.due()))

    async def ready(_request: Request) -> JSONResponse:
        return JSONResponse(dict(await drills.ready()))

    async def shifts(_request: Request) -> JSONResponse:
        return JSONResponse(dict(await drills.shifts()))

    async def incidents(_request: Request) -> JSONResponse:
        return JSONResponse(dict(await named.listing()))

    async def name(request: Request) -> JSONResponse:
        return JSONResponse(dict(await named.name(await request.body())))

    return [
        Route("/incidents", incidents),
        Route("/incidents/name", name, methods=["POST"]),
        Route("/coverage", coverage),
        Route("/protection", unprotected),
        Route("/drill", begin, methods=["POST"]),
        Route("/drill/due", due),
        Route("/ready", ready),
        Route("/shifts", shifts),
    ]


def _hours(request: Request, usual: int) -> int:
    try:
        return int(request.query_params.get("hours", str(usual)))
    except ValueError as e:
        raise Refused(["hours: a whole number"]) from e
