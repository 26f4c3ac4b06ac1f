"""One picture a suite: what is simulated, so that somebody new sees it at a glance.

Takes a suite and the seed of a run, draws homes of exactly the cells that are evaluated (suites.py), writes
a PNG. Scenes of minutes are drawn here, whole days in timelines.py and curves.py. Never runs a detector;
needs matplotlib (`guardian-care[lab]`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from simulator import curves, suites, timelines
from simulator.bodies import body
from simulator.camera import BAD_PIXEL, Camera, Painter
from simulator.cameras import PRESETS
from simulator.faults import GatewayDark
from simulator.home import Eye, Home
from simulator.nuisances import NUISANCES
from simulator.plots import MissingMatplotlibError
from simulator.residue import residues
from simulator.sight import pixel_of
from simulator.world import F64, NOWHERE, Actor, Room, Truth

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

FALL_KINDS: Final = ("trip", "sideways", "slip", "faint")  # those that begin with somebody on their feet
COARSE: Final = "amg8833"
FRAMES: Final = 9
REST_S: Final = (1.0, 20.0)  # two frames of somebody who lies there
STEP_S: Final = 2.0  # between the frames among which the most telling one of a nuisance is looked for
AHEAD_S: Final = 20.0  # before the first of them, so that the sensor has settled
SPAN_K: Final = (-2.0, 9.0)  # colours of a frame, around its median: people are 4 to 8 K above the room
LOOKED_AT: Final = 6  # homes of a cell among which the one that shows its kind best is drawn
STREET: Final = 60
COLOURS: Final = 256  # of the files: half as large as with all colours, and nobody sees it
CAPTIONS: Final[Mapping[str, str]] = {
    "kneel": "kneels",
    "clean-floor": "wipes the floor\non all fours",
    "sit-on-floor": "sits on the floor",
    "tie-shoes": "ties shoes",
    "bend": "bends down",
    "exercise": "gymnastics",
    "bed": "lies in bed\nunder a blanket",
    "sofa": "lies on the sofa",
    "bath": "takes a bath",
    "sun": "patch of sun",
    "radiator": "radiator",
    "kettle": "kettle",
    "pan": "hot pan",
    "drink": "hot drink",
    "tv": "television",
    "warm-seat": "seat still warm\nfrom somebody",
    "steam": "steam over a tub",
    "window": "open window\nin winter",
    "dog": "dog",
    "cat": "cat",
    "robot": "robot vacuum",
    "visitor": "visitor",
    "hot-room": "hot summer room:\nhardly any contrast",
}


BODY: Final = "#d62728"
LABELS: Final[Mapping[str, tuple[str, ...]]] = {"clean-floor": ("clean",), "sit-on-floor": ("sit-floor",)}
"""Labels of the truth where they are not the kind's own name."""
OF_THE_AIR: Final = ("steam", "hot-room")
NEAR_M: Final = 1.2  # so near the middle somebody is well in view
RIM_PX: Final = 3  # what lies so near the rim of 24x32 is hard to make out
MOST_CENTI: Final = 500.0  # more than 5 K does not make a thing easier to see


def draw(suite: str, seed: int, path: Path) -> None:
    """Write the picture of a suite as PNG; the same seed gives the same bytes.

    ValueError for a suite that is none; MissingMatplotlibError without matplotlib.
    """
    if suite not in DRAWN:
        raise ValueError(f"no suite {suite!r}; there are {', '.join(DRAWN)}")
    try:
        from matplotlib import rc_context  # noqa: PLC0415  (an extra)
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        raise MissingMatplotlibError from error
    style: Any = {"font.size": 9.0, "axes.spines.top": False, "axes.spines.right": False}
    with rc_context(style):
        figure = Figure(layout="constrained")
        DRAWN[suite](figure, seed)
        save(figure, path)


def save(figure: "Figure", path: Path, dpi: int = 100) -> None:
    """Write a figure as a PNG of few colours."""
    figure.savefig(path, format="png", dpi=dpi, metadata={"Software": None})
    slim(path)


def slim(path: Path) -> None:
    """Make a PNG of curves or of frames as small as few colours make it."""
    from PIL import Image  # noqa: PLC0415  (comes with matplotlib)

    with Image.open(path) as drawn:
        few = drawn.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(path, format="png", optimize=True)


# --- a fall ----------------------------------------------------------------------------------------


def _falls(figure: "Figure", seed: int) -> None:
    fine, coarse = _seen_by_both(seed)
    motion = fine.actors[0].motion
    fell = next(t for t in motion.truth if t.label.startswith("fall:"))
    figure.set_size_inches(13.5, 3.7)
    both: Any = figure.subfigures(1, 2, width_ratios=(1, 3.2))
    left, right = both
    during = np.linspace(fell.start_s, fell.end_s, FRAMES - len(REST_S) - 1).tolist()
    moments = [fell.start_s - 1.0, *during, *(fell.end_s + s for s in REST_S)]
    words = [""] * FRAMES
    words[:2], words[len(during)] = ("on their feet", "loses balance"), "on the floor"
    words[-len(REST_S) :] = ["lies there"] * len(REST_S)
    _plan(left.subplots(), fine, coarse, [moments[k] for k in (1, 3, 4, 6)])
    rows = right.subplots(2, FRAMES, gridspec_kw={"height_ratios": (0.75, 1)})
    for row, home in zip(rows, (fine, coarse), strict=True):
        camera = home.eyes[0].camera
        frames = _filmed(home, np.array(moments))
        level, most = (float(q) for q in np.nanpercentile(frames, (50, 99.8)))
        for k, (axis, frame) in enumerate(zip(row, frames, strict=True)):
            _picture(axis, frame, level, (SPAN_K[0], most - level))
            if home is fine:
                axis.set_title(f"{moments[k] - fell.start_s:+.1f} s\n{words[k]}", fontsize=8.5)
        row[0].set_ylabel(f"{camera.rows}×{camera.cols} pixels\n{camera.fov_deg:.0f}° wide", fontsize=9)
    right.suptitle("One fall from the ceiling, as a fine and a coarse array see it (bright = warm)")
    left.suptitle("Where it happens")


def _seen_by_both(seed: int) -> tuple[Home, Home]:
    """The home of some cells where somebody falls nearest to the middle of the picture, under both arrays; in
    a living room where there is one.
    """
    options = suites.Options(sensors=("mlx90640",), kinds=FALL_KINDS)
    cells = [c for c in suites.cells("falls", options) if c.tags["mount"] == "ceiling"]

    def off_m(home: Home) -> tuple[bool, float]:
        motion, camera = home.actors[0].motion, home.eyes[0].camera
        fell = next(t for t in motion.truth if t.label.startswith("fall:"))
        at = motion.at(np.array([fell.start_s, fell.end_s]))[0][:, :2]
        far = float(np.hypot(*(at - (camera.x_m, camera.y_m)).T).max())
        return home.plan.rooms[0].kind != "living", far

    fine = min((suites.home(c, seed, k) for c in cells for k in range(c.homes)), key=off_m)
    eye = fine.eyes[0]
    device = PRESETS[COARSE](eye.camera.seed, "ceiling", room=fine.plan.rooms[eye.room])
    return fine, replace(fine, eyes=(Eye(eye.name, eye.room, device),))


def _plan(axis: "Axes", fine: Home, coarse: Home, when_s: Sequence[float]) -> None:
    """The room from above: furniture, the floor that the coarse array sees, the body at some moments."""
    from matplotlib.patches import Ellipse, Rectangle  # noqa: PLC0415  (an extra)

    _room(axis, fine.plan.rooms[0])
    camera = coarse.eyes[0].camera
    wide, deep = (
        2 * camera.height_m * np.tan(np.radians(deg / 2)) for deg in (camera.fov_deg, camera.fov_down_deg)
    )
    box = Rectangle(
        (camera.x_m - wide / 2, camera.y_m - deep / 2), wide, deep, fill=False, ls="--", ec="tab:blue"
    )
    box.set_label(f"floor that {camera.rows}×{camera.cols} sees")
    axis.add_patch(box)
    who = fine.actors[0]
    path = who.motion.at(np.arange(when_s[0] - 12.0, when_s[0], 0.1))[0]
    axis.plot(path[:, 0], path[:, 1], ":", color=BODY, linewidth=1.8, label="the 12 s before")
    parts = body(who.build, who.motion.at(np.array(when_s))[0])
    spread = np.linalg.inv(parts.whiten)
    shape = (spread @ spread.transpose(0, 1, 3, 2))[:, :, :2, :2]
    for k in range(len(when_s)):
        for centre, square in zip(parts.centre_m[k], shape[k], strict=True):
            size, way = np.linalg.eigh(square)
            turn = float(np.degrees(np.arctan2(way[1, 1], way[0, 1])))
            oval = Ellipse(
                (centre[0], centre[1]),
                2 * size[1] ** 0.5,
                2 * size[0] ** 0.5,
                angle=turn,
                color=BODY,
                alpha=0.12 + 0.6 * k / (len(when_s) - 1),
                linewidth=0,
            )
            axis.add_patch(oval)
    axis.add_patch(Ellipse((np.nan, np.nan), 0, 0, color=BODY, label="the body: pale first, dark at rest"))
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, 0.0), frameon=False, fontsize=8)


def _room(axis: "Axes", room: Room) -> None:
    from matplotlib.patches import Rectangle  # noqa: PLC0415  (an extra)

    w, d = room.width_m, room.depth_m
    axis.add_patch(Rectangle((-w / 2, -d / 2), w, d, fill=False, ec="0.2", lw=2))
    for zone in room.zones:
        wide, deep = zone.x1_m - zone.x0_m, zone.y1_m - zone.y0_m
        colour = {"door": "tab:green", "window": "tab:cyan", "radiator": "tab:orange"}.get(zone.kind, "0.85")
        axis.add_patch(Rectangle((zone.x0_m, zone.y0_m), wide, deep, fc=colour, ec="0.6", lw=0.5))
        x, y = zone.middle
        on_wall = zone.kind in {"door", "window", "radiator"}
        pull = 1.0 - 0.3 / max(abs(x), abs(y)) if on_wall else 1.0
        turn = 90 if deep > wide else 0
        axis.annotate(
            zone.name,
            (x * pull if turn or not on_wall else x, y * pull if not turn or not on_wall else y),
            ha="center",
            va="center",
            rotation=turn,
            fontsize=7,
            color="0.3",
        )
    axis.set_xlim(-w / 2 - 0.1, w / 2 + 0.1)
    axis.set_ylim(d / 2 + 0.1, -d / 2 - 0.1)  # row 0 of the picture is above
    axis.set_aspect("equal")
    axis.set_axis_off()
    axis.set_title(f"{w:.1f} × {d:.1f} m from above", fontsize=9)


# --- what is no fall -------------------------------------------------------------------------------


def _negatives(figure: "Figure", seed: int) -> None:
    cells = {
        c.tags["kind"]: c
        for c in suites.cells("negatives", suites.Options(sensors=("mlx90640",)))
        if c.tags["mount"] == "ceiling"
    }
    wide = 6
    figure.set_size_inches(11, 1.62 * -(-len(cells) // wide) + 0.9)
    panels = figure.subplots(-(-len(cells) // wide), wide).ravel()
    for axis, (kind, cell) in zip(panels, cells.items(), strict=False):
        every = [suites.home(cell, seed, k) for k in range(min(LOOKED_AT, cell.homes))]
        home, (_, t_s, spot) = max(((h, _telling(h, kind)) for h in every), key=lambda pair: pair[1][0])
        frame = _filmed(home, np.array([t_s]))[0]
        image = _picture(axis, frame, float(np.nanmedian(frame)))
        camera = home.eyes[0].camera
        who = home.actors[0]
        if who.motion.at(np.array([t_s]))[1][0] != NOWHERE:
            row, col = pixel_of(camera, _head(who, t_s))
            axis.plot(col, row, "o", mfc="none", mec="white", markersize=19, clip_on=True)
        if spot is not None:
            axis.plot(spot[1], spot[0], "s", mfc="none", mec="deepskyblue", markersize=17, mew=1.6)
        axis.set_xlim(-0.5, camera.cols - 0.5)
        axis.set_ylim(camera.rows - 0.5, -0.5)
        axis.set_title(CAPTIONS.get(kind, kind), fontsize=9)
    for axis in panels[len(cells) :]:
        axis.set_axis_off()
    figure.colorbar(image, ax=panels, shrink=0.4, aspect=30, label="K above the room")
    figure.suptitle(
        "What is no fall, seen from the ceiling (24×32 pixels): nobody may be alarmed by any of these.\n"
        "White ring: the resident; blue square: the thing in question"
    )


Telling = tuple[float, float, tuple[int, int] | None]
"""How well it shows, at what second, and the row and column of the thing."""


def _telling(home: Home, kind: str) -> Telling:
    """When something is seen best: a movement nearest to the middle of the picture; a thing where a picture
    without it differs most, while the resident is in view too if they ever are.
    """
    resident, camera = home.actors[0], home.eyes[0].camera
    if kind not in NUISANCES:
        rows = [t for t in resident.motion.truth if t.label in LABELS.get(kind, (kind,))]
        shown = [(-_off(camera, _head(resident, _mid(t))), _mid(t)) for t in rows]
        return (*max(shown, default=(-np.inf, home.duration_s / 2)), None)
    t_s: F64 = np.arange(AHEAD_S, home.duration_s, STEP_S)
    pose, room = resident.motion.at(t_s)
    seen = (room != NOWHERE) & (np.hypot(pose[:, 0], pose[:, 1]) < NEAR_M)
    if kind in OF_THE_AIR:
        column = home.air.haze[:, 0] if kind == "steam" else home.air.temperature_c[:, 0]
        worth = np.interp(t_s, home.air.t_s, column) * (1 + seen)
        return float(worth.max()), float(t_s[int(worth.argmax())]), None
    left = len(residues(resident.motion, home.plan))
    steady = replace(home, eyes=(replace(home.eyes[0], camera=_perfect(camera)),))
    plain = replace(steady, actors=home.actors[:1], sources=home.sources[:left])
    differs = np.clip(np.abs(_centi(steady, t_s) - _centi(plain, t_s)), 0, MOST_CENTI)
    inside = np.zeros(differs.shape[1:])
    inside[RIM_PX:-RIM_PX, RIM_PX:-RIM_PX] = 1.0
    worth = (differs * (0.2 + inside)).sum(axis=(1, 2)) * (1 + seen)
    k = int(worth.argmax())
    row, col = np.unravel_index(int(differs[k].argmax()), differs[k].shape)
    return float(worth[k]), float(t_s[k]), (int(row), int(col))


def _mid(row: Truth) -> float:
    return (row.start_s + row.end_s) / 2


def _head(actor: Actor, t_s: float) -> F64:
    """(3,) the middle of the upper body."""
    parts = body(actor.build, actor.motion.at(np.array([t_s]))[0])
    return np.asarray(parts.centre_m[0, :2].mean(axis=0))


def _off(camera: Camera, place_m: F64) -> float:
    row, col = pixel_of(camera, place_m)
    return float(np.hypot(row - camera.rows / 2, col - camera.cols / 2))


def _perfect(camera: Camera) -> Camera:
    """The same view without noise and faults."""
    return replace(camera, netd_k=0.0, corrupt_per_h=0.0, hot_per_h=0.0, dead=0, drift_k=0.0)


# --- frames ----------------------------------------------------------------------------------------


def _filmed(home: Home, when_s: F64) -> F64:
    """Frames (N, rows, cols) in °C at the given times; NaN = bad pixel. The sensor ran before."""
    camera = home.eyes[0].camera
    lead_s = when_s[0] - np.arange(10, 0, -1) / camera.rate_hz
    centi = _centi(home, np.concatenate([lead_s, when_s]))[len(lead_s) :]
    return np.where(centi == BAD_PIXEL, np.nan, centi / 100.0)


def _centi(home: Home, t_s: F64) -> F64:
    eye = home.eyes[0]
    painter = Painter(eye.camera, eye.room, home.actors, home.sources, home.air)
    return painter.draw(t_s).astype(np.float64)


def _picture(axis: "Axes", frame: F64, level_c: float, span_k: tuple[float, float] = SPAN_K) -> "AxesImage":
    from matplotlib import colormaps  # noqa: PLC0415  (an extra)

    paint = colormaps["inferno"].with_extremes(bad="0.5")
    image = axis.imshow(frame - level_c, cmap=paint, vmin=span_k[0], vmax=span_k[1])
    axis.set_xticks([])
    axis.set_yticks([])
    return image


# --- a street --------------------------------------------------------------------------------------


def _storm(figure: "Figure", seed: int) -> None:
    cells = suites.cells("storm", suites.Options(homes=STREET, sensors=("mlx90640",)))
    homes = [suites.home(c, seed, k) for c in cells for k in range(c.homes)]
    rng = np.random.default_rng([seed, _SHUFFLE])
    figure.set_size_inches(11, 5.5)
    axis = figure.subplots()
    for y, k in enumerate(rng.permutation(len(homes)).tolist()):
        home = homes[k]
        axis.plot([0, home.duration_s], [y, y], color="0.8", linewidth=1.5)
        for fault in home.faults:
            if isinstance(fault, GatewayDark):
                axis.plot([fault.start_s, fault.end_s], [y, y], color="black", linewidth=2.5)
        rows = home.truth_rows()
        for row in rows:
            since = (row.start_ms - home.start_ms) / 1000
            if row.label.startswith("fall:"):
                axis.plot(since, y, "v", color=BODY, markersize=9, zorder=5)
                axis.annotate(
                    "falls",
                    (since, y),
                    (since - 12, y),
                    color=BODY,
                    ha="right",
                    va="center",
                    fontweight="bold",
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0},
                    zorder=6,
                )
    axis.plot([], [], color="0.8", linewidth=1.5, label="sends frames")
    axis.plot([], [], color="black", linewidth=2.5, label="dark: nothing arrives")
    axis.plot([], [], "v", color=BODY, label="a fall in a home that kept its power")
    axis.set_xlabel("seconds since the start")
    axis.set_ylabel(f"{len(homes)} homes of a street")
    axis.set_yticks([])
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    figure.suptitle("Power cut in a street: most homes go dark within seconds. The falls must still be found")


_SHUFFLE: Final = 191  # purpose of a random number

DRAWN: Final[Mapping[str, Callable[["Figure", int], None]]] = MappingProxyType(
    {
        "falls": _falls,
        "negatives": _negatives,
        "days": timelines.days,
        "collapses": timelines.collapses,
        "climate": curves.climate,
        "fever": curves.fever,
        "storm": _storm,
    }
)
"""By name of the suite; called with an empty figure and a seed."""
