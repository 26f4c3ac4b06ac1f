"""The arrays on sale, as cameras: where each figure of theirs comes from.

Takes a seed and a mount (and a room, for the corner or wall to hang on), gives a Camera. Never draws.

Full frames a second: arrays with chess-board subpages give half their refresh rate (Melexis driver issue
pimoroni/mlx90640-library#20). Noise: the data sheet's NETD, times the root of the rate it is used at over
the rate it is given for.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final, Literal, Protocol

import numpy as np

from simulator.camera import Camera
from simulator.world import Room

Mount = Literal["ceiling", "wall"]
PLACE: Final = 51  # stream of random numbers
CEILING_M: Final = 2.5
WALL_M: Final = 2.2
WALL_TILT_DEG: Final = (25.0, 35.0)
"""Flatter, and the floor near the wall is out of view; steeper, and the far side of the room is."""
PLACES: Final = ("height_m", "x_m", "y_m", "yaw_deg", "tilt_deg")
SIDES: Final = tuple((i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j)
"""Corners and middles of the walls, as signs of x and y."""
INSET_M: Final = 0.08  # how far the device stands off the wall


def amg8833(seed: int, mount: Mount = "ceiling", *, room: Room | None = None, **place: float) -> Camera:
    """8x8, 60°, ten frames a second, steps of 0.25 K, ±2.5 °C, 0 to 80 °C (AMG88xx data sheet, nanoFramework
    Amg88xx docs); noise 0.15 K at that rate; everything else as in the recipe for simulated arrays.
    """
    camera = Camera(
        rows=8,
        cols=8,
        fov_deg=60.0,
        rate_hz=10.0,
        netd_k=0.15,
        step_k=0.25,
        lag_s=0.1,
        fixed_k=0.3,
        drift_k=0.3,
        low_c=0.0,
        high_c=80.0,
        gradient_k=1.0,
        offset_k=1.0,
        seed=seed,
    )
    return _hung(camera, mount, room, place)


def d6t16(seed: int, mount: Mount = "ceiling", *, room: Room | None = None, **place: float) -> Camera:
    """16x16 like the array that recorded the ceiling16 trace (Kawashima et al., AVSS 2017), measured there:
    9.1 frames a second in steps of 0.01 K. The readings climb from zero for the first eleven frames and their
    noise of 0.08 K is alike for as long: the device gives the mean of its last 1.2 s, so that one frame's own
    noise is 0.08 K x √11. From frame to frame the readings move by 0.025 K and not by 0.037 K, as if every
    reading served for two. Fixed pattern and slope are those of the recorded empty rooms.

    View and blur were chosen on two of the four people: the view for the pixels that they cover lying,
    sitting and standing (15 to 19), the blur for the length over the width of who lies (2.4) and their
    warmest pixel over the mean (1.8). The contrast was set last, with all four in view, so that people in the
    simulator's usual clothes are no warmer lying on the floor (0.37 K) than those were; they then are cooler
    sitting and standing (a tenth of what skin and clothes would give in full). See docs/simulation.md.
    """
    camera = Camera(
        rows=16,
        cols=16,
        fov_deg=64.0,
        rate_hz=9.1,
        netd_k=0.22,
        rim_noise=1.4,
        spread_noise=0.17,
        step_k=0.01,
        psf_px=0.4,
        lag_s=0.0,
        fixed_k=0.06,
        drift_k=0.2,
        low_c=0.0,
        high_c=80.0,
        gradient_k=0.3,
        offset_k=1.0,
        contrast=0.091,
        average=11,
        renewed=2,
        seed=seed,
    )
    return _hung(camera, mount, room, place)


def mlx90641(seed: int, mount: Mount = "ceiling", *, room: Room | None = None, **place: float) -> Camera:
    """12x16, 110° x 75°, eight frames a second, whole frames (no chess board); NETD 0.1 K at 4 Hz
    (MLX90641 data sheet), so 0.14 K at 8 Hz.
    """
    camera = Camera(
        rows=12,
        cols=16,
        fov_deg=110.0,
        fov_rows_deg=75.0,
        rate_hz=8.0,
        netd_k=0.14,
        step_k=0.02,
        lag_s=0.1,
        fixed_k=0.3,
        drift_k=0.3,
        dead=_dead(seed),
        corrupt_per_h=0.2,
        hot_per_h=0.2,
        gradient_k=1.0,
        offset_k=1.0,
        seed=seed,
    )
    return _hung(camera, mount, room, place)


def mlx90640(seed: int, mount: Mount = "ceiling", *, room: Room | None = None, **place: float) -> Camera:
    """24x32, 110° x 75°, refreshed at 8 Hz, which is four full frames a second; NETD 0.1 K at 1 Hz
    (MLX90640 data sheet), so 0.28 K a subpage. Corrupt subpages and pixels above 300 °C happen (the driver
    of aiot-lab/TADAR drops and repairs them); how often is judgement.
    """
    camera = Camera(
        rows=24,
        cols=32,
        fov_deg=110.0,
        fov_rows_deg=75.0,
        rate_hz=4.0,
        netd_k=0.28,
        step_k=0.02,
        lag_s=0.1,
        fixed_k=0.3,
        drift_k=0.3,
        subpages=True,
        dead=_dead(seed),
        corrupt_per_h=0.2,
        hot_per_h=0.2,
        gradient_k=1.0,
        offset_k=0.5,
        seed=seed,
    )
    return _hung(camera, mount, room, place)


def mlx90640_narrow(
    seed: int, mount: Mount = "ceiling", *, room: Room | None = None, **place: float
) -> Camera:
    """The same array behind the other lens, 55° x 35°."""
    return replace(mlx90640(seed, mount, room=room, **place), fov_deg=55.0, fov_rows_deg=35.0)


def lepton(seed: int, mount: Mount = "ceiling", *, room: Room | None = None, **place: float) -> Camera:
    """60x80, 57°, 8.7 frames a second, NETD 0.05 K, steps of 0.01 K (Lepton data sheet); a bolometer is fast,
    keeps little pattern after its shutter has closed, and is off by some kelvin.
    """
    camera = Camera(
        rows=60,
        cols=80,
        fov_deg=57.0,
        rate_hz=8.7,
        netd_k=0.05,
        step_k=0.01,
        lag_s=0.012,
        fixed_k=0.1,
        drift_k=0.5,
        low_c=-10.0,
        high_c=140.0,
        gradient_k=1.0,
        offset_k=1.5,
        seed=seed,
    )
    return _hung(camera, mount, room, place)


class Preset(Protocol):
    """Makes one camera of a kind."""

    def __call__(
        self, seed: int, mount: Mount = "ceiling", *, room: Room | None = None, **place: float
    ) -> Camera:
        """Give the array of device `seed`, hung in `room`."""
        ...


PRESETS: Final[Mapping[str, Preset]] = MappingProxyType(
    {
        "amg8833": amg8833,
        "d6t16": d6t16,
        "mlx90641": mlx90641,
        "mlx90640": mlx90640,
        "mlx90640_narrow": mlx90640_narrow,
        "lepton": lepton,
    }
)


def _dead(seed: int) -> int:
    """Pixels without a reading: the data sheets allow four, most devices have none (judgement)."""
    return int(np.random.default_rng([seed, PLACE, 1]).choice([0, 0, 0, 1, 2, 4]))


def _hung(camera: Camera, mount: Mount, room: Room | None, place: Mapping[str, float]) -> Camera:
    """In the middle of the ceiling, or in a corner or the middle of a wall, looking in; what `place` says
    goes over it. ValueError: a key of `place` that is none of PLACES.
    """
    unknown = sorted(set(place) - set(PLACES))
    if unknown:
        raise ValueError(f"no place of a camera: {', '.join(unknown)}; there are {', '.join(PLACES)}")
    at = dict(zip(PLACES, (CEILING_M, 0.0, 0.0, 0.0, 0.0), strict=True))
    if mount == "wall":
        rng = np.random.default_rng([camera.seed, PLACE])
        width, depth = (room.width_m, room.depth_m) if room is not None else (4.0, 4.0)
        i, j = SIDES[int(rng.integers(len(SIDES)))]
        x, y = i * (width / 2 - INSET_M), j * (depth / 2 - INSET_M)
        yaw, tilt = float(np.degrees(np.arctan2(-y, -x))), float(rng.uniform(*WALL_TILT_DEG))
        at = dict(zip(PLACES, (WALL_M, x, y, yaw, tilt), strict=True))
    height_m, x_m, y_m, yaw_deg, tilt_deg = ({**at, **place}[k] for k in PLACES)
    return replace(
        camera, mount=mount, height_m=height_m, x_m=x_m, y_m=y_m, yaw_deg=yaw_deg, tilt_deg=tilt_deg
    )
