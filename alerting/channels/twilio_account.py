"""Our account at Twilio: the official SDK over an httpx transport of our own, for texts and for calls.

Takes exchanges of the SDK, gives what they come to, or a `ChannelError` that says whether trying the same
again can help. Reads lists over their pages. Checks the signature of webhooks. Never retries (a POST has no
idempotency key: the courier decides, and reconciles by the list), never logs a number or a body.

The SDK's own asyncio client is not used: it ignores its timeout (twilio-python #925: a hung server holds
a call for 300 s) and can only talk to twilio.com. The SDK takes any `AsyncHttpClient`; ours keeps time,
can be pointed at a test server, and takes a transport, so that a test needs no socket. It drives the
transport directly because httpx's client logs every URL, and those of lists carry phone numbers.
"""

import asyncio
import base64
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, TypeVar

import httpx
from twilio.base.exceptions import (  # type: ignore[import-untyped]  # the SDK ships no types
    TwilioException,
    TwilioRestException,
)
from twilio.http import AsyncHttpClient  # type: ignore[import-untyped]  # likewise
from twilio.http.response import Response as TwilioResponse  # type: ignore[import-untyped]  # likewise
from twilio.request_validator import (  # type: ignore[import-untyped]  # likewise
    HMAC_SHA1,
    HMAC_SHA256,
    RequestValidator,
    get_signature_algorithm,
)
from twilio.rest import Client  # type: ignore[import-untyped]  # likewise

from alerting.channels import ChannelError

PAGE_SIZE = 50
"""Records asked for at once when listing; Twilio's own default."""

MOST_PAGES = 40
"""Pages read at most in one listing: 2,000 records, more than a centre sends in the 24 h that codes live."""

T = TypeVar("T")

PERMANENT: Mapping[int, str] = {
    21201: "no number to call",
    21205: "our webhook's address is not valid",
    21210: "our caller's number is not ours",
    21211: "the number is not a phone number",
    21212: "our sender number is not valid",  # every text to everybody fails until staff correct it
    21213: "no caller's number",
    21214: "no route to this number",
    21215: "calls to this country are not switched on",
    21216: "Twilio does not call this number",
    21217: "the number is not a phone number",
    21219: "trial account: number not verified",
    21408: "sending to this country is not switched on",
    21601: "our sender number cannot send texts",
    21602: "the text is empty",
    21603: "no sender number",
    21604: "no recipient",
    21606: "our sender number cannot text this number",
    21608: "trial account: number not verified",
    21610: "the person has sent STOP",
    21612: "no route to this number",
    21614: "not a mobile number",
    21617: "the text is too long",
    21635: "not a mobile number",
    21659: "our sender number is not ours",
    21660: "our sender number belongs to another account",
    32018: "what the call says is too long",
}
"""Codes with which Twilio says that this text or call to this number will not work however often it is tried.

A 400 with another code of the 21 thousands ("this request is wrong") is taken as permanent too, so that
the next person is asked at once; only 21611 is not, because our full queue drains. Everything else may
work later, or says nothing about the recipient: 20003 and other 401/403 (our credentials), 20404 (our
account's address), 20429 and 429 (too many at once), 5xx (Twilio's own trouble), an answer without a
Twilio code (a proxy in between).
"""
QUEUE_FULL = 21611
REQUEST_CODES = range(21_000, 22_000)

NEVER_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.InvalidURL)
"""Failures before the request was written, so that Twilio cannot have the text or the call."""


class Account:
    """One account, for whatever is sent through it. Nothing is sent by building it."""

    def __init__(
        self,
        account_sid: str,
        auth_token: str,
        *,
        base_url: str | None = None,
        timeout_s: float = 10.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Build the client.

        Parameters
        ----------
        account_sid, auth_token
            the account; the token is a secret.
        base_url
            scheme and host (and port) to talk to instead of Twilio's, for test servers.
        timeout_s
            the longest that one HTTP exchange may take, in seconds (config/escalation.toml,
            send_timeout_s).
        transport
            what carries the requests; None: a pool of real connections.
        """
        self._timeout_s = timeout_s
        self._http = _TransportClient(transport or httpx.AsyncHTTPTransport(), base_url, timeout_s)
        # An empty mapping would make the SDK read os.environ, where TWILIO_EDGE moves the host.
        client = Client(account_sid, auth_token, http_client=self._http, environment={"unused": ""})
        self.messages: Any = client.messages
        self.calls: Any = client.calls

    async def created(self, post: Callable[[], Awaitable[Any]]) -> str:
        """Have something made there; give its sid.

        Raises
        ------
        ChannelError
            refused (permanent), or unreachable, slow, overloaded or unreadable (not permanent; it may have
            been made all the same).
        """
        sid = (await self.told(post)).sid
        if not isinstance(sid, str) or not sid:
            raise ChannelError("twilio: an answer without an id", permanent=False, maybe_taken=True)
        return sid

    async def listed(self, resource: Any, who: Mapping[str, str], since_ms: int) -> Sequence[Any]:
        """Read pages of `resource`, newest first, until one is wholly older than `since_ms`; oldest first.

        Twilio's times are whole seconds, so the second of `since_ms` counts as since. What was made is
        asked for, not what was sent or begun: something of ours that is still queued has no such time, and
        that is what a restarted courier must see.

        Raises
        ------
        ChannelError
            as `told`.
        """
        since_s = since_ms // 1000
        found: list[Any] = []

        async def first() -> tuple[Any, list[Any]]:
            page = await resource.page_async(**who, page_size=PAGE_SIZE)
            return page, list(page)

        async def following() -> tuple[Any, list[Any]]:
            after = await page.next_page_async()
            return after, [] if after is None else list(after)

        page, records = await self.told(first)
        for _ in range(MOST_PAGES):
            fresh = [r for r in records if made_ms(r) // 1000 >= since_s]
            found += fresh
            if not fresh:
                break
            page, records = await self.told(following)
        found.reverse()  # what was made in one second stays in Twilio's order
        return sorted(found, key=made_ms)

    async def told(self, call: Callable[[], Awaitable[T]]) -> T:
        """Run one exchange of the SDK within its time and turn every way to fail into `ChannelError`."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await call()
        except TimeoutError:
            why = f"twilio: no answer within {self._timeout_s:g} s"
            raise ChannelError(why, permanent=False, maybe_taken=True) from None
        except TwilioRestException as e:
            raise _refused(e.status, e.code) from None
        except TwilioException as e:
            status = getattr(e.args[1], "status_code", 0) if len(e.args) > 1 else 0
            raise _refused(status, None) from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as e:
            why, taken = f"twilio: unreachable ({type(e).__name__})", not isinstance(e, NEVER_LEFT)
            raise ChannelError(why, permanent=False, maybe_taken=taken) from None
        except (ValueError, TypeError, AttributeError, KeyError) as e:
            # The SDK trips over an answer that is not Twilio's, such as a login page of the network.
            why = f"twilio: unreadable answer ({type(e).__name__})"
            raise ChannelError(why, permanent=False, maybe_taken=True) from None

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.aclose()


def signature_ok(
    auth_tokens: Sequence[str],
    public_url: str,
    params: Mapping[str, str],
    header: str | None,
    settings_header: str | None = None,
) -> bool:
    """Whether Twilio has signed this webhook with one of our tokens.

    Parameters
    ----------
    auth_tokens
        the current secret and, while it is being changed, the other one; empty ones count for nothing.
    public_url
        the address as it stands in Twilio's console, not as seen behind a proxy.
    params
        the form's fields.
    header
        X-Twilio-Signature; None or "" is not signed.
    settings_header
        X-Twilio-Webhooks-Signature-Settings; names the algorithm where it is not HMAC-SHA1.
    """
    algorithm = get_signature_algorithm(settings_header)
    if not header or algorithm.upper() not in {HMAC_SHA1, HMAC_SHA256}:
        return False
    return any(
        RequestValidator(token).validate(public_url, dict(params), header, algorithm)
        for token in auth_tokens
        if token
    )


def made_ms(record: Any) -> int:
    """When a listed record was made, in ms since 1970, UTC; 0 where Twilio does not say."""
    when: datetime | None = record.date_created
    return 0 if when is None else int(when.astimezone(UTC).timestamp() * 1000)


class _TransportClient(AsyncHttpClient):  # type: ignore[misc]  # the SDK ships no types
    """What the SDK speaks HTTP through: one transport, one try, no log."""

    def __init__(self, transport: httpx.AsyncBaseTransport, base_url: str | None, timeout_s: float) -> None:
        super().__init__(logging.getLogger(__name__), is_async=True, timeout=timeout_s)
        self._transport = transport
        self._base = None if base_url is None else httpx.URL(base_url)
        self._timeout = httpx.Timeout(timeout_s)

    async def request(  # noqa: PLR0917  # the SDK's signature
        self,
        method: str,
        uri: str,
        params: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  # the SDK's signature; ours was given before
        allow_redirects: bool = False,
    ) -> Any:
        """Carry out one exchange and give the SDK's kind of response.

        Raises
        ------
        httpx.HTTPError
            no connection, or it broke.
        """
        _ = timeout, allow_redirects
        url = httpx.URL(uri)
        if self._base is not None:
            url = url.copy_with(scheme=self._base.scheme, netloc=self._base.netloc)
        sent = dict(headers or {})
        if auth is not None:
            sent["Authorization"] = "Basic " + base64.b64encode(":".join(auth).encode()).decode()
        request = httpx.Request(
            method,
            url.copy_merge_params(dict(params)) if params else url,
            data=dict(data) if data else None,
            headers=sent,
            extensions={"timeout": self._timeout.as_dict()},
        )
        response = await self._transport.handle_async_request(request)
        try:
            content = await response.aread()
        finally:
            await response.aclose()
        return TwilioResponse(response.status_code, content.decode("utf-8", "replace"), response.headers)

    async def aclose(self) -> None:
        """Close the transport's connections."""
        await self._transport.aclose()


def _refused(status: int, code: int | None) -> ChannelError:
    """Say what an error answer means. Twilio's own sentence is left out: it repeats the number."""
    known = PERMANENT.get(code) if code is not None else None
    if known is not None:
        return ChannelError(f"twilio {code}: {known}", permanent=True)
    wrong = status == HTTPStatus.BAD_REQUEST and code is not None and code in REQUEST_CODES
    return ChannelError(
        f"twilio: HTTP {status}, code {code}",
        permanent=wrong and code != QUEUE_FULL,
        maybe_taken=status >= HTTPStatus.INTERNAL_SERVER_ERROR,
    )
