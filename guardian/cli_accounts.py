"""Commands about who may log in, and the certificate with which the pages are served.

The daemon does it, over the desk: nothing here opens the ledger.
"""

import datetime as dt
import ipaddress
import json
import os
from pathlib import Path
from typing import Annotated

import typer

from guardian import certificate, desk
from guardian.cli_parts import DEFAULT_CONFIG, ConfigOption, fail
from guardian.clock import LiveClock
from guardian.settings import load

accounts_app = typer.Typer(help="Who may log in to the staff's pages.", no_args_is_help=True)


@accounts_app.command("add")
def add(
    login: Annotated[str, typer.Argument(help="2 to 32 letters, digits, dots or hyphens.")],
    role: Annotated[str, typer.Option(help="viewer, responder, operator or admin.")] = "viewer",
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Make an account; the password is shown once."""
    _say(config, "/accounts/add", {"login": login, "role": role})


@accounts_app.command("password")
def password(login: str, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Give somebody a new password, shown once; all their browsers are logged out."""
    _say(config, "/accounts/change", {"login": login, "do": "password"})


@accounts_app.command("unlock")
def unlock(login: str, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Let somebody in again who was locked out after wrong passwords."""
    _say(config, "/accounts/change", {"login": login, "do": "unlock"})


@accounts_app.command("end")
def end(login: str, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Let an account log in no more; its name stays with what was done by it."""
    _say(config, "/accounts/change", {"login": login, "do": "end"})


@accounts_app.command("list")
def listing(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """List all accounts."""
    for one in _call(config, "GET", "/accounts", None)["accounts"]:
        print("  ".join(one[name] for name in ("login", "role", "state")))


def make_certificate(
    names: Annotated[list[str], typer.Argument(help="Names and addresses under which browsers ask.")],
    out: Annotated[Path, typer.Option(help="Folder for board.crt and board.key.")] = Path(),
) -> None:
    """Make a certificate of its own for the staff's pages, valid for two years; browsers ask once."""
    now = dt.datetime.fromtimestamp(LiveClock().now_ms() / 1000, dt.UTC)
    try:
        made = certificate.make([_name(n) for n in names], now)
    except ValueError as e:
        fail(str(e))
    for name, content, mode in (("board.crt", made.certificate, 0o644), ("board.key", made.key, 0o600)):
        handle = os.open(out / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
    print(f"{out / 'board.crt'} and {out / 'board.key'}; SHA-256 {made.fingerprint}")
    print("Compare the fingerprint with what the browser shows before it is trusted.")


def _name(text: str) -> str | ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return text


def _call(config: Path, method: str, path: str, body: dict[str, str] | None) -> desk.Answer:
    state = load(config).settings.state_directory
    try:
        return desk.call(state, method, path, None if body is None else json.dumps(body).encode())
    except desk.DeskError as e:
        fail(str(e))


def _say(config: Path, path: str, body: dict[str, str]) -> None:
    answer = _call(config, "POST", path, body)
    if "password" in answer:
        print(f"{body['login']}: {answer['password']}")
    else:
        print(f"{body['login']}: done")
