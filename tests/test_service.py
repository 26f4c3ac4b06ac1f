"""The service under a real systemd: it starts, is watched, comes back each time, and sees what it may."""

import json
from pathlib import Path

import pytest

from tests.machine import DEBIAN, SECRET, Machine, homes, machine

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DEBIAN.is_dir(), reason=f"there is no Debian for a container ({DEBIAN})"),
]

WATCHDOG_S = 30.0
"""A hung process is noticed within WatchdogSec=15 and has TimeoutAbortSec=5 to die; then a new one starts."""
RESTARTS = 100
RESTART_S = 30.0


async def test_a_centre_from_its_first_start_to_a_hundred_crashes(tmp_path: Path) -> None:
    async with machine(tmp_path) as here:
        imports_a_roster_before_the_first_start(here)
        starts_ready_with_its_secrets_and_little_else(here)
        reads_its_thresholds_again(here)
        is_what_the_doctor_expects(here)
        await comes_back_when_it_hangs(here)
        await comes_back_a_hundred_times(here)


def imports_a_roster_before_the_first_start(here: Machine) -> None:
    """Root makes the ledger, and the service can write it all the same."""
    assert "stored as version 1" in here.run(
        "/opt/guardian/bin/guardian", "roster", "import", "/etc/guardian/roster.example.toml"
    )
    here.run("systemctl", "enable", "--now", "guardian")
    owners = here.run("find", "/var/lib/guardian", "-printf", "%u\n").split()
    assert set(owners) == {"guardian"}


def starts_ready_with_its_secrets_and_little_else(here: Machine) -> None:
    assert here.shown("ActiveState") == "active"
    assert here.shown("StatusText") == f"watching {homes()} homes"
    pid = here.shown("MainPID")
    held = "/run/credentials/guardian.service/mqtt-password"
    assert here.run("cat", held) == SECRET
    assert here.run("stat", "--format=%U %a", held) == "guardian 400\n"
    environment = here.run("cat", f"/proc/{pid}/environ")
    assert SECRET not in environment + here.run("cat", f"/proc/{pid}/cmdline")
    status = dict(
        line.split(":\t", 1) for line in here.run("cat", f"/proc/{pid}/status").splitlines() if ":\t" in line
    )
    assert (status["CapEff"], status["NoNewPrivs"], status["Seccomp"]) == ("0" * 16, "1", "2")
    assert SECRET not in here.run("journalctl", "--unit=guardian")


def reads_its_thresholds_again(here: Machine) -> None:
    here.run("systemctl", "reload", "guardian")
    assert here.shown("NRestarts") == "0"


def is_what_the_doctor_expects(here: Machine) -> None:
    here.run("/opt/guardian/bin/guardian", "doctor", "--json", "/tmp/doctor.json", check=False)
    told = json.loads(here.run("cat", "/tmp/doctor.json"))
    amiss = {check["name"]: check["level"] for check in told["checks"] if check["level"] != "ok"}
    amiss.pop("disk", None)  # of whatever machine this runs on
    amiss.pop("clock", None)
    assert amiss == {"devices": "warning"}, told
    assert {check["name"] for check in told["checks"]} >= {
        "unit",
        "daemon",
        "ledger",
        "broker",
        "acl",
        "board",
    }


async def comes_back_when_it_hangs(here: Machine) -> None:
    before = here.shown("MainPID")
    here.run("systemctl", "kill", "--signal=STOP", "--kill-whom=main", "guardian")
    await here.restarted(before, WATCHDOG_S)
    assert "Watchdog timeout" in here.run("journalctl", "--unit=guardian")


async def comes_back_a_hundred_times(here: Machine) -> None:
    """Killed as soon as it is there; systemd's own limit would leave the homes unwatched after the fifth."""
    pid, first = here.shown("MainPID"), int(here.shown("NRestarts"))
    for _ in range(RESTARTS):
        here.run("systemctl", "kill", "--signal=KILL", "--kill-whom=main", "guardian")
        pid = await here.restarted(pid, RESTART_S, ready=False)
    await here.restarted("", RESTART_S)
    assert int(here.shown("NRestarts")) == first + RESTARTS
    assert here.shown("StatusText") == f"watching {homes()} homes"
