"""Furniture: every place in every box equals the naive twin, and unknown furniture is unknown."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detectors import zones
from detectors.geometry import Shapes
from detectors.zones import Box, ZoneKind, ZoneParams, laid_out
from simulator.twins.zones import under_one

NAMES = ("bed", "sofa", "chair", "bath", "table", "floor")
RIM = 0.25
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
def test_under_equals_the_naive_twin(rooms: list[list[tuple[str, Box]]], data: st.DataObject) -> None:
    place = st.tuples(st.integers(-12, 12).map(float), st.integers(-12, 12).map(float))
    n = data.draw(st.integers(0, 6))
    sensor = data.draw(st.lists(st.integers(0, len(rooms) - 1), min_size=n, max_size=n))
    floor, raised = (data.draw(st.lists(place, min_size=n, max_size=n)) for _ in range(2))
    metric = data.draw(st.lists(st.booleans(), min_size=n, max_size=n))
    got = zones.under(
        ZoneParams(RIM), laid_out(rooms), np.array(sensor, np.intp), shapes(floor, raised, metric)
    )
    assert got.dtype == np.int8
    assert got.tolist() == [
        under_one(rooms[s], RIM, (floor[k], raised[k]), metric=metric[k]) for k, s in enumerate(sensor)
    ]


def test_a_room_with_any_zone_is_known_and_one_without_is_not() -> None:
    table: tuple[str, Box] = ("table", (0, 0, 3, 3))
    bed: tuple[str, Box] = ("bed", (0, 0, 2, 1))
    laid = laid_out([(), (table,), (bed, table)])
    assert laid.known.tolist() == [False, True, True]
    here = shapes([(1, 0.5)] * 3, [(9, 9)] * 3, [True] * 3)
    assert zones.under(ZoneParams(RIM), laid, np.arange(3), here).tolist() == [0, 0, ZoneKind.BED]
    assert laid_out([]).box.shape == (0, 1, 4)
    assert laid_out([(), ()]).known.tolist() == [False, False]


def test_where_boxes_overlap_the_bed_wins() -> None:
    laid = laid_out([[("chair", (0, 0, 2, 2)), ("bed", (1, 1, 3, 3)), ("bath", (0, 0, 3, 3))]])
    here = shapes([(1.5, 1.5), (0.2, 0.2), (2.9, 0.1)], [(9, 9)] * 3, [True] * 3)
    got = zones.under(ZoneParams(0.1), laid, np.zeros(3, np.intp), here)
    assert got.tolist() == [ZoneKind.BED, ZoneKind.CHAIR, ZoneKind.BATH]
