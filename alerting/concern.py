"""A concern: what the watching side hands to the alerting side, one for each finding."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Final

AREA: Final = "*"
"""Stands as the home of the incident about homes that went dark together; no home can be called so."""


class Severity(IntEnum):
    """How much a concern hurries. Higher is worse."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3


class Kind(StrEnum):
    """Kinds of concern: the findings of the detectors, plus what a home itself can say."""

    FALL_SUSPECTED = "fall-suspected"
    FALL_CONFIRMED = "fall-confirmed"
    FALL_RECOVERED = "fall-recovered"
    LONG_LIE = "long-lie"
    SOS = "sos"
    FIRE = "fire"
    SMOKE = "smoke"
    GAS = "gas"
    INACTIVITY = "inactivity"
    BATHROOM_OVERSTAY = "bathroom-overstay"
    NIGHT_OUT_OF_BED = "night-out-of-bed"
    NOT_UP = "not-up"
    NO_RETURN = "no-return"
    HYPOTHERMIA_RISK = "hypothermia-risk"
    COLD = "cold"
    HEAT = "heat"
    WATER = "water"
    INACTIVITY_PROMPT = "inactivity-prompt"
    FEVER_TREND = "fever-trend"
    APPLIANCE_LEFT_ON = "appliance-left-on"
    SENSOR_FAULT = "sensor-fault"
    BLIND = "blind"
    CANCEL = "cancel"
    """The home's own "I am all right": closes a suspicion, is only recorded after confirmation."""
    DRILL = "drill"
    """A test that staff have asked for (alerting/drill.py); no detector finds it."""
    IN_SIGHT = "in-sight"
    """A home that was dark can be seen again: said only of homes that somebody waits for."""


SEVERITY: dict[Kind, Severity | None] = {
    **dict.fromkeys(
        (Kind.FALL_CONFIRMED, Kind.LONG_LIE, Kind.SOS, Kind.FIRE, Kind.SMOKE, Kind.GAS), Severity.HIGH
    ),
    **dict.fromkeys(
        (
            Kind.INACTIVITY,
            Kind.BATHROOM_OVERSTAY,
            Kind.NIGHT_OUT_OF_BED,
            Kind.NOT_UP,
            Kind.NO_RETURN,
            Kind.HYPOTHERMIA_RISK,
            Kind.COLD,
            Kind.HEAT,
            Kind.WATER,
            Kind.DRILL,
        ),
        Severity.MEDIUM,
    ),
    **dict.fromkeys(
        (Kind.INACTIVITY_PROMPT, Kind.FEVER_TREND, Kind.APPLIANCE_LEFT_ON, Kind.SENSOR_FAULT, Kind.BLIND),
        Severity.LOW,
    ),
    **dict.fromkeys((Kind.FALL_SUSPECTED, Kind.FALL_RECOVERED, Kind.CANCEL, Kind.IN_SIGHT), None),
}
"""Severity by kind (DESIGN section 5); None pages nobody by itself."""


@dataclass(frozen=True, slots=True)
class Concern:
    """One noticed thing about one home."""

    home: str
    kind: Kind
    onset_ms: int
    decided_ms: int
    confidence: float
    room: str | None = None
    x: float | None = None
    y: float | None = None
    sensor: str | None = None
    evidence: Mapping[str, float] = field(default_factory=dict)
