"""What was last noticed in each home: the proofs of life of a minute, and what the bed says.

Takes events as they come and who the cameras see upright; gives the minute that the detector of silence
asks for. Decides nothing.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.inactivitystate import NEVER, Bools, Minute
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
    bathroom: PerHome[np.bool_]
    """(H,) it was in the bathroom."""
    bed: PerHome[np.int8]
    """(H,) 1 somebody lies in it, 0 nobody, −1 not known."""
    given_ms: PerHome[np.int64]
    """(H,) the newest proof of life that a minute has told of."""
    has_door: Bools
    """(H,) from the layout."""


def fresh(layout: Layout) -> NoticedState:
    """Nobody was noticed yet."""
    h = layout.homes
    has_door = np.zeros(h, np.bool_)
    has_door[layout.sensor_home[layout.outside]] = True
    return NoticedState(
        life_ms=np.full(h, NEVER, np.int64),
        door=np.zeros(h, np.bool_),
        bathroom=np.zeros(h, np.bool_),
        bed=np.full(h, NO_BED, np.int8),
        given_ms=np.full(h, NEVER, np.int64),
        has_door=has_door,
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
    state.bathroom[home] = layout.room_kind[layout.sensor_room[sensor]] == RoomKind.BATHROOM


def see(state: NoticedState, layout: Layout, cameras: Rows, now_ms: int) -> None:
    """Take the cameras that see somebody on their feet: a warm body that lies or sits proves nothing."""
    home = layout.camera_home[cameras]
    state.life_ms[home] = now_ms
    state.door[home] = False
    state.bathroom[home] = layout.room_kind[layout.camera_room[cameras]] == RoomKind.BATHROOM


def minute(state: NoticedState, blind: Bools, away: Bools, guest: Bools) -> Minute:
    """What has been noticed since the last minute was given."""
    life = state.life_ms > state.given_ms
    state.given_ms[:] = state.life_ms
    return Minute(
        life=np.asarray(life),
        door=state.door.copy(),
        bathroom=state.bathroom.copy(),
        life_ms=state.life_ms.copy(),
        bed=state.bed.copy(),
        blind=blind,
        away=away,
        guest=guest,
        has_door=state.has_door,
    )


def none(homes: int) -> NDArray[np.bool_]:
    """(H,) no home."""
    return np.zeros(homes, np.bool_)
