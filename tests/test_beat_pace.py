"""The pace of the beat: none queues behind one that took too long, and the link has its time in between."""

import asyncio

import pytest

from alerting.ledger import Ledger
from guardian.board import Board
from guardian.clock import LiveClock
from guardian.lookout import Lookout
from guardian.slab import SensorSpec
from guardian.watch import BEAT_MS, REST_MS, Noticed, Watch
from tests.alerting_people import T0, shipped_policy
from tests.courier_world import THREE
from tests.test_watch_disk import Broker
from tests.thermal import everything

S = 1000


class Slow(Watch):
    """A beat that takes `takes_ms`, whatever there is to do."""

    takes_ms = 0
    spans: list[tuple[float, float]]

    async def beat(self, now_ms: int) -> Noticed:
        """As Watch, and longer."""
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        noticed = await super().beat(now_ms)
        await asyncio.sleep(self.takes_ms / S)
        self.spans.append((begun_s * S, loop.time() * S))
        return noticed


@pytest.mark.looptime
@pytest.mark.parametrize(("takes_ms", "every_ms"), [(0, 200), (120, 200), (190, 240), (600, 650)])
async def test_beats_keep_pace_and_leave_time_to_read(takes_ms: int, every_ms: int) -> None:
    ledger = await Ledger.open(None, inline=True)
    board = Board("demo", [SensorSpec("h01", "help", "button", "living")])
    broker = Broker()
    watch = Slow(
        board=board,
        lookout=Lookout(board, everything()),
        ledger=ledger,
        duty=lambda: THREE,
        policy=shipped_policy(),
        clock=LiveClock(T0),
        acks=broker,
        voice=broker,
        state_directory=None,
        on_noticed=lambda _noticed: None,
    )
    watch.takes_ms, watch.spans = takes_ms, []
    beating = asyncio.create_task(watch.run())
    await asyncio.sleep(10)
    beating.cancel()
    await asyncio.gather(beating, return_exceptions=True)
    await ledger.close()
    begun, ended = zip(*watch.spans, strict=True)
    rests = [next_ - end for next_, end in zip(begun[1:], ended, strict=False)]
    assert min(rests) >= REST_MS - 2  # of the clock's whole milliseconds
    assert len(begun) == pytest.approx(10 * S / every_ms, abs=2)
    assert BEAT_MS == 200
