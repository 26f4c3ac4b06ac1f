"""How Guardian escalates, as frozen figures. Filled from `config/escalation.toml`, table `[escalation]`,
where every figure has its reason; there are no defaults here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from alerting.concern import Kind


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
    stay_at_least_s: float
    """HIGH: nobody who says yes is told to stay who would have to be asked again sooner."""
    margin_s: float
    """How long before somebody's latest page that page goes out."""
    send_p95_s: float
    """From due to the phone."""
    entry_default_s: float
    """From the front door to the resident, where the roster does not say."""
    entry_without_key_s: float
    """What somebody without a key needs besides, at a home that names its keyholders."""
    help_skills: Mapping[str, str]
    """Kind of incident → the skill that whoever is asked for help should have."""
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
    sensed_hold_s: float
    """How long an arrival that only sensors have seen counts without the person's own word."""
    sensed_body_s: float
    """How long after the outside door a second body still belongs to it."""
    sensed_earliest: float
    """Share of the expected way before which the door alone is nobody's arrival; 0 to 1."""
    last_resort_repeat_s: float
    """Between two calls for the last resort while nobody accepts."""
    area_homes: int
    """So many homes dark together are one incident of an area; with fewer left it is none any more."""
    area_news_s: float
    """Between two texts that say how an area stands, at the least."""
    area_rest_share: float
    """With this share of its homes left or less it is none any more, either; 0 to 1."""
    area_rest_s: float
    """So few are left, and nothing has changed for so long: those get incidents of their own."""
    quota_reserve: float
    """Share of a provider's cap that is kept for HIGH and MEDIUM; 0 to 1, without 1."""
    quiet_from_h: float
    """From this hour of the site's clock LOW texts wait; hours are 0 to 24, with minutes as a fraction."""
    quiet_to_h: float
    """Until this one; the same as `quiet_from_h`: they never wait."""

    def __post_init__(self) -> None:
        """Refuse what cannot be: hours, shares, kinds of incidents. Raises ValueError."""
        for kind in self.help_skills:
            if kind not in set(Kind):
                raise ValueError(f"escalation.help_skills: there is no incident of kind {kind}")
        if not 0 <= self.quota_reserve < 1:
            raise ValueError("escalation.quota_reserve: a share from 0 to less than 1")
        for name in ("quiet_from_h", "quiet_to_h"):
            if not 0 <= getattr(self, name) <= 24:
                raise ValueError(f"escalation.{name}: an hour from 0 to 24")
        if not 0 <= self.sensed_earliest <= 1:
            raise ValueError("escalation.sensed_earliest: a share from 0 to 1")
