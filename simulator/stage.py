"""One-room homes for the demo and the tests: a chair, a bed, a door, somebody who lives there.

Takes a seed and a kind of day, gives the motion of the resident and whole homes with frames and truth. The
room is kind (nothing but the resident is warm, the array hangs in the middle of the ceiling), and so are
the resident (neither slim nor cool) and the falls (stretched out, in view): the stage shows that the road
works, the suites measure how well things are found. Times are seconds since the start.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from detectors.zones import Box
from simulator.bodies import ARMS, ROLL
from simulator.camera import Camera, Painter
from simulator.falls import After, FallKind
from simulator.people import Script
from simulator.world import I16, I64, NOWHERE, Actor, Air, Build, Door, Motion, Plan, Room, Truth, Zone

Kind = Literal["day", "fall", "stand", "sit", "bed", "walk", "away"]

EMPTY_S: Final = (6.0, 12.0)  # how long nobody is in the room at first; a sensor is ready within 5 s
COME_IN_S: Final = 11.0  # from the door to the middle of the room, and a moment of standing there
DOOR: Final = (0.0, -2.2)
FALLS: Final = (FallKind.TRIP, FallKind.SLIP)
ROOM_C: Final = 22.0
LIVES_HERE: Final = Build(
    "human",
    np.array(
        [
            [0.12, 0.08, 0.09],
            [0.30, 0.19, 0.13],
            [0.23, 0.09, 0.09],
            [0.23, 0.09, 0.09],
            [0.235, 0.06, 0.06],
            [0.235, 0.06, 0.06],
        ]
    ),
    np.array([0.70, 0.50, 0.40, 0.40, 0.33, 0.33]),
)
"""Of middling size, girth and dress; the arms are part of the torso's breadth."""
TRIES: Final = 400  # about one fall in thirty ends as `_plain` wants
NEAR_M: Final = 0.75  # an 8x8 array of 60° sees 1.4 m around the point below it


def grideye(seed: int) -> Camera:
    """8x8 like the AMG8833: 60°, 0.25 K steps; noise 0.15 K (datasheet ±, ten readings a second)."""
    return Camera(
        8,
        8,
        60.0,
        10.0,
        netd_k=0.15,
        step_k=0.25,
        lag_s=0.1,
        fixed_k=0.3,
        drift_k=0.2,
        gradient_k=0.5,
        seed=seed,
    )


def melexis(seed: int) -> Camera:
    """24x32 like the MLX90640: 110°, four full frames a second, noise 0.2 K after the device's filter."""
    return Camera(
        24,
        32,
        110.0,
        4.0,
        netd_k=0.2,
        step_k=0.02,
        lag_s=0.1,
        fixed_k=0.3,
        drift_k=0.2,
        gradient_k=0.5,
        seed=seed,
    )


def room(seed: int) -> Room:
    """A room of 4.0 x 4.6 m: chair on one side, bed on the other."""
    rng = np.random.default_rng([seed, 1])
    cx, cy = rng.uniform(0.5, 0.9), rng.uniform(-0.6, -0.2)
    bx, by = rng.uniform(-0.6, -0.2), rng.uniform(0.8, 1.1)
    chair = Zone("chair", "chair", cx - 0.3, cy - 0.3, cx + 0.3, cy + 0.3, 0.45)
    bed = Zone("bed", "bed", bx - 1.0, by - 0.5, bx + 1.0, by + 0.5, 0.45)
    return Room("living-room", "living", 4.0, 4.6, (chair, bed), (Door(NOWHERE, *DOOR),))


def furniture(place: Room) -> tuple[tuple[str, Box], ...]:
    """Kind and box of what stands there."""
    return tuple((z.kind, (z.x0_m, z.y0_m, z.x1_m, z.y1_m)) for z in place.zones)


def script(
    seed: int,
    kind: Kind,
    duration_s: float = 600.0,
    event_s: float | None = None,
    empty_s: tuple[float, float] = EMPTY_S,
) -> Motion:
    """One resident for `duration_s`: a day of walking, sitting, standing, lying in bed; `fall` adds a fall
    that begins at `event_s` (default: at two thirds) after which the resident lies still to the end.
    The room is empty for a time within `empty_s` first.
    """
    if kind != "fall":
        return _told(seed, 0, kind, duration_s=duration_s, until=duration_s, empty_s=empty_s)
    at_s = event_s if event_s is not None else duration_s * 2 / 3
    for attempt in range(TRIES):
        told = _told(seed, attempt, kind, duration_s=duration_s, until=at_s, empty_s=empty_s)
        if _plain(told):
            break
    return told


def _told(
    seed: int, attempt: int, kind: Kind, *, duration_s: float, until: float, empty_s: tuple[float, float]
) -> Motion:
    rng = np.random.default_rng([seed, 2, attempt])
    play = Script(rng, Plan((room(seed),)))
    play.wait(float(rng.uniform(*empty_s)))
    if kind == "away":
        play.wait(duration_s)
        return play.motion()
    play.come_home()
    _live(play, kind, until - 12.0 if kind == "fall" else until)
    if kind == "fall":
        play.go(0, float(rng.uniform(-1.0, 0.1)), float(rng.uniform(-1.0, 0.0)))
        play.stand(max(until - play.t - 1.0, 0.1))
        kinds = np.random.default_rng([seed, 4]).permutation(FALLS)
        play.fall(FallKind(kinds[0]), After.STILL, max(duration_s - play.t, 1.0) + 60.0)
    whole = play.motion()
    return replace(whole, truth=tuple(_within(whole.truth, duration_s)))


def _plain(motion: Motion) -> bool:
    """Whether the fall ends stretched out, on back or belly, within every array's view."""
    fell = next(t for t in motion.truth if t.label.startswith("fall"))
    pose = motion.at(np.array([fell.end_s]))[0][0]
    x, y, trunk, thigh, shank = pose[[0, 1, 4, 5, 6]]
    head = pose[3] + np.pi
    middle = np.hypot(x + 0.2 * np.cos(head), y + 0.2 * np.sin(head))
    flat = abs(np.sin(pose[ROLL])) < 0.3 and trunk < -1.3 and thigh < 1.95 and thigh - shank < 0.5
    return bool(flat and pose[ARMS] > -0.4 and middle < NEAR_M)


def _within(truth: Sequence[Truth], duration_s: float) -> list[Truth]:
    return [replace(t, end_s=min(t.end_s, duration_s)) for t in truth if t.start_s < duration_s]


def _live(play: Script, kind: Kind, until: float) -> None:
    """Ordinary life up to about `until`; no stay goes beyond it."""
    rng, (chair, bed) = play.rng, play.plan.rooms[0].zones
    choices: dict[str, Sequence[str]] = {
        "day": ("walk", "stand", "sit", "bed", "away"),
        "fall": ("walk", "stand", "sit"),
    }
    while play.t < until - 5:
        play.come_home()
        left = until - play.t
        what = str(rng.choice(choices.get(kind, (kind,))))
        if what == "bed" and left > 65:
            play.lie(bed, min(float(rng.uniform(40, 200)), left - 45))
        elif what == "sit" and left > 25:
            play.sit(chair, min(float(rng.uniform(15, 150)), left - 15))
        elif what == "away" and left > 30:
            play.leave_home()
            play.wait(play.t + min(float(rng.uniform(5, 60)), left - 20))
        elif what == "stand":
            play.go(0, *_spot(rng, 0.8))
            play.stand(min(float(rng.uniform(3, 20)), max(left - 4, 0.5)))
        else:
            play.go(0, *_spot(rng, 0.9))


def _spot(rng: np.random.Generator, far_m: float) -> tuple[float, float]:
    x, y = rng.uniform(-far_m, far_m, 2)
    return float(x), float(y)


@dataclass(frozen=True, slots=True)
class SimulatedHome:
    """One home of the demo: its sensor, its frames, and what truly happened."""

    home: str
    sensor: str
    room: str
    rows: int
    cols: int
    rate_hz: float
    mount: str
    height_m: float
    fov_deg: float
    t_ms: I64
    """(N,) since the start of the simulation."""
    centi: I16
    """(N, rows, cols)."""
    truth: tuple[Truth, ...]
    furniture: tuple[tuple[str, Box], ...]
    """Kind and box of what stands there, from below the sensor."""

    def frame(self, t_s: float) -> I16:
        """The newest frame (rows, cols) at `t_s` seconds after the start."""
        at = int(np.searchsorted(self.t_ms, round(t_s * 1000), side="right")) - 1
        return np.asarray(self.centi[max(at, 0)])


def simulated_home(
    name: str, camera: Camera, motion: Motion, place: Room, duration_s: float, *, room_c: float = ROOM_C
) -> SimulatedHome:
    """Draw `motion` with `camera` from 0 to `duration_s`."""
    t_ms = np.round(np.arange(0, duration_s, 1 / camera.rate_hz) * 1000).astype(np.int64)
    lives = Actor("resident", LIVES_HERE, motion)
    painter = Painter(camera, 0, [lives], (), Air.still(1, room_c))
    return SimulatedHome(
        name,
        "ceiling",
        place.name,
        camera.rows,
        camera.cols,
        camera.rate_hz,
        camera.mount,
        camera.height_m,
        camera.fov_deg,
        t_ms,
        painter.draw(t_ms / 1000.0),
        motion.truth,
        furniture(place),
    )


def demo_homes(
    seed: int,
    n: int,
    fall_home: int | None,
    fall_at_s: float,
    duration_s: float,
    *,
    empty_s: tuple[float, float] = EMPTY_S,
) -> list[SimulatedHome]:
    """`n` homes, even ones with 24x32 and odd ones with 8x8 pixels; number `fall_home` (None: nobody) falls.

    The fall begins within a second or two of `fall_at_s` (see the home's truth), which must leave room
    for coming in: COME_IN_S after the longest `empty_s`. ValueError otherwise.
    """
    earliest_s = empty_s[1] + COME_IN_S
    if fall_home is not None and not earliest_s <= fall_at_s < duration_s:
        raise ValueError(f"fall_at_s must lie in {earliest_s}…{duration_s}, not {fall_at_s}")
    homes = []
    for k in range(n):
        own = seed * 1000 + k
        motion = script(own, "fall" if k == fall_home else "day", duration_s, fall_at_s, empty_s)
        room_c = float(np.random.default_rng([own, 3]).uniform(19, 25))
        camera = melexis(own) if k % 2 == 0 else grideye(own)
        homes.append(
            simulated_home(f"home-{k + 1:02d}", camera, motion, room(own), duration_s, room_c=room_c)
        )
    return homes
