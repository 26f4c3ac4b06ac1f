"""What stands in Aliyun's templates and in the OutId of a text.

Takes the body of one of our texts and the templates that the settings name, gives the template and its
variables; writes a text's values as an OutId and reads them back. Knows nothing of the SDK.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final, get_args

from alerting.channels import ChannelError
from alerting.duty import Language
from alerting.recognise import Said, recognise
from alerting.wording import TEMPLATES

CHINA: Final = "+86"
BEIJING: Final = timezone(timedelta(hours=8))
"""Aliyun's times and dates (QuerySendDetails, SmsUp); no daylight saving since 1991."""
PARAMETERS: Final = frozenset({"code", "card", "by", "eta", "number", "homes", "minutes"})
"""The values that a template may have as variables, by these names."""
PURPOSES: Final = (
    frozenset(f"{p}-{t}" if t else p for p, t in TEMPLATES) | {p for p, _ in TEMPLATES} | {"answer-drill"}
)
"""What a template may be configured for: one text ("page-high") or all of a purpose ("answer"). All of a
drill's answers are "answer-drill": what says nothing of a test is never used for one."""
_NO_VALUE: Final[Mapping[Language, Mapping[str, str]]] = {
    "zh": {"code": "代码", "card": "无", "by": "尽快", "eta": "尽快", "homes": "多", "minutes": "多"},
    "en": {"code": "CODE", "card": "none", "by": "soon", "eta": "soon", "homes": "many", "minutes": "many"},
}
"""What stands in a template for a value that the text does not have: Aliyun takes no empty one."""


@dataclass(frozen=True, slots=True)
class Template:
    """An approved template: its code and the variables that it has, a subset of `PARAMETERS`."""

    code: str
    parameters: tuple[str, ...]


def template_for(body: str, templates: Mapping[str, Template]) -> tuple[Said, Template]:
    """Find the template that says what the text says; the more special purpose comes first.

    Raises
    ------
    ChannelError
        not a text of ours, or no template for it (permanent).
    """
    said = recognise(body)
    if said is None:
        raise ChannelError("aliyun: not one of our texts", permanent=True)
    named = f"{said.purpose}-{said.template}" if said.template else said.purpose
    drill = (said.template or "").startswith("drill")
    template = templates.get(named) or templates.get(f"{said.purpose}-drill" if drill else said.purpose)
    if template is None:
        raise ChannelError(f"aliyun: no template for {named}", permanent=True)
    return said, template


def filled(template: Template, said: Said) -> str:
    """Give the template's variables as Aliyun wants them: a JSON object of strings that are not empty."""
    values = {
        "code": said.code,
        "card": said.card,
        "by": said.deadline,
        "eta": said.eta,
        "number": str(said.number),
        "homes": None if said.homes is None else str(said.homes),
        "minutes": None if said.minutes is None else str(said.minutes),
    }
    nothing = _NO_VALUE[said.language]
    return json.dumps({p: values[p] or nothing[p] for p in template.parameters}, ensure_ascii=False)


def out_id(said: Said) -> str:
    """Write the values of a text as an OutId, under 256 characters, its number first."""
    fields = (
        str(said.number),
        said.language,
        said.purpose,
        said.template or "",
        said.code.replace(" ", "+"),
        (said.deadline or "").replace(":", ""),
        said.card or "",
        (said.eta or "").replace(":", ""),
        "" if said.homes is None else str(said.homes),
        "" if said.minutes is None else str(said.minutes),
    )
    return ".".join(fields)


def said_by(text: str) -> Said | None:
    """Read an OutId; None when it is not one of ours."""
    fields = text.split(".")
    if len(fields) == 8:  # written before there were counts
        fields += ["", ""]
    if len(fields) != 10 or not (fields[0].isascii() and fields[0].isdecimal()):
        return None
    number, language, purpose, template, codes, deadline, card, eta, homes, minutes = fields
    known: tuple[Language, ...] = get_args(Language)
    for one in known:
        if one == language:
            return Said(
                language=one,
                purpose=purpose,
                template=template or None,
                code=codes.replace("+", " "),
                number=int(number),
                deadline=f"{deadline[:2]}:{deadline[2:]}" if deadline else None,
                card=card or None,
                eta=f"{eta[:2]}:{eta[2:]}" if eta else None,
                homes=int(homes) if homes.isdecimal() else None,
                minutes=int(minutes) if minutes.isdecimal() else None,
            )
    return None


def time_ms(text: str | None) -> int | None:
    """Read one of Aliyun's times, "2026-11-30 08:15:00" in Beijing; ms since 1970, UTC; None: unreadable."""
    try:
        when = datetime.strptime(text or "", "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING)
    except ValueError:
        return None
    return int(when.timestamp() * 1000)
