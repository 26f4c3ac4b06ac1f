"""Warmth that somebody leaves behind in a chair, in a bed, on the floor.

Takes a motion and a plan, gives sources that are warm from the moment somebody gets up and fade. Never
changes the motion. A place takes up warmth while somebody is on it and gives it back with a time constant of
3–10 min (detection research, sections 1.9 and 6); cushions and bedding take up more than a floor.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from simulator.additions import CURVE, GONE, Addition, Habit, Span, episodes
from simulator.climate import Calendar
from simulator.world import F64, Motion, Plan, Source, ZoneKind

_RESIDUE, _SEAT = 91, 92  # purposes of random numbers

Sized = tuple[float, float, float]

SEAT_M: Final[Sized] = (0.22, 0.22, 0.04)
BODY_M: Final[Sized] = (0.30, 0.30, 0.03)  # half of a lying body: shoulders to hips, hips to knees
LEAST_S: Final = 60.0  # sat or lay for longer than this
LOW_M: Final = 0.72  # pelvis below it (or on furniture): sits or lies; standing it is at 0.79–0.96 m
BENT_RAD: Final = 0.9  # thighs turned from the vertical by more: sits, lies or kneels, does not stand
SAME_M: Final = 0.35  # small moves within this stay one place; turning over in bed too
LYING_RAD: Final = 0.9  # trunk beyond it: lies, the warmth is as long as a body
TAKE_UP_S: Final = 420.0  # warms up this slowly (judgement: as it cools)
FADE_S: Final = (180.0, 600.0)
LEFT_K: Final[dict[str, Span]] = {
    "bed": (4.0, 8.0),
    "sofa": (3.0, 7.0),
    "chair": (3.0, 7.0),
    "floor": (1.5, 4.0),
}
"""Above the room right after a long stay, by what lies beneath: judgement (cloth under somebody comes to
about 32 °C; part of it shows)."""


@dataclass(frozen=True, slots=True)
class _Stay:
    """Somebody sat or lay somewhere."""

    start_s: float
    end_s: float
    room: int
    x_m: float
    y_m: float
    z_m: float
    heading_rad: float
    lying: bool


def residues(motion: Motion, plan: Plan, seed: int = 0) -> tuple[Source, ...]:
    """The warmth left behind wherever anyone sat or lay for over a minute.

    A lying body leaves two patches along its axis. Warm places that are never warm at the same time share a
    source (its keys jump while it is cold), so weeks need a few sources for each room.
    """
    rng = np.random.default_rng([seed, _RESIDUE])
    lanes: list[_Lane] = []
    for stay in _stays(motion):
        kind = _beneath(plan, stay)
        peak = float(rng.uniform(*LEFT_K[kind])) * (1 - np.exp(-(stay.end_s - stay.start_s) / TAKE_UP_S))
        tau = float(rng.uniform(*FADE_S))
        ahead = (np.cos(stay.heading_rad), np.sin(stay.heading_rad))
        for along in (0.35, -0.35) if stay.lying else (0.0,):
            spot = (stay.x_m + along * ahead[0], stay.y_m + along * ahead[1], stay.z_m)
            radii = BODY_M if stay.lying else SEAT_M
            _put(lanes, _patch(stay.room, radii, spot, stay.end_s, (peak, tau)))
    return tuple(lane.source(k) for k, lane in enumerate(lanes))


@dataclass(slots=True)
class _Lane:
    """A source that is at one place after the other."""

    room: int
    radii_m: Sized
    keys: list[F64]
    free_s: float

    def source(self, number: int) -> Source:
        rows = np.concatenate(self.keys)
        return Source(f"residue-{number + 1}", self.room, self.radii_m, rows[:, 0], rows[:, 1:4], rows[:, 4])


def _put(lanes: list[_Lane], one: _Lane) -> None:
    """Into the first lane of that room and size that is cold by then, else a lane of its own."""
    for lane in lanes:
        same = lane.room == one.room and lane.radii_m == one.radii_m
        if same and lane.free_s < one.keys[0][0, 0]:
            lane.keys += one.keys
            lane.free_s = one.free_s
            return
    lanes.append(one)


def _patch(
    room: int, radii_m: Sized, spot_m: tuple[float, float, float], left_s: float, fade: tuple[float, float]
) -> _Lane:
    """Warm by `fade` = (kelvin, time constant in s) from `left_s` on."""
    peak, tau = fade
    t = left_s + np.concatenate([[-0.5], CURVE * tau, [GONE * tau]])
    excess = np.concatenate([[0.0], peak * np.exp(-CURVE), [0.0]])
    keys = np.column_stack([t, np.tile(np.array(spot_m), (len(t), 1)), excess])
    return _Lane(room, radii_m, [keys], float(t[-1]))


def _stays(motion: Motion) -> list[_Stay]:
    """Where somebody sat or lay for longer than LEAST_S, in order of their end."""
    t, pose, room = motion.t_s, motion.pose, motion.room
    low = (room >= 0) & ((pose[:, 2] < LOW_M) | (np.abs(pose[:, 5]) > BENT_RAD))
    jump = np.hypot(np.diff(pose[:, 0]), np.diff(pose[:, 1])) > SAME_M
    parted = np.concatenate([[True], jump | (np.diff(room) != 0) | (np.diff(low.astype(np.int8)) != 0)])
    first = np.flatnonzero(parted)
    last = np.append(first[1:], len(t)) - 1
    out = []
    for a, b in zip(first[low[first]].tolist(), last[low[first]].tolist(), strict=True):
        if t[b] - t[a] <= LEAST_S:
            continue
        x, y, z, heading = np.median(pose[a : b + 1, :4], axis=0)
        lying = bool(np.median(np.abs(pose[a : b + 1, 4])) > LYING_RAD)
        stay = _Stay(
            float(t[a]),
            float(t[b]),
            int(room[a]),
            float(x),
            float(y),
            max(float(z) - 0.1, 0.01),
            float(heading),
            lying,
        )
        out.append(stay)
    return sorted(out, key=lambda s: (s.end_s, s.start_s))


def _beneath(plan: Plan, stay: _Stay) -> str:
    """What it was: the kind of the furniture, or the floor."""
    for zone in plan.rooms[stay.room].zones:
        inside = zone.x0_m <= stay.x_m <= zone.x1_m and zone.y0_m <= stay.y_m <= zone.y1_m
        if inside and zone.kind in LEFT_K:
            return zone.kind
    return "floor" if stay.z_m < 0.3 else "chair"


SEAT_HABIT: Final = Habit(((9.0, 12.0), (14.0, 17.0), (19.0, 22.0)), 6.0, (1.0, 2.0))


def warm_seat(
    seed: int,
    plan: Plan,
    start_s: float,
    end_s: float,
    *,
    calendar: Calendar | None = None,
    times: Sequence[Span] | None = None,
) -> Addition:
    """A seat or bed that somebody has just left: warm at once, then fading (nobody is drawn on it)."""
    rng = np.random.default_rng([seed, _SEAT])
    kinds: tuple[ZoneKind, ...] = ("chair", "sofa", "bed")
    soft = [(i, z) for i, room in enumerate(plan.rooms) for z in room.zones if z.kind in kinds]
    if not soft:
        return Addition()
    lanes: list[_Lane] = []
    when = episodes(rng, SEAT_HABIT, (start_s, end_s), calendar or Calendar(), times)
    for start, _ in when:
        index, zone = soft[int(rng.integers(len(soft)))]
        peak, tau = float(rng.uniform(*LEFT_K[zone.kind])), float(rng.uniform(*FADE_S))
        x, y = zone.middle
        _put(lanes, _patch(index, SEAT_M, (x, y, zone.height_m), start, (peak, tau)))
    return Addition(tuple(lane.source(k) for k, lane in enumerate(lanes)), on=tuple(when))
