"""Watching a feed: what is known of one home never depends on the homes beside it."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from guardian.lookout import Lookout
from simulator import lives, suites
from simulator.evaluate import BINS_M, PositionTally, Watched, Where, watch
from simulator.feed import of_homes
from simulator.home import Home
from simulator.suites import Options
from simulator.world import F64, I64
from tests.thermal import everything


def dark_home(number: int) -> Home:
    (cell,) = suites.cells("storm", Options(homes=2, sensors=("amg8833",), kinds=("dark",)))
    return suites.home(cell, 1, number)


def asked(home: Home) -> Where:
    names = [r.name for r in home.plan.rooms]

    def where(t_ms: I64) -> tuple[list[str], F64]:
        room, place = home.where(t_ms)
        return ["" if r < 0 else names[r] for r in room.tolist()], place

    return where


@pytest.mark.slow
def test_a_homes_rooms_are_told_for_every_second_whoever_else_sends() -> None:
    one, other = dark_home(0), dark_home(1)
    alone = watch(of_homes([one]), everything(), {one.name: asked(one)})
    beside = watch(of_homes([one, other]), everything(), {one.name: asked(one)})
    tally = alone.positions[one.name]
    assert tally.seconds + tally.away == pytest.approx(one.duration_s, abs=2)  # the dark minutes too
    assert (tally.seconds, tally.right_room, tally.placed, tally.away) == _counts(beside, one)


def _counts(watched: Watched, home: Home) -> tuple[int, int, int, int]:
    t = watched.positions[home.name]
    return t.seconds, t.right_room, t.placed, t.away


def test_a_place_given_in_easy_seconds_only_shows() -> None:
    tally = PositionTally(seconds=1000, right_room=1000, placed=1)
    tally.distances[5] = 1
    assert tally.median_m() == pytest.approx(0.06)
    assert tally.median_m(of=tally.right_room) is None  # as if the other 999 were infinitely far
    assert PositionTally(seconds=10).median_m() is None


def test_a_median_is_never_told_better_than_it_is() -> None:
    tally = PositionTally(seconds=1, right_room=1, placed=1)
    tally.distances[int(np.searchsorted(BINS_M, 0.259, "right")) - 1] = 1
    assert tally.median_m() == pytest.approx(0.26)


def test_what_staff_know_of_absences_reaches_the_detectors_while_it_holds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[dict[str, int]] = []
    monkeypatch.setattr(Lookout, "expect", lambda _self, away: told.append(dict(away)))
    home = replace(lives.plain(5, count=1, which="recorded"), absences=((3 * 3600.0, 5 * 3600.0),))
    watch(of_homes([home]), everything())
    changes = [away for before, away in pairwise(told) if away != before]
    assert changes == [{home.name: home.ms(3 * 3600.0)}, {}]


def test_holidays_are_known_to_the_staff_and_nights_elsewhere_are_not() -> None:
    away: list[float] = []
    for seed in range(6):
        home = lives.plain(seed, count=60, which="recorded")
        known = of_homes([home]).absences.get(home.name, [])
        away += [(b - a) / 86_400_000 for a, b in known]
    assert away
    assert min(away) > 1.2  # days
