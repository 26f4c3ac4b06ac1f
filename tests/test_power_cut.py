"""The power goes at any call that the ledger makes of the disk; what was committed is there.

The full number: `python -m tests.powercut.run` (docs/alerting.md). Needs strace, and says so.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from tests.powercut.disk import Disk, How
from tests.powercut.run import Tally, cut
from tests.powercut.trace import Cut, Made, Op, Removed, Synced, TraceError, Written, read, record

HOME = Path("/state")
DB = "\\x2f\\x73\\x74\\x61\\x74\\x65\\x2f\\x6c\\x65\\x64\\x67\\x65\\x72\\x2e\\x64\\x62"
"""/state/ledger.db, as strace has it."""


def left(tmp_path: Path, ops: list[Op], how: How, seed: int = 1) -> dict[str, bytes]:
    disk = Disk()
    for op in ops:
        disk.do(op)
    with TemporaryDirectory(dir=tmp_path) as place:
        disk.leave(Path(place), how, np.random.default_rng(seed))
        return {f.name: f.read_bytes() for f in Path(place).iterdir() if f.name != "ledger.db-shm"}


# --- the disk ------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", How)
def test_what_was_synced_is_there_whatever_else_happens(tmp_path: Path, how: How) -> None:
    ops: list[Op] = [
        Made("ledger.db"),
        Written("ledger.db", 0, b"a" * 5000),
        Synced("ledger.db"),
        Synced(""),
        Written("ledger.db", 4096, b"b" * 904),
    ]
    for seed in range(20):
        found = left(tmp_path, ops, how, seed)["ledger.db"]
        assert found[:4096] == b"a" * 4096
        assert len(found) == 5000


def test_what_was_not_synced_may_be_there_or_not(tmp_path: Path) -> None:
    ops: list[Op] = [
        Made("ledger.db"),
        Synced(""),
        Written("ledger.db", 0, b"a" * 1024),
        Synced("ledger.db"),
        Written("ledger.db", 0, b"b" * 1024),
        Cut("ledger.db", 512),
    ]
    assert left(tmp_path, ops, How.NOTHING) == {"ledger.db": b"a" * 1024}
    assert left(tmp_path, ops, How.EVERYTHING) == {"ledger.db": b"b" * 512}
    first = {left(tmp_path, ops, How.FIRST, n)["ledger.db"] for n in range(60)}
    assert first == {b"a" * 1024, b"b" * 512 + b"a" * 512, b"b" * 1024, b"b" * 512}
    sectors = {left(tmp_path, ops, How.SECTORS_512, n)["ledger.db"] for n in range(60)}
    assert first < sectors
    assert b"a" * 512 + b"b" * 512 in sectors, "the second sector without the first"


def test_a_name_is_safe_once_its_folder_is_synced_and_not_before(tmp_path: Path) -> None:
    made: list[Op] = [Made("ledger.db-wal"), Written("ledger.db-wal", 0, b"a"), Synced("ledger.db-wal")]
    assert left(tmp_path, made, How.NOTHING) == {}
    removed: list[Op] = [*made, Synced(""), Removed("ledger.db-wal")]
    assert left(tmp_path, removed, How.NOTHING) == {"ledger.db-wal": b"a"}
    assert left(tmp_path, removed, How.EVERYTHING) == {}
    again: list[Op] = [*removed, Made("ledger.db-wal")]
    found = [left(tmp_path, again, How.SECTORS_512, n).get("ledger.db-wal") for n in range(30)]
    assert set(found) == {None, b"", b"a"}, "the old file, none, or the new one"


# --- the recording -------------------------------------------------------------------------------


def test_calls_are_read_in_the_order_of_their_returns() -> None:
    lines = [
        f'7 openat(AT_FDCWD</x>, "{DB}", O_RDWR|O_CREAT, 0644) = 4<{DB}>',
        f'7 pwrite64(4<{DB}>, "\\x61\\x62", 2, 4096 <unfinished ...>',
        f"8 fdatasync(4<{DB}>) = -1 EIO (Input/output error)",
        "7 <... pwrite64 resumed>) = 1",
        f"8 fdatasync(4<{DB}>) = 0",
        '8 write(1</dev/null>, "\\x61", 1) = 1',
    ]
    found = list(read(lines, HOME))
    assert found == [Made("ledger.db"), Written("ledger.db", 4096, b"a"), Synced("ledger.db")]


@pytest.mark.parametrize(
    "line",
    [
        f'7 rename("{DB}", "{DB}\\x32") = 0',
        f'7 pwritev(4<{DB}>, [{{iov_base="\\x61", iov_len=1}}], 1, 0) = 1',
        f"7 mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED, 4<{DB}>, 0) = 0x7f8dfc496000",
        f'7 pwrite64(4<{DB}>, "\\x61"..., 4096, 0) = 4096',
        f'7 pwrite64(4<{DB}>, "\\x61", 1, 0 <unfinished ...>',
        f"7 fdatasync(4<{DB}>) = ? <unavailable>",
    ],
    ids=["rename", "pwritev", "mapped", "cut short", "unfinished", "no answer"],
)
def test_what_the_model_does_not_know_is_an_error(line: str) -> None:
    with pytest.raises(TraceError):
        list(read([line], HOME))


def test_without_strace_there_is_a_clear_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _name: None)
    with pytest.raises(TraceError, match="strace is missing"):
        record(tmp_path, 1)


# --- the ledger ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Tally:
    return cut(2, 400, 21, tmp_path_factory.mktemp("full"))


@pytest.mark.slow
def test_no_committed_alert_is_lost_when_the_power_goes(recorded: Tally) -> None:
    assert recorded.wrong == []
    assert recorded.cuts == 400
    assert recorded.cuts_with_loss == recorded.damaged == recorded.alerts_lost == 0
    assert recorded.most_copies <= 3


@pytest.mark.slow
def test_the_cuts_fall_where_they_hurt(recorded: Tally) -> None:
    assert recorded.alerts > 400
    assert set(recorded.how) == set(How)
    assert 10 < recorded.kept_unreturned < recorded.within_commits, "a commit on its way may be kept or not"
    assert recorded.extra_copies > 0, "texts were in flight"


@pytest.mark.slow
@pytest.mark.parametrize("synchronous", ["NORMAL", "OFF"])
def test_a_ledger_that_asks_less_of_the_disk_is_found_out(tmp_path: Path, synchronous: str) -> None:
    found = cut(1, 60, 22, tmp_path, synchronous)
    assert found.cuts_with_loss > 20
    assert found.alerts_lost > 0
    assert (found.damaged > 0) == (synchronous == "OFF"), "NORMAL loses commits, OFF the file"
