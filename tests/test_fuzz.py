"""Fuzzing: a second of every entry point, and that bugs planted in one are found, shortened and measured."""

import io
import json
import mmap
import time
import zipfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from guardian.refusals import MAX_STRANGERS
from guardian.wire import Reason, Reject
from simulator.fuzz import command
from simulator.fuzz.dice import Dice
from simulator.fuzz.entries import ENTRIES
from simulator.fuzz.entry import TAKEN, Entry
from simulator.fuzz.mutators import Mutator
from simulator.fuzz.run import MOST_GROWTH_MB, Fuzz, Result, run_entry
from simulator.fuzz.trace_entries import packed_array

QUICK: dict[str, int] = {"settings": 200, "parameters": 40, "roster": 100, "source": 200, "trace": 300}
"""Inputs in `make test` of those that read files; 1,000 of the others."""
MINUTE: dict[str, int] = {"settings": 1000, "parameters": 300, "roster": 1000, "source": 3000, "trace": 3000}
MINUTE |= {"webhook": 5000, "aliyun": 5000}
"""In `make test-all`; 60,000 of the others."""


def silent(_done: int, _whole: int) -> None:
    """Nobody looks on."""


def clean(result: Result) -> None:
    assert result.failures == []
    assert result.growth_mb <= MOST_GROWTH_MB


@pytest.mark.parametrize("name", ENTRIES)
def test_a_second_of_every_entry_point(name: str, tmp_path: Path) -> None:
    result = run_entry(name, 3, tmp_path, count=QUICK.get(name, 1000), say=silent)
    clean(result)
    assert sum(result.outcomes.values()) == result.mutated + result.structured
    assert len(result.outcomes) > 1, "all inputs fared alike: nothing was tried"


@pytest.mark.slow
@pytest.mark.parametrize("name", ENTRIES)
def test_a_minute_of_all(name: str, tmp_path: Path) -> None:
    result = run_entry(name, 4, tmp_path, count=MINUTE.get(name, 60_000), say=silent)
    clean(result)


@pytest.mark.parametrize("name", ENTRIES)
def test_what_is_sound_is_taken(name: str) -> None:
    """The damaged inputs come from sound ones, or they would all end at the first check."""
    with ExitStack() as stack:
        entry = ENTRIES[name](stack)
        words = set()
        for data in entry.corpus:
            try:
                words.add(entry.call(data))
            except entry.allowed as error:
                words.add(type(error).__name__)
        assert any(word.startswith(TAKEN) for word in words)


def test_the_same_seed_makes_the_same_inputs() -> None:
    def some(seed: int) -> list[bytes]:
        mutator = Mutator(Dice(seed), [b'{"value":1}', b"GT"], [b"value"], 1024)
        return [mutator.one() for _ in range(500)]

    assert some(1) == some(1)
    assert some(1) != some(2)
    assert len(set(some(1))) > 400


def planted(call: Callable[[bytes], str]) -> Entry:
    return Entry("planted", (b'{"value":21.5,"t":1}',), lambda dice: dice.raw(20), call, (Reject,), 5000)


def test_a_planted_bug_is_found_and_its_input_is_short(tmp_path: Path) -> None:
    def call(data: bytes) -> str:
        if b"]" in data and b"{" in data:
            raise KeyError("t")
        raise Reject(Reason.BAD_JSON)

    result = Fuzz(planted(call), 1, tmp_path).run(3000, 0, silent)
    (failure,) = result.failures
    assert failure.what.startswith("KeyError in test_fuzz.py")
    assert failure.size == 2
    assert sorted(bytes.fromhex(Path(failure.file).read_text("ascii"))) == sorted(b"{]")


def test_what_is_slow_each_time_is_found_and_what_was_slow_once_is_not(tmp_path: Path) -> None:
    once = [True]

    def call(data: bytes) -> str:
        until = time.thread_time() + (0.02 if data.startswith(b"\xff") or once[0] else 0)
        once[0] = False
        while time.thread_time() < until:
            pass
        return TAKEN

    result = Fuzz(planted(call), 1, tmp_path).run(1, 0, silent)
    assert (result.retried, result.over_limit, result.failures) == (1, 0, [])
    result = Fuzz(planted(call), 1, tmp_path).run(2000, 0, silent)
    assert result.over_limit > 0
    assert result.failures[0].what.startswith("slow: 2")


def test_memory_that_grows_is_seen(tmp_path: Path) -> None:
    kept: list[mmap.mmap] = []

    def call(_data: bytes) -> str:
        kept.append(mmap.mmap(-1, 20_000))  # pages of its own: the heap may have room from earlier tests
        kept[-1].write(b"x" * 20_000)
        return TAKEN

    assert Fuzz(planted(call), 1, tmp_path).run(5000, 0, silent).growth_mb > MOST_GROWTH_MB


@pytest.mark.slow
def test_a_million_random_topics_leave_memory_flat_and_are_counted(tmp_path: Path) -> None:
    """Strangers are counted by name up to a cap, without state and without their payloads."""
    with ExitStack() as stack:
        result = Fuzz(ENTRIES["topic"](stack), 5, tmp_path).run(500_000, 500_000, silent)
    clean(result)
    assert result.outcomes["unknown-home"] > 100 * MAX_STRANGERS
    assert sum(result.outcomes.values()) == 1_000_000


def test_the_command_writes_its_figures_and_fails_where_something_was_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = command.fuzz("packet", 500, 1, tmp_path)
    assert figures["packet"]["mutated"] == 500
    assert json.loads(json.dumps(figures)) == figures
    assert "packet" in command.table(figures)
    command.failed(figures)
    figures["packet"]["growth_mb"] = 21.0
    with pytest.raises(SystemExit):
        command.failed(figures)
    assert "memory grew by 21.0 MB" in capsys.readouterr().err.replace("\n", " ")


def test_a_packed_array_is_packed() -> None:
    """The header of an array is what is damaged, not the archive around it."""
    with zipfile.ZipFile(io.BytesIO(packed_array(b"{}\nabc"))) as packed:
        assert packed.read("t_ms.npy") == b"\x93NUMPY\x01\x00\x03\x00{}\nabc"
