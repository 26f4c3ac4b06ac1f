"""Texts by Twilio.

Takes a number and a body, gives Twilio's id of the text, or a `ChannelError` that says whether trying
the same again can help. Lists what Twilio has from us and for us. Never retries, never logs a number or a
body (twilio_account.py).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from alerting.channels import Abilities, ListedText
from alerting.channels.twilio_account import Account, made_ms

VALID_S = (1, 36_000)
"""Twilio's bounds of ValidityPeriod (docs: Messages resource, July 2024: up to 10 hours)."""


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
        self._account = Account(
            account_sid, auth_token, base_url=base_url, timeout_s=timeout_s, transport=transport
        )

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
            return await self._account.messages.create_async(
                to=phone,
                from_=self._from,
                body=body,
                validity_period=min(max(valid_s, VALID_S[0]), VALID_S[1]),
                **extra,
            )

        return await self._account.created(post)

    async def sent_since(self, phone: str, since_ms: int) -> Sequence[ListedText]:
        """List the texts to `phone` that Twilio has taken from us since `since_ms`, oldest first."""
        return await self._listed({"to": phone}, since_ms, inbound=False)

    async def received_since(self, since_ms: int) -> Sequence[ListedText]:
        """List the texts that people have sent to our number since `since_ms`, oldest first."""
        return await self._listed({"to": self._from}, since_ms, inbound=True)

    async def close(self) -> None:
        """Let go of connections."""
        await self._account.close()

    async def _listed(self, who: Mapping[str, str], since_ms: int, *, inbound: bool) -> Sequence[ListedText]:
        found = await self._account.listed(self._account.messages, who, since_ms)
        return [
            ListedText(
                sid=r.sid or "",
                phone=(r.from_ if inbound else r.to) or "",
                body=r.body or "",
                t_ms=made_ms(r),
                status=r.status or "",
            )
            for r in found
            if (r.direction == "inbound") is inbound
        ]
