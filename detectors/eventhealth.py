"""The health of sensors that send events: silent, stuck, chattering, running out of battery.

Takes the readings as they are heard and, once a minute, what devices say about themselves; gives which
sensors can be relied on and which have a fault. Never decides about a home (sensorhealth.py does).

An event sensor speaks only when something happens, so its silence is measured in *lively minutes*: minutes
in which something else in its home gave a sign of life. What counts as speaking is news: a sign of life or
a changed value; a value repeated with a fresh stamp is none. The longest silence of the last weeks is
remembered of each sensor; one far longer is beyond what is credible. Climate sensors speak by the clock:
theirs is measured in seconds, against an upper quantile of their own gaps.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.fault import Cause
from detectors.keep import PassingSensor, PerSensor
from detectors.layout import Events, Layout, SensorKind

Bools = NDArray[np.bool_]
F32 = NDArray[np.float32]
I64 = NDArray[np.int64]

NEVER: Final = -1
HOUR_MS: Final = 3_600_000
DAY_MIN: Final = 1_440

CLOCKED: Final = (SensorKind.TEMPERATURE, SensorKind.HUMIDITY)
"""Kinds that speak by the clock."""
CONTACTS: Final = (SensorKind.DOOR, SensorKind.APPLIANCE_DOOR, SensorKind.BED, SensorKind.CHAIR)
LIVELY: Final = (*CONTACTS, SensorKind.PIR, SensorKind.PRESENCE)
"""Kinds that tell of somebody being about; the others (smoke, button, …) are silent for years, rightly."""


@dataclass(frozen=True, slots=True)
class EventHealthParams:
    """Table [eventhealth] of config/detectors.toml."""

    clock_gap_s: float
    clock_quantile: float
    clock_rate: float
    clock_gaps: float
    clock_least_s: float
    clock_most_s: float
    fault_h: float
    quiet_factor: float
    quiet_least_min: float
    forget_days: float
    learn_days: float
    learn_gaps: int
    same_h: float
    even_s: float
    even_share: float
    even_most_s: float
    even_h: float
    uneven_weight: float
    chatter_per_min: float
    chatter_contact_per_min: float
    mute_min: float
    chatter_min: float
    chatter_tau_min: float
    battery_low: float
    battery_good: float
    boots_per_day: float
    boots_over_per_day: float


@dataclass(slots=True)
class EventState:
    """What is remembered of each of E event sensors; times are arrivals, ms since 1970, −1 = never."""

    first_ms: PerSensor[np.int64]
    heard_ms: PerSensor[np.int64]
    news_ms: PerSensor[np.int64]
    life_ms: PerSensor[np.int64]
    value: PerSensor[np.float64]
    same: PerSensor[np.int32]
    """Readings since the value last changed."""
    gap_s: PerSensor[np.float32]
    """Upper quantile of the gaps (CLOCKED)."""
    quiet_min: PerSensor[np.float32]
    """Lively minutes since its last news."""
    longest_min: PerSensor[np.float32]
    """Longest such silence, fading."""
    gaps: PerSensor[np.int32]
    """How many it was learnt from."""
    step_s: PerSensor[np.float32]
    """Between its last two signs of life."""
    even_s: PerSensor[np.float32]
    """How long it has been as regular as a clock, less the time in which it was not."""
    busy: PerSensor[np.float32]
    """Minutes with too many events, fading."""
    muted_ms: PerSensor[np.int64]
    """Until when its events are no signs of life."""
    offline_ms: PerSensor[np.int64]
    """Since when the device says that it is offline."""
    boots: PerSensor[np.float32]
    """Starts, fading over a day."""
    told: PerSensor[np.int8]
    """Cause of the fault that was told."""
    weight: PerSensor[np.float32]
    """Signs of life a day, learnt; what its silence costs the home."""
    clocked: Bools
    clocks: NDArray[np.intp]
    """Rows of the clocked ones."""
    lively: Bools
    cap: F32
    """Events a minute beyond which it chatters."""
    recent: PassingSensor[np.float32]
    """Events since the last minute."""
    spoke: PassingSensor[np.bool_]
    """News since the last minute."""
    boots_read: PassingSensor[np.int64]
    """What the board's counter said last."""


@dataclass(frozen=True, slots=True)
class EventVerdict:
    """What holds of each of E sensors this minute, and M faults to be told."""

    live: Bools
    """It can be relied on to speak."""
    cause: NDArray[np.int8]
    """Of its fault, Cause.NONE = none."""
    news: NDArray[np.intp]
    """Rows of those whose fault is to be told now."""
    since_ms: I64
    """(M,) of those: when the fault began, as far as known."""


def fresh(params: EventHealthParams, layout: Layout) -> EventState:
    """State of sensors that nothing has been heard of."""
    n = len(layout.sensor_kind)
    kind = layout.sensor_kind
    contact = np.isin(kind, CONTACTS)

    def never() -> I64:
        return np.full(n, NEVER, np.int64)

    def zeros() -> F32:
        return np.zeros(n, np.float32)

    return EventState(
        first_ms=never(),
        heard_ms=never(),
        news_ms=never(),
        life_ms=never(),
        value=np.full(n, np.nan),
        same=np.zeros(n, np.int32),
        gap_s=np.full(n, params.clock_gap_s, np.float32),
        quiet_min=zeros(),
        longest_min=zeros(),
        gaps=np.zeros(n, np.int32),
        step_s=np.full(n, np.nan, np.float32),
        even_s=zeros(),
        busy=zeros(),
        muted_ms=never(),
        offline_ms=never(),
        boots=zeros(),
        told=np.zeros(n, np.int8),
        weight=np.ones(n, np.float32),
        clocked=np.isin(kind, CLOCKED),
        clocks=np.flatnonzero(np.isin(kind, CLOCKED)),
        lively=np.isin(kind, LIVELY),
        cap=np.where(contact, params.chatter_contact_per_min, params.chatter_per_min).astype(np.float32),
        recent=zeros(),
        spoke=np.zeros(n, np.bool_),
        boots_read=np.zeros(n, np.int64),
    )


def hear(params: EventHealthParams, state: EventState, events: Events) -> None:
    """Take readings in the order in which they came; several of one sensor one after the other."""
    rank = _rank(events.sensor)
    for k in range(int(rank.max(initial=-1)) + 1):
        of = np.flatnonzero(rank == k)
        _hear(params, state, events.sensor[of], events.value[of], events.t_ms[of], events.life[of])


def _rank(sensor: NDArray[np.intp]) -> NDArray[np.intp]:
    """(N,) the how-manieth of its sensor each reading is."""
    order = np.argsort(sensor, kind="stable")
    begins = np.flatnonzero(np.diff(sensor[order], prepend=-1))
    lengths = np.diff(np.append(begins, len(order)))
    out = np.empty(len(sensor), np.intp)
    out[order] = np.arange(len(order)) - begins.repeat(lengths)
    return out


def _hear(  # noqa: PLR0917  (the columns of Events)
    params: EventHealthParams,
    state: EventState,
    s: NDArray[np.intp],
    value: NDArray[np.float64],
    t_ms: I64,
    life: Bools,
) -> None:
    before = state.heard_ms[s]
    known = before != NEVER
    gap_s = np.where(known, (t_ms - before) / 1000.0, np.nan)
    changed = known & (value != state.value[s])
    state.first_ms[s] = np.where(state.first_ms[s] == NEVER, t_ms, state.first_ms[s])
    state.heard_ms[s] = np.maximum(before, t_ms)
    state.value[s] = value
    state.same[s] = np.where(changed, 0, state.same[s] + 1)
    state.recent[s] += 1
    over = s[state.recent[s] > state.cap[s]]
    state.muted_ms[over] = state.heard_ms[over] + int(params.mute_min * 60_000)

    by_clock = state.clocked[s] & known & (gap_s > 0)
    up = np.where(gap_s > state.gap_s[s], params.clock_quantile, params.clock_quantile - 1.0)
    state.gap_s[s] *= np.where(by_clock, np.exp(params.clock_rate * up), 1.0).astype(np.float32)

    last = state.life_ms[s]
    step = np.where(life & (last != NEVER), (t_ms - last) / 1000.0, np.nan)
    even = np.abs(step - state.step_s[s]) <= np.fmax(params.even_s, params.even_share * step)  # NaN: no
    even &= step <= params.even_most_s
    gain = np.where(even, step, -params.uneven_weight * step)
    most = np.float32(2 * 3600.0 * params.even_h)
    state.even_s[s] = np.where(np.isnan(step), state.even_s[s], np.clip(state.even_s[s] + gain, 0, most))
    state.step_s[s] = np.where(np.isnan(step), state.step_s[s], step)
    state.life_ms[s] = np.where(life, t_ms, last)

    new = life | changed | ~known
    state.news_ms[s] = np.where(new, t_ms, state.news_ms[s])
    state.spoke[s] |= new


def minute(  # noqa: PLR0917  (one array for each thing that is known)
    params: EventHealthParams,
    state: EventState,
    layout: Layout,
    lively_elsewhere: NDArray[np.int32],
    offline: Bools,
    battery: NDArray[np.float32],
    boots: I64,
    home_dark: Bools,
    since_ms: I64,
    now_ms: int,
) -> EventVerdict:
    """Judge every sensor, once a minute.

    lively_elsewhere: (H,) cameras that have seen somebody up this minute. offline, battery (%; NaN = not
    told), boots (counted by the board): (E,). home_dark: (H,) nothing of the home can be heard, so that
    silence is not the sensor's fault. since_ms: (E,) from when on silence counts; before, we did not listen,
    or the sensor was not there.
    """
    home = layout.sensor_home
    beyond = state.lively & _quiet(params, state, layout, lively_elsewhere)
    late, long_late, same = _clocks(params, state, since_ms, now_ms)
    _offline(state, offline, now_ms)
    gone = (state.offline_ms != NEVER) & (state.heard_ms <= state.offline_ms)
    clockwork = state.even_s >= 3600.0 * params.even_h
    state.boots *= np.float32(np.exp(-1 / DAY_MIN))
    state.boots += np.maximum(boots - state.boots_read, 0)  # after a restart the board counts anew
    state.boots_read = boots.copy()
    low = battery <= params.battery_good
    shaky = (state.boots >= params.boots_per_day) | (state.busy >= params.chatter_min)

    live = ~(late | gone | same | beyond | clockwork)
    some = np.flatnonzero(~live | low | shaky | (state.told > 0))
    live &= state.muted_ms <= now_ms
    dark = home_dark[home[some]]
    long_ms = int(params.fault_h * HOUR_MS)
    told = state.told[some]
    enough = np.where(told >= Cause.BATTERY, params.battery_good, params.battery_low)
    again = np.where(told >= Cause.BOOTS, params.boots_over_per_day, params.boots_per_day)
    news_ms = state.news_ms[some]
    repeats = state.heard_ms[some] - news_ms > long_ms // 2
    old = beyond[some] & (now_ms - np.maximum(news_ms, since_ms[some]) >= long_ms)
    cause = np.zeros(len(some), np.int8)
    for mask, code in (
        (battery[some] <= enough, Cause.BATTERY),
        (state.boots[some] >= again, Cause.BOOTS),
        (same[some] | (old & repeats) | clockwork[some], Cause.STUCK),
        (state.busy[some] >= params.chatter_min, Cause.CHATTER),
        (gone[some] & (now_ms - state.offline_ms[some] >= long_ms) & ~dark, Cause.OFFLINE),
        (((old & ~repeats) | long_late[some]) & ~dark, Cause.SILENT),
    ):
        cause[mask] = code
    new = cause > told
    state.told[some] = np.where(dark & (cause < told), told, cause)
    causes = np.zeros(len(home), np.int8)
    causes[some] = cause
    news = some[new]
    return EventVerdict(live, causes, news, _began(state, news, cause[new], since_ms, now_ms))


def _offline(state: EventState, offline: Bools, now_ms: int) -> None:
    """Since when devices say that they are offline."""
    old = state.offline_ms != NEVER
    if offline.any() or old.any():
        state.offline_ms[old & ~offline] = NEVER
        state.offline_ms[offline & ~old] = now_ms


def _began(
    state: EventState, sensor: NDArray[np.intp], cause: NDArray[np.int8], since_ms: I64, now_ms: int
) -> I64:
    """(M,) when faults that are told now began, as far as known."""
    quiet = np.isin(cause, (Cause.STUCK, Cause.OFFLINE, Cause.SILENT))
    news_ms = state.news_ms[sensor]
    began = np.where(quiet, np.where(news_ms == NEVER, since_ms[sensor], news_ms), now_ms)
    even_ms = (1000 * state.even_s[sensor]).astype(np.int64)
    regular = (cause == Cause.STUCK) & (now_ms - news_ms < HOUR_MS)
    return np.where(regular, now_ms - even_ms, began)


def muted(params: EventHealthParams, state: EventState, now_ms: int) -> Bools:
    """(E,) sensors whose events are no signs of life: they chatter, or go like clockwork."""
    return (state.muted_ms > now_ms) | (state.even_s >= 3600.0 * params.even_h)


def late_ms(params: EventHealthParams, gap_s: F32) -> NDArray[np.float32]:
    """Silence of a climate sensor with such gaps beyond which it is lost."""
    limit_s = np.clip(params.clock_gaps * gap_s, params.clock_least_s, params.clock_most_s)
    return np.asarray(1000 * limit_s, np.float32)


def _clocks(
    params: EventHealthParams, state: EventState, since_ms: I64, now_ms: int
) -> tuple[Bools, Bools, Bools]:
    """(E,) climate sensors that are late; late for so long that it is a fault; that repeat one value."""
    out = [np.zeros(len(state.clocked), np.bool_) for _ in range(3)]
    rows = state.clocks
    heard = state.heard_ms[rows]
    silent_ms = now_ms - np.maximum(heard, since_ms[rows])
    late = silent_ms > late_ms(params, state.gap_s[rows])
    out[0][rows] = late
    out[1][rows] = late & (silent_ms >= params.fault_h * HOUR_MS)
    out[2][rows] = (state.same[rows] >= 2) & (heard - state.news_ms[rows] > params.same_h * HOUR_MS)
    return out[0], out[1], out[2]


def _quiet(
    params: EventHealthParams, state: EventState, layout: Layout, lively_elsewhere: NDArray[np.int32]
) -> Bools:
    """(E,) silent for longer than is credible. Learns, and ends the minute."""
    home = layout.sensor_home
    state.busy *= np.float32(np.exp(-1 / params.chatter_tau_min))
    state.busy += state.recent > state.cap
    regular = state.even_s >= 3600.0 * params.even_h
    active = state.spoke & state.lively & (state.recent <= state.cap) & ~regular
    state.weight *= np.float32(np.exp(-1 / (7 * DAY_MIN)))
    state.weight += active.astype(np.float32) * np.float32(1 / 7)
    lively = np.bincount(home[active], minlength=layout.homes) + lively_elsewhere
    others = lively[home] - active
    limit = np.maximum(np.float32(params.quiet_least_min), params.quiet_factor * state.longest_min)
    spoke = np.flatnonzero(state.spoke)
    gap = np.minimum(state.quiet_min[spoke], limit[spoke])  # a fault of its own is not learnt as usual
    state.longest_min *= np.float32(0.5 ** (1 / (params.forget_days * DAY_MIN)))
    state.longest_min[spoke] = np.maximum(state.longest_min[spoke], gap)
    state.gaps[spoke] += gap > 0
    state.quiet_min += others > 0
    state.quiet_min[spoke] = 0
    known_min = np.where(state.first_ms == NEVER, 0, (state.news_ms - state.first_ms) / 60_000)
    learnt = (known_min >= params.learn_days * DAY_MIN) & (state.gaps >= params.learn_gaps)
    state.recent[:] = 0
    state.spoke[:] = False
    return np.asarray(learnt & (state.quiet_min > limit))
