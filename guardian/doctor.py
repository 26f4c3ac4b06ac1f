"""`guardian doctor`: whether an installation is fit to watch, and what to do where it is not.

Takes the settings' file, runs every check in order (doctor_machine.py, doctor_site.py) and gives what each
has found. Changes nothing, and never opens the ledger beside a running daemon.
"""

import asyncio
import os
import shutil
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from guardian import desk, doctor_machine, doctor_site
from guardian.checked import Checked, Level
from guardian.credentials import CREDSTORE, files
from guardian.roster_file import read as read_roster
from guardian.settings import Loaded, SettingsError, load
from guardian.web.words import N_, Words


def examine(
    config: Path, now_ms: int, *, root: Path = Path("/"), credstore: Path = CREDSTORE
) -> Iterator[Checked]:
    """Run all checks; `root` is where the unit is looked for, `now_ms` the wall clock in ms since 1970."""
    yield doctor_machine.versions()
    yield doctor_machine.unit(root)
    yield doctor_machine.clock(doctor_machine.synchronised())
    loaded, said = configuration(config, credstore)
    yield said
    table = _table(config)
    yield doctor_machine.credentials(files(table, config.parent, credstore), table)
    if loaded is None:
        return  # the rest would only repeat what is wrong with it
    settings = loaded.settings
    state = settings.state_directory
    yield doctor_machine.state(state, doctor_machine.owner_of())
    if state.exists() and not os.access(state, os.X_OK):
        return  # whether anybody watches is the owner's and root's to see
    if state.exists():
        yield doctor_machine.disk(state, shutil.disk_usage(state).free)
    answer: Mapping[str, Any] | None = None
    try:
        answer = desk.call(state, "GET", "/status")
    except desk.DeskError as e:
        yield doctor_site.not_running(str(e))
    else:
        yield doctor_site.running(answer)
    yield doctor_site.ledger(state, answer)
    yield from asyncio.run(doctor_site.broker(settings))
    yield asyncio.run(doctor_site.board(settings.web, runs=answer is not None))
    if settings.web.tls_certificate is not None:
        yield doctor_site.certificate(settings.web.tls_certificate, now_ms)
    if settings.web.tls_key is not None:
        yield doctor_site.key(settings.web.tls_key, doctor_machine.owner_of())
    yield doctor_site.devices(doctor_site.roster_of(settings, runs=answer is not None))


def configuration(config: Path, credstore: Path = CREDSTORE) -> tuple[Loaded | None, Checked]:
    """Read everything that the settings name; every mistake at once."""
    try:
        loaded = load(config, credstore=credstore)
        if loaded.settings.roster is not None:
            read_roster(loaded.settings.roster.read_text("utf-8"), loaded.settings.roster.name)
    except SettingsError as e:
        problems = e.problems
    except (OSError, UnicodeDecodeError) as e:
        problems = [f"roster: {e}"]
    else:
        return loaded, Checked("configuration", Level.OK, N_("{file} is good"), values={"file": str(config)})
    return None, Checked(
        "configuration",
        Level.WRONG,
        N_("{file} cannot be used: {problems}"),
        N_("Correct each line; `guardian check` looks again."),
        {"file": str(config), "problems": "".join(f"\n    {line}" for line in problems)},
    )


def _table(config: Path) -> Mapping[str, Any]:
    """Give the file's table, empty where it has none: `configuration` has said so."""
    try:
        return tomllib.loads(config.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}


def worst(checks: Iterable[Checked]) -> Level:
    """Give the most serious level among them."""
    return max((check.level for check in checks), default=Level.OK, key=list(Level).index)


def lines(check: Checked, words: Words) -> Iterator[str]:
    """Give what a reader sees of it: what is so, and below what to do."""
    yield f"{words.text(check.level.word)}  {words.text(check.what).format_map(check.values)}"
    if check.do:
        yield f"    → {words.text(check.do).format_map(check.values)}"


def as_json(checks: Iterable[Checked], words: Words) -> dict[str, Any]:
    """Give it for a program: `level`, and each check with name, level, what and do."""
    checks = list(checks)
    return {
        "level": worst(checks),
        "checks": [
            {
                "name": check.name,
                "level": check.level,
                "what": words.text(check.what).format_map(check.values),
                "do": words.text(check.do).format_map(check.values) if check.do else "",
            }
            for check in checks
        ],
    }
