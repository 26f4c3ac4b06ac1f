"""Under load the broker and the daemon are killed and frozen; no event with an id is lost or counts twice."""

import pytest

from simulator.bench.outage import run_outage, table


@pytest.mark.slow
def test_nothing_is_lost_or_counts_twice_and_it_goes_on_within_ten_seconds() -> None:
    breaks = ["broker-killed", "daemon-killed", "broker-emptied", "daemon-restarted"]
    said = list[str]()
    found = run_outage(40, 80.0, breaks, said.append)
    assert said == breaks
    assert found["unacknowledged_at_the_end"] == 0
    for name, of in found["breaks"].items():
        assert of["repeats"]["sent"] > 500, name
        assert (of["repeats"]["lost"], of["repeats"]["twice"], of["plain"]["twice"]) == (0, 0, 0), name
        assert of["events_back_s"] < 10, name
        assert of["frames_back_s"] < 10, name
        assert name in table(found)
    for name in ("daemon-killed", "daemon-restarted"):
        assert found["breaks"][name]["plain"]["lost"] == 0, "the broker kept them"
