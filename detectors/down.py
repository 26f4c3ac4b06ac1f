"""From what tracks do to findings: suspected, confirmed, recovered.

Takes the tracks of one batch with their beliefs, gives findings with their evidence in numbers. All tracks at
once; whoever fell is a track, so two people under one array are judged apart.

1. `event` = mean of the network's log-odds that a fall is just over, each clipped, over `event_tau_s`.
2. Suspected at once where `event` passes its threshold, for a track that is or was a person, may be down and
   is not on furniture; or, where the furniture is known, where somebody has lain for half of the slow time
   (a slide, or a fall that nobody saw begin), or been down in any way on one spot for half of `calm_s`, but
   not where they may be on furniture, nor where heat comes and goes. Small pictures apart, only what has
   moved or came all at once is ever suspected.
3. Confirmed once it has lain for the fast time, if the fall was seen and it keeps still on one spot (`weak`
   times as long without strong evidence of a fall; with it, seeming to kneel there takes no time off); for
   the slow time in any case. Down in any way (kneeling, crawling, struggling): for `struggle_s` after strong
   evidence, on one spot for `calm_fell_s` after it and for `calm_s` without any. Out of sight on the spot is
   down, too: unknown is never fine. While somebody else is up and about there, every time is `second_person`
   times as long: help is there. Never while the one resident has an alibi: what lies there is somebody's pet,
   or warmth.
4. Recovered: up, or sitting or lying on furniture, for `recover_s`; for `walked_s`, when up and away from the
   place of the fall; or walked off and gone; or out of sight there, and somebody who came into sight later
   is up. Suspected again, in the same words, when armed and an event passes meanwhile; no time begins anew.
5. Armed again once `event` has been `rearm_odds` below the threshold, `refractory_s` after the last
   suspicion; never while confirmed.
"""

from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors import tracks
from detectors.background import F32, Bools
from detectors.fallstate import FallParams, FallState
from detectors.finding import Finding, Kind
from detectors.geometry import Patches, Shapes
from detectors.posture import BANKED, Doing, inputs
from detectors.tracks import BANK_S, NEVER_MS, Tracks

I64 = NDArray[np.int64]
Ints = NDArray[np.intp]


class Stage(IntEnum):
    """How far the suspicion of one track has come."""

    IDLE = 0
    SUSPECTED = 1
    CONFIRMED = 2


@dataclass(frozen=True, slots=True)
class View:
    """The L tracks of a batch, with all that is known of them."""

    row: Ints
    """(L,) frame of the batch."""
    sensor: Ints
    t_ms: I64
    line: Tracks
    patch: Patches
    """Right only where line.there; so is shape."""
    shape: Shapes
    x: F32
    """(L, D) what the network saw."""
    logits: F32
    """(L, len(Doing) + 1)."""
    belief: F32
    """(L, len(Doing))."""
    furnished: Bools
    """(L,) in a bed, sofa or bath, whether it lies low or raised: there is no floor."""
    usual: Bools
    """(L,) warmth is no news there: raised, it would be on furniture (seen from the ceiling; from a wall
    that takes in too much of the floor), or heat has come and gone there."""
    slight: Bools
    """(L,) too small for who lives there: a pet."""


@dataclass(frozen=True, slots=True)
class _Limits:
    """(L,) what holds for each track's sensor."""

    fast_s: F32
    slow_s: F32
    suspect: F32
    coarse: bool
    """So few pixels that somebody at the edge of the picture hardly moves in it."""


@cache
def nobody() -> View:
    """The view of a batch in which no track is."""
    none, f32, i64 = np.zeros(0, np.intp), np.zeros(0, np.float32), np.zeros(0, np.int64)
    no = np.zeros(0, np.bool_)
    logits = np.zeros((0, len(Doing) + 1), np.float32)
    return View(
        none,
        none,
        i64,
        Tracks(none, none, none, no, no, f32, f32, f32),
        Patches(**dict.fromkeys(Patches.__dataclass_fields__, f32)),
        Shapes(no, *[f32] * (len(Shapes.__dataclass_fields__) - 1)),
        inputs(np.zeros((0, len(BANK_S), BANKED), np.float32), f32, no),
        logits,
        logits[:, :-1],
        no,
        no,
        no,
    )


def decide(
    params: FallParams, state: FallState, view: View, now_ms: int, alibi_ms: I64 | None = None
) -> list[Finding]:
    """Move every track of the batch on, and say what there is to say.

    alibi_ms: (N,) by frame of the batch, the latest onset that the one resident has an alibi for (see
    `position.alibis`); negative = for none. None: nobody has any.
    """
    if not len(view.row):
        return []
    s = {name: getattr(state.down, name).reshape(-1)[view.line.at] for name in _OWN}
    limits = _limits(params, state, view)
    dt, there = view.line.dt_s, view.line.there
    up_b = view.belief[:, Doing.UP] + view.belief[:, Doing.SITTING]
    lying_b, low_b = view.belief[:, Doing.LYING], view.belief[:, Doing.LOW]
    on = view.furnished | (view.belief[:, Doing.RAISED] > 0.5)

    _observe(params, state, view, s, up_b)
    state.down.person.reshape(-1)[view.line.at] = s["person"]  # the other track asks for it, too
    idle = s["stage"] == Stage.IDLE
    suspected = s["stage"] == Stage.SUSPECTED

    up = there & (up_b > params.up_belief)
    x, y = (getattr(state.tracks, n).reshape(-1)[view.line.at] for n in ("x_m", "y_m"))
    clear = suspected & s["quick"] & (s["most"] > limits.suspect + params.strong_odds)
    _dwell(params, view, s, x, y, there & (up | on | (idle & view.usual)), clear)
    lie_s, rest_s = s["lie_s"], s["rest_s"]
    armed, event = s["armed"], s["event"]
    alive = tracks.alive(params.tracks, state.tracks, view.sensor, view.line.at) & ~view.slight
    alive |= limits.coarse
    ready = armed & there & alive & ~on
    fell = ready & (event > limits.suspect) & (lying_b + low_b > params.suspect_belief)
    fell &= s["was_person"] | (s["person"] > 0.5)
    drop, anew = fell & idle, fell & suspected
    linger = (lie_s >= limits.slow_s / 2) | (rest_s >= params.calm_s / 2)
    linger &= ready & idle & s["was_person"] & state.zones.known[view.sensor]
    begin = drop | linger

    s["quick"] = np.where(begin, drop, s["quick"])
    lie_ms = (np.where(lie_s >= limits.slow_s / 2, lie_s, rest_s) * 1000).astype(np.int64)
    onset = np.where(drop, np.maximum(s["upright_ms"], view.t_ms - 10_000), view.t_ms - lie_ms)
    s["onset_ms"] = np.where(begin, onset, s["onset_ms"])
    late = np.maximum(s["onset_ms"], np.maximum(s["upright_ms"], view.t_ms - 10_000))
    again = suspected & (event > limits.suspect)
    s["latest_ms"] = np.where(begin, onset, np.where(again, late, s["latest_ms"]))
    for name, value in (("suspected_ms", view.t_ms), ("place_x_m", x), ("place_y_m", y)):
        s[name] = np.where(begin | anew, value, s[name])
    s["most"] = np.where(begin, event, np.maximum(s["most"], event))
    s["quick"] |= again

    walked = np.hypot(x - s["place_x_m"], y - s["place_y_m"]) > params.away_m
    off = ~idle & ~there & (walked | (up_b > params.up_belief) | _elsewhere(state, view))
    risen = ~idle & (up | (there & on & (view.belief[:, Doing.RAISED] > params.up_belief)) | off)
    down = ~idle & ~begin & ~risen & (~there | (lying_b + low_b > params.low_belief))
    pace = np.where(up & walked, np.float32(params.recover_s / params.walked_s), np.float32(1))
    s["up_s"] = np.where(risen, s["up_s"] + pace * dt, np.where(down | idle, np.float32(0), s["up_s"]))
    s["low_s"] = np.where(begin | idle, np.float32(0), s["low_s"] + np.where(down, dt, 0))
    recover = ~idle & (s["up_s"] >= params.recover_s)

    many = np.where(_helped(state, view), np.float32(params.second_person), np.float32(1))
    strong = s["quick"] & (s["most"] > limits.suspect + params.strong_odds)
    fast_s = many * limits.fast_s * np.where(strong, np.float32(1), np.float32(params.weak))
    fast = s["quick"] & (lie_s >= fast_s) & (view.line.speed_m_s < params.still_m_s)
    fast &= rest_s >= np.float32(params.fast_rest) * fast_s
    struggle = strong & (s["low_s"] >= many * params.struggle_s)
    calm_s = np.where(strong, np.float32(params.calm_fell_s), np.float32(params.calm_s))
    calm = rest_s >= many * calm_s
    slow = (lie_s >= many * limits.slow_s) | (~there & (s["low_s"] >= many * limits.slow_s))
    confirm = suspected & ~recover & ~risen & (fast | struggle | calm | slow)
    if alibi_ms is not None:
        confirm &= (alibi_ms < 0)[view.row] | (s["latest_ms"] > alibi_ms[view.row])

    stage = np.where(begin, Stage.SUSPECTED, np.where(confirm, Stage.CONFIRMED, s["stage"]))
    stage = np.where(recover, Stage.IDLE, stage)
    rested = view.t_ms - s["suspected_ms"] > params.refractory_s * 1000
    rearms = (stage != Stage.CONFIRMED) & (event < limits.suspect - params.rearm_odds) & rested
    s["armed"] = (armed | rearms) & ~begin & ~anew
    s["stage"] = stage.astype(np.int8)
    for name in ("lie_s", "rest_s", "up_s"):
        s[name] = np.where(recover, np.float32(0), s[name])
    for name, values in s.items():
        getattr(state.down, name).reshape(-1)[view.line.at] = values

    found: list[Finding] = []
    for kind, mask in (
        (Kind.FALL_SUSPECTED, begin | anew),
        (Kind.FALL_CONFIRMED, confirm),
        (Kind.FALL_RECOVERED, recover),
    ):
        found += [_finding(view, limits, s, kind, int(k), now_ms) for k in np.flatnonzero(mask)]
    return found


_OWN = (
    "event", "person", "was_person", "stage", "armed", "quick", "upright_ms", "onset_ms", "latest_ms",
    "suspected_ms", "most", "lie_s", "low_s", "rest_s", "up_s", "place_x_m", "place_y_m", "spot_x_m",
    "spot_y_m",
)  # fmt: skip


def _limits(params: FallParams, state: FallState, view: View) -> _Limits:
    wall = state.optics.wall[view.sensor]
    coarse = state.optics.rows * state.optics.cols < params.small_pixels
    small = wall | coarse
    unscaled = ~wall & np.isnan(state.optics.fov_deg[view.sensor])
    suspect = np.where(unscaled, np.float32(params.suspect_unscaled_odds), np.float32(params.suspect_odds))
    return _Limits(
        np.where(small, np.float32(params.fast_small_s), np.float32(params.fast_large_s)),
        np.where(small, np.float32(params.slow_small_s), np.float32(params.slow_large_s)),
        suspect,
        coarse,
    )


def _observe(params: FallParams, state: FallState, view: View, s: dict[str, NDArray[Any]], up_b: F32) -> None:
    """Step 1, and whether it is a person; a track that is new takes over nothing of the one before it."""
    dt, there, begun = view.line.dt_s, view.line.there, view.line.begun
    newborn = begun & (s["stage"] == Stage.IDLE)
    fresh_track = newborn & (view.line.age_s == 0)
    s["upright_ms"] = np.where(fresh_track, NEVER_MS, s["upright_ms"])
    s["armed"] = s["armed"] | fresh_track
    for name in ("lie_s", "rest_s"):
        s[name] = np.where(fresh_track, np.float32(0), s[name])
    limit = np.float32(params.event_clip)
    new = np.clip(view.logits[:, len(Doing)], -limit, limit)
    share = np.where(there, -np.expm1(-dt / np.float32(params.event_tau_s)), 0)
    s["event"] = np.where(begun, -limit, s["event"] + share * (new - s["event"])).astype(np.float32)
    looks = 1 - view.belief[:, Doing.THING]
    share = np.where(there, -np.expm1(-dt / np.float32(params.person_tau_s)), 0)
    s["person"] = np.where(newborn, looks * 0.5, s["person"] + share * (looks - s["person"])).astype(
        np.float32
    )
    moved = state.tracks.moved.reshape(-1)[view.line.at]
    clearly = (moved & (s["person"] > 0.5)) | (s["person"] > params.sure_person)
    s["was_person"] = (s["was_person"] & ~fresh_track) | clearly
    s["upright_ms"] = np.where(there & (up_b > 0.5), view.t_ms, s["upright_ms"])


def _dwell(  # noqa: PLR0917  (called once, above)
    params: FallParams, view: View, s: dict[str, NDArray[Any]], x: F32, y: F32, fine: Bools, clear: Bools
) -> None:
    """How long each track lies, and how long it has been down on one spot; `fine` (L,) ends both.

    Who keeps to the spot after a clear fall (`clear`) and now seems to kneel loses no time.
    """
    dt, there = view.line.dt_s, view.line.there
    lying = view.belief[:, Doing.LYING]
    low = view.belief[:, Doing.LOW] + lying > params.low_belief
    off = there & (np.hypot(x - s["spot_x_m"], y - s["spot_y_m"]) > params.spot_m)
    for name, now, over, held in (
        ("lie_s", lying > params.lying_belief, fine, clear & low & ~off),
        ("rest_s", low, fine | off, np.zeros_like(off)),
    ):
        was = s[name]
        after = np.where(there & now, was + dt, np.where(there & ~held, np.maximum(was - dt, 0), was))
        s[name] = np.where(over, np.float32(0), after)
    for name, value in (("spot_x_m", x), ("spot_y_m", y)):
        s[name] = np.where(there & (s["rest_s"] <= 0), value, s[name])


def _helped(state: FallState, view: View) -> Bools:
    """(L,) the sensor's other track is a person who is up."""
    other = view.line.at ^ 1
    person = state.down.person.reshape(-1)[other] > 0.5
    up = state.down.belief.reshape(-1, len(Doing))[other][:, [Doing.UP, Doing.SITTING]].sum(axis=1) > 0.5
    alive = state.tracks.used.reshape(-1)[other] & state.tracks.moved.reshape(-1)[other]
    return np.asarray(person & up & alive)


def _elsewhere(state: FallState, view: View) -> Bools:
    """(L,) out of sight, while the sensor's other track, which came into sight later, is a person who is up:
    the same one who got up unseen, or help.
    """
    other = view.line.at ^ 1
    later = state.tracks.born_ms.reshape(-1)[other] > state.tracks.seen_ms.reshape(-1)[view.line.at]
    return np.asarray(~view.line.there & later & _helped(state, view))


def _finding(  # noqa: PLR0917  (all that is known of one track becomes evidence)
    view: View,
    limits: _Limits,
    s: dict[str, NDArray[Any]],
    kind: Kind,
    k: int,
    now_ms: int,
) -> Finding:
    metric = bool(view.shape.metric[k])
    there = bool(view.line.there[k])
    event, lying = float(s["event"][k]), float(view.belief[k, Doing.LYING])
    sure = event if kind is Kind.FALL_SUSPECTED else max(float(s["most"][k]), 1.0) + 2.0 * lying
    evidence = {
        "fall_log_odds": event,
        "threshold_log_odds": float(limits.suspect[k]),
        "lying": lying,
        "low": float(view.belief[k, Doing.LOW]),
        "up": float(view.belief[k, Doing.UP] + view.belief[k, Doing.SITTING]),
        "person": float(s["person"][k]),
        "lying_s": float(s["lie_s"][k]),
        "down_s": float(s["low_s"][k]),
        "fall_seen": float(s["quick"][k]),
        "speed_m_s": float(view.line.speed_m_s[k]),
        "in_sight": float(there),
        "scale_assumed": float(not metric),
        "noise_k": float(view.patch.sigma_k[k]),
    }
    if there:
        evidence |= {
            "length_m": float(view.shape.along_m[k]),
            "width_m": float(view.shape.across_m[k]),
            "area_m2": float(view.shape.area_m2[k]),
            "peak_k": float(view.patch.peak_k[k]),
        }
    return Finding(
        kind,
        int(view.sensor[k]),
        int(s["onset_ms"][k]),
        now_ms,
        float(1 / (1 + np.exp(-np.clip(sure, -20, 20)))),
        float(view.shape.floor_x_m[k]) if metric and there else float("nan"),
        float(view.shape.floor_y_m[k]) if metric and there else float("nan"),
        {name: round(value, 3) for name, value in evidence.items()},
    )
