"""Fires and stoves in what the thermal arrays of one board send: detectors/burning.py for every resolution.

Takes each batch of frames after the fall detector has seen it; gives findings, and tells the rounds in which
rooms somebody was seen. Never loops over sensors.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors import burning, keep
from detectors.fall import FallState, Seen
from detectors.finding import Finding
from detectors.frame import Frames
from detectors.layout import RoomKind
from detectors.params import Params
from detectors.undo import Undo
from detectors.zones import Zones
from guardian.board import Board, Group
from guardian.rounds import Rounds
from guardian.slab import matching

Shape = tuple[int, int]


class Fires:
    """What burns, or was left on, in the pictures of one board."""

    def __init__(
        self, board: Board, params: Params, furniture: Mapping[Shape, Zones], rounds: Rounds
    ) -> None:
        self._board = board
        self._params = params.burning
        self._rounds = rounds
        self._first: dict[Shape, int] = {}
        """The first camera of each resolution, in the layout."""
        self._states: dict[Shape, burning.BurningState] = {}
        kind, first = board.layout.room_kind[board.layout.camera_room], 0
        for shape, group in board.groups.items():
            kitchen = kind[first : first + len(group.specs)] == RoomKind.KITCHEN
            self._first[shape] = first
            self._states[shape] = burning.fresh(
                params.burning, params.fall.geometry, group.optics, furniture[shape], kitchen
            )
            first += len(group.specs)

    def look(  # noqa: PLR0917  (called once, in the lookout)
        self, group: Group, frames: Frames, seen: Seen, fall: FallState, now_ms: int, undo: Undo
    ) -> list[Finding]:
        """One batch: take who was seen, give what burns and was left on. `undo` keeps what is written."""
        shape = group.rows, group.cols
        camera = self._first[shape] + frames.sensor
        state = self._states[shape]
        there = np.flatnonzero(burning.somebody(self._params, state, frames, seen))
        self._rounds.looked(camera, frames.t_ms, undo)
        if there.size:
            self._rounds.notice(camera[there], frames.t_ms[there], undo)
        return burning.step(
            self._params,
            state,
            frames,
            self._rounds.alone_ms(camera),
            fall.room.familiar,
            now_ms,
            undo,
        )

    def renew(self, shape: Shape, row: int, fresh: "Fires") -> None:
        """Let one camera begin anew, as the only one of `fresh`."""
        keep.renew(self._states[shape], fresh._states[shape], keep.CAMERA, row)  # noqa: SLF001  (same class)

    # --- restarts -----------------------------------------------------------------------------------

    def snapshot(self, *, passing: bool = False, live: bool = False) -> dict[str, NDArray[Any]]:
        """Give all that is remembered, with the names of the cameras."""
        out: dict[str, NDArray[Any]] = {}
        for (rows, cols), state in self._states.items():
            out[f"{rows}x{cols}.names"] = np.array(self._names((rows, cols)), np.str_)
            out |= {
                f"{rows}x{cols}.{name}": array
                for name, array in keep.snapshot(state, passing=passing, live=live).items()
            }
        return out

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> list[str]:
        """Take back a snapshot by the names of the cameras; give what does not fit."""
        wrong = []
        for (rows, cols), state in self._states.items():
            prefix = f"{rows}x{cols}."
            mine = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
            if not mine:
                continue
            match = matching(self._names((rows, cols)), mine.pop("names").tolist())
            try:
                keep.restore(state, mine, {keep.CAMERA: match})
            except ValueError as e:
                wrong.append(f"fires of {rows}x{cols}: {e}")
        return wrong

    def _names(self, shape: Shape) -> list[str]:
        return [f"{s.home}/{s.name}" for s in self._board.groups[shape].specs]
