"""The named suites: which homes are simulated to measure what.

Takes a name and options, gives cells (one line of a result each) and, for a cell, its homes. The homes of a
cell differ by seed only; the seed of one home comes from the seed of the run, the name of its cell and its
number, so that a longer run begins with the homes of a shorter one.
"""

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Final

import numpy as np

from simulator import lives, scenes
from simulator.cameras import PRESETS, Mount
from simulator.falls import FallKind
from simulator.home import Home
from simulator.lives import DAY_S, Season
from simulator.weeks import Emergency

MOUNTS: Final[tuple[Mount, ...]] = ("ceiling", "wall")
ARRAYS: Final = ("amg8833", "mlx90641", "d6t16", "mlx90640", "lepton")
"""8x8, 12x16, 16x16, 24x32 and 60x80."""
DAILY: Final = ("amg8833", "mlx90641", "mlx90640")
"""What is fitted in a whole home."""
NEGATIVE_ARRAYS: Final[Mapping[Mount, tuple[str, ...]]] = {"ceiling": DAILY, "wall": ("mlx90640",)}
DAILY_LIFE: Final[tuple[tuple[str, Season, bool], ...]] = (
    ("winter", "winter", False),
    ("summer", "summer", False),
    ("faulty", "winter", True),
)
COLLAPSES: Final[tuple[tuple[str, Emergency | None, int, int], ...]] = (
    ("marks", None, 28, 60),
    *((str(e).rpartition(":")[2], e, 20, 30) for e in Emergency),
)
"""Kind, emergency, homes, days; marks as many as the recorded homes have."""
EMERGENCY_DAYS: Final = 7
"""The fewest around an emergency: habits first; two days of lying and hospital in the last third."""
AT_ONCE: Final = {
    "falls": 160,
    "negatives": 120,
    "days": 160,
    "collapses": 200,
    "climate": 160,
    "fever": 160,
    "storm": 400,
}
"""Homes that are simulated together in one job, at most: more make better batches, fewer leave less to lose.

Homes of `days` with three arrays of 24x32 in one job → sensor-hours an hour and core, an evening: 6 1720,
15 2890, 30 3810, 60 4840."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a caller may change; None = as the suite has it."""

    homes: int | None = None
    """In each cell."""
    days: float | None = None
    """Of the suites that run for days."""
    sensors: tuple[str, ...] | None = None
    """Names of cameras.PRESETS."""
    kinds: tuple[str, ...] | None = None
    """Only the cells of these kinds."""
    full: bool = False
    """Draw idle stretches at the full rate too."""

    def checked(self) -> "Options":
        """Give itself; ValueError names everything that cannot be."""
        strange = [s for s in self.sensors or () if s not in PRESETS]
        wrong = [f"--sensors: no {s!r}, there are {', '.join(PRESETS)}" for s in strange]
        wrong += ["--homes: at least 1"] if self.homes is not None and self.homes < 1 else []
        wrong += ["--days: more than 0"] if self.days is not None and not 0 < self.days < math.inf else []
        if wrong:
            raise ValueError("; ".join(wrong))
        return self


@dataclass(frozen=True, slots=True)
class Cell:
    """One line of a result: homes that differ by their seed only."""

    name: str
    """SUITE/MOUNT/ROWSxCOLS/KIND as far as it applies."""
    homes: int
    duration_s: float
    make: Callable[[int], Home]
    """Seed → home."""
    tags: Mapping[str, str]
    season: str = ""
    """Homes that begin on different days cannot share a clock."""
    full: bool = False
    """As in Options."""
    least_days: int = 0
    """What happens in it needs so many."""


def home(cell: Cell, seed: int, number: int) -> Home:
    """Make home `number` of a cell."""
    own = np.random.SeedSequence([seed, zlib.crc32(cell.name.encode()), number]).generate_state(1)[0]
    made = cell.make(int(own))
    return replace(made, name=f"{_slug(cell.name)}-{number:03d}", thinned=not cell.full)


def _slug(name: str) -> str:
    """A name of at most 28 letters that a topic may carry; different cells get different ones."""
    readable = "".join(c if c.isalnum() else "-" for c in name.lower())[-19:].strip("-")
    return f"{readable}-{zlib.crc32(name.encode()):08x}"


def names() -> Sequence[str]:
    """Every suite there is."""
    return tuple(_SUITES)


def cells(suite: str, options: Options) -> list[Cell]:
    """Give the cells of a suite; ValueError for a name that is none."""
    if suite not in _SUITES:
        raise ValueError(f"no suite {suite!r}; there are {', '.join(_SUITES)}")
    every = _SUITES[suite](options.checked())
    if twice := sorted({c.name for c in every if sum(c.name == o.name for o in every) > 1}):
        raise ValueError(f"--sensors: two arrays of one shape cannot be told apart in {', '.join(twice)}")
    kinds = {c.tags.get("kind", "") for c in every}
    if strange := sorted(set(options.kinds or ()) - kinds):
        raise ValueError(f"suite {suite}: no kind {', '.join(strange)}; there are {', '.join(sorted(kinds))}")
    chosen = [c for c in every if not options.kinds or c.tags.get("kind") in options.kinds]
    if short := [c for c in chosen if c.duration_s < c.least_days * DAY_S]:
        names = ", ".join(c.name for c in short)
        raise ValueError(f"--days: at least {max(c.least_days for c in short)} for {names}")
    return [replace(c, full=options.full) for c in chosen]


def _falls(options: Options) -> list[Cell]:
    """Each kind of fall × mount × array."""
    return [
        _cell(
            "falls",
            mount,
            array,
            kind,
            homes=options.homes or 12,
            lasts_s=scenes.FALL_S,
            make=partial(scenes.fall, kind=kind),
        )
        for mount in MOUNTS
        for array in options.sensors or ARRAYS
        for kind in FallKind
    ]


def _negatives(options: Options) -> list[Cell]:
    """Each nuisance and each harmless movement."""
    return [
        _cell(
            "negatives",
            mount,
            array,
            kind,
            homes=options.homes or 8,
            lasts_s=scenes.NEGATIVE_S,
            make=partial(scenes.negative, kind=kind),
        )
        for mount, arrays in NEGATIVE_ARRAYS.items()
        for array in options.sensors or arrays
        for kind in scenes.NEGATIVES
    ]


def _cell(
    suite: str,
    mount: Mount,
    array: str,
    kind: str,
    *,
    homes: int,
    lasts_s: float,
    make: Callable[..., Home],
) -> Cell:
    """One cell of short scenes; `make` is called with seed, array and mount."""
    camera = PRESETS[array](0, mount)
    shape = f"{camera.rows}x{camera.cols}"
    tags = {"mount": mount, "array": array, "resolution": shape, "kind": str(kind)}
    own = partial(make, array=array, mount=mount)
    name = "/".join(part for part in (suite, mount, shape, kind) if part)
    return Cell(name, homes, lasts_s, own, tags)


def _days(options: Options) -> list[Cell]:
    """Weeks as they come: each array in winter and summer, on the wall, and with the usual faults."""
    count = _whole(options.days or 2)
    out = []
    for mount, arrays in NEGATIVE_ARRAYS.items():
        for array in options.sensors or arrays:
            for kind, season, faulty in DAILY_LIFE if mount == "ceiling" else DAILY_LIFE[:1]:
                make = partial(lives.ordinary, count=count, season=season, faulty=faulty)
                short = _cell(
                    "days", mount, array, kind, homes=options.homes or 4, lasts_s=count * DAY_S, make=make
                )
                out.append(replace(short, season=season))
    return out


def _collapses(options: Options) -> list[Cell]:
    """Marks as in the recorded homes, and each physical emergency."""
    out = []
    for kind, emergency, homes, usual in COLLAPSES:
        count = _whole(options.days or usual)
        make = partial(lives.collapses, count=count, emergency=emergency)
        cell = Cell(
            f"collapses/{kind}", options.homes or homes, count * DAY_S, make, {"kind": kind}, "winter"
        )
        out.append(cell if emergency is None else replace(cell, least_days=EMERGENCY_DAYS))
    return out


def _climate(options: Options) -> list[Cell]:
    """A cold flat, a heat wave; the stove left on and a fire under the kitchen's array."""
    count = _whole(options.days or 4)
    homes, lasts_s = options.homes or 12, count * DAY_S
    cold, hot = partial(lives.cold_flat, count=count), partial(lives.heat_wave, count=count)
    return [
        Cell("climate/cold", homes, lasts_s, cold, {"kind": "cold"}, "winter"),
        Cell("climate/heat", homes, lasts_s, hot, {"kind": "heat"}, "summer"),
        *(
            replace(
                _cell(
                    "climate",
                    "ceiling",
                    array,
                    danger,
                    homes=homes,
                    lasts_s=lives.NOON_S[1],
                    make=partial(lives.kitchen, danger=danger),
                ),
                season="winter",
            )
            for array in options.sensors or ("amg8833", "mlx90640")
            for danger in ("stove", "fire")
        ),
    ]


def _fever(options: Options) -> list[Cell]:
    """The core temperature rises by 1.2 K under each array."""
    count = _whole(options.days or 6)
    out = []
    for array in options.sensors or ("amg8833", "mlx90640"):
        make = partial(lives.fever, count=count)
        cell = _cell(
            "fever", "ceiling", array, "", homes=options.homes or 4, lasts_s=count * DAY_S, make=make
        )
        out.append(replace(cell, season="winter"))
    return out


def _storm(options: Options) -> list[Cell]:
    """A street of homes goes dark within seconds, and somebody falls in a home that keeps its power."""
    homes = options.homes or 200
    out = []
    for array in options.sensors or ("amg8833", "mlx90640"):
        for kind, share, lasts_s in (
            ("dark", 1, scenes.FALL_S + scenes.DARK_FOR_S),
            ("fall", 20, scenes.FALL_S + scenes.DARK_FOR_S),
        ):
            make = partial(scenes.storm, spared=kind == "fall")
            out.append(
                _cell(
                    "storm",
                    "ceiling",
                    array,
                    kind,
                    homes=max(1, homes // share),
                    lasts_s=lasts_s,
                    make=make,
                )
            )
    return out


def _whole(days: float) -> int:
    """Days of a diary are whole ones."""
    return max(1, math.ceil(days))


_SUITES: Final[Mapping[str, Callable[[Options], list[Cell]]]] = MappingProxyType(
    {
        "falls": _falls,
        "negatives": _negatives,
        "days": _days,
        "collapses": _collapses,
        "climate": _climate,
        "fever": _fever,
        "storm": _storm,
    }
)
