"""What a finding's numbers say: every number of every detector has words, in sentences that are so."""

import ast
from pathlib import Path

import pytest

from alerting.concern import Kind
from guardian.web.evidence_words import HOURS_TO, NUMBERS, SAYINGS, numbers, sentences
from guardian.web.words import EN, ZH

ROOT = Path(__file__).parent.parent
SOURCES = [
    *(ROOT / "detectors").glob("*.py"),
    *(ROOT / "guardian").glob("*.py"),
    *(ROOT / "alerting").glob("*.py"),
]
TAKES = {"_finding", "finding", "_fire", "_found"}
"""Functions that are handed evidence."""


def keys_in(source: str) -> set[str]:
    """Give the keys of every dictionary that becomes evidence."""
    tree = ast.parse(source)
    dicts = list[ast.expr]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            dicts += [k.value for k in node.keywords if k.arg == "evidence"]
            if isinstance(node.func, ast.Name | ast.Attribute):
                name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
                dicts += node.args if name in TAKES else []
        elif isinstance(node, ast.Assign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(t, ast.Name) and t.id in {"evidence", "later", "together"} for t in targets):
                dicts.append(node.value)
    found = set[str]()
    for value in dicts:
        for inner in ast.walk(value):
            if isinstance(inner, ast.Dict):
                found |= {
                    k.value for k in inner.keys if isinstance(k, ast.Constant) and isinstance(k.value, str)
                }
    return found


def test_every_number_of_every_detector_has_words() -> None:
    written = set[str]().union(*(keys_in(p.read_text("utf-8")) for p in SOURCES))
    assert len(written) > 50
    assert {"fall_seen", "surprise_nats", "cause", "heat_index_c", "growth", "open_min", "late_s"} <= written
    assert sorted(written - set(NUMBERS)) == []
    needed = {name for saying in SAYINGS for name in saying.needs}
    assert sorted(needed - set(NUMBERS)) == []


def test_a_forgotten_number_would_be_seen() -> None:
    assert keys_in('f(evidence={"new_k": 1.0})\nevidence |= {"other_s": 2.0}\n_fire(s, {"third": 3.0})') == {
        "new_k",
        "other_s",
        "third",
    }


FALL = {"fall_seen": 1.0, "down_s": 14.2, "lying_s": 11.0, "in_sight": 1.0, "fall_log_odds": 7.5}


@pytest.mark.parametrize(
    ("kind", "evidence", "says"),
    [
        (
            Kind.FALL_CONFIRMED,
            FALL,
            ["Came down fast, as in a fall.", "Low down for 14 s, lying for 11 s."],
        ),
        (
            Kind.LONG_LIE,
            {**FALL, "fall_seen": 0.0, "in_sight": 0.0},
            [
                "Nobody saw the fall itself: somebody lies where nobody lies down on purpose.",
                "Low down for 14 s, lying for 11 s.",
                "Cannot be seen at this moment.",
            ],
        ),
        (
            Kind.INACTIVITY,
            {"silent_min": 312.0, "surprise_nats": 9.1},
            ["No movement for 312 min, which is unusual for this person at this hour."],
        ),
        (
            Kind.COLD,
            {"temperature_c": 15.24, "level_c": 16.0, "beyond_min": 61.0, "hours_to_12_c": 5.2},
            [
                "15.2 °C, beyond the limit of 16 °C for 61 min.",
                "Will fall below 12 °C in 5 h.",
            ],
        ),
        (Kind.BLIND, {"cause": 17.0, "homes_dark": 40.0}, [EN.faults[17], "40 homes fell silent together."]),
        (Kind.SOS, {}, []),
        (Kind.SOS, {"late_s": 300.0}, ["Was on the way for 300 s before it reached us."]),
    ],
)
def test_a_finding_is_said_in_sentences(kind: Kind, evidence: dict[str, float], says: list[str]) -> None:
    assert sentences(EN, kind, evidence) == says
    assert len(sentences(ZH, kind, evidence)) == len(says)


def test_every_kind_with_evidence_has_a_sentence_of_its_own() -> None:
    speaks = {Kind.SOS, Kind.SMOKE, Kind.GAS, Kind.WATER, Kind.CANCEL, Kind.DRILL, Kind.IN_SIGHT}
    own = {kind for saying in SAYINGS if len(saying.kinds) < len(Kind) for kind in saying.kinds}
    assert own == set(Kind) - speaks, "what a button or an alarm says needs none"


def test_numbers_have_names_and_units_and_unknown_ones_their_key() -> None:
    assert numbers(EN, {"down_s": 14.25, "new": 1.0}) == [("low down for", "14.25 s"), ("new", "1")]
    assert numbers(ZH, {"down_s": 14.25})[0][1] == "14.25 s"
    assert HOURS_TO == "hours_to_"
