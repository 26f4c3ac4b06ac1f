"""The targets on the report page: a table of verdicts, and marks beside the figures they are about.

Takes rows and what targets.py says of them, gives HTML.
"""

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from simulator import markup
from simulator.pooling import Row
from simulator.report_words import Words
from simulator.targets import Figure, Judged, Target, judged

Sights = Sequence[tuple[Row, str]]
"""Rows with what they are called, HTML already."""

IN_TIME: Final = frozenset({"p50_s", "p95_s", "slides_p95_s", "day_h"})
"""Figures that are judged by the share that was in time."""


def verdicts(row: Row) -> list[Judged]:
    """Of a row that stands for itself; a person or one seed is a part, and the whole is judged."""
    return [] if row.beneath else judged(row.entry, row.cells)


def targets_html(sights: Sights, kinds: dict[str, str], words: Words) -> str:
    """One line a target; `kinds` are the kinds of findings in words, HTML already."""
    rows, tally = [], dict.fromkeys(words.verdicts, 0)
    for row, name in sights:
        for k, one in enumerate(verdicts(row)):
            tally[one.verdict] += 1
            kind, text = one.target.kind, _text(one.target, words.figures[one.target.figure])
            bare = words.no_interval if one.interval is None and one.verdict != "open" else ""
            rows.append(
                (
                    False,
                    [
                        "" if k else name,
                        kinds.get(kind, escape(kind)) + _line(text),
                        f'<span class="{one.verdict}">{escape(words.verdicts[one.verdict])}</span>'
                        + _line(bare),
                        _reached(one, words),
                        _counts(one, words),
                    ],
                )
            )
    if not rows:
        return ""
    sums = " · ".join(
        f'<span class="{verdict}">{escape(words.verdicts[verdict])}: {n}</span>'
        for verdict, n in tally.items()
    )
    head = [words.entry, words.target, words.verdict, words.reached, words.counts_beside]
    return f"<p>{sums}</p>" + markup.table(head, rows, "three targets")


def marks(told: Iterable[Judged], kind: str, figures: Iterable[Figure], words: Words) -> str:
    """Lines for the cell of a figure: the target and whether it is met."""
    wanted = set(figures)
    return "".join(
        _line(
            f"{_text(one.target, words.marks[one.target.figure])}: {words.verdicts[one.verdict]}", one.verdict
        )
        for one in told
        if one.target.kind == kind and one.target.figure in wanted
    )


def _line(text: str, kind: str = "") -> str:
    """A line of its own below a figure; nothing for no text."""
    return f'<small class="{f"line {kind}".strip()}">{escape(text)}</small>' if text else ""


def exposure(days: float | None, words: Words) -> str:
    """How long, in the unit that a reader thinks in."""
    if days is None:
        return markup.NOTHING
    if days < 2 / 24:
        return words.minutes.format(markup.number(days * 1440))
    if days < 2:
        return words.hours_of.format(markup.number(days * 24))
    return words.days_of.format(markup.number(days))


def _text(target: Target, text: str) -> str:
    shares = {"hard", "slides", "found_24h", "found", "right_room"}
    limit = target.limit * 100 if target.figure in shares else target.limit
    return text.format(f"{limit:g}", f"{target.per_days:g}")


def _reached(one: Judged, words: Words) -> str:
    figure = one.target.figure
    if not math.isfinite(one.value):
        return escape(words.never)
    if figure in IN_TIME:
        return f"{markup.number(one.value)} {escape(words.hours if figure == 'day_h' else words.seconds)}"
    share = one.target.at_least and figure != "f1"
    return markup.with_interval(one.value, one.interval, share=share)


def _counts(one: Judged, words: Words) -> str:
    if one.counts is None:
        return markup.NOTHING
    hit, of = one.counts
    if one.target.figure == "false":
        return f"{hit:,} / {exposure(of, words)}"
    if one.target.figure not in IN_TIME:
        return f"{hit:,} / {of:,.0f}"
    pair = markup.interval(one.interval or (None, None), share=True)
    return f"{escape(words.in_time.format(f'{hit:,} / {of:,.0f}'))} {pair}"
