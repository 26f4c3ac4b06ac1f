"""The empty room of every thermal sensor, and what stands out from it.

Takes a batch of frames, gives per frame the excess over the learnt room in kelvin with the drift that
all pixels share removed, and the measured noise. Holds the learnt value under anything that stands
out, so that a person lying still for hours never becomes part of the room. Never looks ahead, never
says what the warm thing is.

Procedure, all sensors at once:
1. A frame equal to the one before is not news; for `frozen_s` on end the sensor counts as frozen.
2. Warm-up: mean of the frames since the last jump of the whole picture; ready after `warm_s`.
3. Common mode: median over a grid of pixels, refined by the clipped mean of all; removed.
4. Gate: no mean of 2 x 2 pixels beyond `gate_sigma` means nothing stands out; only large pictures rely on it
   for learning (of 8x8 a person may fill a single pixel).
5. Every `update_s`, free pixels (not standing out, nor next to one that does) follow the frame; pixels
   that became cooler than the room follow fast (somebody was there at warm-up); pixels that stand out
   follow with `static_tau_s` only while nothing alive has been seen to move there, else not at all;
   the common mode goes into every pixel, held ones too.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.frame import BAD_PIXEL, Frames

F32 = NDArray[np.float32]
Bools = NDArray[np.bool_]

MIX = 0x2545F4914F6C  # spreads the bits of a checksum; any large odd-ish number would do
GRID = 64  # pixels in the first estimate of the common mode: a median of 64 is sure to 0.16 sigma
SMOOTH_FROM = 200  # pixels; below it (8x8, 12x16) one pixel is as large as a head, and smoothing hides people
DEV_TO_SIGMA = 1.2533  # mean absolute deviation → standard deviation of a normal variable


@dataclass(frozen=True, slots=True)
class BackgroundParams:
    """Table [background] of config/detectors.toml, where each value has its reason."""

    warm_s: float
    jump_k: float
    young_s: float
    young_tau_s: float
    free_tau_s: float
    cool_tau_s: float
    static_tau_s: float
    dev_tau_s: float
    update_s: float
    frozen_s: float
    noise_floor_k: float
    free_sigma: float
    gate_sigma: float
    upset_share: float
    upset_s: float


@dataclass(slots=True)
class BackgroundState:
    """What is remembered; first axis S = sensor of the group, P = rows x cols pixels."""

    rows: int
    cols: int
    mu_c: F32
    """(S, P) learnt temperature of the empty room, °C."""
    noise_k: F32
    """(S,) mean absolute deviation of free pixels from it, K."""
    level_c: F32
    """(S,) level of the last frame while warming up; NaN before the first."""
    age_s: F32
    """(S,) seconds of stable frames learnt from."""
    due_s: F32
    """(S,) seconds since the last update."""
    upset_s: F32
    """(S,) seconds during which most of the picture stood out."""
    still_s: F32
    """(S,) seconds of frames equal to the one before."""
    mark: NDArray[np.int64]
    """(S,) checksum of the last frame."""
    scratch: F32
    """(S, P) room to calculate in, nothing remembered: fresh memory for every step costs a fifth more."""


@dataclass(frozen=True, slots=True)
class Excess:
    """What stands out in N frames."""

    kelvin: F32
    """(N, P) above the room, common mode removed; 0 at bad pixels and while warming up."""
    sigma_k: F32
    """(N,) noise of one pixel."""
    ready: Bools
    """(N,) the room is known."""
    frozen: Bools
    """(N,) the sensor repeats itself."""
    repeated: Bools
    """(N,) equal to the frame before: nothing new."""
    gate: Bools
    """(N,) something might stand out: only these frames are worth a closer look."""


def fresh(sensors: int, rows: int, cols: int) -> BackgroundState:
    """State of `sensors` sensors that know nothing."""
    pixels = rows * cols

    def zeros() -> F32:
        return np.zeros(sensors, np.float32)

    return BackgroundState(
        rows,
        cols,
        np.zeros((sensors, pixels), np.float32),
        zeros(),
        np.full(sensors, np.nan, np.float32),
        zeros(),
        zeros(),
        zeros(),
        zeros(),
        np.zeros(sensors, np.int64),
        np.zeros((sensors, pixels), np.float32),
    )


def rows_of(sensor: NDArray[np.intp]) -> NDArray[np.intp] | slice:
    """The sensors as a slice where they follow each other, so that numpy gives views, not copies."""
    n = len(sensor)
    if n and int(sensor[-1]) - int(sensor[0]) == n - 1:
        return slice(int(sensor[0]), int(sensor[-1]) + 1)
    return sensor


def smooth3(grid: F32) -> F32:
    """Mean of 3 x 3 pixels, (N, rows, cols) → same; the rim is repeated outwards."""
    tall = np.empty_like(grid)
    np.add(grid[:, :-2], grid[:, 2:], out=tall[:, 1:-1])
    tall[:, 0] = grid[:, 0] + grid[:, 1]
    tall[:, -1] = grid[:, -1] + grid[:, -2]
    tall += grid
    wide = np.empty_like(grid)
    np.add(tall[:, :, :-2], tall[:, :, 2:], out=wide[:, :, 1:-1])
    wide[:, :, 0] = tall[:, :, 0] + tall[:, :, 1]
    wide[:, :, -1] = tall[:, :, -1] + tall[:, :, -2]
    wide += tall
    wide *= np.float32(1 / 9)
    return wide


def dilate(mask: Bools) -> Bools:
    """Mask (N, rows, cols) grown by one pixel in all eight directions."""
    tall = mask.copy()
    tall[:, 1:] |= mask[:, :-1]
    tall[:, :-1] |= mask[:, 1:]
    wide = tall.copy()
    wide[:, :, 1:] |= tall[:, :, :-1]
    wide[:, :, :-1] |= tall[:, :, 1:]
    return wide


def step(params: BackgroundParams, state: BackgroundState, frames: Frames, hold: Bools) -> Excess:
    """Learn from one batch and give what stands out.

    `hold` (N,): something alive has been seen in that sensor's view, so what stands out is never
    absorbed. Frames are (N, rows, cols) int16 centi-°C; all else is seconds and kelvin.
    """
    at = rows_of(frames.sensor)
    n = len(frames.sensor)
    centi = frames.centi.reshape(n, -1)
    marked = centi == BAD_PIXEL
    bad = marked if marked.any() else None
    x = np.multiply(centi, np.float32(0.01))
    if bad is not None:
        x[bad] = state.mu_c[at][bad]
    dt = frames.dt_s
    new = np.isnan(dt)
    dt = np.where(new, np.float32(0), dt)

    mark = _mark(centi)
    repeated = (mark == state.mark[at]) & ~new
    still = np.where(repeated, state.still_s[at] + dt, np.float32(0))
    frozen = still > params.frozen_s
    state.mark[at] = mark
    state.still_s[at] = still

    _warm_up(
        params,
        state,
        frames.sensor,
        x,
        dt,
        repeated if bad is None else repeated | (2 * bad.sum(1) > x.shape[1]),
    )
    age = state.age_s[at]
    ready = age >= params.warm_s

    d = np.subtract(x, state.mu_c[at], out=x)
    sigma = np.maximum(state.noise_k[at] * np.float32(DEV_TO_SIGMA), np.float32(params.noise_floor_k))
    common = _common(d, sigma, state.scratch[:n])
    d -= common[:, None]
    if bad is not None:
        d[bad] = 0
    if not ready.all():
        d[~ready] = 0

    grid = d.reshape(n, state.rows, state.cols)
    gate = (
        ready
        & ~frozen
        & (_pairs(grid, state.scratch[:n]).max(axis=(1, 2)) > np.float32(params.gate_sigma) * sigma)
    )

    due = state.due_s[at] + dt
    learn = np.flatnonzero(ready & ~repeated & (due >= params.update_s))
    state.due_s[at] = due
    if learn.size:
        now = rows_of(learn)
        _learn(
            params,
            state,
            frames.sensor[now],
            d[now],
            common[now],
            sigma[now],
            hold[now],
            gate[now],
            None if bad is None else bad[now],
        )
    return Excess(d, sigma, ready, frozen, repeated, gate)


def _common(d: F32, sigma: F32, clipped: F32) -> F32:
    """(N,) step 3, of differences (N, P) to the room; `clipped` (N, P) is overwritten."""
    some = np.sort(d[:, :: max(1, d.shape[1] // GRID)], axis=1)
    last = some.shape[1] - 1
    middle = (some[:, last // 2] + some[:, last - last // 2]) * np.float32(0.5)
    np.minimum(d, (middle + 2 * sigma)[:, None], out=clipped)  # np.clip takes three times as long
    np.maximum(clipped, (middle - 2 * sigma)[:, None], out=clipped)
    return np.asarray(clipped.mean(axis=1))


def _mark(centi: NDArray[np.int16]) -> NDArray[np.int64]:
    """(N,) checksum in which every value and its place counts; integers, so the same in any batch."""
    whole = centi.shape[1] % 4 == 0
    words = np.ascontiguousarray(centi).view(np.int64) if whole else centi.astype(np.int64)
    odd = np.arange(1, words.shape[1] + 1, dtype=np.int64) * MIX | 1
    return np.asarray(np.einsum("np,p->n", words, odd))


def _pairs(grid: F32, room: F32) -> F32:
    """Mean of 2 x 2 neighbours: noise halved, a person's warmth kept. `room` (N, P) is overwritten."""
    n, rows, cols = grid.shape
    tall = room[:, : rows // 2 * cols].reshape(n, rows // 2, cols)
    np.add(grid[:, :-1:2], grid[:, 1::2], out=tall)
    wide = tall[:, :, :-1:2] + tall[:, :, 1::2]
    wide *= np.float32(0.25)
    return wide


def _warm_up(  # noqa: PLR0917  (one array a thing known of each sensor)
    params: BackgroundParams,
    state: BackgroundState,
    sensor: NDArray[np.intp],
    x: F32,
    dt: F32,
    useless: Bools,
) -> None:
    """Mean and deviation of the stable frames of those sensors that do not know their room yet."""
    k = np.flatnonzero((state.age_s[sensor] < params.warm_s) & ~useless)
    if not k.size:
        return
    s, v, step_s = sensor[k], x[k], dt[k]
    level = np.median(v, axis=1)
    anew = ~(np.abs(level - state.level_c[s]) < params.jump_k)
    age = np.where(anew, np.float32(0), state.age_s[s] + step_s)
    share = np.where(anew, np.float32(1), step_s / np.maximum(age + step_s, np.float32(1e-6)))[:, None]
    mu = state.mu_c[s]
    mu += share * (v - mu)
    dev = np.abs(v - mu - (level - np.median(mu, axis=1))[:, None]).mean(axis=1)
    state.noise_k[s] = np.where(anew, dev, state.noise_k[s] + share[:, 0] * (dev - state.noise_k[s]))
    state.mu_c[s] = mu
    state.level_c[s] = level
    state.age_s[s] = age


def _learn(  # noqa: PLR0917  (one array a thing known of each sensor)
    params: BackgroundParams,
    state: BackgroundState,
    sensor: NDArray[np.intp],
    d: F32,
    common: F32,
    sigma: F32,
    hold: Bools,
    gate: Bools,
    bad: Bools | None,
) -> None:
    """Step 5 for the sensors whose update is due."""
    at = rows_of(sensor)
    pixels = d.shape[1]
    dt = state.due_s[at]
    limit = np.float32(params.free_sigma) * sigma
    some, out = _out(d, limit, gate, state.rows, state.cols)
    upset = np.zeros(len(d), np.bool_)
    upset[some] = out.sum(axis=1) > params.upset_share * pixels
    # Few rows have pixels that are taken (out or bad); only those are gathered.
    rows, taken = some, out
    if bad is not None:
        whole = bad.copy()
        whole[some] |= out
        rows = np.flatnonzero(whole.any(axis=1))
        taken = whole[rows]

    age = state.age_s[at]
    tau = np.where(age < params.young_s, np.float32(params.young_tau_s), np.float32(params.free_tau_s))
    rate = _share(dt, tau)
    count = np.full(len(d), pixels, np.float32)
    count[rows] = np.maximum(pixels - taken.sum(axis=1), 1)
    rest = d.sum(axis=1)
    rest[rows] = np.where(taken, np.float32(0), d[rows]).sum(axis=1)
    rest /= count

    # Free pixels: a share of their distance from the mean of the free ones; cool ones: a larger share.
    change = np.multiply(d, rate[:, None], out=state.scratch[: len(d)])
    change += (common + rest * (1 - rate))[:, None]
    cool = np.flatnonzero(d < -limit[:, None])
    row = cool // pixels
    if rows.size:
        free = np.ones((len(d), pixels), np.bool_)
        free[rows] = ~taken
        cool = cool[free.ravel()[cool]]
        row = cool // pixels
    more = (_share(dt, params.cool_tau_s) - rate)[row] * (d.ravel()[cool] - rest[row])
    change.ravel()[cool] += more
    # Pixels under somebody follow nothing but the mean of the free ones, exactly: any bias here would add up
    # at every update until the person is part of the room.
    mean = (np.bincount(row, more, len(d)) / count).astype(np.float32)
    change[rows] = np.where(taken, (common + rest + mean)[rows, None], change[rows])
    static = np.where(hold[some], np.float32(0), _share(dt[some], params.static_tau_s))
    if static.any():
        sinks = out if bad is None else out & ~bad[some]
        change[some] += sinks * static[:, None] * (d[some] - rest[some, None])
    state.mu_c[at] += change

    step_k = np.abs(d, out=change)
    total = step_k.sum(axis=1)
    total[rows] = np.where(taken, np.float32(0), step_k[rows]).sum(axis=1)
    noise = state.noise_k[at]
    state.noise_k[at] = noise + _share(dt, params.dev_tau_s) * (total - noise * count) / pixels

    upset_s = np.where(upset, state.upset_s[at] + dt, np.float32(0))
    anew = upset_s > params.upset_s
    state.upset_s[at] = np.where(anew, np.float32(0), upset_s)
    state.age_s[at] = np.where(anew, np.float32(0), age + dt)
    state.level_c[at] = np.where(anew, np.float32(np.nan), state.level_c[at])
    state.due_s[at] = 0


def _out(d: F32, limit: F32, gate: Bools, rows: int, cols: int) -> tuple[NDArray[np.intp], Bools]:
    """Rows of `d` in which anything stands out, and which of their pixels do or touch one that does."""
    large = rows * cols >= SMOOTH_FROM
    look = np.flatnonzero(gate) if large else np.arange(len(d))
    grid = d[look].reshape(-1, rows, cols)
    warm = (smooth3(grid) if large else grid) > limit[look, None, None]
    has = np.flatnonzero(warm.any(axis=(1, 2)))
    return look[has], dilate(warm[has]).reshape(len(has), rows * cols)


def _share(dt_s: F32, tau_s: F32 | float) -> F32:
    """What of a step is taken over in `dt_s` with the time constant `tau_s`."""
    return np.asarray(-np.expm1(-dt_s / tau_s), np.float32)
