"""A private mosquitto for the demo, for replays and for tests.

Takes a folder, gives the address of a broker that listens on loopback only and ends with its owner.
Never touches the machine's own broker or its configuration.
"""

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Self

from guardian.link import BrokerAddress

QUEUE: Final = 200_000
"""Messages kept for a session that is away (DESIGN section 4; mosquitto's own 1,000 lost 2,000 of 3,000)."""
AUTOSAVE_S: Final = 30
"""DESIGN section 4: on every change it costs 38 ms of CPU each with 70,000 retained statuses."""
START_S: Final = 10.0
STOP_S: Final = 5.0
TRIES: Final = 3
"""Between choosing a free port and taking it somebody else may be quicker."""


class BrokerError(Exception):
    """The private broker cannot be had, in words for the person at the keyboard."""


class Broker:
    """One mosquitto child process."""

    def __init__(self, directory: Path, *, port: int = 0, config_extra: str = "") -> None:
        """Prepare; `port` 0 takes a free one. `config_extra`: lines for its one listener and the rest."""
        self.directory = directory
        """Where it keeps its configuration, sessions and queues."""
        self._port = port
        self._extra = config_extra
        self._child: asyncio.subprocess.Process | None = None

    @property
    def address(self) -> BrokerAddress:
        """Where it listens; the port stays the same over restarts."""
        return BrokerAddress("127.0.0.1", self._port)

    @property
    def pid(self) -> int:
        """The child's process id. Raises BrokerError when it does not run."""
        if self._child is None:
            raise BrokerError("the private broker does not run")
        return self._child.pid

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start it and wait until it listens.

        Raises
        ------
        BrokerError
            mosquitto is not installed, or it ends at once (its last words are in the message).

        """
        program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
        if program is None:
            raise BrokerError("mosquitto is not installed: `apt install mosquitto` (2.0.11 or newer)")
        self.directory.mkdir(parents=True, exist_ok=True)
        fixed = self._port != 0
        for attempt in range(TRIES):
            self._port = self._port or _free_port()
            last_words = await self._launch(program)
            if last_words is None:
                return
            if fixed or attempt == TRIES - 1:
                raise BrokerError(f"mosquitto ended at once: {last_words}")
            self._port = 0

    async def _launch(self, program: str) -> str | None:
        config = self.directory / "mosquitto.conf"
        config.write_text(self._config(), "utf-8")
        errors = self.directory / "mosquitto.log"
        with_us = shutil.which("setpriv")  # so that it ends even when we are killed
        prefix = [with_us, "--pdeathsig", "KILL", "--"] if with_us else []
        with errors.open("wb") as log_file:
            self._child = await asyncio.create_subprocess_exec(
                *prefix, program, "-c", str(config), stdout=log_file, stderr=log_file
            )
        try:
            async with asyncio.timeout(START_S):
                while self._child.returncode is None:
                    if await _listens(self._port):
                        return None
                    await asyncio.sleep(0.02)
        except TimeoutError:
            await self.kill()
        self._child = None
        return errors.read_text("utf-8", "replace").strip()[-500:] or "it said nothing"

    def _config(self) -> str:
        lines = [
            f"listener {self._port} 127.0.0.1",
            self._extra or "allow_anonymous true",
            "persistence true",
            f"persistence_location {self.directory}/",
            f"autosave_interval {AUTOSAVE_S}",
            f"max_queued_messages {QUEUE}",
            "persistent_client_expiration 7d",
            "set_tcp_nodelay true",
            "log_dest stderr",
            "log_type error",
            "log_type warning",
        ]
        if os.geteuid() == 0:  # it would give up root and then could not write into our folder
            lines.append("user root")
        return "\n".join(lines) + "\n"

    async def stop(self) -> None:
        """End it in order (it saves its sessions), or by force after STOP_S."""
        if self._child is None:
            return
        if self._child.returncode is None:
            self._child.terminate()
            try:
                async with asyncio.timeout(STOP_S):
                    await self._child.wait()
            except TimeoutError:
                await self.kill()
        self._child = None

    async def kill(self) -> None:
        """End it as a power cut would."""
        if self._child is not None and self._child.returncode is None:
            self._child.kill()
            await self._child.wait()
        self._child = None

    async def restart(self) -> None:
        """Stop and start again on the same port with the same sessions."""
        await self.stop()
        await self.start()


@asynccontextmanager
async def mosquitto(
    directory: Path, *, port: int = 0, config_extra: str = ""
) -> AsyncIterator[BrokerAddress]:
    """Run a private broker for the length of a block; raises BrokerError as `Broker.start`."""
    async with Broker(directory, port=port, config_extra=config_extra) as broker:
        yield broker.address


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
