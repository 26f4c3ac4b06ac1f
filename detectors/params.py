"""Everything that the detectors are set to: config/detectors.toml as one frozen object."""

from dataclasses import dataclass

from detectors.fallstate import FallParams
from detectors.positionstate import PositionParams


@dataclass(frozen=True, slots=True)
class Params:
    """One field for each detector; each has a table of its own name, as have the parts of `fall`."""

    fall: FallParams
    position: PositionParams
