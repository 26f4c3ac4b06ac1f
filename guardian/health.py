"""What Guardian knows of its own eyes and ears: the health of sensors fed from the board, and protection.

Takes what is heard and seen in every beat, and each minute what the board knows of devices; gives findings,
and arrays that other detectors and the staff board read. Decides nothing itself (detectors/sensorhealth.py,
protection.py do).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors import camerahealth, sensorhealth
from detectors.fall import Posture, Seen
from detectors.finding import Finding
from detectors.layout import Events, Moment, RoomKind
from detectors.roomstate import BackgroundState
from detectors.sensorhealth import Arrivals, Health, SensorHealthParams
from guardian.bench import Bench
from guardian.board import Board, Group
from guardian.plan import room_kind
from guardian.protection import Protection
from guardian.slab import NEVER

Rooms = Mapping[tuple[int, int], BackgroundState]
"""Learnt rooms of each group of cameras, by its (rows, cols)."""
CENTI = np.float32(100)


class HealthWatch:
    """The health of all sensors of one board."""

    def __init__(self, board: Board, params: SensorHealthParams, rooms: Rooms, bench: Bench) -> None:
        self._board, self._params, self._rooms, self._bench = board, params, rooms, bench
        rates = [g.optics.rate_hz for g in board.groups.values()]
        rate_hz = np.concatenate([np.zeros(0, np.float32), *rates])
        self.state = sensorhealth.fresh(params, board.layout, rate_hz)
        self.now: Health = sensorhealth.unknown(board.layout)
        """What can be relied on, as of the last minute."""
        self.protection = Protection(board.layout)
        self._first_row: dict[int, int] = {}
        at = 0
        for group in board.groups.values():
            self._first_row[id(group)] = at
            at += len(group.specs)
        self._minutes = 0
        self._index = {home: row for row, home in enumerate(board.homes)}
        self._bathroom = np.array(
            [*(room_kind(r) is RoomKind.BATHROOM for r in board.rooms), False], np.bool_
        )

    @property
    def states(self) -> Mapping[str, Any]:
        """What is kept over a restart, and what passes with the process (keep.py)."""
        return {
            "sensorhealth": self.state,
            "eventhealth": self.state.events,
            "camerahealth": self.state.cameras,
            "protection": self.protection.state,
            "health": self.now,
        }

    def unlearnt(self, group: Group) -> None:
        """Take that the rooms of this group's cameras are not known any more, before they say so."""
        first = self._first_row[id(group)]
        self.state.cameras.ready[first : first + len(group.specs)] = False

    def hear(self, events: Events) -> None:
        """Take the readings of one beat, in order."""
        sensorhealth.hear(self._params, self.state, self._board.layout, events)

    def see(self, group: Group, sensor: NDArray[np.intp], t_ms: NDArray[np.int64], seen: Seen) -> None:
        """Take what was seen in one batch of a group."""
        camerahealth.see(
            self._params.camerahealth,
            self.state.cameras,
            self._first_row[id(group)] + sensor,
            t_ms,
            seen.posture != Posture.UNKNOWN,
            seen.look.ready,
            seen.look.frozen,
            seen.look.bad_share,
            seen.degraded,
            seen.people,
            seen.posture == Posture.UPRIGHT,
        )

    def chattering(self, now_ms: int) -> NDArray[np.bool_]:
        """(E,) sensors whose events are no signs of life: they chatter, or go like clockwork."""
        return sensorhealth.muted(self._params, self.state, now_ms)

    def minute(self, moment: Moment) -> list[Finding]:
        """Judge all sensors and homes."""
        board, params, e = self._board, self._params, len(self._board.sensor_names)
        known = board.state(moment.now_ms)
        self._look_at_pictures(params.camerahealth, known.temperature_c)
        arrivals = Arrivals(
            camera_ms=board.camera_ms,
            refused_ms=board.refused_ms,
            camera_boots=board.camera_boots,
            sensor_boots=board.sensor_boots,
            camera_offline=board.offline[e:],
            sensor_offline=board.offline[:e],
            battery=board.battery[:e],
            benched_ms=self._bench.cameras.since_ms,
        )
        self.now, found = sensorhealth.minute(params, self.state, board.layout, arrivals, moment.now_ms)
        bathroom = self._bathroom[known.room]
        self.protection.minute(self.now, self.state.cameras, known, bathroom, moment, off=self._bench)
        return found

    @property
    def batteries_low(self) -> int:
        """How many sensors say that their battery is nearly empty."""
        return int((self._board.battery <= self._params.eventhealth.battery_low).sum())

    def in_sight(self, dark: Mapping[str, int]) -> list[str]:
        """Give those of these homes (→ dark since, ms since 1970) that are dark no more, as of this minute.

        Proof is wanted: from every camera a usable frame since then that was looked at, and it is not silent
        now; without cameras, anything heard since then. Homes that the roster has no more are not waited for.
        """
        layout, index = self._board.layout, self._index
        since = np.full(layout.homes, np.iinfo(np.int64).max)
        rows = [index[home] for home in dark if home in index]
        since[rows] = [ms for home, ms in dark.items() if home in index]
        eye = layout.camera_home
        looks = self._bench.cameras.since_ms == NEVER
        looked_ms = np.minimum(self._board.camera_ms, self.state.cameras.last_ms)
        lost = ~(self.now.camera_live & looks & (looked_ms > since[eye]))
        eyes = (self.state.cameras_of > 0) & (np.bincount(eye[lost], minlength=layout.homes) == 0)
        ears = (self.state.cameras_of == 0) & ~self.now.home_dark & (self.state.heard_ms > since)
        seen = eyes | ears
        return [home for home in dark if home not in index or seen[index[home]]]

    def hidden(self) -> list[str]:
        """Give the homes that were not known to be dark when everything fell silent."""
        layout, state = self._board.layout, self.state
        eyes = np.bincount(layout.camera_home[~state.camera_told], minlength=layout.homes) > 0
        ears = (state.cameras_of == 0) & (state.heard_ms >= 0)
        return [self._board.homes[row] for row in np.flatnonzero(eyes | ears)]

    def _look_at_pictures(self, params: camerahealth.CameraHealthParams, home_c: NDArray[np.float32]) -> None:
        """Each minute one camera in `visit_min`, so that each is looked at that often."""
        nth = self._minutes % params.visit_min
        self._minutes += 1
        for shape, group in self._board.groups.items():
            room = self._rooms.get(shape)
            first = self._first_row[id(group)]
            camera = np.arange(
                first + (nth - first) % params.visit_min, first + len(group.specs), params.visit_min
            )
            if room is None or not len(camera):
                continue
            row = camera - first
            pictures = room.room[row[0] :: params.visit_min].reshape(len(row), room.rows, room.cols) / CENTI
            camerahealth.picture(
                params,
                self.state.cameras,
                camera,
                pictures,
                self.state.cameras.ready[camera] & (self.state.cameras.bad[camera] < 1),
                home_c[group.home_of[row]],
            )
