"""How the empty room of a thermal sensor is learnt: warm-up, quiet frames, frames with something in them.

Takes readings or what stands out of them, changes the state (roomstate.py), gives nothing back but rows
that need a closer look. Never looks ahead, never loops over sensors; what it works out for one sensor does
not depend on which others are in the batch (sums are over whole numbers or within one row).

Procedure when the update of a sensor is due:
1. Nothing stands out: every pixel takes over a share of its difference to the room, drift included.
2. Something does: pixels are *out* (in a 3 x 3 box that is warm), *held* (told by the caller), *bad* or
   *free*. Free ones as in 1, groups much cooler than the room with `cool_tau_s`. Out but not held: with
   `static_tau_s`, and the place becomes familiar. All others, held ones too, follow the mean step of the
   free ones, exactly: any bias here would add up until the person is part of the room.
   In quiet frames (1) masked pixels follow the mean of all.
3. Every `check_s`, and at every update while young, the deviation of each free pixel (roomnoise.py): a pixel
   much noisier than its sensor, or one that hardly changes at all, is sick and masked.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.roomnoise import MEDIAN_TO_DEV, fogs, mask, measure, sigma_of
from detectors.roomstate import (
    F32,
    I16,
    SMOOTH_FROM,
    BackgroundParams,
    BackgroundState,
    Bools,
    Rows,
    Spots,
    box9,
    less_room,
    overwrites,
    rows_from,
    rows_of,
    settle,
    share,
    unreadable,
)

WILD: Final = 3_000  # centi-K: nothing in a home cools by 30 K within an update; such a reading is no reading
FAMILIAR: Final = 100  # of 255: static heat has sunk in here for four minutes
LONGEST_S: Final = 60.0  # one update says no more about how long a place has been warm
COMPANY_LARGE, COMPANY_SMALL = (
    2,
    1,
)  # cool neighbours of a pixel somebody has left; a person covers 12 pixels, or 2
CENTI: Final = np.float32(100)


def warm_up(
    params: BackgroundParams, state: BackgroundState, sensor: NDArray[np.intp], centi: I16, dt: F32
) -> None:
    """Mean and deviation of the frames since the last jump of the whole picture."""
    bad = unreadable(centi)
    known = 2 * np.count_nonzero(bad, axis=1) <= centi.shape[1]
    if not known.all():
        sensor, centi, dt, bad = sensor[known], centi[known], dt[known], bad[known]
    if not len(sensor):
        return
    good = centi.shape[1] - np.count_nonzero(bad, axis=1)
    ordered = np.sort(np.where(bad, np.int16(32_767), centi), axis=1)
    level = np.take_along_axis(ordered, good[:, None] // 2, axis=1)[:, 0].astype(np.float32)
    x = np.where(bad, level[:, None], centi.astype(np.float32))
    anew = ~(np.abs(level - state.level[sensor]) < CENTI * np.float32(params.jump_k))
    age = np.where(anew, np.float32(0), state.age_s[sensor] + dt)
    part = np.where(anew, np.float32(1), dt / np.maximum(age + dt, np.float32(1e-6)))
    mu = state.room[sensor]
    off = x - mu
    off -= np.median(off, axis=1)[:, None]
    dev = np.median(np.abs(off), axis=1) * np.float32(MEDIAN_TO_DEV) * np.sqrt(1 - part)
    noise = state.noise[sensor]
    noise += np.minimum(dt / np.maximum(age, np.float32(1e-6)), 1) * (dev - noise)
    noise = np.where(anew, np.float32(0), noise)
    foggy = np.median(np.abs(fogs(state, off)), axis=1) * np.float32(MEDIAN_TO_DEV) * np.sqrt(1 - part)
    fog = state.fog[sensor]
    fog += np.minimum(dt / np.maximum(age, np.float32(1e-6)), 1) * (foggy - fog)
    state.fog[sensor] = np.where(anew, np.float32(0), fog)
    mu = np.where(anew[:, None], x, mu + part[:, None] * (x - mu))
    state.noise[sensor], state.level[sensor], state.age_s[sensor] = noise, level, age
    for pictures in (state.dev, state.room, state.whole, state.blank):
        overwrites(state, pictures, sensor)
    state.dev[sensor] = noise[:, None]
    state.room[sensor] = mu
    whole = np.where(bad, centi, mu.astype(np.int16))
    state.whole[sensor] = whole
    state.total[sensor] = whole.sum(axis=1, dtype=np.int64)
    odd = bad.any(axis=1)
    if odd.any() or state.odd[sensor].any():
        state.blank[sensor] = bad
        state.scratch.spots = None
    state.odd[sensor] = odd
    state.bad_share[sensor] = bad.mean(axis=1, dtype=np.float32)
    state.due_s[sensor] = 0
    state.check_s[sensor] = 0


def quiet(  # noqa: PLR0917  (one array a thing known of each sensor)
    params: BackgroundParams,
    state: BackgroundState,
    sensor: NDArray[np.intp],
    centi: I16,
    k: NDArray[np.intp],
    common: F32,
    spots: Spots,
) -> list[NDArray[np.intp]]:
    """Step 1 for the rows `k` of the batch; gives the rows that were left, for they need a closer look.

    `sensor` (N,), `centi` (N, P), `common` (N,) centi-K and `spots` of the whole batch.
    """
    wild = []
    at = sensor[k]
    check = state.check_s[at] + state.due_s[at]
    measured = (check >= params.check_s) | (state.age_s[at] < params.young_s)
    for group, ready in ((k[~measured], False), (k[measured], True)):
        mine = spots.within(group)
        for a in range(0, len(group), state.scratch.chunk):
            rows = group[a : a + state.scratch.chunk]
            part = mine.part(a, a + len(rows))
            left = _quiet(params, state, sensor[rows], rows, centi, common[rows], part, ready)
            if len(left):
                wild.append(left)
    return wild


def _quiet(  # noqa: PLR0917
    params: BackgroundParams,
    state: BackgroundState,
    s: NDArray[np.intp],
    rows: NDArray[np.intp],
    centi: I16,
    mean: F32,
    spots: Spots,
    ready: bool,
) -> NDArray[np.intp]:
    """Step 1 for some rows, all to be measured (step 3) if `ready`; gives the rows that were left."""
    d = less_room(state, s, rows_from(centi, rows_of(rows), state.scratch.t), mean, spots)
    low = d.min(axis=1) - mean
    at = rows_of(s)
    wild = low < np.float32(-WILD)
    cool = wild | (low < np.float32(-100 * params.cool_sigma) * sigma_of(params, state, at))
    e = state.scratch.e[: len(s)]
    np.copyto(e, d)
    if cool.any():
        some = np.flatnonzero(cool & ~wild)
        if some.size:
            its, some_e = s[some], (e[some] - mean[some, None]) / CENTI
            odd = np.flatnonzero(state.odd[its])
            blank = (odd, state.blank[its[odd]], centi[rows[some[odd]]]) if odd.size else None
            careful(params, state, its, some_e, mean[some] / CENTI, None, blank)
        left = np.flatnonzero(~cool)
        s, e, mean, spots = s[left], e[left], mean[left], spots.within(left)
        if not len(s):
            return np.asarray(rows[wild])
        at = rows_of(s)
    dt = state.due_s[at]
    check = state.check_s[at] + dt
    if ready:
        free = None if not spots.row.size else (~state.blank[s]).astype(np.float32)
        measure(params, state, s, e - mean[:, None], free, check)
        check = np.zeros_like(check)
    e *= _rate(params, state, at)[:, None]
    settle(state, s, e, None, spots)
    state.check_s[at] = check
    state.age_s[at] += dt
    _fade(params, state, s, dt)
    state.due_s[at] = 0
    return np.asarray(rows[wild])


def careful(  # noqa: PLR0917  (one array a thing known of each sensor)
    params: BackgroundParams,
    state: BackgroundState,
    sensor: NDArray[np.intp],
    kelvin: F32,
    common_k: F32,
    hold: Bools | None,
    blank: tuple[NDArray[np.intp], Bools, I16] | None,
) -> None:
    """Step 2 for sensors (M,) whose update is due; `kelvin` (M, P) is overwritten.

    `blank`: which of the rows have pixels without a usable reading, which ones, and all their readings.
    """
    at, m, pixels = rows_of(sensor), len(sensor), kelvin.shape[1]
    dt, sigma, rate = state.due_s[at], sigma_of(params, state, at), _rate(params, state, at)
    out = _out(params, state, kelvin, sigma)
    sinks = out if hold is None else out & ~hold
    if hold is not None:  # beside somebody, the rim is not heat: only what clearly stands out sinks in
        clear = kelvin > (np.float32(params.free_sigma) * sigma)[:, None]
        clear[~hold.any(axis=1)] = True
        sinks &= clear
    taken = out if hold is None else out | hold
    if blank is not None:
        sinks = sinks.copy()
        taken = taken.copy()
        sinks[blank[0]] &= ~blank[1]
        taken[blank[0]] |= blank[1]
    free = np.subtract(np.float32(1), taken, dtype=np.float32)
    ones = np.ones(pixels, np.float32)
    count = np.maximum(np.vecdot(free, ones), np.float32(1))
    rest = np.vecdot(kelvin, free) / count

    e = kelvin
    e -= rest[:, None]
    check = state.check_s[at] + dt
    ready = (check >= params.check_s) | (state.age_s[at] < params.young_s)
    if ready.any():
        some = np.flatnonzero(ready)
        good = free[some] > 0
        if pixels >= SMOOTH_FROM:
            warm = e[some] > (np.float32(params.free_sigma) * sigma[some])[:, None]
            good |= sinks[some] & warm & ~_together(state, warm)
        measure(params, state, sensor[some], e[some] * CENTI, free[some], check[some], good)
    flat = e.reshape(-1)
    spot = np.flatnonzero(sinks)  # few: whole rows would take five times as long
    row, warmth = spot // pixels, flat[spot]
    sunk = (share(dt, params.static_tau_s) * CENTI)[row] * warmth
    hot = spot[warmth > (np.float32(2 * params.free_sigma) * sigma)[row]]
    cool = np.flatnonzero(e.min(axis=1) < np.float32(-params.cool_sigma) * sigma)
    cold = _together(state, e[cool] < (np.float32(-params.free_sigma) * sigma[cool])[:, None])
    cold &= free[cool] > 0
    more = cold * ((share(dt[cool], params.cool_tau_s) - rate[cool]) * CENTI)[:, None] * e[cool]
    e *= free
    e *= (rate * CENTI)[:, None]
    if spot.size:
        flat[spot] += sunk
        static = row[np.flatnonzero(np.diff(row, prepend=-1))]
        _become_familiar(params, state, sensor, static, hot, dt)
    if cool.size:
        e[cool] += more + (1 - free[cool]) * (more.sum(axis=1) / count[cool])[:, None]
    e += (rate * (common_k + rest) * CENTI)[:, None]
    if blank is not None and not np.array_equal(
        unreadable(blank[2]), unreadable(state.whole[sensor[blank[0]]])
    ):
        state.scratch.spots = None
    settle(state, sensor, e, blank)
    _fade(params, state, sensor, dt)

    upset = np.bincount(row, minlength=m) > params.upset_share * pixels
    upset_s = np.where(upset, state.upset_s[at] + dt, np.float32(0))
    anew = upset_s > params.upset_s
    state.upset_s[at] = np.where(anew, np.float32(0), upset_s)
    state.age_s[at] = np.where(anew, np.float32(0), state.age_s[at] + dt)
    state.level[at] = np.where(anew, np.float32(np.nan), state.level[at])
    state.check_s[at] = np.where(ready, np.float32(0), check)
    state.due_s[at] = 0
    if m and blank is not None:
        odd, bad, _ = blank
        state.bad_share[sensor[odd]] = bad.mean(axis=1, dtype=np.float32)
        state.odd[sensor[odd]] = True
        mask(params, state, sensor[odd])


def _rate(params: BackgroundParams, state: BackgroundState, at: Rows) -> F32:
    young = state.age_s[at] < params.young_s
    tau = np.where(young, np.float32(params.young_tau_s), np.float32(params.free_tau_s))
    return share(state.due_s[at], tau)


def _become_familiar(  # noqa: PLR0917  (one array a thing known of each sensor)
    params: BackgroundParams,
    state: BackgroundState,
    sensor: NDArray[np.intp],
    static: NDArray[np.intp],
    hot: NDArray[np.intp],
    dt: F32,
) -> None:
    """Where clear heat sinks in; what was only passing by (below FAMILIAR) goes as fast as it came.

    `sensor` and `dt` (M,); `static`: the rows in which something sinks in; `hot`: pixels of all M x P.
    """
    pixels = state.familiar.shape[1]
    old = state.familiar[sensor[static]]
    news = np.asarray(old.any(axis=1))  # where all is 0 and nothing is hot, all stays 0
    news[np.searchsorted(static, hot // pixels)] = True
    some = np.flatnonzero(news)
    if not some.size:
        return
    static, wide = static[some], old[some].astype(np.int16)
    warm = np.zeros(wide.shape, np.bool_)
    warm[np.searchsorted(static, hot // pixels), hot % pixels] = True
    most = np.minimum(dt[static], np.float32(LONGEST_S)) * np.float32(255 / params.static_tau_s)
    gain = np.maximum(np.rint(most), 1).astype(np.int16)[:, None]
    passing = np.where(wide < FAMILIAR, np.maximum(wide - gain, 0), wide)
    overwrites(state, state.familiar, sensor[static])
    state.familiar[sensor[static]] = np.where(warm, np.minimum(wide + gain, 255), passing)


def _fade(params: BackgroundParams, state: BackgroundState, sensor: NDArray[np.intp], dt: F32) -> None:
    """Familiar places are forgotten over `forget_days`."""
    at = rows_of(sensor)
    fade = state.fade_s[at] + dt
    over = fade > np.float32(params.forget_days * 86_400 / 255)
    if over.any():
        s = sensor[over]
        old = state.familiar[s]
        overwrites(state, state.familiar, s)
        state.familiar[s] = old - (old > 0)
        fade = np.where(over, np.float32(0), fade)
    state.fade_s[at] = fade


def _together(state: BackgroundState, mask: Bools) -> Bools:
    """(M, P) the pixels of `mask` that have company.

    One alone is noise: it would follow downwards only, and end as a warm patch.
    """
    m, rows, cols = len(mask), state.rows, state.cols
    frame = np.zeros((m, rows + 2, cols + 2), np.int8)
    frame[:, 1:-1, 1:-1] = mask.reshape(m, rows, cols)
    tall = frame[:, :-2] + frame[:, 1:-1] + frame[:, 2:]
    box = tall[:, :, :-2] + tall[:, :, 1:-1] + tall[:, :, 2:]
    company = COMPANY_LARGE if rows * cols >= SMOOTH_FROM else COMPANY_SMALL
    return np.asarray(mask & (box.reshape(m, rows * cols) > company))


def _out(params: BackgroundParams, state: BackgroundState, kelvin: F32, sigma: F32) -> Bools:
    """(M, P) pixels that stand out or touch one that does."""
    m, pixels = kelvin.shape
    cols = state.cols
    warm = np.zeros((m, pixels), np.bool_)
    if pixels < SMOOTH_FROM:
        np.greater(kelvin, (np.float32(params.free_sigma) * sigma)[:, None], out=warm)
        out = warm.copy()
        for step in (1, cols):
            out[:, step:] |= warm[:, :-step]
            out[:, :-step] |= warm[:, step:]
            warm = out.copy()
        return out
    for a in range(0, m, state.scratch.chunk):
        part = kelvin[a : a + state.scratch.chunk]
        d, t, u = (x[: len(part)] for x in (state.scratch.d, state.scratch.t, state.scratch.u))
        f = np.multiply(part, CENTI, out=state.scratch.f[: len(part)])
        np.clip(f, np.float32(-3600), np.float32(3600), out=f)  # nine of them must fit into 16 bits
        np.copyto(d, f, casting="unsafe")
        limit = np.minimum(np.float32(900 * params.free_smooth_sigma) * sigma[a : a + len(part)], 32_000)
        sums = box9(d, t, u, cols)
        np.greater(sums, limit.astype(np.int16)[:, None], out=warm[a : a + len(part), : sums.shape[1]])
    flat = warm.reshape(-1)  # the box begins at its first pixel: spread to the right and down
    for step in (1, 1, cols, cols):
        before = flat.copy()
        flat[step:] |= before[:-step]
    return warm
