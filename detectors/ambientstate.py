"""What the detector of the air is set to and what it remembers.

Names the parameters of table [ambient]; takes the layout, gives fresh state: which humidity sensor speaks for
which temperature sensor is worked out once. Decides nothing (ambient.py does).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from detectors.keep import PassingInt, PerSensor
from detectors.layout import NOWHERE, Layout, RoomKind, Rows, SensorKind

NEVER: Final = -1
NOT_DUE: Final = np.iinfo(np.int64).max
TREND: Final = 8
"""Values that are kept of each sensor for its forecast."""
BLANK: Final = np.int16(-32768)


@dataclass(frozen=True, slots=True)
class AmbientParams:
    """Table [ambient] of config/detectors.toml."""

    cold_c: tuple[float, float, float]
    cold_min: tuple[float, float, float]
    heat_index_c: tuple[float, float]
    heat_min: tuple[float, float]
    hysteresis_k: float
    stale_min: float
    assumed_humidity: float
    least_c: float
    most_c: float
    power_on_c: float
    least_humidity: float
    jump_k: float
    agree_k: float
    warn_c: float
    fire_c: float
    warn_rising_c: float
    fire_rising_c: float
    rising_k_min: float
    rise_span_min: tuple[float, float]
    forecast_min: float


LEVELS: Final = 5
"""Three of cold, two of heat, each kind from mild to bad."""
COLD: Final = slice(0, 3)
HEAT: Final = slice(3, 5)


@dataclass(slots=True)
class AmbientState:
    """What is remembered of E sensors that send events; those of other kinds stay as they are."""

    value: PerSensor[np.float64]
    """Last believed reading, °C or %; NaN = none."""
    heard_ms: PerSensor[np.int64]
    """When."""
    vapour_hpa: PerSensor[np.float64]
    """Water in the air at the last word of a humidity sensor; NaN = its room's temperature was not known."""
    doubted_c: PerSensor[np.float64]
    """A jump that no second reading has confirmed; NaN = none."""
    before_c: PerSensor[np.float64]
    """A believed reading of a minute or more ago, from which rises are measured,"""
    before_ms: PerSensor[np.int64]
    """and its time."""
    since_ms: PerSensor[np.int64]
    """(E, LEVELS) when each spell began, NEVER = there is none."""
    said: PerSensor[np.bool_]
    """(E, LEVELS) of the spells, whether their finding was given, or a worse one's."""
    due_ms: PerSensor[np.int64]
    """When the next dwell is complete, NOT_DUE = none begun."""
    warning: PerSensor[np.int8]
    """0 = none, 1 = pre-warning of a heat detector, 2 = fire, said."""
    trend: PerSensor[np.int16]
    """(E, TREND) centi-°C at the last half hours, BLANK = unknown; column = half hour modulo TREND."""
    trend_slot: PerSensor[np.int64]
    """Half hours since 1970 of the newest of them."""

    layout: Layout
    humid_here: Rows
    """(E,) the humidity sensor of a temperature sensor's room, NOWHERE = none;"""
    humid_else: Rows
    """another one of its home, that of a bathroom last."""
    warmth_here: Rows
    """(E,) the temperature sensor of a humidity sensor's room, NOWHERE = none."""
    temperature: Rows
    """Rows of the temperature sensors, home by home."""
    first: Rows
    """(H + 1,) where in `temperature` those of each home begin."""
    soonest_ms: int = 0
    """No dwell is complete before."""
    slot: PassingInt = 0
    """Half hour that was kept last."""


def fresh(layout: Layout) -> AmbientState:
    """State of sensors that have said nothing."""
    e = len(layout.sensor_kind)
    temperature = np.flatnonzero(layout.sensor_kind == SensorKind.TEMPERATURE)
    temperature = temperature[np.argsort(layout.sensor_home[temperature], kind="stable")]
    homes = layout.sensor_home[temperature]
    humid = np.flatnonzero(layout.sensor_kind == SensorKind.HUMIDITY)
    warmth = np.full(layout.rooms, NOWHERE, np.intp)
    warmth[layout.sensor_room[temperature[::-1]]] = temperature[::-1]
    wet = layout.room_kind[layout.sensor_room[humid]] == RoomKind.BATHROOM
    of_room = np.full(layout.rooms, NOWHERE, np.intp)
    of_home = np.full(layout.homes, NOWHERE, np.intp)
    of_room[layout.sensor_room[humid[::-1]]] = humid[::-1]  # the first of several wins
    for some in (humid[wet][::-1], humid[~wet][::-1]):
        of_home[layout.sensor_home[some]] = some
    here, other = np.full(e, NOWHERE, np.intp), np.full(e, NOWHERE, np.intp)
    here[temperature] = of_room[layout.sensor_room[temperature]]
    other[temperature] = of_home[homes]
    beside = np.full(e, NOWHERE, np.intp)
    beside[humid] = warmth[layout.sensor_room[humid]]
    return AmbientState(
        value=np.full(e, np.nan),
        heard_ms=np.full(e, NEVER, np.int64),
        vapour_hpa=np.full(e, np.nan),
        doubted_c=np.full(e, np.nan),
        before_c=np.full(e, np.nan),
        before_ms=np.full(e, NEVER, np.int64),
        since_ms=np.full((e, LEVELS), NEVER, np.int64),
        said=np.zeros((e, LEVELS), np.bool_),
        due_ms=np.full(e, NOT_DUE, np.int64),
        warning=np.zeros(e, np.int8),
        trend=np.full((e, TREND), BLANK, np.int16),
        trend_slot=np.full(e, NEVER, np.int64),
        layout=layout,
        humid_here=here,
        humid_else=other,
        warmth_here=beside,
        temperature=temperature,
        first=np.searchsorted(homes, np.arange(layout.homes + 1)),
    )
