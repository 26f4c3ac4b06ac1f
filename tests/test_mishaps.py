"""The one fall of an ordinary week: of every kind, where it belongs, in sight, until somebody comes."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest

from simulator import lives
from simulator.bodies import resident
from simulator.falls import After, FallKind
from simulator.home import Eye
from simulator.lives import Life
from simulator.mishaps import LIES_S, OVER_S, SETTINGS, SHARES, mishaps
from simulator.routine import Course
from simulator.sight import lies_in_view
from simulator.world import Doing, Motion, Segment, Truth

HOMES = 40


@dataclass(frozen=True)
class Told:
    """A home with its fall, and what truly happened up to the help."""

    plain: Life
    hit: Life
    down: Segment
    host: Segment
    """What the diary has just before."""
    motion: Motion
    fell: Truth
    kind: FallKind


def fitted(one: Life, seed: int) -> tuple[Eye, ...]:
    """Coarse and fine arrays, on the ceiling and on the wall."""
    return lives.eyes_of(one, ("amg8833", "mlx90640")[seed % 2], ("ceiling", "wall")[seed // 2 % 2])


def told(seed: int) -> Told:
    plain = lives.life(seed, 1, "winter", Course())
    hit = lives.with_fall(plain, np.random.default_rng([seed, 1]), fitted(plain, seed))
    k = next(k for k, s in enumerate(hit.week.segments) if s.doing is Doing.DOWN)
    motion = lives.play(hit, hit.week.segments[: k + 1])
    (fell,) = [t for t in motion.truth if t.label.startswith("fall:")]
    return Told(plain, hit, hit.week.segments[k], hit.week.segments[k - 1], motion, fell, hit.fall[0])


@pytest.fixture(scope="module")
def homes() -> list[Told]:
    return [told(seed) for seed in range(HOMES)]


def test_every_fall_ends_in_the_picture_of_the_rooms_array(homes: list[Told]) -> None:
    for seed, one in enumerate(homes):
        pose, room = one.motion.at(np.array([one.fell.end_s]))
        (eye,) = [e for e in fitted(one.plain, seed) if e.room == room[0]]
        assert room[0] == one.down.room
        assert pose[0, 2] < 0.3
        assert lies_in_view(eye.camera, resident(seed), pose), seed


def test_falls_are_of_many_kinds_and_what_follows_them_differs(homes: list[Told]) -> None:
    assert all(one.fell.label == f"fall:{one.kind}" for one in homes)
    assert len({one.kind for one in homes}) > 5
    assert {one.hit.fall[1] for one in homes} == {After.STILL, After.STRUGGLING, After.CRAWLING}
    assert all(one.host.doing in SETTINGS[one.kind] for one in homes)


def test_somebody_is_down_from_rest_until_they_are_helped(homes: list[Told]) -> None:
    for one in homes:
        (down,) = [t for t in one.motion.truth if t.label == "down"]
        assert one.down.start_s - 2 < one.fell.start_s < one.fell.end_s == down.start_s < down.end_s
        assert down.end_s == pytest.approx(one.down.end_s, abs=0.01)
        assert LIES_S[0] <= one.down.end_s - one.down.start_s <= LIES_S[1]
        assert one.fell.start_s - one.down.start_s < 90  # the way to the seat, and a moment on it
        assert one.down.end_s in {a for a, _ in one.hit.week.guests}
        assert not any(a < one.down.end_s and b > one.down.start_s for a, b in one.hit.week.guests)
        rows = one.motion.truth
        assert list(rows) == sorted(rows, key=lambda t: (t.start_s, t.end_s, t.label))
        pose = one.motion.at(np.arange(down.start_s, down.end_s - 30, 10.0))[0]
        assert not ((pose[:, 2] > 0.8) & (np.abs(pose[:, 4]) < 0.4)).any()  # nobody stands meanwhile


def test_until_then_the_day_is_as_it_would_have_been(homes: list[Told]) -> None:
    for one in homes[:4]:
        usual = lives.play(one.plain, one.plain.week.segments)
        same = usual.t_s < one.host.start_s
        assert same.sum() > 100
        for a, b in (
            (usual.t_s, one.motion.t_s),
            (usual.pose, one.motion.pose),
            (usual.room, one.motion.room),
        ):
            assert np.array_equal(a[same], b[: same.sum()])


def test_out_of_a_chair_and_out_of_bed_fall_those_who_were_in_it(homes: list[Told]) -> None:
    resting = [one for one in homes if one.kind in {FallKind.CHAIR, FallKind.BED}]
    assert {one.kind for one in resting} == {FallKind.CHAIR, FallKind.BED}
    for one in resting:
        pose, room = one.motion.at(one.fell.start_s - np.array([4.0, 0.1]))
        assert (room == one.down.room).all()
        assert ((pose[:, 2] > 0.35) & (pose[:, 2] < 0.8)).all()
        lying = pose[:, 4] < -1.2
        assert lying.all() if one.kind is FallKind.BED else not lying.any()
        if one.kind is FallKind.BED:
            assert one.plain.plan.rooms[one.down.room].kind == "bedroom"
        assert not any(t.start_s < one.fell.start_s < t.end_s for t in one.motion.truth if t.label != "down")


def test_who_slips_does_so_on_the_wet_floor_of_the_bathroom(homes: list[Told]) -> None:
    slips = [one for one in homes if one.kind is FallKind.SLIP]
    assert slips
    assert {one.plain.plan.rooms[one.down.room].kind for one in slips} == {"bathroom"}


def test_the_same_seed_is_the_same_fall() -> None:
    a, b = told(3), told(3)
    assert a.hit == b.hit
    assert a.motion.pose.tobytes() == b.motion.pose.tobytes()
    assert a.hit.week != told(4).hit.week


def test_each_kind_has_its_share_and_the_hours_are_those_of_the_diary() -> None:
    one = lives.life(5, 3, "winter", Course())
    rooms = {one.plan.index(kind) for kind in lives.WATCHED}
    count = 1500
    drawn: Counter[FallKind] = Counter()
    for seed in range(count):
        mishap = next(mishaps(one.week, one.plan, rooms, np.random.default_rng(seed)))
        drawn[mishap.kind] += 1
    assert sum(SHARES.values()) == pytest.approx(1.0)
    for kind in FallKind:
        deviation = np.sqrt(count * SHARES[kind] * (1 - SHARES[kind]))
        assert abs(drawn[kind] - count * SHARES[kind]) < 4 * deviation, kind


def test_lying_too_long_in_the_bathroom_or_beside_the_bed_is_true_too() -> None:
    one = lives.life(5, 3, "winter", Course())
    bath, bedroom = one.plan.index("bathroom"), one.plan.index("bedroom")
    seen: Counter[tuple[bool, str]] = Counter()
    for seed in range(60):
        rng = np.random.default_rng(seed)
        mishap = next(mishaps(one.week, one.plan, {bath} if seed % 2 else {bedroom}, rng))
        down = next(s for s in mishap.week.segments if s.doing is Doing.DOWN)
        beside = [t for t in mishap.week.truth if t not in one.week.truth]
        long = down.end_s - down.start_s >= OVER_S
        assert not beside or (long and (beside[0].start_s, beside[0].end_s) == (down.start_s, down.end_s))
        seen[long, beside[0].label if beside else ""] += 1
        if seed % 2:
            assert bool(beside) == long
    assert seen[True, "bathroom-overstay"] > 5
    assert seen[True, "night-out-of-bed"] > 1
    assert seen[True, ""] > 1  # in the bedroom by day


def test_nobody_falls_whom_no_array_would_see() -> None:
    at_home = lives.life(7, 1, "winter", Course())
    away = lives.life(7, 3, "winter", Course(away=((-1, 3),)))
    assert lives.with_fall(at_home, np.random.default_rng(1), ()) is at_home
    eyes = lives.eyes_of(away, "mlx90640", "ceiling")
    gone = lives.with_fall(away, np.random.default_rng(1), eyes)
    assert not any(s.doing is Doing.DOWN for s in gone.week.segments)
    assert "away" in {t.label for t in gone.week.truth}
