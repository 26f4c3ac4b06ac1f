"""Webhooks of calls: the keys that somebody presses, and the fate of a call.

Takes Twilio's signed POSTs, commits what they change, and answers a key with the words that are said next
(TwiML). Which press of a call it is, and whether minutes were asked for, stands in the signed address.
Somebody who calls our number is told the keys, once staff have set "/twilio/voice" there in Twilio's
console. Never says that something was noted before it is committed.
"""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from alerting import keypress, spoken
from alerting.channels.twilio_voice import CALL_STATUS_PATH, VOICE_PATH, key_address, twiml
from alerting.duty import Duty, Language
from alerting.ledger import LedgerError, record_receipt
from alerting.policy import Policy
from alerting.spoken import Keys
from guardian.clock import Clock
from guardian.web.signed import MOST_DIGITS, LedgerLike, Signed, later, taken


def call_routes(
    ledger: LedgerLike,
    signed: Signed,
    *,
    on_change: Callable[[], None],
    clock: Clock,
    duty: Callable[[], Duty],
    policy: Policy,
) -> list[Route]:
    """Build the two routes; the parameters are those of `hooks_app`."""

    async def voice(request: Request) -> Response:
        fields = await signed.fields(request, VOICE_PATH, "CallSid")
        if isinstance(fields, Response):
            return fields
        told = request.query_params.get("press", "0")
        count = int(told) if told.isascii() and told.isdecimal() and len(told) <= MOST_DIGITS else 0
        asked = Keys.MINUTES if request.query_params.get("keys") == Keys.MINUTES else Keys.ONE
        theirs = "From" if fields.get("Direction") == "inbound" else "To"
        pressed = keypress.Pressed(
            call=fields["CallSid"],
            phone=fields.get(theirs, ""),
            digits=fields.get("Digits", ""),
            press=count,
            asked=asked,
        )
        now_ms, people = clock.now_ms(), duty()
        try:
            heard = await ledger.transact(lambda tx: keypress.press(tx, pressed, people, policy, now_ms))
        except LedgerError:
            return taken(_once_more(key_address(signed.public_url, press=count, keys=asked), asked))
        if heard.changed:
            on_change()
        if not heard.words:
            return taken()
        action = key_address(signed.public_url, press=count + 1, keys=heard.keys)
        return taken(twiml([heard.words], action, keys=heard.keys))

    async def call_status(request: Request) -> Response:
        fields = await signed.fields(request, CALL_STATUS_PATH, "CallSid")
        if isinstance(fields, Response):
            return fields
        sid, word = fields["CallSid"], fields.get("CallStatus", "")
        try:
            changed = await ledger.transact(lambda tx: record_receipt(tx, sid, word))
        except LedgerError:
            return later()
        if changed:
            on_change()
        return taken()

    return [
        Route(VOICE_PATH, voice, methods=["POST"]),
        Route(CALL_STATUS_PATH, call_status, methods=["POST"]),
    ]


def _once_more(action: str, asked: Keys) -> str:
    """Ask for the same key again, in both languages: the ledger, which knows whose it is, does not answer."""
    both: tuple[Language, ...] = ("zh", "en")
    return twiml(
        [spoken.words("answer", "not-noted", language=each, code="") for each in both], action, keys=asked
    )
