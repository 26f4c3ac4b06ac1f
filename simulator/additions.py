"""What something adds to a home: warm things, moving actors, changes of the air, rows of truth.

Takes parts and spans of time, gives `Addition`s, the curves of things that warm up and cool down, and the
hours at which things happen; `composed` puts many of them together. Never decides what a home has.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from simulator.climate import HOUR_S, Calendar, Change, overlay
from simulator.world import F64, Actor, Air, Plan, Room, Source, Truth, Zone, ZoneKind

Span = tuple[float, float]
Hours = tuple[tuple[float, float], ...]
"""Local hours of the day, from and to."""

SHORT_S: Final = 6 * HOUR_S  # what is shorter is a measurement of one nuisance, not a day
CURVE: Final = np.array([0.0, 0.1, 0.25, 0.45, 0.7, 1.0, 1.4, 1.9, 2.5, 3.3])
"""Keys of an exponential in time constants: straight lines between are within 2 % of the step."""
GONE: Final = 4.5  # time constants after which 1 % is left, and taken away


@dataclass(frozen=True, slots=True)
class Addition:
    """One thing more in a home."""

    sources: tuple[Source, ...] = ()
    actors: tuple[Actor, ...] = ()
    changes: tuple[Change, ...] = ()
    truth: tuple[Truth, ...] = ()
    air: Air | None = None
    """In place of the home's own air; the changes come on top."""
    on: tuple[Span, ...] = ()
    """When it was there or switched on, for whoever draws plugs and doors."""


def composed(air: Air, additions: Sequence[Addition]) -> Addition:
    """All of them as one; its `air` is the home's own (or the last one that was given in its place), with
    every change laid over it, and its `changes` are empty.
    """
    for one in additions:
        air = one.air if one.air is not None else air
    return Addition(
        tuple(s for one in additions for s in one.sources),
        tuple(a for one in additions for a in one.actors),
        (),
        tuple(t for one in additions for t in one.truth),
        overlay(air, [c for one in additions for c in one.changes]),
        tuple(sorted(s for one in additions for s in one.on)),
    )


# --- curves ----------------------------------------------------------------------------------------


def warmth(on: Sequence[Span], peak_k: float, up_tau_s: float, down_tau_s: float) -> tuple[F64, F64]:
    """Keys (t_s, excess_k) of something that goes towards `peak_k` while on and back to 0 after.

    The spans must be in order and must not overlap; it begins and ends at 0.
    """
    t: list[F64] = []
    k: list[F64] = []
    level, since = 0.0, -np.inf
    for i, (start, end) in enumerate(on):
        if i and start < on[i - 1][1]:
            raise ValueError(f"spans overlap or are out of order: {on[i - 1]}, {(start, end)}")
        if np.isfinite(since):
            level *= float(np.exp(-(start - since) / down_tau_s))
            level = 0.0 if start - since > GONE * down_tau_s else level
        rise = np.append(CURVE[CURVE * up_tau_s < end - start] * up_tau_s, end - start)
        t.append(start + rise)
        k.append(peak_k + (level - peak_k) * np.exp(-rise / up_tau_s))
        level, since = float(k[-1][-1]), end
        free = (on[i + 1][0] if i + 1 < len(on) else np.inf) - end
        fall = np.append(CURVE[1:], GONE) * down_tau_s
        ends = np.append(np.exp(-fall[:-1] / down_tau_s), 0.0)
        keep = fall < free - 1e-3
        t.append(end + fall[keep])
        k.append(level * ends[keep])
    if not t:
        return np.zeros(0), np.zeros(0)
    return np.concatenate(t), np.concatenate(k)


def source(
    name: str,
    room: int,
    radii_m: tuple[float, float, float],
    centre_m: tuple[float, float, float],
    curve: tuple[F64, F64],
) -> tuple[Source, ...]:
    """One source that stays where it is, or none for an empty curve."""
    t, excess = curve
    if not len(t):
        return ()
    return (Source(name, room, radii_m, t, np.tile(np.array(centre_m), (len(t), 1)), excess),)


# --- times -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Habit:
    """When something happens in a home."""

    hours: Hours
    per_day: float
    """Mean number of times a day."""
    length_s: Span
    """Shortest and longest."""


def episodes(
    rng: np.random.Generator,
    habit: Habit,
    stretch: Span,
    calendar: Calendar,
    times: Sequence[Span] | None = None,
) -> list[Span]:
    """When it happens in `stretch`: at the `times` handed in, or else at its hours; at least once in a
    stretch shorter than SHORT_S. In order, never overlapping, within the stretch.
    """
    start, end = stretch
    if end <= start:
        raise ValueError(f"the end must come after the start: {stretch}")
    if times is not None:
        drawn = [(max(a, start), min(b, end)) for a, b in times if min(b, end) > max(a, start)]
    elif end - start < SHORT_S:
        first = start + float(rng.uniform(0.03, 0.2)) * (end - start)
        drawn = [(first, min(first + float(rng.uniform(*habit.length_s)), end - 0.1 * (end - first)))]
    else:
        drawn = []
        for midnight in calendar.midnights(start, end).tolist():
            many = int(habit.per_day) + int(rng.random() < habit.per_day % 1)
            which = rng.integers(0, len(habit.hours), many)
            at = [midnight + HOUR_S * float(rng.uniform(*habit.hours[w])) for w in which]
            drawn += [(a, a + float(rng.uniform(*habit.length_s))) for a in at]
        drawn = [(max(a, start), min(b, end)) for a, b in drawn if min(b, end) > max(a, start)]
    out: list[Span] = []
    for a, b in sorted(drawn):
        if not out or a > out[-1][1] + 1.0:
            out.append((a, b))
    return out


# --- places ----------------------------------------------------------------------------------------


def place(plan: Plan, kind: ZoneKind, *names: str) -> tuple[int, Zone] | None:
    """Room and zone of the first name that the home has, else of the first zone of that kind, else None."""
    for name in names:
        for index, room in enumerate(plan.rooms):
            for zone in room.zones:
                if zone.name == name:
                    return index, zone
    found = ((i, room.zone(kind)) for i, room in enumerate(plan.rooms))
    return next(((i, z) for i, z in found if z is not None), None)


def top(zone: Zone, over_m: float = 0.0) -> tuple[float, float, float]:
    """The middle of its surface, `over_m` above."""
    x, y = zone.middle
    return x, y, zone.height_m + over_m


def inwards(room: Room, zone: Zone) -> tuple[float, float]:
    """The unit step from the wall that a zone stands at into the room."""
    x, y = zone.middle
    if room.width_m / 2 - abs(x) < room.depth_m / 2 - abs(y):
        return (-1.0 if x > 0 else 1.0), 0.0
    return 0.0, (-1.0 if y > 0 else 1.0)


def moved(one: Source, t_s: F64, centre_m: F64, excess_k: F64) -> Source:
    """The same thing with other keys."""
    return replace(one, t_s=t_s, centre_m=centre_m, excess_k=excess_k)


def puff(room: int, span: Span, warm_k: float, humid: float, haze: float) -> Change:
    """Warm, moist air that comes within minutes and leaves with a quarter of an hour."""
    t, share = warmth([span], 1.0, 180.0, 900.0)
    return Change(room, t, warm_k * share, humid * share, haze * share)
