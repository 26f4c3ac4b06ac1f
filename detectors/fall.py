"""Falls: from a batch of thermal frames to `fall-suspected`, `fall-confirmed` and `fall-recovered`.

Takes the frames of up to all sensors of one resolution and what is remembered of them; gives findings
with their evidence, and what is seen in every frame. Never looks ahead, never loops over sensors, never
reads a clock. A log-odds of "a body lies low" comes from each frame (posture.py); then, for all at once:

1. Warming up or frozen: nothing is concluded. A gap (dt NaN): score and speed start anew.
2. mean = mean log-odds over `mean_tau_s`, nobody seen counting as `absent_odds`; score = the same over
   `score_tau_s` with a penalty for speed; haste = the highest speed of late, forgotten over `haste_tau_s`.
3. Suspected: mean + haste - speed (weighted: it lies low, was fast, is slow) above `suspect_odds`, the mean
   alone above `least_odds` (a walk that stops is no fall) and risen by `rise_odds` over its low of late
   (which climbs by `climb_odds_s` and so forgets), not on furniture: somebody went down. Where the furniture
   is known also: score above `linger_odds` outside it for half of the slow time.
4. Down time runs while the person is there and not up. Confirmed after the fast time when still, else
   after the slow time. Vanished on the spot counts as unresolved: the slow time runs (unknown is never fine).
5. Recovered: up for `recover_s`, or walked off from the place and gone for `recover_s`.
6. Rearmed after recovery, once the sum of step 3 was low and `refractory_s` have passed.

Onset = when the mean last left its own mean of `usual_tau_s`, less the lag `mean_tau_s`.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors import background, blobs, posture
from detectors.background import F32, Bools
from detectors.fallstate import FallParams, FallState, fresh
from detectors.finding import Finding, Kind
from detectors.frame import WIDEST, Frames, Optics, halved

__all__ = ["FallParams", "FallState", "Posture", "Seen", "Stage", "fresh", "step"]

NAN: Final = np.float32(np.nan)
FASTEST_M_S: Final = 3.0  # nobody is faster at home; more is noise or another patch


class Posture(IntEnum):
    """Codes in Seen.posture."""

    ABSENT = 0
    UPRIGHT = 1
    SITTING = 2
    LYING = 3
    LYING_ON_FURNITURE = 4
    UNKNOWN = 5


class Stage(IntEnum):
    """How far the suspicion of one sensor has come."""

    IDLE = 0
    SUSPECTED = 1
    CONFIRMED = 2


@dataclass(frozen=True, slots=True)
class Seen:
    """What is in each of the N frames."""

    present: Bools
    posture: NDArray[np.int8]
    """Codes of Posture."""
    x_m: F32
    """From below the sensor; NaN where nobody is seen or the optics are unknown."""
    y_m: F32
    speed_m_s: F32
    confidence: F32
    """0 to 1, of the posture."""


@dataclass(frozen=True, slots=True)
class _View:
    """One batch after the pictures are done with: (N,) each."""

    live: Bools
    there: Bools
    odds: F32
    x_m: F32
    y_m: F32
    along_m: F32
    across_m: F32
    peak_k: F32
    area_m2: F32
    sigma_k: F32


def step(params: FallParams, state: FallState, frames: Frames, now_ms: int) -> tuple[list[Finding], Seen]:
    """One batch, at most one frame a sensor. `now_ms` becomes the decision time of the findings."""
    if frames.centi.shape[2] > WIDEST:
        frames = halved(frames)
    at = background.rows_of(frames.sensor)
    hold = state.alive[at] | (state.stage[at] != Stage.IDLE)
    excess = background.step(params.background, state.room, frames, hold)
    view = _look(params, state, frames, excess)
    seen = _follow(params, state, frames, view)
    found = _decide(params, state, frames, view, now_ms)
    return found, seen


def _look(params: FallParams, state: FallState, frames: Frames, excess: background.Excess) -> _View:
    """Patches and postures, only of the frames in which something might be."""
    n = len(frames.sensor)
    k = np.flatnonzero(excess.gate)
    columns = np.full((7, n), np.nan, np.float32)
    there = np.zeros(n, np.bool_)
    if k.size:
        optics, sensor = state.optics, frames.sensor[k]
        kelvin = excess.kelvin if k.size == n else excess.kelvin[k]
        found = blobs.find(params.blobs, kelvin, excess.sigma_k[k], optics.rows, optics.cols)
        shape = posture.shapes(params.posture, found, optics, sensor)
        odds = posture.lying(params.posture, shape, found, optics, sensor)
        there[k] = shape.there
        columns[:, k] = (
            odds,
            shape.x_m,
            shape.y_m,
            shape.along_m,
            shape.across_m,
            shape.peak_k,
            shape.area_m2,
        )
    live = excess.ready & ~excess.frozen & ~excess.repeated
    odds, x_m, y_m, along_m, across_m, peak_k, area_m2 = columns
    return _View(live, there, odds, x_m, y_m, along_m, across_m, peak_k, area_m2, excess.sigma_k)


def _follow(params: FallParams, state: FallState, frames: Frames, view: _View) -> Seen:
    """Steps 1 and 2: speed, identity, score."""
    at = background.rows_of(frames.sensor)
    gap = np.isnan(frames.dt_s)
    live, there = view.live & ~gap, view.there & view.live
    dt = np.where(live, np.maximum(frames.dt_s, np.float32(0)), np.float32(0))
    dt = np.where(np.isnan(dt), np.float32(0), dt).astype(np.float32)

    old_x, old_y = state.x_m[at], state.y_m[at]
    moved = np.hypot(view.x_m - old_x, view.y_m - old_y)
    known = there & live & np.isfinite(moved)
    leap = np.maximum(np.float32(params.jump_m), np.float32(params.jump_m_s) * dt)
    other = known & (moved > leap)
    absent = np.where(there, np.float32(0), state.absent_s[at] + dt)
    lost = absent > params.lost_s

    pace = np.maximum(dt, np.float32(0.03))
    rate = np.where(known, _rate(dt, params.speed_tau_s), np.float32(0))
    vx = _velocity(state.vx_m_s[at], (view.x_m - old_x) / pace, rate, known, gap | lost)
    vy = _velocity(state.vy_m_s[at], (view.y_m - old_y) / pace, rate, known, gap | lost)
    speed = np.hypot(vx, vy)

    penalty = np.float32(params.speed_weight_s_m) * np.maximum(speed - np.float32(params.speed_free_m_s), 0)
    absent_odds = np.float32(params.absent_odds)
    score = _mean(
        state.score[at], np.where(there, view.odds - penalty, absent_odds), dt, params.score_tau_s, gap
    )
    mean = _mean(state.mean[at], np.where(there, view.odds, absent_odds), dt, params.mean_tau_s, gap)
    fading = state.haste_m_s[at] * (1 - _rate(dt, params.haste_tau_s))
    haste = np.where(gap, 0, np.maximum(fading, np.minimum(speed, np.float32(params.haste_most_m_s))))
    known_s = np.where(gap, np.float32(0), state.known_s[at] + dt)
    unsettled = known_s < params.settle_s
    low = np.where(unsettled, mean, np.minimum(state.low[at] + np.float32(params.climb_odds_s) * dt, mean))
    usual = _mean(state.usual[at], mean, dt, params.usual_tau_s, unsettled)
    calm_ms = np.where(mean - usual < params.near_odds, frames.t_ms, state.calm_ms[at])

    begins = there & (~np.isfinite(state.from_x_m[at]) | gap | other)
    from_x = np.where(begins, view.x_m, np.where(lost, NAN, state.from_x_m[at]))
    from_y = np.where(begins, view.y_m, np.where(lost, NAN, state.from_y_m[at]))
    far = np.hypot(view.x_m - from_x, view.y_m - from_y) > params.alive_m
    alive = (state.alive[at] | (there & far)) & ~lost & ~other

    state.vx_m_s[at], state.vy_m_s[at] = vx, vy
    state.mean[at], state.haste_m_s[at] = mean, haste
    state.score[at], state.speed_m_s[at], state.absent_s[at], state.alive[at] = score, speed, absent, alive
    state.from_x_m[at], state.from_y_m[at], state.known_s[at] = from_x, from_y, known_s
    state.low[at], state.usual[at], state.calm_ms[at] = low, usual, calm_ms
    state.x_m[at] = np.where(there, view.x_m, np.where(gap | lost, NAN, old_x))
    state.y_m[at] = np.where(there, view.y_m, np.where(gap | lost, NAN, old_y))
    return _seen(params, state, frames, view, there)


def _velocity(old: F32, step_m_s: NDArray[np.floating[Any]], rate: F32, known: Bools, forget: Bools) -> F32:
    """Mean velocity along one axis."""
    new = np.where(known, np.clip(step_m_s, -FASTEST_M_S, FASTEST_M_S), np.float32(0))
    return np.where(forget, np.float32(0), old + rate * (new - old)).astype(np.float32)


def _mean(old: F32, new: F32, dt: F32, tau_s: float, anew: Bools) -> F32:
    """Mean over `tau_s`, or the new value alone where memory starts `anew`."""
    return np.where(anew, new, old + _rate(dt, tau_s) * (new - old)).astype(np.float32)


def _rate(dt: F32, tau_s: float) -> F32:
    return np.asarray(-np.expm1(-dt / np.float32(tau_s)), np.float32)


def _seen(params: FallParams, state: FallState, frames: Frames, view: _View, there: Bools) -> Seen:
    at = background.rows_of(frames.sensor)
    score = state.score[at]
    on = _on_furniture(params, state, frames.sensor, view.x_m, view.y_m)
    code = np.where(score > params.linger_odds, Posture.LYING, Posture.SITTING)
    code = np.where((code == Posture.LYING) & on, Posture.LYING_ON_FURNITURE, code)
    code = np.where(score < params.up_odds, Posture.UPRIGHT, code)
    code = np.where(there, code, Posture.ABSENT)
    code = np.where(view.live, code, Posture.UNKNOWN).astype(np.int8)
    placed = there & _metric(state.optics, frames.sensor)
    sure = 1 / (1 + np.exp(-np.abs(score)))
    return Seen(
        there,
        code,
        np.where(placed, view.x_m, NAN),
        np.where(placed, view.y_m, NAN),
        np.where(there, state.speed_m_s[at], NAN),
        np.where(view.live, sure, np.float32(0)).astype(np.float32),
    )


def _metric(optics: Optics, sensor: NDArray[np.intp]) -> Bools:
    known = np.isfinite(optics.fov_deg[sensor]) & np.isfinite(optics.height_m[sensor])
    return np.asarray(known & ~optics.wall[sensor])


def _on_furniture(
    params: FallParams, state: FallState, sensor: NDArray[np.intp], x_m: F32, y_m: F32
) -> Bools:
    """(N,) the place lies in a box of known furniture (NaN compares as outside)."""
    if state.furniture is None or state.furniture.shape[1] == 0:
        return np.zeros(len(sensor), np.bool_)
    box, rim = state.furniture[sensor], np.float32(params.furniture_rim_m)
    height = state.optics.height_m[sensor]
    height = np.where(np.isfinite(height), height, np.float32(params.posture.assumed_height_m))
    seat = (height - np.float32(params.furniture_height_m)) / (
        height - np.float32(params.posture.body_height_m)
    )
    inside = np.zeros(box.shape[:2], np.bool_)
    for scale in (
        np.ones_like(seat),
        seat,
    ):  # the place if the body lies on the floor, and if it lies on the furniture
        x, y = (x_m * scale)[:, None], (y_m * scale)[:, None]
        across = (x > box[:, :, 0] - rim) & (x < box[:, :, 2] + rim)
        inside |= across & (y > box[:, :, 1] - rim) & (y < box[:, :, 3] + rim)
    return np.asarray(inside.any(axis=1))


def _furnished(state: FallState, sensor: NDArray[np.intp]) -> Bools:
    """(N,) the furniture of that sensor's room is known: it has a box, if only an empty one."""
    if state.furniture is None:
        return np.zeros(len(sensor), np.bool_)
    return np.asarray(np.isfinite(state.furniture[sensor]).any(axis=(1, 2)))


def _decide(params: FallParams, state: FallState, frames: Frames, view: _View, now_ms: int) -> list[Finding]:
    """Steps 3 to 6."""
    at = background.rows_of(frames.sensor)
    small = state.optics.rows * state.optics.cols < params.small_pixels
    slow_s = np.where(small | state.optics.wall[frames.sensor], params.slow_small_s, params.slow_large_s)
    fast_s = np.where(small | state.optics.wall[frames.sensor], params.fast_small_s, params.fast_large_s)
    live, there = view.live, view.there & view.live
    dt = np.where(live & ~np.isnan(frames.dt_s), frames.dt_s, np.float32(0))
    score, speed, stage = state.score[at], state.speed_m_s[at], state.stage[at].copy()
    t_ms = frames.t_ms
    on = _on_furniture(params, state, frames.sensor, view.x_m, view.y_m)

    idle, suspected, confirmed = (stage == s for s in Stage)
    sure = _sure(params, state, at)
    mean = state.mean[at]
    rose = mean - state.low[at] >= params.rise_odds
    limit = params.suspect_coarse_odds if small else params.suspect_odds
    least = params.least_coarse_odds if small else params.least_odds
    floor = live & there & ~on
    lies = floor & (score > params.linger_odds)
    open_s = state.open_s[at]
    unseen = idle & _furnished(state, frames.sensor)
    open_s = np.where(suspected | (unseen & lies), open_s + dt, np.where(idle, np.float32(0), open_s))
    drop = idle & state.armed[at] & floor & (sure > limit) & (mean > least) & rose
    linger = idle & state.armed[at] & lies & unseen & (open_s >= slow_s / 2)
    begin = drop | linger

    onset = np.where(
        drop, state.calm_ms[at] - int(params.mean_tau_s * 1000), t_ms - (open_s * 1000).astype(np.int64)
    )
    _put(state.onset_ms, frames.sensor, begin, onset)
    _put(state.suspected_ms, frames.sensor, begin, t_ms)
    _put(state.place_x_m, frames.sensor, begin, view.x_m)
    _put(state.place_y_m, frames.sensor, begin, view.y_m)
    state.quick[at] = np.where(begin, drop, state.quick[at])
    open_s = np.where(drop, np.float32(0), open_s)

    walked = (
        np.hypot(state.x_m[at] - state.place_x_m[at], state.y_m[at] - state.place_y_m[at]) > params.away_m
    )
    top = np.where(begin, score, np.maximum(state.top[at], score))
    standing = there & (
        (score < params.up_odds) | ((score < top - params.up_fall_odds) & (score < params.lying_odds))
    )
    off = ~there & (walked | ~np.isfinite(state.x_m[at])) & (state.up_s[at] > 0)
    up = ~idle & live & (standing | off)
    down = suspected & live & there & ~up
    down_s = np.where(begin, np.float32(0), state.down_s[at] + np.where(down, dt, np.float32(0)))
    up_s = np.where(up, state.up_s[at] + dt, np.where(there | idle, np.float32(0), state.up_s[at]))
    recover = ~idle & (up_s >= params.recover_s)
    enough = (down_s >= fast_s) & (speed < params.still_m_s) & state.quick[at] & there & ~up
    confirm = suspected & live & ~recover & (enough | ((open_s >= slow_s) & (up_s == 0)))

    stage = np.where(begin, Stage.SUSPECTED, np.where(confirm, Stage.CONFIRMED, stage))
    stage = np.where(recover, Stage.IDLE, stage)
    armed = (state.armed[at] & ~begin) | (
        ~begin
        & (stage == Stage.IDLE)
        & live
        & (sure < limit - params.rearm_odds)
        & (t_ms - state.suspected_ms[at] > params.refractory_s * 1000)
    )
    state.stage[at], state.armed[at] = stage.astype(np.int8), armed
    state.down_s[at], state.open_s[at] = down_s, np.where(recover, np.float32(0), open_s)
    state.top[at] = top
    state.up_s[at] = np.where(recover, np.float32(0), up_s)

    out: list[Finding] = []
    for kind, mask in (
        (Kind.FALL_SUSPECTED, begin),
        (Kind.FALL_CONFIRMED, confirm),
        (Kind.FALL_RECOVERED, recover & (suspected | confirmed)),
    ):
        out.extend(_finding(params, state, frames, view, now_ms, kind, int(k)) for k in np.flatnonzero(mask))
    return out


def _sure(params: FallParams, state: FallState, at: NDArray[np.intp] | slice) -> F32:
    """(N,) log-odds that somebody went down: lies low, was fast of late, is slow now."""
    haste = np.float32(params.haste_weight_s_m) * state.haste_m_s[at]
    return np.asarray(state.mean[at] + haste - np.float32(params.slow_weight_s_m) * state.speed_m_s[at])


def _put(target: NDArray[Any], sensor: NDArray[np.intp], where: Bools, values: NDArray[Any]) -> None:
    target[sensor[where]] = values[where]


def _finding(  # noqa: PLR0917  (the whole view of one row becomes evidence)
    params: FallParams, state: FallState, frames: Frames, view: _View, now_ms: int, kind: Kind, k: int
) -> Finding:
    row = int(frames.sensor[k])
    score = float(state.score[row])
    metric = bool(_metric(state.optics, frames.sensor[k : k + 1])[0])
    down_s, open_s = float(state.down_s[row]), float(state.open_s[row])
    certain = abs(score) + (2.0 if kind is Kind.FALL_CONFIRMED else 0.0)
    return Finding(
        kind,
        row,
        int(state.onset_ms[row]),
        now_ms,
        float(1 / (1 + np.exp(-certain))),
        float(state.place_x_m[row]) if metric else float("nan"),
        float(state.place_y_m[row]) if metric else float("nan"),
        {
            "score_log_odds": round(score, 2),
            "fall_log_odds": round(float(_sure(params, state, frames.sensor[k : k + 1])[0]), 2),
            "threshold_log_odds": params.suspect_odds,
            "length_m": round(float(view.along_m[k]), 2),
            "width_m": round(float(view.across_m[k]), 2),
            "area_m2": round(float(view.area_m2[k]), 2),
            "peak_k": round(float(view.peak_k[k]), 2),
            "noise_k": round(float(view.sigma_k[k]), 3),
            "speed_m_s": round(float(state.speed_m_s[row]), 2),
            "down_s": round(down_s, 1),
            "since_suspected_s": round(open_s, 1),
            "drop_seen": float(state.quick[row]),
            "scale_assumed": float(not metric),
        },
    )
