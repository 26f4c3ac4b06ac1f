"""The worst cases on the report page: what happened, what was said, and what the sensor saw.

Takes entries of `worst` of the JSON, gives HTML. Judges nothing: whether a hit was late stands in the entry.
"""

import base64
import binascii
from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guardian.web.words import WORDS
from simulator import markup, plots
from simulator.figures import AROUND_MS
from simulator.report_names import NAMES
from simulator.report_words import Words
from simulator.rules import RULES
from simulator.targets import SLIDE

Json = Mapping[str, Any]


def case_html(case: Json, seed: int | None, words: Words) -> str:
    """One case; `seed` where several seeds are on the page. ValueError for frames that are cut off."""
    names, t_ms = NAMES[words.language], int(case["t_ms"])
    trace, kinds = str(case.get("trace", "")), WORDS["zh" if words.language == "zh" else "en"].kinds

    def after_s(moment_ms: float) -> float:
        return (moment_ms - t_ms) / 1000

    truth = [(after_s(a), after_s(b), names.label(str(label))) for a, b, label in case.get("truth", ())]
    found = [(after_s(t), kinds.get(str(kind), str(kind))) for t, kind in case.get("found", ())]
    where = [names.entry(trace), names.of_home(str(case["home"]))]
    where += [words.seeds.format(seed)] if seed is not None else []
    title = " · ".join([kinds.get(str(case["kind"]), str(case["kind"])), _why(case, words), *where])
    frames = list(case.get("frames") or ())
    images, low, high = plots.pictures([_frame(f, title) for f in frames])
    strip = "".join(
        f'<figure><img alt="" src="{image}">'
        f"<figcaption>{after_s(int(f['t_ms'])):+.1f} s</figcaption></figure>"
        for f, image in zip(frames, images, strict=True)
    )
    around = (
        after_s(case.get("from_ms", t_ms - AROUND_MS)),
        after_s(case.get("until_ms", t_ms + AROUND_MS)),
    )
    shown = (after_s(int(frames[0]["t_ms"])), after_s(int(frames[-1]["t_ms"]))) if frames else None
    due = _due_s(case)
    lines = [f"{words.truly}: {label} {a:+.1f} … {b:+.1f} s" for a, b, label in truth]
    lines += [f"{words.said}: {kind} {t:+.1f} s" for t, kind in found]
    picture = markup.plot(plots.timeline(truth, found, around, shown, due), "; ".join(lines) or title)
    return (
        f'<div class="case"><h3>{escape(title)}</h3>{picture}'
        f'<div class="strip">{strip}</div>'
        f'<p class="note">{escape(_covers(shown, due, words))}'
        f"{escape(f' {words.warmest} {low:.1f} – {high:.1f} °C.') if frames else ''}</p></div>"
    )


def _why(case: Json, words: Words) -> str:
    """Late is only what a target names a time for; any other slow hit is one of the slowest."""
    why = str(case["why"])
    if why in {"late", "slowest"}:
        latency, limit = case.get("latency_s"), case.get("late_after_s")
        if latency is None:
            return words.slowest
        if limit is not None and latency > limit:
            return f"{words.late} ({markup.number(latency)} s > {markup.number(limit)} s)"
        return f"{words.slowest} ({markup.number(latency)} s)"
    return {"missed": words.missed, "false": words.false_alarm}.get(why, why)


def _due_s(case: Json) -> float | None:
    """Until when a missed truth had to be said, seconds after the moment in question."""
    rule, t_ms = RULES.get(str(case["kind"])), int(case["t_ms"])
    own = next((row for row in case.get("truth", ()) if row[0] == t_ms), None)
    if case["why"] != "missed" or rule is None or rule.window_ms is None:
        return None
    slide = own is not None and own[2] == SLIDE and rule.slide_window_ms is not None
    window_ms = rule.slide_window_ms if slide and rule.slide_window_ms is not None else rule.window_ms
    origin_ms = own[1] if own is not None and rule.window_from == "end" else t_ms
    return float(origin_ms + window_ms - t_ms) / 1000


def _covers(shown: tuple[float, float] | None, due: float | None, words: Words) -> str:
    """What the pictures show, and what they do not."""
    said = []
    if shown is None:
        said.append(words.no_frames)
    else:
        said.append(words.strip.format(f"{shown[0]:+.0f}", f"{shown[1]:+.0f}"))
    if due is not None:
        said.append(words.due.format(f"{due:+,.0f}"))
        if shown is not None and shown[1] < due:
            said.append(words.strip_after)
    return " ".join(said)


def _frame(frame: Json, where: str) -> NDArray[np.int16]:
    rows, cols = int(frame["rows"]), int(frame["cols"])
    try:
        raw = base64.b64decode(frame["centi_b64"], validate=True)
    except binascii.Error as error:
        raise ValueError(f"{where}: a frame is not base64: {error}") from error
    if len(raw) != rows * cols * 2:
        raise ValueError(f"{where}: a frame of {rows} x {cols} has {len(raw)} bytes")
    return np.frombuffer(raw, "<i2").reshape(rows, cols).astype(np.int16)
