"""Texts by a USB modem with a SIM of its own: the way out when the internet line is down.

Takes a number and a body, gives an id of our own or a `ChannelError`; gives what people have sent to the
SIM, each text with an id that stays the same, and clears the SIM of what was given before. Gammu's calls
block, some for ever when a phone is switched off or a port hangs, so they run one at a time in a thread
beside the loop, with a time limit in front. A call that does not come back is left behind with its
connection, which ends as soon as it does, and the next call opens a new one. Never retries, never logs a
number or a body.

What this channel cannot know: whether a text arrived (no receipts), whether a number exists (the network's
refusals do not say, so none is permanent), and what a process before this one has sent, unless the modem
itself keeps sent texts in a folder; few do. After a restart a text that was in hand is therefore sent
again: better twice than never.
"""

import asyncio
import hashlib
import queue
import secrets
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any, Final, Generic, TypeVar

import gammu  # type: ignore[import-untyped]  # the library ships no types
import structlog

from alerting.channels import Abilities, ChannelError, ListedText
from alerting.wording import is_gsm7, segment_length, segment_limit

MOST_STUCK: Final = 3
"""Threads that may hang in the modem's driver before it is left alone until one comes back."""
MOST_SENT: Final = 1000
"""Texts of this process that are remembered: a modem sends about ten a minute, so for over an hour."""
PLACES: Final = 50
"""Places that are read one by one when a text cannot be read; SIMs have 10 to 50."""
MOST_READ: Final = 500
"""Texts read at once; a phone's own memory may hold hundreds."""
LATE_MS: Final = 12 * 3_600_000
"""How much older by the network's clock than asked a text may be: the network delivers late, and clocks
and time zones of networks are off. Less than the 24 h for which nobody's code is used again."""
STALE_KEPT: Final = 5
"""Texts too old to be answers that may lie on the SIM; beyond these the oldest go, so that it never fills."""
VALID_MINUTES: Final = (5, 720)
"""Bounds of a text's relative validity in steps of 5 minutes (3GPP TS 23.040, 9.2.3.12.1)."""
TURN_SHARE: Final = 0.6
"""Of a call's limit, what it may wait for its turn: a text begun with less left would be cut off on its way
(the network takes 2 to 5 s for one). More than the half that reading may take."""
CLOSE_S: Final = 2.0
"""How long `close` waits for the modem to let go, in seconds."""

MAYBE_SENT: Final = (
    gammu.ERR_TIMEOUT,
    gammu.ERR_DEVICEREADERROR,
    gammu.ERR_UNKNOWNRESPONSE,
    gammu.ERR_UNKNOWNFRAME,
    gammu.ERR_FRAMENOTREQUESTED,
    gammu.ERR_ABORTED,
)
"""Failures of a send after which the network may have the text: the modem's answer was not understood."""
UNREADABLE: Final = (
    gammu.ERR_BUG,
    gammu.ERR_CORRUPTED,
    gammu.ERR_FILENOTSUPPORTED,
    gammu.ERR_INVALIDDATA,
    gammu.ERR_INVALIDDATETIME,
    gammu.ERR_INVALIDLOCATION,
    gammu.ERR_UNKNOWN,
    gammu.ERR_UNKNOWNRESPONSE,
)
"""Failures that say something about one stored text, not about the modem."""

T = TypeVar("T")
log = structlog.get_logger("modem")


class Modem:
    """A `Channel` over one modem, SIM and number."""

    name = "modem"

    def __init__(
        self,
        device: str,
        now_ms: Callable[[], int],
        *,
        connection: str = "at",
        model: str = "",
        country: str | None = None,
        timeout_s: float = 9.0,
    ) -> None:
        """Nothing is opened before the first call.

        Parameters
        ----------
        device
            the port, such as /dev/ttyUSB0; for Gammu's dummy phone its directory.
        now_ms
            the time, ms since 1970, UTC.
        connection, model
            as Gammu names them (gammurc): "at" and "" for a modem, "none" and "dummy" for the dummy.
        country
            prefix, such as "+86", of senders whose number the network gives without one.
        timeout_s
            the longest that `send` may take, waiting for its turn included, in seconds. Reading gets half
            of it, so that one which hangs leaves a text the other half. It should end before the courier's
            own limit (config/escalation.toml, send_timeout_s), which cannot tell whether a text has begun.
        """
        self.abilities = Abilities(
            two_way=True,
            receipts=False,
            voice=False,
            needs_inbound=False,
            countries=None,
        )
        self._config = {"Device": device, "Connection": connection, "Model": model}
        self._now_ms = now_ms
        self._country = country
        self._timeout_s = timeout_s
        self._turn = asyncio.Lock()
        self._line: _Line | None = None
        self._stuck: list[_Line] = []
        self._sent: deque[ListedText] = deque(maxlen=MOST_SENT)
        self._given: set[str] = set()
        self._session = secrets.token_hex(4)
        self._count = 0

    async def send(self, phone: str, body: str, valid_s: int) -> str:
        """Hand one text to the network; give an id of our own: session, count, the network's reference.

        `valid_s` is how long, in seconds, the network may go on trying (rounded up to 5 minutes).

        Raises
        ------
        ChannelError
            longer than one segment (permanent); anything else about the modem or the network (not
            permanent; it may have gone out only if it had been handed to the modem).
        """
        if segment_length(body) > segment_limit(body):
            raise ChannelError("modem: the text is longer than one segment", permanent=True)
        low, high = VALID_MINUTES
        minutes = min(max(-(-valid_s // 300) * 5, low), high)
        self._count += 1
        number = self._count

        def work(sm: Any) -> str:
            centre = {"Number": sm.GetSMSC(1)["Number"], "Format": "Text", "Validity": f"{minutes}M"}
            reference = sm.SendSMS(
                {
                    "Text": body,
                    "Number": phone,
                    "SMSC": centre,
                    "Coding": "Default_No_Compression" if is_gsm7(body) else "Unicode_No_Compression",
                    "Class": -1,
                }
            )
            sid = f"modem-{self._session}-{number}-{reference}"
            # Noted here: a call that was given up may still come back with a text that has gone out.
            self._sent.append(ListedText(sid, phone, body, self._now_ms(), "sent"))
            return sid

        return await self._call(work, self._timeout_s, sends=True)

    async def sent_since(self, phone: str, since_ms: int) -> Sequence[ListedText]:
        """List what this process has sent to `phone`, and what a folder of the modem says was, oldest first.

        Another process's texts are known only where the modem keeps what it sent.
        """
        own = [t for t in self._sent if t.phone == phone and t.t_ms >= since_ms]
        if own:
            return own  # it answers what the courier asks after a timeout, without the modem
        stored = await self._call(_read, self._timeout_s / 2)
        kept = (self._listed(m, "sent") for m in stored if m["Type"] == "Submit" and m["State"] == "Sent")
        return sorted((t for t in kept if t.phone == phone and t.t_ms >= since_ms), key=lambda t: t.t_ms)

    async def received_since(self, since_ms: int) -> Sequence[ListedText]:
        """List what people have sent to the SIM since then (and `LATE_MS` before), oldest first.

        What an earlier call has given is deleted from the SIM first, and so are texts that are too old to
        be an answer, beyond the newest `STALE_KEPT`.
        """

        def work(sm: Any) -> list[ListedText]:
            found = [
                (m["Location"], self._listed(m, "received"))
                for m in _read(sm)
                if m["InboxFolder"] and m["Type"] == "Deliver"
            ]
            oldest_ms = since_ms - LATE_MS
            stale = sorted((t.t_ms, place) for place, t in found if t.t_ms < oldest_ms)
            over = {place for _, place in stale[: max(len(stale) - STALE_KEPT, 0)]}
            for place, text in found:
                if text.sid in self._given or place in over:
                    sm.DeleteSMS(0, place)
            fresh = {t.sid: t for _, t in found if t.t_ms >= oldest_ms and t.sid not in self._given}
            return sorted(fresh.values(), key=lambda t: t.t_ms)

        texts = await self._call(work, self._timeout_s / 2)
        # Only now: an answer that nobody waited for any more has not been given.
        self._given = {t.sid for t in texts}
        return texts

    async def close(self) -> None:
        """Let go of the modem; wait for it a moment at most."""
        line, self._line = self._line, None
        if line is not None:
            line.leave()
            await asyncio.wait([asyncio.wrap_future(line.ended)], timeout=CLOSE_S)

    async def _call(self, work: Callable[[Any], T], limit_s: float, *, sends: bool = False) -> T:
        """Run `work` in the modem's thread, within its time; turn every way to fail into `ChannelError`."""
        job = _Job(work)
        try:
            async with asyncio.timeout(limit_s):
                await self._take_turn(limit_s * TURN_SHARE)
                try:
                    line = self._open_line()
                    line.jobs.put(job)
                    return await asyncio.wrap_future(job.result)
                except (asyncio.CancelledError, gammu.GSMError):
                    self._leave_line()  # hung or confused: the next call opens the modem anew
                    raise
                finally:
                    self._turn.release()
        except TimeoutError:
            begun = not job.drop()
            raise ChannelError(
                f"modem: no answer within {limit_s:g} s", permanent=False, maybe_taken=begun and sends
            ) from None
        except asyncio.CancelledError:
            job.drop()
            raise
        except gammu.GSMError as e:
            what = e.args[0].get("Text", "") if e.args and isinstance(e.args[0], dict) else ""
            maybe = sends and job.begun and isinstance(e, MAYBE_SENT)
            raise ChannelError(
                f"modem: {type(e).__name__} {what}".strip(), permanent=False, maybe_taken=maybe
            ) from None

    async def _take_turn(self, limit_s: float) -> None:
        try:
            async with asyncio.timeout(limit_s):
                await self._turn.acquire()
        except TimeoutError:
            raise ChannelError("modem: busy", permanent=False) from None

    def _leave_line(self) -> None:
        if self._line is not None:
            self._line.leave()
            self._stuck.append(self._line)
            self._line = None

    def _open_line(self) -> "_Line":
        self._stuck = [line for line in self._stuck if not line.ended.done()]
        if self._line is None:
            if len(self._stuck) >= MOST_STUCK:
                raise ChannelError("modem: jammed; waiting for it to come back", permanent=False)
            self._line = _Line(self._config)
        return self._line

    def _listed(self, stored: Any, status: str) -> ListedText:
        when, number, body = stored["DateTime"], stored["Number"], stored["Text"]
        t_ms = int(when.timestamp() * 1000) if when is not None else self._now_ms()
        named = f"{number}\0{when.isoformat() if when is not None else ''}\0{body}"
        digest = hashlib.sha256(named.encode("utf-8", "replace")).hexdigest()
        return ListedText(f"modem-{digest[:24]}", self._international(number), body, t_ms, status)

    def _international(self, number: str) -> str:
        """Give a sender as E.164, as far as the network and `country` let us."""
        if number.startswith("00"):
            return "+" + number[2:]
        if self._country is None or number.startswith("+") or not number.isdecimal():
            return number
        return self._country + number.removeprefix("0")


class _Job(Generic[T]):
    """One call for the thread: it either begins or is dropped, never both."""

    def __init__(self, work: Callable[[Any], T]) -> None:
        self.result: Future[T] = Future()
        self.begun = False
        self._work = work
        self._dropped = False
        self._lock = threading.Lock()

    def drop(self) -> bool:
        """Take the call back; False when it has begun."""
        with self._lock:
            self._dropped = not self.begun
            return self._dropped

    def run(self, sm: Any) -> None:
        """Begin, unless nobody waits any more, and put what comes of it into the result."""
        with self._lock:
            if self._dropped or not self.result.set_running_or_notify_cancel():
                return
            self.begun = True
        try:
            value = self._work(sm)
        except Exception as e:  # noqa: BLE001  # carried to the loop, which raises it
            self.result.set_exception(e)
        else:
            self.result.set_result(value)

    def refuse(self, error: Exception) -> None:
        """Fail without having begun."""
        if self.result.set_running_or_notify_cancel():
            self.result.set_exception(error)


class _Line:
    """One connection to the modem, in one thread. Not a pool's: a thread that hangs must not hold up exit."""

    def __init__(self, config: dict[str, str]) -> None:
        self.jobs: queue.SimpleQueue[_Job[Any] | None] = queue.SimpleQueue()
        self.ended: Future[None] = Future()
        threading.Thread(target=self._run, args=(config,), name="modem", daemon=True).start()

    def leave(self) -> None:
        """End the connection after the call that it is in, however long that takes."""
        self.jobs.put(None)

    def _run(self, config: dict[str, str]) -> None:
        sm = gammu.StateMachine()
        opened = False
        while (job := self.jobs.get()) is not None:
            try:
                if not opened:
                    sm.SetConfig(0, config)
                    sm.Init()
                    opened = True
            except Exception as e:  # noqa: BLE001  # carried to the loop, which raises it
                job.refuse(e)
                continue
            job.run(sm)
        try:
            if opened:
                sm.Terminate()
        except gammu.GSMError as e:
            log.warning("the modem was not closed cleanly", why=type(e).__name__)
        self.ended.set_result(None)


def _read(sm: Any) -> list[Any]:
    """Read every stored text; one that cannot be read keeps no other from being read."""
    try:
        return list(_walk(sm))
    except UNREADABLE:
        log.warning("the modem holds a text that cannot be read")
    found: list[Any] = []
    for place in range(1, PLACES + 1):
        try:
            found += sm.GetSMS(1, place)
        except (gammu.ERR_EMPTY, *UNREADABLE):
            continue
    return found


def _walk(sm: Any) -> Iterator[Any]:
    try:
        parts = sm.GetNextSMS(Folder=0, Start=True)
        for _ in range(MOST_READ):
            yield from parts
            parts = sm.GetNextSMS(Folder=0, Location=parts[-1]["Location"])
    except gammu.ERR_EMPTY:
        return
