"""Pictures of whole days: where somebody is, and what the sensors hear.

Takes an empty figure and the seed of a run, draws homes of the cells that are evaluated. Times are those of
the home's own clock. Never decides what a suite holds and never writes files (pictures.py does).
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import numpy as np

from simulator import suites
from simulator.home import Home
from simulator.world import F64, NOWHERE, TIMEZONE, Truth

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DAY_S: Final = 86_400.0
HOUR_S: Final = 3_600.0
ROOM_COLOURS: Final = {
    "living": "#4c9f70",
    "bedroom": "#5b7fc7",
    "bathroom": "#56c1d6",
    "kitchen": "#e8a33d",
    "hall": "#b58fc2",
}
AWAY: Final = "#f0f0f0"
TRUTH: Final = "#d62728"
KIND_COLOURS: Final = {"pir": "#4c72b0", "door": "#2ca02c", "appliance-door": "#e8a33d"}
KIND_WORDS: Final = {
    "pir": "movement",
    "door": "outside door",
    "appliance-door": "fridge",
}
OF_THE_AIR: Final = ("temperature", "humidity")
DAYS: Final = 5
STEP_S: Final = 60.0


def _start(home: Home) -> datetime:
    return datetime.fromtimestamp(home.start_ms / 1000, UTC).astimezone(ZoneInfo(TIMEZONE))


def day_name(home: Home, day: int) -> str:
    """Weekday and date of the home's n-th day."""
    return f"{_start(home) + timedelta(days=day):%a %d %b}"


def _hours(axis: "Axes") -> None:
    axis.set_xlim(0, 24)
    axis.set_xticks(range(0, 25, 2), [f"{h:02d}:00" for h in range(0, 25, 2)])


def cell_named(suite: str, name: str, options: suites.Options) -> suites.Cell:
    """Give the cell that is evaluated under this name."""
    return next(c for c in suites.cells(suite, options) if c.name == name)


# --- days ------------------------------------------------------------------------------------------


def days(figure: "Figure", seed: int) -> None:
    """A strip of rooms a day; beneath, for the day of the fall, steps and what sensors say."""
    cell = cell_named("days", "days/ceiling/24x32/winter", suites.Options(days=DAYS, sensors=("mlx90640",)))
    home = suites.home(cell, seed, 0)
    count = round(home.duration_s / DAY_S)
    falls = [t for t in home.actors[0].motion.truth if t.label.startswith("fall:")]
    shown = int(falls[0].start_s // DAY_S) if falls else 0
    figure.set_size_inches(12, 8)
    strip, active, heard = figure.subplots(3, 1, height_ratios=(0.34 * count + 0.6, 1, 3), sharex=True)
    _strip(strip, home, count, falls)
    _activity(active, home, shown)
    _events(heard, home, shown)
    for fell in falls:
        if int(fell.start_s // DAY_S) == shown:
            for axis in (active, heard):
                axis.axvline(fell.start_s % DAY_S / HOUR_S, color=TRUTH, linewidth=1.5)
    _hours(heard)
    heard.set_xlabel("local time")
    figure.suptitle("Days of somebody who lives alone: which room they are in, and one day in detail")


def _strip(axis: "Axes", home: Home, count: int, falls: Sequence[Truth]) -> None:
    t_s: F64 = np.arange(0.0, home.duration_s, STEP_S)
    room, _ = home.where(home.start_ms + (t_s * 1000).astype(np.int64))
    turn = np.flatnonzero(np.diff(room)) + 1
    edges = np.unique(np.concatenate([[0], turn, np.arange(0, len(t_s), round(DAY_S / STEP_S)), [len(t_s)]]))
    for a, b in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        where = int(room[a])
        colour = AWAY if where == NOWHERE else ROOM_COLOURS[home.plan.rooms[where].kind]
        row, hour = divmod(t_s[a], DAY_S)
        axis.barh(row, (b - a) * STEP_S / HOUR_S, left=hour / HOUR_S, height=0.8, color=colour, linewidth=0)
    for fell in falls:
        down = next(
            (t for t in home.actors[0].motion.truth if t.label == "down" and t.start_s >= fell.end_s), fell
        )
        day, hour = divmod(fell.start_s, DAY_S)
        axis.barh(
            day,
            (down.end_s - fell.start_s) / HOUR_S,
            left=hour / HOUR_S,
            height=0.8,
            color=TRUTH,
            linewidth=0,
        )
        axis.annotate(
            "falls and lies\non the floor",
            (hour / HOUR_S, day),
            (hour / HOUR_S + 1.6, day - 0.9),
            color=TRUTH,
            fontweight="bold",
            arrowprops={"arrowstyle": "->", "color": TRUTH},
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.5},
            zorder=5,
        )
    axis.set_yticks(range(count), [day_name(home, k) for k in range(count)])
    axis.set_ylim(count - 0.5, -0.5)
    named = [
        *((home_room.kind, ROOM_COLOURS[home_room.kind]) for home_room in home.plan.rooms),
        ("away", AWAY),
    ]
    from matplotlib.patches import Patch  # noqa: PLC0415  (an extra)

    keys = [Patch(fc=colour, ec="0.7" if name == "away" else "none", label=name) for name, colour in named]
    axis.legend(handles=keys, ncols=len(named), loc="lower left", bbox_to_anchor=(0, 1), frameon=False)


def _activity(axis: "Axes", home: Home, day: int) -> None:
    """Metres walked in every five minutes."""
    step_s, bin_s = 1.0, 300.0
    t_s: F64 = day * DAY_S + np.arange(0.0, DAY_S, step_s)
    room, place = home.where(home.start_ms + (t_s * 1000).astype(np.int64))
    moved = np.hypot(*np.diff(place, axis=0, append=place[-1:]).T)
    moved[np.diff(room, append=room[-1]) != 0] = 0.0
    walked = np.nan_to_num(moved).reshape(-1, round(bin_s / step_s)).sum(axis=1)
    axis.bar(np.arange(len(walked)) * bin_s / HOUR_S, walked, bin_s / HOUR_S, align="edge", color="0.4")
    axis.set_ylabel("m walked\nin 5 min")
    axis.set_title(f"{day_name(home, day)}", loc="left", fontsize=9)


def _events(axis: "Axes", home: Home, day: int) -> None:
    """One row a sensor: a mark for every reading."""
    heard = home.events
    if heard is None:
        return
    lines: dict[str, list[int]] = {}
    for k in sorted(range(len(heard.sensors)), key=lambda k: (heard.sensors[k].kind, heard.sensors[k].name)):
        one = heard.sensors[k]
        lines.setdefault(f"{one.kind}, all rooms" if one.kind in OF_THE_AIR else one.name, []).append(k)
    inside = (heard.t_s >= day * DAY_S) & (heard.t_s < (day + 1) * DAY_S)
    for y, of in enumerate(lines.values()):
        colour = KIND_COLOURS.get(heard.sensors[of[0]].kind, "0.45")
        t = heard.t_s[inside & np.isin(heard.sensor, of)] % DAY_S / HOUR_S
        axis.plot(t, np.full(len(t), y), "|", color=colour, markersize=7)
    axis.set_yticks(range(len(lines)), list(lines), fontsize=8)
    axis.set_ylim(len(lines) - 0.4, -0.6)
    axis.set_title("what the home's other sensors send", loc="left", fontsize=9)


# --- collapses -------------------------------------------------------------------------------------

BEFORE_DAYS: Final = 6
AFTER_DAYS: Final = 2


def collapses(figure: "Figure", seed: int) -> None:
    """Movements and doors of two homes day by day, up to a collapse and through the silence after it."""
    figure.set_size_inches(12, 4.8)
    for axis, kind, words in zip(
        figure.subplots(1, 2),
        ("active", "night"),
        ("Collapse in the middle of the day", "Collapse in the night, out of bed"),
        strict=True,
    ):
        home = suites.home(cell_named("collapses", f"collapses/{kind}", suites.Options()), seed, 0)
        _silence(axis, home, f"collapse:{kind}")
        axis.set_title(words, fontsize=10)
    figure.legend(
        *figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False
    )
    figure.suptitle(
        "What motion sensors and doors say, one row a day: "
        "after a collapse somebody struggles for an hour or two, then the home is silent"
    )


def _silence(axis: "Axes", home: Home, label: str) -> None:
    heard = home.events
    fell = next((t for t in home.truth if t.label == label), None)
    if heard is None or fell is None:
        return
    last = min(int(fell.start_s // DAY_S) + AFTER_DAYS, round(home.duration_s / DAY_S) - 1)
    first = max(last - BEFORE_DAYS - AFTER_DAYS, 0)
    for kind, colour in KIND_COLOURS.items():
        of = [k for k, s in enumerate(heard.sensors) if s.kind == kind]
        t = heard.t_s[np.isin(heard.sensor, of) & (heard.value == 1)]
        t = t[(t >= first * DAY_S) & (t < (last + 1) * DAY_S)]
        axis.plot(
            t % DAY_S / HOUR_S, t // DAY_S, "|", color=colour, markersize=11, markeredgewidth=0.6, alpha=0.7
        )
        axis.plot([], [], "|", color=colour, markersize=11, markeredgewidth=2, label=KIND_WORDS[kind])
    for day in range(int(fell.start_s // DAY_S), int(fell.end_s // DAY_S) + 1):
        a, b = max(fell.start_s, day * DAY_S), min(fell.end_s, (day + 1) * DAY_S)
        axis.barh(
            day,
            (b - a) / HOUR_S,
            left=a % DAY_S / HOUR_S,
            height=0.9,
            color=TRUTH,
            alpha=0.25,
            linewidth=0,
            label="lies on the floor, nobody knows" if day == int(fell.start_s // DAY_S) else None,
        )
    axis.plot(fell.start_s % DAY_S / HOUR_S, fell.start_s // DAY_S - 0.3, "v", color=TRUTH, markersize=9)
    for moment, words, side in ((fell.start_s, "collapses", "right"), (fell.end_s, "is found", "left")):
        axis.annotate(
            words,
            (moment % DAY_S / HOUR_S, moment // DAY_S),
            (moment % DAY_S / HOUR_S + (0.4 if side == "left" else -0.4), moment // DAY_S),
            ha=side,
            va="center",
            color=TRUTH,
            fontweight="bold",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.9, "pad": 1.5},
            zorder=6,
        )
    axis.set_yticks(range(first, last + 1), [day_name(home, k) for k in range(first, last + 1)])
    axis.set_ylim(last + 0.6, first - 0.6)
    _hours(axis)
    axis.tick_params(axis="x", labelrotation=60)
