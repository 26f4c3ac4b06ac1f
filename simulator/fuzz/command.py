"""What `guardian fuzz` does: runs one entry point or all, with a bar, and gives their figures as a table."""

import logging
from pathlib import Path
from typing import Any

import structlog
import typer
from rich.progress import Progress

from guardian.cli_parts import err, fail
from simulator.fuzz.entries import ENTRIES
from simulator.fuzz.run import MOST_GROWTH_MB, run_entry


def fuzz(
    entry: str | None,
    count: int | None,
    seed: int,
    found: Path,
) -> dict[str, Any]:
    """Fuzz one entry point or all; give the figures of each by name. Exits with 2 for an unknown name."""
    if entry is not None and entry not in ENTRIES:
        raise typer.BadParameter(f"{entry} is none of {', '.join(ENTRIES)}")
    before, quiet = structlog.get_config(), structlog.make_filtering_bound_logger(logging.CRITICAL)
    structlog.configure(wrapper_class=quiet)
    figures = {}
    try:
        with Progress(console=err) as bar:
            for name in ENTRIES if entry is None else (entry,):
                task = bar.add_task(name)
                result = run_entry(
                    name,
                    seed,
                    found,
                    count=count,
                    say=lambda done, whole, task=task: bar.update(task, completed=done, total=whole),  # type: ignore[misc]
                )
                figures[name] = result.figures()
    finally:
        structlog.configure(**before)
    return figures


def table(figures: dict[str, Any]) -> str:
    """One line an entry point."""
    columns = f"{'taken':>8}{'CPU µs':>8}{'over':>5}{'slowest':>9}{'RSS':>8}  failures"
    head = f"{'entry':<16}{'damaged':>11}{'invented':>9}{columns}"
    lines = [head]
    for name, f in figures.items():
        inputs = max(1, f["mutated"] + f["structured"])
        taken = sum(n for word, n in f["outcomes"].items() if word.startswith("taken")) / inputs
        cpu_us = f["cpu_s"] / inputs * 1e6
        lines.append(
            f"{name:<16}{f['mutated']:>11,}{f['structured']:>9,}{taken:>8.1%}{cpu_us:>8.1f}"
            f"{f['over_limit']:>5}{f['slowest_ms']:>6.1f} ms{f['growth_mb']:>5.1f} MB  {len(f['failures'])}"
        )
        lines += [f"    {one['what']}: {one['file']}" for one in f["failures"]]
    return "\n".join(lines)


def failed(figures: dict[str, Any]) -> None:
    """End with status 1 when something was found or memory grew."""
    wrong = [
        f"{name}: {len(f['failures'])} failures, memory grew by {f['growth_mb']:.1f} MB"
        for name, f in figures.items()
        if f["failures"] or f["growth_mb"] > MOST_GROWTH_MB
    ]
    if wrong:
        fail(*wrong)
