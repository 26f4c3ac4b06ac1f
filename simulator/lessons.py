"""Lessons for the detector of postures and falls: short scenes with what is true of every frame.

Takes a seed, a number, a tier of resolutions and a mount; gives frames as a device sends them, what a
detector is told of it, and for every frame where each body is and in which posture. Homes and arrays differ
more than those of the suites (randomised.py). Never trains anything, and shares no seed with the suites:
theirs are below 2**32, those of lessons above 2**62.

A lesson begins with an empty room for randomised.EMPTY_S, so what is learnt of it at first has no person
in it, as in most homes.
"""

import zlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator import excerpts, randomised, scenes
from simulator.additions import Addition, composed
from simulator.bodies import HEAD_M, TORSO_M, body
from simulator.camera import Camera, Painter, axes
from simulator.cores import CORES, pool
from simulator.home import IDLE_S
from simulator.nuisances import NUISANCES
from simulator.randomised import ACTED, DAYS, HOME_SHARES, SHARES, TRIES, Scene, Tier
from simulator.residue import residues
from simulator.world import F32, F64, I16, I64, Actor, Air, Bools, Build, Motion, Room, Zone

BESIDE: Final = 0.15
"""Share of the lessons with falls or ordinary life in which a nuisance happens too."""
PEOPLE, THINGS = 3, 2
"""Columns of Lesson.bodies and Lesson.things."""
FIELDS: Final = ("px", "py", "x_m", "y_m", "head_m", "pelvis_m", "posture")
"""Of Lesson.bodies."""
FURNITURE: Final = frozenset({"bed", "sofa", "chair", "bath", "radiator"})
"""Kinds of zones that a lesson tells."""
IN_LABORATORY: Final = 7  # of ten lessons for arrays of unknown scale
JOB: Final = 4  # lessons that one worker draws at a time
AHEAD: Final = 4  # jobs per worker that may wait, finished or not: a lesson is up to 20 MB
HEATED: Final = {"radiator": 0.5, "tv": 0.3}
"""Share of the lessons for homes in which they are on, somewhere in their cycle: in winter every room has
them, and they look like somebody who lies at the wall."""
HASTE: Final = (1.0, 5.0)
"""So many times as quick as true ones: lessons last minutes, their cycles half an hour."""
ON_S: Final = (480.0, 3600.0)
_KIND, _REST, _HEAT = 171, 172, 175  # purposes of random numbers
_OWN: Final = 1 << 62


class Pose(IntEnum):
    """Posture of a body in one frame."""

    UP = 0
    """Stands or walks; the trunk leans by less than 45° and the hips are up."""
    SITTING = 1
    """On a chair, a sofa, the toilet or the edge of a bed."""
    LOW = 2
    """All that is none of the others: bends deep, kneels, crouches, sits on the floor, crawls, falls."""
    LYING = 3
    """On the floor."""
    RAISED = 4
    """Lies on a bed or a sofa, or in the bath."""


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """Frames of one array and what is true of them; lengths in metres, in the room's coordinates.

    A mirrored lesson is a true home seen in a mirror: places, yaw and zones are mirrored with its picture.
    """

    number: int
    seed: int
    kind: str
    """What happens: `fall:` and a FallKind, a name of scenes.NEGATIVES, or "life"."""
    array: str
    rows: int
    cols: int
    wall: bool
    height_m: float
    """As told to the detector, as are the next two; NaN = unknown."""
    fov_deg: float
    """Along the columns."""
    tilt_deg: float
    """As in camera.Camera."""
    x_m: float
    """Place of the sensor in the room."""
    y_m: float
    yaw_deg: float
    zones: tuple[Zone, ...]
    """Furniture of the kinds in FURNITURE."""
    t_ms: I64
    """(N,) since 1970, increasing."""
    centi: I16
    """(N, rows, cols) centi-°C as the device sends them, camera.BAD_PIXEL for none."""
    bodies: F32
    """(N, PEOPLE, FIELDS): the resident, then visitors; NaN = not in this room. px, py: the middle of what
    the array sees of the body's warmth, as if nothing hid it and the picture were larger, in pixels from the
    middle of the picture, x right, y down. x_m, y_m: of the body's middle. head_m: of the head's middle.
    posture: a Pose."""
    things: F32
    """(N, THINGS, 2) px, py of animals and robots; NaN = none."""
    falls: tuple[tuple[float, float, str, float], ...]
    """Start and end of each fall, its kind, when up again (inf: not in this lesson): seconds since
    scenes.START_MS."""
    camera: Camera
    """What the array truly is: for tests and figures, never for a detector."""


def seed_of(seed: int, number: int, attempt: int = 0) -> int:
    """Seed of one lesson (and of one try at it): above 2**62, where no seed of a suite is."""
    source = np.random.SeedSequence([seed, zlib.crc32(b"lessons"), number, attempt])
    return _OWN | (int(source.generate_state(1, np.uint64)[0]) >> 2)


def kind_of(seed: int, number: int, tier: Tier = "fine") -> str:
    """What happens in a lesson, the same for every mount and tier, but that arrays of unknown scale are
    found in laboratories more often than in homes (judgement).
    """
    if tier == "unscaled" and number % 10 < IN_LABORATORY:
        return ACTED[0]
    rng = np.random.default_rng([seed_of(seed, number), _KIND])
    shares = SHARES if tier == "unscaled" else HOME_SHARES
    kinds, _ = shares[int(rng.choice(len(shares), p=[share for _, share in shares]))]
    return str(kinds[int(rng.integers(len(kinds)))])


def draw(seed: int, number: int, tier: Tier, wall: bool) -> Lesson:
    """Draw one lesson. Where the array is to see somebody fall or lie, rooms are drawn until it does.

    ValueError when it never does.
    """
    kind = kind_of(seed, number, tier)
    array = randomised.array_of(np.random.default_rng([seed_of(seed, number), _KIND, 1]), tier)
    for attempt in range(TRIES):
        play = excerpts.scene if kind in DAYS else partial(randomised.scene, kind=kind)
        played = play(seed_of(seed, number, attempt), array=array, wall=wall)
        if played is not None:
            return _lesson(number, kind, array, played, tier)
    raise ValueError(f"{array} sees no {kind} in {TRIES} rooms")


def lessons(
    seed: int,
    count: int,
    tier: Tier,
    wall: bool,
    *,
    first: int = 0,
    say: Callable[[int, int, str], None] = lambda _done, _all, _name: None,
) -> Iterator[Lesson]:
    """Draw the lessons `first` to `first + count - 1` in order, on all cores; the same on any number of them.

    `say(done, all, name)` is called as lessons are handed out. Few are drawn ahead of who takes them.
    WorkerLost as cores.pool.
    """
    last = first + count
    name = f"lessons {tier} {'wall' if wall else 'ceiling'}"
    with pool() as workers:
        waiting: deque[Future[list[Lesson]]] = deque()
        begun = done = 0
        while begun < count or waiting:
            while begun < count and len(waiting) < AHEAD * CORES:
                numbers = range(first + begun, min(first + begun + JOB, last))
                waiting.append(workers.submit(_drawn, seed, numbers, tier, wall))
                begun += len(numbers)
            for lesson in waiting.popleft().result():
                done += 1
                say(done, count, name)
                yield lesson


def _drawn(seed: int, numbers: range, tier: Tier, wall: bool) -> list[Lesson]:
    return [draw(seed, k, tier, wall=wall) for k in numbers]


# --- frames and truth ------------------------------------------------------------------------------


def _lesson(number: int, kind: str, array: str, scene: Scene, tier: Tier) -> Lesson:
    """Draw what the array sees, and write down what is true."""
    rng = np.random.default_rng([scene.seed, _REST])
    camera, plan, motion = scene.camera, scene.plan, scene.motion
    still = Air.still(1, randomised.room_c_of(rng))
    nuisance = kind if kind in NUISANCES else None
    if kind not in randomised.MOVES and nuisance is None and scene.more is None and rng.random() < BESIDE:
        nuisance = [*NUISANCES][int(rng.integers(len(NUISANCES)))]
    extra = Addition() if nuisance is None else NUISANCES[nuisance](scene.seed, plan, 0.0, scene.lasts_s)
    heat = [scene.more] if scene.more is not None else [] if tier == "unscaled" else _heat(scene)
    whole = composed(still, [extra, *heat])
    actors = (Actor("resident", scene.build, motion), *scene.others, *whole.actors)
    period_s = 1 / camera.rate_hz
    t_s = _taken(scene, np.arange(float(rng.uniform(0, period_s)), scene.lasts_s, period_s))
    motions = (motion, *(a.motion for a in scene.others))
    sources = (*(s for m in motions for s in residues(m, plan)), *whole.sources)
    centi = Painter(camera, 0, actors, sources, whole.air or still).draw(t_s)
    bodies, things = truth(camera, plan.rooms[0], actors, t_s)
    told = randomised.told_of(rng, camera, tier)
    zones = tuple(z for z in plan.rooms[0].zones if z.kind in FURNITURE)
    if rng.random() < 0.5:
        centi = np.ascontiguousarray(centi[:, :, ::-1])
        bodies[:, :, [0, 2]] *= -1
        things[:, :, 0] *= -1
        zones = tuple(replace(z, x0_m=-z.x1_m, x1_m=-z.x0_m) for z in zones)
        camera = _mirrored(camera)
    return Lesson(
        number,
        scene.seed,
        kind,
        array,
        camera.rows,
        camera.cols,
        camera.mount == "wall",
        told.height_m,
        told.fov_deg,
        told.tilt_deg,
        camera.x_m,
        camera.y_m,
        camera.yaw_deg,
        zones,
        scenes.START_MS + np.round(t_s * 1000).astype(np.int64),
        centi,
        bodies,
        things,
        tuple(f for m in motions for f in _falls(m, scene.lasts_s)),
        camera,
    )


def _mirrored(camera: Camera) -> Camera:
    """The camera of the same home seen in a mirror that turns x round; its picture is the old one with the
    columns reversed.
    """
    yaw = 180.0 - camera.yaw_deg if camera.mount == "wall" else -camera.yaw_deg
    return replace(camera, x_m=-camera.x_m, yaw_deg=yaw)


def _taken(scene: Scene, t_s: F64) -> F64:
    """Of the moments `t_s` (N,) those that are drawn: where next to nothing happens, one in IDLE_S."""
    if scene.thin_s is None:
        return t_s
    tick = np.r_[True, np.diff(np.floor(t_s / IDLE_S)) > 0]
    return np.asarray(t_s[tick | (t_s < scene.thin_s[0]) | (t_s > scene.thin_s[1])])


def _heat(scene: Scene) -> list[Addition]:
    """Radiators and the television, warming, hot or cooling, quicker than true ones."""
    rng = np.random.default_rng([scene.seed, _HEAT])
    out = []
    for name, share in HEATED.items():
        haste = float(np.exp(rng.uniform(*np.log(HASTE))))
        first, last = -ON_S[1], scene.lasts_s * haste
        on_s = float(rng.uniform(first / 2, 0.6 * last))
        span = (on_s, on_s + float(rng.uniform(*ON_S)))
        if rng.random() < share:
            made = NUISANCES[name](scene.seed, scene.plan, first, last, times=[span])
            out.append(Addition(tuple(replace(s, t_s=s.t_s / haste) for s in made.sources)))
    return out


def _falls(motion: Motion, lasts_s: float) -> tuple[tuple[float, float, str, float], ...]:
    """Every fall of a motion, and when its down-time is over."""
    out = []
    for fell in (t for t in motion.truth if t.label.startswith("fall:")):
        up_s = next((t.end_s for t in motion.truth if t.label == "down" and t.end_s > fell.end_s), np.inf)
        up_s = up_s if up_s < lasts_s else np.inf
        out.append((fell.start_s, fell.end_s, fell.label.removeprefix("fall:"), float(up_s)))
    return tuple(out)


def truth(camera: Camera, room: Room, actors: tuple[Actor, ...], t_s: F64) -> tuple[F32, F32]:
    """Lesson.bodies and Lesson.things of room 0 at the times `t_s` (N,)."""
    bodies = np.full((len(t_s), PEOPLE, len(FIELDS)), np.nan, np.float32)
    things = np.full((len(t_s), THINGS, 2), np.nan, np.float32)
    people = [a for a in actors if a.build.shape == "human"][:PEOPLE]
    beasts = [a for a in actors if a.build.shape != "human"][:THINGS]
    for out, who in ((bodies, people), (things, beasts)):
        for k, actor in enumerate(who):
            pose, where = actor.motion.at(t_s)
            here = np.flatnonzero(where == 0)
            if len(here):
                out[here, k] = _told(camera, room, actor.build, pose[here])[:, : out.shape[2]]
    return bodies, things


def _told(camera: Camera, room: Room, build: Build, pose: F64) -> F64:
    """FIELDS (N, 7) of one body, of a beast the first four (N, 4)."""
    new = np.r_[True, (pose[1:] != pose[:-1]).any(axis=1)]
    which = np.cumsum(new) - 1
    pose = pose[new]
    seen = body(build, pose)
    heat = np.maximum(seen.warmth, 1e-3) * build.radii_m[:, 0] * build.radii_m[:, 1:].mean(axis=1)
    spot = (heat[:, :, None] * seen.centre_m[:, :, :2]).sum(1) / heat.sum(1)[:, None]
    off_m = seen.centre_m - (camera.x_m, camera.y_m, camera.height_m)
    heat = heat / np.maximum((off_m**2).sum(-1), 0.01)  # as large as it looks
    px = (heat[:, :, None] * pixels(camera, seen.centre_m)).sum(1) / heat.sum(1)[:, None]
    if build.shape != "human":
        return np.asarray(np.concatenate([px, spot], axis=1)[which])
    head, torso = seen.centre_m[:, 0], seen.centre_m[:, 1]
    hips = torso - (head - torso) * (TORSO_M / (HEAD_M - TORSO_M))
    posture = postures(room, pose, hips, head[:, 2])
    return np.asarray(np.column_stack([px, spot, head[:, 2], hips[:, 2], posture])[which])


def pixels(camera: Camera, place_m: F64) -> F64:
    """Where places (…, 3) of the room are in the picture: (…, 2) pixels right of and below its middle."""
    right, down, ahead = np.moveaxis(
        (place_m - (camera.x_m, camera.y_m, camera.height_m)) @ axes(camera).T, -1, 0
    )
    out = np.maximum(np.hypot(right, down), 1e-9)
    deg = np.degrees(np.arctan2(out, ahead)) / out
    return np.stack(
        [right * deg * camera.cols / camera.fov_deg, down * deg * camera.rows / camera.fov_down_deg], -1
    )


def postures(room: Room, pose: F64, hips_m: F64, head_m: F64) -> NDArray[np.int8]:
    """Pose (N,) of human poses (N, 8 or 10) with hips at `hips_m` (N, 3) and the head at `head_m` (N,).

    In this order: RAISED, who reclines (trunk over 40° from the vertical, not doubled up) with the hips on
    a bed or a sofa or in the bath; SITTING, with the hips on a seat and the thighs forward; UP, hips above
    three quarters of their height and the trunk within 45° of the vertical; LYING, trunk within 35° of the
    horizontal, head below .6 m and hips below .35 m, curled, on a side, on the belly or knees up; else LOW.
    So who leans half upright on the floor is LOW, and who is on the way into bed is RAISED early.
    """
    rise = np.cos(pose[:, 4])
    doubled = np.abs((pose[:, 4] + pose[:, 5] + np.pi) % (2 * np.pi) - np.pi) > 1.9
    bed = _over(room, hips_m, {"bed", "sofa"}) & (pose[:, 2] > 0.4)
    seat = _over(room, hips_m, {"bed", "sofa", "chair"}) & (pose[:, 2] > 0.4)
    bath = _over(room, hips_m, {"bath"})
    raised = (bed | bath) & (rise < 0.77) & ~doubled
    sits = seat & (pose[:, 2] < 0.66) & (pose[:, 5] > 0.8)
    up = (pose[:, 2] > 0.66) & (rise > 0.7)
    lies = (rise < np.sin(np.radians(35.0))) & (head_m < 0.6) & (hips_m[:, 2] < 0.35)
    chosen = [raised, sits, up, lies]
    return np.select(chosen, [Pose.RAISED, Pose.SITTING, Pose.UP, Pose.LYING], Pose.LOW).astype(np.int8)


def _over(room: Room, place_m: F64, kinds: set[str]) -> Bools:
    """Whether places (N, 3) are above furniture of these kinds."""
    x, y = place_m[:, 0], place_m[:, 1]
    inside = np.zeros(len(place_m), bool)
    for z in room.zones:
        if z.kind in kinds:
            inside |= (z.x0_m <= x) & (x <= z.x1_m) & (z.y0_m <= y) & (y <= z.y1_m)
    return inside
