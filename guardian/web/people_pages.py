"""People and places: who and what the roster holds, changed by tables and files, never unseen.

What a change goes through stands in drafts.py, the forms in place_forms.py. Values of people stay on these
pages: neither the log nor the list of versions has them.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from alerting import ledger as records
from guardian import roster, roster_csv, roster_store
from guardian.roster_csv import TableError
from guardian.web.access import Role, account_of, at, form_fields, form_file
from guardian.web.drafts import Drafts, written
from guardian.web.pages import Pages, Site, asked_for, whole_number
from guardian.web.place_forms import form_routes

MOST_FILE: Final = 8 * 1024 * 1024
"""Bytes of an upload: ten thousand homes with their sensors are about 5 MB."""
VERSIONS_SHOWN: Final = 100
PAGE: Final = 100


def people_routes(site: Site, pages: Pages) -> list[BaseRoute]:
    """Make the routes of people and places; none where the roster cannot be changed (a replay)."""
    store = site.import_roster
    if store is None:
        return []
    drafts = Drafts(site, pages, store)

    async def get_places(request: Request) -> Response:
        version, file = await drafts.now()
        find = asked_for(request)
        start = whole_number(request.query_params.get("from", "0"))
        homes = [
            h
            for h in file.homes
            if not find
            or h.id.startswith(find)
            or (h.card or "").startswith(find)
            or (h.resident is not None and find in h.resident.name)
        ]
        rows = await site.ledger.transact(lambda tx: records.roster_versions(tx, VERSIONS_SHOWN))
        logins = {f"@{a.id}": a.login for a in await site.ledger.transact(records.accounts)}
        zone = ZoneInfo(file.site.timezone)
        return pages.page(
            request,
            "places.html",
            file=file,
            homes=homes[start : start + PAGE],
            total=len(homes),
            more=start + PAGE if len(homes) > start + PAGE else None,
            version=version,
            versions=[
                (
                    v.version,
                    datetime.fromtimestamp(v.t_ms / 1000, zone).strftime("%Y-%m-%d %H:%M"),
                    *_by(v.source, logins),
                )
                for v in rows
            ],
            tables=list(roster_csv.COLUMNS),
        )

    async def get_table(request: Request) -> Response:
        table = request.path_params["table"]
        if table not in roster_csv.COLUMNS:
            raise HTTPException(404)
        _, file = await drafts.now()
        body = await asyncio.to_thread(roster_csv.write, file, table)
        await exported(request, table)
        return _download(body, f"{table}.csv", "text/csv; charset=utf-8")

    async def get_toml(request: Request) -> Response:
        _, file = await drafts.now()
        body = await asyncio.to_thread(roster.to_toml, file)
        await exported(request, "toml")
        return _download(body, "roster.toml", "application/toml; charset=utf-8")

    async def exported(request: Request, what: str) -> None:
        account, now_ms = account_of(request), site.clock.now_ms()
        await site.ledger.transact(
            lambda tx: records.note(
                tx, account=account.id, action="roster-export", subject=what, detail={}, now_ms=now_ms
            )
        )

    async def post_file(request: Request) -> Response:
        """Take a table or a whole roster, and show what it would change."""
        fields, upload = form_fields(request), form_file(request, "file")
        raw = await upload.read() if upload is not None else b""
        table = fields.get("table", "")
        version, file = await drafts.now()
        try:
            if table == "toml":
                return await drafts.look(request, raw.decode("utf-8-sig"), version, "toml")
            if table not in roster_csv.COLUMNS:
                raise HTTPException(400)
            remove = fields.get("remove") == "1"
            whole = await asyncio.to_thread(lambda: roster_csv.merge(file, table, raw, remove=remove))
        except UnicodeDecodeError:
            problems: tuple[str, ...] = ("the file is not UTF-8 text",)
        except TableError as e:
            problems = e.problems
        else:
            return await drafts.look(request, whole, version, f"csv {table}")
        return drafts.refused(request, problems)

    async def post_restore(request: Request) -> Response:
        wanted = request.path_params["version"]
        version, _ = await drafts.now()
        held = await roster_store.read(site.ledger, wanted)
        if held is None:
            raise HTTPException(404)
        try:
            old = await asyncio.to_thread(roster.file_of, held[1])
        except (KeyError, ValidationError) as e:  # somebody in it has been erased
            raise HTTPException(409) from e
        return await drafts.look(request, written(old), version, f"version {wanted}")

    limits = {"files": 1}
    return [
        at("/places", get_places, Role.OPERATOR),
        at("/places/table/{table}.csv", get_table, Role.OPERATOR),
        at("/places/roster.toml", get_toml, Role.OPERATOR),
        at("/places/file", post_file, Role.OPERATOR, methods=("POST",), **limits),
        at("/places/store", drafts.store, Role.OPERATOR, methods=("POST",)),
        at("/places/versions/{version:int}/restore", post_restore, Role.OPERATOR, methods=("POST",)),
        *form_routes(site, pages, drafts),
    ]


def _by(source: str, logins: Mapping[str, str]) -> tuple[str, str]:
    """Give who stored a version, and how."""
    who, _, how = source.partition(" ")
    return (logins.get(who, who), how) if who.startswith("@") else ("", source)


def _download(body: str, name: str, media: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    return Response(body, media_type=media, headers=headers)
