"""Arrays and scenes drawn wider than any that a detector will meet, so that what is trained on them holds.

Takes a seed, what shall happen, an array's name and a mount; gives a short scene in one room with a camera,
what the detector is told of the camera, and the room's temperature. Never draws a picture (lessons.py does).

Every width here is judgement, set around the presets of cameras.py and the scenes of the suites so that both
lie well inside. A scene begins with an empty room, then somebody comes in and lives there; whatever it is
about comes soon, and it ends before much else happens.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from simulator import acting, scenes, seated
from simulator.additions import Addition
from simulator.bodies import resident
from simulator.camera import Camera
from simulator.cameras import INSET_M, PRESETS, SIDES
from simulator.falls import After, FallKind
from simulator.floor import free_spot
from simulator.mishaps import AFTERWARDS
from simulator.nuisances import NUISANCES
from simulator.people import Script
from simulator.rooms import one_room
from simulator.sight import lies_in_view, sees
from simulator.world import Actor, Build, Motion, Plan, Room

Tier = Literal["coarse", "middle", "fine", "unscaled"]

TIERS: Final[Mapping[Tier, Mapping[str, float]]] = {
    "coarse": {"amg8833": 1.0},
    "middle": {"mlx90641": 1.0},
    "unscaled": {"d6t16": 0.7, "mlx90640_narrow": 0.3},
    "fine": {"mlx90640": 0.45, "mlx90640_narrow": 0.2, "d6t16": 0.25, "lepton": 0.1},
}
"""Names of cameras.PRESETS with their shares; `unscaled`: fine arrays whose field of view nobody has told:
8x8; 12x16; 16x16 to 60x80, the last rarely as it is slow."""
CEILING_M: Final = (2.1, 3.2)
WALL_M: Final = (1.7, 2.5)
WALL_TILT_DEG: Final = (20.0, 40.0)
OFF_CENTRE_M: Final = 0.8
OFF_WALL_M: Final = 0.3
"""A ceiling array hangs so far from every wall at least."""
CEILING_TILT_DEG: Final = 3.0
"""Deviation of a ceiling array from the vertical; the detector is told 0."""
FOV: Final = (0.85, 1.15)
NETD: Final = (0.6, 1.4)
CONTRAST: Final = (0.7, 1.6)
"""Of the preset's own; a camera cannot show more than there is, so bare arrays end at 1."""
RATE: Final = (0.5, 2.0)
RATE_HZ: Final = (1.5, 16.0)
PSF: Final = (0.8, 1.3)
ROOM_C: Final = (14.0, 31.0)
COVERED: Final = (0.3, 0.3)
"""In so many lessons the resident is dressed thicker than usual, by up to so much of world.FIELDS' cover."""
TOLD_HEIGHT_M: Final = 0.1
TOLD_TILT_DEG: Final = 3.0
TOLD_FOV: Final = 0.08  # logarithm: lenses are not what data sheets say, and no two sellers measure alike
NO_FOV: Final = 0.25
NO_HEIGHT: Final = 0.1
_CAMERA, _SCRIPT = 173, 174  # purposes of random numbers

FALLS: Final = tuple(f"fall:{kind}" for kind in FallKind)
"""Named as in the truth: a bed is lain in, too."""
LIFE: Final = ("life",)
"""Nothing but ordinary life: walking, sitting, standing, going out and coming back."""
ACTED: Final = ("acted",)
"""As in laboratory recordings (acting.py)."""
ACTS: Final = 2
LAB_OFF: Final = 0.3  # of how far arrays in homes hang off the middle
PARTS: Final = {"entering": 0.25, "roaming": 0.15, "rising": 0.25, "sit": 0.35}
VISITS: Final = ("visits",)
"""Coming in, falling or sitting down or just walking about, and out again, a few times: falls of people who
have hardly been seen before, and warmth on the floor where the next one walks."""
SHARES: Final[tuple[tuple[tuple[str, ...], float], ...]] = (
    (FALLS, 0.28),
    (VISITS, 0.12),
    (ACTED, 0.26),
    (tuple(scenes.MOVES), 0.16),
    (tuple(NUISANCES), 0.1),
    (LIFE, 0.08),
)
"""Which lessons there are, each kind of a group as often as the others: judgement."""
DAYS: Final = ("day",)
"""Minutes out of whole days (excerpts.py)."""
HOME_SHARES: Final[tuple[tuple[tuple[str, ...], float], ...]] = (
    (FALLS, 0.22),
    (VISITS, 0.06),
    (ACTED, 0.05),
    ((*scenes.MOVES, "bend", "clean-floor"), 0.28),
    (tuple(NUISANCES), 0.10),
    (LIFE, 0.03),
    (DAYS, 0.26),
)
"""The same for arrays in homes: more of what looks like a fall and is none, most of all deep bending."""
EMPTY_S: Final = (12.0, 18.0)
"""Until somebody comes in: the detector's first look at the room."""
WELL_IN_VIEW: Final = 0.5
"""Share of the falls that begin where the array sees the feet; the others may begin outside the picture, as
recorded ones do."""
BEFORE_S: Final = (2.0, 60.0)
"""Of ordinary life before somebody gets ready to fall."""
AFTER_S: Final = (60.0, 100.0)
"""From the end of a fall to the end of its lesson."""
DOWN_S: Final = (45.0, 300.0)
"""On the floor, who does not get up alone: some are helped up within the lesson."""
SOON_UP_S: Final = (8.0, 50.0)
VISITS_EACH: Final = 3
LIES_S: Final = (11.0, 30.0)  # the way up takes nine of them
AWAY_S: Final = (4.0, 15.0)
QUICK_FALLS: Final = (FallKind.TRIP, FallKind.SLIP, FallKind.SIDEWAYS, FallKind.FAINT)
LASTS_S: Final = (150.0, 240.0)
"""Lessons without a fall."""
STEERED: Final = 0.8
"""Share of the harmless movements that happen where the array sees them."""
LOW_M: Final = 0.5  # height at which a place is looked for in the picture
TRIES: Final = 3000  # rooms; a narrow array sees a tenth of one, and of some hardly a sofa


@dataclass(frozen=True, slots=True)
class Told:
    """What a detector is told of a camera; NaN = nothing."""

    height_m: float
    fov_deg: float
    tilt_deg: float


def array_of(rng: np.random.Generator, tier: Tier) -> str:
    """Draw one of the tier's arrays."""
    names = [*TIERS[tier]]
    return names[int(rng.choice(len(names), p=[*TIERS[tier].values()]))]


def camera_of(rng: np.random.Generator, seed: int, array: str, room: Room, *, wall: bool) -> Camera:
    """Hang `array` somewhere in `room` and make it another one of its kind.

    A device that averages does so over the same time at every rate. Rates of the slowest array to draw
    (60x80) are never raised.
    """
    half = np.array([room.width_m, room.depth_m]) / 2
    if wall:
        i, j = SIDES[int(rng.integers(len(SIDES)))]
        x, y = (half - INSET_M) * (i, j)
        yaw = float(np.degrees(np.arctan2(-y, -x))) + float(rng.uniform(-15.0, 15.0))
        height, tilt = rng.uniform(*WALL_M), rng.uniform(*WALL_TILT_DEG)
    else:
        most = np.minimum(OFF_CENTRE_M, np.maximum(half - OFF_WALL_M, 0.0))
        x, y = rng.uniform(-most, most)
        yaw = float(rng.uniform(-180.0, 180.0))
        height, tilt = rng.uniform(*CEILING_M), float(np.clip(rng.normal(), -2, 2)) * CEILING_TILT_DEG
    bare = PRESETS[array](seed, "wall" if wall else "ceiling", room=room)
    zoom = float(rng.uniform(*FOV))
    most_rate = 1.0 if array == "lepton" else RATE[1]
    rate_hz = float(np.clip(bare.rate_hz * np.exp(rng.uniform(*np.log([RATE[0], most_rate]))), *RATE_HZ))
    average = bare.average if bare.average == 1 else max(round(bare.average * rate_hz / bare.rate_hz), 2)
    return replace(
        bare,
        x_m=float(x),
        y_m=float(y),
        yaw_deg=yaw,
        height_m=float(height),
        tilt_deg=float(tilt),
        fov_deg=bare.fov_deg * zoom,
        fov_rows_deg=None if bare.fov_rows_deg is None else bare.fov_rows_deg * zoom,
        rate_hz=rate_hz,
        average=average,
        netd_k=bare.netd_k * float(np.exp(rng.uniform(*np.log(NETD)))),
        contrast=min(bare.contrast * float(rng.uniform(*CONTRAST)), 1.0),
        psf_px=bare.psf_px * float(rng.uniform(*PSF)),
    )


def told_of(rng: np.random.Generator, camera: Camera, tier: Tier) -> Told:
    """What the installer wrote down: measured by eye, or not at all."""
    height = camera.height_m + float(rng.normal(0, TOLD_HEIGHT_M))
    wall_tilt = camera.tilt_deg + float(rng.normal(0, TOLD_TILT_DEG))
    fov = float(np.exp(np.clip(rng.normal(), -2, 2) * TOLD_FOV))
    no_fov, no_height = rng.random(2) < (NO_FOV, NO_HEIGHT)
    no_fov |= tier == "unscaled"
    return Told(
        float("nan") if no_height else height,
        float("nan") if no_fov else camera.fov_deg * fov,
        wall_tilt if camera.mount == "wall" else 0.0,
    )


def room_c_of(rng: np.random.Generator) -> float:
    """Temperature of the room."""
    return float(rng.uniform(*ROOM_C))


def cover_of(rng: np.random.Generator) -> float:
    """How much of the warmth the resident's clothes hide beyond the usual dress."""
    share, most = COVERED
    return float(rng.uniform(0.0, most)) if rng.random() < share else 0.0


# --- what happens ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scene:
    """One person alone in a room, and the array that watches."""

    seed: int
    plan: Plan
    camera: Camera
    build: Build
    motion: Motion
    lasts_s: float
    others: tuple[Actor, ...] = ()
    """Who comes after the first one has left."""
    more: Addition | None = None
    """All else that is warm there; None: a lesson makes it up."""
    thin_s: tuple[float, float] | None = None
    """Between these times next to nothing happens."""


Move = Callable[["_Play"], None]


@dataclass(slots=True)
class _Play:
    """Somebody alone in a room with an array."""

    rng: np.random.Generator
    plan: Plan
    camera: Camera
    script: Script

    @property
    def room(self) -> Room:
        return self.plan.rooms[0]

    def live(self, until_s: float) -> None:
        """Ordinary life up to about `until_s`."""
        rng, script = self.rng, self.script
        seats = [z for z in self.room.zones if z.kind in {"chair", "sofa"}]
        while until_s - script.t > 4.0:
            left = until_s - script.t
            what = rng.choice(["stand", "walk", "sit", "potter", "out"], p=[0.2, 0.3, 0.25, 0.15, 0.1])
            if what == "sit" and seats and left > 20.0:
                seat = seats[int(rng.integers(len(seats)))]
                script.sit(seat, float(min(rng.uniform(8.0, 60.0), left - 10.0)))
            elif what == "out" and left > 40.0:
                script.leave_home()
                script.wait(script.t + float(rng.uniform(5.0, 25.0)))
                script.come_home()
            elif what == "potter":
                script.potter(0, float(min(rng.uniform(5.0, 30.0), left)))
            elif what == "stand":
                script.stand(float(min(rng.uniform(3.0, 15.0), left)))
            else:
                script.go(0, *free_spot(rng, self.room, 0.3))

    def step_into_view(self) -> None:
        """Go where the array sees somebody, if there is such a place."""
        for _ in range(12):
            x, y = free_spot(self.rng, self.room, 0.3)
            if sees(self.camera, np.array([[x, y, LOW_M]]))[0]:
                self.script.go(0, x, y)
                return

    def lie(self, kind: str) -> None:
        """Lie down on the bed or the sofa for a while."""
        zone = next(z for z in self.room.zones if z.kind == kind)
        covered = kind == "bed" and self.rng.random() < 0.7
        self.script.lie(zone, float(self.rng.uniform(30.0, 120.0)), blanket=covered)

    def bathe(self) -> None:
        """Take a short bath."""
        bath = next(z for z in self.room.zones if z.kind == "bath")
        seated.bathe(self.script.pen, bath, self.script.t + float(self.rng.uniform(50.0, 130.0)))

    def during(self, low_s: float, high_s: float) -> float:
        return float(self.rng.uniform(low_s, high_s))


MOVES: Final[Mapping[str, Move]] = {
    "kneel": lambda p: p.script.kneel(p.during(8.0, 50.0)),
    "clean-floor": lambda p: p.script.clean_floor(p.during(15.0, 70.0)),
    "sit-on-floor": lambda p: p.script.sit_on_floor(p.during(10.0, 80.0)),
    "tie-shoes": lambda p: p.script.tie_shoes(),
    "bend": lambda p: p.script.bend(),
    "exercise": lambda p: p.script.exercise(p.during(30.0, 90.0)),
    "bed": lambda p: p.lie("bed"),
    "sofa": lambda p: p.lie("sofa"),
    "bath": lambda p: p.bathe(),
}
"""Those of scenes.MOVES, shorter."""
RAISED: Final = frozenset({"bed", "sofa", "bath"})
"""Movements that are drawn again until the array sees who lies."""


def scene(seed: int, *, kind: str, array: str, wall: bool) -> Scene | None:
    """Play one scene; None where the array does not see what it is about."""
    rng = np.random.default_rng([seed, _SCRIPT])
    if kind in ACTED:
        return _acted(seed, rng, array, wall=wall)
    rooms = [*scenes.FALL_ROOMS]
    where = rooms[int(rng.choice(len(rooms), p=[*scenes.FALL_ROOMS.values()]))]
    if kind in {"fall:chair", "fall:bed"} or kind in MOVES or kind in NUISANCES:
        where = "bathroom" if kind in scenes.BATHROOM else "living"
    plan = one_room(seed, where)
    camera = camera_of(np.random.default_rng([seed, _CAMERA]), seed, array, plan.rooms[0], wall=wall)
    build = resident(seed)
    script = Script(
        rng,
        plan,
        gait_m_s=float(rng.uniform(0.45, 1.0)),
        start_s=float(rng.uniform(*EMPTY_S)),
        cover=cover_of(rng),
    )
    play = _Play(rng, plan, camera, script)
    script.come_home()
    if kind in VISITS:
        lasts_s = _visits(play)
    elif kind in FALLS:
        lasts_s = _fall(play, FallKind(kind.removeprefix("fall:")))
    else:
        lasts_s = float(rng.uniform(*LASTS_S))
        move = MOVES.get(kind)
        while script.t < lasts_s - 5.0:
            play.live(min(script.t + float(rng.uniform(5.0, 40.0)), lasts_s))
            if move is not None:
                if rng.random() < STEERED:
                    play.step_into_view()
                move(play)
    motion = script.motion()
    about = next((t for t in motion.truth if t.label == kind and kind in {*FALLS, *RAISED}), None)
    if kind in VISITS:
        about = next((t for t in motion.truth if t.label.startswith("fall:")), None)
    if about is not None:
        at_s = about.end_s if kind not in RAISED else (about.start_s + min(about.end_s, lasts_s)) / 2
        if not lies_in_view(camera, build, motion.at(np.array([at_s]))[0]):
            return None
    return Scene(seed, plan, camera, build, motion, lasts_s)


def _acted(seed: int, rng: np.random.Generator, array: str, *, wall: bool) -> Scene | None:
    """What is recorded in laboratories: one after the other comes in, acts one part and leaves."""
    part = str(rng.choice([*PARTS], p=[*PARTS.values()]))
    plan = acting.bare_room(rng, part)
    camera = camera_of(np.random.default_rng([seed, _CAMERA]), seed, array, plan.rooms[0], wall=wall)
    if not wall:  # laboratories hang it above where things happen
        camera = replace(camera, x_m=camera.x_m * LAB_OFF, y_m=camera.y_m * LAB_OFF)
    actors: list[Actor] = []
    at_s = float(rng.uniform(*EMPTY_S))
    for n in range(ACTS):
        who = resident(seed + n)
        motion, _rows, out_s = acting.performed(rng, plan, part, at_s)
        fell = next((t for t in motion.truth if t.label.startswith("fall:")), None)
        if fell is not None and not lies_in_view(camera, who, motion.at(np.array([fell.end_s]))[0]):
            return None
        actors.append(Actor(f"human{n + 1}", who, motion))
        at_s = out_s + float(rng.uniform(*AWAY_S))
    first = actors[0]
    return Scene(seed, plan, camera, first.build, first.motion, at_s, tuple(actors[1:]))


def _visits(play: _Play) -> float:
    """Come in, do something and leave, a few times, the first time with a fall. Give the lesson's end."""
    rng, script = play.rng, play.script
    seat = play.room.zone("chair")
    for k in range(VISITS_EACH):
        what = "fall" if k == 0 else str(rng.choice(["fall", "sit", "walk"]))
        if k > 0:
            script.come_home()
        if rng.random() < 0.7:
            script.go(0, *free_spot(rng, play.room, 0.3))
        if what == "sit" and seat is not None:
            script.sit(seat, float(rng.uniform(2.0, 15.0)))
        elif what == "fall":
            kind = QUICK_FALLS[int(rng.integers(len(QUICK_FALLS)))]
            script.fall(kind, After.RECOVERS, float(rng.uniform(*LIES_S)))
        else:
            script.go(0, *free_spot(rng, play.room, 0.3))
            script.stand(float(rng.uniform(1.0, 6.0)))
        script.leave_home()
        script.wait(script.t + float(rng.uniform(*AWAY_S)))
    return script.t


def _fall(play: _Play, kind: FallKind) -> float:
    """Live, fall, be down, be up again and live on; give the end of the lesson."""
    rng, script = play.rng, play.script
    play.live(script.t + float(rng.uniform(*BEFORE_S)))
    if kind not in {FallKind.CHAIR, FallKind.BED} and rng.random() < WELL_IN_VIEW:
        play.step_into_view()
    after = list(AFTERWARDS)[int(rng.choice(len(AFTERWARDS), p=[*AFTERWARDS.values()]))]
    after = After.STILL if kind is FallKind.FAINT and after is After.RECOVERS else after
    script.tumble(kind)
    lasts_s = script.t + float(rng.uniform(*AFTER_S))
    script.lie_there(after, float(rng.uniform(*(SOON_UP_S if after is After.RECOVERS else DOWN_S))))
    play.live(lasts_s)
    return lasts_s
