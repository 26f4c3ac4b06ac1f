"""Readings of the body surface: taken of who surely is there, through the pipeline, and of nobody else."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors import bodytemp, fall
from detectors.bodystate import NEVER, BodytempParams
from detectors.bodytemp import BodytempState
from detectors.frame import BAD_PIXEL
from detectors.posture import Doing
from detectors.zones import Box, laid_out
from simulator.camera import Painter
from simulator.stage import LIVES_HERE, furniture, melexis, room, script
from simulator.world import Actor, Air
from tests.test_bodytemp import FALLS, PARAMS, SITS, layout
from tests.thermal import batch, optics


def readings(
    core_c: float,
    *,
    dead: bool = False,
    heated: bool = False,
    wall: bool = False,
    zones: Sequence[tuple[str, Box]] = (),
) -> tuple[NDArray[np.float32], BodytempState]:
    """Readings of somebody who sits for minutes, drawn and looked at as everybody is."""
    params = replace(PARAMS, sample_s=2.0, retry_s=0.5)
    eye, motion = melexis(21), script(21, "sit", 200.0, 0.0)
    t_ms = np.round(np.arange(0, 200.0, 1 / eye.rate_hz) * 1000).astype(np.int64)
    who = Actor("resident", LIVES_HERE, motion, core_c=np.array([core_c]))
    centi = Painter(eye, 0, [who], (), Air.still(1, 22.0)).draw(t_ms / 1000.0)
    if dead:
        centi[:, 0, :4] = BAD_PIXEL
    sees = optics(24, 32, 1, height_m=eye.height_m, fov_deg=eye.fov_deg, rate_hz=eye.rate_hz)
    eyes = fall.fresh(sees, laid_out([zones]) if zones else None)
    if heated:
        eyes.room.familiar[:] = 255
    state = bodytemp.fresh(layout(1))
    for k in range(len(t_ms)):
        _, seen = fall.step(FALLS, eyes, batch(t_ms, centi[None], k), int(t_ms[k]))
        glanced(params, state, eyes, seen, wall=wall)
    taken = state.how[0] == SITS
    return state.value[0][taken], state


def test_a_fever_shows_in_what_the_pipeline_reads_of_who_sits() -> None:
    well, ill = readings(36.8)[0], readings(38.0)[0]
    assert len(well) > 10  # the sensor is asked often here, and keeps few
    rise = np.quantile(ill, PARAMS.quantile) - np.quantile(well, PARAMS.quantile)
    assert rise == pytest.approx(np.log1p(1.2 / (36.8 - 22)), abs=0.02)


def test_pixels_without_a_reading_do_not_cool_the_room() -> None:
    level = readings(36.8, dead=True)[1].level_c[0]
    assert level == pytest.approx(readings(36.8)[1].level_c[0], abs=0.2)


THING: Final = np.eye(len(Doing), dtype=np.float32)[Doing.THING]


def head_only(eyes: fall.FallState, seen: fall.Seen) -> fall.Seen:
    """The same, but all that is left of whoever is there is small and looks like a thing."""
    n = len(seen.view.row)
    eyes.down.person[:] = 0
    view = replace(seen.view, belief=np.tile(THING, (n, 1)), slight=np.ones(n, np.bool_))
    return replace(seen, people=np.zeros_like(seen.people), view=view)


def glanced(
    params: BodytempParams, state: BodytempState, eyes: fall.FallState, seen: fall.Seen, *, wall: bool
) -> None:
    """Take readings; `wall`: as if the array, which hangs under the ceiling, told places as badly as one on a
    wall.
    """
    eyes.optics.wall[:] = wall
    bodytemp.glance(params, FALLS, state, 0, eyes, seen)
    eyes.optics.wall[:] = False


def lies(*, known: bool = True, other: bool = False, leaves: bool = True, wall: bool = False) -> int:
    """Readings of the second half of a lie-down, in which only a head is left; `known`: the bed is;
    `other`: it is another track than whoever lay down.
    """
    params = replace(PARAMS, sample_s=2.0, retry_s=0.5)
    eye, motion = melexis(21), script(21, "bed", 240.0, 0.0)
    t_ms = np.round(np.arange(0, 120.0, 1 / eye.rate_hz) * 1000).astype(np.int64)
    centi = Painter(eye, 0, [Actor("resident", LIVES_HERE, motion)], (), Air.still(1, 22.0)).draw(t_ms / 1e3)
    place = laid_out([furniture(room(21))]) if known else None
    eyes = fall.fresh(optics(24, 32, 1, height_m=eye.height_m, fov_deg=eye.fov_deg), place)
    state, read = bodytemp.fresh(layout(1)), 0
    for k in range(len(t_ms)):
        _, seen = fall.step(FALLS, eyes, batch(t_ms, centi[None], k), int(t_ms[k]))
        late = t_ms[k] > 80_000
        if late and leaves:
            seen = head_only(eyes, seen)
        if late and other:
            state.sure[:] = NEVER
        glanced(params, state, eyes, seen, wall=wall)
        read += late and state.last_ms[0] == t_ms[k]
    return read


def test_a_sleeper_of_whom_a_head_is_left_is_read_on_in_a_bed_that_is_known() -> None:
    assert lies(leaves=False) > 10
    assert lies() > 10
    assert lies(known=False) == 0


def test_what_is_small_in_bed_and_was_never_surely_a_person_is_not_read() -> None:
    assert lies(other=True) == 0


def test_a_chair_that_somebody_has_warmed_is_no_radiator() -> None:
    """Heat has sunk in everywhere: only what is known to be a chair, and no radiator, tells it from one."""
    chair = furniture(room(21))
    assert len(readings(36.8, heated=True)[0]) == 0
    assert len(readings(36.8, heated=True, zones=chair)[0]) > 10
    beside = (*chair, ("radiator", chair[0][1]))
    assert len(readings(36.8, heated=True, zones=beside)[0]) == 0


def test_on_a_wall_no_furniture_vouches_for_anything() -> None:
    assert lies(wall=True) == 0
    assert len(readings(36.8, heated=True, zones=furniture(room(21)), wall=True)[0]) == 0
