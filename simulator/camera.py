"""What a thermal array sees of a room over time.

Takes a camera, the people, animals, warm things and air of one room, gives frames as int16 centi-°C. A
`Painter` draws them in order of time and remembers what the sensor remembers (lag, averaging, frames since
power-on), so that frames drawn in pieces are the frames drawn at once. Seeded: the same camera and room
give the same frames. Never moves anybody and never writes truth.

Steps for every frame (each does nothing where its number is 0):
1. Who and what is in the room at that moment, rounded to what no pixel can tell apart; equal moments are
   drawn once (drawing.py). With subpages the even pixels are those of half a frame earlier.
2. First-order lag of the pixels; then radiance becomes temperature above the room.
3. The room's temperature, its gradient (ceiling warmer than floor, window side cooler) and steam.
4. The sensor's own error: offset, fixed pattern, common drift, noise, averaging, rounding, range.
5. What goes wrong: dead pixels, corrupt subpages, single pixels above 300 °C.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from simulator.drawing import Lens, draw, kelvin, lens
from simulator.inertia import Inertia
from simulator.view import busy, view
from simulator.world import F32, F64, I16, Actor, Air, Bools, Source

BAD_PIXEL: Final = -32768
"""As in the native frame format (detectors/frame.py)."""
TOP_C: Final = 327.0  # int16 centi-°C end here
BLOCK_PIXELS: Final = 1 << 17  # worked on at once: half a megabyte an array stays within the second cache
BLOCK_FRAMES: Final = 64  # but at least so many frames, or calling costs more than counting

# Streams of random numbers; one for each purpose, so that a new one reshuffles nothing.
PATTERN, DRIFT, NOISE, DEAD, GLITCH, GLITCH_SHAPE = range(41, 47)

DRIFT_PERIODS_S: Final = np.array([95.0, 230.0, 610.0, 1700.0, 5300.0])
DRIFT_SHARES: Final = np.array([0.1, 0.2, 0.6, 0.6, 0.8])
"""Ten minutes see about half of the drift of hours (recipe for simulated arrays: 0.2 K in 10 min)."""
NOISE_STREAM: Final = 47  # of random numbers
HOT_C: Final = (301.0, 327.0)  # of a pixel that glitches: above the range, within int16 centi-°C
WRONG_K: Final = (20.0, 5.0)  # of a corrupt subpage: common error up to, and spread over pixels (judgement)


@dataclass(frozen=True, slots=True)
class Camera:
    """One thermal array and where it hangs. ValueError at impossible values.

    Ceiling, yaw 0: columns along +x, rows along +y. Wall: looks along (cos yaw, sin yaw), tilted below
    the horizon; row 0 is the top, columns grow to the right as the sensor sees it. Lenses are equi-angular.
    """

    rows: int
    cols: int
    fov_deg: float
    """Along the columns."""
    rate_hz: float
    """Full frames a second."""
    mount: Literal["ceiling", "wall"] = "ceiling"
    height_m: float = 2.5
    x_m: float = 0.0
    y_m: float = 0.0
    yaw_deg: float = 0.0
    tilt_deg: float = 0.0
    """Ceiling: off the vertical, towards +row; wall: below the horizon."""
    netd_k: float = 0.0
    """Standard deviation of a pixel's noise in one frame at `rate_hz`, before averaging."""
    step_k: float = 0.01
    """Rounding of the sensor."""
    psf_px: float = 0.45
    """Standard deviation of the lens's blur."""
    lag_s: float = 0.0
    fixed_k: float = 0.0
    """Spread of the fixed pattern over the pixels."""
    drift_k: float = 0.0
    """Spread of the common drift over hours; about half of it is seen in ten minutes."""
    subpages: bool = False
    low_c: float = -40.0
    high_c: float = 300.0
    dead: int = 0
    """Pixels without a reading."""
    corrupt_per_h: float = 0.0
    """Frames of which half the pixels (a subpage) are nonsense."""
    hot_per_h: float = 0.0
    """Frames with one pixel above 300 °C."""
    seed: int = 0
    fov_rows_deg: float | None = None
    """Along the rows; None = pixels are square in angle."""
    gradient_k: float = 0.0
    """Up to this much between the middle and the rim of the picture, of the room itself."""
    offset_k: float = 0.0
    """Standard deviation of the constant error that all pixels of one device share."""
    contrast: float = 1.0
    """Share of what is warm that reaches the pixels: window, stray light, crosstalk."""
    rim_noise: float = 0.0
    """How much noisier the corners of the picture are than its middle, as a share; grows with the fourth
    power of the distance."""
    spread_noise: float = 0.0
    """How much devices of one kind differ in noise: standard deviation of its logarithm."""
    average: int = 1
    """The device gives the mean of its last so many frames; after power-on it starts at zero."""
    renewed: int = 1
    """The noise of a frame that is averaged is shared by so many in a row: the device is read out faster than
    it renews its readings."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"{field.name} must be finite, not {value}")
        rows_deg = self.fov_down_deg
        for name, ok in (
            ("rows", self.rows >= 1),
            ("cols", self.cols >= 1),
            ("fov_deg", 0 < self.fov_deg <= 150),
            ("fov_rows_deg", 0 < rows_deg <= 150),
            ("rate_hz", self.rate_hz > 0),
            ("mount", self.mount in {"ceiling", "wall"}),
            ("height_m", self.height_m > 0),
            ("step_k", self.step_k > 0),
            ("dead", 0 <= self.dead <= self.rows * self.cols),
            ("contrast", 0 < self.contrast <= 1),
            ("average", self.average >= 1),
            ("renewed", self.renewed >= 1),
            ("high_c", self.high_c > self.low_c),
        ):
            if not ok:
                raise ValueError(f"impossible {name}: {getattr(self, name)}")
        for name in ("netd_k", "psf_px", "lag_s", "fixed_k", "drift_k", "corrupt_per_h", "hot_per_h"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative: {getattr(self, name)}")

    @property
    def fov_down_deg(self) -> float:
        """Field of view along the rows."""
        return self.fov_rows_deg if self.fov_rows_deg is not None else self.fov_deg * self.rows / self.cols


def axes(camera: Camera) -> F64:
    """Unit vectors (3, 3) in the room: right in the picture, down in the picture, forward."""
    yaw, tilt = np.radians(camera.yaw_deg), np.radians(camera.tilt_deg)
    level = np.array([np.cos(yaw), np.sin(yaw), 0.0])
    up = np.array([0.0, 0.0, 1.0])
    if camera.mount == "ceiling":
        left = np.array([-np.sin(yaw), np.cos(yaw), 0.0])
        forward = -np.cos(tilt) * up + np.sin(tilt) * left
        return np.stack([level, np.cos(tilt) * left + np.sin(tilt) * up, forward])
    forward = np.cos(tilt) * level - np.sin(tilt) * up
    right = np.cross(level, up)
    return np.stack([right, np.cross(forward, right), forward])


def eye(camera: Camera) -> Lens:
    """The camera's rays."""
    return lens(
        (camera.rows, camera.cols),
        (camera.fov_down_deg, camera.fov_deg),
        (camera.x_m, camera.y_m, camera.height_m),
        axes(camera),
        camera.psf_px,
    )


class Painter:
    """Draws one camera's frames in order of time."""

    def __init__(
        self, camera: Camera, room: int, actors: Sequence[Actor], sources: Sequence[Source], air: Air
    ) -> None:
        self.camera = camera
        self._view = view(room, actors, sources, air)
        self._busy = busy(self._view)
        self._eye = eye(camera)
        pixels = camera.rows * camera.cols
        self._inertia = Inertia(pixels, camera.rate_hz, camera.lag_s, camera.average, camera.renewed)
        self._fixed, self._slope, self._offset_k = _pattern(camera)
        self._netd_k = _netd_k(camera)
        rng = np.random.default_rng([camera.seed, DRIFT])
        self._phase = rng.uniform(0, 2 * np.pi, len(DRIFT_PERIODS_S))
        self._noise = np.random.default_rng([camera.seed, NOISE])
        self._glitch = np.random.default_rng([camera.seed, GLITCH])
        self._dead = np.random.default_rng([camera.seed, DEAD]).permutation(pixels)[: camera.dead]
        self._even = (np.add.outer(np.arange(camera.rows), np.arange(camera.cols)) % 2 == 0).ravel()

    def draw(self, t_s: F64) -> I16:
        """Frames (N, rows, cols) in centi-°C at the times `t_s` (N,), later than any drawn before; a pixel
        without a reading is -32768. ValueError: times that do not increase.
        """
        t = np.asarray(t_s, np.float64)
        if t.ndim != 1 or not (np.diff(t, prepend=self._inertia.last_s) > 0).all():
            raise ValueError("t_s must be one row of increasing times, later than those drawn before")
        rows, cols = self.camera.rows, self.camera.cols
        out = np.empty((len(t), rows * cols), np.int16)
        block = max(BLOCK_FRAMES, BLOCK_PIXELS // (rows * cols))
        for k in range(0, len(t), block):
            out[k : k + block] = self._frames(t[k : k + block])
        return out.reshape(len(t), rows, cols)

    def changing(self, t_s: F64, around_s: float = 0.0) -> Bools:
        """(N,) whether, at most `around_s` away from that time, anybody is in the room, or a source or steam
        changes so fast that frames five seconds apart would look different.
        """
        start, end = self._busy
        begun = np.searchsorted(start, t_s + around_s, side="right")
        over = np.searchsorted(end, t_s - around_s, side="left")
        return np.asarray(begun > over)

    def _frames(self, t: F64) -> I16:
        camera, seen, inertia = self.camera, self._view, self._inertia
        first = inertia.frames
        times = inertia.pass_time(t)
        warm = inertia.lag(times, self._warm(t))
        haze = np.interp(t, seen.air_t_s, seen.haze)
        clear = (1 - haze).astype(np.float32)[:, None] if haze.any() else None
        if warm is not None:
            warm = kelvin(warm, seen.mean_c)
            if camera.contrast != 1:
                warm *= np.float32(camera.contrast)
            if clear is not None:
                warm *= clear

        frames = self._noise.standard_normal((len(t), camera.rows * camera.cols), dtype=np.float32)
        frames *= self._netd_k
        if camera.average > 1:
            frames, warm = inertia.mean(times, frames, warm)
        if warm is not None:
            frames += warm
        frames += self._fixed
        frames += self._slope if clear is None else self._slope * clear
        level_c = np.interp(t, seen.air_t_s, seen.air_c) + self._drift(t) + self._offset_k
        frames += level_c.astype(np.float32)[:, None]
        number = np.arange(first, first + len(t))
        if first < camera.average - 1:
            frames *= np.minimum((number + 1) / camera.average, 1).astype(np.float32)[:, None]
        centi = _rounded(frames, camera)
        self._spoil(centi, number)
        return centi

    def _warm(self, t: F64) -> F32 | None:
        """Radiant kelvin (N, pixels) of all that is in the room; None where nothing is."""
        if not self.camera.subpages:
            moments = self._view.moments(t)
            if not moments.things:
                return None
            pictures = draw(self._eye, moments.things, moments.count)
            return pictures.reshape(moments.count, -1)[moments.which]
        half_s = 0.5 / self.camera.rate_hz
        # From the first to the last moment in order, also where frames come faster than twice the rate.
        both, at = np.unique(np.concatenate([t - half_s, t]), return_inverse=True)
        moments = self._view.moments(both)
        if not moments.things:
            return None
        pictures = draw(self._eye, moments.things, moments.count).reshape(moments.count, -1)
        which = moments.which[at.reshape(-1)]
        older, newer = which[: len(t)], which[len(t) :]
        frames = pictures[newer]
        mixed = np.flatnonzero(older != newer)
        if mixed.size:
            frames[mixed] = np.where(self._even, pictures[older[mixed]], frames[mixed])
        return frames

    def _drift(self, t: F64) -> F64:
        if not self.camera.drift_k:
            return np.zeros(len(t))
        share = DRIFT_SHARES / np.sqrt((DRIFT_SHARES**2).sum() / 2)  # so that it spreads by 1
        turn = 2 * np.pi * t[:, None] / DRIFT_PERIODS_S + self._phase
        return np.asarray(self.camera.drift_k * (share * np.sin(turn)).sum(axis=1))

    def _spoil(self, centi: I16, number: NDArray[np.intp]) -> None:
        """Dead pixels, corrupt subpages, hot pixels, in place; `number` (N,) counts frames since power-on."""
        camera = self.camera
        if camera.corrupt_per_h or camera.hot_per_h:
            chance = self._glitch.random((len(centi), 2)) * (3600 * camera.rate_hz)
            for k in np.flatnonzero(chance[:, 0] < camera.corrupt_per_h):
                rng = np.random.default_rng([camera.seed, GLITCH_SHAPE, int(number[k]), 0])
                bad = self._even == bool(rng.integers(2))
                if not camera.subpages:
                    bad = np.arange(len(bad)) >= camera.cols * rng.integers(camera.rows)
                wrong_k = rng.uniform(-WRONG_K[0], WRONG_K[0]) + rng.normal(0, WRONG_K[1], len(bad))
                centi[k, bad] = np.clip(centi[k, bad] + 100 * wrong_k[bad], -32767, 32767)
            for k in np.flatnonzero(chance[:, 1] < camera.hot_per_h):
                rng = np.random.default_rng([camera.seed, GLITCH_SHAPE, int(number[k]), 1])
                centi[k, rng.integers(centi.shape[1])] = round(100 * rng.uniform(*HOT_C))
        centi[:, self._dead] = BAD_PIXEL


def _pattern(camera: Camera) -> tuple[F32, F32, float]:
    """Fixed pattern (pixels,) of the sensor, slope (pixels,) of the room, constant error of the device."""
    rng = np.random.default_rng([camera.seed, PATTERN])
    fixed = rng.normal(0, camera.fixed_k, camera.rows * camera.cols)
    gx, gy = rng.uniform(-0.5, 0.5, 2) * camera.gradient_k
    if camera.mount == "wall":
        gy = -abs(gy) - 0.25 * camera.gradient_k  # warm air is above, the floor is cool
    y = np.linspace(-1, 1, camera.rows)[:, None]
    x = np.linspace(-1, 1, camera.cols)[None, :]
    offset_k = float(np.clip(rng.normal(0, 1), -2, 2)) * camera.offset_k
    return fixed.astype(np.float32), (gx * x + gy * y).ravel().astype(np.float32), offset_k


def _rounded(frames: F32, camera: Camera) -> I16:
    """Temperatures → centi-°C within the sensor's range, in its steps; overwrites `frames`."""
    np.clip(frames, camera.low_c, min(camera.high_c, TOP_C), out=frames)
    frames *= np.float32(1 / camera.step_k)
    np.rint(frames, out=frames)
    if camera.step_k != 0.01:
        frames *= np.float32(100 * camera.step_k)
        np.rint(frames, out=frames)
    return frames.astype(np.int16)


def _netd_k(camera: Camera) -> F32:
    """Noise of each pixel (rows*cols,), K."""
    y, x = np.linspace(-1, 1, camera.rows)[:, None], np.linspace(-1, 1, camera.cols)[None, :]
    off = np.hypot(x, y).ravel() / np.sqrt(2.0)
    own = float(np.exp(np.random.default_rng([camera.seed, NOISE_STREAM]).normal(0.0, camera.spread_noise)))
    return np.asarray(camera.netd_k * own * (1 + camera.rim_noise * off**4), np.float32)
