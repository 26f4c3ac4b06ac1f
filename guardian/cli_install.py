"""Commands that install the service, and look whether it is fit to watch. Nothing is decided here."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from alerting.duty import Language
from guardian.cli_parts import DEFAULT_CONFIG, ConfigOption, fail
from guardian.clock import LiveClock
from guardian.install import InstallError
from guardian.install import install as lay_down

NEXT = """Then (docs/operations.md): users and certificates of the broker, secrets in /etc/credstore,
/etc/guardian/guardian.toml, `guardian doctor`, and `systemctl enable --now guardian`."""


def install(
    root: Annotated[Path, typer.Option(help="Folder of an image; / is this machine.")] = Path("/"),
    command: Annotated[
        Path | None,
        typer.Option(help="Where the service finds `guardian`, absolute; without it, where this one lies."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would be done, do nothing.")] = False,
) -> None:
    """Lay down the service: user, unit, the broker's files, an example of the settings. Starts nothing."""
    try:
        for line in lay_down(root, command or Path(sys.executable).parent / "guardian", dry_run=dry_run):
            print(line)
    except InstallError as e:
        fail(str(e))
    print(NEXT)


def doctor(
    config: ConfigOption = DEFAULT_CONFIG,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write what was found to this file.")
    ] = None,
    lang: Annotated[str, typer.Option("--lang", help="en or zh.")] = "en",
) -> None:
    """Look whether this installation is fit to watch, and say what to do; exit 1 if something is wrong."""
    from guardian import doctor as checks
    from guardian.checked import Level
    from guardian.web.words import WORDS

    languages: dict[str, Language] = {"en": "en", "zh": "zh"}
    if lang not in languages:
        raise typer.BadParameter("en or zh", param_hint="--lang")
    words = WORDS[languages[lang]]
    out = Console(soft_wrap=True, highlight=False, markup=False)
    styles = {Level.OK: "", Level.WARNING: "yellow", Level.WRONG: "red"}
    found = []
    for check in checks.examine(config, asyncio.run(_now_ms())):
        found.append(check)
        for line in checks.lines(check, words):
            out.print(line, style=styles[check.level])
    if json_file is not None:
        text = json.dumps(checks.as_json(found, words), ensure_ascii=False, indent=2)
        try:
            json_file.write_text(f"{text}\n", "utf-8")
        except OSError as e:
            fail(f"{json_file}: {e.strerror}")
    raise SystemExit(checks.worst(found) is Level.WRONG)


async def _now_ms() -> int:
    return LiveClock().now_ms()
