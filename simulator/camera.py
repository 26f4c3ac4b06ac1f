"""What a thermal array on the ceiling sees of a body in a room.

Takes poses and a camera, gives frames as int16 centi-°C. Rays through a fine grid meet the nearest
ellipsoid, the lens blurs (PSF), the pixels average, the sensor lags, drifts, adds noise (NETD) and
rounds. Seeded: the same camera and poses give the same frames. Never moves anybody.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.bodies import CORE_C, F64, Body, Motion, body

CHUNK: Final = 64  # poses drawn at once: 64 x 3072 rays x 6 parts x 8 bytes stay near 10 MB a term
FLOOR_M: Final = 0.0


@dataclass(frozen=True, slots=True)
class Camera:
    """One array at the middle of the ceiling, looking straight down; columns along x, rows along y."""

    rows: int
    cols: int
    fov_deg: float
    """Along the columns; pixels are square in angle."""
    height_m: float
    rate_hz: float
    netd_k: float
    step_k: float
    """Rounding of the sensor."""
    psf_px: float
    lag_s: float
    room_c: float
    fixed_k: float
    """Spread of the fixed pattern over the pixels."""
    drift_k: float
    """Size of the slow common drift."""
    seed: int


def grideye(seed: int, room_c: float = 22.0) -> Camera:
    """8x8 like the AMG8833: 60°, 0.25 K steps; noise 0.15 K (datasheet ±, ten readings a second)."""
    return Camera(8, 8, 60.0, 2.5, 10.0, 0.15, 0.25, 0.45, 0.1, room_c, 0.3, 0.2, seed)


def melexis(seed: int, room_c: float = 22.0) -> Camera:
    """24x32 like the MLX90640: 110°, four full frames a second, noise 0.2 K after the device's filter."""
    return Camera(24, 32, 110.0, 2.5, 4.0, 0.2, 0.02, 0.45, 0.1, room_c, 0.3, 0.2, seed)


def render(camera: Camera, motion: Motion, t_ms: NDArray[np.int64], size: float = 1.0) -> NDArray[np.int16]:
    """Frames (N, rows, cols) in centi-°C of `motion` seen at the times `t_ms`, in order."""
    rng = np.random.default_rng(camera.seed)
    shape = (len(t_ms), camera.rows, camera.cols)
    t_s = t_ms / 1000.0
    warm = _seen(camera, motion.at(t_s), size)
    if camera.lag_s > 0 and len(t_s) > 1:
        keep = np.exp(-np.diff(t_s, prepend=t_s[0]) / camera.lag_s)
        for i in range(1, len(warm)):
            warm[i] += keep[i] * (warm[i - 1] - warm[i])
    pattern = rng.normal(0, camera.fixed_k, shape[1:]) + _slope(camera, rng)
    phase = rng.uniform(0, 2 * np.pi, 2)
    drift = camera.drift_k * (np.sin(t_s / 600 * 2 * np.pi + phase[0]) + 0.3 * np.sin(t_s / 97 + phase[1]))
    frames = warm + camera.room_c + pattern + drift[:, None, None]
    frames += rng.normal(0, camera.netd_k, shape)
    stepped = np.round(frames / camera.step_k) * camera.step_k
    return np.asarray(np.round(stepped * 100), np.int16)


def _slope(camera: Camera, rng: np.random.Generator) -> F64:
    """One side of the room is warmer than the other by up to 1 K."""
    gx, gy = rng.uniform(-0.5, 0.5, 2)
    y = np.linspace(-1, 1, camera.rows)[:, None]
    x = np.linspace(-1, 1, camera.cols)[None, :]
    return np.asarray(gx * x + gy * y)


def _seen(camera: Camera, pose: F64, size: float) -> NDArray[np.float32]:
    """Warmth over the room (N, rows, cols) in kelvin; equal poses are drawn once."""
    fine = max(1, 48 // camera.rows)
    rays = _rays(camera, fine)
    blur = [_blur(n, fine, camera.psf_px) for n in (camera.rows, camera.cols)]
    out = np.zeros((len(pose), camera.rows, camera.cols), np.float32)
    there = np.flatnonzero(pose[:, 7] > 0.5)
    if not there.size:
        return out
    distinct, which = np.unique(np.round(pose[there], 3), axis=0, return_inverse=True)
    pictures = np.empty((len(distinct), camera.rows, camera.cols), np.float32)
    for k in range(0, len(distinct), CHUNK):
        warm = _trace(camera, body(distinct[k : k + CHUNK], size), rays)
        grid = warm.reshape(len(warm), camera.rows * fine, camera.cols * fine)
        pictures[k : k + CHUNK] = blur[0] @ grid @ blur[1].T
    out[there] = pictures[which.reshape(-1)]
    return out


def _rays(camera: Camera, fine: int) -> NDArray[np.float32]:
    """Unit directions (R, 3) of an equi-angular lens."""
    per = np.radians(camera.fov_deg / camera.cols) / fine
    ax = (np.arange(camera.cols * fine) - (camera.cols * fine - 1) / 2) * per
    ay = (np.arange(camera.rows * fine) - (camera.rows * fine - 1) / 2) * per
    gy, gx = np.meshgrid(ay, ax, indexing="ij")
    off = np.hypot(gx, gy)
    ratio = np.sin(off) / np.maximum(off, 1e-9)
    rays = np.stack([gx * ratio, gy * ratio, -np.cos(off)], -1).reshape(-1, 3)
    return rays.astype(np.float32)


def _blur(pixels: int, fine: int, psf_px: float) -> NDArray[np.float32]:
    """(pixels, pixels*fine): box of a pixel blurred by the lens."""
    centre = (np.arange(pixels) + 0.5)[:, None]
    at = ((np.arange(pixels * fine) + 0.5) / fine)[None, :]
    weight = np.zeros((pixels, pixels * fine))
    for k in range(9):
        weight += np.exp(-0.5 * ((at - centre - (k - 4) / 9) / psf_px) ** 2)
    return np.asarray(weight / weight.sum(1, keepdims=True), np.float32)


def _trace(camera: Camera, who: Body, rays: NDArray[np.float32]) -> NDArray[np.float32]:
    """Warmth (T, R) of the nearest part that each ray meets, 0 where it meets none."""
    moments = len(who.centre_m)
    nearest = np.full((moments, len(rays)), np.inf, np.float32)
    warm = np.zeros((moments, len(rays)), np.float32)
    from_camera = who.centre_m - np.array([0.0, 0.0, camera.height_m])
    for part, share in enumerate(who.warmth):
        whiten = who.whiten[:, part].astype(np.float32)
        q = np.einsum("tij,tj->ti", whiten, from_camera[:, part].astype(np.float32))
        w = np.einsum("tij,rj->tri", whiten, rays)
        ww = np.einsum("tri,tri->tr", w, w)
        wq = np.einsum("tri,ti->tr", w, q)
        inside = wq * wq - ww * ((q * q).sum(1) - 1)[:, None]
        along = (wq - np.sqrt(np.maximum(inside, 0))) / ww
        hit = (inside > 0) & (along < nearest) & (along > 0)
        nearest[hit] = along[hit]
        warm[hit] = share * (CORE_C - camera.room_c)
    return warm
