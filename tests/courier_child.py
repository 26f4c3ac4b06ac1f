"""A courier in a process of its own, for tests that kill it.

`courier_child.py DIRECTORY CRASH_POINT NTH [SECONDS]` opens DIRECTORY/ledger.db, notices a fall if there is
no incident yet, sends by a provider whose books are a file that outlives the process, and kills itself with
SIGKILL the NTH time it passes CRASH_POINT ("" = never). Ends with status 0 when nothing is due any more and
SECONDS (2) of its own time have passed. With DIRECTORY/lagging the provider's list is empty.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from alerting import triage
from alerting.channels import Abilities, ListedText
from alerting.courier import Courier
from alerting.ledger import Ledger, due_messages, leased_messages, lock_state, open_incidents
from tests.alerting_people import T0, SetClock, concern, duty, responder, shipped_policy

NOW = T0 + 10_000
PEOPLE = duty(responder("a", odds=0.7), responder("b", odds=0.7), responder("c", odds=0.7))


class FileProvider:
    """A provider whose books are lines of a file, each on the disk before the answer."""

    name = "file"
    abilities = Abilities(two_way=False, receipts=False, voice=False, needs_inbound=False, countries=None)

    def __init__(self, directory: Path) -> None:
        self._books = directory / "books"
        self._lagging = (directory / "lagging").exists()

    async def send(self, phone: str, body: str, valid_s: int) -> str:
        sid = f"SM{len(entries(self._books))}"
        assert valid_s > 0
        with self._books.open("a", encoding="utf-8") as books:
            books.write(json.dumps({"sid": sid, "phone": phone, "body": body}) + "\n")
            books.flush()
            os.fsync(books.fileno())
        return sid

    async def sent_since(self, phone: str, since_ms: int) -> Sequence[ListedText]:
        if self._lagging:
            return []
        mine = (e for e in entries(self._books) if e["phone"] == phone and since_ms < NOW)
        return [ListedText(e["sid"], phone, e["body"], NOW, "sent") for e in mine]

    async def received_since(self, since_ms: int) -> Sequence[ListedText]:
        raise AssertionError(f"no answers come this way, nor since {since_ms}")

    async def close(self) -> None:
        return


def entries(books: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in books.read_text("utf-8").splitlines()] if books.exists() else []


async def main(directory: Path, crash_at: str, nth: int, seconds: int = 2) -> None:
    passed = 0

    def crash_point(name: str) -> None:
        nonlocal passed
        passed += name == crash_at
        if name == crash_at and passed == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    with lock_state(directory):
        ledger = await Ledger.open(directory / "ledger.db")
        if not await ledger.transact(open_incidents):
            await ledger.transact(lambda tx: triage.take(tx, [concern()], PEOPLE, shipped_policy(), NOW))
        clock = SetClock(NOW + 1000)
        courier = Courier(
            ledger,
            {"file": FileProvider(directory)},
            lambda: PEOPLE,
            shipped_policy(),
            clock,
            crash_point=crash_point,
        )
        await courier.recover()
        while (
            await ledger.transact(lambda tx: due_messages(tx, clock.ms) + leased_messages(tx))
            or clock.ms < NOW + seconds * 1000
        ):
            await courier.step()
            clock.ms += 1000
        await ledger.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:])))
