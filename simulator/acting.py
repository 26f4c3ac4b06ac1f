"""The scenes of the recorded ceiling array, acted again: who walks, sits, stands up, falls and lies.

Takes a seed, gives frames of the camera d6t16 at 2.2 m with truth rows as the recordings have them (walk,
sit, standup, stand, fall, lie), two people one after the other. Where the recorded people stood when they
began to fall is matched too: at the rim of the picture, half out of it, and down towards its middle. Numbers
of the recordings are those of the first two people; the places of the falls were chosen on these two with a
look at all four. Never measures (likeness.py does).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from guardian.trace import TruthRow
from simulator.bodies import resident
from simulator.camera import Camera, Painter
from simulator.cameras import d6t16
from simulator.falls import After, FallKind
from simulator.people import Script
from simulator.world import F64, I16, I64, NOWHERE, Actor, Air, Door, Motion, Plan, Room, Zone

HEIGHT_M: Final = 2.2  # of the recorded array
SIDE_M: Final = 6.0  # the door is out of the picture
CHAIR_M: Final = 0.46
SEAT_OFF_M: Final = 0.3  # chair off the middle: who sits and who stands before it are both in the picture
EMPTY_S: Final = (7.0, 11.0)
"""Before each of the two comes in, and after the last: as long as the recorded room is empty."""
ACROSS_M: Final = 0.75  # walks go through the middle, from so far before it to so far beyond
FALL_OFF_M: Final = (0.5, 0.75)
"""From the middle, where those trip who come in from the rim. Recorded: their patch is 7.3 pixels off the
middle just before and 9 pixels large, for half of them is out of view still."""
RIM_M: Final = 0.85
RIM_WAY: Final = ((RIM_M + 0.2, -1.0), (RIM_M, 0.33))
"""Along the rim first: how far from the middle, and how many radians off the place of the fall, so that they
fall past the middle of the picture and not through it."""
ROAMS_OFF_M: Final = (0.35, 0.85)
ROAMS_RAD: Final = (1.0, 0.35)
CORNER_M: Final = ((0.85, 1.1), (0.3, 0.7))
"""The chair of those who fall on standing up, along one axis and along the other. Recorded: they wait at the
rim, 7.3 pixels off the middle, and 10 or 11 pixels of them show."""
WAIT_S: Final = (4.0, 8.0)  # they sit before
WALK_S: Final = 1.4
SIT_S: Final = (1.4, 3.3)
STAND_S: Final = (1.1, 3.0)
LIE_S: Final = (2.0, 4.0)
"""Recorded: walking 1.3 s, sitting 2.2 s, standing 1.9 s (medians), lying 2 to 4 s."""
BENT_RAD: Final = 0.4
TRIES: Final = 12
"""Recorded people lie stretched out (length over width 2.4, more than 2.0 for nine of ten): a fall is acted
again, so many times at most, until trunk and legs lie as flat as this."""
FRAME_S: Final = (0.110, 0.027)
"""From frame to frame, mean and deviation: recorded 80 to 150 ms in eight of ten."""
RISE_S: Final = 9.0  # a script's way from the floor to its feet takes about so long
GAIT_M_S: Final = (0.6, 1.1)
SLOW_M_S: Final = (0.4, 0.8)  # of who is about to act a fall
ROOM_C: Final = (21.0, 25.0)  # recorded rooms show 21 to 26 °C
RISING: Final = (FallKind.CHAIR, FallKind.TRIP)
"""Out of the chair, or up from it first and then down."""
OUTSIDE_M: Final = 2.3  # from the middle: out of the picture
ASIDE_RAD: Final = 0.25
ENTER_OFF_M: Final = (0.2, 0.95)
ENTER_M_S: Final = (0.6, 1.4)
ENTERING: Final = (FallKind.TRIP, FallKind.TRIP, FallKind.SIDEWAYS, FallKind.FAINT, FallKind.SLIP)
"""Half of the recorded falls begin within two seconds of coming into the picture; those who walk straight
towards its middle end up lying along its radius, which is the hard case: so does whoever stands."""
PARTS: Final = ("sit", "walking", "sit", "rising")
"""What is acted in one recording after the other: falls in every second one, as in 80 of the 200."""
_ACT, _PLACE = 181, 182  # purposes of random numbers

Row = tuple[float, float, str]


@dataclass(frozen=True, slots=True)
class Scene:
    """One recording of one thermal array."""

    t_ms: I64
    """(N,)."""
    centi: I16
    """(N, rows, cols)."""
    truth: tuple[TruthRow, ...]


def scenes(recordings: int, seed: int, camera: Camera | None = None) -> Iterator[Scene]:
    """Act so many recordings of about a minute; half of them with two falls. `camera` stands in for the
    preset; its seed changes from one recording to the next.
    """
    for k in range(recordings):
        own = int(np.random.SeedSequence([seed, k]).generate_state(1)[0])
        device = replace(camera or d6t16(own, height_m=HEIGHT_M), seed=own)
        yield _filmed(own, device, PARTS[k % len(PARTS)])


def _filmed(seed: int, camera: Camera, part: str) -> Scene:
    rng = np.random.default_rng([seed, _PLACE])
    plan = bare_room(rng, part)
    actors: list[Actor] = []
    truth: list[TruthRow] = []
    now_s = 0.0
    for n in range(2):
        begin_s = now_s + float(rng.uniform(*EMPTY_S))
        for again in range(TRIES):
            own = np.random.default_rng([seed, _ACT, n, again])
            motion, rows, now_s = performed(own, plan, part, begin_s)
            if _stretched(motion, rows):
                break
        actors.append(Actor(f"human{n + 1}", resident(seed + n), motion))
        truth += [TruthRow(round(1000 * a), round(1000 * b), label, f"human{n + 1}") for a, b, label in rows]
    end_s = now_s + float(rng.uniform(*EMPTY_S))
    t_s = _taken(rng, end_s)
    air = Air.still(1, float(rng.uniform(*ROOM_C)))
    centi = Painter(camera, 0, actors, (), air).draw(t_s)
    return Scene(np.round(1000 * t_s).astype(np.int64), centi, tuple(truth))


def _stretched(motion: Motion, rows: list[Row]) -> bool:
    """Whether those who lie have their trunk flat and their legs straight."""
    lies = [(a + b) / 2 for a, b, label in rows if label == "lie"]
    pose, _ = motion.at(np.array(lies)) if lies else (np.zeros((0, 10)), None)
    return bool((np.abs(np.abs(pose[:, 4:7]) - np.pi / 2) < BENT_RAD).all())


def _taken(rng: np.random.Generator, end_s: float) -> F64:
    """Times of the frames: a device is not read out to the beat."""
    mean, spread = FRAME_S
    step = np.clip(rng.normal(mean, spread, int(1.2 * end_s / mean) + 9), mean / 2, 2 * mean)
    t_s = np.cumsum(step)
    return np.asarray(t_s[t_s < end_s])


def bare_room(rng: np.random.Generator, part: str) -> Plan:
    """A bare room with the way out and, where somebody sits, a chair: at the rim for those who fall."""
    x, y = _towards(rng, SEAT_OFF_M)
    if part == "rising":
        far, along = (float(rng.uniform(*m)) * float(rng.choice([-1.0, 1.0])) for m in CORNER_M)
        x, y = (far, along) if rng.random() < 0.5 else (along, far)
    h = CHAIR_M / 2
    chair = Zone("chair", "chair", x - h, y - h, x + h, y + h, 0.45)
    door = Door(NOWHERE, float(rng.uniform(-1.5, 1.5)), -SIDE_M / 2)
    return Plan(
        (Room("living", "living", SIDE_M, SIDE_M, (chair,) if part in {"sit", "rising"} else (), (door,)),)
    )


def _towards(rng: np.random.Generator, far_m: float) -> tuple[float, float]:
    """A place so far from the middle, anywhere around it."""
    way = float(rng.uniform(-np.pi, np.pi))
    return float(far_m * np.cos(way)), float(far_m * np.sin(way))


def performed(
    rng: np.random.Generator, plan: Plan, part: str, start_s: float
) -> tuple[Motion, list[Row], float]:
    """One person's part: motion, rows (start, end, label), and when they are out again.

    Besides PARTS there are "entering": straight in from outside the picture, and down; and "roaming": as
    "walking", but along the rim by any way.
    """
    play = Script(rng, plan, gait_m_s=float(rng.uniform(*GAIT_M_S)), start_s=start_s)
    play.come_home()
    if part == "sit":
        rows = _sat(play, rng, plan)
        begin = play.t
        play.stand(float(rng.uniform(*STAND_S)))
        rows.append((begin, play.t, "stand"))
    elif part in {"walking", "roaming"}:
        rows = _walked(play, rng)
        way = float(rng.uniform(-np.pi, np.pi))
        far = float(rng.uniform(*(FALL_OFF_M if part == "walking" else ROAMS_OFF_M)))
        play.pen.gait_m_s = float(rng.uniform(*SLOW_M_S))
        asides = (a for _, a in RIM_WAY) if part == "walking" else (rng.uniform(-a, a) for a in ROAMS_RAD)
        rim = [(off_m, float(aside)) for (off_m, _), aside in zip(RIM_WAY, asides, strict=True)]
        for off_m, aside in (*rim, (far, 0.0)):
            play.go(0, off_m * np.cos(way + aside), off_m * np.sin(way + aside))
        rows += _fallen(play, rng, FallKind.TRIP)
    elif part == "entering":
        rows = _entered(play, rng)
    else:
        kind = RISING[int(rng.integers(len(RISING)))]
        begin = None
        if kind is not FallKind.CHAIR:
            play.sit(plan.rooms[0].zones[0], float(rng.uniform(*WAIT_S)))
            begin = next(t.end_s for t in play.motion().truth if t.label == "sit")
        rows = _fallen(play, rng, kind, begin)
    play.leave_home()
    return play.motion(), rows, play.t


def _walked(play: Script, rng: np.random.Generator) -> list[Row]:
    """Through the middle of the picture."""
    x, y = _towards(rng, ACROSS_M)
    play.go(0, x, y)
    play.go(0, -x, -y)
    keys = play.motion().t_s
    middle = float(keys[-1] + keys[-2]) / 2  # the last key poses are the two ends of the walk
    return [(middle - WALK_S / 2, middle + WALK_S / 2, "walk")]


def _entered(play: Script, rng: np.random.Generator) -> list[Row]:
    """Stand outside the picture, come straight in, and go down at once, towards the middle or past it."""
    way = float(rng.uniform(-np.pi, np.pi))
    aside, far = float(rng.normal(0, ASIDE_RAD)), float(rng.uniform(*ENTER_OFF_M))
    play.pen.gait_m_s = float(rng.uniform(*ENTER_M_S))
    play.go(0, OUTSIDE_M * np.cos(way + aside), OUTSIDE_M * np.sin(way + aside))
    play.stand(float(rng.uniform(0.2, 3.0)))
    play.go(0, far * np.cos(way), far * np.sin(way))
    return _fallen(play, rng, ENTERING[int(rng.integers(len(ENTERING)))])


def _sat(play: Script, rng: np.random.Generator, plan: Plan) -> list[Row]:
    play.sit(plan.rooms[0].zones[0], float(rng.uniform(*SIT_S)))
    sat = next(t for t in play.motion().truth if t.label == "sit")
    return [(sat.start_s, sat.end_s, "sit"), (sat.end_s, play.t, "standup")]


def _fallen(
    play: Script, rng: np.random.Generator, kind: FallKind, begin_s: float | None = None
) -> list[Row]:
    lies_s = float(rng.uniform(*LIE_S))
    play.fall(kind, After.RECOVERS, lies_s + RISE_S)
    fell = next(t for t in play.motion().truth if t.label.startswith("fall:"))
    return [
        (fell.start_s if begin_s is None else begin_s, fell.end_s, "fall"),
        (fell.end_s + 0.3, fell.end_s + lies_s, "lie"),
    ]
