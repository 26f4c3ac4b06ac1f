"""kill -9 at every named point, on both sides: each text comes, and the provider's list keeps it to one."""

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from alerting.courier import CRASH_POINTS
from alerting.incident import State
from alerting.ledger import Ledger, Message, messages, open_incidents
from tests.courier_child import PEOPLE, entries

ROOT = Path(__file__).parent.parent
OF_THE_WAVE = {"planning", "planned"}
"""Passed once for the wave; the others once for each of its three texts."""
KILLS = [(point, nth) for point in CRASH_POINTS for nth in ((1,) if point in OF_THE_WAVE else (1, 2, 3))]


def run(directory: Path, crash_at: str = "", nth: int = 0, seconds: int = 2) -> int:
    child = subprocess.run(
        [sys.executable, "-m", "tests.courier_child", str(directory), crash_at, str(nth), str(seconds)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert child.returncode in {0, -signal.SIGKILL}, child.stderr
    return child.returncode


def copies(directory: Path) -> Counter[str]:
    """How many copies of a text each person has."""
    names = {r.phone: r.id for r in PEOPLE.responders.values()}
    found = entries(directory / "books")
    assert len({e["body"] for e in found}) == len(PEOPLE.responders), (
        "the same body in every copy, one for each"
    )
    return Counter(names[e["phone"]] for e in found)


async def recorded(directory: Path) -> tuple[State, list[Message]]:
    ledger = await Ledger.open(directory / "ledger.db")
    (one,) = await ledger.transact(open_incidents)
    texts = await ledger.transact(lambda tx: messages(tx, one.id))
    await ledger.close()
    return one.state, texts


@pytest.mark.parametrize(("point", "nth"), KILLS)
async def test_killed_anywhere_every_text_comes_exactly_once(tmp_path: Path, point: str, nth: int) -> None:
    assert run(tmp_path, point, nth) == -signal.SIGKILL
    assert run(tmp_path) == 0
    assert copies(tmp_path) == {"a": 1, "b": 1, "c": 1}
    state, texts = await recorded(tmp_path)
    assert state is State.NOTIFIED
    assert [t.state for t in texts] == ["sent"] * 3
    assert {t.sid for t in texts} == {e["sid"] for e in entries(tmp_path / "books")}


@pytest.mark.parametrize("point", CRASH_POINTS)
def test_with_a_list_that_lags_one_kill_costs_one_more_copy_at_most(tmp_path: Path, point: str) -> None:
    (tmp_path / "lagging").touch()
    assert run(tmp_path, point, 1) == -signal.SIGKILL
    assert run(tmp_path) == 0
    found = copies(tmp_path)
    assert set(found) == {"a", "b", "c"}
    assert max(found.values()) <= 2, "the three are in flight together, so any of them may be the one"
    if point == "sent":
        assert found.total() > 3
    if point in OF_THE_WAVE | {"before-lease"}:
        assert found.total() == 3


def test_killed_at_every_point_one_after_the_other_still_everybody_is_asked(tmp_path: Path) -> None:
    """Seven kills in a row. A text that was in hand at three of them may be given up as "not confirmed";
    then its person is asked by another one before the deadline is anywhere near."""
    for point in CRASH_POINTS:
        run(tmp_path, point, 1)
    assert run(tmp_path, seconds=180) == 0
    found = Counter((e["phone"], e["body"]) for e in entries(tmp_path / "books"))
    assert {phone for phone, _ in found} == {r.phone for r in PEOPLE.responders.values()}
    assert max(found.values()) == 1, "the list is there: no body comes twice"


async def test_with_no_list_at_all_many_kills_come_to_three_copies_at_most(tmp_path: Path) -> None:
    """The three are in flight together, so a kill may count a copy for a text that was not sent yet; whoever
    is given up that way is asked by another text."""
    (tmp_path / "lagging").touch()
    for _ in range(6):
        run(tmp_path, "sent", 1)
    assert run(tmp_path, seconds=180) == 0
    found = Counter((e["phone"], e["body"]) for e in entries(tmp_path / "books"))
    assert {phone for phone, _ in found} == {r.phone for r in PEOPLE.responders.values()}
    assert max(found.values()) <= 3
