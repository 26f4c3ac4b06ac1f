"""Who can be asked to go: responders, shifts, travel times, as frozen types that the roster fills."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Language = Literal["zh", "en"]


@dataclass(frozen=True, slots=True)
class Shift:
    """When somebody is on duty, in the site's local time; `start` > `end` runs over midnight."""

    responder: str
    weekdays: frozenset[int]
    """0 = Monday; the day on which the shift starts."""
    start_minute: int
    """Minutes after local midnight."""
    end_minute: int
    """Minutes after local midnight; equal to the start means the whole day."""


@dataclass(frozen=True, slots=True)
class Responder:
    """A person who can be paged. The name stays out of texts."""

    id: str
    """Random id; name and phone number stand in table `person` under it."""
    phone: str
    """E.164."""
    language: Language
    reply_odds: float
    """Chance of an acceptance within the wave window, before anything is learnt; 0 to 1."""
    reply_p90_s: float
    turnout_p90_s: float
    """From acceptance to leaving."""
    active: bool = True
    skills: frozenset[str] = frozenset()
    """Free ids such as "lift", "nurse", "first-aid"."""


@dataclass(frozen=True, slots=True)
class Duty:
    """Everything that the planner and the replies need to know of people."""

    responders: Mapping[str, Responder]
    shifts: tuple[Shift, ...]
    travel_s: Mapping[tuple[str, str], float]
    """(responder id, home) → 90th percentile of the travel time in seconds."""
    default_travel_s: float
    entry_s: Mapping[str, float] = field(default_factory=dict)
    """home → seconds to get in; missing = 60."""
    timezone: str = "Asia/Shanghai"
    travel_factor: float = 1.0
    """What this hour of the day makes of every travel time."""
    cards: Mapping[str, str] = field(default_factory=dict)
    """home → the staff-chosen card number that may stand in a text (no name, no address)."""
    keyholders: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """home → responders who hold a key or know the code; missing = anybody gets in."""

    def travel_p90_s(self, responder: str, home: str) -> float:
        """90th percentile of the time that somebody takes to a home at this hour, in seconds."""
        return self.travel_factor * self.travel_s.get((responder, home), self.default_travel_s)

    def gets_in(self, responder: str, home: str) -> bool:
        """Whether somebody can open the door by themselves."""
        return home not in self.keyholders or responder in self.keyholders[home]
