"""How surprised one must be for an alarm: a threshold for a rate of false alarms, home by home.

Peaks over threshold (POT; Siffer et al., KDD 2017, with the moments of research section 2.2): silences that
ended by themselves above the level `u` are counted, and how far above they went; a generalised Pareto tail
through both says which surprise is passed as rarely as was asked for.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Seen:
    """Surprises above the level in H homes, K tails; and everybody's."""

    count: F32
    """(H, K) silences that passed it."""
    total: F32
    """(H, K) by how much in all, nats."""
    days: F32
    """(H,) observed."""
    usual: F32
    """(H, K) how often everybody like them passes it, a day."""


@dataclass(frozen=True, slots=True)
class TailParams:
    """Table [tail] of config/detectors.toml."""

    level: float
    excess: float
    shape: float
    known: float


def threshold(params: TailParams, seen: Seen, rate: F32) -> F32:
    """(H, K) the surprise that is passed `rate` (H, K) times a day."""
    known = np.float32(params.known)
    often = (seen.count + known) / (seen.days[:, None] + known / seen.usual)
    mean = (seen.total + known * np.float32(params.excess)) / (seen.count + known)
    shape = np.float32(params.shape)
    stretch = ((rate / often) ** -shape - 1) / shape
    return np.asarray(np.float32(params.level) + mean * np.maximum(stretch, 0), np.float32)
