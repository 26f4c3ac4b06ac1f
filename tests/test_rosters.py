"""Versions of the roster: a change costs what it changes, half of one is none, old ledgers read the same."""

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, func, select

from alerting import ledger as records
from alerting import schema
from alerting.ledger import Ledger, RosterRows, Tx
from alerting.ledger.prepare import _config
from guardian import roster, roster_store
from guardian.roster_file import RosterFile, read, weekdays
from guardian.settings import CONFIG
from tests.alerting_people import T0
from tests.test_ledger import roster as small

EXAMPLE = (CONFIG / "roster.example.toml").read_text("utf-8")
TABLES = tuple(records.TABLES)


@pytest.fixture
async def ledger() -> AsyncIterator[Ledger]:
    opened = await Ledger.open(None, inline=True)
    yield opened
    await opened.close()


def district(homes: int) -> RosterRows:
    """Give a roster of many homes, with a room, a sensor and a resident each."""
    one, (person, resident) = small(), small().people
    sensor = dict.fromkeys(c.name for c in schema.sensor.c if c.name not in {"version", "ended"})
    many = range(homes)
    return replace(
        one,
        people=(person, *({**resident, "id": f"p{k:05d}"} for k in many)),
        homes=tuple({**one.homes[0], "id": f"h{k:05d}", "card": None, "resident": f"p{k:05d}"} for k in many),
        rooms=tuple({"id": f"h{k:05d}/living", "home": f"h{k:05d}", "name": "living"} for k in many),
        sensors=tuple(
            {**sensor, "id": f"h{k:05d}/t", "home": f"h{k:05d}", "name": "t", "kind": "pir", "room": "living"}
            for k in many
        ),
    )


def written(tx: Tx) -> dict[str, int]:
    """Count the rows of every table, all versions together."""
    return {
        name: tx.conn.execute(select(func.count()).select_from(table)).scalar_one()
        for name, table in records.TABLES.items()
    }


def plain(rows: RosterRows | None) -> dict[str, Any]:
    assert rows is not None
    return {name: [dict(row) for row in getattr(rows, name)] for name in TABLES}


def prepared(new: RosterRows, old: RosterRows | None) -> roster.Prepared:
    return roster.Prepared(new, ("~",), "0" * 64, old is None, tuple(records.pieces(old, new)))


async def test_a_change_of_one_home_among_many_writes_one_row_and_each_version_is_read_again(
    ledger: Ledger,
) -> None:
    first = district(700)
    await ledger.transact(lambda tx: records.save_roster(tx, first, "a", "0" * 64, T0))
    before = await ledger.transact(written)
    other = {**first.homes[5], "card": "99"}
    second = replace(first, homes=(*first.homes[:5], other, *first.homes[6:]))
    third = replace(second, homes=second.homes[1:], rooms=second.rooms[1:], sensors=second.sensors[1:])
    for rows in (second, third, first):
        await ledger.transact(partial(records.save_roster, rows=rows, source="b", digest="1" * 64, now_ms=T0))
    after = await ledger.transact(written)
    assert after["homes"] - before["homes"] == 1 + 0 + 2, "changed; nothing; back, and one that came back"
    assert after["sensors"] - before["sensors"] == 1
    for number, rows in enumerate((first, second, third, first), 1):
        assert plain(await ledger.transact(partial(records.roster_at, version=number))) == plain(rows)
    for none in (0, 5, 99):
        assert plain(await ledger.transact(partial(records.roster_at, version=none)))["homes"] == []


async def test_half_a_change_is_none_and_the_next_one_takes_it_back(ledger: Ledger) -> None:
    first = district(5)
    stranger = {**first.people[1], "id": "p99", "name": "somebody new"}
    second = replace(first, homes=first.homes[:2], people=(*first.people, stranger))
    await roster_store.store(ledger, prepared(first, None), "a", T0)
    half = await ledger.transact(lambda tx: records.begin_roster(tx, "b", "1" * 64, T0))
    for piece in records.pieces(first, second):
        await ledger.transact(partial(records.put_piece, piece=piece, version=half))
    # the machine dies here
    assert plain(await ledger.transact(records.newest_roster)) == plain(first)
    assert [v.version for v in await ledger.transact(lambda tx: records.roster_versions(tx, 9))] == [1]
    assert await ledger.transact(lambda tx: records.knows_home(tx, "h00004"))
    assert await ledger.transact(lambda tx: records.responder_of_phone(tx, "+8613800000001")) == "r1"
    third = replace(first, homes=first.homes[1:])
    done = await roster_store.store(ledger, prepared(third, first), "c", T0)
    assert done.version == 2
    held = await roster_store.read(ledger)
    assert held is not None
    assert plain(held[1]) == plain(third)
    assert {p["id"] for p in held[1].people} == {p["id"] for p in first.people}, "nobody is left behind"
    assert plain(await ledger.transact(lambda tx: records.roster_at(tx, 1))) == plain(first)


async def test_whatever_else_is_to_be_written_comes_between_the_pieces(tmp_path: Path) -> None:
    ledger = await Ledger.open(tmp_path / "l.db")
    longest, between = 0, list[int]()
    whole = district(2_000)
    transact = ledger.transact

    async def watched(work: Any) -> Any:
        nonlocal longest
        counted = await transact(lambda tx: (tx.conn.connection.driver_connection.total_changes, work(tx)))  # type: ignore[union-attr]
        changes = await transact(lambda tx: tx.conn.connection.driver_connection.total_changes)  # type: ignore[union-attr]
        longest = max(longest, changes - counted[0])
        between.append(changes)
        return counted[1]

    ledger.transact = watched  # type: ignore[method-assign]
    await roster_store.store(ledger, prepared(whole, None), "a", T0)
    assert longest <= records.PIECE + 1
    assert len(between) > 4 * 2_000 / records.PIECE
    held = await roster_store.read(ledger)
    assert held is not None
    assert (held[0], plain(held[1])) == (1, plain(whole))
    assert len(held[1].people) == 2_001
    await ledger.close()


async def test_a_version_is_read_whole_while_the_next_one_is_written(ledger: Ledger) -> None:
    first = district(1_200)
    second = replace(first, homes=tuple({**h, "card": f"{k}"} for k, h in enumerate(first.homes)))
    await roster_store.store(ledger, prepared(first, None), "a", T0)
    half = await ledger.transact(lambda tx: records.begin_roster(tx, "b", "1" * 64, T0))
    rest = list(records.pieces(first, second))
    transact = ledger.transact

    async def between(work: Any) -> Any:
        if rest:
            piece = rest.pop()
            await transact(lambda tx: records.put_piece(tx, piece, half))
        return await transact(work)

    ledger.transact = between  # type: ignore[method-assign]
    held = await roster_store.read(ledger)
    assert held is not None
    assert plain(held[1]) == plain(first)
    assert await roster_store.read(ledger, 7) is None


async def test_an_older_ledger_whose_versions_were_whole_copies_reads_the_same(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    engine, config = create_engine(f"sqlite:///{path}"), _config()
    with engine.begin() as conn:
        config.attributes["connection"] = conn
        command.upgrade(config, "0010")
        for version, card in ((1, "17"), (2, "18"), (4, "19")):  # 3 was never given
            conn.exec_driver_sql("INSERT INTO roster_version VALUES (?, 0, 'old', 'x')", (version,))
            conn.exec_driver_sql("INSERT INTO site VALUES (?, 'demo', 'Asia/Shanghai', 240)", (version,))
            for home in ("h01", "h02")[: 2 if version < 4 else 1]:
                conn.exec_driver_sql(
                    "INSERT INTO home (version, id, site, card, entry_s) VALUES (?, ?, 'demo', ?, 60)",
                    (version, home, card),
                )
    engine.dispose()
    ledger = await Ledger.open(path)
    for version, card, homes in ((1, "17", 2), (2, "18", 2), (4, "19", 1)):
        rows = await ledger.transact(partial(records.roster_at, version=version))
        assert [h["card"] for h in rows.homes] == [card] * homes
    assert plain(await ledger.transact(records.newest_roster))["homes"][0]["card"] == "19"
    assert not await ledger.transact(lambda tx: records.knows_home(tx, "h02"))
    await ledger.close()


ONE = st.tuples(st.sampled_from(("home", "sensor", "responder")), st.integers(0, 2), st.integers(0, 3))
CHANGES = st.lists(ONE, max_size=6)


@pytest.mark.hypothesis
@given(st.lists(CHANGES, min_size=1, max_size=5))
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
async def test_any_row_of_changes_leaves_each_version_as_it_was_stored(story: list[Any]) -> None:
    ledger = await Ledger.open(None, inline=True)
    stored, now = list[RosterFile](), read(EXAMPLE)
    for changes in story:
        whole = now.model_dump(by_alias=True, exclude_none=True, mode="json")
        for what, which, value in changes:
            if what == "home" and which < len(whole["homes"]):
                whole["homes"][which]["card"] = f"{which}{value}"
            elif what == "sensor" and which < len(whole["homes"]):
                whole["homes"][which]["sensors"] = whole["homes"][which]["sensors"][value:]
            elif which < len(whole["responders"]):
                whole["responders"][which]["travel_s"] = {"h01": value * 10.0}
        now = RosterFile.model_validate(whole)
        new = roster.prepare(now, await ledger.transact(records.newest_roster))
        if (await roster_store.store(ledger, new, "t", T0)).version is not None:
            stored.append(now)
    for number, file in enumerate(stored, 1):
        held = await roster_store.read(ledger, number)
        assert held is not None
        assert _sorted(roster.file_of(held[1])) == _sorted(file)
    await ledger.close()


def _sorted(file: RosterFile) -> dict[str, Any]:
    whole = file.model_dump(by_alias=True)
    whole["responders"] = sorted(whole["responders"], key=lambda r: r["phone"])
    for shift in (shift for r in whole["responders"] for shift in r["shifts"]):
        shift["days"] = weekdays(shift["days"])
    for home in whole["homes"]:
        home["sensors"] = sorted(home["sensors"], key=lambda s: s["id"])
        home["rooms"] = sorted(home["rooms"], key=lambda r: r["id"])
    return whole
