"""On furniture and off it: sitting down, sitting, standing up, going to bed, sleeping, a bath.

Takes a pen and a piece of furniture, writes key poses and truth. Never chooses who sits where. Times that
name no source are judgement.
"""

from typing import Final

import numpy as np

from simulator import ways
from simulator.bodies import CURLED, ON_BACK, ON_SIDE, SITTING, UPRIGHT, Posture, rolled
from simulator.pen import Pen
from simulator.world import Zone

SIT_EVERY_S: Final = 7.0  # between small moves of who sits
SLEEP_EVERY_S: Final = 120.0  # between small moves of a sleeper
TURN_OVER_S: Final = (600.0, 1200.0)
BLANKET: Final = 0.80
"""Share of the warmth that a blanket hides at last: 1-2 K are left of 7 K (detection.md 1.9)."""
BLANKET_TAU_S: Final = 480.0
FRESH_BLANKET: Final = 0.35  # at once: it is as cold as the room, and thin at first (judgement)
RISE_S: Final = (1.5, 3.0)  # from sitting to standing, older people
WATER: Final = 0.55  # share of the body's warmth that bath water hides
GET_OUT_S: Final = 16.0  # from lying to standing beside the bed, at most some seconds more


def step_up(pen: Pen, zone: Zone) -> ways.Seat:
    """Walk to where one sits down on it, and turn the back to it."""
    room = ways.room_of(pen.plan, zone, pen.room)
    seat = ways.seat(pen.plan.rooms[room], zone)
    pen.go(room, *seat.stand)
    pen.turn(seat.heading_rad)
    return seat


def sit_down(pen: Pen, zone: Zone) -> tuple[ways.Seat, Posture]:
    """Sit down, one way or another: upright, slouched, the legs drawn in or stretched out."""
    seat, rng = step_up(pen, zone), pen.rng
    z = seat.height_m + SITTING[0] - ways.SEAT_M
    soft = zone.kind == "sofa"
    trunk = -rng.uniform(0.15, 0.55) if soft else rng.uniform(-0.2, 0.15)
    shank = rng.uniform(0.5, 1.1) if rng.random() < (0.3 if soft else 0.1) else rng.uniform(-0.2, 0.25)
    shape: Posture = (z, float(trunk), 1.45, float(shank), 0.0, float(rng.uniform(0.4, 0.9)))
    down_s = rng.uniform(1.2, 2.5)
    x, y = (pen.x + seat.sit[0]) / 2, (pen.y + seat.sit[1]) / 2
    pen.key(down_s / 2, ((UPRIGHT[0] + z) / 2, 0.55, 0.75, -0.3, 0.0, 0.7), x=x, y=y)
    pen.key(down_s / 2, shape, x=seat.sit[0], y=seat.sit[1])
    return seat, shape


def sit(pen: Pen, zone: Zone, label: str, seconds: float) -> None:
    """Sit on `zone` for that long, then stand up before it."""
    seat, shape = sit_down(pen, zone)
    _sat(pen, seat, shape, label=label, until_s=pen.t + seconds)


def sit_until(pen: Pen, zone: Zone, label: str, end_s: float) -> None:
    """Sit on `zone` so long that one stands at `end_s`, or for half a second."""
    seat, shape = sit_down(pen, zone)
    _sat(pen, seat, shape, label=label, until_s=max(end_s - RISE_S[1], pen.t + 0.5))


def _sat(pen: Pen, seat: ways.Seat, shape: Posture, *, label: str, until_s: float) -> None:
    start = pen.t
    pen.stay(until_s, 0.02, SIT_EVERY_S)
    pen.key(0.0, shape)
    pen.tell(label, start)
    stand_up(pen, seat)


def stand_up(pen: Pen, seat: ways.Seat) -> None:
    """Lean forward and rise, a step away from the seat."""
    up_s = pen.rng.uniform(*RISE_S)
    mid: Posture = ((pen.shape[0] + UPRIGHT[0]) / 2, 0.6, 0.75, -0.3, 0.0, 0.7)
    pen.key(up_s / 2, mid)
    pen.key(up_s / 2, UPRIGHT, x=seat.stand[0], y=seat.stand[1])


def in_bed(pen: Pen, zone: Zone, end_s: float, *, blanket: bool) -> None:
    """Lie on `zone` so long that one stands at `end_s`."""
    seat = get_in(pen, zone)
    lain(pen, zone, end_s - GET_OUT_S, blanket=blanket)
    get_out(pen, seat)


def get_in(pen: Pen, zone: Zone) -> ways.Seat:
    """Sit on the edge, swing the legs in, lie on the back."""
    seat, rng = step_up(pen, zone), pen.rng
    edge: Posture = (seat.height_m + SITTING[0] - ways.SEAT_M, *SITTING[1:])
    pen.key(rng.uniform(1.2, 2.5), edge, x=seat.sit[0], y=seat.sit[1], heading=seat.heading_rad)
    pen.stay(pen.t + float(rng.uniform(4, 15)), 0.02, SIT_EVERY_S)
    turn = (seat.lie_rad - pen.heading + np.pi) % (2 * np.pi) - np.pi
    half: Posture = (seat.height_m + 0.1, -0.7, 1.5, 1.1, 0.0, -0.6)
    heading = pen.heading + float(turn)
    mid_x, mid_y = (seat.sit[0] + seat.lie[0]) / 2, (seat.sit[1] + seat.lie[1]) / 2
    pen.key(rng.uniform(1.5, 3.0), half, x=mid_x, y=mid_y, heading=heading)
    pen.key(rng.uniform(1.5, 3.0), _on(seat, ON_BACK), x=seat.lie[0], y=seat.lie[1])
    return seat


def _on(seat: ways.Seat, shape: Posture) -> Posture:
    """A lying posture on furniture, knees bent where it is short."""
    bend = 0.4 if seat.length_m < 1.75 else 0.0
    z, trunk, thigh, shank, roll, arms = shape
    lift = seat.height_m - 0.02  # one sinks in a little
    return z + lift, trunk, thigh + bend, shank - bend, roll, arms


def lain(pen: Pen, zone: Zone, until_s: float, *, blanket: bool) -> None:
    """Lie until then, turning over now and then."""
    rng, start = pen.rng, pen.t
    seat, bare = ways.seat(pen.plan.rooms[pen.room], zone), pen.cover
    hidden = 1 - (1 - bare) * (1 - BLANKET)
    if blanket:
        pen.cover = max(bare, FRESH_BLANKET)
        pen.key(1.5)
    while pen.t < until_s - 5:
        over = min(pen.t + float(rng.uniform(*TURN_OVER_S)), until_s)
        if blanket and hidden - pen.cover > 0.02:
            pen.warm(hidden, BLANKET_TAU_S, over)
        else:
            pen.stay(over, 0.008, SLEEP_EVERY_S)
        if over >= until_s - 5:
            break
        side = float(rng.choice([-1.0, 1.0]))
        shape = (ON_BACK, ON_SIDE, CURLED)[int(rng.choice(3, p=[0.35, 0.45, 0.20]))]
        pen.key(rng.uniform(1.5, 3.0), rolled(_on(seat, shape), side * shape[4]))
    pen.hold(until_s)
    pen.key(0.0, _on(seat, ON_BACK) if pen.shape[4] == 0 else None)
    pen.tell(zone.kind, start)
    if blanket:
        pen.cover = bare
        pen.key(1.5)


def get_out(pen: Pen, seat: ways.Seat) -> None:
    """Sit up, sit on the edge, stand up."""
    rng = pen.rng
    turn = (seat.heading_rad - pen.heading + np.pi) % (2 * np.pi) - np.pi
    edge: Posture = (seat.height_m + SITTING[0] - ways.SEAT_M, *SITTING[1:])
    half: Posture = (seat.height_m + 0.1, -0.5, 1.5, 1.2, 0.0, -0.6)
    pen.key(rng.uniform(1.5, 3.0), half)
    heading = pen.heading + float(turn)
    pen.key(rng.uniform(1.5, 3.0), edge, x=seat.sit[0], y=seat.sit[1], heading=heading)
    pen.stay(pen.t + float(rng.uniform(2, 6)), 0.02, SIT_EVERY_S)
    stand_up(pen, seat)


def bathe(pen: Pen, bath: Zone, until_s: float) -> None:
    """Half lying in the tub: the water hides most of the body."""
    seat, rng, bare = step_up(pen, bath), pen.rng, pen.cover
    start = pen.t
    turn = (seat.lie_rad - pen.heading + np.pi) % (2 * np.pi) - np.pi
    pen.key(rng.uniform(3, 6), x=seat.sit[0], y=seat.sit[1])
    tub: Posture = (0.28, -0.75, 1.75, 1.2, 0.0, -0.3)
    heading = pen.heading + float(turn)
    pen.cover = max(bare, WATER)
    pen.key(rng.uniform(3, 6), tub, x=seat.lie[0], y=seat.lie[1], heading=heading)
    pen.stay(until_s, 0.02, 12.0)
    pen.tell("bath", start)
    pen.cover = bare
    pen.key(rng.uniform(3, 6), UPRIGHT)
    pen.go(pen.room, *seat.stand)
