"""The figures of `guardian simulate-response` for the terminal. Computes nothing."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.box import SIMPLE
from rich.table import Column, Table

from simulator.response.planted import Found

COLUMNS: Final = (
    "",
    "incidents",
    "within 600 s",
    "one by one",
    "feasible",
    "late of these",
    "infeasible by the fault",
    "texts",
    "went",
    "last resort",
)


def table(figures: Mapping[str, Any]) -> Table:
    """Give a line for each set of reply odds, then one for each fault at the usual odds."""
    out = Table(*(Column(c, justify="left" if not c else "right") for c in COLUMNS), box=SIMPLE)
    for odds, some in figures["by_reply_odds"].items():
        out.add_row(*_row(f"reply odds {float(odds):.0%}", some))
    out.add_section()
    for name, some in figures["by_fault"].items():
        out.add_row(*_row(f"{name} {some['words']}", some))
    return out


def found_table(found: Sequence[Found]) -> Table:
    """Give a line for each planted bug."""
    out = Table(
        "planted", "seen", Column("incidents", justify="right"), Column("CPU s", justify="right"), box=SIMPLE
    )
    for one in found:
        out.add_row(one.bug, one.seen or "NOTHING", str(one.incidents), f"{one.seconds:.1f}")
    return out


def _row(name: str, some: Mapping[str, Any]) -> tuple[str, ...]:
    low, high = some["within_600_share_95"]
    return (
        name,
        str(some["incidents"]),
        f"{some['within_600_share']:.2%} ({low:.2%}–{high:.2%})",
        f"{some['baseline']['within_600_share']:.1%}",
        str(some["feasible"]),
        str(some["late_feasible"]),
        str(some["infeasible_by_fault"]),
        f"{some['texts_per_incident']:.1f}",
        f"{some['went_per_incident']:.2f}",
        f"{some['last_resort_share']:.1%}",
    )
