"""What the silences of a home have been: what is learnt of each clock, and what follows for this hour.

Takes minutes and endings of clocks; keeps them by hour and age, forgotten slowly; gives the rates of the
present hour and the thresholds (hazard.py, tail.py). Knows nothing of alarms.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors import hazard, tail
from detectors.inactivitystate import (
    F32,
    NEEDS,
    Bools,
    Clock,
    InactivityParams,
    InactivityState,
    Usual,
    shipped,
)

LEAST: Final = np.float32(1e-30)
"""Stands for nothing where zero would divide."""
LONG: Final = 2
"""First age of silences, in buckets, that make a weekday: shorter ones come in any hour of any day."""


def turn(params: InactivityParams, state: InactivityState, usual: Usual, hour: int, weekday: int) -> None:
    """A new hour: forget a day's worth of this hour, work out its rates and the thresholds."""
    keep = np.float32(np.exp(-1 / params.forget_days))
    gone = np.float32(1) - keep
    first = state.hour < 0
    state.hour = hour
    _settle(state, usual)
    state.fresh_hour[:] = hour
    events, exposure = state.events[:, :, hour], state.exposure[:, :, hour]
    of_all = usual.rate[:, :, hour][state.like]
    if not first:
        state.age_events -= gone * events
        state.age_expected -= gone * exposure * of_all
        np.maximum(state.age_events, 0, out=state.age_events)
        np.maximum(state.age_expected, 0, out=state.age_expected)
        events *= keep
        exposure *= keep
        if hour == 0:
            state.outings *= keep
            state.silences *= keep
            state.week_events *= keep
            state.week_expected *= keep
    factor = hazard.livelier(state.age_events, state.age_expected, params.least_events)
    tables = state.events, state.exposure, usual.rate, state.like
    state.rate = hazard.rates(*tables, hour, factor=factor, least=params.least_expected)
    known = np.float32(params.weekday_known)
    state.busy = (state.week_events[..., weekday] + known) / (state.week_expected[..., weekday] + known)
    state.rate[:, : Clock.BATHROOM, LONG:] *= state.busy[..., None]
    minutes = np.float32(params.sleep_minutes)
    lively = usual.lively[hour]
    ended = state.events[:, Clock.SILENCE, hour].sum(-1)
    state.lively[:, hour] = (ended + minutes * lively) / (exposure[:, Clock.SILENCE].sum(-1) + minutes)
    state.asleep = state.lively[:, hour] < np.float32(params.sleep_share) * state.lively.mean(1)
    share = shares(params, state.has)
    seen = tail.Seen(state.passed, state.excess, state.days, usual.often[state.like])
    young = np.clip(1 - state.days / np.float32(params.new_days), 0, 1)[:, None] * np.float32(params.new_nats)
    hard = share / np.float32(params.false_every_days)
    soft = share / np.float32(params.prompt_every_days)
    state.needs = tail.threshold(params.tail, seen, hard) + young
    state.asks = tail.threshold(params.tail, seen, soft) + young


def shares(params: InactivityParams, has: Bools) -> F32:
    """(H, K) of the false alarms that may come; what a home cannot have goes to all others in proportion."""
    out = np.tile(np.array(params.shares, np.float32), (len(has), 1))
    for which, column in NEEDS.items():
        out[:, which] *= has[:, column]
    out /= out.sum(1, keepdims=True)
    return np.maximum(out, LEAST)


def _settle(state: InactivityState, usual: Usual) -> None:
    """The minutes of the hour that is over go to their cells."""
    for hour in np.unique(state.fresh_hour[state.fresh_hour >= 0]).tolist():
        state.exposure[:, :, hour] += state.fresh_exposure
        state.age_expected += state.fresh_exposure * usual.rate[:, :, hour][state.like]
        state.fresh_exposure[:] = 0


def end(  # noqa: PLR0917  (one array for each thing that is known)
    params: InactivityParams,
    state: InactivityState,
    h: NDArray[np.intp],
    clock: Clock,
    minute: int,
    weight: F32,
) -> None:
    """Minutes of a clock that has ended in homes `h` go to the cells of the hours and ages they had."""
    usual = state.usual or shipped()
    some = weight > 0
    h, weight = h[some], weight[some]
    long = state.age_min[h, clock].astype(np.intp) + 1
    age = np.arange(long.sum()) - np.repeat(np.cumsum(long) - long, long)
    home, share = np.repeat(h, long), np.repeat(weight, long).astype(np.float32)
    hour = (minute - np.repeat(long - 1, long) + age) // 60 % hazard.HOURS
    bucket = np.searchsorted(params.edges()[clock], age, side="right") - 1
    np.add.at(state.exposure[:, clock], (home, hour, bucket), share)
    expected = share * usual.rate[state.like[home], clock, hour, bucket]
    np.add.at(state.age_expected[:, clock], (home, bucket), expected)
