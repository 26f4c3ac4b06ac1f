"""Signs of life of the ledger and the courier for the watchdog, and steps of the wall clock."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from alerting.courier import Courier
from alerting.ledger import Ledger
from guardian.clock import Clock, LiveClock
from guardian.pulse import Pulse

WALL_STEP_MS: Final = 2_000  # DESIGN section 5: a step beyond this is recorded
VITALS_S: Final = 2.0  # how often the ledger and the courier are looked at; their marks may be 10 s old

log = structlog.get_logger("guardian")


async def run(
    ledger: Ledger, courier: Courier, pulse: Pulse, clock: Clock, memory_said: Callable[[str | None], None]
) -> None:
    """Mark the progress of the ledger and the courier for the watchdog; record steps of the wall clock.

    Says once when the ledger goes on in memory alone, and once when it is on the disk again.
    """
    stepped_ms, said = 0, None
    while True:
        if isinstance(clock, LiveClock) and abs(clock.wall_step_ms() - stepped_ms) > WALL_STEP_MS:
            stepped_ms = clock.wall_step_ms()
            log.warning("the wall clock was set; nothing moves", by_ms=stepped_ms)
        await ledger.transact(lambda _tx: None)
        if ledger.on_memory != said:
            said = ledger.on_memory
            memory_said(said)
        pulse.mark("ledger", clock.now_ms())
        pulse.mark("courier", courier.looked_ms)
        courier.wake.set()  # an idle courier looks too, so that a hung one is told from it
        await asyncio.sleep(VITALS_S)
