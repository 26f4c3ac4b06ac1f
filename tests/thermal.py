"""Things several tests of the thermal pipeline need: shipped parameters, optics, simulated homes in beats."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors import fall
from detectors.finding import Finding
from detectors.frame import Frames, Optics
from detectors.params import Params
from detectors.zones import laid_out
from guardian.settings import CONFIG, load
from simulator import fitting
from simulator.stage import SimulatedHome


def shipped() -> fall.FallParams:
    """The parameters in config/detectors.toml."""
    return everything().fall


def everything() -> Params:
    """The parameters of all detectors in config/detectors.toml."""
    return load(CONFIG / "guardian.toml").detectors


def optics(
    rows: int,
    cols: int,
    sensors: int,
    *,
    height_m: float = 2.5,
    fov_deg: float | None = 110.0,
    rate_hz: float = 4.0,
) -> Optics:
    """The same ceiling optics for all sensors, straight above the middle of their rooms."""

    def all_of(value: float | None) -> NDArray[np.float32]:
        return np.full(sensors, np.nan if value is None else value, np.float32)

    return Optics(
        rows=rows,
        cols=cols,
        height_m=all_of(height_m),
        fov_deg=all_of(fov_deg),
        wall=np.zeros(sensors, np.bool_),
        rate_hz=all_of(rate_hz),
        tilt_deg=all_of(None),
        yaw_deg=all_of(None),
        x_m=all_of(None),
        y_m=all_of(None),
    )


def batch(
    t_ms: NDArray[np.int64], centi: NDArray[np.int16], k: int, rows: NDArray[np.intp] | None = None
) -> Frames:
    """The k-th frame of all sensors (or of `rows`): `centi` is (S, N, rows, cols), `t_ms` (N,)."""
    sensor = np.arange(len(centi)) if rows is None else rows
    dt_s = np.nan if k == 0 else (t_ms[k] - t_ms[k - 1]) / 1000
    return Frames(
        sensor,
        centi[sensor, k],
        np.full(len(sensor), t_ms[k]),
        np.full(len(sensor), dt_s, np.float32),
    )


def group(
    homes: Sequence[SimulatedHome], *, furniture: bool = True
) -> tuple[fall.FallState, NDArray[np.int64], NDArray[np.int16]]:
    """Fresh state, times (N,) and frames (S, N, rows, cols) of homes with equal sensors."""
    first = homes[0]
    eyes = optics(
        first.rows,
        first.cols,
        len(homes),
        height_m=first.height_m,
        fov_deg=first.fov_deg,
        rate_hz=first.rate_hz,
    )
    zones = laid_out([h.furniture for h in homes]) if furniture else None
    return fall.fresh(eyes, zones), first.t_ms, np.stack([h.centi for h in homes])


def watch(homes: Sequence[SimulatedHome], *, furniture: bool = True) -> list[Finding]:
    """All findings of homes with equal sensors, rows in the order given."""
    state, t_ms, centi = group(homes, furniture=furniture)
    params = shipped()
    found: list[Finding] = []
    for k in range(len(t_ms)):
        found += fall.step(params, state, batch(t_ms, centi, k), int(t_ms[k]))[0]
    return found


def hastily(patch: pytest.MonkeyPatch, steps: int) -> None:
    """Fit networks in so few steps that they learn next to nothing."""
    patch.setattr(fitting, "FALLS", replace(fitting.FALLS, steps=steps))
    for name in ("HOME", "LABORATORY"):
        recipe = getattr(fitting, name)
        patch.setattr(fitting, name, replace(recipe, course=replace(recipe.course, steps=steps)))
