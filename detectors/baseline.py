"""What is normal for each person at each camera: many small regressions at once.

Takes sessions (a number and FEATURES of each), gives by how much each differs from what is normal there and
how much it usually does. Recursive least squares in information form: sums that fade with `memory_days`, and
a prior that does not, so that a direction in which nothing is ever tried cannot run away. Never a loop over
cameras.
"""

from dataclasses import dataclass, fields, replace
from typing import Any, Final, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
Ints = NDArray[np.intp]

FEATURES: Final = 8
"""One, room temperature, cosine and sine of the time of day, logarithm of the distance, three postures."""
POSTURES: Final = 3
"""Stands, sits, lies on furniture."""
USUAL_C: Final = 22.0
DAY_MS: Final = 86_400_000
MEAN_TO_SIGMA: Final = 1.2533
"""A normal variable's standard deviation over its mean deviation."""
SPREAD: Final = np.array([1.0, 0.005, 0.1, 0.1, 0.7, 0.3, 0.3, 0.3])
"""Prior standard deviation of each weight: the constant is free; half a percent a
kelvin of the room, which the share of the step has taken off already; 10 % over the day;
a distance twice as large may change it by half; postures differ by a third. Judgement."""
START: Final = -1.5
"""Prior of the constant: a quarter of the step from the room to the core shows in a pixel. Hardly matters."""


@dataclass(frozen=True, slots=True)
class Sessions:
    """M sessions, at most one a camera."""

    camera: Ints
    posture: Ints
    value: F64
    """(M,) logarithm of what shows of the step from the room to the core."""
    x: F64
    """(M, FEATURES)."""
    now_ms: int


class Kept(Protocol):
    """What is remembered of C cameras."""

    information: F64
    """(C, FEATURES, FEATURES) sums of x x', faded."""
    sums: F64
    """(C, FEATURES) of x times the value."""
    deviation: F64
    """(C, POSTURES) of what sessions differ by."""
    sessions: F64
    """(C, POSTURES) of one."""
    learnt_ms: NDArray[np.int64]
    """(C,) to when they have faded, -1 = never learnt."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What each of the M sessions says, before anything was learnt from it."""

    residual: F64
    sigma: F64
    """How much such sessions differ from what is expected of them, and how sure that is:
    standard error of the residual."""
    unsure: F64
    """Its part that comes of not having learnt enough: sigma over what it will be."""
    expected: F64
    count: F64
    """Of such sessions learnt from, faded."""


Some = TypeVar("Some", Sessions, Judged)


def picked(some: Some, k: Ints) -> Some:
    """Rows `k` of all arrays."""
    arrays = {f.name: getattr(some, f.name) for f in fields(some)}
    rows: dict[str, Any] = {name: a[k] for name, a in arrays.items() if isinstance(a, np.ndarray)}
    return replace(some, **rows)


def features(room_c: F64, minute: int, log_range: F64, posture: Ints) -> F64:
    """(M, FEATURES) of sessions at the local minute of the day."""
    turn = 2 * np.pi * minute / 1440
    one = np.ones(len(room_c))
    columns = [one, room_c - USUAL_C, np.cos(turn) * one, np.sin(turn) * one, log_range]
    return np.concatenate([np.stack(columns, 1), np.eye(POSTURES)[posture]], axis=1)


def judge(kept: Kept, some: Sessions, sigma0: float, prior: float) -> Judged:
    """Judge sessions by what is remembered; `sigma0` counts as much as `prior` sessions."""
    c, p = some.camera, some.posture
    ridge = np.diag((sigma0 / SPREAD) ** 2)
    first = np.zeros(FEATURES)
    first[0] = START
    right = np.stack([kept.sums[c] + ridge @ first, some.x], axis=2)
    solved = np.linalg.solve(kept.information[c] + ridge, right)
    expected, unsure = np.einsum("mi,mik->km", some.x, solved)
    n = kept.sessions[c, p]
    mean = (kept.deviation[c, p] + prior * sigma0 / MEAN_TO_SIGMA) / (n + prior)
    unsure = np.sqrt(1 + unsure)
    return Judged(some.value - expected, mean * MEAN_TO_SIGMA * unsure, unsure, expected, n)


def learn(kept: Kept, some: Sessions, judged: Judged, memory_days: float, clip: float) -> None:
    """Take sessions in, in place; what differs by more than `clip` sigma counts as differing by that."""
    c, p = some.camera, some.posture
    since = np.where(kept.learnt_ms[c] < 0, 0, some.now_ms - kept.learnt_ms[c])
    fade = np.exp(-since / (memory_days * DAY_MS))
    kept.learnt_ms[c] = some.now_ms
    near = np.clip(judged.residual, -clip * judged.sigma, clip * judged.sigma)
    outer = np.einsum("mi,mj->mij", some.x, some.x)
    kept.information[c] = fade[:, None, None] * kept.information[c] + outer
    kept.sums[c] = fade[:, None] * kept.sums[c] + some.x * (judged.expected + near)[:, None]
    for array, value in ((kept.deviation, np.abs(near) / judged.unsure), (kept.sessions, np.ones(len(c)))):
        faded = array[c] * fade[:, None]
        faded[np.arange(len(c)), p] += value
        array[c] = faded
