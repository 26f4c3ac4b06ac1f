"""All homes as the staff's pages list them, out of the arrays; and what the daemon says about itself."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alerting.ledger import Ledger
from guardian import desk
from guardian.board import Activity, Board, StateOfHomes
from guardian.clock import Clock
from guardian.link import Link
from guardian.protection import Protection
from guardian.watch import Watch


@dataclass(frozen=True, slots=True)
class HomeRow:
    """One home as the board knows it now."""

    home: str
    card: str | None
    room: str | None
    """Where the resident is; None = unknown."""
    activity: str
    """One of the board's activity states, such as `walking` or `lying-in-bed`; `unknown` is one of them."""
    temperature_c: float | None
    """Room temperature; None = no sensor, or silent."""
    last_life_ms: int | None
    """Last proof of life; None = none since the start."""
    blind: bool
    """No valid data now."""
    degraded: bool = False
    """A room is about as warm as a body: a fall there could be missed."""


def sight(state: StateOfHomes, protection: Protection | None) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(H,) homes that are blind, and homes whose sight is poor.

    With `protection` a home without cameras is blind while its silence would not be noticed, and one with
    cameras also while none of them shows a picture of its room.
    """
    blind, degraded = state.people < 0, state.degraded
    if protection is None:
        return blind, degraded
    seeing = blind & protection.sees_falls  # the board knows within seconds, protection within minutes
    return seeing | protection.state.blind, degraded | protection.state.degraded


def rows_of(
    board: Board, cards: Mapping[str, str], now_ms: int, protection: Protection | None = None
) -> list[HomeRow]:
    """Give the homes as the staff board shows them. A home without fresh data is blind, never fine."""
    state = board.state(now_ms)
    blind, degraded = sight(state, protection)
    return [
        HomeRow(
            home=home,
            card=cards.get(home),
            room=board.rooms[state.room[i]] if state.room[i] >= 0 else None,
            activity=Activity(state.activity[i]).name.lower().replace("_", "-"),
            temperature_c=None if np.isnan(state.temperature_c[i]) else float(state.temperature_c[i]),
            last_life_ms=int(state.last_life_ms[i]) if state.last_life_ms[i] >= 0 else None,
            blind=bool(blind[i]),
            degraded=bool(degraded[i]),
        )
        for i, home in enumerate(board.homes)
    ]


def status(link: Link, watch: Watch, ledger: Ledger, clock: Clock) -> desk.Answer:
    """Give what the desk's `/status` tells."""
    board = watch.board
    return {
        "now_ms": clock.now_ms(),
        "ledger_in_memory": ledger.on_memory,
        "ledger_restored": str(ledger.restored) if ledger.restored else None,
        "connected": dict(link.connected),
        "homes": len(board.homes),
        "frames": board.frames_taken,
        "frames_dropped": int(board.frames_dropped.sum()),
        "frames_missed": sum(int(g.missed.sum()) for g in board.groups.values()),
        "events": board.events_taken,
        "events_missed": board.events_missed,
        "duplicates": board.duplicates,
        "events_set_aside": board.set_aside,
        "benched": watch.lookout.bench.status,
        "devices": dict(board.devices.counters),
        "rejects": [
            {"reason": reason, "device": device, "count": count}
            for (reason, device), count in board.rejects.most_common()
        ],
    }
