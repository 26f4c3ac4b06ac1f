"""The daemon of the road bench, as a process of its own: `-m simulator.bench.road_daemon PLAN PORT [flood]`.

Real: link, board, lookout with all detectors, watch, triage, the ledger on a disk, snapshots, and the control
plane that acknowledges events to devices. Not there: courier, staff board, history. Before it connects, the
homes' first minute is played straight to the board, so that rooms are learnt and somebody is in view. Prints
one line of JSON when both connections are up; reads one with the times between which to count; prints what it
has counted once all events that were sent are committed.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import structlog
from numpy.typing import NDArray

from alerting.concern import Concern, Kind
from alerting.duty import Duty
from alerting.ledger import Ledger
from guardian.board import Board
from guardian.clock import LiveClock
from guardian.control import Control
from guardian.link import BrokerAddress, Link
from guardian.lookout import Lookout
from guardian.memory import keep_built, keep_freed
from guardian.settings import CONFIG, Loaded, load
from guardian.watch import BEAT_MS, Noticed, Watch
from guardian.wire.native import pack_frame
from simulator.bench.road_film import START_MS, WARM_S, Film
from simulator.bench.road_plan import SITE, Plan, home, resident_kb

FALLS: Final = frozenset({Kind.FALL_SUSPECTED, Kind.FALL_CONFIRMED, Kind.LONG_LIE})
"""Found by what a frame shows, not by the minute."""
DRAIN_S: Final = 30.0
DRAIN_LOOK_S: Final = 1.0
"""Nothing new for so long, several beats: the broker has nothing left for us."""
POLL_S: Final = 0.05
NOBODY: Final = Duty({}, (), {}, 600.0)


class Told(msgspec.Struct):
    """What the daemon is told at the end."""

    from_ms: int
    until_ms: int
    """Wall clock, ms since 1970: what is counted."""
    events: int
    """Sent since the beginning."""


class Tape:
    """Rows of whole numbers, in memory that is all touched before anything is measured: the bench's own
    notes must not look like a daemon that grows.
    """  # fmt: skip

    def __init__(self, rows: int, columns: int) -> None:
        self._kept: NDArray[np.int64] = np.full((rows, columns), -1, np.int64)
        self._used = 0

    def __len__(self) -> int:
        return self._used

    def add(self, *row: int) -> None:
        """Raises IndexError when it is full."""
        self._kept[self._used] = row
        self._used += 1

    @property
    def rows(self) -> NDArray[np.int64]:
        """What was noted, (rows, columns)."""
        return self._kept[: self._used]


SPARE_S: Final = 300.0
"""Of beats and events beyond what the plan says, in the tapes."""


def now_ms() -> int:
    """Wall clock, ms since 1970: the load generator's clock too."""
    return time.time_ns() // 1_000_000


class TimedLookout(Lookout):
    """The real one; notes when the frame that led to a finding was sent."""

    board: Board
    sent_ms: dict[tuple[str, Kind], int]
    rows: dict[str, int]

    def look(self, now_ms: int) -> Iterator[list[Concern]]:
        """As Lookout."""
        (group,) = self.board.groups.values()
        for found in super().look(now_ms):
            for concern in found:
                if concern.kind in FALLS:
                    sent_ms = group.device_ms[self.rows[concern.home]]
                    self.sent_ms[concern.home, concern.kind] = int(sent_ms)
            yield found


class Voice(Control):
    """The real one; counts what has been committed."""

    def __init__(self, address: BrokerAddress, site: str, events: int) -> None:
        super().__init__(address, site)
        self.committed = np.full(events, 0, np.bool_)
        self.waits = Tape(events, 2)
        """When each event was sent and how long it took until it was committed, ms."""

    def ack(self, home: str, sensor: str, event_id: str) -> None:
        """As Control."""
        number, sent_ms = map(int, event_id.split("-"))
        self.committed[number] = True
        self.waits.add(sent_ms, now_ms() - sent_ms)
        super().ack(home, sensor, event_id)


def build(plan: Plan, film: Film, loaded: Loaded, homes: int) -> tuple[Board, TimedLookout]:
    """Lay out the first `homes` homes."""
    cast = plan.cast(film)
    board = Board(SITE, plan.sensors(film, homes))
    furniture = {(home(h), "living-room"): cast.boxes(h) for h in range(homes)}
    lookout = TimedLookout(board, loaded.detectors, furniture)
    lookout.board, lookout.sent_ms = board, {}
    lookout.rows = {home(h): h for h in range(homes)}
    return board, lookout


def warm_up(plan: Plan, film: Film, board: Board, lookout: Lookout) -> int:
    """Play the first minute straight to the board; give the time at its end, ms since 1970."""
    cast, homes = plan.cast(film), np.arange(len(board.homes))
    pictures = [pack_frame(one) for one in film.pictures()]
    topics = [f"guardian/{SITE}/{name}/cam/frame" for name in board.homes]
    t_ms = START_MS
    for turn in range(-round(WARM_S * film.rate_hz), 0):
        t_ms = START_MS + round((turn + WARM_S * film.rate_hz) * 1000 / film.rate_hz)
        for topic, row in zip(topics, cast.shown(homes, np.full(len(homes), turn)).tolist(), strict=True):
            board.frame(topic, pictures[row], t_ms)
        for _ in lookout.look(t_ms):
            pass
    return t_ms + BEAT_MS


async def main(plan: Plan, port: int, *, flooded: bool) -> None:
    """Run until what was sent is committed, and tell what was counted."""
    loaded, film = load(CONFIG / "guardian.toml"), Film.load(Path(plan.film))
    folder = Path(plan.folder)
    ledger = await Ledger.open(folder / "ledger.db", stand_in=True)
    address = BrokerAddress("127.0.0.1", port)
    lasts_s = plan.seconds + plan.calm_s + SPARE_S
    voice = Voice(address, SITE, round(plan.homes * plan.ambient * max(plan.burst, 1) * lasts_s / 60))
    beats, found = Tape(round(lasts_s * 1000 / BEAT_MS), 5), list[tuple[str, str, int, int]]()
    warm_up(plan, film, *build(plan, film, loaded, 1))
    base_kb = resident_kb()
    board, lookout = build(plan, film, loaded, plan.homes)
    clock = LiveClock(warm_up(plan, film, board, lookout))
    lookout.sent_ms.clear()
    played = board.frames_taken
    link = Link(address, SITE, board, arrival=lambda _t_ms: clock.now_ms())
    (group,) = board.groups.values()
    wall_ms = now_ms() - clock.now_ms()

    def noticed(what: Noticed) -> None:
        at_ms = now_ms()
        for c in what.concerns:
            if c.kind in FALLS:
                sent_ms = lookout.sent_ms.pop((c.home, c.kind), None)
                if sent_ms is not None:
                    found.append((c.home, c.kind.value, at_ms, at_ms - sent_ms))

    def beaten(begun_ms: int) -> None:
        took_ms, age_ms = clock.now_ms() - begun_ms, now_ms() - int(np.median(group.device_ms))
        beats.add(begun_ms + wall_ms, took_ms, board.frames_taken, group.given, age_ms)

    watch = Watch(
        board=board,
        lookout=lookout,
        ledger=ledger,
        duty=lambda: NOBODY,
        policy=loaded.policy,
        clock=clock,
        acks=link,
        voice=voice,
        state_directory=None if flooded else folder,
        on_noticed=noticed,
        on_beat=beaten,
    )
    await watch.restore()
    keep_built()
    running = [asyncio.create_task(part) for part in (watch.run(), watch.saving.run(folder), link.run())]
    if not flooded:
        running.append(asyncio.create_task(voice.run()))
    try:
        while not all(link.connected.values()):  # noqa: ASYNC110  (nothing is measured yet)
            await asyncio.sleep(POLL_S)
        say({"base_kb": base_kb})
        told = msgspec.json.decode(await asyncio.to_thread(sys.stdin.readline), type=Told)
        until_s = time.monotonic() + DRAIN_S
        taken = -1
        while not flooded and time.monotonic() < until_s:
            if voice.committed.sum() >= told.events and board.frames_taken == taken:
                break
            taken = board.frames_taken
            await asyncio.sleep(DRAIN_LOOK_S)
        say(
            {
                "resident_kb": resident_kb(),
                "frames": board.frames_taken - played,
                "frames_dropped": int(board.frames_dropped.sum()),
                "events_committed": int(voice.committed.sum()),
                "rejects": sum(board.rejects.values()),
                "pauses": link.counters["pauses"],
                "found": found,
                **_beats(beats, told),
                "event_waits_ms": voice.waits.rows.tolist(),
            }
        )
    finally:
        for task in reversed(running):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await ledger.close()


def _beats(beats: Tape, told: Told) -> dict[str, Any]:
    """`beats`: when it began, how long it took, frames staged and looked at since the start, and how old the
    median sensor's newest frame is that has been looked at; times in ms.
    """  # fmt: skip
    begun, took, frames, given, ages = beats.rows.T
    due = begun[:-1] + BEAT_MS
    counted = (begun >= told.from_ms) & (begun < told.until_ms)
    lag: NDArray[np.int64] = np.maximum(begun[1:] - due, 0)[counted[1:]]
    some = np.flatnonzero(counted)
    first, last = (int(some[0]), int(some[-1])) if len(some) else (0, 0)
    return {
        "lag_ms": lag.tolist(),
        "took_ms": took[counted].tolist(),
        "counted_frames": int(frames[last] - frames[first]),
        "counted_given": int(given[last] - given[first]),
        "counted_ms": int(begun[last] - begun[first]),
        "ages": np.column_stack([begun, ages]).tolist(),
    }


def say(what: dict[str, Any]) -> None:
    """Tell the bench."""
    print(json.dumps(what), flush=True)


def _start(arguments: Sequence[str]) -> None:
    keep_freed()  # as the command does
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr)
    )  # standard output is the result
    plan = msgspec.json.decode(arguments[0], type=Plan)
    asyncio.run(main(plan, int(arguments[1]), flooded="flood" in arguments[2:]))


if __name__ == "__main__":
    _start(sys.argv[1:])
