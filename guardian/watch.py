"""The beat: one `now`; board → detectors → concerns → one transaction → acknowledgements.

Takes readings from the board, gives concerns to triage. What devices sent is acknowledged to them
only after the transaction that holds it is committed. Never loops over homes, never waits for the
broker, the provider or the history.
"""

import asyncio
import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import structlog

from alerting import arrival, triage
from alerting.concern import Concern, Kind
from alerting.duty import Duty
from alerting.incident import Incident
from alerting.ledger import (
    Ledger,
    LedgerError,
    Tx,
    beats_since,
    go_on_after,
    last_beat,
    save_beat,
)
from alerting.policy import Policy
from guardian import snapshot, standing
from guardian.board import Board, Reading, decode_events, encode_events
from guardian.clock import Clock, ReplayClock
from guardian.link import AckMark
from guardian.lookout import Lookout
from guardian.outward import Acks, Voice
from guardian.saving import Saving

BEAT_MS: Final = 200  # DESIGN section 5
REST_MS: Final = 50
"""Between two beats at the least, for the link: 50 ms take 15,000 frames off the broker. Without it a daemon
that is behind looked at frames 40 s old: the broker keeps the oldest, and the slab, which keeps the newest,
got none.
"""
END_S: Final = 5.0  # systemd gives a stop 20 s; ten thousand homes are written in 2 on a busy machine
OVERDUE_LOOK_MS: Final = 1_000  # how often open suspicions, areas and silences are looked at
ARRIVALS_LOOK_MS: Final = 1_000  # how often homes to which somebody is on the way are
SIGHT_LOOK_MS: Final = 5_000  # how often homes that are waited for are; health is judged each minute
MOST_WAITING: Final = 15_000
"""Events that the broker is left without an acknowledgement for while the ledger is in memory alone: below
the link's PAUSE_AT, a quarter of its window."""
REPLAY_PATIENCE_S: Final = 5.0  # how long a replay's beat waits for readings that were announced

CRASH_POINTS: Final = ("taken", "committed")
"""Where a test kills the daemon: events taken but not committed, committed but not acknowledged."""

log = structlog.get_logger("watch")


@dataclass(frozen=True, slots=True)
class Noticed:
    """What one beat came to."""

    concerns: Sequence[Concern]
    incidents: Sequence[Incident]


class ReplayBeat(msgspec.Struct):
    """`guardian/replay/beat`: time of the trace and what was sent since the last one."""

    t: int
    frames: int
    events: int


_Next = tuple[Board, Lookout, Callable[[Board], None], asyncio.Future[int]]


class Watch:
    """The loop that owns the beat."""

    def __init__(
        self,
        *,
        board: Board,
        lookout: Lookout,
        ledger: Ledger,
        duty: Callable[[], Duty],
        policy: Policy,
        clock: Clock,
        acks: Acks,
        voice: Voice,
        state_directory: Path | None,
        on_noticed: Callable[[Noticed], None],
        on_beat: Callable[[int], None] = lambda _now_ms: None,
        on_heard: Callable[[Sequence[Reading]], None] = lambda _readings: None,
        crash_point: Callable[[str], None] = lambda _name: None,
    ) -> None:
        self._board = board
        self._lookout = lookout
        self._ledger = ledger
        self._duty = duty
        self._policy = policy
        self._clock = clock
        self._acks = acks
        self._voice = voice
        self._directory = state_directory
        self._on_noticed = on_noticed
        self._on_beat = on_beat
        self._on_heard = on_heard
        self._crash_point = crash_point
        self._last_row = 0
        self._acked = AckMark(0, 0)
        self._overdue_due_ms = self._sight_due_ms = self._arrivals_due_ms = 0
        self.saving = Saving(state_directory, ledger)
        self._turn = asyncio.Lock()  # held by a beat, and at last by `end`
        self._whole = True  # the last beat has come to its end
        self._replay_beats: asyncio.Queue[bytes] = asyncio.Queue()
        self._next: _Next | None = None

    @property
    def board(self) -> Board:
        """The board as of now; ask again, for another one may take its place."""
        return self._board

    @property
    def lookout(self) -> Lookout:
        """The lookout as of now."""
        return self._lookout

    async def exchange(self, board: Board, lookout: Lookout, hand_over: Callable[[Board], None]) -> int:
        """Let another board and its lookout, both fresh, go on from these in the middle of the next beat.

        hand_over: makes what comes from then on go to that board. Gives how long the beat stood still for it,
        in ms. Whatever is wrong with them is raised here, and the old ones go on.
        """
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        asked = self._next = board, lookout, hand_over, done
        try:
            return await done
        finally:
            if self._next is asked:  # nobody waits for it any more
                self._next = None

    def _exchange(self) -> None:
        """Nothing may wait in here. What has come since the beat began lies on the old board, and moves."""
        if self._next is None:
            return
        (board, lookout, hand_over, done), self._next = self._next, None
        begun_ms = self._clock.now_ms()
        try:
            lookout.follow(self._lookout)
        except Exception as e:  # noqa: BLE001  # whatever it is, whoever asked is told and nothing has changed
            if not done.done():
                done.set_exception(e)
            return
        old, self._board, self._lookout = self._board, board, lookout
        hand_over(board)
        old.devices.end()
        self.saving.due_ms = begun_ms  # what has left the roster must not come back from an older one
        if not done.done():
            done.set_result(self._clock.now_ms() - begun_ms)

    async def restore(self) -> None:
        """Take the newest good snapshot and play the beats committed since.

        Where the ledger stands in the place of a damaged one, the snapshot is the newer: what was open when
        it was written, and is not, is opened again.
        """
        found = snapshot.newest(self._directory) if self._directory else None
        newer = snapshot.part_after(self._directory, found) if self._directory and found else None
        lost = self._ledger.restored is not None
        if found and not lost and found.beat > await self._ledger.transact(last_beat):
            log.warning("the snapshot belongs to another ledger and is not used", beat=found.beat)
            found = newer = None
        if found:
            self._last_row = found.beat
            for part in found.lost:
                log.error("a part of the snapshot is damaged and is learnt anew", part=part)
            try:
                self._lookout.restore(found.arrays, found.lost)
                if newer is not None:
                    self._lookout.restore_part(newer.arrays)
            except (KeyError, ValueError) as e:  # of another version: what it held is learnt anew
                log.warning("the snapshot does not fit this version", why=str(e))
        rows = await self._ledger.transact(lambda tx: beats_since(tx, self._last_row))
        for row, _t_ms, blob in rows:
            try:
                self._board.fold(decode_events(blob))
            except (msgspec.MsgspecError, zlib.error):  # what it led to was committed with it
                log.exception("a beat cannot be read and is set aside", row=row)
            self._last_row = row
        self.saving.begin(self._lookout, self._clock.now_ms())
        if self._ledger.restored and self._board.homes:
            await self._open_again(newer or found, self._ledger.restored.upto_ms or 0)
        log.info("restored", snapshot=found is not None, beats_since=len(rows))

    async def _open_again(self, found: snapshot.Snapshot | None, upto_ms: int) -> None:
        stood, homes = standing.read(found), set(self._board.homes)
        known = [c for c in stood.concerns if c.home in homes]
        now_ms, duty = self._clock.now_ms(), self._duty()

        def work(tx: Tx) -> Sequence[Incident]:
            triage.close_lost(tx, stood, upto_ms, now_ms)
            go_on_after(tx, max(self._last_row, found.beat if found else 0))
            return triage.take_again(tx, known, duty, self._policy, now_ms)

        again = await self._ledger.transact(work)
        log.warning("what was open is open again", incidents=len(again), of=len(known))

    async def run(self) -> None:
        """Beat for ever, every BEAT_MS; a beat that took too long is followed by the next after REST_MS."""
        never = asyncio.Event()
        due_ms = self._clock.now_ms()
        while True:
            now_ms = self._clock.now_ms()
            await self.beat(now_ms)
            self._on_beat(now_ms)
            due_ms = max(due_ms + BEAT_MS, self._clock.now_ms() + REST_MS)
            await self._clock.wait(never, due_ms)

    async def beat(self, now_ms: int) -> Noticed:
        """Take what has come in, look, commit, then acknowledge and speak."""
        async with self._turn:
            self._whole = False
            noticed = await self._beat(now_ms)
            self._whole = True
            return noticed

    async def end(self) -> None:
        """Let the beat in hand be the last one, and have what it has left written; given up after END_S.

        A beat that is not over by then, or has failed, has taken what is not committed: nothing is written.
        """
        try:
            async with asyncio.timeout(END_S):
                await self._turn.acquire()  # for good
                if self._whole:
                    await self.saving.last(self._lookout, self._last_row, self._clock.now_ms())
        except (TimeoutError, LedgerError):
            log.warning("no snapshot was written at the end: the one before counts")

    async def _beat(self, now_ms: int) -> Noticed:
        mark = self._acks.unacked()
        readings = self._board.take_events(now_ms)
        fresh = self._board.fold(readings)
        concerns = self._lookout.listen(fresh, now_ms)
        for found in self._lookout.look(now_ms):
            concerns += found
            await asyncio.sleep(0)  # the link reads on between two chunks
        each = self._lookout.spread(concerns)
        self._exchange()
        incidents: Sequence[Incident] = ()
        if readings or concerns:
            self._crash_point("taken")
            duty = self._duty()
            incidents = await self._ledger.transact(lambda tx: self._commit(tx, readings, each, duty, now_ms))
            self._crash_point("committed")
        self._acknowledge(mark, readings)
        self._on_heard(fresh)
        suspected = {c.home for c in concerns if c.kind is Kind.FALL_SUSPECTED}
        silent = {c.home for c in concerns if c.kind is Kind.INACTIVITY_PROMPT}
        for incident in incidents:
            asked = incident.home in silent and incident.kind is Kind.INACTIVITY_PROMPT
            if asked or (incident.home in suspected and incident.severity is None):
                self._voice.prompt(incident.home, incident.kind, incident.id, now_ms)
        incidents = [*incidents, *await self._overdue(now_ms), *await self._in_sight(now_ms)]
        incidents += await self._arrivals(now_ms)
        noticed = Noticed(concerns, incidents)
        if concerns or incidents:
            self._on_noticed(noticed)
            self.saving.remember(concerns)
        await self.saving.attend(self._lookout, self._last_row, now_ms)
        return noticed

    def _acknowledge(self, mark: AckMark, readings: Sequence[Reading]) -> None:
        """Tell the broker and the devices what is on the disk; what is in memory alone they keep.

        Devices that repeat do so until it is. The broker's window is finite, so that it gets its
        acknowledgements from MOST_WAITING on all the same: new events matter more than old ones twice.
        """
        if self._ledger.on_memory is not None:
            waiting = mark.count - (self._acked.count if mark.connection == self._acked.connection else 0)
            if waiting <= MOST_WAITING:
                return
            readings = ()
        self._acks.acknowledge(mark)
        self._acked = mark
        for r in readings:
            if r.id is not None:
                self._voice.ack(r.home, r.sensor, r.id)

    async def _overdue(self, now_ms: int) -> Sequence[Incident]:
        """Once a second: what time alone brings, such as suspicions that nobody has cleared or confirmed."""
        if now_ms < self._overdue_due_ms:
            return ()
        self._overdue_due_ms = now_ms + OVERDUE_LOOK_MS
        duty = self._duty()
        return await self._ledger.transact(lambda tx: triage.overdue(tx, duty, self._policy, now_ms))

    async def _arrivals(self, now_ms: int) -> Sequence[Incident]:
        """Once a second: whether whoever is on the way has come in, as doors and bodies tell."""
        if now_ms < self._arrivals_due_ms:
            return ()
        self._arrivals_due_ms = now_ms + ARRIVALS_LOOK_MS
        duty = self._duty()
        awaited = await self._ledger.transact(lambda tx: arrival.awaited(tx, duty, self._policy, now_ms))
        seen = self._lookout.arrivals(awaited, self._policy, now_ms)
        if not seen:
            return ()
        return await self._ledger.transact(lambda tx: arrival.take(tx, seen, self._policy, now_ms))

    async def _in_sight(self, now_ms: int) -> Sequence[Incident]:
        """Tell triage which of the homes that it waits for are in sight again."""
        if now_ms < self._sight_due_ms:
            return ()
        self._sight_due_ms = now_ms + SIGHT_LOOK_MS
        dark = await self._ledger.transact(triage.awaited)
        seen = self._lookout.in_sight(dark, now_ms) if dark else []
        if not seen:
            return ()
        duty = self._duty()
        return await self._ledger.transact(lambda tx: triage.take(tx, seen, duty, self._policy, now_ms))

    def _commit(
        self, tx: Tx, readings: Sequence[Reading], concerns: Sequence[Concern], duty: Duty, now_ms: int
    ) -> Sequence[Incident]:
        if readings:
            self._last_row = save_beat(tx, now_ms, encode_events(readings))
        return triage.take(tx, concerns, duty, self._policy, now_ms)

    # --- replays ---------------------------------------------------------------------------------

    def replay_beat(self, payload: bytes) -> None:
        """Take one `guardian/replay/beat` from the link."""
        self._replay_beats.put_nowait(payload)

    async def run_replay(self, clock: ReplayClock) -> None:
        """Beat when the replay says so and what it announced has arrived; answer each beat.

        A beat whose readings do not all come within REPLAY_PATIENCE_S runs without them, and the
        answer counts them.
        """
        frames = events = 0
        while True:
            try:
                asked = msgspec.json.decode(await self._replay_beats.get(), type=ReplayBeat)
            except msgspec.MsgspecError:
                log.warning("replay beat rejected")
                continue
            frames += asked.frames
            events += asked.events
            try:
                async with asyncio.timeout(REPLAY_PATIENCE_S):
                    await self._board.received(frames, events)
            except TimeoutError:
                log.warning("replay beat is short of readings", t_ms=asked.t)
            lost_frames = max(0, frames - self._board.received_frames)
            lost_events = max(0, events - self._board.received_events)
            frames, events = frames - lost_frames, events - lost_events
            await clock.move(asked.t)
            noticed = await self.beat(asked.t)
            self._on_beat(asked.t)
            found = [
                {"home": c.home, "kind": c.kind, "onset": c.onset_ms, "decided": c.decided_ms}
                for c in noticed.concerns
            ]
            answer = {"t": asked.t, "missing": lost_frames + lost_events, "findings": found}
            self._voice.replay_done(json.dumps(answer).encode())
