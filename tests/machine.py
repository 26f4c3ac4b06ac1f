"""A whole Debian with a running systemd, in a container; `guardian install` makes it a centre."""

import asyncio
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from guardian.install import install
from guardian.settings import CONFIG
from tests.test_broker import certificates

CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "guardian-care"
DEBIAN: Final = CACHE / "bookworm-systemd"
"""Made by tests/servers.sh."""
ROOT: Final = Path(__file__).parent.parent
COMMAND: Final = Path("/opt/guardian/bin/guardian")
BOOT_S: Final = 60.0
LOOK_S: Final = 0.2
UP: Final = frozenset({"running", "degraded"})
"""What systemd calls itself once it is up; degraded: something of Debian's own has failed."""
SETTINGS: Final = """\
site = "demo"
state_directory = "/var/lib/guardian"
[mqtt]
host = "127.0.0.1"
username = "guardian"
[web]
board_port = 8080
"""
SECRET: Final = "only-the-service-knows"
PROGRAM: Final = """\
#!/bin/sh
export PYTHONPATH=/opt/guardian/code:/opt/guardian/libraries PYTHONDONTWRITEBYTECODE=1
exec /usr/bin/python3 -m guardian "$@"
"""


@dataclass(frozen=True, slots=True)
class Machine:
    """One that has booted; `pid` is its first process as we see it."""

    root: Path
    pid: int

    def run(self, *words: str, check: bool = True) -> str:
        """Run a command inside, as its root; give what it says."""
        inside = ["nsenter", "-t", str(self.pid), "-a", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
        done = subprocess.run([*inside, *words], capture_output=True, text=True, check=False, timeout=60)
        assert not check or done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    def shown(self, name: str) -> str:
        """Give a property of the service."""
        return self.run("systemctl", "show", "guardian", f"--property={name}", "--value").strip()

    async def restarted(self, before: str, within_s: float, *, ready: bool = True) -> str:
        """Wait until another process than `before` is there, and has said READY; give its pid inside."""
        async with asyncio.timeout(within_s):
            while True:
                pid = self.shown("MainPID")
                if pid not in {before, "0"} and (not ready or self.shown("ActiveState") == "active"):
                    return pid
                await asyncio.sleep(LOOK_S)


def prepare(root: Path) -> None:
    """Make a fresh Debian at `root` a centre with a broker, its user, and one secret."""
    subprocess.run(["cp", "-a", "--reflink=auto", str(DEBIAN), str(root)], check=True)
    for name in ("code", "libraries", "bin"):
        (root / "opt" / "guardian" / name).mkdir(parents=True)
    command = root / COMMAND.relative_to("/")
    command.write_text(PROGRAM, "utf-8")
    command.chmod(0o755)
    (root / "etc" / "guardian").mkdir()
    (root / "etc" / "guardian" / "guardian.toml").write_text(SETTINGS, "utf-8")
    list(install(root, COMMAND))
    secret = root / "etc" / "credstore" / "guardian.mqtt-password"
    secret.write_text(SECRET, "utf-8")
    secret.chmod(0o600)
    broker = root / "etc" / "mosquitto"
    certificates(broker / "certs")
    (broker / "guardian.passwd").write_text(f"guardian:{SECRET}\n", "utf-8")
    subprocess.run(["mosquitto_passwd", "-U", str(broker / "guardian.passwd")], check=True)
    for file in (broker / "guardian.passwd", *(broker / "certs").iterdir()):
        file.chmod(0o644)  # its broker has a user of its own


@asynccontextmanager
async def machine(folder: Path) -> AsyncIterator[Machine]:
    """Boot one that sees no network; it is gone when the block ends."""
    assert os.geteuid() == 0, "containers need root"
    root = folder / "machine"
    prepare(root)
    libraries = Path(sys.prefix) / "lib" / "python3.11" / "site-packages"
    with (folder / "boot.log").open("wb") as log:
        container = await asyncio.create_subprocess_exec(
            *("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--boot", f"--directory={root}"),
            *("--link-journal=no", "--private-network"),
            *(f"--bind-ro={ROOT}:/opt/guardian/code", f"--bind-ro={libraries}:/opt/guardian/libraries"),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            yield await _booted(root, container)
        finally:
            if container.returncode is None:
                container.kill()  # the kernel ends everything inside
            await container.wait()
            shutil.rmtree(root, ignore_errors=True)


async def _booted(root: Path, container: asyncio.subprocess.Process) -> Machine:
    async with asyncio.timeout(BOOT_S):
        while True:
            assert container.returncode is None, (root.parent / "boot.log").read_text("utf-8", "replace")
            for found in (Machine(root, pid) for pid in _children(container.pid)):
                if found.run("systemctl", "is-system-running", check=False).strip() in UP:
                    return found
            await asyncio.sleep(LOOK_S)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]


def homes() -> int:
    """How many homes the example roster has, which `guardian install` lays down."""
    return len(tomllib.loads((CONFIG / "roster.example.toml").read_text("utf-8"))["homes"])
