"""Commands for the person whose data it is: everything that is kept of them, and its end.

The daemon does it, over the desk: nothing here opens the ledger.
"""

import base64
import json
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from guardian import desk
from guardian.cli_parts import DEFAULT_CONFIG, ConfigOption, fail
from guardian.settings import load

subject_app = typer.Typer(help="What is kept of one person: export and erase.", no_args_is_help=True)
Who = Annotated[str, typer.Argument(help="Id of a home (its resident), or a responder's number: +86…")]


@subject_app.command("export")
def export(
    who: Who,
    out: Annotated[Path, typer.Option(help="A new folder for it.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Write everything that is kept of somebody: rows as JSON, pictures as numpy archives."""
    answer = desk.call(load(config).settings.state_directory, "GET", f"/subject?who={quote(who)}")
    try:
        out.mkdir(mode=0o700)
    except OSError as e:
        fail(f"{out}: {e.strerror}")
    pictures = answer.pop("pictures", {})
    for number, archive in pictures.items():
        (out / f"incident-{number}.npz").write_bytes(base64.b64decode(archive))
    text = json.dumps(answer, ensure_ascii=False, indent=1)
    (out / "data.json").write_text(text, "utf-8")
    print(f"{out}: data.json and the pictures of {len(pictures)} incidents")


@subject_app.command("erase")
def erase(
    who: Who,
    config: ConfigOption = DEFAULT_CONFIG,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; it cannot be undone.")] = False,
) -> None:
    """Erase somebody who has left the roster: name, numbers, address, notes, habits, pictures."""
    if not yes:
        typer.confirm(f"Erase all that names {who}? It cannot be undone.", abort=True)
    answer = desk.call(load(config).settings.state_directory, "POST", f"/subject/erase?who={quote(who)}")
    print(f"{who} is erased; pictures of {answer['pictures']} incidents went with it.")
    if not answer["spares"]:
        fail("A spare of the ledger could not be made anew and may hold the name: see the log, erase again.")
    print("Not here: backups that you have made, roster files that you keep, and what providers store.")
