"""What we send and what the fake provider answers, against Twilio's published description of its API.

The description does not stand in the repository. Without Prism the schemas are looked at here, key by key;
with it (tests/servers.sh gets it) everything goes through Prism as a proxy, which validates both ways.
"""

import asyncio
import json
import os
import re
import shutil
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alerting.channels.twilio_sms import TwilioSms
from alerting.channels.twilio_voice import TwilioVoice
from guardian.web.serve import Tcp, serve
from simulator.providers import FakeTwilio
from simulator.responders import Phones, answers_calls
from tests.test_twilio_sms import ANN, BOB, OURS, SID, START_MS, TOKEN, Hand

OPENAPI = Path(__file__).parents[2] / "shared" / "data" / "openapi" / "twilio_api_v2010.json"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
PRISM = CACHE / "guardian-care" / "prism-5.16.0" / "node_modules" / ".bin" / "prism"
ROOT = f"/2010-04-01/Accounts/{SID}"
ROUTE = "/2010-04-01/Accounts/{AccountSid}"
WORDS = "紧急。代码 A 一 二。能去请按1，不能去请按3。编号 一。"

pytestmark = pytest.mark.skipif(
    not OPENAPI.exists(), reason=f"Twilio's API description is not on this machine ({OPENAPI})"
)


@pytest.fixture(scope="module")
def description() -> Any:
    return json.loads(OPENAPI.read_text("utf-8"))


def differences(value: object, schema: Mapping[str, Any], every: Mapping[str, Any]) -> list[str]:
    """Say what about a JSON value is not as its schema wants it."""
    if "$ref" in schema:
        schema = every[schema["$ref"].rsplit("/", 1)[1]]
    if value is None:
        return [] if schema.get("nullable") else ["is null"]
    kinds: dict[str, type] = {"string": str, "integer": int, "object": dict, "array": list}
    if not isinstance(value, kinds[schema["type"]]):
        return [f"{value!r} is no {schema['type']}"]
    if isinstance(value, list):
        return [d for one in value for d in differences(one, schema["items"], every)]
    if isinstance(value, dict):
        known = schema.get("properties", {})
        strange = [f"{k} is not described" for k in value if known and k not in known]
        absent = [f"{k} is absent" for k in known if k not in value]
        inner = [f"{k}: {d}" for k in known if k in value for d in differences(value[k], known[k], every)]
        return strange + absent + inner
    return [
        f"{value!r} breaks {rule}"
        for rule, broken in (
            ("enum", value not in schema.get("enum", [value])),
            ("pattern", not re.search(schema.get("pattern", ""), str(value))),
            ("minLength", len(str(value)) < schema.get("minLength", 0)),
            ("maxLength", len(str(value)) > schema.get("maxLength", 10**6)),
        )
        if broken
    ]


@asynccontextmanager
async def busy_account() -> AsyncIterator[tuple[FakeTwilio, TwilioSms, TwilioVoice]]:
    """An account in which texts and calls have gone both ways and have ended in several ways."""
    hand = Hand()
    async with FakeTwilio(SID, TOKEN, OURS, hand.now_ms) as fake:
        Phones(fake, {ANN: answers_calls(1, keys=())})
        transport = httpx.ASGITransport(app=fake.app)
        sms = TwilioSms(SID, TOKEN, OURS, status_callback="https://c.example/x", transport=transport)
        voice = TwilioVoice(SID, TOKEN, OURS, public_url="https://c.example", transport=transport)
        await sms.send(ANN, "紧急A12 #1.", 60)
        await fake.phone_sends(ANN, "A12 1")
        await voice.send(ANN, WORDS, 60)
        await voice.send(BOB, WORDS, 60)  # there is no such phone: failed
        fake.phone_calls(ANN)
        await asyncio.sleep(120)
        fake.knobs.hold = True
        await sms.send(ANN, "紧急A12 #2.", 60)  # queued
        await voice.send(ANN, WORDS, 60)  # queued
        yield fake, sms, voice


@pytest.mark.looptime
async def test_the_json_of_the_fake_provider_is_as_described(description: Any) -> None:
    every = description["components"]["schemas"]
    async with (
        busy_account() as (fake, _sms, _voice),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app=fake.app), base_url="https://x", auth=(SID, TOKEN)
        ) as http,
    ):
        for resource, sids in (
            ("Messages", [t.sid for t in fake.texts]),
            ("Calls", [c.sid for c in fake.calls]),
        ):
            paths = description["paths"]
            page = paths[f"{ROUTE}/{resource}.json"]["get"]["responses"]["200"]["content"]
            one = paths[f"{ROUTE}/{resource}/{{Sid}}.json"]["get"]["responses"]["200"]["content"]
            for asked in ({}, {"PageSize": "1"}, {"PageSize": "1", "Page": "1"}):
                listed = (await http.get(f"{ROOT}/{resource}.json", params=asked)).json()
                found = differences(listed, page["application/json"]["schema"], every)
                assert found == []
            for sid in sids:
                shown = (await http.get(f"{ROOT}/{resource}/{sid}.json")).json()
                assert differences(shown, one["application/json"]["schema"], every) == []
        assert {c.status for c in fake.calls} == {"completed", "failed", "queued"}


@pytest.mark.looptime
async def test_what_we_send_is_as_described(description: Any) -> None:
    async with busy_account() as (fake, _sms, _voice):
        for resource, key in (("Messages", "Body"), ("Calls", "Twiml")):
            post = description["paths"][f"{ROUTE}/{resource}.json"]["post"]["requestBody"]
            form = post["content"]["application/x-www-form-urlencoded"]["schema"]
            sent = [p for p in fake.posts if key in p]
            assert sent
            for fields in sent:
                assert set(form["required"]) <= fields.keys()
                assert fields.keys() <= form["properties"].keys()
                for name, value in fields.items():
                    if form["properties"][name]["type"] == "integer":
                        assert value.isdecimal(), f"{name}={value}"


# --- through Prism ---------------------------------------------------------------------------------

PAGES_ARE_RELATIVE = "must match format"
"""The description wants absolute addresses of pages; its own examples, and Twilio, have relative ones."""
EVENTS_ARE_REPEATED = "StatusCallbackEvent must be array"
"""Prism takes a repeated field of a form for one value where the description says nothing of its encoding."""


class Watched(httpx.AsyncHTTPTransport):
    """Remembers what Prism finds wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await super().handle_async_request(request)
        for one in json.loads(answer.headers.get("sl-violations", "[]")):
            if one["severity"] == "Error":
                self.found.append(f"{one['location'][0]}: {one['message']}")
        return answer

    def besides(self, known: Iterable[str]) -> list[str]:
        return [f for f in self.found if not any(k in f for k in known)]


@asynccontextmanager
async def prism(app: ASGIApp) -> AsyncIterator[str]:
    """Put Prism in front of an application; gives Prism's address."""
    async with serve(app, Tcp(0)) as upstream:
        process = await asyncio.create_subprocess_exec(
            *(PRISM, "proxy", OPENAPI, upstream.url, "--host", "127.0.0.1", "--port", "0"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(60):
                async for line in process.stdout:
                    port = re.search(rb"listening on http://127\.0\.0\.1:([0-9]+)", line)
                    if port:
                        break
                else:
                    raise AssertionError("Prism did not start")
            draining = asyncio.create_task(process.stdout.read())
            yield f"http://127.0.0.1:{int(port[1])}"
        finally:
            process.terminate()
            await process.wait()
        await draining


def through(app: ASGIApp, key: bytes, value: bytes) -> ASGIApp:
    """Let an application write something else."""

    async def changed(scope: Scope, receive: Receive, send: Send) -> None:
        async def altered(message: Message) -> None:
            if message["type"] == "http.response.body":
                message["body"] = message["body"].replace(key, value)
            await send(message)

        await app(scope, receive, altered)

    return changed


needs_prism = pytest.mark.skipif(
    not PRISM.exists() or shutil.which("node") is None, reason=f"Prism is not here ({PRISM})"
)


@pytest.mark.slow
@needs_prism
async def test_prism_finds_nothing_else_wrong_with_our_exchanges() -> None:
    watched = Watched()
    async with FakeTwilio(SID, TOKEN, OURS, Hand().now_ms) as fake, prism(fake.app) as url:
        sms = TwilioSms(
            SID, TOKEN, OURS, base_url=url, status_callback="https://c.example/x", transport=watched
        )
        voice = TwilioVoice(SID, TOKEN, OURS, base_url=url, public_url="https://c.example", transport=watched)
        text, call = await sms.send(ANN, "紧急A12 #1.", 60), await voice.send(ANN, WORDS, 60)
        assert EVENTS_ARE_REPEATED in watched.found[-1]
        assert [t.sid for t in await sms.sent_since(ANN, START_MS)] == [text]
        assert [c.sid for c in await voice.sent_since(ANN, START_MS)] == [call]
        assert PAGES_ARE_RELATIVE in watched.found[-1]
        await fake.phone_sends(ANN, "A12 1")
        assert [t.body for t in await sms.received_since(START_MS)] == ["A12 1"]
        async with httpx.AsyncClient(transport=watched, base_url=url, auth=(SID, TOKEN)) as http:
            for path in (f"Messages/{text}", f"Calls/{call}"):
                assert (await http.get(f"{ROOT}/{path}.json")).status_code == 200
            assert fake.calls[0].events == ("initiated", "ringing", "answered", "completed")
            assert watched.besides([EVENTS_ARE_REPEATED, PAGES_ARE_RELATIVE]) == []


@pytest.mark.slow
@needs_prism
async def test_prism_does_look() -> None:
    watched = Watched()
    async with FakeTwilio(SID, TOKEN, OURS, Hand().now_ms) as fake:
        odd = through(fake.app, b'"direction":"outbound-api"', b'"direction":"sideways"    ')
        async with (
            prism(odd) as url,
            httpx.AsyncClient(transport=watched, base_url=url, auth=(SID, TOKEN)) as http,
        ):
            await http.post(f"{ROOT}/Messages.json", data={"To": ANN, "From": OURS, "Body": "x"})
            await http.post(f"{ROOT}/Calls.json", data={"From": OURS, "Twiml": "<Response/>"})
    assert any(f.startswith("response: ") and "direction" in f for f in watched.found)
    assert any(f.startswith("request: ") and "'To'" in f for f in watched.found)
