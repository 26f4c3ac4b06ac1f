"""The recorded ceiling array, streamed into the detector in beats, counted by the rule for `fall-suspected`.

Thresholds were chosen on human1 and human2, so the other two people are counted apart.
"""

from pathlib import Path

import numpy as np
import pytest

from detectors import fall
from detectors.finding import Finding
from detectors.frame import Frames
from guardian.trace import Trace
from simulator.score import Found, HomeCase, score
from simulator.subjects import by_subject
from tests.thermal import optics, shipped

TRACE = Path(__file__).parents[2] / "shared" / "data" / "traces" / "ceiling16"
BEAT_MS = 200
FALLS = ("fall-suspected", "fall-confirmed", "long-lie")

pytestmark = pytest.mark.skipif(
    not TRACE.is_dir(),
    reason=f"the recorded trace is not here: {TRACE} (its licence keeps it out of the repository)",
)


def stream(trace: Trace) -> dict[str, list[Finding]]:
    """Findings of every home; all homes share each batch, layer by layer within a beat of 200 ms."""
    specs = trace.sensors
    state = fall.fresh(optics(16, 16, len(specs), height_m=2.2, fov_deg=None, rate_hz=9.1))
    params = shipped()
    read = [trace.frames(s.home, s.name) for s in specs]
    sensor = np.concatenate([np.full(len(t), k) for k, (t, _) in enumerate(read)])
    t_ms = np.concatenate([t for t, _ in read])
    centi = np.concatenate([c for _, c in read])
    dt_s = np.concatenate([np.diff(t, prepend=np.nan) / 1000 for t, _ in read]).astype(np.float32)
    beat = -(-t_ms // BEAT_MS)
    order = np.lexsort((t_ms, sensor, beat))
    same = (np.diff(sensor[order], prepend=-1) == 0) & (np.diff(beat[order], prepend=-1) == 0)
    start = np.maximum.accumulate(np.where(same, 0, np.arange(len(order))))
    layer = np.arange(len(order)) - start
    order = order[np.lexsort((sensor[order], layer, beat[order]))]
    cuts = np.flatnonzero(np.diff(beat[order]) | (np.diff(sensor[order]) <= 0)) + 1
    found: dict[str, list[Finding]] = {s.home: [] for s in specs}
    for piece in np.split(order, cuts):
        batch = Frames(sensor[piece], centi[piece], t_ms[piece], dt_s[piece])
        for f in fall.step(params, state, batch, int(beat[piece[0]]) * BEAT_MS)[0]:
            found[specs[f.row].home].append(f)
    return found


def case(trace: Trace, home: str, found: list[Finding]) -> HomeCase:
    """One recording: what its sensor saw is what was watched."""
    seen = [trace.frames(s.home, s.name)[0] for s in trace.sensors if s.home == home]
    watched = (min(int(t[0]) for t in seen), max(int(t[-1]) for t in seen))
    said = tuple(Found(home, f.kind, f.onset_ms, f.decided_ms, f.confidence) for f in found)
    return HomeCase(home, (watched,), tuple(trace.truth(home)), said)


def test_suspicion_on_recorded_falls() -> None:
    trace = Trace.open(TRACE)
    found = stream(trace)
    cases = [case(trace, home, found[home]) for home in trace.homes]
    floors = {"human1": 0.95, "human3": 0.95}
    for first, floor in floors.items():
        part = [c for c in cases if first in {r.subject for r in c.truth}]
        scores = score(part, FALLS)
        one = scores.kinds["fall-suspected"]
        false = sum(scores.kinds[k].false for k in FALLS)  # any wrong word about a fall counts here
        f1 = 2 * one.hit / (one.truth + one.hit + false)
        onset_s = [(o.found.onset_ms - o.truth.start_ms) / 1000 for o in one.outcomes if o.found]
        low, high = one.sensitivity_95
        print(  # noqa: T201  (the measured figures, shown by pytest -s)
            f"{first} and partner: truth {one.truth}, hit {one.hit} (95 % {low:.3f} to {high:.3f}), "
            f"false {false} in {scores.home_days * 24:.2f} h, F1 {f1:.3f}, latency from the end "
            f"p50 {one.latency_s_p50:.1f} s p95 {one.latency_s_p95:.1f} s, "
            f"onset error p50 {np.median(onset_s):.1f} s"
        )
        assert one.truth == 80
        assert f1 > floor
        assert one.latency_s_p95 <= 1.0
    people = by_subject(cases, FALLS)
    whole = score(cases, FALLS)
    for kind in FALLS:
        assert sum(p.kinds[kind].hit for p in people.values()) == whole.kinds[kind].hit
        assert sum(p.kinds[kind].false for p in people.values()) == whole.kinds[kind].false
    assert sum(p.home_days for p in people.values()) == pytest.approx(whole.home_days)
