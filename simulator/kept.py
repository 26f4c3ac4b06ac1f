"""Long work in jobs on all cores, each kept on disk when it is finished: an interrupted run goes on there.

Takes jobs and what to do with one; gives their results in order. What is kept belongs to exactly the code
that made it. Knows nothing of homes.
"""

import pickle
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, wait
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from simulator.cores import pool
from simulator.fingerprint import fingerprint

LOOK_S: Final = 2.0  # how often progress is looked at

J = TypeVar("J")
R = TypeVar("R")
Progress = Callable[[int, int, str], object]
"""Done, in all, what."""
Tell = Callable[[float], object]
"""What share of a job is done."""


class StudyError(Exception):
    """Work that had to stop; what is finished is kept."""


def worked(
    do: Callable[[J, Tell], R], todo: Sequence[J], folder: Path, say: Progress, what: str
) -> tuple[list[R], float]:
    """Do the jobs that are not done yet; give all results, and the seconds it took (0: not known).

    `do` must be picklable. StudyError when the code has changed since, WorkerLost.
    """
    files = [folder / f"{k:04d}.pickle" for k in range(len(todo))]
    kept_before = sum(f.exists() for f in files)
    started = time.monotonic()
    with pool() as workers:
        waiting = {
            workers.submit(keep, partial(do, job), file, fingerprint())
            for job, file in zip(todo, files, strict=True)
            if not file.exists()
        }
        while waiting:
            say(round(100 * sum(_share(f) for f in files)), 100 * len(files), what)
            ended, waiting = wait(waiting, timeout=LOOK_S, return_when=FIRST_EXCEPTION)
            for future in ended:
                future.result()
    say(100 * len(files), 100 * len(files), what)
    wall_s = 0.0 if kept_before else time.monotonic() - started
    return [_read(f) for f in files], wall_s


def keep(work: Callable[[Tell], Any], file: Path, code: str) -> None:
    """Do one job and keep its result in `file`. StudyError when this is not the code that was asked."""
    if fingerprint() != code:  # edited since: the result would stand under the wrong name
        raise StudyError("the code has changed since the evaluation began; start again")
    told = file.with_suffix(".share")
    result = work(lambda share: told.write_text(f"{share:.3f}", "ascii"))
    fresh = file.with_suffix(".new")
    fresh.write_bytes(pickle.dumps(result))
    fresh.rename(file)


def _share(file: Path) -> float:
    """How much of a job is done."""
    if file.exists():
        return 1.0
    try:
        return float(file.with_suffix(".share").read_text("ascii") or 0.0)
    except FileNotFoundError:
        return 0.0


def _read(file: Path) -> Any:
    return pickle.loads(file.read_bytes())  # noqa: S301  (our own file, named by the hash of our own code)
