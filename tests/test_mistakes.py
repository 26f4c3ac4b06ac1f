"""Mistakes of a roster in Chinese: none that the code can give is forgotten, and what was typed stays."""

import ast
import csv
import inspect
import io
import re
import tomllib
from collections.abc import Iterator
from datetime import date
from itertools import count
from typing import Any, Final

import pytest
from pydantic import ValidationError

from alerting import drill
from guardian import away, book, plan, quiet, roster_csv, roster_file, roster_source, settings
from guardian.web import people_pages, place_forms
from guardian.web.mistakes import AT, BOTH, HEADS, LONGEST, SAID, told
from guardian.web.words import EN, ZH
from tests.test_words import CHINESE

HOLE: Final = re.compile(r"%\(\w+\)s")
SENTENCE: Final = re.compile(r"[a-z]{2,} [a-z]{2,}", re.IGNORECASE)
"""Two words of English in a row; names of keys, and ids, stand alone."""
RAISED: Final = {"ValueError", "TableError", "SettingsError", "Refused", "DrillRefused"}
THERE: Final = ast.parse('f" {value} stands there {times} times"', mode="eval").body


def is_chinese(problem: str) -> None:
    said = told(ZH, problem)
    assert CHINESE.search(said), problem
    assert not SENTENCE.search(said), said


# --- what the sources say ---------------------------------------------------------------------------------


def texts(node: ast.AST) -> Iterator[ast.expr]:
    """Give the texts below a node; a piece of a formatted one is none of its own."""
    if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and " " in str(node.value).strip()):
        yield node
    elif not isinstance(node, ast.Constant):
        for child in ast.iter_child_nodes(node):
            yield from texts(child)


def mistakes_in(tree: ast.AST) -> Iterator[ast.expr]:
    """Give what is raised, yielded, or put on a list of problems."""
    for node in ast.walk(tree):
        match node:
            case ast.Yield(value=ast.JoinedStr(values=[ast.FormattedValue(ast.Name("what")), *_])):
                pass  # what stands there twice: its words come with each call
            case ast.Call(ast.Name("_doubled"), [what, _]):
                yield ast.JoinedStr([what, THERE])
            case ast.Call(ast.Name(name) | ast.Attribute(attr=name), [said]) if name in RAISED:
                yield from texts(said)
            case ast.Call(ast.Name("suffixed_err"), [_, _, said]):  # of tomllib
                yield from texts(said)
            case ast.Call(ast.Attribute(ast.Name("problems" | "wrong"), "append" | "insert"), [*_, said]):
                yield from texts(said)
            case (
                ast.Yield(ast.expr() as said)
                | ast.Assign([ast.Name("problems")], said)
                | ast.AnnAssign(ast.Name("problems"), value=ast.expr() as said)
                | ast.AugAssign(ast.Name("problems"), value=said)
            ):
                yield from texts(said)


def samples(part: Any, **known: str) -> list[str]:
    """Give every mistake of a module or function, each hole filled with a marker, or as is known."""
    tree, marks = ast.parse(inspect.getsource(part)), count()
    names: dict[str, ast.expr] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Assign(
                [ast.Name(name)], (ast.JoinedStr() as text) | ast.IfExp(body=ast.JoinedStr() as text)
            ):
                names[name] = text

    def written(node: ast.expr) -> str:
        match node:
            case ast.JoinedStr(values):
                return "".join(map(written, values))
            case ast.FormattedValue(ast.Name(name)) if name in names:
                return written(names[name])
            case ast.FormattedValue(hole):
                return known.get(ast.unparse(hole)) or f"m{next(marks)}m"
            case ast.Constant(text):
                return str(text)
        raise AssertionError(ast.dump(node))

    return [written(node) for node in mistakes_in(tree)]


def toml_samples() -> list[str]:
    """Give every mistake that Python's reader of TOML finds, with its place."""
    found = [said for said in samples(inspect.getmodule(tomllib.loads)) if not said.startswith("parse_float")]
    ends = ("at line 3, column 7", "at end of document")
    return [f"roster: not TOML: {said} ({at})" for said in found for at in ends]


def csv_samples() -> Iterator[str]:
    for text in ('a\n"b,1\n', 'a\n"b"c,1\n', "a" * 140_000):
        with pytest.raises(csv.Error) as caught:
            list(csv.reader(io.StringIO(text), strict=True))
        yield f"not a table: {caught.value}"


def shape_sample() -> str:
    """Give the one mistake of plan.py."""
    (said,) = [
        n for n in ast.walk(ast.parse(inspect.getsource(plan.shape_mistake))) if isinstance(n, ast.JoinedStr)
    ]
    return "".join(
        str(v.value) if isinstance(v, ast.Constant) else f"m{i}m" for i, v in enumerate(said.values)
    )


OURS: Final = (
    *samples(roster_file, name="roster"),
    *samples(roster_source),
    *samples(roster_csv, **dict.fromkeys(("n", "row.line", "seen[key]"), "7")),
    *samples(settings.phone_number),
    *samples(book.import_roster),
    *samples(people_pages),
    *samples(place_forms, n="7", **{"ids.index(one) + 1": "7"}),
    *samples(away, why="why they are away", what="until"),
    *samples(away.who_and_why, why="why nobody needs to hear of it"),
    *samples(quiet),
    *samples(drill, home="h01"),
    shape_sample(),
)
HINTS: Final = tuple(f"attribute: {words}" for _, words in roster_source._ATTRIBUTES.values())
ODD: Final[tuple[Any, ...]] = (
    *("", "x", "x" * 300, "1" * 5000, "1.5", 1, -1, 0.5, 1e9, float("nan"), float("inf"), True),
    *([], {}, ["x"], [1], {"x": 1}, {"X y": -1}, date(2026, 1, 1)),
)
"""What TOML can hold."""


def pydantic_samples() -> set[str]:
    """Give what pydantic says to each of these in each field of the roster."""
    out = {"missing"}
    for row in settings.Strict.__subclasses__():
        if row.__module__ != roster_file.__name__:
            continue
        for name, field in row.model_fields.items():
            for value in ODD:
                try:
                    row.model_validate({field.alias or name: value})
                except ValidationError as e:
                    out |= {
                        p["msg"].removeprefix("Value error, ")
                        for p in e.errors()
                        if p["type"] != "extra_forbidden"
                    }
                    out |= set(settings.lines("roster", e))
    return out


def test_what_is_looked_for_is_found() -> None:
    assert len(OURS) > 60
    for said in (
        "home m0m stands there m1m times",
        "a dialect needs a topic",
        "line 7, column m0m: empty",
        "line 7, column m0m: m1m is no number",
        "not a possible phone number",
        "this Guardian watches site m0m, the roster is of m1m",
        "the file is not UTF-8 text",
    ):
        assert re.sub(r"m\d+m", "mm", said) in {re.sub(r"m\d+m", "mm", one) for one in OURS}


@pytest.mark.parametrize("problem", [*OURS, *HINTS, *toml_samples(), *csv_samples()])
def test_every_mistake_of_the_code_is_told_with_all_that_was_typed(problem: str) -> None:
    is_chinese(problem)
    marks = re.findall(r"m\d+m", problem)
    assert sorted(re.findall(r"m\d+m", told(ZH, problem))) == sorted(marks)
    assert told(EN, problem) == problem


def test_every_mistake_that_pydantic_finds_is_told() -> None:
    found = pydantic_samples()
    assert len(found) > 100
    for problem in found:
        if len(problem) <= LONGEST:
            is_chinese(problem)
            assert "^[" not in told(ZH, problem), "a pattern is nothing to read"


def test_nothing_is_told_that_nobody_says() -> None:
    said = "\n".join([*OURS, *HINTS, *toml_samples(), *csv_samples(), *pydantic_samples()])
    for msgid in {*HEADS, *SAID} - {"line %(line)s", "column (no name): not one of %(columns)s"}:
        pieces = [re.escape(piece) for piece in HOLE.split(msgid)]
        assert re.search(".*?".join(pieces), said), msgid


def test_a_translation_has_the_holes_of_its_message() -> None:
    for msgid in (*HEADS, *SAID, AT, BOTH):
        holes = [hole for hole in HOLE.findall(msgid) if hole != "%(length)s"]  # always the same, in words
        assert sorted(HOLE.findall(ZH.text(msgid))) == sorted(holes), msgid


# --- what was typed ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed", ["100%", "%(line)s", "a: b", "a; b", "x is no number", "9\n9", "张三", "{0}", "<b>"]
)
def test_what_was_typed_stands_there_as_it_was_typed(typed: str) -> None:
    assert (
        told(ZH, f"line 2, column entry_s: {typed} is no number") == f"第 2 行 entry_s 列：{typed} 不是数字"
    )
    assert (
        told(ZH, f"roster: homes.0 ({typed}).card: missing")
        == f"名册：homes.0 ({typed}).card 有误：缺少，必须填写"
    )
    assert told(ZH, f"roster: site.{typed}: unknown key") == f"名册：site.{typed}：没有这个字段"
    key = told(ZH, f"roster: responders.0.travel_s.{typed}.[key]: Field required")
    assert key == f"名册：responders.0.travel_s.{typed}.[key] 有误：必须填写"


def test_several_mistakes_of_one_sensor_are_told_each() -> None:
    row = {
        "dialect": "zigbee2mqtt",
        "kind": "door",
        "topic": "zigbee2mqtt/a",
        "attribute": "action",
        "scale": 2.0,
    }
    row |= {"invert": True, "format": "json"}
    joined = "; ".join(roster_source.mistakes_of(row))
    assert joined.count("; ") == 4
    for problem in (joined, f"roster: homes.0 (h01).sensors.2: {joined}", f"line 3: {joined}"):
        is_chinese(problem)
        assert told(ZH, problem).count("；另外，") == 4


@pytest.mark.parametrize("unknown", ["", "Nobody knows this", "x: Nobody knows this", "?" * 5000])
def test_what_is_not_known_stays_as_it_is(unknown: str) -> None:
    assert told(ZH, unknown) == unknown


@pytest.mark.parametrize(
    "piece", ["a: ", "missing; ", "a: missing; ", "line 2: ", "home a: sensor b stands in room c"]
)
def test_no_text_takes_long(piece: str) -> None:
    """Each would take years if every way to read it were tried."""
    assert told(ZH, (piece * LONGEST)[:LONGEST])
