"""What must hold after every incident, whatever went wrong during it.

Takes what the ledger and the providers say of one incident, gives the sentences that were broken. Never looks
at how anything is done. Crashes may cost one more copy each, three in all.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from alerting.channels import ListedText
from alerting.duty import Duty
from alerting.incident import Incident
from alerting.ledger import Message, Move
from alerting.policy import Policy
from alerting.wording import segment_length, segment_limit
from simulator.responders import is_page

MOST_COPIES: Final = 3
LAG_MS: Final = 5_000
"""What a look, a commit and a lease may take."""
WORDS: Final[Mapping[bool, frozenset[str]]] = {
    True: frozenset({"accepted", "on-the-way", "arrived"}),
    False: frozenset({"already-taken", "declined", "already-closed"}),
}
"""Whether somebody who said yes was told to go → what they are told."""


GO_OR_STAY: Final = WORDS[True] | WORDS[False] - {"already-closed"}


@dataclass(frozen=True, slots=True)
class Record:
    """Everything that is known of one incident afterwards."""

    incident: Incident
    moves: Sequence[Move]
    messages: Sequence[Message]
    beside: Sequence[Message]
    """Texts about other incidents of the same time."""
    dark: int
    """Of these, incidents about homes that are dark."""
    taken: Sequence[ListedText]
    """What the providers have taken."""
    duty: Duty
    policy: Policy
    last_resort: bool
    said_yes: bool
    """Somebody has sent an acceptance."""
    crashes: int
    """How often Guardian was killed or the provider gave no answer."""
    out_ms: int
    """From when on the fault let texts out by some path; the decision, if there was none."""
    healthy: bool
    """Nothing kept words and texts from getting through in time."""


def broken(record: Record) -> list[str]:
    """Give what did not hold."""
    parts = (_ends, _copies, _people, _truth, _times, _storm)
    return [what for part in parts for what in part(record)]


def _ends(r: Record) -> Iterator[str]:
    """A HIGH incident ends by a human's word, and nobody is forgotten."""
    one = r.incident
    if one.accepted_ms is None and not r.last_resort:
        yield "nobody accepted, and the last resort was not called"
    if one.accepted_ms is None and r.said_yes:
        yield "somebody said yes, and nobody heard it"
    if r.moves and r.moves[-1].to_state.value == "closed" and r.moves[-1].by in {"guardian", None}:
        yield "closed by a machine"
    left = [m for m in r.messages if m.state in {"due", "leased"}]
    if left:
        yield f"{len(left)} texts left lying"


def _copies(r: Record) -> Iterator[str]:
    """No text twice without a crash; no two alike."""
    most = max(Counter((t.phone, t.body) for t in r.taken).values(), default=0)
    if most > min(1 + r.crashes, MOST_COPIES):
        yield f"{most} copies of one text"
    bodies = [m.body for m in r.messages if m.body is not None]
    if len(bodies) != len(set(bodies)):
        yield "two texts that are alike"
    known = {m.body for m in r.beside}
    unknown = {t.body for t in r.taken if is_page(t.body)} - set(bodies) - known
    if unknown:
        yield "a text that no row knows"
    lost = [m for m in r.messages if m.state == "sent" and m.body not in {t.body for t in r.taken}]
    if lost:
        yield "a text is called sent that no provider has"


def _people(r: Record) -> Iterator[str]:
    """Texts go to people of the roster, to those on shift first, and tell nothing of the resident."""
    known = {one.phone for one in r.duty.responders.values()}
    if any(t.phone not in known for t in r.taken):
        yield "a stranger was texted"
    shift = {s.responder for s in r.duty.shifts}
    pages = [m for m in r.messages if m.purpose == "page"]
    if any(m.responder not in shift and m.template != "last-resort" for m in pages):
        yield "somebody off duty was asked before the last resort"
    if any(m.template == "last-resort" for m in pages) and not r.last_resort:
        yield "the last resort was texted and not called"
    for m in r.messages:
        if m.body is not None and r.incident.home in m.body:
            yield "a text names the home"
        if m.body is not None and segment_length(m.body) > segment_limit(m.body):
            yield "a text takes more than one segment"


def _truth(r: Record) -> Iterator[str]:
    """Whoever says yes is told whether to go; whoever was asked is told when nobody is needed any more."""
    answers = [m for m in r.messages if m.purpose == "answer"]
    for n, move in enumerate(r.moves):
        if move.event != "accepted" or move.by not in r.duty.responders:
            continue
        told = [m.template for m in answers if m.responder == move.by and m.created_ms >= move.t_ms]
        # After a standstill somebody's words are taken in one moment, each with an answer of its own.
        told = told[sum(m.by == move.by and m.t_ms == move.t_ms for m in r.moves[:n]) :]
        if not told or told[0] not in WORDS[bool(move.detail.get("goes"))]:
            yield "somebody who said yes was told something else"
        words = sum(m.by == move.by and m.t_ms == move.t_ms for m in r.moves)
        at_once = [m for m in answers if m.responder == move.by and m.created_ms == move.t_ms]
        if sum(m.template in GO_OR_STAY for m in at_once) > words:
            yield "somebody who said yes was told two things"
    holders = [m.by for m in r.moves if m.event == "accepted" and m.detail.get("goes")]
    firsts = [m for m in r.moves if m.event == "accepted" and m.by in r.duty.responders]
    if firsts and (not holders or firsts[0].by != holders[0]):
        yield "the first who said yes does not go"
    if any(m.purpose == "stand-down" and m.responder == r.incident.acceptor for m in r.messages):
        yield "whoever is there was told that nobody is needed"
    over_ms = r.incident.on_scene_ms or r.incident.closed_ms
    spoke = {m.by for m in r.moves if m.event in {"cannot-go", "arrived"}}
    asked = {m.responder for m in r.messages if m.purpose == "page" and m.state == "sent"}
    for who in asked - spoke - {r.incident.acceptor}:
        after = [m for m in r.messages if m.responder == who and over_ms and m.created_ms >= over_ms]
        if not after:
            yield "somebody who was asked was not told that it is over"


def _times(r: Record) -> Iterator[str]:
    """Ten minutes from the onset; leases end; nobody is sent for once somebody is there."""
    one = r.incident
    start_ms = one.decided_ms if one.late_at_decision else one.t0_ms
    if one.deadline_ms != (start_ms or 0) + int(r.policy.target_s * 1000):
        yield "the deadline is not ten minutes after the onset"
    if one.provider_ms is None or one.provider_ms > r.out_ms + 3 * LAG_MS:
        yield "no text had left when one could have"
    there_ms = one.on_scene_ms
    for m in r.messages:
        if m.sent_ms is not None and m.sent_ms > m.valid_until_ms + LAG_MS:
            yield "a text went out when it was worth nothing any more"
        late = there_ms is not None and m.sent_ms is not None and m.sent_ms > there_ms + 2 * LAG_MS
        if late and m.purpose == "page" and r.healthy:
            yield "somebody was asked to go after somebody was there"
    for n, move in enumerate(r.moves):
        if (
            move.event == "accepted"
            and move.to_state.value == "accepted"
            and move.from_state != move.to_state
        ):
            ends_ms = move.t_ms + int(r.policy.lease_s * 1000) + LAG_MS
            after = [m for m in r.moves[n + 1 :] if m.event in ENDS_LEASE or m.by == move.by]
            if r.healthy and (not after or after[0].t_ms > ends_ms):
                yield "an acceptance without a departure held for longer than its lease"
    yield from _declines(r)


def _declines(r: Record) -> Iterator[str]:
    """Whoever holds it and cannot go does not keep it. Who that is follows from the words alone."""
    holder = None
    for move in r.moves:
        if move.event == "cannot-go" and move.by == holder and move.to_state.value != "reopened":
            yield "whoever held it cannot go, and nobody looks for another"
        free = move.from_state is None or move.from_state.value not in HELD
        if move.to_state.value not in HELD:
            holder = None
        elif free or (move.event == "arrived" and move.from_state != move.to_state):
            holder = move.by


def _storm(r: Record) -> Iterator[str]:
    """At most one HIGH text in half a minute and person; one incident and one text for a street."""
    if not r.healthy or r.crashes:
        return
    by_person: dict[str, list[int]] = defaultdict(list)
    for m in (*r.messages, *r.beside):
        high = m.purpose == "page" and m.template in HIGH_PAGES and m.state == "sent"
        if high and m.sent_ms is not None and m.sent_ms >= r.incident.t0_ms:
            by_person[m.responder].append(m.sent_ms)
    for times in by_person.values():
        if any(later - one < HIGH_APART_MS for one, later in pairwise(sorted(times))):
            yield "two HIGH texts to one person within half a minute"
    if r.dark > 1:
        yield f"{r.dark} incidents of one street that went dark"
    notices = (m for m in r.beside if m.purpose == "page" and m.template in {"area", "low"})
    streets = Counter(m.responder for m in notices if m.state == "sent")
    if max(streets.values(), default=0) > 1:
        yield "more than one text that asks somebody to look at a street"


HIGH_PAGES: Final = frozenset({"high", "last-resort"})
HIGH_APART_MS: Final = 30_000
"""A number of its own, not the product's: what is checked must not move with it."""
HELD: Final = frozenset({"accepted", "en-route", "on-scene"})
ENDS_LEASE: Final = frozenset({"lease-lapsed", "arrived", "closed"})
