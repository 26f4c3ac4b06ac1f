"""Webhooks that Twilio has signed: the one way in for texts and for calls.

Takes a POST, gives its fields when Twilio has signed them with one of our tokens over the address that
stands in the settings, never the one seen behind a proxy. Anything else gets 403 (413 when too large) and
is told nothing more. Never logs a body or a number.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from alerting.channels.twilio_account import signature_ok
from alerting.ledger import Tx

MOST_BYTES = 32 * 1024
"""The longest text, 1,600 characters, is 14 KB in Chinese, and the other fields are short; a longer body is
not read to its end. Of 64 KiB one took 5.8 ms of CPU (docs/fuzz.md)."""
MOST_FIELDS = 200
MOST_DIGITS = 9
"""Of a number that is believed to be one; int() raises ValueError for thousands of them."""
_TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response/>'

T = TypeVar("T")


class LedgerLike(Protocol):
    """The one thing that a webhook does with the ledger."""

    async def transact(self, work: Callable[[Tx], T]) -> T:
        """Run `work` in one transaction and commit before returning."""
        ...


class Signed:
    """What it takes for a webhook to be Twilio's and ours."""

    def __init__(self, account_sid: str, tokens: Sequence[str], public_url: str) -> None:
        """Remember account, secrets and public address (`hooks_app` says what they are)."""
        self.public_url = public_url.rstrip("/")
        self._account_sid = account_sid
        self._tokens = tokens

    async def fields(self, request: Request, path: str, sid: str) -> Mapping[str, str] | Response:
        """Give the form of a signed webhook, or what it is answered with.

        Parameters
        ----------
        path
            the webhook's, behind the public address; a query of the request is signed with it.
        sid
            the field that must name what it is about.
        """
        body = await read_body(request, MOST_BYTES)
        if body is None:
            return PlainTextResponse("too large", 413)
        fields, query = _fields(body), request.scope["query_string"]
        header = request.headers.get("x-twilio-signature")
        settings = request.headers.get("x-twilio-webhooks-signature-settings")
        url = self.public_url + path + (f"?{query.decode('latin-1')}" if query else "")
        if (
            fields is None
            or not query.isascii()
            or not signature_ok(self._tokens, url, fields, header, settings)
            or fields.get("AccountSid") != self._account_sid
            or not fields.get(sid)
        ):
            return PlainTextResponse("forbidden", 403)
        return fields


def taken(twiml: str = _TWIML) -> Response:
    """Answer a webhook with TwiML; nothing to say by default."""
    return Response(twiml, media_type="text/xml")


def later() -> Response:
    """The ledger could not write: the provider may try again."""
    return PlainTextResponse("try again", 503)


async def read_body(request: Request, most: int) -> bytes | None:
    """Read the body of a webhook; None as soon as it is longer than `most` bytes."""
    length = request.headers.get("content-length", "0")
    if length.isascii() and length.isdecimal() and (len(length) > MOST_DIGITS or int(length) > most):
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
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
