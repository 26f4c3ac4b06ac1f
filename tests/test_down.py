"""From beliefs to findings: stories of tracks whose posture and log-odds are told outright, and the twin."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors import down, fall
from detectors.down import Stage, View
from detectors.fallstate import DownState, FallState
from detectors.finding import Finding, Kind
from detectors.geometry import Patches, Shapes
from detectors.posture import Doing
from detectors.tracks import Tracks
from detectors.zones import Box, laid_out
from simulator.twins.down import NaiveDown, Room, Sight
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
    there: bool = True
    x_m: float = 0.0
    speed_m_s: float = 0.0
    moved: bool = True
    furnished: bool = False
    usual: bool = False
    slight: bool = False
    warmth: float = 2.0
    """As in TrackState; nobody is known to walk there."""
    thing: float = 0.01
    """Belief that it is none of a person's doings."""
    new: bool = False
    """The track begins."""


class Story:
    """One 24x32 ceiling sensor in a room whose furniture is known (or not), from second 0 on."""

    def __init__(self, *, known: bool = True) -> None:
        self.state = fall.fresh(optics(24, 32, 1), laid_out([[BED] if known else []]))
        self.k = 0
        self.found: list[tuple[Kind, float]] = []
        self.said: list[Finding] = []
        self.alibi_s = -1.0
        """The latest onset that the one resident has an alibi for; negative: for none."""

    def goes(self, seconds: float, *bodies: Body) -> "Story":
        for _ in range(round(seconds / STEP_S)):
            self._beat(bodies)
        return self

    def _beat(self, bodies: tuple[Body, ...]) -> None:
        n, t_ms = len(bodies), round(self.k * STEP_S * 1000)
        s = self.state
        begun = np.array([self.k == 0 or b.new for b in bodies])
        for slot, body in enumerate(bodies):
            s.tracks.used[0, slot], s.tracks.moved[0, slot] = True, body.moved
            s.tracks.x_m[0, slot], s.tracks.warmth[0, slot] = body.x_m, body.warmth
            if begun[slot]:
                s.tracks.first[0, slot] = body.warmth
        belief = np.full((n, len(Doing)), 0.01, np.float32)
        belief[:, Doing.THING] = [b.thing for b in bodies]
        belief[np.arange(n), [b.doing for b in bodies]] = [0.96 - b.thing for b in bodies]
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
            np.where(begun, 0, np.float32(self.k * STEP_S)).astype(np.float32),
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
            np.zeros((n, 1), np.float32),
            logits,
            belief,
            np.array([b.furnished for b in bodies]),
            np.array([b.usual for b in bodies]),
            np.array([b.slight for b in bodies]),
        )
        alibi_ms = np.array([round(self.alibi_s * 1000)])
        more = down.decide(PARAMS, s, view, t_ms, None if self.alibi_s < 0 else alibi_ms)
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
    assert Story().goes(200, replace(LIES, moved=False, thing=0.3)).kinds == []


def test_radiators_and_what_somebody_left_never_fall() -> None:
    """They never move; the ones warm for minutes, the others are far cooler than who walks there."""
    heats = [replace(b, moved=False) for b in (UP, replace(FALLS, warmth=3.0), replace(LIES, warmth=3.0))]
    assert Story().goes(20, heats[0]).goes(2, heats[1]).goes(200, heats[2]).kinds == []
    left = [replace(b, moved=False, warmth=1.0) for b in (FALLS, LIES)]
    story = Story()
    story.state.tracks.walker[0] = 2.0
    assert story.goes(20, UP).goes(2, replace(left[0], new=True)).goes(200, left[1]).kinds == []


def test_a_pet_never_falls() -> None:
    walks, jumps, lies = (replace(b, slight=True) for b in (UP, FALLS, LIES))
    assert Story().goes(20, walks).goes(2, jumps).goes(400, lies).kinds == []


def test_dwell_says_nothing_where_warmth_is_usual_but_a_fall_that_is_seen_does() -> None:
    sits = replace(LIES, usual=True)
    assert Story().goes(20, UP).goes(4000, sits).goes(10, LIES).kinds == []
    story = Story().goes(20, UP).goes(2, replace(FALLS, usual=True)).goes(30, sits)
    assert story.kinds == [Kind.FALL_SUSPECTED, Kind.FALL_CONFIRMED]


def test_who_is_seen_to_fall_need_not_have_walked() -> None:
    still = [replace(b, moved=False) for b in (UP, FALLS, LIES)]
    story = Story().goes(20, still[0]).goes(2, still[1]).goes(30, still[2])
    assert story.kinds == [Kind.FALL_SUSPECTED, Kind.FALL_CONFIRMED]


def test_who_clearly_lies_at_the_edge_of_the_picture_need_not_have_been_seen_to_walk() -> None:
    story = Story().goes(5, replace(UP, moved=False)).goes(80, replace(LIES, moved=False))
    assert story.kinds == [Kind.FALL_SUSPECTED, Kind.FALL_CONFIRMED]
    assert abs(story.found[1][1] - 5 - PARAMS.slow_large_s) < 1


def test_who_falls_again_before_the_first_fall_is_settled_is_told_again() -> None:
    story = Story().goes(20, UP).goes(2, FALLS).goes(7, LIES).goes(3, UP).goes(2, FALLS).goes(20, LIES)
    assert story.kinds == [Kind.FALL_SUSPECTED, Kind.FALL_SUSPECTED, Kind.FALL_CONFIRMED]
    assert 32 < story.found[1][1] < 33.5
    assert story.found[2][1] > 32 + PARAMS.fast_large_s - 0.6


def test_nothing_is_confirmed_that_the_resident_has_an_alibi_for_however_long_it_lies_there() -> None:
    story = Story().goes(20, UP).goes(2, FALLS).goes(5, LIES)
    story.alibi_s = 25.0
    assert story.goes(300, LIES).goes(100, OUT_OF_SIGHT).kinds == [Kind.FALL_SUSPECTED]
    story.alibi_s = 15.0  # from before the fall
    assert story.goes(1, LIES).kinds == [Kind.FALL_SUSPECTED, Kind.FALL_CONFIRMED]


def test_an_alibi_takes_back_no_alarm_and_does_not_keep_anybody_from_getting_up() -> None:
    story = Story().goes(20, UP).goes(2, FALLS).goes(5, LIES)
    story.alibi_s = 25.0
    assert story.goes(20, LIES).goes(15, UP).kinds == [Kind.FALL_SUSPECTED, Kind.FALL_RECOVERED]
    story = Story().goes(20, UP).goes(2, FALLS).goes(30, LIES)
    story.alibi_s = 40.0
    assert story.goes(30, LIES).kinds == [Kind.FALL_SUSPECTED, Kind.FALL_CONFIRMED]
    assert story.state.down.stage[0, 0] == Stage.CONFIRMED


def test_whoever_falls_there_after_the_alibi_is_found_though_the_suspicion_began_before_it() -> None:
    """What was suspected first was a dog; its track is taken over by who comes in and falls on the spot."""
    story = Story().goes(20, UP).goes(2, FALLS).goes(5, LIES)
    story.alibi_s = 40.0
    story.goes(90, LIES).goes(2, FALLS)
    assert Kind.FALL_CONFIRMED not in story.kinds[:1]
    assert story.goes(30, LIES).kinds[-1] is Kind.FALL_CONFIRMED


def test_a_few_steps_away_from_the_place_are_enough_to_have_recovered() -> None:
    fell = Story().goes(20, UP).goes(2, FALLS).goes(5, LIES)
    assert fell.goes(2, replace(UP, x_m=2.0)).kinds == [Kind.FALL_SUSPECTED, Kind.FALL_RECOVERED]
    fell = Story().goes(20, UP).goes(2, FALLS).goes(5, LIES)
    assert fell.goes(2, UP).kinds == [Kind.FALL_SUSPECTED]


def test_who_is_out_of_sight_has_recovered_once_somebody_who_came_later_is_up() -> None:
    def settled(born_s: int) -> list[Kind]:
        story = Story().goes(20, UP).goes(2, FALLS).goes(3, LIES).goes(3, OUT_OF_SIGHT)
        tracks, known = story.state.tracks, story.state.down
        tracks.seen_ms[0, 0], tracks.born_ms[0, 1], known.person[0, 1] = 25_000, born_s * 1000, 0.9
        return story.goes(PARAMS.recover_s + 1, OUT_OF_SIGHT, UP).kinds

    assert settled(28) == [Kind.FALL_SUSPECTED, Kind.FALL_RECOVERED]
    assert settled(10) == [Kind.FALL_SUSPECTED]


def test_a_fall_onto_the_bed_is_none() -> None:
    assert Story().goes(20, UP).goes(2, Body(Doing.RAISED, 6.0)).kinds == []


def test_nobody_lies_on_the_floor_where_the_bed_stands_whatever_the_picture_says() -> None:
    night = Story().goes(20, UP).goes(2, replace(FALLS, furnished=True))
    assert night.goes(4000, replace(LIES, furnished=True)).kinds == []
    fell = night.goes(2, FALLS).goes(30, LIES)
    assert fell.kinds == [Kind.FALL_SUSPECTED, Kind.FALL_CONFIRMED]


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
    story = Story().goes(20, UP).goes(2, Body(Doing.LOW, 6.0))
    for k in range(16):
        story.goes(5, Body(Doing.LOW, x_m=0.5 * (k % 2)))  # on all fours, here and there
    assert story.kinds == [Kind.FALL_SUSPECTED, Kind.FALL_CONFIRMED]
    assert abs(story.found[1][1] - 20 - PARAMS.struggle_s) < 2


def test_who_seems_to_kneel_for_a_while_after_a_clear_fall_loses_no_time() -> None:
    def confirmed_s(odds: float, x_m: float = 0.0) -> float:
        kneels = Body(Doing.LOW, x_m=x_m)
        story = Story().goes(20, UP).goes(2, replace(FALLS, odds=odds)).goes(6, LIES).goes(5, kneels)
        return story.goes(30, LIES).found[1][1]

    assert confirmed_s(6.0) == pytest.approx(20 + PARAMS.fast_large_s + 5, abs=1)
    assert confirmed_s(-0.5) > 20 + PARAMS.weak * PARAMS.fast_large_s + 5
    assert confirmed_s(6.0, PARAMS.spot_m + 0.2) > 20 + PARAMS.fast_large_s + 8


def test_who_is_down_on_one_spot_after_a_clear_fall_is_confirmed_earlier() -> None:
    story = Story().goes(20, UP).goes(2, Body(Doing.LOW, 6.0)).goes(80, Body(Doing.LOW))
    assert story.kinds == [Kind.FALL_SUSPECTED, Kind.FALL_CONFIRMED]
    assert abs(story.found[1][1] - 20 - PARAMS.calm_fell_s) < 2


def test_who_slid_to_sitting_on_the_floor_is_asked_and_then_helped_but_not_who_cleans_it() -> None:
    slid = Story().goes(20, UP).goes(PARAMS.calm_s + 5, Body(Doing.LOW))
    assert slid.kinds == [Kind.FALL_SUSPECTED, Kind.FALL_CONFIRMED]
    assert abs(slid.found[0][1] - 20 - PARAMS.calm_s / 2) < 1
    assert abs(slid.found[1][1] - 20 - PARAMS.calm_s) < 1
    cleans = Story().goes(20, UP)
    for k in range(30):
        cleans.goes(10, Body(Doing.LOW, x_m=0.25 * k))
    assert cleans.kinds == []


def test_without_strong_evidence_the_fast_time_is_longer() -> None:
    weak = replace(FALLS, odds=LIMIT + 1)
    story = Story().goes(20, UP).goes(3, weak).goes(40, replace(LIES, odds=LIMIT))
    assert story.kinds == [Kind.FALL_SUSPECTED, Kind.FALL_CONFIRMED]
    assert abs(story.found[1][1] - 20 - PARAMS.weak * PARAMS.fast_large_s) < 1


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


def test_a_new_track_takes_over_nothing_of_the_one_before_it() -> None:
    lay = Story().goes(50, replace(LIES, moved=False, thing=0.3))  # warmth that was left on the floor, say
    assert lay.goes(STEP_S, replace(LIES, new=True)).goes(10, LIES).kinds == []
    fell = Story().goes(20, UP).goes(2, FALLS).goes(1, LIES).goes(6, UP)
    fell.goes(STEP_S, replace(UP, new=True)).goes(1, UP).goes(2, FALLS)  # within the refractory time
    assert fell.kinds == [Kind.FALL_SUSPECTED, Kind.FALL_RECOVERED, Kind.FALL_SUSPECTED]
    assert fell.found[2][1] - fell.found[0][1] < PARAMS.refractory_s + 3


# --- Many sensors at once, and the naive twin

APART = replace(PARAMS, suspect_odds=0.3, suspect_unscaled_odds=0.9)
OFTEN: Final = [0.35, 0.1, 0.12, 0.31, 0.07, 0.05]
"""How often somebody takes to each Doing."""


@dataclass(frozen=True)
class Beat:
    """One batch: what is true of the tracks of S sensors, (S, 2) each unless said."""

    now_ms: int
    some: NDArray[np.bool_]
    """(S,) sends a frame."""
    t_ms: NDArray[np.int64]
    """(S,)."""
    used: NDArray[np.bool_]
    begun: NDArray[np.bool_]
    there: NDArray[np.bool_]
    moved: NDArray[np.bool_]
    dt_s: NDArray[np.float32]
    speed_m_s: NDArray[np.float32]
    x_m: NDArray[np.float32]
    y_m: NDArray[np.float32]
    born_ms: NDArray[np.int64]
    seen_ms: NDArray[np.int64]
    belief: NDArray[np.float32]
    """(S, 2, len(Doing))."""
    odds: NDArray[np.float32]
    furnished: NDArray[np.bool_]
    usual: NDArray[np.bool_]
    slight: NDArray[np.bool_]
    warmth: NDArray[np.float32]
    first: NDArray[np.float32]
    walker: NDArray[np.float32]
    """(S,)."""
    alibi_ms: NDArray[np.int64]
    """(S,)."""

    def sight(self, s: int, k: int) -> Sight | None:
        if not self.used[s, k]:
            return None
        of = (s, k)
        return Sight(
            int(self.t_ms[s]),
            bool(self.there[of]),
            bool(self.begun[of]),
            float(self.dt_s[of]),
            float(self.speed_m_s[of]),
            self.belief[of].tolist(),
            float(self.odds[of]),
            bool(self.furnished[of]),
            bool(self.usual[of]),
            bool(self.slight[of]),
            bool(self.moved[of]),
            float(self.warmth[of]),
            float(self.first[of]),
            float(self.walker[s]),
            float(self.x_m[of]),
            float(self.y_m[of]),
            int(self.born_ms[of]),
            int(self.seen_ms[of]),
        )


def rooms(rng: np.random.Generator, rows: int, cols: int, sensors: int) -> FallState:
    """Arrays on walls and ceilings, half of them in rooms whose furniture is known."""
    eyes = replace(optics(rows, cols, sensors), wall=rng.random(sensors) < 0.3)
    laid = laid_out([[BED] if known else [] for known in rng.random(sensors) < 0.5])
    return fall.fresh(eyes, laid, {})


def beats(rng: np.random.Generator, state: FallState, frames: int) -> Iterator[Beat]:
    """Lives of up to two tracks a sensor that begin, do this and that, fall, go out of sight, and end (unless
    `state` suspects them).
    """
    n = len(state.optics.wall)
    shape = (n, 2)
    t_ms = rng.integers(10_000, 90_000, n)
    used, there, moved, slips, furnished = (np.zeros(shape, np.bool_) for _ in range(5))
    born, seen, until, hides = (np.zeros(shape, np.int64) for _ in range(4))
    doing = np.zeros(shape, np.int64)
    usual, slight = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
    x, y, sure, warmth, first = (np.zeros(shape, np.float32) for _ in range(5))
    walker = np.where(rng.random(n) < 0.7, rng.normal(1.5, 0.3, n), np.nan).astype(np.float32)
    belief = np.full((*shape, len(Doing)), 1 / len(Doing), np.float32)
    for _ in range(frames):
        some = rng.random(n) < 0.95
        on = some[:, None]
        step = np.where(some, rng.choice([0, 61, 125, 250, 503, 970, 2300], n), 0)
        t_ms = t_ms + step
        now = t_ms[:, None]
        gap = (rng.random(n) < 0.01)[:, None]
        ends = on & used & (rng.random(shape) < 0.02) & (state.down.stage == Stage.IDLE)
        new = on & ((~used & (rng.random(shape) < 0.2)) | (ends & (rng.random(shape) < 0.7)))
        used = (used & ~ends) | new
        turns = on & ((now >= until) | new)
        doing = np.where(turns, rng.choice(len(Doing), shape, p=OFTEN), doing)
        until = np.where(turns, now + rng.choice([2_000, 8_000, 30_000, 150_000], shape), until)
        sure = np.where(turns, rng.choice([0.8, 3, 6], shape, p=[0.2, 0.3, 0.5]), sure)
        vanish = on & (now >= hides) & (rng.random(shape) < 0.03)
        hides = np.where(vanish, now + rng.choice([500, 4_000, 20_000, 150_000], shape), hides)
        hides = np.where(new, 0, hides)
        there = np.where(on, used & (now >= hides), there)
        goes = there & on & (doing == Doing.UP) & (rng.random(shape) < 0.4)
        x, y = (np.where(goes, v + rng.normal(0, 0.4, shape), v).astype(np.float32) for v in (x, y))
        moved = ((moved & ~new) | (goes & (rng.random(shape) < 0.5))) & used
        says = rng.normal(0, 0.5, belief.shape)
        says += np.where(doing[:, :, None] == np.arange(len(Doing)), sure[:, :, None], 0)
        says = np.exp(says) / np.exp(says).sum(axis=2, keepdims=True)
        belief = np.where((there & on)[:, :, None], says, belief).astype(np.float32)
        born = np.where(new, now, born)
        seen = np.where(there & on, now, seen)
        slips = np.where(turns, rng.random(shape) < 0.5, slips ^ (rng.random(shape) < 0.01))
        furnished = np.where(turns, rng.random(shape) < 0.15, furnished)
        usual = np.where(turns, rng.random(shape) < 0.15, usual)
        slight = np.where(turns, rng.random(shape) < 0.1, slight)
        warmth = np.where(turns, rng.normal(1.2, 0.5, shape), warmth).astype(np.float32)
        first = np.where(new, warmth, first)
        falls = np.isin(doing, [Doing.LOW, Doing.LYING, Doing.RAISED]) & slips
        begun = new | (gap & used)
        yield Beat(
            int(t_ms.max()),
            some,
            t_ms,
            used,
            begun,
            there,
            moved,
            np.where(begun, 0, step[:, None] / 1000).astype(np.float32),
            np.abs(rng.normal(0, 0.35, shape)).astype(np.float32),
            x,
            y,
            born,
            seen,
            belief,
            np.where(falls, rng.normal(3, 4, shape), rng.normal(-4, 1, shape)).astype(np.float32),
            furnished,
            usual,
            slight,
            warmth,
            first,
            walker,
            np.where(rng.random(n) < 0.5, t_ms - rng.integers(0, 60_000, n), -1),
        )


def decided(
    state: FallState, beat: Beat, sensor: NDArray[np.intp], name: NDArray[np.intp] | None = None
) -> list[tuple[int, Kind, int, int]]:
    """Row, kind, onset and time of all findings of `sensor`, who are `name`[sensor] in the state; sorted."""
    name = np.arange(len(beat.t_ms)) if name is None else name
    for field in ("used", "moved", "x_m", "y_m", "born_ms", "seen_ms", "warmth", "first", "walker"):
        getattr(state.tracks, field)[name[sensor]] = getattr(beat, field)[sensor]
    state.down.belief[name[sensor]] = beat.belief[sensor]
    nth, slot = np.nonzero(beat.used[sensor])
    s = sensor[nth]
    of, n = (s, slot), len(s)
    one = np.ones(n, np.float32)
    line = Tracks(
        2 * name[s] + slot,
        nth,
        np.zeros(n, np.intp),
        beat.there[of],
        beat.begun[of],
        beat.dt_s[of],
        ((beat.t_ms[s] - beat.born_ms[of]) / 1000).astype(np.float32),
        beat.speed_m_s[of],
    )
    shape: dict[str, Any] = dict.fromkeys(Shapes.__dataclass_fields__, one)
    shape["metric"] = np.zeros(n, np.bool_)
    logits = np.zeros((n, len(Doing) + 1), np.float32)
    logits[:, -1] = beat.odds[of]
    view = View(
        nth,
        name[s],
        beat.t_ms[s],
        line,
        Patches(**dict.fromkeys(Patches.__dataclass_fields__, one)),
        Shapes(**shape),
        np.zeros((n, 1), np.float32),
        logits,
        beat.belief[of],
        beat.furnished[of],
        beat.usual[of],
        beat.slight[of],
    )
    found = down.decide(APART, state, view, beat.now_ms, beat.alibi_ms[sensor])
    return sorted((f.row, f.kind, f.onset_ms, f.decided_ms) for f in found)


def same(a: DownState, b: DownState) -> None:
    for f in fields(DownState):
        np.testing.assert_array_equal(getattr(a, f.name), getattr(b, f.name), err_msg=f.name)


@pytest.mark.parametrize(("seed", "rows", "cols"), [(1, 8, 8), (2, 12, 16), (3, 24, 32)])
def test_equals_the_naive_twin(seed: int, rows: int, cols: int) -> None:
    rng = np.random.default_rng(seed)
    state = rooms(rng, rows, cols, 40)
    state.optics.fov_deg[::3] = np.nan
    lens = np.isfinite(state.optics.fov_deg).tolist()
    wall, known = state.optics.wall.tolist(), state.zones.known.tolist()
    told_of = zip(wall, lens, known, strict=True)
    twins = [NaiveDown(APART, Room(w, rows * cols, f, k)) for w, f, k in told_of]
    told: dict[Kind, int] = dict.fromkeys((Kind.FALL_SUSPECTED, Kind.FALL_CONFIRMED, Kind.FALL_RECOVERED), 0)
    for nth, beat in enumerate(beats(rng, state, 400)):
        some = np.flatnonzero(beat.some)
        got = decided(state, beat, some)
        want = []
        for s in some.tolist():
            sights = [beat.sight(s, k) for k in (0, 1)]
            for said in twins[s].decide(sights, int(beat.alibi_ms[s])):
                want += [(s, kind, onset, beat.now_ms) for kind, onset in said]
            for k, sight in enumerate(sights):
                if sight is not None:
                    track = twins[s].slots[k]
                    assert state.down.stage[s, k] == track.stage, (nth, s, k)
                    assert state.down.armed[s, k] == track.armed, (nth, s, k)
                    assert track.stage is Stage.IDLE or state.down.quick[s, k] == track.quick, (nth, s, k)
        want.sort()
        assert [(r, kind, now) for r, kind, _, now in got] == [(r, kind, now) for r, kind, _, now in want], (
            nth
        )
        for g, w in zip(got, want, strict=True):
            assert abs(g[2] - w[2]) <= 2, nth  # ms: single precision
            told[g[1]] += 1
    assert min(told.values()) > 40, told


def test_a_batch_in_parts_equals_the_whole() -> None:
    rng = np.random.default_rng(4)
    whole, parts = (rooms(np.random.default_rng(5), 24, 32, 60) for _ in range(2))
    for beat in beats(np.random.default_rng(6), whole, 200):
        some = rng.permutation(np.flatnonzero(beat.some))
        pieces = np.split(some, np.sort(rng.integers(0, len(some) + 1, 3)))
        found = [f for piece in pieces for f in decided(parts, beat, piece)]
        assert decided(whole, beat, some) == sorted(found)
        same(whole.down, parts.down)


def test_permuted_sensors_give_permuted_findings() -> None:
    rng = np.random.default_rng(7)
    plain = rooms(rng, 24, 32, 60)
    name = rng.permutation(60)
    back = np.argsort(name)
    other = fall.fresh(
        replace(plain.optics, wall=plain.optics.wall[back]),
        laid_out([[BED] if known else [] for known in plain.zones.known[back]]),
        {},
    )
    for beat in beats(rng, plain, 200):
        some = np.flatnonzero(beat.some)
        found = [(int(name[row]), *rest) for row, *rest in decided(plain, beat, some)]
        assert decided(other, beat, rng.permutation(some), name) == sorted(found)
    same(plain.down, DownState(*(getattr(other.down, f.name)[name] for f in fields(DownState))))
