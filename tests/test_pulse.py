"""What systemd is told, and when the watchdog is left to bite."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.clock import LiveClock
from guardian.pulse import LIMITS_MS, Pulse, notify, stale, watchdog_interval_s

LIMITS = {"beat": 5_000, "ledger": 10_000}


@pytest.fixture(params=["path", "abstract"])
def supervisor(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """A NOTIFY_SOCKET as systemd makes it: $NOTIFY_SOCKET and the socket behind it."""
    path = str(tmp_path / "notify")
    address = path if request.param == "path" else f"@guardian-test{path}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(path if request.param == "path" else "\0" + address[1:])
        sock.setblocking(False)
        yield address, sock


def heard(sock: socket.socket) -> list[str]:
    out = []
    while True:
        try:
            out += sock.recv(4096).decode().split("\n")
        except BlockingIOError:
            return out


def test_systemd_hears_it_on_a_path_and_on_an_abstract_socket(supervisor: tuple[str, socket.socket]) -> None:
    address, sock = supervisor
    assert notify(address, "READY=1", "STATUS=看护 40 户")
    assert heard(sock) == ["READY=1", "STATUS=看护 40 户"]


@pytest.mark.parametrize(
    "address", [None, "", "relative", "vsock:2:1234", "/nowhere/notify", "@nobody-listens"]
)
def test_nobody_to_tell_is_no_error(address: str | None) -> None:
    assert not notify(address, "READY=1")


def test_a_supervisor_that_does_not_read_never_blocks(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "n"))
        told = [notify(str(tmp_path / "n"), "STATUS=" + "x" * 10_000) for _ in range(2_000)]
    assert told[0]
    assert not told[-1]


@pytest.mark.parametrize(
    ("marks", "now_ms", "late"),
    [
        ({}, 0, ("beat", "ledger")),
        ({"beat": 0}, 0, ("ledger",)),
        ({"beat": 0, "ledger": 0}, 5_000, ()),
        ({"beat": 0, "ledger": 0}, 5_001, ("beat",)),
        ({"beat": 9_000, "ledger": 0}, 10_001, ("ledger",)),
        ({"beat": 0, "ledger": 0, "broker": -99_999}, 100, ()),  # what has no limit does not count
    ],
)
def test_a_mark_older_than_its_limit_is_named(
    marks: dict[str, int], now_ms: int, late: tuple[str, ...]
) -> None:
    assert stale(marks, LIMITS, now_ms) == late


@given(st.dictionaries(st.sampled_from(list(LIMITS)), st.integers(0, 10**6)), st.integers(0, 10**6))
def test_the_watchdog_is_fed_only_when_every_mark_is_fresh(marks: dict[str, int], now_ms: int) -> None:
    fresh = all(name in marks and now_ms - marks[name] <= limit for name, limit in LIMITS.items())
    assert (stale(marks, LIMITS, now_ms) == ()) is fresh


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "15000000"}, 7.5),
        ({"WATCHDOG_USEC": "15000000", "WATCHDOG_PID": "42"}, 7.5),
        ({"WATCHDOG_USEC": "15000000", "WATCHDOG_PID": "43"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_interval_is_half_of_what_systemd_allows(
    environment: dict[str, str], seconds: float | None
) -> None:
    assert watchdog_interval_s(environment, 42) == seconds


@pytest.mark.looptime
async def test_from_ready_to_stopping(supervisor: tuple[str, socket.socket]) -> None:
    address, sock = supervisor
    clock = LiveClock(1_000_000)
    pulse = Pulse(clock, environment={"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "15000000"})
    pulse.ready("watching 40 homes")
    assert heard(sock) == ["READY=1", "STATUS=watching 40 homes"]
    running = asyncio.create_task(pulse.run())

    async def pass_s(seconds: float, *marks: str) -> list[str]:
        end_ms = clock.now_ms() + int(seconds * 1000)
        while clock.now_ms() < end_ms:
            await asyncio.sleep(0.5)
            for name in marks:
                pulse.mark(name, clock.now_ms())
        return heard(sock)

    assert await pass_s(29, *LIMITS_MS) == ["WATCHDOG=1"] * 4  # at 0, 7.5, 15 and 22.5 s
    hung = await pass_s(30, "ledger", "courier")  # the beat hangs
    assert hung == ["WATCHDOG=1", "STATUS=no progress: beat"]  # fed once more while fresh, then said once
    assert pulse.stale() == ("beat",)
    assert (await pass_s(8, *LIMITS_MS))[:2] == ["WATCHDOG=1", "STATUS=working"]
    pulse.stopping()
    assert heard(sock)[0] == "STOPPING=1"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.mark.looptime
async def test_without_a_watchdog_there_is_nothing_to_run() -> None:
    await asyncio.wait_for(Pulse(LiveClock(0), environment={}).run(), 1)
