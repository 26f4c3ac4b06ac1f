"""The empty room of every thermal sensor, and what stands out from it.

Takes a batch of frames, gives of those frames in which something may stand out the excess over the learnt
room in kelvin with the drift that all pixels share removed, and the measured noise of all. Holds the learnt
value under whatever the caller says is alive, so that a person lying still for hours never becomes part of
the room. Never looks ahead, never says what the warm thing is.

Procedure, all sensors at once:
1. Every frame, in whole numbers: difference to the room, sum over each 3 x 3 box (small arrays: each pixel),
   the highest of them, the sum of all readings.
2. A frame equal to the one before is not news; for `frozen_s` on end the sensor counts as frozen.
3. Warm-up: mean of the frames since the last jump of the whole picture; ready after `warm_s`.
4. Gate: the highest box lies above the mean of the picture by more than white noise does in `gate_false` of
   all frames of an empty room. All else costs no more; sensors with something held are always looked at.
5. Frames past the gate: common mode = the densest level of a sample, sought from the lower quarter upwards,
   for people are warmer than rooms and may fill most of a small picture; removed.
6. Where a reading is impossible, or the spread is not that of a picture: bad pixels, lone glitches and sick
   pixels are masked, a frame with one colour of its chess board in ruins (corrupt subpage) is dropped. Pixels
   known to be bad or sick count as the mean of their picture from step 1 on, and cost next to nothing.
7. Learning: roomlearn.py; at once where nothing stands out, else in `learn`, told what is held.
"""

from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.frame import Frames
from detectors.roomlearn import CENTI, FAMILIAR, WILD, careful, quiet, warm_up
from detectors.roomnoise import DEV_TO_SIGMA, fog_of, sigma_of
from detectors.roomstate import (
    F32,
    I16,
    SMOOTH_FROM,
    BackgroundParams,
    BackgroundState,
    Bools,
    Spots,
    begin,
    box9,
    fresh,
    less_room,
    overwrites,
    pieces,
    rows_from,
    rows_of,
    smooth3,
    spots_of,
    unreadable,
)

__all__ = [
    "DEV_TO_SIGMA",
    "F32",
    "SMOOTH_FROM",
    "BackgroundParams",
    "BackgroundState",
    "Bools",
    "Look",
    "familiar",
    "fresh",
    "learn",
    "level_c",
    "look",
    "rows_of",
    "smooth3",
]

SAMPLE: Final = 96  # pixels in the estimate of the common mode: sure to 0.11 sigma
QUARTER_SIGMA: Final = np.float32(
    0.674
)  # the lower quartile of a normal variable lies this far below its mean
WINDOW_SIGMA: Final = np.float32(2.5)  # readings further from the level than this do not belong to it
SPREAD_SIGMA: Final = np.float32(8)  # between 15 % and 85 % of a picture: more is no picture, or of a crowd
HOT: Final = 10_000  # centi-K summed over a box: 11 K over 3 x 3 pixels is no person, or a glitch
FAR_SIGMA: Final = np.float32(5)  # chess board: readings this far out are ruins
RUINED, SOUND = 0.5, 0.2  # shares of ruins on the two colours of a corrupt frame; scenes have as many on both
MOST_BAD: Final = 0.5  # share of pixels; a picture with fewer readings tells nothing
MIX: Final = 0x2545F4914F6C  # spreads the bits of a checksum; any large odd-ish number would do


@dataclass(frozen=True, slots=True)
class Look:
    """What is seen in a batch of N frames; M of them are worth a closer look."""

    ready: Bools
    """(N,) the room is known."""
    frozen: Bools
    """(N,) the sensor repeats itself for longer than `frozen_s`."""
    repeated: Bools
    """(N,) nothing new: equal to the frame before, or corrupt."""
    sigma_k: F32
    """(N,) noise of one pixel."""
    fog_k: F32
    """(N,) the same of the picture that blobs are sought in: smoothed, if it is large."""
    common_k: F32
    """(N,) drift of the whole picture that was removed."""
    bad_share: F32
    """(N,) share of pixels without a usable reading, as of the last closer look."""
    rows: NDArray[np.intp]
    """(M,) index into the batch, increasing: ready, not repeated, something may stand out."""
    kelvin: F32
    """(M, P) excess over the room, common mode removed, 0 at masked pixels. Lent: the next look of the
    same state writes over it."""
    odd: Bools
    """(M,) pixels are masked."""


def look(params: BackgroundParams, state: BackgroundState, frames: Frames) -> Look:
    """What stands out of one batch; learns from warm-up and from frames in which nothing does.

    `frames.centi` (N, rows, cols) int16 centi-°C. Call `learn` with the result before the next look.
    """
    n = len(frames.sensor)
    at = rows_of(frames.sensor)
    begin(state, frames.sensor)
    pixels = state.rows * state.cols
    centi = np.ascontiguousarray(frames.centi).reshape(n, pixels)
    large = pixels >= SMOOTH_FROM
    spots = spots_of(state, at)
    high, total, common = _scan(state, frames.sensor, centi, spots)
    changed = _changed(state, frames.sensor, centi, spots)
    gap = np.isnan(frames.dt_s)
    dt = np.fmax(frames.dt_s, np.float32(0))

    mark = _mark(centi, total)
    repeated = (mark == state.mark[at]) & ~gap
    state.mark[at] = mark
    still = np.where(repeated, state.still_s[at] + dt, np.float32(0))
    state.still_s[at] = still

    sigma = sigma_of(params, state, at)
    ready = state.age_s[at] >= params.warm_s
    live = ready & ~repeated
    limit = np.float32(100 * _gate(params.gate_false, pixels)) * sigma
    gate = high - np.float32(9 if large else 1) * common > limit
    due = state.due_s[at] + dt
    state.due_s[at] = due
    hold = state.hold_s[at] - dt
    state.hold_s[at] = hold
    ripe = due >= params.update_s
    gate |= (hold > 0) | (ripe & (changed | (state.bad_share[at] > MOST_BAD)))
    gate &= live
    learns = np.flatnonzero(ripe & live & ~gate)
    for wild in quiet(params, state, frames.sensor, centi, learns, common, spots):
        gate[wild] = True
    if not ready.all():
        k = np.flatnonzero(~ready & ~repeated)
        warm_up(params, state, frames.sensor[k], centi[k], dt[k])

    rows = np.flatnonzero(gate)
    kelvin, common[rows], trouble = _close(state, frames.sensor, centi, rows, sigma, common, spots)
    trouble |= changed[rows]
    odd = state.odd[frames.sensor[rows]]
    if trouble.any():
        rows, kelvin, odd = _mask(
            params, state, frames, centi, rows, kelvin, (odd, trouble), sigma, common, repeated
        )
    return Look(
        ready,
        still > params.frozen_s,
        repeated,
        sigma,
        fog_of(params, state, at),
        common / CENTI,
        state.bad_share[at],
        rows,
        kelvin,
        odd,
    )


def learn(params: BackgroundParams, state: BackgroundState, frames: Frames, seen: Look, hold: Bools) -> None:
    """Learn from the frames that stood out. `hold` (M, P): pixels under something alive, never absorbed.

    What is held stays so for `hold_keep_s`, so a patch that is lost for a moment does not sink in.
    """
    if not seen.rows.size:
        return
    sensor = frames.sensor[seen.rows]
    ripe = np.flatnonzero(state.due_s[sensor] >= params.update_s)
    for piece in pieces(ripe, state.scratch.chunk):
        k, s = rows_of(piece), sensor[piece]
        mine = hold[k]
        some = mine.any(axis=1)
        if some.any():
            overwrites(state, state.held, s[some])
            state.held[s[some]] = mine[some]
            state.hold_s[s[some]] = params.hold_keep_s
        kept = state.hold_s[s] > 0
        kelvin = state.scratch.e[: len(s)]
        np.take(seen.kelvin, piece, axis=0, out=kelvin, mode="clip")
        odd = np.flatnonzero(seen.odd[k] | state.odd[s])
        blank = None
        if odd.size:
            rows = seen.rows[piece[odd]]
            blank = (odd, kelvin[odd] == 0, frames.centi[rows].reshape(len(rows), -1))
        held = state.held[s] & kept[:, None] if kept.any() else None
        careful(params, state, s, kelvin, seen.common_k[seen.rows[piece]], held, blank)


def familiar(state: BackgroundState, sensor: NDArray[np.intp], x_px: F32, y_px: F32) -> Bools:
    """(L,) static heat has sunk in before at these places, pixels from the middle of the pictures."""
    col = np.clip(np.rint(x_px + np.float32((state.cols - 1) / 2)), 0, state.cols - 1)
    row = np.clip(np.rint(y_px + np.float32((state.rows - 1) / 2)), 0, state.rows - 1)
    at = (row * state.cols + col).astype(np.intp)
    return np.asarray(state.familiar[sensor, at] >= FAMILIAR)


def level_c(state: BackgroundState, sensor: NDArray[np.intp]) -> F32:
    """(N,) mean temperature of the learnt room, °C."""
    return np.asarray(state.total[sensor] / (state.room.shape[1] * CENTI), np.float32)


@cache
def _gate(false: float, pixels: int) -> float:
    """Sigmas by which the highest box (small arrays: pixel) exceeds the mean in a share `false` of frames."""
    errors = NormalDist().inv_cdf(1 - false / pixels)
    return errors * (3 if pixels >= SMOOTH_FROM else 1)


def _scan(
    state: BackgroundState, sensor: NDArray[np.intp], centi: I16, spots: Spots
) -> tuple[NDArray[np.int16], NDArray[np.int64], F32]:
    """Step 1: (N,) highest box of the difference to the room, sum of the readings, mean difference."""
    n, pixels = centi.shape
    common = np.empty(n, np.float32)
    high = np.empty(n, np.int16)
    total = np.empty(n, np.int64)
    scratch, large = state.scratch, pixels >= SMOOTH_FROM
    for a in range(0, n, scratch.chunk):
        here = slice(a, a + scratch.chunk)
        c = centi[here]
        m, s = len(c), sensor[here]
        total[here] = np.add.reduce(c, axis=1, dtype=np.int32)
        common[here] = (total[here] - state.total[rows_of(s)]) / pixels
        d = less_room(state, s, c, common[here], spots.part(a, a + m))
        sums = box9(d, scratch.t[:m], scratch.u[:m], state.cols) if large else d
        sums.max(axis=1, out=high[here])
    return high, total, common


def _changed(state: BackgroundState, sensor: NDArray[np.intp], centi: I16, spots: Spots) -> Bools:
    """(N,) a masked pixel can be read and could not be before, or the other way round, or is unreadable in
    another way: the sums of step 1 are wrong by that until the room knows.
    """
    now = centi[spots.row, spots.pixel]
    before = state.whole[sensor[spots.row], spots.pixel]
    news = np.where(spots.never, now != before, unreadable(now))
    out = np.zeros(len(centi), np.bool_)
    out[spots.row[news]] = True
    return out


def _mark(centi: I16, total: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N,) checksum: the sum of the readings and four of them as they are."""
    four = np.ascontiguousarray(centi[:, :: centi.shape[1] // 4][:, :4])
    return np.asarray(four.view(np.int64)[:, 0] + total * MIX)


def _close(  # noqa: PLR0917  (one array a thing known of each frame)
    state: BackgroundState,
    sensor: NDArray[np.intp],
    centi: I16,
    rows: NDArray[np.intp],
    sigma: F32,
    mean: F32,
    spots: Spots,
) -> tuple[F32, F32, Bools]:
    """Step 5: excess (M, P) K, common mode (M,) centi-K, and whether step 6 is needed."""
    scratch, pixels = state.scratch, centi.shape[1]
    if len(scratch.kelvin) < len(rows):
        scratch.kelvin = np.empty((max(len(rows), 2 * len(scratch.kelvin)), pixels), np.float32)
    kelvin = scratch.kelvin[: len(rows)]
    common = np.empty(len(rows), np.float32)
    trouble = np.empty(len(rows), np.bool_)
    step = max(1, pixels // SAMPLE) | 1  # odd: takes in all columns and both colours of a chess board
    begin, mine = 0, spots.within(rows)
    for piece in pieces(rows, scratch.chunk):
        s, m = sensor[piece], len(piece)
        some = mine.part(begin, begin + m)
        here = slice(begin, begin + m)
        begin += m
        c = rows_from(centi, rows_of(piece), scratch.t)
        d = less_room(state, s, c, mean[piece], some)
        noise = sigma[piece] * CENTI
        level, spread = _level(d[:, ::step], noise)
        common[here] = level
        much = state.bad_share[s] > MOST_BAD
        trouble[here] = (spread > SPREAD_SIGMA * noise) | much | _extreme(d, level)
        part = kelvin[here]
        np.copyto(part, d)
        part -= level[:, None]
        part *= np.float32(0.01)
        part[some.row, some.pixel] = 0
    return kelvin, common, trouble


def _level(sample: I16, noise: F32) -> tuple[F32, F32]:
    """(M,) the densest level, searched upwards from the lower quarter, and the spread of most values."""
    some = np.ascontiguousarray(np.sort(sample, axis=1).T).astype(np.float32)
    last = len(some) - 1
    low, quarter, high = (some[round(last * q)] for q in (0.15, 0.25, 0.85))
    level = quarter + QUARTER_SIGMA * noise
    reach = WINDOW_SIGMA * noise
    for _ in range(2):
        near = (np.abs(some - level) <= reach).astype(np.float32)
        count = np.maximum(near.sum(axis=0), np.float32(1))
        near *= some
        level = np.where(count > 1, near.sum(axis=0) / count, level)  # sums of whole numbers: exact
    return level, high - low


def _extreme(d: I16, level: F32) -> Bools:
    """(M,) a reading may be impossible, or of a glitch."""
    return np.asarray((d.max(axis=1) - level > HOT) | (d.min(axis=1) - level < -WILD))


def _mask(  # noqa: PLR0917  (one array a thing known of each frame)
    params: BackgroundParams,
    state: BackgroundState,
    frames: Frames,
    centi: I16,
    rows: NDArray[np.intp],
    kelvin: F32,
    which: tuple[Bools, Bools],
    sigma: F32,
    common: F32,
    repeated: Bools,
) -> tuple[NDArray[np.intp], F32, Bools]:
    """Step 6; drops corrupt frames and those in which nothing is left.

    `which` of the rows have masked pixels, and are looked at here.
    """
    odd, trouble = which
    k = np.flatnonzero(trouble)
    row = rows[k]
    s = frames.sensor[row]
    c = centi[row]
    bad = unreadable(c)
    whole = state.whole[s]  # once more, in 32 bits: differences may have wrapped
    never = unreadable(whole)
    room = np.where(never, state.room[s], whole.astype(np.float32))
    e = (c - room - common[row, None]) / CENTI
    some = np.flatnonzero(np.where(bad, np.float32(0), e).max(axis=1) > params.glitch_k)
    bad[some] |= _lone(e[some].reshape(-1, state.rows, state.cols), params.glitch_k)
    chess = (np.add.outer(np.arange(state.rows), np.arange(state.cols)) % 2).ravel() > 0
    far = bad | (np.abs(e) > (FAR_SIGMA * sigma[row])[:, None])
    black, white = far[:, chess].mean(axis=1), far[:, ~chess].mean(axis=1)
    corrupt = (np.maximum(black, white) > RUINED) & (np.minimum(black, white) < SOUND)
    bad |= state.blank[s] & ~never
    e[bad] = 0
    share = bad.mean(axis=1, dtype=np.float32)
    state.bad_share[s] = np.where(corrupt, np.float32(0.5), share)
    useless = corrupt | (share > MOST_BAD)
    repeated[row[useless]] = True
    kelvin[k] = e
    odd[k] = bad.any(axis=1)

    large = e.shape[1] >= SMOOTH_FROM
    picture = smooth3(e.reshape(-1, state.rows, state.cols)).reshape(e.shape) if large else e
    limit = np.float32(_gate(params.gate_false, e.shape[1]) / (9 if large else 1)) * sigma[row]
    busy = (picture.max(axis=1) > limit) | (state.hold_s[s] > 0) | (state.due_s[s] >= params.update_s)
    keep = np.ones(len(rows), np.bool_)
    keep[k] = busy & ~useless
    if keep.all():
        return rows, kelvin, odd
    left = np.flatnonzero(keep)
    kelvin[: len(left)] = kelvin[left]
    return rows[left], kelvin[: len(left)], odd[left]


def _lone(grid: F32, above_k: float) -> Bools:
    """(M, P) pixels hotter than all eight neighbours by more than `above_k`."""
    m, rows, cols = grid.shape
    frame = np.full((m, rows + 2, cols + 2), -np.inf, np.float32)
    frame[:, 1:-1, 1:-1] = grid
    most = np.full_like(grid, -np.inf)
    for a in range(3):
        for b in range(3):
            if (a, b) != (1, 1):
                np.maximum(most, frame[:, a : a + rows, b : b + cols], out=most)
    return np.asarray((grid - most > above_k).reshape(m, rows * cols))
