"""How fall suspicion holds on a recorded ceiling array as recorded, and on the same recordings changed.

Takes the recordings of a trace (square ceiling arrays of one size, one a home, with rows of truth); changes
their frames as another body, room, height or device would (less or more contrast, nearer or further, slower,
noisier), and in ways that must hardly matter (mirrored, turned, warmer by the same everywhere); gives the
scores of `fall-suspected`, by the rule of score.py, and the figures as JSON and a table. Never fits anything
(leave_out.py does) and never decides: findings come from the detectors that the daemon runs, with frames in
step, each decided at the end of its beat. Furniture is not told: boxes would have to be mirrored with the
picture, and recorded traces hold none.
"""

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rich.box import SIMPLE
from rich.table import Column, Table

from detectors import fall
from detectors.fallstate import FallParams
from detectors.frame import BAD_PIXEL, Frames, Optics, halved
from detectors.posture import Network
from guardian.trace import Trace, TraceError, TraceSensor, TruthRow
from guardian.watch import BEAT_MS
from simulator.score import Found, HomeCase, score
from simulator.train import batches
from simulator.world import F32, F64, I16, I64

KIND: Final = "fall-suspected"
FALLS: Final = (KIND, "fall-confirmed", "long-lie")
SETTLED: Final = 25
"""Frames at the start of a recording that its usual picture is not taken from: until 20, readings settle."""
SEED: Final = 5
NOISE_K: Final = 0.1
"""White; a pixel of the recorded array has 0.072 K by itself, most of it alike from frame to frame."""
OFFSET_K: Final = 5.0
LEAST_PX: Final = 16
"""Rows of the arrays that are also measured with pixels twice as large."""
AS_RECORDED: Final = "as recorded"

Change = Callable[["Recording"], "Recording"]
Say = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """One ceiling array's recording and what truly happened; times in ms since 1970."""

    sensor: TraceSensor
    t_ms: I64
    """(N,)."""
    centi: I16
    """(N, rows, cols) centi-°C, BAD_PIXEL = no reading; their shape is the array's."""
    truth: tuple[TruthRow, ...]

    @property
    def subjects(self) -> frozenset[str]:
        """Who is in it."""
        return frozenset(r.subject for r in self.truth if r.subject)


def read(trace: Trace) -> list[Recording]:
    """Read all recordings of a trace; TraceError where it is not of square ceiling arrays of one size."""
    eyes = [s for s in trace.sensors if s.kind == "thermal"]
    problems = []
    if len({(s.rows, s.cols) for s in eyes}) != 1:
        problems.append("stress needs thermal arrays, all of one size")
    elif eyes[0].rows != eyes[0].cols:
        problems.append(f"stress needs square arrays, these are {eyes[0].rows}x{eyes[0].cols}")
    if any(s.mount == "wall" for s in eyes):
        problems.append("stress needs arrays on the ceiling: who is turned by 90° on a wall lies")
    if len({s.home for s in eyes}) != len(eyes):
        problems.append("stress needs one thermal array a home")
    if problems:
        raise TraceError(trace.path, problems)
    some = [Recording(s, *trace.frames(s.home, s.name), tuple(trace.truth(s.home))) for s in eyes]
    return [r for r in some if len(r.t_ms)]


def contrast(recording: Recording, factor: float) -> Recording:
    """Each pixel's deviation from its own median of the settled frames, times `factor`."""
    centi = recording.centi
    usual = np.median(centi[min(SETTLED, len(centi) // 2) :], axis=0).astype(np.float32)
    return _with(recording, usual + np.float32(factor) * (centi - usual), centi == BAD_PIXEL)


def zoom(recording: Recording, factor: float) -> Recording:
    """The picture enlarged by `factor` about its middle, straight lines between pixels, edges repeated."""

    def wider(picture: F32) -> F32:
        for axis in (1, 2):
            picture = _stretched(picture, factor, axis)
        return picture

    bad = recording.centi == BAD_PIXEL
    near_bad = wider(bad.astype(np.float32)) > 0
    return _with(recording, wider(recording.centi.astype(np.float32)), near_bad)


def _stretched(picture: F32, factor: float, axis: int) -> F32:
    """Enlarge (N, rows, cols) along one axis."""
    size = picture.shape[axis]
    middle = (size - 1) / 2
    at = np.clip((np.arange(size) - middle) / factor + middle, 0, size - 1)
    left = np.clip(np.floor(at).astype(np.intp), 0, size - 2)
    share = (at - left).astype(np.float32)
    share = share[:, None] if axis == 1 else share
    low, high = picture.take(left, axis=axis), picture.take(left + 1, axis=axis)
    return np.asarray(low + share * (high - low), np.float32)


def every_second(recording: Recording) -> Recording:
    """Half the frame rate."""
    return replace(recording, t_ms=recording.t_ms[::2], centi=recording.centi[::2])


def noisy(recording: Recording, sigma_k: float = NOISE_K, seed: int = SEED) -> Recording:
    """White noise on top, the same for the same home and seed."""
    rng = np.random.default_rng([seed, zlib.crc32(recording.sensor.home.encode())])
    noise = 100 * sigma_k * rng.standard_normal(recording.centi.shape, np.float32)
    return _with(recording, recording.centi + noise, recording.centi == BAD_PIXEL)


def warmer(recording: Recording, kelvin: float = OFFSET_K) -> Recording:
    """All pixels warmer by the same."""
    return _with(recording, recording.centi + np.float32(100 * kelvin), recording.centi == BAD_PIXEL)


def mirrored(recording: Recording) -> Recording:
    """Left is right."""
    return replace(recording, centi=np.ascontiguousarray(recording.centi[:, :, ::-1]))


def turned(recording: Recording) -> Recording:
    """A quarter turn."""
    return replace(recording, centi=np.ascontiguousarray(np.rot90(recording.centi, axes=(1, 2))))


def coarser(recording: Recording) -> Recording:
    """Pixels twice as large (8x8 of 16x16), each the mean of the four that can be read."""
    n = len(recording.t_ms)
    none = np.full(n, np.nan, np.float32)
    wide = Frames(np.arange(n), recording.centi, recording.t_ms, none)
    return replace(recording, centi=halved(wide).centi)


def _with(recording: Recording, centi: F32 | F64, bad: NDArray[np.bool_]) -> Recording:
    """The recording with other frames (N, rows, cols), rounded to what a device sends."""
    whole = np.clip(np.round(centi), BAD_PIXEL + 1, -BAD_PIXEL - 1).astype(np.int16)
    return replace(recording, centi=np.where(bad, np.int16(BAD_PIXEL), whole))


STRESS: Final[Mapping[str, Change]] = MappingProxyType(
    {
        "contrast x0.75": partial(contrast, factor=0.75),
        "contrast x1.3": partial(contrast, factor=1.3),
        "zoom x0.9": partial(zoom, factor=0.9),
        "zoom x1.1": partial(zoom, factor=1.1),
        "half the rate": every_second,
        "noise +0.1 K": noisy,
    }
)
"""What another body, height, device or room may do."""
INVARIANT: Final[Mapping[str, Change]] = MappingProxyType(
    {"mirrored": mirrored, "turned by 90°": turned, "offset +5 K": warmer}
)
"""What must hardly matter."""


@dataclass(frozen=True, slots=True)
class Figures:
    """How the suspicions of one condition stood against the truth; NaN = nothing to tell."""

    truth: int
    hit: int
    false: int
    """False `fall-suspected`."""
    false_of_all: int
    """False ones of all kinds of findings about falls."""
    f1: float
    """2 hit / (truth + hit + false)."""
    hours: float
    """Watched, summed over recordings."""
    false_per_hour: float
    latency_s_p50: float
    """From the end of the fall."""
    latency_s_p95: float


def conditions(recordings: Sequence[Recording]) -> dict[str, Change]:
    """By name: as recorded, STRESS, INVARIANT, and pixels twice as large where enough remain."""
    rows, cols = recordings[0].centi.shape[1:]
    large = {f"{rows // 2}x{cols // 2}": coarser} if rows >= LEAST_PX else {}
    return {AS_RECORDED: lambda r: r, **STRESS, **INVARIANT, **large}


def mean_f1(by_condition: Mapping[str, Figures]) -> float:
    """Mean F1 of the conditions in STRESS."""
    return float(np.mean([by_condition[name].f1 for name in STRESS]))


def measured(
    params: FallParams, recordings: Sequence[Recording], say: Say = lambda _done, _all, _what: None
) -> dict[str, Figures]:
    """Figures of each condition with the shipped weights and thresholds."""
    out = {}
    todo = conditions(recordings)
    for k, (name, change) in enumerate(todo.items()):
        say(k, len(todo), name)
        out[name] = figures(play(params, [change(r) for r in recordings]))
    say(len(todo), len(todo), "shipped weights")
    return out


def play(
    params: FallParams, recordings: Sequence[Recording], networks: Mapping[str, Network] | None = None
) -> list[HomeCase]:
    """Show recordings of one array size to fresh detectors; networks by mount, None = the shipped ones."""
    state = fall.fresh(optics(recordings), None, networks)
    found: list[list[Found]] = [[] for _ in recordings]
    for frames in batches(recordings):
        for f in fall.step(params, state, frames, 0)[0]:
            t_ms = int(frames.t_ms[np.searchsorted(frames.sensor, f.row)])
            decided_ms = (t_ms // BEAT_MS + 1) * BEAT_MS
            home = recordings[f.row].sensor.home
            found[f.row].append(Found(home, f.kind.value, f.onset_ms, decided_ms, f.confidence))
    return [
        HomeCase(
            r.sensor.home,
            ((int(r.t_ms[0]), int(r.t_ms[-1])),),
            r.truth,
            tuple(some),
            sensors=frozenset({"thermal"}),
        )
        for r, some in zip(recordings, found, strict=True)
    ]


def optics(recordings: Sequence[Recording]) -> Optics:
    """The arrays as the trace tells them; which way they lie in their rooms is not told."""
    rows, cols = recordings[0].centi.shape[1:]
    unknown = np.full(len(recordings), np.nan, np.float32)

    def told(name: str) -> F32:
        values = [getattr(r.sensor, name) for r in recordings]
        return np.array([math.nan if v is None else v for v in values], np.float32)

    no_wall = np.zeros(len(recordings), np.bool_)
    height, view, rate = (told(name) for name in ("height_m", "fov_deg", "rate_hz"))
    return Optics(rows, cols, height, view, no_wall, rate, unknown, unknown, unknown, unknown)


def figures(cases: Sequence[HomeCase]) -> Figures:
    """Score played recordings."""
    scores = score(cases, FALLS)
    one = scores.kinds[KIND]
    return Figures(
        one.truth,
        one.hit,
        one.false,
        sum(scores.kinds[kind].false for kind in FALLS),
        one.f1,
        one.home_days * 24,
        one.false_per_hour,
        one.latency_s_p50,
        one.latency_s_p95,
    )


def as_json(by_condition: Mapping[str, Figures]) -> dict[str, Any]:
    """The figures of all conditions and the mean F1 of STRESS; null = nothing to tell."""
    mean = mean_f1(by_condition)
    return {
        "conditions": {
            name: {k: None if math.isnan(v) else v for k, v in asdict(some).items()}
            for name, some in by_condition.items()
        },
        "mean_f1_under_stress": None if math.isnan(mean) else mean,
    }


def table(by_weights: Mapping[str, Mapping[str, Figures]]) -> Table:
    """One line a condition, for each set of weights."""
    head = (
        "weights",
        "recordings",
        "falls",
        "hit",
        "false",
        "of all kinds",
        "F1",
        "false/h",
        "late s",
        "p95",
    )
    out = Table(*(Column(c, no_wrap=True) for c in head), title="fall-suspected under stress", box=SIMPLE)

    def told(value: float, places: int) -> str:
        return "–" if math.isnan(value) else f"{value:.{places}f}"

    for weights, by_condition in by_weights.items():
        for name, f in by_condition.items():
            counts = (f.truth, f.hit, f.false, f.false_of_all)
            late = (told(v, 1) for v in (f.false_per_hour, f.latency_s_p50, f.latency_s_p95))
            out.add_row(weights, name, *map(str, counts), told(f.f1, 3), *late)
        stressed = f"mean of {len(STRESS)} under stress"
        out.add_row(weights, stressed, "", "", "", "", told(mean_f1(by_condition), 3))
        out.add_section()
    return out
