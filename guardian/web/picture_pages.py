"""What the thermal arrays saw before and in an incident: a strip of small pictures, and all one by one.

For those who act in incidents alone, and each look is noted. From memory while it is there, else from what is
kept encrypted for thirty days. A picture is a few warm pixels: no face, no skin.
"""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import numpy as np
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from alerting import ledger as records
from alerting.incident import Incident
from guardian.evidence import EvidenceError
from guardian.preroll import Strip
from guardian.web import png
from guardian.web.access import Role, account_of, at
from guardian.web.incident_pages import incident_or_404
from guardian.web.pages import Pages, Site
from guardian.web.view import local_time
from guardian.web.words import N_

SHOWN = 24
"""Pictures of one strip."""
DAMAGED = N_("The pictures that were kept cannot be read: the file is damaged, or the key is another one.")


def picture_routes(site: Site, pages: Pages) -> list[BaseRoute]:
    """Make the routes of an incident's pictures."""

    async def strips_of(incident: Incident) -> tuple[Sequence[Strip], str | None]:
        """Give what there is, and what is wrong with what was kept."""
        kept: Sequence[Strip] = ()
        wrong = None
        if site.evidence is not None:
            try:
                kept = site.evidence.load(incident.id, incident.home)
            except EvidenceError:
                wrong = DAMAGED
        live = site.strips(incident.home) if incident.closed_ms is None else ()
        held = [s for s in live if len(s.t_ms)]
        return (held or kept), (None if held else wrong)

    async def read(request: Request) -> Incident:
        number = request.path_params["number"]
        return await site.ledger.transact(lambda tx: incident_or_404(tx, number))

    async def get_pictures(request: Request) -> Response:
        incident = await read(request)
        strips, wrong = await strips_of(incident)
        account, now_ms = account_of(request), site.clock.now_ms()
        await site.ledger.transact(
            lambda tx: records.note(
                tx,
                account=account.id,
                action="pictures",
                subject=incident.home,
                detail={"incident": incident.id},
                now_ms=now_ms,
            )
        )
        zone = ZoneInfo(site.people().duty.timezone)
        shown = []
        for s in strips:
            low, high = png.scale(s.frames)
            shown.append(
                {
                    "sensor": s.sensor,
                    "room": s.room,
                    "frames": [(int(k), local_time(int(s.t_ms[k]), zone)) for k in _chosen(incident, s)],
                    "all": [local_time(int(t), zone) for t in s.t_ms],
                    "low": f"{low:.0f}",
                    "high": f"{high:.0f}",
                    "rows": s.frames.shape[1],
                    "cols": s.frames.shape[2],
                }
            )
        return pages.page(request, "pictures.html", incident=incident, strips=shown, wrong=wrong)

    async def get_frame(request: Request) -> Response:
        incident = await read(request)
        strips, _wrong = await strips_of(incident)
        strip = next((s for s in strips if s.sensor == request.path_params["sensor"]), None)
        k = request.path_params["frame"]
        if strip is None or k >= len(strip.t_ms):
            raise HTTPException(404)
        body = png.picture(strip.frames[k], *png.scale(strip.frames))
        return Response(body, media_type="image/png", headers={"cache-control": "private, max-age=600"})

    return [
        at("/incidents/{number:int}/pictures", get_pictures, Role.RESPONDER),
        at("/incidents/{number:int}/pictures/{sensor}/{frame:int}.png", get_frame, Role.RESPONDER),
    ]


def _chosen(incident: Incident, strip: Strip) -> list[int]:
    """Choose SHOWN frames: from 20 s before the onset to 40 s after the decision, evenly."""
    from_ms = incident.t0_ms - 20_000
    to_ms = (incident.decided_ms or incident.suspected_ms or incident.t0_ms) + 40_000
    inside = np.flatnonzero((strip.t_ms >= from_ms) & (strip.t_ms <= to_ms))
    if not inside.size:
        inside = np.arange(len(strip.t_ms))
    picked = np.linspace(0, len(inside) - 1, min(SHOWN, len(inside))).round().astype(int)
    return [int(inside[k]) for k in picked]
