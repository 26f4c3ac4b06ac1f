"""Webhooks of the SMS provider: an application on its own port, with two addresses and nothing else.

Takes Twilio's signed POSTs (an answer from a person, the fate of a text), commits what they change, then
answers with empty TwiML and wakes the courier. The signature is checked over the address that stands in
the settings, never the one seen behind a proxy. A forged or unsigned request gets 403 and changes nothing;
a repeated one gets 200 and changes nothing. Never says why it refused, never logs a body or a number.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from alerting import replies
from alerting.channels.twilio_account import signature_ok
from alerting.ledger import LedgerError, Tx, record_receipt
from alerting.policy import Policy
from guardian.clock import Clock

MOST_BYTES = 64 * 1024
"""A webhook of Twilio's is under 4 KiB; a longer body is not read to its end."""
MOST_FIELDS = 200
SMS_PATH = "/twilio/sms"
STATUS_PATH = "/twilio/status"
_TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response/>'

T = TypeVar("T")


class LedgerLike(Protocol):
    """The one thing that a webhook does with the ledger."""

    async def transact(self, work: Callable[[Tx], T]) -> T:
        """Run `work` in one transaction and commit before returning."""
        ...


def hooks_app(
    ledger: LedgerLike,
    *,
    account_sid: str,
    tokens: Sequence[str],
    public_url: str,
    on_change: Callable[[], None],
    clock: Clock,
    policy: Policy,
) -> Starlette:
    """Build the application.

    Parameters
    ----------
    ledger
        where answers and receipts are committed.
    account_sid
        our account; a webhook of another one is refused.
    tokens
        secrets that may have signed: the current one, and the other one while it is being changed.
    public_url
        what stands before "/twilio/sms" in Twilio's console, such as "https://centre.example/hooks".
    on_change
        called after a commit that changed something; wakes the courier.
    clock
        gives the time of arrival.
    policy
        config/escalation.toml.
    """
    base = public_url.rstrip("/")

    async def signed_fields(request: Request, path: str) -> Mapping[str, str] | Response:
        body = await _body(request)
        if body is None:
            return PlainTextResponse("too large", 413)
        fields = _fields(body)
        header = request.headers.get("x-twilio-signature")
        settings = request.headers.get("x-twilio-webhooks-signature-settings")
        if (
            fields is None
            or not signature_ok(tokens, base + path, fields, header, settings)
            or fields.get("AccountSid") != account_sid
            or not fields.get("MessageSid")
        ):
            return PlainTextResponse("forbidden", 403)
        return fields

    async def sms(request: Request) -> Response:
        fields = await signed_fields(request, SMS_PATH)
        if isinstance(fields, Response):
            return fields
        now_ms = clock.now_ms()
        told = replies.Inbound(
            sid=fields["MessageSid"],
            phone=fields.get("From", ""),
            body=fields.get("Body", ""),
            t_ms=now_ms,
            via="webhook",
        )
        try:
            taken = await ledger.transact(lambda tx: replies.take(tx, told, policy, now_ms))
        except LedgerError:
            return _later()
        if taken.changed:
            on_change()
        return _twiml()

    async def status(request: Request) -> Response:
        fields = await signed_fields(request, STATUS_PATH)
        if isinstance(fields, Response):
            return fields
        sid, word = fields["MessageSid"], fields.get("MessageStatus", "")
        try:
            changed = await ledger.transact(lambda tx: record_receipt(tx, sid, word))
        except LedgerError:
            return _later()
        if changed:
            on_change()
        return _twiml()

    return Starlette(
        routes=[Route(SMS_PATH, sms, methods=["POST"]), Route(STATUS_PATH, status, methods=["POST"])]
    )


async def _body(request: Request) -> bytes | None:
    """Read the body; None as soon as it is longer than `MOST_BYTES`."""
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > MOST_BYTES:
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            return None
    return bytes(body)


def _fields(body: bytes) -> Mapping[str, str] | None:
    """Take the form apart; None when Twilio cannot have written it (not a form, a field twice)."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS
        )
    except ValueError:
        return None
    fields = dict(pairs)
    return fields if len(fields) == len(pairs) else None


def _twiml() -> Response:
    return Response(_TWIML, media_type="text/xml")


def _later() -> Response:
    """The ledger could not write: Twilio may try again, and the answer is found by polling in any case."""
    return PlainTextResponse("try again", 503)
