"""What every home did, minute by minute, without any server: a SQLite file beside the ledger.

Takes the arrays of all homes each minute and writes ten minutes at a time, packed, in a thread; gives one
home's minutes and days to the pages. Always allowed to fail: errors are counted and said, alerting never
waits for it. The newest ten minutes are in memory alone.

Homes stand in chunks of 64 by a number of their own, so that reading one home unpacks little and writing ten
thousand is 157 rows. One connection, in any thread but one at a time: SQLite before 3.51.3 can corrupt a WAL
database that several share (DESIGN section 7), so this one keeps a rollback journal.
"""

import asyncio
import sqlite3
import threading
import zlib
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import structlog
from numpy.typing import NDArray

from guardian.clock import Clock
from guardian.history.pack import DAY, MINUTE, MINUTE_MS, SEEN, Minutes, Rows, sums

BLOCK: Final = 10
"""Minutes that are written at once, and are lost at a crash."""
CHUNK: Final = 64
WAITING: Final = 6
"""Blocks that may wait for a disk; the oldest go first, counted."""
MINUTES_KEPT_DAYS: Final = 14
DAYS_KEPT: Final = 5 * 366
log = structlog.get_logger("history")


@dataclass(frozen=True, slots=True)
class _Block:
    t_ms: int
    homes: tuple[str, ...]
    rooms: tuple[str, ...]
    rows: Rows
    """(BLOCK, H) of MINUTE."""


class Embedded:
    """The history of one site. `take` is of the event loop, all else works in threads."""

    def __init__(self, path: Path, zone: ZoneInfo) -> None:
        self._path, self._zone = path, zone
        self._turn = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._taken: Rows | None = None
        self._of: tuple[int, tuple[str, ...], tuple[str, ...]] = (0, (), ())
        self._waiting: list[_Block] = []
        self.failures = 0
        """Writes and reads that failed."""
        self.dropped = 0
        """Blocks that had to make room."""

    # --- the way in -----------------------------------------------------------------------------------

    def take(self, now_ms: int, homes: tuple[str, ...], rooms: tuple[str, ...], rows: Rows) -> None:
        """Take (H,) rows of this minute; the first of a minute counts."""
        block_ms = now_ms // (BLOCK * MINUTE_MS) * (BLOCK * MINUTE_MS)
        if self._taken is None or self._of != (block_ms, homes, rooms):
            self._close()
            self._of = (block_ms, homes, rooms)
            self._taken = np.zeros((BLOCK, len(homes)), MINUTE)
        at = (now_ms - block_ms) // MINUTE_MS
        if not (self._taken[at]["flags"] & SEEN).any():
            self._taken[at] = rows

    def _close(self) -> None:
        if self._taken is None:
            return
        self._waiting.append(_Block(*self._of, self._taken))
        self._taken = None
        while len(self._waiting) > WAITING:
            del self._waiting[0]
            self.dropped += 1

    async def run(self, clock: Clock, now: Callable[[int], None]) -> None:
        """Each minute have `now` take what there is, and write what is full; for ever."""
        never, said = asyncio.Event(), 0
        while True:
            now_ms = clock.now_ms()
            now(now_ms)
            await asyncio.to_thread(self.flush, now_ms)
            if self.failures != said:
                said = self.failures
                log.error("history fails; alerting goes on", failures=said, dropped=self.dropped)
            await clock.wait(never, (now_ms // MINUTE_MS + 1) * MINUTE_MS)

    def flush(self, now_ms: int, *, everything: bool = False) -> None:
        """Write the blocks that are full, the days that are over, and forget what is too old."""
        if everything or now_ms >= self._of[0] + BLOCK * MINUTE_MS:
            self._close()
        try:
            with self._turn:
                db = self._open()
                while self._waiting:
                    with db:
                        self._write(db, self._waiting[0])
                    del self._waiting[0]
                self._days_over(db, now_ms)
        except (sqlite3.Error, OSError) as e:
            self.failures += 1
            log.debug("history", why=str(e))
            self._drop_connection()

    def _write(self, db: sqlite3.Connection, block: _Block) -> None:
        numbers = np.array(_numbers(db, "home", block.homes), np.int64)
        rooms = np.array([*_numbers(db, "room", block.rooms), -1], np.int16)
        rows = block.rows.copy()
        rows["room"] = rooms[np.clip(rows["room"], -1, len(block.rooms) - 1)]
        for chunk in np.unique(numbers // CHUNK):
            mine = np.flatnonzero(numbers // CHUNK == chunk)
            packed = _there(db, int(chunk), block.t_ms)  # another roster may have begun it
            here, new = packed[numbers[mine] % CHUNK], rows[:, mine].T
            packed[numbers[mine] % CHUNK] = np.where(new["flags"] & SEEN, new, here)
            data = zlib.compress(packed.tobytes(), 6)
            db.execute("INSERT OR REPLACE INTO minutes VALUES (?, ?, ?)", (int(chunk), block.t_ms, data))

    def _days_over(self, db: sqlite3.Connection, now_ms: int) -> None:
        """Sum up each day that has ended and is not summed up yet; then let go of old minutes and days."""
        today = self._day_of(now_ms)
        (first,) = db.execute("SELECT min(t_ms) FROM minutes").fetchone()
        if first is None:
            return
        (last,) = db.execute("SELECT value FROM mark WHERE name = 'day'").fetchone() or (None,)
        day = self._day_of(first) if last is None else date.fromordinal(last) + timedelta(1)
        while day < today:
            with db:
                self._sum_up(db, day)
                db.execute("INSERT OR REPLACE INTO mark VALUES ('day', ?)", (day.toordinal(),))
            day += timedelta(1)
        with db:
            oldest_ms = self._begin_ms(today - timedelta(MINUTES_KEPT_DAYS))
            db.execute("DELETE FROM minutes WHERE t_ms < ?", (oldest_ms,))
            db.execute("DELETE FROM days WHERE day < ?", (today.toordinal() - DAYS_KEPT,))

    def _sum_up(self, db: sqlite3.Connection, day: date) -> None:
        from_ms, to_ms = self._begin_ms(day), self._begin_ms(day + timedelta(1))
        bathrooms = [
            n for n, name in db.execute("SELECT id, name FROM room") if "bath" in name or "toilet" in name
        ]
        for (chunk,) in db.execute("SELECT DISTINCT chunk FROM minutes").fetchall():
            _t_ms, rows = _unpacked(db, chunk, from_ms, to_ms)
            if not len(rows):
                continue
            summed = sums(rows, (_t_ms - from_ms) // MINUTE_MS, bathrooms)
            db.executemany(
                "INSERT OR REPLACE INTO days VALUES (?, ?, ?)",
                [
                    (chunk * CHUNK + int(k), day.toordinal(), summed[k].tobytes())
                    for k in np.flatnonzero(summed["seen_min"])
                ],
            )

    # --- the way out ----------------------------------------------------------------------------------

    async def minutes(self, home: str, from_ms: int, to_ms: int) -> Minutes:
        """Give a home's minutes in [from_ms, to_ms), the newest from memory; nothing where reading fails."""
        waiting = [*self._waiting, *([_Block(*self._of, self._taken)] if self._taken is not None else [])]
        return await asyncio.to_thread(self._minutes, home, from_ms, to_ms, waiting)

    def _minutes(self, home: str, from_ms: int, to_ms: int, waiting: Sequence[_Block]) -> Minutes:
        times, rows, rooms = [np.zeros(0, np.int64)], [np.zeros(0, MINUTE)], list[str]()
        try:
            with self._turn:
                db = self._open()
                found = db.execute("SELECT id FROM home WHERE name = ?", (home,)).fetchone()
                known = dict(db.execute("SELECT id, name FROM room"))
                rooms = [known.get(n, "") for n in range(max(known, default=-1) + 1)]
                if found is not None:
                    t_ms, all_rows = _unpacked(db, found[0] // CHUNK, from_ms, to_ms)
                    times.append(t_ms)
                    rows.append(all_rows[:, found[0] % CHUNK])
        except (sqlite3.Error, OSError, zlib.error, ValueError):
            self.failures += 1
            self._drop_connection()
        for block in waiting:
            if home in block.homes:
                some = block.rows[:, block.homes.index(home)].copy()
                numbers = []
                for name in block.rooms:
                    if name not in rooms:
                        rooms.append(name)
                    numbers.append(rooms.index(name))
                some["room"] = np.array([*numbers, -1], np.int16)[np.clip(some["room"], -1, len(numbers) - 1)]
                times.append(block.t_ms + np.arange(BLOCK, dtype=np.int64) * MINUTE_MS)
                rows.append(some)
        t_ms, of_home = np.concatenate(times), np.concatenate(rows)
        keep = np.flatnonzero((of_home["flags"] & SEEN).astype(bool) & (t_ms >= from_ms) & (t_ms < to_ms))
        keep = keep[np.argsort(t_ms[keep], kind="stable")]
        return Minutes(t_ms[keep], of_home[keep], rooms)

    async def days(self, home: str, first: date, last: date) -> list[tuple[date, Rows]]:
        """Give a home's days in [first, last] that are over and known; nothing where reading fails."""
        return await asyncio.to_thread(self._days, home, first, last)

    def _days(self, home: str, first: date, last: date) -> list[tuple[date, Rows]]:
        try:
            with self._turn:
                found = self._open().execute(
                    "SELECT day, data FROM days JOIN home ON home.id = days.home"
                    " WHERE name = ? AND day BETWEEN ? AND ? ORDER BY day",
                    (home, first.toordinal(), last.toordinal()),
                )
                return [(date.fromordinal(day), np.frombuffer(data, DAY)[0]) for day, data in found]
        except (sqlite3.Error, OSError, ValueError):
            self.failures += 1
            self._drop_connection()
            return []

    async def forget(self, home: str) -> None:
        """Let a home's days be gone, and its minutes be nobody's; they go after MINUTES_KEPT_DAYS."""
        await asyncio.to_thread(self._forget, home)

    def _forget(self, home: str) -> None:
        self.flush(self._of[0], everything=True)
        with self._turn, self._open() as db:
            db.execute("DELETE FROM days WHERE home IN (SELECT id FROM home WHERE name = ?)", (home,))
            db.execute("UPDATE home SET name = 'gone ' || id WHERE name = ?", (home,))

    def close(self, now_ms: int) -> None:
        """Write what there is, at a stop."""
        self.flush(now_ms, everything=True)
        self._drop_connection()

    # --- the file ----------------------------------------------------------------------------------------

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            db = sqlite3.connect(self._path, check_same_thread=False, timeout=1.0)
            db.executescript(
                "PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = NORMAL; PRAGMA secure_delete = ON;"
                "CREATE TABLE IF NOT EXISTS home (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
                "CREATE TABLE IF NOT EXISTS room (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
                "CREATE TABLE IF NOT EXISTS mark (name TEXT PRIMARY KEY, value INTEGER NOT NULL);"
                "CREATE TABLE IF NOT EXISTS minutes (chunk INTEGER NOT NULL, t_ms INTEGER NOT NULL,"
                " data BLOB NOT NULL, PRIMARY KEY (chunk, t_ms)) WITHOUT ROWID;"
                "CREATE TABLE IF NOT EXISTS days (home INTEGER NOT NULL, day INTEGER NOT NULL,"
                " data BLOB NOT NULL, PRIMARY KEY (home, day)) WITHOUT ROWID;"
            )
            self._connection = db
        return self._connection

    def _drop_connection(self) -> None:
        with self._turn:
            if self._connection is not None:
                with closing(self._connection):
                    self._connection = None

    def _day_of(self, t_ms: int) -> date:
        return datetime.fromtimestamp(t_ms / 1000, self._zone).date()

    def _begin_ms(self, day: date) -> int:
        return round(datetime(day.year, day.month, day.day, tzinfo=self._zone).timestamp() * 1000)


def _numbers(db: sqlite3.Connection, table: str, names: Sequence[str]) -> list[int]:
    """Give the number of each name, a new one where it has none; they count from 0."""
    known = {name: n for n, name in db.execute(f"SELECT id, name FROM {table}")}  # noqa: S608  # ours
    new = [name for name in dict.fromkeys(names) if name not in known]
    first = max(known.values(), default=-1) + 1
    known |= {name: first + k for k, name in enumerate(new)}
    db.executemany(f"INSERT INTO {table} VALUES (?, ?)", [(known[n], n) for n in new])  # noqa: S608  # ours
    return [known[name] for name in names]


def _there(db: sqlite3.Connection, chunk: int, t_ms: int) -> Rows:
    """Give the (CHUNK, BLOCK) rows that are written already."""
    found = db.execute("SELECT data FROM minutes WHERE chunk = ? AND t_ms = ?", (chunk, t_ms)).fetchone()
    if found is None:
        return np.zeros((CHUNK, BLOCK), MINUTE)
    return np.frombuffer(zlib.decompress(found[0]), MINUTE).reshape(CHUNK, BLOCK).copy()


def _unpacked(db: sqlite3.Connection, chunk: int, from_ms: int, to_ms: int) -> tuple[NDArray[np.int64], Rows]:
    """Give the times (N,) and the rows (N, CHUNK) of a chunk's blocks that reach into [from_ms, to_ms)."""
    found = db.execute(
        "SELECT t_ms, data FROM minutes WHERE chunk = ? AND t_ms > ? AND t_ms < ? ORDER BY t_ms",
        (chunk, from_ms - BLOCK * MINUTE_MS, to_ms),
    ).fetchall()
    if not found:
        return np.zeros(0, np.int64), np.zeros((0, CHUNK), MINUTE)
    rows = [np.frombuffer(zlib.decompress(data), MINUTE).reshape(CHUNK, BLOCK).T for _, data in found]
    times = [t + np.arange(BLOCK, dtype=np.int64) * MINUTE_MS for t, _ in found]
    t_ms, all_rows = np.concatenate(times), np.concatenate(rows)
    inside = (t_ms >= from_ms) & (t_ms < to_ms)
    return t_ms[inside], all_rows[inside]
