"""What a voice says on the phone: the same words as texts, to be heard and answered by keys.

Takes the same plain values as wording.py, gives words that can be read out: codes and numbers digit by
digit, times as people say them, and which keys fit now. The digits are those of texts. It never says a
name, an address or a symptom, for the same reasons as there. What is sent as a message ends in the
message's number, so that no two are alike.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from alerting import wording
from alerting.duty import Language
from alerting.wording import SegmentError

MOST_CODES: Final = 5
"""Codes read out at most: nobody remembers more."""


class Keys(StrEnum):
    """What is waited for after the words."""

    NONE = "none"
    """Nothing; the call ends."""
    ONE = "one"
    """One key, as the digit of a text."""
    MINUTES = "minutes"
    """Up to three digits, ended by "#": the minutes of an acceptance."""


_ABOUT_NONE: Final = wording.ABOUT_NONE | {"keys", "not-noted"}

# {c} code, {k} card with its word, {by} the deadline, {eta} the time of arrival, {how} how to answer a page,
# {h} how many homes, {m} how many minutes.
_ZH: dict[tuple[str, str | None], str] = {
    ("page", "high"): "紧急。代码{c}{k}，请{by}到场。{how}",
    ("page", "high-many"): "紧急。代码{c}，都要人到场。{how}",
    ("page", "medium"): "重要。代码{c}{k}，请{by}到场。{how}",
    ("page", "low"): "提示。代码{c}{k}，请查看看板。{how}",
    ("page", "drill"): "这是演练，不是真事。代码{c}{k}，请照常{by}到场。{how}",
    ("page", "area"): "提示。代码{c}，{h}户同时看不到，请查看看板。{how}",
    ("page", "named"): "紧急。代码{c}{k}，指定您去，请{by}到场。{how}",
    ("page", "last-resort"): "紧急。代码{c}{k}，无人到场，请马上去！{how}",
    ("answer", "accepted"): "谢谢。代码{c}由您接手，请{by}到。请按路上需要的分钟数，然后按井号。",
    ("answer", "on-the-way"): "代码{c}，已记您在路上{eta}。去不了请按3，要帮手请按5。"
    "现在可以挂断，到了再打来按2，或回短信。",
    ("answer", "arrived"): "代码{c}，已记您到场。平安请按6，要帮手请按5，误报请按4。",
    ("answer", "declined"): "代码{c}，已记您去不了，正在找别人。又能去了请按1。",
    ("answer", "false-noted"): "代码{c}，误报已记，但仍须有人到场核实。到了请按2，再按4或6。",
    ("answer", "help-coming"): "代码{c}，已在加派人手。情况紧急请直接打120。平安后请按6。",
    ("answer", "closed"): "代码{c}已结束，谢谢您。",
    ("answer", "already-taken"): "代码{c}已有人接手，您先不用去。情况有变会再通知您。",
    ("answer", "already-closed"): "代码{c}已经结束，不用去了。谢谢您。",
    ("answer", "arrive-first"): "代码{c}，请到场后先按2，之后才能按6结束。",
    ("answer", "which-code"): "您有几个代码：{c}。请用短信回复代码和数字，或打中心电话。",
    ("answer", "not-understood"): "没听清。接手请按1，到了请按2，不能去请按3，要帮手请按5。",
    ("answer", "nothing-open"): "您现在没有待处理的呼叫。有事请打中心电话。",
    ("answer", "keys"): "接手请按1，到了请按2，不能去请按3，误报请按4，要帮手请按5，平安请按6。",
    ("answer", "not-noted"): "刚才没有记下，请再按一次。",
    ("confirm", "sensed"): "代码{c}，有人进门，是您吗？到了请按2，去不了请按3。",
    ("stand-down", None): "代码{c}已不用去了，谢谢您。",
    ("stand-down", "released"): "代码{c}已由别人接替，您不用去了，谢谢您。",
    ("news", "area"): "代码{c}，现在仍有{h}户看不到。",
    ("news", "area-over"): "代码{c}已结束：{h}户，{m}分钟。仍看不到的另行通知。",
    (wording.HANDOVER, "open"): "交接。{h}户未结束，代码：{c}。请查看看板。",
}
_EN: dict[tuple[str, str | None], str] = {
    ("page", "high"): "Urgent. Code{c}{k}: be there {by}. {how}",
    ("page", "high-many"): "Urgent. Codes{c}: each needs somebody. {how}",
    ("page", "medium"): "Important. Code{c}{k}: be there {by}. {how}",
    ("page", "low"): "Notice. Code{c}{k}: please look at the board. {how}",
    ("page", "drill"): "This is a test, nothing has happened. Code{c}{k}: be there {by}. {how}",
    ("page", "area"): "Notice. Code{c}: {h} homes cannot be seen since the same moment, "
    "please look at the board. {how}",
    ("page", "named"): "Urgent. Code{c}{k}: you were named, be there {by}. {how}",
    ("page", "last-resort"): "Urgent. Code{c}{k}: nobody is there yet, go now! {how}",
    ("answer", "accepted"): "Thank you. Code{c} is yours, be there {by}. "
    "Press how many minutes you need, then the hash key.",
    ("answer", "on-the-way"): "Code{c}: you are on your way{eta}. If you cannot go press 3, "
    "for help press 5. You may hang up now. When you are there, call back and press 2, or send a text.",
    ("answer", "arrived"): "Code{c}: you are there. Resident safe: press 6. Need help: press 5. "
    "False alarm: press 4.",
    ("answer", "declined"): "Code{c}: noted, we are asking others. If you can go after all, press 1.",
    ("answer", "false-noted"): "Code{c}: false alarm noted, but somebody must still look. "
    "When you are there press 2, then 4 or 6.",
    ("answer", "help-coming"): "Code{c}: help is being sent. In danger call 120 yourself. When safe press 6.",
    ("answer", "closed"): "Code{c} is closed. Thank you.",
    ("answer", "already-taken"): "Code{c}: somebody else goes, stay for now. We tell you if that changes.",
    ("answer", "already-closed"): "Code{c} was closed before, no need to go. Thank you.",
    ("answer", "arrive-first"): "Code{c}: when you are there press 2 first, then 6 closes it.",
    ("answer", "which-code"): "Several are open for you:{c}. Answer by text with the code and the digit, "
    "or call the centre.",
    ("answer", "not-understood"): "Not understood. I go: press 1. I am there: press 2. I cannot: press 3. "
    "I need help: press 5.",
    ("answer", "nothing-open"): "Nothing is open for you now. If something is wrong call the centre.",
    ("answer", "keys"): "I go: press 1. I am there: press 2. I cannot: press 3. False alarm: press 4. "
    "I need help: press 5. Resident safe: press 6.",
    ("answer", "not-noted"): "That was not written down. Please press it again.",
    ("confirm", "sensed"): "Code{c}: the door has opened. If it is you press 2. If you cannot go press 3.",
    ("stand-down", None): "Code{c}: no need to go any more. Thank you.",
    ("stand-down", "released"): "Code{c}: somebody else has taken over, no need to go. Thank you.",
    ("news", "area"): "Code{c}: now {h} homes cannot be seen.",
    ("news", "area-over"): "Code{c} is over: {h} homes, {m} minutes. Any that cannot be seen yet come alone.",
    (
        wording.HANDOVER,
        "open",
    ): "Handover. {h} homes are open, with these codes:{c}. Please look at the board.",
}
_ZH_DRILL: dict[str, str] = {
    "help-coming": "这是演练。代码{c}，已记。若真有险情，请直接打120并告诉中心。结束请按6。",
    "": "这是演练。代码{c}结束了，谢谢您。",
}
_EN_DRILL: dict[str, str] = {
    "help-coming": "This is a test. Code{c}: noted. If somebody truly is in danger call 120 and the centre. "
    "To end the test press 6.",
    "": "This is a test. Code{c} is over. Thank you.",
}
_ZH = wording.with_drills(_ZH, _ZH_DRILL, "这是演练。", _ABOUT_NONE)
_EN = wording.with_drills(_EN, _EN_DRILL, "This is a test. ", _ABOUT_NONE)
_SAYINGS: dict[Language, dict[tuple[str, str | None], str]] = {"zh": _ZH, "en": _EN}
_WORDS: dict[Language, dict[str, str]] = {
    "zh": {
        "card": "，卡号{}",
        "by": "{}前",
        "no-by": "尽快",
        "eta": "，{}到",
        "keys": "能去请按1，不能去请按3。",
        "no-keys": "请回短信，先写代码，能去写1，不能去写3。",
        "number": "编号{}。",
        "between": "、",
        "many": "多",
    },
    "en": {
        "card": ", card{}",
        "by": "by {}",
        "no-by": "soon",
        "eta": ", there at {}",
        "keys": "If you go, press 1. If you cannot, press 3.",
        "no-keys": "Answer by text: the code, then 1 if you go, 3 if you cannot.",
        "number": " Message{}.",
        "between": ";",
        "many": "many",
    },
}
_DIGITS: Final = dict(zip("0123456789", "零一二三四五六七八九", strict=True))

SAYINGS: frozenset[tuple[str, str | None]] = frozenset(_ZH)
"""Every (purpose, template) that can be said: those of texts, "keys" (what the keys mean) and "not-noted"."""

_ENDS: Final = frozenset({"closed", "already-taken", "already-closed", "which-code", "nothing-open"})
"""Answers after which there is nothing to press."""


def words(
    purpose: str,
    template: str | None,
    *,
    language: Language,
    code: str,
    number: int | None = None,
    deadline: str | None = None,
    card: str | None = None,
    eta: str | None = None,
    homes: int | None = None,
    minutes: int | None = None,
    keys: bool = True,
) -> str:
    """Say it.

    Parameters
    ----------
    purpose, template
        one of `SAYINGS`.
    code, deadline, card, eta, homes, minutes
        as for `wording.text`.
    number
        the message's number; None for an answer within a call, which is no message.
    keys
        whether keys can be pressed; if not, a page asks for a text.

    Raises
    ------
    SegmentError
        an impossible value or an unknown template.
    """
    said = _WORDS[language]
    try:
        pattern = _SAYINGS[language][purpose, template]
    except KeyError:
        raise SegmentError(f"nothing to say: {purpose}/{template}") from None
    codes = wording.checked(code, 1 if number is None else number, deadline, eta)
    spelt = [_spelt(c, language) for c in codes[:MOST_CODES]]
    body = pattern.format(
        c=said["between"].join(spelt),
        k=said["card"].format(_spelt(card, language)) if card and wording.card_fits(card) else "",
        by=said["by"].format(_clock(deadline, language)) if deadline is not None else said["no-by"],
        eta=said["eta"].format(_clock(eta, language)) if eta is not None else "",
        how=said["keys" if keys else "no-keys"],
        h=wording.counted(homes, said["many"]),
        m=wording.counted(minutes, said["many"]),
    )
    return body if number is None else body + said["number"].format(_spelt(str(number), language))


def keys_after(template: str) -> Keys:
    """What is waited for after an answer: the minutes after "accepted", otherwise the next key or nothing."""
    template = template.removeprefix("drill-")
    if template == "accepted":
        return Keys.MINUTES
    return Keys.NONE if template in _ENDS else Keys.ONE


def _spelt(sign: str, language: Language) -> str:
    """Sign by sign: " A 1 2", in Chinese with the digits as characters, which no voice takes for a number."""
    digits: Mapping[str, str] = _DIGITS if language == "zh" else {}
    return "".join(" " + digits.get(c, c) for c in sign if c != "-")


def _clock(hhmm: str, language: Language) -> str:
    hour, minute = (int(part) for part in hhmm.split(":"))
    if language == "en":
        return f"{hour}:{minute:02}"
    return f"{hour}点整" if minute == 0 else f"{hour}点{minute}分"
