from itertools import product

import pytest

from alerting import wording
from alerting.duty import Language
from alerting.recognise import Said, recognise


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize(("purpose", "template"), sorted(wording.TEMPLATES, key=str))
def test_every_text_is_read_back(language: Language, purpose: str, template: str | None) -> None:
    codes = ["A1", "Z99", ""] if template not in wording.LISTS else ["A1 B22", "Z99", "A1 B2 C3", ""]
    for code, number, deadline, card, eta, (homes, minutes) in product(
        codes,
        [1, 12, 999_999_999],
        ["08:15", None],
        ["17", "K-4", None],
        ["23:00", None],
        [(0, 999_999), (500, 41), (None, None)],
    ):
        body = wording.text(
            purpose,
            template,
            language=language,
            code=code,
            number=number,
            deadline=deadline,
            card=card,
            eta=eta,
            homes=homes,
            minutes=minutes,
        )
        said = recognise(body)
        assert said is not None
        assert (said.language, said.purpose, said.template, said.number) == (
            language,
            purpose,
            template,
            number,
        )
        assert said.body() == body
        assert said.code == (code if code and code.split()[0] in body else "")
        assert said.deadline in {deadline, None}
        assert said.card in {card, None}
        assert said.homes in {homes, None}
        assert said.minutes in {minutes, None}


def test_what_is_not_ours_is_not_read() -> None:
    body = wording.text("page", "high", language="zh", code="A12", number=7, deadline="08:15")
    for other in (body[:-1], body + " ", "x" + body, "", "A12 1", body.replace("A12 1=", "A13 1=")):
        assert recognise(other) is None
    assert recognise(body) == Said("zh", "page", "high", "A12", 7, "08:15")


def test_a_list_that_was_cut_keeps_the_codes_that_it_shows() -> None:
    many = " ".join(f"A{n}" for n in range(10, 40))
    body = wording.text("answer", "which-code", language="zh", code=many, number=7)
    said = recognise(body)
    assert said is not None
    assert " .." in body
    assert many.startswith(said.code + " ")
