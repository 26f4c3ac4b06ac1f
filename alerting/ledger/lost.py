"""Going on after a loss: no number is given out twice."""

from typing import Final

from sqlalchemy import text

from alerting.ledger.engine import Tx
from alerting.schema import beat, incident, message

LEFT_OUT: Final = 100_000
"""Numbers left out after a loss: what beats at their pace, 18,000 an hour, give out in five hours; texts and
incidents take longer. Spares are made each hour."""


def go_on_after(tx: Tx, beat_id: int) -> None:
    """Give out no number that may have been given out in what a damaged ledger has lost, nor a beat's up to
    `beat_id`; from then on the ledger counts as followed (`Ledger.restored`).
    """
    for table, least in ((beat, beat_id), (incident, 0), (message, 0)):
        named: dict[str, str | int] = {"name": table.name}
        found = tx.conn.execute(text("SELECT seq FROM sqlite_sequence WHERE name = :name"), named)
        named["seq"] = max(int(found.scalar_one_or_none() or 0) + LEFT_OUT, least)
        tx.conn.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), named)
        tx.conn.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :seq)"), named)
    tx.conn.exec_driver_sql("PRAGMA user_version = 0")
