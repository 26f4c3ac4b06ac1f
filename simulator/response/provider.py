"""A provider of texts in virtual time, without HTTP: a `Channel` whose texts ring simulated phones.

Takes what the courier sends, gives it to `on_text` after the delay that was drawn, keeps lists. Faults are
turned on from outside. The real SDK against a provider over HTTP is tested elsewhere; here it is a hundred
thousand incidents.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from alerting.channels import Abilities, ChannelError, ListedText

ANSWER_S: Final = 0.3
"""How long the provider takes to answer a POST. Source: judgement."""
TEXTS: Final = Abilities(two_way=True, receipts=False, voice=False, needs_inbound=False, countries=None)


@dataclass(slots=True)
class Trouble:
    """What the provider does wrong at the moment."""

    refuse: ChannelError | None = None
    """Every text is refused so, and not taken."""
    hang: bool = False
    """No POST is answered; the text is taken all the same."""
    down: bool = False
    """No connection at all: nothing goes out, comes in or can be listed."""
    swallow: bool = False
    """Takes texts, and no phone rings."""
    unlisted: bool = False
    """Nothing can be listed either."""
    list_lag_s: float = 0.0
    lose_webhooks: bool = False
    """What people send stands in the list only."""
    twice: bool = False
    """Every text rings twice, every answer comes by both ways."""


@dataclass(slots=True)
class Provider:
    """One provider with its books."""

    name: str
    now_ms: Callable[[], int]
    send_s: Callable[[str], float]
    """Number → seconds until the phone rings."""
    on_text: Callable[[str, str, str], Awaitable[None]]
    """Name of the provider, number, body: the phone rings."""
    start: Callable[[Awaitable[None]], None]
    """Runs something beside."""
    abilities: Abilities = TEXTS
    trouble: Trouble = field(default_factory=Trouble)
    clock_off_ms: int = 0
    """Its wall clock against ours."""
    taken: list[ListedText] = field(default_factory=list)
    answers: list[ListedText] = field(default_factory=list)

    async def send(self, phone: str, body: str, valid_s: int) -> str:
        """Take a text."""
        _ = valid_s
        await asyncio.sleep(ANSWER_S)
        self._reached()
        if self.trouble.refuse is not None:
            raise self.trouble.refuse
        sid = f"{self.name}-{len(self.taken)}"
        self.taken.append(ListedText(sid, phone, body, self._clock_ms(), "sent"))
        if not self.trouble.swallow:
            for _copy in range(2 if self.trouble.twice else 1):
                self.start(self._ring(phone, body))
        if self.trouble.hang:
            await asyncio.sleep(3600)
        return sid

    async def sent_since(self, phone: str, since_ms: int) -> Sequence[ListedText]:
        """List what was taken for this number."""
        self._lists()
        until_ms = self._clock_ms() - int(self.trouble.list_lag_s * 1000)
        return [t for t in self.taken[-400:] if t.phone == phone and since_ms <= t.t_ms <= until_ms]

    async def received_since(self, since_ms: int) -> Sequence[ListedText]:
        """List what people have sent."""
        self._lists()
        return [t for t in self.answers[-400:] if t.t_ms >= since_ms]

    async def close(self) -> None:
        """Nothing to let go of."""

    def take_answer(self, phone: str, body: str) -> str:
        """List what somebody has sent; give its id."""
        sid = f"{self.name}-in-{len(self.answers)}"
        self.answers.append(ListedText(sid, phone, body, self._clock_ms(), "received"))
        return sid

    def _reached(self) -> None:
        if self.trouble.down:
            raise ChannelError("no connection", permanent=False)

    def _lists(self) -> None:
        self._reached()
        if self.trouble.unlisted and self.trouble.refuse is not None:
            raise self.trouble.refuse

    def _clock_ms(self) -> int:
        return self.now_ms() + self.clock_off_ms

    async def _ring(self, phone: str, body: str) -> None:
        await asyncio.sleep(self.send_s(phone))
        await self.on_text(self.name, phone, body)
