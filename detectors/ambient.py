"""The air of the rooms: `cold`, `heat`, and `fire` as a heat detector on the ceiling would say it.

Takes what temperature and humidity sensors said, and the time; gives findings, and what is known of every
sensor: its value, its age, how near it is to a heat alarm, where the temperature is going. A room's air is
what its sensor last said. Never believes what cannot be, and says nothing of a sensor that has been silent
for too long: that it is silent is another detector's finding.

For each temperature sensor:
1. A reading out of range, the value that a sensor gives before its first measurement, or a jump that no room
   makes, is not believed; a jump is, once a second reading agrees.
2. Fire, at once: `fire_c`, or `fire_rising_c` while it rises by `rising_k_min` (the classes A1 of EN 54-5).
3. A room without a humidity sensor has the water in its air that the home's sensor tells of: rooms share
   water, and a warmer room is the drier one in per cent.
4. A spell of each level of cold and heat begins when a reading is beyond it and ends `hysteresis_k` on the
   safe side. A finding comes when it has lasted for the level's dwell, reading or not; a milder level that
   comes later is no news. A gap ends every spell: what was meanwhile, nobody knows.
5. Twice an hour the value is kept; the median slope of these says when it will be too cold. No alarm.
"""

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.ambientstate import (
    BLANK,
    COLD,
    HEAT,
    LEVELS,
    NEVER,
    NOT_DUE,
    TREND,
    AmbientParams,
    AmbientState,
    fresh,
)
from detectors.finding import Finding, Kind
from detectors.heatindex import heat_index_c, saturation_hpa
from detectors.layout import NOWHERE, Events, Rows, SensorKind
from detectors.turns import turns

__all__ = ["AmbientParams", "AmbientState", "forecast", "fresh", "holds", "step"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Bools = NDArray[np.bool_]

MINUTE_MS: Final = 60_000
LEAST_TREND: Final = 4
"""Values that a slope needs: with fewer one of them decides."""
PAIRS: Final = np.triu_indices(TREND, 1)


def step(params: AmbientParams, state: AmbientState, heard: Events, now_ms: int) -> list[Finding]:
    """Take what was heard and the time; give what is found. Call it at least once a minute, heard or not."""
    found: list[Finding] = []
    kind = state.layout.sensor_kind[heard.sensor]
    mine = np.flatnonzero((kind == SensorKind.TEMPERATURE) | (kind == SensorKind.HUMIDITY))
    for turn in turns(state.layout.sensor_home[heard.sensor[mine]]):
        k = mine[turn]
        sensor, value, t_ms = heard.sensor[k], heard.value[k], heard.t_ms[k]
        warm = kind[k] == SensorKind.TEMPERATURE
        found += _temperature(params, state, sensor[warm], value[warm], t_ms[warm], now_ms)
        _humidity(params, state, sensor[~warm], value[~warm], t_ms[~warm])
    if now_ms >= state.soonest_ms:
        found += _complete(params, state, now_ms)
    slot = now_ms // round(params.forecast_min * MINUTE_MS)
    if slot > state.slot:
        state.slot = slot
        _keep(params, state, slot, now_ms)
    return found


def holds(params: AmbientParams, state: AmbientState, sensor: Rows, t_ms: I64 | int) -> Bools:
    """(N,) whether what these sensors last said still holds at `t_ms`."""
    heard = state.heard_ms[sensor]
    return np.asarray((heard != NEVER) & (t_ms - heard <= params.stale_min * MINUTE_MS))


# --- 1 and 2: what a reading says -------------------------------------------------------------------


def _temperature(  # noqa: PLR0917  (one array a thing known of each reading)
    params: AmbientParams, state: AmbientState, sensor: Rows, value: F64, t_ms: I64, now_ms: int
) -> list[Finding]:
    """Readings (N,) of different sensors."""
    can_be = (value >= params.least_c) & (value <= params.most_c) & (value != params.power_on_c)
    sensor, value, t_ms = sensor[can_be], value[can_be], t_ms[can_be]
    goes_on = holds(params, state, sensor, t_ms)
    jump = goes_on & (np.abs(value - state.value[sensor]) > params.jump_k)
    agrees = np.abs(value - state.doubted_c[sensor]) <= params.agree_k  # NaN: no
    doubt = jump & ~agrees
    state.doubted_c[sensor] = np.where(doubt, value, np.nan)
    sensor, value, t_ms, goes_on = sensor[~doubt], value[~doubt], t_ms[~doubt], goes_on[~doubt]
    _forget(state, sensor[~goes_on])
    short_ms, long_ms = (m * MINUTE_MS for m in params.rise_span_min)
    older = goes_on & (t_ms - state.before_ms[sensor] >= short_ms)
    moved = sensor[older | ~goes_on]
    state.before_c[moved] = np.where(goes_on, state.value[sensor], value)[older | ~goes_on]
    state.before_ms[moved] = np.where(goes_on, state.heard_ms[sensor], t_ms)[older | ~goes_on]
    span_min = np.clip(t_ms - state.before_ms[sensor], short_ms, long_ms) / MINUTE_MS
    rise = (value - state.before_c[sensor]) / span_min
    state.value[sensor], state.heard_ms[sensor] = value, t_ms
    quick = rise > params.rising_k_min
    warns = np.where(quick, params.warn_rising_c, params.warn_c)
    burns = np.where(quick, params.fire_rising_c, params.fire_c)
    before = state.warning[sensor]
    fire = (value >= burns) | ((before == 2) & (value >= params.warn_rising_c))
    state.warning[sensor] = np.where(fire, 2, value >= warns)
    found = [
        Finding(
            Kind.FIRE,
            int(state.layout.sensor_home[sensor[k]]),
            int(t_ms[k]),
            now_ms,
            0.9,
            np.nan,
            np.nan,
            {
                "temperature_c": round(float(value[k]), 2),
                "alarm_c": float(burns[k]),
                "rise_k_min": round(float(rise[k]), 2),
            },
            int(state.layout.sensor_room[sensor[k]]),
            int(sensor[k]),
        )
        for k in np.flatnonzero(fire & (before < 2))
    ]
    _spells(params, state, sensor, t_ms)
    return found


def _forget(state: AmbientState, sensor: Rows) -> None:
    """After a gap: nobody knows what was meanwhile."""
    state.since_ms[sensor] = NEVER
    state.said[sensor] = False
    state.warning[sensor] = 0
    state.due_ms[sensor] = NOT_DUE


def _humidity(params: AmbientParams, state: AmbientState, sensor: Rows, value: F64, t_ms: I64) -> None:
    """Readings (N,) of sensors of different homes."""
    can_be = (value >= params.least_humidity) & (value <= 100)
    sensor, t_ms = sensor[can_be], t_ms[can_be]
    state.value[sensor], state.heard_ms[sensor] = value[can_be], t_ms
    beside = state.warmth_here[sensor]
    warm = (beside != NOWHERE) & holds(params, state, beside, t_ms)  # row −1: any, masked by the first
    full_hpa = saturation_hpa(np.where(warm, state.value[beside], np.nan))
    state.vapour_hpa[sensor] = state.value[sensor] / 100 * full_hpa
    home = state.layout.sensor_home[sensor]
    many = state.first[home + 1] - state.first[home]
    of = np.repeat(np.arange(len(home)), many)
    at = state.first[home][of] + np.arange(len(of)) - np.repeat(np.cumsum(many) - many, many)
    theirs = state.temperature[at]
    matters = state.value[theirs] >= muggy_c(params)  # neither cold nor a cool room's heat depends on it
    theirs, t_ms = theirs[matters], t_ms[of[matters]]
    live = holds(params, state, theirs, t_ms)
    _spells(params, state, theirs[live], t_ms[live])


# --- 3 and 4: spells --------------------------------------------------------------------------------------


@cache
def muggy_c(params: AmbientParams) -> float:
    """°C below which no humidity makes a room feel as warm as the mildest heat, hysteresis included."""
    grid = np.arange(0.0, 60.0, 0.1)
    warm = heat_index_c(grid, np.full_like(grid, 100)) >= min(params.heat_index_c) - params.hysteresis_k
    return float(grid[max(int(warm.argmax()) - 1, 0)])


def _humid(params: AmbientParams, state: AmbientState, sensor: Rows, t_ms: I64) -> tuple[F64, Bools]:
    """(N,) humidity in % where these temperature sensors hang, and whether it is assumed.

    That of another room is taken as it is where nobody knows how warm it was there.
    """
    out = np.full(len(sensor), np.nan)
    for of in (state.humid_else, state.humid_here):
        row = of[sensor]
        known = (row != NOWHERE) & holds(params, state, row, t_ms)  # row −1: any, masked by the first
        if not known.any():
            continue
        said = state.value[row]
        if of is state.humid_else:
            share = 100 * state.vapour_hpa[row] / saturation_hpa(state.value[sensor])
            said = np.where(np.isnan(share), said, np.minimum(share, 100))
        out = np.where(known, said, out)
    assumed = np.isnan(out)
    return np.where(assumed, params.assumed_humidity, out), assumed


def _dwells(params: AmbientParams) -> I64:
    """(LEVELS,) ms."""
    return np.round(np.array([*params.cold_min, *params.heat_min]) * MINUTE_MS).astype(np.int64)


def _spells(params: AmbientParams, state: AmbientState, sensor: Rows, t_ms: I64) -> None:
    """Begin and end the spells of sensors (N,), each once, whose air was heard of at `t_ms`."""
    if not len(sensor):
        return
    temperature = state.value[sensor]
    felt = temperature.copy()
    muggy = temperature >= muggy_c(params)
    if muggy.any():
        humid = _humid(params, state, sensor[muggy], t_ms[muggy])[0]
        felt[muggy] = heat_index_c(temperature[muggy], humid)
    away = np.empty((len(sensor), LEVELS))  # below 0: beyond the level
    away[:, COLD] = temperature[:, None] - np.array(params.cold_c)
    away[:, HEAT] = np.array(params.heat_index_c) - felt[:, None]
    since, said = state.since_ms[sensor], state.said[sensor]
    is_on = since != NEVER
    over = is_on & (away >= params.hysteresis_k)
    since = np.where(over, NEVER, np.where(~is_on & (away < 0), t_ms[:, None], since))
    said &= ~over
    state.since_ms[sensor], state.said[sensor] = since, said
    _set_due(params, state, sensor)


def _set_due(params: AmbientParams, state: AmbientState, sensor: Rows) -> None:
    since = state.since_ms[sensor]
    waits = (since != NEVER) & ~state.said[sensor]
    due = np.where(waits, since + _dwells(params), NOT_DUE).min(axis=1)
    state.due_ms[sensor] = due
    state.soonest_ms = min(state.soonest_ms, int(due.min(initial=NOT_DUE)))


def _complete(params: AmbientParams, state: AmbientState, now_ms: int) -> list[Finding]:
    """The findings of the dwells that are complete by `now_ms`."""
    due = state.due_ms[state.temperature]
    sensor = state.temperature[due <= now_ms]
    state.soonest_ms = NOT_DUE
    live = holds(params, state, sensor, state.due_ms[sensor])
    _forget(state, sensor[~live])
    sensor = sensor[live]
    since, said = state.since_ms[sensor], state.said[sensor]
    done = (since != NEVER) & ~said & (since + _dwells(params) <= now_ms)
    found: list[Finding] = []
    for kind, levels in ((Kind.COLD, COLD), (Kind.HEAT, HEAT)):
        order = np.arange(1, levels.stop - levels.start + 1)
        worst = (done[:, levels] * order).max(axis=1, initial=0)
        news = np.flatnonzero(worst > (said[:, levels] * order).max(axis=1, initial=0))
        found += _told(params, state, kind, sensor[news], worst[news] - 1 + levels.start, now_ms)
        done[:, levels] |= order <= worst[:, None]  # milder ones are no news
    state.said[sensor] = said | done
    _set_due(params, state, sensor)
    rest = state.due_ms[state.temperature].min(initial=NOT_DUE)
    state.soonest_ms = int(rest)
    return found


def _told(  # noqa: PLR0917  (one array a thing known of each finding)
    params: AmbientParams, state: AmbientState, kind: Kind, sensor: Rows, level: Rows, now_ms: int
) -> list[Finding]:
    """One finding for each of `sensor` (N,), whose spell of `level` (N,) is long enough."""
    since = state.since_ms[sensor, level]
    onset = since + _dwells(params)[level]
    temperature = state.value[sensor]
    humid, assumed = _humid(params, state, sensor, onset)
    felt = heat_index_c(temperature, humid)
    slope, hours = forecast(params, state, sensor)
    limits = np.array([*params.cold_c, *params.heat_index_c])
    out = []
    for k in range(len(sensor)):
        evidence = {
            "temperature_c": round(float(temperature[k]), 2),
            "heat_index_c": round(float(felt[k]), 2),
            "humidity_percent": round(float(humid[k]), 1),
            "humidity_assumed": float(assumed[k]),
            "level_c": float(limits[level[k]]),
            "beyond_min": round((now_ms - int(since[k])) / MINUTE_MS, 1),
        }
        later = {"slope_k_h": slope[k]}
        if kind is Kind.COLD:
            later |= {f"hours_to_{c:g}_c": h for c, h in zip(params.cold_c, hours[k], strict=True) if h > 0}
        evidence |= {name: round(float(v), 2) for name, v in later.items() if np.isfinite(v)}
        out.append(
            Finding(
                kind,
                int(state.layout.sensor_home[sensor[k]]),
                int(onset[k]),
                now_ms,
                0.6 if assumed[k] and kind is Kind.HEAT else 0.95,
                np.nan,
                np.nan,
                evidence,
                int(state.layout.sensor_room[sensor[k]]),
                int(sensor[k]),
            )
        )
    return out


# --- 5: where it is going ---------------------------------------------------------------------------


def _keep(params: AmbientParams, state: AmbientState, slot: int, now_ms: int) -> None:
    """Keep the values of this half hour; after a gap those before it are worth nothing."""
    sensor = state.temperature
    gap = state.trend_slot[sensor] != slot - 1
    if gap.any():
        state.trend[sensor[gap]] = BLANK
    live = holds(params, state, sensor, now_ms)
    centi = np.where(live, np.round(100 * state.value[sensor]), BLANK)
    state.trend[sensor, slot % TREND] = centi.astype(np.int16)
    state.trend_slot[sensor] = slot


def forecast(params: AmbientParams, state: AmbientState, sensor: Rows) -> tuple[F64, F64]:
    """Where the temperature of sensors (N,) is going: K/h, and (N, 3) hours until each level of cold.

    The slope is the median of those between all pairs of the last TREND half hours, NaN with fewer than
    LEAST_TREND of them; hours are 0 below the level and NaN where it is not reached.
    """
    age = (state.trend_slot[sensor, None] - np.arange(TREND)) % TREND  # of each column, in half hours
    value = state.trend[sensor].astype(np.float64) / 100
    value[state.trend[sensor] == BLANK] = np.nan
    a, b = PAIRS
    between = (age[:, b] - age[:, a]) * (params.forecast_min / 60)
    slopes = (value[:, a] - value[:, b]) / between
    enough = np.isfinite(value).sum(axis=1) >= LEAST_TREND
    slope = np.full(len(sensor), np.nan)
    slope[enough] = np.nanmedian(slopes[enough], axis=1)
    above = state.value[sensor, None] - np.array(params.cold_c)
    with np.errstate(divide="ignore", invalid="ignore"):
        hours = np.where(slope[:, None] < 0, above / -slope[:, None], np.nan)
    return slope, np.where(above <= 0, 0.0, hours)
