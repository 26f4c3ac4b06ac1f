"""The health of thermal arrays: dark, frozen, torn, moved, faded, drifting, blind to people, hung elsewhere.

Takes what the thermal pipeline saw in every batch and, once a minute, when each camera was last heard and in
which rooms other sensors noticed somebody; every `visit_min` a coarse picture of the learnt room. Gives which
cameras see, and which have a fault. Never looks at a single frame.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.fault import Cause
from detectors.keep import PassingCamera, PerCamera
from detectors.layout import Layout

Bools = NDArray[np.bool_]
F32 = NDArray[np.float32]
I64 = NDArray[np.int64]
Rows = NDArray[np.intp]

SIDE: Final = 8
"""Coarse pictures have 8 x 8 fields, as many as the smallest array has pixels."""
ROOMS: Final = 12
"""Rooms of a home beyond these are left out when it is asked where a camera hangs."""
HANG_MIN: Final = 10
"""Where cameras hang is looked at every so many minutes."""
FEW_FRAMES: Final = 3
"""Fewer in a minute say nothing about their content."""
DAY_MIN: Final = 1_440


@dataclass(frozen=True, slots=True)
class CameraHealthParams:
    """Table [camerahealth] of config/detectors.toml."""

    dark_s: float
    gaps: float
    gap_quantile: float
    gap_rate: float
    useful_share: float
    bad_min: float
    dead_share: float
    dead_min: float
    visit_min: int
    learn_visits: int
    picture_tau_visits: float
    least_contrast_k: float
    alike: float
    faint: float
    moved_visits: int
    faint_visits: int
    renew_visits: int
    drift_k: float
    drift_tau_visits: float
    drift_visits: int
    asked_min: float
    asked_tau_days: float
    static_share: float
    own_share: float
    other_share: float
    boots_per_day: float
    boots_over_per_day: float


@dataclass(slots=True)
class CameraState:
    """What is remembered of each of C cameras."""

    gap_s: PerCamera[np.float32]
    """Upper quantile of the gaps between frames."""
    bad: PerCamera[np.float32]
    """Minutes on end in which hardly a frame was of use."""
    why: PerCamera[np.int8]
    """Cause of that."""
    dead: PerCamera[np.float32]
    """Minutes on end with too many pixels that cannot be read."""
    boots: PerCamera[np.float32]
    """Starts, fading over a day."""
    asked: PerCamera[np.float32]
    """(C, ROOMS) minutes in which only that room of its home had somebody, by other sensors, fading;"""
    answered: PerCamera[np.float32]
    """and those of them in which this camera saw somebody."""
    picture: PerCamera[np.float32]
    """(C, SIDE * SIDE) the usual coarse picture, K from its mean."""
    visits: PerCamera[np.int32]
    """Pictures it was learnt from."""
    unlike: PerCamera[np.int32]
    """Pictures on end that were of another place;"""
    faded: PerCamera[np.int32]
    """that had hardly a pattern."""
    offset_k: PerCamera[np.float32]
    """Level of the room less the home's temperature, averaged; NaN = unknown."""
    base_k: PerCamera[np.float32]
    """The same when it had been learnt."""
    offsets: PerCamera[np.int32]
    """How often that could be measured."""
    hung: PerCamera[np.int8]
    """STATIC or SWAPPED, as of the last time that was looked at."""
    told: PerCamera[np.int8]
    weight: PerCamera[np.float32]
    """Minutes a day with somebody up in view, learnt."""
    degraded: PerCamera[np.bool_]
    """A body would hardly stand out of the room."""
    ready: PerCamera[np.bool_]
    """The room is learnt."""
    last_ms: PassingCamera[np.int64]
    """(C,) time of the last frame handed over, −1 = none since the start."""
    frames: PassingCamera[np.int32]
    """(C,) frames this minute,"""
    useful: PassingCamera[np.int32]
    """of those, frames in which somebody could be seen,"""
    froze: PassingCamera[np.int32]
    """and frames that repeat an old one."""
    bad_share: PassingCamera[np.float32]
    saw: PassingCamera[np.bool_]
    """(C,) saw somebody this minute;"""
    saw_before: PassingCamera[np.bool_]
    """in the one before."""
    up: PassingCamera[np.bool_]
    """(C,) saw somebody up this minute."""
    boots_read: PassingCamera[np.int64]
    first_room: Rows
    """(C,) row of the first room of its home."""


SEEN: Final = (
    "gap_s", "last_ms", "frames", "useful", "froze", "bad_share", "ready", "degraded", "saw", "up",
)  # fmt: skip
"""What `see` writes."""


@dataclass(frozen=True, slots=True)
class CameraVerdict:
    """What holds of each of C cameras this minute."""

    dark: Bools
    """Nothing (usable) has come for too long."""
    sees: Bools
    """Frames come, the room is learnt, and what comes is a picture of it."""
    cause: NDArray[np.int8]
    """Of its fault or darkness, Cause.NONE = none."""
    news: Rows
    """Rows of those whose fault is to be told now; darkness is told for the home."""
    silent_s: NDArray[np.float64]
    """Since its last usable frame."""
    benched: Bools
    """Its frames are not looked at; they may come all the same."""


def fresh(layout: Layout, rate_hz: F32) -> CameraState:
    """State of cameras that have shown nothing; `rate_hz` (C,) nominal, NaN = unknown."""
    n = len(layout.camera_home)

    def zeros() -> F32:
        return np.zeros(n, np.float32)

    def counts() -> NDArray[np.int32]:
        return np.zeros(n, np.int32)

    def no() -> Bools:
        return np.zeros(n, np.bool_)

    return CameraState(
        gap_s=np.where(rate_hz > 0, 1 / np.fmax(rate_hz, np.float32(1e-3)), 1).astype(np.float32),
        bad=zeros(),
        why=np.zeros(n, np.int8),
        dead=zeros(),
        boots=zeros(),
        asked=np.zeros((n, ROOMS), np.float32),
        answered=np.zeros((n, ROOMS), np.float32),
        picture=np.zeros((n, SIDE * SIDE), np.float32),
        visits=counts(),
        unlike=counts(),
        faded=counts(),
        offset_k=np.full(n, np.nan, np.float32),
        base_k=np.full(n, np.nan, np.float32),
        offsets=counts(),
        hung=np.zeros(n, np.int8),
        told=np.zeros(n, np.int8),
        weight=np.ones(n, np.float32),
        degraded=no(),
        ready=no(),
        last_ms=np.full(n, -1, np.int64),
        frames=counts(),
        useful=counts(),
        froze=counts(),
        bad_share=zeros(),
        saw=no(),
        saw_before=no(),
        up=no(),
        boots_read=np.zeros(n, np.int64),
        first_room=np.searchsorted(layout.room_home, layout.camera_home),
    )


def see(  # noqa: PLR0917  (one array for each thing that is seen)
    params: CameraHealthParams,
    state: CameraState,
    camera: Rows,
    t_ms: I64,
    live: Bools,
    ready: Bools,
    frozen: Bools,
    bad_share: F32,
    degraded: Bools,
    people: NDArray[np.int8],
    up: Bools,
) -> None:
    """Take what was seen in one batch, (N,) each, at most one frame a camera."""
    gap_s = (t_ms - state.last_ms[camera]) / 1000.0
    known = (state.last_ms[camera] >= 0) & (gap_s > 0)
    rise = np.where(gap_s > state.gap_s[camera], params.gap_quantile, params.gap_quantile - 1.0)
    state.gap_s[camera] *= np.where(known, np.exp(params.gap_rate * rise), 1.0).astype(np.float32)
    state.last_ms[camera] = t_ms
    state.frames[camera] += 1
    state.useful[camera] += live
    state.froze[camera] += frozen
    state.bad_share[camera] = bad_share
    state.ready[camera] = ready
    state.degraded[camera] = degraded
    state.saw[camera] |= people > 0
    state.up[camera] |= up


def picture(  # noqa: PLR0917
    params: CameraHealthParams,
    state: CameraState,
    camera: Rows,
    room_c: F32,
    ready: Bools,
    home_c: F32,
) -> None:
    """Take coarse looks at learnt rooms of one resolution: `room_c` (N, rows, cols) °C, `home_c` (N,) what
    the home's thermometers say (NaN = nothing). Called every `visit_min` for each camera.

    Fields are compared by their ranks: a radiator or the sun on a few fields changes little, another place
    or a cloth everything.
    """
    now = coarse(room_c)
    level = now.mean(axis=1)
    now = now - level[:, None]
    old = state.picture[camera]
    learnt = state.visits[camera] >= params.learn_visits
    spread, usual = _spread(now), _spread(old)
    telling = ready & learnt & (usual >= params.least_contrast_k)
    faint = telling & (spread < np.float32(params.faint) * usual)
    apart = telling & ~faint & (_rank_correlation(now, old) < params.alike)
    state.unlike[camera] = np.where(ready, np.where(apart, state.unlike[camera] + 1, 0), state.unlike[camera])
    state.faded[camera] = np.where(ready, np.where(faint, state.faded[camera] + 1, 0), state.faded[camera])
    anew = np.maximum(state.unlike[camera], state.faded[camera]) >= params.renew_visits
    n = np.where(anew, 0, state.visits[camera])
    part = np.maximum(1 / (n + 1.0), 1 / params.picture_tau_visits).astype(np.float32)
    takes = (ready & ~apart & ~faint) | anew
    state.picture[camera] = np.where(takes[:, None], old + part[:, None] * (now - old), old)
    state.visits[camera] = np.where(takes, n + 1, n)
    state.unlike[camera[anew]] = state.faded[camera[anew]] = 0

    off = np.where(ready, level - home_c, np.nan)
    seen = state.offsets[camera]
    share = np.maximum(1 / (seen + 1.0), 1 / params.drift_tau_visits)
    before = state.offset_k[camera]
    mean = np.where(np.isnan(before), off, before + share * (off - before))
    state.offset_k[camera] = np.where(np.isnan(off), before, mean)
    seen = seen + ~np.isnan(off)
    state.offsets[camera] = seen
    base = state.base_k[camera]
    state.base_k[camera] = np.where(
        np.isnan(base) & (seen >= params.drift_visits), state.offset_k[camera], base
    )


def coarse(room: F32) -> F32:
    """(N, SIDE * SIDE) means of fields; pictures with fewer lines than SIDE repeat theirs."""
    n, rows, cols = room.shape
    down, right = (np.arange(SIDE) * rows) // SIDE, (np.arange(SIDE) * cols) // SIDE
    tall = np.add.reduceat(room, down, axis=1)
    wide = np.add.reduceat(tall, right, axis=2)
    high = np.maximum(np.diff(np.append(down, rows)), 1)
    broad = np.maximum(np.diff(np.append(right, cols)), 1)
    return np.asarray((wide / np.multiply.outer(high, broad)).reshape(n, SIDE * SIDE), np.float32)


def _spread(picture: F32) -> F32:
    """(N,) between the 16 % and the 84 % of the fields, halved: one sigma of a normal pattern."""
    ordered = np.sort(picture, axis=1)
    last = picture.shape[1] - 1
    return np.asarray((ordered[:, round(0.84 * last)] - ordered[:, round(0.16 * last)]) / 2)


def _rank_correlation(a: F32, b: F32) -> F32:
    """(N,) of the fields' ranks; ties in the order of the fields."""
    ranks = [np.argsort(np.argsort(x, axis=1, kind="stable"), axis=1) for x in (a, b)]
    middle = (a.shape[1] - 1) / 2
    p, q = (r.astype(np.float32) - np.float32(middle) for r in ranks)
    return np.asarray((p * q).sum(axis=1) / (p * p).sum(axis=1))


def minute(  # noqa: PLR0917  (one array for each thing that is known)
    params: CameraHealthParams,
    state: CameraState,
    layout: Layout,
    camera_ms: I64,
    refused_ms: I64,
    boots: I64,
    offline: Bools,
    noticed: Bools,
    benched: Bools,
    since_ms: I64,
    now_ms: int,
) -> CameraVerdict:
    """Judge every camera, once a minute.

    camera_ms, refused_ms: (C,) arrival of the last usable and of the last unusable frame. noticed: (R,) rooms
    in which event sensors noticed somebody this minute. since_ms: (C,) as in eventhealth.minute.
    """
    silent_s = (now_ms - np.maximum(camera_ms, since_ms)) / 1000.0
    dark = silent_s > np.maximum(params.dark_s, params.gaps * state.gap_s)
    enough = state.frames >= FEW_FRAMES
    bad = enough & (state.useful < params.useful_share * state.frames)
    state.bad = np.where(enough, np.where(bad, state.bad + 1, 0), state.bad).astype(np.float32)
    frozen = state.froze * 2 >= state.frames
    state.why = np.where(bad, np.where(frozen, Cause.FROZEN, Cause.IMPLAUSIBLE), state.why).astype(np.int8)
    many = enough & (state.bad_share > params.dead_share)
    state.dead = np.where(enough, np.where(many, state.dead + 1, 0), state.dead).astype(np.float32)
    _ask(state, layout, noticed, dark | benched | bad | ~state.ready | state.degraded)
    state.boots *= np.float32(np.exp(-1 / DAY_MIN))
    state.boots += np.maximum(boots - state.boots_read, 0)
    state.boots_read = boots.copy()
    state.weight *= np.float32(np.exp(-1 / (7 * DAY_MIN)))
    state.weight += state.up * np.float32(1 / 7)

    if now_ms // 60_000 % HANG_MIN == 0:
        _hang(params, state, layout)
    static, swapped = state.hung == Cause.STATIC, state.hung == Cause.SWAPPED
    moved, faint = state.unlike >= params.moved_visits, state.faded >= params.faint_visits
    blind = state.bad >= params.bad_min
    again = np.where(state.told >= Cause.BOOTS, params.boots_over_per_day, params.boots_per_day)
    cause = np.zeros(len(dark), np.int8)
    for mask, code in (
        (state.boots >= again, Cause.BOOTS),
        (np.abs(state.offset_k - state.base_k) > params.drift_k, Cause.DRIFT),
        (faint, Cause.FAINT),
        (moved, Cause.MOVED),
        (swapped, Cause.SWAPPED),
        (static, Cause.STATIC),
        (state.dead >= params.dead_min, Cause.IMPLAUSIBLE),
    ):
        cause[mask] = code
    cause = np.where(blind, state.why, cause)
    cause = np.where(dark, np.where(offline, Cause.OFFLINE, Cause.SILENT), cause)
    refused = dark & (now_ms - refused_ms < 60_000) & (refused_ms > camera_ms)
    cause = np.where(refused, Cause.IMPLAUSIBLE, cause)
    cause = np.where(benched & ~dark, Cause.BENCHED, cause).astype(np.int8)
    news = np.flatnonzero((cause > state.told) & ~(dark | benched))
    state.told = np.where(dark | benched, state.told, cause)
    sees = ~(dark | benched) & state.ready & (state.bad < 1) & ~(moved | faint | static)
    state.saw_before, state.saw = state.saw, np.zeros_like(state.saw)
    state.up = np.zeros_like(state.up)
    state.frames[:] = state.useful[:] = state.froze[:] = 0
    return CameraVerdict(dark, sees, cause, news, silent_s, benched)


def _ask(state: CameraState, layout: Layout, noticed: Bools, unfit: Bools) -> None:
    """Where exactly one room of a home has somebody, by its event sensors: does each camera see them?"""
    room = np.flatnonzero(noticed)
    if not len(room):
        return
    home = layout.room_home[room]
    alone = np.bincount(home, minlength=layout.homes)[home] == 1
    where = np.full(layout.homes, -1, np.intp)
    where[home[alone]] = room[alone]
    there = where[layout.camera_home]
    at = np.flatnonzero((there >= 0) & ~unfit)
    place = there[at] - state.first_room[at]
    at, place = at[place < ROOMS], place[place < ROOMS]
    state.asked[at, place] += 1
    state.answered[at, place] += state.saw[at] | state.saw_before[at]


def _hang(params: CameraHealthParams, state: CameraState, layout: Layout) -> None:
    """Who never sees anybody though its room has people (STATIC), and who sees them when another room has."""
    fade = np.float32(np.exp(-HANG_MIN / (params.asked_tau_days * DAY_MIN)))
    state.asked *= fade
    state.answered *= fade
    state.hung[:] = Cause.NONE
    own = layout.camera_room - state.first_room
    inside = own < ROOMS
    at = np.arange(len(own)), np.minimum(own, ROOMS - 1)
    enough = inside & (state.asked[at] >= params.asked_min)
    some = np.flatnonzero(enough)
    asked, mine = state.asked[some], (np.arange(len(some)), own[some])
    share = np.where(asked >= params.asked_min, state.answered[some] / np.fmax(asked, np.float32(1)), 0)
    here = share[mine].copy()
    share[mine] = 0
    other = share.max(axis=1, initial=0)
    swapped = (here < params.own_share * other) & (other >= params.other_share)
    state.hung[some[here <= params.static_share]] = Cause.STATIC
    state.hung[some[swapped]] = Cause.SWAPPED
