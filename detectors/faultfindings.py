"""Verdicts about sensors put into findings, with the evidence in numbers. Decides nothing.

Evidence of every `sensor-fault`: `cause` (a code of fault.Cause) and what it was judged by.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.camerahealth import CameraState, CameraVerdict
from detectors.eventhealth import NEVER, EventState, EventVerdict
from detectors.fault import Cause
from detectors.finding import Finding, Kind
from detectors.layout import Layout

SURE: Final = 0.95
LIKELY: Final = 0.8
"""Confidence where something was measured, and where only silence speaks; judgement."""


def faults(  # noqa: PLR0917  (one argument for each thing that is known)
    events: EventState,
    cameras: CameraState,
    layout: Layout,
    told: EventVerdict,
    seen: CameraVerdict,
    since_ms: NDArray[np.int64],
    now_ms: int,
) -> list[Finding]:
    """`sensor-fault` of what is new in the verdicts; what befell event sensors of a home at once is one.

    since_ms: (E,) from when on the silence of event sensors counts.
    """
    out = []
    groups: dict[tuple[int, int], list[int]] = {}
    for k, s in enumerate(told.news):  # what befell a home's sensors at once is one thing to say
        groups.setdefault((int(layout.sensor_home[s]), int(told.cause[s])), []).append(k)
    for (home, cause), members in groups.items():
        s = int(told.news[members[0]])
        evidence = {
            "cause": float(cause),
            "sensors": float(len(members)),
            "never_heard": float((events.first_ms[told.news[members]] == NEVER).sum()),
            "silent_s": (now_ms - max(int(events.heard_ms[s]), int(since_ms[s]))) / 1000,
            "quiet_lively_min": float(events.quiet_min[s]),
            "longest_lively_min": float(events.longest_min[s]),
            "boots_per_day": float(events.boots[s]),
        }
        sure = LIKELY if cause in {Cause.SILENT, Cause.STUCK} else SURE
        since, room = int(told.since_ms[members[0]]), int(layout.sensor_room[s])
        out.append(finding(Kind.SENSOR_FAULT, home, since, now_ms, sure, evidence, room=room, sensor=s))
    for c in seen.news:
        evidence = {
            "cause": float(seen.cause[c]),
            "useless_min": float(cameras.bad[c]),
            "unlike_pictures": float(max(cameras.unlike[c], cameras.faded[c])),
            "drift_k": float(np.nan_to_num(cameras.offset_k[c] - cameras.base_k[c])),
            "boots_per_day": float(cameras.boots[c]),
        }
        since = now_ms - int(60_000 * cameras.bad[c])
        home, room = int(layout.camera_home[c]), int(layout.camera_room[c])
        out.append(finding(Kind.SENSOR_FAULT, home, since, now_ms, SURE, evidence, room=room, camera=int(c)))
    return out


def finding(  # noqa: PLR0917  (the columns of a finding)
    kind: Kind,
    row: int,
    onset_ms: int,
    now_ms: int,
    confidence: float,
    evidence: dict[str, float],
    *,
    room: int = -1,
    sensor: int = -1,
    camera: int = -1,
) -> Finding:
    """A finding about home `row` without a place."""
    nan = float("nan")
    return Finding(
        kind, row, onset_ms, now_ms, confidence, nan, nan, evidence, room=room, sensor=sensor, camera=camera
    )
