"""Other homes during an incident: a street that goes dark or comes back, falls beside the one that is played.

Takes a centre, does its mischief through triage as the beat does, and lets everything end. Those whom other
incidents page do not answer them: what is measured is whether the one that is played suffers.
"""

import asyncio
from typing import Final

import numpy as np

from alerting.concern import SEVERITY, Concern, Kind, Severity
from alerting.ledger import Absence, Silence, Tx, note_absence, note_silence
from alerting.readiness import HIGH_APART_MS
from detectors.fault import Cause
from simulator.response.centre import Centre
from simulator.response.district import Case

STREET: Final = tuple(f"d{n:03d}" for n in range(500))
"""Homes that nobody of the district lives in."""
LOTS: Final = 5
"""A street is noticed in so many beats, two seconds apart: 500 homes in ten seconds."""
CLOSED_S: Final = 120.0
"""After which the board closes what happened beside the incident that is played."""
BESIDE: Final = 2
"""Falls in other homes within the same minute."""
LOW: Final = tuple(kind for kind, severity in SEVERITY.items() if severity is Severity.LOW)


async def street_dark(centre: Centre, case: Case, rng: np.random.Generator) -> None:
    """F35: 500 homes go dark within ten seconds, and two others fall within the same minute."""
    await asyncio.sleep(max(0.0, case.decision_s + float(rng.uniform(-30, 60))))
    for lot in np.array_split(np.array(STREET), LOTS):
        await centre.beside_it([_dark(str(home), centre.clock.now_ms()) for home in lot])
        await asyncio.sleep(2.0)
    await others_fall(centre, case, rng)
    await asyncio.sleep(180.0)
    await _back(centre)


async def street_back(centre: Centre, case: Case, rng: np.random.Generator) -> None:
    """F36: a street that was dark comes back all at once, about when the fall is decided."""
    await centre.beside_it([_dark(home, centre.clock.now_ms()) for home in STREET])
    await asyncio.sleep(max(0.0, case.decision_s + float(rng.uniform(-10, 30))))
    await _back(centre)


async def others_fall(centre: Centre, case: Case, rng: np.random.Generator) -> None:
    """Let somebody fall in other homes of the district; the board closes these incidents after a while."""
    centre.held_s = HIGH_APART_MS / 1000
    homes = [h for h in rng.permutation(np.array(centre.district.homes)) if h != case.home][:BESIDE]
    for home in homes:
        await asyncio.sleep(float(rng.uniform(0, 20)))
        now_ms = centre.clock.now_ms()
        found = Concern(str(home), Kind.FALL_CONFIRMED, now_ms - 15_000, now_ms, 0.9)
        centre.start(centre.ends_beside(await centre.beside_it([found]), CLOSED_S))


async def two_falls(centre: Centre, case: Case, rng: np.random.Generator) -> None:
    """Somebody falls in two other homes at about the same time."""
    await asyncio.sleep(max(0.0, case.decision_s + float(rng.uniform(-20, 40))))
    await others_fall(centre, case, rng)


async def away(centre: Centre, case: Case, rng: np.random.Generator) -> None:
    """F60: nobody is expected at home, and staff want to hear nothing of it; somebody falls there."""
    _ = rng
    now_ms = centre.clock.now_ms()
    until_ms = now_ms + 4 * 3_600_000

    def note(tx: Tx) -> None:
        note_absence(tx, Absence(case.home, now_ms - 1000, until_ms, "office", "hospital"), now_ms)
        for kind in LOW:
            note_silence(tx, Silence(case.home, kind, until_ms, "office", "hospital"), now_ms)

    await centre.ledger.transact(note)


async def _back(centre: Centre) -> None:
    now_ms = centre.clock.now_ms()
    await centre.beside_it([Concern(home, Kind.IN_SIGHT, now_ms, now_ms, 1.0) for home in STREET])


def _dark(home: str, now_ms: int) -> Concern:
    told = {"cause": float(Cause.STREET), "cameras_dark": 1, "cameras": 1, "homes_dark": float(len(STREET))}
    return Concern(home, Kind.BLIND, now_ms - 120_000, now_ms, 0.95, sensor="cam", evidence=told)
