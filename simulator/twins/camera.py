"""The slow and obvious twin of the camera's drawing: pixel by pixel, the nearest surface on each ray wins.

Takes a camera and a room at one moment, gives the temperature above the room of every pixel. It shares no
code with drawing.py but the poses' bodies. Never draws noise, lag or errors.
"""

from collections.abc import Sequence

import numpy as np

from simulator.bodies import body
from simulator.camera import Camera
from simulator.world import F64, Actor, Air, Source

ZERO_C = 273.15
REACH = 2.9  # standard deviations of the blur


def picture(
    camera: Camera,
    room: int,
    actors: Sequence[Actor],
    sources: Sequence[Source],
    *,
    air: Air,
    t_s: float,
    side: int = 40,
) -> F64:
    """Kelvin above the room (rows, cols) at `t_s`, from `side` x `side` rays around every pixel."""
    room_c = float(np.interp(t_s, air.t_s, air.temperature_c[:, room]))
    parts = _parts(room, actors, t_s, room_c)
    glows = _glows(room, sources, t_s)
    out = np.zeros((camera.rows, camera.cols))
    for row in range(camera.rows):
        for col in range(camera.cols):
            rays, share = _rays(camera, row, col, side)
            seen_c = room_c + _met(camera, rays, parts, glows)
            out[row, col] = (share * (seen_c + ZERO_C) ** 4).sum() ** 0.25 - room_c - ZERO_C
    return out


def _parts(room: int, actors: Sequence[Actor], t_s: float, room_c: float) -> list[tuple[F64, F64, float]]:
    out = []
    for actor in actors:
        pose, where = actor.motion.at(np.array([t_s]))
        if where[0] != room:
            continue
        core_c = float(np.interp(t_s, actor.core_t_s, actor.core_c))
        who = body(actor.build, pose)
        for k in range(who.warmth.shape[1]):
            excess_k = float(who.warmth[0, k]) * (core_c - room_c)
            out.append((who.centre_m[0, k], who.whiten[0, k], excess_k))
    return out


def _glows(room: int, sources: Sequence[Source], t_s: float) -> list[tuple[F64, F64, float]]:
    out = []
    for source in sources:
        if source.room != room or not source.t_s[0] <= t_s <= source.t_s[-1]:
            continue
        centre = np.array([np.interp(t_s, source.t_s, source.centre_m[:, k]) for k in range(3)])
        whiten = np.diag(1 / np.maximum(np.array(source.radii_m), 0.02))
        out.append((centre, whiten, float(np.interp(t_s, source.t_s, source.excess_k))))
    return out


def _rays(camera: Camera, row: int, col: int, side: int) -> tuple[F64, F64]:
    """Directions in the room (R, 3) and their shares (R,): the pixel's square, blurred by the lens."""
    per_col = np.radians(camera.fov_deg) / camera.cols
    per_row = np.radians(camera.fov_down_deg) / camera.rows
    offsets = ((np.arange(side) + 0.5) / side * 2 - 1) * (0.5 + REACH * camera.psf_px)
    inside = np.linspace(-0.5, 0.5, 41)
    weight = np.exp(-0.5 * ((offsets[:, None] - inside) / camera.psf_px) ** 2).sum(axis=1)
    dy, dx = (g.ravel() for g in np.meshgrid(offsets, offsets, indexing="ij"))
    share = np.outer(weight, weight).ravel()
    right = (col + 0.5 - camera.cols / 2 + dx) * per_col
    down = (row + 0.5 - camera.rows / 2 + dy) * per_row
    off = np.hypot(right, down)
    r, d, f = np.sin(off) / off * right, np.sin(off) / off * down, np.cos(off)
    yaw, tilt = np.radians(camera.yaw_deg), np.radians(camera.tilt_deg)
    if camera.mount == "ceiling":
        x, y, z = r, d * np.cos(tilt) + f * np.sin(tilt), d * np.sin(tilt) - f * np.cos(tilt)
    else:  # looking along +x, its right hand is -y
        x, y, z = f * np.cos(tilt) - d * np.sin(tilt), -r, -f * np.sin(tilt) - d * np.cos(tilt)
    turned = np.stack([x * np.cos(yaw) - y * np.sin(yaw), x * np.sin(yaw) + y * np.cos(yaw), z], -1)
    return turned, share / share.sum()


def _met(
    camera: Camera, rays: F64, parts: list[tuple[F64, F64, float]], glows: list[tuple[F64, F64, float]]
) -> F64:
    """Kelvin above the room of what each ray meets: the nearest part, and every source not behind it."""
    eye = np.array([camera.x_m, camera.y_m, camera.height_m])
    nearest, warm = np.full(len(rays), np.inf), np.zeros(len(rays))
    for centre, whiten, excess_k in parts:
        enters, _ = _through(eye, rays, centre, whiten)
        first = (enters > 0) & (enters < nearest)
        nearest[first], warm[first] = enters[first], excess_k
    for centre, whiten, excess_k in glows:
        _, leaves = _through(eye, rays, centre, whiten)
        warm[(leaves > 0) & (leaves < nearest)] += excess_k
    return warm


def _through(eye: F64, rays: F64, centre: F64, whiten: F64) -> tuple[F64, F64]:
    """Distances at which each ray enters and leaves an ellipsoid; NaN where it passes by."""
    w, q = rays @ whiten.T, whiten @ (eye - centre)
    a, b, c = (w * w).sum(axis=1), w @ q, float(q @ q) - 1
    inside = b * b - a * c
    root = np.sqrt(np.where(inside > 0, inside, np.nan))
    return (-b - root) / a, (-b + root) / a
