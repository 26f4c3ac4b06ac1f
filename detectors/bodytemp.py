"""How warm the resident's surface is against what is normal for them: `fever-trend`, `hypothermia-risk`.

Takes what the thermal pipeline sees (`glance`, each batch) and what the room's sensors say (`step`, once a
minute); gives findings and, for every home, a trend with its error or why there is none. Never says a body
temperature: an array sees hair, skin and cloth through pixels that a head hardly fills. Never looks ahead.

1. Who is surely the only person in view and keeps still gives a reading every `sample_s`: the two warmest
   pixels of the patch, as a share of the step from the room to the core. That share does not depend on how
   much of a pixel the head fills, as long as it is the same head at the same place; a fever of 1.2 K raises
   all of it by 1.2 K / (36.8 °C - room), 8 % at 22 °C. An absolute value needs a fill of `least_fill`.
2. `session_s` of them in one posture make a session: their `quantile`. Who lies is left out for `settle_s`:
   a cold blanket and a warm bed need as long.
3. Baseline: what is expected of a session at that camera, and how much sessions there differ (baseline.py).
4. Sessions of `block_h` make a block, weighted by their precision; what one pose makes wrong is wrong in all
   sessions of a block, so that many sessions make its error no smaller.
5. Two cumulative sums of log-likelihood ratios (a rise of `rise_k` in the core, and a fall, against none).
   Fever: above `alarm`, and the middle of the last three blocks is `fever_k` or more, and who lives there
   rests or is less active than usual. Hypothermia: the other sum, and a room below `cold_c` for `cold_h`,
   and hardly any activity. Neither above `most_error_k`; the trend itself is said up to `good_error_k` only.
6. While one is flagged nothing is learnt; for `frozen_days` at most, then the new level is the normal one.
"""

from typing import Final

import numpy as np

from detectors import baseline
from detectors.baseline import POSTURES, Sessions, picked
from detectors.bodyglance import glance
from detectors.bodystate import (
    BLOCKS,
    F64,
    NEVER,
    BodytempParams,
    BodytempState,
    Ints,
    Standing,
    Trend,
    fresh,
)
from detectors.finding import Finding, Kind
from detectors.layout import Events, Layout, Moment, SensorKind

__all__ = ["BodytempParams", "BodytempState", "Standing", "Trend", "fresh", "glance", "hear", "step", "trend"]

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000


def hear(state: BodytempState, layout: Layout, heard: Events) -> None:
    """Take temperatures of rooms and signs of life."""
    if not heard.sensor.size:
        return
    k = np.flatnonzero(layout.sensor_kind[heard.sensor] == SensorKind.TEMPERATURE)
    room = layout.sensor_room[heard.sensor[k]]
    state.room_c[room], state.room_ms[room] = heard.value[k], heard.t_ms[k]  # the last one of a room stays
    np.add.at(state.signs, layout.sensor_home[heard.sensor[heard.life]], 1)


def step(
    params: BodytempParams, core_c: float, state: BodytempState, layout: Layout, at: Moment
) -> list[Finding]:
    """Close what is over, and say what there is to say. Call once a minute, after `hear`."""
    _climate(params, state, layout, at.now_ms)
    _activity(params, state, at.now_ms)
    some = _closed(params, state, at)
    if some is not None:
        _judged(params, core_c, state, layout, some)
    return _blocks(params, state, layout, at.now_ms)


def _climate(params: BodytempParams, state: BodytempState, layout: Layout, now_ms: int) -> None:
    """How long it is cold, and by how much each array reads more than its room's sensor."""
    known = (state.room_ms >= 0) & (now_ms - state.room_ms <= params.room_fresh_h * HOUR_MS)
    cold = known & (state.room_c < params.cold_c)
    state.cold_ms[:] = np.where(cold, np.where(state.cold_ms < 0, now_ms, state.cold_ms), NEVER)
    lately = (state.last_ms >= 0) & (now_ms - state.last_ms <= MINUTE_MS) & known[layout.camera_room]
    c = np.flatnonzero(lately)
    more = state.level_c[c] - state.room_c[layout.camera_room[c]]
    before = state.offset_k[c]
    share = np.float32(-np.expm1(-1 / (60 * params.common_h)))
    state.offset_k[c] = np.where(np.isnan(before), more, before + share * (more - before))


def _activity(params: BodytempParams, state: BodytempState, now_ms: int) -> None:
    """Signs of life a minute, lately and usually."""
    gone = np.where(state.minute_ms < 0, 1.0, np.maximum(now_ms - state.minute_ms, 1) / MINUTE_MS)
    rate = state.signs / gone
    state.minute_ms[:], state.signs[:] = now_ms, 0
    lately = -np.expm1(-gone / (60 * params.active_h))
    usually = -np.expm1(-gone / (1440 * params.usual_days))
    state.stirs += lately * (rate - state.stirs)
    state.usual += usually * (rate - state.usual)


def _closed(params: BodytempParams, state: BodytempState, at: Moment) -> Sessions | None:
    """Sessions that are over, of the posture that most of their readings have."""
    over = (state.count > 0) & (at.now_ms - state.begun_ms >= 1000 * params.session_s)
    c = np.flatnonzero(over)
    stale = at.now_ms - state.begun_ms[c] > 2000 * params.session_s  # nobody asked for so long: a gap
    state.count[c[stale]] = 0
    c = c[~stale]
    if not c.size:
        return None
    how, value, far = state.how[c], state.value[c], state.far[c]
    many = (how[:, :, None] == np.arange(POSTURES)).sum(axis=1)
    posture = many.argmax(axis=1)
    mine = how == posture[:, None]
    n = mine.sum(axis=1)
    state.count[c], state.how[c] = 0, NEVER
    good = np.flatnonzero(n >= params.least_readings)
    c, posture, mine, n = c[good], posture[good], mine[good], n[good]
    if not c.size:
        return None
    rising = np.sort(np.where(mine, value[good], np.inf), axis=1).astype(np.float64)
    place = params.quantile * (n - 1)
    low = place.astype(np.intp)
    row = np.arange(len(c))
    a, b = rising[row, low], rising[row, np.minimum(low + 1, n - 1)]
    range_m = np.where(mine, far[good], 0).sum(axis=1, dtype=np.float64) / n
    room_c = (state.level_c[c] - np.nan_to_num(state.offset_k[c])).astype(np.float64)
    x = baseline.features(room_c, at.minute, range_m, posture)
    return Sessions(c, posture, a + (place - low) * (b - a), x, at.now_ms)


def _judged(
    params: BodytempParams, core_c: float, state: BodytempState, layout: Layout, some: Sessions
) -> None:
    """Judge sessions, put what is known well enough into the blocks of their homes, and learn."""
    judged = baseline.judge(state, some, params.sigma, params.sigma_sessions)
    c, home = some.camera, layout.camera_home[some.camera]
    state.first_ms[c] = np.where(state.first_ms[c] < 0, some.now_ms, state.first_ms[c])
    known = some.now_ms - state.first_ms[c] >= params.learn_days * 24 * HOUR_MS
    known &= judged.count >= params.learn_sessions
    sigma = np.maximum(judged.sigma, params.least_sigma)
    gap = core_c - some.x[:, 1] - baseline.USUAL_C
    limit = np.maximum(params.outlier * sigma, np.log1p(2 * params.rise_k / gap))  # no fever is cut short
    r = np.clip(judged.residual, -limit, limit)
    w = known / sigma**2
    terms = [
        known,
        w,
        w * r,
        w * sigma,
        w * gap,
        w * (some.posture > 0),
    ]
    np.add.at(state.block, home, np.stack(terms, axis=1))
    state.block_ms[home[known & (state.block_ms[home] < 0)]] = some.now_ms
    calm = np.flatnonzero((state.fever_ms[home] < 0) & (state.hypothermia_ms[home] < 0))
    baseline.learn(state, picked(some, calm), picked(judged, calm), params.memory_days, params.clip)


def _blocks(params: BodytempParams, state: BodytempState, layout: Layout, now_ms: int) -> list[Finding]:
    """Close the blocks that are over, move the sums on, flag and clear."""
    late = (state.block_ms >= 0) & (now_ms - state.block_ms >= params.block_h * HOUR_MS)
    stale = late & (now_ms - state.block_ms >= 2 * params.block_h * HOUR_MS)  # a gap
    state.block[stale], state.block_ms[stale] = 0, NEVER
    h = np.flatnonzero(late & ~stale)
    if h.size:
        n, w, wr, ws, wg, rests = state.block[h].T
        r, gap = wr / w, wg / w
        sigma = ws / w * np.sqrt((1 + (n - 1) * params.alike) / n)
        begun = state.block_ms[h]
        state.block[h], state.block_ms[h] = 0, NEVER
        for sums, since, rise_k in (
            (state.hot, state.hot_ms, params.rise_k),
            (state.cool, state.cool_ms, -params.rise_k),
        ):
            delta = np.log1p(rise_k / gap)
            more = np.clip(delta * (r - delta / 2) / sigma**2, -params.most_step, params.most_step)
            now = np.maximum(sums[h] + more, 0)
            since[h] = np.where(now > 0, np.where(sums[h] > 0, since[h], begun), NEVER)
            sums[h] = np.minimum(now, 2 * params.alarm)  # who is well again is so within a day
        scale = params.skin_share * gap
        state.ring[h, :-1] = state.ring[h, 1:]
        state.ring[h, -1] = np.stack(
            [scale * np.expm1(r), scale * sigma, rests / w, np.full(len(h), now_ms)], 1
        )
    doubt = (np.maximum(state.hot, state.cool) >= params.alarm) | (state.fever_ms >= 0)
    doubt |= state.hypothermia_ms >= 0
    return _flagged(params, state, layout, np.flatnonzero(doubt), now_ms)


def _flagged(
    params: BodytempParams, state: BodytempState, layout: Layout, h: Ints, now_ms: int
) -> list[Finding]:
    """Flag and clear among the homes `h` whose sums are high, or that are flagged."""
    if not h.size:
        return []
    middle, error = _trend_of(state, h)
    sure = (now_ms - state.ring[h, 0, 3] <= params.fresh_h * HOUR_MS) & (error <= params.most_error_k)
    lately, usual = state.stirs[h], state.usual[h]
    calm = (np.median(state.ring[h, :, 2], axis=1) >= 0.5) | (lately < params.active_share * usual)
    cold = (state.cold_ms >= 0) & (now_ms - state.cold_ms > params.cold_h * HOUR_MS)
    room_cold = np.bincount(layout.room_home[cold], minlength=layout.homes)[h] > 0
    warm = (state.hot[h] >= params.alarm) & (middle >= params.skin_share * params.fever_k) & calm
    cool = (state.cool[h] >= params.alarm) & room_cold & (lately < params.idle_share * usual)
    well = middle < params.skin_share * params.clear_k
    found: list[Finding] = []
    for kind, now, over, flag, since, sums in (
        (Kind.FEVER_TREND, sure & warm, well, state.fever_ms, state.hot_ms, state.hot),
        (Kind.HYPOTHERMIA_RISK, sure & cool, ~room_cold, state.hypothermia_ms, state.cool_ms, state.cool),
    ):
        flagged = flag[h] >= 0
        new = h[now & ~flagged]
        found += [_finding(params, state, kind, int(k), int(since[k]), float(sums[k]), now_ms) for k in new]
        old = now_ms - flag[h] > params.frozen_days * 24 * HOUR_MS
        ends = h[flagged & ((sums[h] == 0) | over | old)]
        flag[new] = now_ms
        flag[ends], since[ends], sums[ends] = NEVER, NEVER, 0
    return found


def _trend_of(state: BodytempState, h: Ints) -> tuple[F64, F64]:
    """Middle of the last blocks of homes `h`, and of their errors, K of the surface; NaN: too few yet."""
    ring = np.sort(state.ring[h, :, :2], axis=1)[:, BLOCKS // 2]
    return ring[:, 0], ring[:, 1]


def _finding(  # noqa: PLR0917  (called once, above)
    params: BodytempParams, state: BodytempState, kind: Kind, home: int, onset: int, score: float, now_ms: int
) -> Finding:
    middle, error = _trend_of(state, np.array([home]))
    return Finding(
        kind,
        home,
        onset,
        now_ms,
        float(1 / (1 + np.exp(params.alarm - 1 - score))),
        float("nan"),
        float("nan"),
        {
            "trend_surface_k": round(float(middle[0]), 2),
            "error_surface_k": round(float(error[0]), 2),
            "log_odds": round(score, 1),
            "signs_of_life_share": round(float(state.stirs[home] / max(state.usual[home], 1e-9)), 2),
        },
    )


def trend(params: BodytempParams, state: BodytempState, layout: Layout, now_ms: int) -> Trend:
    """What can be said of every home's body surface now."""
    h, home = layout.homes, layout.camera_home
    long_ms = params.fresh_h * HOUR_MS
    recent = (state.last_ms >= 0) & (now_ms - state.last_ms <= long_ms)
    somebody, learnt = np.zeros(h, np.bool_), np.zeros(h, np.bool_)
    somebody[home[recent]] = True
    old = (state.first_ms >= 0) & (now_ms - state.first_ms >= params.learn_days * 24 * HOUR_MS)
    learnt[home[old & (state.sessions.max(axis=1) >= params.learn_sessions)]] = True
    near = now_ms - state.ring[:, 0, 3] <= long_ms
    middle, error = _trend_of(state, np.arange(h))
    sees = learnt & near
    late = np.zeros(h, np.bool_)
    late[home[(state.first_ms >= 0) & (now_ms - state.first_ms >= params.learning_days * 24 * HOUR_MS)]] = (
        True
    )
    standing = np.select(
        [~somebody, ~sees & (learnt | ~late), ~sees | (error > params.good_error_k)],
        [Standing.NOBODY, Standing.LEARNING, Standing.CANNOT],
        Standing.OK,
    ).astype(np.int8)
    surface = np.full(h, -np.inf)
    hour = (state.last_ms >= 0) & (now_ms - state.last_ms <= HOUR_MS) & ~np.isnan(state.surface_c)
    np.maximum.at(surface, home[hour], state.surface_c[hour].astype(np.float64))
    return Trend(
        np.where(standing == Standing.OK, middle, np.nan),
        np.where(sees, error, np.nan),
        np.where(np.isfinite(surface), surface, np.nan),
        standing,
    )
