"""What everybody does: the rates and tails that a home is taken to have before it has shown its own.

Takes seeds, plays simulated homes with event sensors straight to the detector of silence and adds up what it
learnt there; writes it with its provenance. Simulated homes only; measured on other seeds.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors import inactivity
from detectors.inactivitystate import AGES, Clock, InactivityParams, Tail, Usual
from detectors.params import Params
from simulator import lives
from simulator.cores import pool
from simulator.fingerprint import fingerprint
from simulator.heard import Heard, listen
from simulator.sensors import Which

KITS: Final[tuple[Which, ...]] = ("recorded", "full")
"""In the order of `Usual`: without a bed sensor, and with one."""
ROUNDS: Final = 2
"""The first is looked at with rates out of the air, the second with those of the first."""
START: Final = (0.25, 0.1, 0.05, 0.03, 0.02, 0.015, 0.01)
"""Endings a minute by age, to begin with."""
WEIGHT: Final = 50.0
"""So many minutes in a cell weigh as much as the round before."""

Say = Callable[[int, int, str], object]


def learn(
    params: Params, seed: int, size: tuple[int, int], out: Path, say: Say = lambda *_: None
) -> dict[str, Any]:
    """Learn from `size` (homes of each kit, days), write `out`, give the figures. OSError, WorkerLost."""
    homes, days = size
    usual = Usual(
        rate=np.tile(np.array(START, np.float32), (len(KITS), len(Clock), 24, 1)),
        lively=np.full(24, 0.1, np.float32),
        often=np.full((len(KITS), len(Tail)), 0.2, np.float32),
    )
    say(0, ROUNDS + 1, "live in homes")
    with pool() as workers:
        heard = list(workers.map(partial(_heard, params, seed, size), KITS))
        for k in range(ROUNDS):
            say(k + 1, ROUNDS + 1, "look at homes")
            told = list(workers.map(partial(_looked, params.inactivity, usual), heard))
            usual = _joined(usual, told)
    figures = {
        f"{kit}_{t.name.lower()}_a_day": round(float(usual.often[k, t]), 4)
        for k, kit in enumerate(KITS)
        for t in Tail
    }
    provenance = {
        "command": f"guardian train routine --seed {seed} --homes {homes} --days {days}",
        "code": fingerprint(weights=False),
    }
    arrays: dict[str, Any] = {f.name: getattr(usual, f.name) for f in fields(usual)}
    np.savez_compressed(out, **arrays, provenance=np.array([f"{k}: {v}" for k, v in provenance.items()]))
    say(ROUNDS + 1, ROUNDS + 1, "")
    return figures


Sums = Mapping[str, NDArray[np.float64]]


def _joined(usual: Usual, told: list[Sums]) -> Usual:
    """Rates of the homes of each kit; a cell that was hardly seen stays as it was.

    Of SILENCE and AWAY those of the first kit for both: it has fewer sensors, so that a home is taken to be
    less lively than most until it has shown how lively it is.
    """
    events, exposure, passed, days = (
        np.stack([one[name] for one in told]) for name in ("events", "exposure", "passed", "days")
    )
    for table in (events, exposure):
        table[:, : Clock.BATHROOM] = table[0, : Clock.BATHROOM]
    passed[:, : Tail.BATHROOM] = passed[0, : Tail.BATHROOM]
    return Usual(
        rate=((events + WEIGHT * usual.rate) / (exposure + WEIGHT)).astype(np.float32),
        lively=(told[0]["life"] / told[0]["minutes"]).astype(np.float32),
        often=((passed + 1) / days[:, None]).astype(np.float32),
    )


def _heard(params: Params, seed: int, size: tuple[int, int], kit: Which) -> Heard:
    homes, days = size
    own = np.random.SeedSequence([seed, KITS.index(kit)]).generate_state(homes)
    some = [replace(lives.plain(int(s), count=days, which=kit), name=f"{kit}-{k}") for k, s in enumerate(own)]
    return listen(params, some, watched=False)


def _looked(params: InactivityParams, usual: Usual, heard: Heard) -> Sums:
    """What the detector learnt in the homes of one kit; sums over them."""
    state = inactivity.fresh(len(heard.has), usual)
    life, minutes = np.zeros(24), np.zeros(24)
    for minute, moment in heard:
        life[moment.minute // 60] += minute.life.sum()
        minutes[moment.minute // 60] += len(heard.has)
        inactivity.step(params, state, minute, moment)
    sums = {
        "events": state.events.sum(0),
        "exposure": state.exposure.sum(0),
        "passed": state.passed.sum(0),
        "days": state.days.sum(),
        "life": life,
        "minutes": minutes,
    }
    return {name: np.asarray(total, np.float64) for name, total in sums.items()}


assert len(START) == AGES
