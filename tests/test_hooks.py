from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlencode

import httpx
import pytest
from starlette.requests import Request

from alerting import ledger as ledger_of
from alerting.concern import Concern, Kind, Severity
from alerting.ledger import Ledger, LedgerError, Message, RosterRows, Tx
from guardian.clock import LiveClock
from guardian.web.hooks import hooks_app
from guardian.web.signed import MOST_BYTES, MOST_FIELDS, read_body
from simulator.providers import FakeTwilio
from tests.alerting_people import duty, shipped_policy

SID = "AC" + "0" * 31 + "1"
TOKEN, NEXT_TOKEN = "secret-token", "next-token"
OURS = "+14155550100"
ANN = "+4915100000001"
PUBLIC = "https://centre.example/hooks"
START_MS = 1_763_942_400_000
POLICY = shipped_policy()
T = TypeVar("T")


class Full:
    """A ledger on a full disk."""

    async def transact(self, work: Callable[[Tx], T]) -> T:
        _ = work
        raise LedgerError("no space left on device", permanent=False)


@dataclass
class Site:
    """The application, with Ann asked to go to one home."""

    ledger: Ledger
    incident: int
    message: int
    code: str
    woken: list[bool] = field(default_factory=list)
    public_url: str = PUBLIC
    full: bool = False

    async def post(
        self,
        path: str,
        fields: Mapping[str, str],
        *,
        token: str = TOKEN,
        signed_url: str | None = None,
        signed_fields: Mapping[str, str] | None = None,
        header: bool = True,
        body: bytes | None = None,
    ) -> httpx.Response:
        """POST as Twilio does, seen behind a proxy under another name and scheme."""
        app = hooks_app(
            Full() if self.full else self.ledger,
            account_sid=SID,
            tokens=[TOKEN, NEXT_TOKEN],
            public_url=self.public_url,
            on_change=lambda: self.woken.append(True),
            clock=LiveClock(START_MS),
            duty=duty,
            policy=POLICY,
        )
        signature = FakeTwilio(SID, token, OURS, lambda: 0).sign(
            PUBLIC + path if signed_url is None else signed_url,
            fields if signed_fields is None else signed_fields,
        )
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1:8443"
        ) as http:
            headers = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}
            if header:
                headers["X-Twilio-Signature"] = signature
            return await http.post(path, content=body or urlencode(fields).encode(), headers=headers)

    async def everything(self) -> object:
        def work(tx: Tx) -> object:
            shown = ledger_of.recent_incidents(tx, 10)
            due = ledger_of.due_messages(tx, START_MS + 10**9)
            return shown, ledger_of.moves(tx, self.incident), due, ledger_of.message(tx, self.message)

        return await self.ledger.transact(work)

    async def acceptor(self) -> str | None:
        return (await self.ledger.transact(lambda tx: ledger_of.incident(tx, self.incident))).acceptor

    async def receipt(self) -> str | None:
        return (await self.ledger.transact(lambda tx: ledger_of.message(tx, self.message))).receipt


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    ledger = await Ledger.open(None, inline=True, integrity=False)

    def furnish(tx: Tx) -> tuple[int, int, str]:
        figures = {"language": "zh", "reply_odds": 0.3, "reply_p90_s": 60.0, "turnout_p90_s": 60.0}
        ledger_of.save_roster(
            tx,
            RosterRows(
                people=({"id": "ann", "name": "Ann", "phone": ANN, "address": None},),
                sites=(),
                homes=(),
                rooms=(),
                zones=(),
                sensors=(),
                responders=({"id": "ann", "active": True, **figures},),
                shifts=(),
                travels=(),
            ),
            "test",
            "0",
            START_MS,
        )
        opened = ledger_of.open_new(
            tx,
            Concern("h1", Kind.SOS, START_MS, START_MS, 1.0),
            severity=Severity.HIGH,
            deadline_ms=START_MS + 600_000,
            late=False,
            now_ms=START_MS,
        )
        number = ledger_of.enqueue(
            tx,
            Message(
                responder="ann",
                purpose="page",
                template="high",
                incident=opened.id,
                due_ms=START_MS,
                valid_until_ms=START_MS + 600_000,
                created_ms=START_MS,
            ),
        )
        ledger_of.record_sent(tx, number, "SM-page", START_MS)
        return opened.id, number, ledger_of.code_for(tx, opened.id, "ann", START_MS)

    yield Site(ledger, *await ledger.transact(furnish))
    await ledger.close()


def says(body: str, sid: str = "SM-1", **more: str) -> dict[str, str]:
    return {
        "MessageSid": sid,
        "AccountSid": SID,
        "From": ANN,
        "To": OURS,
        "Body": body,
        "NumMedia": "0",
    } | more


def fate(status: str) -> dict[str, str]:
    return {"MessageSid": "SM-page", "AccountSid": SID, "MessageStatus": status, "To": ANN, "From": OURS}


async def test_a_signed_answer_is_committed_then_answered(site: Site) -> None:
    answer = await site.post("/twilio/sms", says(f"{site.code}　1　8。"))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/xml; charset=utf-8")
    assert answer.text == '<?xml version="1.0" encoding="UTF-8"?><Response/>'
    assert await site.acceptor() == "ann"
    assert site.woken == [True]


async def test_the_next_token_holds_as_well(site: Site) -> None:
    assert (await site.post("/twilio/sms", says("1"), token=NEXT_TOKEN)).status_code == 200
    assert await site.acceptor() == "ann"


async def test_a_slash_at_the_end_of_the_public_address_is_forgiven(site: Site) -> None:
    site.public_url = PUBLIC + "/"
    assert (await site.post("/twilio/sms", says("1"))).status_code == 200


async def test_a_replayed_webhook_is_answered_and_changes_nothing(site: Site) -> None:
    await site.post("/twilio/sms", says("1"))
    before = await site.everything()
    assert (await site.post("/twilio/sms", says("1"))).status_code == 200
    assert (await site.post("/twilio/sms", says("3"))).status_code == 200  # same sid, other words
    assert await site.everything() == before
    assert site.woken == [True]


FORGED: dict[str, dict[str, Any]] = {
    "no signature": {"header": False},
    "another secret": {"token": "guessed"},
    "an empty secret": {"token": ""},
    "the address as seen behind the proxy": {"signed_url": "http://127.0.0.1:8443/twilio/sms"},
    "another scheme": {"signed_url": "http://centre.example/hooks/twilio/sms"},
    "the other webhook's address": {"signed_url": PUBLIC + "/twilio/status"},
    "other words": {"signed_fields": says("3")},
    "one field more": {"signed_fields": says("1", Extra="1")},
    "another account": {"fields": says("1", AccountSid="AC" + "9" * 32)},
    "no account": {"fields": {k: v for k, v in says("1").items() if k != "AccountSid"}},
    "no id": {"fields": says("1", sid="")},
    "nothing": {"fields": {}},
    "a field twice": {"body": urlencode([*says("1").items(), ("From", "+1")]).encode()},
    "not a form": {"body": b'{"From": "x"}'},
    "not text": {"body": b"\xff\xfe=1"},
    "broken escapes": {"body": b"Body=%ff%fe&From=1"},
    "very many fields": {"body": urlencode([(f"k{n}", "") for n in range(MOST_FIELDS + 1)]).encode()},
}


@pytest.mark.parametrize(
    ("path", "how"),
    [("/twilio/sms", how) for how in FORGED]
    + [("/twilio/status", how) for how in FORGED if how != "the other webhook's address"],
)
async def test_a_forged_webhook_is_refused_and_changes_nothing(site: Site, path: str, how: str) -> None:
    before = await site.everything()
    fields = says("1", MessageStatus="delivered")
    answer = await site.post(path, **({"fields": fields} | FORGED[how]))
    assert (answer.status_code, answer.text) == (403, "forbidden")
    assert await site.everything() == before
    assert site.woken == []


async def test_an_address_that_is_not_ascii_is_refused(site: Site) -> None:
    """No library on the way takes it apart, so that it could fail there."""
    app = hooks_app(
        site.ledger,
        account_sid=SID,
        tokens=[TOKEN],
        public_url=PUBLIC,
        on_change=lambda: None,
        clock=LiveClock(START_MS),
        duty=duty,
        policy=POLICY,
    )

    for path, status in (("/twilio/sms", 403), ("/twilio/sms/", 404)):
        scope = {"type": "http", "method": "POST", "path": path, "query_string": b"\xff", "headers": []}
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"From=1", "more_body": False}

        async def send(message: Any, sent: list[Any] = sent) -> None:
            sent.append(message)

        await app({**scope, "root_path": "", "server": None}, receive, send)
        assert sent[0]["status"] == status


@pytest.mark.parametrize("length", ["9" * 5000, "٩" * 10])
async def test_a_length_that_is_no_number_of_bytes_is_no_accident(site: Site, length: str) -> None:
    async def stream() -> AsyncIterator[dict[str, Any]]:
        yield {"type": "http.request", "body": b"From=1", "more_body": False}

    scope = {"type": "http", "headers": [(b"content-length", length.encode())]}
    body = await read_body(Request(scope, stream().__anext__), MOST_BYTES)
    assert body == (None if length.isascii() else b"From=1")


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_that_is_too_large_is_not_read(site: Site, chunked: bool) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 1
            yield b"x" * 1024

    app = hooks_app(
        site.ledger,
        account_sid=SID,
        tokens=[TOKEN],
        public_url=PUBLIC,
        on_change=lambda: None,
        clock=LiveClock(START_MS),
        duty=duty,
        policy=POLICY,
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://x") as http:
        body = endless() if chunked else b"x" * (MOST_BYTES + 1)
        assert (await http.post("/twilio/sms", content=body)).status_code == 413
    assert sent <= MOST_BYTES // 1024 + 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/twilio/sms", "/twilio/status", "/twilio/voice", "/twilio/call-status"])
async def test_only_post_is_taken(site: Site, method: str, path: str) -> None:
    app = hooks_app(
        site.ledger,
        account_sid=SID,
        tokens=[TOKEN],
        public_url=PUBLIC,
        on_change=lambda: None,
        clock=LiveClock(START_MS),
        duty=duty,
        policy=POLICY,
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://x") as http:
        assert (await http.request(method, path)).status_code == 405
        assert (await http.request(method, "/")).status_code == 404
        assert (await http.request(method, "/twilio/fax")).status_code == 404


async def test_the_fate_of_a_text_moves_forward_only(site: Site) -> None:
    for told, shown in [
        ("sent", "sent"),
        ("delivered", "delivered"),
        ("sent", "delivered"),
        ("?", "delivered"),
    ]:
        assert (await site.post("/twilio/status", fate(told))).status_code == 200
        assert await site.receipt() == shown
    assert site.woken == [True, True]
    assert await site.acceptor() is None, "a receipt is nobody's word"


async def test_the_fate_of_an_unknown_text_changes_nothing(site: Site) -> None:
    before = await site.everything()
    assert (await site.post("/twilio/status", fate("delivered") | {"MessageSid": "SM-x"})).status_code == 200
    assert await site.everything() == before


async def test_an_unknown_number_is_answered_and_gets_nothing(site: Site) -> None:
    before = await site.everything()
    assert (await site.post("/twilio/sms", says("1", From="+4999"))).status_code == 200
    assert await site.everything() == before
    assert site.woken == []


@pytest.mark.parametrize("path", ["/twilio/sms", "/twilio/status"])
async def test_when_the_ledger_cannot_write_twilio_is_asked_to_come_again(site: Site, path: str) -> None:
    site.full = True
    assert (await site.post(path, says("1"))).status_code == 503
    assert site.woken == []
