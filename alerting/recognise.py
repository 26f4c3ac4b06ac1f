"""What one of our own texts says: the inverse of wording.

Takes the body of a text, gives the values that it was made from, or None when it is not one of ours. Needed
where a provider sends no text but fills in a template of its own. The patterns are made by asking wording
for every text there is, so that they cannot drift apart.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import get_args

from alerting import wording
from alerting.duty import Language

_CODE, _CODES, _NUMBER, _CARD, _BY, _ETA = "Q77", "Q77 Q78", 987_654_321, "QX-98765", "23:59", "22:58"
_HOMES, _MINUTES = 543_210, 432_109
_ONE = r"[A-Z][0-9]{1,2}"
_TIME = r"[0-2][0-9]:[0-5][0-9]"


@dataclass(frozen=True, slots=True)
class Said:
    """The values of a text, as `wording.text` takes them."""

    language: Language
    purpose: str
    template: str | None
    code: str
    """"" where the text names none; several with blanks between for `wording.LISTS`."""
    number: int
    deadline: str | None = None
    card: str | None = None
    eta: str | None = None
    homes: int | None = None
    minutes: int | None = None

    def body(self) -> str:
        """Word it again.

        Raises
        ------
        SegmentError
            values that no text can carry.
        """
        return wording.text(
            self.purpose,
            self.template,
            language=self.language,
            code=self.code,
            number=self.number,
            deadline=self.deadline,
            card=self.card,
            eta=self.eta,
            homes=self.homes,
            minutes=self.minutes,
        )


def recognise(body: str) -> Said | None:
    """Read one of our texts. Codes that did not fit a list are not known any more."""
    for language, purpose, template, pattern in _patterns():
        found = pattern.fullmatch(body)
        if found is not None:
            said = found.groupdict()
            codes = (said.get("code") or "").removesuffix(" ..")
            return Said(
                language,
                purpose,
                template,
                codes if re.fullmatch(rf"{_ONE}( {_ONE})*", codes) else "",
                int(said["number"]),
                said.get("deadline"),
                said.get("card"),
                said.get("eta"),
                _count(said.get("homes")),
                _count(said.get("minutes")),
            )
    return None


def _count(said: str | None) -> int | None:
    return None if said is None else int(said)


@cache
def _patterns() -> tuple[tuple[Language, str, str | None, re.Pattern[str]], ...]:
    # A text without an optional value may look like the start of one with it, never like all of it.
    return tuple(_made())


def _made() -> Iterator[tuple[Language, str, str | None, re.Pattern[str]]]:
    languages: tuple[Language, ...] = get_args(Language)
    for language, (purpose, template) in product(languages, sorted(wording.TEMPLATES, key=str)):
        seen = set()
        for code, by, card, eta, homes, minutes in product(
            (_CODES, ""), (_BY, None), (_CARD, None), (_ETA, None), (_HOMES, None), (_MINUTES, None)
        ):
            shown = code if template in wording.LISTS else code[: len(_CODE)]
            body = wording.text(
                purpose,
                template,
                language=language,
                code=shown,
                number=_NUMBER,
                deadline=by,
                card=card,
                eta=eta,
                homes=homes,
                minutes=minutes,
            )
            if body not in seen:
                seen.add(body)
                yield language, purpose, template, re.compile(_pattern(body))


def _pattern(body: str) -> str:
    pattern = re.escape(body)
    for sentinel, group in (
        (_CODES, rf"(?P<code>{_ONE}(?: {_ONE})*(?: \.\.)?)"),
        (_CODE, rf"(?P<code>{_ONE})"),
        (str(_NUMBER), r"(?P<number>[1-9][0-9]{0,8})"),
        (_CARD, r"(?P<card>[A-Z]{0,2}-?[0-9]{1,8})"),
        (_BY, rf"(?P<deadline>{_TIME})"),
        (_ETA, rf"(?P<eta>{_TIME})"),
        (str(_HOMES), r"(?P<homes>[0-9]{1,6})"),
        (str(_MINUTES), r"(?P<minutes>[0-9]{1,6})"),
    ):
        if sentinel == _CODE and "(?P<code>" in pattern:
            pattern = pattern.replace(_CODE, _ONE)  # the example in a text that lists codes
        elif re.escape(sentinel) in pattern:
            named = group.split(">", 1)[0].removeprefix("(?P<")
            first, *others = pattern.split(re.escape(sentinel))
            pattern = first + group + rf"(?P={named})".join(others)
    return pattern
