"""The board's bench: a small run sees every change, in little time and few bytes."""

from simulator.bench.board import Options, run


def test_every_browser_sees_changes_soon_and_in_few_bytes() -> None:
    figures = run(Options(homes=400, browsers=3, seconds=4.0, changes_per_s=20.0))
    assert figures["changes_seen"] > 3 * 20
    assert figures["change_to_browser_ms_p99"] < 5_000
    assert figures["bytes_per_browser_s"] < 2_000
    assert figures["page_bytes"] < 100_000
    assert 0 < figures["server_cores"] < 2
