"""A backup made while Guardian runs brings back what was open, learnt and seen; a damaged one nothing."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from alerting import ledger as records
from alerting.concern import SEVERITY, Concern, Kind
from alerting.ledger import Ledger, Tx, lock_state
from guardian import desk, snapshot
from guardian.backup import MANIFEST, BackupError, make, restore
from guardian.cli import app
from guardian.evidence import Evidence
from guardian.history.embedded import BLOCK, Embedded
from guardian.history.pack import MINUTE, SEEN
from guardian.preroll import Strip
from guardian.settings import CONFIG
from guardian.spares import spare_route
from guardian.web.serve import serve
from tests.alerting_people import T0

MINUTE_MS = 60_000
HAN = ZoneInfo("Asia/Shanghai")


@dataclass
class Centre:
    """An installation whose daemon has the ledger open."""

    state: Path
    config: Path
    ledger: Ledger
    ended: bool = False

    async def opens(self, home: str) -> None:
        def work(tx: Tx) -> None:
            fall = Concern(home, Kind.FALL_CONFIRMED, T0, T0, 0.9)
            records.open_new(
                tx, fall, severity=SEVERITY[fall.kind], deadline_ms=T0 + 600_000, late=False, now_ms=T0
            )

        await self.ledger.transact(work)

    async def ends(self) -> None:
        if not self.ended:
            self.ended = True
            await self.ledger.close()

    async def runs(self, *words: str) -> Result:
        given = [*words, "--config", str(self.config)]
        return await asyncio.to_thread(lambda: CliRunner().invoke(app, given))


def config_of(folder: Path, state: Path) -> Path:
    text = (CONFIG / "guardian.toml").read_text("utf-8").splitlines()
    lines = [f'state_directory = "{state}"' if line.startswith("state_directory") else line for line in text]
    folder.mkdir(exist_ok=True)
    (folder / "guardian.toml").write_text("\n".join(lines), "utf-8")
    return folder / "guardian.toml"


@asynccontextmanager
async def running(state: Path, ledger: Ledger) -> AsyncIterator[None]:
    """Let the desk of a daemon answer, which holds the lock."""

    async def nothing(*_: object) -> dict[str, Any]:
        return {}

    at_the_desk = desk.desk_app(
        status=dict,
        import_roster=nothing,
        export_roster=nothing,
        calendar=None,  # type: ignore[arg-type]  # nobody asks it here
        silences=None,  # type: ignore[arg-type]
        more=[spare_route(ledger)],
    )
    with lock_state(state):
        async with serve(at_the_desk, desk.socket_path(state)):
            yield


@pytest.fixture
async def centre(tmp_path: Path) -> AsyncIterator[Centre]:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    ledger = await Ledger.open(state / "ledger.db")
    made = Centre(state, config_of(tmp_path / "etc", state), ledger)
    await made.opens("h01")
    snapshot.save(state, snapshot.Snapshot(0, {"board.x": np.arange(9)}))
    seen = Strip("t0", "living", np.full((5, 8, 8), 7, np.uint8), np.arange(5))
    Evidence.at(state).save(1, "h01", [seen])
    history = Embedded(state / "history.db", HAN)
    for k in range(2 * BLOCK):
        rows = np.zeros(1, MINUTE)
        rows["flags"] = SEEN
        history.take(T0 + k * MINUTE_MS, ("h01",), ("living",), rows)
    history.close(T0 + 2 * BLOCK * MINUTE_MS)
    yield made
    await made.ends()


async def test_a_dead_machine_goes_on_on_another_one_where_it_was(centre: Centre, tmp_path: Path) -> None:
    async with running(centre.state, centre.ledger):
        out = tmp_path / "kept"
        done = await centre.runs("backup", str(out))
        assert done.exit_code == 0, done.output
        await centre.opens("h02")  # after it: not in it
        assert (await centre.runs("backup", str(out))).exit_code == 1, "nothing is written over"
        assert (await centre.runs("restore", str(out))).exit_code == 1, "not below a running Guardian"
    assert {oct(p.stat().st_mode & 0o777) for p in (out, *out.rglob("*")) if p.is_file()} == {"0o600"}
    await centre.ends()
    shutil.rmtree(centre.state)
    centre.state.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(centre.state, 12345, 12345)  # the service's user, who must be able to write all of it

    done = await centre.runs("restore", str(out))
    assert done.exit_code == 0, done.output
    assert "1 incidents are open" in done.output
    owners = {(p.stat().st_uid, p.stat().st_gid) for p in (centre.state, *centre.state.rglob("*"))}
    assert owners == {(centre.state.stat().st_uid, centre.state.stat().st_gid)}
    again = await Ledger.open(centre.state / "ledger.db")
    assert [i.home for i in await again.transact(records.open_incidents)] == ["h01"]
    await again.close()
    assert Evidence.at(centre.state).load(1, "h01")[0].frames.shape == (5, 8, 8)
    learnt = snapshot.newest(centre.state)
    assert learnt is not None
    assert learnt.arrays["board.x"].tolist() == list(range(9))
    history = Embedded(centre.state / "history.db", HAN)
    assert len((await history.minutes("h01", T0 - MINUTE_MS, T0 + 9 * 3_600_000)).t_ms) == 2 * BLOCK
    history.close(T0)
    twice = await centre.runs("restore", str(out))
    assert (twice.exit_code, "a ledger stands here" in twice.output) == (1, True)


async def test_it_is_made_without_a_daemon_too(centre: Centre, tmp_path: Path) -> None:
    await centre.ends()
    done = await centre.runs("backup", str(tmp_path / "kept"))
    assert done.exit_code == 0, done.output
    assert (tmp_path / "kept" / "ledger.db").stat().st_size > 0


async def test_every_damaged_file_is_named_and_nothing_is_written(centre: Centre, tmp_path: Path) -> None:
    await centre.ledger.make_spare()
    kept = tmp_path / "kept"
    spare = centre.state / "ledger.db.spare"
    make(centre.state, kept, lambda: spare, version="1", now_ms=T0)
    raw = bytearray((kept / "ledger.db").read_bytes())
    raw[5000] ^= 1
    (kept / "ledger.db").write_bytes(raw)
    (kept / "evidence" / "1.strip").unlink()
    empty = tmp_path / "empty"
    with pytest.raises(BackupError) as caught:
        restore(kept, empty)
    assert str(caught.value).splitlines() == ["evidence/1.strip: missing", "ledger.db: damaged"]
    assert not empty.exists()


def test_what_is_no_backup_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="no backup of Guardian's"):
        restore(tmp_path, tmp_path / "state")
    sly = '{"version":"1","made_ms":0,"files":[{"path":"../x","size":0,"sha256":""}]}'
    (tmp_path / MANIFEST).write_text(sly)
    with pytest.raises(BackupError, match="leads out of the folder"):
        restore(tmp_path, tmp_path / "state")
    (tmp_path / MANIFEST).write_text('{"version":"1","made_ms":0,"files":[]}')
    with pytest.raises(BackupError, match="no ledger in it"):
        restore(tmp_path, tmp_path / "state")


async def test_a_backup_that_fails_leaves_no_folder_that_looks_like_one(
    centre: Centre, tmp_path: Path
) -> None:
    with pytest.raises(BackupError):
        make(centre.state, tmp_path / "kept", lambda: tmp_path / "none", version="1", now_ms=T0)
    assert not (tmp_path / "kept").exists()
    assert os.listdir(tmp_path / "kept.unfinished")  # noqa: PTH208  # told apart by its name
