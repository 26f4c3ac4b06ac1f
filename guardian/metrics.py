"""Figures about Guardian itself, for Prometheus: an application on a port of its own, with one address.

Takes what the daemon counts anyway, read at each scrape; between scrapes only beats and findings are counted.
Nobody can be told from a figure: labels hold words of ours (reasons, kinds, states, channels), never a home,
a sensor, a person or a text, so their number does not grow with the homes. Changes nothing, decides nothing.
"""

from collections import Counter as Counts
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from itertools import product
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

import numpy as np
from prometheus_client import Histogram, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from alerting.concern import Concern, Kind, Severity
from alerting.courier import OUTCOMES, Courier
from alerting.duty import Duty
from alerting.incident import State
from alerting.ledger import Figures, Ledger, LedgerError, Times, figures
from alerting.policy import Policy
from alerting.shifts import on_duty
from guardian.clock import Clock
from guardian.home_rows import sight
from guardian.link import Link
from guardian.rounds import moment_at
from guardian.watch import BEAT_MS, Watch
from guardian.web.fence import LOOPBACK_NAMES, SafeHeaders
from guardian.wire import Reason

PATH: Final = "/metrics"
LOOK_BACK_MS: Final = 60_000
"""A scrape asks again for what was closed so long before the last one: a time is taken before its commit."""
BEAT_S: Final = (0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Upper ends in seconds: a beat is due every 0.2 s, at 5 s the watchdog bites."""
SEGMENT_S: Final = (1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 180.0, 300.0, 450.0, 600.0, 900.0, 1800.0)
"""Upper ends in seconds: texts go within seconds, and 600 s are what was promised."""
SEGMENTS: Final[Mapping[str, Callable[[Times], tuple[int | None, int | None]]]] = {
    "onset-to-suspected": lambda one: (one.onset_ms, one.suspected_ms),
    "suspected-to-decided": lambda one: (one.suspected_ms, one.decided_ms),
    "onset-to-decided": lambda one: (one.onset_ms, one.decided_ms),
    "decided-to-provider": lambda one: (one.decided_ms, one.provider_ms),
    "provider-to-accepted": lambda one: (one.provider_ms, one.accepted_ms),
    "accepted-to-on-scene": lambda one: (one.accepted_ms, one.on_scene_ms),
    "onset-to-on-scene": lambda one: (one.onset_ms, one.on_scene_ms),
}
"""When each begins and ends; the last one is what was promised."""
SEVERITIES: Final[Mapping[Severity | None, str]] = {
    None: "none",
    **{severity: severity.name.lower() for severity in Severity},
}
"""As they stand in labels; none: only suspected."""
FAULTS: Final = ("half-open", "pauses", "stale-acks", "malformed")
"""Of `Link.counters`, beside the connects."""

Label = TypeVar("Label", bound=str | tuple[str, ...])


class Tally:
    """What is counted as it happens: beats, findings, and the stages of incidents."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.started_ms = clock.now_ms()
        self._begun_ms: int | None = None
        self._lag = _histogram("beat_lag_seconds", "How much later than due a beat began.", BEAT_S)
        self._length = _histogram("beat_length_seconds", "How long a beat took.", BEAT_S)
        self._segments = _histogram(
            "incident_segment_seconds",
            "From one stage of an incident to another.",
            SEGMENT_S,
            ("segment", "severity"),
        )
        for segment, severity in product(SEGMENTS, SEVERITIES.values()):
            self._segments.labels(segment, severity)
        self.findings: Counts[Kind] = Counts()
        self._told: dict[int, frozenset[str]] = {}  # incident → segments that have been counted
        self.read_ms = self.started_ms
        """When the stages of incidents were last read."""

    def beat(self, begun_ms: int) -> None:
        """Count a beat that began then and has just ended."""
        if self._begun_ms is not None:
            self._lag.observe(max(0, begun_ms - self._begun_ms - BEAT_MS) / 1000)
        self._begun_ms = begun_ms
        self._length.observe((self._clock.now_ms() - begun_ms) / 1000)

    def noticed(self, concerns: Iterable[Concern]) -> None:
        """Count the findings of a beat."""
        self.findings.update(c.kind for c in concerns)

    def reached(self, times: Sequence[Times], now_ms: int) -> None:
        """Count every stage that was reached since the start, each once, however often it is read.

        times: of all incidents that are open or were closed within LOOK_BACK_MS before the last call.
        """
        new_ms = max(self.started_ms, self.read_ms - LOOK_BACK_MS)
        told = {}
        for one in times:
            done = self._told.get(one.id, frozenset())
            for segment, ends in SEGMENTS.items():
                began, ended = ends(one)
                if segment not in done and began is not None and ended is not None:
                    done |= {segment}
                    if ended >= new_ms:  # one that is opened again has old ones
                        of = self._segments.labels(segment, SEVERITIES[one.severity])
                        of.observe(max(0, ended - began) / 1000)
            told[one.id] = done
        self._told, self.read_ms = told, max(now_ms, self.read_ms)

    def families(self) -> Iterator[Metric]:
        """Give the histograms."""
        for histogram in (self._lag, self._length, self._segments):
            for family in histogram.collect():
                family.samples = [s for s in family.samples if not s.name.endswith("_created")]
                yield family


@dataclass(frozen=True, slots=True)
class Sources:
    """The parts of the daemon whose counts are read."""

    link: Link
    watch: Watch
    ledger: Ledger
    courier: Courier
    duty: Callable[[], Duty]
    policy: Policy
    channels: tuple[str, ...]
    """Names of the ways to people."""


def metrics_app(sources: Sources, tally: Tally, clock: Clock) -> Starlette:
    """Build the application: GET /metrics, in the format asked for; 503 while the ledger cannot be read."""

    async def scrape(request: Request) -> Response:
        now_ms = clock.now_ms()
        read = partial(
            figures,
            now_ms=now_ms,
            near_s=sources.policy.target_s / 2,
            closed_since_ms=tally.read_ms - LOOK_BACK_MS,
        )
        try:
            held = await sources.ledger.transact(read)
        except LedgerError:
            return Response("The ledger cannot be read.\n", 503, media_type="text/plain")
        tally.reached(held.times, now_ms)
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        families = [*_families(sources, tally, held, now_ms), *tally.families()]
        return Response(encode(_Scrape(families)), headers={"content-type": content_type})

    app = Starlette(
        routes=[Route(PATH, scrape, methods=["GET"])],
        middleware=[
            Middleware(SafeHeaders),
            Middleware(TrustedHostMiddleware, allowed_hosts=list(LOOPBACK_NAMES), www_redirect=False),
        ],
    )
    app.router.redirect_slashes = False  # any other address is not there
    return app


@dataclass(frozen=True)
class _Scrape(Collector):
    """What one scrape has read."""

    families: Sequence[Metric]

    def collect(self) -> Iterable[Metric]:
        return self.families


def _families(sources: Sources, tally: Tally, held: Figures, now_ms: int) -> Iterator[Metric]:
    yield _gauge(
        "build_info", "The version that runs; always 1.", {version("guardian-care"): 1}, ("version",)
    )
    yield _gauge("start_time_seconds", "When it was started, seconds since 1970.", tally.started_ms / 1000)
    yield from _of_link(sources.link)
    yield from _of_board(sources.watch)
    yield _counter("findings", "What was noticed.", {k: tally.findings[k] for k in Kind}, ("kind",))
    yield from _of_incidents(held)
    yield from _of_texts(sources, held, now_ms)
    yield from _of_homes(sources, now_ms)
    yield from _of_disk(sources, now_ms)


def _of_link(link: Link) -> Iterator[Metric]:
    counted = link.counters
    yield _gauge("link_up", "Whether a connection to the broker is up.", link.connected, ("connection",))
    connects = {name: counted[f"connects-{name}"] for name in link.connected}
    yield _counter("link_connects", "Connections to the broker that were made.", connects, ("connection",))
    faults = {fault: counted[fault] for fault in FAULTS}
    yield _counter("link_faults", "What went amiss with the broker.", faults, ("fault",))


def _of_board(watch: Watch) -> Iterator[Metric]:
    board, bench = watch.board, watch.lookout.bench
    missed = sum(int(g.missed.sum()) for g in board.groups.values())
    yield _counter("frames", "Thermal frames taken.", board.frames_taken)
    yield _counter("frames_dropped", "Frames that made room for newer ones.", int(board.frames_dropped.sum()))
    yield _counter("frames_missed", "Frames that devices have numbered and never came.", missed)
    yield _counter("events", "Events taken.", board.events_taken)
    yield _counter("events_missed", "Events that devices have numbered and never came.", board.events_missed)
    yield _counter("events_duplicate", "Events that came again and were dropped.", board.duplicates)
    yield _counter("events_set_aside", "Events at which Guardian failed.", board.set_aside)
    refused = dict.fromkeys(Reason, 0)
    for (reason, _device), count in board.rejects.items():
        refused[reason] += count
    yield _counter("rejects", "Payloads that cannot be used.", refused, ("reason",))
    seats = {"cameras": bench.cameras, "parts": bench.parts}
    errors = {of: s.errors for of, s in seats.items()}
    yield _counter("detector_errors", "Errors in detectors.", errors, ("of",))
    benched = {of: len(s.now) for of, s in seats.items()}
    yield _gauge("benched", "What is left out for a time after an error.", benched, ("of",))


def _of_incidents(held: Figures) -> Iterator[Metric]:
    states = [state for state in State if state is not State.CLOSED]
    open_ = {(SEVERITIES[s], state): held.open.get((s, state), 0) for s, state in product(SEVERITIES, states)}
    yield _gauge("incidents_open", "Open incidents, without drills.", open_, ("severity", "state"))
    late = {SEVERITIES[s]: held.unaccepted.get(s, 0) for s in (Severity.MEDIUM, Severity.HIGH)}
    what = "Incidents that nobody has accepted and that have less than half of their time left."
    yield _gauge("incidents_unaccepted_past_half", what, late, ("severity",))
    yield _gauge("drills_open", "Drills that go on.", held.drills)


def _of_texts(sources: Sources, held: Figures, now_ms: int) -> Iterator[Metric]:
    waits = {"due": held.due, "leased": held.leased}
    yield _gauge("outbox_messages", "Texts that are to go now.", waits, ("state",))
    since_ms = now_ms if held.waiting_since_ms is None else held.waiting_since_ms
    yield _gauge(
        "outbox_oldest_age_seconds", "How long the oldest waits; 0: none does.", _since(since_ms, now_ms)
    )
    results = sources.courier.results
    by = {
        (channel, outcome): results[channel, outcome] for channel in sources.channels for outcome in OUTCOMES
    }
    what = "What came of handing texts and calls to a provider."
    yield _counter("provider_results", what, by, ("channel", "outcome"))
    on_shift = len(on_duty(sources.duty(), now_ms))
    yield _gauge("responders_on_shift", "People whose shift it is.", on_shift)


def _of_homes(sources: Sources, now_ms: int) -> Iterator[Metric]:
    board, lookout = sources.watch.board, sources.watch.lookout
    health, protection = lookout.health, lookout.protection
    blind, degraded = sight(board.state(now_ms), protection)
    homes = {
        "blind": int(blind.sum()),
        "degraded": int((degraded & ~blind).sum()),
        "protected": int((~blind & ~degraded).sum()),
    }
    yield _gauge("homes", "Homes by whether they are protected now.", homes, ("protection",))
    today = moment_at(now_ms, ZoneInfo(sources.duty().timezone)).day
    minutes = int(protection.minutes_of(today).sum(dtype=np.int64))
    what = "Protected time since local midnight, of all homes together."
    yield _gauge("homes_protected_today_seconds", what, 60 * minutes)
    live = {"thermal": health.now.camera_live, "event": health.now.sensor_live}
    kind = ("kind",)
    yield _gauge("sensors", "Sensors of the roster.", {k: len(a) for k, a in live.items()}, kind)
    yield _gauge(
        "sensors_down", "Sensors that are not heard.", {k: int((~a).sum()) for k, a in live.items()}, kind
    )
    yield _gauge("batteries_low", "Sensors that say their battery is nearly empty.", health.batteries_low)


def _of_disk(sources: Sources, now_ms: int) -> Iterator[Metric]:
    ledger, saving = sources.ledger, sources.watch.saving
    yield _gauge("ledger_on_memory", "Whether the disk fails.", ledger.on_memory is not None)
    what = "Whether the ledger stands in the place of a damaged one."
    yield _gauge("ledger_restored", what, ledger.restored is not None)
    yield _gauge("ledger_waiting_transactions", "Transactions that wait for the writer.", ledger.waiting)
    yield _gauge(
        "snapshot_age_seconds", "Since the newest snapshot was taken.", _since(saving.kept_ms, now_ms)
    )
    yield _gauge("snapshot_size_bytes", "Size of the larger snapshot.", saving.size_bytes)


def _gauge(
    name: str, what: str, value: float | Mapping[Label, float], labels: Sequence[str] = ()
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"guardian_{name}", what, labels=labels)
    for of, number in _values(value):
        family.add_metric(of, number)
    return family


def _counter(
    name: str, what: str, value: float | Mapping[Label, float], labels: Sequence[str] = ()
) -> CounterMetricFamily:
    """`name` is without the `_total` that the library adds."""
    family = CounterMetricFamily(f"guardian_{name}", what, labels=labels)
    for of, number in _values(value):
        family.add_metric(of, number)
    return family


def _values(value: float | Mapping[Label, float]) -> Iterator[tuple[Sequence[str], float]]:
    if not isinstance(value, Mapping):
        yield (), float(value)
        return
    for of, number in value.items():
        yield (of,) if isinstance(of, str) else of, float(number)


def _histogram(name: str, what: str, buckets: Sequence[float], labels: Sequence[str] = ()) -> Histogram:
    return Histogram(f"guardian_{name}", what, labels, buckets=buckets, registry=None)


def _since(then_ms: int, now_ms: int) -> float:
    return max(0, now_ms - then_ms) / 1000
