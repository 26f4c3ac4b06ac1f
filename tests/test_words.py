"""Both languages say everything: no text of the pages is without Chinese or outside the catalogue."""

import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

from guardian.web import words
from guardian.web.pages import HERE

TEMPLATES = sorted((HERE / "templates").glob("*.html"))
CHINESE = re.compile(r"[\u3400-\u9fff]")
NOT_WORDS = re.compile(r"^[\W\d_]*$")
SAME_IN_BOTH = {"{} ({})"}
"""Messages without a word in them."""
DOCTOR = [("doctor.py", "python"), ("doctor_*.py", "python"), ("checked.py", "python")]
"""The command that speaks both languages too, beside the folder of the pages."""

Message = tuple[str | None, str]


def asked_for() -> set[Message]:
    """Give (context, English) of every text of the templates, the pages' code and `guardian doctor`."""
    with (words.LOCALE / "babel.cfg").open(encoding="utf-8") as file:
        method_map, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]  # as Babel has it
    keywords = {**DEFAULT_KEYWORDS, "_p": ((1, "c"), 2), "text": None, "in_context": ((1, "c"), 2)}
    found = set[Message]()
    for folder, mapping in ((HERE, method_map), (HERE.parent, DOCTOR)):
        for _file, _line, message, _comments, context in extract_from_dir(
            folder, method_map=mapping, options_map=options, keywords=keywords
        ):
            assert isinstance(message, str)
            found.add((context, message))
    return found


def chinese() -> dict[Message, str]:
    out = dict[Message, str]()
    for path in sorted(words.LOCALE.glob("zh*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale="zh"):
                if message.id:
                    assert isinstance(message.id, str)
                    assert not message.fuzzy, message.id
                    assert (message.context, message.id) not in out, message.id
                    out[message.context, message.id] = str(message.string)
    return out


def test_every_text_has_chinese_and_no_chinese_is_left_over() -> None:
    wanted, have = asked_for(), chinese()
    assert len(wanted) > 200
    assert sorted(str(m) for m in wanted - set(have)) == []
    assert sorted(str(m) for m in set(have) - wanted) == []


def test_each_translation_is_chinese_with_the_same_places_for_figures() -> None:
    for (_context, english), text in chinese().items():
        assert text, english
        assert not CHINESE.search(english), english
        if english not in SAME_IN_BOTH:
            assert CHINESE.search(text), (english, text)
        assert places(english) == places(text), (english, text)


def places(text: str) -> list[str]:
    """Give the names of the places in braces: numbered by their order where they have no name."""
    names = [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]
    return sorted(name or str(i) for i, name in enumerate(names))


def bare_words(template: str) -> Iterator[str]:
    """Give what a reader would see of a template that does not come from the catalogue."""
    text = re.sub(r"\{#.*?#\}|\{\{.*?\}\}|\{%.*?%\}", " \x00 ", template, flags=re.DOTALL)
    text = re.sub(r"<script.*?</script>|<style.*?</style>", " ", text, flags=re.DOTALL)
    for name in ("alt", "title", "placeholder", "aria-label", "aria-description"):
        yield from re.findall(rf'\b{name}="([^"]*)"', text)
    yield from re.split(r"\x00", re.sub(r"<[^>]*>", "\x00", text))


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda t: t.name)
def test_no_text_stands_in_a_template_itself(template: Path) -> None:
    said = [piece.replace("\x00", " ").strip() for piece in bare_words(template.read_text("utf-8"))]
    units = {"°C", "%", "m", "cm", "&nbsp;", "&times;", "CSV", "TOML", "ID", "1 m", "K ±"}
    assert [s for s in said if not NOT_WORDS.match(s) and s not in units] == []


def test_a_text_that_is_forgotten_would_be_seen() -> None:
    assert "Forgotten" in [
        w.strip() for w in bare_words("<p>{{ _('Known') }} Forgotten</p>".replace("}}", "}}<i>"))
    ]
    assert next(iter(bare_words('<img alt="A picture">'))) == "A picture"


def test_the_extractor_sees_templates_code_and_groups() -> None:
    found = asked_for()
    assert (None, "Open incidents") in found  # a template
    assert (None, "There is no such page or incident.") in found  # code
    assert ("kinds", "Fire") in found  # a group
