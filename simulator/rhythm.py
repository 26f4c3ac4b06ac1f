"""The rhythm of event traces in figures: when homes stir, how long they are silent, how doors are used.

Takes a trace of events (recorded or simulated) or lives some homes itself; gives figures per home, a table
and a picture that stand recorded and simulated homes side by side. Only openings and movements count
(value 1): the recorded homes (TIHM, doi 10.1038/s41597-023-02519-y) send nothing else. Gaps over 12 h are
unexplained (DESIGN section 8): they are counted, and left out of everything else. Never writes a trace.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np

from guardian.trace import Trace
from simulator.world import F64, I64, Bools

DAY_S: Final = 86_400.0
UNEXPLAINED_S: Final = 12 * 3600.0
DAYTIME_S: Final = (8 * 3600.0, 20 * 3600.0)  # DESIGN section 8: day = 08:00 to 20:00 local
SILENCE_S: Final = 600.0  # a silence worth counting
SAME_USE_S: Final = 60.0  # openings of one door that belong together
AT_THE_DOOR_S: Final = 90.0  # an opening so close to a silence belongs to going out or coming home
FEW_DAYS: Final = 7.0  # the shortest recordings last 2.4 to 5.4 days, too short for tails
KINDS: Final = ("pir", "door", "appliance-door")


@dataclass(frozen=True, slots=True)
class Stream:
    """The movements and openings of one home."""

    home: str
    t_ms: I64
    """(N,) in order."""
    kind: I64
    """(N,) index into KINDS."""
    sensor: I64
    """(N,) tells sensors apart."""
    timezone: str


@dataclass(frozen=True, slots=True)
class HomeFigures:
    """One home in figures; all but `by_hour` are plain numbers, named in NAMES."""

    home: str
    days: float
    """Watched, without unexplained gaps."""
    by_hour: F64
    """(3, 24) events per hour of the local day, of each of KINDS."""
    gap_s: F64
    """(200,) quantiles of the gaps, from 0.25 % to 99.75 %."""
    values: Mapping[str, float]


NAMES: Final[Mapping[str, str]] = {
    "events_per_day": "events per day",
    "day_spread": "spread of events per day within a home (sd / mean)",
    "night_per_day": "events 00–05 h per night",
    "first_h": "first event after 04:30, median hour",
    "last_h": "last event before 03:00, median hour",
    "gap_p50_s": "gap p50, s",
    "gap_p90_s": "gap p90, s",
    "gap_p99_s": "gap p99, s",
    "gap_p999_s": "gap p99.9, s",
    "over_1h": "gaps over 1 h per day",
    "over_2h": "gaps over 2 h per day",
    "over_4h": "gaps over 4 h per day",
    "over_8h": "gaps over 8 h per day",
    "over_12h": "unexplained gaps (over 12 h) per 100 days",
    "longest_h": "longest gap of a day, median h",
    "indoor_per_day": "daytime silences over 10 min at home, per day",
    "indoor_p90_min": "their length p90, min",
    "indoor_p99_min": "their length p99, min",
    "door_uses": "uses of outside doors per day",
    "door_openings": "openings per use",
    "fridge_uses": "uses of the fridge per day",
    "fridge_openings": "openings per use of the fridge",
    "outings": "outings (door, silence, door) per day",
    "outing_p50_min": "their length p50, min",
    "outing_p90_min": "their length p90, min",
    "floor_3h": "false alarms per week of the plain rule, 3 daytime hours",
    "floor_6h": "false alarms per week of the plain rule, 6 daytime hours",
}
"""What stands in the table. The plain rule alarms after so many daytime hours without an event, unless the
last one was an outside door: it is the floor that detectors have to beat."""


@dataclass(frozen=True, slots=True)
class Figures:
    """All homes of a trace in figures."""

    homes: tuple[HomeFigures, ...]

    def spread(self, name: str) -> F64:
        """10th, 50th and 90th percentile over homes watched for a week and more; NaN where none has it."""
        values = np.array([h.values[name] for h in self.homes if h.days >= FEW_DAYS])
        values = values[np.isfinite(values)]
        return np.percentile(values, (10, 50, 90)) if len(values) else np.full(3, np.nan)

    def pooled(self, name: str) -> float:
        """Mean over the homes, each weighed by its days; NaN where no home has it."""
        value, days = np.array([(h.values[name], h.days) for h in self.homes]).reshape(-1, 2).T
        has = np.isfinite(value)
        return float(np.average(value[has], weights=days[has])) if has.any() else float("nan")


# --- figures ---------------------------------------------------------------------------------------


def figures(trace: Trace, homes: Sequence[str] | None = None) -> Figures:
    """Measure a trace's homes (None: all of them). Raises TraceError for files that cannot be read."""
    chosen = trace.homes if homes is None else tuple(homes)
    return Figures(tuple(measure(s) for s in (_stream(trace, h) for h in chosen) if len(s.t_ms) > 1))


def _stream(trace: Trace, home: str) -> Stream:
    known = {s.name: (k, s.kind) for k, s in enumerate(trace.sensors) if s.home == home and s.kind in KINDS}
    rows = [
        (e.t_ms, KINDS.index(known[e.sensor][1]), known[e.sensor][0])
        for e in trace.events(home)
        if e.sensor in known and e.value == 1
    ]
    t, kind, sensor = np.array(rows, np.int64).reshape(-1, 3).T
    return Stream(home, t, kind, sensor, trace.timezone)


def measure(stream: Stream) -> HomeFigures:
    """Measure one home; figures without any event to tell of are NaN."""
    t = _local_s(stream.t_ms, stream.timezone)
    gap = np.diff(t)
    dark = gap > UNEXPLAINED_S
    days = float((t[-1] - t[0] - gap[dark].sum()) / DAY_S)
    hour = (t % DAY_S // 3600).astype(np.int64)
    by_hour = np.stack([np.bincount(hour[stream.kind == k], minlength=24) / days for k in range(len(KINDS))])
    values = _pace(t, days) | _gaps(t, gap, dark, days) | _doors(stream, t, days)
    values |= _silences(t, gap, dark, stream.kind == KINDS.index("door"), days)
    quantiles = np.quantile(gap[~dark], (np.arange(200) + 0.5) / 200)
    return HomeFigures(stream.home, days, by_hour, quantiles, values)


def _local_s(t_ms: I64, timezone: str) -> F64:
    """Seconds of the local clock since 1970; events of one hour share their offset."""
    hours, of = np.unique(t_ms // 3_600_000, return_inverse=True)
    zone = ZoneInfo(timezone)
    offset = [datetime.fromtimestamp(h * 3600, UTC).astimezone(zone).utcoffset() for h in hours.tolist()]
    offset_s: F64 = np.array([o.total_seconds() if o else 0.0 for o in offset])[of]
    return t_ms / 1000.0 + offset_s


def _percentile(values: F64, q: float) -> float:
    return float(np.percentile(values, q)) if len(values) else float("nan")


def _pace(t: F64, days: float) -> dict[str, float]:
    day = (t // DAY_S).astype(np.int64)
    whole = np.bincount(day - day[0])[1:-1]
    whole = whole[whole > 0]
    clock = t % DAY_S
    morning = [float(m[0]) for m in _by_day(t - 4.5 * 3600, t)]
    evening = [float(m[-1]) for m in _by_day(t - 3 * 3600, t)]
    first = [((m - 4.5 * 3600) % DAY_S + 4.5 * 3600) / 3600 for m in morning[1:]]
    last = [((m - 3 * 3600) % DAY_S + 3 * 3600) / 3600 for m in evening[:-1]]
    return {
        "events_per_day": len(t) / days,
        "day_spread": float(whole.std() / whole.mean()) if len(whole) > 4 else float("nan"),
        "night_per_day": float((clock < 5 * 3600).sum() / days),
        "first_h": _percentile(np.array(first), 50),
        "last_h": _percentile(np.array(last), 50),
    }


def _by_day(shifted: F64, t: F64) -> list[F64]:
    """Cut at each midnight of the shifted clock."""
    day = (shifted // DAY_S).astype(np.int64)
    return np.split(t, np.flatnonzero(np.diff(day)) + 1)


def _gaps(t: F64, gap: F64, dark: Bools, days: float) -> dict[str, float]:
    g = gap[~dark]
    longest = np.full(int(t[-1] // DAY_S - t[0] // DAY_S) + 1, 0.0)
    np.maximum.at(longest, (t[1:][~dark] // DAY_S - t[0] // DAY_S).astype(np.int64), g)
    out = {f"gap_p{str(q).replace('.', '')}_s": _percentile(g, q) for q in (50, 90, 99, 99.9)}
    out |= {f"over_{h}h": float((g > h * 3600).sum() / days) for h in (1, 2, 4, 8)}
    out["over_12h"] = float(100 * dark.sum() / days)
    out["longest_h"] = _percentile(longest[longest > 0] / 3600, 50)
    return out


def _uses(t: F64, sensor: I64) -> tuple[int, int]:
    """Uses and openings of the doors: openings of one door within a minute are one use."""
    uses = 0
    for s in np.unique(sensor):
        uses += 1 + int((np.diff(t[sensor == s]) > SAME_USE_S).sum())
    return uses, len(t)


def _doors(stream: Stream, t: F64, days: float) -> dict[str, float]:
    out = {}
    for name, kind in (("door", 1), ("fridge", 2)):
        of = stream.kind == kind
        uses, openings = _uses(t[of], stream.sensor[of])
        out[f"{name}_uses"] = uses / days if uses else float("nan")
        out[f"{name}_openings"] = openings / uses if uses else float("nan")
    return out


def _silences(t: F64, gap: F64, dark: Bools, door: Bools, days: float) -> dict[str, float]:
    """Silences by day, told apart by whether a door was opened before and after; and the plain rule."""
    opened = t[door]
    before = np.searchsorted(opened, t[:-1], "right") - np.searchsorted(opened, t[:-1] - AT_THE_DOOR_S)
    after = np.searchsorted(opened, t[1:] + AT_THE_DOOR_S, "right") - np.searchsorted(opened, t[1:])
    clock = t[:-1] % DAY_S
    by_day = (gap > SILENCE_S) & ~dark & (clock >= DAYTIME_S[0]) & (clock < DAYTIME_S[1])
    out_min = gap[by_day & (before > 0) & (after > 0)] / 60
    in_min = gap[by_day & (before == 0)] / 60
    waited = _daytime(t[1:]) - _daytime(t[:-1])
    unsure = ~door[:-1] & ~dark
    return {
        "indoor_per_day": len(in_min) / days,
        "indoor_p90_min": _percentile(in_min, 90),
        "indoor_p99_min": _percentile(in_min, 99),
        "outings": len(out_min) / days,
        "outing_p50_min": _percentile(out_min, 50),
        "outing_p90_min": _percentile(out_min, 90),
        "floor_3h": float(7 * (unsure & (waited >= 3 * 3600)).sum() / days),
        "floor_6h": float(7 * (unsure & (waited >= 6 * 3600)).sum() / days),
    }


def _daytime(t: F64) -> F64:
    """Seconds of daytime since 1970."""
    a, b = DAYTIME_S
    return t // DAY_S * (b - a) + np.clip(t % DAY_S, a, b) - a


# --- side by side ----------------------------------------------------------------------------------


def table(columns: Mapping[str, Figures]) -> str:
    """A Markdown table: mean over all days; median over the homes (their 10th–90th percentile)."""
    lines = ["| | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
    size = " | ".join(f"{len(f.homes)}, {sum(h.days for h in f.homes):.0f}" for f in columns.values())
    lines.append(f"| homes, days | {size} |")
    for name, words in NAMES.items():
        cells = []
        for f in columns.values():
            low, mid, high = f.spread(name)
            cells.append(f"{_short(f.pooled(name))}; {_short(mid)} ({_short(low)}–{_short(high)})")
        lines.append(f"| {words} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _short(value: float) -> str:
    if not np.isfinite(value):
        return "–"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _boxes(
    axis: Any, both: Sequence[tuple[str, Figures, str]], names: Mapping[str, str], *, log: bool = False
) -> None:
    """One box per figure and side, over the homes watched for a week and more."""
    for k, (_, f, colour) in enumerate(both):
        homes = [h for h in f.homes if h.days >= FEW_DAYS]
        data = [[h.values[n] for h in homes if np.isfinite(h.values[n])] for n in names]
        where = [i + 0.36 * k - 0.18 for i in range(len(names))]
        style = {"color": colour}
        axis.boxplot(
            data, positions=where, widths=0.3, sym=".", boxprops=style, medianprops=style, manage_ticks=False
        )
    if log:
        axis.set_yscale("log")
    axis.set_xticks(range(len(names)), list(names.values()), rotation=30, ha="right")
    axis.set_title("spread between homes")


def draw(recorded: Figures, simulated: Figures, path: Path) -> None:
    """Draw both side by side as a PNG: hours of the day, gaps, doors, and the spread between homes.

    Raises RuntimeError when matplotlib (extra `lab`) is missing.
    """
    try:
        import matplotlib as mpl  # noqa: PLC0415  (only those who draw need it)

        mpl.use("Agg")
        import matplotlib.pyplot as plt  # noqa: PLC0415
    except ImportError as error:
        raise RuntimeError("drawing needs matplotlib: pip install 'guardian-care[lab]'") from error
    both = (("recorded", recorded, "tab:blue"), ("simulated", simulated, "tab:orange"))
    figure, axes = plt.subplots(2, 3, figsize=(13, 7.5))
    for k, words in enumerate(("movements", "outside doors", "fridge")):
        axis = axes[0, k]
        for label, f, colour in both:
            hours = np.stack([h.by_hour[k] for h in f.homes])
            low, mid, high = np.percentile(hours, (10, 50, 90), axis=0)
            axis.fill_between(range(24), low, high, color=colour, alpha=0.2, linewidth=0)
            axis.plot(mid, color=colour, label=label)
        axis.set(title=f"{words} per hour of the day", xlabel="local hour", xticks=range(0, 24, 4))
    axes[0, 0].legend()
    for label, f, colour in both:
        gaps = np.stack([h.gap_s for h in f.homes])
        share = 1 - (np.arange(gaps.shape[1]) + 0.5) / gaps.shape[1]
        for row in gaps:
            axes[1, 0].loglog(row, share, color=colour, alpha=0.15, linewidth=0.7)
        axes[1, 0].loglog(np.median(gaps, axis=0), share, color=colour, label=label)
    axes[1, 0].set(title="gaps between events longer than", xlabel="s", ylabel="share", xlim=(1, 5e4))
    rare = {
        "over_1h": "gaps over 1 h a day",
        "over_4h": "gaps over 4 h a day",
        "outings": "outings a day",
        "floor_3h": "plain rule 3 h, false a week",
        "floor_6h": "plain rule 6 h, false a week",
    }
    often = {
        "events_per_day": "events a day",
        "indoor_p99_min": "silences by day p99, min",
        "door_uses": "uses of doors a day",
        "fridge_uses": "uses of the fridge a day",
        "night_per_day": "events 00–05 h",
    }
    _boxes(axes[1, 1], both, rare)
    _boxes(axes[1, 2], both, often, log=True)
    figure.suptitle("Median home (line) and 80 % of the homes (band)")
    figure.tight_layout()
    figure.savefig(path, dpi=100, metadata={"Software": None})
    plt.close(figure)
