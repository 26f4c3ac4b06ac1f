"""What homes told the detector of silence, minute by minute: played once, looked at as often as one likes.

Takes simulated homes with event sensors; plays them through the real board, the position filter, the health
of sensors and the calendar, as the daemon's rounds do; gives the minutes, a byte for each minute of a home.
Never runs the detector of silence.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from detectors import noticed, position
from detectors.inactivitystate import Bools, Minute
from detectors.layout import Moment
from detectors.params import Params
from guardian.bench import Bench
from guardian.board import Board
from guardian.health import HealthWatch
from guardian.rounds import moment_at, surely_away
from simulator.evaluate import expected
from simulator.feed import of_homes
from simulator.home import Home
from simulator.world import TIMEZONE

MINUTE_MS: Final = 60_000
U8 = NDArray[np.uint8]
LIFE, DOOR, BATHROOM, BLIND, AWAY, GUEST = (np.uint8(1 << k) for k in range(6))
"""Bits of a told minute; the two highest hold what the bed says, plus one."""
BED: Final = 6


@dataclass(frozen=True, slots=True)
class Heard:
    """T minutes of H homes. A proof of life counts as given when its minute ended."""

    homes: tuple[str, ...]
    start_ms: int
    """When the first minute began, ms since 1970."""
    has: Bools
    """(H, 3) columns as of `Minute`."""
    told: U8
    """(T, H)"""

    def moment(self, t: int) -> Moment:
        """Give the end of minute `t`, which may be after the last one."""
        return moment_at(self.start_ms + (t + 1) * MINUTE_MS, ZoneInfo(TIMEZONE))

    def minute(self, t: int) -> Minute:
        """Give what minute `t` brought."""
        return minute_of(self.told[t], self.has, self.start_ms + (t + 1) * MINUTE_MS)

    def __iter__(self) -> Iterator[tuple[Minute, Moment]]:
        """Give the minutes one after the other."""
        return ((self.minute(t), self.moment(t)) for t in range(len(self.told)))


def minute_of(told: U8, has: Bools, now_ms: int) -> Minute:
    """Unpack one minute (H,) of some homes."""
    return Minute(
        life=(told & LIFE) > 0,
        door=(told & DOOR) > 0,
        bathroom=(told & BATHROOM) > 0,
        life_ms=np.full(len(told), now_ms, np.int64),
        bed=(told >> np.uint8(BED)).astype(np.int8) - np.int8(1),
        blind=(told & BLIND) > 0,
        away=(told & AWAY) > 0,
        guest=(told & GUEST) > 0,
        has=has,
    )


def _byte_of(minute: Minute) -> U8:
    out: U8 = np.left_shift((minute.bed + 1).astype(np.uint8), np.uint8(BED))
    for bit, has in (
        (LIFE, minute.life),
        (DOOR, minute.door),
        (BATHROOM, minute.bathroom),
        (BLIND, minute.blind),
        (AWAY, minute.away),
        (GUEST, minute.guest),
    ):
        out |= bit * has
    return out


def joined(parts: Sequence[Heard]) -> Heard:
    """Set homes that were played apart side by side. ValueError when their times differ."""
    first = parts[0]
    if any((p.start_ms, len(p.told)) != (first.start_ms, len(first.told)) for p in parts):
        raise ValueError("homes that were heard at other times")
    return Heard(
        tuple(home for p in parts for home in p.homes),
        first.start_ms,
        np.concatenate([p.has for p in parts]),
        np.concatenate([p.told for p in parts], axis=1),
    )


def listen(
    params: Params,
    homes: Sequence[Home],
    *,
    watched: bool = True,
    tell: Callable[[float], object] = lambda _share: None,
) -> Heard:
    """Play the homes, which begin and end together; `tell` hears what share is done.

    watched: with the health of sensors, visitors and the calendar. Otherwise as if all sensors were well,
    nobody visited, and nobody had been told of anything.
    """
    feed = of_homes(homes)
    board = Board(feed.site, feed.specs)
    last, where = noticed.fresh(board.layout), position.fresh(params.position, board.layout)
    health = HealthWatch(board, params.sensorhealth, {}, Bench(board.camera_names))
    zone, nobody = ZoneInfo(TIMEZONE), noticed.none(len(homes))
    start_ms = homes[0].ms(homes[0].begin_s)
    end_ms = max(home.ms(home.duration_s) for home in homes)
    now_ms = start_ms
    told: list[U8] = []
    for block in feed.blocks():
        since = expected(feed.absences, block.until_ms) if watched else {}
        away_ms = np.array([since.get(home, position.NEVER) for home in board.homes], np.int64)
        waiting = iter(block.messages)
        message = next(waiting, None)
        for until_ms in range(now_ms + MINUTE_MS, block.until_ms + 1, MINUTE_MS):
            while message is not None and message[0] < until_ms:
                board.event(message[1], message[2], message[0])
                message = next(waiting, None)
            board.fold(board.take_events(until_ms))
            events, moment = board.take_heard(), moment_at(until_ms, zone)
            noticed.hear(last, board.layout, events)
            position.step(params.position, where, events, until_ms, moment.minute)
            blind = away = guest = nobody
            if watched:
                health.hear(events)
                board.mute(health.chattering(until_ms))
                health.minute(moment)
                blind = health.now.home_blind_to_silence
                guest = position.visited(params.position, where, until_ms)
                away = surely_away(params, where, last, away_ms, until_ms)
            bathroom = position.in_bathroom(where)
            minute = noticed.minute(last, bathroom=bathroom, blind=blind, away=away, guest=guest)
            told.append(_byte_of(minute))
            now_ms = until_ms
        tell((block.until_ms - start_ms) / (end_ms - start_ms))
    return Heard(tuple(board.homes), start_ms, last.has, np.stack(told))
