"""Forms for the centre, homes, rooms, sensors, people and their ways: each is a few lines of the tables.

Takes what a form has sent, puts it into the roster as the lines of a table (guardian/roster_csv.py) and shows
what that would change (drafts.py). A form with mistakes comes back with each beside its field.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from guardian import roster_csv
from guardian.roster_file import HomeRow, ResponderRow, RosterFile, SensorRow, SiteRow, ZoneRow
from guardian.web.access import Role, at, form_fields
from guardian.web.drafts import Drafts, written
from guardian.web.pages import Pages, Site
from guardian.web.plan import plan

SPARE_ZONES: Final = 3
"""Empty lines for new furniture."""
MOST_ZONES: Final = 40
ZONE: Final = ("zone", *(n for n in ZoneRow.model_fields if n != "id"))
SENSOR: Final = tuple(n for n in SensorRow.model_fields if n != "id")


def _choices(model: type[BaseModel], name: str) -> tuple[str, ...]:
    """Give the words that can stand in a field; none where it is not a choice."""
    kind = model.model_fields[name].annotation
    return next((get_args(one) for one in (kind, *get_args(kind)) if get_origin(one) is Literal), ())


CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    **{name: words for name in SENSOR if (words := _choices(SensorRow, name))},
    "zone_kind": _choices(ZoneRow, "kind"),
}
"""What can stand in fields with few values."""


def form_routes(site: Site, pages: Pages, drafts: Drafts) -> list[BaseRoute]:
    """Make the routes of the forms."""

    def form(
        request: Request,
        kind: str,
        file: RosterFile,
        values: Mapping[str, Any],
        problems: Mapping[str, str],
        **more: Any,
    ) -> Response:
        status = 422 if problems else 200
        return pages.page(
            request,
            f"{kind}_form.html",
            status,
            v=values,
            problems=problems,
            people=[(r.phone, r.name) for r in file.responders],
            choices=CHOICES,
            **more,
        )

    # --- the centre -----------------------------------------------------------------------------------

    async def get_site(request: Request) -> Response:
        _, file = await drafts.now()
        return form(request, "site", file, file.site.model_dump(), {})

    async def post_site(request: Request) -> Response:
        fields = form_fields(request)
        version, file = await drafts.now()
        whole = written(file)
        whole["site"] |= {name: fields.get(name, "").strip() for name in ("timezone", "default_travel_s")}
        try:
            whole["site"] = SiteRow.model_validate(whole["site"]).model_dump()
        except ValidationError as e:
            wrong = {str(one["loc"][-1]): one["msg"].removeprefix("Value error, ") for one in e.errors()}
            return form(request, "site", file, {**fields, "id": file.site.id}, wrong)
        return await drafts.look(request, whole, version, "form")

    # --- homes ----------------------------------------------------------------------------------------

    async def get_home(request: Request) -> Response:
        file, home = await drafts.home(request.path_params["home"])
        return form(request, "home", file, _home_values(home), {})

    async def get_new_home(request: Request) -> Response:
        _, file = await drafts.now()
        fresh = {"id": "", "rooms": "living bedroom bathroom", "enrolled": True}
        return form(request, "home", file, fresh, {})

    async def post_home(request: Request) -> Response:
        fields = form_fields(request)
        version, file = await drafts.now()
        whole, key = written(file), fields.get("id", "").strip()
        line = {name: fields.get(name, "").strip() or None for name in roster_csv.COLUMNS["homes"]}
        line |= {"home": key, "enrolled": "1" if fields.get("enrolled") == "1" else "0"}
        problems = _put("homes", whole, line)
        if problems:
            return form(request, "home", file, {**fields, "enrolled": line["enrolled"] == "1"}, problems)
        return await drafts.look(request, whole, version, f"form {key}")

    async def post_home_out(request: Request) -> Response:
        version, whole, home = await drafts.editable(request.path_params["home"])
        whole["homes"].remove(home)
        for person in whole["responders"]:
            person["travel_s"].pop(home["id"], None)
        return await drafts.look(request, whole, version, f"form {home['id']}")

    # --- rooms ----------------------------------------------------------------------------------------

    async def get_room(request: Request) -> Response:
        file, home = await drafts.home(request.path_params["home"])
        room = next((r for r in home.rooms if r.id == request.path_params["room"]), None)
        if room is None:
            raise HTTPException(404)
        lines = [{"zone": z.id, **z.model_dump(exclude={"id"})} for z in room.zones]
        return room_form(request, file, lines, {})

    def room_form(
        request: Request, file: RosterFile, lines: list[dict[str, Any]], problems: Mapping[str, str]
    ) -> Response:
        spare = [dict.fromkeys(ZONE, "") for _ in range(SPARE_ZONES)]
        here = request.path_params
        drawn = plan(here["home"], here["room"], site.furniture(), site.sensors())
        return form(request, "room", file, here, problems, lines=[*lines, *spare], plan=drawn)

    async def post_room(request: Request) -> Response:
        fields, name = form_fields(request), request.path_params["room"]
        version, whole, home = await drafts.editable(request.path_params["home"])
        room = next((r for r in home["rooms"] if r["id"] == name), None)
        if room is None:
            raise HTTPException(404)
        lines = [
            {column: fields.get(f"{column}-{n}", "").strip() for column in ZONE}
            for n in range(MOST_ZONES)
            if fields.get(f"zone-{n}", "").strip()
        ]
        room["zones"] = []
        problems: list[str] = []
        ids = [line["zone"] for line in lines]
        problems += [
            f"line {n}, column zone: the same as line {ids.index(one) + 1}"
            for n, one in enumerate(ids, 1)
            if one in ids[: n - 1]
        ]
        cells = [
            {"home": home["id"], "room": name, **{k: v or None for k, v in one.items()}} for one in lines
        ]
        roster_csv.put_lines("zones", whole, cells, problems)
        if problems:
            _, file = await drafts.now()
            split = [problem.partition(": ") for problem in reversed(problems)]  # of each cell the first
            by_line = {where: what for where, _, what in split}
            return room_form(request, file, lines, by_line)
        return await drafts.look(request, whole, version, f"form {home['id']}")

    # --- sensors --------------------------------------------------------------------------------------

    async def get_sensor(request: Request) -> Response:
        file, home = await drafts.home(request.path_params["home"])
        sensor = next((s for s in home.sensors if s.id == request.path_params["sensor"]), None)
        if sensor is None:
            raise HTTPException(404)
        return sensor_form(request, file, home, _sensor_values(sensor), {}, known=True)

    async def get_new_sensor(request: Request) -> Response:
        file, home = await drafts.home(request.path_params["home"])
        return sensor_form(request, file, home, {"sensor": "", "kind": "pir"}, {})

    def sensor_form(
        request: Request,
        file: RosterFile,
        home: HomeRow,
        values: Mapping[str, Any],
        problems: Mapping[str, str],
        *,
        known: bool = False,
    ) -> Response:
        rooms = [r.id for r in home.rooms]
        return form(request, "sensor", file, values, problems, home=home.id, rooms=rooms, known=known)

    async def post_sensor(request: Request) -> Response:
        fields = form_fields(request)
        version, whole, home = await drafts.editable(request.path_params["home"])
        values = {name: fields.get(name, "").strip() for name in ("sensor", *SENSOR)}
        line = {"home": home["id"], **{name: text or None for name, text in values.items()}}
        problems = _put("sensors", whole, line | {"sensor": values["sensor"]})
        if problems:
            file, row = await drafts.home(home["id"])
            known = any(s.id == values["sensor"] for s in row.sensors)
            return sensor_form(request, file, row, values, problems, known=known)
        return await drafts.look(request, whole, version, f"form {home['id']}")

    async def post_sensor_out(request: Request) -> Response:
        version, whole, home = await drafts.editable(request.path_params["home"])
        name = request.path_params["sensor"]
        if all(s["id"] != name for s in home["sensors"]):
            raise HTTPException(404)
        home["sensors"] = [s for s in home["sensors"] if s["id"] != name]
        return await drafts.look(request, whole, version, f"form {home['id']}")

    # --- ways to a home -------------------------------------------------------------------------------

    async def get_ways(request: Request) -> Response:
        file, home = await drafts.home(request.path_params["home"])
        keys = home.keyholders or ()
        ways = [(r.phone, r.name, r.travel_s.get(home.id, ""), r.phone in keys) for r in file.responders]
        return form(request, "ways", file, {"home": home.id, "free": not keys}, {}, ways=ways)

    async def post_ways(request: Request) -> Response:
        fields = form_fields(request)
        version, whole, home = await drafts.editable(request.path_params["home"])
        _, file = await drafts.now()
        times = {r.phone: fields.get(f"travel-{r.phone[1:]}", "").strip() for r in file.responders}
        keys = [r.phone for r in file.responders if fields.get(f"key-{r.phone[1:]}") == "1"]
        problems: list[str] = []
        lines = [
            {"phone": phone, "home": home["id"], "travel_s": text or None} for phone, text in times.items()
        ]
        await asyncio.to_thread(roster_csv.put_lines, "travel", whole, lines, problems)
        if problems:
            by_phone = {}
            for problem in problems:
                where, _, what = problem.partition(": ")
                by_phone[lines[int(where.split(",")[0].removeprefix("line ")) - 1]["phone"]] = what
            ways = [(r.phone, r.name, times[r.phone], r.phone in keys) for r in file.responders]
            return form(request, "ways", file, {"home": home["id"], "free": not keys}, by_phone, ways=ways)
        roster_csv.put(home, {"keyholders": keys or None})
        return await drafts.look(request, whole, version, f"form {home['id']}")

    # --- people ---------------------------------------------------------------------------------------

    async def get_person(request: Request) -> Response:
        phone = "+" + request.path_params["phone"]
        _, file = await drafts.now()
        person = next((r for r in file.responders if r.phone == phone), None)
        if person is None:
            raise HTTPException(404)
        return form(request, "person", file, _person_values(person), {})

    async def get_new_person(request: Request) -> Response:
        _, file = await drafts.now()
        fresh = {"language": site.language, "active": True, "shifts": "mon-fri 08:00-20:00"}
        return form(request, "person", file, {"phone": "", "name": "", **fresh}, {})

    async def post_person(request: Request) -> Response:
        fields = form_fields(request)
        version, file = await drafts.now()
        whole = written(file)
        line = {name: fields.get(name, "").strip() or None for name in roster_csv.COLUMNS["responders"]}
        line |= {"phone": line["phone"] or "", "active": "1" if fields.get("active") == "1" else "0"}
        problems = _put("responders", whole, line)
        if problems:
            return form(request, "person", file, {**fields, "active": line["active"] == "1"}, problems)
        return await drafts.look(request, whole, version, "form")

    async def post_person_out(request: Request) -> Response:
        phone = "+" + request.path_params["phone"]
        version, file = await drafts.now()
        if all(r.phone != phone for r in file.responders):
            raise HTTPException(404)
        whole = written(file)
        whole["responders"] = [r for r in whole["responders"] if r["phone"] != phone]
        for home in whole["homes"]:  # nobody holds a key who is not there
            left = [p for p in home.get("keyholders", ()) if p != phone]
            roster_csv.put(home, {"keyholders": left or None})
        return await drafts.look(request, whole, version, "form")

    def operators(path: str, get: Any = None, post: Any = None) -> list[BaseRoute]:
        gets: list[BaseRoute] = [at(path, get, Role.OPERATOR)] if get else []
        return gets + ([at(path, post, Role.OPERATOR, methods=("POST",))] if post else [])

    return [
        *operators("/places/site", get_site, post_site),
        *operators("/places/home", get_new_home, post_home),
        *operators("/places/home/{home}", get_home),
        *operators("/places/home/{home}/out", post=post_home_out),
        *operators("/places/home/{home}/room/{room}", get_room, post_room),
        *operators("/places/home/{home}/sensor", get_new_sensor, post_sensor),
        *operators("/places/home/{home}/sensor/{sensor}", get_sensor),
        *operators("/places/home/{home}/sensor/{sensor}/out", post=post_sensor_out),
        *operators("/places/home/{home}/ways", get_ways, post_ways),
        *operators("/places/person", get_new_person, post_person),
        *operators("/places/person/{phone}", get_person),
        *operators("/places/person/{phone}/out", post=post_person_out),
    ]


def _put(table: str, whole: dict[str, Any], line: Mapping[str, str | None]) -> dict[str, str]:
    """Put one line into a roster; give field → what is wrong with it, all at once."""
    problems: list[str] = []
    roster_csv.put_lines(table, whole, [line], problems)
    return dict(reversed([_of_field(p) for p in problems]))  # of each field the first


def _of_field(problem: str) -> tuple[str, str]:
    """Take a table's mistake apart: the column, and what is wrong."""
    where, _, what = problem.partition(": ")
    return where.rpartition("column ")[2] if "column" in where else "id", what


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
        "furnished": home.rooms,
    }


def _sensor_values(sensor: SensorRow) -> dict[str, Any]:
    def text(value: object) -> str:
        if value is None:
            return ""
        if isinstance(value, bool):
            return "1" if value else "0"
        return f"{value:g}" if isinstance(value, float) else str(value)

    return {"sensor": sensor.id, **{name: text(getattr(sensor, name)) for name in SENSOR}}


def _person_values(person: ResponderRow) -> dict[str, Any]:
    return {
        **person.model_dump(exclude={"shifts", "travel_s", "skills"}),
        "skills": " ".join(person.skills),
        "shifts": "; ".join(f"{s.days} {s.start}-{s.end}" for s in person.shifts),
        "known": True,
    }
