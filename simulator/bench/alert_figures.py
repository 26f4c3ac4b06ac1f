"""What the alerts bench counts: from the provider's list and the ledger to figures, and a table of them.

Takes a `Run`, gives one JSON object. What a text is about is told by the codes that stand in it; when it was
accepted, by the ledger, which knows it after the provider's answer. What a person has had is counted in the
provider's list alone.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np

from simulator.bench.alert_centre import NAMED_S, Run, Stage, Timings
from simulator.bench.alert_phones import urgent_codes

HIGH_S: Final = 30.0
"""At most one HIGH text in so many seconds and person (DESIGN section 6)."""
OTHERS: Final = 10
WINDOW_S: Final = 600.0
"""At most ten other texts in ten minutes and person (likewise)."""
P99_S: Final = 5.0
MAX_S: Final = 10.0
"""Decision to accepted by the provider: all, and to whoever had no HIGH text in the last 30 s."""
QUERY_MS: Final = 20.0
"""No query on the ledger takes longer (DESIGN section 7)."""
CLOCKS_MS: Final = 50
"""The clocks of the two processes begin with the same wall clock; so much they may differ."""
BLACKOUT_S: Final = 30.0
"""Falls so soon after homes went dark are counted apart."""

Named = Mapping[int, Sequence[tuple[int, str]]]
"""Incident → the HIGH texts that name it: when the provider took it (ms), to which number."""


def figures(done: Run, plan: Sequence[Stage]) -> dict[str, Any]:
    """Give every figure of a run."""
    urgent: defaultdict[str, list[int]] = defaultdict(list)
    others: defaultdict[str, list[int]] = defaultdict(list)
    named: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)
    recorded_ms = {m.sid: m.sent_ms for rows in done.pages.values() for m in rows}
    unrecorded = 0
    for text in sorted(done.sent, key=lambda t: t.t_ms):
        codes = urgent_codes(text.body)
        (urgent if codes else others)[text.phone].append(text.t_ms)
        accepted_ms = recorded_ms.get(text.sid)
        if codes and accepted_ms is None:
            unrecorded += 1
        elif accepted_ms is not None:
            for code in codes:
                named[done.book[text.phone, code]].append((accepted_ms, text.phone))
    by_stage = {stage.name: _stage(done, stage, named, urgent) for stage in plan}
    soon = [(b - a) / 1000 for times in urgent.values() for a, b in pairwise(times)]
    return {
        "alerts": len(done.alerts),
        "incidents": len(done.incidents),
        "lost": sum(of["lost"] for of in by_stage.values()),
        "stages": by_stage,
        "texts": len(done.sent),
        "texts_unrecorded": unrecorded,
        "high_texts": sum(map(len, urgent.values())),
        "high_texts_within_30_s_of_another": sum(s < HIGH_S - CLOCKS_MS / 1000 for s in soon),
        "most_other_texts_in_600_s": max((_most(times) for times in others.values()), default=0),
        "ledger": _ledger(done.timings),
    }


def bars(told: Mapping[str, Any]) -> dict[str, bool]:
    """Say of each promise whether the run has kept it."""
    stages = told["stages"].values()
    return {
        "none_lost": told["lost"] == 0,
        "p99_at_most_5_s": all(of["rested_s"]["count"] and of["rested_s"]["p99"] <= P99_S for of in stages),
        "max_at_most_10_s": all(of["rested_s"]["count"] and of["rested_s"]["max"] <= MAX_S for of in stages),
        "named_within_30_s": all(of["named_after_30_s"] == 0 for of in stages),
        "one_high_text_in_30_s": told["high_texts_within_30_s_of_another"] == 0,
        "ten_other_texts_in_600_s": told["most_other_texts_in_600_s"] <= OTHERS,
        "no_query_over_20_ms": told["ledger"]["longest_query_ms"] <= QUERY_MS,
    }


def table(told: Mapping[str, Any]) -> str:
    """Write the figures for a person."""
    head = f"{'seconds from the decision':<28}{'falls':>7}{'a second':>9}{'p50':>7}{'p99':>7}{'max':>7}"
    lines = [head + f"{'rested: p99':>13}{'max':>7}{'lost':>6}"]
    for name, of in told["stages"].items():
        rows = [(name, of["accepted_s"], f"{of['per_s']:g}")]
        if "in_the_dark_s" in of:
            rows.append(("  in the first 30 s of dark", of["in_the_dark_s"], ""))
        for label, s, rate in rows:
            line = f"{label:<28}{s['count']:>7,}{rate:>9}{s['p50']:>7.2f}{s['p99']:>7.2f}{s['max']:>7.2f}"
            rested = f"{of['rested_s']['p99']:>13.2f}{of['rested_s']['max']:>7.2f}{of['lost']:>6}"
            lines.append(line + (rested if rate else ""))
    ledger = told["ledger"]
    too_soon = told["high_texts_within_30_s_of_another"]
    lines += [
        f"texts: {told['texts']:,}, {told['high_texts']:,} of them HIGH",
        f"HIGH texts within 30 s of another one to the same person: {too_soon:,}",
        f"most other texts to one person in 600 s: {told['most_other_texts_in_600_s']}",
        f"ledger: {ledger['transactions']:,} transactions, longest {ledger['longest_transaction_ms']:.1f} ms",
        (
            f"longest query: {ledger['longest_query_ms']:.1f} ms ({ledger['longest_query']}); "
            f"{ledger['queries_over_20_ms']:,} took over 20 ms"
        ),
    ]
    missed = [name.replace("_", " ") for name, kept in bars(told).items() if not kept]
    return "\n".join([*lines, f"missed: {', '.join(missed) or 'nothing'}"])


def _stage(done: Run, stage: Stage, named: Named, urgent: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    number_of = {key: number for number, key in done.incidents.items()}
    took, rested, in_the_dark = list[float](), list[float](), list[float]()
    lost = 0
    alerts = [a for a in done.alerts if a.stage == stage.name]
    for alert in alerts:
        number = number_of.get((alert.home, alert.decided_ms))
        texts = named.get(number, ()) if number is not None else ()
        if number is None or not texts:
            lost += 1
            continue
        first_s = (min(texts)[0] - alert.decided_ms) / 1000
        took.append(first_s)
        since_ms = alert.decided_ms - int(HIGH_S * 1000)
        first_wave = {
            done.phones[m.responder] for m in done.pages[number] if m.purpose == "page" and m.wave == 1
        }
        free = {p for p in first_wave if not _any(urgent.get(p, ()), since_ms, alert.decided_ms)}
        if free:
            to_free = min((ms for ms, phone in texts if phone in free), default=None)
            rested.append(first_s if to_free is None else (to_free - alert.decided_ms) / 1000)
        if any(0 <= alert.decided_ms - ms <= BLACKOUT_S * 1000 for ms in done.dark_ms):
            in_the_dark.append(first_s)
    out: dict[str, Any] = {
        "alerts": len(alerts),
        "per_s": stage.per_s,
        "dark_homes": stage.dark_homes,
        "lost": lost,
        "accepted_s": _spread(took),
        "rested_s": _spread(rested),
        "named_after_30_s": lost + sum(s > NAMED_S for s in took),
    }
    return out | ({"in_the_dark_s": _spread(in_the_dark)} if in_the_dark else {})


def _spread(took: Sequence[float]) -> dict[str, float]:
    if not took:
        return {"count": 0, "p50": 0.0, "p99": 0.0, "max": 0.0}
    p50, p99, most = np.percentile(took, (50, 99, 100))
    return {"count": len(took), "p50": _ms(p50), "p99": _ms(p99), "max": _ms(most)}


def _ms(seconds: np.float64) -> float:
    return round(float(seconds), 3)


def _any(times: Sequence[int], from_ms: int, until_ms: int) -> bool:
    at = bisect_left(times, from_ms)
    return at < len(times) and times[at] < until_ms


def _most(times: Sequence[int]) -> int:
    """How many of them lie within WINDOW_S at most."""
    width_ms = int(WINDOW_S * 1000) - CLOCKS_MS
    return max(k + 1 - bisect_left(times, t - width_ms) for k, t in enumerate(times))


def _ledger(timings: Timings) -> dict[str, Any]:
    by_work = {
        name: {"count": len(ms), "p50_ms": round(float(np.median(ms)), 2), "max_ms": round(max(ms), 2),
               "total_s": round(sum(ms) / 1000, 2)}
        for name, ms in sorted(timings.queries.items(), key=lambda item: -sum(item[1]))
    }  # fmt: skip
    longest = max(by_work, key=lambda name: by_work[name]["max_ms"])
    everything = [ms for took in timings.queries.values() for ms in took]
    return {
        "transactions": len(timings.whole),
        "longest_transaction_ms": round(max(timings.whole), 2),
        "transaction_p50_ms": round(float(np.median(timings.whole)), 3),
        "longest_query_ms": by_work[longest]["max_ms"],
        "longest_query": longest,
        "queries_over_20_ms": sum(ms > QUERY_MS for ms in everything),
        "busy_s": round(sum(timings.whole) / 1000, 1),
        "by_work": by_work,
    }
