"""Kills the whole daemon at any instant, and counts what is lost: `python -m tests.kills.daemon --kills N`.

Real `guardian run`, broker and provider, each a process or a port of its own. Ten kills make a centre: in
each life one more home's button is pressed, at any instant before the kill, which comes at any instant from
the start to a second after the daemon is ready. Then a daemon is let go on until it has nothing left to do,
and the centre is judged:

1. Each press that the broker took has exactly one incident, and its person a text that is recorded as sent.
2. No text twice more than it was in flight at kills, none more than three times; where the provider's list
   is true (every other centre), none twice at all. Nobody else has one.
3. The ledger's integrity check says ok.

Prints one JSON object; ends with status 1 when anything is wrong.
"""

import argparse
import asyncio
import contextlib
import json
import os
import re
import resource
import signal
import socket
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiomqtt
import numpy as np

from guardian.broker import mosquitto
from guardian.clock import LiveClock
from guardian.link import BrokerAddress
from guardian.wire.native import pack_event
from simulator import demo
from simulator.private import Configuration, Place, connected, free_port, prepare
from simulator.providers import FakeTwilio
from tests.kills.told import names

KILLS_A_CENTRE = 10
AFTER_READY_S = 1.0
"""Kills come until so long after the moment at which a daemon is usually ready."""
GIVE_UP_S = 120.0
"""By then a daemon is ready and all is texted, or never will be, however loaded the machine is."""
MAX_COPIES = 3
PHONE = "+8613800000001"
ROOT = Path(__file__).parents[2]


@dataclass(slots=True)
class Tally:
    """What has come out so far."""

    kills: int = 0
    centres: int = 0
    before_ready: int = 0
    """Kills of a daemon that had not said READY=1."""
    presses: int = 0
    lost: int = 0
    texts: int = 0
    most_copies: int = 0
    extra_copies: int = 0
    wrong: list[str] = field(default_factory=list)


def roster(homes: int) -> dict[str, Any]:
    sensors = [{"id": "help", "kind": "button", "room": "hall"}]
    return {
        "site": {"id": "demo"},
        "homes": [{"id": f"h{n}", "rooms": [{"id": "hall"}], "sensors": sensors} for n in range(homes)],
        "responders": [
            {
                "name": "王秀英",
                "phone": PHONE,
                "reply_odds": 0.9,
                "shifts": [{"from": "00:00", "to": "00:00"}],
            }
        ],
    }


class Forker:
    """The process that forks daemons, and the one that runs now."""

    def __init__(self, process: asyncio.subprocess.Process, place: Place) -> None:
        self._process = process
        self._place = place
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(str(place.directory / "notify"))
        self._notify.setblocking(False)
        self._pid = 0

    async def start(self) -> None:
        assert self._process.stdin is not None
        asked = {
            "config": str(self._place.config),
            "log": str(self._place.log),
            "notify": str(self._place.directory / "notify"),
        }
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        self._pid = await self._said()

    async def end(self, number: signal.Signals) -> int:
        """Send a signal; give how the daemon has ended, as `wait` has it."""
        os.kill(self._pid, number)
        return await self._said()

    async def ready(self) -> None:
        """Wait until it has said READY=1."""
        async with asyncio.timeout(GIVE_UP_S):
            while b"READY=1" not in await asyncio.get_running_loop().sock_recv(self._notify, 4096):
                pass

    def said_ready(self) -> bool:
        """Whether READY=1 has come since this was asked last."""
        said = b""
        with contextlib.suppress(BlockingIOError):
            while True:
                said += self._notify.recv(4096) + b"\n"
        return b"READY=1" in said.split(b"\n")

    def close(self) -> None:
        self._notify.close()
        self._process.kill()

    async def _said(self) -> int:
        assert self._process.stdout is not None
        return int(await asyncio.wait_for(self._process.stdout.readline(), GIVE_UP_S))


@contextlib.asynccontextmanager
async def forker(place: Place) -> AsyncIterator[Forker]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.kills.forker"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    ours = Forker(process, place)
    try:
        yield ours
    finally:
        ours.close()
        await process.wait()


class Centre:
    """One centre whose daemon is killed again and again."""

    def __init__(self, place: Place, broker: BrokerAddress, provider: FakeTwilio, tally: Tally) -> None:
        self._place = place
        self._broker = broker
        self._provider = provider
        self._tally = tally

    async def live(self, kills: int, rng: np.random.Generator) -> None:
        ended: list[float] = []
        """When each kill was, by the provider's clock."""
        async with forker(self._place) as daemons:
            await daemons.start()
            began = time.perf_counter()  # the forker has done its imports
            await daemons.ready()
            ready_s = time.perf_counter() - began
            await connected(self._place)  # its session is known to the broker from now on
            self._well(await daemons.end(signal.SIGTERM), 0)
            daemons.said_ready()
            for number in range(kills):
                await daemons.start()
                dies_s = rng.uniform(0, ready_s + AFTER_READY_S)
                pressed_s = rng.uniform(0, dies_s)
                await asyncio.sleep(pressed_s)
                await self._press(number)
                await asyncio.sleep(dies_s - pressed_s)
                self._well(await daemons.end(signal.SIGKILL), signal.SIGKILL)
                ended.append(self._provider.now_ms())
                self._tally.before_ready += not daemons.said_ready()
            self._tally.kills += kills
            await daemons.start()
            await self._until_texted(kills)
            self._well(await daemons.end(signal.SIGTERM), 0)
        self._judge(kills, ended)

    def _well(self, status: int, wanted: int) -> None:
        if status != wanted:
            self._tally.wrong.append(f"the daemon ended with {status}:\n{self._place.tail()}")

    async def _press(self, number: int) -> None:
        payload = pack_event(value=1, event_id=f"e{number}", boot="b", seq=number + 1)
        async with aiomqtt.Client(self._broker.host, self._broker.port) as client:
            await client.publish(f"guardian/demo/h{number}/help/event", payload, qos=1)

    async def _until_texted(self, presses: int) -> None:
        """Wait until texts with so many different codes are out, and for a moment longer."""
        with contextlib.suppress(TimeoutError):  # then the ledger says what is missing
            async with asyncio.timeout(GIVE_UP_S):
                while self._named() < presses:  # noqa: ASYNC110  # a list
                    await asyncio.sleep(0.1)
        await asyncio.sleep(1)  # for the commit that says so

    def _named(self) -> int:
        """How many codes stand at the heads of texts: one may name several, half a minute after another."""
        heads = (re.match(r"\D+? ?((?:[A-Z]\d{1,2} ?)+)", t.body) for t in self._provider.outbound())
        return len({code for head in heads if head is not None for code in head[1].split()})

    def _judge(self, presses: int, ended: list[float]) -> None:
        tally, texts = self._tally, self._provider.outbound()
        with sqlite3.connect(self._place.state / "ledger.db") as db:
            (integrity,) = db.execute("PRAGMA integrity_check").fetchone()
            incidents = db.execute("SELECT home, id FROM incident").fetchall()
            rows = db.execute("SELECT incident, state, sid, body FROM message").fetchall()
            codes = dict(db.execute("SELECT incident, code FROM code").fetchall())
        db.close()
        said = [] if integrity == "ok" else [f"integrity: {integrity}"]
        sids = {t.sid for t in texts}
        homes = Counter(home for home, _ in incidents)
        said_in = {t.sid: t.body for t in texts}
        told = ((one, said_in[sid]) for one, state, sid, _ in rows if state != "due" and sid in sids)
        asked = {one for one, body in told if one in codes and names(body, codes[one])}
        tally.presses += presses
        for home in (f"h{n}" for n in range(presses)):
            mine = [number for name, number in incidents if name == home]
            if len(mine) != 1 or mine[0] not in asked:
                tally.lost += 1
                said.append(f"{home} is lost: incidents {mine}, {[r for r in rows if r[0] in mine]}")
        said += [f"{n} incidents of {home}" for home, n in homes.items() if n > 1]
        said += [f"somebody else was texted: {t.to}" for t in texts if t.to != PHONE]
        said += [
            f"a text that the ledger does not know: {t.body}"
            for t in texts
            if t.body not in {r[3] for r in rows}
        ]
        true_list = not self._provider.knobs.list_lag_s
        copies: dict[str, list[int]] = {}
        for text in texts:
            copies.setdefault(text.body, []).append(text.created_ms)
        for body, times in copies.items():
            crashes = sum(any(a <= end <= b for end in ended) for a, b in pairwise(times))
            if len(times) > min(MAX_COPIES, 1 if true_list else 1 + crashes):
                said.append(f"{len(times)} copies, {crashes} crashes between them: {body}")
            tally.most_copies = max(tally.most_copies, len(times))
            tally.extra_copies += len(times) - 1
        tally.texts += len(copies)
        tally.wrong += [f"centre {tally.centres}: {s}" for s in said]


async def kill(kills: int, rng: np.random.Generator, tally: Tally) -> None:
    """Let one centre live, and kill its daemon so often."""
    clock = LiveClock()
    with tempfile.TemporaryDirectory() as there:
        async with (
            mosquitto(Path(there) / "broker") as broker,
            FakeTwilio(demo.ACCOUNT, "token", demo.NUMBER, clock.now_ms) as provider,
            provider.serve() as url,
        ):
            provider.knobs.list_lag_s = 3600.0 if tally.centres % 2 else 0.0
            table = {"account_sid": demo.ACCOUNT, "from_number": demo.NUMBER, "base_url": url}
            wanted = Configuration(
                broker,
                roster=roster(kills),
                provider=table,
                auth_token="token",
                web={"board_port": 0, "hooks_port": free_port()},
            )
            await Centre(prepare(Path(there), wanted), broker, provider, tally).live(kills, rng)
    tally.centres += 1


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    rng, tally, began = np.random.default_rng(asked.seed), Tally(), time.perf_counter()
    while tally.kills < asked.kills:
        asyncio.run(kill(min(KILLS_A_CENTRE, asked.kills - tally.kills), rng, tally))
    figures = {f.name: getattr(tally, f.name) for f in fields(Tally)}
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    figures |= {"seed": asked.seed, "wall_s": round(time.perf_counter() - began, 1)}
    figures["cpu_s"] = round(sum(u.ru_utime + u.ru_stime for u in used), 1)
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.exit(bool(tally.wrong))


if __name__ == "__main__":
    main()
