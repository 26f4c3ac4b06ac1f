"""What a voice says: every saying, in both languages, with everything that it may carry."""

import re
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting import spoken, wording
from alerting.channels.twilio_voice import MOST_TWIML, TIMES, key_address, language_of, twiml
from alerting.concern import Kind
from alerting.duty import Language
from alerting.replies import Reply, parse
from alerting.spoken import Keys
from alerting.wording import SegmentError
from tests.test_wording import LANGUAGES, SYMPTOMS, cards, codes, counts, numbers, times

SAYINGS = sorted(spoken.SAYINGS, key=str)
PAGES = ("high", "medium", "low", "drill", "last-resort")
SPELT: Mapping[Language, Mapping[str, str]] = {
    "zh": dict(zip("零一二三四五六七八九", "0123456789", strict=True)),
    "en": {},
}


def unspelt(words: str, language: Language) -> str:
    """Put digits and letters that are said one by one together again."""
    return "".join(SPELT[language].get(c, c) for c in words if c != " ")


def test_everything_that_can_be_texted_can_be_said() -> None:
    assert wording.TEMPLATES < spoken.SAYINGS


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("purpose", "template"), SAYINGS)
@settings(max_examples=50)
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
    keys=st.booleans(),
)
def test_every_saying_fits_a_call_and_is_unlike_any_other(  # noqa: PLR0917  # all that it can carry
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
    keys: bool,
) -> None:
    named = wording.code_list({code, *other}) if template in wording.LISTS else code

    def say(number: int | None) -> str:
        return spoken.words(
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
            keys=keys,
        )

    body = say(one)
    assert language_of(body) == language
    assert (body == say(two)) == (one == two)
    assert one == two or body not in say(two)
    assert re.search(rf"\D{one}[.。]\Z", unspelt(body, language)), "ends in the message's number"
    assert body.startswith(say(None)), "an answer within a call is the same without it"
    uncounted = re.sub(
        rf"(?<![0-9])({homes}|{minutes})(?= homes| minutes|户|分钟)", "", body
    )  # people say these
    assert not re.search(r"[0-9]{3}", uncounted.replace("120", "")), (
        "nothing long is left to be read as a number"
    )
    if purpose == "page" or (template == "which-code" and not other):
        said = named.split()[: spoken.MOST_CODES]  # a page stands for no more than these
        assert all(one_of_them in unspelt(body, language) for one_of_them in said)
    action = key_address("https://a-long-name.of-a-centre.example.org/somewhere/behind", press=10**6)
    assert len(twiml([body], action, times=TIMES)) <= MOST_TWIML


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("purpose", "template"), SAYINGS)
@pytest.mark.parametrize("planted", ["王秀英", "Elm Road 5", "幸福路5号", "3-201室", "Bob", "fall"])
def test_no_name_address_or_symptom_is_said(
    purpose: str, template: str | None, language: Language, planted: str
) -> None:
    body = spoken.words(
        purpose, template, language=language, code="A12", number=7, card=planted, deadline="08:15"
    )
    assert planted not in body
    assert not any(word in body.lower() for word in SYMPTOMS)
    assert not any(kind.value in body for kind in Kind)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("zh", "紧急。代码 A 一 二，卡号 一 七，请8点15分前到场。能去请按1，不能去请按3。编号 一 零 四。"),
        (
            "en",
            (
                "Urgent. Code A 1 2, card 1 7: be there by 8:15. If you go, press 1. "
                "If you cannot, press 3. Message 1 0 4."
            ),
        ),
    ],
)
def test_a_page_reads_out_like_this(language: Language, said: str) -> None:
    values = {"code": "A12", "number": 104, "deadline": "08:15", "card": "17"}
    assert spoken.words("page", "high", language=language, **values) == said  # type: ignore[arg-type]  # table


@pytest.mark.parametrize("language", LANGUAGES)
def test_whatever_is_said_about_a_drill_begins_with_the_word_for_it(language: Language) -> None:
    mark = {"zh": "这是演练", "en": "This is a test"}[language]
    for purpose, template in SAYINGS:
        body = spoken.words(purpose, template, language=language, code="A12", number=7)
        assert body.startswith(mark) == ((template or "").split("-")[0] == "drill")
        assert (mark in body) == body.startswith(mark)


def test_times_are_said_as_people_say_them() -> None:
    def due(deadline: str | None) -> str:
        return spoken.words("page", "high", language="zh", code="A1", number=1, deadline=deadline)

    assert "请8点整前到场" in due("08:00")
    assert "请23点5分前到场" in due("23:05")
    assert "请尽快到场" in due(None)


MEANT = {
    "zh": {1: "去|接手", 2: "到了|到场|有人到", 3: "不能去|去不了", 4: "误报", 5: "帮手", 6: "平安"},
    "en": {1: "go", 2: "there", 3: "cannot", 4: "false", 5: "help", 6: "safe"},
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_keys_mean_what_the_digits_of_texts_mean(language: Language) -> None:
    body = spoken.words("answer", "keys", language=language, code="")
    pairs = {
        int(digit): meaning.lower()
        for meaning, digit in re.findall(r"([^，。.]+?)(?::? press |请按)([1-6])", body)
    }
    assert sorted(pairs) == [1, 2, 3, 4, 5, 6]
    for digit, meaning in pairs.items():
        assert re.search(MEANT[language][digit], meaning), (digit, meaning)
        assert parse(str(digit)) == Reply(None, digit, None)
    for template in PAGES:
        page = spoken.words("page", template, language=language, code="A1", number=2)
        assert [int(d) for d in re.findall(r"(?:press |按)([1-6])", page)] == [1, 3]


@pytest.mark.parametrize("language", LANGUAGES)
def test_who_cannot_press_is_asked_for_a_text(language: Language) -> None:
    for template in PAGES:
        page = spoken.words("page", template, language=language, code="A1", number=2, keys=False)
        assert not re.search("press|按", page)
        assert re.search("text|短信", page)


def test_minutes_are_waited_for_after_an_acceptance_only() -> None:
    after = {t: spoken.keys_after(t) for p, t in SAYINGS if p == "answer" and t is not None}
    assert {t for t, keys in after.items() if keys is Keys.MINUTES} == {"accepted", "drill-accepted"}
    for template, keys in after.items():
        for language in LANGUAGES:
            body = spoken.words("answer", template, language=language, code="A1")
            asks = re.search(r"press|按", body, re.IGNORECASE) is not None
            assert asks == (keys is not Keys.NONE), f"{template}: {body}"


@pytest.mark.parametrize("field", ["code", "deadline", "eta"])
@pytest.mark.parametrize("planted", ["王秀英", "fall-confirmed", "a1", "8"])
def test_a_value_that_is_not_a_code_or_a_time_is_refused(field: str, planted: str) -> None:
    values = {"code": "A12", "deadline": "08:15", "eta": "08:10", field: planted}
    with pytest.raises(SegmentError):
        spoken.words("page", "high", language="zh", number=1, **values)  # type: ignore[arg-type]  # table


def test_an_unknown_saying_is_refused() -> None:
    with pytest.raises(SegmentError, match="nothing to say: page/huge"):
        spoken.words("page", "huge", language="en", code="A1", number=1)
    with pytest.raises(SegmentError, match="1 to 9 digits"):
        spoken.words("page", "high", language="en", code="A1", number=10**9)
