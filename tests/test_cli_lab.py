"""The developers' commands as they are typed: what they say, what they write, how they fail."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SMALL = ("--suite", "falls", "--homes", "1", "--sensors", "amg8833", "--kinds", "trip")


def guardian(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "guardian", *map(str, words)], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("lab") / "falls.json"
    done = guardian("evaluate", *SMALL, "--seed", "4", "--json", file)
    assert done.returncode == 0, done.stderr
    assert "falls/ceiling/8x8/trip" in done.stdout
    assert "fall-confirmed" in done.stdout
    return file


def test_what_is_measured_is_written(result: Path) -> None:
    told = json.loads(result.read_text("utf-8"))
    assert told["seed"] == 4
    assert told["machine"]["cores"] >= 1
    assert [e["name"] for e in told["traces"]] == ["falls/ceiling/8x8/trip", "falls/wall/8x8/trip"]


@pytest.mark.parametrize(("language", "title"), [("en", "Guardian: what"), ("zh", "计数与比率")])
def test_one_page_is_made_of_it(result: Path, tmp_path: Path, language: str, title: str) -> None:
    page = tmp_path / "page.html"
    done = guardian("report", result, "--out", page, "--language", language)
    assert done.returncode == 0, done.stderr
    text = page.read_text("utf-8")
    assert title in text
    assert "falls/ceiling/8x8" in text
    assert "http" not in text.replace("http://www.w3.org", "")  # nothing is fetched


def test_tables_alone(result: Path, tmp_path: Path) -> None:
    assert guardian("report", result, "--out", tmp_path / "t.md").returncode == 0
    assert "| falls/wall/8x8/trip | fall-suspected |" in (tmp_path / "t.md").read_text("utf-8")


@pytest.mark.slow
def test_a_written_suite_can_be_evaluated(tmp_path: Path) -> None:
    done = guardian("simulate", *SMALL, "--out", tmp_path / "t", "--json", tmp_path / "s.json")
    assert done.returncode == 0, done.stderr
    assert "2 homes" in done.stdout
    assert json.loads((tmp_path / "s.json").read_text("utf-8"))["sensor_hours_per_hour"] > 0
    done = guardian("evaluate", tmp_path / "t")
    assert done.returncode == 0, done.stderr
    assert "falls-1" in done.stdout


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("evaluate",), 2, "either folders of traces or --suite"),
        (("evaluate", "--suite", "fals"), 2, "no suite 'fals'"),
        (("evaluate", "--suite", "falls", "--homes", "0", "--sensors", "x"), 2, "no 'x', there are"),
        (("evaluate", "/nowhere/at/all"), 1, "trace.toml: missing"),
        (
            ("simulate", "--suite", "falls", "--kinds", "jump", "--out", "{tmp}/t"),
            2,
            "no kind jump",
        ),
        (("report", "{tmp}/none.json"), 1, "none.json"),
        (("picture", "nosuch", "--out", "{tmp}/x.png"), 1, "no suite 'nosuch'"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(
    tmp_path: Path, words: tuple[str, ...], status: int, said: str
) -> None:
    done = guardian(*(w.replace("{tmp}", str(tmp_path)) for w in words))
    assert done.returncode == status
    assert said in done.stderr
    assert "Traceback" not in done.stderr
