"""One life of courier and ledger: opens the real file, notices falls, texts, and is killed somewhere in it.

A story is a folder with `ledger.db` and `diary`, a file to which each life appends what it has got done, one
line a write: `LIFE point NAME` as it passes a crash point, `LIFE noticed HOME` after the commit that holds
that home's incident (as MQTT is acknowledged: nobody notices it a second time), `LIFE recorded SID` after
the commit that holds a text's sid.
"""

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from alerting import triage
from alerting.concern import Kind
from alerting.courier import Courier
from alerting.ledger import Ledger, Tx, lock_state, messages, open_incidents
from tests.alerting_people import T0, SetClock, concern, shipped_policy
from tests.courier_child import PEOPLE
from tests.kills.provider import SocketChannel
from tests.kills.told import unasked

KINDS = (Kind.FALL_CONFIRMED, Kind.SOS, Kind.LONG_LIE, Kind.FIRE)
HOMES_A_LIFE = 2
"""So many more of them notice something in each life."""
LIFE_MS = 5000
"""Of the courier's own time, from one life's begin to the next one's."""
DECIDED_MS = 10_000
LAST_MS = 180_000
"""How long the last life goes on when somebody was given up as "not confirmed": asked again by then."""
QUEUE_MS = 900_000
"""And while somebody's turn is still to come: five falls in half a minute and person."""
PLANTS = ("unasked", "orphans")


@dataclass(frozen=True, slots=True)
class Life:
    """What one life is to do."""

    number: int
    directory: Path
    provider: Path
    point: str = ""
    """Where it kills itself, the `nth` time it comes by; "" = it does not."""
    nth: int = 1
    last: bool = False
    plant: str = ""
    """A bug of PLANTS, to see that the harness finds it."""

    @property
    def now_ms(self) -> int:
        return T0 + self.number * LIFE_MS + DECIDED_MS


def live(life: Life) -> None:
    """Live it, in this process."""
    asyncio.run(_live(life))


def noticed(diary: str) -> list[str]:
    """Give the homes whose incidents were committed, by the diary's word."""
    return [words[2] for words in map(str.split, diary.splitlines()) if words[1] == "noticed"]


async def _live(life: Life) -> None:
    diary = os.open(life.directory / "diary", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def write(*words: str) -> None:
        os.write(diary, " ".join([str(life.number), *words, "\n"]).encode())

    channel, clock = SocketChannel(life.provider, life.number), SetClock(life.now_ms)
    channel.now_ms = clock.ms
    with lock_state(life.directory):
        ledger = await Ledger.open(life.directory / "ledger.db")
        write("point", "opened")
        await _notice(ledger, life, write)
        courier = Courier(
            ledger,
            {channel.name: channel},
            lambda: PEOPLE,
            shipped_policy(),
            clock,
            crash_point=_crash_point(life, channel, write),
        )
        plant(courier, life.plant)
        await courier.recover()
        end_ms = clock.ms
        while True:
            next_ms = await courier.step()
            if life.last:
                end_ms = max(clock.ms, life.now_ms + await ledger.transact(goes_on_ms))
            if next_ms is None or next_ms > end_ms:
                break
            clock.ms = channel.now_ms = next_ms
        await ledger.close()
    write("point", "closed")


def some_given_up(tx: Tx) -> bool:
    """Whether a text of an open incident was given up as "not confirmed"."""
    texts = (m for one in open_incidents(tx) for m in messages(tx, one.id))
    return any((m.error or "").startswith("not confirmed") for m in texts)


def goes_on_ms(tx: Tx) -> int:
    """How long the last life goes on."""
    return QUEUE_MS if unasked(tx) else LAST_MS if some_given_up(tx) else 0


async def _notice(ledger: Ledger, life: Life, write: Callable[..., None]) -> None:
    known = noticed((life.directory / "diary").read_text())
    for number in range(HOMES_A_LIFE * (life.number + 1)):
        home = f"h{number:02d}"
        if home in known:
            continue
        found = concern(KINDS[number % len(KINDS)], home=home, onset_ms=T0 + number // HOMES_A_LIFE * LIFE_MS)
        work = [found]
        await ledger.transact(lambda tx, w=work: triage.take(tx, w, PEOPLE, shipped_policy(), life.now_ms))  # type: ignore[misc]
        write("noticed", home)


def _crash_point(life: Life, channel: SocketChannel, write: Callable[..., None]) -> Callable[[str], None]:
    passed = 0

    def crash_point(name: str) -> None:
        nonlocal passed
        task = asyncio.current_task() if name == "recorded" else None  # "planning" is on the writer thread
        sid = channel.last_sid.pop(task.get_name(), None) if task is not None else None
        if sid is not None:
            write("recorded", sid)
        write("point", name)
        passed += name == life.point
        if name == life.point and passed == life.nth:
            os.kill(os.getpid(), signal.SIGKILL)

    return crash_point


def plant(courier: Courier, bug: str) -> None:
    """Break it: `unasked` sends again without asking the list, `orphans` forgets what was in hand."""

    async def nothing(*_args: object) -> None:
        return None

    if bug == "unasked":
        courier._in_list = nothing  # type: ignore[method-assign,assignment]
    elif bug == "orphans":
        courier.recover = nothing  # type: ignore[method-assign]
