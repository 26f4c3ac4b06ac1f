"""What a provider lets through in a day: the last texts are for what is urgent, which never waits."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite
from structlog.testing import capture_logs

from alerting import drill
from alerting.channels import Channel
from alerting.concern import Kind
from alerting.courier import Courier
from alerting.duty import Duty
from alerting.ledger import (
    Ledger,
    Message,
    Tx,
    carried,
    carried_hourly,
    enqueue,
    lease,
    record_sent,
    sent,
)
from alerting.quota import DAY_MS, HOUR_MS, Cap, Quotas, kept, outlook, worth_telling
from alerting.readiness import AGAIN_MS
from guardian import quotas, ways
from guardian.people import People
from guardian.quotas import QuotaWatch
from guardian.settings import SettingsError, load
from tests.alerting_people import concern, duty, responder, shipped_policy, with_policy
from tests.courier_world import NOW, Centre, FakeProvider, centre
from tests.test_paths import Caller
from tests.test_settings import GOOD, TWILIO

POLICY = shipped_policy()
ONE = duty(responder("a", odds=0.97))


@dataclass
class Limited:
    """A centre whose usual channel has a cap, and another channel or none."""

    centre: Centre
    other: FakeProvider | None

    async def sent_before(self, texts: int, who: str = "a", ago_ms: int = HOUR_MS) -> None:
        """So many texts have gone to somebody by the usual channel."""
        await self.centre.ledger.transact(lambda tx: filled(tx, texts, who, self.centre.clock.ms - ago_ms))

    def by_usual(self) -> list[str]:
        """First words of what has gone by the usual channel."""
        return [t.body.split()[0] for t in self.centre.provider.taken]

    def by_other(self) -> list[str]:
        """First words of what has gone by the other one."""
        return [] if self.other is None else [t.body.split()[0] for t in self.other.taken]


def filled(tx: Tx, texts: int, who: str, sent_ms: int, channel: str = "fake") -> None:
    for _ in range(texts):
        old = Message(
            responder=who,
            purpose="answer",
            template="nothing-open",
            due_ms=sent_ms,
            valid_until_ms=sent_ms + 1,
            created_ms=sent_ms,
        )
        number = enqueue(tx, old)
        assert lease(tx, number, sent_ms, sent_ms + 1, channel=channel, body=f"old #{number}.")
        assert record_sent(tx, number, f"OLD{number}", sent_ms)


@asynccontextmanager
async def limited(
    cap: Cap, other: type[FakeProvider] | None = None, people: Duty = ONE
) -> AsyncIterator[Limited]:
    async with centre(people) as c:
        channels: dict[str, Channel] = {"fake": c.provider}
        second = None if other is None else other(c.clock)
        if second is not None:
            second.name = "other"
            channels["other"] = second
        calls = c.calls

        async def last_resort(one: object) -> None:
            calls.append((0, c.clock.ms))

        c.courier = Courier(
            c.ledger,
            channels,
            lambda: people,
            POLICY,
            c.clock,
            on_last_resort=last_resort,
            caps={"fake": cap},
        )
        yield Limited(c, second)


async def notice(c: Centre, kind: Kind, home: str = "h01") -> None:
    await c.notice(concern(kind, home=home))
    await c.step()
    c.clock.ms += 31_000  # LOW texts gather for half a minute
    await c.step()


async def test_the_last_texts_to_a_number_are_kept_for_what_is_urgent() -> None:
    assert kept(10, POLICY.quota_reserve) == 3
    async with limited(Cap(per_number_per_day=10)) as w:
        await w.sent_before(6)
        await notice(w.centre, Kind.APPLIANCE_LEFT_ON)
        assert w.by_usual() == ["NOTICE"]
        await notice(w.centre, Kind.SENSOR_FAULT, "h02")
        assert w.by_usual() == ["NOTICE"], "seven are used: the other three are kept"
        await w.centre.notice(concern(home="h03"))
        await w.centre.step()
        assert w.by_usual() == ["NOTICE", "URGENT"]


async def test_what_waits_goes_when_a_day_has_passed_over_the_others() -> None:
    async with limited(Cap(per_number_per_day=10)) as w:
        await w.sent_before(10, ago_ms=DAY_MS - HOUR_MS)
        await notice(w.centre, Kind.APPLIANCE_LEFT_ON)
        assert w.by_usual() == []
        begin_ms = w.centre.clock.ms
        while not w.by_usual():
            w.centre.clock.ms += AGAIN_MS
            await w.centre.step()
        assert HOUR_MS - AGAIN_MS <= w.centre.clock.ms - begin_ms <= HOUR_MS + AGAIN_MS


@pytest.mark.parametrize("cap", [Cap(per_number_per_day=5), Cap(per_day=5)])
async def test_what_is_used_up_gives_way_to_the_next_channel(cap: Cap) -> None:
    async with limited(cap, FakeProvider) as w:
        await w.sent_before(5)
        await w.centre.notice(concern())
        await w.centre.step()
        assert (w.by_usual(), w.by_other()) == ([], ["URGENT"])
        await notice(w.centre, Kind.SENSOR_FAULT, "h02")
        assert (w.by_usual(), w.by_other()) == ([], ["URGENT", "NOTICE"])


async def test_a_cap_of_one_number_closes_nobody_elses_way() -> None:
    people = duty(responder("a", odds=0.7), responder("b", odds=0.7))
    async with limited(Cap(per_number_per_day=5), FakeProvider, people) as w:
        await w.sent_before(5)
        await w.centre.notice(concern())
        await w.centre.step()
        assert [t.phone for t in w.centre.provider.taken] == [w.centre.phone("b")]
        assert w.other is not None
        assert [t.phone for t in w.other.taken] == [w.centre.phone("a")]


async def test_whoever_cannot_be_texted_any_more_is_called_for_a_fall_and_never_for_a_notice() -> None:
    async with limited(Cap(per_day=5), Caller) as w:
        await w.sent_before(5)
        await notice(w.centre, Kind.APPLIANCE_LEFT_ON)
        assert (w.by_usual(), w.by_other()) == ([], [])
        await w.centre.notice(concern(home="h02"))
        await w.centre.step()
        assert (w.by_usual(), w.by_other()) == ([], ["Urgent."])


@pytest.mark.parametrize(("kind", "word"), [(Kind.FALL_CONFIRMED, "URGENT"), (Kind.INACTIVITY, "IMPORTANT")])
async def test_where_no_other_way_is_left_what_is_urgent_is_tried_at_once_for_the_cap_may_be_wrong(
    kind: Kind, word: str
) -> None:
    async with limited(Cap(per_number_per_day=5, per_day=5)) as w:
        await w.sent_before(9)
        await w.centre.notice(concern(kind))
        await w.centre.step()
        assert w.by_usual() == [word]
        assert w.centre.provider.taken[0].t_ms == NOW, "no quota delays it"
        assert w.centre.calls == []
        w.centre.provider.says(w.centre.phone("a"), "1 4")
        await w.centre.step(NOW + 6000)
        assert len(w.by_usual()) == 2, "and the answer to who says yes"


async def test_a_drill_leaves_the_reserve_alone() -> None:
    for used, gone in ((6, ["TEST"]), (7, [])):
        async with limited(Cap(per_day=10)) as w:
            await w.sent_before(used)
            await w.centre.ledger.transact(lambda tx: drill.begin(tx, "h04", ONE, POLICY, NOW))
            await w.centre.step()
            assert w.by_usual() == gone


async def test_without_caps_nothing_is_counted_and_nothing_waits() -> None:
    async with limited(Cap()) as w:
        await w.sent_before(40)
        await notice(w.centre, Kind.APPLIANCE_LEFT_ON)
        assert w.by_usual() == ["NOTICE"]


@given(
    st.integers(1, 60),
    st.floats(0, 0.99),
    st.dictionaries(st.sampled_from("abc"), st.integers(0, 70)),
    st.booleans(),
)
def test_what_is_closed_for_what_is_urgent_is_closed_for_everything(
    most: int, reserve: float, used: Mapping[str, int], each: bool
) -> None:
    cap = Cap(per_number_per_day=most) if each else Cap(per_day=most)
    found = Quotas({"x": cap}, reserve, {"x": used})
    for who in "abcd":
        n = used.get(who, 0) if each else sum(used.values())
        urgent, spare = found.closed(who, urgent=True), found.closed(who, urgent=False)
        assert urgent <= spare
        assert bool(urgent) == (n >= most)
        assert bool(spare) == (n >= most * (1 - reserve) or n >= most - kept(most, reserve))


def test_the_outlook_counts_what_falls_out_of_a_day_what_comes_and_what_is_open() -> None:
    now_ms = 1000 * DAY_MS
    hour = now_ms // HOUR_MS
    caps = {"x": Cap(per_number_per_day=20, per_day=100)}

    def when(hours: Mapping[int, int], urgent: int = 0) -> dict[str | None, float | None]:
        found = outlook(caps, 0.3, {"x": {"a": hours}}, urgent, now_ms)
        return {
            o.responder: None if o.reached_ms is None else (o.reached_ms - now_ms) / HOUR_MS for o in found
        }

    assert when({}) == {None: None, "a": None}
    steady = dict.fromkeys(range(hour - 24, hour), 2)
    assert when(steady)[None] is None, "48 a day stay 48 a day"
    assert when({hour - 1: 12}) == {None: None, "a": 16.0}, "one more in two hours, the old ones still count"
    assert when({hour - 1: 12}, urgent=2) == {None: None, "a": 0.0}, "eight more for what is open"
    assert when({hour - 20: 19}) == {None: None, "a": 2.0}
    assert when({hour - 23: 19}) == {None: None, "a": None}, "they fall out before the next one comes"
    assert when({hour - 1: 25}) == {None: None, "a": 0.0}
    (all_of_it, one) = outlook(caps, 0.3, {"x": {"a": {hour - 1: 12}}}, 0, now_ms)
    assert (all_of_it.used, all_of_it.cap, all_of_it.kept) == (12, 100, 30)
    assert worth_telling([all_of_it, one]) == [all_of_it, one]
    few = outlook(caps, 0.3, {"x": {"a": {hour - 1: 3}}}, 0, now_ms)
    assert [o.responder for o in worth_telling(few)] == [None]


def test_a_cap_that_is_not_known_has_no_outlook() -> None:
    sent_to = {"x": {"a": {1000 * 24 - 1: 5}}}
    for cap, of in ((Cap(per_day=9), [None]), (Cap(per_number_per_day=9), ["a"]), (Cap(), [])):
        assert [o.responder for o in outlook({"x": cap}, 0.3, sent_to, 0, 1000 * DAY_MS)] == of


async def test_the_log_warns_once_for_a_cap_that_will_be_reached_and_the_listing_names_it() -> None:
    async with limited(Cap(per_number_per_day=10, per_day=1000)) as w:
        c, caps = w.centre, {"fake": Cap(per_number_per_day=10, per_day=1000)}
        watch = QuotaWatch(c.ledger, caps, POLICY, c.clock)
        with capture_logs() as logs:
            await watch.look()
            await w.sent_before(8, ago_ms=HOUR_MS)
            await watch.look()
            await watch.look()
        told = [entry for entry in logs if entry["log_level"] == "warning"]
        assert [(t["channel"], t["responder"], t["used"], t["cap"]) for t in told] == [("fake", "a", 8, 10)]
        found = await c.ledger.transact(lambda tx: quotas.look(tx, caps, POLICY, c.clock.ms))
        assert quotas.rows(found, People(c.people, {"a": "王安"})) == [
            {"channel": "fake", "to": None, "used": 8, "cap": 1000, "kept": 300, "reached": None},
            {
                "channel": "fake",
                "to": "王安",
                "used": 8,
                "cap": 10,
                "kept": 3,
                "reached": "2026-09-22T04:13",
            },
        ]
        c.clock.ms += DAY_MS
        with capture_logs() as later:
            await watch.look()
            await w.sent_before(9)
            await watch.look()
        assert [entry["used"] for entry in later] == [9], "out of danger and in it again"


@pytest.mark.parametrize("statement", [sent._CARRIED, sent._CARRIED_HOURLY])
async def test_counting_reads_an_index_and_never_the_outbox(statement: object) -> None:
    compiled = statement.params(channel="fake", since=1).compile(  # type: ignore[attr-defined]  # a Select
        dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}
    )
    ledger = await Ledger.open(None, inline=True, integrity=False)
    steps = await ledger.transact(
        lambda tx: [row[-1] for row in tx.conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}")]
    )
    await ledger.close()
    on_messages = [step for step in steps if " message" in step]
    assert len(on_messages) == 1
    assert (
        "SEARCH message USING COVERING INDEX ix_message_carried (channel=? AND sent_ms>?)" in on_messages[0]
    )


@pytest.mark.timed
async def test_a_day_of_two_thousand_texts_is_counted_within_twenty_milliseconds() -> None:
    ledger = await Ledger.open(None, inline=True, integrity=False)

    def work(tx: Tx) -> float:
        for n in range(20):
            filled(tx, 100, f"r{n:02d}", NOW - n * HOUR_MS // 10)
            filled(tx, 10, f"r{n:02d}", NOW - 2 * DAY_MS)
        begun = perf_counter()
        found = carried(tx, ["fake"], NOW - DAY_MS)
        took = perf_counter() - begun
        assert found == {"fake": {f"r{n:02d}": 100 for n in range(20)}}
        assert sum(carried_hourly(tx, ["fake"], NOW - DAY_MS)["fake"]["r00"].values()) == 100
        return took

    assert min([await ledger.transact(work)]) < 0.02
    await ledger.close()


def test_caps_are_read_for_the_channels_that_the_settings_name(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "twilio-auth-token").write_text("t")
    file = tmp_path / "guardian.toml"
    file.write_text(GOOD + TWILIO)
    assert ways.caps(load(file).settings) == {}
    file.write_text(GOOD + TWILIO + "per_day = 2000\n")
    loaded = load(file)
    assert ways.caps(loaded.settings) == {"twilio": Cap(per_day=2000)}
    assert [c.name for c in ways.channels(loaded, lambda: 0)] == ["twilio"]
    modem = '[modem]\ndevice = "/dev/x"\nper_number_per_day = 40\n'
    file.write_text(GOOD + modem)
    assert ways.caps(load(file).settings) == {"modem": Cap(per_number_per_day=40)}
    file.write_text(GOOD + TWILIO + "per_day = 0\n")
    with pytest.raises(SettingsError, match=r"twilio\.per_day: Input should be greater than or equal to 1"):
        load(file)


def test_a_reserve_that_is_all_of_a_cap_is_refused() -> None:
    with pytest.raises(ValueError, match="quota_reserve"):
        with_policy(quota_reserve=1.0)
