"""Mistakes of a roster in the reader's language.

Takes a mistake in the English that the roster's modules, pydantic and Python's readers of TOML and CSV give;
gives it in the words of the catalogue, with what was typed as it was typed. A mistake that is not listed here
stays English; tests/test_mistakes.py finds one that was forgotten.
"""

import re
from collections.abc import Sequence
from typing import Final

from guardian.web.words import N_, Words

LONGEST: Final = 1000
"""Letters; a longer mistake stays as it is, for matching takes longer than its length."""

HEADS: Final = (
    N_("roster: %(why)s"),
    N_("not TOML: %(why)s"),
    N_("not a table: %(why)s"),
    N_("line %(line)s: %(why)s"),
    N_("line %(line)s, column %(column)s: %(why)s"),
    N_("%(why)s (at line %(line)s, column %(column)s)"),
    N_("%(why)s (at end of document)"),
)
"""Where a mistake is, from the outside in; `%(why)s` is the mistake by itself."""
SAID: Final = (
    # guardian/away.py, guardian/quiet.py, guardian/drills.py and alerting/drill.py
    N_("no roster has been imported yet"),
    N_("home: %(home)s is not in the roster"),
    N_("until: not after the begin, or past"),
    N_("until: more than %(days)s days after the begin"),
    N_("until: past"),
    N_("until: more than %(hours)s hours from now"),
    N_("no absence %(number)s that could end"),
    N_("no silence %(number)s that could end"),
    N_("owner: who says so, 1 to %(letters)s letters"),
    N_("reason: why they are away, 1 to %(letters)s letters"),
    N_("reason: why nobody needs to hear of it, 1 to %(letters)s letters"),
    N_("%(key)s: %(text)s is no time such as 2026-12-06T18:00"),
    N_("kind: one of %(kinds)s; nothing else can be silenced"),
    N_("home: this kind is silenced there; it cannot be lengthened, only ended"),
    N_("home: what was silenced there is being told; ask again in a moment"),
    N_("home: all that can be silenced there is; it cannot be lengthened, only ended"),
    N_("nobody is on shift now"),
    N_("%(home)s: incident %(number)s (%(kind)s) is open"),
    # guardian/settings.py, guardian/book.py, guardian/web/people_pages.py
    N_("not an international phone number (+country number)"),
    N_("not a possible phone number"),
    N_("this Guardian watches site %(site)s, the roster is of %(other)s"),
    N_("the file is not UTF-8 text"),
    # guardian/roster_file.py and guardian/plan.py
    N_("%(key)s: unknown key"),
    N_("missing"),
    N_("days are mon, tue, wed, thu, fri, sat, sun: %(days)s"),
    N_("a thermal sensor needs rows and cols"),
    N_("a card is at most two letters and digits, 8 characters in all: %(card)s"),
    N_("no such time zone: %(zone)s"),
    N_("home %(id)s stands there %(times)s times"),
    N_("card %(id)s stands there %(times)s times"),
    N_("responder's phone %(id)s stands there %(times)s times"),
    N_("programme of home %(home)s %(id)s stands there %(times)s times"),
    N_("room of home %(home)s %(id)s stands there %(times)s times"),
    N_("sensor of home %(home)s %(id)s stands there %(times)s times"),
    N_("keyholder of home %(home)s %(id)s stands there %(times)s times"),
    N_("skill of responder %(phone)s %(id)s stands there %(times)s times"),
    N_("home %(home)s: sensor %(sensor)s stands in room %(room)s, which is not there"),
    N_("home %(home)s: keyholder %(phone)s is no responder"),
    N_("responder %(phone)s: travel time to home %(home)s, which is not there"),
    N_(
        "%(rows)sx%(cols)s pixels: it takes %(least)s to %(most)s rows and as many columns; "
        "with more than %(wide)s columns twice as many of both"
    ),
    # guardian/roster_source.py
    N_("%(keys)s: only with a dialect"),
    N_("a dialect needs a topic"),
    N_("dialect %(dialect)s is not for kind %(kind)s"),
    N_("topic: 1 to %(bytes)s bytes that can be printed, without + and #"),
    N_("topic: %(topic)s is not a device's own"),
    N_("topic: zigbee2mqtt/FRIENDLY_NAME, nothing below it"),
    N_("topic: %(begin)s is Tasmota's"),
    N_("%(keys)s: not for frames"),
    N_("a dialect of frames needs a format: %(formats)s"),
    N_("format %(format)s needs an endianness"),
    N_("endianness: not for format %(format)s"),
    N_("scale: 0 makes everything the same"),
    N_("attribute: not for format %(format)s"),
    N_("%(keys)s: only for frames"),
    N_("on: words of 1 to %(characters)s characters, with %(mark)s between them"),
    N_("%(keys)s: not for kind %(kind)s"),
    N_("attribute: %(why)s"),
    N_("a key of the device's JSON, such as occupancy"),
    N_("COMPONENT/OBJECT_ID, such as binary_sensor/presence"),
    N_("a key of the JSON with dots into objects, such as AM2301.Temperature"),
    N_("COMPONENT.FIELD, such as temperature:0.tC"),
    N_("attribute %(attribute)s tells of something that happened, which kind %(kind)s cannot be"),
    N_("attribute %(attribute)s needs the words that count: on"),
    N_("invert: not for attribute %(attribute)s, which tells of something that happened"),
    N_("attribute contact is true where it is closed: say with invert what that means here"),
    N_("home %(home)s: sensor %(sensor)s has the topic %(topic)s, as one in home %(other)s"),
    N_("home %(home)s: sensor %(sensor)s is the same as %(other)s"),
    N_("topic %(topic)s is of two devices: %(one)s and %(other)s"),
    # guardian/roster_csv.py
    N_("the file is neither UTF-8 nor GB18030 text"),
    N_("the file is no text"),
    N_("column %(column)s: not one of %(columns)s"),
    N_("column (no name): not one of %(columns)s"),
    N_("column %(column)s is missing"),
    N_("column %(column)s stands there twice"),
    N_("%(cells)s cells, of %(columns)s columns"),
    N_("line %(line)s"),
    N_("line %(line)s, column %(column)s"),
    N_("empty"),
    N_("the same as line %(line)s"),
    N_("%(typed)s is neither yes nor no"),
    N_("%(typed)s is no number"),
    N_("%(home)s is not in the roster"),
    N_("home %(home)s has no room %(room)s"),
    N_("%(typed)s is no responder"),
    N_("%(typed)s is not like mon-fri 08:00-20:00"),
    # pydantic
    N_("Field required"),
    N_("Input should be a valid string"),
    N_("Input should be a valid number"),
    N_("Input should be a valid number, unable to parse string as a number"),
    N_("Input should be a finite number"),
    N_("Input should be a valid integer"),
    N_("Input should be a valid integer, unable to parse string as an integer"),
    N_("Input should be a valid integer, got a number with a fractional part"),
    N_("Unable to parse input string as an integer, exceeded maximum size"),
    N_("Input should be a valid boolean"),
    N_("Input should be a valid boolean, unable to interpret input"),
    N_("Input should be a valid tuple"),
    N_("Input should be a valid dictionary"),
    N_("Input should be a valid dictionary or instance of %(model)s"),
    N_("Input should be greater than %(bound)s"),
    N_("Input should be greater than or equal to %(bound)s"),
    N_("Input should be less than %(bound)s"),
    N_("Input should be less than or equal to %(bound)s"),
    N_("Input should be %(others)s or %(last)s"),
    N_("String should have at least 1 character"),
    N_("String should have at most %(most)s characters"),
    N_("String should match pattern '^[a-z0-9-]%(length)s$'"),
    N_("String should match pattern '^([01]\\d|2[0-3]):[0-5]\\d$'"),
    N_("Tuple should have at least 1 item after validation, not 0"),
    # tomllib and csv of Python
    N_("Invalid statement"),
    N_("Expected newline or end of document after a statement"),
    N_("Expected %(what)s"),
    N_("Found invalid character %(what)s"),
    N_("Cannot declare %(what)s twice"),
    N_("Cannot overwrite a value"),
    N_("Expected ']' at the end of a table declaration"),
    N_("Cannot mutate immutable namespace %(what)s"),
    N_("Expected ']]' at the end of an array declaration"),
    N_("Cannot redefine namespace %(what)s"),
    N_("Expected '=' after a key in a key/value pair"),
    N_("Invalid initial character for a key part"),
    N_("Unclosed array"),
    N_("Duplicate inline table key %(what)s"),
    N_("Unclosed inline table"),
    N_("Unescaped '\\' in a string"),
    N_("Invalid hex value"),
    N_("Escaped character is not a Unicode scalar value"),
    N_("Unterminated string"),
    N_("Illegal character %(what)s"),
    N_("Invalid date or datetime"),
    N_("Invalid value"),
    N_("unexpected end of data"),
    N_("%(one)s expected after %(other)s"),
    N_("field larger than field limit (%(most)s)"),
)
"""Every mistake, and the place of one in a form."""
AT: Final = N_("%(path)s: %(why)s")
"""A key's path, or a field's name, and its mistake."""
BOTH: Final = N_("%(first)s; %(why)s")
"""Two mistakes in one."""

_WORD: Final = r"[\w.-]+"
_HOLES: Final = {
    "kind": _WORD,
    "dialect": _WORD,
    "format": _WORD,
    "formats": r"[\w, -]+",
    "keys": r"[\w, -]+",
    "attribute": r"\S+",
    "length": re.escape("{1,32}"),  # of an id; in the catalogue braces are places for figures
    "line": r"\d+",
    "path": r".+\.\[key\]|homes\.\d+ \(.+?\)[^:]*|[^:]+",
}
"""What can stand in a hole where it is not whatever somebody has typed."""


def _regex(msgid: str) -> re.Pattern[str]:
    """Give what a message is known by: `%(name)s` is a group, all else stands there as it is."""
    pieces = re.split(r"%\((\w+)\)s", msgid)  # text, name, text, name … text
    holes = [f"(?P<{name}>{_HOLES.get(name, '.*?')})" for name in pieces[1::2]]
    texts = map(re.escape, pieces[::2])
    return re.compile("".join(text + hole for text, hole in zip(texts, [*holes, ""], strict=True)), re.DOTALL)


def _letters(msgid: str) -> int:
    """Give a sort key: the more letters stand outside holes, the earlier."""
    return -len(re.sub(r"%\(\w+\)s", "", msgid))


_KNOWN: Final[Sequence[tuple[str, str, re.Pattern[str]]]] = tuple(
    (msgid, max(re.split(r"%\(\w+\)s", msgid), key=len), _regex(msgid))
    for msgid in (*HEADS, *sorted(SAID, key=_letters))
)
"""Message, its longest piece without a hole, expression; heads stand first, then what says most."""
_AT: Final = _regex(AT)


def told(words: Words, problem: str) -> str:
    """Give a mistake of a roster in the reader's language; as it is where it is none of those above."""
    if words.language == "en" or len(problem) > LONGEST:
        return problem
    return _told(words, problem) or problem


def _told(words: Words, problem: str) -> str | None:
    """Give it, or None: as a whole, else as two with a semicolon between them, else with a path in front.

    The first that fits is taken, so that the work grows with the length and not beyond all bounds.
    """
    for msgid, piece, regex in _KNOWN:
        if piece in problem and (found := regex.fullmatch(problem)):
            holes = found.groupdict()
            if "why" in holes:
                holes["why"] = told(words, holes["why"])
            return words.text(msgid) % holes
    first, semicolon, more = problem.partition("; ")
    if semicolon and (said := _told(words, first)):
        return words.text(BOTH) % {"first": said, "why": told(words, more)}
    if (found := _AT.fullmatch(problem)) and (why := _told(words, found["why"])):
        return words.text(AT) % {"path": found["path"], "why": why}
    return None
