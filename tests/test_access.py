"""Who gets in and who can lift: a wave that would stand outside is no wave, and skills come first."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.concern import Kind
from alerting.coverage import forecast
from alerting.duty import Duty
from alerting.in_time import deadline, feasible, latest_page_ms
from alerting.incident import Accepted, Arrived, NeedsHelp, State, step
from alerting.ledger import Ledger
from alerting.planner import Asked, Going, plan
from guardian import roster
from guardian.roster_file import read
from guardian.settings import CONFIG, SettingsError
from tests.alerting_people import T0, concern, duty, responder, shipped_policy
from tests.courier_world import centre
from tests.test_planner import NOW, incident

POLICY = shipped_policy()
DUE = T0 + 600_000
EXAMPLE = (CONFIG / "roster.example.toml").read_text("utf-8")


def locked(people: Duty, *holders: str) -> Duty:
    """The same people, and h01 opens to these alone."""
    return replace(people, keyholders={"h01": frozenset(holders)})


@pytest.fixture
async def ledger() -> AsyncIterator[Ledger]:
    ledger = await Ledger.open(None, inline=True)
    yield ledger
    await ledger.close()


def test_whoever_holds_no_key_is_inside_later_and_only_where_one_is_needed() -> None:
    people = duty(responder("a"), responder("b"))
    a, b = people.responders.values()
    opened = latest_page_ms(a, "h01", DUE, people, POLICY)
    at_door = locked(people, "a")
    assert latest_page_ms(a, "h01", DUE, at_door, POLICY) == opened
    assert latest_page_ms(b, "h01", DUE, at_door, POLICY) == opened - int(POLICY.entry_without_key_s * 1000)
    assert latest_page_ms(b, "h02", DUE, at_door, POLICY) == opened


def test_the_neighbour_without_a_key_is_not_asked_before_the_keyholder_across_town() -> None:
    people = duty(responder("a", odds=0.96), responder("b", odds=0.96), travel_s={"a": 30, "b": 350})
    assert plan(incident(), people, Asked(), POLICY, NOW).page == ("a",)
    able = feasible("h01", DUE, locked(people, "b"), POLICY, NOW)
    assert able == ("a", "b"), "with luck the neighbour finds a key in five minutes"
    assert plan(incident(), locked(people, "b"), Asked(), POLICY, NOW).page == ("b",)


def test_where_nobody_on_duty_gets_in_it_is_the_last_resort_at_once_and_keyholders_off_duty_are_asked() -> (
    None
):
    people = locked(duty(responder("a"), responder("b"), off=("b",)), "b")
    last = plan(incident(), people, Asked(), POLICY, NOW)
    assert (last.page, last.last_resort) == (("a", "b"), True)
    assert deadline(concern(), people, POLICY) == (NOW + 600_000, True), "and the record says so"


def test_somebody_without_a_key_does_not_go_alone() -> None:
    people = duty(responder("a"), responder("b"), responder("c"))
    held = step(incident(), Accepted("a", 4), NOW)
    asked = Asked(going={"a": Going(NOW, 4)})
    assert not plan(held, people, asked, POLICY, NOW + 1000).backup
    beside = plan(held, locked(people, "c"), asked, POLICY, NOW + 1000)
    assert (beside.page, beside.backup) == (("c",), True)


def test_once_somebody_is_inside_the_door_is_open_for_all_who_help() -> None:
    people = locked(duty(responder("a"), responder("b", odds=0.99)), "a")
    there = step(step(step(incident(), Accepted("a"), NOW), Arrived("a"), NOW), NeedsHelp("a"), NOW)
    assert there.state is State.ON_SCENE
    assert plan(there, people, Asked(), POLICY, NOW).page == ("b",)


def test_a_home_whose_only_keyholder_is_away_is_a_gap_of_coverage() -> None:
    people = duty(responder("a"), responder("b"), responder("c"), off=("c",))
    assert forecast(["h01", "h02"], people, POLICY, T0, 1).gaps == ()
    gaps = forecast(["h01", "h02"], locked(people, "c"), POLICY, T0, 1).gaps
    assert {(g.home, g.could_come) for g in gaps} == {("h01", 0)}


@given(
    st.lists(st.tuples(st.floats(0.05, 0.95), st.integers(0, 500), st.booleans()), min_size=1, max_size=8),
    st.integers(0, 400_000),
)
def test_nobody_who_would_be_inside_too_late_is_in_a_wave_while_others_could(
    figures: list[tuple[float, int, bool]], later_ms: int
) -> None:
    names = "abcdefgh"[: len(figures)]
    people = duty(
        *(responder(n, odds=odds) for n, (odds, _, _) in zip(names, figures, strict=True)),
        travel_s={n: travel for n, (_, travel, _) in zip(names, figures, strict=True)},
    )
    people = locked(people, *(n for n, (_, _, key) in zip(names, figures, strict=True) if key))
    now_ms = T0 + later_ms
    wave = plan(incident(), people, Asked(), POLICY, now_ms)
    able = feasible("h01", DUE, people, POLICY, now_ms)
    assert wave.last_resort == (not able)
    for n, (_, travel, key) in zip(names, figures, strict=True):
        inside_s = 5 + 60 + 60 + travel + 60 + (0 if key else POLICY.entry_without_key_s)
        assert (n in able) == (now_ms + inside_s * 1000 <= DUE)
    assert wave.last_resort or set(wave.page) <= set(able)


def test_whoever_can_lift_is_asked_first_for_help_and_nobody_is_left_out() -> None:
    people = duty(
        responder("a"),
        responder("b", odds=0.7),
        replace(responder("c", odds=0.7), skills=frozenset({"nurse", "lift"})),
        replace(responder("d", odds=0.7), skills=frozenset({"nurse"})),
        travel_s={"b": 50, "c": 250, "d": 100},
    )
    there = step(step(step(incident(), Accepted("a"), NOW), Arrived("a"), NOW), NeedsHelp("a"), NOW)
    assert plan(there, people, Asked(), POLICY, NOW).page == ("c", "b", "d")
    assert plan(incident(), people, Asked(), POLICY, NOW).page[0] == "b", "nobody waits for a skill"
    other = replace(there, kind=Kind.INACTIVITY)
    assert plan(other, people, Asked(), POLICY, NOW).page == ("b", "d", "c"), "none is wanted for it"
    lifts = replace(people.responders["c"], reply_odds=0.96)
    sure = replace(people, responders={**people.responders, "c": lifts})
    assert plan(there, sure, Asked(), POLICY, NOW).page == ("c",)


async def test_five_at_the_door_of_a_fall_texts_the_one_who_can_lift() -> None:
    lifts = replace(responder("c", odds=0.96), skills=frozenset({"lift"}))
    people = duty(responder("a", odds=0.96), responder("b", odds=0.96), lifts, travel_s={"a": 50, "b": 100})
    async with centre(people) as c:
        fall = await c.notice(concern())
        await c.step()
        for said in ("1", "2", "5"):
            c.clock.ms += 6_000
            c.provider.says(c.phone("a"), said)
            await c.step()
        assert c.paged() == ["a", "c"]
        assert (await c.now(fall)).help_ms is not None


async def test_keys_and_skills_come_back_and_changes_of_them_are_told(ledger: Ledger) -> None:
    await ledger.transact(lambda tx: roster.import_file(tx, read(EXAMPLE), "example", 1))
    found = await ledger.transact(roster.newest)
    assert found is not None
    ids = {r.phone[-1]: r.id for r in found.duty.responders.values()}
    assert found.duty.keyholders == {"h01": {ids["1"], ids["3"]}}
    assert found.duty.responders[ids["1"]].skills == {"lift", "first-aid"}
    assert found.duty.responders[ids["2"]].skills == frozenset()
    exported = await ledger.transact(roster.export_file)
    assert exported is not None
    again = read(roster.to_toml(exported))
    assert [h.keyholders for h in again.homes] == [("+8613800000001", "+8613800000003"), None, None]
    assert (await ledger.transact(lambda tx: roster.import_file(tx, again, "round", 2))).changes == ()
    fewer = EXAMPLE.replace(', "+8613800000003"]', "]").replace('["lift", "first-aid"]', '["lift"]')
    done = await ledger.transact(lambda tx: roster.import_file(tx, read(fewer), "fewer", 3))
    assert len(done.changes) == 2
    assert not any("+86" in line for line in done.changes), "numbers stay out of what is printed"


def test_keys_and_skills_that_cannot_be_meant_are_named() -> None:
    strange = EXAMPLE.replace(', "+8613800000003"]', ', "+8613800000009", "+8613800000001"]')
    strange = strange.replace('["lift", "first-aid"]', '["lift", "lift"]')
    with pytest.raises(SettingsError) as e:
        read(strange, "r.toml")
    assert e.value.problems == [
        "r.toml: keyholder of home h01 +8613800000001 stands there 2 times",
        "r.toml: home h01: keyholder +8613800000009 is no responder",
        "r.toml: skill of responder +8613800000001 lift stands there 2 times",
    ]
    with pytest.raises(SettingsError, match=r"homes\.0 \(h01\)\.keyholders"):
        read(EXAMPLE.replace('["+8613800000001", "+8613800000003"]', "[]"), "r.toml")
    with pytest.raises(SettingsError, match=r"responders\.0\.skills\.0"):
        read(EXAMPLE.replace('["lift", "first-aid"]', '["Heavy Lifting"]'), "r.toml")


def test_a_skill_for_a_kind_that_no_incident_has_is_refused() -> None:
    with pytest.raises(ValueError, match=r"help_skills: there is no incident of kind flood"):
        replace(POLICY, help_skills={"flood": "swim"})
