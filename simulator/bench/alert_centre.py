"""The centre of the alerts bench: a ledger on the disk, triage, planner, courier and the real SDK.

Takes a district and what is to happen (`Stage`), gives what the ledger says afterwards beside the provider's
list. Real time throughout. Concerns are handed over as the daemon does it: every 200 ms one transaction with
all that was decided since, then a call to the courier. There are no cameras and no detectors here. The
centre has no inbound address: answers are fetched, and nobody reports the fate of texts.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, Final, TypeVar

import numpy as np

from alerting import triage
from alerting.channels.twilio_sms import TwilioSms
from alerting.concern import AREA, Concern, Kind
from alerting.courier import Courier
from alerting.duty import Duty
from alerting.incident import State
from alerting.ledger import (
    Ledger,
    Message,
    Tx,
    closed_codes,
    codes,
    messages,
    open_incidents,
    recent_incidents,
    save_roster,
)
from alerting.ledger.together import Job
from alerting.policy import Policy
from guardian.clock import LiveClock
from guardian.watch import BEAT_MS, OVERDUE_LOOK_MS
from simulator.bench.alert_phones import OURS, SID, TOKEN
from simulator.response.district import DECISION, roster_rows

T = TypeVar("T")

NAMED_S: Final = 30.0
"""Within this each new fall is named in somebody's text (DESIGN section 6, storms)."""


class BenchError(Exception):
    """The provider's process did not come up or ended."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A stretch of time with falls."""

    name: str
    falls: int
    per_s: float
    """Mean rate; they come by chance (Poisson)."""
    dark_homes: int = 0
    """So many homes go dark at once a tenth of the way in, and are back at the end."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One fall that was handed over."""

    stage: str
    home: str
    decided_ms: int


@dataclass(slots=True)
class Timings:
    """What transactions took, by the function that ran in them; ms."""

    queries: dict[str, list[float]] = field(default_factory=dict)
    """On the writer's thread, without beginning and commit."""
    whole: list[float] = field(default_factory=list)
    """With them; what is committed together counts once."""


class TimedLedger(Ledger):
    """The real ledger, with a watch beside its writer."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.timings = Timings()

    async def transact(self, work: Callable[[Tx], T]) -> T:
        """Run `work` in one transaction and note what it took."""
        called = getattr(work, "func", work)
        took = self.timings.queries.setdefault(f"{called.__module__}.{called.__qualname__}", [])

        def timed(tx: Tx) -> T:
            began = perf_counter()
            try:
                return work(tx)
            finally:
                took.append((perf_counter() - began) * 1000)

        return await super().transact(timed)

    def _commit(self, jobs: Sequence[Job], now_s: float) -> None:
        began = perf_counter()
        try:
            super()._commit(jobs, now_s)
        finally:
            self.timings.whole.append((perf_counter() - began) * 1000)


@dataclass(frozen=True, slots=True)
class Sent:
    """One text in the provider's list."""

    sid: str
    phone: str
    body: str
    t_ms: int


@dataclass(slots=True)
class Run:
    """What has happened."""

    alerts: list[Alert] = field(default_factory=list)
    dark_ms: list[int] = field(default_factory=list)
    """When homes went dark."""
    incidents: dict[int, tuple[str, int]] = field(default_factory=dict)
    """Of falls: number → home, decision in ms."""
    pages: dict[int, list[Message]] = field(default_factory=dict)
    """Incident → its rows of the outbox."""
    book: dict[tuple[str, str], int] = field(default_factory=dict)
    """What a code means: (number, code) → incident."""
    phones: dict[str, str] = field(default_factory=dict)
    """Responder → number."""
    sent: list[Sent] = field(default_factory=list)
    timings: Timings = field(default_factory=Timings)


@dataclass(slots=True)
class _Centre:
    duty: Duty
    homes: Sequence[str]
    policy: Policy
    seed: int
    ledger: TimedLedger
    clock: LiveClock
    courier: Courier
    run: Run
    fallen: int = 0
    """How many falls there have been; each is in another home than the last ones."""
    overdue_ms: int = 0

    async def hand_over(self, concerns: Sequence[Concern], now_ms: int) -> None:
        """What a beat does with what was decided in it."""
        touched: Sequence[object] = ()
        if concerns:
            touched = await self.ledger.transact(
                lambda tx: triage.take(tx, concerns, self.duty, self.policy, now_ms)
            )
        if now_ms >= self.overdue_ms:
            self.overdue_ms = now_ms + OVERDUE_LOOK_MS
            late = await self.ledger.transact(lambda tx: triage.overdue(tx, self.duty, self.policy, now_ms))
            touched = [*touched, *late]
        if touched:
            self.courier.wake.set()

    async def play(self, stage: Stage, number: int) -> None:
        """Let the falls of one stage happen, and wait until all have been told to somebody."""
        rng = np.random.default_rng([self.seed, number])
        at_s = np.cumsum(rng.exponential(1 / stage.per_s, stage.falls))
        before_s = DECISION.draw(rng, stage.falls)
        order = np.random.default_rng([self.seed, 0xF0]).permutation(len(self.homes))
        dark = [self.homes[k] for k in rng.choice(len(self.homes), stage.dark_homes, replace=False)]
        dark_s, done = float(at_s[-1]) / 10 if dark else np.inf, 0
        never, start_ms = asyncio.Event(), self.clock.now_ms()
        due_ms = start_ms
        while done < stage.falls:
            now_ms = self.clock.now_ms()
            since_s = (now_ms - start_ms) / 1000
            found: list[Concern] = []
            if since_s >= dark_s:
                found += [_blind(home, len(dark), now_ms) for home in dark]
                self.run.dark_ms.append(now_ms)
                dark_s = np.inf
            while done < stage.falls and at_s[done] <= since_s:
                home = self.homes[order[self.fallen % len(self.homes)]]
                onset_ms = now_ms - int(before_s[done] * 1000)
                found.append(Concern(home, Kind.FALL_CONFIRMED, onset_ms, now_ms, 0.9))
                self.run.alerts.append(Alert(stage.name, home, now_ms))
                self.fallen, done = self.fallen + 1, done + 1
            await self.hand_over(found, now_ms)
            due_ms = max(due_ms + BEAT_MS, self.clock.now_ms())
            await self.clock.wait(never, due_ms)
        back_ms = self.clock.now_ms()
        await self.hand_over([Concern(h, Kind.IN_SIGHT, back_ms, back_ms, 1.0) for h in dark], back_ms)
        until_ms = back_ms + int(2 * NAMED_S * 1000)
        while self.clock.now_ms() < until_ms and await self.ledger.transact(_untold):
            await self.hand_over((), self.clock.now_ms())
            await self.clock.wait(never, self.clock.now_ms() + BEAT_MS)

    async def read(self) -> None:
        """Take from the ledger what the figures are made from."""
        now_ms = self.clock.now_ms()

        def work(tx: Tx) -> None:
            run = self.run
            for one in recent_incidents(tx, len(run.alerts) + 1000):
                if one.home != AREA and one.decided_ms is not None:
                    run.incidents[one.id] = (one.home, one.decided_ms)
                    run.pages[one.id] = messages(tx, one.id)
            for who in self.duty.responders.values():
                known = closed_codes(tx, who.id, now_ms) | codes(tx, who.id)
                run.book |= {(who.phone, code): number for code, number in known.items()}

        await super(TimedLedger, self.ledger).transact(work)


def _untold(tx: Tx) -> bool:
    return any(i.state is State.OPEN and i.home != AREA for i in open_incidents(tx))


def _blind(home: str, together: int, now_ms: int) -> Concern:
    told = {"cameras_dark": 1.0, "cameras": 1.0, "homes_dark": float(together)}
    return Concern(home, Kind.BLIND, now_ms - 120_000, now_ms, 0.95, sensor="cam", evidence=told)


class _Provider:
    """The provider's process."""

    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        self.url = url
        self._process = process

    async def list(self) -> list[Sent]:
        """End it, and give every text that it has taken from us."""
        told, _ = await self._process.communicate(b"")  # an end of its input
        return [Sent(*row) for row in json.loads(told)]


@asynccontextmanager
async def _provider(seed: int) -> AsyncIterator[_Provider]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulator.bench.alert_phones", str(seed),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        url = (await process.stdout.readline()).decode().strip()
        if not url:
            raise BenchError("the provider's process did not come up")
        yield _Provider(process, url)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def run(
    stages: Sequence[Stage],
    district: tuple[Duty, tuple[str, ...]],
    policy: Policy,
    *,
    seed: int,
    folder: Path,
    rest_s: float,
    say: Callable[[str], None],
) -> Run:
    """Play the stages one after the other, each followed by a rest; the ledger stands in `folder`.

    At the end the courier is stopped as by a stop of the daemon: a text may be in its hand then.

    Raises
    ------
    BenchError
        the provider's process did not come up.
    LedgerError
        the disk.
    """
    duty, homes = district
    out = Run(phones={r.id: r.phone for r in duty.responders.values()})
    clock = LiveClock()
    ledger = await TimedLedger.open(folder / "ledger.db")
    try:
        await ledger.transact(
            lambda tx: save_roster(tx, roster_rows(duty), "bench", "0" * 64, clock.now_ms())
        )
        ledger.timings = out.timings  # from here on
        async with _provider(seed) as provider:
            channel = TwilioSms(SID, TOKEN, OURS, base_url=provider.url, timeout_s=policy.send_timeout_s)
            courier = Courier(ledger, {"twilio": channel}, lambda: duty, policy, clock)
            centre = _Centre(duty, homes, policy, seed, ledger, clock, courier, out)
            async with asyncio.TaskGroup() as group:
                sending = group.create_task(courier.run(), name="courier")
                for number, stage in enumerate(stages):
                    say(f"{stage.name}: {stage.falls} falls, {stage.per_s:g} a second")
                    await centre.play(stage, number)
                    await asyncio.sleep(rest_s)
                sending.cancel()
            await channel.close()
            out.sent = await provider.list()
        await centre.read()
    finally:
        await ledger.close()
    return out
