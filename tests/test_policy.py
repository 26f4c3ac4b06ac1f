"""Figures of escalation that cannot be are refused, each by its name."""

import pytest

from tests.alerting_people import shipped_policy, with_policy


@pytest.mark.parametrize(
    ("name", "figure", "why"),
    [
        ("help_skills", {"fall-confirmd": "lift"}, "there is no incident of kind fall-confirmd"),
        ("quota_reserve", 1.0, "a share from 0 to less than 1"),
        ("quota_reserve", -0.1, "a share from 0 to less than 1"),
        ("quiet_from_h", 24.5, "an hour from 0 to 24"),
        ("quiet_to_h", -1.0, "an hour from 0 to 24"),
        ("sensed_earliest", 1.1, "a share from 0 to 1"),
        ("sensed_earliest", -0.1, "a share from 0 to 1"),
    ],
)
def test_what_cannot_be_is_refused(name: str, figure: object, why: str) -> None:
    with pytest.raises(ValueError, match=rf"^escalation\.{name}: {why}$"):
        with_policy(**{name: figure})  # type: ignore[arg-type]  # skills are no number


def test_the_ends_of_every_range_are_allowed() -> None:
    allowed = with_policy(quota_reserve=0.0, quiet_from_h=24.0, quiet_to_h=0.0, sensed_earliest=1.0)
    assert allowed != shipped_policy()
