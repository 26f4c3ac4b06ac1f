"""160 recorded falls over a real broker into a real daemon: the same findings at every pace, and how many."""

from pathlib import Path

import pytest

from guardian.settings import CONFIG, load
from guardian.trace import Trace
from guardian.watch import BEAT_MS
from simulator import demo, replay
from simulator.evaluate import watch
from simulator.feed import of_trace
from simulator.study import run_traces
from tests.test_ceiling16 import TRACE

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not TRACE.is_dir(), reason=f"the recorded trace is not here: {TRACE}"),
]


async def played(trace: Path, speed: float | None) -> replay.Played:
    async with demo.replay_daemon(trace) as address:
        return await replay.over_mqtt(Trace.open(trace), address, speed=speed)


async def test_recorded_falls_are_noticed_alike_at_full_speed_at_ten_times_and_straight() -> None:
    trace = Trace.open(TRACE)
    params = load(CONFIG / "guardian.toml").detectors
    films = {s.home: trace.frames(s.home, s.name)[0] for s in trace.sensors}
    # a replay skips the long stretches before and after a film, in which its home is blind
    every = [f for some in watch(of_trace(trace), params).found.values() for f in some]

    def filmed(home: str, t_ms: int) -> bool:
        return bool(films[home][0] <= t_ms <= films[home][-1] + BEAT_MS)

    straight = [f for f in every if filmed(f.home, f.decided_ms)]
    for speed in (None, 10.0):
        result = await played(TRACE, speed)
        assert result.missing == 0
        words = [f for f in result.findings if filmed(f.home, f.decided_ms)]
        told = sorted((f.home, f.decided_ms, f.kind, f.onset_ms) for f in words)
        assert told == sorted((f.home, f.decided_ms, f.kind, f.onset_ms) for f in straight)
    figures = run_traces([TRACE], params)["traces"][0]["kinds"]
    suspected = figures["fall-suspected"]
    false = sum(figures[kind]["false"] for kind in figures)  # any wrong word about a fall counts here
    print(f"{suspected['hit']} of {suspected['truth']} recorded falls led to a suspicion, {false} were false")  # noqa: T201
    assert suspected["truth"] == 160
    f1 = 2 * suspected["hit"] / (suspected["truth"] + suspected["hit"] + false)
    assert f1 > 0.95  # as in test_ceiling16
