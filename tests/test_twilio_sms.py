import asyncio
import base64
import hashlib
import hmac
import json
import logging
from collections.abc import Callable

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from alerting.channels import Channel, ChannelError
from alerting.channels.twilio_account import PERMANENT, signature_ok
from alerting.channels.twilio_sms import TwilioSms
from simulator.providers import FakeTwilio

SID = "AC" + "0" * 31 + "1"
TOKEN = "secret-token"
OURS = "+14155550100"
ANN = "+4915112345678"
BOB = "+4915187654321"
START_MS = 1_763_942_400_000


class Hand:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.ms = START_MS

    def now_ms(self) -> int:
        return self.ms


def channel(
    app: ASGIApp, *, status_callback: str | None = None, timeout_s: float = 10.0, token: str = TOKEN
) -> TwilioSms:
    return TwilioSms(
        SID,
        token,
        OURS,
        status_callback=status_callback,
        timeout_s=timeout_s,
        transport=httpx.ASGITransport(app=app),
    )


def says(status: int, body: object) -> ASGIApp:
    """Give an application that answers everything alike."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": raw})

    return app


async def test_a_text_goes_out_with_its_validity_and_callback() -> None:
    async with FakeTwilio(SID, TOKEN, OURS, Hand().now_ms) as fake:
        sms: Channel = channel(fake.app, status_callback="https://c.example/twilio/status")
        sid = await sms.send(ANN, "紧急A12 #1", 300)
        assert fake.texts[0].sid == sid
        assert fake.posts == [
            {
                "To": ANN,
                "From": OURS,
                "Body": "紧急A12 #1",
                "ValidityPeriod": "300",
                "StatusCallback": "https://c.example/twilio/status",
            }
        ]
        await sms.close()


@pytest.mark.parametrize(
    ("asked", "sent"), [(-5, "1"), (0, "1"), (1, "1"), (36_000, "36000"), (99_999, "36000")]
)
async def test_the_validity_keeps_to_twilios_bounds(asked: int, sent: str) -> None:
    async with FakeTwilio(SID, TOKEN, OURS, Hand().now_ms) as fake:
        await channel(fake.app).send(ANN, "x", asked)
        assert fake.posts[0]["ValidityPeriod"] == sent
        assert "StatusCallback" not in fake.posts[0]


@pytest.mark.parametrize(
    ("to", "code"),
    [
        ("+15005550001", 21211),
        ("+15005550002", 21612),
        ("+15005550003", 21408),
        ("+15005550004", 21610),
        ("+15005550009", 21614),
        ("+0123", 21211),
    ],
)
async def test_a_number_that_never_works_is_a_permanent_error(to: str, code: int) -> None:
    async with FakeTwilio(SID, TOKEN, OURS, Hand().now_ms) as fake:
        with pytest.raises(ChannelError) as told:
            await channel(fake.app).send(to, "x", 60)
    assert told.value.permanent
    assert told.value.reason == f"twilio {code}: {PERMANENT[code]}"
    assert to not in told.value.reason


@pytest.mark.parametrize(
    ("status", "code", "permanent"),
    [
        (400, 21212, True),
        (400, 21606, True),
        (400, 21608, True),
        (403, 21408, True),
        (400, 21999, True),  # another "this request is wrong"
        (400, 21611, False),  # our queue is full
        (429, 21611, False),
        (429, 20429, False),
        (401, 20003, False),  # our credentials: a fault of the channel, not of the person
        (403, 20003, False),
        (404, 20404, False),
        (500, 20500, False),
        (503, 20503, False),
        (400, 30001, False),
    ],
)
async def test_twilios_codes_say_whether_trying_again_can_help(
    status: int, code: int, permanent: bool
) -> None:
    async with FakeTwilio(SID, TOKEN, OURS, Hand().now_ms) as fake:
        fake.fail_next(1, status, code)
        with pytest.raises(ChannelError) as told:
            await channel(fake.app).send(ANN, "x", 60)
        assert told.value.permanent is permanent
        assert told.value.maybe_taken is (status >= 500)
        assert len(fake.posts) == 1, "the SDK must not try again by itself"
        assert str(code) in told.value.reason


@pytest.mark.parametrize("status", [200, 201, 302, 400, 401, 403, 404, 407, 418, 429, 500, 502])
@pytest.mark.parametrize("body", [b"<html>log in</html>", b"", b"[]", b'"x"', b"null", b"{}", b"\xff\xfe"])
async def test_what_is_not_twilio_is_not_permanent(status: int, body: bytes) -> None:
    sms = channel(says(status, body))
    for call in (sms.send(ANN, "x", 60), sms.sent_since(ANN, 0), sms.received_since(0)):
        with pytest.raises(ChannelError) as told:
            await call
        assert not told.value.permanent


async def test_wrong_credentials_are_no_fault_of_the_responder() -> None:
    async with FakeTwilio(SID, TOKEN, OURS, Hand().now_ms) as fake:
        sms = channel(fake.app, token="wrong")
        for call in (sms.send(ANN, "x", 60), sms.sent_since(ANN, 0), sms.received_since(0)):
            with pytest.raises(ChannelError, match="401") as told:
                await call
            assert not told.value.permanent
        assert fake.texts == []


class Broken(httpx.AsyncBaseTransport):
    """No way through."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        _ = request
        raise self.error


@pytest.mark.parametrize(
    ("error", "maybe_taken"),
    [
        (httpx.ConnectError("no route to +4915112345678"), False),
        (httpx.ConnectError("certificate verify failed"), False),
        (httpx.ConnectTimeout("slow"), False),
        (httpx.ReadTimeout("slow"), True),
        (httpx.RemoteProtocolError("cut"), True),
        (OSError("no network"), True),
    ],
)
async def test_no_way_to_twilio_is_not_permanent(error: Exception, maybe_taken: bool) -> None:
    sms = TwilioSms(SID, TOKEN, OURS, transport=Broken(error))
    with pytest.raises(ChannelError, match="unreachable") as told:
        await sms.send(ANN, "x", 60)
    assert not told.value.permanent
    assert told.value.maybe_taken is maybe_taken
    assert ANN not in told.value.reason


@pytest.mark.looptime
async def test_a_hung_server_costs_the_timeout_and_no_more() -> None:
    async with FakeTwilio(SID, TOKEN, OURS, Hand().now_ms) as fake:
        fake.knobs.answer_s = 300
        began = asyncio.get_running_loop().time()
        with pytest.raises(ChannelError, match="no answer within 10 s") as told:
            await channel(fake.app).send(ANN, "x", 60)
        assert not told.value.permanent
        assert told.value.maybe_taken
        assert asyncio.get_running_loop().time() - began == pytest.approx(10, abs=0.1)
        assert len(fake.texts) == 1, "the text may have gone out all the same"


async def test_lists_tell_what_was_sent_and_what_came_in() -> None:
    hand = Hand()
    async with FakeTwilio(SID, TOKEN, OURS, hand.now_ms) as fake:
        fake.knobs.hold = True  # queued texts have no date of sending, and are listed all the same
        sms = channel(fake.app)
        old = await sms.send(ANN, "old", 60)
        hand.ms += 60_000
        since = hand.ms
        first = await sms.send(ANN, "first", 60)
        await sms.send(BOB, "not for Ann", 60)
        answer = await fake.phone_sends(ANN, "A12 1")
        hand.ms += 1_500
        second = await sms.send(ANN, "second", 60)

        listed = await sms.sent_since(ANN, since)
        assert [(t.sid, t.phone, t.body) for t in listed] == [(first, ANN, "first"), (second, ANN, "second")]
        assert [t.t_ms for t in listed] == [since, since + 1_000]  # Twilio's times are whole seconds
        assert {t.status for t in listed} == {"queued"}
        assert old not in {t.sid for t in listed}
        assert [(t.sid, t.phone, t.body, t.status) for t in await sms.received_since(since)] == [
            (answer, ANN, "A12 1", "received")
        ]
        assert await sms.received_since(since + 60_000) == []


async def test_a_long_list_is_read_over_its_pages() -> None:
    hand = Hand()
    async with FakeTwilio(SID, TOKEN, OURS, hand.now_ms) as fake:
        for n in range(130):
            await fake.phone_sends(ANN, str(n))
            hand.ms += 1_000 * (n % 2)  # two in each second
        sms = channel(fake.app)
        assert [t.body for t in await sms.received_since(START_MS)] == [str(n) for n in range(130)]
        assert [t.body for t in await sms.received_since(START_MS + 20_000)] == [
            str(n) for n in range(40, 130)
        ]


async def test_a_list_that_never_ends_is_left() -> None:
    asked = 0
    text = {
        "sid": "SM1",
        "direction": "inbound",
        "from": ANN,
        "to": OURS,
        "body": "1",
        "status": "received",
        "date_created": "Mon, 24 Nov 2025 00:00:00 +0000",
    }
    page = says(200, {"messages": [text], "next_page_uri": "/2010-04-01/again.json", "page": 0})

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal asked
        asked += 1
        await page(scope, receive, send)

    assert len(await channel(app).received_since(0)) <= 50
    assert asked <= 50


async def test_over_a_real_socket_and_another_base_address() -> None:
    async with FakeTwilio(SID, TOKEN, OURS, Hand().now_ms) as fake, fake.serve() as base:
        sms = TwilioSms(SID, TOKEN, OURS, base_url=base, timeout_s=5.0)
        sid = await sms.send(ANN, "紧急A12 #1", 60)
        assert [t.sid for t in await sms.sent_since(ANN, START_MS)] == [sid]
        await sms.close()


async def test_nothing_about_a_text_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with FakeTwilio(SID, TOKEN, OURS, Hand().now_ms) as fake:
        sms = channel(fake.app)
        await sms.send(ANN, "A12-body", 60)
        await sms.sent_since(ANN, 0)
        await sms.received_since(0)
    for secret in (ANN[1:], OURS[1:], "A12-body", TOKEN):
        assert secret not in caplog.text


async def test_the_environment_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_EDGE", "sydney")
    monkeypatch.setenv("TWILIO_REGION", "au1")
    hosts: list[str] = []

    class Seen(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            hosts.append(request.url.host)
            return httpx.Response(500, json={})

    with pytest.raises(ChannelError):
        await TwilioSms(SID, TOKEN, OURS, transport=Seen()).send(ANN, "x", 1)
    assert hosts == ["api.twilio.com"]


async def test_it_knows_where_answers_cannot_come_back() -> None:
    sms = channel(says(200, {}))
    assert sms.abilities.two_way
    assert "+86" in sms.abilities.not_two_way
    assert not sms.abilities.receipts
    assert not sms.abilities.needs_inbound


URL = "https://centre.example/hooks/twilio/sms"
FIELDS = {"MessageSid": "SM1", "Body": "Ａ１２　1", "From": ANN, "AccountSid": SID, "Empty": ""}


def signed(token: str = TOKEN) -> str:
    return FakeTwilio(SID, token, OURS, lambda: 0).sign(URL, FIELDS)


def signed_sha256() -> str:
    words = URL + "".join(name + FIELDS[name] for name in sorted(FIELDS))
    return base64.b64encode(hmac.new(TOKEN.encode(), words.encode(), hashlib.sha256).digest()).decode()


@pytest.mark.parametrize(
    ("change", "ok"),
    [
        (lambda a: a, True),
        (lambda a: a | {"tokens": ["new-token", TOKEN]}, True),  # while the token is being changed
        (lambda a: a | {"tokens": ["new-token"]}, False),
        (lambda a: a | {"tokens": []}, False),
        (lambda a: a | {"tokens": [""], "header": signed("")}, False),
        (lambda a: a | {"header": None}, False),
        (lambda a: a | {"header": ""}, False),
        (lambda a: a | {"header": "ü" * 28}, False),
        (lambda a: a | {"header": signed()[:-2] + "A="}, False),
        (lambda a: a | {"url": "http://centre.example/hooks/twilio/sms"}, False),
        (lambda a: a | {"url": "https://centre.example/twilio/sms"}, False),
        (lambda a: a | {"params": FIELDS | {"Body": "A12 2"}}, False),
        (lambda a: a | {"params": FIELDS | {"Extra": "1"}}, False),
        (lambda a: a | {"settings": "key=k,algorithm=HMAC_SHA256"}, False),  # signed with the other one
        (lambda a: a | {"settings": "key=k,algorithm=NONE"}, False),
        (lambda a: a | {"settings": "key=k,algorithm=HMAC_SHA256", "header": signed_sha256()}, True),
        (lambda a: a | {"header": signed_sha256()}, False),
        (lambda a: a | {"settings": "key=k"}, True),
    ],
)
def test_signatures(change: Callable[[dict[str, object]], dict[str, object]], ok: bool) -> None:
    a = change({"tokens": [TOKEN], "url": URL, "params": FIELDS, "header": signed(), "settings": None})
    assert signature_ok(a["tokens"], a["url"], a["params"], a["header"], a["settings"]) is ok  # type: ignore[arg-type]  # table
