"""Pieces of the report page: tables, numbers, marks as HTML.

Takes words and figures, gives text that is HTML already; whatever comes from a file is escaped here or by
the caller. Knows no detector.
"""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

STYLE: Final = """
:root{color-scheme:light}
body{font:15px/1.5 system-ui,"Noto Sans CJK SC","Microsoft YaHei",sans-serif;margin:2rem auto;max-width:84rem;
padding:0 1rem;color:#1c2226;background:#fff}
h1{font-size:1.6rem;line-height:1.25}h2{margin-top:2.5rem;border-bottom:2px solid #2b7a78}
h3{margin:1.6rem 0 .2rem;overflow-wrap:anywhere}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.86rem;margin:.5rem 0}
th,td{padding:.22rem .55rem;text-align:right;border-bottom:1px solid #dde3e6;white-space:nowrap;
vertical-align:top}
th{background:#f1f5f6;vertical-align:bottom;white-space:normal}
td:first-child{white-space:normal;min-width:9rem}
:is(th,td):first-child,.two :is(th,td):nth-child(2),.three :is(th,td):nth-child(-n+3){text-align:left}
tr.beneath td:first-child{padding-left:1.8rem}tr.beneath{color:#47535a}
.targets td:nth-child(-n+3){white-space:normal}.targets td:nth-child(2){min-width:8rem}
.scroll{overflow-x:auto}.note{color:#5a666c;font-size:.88rem;max-width:60rem}small{color:#5a666c}
small.id{display:block;font-size:.72rem;color:#8a959b}small.line{display:block}
small.pair{white-space:nowrap}.narrow small.pair{display:block}
.met{color:#1b7d4f}.missed{color:#b3261e}.open{color:#8a5a00}.little{color:#8a5a00}
details{margin:.6rem 0}summary{cursor:pointer;color:#2b7a78}
.strip{display:flex;flex-wrap:wrap;gap:.3rem;margin:.4rem 0}.strip figure{margin:0;text-align:center}
.strip img{width:7rem;image-rendering:pixelated;border:1px solid #ccd}
.plot{width:100%;min-width:40rem;max-width:72rem}
.case{break-inside:avoid;margin-bottom:1.6rem}figcaption{font-size:.78rem;color:#5a666c}
"""

NOTHING: Final = "–"


def section(title: str, note: str, body: str) -> str:
    """A part of the page; nothing at all where there is nothing to show."""
    if not body:
        return ""
    lines = "".join(f'<p class="note">{escape(line)}</p>' for line in note.split("\n") if line)
    return f"<section><h2>{escape(title)}</h2>{lines}{body}</section>"


def table(head: Sequence[str], rows: Iterable[tuple[bool, Sequence[str]]], kind: str = "one") -> str:
    """A table of cells that are HTML already; True: a row that belongs beneath the one above.

    kind: how many columns from the left are words (one, two, three).
    """
    body = "".join(
        f"<tr{' class=beneath' if beneath else ''}>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>"
        for beneath, row in rows
    )
    top = "".join(f"<th>{cell}</th>" for cell in head)
    whole = f'<table class="{kind}">'
    whole += f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="scroll">{whole}</div>'


def plot(address: str, text: str) -> str:
    """A picture that keeps its size on a narrow screen and is moved sideways there."""
    return f'<div class="scroll"><img class="plot" alt="{escape(text)}" src="{address}"></div>'


def named(words: str, identifier: str) -> str:
    """What something is called, and beneath it how the files call it."""
    small = f'<small class="id">{escape(identifier)}</small>' if words != identifier else ""
    return f"{escape(words)}{small}"


def with_interval(value: float | None, pair: Sequence[float | None] | None, *, share: bool = False) -> str:
    """A figure and its interval in brackets; an end that is not known is a dash."""
    tell = percent if share else number
    if value is None:
        return NOTHING
    return f"{tell(value)} {interval(pair, share=share)}" if pair else tell(value)


def interval(pair: Sequence[float | None], *, share: bool = False) -> str:
    """Both ends in brackets, which never part."""
    tell = percent if share else number
    return f'<small class="pair">[{tell(pair[0])}, {tell(pair[1])}]</small>'


def percent(value: float | None) -> str:
    """A share with one digit after the point."""
    return NOTHING if value is None else f"{value * 100:.1f} %"


def count(value: int | None) -> str:
    """A count; nothing where the file has none."""
    return NOTHING if value is None else f"{value:,}"


def number(value: float | None) -> str:
    """Three digits that count."""
    if value is None:
        return NOTHING
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
