"""What must not mislead a reader of the report: double counts, hidden wholes, lone numbers, odd names."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from guardian.trace import TruthRow
from simulator import plots, pooling, show
from simulator.collapse import score_inactivity
from simulator.figures import as_json, worst
from simulator.report import page
from simulator.rules import DAY_MS, HOUR_MS
from simulator.score import Found, HomeCase, score
from simulator.statistics import poisson, wilson
from tests.test_report import T0, read

CONFIRMED = "fall-confirmed"
SLUG = "alls-wall-8x8-slide-5ebcf818-000"


def fallen(
    kind: str = "trip", confirmed_s: float | None = 20.0, *, home: str = SLUG, watched_ms: int = DAY_MS
) -> HomeCase:
    """Somebody falls at 100 s and lies for 300 s; when that is confirmed, after the fall's end."""
    truth = (
        TruthRow(T0 + 100_000, T0 + 102_000, f"fall:{kind}", ""),
        TruthRow(T0 + 102_000, T0 + 402_000, "down", ""),
    )
    at_ms = None if confirmed_s is None else T0 + 102_000 + int(confirmed_s * 1000)
    found = () if at_ms is None else (Found(home, CONFIRMED, at_ms, at_ms, 0.9),)
    tags = {"mount": "wall", "resolution": "8x8"}
    return HomeCase(home, ((T0, T0 + watched_ms),), truth, found, np.array([T0]), tags)


def measured(
    homes: list[HomeCase], seed: int | None = 1, name: str = "falls/wall/8x8/slide"
) -> dict[str, Any]:
    """What an evaluation of these homes would write, with a sum over the cell where it is one of a suite."""
    scores = score(homes, [CONFIRMED])
    told: dict[str, Any] = {"traces": [as_json(name, scores)], "seed": seed}
    if seed is not None:
        told |= {"suite": "falls", "summary": [as_json(name.rpartition("/")[0], scores)]}
    cases = worst(homes, scores, [CONFIRMED])
    told["worst"] = [{"trace": name, **case} for case in cases]
    read_back: dict[str, Any] = json.loads(json.dumps(told))
    return read_back


def recorded() -> dict[str, Any]:
    """A recording with two persons, as `guardian evaluate TRACE` writes it."""
    whole = [fallen(home="r1"), fallen(home="r2", confirmed_s=None)]
    told = measured(whole, None, "ceiling16-dev")
    told["summary"] = [
        as_json(f"ceiling16-dev/human{k + 1}", score([one], [CONFIRMED])) for k, one in enumerate(whole)
    ]
    return told


def test_the_whole_recording_stands_in_sight_with_its_persons_beneath() -> None:
    told = page([recorded()])
    assert "<details>" not in told
    counts = told[told.index("Counts and rates") : told.index("By kind of event")]
    order = [counts.index(f">{who}<") for who in ("ceiling16-dev", "person human1", "person human2")]
    assert order == sorted(order)
    assert counts.count("<tr class=beneath>") == 4  # two kinds of findings each
    cells = [row.split(" | ")[0].strip("| ") for row in show.markdown([recorded()]).splitlines()]
    assert list(dict.fromkeys(c for c in cells if "ceiling16" in c)) == [
        "ceiling16-dev",
        "ceiling16-dev/human1",
        "ceiling16-dev/human2",
    ]


def test_cells_of_a_sum_are_folded_away_under_words() -> None:
    told = page([measured([fallen("slide")])])
    assert "<summary>Every scene by itself: 1 lines behind the sums above</summary>" in told
    assert told.index("Staged falls · 8×8 pixels, wall") < told.index("<details>")
    assert "slow slide to the floor" in told[told.index("<details>") :]


def test_the_same_homes_never_count_twice() -> None:
    once = measured([fallen()])
    again = {**once, "machine": {"cpu": "another one"}}
    said = "results 1 and 2 both have falls/wall/8x8/slide of seed 1, with the same figures"
    with pytest.raises(ValueError, match=said):
        page([once, again])
    with pytest.raises(ValueError, match=said):
        show.markdown([once, again])
    other = measured([fallen(confirmed_s=None)])
    with pytest.raises(ValueError, match="with different figures"):
        page([once, other])
    twice = recorded()
    twice["traces"] *= 2
    with pytest.raises(ValueError, match="result 1 has ceiling16-dev, with the same figures"):
        page([twice])


def test_a_file_that_is_given_twice_is_refused_in_a_line(tmp_path: Path) -> None:
    file, out = tmp_path / "once.json", tmp_path / "r.html"
    file.write_text(json.dumps(measured([fallen()])), "utf-8")
    words = [sys.executable, "-m", "guardian", "report", str(file), str(file), "--out", str(out)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "give each file once" in done.stderr
    assert not out.exists()


def test_seeds_add_up_and_stand_by_themselves() -> None:
    results = [
        measured([fallen(), fallen(home="x")], 7),
        measured([fallen(confirmed_s=None)], 3),
    ]
    in_sight, _ = pooling.rows(results)
    assert [(r.seeds, r.beneath) for r in in_sight] == [((3, 7), ""), ((3,), "seed"), ((7,), "seed")]
    total = in_sight[0].entry["kinds"][CONFIRMED]
    assert (total["hit"], total["truth"], total["home_days"]) == (2, 3, pytest.approx(3.0))
    assert total["sensitivity_95"] == wilson(2, 3)
    assert total["false_per_home_day_95"] == list(poisson(0, 3.0))
    assert total["latency_s_p50"] == pytest.approx(20.0)
    told = read(page(results)).text
    for line in ("(seed 3 + 7)", "2 / 3 = 66.7 %", "0 / 1 = 0.0 %", "2 / 2 = 100.0 %", "home 000 · seed 3"):
        assert line in told
    assert "seed" not in read(page(results[:1])).text.replace("seed gives", "").replace("a seed", "")


def test_latencies_that_an_older_file_lacks_are_not_made_up_by_the_other() -> None:
    new, old = measured([fallen()], 1), measured([fallen()], 2)
    for entry in (*old["traces"], *old["summary"]):
        del entry["kinds"][CONFIRMED]["latencies_s"]
    in_sight, _ = pooling.rows([new, old])
    assert in_sight[0].entry["kinds"][CONFIRMED]["latency_s_p50"] is None


def test_true_collapses_stand_beside_those_that_were_played() -> None:
    onset = T0 + 10 * HOUR_MS
    rows = (TruthRow(onset, onset + 8 * HOUR_MS, "collapse:active", ""),)
    found = (Found("h1", "inactivity", onset, onset + 3 * HOUR_MS),)
    homes = [HomeCase("h1", ((T0, T0 + 3 * DAY_MS),), rows, found, np.arange(T0, onset, HOUR_MS))]
    entry = as_json("pir-homes", score(homes), score_inactivity(homes, (), "UTC"))
    entry["kinds"]["inactivity"]["unexplained"] = 17
    told = read(page([{"traces": [json.loads(json.dumps(entry))]}])).text
    silence = told[told.index("Silence") :]
    low, high = wilson(1, 1)
    assert silence.count(f"1 / 1 = 100.0 % [{low * 100:.1f} %, {high * 100:.1f} %]") == 2
    assert "Found in 24 h, true collapses" in silence
    assert "17" in silence
    left_out = entry["kinds"]["inactivity"]["left_out_days"]
    assert f"{left_out:.3g} days" in silence


@pytest.mark.parametrize(
    ("kind", "after_s", "said"),
    [
        ("trip", 60.0, "late (60 s > 40 s)"),
        ("trip", 39.0, "slowest (39 s)"),
        ("slide", 60.0, "slowest (60 s)"),
        ("slide", 100.0, "late (100 s > 90 s)"),
    ],
)
def test_late_is_only_what_a_target_calls_late(kind: str, after_s: float, said: str) -> None:
    told = read(page([measured([fallen(kind, after_s)])])).text
    assert f"Fall · {said} · " in told
    assert told.count("late (") + told.count("slowest (") == 1


def test_what_is_late_comes_before_what_is_only_slow() -> None:
    homes = [fallen("slide", 85.0, home="a"), fallen("trip", 41.0, home="b")]
    assert [w["home"] for w in worst(homes, score(homes), [CONFIRMED])] == ["b", "a"]


def test_slow_hits_of_older_files_are_not_called_late() -> None:
    old = measured([fallen("trip", 60.0)])
    for key in ("latency_s", "late_after_s", "from_ms", "until_ms"):
        del old["worst"][0][key]
    assert "Fall · slowest · " in read(page([old])).text


def test_homes_and_scenes_have_names_that_a_newcomer_reads() -> None:
    told = read(page([measured([fallen("slide", None)])])).text
    assert SLUG not in told
    assert "Staged falls · 8×8 pixels, wall · slow slide to the floor · home 000" in told
    assert "rows and columns of pixels" in told
    assert "Neither right nor false: said while" in told
    assert "r2" in read(page([recorded()])).text  # a recorded home is called what it is called


def test_a_rate_from_minutes_is_marked_and_stands_beside_its_minutes() -> None:
    minutes = read(page([measured([fallen(watched_ms=56 * 60_000)], None, "mine")])).text
    assert "56 min" in minutes
    assert "too little time to say" in minutes
    days = read(page([measured([fallen(home=f"h{k}") for k in range(3)], None, "mine")])).text
    assert "3 days" in days
    assert "too little time" not in days
    staged = read(page([measured([fallen(home=f"h{k}") for k in range(3)])])).text
    assert "staged scenes" in staged.replace("Staged scenes: ", "")


def test_the_page_says_why_fewer_falls_have_to_be_confirmed() -> None:
    told = read(page([measured([fallen()])])).text
    assert "only if the person stays down for at least 60 s (a slow slide: 120 s)" in told
    assert "倒地至少 60 秒（缓慢滑落 120 秒）" in read(page([measured([fallen()])], "zh")).text


@pytest.mark.parametrize(("kind", "due"), [("trip", "+120"), ("slide", "+180")])
def test_a_missed_confirmation_says_what_its_pictures_do_not_show(kind: str, due: str) -> None:
    one = measured([fallen(kind, None)])
    case = one["worst"][0]
    assert case["until_ms"] - case["t_ms"] == 180_000  # as long as a slide's window, not a minute
    raw = "AAAA" * 32  # 96 bytes of zeros
    case["frames"] = [
        {"t_ms": case["t_ms"] + t, "rows": 6, "cols": 8, "centi_b64": raw} for t in (-3000, 9000)
    ]
    told = read(page([one])).text
    assert f"Pictures from -3 to +9 s, grey on the line. To be said by {due} s (dashed)." in told
    assert "They show what happened, not the time until then." in told
    del case["frames"]
    assert "No pictures of it." in read(page([one])).text


def test_what_a_home_could_not_have_said_is_a_dash() -> None:
    mute = measured([fallen()], None, "mine")
    one = mute["traces"][0]["kinds"][CONFIRMED]
    one |= {"truth": 0, "hit": 0, "home_days": 0.0, "false_per_home_day": None, "sensitivity": None}
    one |= {"false_per_home_day_95": [0.0, None], "latency_s_p50": None, "precision": None, "labels": {}}
    told = page([mute])
    row = told[told.index("Watched for") :]
    row = row[row.index(f">{CONFIRMED}<") : row.index("</tbody>")]
    assert row.count("<td>–</td>") == 7
    assert "nan" not in row
    assert "None" not in row
    one["truth"] = 1
    lines = show.markdown([mute])
    assert "| – | – |" in lines


def test_position_has_lines_of_its_own_in_the_table() -> None:
    told = measured([fallen()], None, "mine")
    told["traces"][0]["position"] = {"seconds": 36_000, "right_room": 0.9, "median_m": 0.254}
    assert "| mine | right room | 9.0/10.0 h | 0.900 |  |" in show.markdown([told])
    assert "| mine | half within 0.25 m |  |" in show.markdown([told])
    told["traces"][0]["position"] |= {"placed_share": 0.5, "right_room_by_home_95": [0.8, 0.95]}
    assert "| mine | right room | 9.0/10.0 h | 0.900 | 0.80–0.95 |" in show.markdown([told])
    assert "| mine | half within 0.25 m | 4.5/9.0 h | 0.500 |" in show.markdown([told])
    told["traces"][0]["position"] |= {"placed_share": 0.0, "median_m": None}
    assert "| mine | never placed | 0.0/9.0 h | 0.000 |" in show.markdown([told])
    widths = {len(line.split("|")) for line in show.markdown([told]).splitlines() if line.startswith("|")}
    assert widths == {len(show.COLUMNS) + 2}


def test_position_is_told_on_the_page_with_what_is_known_of_it() -> None:
    told = measured([fallen()], None, "mine")
    told["traces"][0]["position"] = {"seconds": 36_000, "right_room": 0.9, "median_m": 0.254}
    old = read(page([told])).text
    assert "0.254" in old
    told["traces"][0]["position"] |= {
        "placed_share": 0.6,
        "right_room_by_home_95": [0.8, 0.95],
        "median_all_m": 0.612,
        "away_seconds": 7200,
        "noticed_while_away": 0.25,
    }
    new = read(page([told])).text
    for word in ("90.0 % [80.0 %, 95.0 %]", "60.0 %", "0.612", "2 h", "25.0 %", "infinitely far"):
        assert word in new


def test_dots_at_none_and_at_all_stand_free_of_the_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def kept(_figure: Any, axes: Any, *_labels: str) -> str:
        seen.append(axes)
        return ""

    monkeypatch.setattr(plots, "_finish", kept)
    dot = plots.Point(0.0, 0.0, 0.0, 0.3)
    plots.curves({"a": [dot, plots.Point(40.0, 1.0, 0.7, 1.0)]}, "", "")
    plots.dots({"trip": {"a": dot}}, "")
    plots.shares_by({"a": [1.0, 2.0]}, "", "")
    (left, right), (low, high) = seen[0].get_xlim(), seen[0].get_ylim()
    assert left <= -0.1
    assert right >= 50.0
    for below, above in ((low, high), seen[1].get_xlim(), seen[2].get_ylim()):
        assert below <= -0.03
        assert above >= 1.03
