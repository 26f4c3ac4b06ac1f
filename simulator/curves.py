"""Pictures of days as curves: how warm rooms and people are.

Takes an empty figure and the seed of a run, draws homes of the cells that are evaluated. Times are those of
the home's own clock. Never decides what a suite holds and never writes files (pictures.py does).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from detectors.heatindex import heat_index_c
from simulator import suites
from simulator.bodies import body
from simulator.camera import BAD_PIXEL, Camera, Painter
from simulator.home import Home
from simulator.sight import pixel_of
from simulator.thresholds import COLD, HEAT, spells
from simulator.timelines import DAY_S, HOUR_S, ROOM_COLOURS, STEP_S, TRUTH, cell_named, day_name
from simulator.world import F64, Truth

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEVER_STEP_S: Final = 120.0
FEW: Final = 8  # heads seen in a day: fewer make no median
NEAR_PX: Final = 2  # pixels of 24x32 from the head
UPRIGHT_RAD: Final = 0.6  # trunk of who sits or stands


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
    cell = cell_named("climate", f"climate/{label}", suites.Options())
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
    axis.set_xticks([24 * k for k in days_of], [day_name(home, k) for k in days_of], ha="left")
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
            cell_named("fever", f"fever/ceiling/{shape}", suites.Options(sensors=(array,))), seed, 0
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
    axis.set_xticks(range(count), [day_name(home, k) for k in range(count)], ha="left")


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
