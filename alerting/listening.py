"""Fetching what people have sent, from providers that keep a list: behind NAT there is no inbound address.

Takes the channels and the ledger; while an incident is open, or was closed a moment ago, asks each channel
every `poll_s` and hands what is new to `replies`. Never sends. What a webhook has brought before is known by
the provider's id and counts once.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import structlog

from alerting import replies
from alerting.channels import Channel, ChannelError
from alerting.clock import Clock
from alerting.duty import Duty
from alerting.ledger import Ledger, Tx, answers_wanted_since_ms
from alerting.policy import Policy

ANSWERS_AT_ONCE: Final = 4
"""Answers in one transaction: each takes 1 to 2 ms, and every commit waits for the disk."""
LIST_OVERLAP_MS: Final = 60_000
"""A provider's clock and list may be this far behind ours."""
POLL_BACK_MS: Final = 24 * 3_600_000
"""How far back answers are fetched after a start."""
POLL_AFTER_MS: Final = 600_000
"""Answers are fetched for this long after the last closing: somebody may contradict it."""

log = structlog.get_logger("courier")


@dataclass(slots=True)
class _Polled:
    """How far the answers of one channel have been fetched."""

    since_ms: int
    seen: set[str] = field(default_factory=set)


class Listener:
    """The ear beside the courier."""

    def __init__(  # noqa: PLR0917  # each is a part of its own
        self,
        ledger: Ledger,
        channels: Mapping[str, Channel],
        duty: Callable[[], Duty],
        policy: Policy,
        clock: Clock,
        wake: asyncio.Event,
    ) -> None:
        """`wake` is set when somebody has said something new."""
        self.due_ms = 0
        """When it is time to ask again."""
        self._ledger = ledger
        self._channels = channels
        self._duty, self._policy = duty, policy
        self._clock = clock
        self._wake = wake
        self._polled: dict[str, _Polled] = {}

    async def run(self) -> None:
        """Ask for ever."""
        never = asyncio.Event()
        while True:
            await self.poll()
            await self._clock.wait(never, self.due_ms)

    async def poll(self) -> None:
        """Fetch answers from every channel, if an incident is open or was closed a moment ago."""
        now_ms = self._clock.now_ms()
        self.due_ms = now_ms + int(self._policy.poll_s * 1000)
        from_ms = await self._ledger.transact(lambda tx: answers_wanted_since_ms(tx, now_ms - POLL_AFTER_MS))
        if from_ms is None:
            self._polled.clear()
            return
        for name, channel in self._channels.items():
            if channel.abilities.two_way:
                polled = self._polled.setdefault(name, _Polled(max(from_ms, now_ms - POLL_BACK_MS)))
                await self._poll_one(channel, polled, now_ms)

    async def _poll_one(self, channel: Channel, polled: _Polled, now_ms: int) -> None:
        try:
            async with asyncio.timeout(self._policy.send_timeout_s):
                listed = await channel.received_since(polled.since_ms)
        except (ChannelError, TimeoutError) as e:
            log.warning("cannot fetch answers", channel=channel.name, why=str(e) or "no answer in time")
            return
        fresh = [t for t in listed if t.sid not in polled.seen]
        for k in range(0, len(fresh), ANSWERS_AT_ONCE):
            said = [
                replies.Inbound(t.sid, t.phone, t.body, t.t_ms, "poll")
                for t in fresh[k : k + ANSWERS_AT_ONCE]
            ]
            work = partial(_take_answers, said=said, duty=self._duty(), policy=self._policy, now_ms=now_ms)
            await self._ledger.transact(work)
        polled.seen = {t.sid for t in listed}
        polled.since_ms = max(polled.since_ms, now_ms - LIST_OVERLAP_MS)
        if fresh:
            self._wake.set()


def _take_answers(tx: Tx, said: Sequence[replies.Inbound], duty: Duty, policy: Policy, now_ms: int) -> None:
    for one in said:
        replies.take(tx, one, duty, policy, now_ms)
