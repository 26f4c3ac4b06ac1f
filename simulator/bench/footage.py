"""What the detector bench plays: short pieces of one-room homes, drawn before anything is measured.

Takes a kind of array and a seed; gives for each of a few rooms the same seconds twice, with nobody and
with a resident who walks about and sits down. The array hangs in the middle of the ceiling. Pieces are
kept only if the resident shows in every frame. Never measures.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.frame import BAD_PIXEL
from detectors.zones import Box
from simulator.bodies import resident
from simulator.camera import Camera, Painter
from simulator.cameras import PRESETS
from simulator.people import Script
from simulator.stage import ROOM_C, furniture, room
from simulator.world import F64, I16, Actor, Air, Motion, Plan

WALKS_S: Final = 8.0
SITS_S: Final = 8.0
"""Half walking, half sitting; long enough for a loop that is no flicker, short enough to be drawn at once."""
SETTLE_S: Final = 2.0  # arrays that average climb from zero for 1.2 s after power-on
WALK_M: Final = 0.9  # around the middle: 8x8 of 60° sees 1.4 m of the floor
SHOWS_SIGMA: Final = 4.0
"""A pixel that differs by so much from the empty room shows somebody: one pixel in 16,000 by chance."""
TRIES: Final = 50  # for each piece; of 16x16, whose contrast is low, every fifth is kept, of the others all


@dataclass(frozen=True, slots=True)
class Footage:
    """M pieces of K frames from arrays of one kind; pixels in centi-°C."""

    rate_hz: float
    height_m: float
    fov_deg: float
    empty: I16
    """(M, K, rows, cols) nobody there."""
    lived: I16
    """(M, K, rows, cols) the same with the resident: noise and errors are equal, number by number."""
    furniture: tuple[tuple[tuple[str, Box], ...], ...]
    """Kind and box of what stands in each of the M rooms; metres from below the sensor."""


def footage(array: str, seed: int, pieces: int) -> Footage:
    """Draw `pieces` pieces with the array `array` of PRESETS. ValueError: nobody shows in TRIES rooms."""
    empty, lived, boxes = [], [], []
    for k in range(pieces):
        for attempt in range(TRIES):
            own = int(np.random.SeedSequence([seed, k, attempt]).generate_state(1)[0])
            camera = PRESETS[array](own)
            motion, sits_at_s = _told(own)
            without, within = _drawn(camera, own, motion, sits_at_s)
            if shows(without, within).all():
                break
        else:
            raise ValueError(f"{array}: nobody shows in {TRIES} rooms")
        empty.append(without)
        lived.append(within)
        boxes.append(furniture(room(own)))
    return Footage(
        camera.rate_hz,
        camera.height_m,
        camera.fov_deg,
        np.stack(empty),
        np.stack(lived),
        tuple(boxes),
    )


def shows(empty: I16, lived: I16) -> NDArray[np.bool_]:
    """(K,) whether anybody can be seen in the frames `lived` (K, rows, cols): SHOWS_SIGMA over the noise."""
    read = empty != BAD_PIXEL
    noise = float(np.median(empty.std(axis=0)))
    differs = np.abs(lived.astype(np.int32) - empty) * read
    return np.asarray(differs.max(axis=(1, 2)) > SHOWS_SIGMA * noise)


def _told(seed: int) -> tuple[Motion, float]:
    """Somebody who walks about for WALKS_S at least and then sits; and when they make for the chair."""
    rng = np.random.default_rng([seed, 1])
    place = room(seed)
    play = Script(rng, Plan((place,)))
    play.come_home()
    play.go(0, 0.0, 0.0)
    until_s = play.t + SETTLE_S + WALKS_S
    while play.t < until_s:
        play.go(0, *rng.uniform(-WALK_M, WALK_M, 2).tolist())
    sits_at_s = play.t
    play.sit(next(z for z in place.zones if z.kind == "chair"), SITS_S + 20.0)
    return play.motion(), sits_at_s


def _drawn(camera: Camera, seed: int, motion: Motion, sits_at_s: float) -> tuple[I16, I16]:
    """Frames without and with the resident, from WALKS_S before `sits_at_s` to SITS_S after it."""
    settle = round(SETTLE_S * camera.rate_hz)
    n = settle + round((WALKS_S + SITS_S) * camera.rate_hz)
    t_s: F64 = sits_at_s - WALKS_S - SETTLE_S + np.arange(n) / camera.rate_hz
    air = Air.still(1, ROOM_C)
    empty, lived = (
        Painter(camera, 0, actors, (), air).draw(t_s)[settle:]
        for actors in ([], [Actor("resident", resident(seed), motion)])
    )
    return empty, lived
