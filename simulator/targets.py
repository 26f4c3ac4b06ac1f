"""What the detectors are meant to reach, as data, and whether a measured entry reaches it.

Takes entries of the JSON of `guardian evaluate`, gives verdicts with the figure and interval that they rest
on. Source of every number: DESIGN section 5. Never calls a target met on the strength of a single number:
the whole 95 % interval has to lie on the right side of it.

Readings of the table where it leaves a choice:
- The row of wall arrays names shares of falls found and nothing else; false alarms and delays are read as
  those of a ceiling array of the same size. Arrays on the wall that it does not name have no share to reach.
- A fall whose kind is not known counts as a hard one.
- False alarms a month are those of daily life: in scenes that are staged to provoke them (STAGED) the same
  figure says nothing about a month, so it is not judged there.
- "p95 within 30 s" is read as: 95 % of the hits are said within 30 s, with Wilson's interval of that share.
- "Every crossing" (and "within 45 min", which names no share) is missed with the first one that is missed,
  and met when none is and the interval begins at EVERY.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from simulator import statistics

Json = Mapping[str, Any]
Verdict = Literal["met", "missed", "open"]
Figure = Literal[
    "hard",
    "slides",
    "false",
    "p50_s",
    "p95_s",
    "slides_p95_s",
    "f1",
    "found_24h",
    "day_h",
    "every",
    "found",
    "right_room",
    "median_m",
]

STAGED: Final = frozenset({"falls", "negatives", "storm", "climate"})
"""Suites of scenes in which something is made to happen every few minutes or hours."""
LIVED: Final = frozenset({"days", "collapses", "fever"})
"""Suites of days as they come."""
EVERY: Final = 0.95
"""Where the interval has to begin for "every": 73 of 73. Source: judgement."""
ENOUGH_DAYS: Final = 1.0
"""A rate from less time, or a place without an interval, is nothing to judge by. Source: judgement."""
AT_LEAST: Final = frozenset({"hard", "slides", "f1", "found_24h", "every", "found", "right_room"})
"""Figures that should be high; the others should be low."""
FINE: Final = (12 * 16, 10**9)
COARSE: Final = (8 * 8, 8 * 8)
WIDE: Final = (24 * 32, 24 * 32)
SLIDE: Final = "fall:slide"


@dataclass(frozen=True, slots=True)
class Target:
    """One number of the table, and which entries it is about."""

    kind: str
    """Kind of finding, or `position`."""
    figure: Figure
    limit: float
    per_days: float = 0.0
    """Of `false`: so many home-days."""
    mount: str = ""
    """Empty = any."""
    pixels: tuple[int, int] = (0, 10**9)
    """Fewest and most of the thermal array."""
    trace: str = ""
    """How the name of the recording begins; empty = simulated homes."""

    @property
    def at_least(self) -> bool:
        """Whether more is better."""
        return self.figure in AT_LEAST


def _falls(mount: str, pixels: tuple[int, int], hard: float, slides: float) -> tuple[Target, Target]:
    return (
        Target("fall-confirmed", "hard", hard, mount=mount, pixels=pixels),
        Target("fall-confirmed", "slides", slides, mount=mount, pixels=pixels),
    )


TARGETS: Final = (
    *_falls("ceiling", FINE, 0.98, 0.95),
    *_falls("ceiling", COARSE, 0.95, 0.90),
    *_falls("wall", WIDE, 0.95, 0.85),
    *_falls("wall", COARSE, 0.92, 0.80),
    Target("fall-confirmed", "false", 1.0, per_days=30.0, pixels=(1, 10**9)),
    Target("fall-confirmed", "p50_s", 15.0, pixels=FINE),
    Target("fall-confirmed", "p95_s", 30.0, pixels=FINE),
    Target("fall-confirmed", "p95_s", 40.0, pixels=COARSE),
    Target("fall-confirmed", "slides_p95_s", 90.0, pixels=(1, 10**9)),
    Target("fall-suspected", "f1", 0.95, trace="ceiling16"),
    Target("fall-suspected", "p95_s", 1.0, trace="ceiling16"),
    Target("inactivity", "false", 1.0, per_days=90.0),
    Target("inactivity", "false", 0.03, per_days=1.0, trace="pir-homes"),
    Target("inactivity", "found_24h", 0.95, trace="pir-homes"),
    Target("inactivity", "day_h", 3.5, trace="pir-homes"),
    Target("bathroom-overstay", "every", 1.0),
    Target("night-out-of-bed", "every", 1.0),
    Target("cold", "every", 1.0),
    Target("heat", "every", 1.0),
    Target("appliance-left-on", "every", 1.0),
    Target("fire", "every", 1.0),
    Target("fever-trend", "found", 0.80),
    Target("position", "right_room", 0.97),
    Target("position", "median_m", 0.25, pixels=WIDE),
    Target("position", "median_m", 0.40, pixels=COARSE),
)
"""DESIGN section 5. Windows (45 min, 1 min, 30 s, 12 h) are those that the scorer finds a hit within."""


@dataclass(frozen=True, slots=True)
class Place:
    """What the name of an entry says: SUITE/MOUNT/ROWSxCOLS/KIND as far as it applies."""

    suite: str
    mount: str = ""
    shape: str = ""
    kind: str = ""

    @property
    def pixels(self) -> int:
        """Of the thermal array; 0 = not known."""
        rows, _, cols = self.shape.partition("x")
        return int(rows) * int(cols) if cols else 0


@dataclass(frozen=True, slots=True)
class Judged:
    """One target beside what was reached."""

    target: Target
    value: float
    """In the unit of the limit; infinite = never."""
    interval: tuple[float, float] | None
    """Of the value; of `p50_s`, `p95_s` and `day_h` of the share that was in time. None = not known."""
    counts: tuple[int, float] | None
    """Hits and truths, those in time and hits, or false alarms and home-days."""
    verdict: Verdict


def place(name: str) -> Place:
    """Take an entry's name apart."""
    suite, *rest = name.split("/")
    if len(rest) >= 2 and rest[0] in {"ceiling", "wall"} and _is_shape(rest[1]):
        return Place(suite, rest[0], rest[1], "/".join(rest[2:]))
    return Place(suite, kind="/".join(rest))


def late_after_s(kind: str, label: str, mount: str, shape: str) -> float | None:
    """After how many seconds a hit of this kind is late; None where the table names no time for it.

    Kinds whose window is the target itself are never hit late.
    """
    figure = "slides_p95_s" if label == SLIDE else "p95_s"
    where = Place("", mount, shape if _is_shape(shape) else "")
    limits = [
        t.limit for t in TARGETS if not t.trace and (t.kind, t.figure) == (kind, figure) and _fits(t, where)
    ]
    return limits[0] if limits else None


def judged(entry: Json, cells: Sequence[Json]) -> list[Judged]:
    """Verdicts on one entry, in the order of the table; `cells` are the entries that it sums up (or itself).

    Nothing is said where there is no figure: no truth, no hit, no time watched.
    """
    where = place(str(entry["name"]))
    out = []
    for target in TARGETS:
        recorded = bool(target.trace)
        if recorded != (where.suite not in STAGED | LIVED) or not where.suite.startswith(target.trace):
            continue
        if not _fits(target, where) or (target.figure == "false" and where.suite in STAGED):
            continue
        one = _position(target, entry) if target.kind == "position" else _kind(target, entry, cells)
        if one is not None:
            out.append(one)
    return out


def _is_shape(text: str) -> bool:
    rows, _, cols = text.partition("x")
    return rows.isdigit() and cols.isdigit()


def _fits(target: Target, where: Place) -> bool:
    fewest, most = target.pixels
    return target.mount in {"", where.mount} and (fewest == 0 or fewest <= where.pixels <= most)


def _kind(target: Target, entry: Json, cells: Sequence[Json]) -> Judged | None:
    one = entry["kinds"].get(target.kind)
    if one is None:
        return None
    if target.figure == "false":
        return _rate(target, int(one["false"]), float(one.get("home_days", entry.get("home_days", 0.0))))
    if target.figure == "f1":
        known = one.get("f1") is not None
        return _of(target, one["f1"], _known(one.get("f1_by_home_95"))) if known else None
    if target.figure in {"p50_s", "p95_s", "slides_p95_s"}:
        quantile = 0.5 if target.figure == "p50_s" else 0.95
        wanted = {True} if target.figure == "slides_p95_s" else {False}
        return _in_time(target, _latencies(cells, target.kind, wanted), quantile)
    if target.figure == "day_h":
        hours = list(one.get("delays_h_day") or ())
        missed = int(one.get("collapses_day") or 0) - len(hours)
        return _in_time(target, [*hours, *([math.inf] * missed)], 0.5)
    return _share(target, *_found(target, one))


def _found(target: Target, one: Json) -> tuple[int, int]:
    """(hit, truth) of the falls that a target is about; of all truths for other figures."""
    if target.figure not in {"hard", "slides"}:
        return int(one["hit"]), int(one["truth"])
    rows = [
        counts
        for label, counts in (one.get("labels") or {}).items()
        if (label == SLIDE) == (target.figure == "slides")
    ]
    return sum(int(r["hit"]) for r in rows), sum(int(r["truth"]) for r in rows)


def _latencies(cells: Iterable[Json], kind: str, slides: set[bool]) -> list[float]:
    """Latencies of the cells in which all falls are slides, or none is; where both occur nobody can tell."""
    out: list[float] = []
    for cell in cells:
        one = cell["kinds"].get(kind) or {}
        if {label == SLIDE for label in one.get("labels") or ()} == slides:
            if one["hit"] and not one.get("latencies_s"):
                return []  # an older file: the rest is not the whole
            out += one.get("latencies_s") or ()
    return out


def _position(target: Target, entry: Json) -> Judged | None:
    told = entry.get("position")
    if not told:
        return None
    if target.figure == "right_room":
        return _of(target, float(told["right_room"]), _known(told.get("right_room_by_home_95")))
    value = told["median_all_m"] if "median_all_m" in told else told.get("median_m")
    if value is None and "median_all_m" not in told:
        return None
    far = math.inf if value is None else float(value)
    verdict: Verdict = "met" if far <= target.limit else "missed"
    enough = float(told["seconds"]) >= ENOUGH_DAYS * 86_400
    return Judged(target, far, None, None, verdict if enough else "open")


def _share(target: Target, hits: int, total: int) -> Judged | None:
    if not total:
        return None
    low, high = statistics.wilson(hits, total)
    if target.figure == "every":
        verdict: Verdict = "missed" if hits < total else "met" if low >= EVERY else "open"
        return Judged(target, hits / total, (low, high), (hits, total), verdict)
    return Judged(target, hits / total, (low, high), (hits, total), _verdict(target, low, high))


def _rate(target: Target, count: int, days: float) -> Judged | None:
    if not days:
        return None
    low, high = statistics.poisson(count, days / target.per_days)
    verdict = _verdict(target, low, high) if days >= ENOUGH_DAYS else "open"
    return Judged(target, count * target.per_days / days, (low, high), (count, days), verdict)


def _in_time(target: Target, samples: Sequence[float], quantile: float) -> Judged | None:
    """Whether `quantile` of the samples are at most the limit; infinite ones are those that never came."""
    if not samples:
        return None
    within = sum(s <= target.limit for s in samples)
    low, high = statistics.wilson(within, len(samples))
    verdict: Verdict = "met" if low >= quantile else "missed" if high < quantile else "open"
    ordered = sorted(samples)
    value = (
        statistics.quantile(ordered, quantile) if math.isfinite(ordered[-1]) else _of_all(ordered, quantile)
    )
    return Judged(target, value, (low, high), (within, len(samples)), verdict)


def _of_all(ordered: Sequence[float], quantile: float) -> float:
    """Quantile of samples some of which are infinite: the smallest that enough are at most."""
    return ordered[max(0, math.ceil(quantile * len(ordered)) - 1)]


def _of(target: Target, value: float, interval: tuple[float, float] | None) -> Judged:
    verdict = "open" if interval is None else _verdict(target, *interval)
    return Judged(target, value, interval, None, verdict)


def _verdict(target: Target, low: float, high: float) -> Verdict:
    if target.at_least:
        return "met" if low >= target.limit else "missed" if high < target.limit else "open"
    return "met" if high <= target.limit else "missed" if low > target.limit else "open"


def _known(pair: Sequence[float | None] | None) -> tuple[float, float] | None:
    low, high = pair or (None, None)
    return None if low is None or high is None else (low, high)
