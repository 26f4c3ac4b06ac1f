"""The score of silence: collapses are played by removing 24 h of a home's events, one at a time.

Takes homes with the findings of one run on their untouched events, and for each collapse the findings of a
run in which that home's events were removed for 24 h from the onset on. Gives, for `inactivity` and
`inactivity-prompt`, how many collapses were found and how late, and the false alarms of the untouched run
(DESIGN section 8). Plays nothing itself.

Readings of the rule where it leaves a choice, each so that cheating does not pay:
- Repeats are no hits: what a run says up to the onset is what the untouched run said (its events are the
  same until then), so an alarm that already stands at the onset, without a proof of life since, does not
  find the collapse. The removed 24 h hold no proof of life.
- Only findings of the collapsed home count, and only in [onset, onset + 24 h].
- A gap is a stretch of more than 12 h between two proofs of life, or between one and the end of what was
  watched. It takes its whole length out of the home-days, and an alarm strictly inside it is reported
  apart; the moment at which life comes back is no longer inside.
- Where everything is known (simulated homes: `known`) no gap is unexplained: whoever is away for a night is
  no emergency, so an alarm then is false.
- A silence that the truth explains (`collapse:KIND`, or lying on the floor: `down`) is no unexplained gap:
  an alarm in it or in the hour after is neither hit nor false, and its time leaves the home-days like a gap.
  `collapse` alone marks an onset at which nothing happened in the untouched events.
- Delays are those of the collapses that were found, and stand beside the share found; `delay_h_p50_all`
  takes a missed one as later than every other, so that finding only the easy ones does not look fast.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from guardian.trace import TraceEvent, TruthRow
from simulator.rules import DAY_MS, HOUR_MS, RULES, SILENCE_KINDS, is_a, truly_silent
from simulator.score import Found, HomeCase, KindScore, Outcome, joined, judge

GAP_MS: Final = 12 * HOUR_MS
"""A longer silence of recorded events is unexplained. Source: DESIGN section 8."""
REMOVED_MS: Final = DAY_MS
"""A collapse removes so much. Source: DESIGN section 8."""
DAY_HOURS: Final = (8, 20)
"""An onset from the first hour on and before the second one is a daytime one, local time. Source: there."""
ONES: Final = frozenset({"pir", "button", "cancel"})
"""Kinds of sensors whose 1 is a proof of life."""
CHANGES: Final = frozenset({"door", "appliance-door", "bed", "chair", "presence"})
"""Kinds of sensors whose change is one."""

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class CollapseRun:
    """One collapse: the home, from when its events were removed, and what was found in that run."""

    home: str
    onset_ms: int
    found: tuple[Found, ...]
    """Findings of the whole run or only of those from the onset on; others are not looked at."""


@dataclass(frozen=True, slots=True)
class SilenceScore:
    """The counts of one kind of finding about silence."""

    collapses: KindScore
    """Outcomes of the collapses (without any run: of `placed`); false alarms of the untouched run; its
    exposure without the gaps.
    """
    unexplained: tuple[Found, ...]
    """Alarms of the untouched run inside unexplained gaps."""
    left_out_days: float
    """Home-days that gaps and true silences took."""
    by_day: tuple[bool, ...]
    """For each outcome, whether its onset was by day."""
    placed: KindScore
    """The true silences (`collapse:KIND`) of the untouched run, which no events were removed for."""

    def delays_h(self, *, day: bool, missed: bool = False) -> tuple[float, ...]:
        """Hours from the onset to the finding; with `missed`, infinite for collapses that nobody found."""
        chosen = [
            o
            for o, d in zip(self.collapses.outcomes, self.by_day, strict=True)
            if d == day and (o.hit or missed)
        ]
        return tuple(o.latency_s / 3600 if o.hit else math.inf for o in chosen)

    def delay_h_p50(self, *, day: bool, missed: bool = False) -> float:
        """Median of `delays_h`; NaN of nothing."""
        delays = sorted(self.delays_h(day=day, missed=missed))
        middle = delays[(len(delays) - 1) // 2 : len(delays) // 2 + 1]
        return sum(middle) / len(middle) if middle else math.nan


def score_inactivity(
    untouched: Sequence[HomeCase], runs: Sequence[CollapseRun], timezone: str, *, known: bool = False
) -> dict[str, SilenceScore]:
    """Score both kinds of findings about silence.

    `untouched` are the homes with the findings on their own events; each run belongs to one of them. `known`
    says that the truth is whole, so that no silence is unexplained.
    ValueError when a home stands there twice, or a run's home not at all; ZoneInfo's own error for a
    timezone that is not known.
    """
    cases = {case.home: case for case in untouched}
    if len(cases) < len(untouched):
        raise ValueError("a home stands in `untouched` twice")
    if strangers := sorted({run.home for run in runs} - cases.keys()):
        raise ValueError(f"runs of homes that are not in `untouched`: {', '.join(strangers)}")
    zone = ZoneInfo(timezone)
    return {kind: _silence(kind, cases, runs, zone, known) for kind in SILENCE_KINDS}


def collapses(case: HomeCase) -> tuple[TruthRow, ...]:
    """The rows from whose start on a run removes 24 h of events."""
    return tuple(row for row in case.truth if is_a(row.label, "collapse"))


def activity_ms(events: Iterable[TraceEvent], kinds: Mapping[str, str]) -> NDArray[np.int64]:
    """Proofs of life of one home, in order of time: (N,) ms.

    `kinds` names each sensor's kind; sensors that are not in it are left out. A movement, a pressed button
    is one; of doors, beds, chairs and presence only changes are, and their first value is none (it may be a
    repetition of what was before); but a sensor that never says anything but 1 tells of openings, not of
    states, so each is one.
    """
    rows = sorted(events, key=lambda e: e.t_ms)
    tells_states = {e.sensor for e in rows if e.value != 1.0}
    last: dict[str, float] = {}
    out: list[int] = []
    for e in rows:
        kind = kinds.get(e.sensor, "")
        if kind in ONES or (kind in CHANGES and e.sensor not in tells_states):
            alive = e.value == 1.0
        else:
            alive = kind in CHANGES and last.get(e.sensor, e.value) != e.value
        last[e.sensor] = e.value
        if alive:
            out.append(e.t_ms)
    return np.asarray(out, np.int64)


def unexplained_gaps(
    life_ms: Sequence[int] | NDArray[np.int64], watched: Sequence[Span] = ()
) -> tuple[Span, ...]:
    """Stretches of more than 12 h without a proof of life: between two of them, and between the first (last)
    one and the start (end) of what was watched; in order of time.
    """
    moments = [int(t) for t in life_ms]
    if watched:
        moments = sorted([*moments, watched[0][0], watched[-1][1]])
    return tuple((a, b) for a, b in pairwise(moments) if b - a > GAP_MS)


def _silence(
    kind: str, cases: Mapping[str, HomeCase], runs: Sequence[CollapseRun], zone: ZoneInfo, known: bool
) -> SilenceScore:
    calm: list[KindScore] = []
    placed: list[KindScore] = []
    unexplained: list[Found] = []
    left_out_ms = 0
    for case in cases.values():
        gaps = () if known else unexplained_gaps(case.life_ms, case.watched)
        told = [
            (r.start_ms, r.end_ms + RULES[kind].after_ms)
            for r in case.truth
            if truly_silent(r) or is_a(r.label, "down")
        ]
        played = judge(case, kind)
        apart = {f for f in played.false_alarms if any(a < f.decided_ms < b for a, b in gaps)}
        lost_ms = _shared_ms([*gaps, *told], case.watched)
        left_out_ms += lost_ms
        unexplained += sorted(apart, key=lambda f: f.decided_ms)
        kept = tuple(f for f in played.false_alarms if f not in apart)
        exposure = ((case.home, case.watched_ms - lost_ms),)
        # with runs, hits belong to them
        right = tuple(o.found for o in played.outcomes if o.found) if runs else ()
        placed.append(replace(played, false_alarms=kept))
        calm.append(KindScore(kind, (), kept, played.spared + right, played.repeated, exposure))
    ordered = sorted(runs, key=lambda r: (r.home, r.onset_ms))
    truly = joined(kind, placed)
    outcomes = tuple(_outcome(kind, cases[run.home], run) for run in ordered) if runs else truly.outcomes
    counts = replace(joined(kind, calm), outcomes=outcomes)
    by_day = tuple(_is_day(o.truth.start_ms, zone) for o in outcomes)
    return SilenceScore(counts, tuple(unexplained), left_out_ms / DAY_MS, by_day, truly)


def _outcome(kind: str, case: HomeCase, run: CollapseRun) -> Outcome:
    """Whether one run found its collapse: the rule for one truth in a home that falls silent at the onset."""
    until = run.onset_ms + REMOVED_MS
    before = tuple(f for f in case.found if f.decided_ms < run.onset_ms)
    after = tuple(f for f in run.found if f.home == run.home and f.decided_ms >= run.onset_ms)
    life = np.asarray(case.life_ms, np.int64)
    life = life[(life < run.onset_ms) | (life >= until)]
    row = TruthRow(run.onset_ms, until, "collapse:removed", "")
    played = judge(HomeCase(case.home, case.watched, (row,), (*before, *after), life), kind)
    return played.outcomes[0]


def _shared_ms(spans: Iterable[Span], watched: Iterable[Span]) -> int:
    """How much of what was watched lies in any of the spans, each moment counted once."""
    total, until = 0, -(2**62)
    parts = sorted((max(a, c), min(b, d)) for a, b in spans for c, d in watched)
    for start, end in parts:
        total += max(0, end - max(start, until))
        until = max(until, end)
    return total


def _is_day(t_ms: int, zone: ZoneInfo) -> bool:
    hour = datetime.fromtimestamp(t_ms / 1000, UTC).astimezone(zone).hour
    return DAY_HOURS[0] <= hour < DAY_HOURS[1]
