"""What goes wrong while somebody lies on the floor: one fault for each incident.

Takes a centre and a case, does its mischief in virtual time and heals it; says until when nothing could go
out, so that an incident that the fault alone made infeasible is told from one that was lost. Numbers are
those of the catalogue of faults. What has nothing to do with the way from a finding to the door (payloads,
the broker, the history), or needs a real file or process, is tested there.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

import numpy as np
from influxdb_client.client.influxdb_client_async import InfluxDBClientAsync

from alerting.channels import ChannelError
from alerting.concern import Concern, Kind
from alerting.ledger import LedgerError
from guardian.history.influx import WRITE_TIMEOUT_S, InfluxHistory
from simulator.response import storms, strangers
from simulator.response.centre import START_S, Centre
from simulator.response.district import Case

NOWHERE: Final = "http://127.0.0.1:9"
"""Nothing listens on the discard port."""
BOOT_S: Final = 60.0
"""From a power cut to the courier running again. Source: judgement for a small machine with an SSD."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the catalogue."""

    id: str
    words: str
    happens: Callable[[Centre, Case, np.random.Generator], Awaitable[None]] | None = None
    """Runs beside the incident from its onset on."""
    dead: float = 0.0
    """Share of all phones that do not ring."""
    ghosts: float = 0.0
    """Share of people who accept and do not go."""
    turners: float = 0.0
    """Share of people who accept and turn back."""
    together: bool = False
    """Everybody answers equally fast."""
    onset_error_s: float = 0.0
    """How far the onset may be off in either direction."""
    timezone: str = "Asia/Shanghai"
    start_ms: int | None = None


@dataclass(slots=True)
class Crash:
    """Ends the courier the first time it passes a point, as a kill would."""

    centre: Centre
    point: str
    done: bool = field(default=False)

    def __call__(self, name: str) -> None:
        """Take a point that is passed."""
        if name == self.point and not self.done:
            self.done = True
            self.centre.start(down(self.centre, START_S))
            raise asyncio.CancelledError


async def down(centre: Centre, for_s: float) -> None:
    """Guardian is off; what people send stands in the provider's list only."""
    for provider in centre.providers.values():
        provider.trouble.lose_webhooks = True
    centre.begins_off()
    await centre.switch_off()
    await asyncio.sleep(for_s)
    centre.ends_off()
    for provider in centre.providers.values():
        provider.trouble.lose_webhooks = False
    centre.switch_on()


async def _off(
    centre: Centre, case: Case, rng: np.random.Generator, *, for_s: float, within_s: float
) -> None:
    _ = case
    await asyncio.sleep(float(rng.uniform(0, within_s)))
    await down(centre, for_s)


async def _crash(centre: Centre, case: Case, rng: np.random.Generator, *, points: tuple[str, ...]) -> None:
    _ = case
    await centre.switch_off()
    centre.crashes -= 1  # only to have the point watched: no text was in hand yet
    centre.switch_on(Crash(centre, str(rng.choice(points))))


async def _clock(centre: Centre, case: Case, rng: np.random.Generator) -> None:
    """The provider's wall clock against ours, which does not move."""
    await asyncio.sleep(float(rng.uniform(0, case.decision_s + 120)))
    for provider in centre.providers.values():
        provider.clock_off_ms = int(rng.choice([-3_600_000, 3_600_000]))


async def _refuses(centre: Centre, case: Case, rng: np.random.Generator) -> None:
    """429, 5xx, no answer: for up to a minute from about the decision on. The modem is left."""
    kind, for_s = int(rng.integers(4)), float(rng.uniform(5, 60))
    trouble = centre.providers["sms"].trouble
    await asyncio.sleep(case.decision_s + float(rng.uniform(-5, 5)))
    centre.begins_off()
    centre.crashes += 2  # what was not answered may have been taken
    if kind == 0:
        trouble.hang = True
    else:
        trouble.refuse = (
            ChannelError("429", permanent=False),
            ChannelError("HTTP 500", permanent=False, maybe_taken=True),
            ChannelError("no connection", permanent=False),
        )[kind - 1]
    modem_s = centre.policy.second_path_s + 7.0  # it may have begun 5 s before the decision
    await asyncio.sleep(min(for_s, modem_s))
    centre.ends_off()
    await asyncio.sleep(for_s - min(for_s, modem_s))
    trouble.hang, trouble.refuse = False, None


async def _line(centre: Centre, case: Case, rng: np.random.Generator) -> None:
    """The centre's line is down from before the decision on, for half an hour. The modem is left."""
    begun_s = float(rng.uniform(0, case.decision_s))
    await asyncio.sleep(begun_s)
    trouble = centre.providers["sms"].trouble
    trouble.down = True
    centre.begins_off()
    centre.crashes += 2
    await asyncio.sleep(case.decision_s - begun_s + centre.policy.second_path_s + 1.0)
    centre.ends_off()
    await asyncio.sleep(1800.0)
    trouble.down = False


class _Away(InfluxHistory):
    """The real queue in front of a server that does not answer; sockets know no virtual time."""

    async def _write(self, client: InfluxDBClientAsync) -> bool:
        _ = client
        await asyncio.sleep(WRITE_TIMEOUT_S)
        return False


async def _history(centre: Centre, case: Case, rng: np.random.Generator) -> None:
    """F50: the history's server is away; findings are offered to it all the same."""
    _ = rng
    history = _Away(NOWHERE, "token", "org", "bucket", 50, centre.clock)
    running = asyncio.create_task(history.run())
    try:
        for turn in range(120):
            now_ms = centre.clock.now_ms()
            for n in range(100):  # twice what the queue holds
                concern = Concern(case.home, Kind.FALL_CONFIRMED, now_ms, now_ms + 100 * turn + n, 0.9)
                history.offer_finding(concern)
            await asyncio.sleep(5.0)
            if running.done() or not history.dropped:
                raise RuntimeError("the history has ended, or has kept more than it may")
    finally:
        running.cancel()
        await asyncio.wait([running])


async def _token(centre: Centre, case: Case, rng: np.random.Generator) -> None:
    """F61: the provider's token has expired; people are read anew meanwhile. The modem is left."""
    begun_s = float(rng.uniform(0, case.decision_s))
    await asyncio.sleep(begun_s)
    trouble = centre.providers["sms"].trouble
    trouble.refuse = ChannelError("twilio 20003: our credentials", permanent=False)
    trouble.unlisted = True
    centre.begins_off()
    await asyncio.sleep(case.decision_s - begun_s + centre.policy.second_path_s + 1.0)
    centre.ends_off()
    for _reload in range(20):
        centre.district = replace(centre.district, duty=replace(centre.district.duty))
        await asyncio.sleep(float(rng.uniform(10, 60)))


async def _swallows(centre: Centre, case: Case, rng: np.random.Generator) -> None:
    """Accepted, never delivered, for up to a minute."""
    for_s, trouble = float(rng.uniform(5, 60)), centre.providers["sms"].trouble
    await asyncio.sleep(case.decision_s + float(rng.uniform(-5, 5)))
    centre.begins_off()
    trouble.swallow = True
    await asyncio.sleep(for_s)
    trouble.swallow = False
    centre.ends_off()


async def _ledger(
    centre: Centre, case: Case, rng: np.random.Generator, *, slow_s: float, locked: bool = False
) -> None:
    """The disk refuses, or takes seconds, or the file is locked, for half a minute."""
    await asyncio.sleep(float(rng.uniform(0, case.decision_s + 60)))
    centre.begins_off()
    centre.disk.slow_s = slow_s
    if not slow_s or locked:
        centre.disk.error = LedgerError("locked" if locked else "disk full", permanent=False)
    await asyncio.sleep(30.0)
    centre.disk.slow_s, centre.disk.error = 0.0, None
    centre.ends_off()


async def _hooks(centre: Centre, case: Case, rng: np.random.Generator) -> None:
    """Everything comes twice, or nothing is told and answers stand in the list only."""
    _ = case
    lost = bool(rng.random() < 0.5)
    for provider in centre.providers.values():
        provider.trouble.twice, provider.trouble.lose_webhooks = not lost, lost


FAULTS: Final = (
    Fault("none", "nothing"),
    Fault("F13", "wall clocks an hour apart", _clock),
    Fault("F14", "the hour repeats", timezone="Europe/Berlin", start_ms=1_792_889_400_000),
    Fault("F15", "a device's clock is off", onset_error_s=2.0),
    Fault("F16", "the machine stands still for ten minutes", partial(_off, for_s=600, within_s=120)),
    Fault("F35", "500 homes go dark in ten seconds, two others fall", storms.street_dark),
    Fault("F36", "500 homes come back at once", storms.street_back),
    Fault("F40", "the loop is blocked for 30 s", partial(_off, for_s=30, within_s=120)),
    Fault("F41", "killed at any instant", partial(_off, for_s=START_S, within_s=120)),
    Fault(
        "F42", "killed before a text is handed over", partial(_crash, points=("planned", "leased", "sending"))
    ),
    Fault("F43", "killed after it was handed over", partial(_crash, points=("sent", "recorded"))),
    Fault("F44", "power cut", partial(_off, for_s=BOOT_S, within_s=120)),
    Fault("F45", "disk full for 30 s", partial(_ledger, slow_s=0.0)),
    Fault("F46", "a commit takes 5 s", partial(_ledger, slow_s=5.0)),
    Fault("F47", "the ledger is locked by somebody's shell", partial(_ledger, slow_s=5.0, locked=True)),
    Fault("F50", "the history's server is away", _history),
    Fault("F51", "429, 5xx, no answer", _refuses),
    Fault("F51b", "the line is down, the modem is left", _line),
    Fault("F52", "accepted, never delivered", _swallows),
    Fault("F53", "webhooks come twice, or never", _hooks),
    Fault("F54", "forged, changed and repeated webhooks", strangers.forges),
    Fault("F55", "nonsense, strangers, wrong codes", strangers.babble),
    Fault("F56", "codes of other incidents and of others", strangers.old_codes),
    Fault("F57", "everybody answers at the same moment", together=True),
    Fault("F57b", "three falls within a minute", storms.two_falls),
    Fault("F58", "accepts and does not go", ghosts=0.15),
    Fault("F58b", "accepts and turns back", turners=0.3),
    Fault("F59", "a third of the phones are dead", dead=1 / 3),
    Fault("F60", "away by the calendar, silenced, and a fall", storms.away),
    Fault("F61", "the provider's token has expired, people are read anew", _token),
    Fault("F62", "restarted by staff", partial(_off, for_s=10, within_s=120)),
)
"""By number."""
