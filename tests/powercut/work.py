"""Courier and ledger on the real file, to be recorded: `python -m tests.powercut.work DIR SEED SYNCHRONOUS`.

Several lives, one after the other, each in a process of its own: the first makes the ledger, some close it,
some kill themselves with SIGKILL at a crash point, so that the next one finds a WAL to recover. Each life
notices falls, texts everybody, lets somebody accept, arrive and close, and stores and drops beats.

DIR/marks is what the world outside knows; it outlives the power cut. One JSON object a line, one write each:
`about` (number, time and digest of the ledger as it will be; the commit begins), `done` (the commit has
returned), `took` (the provider has a text), `life`.
"""

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import structlog

from alerting import triage
from alerting.channels import Abilities, ListedText
from alerting.concern import Kind
from alerting.courier import CRASH_POINTS, Courier
from alerting.events import Accepted, Arrived, Closed, EnRoute, IncidentEvent
from alerting.ledger import Ledger, Tx, apply, drop_beats, last_beat, lock_state, save_beat
from alerting.schema import metadata
from tests.alerting_people import T0, SetClock, concern, shipped_policy
from tests.courier_child import PEOPLE
from tests.kills.forks import fork

T = TypeVar("T")

KINDS = (Kind.FALL_CONFIRMED, Kind.SOS, Kind.LONG_LIE, Kind.FIRE)
INCIDENTS = (3, 14, 3, 4, 4)
"""Of each life; the long one passes the thousand pages after which SQLite copies the WAL into the file, and
begins the WAL anew."""
KILLED = (True, True, False, True, False)
GAP_MS = 30_000
DECIDED_MS = 10_000
POLICY = shipped_policy()


class BookedChannel:
    """A provider whose books the test holds: `books` grows with each text, and `told` hears of it."""

    name = "file"
    abilities = Abilities(two_way=False, receipts=False, voice=False, needs_inbound=False, countries=None)

    def __init__(self, books: list[dict[str, Any]], told: Callable[..., None], *, lags: bool = False) -> None:
        self._books = books
        self._told = told
        self._lags = lags
        self.now_ms = 0

    async def send(self, phone: str, body: str, valid_s: int) -> str:
        assert valid_s > 0
        text = {"sid": f"SM{len(self._books)}", "phone": phone, "body": body, "t_ms": self.now_ms}
        self._books.append(text)
        self._told(took=text)
        return text["sid"]  # type: ignore[return-value]  # it is the one that is a string

    async def sent_since(self, phone: str, since_ms: int) -> Sequence[ListedText]:
        found = [] if self._lags else [t for t in self._books if t["phone"] == phone]
        return [
            ListedText(t["sid"], phone, t["body"], t["t_ms"], "sent") for t in found if t["t_ms"] >= since_ms
        ]

    async def received_since(self, since_ms: int) -> Sequence[ListedText]:
        raise AssertionError(f"no answers come this way, nor since {since_ms}")

    async def close(self) -> None:
        return


class Marks:
    """The file of marks: what stands in it already, and the next line."""

    def __init__(self, directory: Path) -> None:
        self._file = os.open(directory / "marks", os.O_RDWR | os.O_APPEND | os.O_CREAT)
        self.known = read((directory / "marks").read_bytes())
        self.number = max((m["about"] for m in self.known if "about" in m), default=0)

    def write(self, **what: object) -> None:
        os.write(self._file, json.dumps(what).encode() + b"\n")


class MarkedLedger(Ledger):
    """The real ledger; says what a commit will make of it, and when the commit has returned."""

    marks: Marks
    clock: SetClock

    async def transact(self, work: Callable[[Tx], T]) -> T:
        number = 0

        def marked(tx: Tx) -> T:
            nonlocal number
            result = work(tx)
            self.marks.number += 1
            number = self.marks.number
            self.marks.write(about=number, t_ms=self.clock.ms, **state(tx))
            return result

        result = await super().transact(marked)
        self.marks.write(done=number)
        return result

    def writes_nothing_more(self) -> None:
        """Return when the writer thread has nothing in hand; called on the loop's thread, which waits."""
        if self._writer is not None:
            self._writer.submit(lambda: None).result()

    async def weaken(self, synchronous: str) -> None:
        """Ask less of the disk than alerting/ledger/engine.py does, to see that this is found."""

        def pragma() -> None:
            raw = self._engine.raw_connection()
            raw.cursor().execute(f"PRAGMA synchronous={synchronous}")
            raw.close()

        await self._run(pragma)


def read(marks: bytes) -> list[dict[str, Any]]:
    """Read marks, as far as they go."""
    return [json.loads(line) for line in marks.splitlines()]


def state(tx: Tx) -> dict[str, object]:
    """Give the digest of every row, and how many alerts, texts and sids they are."""
    digest = blake2b(digest_size=12)
    for table in metadata.sorted_tables:
        for row in tx.conn.exec_driver_sql(f"SELECT * FROM {table.name} ORDER BY rowid"):
            digest.update(repr((table.name, *row)).encode())
    count = "SELECT (SELECT count(*) FROM incident), count(*), count(sid) FROM message"
    alerts, texts, sids = tx.conn.exec_driver_sql(count).one()
    return {"digest": digest.hexdigest(), "alerts": alerts, "texts": texts, "sids": sids}


class Life:
    """One process of courier and ledger."""

    def __init__(self, directory: Path, seed: int, number: int, synchronous: str) -> None:
        self._directory = directory
        self._number = number
        self._synchronous = synchronous
        self._rng = np.random.default_rng([seed, number])
        self._marks = Marks(directory)
        self._first = sum(INCIDENTS[:number])
        last_ms = max((m["t_ms"] for m in self._marks.known if "t_ms" in m), default=T0)
        self._clock = SetClock(last_ms + GAP_MS)
        books = [m["took"] for m in self._marks.known if "took" in m]
        self._channel = BookedChannel(books, self._marks.write)
        self._dies_at = str(self._rng.choice(CRASH_POINTS)) if KILLED[number] else ""
        self._about_to_die = False

    async def live(self) -> None:
        self._marks.write(life=self._number, killed=KILLED[self._number])
        with lock_state(self._directory):
            self._ledger = await MarkedLedger.open(self._directory / "ledger.db")
            self._ledger.marks, self._ledger.clock = self._marks, self._clock
            if self._synchronous != "FULL":
                await self._ledger.weaken(self._synchronous)
            await self._ledger.transact(lambda _tx: None)  # so that the new, empty ledger is known too
            self._courier = Courier(
                self._ledger,
                {self._channel.name: self._channel},
                lambda: PEOPLE,
                POLICY,
                self._clock,
                crash_point=self._crash_point,
            )
            await self._courier.recover()
            count = INCIDENTS[self._number]
            for i in range(count):
                self._about_to_die = i == count - 1
                await self._one_incident(self._first + i)
            await self._ledger.close()

    async def _one_incident(self, number: int) -> None:
        found = concern(
            KINDS[number % len(KINDS)], home=f"h{number:02d}", onset_ms=self._clock.ms - DECIDED_MS
        )
        beat = self._rng.bytes(int(self._rng.integers(100, 6000)))

        def notice(tx: Tx) -> int:
            save_beat(tx, self._clock.ms, beat)
            return triage.take(tx, [found], PEOPLE, POLICY, self._clock.ms)[0].id

        self._channel.now_ms = self._clock.ms
        one = await self._ledger.transact(notice)
        await self._step()
        if self._rng.random() < 0.2:
            await self._ledger.transact(lambda tx: drop_beats(tx, last_beat(tx) - 2))
        who = str(self._rng.choice(list("abc")))
        said: list[IncidentEvent] = [Accepted(who), EnRoute(who, 2), Arrived(who), Closed("safe")]
        for word in said[: int(self._rng.choice([0, 1, 3, 4, 4, 4, 4]))]:
            await self._ledger.transact(lambda tx, w=word: apply(tx, one, w, self._clock.ms, who))  # type: ignore[misc]
            await self._step()
        self._clock.ms += GAP_MS

    async def _step(self) -> None:
        self._channel.now_ms = self._clock.ms
        await self._courier.step()
        self._clock.ms += 1000

    def _crash_point(self, name: str) -> None:
        if self._about_to_die and name == self._dies_at:
            if name != "planning":  # that one is passed on the writer thread itself
                self._ledger.writes_nothing_more()
            os.kill(os.getpid(), signal.SIGKILL)


def main(directory: Path, seed: int, synchronous: str) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    trouble = directory.parent / f"{directory.name}.trouble"
    for number, killed in enumerate(KILLED):
        life = partial(Life, directory, seed, number, synchronous)
        pid = fork(lambda born=life: asyncio.run(born().live()), trouble)  # type: ignore[misc]
        _, status = os.waitpid(pid, 0)
        if status != (signal.SIGKILL if killed else 0):
            sys.exit(trouble.read_text() if trouble.exists() else f"life {number} ended with {status}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
