"""Body surface: a fever is found where the learnt error allows it, and nowhere else is anything claimed."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors import bodytemp, keep, skin
from detectors.bodyglance import note
from detectors.bodytemp import Standing
from detectors.finding import Finding, Kind
from detectors.layout import Events, Layout, Moment, SensorKind
from guardian.board import Board, SensorSpec
from guardian.lookout import Lookout
from simulator.twins.bodytemp import Plain
from tests.thermal import everything, optics

PARAMS = everything().bodytemp
FALLS = everything().fall
CORE_C = FALLS.core_c
START_MS = 1_768_147_200_000
MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
SITS, LIES = 1, 2


def layout(homes: int) -> Layout:
    """Homes of one room with one camera, a temperature sensor and a motion sensor."""
    rows = np.arange(homes)
    two = np.repeat(rows, 2)
    kinds = np.tile(np.array([SensorKind.TEMPERATURE, SensorKind.PIR], np.int8), homes)
    return Layout(
        homes, rows, np.zeros(homes, np.int8), two, two, kinds, np.zeros(2 * homes, np.bool_), rows, rows
    )


@dataclass
class Life:
    """How H residents are: spread of sessions, when a fever begins (days; NaN = never), by how much."""

    spread: NDArray[np.float64]
    begins_d: NDArray[np.float64]
    rise_k: float = 1.2
    room_c: float = 22.0
    moves: bool = True
    seed: int = 21


class Played:
    """Homes whose residents sleep from 23 to 7 and sit from 8 to 12 and from 16 to 22."""

    def __init__(self, life: Life, order: NDArray[np.intp] | None = None) -> None:
        self.life, n = life, len(life.spread)
        self.order = np.arange(n) if order is None else order
        self.layout = layout(n)
        self.state = bodytemp.fresh(self.layout)
        self.found: list[Finding] = []
        self.minute = 0
        rng = np.random.default_rng([life.seed, n])
        self._pose = rng.standard_normal((n, 60 * 48))  # of each half hour
        self._noise = rng.standard_normal((n, 997)) * 0.01
        self.plain: Mapping[int, Plain] = {}

    def run(self, days: float, room_c: Mapping[int, float] | None = None) -> "Played":
        """Go on for `days`; `room_c` changes the room of some minutes on."""
        for _ in range(round(days * 1440)):
            self.minute += 1
            self._one((room_c or {}).get(self.minute))
        return self

    def _one(self, new_room_c: float | None) -> None:
        life, m, n = self.life, self.minute, self.layout.homes
        if new_room_c is not None:
            life.room_c = new_room_c
        now, hour = START_MS + m * MINUTE_MS, m / 60 % 24
        posture = LIES if hour >= 23 or hour < 7 else SITS if 8 <= hour < 12 or 16 <= hour < 22 else None
        if posture is not None:
            gap = CORE_C - life.room_c
            begun = np.nan_to_num((m / 1440 - life.begins_d) * 24 / 3, nan=-1.0)
            rise = life.rise_k * np.clip(begun, 0, 1)
            off = life.spread * self._pose[:, m // 30 % (60 * 48)]
            value = np.log((0.3 if posture == SITS else 0.2) * (gap + rise) / gap) + off
            shown = (value + self._noise[:, m % 997])[self.order].astype(np.float32)
            self.state.level_c[:] = life.room_c
            rows = np.arange(n)
            note(
                PARAMS,
                self.state,
                rows,
                np.full(n, now),
                np.full(n, posture, np.intp),
                shown,
                np.full(n, np.log(2.0), np.float32),
            )
            for h, plain in self.plain.items():
                plain.level_c = life.room_c
                plain.note(now, posture, float(shown[h]), float(np.float32(np.log(2.0))))
        if m % 10 == 0:
            rows = np.arange(0, 2 * n, 2)
            if not life.moves:
                rows = rows[:0]
            both = np.concatenate([np.arange(0, 2 * n, 2), rows + 1])
            value = np.where(both % 2 == 0, life.room_c, 1.0)
            bodytemp.hear(
                self.state, self.layout, Events(both, value, np.full(len(both), now), both % 2 == 1)
            )
        self.found += bodytemp.step(
            PARAMS, CORE_C, self.state, self.layout, Moment(now, m % 1440, 0, m // 1440)
        )

    def trend(self) -> bodytemp.Trend:
        return bodytemp.trend(PARAMS, self.state, self.layout, START_MS + self.minute * MINUTE_MS)

    def said(self) -> list[tuple[str, int, float]]:
        """Kind, home as it was numbered first, days."""
        return sorted(
            (f.kind.value, int(self.order[f.row]), (f.decided_ms - START_MS) / DAY_MS) for f in self.found
        )


def steady(*begins_d: float, spread: float = 0.03) -> Life:
    return Life(np.full(len(begins_d), spread), np.array(begins_d))


ILL, WELL, RESTLESS = slice(0, 10), slice(10, 20), 20
BEGINS_D = 8.1


@pytest.fixture(scope="module")
def fortnight() -> Played:
    """Ten fall ill in the ninth night, ten do not; one is ill and never sits or lies in the same place."""
    spread = np.array([0.03] * 20 + [0.5])
    return Played(Life(spread, np.array([BEGINS_D] * 10 + [np.nan] * 10 + [BEGINS_D]))).run(11)


def test_four_of_five_fevers_are_found_within_twelve_hours_and_the_well_hear_nothing(
    fortnight: Played,
) -> None:
    said = fortnight.said()
    assert {(kind, home) for kind, home, _ in said} == {("fever-trend", h) for h in range(10)}
    assert len(said) == 10
    assert all(day > BEGINS_D for _, _, day in said)
    assert sum(day <= BEGINS_D + 0.5 for _, _, day in said) >= 8


def test_a_finding_carries_onset_trend_and_error(fortnight: Played) -> None:
    for one in fortnight.found:
        assert abs((one.onset_ms - START_MS) / DAY_MS - BEGINS_D) < 1
        assert PARAMS.skin_share * PARAMS.fever_k <= one.evidence["trend_surface_k"] < 1.4
        assert 0.1 < one.evidence["error_surface_k"] <= PARAMS.most_error_k
        assert 0.5 < one.confidence < 1


def test_whose_seat_is_never_the_same_is_told_that_it_cannot_be_had(fortnight: Played) -> None:
    trend = fortnight.trend()
    assert trend.standing[RESTLESS] == Standing.CANNOT
    assert np.isnan(trend.trend_k[RESTLESS])
    assert trend.error_k[RESTLESS] > PARAMS.most_error_k
    assert (trend.standing[:RESTLESS] == Standing.OK).all()
    assert np.median(trend.trend_k[WELL]) == pytest.approx(0, abs=0.2)
    assert np.median(trend.trend_k[ILL]) == pytest.approx(PARAMS.skin_share * 1.2, abs=0.2)


def test_an_error_that_hides_half_of_the_fevers_is_told_as_cannot() -> None:
    """Between the error that allows 12 h and the one beyond which nothing is flagged nothing is pretended."""
    trend = Played(steady(np.nan, spread=0.06)).run(8).trend()
    assert PARAMS.good_error_k < trend.error_k[0] < PARAMS.most_error_k
    assert trend.standing.tolist() == [Standing.CANNOT]
    assert np.isnan(trend.trend_k).all()


@pytest.mark.parametrize(("days", "standing"), [(5, Standing.LEARNING), (8, Standing.CANNOT)])
def test_who_is_hardly_ever_read_is_not_learnt_for_ever(days: int, standing: Standing) -> None:
    state, now = bodytemp.fresh(layout(1)), START_MS + days * DAY_MS
    state.first_ms[:], state.last_ms[:], state.sessions[:] = START_MS, now - HOUR_MS, 2.0
    trend = bodytemp.trend(PARAMS, state, layout(1), now)
    assert trend.standing.tolist() == [standing]
    assert np.isnan(trend.trend_k).all()
    assert np.isnan(trend.error_k).all()


def test_who_comes_back_after_a_day_is_learnt_again_and_not_told_that_it_cannot_be_had() -> None:
    played = Played(steady(np.nan)).run(9)
    now = START_MS + played.minute * MINUTE_MS
    assert played.trend().standing.tolist() == [Standing.OK]
    later = now + 26 * HOUR_MS
    played.state.last_ms[:] = later - HOUR_MS  # just seen again, no block yet
    back = bodytemp.trend(PARAMS, played.state, played.layout, later)
    assert back.standing.tolist() == [Standing.LEARNING]


def test_the_baseline_waits_while_a_fever_is_flagged(fortnight: Played) -> None:
    ill = fortnight.state.fever_ms >= 0
    assert ill[ILL].all()
    assert (fortnight.state.learnt_ms[ill] <= fortnight.state.fever_ms[ill]).all()
    assert (fortnight.state.learnt_ms[WELL] > START_MS + 10.9 * DAY_MS).all()


def test_nothing_is_said_before_three_days_and_nothing_of_who_is_away() -> None:
    played = Played(steady(1.0)).run(2.5)
    assert played.trend().standing.tolist() == [Standing.LEARNING]
    assert not played.found
    later = bodytemp.trend(
        PARAMS, played.state, played.layout, START_MS + played.minute * MINUTE_MS + 25 * HOUR_MS
    )
    assert later.standing.tolist() == [Standing.NOBODY]
    empty = bodytemp.fresh(played.layout)
    assert bodytemp.trend(PARAMS, empty, played.layout, START_MS).standing.tolist() == [Standing.NOBODY]


@pytest.mark.slow
@pytest.mark.parametrize(("room_c", "moves", "said"), [(14.0, False, 1), (14.0, True, 0), (19.0, False, 0)])
def test_hypothermia_needs_a_cold_room_and_hardly_any_activity(room_c: float, moves: bool, said: int) -> None:
    played = Played(Life(np.array([0.03]), np.array([8.0]), rise_k=-3.0)).run(7.9)
    played.life.moves = moves
    played.run(1.0, {played.minute + 1: room_c})
    assert [f.kind for f in played.found] == [Kind.HYPOTHERMIA_RISK] * said


@pytest.mark.slow
def test_the_plain_twin_says_the_same() -> None:
    life = Life(np.array([0.02, 0.05, 0.08]), np.array([5.2, 5.6, np.nan]), seed=22)
    played = Played(life)
    played.plain = {h: Plain(PARAMS, CORE_C) for h in range(3)}
    said: list[tuple[int, int, int, float, float]] = []
    for _ in range(8 * 1440):
        played.run(1 / 1440)
        now = START_MS + played.minute * MINUTE_MS
        said += [(h, *row) for h, p in played.plain.items() for row in p.step(now, played.minute % 1440)]
    mine = [
        (f.row, f.onset_ms, f.decided_ms, f.evidence["trend_surface_k"], f.evidence["error_surface_k"])
        for f in played.found
    ]
    assert [(*row[:3], round(row[3], 2), round(row[4], 2)) for row in said] == mine
    assert {row[0] for row in mine} == {0, 1}
    for h, plain in played.plain.items():
        assert plain.hot == pytest.approx(played.state.hot[h], abs=1e-6)
        assert np.array(plain.ring) == pytest.approx(played.state.ring[h], abs=1e-6)


@pytest.mark.slow
def test_homes_do_not_touch_each_other_and_their_order_does_not_matter() -> None:
    life = Life(np.array([0.03, 0.04, 0.5]), np.array([5.2, np.nan, 5.2]))
    whole = Played(life).run(6.5)
    turned = Played(Life(life.spread, life.begins_d), np.array([2, 0, 1])).run(6.5)
    assert whole.said() == turned.said() != []
    well = Played(Life(life.spread, np.array([np.nan, np.nan, 5.2]))).run(6.5)
    assert np.array_equal(well.state.ring[1], whole.state.ring[1])


@pytest.mark.slow
def test_a_restart_in_the_middle_changes_nothing() -> None:
    life = steady(5.3)
    whole = Played(life).run(6.5)
    halves = Played(steady(5.3)).run(5.51)
    kept = keep.snapshot(halves.state)
    halves.state = bodytemp.fresh(halves.layout)
    one = np.arange(1)
    keep.restore(halves.state, kept, dict.fromkeys(keep.AXES, (one, one)))
    halves.run(0.99)
    assert halves.said() == whole.said() != []


# --- optics -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "cols", "fov_deg", "posture", "least", "most"),
    [
        (24, 32, 110.0, 0, 0.9, 1.0),
        (24, 32, 110.0, 2, 0.55, 0.8),
        (24, 32, 55.0, 2, 0.9, 1.0),
        (8, 8, 60.0, 0, 0.5, 0.8),
        (8, 8, 60.0, 1, 0.25, 0.5),
        (8, 8, 60.0, 2, 0.1, 0.3),
    ],
)
def test_how_much_of_a_pixel_a_head_fills(  # noqa: PLR0917  (one row of a table)
    rows: int, cols: int, fov_deg: float, posture: int, least: float, most: float
) -> None:
    middle = np.zeros(1, np.float32)
    head = skin.seen(
        FALLS.geometry,
        optics(rows, cols, 1, fov_deg=fov_deg),
        np.zeros(1, np.intp),
        middle,
        middle,
        np.array([posture]),
    )
    assert head.range_m[0] == pytest.approx(2.5 - skin.HEAD_HEIGHTS_M[posture])
    assert least < head.fill[0] < most
    assert rows > 8 or head.fill[0] < PARAMS.least_fill  # no 8x8 array gives an absolute value


def test_a_surface_is_given_back_through_its_fill() -> None:
    room, share = np.array([22.0], np.float32), np.array([0.6], np.float32)
    power = 0.6 * (0.98 * (34 + 273.15) ** 4 + 0.02 * (22 + 273.15) ** 4) + 0.4 * (22 + 273.15) ** 4
    apparent = np.array([power**0.25 - 273.15 - 22], np.float32)
    assert skin.surface_c(apparent, room, share)[0] == pytest.approx(34.0, abs=0.01)


def test_the_error_of_a_surface_grows_with_the_distance() -> None:
    near, far = skin.error_k(np.array([0.05, 0.25], np.float32), 10.0, 0.1, 0.2)
    assert 0.2 < near < 0.6
    assert far > 2.0


# --- what is asked for ------------------------------------------------------------------------------


@pytest.mark.parametrize(("error_k", "standing"), [(0.25, Standing.OK), (0.45, Standing.CANNOT)])
def test_the_lookout_gives_the_trend_or_says_with_its_error_that_it_cannot(
    error_k: float, standing: Standing
) -> None:
    spec = SensorSpec("home-1", "eye", "thermal", "bedroom", rows=24, cols=32, mount="ceiling")
    lookout = Lookout(Board("site", [spec]), everything())
    learnt = lookout.snapshot()
    for name, value in (("first_ms", START_MS - 9 * DAY_MS), ("last_ms", START_MS), ("sessions", 20.0)):
        learnt[f"rounds.bodytemp.{name}"][:] = value
    learnt["rounds.bodytemp.ring"][:] = 0.1, error_k, 1.0, START_MS
    lookout.restore(learnt)
    trend = lookout.body_trend(START_MS)
    assert trend.standing.tolist() == [standing]
    assert trend.error_k[0] == error_k
    assert np.isnan(trend.trend_k[0]) == (standing is Standing.CANNOT)
