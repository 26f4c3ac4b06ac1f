"""How Guardian escalates, as frozen figures. Filled from `config/escalation.toml`, table `[escalation]`,
where every figure has its reason; there are no defaults here.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """Every figure of planner and courier; the unit is in the name."""

    target_s: float
    """From onset (or decision) to the door."""
    uncleared_s: float
    """How long a suspicion may stay open without being cleared or confirmed; then it counts as a fall."""
    wave_window_s: float
    """How long one wave is given to answer."""
    wave_confidence: float
    """Chance of at least one acceptance within the window that a wave aims at; 0 to 1."""
    lease_s: float
    """How long an acceptance holds without ETA, and past an ETA."""
    held_odds: float
    """Chance that somebody who goes and is expected by the deadline is there by then; 0 to 1."""
    backup_confidence: float
    """HIGH: chance of somebody in time below which another one is asked at their last moment; 1: always."""
    reserve_s: float
    """Expected less than this before the deadline, somebody who goes is not alone enough."""
    margin_s: float
    """How long before somebody's latest page that page goes out."""
    send_p95_s: float
    """From due to the phone."""
    entry_default_s: float
    """From the front door to the resident, where the roster does not say."""
    second_path_s: float
    """How long one provider has to take a page before it also goes by another path."""
    voice_after_s: float
    """How long a HIGH page may stay unanswered before its person is called."""
    lease_send_s: float
    """How long the courier owns a message that it is sending."""
    max_copies: int
    """How often one text may possibly have been handed to the provider."""
    retry_s: tuple[float, ...]
    """Waits before the next try; the last one repeats."""
    send_timeout_s: float
    """The longest that one call to a provider may take."""
    poll_s: float
    """Between two fetches of answers while an incident is open."""
    last_resort_repeat_s: float
    """Between two calls for the last resort while nobody accepts."""
