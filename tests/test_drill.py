"""Drills: by the real road, marked in every text, and never in the way of anything real."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pytest

from alerting import drill, keypress, triage
from alerting.concern import Kind, Severity
from alerting.drill import FRESH_MS, MOST_MS, DrillRefused
from alerting.duty import Duty
from alerting.incident import Accepted, Arrived, Closed, Incident, State
from alerting.keypress import Pressed
from alerting.ledger import Tx, closed_codes, last_answers, moves, open_incidents, past
from alerting.readiness import STORM_TEXTS
from alerting.spoken import Keys
from tests.alerting_people import concern, duty, responder
from tests.courier_world import NOW, ONE_BY_ONE, POLICY, THREE, Centre, centre

MIN = 60_000
DAY = 24 * 60 * MIN


async def begin(c: Centre, home: str = "h01") -> Incident:
    return await c.ledger.transact(lambda tx: drill.begin(tx, home, c.people, POLICY, c.clock.ms))


def bodies(c: Centre) -> list[str]:
    return [t.body for t in c.provider.taken]


async def opened(c: Centre) -> list[Incident]:
    return await c.ledger.transact(open_incidents)


async def test_a_drill_is_asked_and_answered_as_in_earnest_and_every_text_says_that_it_is_one() -> None:
    async with centre(ONE_BY_ONE) as c:
        it = await begin(c)
        assert (it.kind, it.severity, it.deadline_ms) == (Kind.DRILL, Severity.MEDIUM, NOW + 10 * MIN)
        await c.step()
        for minute, said in enumerate(("1", "1 4", "4", "5", "2", "hello", "6"), start=1):
            c.provider.says(c.phone("a"), said)
            await c.step(NOW + minute * 10_000)
        after = await c.now(it)
        assert (after.state, after.outcome, after.acceptor) == (State.CLOSED, "drill", "a")
        assert after.on_scene_ms is not None
        c.provider.says(c.phone("a"), "5")
        await c.step(NOW + 2 * MIN)
        assert (await c.now(it)).state is State.CLOSED, "a drill that is over is not brought back"
        assert len(bodies(c)) >= 9
        assert all(b.startswith("TEST ") for b in bodies(c)), bodies(c)
        assert "call 120 and the centre" in bodies(c)[-1]
        due = await c.ledger.transact(lambda tx: drill.due(tx, ["h01", "h02"], list("abc"), c.clock.ms))
        assert (list(due.homes), list(due.people)) == (["h02"], ["b", "c"])
        later = c.clock.ms + FRESH_MS + 1
        due = await c.ledger.transact(lambda tx: drill.due(tx, ["h01", "h02"], list("abc"), later))
        assert (list(due.homes), list(due.people)) == (["h02", "h01"], ["b", "c", "a"])


async def test_keys_in_a_call_about_a_drill_are_answered_as_one() -> None:
    async with centre(ONE_BY_ONE) as c:
        it = await begin(c)
        await c.step()
        for press, digits in enumerate(("1", "2", "5", "6")):
            pressed = Pressed(call="CA1", phone=c.phone("a"), digits=digits, press=press)
            heard = await c.ledger.transact(
                partial(keypress.press, pressed=pressed, duty=c.people, policy=POLICY, now_ms=NOW)
            )
            assert heard.words.startswith("This is a test. "), heard.words
            assert heard.keys is {"1": Keys.MINUTES, "6": Keys.NONE}.get(digits, Keys.ONE)
        assert (await c.now(it)).outcome == "drill"


async def test_nobody_answers_nobody_off_shift_is_asked_and_no_siren_sounds() -> None:
    people = duty(*(responder(n, odds=0.5) for n in "abcd"), off=("d",), travel_s={"c": 5000})
    async with centre(people) as c:
        it = await begin(c)
        for s in range(0, 1300, 10):
            await c.step(NOW + s * 1000)
        assert c.calls == []
        names = {c.phone(n): n for n in "abcd"}
        pages = [names[t.phone] for t in c.provider.taken if "be there" in t.body]
        assert sorted(pages) == ["a", "b", "c"], "also the one who would be late, each once"
        after = await c.now(it)
        assert (after.state, after.outcome, after.on_scene_ms) == (State.CLOSED, "drill", None)
        assert (after.closed_ms or 0) - NOW == 10 * MIN
        due = await c.ledger.transact(lambda tx: drill.due(tx, ["h01"], list("abc"), c.clock.ms))
        assert (due.homes, list(due.people)) == ({"h01": None}, ["a", "b", "c"])


async def test_whoever_went_and_was_forgotten_is_told_after_an_hour() -> None:
    async with centre(ONE_BY_ONE) as c:
        it = await begin(c)
        await c.step()
        await c.event(it, Arrived("a"), "a")
        await c.step(NOW + 11 * MIN)
        assert (await c.now(it)).state is State.ON_SCENE
        await c.step(NOW + MOST_MS)
        assert (await c.now(it)).outcome == "drill"
        last = c.provider.taken[-1]
        assert (last.phone, "is over" in last.body) == (c.phone("a"), True)


@pytest.mark.parametrize(
    "kind", sorted(set(Kind) - {Kind.DRILL, Kind.FALL_RECOVERED, Kind.CANCEL, Kind.IN_SIGHT})
)
@pytest.mark.parametrize("state", ["open", "accepted", "on-scene"])
async def test_anything_that_is_noticed_at_the_home_ends_the_drill_and_stands_alone(
    kind: Kind, state: str
) -> None:
    async with centre() as c:
        it = await begin(c)
        await c.step()
        if state != "open":
            await c.event(it, Accepted("a"), "a")
        if state == "on-scene":
            await c.event(it, Arrived("a"), "a")
        real = await c.notice(concern(kind))
        assert real.id != it.id
        after = await c.now(it)
        assert (after.state, after.outcome, after.kind) == (State.CLOSED, "drill", Kind.DRILL)
        assert (real.kind, real.state, real.acceptor) == (kind, State.OPEN, None)
        assert [i.id for i in await opened(c)] == [real.id]
        before = len(c.provider.taken)
        for after_s in (1, 32):  # LOW texts wait half a minute for others
            await c.step(NOW + after_s * 1000)
        fresh = c.provider.taken[before:]
        told = {t.phone for t in fresh if t.body.startswith("TEST") and "is over" in t.body}
        assert told == {c.phone(n) for n in "abc"}
        paged = {t.phone for t in fresh if not t.body.startswith("TEST")}
        assert paged == (set() if kind is Kind.FALL_SUSPECTED else {c.phone(n) for n in "abc"})


async def test_a_word_of_peace_is_none_about_a_drill() -> None:
    async with centre() as c:
        it = await begin(c)
        found = [concern(Kind.CANCEL), concern(Kind.FALL_RECOVERED)]
        touched = await c.ledger.transact(lambda tx: triage.take(tx, found, c.people, POLICY, NOW))
        assert touched == []
        assert (await c.now(it)).state is State.OPEN


async def test_no_drill_begins_where_something_is_open_or_nobody_is_on_shift() -> None:
    async with centre() as c:
        await c.notice(concern(Kind.FALL_SUSPECTED))
        with pytest.raises(DrillRefused, match=r"h01: incident 1 \(fall-suspected\) is open"):
            await begin(c)
        await begin(c, "h02")
        with pytest.raises(DrillRefused, match=r"incident 2 \(drill\) is open"):
            await begin(c, "h02")
    async with centre(duty(responder("a"), off=("a",))) as c:
        with pytest.raises(DrillRefused, match="nobody is on shift"):
            await begin(c)
        assert await opened(c) == []


async def test_texts_of_drills_hold_nothing_real_back() -> None:
    people = duty(responder("a", odds=0.97))
    async with centre(people) as c:
        for n in range(STORM_TEXTS + 5):
            await begin(c, f"h{n + 10}")
        await c.step()
        assert len(c.provider.taken) == STORM_TEXTS
        await c.notice(concern(Kind.INACTIVITY))  # MEDIUM: it has no right of its own to overtake
        await c.step(NOW + 1000)
        assert [b.split()[0] for b in bodies(c)[STORM_TEXTS:]] == ["IMPORTANT"]


async def test_what_is_real_goes_out_before_a_drill_that_was_due_first() -> None:
    people = duty(responder("a", odds=0.97))
    async with centre(people) as c:
        await begin(c, "h02")
        await c.notice(concern(Kind.INACTIVITY))
        await c.notice(concern(Kind.SMOKE, home="h03"))
        await c.step()
        assert [b.split()[0] for b in bodies(c)] == ["URGENT", "IMPORTANT", "TEST"]


async def test_what_people_do_in_drills_teaches_nothing() -> None:
    async with centre(ONE_BY_ONE) as c:
        it = await begin(c)
        await c.step()
        await c.event(it, Accepted("a"), "a")
        c.clock.ms += 5 * MIN
        await c.event(it, Arrived("a"), "a")
        await c.event(it, Closed("drill"), "a")
        known = await c.ledger.transact(lambda tx: past(tx, 0, c.clock.ms + 1))
        assert (known.pages, known.trips) == ((), ())


async def some(c: Centre, homes: Sequence[str], people: Duty | None = None) -> list[str]:
    def work(tx: Tx) -> list[Incident]:
        return drill.begin_some(tx, homes, people or c.people, POLICY, c.clock.ms)

    return [i.home for i in await c.ledger.transact(work)]


async def test_all_means_as_many_as_there_are_people_and_the_others_next_time() -> None:
    homes = [f"h{n:02}" for n in range(1, 6)]
    async with centre(THREE) as c:
        await c.notice(concern(Kind.BLIND, home="h02"))
        assert await some(c, homes) == ["h01", "h03", "h04"]
        assert await some(c, homes) == [], "everybody is busy with one"
        (first, *_) = [i for i in await opened(c) if i.home == "h01"]
        await c.event(first, Arrived("a"), "a")
        for s in range(0, 3700, 30):
            await c.step(NOW + s * 1000)
        assert await some(c, homes) == ["h05", "h03", "h04"], "h01 had somebody on scene, the others had not"
        c.clock.ms += 31 * DAY
        with pytest.raises(DrillRefused, match="nobody is on shift"):
            await some(c, homes, duty(responder("a"), off=("a",)))


async def test_the_board_may_close_a_drill_as_it_likes_and_it_is_one() -> None:
    async with centre() as c:
        it = await begin(c)
        await c.event(it, Closed("real"), "board")
        after = await c.now(it)
        assert after.outcome == "drill"
        last = (await c.ledger.transact(lambda tx: moves(tx, it.id)))[-1]
        assert last.detail["outcome"] == "real", "what was said is kept"


async def test_help_wanted_where_all_was_over_is_real_though_a_drill_stands_there() -> None:
    async with centre(ONE_BY_ONE) as c:
        fall = await c.notice(concern())
        await c.step()
        await c.event(fall, Accepted("a", 3), "a")
        await c.event(fall, Arrived("a"), "a")
        await c.event(fall, Closed("safe"), "a")
        c.clock.ms += MIN
        it = await begin(c)
        await c.step()
        codes = await c.ledger.transact(lambda tx: closed_codes(tx, "a", c.clock.ms))
        (code,) = (k for k, number in codes.items() if number == fall.id)
        c.provider.says(c.phone("a"), f"{code} 5")
        await c.step(c.clock.ms + 10_000)
        assert ((await c.now(it)).state, (await c.now(it)).outcome) == (State.CLOSED, "drill")
        again = await c.now(fall)
        assert again.state is not State.CLOSED
        assert again.wants_people


async def test_a_drill_ends_when_its_home_goes_dark_with_the_street() -> None:
    async with centre(ONE_BY_ONE) as c:
        it = await begin(c)
        dark = {"homes_dark": 9.0, "cameras": 1.0, "cameras_dark": 1.0}
        await c.notice(*(replace(concern(Kind.BLIND, home=f"h0{n}"), evidence=dark) for n in range(1, 7)))
        assert ((await c.now(it)).state, (await c.now(it)).outcome) == (State.CLOSED, "drill")


async def test_an_answer_of_any_kind_says_when_somebody_was_last_heard_of() -> None:
    async with centre(ONE_BY_ONE) as c:
        await begin(c)
        await c.step()
        c.provider.says(c.phone("a"), "1")
        await c.step(NOW + 10_000)
        c.provider.says(c.phone("a"), "hello")
        c.provider.says("+4900000000", "1")
        await c.step(NOW + 20_000)
        assert await c.ledger.transact(last_answers) == {"a": NOW + 20_000}
