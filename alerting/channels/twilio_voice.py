"""Phone calls by Twilio: words that a voice reads out, and keys that answer.

Takes a number and the words, gives Twilio's id of the call, or a `ChannelError` (twilio_account.py). The
words go out with the call as TwiML, so that it speaks even when our webhook cannot be reached; keys come
to the webhook. Lists our calls to a number, without words: lists of calls carry none. Never retries, never
logs a number or a word.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import httpx
from twilio.twiml.voice_response import (  # type: ignore[import-untyped]  # the SDK ships no types
    Gather,
    VoiceResponse,
)

from alerting.channels import Abilities, ListedText
from alerting.channels.twilio_account import Account, made_ms
from alerting.duty import Language
from alerting.spoken import Keys

VOICE_PATH = "/twilio/voice"
CALL_STATUS_PATH = "/twilio/call-status"
"""Where Twilio finds our webhooks, behind the public address."""

TIMES = 3
"""How often a call says what it has to say: whoever is woken by it has missed the first time."""
RING_S = (5, 20)
"""How long it rings, in seconds: less when the message is not worth more, and hung up before voicemail
answers, mostly after 20 to 30 s. Twilio adds up to 5 s (API description, Calls resource, Timeout)."""
LONGEST_S = 300
"""A call is cut off after this, whoever keeps pressing keys."""
KEY_WAIT_S = 6
"""How long a key is waited for after the last word."""
MINUTES_WAIT_S = 5
"""How long the next digit of the minutes is waited for, when nobody presses "#"."""
MOST_TWIML = 4000
"""Twilio's limit for TwiML that comes with the call (API description, Calls resource, Twiml)."""
EVENTS = ("initiated", "ringing", "answered", "completed")
_SPOKEN: dict[Language, str] = {"zh": "zh-CN", "en": "en-US"}


class TwilioVoice:
    """A `Channel` that calls through Twilio's Calls resource."""

    name = "twilio-voice"

    def __init__(
        self,
        account_sid: str,
        auth_token: str,
        from_number: str,
        *,
        public_url: str | None = None,
        base_url: str | None = None,
        timeout_s: float = 10.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Build the client; nobody is called.

        Parameters
        ----------
        account_sid, auth_token, base_url, timeout_s, transport
            as for texts (`Account`).
        from_number
            our number, E.164; it must be able to call.
        public_url
            where Twilio reaches our webhooks; None: a call speaks, and no key can be pressed.
        """
        reached = public_url is not None
        self.abilities = Abilities(
            two_way=reached, receipts=reached, voice=True, needs_inbound=reached, countries=None, spoken=True
        )
        self._from = from_number
        self._public = public_url
        self._account = Account(
            account_sid, auth_token, base_url=base_url, timeout_s=timeout_s, transport=transport
        )

    async def send(self, phone: str, body: str, valid_s: int) -> str:
        """Have `body` read out to `phone`; give the call's sid.

        `valid_s` bounds how long it rings. A call that Twilio queues (more than one a second, unless the
        account has more) may ring later than that.

        Raises
        ------
        ChannelError
            refused (permanent), or unreachable, slow, overloaded or unreadable (not permanent; it may
            ring all the same).
        """
        action = None if self._public is None else key_address(self._public, press=1)
        says = twiml([body], action, times=TIMES)
        extra: dict[str, Any] = {}
        if self._public is not None:
            extra["status_callback"] = self._public.rstrip("/") + CALL_STATUS_PATH
            extra["status_callback_event"] = list(EVENTS)

        async def post() -> Any:
            return await self._account.calls.create_async(
                to=phone,
                from_=self._from,
                twiml=says,
                timeout=min(max(valid_s, RING_S[0]), RING_S[1]),
                time_limit=LONGEST_S,
                **extra,
            )

        return await self._account.created(post)

    async def sent_since(self, phone: str, since_ms: int) -> Sequence[ListedText]:
        """List our calls to `phone` since `since_ms`, oldest first, each with an empty body."""
        found = await self._account.listed(self._account.calls, {"to": phone}, since_ms)
        return [
            ListedText(sid=r.sid or "", phone=r.to or "", body="", t_ms=made_ms(r), status=r.status or "")
            for r in found
            if r.direction != "inbound"
        ]

    async def received_since(self, since_ms: int) -> Sequence[ListedText]:
        """Give nothing: keys come by webhook alone, no list has them."""
        _ = since_ms
        return ()

    async def close(self) -> None:
        """Let go of connections."""
        await self._account.close()


def language_of(body: str) -> Language:
    """Tell which voice can read `body`: Chinese as soon as one character is."""
    return "zh" if any("\u4e00" <= c <= "\u9fff" for c in body) else "en"


def key_address(public_url: str, *, press: int, keys: Keys = Keys.ONE) -> str:
    """Give the address to which keys are told.

    It says which press of this call it is, so that one that is told twice counts once, and what the keys
    mean. Twilio signs it with the rest, so nobody else can make one up.
    """
    asked = {"press": press} if keys is Keys.ONE else {"press": press, "keys": keys.value}
    return f"{public_url.rstrip('/')}{VOICE_PATH}?{urlencode(asked)}"


def twiml(sentences: Sequence[str], action: str | None, *, keys: Keys = Keys.ONE, times: int = 2) -> str:
    """Say each sentence in its own language, waiting for keys after each time; then hang up.

    Parameters
    ----------
    action
        where keys are told (`key_address`); None: none are waited for.
    """
    response = VoiceResponse()
    for _ in range(times):
        if action is None or keys is Keys.NONE:
            _say(response, sentences)
            response.pause(length=1)
            continue
        wanted = (
            {"num_digits": 1, "timeout": KEY_WAIT_S}
            if keys is Keys.ONE
            else {"num_digits": 3, "timeout": MINUTES_WAIT_S, "finish_on_key": "#"}
        )
        gather = Gather(action=action, method="POST", **wanted)
        _say(gather, sentences)
        response.append(gather)
    response.hangup()
    return str(response)


def _say(verb: Any, sentences: Sequence[str]) -> None:
    for sentence in sentences:
        verb.say(sentence, language=_SPOKEN[language_of(sentence)])
