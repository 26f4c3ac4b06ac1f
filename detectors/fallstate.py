"""What the fall detector is set to and what it remembers.

Names the parameters of table [fall]; takes the optics of a group of sensors and gives fresh state.
Decides nothing (fall.py does).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors import background, tracks, zones
from detectors.background import F32, BackgroundParams, BackgroundState, Bools
from detectors.blobs import BlobParams
from detectors.frame import Optics, looked_at
from detectors.geometry import GeometryParams
from detectors.keep import Match
from detectors.posture import BANKED, Doing, Network, PostureParams, shipped
from detectors.tracks import NEVER_MS, SLOTS, TrackParams, TrackState
from detectors.zones import ZoneParams, Zones

I64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FallParams:
    """Table [fall] of config/detectors.toml, with the tables of the stations before it."""

    background: BackgroundParams
    blobs: BlobParams
    geometry: GeometryParams
    tracks: TrackParams
    posture: PostureParams
    zones: ZoneParams
    event_tau_s: float
    event_clip: float
    suspect_odds: float
    suspect_unscaled_odds: float
    suspect_belief: float
    rearm_odds: float
    refractory_s: float
    strong_odds: float
    person_tau_s: float
    sure_person: float
    lying_belief: float
    low_belief: float
    up_belief: float
    small_pixels: int
    fast_small_s: float
    fast_large_s: float
    slow_small_s: float
    slow_large_s: float
    struggle_s: float
    weak: float
    fast_rest: float
    calm_s: float
    calm_fell_s: float
    spot_m: float
    still_m_s: float
    second_person: float
    recover_s: float
    walked_s: float
    away_m: float
    pet_long_m: float
    pet_wide_m: float
    pet_wall_long_m: float
    pet_wall_wide_m: float
    skin_share: float
    core_c: float
    least_contrast: float


@dataclass(slots=True)
class DownState:
    """What is remembered of each track's falling; first axes (S, 2) = sensor, slot."""

    belief: F32
    """(S, 2, len(Doing)) what it does."""
    event: F32
    """Log-odds that a fall is just over, averaged."""
    person: F32
    """How much of late it looked like a person, 0 to 1."""
    was_person: Bools
    """It once clearly did, and moved."""
    stage: NDArray[np.int8]
    armed: Bools
    quick: Bools
    """The suspicion began with a fall that was seen: the fast time is enough."""
    upright_ms: I64
    """When it last was up or sat."""
    onset_ms: I64
    latest_ms: I64
    """Onset of the last fall that was seen in this suspicion, by which an alibi is judged."""
    suspected_ms: I64
    most: F32
    """Highest `event` of this suspicion."""
    lie_s: F32
    """How long it lies, less the time in which it seemed not to."""
    low_s: F32
    """How long since the suspicion it has been down in any way, or out of sight at that place."""
    up_s: F32
    place_x_m: F32
    """Where the suspicion arose (TrackState.x_m)."""
    place_y_m: F32
    rest_s: F32
    """How long it has been down in any way on one spot, less the time in which it seemed not to."""
    spot_x_m: F32
    spot_y_m: F32


@dataclass(slots=True)
class FallState:
    """What is remembered of one group of sensors."""

    optics: Optics
    zones: Zones
    room: BackgroundState
    tracks: TrackState
    down: DownState
    networks: Mapping[str, Network]
    """By mount."""

    def snapshot(self, *, passing: bool = False, live: bool = False) -> dict[str, NDArray[Any]]:
        """Copies of all arrays by name, with the part they belong to; first axis S, one row a sensor.

        With `live` or `passing` the arrays themselves, for use at once.
        """
        return {name: array if live or passing else array.copy() for name, array in self._arrays()}

    def restore(self, arrays: Mapping[str, NDArray[Any]], match: Match | None = None) -> None:
        """Take back a snapshot; ValueError when a shape or name does not fit (nothing is changed then).

        match: rows here, and those of the same sensors there; None: all, in the same order.
        """
        mine = dict(self._arrays())
        cut = 0 if match is None else 1
        wrong = [n for n, a in mine.items() if n not in arrays or arrays[n].shape[cut:] != a.shape[cut:]]
        if wrong:
            raise ValueError(f"snapshot does not fit: {', '.join(sorted(wrong))}")
        here, there = (slice(None), slice(None)) if match is None else match
        for name, array in mine.items():
            array[here] = arrays[name][there]
        self.room.scratch.spots = None

    def renew(self, row: int, fresh: "FallState") -> None:
        """Let one sensor begin anew, as the only one of `fresh`."""
        its = dict(fresh._arrays())  # noqa: SLF001  (of the same class)
        for name, array in self._arrays():
            array[row] = its[name][0]
        self.room.scratch.spots = None

    def _arrays(self) -> Iterator[tuple[str, NDArray[Any]]]:
        for part in _PARTS:
            held = getattr(self, part)
            for f in fields(held):
                if isinstance(value := getattr(held, f.name), np.ndarray):
                    yield f"{part}_{f.name}", value


_PARTS: Final = ("room", "tracks", "down")


def fresh(
    optics: Optics, furniture: Zones | None = None, networks: Mapping[str, Network] | None = None
) -> FallState:
    """State of sensors that have seen nothing; `networks` by mount, None = the shipped ones.

    A sensor without any box in `furniture` (or None for all), or on a wall without a place, has unknown
    furniture: lying with unseen start is not judged there, for it may be a bed. The state's optics are those
    of the pictures that are looked at (frame.looked_at).
    """
    optics = looked_at(optics)
    n = len(optics.height_m)

    def zeros() -> F32:
        return np.zeros((n, SLOTS), np.float32)

    def never() -> I64:
        return np.full((n, SLOTS), NEVER_MS, np.int64)

    def no() -> Bools:
        return np.zeros((n, SLOTS), np.bool_)

    return FallState(
        optics,
        zones.seen_from(furniture if furniture is not None else zones.laid_out([()] * n), optics),
        background.fresh(n, optics.rows, optics.cols),
        tracks.fresh(n, BANKED),
        DownState(
            np.full((n, SLOTS, len(Doing)), 1 / len(Doing), np.float32),
            zeros(),
            zeros(),
            no(),
            np.zeros((n, SLOTS), np.int8),
            ~no(),
            no(),
            never(),
            never(),
            never(),
            never(),
            zeros(),
            zeros(),
            zeros(),
            zeros(),
            zeros(),
            zeros(),
            zeros(),
            zeros(),
            zeros(),
        ),
        networks if networks is not None else shipped(optics),
    )
