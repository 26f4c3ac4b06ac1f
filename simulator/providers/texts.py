"""The fake provider's texts: the Messages resource, and what becomes of each text."""

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from alerting.wording import is_gsm7, segment_length, segment_limit
from simulator.providers.account import Account
from simulator.providers.errors import error, wrong_with_text
from simulator.providers.listing import page_of, rfc2822

_OPT_OUT = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"})
_OPT_IN = frozenset({"START", "YES", "UNSTOP"})


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


class Texts:
    """All texts of the account, in both directions."""

    def __init__(self, account: Account) -> None:
        """Begin without any."""
        self.kept: list[Text] = []
        self.on_delivered: Callable[[Text], None] | None = None
        self._account = account
        self._opted_out: set[str] = set()
        self._released = asyncio.Event()

    def routes(self, root: str) -> list[Route]:
        """Build the resource's routes below `root`, the account's address."""
        return [
            Route(f"{root}/Messages.json", self._post, methods=["POST"]),
            Route(f"{root}/Messages.json", self._list, methods=["GET"]),
            Route(f"{root}/Messages/{{sid}}.json", self._get, methods=["GET"]),
        ]

    def release(self) -> None:
        """Let held texts go."""
        self._account.knobs.hold = False
        self._released.set()
        self._released = asyncio.Event()

    async def comes_in(self, number: str, body: str, webhook: str | None) -> str:
        """Take a text that a person has sent to our number: list it, tell the webhook; give its sid."""
        now = self._account.now_ms()
        told = Text(self._sid(), "inbound", number, self._account.number, body, now, "received", sent_ms=now)
        told.updated_ms = now
        self.kept.append(told)
        word = body.strip().upper()
        if word in _OPT_OUT:
            self._opted_out.add(number)
        elif word in _OPT_IN:
            self._opted_out.discard(number)
        if not self._account.knobs.lose_webhooks:
            await self.tell(told.sid, webhook)
        return told.sid

    async def tell(self, sid: str, webhook: str | None) -> None:
        """POST the signed webhook of an inbound text, again if it has been told before."""
        text = next(t for t in reversed(self.kept) if t.sid == sid)
        if webhook is not None:
            await self._account.webhook(
                webhook,
                {
                    "MessageSid": sid,
                    "SmsMessageSid": sid,
                    "SmsSid": sid,
                    "SmsStatus": "received",
                    "AccountSid": self._account.account_sid,
                    "From": text.sender,
                    "To": text.to,
                    "Body": text.body,
                    "NumMedia": "0",
                    "NumSegments": str(_segments(text.body)),
                    "ApiVersion": "2010-04-01",
                },
            )

    # --- what Guardian asks -----------------------------------------------------------------------

    async def _post(self, request: Request) -> Response:
        def wrong(form: Mapping[str, str]) -> tuple[int, int] | None:
            return wrong_with_text(form, self._account.number, self._opted_out)

        return await self._account.post(request, wrong, self._take)

    async def _list(self, request: Request) -> Response:
        refused = self._account.unauthorised(request)
        if refused is not None:
            return error(*refused, {})
        knobs = self._account.knobs
        if knobs.answer_s:
            await self._account.wait(knobs.answer_s)
        youngest = self._account.now_ms() - int(knobs.list_lag_s * 1000)
        asked = request.query_params
        found = (t for t in reversed(self.kept) if t.created_ms <= youngest and _asked_for(t, asked))
        return page_of(request, "messages", found, self._shape)

    async def _get(self, request: Request) -> Response:
        refused = self._account.unauthorised(request)
        if refused is not None:
            return error(*refused, {})
        found = [t for t in self.kept if t.sid == request.path_params["sid"]]
        return JSONResponse(self._shape(found[0])) if found else error(404, 20404, {})

    # --- the fate of a text -----------------------------------------------------------------------

    def _take(self, form: FormData) -> dict[str, object]:
        now, callback = self._account.now_ms(), form.get("StatusCallback")
        text = Text(
            sid=self._sid(),
            direction="outbound-api",
            sender=str(form["From"]),
            to=str(form["To"]),
            body=str(form["Body"]),
            created_ms=now,
            status="queued",
            callback=None if callback is None else str(callback),
            valid_s=int(str(form.get("ValidityPeriod", "36000"))),
            updated_ms=now,
        )
        self.kept.append(text)
        self._account.start(self._carry(text), f"text-{text.sid[-4:]}")
        return self._shape(text)

    async def _carry(self, text: Text) -> None:
        knobs = self._account.knobs
        while knobs.hold:
            left_s = text.valid_s - (self._account.now_ms() - text.created_ms) / 1000
            released = self._released
            try:
                async with asyncio.timeout(max(left_s, 0.0)):
                    await released.wait()
            except TimeoutError:
                text.error_code = 30001  # the validity period ran out in the queue
                await self._becomes(text, "failed", last=True)
                return
        await self._account.wait(knobs.sent_s)
        text.sent_ms = self._account.now_ms()
        if knobs.never_deliver:
            await self._becomes(text, "sent", last=True)
            return
        await self._becomes(text, "sent")
        await self._account.wait(knobs.delivered_s)
        if self.on_delivered is not None and not knobs.lose_texts:
            self.on_delivered(text)
        await self._becomes(text, "delivered", last=True)

    async def _becomes(self, text: Text, status: str, *, last: bool = False) -> None:
        text.status = status
        text.updated_ms = self._account.now_ms()
        fields = {
            "MessageSid": text.sid,
            "MessageStatus": status,
            "SmsSid": text.sid,
            "SmsStatus": status,
            "To": text.to,
            "From": text.sender,
            "AccountSid": self._account.account_sid,
            "ApiVersion": "2010-04-01",
        }
        if text.error_code is not None:
            fields["ErrorCode"] = str(text.error_code)
        await self._account.report(text.sid, text.callback, fields, last=last)

    def _sid(self) -> str:
        return f"SM{len(self.kept) + 1:032x}"

    def _shape(self, text: Text) -> dict[str, object]:
        uri = f"/2010-04-01/Accounts/{self._account.account_sid}/Messages/{text.sid}"
        return {
            "account_sid": self._account.account_sid,
            "api_version": "2010-04-01",
            "body": text.body,
            "date_created": rfc2822(text.created_ms),
            "date_sent": rfc2822(text.sent_ms),
            "date_updated": rfc2822(text.updated_ms),
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
