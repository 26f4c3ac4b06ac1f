"""An experiment: weights fitted on some recorded people, measured under stress on the others.

Takes recordings (stress.py) with rows of truth that name their subjects; gives figures of each condition for
people whom nothing was fitted on, beside the shipped weights that saw simulated frames only. It says how far
this kind of network could come with this kind of data. Its weights never reach a disk.

1. People who share a recording form a group; each group is tested once, and fitted on are all recordings that
   hold nobody of it.
2. Each of those is fitted on as recorded and in COPIES of other contrast and scale.
3. The threshold is the one with the best F1 over the same recordings and copies: nothing of the people tested
   has a say in it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors import fall
from detectors.fallstate import FallParams
from detectors.posture import PLAIN, UNSCALED, Doing, Network
from detectors.tracks import SLOTS
from guardian.trace import TruthRow
from simulator import fitting
from simulator.score import HomeCase
from simulator.stress import (
    Figures,
    Recording,
    Say,
    coarser,
    conditions,
    contrast,
    figures,
    optics,
    play,
    zoom,
)
from simulator.train import IGNORED, Examples, batches, untrained
from simulator.world import F64, I64

SEED: Final = 1
COPIES: Final = 4
"""Of each recording fitted on, each with a contrast and a scale of its own."""
CONTRAST: Final = (0.7, 1.4)
ZOOM: Final = (0.9, 1.1)
DOING: Final = MappingProxyType(
    {"walk": Doing.UP, "stand": Doing.UP, "sit": Doing.SITTING, "lie": Doing.LYING}
)
"""What truth rows say somebody does."""
NEAR_END: Final = 0.7
"""From this share of a fall on it is as good as over: who acts one takes a second to lie still."""
AFTER_MS: Final = 2_000
"""So long after its end it still is just over."""
QUIET_MS: Final = 11_000
"""Until so long after its end nothing else is learnt of a fall, for what is said then is not counted."""
THRESHOLDS: Final[F64] = np.arange(-5.0, 3.1, 0.5)
"""Log-odds that are tried."""


@dataclass(frozen=True, slots=True)
class Fold:
    """Who is fitted on and who is tested; nobody is both."""

    fitted: tuple[str, ...]
    tested: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tested:
    """What came of one fold: the threshold that was chosen, in log-odds, and all conditions played."""

    fold: Fold
    threshold: float
    played: dict[str, list[HomeCase]]


def folds(recordings: Sequence[Recording]) -> list[Fold]:
    """Give each group of people who share recordings its turn; ValueError for fewer than two groups."""
    groups = sorted(tuple(sorted(g)) for g in _groups(recordings))
    if len(groups) < 2:
        raise ValueError("all the people of these recordings share some: nobody is left to be tested on")
    return [Fold(tuple(sorted(n for g in groups if g != own for n in g)), own) for own in groups]


def _groups(recordings: Sequence[Recording]) -> list[frozenset[str]]:
    """People joined by the recordings that they share."""
    out: list[frozenset[str]] = []
    for some in (r.subjects for r in recordings if r.subjects):
        met = [g for g in out if g & some]
        out = [g for g in out if not g & some] + [some.union(*met)]
    return out


def measured(
    params: FallParams,
    recordings: Sequence[Recording],
    turns: Sequence[Fold],
    say: Say = lambda _done, _all, _what: None,
) -> tuple[dict[str, Figures], list[dict[str, Any]]]:
    """Figures of each condition over all `turns` (folds); and, for JSON, their people, thresholds and F1.

    Pixels twice as large have weights and a threshold of their own. ValueError as fitted_on.
    """
    tested = [t for fold in turns for t in _tested(params, recordings, fold, say)]
    by_condition = {
        name: figures([case for t in tested for case in t.played.get(name, [])])
        for name in conditions(recordings)
    }
    told = [
        {
            "fitted": t.fold.fitted,
            "tested": t.fold.tested,
            "threshold": t.threshold,
            "f1": {name: figures(cases).f1 for name, cases in t.played.items()},
        }
        for t in tested
    ]
    return by_condition, told


def _tested(params: FallParams, recordings: Sequence[Recording], fold: Fold, say: Say) -> list[Tested]:
    """One fold: all conditions in the array's own size, and the one with pixels twice as large."""
    fitted, tested = split(recordings, fold)
    copies = [list(fitted), *augmented(fitted)]
    changes = conditions(recordings)
    large = {name: change for name, change in changes.items() if change is coarser}
    own = {name: change for name, change in changes.items() if change is not coarser}
    out = []
    for wanted, seen in ((own, copies), (large, [[coarser(r) for r in some] for some in copies])):
        if not wanted:
            continue
        net = fitted_on(params, seen, say)
        limit = threshold(params, seen, net, say)
        at_limit = suspecting_at(params, limit)
        played = {}
        for k, (name, change) in enumerate(wanted.items()):
            say(k, len(wanted), f"{', '.join(fold.tested)}: {name}")
            played[name] = play(at_limit, [change(r) for r in tested], _networks(net))
        out.append(Tested(fold, limit, played))
    return out


def split(recordings: Sequence[Recording], fold: Fold) -> tuple[list[Recording], list[Recording]]:
    """Recordings that are fitted on and those that are tested; one without subjects is neither."""
    fitted, tested = (
        [r for r in recordings if r.subjects and r.subjects <= set(names)]
        for names in (fold.fitted, fold.tested)
    )
    return fitted, tested


def augmented(recordings: Sequence[Recording]) -> Iterator[list[Recording]]:
    """COPIES of all recordings, each of other contrast and scale; the same ones each time."""
    rng = np.random.default_rng([SEED, 1])
    low, high = np.log(CONTRAST)
    for _ in range(COPIES):
        yield [
            zoom(contrast(r, float(np.exp(rng.uniform(low, high)))), float(rng.uniform(*ZOOM)))
            for r in recordings
        ]


def fitted_on(params: FallParams, copies: Sequence[Sequence[Recording]], say: Say) -> Network:
    """Fit on copies of the same recordings; what calibrates is kept aside in all of them.

    ValueError when what is kept aside, or what is not, shows no fall or nothing else that is labelled.
    """
    some = []
    for k, recordings in enumerate(copies):
        say(k, len(copies), "look at the recordings")
        some.append(examples(params, recordings))
    seen = Examples.joined(some)
    aside = seen.lesson % fitting.ASIDE == 0
    for part in (aside, ~aside):
        if not ((seen.doing[part] != IGNORED).any() and (seen.fell[part] == 1).any()):
            raise ValueError(f"{len(copies[0])} recordings are too few to fit on")
    return fitting.fit(seen, fitting.LABORATORY, SEED, say).network


def examples(params: FallParams, recordings: Sequence[Recording]) -> Examples:
    """What the network sees of the larger patch of each frame (one person is there at a time), as labelled.

    `lesson` is the place in `recordings`.
    """
    state = fall.fresh(optics(recordings), None, _networks(untrained()))
    first_ms = np.array([r.t_ms[0] for r in recordings], np.int64)
    rows, times, inputs = [], [], []
    for frames in batches(recordings):
        _, view = fall.observe(params, state, frames)
        some = np.flatnonzero(view.line.there & (view.line.at % SLOTS == 0))
        rows.append(view.sensor[some])
        times.append(view.t_ms[some])
        inputs.append(view.x[some, :PLAIN])
    row, t_ms, x = np.concatenate(rows), np.concatenate(times), np.concatenate(inputs)
    doing = np.full(len(row), IGNORED, np.int8)
    fell = np.zeros(len(row), np.int8)
    for k, recording in enumerate(recordings):
        mine = np.flatnonzero(row == k)
        doing[mine], fell[mine] = labels(recording.truth, t_ms[mine])
    t_s = ((t_ms - first_ms[row]) / 1000).astype(np.float32)
    return Examples(x, doing, fell, row.astype(np.int32), t_s)


def labels(truth: Sequence[TruthRow], t_ms: I64) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Codes of Doing and whether a fall is just over (1, 0), both (n,), at times (n,) in ms."""
    doing = np.full(len(t_ms), IGNORED, np.int8)
    fell = np.zeros(len(t_ms), np.int8)
    for row in truth:
        if row.label in DOING:
            doing[(t_ms >= row.start_ms) & (t_ms <= row.end_ms)] = DOING[row.label]
    falls = [row for row in truth if row.label.partition(":")[0] == "fall"]
    for row in falls:
        fell[(t_ms >= row.start_ms) & (t_ms <= row.end_ms + QUIET_MS)] = IGNORED
    for row in falls:
        nearly_ms = row.start_ms + NEAR_END * (row.end_ms - row.start_ms)
        fell[(t_ms >= nearly_ms) & (t_ms <= row.end_ms + AFTER_MS)] = 1
    return doing, fell


def threshold(params: FallParams, copies: Sequence[Sequence[Recording]], net: Network, say: Say) -> float:
    """The one of THRESHOLDS with the best F1 over copies that were fitted on; the middle of equals."""
    together = [r for some in copies for r in some]  # faster than one copy after the other
    scores = []
    for k, limit in enumerate(THRESHOLDS.tolist()):
        say(k, len(THRESHOLDS), "threshold")
        scores.append(figures(play(suspecting_at(params, limit), together, _networks(net))).f1)
    best = np.flatnonzero(np.asarray(scores) == max(scores))
    return float(THRESHOLDS[best[len(best) // 2]])


def suspecting_at(params: FallParams, limit: float) -> FallParams:
    """The parameters with `limit` for every array, whatever its size and whether its lens is known."""
    return replace(params, suspect_odds=limit, suspect_unscaled_odds=limit)


def _networks(net: Network) -> dict[str, Network]:
    return {"ceiling": net, UNSCALED: net}
