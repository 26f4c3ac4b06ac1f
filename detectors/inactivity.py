"""Silence: when somebody has not been noticed for so long that it is no habit of theirs.

Takes what each minute brought to each home; gives `inactivity-prompt`, `inactivity`, `no-return`,
`bathroom-overstay`, `night-out-of-bed` and `not-up`. Learns from the past of each home only. Never looks
ahead, never loops over homes, never reads a clock.

One minute:
1. Clocks. SILENCE runs since the last proof of life, whatever else; AWAY beside it, in case that they are
   out; BATHROOM since they came there, until a sign says that they are elsewhere; NIGHT when they left the
   bed at night, until they are back in it; BED while the bed says that somebody lies in it. All but BATHROOM
   and BED start anew with every proof of life (most who are up at night for long are up and about).
2. Each clock adds up the hazard of its hour and age (hazard.py): by time rescaling the sum at the end of an
   ordinary silence is exponential with mean 1, so it is a surprise in nats.
3. Somebody who may have gone out unnoticed would be as silent: SILENCE is the mixture of both, with the
   home's own share of outings after an outside door, and without one. What a silence was is learnt from how
   it ended (one step of expectation and maximisation).
4. A surprise above the threshold (tail.py) and a least time of silence: an alarm, once in each silence.
5. Learning: minutes and endings go to the cells of their hour and age; not while an alarm stands, while we
   are blind, while somebody visits. A silence that we were blind in ends without being counted (censored).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors import habits, hazard
from detectors.finding import Finding, Kind
from detectors.inactivitystate import (
    F32,
    HAS_DOOR,
    KINDS,
    NEVER,
    Bools,
    Clock,
    InactivityParams,
    InactivityState,
    Minute,
    Tail,
    Usual,
    fresh,
    shipped,
)
from detectors.layout import Moment

__all__ = [
    "Clock",
    "InactivityParams",
    "InactivityState",
    "Minute",
    "Tail",
    "Usual",
    "fresh",
    "shipped",
    "step",
]

MINUTE_MS: Final = 60_000
LATE_MIN: Final = 2.5
"""A minute that comes later than this after the last one follows a time in which nobody listened."""
SURE_OUT: Final = 0.9
"""A long silence that began with an outside door is somebody who has not come back, from this belief on."""
END_BY_DOOR: Final = (0.9, 0.05)
"""Share of silences that end with an outside door: of outings (doors miss 1–2 % of openings, and a second
sensor may be first), and of silences at home. Judgement."""
DEEPEST: Final = np.float32(60)  # nats; rarer than this is no difference
AT_HOME: Final = (Clock.BATHROOM, Clock.NIGHT, Clock.BED)
"""Clocks whose surprise is their own sum."""


def step(
    params: InactivityParams, state: InactivityState, minute: Minute, moment: Moment
) -> tuple[list[Finding], NDArray[np.intp]]:
    """One minute of all homes; gives the findings, and the homes that were asked and have moved since."""
    usual = state.usual or shipped()
    hour = moment.minute // 60
    state.has = minute.has
    if hour != state.hour:
        habits.turn(params, state, usual, hour, moment.weekday)
    dt = np.where(state.last_ms == NEVER, 1.0, (moment.now_ms - state.last_ms) / MINUTE_MS).astype(np.float32)
    state.last_ms[:] = moment.now_ms
    unheard = minute.blind | (dt > LATE_MIN)
    quiet = unheard | minute.away
    state.censored |= quiet & (state.age_min[:, Clock.SILENCE] >= 0)
    runs = (state.age_min >= 0) & ~quiet[:, None]
    edges = params.edges()
    bucket = hazard.ages(edges, np.maximum(state.age_min, 0))
    rate = np.take_along_axis(state.rate, bucket[..., None], 2)[..., 0]
    state.sum += np.where(runs, rate * dt[:, None], 0)
    state.days += np.where(quiet, 0, dt / 1440)
    state.slept |= state.asleep & (state.age_min[:, Clock.SILENCE] > 0)

    away, out, surprise = _surprise(params, state)
    over, ask = _over(params, state, surprise, away, runs)
    findings = _said(state, minute, moment, over=over, ask=ask, surprise=surprise, away=away)
    findings += _fixed(params, state, minute, moment, quiet)

    learns = runs & ~(state.said | over) & ~(minute.guest | state.censored)[:, None]
    learns[:, Clock.AWAY] = learns[:, Clock.SILENCE]
    # Minutes of SILENCE and AWAY count as they pass: a silence that goes on makes the next minute of it less
    # surprising, for people are silent in ways they have not been before. The other clocks' minutes count
    # when it is known how they ended (habits.py).
    for clock, share in ((Clock.SILENCE, 1 - out), (Clock.AWAY, out)):
        weight = np.where(learns[:, clock], dt * share, 0).astype(np.float32)
        state.fresh_exposure[np.arange(len(dt)), clock, bucket[:, clock]] += weight
        long = (bucket[:, clock] >= habits.LONG) * weight
        state.week_expected[:, clock, moment.weekday] += long * rate[:, clock] / state.busy[:, clock]
    cleared = np.flatnonzero(minute.life & state.prompted & ~state.said[:, Clock.SILENCE])
    rises = (state.age_min[:, Clock.BED] >= 0) & (minute.bed == 0)
    night = _night(params, state) & (minute.bed == 0) & ~(minute.door & minute.life)
    up = night & (rises | (state.age_min[:, Clock.NIGHT] >= 0))
    _stop(params, state, moment, learns[:, Clock.NIGHT], night | (minute.bed == 1))
    _end(params, state, minute, Step(moment.minute, moment.weekday, bucket, rate, away, surprise, learns))
    state.age_min += np.where(runs & (state.age_min >= 0), dt[:, None], 0)
    _start(state, minute, moment, up)
    return findings, cleared


def _surprise(params: InactivityParams, state: InactivityState) -> tuple[F32, F32, F32]:
    """(H,) odds that this silence began as an outing; (H,) that it is one; (H, C) nats of surprise."""
    known = np.array([params.missed_known, params.door_known], np.float32)
    prior = np.array([params.missed_out, params.door_out], np.float32)
    shares = (state.outings + prior * known) / (state.silences + known)
    away = np.where(state.by_door, shares[:, 1], shares[:, 0])
    sums = np.minimum(state.sum, DEEPEST)
    home = (1 - away) * np.exp(-sums[:, Clock.SILENCE])
    gone = away * np.exp(-sums[:, Clock.AWAY])
    both = np.maximum(home + gone, habits.LEAST)
    surprise = sums.copy()
    surprise[:, Clock.SILENCE] = -np.log(both)
    return away, (gone / both).astype(np.float32), surprise


def _over(
    params: InactivityParams, state: InactivityState, surprise: F32, away: F32, runs: Bools
) -> tuple[Bools, Bools]:
    """(H, C) an alarm is due, or was; (H,) the home is to be asked."""
    tails = np.where(state.slept, Tail.SLEEP, Tail.DAY)
    rows = np.arange(len(tails))
    needs = np.stack(
        [
            state.needs[rows, tails],
            *(state.needs[:, t] for t in (Tail.AWAY, Tail.BATHROOM, Tail.NIGHT, Tail.BED)),
        ],
        axis=1,
    )
    least = np.array(params.least_min, np.float32)
    over = runs & (surprise > needs) & (state.age_min >= least)
    home = (1 - away) * np.exp(-np.minimum(state.sum[:, Clock.SILENCE], DEEPEST))
    for clock in (Clock.SILENCE, Clock.AWAY):
        over[:, clock] |= runs[:, clock] & (state.age_min[:, clock] >= np.float32(params.most_min))
    over[:, Clock.AWAY] &= state.by_door & (away > np.float32(SURE_OUT) * (away + home))
    if params.bathroom_most_min > 0:
        over[:, Clock.BATHROOM] |= state.age_min[:, Clock.BATHROOM] >= np.float32(params.bathroom_most_min)
    ask = surprise[:, Clock.SILENCE] > state.asks[rows, tails]
    ask &= state.age_min[:, Clock.SILENCE] >= np.float32(params.prompt_least_min)
    return over, np.asarray(ask & runs[:, Clock.SILENCE])


def _said(
    state: InactivityState,
    minute: Minute,
    moment: Moment,
    *,
    over: Bools,
    ask: Bools,
    surprise: F32,
    away: F32,
) -> list[Finding]:
    """Alarms and prompts of homes in which nobody was noticed this minute; each once in a silence."""
    new = over & ~state.said & ~minute.life[:, None]
    asked = ask & ~state.prompted & ~state.said[:, Clock.SILENCE] & ~new[:, Clock.SILENCE] & ~minute.life
    state.said |= new
    state.prompted |= asked
    found = [(int(h), Clock(c), KINDS[Clock(c)]) for h, c in np.argwhere(new)]
    found += [(int(h), Clock.SILENCE, Kind.INACTIVITY_PROMPT) for h in np.flatnonzero(asked)]
    return [
        Finding(
            kind=kind,
            row=h,
            onset_ms=int(state.start_ms[h, clock]),
            decided_ms=moment.now_ms,
            confidence=float(1 - np.exp(-surprise[h, clock])),
            x=np.nan,
            y=np.nan,
            evidence={
                "silent_min": round(float(state.age_min[h, clock]), 1),
                "surprise_nats": round(float(surprise[h, clock]), 2),
                "outing_share": round(float(away[h]), 3),
            },
        )
        for h, clock, kind in found
    ]


def _fixed(
    params: InactivityParams, state: InactivityState, minute: Minute, moment: Moment, quiet: Bools
) -> list[Finding]:
    """The rule of the morning: nobody noticed between two hours of the day. Off while both are the same."""
    begin, end = params.must_move_from_h * 60, params.must_move_to_h * 60
    if begin >= end:
        return []
    inside = begin <= moment.minute < end
    state.moved_day[(minute.life | quiet) & inside] = moment.day
    if moment.minute < end:
        return []
    late = (state.moved_day < moment.day) & ~quiet & (state.age_min[:, Clock.SILENCE] >= end - begin)
    state.moved_day[:] = np.where(quiet, state.moved_day, moment.day)
    return [
        Finding(
            kind=Kind.NOT_UP,
            row=int(h),
            onset_ms=int(state.start_ms[h, Clock.SILENCE]),
            decided_ms=moment.now_ms,
            confidence=1.0,
            x=np.nan,
            y=np.nan,
            evidence={
                "silent_min": round(float(state.age_min[h, Clock.SILENCE]), 1),
                "must_move_from_h": params.must_move_from_h,
                "must_move_to_h": params.must_move_to_h,
            },
        )
        for h in np.flatnonzero(late)
    ]


@dataclass(frozen=True, slots=True)
class Step:
    """What one minute came to so far; H homes, C clocks."""

    minute: int
    """Of the local day."""
    weekday: int
    bucket: NDArray[np.intp]
    """(H, C) of the ages."""
    rate: F32
    """(H, C) endings a minute."""
    away: F32
    """(H,) odds that the silence began as an outing."""
    surprise: F32
    """(H, C) nats."""
    learns: Bools
    """(H, C) what this minute shows is learnt."""


def _end(params: InactivityParams, state: InactivityState, minute: Minute, now: Step) -> None:
    """Silences that ended this minute: what they were, and how surprising."""
    running = state.age_min >= 0
    ended = running & minute.life[:, None]
    ended[:, Clock.BATHROOM] &= ~minute.bathroom
    ended[:, Clock.BED] = running[:, Clock.BED] & (minute.bed == 0)
    ended[:, Clock.NIGHT] |= running[:, Clock.NIGHT] & (minute.bed == 1)
    h = np.flatnonzero(ended.any(1))
    if not h.size:
        return
    ended, age, learn = ended[h], state.age_min[h], now.learns[h]
    sums = np.minimum(state.sum[h], DEEPEST)
    by_door = np.where(minute.has[h, HAS_DOOR] & minute.door[h], END_BY_DOOR[0] / END_BY_DOOR[1], 1.0)
    by_door[minute.has[h, HAS_DOOR] & ~minute.door[h]] = (1 - END_BY_DOOR[0]) / (1 - END_BY_DOOR[1])
    gone = now.away[h] * np.exp(-sums[:, Clock.AWAY]) * now.rate[h, Clock.AWAY] * by_door
    home = (1 - now.away[h]) * np.exp(-sums[:, Clock.SILENCE]) * now.rate[h, Clock.SILENCE]
    was_out = gone / np.maximum(gone + home, habits.LEAST)
    was_out[age[:, Clock.SILENCE] < np.float32(params.looked_at_min)] = 0
    counts = (ended & learn).astype(np.float32)
    counts[:, Clock.SILENCE] *= 1 - was_out
    counts[:, Clock.AWAY] *= was_out
    clocks = np.arange(len(Clock))
    state.events[h[:, None], clocks, now.minute // 60, now.bucket[h]] += counts
    state.age_events[h[:, None], clocks, now.bucket[h]] += counts
    long = now.bucket[h, : Clock.BATHROOM] >= habits.LONG
    state.week_events[h, :, now.weekday] += counts[:, : Clock.BATHROOM] * long
    silent = ended[:, Clock.SILENCE] & ~state.censored[h] & ~minute.guest[h]
    kind = state.by_door[h].astype(np.intp)
    state.outings[h, kind] += np.where(silent, was_out, 0)
    state.silences[h, kind] += silent

    for clock in AT_HOME:
        habits.end(params, state, h, clock, now.minute, np.where(state.censored[h], 0, counts[:, clock]))

    level = np.float32(params.tail.level)
    least = np.array(params.least_min, np.float32)
    long = ended & (age >= least) & (age < np.float32(params.longest_days * 1440)) & silent[:, None]
    long[:, Clock.BED] = ended[:, Clock.BED] & (age[:, Clock.BED] >= least[Clock.BED]) & ~state.censored[h]
    long[:, Clock.AWAY] &= was_out > 0.5  # more likely an outing than not
    tails = np.where(state.slept[h], Tail.SLEEP, Tail.DAY)
    for clock, which in (
        (Clock.SILENCE, tails),
        (Clock.AWAY, Tail.AWAY),
        (Clock.BATHROOM, Tail.BATHROOM),
        (Clock.NIGHT, Tail.NIGHT),
        (Clock.BED, Tail.BED),
    ):
        over = np.maximum(now.surprise[h, clock] - level, 0) * long[:, clock]
        state.passed[h, which] += over > 0
        state.excess[h, which] += over
    at, clock_at = np.nonzero(ended)
    state.sum[h[at], clock_at] = 0
    state.age_min[h[at], clock_at] = NEVER
    state.said[h[at], clock_at] = False
    back = h[ended[:, Clock.SILENCE]]
    state.prompted[back] = state.censored[back] = state.slept[back] = False


def _night(params: InactivityParams, state: InactivityState) -> Bools:
    """(H,) it is a calm hour of theirs, or the one before it: who goes to bed then goes for the night."""
    calm = np.minimum(state.lively[:, state.hour], state.lively[:, (state.hour + 1) % hazard.HOURS])
    return np.asarray(calm < np.float32(params.night_share) * state.lively.mean(1))


def _stop(
    params: InactivityParams, state: InactivityState, moment: Moment, learns: Bools, goes_on: Bools
) -> None:
    """NIGHT is over for who has not gone back to bed by the morning, or has left: so long it can take, at
    least.
    """
    over = (state.age_min[:, Clock.NIGHT] >= 0) & ~goes_on
    h = np.flatnonzero(over)
    if h.size:
        habits.end(params, state, h, Clock.NIGHT, moment.minute, learns[h].astype(np.float32))
        state.age_min[h, Clock.NIGHT] = NEVER
        state.sum[h, Clock.NIGHT] = 0
        state.said[h, Clock.NIGHT] = False


def _start(state: InactivityState, minute: Minute, moment: Moment, up: Bools) -> None:
    """Clocks that begin with what was noticed this minute; `up` (H,): out of bed at night."""
    life, bed = minute.life, minute.bed
    begins = np.zeros(state.age_min.shape, np.bool_)
    begins[:, Clock.SILENCE] = begins[:, Clock.AWAY] = life
    begins[:, Clock.BATHROOM] = life & minute.bathroom & (state.age_min[:, Clock.BATHROOM] < 0)
    begins[:, Clock.NIGHT] = up & (life | (state.age_min[:, Clock.NIGHT] < 0))
    begins[:, Clock.BED] = (bed == 1) & (state.age_min[:, Clock.BED] < 0)
    state.age_min[begins] = 0
    state.sum[begins] = 0
    state.said &= ~begins
    since = np.where(life, minute.life_ms, moment.now_ms)
    state.start_ms[begins] = np.broadcast_to(since[:, None], begins.shape)[begins]
    state.by_door[life] = minute.door[life]
    state.age_min[(bed != 1), Clock.BED] = NEVER
