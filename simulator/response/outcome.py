"""How one incident went, as the figures are made from it."""

from dataclasses import dataclass

from simulator.response.district import TARGET_S


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one incident went; times in seconds since the onset, NaN = never."""

    number: int
    feasible: int
    """How many people could have been inside in time, had they been paged at the decision."""
    decided_s: float
    provider_s: float
    accepted_s: float
    en_route_s: float
    door_s: float
    inside_s: float
    texts: int
    went: int
    """How many left for the home."""
    last_resort: bool
    late_at_decision: bool
    still_feasible: int
    """As `feasible`, counted from when the fault let anything out again."""
    one_by_one_s: float
    """When somebody would have been inside, asked one by one."""
    broken: tuple[str, ...] = ()
    """What did not hold (invariants.py)."""

    @property
    def in_time(self) -> bool:
        """Somebody was with the resident within ten minutes of the onset."""
        return self.inside_s <= TARGET_S
