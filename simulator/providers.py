"""A fake Twilio: the 2010-04-01 Messages resource as far as Guardian uses it.

Takes what the real one takes (form, basic auth), gives the real one's JSON and error JSON, reports each
text's fate with signed callbacks, and turns what a phone sends into a listed message and a signed
webhook. On request it loses, delays, refuses, and lies. Signatures are computed here from Twilio's
description of them, not by the SDK, so that both sides are checked against each other.
"""

import asyncio
import base64
import hashlib
import hmac
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from alerting.wording import is_gsm7, segment_length, segment_limit
from guardian.web.serve import Tcp, serve
from simulator.twilio_errors import error, wrong_with

_OPT_OUT = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"})
_OPT_IN = frozenset({"START", "YES", "UNSTOP"})
_MOST_PER_PAGE = 1000


@dataclass(slots=True)
class Text:
    """One message as the provider keeps it."""

    sid: str
    direction: str
    sender: str
    to: str
    body: str
    created_ms: int
    status: str
    callback: str | None = None
    valid_s: int = 36_000
    sent_ms: int | None = None
    updated_ms: int = 0
    error_code: int | None = None


@dataclass(slots=True)
class Knobs:
    """What goes wrong, and how slow things are; seconds. May be turned at any time."""

    answer_s: float = 0.0
    """Before each HTTP answer; a text is taken before this wait."""
    sent_s: float = 0.2
    delivered_s: float = 0.8
    list_lag_s: float = 0.0
    """Younger texts do not stand in lists yet."""
    hold: bool = False
    """Texts stay queued until this is let go (and `FakeTwilio.release` called) or they expire."""
    lose_callbacks: bool = False
    lose_webhooks: bool = False
    """What phones send is listed but not told."""
    lose_texts: bool = False
    """Says "delivered", and no phone rings."""
    fail: list[tuple[int, int, bool]] = field(default_factory=list)
    """The next POSTs get (HTTP status, code, taken all the same)."""


class FakeTwilio:
    """One account with one number. Use as an async context manager: leaving it ends its tasks."""

    def __init__(
        self,
        account_sid: str,
        auth_token: str,
        number: str,
        now_ms: Callable[[], int],
        *,
        callbacks: httpx.AsyncClient | None = None,
        sms_webhook: str | None = None,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Set the account up; `callbacks` carries webhooks to `sms_webhook` and to each StatusCallback."""
        self.account_sid = account_sid
        self.auth_token = auth_token
        self.number = number
        self.now_ms = now_ms
        self.callbacks = callbacks
        self.sms_webhook = sms_webhook
        self.wait = wait
        self.knobs = Knobs()
        self.texts: list[Text] = []
        self.posts: list[dict[str, str]] = []
        """The form of every POST, refused ones too."""
        self.webhook_answers: list[int] = []
        """HTTP status that each callback got; 0 = nobody there."""
        self.on_delivered: Callable[[Text], None] | None = None
        self._opted_out: set[str] = set()
        self._released = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._group: asyncio.TaskGroup | None = None
        root = f"/2010-04-01/Accounts/{account_sid}/Messages"
        self.app = Starlette(
            routes=[
                Route(f"{root}.json", self._post, methods=["POST"]),
                Route(f"{root}.json", self._list, methods=["GET"]),
                Route(f"{root}/{{sid}}.json", self._get, methods=["GET"]),
                Route("/{rest:path}", self._nothing_here, methods=["GET", "POST", "DELETE"]),
            ]
        )

    async def __aenter__(self) -> Self:
        self._group = asyncio.TaskGroup()
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        if self._group is None:
            return
        if kind is not None and issubclass(kind, asyncio.CancelledError):
            await self._group.__aexit__(kind, error, trace)
        else:  # what the body raised stays what it is
            await self._group.__aexit__(None, None, None)

    def start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run something beside; an error in it ends the context."""
        if self._group is None:
            work.close()
            raise RuntimeError("enter the fake provider's context first")
        task = self._group.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def fail_next(self, times: int, status: int, code: int, *, taken: bool = False) -> None:
        """Refuse the next POSTs; with `taken` the text goes out all the same."""
        self.knobs.fail += [(status, code, taken)] * times

    def release(self) -> None:
        """Let held texts go."""
        self.knobs.hold = False
        self._released.set()
        self._released = asyncio.Event()

    def outbound(self) -> list[Text]:
        """Everything taken from Guardian so far, in order."""
        return [t for t in self.texts if t.direction != "inbound"]

    async def phone_sends(self, number: str, body: str) -> str:
        """Take a text that a person has sent to our number: list it, tell the webhook; give its sid."""
        now = self.now_ms()
        told = Text(self._sid(), "inbound", number, self.number, body, now, "received", sent_ms=now)
        told.updated_ms = now
        self.texts.append(told)
        word = body.strip().upper()
        if word in _OPT_OUT:
            self._opted_out.add(number)
        elif word in _OPT_IN:
            self._opted_out.discard(number)
        if not self.knobs.lose_webhooks:
            await self.tell_inbound(told.sid)
        return told.sid

    async def tell_inbound(self, sid: str) -> None:
        """POST the signed webhook of an inbound text, again if it has been told before."""
        text = next(t for t in self.texts if t.sid == sid)
        if self.sms_webhook is not None:
            await self._call(
                self.sms_webhook,
                {
                    "MessageSid": sid,
                    "SmsMessageSid": sid,
                    "SmsSid": sid,
                    "SmsStatus": "received",
                    "AccountSid": self.account_sid,
                    "From": text.sender,
                    "To": text.to,
                    "Body": text.body,
                    "NumMedia": "0",
                    "NumSegments": str(_segments(text.body)),
                    "ApiVersion": "2010-04-01",
                },
            )

    def sign(self, url: str, fields: Mapping[str, str]) -> str:
        """Compute X-Twilio-Signature: HMAC-SHA1 over the address and the sorted fields, base64."""
        signed = url + "".join(name + fields[name] for name in sorted(fields))
        return base64.b64encode(
            hmac.new(self.auth_token.encode(), signed.encode(), hashlib.sha1).digest()
        ).decode()

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[str]:
        """Run on a free loopback port; gives the base address."""
        async with serve(self.app, Tcp(0)) as listening:
            yield listening.url

    # --- what Guardian asks -----------------------------------------------------------------------

    async def _post(self, request: Request) -> Response:
        form = {k: str(v) for k, v in (await request.form()).items()}
        self.posts.append(form)
        status, code, taken = self.knobs.fail.pop(0) if self.knobs.fail else (0, 0, True)
        wrong = self._unauthorised(request) or wrong_with(form, self.number, self._opted_out)
        answer = None if wrong is None else error(*wrong, form)
        if answer is None and taken:
            answer = JSONResponse(self._shape(self._take(form)), 201)
        if status:
            answer = error(status, code, form)
        if self.knobs.answer_s:
            await self.wait(self.knobs.answer_s)
        return answer or error(500, 20500, form)

    async def _list(self, request: Request) -> Response:
        refused = self._unauthorised(request)
        if refused is not None:
            return error(*refused, {})
        if self.knobs.answer_s:
            await self.wait(self.knobs.answer_s)
        asked = request.query_params
        size = min(max(int(asked.get("PageSize", "50")), 1), _MOST_PER_PAGE)
        page = int(asked.get("Page", "0"))
        youngest = self.now_ms() - int(self.knobs.list_lag_s * 1000)
        found = [t for t in reversed(self.texts) if t.created_ms <= youngest and _asked_for(t, asked)]
        part = found[page * size : (page + 1) * size]

        def at(number: int) -> str:
            kept = [(k, v) for k, v in asked.multi_items() if k not in {"Page", "PageSize", "PageToken"}]
            return f"{request.url.path}?{urlencode([*kept, ('PageSize', size), ('Page', number)])}"

        return JSONResponse(
            {
                "end": page * size + max(len(part) - 1, 0),
                "first_page_uri": at(0),
                "next_page_uri": (
                    f"{at(page + 1)}&PageToken=PA{part[-1].sid}" if len(found) > (page + 1) * size else None
                ),
                "page": page,
                "page_size": size,
                "previous_page_uri": at(page - 1) if page else None,
                "start": page * size,
                "uri": at(page),
                "messages": [self._shape(t) for t in part],
            }
        )

    async def _get(self, request: Request) -> Response:
        refused = self._unauthorised(request)
        if refused is not None:
            return error(*refused, {})
        found = [t for t in self.texts if t.sid == request.path_params["sid"]]
        return JSONResponse(self._shape(found[0])) if found else error(404, 20404, {})

    async def _nothing_here(self, request: Request) -> Response:
        return error(*(self._unauthorised(request) or (404, 20404)), {})

    def _unauthorised(self, request: Request) -> tuple[int, int] | None:
        right = base64.b64encode(f"{self.account_sid}:{self.auth_token}".encode()).decode()
        return None if request.headers.get("authorization") == f"Basic {right}" else (401, 20003)

    # --- the fate of a text -----------------------------------------------------------------------

    def _take(self, form: Mapping[str, str]) -> Text:
        now = self.now_ms()
        text = Text(
            sid=self._sid(),
            direction="outbound-api",
            sender=form["From"],
            to=form["To"],
            body=form["Body"],
            created_ms=now,
            status="queued",
            callback=form.get("StatusCallback"),
            valid_s=int(form.get("ValidityPeriod", "36000")),
            updated_ms=now,
        )
        self.texts.append(text)
        self.start(self._carry(text), f"text-{text.sid[-4:]}")
        return text

    async def _carry(self, text: Text) -> None:
        while self.knobs.hold:
            left_s = text.valid_s - (self.now_ms() - text.created_ms) / 1000
            released = self._released
            try:
                async with asyncio.timeout(max(left_s, 0.0)):
                    await released.wait()
            except TimeoutError:
                text.error_code = 30001  # the validity period ran out in the queue
                await self._becomes(text, "failed")
                return
        await self.wait(self.knobs.sent_s)
        text.sent_ms = self.now_ms()
        await self._becomes(text, "sent")
        await self.wait(self.knobs.delivered_s)
        if self.on_delivered is not None and not self.knobs.lose_texts:
            self.on_delivered(text)
        await self._becomes(text, "delivered")

    async def _becomes(self, text: Text, status: str) -> None:
        text.status = status
        text.updated_ms = self.now_ms()
        if text.callback is None or self.knobs.lose_callbacks:
            return
        fields = {
            "MessageSid": text.sid,
            "MessageStatus": status,
            "SmsSid": text.sid,
            "SmsStatus": status,
            "To": text.to,
            "From": text.sender,
            "AccountSid": self.account_sid,
            "ApiVersion": "2010-04-01",
        }
        if text.error_code is not None:
            fields["ErrorCode"] = str(text.error_code)
        await self._call(text.callback, fields)

    async def _call(self, url: str, fields: Mapping[str, str]) -> None:
        """POST a webhook; a second try when nobody is there, as Twilio does by default."""
        if self.callbacks is None:
            return
        for _ in range(2):
            try:
                answer = await self.callbacks.post(
                    url, data=dict(fields), headers={"X-Twilio-Signature": self.sign(url, fields)}
                )
            except httpx.HTTPError:
                self.webhook_answers.append(0)
                continue
            self.webhook_answers.append(answer.status_code)
            return

    def _sid(self) -> str:
        return f"SM{len(self.texts) + 1:032x}"

    def _shape(self, text: Text) -> dict[str, object]:
        uri = f"/2010-04-01/Accounts/{self.account_sid}/Messages/{text.sid}"
        return {
            "account_sid": self.account_sid,
            "api_version": "2010-04-01",
            "body": text.body,
            "date_created": _rfc2822(text.created_ms),
            "date_sent": None if text.sent_ms is None else _rfc2822(text.sent_ms),
            "date_updated": _rfc2822(text.updated_ms),
            "direction": text.direction,
            "error_code": text.error_code,
            "error_message": None,
            "from": text.sender,
            "messaging_service_sid": None,
            "num_media": "0",
            "num_segments": str(_segments(text.body)),
            "price": None,
            "price_unit": "USD",
            "sid": text.sid,
            "status": text.status,
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "to": text.to,
            "uri": f"{uri}.json",
        }


def _asked_for(text: Text, asked: Mapping[str, str]) -> bool:
    if asked.get("To", text.to) != text.to or asked.get("From", text.sender) != text.sender:
        return False
    for name in ("DateSent", "DateSent<", "DateSent>"):
        limit = asked.get(name)
        if limit is None:
            continue
        if text.sent_ms is None:
            return False  # not sent yet: no date to compare
        sent = datetime.fromtimestamp(text.sent_ms // 1000, UTC)
        edge = datetime.fromisoformat(limit)
        exact: tuple[Any, Any] = (sent.date(), edge.date()) if len(limit) == 10 else (sent, edge)
        if (exact[0] > exact[1] and name != "DateSent>") or (exact[0] < exact[1] and name != "DateSent<"):
            return False
    return True


def _segments(body: str) -> int:
    length = segment_length(body)
    if length <= segment_limit(body):
        return 1
    return math.ceil(length / (153 if is_gsm7(body) else 67))


def _rfc2822(t_ms: int) -> str:
    return format_datetime(datetime.fromtimestamp(t_ms // 1000, UTC))
