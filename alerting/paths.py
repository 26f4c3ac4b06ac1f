"""More than one way to somebody: which page also goes by another path, and which path is sick.

Pure: takes the pages of one incident's round, the ways to each person and the time; gives the pages that are
to go beside them. A page by another path is a text of its own (its own number, its own body), so that no
path has to know what another one did. For each person who was asked and has not answered:

1. The provider has not taken the page within `second_path_s`: the next way, in parallel; the page that is
   late may still come. Refused for good, not delivered, or given up as not confirmed: the next way at once.
2. Taken, and `voice_after_s` later still no answer: a call, for HIGH. A page of the last resort is called at
   once.
3. Each way once a wave. Where there is no other way, none.

`Health` counts what providers answer: after `SICK_AFTER` failures in a row a provider is asked last, until it
takes a text again or `REST_MS` have passed.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from alerting.concern import Severity
from alerting.incident import Incident
from alerting.ledger import Message
from alerting.policy import Policy

SICK_AFTER: Final = 3
"""Failures in a row: one may be a hiccup, a whole wave that fails is none. Source: judgement."""
NOT_REACHED: Final = frozenset({"failed", "undelivered", "busy", "no-answer", "canceled"})
"""Receipts after which nobody needs to wait for an answer."""
REST_MS: Final = 60_000
"""A sick provider is tried first again after this. Source: judgement."""


@dataclass(frozen=True, slots=True)
class Way:
    """One channel that reaches somebody."""

    channel: str
    voice: bool


@dataclass(frozen=True, slots=True)
class Another:
    """A page that is to go by another path."""

    responder: str
    channel: str
    wave: int
    template: str | None


@dataclass(frozen=True, slots=True)
class Round:
    """The pages of one incident's round, and who has said anything."""

    incident: Incident
    pages: Sequence[Message]
    ways: Mapping[str, Sequence[Way]]
    """Responder → the channels that reach them, best first."""
    answered: AbstractSet[str]


def others(of: Round, policy: Policy, now_ms: int) -> tuple[list[Another], int | None]:
    """Give the pages that are to go by another path now, and when to look again if nothing happens before."""
    silent = [p for p in of.pages if p.responder in of.ways and p.responder not in of.answered]
    found, later = list[Another](), list[int]()
    for (responder, wave), some in groupby(
        sorted(silent, key=lambda p: (p.responder, p.wave, p.id)), key=lambda p: (p.responder, p.wave)
    ):
        pages = list(some)
        due = _next(of.incident, pages, of.ways[responder], policy, now_ms)
        if due is None:
            continue
        if due[0] <= now_ms:
            found.append(Another(responder, due[1].channel, wave, pages[0].template))
        else:
            later.append(due[0])
    return found, min(later, default=None)


def _next(
    incident: Incident, pages: Sequence[Message], ways: Sequence[Way], policy: Policy, now_ms: int
) -> tuple[int, Way] | None:
    """When a person's page of one wave is to go by another path, and by which; None = by none."""
    usual = next(iter(ways), None)
    tried = {p.channel or (usual.channel if usual else "") for p in pages}
    left = [w for w in ways if w.channel not in tried]
    calls = [w for w in left if w.voice]
    newest = max(pages, key=lambda p: p.id)
    unconfirmed = newest.state == "withdrawn" and newest.copies >= policy.max_copies
    if newest.state == "failed" or unconfirmed or newest.receipt in NOT_REACHED:
        return (now_ms, left[0]) if left else None
    high, last = incident.severity is Severity.HIGH, pages[0].template == "last-resort"
    if newest.state == "due" and not newest.attempts:  # nobody has refused it: it waits for its turn
        return (now_ms, calls[0]) if high and last and calls else None
    if newest.state in {"due", "leased"}:
        begun_ms = newest.due_ms if newest.attempts == 1 and newest.state == "leased" else newest.created_ms
        return (begun_ms + int(policy.second_path_s * 1000), left[0]) if left else None
    sent_ms = max((p.sent_ms for p in pages if p.sent_ms is not None), default=None)
    if not high or not calls or sent_ms is None:
        return None
    waits_s = 0.0 if last else policy.voice_after_s
    return sent_ms + int(waits_s * 1000), calls[0]


@dataclass(slots=True)
class Health:
    """What providers have answered lately."""

    failures: dict[str, int] = field(default_factory=dict)
    """In a row."""
    failed_ms: dict[str, int] = field(default_factory=dict)

    def took(self, channel: str) -> None:
        """Note that a provider has taken a text."""
        self.failures.pop(channel, None)

    def failed(self, channel: str, now_ms: int) -> None:
        """Note that a provider was slow, away or overloaded."""
        self.failures[channel] = self.failures.get(channel, 0) + 1
        self.failed_ms[channel] = now_ms

    def is_sick(self, channel: str, now_ms: int) -> bool:
        """Whether another one is asked first."""
        recent = now_ms < self.failed_ms.get(channel, 0) + REST_MS
        return recent and self.failures.get(channel, 0) >= SICK_AFTER
