"""Fire and stoves in thermal frames: `fire`, and `appliance-left-on` of a stove.

Takes batches of frames, where stoves stand, since when the rooms are left alone, and which places are known
to become hot; gives findings. A frame that holds nothing warmer than people costs one maximum. What a broken
array makes up (single pixels, chess boards, floods) is never fire: fire is one connected thing that grows for
seconds, or warms the whole room faster than anything else does.

1. Once in `look_s` the level of the picture: its lower quarter, which people leave free. A floor follows it,
   upwards by at most `surge_k_min`; a leap within one look is somebody before the lens or the sensor itself:
   it is taken over, and nothing is said for `leap_s`. Fire, when the level is `surge_k` above that floor for
   `looks` looks on end.
2. Frames with something `warm_k` above the level (where a stove may be), or above `gate_c`:
   a. The stove is warm from the first of them on, or from when its zone was `mild_k` above the level, at most
      `mild_s` before: a pan fills part of a pixel. It is on while the hottest place of its zone is above
      `stove_c` and has not cooled to `still_share` of its most, or above `simmer_c` and has hardly cooled at
      all: water keeps a pan at 100 °C. Left on: in a room left alone for `left_min`. A kitchen without a zone
      has a stove where it often was hot before.
   b. Outside of stoves and of places that often were hot: the largest patch above `burn_c`. Fire, when it is
      larger than any pan (`burn_m2`), stays at its place, holds most of what is hot, does not jump from frame
      to frame, and its heat has grown by `growth` over the last checks and shrunk at none of them.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage  # type: ignore[import-untyped]  # scipy ships no types

from detectors.background import F32, Bools
from detectors.burningstate import CHECKS, NEVER, REMEMBERED, BurningParams, BurningState, fresh
from detectors.fall import Posture, Seen
from detectors.finding import Finding, Kind
from detectors.frame import WIDEST, Frames, halved
from detectors.layout import Rows
from detectors.roomlearn import FAMILIAR
from detectors.undo import Undo

__all__ = ["CHECKS", "BurningParams", "BurningState", "fresh", "somebody", "step"]

I16 = NDArray[np.int16]
I64 = NDArray[np.int64]

SAMPLE: Final = 48
"""Pixels of which the level is the lower quarter: sure to a quarter of the noise of one."""
IN_PLANE: Final = np.array([np.zeros((3, 3)), [[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.zeros((3, 3))], np.bool_)
"""Neighbours: the four of one picture. A chess board falls apart."""


def step(  # noqa: PLR0917  (one array a thing known of each frame)
    params: BurningParams,
    state: BurningState,
    frames: Frames,
    alone_ms: I64,
    familiar: NDArray[np.uint8],
    now_ms: int,
    undo: Undo | None = None,
) -> list[Finding]:
    """One batch of N frames, at most one a sensor.

    alone_ms: (N,) since when the sensor's room is left alone, as far as is known; negative = unknown.
    familiar: (S, P) how well places are known to become hot (roomstate.BackgroundState).
    """
    if frames.centi.shape[2] > WIDEST:
        frames = halved(frames)
    centi = frames.centi.reshape(len(frames.sensor), -1)
    high = centi.max(axis=1)
    gap = np.isnan(frames.dt_s)
    due = gap | (frames.t_ms - state.looked_ms[frames.sensor] >= params.look_s * 1000)
    if undo is not None:
        undo.keep_all(state, REMEMBERED, frames.sensor[due])
    found = _look(params, state, frames, centi, np.flatnonzero(due), now_ms)
    rows = np.flatnonzero(high > state.gate[frames.sensor])
    if rows.size:
        at = frames.sensor[rows]
        if undo is not None:
            undo.keep_all(state, REMEMBERED, at)
        known = familiar[at] >= FAMILIAR
        near = state.stove[at] | (known & (state.kitchen & ~state.zoned)[at][:, None])
        part = centi[rows]
        found += _stove(params, state, frames, rows, part, near, alone_ms[rows], now_ms)
        found += _burns(params, state, frames, rows, part, near | known, now_ms)
    return found


# --- 1: the whole picture ---------------------------------------------------------------------------


def _look(  # noqa: PLR0917  (one array a thing known of each frame)
    params: BurningParams, state: BurningState, frames: Frames, centi: I16, k: Rows, now_ms: int
) -> list[Finding]:
    if not k.size:
        return []
    s, t_ms = frames.sensor[k], frames.t_ms[k]
    every = (
        max(1, centi.shape[1] // SAMPLE) | 1
    )  # odd: takes in all columns and both colours of a chess board
    sample = centi[k, ::every] if len(k) < len(centi) else centi[:, ::every]
    quarter = sample.shape[1] // 4
    level = np.partition(sample, quarter, axis=1)[:, quarter].astype(np.float32) / 100
    new = np.isnan(frames.dt_s[k]) | np.isnan(state.level_c[s])
    state.since_ms[s[new]] = t_ms[new]
    dt_s = np.clip((t_ms - state.looked_ms[s]) / 1000, 0, 60).astype(np.float32)
    before, floor = state.level_c[s], state.floor_c[s]
    rise = level - before
    leap = np.abs(rise) > np.float32(params.step_k_s) * np.clip(dt_s, 0.5, 2)
    state.since_ms[s[leap]] = t_ms[leap] - round((params.settle_s - params.leap_s) * 1000)
    floor = floor + np.where(leap, rise, np.float32(params.surge_k_min / 60) * dt_s)
    floor = np.where(new, level, np.minimum(level, floor))
    above = level - floor >= params.surge_k
    surge = np.where(above, np.minimum(state.surge[s] + 1, 100), 0).astype(np.int8)
    state.level_c[s], state.floor_c[s], state.surge[s], state.looked_ms[s] = level, floor, surge, t_ms
    warm_c = level + np.float32(params.warm_k)
    may = state.zoned[s] | state.kitchen[s]
    gate = np.where(may, np.minimum(warm_c, params.gate_c), params.gate_c)
    state.gate[s] = np.round(100 * gate).astype(np.int16)
    _mild(params, state, s, t_ms, centi[k])
    settled = t_ms - state.since_ms[s] >= params.settle_s * 1000
    fire = (surge >= params.looks) & settled
    if not fire.any():
        return []
    return [
        _fire(
            state,
            int(s[j]),
            int(t_ms[j] - round(1000 * 60 * float(level[j] - floor[j]) / params.surge_k_min)),
            now_ms,
            0.9,
            {
                "level_c": round(float(level[j]), 2),
                "above_floor_k": round(float(level[j] - floor[j]), 2),
                "floor_rises_k_min": params.surge_k_min,
            },
        )
        for j in np.flatnonzero(fire & _unsaid(params, state, s, t_ms, fire))
    ]


def _mild(params: BurningParams, state: BurningState, s: Rows, t_ms: I64, centi: I16) -> None:
    """Since when the zones of stoves in these pictures (N, P) of sensors `s` (N,) are no longer cool."""
    z = np.flatnonzero(state.zoned[s])
    if not z.size:
        return
    top_c = np.where(state.stove[s[z]], centi[z], np.int16(-32768)).max(axis=1).astype(np.float32) / 100
    z = z[top_c - state.level_c[s[z]] >= params.mild_k]
    s, t_ms = s[z], t_ms[z]
    anew = _passed(params, state.mild_last_ms[s], t_ms)
    state.mild_ms[s] = np.where(anew, t_ms, state.mild_ms[s])
    state.mild_last_ms[s] = t_ms


def _passed(params: BurningParams, last_ms: I64, t_ms: I64) -> Bools:
    """(N,) what was last seen at `last_ms` is over: now is another time."""
    return np.asarray((last_ms == NEVER) | (t_ms - last_ms > params.stove_gap_s * 1000))


def _unsaid(params: BurningParams, state: BurningState, s: Rows, t_ms: I64, sign: Bools) -> Bools:
    """(N,) no fire was said, or its last sign was long ago; signs of now are taken note of."""
    last = state.burnt_ms[s]
    out = (last == NEVER) | (t_ms - last > params.again_min * 60_000)
    state.burnt_ms[s[sign]] = t_ms[sign]
    return np.asarray(out)


def _fire(  # noqa: PLR0917  (all that a finding says)
    state: BurningState,
    sensor: int,
    onset_ms: int,
    now_ms: int,
    confidence: float,
    evidence: dict[str, float],
) -> Finding:
    onset = max(onset_ms, int(state.since_ms[sensor]))
    return Finding(Kind.FIRE, sensor, onset, now_ms, confidence, np.nan, np.nan, evidence)


# --- 2a: the stove ----------------------------------------------------------------------------------


def _stove(  # noqa: PLR0917  (one array a thing known of each frame)
    params: BurningParams,
    state: BurningState,
    frames: Frames,
    rows: Rows,
    centi: I16,
    near: Bools,
    alone_ms: I64,
    now_ms: int,
) -> list[Finding]:
    """Frames `rows` (M,) of the batch, their pixels and where stoves are (M, P), since when alone (M,)."""
    s, t_ms = frames.sensor[rows], frames.t_ms[rows]
    top_c = np.where(near, centi, np.int16(-32768)).max(axis=1).astype(np.float32) / 100
    excess = top_c - state.level_c[s]
    k = np.flatnonzero(near.any(axis=1) & (excess >= params.warm_k))
    s, t_ms, excess, top_c, alone = s[k], t_ms[k], excess[k], top_c[k], alone_ms[k]
    anew = _passed(params, state.warm_last_ms[s], t_ms)
    mild = np.where(_passed(params, state.mild_last_ms[s], t_ms), t_ms, state.mild_ms[s])
    first = np.maximum(mild, t_ms - round(params.mild_s * 1000))
    warm = np.where(anew, first, state.warm_ms[s])
    most = np.fmax(np.where(anew, np.float32(0), state.most_k[s]), excess)
    on = (top_c >= params.stove_c) & (excess >= np.float32(params.still_share) * most)
    on |= (top_c >= params.simmer_c) & (excess >= np.float32(params.simmer_share) * most)
    frames_on = np.where(on, np.minimum(np.where(anew, 0, state.hot_frames[s]) + 1, 1000), 0)
    state.warm_last_ms[s], state.warm_ms[s], state.most_k[s] = t_ms, warm, most
    state.hot_frames[s] = frames_on.astype(np.int16)
    begun = np.maximum(warm, alone)
    due = begun + round(params.left_min * 60_000)
    tells = (frames_on >= params.stove_frames) & (due <= t_ms) & (begun > state.left_ms[s])
    state.left_ms[s[tells]] = t_ms[tells]
    return [
        Finding(
            Kind.APPLIANCE_LEFT_ON,
            int(s[j]),
            int(due[j]),
            now_ms,
            0.8,
            np.nan,
            np.nan,
            {
                "hottest_c": round(float(top_c[j]), 1),
                "level_c": round(float(state.level_c[s[j]]), 1),
                "warm_min": round((int(t_ms[j]) - int(warm[j])) / 60_000, 1),
                "alone_min": round((int(t_ms[j]) - int(begun[j])) / 60_000, 1),
            },
        )
        for j in np.flatnonzero(tells)
    ]


def somebody(params: BurningParams, state: BurningState, frames: Frames, seen: Seen) -> Bools:
    """(N,) frames in which somebody is seen who is not just a warm stove; call it before `step`.

    A pan that gets warm stands out as somebody does who sits still, and when its place has become part of the
    room its rim goes on doing so, as one or two. So whoever does not move does not count when alone within
    `stove_m` of the stove, nor, while it is warm, within `glare_m` or where its place is unknown.
    """
    out = seen.people > 0
    last = state.warm_last_ms[frames.sensor]
    warm = (last != NEVER) & (frames.t_ms - last <= params.stove_gap_s * 1000)
    may = warm | (state.zoned[frames.sensor] & (seen.people == 1))
    k = np.flatnonzero(out & may & ~(seen.speed_m_s > params.still_m_s))
    if k.size:
        s = frames.sensor[k]
        plane = np.where(seen.posture[k] == Posture.LYING, 0, 1)
        near = np.where(warm[k], params.glare_m, params.stove_m).astype(np.float32)[:, None]
        inside = np.ones(state.box[s].shape[:2], np.bool_)
        foot = state.optics.x_m[s], state.optics.y_m[s]
        for place, at, low, high in zip((seen.x_m, seen.y_m), foot, (0, 1), (2, 3), strict=True):
            at = np.where(np.isnan(at), np.float32(0), at)  # noqa: PLW2901  (blank = in the middle)
            top = at + (place[k] - at) * state.to_top[s, plane]
            inside &= ~(top[:, None] < state.box[s, :, low] - near)
            inside &= ~(top[:, None] > state.box[s, :, high] + near)
        there = inside & (np.isfinite(state.box[s, :, 0]) | ~state.zoned[s, None])
        out[k] = ~there.any(axis=1)
    return np.asarray(out)


# --- 2b: what burns ---------------------------------------------------------------------------------


def _burns(  # noqa: PLR0917  (one array a thing known of each frame)
    params: BurningParams,
    state: BurningState,
    frames: Frames,
    rows: Rows,
    centi: I16,
    usual: Bools,
    now_ms: int,
) -> list[Finding]:
    """Frames `rows` (M,) of the batch, their pixels and where heat is usual (M, P)."""
    pixels, cols = centi.shape[1], state.optics.cols
    hot = (centi > 100 * params.burn_c) & ~usual
    many = np.count_nonzero(hot, axis=1)
    s, t_ms = frames.sensor[rows], frames.t_ms[rows]
    before = state.hot_px[s]
    state.hot_px[s] = many
    jumps = np.abs(many - before) > np.maximum(params.jump_px, params.jump * before)
    state.heat[s[jumps]] = 0
    late = t_ms - state.heat_ms[s] >= params.check_s * 1000
    k = np.flatnonzero(late & (many >= state.burn_px[s]) & (many <= params.burn_most * pixels))
    if not k.size:
        return []
    s, t_ms, hot, many = s[k], t_ms[k], hot[k], many[k]
    size, heat, x, y = _largest(
        hot, centi[k].astype(np.float32) / np.float32(100) - state.level_c[s][:, None], cols
    )
    whole = (size >= state.burn_px[s]) & (size >= params.whole * many)
    moved = np.hypot(x - state.heat_x[s], y - state.heat_y[s]) > params.spot
    broken = (t_ms - state.heat_ms[s] > 3000 * params.check_s) | moved | ~whole
    ring = np.where(broken[:, None], np.float32(0), state.heat[s])
    ring = np.concatenate([ring[:, 1:], np.where(whole, heat, np.float32(0))[:, None]], axis=1)
    state.heat[s], state.heat_ms[s], state.heat_x[s], state.heat_y[s] = ring, t_ms, x, y
    ratio = ring[:, 1:] / np.maximum(ring[:, :-1], np.float32(1))
    grows = ((ratio >= 1) & (ratio <= params.most_growth)).all(axis=1) & (ring[:, 0] > 0)
    fire = grows & (ring[:, -1] >= np.float32(params.growth) * ring[:, 0])
    tells = fire & _unsaid(params, state, s, t_ms, fire)
    return [
        _fire(
            state,
            int(s[j]),
            int(t_ms[j] - round(1000 * params.check_s * CHECKS)),
            now_ms,
            0.9,
            {
                "hottest_c": round(float(centi[k[j]].max()) / 100, 1),
                "area_px": float(size[j]),
                "growth": round(float(ring[j, -1] / ring[j, 0]), 2),
            },
        )
        for j in np.flatnonzero(tells)
    ]


def _largest(hot: Bools, excess_k: F32, cols: int) -> tuple[F32, F32, F32, F32]:
    """Of each picture (M, P) its largest connected patch: pixels, kelvin times pixels, and its middle in
    shares of the width; 0 where there is none.
    """
    m = len(hot)
    label, n = ndimage.label(hot.reshape(m, -1, cols), IN_PLANE)
    flat = label.reshape(m, -1)
    owner = np.zeros(n + 1, np.intp)
    frame, pixel = np.nonzero(hot)
    of = flat[frame, pixel]
    owner[of] = frame
    sums = [
        np.bincount(of, w, n + 1)
        for w in (None, excess_k[frame, pixel], pixel % cols / cols, pixel // cols / cols)
    ]
    order = np.lexsort((sums[0], owner))
    order = order[order > 0]
    best = np.zeros(m, np.intp)
    best[owner[order]] = order  # the last of each picture, its largest
    size = np.maximum(sums[0][best], 1)
    found = np.where(best > 0, 1, 0)
    size, heat, x, y = sums[0][best] * found, sums[1][best], sums[2][best] / size, sums[3][best] / size
    return tuple(np.asarray(a * found, np.float32) for a in (size, heat, x, y))  # type: ignore[return-value]
