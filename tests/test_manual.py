"""The manual of the staff says of every notice what it is, in both languages, in the words of the pages."""

from pathlib import Path

import pytest
from typer.main import get_command

from alerting.concern import Kind
from guardian.cli import app
from guardian.web.words import WORDS

DOCS = Path(__file__).parent.parent / "docs"
MANUALS = {"en": DOCS / "manual.md", "zh": DOCS / "manual.zh.md"}


def rows(language: str) -> dict[str, list[str]]:
    """Give the table of notices: name → cells."""
    found = {}
    for line in MANUALS[language].read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and cells[1].startswith("`"):
            found[cells[1].strip("`")] = cells
    return found


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_notice_is_there_with_what_to_do(language: str) -> None:
    told = rows(language)
    assert set(told) == {kind.value for kind in Kind}
    assert all(cells[3] for cells in told.values()), "what to do"


def test_the_chinese_names_are_those_of_the_pages() -> None:
    for name, cells in rows("zh").items():
        assert cells[0] == WORDS["zh"].kinds[Kind(name)]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_command_that_it_names_is_one(language: str) -> None:
    text = MANUALS[language].read_text("utf-8")
    commands = getattr(get_command(app), "commands", {})
    named = {piece.split("`", maxsplit=1)[0] for piece in text.split("`guardian ")[1:]}
    assert len(named) >= 5
    for words in named:
        first, *rest = words.split()
        assert first in commands, words
        if first == "subject":
            assert rest[0] in commands[first].commands


def test_both_have_the_same_sections_and_answers() -> None:
    english, chinese = (MANUALS[name].read_text("utf-8") for name in ("en", "zh"))
    assert english.count("\n## ") == chinese.count("\n## ")
    for digit in "23456":
        assert f"| `{digit}` |" in english
        assert f"| `{digit}` |" in chinese
