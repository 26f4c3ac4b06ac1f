"""What Aliyun pushes: the fate of our texts (SmsReport) and people's answers (SmsUp).

Takes POSTs of JSON arrays, commits what they change, answers as Aliyun wants it and wakes the courier. Aliyun
signs nothing, so the address itself is the secret: it carries a token, and any other address is not there.
Beyond that a push is believed no further than it must be: a report only about a text that was sent to that
very number, an answer only from a number and with a code that replies accept. What cannot be written now,
or speaks of a text whose sending is not recorded yet, is answered with 503: Aliyun pushes again after 1, 5
and 10 minutes. Never logs a body, a number or the address.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from alerting import replies
from alerting.channels.aliyun_templates import CHINA, said_by, time_ms
from alerting.duty import Duty
from alerting.ledger import LedgerError, Tx, message, person_phone, record_receipt
from alerting.policy import Policy
from guardian.clock import Clock
from guardian.web.signed import LedgerLike, later, read_body

MOST_BYTES: Final = 256 * 1024
"""A push holds many entries of under 400 bytes; a longer body is not read to its end."""
MOST_ENTRIES: Final = 500
MOST_OUT_ID: Final = 256
"""Characters of an OutId are fewer (aliyun_templates.out_id)."""
MOST_NUMBER: Final = 2**63 - 1
"""The largest number of a text that a database could have given."""
VIA: Final = "aliyun"
TAKEN: Final = {"code": 0, "msg": "接收成功"}
"""The answer that ends the pushing (Aliyun's SmsReport and SmsUp pages)."""


def report_path(token: str) -> str:
    """Where reports are pushed to, below `public_url`; goes into Aliyun's console."""
    return f"/aliyun/{token}/report"


def reply_path(token: str) -> str:
    """Where answers are pushed to, below `public_url`."""
    return f"/aliyun/{token}/reply"


def aliyun_hooks_app(
    ledger: LedgerLike,
    *,
    token: str,
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
    token
        the secret in the addresses.
    on_change
        called after a commit that changed something; wakes the courier.
    clock
        gives the time of arrival.
    duty
        gives the people as they are now.
    policy
        config/escalation.toml.
    """

    async def pushed(request: Request) -> Sequence[Mapping[str, Any]] | Response:
        given = request.path_params["token"].encode()
        if not hmac.compare_digest(_digest(given), _digest(token.encode())):
            return PlainTextResponse("Not Found", 404)
        body = await read_body(request, MOST_BYTES)
        if body is None:
            return PlainTextResponse("too large", 413)
        entries = _entries(body)
        return PlainTextResponse("not an array of objects", 400) if entries is None else entries

    async def take(request: Request, work: Callable[[Tx, Mapping[str, Any]], tuple[bool, bool]]) -> Response:
        entries = await pushed(request)
        if isinstance(entries, Response):
            return entries
        try:
            done = await ledger.transact(lambda tx: [work(tx, entry) for entry in entries])
        except LedgerError:
            return later()
        if any(changed for changed, _ in done):
            on_change()
        return JSONResponse(TAKEN) if all(settled for _, settled in done) else later()

    async def report(request: Request) -> Response:
        return await take(request, _take_report)

    async def reply(request: Request) -> Response:
        now_ms, people = clock.now_ms(), duty()
        return await take(request, lambda tx, entry: _take_reply(tx, entry, people, policy, now_ms))

    app = Starlette(
        routes=[
            Route(report_path("{token}"), report, methods=["POST"]),
            Route(reply_path("{token}"), reply, methods=["POST"]),
        ]
    )
    app.router.redirect_slashes = False  # any other address is not there
    return app


def _take_report(tx: Tx, entry: Mapping[str, Any]) -> tuple[bool, bool]:
    """Record the fate of one text; give whether that changed something, and whether it is settled."""
    named, phone = _text(entry, "out_id"), _phone(entry)
    said = said_by(named) if len(named) < MOST_OUT_ID else None
    success = entry.get("success")
    if said is None or said.number > MOST_NUMBER or not isinstance(success, bool):
        return False, True
    try:
        text = message(tx, said.number)
    except LookupError:
        return False, True
    if text.channel != VIA or person_phone(tx, text.responder) != phone:
        return False, True
    if text.sid is None:
        return False, text.state not in {"due", "leased"}  # in the courier's hand: ask for it again
    if text.sid not in {_text(entry, "biz_id"), named}:
        return False, True  # another copy of the text than the one that is recorded
    return record_receipt(tx, text.sid, "delivered" if success else "undelivered"), True


def _take_reply(
    tx: Tx, entry: Mapping[str, Any], duty: Duty, policy: Policy, now_ms: int
) -> tuple[bool, bool]:
    """Act on one answer; give whether there is something to do, and that it is settled."""
    phone, body = _phone(entry), _text(entry, "content")
    named = (
        _text(entry, "sequence_id")
        or hashlib.sha256(f"{phone}\0{entry.get('send_time')}\0{body}".encode("utf-8", "replace")).hexdigest()
    )
    told = replies.Inbound(
        sid=f"{VIA}-{named[:64]}",
        phone=phone,
        body=body,
        t_ms=time_ms(_text(entry, "send_time")) or now_ms,
        via=VIA,
    )
    return replies.take(tx, told, duty, policy, now_ms).changed, True


def _phone(entry: Mapping[str, Any]) -> str:
    """Give a number as the roster has it: Aliyun leaves out the country, or its plus."""
    number = _text(entry, "phone_number").removeprefix("+")
    return CHINA + (number.removeprefix("86") if len(number) > 11 else number)


def _text(entry: Mapping[str, Any], name: str) -> str:
    """Give a field as text; numbers are written out, anything else counts as missing."""
    value = entry.get(name)
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()  # JSON may hold halves of characters
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _entries(body: bytes) -> Sequence[Mapping[str, Any]] | None:
    """Take the array apart; None when Aliyun cannot have written it."""
    try:
        entries = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entries, list) or len(entries) > MOST_ENTRIES:
        return None
    return entries if all(isinstance(e, dict) for e in entries) else None


def _digest(text: bytes) -> bytes:
    """Make lengths equal, so that comparing tells nothing about the secret's."""
    return hashlib.sha256(text).digest()
