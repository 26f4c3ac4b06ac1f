"""From a device to a finding: ten thousand homes on the road, through a real broker, in real time.

Three processes beside this one: mosquitto, the load generator (road_load.py) and the daemon's road
(road_daemon.py). What is measured: CPU of each, how late beats begin, how long after the frame that shows it
a fall is found (until the transaction that holds it is committed), what was lost on the way, and memory. Then
the same road fed by a blasting server, as fast as it reads.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from guardian.broker import Broker
from simulator.bench import road_film
from simulator.bench.road_figures import figures
from simulator.bench.road_plan import SETTLE_S, Plan, open_files, resident_kb

SIZES: Final = (100, 1_000, 5_000, 10_000)
FALLS_SHARE: Final = 0.01  # of the homes, but no fewer than FALLS_LEAST
FALLS_LEAST: Final = 20
PATIENCE_S: Final = 300.0
"""For a child process to say its next line; playing the first minute of 10,000 homes takes half a minute."""
LATEST_FALL_S: Final = 300.0
"""In a long run: their pictures are kept, up to a bound, and what grows after that is a leak."""
GROWTH_S: Final = 5.0
"""Between two looks at the daemon's memory."""
TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """A process of the bench did not come up, or ended."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the person at the keyboard chose."""

    array: str = "mlx90640"
    ambient: int = 6
    seconds: float = 60.0
    burst: float = 1.0
    connections: int = 16
    seed: int = 1
    stories: int = 8
    falls: int | None = None
    """None: one home in a hundred, 20 at least."""
    calm_s: float = 30.0
    """After a burst the usual load goes on for so long."""
    flood_s: float = 10.0
    """0: not without a broker."""


def run_road(
    sizes: Sequence[int] = SIZES,
    options: Options = Options(),
    say: Callable[[str], None] = lambda _line: None,
) -> dict[str, Any]:
    """Measure every size one after the other. Raises BenchError, BrokerError, ValueError (no falls found)."""
    out: dict[str, Any] = {"homes": {}}
    with tempfile.TemporaryDirectory() as made:
        say("drawing the homes")
        film = road_film.film(options.array, options.seed, stories=options.stories)
        file = Path(made) / "film.npz"
        film.save(file)
        rows, cols = film.shape
        out |= {"rows": rows, "cols": cols, "rate_hz": film.rate_hz, "seconds": options.seconds}
        for homes in sizes:
            plan = plan_of(homes, options, file)
            say(f"{homes:,} homes: {plan.falls} falls within {options.seconds:g} s")
            before = os.getloadavg()[0]
            told = asyncio.run(_through_a_broker(plan))
            told["fallen"] = plan.cast(film).fallen.tolist()
            of = figures(plan, told) | {"load_average_before": round(before, 2)}
            out["homes"][str(homes)] = of
            say(f"{homes:,} homes: {of['falls_found']} of {of['falls']} falls found, limit: {of['limit']}")
        if options.flood_s:
            say(f"{max(sizes):,} homes without a broker")
            out |= asyncio.run(_flooded(plan_of(max(sizes), options, file), options.flood_s))
    return out


def plan_of(homes: int, options: Options, film: Path) -> Plan:
    """Give the plan of one size: falls early, so that they are confirmed within the rest."""
    falls = options.falls if options.falls is not None else max(FALLS_LEAST, round(homes * FALLS_SHARE))
    return Plan(
        folder="",
        film=str(film),
        homes=homes,
        falls=min(falls, homes),
        seconds=options.seconds,
        seed=options.seed,
        ambient=options.ambient,
        connections=options.connections,
        burst=options.burst,
        burst_s=options.seconds if options.burst != 1 else 0.0,
        calm_s=options.calm_s if options.burst != 1 else 0.0,
        fall_s=(0.0, min(options.seconds / 2, LATEST_FALL_S)),
    )


async def _through_a_broker(plan: Plan) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as place:
        async with Broker(Path(place)) as broker:
            mine = msgspec.structs.replace(plan, folder=place)
            port = str(broker.address.port)
            async with _child("road_load", mine, port) as load:
                await load.line()
                async with _child("road_daemon", mine, port) as daemon:
                    up = await daemon.line()
                    # at once: sensors that are silent for ten seconds forget who was in view
                    from_ms = int((await load.ask({}))["begins_ms"] + SETTLE_S * 1000)
                    pids = {"broker": broker.pid, "daemon": daemon.pid, "load": load.pid}
                    await asyncio.sleep(SETTLE_S)
                    before = {name: _cpu_s(pid) for name, pid in pids.items()}
                    machine = _busy_s()
                    grown = await _watched(daemon.pid, plan.seconds)
                    spent_s = {name: _cpu_s(pid) - before[name] for name, pid in pids.items()}
                    others_s = _busy_s() - machine - sum(spent_s.values())
                    sent = await load.line()
                    until_ms = from_ms + int(plan.seconds * 1000)
                    told = {"from_ms": from_ms, "until_ms": until_ms, "events": sent["events"]}
                    seen = await daemon.ask(told)
    return {"cpu_s": spent_s, "others_s": others_s, "from_ms": from_ms, "until_ms": until_ms} | {
        "up": up,
        "sent": sent,
        "seen": seen,
        "grown": grown,
    }


async def _watched(pid: int, seconds: float) -> list[tuple[float, int, int]]:
    """Wait; give hours since the beginning, resident kB and open files of a process, every GROWTH_S."""
    grown, begun_s = list[tuple[float, int, int]](), time.monotonic()
    while (left_s := begun_s + seconds - time.monotonic()) > 0:
        files = open_files(pid)
        grown.append(((time.monotonic() - begun_s) / 3600, resident_kb(pid), files))
        await asyncio.sleep(min(left_s, GROWTH_S))
    return grown


async def _flooded(plan: Plan, seconds: float) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as place:
        mine = msgspec.structs.replace(plan, folder=place)
        async with _child("road_load", mine, "flood") as server:
            port = str(await server.line())
            async with _child("road_daemon", mine, port, "flood") as daemon:
                await daemon.line()
                await asyncio.sleep(SETTLE_S)
                from_ms, before_s = _now_ms(), _cpu_s(daemon.pid)
                await asyncio.sleep(seconds)
                spent_s = _cpu_s(daemon.pid) - before_s
                seen = await daemon.ask({"from_ms": from_ms, "until_ms": _now_ms(), "events": 0})
    looked_at, span_s = max(seen["counted_given"], 1), max(seen["counted_ms"], 1) / 1000
    return {
        "without_broker_frames_per_second": round(looked_at / span_s),
        "without_broker_dropped_per_second": round((seen["counted_frames"] - looked_at) / span_s),
        "without_broker_cpu_us_per_frame": round(spent_s / seconds * span_s / looked_at * 1e6, 2),
        "without_broker_homes": plan.homes,
    }


class _Child:
    """One process of the bench, that speaks a line of JSON at a time."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.pid = process.pid
        self._name = name
        self._process = process

    async def line(self) -> Any:
        """What it says next. Raises BenchError."""
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(PATIENCE_S):
                said = await self._process.stdout.readline()
        except TimeoutError as e:
            raise BenchError(f"{self._name} says nothing for {PATIENCE_S:g} s") from e
        if not said:
            raise BenchError(f"{self._name} ended: see above")
        return json.loads(said)

    async def ask(self, what: dict[str, int]) -> Any:
        """Tell it something and give its answer. Raises BenchError."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what).encode() + b"\n")
        return await self.line()


@asynccontextmanager
async def _child(module: str, plan: Plan, *more: str) -> AsyncIterator[_Child]:
    # sessions of their own: Linux shares out cores by session first (autogroup), as it does by service
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"simulator.bench.{module}", msgspec.json.encode(plan).decode(), *more,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=1 << 28,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"}, start_new_session=True,
    )  # fmt: skip
    try:
        yield _Child(module, process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _cpu_s(pid: int) -> float:
    """User and system time of a process, all its threads."""
    after_name = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / TICKS_PER_S


def _busy_s() -> float:
    """What all cores together have worked since the machine started."""
    user, nice, system, _idle, _wait, irq, soft, *_ = map(
        int, Path("/proc/stat").read_text("ascii").split("\n", 1)[0].split()[1:]
    )
    return (user + nice + system + irq + soft) / TICKS_PER_S
