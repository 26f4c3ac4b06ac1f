"""The result of an evaluation as a table for the terminal and as Markdown for the docs.

Takes the object that `guardian evaluate --json` writes, gives text with counts beside every rate. Computes
nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from rich.box import SIMPLE
from rich.table import Column, Table

COLUMNS: Final = (
    "cell",
    "kind",
    "found",
    "sensitivity",
    "95 %",
    "false",
    "a home-day",
    "95 %",
    "late s",
    "p95",
)


def table(result: Mapping[str, Any]) -> Table:
    """Give one line a cell and kind of finding, sums first."""
    out = Table(*(Column(c, no_wrap=True) for c in COLUMNS), title=_title(result), box=SIMPLE)
    for part in (result.get("summary", ()), result["traces"]):
        for row in rows(part):
            out.add_row(*row)
        out.add_section()
    return out


def markdown(results: Iterable[Mapping[str, Any]], *, cells: bool = True) -> str:
    """Give the same lines as Markdown, a table a result; `cells` False: sums alone where there are some."""
    out = []
    for result in results:
        sums, each = result.get("summary", ()), result["traces"]
        parts = [sums, each] if cells else [sums or each]
        lines = ["| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
        lines += ["| " + " | ".join(row) + " |" for part in parts for row in rows(part)]
        out.append("\n".join([f"**{_title(result)}**", "", *lines]))
    return "\n\n".join(out) + "\n"


def rows(entries: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    """Give the cells of the table; a kind that a cell neither holds nor hears of is left out."""
    for entry in entries:
        for kind, k in entry["kinds"].items():
            if k["truth"] or k["false"] or k["home_days"] >= 1 / 24:
                some = bool(k["truth"])
                yield (
                    entry["name"],
                    kind,
                    f"{k['hit']}/{k['truth']}" if some else "",
                    _number(k["sensitivity"], 3) if some else "",
                    _interval(k["sensitivity_95"], 2) if some else "",
                    str(k["false"]),
                    _number(k["false_per_home_day"], 2),
                    _interval(k["false_per_home_day_95"], 2),
                    _number(k["latency_s_p50"], 1),
                    _number(k["latency_s_p95"], 1),
                )
        if position := entry.get("position"):
            right, far = position["right_room"], _number(position["median_m"], 2)
            hours = f"{position['seconds'] / 3600:.1f} h"
            yield (entry["name"], "position", hours, _number(right, 3), "", "", f"{far} m", "", "", "")


def _title(result: Mapping[str, Any]) -> str:
    done = result.get("simulated")
    if not done:
        return "recorded"
    speed, pace = done["sensor_hours_per_hour"], done["home_hours_per_minute"]
    fast = "" if pace is None else f", {pace:.0f} home-hours a minute"
    fast += f", {speed:.0f} sensor-hours an hour" if speed else ""
    share = (
        "" if done["drawn_share"] is None else f", {done['drawn_share']:.0%} of {done['frames']} frames drawn"
    )
    return f"{result.get('suite', '')} {done['home_hours']:.1f} home-hours{share}{fast}".strip()


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _interval(ends: Sequence[float | None], digits: int) -> str:
    low, high = (_number(end, digits) for end in ends)
    return f"{low}–{high}"
