"""Who and what one room's camera looks at, moment by moment.

Takes the actors, sources and air of a room, gives what drawing.py draws: every distinct moment once, and
which of them each moment is. Also says when anything happens in the room at all. Never draws.

A moment is rounded to what no pixel can tell apart before anything is made of it, so that whoever sits
still is drawn once, and so that what is drawn never depends on the moments asked for together with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.bodies import body
from simulator.drawing import THIN_M, Thing, radiant
from simulator.world import F64, Actor, Air, Motion, Source

POSE_STEP: Final = np.array([2e-3, 2e-3, 2e-3, 4e-3, 4e-3, 4e-3, 4e-3, 0.01])  # m, rad, share (world.FIELDS)
ANGLE_STEP: Final = 4e-3  # of columns beyond those
WARM_STEP_K: Final = 0.1  # of the core above the room: shows as 0.04 K at most
SOURCE_STEP_K: Final = 0.05
SOURCE_STEP: Final = 0.01  # or this share of the decade below the excess (a pan at 150 K: 1 K)
PLACE_STEP_M: Final = 0.02  # of a source: a sixth of a pixel of 24x32 on the floor

# From these rates on something counts as changing: slower, and frames five seconds apart show it all.
CHANGE_K_S: Final = 0.02
CHANGE_HAZE_S: Final = 2e-3
CHANGE_M_S: Final = 0.02
SUDDEN_S: Final = (
    1.0  # what changes at once counts as changing for so long: slower arrays have a frame by then
)
FAINT_K: Final = 0.1  # a source below it is not seen moving or vanishing


@dataclass(frozen=True, slots=True)
class Moments:
    """Who and what is in the room at N moments, each stretch in which nothing changes once."""

    things: list[Thing]
    count: int
    """How many different moments the things are given for."""
    which: NDArray[np.intp]
    """(N,) which of them."""


@dataclass(frozen=True, slots=True)
class View:
    """One room with all that is warm in it."""

    room: int
    actors: tuple[Actor, ...]
    sources: tuple[Source, ...]
    air_t_s: F64
    """(M,)."""
    air_c: F64
    """(M,) of this room."""
    haze: F64
    """(M,) of this room."""
    mean_c: float
    """Mean of air_c: the temperature at which radiance and kelvin are exchanged."""

    def moments(self, t_s: F64) -> Moments:
        """Everything at increasing times (N,)."""
        room_c = np.interp(t_s, self.air_t_s, self.air_c)
        columns: list[F64] = []
        present: list[Actor] = []
        for actor in self.actors:
            motion = _piece(actor.motion, t_s)
            if not (motion.room == self.room).any():
                continue
            pose, where = motion.at(t_s)
            here = (where == self.room)[:, None]
            excess_k = np.interp(t_s, actor.core_t_s, actor.core_c) - room_c
            key = np.column_stack(
                [np.round(pose / _steps(pose)), np.round(excess_k / WARM_STEP_K), np.ones(len(t_s))]
            )
            columns.append(np.where(here, key, 0.0))
            present.append(actor)
        warm = [s for s in self.sources if s.t_s[0] <= t_s[-1] and t_s[0] <= s.t_s[-1]]
        columns += [_source_key(source, t_s) for source in warm]
        if not columns:
            return Moments([], 0, np.zeros(len(t_s), np.intp))
        key = np.concatenate(columns, axis=1)
        new = np.concatenate([[True], (key[1:] != key[:-1]).any(axis=1)])
        which = np.cumsum(new) - 1
        return Moments(self._things(key[new], present, warm), int(which[-1]) + 1, which)

    def _things(self, key: F64, present: Sequence[Actor], warm: Sequence[Source]) -> list[Thing]:
        things = []
        at = 0
        for actor in present:
            n = actor.motion.pose.shape[1]
            pose = key[:, at : at + n]
            who = body(actor.build, pose * _steps(pose))
            excess_k = who.warmth * (key[:, at + n, None] * WARM_STEP_K)
            seen = key[:, at + n + 1] > 0
            things.append(Thing(who.centre_m, who.whiten, self._shine(excess_k), seen, solid=True))
            at += n + 2
        for source in warm:
            centre, excess_k = key[:, None, at : at + 3] * PLACE_STEP_M, key[:, at + 3, None]
            at += 4
            whiten = np.diag(1 / np.maximum(np.array(source.radii_m, np.float64), THIN_M))
            whole = np.broadcast_to(whiten, (len(key), 1, 3, 3))
            things.append(Thing(centre, whole, self._shine(excess_k), excess_k[:, 0] != 0, solid=False))
        return things

    def _shine(self, excess_k: F64) -> NDArray[np.float32]:
        return radiant(excess_k, self.mean_c).astype(np.float32)


def view(room: int, actors: Sequence[Actor], sources: Sequence[Source], air: Air) -> View:
    """Pick what can be seen in `room`. ValueError: the air does not know that room."""
    if not 0 <= room < air.temperature_c.shape[1]:
        raise ValueError(f"the air knows {air.temperature_c.shape[1]} rooms, there is no room {room}")
    air_c = np.ascontiguousarray(air.temperature_c[:, room])
    return View(
        room,
        tuple(a for a in actors if (a.motion.room == room).any()),
        tuple(s for s in sources if s.room == room),
        air.t_s,
        air_c,
        np.ascontiguousarray(air.haze[:, room]),
        float(air_c.mean()),
    )


def _steps(pose: F64) -> F64:
    return np.append(POSE_STEP, np.full(pose.shape[1] - len(POSE_STEP), ANGLE_STEP))


def _piece(motion: Motion, t_s: F64) -> Motion:
    """The keys that decide the poses at `t_s`: a week has more keys than an hour needs."""
    first = max(int(np.searchsorted(motion.t_s, t_s[0], side="right")) - 1, 0)
    last = int(np.searchsorted(motion.t_s, t_s[-1], side="right")) + 1
    return Motion(motion.t_s[first:last], motion.pose[first:last], motion.room[first:last])


def _source_key(source: Source, t: F64) -> F64:
    """(N, 4) place in steps of PLACE_STEP_M and excess in K, rounded; all 0 where it is not warm."""
    excess = np.interp(t, source.t_s, source.excess_k, left=0.0, right=0.0)
    step = np.maximum(
        SOURCE_STEP_K, 10.0 ** np.floor(np.log10(np.maximum(np.abs(excess), 1.0))) * SOURCE_STEP
    )
    excess = np.round(excess / step) * step
    place = [np.round(np.interp(t, source.t_s, source.centre_m[:, k]) / PLACE_STEP_M) for k in range(3)]
    return np.asarray(np.where(excess[:, None] != 0, np.column_stack([*place, excess]), 0.0))


def busy(seen: View) -> tuple[F64, F64]:
    """Starts and ends of the stretches, apart from each other, in which anybody is in the room or anything
    changes noticeably.
    """
    pieces = []
    for actor in seen.actors:
        t = np.append(actor.motion.t_s, np.inf)
        inside = actor.motion.room == seen.room
        pieces.append(np.stack([t[:-1][inside], t[1:][inside]], -1))
    for source in seen.sources:
        dt = np.maximum(np.diff(source.t_s), 1e-9)
        warm = np.maximum(np.abs(source.excess_k[1:]), np.abs(source.excess_k[:-1])) > FAINT_K
        speed = np.linalg.norm(np.diff(source.centre_m, axis=0), axis=1) / dt
        fast = (np.abs(np.diff(source.excess_k)) / dt > CHANGE_K_S) | (warm & (speed > CHANGE_M_S))
        pieces.append(np.stack([source.t_s[:-1][fast], source.t_s[1:][fast] + SUDDEN_S], -1))
        sudden = np.array([source.t_s[k] for k in (0, -1) if abs(source.excess_k[k]) > FAINT_K])
        pieces.append(np.stack([sudden, sudden + SUDDEN_S], -1))
    if len(seen.air_t_s) > 1:
        fast = np.abs(np.diff(seen.haze)) / np.maximum(np.diff(seen.air_t_s), 1e-9) > CHANGE_HAZE_S
        pieces.append(np.stack([seen.air_t_s[:-1][fast], seen.air_t_s[1:][fast]], -1))
    both = np.concatenate([np.zeros((0, 2)), *pieces])
    both = both[np.argsort(both[:, 0], kind="stable")]
    if not len(both):
        return both[:, 0], both[:, 1]
    end = np.maximum.accumulate(both[:, 1])
    first = np.concatenate([[True], both[1:, 0] > end[:-1]])
    last = np.append(np.flatnonzero(first)[1:] - 1, len(both) - 1)
    return both[first, 0], end[last]
