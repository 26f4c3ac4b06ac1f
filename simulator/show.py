"""The result of an evaluation as a table for the terminal and as Markdown for the docs.

Takes the object that `guardian evaluate --json` writes, gives text with counts beside every rate. Computes
nothing. What a home could not have said, or was not watched for, is a dash.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from rich.box import SIMPLE
from rich.table import Column, Table

from simulator import pooling

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
DASH: Final = "–"


def table(result: Mapping[str, Any]) -> Table:
    """Give one line a cell and kind of finding, sums first."""
    out = Table(*(Column(c, no_wrap=True) for c in COLUMNS), title=_title(result), box=SIMPLE)
    for part in _parts(result):
        for row in rows(part):
            out.add_row(*row)
        out.add_section()
    return out


def markdown(results: Iterable[Mapping[str, Any]], *, cells: bool = True) -> str:
    """Give the same lines as Markdown, a table a result; `cells` False: sums alone where there are some.

    ValueError for what is no result, and for the same homes given twice.
    """
    results = list(results)
    pooling.check(results)
    out = []
    for result in results:
        parts = _parts(result) if cells else _parts(result)[:1]
        lines = ["| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
        lines += ["| " + " | ".join(row) + " |" for part in parts for row in rows(part)]
        out.append("\n".join([f"**{_title(result)}**", "", *lines]))
    return "\n\n".join(out) + "\n"


def _parts(result: Mapping[str, Any]) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """Sums and whole recordings, each with its persons beneath; and the cells behind the sums."""
    in_sight, behind = pooling.rows([result])
    return [row.entry for row in in_sight], [row.entry for row in behind]


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
                    _number(k["false_per_home_day"], 2) or DASH,
                    _interval(k["false_per_home_day_95"], 2) if k["home_days"] else DASH,
                    _number(k["latency_s_p50"], 1),
                    _number(k["latency_s_p95"], 1),
                )
        if position := entry.get("position"):
            yield from _placed(entry["name"], position)


def _placed(name: str, position: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """The lines about position: hours in the right room of hours at home, and hours of those with a place.

    The second one says how far off the place was half of the time.
    """
    hours, right = position["seconds"] / 3600, position["right_room"]
    ends = position.get("right_room_by_home_95") or (None, None)
    known = _interval(ends, 2) if None not in ends else ""
    yield (name, "right room", f"{hours * right:.1f}/{hours:.1f} h", _number(right, 3), known, *[""] * 5)
    share, far_m = position.get("placed_share"), position.get("median_m")
    if share is None and far_m is None:
        return
    of = "" if share is None else f"{hours * right * share:.1f}/{hours * right:.1f} h"
    far = "never placed" if far_m is None else f"half within {far_m:.2f} m"
    yield (name, far, of, _number(share, 3), *[""] * 6)


def _title(result: Mapping[str, Any]) -> str:
    done = result.get("simulated")
    if not done:
        return "recorded"
    speed, pace = done["sensor_hours_per_hour"], done["home_hours_per_minute"]
    fast = "" if pace is None else f", {pace:.0f} home-hours a minute"
    fast += f", {speed:.0f} sensor-hours an hour" if speed else ""
    work = done.get("sensor_hours_per_cpu_hour")
    fast += f" ({work:.0f} in an hour of one core)" if work else ""
    share = (
        "" if done["drawn_share"] is None else f", {done['drawn_share']:.0%} of {done['frames']} frames drawn"
    )
    return f"{result.get('suite', '')} {done['home_hours']:.1f} home-hours{share}{fast}".strip()


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _interval(ends: Sequence[float | None], digits: int) -> str:
    low, high = (_number(end, digits) for end in ends)
    return f"{low}{DASH}{high}"
