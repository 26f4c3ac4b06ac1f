"""Somebody goes: the last moment of all others never passes on the word of one person alone."""

from dataclasses import replace
from math import prod

from hypothesis import given
from hypothesis import strategies as st

from alerting.backup import Backup, Standing, backup
from tests.alerting_people import T0, shipped_policy

POLICY = shipped_policy()
DUE = T0 + 600_000
NOW = T0 + 60_000
MARGIN = int(POLICY.margin_s * 1000)
ALONE = Standing(DUE, {"a": T0 + 400_000}, {}, {}, frozenset(), {}, POLICY.wave_confidence)
"""`a` goes and is expected three minutes early; nobody else could."""


def could(standing: Standing, **latest_s: float) -> Standing:
    """The same, and these could be asked until so many seconds after onset; each says yes 3 times in 10."""
    latest = {r: T0 + int(s * 1000) for r, s in latest_s.items()}
    return replace(standing, latest=latest, odds=dict.fromkeys(latest, 0.3))


def test_while_others_have_time_nobody_is_asked_beside_who_goes() -> None:
    assert backup(could(ALONE, b=200, c=300, d=250), POLICY, NOW) == Backup((), False, T0 + 200_000 - MARGIN)


def test_those_with_more_time_let_the_others_pass_and_the_last_ones_are_asked() -> None:
    three = could(ALONE, b=200, c=300, d=250, e=260)
    assert backup(three, POLICY, T0 + 196_000) == Backup((), False, T0 + 250_000 - MARGIN)
    assert backup(three, POLICY, T0 + 256_000).page == ("e",)
    assert backup(three, POLICY, T0 + 256_000).wanted
    assert backup(three, POLICY, T0 + 301_000) == Backup((), False, None)


def test_a_volunteer_is_worth_more_than_somebody_who_was_not_asked() -> None:
    asked = could(ALONE, b=200, v=240)
    asked = replace(asked, asked={"v": 0}, volunteers=frozenset({"v"}))
    assert backup(asked, POLICY, T0 + 196_000) == Backup((), False, T0 + 240_000 - MARGIN)
    assert backup(asked, POLICY, T0 + 236_000).page == ("v",)


def test_where_nothing_is_left_to_chance_everybody_is_asked_at_the_last_moment() -> None:
    assert POLICY.backup_confidence == 1.0
    three = replace(could(ALONE, b=200, c=300, d=250), confidence=POLICY.backup_confidence)
    assert backup(three, POLICY, T0 + 194_000).page == ()
    assert backup(three, POLICY, T0 + 196_000).page == ("b",)


def test_whoever_is_expected_late_or_barely_in_time_does_not_go_alone() -> None:
    for expected_s in (481, 599, 700):
        barely = could(replace(ALONE, going={"a": T0 + expected_s * 1000}), b=200, c=300, d=250)
        found = backup(barely, POLICY, NOW)
        assert found.wanted
        assert found.page[0] == "c"
    assert not backup(could(ALONE, b=200), POLICY, NOW).wanted


def test_two_who_go_need_no_third() -> None:
    two = could(replace(ALONE, going={"a": DUE - 1, "b": T0 + 400_000}), c=62)
    assert backup(two, POLICY, NOW) == Backup((), False, None)


@given(
    st.lists(st.integers(0, 620), max_size=8),
    st.lists(st.tuples(st.integers(0, 500), st.floats(0.05, 0.95)), max_size=8),
    st.integers(0, 600),
    st.sampled_from([0.95, 1.0]),
)
def test_no_last_moment_passes_below_the_chance_that_is_wanted(
    going: list[int], others: list[tuple[int, float]], now_s: int, confidence: float
) -> None:
    """Whoever is not asked at the last moment is not needed: by who goes, and who can be asked later."""
    going = going or [300]
    s = Standing(
        due_ms=DUE,
        going={f"g{n}": T0 + g * 1000 for n, g in enumerate(going)},
        latest={f"r{n}": T0 + t * 1000 for n, (t, _) in enumerate(others)},
        asked={},
        volunteers=frozenset(),
        odds={f"r{n}": odds for n, (_, odds) in enumerate(others)},
        confidence=confidence,
    )
    now_ms = T0 + now_s * 1000
    found = backup(s, POLICY, now_ms)
    assert all(s.latest[r] >= now_ms for r in found.page)
    assert found.next_ms is None or found.next_ms > now_ms
    leaving = {r for r, ms in s.latest.items() if now_ms <= ms <= now_ms + MARGIN} - set(found.page)
    if leaving:
        held = [POLICY.held_odds for ms in s.going.values() if ms <= DUE]
        later = [s.odds[r] for r, ms in s.latest.items() if ms > now_ms + MARGIN]
        asked = [s.odds[r] for r in found.page]
        assert 1 - prod(1 - p for p in held + later + asked) >= confidence
