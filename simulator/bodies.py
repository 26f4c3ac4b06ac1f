"""Warm bodies as ellipsoids: people in any posture, dogs, cats, a robot vacuum.

Takes a build (whose body) and poses over time, gives for each moment the place, the axes and the warmth
of every part. Never moves anybody, never draws. Lengths of limbs are shares of the stature (Winter,
Biomechanics and Motor Control of Human Movement, 4th ed., figure 4.1, after Drillis and Contini); radii
and warmth of the parts: head .09 x .08 x .12 m, torso .13 x .19 x .30 m, legs (thermal body models; warmth
as in AIoT-Infrastructure/pythermal, synthesis/README).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from simulator.world import F64, Build

COLUMNS: Final = 10
"""Of a full human pose: the eight of world.FIELDS, then ROLL and ARMS, which are 0 in poses of eight."""
ROLL: Final = 8
"""Turn of the whole body about its trunk, radians: 0 = a body that lies is on its back or its belly,
±π/2 = on its side."""
ARMS: Final = 9
"""Arms away from the trunk, radians: 0 = down along it, positive = raised to the front, negative = out to
the sides."""

STATURE_M: Final = 1.65  # of a build of size 1
THIGH_M: Final = 0.404  # .245 of the stature
SHANK_M: Final = 0.470  # .246 of the stature, and the foot's height of .039
HEAD_M: Final = 0.655  # from the hips to the middle of the head
TORSO_M: Final = 0.24  # from the hips to the middle of the torso
SHOULDER_M: Final = 0.44  # from the hips, along the trunk
SHOULDER_HALF_M: Final = 0.17  # shoulders are .259 of the stature wide, less the arms' own width
ARM_M: Final = 0.29  # from the shoulder to the middle of the arm (.44 of the stature), its elbow bent by 70°
HIP_HALF_M: Final = 0.09  # half the distance of the hip joints: .191 of the stature is the outer width
INWARD: Final = -0.2  # hands in front of the body are nearer to each other than the shoulders

HUMAN_RADII_M: Final = np.array(
    [
        [0.12, 0.08, 0.09],  # head: along the body, across, front to back
        [0.30, 0.16, 0.13],  # torso: .19 across with the arms, which are parts of their own here
        [0.23, 0.09, 0.09],  # thighs
        [0.23, 0.09, 0.09],
        [0.235, 0.06, 0.06],  # shanks and feet
        [0.235, 0.06, 0.06],
        [0.29, 0.045, 0.045],  # arms
        [0.29, 0.045, 0.045],
    ]
)
COVERED: Final = np.array([0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
"""Which parts clothes and blankets hide: everything but the head."""

Posture = tuple[float, float, float, float, float, float]
"""z_m, trunk, thigh, shank, roll, arms."""

UPRIGHT: Final[Posture] = (THIGH_M + SHANK_M, 0.0, 0.0, 0.0, 0.0, 0.1)
SITTING: Final[Posture] = (0.51, -0.10, 1.45, 0.05, 0.0, 0.6)
"""On a seat of 0.45 m."""
ON_BACK: Final[Posture] = (0.14, -1.52, 1.50, 1.55, 0.0, -0.25)
LYING: Final = ON_BACK
FACE_DOWN: Final[Posture] = (0.14, 1.52, -1.54, -1.56, 0.0, -0.5)
ON_SIDE: Final[Posture] = (0.18, -1.55, 1.95, 1.35, 1.45, 0.9)
"""Knees a little drawn up."""
CURLED: Final[Posture] = (0.18, -1.45, 2.75, 0.35, 1.45, 1.1)
"""On the side, knees drawn up towards the chest."""
KNEES_UP: Final[Posture] = (0.14, -1.50, 2.25, 0.75, 0.0, -0.4)
"""On the back with the knees up and the feet on the floor."""
HALF_SITTING: Final[Posture] = (0.13, -0.55, 1.50, 1.54, 0.0, -0.3)
"""On the floor, the back against something."""
KNEES_DRAWN: Final[Posture] = (0.12, -0.15, 2.35, 0.45, 0.0, 0.9)
"""Sitting on the floor with the knees up, on the way down or up."""
FLOOR_SITTING: Final[Posture] = (0.12, -0.12, 1.50, 1.54, 0.0, 0.7)
CROSS_LEGGED: Final[Posture] = (0.12, 0.05, 1.52, -1.35, 0.0, 0.7)
BENT: Final[Posture] = (0.84, 1.25, -0.20, 0.05, 0.0, 1.3)
KNEELING: Final[Posture] = (0.47, 0.10, 0.02, -1.50, 0.0, 0.5)
ON_HEELS: Final[Posture] = (0.27, 0.15, 1.15, -1.48, 0.0, 0.7)
ALL_FOURS: Final[Posture] = (0.46, 1.30, 0.05, -1.50, 0.0, 1.35)
SQUATTING: Final[Posture] = (0.36, 0.65, 1.75, -0.75, 0.0, 1.2)
ASLEEP_ON_SIDE_M: Final = 0.04  # hips lie higher on the side than on the back

DOG_UP_M: Final = 0.38
DOG_LYING_M: Final = 0.13
CAT_UP_M: Final = 0.20
CAT_LYING_M: Final = 0.08
ROBOT_ON_M: Final = 0.05

DOG: Final = Build(
    "animal", np.array([[0.30, 0.11, 0.13], [0.12, 0.07, 0.08]]), np.array([0.45, 0.60]), size=1.0
)
"""About half a metre of trunk; fur hides half of the warmth, the face less."""
CAT: Final = Build(
    "animal", np.array([[0.19, 0.07, 0.08], [0.06, 0.05, 0.05]]), np.array([0.45, 0.60]), size=1.0
)
ROBOT: Final = Build("robot", np.array([[0.17, 0.17, 0.045]]), np.array([0.15]), size=1.0)
"""Its battery and motor keep it about 2 K above the room (judgement)."""


@dataclass(frozen=True, slots=True)
class Body:
    """K ellipsoids at T moments."""

    centre_m: F64
    """(T, K, 3)."""
    whiten: F64
    """(T, K, 3, 3): room coordinates relative to the centre → unit sphere."""
    warmth: F64
    """(T, K) share of the step from the room to the core that shows, covers taken off."""


def resident(seed: int) -> Build:
    """Somebody older at home: stature, girth and dress differ from seed to seed.

    Size 0.9-1.1 spans 1.49 to 1.82 m. Warmth of head .65-.75, clothed torso .40-.60, legs .30-.45 (ranges of
    the recipe for simulated arrays); arms in sleeves as the legs (judgement).
    """
    return _dressed(np.random.default_rng([seed, 11]))


def visitor(seed: int) -> Build:
    """A guest, drawn like a resident but from other numbers; outdoor clothes are a `cover` of the pose."""
    return _dressed(np.random.default_rng([seed, 12]))


def _dressed(rng: np.random.Generator) -> Build:
    size = float(rng.uniform(0.9, 1.1))
    head, torso = rng.uniform(0.65, 0.75), rng.uniform(0.40, 0.60)
    thigh, shank = np.sort(rng.uniform(0.30, 0.45, 2))[::-1]
    arm = rng.uniform(0.30, 0.45)  # in sleeves
    girth = np.array([1.0, 1.0, 1.0])
    girth[1:] = rng.uniform(0.9, 1.2)  # along the body nobody gets longer by eating
    radii = HUMAN_RADII_M * np.where(np.arange(8)[:, None] == 0, 1.0, girth)
    return Build("human", radii, np.array([head, torso, thigh, thigh, shank, shank, arm, arm]), size)


def body(build: Build, pose: F64) -> Body:
    """Ellipsoids for poses (T, 8), columns as in world.FIELDS, or (T, 10) with ROLL and ARMS beside them.

    A human has the parts head, torso, two thighs, two shanks, and two arms where the build has eight. An
    animal has trunk and head, z is the middle of its trunk and trunk_rad its pitch (0 level); a robot is one
    flat ellipsoid. The size scales a body about its lowest point, so feet stay on the floor and a sleeper on
    the bed. ValueError: a pose of fewer than eight columns, or a build whose parts do not fit its shape.
    """
    if pose.ndim != 2 or pose.shape[1] < ROLL:
        raise ValueError(f"pose: expected (T, 8) or (T, {COLUMNS}), not {pose.shape}")
    parts = len(build.radii_m)
    if build.shape == "human":
        if parts not in {6, 8}:
            raise ValueError(f"a human build has 6 or 8 parts, not {parts}")
        middle, axis, across = _human(pose, parts)
        covered = COVERED[:parts]
    else:
        if parts != (2 if build.shape == "animal" else 1):
            raise ValueError(f"a build of shape {build.shape} does not have {parts} parts")
        middle, axis, across = _beast(build, pose)
        covered = np.ones(parts)
    frame = np.stack([axis, across, np.cross(axis, across)], axis=2)
    low = _lowest(build.radii_m, middle, frame)
    centre = pose[:, None, 0:3] + build.size * middle
    centre[:, :, 2] += ((1 - build.size) * low)[:, None]
    whiten = frame / (build.size * build.radii_m)[None, :, :, None]
    return Body(centre, whiten, build.warmth * (1 - pose[:, 7:8] * covered))


def rolled(shape: Posture, roll: float) -> Posture:
    """Give the same posture, turned about its trunk."""
    z, trunk, thigh, shank, _, arms = shape
    return z, trunk, thigh, shank, roll, arms


def lowest_m(build: Build, pose: F64) -> F64:
    """(T,) height of the lowest point of a body above the floor: 0 for feet that stand on it."""
    who = body(build, pose)
    reach = np.linalg.norm(np.linalg.inv(who.whiten)[:, :, 2, :], axis=-1)
    return np.asarray((who.centre_m[:, :, 2] - reach).min(axis=1))


def _lowest(radii_m: F64, middle: F64, frame: F64) -> F64:
    """(T,) lowest point relative to the pelvis at size 1."""
    reach = np.sqrt(((frame[:, :, :, 2] * radii_m) ** 2).sum(-1))
    return np.asarray((middle[:, :, 2] - reach).min(axis=1))


def _human(pose: F64, parts: int) -> tuple[F64, F64, F64]:
    """Middles relative to the pelvis, long axes and cross axes (T, parts, 3) at size 1."""
    heading = pose[:, 3]
    none = np.zeros(len(pose))
    front = np.stack([np.cos(heading), np.sin(heading), none], -1)
    side = np.stack([-np.sin(heading), np.cos(heading), none], -1)

    def down(angle: F64) -> F64:
        out = np.sin(angle)[:, None] * front
        out[:, 2] -= np.cos(angle)
        return np.asarray(out)

    trunk = -down(-pose[:, 4])
    thigh, shank, chest = down(pose[:, 5]), down(pose[:, 6]), down(np.pi / 2 - pose[:, 4])
    if pose.shape[1] > ROLL and pose[:, ROLL].any():
        roll = pose[:, ROLL]
        thigh, shank, side, chest = (_turned(v, trunk, roll) for v in (thigh, shank, side, chest))
    hip = HIP_HALF_M * side
    knee = THIGH_M * thigh
    middle = [HEAD_M * trunk, TORSO_M * trunk]
    middle += [0.5 * knee - hip, 0.5 * knee + hip]
    middle += [knee + 0.5 * SHANK_M * shank - hip, knee + 0.5 * SHANK_M * shank + hip]
    axis = [trunk, trunk, thigh, thigh, shank, shank]
    across = [side] * 6
    if parts == 8:
        arms = pose[:, ARMS] if pose.shape[1] > ARMS else none
        away = np.sin(np.abs(arms))[:, None]
        open_out = np.where(arms < 0, 1.0, INWARD)[:, None]
        ahead = np.where(arms < 0, 0.0, np.sqrt(1 - INWARD**2))[:, None]
        for sign in (-1.0, 1.0):
            arm = -np.cos(arms)[:, None] * trunk + away * (ahead * chest + sign * open_out * side)
            middle.append(SHOULDER_M * trunk + sign * SHOULDER_HALF_M * side + ARM_M * arm)
            axis.append(arm)
            across.append(_square_to(arm, trunk, side))
    return np.stack(middle, 1), np.stack(axis, 1), np.stack(across, 1)


def _square_to(arm: F64, trunk: F64, side: F64) -> F64:
    """Unit vectors square to `arm` (its cross-section is round, so any will do)."""
    out = np.cross(arm, side)
    flat = (out * out).sum(-1) < 1e-4
    out = np.where(flat[:, None], trunk, out)
    return np.asarray(out / np.linalg.norm(out, axis=-1, keepdims=True))


def _turned(vector: F64, about: F64, angle: F64) -> F64:
    """Rodrigues' rotation of (T, 3) vectors."""
    c, s = np.cos(angle)[:, None], np.sin(angle)[:, None]
    along = (vector * about).sum(-1, keepdims=True)
    return np.asarray(vector * c + np.cross(about, vector) * s + about * along * (1 - c))


def _beast(build: Build, pose: F64) -> tuple[F64, F64, F64]:
    """Trunk and, before and above it, the head of an animal; the disc of a robot."""
    heading, pitch = pose[:, 3], pose[:, 4]
    none = np.zeros(len(pose))
    along = np.stack([np.cos(heading) * np.cos(pitch), np.sin(heading) * np.cos(pitch), np.sin(pitch)], -1)
    side = np.stack([-np.sin(heading), np.cos(heading), none], -1)
    parts = len(build.radii_m)
    middle = np.zeros((len(pose), parts, 3))
    if parts == 2:
        middle[:, 1] = build.radii_m[0, 0] * 1.15 * along
        middle[:, 1, 2] += 0.6 * build.radii_m[0, 2]
    axis = np.repeat(along[:, None], parts, axis=1)
    return middle, axis, np.repeat(side[:, None], parts, axis=1)
