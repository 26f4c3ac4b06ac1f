"""Who saw and did what: rows that are only ever added. Details hold no names."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select

from alerting.ledger.engine import Tx
from alerting.schema import audit


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that somebody saw or did."""

    id: int
    t_ms: int
    account: str | None
    """Account id; None: nobody was logged in."""
    action: str
    subject: str
    """Home, incident, sensor or account that it was about."""
    detail: Mapping[str, Any]


def note(
    tx: Tx, *, account: str | None, action: str, subject: str, detail: Mapping[str, Any], now_ms: int
) -> None:
    """Add one; `detail` holds no names, addresses or numbers of people."""
    tx.conn.execute(
        insert(audit).values(
            t_ms=now_ms,
            account=account,
            action=action,
            subject=subject,
            detail=json.dumps(detail, ensure_ascii=False),
        )
    )


def deeds(
    tx: Tx,
    *,
    account: str = "",
    action: str = "",
    subject: str = "",
    before: int | None = None,
    most: int = 100,
) -> list[Deed]:
    """Give the newest, last first; only of an account, an action or a subject, and before a row's number."""
    query = select(audit).order_by(audit.c.id.desc()).limit(most)
    if account:
        query = query.where(audit.c.account == account)
    if action:
        query = query.where(audit.c.action == action)
    if subject:
        query = query.where(audit.c.subject == subject)
    if before is not None:
        query = query.where(audit.c.id < before)
    return [
        Deed(r.id, r.t_ms, r.account, r.action, r.subject, json.loads(r.detail))
        for r in tx.conn.execute(query)
    ]
