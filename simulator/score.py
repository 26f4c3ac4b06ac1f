"""Findings against truth: which findings are hits, which are false alarms, which truths were missed.

Takes what truly happened in homes and what was found there, gives counts by kind of finding, each with its
interval. Knows no detector, no frame, no file and no clock. The windows are in rules.py; several people
in one recording in subjects.py; the silence of a home (`inactivity`) has a protocol of its own in
collapse.py; figures.py turns scores into JSON, curves and worst cases.

How one kind is judged in one home:
1. Findings go in order of decision. A repeat (less than 10 s after the last counted one for falls; before
   the next proof of life, at most 24 h, for all other kinds) is counted as a repeat and is nothing else:
   it cannot become a hit, whatever it repeats.
2. A finding inside the window of a truth that no earlier finding took is that truth's hit; the truth that
   began first goes first, and each truth is hit once.
3. Any other finding while the emergency still stands is neither right nor wrong; every other one is false.
Truths that nobody took are missed.

Readings of the rule where it leaves a choice, each so that cheating does not pay:
- A finding that counts as "neither" starts the time for repeats as hits and false ones do. An alarm just
  before a fall so costs the hit of an alarm in the ten seconds after it.
- Ends of windows belong to them. A finding 10 s (24 h) after the counted one is no repeat any more.
- A proof of life at the very moment of a finding came before it.
- `watched` measures exposure and nothing else: findings and truths outside of it count too.
- A home without a sensor that could have said it (rules.SAYS) adds no time to a kind's exposure.
- Falls that overlap are taken in the order of their starts, also where another order would hit more.
- Only `long-lie` findings far from any fall count (as false): the rule names no window for a hit.
- `fall-recovered` and `cancel` page nobody and are not scored. Any other unknown kind of finding
  is an error, so that a misspelt kind cannot hide alarms.
- Silence: `collapse:KIND` says that somebody truly lay there from start to end; `collapse` alone marks the
  instant from which a run removes events, while nothing happened: an alarm there is false. An `inactivity`
  finding while somebody lies on the floor (`down`, and 1 h after) is neither.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from guardian.trace import TruthRow
from simulator import statistics
from simulator.rules import DAY_MS, REPEAT_LIMIT_MS, RULES, SECOND_MS, UNSCORED, Rule, can_say, windows
from simulator.statistics import Interval


@dataclass(frozen=True, slots=True)
class Found:
    """One finding of one home; times in ms since 1970."""

    home: str
    kind: str
    onset_ms: int
    decided_ms: int
    confidence: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class HomeCase:
    """One home: when it was watched, what truly happened, what was found. Times in ms since 1970.

    ValueError when the watched spans overlap or run backwards, when a proof of life or a truth does, when a
    finding belongs to another home or has a kind without a rule.
    """

    home: str
    watched: tuple[tuple[int, int], ...]
    """(start, end) of each span, in order; their length is the exposure that false alarms stand against."""
    truth: tuple[TruthRow, ...]
    found: tuple[Found, ...]
    life_ms: Sequence[int] | NDArray[np.int64] = ()
    """Proofs of life, in order of time."""
    tags: Mapping[str, str | int | float] = field(default_factory=dict)
    """What homes are compared by: mount, resolution, seed, …"""
    sensors: frozenset[str] | None = None
    """Kinds of the sensors that it has; None = not known."""

    def __post_init__(self) -> None:
        where = f"home {self.home}"
        edges = [t for span in self.watched for t in span]
        if any(b < a for a, b in pairwise(edges)):
            raise ValueError(f"{where}: watched spans overlap or run backwards: {self.watched}")
        for row in self.truth:
            if row.end_ms < row.start_ms:
                raise ValueError(f"{where}: truth {row.label} ends ({row.end_ms}) before {row.start_ms}")
        if (np.diff(np.asarray(self.life_ms, np.int64)) < 0).any():
            raise ValueError(f"{where}: life_ms goes back in time")
        for f in self.found:
            if f.home != self.home:
                raise ValueError(f"{where}: a finding of home {f.home}")
            if f.kind not in RULES and f.kind not in UNSCORED:
                raise ValueError(f"{where}: no rule for findings of the kind {f.kind!r}")

    @property
    def watched_ms(self) -> int:
        """How long the home was watched."""
        return sum(end - start for start, end in self.watched)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one truth."""

    home: str
    truth: TruthRow
    found: Found | None
    """None = missed."""
    latency_s: float
    """From the truth's end (falls) or start; NaN = missed."""

    @property
    def hit(self) -> bool:
        """Whether it was found in time."""
        return self.found is not None


@dataclass(frozen=True, slots=True)
class KindScore:
    """The counts of one kind of finding over some homes."""

    kind: str
    outcomes: tuple[Outcome, ...]
    """One for each truth, by home and start."""
    false_alarms: tuple[Found, ...]
    spared: tuple[Found, ...]
    """Findings that are neither hits nor false."""
    repeated: tuple[Found, ...]
    exposure_ms: tuple[tuple[str, int], ...]
    """(home, how long it was watched by something that could have said it)."""

    @property
    def truth(self) -> int:
        """How many truths there were to find."""
        return len(self.outcomes)

    @property
    def hit(self) -> int:
        """How many of them were found."""
        return sum(o.hit for o in self.outcomes)

    @property
    def false(self) -> int:
        """How many findings were false alarms."""
        return len(self.false_alarms)

    @property
    def neither(self) -> int:
        """How many findings were neither hits nor false."""
        return len(self.spared)

    @property
    def repeats(self) -> int:
        """How many findings only repeated one before."""
        return len(self.repeated)

    @property
    def home_days(self) -> float:
        """Exposure: days watched, summed over homes."""
        return sum(ms for _, ms in self.exposure_ms) / DAY_MS

    @property
    def latencies_s(self) -> tuple[float, ...]:
        """Of the hits, in the order of the truths."""
        return tuple(o.latency_s for o in self.outcomes if o.hit)

    @property
    def sensitivity(self) -> float:
        """Hit / truth; NaN without truth."""
        return _ratio(self.hit, self.truth)

    @property
    def precision(self) -> float:
        """Hit / (hit + false); NaN when nothing was said."""
        return _ratio(self.hit, self.hit + self.false)

    @property
    def f1(self) -> float:
        """Harmonic mean of sensitivity and precision; NaN when there was nothing to find and nothing said."""
        return _ratio(2 * self.hit, self.truth + self.hit + self.false)

    @property
    def false_per_hour(self) -> float:
        """False alarms per home and hour watched."""
        return _ratio(self.false, self.home_days * 24)

    @property
    def false_per_home_day(self) -> float:
        """False alarms per home and day watched."""
        return _ratio(self.false, self.home_days)

    @property
    def sensitivity_95(self) -> Interval:
        """Wilson's interval."""
        return statistics.wilson(self.hit, self.truth)

    @property
    def precision_95(self) -> Interval:
        """Wilson's interval."""
        return statistics.wilson(self.hit, self.hit + self.false)

    @property
    def false_per_home_day_95(self) -> Interval:
        """Exact interval of the rate; none counted gives the rule of three."""
        return statistics.poisson(self.false, self.home_days)

    @property
    def latency_s_p50(self) -> float:
        """Median latency of the hits; NaN without hits."""
        return statistics.quantile(self.latencies_s, 0.5)

    @property
    def latency_s_p95(self) -> float:
        """95th percentile of the latency of the hits; NaN without hits."""
        return statistics.quantile(self.latencies_s, 0.95)

    def by_label(self) -> dict[str, tuple[int, int]]:
        """(truth, hit) of each truth label, sorted by label."""
        labels = sorted({o.truth.label for o in self.outcomes})
        rows = {label: [o for o in self.outcomes if o.truth.label == label] for label in labels}
        return {label: (len(some), sum(o.hit for o in some)) for label, some in rows.items()}


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of some homes: one KindScore a kind, in the order of RULES."""

    kinds: Mapping[str, KindScore]
    exposure_ms: tuple[tuple[str, int], ...]

    @property
    def home_days(self) -> float:
        """Days watched, summed over homes."""
        return sum(ms for _, ms in self.exposure_ms) / DAY_MS


def score(homes: Sequence[HomeCase], kinds: Iterable[str] = ()) -> Scores:
    """Judge all findings of all homes.

    Kinds that were neither said nor true are left out, but for those in `kinds`: what the detectors under
    test could have said, so that "no false alarm in so many home-days" is a figure too.
    """
    wanted = kinds_of(homes, kinds)
    parts = {k: [judge(case, k) for case in homes] for k in wanted}
    return Scores({k: joined(k, some) for k, some in parts.items()}, exposure_of(homes))


def split(homes: Sequence[HomeCase], tag: str, kinds: Iterable[str] = ()) -> dict[str, Scores]:
    """Scores of the homes with each value of a tag, sorted by value; tag `home` = each home by itself.

    Homes without the tag stand under the empty text.
    """
    groups: dict[str, list[HomeCase]] = {}
    for case in homes:
        value = case.tags.get(tag, case.home if tag == "home" else "")
        groups.setdefault(str(value), []).append(case)
    return {value: score(groups[value], kinds) for value in sorted(groups)}


def judge(case: HomeCase, kind: str) -> KindScore:
    """Judge the findings of one kind in one home (the numbered steps above)."""
    rule = RULES[kind]
    targets, calm = windows(case.truth, kind)
    life = np.asarray(case.life_ms, np.int64)
    taken: dict[int, Found] = {}
    false: list[Found] = []
    spared: list[Found] = []
    repeated: list[Found] = []
    counted_ms: int | None = None
    for f in in_order(f for f in case.found if f.kind == kind):
        t = f.decided_ms
        if counted_ms is not None and _is_repeat(rule, life, counted_ms, t):
            repeated.append(f)
            continue
        counted_ms = t
        free = (k for k, w in enumerate(targets) if k not in taken and w.from_ms <= t <= w.until_ms)
        hit = next(free, None)
        if hit is not None:
            taken[hit] = f
        elif any(start <= t <= end for start, end in calm):
            spared.append(f)
        else:
            false.append(f)
    outcomes = []
    for k, w in enumerate(targets):
        found = taken.get(k)
        origin = w.row.end_ms if rule.latency_from == "end" else w.row.start_ms
        late_s = math.nan if found is None else (found.decided_ms - origin) / SECOND_MS
        outcomes.append(Outcome(case.home, w.row, found, late_s))
    exposure = ((case.home, case.watched_ms if can_say(kind, case.sensors) else 0),)
    return KindScore(kind, tuple(outcomes), tuple(false), tuple(spared), tuple(repeated), exposure)


def in_order(found: Iterable[Found]) -> list[Found]:
    """Findings by time of decision; those of one moment in an order that depends on nothing else."""
    return sorted(found, key=lambda f: (f.decided_ms, f.onset_ms, -f.confidence, f.kind))


def _is_repeat(rule: Rule, life: NDArray[np.int64], counted_ms: int, t_ms: int) -> bool:
    if rule.repeat_ms is not None:
        return t_ms - counted_ms < rule.repeat_ms
    following = int(np.searchsorted(life, counted_ms, side="right"))
    alive = following < len(life) and int(life[following]) <= t_ms
    return not alive and t_ms - counted_ms < REPEAT_LIMIT_MS


def kinds_of(homes: Iterable[HomeCase], more: Iterable[str]) -> list[str]:
    """Kinds that were said, true or asked for, in the order of RULES. ValueError for an unknown one."""
    more, homes = set(more), list(homes)
    if unknown := sorted(more - RULES.keys()):
        raise ValueError(f"no rule for findings of the kind {', '.join(unknown)}")
    said = more | {f.kind for case in homes for f in case.found}
    return [k for k in RULES if k in said or any(windows(case.truth, k)[0] for case in homes)]


def joined(kind: str, parts: Sequence[KindScore]) -> KindScore:
    """One score of many homes, whatever their order."""
    return KindScore(
        kind,
        tuple(sorted((o for p in parts for o in p.outcomes), key=lambda o: (o.home, o.truth.start_ms))),
        tuple(sorted((f for p in parts for f in p.false_alarms), key=_by_home)),
        tuple(sorted((f for p in parts for f in p.spared), key=_by_home)),
        tuple(sorted((f for p in parts for f in p.repeated), key=_by_home)),
        tuple(sorted(e for p in parts for e in p.exposure_ms)),
    )


def _by_home(found: Found) -> tuple[str, int]:
    return found.home, found.decided_ms


def exposure_of(homes: Iterable[HomeCase]) -> tuple[tuple[str, int], ...]:
    """(home, ms watched) of each home, sorted."""
    return tuple(sorted((case.home, case.watched_ms) for case in homes))


def _ratio(top: float, bottom: float) -> float:
    return top / bottom if bottom > 0 else math.nan
