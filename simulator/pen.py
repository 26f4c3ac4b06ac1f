"""The pen that writes key poses: time goes on, somebody turns, walks through doors, keeps a posture.

Takes numbers from a generator and the plan of a home; gives a motion. Knows nothing of why somebody does
something (people.py) or falls (falls.py). Times are kept to the millisecond, as the truth is.
"""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Final

import numpy as np

from simulator import floor, ways
from simulator.bodies import COLUMNS, UPRIGHT, Posture
from simulator.world import F64, NOWHERE, Motion, Plan, Truth

TURN_RAD_S: Final = 2.0  # on the spot; older people take 2-3 s for half a turn (judgement)
THROUGH_S: Final = 1e-6  # from one side of a door to the other: no frame falls in between
MOVE_S: Final = 0.4  # a small move while sitting or standing
_SWAYING: Final = (0, 1, 4, 9)  # x, y, trunk, arms
_SWAY: Final = np.array([1.0, 1.0, 1.0, 3.0])  # radians a metre for the angles; hands move most
COVER_STEP: Final = 0.02  # a blanket warms in steps too small to see, so that equal poses stay equal


@dataclass(slots=True)
class Pen:
    """Where somebody is, and the key poses so far. It starts nowhere, outside the outer door."""

    rng: np.random.Generator
    plan: Plan
    _: KW_ONLY
    gait_m_s: float
    t: float
    cover: float
    subject: str = ""
    room: int = NOWHERE
    x: float = 0.0
    y: float = 0.0
    heading: float = 0.0
    shape: Posture = UPRIGHT
    truth: list[Truth] = field(default_factory=list)
    _t: list[float] = field(default_factory=list)
    _rows: list[Sequence[float]] = field(default_factory=list)
    _rooms: list[int] = field(default_factory=list)

    def row(self) -> tuple[float, ...]:
        """Give the present pose, columns as in bodies.COLUMNS."""
        z, trunk, thigh, shank, roll, arms = self.shape
        return self.x, self.y, z, self.heading, trunk, thigh, shank, self.cover, roll, arms

    def key(
        self,
        after_s: float,
        shape: Posture | None = None,
        *,
        x: float | None = None,
        y: float | None = None,
        heading: float | None = None,
    ) -> None:
        """Write a key pose `after_s` later, 1 ms at least."""
        self.t = round(self.t + max(after_s, 1e-3), 3)
        self.shape = self.shape if shape is None else shape
        self.x = self.x if x is None else x
        self.y = self.y if y is None else y
        self.heading = self.heading if heading is None else heading
        self._t.append(self.t)
        self._rows.append(self.row())
        self._rooms.append(self.room)

    def play(self, t_s: F64, rows: F64) -> None:
        """Write key poses (n, COLUMNS) `t_s` (n,) seconds from now; the last one falls on a whole ms."""
        if not len(t_s):
            return
        at = np.round(self.t + t_s, 6)
        at[-1] = round(float(at[-1]) + 4.9e-4, 3)  # what is told of it ends on a millisecond, never too early
        if at[0] <= self.t or (np.diff(at) <= 0).any():
            steps = 1e-6 * np.arange(1, len(at) + 1)
            at = np.maximum.accumulate(np.maximum(at - steps, self.t)) + steps
        self._t.extend(at.tolist())
        self._rows.extend(rows.tolist())
        self._rooms.extend([self.room] * len(at))
        self.t = self._t[-1]
        x, y, z, heading, trunk, thigh, shank, cover, roll, arms = self._rows[-1]
        self.x, self.y, self.heading, self.cover = x, y, heading, cover
        self.shape = (z, trunk, thigh, shank, roll, arms)

    def hold(self, until_s: float) -> None:
        """Nothing moves until then."""
        if until_s > self.t:
            self.key(until_s - self.t)

    def turn(self, heading: float) -> None:
        """Turn on the spot, the short way."""
        delta = (heading - self.heading + np.pi) % (2 * np.pi) - np.pi
        if abs(delta) > 0.02:
            self.key(abs(delta) / TURN_RAD_S + 0.05, heading=self.heading + float(delta))

    def walk(self, x: float, y: float) -> None:
        """Walk straight to a place in this room."""
        far = float(np.hypot(x - self.x, y - self.y))
        if far < 0.05:
            return
        self.turn(float(np.arctan2(y - self.y, x - self.x)))
        self.key(far / (self.gait_m_s * self.rng.uniform(0.8, 1.2)), x=x, y=y)

    def go(self, room: int, x: float, y: float) -> None:
        """Walk to a place in any room: out of sight at the door of one room, in sight at the same door of
        the next one.
        """
        if self.room == NOWHERE:
            self.come_home()
        for nxt in ways.route(self.plan, self.room, room):
            self._walk_round(*ways.door(self.plan, self.room, nxt))
            back_x, back_y = ways.door(self.plan, nxt, self.room)
            self.room, self.x, self.y = nxt, back_x, back_y
            self.heading = float(np.arctan2(-back_y, -back_x))
            self._t.append(self.t + THROUGH_S)
            self._rows.append(self.row())
            self._rooms.append(nxt)
        self._walk_round(x, y)

    def _walk_round(self, x: float, y: float) -> None:
        """Walk to a place in this room, around the furniture."""
        room = self.plan.rooms[self.room]
        if not ways.straight(room, self.x, self.y, x, y):
            for px, py in floor.way(room, (self.x, self.y), (x, y))[:-1]:
                self.walk(px, py)
        self.walk(x, y)

    def come_home(self) -> None:
        """Step in through the outer door."""
        if self.room == NOWHERE:
            self.room, x, y = ways.outer_door(self.plan)
            self.shape = UPRIGHT
            self.key(0.0, x=x, y=y, heading=float(np.arctan2(-y, -x)))

    def leave_home(self) -> None:
        """Walk out through the outer door."""
        if self.room != NOWHERE:
            self.go(*ways.outer_door(self.plan))
            self.room = NOWHERE
            self.key(0.0)

    def stay(self, until_s: float, sway_m: float, every_s: float) -> None:
        """Keep the posture, with a small move every `every_s` on average, and none in between."""
        left = until_s - self.t
        if left <= 0:
            return
        size = int(left / (every_s + MOVE_S) * 1.5) + 20
        gaps = self.rng.exponential(0.9 * every_s, size) + 0.1 * every_s + MOVE_S
        moved = np.cumsum(gaps)
        moved = moved[moved < left - 0.1]
        n = len(moved)
        if n:
            base = np.array(self.row())
            rows = np.empty((2 * n, COLUMNS))
            rows[:] = base
            rows[1::2, _SWAYING] += self.rng.normal(0, sway_m, (n, len(_SWAYING))) * _SWAY
            rows[2::2] = rows[1:-1:2]
            times = np.repeat(moved, 2)
            times[::2] -= MOVE_S
            self.play(times, rows)
            self.hold(until_s)
            self.shape = (self.shape[0], float(base[4]), *self.shape[2:5], float(base[9]))
            return
        self.hold(until_s)

    def warm(self, to: float, tau_s: float, until_s: float) -> None:
        """Nothing moves; the cover nears `to` in steps of COVER_STEP, exponentially with `tau_s`."""
        while abs(to - self.cover) > COVER_STEP:
            step = np.copysign(COVER_STEP, to - self.cover)
            wait = tau_s * float(np.log((to - self.cover) / (to - self.cover - step)))
            if self.t + wait + 1 > until_s:
                break
            self.key(wait)
            self.cover += float(step)
            self.key(0.5)
        self.hold(until_s)

    def clear(self, x: float, y: float) -> bool:
        """Whether somebody can stand there in this room."""
        return ways.stands(self.plan.rooms[self.room], x, y)

    def tell(self, label: str, start_s: float) -> None:
        """Write down what truly happened from then till now."""
        self.truth.append(Truth(start_s, self.t, label, self.subject))

    def motion(self) -> Motion:
        """Give everything written so far."""
        if not self._t:
            self.key(0.0)
        order = sorted(self.truth, key=lambda t: (t.start_s, t.end_s, t.label))
        return Motion(np.array(self._t), np.array(self._rows), np.array(self._rooms, np.int16), tuple(order))
