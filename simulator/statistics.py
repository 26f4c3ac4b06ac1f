"""How sure a count is: 95 % intervals for shares, rates and ratios.

Takes counts, exposures and per-home sums, gives (low, high) pairs; never a single number without its pair,
and never a narrower interval than the data carry: no data give the widest one.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy import stats  # type: ignore[import-untyped]  # scipy ships no types

LEVEL: Final = 0.95
"""Of every interval here. Source: DESIGN section 8."""
RULE_OF_THREE: Final = 3.0
"""Zero events in T leave at most 3/T, one-sided 95 % (-ln 0.05 = 2.996). Source: JAMA 249:1743."""
DRAWS: Final = 2000
"""Bootstrap draws; the ends of the interval then wobble by some 2 % of its width. Source: judgement."""
BLOCK: Final = 200
"""Draws made at once: bounds the memory at BLOCK x homes numbers."""

Interval = tuple[float, float]


def wilson(hits: int, total: int) -> Interval:
    """Interval of the share hits/total; (0, 1) when nothing was tried. ValueError for impossible counts.

    Source: Wilson, JASA 22:209; Brown, Cai & DasGupta, Stat Sci 16:101 (good down to small counts).
    """
    if not 0 <= hits <= total:
        raise ValueError(f"hits is {hits}, which is not within 0 and total ({total})")
    if total == 0:
        return 0.0, 1.0
    interval = stats.binomtest(hits, total).proportion_ci(LEVEL, method="wilson")
    return float(interval.low), float(interval.high)


def poisson(count: int, exposure: float) -> Interval:
    """Interval of the rate count/exposure, in events per unit of exposure; (0, inf) without exposure.

    Exact (Garwood, Biometrika 28:437); none counted gives the rule of three. ValueError for negatives.
    """
    if count < 0 or not exposure >= 0:
        raise ValueError(f"count {count} and exposure {exposure} must not be negative")
    if exposure == 0:
        return 0.0, math.inf
    if count == 0:
        return 0.0, RULE_OF_THREE / exposure
    tail = (1 - LEVEL) / 2
    low = float(stats.chi2.ppf(tail, 2 * count)) / 2
    high = float(stats.chi2.ppf(1 - tail, 2 * count + 2)) / 2
    return low / exposure, high / exposure


def by_home(top: Sequence[float], bottom: Sequence[float], *, seed: int = 0) -> Interval:
    """Interval of sum(top)/sum(bottom) when whole homes are drawn anew, with one number a home in each.

    Events of one home resemble each other, so this is wider than `wilson` and `poisson` where homes differ.
    (nan, nan) with fewer than two homes or when nothing is below; draws with nothing below are left out.
    ValueError when the lengths differ.
    """
    if len(top) != len(bottom):
        raise ValueError(f"top has {len(top)} homes, bottom {len(bottom)}")
    above, below = np.asarray(top, np.float64), np.asarray(bottom, np.float64)
    if len(above) < 2 or not below.sum() > 0:
        return math.nan, math.nan
    rng = np.random.default_rng([seed, 1])
    ratios = []
    for _ in range(DRAWS // BLOCK):
        draw = rng.integers(0, len(above), (BLOCK, len(above)))
        sums = below[draw].sum(axis=1)
        ratios.append((above[draw].sum(axis=1)[sums > 0]) / sums[sums > 0])
    low, high = np.quantile(np.concatenate(ratios), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def quantile(values: Sequence[float], share: float) -> float:
    """Quantile with straight lines between the values; NaN of nothing."""
    return float(np.quantile(np.asarray(values, np.float64), share)) if len(values) else math.nan
