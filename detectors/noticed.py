"""What was last noticed in each home: the proofs of life of a minute, and what the bed says.

Takes events as they come and who the cameras see upright; gives the minute that the detector of silence
asks for. Decides nothing.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.inactivitystate import HAS_BATHROOM, HAS_BED, HAS_DOOR, NEVER, Bools, Minute
from detectors.keep import PerHome
from detectors.layout import Events, Layout, RoomKind, Rows, SensorKind

NO_BED = -1


@dataclass(slots=True)
class NoticedState:
    """The last proof of life of H homes, and their beds."""

    life_ms: PerHome[np.int64]
    """(H,) when somebody was last noticed, ms since 1970."""
    door: PerHome[np.bool_]
    """(H,) it was a door that leads out."""
    bed: PerHome[np.int8]
    """(H,) 1 somebody lies in it, 0 nobody, −1 not known."""
    given_ms: PerHome[np.int64]
    """(H,) the newest proof of life that a minute has told of."""
    has: Bools
    """(H, 3) an outside door, a bathroom and a bed are watched; from the layout."""


def fresh(layout: Layout) -> NoticedState:
    """Nobody was noticed yet."""
    h = layout.homes
    has = np.zeros((h, 3), np.bool_)
    has[layout.sensor_home[layout.outside], HAS_DOOR] = True
    bathroom = layout.room_kind == RoomKind.BATHROOM
    has[layout.sensor_home[bathroom[layout.sensor_room]], HAS_BATHROOM] = True
    has[layout.camera_home[bathroom[layout.camera_room]], HAS_BATHROOM] = True
    has[layout.sensor_home[layout.sensor_kind == SensorKind.BED], HAS_BED] = True
    return NoticedState(
        life_ms=np.full(h, NEVER, np.int64),
        door=np.zeros(h, np.bool_),
        bed=np.full(h, NO_BED, np.int8),
        given_ms=np.full(h, NEVER, np.int64),
        has=has,
    )


def hear(state: NoticedState, layout: Layout, events: Events) -> None:
    """Take events in the order in which they arrived."""
    bed = layout.sensor_kind[events.sensor] == SensorKind.BED
    state.bed[layout.sensor_home[events.sensor[bed]]] = events.value[bed] > 0
    alive = np.flatnonzero(events.life)
    if not alive.size:
        return
    home = layout.sensor_home[events.sensor[alive]]
    _, last = np.unique(home[::-1], return_index=True)
    alive = alive[len(alive) - 1 - last]
    home, sensor = layout.sensor_home[events.sensor[alive]], events.sensor[alive]
    state.life_ms[home] = np.maximum(state.life_ms[home], events.t_ms[alive])
    state.door[home] = layout.outside[sensor]


def see(state: NoticedState, layout: Layout, cameras: Rows, now_ms: int) -> None:
    """Take the cameras that see somebody on their feet: a warm body that lies or sits proves nothing."""
    home = layout.camera_home[cameras]
    state.life_ms[home] = now_ms
    state.door[home] = False


def minute(state: NoticedState, *, bathroom: Bools, blind: Bools, away: Bools, guest: Bools) -> Minute:
    """What has been noticed since the last minute was given.

    bathroom: (H,) by the last sign of them they are in the bathroom.
    """
    life = state.life_ms > state.given_ms
    state.given_ms[:] = state.life_ms
    return Minute(
        life=np.asarray(life),
        door=state.door.copy(),
        bathroom=bathroom,
        life_ms=state.life_ms.copy(),
        bed=state.bed.copy(),
        blind=blind,
        away=away,
        guest=guest,
        has=state.has,
    )


def none(homes: int) -> NDArray[np.bool_]:
    """(H,) no home."""
    return np.zeros(homes, np.bool_)
