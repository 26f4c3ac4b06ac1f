"""Whether a due text goes out now, by which channel, and what it says: the transaction before sending.

Takes an open transaction and a text that is due; gives the leased text with everything that sending
needs, or None after writing down why not. Never sends.

1. Not due any more, past its validity, or not needed (somebody has accepted, a new round has begun, the
   incident is closed): withdrawn.
2. The person is gone from the roster, no channel reaches the number, or the words do not fit one text:
   failed for good.
3. Ten texts in ten minutes, HIGH pages not counted, have gone to that person: this and the rest wait, but for
   HIGH pages. Texts of drills count for drills alone. A HIGH page waits for 30 s after the last HIGH text to
   the same person, and names the codes of all others that are due to them.
4. A text that a provider has surely not taken goes by the way that is best now; a HIGH or MEDIUM page stays
   where it was begun, for paths.py sees to it.
5. What is not about a HIGH or MEDIUM incident in earnest goes by no channel of whose quota only the reserve
   is left, and waits where there is no other; what is, goes by the next way once one is used up (quota.py).
   Answers are urgent, whatever they are about: somebody waits for them.
6. Otherwise the body is made, once, and stored with the lease. A LOW page, which says no more than to look
   at the board, stands for all the other LOW pages that are due to the same person.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from alerting import handover, in_time, spoken, wording
from alerting.channels import Abilities, Channel
from alerting.concern import Kind, Severity
from alerting.duty import Duty, Responder
from alerting.incident import Incident, State
from alerting.ledger import (
    ALIKE,
    Message,
    Tx,
    area_count,
    carried,
    code_for,
    codes,
    concerns,
    group_high,
    group_low,
    high_beside,
    hold_back,
    incident,
    last_high,
    lease,
    postpone,
    record_failed,
    sent_to,
    withdraw,
)
from alerting.paths import Way
from alerting.policy import Policy
from alerting.quota import DAY_MS, Cap, Quotas

BY_NAME: Final = 0
"""Wave of a page to somebody whom staff have named; the planner's begin at 1."""
RELEASED: Final = "released"
"""Template of the stand-down for whoever held it before somebody else took over."""
STORM_TEXTS: Final = 10
STORM_MS: Final = 600_000
"""At most ten texts in ten minutes and person (DESIGN section 6)."""
HIGH_APART_MS: Final = 30_000
"""Beside these one HIGH text at most, which names every new code (DESIGN section 6)."""
MOST_NAMED: Final = 5
"""Codes that fit a Chinese text of one segment whatever its number; what is left goes with the next one."""
AGAIN_MS: Final = 900_000
"""A text for which nothing is left of a quota asks again after this: 24 hours go by text by text."""
NO_CAPS: Final[Mapping[str, Cap]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Ready:
    """A leased text with everything that sending needs."""

    message: Message
    phone: str
    body: str
    channel: Channel
    behind: tuple[int, ...]
    """Numbers of the pages that it stands for (ledger/groups.py)."""


@dataclass(frozen=True, slots=True)
class _Letter:
    """A text, whom it goes to, what it is about and what carries it."""

    text: Message
    person: Responder
    about: Incident | None
    by: Abilities


def take_in_hand(  # noqa: PLR0917  # each is a fact of its own
    tx: Tx,
    text: Message,
    duty: Duty,
    channels: Mapping[str, Channel],
    policy: Policy,
    now_ms: int,
    *,
    sick: Collection[str] = (),
    caps: Mapping[str, Cap] = NO_CAPS,
) -> Ready | None:
    """Lease a due text, as read in `tx`; None when it is not to be sent now.

    `sick`: channels that are asked last. `caps`: what channels let through in a day.
    """
    if text.state != "due":
        return None
    about = None if text.incident is None else incident(tx, text.incident)
    why = _unneeded(tx, text, about, now_ms)
    if why is not None:
        withdraw(tx, text.id, why)
        return None
    person = duty.responders.get(text.responder)
    if person is None or not person.active:
        record_failed(tx, text.id, "not in the roster any more", permanent=True, retry_ms=None)
        return None
    urgent = is_urgent(text, about)
    closed = quotas(tx, caps, policy, now_ms).closed(person.id, urgent=urgent)
    ways = ways_to(person.phone, channels, sick, closed)
    if text.purpose != "page" or (not urgent and not all(w.voice for w in ways)):
        ways = [w for w in ways if not w.voice]
    moves = text.attempts > 0 and text.copies == 0 and not has_paths(text, about)  # surely nobody has it yet
    channel = text.channel if text.channel and not moves else next((w.channel for w in ways), None)
    if channel in closed and channel != text.channel and not urgent:
        postpone(tx, text.id, now_ms + AGAIN_MS, f"{channel}: the rest of today's texts is kept")
        return None
    if channel is None or channel not in channels:
        record_failed(tx, text.id, "no channel reaches this number", permanent=True, retry_ms=None)
        return None
    free_ms = _storm_over_ms(tx, text, about, now_ms)
    if free_ms is not None:
        hold_back(tx, text.responder, free_ms, drills_alone=_is_drill(about))
        return None
    others = list[Message]()
    if _is_high_page(text, about) and not channels[channel].abilities.voice:
        had = last_high(tx, text.responder, now_ms - HIGH_APART_MS)
        texts = [ms for name, ms in had.items() if name not in channels or not channels[name].abilities.voice]
        if texts and not text.attempts:
            postpone(tx, text.id, max(texts) + HIGH_APART_MS, "after another HIGH text")
            return None
        others = _beside(tx, text, channel, now_ms)
    try:
        letter = _Letter(text, person, about, channels[channel].abilities)
        body = text.body or _body(tx, letter, duty, policy, now_ms, others)
    except wording.SegmentError as e:
        record_failed(tx, text.id, str(e), permanent=True, retry_ms=None)
        return None
    if text.purpose == "page" and about is not None and about.severity is Severity.LOW:
        group_low(tx, text, now_ms)
    if others:
        group_high(tx, text, others)
    until_ms = now_ms + int(policy.lease_send_s * 1000)
    lease(tx, text.id, now_ms, until_ms, channel=channel, body=body)
    leased = replace(
        text,
        state="leased",
        lease_until_ms=until_ms,
        channel=channel,
        body=body,
        attempts=text.attempts + 1,
        copies=text.copies + 1,
    )
    return Ready(leased, person.phone, body, channels[channel], behind=tuple(m.id for m in others))


def is_urgent(text: Message, about: Incident | None) -> bool:
    """Whether a text may use all of a quota: one about a HIGH or MEDIUM incident in earnest, or an answer."""
    if text.purpose == "answer":
        return True
    return about is not None and (about.severity or Severity.LOW) > Severity.LOW and not _is_drill(about)


def quotas(tx: Tx, caps: Mapping[str, Cap], policy: Policy, now_ms: int) -> Quotas:
    """Give the caps with what the last 24 hours have used of them."""
    return Quotas(caps, policy.quota_reserve, carried(tx, caps, now_ms - DAY_MS))


def has_paths(text: Message, about: Incident | None) -> bool:
    """Whether paths.py puts other texts beside this one: a page of HIGH or MEDIUM."""
    urgent = about is not None and (about.severity or Severity.LOW) > Severity.LOW
    return text.purpose == "page" and urgent


def after_refusal(
    text: Message, about: Incident | None, phone: str, channels: Mapping[str, Channel]
) -> str | None:
    """Give the next way for a text that its channel has refused for good; None = none, or paths.py's."""
    if has_paths(text, about):
        return None
    texts = [w.channel for w in ways_to(phone, channels) if not w.voice]
    tried = texts.index(text.channel) + 1 if text.channel in texts else len(texts)
    return next(iter(texts[tried:]), None)


def ways_to(
    phone: str, channels: Mapping[str, Channel], sick: Collection[str] = (), closed: Collection[str] = ()
) -> list[Way]:
    """Give the channels that reach this number (E.164), best first.

    Those whose quota is used up last, texts before calls, the sick after the others, those by which an answer
    can come before those by which none can; otherwise in their order.
    """
    able = {name: c.abilities for name, c in channels.items() if c.abilities.reaches(phone)}
    names = sorted(
        able, key=lambda n: (n in closed, able[n].voice, n in sick, not able[n].answers_from(phone))
    )
    return [Way(name, able[name].voice) for name in names]


def _unneeded(tx: Tx, text: Message, about: Incident | None, now_ms: int) -> str | None:
    if now_ms > text.valid_until_ms:
        return "too late"
    if text.purpose == wording.HANDOVER:
        return None if handover.left(tx, text.created_ms) else "nothing is open any more"
    if about is None or text.purpose == "answer":
        return None
    if text.purpose == "confirm":
        asked = about.is_sensed and about.acceptor == text.responder
        return None if asked else "answered"
    if text.purpose == "stand-down" and text.template == RELEASED:
        goes = text.responder in {about.acceptor, about.helper, *about.called}
        return "goes after all" if goes else None
    if text.purpose == "stand-down":
        return "asked again" if about.wants_people or text.responder in about.called else None
    if text.purpose == "news":
        over = text.template == "area-over"
        return None if over == (about.state is State.CLOSED) else "not so any more"
    wanted = about.wants_people and text.created_ms >= about.round_ms
    if text.wave == BY_NAME:
        wanted |= text.responder in {about.named, *({*about.added} - {about.acceptor, about.helper})}
    return None if wanted else "not needed any more"


def _storm_over_ms(tx: Tx, text: Message, about: Incident | None, now_ms: int) -> int | None:
    """When a text that would be one too many may go; None = now."""
    if _is_high_page(text, about):
        return None
    times = sent_to(tx, text.responder, now_ms - STORM_MS, drills=_is_drill(about))
    return None if len(times) < STORM_TEXTS else times[-STORM_TEXTS] + STORM_MS + 1


def _is_high_page(text: Message, about: Incident | None) -> bool:
    return text.purpose == "page" and about is not None and about.severity is Severity.HIGH


def _beside(tx: Tx, text: Message, channel: str, now_ms: int) -> list[Message]:
    """Give the HIGH pages that this one can stand for: of other incidents, still wanted, as many as fit."""
    if text.body is not None or text.template not in ALIKE:
        return []
    wanted = list[Message]()
    for other in high_beside(tx, text, channel, now_ms):
        about = None if other.incident is None else incident(tx, other.incident)
        why = _unneeded(tx, other, about, now_ms)
        if why is not None:
            withdraw(tx, other.id, why)
        else:
            wanted.append(other)
    return wanted[: MOST_NAMED - 1]


def _is_drill(about: Incident | None) -> bool:
    return about is not None and about.kind is Kind.DRILL


def _body(  # noqa: PLR0917  # each is a fact of its own
    tx: Tx, letter: _Letter, duty: Duty, policy: Policy, now_ms: int, others: Sequence[Message] = ()
) -> str:
    text, person, about = letter.text, letter.person, letter.about
    deadline_ms = eta_ms = card = homes = minutes = None
    if about is not None:
        code = code_for(tx, about.id, person.id, now_ms)
        card, eta_ms = duty.cards.get(about.home), about.eta_ms
        if about.deadline_ms is not None:
            deadline_ms = in_time.due_by_ms(about, policy)
        if about.is_area:
            homes, minutes = _area(tx, about, text, now_ms)
    elif text.purpose == wording.HANDOVER:
        some = handover.left(tx, text.created_ms)
        code, homes = handover.codes_of(tx, some, person.id, now_ms), len(some)
    else:
        known = codes(tx, person.id)
        code = wording.code_list(known) if text.template == "which-code" or len(known) == 1 else ""
    template = text.template
    if others:
        template = "high-many"
        also = (code_for(tx, m.incident, person.id, now_ms) for m in others if m.incident is not None)
        code = " ".join([code, *also])
    if _is_drill(about) and text.purpose != "page":  # the page is one already
        template = wording.of_drill(template)
    say = partial(spoken.words, keys=letter.by.two_way) if letter.by.spoken else wording.text
    return say(
        text.purpose,
        template,
        language=person.language,
        code=code,
        number=text.id,
        deadline=_hhmm(deadline_ms, duty) if deadline_ms is not None and deadline_ms > now_ms else None,
        card=card,
        eta=None if eta_ms is None else _hhmm(eta_ms, duty),
        homes=homes,
        minutes=minutes,
    )


def _area(tx: Tx, about: Incident, text: Message, now_ms: int) -> tuple[int, int]:
    """How many homes an area's text names, and how many minutes it has lasted.

    The first text names at least as many as the detectors had seen fall dark; not all are on the list yet.
    """
    count = area_count(tx, about.id)
    minutes = round(((about.closed_ms or now_ms) - about.t0_ms) / 60_000)
    if about.closed_ms is not None:
        return count.homes, minutes
    if text.purpose == "news" or count.dark < count.homes:
        return count.dark, minutes
    return max(count.dark, *(int(c.evidence.get("homes_dark", 0)) for c in concerns(tx, about.id))), minutes


def _hhmm(t_ms: int, duty: Duty) -> str:
    return datetime.fromtimestamp(t_ms / 1000, tz=ZoneInfo(duty.timezone)).strftime("%H:%M")
