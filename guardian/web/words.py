"""What the staff's pages say, in Chinese and English.

English stands in the templates and in the code; Chinese in `locale/zh.po` (Babel). A test finds what is not
translated. Gives words for identifiers (kinds, states, rooms); never decides anything.
"""

import gettext
import io
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeVar

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from alerting.duty import Language
from guardian.web import names

LANGUAGES: tuple[Language, ...] = ("zh", "en")


K = TypeVar("K")

LOCALE: Final = Path(__file__).parent / "locale"


def N_(text: str) -> str:  # noqa: N802  # gettext's name
    """Mark a text of the pages that is translated where it is shown."""
    return text


class Words:
    """The pages' words in one language: `text` for a sentence, a mapping for each group of identifiers."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self.other_language = "English" if language == "zh" else "中文"
        self._translations = _translations(language)
        self.severities: Mapping[int | None, str] = self._group("severities", names.SEVERITIES)
        self.states = self._group("states", names.STATES)
        self.segments = self._group("segments", names.SEGMENTS)
        self.kinds = self._group("kinds", names.KINDS)
        self.outcomes = self._group("outcomes", names.OUTCOMES)
        self.causes = self._group("causes", names.CAUSES)
        self.faults = self._group("faults", names.FAULTS)
        self.activities = self._group("activities", names.ACTIVITIES)
        self.rooms = self._group("rooms", names.ROOMS)
        self.events = self._group("events", names.EVENTS)
        self.actors = self._group("actors", names.ACTORS)
        self.message_states = self._group("message_states", names.MESSAGE_STATES)
        self.purposes = self._group("purposes", names.PURPOSES)
        self.receipts = self._group("receipts", names.RECEIPTS)
        self.reach = self._group("reach", names.REACH)
        self.reasons = self._group("reasons", names.REASONS)
        self.roles = self._group("roles", names.ROLES)
        self.role_may = self._group("role_may", names.ROLE_MAY)
        self.deeds = self._group("deeds", names.DEEDS)
        self.home_states = self._group("home_states", names.HOME_STATES)
        self.standings = self._group("standings", names.STANDINGS)
        self.dangers = self._group("dangers", names.DANGERS)
        self.places = self._group("places", names.PLACES)
        self.changes = self._group("changes", names.CHANGES)
        self.sensor_kinds = self._group("sensor_kinds", names.SENSOR_KINDS)
        self.tables = self._group("tables", names.TABLES)
        self.signs = self._group("signs", names.SIGNS)
        self.mounts = self._group("mounts", names.MOUNTS)
        self.consents = self._group("consents", names.CONSENTS)
        self.furniture = self._group("furniture", names.FURNITURE)
        self.tongues = {"zh": "中文", "en": "English"}

    def text(self, message: str) -> str:
        """Give a sentence of the pages."""
        return self._translations.gettext(message)

    def in_context(self, context: str, message: str) -> str:
        """Give a sentence whose English alone does not say what is meant."""
        return self._translations.pgettext(context, message)

    def outcome_text(self, outcome: str) -> str:
        """Words for an outcome such as `real` or `false:pet`."""
        what, _, cause = outcome.partition(":")
        text = self.outcomes.get(what, what)
        return self.text("{} ({})").format(text, self.causes.get(cause, cause)) if cause else text

    def room_text(self, room: str | None) -> str:
        """Words for a room id; ids without a translation stand for themselves."""
        return self.text(N_("room unknown")) if room is None else self.rooms.get(room, room)

    def age(self, ms: int) -> str:
        """Words for how long ago something was; under a minute no figure, so that the page stands still."""
        minutes = max(0, ms) // 60_000
        if minutes < 1:
            return self.text(N_("just now"))
        return self.text(N_("{} ago")).format(self.span(ms))

    def span(self, ms: int) -> str:
        """Words for a length of time, in minutes, hours or days."""
        minutes = max(0, ms) // 60_000
        if minutes < 60:
            return self.text(N_("{} min")).format(minutes)
        if minutes < 1440:
            return self.text(N_("{} h")).format(minutes // 60)
        return self.text(N_("{} d")).format(minutes // 1440)

    def _group(self, context: str, words: Mapping[K, str]) -> Mapping[K, str]:
        return MappingProxyType({k: self.in_context(context, text) for k, text in words.items()})


@cache
def _translations(language: Language) -> gettext.NullTranslations:
    """Read the catalogues of a language; English needs none."""
    found = gettext.NullTranslations()
    for path in sorted(LOCALE.glob(f"{language}*.po")):
        with path.open("rb") as file:
            compiled = io.BytesIO()
            write_mo(compiled, read_po(file, locale=language))
        compiled.seek(0)
        more = gettext.GNUTranslations(compiled)
        more.add_fallback(found)
        found = more
    return found


EN: Final = Words("en")
ZH: Final = Words("zh")
WORDS: Final[Mapping[Language, Words]] = {"zh": ZH, "en": EN}


def choose(asked: str | None, accept_language: str, default: Language) -> Language:
    """Pick the language: what the address asks for, else what the browser prefers, else the site's."""
    for language in LANGUAGES:
        if asked == language:
            return language
    wishes: list[tuple[float, Language]] = []
    for wish in accept_language.split(","):
        tag, _, quality = wish.strip().partition(";q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            continue
        wishes += [
            (weight, language)
            for language in LANGUAGES
            if tag.lower().partition("-")[0] == language and weight > 0
        ]
    return max(wishes, key=lambda wish: wish[0])[1] if wishes else default
