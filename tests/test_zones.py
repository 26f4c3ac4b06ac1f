"""Furniture: every place in every box equals the naive twin, and unknown furniture is unknown."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors import zones
from detectors.geometry import Shapes
from detectors.zones import AWAY, Box, ZoneParams, laid_out
from simulator.twins.zones import away_one
from tests.thermal import optics

NAMES = ("bed", "sofa", "chair", "bath", "radiator", "table", "floor")
FAR = 2.0
PARAMS = ZoneParams(FAR, seat_m=0.1, heater_m=0.3)
quarter = st.integers(-12, 12).map(lambda n: n / 4 + 0.125)


@st.composite
def box(draw: st.DrawFn) -> tuple[str, Box]:
    x0, y0 = draw(quarter), draw(quarter)
    return draw(st.sampled_from(NAMES)), (x0, y0, x0 + draw(st.integers(0, 8)) / 4, y0 + 1.0)


def shapes(floor: list[tuple[float, float]], raised: list[tuple[float, float]], metric: list[bool]) -> Shapes:
    """Shapes of which only the places matter."""
    zero = np.zeros(len(floor), np.float32)
    columns: dict[str, Any] = dict.fromkeys(Shapes.__dataclass_fields__, zero)
    for where, places in (("floor", floor), ("raised", raised)):
        x, y = np.array(places, np.float32).reshape(-1, 2).T
        columns |= {f"{where}_x_m": x, f"{where}_y_m": y}
    columns["metric"] = np.array(metric, np.bool_)
    return Shapes(**columns)


@given(st.lists(st.lists(box(), max_size=4), min_size=1, max_size=4), st.data())
def test_distances_equal_the_naive_twin(rooms: list[list[tuple[str, Box]]], data: st.DataObject) -> None:
    place = st.tuples(st.integers(-12, 12).map(float), st.integers(-12, 12).map(float))
    n = data.draw(st.integers(0, 6))
    sensor = data.draw(st.lists(st.integers(0, len(rooms) - 1), min_size=n, max_size=n))
    floor, raised = (data.draw(st.lists(place, min_size=n, max_size=n)) for _ in range(2))
    metric = data.draw(st.lists(st.booleans(), min_size=n, max_size=n))
    got = zones.away(PARAMS, laid_out(rooms), np.array(sensor, np.intp), shapes(floor, raised, metric))
    assert got.shape == (n, len(AWAY))
    assert got.dtype == np.float32
    for k, s in enumerate(sensor):
        want = away_one(rooms[s], FAR, floor[k], raised[k], metric=metric[k])
        assert got[k].tolist() == pytest.approx(want, abs=1e-5)


def test_a_room_with_any_zone_is_known_and_one_without_is_not() -> None:
    table: tuple[str, Box] = ("table", (0, 0, 3, 3))
    bed: tuple[str, Box] = ("bed", (0, 0, 2, 1))
    laid = laid_out([(), (table,), (bed, table)])
    assert laid.known.tolist() == [False, True, True]
    here = shapes([(1, 0.5)] * 3, [(9, 9)] * 3, [True] * 3)
    got = zones.away(PARAMS, laid, np.arange(3), here)
    assert got.tolist() == [[FAR] * 5, [FAR] * 5, [-0.5, *[FAR] * 4]]
    assert laid_out([]).box.shape == (0, 1, 4)
    assert laid_out([(), ()]).known.tolist() == [False, False]


def test_who_lies_beside_the_bed_may_lie_on_it_as_far_as_one_picture_tells() -> None:
    laid = laid_out([[("bed", (0, 0, 2, 1)), ("chair", (2.5, 0, 4, 1))]])
    here = shapes([(1.0, 1.25)], [(1.0, 0.75)], [True])
    assert zones.away(PARAMS, laid, np.zeros(1, np.intp), here)[0].tolist() == pytest.approx(
        [0.25, -0.25, np.hypot(1.5, 0.25), 1.5, FAR]
    )


def test_who_may_be_on_furniture_and_who_must_be() -> None:
    laid = laid_out([[("bed", (0, 0, 2, 1)), ("chair", (2.5, 0, 3, 0.5))]])
    places = {
        "in bed": ((1.0, 0.5), (1.0, 0.4)),
        "head beyond the bed, on it if raised": ((1.0, 1.25), (1.0, 0.75)),
        "beside the bed": ((1.0, -0.4), (1.0, -0.3)),
        "leans from the chair": ((2.75, 0.8), (2.75, 0.55)),
        "before the chair": ((2.75, 1.1), (2.75, 0.9)),
    }
    floor, raised = ([p[k] for p in places.values()] for k in (0, 1))
    far = zones.away(PARAMS, laid, np.zeros(5, np.intp), shapes(floor, raised, [True] * 5))
    assert zones.at_rest(PARAMS, far).tolist() == [True, True, False, True, False]
    assert zones.no_floor(far).tolist() == [True, False, False, False, False]


def test_a_radiator_is_warm_at_its_height_and_a_little_into_the_room() -> None:
    laid = laid_out([[("radiator", (1.9, -0.5, 2.0, 0.5))], [("chair", (1.9, -0.5, 2.0, 0.5))]])
    raised = [(1.95, 0.0), (1.7, 0.0), (1.5, 0.0), (1.95, 0.0)]
    here = shapes([(1.95, 0.0)] * 4, raised, [True, True, True, True])
    far = zones.away(PARAMS, laid, np.array([0, 0, 0, 1]), here)
    assert zones.at_heater(PARAMS, far).tolist() == [True, True, False, False]
    assert not zones.at_rest(PARAMS, far[:3]).any()


def test_furniture_is_of_no_use_to_a_wall_array_that_does_not_know_where_it_hangs() -> None:
    eyes = optics(24, 32, 3)
    nan = np.float32("nan")
    eyes = replace(
        eyes,
        wall=np.array([True, True, False]),
        yaw_deg=np.array([0, nan, nan], np.float32),
        x_m=np.array([0, 0, nan], np.float32),
        y_m=np.zeros(3, np.float32),
    )
    bed: tuple[str, Box] = ("bed", (0, 0, 2, 1))
    told = zones.seen_from(laid_out([(bed,)] * 3), eyes)
    assert told.known.tolist() == [True, False, True]
    here = shapes([(1, 0.5)] * 3, [(1, 0.5)] * 3, [True] * 3)
    assert zones.away(PARAMS, told, np.arange(3), here)[:, 0].tolist() == [-0.5, FAR, -0.5]
