"""Figures for Prometheus: they say what happened, each thing once, and nobody can be told from them."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import numpy as np
import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parsed_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parsed

from alerting import events
from alerting.channels import ChannelError
from alerting.concern import Kind
from alerting.events import IncidentEvent
from alerting.incident import Incident
from alerting.ledger import Ledger, LedgerError, last_beat, save_beat
from guardian.board import Board, SensorSpec
from guardian.link import BrokerAddress, Link
from guardian.lookout import Lookout
from guardian.metrics import SEGMENTS, Sources, Tally, metrics_app
from guardian.protection import DAYS
from guardian.rounds import moment_at
from guardian.watch import Watch
from guardian.wire import Reject
from guardian.wire.native import Status, pack_event, pack_frame
from tests import courier_world
from tests.alerting_people import T0, SetClock, concern
from tests.courier_world import NOW, POLICY, Centre
from tests.test_ledger_disk import broken, why
from tests.test_watch_disk import Broker
from tests.thermal import everything

ROOT = Path(__file__).parent.parent
RULES = ROOT / "config" / "prometheus" / "guardian.rules.yml"
ORIGIN = "http://127.0.0.1:9469"


@dataclass
class Watched:
    """A centre in memory whose figures are read as Prometheus reads them."""

    centre: Centre
    watch: Watch
    board: Board
    sources: Sources
    tally: Tally = field(init=False)

    def __post_init__(self) -> None:
        self.starts()

    def starts(self) -> None:
        """The daemon starts: it knows what is in the ledger, and has counted nothing."""
        self.tally = Tally(self.clock)

    @property
    def clock(self) -> SetClock:
        return self.centre.clock

    async def get(self, path: str = "/metrics", method: str = "GET", **headers: str) -> httpx.Response:
        transport = httpx.ASGITransport(app=metrics_app(self.sources, self.tally, self.clock))
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers) as client:
            return await client.request(method, path)

    async def families(self) -> list[Metric]:
        answer = await self.get()
        assert answer.status_code == 200, answer.text
        return list(parsed(answer.text))

    async def series(self) -> dict[str, float]:
        """Everything that Prometheus would store: name and labels → value."""
        return flat(await self.families())

    async def happens(self, one: Incident, at_s: float, what: IncidentEvent) -> None:
        self.clock.ms = T0 + int(at_s * 1000)
        await self.centre.event(one, what, "a")

    async def beat(self, after_ms: int = 200) -> None:
        self.clock.ms += after_ms
        self.tally.noticed((await self.watch.beat(self.clock.ms)).concerns)


def flat(families: Iterable[Metric]) -> dict[str, float]:
    out = {}
    for family in families:
        for sample in family.samples:
            labels = ",".join(f'{k}="{v}"' for k, v in sorted(sample.labels.items()))
            out[sample.name + (f"{{{labels}}}" if labels else "")] = sample.value
    return out


@asynccontextmanager
async def watched(homes: int = 1, state: Path | None = None) -> AsyncIterator[Watched]:
    async with courier_world.centre() as c:
        board = Board("demo", [s for n in range(homes) for s in _sensors(f"h{n + 1:02}")])
        broker = Broker()
        watch = Watch(
            board=board,
            lookout=Lookout(board, everything()),
            ledger=c.ledger,
            duty=lambda: c.people,
            policy=POLICY,
            clock=c.clock,
            acks=broker,
            voice=broker,
            state_directory=state,
            on_noticed=lambda _what: None,
        )
        await watch.restore()
        link = Link(BrokerAddress("127.0.0.1", 1), "demo", board, lambda t_ms: t_ms)
        sources = Sources(link, watch, c.ledger, c.courier, lambda: c.people, POLICY, ("fake",))
        yield Watched(c, watch, board, sources)


def _sensors(home: str) -> list[SensorSpec]:
    return [
        SensorSpec(home, "t0", "thermal", "living", 8, 8, 4.0, "ceiling", 2.5, 60.0),
        SensorSpec(home, "help", "button", "living"),
        SensorSpec(home, "pir", "pir", "hall"),
    ]


async def _seconds(w: Watched, severity: str = "high") -> dict[str, float]:
    """What the stages that were counted took; each was counted once."""
    series = await w.series()

    def of(segment: str, what: str) -> float:
        name = f"guardian_incident_segment_seconds_{what}"
        return series[f'{name}{{segment="{segment}",severity="{severity}"}}']

    counted = [segment for segment in SEGMENTS if of(segment, "count")]
    assert all(of(segment, "count") == 1 for segment in counted)
    return {segment: of(segment, "sum") for segment in counted}


# --- what they say -----------------------------------------------------------------------------------


async def test_each_stage_of_an_incident_is_counted_once_however_often_it_is_read() -> None:
    async with watched() as w:
        assert not await _seconds(w)
        one = await w.centre.notice(concern())
        await w.centre.step()
        assert await _seconds(w) == {"onset-to-decided": 10, "decided-to-provider": 0}
        await w.happens(one, 60, events.Accepted("a", 5))
        assert (await _seconds(w))["provider-to-accepted"] == 50
        await w.happens(one, 300, events.Arrived("a"))
        await w.happens(one, 400, events.Closed("real"))
        whole = await _seconds(w)
        assert (whole["accepted-to-on-scene"], whole["onset-to-on-scene"]) == (240, 300)
        for later_s in (420, 4000):
            w.clock.ms = T0 + later_s * 1000
            assert await _seconds(w) == whole
        await w.happens(one, 4100, events.Contradicted())  # open again, with its old times
        assert (await w.series())['guardian_incidents_open{severity="high",state="reopened"}'] == 1
        assert await _seconds(w) == whole


async def test_what_was_closed_between_two_scrapes_is_counted_and_what_was_before_the_start_is_not() -> None:
    async with watched() as w:
        one = await w.centre.notice(concern())
        await w.happens(one, 60, events.Accepted("a"))
        w.clock.ms = T0 + 100_000
        w.starts()
        assert not await _seconds(w)
        await w.happens(one, 300, events.Arrived("a"))
        await w.happens(one, 310, events.Closed("real"))
        w.clock.ms = T0 + 3_600_000  # nobody has asked for an hour
        assert await _seconds(w) == {"accepted-to-on-scene": 240, "onset-to-on-scene": 300}


async def test_an_incident_counts_as_unaccepted_from_half_of_its_time_on() -> None:
    late = 'guardian_incidents_unaccepted_past_half{severity="high"}'
    async with watched() as w:
        one = await w.centre.notice(concern())
        w.clock.ms = T0 + 299_999
        assert (await w.series())[late] == 0
        w.clock.ms = T0 + 300_000
        assert (await w.series())[late] == 1
        await w.happens(one, 301, events.Accepted("a"))
        assert (await w.series())[late] == 0


async def test_a_drill_is_no_incident() -> None:
    async with watched() as w:
        await w.centre.notice(concern(Kind.DRILL))
        w.clock.ms = T0 + 590_000
        series = await w.series()
        assert series["guardian_drills_open"] == 1
        assert not any(v for k, v in series.items() if "incident" in k)


async def test_a_provider_that_takes_nothing_shows_in_the_outbox() -> None:
    def result(outcome: str) -> str:
        return f'guardian_provider_results_total{{channel="fake",outcome="{outcome}"}}'

    async with watched() as w:
        c = w.centre
        c.provider.refuse = {c.phone(who): ChannelError("HTTP 500", permanent=False) for who in "ab"}
        c.provider.refuse[c.phone("c")] = ChannelError("no such number", permanent=True)
        assert (await w.series())["guardian_outbox_oldest_age_seconds"] == 0
        await c.notice(concern())
        for after_s in (0, 5, 30, 60):
            await c.step(NOW + after_s * 1000)
        series = await w.series()
        assert series['guardian_outbox_messages{state="due"}'] >= 2
        assert series["guardian_outbox_oldest_age_seconds"] == 60, "not since the last try"
        assert (series[result("taken")], series[result("refused")]) == (0, 1)
        assert series[result("failed")] > 2
        c.provider.refuse.clear()
        for after_s in (120, 180):
            await c.step(NOW + after_s * 1000)
        series = await w.series()
        assert series["guardian_outbox_oldest_age_seconds"] == 0
        assert series[result("taken")] >= 2


async def test_a_provider_that_does_not_answer_is_told_from_one_that_refuses() -> None:
    async def hangs(_phone: str) -> None:
        raise TimeoutError

    async with watched() as w:
        w.centre.provider.trouble = hangs
        await w.centre.notice(concern())
        await w.centre.step()
        assert w.centre.courier.results == {("fake", "no-answer"): 3}


async def test_readings_rejects_and_findings_are_counted_by_what_they_are() -> None:
    async with watched() as w:
        w.board.event("guardian/demo/h01/help/event", pack_event(value=1), w.clock.ms)
        for topic, payload in (("h01/help/event", b"{"), ("h01/help/event", b"}"), ("h99/x/event", b"{}")):
            with pytest.raises(Reject):
                w.board.event(f"guardian/demo/{topic}", payload, w.clock.ms)
        await w.beat()
        series = await w.series()
        assert series["guardian_events_total"] == 1
        rejects = {k: v for k, v in series.items() if k.startswith("guardian_rejects_total") and v}
        assert sorted(rejects.values()) == [1, 2]
        assert rejects['guardian_rejects_total{reason="unknown-home"}'] == 1
        assert series['guardian_findings_total{kind="sos"}'] == 1
        assert series['guardian_incidents_open{severity="high",state="open"}'] == 1
        assert series["guardian_responders_on_shift"] == 3


async def test_a_home_that_nobody_hears_is_blind_and_its_sensors_are_down() -> None:
    async with watched(homes=3) as w:
        for home in ("h01", "h02"):
            w.board.tell(w.board.specs[1], Status("online", 3.0, None))
            w.board.event(f"guardian/demo/{home}/pir/event", pack_event(value=1), w.clock.ms)
        for _minute in range(15):
            await w.beat(60_000)
        series = await w.series()
        homes = {k[27:-2]: v for k, v in series.items() if k.startswith("guardian_homes{")}
        assert homes == {"blind": 3, "degraded": 0, "protected": 0}, "no camera has sent a picture"
        assert series['guardian_sensors_down{kind="thermal"}'] == 3
        assert series['guardian_sensors{kind="thermal"}'] == 3
        assert series["guardian_batteries_low"] == 1
        assert series["guardian_homes_protected_today_seconds"] == 0
        today = moment_at(w.clock.ms, ZoneInfo(w.centre.people.timezone)).day
        kept = w.watch.lookout.protection.state
        kept.day[:], kept.minutes[:, today % DAYS] = today, (5, 0, 2)
        assert (await w.series())["guardian_homes_protected_today_seconds"] == 7 * 60


async def test_beats_that_are_late_or_long_are_seen_as_such() -> None:
    async with watched() as w:
        for begun_ms, took_ms in ((0, 4), (200, 4), (400, 1500), (1950, 4)):
            w.clock.ms = NOW + begun_ms + took_ms
            w.tally.beat(NOW + begun_ms)
        series = await w.series()
        assert series["guardian_beat_length_seconds_count"] == 4
        assert series['guardian_beat_length_seconds_bucket{le="0.01"}'] == 3
        assert series["guardian_beat_lag_seconds_count"] == 3
        assert series["guardian_beat_lag_seconds_sum"] == 1.35
        assert series['guardian_beat_lag_seconds_bucket{le="0.01"}'] == 2


async def test_a_snapshot_has_an_age_and_a_size(tmp_path: Path) -> None:
    async with watched(state=tmp_path) as w:
        begun_ms = w.clock.ms
        w.clock.ms += 7_000
        series = await w.series()
        assert (series["guardian_snapshot_age_seconds"], series["guardian_snapshot_size_bytes"]) == (7, 0)
        writer = asyncio.create_task(w.watch.saving.run(tmp_path))
        await w.watch.end()
        w.clock.ms += 5_000
        series = await w.series()
        assert series["guardian_snapshot_age_seconds"] == 5
        assert series["guardian_snapshot_size_bytes"] == (tmp_path / "board-a.snap").stat().st_size
        assert w.watch.saving.kept_ms == begun_ms + 7_000
        writer.cancel()


# --- how they are said -------------------------------------------------------------------------------


async def test_a_thousand_homes_have_as_many_series_as_ten() -> None:
    counted = []
    for homes in (10, 1000):
        async with watched(homes=homes) as w:
            for home in w.board.homes:
                w.board.event(f"guardian/demo/{home}/help/event", pack_event(value=1), w.clock.ms)
                w.board.frame(f"guardian/demo/{home}/t0/frame", _frame(), w.clock.ms)
                with pytest.raises(Reject):
                    w.board.event(f"guardian/demo/{home}/gone/event", b"{}", w.clock.ms)
            await w.beat()
            series = await w.series()
            assert series["guardian_findings_total" + '{kind="sos"}'] == homes
            assert series["guardian_frames_total"] == homes
            counted.append(set(series))
    assert counted[0] == counted[1]
    assert len(counted[0]) < 800


def _frame() -> bytes:
    return pack_frame(np.full((8, 8), 2100, np.int16))


async def test_only_this_machine_may_ask_and_only_for_this() -> None:
    async with watched() as w:
        answer = await w.get()
        assert answer.headers["content-type"].startswith("text/plain; version=")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert (await w.get(host="localhost:9469")).status_code == 200
        assert (await w.get(host="guardian.example")).status_code == 400
        for method in ("POST", "PUT", "DELETE"):
            assert (await w.get(method=method)).status_code == 405
        for path in ("/", "/metrics/", "/status", "/-/reload"):
            assert (await w.get(path)).status_code == 404


async def test_it_speaks_openmetrics_to_whoever_asks_for_it() -> None:
    async with watched() as w:
        answer = await w.get(accept="application/openmetrics-text; version=1.0.0")
        assert answer.headers["content-type"].startswith("application/openmetrics-text")
        families = parsed_openmetrics(answer.text)  # type: ignore[no-untyped-call]  # the library's has no types
        assert flat(families).keys() == (await w.series()).keys()


async def test_while_the_ledger_cannot_be_read_it_says_so_and_on_memory_it_goes_on(tmp_path: Path) -> None:
    ledger = await Ledger.open(tmp_path / "ledger.db", inline=True, stand_in=True)
    async with watched() as w:
        w.sources = replace(w.sources, ledger=ledger)
        assert (await w.series())["guardian_ledger_on_memory"] == 0
        with broken():
            assert await ledger.transact(last_beat) == 0
            await ledger.transact(lambda tx: save_beat(tx, NOW, b"x" * 100_000))
            assert why(ledger)
            series = await w.series()
            assert series["guardian_ledger_on_memory"] == 1
            assert series["guardian_ledger_restored"] == series["guardian_ledger_waiting_transactions"] == 0
        await ledger.close()

        def away(_work: object) -> None:
            raise LedgerError("the disk", permanent=False, disk=True)

        ledger.transact = away  # type: ignore[method-assign,assignment]
        assert (await w.get()).status_code == 503


# --- what is written about them ----------------------------------------------------------------------

_ROW = re.compile(r"\| `(guardian_\w+)` \| (\w+) \|([^|]*)\|")


def _documented() -> dict[str, tuple[str, str]]:
    rows = _ROW.findall((ROOT / "docs" / "metrics.md").read_text("utf-8"))
    assert len(rows) == len({name for name, _, _ in rows}), "each once"
    return {name: (kind, labels.strip()) for name, kind, labels in rows}


async def test_every_figure_is_explained_as_it_is() -> None:
    async with watched() as w:
        found = {}
        for family in await w.families():
            labels = sorted({label for s in family.samples for label in s.labels} - {"le"})
            name = f"{family.name}_total" if family.type == "counter" else family.name
            found[name] = family.type, ", ".join(labels)
        assert found == _documented()


async def test_names_are_as_prometheus_wants_them() -> None:
    """Of its page on naming: a prefix, base units, `_total` for what is counted and for nothing else."""
    async with watched() as w:
        families = await w.families()
    units = re.compile(r"milli|micro|_ms|_minutes|_hours|_days|_kb|_percent|_ratio_")
    for family in families:
        assert re.fullmatch(r"guardian_[a-z][a-z_]*[a-z]", family.name), family.name
        assert not units.search(family.name), family.name
        assert not family.name.endswith("_total"), family.name
        assert family.documentation.endswith("."), family.name
        assert family.type != "histogram" or family.name.endswith("_seconds"), family.name


def test_rules_ask_for_figures_that_there_are() -> None:
    text = RULES.read_text("utf-8")
    asked = {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"guardian_[a-z_]+", text)}
    assert asked <= set(_documented())
    assert len(asked) > 10


def test_every_alert_has_words_in_both_languages_and_a_severity() -> None:
    alerts = re.split(r"^      - alert: ", RULES.read_text("utf-8"), flags=re.MULTILINE)[1:]
    assert len(alerts) >= 11
    for alert in alerts:
        name = alert.split("\n", 1)[0]
        assert re.search(r"severity: (critical|warning)\n", alert), name
        assert re.search(r"summary: .*[a-z]", alert), name
        assert re.search(r"summary_zh: .*[\u4e00-\u9fff]", alert), name
