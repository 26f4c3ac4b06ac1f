"""Excerpts: minutes of true days, as lessons, with all that is warm in the room just then."""

import numpy as np
import pytest

from simulator import excerpts
from simulator.excerpts import BEFORE_S, FULL_S
from simulator.home import IDLE_S
from simulator.lessons import FIELDS, Lesson, Pose, draw, kind_of, seed_of
from simulator.randomised import DAYS, Scene

NUMBERS = [k for k in range(80) if kind_of(5, k) in DAYS]


@pytest.fixture(scope="module")
def some() -> list[Lesson]:
    return [draw(5, k, "coarse", wall=False) for k in NUMBERS]


def scenes(count: int) -> list[Scene]:
    tries = (excerpts.scene(seed_of(5, k), array="amg8833", wall=False) for k in range(10 * count))
    return [s for s in tries if s is not None][:count]


def test_somebody_comes_into_the_room_and_lives_there(some: list[Lesson]) -> None:
    did: set[int] = set()
    for lesson in some:
        t_s = (lesson.t_ms - lesson.t_ms[0]) / 1000
        pose = lesson.bodies[:, 0, FIELDS.index("posture")]
        there = ~np.isnan(pose)
        assert not there[t_s < BEFORE_S - 1].any()
        assert there[(t_s > BEFORE_S + 1) & (t_s < BEFORE_S + 5)].all()
        assert not lesson.falls
        did |= {int(p) for p in pose[there]}
    assert did >= {Pose.UP, Pose.SITTING, Pose.RAISED}
    assert Pose.LYING not in did


def test_long_stays_are_gone_through_at_the_pace_of_idle_frames(some: list[Lesson]) -> None:
    long = [one for one in some if one.t_ms[-1] - one.t_ms[0] > 900_000]
    assert long
    for lesson in long:
        step_s = np.diff(lesson.t_ms) / 1000
        thin = step_s > IDLE_S / 2
        assert step_s[thin][1:-1] == pytest.approx(IDLE_S, abs=0.7)  # it begins and ends anywhere
        first, last = np.flatnonzero(thin)[[0, -1]]
        assert thin[first : last + 1].all()
        t_s = (lesson.t_ms - lesson.t_ms[0]) / 1000
        assert t_s[first] == pytest.approx(BEFORE_S + FULL_S[0], abs=IDLE_S)
        assert len(lesson.t_ms) < 6000


@pytest.mark.slow
def test_the_room_is_as_warm_as_the_home_is_just_then() -> None:
    warm = cold = 0
    for scene in scenes(40):
        assert scene.more is not None
        assert {s.room for s in scene.more.sources} <= {0}
        for source in (s for s in scene.more.sources if s.name == "radiator"):
            on = np.interp([0.0, scene.lasts_s], source.t_s, source.excess_k, left=0, right=0) > 5
            warm, cold = warm + bool(on.any()), cold + (not on.any())
    assert warm > 2
    assert cold > 2


def test_the_array_sees_the_moment_that_the_excerpt_is_about(some: list[Lesson]) -> None:
    for lesson in some:
        seen = np.abs(lesson.bodies[:, 0, :2]) <= np.array([lesson.cols, lesson.rows]) / 2 + 1
        assert seen.all(axis=1).any()
