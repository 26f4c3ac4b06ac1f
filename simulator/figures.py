"""Scores as figures: the JSON of `guardian evaluate`, curves over the confidence, the worst cases.

Takes scores and the homes that they came from, gives plain data that json.dumps writes as it is (what is
not known, or infinite, is null). The keys of DESIGN section 10 are fixed; others stand beside them.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final

import numpy as np

from simulator import statistics
from simulator.collapse import SilenceScore
from simulator.rules import DAY_MS, RULES, SECOND_MS
from simulator.score import HomeCase, KindScore, Scores, joined, judge
from simulator.targets import late_after_s

MONTH_DAYS: Final = 30.0
"""A home-month. Source: DESIGN's targets count 90 days as three."""
AROUND_MS: Final = 60 * SECOND_MS
"""How much before and after a worst case is told. Source: judgement (a fall with its dwell fits in)."""
WAIT_MS: Final = 300 * SECOND_MS
"""A missed or slow case is told until its window ends, if that is no longer. Source: judgement."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Case:
    """One case to look at."""

    home: str
    kind: str
    why: str
    t_ms: int
    latency_s: float | None = None
    late_after_s: float | None = None


def as_json(
    name: str,
    scores: Scores,
    silence: Mapping[str, SilenceScore] | None = None,
    *,
    seed: int = 0,
    more: Mapping[str, Any] | None = None,
) -> Json:
    """One entry of `traces`; where `silence` has a score of a kind, it stands instead of that of `scores`."""
    kinds = {kind: _figures(one, seed) for kind, one in scores.kinds.items()}
    kinds |= {kind: _figures(one.collapses, seed) | _of_silence(one) for kind, one in (silence or {}).items()}
    homes = len({home for home, _ in scores.exposure_ms})
    return {"name": name, "home_days": scores.home_days, "homes": homes, "kinds": kinds, **(more or {})}


def counts(scores: Scores) -> Json:
    """The bare counts of each kind: rates of one home say little."""
    return {
        kind: {"truth": one.truth, "hit": one.hit, "false": one.false, "home_days": one.home_days}
        for kind, one in scores.kinds.items()
    }


def curve(homes: Sequence[HomeCase], kind: str, points: int = 40) -> list[Json]:
    """Sensitivity against false alarms per home-month, one point a threshold on the confidence.

    Findings below the threshold are as if never said, and what is left is judged anew. Thresholds are the
    confidences that occur, thinned evenly to `points`, from the lowest (everything counts) to the highest.
    """
    seen = np.unique([f.confidence for case in homes for f in case.found if f.kind == kind])
    if len(seen) > points:
        seen = seen[np.linspace(0, len(seen) - 1, points).round().astype(int)]
    out = []
    for threshold in seen.tolist():
        cases = [
            HomeCase(
                case.home,
                case.watched,
                case.truth,
                tuple(f for f in case.found if f.kind == kind and f.confidence >= threshold),
                case.life_ms,
                sensors=case.sensors,
            )
            for case in homes
        ]
        one = joined(kind, [judge(case, kind) for case in cases])
        months = one.home_days / MONTH_DAYS
        out.append(
            {
                "confidence": threshold,
                "truth": one.truth,
                "hit": one.hit,
                "sensitivity": _known(one.sensitivity),
                "sensitivity_95": as_pair(one.sensitivity_95),
                "false": one.false,
                "false_per_home_month": _known(one.false / months if months else math.nan),
                "false_per_home_month_95": as_pair(statistics.poisson(one.false, months)),
            }
        )
    return out


def worst(homes: Sequence[HomeCase], scores: Scores, kinds: Iterable[str], limit: int = 12) -> list[Json]:
    """The cases to look at first: missed, false and slow in turn, and the kinds in turn, each with what was
    true and said then.

    The entries are those of `worst` in the JSON without `trace` and `frames`: home, kind, why, t_ms, from_ms
    and until_ms (what is told), latency_s and late_after_s (None where no target names a time), truth
    [[start_ms, end_ms, label]], found [[decided_ms, kind]]. A hit whose why is "late" is one of the slowest;
    it is late against something only where latency_s is over late_after_s, and those come first.
    """
    by_name: dict[str, list[HomeCase]] = {}
    for case in homes:
        by_name.setdefault(case.home, []).append(case)
    missed, false, slow = [], [], []
    for kind in kinds:
        one = scores.kinds.get(kind)
        if one is None:
            continue
        missed.append([_Case(o.home, kind, "missed", o.truth.start_ms) for o in one.outcomes if not o.hit])
        false.append([_Case(f.home, kind, "false", f.decided_ms) for f in one.false_alarms])
        slow.append(_slowest(one, by_name))
    chosen = _in_turn([_in_turn(missed), _in_turn(false), _in_turn(slow)])[:limit]
    return [_told(by_name[case.home], case) for case in chosen]


def _slowest(one: KindScore, by_name: Mapping[str, Sequence[HomeCase]]) -> list[_Case]:
    """Hits by latency, those that are later than a target allows before all others."""
    out = []
    for o in one.outcomes:
        if o.latency_s > 0:
            tags = by_name[o.home][0].tags
            mount, shape = str(tags.get("mount", "")), str(tags.get("resolution", ""))
            limit_s = late_after_s(one.kind, o.truth.label, mount, shape)
            out.append(_Case(o.home, one.kind, "late", o.truth.start_ms, o.latency_s, limit_s))

    def is_late(case: _Case) -> bool:
        return case.late_after_s is not None and (case.latency_s or 0.0) > case.late_after_s

    return sorted(out, key=lambda c: (not is_late(c), -(c.latency_s or 0.0)))


def _in_turn(rows: Sequence[Sequence[_Case]]) -> list[_Case]:
    """One of each row, then the next of each."""
    return [one for some in zip_longest(*rows) for one in some if one is not None]


def _told(cases: Sequence[HomeCase], case: _Case) -> Json:
    """One case with what was true and said around it: until its window ends, or a minute."""
    rule = RULES[case.kind]
    wait_ms = max(rule.window_ms or 0, rule.slide_window_ms or 0) if case.why != "false" else 0
    since = case.t_ms - AROUND_MS
    until = case.t_ms + max(AROUND_MS, wait_ms if wait_ms <= WAIT_MS else 0)
    truth = sorted(
        (r.start_ms, r.end_ms, r.label)
        for c in cases
        for r in c.truth
        if r.start_ms <= until and r.end_ms >= since
    )
    said = sorted((f.decided_ms, f.kind) for c in cases for f in c.found if since <= f.decided_ms <= until)
    return {
        "home": case.home,
        "kind": case.kind,
        "why": case.why,
        "t_ms": case.t_ms,
        "from_ms": since,
        "until_ms": until,
        "latency_s": case.latency_s,
        "late_after_s": case.late_after_s,
        "truth": [list(row) for row in truth],
        "found": [list(row) for row in said],
    }


def _figures(one: KindScore, seed: int) -> Json:
    days = one.home_days
    return {
        "truth": one.truth,
        "hit": one.hit,
        "false": one.false,
        "neither": one.neither,
        "repeats": one.repeats,
        "home_days": days,
        "sensitivity": _known(one.sensitivity),
        "sensitivity_95": as_pair(one.sensitivity_95),
        "precision": _known(one.precision),
        "precision_95": as_pair(one.precision_95),
        "f1": _known(one.f1),
        "false_per_hour": _known(one.false_per_hour),
        "false_per_home_day": _known(one.false_per_home_day),
        "false_per_home_day_95": as_pair(one.false_per_home_day_95),
        "false_per_home_month": _known(one.false_per_home_day * MONTH_DAYS),
        "latency_s_p50": _known(one.latency_s_p50),
        "latency_s_p95": _known(one.latency_s_p95),
        "latencies_s": [round(s, 3) for s in one.latencies_s],
        "labels": {
            label: {
                "truth": truth,
                "hit": hit,
                "sensitivity": hit / truth,
                "sensitivity_95": as_pair(statistics.wilson(hit, truth)),
            }
            for label, (truth, hit) in one.by_label().items()
        },
        **_by_home(one, seed),
    }


def _by_home(one: KindScore, seed: int) -> Json:
    """Intervals that respect that the events of one home resemble each other."""
    homes = sorted({home for home, _ in one.exposure_ms})
    truth, hit, false = (dict.fromkeys(homes, 0) for _ in range(3))
    for o in one.outcomes:
        truth[o.home] += 1
        hit[o.home] += o.hit
    for f in one.false_alarms:
        false[f.home] += 1
    days = dict.fromkeys(homes, 0.0)
    for home, ms in one.exposure_ms:
        days[home] += ms / DAY_MS
    doubled = [2 * hit[h] for h in homes]
    whole = [truth[h] + hit[h] + false[h] for h in homes]

    def pair(top: Sequence[float], bottom: Sequence[float]) -> list[float | None]:
        return as_pair(statistics.by_home(top, bottom, seed=seed))

    return {
        "sensitivity_by_home_95": pair([*hit.values()], [*truth.values()]),
        "f1_by_home_95": pair(doubled, whole),
        "false_per_home_day_by_home_95": pair([*false.values()], [*days.values()]),
    }


def _of_silence(one: SilenceScore) -> Json:
    return {
        "found_24h": _known(one.collapses.sensitivity),
        "found_24h_95": as_pair(one.collapses.sensitivity_95),
        "collapses_day": sum(one.by_day),
        "collapses_night": len(one.by_day) - sum(one.by_day),
        "delay_h_p50_day": _known(one.delay_h_p50(day=True)),
        "delay_h_p50_night": _known(one.delay_h_p50(day=False)),
        "delay_h_p50_day_all": _known(one.delay_h_p50(day=True, missed=True)),
        "delay_h_p50_night_all": _known(one.delay_h_p50(day=False, missed=True)),
        "delays_h_day": [round(h, 4) for h in one.delays_h(day=True)],
        "delays_h_night": [round(h, 4) for h in one.delays_h(day=False)],
        "unexplained": len(one.unexplained),
        "placed": {
            "truth": one.placed.truth,
            "hit": one.placed.hit,
            "found_24h": _known(one.placed.sensitivity),
            "found_24h_95": as_pair(one.placed.sensitivity_95),
            "delay_h_p50": _known(one.placed.latency_s_p50 / 3600),
        },
        "left_out_days": one.left_out_days,
    }


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def as_pair(interval: tuple[float, float]) -> list[float | None]:
    """Both ends of an interval for JSON; what is not known, or infinite, is null."""
    return [_known(end) for end in interval]
