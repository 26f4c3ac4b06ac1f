"""The fake provider's calls: the Calls resource, phones that ring, and what is said and pressed."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.providers.account import Account
from simulator.providers.errors import error, wrong_with_call
from simulator.providers.listing import page_of, rfc2822
from simulator.providers.speech import APPLICATION_ERROR, Ear, play

_EVENT_OF = {"initiated": "initiated", "ringing": "ringing", "in-progress": "answered"}
"""Status → the event that must be asked for to be told of it; every other status is "completed"."""
_SUBRESOURCES = (
    "notifications",
    "recordings",
    "payments",
    "events",
    "siprec",
    "streams",
    "transcriptions",
    "user_defined_message_subscriptions",
    "user_defined_messages",
)


class Answer(StrEnum):
    """What a ringing phone does."""

    LIFTED = "lifted"
    VOICEMAIL = "voicemail"
    """A machine listens and presses nothing."""
    BUSY = "busy"
    FAILED = "failed"
    """The network does not get through."""


@dataclass(slots=True)
class Call:
    """One call as the provider keeps it."""

    sid: str
    direction: str
    caller: str
    to: str
    created_ms: int
    twiml: str | None = None
    url: str | None = None
    callback: str | None = None
    events: tuple[str, ...] = ("completed",)
    ring_s: float = 60.0
    longest_s: float = 14_400.0
    status: str = "queued"
    """As the resource shows it: there is no "initiated" there."""
    answer: Answer | None = None
    """None: nobody lifted."""
    started_ms: int | None = None
    ended_ms: int | None = None
    updated_ms: int = 0
    told: int = 0
    ear: Ear = field(default_factory=Ear)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be said."""
        return self.status not in {"queued", "ringing", "in-progress"}


class Calls:
    """All calls of the account, in both directions."""

    def __init__(self, account: Account) -> None:
        """Begin without any."""
        self.kept: list[Call] = []
        self.on_ringing: Callable[[Call], Awaitable[Answer]] | None = None
        """Waits as long as the phone is let ring, then says what it does."""
        self._account = account

    def routes(self, root: str) -> list[Route]:
        """Build the resource's routes below `root`, the account's address."""
        return [
            Route(f"{root}/Calls.json", self._post, methods=["POST"]),
            Route(f"{root}/Calls.json", self._list, methods=["GET"]),
            Route(f"{root}/Calls/{{sid}}.json", self._get, methods=["GET"]),
        ]

    def comes_in(self, number: str, webhook: str | None) -> Call:
        """Take a call that a person makes to our number: what the webhook says is read out."""
        account = self._account
        call = Call(self._sid(), "inbound", number, account.number, account.now_ms(), url=webhook)
        call.status, call.answer = "ringing", Answer.LIFTED
        self.kept.append(call)
        account.start(self._talk(call), f"call-{call.sid[-4:]}")
        return call

    # --- what Guardian asks -----------------------------------------------------------------------

    async def _post(self, request: Request) -> Response:
        return await self._account.post(
            request, lambda form: wrong_with_call(form, self._account.number), self._take
        )

    async def _list(self, request: Request) -> Response:
        refused = self._account.unauthorised(request)
        if refused is not None:
            return error(*refused, {})
        knobs = self._account.knobs
        if knobs.answer_s:
            await self._account.wait(knobs.answer_s)
        youngest = self._account.now_ms() - int(knobs.list_lag_s * 1000)
        asked = request.query_params
        found = [
            c
            for c in reversed(self.kept)
            if c.created_ms <= youngest
            and asked.get("To", c.to) == c.to
            and asked.get("From", c.caller) == c.caller
            and asked.get("Status", c.status) == c.status
        ]
        return page_of(request, "calls", found, self._shape)

    async def _get(self, request: Request) -> Response:
        refused = self._account.unauthorised(request)
        if refused is not None:
            return error(*refused, {})
        found = [c for c in self.kept if c.sid == request.path_params["sid"]]
        return JSONResponse(self._shape(found[0])) if found else error(404, 20404, {})

    # --- the fate of a call -----------------------------------------------------------------------

    def _take(self, form: FormData) -> dict[str, object]:
        def given(name: str) -> str | None:
            value = form.get(name)
            return None if value is None else str(value)

        call = Call(
            sid=self._sid(),
            direction="outbound-api",
            caller=str(form["From"]),
            to=str(form["To"]),
            created_ms=self._account.now_ms(),
            twiml=None if "Url" in form else given("Twiml"),
            url=given("Url"),
            callback=given("StatusCallback"),
            events=tuple(str(e) for e in form.getlist("StatusCallbackEvent")) or ("completed",),
            ring_s=float(given("Timeout") or 60),
            longest_s=float(given("TimeLimit") or 14_400),
        )
        call.updated_ms = call.created_ms
        self.kept.append(call)
        self._account.start(self._dial(call), f"call-{call.sid[-4:]}")
        return self._shape(call)

    async def _dial(self, call: Call) -> None:
        await self._tell(call, "initiated")
        await self._account.wait(self._account.knobs.dialled_s)
        await self._becomes(call, "ringing")
        call.answer = await self._rings(call)
        match call.answer:
            case None:
                await self._becomes(call, "no-answer")
            case Answer.BUSY | Answer.FAILED as answer:
                await self._becomes(call, answer.value)
            case _:
                await self._talk(call)

    async def _rings(self, call: Call) -> Answer | None:
        """Ring until the phone does something, or as long as it may."""
        if self.on_ringing is None:
            await self._account.wait(call.ring_s)
            return None

        async def asks(phone: Callable[[Call], Awaitable[Answer]]) -> Answer:
            return await phone(call)

        answer = asyncio.ensure_future(asks(self.on_ringing))
        await self._first_of(answer, self._account.wait(call.ring_s))
        return answer.result() if answer.done() and not answer.cancelled() else None

    async def _talk(self, call: Call) -> None:
        call.started_ms = self._account.now_ms()
        await self._becomes(call, "in-progress")

        async def asks(url: str, digits: str) -> str | None:
            return await self._asks(call, url, digits)

        async def speaks() -> None:
            said = call.twiml if call.url is None else await asks(call.url, "")
            await play(said, call.ear, self._account.wait, asks)

        speech = asyncio.ensure_future(speaks())
        await self._first_of(speech, call.ear.over.wait(), self._account.wait(call.longest_s))
        if speech.done() and not speech.cancelled():
            speech.result()
        call.ended_ms = self._account.now_ms()
        call.ear.over.set()
        await self._becomes(call, "completed")

    async def _first_of(self, *waits: Awaitable[Any]) -> None:
        """Wait for the first of these and drop the others."""
        tasks = [asyncio.ensure_future(w) for w in waits]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _asks(self, call: Call, url: str, digits: str) -> str | None:
        """Fetch what is said next; None, after the words for it, when the webhook gives nothing."""
        fields = self._fields(call, "in-progress")
        if digits:
            fields |= {"Digits": digits, "msg": "Gather End"}
        answer = await self._account.webhook(url, fields)
        if self._account.knobs.repeat_keys:
            answer = await self._account.webhook(url, fields)
        if answer is None or answer.status_code != 200:
            await self._account.wait(await call.ear.hear(APPLICATION_ERROR))
            return None
        return answer.text

    async def _becomes(self, call: Call, status: str) -> None:
        call.status = status
        call.updated_ms = self._account.now_ms()
        async with call.ear.news:
            call.ear.news.notify_all()
        await self._tell(call, status)

    async def _tell(self, call: Call, status: str) -> None:
        event = _EVENT_OF.get(status, "completed")
        if event not in call.events:
            return
        fields = self._fields(call, status) | {
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(call.told),
            "Timestamp": rfc2822(self._account.now_ms()) or "",
        }
        if event == "completed":
            fields["CallDuration"] = _duration(call) or "0"
        call.told += 1
        await self._account.report(call.sid, call.callback, fields, last=event == "completed")

    def _fields(self, call: Call, status: str) -> dict[str, str]:
        return {
            "CallSid": call.sid,
            "AccountSid": self._account.account_sid,
            "From": call.caller,
            "To": call.to,
            "Caller": call.caller,
            "Called": call.to,
            "CallStatus": status,
            "Direction": call.direction,
            "ApiVersion": "2010-04-01",
        }

    def _sid(self) -> str:
        return f"CA{len(self.kept) + 1:032x}"

    def _shape(self, call: Call) -> dict[str, object]:
        uri = f"/2010-04-01/Accounts/{self._account.account_sid}/Calls/{call.sid}"
        return {
            "account_sid": self._account.account_sid,
            "answered_by": None,
            "api_version": "2010-04-01",
            "caller_name": None,
            "date_created": rfc2822(call.created_ms),
            "date_updated": rfc2822(call.updated_ms),
            "direction": call.direction,
            "duration": _duration(call),
            "end_time": rfc2822(call.ended_ms),
            "forwarded_from": None,
            "from": call.caller,
            "from_formatted": call.caller,
            "group_sid": None,
            "parent_call_sid": None,
            "phone_number_sid": f"PN{1:032x}",
            "price": None,
            "price_unit": "USD",
            "queue_time": "0",
            "sid": call.sid,
            "start_time": rfc2822(call.started_ms),
            "status": call.status,
            "subresource_uris": {
                name: f"{uri}/{name.title().replace('_', '')}.json" for name in _SUBRESOURCES
            },
            "to": call.to,
            "to_formatted": call.to,
            "trunk_sid": None,
            "uri": f"{uri}.json",
        }


def _duration(call: Call) -> str | None:
    if call.started_ms is None or call.ended_ms is None:
        return None
    return str((call.ended_ms - call.started_ms) // 1000)
