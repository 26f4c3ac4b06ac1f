"""Webhooks: whole requests to the applications that providers reach, over a ledger that forgets each of them.

An input is the address on the first line, then headers, a blank line, and the body. A signature written as
`@` is replaced by the true one, so that damaged forms come past the door as well.
"""

import asyncio
import json
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl, quote, unquote, urlencode

from starlette.applications import Starlette

from alerting import ledger as ledger_of
from alerting.channels.twilio_voice import CALL_STATUS_PATH
from alerting.concern import Concern, Kind, Severity
from alerting.duty import Duty, Responder, Shift
from alerting.ledger import Ledger, Message, RosterRows, Tx
from guardian.settings import CONFIG, load
from guardian.web.aliyun_hooks import aliyun_hooks_app, reply_path, report_path
from guardian.web.hooks import hooks_app
from guardian.web.signed import MOST_BYTES
from simulator.fuzz.dice import Dice
from simulator.fuzz.entry import Entry
from simulator.fuzz.mutators import NUMBERS, TEXTS
from simulator.fuzz.writing import json_object
from simulator.providers.account import signature

_SID: Final = "AC" + "0" * 31 + "1"
_TOKEN: Final = "secret-token"
_PUSH: Final = "t" * 40
_PUBLIC: Final = "https://centre.example/hooks"
_ANN: Final = "+8613800000001"
_START_MS: Final = 1_763_942_400_000
_ANSWERS: Final = frozenset({200, 400, 403, 404, 405, 413})
"""503 is for a ledger that cannot write, and for a report of a text whose sending is not recorded yet."""
_SIGNED: Final = b"x-twilio-signature"
_COUNT: Final = 200_000
_FIELDS: Final = (
    *(
        "MessageSid",
        "CallSid",
        "AccountSid",
        "From",
        "To",
        "Body",
        "Digits",
        "Direction",
        "MessageStatus",
        "CallStatus",
    ),
    "NumMedia",
)
_ENTRIES: Final = (
    *(
        "phone_number",
        "content",
        "send_time",
        "sequence_id",
        "out_id",
        "biz_id",
        "success",
        "err_code",
        "report_time",
    ),
    *("sign_name", "dest_code", "sms_size"),
)

T = TypeVar("T")


class _Undone(Exception):  # noqa: N818  (no fault: it takes back what was done)
    def __init__(self, result: object) -> None:
        self.result = result


class _Forgetful:
    """A ledger in memory that takes everything back."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def transact(self, work: Callable[[Tx], T]) -> T:
        """Run `work`, then undo it: whatever comes next finds the same ledger."""

        def undone(tx: Tx) -> T:
            raise _Undone(work(tx))

        try:
            return await self._ledger.transact(undone)
        except _Undone as e:
            result: Any = e.result
            return result  # type: ignore[no-any-return]


class _Still:
    """A clock that stands."""

    def now_ms(self) -> int:
        """Give always the same time."""
        return _START_MS

    async def wait(self, wake: asyncio.Event, until_ms: int | None) -> None:
        """Nobody waits here."""
        raise NotImplementedError


def _furnish(tx: Tx) -> tuple[str, int]:
    """Ask Ann to go to one home; give her code and the number of her text, which is out."""
    figures = {"language": "zh", "reply_odds": 0.3, "reply_p90_s": 60.0, "turnout_p90_s": 60.0}
    rows = RosterRows(
        people=({"id": "ann", "name": "Ann", "phone": _ANN, "address": None},),
        sites=(),
        homes=(),
        rooms=(),
        zones=(),
        sensors=(),
        responders=({"id": "ann", "active": True, **figures},),
        shifts=(),
        travels=(),
    )
    ledger_of.save_roster(tx, rows, "fuzz", "0", _START_MS)
    opened = ledger_of.open_new(
        tx,
        Concern("h1", Kind.SOS, _START_MS, _START_MS, 1.0),
        severity=Severity.HIGH,
        deadline_ms=_START_MS + 600_000,
        late=False,
        now_ms=_START_MS,
    )
    page = Message(
        responder="ann",
        purpose="page",
        template="high",
        incident=opened.id,
        due_ms=_START_MS,
        valid_until_ms=_START_MS + 600_000,
        created_ms=_START_MS,
    )
    number = ledger_of.enqueue(tx, page)
    code = ledger_of.code_for(tx, opened.id, "ann", _START_MS)
    ledger_of.lease(tx, number, _START_MS, _START_MS + 30_000, channel="aliyun", body="")
    ledger_of.record_sent(tx, number, "SM-page", _START_MS)
    return code, number


def _request(data: bytes) -> tuple[str, bytes, list[tuple[bytes, bytes]], bytes]:
    """Take an input apart: path, query, headers, body."""
    head, _, body = data.partition(b"\n\n")
    address, *lines = head.split(b"\n")
    path, _, query = address.partition(b"?")
    headers = [
        (name.strip().lower(), value.strip()) for name, _, value in (ln.partition(b":") for ln in lines)
    ]
    return unquote(path.decode("latin-1")), query, headers, body


def _signature(path: str, query: bytes, body: bytes) -> bytes:
    """Sign as Twilio would, if it could have written such a form at all."""
    if len(body) > MOST_BYTES:
        return b"none"  # nobody reads so much, and to sign it would be our time, not Guardian's
    try:
        fields = dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict"))
        url = _PUBLIC + path + (f"?{query.decode('latin-1')}" if query else "")
        return signature(_TOKEN, url, fields).encode()
    except ValueError:
        return b"none"


class _Caller:
    """Calls an application without a socket."""

    def __init__(self, stack: ExitStack) -> None:
        self._loop = asyncio.new_event_loop()
        stack.callback(self._loop.close)
        self.ledger = self.run(Ledger.open(None, inline=True, integrity=False))
        stack.callback(lambda: self.run(self.ledger.close()))
        self.code, self.number = self.run(self.ledger.transact(_furnish))
        self.policy = load(CONFIG / "guardian.toml").policy
        ann = Responder("ann", _ANN, "zh", reply_odds=0.3, reply_p90_s=60.0, turnout_p90_s=60.0)
        always = Shift("ann", frozenset(range(7)), 0, 0)
        self.duty = Duty({"ann": ann}, (always,), {}, default_travel_s=300.0)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run to the end."""
        return self._loop.run_until_complete(work)

    def answer(self, app: Starlette, data: bytes) -> str:
        """Give the status that a request is answered with."""
        path, query, headers, body = _request(data)
        sign = (_SIGNED, b"@")
        headers = [(k, _signature(path, query, body)) if (k, v) == sign else (k, v) for k, v in headers]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode("utf-8", "surrogateescape"),
            "root_path": "",
            "query_string": query,
            "headers": headers,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8081),
        }
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        self.run(app(scope, receive, send))
        status: int = sent[0]["status"]
        if status not in _ANSWERS:
            raise AssertionError(f"answered with {status}")
        return str(status) if status != 200 else f"taken {path[:14]}"


def webhook(stack: ExitStack) -> Entry:
    """Twilio's four webhooks: answers, fates of texts and calls, and keys."""
    caller = _Caller(stack)
    app = hooks_app(
        _Forgetful(caller.ledger),
        account_sid=_SID,
        tokens=[_TOKEN, "next-token"],
        public_url=_PUBLIC,
        on_change=_nobody,
        clock=_Still(),
        duty=lambda: caller.duty,
        policy=caller.policy,
    )
    paths = ("/twilio/sms", "/twilio/status", "/twilio/voice", "/twilio/voice?press=1&keys=minutes")
    words = (
        caller.code,
        f"{caller.code} 1 15",
        "1",
        "5",
        "SM-page",
        _ANN,
        _SID,
        "delivered",
        "inbound",
        "completed",
    )

    def post(path: str, fields: dict[str, str]) -> bytes:
        return f"{path}\nx-twilio-signature: @\n\n{urlencode(fields, errors='surrogatepass')}".encode()

    text = {
        "MessageSid": "SM-1",
        "AccountSid": _SID,
        "From": _ANN,
        "Body": f"{caller.code} 1 15",
        "NumMedia": "0",
    }
    call = {"CallSid": "CA-1", "AccountSid": _SID, "To": _ANN, "Digits": "1", "Direction": "outbound-api"}
    corpus = (
        post(paths[0], text),
        post(paths[1], {"MessageSid": "SM-page", "AccountSid": _SID, "MessageStatus": "delivered"}),
        post(paths[2], call),
        post(paths[3], call | {"Digits": "15"}),
        post(CALL_STATUS_PATH, {"CallSid": "SM-page", "AccountSid": _SID, "CallStatus": "completed"}),
        post(paths[0], text).replace(b"@", b"AAAAAAAAAAAAAAAAAAAAAAAAAAA=\ncontent-length: 100"),
    )

    def invented(dice: Dice) -> bytes:
        fields = {
            "AccountSid": _SID,
            "MessageSid": f"SM-{dice.below(1000)}",
            "CallSid": f"CA-{dice.below(1000)}",
        }
        for _ in range(dice.below(6)):
            fields[dice.pick(_FIELDS)] = dice.pick((*words, *words, *TEXTS, *NUMBERS))
        data = post(dice.pick(paths), fields)
        return (
            data
            if dice.below(8)
            else data.replace(b"press=1", b"press=" + quote(dice.pick(NUMBERS)).encode())
        )

    return Entry(
        "webhook",
        corpus,
        invented,
        lambda data: caller.answer(app, data),
        (),
        _COUNT,
        words=(
            *(f"&{f}=".encode() for f in _FIELDS),
            *(quote(w).encode() for w in words),
            b"content-length: ",
            b"%00",
            b"%ff",
        ),
        most=64 * 1024,
        batch=100,
    )


def aliyun(stack: ExitStack) -> Entry:
    """What Aliyun pushes: answers and reports."""
    caller = _Caller(stack)
    app = aliyun_hooks_app(
        _Forgetful(caller.ledger),
        token=_PUSH,
        on_change=_nobody,
        clock=_Still(),
        duty=lambda: caller.duty,
        policy=caller.policy,
    )
    paths = (reply_path(_PUSH), report_path(_PUSH))
    out_id = f"{caller.number}.zh.page.high.{caller.code}.1010.17..."
    words = (
        _ANN.removeprefix("+86"),
        caller.code,
        f"{caller.code} 1 15",
        out_id,
        "SM-page",
        "2025-11-24 08:00:00",
    )
    said = {"phone_number": words[0], "content": words[2], "send_time": words[5], "sequence_id": 12345}
    fate = {
        "phone_number": words[0],
        "success": True,
        "biz_id": "SM-page",
        "out_id": out_id,
        "report_time": words[5],
    }

    def post(path: str, body: str) -> bytes:
        return f"{path}\ncontent-type: application/json\n\n{body}".encode("utf-8", "surrogatepass")

    def invented(dice: Dice) -> bytes:
        some = [json_object(dice, _ENTRIES, words) for _ in range(1 + dice.below(3))]
        return post(dice.pick(paths), f"[{','.join(some)}]" if dice.below(10) else some[0])

    return Entry(
        "aliyun",
        (post(paths[0], json.dumps([said, said])), post(paths[1], json.dumps([fate]))),
        invented,
        lambda data: caller.answer(app, data),
        (),
        _COUNT,
        words=(*(f'"{name}":'.encode() for name in _ENTRIES), *(f'"{w}"'.encode() for w in words)),
        batch=100,
    )


def _nobody() -> None:
    """There is no courier to wake."""
