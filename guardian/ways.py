"""Builds the ways to reach people that the settings name.

Takes settings, gives channels in order of preference and what informs. The libraries of modem, Aliyun and
Apprise are extras and take up to half a second to import, so each is imported here, when it is configured.
Nothing is opened or sent.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from alerting.channels import Channel
from alerting.channels.aliyun_templates import Template
from alerting.channels.twilio_sms import TwilioSms
from alerting.channels.twilio_voice import TwilioVoice
from alerting.policy import Policy
from alerting.quota import Cap
from guardian.settings import (
    Aliyun,
    AliyunTemplate,
    Apprise,
    Loaded,
    Modem,
    Settings,
    SettingsError,
    Twilio,
)

if TYPE_CHECKING:
    from alerting.channels.apprise import Informer

OWN_SHARE: Final = 0.9
"""Of the courier's limit for one send, what a channel allows itself: only the channel knows whether a text
has begun to leave, so it must be the first to give up."""


def channels(loaded: Loaded, now_ms: Callable[[], int]) -> Iterator[Channel]:
    """Give every channel that is configured, in order of preference.

    Texts: the domestic provider, the one for everywhere, the modem. Calls likewise.

    Raises
    ------
    SettingsError
        an extra is not installed.
    """
    settings, policy = loaded.settings, loaded.policy
    if settings.aliyun is not None:
        yield aliyun_sms(settings.aliyun, policy, now_ms)
    if settings.twilio is not None:
        yield twilio_sms(settings.twilio, policy)
    if settings.modem is not None:
        yield modem(settings.modem, policy, now_ms)
    calls = None if settings.aliyun is None else aliyun_voice(settings.aliyun, policy, now_ms)
    if calls is not None:
        yield calls
    if settings.twilio is not None and settings.twilio.voice:
        yield twilio_voice(settings.twilio, policy)


def caps(settings: Settings) -> dict[str, Cap]:
    """Give what each channel of texts lets through in a day, where the settings say so; calls have no cap."""
    texts = {"aliyun": settings.aliyun, "twilio": settings.twilio, "modem": settings.modem}
    found = {name: Cap(s.per_number_per_day, s.per_day) for name, s in texts.items() if s is not None}
    return {name: cap for name, cap in found.items() if cap != Cap()}


def twilio_sms(settings: Twilio, policy: Policy) -> Channel:
    """Give the channel of texts by Twilio."""
    callback = f"{settings.public_url.rstrip('/')}/twilio/status" if settings.public_url else None
    return TwilioSms(
        settings.account_sid,
        settings.auth_token.get_secret_value(),
        settings.from_number,
        base_url=settings.base_url,
        status_callback=callback,
        timeout_s=policy.send_timeout_s,
    )


def twilio_voice(settings: Twilio, policy: Policy) -> Channel:
    """Give the calls by Twilio."""
    return TwilioVoice(
        settings.account_sid,
        settings.auth_token.get_secret_value(),
        settings.voice_from_number or settings.from_number,
        public_url=settings.public_url,
        base_url=settings.base_url,
        timeout_s=policy.send_timeout_s,
    )


def real_ways(settings: Settings) -> Sequence[str]:
    """Name the sections through which real people would be reached; a replay refuses them."""
    real = {
        "twilio": settings.twilio is not None and settings.twilio.base_url is None,
        "aliyun": settings.aliyun is not None and settings.aliyun.base_url is None,
        "modem": settings.modem is not None and settings.modem.model != "dummy",
        "apprise": settings.apprise is not None,
    }
    return [name for name, is_real in real.items() if is_real]


def aliyun_sms(settings: Aliyun, policy: Policy, now_ms: Callable[[], int]) -> Channel:
    """Give the channel of texts in mainland China; it belongs before Twilio's.

    Raises
    ------
    SettingsError
        the extra is not installed.
    """
    with _extra("aliyun"):
        from alerting.channels.aliyun import AliyunSms  # noqa: PLC0415  # an extra
    return AliyunSms(
        settings.access_key_id,
        settings.access_key_secret.get_secret_value(),
        settings.sign_name,
        _templates(settings.templates),
        now_ms,
        base_url=settings.base_url,
        timeout_s=policy.send_timeout_s * OWN_SHARE,
    )


def aliyun_voice(settings: Aliyun, policy: Policy, now_ms: Callable[[], int]) -> Channel | None:
    """Give the calls in mainland China; None without `[aliyun.calls]`.

    Raises
    ------
    SettingsError
        the extra is not installed.
    """
    if not settings.calls:
        return None
    with _extra("aliyun"):
        from alerting.channels.aliyun import AliyunVoice  # noqa: PLC0415  # an extra
    return AliyunVoice(
        settings.access_key_id,
        settings.access_key_secret.get_secret_value(),
        _templates(settings.calls),
        now_ms,
        show_number=settings.show_number,
        base_url=settings.base_url,
        timeout_s=policy.send_timeout_s * OWN_SHARE,
    )


def modem(settings: Modem, policy: Policy, now_ms: Callable[[], int]) -> Channel:
    """Give the channel of the USB modem; it belongs last.

    Raises
    ------
    SettingsError
        the extra is not installed.
    """
    with _extra("modem"):
        from alerting.channels.modem import Modem as ModemChannel  # noqa: PLC0415  # an extra
    return ModemChannel(
        settings.device,
        now_ms,
        connection=settings.connection,
        model=settings.model,
        country=settings.country,
        timeout_s=policy.send_timeout_s * OWN_SHARE,
    )


def informer(settings: Apprise) -> "Informer":
    """Give what passes information on.

    Raises
    ------
    SettingsError
        the extra is not installed, or an address is not understood.
    """
    with _extra("apprise"):
        from alerting.channels.apprise import Informer  # noqa: PLC0415  # an extra
    try:
        return Informer(_lines(settings.urls.get_secret_value()))
    except ValueError as e:
        raise SettingsError([f"apprise.urls: {e}"]) from None


@contextmanager
def _extra(name: str) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as e:
        raise SettingsError([f"[{name}] needs the extra: pip install 'guardian-care[{name}]'"]) from e


def _templates(settings: Mapping[str, AliyunTemplate]) -> dict[str, Template]:
    return {purpose: Template(t.code, t.parameters) for purpose, t in settings.items()}


def _lines(text: str) -> list[str]:
    lines: Iterable[str] = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]
