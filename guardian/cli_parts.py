"""What the commands of `guardian` share: where the settings are, and how one says that it cannot go on."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

DEFAULT_CONFIG = Path("/etc/guardian/guardian.toml")
ConfigOption = Annotated[Path, typer.Option("--config", help="guardian.toml of the installation.")]

err = Console(stderr=True)


def fail(*lines: str) -> NoReturn:
    """Print the lines in red and end with status 1."""
    for line in lines:
        err.print(line, style="red", markup=False, highlight=False, soft_wrap=True)
    raise SystemExit(1)
