"""Several results side by side: what is whole, what is a part of it, and what adds up.

Takes the objects of `guardian evaluate --json`, gives rows for a table: sums and recordings first, persons
and seeds beneath them, the cells behind a sum apart. Adds up counts of different seeds, never the same homes
twice. Reads no files.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from simulator import statistics

Json = Mapping[str, Any]

_COUNTS: Final = ("truth", "hit", "false", "neither", "repeats")
_SILENCE: Final = ("collapses_day", "collapses_night", "unexplained", "left_out_days")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table."""

    entry: Json
    cells: tuple[Json, ...]
    """The entries that it sums up; itself when it sums up none."""
    seeds: tuple[int, ...] = ()
    """None for recordings."""
    beneath: Literal["", "person", "seed"] = ""
    """What part of the row above it is."""

    @property
    def name(self) -> str:
        """Of the entry."""
        return str(self.entry["name"])


def check(results: Sequence[Json]) -> None:
    """ValueError for an object that is no result of `evaluate`, and for homes that would count twice."""
    for k, result in enumerate(results):
        if "traces" not in result:
            raise ValueError(f"result {k + 1} has no list of traces: not written by `guardian evaluate`")
    seen: dict[tuple[str, int | None], tuple[int, Json]] = {}
    for k, result in enumerate(results):
        for entry in result["traces"]:
            key = str(entry["name"]), result.get("seed")
            if key not in seen:
                seen[key] = k, entry
                continue
            before, other = seen[key]
            where = f"result {k + 1} has" if before == k else f"results {before + 1} and {k + 1} both have"
            seed = "" if key[1] is None else f" of seed {key[1]}"
            why = (
                "with the same figures: give each file once"
                if other == entry
                else "with different figures (other code, or more homes): report them on two pages"
            )
            raise ValueError(f"{where} {key[0]}{seed}, {why}; the same homes must not count twice")


def rows(results: Sequence[Json]) -> tuple[list[Row], list[Row]]:
    """(What stands in sight, the cells behind its sums).

    In sight: sums, and entries that no sum covers, each followed by its persons; where several seeds
    measured the same, their sum, followed by each seed.
    """
    whole: dict[str, list[Row]] = {}
    persons: dict[str, list[Row]] = {}
    cells: dict[str, list[Row]] = {}
    for result in results:
        seeds = () if result.get("seed") is None else (int(result["seed"]),)
        traces = {str(e["name"]): e for e in result["traces"]}
        sums = []
        for entry in result.get("summary") or ():
            of = str(entry["name"]).rpartition("/")[0]
            if of in traces:
                persons.setdefault(of, []).append(Row(entry, (entry,), seeds, "person"))
            else:
                sums.append(entry)
        for entry in sums:
            under = tuple(e for name, e in traces.items() if name.startswith(f"{entry['name']}/"))
            whole.setdefault(str(entry["name"]), []).append(Row(entry, under, seeds))
        for name, entry in traces.items():
            covered = any(name.startswith(f"{one['name']}/") for one in sums)
            (cells if covered else whole).setdefault(name, []).append(Row(entry, (entry,), seeds))
    in_sight = [r for name, some in whole.items() for r in (*_with_seeds(some), *persons.get(name, ()))]
    return in_sight, [r for some in cells.values() for r in _with_seeds(some)]


def pooled(entries: Sequence[Json]) -> Json:
    """One entry from the counts of several with one name; what cannot be added up is null or left out."""
    kinds = list(dict.fromkeys(kind for e in entries for kind in e["kinds"]))
    out: dict[str, Any] = {
        "name": entries[0]["name"],
        "home_days": sum(float(e.get("home_days") or 0) for e in entries),
        "kinds": {
            kind: _kind(
                [(e["kinds"][kind], float(e.get("home_days") or 0)) for e in entries if kind in e["kinds"]]
            )
            for kind in kinds
        },
    }
    if told := [e["position"] for e in entries if e.get("position")]:
        out["position"] = _position(told)
    return out


def _with_seeds(some: Sequence[Row]) -> list[Row]:
    if len(some) == 1:
        return list(some)
    some = sorted(some, key=lambda r: r.seeds)
    total = Row(
        pooled([r.entry for r in some]),
        tuple(e for r in some for e in r.cells),
        tuple(seed for r in some for seed in r.seeds),
    )
    return [total, *(Row(r.entry, r.cells, r.seeds, "seed") for r in some)]


def _kind(some: Sequence[tuple[Json, float]]) -> Json:
    """One kind of finding: each entry's figures with the home-days that stand for it where it has none."""
    ones = [one for one, _ in some]
    truth, hit, false, neither, repeats = (_sum(ones, key) for key in _COUNTS)
    days = sum(float(one.get("home_days", else_days)) for one, else_days in some)
    whole = all(one.get("latencies_s") or not one["hit"] for one in ones)  # not so in older files
    latencies = _all(ones, "latencies_s") if whole else []
    rate = statistics.poisson(false, days)
    out: dict[str, Any] = {
        "truth": truth,
        "hit": hit,
        "false": false,
        "neither": neither,
        "repeats": repeats,
        "home_days": days,
        "sensitivity": hit / truth if truth else None,
        "sensitivity_95": statistics.wilson(hit, truth),
        "precision": hit / (hit + false) if hit + false else None,
        "precision_95": statistics.wilson(hit, hit + false),
        "f1": 2 * hit / (truth + hit + false) if truth + hit + false else None,
        "false_per_home_day": false / days if days else None,
        "false_per_home_day_95": [end if math.isfinite(end) else None for end in rate],
        "latency_s_p50": _quantile(latencies, 0.5),
        "latency_s_p95": _quantile(latencies, 0.95),
        "latencies_s": latencies,
        "labels": _labels(ones),
    }
    if any("found_24h" in one for one in ones):
        out |= _silence(ones, hit, truth)
    return out


def _labels(ones: Iterable[Json]) -> dict[str, dict[str, int]]:
    out: dict[str, dict[str, int]] = {}
    for one in ones:
        for label, counts in (one.get("labels") or {}).items():
            row = out.setdefault(label, {"truth": 0, "hit": 0})
            row["truth"] += counts["truth"]
            row["hit"] += counts["hit"]
    return out


def _silence(ones: Sequence[Json], hit: int, truth: int) -> Json:
    day, night = _all(ones, "delays_h_day"), _all(ones, "delays_h_night")
    placed = [one["placed"] for one in ones if one.get("placed")]
    found, there = _sum(placed, "hit"), _sum(placed, "truth")
    return {
        "found_24h": hit / truth if truth else None,
        "found_24h_95": statistics.wilson(hit, truth),
        "delay_h_p50_day": _quantile(day, 0.5),
        "delay_h_p50_night": _quantile(night, 0.5),
        "delays_h_day": day,
        "delays_h_night": night,
        "placed": {"truth": there, "hit": found, "found_24h": found / there if there else None},
        **{key: sum(one.get(key) or 0 for one in ones) for key in _SILENCE},
    }


def _position(told: Sequence[Json]) -> Json:
    """Seconds and rooms add up; medians and intervals do not."""
    seconds = sum(float(p["seconds"]) for p in told)
    right = sum(float(p["seconds"]) * float(p["right_room"]) for p in told)
    out: dict[str, Any] = {"seconds": seconds, "right_room": right / seconds, "median_m": None}
    if right and all(p.get("placed_share") is not None for p in told):
        placed = sum(float(p["seconds"]) * float(p["right_room"]) * float(p["placed_share"]) for p in told)
        out["placed_share"] = placed / right
    return out


def _sum(ones: Iterable[Json], key: str) -> int:
    return sum(int(one.get(key) or 0) for one in ones)


def _all(ones: Iterable[Json], key: str) -> list[float]:
    return [float(v) for one in ones for v in one.get(key) or ()]


def _quantile(values: Sequence[float], share: float) -> float | None:
    return statistics.quantile(values, share) if values else None
