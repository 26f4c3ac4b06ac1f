"""160 recorded falls over a real broker into a real daemon: the same findings at every pace, and how many."""

from collections import defaultdict
from pathlib import Path

import pytest

from detectors.finding import Finding, Kind
from guardian.settings import CONFIG, load
from guardian.trace import Trace
from simulator import demo, replay
from tests.test_ceiling16 import TRACE, count

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not TRACE.is_dir(), reason=f"the recorded trace is not here: {TRACE}"),
]


async def played(trace: Path, speed: float | None) -> replay.Played:
    async with demo.replay_daemon(trace) as address:
        return await replay.over_mqtt(Trace.open(trace), address, speed=speed)


async def test_recorded_falls_are_noticed_alike_at_full_speed_at_ten_times_and_straight() -> None:
    trace = Trace.open(TRACE)
    straight = [
        (c.home, c.kind.value, c.onset_ms, c.decided_ms)
        for c in await replay.straight(trace, load(CONFIG / "guardian.toml").fall)
    ]
    for speed in (None, 10.0):
        result = await played(TRACE, speed)
        assert result.missing == 0
        assert [(f.home, f.kind, f.onset_ms, f.decided_ms) for f in result.findings] == straight
    found: dict[str, list[Finding]] = defaultdict(list)
    for home, kind, onset_ms, decided_ms in straight:
        finding = Finding(Kind(kind), 0, onset_ms, decided_ms, 1.0, float("nan"), float("nan"), {})
        found[home].append(finding)
    total, hits, false, _late, _onset = count(found, {home: trace.truth(home) for home in trace.homes})
    print(f"{hits} of {total} recorded falls led to a suspicion, {false} suspicions were false")  # noqa: T201
    assert total == 160
    assert 2 * hits / (total + hits + false) > 0.88  # the floor of the worse half of people, test_ceiling16
