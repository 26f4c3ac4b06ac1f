"""People at home: what they do, written as key poses with what truly happened.

A `Script` takes a plan and random numbers and is told what somebody does, one thing after the other; it
gives the motion. Everything begins and ends standing (or out of the home) and takes as long as it is told
to. Never draws a picture and reads no diary (diary.py does). Who sits or sleeps keeps one pose between small
moves, so that a camera draws it once. Times of movements that name no source are judgement.
"""

from dataclasses import KW_ONLY, InitVar, dataclass, field
from typing import Final

import numpy as np

from simulator import falls, floor, lying, seated, ways
from simulator.bodies import (
    ALL_FOURS,
    BENT,
    CROSS_LEGGED,
    FLOOR_SITTING,
    HALF_SITTING,
    KNEELING,
    KNEES_DRAWN,
    ON_HEELS,
    SQUATTING,
    UPRIGHT,
    Posture,
)
from simulator.falls import After, FallKind
from simulator.pen import Pen
from simulator.world import NOWHERE, Motion, Plan, Zone

STAND_EVERY_S: Final = 6.5  # between small moves of who stands
BATH_S: Final = 600.0  # whoever washes for longer takes a bath where there is one
SEATS: Final = ("sofa", "chair", "bed")


@dataclass(slots=True)
class Script:
    """Somebody at home; starts out of it (`come_home` or any `go` brings them in)."""

    rng: np.random.Generator
    plan: Plan
    _: KW_ONLY
    gait_m_s: InitVar[float] = 0.7
    start_s: InitVar[float] = 0.0
    cover: InitVar[float] = 0.0
    subject: InitVar[str] = ""
    pen: Pen = field(init=False)

    def __post_init__(self, gait_m_s: float, start_s: float, cover: float, subject: str) -> None:
        if not gait_m_s > 0:
            raise ValueError(f"gait_m_s: more than 0, not {gait_m_s}")
        if not 0 <= cover < 1:
            raise ValueError(f"cover: from 0 to below 1, not {cover}")
        self.pen = Pen(
            self.rng, self.plan, gait_m_s=gait_m_s, t=round(start_s, 3) - 1e-3, cover=cover, subject=subject
        )
        self.pen.key(0.0)

    @property
    def t(self) -> float:
        """Now, seconds."""
        return self.pen.t

    @property
    def room(self) -> int:
        """Index of the room, or NOWHERE."""
        return self.pen.room

    @property
    def x(self) -> float:
        """Metres, in the room."""
        return self.pen.x

    @property
    def y(self) -> float:
        """Metres, in the room."""
        return self.pen.y

    def motion(self) -> Motion:
        """Give everything so far."""
        return self.pen.motion()

    # --- up and about ------------------------------------------------------------------------------

    def come_home(self) -> None:
        """Come in by the outer door; nothing where somebody is at home already."""
        self.pen.come_home()

    def leave_home(self) -> None:
        """Walk to the outer door and out; nothing where nobody is at home."""
        self.pen.leave_home()

    def go(self, room: int, x: float, y: float) -> None:
        """Walk to a place in any room, through the doors and around the furniture."""
        self.pen.go(room, x, y)

    def be_in(self, room: int) -> None:
        """Be in that room, somewhere on the floor."""
        if self.room != room:
            self.pen.come_home()
            if self.room != room:
                self.pen.go(room, *self._spot(room, np.inf))

    def wait(self, until_s: float) -> None:
        """Nothing changes until then."""
        self.pen.hold(until_s)

    def stand(self, seconds: float) -> None:
        """Stand, with sway and small moves."""
        self._home()
        self.pen.stay(self.t + seconds, 0.04, STAND_EVERY_S)

    def potter(self, room: int, seconds: float) -> None:
        """Up and about in a room: a few steps, standing, now and then a stoop."""
        until = self.t + seconds
        self.be_in(room)
        while self.t < until - 1.5:
            if self.rng.random() < 0.7:
                self.pen.go(room, *self._spot(room, 1.8))
            if self.rng.random() < 0.1 and until - self.t > 8:
                self.bend()
            self.stand(min(float(self.rng.exponential(14.0)) + 2.0, max(until - self.t, 0.0)))
        self.wait(until)

    def bend(self) -> None:
        """Stoop to the floor and up again."""
        self._low("bend", BENT, (0.8, 1.6), (0.8, 4.0), (0.9, 1.8))

    def tie_shoes(self) -> None:
        """Sit on the nearest seat of the room and bend down to the feet; squat where there is no seat."""
        self._home()
        zone = self._seat_in(self.room)
        seconds = float(self.rng.uniform(8, 25))
        if zone is None:
            self._low("tie-shoes", SQUATTING, (1.2, 2.2), (seconds, seconds + 1), (1.5, 3.0))
            return
        seat, shape = seated.sit_down(self.pen, zone)
        start = self.t
        bent: Posture = (shape[0], 1.0, 1.45, -0.1, 0.0, 1.2)
        self.pen.key(self.rng.uniform(0.8, 1.6), bent)
        self.pen.stay(self.t + seconds, 0.02, 3.0)
        self.pen.tell("tie-shoes", start)
        self.pen.key(self.rng.uniform(0.8, 1.6), shape)
        seated.stand_up(self.pen, seat)

    def exercise(self, seconds: float) -> None:
        """Gymnastics on the spot: arms up and out, knee bends, trunk bends, steps aside, with rests."""
        self._home()
        start, until = self.t, self.t + seconds
        moves: tuple[tuple[Posture, Posture], ...] = (
            ((UPRIGHT[0], 0.0, 0.0, 0.0, 0.0, 2.8), UPRIGHT),
            ((UPRIGHT[0], 0.0, 0.0, 0.0, 0.0, -1.6), UPRIGHT),
            ((0.55, 0.5, 1.2, -0.55, 0.0, 1.4), UPRIGHT),
            ((0.86, 1.1, -0.1, 0.0, 0.0, 1.2), UPRIGHT),
        )
        while self.t < until - 12:
            pair = moves[int(self.rng.integers(len(moves)))]
            pace = float(self.rng.uniform(0.9, 1.8))
            for _ in range(int(self.rng.integers(4, 10))):
                for shape in pair:
                    if self.t < until - 4:
                        self.pen.key(pace * self.rng.uniform(0.9, 1.1), shape)
            side = self._near(0.4)
            self.pen.walk(*side)
            self.stand(min(float(self.rng.uniform(3, 20)), max(until - self.t - 2, 0.0)))
        self.pen.key(1.0, UPRIGHT)
        self.wait(until)
        self.pen.tell("exercise", start)

    def cook(self, seconds: float) -> None:
        """Stand at the stove, with ways to the table and to whatever else stands in the room."""
        self._home()
        until = self.t + seconds
        room = self.plan.rooms[self.room]
        stove = room.zone("stove") or room.zone("table")
        others = [z for z in room.zones if z.kind in {"table", "stove"}] or list(room.zones[:1])
        if stove is None or not others:
            self.potter(self.room, seconds)
            return
        while self.t < until - 6:
            zone = stove if self.rng.random() < 0.6 else others[int(self.rng.integers(len(others)))]
            self._face(zone)
            self.pen.key(0.5, (UPRIGHT[0], 0.12, 0.0, 0.0, 0.0, 0.9))
            self.pen.stay(
                min(self.t + float(self.rng.exponential(40)) + 5, max(until - 1, self.t)), 0.03, STAND_EVERY_S
            )
            self.pen.key(0.5, UPRIGHT)
        self.wait(until)

    def wash(self, seconds: float) -> None:
        """Stand bent a little over the basin; a long wash is a bath where there is one."""
        self._home()
        until = self.t + seconds
        room = self.plan.rooms[self.room]
        bath = room.zone("bath")
        if seconds >= BATH_S and bath is not None:
            seated.bathe(self.pen, bath, until - 60)
        basin = next((z for z in room.zones if z.name == "basin"), None)
        if basin is not None:
            self._face(basin)
        else:
            x, y, inward = ways.corner(room, 1)
            self.pen.go(self.room, x, y)
            self.pen.turn(inward + np.pi)
        self.pen.key(1.0, (0.86, 0.35, 0.0, 0.0, 0.0, 0.9))
        self.pen.stay(until - 1.0, 0.04, 3.0)
        self.pen.key(1.0, UPRIGHT)

    # --- seated and lying --------------------------------------------------------------------------

    def sit(self, zone: Zone, seconds: float) -> None:
        """Sit on a piece of furniture for that long, then stand up beside it."""
        seated.sit(self.pen, zone, "sit", seconds)

    def use_toilet(self, seconds: float) -> None:
        """Sit on the toilet of this room (or in a corner where the plan shows none)."""
        self._home()
        seated.sit(self.pen, ways.toilet(self.plan.rooms[self.room]), "toilet", seconds)

    def lie(self, zone: Zone, seconds: float, *, blanket: bool = False) -> None:
        """Lie on a bed or a sofa for that long, turning over every 10-20 min, then get up beside it.

        A blanket hides more and more of the warmth, but never the head.
        """
        seat = seated.get_in(self.pen, zone)
        seated.lain(self.pen, zone, self.t + seconds, blanket=blanket)
        seated.get_out(self.pen, seat)

    def kneel(self, seconds: float) -> None:
        """Kneel upright, or back on the heels."""
        shape = KNEELING if self.rng.random() < 0.5 else ON_HEELS
        self._low("kneel", shape, (1.5, 3.0), (seconds, seconds), (2.0, 4.0))

    def sit_on_floor(self, seconds: float) -> None:
        """Sit on the floor, legs stretched out or crossed, or leaning back on something."""
        shape = (FLOOR_SITTING, CROSS_LEGGED, HALF_SITTING)[int(self.rng.choice(3, p=[0.45, 0.35, 0.2]))]
        by = (SQUATTING,) if shape is CROSS_LEGGED else (SQUATTING, KNEES_DRAWN)
        self._low("sit-floor", shape, (1.5, 3.0), (seconds, seconds), (1.5, 3.0), by=by)

    def clean_floor(self, seconds: float) -> None:
        """On all fours, wiping, moving along."""
        self._home()
        start, until = self.t, self.t + seconds
        self.pen.key(self.rng.uniform(1.5, 3.0), KNEELING)
        self.pen.key(self.rng.uniform(0.6, 1.2), ALL_FOURS)
        while self.t < until - 6:
            for arms in (1.0, 1.8) * int(self.rng.integers(2, 6)):
                lean = float(self.rng.normal(0, 0.05))
                shape = (ALL_FOURS[0], ALL_FOURS[1] + lean, *ALL_FOURS[2:5], arms)
                self.pen.key(self.rng.uniform(0.6, 1.2), shape)
            x, y = self._near(0.35)
            heading = self.pen.heading + float(self.rng.normal(0, 0.4))
            self.pen.key(self.rng.uniform(0.8, 1.8), ALL_FOURS, x=x, y=y, heading=heading)
        self.pen.key(self.rng.uniform(0.6, 1.2), KNEELING)
        self.pen.tell("clean", start)
        self.pen.key(self.rng.uniform(1.5, 3.5), UPRIGHT)

    # --- falls -------------------------------------------------------------------------------------

    def fall(self, kind: FallKind, after: After, down_s: float) -> None:
        """Fall here and now and be down for `down_s`, then get up alone or be helped up."""
        if not down_s > 0:
            raise ValueError(f"down_s: more than 0, not {down_s}")
        self.tumble(kind)
        self.lie_there(after, down_s)

    def tumble(self, kind: FallKind, *, at_s: float = 0.0, blanket: bool = False) -> None:
        """From the loss of balance to rest on the floor of this room, where the floor is free if it can be.

        Out of a chair: sits down first on the nearest seat of the room, and out of bed: lies down there,
        under a `blanket` or not, for some seconds or until `at_s`. Must be at home in a room with such a
        seat or bed, else ValueError.
        """
        if self.room == NOWHERE:
            raise ValueError("nobody falls who is not at home")
        pen = self.pen
        if kind is FallKind.CHAIR:
            zone = self._seat_in(self.room)
            if zone is None:
                raise ValueError(f"no seat in {self.plan.rooms[self.room].name}")
            seated.sit_down(pen, zone)
            start = self.t
            pen.stay(max(self.t + float(self.rng.uniform(5, 30)), at_s), 0.02, seated.SIT_EVERY_S)
            if at_s > start:
                pen.tell("sit", start)
            begin, fell = self.t, falls.from_chair(self.rng, np.array(pen.row()))
        elif kind is FallKind.BED:
            zone = self.plan.rooms[self.room].zone("bed") or self.plan.rooms[self.room].zone("sofa")
            if zone is None:
                raise ValueError(f"no bed in {self.plan.rooms[self.room].name}")
            seat = seated.get_in(pen, zone)
            start = self.t
            soon_s = self.t + float(self.rng.uniform(15, 60))
            if at_s > soon_s:
                seated.lain(pen, zone, at_s, blanket=blanket)
            else:
                pen.stay(soon_s, 0.01, 15.0)
                pen.tell("bed", start)
            side = float(np.arctan2(seat.stand[1] - seat.lie[1], seat.stand[0] - seat.lie[0]))
            begin, fell = self.t, falls.from_bed(self.rng, np.array(pen.row()), side)
        else:
            turn = falls.turn_of(self.rng, kind)
            way = self._free_way(turn)
            pen.turn(way - turn)
            begin = self.t
            fell = falls.from_standing(self.rng, kind, np.array(pen.row()), way, pen.gait_m_s)
        pen.play(fell.t_s, fell.rows)
        pen.tell(f"fall:{kind}", begin)

    def lie_there(self, after: After, down_s: float) -> None:
        """Be down for that long after a fall, from rest on the floor until up."""
        pen, start, rng = self.pen, self.t, self.rng
        cover = pen.cover
        lain, rows = lying.on_the_floor(rng, after, np.array(pen.row()), max(down_s - 10.0, 0.5), pen.clear)
        pen.play(lain, rows)
        t_s, rows = lying.get_up(rng, rows[-1], helped=after is not After.RECOVERS)
        left = max(start + down_s - self.t, 1.0)
        pen.play(t_s * left / t_s[-1], rows)  # up when `down_s` is over
        pen.cover = cover
        pen.tell("down", start)

    def _free_way(self, turn: float) -> float:
        """A direction in which the body finds free floor, near where one looks already if possible."""
        pen = self.pen
        room = self.plan.rooms[self.room]
        ways_rad = pen.heading + turn + np.linspace(-np.pi, np.pi, 24, endpoint=False)
        along = np.linspace(-0.5, 1.25, 8)[:, None]
        x, y = pen.x + along * np.cos(ways_rad), pen.y + along * np.sin(ways_rad)
        room_left = np.minimum(floor.clearance(room, x, y), 0.25).min(0)
        best = room_left >= room_left.max() - 0.02
        off = np.abs((ways_rad - pen.heading - turn + np.pi) % (2 * np.pi) - np.pi)
        pick = np.argmin(np.where(best, off + self.rng.uniform(0, 1.0, len(off)), np.inf))
        return float(ways_rad[pick])

    # --- parts of movements ------------------------------------------------------------------------

    def _home(self) -> None:
        if self.room == NOWHERE:
            raise ValueError("not at home: come_home() or go() first")

    def _spot(self, room: int, within_m: float) -> tuple[float, float]:
        """A free place in the room, near if one is found near."""
        of = self.plan.rooms[room]
        found = None
        for x, y in (self.rng.uniform(-0.5, 0.5, (16, 2)) * (of.width_m - 0.45, of.depth_m - 0.45)).tolist():
            if ways.stands(of, x, y):
                found = (x, y)
                if room != self.room or np.hypot(x - self.x, y - self.y) < within_m:
                    break
        return found or floor.free_spot(self.rng, of, 0.0)

    def _near(self, within_m: float) -> tuple[float, float]:
        """A free place a small step away, or this one."""
        way, far = self.rng.uniform(-np.pi, np.pi), self.rng.uniform(0.1, within_m)
        x, y = self.x + float(far * np.cos(way)), self.y + float(far * np.sin(way))
        return (x, y) if self.pen.clear(x, y) else (self.x, self.y)

    def _seat_in(self, room: int) -> Zone | None:
        """The nearest seat."""
        zones = [z for z in self.plan.rooms[room].zones if z.kind in SEATS and z.name != "toilet"]
        return min(zones, key=lambda z: np.hypot(z.middle[0] - self.x, z.middle[1] - self.y), default=None)

    def _face(self, zone: Zone) -> None:
        """Stand before a piece of furniture, looking at it."""
        self.pen.go(self.room, *floor.beside(self.plan.rooms[self.room], zone))
        mx, my = zone.middle
        self.pen.turn(float(np.arctan2(my - self.y, mx - self.x)))

    def _low(
        self,
        label: str,
        shape: Posture,
        down_s: tuple[float, float],
        hold_s: tuple[float, float],
        up_s: tuple[float, float],
        *,
        by: tuple[Posture, ...] = (),
    ) -> None:
        """Down into a posture on the spot, keep it, up again; `by` way of other postures."""
        self._home()
        start = self.t
        for mid in by:
            self.pen.key(self.rng.uniform(*down_s) / 2, mid)
        self.pen.key(self.rng.uniform(*down_s), shape)
        self.pen.stay(self.t + float(self.rng.uniform(*hold_s)), 0.02, seated.SIT_EVERY_S)
        self.pen.tell(label, start)
        for mid in by[::-1]:
            self.pen.key(self.rng.uniform(*up_s) / 2, mid)
        self.pen.key(self.rng.uniform(*up_s), UPRIGHT)
