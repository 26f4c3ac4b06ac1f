"""A diary played: each stretch of somebody's days as movements.

Takes a script and the segments of a diary, tells the script what to do. Never decides what the diary holds
(routine.py and mishaps.py do).
"""

from collections.abc import Sequence
from typing import Final

from simulator import seated, ways
from simulator.falls import After, FallKind
from simulator.people import SEATS, Script
from simulator.world import NOWHERE, Doing, Plan, Segment, Zone

LIE_LEAST_S: Final = 75.0  # for less nobody goes to bed; walking there, in and out takes that long
SIT_LEAST_S: Final = 20.0
RESTING: Final = frozenset({FallKind.CHAIR, FallKind.BED})
"""Kinds of fall of somebody who sits or lies."""


def live(
    play: Script,
    segments: Sequence[Segment],
    *,
    kind: FallKind = FallKind.FAINT,
    after: After = After.STILL,
) -> None:
    """Carry out a diary; being DOWN begins with a fall of that kind and lasts until its end.

    Who falls out of a chair or out of bed spends the stretch before it there, and falls at its end.
    """
    fallen = False
    for segment, following in zip(segments, (*segments[1:], None), strict=True):
        if segment.doing is Doing.DOWN:
            if not fallen:
                play.be_in(segment.room)
                play.tumble(kind)
            play.lie_there(after, max(segment.end_s - play.t, 1.0))
            fallen = False
        elif following is not None and following.doing is Doing.DOWN and kind in RESTING:
            play.be_in(following.room)
            play.tumble(kind, at_s=segment.end_s, blanket=segment.doing is Doing.SLEEP)
            fallen = True
        else:
            _do(play, segment)


def _do(play: Script, segment: Segment) -> None:
    """Carry out one stretch; ends at its end, or as soon after as the movements allow."""
    end, what, rng = segment.end_s, segment.doing, play.rng
    if what is Doing.OUT or segment.room == NOWHERE:
        play.leave_home()
        play.wait(end)
        return
    bed = _find(play.plan, segment.room, ("bed", "sofa"))
    seat = _find(play.plan, segment.room, ("chair", "sofa", "bed") if what is Doing.EAT else SEATS)
    if what in {Doing.SLEEP, Doing.NAP} and bed is not None and end - play.t > LIE_LEAST_S:
        seated.in_bed(play.pen, bed, end, blanket=what is Doing.SLEEP or bool(rng.random() < 0.3))
    elif what in {Doing.SLEEP, Doing.NAP, Doing.REST, Doing.EAT} and seat and end - play.t > SIT_LEAST_S:
        lies = what is Doing.REST and seat.kind == "sofa" and end - play.t > 900 and rng.random() < 0.15
        if lies:
            seated.in_bed(play.pen, seat, end, blanket=False)
        else:
            seated.sit_until(play.pen, seat, "sit", end)
    else:
        play.be_in(segment.room)
        _busy(play, segment, end - play.t)
    play.wait(end)


def _busy(play: Script, segment: Segment, left: float) -> None:
    """Whatever is done standing or on the floor, for `left` seconds."""
    what, rng, end = segment.doing, play.rng, play.t + left
    if left < 8:
        return
    if what is Doing.TOILET:
        seated.sit_until(play.pen, ways.toilet(play.plan.rooms[play.room]), "toilet", end)
    elif what is Doing.WASH:
        play.wash(left)
    elif what is Doing.COOK:
        play.cook(left)
    elif what is Doing.EXERCISE:
        play.exercise(left)
    elif what is Doing.DRESS and left > 60:
        play.potter(segment.room, left - 50)
        play.tie_shoes()
    elif what is Doing.CHORES and left > 120 and rng.random() < 0.5:
        play.potter(segment.room, left / 2)
        play.clean_floor(float(rng.uniform(20, min(180, left / 3))))
    if end - play.t > 3:
        play.potter(segment.room, end - play.t)


def _find(plan: Plan, room: int, kinds: tuple[str, ...]) -> Zone | None:
    """The first piece of furniture of these kinds, in the order of the kinds."""
    zones = [z for z in plan.rooms[room].zones if z.name != "toilet"]
    return next((z for kind in kinds for z in zones if z.kind == kind), None)
