"""What the road bench says: figures of one run, and the table of all.

Takes what the processes of the bench counted, gives numbers under the names of DESIGN section 10 with more
beside them. Pure.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from alerting.concern import Kind
from simulator.bench.road_plan import SETTLE_S, Plan, home

CALM_MS: Final = 500
"""Beats look at frames no older than this (the median sensor's newest): nothing waits any more."""
FULL: Final = 0.9
"""Share of a core from which a process is the limit."""
SOAK_H: Final = 0.4
WARM_UP_H: Final = 0.25
"""Until all that is kept for a while is full: pre-rolls, pictures of falls, known events, pools, the heap."""
LATE_MS: Final = 50.0
"""A tick of the load generator; 1 in 100 later than this, and the load was not what it was meant to be."""


def figures(plan: Plan, told: Mapping[str, Any]) -> dict[str, Any]:
    """Give the figures of one size."""
    sent, seen, cpu_s = told["sent"], told["seen"], told["cpu_s"]
    frames, events = sent["frames"], sent["events"]
    looked_at = seen["frames"] - seen["frames_dropped"]
    in_window = [waited for _, _, at_ms, waited in seen["found"] if at_ms >= told["from_ms"]]
    share = {name: round(s / plan.seconds, 3) for name, s in cpu_s.items()}
    counted = max(seen["counted_frames"], 1) * plan.seconds * 1000 / max(seen["counted_ms"], 1)
    fallen = {home(h) for h in told["fallen"]}
    found = {name: {kind for h, kind, _, _ in seen["found"] if h == name} for name in fallen}
    out = {
        "frames_per_second": round(counted / plan.seconds),
        "messages_per_second": round(counted / plan.seconds + events / (plan.seconds + SETTLE_S)),
        "finding_ms_p50": _at(in_window, 50),
        "finding_ms_p99": _at(in_window, 99),
        "finding_ms_max": _at(in_window, 100),
        "findings": len(in_window),
        "falls": plan.falls,
        "falls_found": sum(bool(kinds) for kinds in found.values()),
        "falls_confirmed": sum(Kind.FALL_CONFIRMED.value in kinds for kinds in found.values()),
        "beat_lag_ms_p50": _at(seen["lag_ms"], 50),
        "beat_lag_ms_p99": _at(seen["lag_ms"], 99),
        "beat_took_ms_p50": _at(seen["took_ms"], 50),
        "beat_took_ms_p99": _at(seen["took_ms"], 99),
        "beats": len(seen["took_ms"]),
        "event_committed_ms_p50": _at([ms for _, ms in seen["event_waits_ms"]], 50),
        "event_committed_ms_p99": _at([ms for _, ms in seen["event_waits_ms"]], 99),
        "events": events,
        "events_lost": events - seen["events_committed"],
        "frames": frames,
        "frames_dropped": frames - looked_at,
        "frames_dropped_by_daemon": seen["frames_dropped"],
        "rss_kb_per_home": round((seen["resident_kb"] - told["up"]["base_kb"]) / plan.homes, 1),
        "rss_base_mb": round(told["up"]["base_kb"] / 1024),
        "daemon_cpu_us_per_frame": round(cpu_s["daemon"] / counted * 1e6, 2),
        "broker_cpu_us_per_frame": round(cpu_s["broker"] / counted * 1e6, 2),
        "load_cpu_us_per_frame": round(cpu_s["load"] / counted * 1e6, 2),
        "cores": share | {"other_work": round(told["others_s"] / plan.seconds, 3)},
        "load_late_ms_p99": round(sent["late_ms_p99"], 1),
    }
    burst = _burst(plan, told) if plan.burst_s else {}
    return out | {"limit": limit(out)} | _growth(told["grown"]) | burst


def limit(out: Mapping[str, Any]) -> str:
    """Name what was full, if anything was."""
    full = [name for name in ("broker", "daemon", "load") if out["cores"][name] >= FULL]
    if out["load_late_ms_p99"] > LATE_MS and not full:
        return "load"
    return ", ".join(full) or "nothing"


def _growth(grown: Sequence[tuple[float, int, int]]) -> dict[str, Any]:
    """How memory and open files went, in a run of SOAK_H or longer, after WARM_UP_H."""
    hours, kb, files = np.array(grown).T
    warm = hours >= WARM_UP_H
    if hours[-1] < SOAK_H:
        return {}
    minutes = np.arange(0, hours[-1], 1 / 60)
    return {
        "rss_mb_by_minute": np.interp(minutes, hours, kb / 1024).round(1).tolist(),
        "rss_mb_per_hour": round(float(np.polyfit(hours[warm], kb[warm] / 1024, 1)[0]), 2),
        "rss_mb_from_to": [round(kb[warm][0] / 1024, 1), round(kb[warm][-1] / 1024, 1)],
        "files_least_most": [int(files[warm].min()), int(files[warm].max())],
    }


def _burst(plan: Plan, told: Mapping[str, Any]) -> dict[str, Any]:
    """How long after the burst all was as before: its events committed, and beats that look at new frames."""
    seen, end_ms = told["seen"], told["until_ms"]
    events_ms = [at + waited - end_ms for at, waited in seen["event_waits_ms"] if at <= end_ms]
    calm_ms = end_ms + round(1000 * plan.calm_s)  # from then on nothing is sent, and nothing new is looked at
    behind = [at - end_ms for at, age in seen["ages"] if end_ms <= at < calm_ms and age > CALM_MS]
    drained_ms = max([0, *events_ms, *behind])
    return {"burst": plan.burst, "burst_s": plan.burst_s, "burst_drained_s": round(drained_ms / 1000, 1)}


def _at(values: Sequence[float], percent: float) -> float | None:
    return round(float(np.percentile(values, percent)), 1) if len(values) else None


COLUMNS: Final = (
    ("messages/s", "messages_per_second"),
    ("finding p50", "finding_ms_p50"),
    ("p99", "finding_ms_p99"),
    ("max ms", "finding_ms_max"),
    ("found", "falls_found"),
    ("of", "falls"),
    ("beat lag p50", "beat_lag_ms_p50"),
    ("p99 ms", "beat_lag_ms_p99"),
    ("frames dropped", "frames_dropped"),
    ("events lost", "events_lost"),
    ("kB/home", "rss_kb_per_home"),
    ("daemon µs", "daemon_cpu_us_per_frame"),
    ("broker µs", "broker_cpu_us_per_frame"),
    ("limit", "limit"),
)


def table(told: Mapping[str, Any]) -> str:
    """Write the figures for a person."""
    head = ["homes", *(name for name, _ in COLUMNS)]
    rows = [[homes, *(f"{of[key]}" for _, key in COLUMNS)] for homes, of in told["homes"].items()]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = ["  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in (head, *rows)]
    for homes, of in told["homes"].items():
        cores = ", ".join(f"{name.replace('_', ' ')} {share:.2f}" for name, share in of["cores"].items())
        lines.append(
            f"{homes} homes, cores: {cores}; the load was at most {of['load_late_ms_p99']:g} ms late (p99)"
        )
        if "rss_mb_per_hour" in of:
            rss, files = of["rss_mb_from_to"], of["files_least_most"]
            lines.append(
                f"{homes} homes: memory {rss[0]:g} to {rss[1]:g} MB after warm-up, "
                f"{of['rss_mb_per_hour']:+g} MB an hour; {files[0]} to {files[1]} files open"
            )
        if "burst" in of:
            lines.append(
                f"{homes} homes: {of['burst']:g} times as much for {of['burst_s']:g} s, "
                f"drained {of['burst_drained_s']:g} s later"
            )
    if "without_broker_frames_per_second" in told:
        lines.append(
            f"without the broker {told['without_broker_frames_per_second']:,} frames a second, "
            f"{told['without_broker_cpu_us_per_frame']} µs each ({told['without_broker_homes']:,} homes)"
        )
    return "\n".join(lines)
