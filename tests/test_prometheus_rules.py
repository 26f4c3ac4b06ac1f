"""The alert rules as Prometheus itself reads them: by promtool, which tests/servers.sh builds."""

import subprocess
from pathlib import Path

import pytest

from tests.test_influx import CACHE

ROOT = Path(__file__).parent.parent
PROMTOOL = CACHE / "promtool-0.53.4"
CONFIG = ROOT / "config" / "prometheus"


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("check", "config", CONFIG / "prometheus.example.yml"),
        ("check", "rules", "--lint=all", "--lint-fatal", CONFIG / "guardian.rules.yml"),
        ("test", "rules", ROOT / "tests" / "prometheus" / "guardian.test.yml"),
    ],
    ids=["example", "rules", "alerts"],
)
def test_promtool_is_content(words: tuple[str | Path, ...]) -> None:
    done = subprocess.run([PROMTOOL, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_waited_for_in_a_test() -> None:
    names = [
        line.split()[-1]
        for line in (CONFIG / "guardian.rules.yml").read_text("utf-8").splitlines()
        if line.strip().startswith("- alert:")
    ]
    tested = (ROOT / "tests" / "prometheus" / "guardian.test.yml").read_text("utf-8")
    assert len(names) == len(set(names))
    assert [name for name in names if f'alertname="{name}",severity=' not in tested] == []
