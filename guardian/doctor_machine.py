"""Checks of `guardian doctor` that look at the machine: versions, unit, clock, secrets, state directory."""

import os
import platform
import pwd
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any, Final

from guardian.checked import Checked, Level
from guardian.credentials import SECRETS
from guardian.install import UNIT, inside
from guardian.settings import CONFIG
from guardian.web.words import N_

DISTRIBUTION: Final = "guardian-care"
PYTHON: Final = (3, 11)
USER: Final = "guardian"
ENABLED: Final = Path("/etc/systemd/system/multi-user.target.wants/guardian.service")
SYNCHRONISED: Final = Path("/run/systemd/timesync/synchronized")
"""systemd-timesyncd(8): there once a server has been heard."""
ANSWER_S: Final = 10.0
LITTLE: Final = 1 << 30
"""Bytes: spares of the ledger and a month of history have room; below it is time to look. Judgement."""
TOO_LITTLE: Final = 100 << 20
"""Bytes: the next snapshots and spares may already fail. Judgement."""


# --- versions ----------------------------------------------------------------------------------------


def versions() -> Checked:
    """Python, and every library that this Guardian's package asks for."""
    wrong = [] if sys.version_info[:2] >= PYTHON else [f"Python {platform.python_version()}"]
    wanted = [line for line in requires(DISTRIBUTION) or () if "extra ==" not in line]
    wrong += filter(None, map(unmet, wanted))
    values = {
        "python": platform.python_version(),
        "guardian": version(DISTRIBUTION),
        "count": str(len(wanted)),
        "wrong": "; ".join(wrong),
    }
    if wrong:
        return Checked(
            "versions",
            Level.WRONG,
            N_("libraries are missing or of another version than this Guardian was tested with: {wrong}"),
            N_("Install Guardian anew into a virtual environment of its own."),
            values,
        )
    what = N_("Python {python}, Guardian {guardian}, {count} libraries as it needs them")
    return Checked("versions", Level.OK, what, values=values)


def unmet(requirement: str) -> str:
    """Give why a requirement such as `rich>=14,<15` is not met, empty when it is. Compares only numbers."""
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    name = match.group() if match else requirement
    try:
        found = version(name)
    except PackageNotFoundError:
        return requirement
    for sign, bound in re.findall(r"(>=|==|<)\s*([0-9.]+)", requirement):
        ours, theirs = _numbers(found), _numbers(bound)
        met = {">=": ours >= theirs, "==": ours == theirs, "<": ours < theirs}[sign]
        if not met:
            return f"{name} {found} ({requirement})"
    return ""


def _numbers(text: str) -> tuple[int, ...]:
    """Give `1.20.0` as (1, 20): zeros at the end mean nothing."""
    numbers = [int(n) for n in re.findall(r"\d+", text)[:4]]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


# --- the unit ----------------------------------------------------------------------------------------


def unit(root: Path) -> Checked:
    """Whether systemd has the unit of this Guardian, and starts it with the machine."""
    values = {"unit": str(UNIT)}
    try:
        installed = inside(root, UNIT).read_bytes()
    except OSError:
        return Checked(
            "unit",
            Level.WARNING,
            N_("{unit} is not installed: nothing starts Guardian again when it ends"),
            N_("As root: `guardian install`, then `systemctl enable --now guardian`."),
            values,
        )
    if not inside(root, ENABLED).is_symlink():
        return Checked(
            "unit",
            Level.WRONG,
            N_("the service is installed but does not start with the machine"),
            N_("As root: `systemctl enable --now guardian`."),
            values,
        )
    if installed != (CONFIG / "systemd" / "guardian.service").read_bytes():
        return Checked(
            "unit",
            Level.WARNING,
            N_("{unit} is not the one of this Guardian"),
            N_("As root: `guardian install`; changes of your own belong into `systemctl edit guardian`."),
            values,
        )
    return Checked("unit", Level.OK, N_("the service is installed and starts with the machine"))


# --- the clock ---------------------------------------------------------------------------------------


def synchronised(timedatectl: str | None = None, file: Path = SYNCHRONISED) -> bool | None:
    """Whether something sets the clock by others'; None where it cannot be told."""
    program = timedatectl or shutil.which("timedatectl")
    if program is not None:
        asked = [program, "show", "--property=NTPSynchronized", "--value"]
        try:
            done = subprocess.run(  # noqa: S603  # our own words
                asked, check=False, capture_output=True, text=True, timeout=ANSWER_S
            )
        except (OSError, subprocess.TimeoutExpired):
            pass
        else:
            if done.stdout.strip() in {"yes", "no"}:
                return done.stdout.strip() == "yes"
    return True if file.exists() else None


def clock(is_set: bool | None) -> Checked:
    """Deadlines and shifts are times of day."""
    do = N_("Switch on systemd-timesyncd or chrony: `timedatectl set-ntp true`.")
    if is_set:
        return Checked("clock", Level.OK, N_("the clock is synchronised"))
    if is_set is None:
        return Checked(
            "clock", Level.WARNING, N_("nobody here can say whether the clock is synchronised"), do
        )
    return Checked("clock", Level.WRONG, N_("the clock is not synchronised: shifts begin at wrong times"), do)


# --- secrets -----------------------------------------------------------------------------------------


def credentials(looked_for: Mapping[str, Path], table: Mapping[str, Any]) -> Checked:
    """Whether every secret of the sections that `table` has is there, for its owner alone."""
    missing, open_to_others, hidden = list[str](), list[str](), list[str]()
    for name, file in looked_for.items():
        section, _ = SECRETS[name]
        try:
            mode = file.stat().st_mode
        except FileNotFoundError:
            if name != "mqtt-password" or "username" in table.get(section, {}):
                missing.append(str(file))
        except OSError:
            hidden.append(str(file))
        else:
            if stat.S_IMODE(mode) & 0o077:
                open_to_others.append(str(file))
    found = missing + open_to_others or hidden
    values = {"files": ", ".join(found), "count": str(len(looked_for))}
    if missing:
        return Checked(
            "credentials",
            Level.WRONG,
            N_("secrets are missing, or others may read them: {files}"),
            N_("One value a file; as root: `install -m 600 /dev/stdin FILE`."),
            values,
        )
    if open_to_others:
        return Checked(
            "credentials",
            Level.WRONG,
            N_("others than their owner may read secrets: {files}"),
            N_("As root: `chmod 600` on each."),
            values,
        )
    if hidden:
        what = N_("secrets cannot be looked at by this user: {files}")
        return Checked("credentials", Level.WARNING, what, N_("Ask again as root."), values)
    return Checked("credentials", Level.OK, N_("every secret is there, for its owner alone"), values=values)


# --- the state directory -----------------------------------------------------------------------------


def owner_of(user: str = USER) -> int:
    """Give the uid that the service runs as: the user of the unit, else whoever asks."""
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        return os.getuid()


def state(directory: Path, uid: int) -> Checked:
    """Whether that user may write everything in it."""
    values = {"directory": str(directory), "uid": str(uid)}
    try:
        strangers = list(_not_of(directory, uid))
    except FileNotFoundError:
        what = N_("{directory} is not there yet; the first start makes it")
        return Checked("state", Level.WARNING, what, values=values)
    except OSError as e:
        what = N_("{directory} cannot be looked at: {why}")
        return Checked(
            "state", Level.WARNING, what, N_("Ask again as root."), values | {"why": e.strerror or ""}
        )
    if strangers:
        return Checked(
            "state",
            Level.WRONG,
            N_("the service may not write what belongs to somebody else: {files}"),
            N_("As root: `chown -R {uid} {directory}`."),
            values | {"files": ", ".join(strangers[:5])},
        )
    return Checked("state", Level.OK, N_("{directory} is the service's own"), values=values)


def disk(directory: Path, free: int) -> Checked:
    """Whether it has room; `free` in bytes."""
    values = {"directory": str(directory), "free": f"{free >> 20}"}
    if free < LITTLE:
        return Checked(
            "disk",
            Level.WRONG if free < TOO_LITTLE else Level.WARNING,
            N_("{directory}: only {free} MiB are free"),
            N_(
                "Make room, or move it to a larger disk: without room, what happened is kept in memory alone."
            ),
            values,
        )
    return Checked("disk", Level.OK, N_("{directory}: {free} MiB are free"), values=values)


def _not_of(directory: Path, uid: int) -> Iterator[str]:
    for path in (directory, *directory.iterdir()):
        if path.lstat().st_uid != uid:
            yield str(path)
