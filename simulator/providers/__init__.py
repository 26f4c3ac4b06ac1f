"""A fake Twilio: the 2010-04-01 Messages and Calls resources as far as Guardian uses them.

Takes what the real one takes (form, basic auth), gives the real one's JSON and error JSON, reports the fate
of each text and call with signed callbacks, and turns what a phone does into what the real one tells: a
text that is listed and told, a key that is posted. On request it loses, delays, refuses, repeats and lies.

- account.py: who may ask, signatures, callbacks, tasks. knobs.py: what goes wrong. errors.py: refusals.
- texts.py, calls.py: the resources and what becomes of each text and call. speech.py: a call's words and
  keys. listing.py: pages.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from guardian.web.serve import Tcp, serve
from simulator.providers.account import Account
from simulator.providers.calls import Answer, Call, Calls
from simulator.providers.errors import error
from simulator.providers.knobs import Knobs, Report, Trouble
from simulator.providers.texts import Text, Texts

__all__ = ["Answer", "Call", "FakeTwilio", "Knobs", "Report", "Text", "Trouble"]


class FakeTwilio(Account):
    """One account with one number for texts and calls."""

    def __init__(
        self,
        account_sid: str,
        auth_token: str,
        number: str,
        now_ms: Callable[[], int],
        *,
        callbacks: httpx.AsyncClient | None = None,
        sms_webhook: str | None = None,
        voice_webhook: str | None = None,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Set the account up.

        Parameters
        ----------
        callbacks
            carries webhooks, and status callbacks to the address that each text or call names.
        sms_webhook, voice_webhook
            where texts and calls to our number are told.
        """
        super().__init__(account_sid, auth_token, number, now_ms, callbacks=callbacks, wait=wait)
        self.sms_webhook = sms_webhook
        self.voice_webhook = voice_webhook
        self._texts, self._calls = Texts(self), Calls(self)
        root = f"/2010-04-01/Accounts/{account_sid}"
        self.app = Starlette(
            routes=[
                *self._texts.routes(root),
                *self._calls.routes(root),
                Route("/{rest:path}", self._nothing_here, methods=["GET", "POST", "DELETE"]),
            ]
        )

    @property
    def texts(self) -> list[Text]:
        """Every text so far, in both directions."""
        return self._texts.kept

    @property
    def calls(self) -> list[Call]:
        """Every call so far, in both directions."""
        return self._calls.kept

    def has_phones(
        self, delivered: Callable[[Text], None], ringing: Callable[[Call], Awaitable[Answer]]
    ) -> None:
        """Give the phones: what takes a delivered text, and what says how a ringing phone is answered."""
        self._texts.on_delivered, self._calls.on_ringing = delivered, ringing

    def release(self) -> None:
        """Let held texts go."""
        self._texts.release()

    def outbound(self) -> list[Text]:
        """Every text taken from Guardian so far, in order."""
        return [t for t in self.texts if t.direction != "inbound"]

    async def phone_sends(self, number: str, body: str) -> str:
        """Take a text that a person has sent to our number: list it, tell the webhook; give its sid."""
        return await self._texts.comes_in(number, body, self.sms_webhook)

    async def tell_inbound(self, sid: str) -> None:
        """POST the signed webhook of an inbound text, again if it has been told before."""
        await self._texts.tell(sid, self.sms_webhook)

    def phone_calls(self, number: str) -> Call:
        """Take a call that a person makes to our number."""
        return self._calls.comes_in(number, self.voice_webhook)

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[str]:
        """Run on a free loopback port; gives the base address."""
        async with serve(self.app, Tcp(0)) as listening:
            yield listening.url

    async def _nothing_here(self, request: Request) -> Response:
        return error(*(self.unauthorised(request) or (404, 20404)), {})
