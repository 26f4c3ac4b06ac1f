"""Commands for the day on which a machine dies: a backup while Guardian runs, and its way back."""

import asyncio
import time
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from alerting.ledger import Ledger, lock_state, open_incidents
from guardian import desk
from guardian.backup import LEDGER, BackupError, make
from guardian.backup import restore as put_back
from guardian.cli_homes import ledger_work
from guardian.cli_parts import DEFAULT_CONFIG, ConfigOption, fail
from guardian.settings import state_directory_of


def backup(
    out: Annotated[Path, typer.Argument(help="A new folder; its parent is to be on another disk.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Copy everything that Guardian knows into a new folder, while it runs or not."""
    state = state_directory_of(config)

    def spare() -> Path:
        if desk.runs(state):
            desk.call(state, "POST", "/spare")
        else:
            with lock_state(state):
                asyncio.run(_spare_of(state))
        return state / f"{LEDGER}.spare"

    try:
        done = make(state, out, spare, version=version("guardian-care"), now_ms=time.time_ns() // 1_000_000)
    except BackupError as e:
        fail(str(e))
    print(f"{out}: {len(done.files)} files, {sum(one.size for one in done.files) / 1e6:,.1f} MB")
    print("Names and addresses of people are in it: keep it locked away. Settings and secrets are not in it.")


def restore(
    kept: Annotated[Path, typer.Argument(help="Folder that `guardian backup` has made.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Put a backup into an installation without a ledger; Guardian must not be running."""
    state = state_directory_of(config)
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with lock_state(state):
            done = put_back(kept, state)
    except BackupError as e:
        fail(str(e))
    waiting = ledger_work(state, lambda tx, _now_ms: len(open_incidents(tx)))
    print(f"{state}: {len(done.files)} files; {waiting} incidents are open and go on when Guardian starts")


async def _spare_of(state: Path) -> None:
    ledger = await Ledger.open(state / LEDGER)
    try:
        await ledger.make_spare()
    finally:
        await ledger.close()
