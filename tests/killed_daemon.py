"""A daemon that is killed by itself, as a power cut would, at a named point: `PORT LEDGER POINT`.

It commits events to a file. Points: `received`, `committed`, `acknowledged`, and `idle` for one that only
tells what it finds.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

import structlog

from guardian.board import Reading, decode_events, encode_events
from guardian.link import BrokerAddress
from tests.mqtt_fixtures import Site, running


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def say(words: str) -> None:
    print(words, flush=True)  # noqa: T201  (the test reads it)


def committed(ledger: Path) -> list[Reading]:
    rows = ledger.read_text().split() if ledger.exists() else []
    return [r for row in rows for r in decode_events(bytes.fromhex(row))]


def commit(ledger: Path, readings: list[Reading]) -> None:
    with ledger.open("a") as file:
        file.write(encode_events(readings).hex() + "\n")


async def main(port: int, ledger: Path, point: str) -> None:
    site = Site(BrokerAddress("127.0.0.1", port))
    known = site.board.fold(committed(ledger))
    async with running(site):
        say("up")
        if point == "idle":
            waiting = site.board.waiting_events
            say(f"restored {' '.join(str(r.id) for r in known)}, {waiting} waiting")
            die()
        while True:
            await site.until(lambda: site.board.waiting_events > 0)
            mark = site.link.unacked()
            readings = site.board.take_events(site.clock.now_ms())
            for r in readings:
                say(f"received {r.id}")
            if point == "received":
                die()
            fresh = site.board.fold(readings)
            commit(ledger, fresh)
            for r in fresh:
                say(f"committed {r.id}")
            if point == "committed":
                die()
            site.link.acknowledge(mark)
            if any(r.id == "last" for r in fresh):
                say("acknowledged")
                die()


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
