"""Kinds of events and arrays on the report page: found of true, curves over the confidence, delays.

Takes entries of the JSON by array, gives HTML with tables and pictures. Adds up counts of the entries of one
array; judges nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from guardian.web.words import WORDS
from simulator import markup, plots, statistics
from simulator.figures import MONTH_DAYS
from simulator.markup import named, table, with_interval
from simulator.plots import Point
from simulator.report_names import NAMES
from simulator.report_words import Words
from simulator.targets import place

Json = Mapping[str, Any]

FALLS: Final = ("fall-suspected", "fall-confirmed")
"""Kinds that have curves and delays of their own."""
DELAYED: Final = frozenset({*FALLS, "cold", "heat", "fire", "appliance-left-on", "blind"})
"""Kinds found within minutes, whose delays are drawn in seconds."""


def arrays_of(entries: Iterable[Json]) -> dict[str, list[Json]]:
    """Entries by what measured them: SUITE/MOUNT/ROWSxCOLS without the kind; a recording stands alone."""
    out: dict[str, list[Json]] = {}
    for entry in entries:
        out.setdefault("/".join(str(entry["name"]).split("/")[:3]), []).append(entry)
    return out


def kind_name(kind: str, words: Words) -> str:
    """A kind of finding in words, and beneath it how the files call it."""
    return named(WORDS["zh" if words.language == "zh" else "en"].kinds.get(kind, kind), kind)


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


def labels(arrays: Mapping[str, Sequence[Json]], words: Words) -> str:
    """Tables of found of true by label, one a kind of finding and one column an array."""
    names, out = NAMES[words.language], []
    for kind, labels in _by_label(arrays).items():
        wide = [a for a in arrays if any(a in row for row in labels.values())]
        lines = []
        for label, row in sorted(labels.items()):
            cells = []
            for name in wide:
                truth, hit = row.get(name, (0, 0))
                share = with_interval(hit / truth, statistics.wilson(hit, truth), share=True) if truth else ""
                cells.append(f"{hit} / {truth} = {share}" if truth else "")
            lines.append((False, [named(names.label(label), label), *cells]))
        head = [words.label, *(named(names.entry(n), n) for n in wide)]
        out.append(f"<h3>{kind_name(kind, words)}</h3>{table(head, lines, 'one narrow')}")
    return "".join(out)


def dots(arrays: Mapping[str, Sequence[Json]], words: Words) -> str:
    """The same for falls, as a picture."""
    names, out = NAMES[words.language], []
    for kind, labels in _by_label(arrays).items():
        if kind not in FALLS:
            continue
        lines = {
            names.label(label): {
                names.entry(array): Point(0.0, hit / truth, *statistics.wilson(hit, truth))
                for array, (truth, hit) in row.items()
            }
            for label, row in sorted(labels.items())
        }
        out.append(_plot(plots.dots(lines, words.sensitivity), kind, words))
    return "".join(out)


def curves(arrays: Mapping[str, Sequence[Json]], words: Words) -> str:
    """Sensitivity against false alarms, one picture a kind of fall finding."""
    names, out = NAMES[words.language], []
    for kind in FALLS:
        lines = {names.entry(array): _line(entries, kind) for array, entries in arrays.items()}
        lines = {array: points for array, points in lines.items() if points}
        if lines:
            drawn = plots.curves(lines, words.false_axis, words.sensitivity, _on_walls(arrays, words))
            out.append(_plot(drawn, kind, words))
    return "".join(out)


def _line(entries: Sequence[Json], kind: str) -> list[Point]:
    """One array's curve: at each threshold the counts of all its entries together."""
    own = [entry for entry in entries if kind in entry["kinds"]]
    days = [entry["kinds"][kind].get("home_days", entry.get("home_days")) for entry in own]
    months = sum(float(d or 0) for d in days) / MONTH_DAYS
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


def latencies(arrays: Mapping[str, Sequence[Json]], words: Words) -> str:
    """How soon hits were said, one picture a kind that is found within minutes."""
    names = NAMES[words.language]
    samples: dict[str, dict[str, list[float]]] = {}
    for array, entries in arrays.items():
        for entry in entries:
            for kind, one in entry["kinds"].items():
                if kind in DELAYED and one.get("latencies_s"):
                    own = samples.setdefault(kind, {}).setdefault(names.entry(array), [])
                    own.extend(one["latencies_s"])
    walls = _on_walls(arrays, words)
    return "".join(
        _plot(plots.shares_by(some, words.seconds, words.share, walls), kind, words)
        for kind, some in samples.items()
    )


def _on_walls(arrays: Iterable[str], words: Words) -> frozenset[str]:
    return frozenset(NAMES[words.language].entry(a) for a in arrays if place(a).mount == "wall")


def _plot(address: str, kind: str, words: Words) -> str:
    return f"<h3>{kind_name(kind, words)}</h3>{markup.plot(address, kind)}"
