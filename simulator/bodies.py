"""A resident as six warm ellipsoids, in any posture.

Takes poses (arrays over time), gives for each moment the place, axes and warmth of head, torso, thighs
and shanks; and motions, which are key poses in time. Never draws and never decides where to go. Sizes
and warmth: research on thermal body models (head .09 x .08 x .12 m, torso .13 x .19 x .30 m, legs;
warmth as a share of the step from the room to 36.8 °C).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]

CORE_C: Final = 36.8
TRUNK_M: Final = 0.55
HEAD_M: Final = 0.72  # from the pelvis to the middle of the head
THIGH_M: Final = 0.42
SHANK_M: Final = 0.44
HIP_M: Final = 0.10  # half the distance between the legs

RADII_M: Final = np.array(
    [
        [0.12, 0.08, 0.09],  # head: along the body, across, front to back
        [0.31, 0.19, 0.13],  # torso
        [0.23, 0.09, 0.09],  # thighs
        [0.23, 0.09, 0.09],
        [0.24, 0.06, 0.06],  # shanks
        [0.24, 0.06, 0.06],
    ]
)
WARMTH: Final = np.array([0.70, 0.50, 0.40, 0.40, 0.33, 0.33])

FIELDS: Final = ("x_m", "y_m", "z_m", "heading_rad", "trunk_rad", "thigh_rad", "shank_rad", "present")
"""Columns of a pose. z = pelvis above the floor; angles from the vertical, forward positive: the trunk
upwards, thigh and shank downwards; so lying on the back is trunk = -90°, thigh = shank = +90°."""

UPRIGHT: Final = (0.92, 0.0, 0.0, 0.0)
SITTING: Final = (0.50, -0.10, 1.45, 0.05)
LYING: Final = (0.14, -1.50, 1.45, 1.55)
BED_M: Final = 0.42  # a bed lifts a lying body by this


@dataclass(frozen=True, slots=True)
class Truth:
    """One row of what truly happened, seconds since the start."""

    start_s: float
    end_s: float
    label: str


@dataclass(frozen=True, slots=True)
class Motion:
    """Key poses in time."""

    t_s: F64
    """(M,) increasing."""
    pose: F64
    """(M, 8) columns as in bodies.FIELDS."""
    truth: tuple[Truth, ...]

    def at(self, t_s: F64) -> F64:
        """Poses (N, 8) at the times `t_s`; before the first and after the last they stay."""
        out = np.stack([np.interp(t_s, self.t_s, self.pose[:, k]) for k in range(self.pose.shape[1])], -1)
        out[:, 7] = out[:, 7] > 0.999
        return out


@dataclass(frozen=True, slots=True)
class Body:
    """Ellipsoids at T moments, K = 6 parts."""

    centre_m: F64
    """(T, K, 3)."""
    whiten: F64
    """(T, K, 3, 3): room coordinates relative to the centre → unit sphere."""
    warmth: F64
    """(K,) share of the step from the room to CORE_C."""
    present: NDArray[np.bool_]
    """(T,)."""


def body(pose: F64, size: float = 1.0) -> Body:
    """Ellipsoids for poses (T, 8), columns as in FIELDS; `size` scales the whole person."""
    z = np.zeros(len(pose))
    heading = pose[:, 3]
    front = np.stack([np.cos(heading), np.sin(heading), z], -1)
    side = np.stack([-np.sin(heading), np.cos(heading), z], -1)
    up = np.broadcast_to(np.array([0.0, 0.0, 1.0]), front.shape)

    def along(angle: F64, vertical: float) -> F64:
        return np.asarray(vertical * np.cos(angle)[:, None] * up + np.sin(angle)[:, None] * front)

    pelvis = pose[:, 0:3]
    trunk, thigh, shank = along(pose[:, 4], 1.0), along(pose[:, 5], -1.0), along(pose[:, 6], -1.0)
    head = pelvis + size * HEAD_M * trunk
    torso = pelvis + size * 0.5 * TRUNK_M * trunk
    parts, axes = [head, torso], [trunk, trunk]
    for sign in (-1.0, 1.0):
        hip = pelvis + sign * size * HIP_M * side
        parts.append(hip + size * 0.5 * THIGH_M * thigh)
        axes.append(thigh)
    for sign in (-1.0, 1.0):
        knee = pelvis + sign * size * HIP_M * side + size * THIGH_M * thigh
        parts.append(knee + size * 0.5 * SHANK_M * shank)
        axes.append(shank)
    axis = np.stack(axes, 1)
    across = np.broadcast_to(side[:, None], axis.shape)
    frame = np.stack([axis, across, np.cross(axis, across)], axis=2)
    whiten = frame / (size * RADII_M)[None, :, :, None]
    return Body(np.stack(parts, 1), whiten, WARMTH, pose[:, 7] > 0.5)
