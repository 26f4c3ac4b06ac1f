"""The figures of the study of silence: counts with their rates, intervals and causes.

Takes what was said in homes whose days are known; gives one object for JSON, units in the names. In these
homes nobody has an emergency, so every alarm on the untouched days is a false one; each clock says one
once in a silence. Runs no detector.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors import habits
from detectors.inactivitystate import HAS_BED, HAS_DOOR, InactivityParams, Tail
from simulator.heard import AWAY, BLIND, Heard
from simulator.silence_runs import HARD, KINDS, MISSED, Alarms, Collapses, Looked
from simulator.silent_homes import CONDITIONS, DAY_S, Lived, Where
from simulator.statistics import by_home
from simulator.world import F64, Bools

ALL: Final = "all homes"
VISITED: Final = "visited"
ELSEWHERE: Final = Where.ELSEWHERE.name.lower()
SILENCE, NO_RETURN, BATHROOM, NIGHT, NOT_UP = range(HARD)
"""Columns of KINDS."""
OWN: Final[Mapping[Where, int]] = {
    Where.HOME: SILENCE,
    Where.BATHROOM: BATHROOM,
    Where.NIGHT: NIGHT,
    Where.BED: NOT_UP,
    Where.OUT: NO_RETURN,
}
"""The clock that is meant for who collapses there."""
LATE: Final = (Where.BED, Where.OUT)
"""Who is in danger only when they do not get up, or come back: delays count from then."""
IN_TIME_MIN: Final = 45
"""`bathroom-overstay` and `night-out-of-bed` are hits within this. Source: DESIGN section 8."""
QUARTER_DAYS: Final = 90.0
"""The bar of one false `inactivity` counts in these. Source: DESIGN section 5."""


def figures(
    params: InactivityParams,
    learnt_days: int,
    heard: Heard,
    lived: Sequence[Lived],
    looked: Mapping[float, Looked],
) -> dict[str, Any]:
    """Give the object; `looked` by the rate asked for (one false alarm in so many days of a home), first the
    shipped one, which also has collapses. What was said in the first `learnt_days` is not counted.
    """
    condition = np.array([one.condition for one in lived])
    shares = habits.shares(params, heard.has)
    shares[:, Tail.DAY] += shares[:, Tail.SLEEP]
    columns = [Tail.DAY, Tail.AWAY, Tail.BATHROOM, Tail.NIGHT, Tail.BED]  # in the order of KINDS
    homes = _Homes(lived, _watched_days(heard, learnt_days), shares[:, columns], params.most_min, learnt_days)
    groups = {ALL: np.ones(len(lived), np.bool_)} | {str(c): condition == c for c in CONDITIONS}
    groups = {name: chosen for name, chosen in groups.items() if chosen.any()}
    asked = {}
    for every, run in looked.items():
        alarms = _counted(run.alarms, learnt_days)
        asked[f"{every:g}"] = {name: _rates(homes, alarms, chosen, every) for name, chosen in groups.items()}
    shipped = next(iter(looked.values()))
    return {
        "home_days": round(float(homes.watched_days.sum()), 1),
        "shipped_false_every_days": next(iter(looked)),
        "asked": asked,
        "collapses": _collapses(shipped.collapses, heard, lived, groups),
    }


@dataclass(frozen=True, slots=True)
class _Homes:
    """What false alarms are counted against in H homes."""

    lived: Sequence[Lived]
    watched_days: F64
    """(H,)"""
    shares: NDArray[np.float32]
    """(H, HARD) of the alarms asked for that each kind may have."""
    most_min: float
    """Of silence: then somebody looks, whatever is usual."""
    learnt_days: int


def _watched_days(heard: Heard, learnt_days: int) -> F64:
    """(H,) days that count: learnt before, not away by the calendar, not blind."""
    counted = heard.told[learnt_days * 1440 :]
    return np.asarray(((counted & (AWAY | BLIND)) == 0).sum(0) / 1440, np.float64)


def _counted(alarms: Alarms, learnt_days: int) -> Alarms:
    late = alarms.minute >= learnt_days * 1440
    return Alarms(alarms.kind[late], alarms.home[late], alarms.minute[late], alarms.silent_min[late])


def _rates(homes: _Homes, alarms: Alarms, chosen: Bools, every_days: float) -> dict[str, Any]:
    """Give the false alarms of the chosen homes (H,)."""
    watched_days, asked = homes.watched_days, homes.watched_days / every_days
    n = len(chosen)
    home_days = float(watched_days[chosen].sum())
    mine = chosen[alarms.home]
    hard = mine & (alarms.kind < HARD)
    ruled = hard & (alarms.kind <= NO_RETURN) & (alarms.silent_min >= homes.most_min)
    place = _places(alarms, homes.lived)
    out: dict[str, Any] = {
        "homes": int(chosen.sum()),
        "home_days": round(home_days, 1),
        "asked": round(home_days / every_days, 1),
        **_against(hard, alarms.home, asked, chosen),
        "without_rule": _against(hard & ~ruled, alarms.home, asked, chosen),
        "without_elsewhere": _against(hard & (place != ELSEWHERE), alarms.home, asked, chosen),
        "inactivity": _against(
            mine & (alarms.kind == SILENCE), alarms.home, homes.shares[:, SILENCE] * asked, chosen
        ),
    }
    per_home = np.bincount(alarms.home[mine & (alarms.kind == SILENCE)], minlength=n)[chosen]
    low, high = by_home(per_home.tolist(), watched_days[chosen].tolist())
    out["inactivity"] |= {
        "a_home_and_90_days": _round(per_home.sum() / home_days * QUARTER_DAYS),
        "a_home_and_90_days_95": [_round(low * QUARTER_DAYS), _round(high * QUARTER_DAYS)],
    }
    out["kinds"] = {}
    for k, kind in enumerate(KINDS):
        these = mine & (alarms.kind == k)
        share = homes.shares[:, k] if k < HARD else np.zeros(n)  # prompts are not asked for by this rate
        out["kinds"][str(kind)] = {
            "false": int(these.sum()),
            "asked": _round((share * asked)[chosen].sum()),
            "a_home_day": _round(these.sum() / home_days),
            "where": _where(place[these]),
        }
    nights_h = np.concatenate(
        [_nights_h(homes.lived[h], homes.learnt_days) for h in np.flatnonzero(chosen).tolist()]
    )
    out["nights_elsewhere"] = {
        "nights": len(nights_h),
        "as_long_as_rule": int((nights_h >= homes.most_min / 60).sum()),
    }
    out["rule"] = {
        "silent_min": homes.most_min,
        "false": int(ruled.sum()),
        "a_home_day": _round(ruled.sum() / home_days),
        "where": _where(place[ruled]),
    }
    return out


def _against(these: Bools, home: NDArray[np.intp], asked: F64, chosen: Bools) -> dict[str, Any]:
    """Set a count beside what was asked for (H,), with whole homes drawn anew for the interval."""
    got = np.bincount(home[these], minlength=len(asked))[chosen]
    low, high = by_home(got.tolist(), asked[chosen].tolist())
    wanted = float(asked[chosen].sum())
    return {
        "false": int(got.sum()),
        "times_asked": _round(got.sum() / wanted),
        "times_asked_95": [_round(low), _round(high)],
    }


def _nights_h(one: Lived, learnt_days: int) -> F64:
    """Hours of each night elsewhere that counts."""
    there = (one.where == Where.ELSEWHERE) & (one.start_s >= learnt_days * DAY_S)
    return np.asarray((one.over_s - one.start_s)[there] / 3600)


def _places(alarms: Alarms, lived: Sequence[Lived]) -> NDArray[np.str_]:
    """(N,) where people truly were when it was said; VISITED when they had company."""
    out = []
    for home, minute in zip(alarms.home.tolist(), alarms.minute.tolist(), strict=True):
        one, at_s = lived[home], np.array([(minute + 1) * 60.0])
        place = Where(int(one.where[one.at(at_s)[0]])).name.lower()
        out.append(VISITED if one.visited(at_s)[0] else place)
    return np.array(out, np.str_)


def _where(place: NDArray[np.str_]) -> dict[str, int]:
    return dict(Counter(place.tolist()).most_common())


def _collapses(
    fell: Collapses, heard: Heard, lived: Sequence[Lived], groups: Mapping[str, Bools]
) -> dict[str, Any]:
    """Give delays by where somebody collapsed, by the hour, and by the condition of the home."""
    at_s = (fell.minute + 1) * 60.0
    stretch = np.array([lived[h].at(np.array([t]))[0] for h, t in zip(fell.home, at_s, strict=True)], np.intp)
    pairs = list(zip(fell.home.tolist(), stretch.tolist(), strict=True))
    where = np.array([lived[h].where[k] for h, k in pairs], np.intp)
    over_min = np.array([lived[h].over_s[k] for h, k in pairs]) / 60 - (fell.minute + 1)
    hour = (fell.minute % 1440) // 60
    has_bed, has_door = heard.has[fell.home, HAS_BED], heard.has[fell.home, HAS_DOOR]
    can = {NIGHT: has_bed, NOT_UP: has_bed, NO_RETURN: has_door}
    alarm = np.where(fell.after_min == MISSED, np.inf, fell.after_min)
    first = alarm[:, :HARD].min(1, initial=np.inf)
    by_place = {}
    for place, kind in OWN.items():
        there = where == place
        since = np.where(np.isin(where, LATE), over_min, 0.0)
        own = there & can.get(kind, np.ones(len(there), np.bool_))
        by_place[place.name.lower()] = {
            "first": _delays(first[there]),
            str(KINDS[SILENCE]): _delays(alarm[there, SILENCE]),
            "prompt": _delays(alarm[there, HARD]),
            "own": str(KINDS[kind]),
            "own_found": _delays((alarm[:, kind] - since)[own], kind in {BATHROOM, NIGHT}),
        }
    awake = np.isin(where, [Where.HOME, Where.BATHROOM, Where.NIGHT])
    return {
        "where": by_place,
        "hour": [
            {
                "up": _delays(first[(hour == h) & awake]),
                "bed": _delays(first[(hour == h) & (where == Where.BED)]),
                "out": _delays(first[(hour == h) & (where == Where.OUT)]),
            }
            for h in range(24)
        ],
        "condition": {name: _delays(first[awake & chosen[fell.home]]) for name, chosen in groups.items()},
        "condition_day": {
            name: _delays(first[awake & chosen[fell.home] & (hour >= 8) & (hour < 20)])
            for name, chosen in groups.items()
        },
    }


def _delays(minutes: F64, in_time: bool = False) -> dict[str, Any]:
    """Middle and 90th percentile in hours; one that nobody found is later than every other (null)."""
    found = np.isfinite(minutes)
    out: dict[str, Any] = {"collapses": len(minutes), "found_24h": int(found.sum())}
    for name, share in (("delay_h_p50", 0.5), ("delay_h_p90", 0.9)):
        ordered = np.sort(minutes)
        at = float(ordered[int(np.ceil(share * len(ordered))) - 1]) if len(ordered) else np.inf
        out[name] = _round(at / 60)
    if in_time:
        out["within_45_min"] = int((minutes <= IN_TIME_MIN).sum())
    return out


def _round(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None
