"""How noisy the pixels of every thermal sensor are, and which of them are sick.

Takes differences to the room (roomlearn.py chooses which), changes the state (roomstate.py). Never looks
ahead, never loops over sensors.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.roomstate import (
    F32,
    SMOOTH_FROM,
    BackgroundParams,
    BackgroundState,
    Bools,
    Rows,
    overwrites,
    share,
    smooth3,
    unreadable,
)

DEV_TO_SIGMA: Final = 1.2533  # mean absolute deviation → standard deviation of a normal variable
MEDIAN_TO_DEV: Final = 1.183  # median absolute deviation → mean absolute deviation of the same
ODD_SHARE: Final = (
    0.1  # if more pixels than this differ from the rest, it is the array's nature (coarse steps)
)
MOST_DEV: Final = 16.0  # deviations beyond this many times the usual count as this: one glitch is no sickness
MOST_NOISE: Final = 4.0  # the same for the noise of the sensor


def _usual(params: BackgroundParams, noise: F32) -> F32:
    """Mean absolute deviation of a good pixel, centi-K, never below that of the noise floor."""
    return np.asarray(np.maximum(noise, np.float32(params.noise_floor_k * 100 / DEV_TO_SIGMA)))


def sigma_of(params: BackgroundParams, state: BackgroundState, at: Rows) -> F32:
    """Noise of one pixel, K."""
    noise = state.noise[at] * np.float32(DEV_TO_SIGMA / 100)
    return np.asarray(np.maximum(noise, np.float32(params.noise_floor_k)))


def fog_of(params: BackgroundParams, state: BackgroundState, at: Rows) -> F32:
    """Noise of one pixel of the picture that blobs are sought in, K."""
    noise = state.fog[at] * np.float32(DEV_TO_SIGMA / 100)
    least = params.noise_floor_k / (3 if state.rows * state.cols >= SMOOTH_FROM else 1)
    return np.asarray(np.maximum(noise, np.float32(least)))


def sick(params: BackgroundParams, state: BackgroundState, at: Rows) -> Bools:
    """(N, P) pixels much noisier than the rest of their sensor, or stuck."""
    dev, usual = state.dev[at], _usual(params, state.noise[at])
    loud = dev > (np.float32(params.sick_ratio) * usual)[:, None]
    stuck = dev < (np.float32(params.stuck_ratio) * usual)[:, None]
    most = ODD_SHARE * dev.shape[1]
    for mask in (loud, stuck):
        some = np.flatnonzero(mask.any(axis=1))
        mask[some[np.count_nonzero(mask[some], axis=1) > most]] = False
    return np.asarray(loud | stuck)


def measure(  # noqa: PLR0917  (one array a thing known of each sensor)
    params: BackgroundParams,
    state: BackgroundState,
    sensor: NDArray[np.intp],
    off: F32,
    free: F32 | None,
    dt: F32,
    good: Bools | None = None,
) -> None:
    """Fold in differences `off` (M, P) centi-K, common mode removed; only pixels that are `free`.

    The noise is a plain mean at first, without what warm-up said: arrays that average repeat themselves in
    its second and a half (recorded and simulated: half of the noise between frames 2 s apart).

    `good`: the free ones and those that stand out all alone, which a body does not.

    `off` is overwritten.
    """
    noise = state.noise[sensor]
    usual = _usual(params, noise)
    young = state.age_s[sensor] < params.young_s
    quick = share(dt, np.where(young, np.float32(params.young_tau_s), np.float32(params.dev_tau_s)))
    known_s = np.maximum(state.age_s[sensor] - np.float32(params.warm_s), 0)
    quick = np.maximum(
        quick, dt / np.maximum(known_s + dt, np.float32(1e-6))
    )  # what warm-up said is forgotten
    foggy = np.abs(fogs(state, off if free is None else off * free))
    np.minimum(foggy, (np.float32(MOST_NOISE) * state.fog[sensor] + 1)[:, None], out=foggy)
    size = np.abs(off, out=off)
    np.minimum(size, (np.float32(MOST_DEV) * usual)[:, None], out=size)
    step = size - state.dev[sensor]
    step *= share(dt, params.dev_tau_s)[:, None]
    np.minimum(size, (np.float32(MOST_NOISE) * usual)[:, None], out=size)
    ones = np.ones(off.shape[1], np.float32)
    if free is None:
        mean = np.vecdot(size, ones) / np.float32(len(ones))
        fog = np.vecdot(foggy, ones) / np.float32(len(ones))
    else:
        step *= free if good is None else good
        count = np.vecdot(free, ones)
        mean = np.vecdot(size, free) / np.maximum(count, np.float32(1))
        fog = np.vecdot(foggy, free) / np.maximum(count, np.float32(1))
        quick = quick * (count > 0.25 * len(ones))
    state.noise[sensor] = noise + quick * (mean - noise)
    state.fog[sensor] += quick * (fog - state.fog[sensor])
    overwrites(state, state.dev, sensor)
    state.dev[sensor] += step
    mask(params, state, sensor)


def mask(params: BackgroundParams, state: BackgroundState, sensor: NDArray[np.intp]) -> None:
    """Note which pixels are masked from now on: those that the room has no reading of, and sick ones."""
    blank, before = sick(params, state, sensor), state.odd[sensor]
    blank[before] |= unreadable(state.whole[sensor[before]])
    odd = blank.any(axis=1)
    some = np.flatnonzero(odd | before)
    if not np.array_equal(state.blank[sensor[some]], blank[some]):
        overwrites(state, state.blank, sensor[some])
        state.blank[sensor[some]] = blank[some]
        state.scratch.spots = None
    state.odd[sensor] = odd


def fogs(state: BackgroundState, off: F32) -> F32:
    """(M, P) the pictures `off` as blobs are sought in them."""
    if off.shape[1] < SMOOTH_FROM:
        return off.copy()
    return smooth3(off.reshape(-1, state.rows, state.cols)).reshape(off.shape)
