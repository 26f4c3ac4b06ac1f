"""What was open, as it stands in a snapshot: the lookout does not say again what it has said.

Takes and gives `alerting.triage.StoodOpen`; in the snapshot it is JSON. Decides nothing.
"""

from typing import Final

import msgspec
import numpy as np
import structlog
from numpy.typing import NDArray

from alerting.triage import StoodOpen
from guardian.snapshot import Snapshot

NAME: Final = "standing"
"""Of its array in a snapshot."""

log = structlog.get_logger("standing")


def written(stood: StoodOpen) -> NDArray[np.uint8]:
    """Give its array."""
    return np.frombuffer(msgspec.json.encode(stood), np.uint8)


def read(found: Snapshot | None) -> StoodOpen:
    """Give what stood open, as of time 0 and nothing where no snapshot tells in words of this version."""
    if found is not None and NAME in found.arrays:
        try:
            return msgspec.json.decode(found.arrays[NAME].tobytes(), type=StoodOpen)
        except msgspec.MsgspecError as e:  # of another version
            log.warning("what stood open does not fit this version", why=str(e))
    return StoodOpen(0, ())
