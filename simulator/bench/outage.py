"""What breaks between devices and the ledger while readings come in, and what is lost of them: nothing.

A real mosquitto and a real `guardian run`; devices (outage_devices.py) send all the time. One after the other
the broker is killed, frozen and loses what it kept, the daemon is killed, restarted and away for minutes. The
ledger's rows of beats are read while all runs and folded into a board of their own, as a start does: each
event must count once. Measured: what was lost or counted twice, how long after the repair the first event
sent since is committed and the first frame taken, and how many homes are listed as not protected.
"""

import asyncio
import os
import signal
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from guardian import desk
from guardian.board import Board
from guardian.broker import Broker
from guardian.homes import decode_events
from guardian.slab import SensorSpec
from simulator.bench.outage_devices import SENSORS, SIDE, SITE, Devices, Event, home
from simulator.private import Configuration, Place, daemon, prepare

KILLED_S: Final = 2.0
"""Until systemd has started something again (RestartSec)."""
FROZEN_S: Final = 45.0
"""Half-open lines: longer than two keep-alives of the link."""
AWAY_S: Final = 170.0
"""Longer than what the list of gaps takes for one look that was late (guardian/protection.py, PAUSE_MS)."""
CALM_S: Final = 15.0
"""Before and after each."""
LISTED_S: Final = 130.0
"""Two looks of the minute, after which a gap is over."""
BACK_S: Final = 90.0
"""Nothing that comes back later has come back."""
END_S: Final = 60.0
"""For what has not been acknowledged at the end."""
ROOM: Final = "living-room"
LOOK_S: Final = 0.2
READ_S: Final = 3.0
"""Between two looks into the ledger; its rows stay for a minute at least."""


class BenchError(Exception):
    """What was broken did not come back."""


@dataclass(frozen=True, slots=True)
class Counted:
    """One event that counts."""

    event: Event
    beat_ms: int


@dataclass(slots=True)
class Mishap:
    """One thing that broke."""

    name: str
    from_ms: int
    mended_ms: int = 0
    """When what was broken could work again."""
    frames_back_s: float | None = None


@dataclass(slots=True)
class Centre:
    """Broker, daemon and what was seen of them."""

    broker: Broker
    place: Place
    _daemon: AsyncExitStack = field(default_factory=AsyncExitStack)
    pid: int = 0

    async def start(self) -> None:
        """Start the daemon."""
        self.pid = (await self._daemon.enter_async_context(daemon(self.place))).pid

    async def stop(self) -> None:
        """Stop it in order, if it still runs."""
        await self._daemon.aclose()

    async def kill(self) -> None:
        """End it as a power cut would."""
        os.kill(self.pid, signal.SIGKILL)
        await self.stop()

    async def frames(self) -> int | None:
        """Give how many frames the daemon has taken; None: it does not answer."""
        try:
            status = await asyncio.to_thread(desk.call, self.place.state, "GET", "/status")
        except desk.DeskError:
            return None
        return int(status["frames"])

    # --- what breaks, until it is mended -------------------------------------------------------------

    async def broker_killed(self) -> None:
        """What it had acknowledged and not delivered is lost with it."""
        await self.broker.kill()
        await asyncio.sleep(KILLED_S)
        await self.broker.start()

    async def broker_frozen(self) -> None:
        """Lines stay open and nothing goes through."""
        os.kill(self.broker.pid, signal.SIGSTOP)
        await asyncio.sleep(FROZEN_S)
        os.kill(self.broker.pid, signal.SIGCONT)

    async def broker_emptied(self) -> None:
        """Stopped in order, and its sessions and queues are gone."""
        await self.broker.stop()
        for file in self.broker.directory.glob("*.db"):
            file.unlink()
        await asyncio.sleep(KILLED_S)
        await self.broker.start()

    async def daemon_killed(self) -> None:
        """What it had not committed comes again."""
        await self.kill()
        await asyncio.sleep(KILLED_S)
        await self.start()

    async def daemon_restarted(self) -> None:
        """Stopped in order and started again."""
        await self.stop()
        await self.start()

    async def daemon_away(self) -> None:
        """Nobody starts it for minutes."""
        await self.kill()
        await asyncio.sleep(AWAY_S)
        await self.start()


BREAKS: Final[dict[str, Callable[[Centre], Awaitable[None]]]] = {
    "broker-killed": Centre.broker_killed,
    "broker-frozen": Centre.broker_frozen,
    "broker-emptied": Centre.broker_emptied,
    "daemon-killed": Centre.daemon_killed,
    "daemon-restarted": Centre.daemon_restarted,
    "daemon-away": Centre.daemon_away,
}


def run_outage(
    homes: int, per_s: float, breaks: list[str], say: Callable[[str], None] = lambda _line: None
) -> dict[str, Any]:
    """Break one thing after the other. Raises BenchError, BrokerError, DaemonError."""
    return asyncio.run(_run(homes, per_s, breaks, say))


async def _run(homes: int, per_s: float, breaks: list[str], say: Callable[[str], None]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="guardian-outage-") as made:
        cameras = max(1, homes // 10)
        async with _centre(Path(made), homes, cameras) as centre:
            devices = Devices(centre.broker.address, homes, cameras, per_s)
            ledger = _Reader(centre.place.state / "ledger.db", homes)
            sending = asyncio.create_task(devices.run())
            reading = asyncio.create_task(ledger.run())
            try:
                mishaps = [await _broken(centre, name, ledger, say) for name in breaks]
                if "daemon-away" in breaks:
                    say("waiting for two looks of the minute")
                    await asyncio.sleep(LISTED_S)
                sending.cancel()
                await _acknowledged(devices)
                listed = await asyncio.to_thread(desk.call, centre.place.state, "GET", "/protection?hours=1")
                await centre.stop()
                ledger.read()
            finally:
                sending.cancel()
                reading.cancel()
                devices.close()
    figures = {m.name: _figures(m, until_ms, devices.sent, ledger.seen) for m, until_ms in _windows(mishaps)}
    return {
        "homes": homes,
        "per_s": per_s,
        "repeated": devices.repeated,
        "unacknowledged_at_the_end": devices.unacknowledged,
        "homes_listed": len({gap["home"] for gap in listed["gaps"]}),
        "breaks": figures,
    }


async def _broken(centre: Centre, name: str, ledger: "_Reader", say: Callable[[str], None]) -> Mishap:
    await asyncio.sleep(CALM_S)
    mishap = Mishap(name, _now_ms())
    say(f"{name}")
    await BREAKS[name](centre)
    mishap.mended_ms = _now_ms()
    before = await centre.frames()
    while _now_ms() < mishap.mended_ms + BACK_S * 1000:
        frames = await centre.frames()
        if before is None or (frames or 0) > before:
            mishap.frames_back_s = (_now_ms() - mishap.mended_ms) / 1000
            break
        await asyncio.sleep(LOOK_S)
    while _now_ms() < mishap.mended_ms + BACK_S * 1000:
        if any(c.event.t_ms > mishap.mended_ms for c in reversed(ledger.seen[-1000:])):
            break
        await asyncio.sleep(LOOK_S)
    else:
        raise BenchError(f"{name}: nothing was committed within {BACK_S:g} s")
    await asyncio.sleep(CALM_S)
    return mishap


async def _acknowledged(devices: Devices) -> None:
    until_s = time.monotonic() + END_S
    while devices.unacknowledged and time.monotonic() < until_s:
        devices.repeat()
        await asyncio.sleep(LOOK_S)
    await asyncio.sleep(CALM_S)  # for what is only with the broker


class _Reader:
    """Reads the ledger's beats as they come, as a shell would."""

    def __init__(self, path: Path, homes: int) -> None:
        self.seen: list[Counted] = []
        self._board = Board(
            SITE, [SensorSpec(home(n), name, "pir", ROOM) for n in range(homes) for name in SENSORS]
        )
        self._path = path
        self._last = 0

    async def run(self) -> None:
        """Read now and then, until cancelled."""
        while True:
            await asyncio.to_thread(self.read)
            await asyncio.sleep(READ_S)

    def read(self) -> None:
        """Take the beats since the last time."""
        with closing(sqlite3.connect(f"{self._path.as_uri()}?mode=ro", uri=True, timeout=10)) as db:
            rows = db.execute(
                "SELECT id, t_ms, events FROM beat WHERE id > ? ORDER BY id", (self._last,)
            ).fetchall()
        for number, t_ms, events in rows:
            self._last = number
            fresh = self._board.fold(decode_events(events))
            self.seen += [Counted(Event(r.home, r.sensor, r.t_ms), t_ms) for r in fresh]


def _windows(mishaps: list[Mishap]) -> Iterator[tuple[Mishap, int]]:
    """Give each with the end of what it is blamed for: the beginning of the next."""
    ends = [m.from_ms - int(CALM_S * 1000) // 2 for m in mishaps[1:]]
    yield from zip(mishaps, [*ends, _now_ms()], strict=True)


def _figures(mishap: Mishap, until_ms: int, sent: list[Event], seen: list[Counted]) -> dict[str, Any]:
    from_ms = mishap.from_ms - int(CALM_S * 1000) // 2
    out: dict[str, Any] = {
        "seconds": round((mishap.mended_ms - mishap.from_ms) / 1000, 1),
        "frames_back_s": mishap.frames_back_s,
        "events_back_s": min(
            ((c.beat_ms - mishap.mended_ms) / 1000 for c in seen if c.event.t_ms > mishap.mended_ms),
            default=None,
        ),
    }
    counted = Counter(c.event for c in seen)
    for sensor in SENSORS:
        mine = [e for e in sent if e.sensor == sensor and from_ms <= e.t_ms < until_ms]
        times = [counted[e] for e in mine]
        out[sensor] = {
            "sent": len(mine),
            "lost": sum(n == 0 for n in times),
            "twice": sum(n > 1 for n in times),
        }
    return out


@asynccontextmanager
async def _centre(folder: Path, homes: int, cameras: int) -> AsyncIterator[Centre]:
    async with Broker(folder / "broker") as broker:
        place = prepare(folder, Configuration(broker.address, site=SITE, roster=_roster(homes, cameras)))
        centre = Centre(broker, place)
        await centre.start()
        try:
            yield centre
        finally:
            await centre.stop()


def _roster(homes: int, cameras: int) -> dict[str, Any]:
    camera = {
        "id": "cam",
        "kind": "thermal",
        "room": ROOM,
        "rows": SIDE,
        "cols": SIDE,
        "rate_hz": 4.0,
        "mount": "ceiling",
        "height_m": 2.5,
        "fov_deg": 60.0,
    }
    motion = [{"id": name, "kind": "pir", "room": ROOM} for name in SENSORS]
    return {
        "site": {"id": SITE},
        "homes": [
            {
                "id": home(n),
                "rooms": [{"id": ROOM}],
                "sensors": [*motion, *([camera] if n < cameras else [])],
            }
            for n in range(homes)
        ],
        "responders": [
            {"name": "x", "phone": "+8613800000001", "shifts": [{"from": "00:00", "to": "00:00"}]}
        ],
    }


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def table(figures: dict[str, Any]) -> str:
    """Give the figures as lines for a terminal."""
    head = f"{'':17} {'down s':>7} {'with an id: sent lost twice':>28} {'plain: sent lost twice':>23} "
    lines = [head + f"{'events back s':>14} {'frames back s':>14}"]
    for name, of in figures["breaks"].items():
        a, b = of["repeats"], of["plain"]
        lines.append(
            f"{name:17} {of['seconds']:7.1f} {a['sent']:18,} {a['lost']:4} {a['twice']:5}"
            f" {b['sent']:13,} {b['lost']:4} {b['twice']:5} {of['events_back_s'] or -1:14.1f}"
            f" {of['frames_back_s'] or -1:14.1f}"
        )
    lines.append(
        f"{figures['homes_listed']} of {figures['homes']} homes listed as not protected for a time; "
        f"{figures['repeated']:,} repetitions, {figures['unacknowledged_at_the_end']} never acknowledged"
    )
    return "\n".join(lines)
