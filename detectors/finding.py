"""What a detector says."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Every kind of finding; the names are those of the truth labels in traces."""

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


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing noticed about one sensor's view (or one home), with its evidence in numbers."""

    kind: Kind
    row: int
    """Row of the sensor in its resolution group (thermal), or of the home."""
    onset_ms: int
    """Estimated onset, ms since 1970: T0 of the ten minutes."""
    decided_ms: int
    """When the detector was sure enough to say it, ms since 1970."""
    confidence: float
    """0 to 1."""
    x: float
    """Position in metres from the sensor's foot, or NaN."""
    y: float
    evidence: Mapping[str, float]
    """Named numbers with the unit in the name, for people and for tuning."""
    room: int = -1
    """Row of the room in the layout, −1 = none or the sensor's."""
    sensor: int = -1
    """Row of the sensor that sends events, −1 = none."""
    camera: int = -1
    """Row of the camera in the layout, −1 = none; for findings about whole homes."""
