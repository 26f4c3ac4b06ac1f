"""When snapshots are made, and of what: everything each minute, and sooner what a restart must not forget.

Takes the lookout between two beats, copies what it has learnt, and has it written in a thread; then drops the
beats that both files hold. A side path: what cannot be written waits for the next time, and the beats since
the last good one stay in the ledger.
"""

import asyncio
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import structlog
from numpy.typing import NDArray

from alerting import triage
from alerting.concern import Concern, Kind
from alerting.ledger import Ledger, drop_beats
from guardian import snapshot, standing
from guardian.lookout import Lookout
from guardian.snapshot import Arrays, Snapshot

WHOLE_MS: Final = 60_000  # DESIGN section 7: what changed, each minute
FIRST_MS: Final = 10_000  # by then a sensor is ready (5 s) and has something worth keeping
SOON_MS: Final = 20_000
"""Between two whole ones at the least. Of 10,000 homes one is 276 MB, and there somebody seems to fall every
second: after each finding, as it once was, disks would be worn out within months."""
PART_MS: Final = 1_000
"""Between two writings of what is open, and of the cameras that have found a fall, or its end, since the last
whole one."""
_OF_CAMERAS: Final = frozenset({Kind.FALL_SUSPECTED, Kind.FALL_CONFIRMED, Kind.FALL_RECOVERED, Kind.LONG_LIE})

log = structlog.get_logger("saving")

Save = Callable[[Path, Snapshot], int | None]


class Saving:
    """What is to be written, and when. `queue` holds at most one: a copy that waits would only grow old."""

    def __init__(self, directory: Path | None, ledger: Ledger) -> None:
        """directory: None, nothing is written."""
        self._directory = directory
        self._ledger = ledger
        self.queue: asyncio.Queue[tuple[Save, Snapshot]] = asyncio.Queue(maxsize=1)
        self.due_ms = 0
        """When the next whole one is due."""
        self.kept_ms = 0
        """When the newest whole one that is written was taken; until one is, when all began."""
        self._writing = False
        self._copies = Copies()
        self._whole_ms = self._part_ms = 0
        self._found = set[str]()  # cameras, since the last whole one
        self._part_due = False

    def begin(self, lookout: Lookout, now_ms: int) -> None:
        """Have memory ready before the first beat, which it would hold up; the first one is due soon."""
        self.due_ms, self.kept_ms = now_ms + FIRST_MS, now_ms
        if self._directory is not None:
            self._copies.of(lookout.snapshot(live=True))

    def remember(self, concerns: Sequence[Concern]) -> None:
        """Note that what is open has changed, and what a restart must not forget of these findings.

        Of a fall what its camera knows, so that a suspicion keeps its dwell; of others that they were told.
        """
        if any(c.kind not in _OF_CAMERAS for c in concerns):
            self.due_ms = min(self.due_ms, self._whole_ms + SOON_MS)
        self._found |= {f"{c.home}/{c.sensor}" for c in concerns if c.kind in _OF_CAMERAS}
        self._part_due = True

    async def attend(self, lookout: Lookout, beat: int, now_ms: int) -> None:
        """Hand over a whole snapshot, or the cameras that have found something since, if that is due."""
        if self._writing or not (self._may and self.queue.empty()):
            return
        if now_ms >= self.due_ms:
            await self._whole(lookout, beat, now_ms)
        elif self._part_due and now_ms >= self._part_ms + PART_MS:
            self._part_ms, self._part_due = now_ms, False
            arrays = {**lookout.part(self._found), **await self._also(now_ms)}
            self.queue.put_nowait((snapshot.save_part, Snapshot(beat, arrays)))

    async def last(self, lookout: Lookout, beat: int, now_ms: int) -> None:
        """Write what is waiting, and then a whole one."""
        await self.queue.join()
        if self._may:
            await self._whole(lookout, beat, now_ms)
            await self.queue.join()

    @property
    def size_bytes(self) -> int:
        """How large the larger one of both files is; 0 without any."""
        return 0 if self._directory is None else snapshot.size_bytes(self._directory)

    @property
    def _may(self) -> bool:
        return self._directory is not None and self._ledger.on_memory is None  # the file lacks its beats

    async def _whole(self, lookout: Lookout, beat: int, now_ms: int) -> None:
        also = await self._also(now_ms)
        arrays = self._copies.of(
            {**lookout.snapshot(live=True), **also}
        )  # those before are on the disk by now
        self.queue.put_nowait((snapshot.save, Snapshot(beat, arrays)))
        self.due_ms, self._whole_ms = now_ms + WHOLE_MS, now_ms
        self._found, self._part_due = set(), False

    async def _also(self, now_ms: int) -> Arrays:
        stood = await self._ledger.transact(lambda tx: triage.standing(tx, now_ms))
        return {standing.NAME: standing.written(stood), snapshot.TAKEN_MS: np.array(now_ms)}

    async def run(self, directory: Path) -> None:
        """Write what is handed over, in a thread; for ever."""
        while True:
            save, held = await self.queue.get()
            self._writing = True
            try:
                droppable = await asyncio.to_thread(save, directory, held)
            except OSError as e:  # a side path: the beats since the last good one stay in the ledger
                log.error("snapshot not written", why=str(e))  # noqa: TRY400  # the reason is in the words
                continue
            finally:
                self._writing = False
                self.queue.task_done()
            if save is snapshot.save:
                self.kept_ms = held.taken_ms
            if droppable:
                await self._ledger.transact(partial(drop_beats, upto=droppable))


class Copies(Mapping[str, NDArray[Any]]):
    """Arrays that go on changing, as they were at one moment, in memory that is used again.

    Names are not copied, for they never change, and flags are a bit each until they are asked for. The beat
    stands still while it is made. Of 10,000 homes: 0.4 s into fresh memory, whose pages the kernel must zero
    first, and 0.03 s into memory that is there.
    """

    def __init__(self) -> None:
        self._held: dict[str, NDArray[Any]] = {}
        self._flags: dict[str, tuple[int, ...]] = {}  # their shapes

    def of(self, arrays: Arrays) -> "Copies":
        """Take all of them; holds until the next call."""
        before, self._held, self._flags = self._held, {}, {}
        for name, array in arrays.items():
            if array.dtype == np.bool_:
                self._held[name], self._flags[name] = np.packbits(array), array.shape
            elif array.dtype.kind == "U":
                self._held[name] = array
            else:
                mine = before.get(name)
                if mine is None or mine.shape != array.shape or mine.dtype != array.dtype:
                    mine = np.empty_like(array)
                np.copyto(mine, array)
                self._held[name] = mine
        return self

    @property
    def nbytes(self) -> int:
        """Memory that it takes of its own."""
        return sum(array.nbytes for array in self._held.values() if array.dtype.kind != "U")

    def __getitem__(self, name: str) -> NDArray[Any]:
        held, shape = self._held[name], self._flags.get(name)
        if shape is None:
            return held
        return np.unpackbits(held, count=math.prod(shape)).view(np.bool_).reshape(shape)

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)
