"""No query of a look reads the whole past: SQLite goes from the few incidents to their messages and moves."""

import pytest
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.selectable import GenerativeSelect

from alerting.ledger import Ledger, areas, incidents, outbox
from alerting.ledger.figures import _BY_STATE, _OUTBOX, _TIMES, _UNACCEPTED

LOOKED_AT: dict[str, GenerativeSelect] = {
    "pages": outbox._PAGES,
    "stand-down": outbox._TO_STAND_DOWN,
    "area-over": areas._TO_TELL_OVER,
}


@pytest.mark.parametrize("name", LOOKED_AT)
async def test_a_look_goes_from_incidents_to_messages(name: str) -> None:
    compiled = (
        LOOKED_AT[name]
        .params(since=1, numbers=[1, 2])
        .compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    )
    ledger = await Ledger.open(None, inline=True, integrity=False)
    plan = await ledger.transact(
        lambda tx: [row[-1] for row in tx.conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}")]
    )
    await ledger.close()
    assert not [step for step in plan if "CORRELATED" in step], "the square of the time"
    on_messages = [step for step in plan if " message" in step and "AS" not in step]
    assert on_messages
    assert all("USING INDEX ix_message_incident" in step for step in on_messages)


@pytest.mark.parametrize(
    ("statement", "steps"),
    [
        (incidents._SAID, {"SEARCH move USING INDEX ix_move_incident (incident=?)"}),
        (incidents._HELD, {"SCAN incident USING INDEX uq_incident_open_home"}),
        (_BY_STATE, {"SCAN incident USING INDEX uq_incident_open_home"}),
        (_UNACCEPTED, {"SCAN incident USING INDEX uq_incident_open_home"}),
        (_OUTBOX, {"SEARCH message USING INDEX ix_message_waiting (state=?)"}),
        (_TIMES, {"SEARCH incident USING INDEX ix_incident_closed_ms (closed_ms>?)"}),
    ],
    ids=["words", "on-the-way", "open", "unaccepted", "outbox", "stages"],
)
async def test_a_look_reads_neither_all_moves_nor_all_incidents(
    statement: GenerativeSelect, steps: set[str]
) -> None:
    compiled = statement.params(now=1, since=1, until=1).compile(
        dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}
    )
    ledger = await Ledger.open(None, inline=True, integrity=False)
    plan = await ledger.transact(
        lambda tx: {row[-1] for row in tx.conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}")}
    )
    await ledger.close()
    assert steps <= plan
    assert not plan & {"SCAN move", "SCAN incident"}
