"""What everybody does: the rates and tails that a home is taken to have before it has shown its own.

Takes seeds, plays simulated homes with event sensors straight to the detector of silence and adds up what it
learnt there; writes it with its provenance. Simulated homes only; measured on other seeds.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np

from detectors import inactivity, noticed
from detectors.inactivitystate import AGES, Clock, InactivityParams, Tail, Usual
from detectors.layout import Moment
from guardian.board import Board
from simulator import lives
from simulator.cores import pool
from simulator.feed import of_homes
from simulator.fingerprint import fingerprint
from simulator.sensors import Which
from simulator.world import TIMEZONE

KITS: Final[tuple[Which, ...]] = ("recorded", "full")
ROUNDS: Final = 2
"""The first is looked at with rates out of the air, the second with those of the first."""
START: Final = (0.25, 0.1, 0.05, 0.03, 0.02, 0.015, 0.01)
"""Endings a minute by age, to begin with."""
WEIGHT: Final = 50.0
"""So many minutes in a cell weigh as much as the round before."""
MINUTE_MS: Final = 60_000

Say = Callable[[int, int, str], object]


def learn(
    params: InactivityParams, seed: int, size: tuple[int, int], out: Path, say: Say = lambda *_: None
) -> dict[str, Any]:
    """Learn from `size` (homes of each kit, days), write `out`, give the figures. OSError, WorkerLost."""
    homes, days = size
    usual = Usual(
        rate=np.tile(np.array(START, np.float32), (len(Clock), 24, 1)),
        lively=np.full(24, 0.1, np.float32),
        often=np.full(len(Tail), 0.2, np.float32),
    )
    with pool() as workers:
        for k in range(ROUNDS):
            say(k, ROUNDS, "look at homes")
            told = list(workers.map(partial(_looked, params, usual, seed, size), KITS))
            usual = _joined(usual, told)
    figures = {f"{t.name.lower()}_a_day": round(float(usual.often[t]), 4) for t in Tail}
    provenance = {
        "command": f"guardian train routine --seed {seed} --homes {homes} --days {days}",
        "code": fingerprint(weights=False),
    }
    arrays: dict[str, Any] = {f.name: getattr(usual, f.name) for f in fields(usual)}
    np.savez_compressed(out, **arrays, provenance=np.array([f"{k}: {v}" for k, v in provenance.items()]))
    say(ROUNDS, ROUNDS, "")
    return figures


Sums = Mapping[str, np.ndarray[Any, np.dtype[np.float64]]]


def _joined(usual: Usual, told: list[Sums]) -> Usual:
    """Rates of all homes together; a cell that was hardly seen stays as it was.

    Of SILENCE and AWAY those of the first kit alone: it has fewer sensors, so that a home is taken to be less
    lively than most until it has shown how lively it is.
    """
    added = {name: np.asarray(sum(one[name] for one in told)) for name in told[0]}
    for name in ("events", "exposure"):
        added[name][: Clock.BATHROOM] = told[0][name][: Clock.BATHROOM]
    return replace(
        usual,
        rate=((added["events"] + WEIGHT * usual.rate) / (added["exposure"] + WEIGHT)).astype(np.float32),
        lively=(told[0]["life"] / told[0]["minutes"]).astype(np.float32),
        often=((added["passed"] + 1) / added["days"]).astype(np.float32),
    )


def _looked(params: InactivityParams, usual: Usual, seed: int, size: tuple[int, int], kit: Which) -> Sums:
    """What the detector learnt in the homes of one kit; sums over them."""
    homes, days = size
    own = np.random.SeedSequence([seed, KITS.index(kit)]).generate_state(homes)
    feed = of_homes(
        [
            replace(lives.plain(int(s), count=days, which=kit), name=f"{kit}-{k}", thinned=True)
            for k, s in enumerate(own)
        ]
    )
    board = Board(feed.site, feed.specs)
    state, heard = inactivity.fresh(homes, usual), noticed.fresh(board.layout)
    zone = ZoneInfo(TIMEZONE)
    nobody = noticed.none(homes)
    life, minutes = np.zeros(24), np.zeros(24)
    now_ms = 0
    for block in feed.blocks():
        now_ms = (
            now_ms or (block.messages[0][0] if block.messages else block.until_ms) // MINUTE_MS * MINUTE_MS
        )
        waiting = iter(block.messages)
        message = next(waiting, None)
        for until in range(now_ms + MINUTE_MS, block.until_ms + 1, MINUTE_MS):
            while message is not None and message[0] < until:
                board.event(message[1], message[2], message[0])
                message = next(waiting, None)
            board.fold(board.take_events(until))
            noticed.hear(heard, board.layout, board.take_heard())
            local = datetime.fromtimestamp(until / 1000, zone)
            moment = Moment(until, local.hour * 60 + local.minute, local.weekday(), local.toordinal())
            minute = noticed.minute(heard, nobody, nobody, nobody)
            life[local.hour] += minute.life.sum()
            minutes[local.hour] += homes
            inactivity.step(params, state, minute, moment)
            now_ms = until
    sums = {
        "events": state.events.sum(0),
        "exposure": state.exposure.sum(0),
        "passed": state.passed.sum(0),
        "days": state.days.sum(),
        "life": life,
        "minutes": minutes,
    }
    return {name: np.asarray(total, np.float64) for name, total in sums.items()}


assert len(START) == AGES
