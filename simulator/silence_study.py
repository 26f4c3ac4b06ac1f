"""The study of silence: rates of false alarms that were asked for and got, and how soon a collapse is found.

Takes a seed, numbers of homes and days, and rates; simulates the homes, plays them once, looks at them once
for each rate, and gives the object of figures (silence_figures.py). Finished parts are kept on disk, so that
an interrupted study goes on where it stopped.
"""

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from alerting.ledger import lock_state
from detectors.inactivitystate import InactivityParams
from detectors.params import Params
from simulator import silence_figures, silent_homes
from simulator.cores import CORES
from simulator.fingerprint import fingerprint
from simulator.heard import Heard, joined, listen
from simulator.kept import Progress, Tell, worked
from simulator.silence_runs import REMOVED_MIN, Looked, Rows, look
from simulator.silent_homes import DAY_S, LEARNT_DAYS, Lived, Where
from simulator.world import F64

OTHER_RATES: Final = (30.0, 90.0, 180.0)
"""False alarms asked for, one in so many days of a home, beside the shipped rate."""
AT_ONCE: Final = 150
"""Homes that are played together: 150 days of as many take 3 GB, nearly all of it messages."""
ONSET_DAYS: Final = 8
"""Days on which somebody collapses in every home once an hour, 17 days apart in 150: on all weekdays."""
_ONSETS: Final = 504  # purpose of random numbers


@dataclass(frozen=True, slots=True)
class Size:
    """How large a study is. ValueError when there is nothing to count."""

    homes: int
    days: int
    learnt_days: int = LEARNT_DAYS
    """The first ones, in which nothing is counted."""

    def __post_init__(self) -> None:
        if self.homes < 1 or self.learnt_days < 0 or self.days < self.learnt_days + 2:
            raise ValueError("at least one home is needed, and two days that count")


@dataclass(frozen=True, slots=True)
class Part:
    """Some homes of the study: what they told, and how they lived."""

    heard: Heard
    lived: tuple[Lived, ...]


def run(
    params: Params,
    seed: int,
    size: Size,
    *,
    kept: Path,
    say: Progress = lambda _done, _all, _name: None,
) -> dict[str, Any]:
    """Study homes; `kept` is the folder for finished parts, emptied at the end.

    StudyError when the code changes meanwhile, WorkerLost, LedgerError when another process runs the very
    same study.
    """
    homes = size.homes
    what = f"{fingerprint()} {params} silence {seed} {size} {CORES}"
    folder = kept / hashlib.sha256(what.encode()).hexdigest()[:24]
    for part in ("heard", "looked"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    with lock_state(folder):
        count = max(min(CORES, homes), -(-homes // AT_ONCE))
        each = -(-homes // count)
        jobs = [range(k, min(k + each, homes)) for k in range(0, homes, each)]
        play = partial(_played, params, seed, size.days)
        parts, _ = worked(play, jobs, folder / "heard", say, "play homes")
        heard, lived = joined([p.heard for p in parts]), [one for p in parts for one in p.lived]
        rates = (params.inactivity.false_every_days, *OTHER_RATES)
        onsets = drawn_onsets(lived, seed, size)
        view = partial(_viewed, params.inactivity, heard, onsets)
        looked, _ = worked(view, rates, folder / "looked", say, "look at homes")
        runs = dict(zip(rates, looked, strict=True))
        figures = silence_figures.figures(params.inactivity, size.learnt_days, heard, lived, runs)
        shutil.rmtree(folder)
    return {**asdict(size), **figures}


def _played(params: Params, seed: int, days: int, these: Sequence[int], tell: Tell) -> Part:
    homes = silent_homes.homes(seed, these, days)
    heard = listen(params, [home for home, _ in homes], tell=tell)
    return Part(heard, tuple(lived for _, lived in homes))


def _viewed(
    params: InactivityParams, heard: Heard, onsets: Mapping[int, Rows], every_days: float, tell: Tell
) -> Looked:
    """Look once; collapses at the shipped rate only."""
    shipped = every_days == params.false_every_days
    return look(replace(params, false_every_days=every_days), heard, onsets if shipped else {}, tell)


def drawn_onsets(lived: Sequence[Lived], seed: int, size: Size) -> dict[int, Rows]:
    """Draw after which minutes somebody collapses, and in which homes: on up to ONSET_DAYS days once in each
    hour in every home where nobody visits. Nobody does who is away for a night, or for days before the
    removed events are over.
    """
    rng = np.random.default_rng([seed, _ONSETS])
    chosen = np.unique(np.linspace(size.learnt_days, size.days - 2, ONSET_DAYS).astype(np.intp))
    minutes = [int(d * 1440 + h * 60 + rng.integers(60)) for d in chosen for h in range(24)]
    fits = {t: [k for k, one in enumerate(lived) if _fits(one, t)] for t in minutes}
    return {t: np.array(rows, np.intp) for t, rows in fits.items() if rows}


def _fits(one: Lived, t: int) -> bool:
    end_s = (t + 1) * 60.0
    at: F64 = np.array([end_s, end_s + REMOVED_MIN * 60.0])
    first, last = one.at(at).tolist()
    if one.visited(at[:1])[0] or one.where[first] == Where.ELSEWHERE:
        return False
    return Where.HOLIDAY not in one.where[first : last + 1]


assert DAY_S == REMOVED_MIN * 60.0
