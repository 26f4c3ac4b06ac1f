"""Webhooks of the provider: an application on its own port, with four addresses and nothing else.

Takes Twilio's signed POSTs (an answer from a person, the fate of a text, and in calls.py keys and the
fate of a call), commits what they change, then answers with TwiML and wakes the courier. A forged or
unsigned request gets 403 and changes nothing (signed.py); a repeated one gets 200 and changes nothing.
Never says why it refused, never logs a body or a number.
"""

from collections.abc import Callable, Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from alerting import replies
from alerting.duty import Duty
from alerting.ledger import LedgerError, record_receipt
from alerting.policy import Policy
from guardian.clock import Clock
from guardian.web.calls import call_routes
from guardian.web.signed import LedgerLike, Signed, later, taken

SMS_PATH = "/twilio/sms"
STATUS_PATH = "/twilio/status"


def hooks_app(
    ledger: LedgerLike,
    *,
    account_sid: str,
    tokens: Sequence[str],
    public_url: str,
    on_change: Callable[[], None],
    clock: Clock,
    duty: Callable[[], Duty],
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
    duty
        gives the people as they are now.
    policy
        config/escalation.toml.
    """
    signed = Signed(account_sid, tokens, public_url)

    async def sms(request: Request) -> Response:
        fields = await signed.fields(request, SMS_PATH, "MessageSid")
        if isinstance(fields, Response):
            return fields
        now_ms, people = clock.now_ms(), duty()
        told = replies.Inbound(
            sid=fields["MessageSid"],
            phone=fields.get("From", ""),
            body=fields.get("Body", ""),
            t_ms=now_ms,
            via="webhook",
        )
        try:
            done = await ledger.transact(lambda tx: replies.take(tx, told, people, policy, now_ms))
        except LedgerError:
            return later()  # the answer is found by polling in any case
        if done.changed:
            on_change()
        return taken()

    async def status(request: Request) -> Response:
        fields = await signed.fields(request, STATUS_PATH, "MessageSid")
        if isinstance(fields, Response):
            return fields
        sid, word = fields["MessageSid"], fields.get("MessageStatus", "")
        try:
            changed = await ledger.transact(lambda tx: record_receipt(tx, sid, word))
        except LedgerError:
            return later()
        if changed:
            on_change()
        return taken()

    app = Starlette(
        routes=[
            Route(SMS_PATH, sms, methods=["POST"]),
            Route(STATUS_PATH, status, methods=["POST"]),
            *call_routes(ledger, signed, on_change=on_change, clock=clock, duty=duty, policy=policy),
        ]
    )
    app.router.redirect_slashes = False  # any other address is not there
    return app
