"""On the floor: what somebody does who lies there, for how long, and how they get up.

Takes a pose at rest, gives key poses. Never makes anybody fall (falls.py does) and never draws. Bouts and
rests are judgement.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Final

import numpy as np

from simulator.bodies import (
    ALL_FOURS,
    COLUMNS,
    HALF_SITTING,
    HUMAN_RADII_M,
    KNEELING,
    KNEES_DRAWN,
    UPRIGHT,
    Posture,
    lowest_m,
)
from simulator.world import F64, Build


class After(StrEnum):
    """What somebody does on the floor."""

    STILL = "still"
    STRUGGLING = "struggling"
    CRAWLING = "crawling"
    RECOVERS = "recovers"


def on_the_floor(
    rng: np.random.Generator,
    doing: After,
    start: F64,
    seconds: float,
    clear: Callable[[float, float], bool],
) -> tuple[F64, F64]:
    """Key poses (n,), (n, COLUMNS) of `seconds` on the floor, from the pose at rest on.

    Moves come in bouts with rests between; the rests grow with the time on the floor as strength goes, so a
    long lie has few key poses. `clear(x, y)` says where one can crawl.
    """
    keys = Keys(start)
    while True:
        pause = {
            After.STILL: 90.0 + keys.t / 10,
            After.STRUGGLING: 6.0 + keys.t / 20,
            After.CRAWLING: 8.0 + keys.t / 20,
            After.RECOVERS: 12.0 + keys.t / 20,
        }[doing]
        wait = 1.0 + float(rng.exponential(pause))
        if keys.t + wait + 14.0 > seconds:  # the longest bout takes 13 s
            break
        keys.add(wait)
        if doing is After.STRUGGLING:
            _try_to_rise(rng, keys)
        elif doing is After.CRAWLING:
            _crawl(rng, keys, clear)
        else:
            _stir(rng, keys)
    keys.add(max(seconds - keys.t, 1e-3))
    return keys.arrays()


def get_up(rng: np.random.Generator, start: F64, *, helped: bool) -> tuple[F64, F64]:
    """Key poses from lying to standing: alone over belly, all fours and knees; helped by way of sitting up.

    Heading and roll at the end are those of somebody who stands.
    """
    keys = Keys(start)
    if helped:
        keys.to(rng.uniform(2.0, 4.0), HALF_SITTING)
        keys.to(rng.uniform(1.0, 2.0), KNEES_DRAWN)
        keys.to(rng.uniform(1.0, 2.5), (0.45, 0.45, 1.55, -0.60, 0.0, 0.5))
    else:
        face_down = np.pi * (1.0 if keys.row[8] >= 0 else -1.0)
        keys.add(rng.uniform(1.5, 4.0), roll=face_down, trunk=-1.5, thigh=1.57, shank=1.57)
        keys.half_turn()
        keys.to(rng.uniform(1.5, 4.0), ALL_FOURS)
        keys.to(rng.uniform(1.5, 3.5), KNEELING)
    keys.to(rng.uniform(1.5, 3.5), UPRIGHT)
    return keys.arrays()


SWAP_S: Final = 1e-6
"""Between two tellings of one pose: too short for a frame to fall in between, where it would be neither."""
FINE_S: Final = 0.06  # stretches longer than this get FINE key poses
FINE: Final = 4
SINK_M: Final = 0.04  # ellipsoids are thicker than the limbs at their ends
ON_SIDE_SIN: Final = 0.5  # rolled by more than 30 degrees from back or belly
PLAIN: Final = Build("human", HUMAN_RADII_M, np.ones(len(HUMAN_RADII_M)))


class Keys:
    """Key poses of a short stretch, times from its start."""

    def __init__(self, start: F64) -> None:
        self.t = 0.0
        self.row = np.asarray(start, np.float64).copy()
        self._start = self.row.copy()
        self._t: list[float] = []
        self._rows: list[F64] = []

    def add(self, after_s: float, **to: float) -> None:
        """Write a key with some columns changed."""
        for name, value in to.items():
            self.row[COLUMN[name]] = value
        self.t += after_s
        self._t.append(self.t)
        self._rows.append(self.row.copy())

    def to(self, after_s: float, shape: Posture) -> None:
        """Write a key in another posture."""
        self.row[[2, 4, 5, 6, 8, 9]] = shape
        self.add(after_s)

    def many(self, t_s: F64, rows: F64) -> None:
        """Write rows at `t_s` from now."""
        self._t.extend((self.t + t_s).tolist())
        self._rows.extend(rows)
        self.t, self.row = self._t[-1], rows[-1].copy()

    def half_turn(self) -> None:
        """Tell the pose with heading and roll half a turn further: a body that fell backwards becomes one
        that fell forwards on its face, and the other way about.
        """
        self.row[3] += np.pi
        self.row[[5, 6]] += 2 * self.row[4]
        self.row[4] *= -1
        self.row[8] = wrap(self.row[8] + np.pi)
        self.add(SWAP_S)

    def arrays(self) -> tuple[F64, F64]:
        """Times (n,) and rows (n, COLUMNS), finer where it takes long, the hips raised where a limb would
        sink into the floor on its way.
        """
        if not self._t:
            return np.zeros(0), np.zeros((0, COLUMNS))
        t_s, rows = np.array(self._t), np.array(self._rows)
        before_t, before = np.r_[0.0, t_s[:-1]], np.vstack([self._start, rows[:-1]])
        parts = np.where(t_s - before_t > FINE_S, FINE, 1)
        key = np.repeat(np.arange(len(t_s)), parts)
        share = (np.arange(len(key)) - np.repeat(np.cumsum(parts) - parts, parts) + 1) / parts[key]
        fine_t = before_t[key] + share * (t_s - before_t)[key]
        fine = before[key] + share[:, None] * (rows - before)[key]
        fine[share == 1] = rows
        lift = np.maximum(-SINK_M - lowest_m(PLAIN, fine), 0.0)
        fine[:, 2] += lift
        wanted = (share == 1) | (np.bincount(key, lift)[key] > 0)
        return fine_t[wanted], fine[wanted]


COLUMN: Final = {
    "x": 0,
    "y": 1,
    "z": 2,
    "heading": 3,
    "trunk": 4,
    "thigh": 5,
    "shank": 6,
    "roll": 8,
    "arms": 9,
}


# --- on the floor ----------------------------------------------------------------------------------


def _stir(rng: np.random.Generator, keys: Keys) -> None:
    """A hand or a leg moves a little."""
    keys.add(
        rng.uniform(0.4, 1.2),
        arms=keys.row[9] + rng.normal(0, 0.15),
        shank=keys.row[6] + rng.normal(0, 0.05),
        trunk=keys.row[4] + rng.normal(0, 0.02),
    )


def _try_to_rise(rng: np.random.Generator, keys: Keys) -> None:
    """Roll, push up, lift the trunk a little, sink back."""
    if np.cos(keys.row[COLUMN["roll"]]) < -ON_SIDE_SIN:  # fell backwards and rolled on the face: told as a
        keys.half_turn()  # body that fell on its face, whose legs stay where they are when the trunk rises
    flat = keys.row.copy()
    drift = rng.normal(0, 0.04, 2)
    for _ in range(int(rng.integers(1, 4))):
        keys.add(
            rng.uniform(0.6, 1.6),
            trunk=flat[4] - np.sign(flat[4]) * rng.uniform(0.1, 0.7),
            z=flat[2] + rng.uniform(0, 0.08),
            roll=flat[8] + rng.uniform(-0.4, 0.4),
            thigh=flat[5] + rng.uniform(-0.1, 0.5),
            arms=_flat(flat, rng.uniform(0.3, 1.6)),
        )
        keys.add(
            rng.uniform(0.5, 1.5),
            x=flat[0] + drift[0],
            y=flat[1] + drift[1],
            z=flat[2],
            trunk=flat[4],
            roll=flat[8],
            thigh=flat[5],
        )


def _flat(row: F64, reach: float) -> float:
    """Arms that reach out over the floor, not through it: before the chest of who lies on the side."""
    return reach if abs(np.sin(row[COLUMN["roll"]])) > ON_SIDE_SIN else -reach


def _crawl(rng: np.random.Generator, keys: Keys, clear: Callable[[float, float], bool]) -> None:
    """Pull oneself along for a few decimetres, head first."""
    for _ in range(int(rng.integers(1, 5))):
        head = keys.row[3] + np.pi + rng.uniform(-0.4, 0.4)
        step = rng.uniform(0.1, 0.3)
        x, y = keys.row[0] + step * np.cos(head), keys.row[1] + step * np.sin(head)
        heading = keys.row[3]
        if clear(x, y):
            heading += wrap(head + np.pi - heading)
        else:
            x, y, heading = keys.row[0], keys.row[1], heading + rng.uniform(0.4, 0.9)
        bent = float(np.clip(keys.row[5] + rng.normal(0, 0.2), 1.4, 2.2))
        arms = _flat(keys.row, rng.uniform(0.8, 2.2))
        keys.add(rng.uniform(1.2, 3.0), x=x, y=y, heading=heading, thigh=bent, arms=arms)


def wrap(angle: float) -> float:
    """Into -π…π."""
    return float((angle + np.pi) % (2 * np.pi) - np.pi)
