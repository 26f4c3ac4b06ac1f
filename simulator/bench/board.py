"""What a board of many homes costs with many browsers: `guardian bench board`.

The real staff app, served over HTTP on loopback by a process of its own: homes that change at a stated rate,
some open falls. This process holds the browsers: plain readers of `/events`. A change's time is told by the
server; how long it took to each browser is measured here, by the same clock.
"""

import asyncio
import json
import multiprocessing
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from typing import Any, Final

import numpy as np

from alerting import ledger as records
from alerting.concern import SEVERITY, Concern, Kind
from alerting.duty import Duty, Responder, Shift
from alerting.ledger import Ledger, Tx
from guardian.clock import LiveClock
from guardian.home_rows import HomeRow
from guardian.people import People
from guardian.settings import CONFIG, load
from guardian.web.feed import Feed
from guardian.web.pages import Site
from guardian.web.serve import Tcp, serve
from guardian.web.staff import staff_app
from simulator.bench.road_plan import resident_kb

WARM_S: Final = 3.0
FALLS: Final = 5
EVERYBODY: Final = frozenset(range(7))


@dataclass(frozen=True, slots=True)
class Options:
    """What is measured."""

    homes: int = 10_000
    browsers: int = 50
    seconds: float = 60.0
    changes_per_s: float = 5.0
    """Homes that become others."""
    seed: int = 1


@dataclass(slots=True)
class _Seen:
    first_bytes: list[int] = field(default_factory=list)
    first_ms: list[float] = field(default_factory=list)
    events: dict[str, int] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    late_ms: list[float] = field(default_factory=list)


def run(options: Options) -> dict[str, Any]:
    """Measure; give the figures."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(options, theirs), daemon=True)
    server.start()
    try:
        return asyncio.run(_browse(options, ours))
    finally:
        server.terminate()
        server.join(10)


# --- the server -------------------------------------------------------------------------------------------


def _serve(options: Options, told: Connection) -> None:
    asyncio.run(_serving(options, told))


async def _serving(options: Options, told: Connection) -> None:
    clock, feed, rng = LiveClock(), Feed(), np.random.default_rng(options.seed)
    ledger = await Ledger.open(None, inline=True)
    rows = [
        HomeRow(f"h{n:05}", str(n), "living", "sitting", 21.5, clock.now_ms() - 60_000, blind=False)
        for n in range(options.homes)
    ]
    people = {f"r{n}": Responder(f"r{n}", f"+86138000000{n:02}", "zh", 0.3, 60, 60) for n in range(12)}
    shifts = tuple(Shift(r, EVERYBODY, 0, 0) for r in people)
    duty = Duty(responders=people, shifts=shifts, travel_s={}, default_travel_s=240.0)

    def falls(tx: Tx) -> None:
        for n in range(FALLS):
            now_ms = clock.now_ms()
            fall = Concern(f"h{n:05}", Kind.FALL_CONFIRMED, now_ms, now_ms, 0.9, "living")
            records.open_new(
                tx,
                fall,
                severity=SEVERITY[fall.kind],
                deadline_ms=now_ms + 600_000,
                late=False,
                now_ms=now_ms,
            )

    await ledger.transact(falls)
    policy = load(CONFIG / "guardian.toml").policy
    site = Site(
        name="bench",
        ledger=ledger,
        clock=clock,
        policy=policy,
        feed=feed,
        changed=lambda: None,
        home_rows=lambda: tuple(rows),
        people=lambda: People(duty),
        open_to_all=True,
    )
    holds_ms = [0.0]
    async with serve(staff_app(site), Tcp(0), on_stop=feed.close) as door:
        told.send(("url", door.url, resident_kb()))
        loop, due_s = asyncio.get_running_loop(), asyncio.get_running_loop().time()
        while True:
            for _ in range(rng.poisson(options.changes_per_s * 0.1)):
                k = int(rng.integers(FALLS, options.homes))
                rows[k] = replace(rows[k], blind=not rows[k].blind)
                told.send(("changed", k, clock.now_ms()))
            due_s += 0.1
            await asyncio.sleep(max(0.0, due_s - loop.time()))
            holds_ms[0] = max(holds_ms[0], 1000 * (loop.time() - due_s)) if due_s else 0.0
            while told.poll():
                if told.recv() == "sum":
                    told.send(("sum", time.process_time(), holds_ms[0], resident_kb()))
                    holds_ms[0] = 0.0


# --- the browsers -----------------------------------------------------------------------------------------


async def _browse(options: Options, told: Connection) -> dict[str, Any]:
    changed, sums, url, clock, seen = dict[int, int](), list[Any](), "", LiveClock(), _Seen()
    loop = asyncio.get_running_loop()
    ready, summed = asyncio.Event(), asyncio.Event()

    def hear() -> None:
        nonlocal url
        while told.poll():
            what, *rest = told.recv()
            if what == "url":
                url = rest[0]
                ready.set()
            elif what == "changed":
                changed[rest[0]] = rest[1]
            else:
                sums.append(rest)
                summed.set()

    async def sum_up() -> list[Any]:
        summed.clear()
        told.send("sum")
        await summed.wait()
        return list(sums[-1])

    loop.add_reader(told.fileno(), hear)
    await ready.wait()
    host, port = url.removeprefix("http://").split(":")
    first = await _page(host, int(port))
    readers = [
        asyncio.create_task(_read(host, int(port), seen, changed, clock)) for _ in range(options.browsers)
    ]
    await asyncio.sleep(WARM_S)
    seen.late_ms.clear()
    seen.events.clear()
    seen.sizes.clear()
    cpu_0, _, kb_0 = await sum_up()
    await asyncio.sleep(options.seconds)
    cpu_1, hold_ms, kb_1 = await sum_up()
    for reader in readers:
        reader.cancel()
    await asyncio.gather(*readers, return_exceptions=True)
    loop.remove_reader(told.fileno())
    bytes_all = sum(seen.sizes.values())
    return {
        "homes": options.homes,
        "browsers": options.browsers,
        "seconds": options.seconds,
        "changes_per_s": options.changes_per_s,
        "page_bytes": first[0],
        "page_ms": round(first[1], 1),
        "events_per_browser_s": round(sum(seen.events.values()) / options.browsers / options.seconds, 2),
        "bytes_per_browser_s": round(bytes_all / options.browsers / options.seconds, 1),
        "bytes_per_event": {k: round(seen.sizes[k] / n, 1) for k, n in seen.events.items()},
        "change_to_browser_ms_p50": _at(seen.late_ms, 50),
        "change_to_browser_ms_p99": _at(seen.late_ms, 99),
        "changes_seen": len(seen.late_ms),
        "server_cores": round((cpu_1 - cpu_0) / options.seconds, 3),
        "longest_hold_ms": round(hold_ms, 1),
        "rss_growth_kb": kb_1 - kb_0,
    }


async def _page(host: str, port: int) -> tuple[int, float]:
    loop = asyncio.get_running_loop()
    begun_s = loop.time()
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(f"GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode())
    body = await reader.read(-1)
    writer.close()
    return len(body), 1000 * (loop.time() - begun_s)


async def _read(host: str, port: int, seen: _Seen, changed: Mapping[int, int], clock: LiveClock) -> None:
    reader, writer = await asyncio.open_connection(host, port, limit=1 << 24)
    writer.write(f"GET /events HTTP/1.1\r\nhost: {host}\r\naccept: text/event-stream\r\n\r\n".encode())
    name = ""
    try:
        while line := await reader.readline():
            text = line.decode()
            seen.sizes[name or "head"] = seen.sizes.get(name or "head", 0) + len(line)
            if text.startswith("event: "):
                name = text[7:].strip()
                seen.events[name] = seen.events.get(name, 0) + 1
            elif name == "homes" and text.startswith("data: "):
                said = json.loads(text[6:])
                now_ms = clock.now_ms()
                for one in said.get("some", "").split(","):
                    if one and (at_ms := changed.get(int(one[:-1]))) is not None:
                        seen.late_ms.append(now_ms - at_ms)
    finally:
        writer.close()


def _at(values: list[float], percent: float) -> float | None:
    return round(float(np.percentile(values, percent)), 1) if values else None
