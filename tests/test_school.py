"""Weights say where they come from, the same seed gives the same file, and wrong names are named."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from detectors.posture import INPUTS, PLAIN, Doing, Network
from simulator import fitting, school
from simulator.fingerprint import fingerprint
from simulator.lessons import draw
from simulator.train import IGNORED, Examples
from tests.thermal import hastily, shipped

LESSONS = 6


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, float], list[str]]:
    """A network of few steps on few lessons, in blocks of four."""
    out = tmp_path_factory.mktemp("weights") / "new"
    heard: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        hastily(patch, steps=40)
        patch.setattr(school, "BLOCK", 4)
        figures = school.teach(
            shipped(), 3, LESSONS, "coarse", "ceiling", out, lambda _done, _all, what: heard.append(what)
        )
    return out / "ceiling-coarse.npz", figures, heard


def test_the_file_holds_a_network_and_where_it_comes_from(
    taught: tuple[Path, dict[str, float], list[str]],
) -> None:
    path, figures, heard = taught
    with np.load(path, allow_pickle=False) as file:
        held = {name: file[name] for name in file}
    net = Network(*(held[name] for name in Network.__dataclass_fields__))
    assert net(np.zeros((3, len(net.centre)), np.float32)).shape == (3, len(Doing) + 1)
    assert np.isfinite(net(net.centre[None])).all()
    assert str(held["command"]) == (
        "guardian train posture --seed 3 --lessons 6 --tiers coarse --mounts ceiling"
    )
    assert (str(held["seed"]), str(held["lessons"]), str(held["numpy"])) == ("3", "6", np.__version__)
    assert str(held["code"]) == fingerprint(weights=False) != fingerprint()
    assert f"fall_auc {figures['fall_auc']:.4f}" in str(held["figures"]).splitlines()
    assert heard.count("lessons coarse ceiling") == LESSONS
    assert "fit" in heard


def test_the_table_has_a_line_for_each_network(taught: tuple[Path, dict[str, float], list[str]]) -> None:
    _, figures, _ = taught
    table = school.table({"ceiling-coarse": figures, "wall-coarse": figures | {"fall_auc": float("nan")}})
    columns = {str(c.header): list(c.cells) for c in table.columns}
    assert columns["network"] == ["ceiling-coarse", "wall-coarse"]
    assert columns["fall auc"] == [f"{figures['fall_auc']:.3f}", "–"]
    assert {"up", "sitting", "low", "lying", "raised", "thing"} < set(columns)


def test_tiers_and_mounts_are_chosen_by_name() -> None:
    assert school.chosen("fine, coarse", "wall") == [("wall", "coarse"), ("wall", "fine")]
    assert school.chosen("unscaled,middle", "wall,ceiling") == [
        ("ceiling", "middle"),
        ("ceiling", "unscaled"),
        ("wall", "middle"),
    ]
    with pytest.raises(ValueError, match="no tier huge, there are: coarse, "):
        school.chosen("fine,huge", "wall")
    with pytest.raises(ValueError, match="no mount given, there are: ceiling, wall"):
        school.chosen("fine", ",")


def test_arrays_of_unknown_lens_learn_falls_from_acted_lessons_alone() -> None:
    group = [draw(1, k, "coarse", wall=False) for k in range(2)]
    acted, home = replace(group[0], number=0, kind="acted"), replace(group[1], number=1, kind="life")
    some = Examples(
        np.zeros((4, INPUTS), np.float32),
        np.zeros(4, np.int8),
        np.array([1, 0, 1, 0], np.int8),
        np.array([0, 0, 1, 1], np.int32),
        np.zeros(4, np.float32),
    )
    seen = school.in_laboratories([acted, home], some)
    assert seen.fell.tolist() == [1, 0, IGNORED, IGNORED]
    assert np.array_equal(seen.doing, some.doing)
    assert seen.x.shape == (4, PLAIN)


def test_no_examples_are_joined_to_none() -> None:
    none, one = Examples.joined([]), Examples.joined([Examples.joined([])] * 2)
    assert none.x.shape == one.x.shape == (0, INPUTS)
    some = Examples(
        np.ones((2, INPUTS), np.float32),
        np.ones(2, np.int8),
        np.ones(2, np.int8),
        np.ones(2, np.int32),
        np.ones(2, np.float32),
    )
    both = Examples.joined([none, some])
    for name in Examples.__dataclass_fields__:
        joined, its = getattr(both, name), getattr(some, name)
        assert joined.dtype == its.dtype == getattr(none, name).dtype
        assert np.array_equal(joined, its)


def test_what_costs_a_life_when_it_is_not_said_is_favoured_at_home_alone() -> None:
    rng = np.random.default_rng(4)
    n = 400
    doing, fell = rng.integers(0, len(Doing), n).astype(np.int8), rng.integers(0, 2, n).astype(np.int8)
    x, lesson = rng.normal(size=(n, INPUTS)).astype(np.float32), np.arange(n, dtype=np.int32) % 20
    some = Examples(x, doing, fell, lesson, np.zeros(n, np.float32))
    with pytest.MonkeyPatch.context() as patch:
        hastily(patch, steps=5)
        plain = replace(fitting.HOME, favour={})
        shift = fitting.fit(some, fitting.HOME, 1).network(x) - fitting.fit(some, plain, 1).network(x)
    wanted = [fitting.HOME.favour.get(k, 0.0) for k in range(len(Doing) + 1)]
    assert wanted[Doing.LYING] > 0 < wanted[fitting.FELL]
    assert shift == pytest.approx(np.tile(wanted, (n, 1)), abs=1e-4)
    assert not fitting.LABORATORY.favour
