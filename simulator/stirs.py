"""Where and when somebody stirs, and what they touch: what event sensors can notice.

Takes segments of days (or the motion of a body) and a floor plan; gives movements with their strength, and
beside them what `touches.py` knows of doors, seats and appliances. Never makes readings: `sensors.py` does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from simulator.habits import Habits
from simulator.touches import Openings, Spells, touched
from simulator.world import F64, I16, NOWHERE, Bools, Doing, Motion, Plan, Segment, Truth, ZoneKind


@dataclass(frozen=True, slots=True)
class Stirs:
    """What happens in a home that an event sensor could notice; times are seconds since the start."""

    t_s: F64
    """(N,) increasing: movements."""
    room: I16
    """(N,)."""
    strength: F64
    """(N,) a motion sensor of middling sight notices one with 1 - exp(-strength)."""
    doors: Openings
    """Of the doors that lead out."""
    fridge_s: F64
    """(F,) increasing: openings of the fridge."""
    spells: Mapping[str, Spells]
    """`inside` (somebody is in the room), `bed`, `chair`, `tv`, `kettle`, `stove`, `down`, `press` (of the
    button, at its start)."""
    end_s: float


STIRS_PER_MIN: Final[Mapping[Doing, float]] = {
    Doing.SLEEP: 0.006,
    Doing.NAP: 0.012,
    Doing.TOILET: 0.9,
    Doing.WASH: 1.3,
    Doing.DRESS: 1.7,
    Doing.COOK: 1.7,
    Doing.EAT: 0.40,
    Doing.REST: 0.44,
    Doing.CHORES: 1.5,
    Doing.EXERCISE: 4.0,
    Doing.POTTER: 1.9,
    Doing.DOWN: 0.10,
}
"""Movements that a motion sensor may notice, per minute. First chosen on half of the recorded homes (TIHM),
then set with the means of all 28 in view."""

BURST: Final[Mapping[Doing, float]] = {Doing.SLEEP: 0.3, Doing.NAP: 0.4, Doing.REST: 0.6, Doing.EAT: 0.8}
"""Shape of the gamma by which the rate differs from stretch to stretch: low = long stillness and bursts."""
BURST_OTHERWISE: Final = 1.5
STRETCH_S: Final = 480.0  # the rate is drawn anew after so long
STEP_M: Final = 3.5  # from one door of a room to the next one
WALK_STRENGTH: Final = 1.5  # crossing a room: four of five are noticed
STILL_AFTER_S: Final = 2400.0  # somebody on the floor tries to move less and less; judgement


def stirs_of_segments(
    segments: Sequence[Segment],
    plan: Plan,
    habits: Habits,
    rng: np.random.Generator,
    *,
    guests: Sequence[tuple[float, float]] = (),
    truth: Sequence[Truth] = (),
) -> Stirs:
    """Stir as somebody does who lives so; guests stir too and come by the front door.

    During truth rows `collapse:bed` nothing moves. Every kind of draw has a stream of its own: days that
    begin alike stir alike until they part. Raises ValueError without segments.
    """
    streams = rng.spawn(4)
    if not segments:
        raise ValueError("no segments")
    end_s = segments[-1].end_s
    paths = _Paths(plan)
    parts = [
        _within(segments, habits, streams[0]),
        _between(segments, paths, habits, streams[1]),
        _visitors(guests, plan, streams[2]),
    ]
    t, room, strength = (np.concatenate([p[k] for p in parts]) for k in range(3))
    keep = (t < end_s) & ~_still(t, truth)
    order = np.argsort(t[keep], kind="stable")
    hands = touched(segments, plan, habits, streams[3], guests)
    inside = [(s.start_s, s.end_s, s.room) for s in segments if s.room >= 0]
    received = [(a, b, plan.index("living")) for a, b in guests]
    return Stirs(
        t[keep][order],
        room[keep][order].astype(np.int16),
        strength[keep][order],
        hands.doors,
        hands.fridge_s,
        {**hands.spells, "inside": Spells.of([*inside, *received])},
        end_s,
    )


def _still(t_s: F64, truth: Sequence[Truth]) -> Bools:
    """Moments at which somebody lies in bed and no longer moves."""
    out = np.zeros(len(t_s), np.bool_)
    for row in truth:
        if row.label == "collapse:bed":
            out |= (t_s >= row.start_s) & (t_s < row.end_s)
    return out


Part = tuple[F64, F64, F64]  # time, room, strength


def _within(segments: Sequence[Segment], habits: Habits, rng: np.random.Generator) -> Part:
    """Movements while doing something, in bursts: each segment and each stretch of it has its own rate."""
    streams = rng.spawn(4)
    home = [s for s in segments if s.room >= 0]
    start = np.array([s.start_s for s in home])
    length = np.array([s.end_s - s.start_s for s in home])
    calm, awake = habits.sleep_restless, habits.lively
    turns = {Doing.SLEEP: calm, Doing.NAP: calm, Doing.REST: awake}
    rate = np.array([STIRS_PER_MIN[s.doing] * turns.get(s.doing, 1.0) / 60.0 for s in home])
    shape = np.array([BURST.get(s.doing, BURST_OTHERWISE) for s in home])
    room = np.array([s.room for s in home], np.float64)
    down = np.array([s.doing is Doing.DOWN for s in home])
    pieces = np.maximum(np.ceil(length / STRETCH_S), 1.0).astype(np.int64)
    of = np.repeat(np.arange(len(home)), pieces)
    nth = np.arange(len(of)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    span = (length / pieces)[of]
    begin = start[of] + nth * span
    tiring = np.where(down[of], np.exp(-(nth * span) / STILL_AFTER_S), 1.0)
    mood = streams[0].gamma(shape, 1.0 / shape)[of] * streams[1].gamma(shape[of], 1.0 / shape[of])
    mean = rate[of] * span * tiring * mood
    many = streams[2].poisson(mean)
    t = np.repeat(begin, many) + streams[3].random(many.sum()) * np.repeat(span, many)
    return t, np.repeat(room[of], many), np.full(len(t), habits.evidence)


def _between(segments: Sequence[Segment], paths: "_Paths", habits: Habits, rng: np.random.Generator) -> Part:
    """Walking from room to room, at the start of each segment."""
    rows = []
    for a, b in pairwise(segments):
        if a.room == b.room:
            continue
        way = paths.between(a.room, b.room)
        step_s = min(STEP_M / habits.gait_m_s, (b.end_s - b.start_s) / len(way))
        rows += [(b.start_s + k * step_s, room) for k, room in enumerate(way) if room >= 0]
    table = np.array(rows, np.float64).reshape(-1, 2)
    t = table[:, 0] + rng.random(len(table)) * 1.5
    return t, table[:, 1], np.full(len(t), WALK_STRENGTH * habits.evidence)


class _Paths:
    """Which rooms one crosses between two rooms, both included."""

    def __init__(self, plan: Plan) -> None:
        n = len(plan.rooms)
        self._next = [{d.to for d in r.doors if 0 <= d.to < n} for r in plan.rooms]
        outer = [i for i, r in enumerate(plan.rooms) if any(d.to == NOWHERE for d in r.doors)]
        self._outer = outer[0] if outer else plan.index("hall")
        self._known: dict[tuple[int, int], tuple[int, ...]] = {}

    def between(self, a: int, b: int) -> tuple[int, ...]:
        """Rooms from a to b; NOWHERE goes by the outer door."""
        key = (self._outer if a == NOWHERE else a, self._outer if b == NOWHERE else b)
        if key not in self._known:
            self._known[key] = self._search(*key)
        return self._known[key]

    def _search(self, a: int, b: int) -> tuple[int, ...]:
        ways: dict[int, tuple[int, ...]] = {a: (a,)}
        edge = [a]
        while edge and b not in ways:
            fresh = {m: (*ways[n], m) for n in edge for m in sorted(self._next[n]) if m not in ways}
            ways |= fresh
            edge = sorted(fresh)
        return ways.get(b, (a, b))


def _visitors(guests: Sequence[tuple[float, float]], plan: Plan, rng: np.random.Generator) -> Part:
    """Guests stir where people receive guests; two people stir more than one (judgement)."""
    rooms = np.array(
        [plan.index("living"), plan.index("kitchen"), plan.index("hall"), plan.index("bathroom")]
    )
    t, where = [np.zeros(0)], [np.zeros(0)]
    for a, b in guests:
        many = rng.poisson(0.6 * (b - a) / 60.0)
        t.append(a + rng.random(many) * (b - a))
        where.append(rng.choice(rooms, many, p=(0.55, 0.3, 0.1, 0.05)).astype(np.float64))
    at = np.concatenate(t)
    return at, np.concatenate(where), np.full(len(at), 0.8)


def together(*those: Stirs) -> Stirs:
    """Stir as all of them do: resident, visitors, the dog. Spells of one name may then overlap."""
    if not those:
        raise ValueError("nobody stirs")
    order = np.argsort(np.concatenate([s.t_s for s in those]), kind="stable")
    knocks = np.argsort(np.concatenate([s.doors.t_s for s in those]), kind="stable")
    names = dict.fromkeys(name for s in those for name in s.spells)
    return Stirs(
        np.concatenate([s.t_s for s in those])[order],
        np.concatenate([s.room for s in those])[order],
        np.concatenate([s.strength for s in those])[order],
        Openings(
            np.concatenate([s.doors.t_s for s in those])[knocks],
            np.concatenate([s.doors.back for s in those])[knocks],
        ),
        np.sort(np.concatenate([s.fridge_s for s in those])),
        {name: Spells.join([s.spells[name] for s in those if name in s.spells]) for name in names},
        max(s.end_s for s in those),
    )


# --- from the motion of a body ---------------------------------------------------------------------

MIDDLING_MOVE_M: Final = 0.35
"""A move of this size has strength 1; a sway of 4 cm, as every seven seconds in a chair, has 0.013."""
CALMS_S: Final = (STRETCH_S, 5 * STRETCH_S)
"""How strong small moves are is drawn anew after so long, twice over: bodies are drawn with moves as regular
as a clock, people sit still for an hour and then shift about."""
SMALL: Final = 0.2  # moves below 16 cm
PIECE_M: Final = 1.0  # a walk is cut into pieces of this length


def stirs_of_motion(
    motion: Motion,
    plan: Plan,
    segments: Sequence[Segment] = (),
    habits: Habits | None = None,
    rng: np.random.Generator | None = None,
    *,
    truth: Sequence[Truth] = (),
) -> Stirs:
    """Stir as this body moves. What it opens and switches on follows from `segments` when they are given
    (with `habits` and `rng`, else ValueError); without them only the outer door and the seats are known.
    With `rng` the strength of small moves comes and goes, and with `habits` it is that person's. Visitors
    and animals have motions of their own: see `together`.
    """
    moves = _moves(motion)
    moves = (moves[0], moves[1], moves[2] * (1.0 if habits is None else habits.evidence))
    if rng is not None:
        moves = _calmed(*moves, 1.0 if habits is None else habits.lively, rng.spawn(2))
    moves = (moves[0], moves[1], np.where(_still(moves[0], truth), 0.0, moves[2]))
    gone = motion.room < 0
    turn = np.flatnonzero(gone[1:] != gone[:-1]) + 1
    doors = Openings(motion.t_s[turn], np.zeros(len(turn), np.bool_))
    fridge_s = np.zeros(0)
    spells: dict[str, Spells] = {}
    if segments:
        if habits is None or rng is None:
            raise ValueError("segments need habits and rng")
        hands = touched(segments, plan, habits, rng)
        doors, fridge_s, spells = hands.doors, hands.fridge_s, dict(hands.spells)
    rows = [r for r in motion.truth if r.label == "down"]
    where = motion.at(np.array([r.start_s for r in rows]))[1].tolist()
    spells |= {
        "inside": _runs(motion, motion.room >= 0),
        "bed": _runs(motion, _on(motion, plan, "bed")),
        "chair": _runs(motion, _on(motion, plan, "chair")),
        "down": Spells.of((r.start_s, r.end_s, room) for r, room in zip(rows, where, strict=True)),
    }
    return Stirs(*moves, doors, fridge_s, spells, float(motion.t_s[-1]))


def _calmed(
    t_s: F64, room: I16, strength: F64, lively: float, streams: Sequence[np.random.Generator]
) -> tuple[F64, I16, F64]:
    """Let small moves come in bursts with calms between; big ones stay."""
    small = strength < SMALL
    mood = np.full(len(t_s), lively)
    shape = BURST[Doing.REST]
    for span_s, rng in zip(CALMS_S, streams, strict=True):
        drawn = rng.gamma(shape, 1.0 / shape, int(t_s[-1] // span_s) + 1 if len(t_s) else 0)
        mood *= drawn[np.maximum(t_s // span_s, 0).astype(np.int64)]
    return t_s, room, np.where(small, strength * mood, strength)


def _moves(motion: Motion) -> tuple[F64, I16, F64]:
    pose = motion.pose
    step = np.diff(pose, axis=0)
    size_m = np.linalg.norm(step[:, :3], axis=1) + 0.4 * np.abs(step[:, 4]) + 0.2 * np.abs(step[:, 5])
    here = (motion.room[:-1] >= 0) & (motion.room[:-1] == motion.room[1:]) & (size_m > 1e-3)
    k = np.flatnonzero(here)
    pieces = np.maximum(np.ceil(size_m[k] / PIECE_M), 1.0).astype(np.int64)
    of = np.repeat(np.arange(len(k)), pieces)
    nth = np.arange(len(of)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    t = motion.t_s[k][of] + (nth + 0.5) / pieces[of] * np.diff(motion.t_s)[k][of]
    bare = 1.0 - pose[k, 7][of]
    strength = np.minimum((size_m[k] / pieces / MIDDLING_MOVE_M) ** 2, WALK_STRENGTH)[of] * bare
    return t, motion.room[k][of], strength


def _on(motion: Motion, plan: Plan, kind: ZoneKind) -> Bools:
    """Keys at which the pelvis rests on furniture of that kind; the toilet is no chair to rest in."""
    x, y, z = motion.pose[:, :3].T
    out = np.zeros(len(x), np.bool_)
    for i, room in enumerate(plan.rooms):
        for zone in room.zones if room.kind != "bathroom" else ():
            if zone.kind == kind:
                over = (x >= zone.x0_m) & (x <= zone.x1_m) & (y >= zone.y0_m) & (y <= zone.y1_m)
                rests = (z > zone.height_m - 0.15) & (
                    z < zone.height_m + 0.3
                )  # on it, neither below nor upright
                out |= (motion.room == i) & over & rests
    return out


def _runs(motion: Motion, here: Bools) -> Spells:
    """Stretches of keys with `here`, cut where the room changes."""
    mark = np.where(here, motion.room, np.int16(NOWHERE))
    edge = np.flatnonzero(np.diff(mark)) + 1
    first = np.concatenate([[0], edge])
    last = np.concatenate([edge, [len(mark) - 1]])
    rows = zip(motion.t_s[first].tolist(), motion.t_s[last].tolist(), mark[first].tolist(), strict=True)
    return Spells.of(r for r in rows if r[2] >= 0)
