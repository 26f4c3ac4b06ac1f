"""Pictures of whole days: where somebody is, what the sensors hear, how warm rooms and people are.

Takes an empty figure and the seed of a run, draws homes of the cells that are evaluated. Times are those of
the home's own clock. Never decides what a suite holds and never writes files (pictures.py does).
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import numpy as np

from simulator import lives, suites
from simulator.bodies import body
from simulator.camera import BAD_PIXEL, Camera, Painter, axes
from simulator.home import Home
from simulator.thresholds import COLD, HEAT, heat_index_c, spells
from simulator.world import F64, NOWHERE, Truth

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
FEVER_STEP_S: Final = 120.0
FEW: Final = 8  # heads seen in a day: fewer make no median
NEAR_PX: Final = 2  # pixels of 24x32 from the head
UPRIGHT_RAD: Final = 0.6  # trunk of who sits or stands


def _start(home: Home) -> datetime:
    return datetime.fromtimestamp(home.start_ms / 1000, UTC).astimezone(ZoneInfo(lives.TIMEZONE))


def _day(home: Home, day: int) -> str:
    return f"{_start(home) + timedelta(days=day):%a %d %b}"


def _hours(axis: "Axes") -> None:
    axis.set_xlim(0, 24)
    axis.set_xticks(range(0, 25, 2), [f"{h:02d}:00" for h in range(0, 25, 2)])


def _cell(suite: str, name: str, options: suites.Options) -> suites.Cell:
    return next(c for c in suites.cells(suite, options) if c.name == name)


def pixel_of(camera: Camera, place_m: F64) -> tuple[float, float]:
    """Row and column (fractions too, also outside the picture) of a place (3,) in the camera's room."""
    right, down, ahead = axes(camera) @ (place_m - np.array([camera.x_m, camera.y_m, camera.height_m]))
    out = max(float(np.hypot(right, down)), 1e-9)
    deg = float(np.degrees(np.arctan2(out, ahead))) / out
    row = down * deg / camera.fov_down_deg * camera.rows + (camera.rows - 1) / 2
    col = right * deg / camera.fov_deg * camera.cols + (camera.cols - 1) / 2
    return float(row), float(col)


# --- days ------------------------------------------------------------------------------------------


def days(figure: "Figure", seed: int) -> None:
    """A strip of rooms a day; beneath, for the day of the fall, steps and what sensors say."""
    cell = _cell("days", "days/ceiling/24x32/winter", suites.Options(days=DAYS, sensors=("mlx90640",)))
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
    axis.set_yticks(range(count), [_day(home, k) for k in range(count)])
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
    axis.set_title(f"{_day(home, day)}", loc="left", fontsize=9)


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
        home = suites.home(_cell("collapses", f"collapses/{kind}", suites.Options()), seed, 0)
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
    axis.set_yticks(range(first, last + 1), [_day(home, k) for k in range(first, last + 1)])
    axis.set_ylim(last + 0.6, first - 0.6)
    _hours(axis)
    axis.tick_params(axis="x", labelrotation=60)


# --- climate ---------------------------------------------------------------------------------------


def climate(figure: "Figure", seed: int) -> None:
    """The true temperature of the first room that becomes dangerous, with levels, dwell and truth."""
    figure.set_size_inches(12, 7)
    cold, hot = figure.subplots(2, 1)
    home = _dangerous(seed, "cold")
    _levels(
        cold,
        home,
        "cold",
        [f"below {level:.0f} °C {f'for {_dwell(s)}' if s else 'at once'}" for level, s in COLD],
        "heating fails in winter",
    )
    home = _dangerous(seed, "heat")
    _levels(
        hot, home, "heat", [f"feels like {level:.0f} °C for {_dwell(s)}" for level, s in HEAT], "heat wave"
    )
    figure.suptitle("Rooms that become dangerous: the truth begins when a level was passed for long enough")


def _dangerous(seed: int, label: str) -> Home:
    """The first home of the cell in which it comes to that."""
    cell = _cell("climate", f"climate/{label}", suites.Options())
    every = (suites.home(cell, seed, k) for k in range(cell.homes))
    return next((h for h in every if any(t.label == label for t in h.truth)), suites.home(cell, seed, 0))


def _dwell(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds < HOUR_S else f"{seconds / HOUR_S:.0f} h"


def _levels(axis: "Axes", home: Home, label: str, words: Sequence[str], title: str) -> None:
    air, levels = home.air, COLD if label == "cold" else HEAT
    fine: F64 = np.arange(air.t_s[0], min(air.t_s[-1], home.duration_s), STEP_S)
    values = [
        np.interp(fine, air.t_s, air.temperature_c[:, k])
        if label == "cold"
        else heat_index_c(
            np.interp(fine, air.t_s, air.temperature_c[:, k]), np.interp(fine, air.t_s, air.humidity[:, k])
        )
        for k in range(air.temperature_c.shape[1])
    ]
    for k, (room, value) in enumerate(zip(home.plan.rooms, values, strict=True)):
        axis.plot(fine / HOUR_S, value, color=ROOM_COLOURS[room.kind], linewidth=1.3, label=room.name)
        if label == "heat":
            plain = np.interp(fine, air.t_s, air.temperature_c[:, k])
            axis.plot(fine / HOUR_S, plain, ":", color=ROOM_COLOURS[room.kind], linewidth=0.8)
    shown = [k for k, (level, _) in enumerate(levels) if _reached(values, level, label)]
    for k in shown or [0]:
        axis.axhline(levels[k][0], color="0.35", linestyle="--", linewidth=0.9)
        axis.annotate(words[k], (0.4, levels[k][0]), va="bottom", fontsize=8, color="0.25")
    for n, row in enumerate(t for t in home.truth if t.label == label):
        axis.axvspan(
            row.start_s / HOUR_S,
            row.end_s / HOUR_S,
            color=TRUTH,
            alpha=0.15,
            linewidth=0,
            label=f"truth: {label}" if n == 0 else None,
        )
        _mark_dwell(axis, fine, values, label, row)
    axis.set_xlim(0, fine[-1] / HOUR_S)
    days_of = range(int(fine[-1] // DAY_S) + 1)
    axis.set_xticks([24 * k for k in days_of], [_day(home, k) for k in days_of], ha="left")
    axis.set_xticks(np.arange(0, fine[-1] / HOUR_S, 6), minor=True)
    axis.set_ylabel("room, °C" if label == "cold" else "feels like, °C\n(dotted: thermometer)")
    axis.set_title(title, loc="left")
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)


def _reached(values: Sequence[F64], level: float, label: str) -> bool:
    return any((v < level).any() if label == "cold" else (v >= level).any() for v in values)


def _mark_dwell(axis: "Axes", t_s: F64, values: Sequence[F64], label: str, row: Truth) -> None:
    """Hatch the time from the passing of the level to the beginning of the truth."""
    sign = 1.0 if label == "cold" else -1.0
    for level, dwell_s in COLD if label == "cold" else HEAT:
        for value in values:
            begun = [
                a for a, _ in spells(t_s, sign * value, sign * level) if abs(a + dwell_s - row.start_s) < 120
            ]
            if begun and dwell_s:
                axis.axvspan(begun[0] / HOUR_S, row.start_s / HOUR_S, fc="none", ec=TRUTH, hatch="////", lw=0)
                axis.annotate(
                    f"dwell {_dwell(dwell_s)}",
                    (begun[0] / HOUR_S, level),
                    (begun[0] / HOUR_S - 1, level + 2.0 * sign),
                    ha="right",
                    fontsize=8,
                    color=TRUTH,
                    fontweight="bold",
                    bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.0},
                    arrowprops={"arrowstyle": "->", "color": TRUTH},
                )
                return


# --- fever -----------------------------------------------------------------------------------------


def fever(figure: "Figure", seed: int) -> None:
    """The core temperature over days, and what the hottest pixels of each array make of it."""
    arrays = (("mlx90640", "24x32"), ("amg8833", "8x8"))
    figure.set_size_inches(12, 7)
    rows = figure.subplots(1 + len(arrays), 1, height_ratios=(1, *(1.6 for _ in arrays)), sharex=True)
    for n, (array, shape) in enumerate(arrays):
        home = suites.home(
            _cell("fever", f"fever/ceiling/{shape}", suites.Options(sensors=(array,))), seed, 0
        )
        onset_s = next(t.start_s for t in home.truth if t.label == "fever-trend")
        if n == 0:
            _core(rows[0], home, onset_s)
        _hottest(rows[1 + n], home, onset_s, shape)
    figure.legend(*rows[1].get_legend_handles_labels(), loc="outside lower center", frameon=False, ncols=4)
    figure.suptitle(
        "A fever, and how little of it an array on the ceiling sees: hottest pixels at the head of who is up"
    )


def _core(axis: "Axes", home: Home, onset_s: float) -> None:
    who = home.actors[0]
    t_s: F64 = np.linspace(0, home.duration_s, 1000)
    axis.plot(t_s / DAY_S, np.interp(t_s, who.core_t_s, who.core_c), color=TRUTH)
    axis.axvspan(onset_s / DAY_S, home.duration_s / DAY_S, color=TRUTH, alpha=0.15, linewidth=0)
    axis.annotate("truth: fever-trend", (onset_s / DAY_S, 37.2), ha="left", color=TRUTH)
    axis.set_ylabel("core, °C")
    count = round(home.duration_s / DAY_S)
    axis.set_xlim(0, count)
    axis.set_xticks(range(count), [_day(home, k) for k in range(count)], ha="left")


def _hottest(axis: "Axes", home: Home, onset_s: float, shape: str) -> None:
    """The hottest pixels of each frame above the room (grey), and those of them around the head of somebody
    who sits or stands (colours) with each day's median.
    """
    t_s: F64 = np.arange(FEVER_STEP_S, home.duration_s, FEVER_STEP_S)
    who = home.actors[0]
    pose, room = who.motion.at(t_s)
    count = round(home.duration_s / DAY_S)
    by_day: list[list[float]] = [[] for _ in range(count)]
    for eye in home.eyes:
        centi = Painter(eye.camera, eye.room, home.actors, home.sources, home.air).draw(t_s)
        here = np.flatnonzero(room == eye.room)
        kelvin = np.where(centi == BAD_PIXEL, np.nan, centi / 100.0)[here]
        kelvin -= np.nanmedian(kelvin, axis=(1, 2), keepdims=True)
        axis.plot(t_s[here] / DAY_S, np.nanmax(kelvin, axis=(1, 2)), ".", markersize=1.5, color="0.75")
        heads = body(who.build, pose[here]).centre_m[:, 0]
        up = np.flatnonzero(np.abs(pose[here, 4]) < UPRIGHT_RAD)
        seen = [(int(k), _around(eye.camera, kelvin[k], heads[k])) for k in up]
        kept = [(t_s[here[k]], k_above) for k, k_above in seen if np.isfinite(k_above)]
        for t, above in kept:
            by_day[int(t // DAY_S)].append(above)
        name = home.plan.rooms[eye.room].kind
        axis.plot(
            *np.array(kept).reshape(-1, 2).T / [[DAY_S], [1]], ".", ms=4, color=ROOM_COLOURS[name], label=name
        )
    for day, values in enumerate(by_day):
        if len(values) >= FEW:
            axis.plot([day, day + 1], [np.median(values)] * 2, color="black", linewidth=2)
            axis.annotate(
                f"{np.median(values):.1f}", (day + 0.5, np.median(values)), va="bottom", fontweight="bold"
            )
    axis.plot([], [], ".", ms=4, color="0.75", label="hottest pixel anywhere (radiator, kettle, …)")
    axis.plot([], [], color="black", linewidth=2, label="median of the day, at the head")
    axis.axvspan(onset_s / DAY_S, home.duration_s / DAY_S, color=TRUTH, alpha=0.15, linewidth=0)
    axis.set_ylim(0, max((np.percentile(v, 98) for v in by_day if v), default=10.0) + 3)
    axis.set_ylabel(f"{shape} pixels:\nK above the room")


def _around(camera: Camera, kelvin: F64, place_m: F64) -> float:
    """The hottest pixel at most NEAR_PX (of 24x32) from a place; NaN where that is out of the picture."""
    row, col = pixel_of(camera, place_m)
    near = max(1, round(NEAR_PX * camera.cols / 32))
    if not (0 <= row <= camera.rows - 1 and 0 <= col <= camera.cols - 1):
        return float("nan")
    y, x = round(row), round(col)
    return float(np.nanmax(kelvin[max(y - near, 0) : y + near + 1, max(x - near, 0) : x + near + 1]))
