"""Weather outside, temperature and humidity of the rooms inside, and what changes them for a while.

Takes seeds, a calendar, a plan and the habits of a home's heating, gives `Air` for every room with a key
every five minutes; `overlay` adds showers, cooking, open windows and the like with keys of their own.
Never draws, and never says what is dangerous (thresholds.py does).

A room is the sum of two first-order parts: the building (walls and furniture; it follows the outdoors over a
day or more) and its air (it follows heating, windows and cooking within half an hour).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from detectors.heatindex import saturation_hpa
from simulator.world import F64, Air, Plan, RoomKind

STEP_S: Final = (
    300.0  # climate sensors report every 10–30 min or on 0.2 K; a room without an event moves less
)
HOUR_S: Final = 3600.0
DAY_S: Final = 86_400.0
_WEATHER, _HOUSE, _INDOOR = 41, 42, 43  # purposes of random numbers


# --- time ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Calendar:
    """Local time of a home whose simulation starts at `start_ms` (ms since 1970)."""

    start_ms: int = 1_768_478_400_000
    """Thursday 15 January 2026, 12:00 UTC."""
    timezone: str = "Europe/London"

    def hours(self, t_s: F64) -> F64:
        """Local hour of the day, 0 ≤ h < 24, at `t_s` (N,) seconds after the start; summer time included."""
        return np.asarray(self._local_s(t_s) / HOUR_S % 24)

    def day_of_year(self, t_s: F64) -> F64:
        """Days since 1 January of the first year, with fractions, at `t_s` (N,)."""
        first = datetime.fromtimestamp(self.start_ms / 1000, UTC).replace(
            month=1, day=1, hour=0, minute=0, second=0, microsecond=0
        )
        return np.asarray((self._local_s(t_s) - first.timestamp()) / DAY_S)

    def midnights(self, start_s: float, end_s: float) -> F64:
        """Local midnights from the one before `start_s` to the one before `end_s`, seconds after the start.

        The day on which the clocks change begins and ends where local midnight truly is.
        """
        zone = self._zone
        first = datetime.fromtimestamp(self.start_ms / 1000 + start_s, zone).date().toordinal()
        last = datetime.fromtimestamp(self.start_ms / 1000 + max(end_s, start_s), zone).date().toordinal()
        days = [datetime.fromordinal(n).replace(tzinfo=zone) for n in range(first, last + 1)]
        return np.array([d.timestamp() - self.start_ms / 1000 for d in days])

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def _local_s(self, t_s: F64) -> F64:
        unix_s = self.start_ms / 1000 + np.atleast_1d(t_s)
        quarter = np.floor(unix_s / 900)  # clocks change at a quarter of an hour everywhere
        first, last = quarter.min(), quarter.max()
        if self._offset_s(first) == self._offset_s(last) and last - first < 90 * 96:
            return np.asarray(unix_s + self._offset_s(first))
        distinct, which = np.unique(quarter, return_inverse=True)
        offset = np.array([self._offset_s(q) for q in distinct])
        return np.asarray(unix_s + offset[which.reshape(unix_s.shape)])

    def _offset_s(self, quarter: float) -> float:
        shift = datetime.fromtimestamp(float(quarter) * 900, self._zone).utcoffset()
        return 0.0 if shift is None else shift.total_seconds()


# --- outside ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """A climate, as its normals; coldest in mid-January, as all over the north."""

    mean_c: float
    season_k: float
    """Half the difference of the warmest and the coldest month."""
    day_k: float
    """Half the difference of afternoon and dawn on a mean day."""
    humidity: float
    """Mean relative humidity, %."""


LONDON: Final = Place(12.2, 6.8, 3.8, 76.0)
"""January about 5.5, July 19 °C: Met Office normals 1991–2020 for Heathrow, rounded."""
SHANGHAI: Final = Place(17.2, 12.0, 3.6, 74.0)
"""January about 5, July 29 °C: normals 1991–2020, rounded."""

SYNOPTIC_K: Final = 3.0  # a day is warmer or cooler than its season by this (standard deviation): judgement
SYNOPTIC_S: Final = 2.5 * DAY_S  # highs and lows pass in a few days: judgement
COLDEST_DAY: Final = 17.0
WARMEST_HOUR: Final = 15.0


@dataclass(frozen=True, slots=True)
class Weather:
    """Outdoors, straight lines between."""

    t_s: F64
    """(M,)."""
    temperature_c: F64
    """(M,)."""
    humidity: F64
    """(M,) relative, %."""
    sun: F64
    """(M,) 0 = night or dense cloud, 1 = the clear noon of midsummer."""


def weather(
    seed: int,
    calendar: Calendar,
    duration_s: float,
    *,
    place: Place = LONDON,
    spells_k: Sequence[tuple[float, float, float]] = (),
) -> Weather:
    """Hourly weather from the start to `duration_s`.

    `spells_k` are (start_s, end_s, kelvin): a heat wave (+8) or a cold spell (-8), which come and go over
    12 h. ValueError for a duration that is not positive.
    """
    if duration_s <= 0:
        raise ValueError(f"duration_s must be positive, not {duration_s}")
    rng = np.random.default_rng([seed, _WEATHER])
    t = np.arange(0.0, duration_s + 2 * HOUR_S, HOUR_S)
    year = 2 * np.pi * (calendar.day_of_year(t) - COLDEST_DAY) / 365.25
    synoptic = SYNOPTIC_K * _wander(rng, len(t), SYNOPTIC_S / HOUR_S)
    cloud = 1 / (1 + np.exp(-1.5 * _wander(rng, len(t), 8.0)))  # 0 clear, 1 dense; hours
    hour = calendar.hours(t)
    daily = place.day_k * (1.4 - 0.8 * cloud) * np.cos(2 * np.pi * (hour - WARMEST_HOUR) / 24)
    temperature = place.mean_c - place.season_k * np.cos(year) + synoptic + daily
    for start, end, kelvin in spells_k:
        temperature += kelvin * np.clip(np.minimum(t - start, end - t) / (12 * HOUR_S), 0, 1)
    humidity = np.clip(place.humidity - 3.5 * daily + 8 * _wander(rng, len(t), 12.0), 25, 99)
    day_h = 12 - 4.3 * np.cos(year)  # length of the day at 51°; 3 h less change at 31°, which matters little
    height = np.cos(np.pi * (hour - 12.5) / np.maximum(day_h, 1))
    up = np.where(np.abs(hour - 12.5) < day_h / 2, np.maximum(height, 0), 0)
    sun = up * (0.65 - 0.35 * np.cos(year)) * (1 - 0.85 * cloud)
    return Weather(t, temperature, humidity, sun)


def _wander(rng: np.random.Generator, steps: int, tau_steps: float) -> F64:
    """A slow random walk around 0 with standard deviation 1 and a memory of `tau_steps`."""
    keep = float(np.exp(-1 / tau_steps))
    out = np.empty(steps)
    value = rng.standard_normal()
    push = rng.standard_normal(steps) * np.sqrt(1 - keep**2)
    for k in range(steps):
        value = keep * value + push[k]
        out[k] = value
    return out


# --- inside ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class House:
    """How a home keeps warm."""

    set_c: float
    """What the thermostat is set to while the heating is on."""
    heated_h: tuple[tuple[float, float], ...]
    """Local hours during which it is on."""
    power_k: float
    """How far above the outdoors full heating holds the rooms for ever."""
    building_tau_s: float
    air_tau_s: float
    gains_k: float
    """What people, appliances and the sun add to the rooms for ever."""
    moisture_hpa: float
    """Vapour pressure that living there adds to the outdoors'."""
    airing_c: float
    """Windows are opened above this when it is cooler outside."""
    cooled_c: float = np.inf
    """What an air conditioner holds the rooms at."""


ROOM_K: Final[dict[RoomKind, float]] = {
    "living": 0.0,
    "bedroom": -0.75,
    "bathroom": 0.2,
    "kitchen": 0.3,
    "hall": -0.65,
}
"""Rooms against the living room, K. Source for living room 18.90, bedroom 18.15, hall 18.25 °C in winter:
Huebner et al., BMJ Open 2018;8:e021085 (635 English homes); bathroom and kitchen: judgement."""
WINDOW_TAU_S: Final = 1.0 * HOUR_S  # one open window changes a room's air about once an hour: judgement
SUMMER_TAU_S: Final = 4.0 * HOUR_S  # homes with open windows follow the outdoors in 1–18 h (see house)
FAST_HEAT_K: Final = 4.0  # air ahead of the walls while the radiators are at full power: judgement
SUN_K: Final = 2.5  # air ahead of the walls in full sun: judgement
COOL_K: Final = 10.0  # air behind the walls while an air conditioner is at full power: judgement
BAND_K: Final = 0.8  # between full power and none: valves close over about this
NOISE_K: Final = 0.15  # doors, draughts, people: judgement


def house(seed: int) -> House:
    """How one home is heated.

    Sources: rooms of older people in England in winter 18.9 ± 2.5 °C (BMJ Open 2018;8:e021085); half the
    homes heat twice a day, a third once (Kane et al., Energy and Buildings 2015, 249 homes in Leicester; the
    older ones longer and warmer); time constants 15–55 h in winter and 1–18 h in summer (John et al., 10,000
    thermostats in Canada and the United States). The rest is judgement.
    """
    rng = np.random.default_rng([seed, _HOUSE])
    kind = rng.random()
    up, down = float(rng.uniform(5.5, 8.0)), float(rng.uniform(20.5, 23.0))
    heated: tuple[tuple[float, float], ...] = ((up, down),)  # all day
    if kind < 0.4:
        heated = ((up, up + float(rng.uniform(2.0, 4.0))), (float(rng.uniform(14.5, 17.0)), down))
    elif kind < 0.6:
        heated = ((0.0, 24.0),)
    return House(
        set_c=float(np.clip(rng.normal(20.7, 2.3), 15.5, 25.0)),
        heated_h=heated,
        power_k=float(rng.uniform(22, 32)),
        building_tau_s=float(rng.uniform(15, 55)) * HOUR_S,
        air_tau_s=float(rng.uniform(0.35, 0.8)) * HOUR_S,
        gains_k=float(rng.uniform(2.0, 4.0)),
        moisture_hpa=float(rng.uniform(2.5, 6.0)),
        airing_c=float(rng.uniform(22.0, 24.5)),
    )


def indoor(
    plan: Plan,
    outside: Weather,
    home: House,
    calendar: Calendar,
    *,
    seed: int,
    heating_off: Sequence[tuple[float, float]] = (),
    windows: Sequence[tuple[int, float, float]] = (),
    shut: bool = False,
) -> Air:
    """Air of every room from 0 to the end of the weather, a key every STEP_S.

    `heating_off` are (start_s, end_s) in which the heating is broken or nobody can pay for it; `windows` are
    (room, start_s, end_s) in which one is open. `shut`: windows are never opened against the heat (noise,
    fear, a window that sticks), which makes a heat wave dangerous.
    """
    rng = np.random.default_rng([seed, _INDOOR])
    t = np.arange(0.0, outside.t_s[-1] + 1e-6, STEP_S)
    hour = calendar.hours(t)
    out_c = np.interp(t, outside.t_s, outside.temperature_c)
    sun = np.interp(t, outside.t_s, outside.sun)
    heated = np.zeros(len(t), np.bool_)
    for start, end in home.heated_h:
        heated |= (hour >= start) & (hour < end)
    for start, end in heating_off:
        heated &= ~((t >= start) & (t < end))
    shift = np.array([ROOM_K[r.kind] for r in plan.rooms])
    faces_sun = rng.uniform(0.2, 1.0, len(shift)) * [r.zone("window") is not None for r in plan.rooms]
    opened = np.zeros((len(t), len(shift)))
    for room, start, end in windows:
        opened[(t >= start) & (t < end), room] = 1.0

    target = home.set_c + shift
    slow = np.full(len(shift), max(out_c[0] + home.gains_k, min(home.set_c, 19.0))) + shift
    fast = np.zeros(len(shift))
    keep_air = np.exp(-STEP_S / home.air_tau_s)
    air = np.empty((len(t), len(shift)))
    for k in range(len(t)):
        now = slow + fast
        air[k] = now
        heat = np.clip((target - now) / BAND_K, 0, 1) if heated[k] else np.zeros(len(shift))
        open_now = not shut and out_c[k] < now.mean() and now.mean() > home.airing_c
        tau = SUMMER_TAU_S if open_now else home.building_tau_s
        gains = home.gains_k * (0.4 if open_now else 1.0)  # an open window carries most of it out
        rest = out_c[k] + gains + home.power_k * heat
        slow += (rest - slow) * (1 - np.exp(-STEP_S / tau))
        slow += (slow.mean() + shift - shift.mean() - slow) * STEP_S / (8 * HOUR_S)  # doors stand open
        cool = COOL_K * np.clip((now - home.cooled_c) / BAND_K, 0, 1)
        push = FAST_HEAT_K * heat + SUN_K * sun[k] * faces_sun - cool
        fast = push + (fast - push) * keep_air
        fast += opened[k] * (out_c[k] - now) * (STEP_S / WINDOW_TAU_S)
    air += NOISE_K * np.stack([_wander(rng, len(t), HOUR_S / STEP_S) for _ in shift], -1)
    vapour = np.interp(t, outside.t_s, outside.humidity / 100 * saturation_hpa(outside.temperature_c))
    lived = home.moisture_hpa * np.exp(0.15 * _wander(rng, len(t), 3 * HOUR_S / STEP_S))
    share = np.where(opened > 0, 0.3, 1.0)
    humidity = 100 * (vapour[:, None] + lived[:, None] * share) / saturation_hpa(air)
    return Air(t, air, np.clip(humidity, 12, 97), np.zeros_like(air))


# --- changes ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """What something adds to the air of one room: 0 before the first and after the last key."""

    room: int
    t_s: F64
    """(K,) increasing."""
    temperature_k: F64
    """(K,)."""
    humidity: F64 = field(default_factory=lambda: np.zeros(0))
    """(K,) in % points; empty = none."""
    haze: F64 = field(default_factory=lambda: np.zeros(0))
    """(K,) share of contrast; empty = none."""


def overlay(air: Air, changes: Sequence[Change]) -> Air:
    """The air with all changes added; keys of both. Humidity stays within 5–100 %, haze within 0–1."""
    if not changes:
        return air
    rooms = air.temperature_c.shape[1]
    for change in changes:
        if not 0 <= change.room < rooms:
            raise ValueError(f"change in room {change.room} of {rooms}")
    edges = [np.array([c.t_s[0] - 1e-3, c.t_s[-1] + 1e-3]) for c in changes]
    t = np.unique(np.concatenate([air.t_s, *(c.t_s for c in changes), *edges]))

    def spread(values: F64) -> F64:
        return np.stack([np.interp(t, air.t_s, values[:, r]) for r in range(rooms)], -1)

    temperature, humidity, haze = spread(air.temperature_c), spread(air.humidity), spread(air.haze)
    for change in changes:
        here = (t >= change.t_s[0]) & (t <= change.t_s[-1])
        for into, values in (
            (temperature, change.temperature_k),
            (humidity, change.humidity),
            (haze, change.haze),
        ):
            if len(values):
                into[here, change.room] += np.interp(t[here], change.t_s, values)
    return Air(t, temperature, np.clip(humidity, 5, 100), np.clip(haze, 0, 1))
