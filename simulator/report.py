"""One HTML page from the figures of `guardian evaluate`: tables, plots and the worst cases.

Takes the objects that `--json` wrote (DESIGN section 10), gives one self-contained page in English or
Chinese: no network, no script. Adds up counts of entries of one array, measures nothing, reads no files.
Keys that an older file does not have are left blank.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from guardian.web.words import WORDS
from simulator import plots, statistics
from simulator.figures import AROUND_MS, MONTH_DAYS
from simulator.plots import Point
from simulator.report_words import LANGUAGES, Words

Json = Mapping[str, Any]

FALLS: Final = ("fall-suspected", "fall-confirmed")
"""Kinds that have curves and delays of their own."""
DELAYED: Final = frozenset({*FALLS, "cold", "heat", "fire", "appliance-left-on", "blind"})
"""Kinds found within minutes, whose delays are drawn in seconds."""
STYLE: Final = """
:root{color-scheme:light}
body{font:15px/1.5 system-ui,"Noto Sans CJK SC","Microsoft YaHei",sans-serif;margin:2rem auto;max-width:88rem;
padding:0 1rem;color:#1c2226;background:#fff}
h1{font-size:1.6rem}h2{margin-top:2.5rem;border-bottom:2px solid #2b7a78}h3{margin-top:1.6rem}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.86rem;margin:.5rem 0}
th,td{padding:.22rem .6rem;text-align:right;border-bottom:1px solid #dde3e6;white-space:nowrap}
th{background:#f1f5f6;position:sticky;top:0}th:first-child,td:first-child{text-align:left}
.scroll{overflow-x:auto}.note{color:#5a666c;font-size:.88rem}small{color:#5a666c}
.strip{display:flex;flex-wrap:wrap;gap:.3rem;margin:.4rem 0}.strip figure{margin:0;text-align:center}
.strip img{width:7rem;image-rendering:pixelated;border:1px solid #ccd}.plot{max-width:100%}
.case{break-inside:avoid;margin-bottom:1.6rem}figcaption{font-size:.78rem;color:#5a666c}
"""


def page(results: Sequence[Json], language: str = "en") -> str:
    """Make the page. ValueError for a language without words, for an object that is no result of `evaluate`,
    and for frames that are cut off; MissingMatplotlibError without matplotlib.
    """
    words = LANGUAGES.get(language)
    if words is None:
        raise ValueError(f"language is {language!r}; there are {', '.join(LANGUAGES)}")
    for k, result in enumerate(results):
        if "traces" not in result:
            raise ValueError(f"result {k + 1} has no list of traces: not written by `guardian evaluate`")
    entries = [entry for result in results for entry in result["traces"]]
    arrays = _arrays(entries)
    cases = [case for result in results for case in result.get("worst", [])]
    parts = [
        f"<h1>{escape(words.title)}</h1><p>{escape(words.lead)}</p>",
        *(_origin(result, words) for result in results),
        _section(words.counts, words.counts_note, _counts_in_two(results, entries, words)),
        _section(words.labels, words.labels_note, _labels(arrays, words)),
        _section(words.dots, words.dots_note, _dots(arrays, words)),
        _section(words.curves, words.curves_note, _curves(arrays, words)),
        _section(words.latencies, words.latencies_note, _latencies(arrays, words)),
        _section(words.silence, words.silence_note, _silence(entries, words)),
        _section(words.position, "", _position(entries, words)),
        _section(words.worst, words.worst_note, "".join(_case(case, words) for case in cases)),
    ]
    head = (
        f'<!doctype html><html lang="{words.language}"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(words.title)}</title><style>{STYLE}</style>"
    )
    return f"{head}<main>{''.join(parts)}</main></html>\n"


def _arrays(entries: Iterable[Json]) -> dict[str, list[Json]]:
    """Entries by what measured them: SUITE/MOUNT/ROWSxCOLS without the kind; a recording stands alone."""
    out: dict[str, list[Json]] = {}
    for entry in entries:
        out.setdefault("/".join(str(entry["name"]).split("/")[:3]), []).append(entry)
    return out


def _origin(result: Json, words: Words) -> str:
    """Where a result comes from: suite, seed, machine, speed."""
    simulated = result.get("simulated") or {}
    machine = result.get("machine") or {}
    told = [
        str(result.get("suite") or ", ".join(str(e["name"]) for e in result["traces"])),
        f"{words.seed} {result['seed']}" if result.get("seed") is not None else "",
        f"{words.machine}: {_machine(machine)}" if machine else "",
        f"{words.sensor_hours} {_number(simulated.get('sensor_hours'))}" if simulated else "",
        f"{words.drawn_share} {_number(simulated.get('drawn_share'))}" if simulated else "",
        f"{_number(simulated.get('sensor_hours_per_hour'))} {words.per_hour}" if simulated else "",
    ]
    return f'<p class="note">{escape(" · ".join(t for t in told if t))}</p>'


def _counts_in_two(results: Sequence[Json], entries: Sequence[Json], words: Words) -> str:
    """Sums first where there are some, every cell behind a click."""
    sums = [entry for result in results for entry in result.get("summary") or result["traces"]]
    if len(sums) == len(entries):
        return _counts(entries, words)
    title = f"<summary>{escape(words.entry)}: {len(entries)}</summary>"
    return f"{_counts(sums, words)}<details>{title}{_counts(entries, words)}</details>"


def _machine(machine: Json) -> str:
    """One line: CPU, cores, versions."""
    libraries = machine.get("libraries") or {}
    plain = [str(v) for k, v in machine.items() if k != "libraries"]
    return ", ".join([*plain, *(f"{name} {version}" for name, version in libraries.items())])


def _counts(entries: Sequence[Json], words: Words) -> str:
    head = [
        words.entry,
        words.kind,
        words.home_days,
        words.truth,
        words.hit,
        words.sensitivity,
        words.false,
        words.neither,
        words.false_month,
        words.precision,
        "F1",
        words.latency,
    ]
    rows = []
    for entry in entries:
        for kind, one in entry["kinds"].items():
            rate_95 = [None if v is None else v * MONTH_DAYS for v in one.get("false_per_home_day_95", ())]
            per_day = one.get("false_per_home_day")
            rows.append(
                [
                    escape(str(entry["name"])),
                    _kind(kind, words),
                    _number(one.get("home_days", entry.get("home_days"))),
                    _count(one.get("truth")),
                    _count(one.get("hit")),
                    _with_interval(one.get("sensitivity"), one.get("sensitivity_95"), share=True),
                    _count(one.get("false")),
                    _count(one.get("neither")),
                    _with_interval(None if per_day is None else per_day * MONTH_DAYS, rate_95),
                    _with_interval(one.get("precision"), one.get("precision_95"), share=True),
                    _number(one.get("f1")),
                    f"{_number(one.get('latency_s_p50'))} / {_number(one.get('latency_s_p95'))}",
                ]
            )
    return _table(head, rows)


def _by_label(arrays: Mapping[str, Sequence[Json]]) -> dict[str, dict[str, dict[str, tuple[int, int]]]]:
    """(truth, hit) by kind, label and array."""
    out: dict[str, dict[str, dict[str, tuple[int, int]]]] = {}
    for array, entries in arrays.items():
        for entry in entries:
            for kind, one in entry["kinds"].items():
                for label, counts in (one.get("labels") or {}).items():
                    row = out.setdefault(kind, {}).setdefault(label, {})
                    truth, hit = row.get(array, (0, 0))
                    row[array] = (truth + counts["truth"], hit + counts["hit"])
    return out


def _labels(arrays: Mapping[str, Sequence[Json]], words: Words) -> str:
    out = []
    for kind, labels in _by_label(arrays).items():
        names = [a for a in arrays if any(a in row for row in labels.values())]
        rows = []
        for label, row in sorted(labels.items()):
            cells = []
            for name in names:
                truth, hit = row.get(name, (0, 0))
                pair = statistics.wilson(hit, truth)
                share = _with_interval(hit / truth, pair, share=True) if truth else ""
                cells.append(f"{hit} / {truth} <small>{share}</small>" if truth else "")
            rows.append([escape(label), *cells])
        out.append(f"<h3>{_kind(kind, words)}</h3>")
        out.append(_table([words.label, *(escape(n) for n in names)], rows))
    return "".join(out)


def _dots(arrays: Mapping[str, Sequence[Json]], words: Words) -> str:
    out = []
    for kind, labels in _by_label(arrays).items():
        if kind not in FALLS:
            continue
        rows = {
            label: {
                array: Point(0.0, hit / truth, *statistics.wilson(hit, truth))
                for array, (truth, hit) in row.items()
            }
            for label, row in sorted(labels.items())
        }
        out.append(_plot(plots.dots(rows, words.sensitivity), kind, words))
    return "".join(out)


def _curves(arrays: Mapping[str, Sequence[Json]], words: Words) -> str:
    out = []
    for kind in FALLS:
        lines = {array: _line(entries, kind) for array, entries in arrays.items()}
        lines = {array: points for array, points in lines.items() if points}
        if lines:
            out.append(_plot(plots.curves(lines, words.false_month, words.sensitivity), kind, words))
    return "".join(out)


def _line(entries: Sequence[Json], kind: str) -> list[Point]:
    """One array's curve: at each threshold the counts of all its entries together."""
    own = [entry for entry in entries if kind in entry["kinds"]]
    months = sum(float(entry["home_days"]) for entry in own) / MONTH_DAYS
    truth = sum(int(entry["kinds"][kind]["truth"]) for entry in own)
    if not truth or not months:
        return []
    told = [(entry.get("curves") or {}).get(kind) or [] for entry in own]
    out = []
    for threshold in sorted({p["confidence"] for points in told for p in points}) or [0.0]:
        hit, false = 0, 0
        for entry, points in zip(own, told, strict=True):
            # A file without curves knows one confidence only: there all of its findings count.
            left = [p for p in points if p["confidence"] >= threshold] if points else [entry["kinds"][kind]]
            first = min(left, key=lambda p: p.get("confidence", 0.0), default={"hit": 0, "false": 0})
            hit, false = hit + first["hit"], false + first["false"]
        out.append(Point(false / months, hit / truth, *statistics.wilson(hit, truth)))
    return out


def _latencies(arrays: Mapping[str, Sequence[Json]], words: Words) -> str:
    samples: dict[str, dict[str, list[float]]] = {}
    for array, entries in arrays.items():
        for entry in entries:
            for kind, one in entry["kinds"].items():
                if kind in DELAYED and one.get("latencies_s"):
                    samples.setdefault(kind, {}).setdefault(array, []).extend(one["latencies_s"])
    return "".join(
        _plot(plots.shares_by(some, words.seconds, words.share), kind, words)
        for kind, some in samples.items()
    )


def _silence(entries: Sequence[Json], words: Words) -> str:
    head = [
        words.entry,
        words.kind,
        words.home_days,
        words.found_24h,
        words.delay_day,
        words.delay_night,
        words.false,
        words.unexplained,
    ]
    rows, delays = [], {}
    for entry in entries:
        for kind, one in entry["kinds"].items():
            if "found_24h" not in one:
                continue
            share = _with_interval(one["found_24h"], one.get("found_24h_95"), share=True)
            rows.append(
                [
                    escape(str(entry["name"])),
                    _kind(kind, words),
                    _number(one.get("home_days")),
                    f"{one['hit']} / {one['truth']} {share}",
                    _number(one.get("delay_h_p50_day")),
                    _number(one.get("delay_h_p50_night")),
                    _count(one.get("false")),
                    _count(one.get("unexplained")),
                ]
            )
            for when, name in (("delays_h_day", words.delay_day), ("delays_h_night", words.delay_night)):
                if one.get(when):
                    delays[f"{entry['name']} {kind} {name.partition(' p50')[0]}"] = one[when]
    picture = plots.shares_by(delays, words.hours, words.share) if delays else ""
    return _table(head, rows) + (_image(picture, words.silence) if picture else "") if rows else ""


def _position(entries: Sequence[Json], words: Words) -> str:
    rows = [
        [
            escape(str(entry["name"])),
            _number(entry["position"]["seconds"] / 3600),
            _percent(entry["position"]["right_room"]),
            _number(entry["position"].get("median_m")),
        ]
        for entry in entries
        if entry.get("position")
    ]
    return _table([words.entry, words.hours, words.right_room, words.median_m], rows) if rows else ""


def _case(case: Json, words: Words) -> str:
    t_ms = int(case["t_ms"])
    truth = [((a - t_ms) / 1000, (b - t_ms) / 1000, str(label)) for a, b, label in case.get("truth", ())]
    found = [((t - t_ms) / 1000, str(kind)) for t, kind in case.get("found", ())]
    title = f"{case.get('trace', '')} · {case['home']} · {words.why(str(case['why']))}"
    frames = list(case.get("frames") or ())
    images, low, high = plots.pictures([_frame(f, title) for f in frames])
    strip = "".join(
        f'<figure><img alt="" src="{image}">'
        f"<figcaption>{(int(f['t_ms']) - t_ms) / 1000:+.1f} s</figcaption></figure>"
        for f, image in zip(frames, images, strict=True)
    )
    scale = f"{words.warmest} {low:.1f} – {high:.1f} °C" if frames else ""
    lines = [f"{words.truly}: {label} {a:+.1f} … {b:+.1f} s" for a, b, label in truth]
    lines += [f"{words.said}: {kind} {t:+.1f} s" for t, kind in found]
    around = (-AROUND_MS / 1000, AROUND_MS / 1000)
    picture = _image(plots.timeline(truth, found, around), "; ".join(lines) or title)
    return (
        f'<div class="case"><h3>{escape(title)}: {_kind(str(case["kind"]), words)}</h3>{picture}'
        f'<div class="strip">{strip}</div><p class="note">{escape(scale)}</p></div>'
    )


def _frame(frame: Json, where: str) -> NDArray[np.int16]:
    rows, cols = int(frame["rows"]), int(frame["cols"])
    try:
        raw = base64.b64decode(frame["centi_b64"], validate=True)
    except binascii.Error as error:
        raise ValueError(f"{where}: a frame is not base64: {error}") from error
    if len(raw) != rows * cols * 2:
        raise ValueError(f"{where}: a frame of {rows} x {cols} has {len(raw)} bytes")
    return np.frombuffer(raw, "<i2").reshape(rows, cols).astype(np.int16)


def _section(title: str, note: str, body: str) -> str:
    """A part of the page; nothing at all where there is nothing to show."""
    if not body:
        return ""
    return f'<section><h2>{escape(title)}</h2><p class="note">{escape(note)}</p>{body}</section>'


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are HTML already."""
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    top = "".join(f"<th>{cell}</th>" for cell in head)
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _plot(address: str, kind: str, words: Words) -> str:
    return f"<h3>{_kind(kind, words)}</h3>{_image(address, kind)}"


def _image(address: str, text: str) -> str:
    return f'<img class="plot" alt="{escape(text)}" src="{address}">'


def _kind(kind: str, words: Words) -> str:
    name = WORDS["zh" if words.language == "zh" else "en"].kinds.get(kind, kind)
    return escape(name) if name == kind else f"{escape(name)} <small>{escape(kind)}</small>"


def _with_interval(value: float | None, pair: Sequence[float | None] | None, *, share: bool = False) -> str:
    tell = _percent if share else _number
    if value is None:
        return "–"
    return f"{tell(value)} <small>[{tell(pair[0])}, {tell(pair[1])}]</small>" if pair else tell(value)


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value * 100:.1f} %"


def _count(value: int | None) -> str:
    return "" if value is None else str(value)


def _number(value: float | None) -> str:
    """Three digits that count."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
