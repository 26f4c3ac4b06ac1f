"""Writes simulated homes as a trace folder, home by home on all cores.

Takes the cells of a suite, gives the folder. A home whose truth file is there is finished, so an
interrupted run goes on where it stopped; the same seed gives the same bytes. Never runs a detector.
"""

import json
from collections.abc import Callable
from concurrent.futures import as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np

from guardian.trace import TraceEvent
from guardian.trace_writer import write_events, write_frames, write_head, write_truth
from simulator import suites
from simulator.cores import pool
from simulator.feed import block_s
from simulator.fingerprint import fingerprint
from simulator.home import IDLE_S, Home, View
from simulator.suites import Options
from simulator.world import TIMEZONE

ORDER: Final = "simulation.json"
"""What a folder was asked for; another order does not go into the same folder."""


class SimulationError(Exception):
    """The folder cannot take this simulation."""


@dataclass(frozen=True, slots=True)
class Written:
    """What was written for some homes."""

    homes: int = 0
    frames: int = 0
    """Frames that the devices would have sent."""
    drawn: int = 0
    """Frames in the files; the rest were in idle stretches."""
    sensor_s: float = 0.0

    def plus(self, other: "Written") -> "Written":
        """Add up."""
        return Written(
            self.homes + other.homes,
            self.frames + other.frames,
            self.drawn + other.drawn,
            self.sensor_s + other.sensor_s,
        )


def write(
    out: Path,
    suite: str,
    seed: int,
    options: Options,
    say: Callable[[int, int, str], None] = lambda _done, _all, _name: None,
) -> Written:
    """Simulate a suite into the folder `out`; `say` hears of homes done, homes in all and the last one.

    Raises SimulationError when the folder holds something else, ValueError for an unknown suite or option.
    """
    cells = suites.cells(suite, options)
    numbers = [(c, i) for c, cell in enumerate(cells) for i in range(cell.homes)]
    order = (
        json.dumps({"suite": suite, "seed": seed, **asdict(options), "code": fingerprint()}, sort_keys=True)
        + "\n"
    )
    _claim(out, order)
    homes = [suites.home(cells[c], seed, i) for c, i in numbers]
    write_head(
        out,
        name=f"{suite}-{seed}",
        timezone=TIMEZONE,
        source=f"simulated: suite {suite}, seed {seed}",
        licence="Apache-2.0",
        sensors=[s for h in homes for s in h.sensors()],
        zones=[z for h in homes for z in h.zones()],
        notes=f"Stretches in which nobody is in view and nothing changes hold one frame per {IDLE_S:g} s.",
    )
    done = Written()
    with pool() as workers:
        waiting = [workers.submit(_home, out, suite, seed, options, at) for at in numbers]
        for k, future in enumerate(as_completed(waiting), start=1):
            name, written = future.result()
            done = done.plus(written)
            say(k, len(waiting), name)
    return done


def _claim(out: Path, order: str) -> None:
    file = out / ORDER
    if file.exists():
        if file.read_text("utf-8") != order:
            raise SimulationError(f"{out} holds another simulation: {file.read_text('utf-8').strip()}")
        return
    if out.exists() and any(out.iterdir()):
        raise SimulationError(f"{out} is not empty")
    out.mkdir(parents=True, exist_ok=True)
    file.write_text(order, "utf-8")


def _home(out: Path, suite: str, seed: int, options: Options, at: tuple[int, int]) -> tuple[str, Written]:
    """Write one home; its truth comes last and says that it is finished."""
    home = suites.home(suites.cells(suite, options)[at[0]], seed, at[1])
    if (out / "truth" / f"{home.name}.csv").exists():
        return home.name, Written(homes=1)
    total = Written(homes=1)
    for eye in home.eyes:
        view = View(home, eye)
        step_s = block_s([eye.camera])
        starts = np.arange(home.begin_s, home.duration_s, step_s).tolist()
        blocks = [view.sent(t, min(t + step_s, home.duration_s)) for t in starts]
        t_ms = np.concatenate([b.arrival_ms for b in blocks])
        order = np.argsort(t_ms, kind="stable")  # as a recorder at the broker would have written them
        write_frames(out, home.name, eye.name, t_ms[order], np.concatenate([b.centi for b in blocks])[order])
        total = total.plus(Written(0, view.frames, view.drawn, home.duration_s - home.begin_s))
    if home.events is not None:
        write_events(out, home.name, _heard(home))
    write_truth(out, home.name, home.truth_rows(), home.positions() if home.actors else ())
    return home.name, total


def _heard(home: Home) -> list[TraceEvent]:
    """Give the events as they arrived, in order."""
    arrived = [
        TraceEvent(t, sensor, v)
        for sensor, sent in home.sent_events()
        for t, v in zip(sent.arrival_ms.tolist(), sent.value.tolist(), strict=True)
    ]
    return sorted(arrived, key=lambda e: e.t_ms)
