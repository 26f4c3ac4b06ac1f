"""Residents who walk, sit, stand, lie down in bed, and some who fall.

Takes a seed and a kind of day, gives motions: key poses in time with straight lines between, and what
truly happened. Also puts whole homes together for the demo. Never draws. Times are seconds since the
start of the motion. How people fall: descent lognormal, mean 0.58 s, standard deviation 0.26 s; from
loss of balance to the floor 1.27 ± 0.65 s (real falls of older people, J Biomech 48:911).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from simulator.bodies import BED_M, LYING, SITTING, UPRIGHT, Motion, Truth
from simulator.camera import Camera, grideye, melexis, render

Kind = Literal["day", "fall", "stand", "sit", "bed", "walk", "away"]

EMPTY_S: Final = (6.0, 12.0)  # how long nobody is in the room at first; a sensor is ready within 5 s
COME_IN_S: Final = 11.0  # from the door to the middle of the room, and a moment of standing there
WALK_M_S: Final = 0.7  # an older person at home
DOOR: Final = (0.0, -2.2)


@dataclass(frozen=True, slots=True)
class Room:
    """Where things stand, metres from below the camera."""

    chair: tuple[float, float]
    bed: tuple[float, float]
    """Middle of the bed; it lies along x."""

    def furniture(self) -> tuple[tuple[float, float, float, float], ...]:
        """Boxes x0, y0, x1, y1 in which nobody lies on the floor."""
        (cx, cy), (bx, by) = self.chair, self.bed
        return ((cx - 0.3, cy - 0.3, cx + 0.3, cy + 0.3), (bx - 1.0, by - 0.5, bx + 1.0, by + 0.5))


@dataclass(slots=True)
class _Script:
    """Writes key poses one after the other."""

    rng: np.random.Generator
    t: float = 0.0
    x: float = DOOR[0]
    y: float = DOOR[1]
    heading: float = np.pi / 2
    keys: list[tuple[float, ...]] = field(default_factory=list)
    truth: list[Truth] = field(default_factory=list)
    shape: tuple[float, ...] = UPRIGHT
    here: bool = False

    def key(self, after_s: float = 0.0, **to: object) -> None:
        self.t += max(after_s, 1e-3)
        for name, value in to.items():
            setattr(self, name, value)
        z, trunk, thigh, shank = self.shape
        here = float(self.here)
        self.keys.append((self.t, self.x, self.y, z, self.heading, trunk, thigh, shank, here))

    def turn(self, heading: float) -> None:
        delta = (heading - self.heading + np.pi) % (2 * np.pi) - np.pi
        self.key(abs(delta) / 2.5 + 0.05, heading=self.heading + delta)

    def walk(self, x: float, y: float) -> None:
        far = float(np.hypot(x - self.x, y - self.y))
        if far < 0.05:
            return
        self.turn(float(np.arctan2(y - self.y, x - self.x)))
        self.key(far / (WALK_M_S * self.rng.uniform(0.8, 1.2)), x=x, y=y)

    def stay(self, seconds: float, sway_m: float = 0.03) -> None:
        """Keep the posture, with a small move about every seven seconds."""
        end = self.t + seconds
        x, y, shape = self.x, self.y, self.shape
        while self.t < end:
            self.key(min(self.rng.exponential(6.0) + 0.5, max(end - self.t, 0.01)))
            lean = self.rng.normal(0, sway_m, 2)
            trunk = shape[1] + self.rng.normal(0, sway_m)
            self.key(0.4, x=x + lean[0], y=y + lean[1], shape=(shape[0], trunk, *shape[2:]))
        self.shape = shape

    def enter(self) -> None:
        self.here = True
        self.x, self.y = DOOR
        self.key(0.01)

    def leave(self) -> None:
        self.walk(*DOOR)
        self.key(0.02, here=False)

    def sit(self, place: tuple[float, float], seconds: float) -> None:
        self.walk(*place)
        self.turn(self.rng.uniform(-np.pi, np.pi))
        self.key(self.rng.uniform(1.2, 2.5), shape=SITTING)
        self.stay(seconds)
        self.key(self.rng.uniform(1.5, 3.0), shape=UPRIGHT)

    def bed(self, place: tuple[float, float], seconds: float) -> None:
        """Sit on the edge, swing the legs in, lie, sit up, stand up."""
        self.walk(place[0], place[1] + 0.3)
        self.turn(np.pi / 2)
        self.key(self.rng.uniform(1.2, 2.5), shape=SITTING)
        self.stay(self.rng.uniform(4, 15))
        start = self.t
        lying = (LYING[0] + BED_M, *LYING[1:])
        self.key(self.rng.uniform(3.0, 6.0), shape=lying, heading=0.0, y=place[1])
        self.stay(seconds, 0.01)
        self.truth.append(Truth(start, self.t, "bed"))
        self.key(self.rng.uniform(3.0, 6.0), shape=SITTING, heading=np.pi / 2, y=place[1] + 0.3)
        self.stay(self.rng.uniform(3, 8))
        self.key(self.rng.uniform(1.5, 3.0), shape=UPRIGHT)

    def fall(self) -> None:
        """Lose balance, go down in one of four directions of the room, come to rest."""
        start = self.t
        imbalance = float(np.clip(self.rng.normal(0.7, 0.5), 0.2, 2.0))
        sigma = np.sqrt(np.log1p((0.26 / 0.58) ** 2))
        descent = float(np.clip(self.rng.lognormal(np.log(0.58) - sigma**2 / 2, sigma), 0.25, 1.5))
        z, _, _, shank = UPRIGHT
        self.key(imbalance, shape=(z - 0.03, -0.15, 0.05, shank))
        way = self.heading + self.rng.uniform(-0.5, 0.5)
        lying = (LYING[0], LYING[1], LYING[2] - self.rng.uniform(0, 0.25), LYING[3])
        slip = self.rng.uniform(0.1, 0.4)
        x, y = self.x + slip * np.cos(way), self.y + slip * np.sin(way)
        self.key(descent, shape=lying, x=x, y=y, heading=way)
        self.key(self.rng.uniform(0.2, 0.6), shape=(lying[0], lying[1], LYING[2], lying[3]))
        self.truth.append(Truth(start, self.t, "fall"))

    def motion(self) -> Motion:
        rows = np.array(self.keys)
        return Motion(rows[:, 0], rows[:, 1:], tuple(self.truth))


def room(seed: int) -> Room:
    """A room: chair on one side, bed on the other."""
    rng = np.random.default_rng([seed, 1])
    return Room(
        (rng.uniform(0.5, 0.9), rng.uniform(-0.6, -0.2)), (rng.uniform(-0.6, -0.2), rng.uniform(0.8, 1.1))
    )


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
    rng = np.random.default_rng([seed, 2])
    place = room(seed)
    play = _Script(rng)
    play.key(0.0)
    play.key(rng.uniform(*empty_s))
    until = duration_s if kind != "fall" else (event_s if event_s is not None else duration_s * 2 / 3)
    if kind == "away":
        play.key(duration_s)
        return play.motion()
    play.enter()
    _live(play, place, kind, until - 12.0 if kind == "fall" else until)
    if kind == "fall":
        if not play.here:
            play.enter()
        play.walk(rng.uniform(-0.8, 0.0), rng.uniform(-0.7, -0.1))
        play.stay(max(until - play.t - 1.0, 0.1))
        play.turn(rng.uniform(-np.pi, np.pi))
        play.fall()
        down = play.t
        play.key(max(duration_s - play.t, 1.0))
        play.truth.append(Truth(down, play.t, "down"))
    return play.motion()


def _live(play: _Script, place: Room, kind: Kind, until: float) -> None:
    """Ordinary life up to about `until`; no stay goes beyond it."""
    rng = play.rng
    choices: dict[str, Sequence[str]] = {
        "day": ("walk", "stand", "sit", "bed", "away"),
        "fall": ("walk", "stand", "sit"),
    }
    while play.t < until - 5:
        if not play.here:
            play.enter()
        left = until - play.t
        what = str(rng.choice(choices.get(kind, (kind,))))
        if what == "bed" and left > 60:
            play.bed(place.bed, min(float(rng.uniform(40, 200)), left - 40))
        elif what == "sit" and left > 25:
            play.sit(place.chair, min(float(rng.uniform(15, 150)), left - 15))
        elif what == "away" and left > 30:
            play.leave()
            play.key(min(float(rng.uniform(5, 60)), left - 20))
        elif what == "stand":
            play.walk(*rng.uniform(-0.8, 0.8, 2))
            play.stay(min(float(rng.uniform(3, 20)), max(left - 4, 0.5)))
        else:
            play.walk(*rng.uniform(-0.9, 0.9, 2))


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
    t_ms: NDArray[np.int64]
    """(N,) since the start of the simulation."""
    centi: NDArray[np.int16]
    """(N, rows, cols)."""
    truth: tuple[Truth, ...]
    furniture: tuple[tuple[float, float, float, float], ...]
    """Boxes x0, y0, x1, y1 in metres from below the sensor."""

    def frame(self, t_s: float) -> NDArray[np.int16]:
        """The newest frame (rows, cols) at `t_s` seconds after the start."""
        at = int(np.searchsorted(self.t_ms, round(t_s * 1000), side="right")) - 1
        return np.asarray(self.centi[max(at, 0)])


def simulated_home(
    name: str, camera: Camera, motion: Motion, place: Room, duration_s: float
) -> SimulatedHome:
    """Draw `motion` with `camera` from 0 to `duration_s`."""
    t_ms = np.round(np.arange(0, duration_s, 1 / camera.rate_hz) * 1000).astype(np.int64)
    return SimulatedHome(
        name,
        "ceiling",
        "living-room",
        camera.rows,
        camera.cols,
        camera.rate_hz,
        "ceiling",
        camera.height_m,
        camera.fov_deg,
        t_ms,
        render(camera, motion, t_ms),
        motion.truth,
        place.furniture(),
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
        camera = melexis(own, room_c) if k % 2 == 0 else grideye(own, room_c)
        homes.append(simulated_home(f"home-{k + 1:02d}", camera, motion, room(own), duration_s))
    return homes
