"""What is known of one home now, for the page that shows it: plain values out of the arrays.

Takes the board and the lookout of this moment; loops over the rooms and sensors of one home alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from detectors.bodystate import Standing
from detectors.fault import Cause
from guardian.board import Activity, Board
from guardian.lookout import Lookout
from guardian.protection import Reason

LEARNING_DAYS: Final = 14
"""Until then habits are said to be still learnt (detection.md section 2: two weeks of one's own)."""


@dataclass(frozen=True, slots=True)
class Eye:
    """One sensor and how it is."""

    name: str
    kind: str
    room: str
    heard_ms: int | None
    """Last heard, ms since 1970; None = never since the start."""
    fine: bool
    cause: int
    """Code of detectors.fault.Cause; 0 = nothing is wrong."""
    battery: float | None
    """%"""


@dataclass(frozen=True, slots=True)
class Facts:
    """One home; reasons are identifiers of guardian.protection.Reason."""

    room: str | None
    room_ms: int | None
    """When somebody was last noticed there."""
    confidence: float | None
    activity: str
    people: int | None
    temperature_c: float | None
    humidity: float | None
    last_life_ms: int | None
    surface_k: float | None
    """Skin against the resident's usual, K; None where it cannot be said."""
    surface_error_k: float | None
    standing: str
    """Of the trend: ok, cannot, learning, nobody."""
    falls: tuple[tuple[str, str], ...]
    """(room, reason why a fall there would not be seen; detectable)."""
    silence: str
    climate: str
    fire: str
    help: str
    blind: bool
    protected_min: int
    """Of today."""
    sensors: tuple[Eye, ...]
    days_learnt: float

    @property
    def still_learning(self) -> bool:
        """Whether the habits of this home are not known well yet."""
        return self.days_learnt < LEARNING_DAYS


def facts(board: Board, lookout: Lookout, home: str, now_ms: int, day: int) -> Facts:
    """Give what is known of a home. Raises ValueError where there is none of this name.

    day: number of the local day, as protected minutes are counted by (detectors.layout.Moment).
    """
    h = board.homes.index(home)
    state, protection = board.state(now_ms), lookout.protection
    p, trend = protection.state, lookout.body_trend(now_ms)
    ok = trend.standing[h] == Standing.OK
    rooms = [k for k, (of, _) in enumerate(board.room_names) if of == home]
    return Facts(
        room=board.rooms[state.room[h]] if state.room[h] >= 0 else None,
        room_ms=_since(state.room_ms[h]),
        confidence=_known(state.confidence[h]),
        activity=Activity(state.activity[h]).name.lower().replace("_", "-"),
        people=int(state.people[h]) if state.people[h] >= 0 else None,
        temperature_c=_known(state.temperature_c[h]),
        humidity=_known(state.humidity[h]),
        last_life_ms=_since(state.last_life_ms[h]),
        surface_k=_known(trend.trend_k[h]) if ok else None,
        surface_error_k=_known(trend.error_k[h]),
        standing=Standing(trend.standing[h]).name.lower(),
        falls=tuple((board.room_names[k][1], _reason(p.fall[k])) for k in rooms),
        silence=_reason(p.silence[h]),
        climate=_reason(p.climate[h]),
        fire=_reason(p.fire[h]),
        help=_reason(p.help[h]),
        blind=bool(p.blind[h]),
        protected_min=int(protection.minutes_of(day)[h]),
        sensors=tuple(_eyes(board, lookout, home)),
        days_learnt=float(lookout.days_learnt[h]),
    )


def _eyes(board: Board, lookout: Lookout, home: str) -> Sequence[Eye]:
    health = lookout.health.now
    heard = lookout.health.state.events.heard_ms
    kinds = {(s.home, s.name): s for s in board.specs if s.home == home}
    out = []
    for k, name in enumerate(board.sensor_names):
        if name[0] == home:
            spec = kinds[name]
            fine = bool(health.sensor_live[k]) and health.sensor_cause[k] == Cause.NONE
            cause = int(health.sensor_cause[k])
            battery = _known(board.battery[k])
            out.append(Eye(name[1], spec.kind, spec.room, _since(heard[k]), fine, cause, battery))
    for c, name in enumerate(board.camera_names):
        if name[0] == home:
            spec = kinds[name]
            cause = int(health.camera_cause[c])
            fine = bool(health.camera_sees[c]) and cause == Cause.NONE
            battery = _known(board.battery[len(board.sensor_names) + c])
            out.append(Eye(name[1], spec.kind, spec.room, _since(board.camera_ms[c]), fine, cause, battery))
    return sorted(out, key=lambda eye: (eye.fine, eye.room, eye.name))


def _reason(code: int) -> str:
    return Reason(code).name.lower().replace("_", "-")


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _since(t_ms: int) -> int | None:
    return int(t_ms) if t_ms >= 0 else None
