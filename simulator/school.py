"""Draws lessons, shows them to the detectors' front end, fits one network to what it saw, writes the weights.

Takes parameters, a seed and a number of lessons; gives the figures on the lessons kept aside, and a file of
weights that says where it comes from. A network learns from its own tier and mount alone; the same seed gives
the same bytes on one machine.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
from rich.box import SIMPLE
from rich.table import Column, Table

from detectors import posture
from detectors.fallstate import FallParams
from detectors.posture import PLAIN, UNSCALED, Doing
from simulator import fitting, train
from simulator.fingerprint import fingerprint
from simulator.lessons import Lesson, lessons
from simulator.randomised import ACTED, TIERS, Tier
from simulator.train import IGNORED, Examples

LESSONS: Final[Mapping[Tier, int]] = {"coarse": 2500, "middle": 2000, "fine": 4000, "unscaled": 2000}
"""Of one network, where nobody says otherwise: for homes, the more the better (fitting.HOME)."""
BLOCK: Final = 250
"""Lessons that are held at once: up to 2 GB of frames."""
MOUNTS: Final = ("ceiling", "wall")

Say = Callable[[int, int, str], None]


def teach(  # noqa: PLR0917  (one network is told by all of these)
    params: FallParams, seed: int, count: int, tier: Tier, mount: str, out: Path, say: Say
) -> dict[str, float]:
    """Draw `count` lessons, fit, and write `out/<mount>-<tier>.npz`; give fitting.Fitted.figures.

    OSError when it cannot be written; ValueError when so few lessons teach nothing; WorkerLost as cores.pool.
    """
    drawn = lessons(seed, count, tier, mount == "wall", say=say)
    seen = []
    for group in (g for block in _blocks(drawn) for g in _groups(block)):
        some = train.examples(params, group)
        seen.append(in_laboratories(group, some) if tier == UNSCALED else some)
    recipe = fitting.LABORATORY if tier == UNSCALED else fitting.HOME
    fitted = fitting.fit(Examples.joined(seen), recipe, seed, say)
    out.mkdir(parents=True, exist_ok=True)
    posture.saved(
        out / f"{mount}-{tier}.npz", fitted.network, _provenance(seed, count, tier, mount, fitted.figures)
    )
    return fitted.figures


def chosen(tiers: str, mounts: str) -> list[tuple[str, Tier]]:
    """Mounts and tiers out of names with commas between; ValueError for any that is none.

    On a wall there is no `unscaled`.
    """
    some, hung = (tuple(w.strip() for w in text.split(",") if w.strip()) for text in (tiers, mounts))
    for what, names, known in (("tier", some, tuple(TIERS)), ("mount", hung, MOUNTS)):
        wrong = [n for n in names if n not in known]
        if wrong or not names:
            raise ValueError(f"no {what} {', '.join(wrong) or 'given'}, there are: {', '.join(known)}")
    pairs = [(m, t) for m in MOUNTS if m in hung for t in TIERS if t in some]
    return [(m, t) for m, t in pairs if (m, t) != ("wall", UNSCALED)]


def table(taught: Mapping[str, Mapping[str, float]]) -> Table:
    """One line a network, on the lessons kept aside: examples, recall of postures, area under the curve."""
    names = ["examples", *(f"recall_{d.name.lower()}" for d in Doing), "fall_auc"]
    head = [n.removeprefix("recall_").replace("_", " ") for n in names]
    title = "on the lessons kept aside: recall of postures, area under the curve of falls"
    out = Table(*(Column(c, no_wrap=True) for c in ("network", *head)), title=title, box=SIMPLE)
    for network, figures in taught.items():
        examples, *shares = (figures[n] for n in names)
        out.add_row(network, f"{examples:.0f}", *("–" if math.isnan(v) else f"{v:.3f}" for v in shares))
    return out


def _blocks(drawn: Iterator[Lesson]) -> Iterator[list[Lesson]]:
    while block := list(islice(drawn, BLOCK)):
        yield block


def _groups(block: Sequence[Lesson]) -> Iterator[list[Lesson]]:
    """The lessons of each resolution, which the front end looks at together."""
    by: dict[tuple[int, int], list[Lesson]] = {}
    for lesson in block:
        by.setdefault((lesson.rows, lesson.cols), []).append(lesson)
    return iter(by.values())


def in_laboratories(group: Sequence[Lesson], some: Examples) -> Examples:
    """What arrays of unknown scale learn: falls from acted lessons alone (recorded falls: F1 .94, with those
    of homes .93), and nothing of furniture.
    """
    acted = [one.number for one in group if one.kind in ACTED]
    fell = np.where(np.isin(some.lesson, acted), some.fell, IGNORED).astype(np.int8)
    return replace(some, x=some.x[:, :PLAIN], fell=fell)


def _provenance(seed: int, count: int, tier: str, mount: str, figures: Mapping[str, float]) -> dict[str, str]:
    return {
        "command": f"guardian train posture --seed {seed} --lessons {count} --tiers {tier} --mounts {mount}",
        "seed": str(seed),
        "lessons": str(count),
        "code": fingerprint(weights=False),
        "numpy": np.__version__,
        "figures": "\n".join(f"{name} {value:.4f}" for name, value in figures.items()),
    }
