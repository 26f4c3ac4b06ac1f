"""Excerpts of whole lives as scenes for lessons: one room of a home for some minutes of some day.

Takes a seed, an array's name and a mount; gives a scene like those of randomised.py, with everything that is
warm in that room just then. Somebody comes in, and what follows is life as the diary has it; long sitting,
sleeping or cooking is gone through at a frame in home.IDLE_S, so that the detector has seen all of it. Nobody
falls in it.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from simulator import lives, randomised
from simulator.additions import Addition
from simulator.bodies import resident
from simulator.lives import Life
from simulator.randomised import LOW_M, Scene
from simulator.sight import sees
from simulator.world import F64, NOWHERE, Motion, Plan, RoomKind, Source

ROOMS: Final[dict[RoomKind, float]] = {"living": 0.4, "bedroom": 0.2, "bathroom": 0.25, "kitchen": 0.15}
"""Judgement: where an array hangs, and where most differs from the short scenes."""
WINTER: Final = 0.7
"""Share of the days in winter, when radiators are warm."""
BEFORE_S: Final = 15.0
"""The room without the resident at first: the detector's first look at it."""
FULL_S: Final = (40.0, 30.0, 150.0)
"""At the full rate: from coming in on; before the moment that is looked for; and after it."""
LONG: Final = 0.5
"""Share of the moments that are any moment in the room; the others are in any visit to it."""
APART_S: Final = 20.0
"""Two visits with less between them are one."""
SHORTEST_S: Final = 8.0
LONGEST_S: Final = 4 * 3600.0
"""From coming in to the moment; who has been there for longer came in later than they truly did."""
_EXCERPT: Final = 176  # a purpose of random numbers


def scene(seed: int, *, array: str, wall: bool) -> Scene | None:
    """Draw a life, a room and a moment in it; None where the array does not see the moment."""
    rng = np.random.default_rng([seed, _EXCERPT])
    life = lives.life(seed, 1, "winter" if rng.random() < WINTER else "summer")
    names = [*ROOMS]
    room = life.plan.index(names[int(rng.choice(len(names), p=[*ROOMS.values()]))])
    motion = lives.play(life, life.week.segments)
    visits = _visits(motion, room)
    if not len(visits):
        return None
    long_s = visits[:, 1] - visits[:, 0]
    pick = int(rng.choice(len(visits), p=long_s / long_s.sum() if rng.random() < LONG else None))
    come_s, leave_s = visits[pick]
    moment_s = float(rng.uniform(come_s, leave_s))
    come_s = max(come_s, moment_s - LONGEST_S)
    here = life.plan.rooms[room]
    camera = randomised.camera_of(np.random.default_rng([seed, _EXCERPT, 1]), seed, array, here, wall=wall)
    pose, _ = motion.at(np.array([moment_s]))
    if not sees(camera, np.array([[pose[0, 0], pose[0, 1], LOW_M]]))[0]:
        return None
    begin_s = come_s - BEFORE_S
    thin = come_s + FULL_S[0] - begin_s, moment_s - FULL_S[1] - begin_s
    return Scene(
        seed,
        Plan((here,)),
        camera,
        resident(seed),
        _moved(motion, room, begin_s),
        min(moment_s + FULL_S[2], leave_s + BEFORE_S) - begin_s,
        more=_around(life, room, begin_s),
        thin_s=thin if thin[1] > thin[0] else None,
    )


def _visits(motion: Motion, room: int) -> F64:
    """(V, 2) when the resident comes into the room and leaves it again."""
    edges = np.append(motion.t_s, motion.t_s[-1] + 1)
    here = np.flatnonzero(motion.room == room)
    spans = np.stack([edges[here], edges[here + 1]], axis=-1)
    apart = np.flatnonzero(spans[1:, 0] - spans[:-1, 1] > APART_S) + 1
    firsts, lasts = np.r_[0, apart], np.r_[apart - 1, len(spans) - 1]
    visits = np.stack([spans[firsts, 0], spans[lasts, 1]], axis=-1) if len(spans) else np.zeros((0, 2))
    return np.asarray(visits[visits[:, 1] - visits[:, 0] >= SHORTEST_S])


def _around(life: Life, room: int, begin_s: float) -> Addition:
    """What is in that room besides its resident, at the excerpt's own times."""
    whole = lives.around(life)
    actors = tuple(
        replace(a, motion=_moved(a.motion, room, begin_s), core_t_s=a.core_t_s - begin_s)
        for a in whole.actors
    )
    return Addition(tuple(_seen(s, begin_s) for s in whole.sources if s.room == room), actors)


def _moved(motion: Motion, room: int, begin_s: float) -> Motion:
    """The same, in a home of that room alone."""
    only = np.where(motion.room == room, 0, NOWHERE).astype(np.int16)
    return Motion(motion.t_s - begin_s, motion.pose, only)


def _seen(source: Source, begin_s: float) -> Source:
    return replace(source, room=0, t_s=source.t_s - begin_s)
