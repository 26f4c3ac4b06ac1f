"""The courier: due → lease → send → record.

Takes what the ledger says is due, gives it to a channel, and writes down what the channel said. A task of
its own in the one event loop; it owes the detectors nothing. Never decides who goes (the planner), never
words a text (wording), never marks a text as sent before the provider has it. An unknown error ends the
process: the supervisor restarts it and the ledger remembers.

For each text:

1. Tried before (or in the hand of a process that died): ask the provider's list for its body, which no
   other text has. Found: it is sent. Not found after `max_copies` possible copies: leave it at that.
2. Lease, in one transaction (readiness.py): is it still wanted; which channel; the body, made once.
3. Send, within `send_timeout_s`.
4. Record. The first page that a provider takes moves the incident to notified. A permanent refusal fails
   the text at once and the planner goes on without that person; anything else is tried again after
   `retry_s`, as long as the text is valid.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import structlog

from alerting import dispatch
from alerting.channels import Channel, ChannelError, ListedText
from alerting.clock import Clock
from alerting.duty import Duty
from alerting.incident import Incident, LastResort, Paged
from alerting.ledger import (
    Ledger,
    Message,
    Tx,
    apply,
    due_responders,
    incident,
    leased_messages,
    message,
    message_of_sid,
    next_due_ms,
    next_for,
    record_failed,
    record_receipt,
    record_sent,
    release,
    reroute,
    sent_with,
    ungroup,
    urgently_due,
    withdraw,
)
from alerting.listening import LIST_OVERLAP_MS, Listener
from alerting.paths import Health, Way
from alerting.policy import Policy
from alerting.quota import Cap, Quotas
from alerting.readiness import NO_CAPS, Ready, after_refusal, quotas, take_in_hand, ways_to

CRASH_POINTS: Final = ("planning", "planned", "before-lease", "leased", "sending", "sent", "recorded")
"""Where a test may kill the process: `planning` inside the transaction that holds a new wave, `planned`
after it; `before-lease` and `leased` around the lease; `sending` just before the text is handed over,
`sent` just after, `recorded` after the commit that says so."""

OUTCOMES: Final = ("taken", "no-answer", "refused", "failed")
"""What comes of handing a text over: the provider has it, may have it, will never take it, not now."""

AT_ONCE: Final = 32
"""Texts in flight at the same time; a hung provider holds no more than these, and as many HIGH pages."""

log = structlog.get_logger("courier")


class Courier:
    """The loop that owns sending."""

    def __init__(
        self,
        ledger: Ledger,
        channels: Mapping[str, Channel],
        duty: Callable[[], Duty],
        policy: Policy,
        clock: Clock,
        *,
        crash_point: Callable[[str], None] = lambda _name: None,
        on_last_resort: Callable[[Incident], Awaitable[None]] | None = None,
        on_relief: Callable[[], None] = lambda: None,
        caps: Mapping[str, Cap] = NO_CAPS,
    ) -> None:
        """Nothing is sent before `run` or `step`.

        Parameters
        ----------
        channels
            by name, in order of preference: the first that can reach a number is used for it.
        crash_point
            called with each name of `CRASH_POINTS` as it is passed, for tests.
        on_last_resort
            calls for siren, voice and 120; once for an incident's round and again every
            `last_resort_repeat_s` while nobody accepts.
        on_relief
            the siren can be switched off: nobody is called for any more. Once after a start, too, for whoever
            ran before may have left it on.
        caps
            what each channel lets through in a day, where that is known.
        """
        self.wake = asyncio.Event()
        """Set it after committing anything that the courier should look at."""
        self.looked_ms = clock.now_ms()
        """When it last looked at what is due: its progress, for the watchdog."""
        self._ledger = ledger
        self._channels = channels
        self._duty = duty
        self._policy = policy
        self._clock = clock
        self._crash_point = crash_point
        self._on_last_resort = on_last_resort
        self._on_relief = on_relief
        self.alarm = True
        """Somebody is called for as a last resort; at the start, as long as nobody knows better."""
        self._caps = caps
        self.results: Counter[tuple[str, str]] = Counter()
        """(channel, one of OUTCOMES) → texts and calls handed over since the start."""
        self._health = Health()
        self._before: dispatch.Before | None = None
        self._known_ways: tuple[Duty, Sequence[str], dict[str, list[Way]]] | None = None
        self._in_hand: set[str] = set()
        self._urgent: Sequence[str] = ()
        self._waiting: dict[str, asyncio.Task[None]] = {}
        self._slots = {urgent: asyncio.Semaphore(AT_ONCE) for urgent in (True, False)}
        self._listener = Listener(ledger, channels, duty, policy, clock, self.wake)

    async def run(self) -> None:
        """Send and fetch answers for ever.

        Raises
        ------
        ExceptionGroup
            holding what went wrong, such as LedgerError; nothing is swallowed.
        """
        await self.recover()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listener.run(), name="courier-poll")
            while True:
                await self._clock.wait(self.wake, await self._look(group))

    async def step(self) -> int | None:
        """Do everything that is due now and wait until it is done; give the time of the next thing, in ms."""
        if self._clock.now_ms() >= self._listener.due_ms:
            await self.poll()
        while True:
            self.wake.clear()
            async with asyncio.TaskGroup() as group:
                next_ms = await self._look(group)
            if not self.wake.is_set():
                return next_ms

    async def poll(self) -> None:
        """Fetch answers now (listening.py)."""
        await self._listener.poll()

    async def recover(self) -> None:
        """Take over the texts that a dead process had in hand; each is looked up before it is sent again."""

        def take_over(tx: Tx) -> int:
            orphans = leased_messages(tx)
            for orphan in orphans:
                release(tx, orphan.id, self._clock.now_ms())
                ungroup(tx, orphan)  # whether or not it was sent: two texts are better than none
            return len(orphans)

        log.info("recovered", texts_in_hand=await self._ledger.transact(take_over))

    # --- looking ---------------------------------------------------------------------------------

    async def _look(self, group: asyncio.TaskGroup) -> int | None:
        now_ms, duty = self._clock.now_ms(), self._duty()

        def work(tx: Tx) -> tuple[dispatch.Look, Sequence[str], Sequence[str], int | None]:
            used = quotas(tx, self._caps, self._policy, now_ms)
            ways = self._ways(duty, used, now_ms)
            found = dispatch.look(tx, duty, self._policy, ways, now_ms, self._before)
            if found.enqueued:
                self._crash_point("planning")
            return found, due_responders(tx, now_ms), urgently_due(tx, now_ms), next_due_ms(tx)

        look, due, self._urgent, text_ms = await self._ledger.transact(work)
        self._before = look.before
        self.looked_ms = now_ms
        if look.enqueued:
            self._crash_point("planned")
        if look.more:
            self.wake.set()
        for responder in self._urgent:
            if responder in self._waiting:  # with a text that hurries less; it begins anew at the next look
                self._waiting.pop(responder).cancel()
        for responder in due:
            if responder not in self._in_hand:
                self._in_hand.add(responder)
                group.create_task(self._deliver(responder), name=f"courier-{responder}")
        if self.alarm and not look.alarm:
            self._on_relief()
        self.alarm = look.alarm
        for one in look.last_resort:
            await self._call_last_resort(one)
        later = [ms for ms in (look.next_ms, text_ms) if ms is not None and ms > now_ms]
        return min(later, default=None)

    async def _call_last_resort(self, one: Incident) -> None:
        if self._on_last_resort is not None:
            await self._on_last_resort(one)
        now_ms = self._clock.now_ms()
        await self._ledger.transact(lambda tx: apply(tx, one.id, LastResort(), now_ms, "guardian"))

    # --- sending ---------------------------------------------------------------------------------

    async def _deliver(self, responder: str) -> None:
        """Send what is due to one person, one text after the other, HIGH pages first.

        They do not queue behind the others: a notice to everybody takes seconds until all have it.
        """
        try:
            there_may_be_more = True
            while there_may_be_more:
                async with self._turn(responder, urgent=responder in self._urgent):
                    there_may_be_more = await self._send_next(responder)
        finally:
            self._in_hand.discard(responder)
            self.wake.set()

    @asynccontextmanager
    async def _turn(self, responder: str, *, urgent: bool) -> AsyncIterator[None]:
        """Wait for a free hand; `_look` ends the wait of somebody to whom a HIGH page has become due.

        What is urgent is the look's word alone: by another measure somebody could be called off for ever.
        """
        waits = asyncio.current_task()
        if waits is not None and not urgent:
            self._waiting[responder] = waits
        try:
            await self._slots[urgent].acquire()
        finally:
            self._waiting.pop(responder, None)
        try:
            yield
        finally:
            self._slots[urgent].release()

    async def _send_next(self, responder: str) -> bool:
        """Send somebody's next text that is due; False when there is none."""
        now_ms, duty = self._clock.now_ms(), self._duty()
        sick = self._sick(now_ms)
        lease = partial(
            take_in_hand,
            duty=duty,
            channels=self._channels,
            policy=self._policy,
            now_ms=now_ms,
            sick=sick,
            caps=self._caps,
        )

        def work(tx: Tx) -> tuple[Message | None, Ready | None]:
            text = next_for(tx, responder, now_ms)
            return text, lease(tx, text) if text is not None and not text.attempts else None

        self._crash_point("before-lease")
        text, ready = await self._ledger.transact(work)
        if text is None:
            return False
        if text.attempts and not await self._settled(text):
            ready = await self._ledger.transact(lambda tx: lease(tx, message(tx, text.id)))
        if ready is not None:
            await self._send(ready)
        return True

    async def _send(self, ready: Ready) -> None:
        self._crash_point("leased")
        valid_s = max(1, (ready.message.valid_until_ms - self._clock.now_ms()) // 1000)
        try:
            async with asyncio.timeout(self._policy.send_timeout_s):
                self._crash_point("sending")
                sid = await ready.channel.send(ready.phone, ready.body, valid_s)
        except TimeoutError:
            self.results[ready.channel.name, "no-answer"] += 1
            self._health.failed(ready.channel.name, self._clock.now_ms())
            await self._try_again(ready.message, "no answer in time", maybe_taken=True)
        except ChannelError as e:
            self.results[ready.channel.name, "refused" if e.permanent else "failed"] += 1
            if e.permanent:
                await self._fail(ready.message, e.reason)
            else:
                self._health.failed(ready.channel.name, self._clock.now_ms())
                await self._try_again(ready.message, e.reason, maybe_taken=e.maybe_taken)
        else:
            self.results[ready.channel.name, "taken"] += 1
            self._health.took(ready.channel.name)
            self._crash_point("sent")
            await self._record(ready.message, sid, ready.behind)

    async def _settled(self, text: Message) -> bool:
        """Step 1, for a text that was tried before: whether there is nothing left to do."""
        found = await self._in_list(text)
        if found is not None:
            await self._record(text, found.sid)
            if self._channels[text.channel].abilities.spoken:  # its callbacks came before its id was known
                await self._ledger.transact(lambda tx: record_receipt(tx, found.sid, found.status))
            return True
        if text.copies < self._policy.max_copies:
            return False
        why = f"not confirmed after {text.copies} copies"
        await self._ledger.transact(lambda tx: withdraw(tx, text.id, why))
        log.warning("text not confirmed", message=text.id, copies=text.copies)
        return True

    async def _in_list(self, text: Message) -> ListedText | None:
        person, channel = self._duty().responders.get(text.responder), self._channels.get(text.channel)
        if person is None or channel is None or text.body is None:
            return None
        try:
            async with asyncio.timeout(self._policy.send_timeout_s):
                listed = await channel.sent_since(person.phone, text.created_ms - LIST_OVERLAP_MS)
        except (ChannelError, TimeoutError) as e:
            log.warning("cannot look up a text", message=text.id, why=str(e) or "no answer in time")
            return None
        if channel.abilities.spoken:  # lists of calls carry no words: one that no message has is this one
            known = await self._ledger.transact(
                lambda tx: {t.sid for t in listed if message_of_sid(tx, t.sid) is not None}
            )
            return next((t for t in listed if t.sid not in known), None)
        # Contained, not equal: a trial account puts a sentence of its own in front.
        return next((t for t in listed if text.body in t.body), None)

    async def _record(self, text: Message, sid: str, behind: Sequence[int] = ()) -> None:
        now_ms = self._clock.now_ms()

        def work(tx: Tx) -> None:
            if record_sent(tx, text.id, sid, now_ms) and text.purpose == "page" and text.incident is not None:
                for one in (text.incident, *sent_with(tx, behind, sid, now_ms)):
                    apply(tx, one, Paged(), now_ms, "guardian")

        await self._ledger.transact(work)
        self._crash_point("recorded")
        log.info("sent", message=text.id, purpose=text.purpose, incident=text.incident)

    async def _fail(self, text: Message, reason: str) -> None:
        person = self._duty().responders.get(text.responder)

        def work(tx: Tx) -> None:
            about = None if text.incident is None else incident(tx, text.incident)
            another = None
            if person is not None:
                another = after_refusal(text, about, person.phone, self._channels)
            ungroup(tx, text)
            if another is None:
                record_failed(tx, text.id, reason, permanent=True, retry_ms=None)
            else:
                reroute(tx, text.id, another, reason, self._clock.now_ms())

        await self._ledger.transact(work)
        log.error("text refused", message=text.id, responder=text.responder, why=reason)

    async def _try_again(self, text: Message, reason: str, *, maybe_taken: bool) -> None:
        waits_s = self._policy.retry_s
        retry_ms = self._clock.now_ms() + int(waits_s[min(text.attempts, len(waits_s)) - 1] * 1000)

        def work(tx: Tx) -> None:
            ungroup(tx, text)
            record_failed(tx, text.id, reason, permanent=False, retry_ms=retry_ms, maybe_taken=maybe_taken)

        await self._ledger.transact(work)
        log.warning("text not sent yet", message=text.id, attempts=text.attempts, why=reason)

    def _ways(self, duty: Duty, used: Quotas, now_ms: int) -> dict[str, list[Way]]:
        """Give the ways of what is urgent to everybody, best first."""
        sick, known = self._sick(now_ms), self._known_ways
        if known is not None and known[0] is duty and known[1] == sick and not used.caps:
            return known[2]
        ways = {
            r: ways_to(one.phone, self._channels, sick, used.closed(r, urgent=True))
            for r, one in duty.responders.items()
        }
        self._known_ways = duty, sick, ways
        return ways

    def _sick(self, now_ms: int) -> list[str]:
        return [name for name in self._channels if self._health.is_sick(name, now_ms)]
