"""Where a place in a room lies in the picture of an array, and whether it lies in it at all.

Takes a camera and places in its room, gives rows, columns and answers. Walls and furniture hide nothing.
"""

from typing import Final

import numpy as np

from simulator.bodies import body
from simulator.camera import Camera, axes
from simulator.world import F64, Bools, Build

TRUNK: Final = 4
"""Of a human body's parts the first ones: head, torso, thighs."""
IN_VIEW: Final = 0.75
"""Of those, so many in the picture are a body in the picture: judgement."""


def sees(camera: Camera, place_m: F64) -> Bools:
    """Whether places (N, 3) in the room lie in the picture."""
    to = place_m - np.array([camera.x_m, camera.y_m, camera.height_m])
    right, down, ahead = (to @ axes(camera).T).T
    off = np.arctan2(np.hypot(right, down), ahead)
    scale = np.degrees(off) / np.maximum(np.hypot(right, down), 1e-9)
    across = np.abs(right) * scale <= camera.fov_deg / 2
    return np.asarray(across & (np.abs(down) * scale <= camera.fov_down_deg / 2))


def lies_in_view(camera: Camera, build: Build, pose: F64) -> bool:
    """Whether head, torso and thighs of a human body in `pose` (1, columns as bodies.body), but for one of
    them at most, lie in the picture.
    """
    return bool(sees(camera, body(build, pose).centre_m[0, :TRUNK]).mean() >= IN_VIEW)


def pixel_of(camera: Camera, place_m: F64) -> tuple[float, float]:
    """Row and column (fractions too, also outside the picture) of a place (3,) in the camera's room."""
    right, down, ahead = axes(camera) @ (place_m - np.array([camera.x_m, camera.y_m, camera.height_m]))
    out = max(float(np.hypot(right, down)), 1e-9)
    deg = float(np.degrees(np.arctan2(out, ahead))) / out
    row = down * deg / camera.fov_down_deg * camera.rows + (camera.rows - 1) / 2
    col = right * deg / camera.fov_deg * camera.cols + (camera.cols - 1) / 2
    return float(row), float(col)
