"""Whole homes over days: somebody lives in a flat, with weather, habits, guests and sensors everywhere.

Takes a seed and what shall happen, gives a home with its truth. Short scenes in one room: scenes.py.
Procedure: draw the flat and the person; write their diary; place what shall happen in it; play the diary as
movements where a thermal array watches (else the diary alone moves the sensors); add weather, appliances,
animals and visitors; let the event sensors listen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from simulator import hazards, outages
from simulator.additions import Addition, composed
from simulator.bodies import resident
from simulator.cameras import PRESETS, Mount
from simulator.climate import LONDON, SHANGHAI, Calendar
from simulator.diary import live
from simulator.falls import After, FallKind
from simulator.habits import Course, Habits, habits
from simulator.home import Eye, Home
from simulator.household import household
from simulator.mishaps import mishaps
from simulator.people import Script
from simulator.residue import residues
from simulator.rooms import flat
from simulator.routine import LONGEST_OUT_MIN, days
from simulator.sensors import LIKE_RECORDED, Which, as_recorded, events, kit, press_truth
from simulator.sight import lies_in_view
from simulator.stirs import Stirs, stirs_of_motion, stirs_of_segments, together
from simulator.thresholds import threshold_truth, told
from simulator.weeks import Emergency, Week, marks, place
from simulator.world import (
    CORE_C,
    F64,
    TIMEZONE,
    Actor,
    Air,
    Doing,
    EventSensor,
    Motion,
    Plan,
    RoomKind,
    Segment,
    Truth,
)

DAY_S: Final = 86_400.0
HOUR_S: Final = 3_600.0
MIDNIGHTS_MS: Final[Mapping[str, int]] = {
    "winter": 1_768_147_200_000,  # Monday 12 January 2026, 00:00 in Shanghai
    "summer": 1_783_872_000_000,  # Monday 13 July 2026, 00:00 in Shanghai
}
Season = Literal["winter", "summer"]
WATCHED: Final[tuple[RoomKind, ...]] = ("living", "bedroom", "bathroom")
"""Rooms with a thermal array; the others have motion sensors."""
NOON_S: Final = (10 * HOUR_S, 15 * HOUR_S)
FEVER_K: Final = 1.2  # the rise that a target of DESIGN section 5 speaks of
FEVER_RISE_S: Final = 3 * HOUR_S
SEEDS_APART: Final = 7919  # of the arrays of one home; a prime
TRIES: Final = 50  # drawing a moment again
_WHAT, _PLAY, _LISTEN = 171, 172, 173  # purposes of random numbers


@dataclass(frozen=True, slots=True)
class Life:
    """A home before its thermal arrays and readings: the flat, the person, the diary."""

    seed: int
    plan: Plan
    who: Habits
    week: Week
    calendar: Calendar
    fall: tuple[FallKind, After] = (FallKind.FAINT, After.STILL)
    """How somebody who is DOWN in the diary fell, and what they do on the floor."""

    @property
    def end_s(self) -> float:
        """How long the diary is."""
        return self.week.segments[-1].end_s


def life(seed: int, count: int, season: Season, special: Course | None = None) -> Life:
    """Draw a flat, a person and their diary of `count` days from a local midnight of the season on."""
    plan, who = flat(seed), habits(seed)
    start_ms = MIDNIGHTS_MS[season]
    week = days(who, plan, count, seed, start_ms=start_ms, timezone=TIMEZONE, special=special)
    return Life(seed, plan, who, week, Calendar(start_ms, TIMEZONE))


def ordinary(
    seed: int, *, count: int, season: Season, array: str, mount: Mount, faulty: bool = False
) -> Home:
    """Days as they come, with one fall that a room's array sees, found by somebody later.

    faulty: devices fail as often as they do (outages.Rates).
    """
    one = life(seed, count, season)
    one = with_fall(one, np.random.default_rng([seed, _WHAT]), eyes_of(one, array, mount))
    home = _lived(one, array, mount)
    if not faulty:
        return home
    sensors = {s.name: s.kind for s in home.sensors()}
    faults = outages.draw_faults(seed, sensors, one.end_s / HOUR_S)
    rows = outages.truth(faults, sensors, one.end_s)
    return replace(home, faults=faults, truth=(*home.truth, *rows))


def collapses(seed: int, *, count: int, emergency: Emergency | None) -> Home:
    """A home with event sensors only: marks (None) or one physical emergency in its last third."""
    one = life(seed, count, "winter")
    rng = np.random.default_rng([seed, _WHAT])
    if emergency is None:
        marked = replace(one.week, truth=(*one.week.truth, *marks(one.week, rng)))
        return _heard(replace(one, week=marked), "recorded")
    for _ in range(TRIES):
        at_s = float(rng.uniform(one.end_s * 2 / 3, one.end_s - 2 * DAY_S))
        try:
            week = place(one.week, one.plan, emergency, at_s, down_s=DAY_S, away_s=DAY_S)
        except ValueError:  # away from home just then: on another day
            continue
        return _heard(replace(one, week=week), "full")
    return _heard(one, "full")  # on holiday all the time


def plain(seed: int, *, count: int, which: Which) -> Home:
    """A home with the event sensors of a kit, in which nothing happens but days as they come."""
    return listened(life(seed, count, "winter"), which)


def listened(one: Life, which: Which) -> Home:
    """Give the home of this life with the event sensors of a kit, and nothing but its days."""
    return _heard(one, which)


def fitted(seed: int, which: Which) -> tuple[EventSensor, ...]:
    """Give the event sensors that the home of this seed has."""
    return _fitted(flat(seed), which, _ears(seed))


def cold_flat(seed: int, *, count: int) -> Home:
    """The heating fails on the first day of a cold spell."""
    one = life(seed, count, "winter")
    fails_s = float(np.random.default_rng([seed, _WHAT]).uniform(0.5, 1.0)) * DAY_S
    cold = hazards.cold_flat(seed, one.plan, one.calendar, one.end_s, fails_s=fails_s)
    return _heard(one, "full", around(one, [cold]))


def heat_wave(seed: int, *, count: int) -> Home:
    """A heat wave in summer, from the second day on."""
    one = life(seed, count, "summer")
    wave = hazards.heat_wave(seed, one.plan, one.calendar, one.end_s, wave_s=(DAY_S, one.end_s))
    return _heard(one, "full", around(one, [wave]))


def kitchen(seed: int, *, danger: Literal["stove", "fire"], array: str, mount: Mount) -> Home:
    """NOON_S around noon with an array in the kitchen: the stove is left on, or something burns there."""
    one = life(seed, 1, "winter", Course())
    rng = np.random.default_rng([seed, _WHAT])
    room = one.plan.index("kitchen")
    at_s = float(rng.uniform(11.0, 13.0)) * HOUR_S
    attended = [(s.start_s, s.end_s) for s in one.week.segments if s.room == room]
    if danger == "fire":
        added = hazards.fire(seed, one.plan, at_s, room=room)
    else:
        on_s = (at_s, at_s + float(rng.uniform(0.6, 1.2)) * HOUR_S)
        added = hazards.stove_left_on(seed, one.plan, on_s, attended)
    home = _lived(one, array, mount, rooms=("kitchen",), added=(added,))
    before = ("cold", "heat")  # what had begun before nobody can find in time
    truth = tuple(t for t in home.truth if t.label not in before or t.start_s >= NOON_S[0])
    return replace(home, begin_s=NOON_S[0], duration_s=NOON_S[1], truth=truth)


def fever(seed: int, *, count: int, array: str, mount: Mount) -> Home:
    """The core temperature rises by FEVER_K in the last third of the days and stays."""
    one = life(seed, count, "winter", Course())
    onset_s = one.end_s * 2 / 3 + float(np.random.default_rng([seed, _WHAT]).uniform(0.0, 6 * HOUR_S))
    row = Truth(onset_s, one.end_s, "fever-trend")
    made = _lived(one, array, mount, rooms=("living", "bedroom"), truth=(row,))
    who = replace(
        made.actors[0],
        core_t_s=np.array([onset_s, onset_s + FEVER_RISE_S]),
        core_c=np.array([CORE_C, CORE_C + FEVER_K]),
    )
    return replace(made, actors=(who, *made.actors[1:]))


def with_fall(one: Life, rng: np.random.Generator, eyes: Sequence[Eye]) -> Life:
    """Let somebody fall in a watched room, where its array sees them come to rest.

    What an array does not see no detector finds, as in the suite `falls`; so falls are drawn until it does.
    Whoever is away all the time does not fall.
    """
    cameras, build = {eye.room: eye.camera for eye in eyes}, resident(one.seed)
    for mishap in mishaps(one.week, one.plan, cameras, rng):
        hit = replace(one, week=mishap.week, fall=(mishap.kind, mishap.after))
        so_far = next(k for k, s in enumerate(hit.week.segments) if s.doing is Doing.DOWN) + 1
        pose, room = _rest(play(hit, hit.week.segments[:so_far]))
        if lies_in_view(cameras[room], build, pose):
            return hit
    return one


def _rest(motion: Motion) -> tuple[F64, int]:
    """The pose (1, columns) at the end of the fall, and in which room."""
    fell = next(t for t in motion.truth if t.label.startswith("fall:"))
    pose, room = motion.at(np.array([fell.end_s]))
    return pose, int(room[0])


def around(one: Life, added: Sequence[Addition] = ()) -> Addition:
    """Everything that an ordinary home adds to its resident, and the air that comes of it."""
    where = SHANGHAI if one.seed % 2 else LONDON
    air = hazards.home_air(one.seed, one.plan, one.calendar, one.end_s, climate=where)
    usual = household(
        one.seed,
        one.plan,
        0.0,
        one.end_s,
        calendar=one.calendar,
        segments=one.week.segments,
        guests=one.week.guests,
    )
    return composed(air, [*usual, *added])


def play(one: Life, segments: Sequence[Segment]) -> Motion:
    """Play the diary, or the beginning of it, as movements."""
    script = Script(np.random.default_rng([one.seed, _PLAY]), one.plan, gait_m_s=one.who.gait_m_s)
    kind, after = one.fall
    live(script, segments, kind=kind, after=after)
    return script.motion()


def eyes_of(one: Life, array: str, mount: Mount, rooms: Sequence[RoomKind] = WATCHED) -> tuple[Eye, ...]:
    """Fit an array in each of these rooms."""
    return tuple(
        Eye(
            f"{one.plan.rooms[k].name}-eye",
            k,
            PRESETS[array](one.seed + SEEDS_APART * k, mount, room=one.plan.rooms[k]),
        )
        for k in (one.plan.index(kind) for kind in rooms)
    )


def _lived(
    one: Life,
    array: str,
    mount: Mount,
    *,
    rooms: Sequence[RoomKind] = WATCHED,
    added: Sequence[Addition] = (),
    truth: tuple[Truth, ...] = (),
) -> Home:
    """Play the diary as movements, with everything that is warm, and let all sensors look and listen."""
    rng = np.random.default_rng([one.seed, _LISTEN])
    motion = play(one, one.week.segments)
    whole = around(one, added)
    own = stirs_of_motion(
        motion, one.plan, one.week.segments, one.who, rng, truth=(*one.week.truth, *motion.truth)
    )
    others = [stirs_of_motion(a.motion, one.plan) for a in whole.actors if a.build.shape == "human"]
    home = _heard(one, "full", whole, together(own, *others), truth)
    who = Actor("resident", resident(one.seed), motion)
    return replace(
        home,
        actors=(who, *whole.actors),
        eyes=eyes_of(one, array, mount, rooms),
        sources=(*residues(motion, one.plan), *whole.sources),
    )


def _heard(
    one: Life,
    which: Which,
    whole: Addition | None = None,
    stirs: Stirs | None = None,
    truth: tuple[Truth, ...] = (),
) -> Home:
    """Let event sensors listen; without `stirs` the diary itself stirs them."""
    rng = _ears(one.seed)
    if stirs is None:
        stirs = stirs_of_segments(
            one.week.segments, one.plan, one.who, rng, guests=one.week.guests, truth=one.week.truth
        )
    like = which == "recorded"
    sensors = _fitted(one.plan, which, rng)
    air = None if whole is None else whole.air
    heard = events(stirs, one.plan, sensors, rng, air=air, fitting=LIKE_RECORDED if like else None)
    wet = [k for k, r in enumerate(one.plan.rooms) if r.kind == "bathroom"]
    climate = (
        threshold_truth(told(heard, [r.name for r in one.plan.rooms], air, wet)) if air is not None else ()
    )
    return Home(
        "life",
        one.plan,
        one.week.start_ms,
        one.end_s,
        air or Air.still(len(one.plan.rooms)),
        events=heard,
        absences=_holidays(one.week.segments),
        truth=(
            *one.week.truth,
            *truth,
            *climate,
            *press_truth(stirs),
            *(whole.truth if whole is not None else ()),
        ),
    )


def _ears(seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, _LISTEN, 1])


def _fitted(plan: Plan, which: Which, rng: np.random.Generator) -> tuple[EventSensor, ...]:
    return as_recorded(plan, rng) if which == "recorded" else kit(plan, which)


def _holidays(segments: Sequence[Segment]) -> tuple[tuple[float, float], ...]:
    """Times away of which a neighbour or the family tells the staff; of a night elsewhere nobody does."""
    return tuple(
        (s.start_s, s.end_s)
        for s in segments
        if s.doing is Doing.OUT and s.end_s - s.start_s > LONGEST_OUT_MIN * 60
    )
