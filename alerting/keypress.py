"""A key that somebody presses in a call: taken like a text, answered by words.

Takes an open transaction and what was pressed; gives what the voice says next and whether another key is
waited for. A press goes the way of every answer (`replies.take`) with the call's id and the number of the
press as its id, so that one that is told twice counts once. Never sends: the person is on the line.

The incident is the one that the call was about. A call that the ledger does not know (the process died
before it was recorded, or somebody has called us) is about the only one open for that phone.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from alerting import in_time, replies, spoken
from alerting.concern import Kind
from alerting.duty import Duty
from alerting.ledger import (
    Tx,
    code_for,
    codes,
    incident,
    message_of_sid,
    responder_language,
    responder_of_phone,
    site_timezone,
)
from alerting.policy import Policy
from alerting.spoken import Keys
from alerting.wording import code_list, of_drill

_ABOUT_NONE: Final = frozenset({"which-code", "nothing-open", "not-understood", "keys"})
"""Answers in which no incident's code is said."""


@dataclass(frozen=True, slots=True)
class Pressed:
    """What a call's webhook tells."""

    call: str
    """The provider's id of the call."""
    phone: str
    """The person's number, E.164, whoever has called whom."""
    digits: str
    """"" when nothing was pressed."""
    press: int
    """Which press of this call it is."""
    asked: Keys = Keys.ONE
    """What had been waited for."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What the voice says next."""

    words: str
    """"" to a number that nobody of ours has: such a call ends without a word."""
    keys: Keys
    changed: bool
    """Whether there is something for the courier to do."""


def press(tx: Tx, pressed: Pressed, duty: Duty, policy: Policy, now_ms: int) -> Heard:
    """Act on what was pressed, once, and find the words for it.

    Raises
    ------
    LedgerError
        the ledger cannot be written; nothing of it stands.
    """
    who = responder_of_phone(tx, pressed.phone)
    if who is None:
        return Heard("", Keys.NONE, changed=False)
    if not pressed.digits:
        return Heard(_say(tx, who, "keys", None, policy, now_ms), Keys.ONE, changed=False)
    about = message_of_sid(tx, pressed.call)
    taken = replies.take(
        tx,
        replies.Inbound(
            sid=f"{pressed.call}-{pressed.press}",
            phone=pressed.phone,
            body=f"1 {pressed.digits}" if pressed.asked is Keys.MINUTES else pressed.digits,
            t_ms=now_ms,
            via=replies.VOICE,
            incident=None if about is None else about.incident,
        ),
        duty,
        policy,
        now_ms,
    )
    template = taken.template or "keys"
    words = _say(tx, who, template, taken.incident_id, policy, now_ms)
    return Heard(words, spoken.keys_after(template), taken.changed)


def _say(  # noqa: PLR0917  # each is a fact of its own
    tx: Tx, who: str, template: str, number: int | None, policy: Policy, now_ms: int
) -> str:
    language = responder_language(tx, who)
    if number is None or template in _ABOUT_NONE:
        listed = code_list(codes(tx, who)) if template == "which-code" else ""
        return spoken.words("answer", template, language=language, code=listed)
    about, zone = incident(tx, number), ZoneInfo(site_timezone(tx))

    def clock(t_ms: int) -> str:
        return datetime.fromtimestamp(t_ms / 1000, tz=zone).strftime("%H:%M")

    due_ms = None if about.deadline_ms is None else in_time.due_by_ms(about, policy)
    return spoken.words(
        "answer",
        of_drill(template) if about.kind is Kind.DRILL else template,
        language=language,
        code=code_for(tx, number, who, now_ms),
        deadline=clock(due_ms) if due_ms is not None and due_ms > now_ms else None,
        eta=None if about.eta_ms is None else clock(about.eta_ms),
    )
