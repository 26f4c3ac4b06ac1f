"""An error in a detector benches the sensor at fault and nobody else, and staff are told which and why."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray

from alerting.concern import Concern, Kind
from detectors import ambient, background, bodytemp, burning, down, fall, inactivity, position
from detectors.fault import Cause
from detectors.frame import Frames
from guardian import lookout as lookouts
from guardian import slab
from guardian.bench import FIRST_MS, LONGEST_MS, Part
from guardian.board import Board, SensorSpec
from guardian.homes import Homes
from guardian.lookout import Lookout
from guardian.protection import Reason, gap_list
from guardian.rounds import OF_ALL
from guardian.settings import CONFIG, load
from guardian.slab import NEVER
from guardian.wire.native import pack_event, pack_frame
from simulator.stage import SimulatedHome, demo_homes
from tests import test_sensorhealth
from tests.test_sensorhealth import MIN, camera, event, flat

PARAMS = load(CONFIG / "guardian.toml").detectors
BEAT_MS: Final = 200
T0_MS: Final = 1_000_000_000_000 // MIN * MIN
FALL_S, LASTS_S = 24.0, 58.0
EYES: Final = 6
FALLS: Final = [Kind.FALL_SUSPECTED, Kind.FALL_CONFIRMED]
Sick = Callable[[set[int]], bool]
"""Rows of cameras in a batch → whether a detector fails at it."""


@cache
def film(shape: int) -> SimulatedHome:
    """0: 24x32, 1: 8x8."""
    return demo_homes(seed=1, n=2, fall_home=shape, fall_at_s=FALL_S, duration_s=LASTS_S)[shape]


@dataclass
class Street:
    """Homes with one camera each, all of which see the same fall, in rooms of different warmth."""

    shape: int = 1
    eyes: int = EYES
    said: list[Concern] = field(default_factory=list)

    def __post_init__(self) -> None:
        f = film(self.shape)
        self.specs = [
            SensorSpec(
                f"h{k}", "eye", "thermal", f.room, f.rows, f.cols, f.rate_hz, f.mount, f.height_m, f.fov_deg
            )
            for k in range(self.eyes)
        ]
        self.board = Board(
            "s", [*self.specs, *(SensorSpec(s.home, "sos", "button", f.room) for s in self.specs)]
        )
        self.lookout = Lookout(
            self.board, PARAMS, {(s.home, s.room): f.furniture for s in self.specs}, benches=True
        )

    def play(self, begins_ms: int = T0_MS, from_s: float = 0, to_s: float = LASTS_S) -> list[Concern]:
        f = film(self.shape)
        said: list[Concern] = []
        for beat_ms in range(int(from_s * 1000), int(to_s * 1000), BEAT_MS):
            for i in np.flatnonzero((f.t_ms >= beat_ms) & (f.t_ms < beat_ms + BEAT_MS)):
                t_ms = int(f.t_ms[i]) + begins_ms
                for k, spec in enumerate(self.specs):
                    centi = f.centi[i] + np.int16(3 * k)
                    self.board.frame(
                        f"guardian/s/{spec.home}/eye/frame", pack_frame(centi, int(i), t_ms), t_ms
                    )
            for found in self.lookout.look(beat_ms + BEAT_MS + begins_ms):
                said += found
        self.said += said
        return said

    def of(self, k: int) -> list[Kind]:
        return [c.kind for c in self.said if c.home == f"h{k}"]

    def known(self, *without: int) -> Mapping[str, NDArray[Any]]:
        """All that is remembered of cameras, rooms and homes but those: each has one of every home."""
        kept = self.lookout.snapshot(passing=True)
        return {
            name: np.delete(array, without, axis=0)
            for name, array in kept.items()
            if array.ndim and len(array) == self.eyes
        }


class Story(test_sensorhealth.Story):
    """Homes as the daemon looks at them."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.lookout = Lookout(self.board, test_sensorhealth.PARAMS, benches=True)


def same(one: Mapping[str, NDArray[Any]], other: Mapping[str, NDArray[Any]]) -> bool:
    assert one.keys() == other.keys()
    assert len(one) > 150
    wrong = [n for n, a in one.items() if a.tobytes() != other[n].tobytes()]
    assert wrong == []
    return True


def others(said: list[Concern], *without: int) -> list[str]:
    """The findings of all homes but those, bit by bit; their order within a beat means nothing."""
    gone = {f"h{k}" for k in without}
    return sorted(repr(c) for c in said if c.home not in gone)


@cache
def healthy(shape: int = 1, eyes: int = EYES) -> Street:
    street = Street(shape, eyes)
    street.play()
    assert all(street.of(k) == FALLS for k in range(eyes)), "everybody's fall is found where nothing fails"
    return street


STAGES: Final[Mapping[str, tuple[Any, str, Callable[..., Any]]]] = {
    "the room is learnt": (background, "learn", lambda _p, _s, frames, *_: frames.sensor),
    "falls are judged": (down, "decide", lambda _p, _s, view, *_: view.sensor),
    "the body is measured": (bodytemp, "glance", lambda *a: a[5].view.sensor),
    "fires are sought": (burning, "step", lambda _p, _s, frames, *_: frames.sensor),
    "the resident is located": (position, "look", lambda _p, _s, cameras, *_: cameras),
}


def plant(patch: pytest.MonkeyPatch, stage: str, sick: Sick, error: type[BaseException] = IndexError) -> None:
    """From now on a stage of the road fails at batches that are `sick`, after it has done its work."""
    module, name, rows_of = STAGES[stage]
    real = getattr(module, name)

    def fails(*args: Any, **named: Any) -> Any:
        out = real(*args, **named)
        if sick(set(rows_of(*args).tolist())):
            raise error("planted")
        return out

    patch.setattr(module, name, fails)


@pytest.mark.parametrize(
    ("stage", "sick"), [*((stage, (2,)) for stage in STAGES), ("falls are judged", (1, 4))]
)
def test_all_others_are_looked_at_exactly_once(
    stage: str, sick: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    well = healthy()
    street = Street()
    street.play(to_s=FALL_S)
    plant(monkeypatch, stage, lambda rows: not rows.isdisjoint(sick))
    street.play(from_s=FALL_S)
    assert street.lookout.bench.cameras.now == [f"h{k}/eye" for k in sick]
    assert street.lookout.bench.cameras.errors == len(sick)
    assert others(street.said, *sick) == others(well.said, *sick)
    assert same(street.known(*sick), well.known(*sick))
    assert not any(street.of(k) == FALLS for k in sick)


@pytest.mark.parametrize("shape", [0, 1])
def test_what_fails_in_one_batch_and_in_no_half_of_it_benches_nobody_and_changes_nothing(
    shape: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In every beat of warm-up, walk and fall: whatever was written is put back, down to the last array."""
    plant(monkeypatch, "the resident is located", lambda rows: len(rows) > 2)
    street = Street(shape, 3)
    street.play()
    assert street.lookout.bench.cameras.errors == 0
    monkeypatch.undo()
    assert others(street.said) == others(healthy(shape, 3).said)
    assert same(street.known(), healthy(shape, 3).known())


def test_a_twin_that_looks_at_one_camera_at_a_time_comes_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, "falls are judged", lambda rows: 2 in rows)
    halves = Street()
    halves.play()
    monkeypatch.setattr(slab, "CHUNK", 1)
    twin = Street()
    twin.play()
    assert twin.lookout.bench.cameras.now == halves.lookout.bench.cameras.now == ["h2/eye"]
    assert others(twin.said) == others(halves.said)
    assert same(twin.known(), halves.known())


def test_a_benched_camera_comes_back_with_a_clean_memory_and_finds_a_fall(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    street = Street()
    with monkeypatch.context() as patch:
        plant(patch, "falls are judged", lambda rows: 2 in rows)
        street.play()
    shape = "fall.8x8.room_age_s"
    assert street.lookout.snapshot()[shape][2] == 0
    assert street.lookout.snapshot()[shape][3] > LASTS_S / 2
    street.play(T0_MS + FIRST_MS + MIN, to_s=1)
    assert street.lookout.bench.cameras.now == []
    street.said.clear()
    street.play(T0_MS + 10 * MIN)
    assert street.of(2)[-2:] == FALLS


def test_an_error_that_lasts_is_tried_again_after_twice_the_time_up_to_an_hour(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(monkeypatch, "fires are sought", lambda rows: 0 in rows)
    story = Story([camera("h"), camera("k")])
    errors = story.lookout.bench.cameras
    tried = []
    for _ in range(150):
        before = errors.errors
        story.play(MIN)
        if errors.errors > before:
            tried.append((story.now_ms - MIN) // MIN)
    steps = np.diff(tried).tolist()
    assert steps[:6] == sorted(steps[:6])
    assert steps[0] <= 2
    assert LONGEST_MS // MIN <= steps[-1] <= LONGEST_MS // MIN + 1
    assert story.lookout.bench.cameras.now == ["h/cam"]
    assert capsys.readouterr().out.count("a detector failed") == 1, "the log is told once"


# --- who is told ----------------------------------------------------------------------------------------


def test_staff_learn_within_three_minutes_that_guardian_itself_does_not_see(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    story = Story([*flat("h"), camera("k")])
    story.play(3 * MIN)
    state = story.lookout.protection.state
    assert not state.blind.any()
    with monkeypatch.context() as patch:
        plant(patch, "fires are sought", lambda rows: not rows.isdisjoint({0, 2}))
        began_ms = story.now_ms
        blind = [c for c in story.play(2 * MIN) if c.kind is Kind.BLIND]
    assert sorted((c.home, c.sensor, c.evidence["cause"]) for c in blind) == [
        ("h", "cam", Cause.BENCHED),
        ("k", "cam", Cause.BENCHED),
    ]
    assert all(c.decided_ms - began_ms <= 180_000 for c in blind)
    assert {c.kind for c in story.said} == {Kind.BLIND}, "and nothing else: no fault of the sensor"
    rooms = {name: Reason(state.fall[i]) for i, name in enumerate(story.board.room_names)}
    assert rooms["h", "living"] == rooms["k", "living"] == Reason.BENCHED
    assert rooms["h", "bedroom"] == Reason.DETECTABLE
    assert state.blind.tolist() == [False, True]
    assert Reason(state.silence[1]) == Reason.BENCHED
    assert story.lookout.in_sight({"k": began_ms}, story.now_ms) == []
    assert story.lookout.bench.status["cameras"] == ["h/cam", "k/cam"]
    story.play(5 * MIN)
    assert not state.blind.any()
    assert story.lookout.bench.status == {
        "cameras": [], "cameras_benched": 0, "camera_errors": 4, "parts": [], "part_errors": 0,
    }  # fmt: skip
    assert [c.home for c in story.lookout.in_sight({"k": began_ms}, story.now_ms)] == ["k"]


def test_what_fails_at_every_camera_leaves_buttons_and_alerting_alive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Better than an end: the daemon would start, fail and end for ever, and no button would be heard."""
    street = Street()
    street.play(to_s=10)
    knew = street.known()["fall.8x8.room_room"].copy()
    monkeypatch.setattr(lookouts, "MOST", 2)
    runs: list[int] = []

    def always(rows: set[int]) -> bool:
        runs.append(len(rows))
        return True

    plant(monkeypatch, "fires are sought", always)
    street.play(from_s=10, to_s=12)
    assert len(street.lookout.bench.cameras.now) == EYES
    assert runs == [6, 3, 1, 2, 1, 1, 3], "some are found one by one, then what fails is benched as it is"
    assert np.array_equal(street.known()["fall.8x8.room_room"][3:], knew[3:]), "and keeps what it knows"
    street.board.event("guardian/s/h4/sos/event", pack_event(1.0), T0_MS + 12_000)
    said = Lookout.listen(street.board.fold(street.board.take_events(T0_MS + 12_000)), T0_MS + 12_000)
    assert [(c.home, c.kind) for c in said] == [("h4", Kind.SOS)]
    blind = [c for found in street.lookout.look(T0_MS + MIN) for c in found if c.kind is Kind.BLIND]
    assert {c.home for c in blind} == {f"h{k}" for k in range(EYES)}
    assert {c.evidence["homes_dark"] for c in blind} == {float(EYES)}, (
        "one thing to say, where it is many homes"
    )


def test_whoever_sits_beside_faulty_ones_is_left_out_for_single_minutes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """More than are found one by one: the faulty ones stay out for longer and longer, the others do not."""
    monkeypatch.setattr(lookouts, "MOST", 1)
    faulty = {1, 4, 6}
    plant(monkeypatch, "fires are sought", lambda rows: bool(faulty & rows))
    story = Story([camera(f"h{k}") for k in range(8)])
    beside = []
    for minute in range(150):
        story.play(MIN)
        out = set(np.flatnonzero(story.lookout.bench.cameras.since_ms != NEVER).tolist())
        if out - faulty:
            beside.append(minute)
    assert beside[0] == 0
    assert beside[-1] < 30


def test_what_was_left_out_together_is_not_in_sight_before_it_has_been_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lookouts, "MOST", 0)
    story = Story([camera("h"), camera("k")])
    story.play(3 * MIN)
    began_ms = story.now_ms
    with monkeypatch.context() as patch:
        plant(patch, "fires are sought", lambda _rows: True)
        story.play(2 * MIN)
    story.lookout.bench.cameras.release(story.now_ms + LONGEST_MS)
    assert story.lookout.in_sight({"h": began_ms}, story.now_ms) == []
    story.play(2 * MIN)
    assert [c.home for c in story.lookout.in_sight({"h": began_ms}, story.now_ms)] == ["h"]


def test_the_first_frame_after_the_bench_has_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookouts, "MOST", 0)
    story = Story([camera("h"), camera("k")])
    story.play(MIN)
    with monkeypatch.context() as patch:
        plant(patch, "fires are sought", lambda _rows: True)
        story.play(MIN // 2)
    real, steps = fall.step, list[list[float]]()

    def watched(params: Any, state: Any, frames: Frames, *more: Any) -> Any:
        steps.append(frames.dt_s.tolist())
        return real(params, state, frames, *more)

    monkeypatch.setattr(fall, "step", watched)
    story.play(3 * MIN)
    assert np.isnan(steps[0]).all()
    assert not np.isnan(steps[1:]).any()


def test_pictures_that_fail_cost_no_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    street = Street()

    def see(*_args: Any) -> None:
        raise IndexError("planted")

    monkeypatch.setattr(street.lookout.preroll, "see", see)
    street.play()
    assert others(street.said) == others(healthy().said)
    assert street.lookout.bench.status["parts"] == ["pictures"]


def test_a_camera_that_begins_anew_has_not_just_started_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    story = Story([camera("h"), camera("k")])
    story.play(3 * MIN)
    (group,) = story.board.groups.values()
    group.boots[0] = 5  # power cuts of a month
    story.lookout._rounds.health.state.cameras.boots_read[0] = 5
    with monkeypatch.context() as patch:
        plant(patch, "fires are sought", lambda rows: 0 in rows)
        story.play(MIN // 2)
    assert story.lookout.bench.cameras.errors
    said = story.play(5 * MIN)
    assert {c.kind for c in said} <= {Kind.BLIND}


def test_a_bench_goes_with_a_change_of_the_roster(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, "fires are sought", lambda rows: 1 in rows)
    old = Story([camera("a"), camera("b"), camera("c")])
    old.play(MIN // 2)
    new = Story([camera("b"), camera("d")], now_ms=old.now_ms)
    new.lookout.follow(old.lookout)
    assert new.lookout.bench.cameras.now == ["b/cam"]


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt])
def test_the_end_of_memory_and_of_the_process_are_no_sensors_fault(
    error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, "fires are sought", lambda _rows: True, error)
    with pytest.raises(error):
        Street().play(to_s=1)


def test_whoever_measures_and_tests_gets_every_error(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, "fires are sought", lambda _rows: True)
    with pytest.raises(IndexError):
        test_sensorhealth.Story([camera("h")]).play(MIN)


# --- parts of the rounds --------------------------------------------------------------------------------


@pytest.fixture
def deaf(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """A detector of silence that fails as long as the list is not empty."""
    fails, real = [True], inactivity.step

    def step(*args: Any) -> Any:
        if fails:
            raise FloatingPointError("planted")
        return real(*args)

    monkeypatch.setattr(inactivity, "step", step)
    return fails


def test_a_part_that_fails_is_off_and_the_others_go_on(
    deaf: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    story = Story([*flat("h"), *flat("k")])
    story.play(3 * MIN, lambda k: story.hear("h", "air", 21.0 if k else 20.0))
    state = story.lookout.protection.state
    assert story.lookout.bench.status["parts"] == [Part.SILENCE]
    assert {Reason(r) for r in state.silence} == {Reason.BENCHED}
    assert {Reason(r) for r in state.climate} == {Reason.DETECTABLE}
    assert state.blind.all()
    (told,) = [c for c in story.said if c.kind is Kind.BLIND]
    assert (told.evidence["cause"], OF_ALL in told.evidence) == (Cause.BENCHED, True)
    assert [c.home for c in story.lookout.spread([told])] == ["h", "k"]
    assert story.lookout.in_sight({"h": T0_MS, "k": T0_MS}, story.now_ms) == []
    asked: list[int] = []
    real = ambient.step
    with monkeypatch.context() as patch:

        def step(*args: Any) -> Any:
            asked.append(len(args[2].sensor))
            return real(*args)

        patch.setattr(ambient, "step", step)
        story.play(MIN, lambda _k: story.hear("k", "air", 22.0))
    assert sum(asked) == 1, "what is heard of the climate is judged meanwhile"
    deaf.clear()
    story.play(5 * MIN)
    assert story.lookout.bench.status["parts"] == []
    assert not state.blind.any()
    assert [c.home for c in story.lookout.in_sight({"h": T0_MS, "k": T0_MS}, story.now_ms)] == ["h", "k"]


def test_an_error_in_what_is_heard_of_climate_is_told_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story(flat("h"))
    story.play(2 * MIN)

    def step(*_args: Any) -> Any:
        raise ValueError("planted")

    monkeypatch.setattr(ambient, "step", step)
    story.play(2 * MIN)
    state = story.lookout.protection.state
    assert (Reason(state.climate[0]), Reason(state.fire[0])) == (Reason.BENCHED, Reason.BENCHED)
    assert Reason(state.silence[0]) == Reason.DETECTABLE


def test_when_health_cannot_be_judged_nothing_counts_as_protected(monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story(flat("h"))
    story.play(2 * MIN)
    assert not story.lookout.protection.state.blind.any()

    def minute(*_args: Any) -> Any:
        raise IndexError("planted")

    began_ms = story.now_ms
    with monkeypatch.context() as patch:
        patch.setattr("guardian.health.sensorhealth.minute", minute)
        said = story.play(4 * MIN)
        assert story.lookout.protection.state.blind.all()
        assert [c.kind for c in said] == [Kind.BLIND]
    story.play(5 * MIN)
    (gap,) = gap_list(story.board.homes, story.lookout.protection.state, 0)
    assert gap.reason == Reason.BENCHED, "Guardian was running"
    assert began_ms - MIN <= gap.from_ms <= began_ms
    assert gap.to_ms is not None


def test_no_alibi_counts_while_nobody_knows_where_people_are(monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story(flat("h"))

    def step(*_args: Any) -> Any:
        raise ValueError("planted")

    asked: list[int] = []
    monkeypatch.setattr(position, "step", step)
    monkeypatch.setattr(position, "alibis", lambda *_a: asked.append(1))
    story.play(MIN)
    (group,) = story.board.groups.values()
    rounds = story.lookout._rounds
    assert rounds.alibis(group, np.arange(2), story.now_ms).tolist() == [position.NEVER] * 2
    assert not asked


# --- events ---------------------------------------------------------------------------------------------


def test_one_event_that_cannot_be_folded_loses_no_other_and_speaks_for_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    board = Board(
        "s", [event("h", "help", "button"), event("k", "help", "button"), event("m", "air", "temperature")]
    )
    real = Homes._fold_one

    def fold_one(homes: Homes, row: int, r: Any) -> bool:
        if r.home == "h":
            raise KeyError("planted")
        return real(homes, row, r)

    monkeypatch.setattr(Homes, "_fold_one", fold_one)
    for home, sensor, value in (("h", "help", 1.0), ("k", "help", 1.0), ("m", "air", 21.5)):
        board.event(f"guardian/s/{home}/{sensor}/event", pack_event(value, t_ms=5_000), 5_000)
    fresh = board.fold(board.take_events(5_000))
    assert [(c.home, c.kind) for c in Lookout.listen(fresh, 5_000)] == [("h", Kind.SOS), ("k", Kind.SOS)]
    assert board.set_aside == 1
    state = board.state(5_000)
    assert state.last_life_ms.tolist() == [-1, 5_000, -1]
    assert state.temperature_c[2] == 21.5
