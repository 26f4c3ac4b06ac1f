"""The lookout: what has come in → detectors → concerns. No clock, no disk, no network.

Takes the board's staged readings up to `now`; gives concerns with the names of home, room and sensor.
The same object serves the daemon's beat and a trace that is played straight to it.
"""
# ruff: noqa: SLF001  (`follow` and `_begin_anew` read another object of the same class)

from collections import Counter
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any, Final

import numpy as np
import structlog
from numpy.typing import NDArray

from alerting.arrival import Awaited
from alerting.concern import Concern, Kind
from alerting.policy import Policy
from detectors import fall, position
from detectors.bodystate import Trend
from detectors.fallstate import FallState
from detectors.fault import Cause
from detectors.finding import Finding
from detectors.frame import Frames
from detectors.layout import Rows
from detectors.params import Params
from detectors.undo import Undo
from detectors.zones import Zones, laid_out
from guardian import marks
from guardian.bench import MOST, Bench, Part
from guardian.board import Board, Group, Reading
from guardian.fires import Fires
from guardian.health import HealthWatch
from guardian.preroll import PreRoll
from guardian.protection import Protection
from guardian.rounds import OF_ALL, TOLD, Rounds
from guardian.slab import NEVER, matching

SPOKEN: Final = {
    "button": Kind.SOS,
    "smoke": Kind.SMOKE,
    "gas": Kind.GAS,
    "water": Kind.WATER,
    "cancel": Kind.CANCEL,
    "radar-fall": Kind.FALL_SUSPECTED,
}
"""Events that are a concern by themselves when their value is 1 (DESIGN sections 4 and 5)."""
LATE_MS: Final = 120_000
"""So long on the way, by its device's clock, and an event is marked: an outage kept it. Source: judgement."""

log = structlog.get_logger("lookout")

Furniture = marks.Furniture
"""(home, room) → kind and box of each zone, in the room's coordinates. A room with any zone, whatever its
kind, has known furniture."""


class Lookout:
    """The detectors over one board."""

    def __init__(
        self,
        board: Board,
        params: Params,
        furniture: Furniture | None = None,
        *,
        timezone: str = "Asia/Shanghai",
        benches: bool = False,
    ) -> None:
        """`benches`: an error in a detector benches the sensor at fault, else it is raised."""
        self._board = board
        self._params, self._furniture, self._timezone = params, furniture or {}, timezone
        self.bench = Bench(board.camera_names, strict=not benches)
        """Cameras and parts that are left alone for a time, after an error in a detector."""
        self._marks = marks.written(board.specs, furniture or {})
        zones = {shape: _zones(group, furniture or {}) for shape, group in board.groups.items()}
        self._names = {shape: _names(group) for shape, group in board.groups.items()}
        self._fall = {shape: fall.fresh(group.optics, zones[shape]) for shape, group in board.groups.items()}
        rooms = {shape: state.room for shape, state in self._fall.items()}
        self._rounds = Rounds(board, params, timezone, rooms, self.bench)
        self._fires = Fires(board, params, zones, self._rounds)
        self.preroll = PreRoll(board)
        """What the arrays saw, for people to look at."""
        sizes = [len(group.specs) for group in board.groups.values()]
        self._first = dict(zip(board.groups, accumulate(sizes, initial=0), strict=False))
        self._singled_out: Counter[tuple[int, int]] = (
            Counter()
        )  # cameras found at fault in this beat, by shape
        self._left_out = np.zeros(sum(sizes), np.bool_)  # cameras some of whose frames were not looked at

    def look(self, now_ms: int) -> Iterator[list[Concern]]:
        """Give the concerns of the frames that arrived by `now_ms`, chunk by chunk, then those of the homes.

        Between two chunks the caller may let others run. A chunk in which a detector fails is looked at again
        in halves, so that only the cameras at fault are benched.
        """
        self._singled_out.clear()
        for group, arrived in self._board.batches(now_ms):
            frames = self._fielded(group, arrived)
            if len(frames.sensor):
                yield from self._in_halves(group, frames, now_ms)
        yield self._rounds.go(now_ms)

    def _fielded(self, group: Group, frames: Frames) -> Frames:
        """Leave out cameras that are benched; the first frame after that has no step, as after any gap."""
        if not (self.bench.cameras.any or self._left_out.any()):
            return frames
        camera = self._first[group.rows, group.cols] + frames.sensor
        benched = self.bench.cameras.since_ms[camera] != NEVER
        fielded = frames.part(np.flatnonzero(~benched))
        fielded.dt_s[self._left_out[camera[~benched]]] = np.nan
        self._left_out[camera] = benched
        return fielded

    def _in_halves(self, group: Group, frames: Frames, now_ms: int) -> Iterator[list[Concern]]:
        """Look at a batch; if that fails, put back what it has written, and look at its halves.

        1. What a detector writes is kept first (detectors/undo.py), so that nothing is done twice.
        2. A single camera that fails is benched and begins anew: what it has learnt may be the cause.
        3. After MOST of them in a beat it is not one camera's fault: a batch that fails is benched as it is,
           keeps what it knows, and is tried again with the next minute.
        """
        found = self._found(group, frames, now_ms)
        if isinstance(found, list):
            yield found
            suspected = [c.home for c in found if c.kind is Kind.FALL_SUSPECTED]
            self.bench.run(Part.PICTURES, now_ms, self.preroll.see, group, frames, suspected, now_ms)
            return
        n, camera = len(frames.sensor), self._first[group.rows, group.cols] + frames.sensor
        if n > 1 and self._singled_out[group.rows, group.cols] < MOST:
            for rows in (slice(None, n // 2), slice(n // 2, None)):
                yield from self._in_halves(group, frames.part(rows), now_ms)
            return
        self._singled_out[group.rows, group.cols] += 1
        self.bench.cameras.take(camera, found, now_ms)
        if n == 1:
            self._begin_anew(group, int(frames.sensor[0]))

    def _found(self, group: Group, frames: Frames, now_ms: int) -> list[Concern] | Exception:
        """Look at a batch; give the error if one is raised: then nothing has changed."""
        room = self._fall[group.rows, group.cols].room
        undo = room.scratch.undo = Undo()
        try:
            return self._looked(group, frames, now_ms, undo)
        except Exception as error:
            if self.bench.must_raise(error):
                raise
            undo.back()
            room.scratch.spots = None
            return error
        finally:
            room.scratch.undo = None

    def _looked(self, group: Group, frames: Frames, now_ms: int, undo: Undo) -> list[Concern]:
        state = self._fall[group.rows, group.cols]
        alibi_ms = self._alibis(group, state, frames.sensor, now_ms)
        findings, seen = fall.step(self._params.fall, state, frames, now_ms, alibi_ms)
        self._rounds.see(group, state, frames, seen, now_ms, undo)
        findings += self._fires.look(group, frames, seen, state, now_ms, undo)
        found = [_concern(group, f) for f in findings]
        self._board.see(
            group,
            frames.sensor,
            seen.people,
            seen.posture,
            seen.x_m,
            seen.y_m,
            seen.confidence,
            now_ms,
            seen.degraded,
        )
        return found

    def _begin_anew(self, group: Group, row: int) -> None:
        """Let one camera forget what it has learnt; its home forgets nothing."""
        spec, shape = group.specs[row], (group.rows, group.cols)
        own = {(spec.home, spec.room): self._furniture.get((spec.home, spec.room), ())}
        fresh = Lookout(Board(self._board.site, [spec]), self._params, own, timezone=self._timezone)
        self._fall[shape].renew(row, fresh._fall[shape])
        self._fires.renew(shape, row, fresh._fires)
        self._rounds.renew(self._first[shape] + row, fresh._rounds)

    def _alibis(self, group: Group, state: FallState, sensor: Rows, now_ms: int) -> NDArray[np.int64] | None:
        """Ask for alibis where a fall is suspected; None where none is."""
        suspected = fall.suspects(state, sensor)
        if not suspected.any():
            return None
        out = np.full(len(sensor), position.NEVER, np.int64)
        out[suspected] = self._rounds.alibis(group, sensor[suspected], now_ms)
        return out

    @staticmethod
    def listen(readings: Sequence[Reading], now_ms: int) -> list[Concern]:
        """Give the concerns that events are by themselves: the help button, smoke, gas, water, cancel.

        What was long on the way says so (evidence `late_s`) and counts all the same, for devices' clocks may
        be wrong; but a late `cancel` is left out, for it cannot be about what has been noticed since.
        """
        out = []
        for r in readings:
            if r.kind not in SPOKEN or r.value != 1:
                continue
            late_ms = r.arrival_ms - r.t_ms if r.t_ms > 0 else 0
            late = late_ms > LATE_MS
            if late and r.kind == "cancel":
                log.warning("a late cancel is left out", home=r.home, sensor=r.sensor, late_ms=late_ms)
                continue
            out.append(
                Concern(
                    home=r.home,
                    kind=SPOKEN[r.kind],
                    onset_ms=r.arrival_ms,
                    decided_ms=now_ms,
                    confidence=1.0,
                    room=r.room,
                    sensor=r.sensor,
                    evidence={"late_s": late_ms / 1000} if late else {},
                )
            )
        return out

    def expect(self, away: Mapping[str, int]) -> None:
        """Take since when (ms since 1970) nobody is expected in which homes; others are expected."""
        self._rounds.expect(away)

    def in_sight(self, dark: Mapping[str, int], now_ms: int) -> list[Concern]:
        """Give `in-sight` of each of these homes (→ dark since, ms since 1970) that can be seen again."""
        if self.bench.off(*TOLD):
            return []
        homes = self._rounds.health.in_sight(dark)
        return [Concern(home, Kind.IN_SIGHT, now_ms, now_ms, confidence=1.0) for home in homes]

    def arrivals(self, awaited: Sequence[Awaited], policy: Policy, now_ms: int) -> dict[int, str]:
        """Give the arrivals that doors and bodies show now: incident → what was seen."""
        look = self._rounds.doorstep.look
        return self.bench.run(Part.ARRIVALS, now_ms, look, awaited, policy, now_ms) or {}

    def spread(self, concerns: Sequence[Concern]) -> list[Concern]:
        """Give concerns with one that is about ourselves repeated for each home that it hides."""
        out = []
        for concern in concerns:
            told = concern.evidence
            if concern.kind is Kind.BLIND and (told.get("cause") == Cause.BROKER or OF_ALL in told):
                homes = self._rounds.health.hidden()
                out += [replace(concern, home=home) for home in homes] or [concern]
            else:
                out.append(concern)
        return out

    def body_trend(self, now_ms: int) -> Trend:
        """Give the body-surface trend of every home with its error, or why there is none."""
        return self._rounds.body_trend(now_ms)

    @property
    def health(self) -> HealthWatch:
        """What can be relied on, as of the last minute."""
        return self._rounds.health

    @property
    def days_learnt(self) -> NDArray[np.float32]:
        """(H,) for how many days the habits of each home have been watched."""
        return self._rounds.days_learnt

    def follow(self, old: "Lookout") -> None:
        """Go on at once where another lookout, of another roster or other parameters, has just stopped.

        The other one is not changed. Raises ValueError when a part of what it knows does not fit.
        """
        self.bench.follow(old.bench)
        kept = old.snapshot(passing=True)
        self.restore(kept)
        changed = marks.anew(self._marks, kept)
        self._board.follow(
            old._board, {(s.home, s.name) for s in self._board.specs if f"{s.home}/{s.name}" in changed}
        )
        self.preroll.follow(old.preroll)

    @property
    def protection(self) -> Protection:
        """What could be detected in every home right now."""
        return self._rounds.health.protection

    def snapshot(self, *, passing: bool = False, live: bool = False) -> dict[str, NDArray[Any]]:
        """Give everything learnt: the board's state and each detector's, keyed by part and shape.

        With `live` no copies but the arrays themselves, for use at once; with `passing` also what is of no
        use to another process (detectors/keep.py).
        """
        live = live or passing
        out = {**self._marks} | {f"board.{k}": v for k, v in self._board.snapshot(live=live).items()}
        out |= {f"rounds.{k}": v for k, v in self._rounds.snapshot(passing=passing, live=live).items()}
        out |= {f"fires.{k}": v for k, v in self._fires.snapshot(passing=passing, live=live).items()}
        for (rows, cols), state in self._fall.items():
            out[f"names.{rows}x{cols}"] = self._names[rows, cols]
            out |= {
                f"fall.{rows}x{cols}.{k}": v for k, v in state.snapshot(passing=passing, live=live).items()
            }
        return out

    def part(self, cameras: Collection[str]) -> dict[str, NDArray[Any]]:
        """Give what the fall detectors remember of these cameras (`home/sensor`) alone."""
        out = marks.part(self._marks, cameras)
        for (rows, cols), state in self._fall.items():
            mine, _ = matching(self._names[rows, cols].tolist(), list(cameras))
            kept = {f"fall.{rows}x{cols}.{k}": v for k, v in state.snapshot(live=True).items()}
            times = self._board.groups[rows, cols].snapshot(live=True)
            kept |= {f"board.group.{rows}x{cols}.{k}": v for k, v in times.items()}
            out |= {name: array[mine] for name, array in kept.items()}
            out[f"names.{rows}x{cols}"] = self._names[rows, cols][mine]
        return out

    def restore_part(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take back what `part` has given, over what a snapshot of all has brought.

        Raises ValueError or KeyError where it does not fit, and KeyError where it lacks something.
        """
        arrays = marks.without(arrays, marks.anew(self._marks, arrays))
        for (rows, cols), state in self._fall.items():
            key = f"{rows}x{cols}."
            if f"names.{rows}x{cols}" not in arrays:
                continue
            names = arrays[f"names.{rows}x{cols}"].tolist()
            state.restore(_under(arrays, f"fall.{key}"), matching(self._names[rows, cols].tolist(), names))
            self._board.groups[rows, cols].restore(_under(arrays, f"board.group.{key}"))

    def restore(self, arrays: Mapping[str, NDArray[Any]], lost: Container[str] = ()) -> None:
        """Take back a snapshot by the names of homes, rooms and sensors. What hangs elsewhere begins anew.

        So does a part whose arrays do not fit, and when all others are back, ValueError says which; so does
        what `lost` names (`snapshot.piece_of`), and every sensor when that is what tells how they hung.
        """
        anew = marks.anew(self._marks, arrays, believed="marks" not in lost)
        arrays = marks.without(arrays, anew)
        self._board.restore(_under(arrays, "board."))
        wrong = self._rounds.restore(_under(arrays, "rounds."))
        wrong += self._fires.restore(_under(arrays, "fires."))
        for (rows, cols), state in self._fall.items():
            names = arrays.get(f"names.{rows}x{cols}")
            mine = _under(arrays, f"fall.{rows}x{cols}.")
            try:
                if names is not None:
                    state.restore(mine, matching(self._names[rows, cols].tolist(), names.tolist()))
                    continue
            except ValueError as e:
                wrong.append(f"{rows}x{cols}: {e}")
            self._rounds.health.unlearnt(self._board.groups[rows, cols])
        if wrong:
            raise ValueError("; ".join(wrong))


def _under(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    """Give those whose name begins so, by the rest of it."""
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


def _names(group: Group) -> NDArray[np.str_]:
    return np.array(["/".join(group.name_of(row)[:2]) for row in range(len(group.home_of))], np.str_)


def _zones(group: Group, furniture: Furniture) -> Zones:
    """Lay the furniture out by sensor."""
    return laid_out([furniture.get((s.home, s.room), ()) for s in group.specs])


def _concern(group: Group, finding: Finding) -> Concern:
    home, sensor, room = group.name_of(finding.row)
    return Concern(
        home=home,
        kind=Kind(finding.kind.value),
        onset_ms=finding.onset_ms,
        decided_ms=finding.decided_ms,
        confidence=finding.confidence,
        room=room,
        x=None if np.isnan(finding.x) else float(finding.x),
        y=None if np.isnan(finding.y) else float(finding.y),
        sensor=sensor,
        evidence=dict(finding.evidence),
    )
