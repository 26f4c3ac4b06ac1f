"""Twenty events behind twenty thousand frames."""

import asyncio
import sys
from pathlib import Path

from guardian.board import SensorSpec
from guardian.broker import mosquitto
from guardian.wire.native import pack_event
from tests.mqtt_fixtures import Site, device, running

HOMES = 20
EVENTS = 20
FRAMES = 20_000
BEAT_MS = 200
DEPTH = 8
"""Frames of a sensor that wait for a beat at the most."""
STEP_MS = 40

SENSORS = [SensorSpec(f"h{i}", "cam", "thermal", "living", 24, 32, 4.0) for i in range(HOMES)]
BUTTONS = [SensorSpec(f"h{i}", "help", "button", "living") for i in range(HOMES)]


async def test_no_event_waits_behind_a_flood_of_frames_and_homes_lose_frames_fairly(tmp_path: Path) -> None:
    sent_ms: dict[str, int] = {}
    taken_ms: dict[str, int] = {}
    seen = [0] * HOMES

    async with (
        mosquitto(tmp_path) as address,
        running(Site(address, sensors=[*SENSORS, *BUTTONS])) as site,
        device(address) as client,
    ):
        board, clock = site.board, site.clock

        async def beats() -> None:
            while True:
                await clock.wait(asyncio.Event(), clock.now_ms() + BEAT_MS)
                now_ms = clock.now_ms()
                for reading in site.beat():
                    assert reading.id is not None
                    taken_ms[reading.id] = now_ms
                for _, frames in board.batches(now_ms):
                    for row in frames.sensor:
                        seen[row] += 1
                    await asyncio.sleep(0)
                site.changed.set()

        flooder = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.flooder", str(address.port), str(HOMES)
        )
        beating = asyncio.create_task(beats())
        try:
            await site.until(lambda: board.frames_taken > 0)
            for i in range(EVENTS):
                sent_ms[f"e{i}"] = clock.now_ms()
                await client.publish(f"guardian/s/h{i}/help/event", pack_event(1, event_id=f"e{i}"), qos=1)
                await clock.wait(asyncio.Event(), sent_ms[f"e{i}"] + STEP_MS)
            await site.until(lambda: len(taken_ms) == EVENTS and board.frames_taken >= FRAMES, 30)
        finally:
            flooder.kill()
            await flooder.wait()
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)

        for event, t_ms in sent_ms.items():
            assert taken_ms[event] - t_ms <= 2 * BEAT_MS, event
        for _, frames in board.batches(clock.now_ms()):
            for row in frames.sensor:
                seen[row] += 1
        dropped = board.frames_dropped
        assert dropped.sum() + sum(seen) == board.frames_taken
        assert dropped.min() > 0
        assert dropped.max() - dropped.min() <= 0.1 * dropped.max()  # fairly
        assert max(seen) - min(seen) <= DEPTH  # one ring more or less, whatever the number of beats
        assert not board.rejects
        assert site.states == [(name, True) for name, _ in site.states]
