"""What people answer: `[CODE] DIGIT [MINUTES]`, read forgivingly, acted on strictly.

Takes one inbound text (from a webhook, from polling, or keys pressed in a call; the provider's id says
whether it was seen before) and an open transaction; gives what became of it. Writes the inbound row,
applies the events to the incident, and puts the answer to the person into the outbox, unless it is spoken.
Never sends, never wakes anybody, never lets one person's code work for another, and tells an unknown number
nothing.

The steps of `take`:

1. Seen before (the provider's id): nothing. A number that no responder of the roster has: recorded without
   its words, no answer.
2. STOP and its like: recorded, no answer (the provider blocks our texts from then on anyway).
3. Not understood: told how to answer, a few times at most, so that two machines cannot talk for ever;
   nothing is said while nothing is open for that person.
4. Which incident: by the code among this person's own, or by the call; without either the only open one.
   Several open and no code, or a code that is not theirs: asked back with their codes. Closed: told so,
   except that `5` after closing contradicts it and brings it back.
5. What it means: `1` accept, with minutes also on the way; `2` arrived; `3` cannot; `4` reported false, which
   closes only what this person has arrived at; `5` needs help; `6` safe, likewise only after `2`.
6. The first to accept keeps it; the second one is told that somebody goes, or, where it would be too late to
   ask once more should the first one not come, goes too (`planner.goes_too`).
"""

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from alerting import drill, planner
from alerting.concern import Kind
from alerting.duty import Duty
from alerting.incident import (
    Accepted,
    Arrived,
    BackupWanted,
    CannotGo,
    Closed,
    Incident,
    IncidentEvent,
    NeedsHelp,
    ReportedFalse,
    State,
    step,
)
from alerting.known import known_of
from alerting.ledger import (
    Message,
    Tx,
    apply,
    closed_codes,
    codes,
    enqueue,
    incident,
    incident_of,
    messages,
    moves,
    responder_of_phone,
    sent_to,
    take_inbound,
    words_since_decision,
)
from alerting.policy import Policy

MINUTES = range(1, 121)
"""An estimate of arrival beyond two hours is a typing mistake."""
MOST_CHARACTERS = 160
"""One segment; a longer text is no answer to ours."""
MOST_HINTS = 3
"""How often somebody is told for one incident how to answer."""
MOST_TEXTS, WINDOW_MS = 10, 600_000
"""No such hint to somebody who has had this many texts within this time (DESIGN section 6, storms)."""
CLOCKS_APART_MS = 30_000
"""How much older by the provider's clock an answer must be to count as older: the clocks may differ, and
what was compared with has been fetched up to three polls after it was sent."""
VOICE = "voice"
"""`Inbound.via` of a key pressed in a call: the answer is spoken by whoever called `take`."""
MOST_KEPT = 1600
"""Characters of an answer that are kept; Twilio's own limit for a message."""

_STOP = frozenset(
    {
        "STOP", "STOPALL", "STOP ALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT",
        "TD", "T", "退订", "取消订阅", "拒收",
    }
)  # fmt: skip
"""Twilio's opt-out words (docs: Advanced Opt-Out, default keywords) and the ones usual in China."""

_ANSWER = re.compile(
    r"""
    (?: (?P<code> [A-Z][0-9]{1,2} ) (?: \ + | (?<=[A-Z][0-9]{2}) (?=[0-9]) ) )?   # "A12 1", "A1 1", "A121"
    (?P<digit> [1-6] )
    (?: \ + (?P<minutes> [0-9]{1,3} ) \ * (?: MINUTES? | MINS? | M | 分钟 | 分 )? )?
    """,
    re.VERBOSE | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that was understood."""

    code: str | None
    digit: int
    """1 to 6."""
    minutes: int | None
    """Only with digit 1."""


@dataclass(frozen=True, slots=True)
class Unclear:
    """An answer that was not; `reason` is "empty", "stop", "too-long", "minutes" or "nonsense"."""

    reason: str


@dataclass(frozen=True, slots=True)
class Inbound:
    """One text that somebody has sent to our number."""

    sid: str
    """The provider's id."""
    phone: str
    """The sender, E.164."""
    body: str
    t_ms: int
    """When it was sent, by the provider's clock where known; ms since 1970, UTC."""
    via: str
    """"webhook", "poll" or `VOICE`."""
    incident: int | None = None
    """The incident that is meant, where it is known without a code; counts only if this person was asked."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of an inbound text."""

    kind: str
    """What it was taken as: "repeated", "unknown-phone", "stop", "unclear", or the answer's template."""
    incident_id: int | None
    changed: bool
    """Whether there is something for the courier to do."""
    template: str | None = None
    """The answer that is still to be spoken to the person; None: the outbox has it, or there is none."""


@dataclass(frozen=True, slots=True)
class _Decision:
    """What `take` is going to do: record it as `kind`, apply the events, answer with the template."""

    kind: str
    incident_id: int | None = None
    events: tuple[IncidentEvent, ...] = ()
    template: str | None = None
    ends: Incident | None = None
    """A drill that gives way."""


@dataclass(frozen=True, slots=True)
class _Said:
    """An answer that was understood, who said it, and when."""

    who: str
    reply: Reply
    t_ms: int
    incident: int | None = None
    """Meant without a code."""


def parse(text: str) -> Reply | Unclear:
    """Read an answer. Width, case, blanks of any kind, punctuation and invisible marks are forgiven."""
    words = _plain(text)
    if not words:
        return Unclear("empty")
    if words in _STOP:
        return Unclear("stop")
    if len(words) > MOST_CHARACTERS:
        return Unclear("too-long")
    found = _ANSWER.fullmatch(words)
    if found is None:
        return Unclear("nonsense")
    digit = int(found["digit"])
    minutes = None if found["minutes"] is None else int(found["minutes"])
    if minutes is not None and (digit != 1 or minutes not in MINUTES):
        return Unclear("minutes")
    return Reply(found["code"], digit, minutes)


def _plain(text: str) -> str:
    """Fold to narrow capitals with single blanks: "Ａ１２　１。" becomes "A12 1"."""
    kept = []
    for c in unicodedata.normalize("NFKC", text[: 4 * MOST_CHARACTERS]):
        kind = unicodedata.category(c)
        if kind in {"Mn", "Me", "Cf"}:
            continue  # key caps, variation selectors, byte order marks, direction marks
        kept.append(c.upper() if kind[0] in "LN" else " ")
    return " ".join("".join(kept).split())


def take(tx: Tx, inbound: Inbound, duty: Duty, policy: Policy, now_ms: int) -> Taken:
    """Act on one inbound text, once, however often and by whichever way it comes.

    `now_ms` is the time of taking; minutes count from it.

    Raises
    ------
    LedgerError
        the ledger cannot be written; nothing of it stands.
    """
    who = responder_of_phone(tx, inbound.phone)
    if who is None:
        fresh = take_inbound(tx, inbound.sid, None, None, now_ms, inbound.via, "", "unknown-phone")
        return Taken("unknown-phone" if fresh else "repeated", None, changed=False)
    # A list may carry halves of characters, which no database takes.
    body = inbound.body.encode("utf-8", "replace").decode()[:MOST_KEPT]
    reply = parse(body)
    if isinstance(reply, Unclear):
        decision = _hint(tx, who, reply, inbound.incident, now_ms)
    else:
        decision = _decide(tx, _Said(who, reply, inbound.t_ms, inbound.incident), duty, policy, now_ms)
    if not take_inbound(tx, inbound.sid, who, decision.incident_id, now_ms, inbound.via, body, decision.kind):
        again = decision.template if inbound.via == VOICE else None
        return Taken("repeated", decision.incident_id, changed=False, template=again)
    if decision.ends is not None:
        drill.end(tx, decision.ends, now_ms)
    if decision.incident_id is not None:
        for event in decision.events:
            by = "guardian" if isinstance(event, BackupWanted) else who
            apply(tx, decision.incident_id, event, now_ms, by)
    if inbound.via == VOICE:
        changed = bool(decision.events)
        return Taken(decision.kind, decision.incident_id, changed, template=decision.template)
    if decision.template is not None:
        enqueue(
            tx,
            Message(
                responder=who,
                purpose="answer",
                template=decision.template,
                incident=decision.incident_id,
                due_ms=now_ms,
                valid_until_ms=now_ms + int(policy.target_s * 1000),
                created_ms=now_ms,
            ),
        )
    changed = decision.template is not None or bool(decision.events)
    return Taken(decision.kind, decision.incident_id, changed)


def _hint(tx: Tx, who: str, reply: Unclear, meant: int | None, now_ms: int) -> _Decision:
    """Decide whether somebody who was not understood is told how to answer."""
    if reply.reason == "stop":
        return _Decision("stop")
    mine = codes(tx, who)
    if not mine or len(sent_to(tx, who, now_ms - WINDOW_MS)) >= MOST_TEXTS:
        return _Decision("unclear")
    number = meant if meant in mine.values() else _single(mine)
    if number is None:
        return _Decision("unclear", template="which-code")
    told = sum(m.responder == who and m.template == "not-understood" for m in messages(tx, number))
    return _Decision("unclear", number, template="not-understood" if told < MOST_HINTS else None)


def _single(mine: Mapping[str, int]) -> int | None:
    return next(iter(mine.values())) if len(mine) == 1 else None


def _decide(tx: Tx, said: _Said, duty: Duty, policy: Policy, now_ms: int) -> _Decision:
    """Find the incident that is meant, and what is meant about it."""
    mine, past = codes(tx, said.who), closed_codes(tx, said.who, now_ms)
    meant = (c for c, n in {**past, **mine}.items() if n == said.incident)
    code = said.reply.code or next(meant, None)
    number = mine.get(code) if code is not None else _only(tx, mine, said)
    if number is not None:
        return _about(tx, incident(tx, number), said, duty, policy, now_ms)
    if code in past:
        return _late(tx, incident(tx, past[code]), said)
    if mine:
        return _Decision("which-code", template="which-code")
    if code is None and past:
        newest = max((incident(tx, n) for n in past.values()), key=lambda i: i.closed_ms or 0)
        return _late(tx, newest, said)
    return _Decision("nothing-open", template="nothing-open")


def _only(tx: Tx, mine: Mapping[str, int], said: _Said) -> int | None:
    """Give the one incident that is open for this person, if the answer is not older than the question.

    A text that was fetched late must not accept what its sender had not been asked yet.
    """
    number = _single(mine)
    if number is None:
        return None
    asked = [m.created_ms for m in messages(tx, number) if m.responder == said.who and m.purpose == "page"]
    return None if asked and said.t_ms < min(asked) - CLOCKS_APART_MS else number


def _late(tx: Tx, closed: Incident, said: _Said) -> _Decision:
    """Answer somebody who speaks of a closed incident."""
    if said.reply.digit != 5:
        return _Decision("already-closed", closed.id, template="already-closed")
    # Help is needed where all was over: the home's open incident, or this one again. A drill gives way.
    now_open = incident_of(tx, closed.home)
    in_the_way = now_open if now_open is not None and _is_test_only(now_open, closed) else None
    meant = closed if now_open is None or in_the_way is not None else now_open
    return _Decision("help-coming", meant.id, (NeedsHelp(said.who),), "help-coming", ends=in_the_way)


def _is_test_only(now_open: Incident, closed: Incident) -> bool:
    """Whether a drill stands where something real was."""
    return now_open.kind is Kind.DRILL and closed.kind is not Kind.DRILL


def _about(  # noqa: PLR0917  # each is a fact of its own
    tx: Tx, i: Incident, said: _Said, duty: Duty, policy: Policy, now_ms: int
) -> _Decision:
    """Say what a reply means for the open incident `i`."""
    who, reply = said.who, said.reply
    match reply.digit:
        case 1:
            if _has_declined_since(tx, i, said):
                return _Decision("overtaken", i.id, (), "declined")
            return _yes(tx, i, Accepted(who, reply.minutes, policy.lease_s), duty, policy, now_ms)
        case 2:
            return _Decision("arrived", i.id, (Arrived(who),), "arrived")
        case 3:
            return _Decision("declined", i.id, (CannotGo(who),), "declined")
        case 4:
            false = ReportedFalse(who)
            if not _is_there(tx, i, who):
                return _Decision("false-noted", i.id, (false,), "false-noted")
            closes = step(i, false, now_ms).state is State.CLOSED
            events = (false,) if closes else (false, Closed("false:reported"))
            return _Decision("closed", i.id, events, "closed")
        case 5:
            return _Decision("help-coming", i.id, (NeedsHelp(who),), "help-coming")
        case _:
            if not _is_there(tx, i, who):
                return _Decision("arrive-first", i.id, (), "arrive-first")
            return _Decision("closed", i.id, (Closed("safe"),), "closed")


def _yes(  # noqa: PLR0917  # each is a fact of its own
    tx: Tx, i: Incident, yes: Accepted, duty: Duty, policy: Policy, now_ms: int
) -> _Decision:
    """Take somebody's yes: to hold it, to go as well, or to stay."""
    events: tuple[IncidentEvent, ...] = (yes,)
    if planner.is_held(i.by_word()) and yes.responder not in {i.acceptor, i.helper, *i.called}:
        going = known_of(i, (), words_since_decision(tx, [i.id]).get(i.id, ())).going
        if planner.goes_too(i.by_word(), yes, going, duty, policy, now_ms):
            events = (BackupWanted(), yes)
    after = i
    for event in events:
        after = step(after, event, now_ms)
    answer = _accepted_as(after, yes)
    return _Decision(answer, i.id, events, answer)


def _accepted_as(after: Incident, yes: Accepted) -> str:
    """Name the answer to somebody who has said 1, by the incident after it."""
    if yes.responder not in {after.acceptor, after.helper}:
        return "already-taken"
    holds = yes.responder == after.acceptor
    if holds and after.is_there:
        return "arrived"
    departs = yes.minutes is not None or (holds and after.by_word().state is State.EN_ROUTE)
    return "on-the-way" if departs else "accepted"


def _is_there(tx: Tx, i: Incident, who: str) -> bool:
    """Whether this person has said 2 and is still there, so that 4 and 6 count."""
    if i.state is not State.ON_SCENE:
        return False
    return i.acceptor == who or _last_word(tx, i, who, {Arrived.name, CannotGo.name})[0] == Arrived.name


def _has_declined_since(tx: Tx, i: Incident, said: _Said) -> bool:
    """Whether a `1` that was fetched late is older than the same person's `3`."""
    word, taken_ms = _last_word(tx, i, said.who, {Accepted.name, Arrived.name, CannotGo.name})
    return word == CannotGo.name and said.t_ms < taken_ms - CLOCKS_APART_MS


def _last_word(tx: Tx, i: Incident, who: str, of: Collection[str]) -> tuple[str, int]:
    """Give this person's last word about the incident among those, and when it was taken; "" for none."""
    words = [(m.event, m.t_ms) for m in moves(tx, i.id) if m.by == who and m.event in of]
    return words[-1] if words else ("", 0)
