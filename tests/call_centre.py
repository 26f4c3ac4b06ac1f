"""A centre that calls: Guardian's channel, the fake provider's phones, the webhooks, the ledger."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar
from urllib.parse import urlencode

import httpx

from alerting import ledger as ledger_of
from alerting import spoken
from alerting.channels.twilio_voice import TwilioVoice
from alerting.concern import Concern, Kind, Severity
from alerting.duty import Language
from alerting.incident import Incident
from alerting.ledger import Ledger, LedgerError, Message, RosterRows, Tx
from guardian.clock import LiveClock
from guardian.web.hooks import hooks_app
from simulator.providers import FakeTwilio
from simulator.responders import Behaviour, Phones, never_answers
from tests.alerting_people import duty, shipped_policy

SID = "AC" + "0" * 31 + "1"
TOKEN = "secret-token"
OURS = "+14155550100"
PHONES = {"ann": "+4915100000001", "bob": "+4915100000002"}
LANGUAGES: Mapping[str, Language] = {"ann": "zh", "bob": "en"}
PUBLIC = "https://centre.example/hooks"
START_MS = 1_763_942_400_000  # midnight UTC, 08:00 in Shanghai
POLICY = shipped_policy()
T = TypeVar("T")


class LoopClock(LiveClock):
    """The loop's time, which a test lets fly."""

    def now_ms(self) -> int:
        return START_MS + round(asyncio.get_running_loop().time() * 1000)


class SometimesFull:
    """A ledger whose disk can be full."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.full = False

    async def transact(self, work: Callable[[Tx], T]) -> T:
        if self.full:
            raise LedgerError("no space left on device", permanent=False)
        return await self.ledger.transact(work)


class Centre:
    """Everything that a call goes through."""

    def __init__(self, ledger: Ledger, clock: LiveClock) -> None:
        self.ledger = ledger
        self.disk = SometimesFull(ledger)
        self.clock = clock
        self.woken = 0
        self.app = hooks_app(
            self.disk,
            account_sid=SID,
            tokens=[TOKEN],
            public_url=PUBLIC,
            on_change=self.wake,
            clock=clock,
            duty=duty,
            policy=POLICY,
        )
        self.fake: FakeTwilio
        self.phones: Phones
        self.voice: TwilioVoice

    def wake(self) -> None:
        self.woken += 1

    async def opens(self, home: str) -> int:
        now_ms = self.clock.now_ms()

        def work(tx: Tx) -> int:
            opened = ledger_of.open_new(
                tx,
                Concern(home, Kind.FALL_CONFIRMED, now_ms, now_ms, 0.9),
                severity=Severity.HIGH,
                deadline_ms=now_ms + 600_000,
                late=False,
                now_ms=now_ms,
            )
            return opened.id

        return await self.ledger.transact(work)

    async def calls(self, person: str, incident: int, *, recorded: bool = True) -> str:
        """Call somebody about an incident as the courier does; gives the call's sid."""
        now_ms = self.clock.now_ms()

        def work(tx: Tx) -> tuple[int, str]:
            page = Message(
                responder=person,
                purpose="page",
                template="high",
                incident=incident,
                due_ms=now_ms,
                valid_until_ms=now_ms + 600_000,
                created_ms=now_ms,
            )
            number = ledger_of.enqueue(tx, page)
            code = ledger_of.code_for(tx, incident, person, now_ms)
            words = spoken.words(
                "page", "high", language=LANGUAGES[person], code=code, number=number, deadline="08:10"
            )
            ledger_of.lease(tx, number, now_ms, now_ms + 30_000, channel="twilio-voice", body=words)
            return number, words

        number, words = await self.ledger.transact(work)
        sid = await self.voice.send(PHONES[person], words, 600)
        if recorded:
            await self.ledger.transact(lambda tx: ledger_of.record_sent(tx, number, sid, now_ms))
        return sid

    async def shows(self, incident: int) -> Incident:
        return await self.ledger.transact(lambda tx: ledger_of.incident(tx, incident))

    async def receipt(self, sid: str) -> str | None:
        found = await self.ledger.transact(lambda tx: ledger_of.message_of_sid(tx, sid))
        return None if found is None else found.receipt

    async def outbox(self) -> list[str]:
        """Give the purposes of everything that is waiting to be sent."""
        due = await self.ledger.transact(lambda tx: ledger_of.due_messages(tx, START_MS + 10**9))
        return [m.purpose for m in due]

    async def post(
        self, path: str, fields: Mapping[str, str], *, signed_path: str | None = None
    ) -> httpx.Response:
        """POST as Twilio does, signed."""
        signature = self.fake.sign(PUBLIC + (path if signed_path is None else signed_path), fields)
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Twilio-Signature": signature,
        }
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.app), base_url="http://127.0.0.1:8443"
        ) as http:
            return await http.post(path, content=urlencode(fields).encode(), headers=headers)


class Behind(httpx.AsyncBaseTransport):
    """The proxy in front of the webhooks: takes /hooks off."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert request.url.path.startswith("/hooks")
        path = request.url.raw_path.removeprefix(b"/hooks")
        request.url = request.url.copy_with(raw_path=path, scheme="http", host="127.0.0.1")
        return await self.inner.handle_async_request(request)


def _figures(language: Language) -> Mapping[str, object]:
    return {
        "active": True,
        "language": language,
        "reply_odds": 0.3,
        "reply_p90_s": 60.0,
        "turnout_p90_s": 60.0,
    }


@asynccontextmanager
async def centre(**people: Behaviour) -> AsyncIterator[Centre]:
    ledger = await Ledger.open(None, inline=True, integrity=False)
    rows = RosterRows(
        people=tuple({"id": p, "name": p, "phone": n, "address": None} for p, n in PHONES.items()),
        sites=({"id": "s", "timezone": "Asia/Shanghai", "default_travel_s": 60.0},),
        homes=(),
        rooms=(),
        zones=(),
        sensors=(),
        responders=tuple({"id": p, **_figures(language)} for p, language in LANGUAGES.items()),
        shifts=(),
        travels=(),
    )
    await ledger.transact(lambda tx: ledger_of.save_roster(tx, rows, "test", "0", START_MS))
    place = Centre(ledger, LoopClock(START_MS))
    async with (
        httpx.AsyncClient(transport=Behind(httpx.ASGITransport(app=place.app))) as callbacks,
        FakeTwilio(
            SID,
            TOKEN,
            OURS,
            place.clock.now_ms,
            callbacks=callbacks,
            voice_webhook=f"{PUBLIC}/twilio/voice",
        ) as fake,
    ):
        place.fake = fake
        place.phones = Phones(fake, {n: people.get(p, never_answers()) for p, n in PHONES.items()})
        place.voice = TwilioVoice(
            SID, TOKEN, OURS, public_url=PUBLIC, transport=httpx.ASGITransport(app=fake.app)
        )
        yield place
        assert set(fake.webhook_answers) <= {200}, "every webhook of the fake provider is taken"
    await ledger.close()
