"""The report's pictures: lines, dots, timelines and thermal frames as data addresses for <img>.

Takes plain numbers and words, gives texts that begin with `data:image/`; needs matplotlib
(`guardian-care[lab]`), which is imported only when something is drawn. The same numbers give the same bytes.
"""

import base64
import io
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BAD_PIXEL: Final = -32768
"""A reading that is none. Source: the frame format (DESIGN section 4)."""
SPAN_K: Final = 4.0
"""The colours of a case span at least this much, so that an empty room does not look like a fire of noise."""
WIDE: Final = (9.0, 3.6)
"""Inches."""
ROOM: Final = 0.04
"""Of a share beyond 0 and 1, so that a dot or a line there stands free of the frame."""
RC: Final = {
    "svg.fonttype": "none",  # the reader's own fonts draw the text, Chinese too
    "svg.hashsalt": "guardian",
    "text.parse_math": False,
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


@dataclass(frozen=True, slots=True)
class Point:
    """A share with its interval, at false alarms per home-month."""

    x: float
    share: float
    low: float
    high: float


class MissingMatplotlibError(RuntimeError):
    """Nothing can be drawn."""

    def __init__(self) -> None:
        super().__init__("drawing needs matplotlib: pip install 'guardian-care[lab]'")


def curves(
    lines: Mapping[str, Sequence[Point]], x_label: str, y_label: str, dashed: Collection[str] = ()
) -> str:
    """Sensitivity against false alarms per home-month, one line a name; one false alarm a month is marked."""
    figure, axes = _figure(WIDE)
    for k, (name, points) in enumerate(lines.items()):
        x = [p.x for p in points]
        y = [p.share for p in points]
        bars = [[p.share - p.low for p in points], [p.high - p.share for p in points]]
        axes.errorbar(
            x,
            y,
            yerr=bars,
            label=name,
            color=_color(k),
            linestyle=_dash(name, dashed),
            marker="o",
            markersize=3.5,
            linewidth=1.2,
            elinewidth=0.6,
        )
    axes.axvline(1.0, color="0.6", linestyle="--", linewidth=0.8)
    axes.set_xscale("symlog", linthresh=1.0)
    axes.xaxis.set_major_formatter("{x:g}")
    most = max((p.x for points in lines.values() for p in points), default=1.0)
    axes.set_xlim(-0.12, 1.5 * max(1.0, most))  # room for dots at none and at the most
    axes.set_ylim(-ROOM, 1.0 + ROOM)
    return _finish(figure, axes, x_label, y_label)


def shares_by(
    samples: Mapping[str, Sequence[float]], x_label: str, y_label: str, dashed: Collection[str] = ()
) -> str:
    """Which share of each sample is at most x; the slowest hundredth may lie off the picture."""
    figure, axes = _figure(WIDE)
    everything = [v for values in samples.values() for v in values]
    right = float(np.quantile(everything, 0.99)) if everything else 1.0
    left = min([0.0, *everything])
    for k, (name, values) in enumerate(samples.items()):
        x = np.sort(np.asarray([left, *values], np.float64))
        y = np.arange(len(x)) / max(1, len(values))
        label = f"{name} (n = {len(values)})"
        axes.step(
            x, y, where="post", label=label, color=_color(k), linestyle=_dash(name, dashed), linewidth=1.2
        )
    axes.set_xlim(left, max(right, left + 1e-3) * 1.05)
    axes.set_ylim(-ROOM, 1.0 + ROOM)
    return _finish(figure, axes, x_label, y_label)


def dots(rows: Mapping[str, Mapping[str, Point]], x_label: str) -> str:
    """For each row (a kind of event) the share of each name with its interval."""
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    figure, axes = _figure((WIDE[0], 1.2 + 0.16 * len(rows) * max(3, len(names))))
    for k, name in enumerate(names):
        placed = [(i, row[name]) for i, row in enumerate(rows.values()) if name in row]
        y = [-i - 0.8 * (k + 0.5) / len(names) for i, _ in placed]
        bars = [[p.share - p.low for _, p in placed], [p.high - p.share for _, p in placed]]
        axes.errorbar(
            [p.share for _, p in placed],
            y,
            xerr=bars,
            fmt="o",
            label=name,
            color=_color(k),
            markersize=3.5,
            elinewidth=0.8,
        )
    axes.set_ylim(-len(rows), 0.2)
    axes.set_yticks([-i - 0.4 for i in range(len(rows))], list(rows))
    axes.set_xlim(-ROOM, 1.0 + ROOM)
    return _finish(figure, axes, x_label, "")


def timeline(
    truth: Sequence[tuple[float, float, str]],
    found: Sequence[tuple[float, str]],
    around: tuple[float, float],
    strip: tuple[float, float] | None = None,
    due: float | None = None,
) -> str:
    """What was true (bars above the line) and said (marks below), in seconds from the moment in question.

    strip: from when to when there are pictures. due: until when it had to be said.
    """
    left, right = around
    figure, axes = _figure((WIDE[0], 1.0 + 0.22 * (len(truth) + len(found))))
    for k, (start, end, label) in enumerate(truth):
        a, b = max(start, left), min(end, right)
        axes.barh(k + 0.7, max(b - a, (right - left) / 400), left=a, height=0.6, color="#9fd3cf")
        _beside(axes, a, k + 0.7, label, 3)
    for k, (t, kind) in enumerate(found):
        axes.plot([t], [-k - 0.7], marker="v", color="#c0392b", markersize=6)
        _beside(axes, t, -k - 0.7, kind, 7)
    if strip is not None:
        axes.axvspan(*strip, color="0.9", linewidth=0.0, zorder=0.2)
    if due is not None and due <= right:
        axes.axvline(due, color="#c0392b", linestyle="--", linewidth=0.9)
    axes.axhline(0.0, color="0.3", linewidth=0.8)
    axes.axvline(0.0, color="0.6", linestyle=":", linewidth=0.8)
    axes.set_xlim(left, right + (right - left) / 200)
    axes.set_ylim(-len(found) - 0.5, len(truth) + 0.5)
    axes.set_yticks([])
    return _finish(figure, axes, "s", "")


def _beside(axes: "Axes", x: float, y: float, text: str, points: float) -> None:
    """Write a word to the right of a mark."""
    axes.annotate(
        text, (x, y), (points, 0), textcoords="offset points", va="center", fontsize=8, clip_on=True
    )


def pictures(frames: Sequence[NDArray[np.int16]]) -> tuple[list[str], float, float]:
    """PNGs of frames (rows, cols) in centi-°C on one scale; and the °C at its cold and its warm end."""
    try:
        from matplotlib import colormaps  # noqa: PLC0415  (an extra)
        from matplotlib.image import imsave  # noqa: PLC0415
    except ImportError as error:
        raise MissingMatplotlibError from error
    celsius = [np.where(f == BAD_PIXEL, np.nan, f / 100.0) for f in frames]
    good = np.concatenate([c[np.isfinite(c)] for c in celsius]) if celsius else np.zeros(0)
    low, high = (float(q) for q in np.quantile(good, [0.01, 0.999])) if len(good) else (0.0, SPAN_K)
    high = max(high, low + SPAN_K)
    paint = colormaps["inferno"].with_extremes(bad="0.5")
    out = []
    for picture in celsius:
        buffer = io.BytesIO()
        scaled = np.ma.masked_invalid((picture - low) / (high - low))
        imsave(buffer, np.asarray(paint(scaled)), format="png")
        out.append(_address("png", buffer.getvalue()))
    return out, low, high


def _figure(inches: tuple[float, float]) -> "tuple[Figure, Axes]":
    try:
        from matplotlib import rc_context  # noqa: PLC0415  (an extra)
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        raise MissingMatplotlibError from error
    with rc_context(_rc()):
        figure = Figure(figsize=inches, layout="constrained")
        return figure, figure.add_subplot()


def _finish(figure: "Figure", axes: "Axes", x_label: str, y_label: str) -> str:
    from matplotlib import rc_context  # noqa: PLC0415  (an extra)

    buffer = io.BytesIO()
    with rc_context(_rc()), warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "Glyph .* missing"
        )  # its width is guessed; the reader's font draws it
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        axes.grid(visible=True, axis="both", color="0.92", linewidth=0.6)
        axes.set_axisbelow(True)
        if axes.get_legend_handles_labels()[1]:
            figure.legend(loc="outside right upper", frameon=False, fontsize=8)
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return _address("svg+xml", buffer.getvalue())


def _rc() -> Any:
    return dict(RC)  # matplotlib types its settings as a closed set of names


def _address(kind: str, raw: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(raw).decode()}"


def _color(k: int) -> str:
    return f"C{k % 10}"


def _dash(name: str, dashed: Collection[str]) -> str:
    """Names that form a family of their own (arrays on the wall) are dashed."""
    return "--" if name in dashed else "-"
