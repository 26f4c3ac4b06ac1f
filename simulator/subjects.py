"""The scores of each person of recordings in which several people appear, one after the other.

Takes homes with truth and findings of whole recordings, which are always played and judged as a whole;
gives a score a person. Never judges anew: the persons' counts add up to those of the whole.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from guardian.trace import TruthRow
from simulator.rules import can_say
from simulator.score import Found, HomeCase, KindScore, Scores, exposure_of, joined, judge, kinds_of


def by_subject(homes: Sequence[HomeCase], kinds: Iterable[str] = ()) -> dict[str, Scores]:
    """Scores of each person of recordings with several people, one after the other.

    The recording is judged as a whole, so the persons' counts add up to those of `score`; then a truth goes
    to its subject, and the time watched and every finding that is no hit to whoever was on at that time:
    the cut lies midway between one person's last row and the next one's first. Truths without a subject go
    by that time too. Homes where no row has a subject stand under the empty text.
    """
    wanted = kinds_of(homes, kinds)
    pieces: dict[str, list[tuple[HomeCase, dict[str, KindScore]]]] = {}
    for case in homes:
        turns = _turns(case.truth)
        whole = {k: judge(case, k) for k in wanted}
        for subject in dict.fromkeys(name for _, _, name in turns):
            spans = [(a, b) for a, b, name in turns if name == subject]
            watched = tuple(
                (max(a, start), min(b, end))
                for start, end in case.watched
                for a, b in spans
                if max(a, start) < min(b, end)
            )
            part = replace(case, watched=tuple(sorted(watched)), truth=(), found=(), life_ms=())
            own = {k: _part(case, whole[k], subject, spans, part.watched_ms) for k in wanted}
            pieces.setdefault(subject, []).append((part, own))
    return {
        subject: Scores(
            {k: joined(k, [own[k] for _, own in pieces[subject]]) for k in wanted},
            exposure_of([part for part, _ in pieces[subject]]),
        )
        for subject in sorted(pieces)
    }


_EVER: Final = 2**62


def _turns(truth: Iterable[TruthRow]) -> list[tuple[int, int, str]]:
    """(from, until, subject) of each person's turn in a recording; they touch and cover all time."""
    rows = sorted((r for r in truth if r.subject), key=lambda r: (r.start_ms, r.end_ms, r.subject))
    turns: list[tuple[int, int, str]] = []
    since, last_end = -_EVER, -_EVER
    for k, row in enumerate(rows):
        last_end = max(last_end, row.end_ms)
        if k + 1 < len(rows) and rows[k + 1].subject != row.subject:
            cut = max(since, (last_end + rows[k + 1].start_ms) // 2)
            turns.append((since, cut, row.subject))
            since, last_end = cut, -_EVER
    return [*turns, (since, _EVER, rows[-1].subject if rows else "")]


def _part(
    case: HomeCase, whole: KindScore, subject: str, spans: Sequence[tuple[int, int]], watched_ms: int
) -> KindScore:
    """What of one home's score belongs to a subject whose turns are `spans`."""

    def on(t_ms: int) -> bool:
        return any(a <= t_ms < b for a, b in spans)

    def own(found: tuple[Found, ...]) -> tuple[Found, ...]:
        return tuple(f for f in found if on(f.decided_ms))

    outcomes = tuple(
        o for o in whole.outcomes if (o.truth.subject == subject if o.truth.subject else on(o.truth.start_ms))
    )
    exposure = ((case.home, watched_ms if can_say(whole.kind, case.sensors) else 0),)
    return KindScore(
        whole.kind, outcomes, own(whole.false_alarms), own(whole.spared), own(whole.repeated), exposure
    )
