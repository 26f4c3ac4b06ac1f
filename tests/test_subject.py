"""Whose data it is: all of it is handed over, and after its end no file here holds the name."""

import asyncio
import base64
import io
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from alerting import ledger as records
from alerting.concern import SEVERITY, Concern, Kind
from alerting.incident import Closed, Paged
from alerting.ledger import Absence, Consent, Ledger, Silence, Tx
from guardian import desk, roster, roster_store
from guardian.away import Calendar
from guardian.cli import app
from guardian.desk import Refused
from guardian.evidence import Evidence
from guardian.history.embedded import BLOCK, Embedded
from guardian.history.pack import MINUTE, SEEN
from guardian.preroll import Strip
from guardian.quiet import Silences
from guardian.roster_file import RosterFile, read
from guardian.settings import CONFIG
from guardian.subject import Subjects, subject_routes
from guardian.web.serve import serve
from tests.alerting_people import T0, SetClock

MARK = "欧阳旖旎"
"""A name that stands nowhere else."""
WORDS = (
    "Qwzxerase lane 7",
    "Qwzxkey under the mat",
    "Qwzxgate 99#",
    "Qwzxallergy",
    "Qwzxdaughter",
    "Qwzxform",
)
PHONE = "+862161234567"
WENT = "+8613912345678"
EXAMPLE = read((CONFIG / "roster.example.toml").read_text("utf-8"))
MINUTE_MS = 60_000


def with_people(file: RosterFile) -> RosterFile:
    """Give the roster with somebody to be found in h01, and a responder."""
    whole = file.model_dump(by_alias=True, exclude_none=True, mode="json")
    lane, key, gate, ill, *_ = WORDS
    whole["homes"][0]["resident"] = {
        "name": MARK, "phone": PHONE, "address": lane, "key_at": key, "door_code": gate, "medical": ill
    }  # fmt: skip
    whole["responders"].append({"name": "Qwzxresponder", "phone": WENT, "travel_s": {"h01": 60}})
    return RosterFile.model_validate(whole)


def without_h01() -> RosterFile:
    """Give the roster after h01 has left."""
    whole = EXAMPLE.model_dump(by_alias=True, exclude_none=True, mode="json")
    whole["homes"] = whole["homes"][1:]
    for responder in whole["responders"]:
        responder["travel_s"].pop("h01", None)
    return RosterFile.model_validate(whole)


@dataclass
class House:
    """An installation with a past, on the disk."""

    state: Path
    ledger: Ledger
    history: Embedded
    evidence: Evidence
    subjects: Subjects
    incident: int
    clock: SetClock

    async def stores(self, file: RosterFile) -> None:
        held = await roster_store.read(self.ledger)
        new = roster.prepare(file, held[1] if held else None)
        await roster_store.store(self.ledger, new, "t", T0)

    def found(self, *words: str) -> dict[str, list[str]]:
        """Give the files with any of these words in them, whatever their place in the file."""
        out = dict[str, list[str]]()
        for path in sorted(p for p in self.state.rglob("*") if p.is_file()):
            raw = path.read_bytes()
            hits = [w for w in words if w.encode() in raw or w.encode("utf-16-le") in raw]
            if hits:
                out[path.name] = hits
        return out


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    ledger, clock = await Ledger.open(tmp_path / "ledger.db"), SetClock(T0 + 3_600_000)
    history = Embedded(tmp_path / "history.db", ZoneInfo("Asia/Shanghai"))
    evidence = Evidence.at(tmp_path)
    subjects = Subjects(ledger, clock, history, evidence)
    made = House(tmp_path, ledger, history, evidence, subjects, 0, clock)
    await made.stores(EXAMPLE)
    await made.stores(with_people(EXAMPLE))
    held = await roster_store.read(ledger)
    assert held is not None
    (went,) = [p["id"] for p in held[1].people if p["phone"] == WENT]

    def past(tx: Tx) -> int:
        fall = Concern("h01", Kind.FALL_CONFIRMED, T0, T0 + 13_000, 0.9, "living", sensor="t0")
        one = records.open_new(
            tx, fall, severity=SEVERITY[fall.kind], deadline_ms=T0 + 600_000, late=False, now_ms=T0
        )
        records.apply(tx, one.id, Paged(), T0, "guardian")
        records.take_inbound(tx, "SM1", went, one.id, T0, "webhook", "1 Qwzxanswer", "accepted")
        records.apply(tx, one.id, Closed("real"), T0 + 60_000, went)
        records.note_consent(tx, Consent("h01", "monitoring", T0, None, WORDS[5], "li"))
        records.note_absence(tx, Absence("h01", T0, T0 + 9_000_000, "li", WORDS[4]), T0)
        records.note_silence(tx, Silence("h01", Kind.BLIND, T0 + 9_000_000, "li", WORDS[4]), T0)
        records.note_walked(tx, "h01", {"t0": T0})
        return one.id

    made.incident = await ledger.transact(past)
    evidence.save(
        made.incident, "h01", [Strip("t0", "living", np.full((5, 8, 8), 7, np.uint8), np.arange(5))]
    )
    homes = ("h01", "h02")
    for k in range(2 * BLOCK):
        rows = np.zeros(2, MINUTE)
        rows["flags"] = SEEN
        history.take(T0 + k * MINUTE_MS, homes, ("living",), rows)
    history.flush(T0 + 2 * BLOCK * MINUTE_MS, everything=True)
    await ledger.make_spare()
    yield made
    await ledger.close()
    history.close(clock.ms)


async def test_all_that_is_kept_of_a_resident_is_handed_over(house: House) -> None:
    told = await house.subjects.export("h01")
    text = json.dumps(told, ensure_ascii=False)
    for word in (MARK, PHONE, *WORDS):
        assert word in text, word
    (kept,) = told["ledger"]
    assert [h["version"] for h in kept["homes"]] == [1, 2], "both versions"
    assert [i["kind"] for i in kept["incidents"]] == ["fall-confirmed"]
    assert len(kept["moves"]) >= 2
    assert len(kept["concerns"]) == 1
    assert "王秀英" in text, "who lived there before, too"
    assert "h02" not in {row.get("home", row.get("id")) for rows in kept.values() for row in rows}
    assert len(told["minutes"]) == 2 * BLOCK
    archive = np.load(io.BytesIO(base64.b64decode(told["pictures"][str(house.incident)])))
    assert archive["t0.frames"].shape == (5, 8, 8)
    with pytest.raises(Refused, match="nothing is kept"):
        await house.subjects.export("h77")


async def test_after_the_end_no_file_holds_the_name(house: House) -> None:
    everything = (MARK, "王秀英", PHONE, *WORDS)
    before = house.found(*everything)
    assert {"ledger.db.spare"} <= set(before), "the search finds what is there"
    with pytest.raises(Refused, match="still in the roster"):
        await house.subjects.erase("h01")
    await house.stores(without_h01())
    assert await house.subjects.erase("h01") == {"pictures": 1, "spares": True}
    assert house.found(*everything) == {}
    assert not house.evidence.has(house.incident)
    past = await house.history.minutes("h01", T0 - MINUTE_MS, T0 + 9 * 3_600_000)
    assert len(past.t_ms) == 0
    assert len((await house.history.minutes("h02", T0 - MINUTE_MS, T0 + 9 * 3_600_000)).t_ms) == 2 * BLOCK, (
        "others' past stays"
    )
    held = await roster_store.read(house.ledger, 2)
    assert held is not None
    assert [h["resident"] for h in held[1].homes if h["id"] == "h01"] == [None]
    assert "李国强" in {p["name"] for p in held[1].people}
    told = await house.subjects.export("h01")
    assert MARK not in json.dumps(told, ensure_ascii=False)
    (deed,) = [d for d in await house.ledger.transact(records.deeds) if d.action == "erased"]
    assert deed.subject == "h01"

    def check(tx: Tx) -> str:
        return str(tx.conn.exec_driver_sql("PRAGMA integrity_check").scalar_one())

    assert await house.ledger.transact(check) == "ok"


async def test_a_responder_who_has_left_is_forgotten_and_what_they_did_stays(house: House) -> None:
    everything = ("Qwzxresponder", WENT, "Qwzxanswer")
    assert house.found(*everything)
    told = await house.subjects.export(WENT)
    assert all(word in json.dumps(told, ensure_ascii=False) for word in everything)
    with pytest.raises(Refused, match="still in the roster"):
        await house.subjects.erase(WENT)
    await house.stores(EXAMPLE)
    await house.subjects.erase(WENT)
    assert house.found(*everything) == {}
    moves = await house.ledger.transact(lambda tx: records.moves(tx, house.incident))
    assert moves[-1].event == "closed"
    with pytest.raises(Refused, match="nobody of this number"):
        await house.subjects.erase(WENT)


async def test_nobody_is_erased_while_they_are_waited_for(house: House) -> None:
    def again(tx: Tx) -> None:
        sos = Concern("h01", Kind.SOS, T0, T0, 1.0)
        records.open_new(tx, sos, severity=SEVERITY[sos.kind], deadline_ms=T0 + 1, late=False, now_ms=T0)

    await house.ledger.transact(again)
    await house.stores(without_h01())
    with pytest.raises(Refused, match="an incident is open"):
        await house.subjects.erase("h01")
    assert house.found(MARK)


async def test_the_commands_ask_the_running_daemon_and_write_it_out(
    house: House, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async def nothing(*_: object) -> dict[str, Any]:
        return {}

    place = tmp_path_factory.mktemp("c")
    text = (CONFIG / "guardian.toml").read_text("utf-8")
    (place / "guardian.toml").write_text(
        re.sub(r"^state_directory = .*$", f'state_directory = "{house.state}"', text, flags=re.MULTILINE)
    )
    at_the_desk = desk.desk_app(
        status=dict,
        import_roster=nothing,
        export_roster=nothing,
        calendar=Calendar(house.ledger, house.clock, lambda _homes: None),
        silences=Silences(house.ledger, house.clock, lambda: None),
        more=subject_routes(house.subjects),
    )

    async def runs(*arguments: str, says: str = "") -> Result:
        given = ["subject", *arguments, "--config", str(place / "guardian.toml")]
        return await asyncio.to_thread(lambda: CliRunner().invoke(app, given, input=says))

    async with serve(at_the_desk, desk.socket_path(house.state)):
        out = place / "handed-over"
        done = await runs("export", "h01", "--out", str(out))
        assert done.exit_code == 0, done.output
        assert MARK in (out / "data.json").read_text("utf-8")
        assert np.load(out / f"incident-{house.incident}.npz")["t0.frames"].shape == (5, 8, 8)
        assert (await runs("export", "h01", "--out", str(out))).exit_code == 1, "nothing is written over"
        assert (await runs("erase", "h01", says="n\n")).exit_code == 1
        assert house.found(MARK), "it asks first"
        await house.stores(without_h01())
        done = await runs("erase", "h01", "--yes")
        assert "is erased" in done.output
        assert not house.found(MARK)
