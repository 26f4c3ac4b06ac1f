"""The report: one page that says what the JSON says, in both languages, without the network."""

import base64
import json
import re
import sys
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from guardian.trace import TruthRow
from simulator import plots
from simulator.collapse import CollapseRun, score_inactivity
from simulator.figures import as_json, curve, worst
from simulator.report import page
from simulator.rules import DAY_MS, HOUR_MS
from simulator.score import Found, HomeCase, score

T0 = 1_700_000_000_000


class Outside(HTMLParser):
    """Collects every address that a page would load or run, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.scripts = 0
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self.addresses += [v or "" for k, v in attrs if k in {"src", "href"}]
        if tag not in {"meta", "img", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def home(k: int, kind: str, confidence: float) -> HomeCase:
    name = f"h{k}"
    truth = (
        TruthRow(T0 + 100_000, T0 + 102_000, kind, ""),
        TruthRow(T0 + 102_000, T0 + 400_000, "down", ""),
        TruthRow(T0 + 7_200_000, T0 + 7_201_500, kind, ""),
    )
    times = ((103_000, confidence), (9_000_000, 0.4)) if k % 3 else ((9_000_000, 0.4),)
    found = tuple(Found(name, "fall-suspected", T0 + t, T0 + t, c) for t, c in times)
    return HomeCase(name, ((T0, T0 + DAY_MS),), truth, found, np.arange(T0, T0 + DAY_MS, HOUR_MS))


def frame(t_ms: int, centi: NDArray[np.int16]) -> dict[str, Any]:
    raw = base64.b64encode(centi.astype("<i2").tobytes()).decode()
    return {"t_ms": t_ms, "rows": centi.shape[0], "cols": centi.shape[1], "centi_b64": raw}


def result() -> dict[str, Any]:
    """What a small suite of two arrays would write."""
    entries, cases = [], []
    for mount, array in (("ceiling", "24x32"), ("wall", "8x8")):
        for kind in ("trip", "slide"):
            homes = [home(k, f"fall:{kind}", 0.5 + k / 20) for k in range(6)]
            runs = [CollapseRun("h1", T0 + HOUR_MS, (Found("h1", "inactivity", T0, T0 + 4 * HOUR_MS),))]
            scores = score(homes)
            more = {
                "curves": {"fall-suspected": curve(homes, "fall-suspected")},
                "position": {"seconds": 86_400, "right_room": 0.975, "median_m": 0.31},
            }
            name = f"falls/{mount}/{array}/{kind}"
            entries.append(as_json(name, scores, score_inactivity(homes, runs, "UTC"), more=more))
            cases += [{"trace": name, **w} for w in worst(homes, scores, ["fall-suspected"], 3)]
    rng = np.random.default_rng(4)
    for case in cases:
        centi = (2200 + rng.normal(0, 15, (9, 24, 32))).astype(np.int16)
        for k in range(9):
            centi[k, 8:12, 3 + 2 * k : 9 + 2 * k] += 600
        centi[:, 0, 0] = plots.BAD_PIXEL
        case["frames"] = [frame(case["t_ms"] + (k - 3) * 1000, c) for k, c in enumerate(centi)]
    return {
        "suite": "falls",
        "seed": 1,
        "machine": {"cpu": "a <fast> one", "cores": 2},
        "simulated": {"sensor_hours": 12_345.0, "drawn_share": 0.21, "sensor_hours_per_hour": 2100.0},
        "traces": entries,
        "worst": cases,
    }


def read(html: str) -> Outside:
    outside = Outside()
    outside.feed(html)
    assert outside.open == []  # every tag is closed
    return outside


@pytest.fixture(scope="module")
def measured() -> dict[str, Any]:
    read_back: dict[str, Any] = json.loads(json.dumps(result()))  # as it comes from the file
    return read_back


def test_counts_and_intervals_stand_beside_the_rates(measured: dict[str, Any]) -> None:
    told = read(page([measured])).text
    one = measured["traces"][0]["kinds"]["fall-suspected"]
    assert (one["truth"], one["hit"], one["false"]) == (12, 4, 6)
    low, high = one["sensitivity_95"]
    assert f"33.3 % [{low * 100:.1f} %, {high * 100:.1f} %]" in told
    assert "30 [" in told  # six false alarms in six home-days, a month
    for word in ("Possible fall", "fall:trip", "falls/wall/8x8/slide", "97.5 %", "No activity"):
        assert word in told
    assert "21.0 %" in told  # of the frames were drawn
    assert "514 days" in told  # of a thermal array


def test_one_page_without_network_or_script(measured: dict[str, Any]) -> None:
    for language in ("en", "zh"):
        outside = read(page([measured], language))
        assert outside.scripts == 0
        assert len(outside.addresses) > 12 * 10  # every worst case has its timeline and nine frames
        assert all(a.startswith("data:image/") for a in outside.addresses)


def test_the_page_speaks_chinese(measured: dict[str, Any]) -> None:
    html = page([measured], "zh")
    told = read(html).text
    assert '<html lang="zh">' in html
    for word in (
        "命中",
        "误报",
        "疑似跌倒",
        "漏报",
        "长时间无活动",
        "壁装 8×8 像素",
        "缓慢滑落",
        "尚不能判断",
    ):
        assert word in told
    for word in ("Sensitivity", "ceiling,", "home 00", "cannot say"):
        assert word not in told


def test_names_are_text_not_markup(measured: dict[str, Any]) -> None:
    evil = json.loads(json.dumps(measured))
    evil["traces"][0]["name"] = '<script>alert("$x^2$")</script>'
    evil["worst"][0]["home"] = '"><img src="http://example.org/">'
    outside = read(page([evil]))
    assert outside.scripts == 0
    assert all(a.startswith("data:") for a in outside.addresses)
    assert '<script>alert("$x^2$")</script>' in outside.text


def test_the_same_figures_give_the_same_page(measured: dict[str, Any]) -> None:
    assert page([measured]) == page([json.loads(json.dumps(measured))])


def test_older_and_emptier_files_still_make_a_page() -> None:
    bare = {"truth": 3, "hit": 2, "false": 0, "sensitivity": 0.667, "precision": None, "f1": None}
    entry = {"name": "ceiling16", "home_days": 2.0, "kinds": {"fall-suspected": bare}}
    told = read(page([{"traces": [entry]}, {"traces": []}])).text
    assert "66.7 %" in told
    assert "The worst cases" not in told
    read(page([]))


def test_what_is_no_result_is_refused(measured: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="result 1 has no list of traces"):
        page([{"closed": True}])
    with pytest.raises(ValueError, match="language is 'fr'; there are en, zh"):
        page([measured], "fr")
    for short, reason in (("AAAA", "a frame of 24 x 32 has 3 bytes"), ("?", "not base64")):
        broken = json.loads(json.dumps(measured))
        broken["worst"][0]["frames"][0]["centi_b64"] = short
        with pytest.raises(ValueError, match=reason):
            page([broken])


def test_a_curve_adds_up_the_counts_of_an_array() -> None:
    homes = {kind: [home(k, f"fall:{kind}", 0.5 + k / 20) for k in range(6)] for kind in ("trip", "slide")}
    entries = [
        as_json(
            f"falls/wall/8x8/{kind}",
            score(some),
            more={"curves": {"fall-suspected": curve(some, "fall-suspected")}},
        )
        for kind, some in homes.items()
    ]
    from simulator.report_plots import _line  # noqa: PLC0415  (what the picture shows cannot be read from it)

    points = _line(entries, "fall-suspected")
    assert points[0].share == pytest.approx(8 / 24)
    assert points[0].x == pytest.approx(12 / (12 / 30))  # 12 false alarms in 12 home-days
    assert points[-1].x == 0.0
    shares = [p.share for p in points]
    assert shares == sorted(shares, reverse=True)


def test_frames_keep_one_scale_and_show_bad_pixels() -> None:
    cold, warm = np.full((8, 8), 2000, np.int16), np.full((8, 8), 3000, np.int16)
    warm[0, 0] = plots.BAD_PIXEL
    images, low, high = plots.pictures([cold, warm])
    assert len(set(images)) == 2
    assert (low, high) == (20.0, 30.0)
    _, low, high = plots.pictures([cold])
    assert high - low == plots.SPAN_K
    assert plots.pictures([np.full((2, 2), plots.BAD_PIXEL, np.int16)])[0]


def test_without_matplotlib_the_error_names_the_extra(
    measured: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in [m for m in sys.modules if m.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(plots.MissingMatplotlibError, match=re.escape("guardian-care[lab]")):
        page([measured])
