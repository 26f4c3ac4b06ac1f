"""Statements compiled once for many ledgers: a process that opens thousands would do little else."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from alerting import triage
from alerting.courier import Courier
from alerting.ledger import Ledger, engine
from tests.alerting_people import T0, SetClock, concern, shipped_policy
from tests.courier_child import PEOPLE
from tests.powercut.work import BookedChannel


@contextmanager
def shared_statements() -> Iterator[None]:
    """Let every ledger opened within, or in a fork made within, use the same compiled statements.

    What goes to the file is the same; only SQLAlchemy's cache, which each engine has for itself, is shared.
    """
    make, first = engine._engine, engine._engine(None)
    with first.connect():
        pass
    first.dispose()

    def shared(path: Path | None) -> Engine:
        made = make(path)
        made.dialect, made._compiled_cache = first.dialect, first._compiled_cache
        return made

    engine._engine = shared
    try:
        asyncio.run(_fill())
        yield
    finally:
        engine._engine = make


async def _fill() -> None:
    ledger, clock = await Ledger.open(None, inline=True), SetClock(T0 + 10_000)
    await ledger.transact(lambda tx: triage.take(tx, [concern()], PEOPLE, shipped_policy(), clock.ms))
    channel = BookedChannel([], lambda **_what: None)
    courier = Courier(ledger, {channel.name: channel}, lambda: PEOPLE, shipped_policy(), clock)
    await courier.recover()
    await courier.step()
    await ledger.close()
