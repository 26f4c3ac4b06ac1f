"""What a track does: the network and the filter equal loops, and every row is its own."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from detectors import posture
from detectors.posture import ABSOLUTE, AT_HOME, BANKED, INPUTS, NUMBERS, PLAIN, Doing, Network
from detectors.tracks import BANK_S, Tracks
from simulator.twins.posture import believed_one, logits_of
from tests.thermal import optics, shipped

PARAMS = shipped().posture
F32 = NDArray[np.float32]


def network(seed: int, hidden: int = 7) -> Network:
    rng = np.random.default_rng(seed)
    shapes = ((INPUTS,), (INPUTS,), (INPUTS, hidden), (hidden,), (hidden, len(Doing) + 1), (len(Doing) + 1,))
    return Network(*(rng.normal(0, 0.5, s).astype(np.float32) for s in shapes))


def lines(dt_s: list[float | None], there: list[bool]) -> Tracks:
    n = len(dt_s)
    zero, none = np.zeros(n, np.float32), np.arange(n)
    begun = np.array([d is None for d in dt_s], np.bool_)
    dt = np.array([d or 0.0 for d in dt_s], np.float32)
    return Tracks(none, none, none, np.array(there, np.bool_), begun, dt, zero, zero)


@pytest.mark.parametrize("n", [0, 1, 64, 65])
def test_the_network_equals_the_loop(n: int) -> None:
    net = network(1)
    x = np.random.default_rng(2).normal(0, 4, (n, INPUTS)).astype(np.float32)
    x[:1] *= 1e6  # far out: counts as FARTHEST
    got = net(x)
    assert got.shape == (n, len(Doing) + 1)
    for k in range(n):
        assert got[k].tolist() == pytest.approx(logits_of(net, x[k].tolist()), rel=1e-3, abs=1e-3)


def test_a_row_gives_the_same_bits_in_whatever_company() -> None:
    net = network(3, hidden=40)
    x = np.random.default_rng(4).normal(0, 1, (197, INPUTS)).astype(np.float32)
    whole = net(x)
    order = np.random.default_rng(5).permutation(len(x))
    assert np.array_equal(net(x[order]), whole[order])
    assert np.array_equal(np.concatenate([net(x[:1]), net(x[1:70]), net(x[70:])]), whole)


beliefs = st.lists(st.floats(0.01, 1.0), min_size=len(Doing), max_size=len(Doing))


@given(
    st.lists(
        st.tuples(
            beliefs,
            st.lists(st.floats(-30, 30), min_size=len(Doing) + 1, max_size=len(Doing) + 1),
            st.one_of(st.none(), st.floats(0.03, 10)),
            st.booleans(),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_the_filter_equals_the_loop(
    rows: list[tuple[list[float], list[float], float | None, bool]],
) -> None:
    before = np.array([r[0] for r in rows], np.float32)
    before /= before.sum(axis=1, keepdims=True)
    logits = np.array([r[1] for r in rows], np.float32)
    line = lines([r[2] for r in rows], [r[3] for r in rows])
    got = posture.believed(PARAMS, before, line, logits)
    for k, (_, _, dt_s, there) in enumerate(rows):
        want = before[k].tolist()
        if there:
            want = believed_one(PARAMS, want, logits[k].tolist(), dt_s)
        assert got[k].tolist() == pytest.approx(want, abs=1e-4)


def test_one_word_is_doubted_and_ten_seconds_of_it_are_believed() -> None:
    belief = np.full((1, len(Doing)), 1 / len(Doing), np.float32)
    believed = []
    logits = np.zeros((1, len(Doing) + 1), np.float32)
    for k, says in enumerate([Doing.UP] * 40 + [Doing.LYING] * 40):
        logits[0, :-1] = np.where(np.arange(len(Doing)) == says, 4, 0)
        belief = posture.believed(PARAMS, belief, lines([0.25 if k else None], [True]), logits)
        believed.append(Doing(int(belief.argmax())))
    assert believed[39:42] == [Doing.UP] * 3
    assert believed[-1] == Doing.LYING


def test_inputs_are_the_newest_and_its_changes() -> None:
    bank = np.random.default_rng(1).normal(0, 1, (3, len(BANK_S), BANKED)).astype(np.float32)
    x = posture.inputs(bank, np.array([0, 3, 500], np.float32), np.array([True, False, True]))
    assert x.shape == (3, INPUTS)
    own, home = range(len(NUMBERS)), range(len(NUMBERS), BANKED)
    pairs = range(len(BANK_S) - 1)
    for k, age_s in enumerate((0, 3, 20)):
        plain = [*bank[k, 0, :ABSOLUTE], *(bank[k, b, n] - bank[k, b + 1, n] for b in pairs for n in own)]
        plain += [np.log(1 + age_s)]
        more = [
            *bank[k, 0, len(NUMBERS) :],
            *(bank[k, b, n] - bank[k, b + 1, n] for b in pairs for n in home),
        ]
        assert len(plain) == PLAIN
        assert x[k].tolist() == pytest.approx([*map(float, (*plain, *more)), float(k != 1)])


def test_weights_that_were_never_told_metres_see_nothing_of_furniture() -> None:
    net = Network(*(a[:PLAIN] if len(a) == INPUTS else a for a in vars_of(network(8))))
    x = np.random.default_rng(9).normal(0, 1, (5, INPUTS)).astype(np.float32)
    other = x.copy()
    other[:, PLAIN:] += 7
    assert np.array_equal(net(x), net(other))
    assert len(posture.network("ceiling", posture.UNSCALED).centre) == PLAIN


def vars_of(net: Network) -> list[F32]:
    return [getattr(net, name) for name in Network.__dataclass_fields__]


def test_at_home_size_that_flutters_is_told_from_size_that_stays() -> None:
    steady = np.zeros((2, BANKED), np.float32)
    now = np.zeros((2, len(NUMBERS)), np.float32)
    now[:, NUMBERS.index("log_area")] = [0.25, -3.0]
    now[:, NUMBERS.index("log_along")] = [-0.5, 0.0]
    away = np.array([[1, 2, 3, 4, 5]] * 2, np.float32)
    warmer = np.array([-1.5, 0.5], np.float32)
    got = posture.at_home(now, steady, lines([0.25, 0.25], [True, True]), away, warmer)
    assert got.shape == (2, len(AT_HOME))
    assert got.tolist() == [[1, 2, 3, 4, 5, -1.5, 0.25, 0.5], [1, 2, 3, 4, 5, 0.5, 1.0, 0.0]]
    begun = posture.at_home(now, steady, lines([None, None], [True, True]), away, warmer)
    assert begun[:, -2:].tolist() == [[0, 0], [0, 0]]


def test_every_array_has_shipped_weights_that_fit() -> None:
    for rows, cols, kind in ((8, 8, "coarse"), (12, 16, "middle"), (24, 32, "fine")):
        assert posture.tier(rows, cols) == kind
        assert set(posture.shipped(optics(rows, cols, 2))) == {"ceiling"}
        for mount in ("ceiling", "wall"):
            net = posture.network(mount, kind)
            assert net(np.zeros((1, INPUTS), np.float32)).shape == (1, len(Doing) + 1)


def test_saved_weights_come_back_and_say_where_they_are_from(tmp_path: Path) -> None:
    net = network(6)
    posture.saved(tmp_path / "a.npz", net, {"command": "guardian train posture", "seed": "6"})
    posture.saved(tmp_path / "b.npz", net, {"command": "guardian train posture", "seed": "6"})
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        assert str(file["command"]) == "guardian train posture"
        assert all(np.array_equal(file[n], getattr(net, n)) for n in Network.__dataclass_fields__)
