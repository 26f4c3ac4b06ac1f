"""One HTML page from the figures of `guardian evaluate`: targets, tables, plots and the worst cases.

Takes the objects that `--json` wrote (DESIGN section 10), gives one self-contained page in English or
Chinese: no network, no script. Adds up counts of one array and of several seeds, measures nothing, reads no
files. Keys that an older file does not have are left blank.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from guardian.web.words import WORDS
from simulator import markup, plots, report_plots, statistics
from simulator.figures import MONTH_DAYS
from simulator.markup import count, named, number, percent, section, table, with_interval
from simulator.pooling import Row, check, rows
from simulator.report_cases import case_html
from simulator.report_names import NAMES
from simulator.report_plots import kind_name
from simulator.report_targets import exposure, marks, targets_html, verdicts
from simulator.report_words import LANGUAGES, Words
from simulator.targets import ENOUGH_DAYS, STAGED, Figure, place

Json = Mapping[str, Any]


def page(results: Sequence[Json], language: str = "en") -> str:
    """Make the page. ValueError for a language without words, for an object that is no result of `evaluate`,
    for the same homes given twice and for frames that are cut off; MissingMatplotlibError without matplotlib.
    """
    words = LANGUAGES.get(language)
    if words is None:
        raise ValueError(f"language is {language!r}; there are {', '.join(LANGUAGES)}")
    check(results)
    in_sight, behind = rows(results)
    entries = [entry for result in results for entry in result["traces"]]
    arrays = report_plots.arrays_of(entries)
    several = len({result.get("seed") for result in results if result["traces"]}) > 1
    cases = [(case, r.get("seed") if several else None) for r in results for case in r.get("worst", [])]
    own = [r for r in in_sight if not r.beneath]
    parts = [
        f"<h1>{escape(words.title)}</h1><p>{escape(words.lead)}</p>",
        section(words.origin, words.origin_note, _origin(results, words)),
        section(words.targets, words.targets_note, _targets(own, words)),
        section(words.counts, words.counts_note, _counts_in_two(in_sight, behind, words)),
        section(words.labels, words.labels_note, report_plots.labels(arrays, words)),
        section(words.dots, words.dots_note, report_plots.dots(arrays, words)),
        section(words.curves, words.curves_note, report_plots.curves(arrays, words)),
        section(words.latencies, words.latencies_note, report_plots.latencies(arrays, words)),
        section(words.silence, words.silence_note, _silence(in_sight, behind, words)),
        section(words.position, words.position_note, _position(in_sight, behind, words)),
        section(words.worst, words.worst_note, "".join(case_html(c, seed, words) for c, seed in cases)),
    ]
    head = (
        f'<!doctype html><html lang="{words.language}"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(words.title)}</title><style>{markup.STYLE}</style>"
    )
    return f"{head}<main>{''.join(parts)}</main></html>\n"


def _origin(results: Sequence[Json], words: Words) -> str:
    """Where the results come from: suite, seed, how much, which share was drawn, how fast; machines."""
    names, lines = NAMES[words.language], []
    for result in results:
        simulated, seed = result.get("simulated") or {}, result.get("seed")
        hours, drawn = simulated.get("home_hours"), simulated.get("drawn_share")
        suite, sensor_h = result.get("suite"), simulated.get("sensor_hours")
        traces = ", ".join(str(e["name"]) for e in result["traces"])
        days = sum(float(e.get("home_days") or 0) for e in result["traces"]) if hours is None else hours / 24
        speed = simulated.get("home_hours_per_minute")
        lines.append(
            (
                False,
                [
                    named(names.entry(str(suite)), str(suite)) if suite else escape(traces),
                    words.recorded if not suite and seed is None else count(seed),
                    exposure(days, words),
                    exposure(sensor_h / 24, words) if sensor_h else markup.NOTHING,
                    percent(drawn),
                    exposure(speed * 60 / 24, words) if speed else markup.NOTHING,
                ],
            )
        )
    told = dict.fromkeys(_machine(result["machine"], words) for result in results if result.get("machine"))
    machines = "".join(f'<p class="note">{escape(words.machine)}: {escape(machine)}</p>' for machine in told)
    head = [
        words.result,
        words.seed,
        words.home_time,
        words.sensor_time,
        words.drawn_share,
        words.speed,
    ]
    return table(head, lines) + machines if lines else ""


def _machine(machine: Json, words: Words) -> str:
    """One line: CPU, cores, versions."""
    libraries = {"Python": machine.get("python"), **(machine.get("libraries") or {})}
    plain = [str(machine["cpu"])] if machine.get("cpu") else []
    plain += [words.cores.format(machine["cores"])] if machine.get("cores") else []
    libraries = {name: version for name, version in libraries.items() if version}
    return ", ".join([*plain, *(f"{name} {version}" for name, version in libraries.items())])


def _targets(own: Sequence[Row], words: Words) -> str:
    sights = [(row, _name(row, words)) for row in own]
    known = WORDS["zh" if words.language == "zh" else "en"].kinds
    kinds = {kind: escape(known.get(kind, kind)) for row in own for kind in row.entry["kinds"]}
    return targets_html(sights, kinds | {"position": escape(words.position)}, words)


def _counts_in_two(in_sight: Sequence[Row], behind: Sequence[Row], words: Words) -> str:
    """Sums and recordings in sight, the cells behind the sums behind a click."""
    if not in_sight:
        return ""
    return _folded(_counts, in_sight, behind, words)


def _folded(make: Any, in_sight: Sequence[Row], behind: Sequence[Row], words: Words) -> str:
    """The same table twice: in sight, and of the cells behind the sums under a click."""
    shown, hidden = make(in_sight, words), make(behind, words) if behind else ""
    title = f"<summary>{escape(words.behind.format(len(behind)))}</summary>"
    return f"{shown}<details>{title}{hidden}</details>" if hidden else str(shown)


def _counts(lines: Sequence[Row], words: Words) -> str:
    head = [
        words.entry,
        words.kind,
        words.found,
        words.watched,
        words.false,
        words.false_month,
        words.precision,
        words.neither,
        words.latency,
    ]
    out = []
    for row in lines:
        told = verdicts(row)
        for k, (kind, one) in enumerate(row.entry["kinds"].items()):
            truth, days = one.get("truth"), one.get("home_days", row.entry.get("home_days"))
            share = with_interval(one.get("sensitivity"), one.get("sensitivity_95"), share=True)
            dumb = not days and not one.get("false")
            delays = [one.get("latency_s_p50"), one.get("latency_s_p95")]
            found: tuple[Figure, ...] = ("hard", "slides", "every", "found", "found_24h")
            cells = [
                "" if k else _name(row, words),
                kind_name(kind, words),
                f"{count(one.get('hit'))} / {count(truth)} = {share}" if truth else markup.NOTHING,
                exposure(days, words) if days else markup.NOTHING,
                markup.NOTHING if dumb else count(one.get("false")),
                _rate(row, one, days, words),
                _precision(one),
                markup.NOTHING if dumb else count(one.get("neither")),
                " / ".join(number(v) for v in delays) if delays[0] is not None else markup.NOTHING,
            ]
            cells[2] += marks(told, kind, found, words)
            cells[5] += marks(told, kind, ("false",), words)
            cells[6] += marks(told, kind, ("f1",), words)
            cells[8] += marks(told, kind, ("p50_s", "p95_s", "slides_p95_s"), words)
            out.append((bool(row.beneath), cells))
    return table(head, out, "two narrow")


def _rate(row: Row, one: Json, days: float | None, words: Words) -> str:
    """False alarms a home-month, with a mark where that says little about a month."""
    per_day = one.get("false_per_home_day")
    if per_day is None or not days:
        return markup.NOTHING
    ends = [None if v is None else v * MONTH_DAYS for v in one.get("false_per_home_day_95", ())]
    doubt = words.little if days < ENOUGH_DAYS else words.staged if place(row.name).suite in STAGED else ""
    mark = f'<small class="line little">{escape(doubt)}</small>' if doubt else ""
    return with_interval(per_day * MONTH_DAYS, ends) + mark


def _precision(one: Json) -> str:
    if one.get("precision") is None:
        return markup.NOTHING
    share = with_interval(one["precision"], one.get("precision_95"), share=True)
    f1 = f'<small class="line">F1 {number(one["f1"])}</small>' if one.get("f1") and one.get("truth") else ""
    return share + f1


def _silence(in_sight: Sequence[Row], behind: Sequence[Row], words: Words) -> str:
    if not any("found_24h" in one for r in in_sight for one in r.entry["kinds"].values()):
        return ""
    names, delays = NAMES[words.language], {}
    for row in in_sight:
        if row.beneath:
            continue
        for kind, one in row.entry["kinds"].items():
            for when, name in (("delays_h_day", words.delay_day), ("delays_h_night", words.delay_night)):
                if one.get(when):
                    short = WORDS["zh" if words.language == "zh" else "en"].kinds.get(kind, kind)
                    delays[f"{names.entry(row.name)}: {short}, {name.partition(' p50')[0]}"] = one[when]
    picture = plots.shares_by(delays, words.hours, words.share) if delays else ""
    behind = [r for r in behind if any("found_24h" in one for one in r.entry["kinds"].values())]
    return _folded(_silences, in_sight, behind, words) + (
        markup.plot(picture, words.silence) if picture else ""
    )


def _silences(lines: Sequence[Row], words: Words) -> str:
    head = [
        words.entry,
        words.kind,
        words.removed,
        words.placed,
        words.delay_day,
        words.delay_night,
        words.false,
        words.watched,
        words.left_out,
        words.unexplained,
    ]
    out = []
    for row in lines:
        told = verdicts(row)
        for kind, one in row.entry["kinds"].items():
            if "found_24h" not in one:
                continue
            placed = one.get("placed") or {}
            cells = [
                _name(row, words),
                kind_name(kind, words),
                _share(int(one["hit"]), int(one["truth"])) + marks(told, kind, ("found_24h",), words),
                _share(int(placed.get("hit") or 0), int(placed.get("truth") or 0)),
                number(one.get("delay_h_p50_day")) + marks(told, kind, ("day_h",), words),
                number(one.get("delay_h_p50_night")),
                count(one.get("false")) + marks(told, kind, ("false",), words),
                exposure(one.get("home_days"), words),
                exposure(one.get("left_out_days"), words),
                count(one.get("unexplained")),
            ]
            out.append((bool(row.beneath), cells))
    return table(head, out, "two narrow") if out else ""


def _share(hit: int, truth: int) -> str:
    if not truth:
        return markup.NOTHING
    return f"{hit} / {truth} = {with_interval(hit / truth, statistics.wilson(hit, truth), share=True)}"


def _position(in_sight: Sequence[Row], behind: Sequence[Row], words: Words) -> str:
    if not any(row.entry.get("position") for row in [*in_sight, *behind]):
        return ""
    return _folded(_positions, in_sight, [r for r in behind if r.entry.get("position")], words)


def _positions(lines: Sequence[Row], words: Words) -> str:
    head = [
        words.entry,
        words.at_home,
        words.right_room,
        words.placed_share,
        words.median_m,
        words.median_all_m,
        words.away,
        words.noticed_away,
    ]
    out = []
    for row in lines:
        one = row.entry.get("position")
        if not one:
            continue
        told, away = verdicts(row), one.get("away_seconds")
        near = [one.get("median_m"), one.get("median_all_m")]
        pair = one.get("right_room_by_home_95")
        known = pair if pair and pair[0] is not None else None
        cells = [
            _name(row, words),
            exposure(one["seconds"] / 86_400, words),
            with_interval(one["right_room"], known, share=True)
            + marks(told, "position", ("right_room",), words),
            percent(one.get("placed_share")),
            *(number(m) for m in near),
            exposure(None if away is None else away / 86_400, words),
            percent(one.get("noticed_while_away")),
        ]
        cells[5 if "median_all_m" in one else 4] += marks(told, "position", ("median_m",), words)
        out.append((bool(row.beneath), cells))
    return table(head, out) if out else ""


def _name(row: Row, words: Words) -> str:
    """What a row is called: with its seeds where several were added up, by its person or seed beneath."""
    names = NAMES[words.language]
    if row.beneath == "person":
        return named(names.person.format(row.name.rpartition("/")[2]), row.name)
    seeds = words.seeds.format(" + ".join(str(seed) for seed in row.seeds))
    if row.beneath == "seed":
        return escape(seeds)
    whole = names.entry(row.name)
    return named(f"{whole} ({seeds})" if len(row.seeds) > 1 else whole, row.name)
