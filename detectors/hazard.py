"""How soon a silence usually ends: personal rates by the hour of the day and the age of the silence.

Takes counts of endings and minutes of exposure; gives rates a minute. A piecewise-exponential hazard with
gamma priors (research, section 2.2): what one home has not shown yet is taken from everybody's rates, as
follows. Decides nothing.

1. Everybody's rate of a cell (clock, hour, age) comes with the detector; simulated homes only.
2. Ages: how much livelier than everybody a home is at this age, all hours together, is shrunk to how lively
   it is at the age before: who never sat still for an hour will hardly for two.
3. Cells: the home's own endings in this hour, and half as much in the two beside it, are shrunk to that.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
HOURS: Final = 24
NEIGHBOUR: Final = np.float32(0.5)
"""Weight of the hours beside the present one: people are late by half an hour as often as not."""


def ages(edges: NDArray[np.float32], age_min: NDArray[np.float32]) -> NDArray[np.intp]:
    """(H, C) in which of its clock's buckets each age falls; `edges` (C, B) are their starts in minutes."""
    out = np.empty(age_min.shape, np.intp)
    for c, starts in enumerate(edges):
        out[:, c] = np.searchsorted(starts, age_min[:, c], side="right")
    return out - 1


def livelier(events: F32, expected: F32, least: float) -> F32:
    """(H, C, B) how much sooner than everybody's the silences of a home end, by age.

    events, expected: (H, C, B) over all hours; least: so many endings count as much as what is known from
    the age before.
    """
    out = np.empty_like(events)
    before = np.ones(events.shape[:-1], np.float32)
    weight = np.float32(least)
    for b in range(events.shape[-1]):
        before = (events[..., b] + weight * before) / (expected[..., b] + weight)
        out[..., b] = before
    return out


def rates(
    events: F32, exposure: F32, usual: F32, like: NDArray[np.intp], hour: int, *, factor: F32, least: float
) -> F32:
    """(H, C, B) endings a minute in this hour.

    events, exposure: (H, C, 24, B) endings and minutes; usual: (2, C, 24, B) everybody's rates, of which row
    `like` (H,) holds for a home; factor: (H, C, B) of `livelier`; least: so many expected endings of the own
    weigh as much as the prior.
    """
    near = [(hour, np.float32(1)), ((hour - 1) % HOURS, NEIGHBOUR), ((hour + 1) % HOURS, NEIGHBOUR)]
    seen = np.zeros(factor.shape, np.float32)
    expected = np.zeros(factor.shape, np.float32)
    for h, weight in near:
        seen += weight * events[:, :, h]
        expected += weight * exposure[:, :, h] * usual[:, :, h][like]
    expected *= factor
    weight = np.float32(least)
    return np.asarray(usual[:, :, hour][like] * factor * (seen + weight) / (expected + weight), np.float32)
