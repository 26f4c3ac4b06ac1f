"""Who or what walks about and is no resident: dog, cat, robot vacuum, visitor.

Takes a seed, a plan and a stretch of time, gives an `Addition` with one actor. Inner doors stand open. What
animals do is judgement, with one source: dogs and cats sleep or doze more than half of the day (12–14 h and
12–16 h), in bouts of some tens of minutes. Nothing here falls.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from simulator import floor
from simulator.additions import SHORT_S, Addition, Habit, Span, episodes
from simulator.bodies import (
    CAT,
    CAT_LYING_M,
    CAT_UP_M,
    DOG,
    DOG_LYING_M,
    DOG_UP_M,
    ROBOT,
    ROBOT_ON_M,
    Posture,
)
from simulator.bodies import visitor as visitor_build
from simulator.climate import HOUR_S, Calendar
from simulator.pen import Pen
from simulator.people import Script
from simulator.world import Actor, Build, Plan, Zone

_DOG, _CAT, _ROBOT, _VISITOR = range(81, 85)  # purposes of random numbers
ANIMAL_C: Final = 38.6  # dogs and cats are 38.0–39.2 °C inside


@dataclass(frozen=True, slots=True)
class _Nature:
    """How an animal lives."""

    name: str
    up_m: float
    """Middle of its trunk while it stands."""
    lying_m: float
    gait_m_s: float
    fast_m_s: float
    """Now and then it runs."""
    awake_s: Span
    asleep_s: Span
    on: tuple[str, ...]
    """Kinds of furniture that it sleeps on."""
    on_share: float
    """Of its sleeps that are on furniture."""


_DOG_NATURE: Final = _Nature("dog", DOG_UP_M, DOG_LYING_M, 0.8, 2.0, (90, 600), (900, 5400), ("sofa",), 0.3)
_CAT_NATURE: Final = _Nature(
    "cat", CAT_UP_M, CAT_LYING_M, 0.6, 2.5, (60, 480), (1500, 7200), ("sofa", "bed", "chair", "table"), 0.75
)
SHORT_SLEEP_S: Final = (60.0, 240.0)  # in a stretch of minutes both shall be seen: running about and lying
HIGHEST_M: Final = 1.0  # no cat on the wardrobe: it would fill the picture of a camera nearby
FIDGET_S: Final = 240.0  # between small moves of a sleeping animal


def dog(
    seed: int,
    plan: Plan,
    start_s: float,
    end_s: float,
    *,
    calendar: Calendar | None = None,
    times: Sequence[Span] | None = None,
) -> Addition:
    """A dog of 8–30 kg (trunk of .4–.65 m) that roams, stands about, lies on the floor or on the sofa."""
    del calendar, times
    rng = np.random.default_rng([seed, _DOG])
    build = replace(DOG, size=float(rng.uniform(0.7, 1.1)))
    return _lives(rng, plan, (start_s, end_s), build, _DOG_NATURE)


def cat(
    seed: int,
    plan: Plan,
    start_s: float,
    end_s: float,
    *,
    calendar: Calendar | None = None,
    times: Sequence[Span] | None = None,
) -> Addition:
    """A cat that roams, dashes, jumps onto furniture and sleeps there, sometimes on the floor."""
    del calendar, times
    rng = np.random.default_rng([seed, _CAT])
    build = replace(CAT, size=float(rng.uniform(0.85, 1.15)))
    return _lives(rng, plan, (start_s, end_s), build, _CAT_NATURE)


def _lives(rng: np.random.Generator, plan: Plan, stretch: Span, build: Build, nature: _Nature) -> Addition:
    start, end = stretch
    if end <= start:
        raise ValueError(f"the end must come after the start: {stretch}")
    up: Posture = (nature.up_m, 0.0, 0.0, 0.0, 0.0, 0.0)
    pen = Pen(rng, plan, gait_m_s=nature.gait_m_s, t=start - 1e-3, cover=0.0, shape=up)
    pen.room = int(rng.integers(len(plan.rooms)))
    pen.x, pen.y = floor.free_spot(rng, plan.rooms[pen.room], floor.BODY_M)
    pen.key(0.0)
    nights = end - start >= SHORT_S
    while pen.t < end:
        _roams(pen, min(pen.t + float(rng.uniform(*nature.awake_s)), end), nature)
        if pen.t < end:
            _sleeps(pen, end, nature, nature.asleep_s if nights else SHORT_SLEEP_S)
    actor = Actor(nature.name, build, pen.motion(), core_c=np.full(1, ANIMAL_C))
    return Addition(actors=(actor,), on=(stretch,))


def _roams(pen: Pen, until_s: float, nature: _Nature) -> None:
    """From place to place, standing about between, mostly within a room."""
    rng = pen.rng
    while pen.t < until_s:
        room = pen.room if rng.random() < 0.7 else int(rng.integers(len(pen.plan.rooms)))
        pen.gait_m_s = nature.fast_m_s if rng.random() < 0.1 else nature.gait_m_s
        pen.go(room, *floor.free_spot(rng, pen.plan.rooms[room], floor.BODY_M))
        pen.stay(pen.t + float(rng.exponential(40.0)) + 1.0, 0.03, 8.0)
    pen.gait_m_s = nature.gait_m_s


def _sleeps(pen: Pen, end_s: float, nature: _Nature, long_s: Span) -> None:
    """Lie down on furniture or on the floor, move a little now and then, get up."""
    rng = pen.rng
    here = pen.plan.rooms[pen.room]
    soft = [z for z in here.zones if z.kind in nature.on and z.height_m < HIGHEST_M]
    zone = soft[int(rng.integers(len(soft)))] if soft and rng.random() < nature.on_share else None
    up = pen.shape
    if zone is None:
        pen.go(pen.room, *floor.free_spot(rng, here, floor.BODY_M))
        pen.key(1.5, (nature.lying_m, *up[1:]))
    else:
        back = floor.beside(here, zone)
        pen.go(pen.room, *back)
        x, y = _spot_on(rng, zone)
        pen.key(0.15, (zone.height_m + nature.up_m + 0.15, *up[1:]), x=(pen.x + x) / 2, y=(pen.y + y) / 2)
        pen.key(0.25, (zone.height_m + nature.up_m, *up[1:]), x=x, y=y)
        pen.key(1.5, (zone.height_m + nature.lying_m, *up[1:]))
    pen.stay(min(pen.t + float(rng.uniform(*long_s)), max(end_s, pen.t + 1.0)), 0.03, FIDGET_S)
    if zone is not None:
        x, y = floor.beside(here, zone)
        pen.key(1.0, (zone.height_m + nature.up_m, *up[1:]))
        pen.key(0.35, up, x=x, y=y)
    else:
        pen.key(1.0, up)


def _spot_on(rng: np.random.Generator, zone: Zone) -> floor.Point:
    x = float(zone.x0_m + (zone.x1_m - zone.x0_m) * rng.uniform(0.25, 0.75))
    y = float(zone.y0_m + (zone.y1_m - zone.y0_m) * rng.uniform(0.25, 0.75))
    return x, y


ROBOT_HABIT: Final = Habit(((9.5, 11.5),), 0.5, (1800.0, 3600.0))  # every other day, 30–60 min
ROBOT_M_S: Final = 0.28  # vacuum robots drive at .25–.3 m/s


def robot_vacuum(
    seed: int,
    plan: Plan,
    start_s: float,
    end_s: float,
    *,
    calendar: Calendar | None = None,
    times: Sequence[Span] | None = None,
) -> Addition:
    """A robot vacuum: a flat disc, 2 K above the room, that drives straight lines over the free floor of room
    after room, and stands at its dock the rest of the time.
    """
    rng = np.random.default_rng([seed, _ROBOT])
    when = episodes(rng, ROBOT_HABIT, (start_s, end_s), calendar or Calendar(), times)
    flat: Posture = (ROBOT_ON_M, 0.0, 0.0, 0.0, 0.0, 0.0)
    pen = Pen(rng, plan, gait_m_s=ROBOT_M_S, t=start_s - 1e-3, cover=0.0, shape=flat)
    home = plan.index("living")
    pen.room = home
    dock = floor.free_spot(rng, plan.rooms[home], floor.BODY_M)
    pen.x, pen.y = dock
    pen.key(0.0)
    for start, end in when:
        pen.hold(start)
        room, leave_s = home, start + float(rng.uniform(300, 900))
        while pen.t < end:
            if pen.t > leave_s and len(plan.rooms) > 1:
                room, leave_s = int(rng.integers(len(plan.rooms))), pen.t + float(rng.uniform(300, 900))
            pen.go(room, *floor.free_spot(rng, plan.rooms[room], floor.BODY_M))
        pen.go(home, *dock)
    pen.hold(max(end_s, pen.t))
    return Addition(actors=(Actor("robot", ROBOT, pen.motion()),), on=tuple(when))


VISIT_HABIT: Final = Habit(((10.0, 11.5), (14.5, 16.5)), 0.35, (1200.0, 3 * HOUR_S))
"""Two or three visits a week of 20 min (a nurse) to 3 h (family)."""


def visitor(
    seed: int,
    plan: Plan,
    start_s: float,
    end_s: float,
    *,
    calendar: Calendar | None = None,
    times: Sequence[Span] | None = None,
) -> Addition:
    """Somebody who comes in by the outer door, sits down with the resident, gets up for this and that, and
    leaves; still in the outdoor cold of the coat for the first minutes (half covered).
    """
    rng = np.random.default_rng([seed, _VISITOR])
    when = episodes(rng, VISIT_HABIT, (start_s, end_s), calendar or Calendar(), times)
    script = Script(rng, plan, gait_m_s=1.0, start_s=start_s, subject="visitor")
    living = plan.index("living")
    seats = [z for z in plan.rooms[living].zones if z.kind in {"sofa", "chair"}]
    for start, end in when:
        script.wait(max(start, script.t))
        if end - script.t < 20:
            continue
        script.come_home()
        while script.t < end - 15:
            left = end - script.t - 10
            if seats and rng.random() < 0.75 and left > 40:
                seat = seats[int(rng.integers(len(seats)))]
                script.go(living, *floor.beside(plan.rooms[living], seat))
                script.sit(seat, float(min(rng.uniform(60, 1500), max(left - 25, 10))))
            else:
                room = living if rng.random() < 0.6 else int(rng.integers(len(plan.rooms)))
                script.potter(room, float(min(rng.uniform(8, 180), max(left - 10, 4))))
        script.leave_home()
    return Addition(actors=(Actor("visitor", visitor_build(seed), script.motion()),), on=tuple(when))
