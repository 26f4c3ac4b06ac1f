"""The rounds: the detectors over whole homes, fed with what was heard and asked once a minute.

Takes the events that the board has folded and the minute that has passed; gives concerns with the names of
home, room and sensor. Thermal frames are the lookout's business. Never loops over homes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import cached_property
from itertools import accumulate
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from alerting.concern import Concern, Kind
from detectors import ambient, appliance, bodytemp, inactivity, keep, noticed, position, trends
from detectors.camerahealth import SEEN
from detectors.fall import Posture, Seen
from detectors.fallstate import FallState
from detectors.fault import Cause
from detectors.finding import Finding
from detectors.frame import Frames
from detectors.inactivitystate import HAS_DOOR
from detectors.layout import NOWHERE, Events, Moment, Rows
from detectors.params import Params
from detectors.positionstate import LOOKED, SAW
from detectors.undo import Undo, span
from guardian.bench import Bench, Part
from guardian.board import Board, Group
from guardian.doorstep import Doorstep
from guardian.health import HealthWatch, Rooms
from guardian.moved import Moved
from guardian.plan import must_be_watched
from guardian.slab import matching

MINUTE_MS: Final = 60_000
OF_ALL: Final = "of_all_homes"
"""In the evidence of a `blind` that is about no home of its own."""
TOLD: Final = (Part.HEALTH, Part.SILENCE, Part.CLIMATE)
"""Parts without which a danger goes unnoticed (protection.py): staff are told when one of them is off."""


def moment_at(now_ms: int, zone: tzinfo) -> Moment:
    """Give what the detectors know of a moment in homes of this time zone."""
    local = datetime.fromtimestamp(now_ms / 1000, zone)
    return Moment(now_ms, local.hour * 60 + local.minute, local.weekday(), local.toordinal())


def surely_away(
    params: Params,
    where: position.PositionState,
    last: noticed.NoticedState,
    away_ms: NDArray[np.int64],
    now_ms: int,
) -> NDArray[np.bool_]:
    """(H,) by the calendar nobody is expected, and nothing speaks against it: the last sign was somebody
    who left; without a contact at the way out, there has been none.

    away_ms: (H,) since when nobody is expected; NEVER: somebody is.
    """
    home = np.flatnonzero(away_ms != position.NEVER)
    gone = position.gone(params.position, where, home, now_ms)
    unheard = last.life_ms[home] < away_ms[home]
    out = np.zeros(len(away_ms), np.bool_)
    out[home] = np.where(last.has[home, HAS_DOOR], gone, unheard)
    return out


@dataclass(slots=True)
class _Now:
    """What the rounds know of the running process."""

    away_ms: keep.PassingHome[np.int64]
    """(H,) since when nobody is expected, by the calendar."""
    minute: keep.PassingInt = -1
    """Minutes since 1970; the detectors were asked in it."""


class Rounds:
    """The detectors over the homes of one board."""

    def __init__(
        self,
        board: Board,
        params: Params,
        timezone: str,
        rooms: Rooms | None = None,
        bench: Bench | None = None,
    ) -> None:
        self._bench = bench or Bench(board.camera_names)
        self._board = board
        self._params = params
        self._zone = ZoneInfo(timezone)
        self._now = _Now(np.full(board.layout.homes, position.NEVER, np.int64))
        self._noticed = noticed.fresh(board.layout)
        self._silence = inactivity.fresh(board.layout.homes)
        self._bodytemp = bodytemp.fresh(board.layout)
        self._trends = trends.fresh(board.layout)
        self.health = HealthWatch(board, params.sensorhealth, rooms or {}, self._bench)
        """Which sensors can be relied on, and what could be detected right now."""
        self._position = position.fresh(params.position, board.layout)
        board.locate(params.position, self._position)
        self.doorstep = Doorstep(board.homes, board.layout, params.position, self._position)
        """Who has come in."""
        watched = np.array([must_be_watched(name) for _, name in board.sensor_names], np.bool_)
        self._ambient = ambient.fresh(board.layout)
        self._appliance = appliance.fresh(board.layout, watched)
        sizes = [0, *(len(g.specs) for g in board.groups.values())]
        self._first_camera = dict(zip(board.groups, accumulate(sizes), strict=False))

    @property
    def _states(self) -> Mapping[str, Any]:
        return {
            "noticed": self._noticed,
            "inactivity": self._silence,
            "bodytemp": self._bodytemp,
            "trends": self._trends,
            "position": self._position,
            "ambient": self._ambient,
            "appliance": self._appliance,
            "doorstep": self.doorstep.state,
            "now": self._now,
            **self.health.states,
        }

    def go(self, now_ms: int) -> list[Concern]:
        """Take what was heard up to `now_ms`; once a minute ask every detector. Give what they found.

        A part that fails is off for a time; the others go on.
        """
        heard = self._board.take_heard()
        params, layout, moment = self._params, self._board.layout, moment_at(now_ms, self._zone)
        new_minute = now_ms // MINUTE_MS > self._now.minute
        run = self._bench.run
        if new_minute:
            self._bench.parts.release(now_ms)
            deaf = self.health.now.home_blind_to_silence
            run(Part.HABITS, now_ms, trends.step, params.trends, self._trends, moment, deaf)
        run(Part.SILENCE, now_ms, noticed.hear, self._noticed, layout, heard)
        run(Part.BODY, now_ms, bodytemp.hear, self._bodytemp, layout, heard)
        run(Part.HABITS, now_ms, trends.hear, self._trends, layout, heard, moment)
        where = params.position, self._position
        run(Part.POSITION, now_ms, position.step, *where, heard, now_ms, moment.minute)
        run(Part.HEALTH, now_ms, self._judge_ears, heard, now_ms)
        run(Part.ARRIVALS, now_ms, self.doorstep.hear, heard)
        findings = [
            *(run(Part.CLIMATE, now_ms, ambient.step, params.ambient, self._ambient, heard, now_ms) or ()),
            *(
                run(Part.APPLIANCES, now_ms, appliance.step, params.appliance, self._appliance, heard, now_ms)
                or ()
            ),
        ]
        concerns = [self._concern(f) for f in findings]
        if new_minute:
            self._now.minute = now_ms // MINUTE_MS
            concerns += self._each_minute(moment)
        return concerns

    def _judge_ears(self, heard: Events, now_ms: int) -> None:
        self.health.hear(heard)
        self._board.mute(self.health.chattering(now_ms))

    def _each_minute(self, moment: Moment) -> list[Concern]:
        params, layout, run, now_ms = self._params, self._board.layout, self._bench.run, moment.now_ms
        findings = run(Part.HEALTH, now_ms, self.health.minute, moment)
        if findings is None:
            self.health.protection.lost(now_ms)
        concerns = [self._concern(f) for f in findings or ()]
        silences = run(Part.SILENCE, now_ms, self._silences, moment)
        if silences is not None:
            concerns += [self._concern(f) for f in silences[0]]
            concerns += [self._moved(home, now_ms) for home in silences[1].tolist()]
        body = run(
            Part.BODY,
            now_ms,
            bodytemp.step,
            params.bodytemp,
            params.fall.core_c,
            self._bodytemp,
            layout,
            moment,
        )
        concerns += [self._concern(f) for f in body or ()]
        self._bench.cameras.release(now_ms)
        return concerns + self._told(now_ms)

    def _told(self, now_ms: int) -> list[Concern]:
        """Say once that a danger cannot be detected in any home; the first home carries it."""
        homes, off = self._board.layout.homes, self._bench.off(*TOLD)
        news, self._bench.told = off and not self._bench.told, off
        if not (news and homes):
            return []
        evidence = {"cause": float(Cause.BENCHED), "homes_dark": float(homes), OF_ALL: 1.0}
        return [Concern(self._board.homes[0], Kind.BLIND, now_ms, now_ms, confidence=1.0, evidence=evidence)]

    def _silences(self, moment: Moment) -> tuple[list[Finding], Rows]:
        """Who is too silent, and the homes in which somebody who was asked has moved."""
        params, lost = self._params, self._bench.off(Part.POSITION)
        none = noticed.none(self._board.layout.homes)
        guest = none if lost else position.visited(params.position, self._position, moment.now_ms)
        bathroom = none if lost else position.in_bathroom(self._position)
        away = (
            none
            if lost
            else surely_away(params, self._position, self._noticed, self._now.away_ms, moment.now_ms)
        )
        blind = self.health.now.home_blind_to_silence
        minute = noticed.minute(self._noticed, bathroom=bathroom, blind=blind, away=away, guest=guest)
        return inactivity.step(params.inactivity, self._silence, minute, moment)

    def see(  # noqa: PLR0917  (called once, in the lookout)
        self, group: Group, eyes: FallState, frames: Frames, seen: Seen, now_ms: int, undo: Undo
    ) -> None:
        """Take what one batch of a group's frames showed, before the next look of that group.

        undo: keeps what is written here, and what the board writes to where everybody is.
        """
        first, layout = self._first_camera[group.rows, group.cols], self._board.layout
        camera = first + frames.sensor
        rows = span(camera)
        upright = seen.posture == Posture.UPRIGHT
        undo.keep_all(self._noticed, ("life_ms", "door"), layout.camera_home[camera[upright]])
        undo.keep_all(self.health.state.cameras, SEEN, rows)
        undo.keep_all(self._position, LOOKED, rows)
        undo.keep_all(self._position, SAW, camera[seen.people > 0])
        noticed.see(self._noticed, layout, camera[upright], now_ms)
        bodytemp.glance(self._params.bodytemp, self._params.fall, self._bodytemp, first, eyes, seen, undo)
        self.health.see(group, frames.sensor, frames.t_ms, seen)

    def renew(self, camera: int, fresh: "Rounds") -> None:
        """Let one camera begin anew, as the only one of `fresh`; its home keeps what it has learnt."""
        for mine, its in zip(self._states.values(), fresh._states.values(), strict=True):  # noqa: SLF001  (same class)
            keep.renew(mine, its, keep.CAMERA, camera)
        self.health.state.cameras.boots_read[camera] = self._board.camera_boots[camera]  # these were told

    def expect(self, away: Mapping[str, int]) -> None:
        """Take since when (ms since 1970) nobody is expected in which homes; others are expected."""
        self._now.away_ms[:] = [away.get(home, position.NEVER) for home in self._board.homes]

    def alibis(self, group: Group, sensor: Rows, now_ms: int) -> NDArray[np.int64]:
        """(N,) for sensors of a group, the latest onset of a fall that the one resident has an alibi for."""
        if self._bench.off(Part.POSITION):  # what was known may be over
            return np.full(len(sensor), position.NEVER, np.int64)
        first = self._first_camera[group.rows, group.cols]
        return position.alibis(self._params.position, self._position, first + sensor, now_ms)

    def changes(self) -> list[trends.Change]:
        """Give the habits that have shifted over weeks, for the report."""
        return trends.changes(self._params.trends, self._trends)

    def _moved(self, home: int, now_ms: int) -> Concern:
        """Somebody who was asked has moved: the home's own word that all is well."""
        return Concern(
            home=self._board.homes[home],
            kind=Kind.CANCEL,
            onset_ms=now_ms,
            decided_ms=now_ms,
            confidence=1.0,
        )

    @property
    def days_learnt(self) -> NDArray[np.float32]:
        """(H,) for how many days the habits of each home have been watched."""
        return self._silence.days

    def body_trend(self, now_ms: int) -> bodytemp.Trend:
        """Give the body-surface trend of every home with its error, or why there is none."""
        return bodytemp.trend(self._params.bodytemp, self._bodytemp, self._board.layout, now_ms)

    def notice(self, camera: Rows, t_ms: NDArray[np.int64], undo: Undo) -> None:
        """Take that these cameras (N,), rows of the layout, saw somebody at `t_ms` (N,)."""
        appliance.notice(self._appliance, self._board.layout.camera_room[camera], t_ms, undo)

    def looked(self, camera: Rows, t_ms: NDArray[np.int64], undo: Undo) -> None:
        """Take that these cameras (N,), rows of the layout, have looked at `t_ms` (N,)."""
        appliance.look(self._appliance, self._board.layout.camera_room[camera], t_ms, undo)

    def alone_ms(self, camera: Rows) -> NDArray[np.int64]:
        """(N,) since when nobody is in the rooms of these cameras; negative = nobody ever was noticed."""
        room = self._board.layout.camera_room[camera]
        return appliance.alone_ms(self._params.appliance, self._appliance, room)

    def _concern(self, finding: Finding) -> Concern:
        board = self._board
        return Concern(
            home=board.homes[finding.row],
            kind=Kind(finding.kind.value),
            onset_ms=finding.onset_ms,
            decided_ms=finding.decided_ms,
            confidence=finding.confidence,
            room=board.room_names[finding.room][1] if finding.room >= 0 else None,
            sensor=self._device(finding),
            evidence=dict(finding.evidence),
        )

    def _device(self, finding: Finding) -> str | None:
        if finding.sensor >= 0:
            return self._board.sensor_names[finding.sensor][1]
        return self._board.camera_names[finding.camera][1] if finding.camera >= 0 else None

    # --- restarts -----------------------------------------------------------------------------------

    def snapshot(self, *, passing: bool = False, live: bool = False) -> dict[str, NDArray[Any]]:
        """Give all that the detectors remember, with the names of what their rows stand for."""
        out: dict[str, NDArray[Any]] = dict(self._written_names)
        for part, state in self._states.items():
            kept = keep.snapshot(state, passing=passing, live=live)
            out |= {f"{part}.{name}": array for name, array in kept.items()}
        return out

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> list[str]:
        """Take back a snapshot by the names of homes, rooms and sensors; give what does not fit."""
        match = {}
        for axis, names in self._names().items():
            match[axis] = matching(names, arrays.get(f"names.{axis}", np.zeros(0, np.str_)).tolist())
        if f"names.{keep.ROOM}" in arrays:
            arrays = self._rooms_of_now(arrays, match)
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

    def _rooms_of_now(
        self, arrays: Mapping[str, NDArray[Any]], match: Mapping[str, keep.Match]
    ) -> Mapping[str, NDArray[Any]]:
        """Put this roster's rooms in the place of that one's, where a home's memory names a room."""
        then = arrays[f"names.{keep.ROOM}"]
        if np.array_equal(then, self._written_names[f"names.{keep.ROOM}"]):
            return arrays
        homes = {home: row for row, home in enumerate(arrays[f"names.{keep.HOME}"].tolist())}
        home_then = np.array([homes[name.partition("/")[0]] for name in then.tolist()], np.intp)
        moved = Moved.of(home_then, len(homes), self._board.layout, match)
        out = dict(arrays)
        for name in ("position.moved_room", "appliance.place"):
            if name in out:
                out[name] = moved.places(out[name])
        if "position.moved_ms" in out:
            nowhere = out["position.moved_room"] == NOWHERE
            out["position.moved_ms"] = np.where(nowhere, position.NEVER, out["position.moved_ms"])
        if "trends.room" in out:
            out["trends.room"] = moved.rooms(out["trends.room"])
        for name in ("camerahealth.asked", "camerahealth.answered"):  # its columns are a home's rooms
            if name in out:
                homes_of = [homes.get(n.partition("/")[0], -1) for n in arrays["names.camera"].tolist()]
                out[name] = np.where(moved.other[homes_of][:, None], np.float32(0), out[name])
        return out

    @cached_property
    def _written_names(self) -> Mapping[str, NDArray[np.str_]]:
        return {f"names.{axis}": np.array(names, np.str_) for axis, names in self._names().items()}

    def _names(self) -> Mapping[str, Sequence[str]]:
        board = self._board
        return {
            keep.HOME: board.homes,
            keep.ROOM: ["/".join(n) for n in board.room_names],
            keep.SENSOR: ["/".join(n) for n in board.sensor_names],
            keep.CAMERA: ["/".join(n) for n in board.camera_names],
        }
