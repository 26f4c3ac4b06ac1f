"""The detector of silence over minutes that were heard before: its alarms, and how soon it finds a collapse.

Takes what homes told (`heard.py`) and where somebody collapses; runs the real detector once for each rate of
false alarms that is asked for. A collapse is played beside the untouched days, in a copy of what is
remembered of that home: from the onset on its events are removed for 24 h (DESIGN section 8). What the
bed says, and which sensors can be relied on, stays as it was at the onset; nobody is expected to be away.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors import inactivity
from detectors.finding import Kind
from detectors.inactivitystate import Bools, InactivityParams, InactivityState
from simulator.heard import AWAY, LIFE, Heard, minute_of

KINDS: Final = (
    Kind.INACTIVITY,
    Kind.NO_RETURN,
    Kind.BATHROOM_OVERSTAY,
    Kind.NIGHT_OUT_OF_BED,
    Kind.NOT_UP,
    Kind.INACTIVITY_PROMPT,
)
HARD: Final = len(KINDS) - 1
"""Kinds before this one are alarms; the last one asks the home."""
REMOVED_MIN: Final = 1440
"""A collapse removes so much. Source: DESIGN section 8."""
MISSED: Final = -1
Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Alarms:
    """N findings in the untouched minutes."""

    kind: NDArray[np.intp]
    """(N,) of KINDS."""
    home: Rows
    """(N,)"""
    minute: NDArray[np.intp]
    """(N,) in which it was said."""
    silent_min: NDArray[np.float64]
    """(N,) how long its clock had run."""


@dataclass(frozen=True, slots=True)
class Collapses:
    """N collapses."""

    home: Rows
    """(N,)"""
    minute: NDArray[np.intp]
    """(N,) the last one before the onset."""
    after_min: NDArray[np.intp]
    """(N, KINDS) minutes from the onset to the first finding of each kind; MISSED: none in REMOVED_MIN."""

    def of(self, chosen: Bools) -> "Collapses":
        """Give some of them, (N,)."""
        return Collapses(self.home[chosen], self.minute[chosen], self.after_min[chosen])


@dataclass(frozen=True, slots=True)
class Looked:
    """What one run said."""

    alarms: Alarms
    collapses: Collapses


def look(
    params: InactivityParams,
    heard: Heard,
    onsets: Mapping[int, Rows],
    tell: Callable[[float], object] = lambda _share: None,
) -> Looked:
    """Look at every minute; `onsets`: after which minutes somebody collapses in which homes."""
    state, fallen = inactivity.fresh(len(heard.has)), _Fallen(params, heard)
    said: list[tuple[int, int, int, float]] = []
    for t, (minute, moment) in enumerate(heard):
        found, _ = inactivity.step(params, state, minute, moment)
        said += [(KINDS.index(f.kind), f.row, t, f.evidence["silent_min"]) for f in found]
        fallen.step(t)
        if t in onsets:
            fallen.add(state, t, onsets[t])
        if moment.minute == 0:
            tell(t / len(heard.told))
    for t in range(len(heard.told), len(heard.told) + REMOVED_MIN):
        fallen.step(t)
    columns = np.array(said, np.float64).reshape(-1, 4)
    kind, home, at = columns[:, :3].astype(np.intp).T
    return Looked(Alarms(kind, home, at, columns[:, 3]), _together(fallen.over))


class _Fallen:
    """Homes as they would be heard had somebody collapsed there within the last REMOVED_MIN."""

    def __init__(self, params: InactivityParams, heard: Heard) -> None:
        self._params, self._heard = params, heard
        self._state = inactivity.fresh(0)
        self._now = _together([])
        self.over: list[Collapses] = []
        """Those whose time is over."""

    def add(self, state: InactivityState, t: int, rows: Rows) -> None:
        """After minute `t` somebody collapses in these homes."""
        began = Collapses(rows, np.full(len(rows), t), np.full((len(rows), len(KINDS)), MISSED, np.intp))
        self._now = _together([self._now, began])
        self._state = (
            _side_by_side(self._state, _of(state, rows)) if len(self._state.has) else _of(state, rows)
        )

    def step(self, t: int) -> None:
        """Nothing happens in minute `t`."""
        now = self._now
        if not len(now.home):
            return
        moment = self._heard.moment(t)
        told = self._heard.told[now.minute, now.home] & ~(LIFE | AWAY)
        minute = minute_of(told, self._heard.has[now.home], moment.now_ms)
        for f in inactivity.step(self._params, self._state, minute, moment)[0]:
            kind = KINDS.index(f.kind)
            if now.after_min[f.row, kind] == MISSED:
                now.after_min[f.row, kind] = t - now.minute[f.row]
        over = t - now.minute >= REMOVED_MIN
        if over.any():
            self.over.append(now.of(over))
            self._now, self._state = now.of(~over), _of(self._state, np.flatnonzero(~over))


def _of(state: InactivityState, rows: Rows) -> InactivityState:
    """Copy what is remembered of some homes."""
    theirs: dict[str, Any] = {name: array[rows] for name, array in _arrays(state).items()}
    return replace(state, **theirs)


def _side_by_side(some: InactivityState, others: InactivityState) -> InactivityState:
    """Join what is remembered of homes at the same moment."""
    more = _arrays(others)
    both: dict[str, Any] = {
        name: np.concatenate([array, more[name]]) for name, array in _arrays(some).items()
    }
    return replace(some, **both)


def _arrays(state: InactivityState) -> dict[str, NDArray[Any]]:
    """Everything whose first axis is the home."""
    values = {f.name: getattr(state, f.name) for f in fields(state)}
    return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}


def _together(parts: Sequence[Collapses]) -> Collapses:
    none = np.zeros(0, np.intp)
    return Collapses(
        np.concatenate([none, *(p.home for p in parts)]),
        np.concatenate([none, *(p.minute for p in parts)]),
        np.concatenate([np.zeros((0, len(KINDS)), np.intp), *(p.after_min for p in parts)]),
    )
