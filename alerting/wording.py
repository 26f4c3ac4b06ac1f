"""What a text says: code-only, in the recipient's language, one segment.

Takes plain values (code, message number, times as "HH:MM"), gives the body of a text. A text says how
much it hurries, by when somebody must be there, and which answers fit now. It never carries a name, an
address or a symptom: there is no argument through which one could come, and a card that does not look
like a number is left out. Every body ends in the message's number and a full stop, so that no text is like
another or contained in it, and the provider's list tells after a crash which ones were sent.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from alerting.duty import Language

GSM7_LIMIT = 160
"""Septets in one segment (3GPP TS 23.038, 140 octets)."""
UCS2_LIMIT = 70
"""16-bit units in one segment as soon as one character is outside GSM-7."""
MOST_DIGITS = 9
"""A message number may have this many digits; the templates are cut to fit it."""
MOST_COUNTED = 6
"""Nor may a count of homes or minutes have more: a million homes, or two years."""

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = frozenset("^{}\\[~]|€\f")
"""These take two septets each: an escape and the character."""

_CARD = re.compile(r"(?=.{1,8}\Z)[A-Z]{0,2}-?[0-9]{1,8}", re.ASCII)
_CODE = re.compile(r"[A-Z][0-9]{1,2}", re.ASCII)
_TIME = re.compile(r"[0-2][0-9]:[0-5][0-9]", re.ASCII)


class SegmentError(ValueError):
    """A text that would not fit one segment, or a value that no text can carry."""


def segment_length(text: str) -> int:
    """Units that `text` takes: septets when it is all GSM-7, else 16-bit units."""
    if is_gsm7(text):
        return len(text) + sum(c in _EXTENSION for c in text)
    return len(text.encode("utf-16-be")) // 2


def segment_limit(text: str) -> int:
    """Units that one segment holds in the alphabet that `text` needs: 160 or 70."""
    return GSM7_LIMIT if is_gsm7(text) else UCS2_LIMIT


def is_gsm7(text: str) -> bool:
    """Whether the text can go out in the 7-bit alphabet."""
    return all(c in _BASIC or c in _EXTENSION for c in text)


def card_fits(card: str) -> bool:
    """Whether a staff-chosen card may stand in a text: at most two letters, then digits, 8 in all."""
    return _CARD.fullmatch(card) is not None


# {c} code, {n} message number, {k} card with its word, {by} the deadline with its word, {eta} likewise,
# {h} how many homes, {m} how many minutes.
# Answers are written as they are to be typed, code and all: "A12 1" always works, "1" alone does while one
# incident is open for that phone.
HANDOVER: Final = "handover"
"""Purpose of the text to whoever comes on duty while something is open."""

_ZH: dict[tuple[str, str | None], str] = {
    ("page", "high"): "紧急{c}{k} 请{by}到场。回{c} 1=接手 {c} 1 8=8分钟到 {c} 3=不能 #{n}.",
    ("page", "high-many"): "紧急{c}都要人到场,先去能到的。逐个回,如{first} 1=接手 {first} 3=不能 #{n}.",
    ("page", "medium"): "重要{c}{k} 请{by}到场。回{c} 1=接手 {c} 1 8=8分钟到 {c} 3=不能 #{n}.",
    ("page", "low"): "提示{c}{k} 请查看看板。回{c} 1=接手 {c} 3=不能 #{n}.",
    ("page", "drill"): "演练{c}{k} 请{by}到场。回{c} 1=接手 {c} 1 8=8分钟到 {c} 3=不能 #{n}.",
    ("page", "area"): "提示{c} {h}户同时看不到,请查看看板。回{c} 1=接手 {c} 3=不能 #{n}.",
    ("page", "named"): "紧急{c}{k} 派您,{by}到。回{c} 1=接手 {c} 1 8=8分钟到 {c} 3=不能 #{n}.",
    ("page", "last-resort"): "紧急{c}{k} 无人到场,请马上去!回{c} 1=接手 {c} 1 8=8分钟到 {c} 3=不能 #{n}.",
    ("answer", "accepted"): "{c}由您接手,请{by}到。出发回{c} 1 分钟数,到了回{c} 2,去不了回{c} 3 #{n}.",
    ("answer", "on-the-way"): "{c}已记您在路上{eta}。到了回{c} 2,去不了回{c} 3,要帮手回{c} 5 #{n}.",
    ("answer", "arrived"): "{c}已记您到场。平安回{c} 6,要帮手回{c} 5,误报回{c} 4 #{n}.",
    ("answer", "declined"): "{c}已记您去不了,正在找别人。又能去了回{c} 1 #{n}.",
    ("answer", "false-noted"): "{c}误报已记,但仍须有人到场核实。到了回{c} 2,再回{c} 4或6 #{n}.",
    ("answer", "help-coming"): "{c}已在加派人手。情况紧急请直接打120。平安后回{c} 6 #{n}.",
    ("answer", "closed"): "{c}已结束,谢谢您。#{n}.",
    ("answer", "already-taken"): "{c}已有人接手,您先不用去。情况有变会再通知您 #{n}.",
    ("answer", "already-closed"): "{c}已经结束,不用去了。谢谢您 #{n}.",
    ("answer", "arrive-first"): "{c}请到场后先回{c} 2,之后才能回{c} 6结束 #{n}.",
    ("answer", "which-code"): "请带您的代码回复,如 {first} 1。您现有:{c} #{n}.",
    ("answer", "not-understood"): "没看懂。请回:{c} 1接手,{c} 2到了,{c} 3不能,{c} 5要帮手 #{n}.",
    ("answer", "nothing-open"): "您现在没有待处理的呼叫。有事请打中心电话 #{n}.",
    ("confirm", "sensed"): "{c}有人进门,是您吗?到了回{c} 2,还没到回{c} 1 分钟数,去不了回{c} 3 #{n}.",
    ("stand-down", None): "{c}已不用去了,谢谢您。#{n}.",
    ("stand-down", "released"): "{c}已由别人接替,您不用去了,谢谢您。#{n}.",
    ("news", "area"): "{c}现在仍有{h}户看不到。#{n}.",
    ("news", "area-over"): "{c}已结束:{h}户,{m}分钟。仍看不到的另行通知 #{n}.",
    (HANDOVER, "open"): "交接:{h}户未结束 {c},请看看板 #{n}.",
}
_EN: dict[tuple[str, str | None], str] = {
    ("page", "high"): "URGENT {c}{k}: be there {by}. "
    "Reply {c} 1 = I go, {c} 1 8 = on my way, 8 min, {c} 3 = I cannot. #{n}.",
    ("page", "high-many"): "URGENT {c}: each needs somebody, go where you can be first. "
    "Answer each: {first} 1 = I go, {first} 3 = I cannot. #{n}.",
    ("page", "medium"): "IMPORTANT {c}{k}: be there {by}. "
    "Reply {c} 1 = I go, {c} 1 8 = on my way, 8 min, {c} 3 = I cannot. #{n}.",
    ("page", "low"): "NOTICE {c}{k}: please look at the board. Reply {c} 1 = I go, {c} 3 = I cannot. #{n}.",
    ("page", "drill"): "TEST {c}{k}, nothing has happened: be there {by}. "
    "Reply {c} 1 = I go, {c} 1 8 = on my way, 8 min, {c} 3 = I cannot. #{n}.",
    ("page", "area"): "NOTICE {c}: {h} homes cannot be seen since the same moment, please look at the board. "
    "Reply {c} 1 = I go, {c} 3 = I cannot. #{n}.",
    ("page", "named"): "URGENT {c}{k}: you were named, be there {by}. "
    "Reply {c} 1 = I go, {c} 1 8 = on my way, 8 min, {c} 3 = I cannot. #{n}.",
    ("page", "last-resort"): "URGENT {c}{k}: nobody is there yet, go now! "
    "Reply {c} 1 = I go, {c} 1 8 = on my way, 8 min, {c} 3 = I cannot. #{n}.",
    ("answer", "accepted"): "{c} is yours, be there {by}. "
    "Leaving: {c} 1 and the minutes. There: {c} 2. Cannot go: {c} 3. #{n}.",
    (
        "answer",
        "on-the-way",
    ): "{c}: on your way{eta}. There: {c} 2. Cannot go: {c} 3. Need help: {c} 5. #{n}.",
    ("answer", "arrived"): "{c}: you are there. Resident safe: {c} 6. Need help: {c} 5. False: {c} 4. #{n}.",
    ("answer", "declined"): "{c}: noted, we are asking others. If you can go after all: {c} 1. #{n}.",
    ("answer", "false-noted"): "{c}: false alarm noted, but somebody must still look. "
    "When there: {c} 2, then {c} 4 or {c} 6. #{n}.",
    (
        "answer",
        "help-coming",
    ): "{c}: help is being sent. In danger call 120 yourself. When safe: {c} 6. #{n}.",
    ("answer", "closed"): "{c} is closed. Thank you. #{n}.",
    ("answer", "already-taken"): "{c}: somebody else goes, stay for now. We text you if that changes. #{n}.",
    ("answer", "already-closed"): "{c} was closed before, no need to go. Thank you. #{n}.",
    ("answer", "arrive-first"): "{c}: when you are there send {c} 2 first, then {c} 6 closes it. #{n}.",
    ("answer", "which-code"): "Reply with your code, such as {first} 1. Open for you: {c} #{n}.",
    ("answer", "not-understood"): "Not understood. "
    "Reply {c} 1 = I go, {c} 2 = there, {c} 3 = I cannot, {c} 5 = need help. #{n}.",
    ("answer", "nothing-open"): "Nothing is open for you now. If something is wrong call the centre. #{n}.",
    ("confirm", "sensed"): "{c}: the door has opened. You? There: {c} 2. "
    "Not yet: {c} 1 and the minutes. Cannot go: {c} 3. #{n}.",
    ("stand-down", None): "{c}: no need to go any more. Thank you. #{n}.",
    ("stand-down", "released"): "{c}: somebody else has taken over, no need to go. Thank you. #{n}.",
    ("news", "area"): "{c}: now {h} homes cannot be seen. #{n}.",
    (
        "news",
        "area-over",
    ): "{c} is over: {h} homes, {m} minutes. Any that cannot be seen yet come alone. #{n}.",
    (HANDOVER, "open"): "HANDOVER: {h} homes open: {c}. Please look at the board. #{n}.",
}
_ZH_DRILL: dict[str, str] = {
    "help-coming": "演练{c}已记。若真有险情,请直接打120并告诉中心。结束回{c} 6 #{n}.",
    "": "演练{c}结束了,谢谢您。#{n}.",
}
_EN_DRILL: dict[str, str] = {
    "help-coming": "TEST {c}: noted. If somebody truly is in danger call 120 and the centre. "
    "To end the test: {c} 6. #{n}.",
    "": "TEST {c} is over. Thank you. #{n}.",
}
"""What does not mean the same in a drill; "" is the stand-down, which must call nobody off the real thing."""

ABOUT_NONE: Final = frozenset({"which-code", "nothing-open", "open"})
"""Texts about no one incident: they have no text of a drill."""
LISTS: Final = frozenset({"which-code", "high-many", "open"})
"""Templates that name several codes."""


def of_drill(template: str | None) -> str:
    """Name the answer or the stand-down that says the same about a drill, marked as a test."""
    return f"drill-{template}" if template else "drill"


def with_drills(
    texts: Mapping[tuple[str, str | None], str], own: Mapping[str, str], mark: str, without: Collection[str]
) -> dict[tuple[str, str | None], str]:
    """Add what is said about drills: words of their own, or the same after a mark."""
    drills: dict[tuple[str, str | None], str] = {
        (purpose, of_drill(template)): own.get(template or "", mark + said)
        for (purpose, template), said in texts.items()
        if purpose != "page" and template not in without
    }
    return {**texts, **drills}


_ZH = with_drills(_ZH, _ZH_DRILL, "演练 ", ABOUT_NONE)
_EN = with_drills(_EN, _EN_DRILL, "TEST ", ABOUT_NONE)
_TEXTS: dict[Language, dict[tuple[str, str | None], str]] = {"zh": _ZH, "en": _EN}
_WORDS: dict[Language, dict[str, str]] = {
    "zh": {"card": " 卡{}", "by": "{}前", "no-by": "尽快", "eta": ",{}到", "code": "代码", "many": "多"},
    "en": {
        "card": " card {}",
        "by": "by {}",
        "no-by": "soon",
        "eta": ", there at {}",
        "code": "CODE",
        "many": "many",
    },
}

TEMPLATES: frozenset[tuple[str, str | None]] = frozenset(_ZH)
"""Every (purpose, template) that can be asked for."""


def code_list(codes: Iterable[str]) -> str:
    """Put a responder's codes into one value for a template of `LISTS`."""
    return " ".join(sorted(codes))


def checked(code: str, number: int, *clocks: str | None) -> list[str]:
    """Give the codes in `code` when all of these are what a message can carry.

    Raises
    ------
    SegmentError
        a number out of range, a time that is not "HH:MM", a code that is none.
    """
    if not 0 < number < 10**MOST_DIGITS:
        raise SegmentError("the message number must have 1 to 9 digits")
    for clock in clocks:
        if clock is not None and not _TIME.fullmatch(clock):
            raise SegmentError('a time must be "HH:MM"')
    codes = code.split()
    if any(not _CODE.fullmatch(c) for c in codes):
        raise SegmentError("a code is a letter and one or two digits")
    return codes


def counted(many: int | None, unknown: str) -> str:
    """Give a count as it stands in a message; raises SegmentError when it has more than six digits."""
    if many is not None and not 0 <= many < 10**MOST_COUNTED:
        raise SegmentError("a count has at most 6 digits")
    return unknown if many is None else str(many)


def text(
    purpose: str,
    template: str | None,
    *,
    language: Language,
    code: str,
    number: int,
    deadline: str | None = None,
    card: str | None = None,
    eta: str | None = None,
    homes: int | None = None,
    minutes: int | None = None,
) -> str:
    """Say it in one segment.

    Parameters
    ----------
    purpose, template
        one of `TEMPLATES`.
    code
        the responder's code of the incident; "" where none is known; for `LISTS` all of them with
        blanks between (`code_list`). As many as fit are named.
    number
        the message's number, 1 to 999,999,999; makes the body unique.
    deadline, eta
        local time "HH:MM"; None leaves it out.
    card
        the staff-chosen number of the home; left out when it is none or does not look like a number.

    homes, minutes
        how many, 0 to 999,999; "many" where it is not known. For texts about an area; a handover says in
        `homes` how many incidents are open, one for each.

    Raises
    ------
    SegmentError
        an impossible value, an unknown template, or more than one segment.
    """
    words = _WORDS[language]
    try:
        pattern = _TEXTS[language][purpose, template]
    except KeyError:
        raise SegmentError(f"no such text: {purpose}/{template}") from None
    codes = checked(code, number, deadline, eta)
    values = {
        "n": number,
        "k": words["card"].format(card) if card is not None and card_fits(card) else "",
        "by": words["by"].format(deadline) if deadline is not None else words["no-by"],
        "eta": words["eta"].format(eta) if eta is not None else "",
        "first": codes[0] if codes else words["code"],
        "h": counted(homes, words["many"]),
        "m": counted(minutes, words["many"]),
    }
    listed = " ".join(codes) or words["code"]
    body = pattern.format(c=listed, **values)
    while segment_length(body) > segment_limit(body) and len(codes) > 1:
        codes.pop()
        body = pattern.format(c=" ".join(codes) + " ..", **values)
    if segment_length(body) > segment_limit(body):
        raise SegmentError(f"{purpose}/{template} takes {segment_length(body)} units")
    return body
