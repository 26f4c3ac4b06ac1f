"""What somebody opens, switches on and sits on while doing what the segments of their days say.

Takes segments, a floor plan and habits; gives openings of doors and of the fridge, and spells in bed, in the
chair and at appliances. Never makes readings: `sensors.py` does.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from simulator.habits import Habits
from simulator.world import F64, I16, I64, Bools, Doing, Plan, Segment


@dataclass(frozen=True, slots=True)
class Spells:
    """Stretches of time in rooms, in order of start."""

    start_s: F64
    """(K,)."""
    end_s: F64
    room: I16

    @classmethod
    def of(cls, rows: Iterable[tuple[float, float, int]]) -> "Spells":
        """From (start_s, end_s, room)."""
        table = np.array(sorted(rows), np.float64).reshape(-1, 3)
        return cls(table[:, 0], table[:, 1], table[:, 2].astype(np.int16))

    @classmethod
    def join(cls, those: Sequence["Spells"]) -> "Spells":
        """All of them, in order of start."""
        rows = [(s.start_s.tolist(), s.end_s.tolist(), s.room.tolist()) for s in those]
        return cls.of(row for columns in rows for row in zip(*columns, strict=True))


@dataclass(frozen=True, slots=True)
class Openings:
    """Somebody opens a door."""

    t_s: F64
    """(N,) increasing."""
    back: Bools
    """(N,) by the door to the garden, where the home has one."""


PRESSES: Final = 0.18  # 82 % of falls when alone: no call alarm used (BMJ 337:a2227)


@dataclass(frozen=True, slots=True)
class Touched:
    """What hands do in a home."""

    doors: Openings
    fridge_s: F64
    spells: Mapping[str, Spells]


DOOR_REPEATS: Final = 0.3
"""Mean number of further openings within a minute, besides uses that follow each other so closely. Recorded
homes: 1.3–2.5 openings in a row."""
FRIDGE_REPEATS: Final = 0.75
"""Recorded homes: 1.9–2.8 openings in a row."""
REPEAT_S: Final = (
    8.0,
    1.1,
)  # median and log-spread of the pause; recorded: median 6–14 s, 90th percentile 38 s
ERRANDS_PER_DAY: Final = 15.0  # in hall and kitchen, of a middling person
GARDEN_S: Final = 1500.0  # shorter outings go by the garden door, where there is one


def _repeated(first_s: F64, mean: float, rng: np.random.Generator) -> tuple[F64, I64]:
    """Each use of a door is one opening or several in a row; gives times and the use of each."""
    counts, pauses = rng.spawn(2)
    more = counts.geometric(1.0 / (1.0 + mean), len(first_s)) - 1
    of = np.repeat(np.arange(len(first_s)), more + 1)
    pause = REPEAT_S[0] * np.exp(REPEAT_S[1] * pauses.standard_normal(len(of)))
    head = np.cumsum(more + 1) - (more + 1)
    pause[head] = 0.0
    run = np.cumsum(pause)
    return first_s[of] + run - run[head][of], of


def touched(
    segments: Sequence[Segment],
    plan: Plan,
    habits: Habits,
    rng: np.random.Generator,
    guests: Sequence[tuple[float, float]] = (),
) -> Touched:
    """What somebody opens, switches on and sits on while doing what the segments say."""
    doors, fridge, seats, appliances = rng.spawn(4)
    kitchen = [s for s in segments if s.room == plan.index("kitchen")]
    return Touched(
        _openings(segments, plan, habits, doors, guests),
        _fridge(kitchen, habits, fridge),
        {**_seats(segments, plan, seats), **_appliances(segments, plan, appliances)},
    )


def _openings(
    segments: Sequence[Segment],
    plan: Plan,
    habits: Habits,
    rng: np.random.Generator,
    guests: Sequence[tuple[float, float]],
) -> Openings:
    """Going out and coming home, visitors, and looking out of the door without leaving; some people also
    leave by doors that have no sensor, which are not among these.
    """
    counts, places, repeats, signs = rng.spawn(4)
    end_s = segments[-1].end_s
    outings = [(s.start_s, s.end_s) for s in segments if s.doing is Doing.OUT]
    seen = signs.random(len(outings)) >= habits.unseen_outings
    outings = [o for o, s in zip(outings, seen.tolist(), strict=True) if s]
    uses = [(t, b - a < GARDEN_S) for a, b in outings for t in (a, b) if 0.0 < t < end_s]
    uses += [(t, False) for a, b in guests for t in (a, b) if 0.0 < t < end_s]
    hall, kitchen = plan.index("hall"), plan.index("kitchen")
    idle = [s for s in segments if s.doing in {Doing.POTTER, Doing.CHORES} and s.room in {hall, kitchen}]
    often = habits.door_looks_per_day / ERRANDS_PER_DAY
    uses += [
        (s.start_s + u * (s.end_s - s.start_s), s.room == kitchen != hall)
        for s, many in zip(idle, counts.poisson(often, len(idle)).tolist(), strict=True)
        for u in places.random(many).tolist()
    ]
    uses.sort()
    t, of = _repeated(np.array([t for t, _ in uses]), DOOR_REPEATS, repeats)
    back = np.array([b for _, b in uses], np.bool_)[of]
    order = np.argsort(t, kind="stable")
    order = order[t[order] < end_s]
    return Openings(t[order], back[order])


def _fridge(kitchen: Sequence[Segment], habits: Habits, rng: np.random.Generator) -> F64:
    counts, places, repeats = rng.spawn(3)
    many = counts.poisson(habits.fridge_per_visit, len(kitchen))
    start, end = np.array([(s.start_s, s.end_s) for s in kitchen], np.float64).reshape(-1, 2).T
    of = np.repeat(np.arange(len(kitchen)), many)
    first = start[of] + places.random(len(of)) * (end - start)[of]
    return np.sort(_repeated(np.sort(first), FRIDGE_REPEATS, repeats)[0])


def _seats(segments: Sequence[Segment], plan: Plan, rng: np.random.Generator) -> dict[str, Spells]:
    """The bed at night and for some naps; the armchair for three rests of five (judgement)."""
    bedroom, living = plan.index("bedroom"), plan.index("living")
    lies = {Doing.SLEEP, Doing.NAP}
    sits = {Doing.REST, Doing.NAP, Doing.EAT}
    in_chair = rng.random(len(segments)) < 0.6
    chairs = [
        s for s, c in zip(segments, in_chair, strict=True) if c and s.doing in sits and s.room == living
    ]
    return {
        "bed": Spells.of(
            (s.start_s, s.end_s, s.room) for s in segments if s.doing in lies and s.room == bedroom
        ),
        "chair": Spells.of((s.start_s + 8.0, s.end_s, s.room) for s in chairs if s.end_s - s.start_s > 16.0),
        "down": Spells.of((s.start_s, s.end_s, s.room) for s in segments if s.doing is Doing.DOWN),
    }


def _appliances(segments: Sequence[Segment], plan: Plan, rng: np.random.Generator) -> dict[str, Spells]:
    """Television with most rests, kettle with meals and some errands, stove while cooking (judgement)."""
    living, kitchen = plan.index("living"), plan.index("kitchen")
    dice = rng.random((len(segments), 2))
    rows: dict[str, list[tuple[float, float, int]]] = {"tv": [], "kettle": [], "stove": [], "press": []}
    for s, (odds, u) in zip(segments, dice.tolist(), strict=True):
        long_s = s.end_s - s.start_s
        if s.doing is Doing.REST and odds < 0.7:
            rows["tv"].append((s.start_s + 10.0, s.end_s, living))
        elif s.doing is Doing.DOWN and odds < PRESSES:
            at_s = s.start_s + 30.0 + 570.0 * u
            rows["press"] += [(at_s, at_s, s.room)] if at_s < s.end_s else []
        elif s.room == kitchen and odds < (0.8 if s.doing is Doing.EAT else 0.2) and long_s > 90.0:
            at_s = s.start_s + 20.0 + u * 30.0
            rows["kettle"].append((at_s, at_s + 120.0 + 120.0 * u, kitchen))
        if s.doing is Doing.COOK and long_s > 360.0 and u < 0.7:
            rows["stove"].append((s.start_s + 60.0, s.end_s - 20.0, kitchen))
    return {name: Spells.of(r) for name, r in rows.items()}
