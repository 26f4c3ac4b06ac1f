"""Invented requests to every route of the staff's pages: whatever comes, no page fails (schemathesis)."""

from typing import Any

import anyio
import httpx
import hypothesis
import pytest
import schemathesis
from starlette.routing import Route

from alerting import ledger as records
from alerting.concern import Kind
from alerting.ledger import Ledger, SessionRow, Tx
from guardian import roster
from guardian.board import Board
from guardian.roster_file import read as read_roster
from guardian.settings import CONFIG
from guardian.walk import WalkTests
from guardian.web.access import Role, digest_of
from tests.alerting_people import T0, SetClock
from tests.logged_in import account, logged_in
from tests.page_pictures import EYES, facts, nothing
from tests.test_month import Staff
from tests.web_people import ORIGIN, Site, make_site

ANSWERS = {"200": {"description": "ok"}}
STRINGS = {"type": "string"}
FIELDS = (
    "who", "outcome", "minutes", "login", "password", "again", "token", "role", "responder", "do", "language",
    "old", "everywhere", "next", "from", "until", "begin", "reason", "what", "how", "id", "key", "table",
    "remove", "card", "entry_s", "rooms", "programmes", "enrolled", "keyholders", "name", "phone", "address",
    "medical", "reply_odds", "shifts", "skills", "active", "hours", "sensor", "kind", "room", "rows", "topic",
    "dialect", "zone-0", "kind-0", "x0_m-0", "travel-8613800000001", "timezone", "default_travel_s",
)  # fmt: skip
QUERIES = ("find", "state", "from", "day", "lang", "account", "action", "subject", "before", "as", "next")


THERE = {
    "home": ["h01", "h02"],
    "room": ["living", "bath"],
    "sensor": ["t0", "door"],
    "phone": ["8613800000001"],
    "number": [1],
    "table": ["homes", "zones"],
}
"""What is there, beside all that is not."""


def again(tx: Tx) -> None:
    """Log the administrator in, whatever has become of the account."""
    session = SessionRow(
        digest_of("cookie-of-boss"), "id-boss", "csrf-cookie-of-boss", T0, T0 + 60_000, 2 * T0
    )
    records.change_account(tx, "id-boss", ended_ms=None, role=int(Role.ADMIN), locked_until_ms=None)
    records.end_session(tx, session.digest)
    records.begin_session(tx, session)


def described(site: Site) -> dict[str, Any]:
    """Describe every route as OpenAPI: anything may stand in a path, a query or a form."""
    paths = dict[str, Any]()
    for route in site.app.routes:
        if not isinstance(route, Route) or route.path.endswith("events"):
            continue
        path, parameters = route.path, []
        for name in route.param_convertors:
            kind = "integer" if f"{{{name}:int}}" in path else "string"
            path = path.replace(f"{{{name}:int}}", f"{{{name}}}")
            schema = {"type": kind, **({"minimum": 0} if kind == "integer" else {"minLength": 1})}
            if name in THERE:
                schema = {"anyOf": [{"enum": THERE[name]}, schema]}
            parameters.append({"name": name, "in": "path", "required": True, "schema": schema})
        parameters += [{"name": name, "in": "query", "schema": STRINGS} for name in QUERIES]
        for method in route.methods or ():
            if method == "HEAD":
                continue
            operation: dict[str, Any] = {
                "parameters": parameters,
                "responses": {"200": {"description": "ok"}},
            }
            if method == "POST":
                properties = {"csrf": {"const": "csrf-cookie-of-boss"}, **dict.fromkeys(FIELDS, STRINGS)}
                body = {"type": "object", "properties": properties, "required": ["csrf"]}
                operation["requestBody"] = {
                    "required": True,
                    "content": {"application/x-www-form-urlencoded": {"schema": body}},
                }
            paths.setdefault(path, {})[method.lower()] = operation
    return {"openapi": "3.0.3", "info": {"title": "pages", "version": "1"}, "paths": paths}


@pytest.fixture(scope="module")
def site() -> Site:
    async def made() -> Site:
        ledger = await Ledger.open(None, inline=True)
        walks = WalkTests(lambda: Board("xingfu", EYES), ledger, SetClock(T0))
        one = await make_site(
            login=True, ledger=ledger, facts=facts, import_roster=nothing, drills=Staff(), walks=walks
        )
        rows = roster.prepare(read_roster((CONFIG / "roster.example.toml").read_text("utf-8")), None)
        await ledger.transact(lambda tx: roster.store(tx, rows, "desk", T0))
        await one.opened(Kind.FALL_CONFIRMED, "h01")
        await logged_in(one, await account(one.ledger, one.clock.ms, "boss", Role.ADMIN))
        return one

    return anyio.run(made)


def test_no_request_makes_a_page_fail(site: Site) -> None:
    schema = schemathesis.openapi.from_dict(described(site))
    tried, outside = 0, 0
    for result in schema.get_all_operations():
        operation = result.ok()  # type: ignore[union-attr]  # what we described is sound

        @hypothesis.settings(
            max_examples=30, deadline=None, suppress_health_check=list(hypothesis.HealthCheck)
        )
        @hypothesis.given(case=operation.as_strategy())
        def once(case: Any) -> None:
            nonlocal tried, outside
            answer = anyio.run(ask, case)
            tried += 1
            outside += answer == 401 and case.path not in ("/login", "/own")  # where a wrong password is one
            assert answer < 500, (case.method, case.path, case.path_parameters, case.query, case.body)

        async def ask(case: Any) -> int:
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(app=site.app, raise_app_exceptions=True), base_url=ORIGIN
            ) as client:
                await site.ledger.transact(again)  # it may have logged itself out, or worse
                client.cookies.set("guardian", "cookie-of-boss")
                form = case.body if isinstance(case.body, dict) else None
                answer = await client.request(
                    case.method,
                    case.formatted_path,
                    params=case.query or None,
                    data=form,
                    headers={"origin": ORIGIN},
                )
                return answer.status_code

        once()
    assert tried > 30 * 20
    assert outside == 0, "the requests reach the pages"
