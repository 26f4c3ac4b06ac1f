"""The roster of a running daemon, read from the ledger and stored there a piece at a time.

With ten thousand homes each takes a second or more, and nothing that is found in a home meanwhile may wait
for it: transactions of some milliseconds follow each other, and whatever else is to be written comes between.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from alerting.ledger import (
    PEOPLE,
    TABLES,
    Ledger,
    RosterRows,
    begin_roster,
    end_roster,
    newest_version,
    put_piece,
    roster_page,
)
from guardian.roster import Imported, Prepared

PAGE: Final = 500
"""Rows that are read in one transaction: some 5 ms."""


async def read(ledger: Ledger, version: int | None = None) -> tuple[int, RosterRows] | None:
    """Give a version, the newest when None, with its number; None where there is none.

    Rows of a version never change, so that what another import writes meanwhile does not matter.
    """
    newest = await ledger.transact(newest_version)
    wanted = newest if version is None else version
    if newest is None or wanted is None or not 0 < wanted <= newest:
        return None
    tables = dict[str, tuple[Mapping[str, Any], ...]]()
    for name in (PEOPLE, *TABLES):
        rows = list[Mapping[str, Any]]()
        while True:
            after = rows[-1]["id"] if rows else ""
            page = await ledger.transact(
                partial(roster_page, name=name, version=wanted, after=after, most=PAGE)
            )
            rows += page
            if len(page) < PAGE:
                break
        tables[name] = tuple(rows)
    return wanted, RosterRows(**tables)


async def store(ledger: Ledger, new: Prepared, source: str, now_ms: int) -> Imported:
    """Store what was prepared, if it changes anything; it holds from the last transaction on.

    Nobody else may store one meanwhile; what a crash leaves half written is taken back by the next one.
    """
    if not new.changes_anything:
        return Imported(new.changes, None)
    begin = partial(begin_roster, source=source, digest=new.digest, now_ms=now_ms)
    version = await ledger.transact(begin)
    for piece in new.pieces:
        await ledger.transact(partial(put_piece, piece=piece, version=version))
    return Imported(new.changes, await ledger.transact(partial(end_roster, version=version)))
