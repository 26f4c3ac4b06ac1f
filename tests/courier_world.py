"""A centre in memory for tests of alerting: a courier, a provider, and a clock that a test sets."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from alerting import triage
from alerting.channels import Abilities, ChannelError, ListedText
from alerting.concern import Concern
from alerting.courier import Courier
from alerting.duty import Duty
from alerting.incident import Incident, IncidentEvent
from alerting.ledger import (
    Ledger,
    Message,
    apply,
    incident,
    messages,
    save_roster,
)
from guardian.clock import LiveClock
from simulator.response.district import roster_rows
from tests.alerting_people import T0, SetClock, duty, responder, shipped_policy

POLICY = shipped_policy()
NOW = T0 + 10_000
THREE = duty(responder("a", odds=0.7), responder("b", odds=0.7), responder("c", odds=0.7))
"""0.7 each: two are 91 %, three are 97 %, so the first wave is all of them."""
ONE_BY_ONE = duty(*(responder(n, odds=0.96) for n in "abc"), travel_s={"a": 100, "b": 150, "c": 200})


class FakeProvider:
    """A channel in memory: takes texts, lists them, and does what `trouble` says first."""

    name = "fake"
    prefix = "SM"
    abilities = Abilities(two_way=True, receipts=False, voice=False, needs_inbound=False, countries=None)

    def __init__(self, clock: SetClock | LiveClock) -> None:
        self.clock = clock
        self.taken: list[ListedText] = []
        self.answers: list[ListedText] = []
        self.lists = True
        self.refuse: dict[str, ChannelError] = {}
        self.trouble: Callable[[str], Awaitable[None]] | None = None
        self.lose_answer = False
        self.answers_down = False

    async def send(self, phone: str, body: str, valid_s: int) -> str:
        assert 1 <= valid_s <= 24 * 3600
        if self.trouble is not None:
            await self.trouble(phone)
        if phone in self.refuse:
            raise self.refuse[phone]
        sid = f"{self.prefix}{len(self.taken)}"
        self.taken.append(ListedText(sid, phone, body, self.clock.now_ms(), "queued"))
        if self.lose_answer:
            raise ChannelError("no answer", permanent=False, maybe_taken=True)
        return sid

    async def sent_since(self, phone: str, since_ms: int) -> Sequence[ListedText]:
        return [t for t in self.taken if t.phone == phone and t.t_ms >= since_ms] if self.lists else []

    async def received_since(self, since_ms: int) -> Sequence[ListedText]:
        if self.answers_down:
            raise ChannelError("HTTP 500", permanent=False)
        return [t for t in self.answers if t.t_ms >= since_ms]

    async def close(self) -> None:
        return

    def says(self, phone: str, body: str) -> None:
        self.answers.append(
            ListedText(f"IN{len(self.answers)}", phone, body, self.clock.now_ms(), "received")
        )


@dataclass
class Centre:
    ledger: Ledger
    provider: FakeProvider
    courier: Courier
    clock: SetClock
    people: Duty
    calls: list[tuple[int, int]]
    relieved: list[int]

    async def notice(self, *found: Concern) -> Incident:
        touched = await self.ledger.transact(
            lambda tx: triage.take(tx, found, self.people, POLICY, self.clock.ms)
        )
        return touched[0]

    async def step(self, at_ms: int | None = None) -> int | None:
        if at_ms is not None:
            self.clock.ms = at_ms
        return await self.courier.step()

    async def event(self, one: Incident, what: IncidentEvent, by: str) -> None:
        await self.ledger.transact(lambda tx: apply(tx, one.id, what, self.clock.ms, by))

    async def now(self, one: Incident) -> Incident:
        return await self.ledger.transact(lambda tx: incident(tx, one.id))

    async def texts(self, one: Incident) -> list[Message]:
        return await self.ledger.transact(lambda tx: messages(tx, one.id))

    def phone(self, who: str) -> str:
        return self.people.responders[who].phone

    def paged(self) -> list[str]:
        """Who got a text that asks to go, in order."""
        names = {r.phone: r.id for r in self.people.responders.values()}
        return [names[t.phone] for t in self.provider.taken if re.match("URGENT|IMPORTANT|NOTICE", t.body)]


@asynccontextmanager
async def centre(people: Duty = THREE) -> AsyncIterator[Centre]:
    ledger = await Ledger.open(None, inline=True)
    await ledger.transact(lambda tx: save_roster(tx, roster_rows(people), "test", "0" * 64, NOW))
    clock = SetClock(NOW)
    provider = FakeProvider(clock)
    calls: list[tuple[int, int]] = []

    async def last_resort(one: Incident) -> None:
        calls.append((one.id, clock.ms))

    relieved: list[int] = []
    courier = Courier(
        ledger,
        {"fake": provider},
        lambda: people,
        POLICY,
        clock,
        on_last_resort=last_resort,
        on_relief=lambda: relieved.append(clock.ms),
    )
    yield Centre(ledger, provider, courier, clock, people, calls, relieved)
    await ledger.close()
