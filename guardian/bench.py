"""Who sits on the bench: cameras, and parts of the rounds, whose data a detector failed at (an error in it).

Takes errors; says whose data is not worked on for now, since when, and when it is tried again. Every error is
counted; the first of each camera and part is logged with its traceback. Never decides what is at fault.
"""
# ruff: noqa: SLF001  (`follow` reads another object of the same class)

import traceback
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, Final, ParamSpec, TypeVar

import numpy as np
import structlog
from numpy.typing import NDArray

from guardian.slab import NEVER, matching

P = ParamSpec("P")
T = TypeVar("T")
Bools = NDArray[np.bool_]
Rows = NDArray[np.intp]

FIRST_MS: Final = 60_000
"""On the bench after a first error: with a state that begins anew most come back at once; doubled for each
error that follows."""
LONGEST_MS: Final = 3_600_000
"""The longest: an error that lasts costs one run in halves an hour. After going well for so long, an error
counts as a first one again."""
MOST: Final = 16
"""Cameras found at fault one by one in a beat, 0.2 s of CPU each at most; what fails then is benched as it
is, or an error in all of 4,096 cameras would hold the beat for minutes."""

log = structlog.get_logger("bench")


class Part(StrEnum):
    """Parts of the lookout that go on without each other."""

    HEALTH = "health"
    SILENCE = "silence"
    CLIMATE = "climate"
    APPLIANCES = "appliances"
    BODY = "body"
    HABITS = "habits"
    POSITION = "position"
    ARRIVALS = "arrivals"
    PICTURES = "pictures"
    """For people to look at (guardian/preroll.py); no detector."""


def told(error: Exception) -> str:
    """Give where an error was raised, for the log: never what was in the variables, for that is pictures."""
    return "".join(traceback.format_exception(error))


class Seats:
    """Since when and until when each of some things is benched; whatever they are."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        n = len(names)
        self.since_ms = np.full(n, NEVER, np.int64)
        """(N,) since when, NEVER = it is not."""
        self._until_ms = np.full(n, NEVER, np.int64)
        self._stay_ms = np.zeros(n, np.int64)
        self._known = np.zeros(n, np.bool_)
        self.errors = 0
        """Since the start."""
        self.any = False

    @property
    def now(self) -> list[str]:
        """Names of all that are benched."""
        return [self._names[row] for row in np.flatnonzero(self.since_ms != NEVER)]

    def take(self, rows: Rows, error: Exception, now_ms: int) -> None:
        """Bench these rows (N,) for the error that was raised over them.

        Several together stay for the shortest time, as often as it may be: most of them have done nothing.
        """
        stay_ms = np.full(len(rows), FIRST_MS)
        if len(rows) == 1:
            well = now_ms - self._until_ms[rows] > LONGEST_MS
            stay_ms = np.where(well, FIRST_MS, np.clip(2 * self._stay_ms[rows], FIRST_MS, LONGEST_MS))
            self._stay_ms[rows] = stay_ms
        self._until_ms[rows], self.since_ms[rows] = now_ms + stay_ms, now_ms
        new = rows[~self._known[rows]]
        if len(new):
            names = [self._names[row] for row in new[:MOST]]
            log.error("a detector failed; left out for now", of=names, count=len(new), traceback=told(error))
        self._known[rows] = True
        self.errors += len(rows)
        self.any = True

    def release(self, now_ms: int) -> None:
        """Let go those whose time is over."""
        self.since_ms[self._until_ms <= now_ms] = NEVER
        self.any = bool((self.since_ms != NEVER).any())

    def follow(self, old: "Seats") -> None:
        """Go on from others, by their names."""
        here, there = matching(self._names, list(old._names))
        for mine, its in (
            (self.since_ms, old.since_ms),
            (self._until_ms, old._until_ms),
            (self._stay_ms, old._stay_ms),
            (self._known, old._known),
        ):
            mine[here] = its[there]
        self.errors, self.any = old.errors, bool((self.since_ms != NEVER).any())


class Bench:
    """The cameras of one board, and the parts of its rounds."""

    def __init__(self, cameras: Sequence[tuple[str, str]], *, strict: bool = True) -> None:
        """Strict: nobody is benched and every error is raised, for whoever measures and tests."""
        self._strict = strict
        self.cameras = Seats([f"{home}/{name}" for home, name in cameras])
        """Rows as in the layout. Released once a minute has told of them (Rounds)."""
        self.parts = Seats([part.value for part in Part])
        self._row = {part: np.array([k]) for k, part in enumerate(Part)}
        self.told = False
        """That a danger cannot be detected in any home."""

    def off(self, *parts: Part) -> bool:
        """Whether one of these parts is off."""
        return self.parts.any and any(self.parts.since_ms[self._row[p]][0] != NEVER for p in parts)

    def must_raise(self, error: Exception) -> bool:
        """Whether an error is not for the bench: the end of this process' memory is no detector's fault."""
        return self._strict or isinstance(error, MemoryError)

    def run(
        self, part: Part, now_ms: int, work: Callable[P, T], *args: P.args, **named: P.kwargs
    ) -> T | None:
        """Let a part work and give what it found, None while it is off or when it fails now."""
        if self.off(part):
            return None
        try:
            return work(*args, **named)
        except Exception as error:
            if self.must_raise(error):
                raise
            self.parts.take(self._row[part], error, now_ms)
            return None

    def follow(self, old: "Bench") -> None:
        """Go on from the bench of another roster."""
        self.cameras.follow(old.cameras)
        self.parts.follow(old.parts)
        self.told = old.told

    @property
    def status(self) -> dict[str, Any]:
        """For the desk: who is benched now, and how often anything was."""
        return {
            "cameras": self.cameras.now[:MOST],
            "cameras_benched": int((self.cameras.since_ms != NEVER).sum()),
            "camera_errors": self.cameras.errors,
            "parts": self.parts.now,
            "part_errors": self.parts.errors,
        }
