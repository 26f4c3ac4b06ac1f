"""The obvious way to tell where a place in a picture lies on a plane of the room: one ray, by hand."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Eye:
    """One array: how it hangs, all known."""

    cols: int
    fov_deg: float
    height_m: float
    wall: bool
    tilt_deg: float
    yaw_deg: float
    x_m: float
    y_m: float


def place(eye: Eye, x_px: float, y_px: float, above_floor_m: float) -> tuple[float, float]:
    """Room x, y where the ray through (x right, y down) pixels from the picture's middle meets that plane.

    The ray must go down. A pixel is the same angle everywhere.
    """
    angle = math.hypot(x_px, y_px) * math.radians(eye.fov_deg) / eye.cols
    around = math.atan2(y_px, x_px)
    right, below, ahead = (
        math.sin(angle) * math.cos(around),
        math.sin(angle) * math.sin(around),
        math.cos(angle),
    )
    yaw, tilt = math.radians(eye.yaw_deg), math.radians(eye.tilt_deg)
    if eye.wall:
        forward = ahead * math.cos(tilt) - below * math.sin(tilt)
        down = ahead * math.sin(tilt) + below * math.cos(tilt)
        east = forward * math.cos(yaw) + right * math.sin(yaw)
        north = forward * math.sin(yaw) - right * math.cos(yaw)
    else:
        down = ahead
        east = right * math.cos(yaw) - below * math.sin(yaw)
        north = right * math.sin(yaw) + below * math.cos(yaw)
    far = (eye.height_m - above_floor_m) / down
    return eye.x_m + far * east, eye.y_m + far * north
