"""Lays Guardian down as a service: its user, its unit, the broker's files, an example of the settings.

Takes a root (`/`, or the folder of an image), gives what is done, line by line. What people edit is written
only where it is missing; what is Guardian's own is written anew. May be repeated. Starts nothing, and makes
no secret.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from guardian.credentials import CREDSTORE
from guardian.settings import CONFIG

UNIT: Final = Path("/etc/systemd/system/guardian.service")
DROP_IN: Final = UNIT.with_name("guardian.service.d") / "10-command.conf"
SYSUSERS: Final = Path("/etc/sysusers.d/guardian.conf")
UNITS_COMMAND: Final = Path("/usr/bin/guardian")
"""What the unit runs without a drop-in."""
HIDDEN: Final = tuple(map(Path, ("/home", "/root", "/run/user", "/tmp", "/var/tmp")))  # noqa: S108  # not used: refused
"""Where the unit's ProtectHome= and PrivateTmp= let the service see nothing."""
RUNNING: Final = Path("/run/systemd/system")
"""There while systemd runs: sd_booted(3)."""
PATIENCE_S: Final = 60.0


class InstallError(Exception):
    """It cannot be laid down, in words for the person at the keyboard."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One file of the installation."""

    path: Path
    """Absolute, as the installed machine will see it."""
    content: bytes
    edited: bool = False
    """Whether people change it there: then it is written only where it is missing."""


def pieces(command: Path) -> tuple[Piece, ...]:
    """Give all files; `command` is where the service finds `guardian`."""

    def shipped(name: str) -> bytes:
        return (CONFIG / name).read_bytes()

    words = "[Service]\n" + "".join(
        f"{key}=\n{key}={command} {verb} /etc/guardian/guardian.toml\n"
        for key, verb in (("ExecStart", "run"), ("ExecReload", "reload"))
    )
    return (
        Piece(SYSUSERS, shipped("systemd/guardian.sysusers")),
        Piece(UNIT, shipped("systemd/guardian.service")),
        *([Piece(DROP_IN, words.encode())] if command != UNITS_COMMAND else []),
        Piece(Path("/etc/guardian/roster.example.toml"), shipped("roster.example.toml")),
        Piece(Path("/etc/guardian/guardian.toml"), shipped("guardian.toml"), edited=True),
        Piece(Path("/etc/mosquitto/conf.d/guardian.conf"), shipped("mosquitto.conf"), edited=True),
        Piece(Path("/etc/mosquitto/mosquitto.acl"), shipped("mosquitto.acl"), edited=True),
    )


def install(root: Path, command: Path, *, dry_run: bool = False) -> Iterator[str]:
    """Do it, or with `dry_run` only tell; gives a line for each step.

    Raises
    ------
    InstallError
        the service could not see `command`, this user may not write there, or systemd refuses the user.
    """
    if not command.is_absolute() or any(command.is_relative_to(hidden) for hidden in HIDDEN):
        raise InstallError(
            f"{command}: the service sees nothing below {', '.join(map(str, HIDDEN))}; install Guardian into "
            "/opt/guardian, for example, or name the command with --command"
        )
    if not inside(root, command).exists():
        raise InstallError(f"{inside(root, command)}: no such command")
    if root == Path("/") and os.geteuid() != 0 and not dry_run:
        raise InstallError("this writes below /etc: run it as root, or look first with --dry-run")
    try:
        yield from _laid_down(root, command, dry_run=dry_run)
    except OSError as e:
        raise InstallError(f"{e.filename or root}: {e.strerror}") from e


def inside(root: Path, path: Path) -> Path:
    """Give where an absolute path lies in an image."""
    return root / path.relative_to("/")


def _laid_down(root: Path, command: Path, *, dry_run: bool) -> Iterator[str]:
    would = "would " if dry_run else ""
    store = inside(root, CREDSTORE)
    if not store.is_dir():
        yield f"{would}make {CREDSTORE}, for root alone"
        if not dry_run:
            store.mkdir(parents=True, mode=0o700)
    changed = False
    for piece in pieces(command):
        target = inside(root, piece.path)
        there = target.read_bytes() if target.exists() else None
        if there == piece.content:
            yield f"{piece.path} is as it should be"
        elif there is not None and piece.edited:
            yield f"{piece.path} stays as it is: yours, other than the shipped one"
        else:
            yield f"{would}write {piece.path}" + (" anew" if there is not None else "")
            changed = True
            if not dry_run:
                _write(target, piece.content)
    left_over = inside(root, DROP_IN)
    if command == UNITS_COMMAND and left_over.exists():
        yield f"{would}remove {DROP_IN}: the command is {command} again"
        changed = True
        if not dry_run:
            left_over.unlink()
    yield f"{would}make the user guardian, where there is none"
    if not dry_run:
        _run("systemd-sysusers", f"--root={root.resolve()}", SYSUSERS.name)
    if changed and root == Path("/") and RUNNING.is_dir():
        yield f"{would}let systemd read its units again"
        if not dry_run:
            _run("systemctl", "daemon-reload")


def _write(target: Path, content: bytes) -> None:
    """Put a file in place as a whole, for everybody to read; no secret is among them."""
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.new")
    fresh.write_bytes(content)
    fresh.chmod(0o644)
    fresh.replace(target)


def _run(program: str, *arguments: str) -> None:
    found = shutil.which(program)
    if found is None:
        raise InstallError(f"{program} is missing: this is for machines with systemd")
    done = subprocess.run(  # noqa: S603  # our own words
        [found, *arguments], check=False, capture_output=True, text=True, timeout=PATIENCE_S
    )
    if done.returncode != 0:
        raise InstallError(f"{program}: {done.stderr.strip() or f'exit status {done.returncode}'}")
