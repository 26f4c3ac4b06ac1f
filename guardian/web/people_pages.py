"""People and places: who and what the roster holds, changed by forms and by tables, never unseen.

Every change is a whole roster that is checked as `guardian roster import` checks it, shown as what it would
change, and stored as a new version only then; the look holds for the version that it was made on. Values of
people stay on these pages: neither the log nor the list of versions has them.
"""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import tomli_w
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from alerting import ledger as records
from alerting.ledger import Tx
from guardian import roster, roster_csv
from guardian.desk import Refused
from guardian.roster_csv import TableError
from guardian.roster_file import HomeRow, ResponderRow, RosterFile
from guardian.web.access import Role, account_of, at, form_fields, form_file
from guardian.web.pages import Pages, Site, asked_for, seen, whole_number
from guardian.web.words import N_

MOST_FILE: Final = 8 * 1024 * 1024
"""Bytes of an upload: ten thousand homes with their sensors are about 5 MB."""
LOOKS, LOOK_MS = 8, 30 * 60_000
"""So many looks are held, for half an hour."""
CHANGES_SHOWN: Final = 500
VERSIONS_SHOWN: Final = 100
PAGE: Final = 100
CHANGED_MEANWHILE: Final = N_(
    "Somebody else has changed the roster meanwhile. Look again at what would change."
)
RESIDENT: Final = ("name", "phone", "address", "key_at", "door_code", "animals", "medical")


@dataclass(frozen=True, slots=True)
class _Look:
    text: str
    version: int
    account: str
    until_ms: int
    source: str


def people_routes(site: Site, pages: Pages) -> list[BaseRoute]:
    """Make the routes of people and places; none where the roster cannot be changed (a replay)."""
    store = site.import_roster
    if store is None:
        return []
    looks: dict[str, _Look] = {}

    def refused(request: Request, problems: Sequence[str], status: int = 422) -> Response:
        return pages.page(
            request, "roster_look.html", status, problems=problems, changes=(), more=0, key=None
        )

    async def now() -> tuple[int, RosterFile]:
        """Give the version that holds, and the roster as a file."""

        def work(tx: Tx) -> tuple[int, records.RosterRows | None]:
            versions = records.roster_versions(tx, 1)
            return (versions[0].version if versions else 0), records.newest_roster(tx)

        version, rows = await site.ledger.transact(work)
        if rows is None:
            raise HTTPException(404)
        return version, await asyncio.to_thread(roster.file_of, rows)

    async def look(request: Request, whole: Mapping[str, Any] | str, version: int, source: str) -> Response:
        """Show what a roster would change; nothing is stored yet."""
        text = whole if isinstance(whole, str) else await asyncio.to_thread(tomli_w.dumps, whole)
        try:
            answer = await store(text, True, source)
        except Refused as e:
            return pages.page(
                request, "roster_look.html", 422, problems=e.problems, changes=(), more=0, key=None
            )
        now_ms = site.clock.now_ms()
        for key in [k for k, one in looks.items() if one.until_ms <= now_ms]:
            del looks[key]
        while len(looks) >= LOOKS:
            del looks[next(iter(looks))]
        key = secrets.token_urlsafe(16)
        looks[key] = _Look(text, version, account_of(request).id, now_ms + LOOK_MS, source)
        changes = answer["changes"]
        return pages.page(
            request,
            "roster_look.html",
            problems=(),
            changes=changes[:CHANGES_SHOWN],
            more=max(0, len(changes) - CHANGES_SHOWN),
            key=key,
        )

    async def post_store(request: Request) -> Response:
        key, account, now_ms = form_fields(request).get("key", ""), account_of(request), site.clock.now_ms()
        held = looks.get(key)
        if held is None or held.account != account.id or held.until_ms <= now_ms:
            raise HTTPException(409)
        version, _ = await now()
        if version != held.version:
            said = pages.words(request).text(CHANGED_MEANWHILE)
            return refused(request, [said], 409)
        del looks[key]
        try:
            answer = await store(held.text, False, f"{account.by} {held.source}")
        except Refused as e:
            return pages.page(
                request, "roster_look.html", 422, problems=e.problems, changes=(), more=0, key=None
            )
        told = {"version": answer["version"], "changes": len(answer["changes"]), "by": held.source}
        await site.ledger.transact(
            lambda tx: records.note(
                tx,
                account=account.id,
                action="roster",
                subject=str(answer["version"]),
                detail=told,
                now_ms=now_ms,
            )
        )
        return seen(request, "/places")

    async def get_places(request: Request) -> Response:
        version, file = await now()
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
        _, file = await now()
        body = await asyncio.to_thread(roster_csv.write, file, table)
        await exported(request, table)
        return _download(body, f"{table}.csv", "text/csv; charset=utf-8")

    async def get_toml(request: Request) -> Response:
        _, file = await now()
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
        version, file = await now()
        try:
            if table == "toml":
                return await look(request, raw.decode("utf-8-sig"), version, "toml")
            if table not in roster_csv.COLUMNS:
                raise HTTPException(400)
            remove = fields.get("remove") == "1"
            whole = await asyncio.to_thread(lambda: roster_csv.merge(file, table, raw, remove=remove))
        except UnicodeDecodeError:
            problems: tuple[str, ...] = ("the file is not UTF-8 text",)
        except TableError as e:
            problems = e.problems
        else:
            return await look(request, whole, version, f"csv {table}")
        return refused(request, problems)

    async def post_restore(request: Request) -> Response:
        wanted = request.path_params["version"]
        version, _ = await now()
        rows = await site.ledger.transact(lambda tx: records.roster_at(tx, wanted))
        if not rows.sites:
            raise HTTPException(404)
        try:
            old = await asyncio.to_thread(roster.file_of, rows)
        except (KeyError, ValidationError) as e:  # somebody in it has been erased
            raise HTTPException(409) from e
        return await look(request, await asyncio.to_thread(roster.to_toml, old), version, f"version {wanted}")

    # --- forms --------------------------------------------------------------------------------------------

    async def form(
        request: Request, kind: str, values: Mapping[str, Any], problems: Mapping[str, str], status: int = 200
    ) -> Response:
        _, file = await now()
        people = [(r.phone, r.name) for r in file.responders]
        return pages.page(
            request, f"{kind}_form.html", status, v=values, problems=problems, people=people, file=file
        )

    async def get_home_form(request: Request) -> Response:
        _, file = await now()
        home = next((h for h in file.homes if h.id == request.path_params["home"]), None)
        if home is None:
            raise HTTPException(404)
        return await form(request, "home", _home_values(home), {})

    async def get_new_home(request: Request) -> Response:
        return await form(
            request, "home", {"id": "", "rooms": "living bedroom bathroom", "enrolled": True}, {}
        )

    async def post_home(request: Request) -> Response:
        fields = form_fields(request)
        version, file = await now()
        whole = file.model_dump(by_alias=True, exclude_none=True, mode="json")
        key = fields.get("id", "").strip()
        home = next((h for h in whole["homes"] if h["id"] == key), None)
        if home is None:
            home = {"id": key, "rooms": [], "sensors": []}
            whole["homes"].append(home)
        there = {r["id"]: r for r in home["rooms"]}
        home |= {
            "rooms": [there.get(name, {"id": name}) for name in fields.get("rooms", "").split()],
            "programmes": fields.get("programmes", "").split(),
            "enrolled": fields.get("enrolled") == "1",
        }
        roster_csv.put(home, {"card": fields.get("card", "").strip() or None})
        roster_csv.put(home, {"entry_s": fields.get("entry_s", "").strip() or None})
        roster_csv.put(home, {"keyholders": fields.get("keyholders", "").split() or None})
        lives = {name: text for name in RESIDENT if (text := fields.get(name, "").strip())}
        roster_csv.put(home, {"resident": lives or None})
        problems = _problems(HomeRow, home)
        if problems:
            values = {**fields, "enrolled": home["enrolled"], "sensors": home["sensors"]}
            return await form(request, "home", values, problems, 422)
        return await look(request, whole, version, f"form {key}")

    async def get_person_form(request: Request) -> Response:
        phone = "+" + request.path_params["phone"]
        _, file = await now()
        person = next((r for r in file.responders if r.phone == phone), None)
        if person is None:
            raise HTTPException(404)
        return await form(request, "person", _person_values(person), {})

    async def get_new_person(request: Request) -> Response:
        fresh = {
            "phone": "",
            "name": "",
            "language": site.language,
            "active": True,
            "shifts": "mon-fri 08:00-20:00",
        }
        return await form(request, "person", fresh, {})

    async def post_person(request: Request) -> Response:
        fields = form_fields(request)
        version, file = await now()
        whole = file.model_dump(by_alias=True, exclude_none=True, mode="json")
        line = {name: fields.get(name, "").strip() for name in roster_csv.COLUMNS["responders"]}
        line["active"] = "1" if fields.get("active") == "1" else "0"
        problems: list[str] = []
        cells = {name: text or None for name, text in line.items()}
        roster_csv.put_people(whole, cells, problems)
        if problems:
            by_field = dict(_of_field(p) for p in problems)
            return await form(request, "person", {**fields, "active": line["active"] == "1"}, by_field, 422)
        return await look(request, whole, version, "form")

    limits = {"files": 1}
    return [
        at("/places", get_places, Role.OPERATOR),
        at("/places/table/{table}.csv", get_table, Role.OPERATOR),
        at("/places/roster.toml", get_toml, Role.OPERATOR),
        at("/places/file", post_file, Role.OPERATOR, methods=("POST",), **limits),
        at("/places/store", post_store, Role.OPERATOR, methods=("POST",)),
        at("/places/versions/{version:int}/restore", post_restore, Role.OPERATOR, methods=("POST",)),
        at("/places/home", get_new_home, Role.OPERATOR),
        at("/places/home/{home}", get_home_form, Role.OPERATOR),
        at("/places/home", post_home, Role.OPERATOR, methods=("POST",)),
        at("/places/person", get_new_person, Role.OPERATOR),
        at("/places/person/{phone}", get_person_form, Role.OPERATOR),
        at("/places/person", post_person, Role.OPERATOR, methods=("POST",)),
    ]


def _home_values(home: HomeRow) -> dict[str, Any]:
    return {
        **(home.resident.model_dump(exclude_none=True) if home.resident else {}),
        "id": home.id,
        "card": home.card or "",
        "entry_s": f"{home.entry_s:g}",
        "rooms": " ".join(r.id for r in home.rooms),
        "programmes": " ".join(home.programmes),
        "keyholders": " ".join(home.keyholders or ()),
        "enrolled": home.enrolled,
        "sensors": home.sensors,
    }


def _person_values(person: ResponderRow) -> dict[str, Any]:
    return {
        **person.model_dump(exclude={"shifts", "travel_s", "skills"}),
        "skills": " ".join(person.skills),
        "shifts": "; ".join(f"{s.days} {s.start}-{s.end}" for s in person.shifts),
    }


def _problems(model: type[HomeRow], value: Mapping[str, Any]) -> dict[str, str]:
    """Give field → what is wrong with it, all at once."""
    try:
        model.model_validate(value)
    except ValidationError as e:
        return {
            next((str(p) for p in reversed(error["loc"]) if isinstance(p, str)), "id"): error[
                "msg"
            ].removeprefix("Value error, ")
            for error in e.errors(include_url=False)
        }
    return {}


def _of_field(problem: str) -> tuple[str, str]:
    """Take a table's mistake apart: the column, and what is wrong."""
    where, _, what = problem.partition(": ")
    return where.rpartition("column ")[2] if "column" in where else "name", what


def _by(source: str, logins: Mapping[str, str]) -> tuple[str, str]:
    """Give who stored a version, and how."""
    who, _, how = source.partition(" ")
    return (logins.get(who, who), how) if who.startswith("@") else ("", source)


def _download(body: str, name: str, media: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    return Response(body, media_type=media, headers=headers)
