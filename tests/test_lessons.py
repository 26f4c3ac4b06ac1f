"""Lessons: the same on every run, labelled as the bodies are, true to the pictures, strange to the suites."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from simulator import randomised, scenes, suites
from simulator.bodies import (
    ALL_FOURS,
    BENT,
    CURLED,
    FACE_DOWN,
    FLOOR_SITTING,
    HALF_SITTING,
    KNEELING,
    KNEES_UP,
    ON_BACK,
    ON_SIDE,
    SITTING,
    SQUATTING,
    UPRIGHT,
    Posture,
    resident,
)
from simulator.camera import BAD_PIXEL, Camera, Painter
from simulator.falls import FallKind
from simulator.lessons import (
    FIELDS,
    PEOPLE,
    THINGS,
    Lesson,
    Pose,
    draw,
    kind_of,
    lessons,
    pixels,
    seed_of,
    truth,
)
from simulator.randomised import ACTED, FALLS, HOME_SHARES, MOVES, SHARES, VISITS, Tier
from simulator.sight import pixel_of
from simulator.suites import Options
from simulator.world import F64, I16, Actor, Air, Motion, Room, Source, Zone

BED = Zone("bed", "bed", 0.5, -1.0, 1.5, 1.0, 0.45)
CHAIR = Zone("chair", "chair", -1.3, -1.3, -0.7, -0.7, 0.45)
BATH = Zone("bath", "bath", -1.7, 0.8, -0.1, 1.5, 0.55)
ROOM = Room("living", "living", 4.0, 4.0, (BED, CHAIR, BATH), ())


def still(shape: Posture, x: float, y: float, up_m: float = 0.0, heading: float = 0.7) -> Actor:
    """Somebody who keeps one posture for a minute."""
    z, trunk, thigh, shank, roll, arms = shape
    row = [x, y, z + up_m, heading, trunk, thigh, shank, 0.0, roll, arms]
    return Actor(
        "resident",
        resident(3),
        Motion(np.array([0.0, 60.0]), np.array([row, row]), np.zeros(2, np.int16)),
    )


def posture(shape: Posture, x: float = 0.0, y: float = 0.0, up_m: float = 0.0) -> Pose:
    bodies, _ = truth(Camera(8, 8, 60.0, 10.0), ROOM, (still(shape, x, y, up_m),), np.array([1.0]))
    return Pose(int(bodies[0, 0, FIELDS.index("posture")]))


def same(one: Lesson, other: Lesson) -> bool:
    return all(
        np.array_equal(a, b, equal_nan=True) if isinstance(a, np.ndarray) else a == b or (a != a and b != b)  # noqa: PLR0124
        for a, b in ((getattr(one, f.name), getattr(other, f.name)) for f in fields(Lesson))
    )


def drawn(numbers: Sequence[int], tier: Tier, *, wall: bool) -> list[Lesson]:
    return [draw(5, k, tier, wall=wall) for k in numbers]


# --- what happens ----------------------------------------------------------------------------------


def test_every_kind_occurs_about_as_often_as_wanted() -> None:
    kinds = [kind_of(1, k) for k in range(3000)]
    wanted = {*(f"fall:{k}" for k in FallKind), *scenes.NEGATIVES, "life", "visits", "acted", "day"}
    assert set(kinds) == wanted
    for some, share in HOME_SHARES:
        assert np.mean([k in some for k in kinds]) == pytest.approx(share, abs=0.03)
    for shares in (SHARES, HOME_SHARES):
        assert sum(share for _, share in shares) == pytest.approx(1)
    assert set(MOVES) == set(scenes.MOVES)
    unscaled = [kind_of(1, k, "unscaled") for k in range(1000)]
    assert 0.7 < np.mean([k in ACTED for k in unscaled]) < 0.85


def test_no_lesson_shares_a_seed_with_a_suite() -> None:
    for suite in ("falls", "negatives"):
        for cell in suites.cells(suite, Options(homes=1))[::40]:
            home = suites.home(cell, 1, 0)
            assert home.eyes[0].camera.seed < 2**32
    own = {seed_of(s, k, a) for s in range(4) for k in range(500) for a in range(3)}
    assert len(own) == 4 * 500 * 3
    assert min(own) >= 2**62
    assert max(own) < 2**63


def test_a_lesson_holds_what_it_says() -> None:
    some = drawn(range(14, 28), "middle", wall=False)
    assert {one.kind for one in some} > {*VISITS, *ACTED}
    for lesson in some:
        n = len(lesson.t_ms)
        assert lesson.centi.shape == (n, lesson.rows, lesson.cols)
        assert lesson.centi.dtype == np.int16
        assert lesson.t_ms.dtype == np.int64
        assert lesson.bodies.shape == (n, PEOPLE, len(FIELDS))
        assert lesson.things.shape == (n, THINGS, 2)
        assert (np.diff(lesson.t_ms) > 0).all()
        t_s = (lesson.t_ms - scenes.START_MS) / 1000
        there = np.asarray(~np.isnan(lesson.bodies[:, :, 0]).all(axis=1))
        assert not there[t_s < randomised.EMPTY_S[0] - 0.1].any()
        assert there[t_s > 30].any()
        if lesson.kind in FALLS:
            ((_, end_s, kind, _),) = lesson.falls
            assert f"fall:{kind}" == lesson.kind
            assert 59 < t_s[-1] - end_s < 101
        elif lesson.kind not in {*VISITS, *ACTED}:
            assert not lesson.falls
        for start_s, end_s, _, up_s in lesson.falls:
            assert start_s < end_s < up_s
            lay = (t_s > end_s + 1) & (t_s < min(up_s, t_s[-1]) - 15)
            low = np.isin(lesson.bodies[lay][:, :, 6], [Pose.LYING, Pose.LOW])
            assert low.any(axis=1).all()


def test_homes_are_heated_and_laboratories_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the lessons for homes have a radiator on; those for arrays of unknown scale never do."""
    seen: list[Sequence[Source]] = []

    class Blind(Painter):
        """Draws nothing, but notes what there was to draw."""

        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            seen.append(args[3])

        def draw(self, t_s: F64) -> I16:
            return np.zeros((len(t_s), 8, 8), np.int16)

    monkeypatch.setattr("simulator.lessons.Painter", Blind)
    hot: dict[Tier, list[bool]] = {"coarse": [], "unscaled": []}
    for tier, which in hot.items():
        for number in range(60):
            seen.clear()
            lesson = draw(5, number, tier, wall=False)
            heats = {s.name for s in seen[0]} & {"radiator", "television"}
            if lesson.kind not in {"radiator", "tv"}:
                which.append(bool(heats))
    assert 0.35 < np.mean(hot["coarse"]) < 0.85
    assert np.mean(hot["unscaled"]) < 0.1  # one in 47 has one beside


def test_the_same_seed_gives_the_same_bytes_in_any_process() -> None:
    told: list[tuple[int, int, str]] = []
    there = list(lessons(5, 5, "coarse", wall=True, say=lambda *a: told.append(a)))
    assert all(same(a, b) for a, b in zip(drawn(range(5), "coarse", wall=True), there, strict=True))
    assert told[-1] == (5, 5, "lessons coarse wall")
    assert not same(there[0], draw(6, 0, "coarse", wall=True))


def test_arrays_and_what_is_told_of_them_differ_from_lesson_to_lesson() -> None:
    room = ROOM
    rng = np.random.default_rng(1)
    arrays = {randomised.array_of(rng, "fine") for _ in range(200)}
    assert arrays == {"mlx90640", "mlx90640_narrow", "d6t16", "lepton"}
    for wall, (low, high) in ((False, (2.1, 3.2)), (True, (1.7, 2.5))):
        cameras = [randomised.camera_of(rng, k, "mlx90640", room, wall=wall) for k in range(300)]
        heights = [c.height_m for c in cameras]
        assert low <= min(heights) < low + 0.1
        assert high - 0.1 < max(heights) <= high
        assert all(1.5 <= c.rate_hz <= 16 and c.average == 1 and c.contrast <= 1 for c in cameras)
        told = [randomised.told_of(rng, c, "fine") for c in cameras]
        assert abs(np.mean([np.isnan(t.fov_deg) for t in told]) - randomised.NO_FOV) < 0.08
        assert 0.05 < np.mean([np.isnan(t.height_m) for t in told]) < 0.16
        off = np.array([t.tilt_deg - c.tilt_deg for t, c in zip(told, cameras, strict=True)])
        assert 2.0 < off.std() < 4.0
    assert randomised.camera_of(rng, 1, "d6t16", room, wall=False).average > 3


# --- postures --------------------------------------------------------------------------------------


def test_postures_are_named_as_they_are() -> None:
    assert posture(UPRIGHT) is Pose.UP
    for shape in (BENT, KNEELING, ALL_FOURS, SQUATTING, FLOOR_SITTING, HALF_SITTING):
        assert posture(shape) is Pose.LOW
    for shape in (ON_BACK, FACE_DOWN, ON_SIDE, CURLED, KNEES_UP):
        assert posture(shape) is Pose.LYING
    assert posture(SITTING, *CHAIR.middle) is Pose.SITTING
    assert posture(SITTING, 0.7, 0.0) is Pose.SITTING  # the edge of the bed
    for shape in (ON_BACK, ON_SIDE, CURLED):
        assert posture(shape, *BED.middle, up_m=0.43) is Pose.RAISED
    assert posture((0.28, -0.75, 1.75, 1.2, 0.0, -0.3), *BATH.middle) is Pose.RAISED
    assert posture(ON_BACK, 0.6, 0.0) is Pose.LYING  # half under the bed


def test_heights_are_those_of_the_body() -> None:
    for shape, head, hips in ((UPRIGHT, 1.53, 0.87), (ON_BACK, 0.17, 0.14)):
        who = still(shape, 0.3, -0.4)
        row = truth(Camera(8, 8, 60.0, 10.0), ROOM, (who,), np.array([1.0]))[0][0, 0]
        size = who.build.size
        assert row[FIELDS.index("head_m")] == pytest.approx(head * size, abs=0.06)
        assert row[FIELDS.index("pelvis_m")] == pytest.approx(hips * size, abs=0.03)


# --- pictures --------------------------------------------------------------------------------------


def middle_of_heat(excess: F64, share: float) -> F64:
    """Of the pixels above that share of the warmest: pixels right of and below the middle of the picture."""
    heat = np.where(excess > share * excess.max(), excess, 0.0)
    rows, cols = excess.shape
    x, y = np.arange(cols) - (cols - 1) / 2, np.arange(rows) - (rows - 1) / 2
    return np.array([(heat.sum(0) * x).sum() / heat.sum(), (heat.sum(1) * y).sum() / heat.sum()])


def quiet(camera: Camera) -> Camera:
    """The same array without errors of its own."""
    clean = replace(camera, netd_k=0.0, fixed_k=0.0, drift_k=0.0, offset_k=0.0, gradient_k=0.0)
    return replace(clean, subpages=False, dead=0, corrupt_per_h=0.0, hot_per_h=0.0)


@pytest.mark.parametrize("mount", ["ceiling", "wall"])
def test_a_body_is_where_the_picture_is_warm(mount: str) -> None:
    rng = np.random.default_rng(4)
    for shape in (UPRIGHT, SITTING, KNEELING, ON_BACK, CURLED):
        for _ in range(6):
            hung = randomised.camera_of(rng, 1, "mlx90640", ROOM, wall=mount == "wall")
            camera = quiet(hung)
            ahead = 2.2 * np.array([np.cos(np.radians(camera.yaw_deg)), np.sin(np.radians(camera.yaw_deg))])
            x, y = np.array([camera.x_m, camera.y_m]) + (
                ahead if mount == "wall" else rng.uniform(-0.6, 0.6, 2)
            )
            who = still(shape, float(x), float(y), heading=float(rng.uniform(-3, 3)))
            t_s = np.arange(0.0, 3.0, 0.25)
            frame = Painter(camera, 0, (who,), (), Air.still(1, 20.0)).draw(t_s)[-1] / 100 - 20.0
            told = truth(camera, ROOM, (who,), t_s)[0][-1, 0, :2]
            assert np.hypot(*(told - middle_of_heat(frame, 0.1))) < 1.5


@pytest.mark.parametrize("wall", [False, True])
def test_drawn_lessons_are_warm_where_somebody_lies(wall: bool) -> None:
    """Mirrored ones too; and places agree with pictures through what the camera is."""
    off: list[float] = []
    wanted = [k for k in range(160) if kind_of(5, k) in {"fall:trip", "fall:faint", "fall:struggle"}]
    for lesson in (x for x in drawn(wanted, "fine", wall=wall) if x.array == "mlx90640"):
        t_s = (lesson.t_ms - scenes.START_MS) / 1000
        frames = np.where(lesson.centi == BAD_PIXEL, 0.0, lesson.centi / 100.0)
        excess = frames - frames[(t_s > 2) & (t_s < 11)].mean(axis=0)
        excess -= np.median(excess, axis=(1, 2), keepdims=True)
        ((_, end_s, _, up_s),) = lesson.falls
        lies = np.flatnonzero((t_s > end_s + 5) & (t_s < min(end_s + 30, up_s - 12)))
        if not len(lies):
            continue
        picture, body = np.median(excess[lies], axis=0), lesson.bodies[lies, 0].mean(axis=0)
        off.append(float(np.hypot(*(body[:2] - middle_of_heat(picture, 0.35)))))
        place = np.array([body[2], body[3], 0.15])
        row, col = pixel_of(lesson.camera, place)
        assert pixels(lesson.camera, place) == pytest.approx([col - 15.5, row - 11.5])
        assert np.hypot(*(pixels(lesson.camera, place) - body[:2])) < 2.0
    assert len(off) >= 4
    assert np.median(off) < 1.5
