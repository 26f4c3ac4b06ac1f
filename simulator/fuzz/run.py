"""One run over one entry point: counts, CPU of every input, memory, and each failure as short as it gets.

CPU is that of this thread, read around every single input; one over the limit is tried again alone, because
the machine may have been busy with something else, and counts with its fastest try.
"""

import hashlib
import time
import traceback
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from guardian.wire import Reject
from simulator.fuzz.dice import Dice
from simulator.fuzz.entries import ENTRIES
from simulator.fuzz.entry import Entry
from simulator.fuzz.mutators import Mutator

RETRIES: Final = 5
"""Tries of an input that seemed slow."""
WARM: Final = 0.1
"""Share of a run after which memory must not grow any more …"""
WARM_MOST: Final = 100_000
"""… and the most inputs that are warming up."""
SHRINK_S: Final = 2.0
"""CPU for making one failure shorter."""
MOST_FAILURES: Final = 20
"""Distinct failures that are kept for one entry."""
KEEP_ONE_IN: Final = 64
"""Inputs that were taken and are damaged further."""
MOST_GROWTH_MB: Final = 20.0
"""Growth of memory after warming up that is borne (research/reliability.md B12)."""
INVENTED_SHARE: Final = 10
"""With a count of one's own, one invented input for so many damaged ones."""
MB: Final = 1 << 20
_STATM: Final = Path("/proc/self/statm")
_PAGE: Final = 4096


@dataclass(frozen=True, slots=True)
class Failure:
    """An error that is not documented, or an input that is too slow."""

    what: str
    """The error and where it was raised, or the CPU in ms."""
    size: int
    """Bytes of the shortest input that does it."""
    file: str
    """Where that input stands, in hex."""


@dataclass(slots=True)
class Result:
    """What one run has found."""

    entry: str
    mutated: int = 0
    structured: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    cpu_s: float = 0.0
    """In the entry point alone."""
    wall_s: float = 0.0
    slowest_ms: float = 0.0
    """Fastest try of the slowest input."""
    retried: int = 0
    """Inputs that seemed over the limit at first."""
    over_limit: int = 0
    """Those that were over it alone, too."""
    growth_mb: float = 0.0
    """Most memory after warming up, less what there was then."""
    failures: list[Failure] = field(default_factory=list)

    def figures(self) -> dict[str, Any]:
        """Give what goes into a JSON file."""
        return {
            "mutated": self.mutated,
            "structured": self.structured,
            "outcomes": dict(self.outcomes.most_common()),
            "cpu_s": round(self.cpu_s, 1),
            "wall_s": round(self.wall_s, 1),
            "slowest_ms": round(self.slowest_ms, 2),
            "retried": self.retried,
            "over_limit": self.over_limit,
            "growth_mb": round(self.growth_mb, 1),
            "failures": [{"what": f.what, "bytes": f.size, "file": f.file} for f in self.failures],
        }


class Fuzz:
    """One entry point under fuzz."""

    def __init__(self, entry: Entry, seed: int, found: Path) -> None:
        """found: directory of inputs that fail; it is made when there is one."""
        self._entry = entry
        self._found = found
        self._dice = Dice(seed, zlib.crc32(entry.name.encode()))
        self._mutator = Mutator(self._dice, entry.corpus, entry.words, entry.most)
        self._seen: set[str] = set()
        self.result = Result(entry.name)

    def run(self, mutated: int, structured: int, say: Callable[[int, int], None]) -> Result:
        """Take that many inputs of each sort. say: told how many are done, and of how many."""
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # numpy warns of what it cannot hold
            return self._run(mutated, structured, say)

    def _run(self, mutated: int, structured: int, say: Callable[[int, int], None]) -> Result:
        whole, done = mutated + structured, 0
        began = time.perf_counter()
        warm_at, warm_mb = min(int(whole * WARM), WARM_MOST), 0.0
        for size, damaged in self._batches(mutated, structured):
            made = self._mutator.one if damaged else lambda: self._entry.invented(self._dice)
            self._batch([made() for _ in range(size)])
            self._entry.settle()
            done += size
            if damaged:
                self.result.mutated += size
            else:
                self.result.structured += size
            now_mb = _memory_mb()
            if done <= warm_at or not warm_mb:
                warm_mb = now_mb
            self.result.growth_mb = max(self.result.growth_mb, now_mb - warm_mb)
            say(done, whole)
        self.result.wall_s = time.perf_counter() - began
        return self.result

    def _batches(self, mutated: int, structured: int) -> Iterator[tuple[int, bool]]:
        """Sizes of batches in turn, the invented ones spread over the damaged ones."""
        size = self._entry.batch
        while mutated > 0 or structured > 0:
            if mutated > 0:
                yield min(size, mutated), True
                mutated -= size
            if structured > 0 and (
                structured >= mutated or self._dice.below(mutated + structured) < structured
            ):
                yield min(size, structured), False
                structured -= size

    def _batch(self, inputs: list[bytes]) -> None:
        entry, outcomes, cpu_ns = self._entry, self.result.outcomes, time.thread_time_ns
        limit_ns = round(entry.limit_ms * 1e6)
        slow: list[bytes] = []
        spent = 0
        for data in inputs:
            start = cpu_ns()
            try:
                word = entry.call(data)
            except entry.allowed as error:
                word = error.reason.value if isinstance(error, Reject) else type(error).__name__
            except Exception as error:  # noqa: BLE001  (whatever it is, it is what is looked for)
                word = "failed"
                self._failed(data, _where(error))
            took = cpu_ns() - start
            spent += took
            if took > limit_ns:
                slow.append(data)
            fresh = word not in outcomes
            outcomes[word] += 1
            if fresh or (word.startswith("taken") and self._dice.one_in(KEEP_ONE_IN)):
                self._mutator.keep(data)
        self.result.cpu_s += spent / 1e9
        for data in slow:
            self._again(data)

    def _again(self, data: bytes) -> None:
        """Measure alone what seemed slow."""
        self.result.retried += 1
        best_ms = min(self._cpu_ms(data) for _ in range(RETRIES))
        self.result.slowest_ms = max(self.result.slowest_ms, best_ms)
        if best_ms > self._entry.limit_ms and len(data) <= self._entry.most:
            self.result.over_limit += 1
            self._keep(data, f"slow: {best_ms:.1f} ms for {len(data)} bytes", "slow")

    def _cpu_ms(self, data: bytes) -> float:
        start = time.thread_time_ns()
        self._call(data)
        return (time.thread_time_ns() - start) / 1e6

    def _call(self, data: bytes) -> str | None:
        """Give what went wrong, None where nothing did."""
        try:
            self._entry.call(data)
        except self._entry.allowed:
            return None
        except Exception as error:  # noqa: BLE001
            return _where(error)
        return None

    def _failed(self, data: bytes, what: str) -> None:
        if what in self._seen:
            return
        self._keep(shortened(data, lambda shorter: self._call(shorter) == what), what, what)

    def _keep(self, data: bytes, what: str, sort: str) -> None:
        if sort in self._seen or len(self.result.failures) >= MOST_FAILURES:
            return
        self._seen.add(sort)
        self._found.mkdir(parents=True, exist_ok=True)
        file = self._found / f"{self._entry.name}-{hashlib.sha256(data).hexdigest()[:12]}.hex"
        file.write_text(data.hex() + "\n", "ascii")
        self.result.failures.append(Failure(what, len(data), str(file)))


def run_entry(
    name: str, seed: int, found: Path, *, count: int | None, say: Callable[[int, int], None]
) -> Result:
    """Fuzz one entry point by its name; count: damaged inputs, None = as many as its whole run takes."""
    with ExitStack() as stack:
        entry = ENTRIES[name](stack)
        invented = entry.structured if count is None else count // INVENTED_SHARE
        return Fuzz(entry, seed, found).run(count or entry.mutated, invented, say)


def shortened(data: bytes, still: Callable[[bytes], bool]) -> bytes:
    """Take pieces out, half of it at first and single bytes at last, as long as `still` says yes."""
    until, size = time.thread_time() + SHRINK_S, len(data) // 2
    while size and time.thread_time() < until:
        at = 0
        while at < len(data) and time.thread_time() < until:
            shorter = data[:at] + data[at + size :]
            if still(shorter):
                data = shorter
            else:
                at += size
        size //= 2
    return data


def _where(error: Exception) -> str:
    """Name an error by its type and the line of ours that it came out of."""
    ours = [f for f in traceback.extract_tb(error.__traceback__) if "site-packages" not in f.filename]
    last = ours[-1]
    return f"{type(error).__name__} in {Path(last.filename).name}:{last.name}"


def _memory_mb() -> float:
    """Resident memory of this process."""
    return int(_STATM.read_text("ascii").split()[1]) * _PAGE / MB
