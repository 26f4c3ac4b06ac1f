"""From beliefs to findings: stories of single tracks whose posture and log-odds are told outright."""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from detectors import down, fall
from detectors.down import View
from detectors.finding import Finding, Kind
from detectors.geometry import Patches, Shapes
from detectors.posture import Doing
from detectors.tracks import Tracks
from detectors.zones import Box, ZoneKind, laid_out
from tests.thermal import optics, shipped

PARAMS = shipped()
LIMIT: Final = PARAMS.suspect_odds
STEP_S: Final = 0.25
BED: tuple[str, Box] = ("bed", (0, 0, 2, 1))


@dataclass
class Body:
    """What is told of one track in one beat."""

    doing: Doing
    odds: float = -6.0
    zone: ZoneKind = ZoneKind.FLOOR
    there: bool = True
    x_m: float = 0.0
    speed_m_s: float = 0.0
    moved: bool = True


class Story:
    """One 24x32 ceiling sensor in a room whose furniture is known (or not), from second 0 on."""

    def __init__(self, *, known: bool = True) -> None:
        self.state = fall.fresh(optics(24, 32, 1), laid_out([[BED] if known else []]))
        self.k = 0
        self.found: list[tuple[Kind, float]] = []
        self.said: list[Finding] = []

    def goes(self, seconds: float, *bodies: Body) -> "Story":
        for _ in range(round(seconds / STEP_S)):
            self._beat(bodies)
        return self

    def _beat(self, bodies: tuple[Body, ...]) -> None:
        n, t_ms = len(bodies), round(self.k * STEP_S * 1000)
        s = self.state
        begun = np.full(n, self.k == 0)
        for slot, body in enumerate(bodies):
            s.tracks.used[0, slot], s.tracks.moved[0, slot] = True, body.moved
            s.tracks.x_m[0, slot] = body.x_m
        belief = np.full((n, len(Doing)), 0.01, np.float32)
        belief[np.arange(n), [b.doing for b in bodies]] = 0.95
        s.down.belief[0, :n] = belief
        logits = np.zeros((n, len(Doing) + 1), np.float32)
        logits[:, -1] = [b.odds for b in bodies]
        one = np.ones(n, np.float32)
        at = np.arange(n)
        line = Tracks(
            at,
            np.zeros(n, np.intp),
            at,
            np.array([b.there for b in bodies]),
            begun,
            np.where(begun, 0, np.float32(STEP_S)).astype(np.float32),
            np.full(n, self.k * STEP_S, np.float32),
            np.array([b.speed_m_s for b in bodies], np.float32),
        )
        shape: dict[str, Any] = dict.fromkeys(Shapes.__dataclass_fields__, one)
        shape["metric"] = np.ones(n, np.bool_)
        view = View(
            np.zeros(n, np.intp),
            np.zeros(n, np.intp),
            np.full(n, t_ms),
            line,
            Patches(**dict.fromkeys(Patches.__dataclass_fields__, one)),
            Shapes(**shape),
            np.array([b.zone for b in bodies], np.int8),
            np.zeros((n, 1), np.float32),
            logits,
            belief,
        )
        more = down.decide(PARAMS, s, view, t_ms)
        self.said += more
        self.found += [(f.kind, t_ms / 1000) for f in more]
        self.k += 1

    @property
    def kinds(self) -> list[Kind]:
        return [kind for kind, _ in self.found]


UP = Body(Doing.UP)
FALLS = Body(Doing.LYING, odds=6.0)
LIES = Body(Doing.LYING)
OUT_OF_SIGHT = Body(Doing.LYING, there=False)


def test_a_seen_fall_is_suspected_at_once_and_confirmed_after_the_fast_time() -> None:
    story = Story().goes(20, UP).goes(2, FALLS).goes(30, LIES)
    assert story.kinds == [Kind.FALL_SUSPECTED, Kind.FALL_CONFIRMED]
    assert 20 < story.found[0][1] < 21.5
    assert abs(story.found[1][1] - 20 - PARAMS.fast_large_s) < 0.6
    assert all(19_000 < f.onset_ms < 21_000 for f in story.said)


def test_nobody_who_never_was_a_person_falls() -> None:
    thing = Body(Doing.THING)
    assert Story().goes(20, thing).goes(1, FALLS).goes(60, thing).kinds == []
    assert Story().goes(200, replace(LIES, moved=False)).kinds == []


def test_who_is_seen_to_fall_need_not_have_walked() -> None:
    still = [replace(b, moved=False) for b in (UP, FALLS, LIES)]
    story = Story().goes(20, still[0]).goes(2, still[1]).goes(30, still[2])
    assert story.kinds == [Kind.FALL_SUSPECTED, Kind.FALL_CONFIRMED]


def test_who_falls_again_before_the_first_fall_is_settled_is_told_again() -> None:
    story = Story().goes(20, UP).goes(2, FALLS).goes(7, LIES).goes(3, UP).goes(2, FALLS).goes(20, LIES)
    assert story.kinds == [Kind.FALL_SUSPECTED, Kind.FALL_SUSPECTED, Kind.FALL_CONFIRMED]
    assert 32 < story.found[1][1] < 33.5
    assert story.found[2][1] > 32 + PARAMS.fast_large_s - 0.6


def test_a_few_steps_away_from_the_place_are_enough_to_have_recovered() -> None:
    fell = Story().goes(20, UP).goes(2, FALLS).goes(5, LIES)
    assert fell.goes(2, replace(UP, x_m=2.0)).kinds == [Kind.FALL_SUSPECTED, Kind.FALL_RECOVERED]
    fell = Story().goes(20, UP).goes(2, FALLS).goes(5, LIES)
    assert fell.goes(2, UP).kinds == [Kind.FALL_SUSPECTED]


def test_a_fall_onto_the_bed_is_none() -> None:
    assert Story().goes(20, UP).goes(2, Body(Doing.RAISED, 6.0, ZoneKind.BED)).kinds == []


def test_lying_down_unseen_is_a_long_lie_only_where_the_furniture_is_known() -> None:
    story = Story().goes(20, UP).goes(80, LIES)
    assert story.kinds == [Kind.FALL_SUSPECTED, Kind.FALL_CONFIRMED]
    assert abs(story.found[0][1] - 20 - PARAMS.slow_large_s / 2) < 1
    assert abs(story.found[1][1] - 20 - PARAMS.slow_large_s) < 1
    assert Story(known=False).goes(20, UP).goes(200, LIES).kinds == []


def test_up_again_before_the_time_is_recovered_and_never_confirmed() -> None:
    story = Story().goes(20, UP).goes(2, FALLS).goes(6, LIES).goes(60, UP)
    assert story.kinds == [Kind.FALL_SUSPECTED, Kind.FALL_RECOVERED]
    assert abs(story.found[1][1] - 28 - PARAMS.recover_s) < 0.6


def test_who_moves_about_on_the_floor_is_confirmed_later() -> None:
    fast = PARAMS.fast_large_s
    moves = Body(Doing.LYING, speed_m_s=PARAMS.still_m_s + 0.1)
    story = Story().goes(20, UP).goes(2, Body(Doing.LYING, 6.0, speed_m_s=1.0)).goes(70, moves)
    assert story.kinds == [Kind.FALL_SUSPECTED, Kind.FALL_CONFIRMED]
    assert story.found[1][1] > 20 + fast + 10


def test_who_kneels_after_a_clear_fall_is_confirmed_after_the_struggle_time() -> None:
    story = Story().goes(20, UP).goes(2, Body(Doing.LOW, 6.0)).goes(80, Body(Doing.LOW))
    assert story.kinds == [Kind.FALL_SUSPECTED, Kind.FALL_CONFIRMED]
    assert abs(story.found[1][1] - 20 - PARAMS.struggle_s) < 2


def test_out_of_sight_on_the_spot_is_not_fine_but_walked_off_is() -> None:
    story = Story().goes(20, UP).goes(2, FALLS).goes(90, OUT_OF_SIGHT)
    assert story.kinds == [Kind.FALL_SUSPECTED, Kind.FALL_CONFIRMED]
    away = Body(Doing.UP, there=False, x_m=PARAMS.away_m + 0.5)
    story = Story().goes(20, UP).goes(2, FALLS).goes(90, away)
    assert story.kinds == [Kind.FALL_SUSPECTED, Kind.FALL_RECOVERED]


def test_while_somebody_else_is_up_beside_every_time_is_longer() -> None:
    alone = Story().goes(20, UP).goes(2, FALLS).goes(60, LIES)
    helped = Story().goes(20, UP, UP).goes(2, FALLS, UP).goes(60, LIES, UP)
    assert helped.kinds == alone.kinds
    late = [s.found[1][1] - 20 for s in (alone, helped)]
    assert abs(late[1] - PARAMS.second_person * late[0]) < 2


def test_two_who_fall_are_two() -> None:
    story = Story().goes(20, UP, UP).goes(2, FALLS, FALLS).goes(30, LIES, LIES)
    assert sorted(story.kinds) == sorted([Kind.FALL_SUSPECTED, Kind.FALL_CONFIRMED] * 2)


def test_one_fall_is_said_once_and_a_later_one_again() -> None:
    story = Story().goes(20, UP).goes(2, FALLS).goes(3, LIES).goes(30, UP).goes(2, FALLS).goes(20, LIES)
    assert story.kinds == [
        Kind.FALL_SUSPECTED,
        Kind.FALL_RECOVERED,
        Kind.FALL_SUSPECTED,
        Kind.FALL_CONFIRMED,
    ]
    shaky = Story().goes(20, UP)
    for _ in range(4):
        shaky.goes(1, FALLS).goes(1, LIES)
    assert shaky.kinds == [Kind.FALL_SUSPECTED]


def test_just_below_the_threshold_nothing_is_suspected() -> None:
    below, above = (Body(Doing.LYING, odds=LIMIT + d) for d in (-0.3, 0.3))
    assert Story(known=False).goes(20, UP).goes(12, below).kinds == []
    assert Story(known=False).goes(20, UP).goes(12, above).kinds[:1] == [Kind.FALL_SUSPECTED]
