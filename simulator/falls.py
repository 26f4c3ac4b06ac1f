"""How older people fall, how they come to rest, and how long it takes until they are up.

Takes a pose and a kind of fall, gives key poses from the loss of balance to rest (lying.py goes on from
there). Never chooses where and when (people.py does) and never draws. Sources:

- Descent from its start to the pelvis' impact .583 ± .255 s, from the loss of balance 1.271 ± .648 s, the
  pelvis hits at 2.14 ± .63 m/s: real falls in long-term care, J Biomech 48:911.
- People over 90: 54 % were found on the floor, 30 % lay an hour or more, 80 % could not get up after at
  least one fall: BMJ 337:a2227.

A body goes down backwards along its heading and is turned about its trunk by `roll`: with roll = π it falls
on its face, with ±π/2 on its side. While it stands upright, a turn of the heading and one of the roll are
the same turn, so every direction is one formula.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from simulator.bodies import HALF_SITTING, KNEELING, SHANK_M, THIGH_M, rolled
from simulator.lying import SWAP_S, After, Keys, wrap
from simulator.world import F64

__all__ = [
    "After",
    "Fall",
    "FallKind",
    "after",
    "down_s",
    "from_bed",
    "from_chair",
    "from_standing",
    "turn_of",
]


class FallKind(StrEnum):
    """What begins a fall; the truth's label is `fall:` and this."""

    TRIP = "trip"
    SLIP = "slip"
    SIDEWAYS = "sideways"
    FAINT = "faint"
    CHAIR = "chair"
    BED = "bed"
    SLIDE = "slide"
    STRUGGLE = "struggle"


DESCENT_S: Final = (0.58, 0.26)  # mean and deviation of a lognormal
DESCENT_LEAST_S: Final = 0.25
DESCENT_MOST_S: Final = 1.5
BALANCE_S: Final = (0.67, 0.60)  # before the descent, so that both together take 1.27 ± .65 s
BALANCE_MOST_S: Final = 3.0
IMPACT_M_S: Final = (2.14, 0.63)
G_M_S2: Final = 9.81
SLIDE_S: Final = (3.0, 10.0)  # a slow slide: recipe of detection.md section 6
FLOOR_M: Final = 0.14  # hips of who lies on back or belly
SIDE_M: Final = 0.18  # and on a side
STRAIGHT_M: Final = 0.85  # from the hips to the feet when who falls on the face is down
FOLDS_RAD: Final = 0.7  # a trunk that leans less than this at the impact comes down over folded legs
LOWER_LEG_M: Final = 0.15  # how far the lower leg of who falls on a side is under the hips' middle
KNEE_M: Final = 0.07  # of a knee on the floor
GRID: Final = np.array([0.0, 0.2, 0.35, 0.5, 0.62, 0.74, 0.85, 0.93, 1.0])  # key poses of a descent

QUICK: Final = 0.45  # share that is up soon; the rest lies until somebody comes or strength returns
QUICK_S: Final = (30.0, 0.8)  # median and log-deviation: "recovers, p about .5 by 60 s", less for 80+
LONG_S: Final = (4500.0, 1.3)  # so that 31 % of all lie for an hour or more (BMJ: 30 %)
LONGEST_S: Final = 86_400.0  # by then somebody has come (judgement)


@dataclass(frozen=True, slots=True)
class Fall:
    """Key poses of one fall."""

    t_s: F64
    """(n,) since the loss of balance, increasing."""
    rows: F64
    """(n, COLUMNS)."""
    impact_s: float
    """When the pelvis is down."""
    rest_s: float
    """When everything is at rest; the last of `t_s`."""


def down_s(rng: np.random.Generator) -> float:
    """How long somebody of 80 or more stays on the floor, s: half a minute or hours, a day at most."""
    median, spread = QUICK_S if rng.random() < QUICK else LONG_S
    return float(np.clip(median * np.exp(spread * rng.normal()), 3.0, LONGEST_S))


def after(rng: np.random.Generator, down_s: float) -> After:
    """What somebody who is down for `down_s` does meanwhile: who is up within three minutes got up alone."""
    if down_s < 180:
        return After.RECOVERS
    return (After.STILL, After.STRUGGLING, After.CRAWLING)[int(rng.choice(3, p=[0.45, 0.35, 0.20]))]


def turn_of(rng: np.random.Generator, kind: FallKind) -> float:
    """Which way the head goes, radians from where the face looks: 0 forward, π backward."""
    side = float(rng.choice([-1.0, 1.0]))
    middle, spread = {
        FallKind.TRIP: (0.0, 0.35),
        FallKind.SLIP: (np.pi, 0.35),
        FallKind.SIDEWAYS: (side * np.pi / 2, 0.3),
        FallKind.SLIDE: (np.pi, 0.15),
    }.get(kind, (rng.choice([0.0, np.pi, side * np.pi / 2]), 0.6))
    return float(middle + rng.uniform(-spread, spread))


def from_standing(rng: np.random.Generator, kind: FallKind, start: F64, way: float, gait_m_s: float) -> Fall:
    """Somebody upright at `start` (COLUMNS,) goes down with the head towards `way`.

    The first key is the same stance, described as a body that will fall backwards along its heading.
    """
    row = start.copy()
    heading = wrap(way + np.pi)
    row[[3, 8]] = heading, wrap(start[3] - heading)
    keys = Keys(row)
    keys.add(SWAP_S)
    if kind is FallKind.SLIDE:
        return _slide(rng, keys)
    descent, balance, power = _times(rng, row[2] - FLOOR_M)
    if kind is FallKind.STRUGGLE:
        _stumble(rng, keys, row, way)
    else:
        lean = {FallKind.TRIP: -0.30, FallKind.SLIP: 0.12, FallKind.SIDEWAYS: -0.2}.get(kind, -0.08)
        far = {FallKind.TRIP: gait_m_s * 0.6, FallKind.SLIP: -0.05}.get(kind, 0.05) * min(balance, 0.8)
        keys.add(balance, x=row[0] + far * np.cos(way), y=row[1] + far * np.sin(way), trunk=lean, arms=-0.7)
    if kind is FallKind.FAINT:  # the knees give way, the trunk follows
        trunk, feet, reach, rest = (0.15, 0.6), (0.0, 0.25), (-0.05, 0.12), (0.4, 0.9)
    elif kind is FallKind.SLIP:  # the feet slide away, one sits down hard
        trunk, feet, reach, rest = (0.5, 1.1), (0.5, 0.8), (0.0, 0.25), (0.3, 0.6)
    else:
        trunk, feet, reach, rest = (1.25, 1.5), (0.5, 0.8), (0.3, 0.65), (0.2, 0.5)
    _descend(
        keys,
        descent,
        power,
        trunk=-rng.uniform(*trunk),
        feet_m=rng.uniform(*feet),
        reach_m=rng.uniform(*reach),
        way=way,
    )
    impact = keys.t
    _settle(rng, keys, rng.uniform(*rest), half=kind is FallKind.SLIP)
    return Fall(*keys.arrays(), impact, keys.t)


def from_chair(rng: np.random.Generator, start: F64) -> Fall:
    """Somebody seated at `start` leans too far, slips off the edge onto the knees and falls on the face."""
    keys = Keys(start)
    keys.add(SWAP_S)
    x, y, heading = start[0], start[1], start[3]
    descent, balance, power = _times(rng, KNEELING[0] - FLOOR_M)

    def ahead(far_m: float) -> dict[str, float]:
        return {"x": x + far_m * np.cos(heading), "y": y + far_m * np.sin(heading)}

    keys.add(balance / 2, trunk=0.75, arms=0.9, **ahead(0.1))
    keys.add(balance / 4, z=start[2] - 0.06, trunk=0.9, thigh=1.0, shank=-0.9, arms=0.6, **ahead(0.28))
    keys.add(balance / 4, z=KNEELING[0], trunk=1.0, thigh=0.1, shank=-1.5, arms=0.2, **ahead(0.40))
    begin, s = keys.row.copy(), GRID[1:]
    rows = np.tile(begin, (len(s), 1))
    gone = s**power
    out = rng.uniform(0.15, 0.35)
    rows[:, 0] += out * gone * np.cos(heading)
    rows[:, 1] += out * gone * np.sin(heading)
    rows[:, 2] -= (begin[2] - FLOOR_M) * gone
    rows[:, 4] += (rng.uniform(1.35, 1.5) - begin[4]) * gone
    rows[:, 5] = -np.arccos(np.clip((rows[:, 2] - KNEE_M) / THIGH_M, 0, 1))
    rows[:, 9] += (-0.8 - begin[9]) * gone
    keys.many(descent * s, rows)
    impact = keys.t
    keys.half_turn()
    _settle(rng, keys, rng.uniform(0.3, 0.8))
    return Fall(*keys.arrays(), impact, keys.t)


def from_bed(rng: np.random.Generator, start: F64, side: float) -> Fall:
    """Somebody lying at `start` rolls over the edge towards the direction `side` (radians) and drops."""
    keys = Keys(start)
    keys.add(SWAP_S)
    turn = 1.0 if np.sin(side - start[3]) > 0 else -1.0
    far = rng.uniform(0.30, 0.40)
    roll = turn * np.pi / 2
    keys.add(
        rng.uniform(0.8, 2.0),
        x=start[0] + far * np.cos(side),
        y=start[1] + far * np.sin(side),
        z=start[2] + 0.05,
        roll=roll,
    )
    begin, height = keys.row.copy(), keys.row[2] - SIDE_M
    descent = float(np.sqrt(2 * height / G_M_S2) * rng.uniform(1.0, 1.6))
    power = float(np.clip(rng.normal(*IMPACT_M_S) * descent / height, 1.3, 2.0))
    s = GRID[1:]
    rows = np.tile(begin, (len(s), 1))
    out = rng.uniform(0.35, 0.55)
    rows[:, 0] += out * s * np.cos(side)
    rows[:, 1] += out * s * np.sin(side)
    rows[:, 2] -= height * s**power
    rows[:, 8] += turn * rng.uniform(0.2, 1.2) * s
    keys.many(descent * s, rows)
    impact = keys.t
    _settle(rng, keys, rng.uniform(0.3, 0.8))
    return Fall(*keys.arrays(), impact, keys.t)


# --- one fall, step by step ------------------------------------------------------------------------


def _times(rng: np.random.Generator, height_m: float) -> tuple[float, float, float]:
    """Seconds of the descent, of the loss of balance before it, and the power with which height is lost.

    Height is lost as (share of the time) ** power; its end is the speed of the impact. Nobody falls faster
    than freely, so a descent from standing takes .39 s at least.
    """
    descent = float(rng.lognormal(*_log(DESCENT_S)))
    free_fall = float(np.sqrt(2 * height_m / G_M_S2))
    descent = float(np.clip(descent, max(DESCENT_LEAST_S, free_fall), DESCENT_MOST_S))
    balance = float(np.clip(rng.lognormal(*_log(BALANCE_S)), 0.1, BALANCE_MOST_S))
    speed = max(float(rng.normal(*IMPACT_M_S)), 0.8)
    most = 0.5 + float(np.sqrt(0.25 + 2 * (descent / free_fall) ** 2))  # the last moment is no faster than g
    return descent, balance, float(np.clip(speed * descent / height_m, 1.1, most))


def _log(mean_and_deviation: tuple[float, float]) -> tuple[float, float]:
    """Parameters of the lognormal with that mean and deviation."""
    mean, deviation = mean_and_deviation
    spread = float(np.log1p((deviation / mean) ** 2))
    return float(np.log(mean)) - spread / 2, float(np.sqrt(spread))


def _descend(
    keys: Keys, seconds: float, power: float, *, trunk: float, feet_m: float, reach_m: float, way: float
) -> None:
    """From leaning to the pelvis on the floor; the legs fold so that the feet stay on the floor."""
    begin, s = keys.row.copy(), GRID[1:]
    rows = np.tile(begin, (len(s), 1))
    fallen = s**power
    rows[:, 0] += reach_m * fallen * np.cos(way)
    rows[:, 1] += reach_m * fallen * np.sin(way)
    quarter = round(float(begin[8]) / (np.pi / 2))
    side = quarter % 2 == 1 and trunk < -FOLDS_RAD
    rows[:, 2] = begin[2] + ((SIDE_M if side else FLOOR_M) - begin[2]) * fallen
    rows[:, 8] += (quarter * np.pi / 2 - begin[8]) * fallen
    rows[:, 4] += (trunk - begin[4]) * fallen
    arms = 1.0 if side else 0.0 if trunk > -FOLDS_RAD else -0.8  # where the floor is not; limp in a faint
    rows[:, 9] += (arms - begin[9]) * fallen
    rows[:, 5], rows[:, 6] = _under(rows, feet_m * fallen)
    keys.many(seconds * s, rows)


def _under(rows: F64, feet_m: F64) -> tuple[F64, F64]:
    """Thigh and shank of a body that goes down with its feet on the floor, `feet_m` (n,) behind the hips."""
    height, straight = rows[:, 2], -rows[:, 4]
    quarter = round(float(rows[0, 8]) / (np.pi / 2)) % 4
    if quarter == 0 or rows[-1, 4] > -FOLDS_RAD:  # on its back, or straight down: the knees rise
        return _legs(height, feet_m)
    if quarter == 2:  # on its face: told from the back, legs are mirrored at the trunk's line
        ahead = STRAIGHT_M * np.minimum(1.25 * feet_m / feet_m[-1], 1.0)
        thigh, shank = _legs(height, -ahead)
        knee = height - THIGH_M * np.cos(thigh)
        kneels = knee < KNEE_M  # knees that meet the floor stay on it
        thigh = np.where(kneels, -np.arccos(np.clip((height - KNEE_M) / THIGH_M, 0, 1)), thigh)
        shank = np.where(kneels, np.minimum(shank, -1.4), shank)
        return 2 * straight + thigh, 2 * straight + shank
    lower = height - LOWER_LEG_M * np.sin(straight)  # on its side: legs in line with the trunk, knees bent
    long = np.maximum(lower / np.maximum(np.cos(straight), 1e-3), 0.3)
    thigh, shank = _legs(long, np.zeros_like(long))
    return straight + thigh, straight + shank


def _legs(height_m: F64, feet_m: F64) -> tuple[F64, F64]:
    """Thigh and shank so that feet stand on the floor `feet_m` before hips at `height_m`, knees forward."""
    long = np.clip(np.hypot(height_m, feet_m), 0.10, THIGH_M + SHANK_M - 1e-6)
    aim = np.arctan2(feet_m, height_m)
    hip = np.arccos(np.clip((long**2 + THIGH_M**2 - SHANK_M**2) / (2 * long * THIGH_M), -1, 1))
    foot = np.arccos(np.clip((long**2 + SHANK_M**2 - THIGH_M**2) / (2 * long * SHANK_M), -1, 1))
    return aim + hip, aim - foot


def _stumble(rng: np.random.Generator, keys: Keys, row: F64, way: float) -> None:
    """Two to five quick steps and waving arms to keep the balance, drifting towards `way`."""
    x, y = row[0], row[1]
    for k in range(int(rng.integers(2, 6))):
        aim = way + rng.uniform(-1.2, 1.2)
        step = rng.uniform(0.08, 0.28)
        x, y = x + step * np.cos(aim), y + step * np.sin(aim)
        lean = (0.3 if k % 2 else -0.35) * rng.uniform(0.5, 1.2)
        keys.add(rng.uniform(0.3, 0.6), x=x, y=y, trunk=lean, arms=-rng.uniform(0.6, 1.8))


def _slide(rng: np.random.Generator, keys: Keys) -> Fall:
    """Down along a wall or a piece of furniture, the feet slipping forward, to sitting on the floor."""
    seconds = float(rng.uniform(*SLIDE_S))
    begin = keys.row.copy()
    feet = rng.uniform(0.6, 0.84)
    s = np.linspace(0, 1, 9)[1:]
    gone = s ** rng.uniform(0.8, 1.4)
    rows = np.tile(begin, (len(s), 1))
    rows[:, 2] = begin[2] + (0.13 - begin[2]) * gone
    rows[:, 4] = -0.25 * np.sin(np.pi * s / 2)
    rows[:, 5], rows[:, 6] = _legs(rows[:, 2], feet * gone)
    rows[:, 9] = -0.5
    keys.many(seconds * s, rows)
    impact = keys.t
    if rng.random() < 0.5:
        keys.to(rng.uniform(0.3, 0.8), rolled(HALF_SITTING, keys.row[8]))
    else:
        _settle(rng, keys, rng.uniform(1.0, 2.5))
    return Fall(*keys.arrays(), impact, keys.t)


def _settle(rng: np.random.Generator, keys: Keys, seconds: float, *, half: bool = False) -> None:
    """Come to rest: on the back, the side, the face, curled, knees up, or half sitting; arms anywhere."""
    roll = float(keys.row[8])
    nearest = np.round(roll / (np.pi / 2)) * (np.pi / 2)
    if rng.random() < 0.25:  # a quarter roll further or back as they come down
        nearest += rng.choice([-1.0, 1.0]) * np.pi / 2
    quarter = int(np.round(nearest / (np.pi / 2))) % 4
    bend, knee = rng.uniform(0, 0.35), rng.uniform(0, 0.5)
    trunk, z = -rng.uniform(1.42, 1.55), FLOOR_M
    arms = -rng.uniform(0.5, 1.9) if rng.random() < 0.25 else -rng.uniform(0.05, 0.5)
    if quarter % 2:  # on a side
        curled = rng.random() < 0.4
        bend, knee = (rng.uniform(0.9, 1.7), rng.uniform(1.3, 2.4)) if curled else (bend + 0.2, knee + 0.3)
        z, arms = SIDE_M, rng.uniform(0.3, 1.5)
    elif quarter == 0:
        odd = rng.random()
        if half and odd < 0.25:
            trunk = -rng.uniform(0.4, 0.9)
        elif odd > 0.75:  # knees up, feet on the floor
            bend, knee = rng.uniform(0.5, 0.9), rng.uniform(1.1, 1.7)
    else:
        bend = 0.0
        knee = rng.uniform(0, 0.3)
    thigh = 1.55 + bend
    keys.add(
        seconds,
        z=z,
        trunk=trunk,
        thigh=thigh,
        shank=thigh - knee,
        arms=arms,
        roll=nearest + rng.uniform(-0.2, 0.2),
    )
