"""History in InfluxDB 2: home states by the minute and findings, for curves and reports.

Takes rows and concerns, keeps them as line protocol in a bounded queue, and writes them in batches.
Offering never blocks and never raises; when the server is away the oldest points go first, counted.
A batch is kept until it is written; the same point written twice is one point. Ids only: no name,
address or phone number ever gets here.
"""

import asyncio
import contextlib
import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import structlog
from aiohttp import ClientError
from influxdb_client.client.exceptions import InfluxDBError
from influxdb_client.client.influxdb_client_async import InfluxDBClientAsync
from influxdb_client.client.write.point import Point
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_client.rest import ApiException

from alerting.concern import Concern
from guardian.clock import Clock
from guardian.settings import History

log = structlog.get_logger("guardian.history")

QUEUE_SIZE = 200_000
"""Points kept while the server is away: 10,000 homes for 20 minutes, 40 homes for 3 days; about 40 MB."""
BATCH = 5_000
"""Points a write: InfluxData's own advice for the best throughput."""
WRITE_TIMEOUT_S = 10.0
STOP_S = 2.0
BACKOFF_MS = (1_000, 2_000, 4_000, 8_000, 15_000, 30_000, 60_000)
MALFORMED = frozenset({400, 422})
"""The server's word that this batch will never be good; everything else may be mended and is tried again."""


class StateRow(Protocol):
    """What the history keeps of a home; the board's rows fit."""

    @property
    def home(self) -> str:
        """Id of the home."""
        ...

    @property
    def room(self) -> str | None:
        """Where the resident is, None = unknown."""
        ...

    @property
    def activity(self) -> str:
        """What the resident is doing."""
        ...

    @property
    def temperature_c(self) -> float | None:
        """Room temperature."""
        ...

    @property
    def last_life_ms(self) -> int | None:
        """Last proof of life."""
        ...

    @property
    def blind(self) -> bool:
        """Whether the home cannot be seen now."""
        ...


class InfluxHistory:
    """A bounded queue in front of an InfluxDB 2 bucket."""

    def __init__(  # noqa: PLR0917  # where and what, in the order in which InfluxDB's own tools name them
        self,
        url: str,
        token: str,
        org: str,
        bucket: str,
        queue_size: int,
        clock: Clock,
        *,
        site: str | None = None,
    ) -> None:
        self._url, self._token, self._org, self._bucket = url, token, org, bucket
        self._clock = clock
        self._site = site
        self._queue: deque[str] = deque(maxlen=queue_size)
        self._batch: list[str] = []
        self._wake = asyncio.Event()
        self._never = asyncio.Event()
        self.written = 0
        """Points that the server has taken."""
        self.dropped = 0
        """Points that went because the queue was full."""
        self.rejected = 0
        """Points in batches that the server called malformed."""
        self.up: bool | None = None
        """Whether the last write worked; None before the first."""

    @classmethod
    def of(cls, settings: History, clock: Clock, *, site: str | None = None) -> "InfluxHistory":
        """Make one from `[history]` of the settings."""
        token = settings.token.get_secret_value()
        return cls(settings.url, token, settings.org, settings.bucket, QUEUE_SIZE, clock, site=site)

    @property
    def waiting(self) -> int:
        """Points not written yet."""
        return len(self._queue) + len(self._batch)

    async def offer_minutes(self, rows: Callable[[], Iterable[StateRow]]) -> None:
        """Offer the state of every home each minute, for ever."""
        while True:
            now_ms = self._clock.now_ms()
            self.offer_states(now_ms, rows())
            await self._clock.wait(self._never, (now_ms // 60_000 + 1) * 60_000)

    def offer_states(self, t_ms: int, rows: Iterable[StateRow]) -> None:
        """Queue the state of homes; `t_ms` is cut to the minute, so a minute offered twice is one point."""
        minute_ms = t_ms // 60_000 * 60_000
        for row in rows:
            life_ms = row.last_life_ms
            self._offer(
                "home",
                minute_ms,
                {"home": row.home},
                {
                    "activity": row.activity,
                    "blind": row.blind,
                    "room": row.room,
                    "temperature_c": row.temperature_c,
                    "life_age_s": None if life_ms is None else (t_ms - life_ms) // 1000,
                },
            )

    def offer_finding(self, concern: Concern) -> None:
        """Queue one concern with its evidence."""
        self._offer(
            "finding",
            concern.decided_ms,
            {
                "home": concern.home,
                "kind": concern.kind.value,
                "room": concern.room,
                "sensor": concern.sensor,
            },
            {
                "confidence": float(concern.confidence),
                "onset_ms": concern.onset_ms,
                "delay_ms": concern.decided_ms - concern.onset_ms,
                "x": concern.x,
                "y": concern.y,
                **{f"evidence_{name}": float(value) for name, value in concern.evidence.items()},
            },
        )

    def _offer(
        self,
        measurement: str,
        t_ms: int,
        tags: Mapping[str, str | None],
        fields: Mapping[str, str | float | bool | None],
    ) -> None:
        if len(self._queue) == self._queue.maxlen:
            self.dropped += 1
        self._queue.append(_line(measurement, t_ms, {"site": self._site, **tags}, fields))
        self._wake.set()

    async def run(self) -> None:
        """Write for ever what is offered; cancelled, try to write the rest and be gone within 2 s."""
        client = InfluxDBClientAsync(
            self._url, self._token, self._org, timeout=int(WRITE_TIMEOUT_S * 1000), enable_gzip=True
        )
        try:
            failures = 0
            while True:
                if not self._take():
                    await self._clock.wait(self._wake, None)
                elif await self._write(client):
                    failures = 0
                else:
                    pause_ms = BACKOFF_MS[min(failures, len(BACKOFF_MS) - 1)]
                    failures += 1
                    await self._clock.wait(self._never, self._clock.now_ms() + pause_ms)
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_S):
                    try:
                        while self._take() and await self._write(client):
                            pass
                    finally:
                        await client.close()  # type: ignore[no-untyped-call]  # as the client has it

    def _take(self) -> bool:
        while self._queue and len(self._batch) < BATCH:
            self._batch.append(self._queue.popleft())
        return bool(self._batch)

    async def _write(self, client: InfluxDBClientAsync) -> bool:
        """Write the batch in hand; False when it has to be tried again later."""
        count = len(self._batch)
        try:
            async with asyncio.timeout(WRITE_TIMEOUT_S):
                await client.write_api().write(
                    self._bucket,
                    self._org,
                    "\n".join(self._batch),
                    write_precision=WritePrecision.MS,  # type: ignore[arg-type]  # its constants are strings
                )
        except ApiException as e:
            if e.status not in MALFORMED:
                self._say(up=False, why=f"HTTP {e.status}")
                return False
            self.rejected += count
            self._batch = []
            log.warning("history refused a batch", points=count, status=e.status)
        except (ClientError, InfluxDBError, OSError, TimeoutError) as e:
            self._say(up=False, why=type(e).__name__)
            return False
        else:
            self.written += count
            self._batch = []
            self._say(up=True, why="")
        return True

    def _say(self, *, up: bool, why: str) -> None:
        if up is not self.up:
            log.info("history", up=up, why=why, waiting=self.waiting, dropped=self.dropped)
        self.up = up


def _line(
    measurement: str,
    t_ms: int,
    tags: Mapping[str, str | None],
    fields: Mapping[str, str | float | bool | None],
) -> str:
    """Write one point as line protocol; unknown values (None, NaN) are left out."""
    point: Any = Point(measurement)  # type: ignore[no-untyped-call]  # the client's points have no types
    point.time(t_ms, WritePrecision.MS)
    for name, tag in tags.items():
        point.tag(name, tag)
    for name, value in fields.items():
        if not isinstance(value, float) or math.isfinite(value):
            point.field(name, value)
    return str(point.to_line_protocol())
