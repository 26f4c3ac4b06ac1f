"""Trains the network of detectors/posture.py on lessons, and on nothing else.

Takes lessons, plays them to the detectors' own front end (background, patches, tracks), gives what the
network will see with what is true of it; fits, calibrates and writes weights with their provenance. Never
looks at the suites or at recordings.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from detectors import fall, zones
from detectors.fallstate import FallParams, FallState
from detectors.frame import WIDEST, Frames, Optics
from detectors.geometry import Patches
from detectors.posture import INPUTS, Doing, Network
from detectors.tracks import SLOTS
from detectors.zones import Box
from guardian.slab import GAP_MS
from simulator.home import IDLE_S
from simulator.lessons import FIELDS, Lesson, Pose
from simulator.randomised import ACTED
from simulator.scenes import START_MS
from simulator.world import I16, I64

F32 = NDArray[np.float32]
Places = F32 | NDArray[np.float64]

DOING_OF: Final = np.array([Doing.UP, Doing.SITTING, Doing.LOW, Doing.LYING, Doing.RAISED], np.int8)
"""Of each lessons.Pose."""
assert [p.name for p in Pose] == [d.name for d in Doing][:5]

NEAR_M: Final = 0.9
"""A patch whose middle is so close to the middle of a body's warmth on the picture is that body; beyond twice
as much it is none; between, nobody can say."""
NEAR_PX: Final = 2.0
OVER_S: Final = (0.4, 3.0)
"""After the end of a fall (the impact of the hips) it is just over: arrays that average lag by half a
second."""
QUIET_S: Final = 11.0  # after its end: what is said then is not counted
UNTOLD: Final = 7
"""Of so many lessons one does not tell where its furniture stands."""
UNHEATED: Final = 4
"""Of so many, one does not tell where its radiators are: nobody marked them."""
EVERY_S: Final = 0.25  # examples of one track are further apart: frames that follow each other say the same
IGNORED: Final = -1


@dataclass(frozen=True, slots=True)
class Examples:
    """What the network sees of n moments of tracks, and what is true."""

    x: F32
    """(n, INPUTS)."""
    doing: NDArray[np.int8]
    """(n,) codes of Doing; IGNORED."""
    fell: NDArray[np.int8]
    """(n,) 1 a fall is just over, 0 not, IGNORED."""
    lesson: NDArray[np.int32]
    """(n,) number of the lesson."""
    t_s: F32
    """(n,) since its start."""

    @classmethod
    def joined(cls, some: Sequence["Examples"]) -> "Examples":
        """All of them; of none, the empty ones."""
        if not some:
            none = np.zeros(0, np.int8)
            return cls(
                np.zeros((0, INPUTS), np.float32), none, none, none.astype(np.int32), none.astype(np.float32)
            )
        return cls(*(np.concatenate([getattr(e, n) for e in some]) for n in cls.__dataclass_fields__))


def optics_of(lessons: Sequence[Lesson]) -> Optics:
    """The arrays of lessons of one resolution, as told."""

    def told(name: str) -> F32:
        return np.array([getattr(one, name) for one in lessons], np.float32)

    first = lessons[0]
    rate = np.array([1000.0 * (len(one.t_ms) - 1) / (one.t_ms[-1] - one.t_ms[0]) for one in lessons])
    wall = np.array([one.wall for one in lessons])
    return Optics(
        first.rows,
        first.cols,
        told("height_m"),
        told("fov_deg"),
        wall,
        rate.astype(np.float32),
        told("tilt_deg"),
        told("yaw_deg"),
        told("x_m"),
        told("y_m"),
    )


def state_of(lessons: Sequence[Lesson], net: Network | None = None) -> FallState:
    """Fresh detectors for lessons of one resolution and mount; without weights nothing is believed."""
    rooms = [_told(one) for one in lessons]
    blank = net if net is not None else untrained()
    return fall.fresh(optics_of(lessons), zones.laid_out(rooms), {"ceiling": blank, "wall": blank})


def _told(lesson: Lesson) -> list[tuple[str, Box]]:
    """Furniture as a roster has it; none at all where nobody has said what there is."""
    if lesson.number % UNTOLD == 0:
        return []
    heaters = lesson.number % UNHEATED != 0
    told = [z for z in lesson.zones if heaters or z.kind != "radiator"]
    known: list[tuple[str, Box]] = [(z.kind, (z.x0_m, z.y0_m, z.x1_m, z.y1_m)) for z in told]
    return known or [("table", (0.0, 0.0, 0.0, 0.0))]


def untrained() -> Network:
    """Weights that say nothing."""
    return Network(
        np.zeros(INPUTS, np.float32),
        np.ones(INPUTS, np.float32),
        np.zeros((INPUTS, 1), np.float32),
        np.zeros(1, np.float32),
        np.zeros((1, len(Doing) + 1), np.float32),
        np.zeros(len(Doing) + 1, np.float32),
    )


class Film(Protocol):
    """What one array has sent: a lesson, or a recording."""

    @property
    def t_ms(self) -> I64:
        """(N,)."""

    @property
    def centi(self) -> I16:
        """(N, rows, cols) centi-°C."""


def batches(films: Sequence[Film]) -> Iterator[Frames]:
    """The k-th frames of all films of one resolution that have one, k = 0, 1, …; `sensor` is the place in
    `films`.
    """
    for k in range(max(len(one.t_ms) for one in films)):
        rows = np.array([i for i, one in enumerate(films) if len(one.t_ms) > k], np.intp)
        t_ms = np.array([films[i].t_ms[k] for i in rows], np.int64)
        step_ms = t_ms - np.array([films[i].t_ms[max(k - 1, 0)] for i in rows], np.int64)
        dt_s = np.where((k > 0) & (step_ms <= GAP_MS), step_ms / 1000, np.nan).astype(np.float32)
        yield Frames(rows, np.stack([films[i].centi[k] for i in rows]), t_ms, dt_s)


def examples(params: FallParams, lessons: Sequence[Lesson]) -> Examples:
    """Play lessons of one resolution and mount to the front end."""
    state = state_of(lessons)
    last_s = np.full((len(lessons), SLOTS), -np.inf)
    falls = [one.falls for one in lessons]
    scale = _pixels_a_metre(lessons)
    out = []
    for k, frames in enumerate(batches(lessons)):
        _, view = fall.observe(params, state, frames)
        some = np.flatnonzero(view.line.there & (view.line.age_s > 0))
        if not some.size:
            continue
        owner, slot = view.sensor[some], view.line.at[some] % SLOTS
        t_s = (view.t_ms[some] - START_MS) / 1000
        fell = np.array([_fell(falls[i], t) for i, t in zip(owner, t_s, strict=True)], np.int8)
        due = ((t_s - last_s[owner, slot] >= EVERY_S) | (fell == 1)) & (view.line.dt_s[some] < IDLE_S / 2)
        some, owner, slot, t_s, fell = some[due], owner[due], slot[due], t_s[due], fell[due]
        last_s[owner, slot] = t_s
        bodies = (
            np.stack([lessons[i].bodies[k] for i in owner]) if len(owner) else np.zeros((0, 3, len(FIELDS)))
        )
        things = np.stack([lessons[i].things[k] for i in owner]) if len(owner) else np.zeros((0, 2, 2))
        half = 2 if lessons[0].cols > WIDEST else 1
        doing, who = _doing(view.patch, some, bodies, things, scale[owner], half)
        alone = np.array([lessons[i].kind in ACTED for i in owner], np.bool_)
        fell = np.where(doing == IGNORED, IGNORED, np.where((who == 0) | alone, fell, 0)).astype(np.int8)
        number = np.array([lessons[i].number for i in owner], np.int32)
        out.append(Examples(view.x[some], doing, fell, number, t_s.astype(np.float32)))
    return Examples.joined(out)


def _pixels_a_metre(lessons: Sequence[Lesson]) -> F32:
    """(S,) on the floor below a ceiling array, at 3 m of a wall array: by what the camera truly is."""
    return np.array(
        [
            one.cols / np.radians(one.camera.fov_deg) / (3.0 if one.wall else one.camera.height_m)
            for one in lessons
        ],
        np.float32,
    )


def _fell(falls: Sequence[tuple[float, float, str, float]], t_s: float) -> int:
    """Whether a fall is just over at `t_s`, seconds as in Lesson.falls."""
    for start_s, end_s, _kind, _up_s in falls:
        if OVER_S[0] <= t_s - end_s <= OVER_S[1]:
            return 1
        if start_s <= t_s <= end_s + QUIET_S:
            return IGNORED
    return 0


def _doing(  # noqa: PLR0917  (called once, above)
    patch: Patches, some: NDArray[np.intp], bodies: Places, things: Places, scale: F32, half: int
) -> tuple[NDArray[np.int8], NDArray[np.intp]]:
    """(m,) what each patch truly is, and the body that it is (-1 none)."""
    x, y, rim = patch.x_px[some] * half, patch.y_px[some] * half, patch.rim[some]
    near = np.maximum(NEAR_M * scale, NEAR_PX * half) * np.where(rim > 0.1, 1.5, 1.0)
    with np.errstate(invalid="ignore"):
        off = np.hypot(bodies[:, :, 0] - x[:, None], bodies[:, :, 1] - y[:, None])
        stray = np.hypot(things[:, :, 0] - x[:, None], things[:, :, 1] - y[:, None])
    off, stray = np.nan_to_num(off, nan=np.inf), np.nan_to_num(stray, nan=np.inf)
    who = off.argmin(axis=1)
    nearest = off[np.arange(len(who)), who]
    pose = np.nan_to_num(bodies[np.arange(len(who)), who, FIELDS.index("posture")]).astype(np.intp)
    beast = stray.min(axis=1) < np.minimum(nearest, near)
    doing = np.where(nearest <= near, DOING_OF[pose], np.where(nearest <= 2 * near, IGNORED, Doing.THING))
    doing = np.where(beast, np.int8(Doing.THING), doing)
    return doing.astype(np.int8), np.where(doing == Doing.THING, -1, who)
