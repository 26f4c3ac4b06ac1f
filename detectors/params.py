"""Everything that the detectors are set to: config/detectors.toml as one frozen object."""

from dataclasses import dataclass

from detectors.ambient import AmbientParams
from detectors.appliance import ApplianceParams
from detectors.bodystate import BodytempParams
from detectors.burning import BurningParams
from detectors.fallstate import FallParams
from detectors.inactivitystate import InactivityParams
from detectors.positionstate import PositionParams
from detectors.sensorhealth import SensorHealthParams
from detectors.trends import TrendParams


@dataclass(frozen=True, slots=True)
class Params:
    """One field for each detector; each has a table of its own name, as have the parts of `fall`."""

    fall: FallParams
    inactivity: InactivityParams
    bodytemp: BodytempParams
    trends: TrendParams
    sensorhealth: SensorHealthParams
    ambient: AmbientParams
    appliance: ApplianceParams
    burning: BurningParams
    position: PositionParams
