"""Texts by Twilio: the official SDK over an httpx transport of our own.

Takes a number and a body, gives Twilio's id of the text, or a `ChannelError` that says whether trying
the same again can help. Lists what Twilio has from us and for us. Checks the signature of webhooks. Never
retries (a POST has no idempotency key: the courier decides, and reconciles by the list), never logs a
number or a body.

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

from alerting.channels import Abilities, ChannelError, ListedText

VALID_S = (1, 36_000)
"""Twilio's bounds of ValidityPeriod (docs: Messages resource, July 2024: up to 10 hours)."""
PAGE_SIZE = 50
"""Texts asked for at once when listing; Twilio's own default."""

MOST_PAGES = 40
"""Pages read at most in one listing: 2,000 texts, more than a centre sends in the 24 h that codes live."""

T = TypeVar("T")

PERMANENT: Mapping[int, str] = {
    21211: "the number is not a phone number",
    21212: "our sender number is not valid",  # every text to everybody fails until staff correct it
    21217: "the number is not a phone number",
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
}
"""Codes with which Twilio says that this text to this number will not work however often it is sent.

A 400 with another code of the 21 thousands ("this request is wrong") is taken as permanent too, so that
the next person is asked at once; only 21611 is not, because our full queue drains. Everything else may
work later, or says nothing about the recipient: 20003 and other 401/403 (our credentials), 20404 (our
account's address), 20429 and 429 (too many at once), 5xx (Twilio's own trouble), an answer without a
Twilio code (a proxy in between).
"""
QUEUE_FULL = 21611
REQUEST_CODES = range(21_000, 22_000)

NEVER_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.InvalidURL)
"""Failures before the request was written, so that Twilio cannot have the text."""


class TwilioSms:
    """A `Channel` that sends texts through Twilio's Messages resource."""

    name = "twilio"

    def __init__(
        self,
        account_sid: str,
        auth_token: str,
        from_number: str,
        *,
        base_url: str | None = None,
        status_callback: str | None = None,
        timeout_s: float = 10.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Build the client; nothing is sent.

        Parameters
        ----------
        account_sid, auth_token
            the account; the token is a secret.
        from_number
            our number, E.164.
        base_url
            scheme and host (and port) to talk to instead of Twilio's, for test servers.
        status_callback
            public address that Twilio reports each text's fate to; None: no reports.
        timeout_s
            the longest that one HTTP exchange may take, in seconds (config/escalation.toml,
            send_timeout_s).
        transport
            what carries the requests; None: a pool of real connections.
        """
        self.abilities = Abilities(
            two_way=True,
            receipts=status_callback is not None,
            voice=False,
            needs_inbound=False,  # answers can be polled
            countries=None,
            not_two_way=frozenset({"+86"}),  # Twilio's guideline page for China: two-way SMS "No"
        )
        self._from = from_number
        self._callback = status_callback
        self._timeout_s = timeout_s
        self._http = _TransportClient(transport or httpx.AsyncHTTPTransport(), base_url, timeout_s)
        # An empty mapping would make the SDK read os.environ, where TWILIO_EDGE moves the host.
        account = Client(account_sid, auth_token, http_client=self._http, environment={"unused": ""})
        self._messages = account.messages

    async def send(self, phone: str, body: str, valid_s: int) -> str:
        """Hand one text to Twilio; give its sid.

        `valid_s` is how long, in seconds, Twilio may go on trying: a text that would come after it is
        dropped there instead of arriving hours late.

        Raises
        ------
        ChannelError
            refused (permanent), or unreachable, slow, overloaded or unreadable (not permanent; the text
            may have gone out all the same).
        """
        extra = {} if self._callback is None else {"status_callback": self._callback}

        async def post() -> Any:
            return await self._messages.create_async(
                to=phone,
                from_=self._from,
                body=body,
                validity_period=min(max(valid_s, VALID_S[0]), VALID_S[1]),
                **extra,
            )

        sid = (await self._told(post)).sid
        if not isinstance(sid, str) or not sid:
            raise ChannelError("twilio: an answer without an id", permanent=False, maybe_taken=True)
        return sid

    async def sent_since(self, phone: str, since_ms: int) -> Sequence[ListedText]:
        """List the texts to `phone` that Twilio has taken from us since `since_ms`, oldest first."""
        return await self._listed({"to": phone}, since_ms, inbound=False)

    async def received_since(self, since_ms: int) -> Sequence[ListedText]:
        """List the texts that people have sent to our number since `since_ms`, oldest first."""
        return await self._listed({"to": self._from}, since_ms, inbound=True)

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.aclose()

    async def _listed(self, who: Mapping[str, str], since_ms: int, *, inbound: bool) -> Sequence[ListedText]:
        """Read pages, newest first, until one is wholly older than `since_ms`.

        DateSent is not asked for: a text of ours that is still queued has none, and those are the ones that
        a restarted courier must see. Twilio's times are whole seconds, so the second of `since_ms` counts
        as since.
        """
        since_s = since_ms // 1000
        found: list[ListedText] = []

        async def first() -> tuple[Any, list[Any]]:
            page = await self._messages.page_async(**who, page_size=PAGE_SIZE)
            return page, list(page)

        async def following() -> tuple[Any, list[Any]]:
            after = await page.next_page_async()
            return after, [] if after is None else list(after)

        page, records = await self._told(first)
        for _ in range(MOST_PAGES):
            fresh = [r for r in records if _t_ms(r) // 1000 >= since_s]
            found += [
                ListedText(
                    sid=r.sid or "",
                    phone=(r.from_ if inbound else r.to) or "",
                    body=r.body or "",
                    t_ms=_t_ms(r),
                    status=r.status or "",
                )
                for r in fresh
                if (r.direction == "inbound") is inbound
            ]
            if not fresh:
                break
            page, records = await self._told(following)
        found.reverse()  # texts of one second stay in Twilio's order
        return sorted(found, key=lambda t: t.t_ms)

    async def _told(self, call: Callable[[], Awaitable[T]]) -> T:
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


def _t_ms(record: Any) -> int:
    """Give the time of a listed text in ms: when it was made, which is known from the start."""
    when: datetime | None = record.date_created or record.date_sent
    return 0 if when is None else int(when.astimezone(UTC).timestamp() * 1000)
