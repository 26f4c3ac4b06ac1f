"""The figures of the study of silence as tables for the terminal. Computes nothing but rounds."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rich.box import SIMPLE
from rich.table import Column, Table

DASH: Final = "–"


def tables(told: Mapping[str, Any]) -> Iterator[Table]:
    """Give one for each thing that was measured."""
    yield _rates(told)
    yield _kinds(told)
    yield _places(told)
    yield _hours(told)
    yield _conditions(told)


def _table(title: str, *columns: str) -> Table:
    return Table(*(Column(c, no_wrap=True) for c in columns), title=title, box=SIMPLE)


def _rates(told: Mapping[str, Any]) -> Table:
    out = _table(
        f"False alarms, {told['homes']} homes x {told['days']} days ({told['learnt_days']} not counted)",
        "one in",
        "homes",
        "days",
        "false",
        "of asked",
        "95 %",
        "rule",
        "others",
        "home",
        "inactivity",
        "in 90 days",
        "95 %",
    )
    out.caption = (
        "of asked: times as many as asked for; rule: by the longest silence; others: without these; "
        "home: without nights elsewhere; in 90 days: `inactivity` of a home"
    )
    for every, groups in told["asked"].items():
        for name, one in groups.items():
            silence = one["inactivity"]
            out.add_row(
                f"{every} days",
                name,
                f"{one['home_days']:.0f}",
                str(one["false"]),
                _number(one["times_asked"]),
                _interval(one["times_asked_95"]),
                str(one["rule"]["false"]),
                _number(one["without_rule"]["times_asked"]),
                _number(one["without_elsewhere"]["times_asked"]),
                str(silence["false"]),
                _number(silence["a_home_and_90_days"]),
                _interval(silence["a_home_and_90_days_95"]),
            )
        out.add_section()
    return out


def _kinds(told: Mapping[str, Any]) -> Table:
    out = _table(
        "All homes: false alarms by kind", "one asked in", "kind", "asked", "false", "a home-day", "where"
    )
    for every, groups in told["asked"].items():
        for kind, one in groups["all homes"]["kinds"].items():
            where = ", ".join(f"{place} {n}" for place, n in one["where"].items())
            asked = f"{one['asked']:.0f}" if one["asked"] else DASH
            out.add_row(f"{every} days", kind, asked, str(one["false"]), f"{one['a_home_day']:.4f}", where)
        out.add_section()
    return out


def _places(told: Mapping[str, Any]) -> Table:
    out = _table(
        "Hours to the first alarm; to that of the own clock (in bed and out: since rising or return)",
        "where",
        "collapses",
        "found",
        "median",
        "p90",
        "inactivity",
        "prompt",
        "own clock",
        "found",
        "median",
        "p90",
        "within 45 min",
    )
    for where, one in told["collapses"]["where"].items():
        own = one["own_found"]
        found = [f"{own['found_24h']} of {own['collapses']}", *_delay(own)]
        soon = str(own["within_45_min"]) if "within_45_min" in own else ""
        asked = [_number(one[kind]["delay_h_p50"]) for kind in ("inactivity", "prompt")]
        out.add_row(where, *_found(one["first"]), *_delay(one["first"]), *asked, one["own"], *found, soon)
    return out


def _hours(told: Mapping[str, Any]) -> Table:
    groups = ("up", "bed", "out")
    columns = [f"{g} {c}" for g in groups for c in ("found", "median", "p90")]
    out = _table("Hours to the first alarm, by the hour of the onset", "hour", *columns)
    for hour, one in enumerate(told["collapses"]["hour"]):
        cells = [c for g in groups for c in (_of(one[g]), *_delay(one[g]))]
        out.add_row(f"{hour:02d}", *cells)
    return out


def _conditions(told: Mapping[str, Any]) -> Table:
    out = _table(
        "Hours to the first alarm of who collapses up and about",
        "homes",
        "found",
        "median",
        "p90",
        "from 8 to 20 h: found",
        "median",
        "p90",
    )
    for name, one in told["collapses"]["condition"].items():
        by_day = told["collapses"]["condition_day"][name]
        out.add_row(name, _of(one), *_delay(one), _of(by_day), *_delay(by_day))
    return out


def _of(one: Mapping[str, Any]) -> str:
    return f"{one['found_24h']} of {one['collapses']}"


def _found(one: Mapping[str, Any]) -> tuple[str, str]:
    return str(one["collapses"]), str(one["found_24h"])


def _delay(one: Mapping[str, Any]) -> tuple[str, str]:
    return _number(one["delay_h_p50"]), _number(one["delay_h_p90"])


def _number(value: float | None) -> str:
    return DASH if value is None else f"{value:.2f}"


def _interval(pair: list[float | None]) -> str:
    return f"{_number(pair[0])}{DASH}{_number(pair[1])}"
