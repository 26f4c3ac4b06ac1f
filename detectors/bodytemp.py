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
   rests or is less active than usual. Hypothermia: the other sum, and a room below `cold_c` for `cold_h`, and
   hardly any activity.
6. While one is flagged nothing is learnt; for `frozen_days` at most, then the new level is the normal one.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors import background, baseline, skin
from detectors.baseline import FEATURES, POSTURES, Sessions, picked
from detectors.down import Stage
from detectors.fall import Seen
from detectors.fallstate import FallParams, FallState
from detectors.finding import Finding, Kind
from detectors.keep import PerCamera, PerHome, PerRoom
from detectors.layout import Events, Layout, Moment, SensorKind
from detectors.posture import Doing

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Ints = NDArray[np.intp]

NEVER: Final = -1
HOUR_MS: Final = 3_600_000
MINUTE_MS: Final = 60_000
READINGS: Final = 48
"""Most readings of one session that are kept."""
BLOCKS: Final = 3
POSTURE_OF: Final = np.full(len(Doing), NEVER, np.int8)
POSTURE_OF[[Doing.UP, Doing.SITTING, Doing.RAISED]] = range(POSTURES)
LIES: Final = 2


@dataclass(frozen=True, slots=True)
class BodytempParams:
    """Table [bodytemp] of config/detectors.toml, where each value has its reason."""

    sample_s: float
    retry_s: float
    slow_m_s: float
    sure: float
    settle_s: float
    least_fill: float
    least_gap_k: float
    session_s: float
    least_readings: int
    quantile: float
    memory_days: float
    sigma: float
    sigma_sessions: float
    least_sigma: float
    clip: float
    learn_days: float
    learn_sessions: float
    block_h: float
    alike: float
    outlier: float
    rise_k: float
    skin_share: float
    most_step: float
    alarm: float
    fever_k: float
    clear_k: float
    most_error_k: float
    frozen_days: float
    fresh_h: float
    common_h: float
    cold_c: float
    cold_h: float
    active_h: float
    usual_days: float
    active_share: float
    idle_share: float


class Standing(IntEnum):
    """What can be said of a home's trend; codes in Trend.standing."""

    OK = 0
    CANNOT = 1
    """The optics, or how differently somebody sits and lies there, do not allow it: the error is too large
    to see a fever."""
    LEARNING = 2
    NOBODY = 3
    """Nobody was seen long enough for `fresh_h`, or no array is there."""


@dataclass(frozen=True, slots=True)
class Trend:
    """(H,) each."""

    trend_k: F64
    """How much warmer the surface is than normal for the resident; NaN unless OK."""
    error_k: F64
    """Its standard error, learnt: geometry, posture, clothes, sensors. NaN: nothing learnt yet."""
    surface_c: F64
    """Temperature of the head's surface where a head fills its pixels; else NaN."""
    standing: NDArray[np.int8]


@dataclass(slots=True)
class BodytempState:
    """What is remembered; times are ms since 1970, -1 = never."""

    next_ms: PerCamera[np.int64]
    """Not looked at before."""
    begun_ms: PerCamera[np.int64]
    """First reading of the session."""
    count: PerCamera[np.int16]
    value: PerCamera[np.float32]
    """(C, READINGS) logarithms."""
    far: PerCamera[np.float32]
    """(C, READINGS) logarithm of the distance, m."""
    how: PerCamera[np.int8]
    """(C, READINGS) posture."""
    last_ms: PerCamera[np.int64]
    lain_ms: PerCamera[np.int64]
    """Since when somebody lies there."""
    other: PerCamera[np.int8]
    """Readings on end in which they did not."""
    level_c: PerCamera[np.float32]
    """Of the empty room as the array reads it."""
    offset_k: PerCamera[np.float32]
    """How much more that is than the room's sensor says, averaged; NaN = no sensor."""
    surface_c: PerCamera[np.float32]
    information: PerCamera[np.float64]
    sums: PerCamera[np.float64]
    deviation: PerCamera[np.float64]
    sessions: PerCamera[np.float64]
    first_ms: PerCamera[np.int64]
    """First session ever."""
    learnt_ms: PerCamera[np.int64]
    room_c: PerRoom[np.float32]
    """Newest of the room's sensor."""
    room_ms: PerRoom[np.int64]
    cold_ms: PerRoom[np.int64]
    """Since when it is below `cold_c`."""
    block_ms: PerHome[np.int64]
    block: PerHome[np.float64]
    """(H, 6) over its sessions: how many; sums of the weight 1/sigma² alone, and of it times residual, sigma,
    core less room, resting."""
    ring: PerHome[np.float64]
    """(H, BLOCKS, 4) of the last blocks: residual, error (both K of the surface), resting share, end ms."""
    hot: PerHome[np.float64]
    """Cumulative sum for a rise."""
    cool: PerHome[np.float64]
    hot_ms: PerHome[np.int64]
    """Since when it is above 0."""
    cool_ms: PerHome[np.int64]
    fever_ms: PerHome[np.int64]
    """Flagged since."""
    hypothermia_ms: PerHome[np.int64]
    stirs: PerHome[np.float64]
    """Signs of life a minute, over `active_h`."""
    usual: PerHome[np.float64]
    """The same over `usual_days`."""
    signs: PerHome[np.float64]
    """Since the last step."""
    minute_ms: PerHome[np.int64]
    """Last step."""


def fresh(layout: Layout) -> BodytempState:
    """State of homes that nothing is known of."""
    c, r, h = len(layout.camera_home), layout.rooms, layout.homes

    def never(n: int) -> I64:
        return np.full(n, NEVER, np.int64)

    def nan(*shape: int) -> NDArray[np.float32]:
        return np.full(shape, np.nan, np.float32)

    return BodytempState(
        next_ms=never(c),
        begun_ms=never(c),
        count=np.zeros(c, np.int16),
        value=nan(c, READINGS),
        far=nan(c, READINGS),
        how=np.full((c, READINGS), NEVER, np.int8),
        last_ms=never(c),
        lain_ms=never(c),
        other=np.zeros(c, np.int8),
        level_c=nan(c),
        offset_k=nan(c),
        surface_c=nan(c),
        information=np.zeros((c, FEATURES, FEATURES)),
        sums=np.zeros((c, FEATURES)),
        deviation=np.zeros((c, POSTURES)),
        sessions=np.zeros((c, POSTURES)),
        first_ms=never(c),
        learnt_ms=never(c),
        room_c=nan(r),
        room_ms=never(r),
        cold_ms=never(r),
        block_ms=never(h),
        block=np.zeros((h, 6)),
        ring=np.full((h, BLOCKS, 4), np.nan),
        hot=np.zeros(h),
        cool=np.zeros(h),
        hot_ms=never(h),
        cool_ms=never(h),
        fever_ms=never(h),
        hypothermia_ms=never(h),
        stirs=np.zeros(h),
        usual=np.zeros(h),
        signs=np.zeros(h),
        minute_ms=never(h),
    )


# --- each batch of frames ---------------------------------------------------------------------------


def glance(
    params: BodytempParams,
    falls: FallParams,
    state: BodytempState,
    first: int,
    group: FallState,
    seen: Seen,
) -> None:
    """Take readings of who keeps still; `first`: row of the group's first camera in the layout.

    Call before the next look of the same group: the picture is lent until then.
    """
    view = seen.view
    if not len(view.row):
        return
    k = np.flatnonzero(view.t_ms >= state.next_ms[first + view.sensor])
    if not k.size:
        return
    state.next_ms[first + view.sensor[k]] = view.t_ms[k] + round(1000 * params.retry_s)
    line = view.line
    does = view.belief[k].argmax(axis=1)
    at = line.at[k]
    good = line.there[k] & (line.speed_m_s[k] < params.slow_m_s) & (POSTURE_OF[does] >= 0)
    good &= (view.belief[k, does] >= params.sure) & ~view.slight[k] & (seen.people[view.row[k]] == 1)
    good &= (group.down.person.reshape(-1)[at] > 0.5) & group.tracks.moved.reshape(-1)[at]
    good &= group.down.stage.reshape(-1)[at] == Stage.IDLE
    x_px, y_px = view.patch.peak_x_px[k], view.patch.peak_y_px[k]
    good &= ~background.familiar(group.room, view.sensor[k], x_px, y_px)  # a radiator beside somebody
    k, does, x_px, y_px = (a[good] for a in (k, does, x_px, y_px))
    if not k.size:
        return
    sensor, t_ms = view.sensor[k], view.t_ms[k]
    camera, posture = first + sensor, POSTURE_OF[does].astype(np.intp)
    picture = seen.look.kelvin[np.searchsorted(seen.look.rows, view.row[k])]
    peak_k = _warmest_two(picture, group.optics.rows, group.optics.cols, x_px, y_px)
    state.level_c[camera] = background.level_c(group.room, sensor) + seen.look.common_k[view.row[k]]
    room_c = state.level_c[camera] - np.nan_to_num(state.offset_k[camera])
    head = skin.seen(falls.geometry, group.optics, sensor, x_px, y_px, posture)
    surface = skin.surface_c(peak_k, room_c, head.fill)
    state.surface_c[camera] = np.where(head.fill >= params.least_fill, surface, np.float32(np.nan))
    gap = np.float32(falls.core_c) - room_c
    with np.errstate(invalid="ignore"):
        value = np.log(np.maximum(peak_k, np.float32(1e-3)) / gap)
    useful = (gap >= params.least_gap_k) & (peak_k > 0)
    k, some = np.flatnonzero(useful), camera[useful]
    note(params, state, some, t_ms[k], posture[k], value[k], np.log(head.range_m[k]))


def _warmest_two(
    picture: NDArray[np.float32], rows: int, cols: int, x_px: NDArray[np.float32], y_px: NDArray[np.float32]
) -> NDArray[np.float32]:
    """(K,) mean of the two warmest of the 3 x 3 pixels about a place, of pictures (K, P)."""
    row = np.clip(np.rint(y_px + np.float32((rows - 1) / 2)).astype(np.intp), 1, rows - 2)
    col = np.clip(np.rint(x_px + np.float32((cols - 1) / 2)).astype(np.intp), 1, cols - 2)
    step = np.add.outer(np.arange(-1, 2) * cols, np.arange(-1, 2)).ravel()
    nine = np.take_along_axis(picture, (row * cols + col)[:, None] + step, axis=1)
    return np.asarray(np.partition(nine, 7, axis=1)[:, 7:].mean(axis=1), np.float32)


def note(  # noqa: PLR0917  (one array a thing known of each reading)
    params: BodytempParams,
    state: BodytempState,
    camera: Ints,
    t_ms: I64,
    posture: Ints,
    value: NDArray[np.float32],
    far: NDArray[np.float32],
) -> None:
    """Put readings (K,), at most one a camera, into the sessions of their cameras."""
    state.next_ms[camera] = t_ms + round(1000 * params.sample_s)
    lies = posture == LIES
    gone = (state.lain_ms[camera] >= 0) & (t_ms - state.last_ms[camera] > 1000 * params.settle_s)
    other = np.where(lies, 0, state.other[camera] + 1)
    was = np.where(gone | (other > 1), NEVER, state.lain_ms[camera])
    state.lain_ms[camera] = np.where(lies & (was < 0), t_ms, was)
    state.other[camera] = np.minimum(other, 2)
    state.last_ms[camera] = t_ms
    settled = ~lies | (t_ms - state.lain_ms[camera] >= 1000 * params.settle_s)
    keep = settled & (state.count[camera] < READINGS)
    k, c = np.flatnonzero(keep), camera[keep]
    state.begun_ms[c] = np.where(state.count[c] == 0, t_ms[k], state.begun_ms[c])
    at = state.count[c]
    state.value[c, at], state.far[c, at], state.how[c, at] = value[k], far[k], posture[k]
    state.count[c] += 1


# --- once a minute ----------------------------------------------------------------------------------


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
    known = (state.room_ms >= 0) & (now_ms - state.room_ms <= params.fresh_h * HOUR_MS)
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
    r = np.clip(judged.residual, -params.outlier * sigma, params.outlier * sigma)
    w = known / sigma**2
    terms = [
        known,
        w,
        w * r,
        w * sigma,
        w * (core_c - some.x[:, 1] - baseline.USUAL_C),
        w * (some.posture > 0),
    ]
    np.add.at(state.block, home, np.stack(terms, axis=1))
    state.block_ms[home[known & (state.block_ms[home] < 0)]] = some.now_ms
    calm = np.flatnonzero((state.fever_ms[home] < 0) & (state.hypothermia_ms[home] < 0))
    baseline.learn(state, picked(some, calm), picked(judged, calm), params.memory_days, params.clip)


def _blocks(params: BodytempParams, state: BodytempState, layout: Layout, now_ms: int) -> list[Finding]:
    """Close the blocks that are over, move the sums on, flag and clear."""
    late = (state.block_ms >= 0) & (now_ms - state.block_ms >= params.block_h * HOUR_MS)
    h = np.flatnonzero(late)
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
    return _flagged(params, state, layout, now_ms)


def _flagged(params: BodytempParams, state: BodytempState, layout: Layout, now_ms: int) -> list[Finding]:
    middle = np.median(state.ring[:, :, 0], axis=1)  # NaN until there are three
    fresh_ms = params.fresh_h * HOUR_MS
    near = now_ms - state.ring[:, 0, 3] <= fresh_ms
    level = params.skin_share * params.fever_k
    rests = np.median(state.ring[:, :, 2], axis=1) >= 0.5
    quiet = state.stirs < params.active_share * state.usual
    fever = near & (state.hot >= params.alarm) & (middle >= level) & (rests | quiet)
    cold_for = np.where(state.cold_ms >= 0, now_ms - state.cold_ms, 0)
    room_cold = np.zeros(layout.homes, np.bool_)
    room_cold[layout.room_home[cold_for > params.cold_h * HOUR_MS]] = True
    idle = state.stirs < params.idle_share * state.usual
    chilled = near & (state.cool >= params.alarm) & room_cold & idle
    found: list[Finding] = []
    for kind, now, flag, since, sums, over in (
        (
            Kind.FEVER_TREND,
            fever,
            state.fever_ms,
            state.hot_ms,
            state.hot,
            middle < params.skin_share * params.clear_k,
        ),
        (Kind.HYPOTHERMIA_RISK, chilled, state.hypothermia_ms, state.cool_ms, state.cool, ~room_cold),
    ):
        new = np.flatnonzero(now & (flag < 0))
        flag[new] = now_ms
        found += [_finding(params, state, kind, int(h), int(since[h]), float(sums[h]), now_ms) for h in new]
        ends = (flag >= 0) & ((sums == 0) | over | (now_ms - flag > params.frozen_days * 24 * HOUR_MS))
        ends[new] = False
        flag[ends] = NEVER
        sums[ends] = 0
    return found


def _finding(
    params: BodytempParams, state: BodytempState, kind: Kind, home: int, onset: int, score: float, now_ms: int
) -> Finding:
    trend, error = np.median(state.ring[home, :, 0]), np.sqrt(np.mean(state.ring[home, :, 1] ** 2))
    return Finding(
        kind,
        home,
        onset,
        now_ms,
        float(1 / (1 + np.exp(params.alarm - 1 - score))),
        float("nan"),
        float("nan"),
        {
            "trend_surface_k": round(float(trend), 2),
            "error_surface_k": round(float(error), 2),
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
    middle = np.median(state.ring[:, :, 0], axis=1)
    error = np.sqrt(np.mean(state.ring[:, :, 1] ** 2, axis=1))
    sees = learnt & near
    standing = np.select(
        [~somebody, ~sees, error > params.most_error_k],
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
