"""Metres from pixels: places equal the camera's own maths and a ray by hand, rods have their length."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from detectors import geometry
from detectors.frame import Optics
from detectors.geometry import Patches, Shapes
from simulator.camera import Camera
from simulator.sight import pixel_of
from simulator.twins.geometry import Eye, place
from tests.thermal import shipped

PARAMS = shipped().geometry
COLS, ROWS = 32, 24


def optics(*eyes: Eye | Camera) -> Optics:
    def told(name: str) -> NDArray[np.float32]:
        return np.array([getattr(e, name) for e in eyes], np.float32)

    wall = np.array([e.wall if isinstance(e, Eye) else e.mount == "wall" for e in eyes])
    names = ("height_m", "fov_deg", "tilt_deg", "yaw_deg", "x_m", "y_m")
    return Optics(
        ROWS, COLS, wall=wall, rate_hz=np.full(len(eyes), 4, np.float32), **{n: told(n) for n in names}
    )


def patches(rows: list[dict[str, float]]) -> Patches:
    """Small round patches, but for what is said."""
    usual = {"area_px": 9.0, "core_px": 5.0, "peak_k": 4.0, "heat_k": 20.0, "xx_px2": 1.0, "yy_px2": 1.0}

    def column(name: str) -> NDArray[np.float32]:
        middle = {"peak_x_px": "x_px", "peak_y_px": "y_px", "top_px": "y_px", "bottom_px": "y_px"}.get(
            name, ""
        )
        return np.array([r.get(name, r.get(middle, usual.get(name, 0.0))) for r in rows], np.float32)

    return Patches(**{name: column(name) for name in Patches.__dataclass_fields__})


def shape(eye: Eye | Camera, **patch: float) -> Shapes:
    return geometry.shapes(PARAMS, patches([patch]), optics(eye), np.zeros(1, np.intp))


hung = st.builds(
    Eye,
    st.just(COLS),
    st.floats(50, 110),
    st.floats(2.0, 3.0),
    st.booleans(),
    st.floats(20, 40),
    st.floats(-180, 180),
    st.floats(-2, 2),
    st.floats(-2, 2),
)


@given(eye=hung, x_px=st.floats(-10, 10), y_px=st.floats(-4, 8))
def test_places_on_the_floor_equal_the_ray_by_hand(eye: Eye, x_px: float, y_px: float) -> None:
    got = shape(eye, x_px=x_px, y_px=y_px)
    for where, above in (("floor", PARAMS.body_height_m), ("raised", PARAMS.raised_height_m)):
        x, y = place(eye, x_px, y_px, above)
        if np.hypot(x - eye.x_m, y - eye.y_m) < 7:  # further away everything is as far
            assert getattr(got, f"{where}_x_m")[0] == pytest.approx(x, abs=0.01)
            assert getattr(got, f"{where}_y_m")[0] == pytest.approx(y, abs=0.01)


@pytest.mark.parametrize(
    "camera",
    [
        Camera(ROWS, COLS, 90.0, 4.0, "ceiling", 2.6),
        Camera(ROWS, COLS, 110.0, 4.0, "ceiling", 2.4, x_m=0.7, y_m=-0.4, yaw_deg=30.0),
        Camera(ROWS, COLS, 90.0, 4.0, "wall", 2.2, x_m=-1.9, tilt_deg=28.0),
        Camera(ROWS, COLS, 90.0, 4.0, "wall", 2.0, x_m=0.5, y_m=2.0, yaw_deg=-70.0, tilt_deg=35.0),
    ],
)
def test_a_body_on_the_floor_is_where_the_camera_draws_it(camera: Camera) -> None:
    for x, y in ((0.0, 0.0), (0.4, 0.3), (-0.5, 0.6), (0.6, -0.7)):
        row, col = pixel_of(camera, np.array([x, y, PARAMS.body_height_m]))
        x_px, y_px = col - (COLS - 1) / 2, row - (ROWS - 1) / 2
        got = shape(camera, x_px=x_px, y_px=y_px)
        assert got.metric[0]
        assert (got.floor_x_m[0], got.floor_y_m[0]) == pytest.approx((x, y), abs=0.02)


@pytest.mark.parametrize(
    ("at_m", "around"), [(0.0, 0.3), (0.8, 0.0), (0.8, np.pi / 2), (0.8, 1.0), (1.2, 2.0)]
)
def test_a_rod_on_the_floor_has_its_length(at_m: float, around: float) -> None:
    """1.2 m long, seen from above, anywhere and any way round: four standard deviations are 1.15 lengths."""
    camera = Camera(ROWS, COLS, 110.0, 4.0, "ceiling", 2.5)
    blur = PARAMS.blur_px2
    for way in np.linspace(0, np.pi, 5):
        along = np.linspace(-0.6, 0.6, 201)
        rod = np.column_stack(
            [
                at_m * np.cos(around) + along * np.cos(way),
                at_m * np.sin(around) + along * np.sin(way),
                np.full(201, PARAMS.body_height_m),
            ]
        )
        px = np.array([pixel_of(camera, p) for p in rod])
        x, y = px[:, 1] - (COLS - 1) / 2, px[:, 0] - (ROWS - 1) / 2
        cov = np.cov(x, y, bias=True)
        got = shape(
            camera,
            x_px=x.mean(),
            y_px=y.mean(),
            xx_px2=cov[0, 0] + blur,
            yy_px2=cov[1, 1] + blur,
            xy_px2=cov[0, 1],
        )
        assert got.along_m[0] == pytest.approx(1.2 * 4 / np.sqrt(12), rel=0.12)
        assert got.across_m[0] < 0.4


def test_who_stands_before_a_wall_array_is_as_tall_as_they_are() -> None:
    camera = Camera(ROWS, COLS, 90.0, 4.0, "wall", 2.2, x_m=-2.0, tilt_deg=28.0)
    feet, head = (pixel_of(camera, np.array([0.5, 0.3, z]))[0] - (ROWS - 1) / 2 for z in (0.0, 1.7))
    middle, col = pixel_of(camera, np.array([0.5, 0.3, 0.85]))
    got = shape(
        camera,
        x_px=col - (COLS - 1) / 2,
        y_px=middle - (ROWS - 1) / 2,
        bottom_px=feet - 0.5,
        top_px=head + 0.5,
    )
    assert got.top_m[0] == pytest.approx(1.7, abs=0.12)
    assert got.middle_m[0] == pytest.approx(0.85, abs=0.12)
    assert (got.upright_x_m[0], got.upright_y_m[0]) == pytest.approx((0.5, 0.3), abs=0.12)


def test_unknown_optics_give_a_scale_that_says_it_is_assumed() -> None:
    nan = float("nan")
    some = [
        Eye(COLS, 90, 2.5, False, nan, nan, nan, nan),
        Eye(COLS, nan, 2.5, False, nan, nan, nan, nan),
        Eye(COLS, 90, nan, False, nan, nan, nan, nan),
        Eye(COLS, 90, 2.2, True, nan, nan, nan, nan),
        Eye(COLS, 90, 2.2, True, 30, nan, nan, nan),
    ]
    got = geometry.shapes(PARAMS, patches([{"x_px": 3.0, "y_px": 5.0}] * 5), optics(*some), np.arange(5))
    assert got.metric.tolist() == [True, False, False, False, True]
    for name in Shapes.__dataclass_fields__:
        assert np.isfinite(getattr(got, name)).all(), name


def test_ceiling_and_wall_together_are_as_each_alone() -> None:
    above = Eye(COLS, 90, 2.5, False, 0, 45, 0.2, 0.1)
    beside = Eye(COLS, 75, 2.2, True, 30, 90, 0.5, -2)
    seen = [{"x_px": -4.0, "y_px": 3.0, "bottom_px": 8.0, "top_px": -2.0, "xy_px2": 0.3}] * 2
    both = geometry.shapes(PARAMS, patches(seen), optics(above, beside), np.arange(2))
    for k, eye in enumerate((above, beside)):
        one = shape(eye, **seen[k])
        for name in Shapes.__dataclass_fields__:
            assert getattr(both, name)[k] == getattr(one, name)[0], name
