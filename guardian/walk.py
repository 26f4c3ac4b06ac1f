"""Walk tests: somebody walks through a home, lies down, gets up, and each sensor shows that it has seen it.

Takes what is heard and seen while a test runs; gives what each sensor still has to show, and keeps what has
passed in the ledger: a sensor that nobody has walked past for a month is due. Nothing is switched off for it:
whoever stays down long enough is a fall, and people are called, for a home on test must not be without its
guardian.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Final

import structlog

from alerting import ledger as records
from alerting.ledger import Ledger, LedgerError, Passed, Tx
from detectors.fall import Posture
from guardian.board import Board, Reading, SensorSpec
from guardian.clock import Clock

log = structlog.get_logger("walk")

LASTS_MS: Final = 30 * 60_000
"""A test that somebody has forgotten to end does so by itself. Source: judgement."""
FRESH_MS: Final = 31 * 24 * 3_600_000
"""Each sensor is walked past once a month."""
MOST: Final = 50
"""Tests at a time."""
LOOK_MS: Final = 500
"""Between two looks at the cameras: nobody lies down and gets up within it."""
HOMES_AT_ONCE: Final = 2_000
"""Rows of the ledger in one transaction: a few ms."""


class Sign(StrEnum):
    """What a sensor can show."""

    UPRIGHT = "upright"
    LYING = "lying"
    ON = "on"
    OFF = "off"
    HEARD = "heard"


ASKED: Final[Mapping[str, tuple[Sign, ...]]] = {
    "thermal": (Sign.UPRIGHT, Sign.LYING),
    "pir": (Sign.ON,),
    "radar-fall": (Sign.ON,),
    "cancel": (Sign.ON,),
    **dict.fromkeys(("door", "appliance-door", "bed", "chair", "presence"), (Sign.ON, Sign.OFF)),
    **dict.fromkeys(("temperature", "humidity", "plug"), (Sign.HEARD,)),
}
"""Kind → what a sensor of it has to show. Not there: help buttons, smoke, gas, water, which call people; a
drill shows that those are reached."""
LYING: Final = (Posture.LYING, Posture.LYING_ON_FURNITURE)


class TooMany(Exception):  # noqa: N818  # an answer, not an accident
    """So many tests run already."""


@dataclass(slots=True)
class Walk:
    """One test that runs."""

    home: str
    begun_ms: int
    by: str
    """Id of the account that began it."""
    shown: dict[str, dict[Sign, int]] = field(default_factory=dict)
    """Sensor → what it has shown, and when first, ms since 1970."""

    @property
    def until_ms(self) -> int:
        """When it ends by itself, ms since 1970."""
        return self.begun_ms + LASTS_MS

    def show(self, sensor: str, sign: Sign, now_ms: int) -> None:
        """Note that a sensor has shown something."""
        self.shown.setdefault(sensor, {}).setdefault(sign, now_ms)


@dataclass(frozen=True, slots=True)
class Step:
    """One sensor of a home in a test."""

    spec: SensorSpec
    asked: tuple[Sign, ...]
    shown: Mapping[Sign, int]
    last_ms: int | None
    """When it passed before, ms since 1970; None = never."""

    @property
    def passed(self) -> bool:
        """Whether it has shown all that it is asked for."""
        return bool(self.asked) and all(sign in self.shown for sign in self.asked)


@dataclass(frozen=True, slots=True)
class _Home:
    sensors: list[SensorSpec] = field(default_factory=list)
    cameras: list[tuple[int, str]] = field(default_factory=list)
    """Row among the cameras, and name."""


@dataclass(frozen=True, slots=True)
class Due:
    """A home with sensors that nobody has walked past for a month."""

    home: str
    sensors: int
    """How many of them."""
    last_ms: int | None
    """The oldest of their last times; None: one of them never was."""


class WalkTests:
    """The walk tests of a running daemon."""

    def __init__(self, board: Callable[[], Board], ledger: Ledger, clock: Clock) -> None:
        self._board, self._ledger, self._clock = board, ledger, clock
        self._walks: dict[str, Walk] = {}
        self._begun = asyncio.Event()
        self._homes_of: Board | None = None
        self._homes: dict[str, _Home] = {}

    def knows(self, home: str) -> bool:
        """Whether the board has this home."""
        return home in self._laid_out()

    def running(self, home: str) -> Walk | None:
        """Give the test that runs in a home."""
        return self._walks.get(home)

    def begin(self, home: str, by: str) -> Walk:
        """Begin a test; the one that runs there goes on. Raises TooMany."""
        if home not in self._walks:
            if len(self._walks) >= MOST:
                raise TooMany(home)
            self._walks[home] = Walk(home, self._clock.now_ms(), by)
            self._begun.set()
        return self._walks[home]

    def hear(self, readings: Sequence[Reading]) -> None:
        """Take the new readings of a beat."""
        if not self._walks:
            return
        for r in readings:
            walk = self._walks.get(r.home)
            if walk is not None:
                walk.show(r.sensor, Sign.HEARD, r.arrival_ms)
                walk.show(r.sensor, Sign.ON if r.value else Sign.OFF, r.arrival_ms)

    def look(self) -> None:
        """Take what the cameras of these homes see now."""
        seen_ms, posture = self._board().last_seen
        for walk in self._walks.values():
            for row, sensor in self._of(walk.home).cameras:
                if seen_ms[row] < walk.begun_ms:
                    continue
                if posture[row] == Posture.UPRIGHT:
                    walk.show(sensor, Sign.UPRIGHT, int(seen_ms[row]))
                elif posture[row] in LYING:
                    walk.show(sensor, Sign.LYING, int(seen_ms[row]))

    def _of(self, home: str) -> "_Home":
        return self._laid_out().get(home, _Home())

    def _laid_out(self) -> Mapping[str, "_Home"]:
        """Give what stands in each home; gone through once, and again after each exchange."""
        board = self._board()
        if self._homes_of is not board:
            self._homes_of, self._homes = board, {}
            for spec in board.specs:
                self._homes.setdefault(spec.home, _Home()).sensors.append(spec)
            for row, (home, sensor) in enumerate(board.camera_names):
                self._homes[home].cameras.append((row, sensor))
        return self._homes

    async def run(self) -> None:
        """Look at the cameras while a test runs, and end those that nobody has ended."""
        never = asyncio.Event()
        while True:
            await self._begun.wait()
            now_ms = self._clock.now_ms()
            self.look()
            for walk in [w for w in self._walks.values() if w.until_ms <= now_ms]:
                try:
                    await self.end(walk.home)
                except LedgerError as e:  # a side path: tried again in a moment
                    log.error("a walk test could not be kept", home=walk.home, why=str(e))  # noqa: TRY400
            if not self._walks:
                self._begun.clear()
            await self._clock.wait(never, now_ms + LOOK_MS)

    async def steps(self, home: str) -> list[Step]:
        """Give the sensors of a home with what each has shown in the test that runs; cameras first."""
        before = await self._ledger.transact(lambda tx: records.walked(tx, home))
        walk = self._walks.get(home)
        return _steps(self._of(home).sensors, walk.shown if walk else {}, before)

    async def end(self, home: str) -> list[Step]:
        """End a test and keep what has passed; an empty list where none runs.

        Raises LedgerError: it cannot be kept, and the test goes on.
        """
        walk = self._walks.pop(home, None)
        if walk is None:
            return []
        steps, now_ms = _steps(self._of(home).sensors, walk.shown, {}), self._clock.now_ms()
        passed = {s.spec.name: max(s.shown[sign] for sign in s.asked) for s in steps if s.passed}
        told = {"passed": len(passed), "of": sum(bool(s.asked) for s in steps)}

        def work(tx: Tx) -> None:
            if passed:
                records.note_walked(tx, home, passed)
            records.note(tx, account=walk.by, action="walk-test", subject=home, detail=told, now_ms=now_ms)

        try:
            await self._ledger.transact(work)
        except LedgerError:
            self._walks.setdefault(home, walk)
            raise
        return steps

    async def due(self) -> list[Due]:
        """Give the homes with sensors that are due, those never walked first."""
        rows = list[tuple[str, str]]()
        while some := await self._ledger.transact(partial(_next_rows, rows[-1][0] if rows else "")):
            rows += some
        specs, now_ms = self._board().specs, self._clock.now_ms()
        return await asyncio.to_thread(due, specs, rows, now_ms)


def due(specs: Sequence[SensorSpec], rows: Sequence[tuple[str, str]], now_ms: int) -> list[Due]:
    """Give the homes of these sensors that are due; `rows` as the ledger has them."""
    passed = {home: records.unpacked(text) for home, text in rows}
    nothing: Passed = {}
    old: dict[str, list[int | None]] = {}
    for spec in specs:
        last_ms = passed.get(spec.home, nothing).get(spec.name)
        if spec.kind in ASKED and (last_ms is None or last_ms < now_ms - FRESH_MS):
            old.setdefault(spec.home, []).append(last_ms)
    found = [Due(home, len(times), _oldest(times)) for home, times in old.items()]
    return sorted(found, key=lambda one: (one.last_ms or 0, one.home))


def _oldest(times: Sequence[int | None]) -> int | None:
    """Give the oldest of these times; None where one is unknown."""
    known = [ms for ms in times if ms is not None]
    return min(known) if len(known) == len(times) else None


def _next_rows(after: str, tx: Tx) -> list[tuple[str, str]]:
    return records.walked_after(tx, after, HOMES_AT_ONCE)


def _steps(
    sensors: Sequence[SensorSpec], shown: Mapping[str, Mapping[Sign, int]], before: Passed
) -> list[Step]:
    return [
        Step(s, ASKED.get(s.kind, ()), shown.get(s.name, {}), before.get(s.name))
        for s in sorted(sensors, key=_order)
    ]


def _order(spec: SensorSpec) -> tuple[bool, bool, str, str]:
    return spec.kind not in ASKED, spec.kind != "thermal", spec.room, spec.name
