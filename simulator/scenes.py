"""Short scenes in one room: somebody falls, or does what looks like a fall, or a thing does.

Takes a seed, a kind and a camera's name; gives a home of a few minutes with its truth. Never runs for days
(lives.py does).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from simulator import outages
from simulator.additions import Addition, composed
from simulator.bodies import resident
from simulator.cameras import PRESETS, Mount
from simulator.falls import After, FallKind, down_s
from simulator.home import Eye, Home
from simulator.mishaps import AFTERWARDS
from simulator.nuisances import NUISANCES
from simulator.people import Script
from simulator.residue import residues
from simulator.rooms import free_spot, one_room
from simulator.sight import lies_in_view
from simulator.world import Actor, Air, Motion, Plan, RoomKind, ZoneKind

START_MS: Final = 1_767_225_600_000  # 2026-01-01 00:00 UTC; scenes have no time of day
FALL_S: Final = 420.0
"""A fall scene: up to three minutes of life, the fall, and the slowest window (180 s) after it."""
FALL_AT_S: Final = (20.0, 170.0)
"""When somebody gets ready to fall: spread, so that no moment is a good guess."""
NEGATIVE_S: Final = 900.0
"""Long enough for the slowest confirmation to come several times."""
ROOM_C: Final = (17.0, 28.0)
"""Rooms of older people over the year: judgement; hot ones are a nuisance of their own."""
FALL_ROOMS: Final[Mapping[RoomKind, float]] = {
    "living": 0.6,
    "bedroom": 0.15,
    "kitchen": 0.15,
    "bathroom": 0.1,
}
"""Where falls are placed: shares are judgement."""
DARK_S: Final = 100.0
"""Within seconds of the falls in the homes that are spared."""
DARK_FOR_S: Final = 400.0
"""Longer than the 180 s after which a home must be known to be blind."""
TRIES: Final = 200  # an 8x8 of 60° sees a third of a living room
_SCRIPT, _AIR = 161, 162  # purposes of random numbers

Move = Callable[[Script, Plan, np.random.Generator], None]


def fall(seed: int, kind: FallKind, array: str, mount: Mount) -> Home:
    """Somebody comes in, lives for a minute or two, and falls where the array sees them lie.

    What an array does not see, no detector finds; how much of its room an array sees is a question of
    fitting, which the whole homes of lives.py answer. So rooms and places are drawn until it does.
    ValueError when it never does.
    """
    for attempt in range(TRIES):
        own = int(np.random.SeedSequence([seed, attempt]).generate_state(1)[0])
        home = _fall(own, kind, array, mount)
        who = home.actors[0]
        fell = next(t for t in who.motion.truth if t.label.startswith("fall:"))
        if lies_in_view(home.eyes[0].camera, who.build, who.motion.at(np.array([fell.end_s]))[0]):
            return home
    raise ValueError(f"a {mount} {array} sees no {kind} in {TRIES} rooms")


def _fall(seed: int, kind: FallKind, array: str, mount: Mount) -> Home:
    rng = np.random.default_rng([seed, _SCRIPT])
    rooms = [*FALL_ROOMS]
    drawn = rooms[int(rng.choice(len(rooms), p=[*FALL_ROOMS.values()]))]
    where = "living" if kind in {FallKind.CHAIR, FallKind.BED} else drawn
    plan = one_room(seed, where)
    play = Script(rng, plan, gait_m_s=float(rng.uniform(0.45, 0.9)), start_s=float(rng.uniform(8.0, 15.0)))
    play.come_home()
    at_s = float(rng.uniform(*FALL_AT_S))
    _live(play, plan, rng, at_s)  # who falls out of bed or off a chair lies or sits down for it first
    after = list(AFTERWARDS)[int(rng.choice(len(AFTERWARDS), p=[*AFTERWARDS.values()]))]
    after = After.STILL if kind is FallKind.FAINT and after is After.RECOVERS else after
    lies_s = float(rng.uniform(8.0, 50.0)) if after is After.RECOVERS else max(down_s(rng), 200.0)
    play.fall(kind, after, min(lies_s, FALL_S))
    _live(play, plan, rng, FALL_S)
    return _home(seed, plan, array=array, mount=mount, motion=play.motion(), duration_s=FALL_S)


def negative(seed: int, kind: str, array: str, mount: Mount) -> Home:
    """What is no fall: `kind` is one of MOVES or of nuisances.NUISANCES, with somebody living beside it."""
    rng = np.random.default_rng([seed, _SCRIPT])
    plan = one_room(seed, "bathroom" if kind in BATHROOM else "living")
    play = Script(rng, plan, gait_m_s=float(rng.uniform(0.45, 0.9)), start_s=float(rng.uniform(8.0, 15.0)))
    play.come_home()
    move = MOVES.get(kind)
    while play.t < NEGATIVE_S - 60.0:
        _live(play, plan, rng, min(play.t + float(rng.uniform(20.0, 60.0)), NEGATIVE_S))
        if move is not None:
            move(play, plan, rng)
    return _home(
        seed,
        plan,
        array=array,
        mount=mount,
        motion=play.motion(),
        duration_s=NEGATIVE_S,
        nuisance=None if kind in MOVES else kind,
    )


def storm(seed: int, array: str, mount: Mount, *, spared: bool) -> Home:
    """A street goes dark DARK_S into the scene; the spared home keeps its power, and somebody falls there."""
    if spared:
        return replace(fall(seed, FallKind.TRIP, array, mount), duration_s=FALL_S + DARK_FOR_S)
    home = negative(seed, "bend", array, mount)
    faults = outages.street(seed, ("here",), DARK_S, DARK_FOR_S).of_home("here")
    until_s = FALL_S + DARK_FOR_S
    rows = outages.truth(faults, {s.name: s.kind for s in home.sensors()}, until_s)
    return replace(home, duration_s=until_s, faults=faults, truth=rows)


def _live(play: Script, plan: Plan, rng: np.random.Generator, until_s: float) -> None:
    """Ordinary life up to `until_s`."""
    seat = plan.rooms[0].zone("chair") or plan.rooms[0].zone("sofa")
    while until_s - play.t > 4.0:
        left = until_s - play.t
        what = rng.choice(["stand", "walk", "sit"])
        if what == "sit" and seat is not None and left > 30.0:
            play.sit(seat, float(min(rng.uniform(15.0, 120.0), left - 10.0)))
        elif what == "walk":
            play.go(0, *free_spot(rng, plan.rooms[0], 0.3))
        else:
            play.stand(float(min(rng.uniform(3.0, 15.0), left)))


def _zone(play: Script, plan: Plan, rng: np.random.Generator, kind: ZoneKind, *, long: bool = True) -> None:
    zone = plan.rooms[0].zone(kind)
    if zone is None:
        raise ValueError(f"the room has no {kind}")
    play.lie(
        zone, float(rng.uniform(120.0, 300.0) if long else rng.uniform(20.0, 60.0)), blanket=kind == "bed"
    )


MOVES: Final[Mapping[str, Move]] = {
    "kneel": lambda p, _plan, r: p.kneel(float(r.uniform(10.0, 60.0))),
    "clean-floor": lambda p, _plan, r: p.clean_floor(float(r.uniform(30.0, 180.0))),
    "sit-on-floor": lambda p, _plan, r: p.sit_on_floor(float(r.uniform(20.0, 180.0))),
    "tie-shoes": lambda p, _plan, _r: p.tie_shoes(),
    "bend": lambda p, _plan, _r: p.bend(),
    "exercise": lambda p, _plan, r: p.exercise(float(r.uniform(60.0, 240.0))),
    "bed": lambda p, plan, r: _zone(p, plan, r, "bed"),
    "sofa": lambda p, plan, r: _zone(p, plan, r, "sofa"),
    "bath": lambda p, _plan, r: p.wash(float(r.uniform(660.0, 760.0))),  # shorter is a wash at the basin
}
"""What people do that looks like falling or lying."""
BATHROOM: Final = frozenset({"bath", "steam"})
"""Kinds that happen in a bathroom."""
NEGATIVES: Final = (*MOVES, *NUISANCES)


def _home(
    seed: int,
    plan: Plan,
    *,
    array: str,
    mount: Mount,
    motion: Motion,
    duration_s: float,
    nuisance: str | None = None,
) -> Home:
    """Put a scene together: the resident, heat that people leave behind, and at most one nuisance."""
    still = Air.still(len(plan.rooms), float(np.random.default_rng([seed, _AIR]).uniform(*ROOM_C)))
    extra = Addition() if nuisance is None else NUISANCES[nuisance](seed, plan, 0.0, duration_s)
    whole = composed(still, [extra])
    who = Actor("resident", resident(seed), motion)
    return Home(
        "scene",
        plan,
        START_MS,
        duration_s,
        whole.air or still,
        (who, *whole.actors),
        (Eye("eye", 0, PRESETS[array](seed, mount, room=plan.rooms[0])),),
        (*residues(motion, plan), *whole.sources),
        truth=whole.truth,
    )
