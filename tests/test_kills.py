"""kill -9 at any instant and at every named point, some hundreds of times; nothing is lost.

The full numbers: `python -m tests.kills.run` and `python -m tests.kills.daemon` (docs/alerting.md).
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from alerting.courier import CRASH_POINTS

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.slow


def run(module: str, *options: str) -> dict[str, Any]:
    """The figures; this process has threads and a loop, so whoever forks is another one."""
    done = subprocess.run(
        [sys.executable, "-m", module, *options],
        cwd=ROOT,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.stdout, done.stderr
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def test_killed_at_any_instant_no_alert_is_lost_and_no_text_comes_too_often() -> None:
    found = run("tests.kills.run", "--kills", "300", "--at-each-point", "0", "--seed", "11")["anywhere"]
    assert found["wrong"] == []
    assert found["lost"] == 0
    assert found["kills"] == 300
    assert found["alerts"] >= 600
    assert found["most_copies"] <= 3
    assert {"opening", "opened", "before-lease"} <= found["after"].keys(), "they fall everywhere"
    assert {"sending", "sent", "recorded"} & found["after"].keys(), "they fall everywhere"


def test_killed_at_every_named_point_no_alert_is_lost() -> None:
    found = run("tests.kills.run", "--kills", "0", "--at-each-point", "20", "--seed", "12")
    for point in CRASH_POINTS:
        assert found[point]["wrong"] == [], point
        assert found[point]["lost"] == 0, point
        assert found[point]["after"] == {point: 20}, point


def test_a_courier_that_forgets_what_was_in_hand_is_found_out() -> None:
    found = run("tests.kills.run", "--kills", "0", "--at-each-point", "10", "--plant", "orphans")
    assert found["leased"]["lost"] > 0
    assert found["planned"]["lost"] == 0, "nothing was in hand"


def test_a_courier_that_sends_again_without_asking_is_found_out() -> None:
    found = run("tests.kills.run", "--kills", "0", "--at-each-point", "20", "--plant", "unasked")
    said = [words for point in CRASH_POINTS for words in found[point]["wrong"]]
    assert any("list is true: 2 copies" in words for words in said)


def test_the_whole_daemon_killed_at_any_instant_loses_no_press() -> None:
    found = run("tests.kills.daemon", "--kills", "20", "--seed", "13")
    assert found["wrong"] == []
    assert found["lost"] == 0
    assert found["presses"] == 20
    assert found["before_ready"] < 20, "some were at work"
