"""The rounds: the detectors over whole homes, fed with what was heard and asked once a minute.

Takes the events that the board has folded and the minute that has passed; gives concerns with the names of
home, room and sensor. Thermal frames are the lookout's business. Never loops over homes.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from alerting.concern import Concern, Kind
from detectors import keep, position
from detectors.finding import Finding
from detectors.layout import Moment
from detectors.params import Params
from guardian.board import Board

MINUTE_MS: Final = 60_000


class Rounds:
    """The detectors over the homes of one board."""

    def __init__(self, board: Board, params: Params, timezone: str) -> None:
        self._board = board
        self._params = params
        self._zone = ZoneInfo(timezone)
        self._minute = -1
        self._position = position.fresh(params.position, board.layout)
        board.locate(params.position, self._position)
        self._states: Mapping[str, Any] = {"position": self._position}

    def go(self, now_ms: int) -> list[Concern]:
        """Take what was heard up to `now_ms`; once a minute ask every detector. Give what they found."""
        heard = self._board.take_heard()
        moment = self._moment(now_ms)
        position.step(self._params.position, self._position, heard, now_ms, moment.minute)
        findings: list[Finding] = []
        if now_ms // MINUTE_MS > self._minute:
            self._minute = now_ms // MINUTE_MS
            self._moment(now_ms)
        return [self._concern(f) for f in findings]

    def _moment(self, now_ms: int) -> Moment:
        local = datetime.fromtimestamp(now_ms / 1000, self._zone)
        return Moment(now_ms, local.hour * 60 + local.minute, local.weekday(), local.toordinal())

    def _concern(self, finding: Finding) -> Concern:
        board = self._board
        return Concern(
            home=board.homes[finding.row],
            kind=Kind(finding.kind.value),
            onset_ms=finding.onset_ms,
            decided_ms=finding.decided_ms,
            confidence=finding.confidence,
            room=board.room_names[finding.room][1] if finding.room >= 0 else None,
            sensor=board.sensor_names[finding.sensor][1] if finding.sensor >= 0 else None,
            evidence=dict(finding.evidence),
        )

    # --- restarts -----------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Give all that the detectors remember, with the names of what their rows stand for."""
        out = {f"names.{axis}": np.array(names, np.str_) for axis, names in self._names().items()}
        for part, state in self._states.items():
            out |= {f"{part}.{name}": array for name, array in keep.snapshot(state).items()}
        return out

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> list[str]:
        """Take back a snapshot by the names of homes, rooms and sensors; give what does not fit."""
        match = {}
        for axis, names in self._names().items():
            there = {n: i for i, n in enumerate(arrays.get(f"names.{axis}", np.zeros(0, np.str_)).tolist())}
            pairs = [(i, there[n]) for i, n in enumerate(names) if n in there]
            here, found = np.array(pairs, np.intp).reshape(-1, 2).T
            match[axis] = here, found
        wrong = []
        for part, state in self._states.items():
            prefix = f"{part}."
            mine = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
            try:
                if mine:
                    keep.restore(state, mine, match)
            except ValueError as e:
                wrong.append(f"{part}: {e}")
        return wrong

    def _names(self) -> Mapping[str, Sequence[str]]:
        board = self._board
        return {
            keep.HOME: board.homes,
            keep.ROOM: ["/".join(n) for n in board.room_names],
            keep.SENSOR: ["/".join(n) for n in board.sensor_names],
            keep.CAMERA: ["/".join(n) for n in board.camera_names],
        }
