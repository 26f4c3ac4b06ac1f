"""What one check of `guardian doctor` has found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from guardian.web.words import N_


class Level(StrEnum):
    """How serious it is, the worst one last."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"

    @property
    def word(self) -> str:
        """The word for it, as a msgid."""
        return {Level.OK: N_("fine"), Level.WARNING: N_("warning"), Level.WRONG: N_("wrong")}[self]


@dataclass(frozen=True, slots=True)
class Checked:
    """One check: msgids of the catalogue, and what stands in their braces."""

    name: str
    level: Level
    what: str
    """What is so."""
    do: str = ""
    """What to do about it; empty when nothing."""
    values: Mapping[str, str] = field(default_factory=dict)
