"""A private Guardian: broker, configuration and daemon in a folder of their own, as child processes.

The demo, the tests and `guardian replay --alone` use the same real `guardian run` that a centre does.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import tomli_w

from guardian import desk
from guardian.link import BrokerAddress

READY_S: Final = 60.0  # on a machine that others use; a daemon that is not ready by then will not be
STOP_S: Final = 5.0


class DaemonError(Exception):
    """The daemon did not start, or ended by itself; carries the end of its log."""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder with everything one daemon needs."""

    directory: Path
    config: Path

    @property
    def state(self) -> Path:
        """The state directory."""
        return self.directory / "state"

    @property
    def log(self) -> Path:
        """What the daemon says."""
        return self.directory / "daemon.log"

    def tail(self, count: int = 15) -> str:
        """Give the last lines of what the daemon has said."""
        return "\n".join(self.log.read_text("utf-8", errors="replace").splitlines()[-count:])


@dataclass(frozen=True, slots=True)
class Configuration:
    """What differs between private installations."""

    broker: BrokerAddress
    site: str = "demo"
    roster: Mapping[str, Any] | None = None
    provider: Mapping[str, Any] | None = None
    """The [twilio] table without its token."""
    auth_token: str = ""
    web: Mapping[str, int | bool] = field(default_factory=lambda: {"board_port": 0, "hooks_port": 0})
    """Nobody logs in there, unless this says so."""
    history: Mapping[str, str] | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    """Further files, name → text; `escalation.toml` and `detectors.toml` are used when given."""


def free_port() -> int:
    """Give a loopback port that was free a moment ago."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def prepare(directory: Path, wanted: Configuration) -> Place:
    """Write guardian.toml, the roster and the secrets."""
    secrets = directory / "secrets"
    secrets.mkdir(parents=True, exist_ok=True)
    table: dict[str, Any] = {
        "site": wanted.site,
        "state_directory": "state",
        "secrets_directory": "secrets",
        "mqtt": {"host": wanted.broker.host, "port": wanted.broker.port},
        "web": {"login": False, **wanted.web},
    }
    if wanted.roster is not None:
        (directory / "roster.toml").write_text(tomli_w.dumps(dict(wanted.roster)), "utf-8")
        table["roster"] = "roster.toml"
    if wanted.provider is not None:
        (secrets / "twilio-auth-token").write_text(wanted.auth_token, "utf-8")
        table["twilio"] = dict(wanted.provider)
    if wanted.history is not None:
        table["history"] = {k: v for k, v in wanted.history.items() if k != "token"}
        (secrets / "influx-token").write_text(wanted.history["token"], "utf-8")
    for name, text in wanted.files.items():
        (directory / name).write_text(text, "utf-8")
        if name in {"escalation.toml", "detectors.toml"}:
            table[name.removesuffix(".toml")] = name
    config = directory / "guardian.toml"
    config.write_text(tomli_w.dumps(table), "utf-8")
    return Place(directory, config)


@asynccontextmanager
async def daemon(
    place: Place, *options: str, program: Sequence[str] = ("-m", "guardian", "run")
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run `guardian run` there, or another Python program like it.

    Entered once it has said READY=1 to its supervisor, left with SIGTERM.

    Raises
    ------
    DaemonError
        it was not ready within READY_S, or had ended by itself when the context was left.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, place.log.open("ab") as log:
        address = f"\0guardian-{os.getpid()}-{free_port()}"
        notify.bind(address)
        notify.setblocking(False)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *program,
            str(place.config),
            *options,
            stdout=log,
            stderr=log,
            env={**os.environ, "NOTIFY_SOCKET": "@" + address[1:]},
        )
        try:
            await _ready(notify, process, place)
            yield process
            if process.returncode is not None and process.returncode != -signal.SIGKILL:
                raise DaemonError(f"the daemon ended by itself:\n{place.tail()}")
        finally:
            await _stop(process)


async def connected(place: Place) -> None:
    """Wait until the daemon there has both its connections to the broker.

    Raises
    ------
    DaemonError
        it has not within READY_S.
    """
    try:
        async with asyncio.timeout(READY_S):
            while True:
                status = await asyncio.to_thread(desk.call, place.state, "GET", "/status")
                if all(status["connected"].values()):
                    return
                await asyncio.sleep(0.05)
    except TimeoutError as e:
        raise DaemonError(f"the daemon did not reach the broker:\n{place.tail()}") from e


async def _ready(notify: socket.socket, process: asyncio.subprocess.Process, place: Place) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.create_task(process.wait())
    try:
        async with asyncio.timeout(READY_S):
            while True:
                said = asyncio.create_task(loop.sock_recv(notify, 4096))
                await asyncio.wait({said, ended}, return_when=asyncio.FIRST_COMPLETED)
                if not said.done():
                    said.cancel()
                    raise DaemonError(f"the daemon ended before it was ready:\n{place.tail()}")
                if b"READY=1" in said.result().split(b"\n"):
                    return
    except TimeoutError as e:
        raise DaemonError(f"the daemon was not ready within {READY_S:.0f} s:\n{place.tail()}") from e
    finally:
        if not ended.done():
            ended.cancel()


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
