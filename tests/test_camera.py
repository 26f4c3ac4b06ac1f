"""The simulated arrays: what they see of whom, and what is wrong with them."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from simulator.bodies import LYING, SITTING, UPRIGHT, resident
from simulator.camera import BAD_PIXEL, Camera, Painter
from simulator.cameras import PRESETS, amg8833, d6t16, lepton, mlx90640, mlx90640_narrow, mlx90641
from simulator.twins.camera import picture
from simulator.view import view
from simulator.world import F64, NOWHERE, Actor, Air, Bools, Motion, Room, Source

WIDE = Camera(24, 32, 110.0, 4.0, fov_rows_deg=75.0)
WALL = Camera(12, 16, 110.0, 4.0, "wall", 2.2, x_m=-2.0, tilt_deg=30.0)
ONE = np.array([1.0])
SUN = Source(
    "sun", 0, (0.6, 0.5, 0.01), np.array([0.0, 1e5]), np.array([[0.3, 0.2, 0.0]] * 2), np.full(2, 6.0)
)
PAN = Source(
    "pan", 0, (0.15, 0.15, 0.05), np.array([0.0, 1e5]), np.array([[-0.8, 0.6, 0.9]] * 2), np.full(2, 99.0)
)


def pose(
    shape: Sequence[float], x: float = 0.0, y: float = 0.0, heading: float = 0.0, cover: float = 0.0
) -> F64:
    z, trunk, thigh, shank, *rest = shape
    return np.array([x, y, z, heading, trunk, thigh, shank, cover, *rest])


def somebody(*keys: tuple[float, F64], rooms: Sequence[int] | None = None, seed: int = 1) -> Actor:
    t_s = np.array([t for t, _ in keys])
    where = np.array(rooms if rooms is not None else [0] * len(keys), np.int16)
    return Actor("resident", resident(seed), Motion(t_s, np.stack([p for _, p in keys]), where))


def walker(seed: int = 1) -> Actor:
    """Comes in at 3 s, walks about, sits from 14 to 20 s, leaves at 26 s."""
    rng = np.random.default_rng(seed)
    keys = [(0.0, pose(UPRIGHT, y=-1.5)), (3.0, pose(UPRIGHT, y=-1.5))]
    keys += [(4.0 + 2 * k, pose(UPRIGHT, *rng.uniform(-1, 1, 3))) for k in range(5)]
    keys += [(14.0, pose(SITTING, 0.5)), (20.0, pose(SITTING, 0.5)), (26.0, pose(UPRIGHT, y=-1.5))]
    return somebody(*keys, rooms=[NOWHERE] + [0] * (len(keys) - 2) + [NOWHERE], seed=seed)


def seen(
    camera: Camera, actors: Sequence[Actor] = (), sources: Sequence[Source] = (), room_c: float = 22.0
) -> F64:
    """Kelvin above the room at 1 s."""
    frame = Painter(camera, 0, actors, sources, Air.still(1, room_c)).draw(ONE)[0]
    return np.asarray(frame / 100 - room_c)


def spot(frame: F64) -> tuple[int, int]:
    row, col = np.unravel_index(frame.argmax(), frame.shape)
    return int(row), int(col)


# --- who is seen where ---------------------------------------------------------------------------------


def test_who_lies_is_long_and_who_stands_below_is_round() -> None:
    up, down = (seen(WIDE, [somebody((0.0, pose(p, -0.3)))]) > 1.0 for p in (UPRIGHT, LYING))
    assert np.ptp(np.flatnonzero(down.any(0))) >= 7  # 1.5 m at 0.15 m a pixel, less the cool rim
    assert np.ptp(np.flatnonzero(down.any(1))) <= 5
    assert np.ptp(np.flatnonzero(up.any(0))) <= 6


def test_on_the_ceiling_columns_run_along_x_rows_along_y_and_yaw_turns_them() -> None:
    who = [somebody((0.0, pose(UPRIGHT, 0.8, -0.5)))]
    row, col = spot(seen(WIDE, who))
    assert col > 18
    assert row < 9
    row, col = spot(seen(replace(WIDE, yaw_deg=90.0), who))  # now columns run along +y, rows along -x
    assert col < 13
    assert row < 9
    row, col = spot(seen(replace(WIDE, x_m=0.8, y_m=-0.5), who))
    assert abs(row - 11.5) <= 1.5
    assert abs(col - 15.5) <= 1.5


def test_on_the_wall_the_top_row_is_up_and_columns_grow_to_the_right() -> None:
    head, feet = (spot(seen(WALL, [somebody((0.0, pose(p, 0.5)))]))[0] for p in (UPRIGHT, LYING))
    assert head < feet
    for y, side in ((-0.9, 1), (0.9, -1)):  # looking along +x, the right hand is -y
        assert (spot(seen(WALL, [somebody((0.0, pose(UPRIGHT, 0.0, y)))]))[1] - 7.5) * side > 1
    turned = replace(WALL, x_m=0.0, y_m=2.0, yaw_deg=-90.0)  # looking along -y, the right hand is -x
    assert spot(seen(turned, [somebody((0.0, pose(UPRIGHT, 0.9, 0.0)))]))[1] < 7


def test_who_is_in_another_room_or_out_of_view_is_not_seen() -> None:
    assert not seen(WIDE, [somebody((0.0, pose(UPRIGHT)), rooms=[1])]).any()
    assert not seen(WIDE, [somebody((2.0, pose(UPRIGHT)))]).any()
    assert abs(seen(WALL, [somebody((0.0, pose(UPRIGHT, -3.5)))])).max() < 0.02  # behind the sensor


@pytest.mark.parametrize(
    ("camera", "shape", "x", "y", "heading", "worst_k"),
    [
        (
            Camera(12, 16, 110.0, 8.0, fov_rows_deg=75.0, yaw_deg=30.0, tilt_deg=10.0),
            LYING,
            0.4,
            0.3,
            0.7,
            0.2,
        ),
        (Camera(12, 16, 110.0, 8.0, "wall", 2.2, -2.0, 0.5, -10.0, 30.0), SITTING, 0.5, -0.5, 2.0, 0.15),
        (Camera(8, 8, 60.0, 10.0), UPRIGHT, 0.4, 0.3, 0.0, 0.2),
    ],
)
def test_drawing_agrees_with_its_slow_and_obvious_twin(  # noqa: PLR0917
    camera: Camera, shape: Sequence[float], x: float, y: float, heading: float, worst_k: float
) -> None:
    who, air = [somebody((0.0, pose(shape, x, y, heading)))], Air.still(1)
    exact = picture(camera, 0, who, [SUN], air=air, t_s=1.0)
    error = seen(camera, who, [SUN]) - exact
    assert exact.max() > 4
    assert abs(error).max() < worst_k
    assert np.sqrt((error**2).mean()) < 0.03


# --- warmth --------------------------------------------------------------------------------------------


def test_in_a_hot_room_hardly_anything_stands_out() -> None:
    peaks = [seen(WIDE, [somebody((0.0, pose(LYING)))], room_c=c).max() for c in (18.0, 24.0, 32.0, 36.0)]
    assert peaks[0] > peaks[1] > peaks[2] > peaks[3]
    assert peaks[2] < 2.7
    assert peaks[3] < 0.5


def test_a_fever_shows() -> None:
    who = somebody((0.0, pose(LYING)))
    ill = replace(who, core_c=np.array([39.0]))
    assert 1.0 < seen(WIDE, [ill]).max() - seen(WIDE, [who]).max() < 1.6  # 2.2 K times the share of the head


def test_a_blanket_leaves_the_head() -> None:
    bare, covered = (seen(WIDE, [somebody((0.0, pose(LYING, cover=c)))]) for c in (0.0, 1.0))
    head = spot(covered)
    assert covered[head] > 2.5  # a head fills half a pixel there
    assert head[1] < np.flatnonzero((bare > 1).any(axis=0)).mean() - 2  # it lies with its feet towards +x
    assert (covered > 1).sum() < 0.4 * (bare > 1).sum()


def test_a_body_hides_the_sun_patch_it_lies_on_and_adds_to_nothing() -> None:
    who = somebody((0.0, pose(LYING, 0.1, 0.2)))
    alone, both = seen(WIDE, [who]), seen(WIDE, [who], [SUN])
    inside = alone > 0.97 * np.sort(alone.ravel())[-4]
    assert abs(both - alone)[inside].max() < 1.0
    assert both.sum() > alone.sum() + 100


def test_who_stands_behind_the_hot_pan_is_seen_beside_it_and_who_stands_before_it_hides_it() -> None:
    pan = replace(PAN, radii_m=(0.1, 0.1, 0.1), centre_m=np.array([[0.0, 0.0, 1.2]] * 2))
    before, behind = (seen(WALL, [somebody((0.0, pose(UPRIGHT, x)))], [pan]).max() for x in (-0.5, 0.8))
    assert behind > 20
    assert before < 12


def test_a_pan_in_a_corner_of_a_pixel_reads_hotter_than_its_share() -> None:
    camera = Camera(1, 1, 20.0, 1.0, psf_px=0.0, high_c=327.0)
    hot, warm = (
        seen(camera, (), [replace(PAN, centre_m=np.zeros((2, 3)), excess_k=np.full(2, k))]) for k in (250, 1)
    )
    share = float(warm[0, 0])
    assert 0.05 < share < 0.3
    assert hot[0, 0] > 1.3 * 250 * share  # radiance grows with the fourth power


def test_steam_takes_the_contrast_away() -> None:
    air = replace(Air.still(1), haze=np.full((1, 1), 0.8))
    clear = seen(WIDE, [somebody((0.0, pose(UPRIGHT)))])
    foggy = Painter(WIDE, 0, [somebody((0.0, pose(UPRIGHT)))], (), air).draw(ONE)[0] / 100 - 22
    assert foggy.max() == pytest.approx(0.2 * clear.max(), abs=0.02)


def test_the_picture_follows_the_air() -> None:
    air = Air(np.array([0.0, 3600.0]), np.array([[20.0], [26.0]]), np.full((2, 1), 45.0), np.zeros((2, 1)))
    frames = Painter(WIDE, 0, (), (), air).draw(np.array([0.0, 1800.0, 3600.0]))
    assert np.array_equal(np.unique(frames, axis=None), [2000, 2300, 2600])


# --- time ----------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from([n for n in sorted(PRESETS) if n != "lepton"]),
    seed=st.integers(0, 9),
    cuts=st.lists(st.integers(0, 160), max_size=5),
)
def test_frames_drawn_in_pieces_are_the_frames_drawn_at_once(name: str, seed: int, cuts: list[int]) -> None:
    camera = PRESETS[name](seed)
    t_s = np.sort(np.append(np.arange(140) / camera.rate_hz, np.arange(40, 140, 5)))
    t_s = t_s[np.append(True, np.diff(t_s) > 0)]

    def painter() -> Painter:
        return Painter(camera, 0, [walker(seed)], [SUN, PAN], Air.still(1))

    whole, pieces = painter().draw(t_s), painter()
    edges = sorted({0, len(t_s), *(min(c, len(t_s)) for c in cuts)})
    parts = [pieces.draw(t_s[a:b]) for a, b in pairwise(edges)]
    assert np.array_equal(np.concatenate(parts), whole)
    assert np.array_equal(painter().draw(t_s), whole)


def test_blocks_inside_one_call_leave_no_seam() -> None:
    camera = mlx90640(5)
    t_s = np.arange(400) / 16.0
    one_by_one, at_once = (Painter(camera, 0, [walker()], (), Air.still(1)) for _ in range(2))
    assert np.array_equal(
        np.concatenate([one_by_one.draw(t_s[k : k + 1]) for k in range(400)]), at_once.draw(t_s)
    )


def test_another_seed_is_another_device() -> None:
    one, two = (Painter(mlx90640(s), 0, (), (), Air.still(1)).draw(ONE) for s in (3, 4))
    assert (one != two).mean() > 0.9


def test_times_run_forwards() -> None:
    painter = Painter(WIDE, 0, (), (), Air.still(1))
    painter.draw(np.array([1.0, 2.0]))
    assert painter.draw(np.array([])).shape == (0, 24, 32)
    for wrong in ([2.0], [3.0, 3.0], [4.0, 3.5]):
        with pytest.raises(ValueError, match="increasing"):
            painter.draw(np.array(wrong))


def test_whoever_sits_still_is_drawn_once() -> None:
    still = somebody((0.0, pose(SITTING)), (600.0, pose(SITTING)))
    moments = view(0, [still], [SUN], Air.still(1)).moments(np.arange(0, 600, 0.25))
    assert moments.count == 1


def test_a_lagging_pixel_reaches_two_thirds_of_a_step_in_its_time_constant() -> None:
    camera = replace(WIDE, lag_s=0.5, rate_hz=50.0)
    t_s = np.arange(0, 4, 0.02)
    comes = somebody((0.0, pose(LYING)), (1.01, pose(LYING)), rooms=[NOWHERE, 0])
    frames = Painter(camera, 0, [comes], (), Air.still(1)).draw(t_s)[:, 11, 15] / 100 - 22
    assert frames[50] == 0
    assert frames[np.searchsorted(t_s, 1.51)] == pytest.approx((1 - np.exp(-1)) * frames[-1], rel=0.05)


def test_even_pixels_of_a_chess_board_are_half_a_frame_older() -> None:
    camera = replace(WIDE, subpages=True)
    comes = somebody((0.0, pose(LYING)), (0.95, pose(LYING)), rooms=[NOWHERE, 0])
    frame, later = Painter(camera, 0, [comes], (), Air.still(1)).draw(np.array([1.0, 1.25])) - 2200
    even = np.add.outer(np.arange(24), np.arange(32)) % 2 == 0
    assert not frame[even].any()
    assert np.array_equal(frame[~even], later[~even])
    assert later[even].any()


def test_changing_says_when_anybody_is_there_or_anything_moves() -> None:
    kettle = Source(
        "kettle",
        0,
        (0.1, 0.1, 0.1),
        np.array([100.0, 220.0, 4000.0]),
        np.zeros((3, 3)),
        np.array([0.0, 70.0, 60.0]),
    )
    slow = replace(
        SUN, t_s=np.array([0.0, 3600.0, 7200.0]), centre_m=np.zeros((3, 3)), excess_k=np.array([0, 6.0, 0])
    )
    painter = Painter(WIDE, 0, [walker()], [kettle, slow], Air.still(1))

    def changing(*t_s: float, around_s: float = 0.0) -> list[bool]:
        found: Bools = painter.changing(np.array(t_s), around_s)
        return [bool(f) for f in found]

    assert changing(1.0, 3.0, 15.0, 25.9, 27.0) == [False, True, True, True, False]
    assert changing(1.0, 27.0, 40.0, around_s=5.0) == [True, True, False]
    assert changing(99.0, 150.0, 219.0, 1000.0, 4000.5, 5000.0) == [False, True, True, False, True, False]
    still = Painter(WIDE, 0, (), (), Air.still(1))
    assert not still.changing(np.arange(10.0)).any()


# --- what is wrong with the sensor ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "step_centi", "noise_k"),
    [
        (amg8833, 25, (0.14, 0.19)),
        (mlx90641, 2, (0.13, 0.15)),
        (mlx90640, 2, (0.27, 0.29)),
        (lepton, 1, (0.045, 0.055)),
    ],
)
def test_noise_and_rounding_are_those_of_the_data_sheet(
    make: type[Camera], step_centi: int, noise_k: tuple[float, float]
) -> None:
    camera = replace(PRESETS[make.__name__](2), dead=0, hot_per_h=0.0, corrupt_per_h=0.0)
    centi = Painter(camera, 0, (), (), Air.still(1)).draw(np.arange(200) / camera.rate_hz)
    assert not (centi % step_centi).any()
    assert noise_k[0] < np.diff(centi.astype(float), axis=0).std() / 2**0.5 / 100 < noise_k[1]


def test_readings_end_where_the_sensor_ends() -> None:
    hot = replace(PAN, radii_m=(0.5, 0.5, 0.05), excess_k=np.full(2, 500.0), centre_m=np.zeros((2, 3)))
    assert Painter(amg8833(1), 0, (), [hot], Air.still(1)).draw(ONE).max() == 8000
    assert Painter(mlx90640(1), 0, (), [hot], Air.still(1)).draw(ONE).max() == 30000


def test_all_pixels_drift_together_a_little_in_minutes_and_more_in_hours() -> None:
    camera = Camera(8, 8, 60.0, 1.0, drift_k=0.4, seed=3)
    level = Painter(camera, 0, (), (), Air.still(1)).draw(np.arange(0.0, 86400, 10)).reshape(-1, 64) / 100
    assert np.ptp(level, axis=1).max() < 0.02
    assert level[:, 0].std() == pytest.approx(0.4, rel=0.15)
    ten_minutes = np.abs(level[60:, 0] - level[:-60, 0])
    assert 0.05 < np.median(ten_minutes) < 0.4


def test_a_wall_is_warmer_at_the_top_and_every_device_has_its_pattern() -> None:
    for seed in range(5):
        frame = Painter(
            Camera(24, 32, 110.0, 4.0, "wall", gradient_k=1.0, seed=seed), 0, (), (), Air.still(1)
        ).draw(ONE)
        assert 0.4 < (frame[0, 0, :].mean() - frame[0, -1, :].mean()) / 100 < 1.6
    pattern = Painter(Camera(24, 32, 110.0, 4.0, fixed_k=0.3), 0, (), (), Air.still(1)).draw(
        np.array([1.0, 9.0])
    )
    assert pattern[0].std() / 100 == pytest.approx(0.3, rel=0.1)
    assert np.array_equal(pattern[0], pattern[1])


def test_dead_pixels_stay_dead_and_glitches_come_and_go() -> None:
    quiet = Camera(24, 32, 110.0, 4.0, subpages=True, dead=3, seed=8)
    loud = replace(quiet, corrupt_per_h=60.0, hot_per_h=60.0)
    t_s = np.arange(0, 3600, 0.25)
    for camera in (quiet, loud):
        centi = Painter(camera, 0, (), (), Air.still(1)).draw(t_s)
        dead = (centi == BAD_PIXEL).all(axis=0)
        assert dead.sum() == 3
        assert np.array_equal(dead, (centi == BAD_PIXEL).any(axis=0))
        alive = centi[:, ~dead]
        hot, wrong = (alive > 30000).sum(axis=1), (np.abs(alive - 2200) > 50).mean(axis=1)
        if camera is quiet:
            assert np.array_equal(np.unique(alive), [2200])
        else:
            assert set(np.unique(hot)) == {0, 1}
            assert 40 < hot.sum() < 80
            assert 40 < (wrong > 0.3).sum() < 80
            assert wrong.max() <= 0.51  # one subpage, not both


# --- the presets ---------------------------------------------------------------------------------------


def test_presets_are_the_arrays_on_sale() -> None:
    made = {name: make(1) for name, make in PRESETS.items()}
    assert {n: (c.rows, c.cols, c.fov_deg, c.rate_hz) for n, c in made.items()} == {
        "amg8833": (8, 8, 60.0, 10.0),
        "d6t16": (16, 16, 64.0, 9.1),
        "mlx90641": (12, 16, 110.0, 8.0),
        "mlx90640": (24, 32, 110.0, 4.0),
        "mlx90640_narrow": (24, 32, 55.0, 4.0),
        "lepton": (60, 80, 57.0, 8.7),
    }
    assert mlx90640_narrow(1).fov_down_deg == 35.0
    assert made["mlx90640"].subpages
    assert {c.mount for c in made.values()} == {"ceiling"}


@pytest.mark.parametrize("seed", range(12))
def test_a_wall_mount_hangs_on_a_wall_of_the_room_and_sees_who_is_in_its_middle(seed: int) -> None:
    room = Room("living-room", "living", 5.0, 3.6, (), ())
    camera = mlx90640(seed, "wall", room=room)
    assert camera.height_m == 2.2
    assert 25 <= camera.tilt_deg <= 35
    assert max(abs(camera.x_m) / 2.5, abs(camera.y_m) / 1.8) == pytest.approx(0.96, abs=0.02)
    frame = seen(
        replace(camera, netd_k=0, fixed_k=0, drift_k=0, gradient_k=0, offset_k=0, dead=0), [walker()]
    )
    assert not frame.any()
    lying = seen(
        replace(camera, netd_k=0, fixed_k=0, drift_k=0, gradient_k=0, offset_k=0, dead=0),
        [somebody((0.0, pose(LYING, 0.2)))],
    )
    assert lying.max() > 1.5
    assert 2 < spot(lying)[0] < 22
    assert 4 < spot(lying)[1] < 28


def test_a_place_can_be_given_and_a_wrong_one_is_named() -> None:
    camera = amg8833(1, "wall", height_m=2.0, tilt_deg=20.0)
    assert (camera.height_m, camera.tilt_deg, camera.mount) == (2.0, 20.0, "wall")
    with pytest.raises(ValueError, match="zoom"):
        amg8833(1, zoom=2.0)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"rows": 0}, "rows"),
        ({"fov_deg": 170.0}, "fov_deg"),
        ({"rate_hz": 0.0}, "rate_hz"),
        ({"netd_k": -0.1}, "netd_k"),
        ({"height_m": float("nan")}, "height_m"),
        ({"dead": 65}, "dead"),
        ({"step_k": 0.0}, "step_k"),
        ({"contrast": 0.0}, "contrast"),
        ({"mount": "floor"}, "mount"),
        ({"average": 0}, "average"),
        ({"renewed": 0}, "renewed"),
        ({"low_c": 90.0, "high_c": 80.0}, "high_c"),
    ],
)
def test_impossible_cameras_are_refused(wrong: dict[str, float], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Camera(**({"rows": 8, "cols": 8, "fov_deg": 60.0, "rate_hz": 10.0} | wrong))  # type: ignore[arg-type]


def test_air_of_too_few_rooms_is_refused() -> None:
    with pytest.raises(ValueError, match="room 2"):
        Painter(WIDE, 2, (), (), Air.still(2))


# --- the array of the recorded trace -------------------------------------------------------------------


def test_d6t16_climbs_from_zero_and_its_noise_is_as_large_and_as_alike_as_recorded() -> None:
    """Recorded (ceiling16, quiet stretches before anybody comes in): the first reading is a tenth of the
    room, the twelfth whole; 0.077 K; correlations over time 0.93, 0.69, 0.44 after 1, 3, 5 frames; none in
    space.
    """
    centi = Painter(d6t16(4), 0, (), (), Air.still(1, 24.0)).draw(np.arange(900) / 9.1) / 100
    level = np.median(centi, axis=(1, 2)) / np.median(centi[20:])
    assert level[0] == pytest.approx(1 / 11, abs=0.02)
    assert level[5] == pytest.approx(6 / 11, abs=0.02)
    assert level[11] == pytest.approx(1.0, abs=0.02)

    def noise(frames: NDArray[np.float64]) -> NDArray[np.float64]:
        calm = frames[20:100] - np.median(frames[20:100], axis=(1, 2))[:, None, None]
        return np.asarray(calm - calm.mean(axis=0))

    quiet = noise(centi)
    devices = [
        noise(Painter(d6t16(k), 0, (), (), Air.still(1, 24.0)).draw(np.arange(100) / 9.1) / 100)
        for k in range(40)
    ]
    assert 0.067 < np.median([d.std() for d in devices]) < 0.087
    low, high = np.percentile([d.std() for d in devices], [10, 90])
    assert high / low > 1.4  # recorded: 0.056 and 0.089
    middle = np.median([d[:, 6:10, 6:10].std() for d in devices])
    corner = np.median([d[:, [0, 0, -1, -1], [0, -1, 0, -1]].std() for d in devices])
    assert corner / middle == pytest.approx(116 / 50, rel=0.2)  # recorded, mK
    alike = [(quiet[k:] * quiet[:-k]).sum() / (quiet**2).sum() for k in (1, 3, 5)]
    assert alike == pytest.approx([0.93, 0.69, 0.44], abs=0.08)
    assert abs((quiet[:, :, 1:] * quiet[:, :, :-1]).sum() / (quiet**2).sum()) < 0.08


def test_people_under_d6t16_are_no_warmer_than_those_recorded() -> None:
    """Recorded, 3 x 3 pixels, medians: standing 0.83 K, sitting 0.65 K, lying 0.45 K (10-90 %: 0.35-0.56)."""
    for shape, recorded_k in ((UPRIGHT, 0.83), (SITTING, 0.65), (LYING, 0.45)):
        found = []
        for seed in range(12):
            camera = replace(
                d6t16(seed), height_m=2.2, netd_k=0.0, fixed_k=0.0, gradient_k=0.0, drift_k=0, offset_k=0
            )
            rng = np.random.default_rng(seed)
            x, y, heading = rng.uniform(-0.5, 0.5), rng.uniform(-0.5, 0.5), rng.uniform(-3, 3)
            who = somebody((0.0, pose(shape, x, y, heading)), seed=seed)
            frames = (
                Painter(replace(camera, average=1), 0, [who], (), Air.still(1, 23.9)).draw(ONE)[0] / 100
                - 23.9
            )
            blocks = np.lib.stride_tricks.sliding_window_view(frames, (3, 3)).mean(axis=(2, 3))
            found.append(blocks.max())
        assert 0.7 * recorded_k < np.median(found) < 1.1 * recorded_k


def test_readings_that_serve_for_two_frames_share_their_noise() -> None:
    """As much noise as without, and less of it from frame to frame: 2 / (121 x 2) of one frame's power."""
    t_s = np.arange(3000) / 9.1
    usual = replace(d6t16(4), drift_k=0.0, netd_k=0.29, rim_noise=0.0, spread_noise=0.0)
    for renewed, step_k in ((1, 0.29 * (2 / 121) ** 0.5), (2, 0.29 * (2 / 242 / 0.9545) ** 0.5)):
        camera = replace(usual, renewed=renewed)
        kelvin = Painter(camera, 0, (), (), Air.still(1)).draw(t_s)[20:] / 100
        assert (kelvin - kelvin.mean(axis=0)).std() == pytest.approx(0.29 / 11**0.5, rel=0.03)
        assert np.diff(kelvin, axis=0).std() == pytest.approx(step_k, rel=0.05)


def test_an_averaging_device_keeps_its_small_noise_where_idle_frames_are_left_out() -> None:
    camera = replace(d6t16(4), drift_k=0.0, netd_k=0.29, rim_noise=0.0, spread_noise=0.0)
    t_s = np.concatenate([np.arange(100) / 9.1, np.arange(20.0, 4000, 5)])
    centi = Painter(camera, 0, (), (), Air.still(1)).draw(t_s) / 100
    assert (centi[100:] - centi[100:].mean(axis=0)).std() == pytest.approx(0.083, rel=0.1)
