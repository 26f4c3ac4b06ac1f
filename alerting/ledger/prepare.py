"""Whether the ledger's file is whole, and bringing its schema up to date.

Takes an engine, checks everything behind it and migrates it in one transaction. Tells damage, a newer
Guardian's file and a disk that fails apart; repairs nothing (spare.py does).
"""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from alerting.ledger.transaction import LedgerError, begun, damaged, told
from alerting.schema import metadata

MIGRATIONS: Final = Path(__file__).parent.parent / "migrations"


def prepare(
    engine: Engine, *, integrity: bool, mark: int | None = None, first: Callable[[], None] = lambda: None
) -> int:
    """Check the file (all of it with `integrity`) and migrate it; give the mark that it has then.

    Parameters
    ----------
    mark
        SQLite's `user_version`, set with the schema (spare.py says what it means); None: left as it is.
    first
        called before a migration that changes what was there.

    Raises
    ------
    LedgerError
        damaged, written by a newer Guardian, or the disk.
    """
    with told(of_check=True):
        if integrity:
            with begun(engine) as conn:
                found = conn.exec_driver_sql("PRAGMA integrity_check(1)").scalar_one()
            if found != "ok":
                raise damaged(str(found))
        with begun(engine) as conn:
            version = _version(conn)
    if version is not None and version != newest_schema():
        first()
    with told(), begun(engine) as conn:
        migrate(conn)
        if mark is not None:
            conn.exec_driver_sql(f"PRAGMA user_version = {mark:d}")
        marked = int(conn.exec_driver_sql("PRAGMA user_version").scalar_one())
    if integrity:
        with told(of_check=True), begun(engine) as conn:
            for table in metadata.sorted_tables:  # the schema is data too, and no check looks at names
                columns = ", ".join(f'{table.name}."{column.name}"' for column in table.columns)
                conn.exec_driver_sql(f"SELECT {columns} FROM {table.name} LIMIT 0")  # noqa: S608  # our names
    return marked


def migrate(conn: Connection) -> None:
    """Bring the schema to the newest version, in the transaction that is open on `conn`.

    Raises
    ------
    LedgerError
        permanent: the file has a version that this Guardian does not know.
    """
    _version(conn)
    config = _config()
    config.attributes["connection"] = conn
    command.upgrade(config, "head")


@cache
def known_schemas() -> frozenset[str]:
    """Give the versions of the schema that this Guardian can bring up to date."""
    return frozenset(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


def newest_schema() -> str:
    """Give the version that a ledger has after `migrate`."""
    return max(known_schemas())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _version(conn: Connection) -> str | None:
    """Give the schema's version, None for a file with nothing in it."""
    found = MigrationContext.configure(conn).get_current_heads()
    if len(found) == 1 and found[0] in known_schemas():
        return found[0]
    if len(found) == 1 and re.fullmatch(r"\d{4}", found[0]) and found[0] > newest_schema():
        raise LedgerError(
            f"the ledger was written by a newer Guardian (schema {found[0]}); this one knows up to "
            f"{newest_schema()}",
            permanent=True,
        )
    if found or conn.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one():
        raise damaged(f"its schema says that it is {', '.join(found) or 'no ledger'}")
    return None
