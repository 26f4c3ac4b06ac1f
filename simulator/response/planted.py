"""Whether the simulation finds bugs: plants them one by one in a copy of the source and plays incidents.

Takes the bugs of planted.toml, gives for each what was seen first and after how many seconds of CPU. A
simulation that finds none of them would prove nothing. `python -m simulator.response.planted SEED FAULT,…`
plays until something is wrong, in the tree that it is started in.
"""

import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from guardian.settings import CONFIG, load
from simulator.response.faults import FAULTS
from simulator.response.outcome import Outcome
from simulator.response.pace import NoEndError
from simulator.response.run import Job, play

ROOT: Final = Path(__file__).parents[2]
SOURCE: Final = ("guardian", "alerting", "detectors", "simulator", "config")
PIECE: Final = 10
"""Incidents of each fault between two looks."""
MOST: Final = 400
"""Incidents of each fault before a bug counts as not found."""
ODDS: Final = 0.30


@dataclass(frozen=True, slots=True)
class Bug:
    """One change of the source."""

    name: str
    file: str
    old: str
    new: str
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What became of one bug."""

    bug: str
    seen: str | None
    """What was wrong first; None = nothing."""
    incidents: int
    seconds: float


def bugs() -> list[Bug]:
    """Read the list."""
    listed = tomllib.loads((Path(__file__).parent / "planted.toml").read_text("utf-8"))
    return [Bug(name, b["file"], b["old"], b["new"], tuple(b["faults"])) for name, b in listed.items()]


def hunt(
    seed: int, names: Sequence[str] = (), say: Callable[[int, int, str], object] = lambda *_: None
) -> Iterator[Found]:
    """Plant each bug in a copy of the source and play until it shows.

    Raises
    ------
    LookupError
        a bug whose source has changed, that is none, or whose copy does not run.
    """
    every = {b.name: b for b in bugs()}
    if strange := sorted(set(names) - every.keys()):
        raise LookupError(f"no bug {', '.join(strange)}; there are {', '.join(every)}")
    for n, name in enumerate(names or every):
        say(n, len(names or every), name)
        with TemporaryDirectory() as where:
            plant(every[name], Path(where))
            yield _hunted(every[name], Path(where), seed)


def planted_text(bug: Bug) -> str:
    """Give the changed file; LookupError when the place is not there once."""
    text = (ROOT / bug.file).read_text("utf-8")
    if text.count(bug.old) != 1:
        raise LookupError(f"{bug.name}: {text.count(bug.old)} places in {bug.file}")
    return text.replace(bug.old, bug.new)


def plant(bug: Bug, where: Path) -> None:
    """Copy the source to `where` with the bug in it; LookupError when its place is not there once."""
    changed = planted_text(bug)
    for part in SOURCE:
        ignored = shutil.ignore_patterns("__pycache__", "*.npz")
        shutil.copytree(ROOT / part, where / part, ignore=ignored)
    (where / bug.file).write_text(changed, "utf-8")


def _hunted(bug: Bug, where: Path, seed: int) -> Found:
    asked = [sys.executable, "-m", "simulator.response.planted", str(seed), ",".join(bug.faults)]
    env = {**os.environ, "PYTHONPATH": str(where), "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(asked, cwd=where, env=env, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:  # a copy that does not run proves nothing
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        raise LookupError(f"{bug.name}: the copy does not run: {last}")
    told = json.loads(done.stdout.splitlines()[-1])
    return Found(bug.name, told["seen"], told["incidents"], told["seconds"])


def watch(seed: int, faults: Sequence[str], most: int = MOST) -> Found:
    """Play up to `most` incidents of each of these faults in turn until something is wrong."""
    policy, begun, played = load(CONFIG / "guardian.toml").policy, time.process_time(), 0
    places = [n for n, f in enumerate(FAULTS) if f.id in faults]
    for first in range(0, most, PIECE):
        for place in places:
            outcomes: list[Outcome] | None = None
            try:
                outcomes = play(Job(ODDS, place, seed, first, PIECE), policy)
            except* NoEndError:
                played += 1
            if outcomes is None:
                return Found("", "busy for ever", played, time.process_time() - begun)
            for one in outcomes:
                played += 1
                late = ["late, and could have been in time"] * (one.still_feasible > 0 and not one.in_time)
                if wrong := [*one.broken, *late]:
                    return Found("", wrong[0], played, time.process_time() - begun)
    return Found("", None, played, time.process_time() - begun)


if __name__ == "__main__":
    seen = watch(int(sys.argv[1]), sys.argv[2].split(","))
    print(json.dumps({"seen": seen.seen, "incidents": seen.incidents, "seconds": seen.seconds}))
