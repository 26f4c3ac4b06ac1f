"""People at home: what they do, how they fall, and that the truth of it is exact."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import diary, falls, ways
from simulator.bodies import (
    ARMS,
    CAT,
    CAT_LYING_M,
    COLUMNS,
    DOG,
    DOG_UP_M,
    ON_SIDE,
    ROBOT,
    ROBOT_ON_M,
    ROLL,
    SITTING,
    UPRIGHT,
    Posture,
    body,
    lowest_m,
    resident,
    visitor,
)
from simulator.falls import After, FallKind
from simulator.people import Script
from simulator.rooms import flat, one_room
from simulator.stage import room as stage_room
from simulator.world import F64, NOWHERE, Build, Doing, Motion, Plan, Segment, Truth

FROM_STANDING = (FallKind.TRIP, FallKind.SLIP, FallKind.SIDEWAYS, FallKind.FAINT)


def script(seed: int, plan: Plan | None = None) -> Script:
    """Somebody standing in the middle of a room with a bed and a chair."""
    play = Script(np.random.default_rng(seed), plan or Plan((stage_room(seed),)))
    play.go(0, -0.5, -0.6)
    return play


def fallen(seed: int, kind: FallKind, after: After = After.STILL, down_s: float = 60.0) -> Motion:
    play = script(seed)
    play.fall(kind, after, down_s)
    return play.motion()


def told(motion: Motion, label: str) -> Truth:
    return next(t for t in motion.truth if t.label.split(":")[0] == label)


def pose(shape: Posture, **to: float) -> F64:
    z, trunk, thigh, shank, roll, arms = shape
    row = np.array(
        [[0.0, 0.0, z, to.get("heading", 0.0), trunk, thigh, shank, to.get("cover", 0.0), roll, arms]]
    )
    row[0, ROLL] += to.get("roll", 0.0)
    return row


def grid(motion: Motion, start_s: float, end_s: float, step_s: float = 0.02) -> tuple[F64, F64]:
    t_s = np.arange(start_s, end_s, step_s)
    return t_s, motion.at(t_s)[0]


# --- bodies ----------------------------------------------------------------------------------------


def test_feet_stand_on_the_floor_whatever_the_size() -> None:
    for seed in range(20):
        who = resident(seed)
        assert 0.9 <= who.size <= 1.1
        assert abs(lowest_m(who, pose(UPRIGHT))[0]) < 0.02
        seen = body(who, pose(UPRIGHT))
        head = seen.centre_m[0, 0, 2] + who.size * who.radii_m[0, 0]
        assert head == pytest.approx(1.65 * who.size, abs=0.03)


def test_warmth_is_within_the_recipe_and_a_blanket_leaves_only_the_head() -> None:
    who = visitor(3)
    open_, hidden = body(who, pose(SITTING)).warmth[0], body(who, pose(SITTING, cover=0.8)).warmth[0]
    assert 0.65 <= open_[0] <= 0.75
    assert 0.40 <= open_[1] <= 0.60
    assert all(0.30 <= w <= 0.45 for w in open_[2:])
    assert hidden[0] == open_[0]
    assert hidden[1:] == pytest.approx(open_[1:] * 0.2)


def test_the_same_stance_can_be_told_in_any_heading() -> None:
    """What falls.py relies on: upright, a turn of the heading and one of the roll are the same turn."""
    one = body(resident(1), pose(UPRIGHT, heading=0.4))
    other = body(resident(1), pose(UPRIGHT, heading=0.4 - 2.0, roll=2.0))
    assert one.centre_m == pytest.approx(other.centre_m)
    shape = np.einsum("tkji,tkjl->tkil", one.whiten, one.whiten)
    assert shape == pytest.approx(np.einsum("tkji,tkjl->tkil", other.whiten, other.whiten))


def test_who_lies_on_the_side_lies_in_a_plane_and_the_knees_point_sideways() -> None:
    middle = body(resident(2), pose(ON_SIDE)).centre_m[0]
    assert np.ptp(middle[:6, 2]) < 0.35
    knees = middle[[2, 3], 1].mean()
    assert abs(knees - middle[1, 1]) > 0.05


def test_beasts_and_poses_of_eight_columns() -> None:
    for who, z, parts in ((DOG, DOG_UP_M, 2), (CAT, CAT_LYING_M, 2), (ROBOT, ROBOT_ON_M, 1)):
        row = np.zeros((3, 8))
        row[:, 2] = z
        assert body(who, row).centre_m.shape == (3, parts, 3)
        assert (lowest_m(who, row) > -0.01).all()
    six = Build("human", resident(1).radii_m[:6], resident(1).warmth[:6])
    assert body(six, pose(UPRIGHT)[:, :8]).centre_m.shape == (1, 6, 3)
    with pytest.raises(ValueError, match="pose: expected"):
        body(six, np.zeros((1, 7)))
    with pytest.raises(ValueError, match="6 or 8 parts, not 2"):
        body(Build("human", DOG.radii_m, DOG.warmth), pose(UPRIGHT))


# --- the vocabulary --------------------------------------------------------------------------------

ACTS: tuple[tuple[str, Callable[[Script], None]], ...] = (
    ("sit", lambda s: s.sit(s.plan.rooms[0].zones[0], 60)),
    ("bed", lambda s: s.lie(s.plan.rooms[0].zones[1], 60)),
    ("bend", lambda s: s.bend()),
    ("kneel", lambda s: s.kneel(40)),
    ("clean", lambda s: s.clean_floor(60)),
    ("sit-floor", lambda s: s.sit_on_floor(60)),
    ("tie-shoes", lambda s: s.tie_shoes()),
    ("exercise", lambda s: s.exercise(90)),
    ("toilet", lambda s: s.use_toilet(60)),
)
QUIET: tuple[tuple[str, Callable[[Script], None]], ...] = (
    ("stand", lambda s: s.stand(30)),
    ("potter", lambda s: s.potter(0, 60)),
    ("wash", lambda s: s.wash(60)),
    ("cook", lambda s: s.cook(60)),
)


@pytest.mark.parametrize(("label", "act"), ACTS + QUIET, ids=[name for name, _ in ACTS + QUIET])
def test_every_act_ends_standing_and_none_sinks_into_the_floor(
    label: str, act: Callable[[Script], None]
) -> None:
    for seed in range(8):
        play = script(seed)
        begun = play.t
        act(play)
        motion = play.motion()
        assert play.pen.shape == UPRIGHT
        assert play.pen.cover == 0
        assert play.room == 0
        if label not in dict(QUIET):
            row = told(motion, label)
            assert begun <= row.start_s < row.end_s <= play.t
        _, rows = grid(motion, begun, play.t, 0.05)
        assert lowest_m(resident(seed), rows).min() > -0.15  # a little, in passing: poses are joined straight


def test_sitting_leaves_few_pictures_to_draw() -> None:
    play = script(1)
    play.sit(play.plan.rooms[0].zones[0], 3600)
    row = told(play.motion(), "sit")
    _, rows = grid(play.motion(), row.start_s, row.end_s, 0.25)
    assert len(np.unique(rows.round(3), axis=0)) < 0.25 * len(rows)
    moves = np.diff(rows[:, 0]) != 0
    assert 250 < (np.diff(moves.astype(int)) == 1).sum() < 700  # about every seven seconds


def test_a_sleeper_turns_over_and_the_blanket_hides_all_but_1_or_2_kelvin() -> None:
    play = script(4)
    play.lie(play.plan.rooms[0].zones[1], 4 * 3600, blanket=True)
    motion = play.motion()
    row = told(motion, "bed")
    _, rows = grid(motion, row.start_s, row.end_s, 1.0)
    assert 4 <= (np.abs(np.diff(rows[::10, ROLL])) > 0.5).sum() <= 24
    cover = rows[:, 7]
    assert (np.diff(cover[5:-5]) >= -1e-9).all()
    assert cover[600] < cover[-10]
    left_k = 0.5 * (36.8 - 22) * (1 - cover[-10])
    assert 1.0 < left_k < 2.0
    assert len(np.unique(rows.round(3), axis=0)) < 0.1 * len(rows)


def test_walks_lead_through_doors_and_around_furniture() -> None:
    plan = flat(3)
    play = Script(np.random.default_rng(3), plan)
    kitchen, bedroom = plan.index("kitchen"), plan.index("bedroom")
    for room in (kitchen, bedroom, kitchen, bedroom):
        play.potter(room, 120)
    play.leave_home()
    play.wait(play.t + 100)
    play.come_home()
    motion = play.motion()
    t_s = np.arange(0, play.t, 0.1)
    rows, where = motion.at(t_s)
    assert {kitchen, bedroom, NOWHERE} <= set(where.tolist())
    for k, of in enumerate(plan.rooms):
        x, y = rows[where == k, 0], rows[where == k, 1]
        assert (np.abs(x) <= of.width_m / 2 + 0.1).all()
        assert (np.abs(y) <= of.depth_m / 2 + 0.1).all()
        for zone in of.zones:
            if zone.kind in ways.SOLID:
                within = (x > zone.x0_m) & (x < zone.x1_m) & (y > zone.y0_m) & (y < zone.y1_m)
                assert not len(x) or within.mean() < 0.02, zone.name
    change = np.flatnonzero(np.diff(motion.room))
    for k in change.tolist():
        a, b = int(motion.room[k]), int(motion.room[k + 1])
        if NOWHERE not in {a, b}:
            assert np.hypot(*(motion.pose[k, :2] - ways.door(plan, a, b))) < 0.06
            assert tuple(motion.pose[k + 1, :2]) == ways.door(plan, b, a)


def test_a_day_stays_in_step_and_has_few_key_poses() -> None:
    plan = flat(1)
    bed, kitchen, living, bath = (plan.index(k) for k in ("bedroom", "kitchen", "living", "bathroom"))
    hours = (
        (7.0, Doing.SLEEP, bed),
        (0.1, Doing.TOILET, bath),
        (0.3, Doing.WASH, bath),
        (0.2, Doing.DRESS, bed),
        (0.5, Doing.COOK, kitchen),
        (0.5, Doing.EAT, kitchen),
        (0.5, Doing.CHORES, living),
        (3.0, Doing.REST, living),
        (0.02, Doing.TOILET, bath),
        (2.0, Doing.OUT, NOWHERE),
        (1.0, Doing.NAP, bed),
        (0.5, Doing.EXERCISE, living),
        (3.0, Doing.REST, living),
        (1.0, Doing.POTTER, kitchen),
        (4.38, Doing.SLEEP, bed),
    )
    play = Script(np.random.default_rng(1), plan)
    end = 0.0
    for length, doing, room in hours:
        start, end = end, end + 3600 * length
        diary.live(play, [Segment(start, end, doing, room)])
        assert -0.002 <= play.t - end < 5, doing
    motion = play.motion()
    assert len(motion.t_s) < 15_000
    asleep = motion.at(np.arange(600.0, 6.9 * 3600, 60))[1]
    assert (asleep == bed).all()
    away = motion.at(np.array([(12.12 + 1) * 3600]))[1]
    assert away[0] == NOWHERE
    down = Segment(end, end + 3600, Doing.DOWN, bed)
    diary.live(play, [down])
    fell, lay = told(play.motion(), "fall"), told(play.motion(), "down")
    assert fell.label == "fall:faint"
    assert lay.end_s == pytest.approx(down.end_s, abs=0.01)


# --- falls -----------------------------------------------------------------------------------------


def impact(motion: Motion) -> tuple[float, float]:
    """When the pelvis is down, seconds after the loss of balance, and how fast it was just before, m/s."""
    fell = told(motion, "fall")
    t_s, rows = grid(motion, fell.start_s, fell.end_s + 0.01, 0.002)
    z = rows[:, 2]
    down = int(np.argmax(z < max(z.min() + 0.02, 0.19 if abs(np.sin(rows[5, ROLL])) > 0.8 else 0.16)))
    return t_s[down] - fell.start_s, (z[down - 12] - z[down - 2]) / 0.02


def test_falls_from_standing_are_those_of_older_people() -> None:
    """J Biomech 48:911: 1.27 ± .65 s from the loss of balance to the impact at 2.1 ± .6 m/s."""
    found = np.array(
        [impact(fallen(seed, kind)) for seed in range(240) for kind in (FROM_STANDING[seed % 4],)]
    )
    assert found[:, 0].mean() == pytest.approx(1.27, abs=0.12)
    assert 0.3 < found[:, 0].std() < 0.75
    assert found[:, 1].mean() == pytest.approx(2.14, abs=0.25)
    assert 0.3 < found[:, 1].std() < 0.75
    assert found[:, 1].max() < np.sqrt(2 * 9.81 * 0.75)  # nobody falls faster than freely


def test_descents_last_as_they_should() -> None:
    rng = np.random.default_rng(5)
    drawn = np.array([falls._times(rng, 0.73)[0] for _ in range(3000)])
    assert drawn.mean() == pytest.approx(0.60, abs=0.03)
    assert drawn.std() == pytest.approx(0.22, abs=0.04)
    assert drawn.max() <= 1.5


def test_each_kind_goes_its_own_way() -> None:
    """Head to the front, to the back, to the side; a faint drops on the spot; a slide takes seconds."""
    angle: dict[FallKind, list[float]] = {k: [] for k in FallKind}
    far: dict[FallKind, list[float]] = {k: [] for k in FallKind}
    for kind in FallKind:
        for seed in range(20):
            motion = fallen(seed, kind)
            fell = told(motion, "fall")
            before, at_end = motion.at(np.array([fell.start_s, fell.end_s]))[0]
            head = at_end[3] + (np.pi if at_end[4] < 0 else 0)
            angle[kind].append(float(np.abs(np.angle(np.exp(1j * (head - before[3]))))))
            far[kind].append(float(np.hypot(*(at_end[:2] - before[:2]))))
            length = fell.end_s - fell.start_s
            assert fell.label == f"fall:{kind}"
            assert (3.0 <= length <= 13.0) if kind is FallKind.SLIDE else (0.5 < length < 6.5)
            assert at_end[2] < 0.25
    assert np.median(angle[FallKind.TRIP]) < 0.5
    assert np.median(angle[FallKind.SLIP]) > 2.6
    assert np.median(np.abs(np.array(angle[FallKind.SIDEWAYS]) - np.pi / 2)) < 0.4
    assert np.median(far[FallKind.FAINT]) < 0.3 < np.median(far[FallKind.TRIP])
    assert 0.3 < np.median(far[FallKind.BED]) < 1.2


@pytest.mark.parametrize("kind", [FallKind.CHAIR, FallKind.BED])
def test_out_of_chair_and_bed_one_drops_about_half_a_metre(kind: FallKind) -> None:
    for seed in range(10):
        motion = fallen(seed, kind)
        fell = told(motion, "fall")
        before, at_end = motion.at(np.array([fell.start_s, fell.end_s]))[0]
        assert 0.25 < before[2] - at_end[2] < 0.6
        zone = stage_room(seed).zones[0 if kind is FallKind.CHAIR else 1]
        assert zone.x0_m - 0.05 < before[0] < zone.x1_m + 0.05
        if kind is FallKind.BED:
            x, y = at_end[:2]
            assert not (zone.x0_m < x < zone.x1_m and zone.y0_m < y < zone.y1_m)


def test_bodies_come_to_rest_in_all_postures() -> None:
    """On the back, a side, the face, curled up, half sitting; and never deep in the floor."""
    seen = {"back": 0, "side": 0, "face": 0, "curled": 0, "half": 0, "wide": 0}
    for seed in range(40):
        for kind in FallKind:
            motion = fallen(seed, kind)
            fell = told(motion, "fall")
            _, rows = grid(motion, fell.start_s, fell.end_s + 0.05)
            low = lowest_m(resident(seed), rows)
            assert low.min() > -0.25, kind
            assert low[-1] > -0.12, kind
            rest = rows[-1]
            quarter = round(rest[ROLL] / (np.pi / 2)) % 4
            half = rest[4] > -1.0
            seen["half"] += half
            seen["back"] += quarter == 0 and not half
            seen["side"] += quarter % 2
            seen["face"] += quarter == 2
            seen["curled"] += bool(quarter % 2 and rest[5] > 2.3)
            seen["wide"] += bool(rest[ARMS] < -0.5)
    assert min(seen.values()) > 0.03 * 40 * len(FallKind), seen


def test_the_truth_is_that_of_the_movement_to_the_millisecond() -> None:
    for seed in range(10):
        for kind in FallKind:
            motion = fallen(seed, kind, After.RECOVERS, 40.0)
            fell, down = told(motion, "fall"), told(motion, "down")
            assert down.start_s == fell.end_s
            assert down.end_s - down.start_s == pytest.approx(40.0, abs=0.0021)
            for t in (fell.start_s, fell.end_s, down.end_s):
                assert round(t * 1000) == pytest.approx(t * 1000, abs=1e-6)
                assert t in motion.t_s
            still, rows = grid(motion, fell.start_s - 0.3, fell.start_s + 0.3, 0.001)
            rows = np.abs(np.diff(body(resident(1), rows).centre_m, axis=0)).max((1, 2))
            assert rows[still[1:] > fell.start_s + 0.01].max() > 0
            assert motion.at(np.array([down.end_s]))[0][0, 2] == UPRIGHT[0]


def moved_m(motion: Motion, after_s: float, for_s: float) -> F64:
    """How much head and trunk move from second to second while on the floor."""
    down = told(motion, "down")
    _, rows = grid(motion, down.start_s + after_s, down.start_s + after_s + for_s, 1.0)
    at = body(resident(1), rows).centre_m[:, :2]
    return np.asarray(np.linalg.norm(np.diff(at, axis=0), axis=-1).max(1))


def test_still_struggling_and_crawling_differ_on_the_floor() -> None:
    still, struggle, crawl = (
        np.mean([moved_m(fallen(s, FallKind.TRIP, after, 400.0), 0, 300).mean() for s in range(10)])
        for after in (After.STILL, After.STRUGGLING, After.CRAWLING)
    )
    assert still < 0.001
    assert struggle > 10 * still
    assert crawl > 10 * still
    gone = []
    for seed in range(10):
        motion = fallen(seed, FallKind.TRIP, After.CRAWLING, 400.0)
        down = told(motion, "down")
        ends = motion.at(np.array([down.start_s, down.end_s]))[0]
        gone.append(np.hypot(*(ends[1, :2] - ends[0, :2])))
    assert np.median(gone) > 0.3


@pytest.mark.parametrize("kind", [FallKind.SIDEWAYS, FallKind.TRIP, FallKind.FAINT, FallKind.STRUGGLE])
def test_who_cannot_rise_stays_on_the_floor(kind: FallKind) -> None:
    """No arm or leg on its way through the floor lifts the body into the air."""
    for seed in range(12):
        motion = fallen(seed, kind, After.STRUGGLING, 300.0)
        down = told(motion, "down")
        _, rows = grid(motion, down.start_s, down.end_s - 15.0, 0.5)
        assert np.percentile(rows[:, 2], 75) < 0.3  # at rest most of the time
        assert rows[:, 2].max() < 0.6


def test_a_day_on_the_floor_has_few_key_poses() -> None:
    for after in After:
        motion = fallen(1, FallKind.FAINT, after, 86_400.0)
        assert told(motion, "down").end_s - told(motion, "down").start_s == pytest.approx(86_400, abs=0.01)
        assert len(motion.t_s) < 20_000 if after is After.RECOVERS else len(motion.t_s) < 2_500


def test_lies_are_short_or_very_long() -> None:
    """About half are up in a minute or two, three in ten lie an hour or more (BMJ 337:a2227)."""
    rng = np.random.default_rng(8)
    drawn = np.array([falls.down_s(rng) for _ in range(4000)])
    assert 0.27 < (drawn >= 3600).mean() < 0.35
    assert 0.28 < (drawn <= 60).mean() < 0.48
    assert 0.005 < (drawn >= 12 * 3600).mean() < 0.06
    assert 3 <= drawn.min() < drawn.max() <= 86_400
    what = [falls.after(rng, s) for s in drawn]
    assert {a for a, s in zip(what, drawn, strict=True) if s < 180} == {After.RECOVERS}
    assert {a for a, s in zip(what, drawn, strict=True) if s > 180} == set(After) - {After.RECOVERS}


def test_most_bodies_lie_where_the_floor_is_free() -> None:
    """In a furnished room few bodies lie with head or hips in the furniture or the wall."""
    bad = 0
    for seed in range(60):
        plan = one_room(seed)
        play = script(seed, plan)
        play.potter(0, 10)
        play.fall(FROM_STANDING[seed % 4], After.STILL, 30)
        fell = told(play.motion(), "fall")
        middle = body(resident(1), play.motion().at(np.array([fell.end_s]))[0]).centre_m[0, :2]
        bad += any(
            not ways.inside(plan.rooms[0], x, y)
            or any(
                z.x0_m < x < z.x1_m and z.y0_m < y < z.y1_m
                for z in plan.rooms[0].zones
                if z.kind in ways.SOLID
            )
            for x, y, _ in middle
        )
    assert bad < 12


# --- the same seed ---------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(list(FallKind)), st.sampled_from(list(After)))
def test_the_same_seed_gives_the_same_bytes(seed: int, kind: FallKind, after: After) -> None:
    def played(own: int) -> Motion:
        play = Script(np.random.default_rng(own), Plan((stage_room(7),)))
        play.potter(0, 60)
        play.sit(play.plan.rooms[0].zones[0], 30)
        play.fall(kind, after, 90)
        play.exercise(20)
        return play.motion()

    one, again, other = played(seed), played(seed), played(seed ^ 1)
    assert one.t_s.tobytes() == again.t_s.tobytes()
    assert one.pose.tobytes() == again.pose.tobytes()
    assert one.room.tobytes() == again.room.tobytes()
    assert one.truth == again.truth
    assert one.pose.tobytes() != other.pose.tobytes()
    assert one.pose.shape[1] == COLUMNS
    assert np.isfinite(one.pose).all()
    assert np.diff(one.t_s).min() > 0


def test_what_cannot_be_is_refused() -> None:
    play = Script(np.random.default_rng(1), Plan((stage_room(1),)))
    with pytest.raises(ValueError, match="not at home"):
        play.fall(FallKind.TRIP, After.STILL, 10)
    with pytest.raises(ValueError, match="not at home"):
        play.stand(5)
    play.come_home()
    with pytest.raises(ValueError, match="down_s: more than 0, not -1"):
        play.fall(FallKind.TRIP, After.STILL, -1)
    bare = one_room(1, "kitchen")
    bare = Plan(tuple(type(r)(r.name, r.kind, r.width_m, r.depth_m, (), r.doors) for r in bare.rooms))
    empty = Script(np.random.default_rng(1), bare)
    empty.come_home()
    for kind in (FallKind.CHAIR, FallKind.BED):
        with pytest.raises(ValueError, match=r"no (seat|bed) in"):
            empty.fall(kind, After.STILL, 10)
    with pytest.raises(ValueError, match="gait_m_s: more than 0, not 0"):
        Script(np.random.default_rng(1), bare, gait_m_s=0)
    with pytest.raises(ValueError, match="cover: from 0 to below 1, not 1"):
        Script(np.random.default_rng(1), bare, cover=1)
