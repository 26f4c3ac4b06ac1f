"""One minute of all homes: CPU of each detector over whole homes, beside its plain twin.

Measured in a process of its own with one BLAS thread. Never touches a board.
"""

import time
from typing import Any, Final

import numpy as np

from detectors import inactivity
from detectors.inactivitystate import Minute
from detectors.layout import Moment
from guardian.settings import CONFIG, load
from simulator.bench import ambient, bodytemp, health, positions
from simulator.cores import pool
from simulator.twins.inactivity import Home, Told

HOMES: Final = 100_000
LIVELY: Final = 0.1
"""Share of homes in which somebody is noticed in a minute of the day."""
MINUTE_MS: Final = 60_000
START: Final = 29_454_720  # minutes since 1970, a midnight
WARM: Final = 30
MEASURED: Final = 150  # minutes: two and a half hours, so that hours turn
TWINS: Final = 20


def run_minutes(homes: int = HOMES, seed: int = 1) -> dict[str, Any]:
    """Milliseconds of CPU for one minute of `homes` homes, and homes a second, by detector."""
    with pool() as workers:
        return workers.submit(_measure, homes, seed).result()


def _measure(homes: int, seed: int) -> dict[str, Any]:
    told = {
        "silence": silence(homes, seed),
        "bodytemp": _of_bodytemp(homes, seed),
        "health": _of_health(homes, seed),
        "air": _of_air(homes, seed),
        "position": _of_position(homes, seed),
    }
    return {
        "homes": homes,
        "minute_ms": {name: one["minute_ms"] for name, one in told.items()},
        "homes_per_second": {name: homes / one["minute_ms"] * 1e3 for name, one in told.items()},
        "naive_homes_per_second": {name: 1e6 / one["naive_us"] for name, one in told.items()},
        "silence_hour_ms": told["silence"]["hour_ms"],
    }


def silence(homes: int, seed: int) -> dict[str, float]:
    """Median and, where the hour turns, most ms of a minute; µs of a home's minute by the twin."""
    params = load(CONFIG / "guardian.toml").detectors.inactivity
    rng = np.random.default_rng(seed)
    state = inactivity.fresh(homes)
    no = np.zeros(homes, np.bool_)
    spent: list[float] = []
    hours: list[float] = []
    for k in range(WARM + MEASURED):
        life = rng.random(homes) < LIVELY
        door = life & (rng.random(homes) < 0.05)
        now_ms = (START + 600 + k) * MINUTE_MS
        bed = np.where(rng.random(homes) < 0.5, np.int8(0), np.int8(-1))
        inside = life & ~door
        watched = np.stack([no, ~no, no], axis=1)
        minute = Minute(life, door, inside, np.full(homes, now_ms), bed, no, no, no, watched)
        begun = time.process_time()
        inactivity.step(params, state, minute, Moment(now_ms, (600 + k) % 1440, 0, 0))
        taken = 1e3 * (time.process_time() - begun)
        if k >= WARM:
            (hours if (600 + k) % 60 == 0 else spent).append(taken)
    twins = [Home(params, inactivity.shipped(), has_door=False) for _ in range(TWINS)]
    begun = time.process_time()
    for k in range(MEASURED):
        for twin in twins:
            twin.step(k, Told(bool(rng.random() < LIVELY)))
    naive_us = 1e6 * (time.process_time() - begun) / MEASURED / TWINS
    return {"minute_ms": float(np.median(spent)), "hour_ms": max(hours), "naive_us": naive_us}


def _of_bodytemp(homes: int, seed: int) -> dict[str, float]:
    told = bodytemp.minute(homes, seed=seed)
    return {"minute_ms": told["minute_ms_median"], "naive_us": told["naive_us_per_home_minute"]}


def _of_health(homes: int, seed: int) -> dict[str, float]:
    told = health.run_health(homes, seed=seed)
    return {"minute_ms": told["minute_cpu_ms"], "naive_us": told["naive_cpu_ms"] * 1e3 / homes}


def _of_air(homes: int, seed: int) -> dict[str, float]:
    told, naive_ms = ambient.run_minutes(homes=homes, seed=seed)
    return {"minute_ms": told["ambient"] + told["appliance"], "naive_us": 1e3 * naive_ms / homes}


def _of_position(homes: int, seed: int) -> dict[str, float]:
    """Of a beat in which one home in twenty is heard or seen, and an answer for all."""
    told = positions.run_positions(homes=homes, seed=seed)
    return {
        "minute_ms": told["beat_ms"] + told["answer_ms"],
        "naive_us": told["naive_us_per_touched_home"] * told["touched_share"],
    }


def table(figures: dict[str, Any]) -> str:
    """What was measured, for people."""
    lines = [f"One minute of {figures['homes']:,} homes, CPU ms, homes/s, and by plain Python:"]
    for name, ms in figures["minute_ms"].items():
        fast, naive = figures["homes_per_second"][name], figures["naive_homes_per_second"][name]
        lines.append(f"  {name:<12}{ms:>8.1f} ms{fast:>14,.0f} homes/s{naive:>12,.0f} homes/s")
    lines.append(f"  where the hour turns, silence takes {figures['silence_hour_ms']:.0f} ms")
    return "\n".join(lines)
