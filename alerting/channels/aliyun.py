"""Texts and calls in mainland China by Aliyun: the official SDKs, called beside the loop.

Takes a number and the body of one of our texts, gives Aliyun's id of it, or a `ChannelError` that says
whether trying the same again can help. Aliyun sends no text of ours: operators demand a template that they
have approved, so the body is read back into its values (recognise) and the template of its purpose is
filled with those that it has (aliyun_templates). Every text carries its values as OutId, from which the
body can be made again, so that Aliyun's list says after a crash which texts were sent. Never retries, never
logs a number or a body.

Answers (上行短信) and receipts cannot be fetched: Aliyun pushes them (guardian/web/aliyun_hooks.py).
Neither texts nor calls can be given a validity; a text may come late.

The SDK's asyncio methods are not used: they load a certificate store for every request, 47 ms of the loop
(version 0.4.6 of its core, measured), and their own retries sleep in it. The others run in threads.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from alibabacloud_dysmsapi20170525.client import Client as SmsClient  # type: ignore[import-untyped]  # the SDK ships no types
from alibabacloud_dysmsapi20170525.models import (  # type: ignore[import-untyped]  # likewise
    QuerySendDetailsRequest,
    SendSmsRequest,
)
from alibabacloud_dyvmsapi20170525.client import Client as VoiceClient  # type: ignore[import-untyped]  # likewise
from alibabacloud_dyvmsapi20170525.models import SingleCallByTtsRequest  # type: ignore[import-untyped]  # likewise
from alibabacloud_tea_openapi.exceptions import (  # type: ignore[import-untyped]  # likewise
    AlibabaCloudException,
)
from alibabacloud_tea_openapi.models import Config  # type: ignore[import-untyped]  # likewise
from darabonba.exceptions import UnretryableException  # type: ignore[import-untyped]  # likewise
from darabonba.runtime import RuntimeOptions  # type: ignore[import-untyped]  # likewise
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError, SSLError

from alerting.channels import Abilities, ChannelError, ListedText
from alerting.channels.aliyun_templates import (
    BEIJING,
    CHINA,
    Template,
    filled,
    out_id,
    said_by,
    template_for,
    time_ms,
)
from alerting.channels.threads import run_beside
from alerting.wording import SegmentError

PAGE_SIZE: Final = 50
"""Texts in a page of QuerySendDetails; Aliyun's most."""
MOST_PAGES: Final = 10
DAY_MS: Final = 86_400_000
MOST_DAYS: Final = 30
"""How far back QuerySendDetails goes."""

PERMANENT: Final[Mapping[str, str]] = {
    "isv.MOBILE_NUMBER_ILLEGAL": "not a mobile number",
    "isv.CALLED_NUMBER_ILLEGAL": "not a number that can be called",
    "isv.DOMESTIC_NUMBER_NOT_SUPPORTED": "the template is not for numbers in China",
    "isv.SMS_TEMPLATE_ILLEGAL": "the template is unknown or not approved",
    "isv.TTS_TEMPLATE_ILLEGAL": "the template is unknown or not approved",
    "isv.SMS_SIGNATURE_ILLEGAL": "our signature is unknown or not approved",
    "isv.SMS_SIGN_ILLEGAL": "our signature is forbidden",
    "isv.SIGN_STATE_ILLEGAL": "our signature is not usable",
    "isv.SMS_SIGNATURE_SCENE_ILLEGAL": "our signature does not fit the template",
    "isv.TEMPLATE_MISSING_PARAMETERS": "the template has a variable that the settings do not name",
    "isv.TEMPLATE_PARAMS_ILLEGAL": "the template's variables do not take these values",
    "isv.INVALID_JSON_PARAM": "the template's variables do not take these values",
    "isv.PARAM_LENGTH_LIMIT": "a value is too long for the template",
    "isv.SMS_CONTENT_ILLEGAL": "the text has forbidden words",
    "isv.BLACK_KEY_CONTROL_LIMIT": "a value is a forbidden word",
}
"""Codes with which Aliyun says that this text to this number will not work however often it is sent.

Source: help.aliyun.com, document 101346 (SMS API error codes, read November 2026); the two of calls by
analogy. Everything else may work later, or says nothing about the recipient: isv.BUSINESS_LIMIT_CONTROL,
isv.DAY_LIMIT_CONTROL, Throttling.* (too many at once or today), isv.OUT_OF_SERVICE, isv.AMOUNT_NOT_ENOUGH
(our balance), isv.PRODUCT_UN_SUBSCRIPT, isv.ACCOUNT_*, isv.DENY_IP_RANGE, isp.RAM_PERMISSION_DENY (our
account), InvalidAccessKeyId.*, SignatureDoesNotMatch (our credentials), isp.SYSTEM_ERROR (their trouble).
"""
THEIR_TROUBLE: Final = frozenset({"isp.SYSTEM_ERROR", "isp.UNKNOWN", "isp.GATEWAY_ERROR"})
"""Codes that leave open whether the text was taken."""


class AliyunSms:
    """A `Channel` that sends texts through SendSms."""

    name = "aliyun"

    def __init__(
        self,
        access_key_id: str,
        access_key_secret: str,
        sign_name: str,
        templates: Mapping[str, Template],
        now_ms: Callable[[], int],
        *,
        base_url: str | None = None,
        timeout_s: float = 10.0,
    ) -> None:
        """Build the client; nothing is sent.

        Parameters
        ----------
        access_key_id, access_key_secret
            of a RAM user who may send; the latter is a secret.
        sign_name
            the approved signature (签名), without brackets.
        templates
            by purpose, one of `PURPOSES`; the more special one is taken.
        now_ms
            the time, ms since 1970, UTC.
        base_url
            scheme, host and port to talk to instead of Aliyun's, for test servers.
        timeout_s
            the longest that one exchange may take, in seconds.
        """
        self.abilities = Abilities(
            two_way=True, receipts=True, voice=False, needs_inbound=True, countries=frozenset({CHINA})
        )
        self._sign_name = sign_name
        self._templates = dict(templates)
        self._now_ms = now_ms
        self._timeout_s = timeout_s
        self._runtime = _runtime(timeout_s)
        self._client = SmsClient(
            _config(access_key_id, access_key_secret, base_url or "https://dysmsapi.aliyuncs.com")
        )

    async def send(self, phone: str, body: str, valid_s: int) -> str:
        """Hand the values of one text to Aliyun; give its BizId. `valid_s` cannot be kept.

        Raises
        ------
        ChannelError
            refused, or no template for this text or number (permanent); unreachable, slow, overloaded
            or unreadable (not permanent; the text may have gone out all the same).
        """
        _ = valid_s
        said, template = template_for(body, self._templates)
        request = SendSmsRequest(
            phone_numbers=_domestic(phone),
            sign_name=self._sign_name,
            template_code=template.code,
            template_param=filled(template, said),
            out_id=out_id(said),
        )
        ask = partial(self._client.send_sms_with_options, request, self._runtime)
        answer = await _told(ask, self._timeout_s)
        return _id(answer.biz_id)

    async def sent_since(self, phone: str, since_ms: int) -> Sequence[ListedText]:
        """List the texts to `phone` that Aliyun has taken from us since `since_ms`, oldest first.

        The body of each is made again from its OutId. Aliyun's times are whole seconds, so the second of
        `since_ms` counts as since.
        """
        now_ms = self._now_ms()
        first_ms = max(since_ms, now_ms - (MOST_DAYS - 1) * DAY_MS)
        first, last = _beijing(first_ms).date(), _beijing(now_ms).date()
        found: list[ListedText] = []
        for days in range((last - first).days + 1):
            found += await self._sent_on(phone, f"{first + timedelta(days=days):%Y%m%d}")
        return sorted((t for t in found if t.t_ms // 1000 >= since_ms // 1000), key=lambda t: t.t_ms)

    async def received_since(self, since_ms: int) -> Sequence[ListedText]:
        """List nothing: Aliyun pushes answers and has no list of them."""
        _ = since_ms
        return ()

    async def close(self) -> None:
        """Hold nothing that would have to be let go."""

    async def _sent_on(self, phone: str, date: str) -> list[ListedText]:
        found: list[ListedText] = []
        for page in range(1, MOST_PAGES + 1):
            request = QuerySendDetailsRequest(
                phone_number=_domestic(phone), send_date=date, page_size=PAGE_SIZE, current_page=page
            )
            ask = partial(self._client.query_send_details_with_options, request, self._runtime)
            answer = await _told(ask, self._timeout_s)
            details = (answer.sms_send_detail_dtos and answer.sms_send_detail_dtos.sms_send_detail_dto) or []
            found += [_listed(d, phone) for d in details]
            if len(details) < PAGE_SIZE:
                break
        return found


class AliyunVoice:
    """Calls that read a text aloud (SingleCallByTts). Nobody can answer them, and there is no list."""

    name = "aliyun-voice"

    def __init__(
        self,
        access_key_id: str,
        access_key_secret: str,
        templates: Mapping[str, Template],
        now_ms: Callable[[], int],
        *,
        show_number: str | None = None,
        base_url: str | None = None,
        timeout_s: float = 10.0,
    ) -> None:
        """Build the client; nobody is called.

        `show_number` is the number that calls come from; None: Aliyun's common ones (公共模式). For the rest
        see `AliyunSms`. Aliyun calls one number once a minute, five times an hour, twenty times a day.
        """
        self.abilities = Abilities(
            two_way=False, receipts=False, voice=True, needs_inbound=False, countries=frozenset({CHINA})
        )
        self._templates = dict(templates)
        self._now_ms = now_ms
        self._show_number = show_number
        self._timeout_s = timeout_s
        self._runtime = _runtime(timeout_s)
        self._called: list[ListedText] = []
        self._client = VoiceClient(
            _config(access_key_id, access_key_secret, base_url or "https://dyvmsapi.aliyuncs.com")
        )

    async def send(self, phone: str, body: str, valid_s: int) -> str:
        """Have one text read to a number; give the CallId.

        Raises
        ------
        ChannelError
            as of `AliyunSms.send`.
        """
        _ = valid_s
        said, template = template_for(body, self._templates)
        request = SingleCallByTtsRequest(
            called_number=_domestic(phone),
            called_show_number=self._show_number,
            tts_code=template.code,
            tts_param=filled(template, said),
            play_times=2,
            out_id=str(said.number),  # 15 bytes at most
        )
        ask = partial(self._client.single_call_by_tts_with_options, request, self._runtime)
        answer = await _told(ask, self._timeout_s)
        call_id = _id(answer.call_id)
        now_ms = self._now_ms()
        self._called = [t for t in self._called if t.t_ms > now_ms - DAY_MS]
        self._called.append(ListedText(call_id, phone, body, now_ms, "sent"))
        return call_id

    async def sent_since(self, phone: str, since_ms: int) -> Sequence[ListedText]:
        """List the calls of this process: Aliyun finds a call by its id only."""
        return [t for t in self._called if t.phone == phone and t.t_ms >= since_ms]

    async def received_since(self, since_ms: int) -> Sequence[ListedText]:
        """List nothing."""
        _ = since_ms
        return ()

    async def close(self) -> None:
        """Hold nothing that would have to be let go."""


def _listed(detail: Any, phone: str) -> ListedText:
    said = said_by(detail.out_id or "")
    try:
        body = "" if said is None else said.body()
    except SegmentError:
        body = ""
    status = {1: "sent", 2: "undelivered", 3: "delivered"}.get(detail.send_status, "")
    t_ms = time_ms(detail.send_date) or 0
    return ListedText(detail.out_id or "", phone, body, t_ms, status)


def _domestic(phone: str) -> str:
    """Give a number as Aliyun wants it: without the country."""
    if not phone.startswith(CHINA):
        raise ChannelError("aliyun: not a number in mainland China", permanent=True)
    return phone.removeprefix(CHINA)


def _id(found: object) -> str:
    if not isinstance(found, str) or not found:
        raise ChannelError("aliyun: an answer without an id", permanent=False, maybe_taken=True)
    return found


def _beijing(t_ms: int) -> datetime:
    return datetime.fromtimestamp(t_ms / 1000, UTC).astimezone(BEIJING)


def _config(access_key_id: str, access_key_secret: str, url: str) -> Any:
    parts = urlsplit(url)
    return Config(
        access_key_id=access_key_id,
        access_key_secret=access_key_secret,
        protocol=parts.scheme,
        endpoint=parts.netloc,
    )


def _runtime(timeout_s: float) -> Any:
    limit_ms = int(timeout_s * 1000)
    return RuntimeOptions(autoretry=False, connect_timeout=limit_ms, read_timeout=limit_ms)


async def _told(call: Callable[[], Any], timeout_s: float) -> Any:
    """Run one exchange of the SDK within its time and turn every way to fail into `ChannelError`."""
    try:
        answer = (await run_beside(call, timeout_s, "aliyun")).body
        code = answer.code
    except TimeoutError:
        why = f"aliyun: no answer within {timeout_s:g} s"
        raise ChannelError(why, permanent=False, maybe_taken=True) from None
    except AlibabaCloudException as e:
        raise _refused(e.status_code or 0, e.code) from None
    except UnretryableException as e:
        raise ChannelError("aliyun: unreachable", permanent=False, maybe_taken=not _never_left(e)) from None
    except (ValueError, TypeError, AttributeError, KeyError) as e:
        # The SDK trips over an answer that is not Aliyun's, such as a login page of the network.
        why = f"aliyun: unreadable answer ({type(e).__name__})"
        raise ChannelError(why, permanent=False, maybe_taken=True) from None
    if code != "OK":
        raise _refused(HTTPStatus.OK, code)
    return answer


def _never_left(error: BaseException) -> bool:
    """Whether the connection failed before the request was written. The SDK keeps the cause as context."""
    seen: BaseException | None = getattr(error, "inner_exception", None)
    while seen is not None:
        cause = seen.args[0] if seen.args else None
        if isinstance(cause, MaxRetryError):
            return isinstance(cause.reason, NewConnectionError | ConnectTimeoutError | SSLError)
        seen = seen.__context__
    return False


def _refused(status: int, code: str | None) -> ChannelError:
    """Say what an error answer means. Aliyun's own sentence is left out: it may repeat the number."""
    known = PERMANENT.get(code) if code is not None else None
    if known is not None:
        return ChannelError(f"aliyun {code}: {known}", permanent=True)
    maybe = status >= HTTPStatus.INTERNAL_SERVER_ERROR or code is None or code in THEIR_TROUBLE
    return ChannelError(f"aliyun: HTTP {status:d}, code {code}", permanent=False, maybe_taken=maybe)
