"""History in InfluxDB: it is allowed to fail, it never holds anybody up, and it loses as little as it can."""

import asyncio
import csv
import gzip
import io
import os
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from alerting.concern import Concern, Kind
from guardian.clock import LiveClock
from guardian.history import influx
from guardian.history.influx import InfluxHistory
from guardian.home_rows import HomeRow
from guardian.web.serve import Tcp, serve
from tests.alerting_people import T0, SetClock, concern

NOBODY = "http://127.0.0.1:1"  # nothing listens on port 1
ROW = HomeRow("h01", "17", "bathroom", "lying-on-floor", 21.5, T0 - 50_000, blind=False)
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "guardian-care"
INFLUXD = CACHE / "influxd-2.7.12"


@dataclass
class FakeInflux:
    """The write endpoint of the v2 API, with a knob for what it answers."""

    lines: list[str] = field(default_factory=list)
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    status: int = 204
    delay_s: float = 0

    @property
    def app(self) -> Starlette:
        return Starlette(routes=[Route("/api/v2/write", self._write, methods=["POST"])])

    async def _write(self, request: Request) -> Response:
        body = await request.body()
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        query = request.query_params
        where = f"{query['org']}/{query['bucket']}/{query['precision']}"
        self.requests.append((where, request.headers["authorization"], request.headers["content-type"]))
        await asyncio.sleep(self.delay_s)
        if self.status != 204:
            return JSONResponse({"code": "x", "message": "no"}, self.status)
        self.lines += body.decode().split("\n")
        return Response(status_code=204)


def history(url: str, *, size: int = 100, clock: SetClock | LiveClock | None = None) -> InfluxHistory:
    return InfluxHistory(url, "secret-token", "centre", "guardian", size, clock or LiveClock(), site="xingfu")


@asynccontextmanager
async def running(what: InfluxHistory) -> AsyncIterator[None]:
    task = asyncio.create_task(what.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def until(true: Callable[[], bool], limit_s: float = 5) -> None:
    """Wait for what another task does; the loop's own turns, no fixed time."""
    async with asyncio.timeout(limit_s):
        while not true():  # noqa: ASYNC110  # what is waited for is a figure, not an event
            await asyncio.sleep(0.01)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(influx, "BACKOFF_MS", (20, 40))


# --- what is written ------------------------------------------------------------------------------


async def test_the_server_gets_line_protocol_with_ids_only() -> None:
    server = FakeInflux()
    async with serve(server.app, Tcp(0)) as door:
        what = history(door.url)
        async with running(what):
            what.offer_states(
                T0 + 12_345, [ROW, replace(ROW, home="h02", room=None, temperature_c=None, blind=True)]
            )
            what.offer_finding(concern(Kind.FALL_CONFIRMED))
            await until(lambda: what.written == 3)
    minute = T0 // 60_000 * 60_000
    seen, blind, found = (line.split(" ") for line in server.lines)
    lying = 'activity="lying-on-floor"'
    fields = f'{lying},blind=false,life_age_s=62i,room="bathroom",temperature_c=21.5'
    assert seen == ["home,home=h01,site=xingfu", fields, str(minute)]
    assert blind == ["home,home=h02,site=xingfu", f"{lying},blind=true,life_age_s=62i", str(minute)]
    assert found == [
        "finding,home=h01,kind=fall-confirmed,room=living,sensor=t0,site=xingfu",
        f"confidence=0.9,delay_ms=10000i,onset_ms={T0}i",
        str(T0 + 10_000),
    ]
    assert set(server.requests) == {("centre/guardian/ms", "Token secret-token", "text/plain")}


async def test_what_is_not_a_number_is_left_out_and_strange_ids_are_escaped() -> None:
    strange = Concern(
        "h 1,=", Kind.SOS, T0, T0, 1.0, evidence={"peak": float("nan"), "rise k": float("inf"), "floor_s": 14}
    )
    server = FakeInflux()
    async with serve(server.app, Tcp(0)) as door:
        what = history(door.url)
        async with running(what):
            what.offer_finding(strange)
            await until(lambda: what.written == 1)
    tags = r"finding,home=h\ 1\,\=,kind=sos,site=xingfu"
    assert server.lines == [f"{tags} confidence=1,delay_ms=0i,evidence_floor_s=14,onset_ms={T0}i {T0}"]


async def test_many_points_go_in_few_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(influx, "BATCH", 40)
    server = FakeInflux()
    async with serve(server.app, Tcp(0)) as door:
        what = history(door.url, size=1000)
        what.offer_states(T0, [replace(ROW, home=f"h{i}") for i in range(100)])
        async with running(what):
            await until(lambda: what.written == 100)
    assert len(server.requests) == 3
    assert len(set(server.lines)) == 100


# --- when the server is away ----------------------------------------------------------------------


async def test_offering_returns_at_once_and_memory_is_bounded_when_nobody_is_there(impatient: None) -> None:
    what = history(NOBODY, size=500)
    async with running(what):
        await until(lambda: what.up is False or what.waiting == 0)
        began = time.perf_counter()
        for minute in range(100):
            what.offer_states(T0 + minute * 60_000, [replace(ROW, home=f"h{i}") for i in range(40)])
        assert time.perf_counter() - began < 1.0  # 4,000 points; about 0.06 s here
        await until(lambda: what.up is False)
        assert what.waiting <= 500 + influx.BATCH
        assert what.dropped == 4000 - what.waiting
        assert what.written == 0


async def test_the_oldest_go_first() -> None:
    what = history(NOBODY, size=3, clock=SetClock(T0))
    for minute in range(5):
        what.offer_states(minute * 60_000, [ROW])
    assert what.dropped == 2
    assert [line.rpartition(" ")[2] for line in what._queue] == ["120000", "180000", "240000"]


@pytest.mark.parametrize("status", [500, 503, 429, 401, 404])
async def test_an_outage_ends_and_nothing_is_lost(impatient: None, status: int) -> None:
    server = FakeInflux(status=status)
    async with serve(server.app, Tcp(0)) as door:
        what = history(door.url)
        async with running(what):
            what.offer_states(T0, [ROW])
            await until(lambda: len(server.requests) >= 3)  # tried again and again
            what.offer_finding(concern())
            assert (what.up, what.written, what.dropped) == (False, 0, 0)
            server.status = 204
            await until(lambda: what.written == 2)
            assert what.up
    assert len(server.lines) == 2


async def test_a_server_that_comes_back_on_its_port_gets_what_was_kept(impatient: None) -> None:
    server = FakeInflux()
    async with serve(server.app, Tcp(0)) as door:
        what = history(door.url)
    async with running(what):
        what.offer_states(T0, [ROW])
        await until(lambda: what.up is False)
        async with serve(server.app, Tcp(door.port)):
            await until(lambda: what.written == 1)
    assert len(server.lines) == 1


async def test_a_server_that_hangs_is_given_up_and_asked_again(
    impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(influx, "WRITE_TIMEOUT_S", 0.1)
    server = FakeInflux(delay_s=30)
    async with serve(server.app, Tcp(0)) as door:
        what = history(door.url)
        async with running(what):
            what.offer_states(T0, [ROW])
            await until(lambda: len(server.requests) >= 2)
            server.delay_s = 0
            await until(lambda: what.written == 1)


@pytest.mark.parametrize("status", [400, 422])
async def test_a_batch_that_will_never_be_good_is_counted_and_does_not_block_the_next(status: int) -> None:
    server = FakeInflux(status=status)
    async with serve(server.app, Tcp(0)) as door:
        what = history(door.url)
        async with running(what):
            what.offer_states(T0, [ROW])
            await until(lambda: what.rejected == 1)
            server.status = 204
            what.offer_finding(concern())
            await until(lambda: what.written == 1)
    assert what.dropped == 0


# --- the stop -------------------------------------------------------------------------------------


async def test_a_stop_writes_the_rest() -> None:
    server = FakeInflux(delay_s=0.2)
    async with serve(server.app, Tcp(0)) as door:
        what = history(door.url)
        async with running(what):
            what.offer_states(T0, [ROW])
            await until(lambda: len(server.requests) == 1)
            what.offer_finding(concern())
    assert what.waiting == 0
    assert len(set(server.lines)) == 2  # the one that was cut off may come twice: it is the same point


async def test_a_stop_takes_two_seconds_at_the_most_and_never_hides_that_it_is_a_stop() -> None:
    server = FakeInflux(delay_s=60)
    async with serve(server.app, Tcp(0)) as door:
        what = history(door.url)
        task = asyncio.create_task(what.run())
        what.offer_states(T0, [ROW])
        await until(lambda: len(server.requests) == 1)
        began = time.monotonic()
        task.cancel()
        await asyncio.wait([task])
        assert time.monotonic() - began < influx.STOP_S + 0.5
        assert task.cancelled()


# --- the real one ---------------------------------------------------------------------------------


@asynccontextmanager
async def influxd(directory: Path, port: int) -> AsyncIterator[str]:
    """A real InfluxDB 2.7 on loopback."""
    url = f"http://127.0.0.1:{port}"
    environment = {
        "HOME": str(directory),
        "INFLUXD_BOLT_PATH": str(directory / "influxd.bolt"),
        "INFLUXD_ENGINE_PATH": str(directory / "engine"),
        "INFLUXD_SQLITE_PATH": str(directory / "influxd.sqlite"),
        "INFLUXD_HTTP_BIND_ADDRESS": f"127.0.0.1:{port}",
        "INFLUXD_REPORTING_DISABLED": "true",
        "INFLUXD_LOG_LEVEL": "error",
    }
    process = subprocess.Popen(  # noqa: ASYNC220  # it returns at once
        [INFLUXD], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        async with httpx.AsyncClient(base_url=url) as client, asyncio.timeout(30):
            while True:
                try:
                    if (await client.get("/health")).status_code == 200:
                        break
                except httpx.TransportError:
                    await asyncio.sleep(0.1)
        yield url
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
async def test_a_round_trip_through_a_real_influxdb_with_an_outage(tmp_path: Path, impatient: None) -> None:
    assert INFLUXD.exists(), f"{INFLUXD} is missing: run tests/servers.sh (it builds InfluxDB once)"
    with_port = FakeInflux()
    async with serve(with_port.app, Tcp(0)) as door:
        port = door.port
    async with influxd(tmp_path, port) as url, httpx.AsyncClient(base_url=url) as client:
        answer = await client.post(
            "/api/v2/setup",
            json={"username": "u", "password": "password1", "org": "centre", "bucket": "guardian"},
        )
        token = answer.json()["auth"]["token"]
    clock = LiveClock()
    what = InfluxHistory(url, token, "centre", "guardian", 100_000, clock, site="xingfu")
    start_ms = clock.now_ms() // 60_000 * 60_000 - 60 * 60_000
    rows = [replace(ROW, home=f"h{i:03d}", temperature_c=20 + i / 100) for i in range(200)]
    async with running(what):
        for minute in range(30):  # the server is down: all of this waits
            what.offer_states(start_ms + minute * 60_000, rows)
        await until(lambda: what.up is False)
        async with influxd(tmp_path, port):  # (it was killed, not stopped)
            await until(lambda: what.written == 6000, 30)
            for minute in range(25, 35):  # five minutes are offered again: the same points
                what.offer_states(start_ms + minute * 60_000, rows)
            what.offer_finding(concern(Kind.FALL_CONFIRMED, home="h007", onset_ms=start_ms))
            await until(lambda: what.written == 8001, 30)
            async with httpx.AsyncClient(base_url=url) as client:
                counts = await _flux(
                    client,
                    token,
                    'from(bucket: "guardian") |> range(start: -2h)'
                    ' |> filter(fn: (r) => r._measurement == "home" and r._field == "temperature_c")'
                    " |> group() |> count()",
                )
                found = await _flux(
                    client,
                    token,
                    'from(bucket: "guardian") |> range(start: -2h)'
                    ' |> filter(fn: (r) => r._measurement == "finding" and r._field == "confidence")',
                )
    assert [row["_value"] for row in counts] == [str(200 * 35)]
    assert [(r["home"], r["kind"], r["site"], r["_value"]) for r in found] == [
        ("h007", "fall-confirmed", "xingfu", "0.9")
    ]
    assert (what.dropped, what.rejected) == (0, 0)


async def _flux(client: httpx.AsyncClient, token: str, query: str) -> list[dict[str, str]]:
    answer = await client.post(
        "/api/v2/query?org=centre",
        content=query,
        headers={
            "authorization": f"Token {token}",
            "content-type": "application/vnd.flux",
            "accept": "application/csv",
        },
    )
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text.strip())))
