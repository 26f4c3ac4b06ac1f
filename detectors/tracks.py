"""Who is who from frame to frame: up to two tracks for each sensor.

Takes the patches of one batch, gives for every track whether it is seen, how long it has been known, how
fast it moves, and its numbers averaged over several times (`bank`), which is how later stations look back.
All sensors at once. Never says what a track is.

1. Each of two slots takes the patch that is nearest to where it was, within what somebody can move; of the
   two ways to pair, the shorter one. A patch of another warmth counts as further away (`unlike_m`): whoever
   gets up leaves warmth on the floor, and must not stay there as a track.
2. A patch that nobody claims begins a track in a free slot. Born beside a track that has moved, it counts as
   having moved too, if it is about as warm: two people who part were one patch.
3. A track that is unseen for `lost_s` ends, unless it is kept (somebody may lie there).
4. A gap in the frames starts the averages anew.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.background import F32, Bools

I64 = NDArray[np.int64]
Ints = NDArray[np.intp]

SLOTS: Final = 2
NEVER_MS: Final = -(2**62)
FAR: Final = 1e6  # added up in double precision: beside it, single precision only tells 6 cm apart
WARMTH_S: Final = 1.0
FIRST_S: Final = 1.5  # whoever comes in is as warm as they get by then; what is switched on is not
WALKS_M_S: Final = 0.3  # who moves so fast is no warm spot: judgement
WALKER_S: Final = (2.0, 60.0)
"""Of walking, until a greater and a smaller warmth are learnt."""
FASTEST_M_S: Final = np.float32(3.0)
"""Nobody is faster at home (head in a fall 2.9 ± 0.9 m/s, J Biomech 48:911); more is noise or another
patch."""
BANK_S: Final = (0.25, 1.0, 3.0, 10.0)
"""Times over which numbers are averaged: one frame says little (F1 0.95), the last 2 to 4 s say most (0.98 to
0.99) on a recorded array; the longest tells how the track usually is."""


@dataclass(frozen=True, slots=True)
class TrackParams:
    """Table [tracks] of config/detectors.toml."""

    speed_tau_s: float
    lost_s: float
    jump_m: float
    jump_m_s: float
    moved_m: float
    apart_m: float
    unlike_m: float
    alike: float


@dataclass(slots=True)
class TrackState:
    """What is remembered; first axes (S, 2) = sensor, slot."""

    used: Bools
    seen_ms: I64
    born_ms: I64
    x_m: F32
    """Where it was last (geometry.Shapes.move_x_m)."""
    y_m: F32
    vx_m_s: F32
    """Mean velocity: noise of the place averages out in it, a walk does not."""
    vy_m_s: F32
    from_x_m: F32
    """Where it was first seen."""
    from_y_m: F32
    moved: Bools
    """It has been `moved_m` away from there: alive."""
    bank: F32
    """(S, 2, len(BANK_S), F) its numbers averaged over those times."""
    warmth: F32
    """Logarithm of its peak in K, averaged over `WARMTH_S`."""
    first: F32
    """The same as it was when the track was `FIRST_S` old."""
    walker: F32
    """(S,) logarithm of the peak in K of whoever walks there, averaged; NaN: nobody has yet."""
    last_ms: I64
    """(S,) time of the sensor's last frame that counted while a track was there."""


@dataclass(frozen=True, slots=True)
class Tracks:
    """The L tracks of one batch, flat; (L,) each."""

    at: Ints
    """Index 2 x sensor + slot into the state, flattened."""
    frame: Ints
    """Index into the batch's frames that were given."""
    patch: Ints
    """Index 2 x frame + patch into the patches; only right where `there`."""
    there: Bools
    """It has a patch in this frame."""
    begun: Bools
    """It begins with this frame, or begins anew after a gap."""
    dt_s: F32
    """Since the frame before; 0 where it begins."""
    age_s: F32
    speed_m_s: F32


def fresh(sensors: int, numbers: int) -> TrackState:
    """State without any track; `numbers` F are averaged for each."""

    def zeros() -> F32:
        return np.zeros((sensors, SLOTS), np.float32)

    def never() -> I64:
        return np.full((sensors, SLOTS), NEVER_MS, np.int64)

    def no() -> Bools:
        return np.zeros((sensors, SLOTS), np.bool_)

    return TrackState(
        no(),
        never(),
        never(),
        zeros(),
        zeros(),
        zeros(),
        zeros(),
        zeros(),
        zeros(),
        no(),
        np.zeros((sensors, SLOTS, len(BANK_S), numbers), np.float32),
        zeros(),
        zeros(),
        np.full(sensors, np.nan, np.float32),
        np.full(sensors, NEVER_MS, np.int64),
    )


def follow(  # noqa: PLR0917  (one array a thing known of each frame)
    params: TrackParams,
    state: TrackState,
    sensor: Ints,
    t_ms: I64,
    gap: Bools,
    kept: Bools,
    there: Bools,
    x_m: F32,
    y_m: F32,
    peak_k: F32,
) -> Tracks:
    """Hand the patches of M frames (there, x_m, y_m, peak_k: (M, 2)) to the tracks of sensors `sensor` (M,).

    `gap` (M,): what was before is not known to touch this frame. `kept` (S, 2): never let that track end.
    """
    own = SLOTS * sensor[:, None] + np.arange(SLOTS)  # into the flat state: far quicker than rows of two
    old = _Old(*(getattr(state, name).reshape(-1).take(own) for name in _Old.__dataclass_fields__))
    used, dt_s = _alive(params, state, old, sensor, t_ms, gap, kept.reshape(-1).take(own))
    warmth = np.log(np.maximum(peak_k, np.float32(1e-3)))
    swap, claimed, free = _paired(params, old, used, dt_s, t_ms, there, x_m, y_m, warmth)
    patch = np.stack([swap, ~swap], axis=1).astype(np.intp)  # of each slot
    pick = patch + SLOTS * np.arange(len(sensor))[:, None]
    offered = there.reshape(-1).take(pick)
    begin = offered & free & ~claimed
    x, y, warm = (values.reshape(-1).take(pick) for values in (x_m, y_m, warmth))
    have = claimed | begin
    live = used | begin

    step = np.maximum(dt_s, np.float32(0.03))[:, None]
    anew = begin | gap[:, None]
    rate = np.where(claimed & ~gap[:, None], -np.expm1(-dt_s / np.float32(params.speed_tau_s))[:, None], 0)
    velocity = []
    for new, was, before in ((x, old.x_m, old.vx_m_s), (y, old.y_m, old.vy_m_s)):
        now = np.minimum(np.maximum((new - was) / step, -FASTEST_M_S), FASTEST_M_S)
        velocity.append(np.where(anew, 0, before + rate * (np.where(claimed, now, 0) - before)))

    beside = _beside(params, old, used, x, y, warm)
    share = np.where(claimed & ~gap[:, None], -np.expm1(-dt_s / np.float32(WARMTH_S))[:, None], have)
    from_x, from_y = np.where(begin, x, old.from_x_m), np.where(begin, y, old.from_y_m)
    far = have & (np.hypot(x - from_x, y - from_y) > params.moved_m)
    moved = np.where(begin, beside, old.moved | far)
    born = np.where(begin, t_ms[:, None], old.born_ms)
    warmth = old.warmth + share * (warm - old.warmth)
    young = t_ms[:, None] - born <= FIRST_S * 1000
    for array, values in (
        (state.used, live),
        (state.seen_ms, np.where(have, t_ms[:, None], old.seen_ms)),
        (state.born_ms, born),
        (state.x_m, np.where(have, x, old.x_m)),
        (state.y_m, np.where(have, y, old.y_m)),
        (state.vx_m_s, velocity[0]),
        (state.vy_m_s, velocity[1]),
        (state.from_x_m, from_x),
        (state.from_y_m, from_y),
        (state.moved, moved & live),
        (state.warmth, warmth),
        (state.first, np.where(young, warmth, old.first)),
    ):
        array.reshape(-1)[own] = values
    state.last_ms[sensor] = t_ms

    frame, slot = np.nonzero(live)
    begun = anew[frame, slot]
    return Tracks(
        own[frame, slot],
        frame,
        pick[frame, slot],
        have[frame, slot],
        begun,
        np.where(begun, np.float32(0), dt_s[frame]),
        ((t_ms[frame] - born[frame, slot]) / 1000).astype(np.float32),
        np.hypot(velocity[0], velocity[1])[frame, slot].astype(np.float32),
    )


def warmer(state: TrackState, sensor: Ints, tracks: Tracks, peak_k: F32, most_k: F32) -> F32:
    """(L,) how much warmer each track (sensor, peak_k: (L,)) is than who walks there (log; 0 = unknown).

    Warmth that somebody has left, and most pets, are far cooler. Who walks is learnt here, the warmer one of
    two who walk, and never as warmer than `most_k` (L,), which is all that a body has: who carries a hot pan
    must not make themselves look cold.
    """
    level = np.minimum(state.warmth.reshape(-1)[tracks.at], np.log(most_k))
    walks = tracks.there & state.moved.reshape(-1)[tracks.at] & (tracks.speed_m_s > WALKS_M_S)
    known = state.walker[sensor]
    tau = np.where(level > known, np.float32(WALKER_S[0]), np.float32(WALKER_S[1]))
    share = -np.expm1(-tracks.dt_s / tau)
    new = np.where(np.isnan(known), level, known + share * (level - known))
    state.walker[sensor[walks]] = -np.inf
    np.maximum.at(state.walker, sensor[walks], new[walks])
    now = np.log(np.maximum(peak_k, np.float32(1e-3))) - state.walker[sensor]
    return np.where(tracks.there & np.isfinite(now), np.clip(now, -3, 1), 0).astype(np.float32)


def alive(params: TrackParams, state: TrackState, sensor: Ints, at: Ints) -> Bools:
    """(L,) the tracks `at` of `sensor` have moved; or came all at once, not much cooler than who walks there.

    What is switched on (radiators, screens) warms for minutes; what somebody left is cooler than they are.
    """
    level, much = state.warmth.reshape(-1)[at], np.float32(-np.log(params.alike))
    slow = level - state.first.reshape(-1)[at] > much
    cool = state.walker[sensor] - level > much
    return np.asarray(state.moved.reshape(-1)[at] | ~(slow | cool))


def average(state: TrackState, tracks: Tracks, numbers: F32) -> F32:
    """Fold `numbers` (L, F) into the averages of the tracks that are there; give them (L, len(BANK_S), F)."""
    flat = state.bank.reshape(
        -1, len(BANK_S) * numbers.shape[1]
    )  # long rows: numpy is slow on many short ones
    bank = flat.take(tracks.at, axis=0)
    tau = np.array(BANK_S, np.float32)
    share = np.where(tracks.begun[:, None], np.float32(1), -np.expm1(-tracks.dt_s[:, None] / tau))
    share *= tracks.there[:, None]
    step = np.concatenate([numbers] * len(BANK_S), axis=1)
    step -= bank
    step *= share.repeat(numbers.shape[1], axis=1)
    bank += step
    flat[tracks.at] = bank
    return bank.reshape(-1, len(BANK_S), numbers.shape[1])


@dataclass(frozen=True, slots=True)
class _Old:
    """What the state held of the M sensors, (M, 2) each; names as there."""

    used: Bools
    seen_ms: I64
    born_ms: I64
    x_m: F32
    y_m: F32
    vx_m_s: F32
    vy_m_s: F32
    from_x_m: F32
    from_y_m: F32
    moved: Bools
    warmth: F32
    first: F32


def _alive(  # noqa: PLR0917  (called once, above)
    params: TrackParams, state: TrackState, old: _Old, sensor: Ints, t_ms: I64, gap: Bools, kept: Bools
) -> tuple[Bools, F32]:
    """Which slots (M, 2) still hold a track, and seconds (M,) since the sensor's last frame."""
    last_ms = state.last_ms[sensor]
    looked_ms = np.where(gap, last_ms, t_ms)  # nobody is lost while nothing is looked at
    age_ms = looked_ms[:, None] - old.seen_ms
    used = old.used & ((age_ms <= params.lost_s * 1000) | kept)
    since = np.where(last_ms == NEVER_MS, 0, t_ms - last_ms)
    return used, np.where(gap, 0, np.clip(since, 0, 10_000) / 1000).astype(np.float32)


def _paired(  # noqa: PLR0917
    params: TrackParams,
    old: _Old,
    used: Bools,
    dt_s: F32,
    t_ms: I64,
    there: Bools,
    x_m: F32,
    y_m: F32,
    warmth: F32,
) -> tuple[Bools, Bools, Bools]:
    """(M,) slot 0 takes patch 1; (M, 2) the slot's patch is its own; (M, 2) the slot is free."""
    apart = np.hypot(old.x_m[:, :, None] - x_m[:, None, :], old.y_m[:, :, None] - y_m[:, None, :])
    unseen_s = np.maximum((t_ms[:, None] - old.seen_ms) / 1000, dt_s[:, None])
    leap = np.clip(np.float32(params.jump_m_s) * unseen_s, params.jump_m, 2 * params.jump_m)
    possible = used[:, :, None] & there[:, None, :] & (apart <= leap[:, :, None])
    welcome = ~used[:, :, None] & there[:, None, :]
    unlike = np.abs(old.warmth[:, :, None] - warmth[:, None, :])
    apart = apart + np.float32(params.unlike_m) * unlike
    cost = np.where(possible, apart, np.where(welcome, FAR - 100, FAR))
    swap = cost[:, 0, 1] + cost[:, 1, 0] < cost[:, 0, 0] + cost[:, 1, 1]
    one = np.where(swap[:, None], possible[:, [0, 1], [1, 0]], possible[:, [0, 1], [0, 1]])
    return swap, one, ~used


def _beside(  # noqa: PLR0917
    params: TrackParams, old: _Old, used: Bools, x: F32, y: F32, warm: F32
) -> Bools:
    """(M, 2) the sensor's other track has moved, was near and about as warm."""
    other_x, other_y = old.x_m[:, ::-1], old.y_m[:, ::-1]
    near = np.hypot(x - other_x, y - other_y) < params.apart_m
    near &= warm > old.warmth[:, ::-1] + np.log(np.float32(params.alike))
    return np.asarray(near & used[:, ::-1] & old.moved[:, ::-1])
