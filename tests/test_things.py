"""What is warm and no person: heat that comes and goes, furniture under a body, pets. Seen, not decided."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors import fall
from detectors.down import View
from detectors.zones import Box, laid_out
from tests.thermal import batch, optics, shipped

PARAMS = shipped()
I16 = NDArray[np.int16]
STEP_MS = 250
BODY = (slice(10, 14), slice(11, 22))
"""1.2 m long and 0.6 m wide, 2.5 m below an array of 110 degrees and 24x32 pixels."""
CAT = (slice(11, 13), slice(15, 18))


class Watch:
    """One sensor in a room in which a place is warm for a while, then another."""

    def __init__(
        self,
        rows: int = 24,
        cols: int = 32,
        *,
        boxes: Sequence[tuple[str, Box]] = (("table", (0, 0, 0, 0)),),
        wall: bool = False,
        lens: bool = True,
    ) -> None:
        eyes = optics(rows, cols, 1, fov_deg=110.0 if lens else None)
        if wall:
            tilt, yaw, x, y = (np.full(1, value, np.float32) for value in (30, 90, 0, -2))
            on = np.ones(1, np.bool_)
            eyes = replace(eyes, wall=on, tilt_deg=tilt, yaw_deg=yaw, x_m=x, y_m=y)
        self.state = fall.fresh(eyes, laid_out([boxes]))
        self.rng, self.k, self.rows, self.cols = np.random.default_rng(3), 0, rows, cols

    def sees(self, seconds: float, where: tuple[slice, slice] | None = None, kelvin: float = 6.0) -> View:
        """The last view of a room in which that place is warm for so long."""
        for _ in range(round(1000 * seconds / STEP_MS)):
            centi = np.rint(self.rng.normal(2200, 10, (1, 1, self.rows, self.cols))).astype(np.int16)
            if where is not None:
                centi[(0, 0, *where)] += np.int16(100 * kelvin)
            frames = batch(np.array([self.k * STEP_MS]), centi, 0)
            frames.dt_s[:] = np.nan if self.k == 0 else STEP_MS / 1000
            _, view = fall.observe(PARAMS, self.state, frames)
            self.k += 1
        return view


def test_warmth_is_usual_where_heat_has_come_and_gone_before() -> None:
    watch = Watch()
    watch.sees(10)
    assert watch.sees(5, BODY).usual.tolist() == [False]
    watch.sees(900, BODY)
    watch.sees(60)
    assert watch.sees(5, BODY).usual.tolist() == [True]
    watch.sees(10)
    assert watch.sees(5, (BODY[0], slice(22, 32))).usual.tolist() == [False]  # beside it: news


@pytest.mark.parametrize(
    ("kind", "usual"), [("bed", True), ("chair", True), ("radiator", True), ("table", False)]
)
def test_warmth_is_usual_on_furniture_seen_from_the_ceiling(kind: str, usual: bool) -> None:
    watch = Watch(boxes=[(kind, (-0.6, -0.6, 0.8, 0.6))])
    watch.sees(10)
    assert watch.sees(5, BODY).usual.tolist() == [usual]


@pytest.mark.parametrize(("kind", "usual"), [("bed", False), ("radiator", True)])
def test_from_a_wall_radiators_alone_make_warmth_usual(kind: str, usual: bool) -> None:
    watch = Watch(boxes=[(kind, (-4, -4, 4, 4))], wall=True)
    watch.sees(10)
    view = watch.sees(5, BODY)
    assert view.shape.metric.tolist() == [True]
    assert view.usual.tolist() == [usual]


@pytest.mark.parametrize(
    ("where", "rows", "lens", "slight"),
    [
        (CAT, 24, True, True),
        (BODY, 24, True, False),
        (CAT, 24, False, False),
        (CAT, 12, True, False),
        (CAT, 16, True, False),
    ],
)
def test_only_what_is_small_and_seen_well_is_a_pet(
    where: tuple[slice, slice], rows: int, lens: bool, slight: bool
) -> None:
    """Without a lens nobody knows metres, and on 16x16 pixels somebody who lies is often as small."""
    watch = Watch(rows, 32 if rows == 24 else 16, lens=lens)
    watch.sees(10)
    small = where if rows == 24 else (slice(5, 7), slice(7, 9))
    view = watch.sees(5, small)
    assert len(view.slight) == 1
    assert view.slight.tolist() == [slight]
