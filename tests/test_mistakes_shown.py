"""What staff see when a file or a form has mistakes: in Chinese no word of English, in English as it was."""

import html
import re
from typing import Final

import pytest

from guardian import roster_csv, roster_file, settings
from guardian.web.mistakes import told
from guardian.web.words import ZH
from tests.test_mistakes import SENTENCE
from tests.test_people_pages import EXAMPLE, operator, site
from tests.test_words import CHINESE
from tests.web_people import Site

__all__ = ["site"]

COLUMNS: Final = (
    "home sensor kind room rows cols rate_hz height_m invert dialect topic attribute scale format"
)
SENSORS: Final = (
    "h01 Bett bed living",
    "h01 p2 lamp living",
    "h01 p3 pir attic",
    "h99 p4 pir living",
    "h01 p5 pir living - - often",
    "h01 p6 pir living - - - - maybe",
    "h01 p7 thermal living",
    "h01 p8 thermal living 3 999",
    "h01 p9 thermal living 24 32 -4 0.2",
    "h01 p10 pir living - - - - - - lamp/1",
    "h01 p11 pir living - - - - - shelly $x nothing 2 json",
)
ROSTER: Final = """
colour = "red"
[site]
id = "Mitte 1"
timezone = "Mars/Olympus"
default_travel_s = "soon"
[[homes]]
id = "h01"
card = "1234567890"
keyholders = []
rooms = [{ id = "living", zones = [{ id = "z", kind = "boat", x0_m = 1, y0_m = 1, x1_m = "?" }] }]
[[homes]]
id = "h02"
enrolled = "maybe"
rooms = 3
[[responders]]
name = ""
phone = "138"
reply_odds = 2
travel_s = { "H 1" = 60 }
shifts = [{ days = "always", from = "8", to = "20:00" }]
"""
DOOR: Final = 'kind = "door", dialect = "zigbee2mqtt", topic = "zigbee2mqtt/x", attribute = "contact"'
CROSSED: Final = f"""
[site]
id = "site"
[[homes]]
id = "h01"
card = "7"
keyholders = ["+8613800000009"]
programmes = ["single", "single"]
rooms = [{{ id = "living" }}, {{ id = "living" }}]
sensors = [
  {{ id = "p", kind = "pir", room = "attic" }},
  {{ id = "p", kind = "pir", room = "living" }},
  {{ id = "a", room = "living", {DOOR} }},
  {{ id = "b", room = "living", {DOOR} }},
]
[[homes]]
id = "h02"
card = "7"
rooms = [{{ id = "hall" }}]
sensors = [{{ id = "a", room = "hall", {DOOR} }}]
[[homes]]
id = "h02"
rooms = []
[[responders]]
name = "one"
phone = "+8613800000001"
skills = ["lift", "lift"]
travel_s = {{ h77 = 60 }}
[[responders]]
name = "two"
phone = "+8613800000001"
"""


def table(*lines: str) -> str:
    """Write lines of words as a table; - is an empty cell."""
    return "\n".join(line.replace(" ", ",").replace("-,", ",") for line in lines)


FILES: Final = {
    "sensors": ("sensors", table(COLUMNS, *SENSORS), 13),
    "homes": ("homes", "home,card,entry_s,keyholders,phone\nh01,1234567890,-5,12,13\nH,1,soon,,\n", 7),
    "a head": ("homes", "home,colour,,card,card\nh01,1,2,3,4\n", 3),
    "lines": ("travel", "phone,home,travel_s\n,h01,1\n,h01,1\na,b,c,d\n", 4),
    "travel times": ("travel", "phone,home,travel_s\n+8613800000001,h01,-1\n7,h01,1\n", 2),
    "no table": ("homes", 'home\n"h01\n', 1),
    "a roster": ("toml", ROSTER, 17),
    "a roster whose parts do not fit": ("toml", CROSSED, 12),
    "no roster": ("toml", "[site]\nid = 7 8\n", 1),
}


def listed(page: str) -> list[str]:
    """Give the mistakes that a page lists."""
    (shown,) = re.findall(r'role="alert".*?<ul>(.*?)</ul>', page, re.DOTALL)
    return [html.unescape(one) for one in re.findall("<li>(.*?)</li>", shown, re.DOTALL)]


def refusal(kind: str, text: str) -> list[str]:
    """Give what the code itself says to a file."""
    if kind == "toml":
        with pytest.raises(settings.SettingsError) as refused:
            roster_file.read(text)
        return refused.value.problems
    with pytest.raises(roster_csv.TableError) as caught:
        roster_csv.merge(roster_file.read(EXAMPLE), kind, text.encode())
    return list(caught.value.problems)


@pytest.mark.parametrize(("kind", "text", "mistakes"), FILES.values(), ids=list(FILES))
async def test_a_file_with_mistakes_is_refused_in_the_language_of_the_reader(
    site: Site, kind: str, text: str, mistakes: int
) -> None:
    b = await operator(site)

    async def shown(language: str) -> list[str]:
        answer = await b.post(
            f"/places/file?lang={language}",
            data={"csrf": b.csrf, "table": kind},
            files={"file": ("x", text.encode(), "text/plain")},
        )
        assert answer.status_code == 422
        return listed(answer.text)

    chinese = await shown("zh")
    assert len(chinese) == mistakes, chinese
    for one in chinese:
        assert CHINESE.search(one), one
        assert not SENTENCE.search(one), one
    assert await shown("en") == refusal(kind, text)


FORMS: Final = {
    "a home": (
        "home",
        {"id": "H9", "card": "1234567890", "entry_s": "soon", "keyholders": "12", "phone": "x", "name": ""},
        6,
    ),
    "a person": (
        "person",
        {"phone": "+8613800000009", "name": "", "shifts": "often", "reply_odds": "7", "skills": "A"},
        4,
    ),
    "a person without a number": ("person", {"phone": "138"}, 1),
    "the centre": ("site", {"timezone": "Mars/Olympus", "default_travel_s": "-5"}, 2),
    "a sensor": (
        "home/h01/sensor",
        {"sensor": "Bed", "kind": "lamp", "room": "attic", "rate_hz": "often"},
        4,
    ),
    "furniture": (
        "home/h01/room/living",
        {"zone-0": "A", "kind-0": "boat", "x0_m-0": "x", "y0_m-0": "1", "x1_m-0": "", "y1_m-0": "1"},
        4,
    ),
    "ways": ("home/h01/ways", {"travel-8613800000001": "soon", "travel-8613800000002": "-1"}, 2),
}


@pytest.mark.parametrize(("form", "fields", "mistakes"), FORMS.values(), ids=list(FORMS))
async def test_a_form_with_mistakes_comes_back_in_the_language_of_the_reader(
    site: Site, form: str, fields: dict[str, str], mistakes: int
) -> None:
    b = await operator(site)
    chinese = (await b.press(f"/places/{form}?lang=zh", **fields)).text
    english = (await b.press(f"/places/{form}?lang=en", **fields)).text
    assert len(listed(chinese)) == mistakes, listed(chinese)
    beside = [html.unescape(one) for one in re.findall(r'<strong class="bad"[^>]*>(.*?)</strong>', chinese)]
    for one in [*listed(chinese), *beside]:
        assert CHINESE.search(one), one
        assert not SENTENCE.search(one), one
    assert not [one for one in listed(english) if CHINESE.search(one)]
    assert all(told(ZH, what) in listed(chinese)[i] for i, what in enumerate(whats(english)))


def whats(page: str) -> list[str]:
    """Give what is wrong with each field."""
    return [one.partition(": ")[2] for one in listed(page)]
