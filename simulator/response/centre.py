"""One centre in virtual time: the real ledger, triage, replies and courier; one incident after the other.

Takes a district, the policy and a case, gives an `Outcome`: who was where when. The ledger runs inline, in
memory or on a file; every so many incidents a new one is opened. Nothing here decides anything about
alerting.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from alerting import replies, triage
from alerting.concern import Concern, Kind
from alerting.courier import Courier
from alerting.duty import Duty
from alerting.incident import Closed, Incident, State
from alerting.ledger import (
    Ledger,
    LedgerError,
    Message,
    Move,
    Tx,
    apply,
    codes,
    incident,
    messages,
    moves,
    recent_incidents,
    save_roster,
)
from alerting.policy import Policy
from simulator.responders import read_code
from simulator.response import invariants, onebyone
from simulator.response.disk import Disk, FaultyLedger
from simulator.response.district import SEND, Case, District, roster_rows
from simulator.response.outcome import Outcome
from simulator.response.pace import PacedClock
from simulator.response.people import Crowd
from simulator.response.provider import Provider, Trouble

START_MS: Final = 1_790_000_000_000
"""Mon 2026-09-21 22:13:20 in Asia/Shanghai."""
GIVE_UP_S: Final = 1800.0
"""An incident that nobody has closed by then is closed by the board."""
START_S: Final = 5.0
"""From the end of the process to the courier running again: RestartSec=1 and the start."""
MOST_BESIDE: Final = 1000
"""Incidents among which those beside the one that is played are looked for: more than a street has homes."""
PAUSE_S: Final = 200.0
"""Between two incidents: nobody has ten texts in ten minutes."""

if TYPE_CHECKING:
    from simulator.response.strangers import Door


@dataclass(slots=True)
class Centre:
    """Everything that stands in one centre."""

    district: District
    policy: Policy
    ledger: Ledger
    clock: PacedClock
    group: asyncio.TaskGroup
    providers: dict[str, Provider] = field(default_factory=dict)
    crowd: Crowd | None = None
    courier: Courier | None = None
    running: asyncio.Task[None] | None = None
    texted_by: dict[str, str] = field(default_factory=dict)
    """Number → the provider whose text it had last."""
    beside: set[asyncio.Task[None]] = field(default_factory=set)
    """What runs beside: phones, faults."""
    called: list[int] = field(default_factory=list)
    """Incidents for which voice, siren and 120 were called for."""
    disk: Disk = field(default_factory=Disk)
    crashes: int = 0
    """How often texts in hand may have been lost sight of."""
    door: "Door | None" = None
    """The real webhook application, where a fault wants it; otherwise answers are taken straight."""
    codes: dict[str, list[str]] = field(default_factory=dict)
    """Number → the codes that this phone has had, the newest last."""
    beside_others: bool = False
    """Other incidents run beside the one that is played: their texts ring nobody."""
    playing: int = 0
    """Number of the incident that is played."""
    held_s: float = 0.0
    """How long a page may wait because the same people were paged for another fall."""
    off_ms: tuple[int, int] = (0, 0)
    """From when until when a fault has let nothing out."""

    def begins_off(self) -> None:
        """From now on nothing goes out."""
        self.off_ms = (self.clock.now_ms(), 10**15)

    def ends_off(self) -> None:
        """From now on texts can go out again."""
        self.off_ms = (self.off_ms[0], self.clock.now_ms())

    @property
    def duty(self) -> Duty:
        """People as the planner has them."""
        return self.district.duty

    def start(self, work: Awaitable[None]) -> None:
        """Run something beside."""
        task = self.group.create_task(_run(work))
        self.beside.add(task)
        task.add_done_callback(self.beside.discard)

    def switch_on(self, crash_point: Callable[[str], None] = lambda _name: None) -> None:
        """Start the courier, as after a start of the daemon."""
        self.courier = Courier(
            self.ledger,
            self.providers,
            lambda: self.duty,
            self.policy,
            self.clock,
            crash_point=crash_point,
            on_last_resort=self._last_resort,
        )
        self.running = self.group.create_task(self._supervised(self.courier), name="courier")

    async def _supervised(self, courier: Courier) -> None:
        """Run it; a disk that refuses ends it, and it is started again, as systemd would."""
        try:
            await courier.run()
        except* LedgerError:
            self.courier = None
            self.crashes += 1
            self.start(self._again())

    async def _again(self) -> None:
        await asyncio.sleep(START_S)
        if self.courier is None:
            self.switch_on()

    async def switch_off(self) -> None:
        """End the courier where it stands."""
        self.crashes += 1
        if self.running is not None:
            self.running.cancel()
            await asyncio.wait([self.running])
        self.courier = None

    async def notice(self, concern: Concern) -> Incident:
        """Hand a finding over, as the beat does."""
        now_ms = self.clock.now_ms()
        touched = await self.ledger.transact(
            lambda tx: triage.take(tx, [concern], self.duty, self.policy, now_ms)
        )
        self.wake()
        return touched[0]

    async def beside_it(self, found: Sequence[Concern]) -> list[Incident]:
        """Hand over what is found in other homes."""
        self.beside_others = True
        now_ms = self.clock.now_ms()
        touched = await self.ledger.transact(
            lambda tx: triage.take(tx, found, self.duty, self.policy, now_ms)
        )
        self.wake()
        return touched

    async def ends_beside(self, some: Sequence[Incident], after_s: float) -> None:
        """Close other incidents after a while, as the board does."""
        await asyncio.sleep(after_s)
        now_ms = self.clock.now_ms()

        def close(tx: Tx) -> None:
            for one in some:
                apply(tx, one.id, Closed("real"), now_ms, "board")

        await self.ledger.transact(close)
        self.wake()

    def wake(self) -> None:
        """Tell the courier that something has changed."""
        if self.courier is not None:
            self.courier.wake.set()

    async def hear(self, phone: str, body: str) -> None:
        """Take what somebody has sent, as the webhook does."""
        provider = self.providers[self.texted_by.get(phone, "sms")]
        sid = provider.take_answer(phone, body)
        if provider.trouble.lose_webhooks or provider.trouble.down or self.disk.error is not None:
            return
        if self.door is not None:
            await self.door.told(sid, phone, body)
            return
        now_ms = self.clock.now_ms()
        told = replies.Inbound(sid, phone, body, now_ms, "webhook")
        for _copy in range(2 if provider.trouble.twice else 1):
            taken = await self.ledger.transact(
                partial(replies.take, inbound=told, duty=self.duty, policy=self.policy, now_ms=now_ms)
            )
            if taken.changed:
                self.wake()

    async def heal(self) -> None:
        """Let everything work again."""
        self.disk.error, self.disk.slow_s = None, 0.0
        for provider in self.providers.values():
            provider.trouble, provider.clock_off_ms = Trouble(), 0
        self.beside_others, self.door, self.held_s = False, None, 0.0
        if self.courier is None:
            self.switch_on()

    async def play(
        self,
        case: Case,
        *,
        dead: frozenset[int] = frozenset(),
        ghosts: frozenset[int] = frozenset(),
        turners: frozenset[int] = frozenset(),
        onset_error_s: float = 0.0,
    ) -> Outcome:
        """Let one fall happen and be looked after."""
        onset_ms = self.clock.now_ms()
        self.off_ms, crashes = (0, 0), self.crashes
        self.playing = 0
        taken = {name: len(p.taken) for name, p in self.providers.items()}
        crowd = Crowd(self.district, case, self.clock.now_ms, self.hear, self.start, dead, ghosts, turners)
        self.crowd = crowd
        await asyncio.sleep(case.decision_s)
        decided_ms = self.clock.now_ms()
        said_ms = onset_ms + int(1000 * onset_error_s)
        one = await self._noticed(Concern(case.home, Kind.FALL_CONFIRMED, said_ms, decided_ms, 0.9))
        self.playing = one.id
        working = [k not in dead | ghosts | turners for k in range(len(crowd.ways))]
        able = self.district.in_reach(case, self.policy, onset_ms, decided_ms, working)
        after = await self._closed(one.id, onset_ms)
        from_ms, until_ms = self.off_ms
        out_ms = max(decided_ms, until_ms)
        still = {k for k in able if until_ms == 0 or (crowd.ways[k].asked_ms or out_ms) < from_ms}
        still |= set(self.district.in_reach(case, self.policy, onset_ms, out_ms, working))
        await asyncio.sleep(PAUSE_S)
        told = self._told(case, after, crowd, onset_ms, (len(able), len(still)))
        text_ms = out_ms + int(1000 * self.held_s)
        broken = invariants.broken(await self._record(after.id, taken, self.crashes - crashes, text_ms))
        broken += [] if self.door is None else self.door.wrong
        by_one_s = onebyone.inside_s(self.district, case, dead | ghosts | turners)[0]
        return replace(told, one_by_one_s=by_one_s, broken=tuple(sorted(set(broken))))

    async def _record(
        self, number: int, taken: Mapping[str, int], crashes: int, out_ms: int
    ) -> invariants.Record:
        """Collect what is known of an incident; `taken`: texts that each provider had before."""
        now_ms = self.clock.now_ms()

        def read(tx: Tx) -> tuple[Incident, list[Move], list[Message], list[Message], int]:
            one = incident(tx, number)
            recent = recent_incidents(tx, MOST_BESIDE) if self.beside_others else []
            others = [i for i in recent if i.id != number and (i.closed_ms or now_ms) >= one.t0_ms]
            beside = [m for i in others for m in messages(tx, i.id) if m.created_ms >= one.t0_ms]
            dark = sum(i.kind is Kind.BLIND for i in others)
            return one, moves(tx, number), messages(tx, number), beside, dark

        one, moved, sent, beside, dark = await self.ledger.transact(read)
        return invariants.Record(
            incident=one,
            moves=moved,
            messages=sent,
            beside=beside,
            dark=dark,
            taken=[t for n, p in self.providers.items() for t in p.taken[taken[n] :]],
            duty=self.duty,
            policy=self.policy,
            last_resort=number in self.called,
            said_yes=self.crowd is not None and any(w.willing for w in self.crowd.ways),
            crashes=crashes,
            out_ms=out_ms,
            healthy=self.off_ms == (0, 0),
        )

    async def _noticed(self, concern: Concern) -> Incident:
        """Hand a finding over; while Guardian is down it is made again as soon as it is up."""
        while True:
            try:
                if self.courier is not None:
                    return await self.notice(concern)
            except LedgerError:
                pass
            await asyncio.sleep(1.0)

    async def _closed(self, number: int, onset_ms: int) -> Incident:
        """Wait until the incident is closed; the board closes what nobody else does."""
        while True:
            await asyncio.sleep(15.0)
            now_ms = self.clock.now_ms()
            if self.disk.error is not None:
                continue
            after = await self.ledger.transact(lambda tx: incident(tx, number))
            if after.state is State.CLOSED:
                return after
            if now_ms > onset_ms + GIVE_UP_S * 1000:
                await self.ledger.transact(
                    partial(apply, incident_id=number, event=Closed("real"), now_ms=now_ms, by="board")
                )
                self.wake()

    def _told(
        self, case: Case, after: Incident, crowd: Crowd, onset_ms: int, able: tuple[int, int]
    ) -> Outcome:
        def since(t_ms: int | None) -> float:
            return float("nan") if t_ms is None else (t_ms - onset_ms) / 1000

        ways = crowd.ways
        return Outcome(
            number=case.number,
            feasible=able[0],
            decided_s=case.decision_s,
            provider_s=since(after.provider_ms),
            accepted_s=since(after.accepted_ms),
            en_route_s=since(after.en_route_ms),
            door_s=since(min((w.door_ms for w in ways if w.door_ms is not None), default=None)),
            inside_s=since(min((w.inside_ms for w in ways if w.inside_ms is not None), default=None)),
            texts=crowd.texts,
            went=sum(w.left_ms is not None for w in ways),
            last_resort=after.id in self.called,
            late_at_decision=after.late_at_decision,
            still_feasible=able[1],
            one_by_one_s=float("nan"),
        )

    async def ring(self, provider: str, phone: str, body: str) -> None:
        """Let the phone of whoever has this number ring; they answer the number that has texted them."""
        self.texted_by[phone] = provider
        if self.crowd is None:
            return
        code = read_code(body)
        if self.beside_others and code is not None:  # is it about ours, too?
            who = next(r.id for r in self.duty.responders.values() if r.phone == phone)
            mine = await self.ledger.transact(partial(codes, responder=who))
            code = next((c for c, n in mine.items() if n == self.playing and c in words_of(body)), None)
        had = self.codes.setdefault(phone, [])
        if code is None or code in had[:-1]:  # of an incident that is over
            return
        if code not in had:
            had.append(code)
        await self.crowd.ring(phone, body, code)

    async def _last_resort(self, one: Incident) -> None:
        self.called.append(one.id)


@asynccontextmanager
async def centre(
    district: District, policy: Policy, seed: int, start_ms: int = START_MS, file: Path | None = None
) -> AsyncIterator[Centre]:
    """Open a centre with a provider and a modem behind it; everything in it ends with the context.

    `file`: where the ledger is to be; None = in memory.
    """
    ledger = await FaultyLedger.open(file, inline=True, integrity=False)
    clock = PacedClock(start_ms)
    rng = np.random.default_rng([seed, 0x5E4D])
    async with asyncio.TaskGroup() as group:
        made = Centre(district, policy, ledger, clock, group)
        ledger.disk = made.disk

        def send_s(phone: str) -> float:
            crowd, k = made.crowd, int(phone[-3:])
            if crowd is not None and crowd.ways[k].pages == 0:
                return float(crowd.case.send_s[k])
            return float(SEND.draw(rng, 1)[0])

        for name in ("sms", "modem"):
            made.providers[name] = Provider(name, clock.now_ms, send_s, made.ring, made.start)
        await ledger.transact(
            lambda tx: save_roster(tx, roster_rows(district.duty), "simulated", "0" * 64, START_MS)
        )
        made.switch_on()
        try:
            yield made
        finally:
            await made.switch_off()
            for task in made.beside:  # somebody still thinks about an answer
                task.cancel()
            await ledger.close()


def words_of(body: str) -> list[str]:
    """Give the words of a text, so that code A1 is not found in A12."""
    return re.findall(r"[A-Z]\d{1,2}(?!\d)", body)


async def _run(work: Awaitable[None]) -> None:
    await work
