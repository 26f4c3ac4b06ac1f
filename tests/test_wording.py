import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting import wording
from alerting.concern import Kind
from alerting.duty import Language
from alerting.replies import Reply, parse
from alerting.wording import SegmentError

LANGUAGES: tuple[Language, ...] = ("zh", "en")
TEMPLATES = sorted(wording.TEMPLATES, key=str)
SYMPTOMS = (
    "跌倒", "摔", "昏", "火", "烟", "煤气", "低温", "发烧", "卧床", "卫生间", "心脏",
    "fall", "fell", "faint", "fire", "smoke", "gas", "fever", "cold", "bath", "lying", "sick", "hurt",
)  # fmt: skip

codes = st.from_regex(r"[A-HJ-NP-Z][0-9]{1,2}", fullmatch=True)
numbers = st.integers(1, 10**wording.MOST_DIGITS - 1)
times = st.none() | st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
counts = st.none() | st.integers(0, 10**wording.MOST_COUNTED - 1)
cards = st.none() | st.text(max_size=12) | st.from_regex(r"[A-Z]{0,2}-?[0-9]{1,8}", fullmatch=True)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("purpose", "template"), TEMPLATES)
@given(
    code=codes,
    other=st.lists(codes, max_size=30),
    one=numbers,
    two=numbers,
    deadline=times,
    eta=times,
    card=cards,
    homes=counts,
    minutes=counts,
)
def test_every_text_is_one_segment_and_unlike_any_other(  # noqa: PLR0917  # all that a text can carry
    purpose: str,
    template: str | None,
    language: Language,
    code: str,
    other: list[str],
    one: int,
    two: int,
    deadline: str | None,
    eta: str | None,
    card: str | None,
    homes: int | None,
    minutes: int | None,
) -> None:
    named = wording.code_list({code, *other}) if template in wording.LISTS else code

    def say(number: int) -> str:
        return wording.text(
            purpose,
            template,
            language=language,
            code=named,
            number=number,
            deadline=deadline,
            card=card,
            eta=eta,
            homes=homes,
            minutes=minutes,
        )

    body = say(one)
    assert wording.segment_length(body) <= wording.segment_limit(body) == (70 if language == "zh" else 160)
    assert (body == say(two)) == (one == two)
    assert body.endswith(f"#{one}.")
    assert one == two or body not in say(two), "the courier looks for a body inside a listed one"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("purpose", "template"), TEMPLATES)
@pytest.mark.parametrize(
    "planted", ["王秀英", "Wang Xiuying", "Elm Road 5", "幸福路5号", "3-201室", "Bob", "fall"]
)
def test_no_name_address_or_symptom_gets_into_a_text(
    purpose: str, template: str | None, language: Language, planted: str
) -> None:
    body = wording.text(
        purpose, template, language=language, code="A12", number=7, card=planted, deadline="08:15"
    )
    assert planted not in body
    assert not any(word in body.lower() for word in SYMPTOMS)
    assert not any(kind.value in body for kind in Kind)


@pytest.mark.parametrize("planted", ["王秀英", "fall", "fall-confirmed", "A1 摔倒", "", "a1"])
@pytest.mark.parametrize("field", ["code", "deadline", "eta"])
def test_a_value_that_is_not_a_code_or_a_time_is_refused(field: str, planted: str) -> None:
    values = {"code": "A12", "deadline": "08:15", "eta": "08:10", field: planted}
    if field == "code" and planted == "":
        return  # no code is known: allowed
    with pytest.raises(SegmentError):
        wording.text("page", "high", language="zh", number=1, **values)  # type: ignore[arg-type]  # all are texts


@pytest.mark.parametrize(
    ("language", "words"), [("zh", ("紧急", "重要", "提示")), ("en", ("URGENT", "IMPORTANT", "NOTICE"))]
)
def test_a_page_says_how_much_it_hurries(language: Language, words: tuple[str, ...]) -> None:
    for template, word in zip(("high", "medium", "low"), words, strict=True):
        body = wording.text("page", template, language=language, code="A12", number=1, deadline="08:15")
        assert body.startswith(word)
    assert wording.text("page", "last-resort", language=language, code="A12", number=1).startswith(words[0])


@pytest.mark.parametrize("language", LANGUAGES)
def test_whatever_is_texted_about_a_drill_begins_with_the_word_for_it_and_nothing_else_has_it(
    language: Language,
) -> None:
    mark = {"zh": "演练", "en": "TEST"}[language]
    about_one = {t for p, t in TEMPLATES if p == "answer" and t is not None and not t.startswith("drill")}
    assert {wording.of_drill(t) for t in about_one - wording.ABOUT_NONE} < {t for _, t in TEMPLATES}
    for purpose, template in TEMPLATES:
        body = wording.text(purpose, template, language=language, code="A12", number=7, deadline="08:15")
        of_drill = (template or "").split("-")[0] == "drill"
        assert body.startswith(mark) == (mark in body) == of_drill
        if of_drill:
            urgent = ("紧急", "重要", "提示", "URGENT", "IMPORTANT", "NOTICE")
            assert not any(word in body for word in urgent)


def test_the_texts_read_like_this() -> None:
    assert (
        wording.text("page", "high", language="zh", code="A12", number=1041, deadline="08:15", card="17")
        == "紧急A12 卡17 请08:15前到场。回A12 1=接手 A12 1 8=8分钟到 A12 3=不能 #1041."
    )
    assert wording.text(
        "page", "high", language="en", code="A12", number=1041, deadline="08:15", card="17"
    ) == (
        "URGENT A12 card 17: be there by 08:15. "
        "Reply A12 1 = I go, A12 1 8 = on my way, 8 min, A12 3 = I cannot. #1041."
    )
    assert (
        wording.text("answer", "arrived", language="zh", code="A12", number=9)
        == "A12已记您到场。平安回A12 6,要帮手回A12 5,误报回A12 4 #9."
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_page_tells_to_type_is_understood(language: Language) -> None:
    body = wording.text("page", "high", language=language, code="A12", number=1, deadline="08:15")
    for typed, reply in {
        "A12 1 8": Reply("A12", 1, 8),
        "A12 1": Reply("A12", 1, None),
        "A12 3": Reply("A12", 3, None),
    }.items():
        assert typed in body
        assert parse(typed) == reply


@pytest.mark.parametrize("language", LANGUAGES)
def test_more_codes_than_fit_are_cut_off_visibly(language: Language) -> None:
    many = wording.code_list(f"{letter}{n}" for letter in "ABCDEFGH" for n in range(10, 60))
    body = wording.text("answer", "which-code", language=language, code=many, number=1)
    assert ".." in body
    assert "A10 A11 A12" in body


@pytest.mark.parametrize(
    ("text", "length", "limit"),
    [
        ("", 0, 160),
        ("abc", 3, 160),
        ("€{}[]~|^\\", 18, 160),
        ("`", 1, 70),  # not in GSM-7, though ASCII
        ("紧急A", 3, 70),
        ("👍", 2, 70),
    ],
)
def test_segments_are_counted_as_the_network_counts(text: str, length: int, limit: int) -> None:
    assert wording.segment_length(text) == length
    assert wording.segment_limit(text) == limit


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_about_an_area_says_how_many_homes(language: Language) -> None:
    for purpose, template in (("page", "area"), ("news", "area"), ("news", "area-over")):
        body = wording.text(
            purpose, template, language=language, code="A12", number=7, homes=503, minutes=41, card="17"
        )
        assert "503" in body
        assert ("41" in body) == (template == "area-over")
        assert "17" not in body, "no home's card"
        unknown = wording.text(purpose, template, language=language, code="A12", number=7)
        assert ("多" if language == "zh" else "many") in unknown


@pytest.mark.parametrize("count", [-1, 10**6])
def test_a_count_that_no_text_can_carry_is_refused(count: int) -> None:
    with pytest.raises(SegmentError, match="at most 6 digits"):
        wording.text("news", "area", language="en", code="A1", number=1, homes=count)


@pytest.mark.parametrize("number", [0, -1, 10**9])
def test_a_number_that_no_text_can_carry_is_refused(number: int) -> None:
    with pytest.raises(SegmentError, match="1 to 9 digits"):
        wording.text("stand-down", None, language="en", code="A1", number=number)


def test_an_unknown_text_is_refused() -> None:
    with pytest.raises(SegmentError, match="no such text: page/huge"):
        wording.text("page", "huge", language="en", code="A1", number=1)


def test_a_template_that_has_grown_too_long_is_refused_and_not_cut_by_the_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(wording._TEXTS["en"], ("answer", "closed"), "{c} is closed. " + "Thank you! " * 15)
    with pytest.raises(SegmentError, match=r"answer/closed takes \d+ units"):
        wording.text("answer", "closed", language="en", code="A12", number=7)
