"""Every home as one letter: what the grid of a large site is drawn from."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from guardian.home_rows import HomeRow

LETTERS: Final = {
    "incident": "i",
    "blind": "b",
    "degraded": "d",
    "unknown": "u",
    "away": "a",
    "fine": "p",
}
"""State of a home → its letter, most urgent first. Unknown is never drawn as fine."""


@dataclass(frozen=True, slots=True)
class Grid:
    """All homes of a site, in order."""

    homes: tuple[str, ...]
    letters: str
    counts: Mapping[str, int]
    """State → homes."""


def state_of(row: "HomeRow", in_incident: bool) -> str:
    """Give the state of a home. Unknown is never fine."""
    if in_incident:
        return "incident"
    if row.blind:
        return "blind"
    if row.degraded:
        return "degraded"
    if row.activity == "out":
        return "away"
    return "unknown" if row.activity == "unknown" or row.last_life_ms is None else "fine"


def grid(rows: Sequence["HomeRow"], in_incident: frozenset[str]) -> Grid:
    """Make the grid of all homes."""
    states = [state_of(row, row.home in in_incident) for row in rows]
    counted = Counter(states)
    return Grid(
        tuple(row.home for row in rows),
        "".join([LETTERS[s] for s in states]),
        {state: counted[state] for state in LETTERS},
    )
