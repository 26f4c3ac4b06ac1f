"""How like the simulation is to the recorded traces: the same figures of both, side by side.

Takes recorded traces (a 16x16 ceiling array with labelled actions; homes with motion sensors and doors) and
acts or lives the same with the simulator; gives Markdown tables and pictures that hold figures and curves
only, never a frame. Tunes nothing.

Figures of a thermal recording, each the same for both sides:
1. Settling: frames until the middle of the picture's readings is near where it stays; those are left out.
2. The room is empty where no patch stands out for a second on either side; its picture is the median of
   those frames. What all pixels share (the median over the pixels) is the common drift, and taken off.
3. Noise: what is left of empty stretches of four seconds.
4. Body: a patch of the picture blurred by 3x3 pixels, connected to its peak, above half of that peak.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy import ndimage  # type: ignore[import-untyped]  # scipy ships no types

from detectors import bits
from guardian.trace import Trace, TruthRow
from simulator import acting, rhythm, suites
from simulator.acting import Scene
from simulator.home import Home
from simulator.pictures import save, slim
from simulator.plots import MissingMatplotlibError
from simulator.world import F64, I64, TIMEZONE, Bools

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SETTLED_K: Final = 0.5
LEFT_OUT: Final = 20
"""Frames at the start of every recording that nothing but the settling is read from."""
STANDS_OUT_K: Final = 0.3  # of the blurred picture: five times what its noise does, half of who lies
AROUND_FRAMES: Final = 9  # about a second
STRETCH: Final = 36  # frames of an empty stretch: about four seconds
BEFORE_S: Final = 0.6  # of a fall: what the patch was just before it
SPEED_FRAMES: Final = 5  # over which the speed of the patch is taken
POSTURES: Final = ("walk", "sit", "stand", "lie")
LIKE_DAYS: Final = 60
LIKE_HOMES: Final = 28
"""As many homes as were recorded, for the 48 days that they were on average, and some more."""
LIKE_RECORDINGS: Final = 160

NAMES: Final[Mapping[str, str]] = {
    "settle_frames": "frames until the readings are settled",
    "pattern_mk": "pattern of the empty room, sd over the pixels, mK",
    "drift_mk": "common drift while empty, largest minus smallest, mK",
    "noise_mk": "noise of a pixel over 4 s, sd, mK",
    "step_mk": "its step from frame to frame, sd, mK",
    "lag_1": "correlation with the frame before",
    "lag_6": "correlation with the sixth frame before",
    "near_1": "correlation of neighbouring pixels",
    "near_2": "correlation two pixels apart",
    **{f"peak_{p}_mk": f"{p}: warmest pixel above the room, mK" for p in POSTURES},
    **{f"mean_{p}_mk": f"{p}: mean of the patch, mK" for p in POSTURES},
    **{f"area_{p}_px": f"{p}: area of the patch, pixels" for p in POSTURES},
    **{f"long_{p}": f"{p}: length over width of the patch" for p in POSTURES},
    "walk_speed_px_s": "walk: speed of the patch, pixels a second",
    "fall_peak": "fall: peak after / before",
    "fall_heat": "fall: warmth of the patch after / before",
    "fall_area": "fall: area after / before",
    "fall_long": "fall: length over width after / before",
    "fall_speed_px_s": "fall: fastest move of the patch, pixels a second",
    "fall_way_px": "fall: way of the patch, pixels",
}
"""What stands in the table of the thermal array."""
DRAWN: Final = (
    "noise_mk",
    "lag_6",
    "near_1",
    "peak_stand_mk",
    "peak_sit_mk",
    "peak_lie_mk",
    "area_stand_px",
    "area_sit_px",
    "area_lie_px",
    "long_lie",
    "fall_peak",
    "fall_area",
    "fall_heat",
    "fall_speed_px_s",
    "drift_mk",
)
COLOURS: Final = {"recorded": "tab:blue", "simulated": "tab:orange"}


@dataclass(frozen=True, slots=True)
class Figures:
    """Samples of every figure in NAMES: one a recording, an empty stretch, an action or a fall."""

    samples: Mapping[str, F64]

    def spread(self, name: str) -> F64:
        """10th, 50th and 90th percentile; NaN where there is no sample."""
        values = self.samples[name]
        return np.percentile(values, (10, 50, 90)) if len(values) else np.full(3, np.nan)


# --- a thermal array -------------------------------------------------------------------------------


def thermal(trace: Trace) -> Figures:
    """Measure every thermal sensor of a recorded trace. TraceError for files that cannot be read."""
    every = (
        Scene(*trace.frames(s.home, s.name), tuple(trace.truth(s.home)))
        for s in trace.sensors
        if s.kind == "thermal"
    )
    return measured(scene for scene in every if len(scene.t_ms) > LEFT_OUT)


def measured(scenes: Iterable[Scene]) -> Figures:
    """Measure recordings of one kind of array."""
    samples: dict[str, list[float]] = {name: [] for name in NAMES}
    for scene in scenes:
        for name, value in _figures(scene):
            samples[name].append(value)
    return Figures({name: np.array(values, np.float64) for name, values in samples.items()})


def _figures(scene: Scene) -> Iterator[tuple[str, float]]:
    kelvin = scene.centi / 100.0
    level = np.median(kelvin.reshape(len(kelvin), -1), axis=1)
    off = np.abs(level - np.median(level[LEFT_OUT:])) > SETTLED_K
    yield "settle_frames", float(np.flatnonzero(off)[-1] + 1 if off.any() else 0)
    kelvin, t_ms = kelvin[LEFT_OUT:], scene.t_ms[LEFT_OUT:]
    excess, _, empty = _above(kelvin, np.ones(len(kelvin), np.bool_))
    if empty.sum() < STRETCH:
        return
    excess, common, empty = _above(kelvin, empty)
    room = np.median(kelvin[empty], axis=0)
    yield "pattern_mk", 1000 * float(room.std())
    yield "drift_mk", 1000 * float(np.ptp(ndimage.uniform_filter1d(common, AROUND_FRAMES)[empty]))
    yield from _noise(excess, empty)
    patch = _patches(excess)
    for row in scene.truth:
        of = (t_ms >= row.start_ms) & (t_ms <= row.end_ms)
        if row.label in POSTURES and of.any():
            yield f"peak_{row.label}_mk", 1000 * float(np.median(patch.peak_k[of]))
            yield f"mean_{row.label}_mk", 1000 * float(np.median(patch.heat_k[of] / patch.area_px[of]))
            yield f"area_{row.label}_px", float(np.median(patch.area_px[of]))
            yield f"long_{row.label}", float(np.median(patch.long[of]))
        if row.label == "walk":
            yield from (("walk_speed_px_s", float(np.median(v))) for v in [_speed(patch, t_ms, of)] if len(v))
    yield from _falls(patch, t_ms, scene.truth)


def _above(kelvin: F64, empty: Bools) -> tuple[F64, F64, Bools]:
    """What stands out from the median of the frames that are `empty`: excess (N, rows, cols) without what all
    pixels share (N,), and in which frames nothing stands out.
    """
    excess = kelvin - np.median(kelvin[empty], axis=0)
    common = np.median(excess.reshape(len(excess), -1), axis=1)
    excess -= common[:, None, None]
    fog = ndimage.uniform_filter(excess, (0, 3, 3), mode="nearest")
    quiet = fog.max(axis=(1, 2)) < STANDS_OUT_K
    return excess, common, np.asarray(ndimage.binary_erosion(quiet, iterations=AROUND_FRAMES))


def _noise(excess: F64, empty: Bools) -> Iterator[tuple[str, float]]:
    stretch, count = ndimage.label(empty)
    for k in range(1, count + 1):
        whole = excess[stretch == k]
        for at in range(0, len(whole) - STRETCH + 1, STRETCH):
            noise = whole[at : at + STRETCH] - whole[at : at + STRETCH].mean(axis=0)
            power = float((noise**2).mean())
            yield "noise_mk", 1000 * power**0.5
            yield "step_mk", 1000 * float(np.diff(noise, axis=0).std())
            yield "lag_1", float((noise[1:] * noise[:-1]).mean()) / power
            yield "lag_6", float((noise[6:] * noise[:-6]).mean()) / power
            for px in (1, 2):
                right, down = noise[:, :, px:] * noise[:, :, :-px], noise[:, px:] * noise[:, :-px]
                yield f"near_{px}", float(right.mean() + down.mean()) / 2 / power


@dataclass(frozen=True, slots=True)
class _Patches:
    """The warmest patch of each of N frames."""

    peak_k: F64
    """Of a single pixel."""
    heat_k: F64
    """Sum over the patch, K x pixels."""
    area_px: F64
    long: F64
    """Length over width."""
    at_px: F64
    """(N, 2) its middle."""


def _patches(excess: F64) -> _Patches:
    n, rows, cols = excess.shape
    fog = ndimage.uniform_filter(excess, (0, 3, 3), mode="nearest")
    seed = fog.reshape(n, -1).argmax(axis=1)
    peak = fog.reshape(n, -1)[np.arange(n), seed]
    hot = bits.packed(fog > peak[:, None, None] / 2).T
    mask = bits.unpacked(bits.flood(hot, seed, cols), cols).reshape(n, rows, cols)
    weight = np.where(mask, np.maximum(excess, 1e-6), 0.0).reshape(n, -1)
    y, x = (a.ravel() for a in np.mgrid[0:rows, 0:cols].astype(np.float64))
    sums = weight @ np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=-1)
    heat = sums[:, 0]
    cx, cy, xx, yy, xy = (sums[:, 1:] / heat[:, None]).T
    # Every pixel is a square, not a point: a twelfth, so that a patch one pixel wide has a width.
    xx, yy, xy = xx - cx * cx + 1 / 12, yy - cy * cy + 1 / 12, xy - cx * cy
    root = np.sqrt((xx - yy) ** 2 / 4 + xy**2)
    long = np.sqrt(((xx + yy) / 2 + root) / np.maximum((xx + yy) / 2 - root, 1 / 12))
    warmest = np.where(mask, excess, -np.inf).reshape(n, -1).max(axis=1)
    return _Patches(warmest, heat, mask.sum(axis=(1, 2)).astype(np.float64), long, np.stack([cx, cy], -1))


def _speed(patch: _Patches, t_ms: I64, during: Bools) -> F64:
    """Pixels a second over SPEED_FRAMES; empty where there are fewer frames."""
    at, t_s = patch.at_px[during], t_ms[during] / 1000.0
    moved = np.hypot(*(at[SPEED_FRAMES:] - at[:-SPEED_FRAMES]).T)
    return np.asarray(moved / (t_s[SPEED_FRAMES:] - t_s[:-SPEED_FRAMES]))


def _falls(patch: _Patches, t_ms: I64, truth: Sequence[TruthRow]) -> Iterator[tuple[str, float]]:
    lies = [r for r in truth if r.label == "lie"]
    for fell in (r for r in truth if r.label == "fall"):
        rest = next((r for r in lies if r.start_ms >= fell.end_ms and r.subject == fell.subject), None)
        before = (t_ms >= fell.start_ms - 1000 * BEFORE_S) & (t_ms <= fell.start_ms)
        if rest is None or not before.any():
            continue
        after = (t_ms >= rest.start_ms) & (t_ms <= rest.end_ms)
        for name, of in (
            ("fall_peak", patch.peak_k),
            ("fall_heat", patch.heat_k),
            ("fall_area", patch.area_px),
            ("fall_long", patch.long),
        ):
            yield name, float(np.median(of[after]) / np.median(of[before]))
        during = (t_ms >= fell.start_ms) & (t_ms <= rest.start_ms)
        yield from (("fall_speed_px_s", float(v.max())) for v in [_speed(patch, t_ms, during)] if len(v))
        way = np.median(patch.at_px[after], axis=0) - np.median(patch.at_px[before], axis=0)
        yield "fall_way_px", float(np.hypot(*way))


# --- events ----------------------------------------------------------------------------------------


def lived(homes: int = LIKE_HOMES, days: int = LIKE_DAYS, seed: int = 1) -> rhythm.Figures:
    """Measure the homes that the suite `collapses/marks` evaluates, with the recorded homes' sensors."""
    options = suites.Options(homes=homes, days=days, kinds=("marks",))
    (cell,) = suites.cells("collapses", options)
    streams = (_stream(suites.home(cell, seed, k)) for k in range(homes))
    return rhythm.Figures(tuple(rhythm.measure(s) for s in streams if len(s.t_ms) > 1))


def _stream(home: Home) -> rhythm.Stream:
    if home.events is None:
        raise ValueError(f"{home.name} has no event sensors")
    of = home.events
    kind = np.array([rhythm.KINDS.index(s.kind) if s.kind in rhythm.KINDS else -1 for s in of.sensors])
    counts = (kind[of.sensor] >= 0) & (of.value == 1)
    t_ms = home.start_ms + 1000 * np.round(of.t_s[counts]).astype(np.int64)  # recorded: whole seconds
    sensor = of.sensor[counts].astype(np.int64)
    return rhythm.Stream(home.name, t_ms, kind[sensor], sensor, TIMEZONE)


# --- side by side ----------------------------------------------------------------------------------


def compare(
    traces: Sequence[Path],
    out: Path,
    seed: int = 1,
    *,
    recordings: int = LIKE_RECORDINGS,
    homes: int = LIKE_HOMES,
    days: int = LIKE_DAYS,
) -> str:
    """Stand the simulation beside recorded traces: pictures into the folder `out`, tables as Markdown.

    So many recordings are acted and so many homes are lived for so many days; about 40 s for the usual ones.
    A second trace of the same kind takes the place of the picture of the first.

    TraceError for a folder that is no trace; ValueError for one without thermal frames and without
    movements; MissingMatplotlibError without matplotlib.
    """
    out.mkdir(parents=True, exist_ok=True)
    parts: list[str] = []
    for path in traces:
        trace = Trace.open(path)
        kinds = {s.kind for s in trace.sensors}
        if not kinds & {"thermal", *rhythm.KINDS}:
            raise ValueError(f"{path}: neither thermal frames nor movements and doors to compare")
        title = f"{trace.name} ({trace.source})" if trace.source else trace.name
        if "thermal" in kinds:
            both = {"recorded": thermal(trace), "simulated": measured(acting.scenes(recordings, seed))}
            draw(both, out / "likeness-thermal.png")
            parts += [f"## {title}: the picture", "", table(both), "![Figures](likeness-thermal.png)", ""]
        if kinds & {*rhythm.KINDS}:
            recorded, simulated = rhythm.figures(trace), lived(homes, days, seed)
            rhythm.draw(recorded, simulated, out / "likeness-rhythm.png")
            slim(out / "likeness-rhythm.png")
            figures = {"recorded": recorded, "simulated": simulated}
            parts += [
                f"## {title}: the rhythm",
                "",
                "Mean over all days; median home (10th–90th percentile).",
            ]
            parts += ["", rhythm.table(figures), "![Figures](likeness-rhythm.png)", ""]
    return "\n".join(parts)


def table(columns: Mapping[str, Figures]) -> str:
    """A Markdown table: median [10th, 90th percentile] of each figure, and how many samples it has."""
    head = [f"{name}: median [p10, p90] | n" for name in columns]
    lines = ["| | " + " | ".join(head) + " |", "|---" * (1 + 2 * len(columns)) + "|"]
    for name, words in NAMES.items():
        cells = []
        for f in columns.values():
            low, mid, high = (_short(v) for v in f.spread(name))
            cells.append(f"{mid} [{low}, {high}] | {len(f.samples[name])}")
        lines.append(f"| {words} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _short(value: float) -> str:
    if not np.isfinite(value):
        return "–"
    return f"{value:.0f}" if abs(value) >= 10 else f"{value:.2f}"


def draw(columns: Mapping[str, Figures], path: Path) -> None:
    """Histograms of the figures in DRAWN side by side as a PNG; MissingMatplotlibError without matplotlib."""
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415  (only those who draw need it)
    except ImportError as error:
        raise MissingMatplotlibError from error
    wide = 4
    figure = Figure(figsize=(13, 2.3 * -(-len(DRAWN) // wide) + 0.6), layout="constrained")
    axes = figure.subplots(-(-len(DRAWN) // wide), wide).ravel()
    for axis, name in zip(axes, DRAWN, strict=False):
        _histogram(axis, name, {label: f.samples[name] for label, f in columns.items()})
    for axis in axes[len(DRAWN) :]:
        axis.set_axis_off()
    axes[0].legend(frameon=False, fontsize=9)
    figure.suptitle("Thermal array on the ceiling: the same actions recorded and simulated (lines: medians)")
    save(figure, path, dpi=80)


def _histogram(axis: "Axes", name: str, samples: Mapping[str, F64]) -> None:
    every = np.concatenate(list(samples.values()))
    edges: Any = np.linspace(0, 1, 2)
    if len(every):
        low, high = np.percentile(every, (1, 99))
        edges = np.linspace(low, high + 1e-9 + 1e-3 * abs(high), 25)
    for label, values in samples.items():
        if len(values):
            share = np.full(len(values), 1 / len(values))
            kept = np.clip(values, edges[0], edges[-1])
            axis.hist(
                kept, edges, weights=share, color=COLOURS.get(label), alpha=0.45, label=label, linewidth=0
            )
            axis.axvline(float(np.median(values)), color=COLOURS.get(label), linewidth=1.6)
    axis.set_title(NAMES[name].replace(", ", ",\n", 1) if len(NAMES[name]) > 40 else NAMES[name], fontsize=9)
    axis.set_yticks([])
    axis.spines[["top", "right", "left"]].set_visible(False)
