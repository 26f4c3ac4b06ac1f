"""Cuts the power under courier and ledger thousands of times: `python -m tests.powercut.run --cuts N`.

For each of some recordings (trace.py) the disk (disk.py) is played up to an instant between any two calls;
what is left there is opened with the real ledger and worked off by the real courier. Judged at each cut:

1. It opens, and SQLite's integrity check says ok.
2. Every row of every table is as some commit has left it: the last one that had returned, or one that was
   on its way after it. An older one: alerts, texts or sids are lost.
3. Every text that the provider has is known to the ledger.
4. The courier works it off: whoever is wanted has a text, no text has more than three copies, one more at
   most for this cut, none if it was recorded or stood in the provider's list (empty in half of the cuts).

Prints one JSON object; ends with status 1 when anything is wrong.
"""

import argparse
import asyncio
import gc
import json
import logging
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import structlog

from alerting.courier import Courier
from alerting.ledger import (
    Ledger,
    LedgerError,
    Message,
    Tx,
    due_messages,
    leased_messages,
    messages,
)
from tests.alerting_people import T0, SetClock
from tests.courier_child import PEOPLE
from tests.kills.life import goes_on_ms
from tests.kills.statements import shared_statements
from tests.kills.told import unasked
from tests.powercut.disk import Disk, How
from tests.powercut.trace import Marked, Op, record
from tests.powercut.work import POLICY, BookedChannel, state

RECORDINGS = 5
MAX_COPIES = 3


@dataclass(slots=True)
class World:
    """What is known outside at the moment of a cut."""

    numbers: dict[int, dict[str, Any]] = field(default_factory=dict)
    """By number: what was said as a commit began."""
    done: int = 1
    about: int = 1
    """The first number is the empty ledger."""
    books: list[dict[str, Any]] = field(default_factory=list)

    def hear(self, line: bytes) -> None:
        said = json.loads(line)
        if "about" in said:
            self.about = said["about"]
            self.numbers[self.about] = said
        elif "done" in said:
            self.done = max(self.done, said["done"])
        elif "took" in said:
            self.books.append(said["took"])

    @property
    def now_ms(self) -> int:
        return int(self.numbers[self.about]["t_ms"]) if self.numbers else T0


@dataclass(slots=True)
class Tally:
    """What has come out so far."""

    recordings: int = 0
    calls: int = 0
    cuts: int = 0
    damaged: int = 0
    """Could not be opened, failed the integrity check, or was as no commit had left it."""
    alerts: int = 0
    """Committed before the cut, added up over the cuts; so are texts and sids."""
    texts: int = 0
    sids: int = 0
    alerts_lost: int = 0
    texts_lost: int = 0
    sids_lost: int = 0
    cuts_with_loss: int = 0
    most_copies: int = 0
    extra_copies: int = 0
    within_commits: int = 0
    """Cuts while a commit was on its way."""
    kept_unreturned: int = 0
    """Of these: those that found it kept all the same."""
    how: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class Cutter:
    """Cuts one recording's power, and judges."""

    def __init__(self, ops: Sequence[Op], directory: Path, rng: np.random.Generator, tally: Tally) -> None:
        self._ops = ops
        self._directory = directory
        self._rng = rng
        self._tally = tally

    def cut(self, count: int) -> None:
        """Cut so often, each time between two calls drawn evenly from all."""
        disk, world, done = Disk(), World(), 0
        first = next(
            json.loads(op.line) for op in self._ops if isinstance(op, Marked) and b"about" in op.line
        )
        world.numbers[1] = first  # a ledger that is made at the cut's restart is as this one was
        for instant in np.sort(self._rng.integers(len(self._ops) + 1, size=count)):
            for op in self._ops[done:instant]:
                disk.do(op)
                if isinstance(op, Marked):
                    world.hear(op.line)
            done = int(instant)
            how = list(How)[int(self._rng.integers(len(How)))]
            place = self._directory / "cut"
            place.mkdir()
            disk.leave(place, how, self._rng)
            self._tally.cuts += 1
            self._tally.how[how] += 1
            said = asyncio.run(self._judge(place, world))
            self._tally.wrong += [f"cut after call {instant} of {len(self._ops)}, {how}: {s}" for s in said]
            shutil.rmtree(place)

    async def _judge(self, place: Path, world: World) -> list[str]:
        tally, known = self._tally, world.numbers[world.done]
        tally.alerts += known["alerts"]
        tally.texts += known["texts"]
        tally.sids += known["sids"]
        try:
            ledger = await Ledger.open(place / "ledger.db", inline=True)
        except LedgerError as e:
            tally.damaged += 1
            tally.alerts_lost += known["alerts"]
            return [f"cannot be opened: {e}"]
        try:
            said = await self._compare(ledger, world)
            return said or await self._work_off(ledger, world)
        finally:
            await ledger.close()

    async def _compare(self, ledger: Ledger, world: World) -> list[str]:
        """Steps 1 and 2."""
        tally = self._tally
        integrity = await ledger.transact(
            lambda tx: tx.conn.exec_driver_sql("PRAGMA integrity_check").scalar_one()
        )
        if integrity != "ok":
            tally.damaged += 1
            return [f"integrity: {integrity}"]
        found = await ledger.transact(state)
        number = max((n for n, s in world.numbers.items() if s["digest"] == found["digest"]), default=None)
        if number is None:
            tally.damaged += 1
            return ["it is as no commit has left it"]
        tally.within_commits += world.about > world.done
        tally.kept_unreturned += number > world.done
        if number >= world.done:
            return []
        here, there = world.numbers[world.done], world.numbers[number]
        tally.cuts_with_loss += 1
        for what in ("alerts", "texts", "sids"):
            lost = here[what] - there[what]
            setattr(tally, f"{what}_lost", getattr(tally, f"{what}_lost") + lost)
        return [f"as commit {number} has left it, and {world.done} had returned"]

    async def _work_off(self, ledger: Ledger, world: World) -> list[str]:
        """Steps 3 and 4."""
        lags = bool(self._rng.integers(2))
        before = Counter((t["phone"], t["body"]) for t in world.books)
        texts = await ledger.transact(_texts)
        known = {_key(t) for t in texts}
        said = [f"a text that the ledger does not know: {t}" for t in before.keys() - known]
        recorded = {_key(t) for t in texts if t.sid is not None}
        books, clock = list(world.books), SetClock(world.now_ms)
        channel = BookedChannel(books, lambda **_what: None, lags=lags)
        courier = Courier(ledger, {channel.name: channel}, lambda: PEOPLE, POLICY, clock)
        await courier.recover()
        end_ms = clock.ms
        while clock.ms <= end_ms:
            channel.now_ms = clock.ms
            next_ms = await courier.step()
            end_ms = max(clock.ms, world.now_ms + await ledger.transact(goes_on_ms))
            clock.ms = end_ms + 1 if next_ms is None else max(next_ms, clock.ms + 1)
        now_ms = end_ms
        left = await ledger.transact(lambda tx: [*due_messages(tx, now_ms), *leased_messages(tx)])
        said += [f"left lying: {t}" for t in left]
        after = Counter((t["phone"], t["body"]) for t in books)
        for text, copies in after.items():
            settled = text in recorded or (before[text] > 0 and not lags)
            if copies > min(MAX_COPIES, before[text] + (not settled)):
                said.append(f"{before[text]} copies before the cut and {copies} after it: {text}")
        self._tally.most_copies = max(self._tally.most_copies, *after.values(), 0)
        self._tally.extra_copies += after.total() - len(after) - (before.total() - len(before))
        return said + await ledger.transact(lambda tx: unasked(tx, {t["sid"] for t in books}))


def _texts(tx: Tx) -> list[Message]:
    rows = tx.conn.exec_driver_sql("SELECT DISTINCT incident FROM message WHERE incident IS NOT NULL")
    return [text for number in rows.scalars().all() for text in messages(tx, number)]


def _key(text: Message) -> tuple[str, str | None]:
    return PEOPLE.responders[text.responder].phone, text.body


def cut(recordings: int, cuts: int, seed: int, directory: Path, synchronous: str = "FULL") -> Tally:
    """Cut `cuts` times, dealt evenly to that many recordings."""
    tally = Tally()
    for number in range(recordings):
        place = directory / f"recording-{number}"
        place.mkdir()
        ops = record(place, seed + number, synchronous)
        tally.recordings += 1
        tally.calls += len(ops)
        rng = np.random.default_rng([seed, number])
        share = cuts // recordings + (number < cuts % recordings)
        images = Path("/dev/shm")  # in memory where there is such a thing: they are many
        kept_in = images if images.is_dir() else None
        with tempfile.TemporaryDirectory(dir=kept_in) as there, shared_statements():
            Cutter(ops, Path(there), rng, tally).cut(share)
    return tally


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cuts", type=int, default=10_000)
    parser.add_argument("--recordings", type=int, default=RECORDINGS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--synchronous", default="FULL", help="ask less of the disk first: NORMAL, OFF")
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    gc.freeze()
    began, cpu = time.perf_counter(), sum(os.times()[:4])
    with tempfile.TemporaryDirectory() as directory:
        tally = cut(asked.recordings, asked.cuts, asked.seed, Path(directory), asked.synchronous)
    figures = {f.name: getattr(tally, f.name) for f in fields(Tally)}
    figures["wrong"] = tally.wrong[:20]
    figures |= {"seed": asked.seed, "wall_s": round(time.perf_counter() - began, 1)}
    figures["cpu_s"] = round(sum(os.times()[:4]) - cpu, 1)
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.exit(bool(tally.wrong))


if __name__ == "__main__":
    main()
