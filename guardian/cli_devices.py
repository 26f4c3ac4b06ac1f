"""The command that listens for devices which the roster does not know yet. Nothing is decided here."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from guardian import desk, roster
from guardian.cli_homes import ledger_work
from guardian.cli_parts import DEFAULT_CONFIG, ConfigOption, err, fail
from guardian.control import listen
from guardian.link import LinkError
from guardian.roster_file import RosterFile
from guardian.roster_file import read as read_roster
from guardian.scout import Scout, filters, to_toml
from guardian.settings import load


def devices(
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="How long to listen.")] = 60.0,
    user: Annotated[
        str | None, typer.Option(help="Another user name at the broker than Guardian's own.")
    ] = None,
    password_file: Annotated[Path | None, typer.Option(help="File with that user's password.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Listen on the broker and propose roster entries for devices that are not in the roster."""
    from guardian.app import broker_address

    settings = load(config).settings
    address = broker_address(settings.mqtt)
    if user is not None:
        try:
            password = password_file.read_text("utf-8").strip() if password_file else None
        except (OSError, UnicodeDecodeError) as e:
            fail(f"{password_file}: cannot be read: {e}")
        address = replace(address, username=user, password=password)
    scout = Scout(_known(settings.state_directory))
    err.print(f"listening for {seconds:g} s; press buttons, open doors, walk past sensors")
    name = f"guardian-{settings.site}-devices"
    try:
        with suppress(KeyboardInterrupt):  # what has been heard until then is written all the same
            asyncio.run(listen(address, name, filters(settings.site), seconds, scout.hear))
    except LinkError as e:
        fail(str(e))
    counts = ", ".join(f"{count} {what}" for what, count in sorted(scout.counters.items()))
    print(to_toml(scout.found, settings.site, f"heard in {seconds:g} s: {counts or 'nothing'}"), end="")


def _known(state: Path) -> RosterFile | None:
    """Give the roster of the running daemon, else of the ledger; None where there is none yet."""
    if desk.runs(state):
        return read_roster(desk.call(state, "GET", "/roster/export")["toml"])
    if not (state / "ledger.db").exists():
        return None
    return ledger_work(state, lambda tx, _now_ms: roster.export_file(tx))
