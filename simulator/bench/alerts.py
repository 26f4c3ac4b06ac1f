"""From a decision to "accepted by the provider": the road from triage to Twilio, in real time.

Real: the ledger on a disk, triage, planner, courier, hooks, Twilio's SDK, HTTP. Fake: the provider and the
phones, in a process of their own (alert_phones.py). What is decided comes by chance from a district of 10,000
homes (alert_district.py), in three stages (`stages`). "Accepted" is when the ledger is told that the provider
has taken the first text that names the incident's code.
"""

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import structlog

from alerting.policy import Policy
from simulator.bench.alert_centre import BenchError, Stage, run
from simulator.bench.alert_district import QUARTERS, district
from simulator.bench.alert_figures import bars, figures, table

__all__ = ["BenchError", "run_alerts", "stages", "table"]

DISTRICT_PER_S: Final = 0.5
"""Ten thousand homes have about one fall an hour, and ten false ones where each has one a month: this is what
a district has in its worst minutes."""
BLACKOUT_PER_S: Final = 2.0
STRESS_PER_S: Final = 8.0
DARK_HOMES: Final = 500


def stages(alerts: int, stress_per_s: float = STRESS_PER_S) -> list[Stage]:
    """Share out the alerts: one in fifty at a district's rate, the others as fast as is asked for.

    Besides, one for each ten of them while 500 homes are dark, but no more than 400.
    """
    calm = max(1, min(100, alerts // 50))
    return [
        Stage("district", calm, DISTRICT_PER_S),
        Stage("blackout", max(1, min(400, alerts // 10)), BLACKOUT_PER_S, DARK_HOMES),
        Stage("stress", alerts - calm, stress_per_s),
    ]


def run_alerts(
    plan: Sequence[Stage],
    policy: Policy,
    seed: int,
    *,
    quarters: int = QUARTERS,
    rest_s: float = 10.0,
    folder: Path | None = None,
    say: Callable[[str], None] = lambda _line: None,
) -> dict[str, Any]:
    """Play the stages and give the figures. Raises BenchError, LedgerError.

    `folder`: where a folder for the ledger is made, for a certain disk.
    """
    with (
        tempfile.TemporaryDirectory(dir=folder) as made,
        (Path(made) / "log").open("w", encoding="utf-8") as log,
    ):
        before = structlog.get_config()
        structlog.configure(logger_factory=structlog.PrintLoggerFactory(log))  # the courier logs each text
        try:
            done = asyncio.run(
                run(
                    plan,
                    district(seed, quarters),
                    policy,
                    seed=seed,
                    folder=Path(made),
                    rest_s=rest_s,
                    say=say,
                )
            )
        finally:
            structlog.configure(**before)
    told = figures(done, plan)
    return told | {"kept": bars(told)}
