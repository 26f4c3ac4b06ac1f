"""Slow change: a shift over weeks is told for the report, an ordinary life is not, nor a day unheard."""

from typing import Final

import numpy as np

from detectors import keep, trends
from detectors.layout import Events, Layout, Moment, RoomKind, SensorKind
from detectors.trends import Change, Feature
from tests.thermal import everything

PARAMS: Final = everything().trends
DAY0: Final = 20_000
HALL, BATH, KITCHEN, OUT = range(4)  # sensors of one home


def layout(homes: int) -> Layout:
    rooms = np.repeat(np.arange(homes), 3)
    sensor_room = np.array([3 * h + r for h in range(homes) for r in (0, 1, 2, 0)])
    return Layout(
        homes=homes,
        room_home=rooms,
        room_kind=np.tile(np.array([RoomKind.HALL, RoomKind.BATHROOM, RoomKind.KITCHEN], np.int8), homes),
        sensor_home=np.repeat(np.arange(homes), 4),
        sensor_room=sensor_room,
        sensor_kind=np.tile(
            np.array([SensorKind.PIR, SensorKind.PIR, SensorKind.PIR, SensorKind.DOOR], np.int8), homes
        ),
        outside=np.tile(np.array([False, False, False, True]), homes),
        camera_home=np.zeros(0, np.intp),
        camera_room=np.zeros(0, np.intp),
    )


class Lives:
    def __init__(self, homes: int) -> None:
        self.layout, self.state = layout(homes), trends.fresh(layout(homes))
        self.blind = np.zeros(homes, np.bool_)

    def day(self, day: int, told: list[tuple[int, int, int]]) -> None:
        """(minute of the day, home, sensor), in order."""
        times = {m for m, _, _ in told}
        for minute in range(1440):
            moment = Moment(0, minute, 0, DAY0 + day)
            trends.step(PARAMS, self.state, moment, self.blind)
            if minute not in times:
                continue
            sensors = np.array([4 * h + s for m, h, s in told if m == minute], np.intp)
            n = len(sensors)
            trends.hear(
                self.state,
                self.layout,
                Events(sensors, np.ones(n), np.zeros(n, np.int64), np.ones(n, np.bool_)),
                moment,
            )

    def changes(self) -> list[Change]:
        return trends.changes(PARAMS, self.state)


def ordinary(rng: np.random.Generator, home: int, night_visits: float = 1.0) -> list[tuple[int, int, int]]:
    up = int(7 * 60 + rng.normal(0, 20))
    out = [(up, home, HALL), (up + 5, home, BATH), (up + 20, home, KITCHEN)]
    times = rng.integers(8 * 60, 22 * 60, int(rng.poisson(20))).tolist()
    out += [(m, home, int(rng.choice([HALL, BATH, KITCHEN], p=[0.6, 0.2, 0.2]))) for m in times]
    out += [(m, home, OUT) for m in rng.integers(10 * 60, 17 * 60, int(rng.poisson(2))).tolist()]
    for _ in range(int(rng.poisson(night_visits))):
        m = int(rng.integers(0, 3 * 60))
        out += [(m, home, BATH), (m + 3, home, HALL)]
    return out


def test_three_times_as_many_visits_at_night_are_told_within_weeks_and_nothing_else_is() -> None:
    rng = np.random.default_rng(1)
    lives = Lives(2)
    for day in range(60):
        lives.day(day, ordinary(rng, 0) + ordinary(rng, 1))
    assert lives.changes() == []
    for day in range(60, 81):
        lives.day(day, ordinary(rng, 0, night_visits=4.0) + ordinary(rng, 1))
    found = lives.changes()
    assert {(c.home, c.feature, c.more) for c in found} >= {(0, Feature.NIGHT_BATHROOM, True)}
    assert {c.home for c in found} == {0}
    first = next(c for c in found if c.feature is Feature.NIGHT_BATHROOM)
    assert 45 <= first.since_day - DAY0 <= 70  # when the sum last left 0: by chance a little before


def test_ordinary_lives_change_about_once_a_year_or_less() -> None:
    rng = np.random.default_rng(2)
    homes, days = 30, 150
    lives = Lives(homes)
    for day in range(days):
        lives.day(day, [x for h in range(homes) for x in ordinary(rng, h)])
    standing = lives.changes()
    assert (
        len({c.home for c in standing}) <= 2 * homes * days / 365
    )  # those that stand; twice the rate asked for


def test_days_that_were_not_heard_are_neither_judged_nor_learnt() -> None:
    rng = np.random.default_rng(3)
    lives = Lives(1)
    for day in range(40):
        lives.day(day, ordinary(rng, 0))
    lives.blind[:] = True
    lives.day(40, [])  # closes the last day that was heard
    before = keep.snapshot(lives.state)
    for day in range(41, 60):
        lives.day(day, [(12 * 60, 0, HALL)])
    after = keep.snapshot(lives.state)
    for name in ("mean", "spread", "days", "high", "low"):
        assert np.array_equal(before[name], after[name]), name
    assert lives.changes() == []


def test_permuted_homes_have_permuted_trends() -> None:
    rng = np.random.default_rng(4)
    days = [[ordinary(rng, h) for h in range(3)] for _ in range(30)]
    straight, turned = Lives(3), Lives(3)
    for day, told in enumerate(days):
        straight.day(day, [x for some in told for x in some])
        turned.day(day, [(m, 2 - h, s) for some in told for m, h, s in some])
    for name in ("mean", "high", "low", "today"):
        assert np.array_equal(
            getattr(straight.state, name), getattr(turned.state, name)[::-1], equal_nan=True
        ), name
